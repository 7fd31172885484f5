package pump

import (
	"math"
	"math/bits"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// effect returns what the active alarms leave of delivery.
func (r *step) effect() profile.Effect {
	worst := profile.Continue
	if r.s.Alarms.Active == 0 {
		return worst
	}
	severity := r.s.Limits.Severity(r.s.Contents)
	for active := r.s.Alarms.Active; active != 0; active &= active - 1 {
		worst = max(worst, r.m.rules[bits.TrailingZeros32(active)].Effect.For(severity))
	}
	return worst
}

// phase returns what the pump is doing, as a screen shows it.
func (r *step) phase() wire.RunState {
	e := r.effect()
	switch {
	case e == profile.Halt || r.s.Contents.Empty():
		return wire.Stopped
	case r.s.Stage.Kind == PrimeStage:
		return wire.Priming
	case r.s.Commanded == wire.Stopped:
		return wire.Stopped
	case e == profile.FallBack:
		return wire.Minimum
	case r.s.Stage.Kind == BridgeStage && r.s.Commanded == wire.Infusing:
		return wire.Bridge
	case r.s.Stage.Kind == BolusStage || r.s.Stage.Kind == PatientStage:
		return wire.Bolus
	}
	return r.s.Commanded
}

// flow is what flows from State.Run on, until something changes.
type flow struct {
	base   dose.Dose // the program's segment, the minimum rate, or nothing
	offset int64     // milliseconds of it that lie behind
	stage  dose.Dose
	done   int64
	counts bool   // against the ceilings
	end    Millis // of segment or stage, whichever comes first
	tight  bool   // a ceiling may hold it
	held   Millis // nonzero: a ceiling holds it, along one line that this names
	barred bool   // a ceiling lets nothing through
}

// flow returns what flows now.
func (r *step) flow() flow {
	s := &r.s
	f := flow{counts: true, end: math.MaxInt64}
	switch r.phase() {
	case wire.Stopped:
	case wire.Priming:
		f.counts = false
		f.take(s)
	case wire.Bridge:
		f.take(s)
	case wire.Minimum:
		f.idle(s, r.p)
	case wire.Bolus:
		f.program(s, r.p)
		f.take(s)
	case wire.Infusing:
		f.program(s, r.p)
	}
	return f
}

// take adds the stage.
func (f *flow) take(s *State) {
	f.stage, f.done = s.Stage.Dose, s.Stage.Done
	f.end = min(f.end, s.Run+int64(s.Stage.Dose.Duration)*1000-s.Stage.Done)
}

func (f *flow) idle(s *State, p *profile.Profile) {
	f.base = dose.Dose{Volume: units.Volume(p.Range.Idle), Duration: units.Day}
	f.offset = s.Run % dayMS
}

// program adds the segment that runs now.
func (f *flow) program(s *State, p *profile.Profile) {
	if s.Commanded == wire.Minimum {
		f.idle(s, p)
		return
	}
	cycle := int64(s.Program.Cycle) * 1000
	pos := s.position()
	if s.Program.Mode == dose.Single && pos >= cycle {
		return
	}
	pos %= cycle
	g := s.Program.Segments[s.Program.SegmentAt(pos)]
	f.base, f.offset = dose.Dose{Volume: g.Volume, Duration: g.Duration}, pos-int64(g.Offset)*1000
	f.end = s.Run + int64(g.Duration)*1000 - f.offset
}

// thursday is what the Unix epoch lies behind the Monday before it.
const thursday = 3 * dayMS

// position returns the milliseconds from the start of the program's cycle to
// State.Run, or to where a priming or a bridge holds it; at least 0.
func (s *State) position() int64 {
	if !s.Program.Clocked() {
		run := s.Run
		if s.Stage.holds() {
			run = min(run, s.Stage.Start)
		}
		return max(0, run-s.Started)
	}
	local := s.Clock.Base + s.Run + int64(s.Clock.Zone)*1000 + thursday
	cycle := int64(s.Program.Cycle) * 1000
	return ((local % cycle) + cycle) % cycle
}

// flows reports that anything flows, if nothing holds it.
func (f *flow) flows() bool { return f.base.Volume > 0 || f.stage.Volume > 0 }

// after returns what has flowed dt later, if nothing holds it: of the program
// and of the stage.
func (f *flow) after(dt int64) (base, stage Pico) {
	if f.base.Volume > 0 {
		base = dose.Picolitres(f.base.Volume, f.base.Duration, f.offset+dt) - dose.Picolitres(f.base.Volume, f.base.Duration, f.offset)
	}
	if f.stage.Volume > 0 {
		stage = dose.Picolitres(f.stage.Volume, f.stage.Duration, f.done+dt) - dose.Picolitres(f.stage.Volume, f.stage.Duration, f.done)
	}
	return base, stage
}

// mark returns the flow's mark in the ledger.
func (f *flow) mark() Flow {
	if !f.counts || f.barred {
		return Flow{}
	}
	return Flow{Held: f.held, Volume: f.base.Volume, Duration: f.base.Duration, Stage: f.stage}
}

// rate returns the flow in nL a day.
func (f *flow) rate() units.Rate {
	var sum units.Rate
	for _, d := range [...]dose.Dose{f.base, f.stage} {
		if d.Duration > 0 {
			rate, err := d.Volume.Over(d.Duration, units.Nearest)
			if err != nil {
				return math.MaxInt64
			}
			sum += rate
		}
	}
	return sum
}
