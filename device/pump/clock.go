package pump

import (
	"cisterna/device/profile"
)

const (
	jumpMS   = 5_000      // a step of the real-time clock that is no rounding
	driftMS  = 30_000     // how far it may be from the schedule's clock
	maxOffMS = 30 * dayMS // how long a pump may have been without power
)

// watchClock compares the real-time clock with the schedule's clock, which moves
// with running time and cannot jump.
func (r *step) watchClock() {
	c := &r.s.Clock
	off := r.now.Wall - (c.Base + r.s.Run)
	if by := off - c.Wall; by > jumpMS || by < -jumpMS {
		c.Wall = off
		r.event(EventClockJump, "by_ms", by)
	}
	c.Wall = off
	if off > driftMS || off < -driftMS {
		c.Bad = true
		r.raise(profile.ClockDrift, "off_ms", off)
		r.settle()
	}
}

// reboot starts the pump again. Running time stood still meanwhile, so lockouts
// and ceilings are no shorter for it; the schedule's clock follows the real-time
// clock over the gap if that can be believed.
func (r *step) reboot(b Reboot) {
	s := &r.s
	s.Boots++
	if b.Firmware != "" {
		s.Firmware = b.Firmware
	}
	if gap := r.now.Wall - (s.Clock.Base + s.Run) - s.Clock.Wall; gap >= 0 && gap <= maxOffMS && !s.Clock.Bad {
		s.Clock.Base += gap
	}
	detail := []any{"cause", string(b.Cause), "firmware", s.Firmware}
	if s.Scale != 1 {
		detail = append(detail, "scale", uint64(s.Scale))
	}
	r.event(EventBoot, detail...)
	if g := s.Stage; g.Kind == BolusStage || g.Kind == PatientStage {
		// The last strokes before the reboot may not have been written down:
		// assume that the rest was given, and give none of it.
		s.Ledger.jump(int64(g.Dose.Volume)*1000-g.Given, s.Run)
		r.cut("reboot")
	}
	r.cutPrime("reboot")
	if b.Cause == LowBattery {
		r.raise(profile.LowBattReset)
	}
	r.settle()
}

// setClock sets both clocks.
func (r *step) setClock(in SetClock) {
	c := &r.s.Clock
	by := in.Wall - (c.Base + r.s.Run)
	r.s.Gen++
	c.Base += by
	c.Zone, c.Bad = in.Zone, false
	c.Wall = 0 // from now on the real-time clock agrees
	r.event(EventClockSet, "by_ms", by)
	r.clear(profile.ClockDrift)
}
