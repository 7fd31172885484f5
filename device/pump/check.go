package pump

import (
	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

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
	case Adopt:
		return r.checkAdopt(&in)
	case Rebind:
		if in.Epoch <= r.s.Epoch {
			return refuse(BadEpoch, "epoch %d does not follow %d", in.Epoch, r.s.Epoch)
		}
	case Clear:
		return r.checkClear(in.Code)
	}
	return nil
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

// checkAdopt binds what a local programmer left to the limits that the order
// brings.
func (r *step) checkAdopt(a *Adopt) error {
	s := &r.s
	if !s.Foreign {
		return refuse(NotForeign, "nobody but orders has programmed the pump")
	}
	if s.Stage.Kind != NoStage && s.Stage.Kind != BridgeStage {
		return refuse(Busy, "a %s bolus runs", s.Stage.Kind)
	}
	if a.Volume <= 0 || a.Volume > r.p.Reservoir.Capacity {
		return refuse(BadVolume, "%s in a reservoir of %s", a.Volume, r.p.Reservoir.Capacity)
	}
	return dose.Check(&s.Program, a.Contents, &r.p.Range, &a.Limits)
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

// planned is what a change would leave behind.
type planned struct {
	contents dose.Contents
	limits   dose.Limits
	program  dose.Program
	other    bool // other contents than now
	found    bool // they are what is there already, whatever was believed
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
	if err := r.checkPath(c, p); err != nil {
		return err
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

// rests reports whether a program gives no dose: the old fluid then stays where
// it is, and a bridge with it.
func rests(p *dose.Program) bool { return p.Mode == dose.Stopped || p.Mode == minimumMode }

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
		if err := r.checkBridge(c.Bridge, p); err != nil {
			return err
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

// checkBridge binds a bridge by the ceilings of every fluid that it pushes out.
func (r *step) checkBridge(d *dose.Dose, p *planned) error {
	s := &r.s
	bridge := dose.Program{Mode: dose.Single, Cycle: d.Duration, Then: dose.Stopped, Segments: []dose.Segment{{Duration: d.Duration, Volume: d.Volume}}}
	worst, err := bridge.WorstCase(&r.p.Range)
	if err != nil {
		return err
	}
	ceilings := []dose.Ceiling{s.Ledger.Ceiling}
	for i, l := range s.Path {
		if i+1 < len(s.Path) || p.other {
			ceilings = append(ceilings, l.Turn.Ceiling)
		}
	}
	for _, c := range ceilings {
		if worst.Hour > c.Hour || worst.Day > c.Day {
			return refuse(dose.AboveDayLimit, "a bridge of %s over %s passes the ceiling of the old contents", d.Volume, d.Duration)
		}
	}
	return nil
}
