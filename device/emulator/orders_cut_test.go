package emulator

import (
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
)

// TestPowerGoesWithinAnOrder: told to, the power goes after a write of the next
// order. What was not applied never is and says so; what was is not done twice,
// and says so when it is sent again.
func TestPowerGoesWithinAnOrder(t *testing.T) {
	for after, want := range map[int64]order.Code{1: order.ErrPower, 2: order.Applied} {
		t.Run(string(want), func(t *testing.T) {
			onWard(t, nil, func(s *scene) {
				before := s.d.look()
				b := s.w.order(before, order.ActProgram, func(p *order.Prescription) {
					g := steady(220_000)
					p.Program = &g
				})
				mustInject(t, s.d, "power-cut-order", Fault{Value: after})
				s.send(wire.DnOrder, b)
				if st := s.d.Status(); st.Power || st.Connected {
					t.Fatalf("it has power: %v, and is connected: %v", st.Power, st.Connected)
				}
				pass(time.Minute)
				s.expect("the same again", wire.DnOrder, b, want)
				later := s.d.look()
				if changed := later.State.Hash() != before.State.Hash(); changed != (want == order.Applied) || later.Memory.Counter != before.Memory.Counter+1 {
					t.Errorf("changed %v, counter %d to %d", changed, before.Memory.Counter, later.Memory.Counter)
				}
				mustInject(t, s.d, "reconnect", Fault{})
				pass(time.Minute)
				s.expect("and again", wire.DnOrder, b, want)
				if again := s.d.look(); again.State.Hash() != later.State.Hash() {
					t.Error("it changed later")
				}
			})
		})
	}
	onWard(t, nil, func(s *scene) {
		if err := s.d.Inject(Fault{Kind: "power-cut-order", Value: 3}); err == nil {
			t.Error("there is no third write to cut after")
		}
	})
}
