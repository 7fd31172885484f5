package order

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"cisterna/device/units"
	"cisterna/device/wire"
)

// TestAnyOrderOfThings lets orders, stops, withdrawals, losses, replays, boots,
// clock jumps and local changes come in any order, and holds the pump against
// what must be true whatever comes: counters only rise, no document takes effect
// twice, nothing takes effect but what was signed for the state that ran, no
// program passes the ceiling, a stop always gets through, and what is refused
// changes nothing but the memory of it.
func TestAnyOrderOfThings(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld()
		effects := map[Digest]int{}
		type sent struct {
			kind  wire.Kind
			bytes []byte
			state Digest
		}
		var flight []sent
		n := 0
		deliver := func(s sent) {
			before := w.view
			v := Verify(Delivery{Kind: s.kind, Bytes: s.bytes}, &w.view)
			if v.Memory.Counter < before.Memory.Counter || v.Memory.Stops < before.Memory.Stops {
				r.Fatal("a counter fell")
			}
			if v.Effect == nil && !v.Burned && !bytes.Equal(v.Memory.Encode(), before.Memory.Encode()) {
				r.Fatalf("%s changed the memory", v.Code)
			}
			if v.Effect != nil {
				if effects[v.Document]++; effects[v.Document] > 1 {
					r.Fatalf("%s took effect twice", v.Document)
				}
				if s.kind == wire.DnOrder && v.Effect.Act != 0 && s.state != before.State.Hash() {
					r.Fatal("an order for another state took effect")
				}
			}
			w.apply(t, v)
			w.view.Memory.KeysetAt = w.view.Run // a fresh keyset comes all the time
			if w.view.State.Program.PerCycle() > 1_500_000 {
				r.Fatalf("%d nL a day", w.view.State.Program.PerCycle())
			}
			if _, err := DecodeMemory(v.Memory.Encode()); err != nil {
				r.Fatalf("the memory cannot be read back: %v", err)
			}
		}
		r.Repeat(map[string]func(*rapid.T){
			"sign": func(r *rapid.T) {
				n++
				d := w.less(units.Volume(rapid.Int64Range(100_000, 400_000).Draw(r, "volume")))
				if rapid.Bool().Draw(r, "bolus") {
					d = w.draft(ActBolus)
				}
				d.p.ID = id16(fmt.Sprint("order ", n))
				d.p.NotBefore, d.p.Expires = w.view.Now-60, w.view.Now+600
				d.p.Flags = []Flag{{Code: FlagSoftLimit, Reason: "any"}, {Code: FlagSoftStep, Reason: "any"}}
				for i := range d.votes {
					d.votes[i].change = func(a *Approval) { a.SignedAt = min(w.view.Now, noon) }
				}
				if rapid.Bool().Draw(r, "three") {
					d.votes = append(d.votes, vote{person: "carla", key: "carla", meaning: MeansVerify})
				}
				flight = append(flight, sent{wire.DnOrder, w.build(w.now(d)), w.view.State.Hash()})
			},
			"deliver": func(r *rapid.T) {
				if len(flight) > 0 {
					deliver(flight[rapid.IntRange(0, len(flight)-1).Draw(r, "which")])
				}
			},
			"forge": func(r *rapid.T) {
				if len(flight) == 0 {
					return
				}
				s := flight[rapid.IntRange(0, len(flight)-1).Draw(r, "which")]
				b := bytes.Clone(s.bytes)
				b[rapid.IntRange(0, len(b)-1).Draw(r, "at")] ^= byte(rapid.IntRange(1, 255).Draw(r, "by"))
				if v := Verify(Delivery{Kind: s.kind, Bytes: b}, &w.view); v.Effect != nil || v.Burned {
					r.Fatalf("a changed document: %s", v.Code)
				}
			},
			"stop": func(r *rapid.T) {
				s := w.stopOf()
				s.IssuedAt, s.Expires, s.ID = w.view.Now-5, w.view.Now+500, id16(fmt.Sprint("stop ", w.view.Memory.Stops))
				b := signStop(s, "emil")
				v := w.deliverStop(b)
				if v.Code != Applied && v.Code != ErrRate {
					r.Fatalf("a stop: %s (%s)", v.Code, v.Detail)
				}
				deliver(sent{wire.DnStop, b, Digest{}})
			},
			"withdraw": func(r *rapid.T) {
				if len(flight) == 0 {
					return
				}
				e, err := OpenEnvelope(flight[len(flight)-1].bytes)
				if err != nil {
					return
				}
				x := w.withdrawOf(PrescriptionHash(e.Prescription))
				x.IssuedAt = min(w.view.Now, noon)
				deliver(sent{wire.DnOrder, signWithdraw(x, "anna"), w.view.State.Hash()})
			},
			"boot":  func(*rapid.T) { n++; w.boot(fmt.Sprint("boot ", n)) },
			"local": func(*rapid.T) { w.view.State.Gen++; w.view.State.Run = wire.Infusing },
			"time":  func(r *rapid.T) { w.pass(units.Seconds(rapid.Int64Range(1, 4000).Draw(r, "seconds"))) },
			"clock": func(r *rapid.T) {
				w.view.Trusted = rapid.Bool().Draw(r, "trusted")
				if !w.view.Trusted {
					w.view.Now += rapid.Int64Range(-100, 100).Draw(r, "jump")
				}
			},
		})
	})
}

// TestHalfNeverCounts: with any one signature taken away from what the policy
// asks, or replaced by a person's second one, nothing is accepted.
func TestHalfNeverCounts(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld()
		d := w.less(units.Volume(rapid.Int64Range(200_001, 260_000).Draw(r, "volume")))
		people := rapid.SampledFrom([][]string{{"anna"}, {"ben"}, {"carla"}, {"anna", "anna"}, {"ben", "ben"}, {"carla", "hanna"}}).Draw(r, "people")
		d.votes = votes(people...)
		if v := w.deliver(w.build(d)); v.Effect != nil {
			r.Fatalf("%v: %s", people, v.Code)
		}
	})
}
