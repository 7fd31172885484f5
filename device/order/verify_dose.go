package order

import (
	"slices"

	"cisterna/device/dose"
	"cisterna/device/units"
)

// examine checks what an order would do: library, numbers, limits. It needs no
// signature, so that a server can run it on a proposal.
func (x *exam) examine() error {
	switch x.p.Act {
	case ActProgram:
		return x.outcome(x.aimOf(x.p.Contents, x.p.Limits, x.p.Program, nil, x.p.Bridge, x.p.Checks))
	case ActAdopt:
		return x.outcome(x.aimOf(x.p.Contents, x.p.Limits, &x.v.State.Program, nil, nil, x.p.Checks))
	case ActBolus, ActPrime:
		return x.run(step{StepLibrary, x.onceLibrary}, step{StepNumbers, x.onceNumbers}, step{StepLimits, x.onceLimits})
	case ActVisit:
		more := false
		for _, b := range [...]*Branch{&x.p.Visit.Planned, &x.p.Visit.Same} {
			x.increase = false
			if err := x.outcome(x.aimOf(&b.Contents, &b.Limits, &b.Program, b.Prime, b.Bridge, b.Checks)); err != nil {
				return err
			}
			if b == x.branch() {
				more = x.increase
			}
		}
		x.increase = more
		return x.run(step{StepLimits, x.visit})
	case ActSettings:
		return x.run(step{StepLimits, x.settings})
	case ActTransfer:
		return x.run(step{StepLibrary, x.newSite})
	case ActBind, ActResume, ActErase, ActClock:
	}
	return nil
}

// aim is what an order would leave running.
type aim struct {
	contents dose.Contents
	limits   dose.Limits
	program  *dose.Program
	prime    *dose.Dose
	bridge   *dose.Dose
	checks   []Check
	entries  []entry // what the library says of the contents
}

func (x *exam) aimOf(c *dose.Contents, l *dose.Limits, p *dose.Program, prime, bridge *dose.Dose, checks []Check) *aim {
	return &aim{contents: *c, limits: *l, program: p, prime: prime, bridge: bridge, checks: checks}
}

// outcome checks an aim.
func (x *exam) outcome(a *aim) error {
	return x.run(
		step{StepLibrary, func() error { return x.library(a) }},
		step{StepNumbers, func() error { return x.numbers(a) }},
		step{StepLimits, func() error { return x.limits(a) }},
	)
}

// libraryOf returns the library that an order was checked against: the one in
// force, or the one before if both say the same of the contents.
func (x *exam) libraryOf(c dose.Contents) (*Library, error) {
	now, before := &x.v.Library, &x.v.Before
	if *x.p.Library == now.Hash {
		return &now.Library, nil
	}
	if *x.p.Library != before.Hash {
		return nil, refuse(ErrLibrary, "checked against another drug library than the pump's")
	}
	if !now.Library.sameEntries(&before.Library, c) {
		return nil, refuse(ErrLibrary, "the drug library has changed in these ingredients")
	}
	return &now.Library, nil
}

// ingredients checks that the library lets every ingredient of the contents be
// ordered, alone or mixed as they are.
func (x *exam) ingredients(c dose.Contents) ([]entry, error) {
	lib, err := x.libraryOf(c)
	if err != nil {
		return nil, err
	}
	for _, g := range c.Ingredients {
		x.first = x.first || !x.v.Memory.ordered(g.Code, c.Route)
	}
	return lib.entries(c, x.p.Group)
}

// library checks the contents, and that the order's own limits stay within the
// library's.
func (x *exam) library(a *aim) (err error) {
	if x.p.Act == ActProgram && !a.contents.Equal(x.v.State.Contents) {
		return refuse(ErrLibrary, "made for other contents than are in the reservoir")
	}
	if a.entries, err = x.ingredients(a.contents); err != nil {
		return err
	}
	most := ceilings(a.entries)
	if len(a.limits.Ingredients) != len(most.Ingredients) {
		return refuse(ErrLibrary, "limits for %d ingredients of %d", len(a.limits.Ingredients), len(most.Ingredients))
	}
	for i, l := range a.limits.Ingredients {
		w := most.Ingredients[i]
		if l.Code != w.Code || l.Withdrawal != w.Withdrawal {
			return refuse(ErrLibrary, "%s: not as the library has it", l.Code)
		}
		if l.Max1h > w.Max1h || l.Max24h > w.Max24h {
			return refuse(ErrLimit, "%s: limits of %s an hour and %s a day, the library has %s and %s", l.Code, l.Max1h, l.Max24h, w.Max1h, w.Max24h)
		}
	}
	if a.limits.MinLockout < most.MinLockout {
		return refuse(ErrLimit, "a lockout of at least %s, the library has %s", a.limits.MinLockout, most.MinLockout)
	}
	if most.MaxPTM24h > 0 && (a.limits.MaxPTM24h == 0 || a.limits.MaxPTM24h > most.MaxPTM24h) {
		return refuse(ErrLimit, "up to %d patient boluses, the library has %d", a.limits.MaxPTM24h, most.MaxPTM24h)
	}
	return nil
}

// numbers compares the check numbers with the pump's own. Those of a bridge that is
// over meanwhile are numbers of another fluid, so that is asked first.
func (x *exam) numbers(a *aim) error {
	if x.p.Act == ActProgram && a.bridge != nil && len(x.v.Path) == 0 {
		return refuse(ErrBridge, "no bridge runs that could be computed anew")
	}
	return x.compare(a.contents, a.program, a.prime, a.bridge, a.checks)
}

func (x *exam) compare(c dose.Contents, p *dose.Program, once, bridge *dose.Dose, checks []Check) error {
	if !slices.Equal(ChecksOf(c, p, &x.v.Range, once, bridge, x.v.Pushed(c)...), checks) {
		return refuse(ErrArith, "the check numbers are others than the pump computes")
	}
	return nil
}

// limits checks an aim against range, limits and ceilings, and finds out how big
// a step it is.
func (x *exam) limits(a *aim) error {
	if a.program.Mode != dose.Stopped {
		if err := dose.Check(a.program, a.contents, &x.v.Range, &a.limits); err != nil {
			return doseRefusal(err)
		}
	}
	if err := x.patientBolus(a); err != nil {
		return err
	}
	if err := x.stages(a); err != nil {
		return err
	}
	return x.steps(a)
}

// doseRefusal turns what package dose says into a code.
func doseRefusal(err error) error {
	code := ErrLimit
	if dose.ReasonOf(err) == dose.NumberTooLarge {
		code = ErrArith
	}
	return refuse(code, "%v", err)
}

// patientBolus checks one patient bolus against the library.
func (x *exam) patientBolus(a *aim) error {
	t := a.program.PTM
	if t == nil {
		return nil
	}
	return x.boluses(a.entries, t.Volume, true)
}

// boluses checks one bolus of a volume against the library's limits of each
// ingredient.
func (x *exam) boluses(entries []entry, v units.Volume, patient bool) error {
	for _, g := range entries {
		if err := g.hardBolus(v, patient); err != nil {
			return err
		}
		if m, soft := massOf(v, g.Conc, units.Ceil), g.limit.SoftBolus; soft > 0 && m > soft && !x.flagged(FlagSoftLimit) {
			return refuse(ErrLimit, "a bolus with %s of %s, above the soft limit of %s without a reason", m, g.Code, soft)
		}
	}
	return nil
}

func (x *exam) flagged(c FlagCode) bool {
	return slices.ContainsFunc(x.p.Flags, func(f Flag) bool { return f.Code == c })
}

// stages checks priming and bridge.
func (x *exam) stages(a *aim) error {
	if a.prime != nil {
		if err := a.prime.ValidatePrime(&x.v.Range); err != nil {
			return doseRefusal(err)
		}
	}
	if err := x.needsBridge(a); err != nil {
		return err
	}
	if x.p.Act == ActAdopt && x.p.Volume > x.v.Rule.Capacity {
		return refuse(ErrVolume, "%s in a reservoir of %s", x.p.Volume, x.v.Rule.Capacity)
	}
	if a.bridge == nil {
		return nil
	}
	if x.p.Act == ActProgram && a.bridge.Volume > x.v.Volume {
		return refuse(ErrVolume, "a bridge of %s, the reservoir holds %s", a.bridge.Volume, x.v.Volume)
	}
	if err := a.bridge.ValidateBridge(&x.v.Range); err != nil {
		return doseRefusal(err)
	}
	return x.bridge(a)
}

// settings checks alarm settings against the device.
func (x *exam) settings() error {
	if low, r := x.p.Settings.Low, &x.v.Rule; low < r.LowMin || low > r.LowMax {
		return refuse(ErrLimit, "low-reservoir alarm at %s, want %s to %s", low, r.LowMin, r.LowMax)
	}
	return nil
}

// onceLibrary checks the contents of a bolus or prime.
func (x *exam) onceLibrary() (err error) {
	if !x.p.Contents.Equal(x.v.State.Contents) {
		return refuse(ErrLibrary, "made for other contents than are in the reservoir")
	}
	x.once, err = x.ingredients(*x.p.Contents)
	return err
}

func (x *exam) onceNumbers() error {
	return x.compare(*x.p.Contents, nil, x.p.Dose, nil, x.p.Checks)
}

// onceLimits checks a bolus or prime.
func (x *exam) onceLimits() error {
	d := x.p.Dose
	if d.Volume > x.v.Volume {
		return refuse(ErrVolume, "%s, the reservoir holds %s", d.Volume, x.v.Volume)
	}
	if x.p.Act == ActPrime {
		if err := d.ValidatePrime(&x.v.Range); err != nil {
			return doseRefusal(err)
		}
		return nil
	}
	if err := d.ValidateBolus(&x.v.Range, &x.v.State.Program, &x.v.Limits); err != nil {
		return doseRefusal(err)
	}
	if err := x.boluses(x.once, d.Volume, false); err != nil {
		return err
	}
	return x.room(d.Volume)
}

// room checks that hour and day leave room for a bolus: besides what was
// delivered, and besides the worst of the program, whose room it must not take.
func (x *exam) room(v units.Volume) error {
	worst := worstOf(&x.v.State.Program, &x.v.Range)
	c := x.v.Ceiling
	if max(x.v.Hour, worst.Hour)+v > c.Hour {
		return refuse(ErrLimit, "%s on top of %s in the last hour, %s at worst: the ceiling is %s", v, x.v.Hour, worst.Hour, c.Hour)
	}
	if max(x.v.Day, worst.Day)+v > c.Day {
		return refuse(ErrLimit, "%s on top of %s in the last 24 hours, %s at worst: the ceiling is %s", v, x.v.Day, worst.Day, c.Day)
	}
	for _, g := range x.once {
		if day := massOf(worst.Day+v, g.Conc, units.Ceil); day > g.limit.HardDay {
			return refuse(ErrLimit, "%s of %s in 24 hours at worst, at most %s", day, g.Code, g.limit.HardDay)
		}
	}
	return nil
}
