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
	SlewTooFar     dose.Reason = "slew_too_far"
)

const minimumMode = dose.Minimum

func refuse(reason dose.Reason, format string, args ...any) error {
	return &dose.Refusal{Reason: reason, Text: fmt.Sprintf(format, args...)}
}

// check says whether the input would be carried out now.
func (r *step) check(in Input) error {
	switch in := in.(type) {
	case PTMRequest:
		return r.checkPatient()
	case GiveBolus:
		return r.checkBolus(in.Dose)
	case Change:
		return r.checkChange(&in)
	case Stop:
		return nil
	case Resume:
		return r.checkResume()
	case Clear:
		return r.checkClear(in.Code)
	case SlewClock:
		if _, slewed := r.slewed(); in.By > maxSlew || in.By < -maxSlew || slewed+max(in.By, -in.By) > maxSlew {
			return refuse(SlewTooFar, "a clock is slewed by at most %d ms in 24 hours", maxSlew)
		}
	}
	return nil
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
	case SlewClock:
		return "slew"
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
	case Clear:
		r.clearByHand(in.Code)
	case SetClock:
		r.setClock(in)
	case SlewClock:
		r.slewClock(in)
	}
}

func source(s string) string {
	if s == "" {
		return "local"
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
}

func (r *step) checkResume() error {
	s := &r.s
	switch {
	case s.Commanded == wire.Infusing || s.Commanded == wire.Minimum && s.Program.Mode == minimumMode:
		return refuse(NotStopped, "the program runs")
	case s.Program.Mode == dose.Stopped || s.Contents.Empty() || s.Program.Mode == dose.Single && s.position() >= int64(s.Program.Cycle)*1000:
		return refuse(NeedsProgram, "there is no program to resume")
	}
	return nil
}

func (r *step) checkClear(c profile.Code) error {
	switch {
	case profile.Bit(c) < 0 || !r.active(c):
		return refuse(NotActive, "%s is not active", c)
	case !r.m.rules[profile.Bit(c)].Latched:
		return refuse(ClearsItself, "%s ends with its cause", c)
	case c == profile.ERI || c == profile.EOS:
		return refuse(ForGood, "%s ends with the pump's replacement", c)
	}
	return nil
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

// planned is what a change would leave behind.
type planned struct {
	contents dose.Contents
	limits   dose.Limits
	program  dose.Program
	other    bool // other contents than now
}

func (r *step) plan(c *Change) planned {
	p := planned{contents: r.s.Contents, limits: r.s.Limits, program: r.s.Program}
	if c.Refill != nil && !c.Refill.Contents.Empty() {
		p.contents = c.Refill.Contents
	}
	p.other = !p.contents.Equal(r.s.Contents)
	if c.Limits != nil {
		p.limits = *c.Limits
	}
	if c.Program != nil {
		p.program = *c.Program
	}
	return p
}

// checkChange says whether the pump takes a change, whole.
func (r *step) checkChange(c *Change) error {
	s := &r.s
	if c.Refill == nil && c.Limits == nil && c.Program == nil && c.Prime == nil && c.Bridge == nil && c.Settings == nil && c.Epoch == 0 {
		return refuse(NothingToDo, "the change is empty")
	}
	if c.Epoch != 0 && c.Epoch <= s.Epoch {
		return refuse(BadEpoch, "epoch %d does not follow %d", c.Epoch, s.Epoch)
	}
	if k := s.Stage.Kind; k != NoStage && k != BridgeStage && (c.Refill != nil || c.Program != nil || c.Prime != nil || c.Bridge != nil) {
		return refuse(Busy, "a %s bolus runs", k)
	}
	p := r.plan(c)
	if err := r.checkSettings(c); err != nil {
		return err
	}
	if err := r.checkRefill(c, &p); err != nil {
		return err
	}
	if err := r.checkProgram(c, &p); err != nil {
		return err
	}
	return r.checkStages(c, &p)
}

func (r *step) checkSettings(c *Change) error {
	rule := &r.p.Reservoir
	if t := c.Settings; t != nil && (t.Low < rule.LowMin || t.Low > rule.LowMax || t.PTMDenied >= maxDenied) {
		return refuse(BadSettings, "low-reservoir alarm at %s, want %s to %s; at most %d denied requests", t.Low, rule.LowMin, rule.LowMax, maxDenied-1)
	}
	return nil
}

func (r *step) checkRefill(c *Change, p *planned) error {
	if c.Refill == nil {
		return nil
	}
	if v := c.Refill.Volume; v <= 0 || v > r.p.Reservoir.Capacity {
		return refuse(BadVolume, "%s into a reservoir of %s", v, r.p.Reservoir.Capacity)
	}
	if p.contents.Empty() {
		return refuse(dose.BadContents, "a refill needs to say what it is")
	}
	if err := p.contents.Validate(); err != nil {
		return err
	}
	if !p.other {
		return nil
	}
	if c.Program == nil {
		return refuse(NeedsProgram, "other contents need a program made for them")
	}
	if c.Prime == nil && c.Bridge == nil && !r.s.Contents.Empty() {
		return refuse(NeedsBridge, "the path still holds the old fluid: other contents need a bridge or a priming bolus")
	}
	return nil
}

func (r *step) checkProgram(c *Change, p *planned) error {
	s := &r.s
	if c.Program != nil && s.Stage.Kind == BridgeStage && c.Bridge == nil && c.Prime == nil {
		return refuse(NeedsBridge, "a bridge runs: a new program needs one computed for what is left of it")
	}
	if c.Refill == nil && c.Limits == nil && c.Program == nil {
		return nil
	}
	if err := p.limits.Validate(); err != nil {
		return err
	}
	if p.contents.Empty() {
		if p.program.Mode == dose.Stopped {
			return p.program.Validate(&r.p.Range)
		}
		return refuse(dose.BadContents, "the reservoir was never filled")
	}
	if err := dose.Check(&p.program, p.contents, &r.p.Range, &p.limits); err != nil {
		return err
	}
	if c.Program == nil {
		return nil
	}
	return r.checkIncrease(p)
}

// checkIncrease refuses to give more of anything while a fault makes the pump
// doubtful. Less, or the same, is never refused for a fault.
func (r *step) checkIncrease(p *planned) error {
	s := &r.s
	fault := r.checkFaults("more")
	if fault == nil {
		return nil
	}
	before, err := s.Program.WorstDay(s.Contents, &r.p.Range)
	if err != nil {
		return err
	}
	after, err := p.program.WorstDay(p.contents, &r.p.Range)
	if err != nil {
		return err
	}
	for _, a := range after {
		less := a.Mass == 0
		for _, b := range before {
			less = less || a.Code == b.Code && a.Mass <= b.Mass
		}
		if !less {
			return fault
		}
	}
	return nil
}

// checkStages checks priming and bridge against range, reservoir and ceilings.
func (r *step) checkStages(c *Change, p *planned) error {
	s := &r.s
	held := r.supply() / 1000
	if c.Refill != nil {
		held = int64(c.Refill.Volume)
	}
	need := int64(0)
	if c.Prime != nil {
		if err := c.Prime.ValidatePrime(&r.p.Range); err != nil {
			return err
		}
		need += int64(c.Prime.Volume)
	}
	if c.Bridge != nil {
		if err := c.Bridge.ValidateBridge(&r.p.Range); err != nil {
			return err
		}
		need += int64(c.Bridge.Volume)
		if p.program.Mode == dose.Stopped || p.program.Mode == minimumMode || s.Contents.Empty() {
			return refuse(dose.BadBridge, "a bridge leads from old contents to a program")
		}
		// The bridge is old fluid, so the old ceilings bind it.
		bridge := dose.Program{Mode: dose.Single, Cycle: c.Bridge.Duration, Then: dose.Stopped, Segments: []dose.Segment{{Duration: c.Bridge.Duration, Volume: c.Bridge.Volume}}}
		worst, err := bridge.WorstCase(&r.p.Range)
		if err != nil {
			return err
		}
		if worst.Hour > s.Ledger.Ceiling.Hour || worst.Day > s.Ledger.Ceiling.Day {
			return refuse(dose.AboveDayLimit, "a bridge of %s over %s passes the ceiling of the old contents", c.Bridge.Volume, c.Bridge.Duration)
		}
	}
	if need > held {
		return refuse(TooLittleLeft, "priming and bridge need more than the reservoir holds")
	}
	if need > 0 && p.contents.Empty() {
		return refuse(dose.BadContents, "the reservoir was never filled")
	}
	return nil
}

// program carries out a change that was checked.
func (r *step) program(c *Change) {
	s := &r.s
	p := r.plan(c)
	s.Gen++
	if c.Epoch != 0 {
		s.Epoch = c.Epoch
	}
	if c.Settings != nil {
		s.Settings = *c.Settings
	}
	if c.Refill != nil {
		r.refill(c.Refill)
	}
	if p.other || c.Limits != nil {
		r.bind(&p, c.Bridge != nil)
	}
	s.Contents, s.Limits = p.contents, p.limits
	if c.Program != nil {
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
	r.stages(c)
	r.levels()
	if n := int(s.Settings.PTMDenied); n == 0 || s.Patient.deniedSince(s.Run-dayMS) <= n {
		r.clear(profile.PTMAbuse)
	}
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

// bind puts new ceilings in force: at once, or later, when a bridge has cleared
// the old fluid.
func (r *step) bind(p *planned, later bool) {
	s := &r.s
	ceiling, err := p.limits.Ceiling(p.contents)
	if err != nil {
		return // never filled: nothing flows
	}
	turn, pending := ratio(s.Contents, p.contents, ceiling), s.Ledger.Pending
	switch {
	case p.other && pending != nil: // the tip still holds what was there before that bridge
		turn = pending.then(turn)
		fallthrough
	case p.other && later:
		s.Ledger.Pending = &turn
	case p.other:
		s.Ledger.rebase(turn, s.Run)
	case pending != nil:
		turn = *pending
		turn.Ceiling = ceiling
		s.Ledger.Pending = &turn
	default:
		s.Ledger.Ceiling = ceiling
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

// stages sets up priming and bridge. A new one replaces a running bridge.
func (r *step) stages(c *Change) {
	s := &r.s
	if c.Prime == nil && c.Bridge == nil {
		return
	}
	if g := s.Stage; g.Kind == BridgeStage {
		r.event(EventBridgeCut, "given_nl", nano(g.Given), "volume_nl", g.Dose.Volume)
	}
	s.Stage, s.Next = Stage{}, Stage{}
	if c.Bridge != nil {
		s.Next = Stage{Kind: BridgeStage, Dose: *c.Bridge}
	}
	if p := s.Ledger.Pending; p != nil && c.Bridge == nil { // priming clears the path
		s.Ledger.rebase(*p, s.Run)
		s.Ledger.Pending = nil
	}
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
	r.rest(then)
}
