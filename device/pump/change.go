package pump

import (
	"fmt"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// The reasons that a pump adds to those of package dose.
const (
	NoPTM          dose.Reason = "no_ptm"
	Expired        dose.Reason = "expired"
	NotInfusing    dose.Reason = "not_infusing"
	Busy           dose.Reason = "busy"
	LockedOut      dose.Reason = "locked_out"
	EnoughInADay   dose.Reason = "max_24h"
	EnoughInWindow dose.Reason = "max_window"
	AtCeiling      dose.Reason = "at_ceiling"
	TooLittleLeft  dose.Reason = "too_little_left"
	Faulty         dose.Reason = "faulty"
	NeedsBridge    dose.Reason = "needs_bridge"
	NeedsProgram   dose.Reason = "needs_program"
	BadVolume      dose.Reason = "bad_volume"
	BadSettings    dose.Reason = "bad_settings"
	BadEpoch       dose.Reason = "bad_epoch"
	NothingToDo    dose.Reason = "nothing_to_do"
	NotStopped     dose.Reason = "not_stopped"
	NotActive      dose.Reason = "not_active"
	ClearsItself   dose.Reason = "clears_itself"
	ForGood        dose.Reason = "for_good"
	NotForeign     dose.Reason = "not_foreign"
)

const minimumMode = dose.Minimum

func refuse(reason dose.Reason, format string, args ...any) error {
	return &dose.Refusal{Reason: reason, Text: fmt.Sprintf(format, args...)}
}

// take carries out an input at State.Run, or refuses it.
func (r *step) take(in Input) {
	if f, ok := in.(Fault); ok {
		r.fault(f)
		return
	}
	err := r.check(in)
	if err == nil {
		r.carryOut(in)
	} else if _, ok := in.(PTMRequest); ok {
		r.deny(dose.ReasonOf(err))
	} else {
		r.event(EventRefused, "input", name(in), "reason", string(dose.ReasonOf(err)))
	}
	r.settle()
	r.out = append(r.out, Output{Reply: &Reply{Err: err, Gen: r.s.Gen}})
}

func name(in Input) string {
	switch in.(type) {
	case Change:
		return "program"
	case GiveBolus:
		return "bolus"
	case Resume:
		return "resume"
	case Clear:
		return "clear"
	case Adopt:
		return "adopt"
	case Rebind:
		return "rebind"
	}
	return "input"
}

func (r *step) carryOut(in Input) {
	s := &r.s
	switch in := in.(type) {
	case PTMRequest:
		r.patientBolus()
	case GiveBolus:
		r.startBolus(BolusStage, in.Dose)
	case Change:
		r.program(&in)
	case Stop:
		r.stop(in)
	case Resume:
		s.Gen++
		s.Commanded = wire.Infusing
		if s.Program.Mode == minimumMode {
			s.Commanded = wire.Minimum
		}
		r.lock()
		r.event(EventResumed, "gen", s.Gen, "source", source(in.Source))
	case Adopt:
		r.adopt(&in)
	case Rebind:
		s.Gen++
		s.Epoch = in.Epoch
		r.event(EventRebound, "gen", s.Gen, "epoch", s.Epoch, "source", source(in.Source))
	case Clear:
		r.clearByHand(in.Code)
	case SetClock:
		r.setClock(in)
	}
}

func source(s string) string {
	if s == "" {
		return SourceLocal
	}
	return s
}

// stop ends delivery as the profile says for what is in the reservoir. A bridge
// is kept: the old fluid is still in the path.
func (r *step) stop(in Stop) {
	s := &r.s
	e := r.p.StopEffect.For(s.Limits.Severity(s.Contents))
	if in.Overdose || e == profile.Continue {
		e = profile.Halt
	}
	s.Gen++
	r.cut("stop")
	r.cutPrime("stop")
	if e == profile.Halt {
		s.Commanded = wire.Stopped
	} else if s.Commanded == wire.Infusing {
		s.Commanded = wire.Minimum
	}
	r.event(EventStopped, "gen", s.Gen, "source", source(in.Source), "effect", e)
	if s.stopped() {
		r.stands("source", source(in.Source))
	}
}

// clearByHand clears a latched alarm. If its cause is still there, the sensor
// will see it again.
func (r *step) clearByHand(c profile.Code) {
	s := &r.s
	r.event(EventAlarmCleared, "code", string(c))
	r.clear(c)
	switch c {
	case profile.OcclDown, profile.OcclUp:
		s.World.Block = s.Delivered
	case profile.OverinfBasal, profile.OverinfBolus, profile.Underinf:
		s.Alarms.Off = never
		r.watchFlow()
	case profile.Stopped48H:
		s.Alarms.Standing = never // counts anew
	}
}

// program carries out a change that was checked.
func (r *step) program(c *Change) {
	s := &r.s
	p, before := r.plan(c), r.s
	s.Gen++
	s.Foreign = (s.Foreign || source(c.Source) != SourceOrder) && !c.Adopted
	if c.Epoch != 0 {
		s.Epoch = c.Epoch
	}
	if c.Settings != nil {
		s.Settings = *c.Settings
	}
	if c.Refill != nil {
		r.refill(c.Refill)
	}
	if p.other || c.Limits != nil || c.Bridge != nil {
		r.lay(c, &p)
	}
	s.Contents, s.Limits = p.contents, p.limits
	if c.Program != nil {
		r.clear(profile.Stopped)
		s.Program, s.Started, s.Patient.Since = p.program, s.Run, s.Run
		switch p.program.Mode {
		case dose.Stopped:
			s.Commanded = wire.Stopped
		case dose.Minimum:
			s.Commanded = wire.Minimum
		default:
			s.Commanded = wire.Infusing
		}
	}
	r.lock()
	r.event(EventProgrammed, "gen", s.Gen, "source", source(c.Source), "mode", s.Program.Mode, "volume_nl", s.Program.PerCycle())
	r.stages(c, &before, p.other)
	r.levels()
	if n := int(s.Settings.PTMDenied); n == 0 || s.Patient.deniedSince(s.Run-dayMS) <= n {
		r.clear(profile.PTMAbuse)
	}
}

// adopt takes what the signers found for what is there. The tip holds what they
// say, or held what was believed before: its ceilings count from the stricter.
func (r *step) adopt(a *Adopt) {
	s := &r.s
	s.Gen++
	s.Foreign = false
	expected := s.Reservoir()
	p := planned{contents: a.Contents, limits: a.Limits, program: s.Program, other: !a.Contents.Equal(s.Contents), found: true}
	r.lay(&Change{}, &p)
	s.Contents, s.Limits = a.Contents, a.Limits
	s.Fill = Fill{Volume: a.Volume, At: s.Delivered}
	r.lock()
	r.event(EventAdopted, "gen", s.Gen, "source", source(a.Source), "volume_nl", a.Volume, "expected_nl", expected)
	r.levels()
}

// levels brings the reservoir's alarms in line with a new content or setting.
func (r *step) levels() {
	s := &r.s
	left := r.seen(s.Delivered)
	if left > int64(s.Settings.Low)*1000 {
		r.over(profile.ResLow)
	}
	if left >= int64(s.Scale) {
		r.over(profile.ResEmpty)
	}
	if mask := r.crossed(s.Run, s.Delivered); mask != 0 {
		r.cross(mask)
	}
}

// refill empties the reservoir and fills it.
func (r *step) refill(in *Refill) {
	s := &r.s
	expected := s.Reservoir()
	r.mark().Left = int64(in.Volume) * 1000
	s.Fill = Fill{Volume: in.Volume, At: s.Delivered}
	r.event(EventRefilled, "volume_nl", in.Volume, "expected_nl", expected)
}

// stages sets up priming and bridge. A new bridge replaces a running one; a priming
// bolus alone pushes the old fluid on, and what it leaves of it, the bridge does. If
// none runs, one waits all the same: a priming may be cut, and the program is not for
// the old fluid.
func (r *step) stages(c *Change, before *State, other bool) {
	s := &r.s
	if c.Prime == nil && c.Bridge == nil {
		return
	}
	waits := Stage{}
	if c.Bridge != nil {
		waits = Stage{Kind: BridgeStage, Dose: *c.Bridge}
	} else if g, ok := s.bridging(); ok && !other {
		waits = Stage{Kind: BridgeStage, Dose: g.Dose}
	} else if d := r.spare(before); d.Volume > 0 && len(s.Path) > 0 && !rests(&s.Program) {
		waits = Stage{Kind: BridgeStage, Dose: d}
	}
	if g := s.Stage; g.Kind == BridgeStage {
		r.letGo(&g)
		r.event(EventBridgeCut, "given_nl", nano(g.Given-g.From), "volume_nl", up(int64(g.Dose.Volume)*1000-g.From))
	}
	s.Stage, s.Next = Stage{}, waits
	if c.Prime == nil {
		r.startBridge()
		return
	}
	r.clear(profile.PrimeFail)
	s.Stage = Stage{Kind: PrimeStage, Start: s.Run, Dose: *c.Prime}
	r.event(EventPrimeStarted, "volume_nl", c.Prime.Volume, "duration_s", c.Prime.Duration)
}

// rest ends therapy in stopped or minimum.
func (r *step) rest(then dose.Mode) {
	s := &r.s
	s.Program, s.Commanded = dose.Off(), wire.Stopped
	if then == dose.Minimum {
		s.Program, s.Commanded = dose.Idle(), wire.Minimum
	}
}

// loseProgram is a critical memory error. There is no default dose to fall back
// to: what remains is what the profile says for what is in the reservoir.
func (r *step) loseProgram() {
	s := &r.s
	rule := r.m.rules[profile.Bit(profile.MemCrit)]
	r.raise(profile.MemCrit)
	then := dose.Stopped
	switch rule.Effect.For(s.Limits.Severity(s.Contents)) {
	case profile.Continue:
		return // the model keeps its program twice
	case profile.FallBack:
		if !s.Contents.Empty() {
			then = dose.Minimum
		}
	case profile.Halt:
	}
	r.cut("fault")
	r.cutPrime("fault")
	r.event(EventProgramLost)
	had := len(s.Program.Segments) > 0
	r.rest(then)
	if had {
		r.stands("cause", "program lost")
	}
}
