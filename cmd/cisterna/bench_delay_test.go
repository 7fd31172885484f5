package main

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/postgres"
)

// delays reports how long records take from being published to being found by a
// query, while others come in at 5,000 a second. One more pump publishes a record
// every 20 ms; a query asks every 4 ms for its newest row.
func (r *loadRun) delays(b *testing.B, set *loadSettings, who *loadIdentity) {
	const rate, each, probes = 5000, 20 * time.Millisecond, 500
	r.pumps.tell(fmt.Sprint("pace ", rate))
	set.Addr = r.in.addr["mqtt"]
	p, err := newProbe(b, r.in, set, who)
	if err != nil {
		b.Fatal(err)
	}
	defer p.close()
	<-time.After(seconds(b, "BENCH_STEADY", 65) * time.Second) // until the rollups are at it
	p.run(b, 50, each)                                         // and the probe runs evenly
	var middle, late, most []float64
	var ls loads
	for range rounds(b) {
		var took []time.Duration
		var measured sync.WaitGroup
		measured.Go(func() { took = p.run(b, probes, each) })
		ls = append(ls, r.measure(b, probes*each))
		measured.Wait()
		if b.Failed() {
			return
		}
		slices.Sort(took)
		middle = append(middle, took[len(took)/2].Seconds()*1e3)
		late = append(late, took[len(took)*99/100].Seconds()*1e3)
		most = append(most, took[len(took)-1].Seconds()*1e3)
	}
	b.Run("delay-5000", func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(median(ls.each(load.rate)), "rec/s") // of the others: near the rate, or the delay says nothing
		b.ReportMetric(median(middle), "p50-ms")
		b.ReportMetric(median(late), "p99-ms")
		b.ReportMetric(slices.Min(late), "min-p99-ms")
		b.ReportMetric(slices.Max(late), "max-p99-ms")
		b.ReportMetric(slices.Max(most), "max-ms")
		b.ReportMetric(median(ls.each(func(l load) float64 { return l.per(l.used.server + l.used.postgres) })), "both-cpu-s/M")
		b.ReportMetric(median(ls.each(func(l load) float64 { return l.per(l.used.server) })), "server-cpu-s/M")
		b.ReportMetric(median(ls.each(func(l load) float64 { return l.per(l.used.postgres) })), "pg-cpu-s/M")
		b.ReportMetric(median(ls.each(func(l load) float64 { return l.per(l.used.generator) })), "gen-cpu-s/M")
		b.ReportMetric(median(ls.each(load.foreign)), "foreign-cores")
	})
}

// ask is how often a probe looks. It is part of what it reports: more often would
// be closer and would take the processor that it measures.
const ask = 4 * time.Millisecond

// probe is a pump whose records are looked for.
type probe struct {
	pump *loadPump
	db   *sqlx.DB
	id   int64

	newest *sqlx.Stmt  // the number of its newest row
	done   atomic.Bool // the connection may end
}

func newProbe(b *testing.B, in *installation, set *loadSettings, who *loadIdentity) (*probe, error) {
	roots, err := set.authorities()
	if err != nil {
		return nil, err
	}
	db, err := postgres.Open(b.Context(), in.url(), 1)
	if err != nil {
		return nil, err
	}
	p := &probe{db: db, id: who.ID}
	p.newest, err = db.PreparexContext(b.Context(), `SELECT coalesce((SELECT seq FROM telemetry_samples
		WHERE pump_id = $1 AND received_at > now() - interval '1 minute' ORDER BY device_at DESC LIMIT 1), 0)`)
	if err != nil {
		return nil, err
	}
	p.pump, err = dialLoad(set, who, roots, func() int { return 0 }, func(err error) {
		if !p.done.Load() {
			b.Error(err)
		}
	})
	return p, err
}

func (p *probe) close() {
	p.done.Store(true)
	_ = p.pump.conn.Disconnect()
	_ = p.db.Close()
}

// run publishes n records, one each so often, and returns when each was found,
// counted from its publishing.
func (p *probe) run(b *testing.B, n int, each time.Duration) []time.Duration {
	p.pump.mu.Lock()
	first := p.pump.seq + 1
	p.pump.mu.Unlock()
	sent := make([]time.Time, n)
	var mu sync.Mutex // guards sent
	var publishing sync.WaitGroup
	publishing.Go(func() {
		tick := time.NewTicker(each)
		defer tick.Stop()
		for i := range sent {
			<-tick.C
			mu.Lock()
			sent[i] = time.Now()
			mu.Unlock()
			p.pump.send()
		}
	})
	took := make([]time.Duration, n)
	tick := time.NewTicker(ask)
	defer tick.Stop()
	deadline := time.Now().Add(time.Duration(n)*each + time.Minute)
	for found := 0; found < n; {
		<-tick.C
		var seq int64
		if err := p.newest.Get(&seq, p.id); err != nil {
			b.Error(err)
			break
		}
		now := time.Now()
		mu.Lock()
		for ; found < n && seq >= int64(first)+int64(found); found++ {
			took[found] = now.Sub(sent[found])
		}
		if now.After(deadline) { // the machine cannot do the rate: the delay is at least this
			for ; found < n; found++ {
				took[found] = now.Sub(sent[found])
			}
		}
		mu.Unlock()
	}
	publishing.Wait()
	return took
}
