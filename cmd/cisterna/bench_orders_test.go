package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/dosing"
)

// BenchmarkOrderRoundTrip measures how long a signed release takes until the pump's
// signed read-back is committed, the wait for the record's checkpoint included,
// beside a bare MQTT round trip (a heartbeat and its PUBACK) over the same endpoint
// and TLS, made in turn with the releases. The difference is what orders cost: p50 at
// most 100 ms, p99 at most 500 ms. It is measured twice: while nothing else happens,
// and while a thousand emulated pumps report, each a record a second.
func BenchmarkOrderRoundTrip(b *testing.B) {
	const pumps, rate = 1000, 1000
	w := newOrderWorldOn(b, installAlone(b), 12) // a pump looks at 30 documents a minute; each gets 27 of these
	for _, p := range w.plans {                  // below every soft limit
		o := w.approved(p, w.more(p, 800))
		w.release(o.ID)
		w.ends(o.ID, dosing.Applied)
		eventually(b, "the server knows the new state", func() bool { return w.runs(p, o) })
	}
	ping := w.pinger(b)
	w.roundTrips(b, "idle", 104, ping)
	plans := w.installation.slipsFrom(w.app, 1000, pumps)
	w.reporting = w.run("pumps", pumpsSettings{Dir: w.dir + "/reporting", Plans: plans, Heartbeat: 30 * time.Second})
	eventually(b, "all pumps are here", func() bool {
		return w.count(`SELECT count(*) FROM telemetry_presence WHERE connected`) >= pumps+len(w.plans)
	})
	w.reporting.tell(fmt.Sprint("pace ", rate))
	eventually(b, "records flow", func() bool { return w.count(`SELECT count(*) FROM telemetry_samples`) > 5*rate })
	w.roundTrips(b, "reporting", 208, ping)
}

// roundTrips releases so many changes, from pump to pump, and reports how long each
// took until the pump's answer was committed.
func (w *orderWorld) roundTrips(b *testing.B, name string, changes int, ping func() time.Duration) {
	const pings = 10 // after every change
	sub := w.app.Dosing.Events().Subscribe(1024)
	defer sub.Close()
	var took, signed, covered, pump, kept, bare []time.Duration // kept: from the answer's arrival to its commit
	rows, busy, from := w.count(`SELECT count(*) FROM telemetry_samples`), w.foreign(b), time.Now()
	for i := range changes {
		p := w.plans[i%len(w.plans)]
		wish := w.more(p, []int64{1010, 990}[i/len(w.plans)%2])
		// The library wants a day between steps, or a reason.
		wish.Flags = []order.Flag{{Code: order.FlagSoftStep, Reason: "test of speed"}}
		o := w.approved(p, wish)
		s, err := w.app.Dosing.PrepareRelease(context.Background(), w.rosa.Actor, o.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
		if err != nil {
			b.Fatal(err)
		}
		a := w.rosa.sign(b, s)
		sub.Take()
		began := time.Now()
		if _, _, err := w.app.Dosing.Release(context.Background(), w.rosa.Actor, o.ID, s.Document, a); err != nil {
			b.Fatal(err)
		}
		signed = append(signed, time.Since(began))
		for done := false; !done; {
			select {
			case <-sub.Wake():
			case <-time.After(30 * time.Second):
				b.Fatal("the pump does not answer")
			}
			changed, _ := sub.Take()
			done = slices.ContainsFunc(changed, func(c dosing.Changed) bool { return c.Order == o.ID && c.State == dosing.Applied })
		}
		end := time.Now()
		took = append(took, end.Sub(began))
		var l struct {
			At       time.Time
			Sent     time.Time `db:"sent_at"`
			Answered time.Time `db:"answered_at"`
		}
		if err := w.app.DB.Get(&l, `SELECT at, coalesce(sent_at, answered_at) AS sent_at, answered_at FROM dosing_letters WHERE order_id = $1`, o.ID); err != nil {
			b.Fatal(err)
		}
		covered, pump, kept = append(covered, l.Sent.Sub(l.At)), append(pump, l.Answered.Sub(l.Sent)), append(kept, end.Sub(l.Answered))
		eventually(b, "the server knows the new state", func() bool { return w.runs(p, o) })
		for range pings {
			bare = append(bare, ping())
		}
	}
	wall := time.Since(from).Seconds()
	rate := float64(w.count(`SELECT count(*) FROM telemetry_samples`)-rows) / wall
	foreign := (w.foreign(b) - busy).Seconds() / wall
	for _, all := range [][]time.Duration{took, signed, covered, pump, kept, bare} {
		slices.Sort(all)
	}
	ms := func(all []time.Duration, permille int) float64 {
		return all[min(len(all)*permille/1000, len(all)-1)].Seconds() * 1e3
	}
	b.Run(name, func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(changes), "releases")
		b.ReportMetric(rate, "rec/s")
		b.ReportMetric(foreign, "foreign-cores")
		b.ReportMetric(ms(took, 500), "p50-ms")
		b.ReportMetric(ms(took, 990), "p99-ms")
		b.ReportMetric(ms(took, 1000), "max-ms")
		b.ReportMetric(ms(signed, 500), "call-p50-ms")
		b.ReportMetric(ms(signed, 990), "call-p99-ms")
		b.ReportMetric(ms(covered, 500), "record-p50-ms")
		b.ReportMetric(ms(covered, 990), "record-p99-ms")
		b.ReportMetric(ms(pump, 500), "pump-p50-ms")
		b.ReportMetric(ms(pump, 990), "pump-p99-ms")
		b.ReportMetric(ms(kept, 500), "answer-p50-ms")
		b.ReportMetric(ms(kept, 990), "answer-p99-ms")
		b.ReportMetric(ms(bare, 500), "mqtt-p50-ms")
		b.ReportMetric(ms(bare, 990), "mqtt-p99-ms")
		b.ReportMetric(ms(took, 500)-ms(bare, 500), "above-p50-ms")
		b.ReportMetric(ms(took, 990)-ms(bare, 990), "above-p99-ms")
	})
}

// runs reports whether a pump has said that it runs the program of an order.
func (w *orderWorld) runs(p plannedPump, o dosing.Order) bool {
	w.t.Helper()
	doc, err := order.DecodePrescription(o.Document)
	if err != nil {
		w.t.Fatal(err)
	}
	r := w.report(p)
	return r.State.Program.Hash() == doc.Program.Hash()
}

// foreign returns the time that all processors were busy with what is not this
// benchmark: neither this process nor PostgreSQL nor the pumps.
func (w *orderWorld) foreign(b *testing.B) time.Duration {
	b.Helper()
	self, err := readStat(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	used := self.own + treeCPU(b, w.pg.Pid())
	if w.reporting != nil {
		used += treeCPU(b, w.reporting.cmd.Process.Pid)
	}
	return machineCPU(b) - used
}

// pinger connects one more pump and returns how to measure for how long its
// heartbeat waits for the PUBACK.
func (w *orderWorld) pinger(b *testing.B) func() time.Duration {
	b.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(w.keys.authority.Certificate())
	who, err := enrolLoad(b.Context(), w.app, 500, w.installation.slipsFrom(w.app, 500, 1)[0])
	if err != nil {
		b.Fatal(err)
	}
	over := false
	p, err := dialLoad(&loadSettings{Addr: w.addr["mqtt"]}, &who, roots, func() int { return 0 }, func(err error) {
		if !over {
			b.Error(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { over = true; _ = p.conn.Disconnect() })
	topic := wire.Topic(who.Link, wire.UpHB)
	hb := wire.Heartbeat{Pump: who.Hello.Pump, Session: who.Hello.Session, Boot: who.Hello.Boot, State: who.Hello.State, Sample: wire.NewHeartbeatSample(wire.Sample{Run: wire.Infusing}), CommMV: 3900}
	return func() time.Duration {
		hb.Wall, hb.Mono = time.Now().UnixMilli(), hb.Mono+1
		payload, answered := p.seal(wire.UpHB, wire.Encode(hb)), make(chan struct{})
		p.mu.Lock()
		p.idle = answered // closed when everything in flight is acknowledged
		began := time.Now()
		_, err := p.conn.Publish(topic, 1, payload)
		p.mu.Unlock()
		if err != nil {
			b.Fatal(err)
		}
		select {
		case <-answered:
		case <-time.After(10 * time.Second):
			b.Fatal("a heartbeat is not acknowledged")
		}
		return time.Since(began)
	}
}
