package pump

import (
	"testing"

	"cisterna/device/profile"
)

func TestRescaleKeepsThePast(t *testing.T) {
	for _, p := range profile.Samples() {
		m := New(p)
		s := m.Fresh(Options{Firmware: "1", Epoch: 1, Used: 300}, Time{})
		s.Fill.Volume, s.Delivered, s.World.Left = 18_000_000, 5_000_000_500, 13_100_000_000
		s.World.At = s.Delivered - 1_000_000
		s.Run += 90 * 86_400_000
		fast := m.Rescale(s, 60)
		if fast.Scale != 60 || fast.Reservoir() != s.Reservoir() || fast.TrueReservoir() != s.TrueReservoir() || m.BatteryPermille(&fast) != m.BatteryPermille(&s) {
			t.Errorf("%s: reservoir %s and really %s, was %s and %s", p.ID, fast.Reservoir(), fast.TrueReservoir(), s.Reservoir(), s.TrueReservoir())
		}
		if fast.StateHash() != s.StateHash() {
			t.Errorf("%s: another state hash", p.ID)
		}
		fast.Delivered += 100_000_000
		s.Delivered += 60 * 100_000_000
		if d := fast.Reservoir() - s.Reservoir(); s.Reservoir() <= 0 || d < -1 || d > 1 {
			t.Errorf("%s: sixtyfold left %s, want %s", p.ID, fast.Reservoir(), s.Reservoir())
		}
	}
}
