package web

import (
	"context"
	"encoding/json"
	"maps"
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

// parts tells how the server does, for GET /status.
func (s *Server) parts(ctx context.Context) []api.Part {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var out []api.Part
	for _, name := range slices.Sorted(maps.Keys(s.o.Ready)) {
		p := api.Part{Name: name, State: "ok"}
		start := time.Now()
		if err := s.o.Ready[name](ctx); err != nil {
			s.log.Warn("not ready", "part", name, "error", err)
			p.State, p.Detail = "down", "It does not answer as it should. The server's log says why."
		}
		p.Values = map[string]int64{"answer_us": time.Since(start).Microseconds()}
		out = append(out, p)
	}
	perMin := s.rates.perMinute()
	if g := s.o.Gateway; g != nil {
		out = append(out, api.Part{Name: "endpoint", State: "ok", Values: map[string]int64{
			"connections": g.Sessions.Load(), "pending": g.Pending.Load(), "connects_per_min": perMin["connects"],
			"denied": int64(g.Denied.Load()), "handshakes_failed": int64(g.HandshakeFailed.Load()), "protocol_errors": int64(g.Protocol.Load()),
			"enrolled": int64(g.Enrolled.Load()), "enrolments_refused": int64(g.EnrolRefused.Load()), "certificates_renewed": int64(g.Renewed.Load()),
		}})
	}
	out = append(out, s.ingest(perMin), s.sealed(ctx), s.feed())
	return out
}

func (s *Server) ingest(perMin map[string]int64) api.Part {
	t := s.o.API.Telemetry
	p := api.Part{Name: "ingest", State: "ok", Values: map[string]int64{
		"records_per_min": perMin["records"], "messages_per_min": perMin["messages"], "refused_per_min": perMin["refused"], "alarms_per_min": perMin["alarms"],
		"waiting": t.Stats.Waiting.Load(), "retries": int64(t.Stats.Retries.Load()), "failed": int64(t.Stats.Failed.Load()),
		"records": int64(t.Stats.Records.Load()), "duplicates": int64(t.Stats.Duplicates.Load()), "gaps": int64(t.Stats.Gaps.Load()),
	}}
	if troubles := t.Troubles(); len(troubles) > 0 {
		p.State = "degraded"
		for i, tr := range troubles {
			if i > 0 {
				p.Detail += " "
			}
			p.Detail += tr.Text
		}
	}
	return p
}

// sealLag is how long a leaf may wait for its place before people should look.
const sealLag = 5 * time.Second

func (s *Server) sealed(ctx context.Context) api.Part {
	p := api.Part{Name: "record", State: "ok"}
	st, err := s.o.Record(ctx, s.o.Now())
	switch {
	case err != nil:
		s.log.Warn("the record's state could not be read", "error", err)
		p.State, p.Detail = "down", "The state of the record cannot be read."
		return p
	case st.Fault != nil:
		p.State, p.Detail = "degraded", "Entries wait for their place in the record: "+st.Fault.Error()
	case st.Lag > sealLag:
		p.State, p.Detail = "degraded", "Entries wait for their place in the record."
	}
	p.Values = map[string]int64{"entries": st.Checkpoint.Size, "pending": st.Pending, "lag_ms": st.Lag.Milliseconds()}
	if !st.Checkpoint.At.IsZero() {
		p.Values["checkpoint_age_s"] = int64(s.o.Now().Sub(st.Checkpoint.At).Seconds())
	}
	return p
}

func (s *Server) feed() api.Part {
	st := s.hub.Stats()
	return api.Part{Name: "feed", State: "ok", Values: map[string]int64{
		"viewers": int64(st.Clients), "flushes": int64(st.Flushes), "resets": int64(st.Resets), "slow": int64(st.Slow),
	}}
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
