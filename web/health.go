package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"cisterna/web/api"
)

// healthz says that the process answers.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz says whether what the server needs is there. Why not is in the log and
// in GET /status, not here, where anybody may ask.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	status, checks := http.StatusOK, map[string]string{}
	for name, check := range s.o.Ready {
		wg.Go(func() {
			err := check(ctx)
			mu.Lock()
			defer mu.Unlock()
			checks[name] = "ok"
			if err != nil {
				s.log.Warn("not ready", "part", name, "error", err)
				status, checks[name] = http.StatusServiceUnavailable, "failing"
			}
		})
	}
	wg.Wait()
	word := "ok"
	if status != http.StatusOK {
		word = "unavailable"
	}
	writeJSON(w, status, map[string]any{"status": word, "checks": checks})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone needs no answer
}

func (s *Server) problem(w http.ResponseWriter, r *http.Request, err error) {
	api.WriteProblem(w, r, s.log, err)
}

// remote returns the other end of a request's connection.
func remote(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.IPv4Unspecified()
	}
	return ap.Addr().Unmap()
}

// counters returns what rates are computed from.
func (s *Server) counters() map[string]uint64 {
	t := &s.o.API.Telemetry.Stats
	c := map[string]uint64{"records": t.Records.Load(), "messages": t.Messages.Load(), "refused": t.Refused.Load(), "alarms": t.Alarms.Load()}
	if g := s.o.Gateway; g != nil {
		c["connects"] = g.Connected.Load()
	}
	return c
}

// rates keeps what counters were over the last minute.
type rates struct {
	read func() map[string]uint64
	mu   sync.Mutex
	past []reading // oldest first
}

type reading struct {
	at     time.Time
	counts map[string]uint64
}

const readEvery = 5 * time.Second

func newRates(read func() map[string]uint64) *rates {
	return &rates{read: read, past: []reading{{time.Now(), read()}}}
}

func (t *rates) run(ctx context.Context) error {
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			counts := t.read()
			t.mu.Lock()
			t.past = append(t.past, reading{now, counts})
			if len(t.past) > int(time.Minute/readEvery)+1 {
				t.past = slices.Delete(t.past, 0, 1)
			}
			t.mu.Unlock()
		}
	}
}

// perMinute returns by how much each counter rises in a minute.
func (t *rates) perMinute() map[string]int64 {
	t.mu.Lock()
	first := t.past[0]
	t.mu.Unlock()
	out := map[string]int64{}
	over := max(time.Since(first.at), time.Second)
	for name, n := range t.read() {
		out[name] = int64(float64(n-first.counts[name]) * float64(time.Minute) / float64(over))
	}
	return out
}
