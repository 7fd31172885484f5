package emulator

import (
	"slices"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// states returns what the pump's hellos and heartbeats said of its state, in order.
func (g *ground) states(t *testing.T) (out []wire.State) {
	t.Helper()
	for _, h := range g.of(wire.UpHello, wire.UpHB) {
		env, err := wire.OpenEnvelope(h.payload)
		if err != nil || !h.good {
			t.Fatalf("%s: %v, accepted %v", h.kind, err, h.good)
		}
		if h.kind == wire.UpHello {
			m, err := wire.Decode[wire.Hello](env.Payload)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, m.State)
			continue
		}
		m, err := wire.Decode[wire.Heartbeat](env.Payload)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m.State)
	}
	return out
}

// TestSaysThatItWaits: while an increase waits at the bedside the pump says in its
// signed state which release that is and for how long; no more once it was confirmed,
// was given up, or a boot forgot it. What appears or goes brings a report.
func TestSaysThatItWaits(t *testing.T) {
	onWard(t, func(_ *ward, p *profile.Profile) { p.ConfirmIncrease = true }, func(s *scene) {
		waits := func(name string, b []byte, least, most time.Duration) {
			t.Helper()
			all := s.g.states(t)
			w := all[len(all)-1].Waits
			if b == nil {
				if w != nil {
					t.Fatalf("%s: it still says that %x waits", name, w.Release[:4])
				}
				return
			}
			env, err := order.OpenEnvelope(b)
			if err != nil {
				t.Fatal(err)
			}
			if hash := order.ReleaseHash(env.Release); w == nil || w.Release != [32]byte(hash) || w.Left < uint64(least.Milliseconds()) || w.Left > uint64(most.Milliseconds()) {
				t.Fatalf("%s: it says %+v, want %x for %s to %s", name, w, hash[:4], least, most)
			}
		}
		increase := func() []byte {
			v := s.d.look()
			b := s.w.order(v, order.ActProgram, func(p *order.Prescription) { g := steady(v.State.Program.PerCycle() + 20_000); p.Program = &g })
			if got := s.send(wire.DnOrder, b); len(got) != 0 {
				t.Fatalf("it answers before it was confirmed: %+v", got)
			}
			return b
		}
		waits("nothing was ordered", nil, 0, 0)
		b := increase()
		waits("at once", b, 290*time.Second, 300*time.Second)
		if all := s.g.states(t); all[len(all)-1].Report == nil {
			t.Error("the heartbeat that says so brings no report")
		}
		pass(2 * time.Minute)
		waits("two minutes later", b, 150*time.Second, 210*time.Second)
		mustInject(t, s.d, "reconnect", Fault{})
		pass(5 * time.Second)
		waits("over another connection", b, 140*time.Second, 180*time.Second)
		mustInject(t, s.d, "confirm", Fault{})
		pass(time.Minute)
		waits("it was confirmed", nil, 0, 0)

		b = increase()
		waits("another one", b, 290*time.Second, 300*time.Second)
		n := len(s.g.states(t))
		pass(6 * time.Minute)
		waits("nobody confirmed it", nil, 0, 0)
		ends := slices.IndexFunc(s.g.states(t)[n:], func(st wire.State) bool { return st.Waits == nil })
		if ends < 0 || s.g.states(t)[n+ends].Report == nil {
			t.Error("the heartbeat in which it is gone brings no report")
		}

		b = increase()
		waits("one more", b, 290*time.Second, 300*time.Second)
		mustInject(t, s.d, "watchdog", Fault{})
		pass(time.Minute)
		waits("after a boot", nil, 0, 0)
	})
}
