package main

import (
	"context"
	"crypto/x509"
	"runtime"
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
// and TLS in the same run. The difference is what orders cost: p50 at most 100 ms,
// p99 at most 500 ms.
func BenchmarkOrderRoundTrip(b *testing.B) {
	const changes, pings = 25, 2000 // a pump looks at 30 documents a minute
	w := newOrderWorld(b, 1)
	bare := w.bareRoundTrips(b, pings)
	sub := w.app.Dosing.Events().Subscribe(1024)
	defer sub.Close()
	var took []time.Duration
	for i := range changes {
		p := w.plans[0]
		o := w.approved(p, w.more(p, []int64{1010, 990}[i%2]))
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
		for done := false; !done; {
			select {
			case <-sub.Wake():
			case <-time.After(30 * time.Second):
				b.Fatal("the pump does not answer")
			}
			changed, _ := sub.Take()
			done = slices.ContainsFunc(changed, func(c dosing.Changed) bool { return c.Order == o.ID && c.State == dosing.Applied })
		}
		took = append(took, time.Since(began))
		doc, err := order.DecodePrescription(o.Document)
		if err != nil {
			b.Fatal(err)
		}
		want := doc.Program.Hash()
		eventually(b, "the server knows the new state", func() bool { r := w.report(p); return r.State.Program.Hash() == want })
	}
	slices.Sort(took)
	slices.Sort(bare)
	ms := func(all []time.Duration, permille int) float64 {
		return all[min(len(all)*permille/1000, len(all)-1)].Seconds() * 1e3
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(took, 500), "p50-ms")
	b.ReportMetric(ms(took, 990), "p99-ms")
	b.ReportMetric(ms(bare, 500), "mqtt-p50-ms")
	b.ReportMetric(ms(bare, 990), "mqtt-p99-ms")
	b.ReportMetric(ms(took, 500)-ms(bare, 500), "above-p50-ms")
	b.ReportMetric(ms(took, 990)-ms(bare, 990), "above-p99-ms")
}

// bareRoundTrips returns how long heartbeats wait for their PUBACK.
func (w *orderWorld) bareRoundTrips(b *testing.B, n int) []time.Duration {
	b.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(w.keys.authority.Certificate())
	plans := w.installation.slipsFrom(w.app, 500, 1)
	who, err := enrolLoad(b.Context(), w.app, 500, plans[0])
	if err != nil {
		b.Fatal(err)
	}
	set := &loadSettings{Addr: w.addr["mqtt"]}
	over := false
	p, err := dialLoad(set, &who, roots, func() int { return 0 }, func(err error) {
		if !over {
			b.Error(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	out := make([]time.Duration, 0, n)
	topic := wire.Topic(who.Link, wire.UpHB)
	hb := wire.Heartbeat{Pump: who.Hello.Pump, Session: who.Hello.Session, Boot: who.Hello.Boot, State: who.Hello.State, Sample: wire.NewHeartbeatSample(wire.Sample{Run: wire.Infusing}), CommMV: 3900}
	for i := range n {
		hb.Wall, hb.Mono = time.Now().UnixMilli(), who.Hello.Mono+uint64(i)
		payload := p.seal(wire.UpHB, wire.Encode(hb))
		began := time.Now()
		if _, err := p.conn.Publish(topic, 1, payload); err != nil {
			b.Fatal(err)
		}
		for p.conn.InFlight() > 0 {
			if time.Since(began) > 10*time.Second {
				b.Fatal("a heartbeat is not acknowledged")
			}
			runtime.Gosched()
		}
		out = append(out, time.Since(began))
	}
	over = true
	_ = p.conn.Disconnect()
	return out
}
