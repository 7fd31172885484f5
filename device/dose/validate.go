package dose

import (
	"cisterna/device/units"
)

// Bounds that keep every sum and product of this package inside 64 bits, far
// beyond what any pump holds.
const (
	MaxVolume   = 100 * units.Millilitre
	MaxDuration = 366 * units.Day
)

// Form checks what holds for every device: a known mode, segments that fill
// their cycle without gaps, numbers within bounds.
func (p *Program) Form() error {
	if err := p.formCycle(); err != nil {
		return err
	}
	at := units.Seconds(0)
	for i, s := range p.Segments {
		switch {
		case s.Offset != at:
			return refusef(BadSegments, "segments", "segment %d starts at %s, want %s: segments follow each other without gaps", i+1, s.Offset, at)
		case s.Duration <= 0 || s.Duration > MaxDuration:
			return refusef(BadSegments, "segments", "segment %d lasts %s", i+1, s.Duration)
		case s.Volume < 0 || s.Volume > MaxVolume:
			return refusef(BadSegments, "segments", "segment %d delivers %s", i+1, s.Volume)
		}
		at += s.Duration
	}
	if n := p.busiestDay(); n > MaxSegmentsPerDay {
		return refusef(BadSegments, "segments", "%d segments on a day, at most %d", n, MaxSegmentsPerDay)
	}
	if at != p.Cycle {
		return refusef(BadSegments, "segments", "segments last %s, the cycle %s", at, p.Cycle)
	}
	if p.PTM != nil {
		return p.PTM.form(p.Mode)
	}
	return nil
}

// busiestDay returns the most segments that start on one day of the cycle.
func (p *Program) busiestDay() int {
	most, n, day := 0, 0, units.Seconds(0)
	for _, s := range p.Segments {
		if s.Offset/units.Day != day {
			day, n = s.Offset/units.Day, 0
		}
		n++
		most = max(most, n)
	}
	return most
}

// formCycle checks the cycle and the number of segments that the mode asks for.
func (p *Program) formCycle() error {
	n, least, most, cycle := len(p.Segments), 1, 1, p.Cycle
	switch p.Mode {
	case Stopped, Minimum:
		least, most, cycle = 0, 0, 0
	case Continuous:
		cycle = units.Day
	case FlexDay:
		most, cycle = MaxSegmentsPerDay, units.Day
	case FlexWeek:
		most, cycle = MaxSegments, units.Week
	case Periodic:
		least, most = 2, 2
	case Single:
	case Patient, Bolus, Prime, Bridge:
		fallthrough
	default:
		return refusef(BadForm, "mode", "%s is no mode of a program", p.Mode)
	}
	if n < least || n > most {
		return refusef(BadSegments, "segments", "%d segments: a %s program has %d to %d", n, p.Mode, least, most)
	}
	if p.Cycle != cycle || p.Cycle < 0 || p.Cycle > MaxDuration {
		return refusef(BadSegments, "cycle_s", "a %s program cannot have a cycle of %s", p.Mode, p.Cycle)
	}
	if single := p.Mode == Single; single && p.Then != Stopped && p.Then != Minimum || !single && p.Then != 0 {
		return refusef(BadForm, "then", "a single bolus ends in stopped or minimum; no other program ends")
	}
	return nil
}

func (t *PTM) form(m Mode) error {
	switch {
	case m == Stopped || m == Single:
		return refusef(BadForm, "ptm", "a %s program takes no patient boluses", m)
	case t.Volume <= 0 || t.Volume > MaxVolume || t.Duration <= 0 || t.Duration > units.Day:
		return refusef(BadForm, "ptm", "a patient bolus of %s over %s", t.Volume, t.Duration)
	case t.Lockout < t.Duration || t.Lockout > units.Week:
		return refusef(LockoutTooShort, "ptm.lockout_s", "the lockout of %s must outlast the bolus of %s and stay within a week", t.Lockout, t.Duration)
	case t.Max24h < 1 || t.Max24h > MaxPTM:
		return refusef(TooManyBoluses, "ptm.max_24h", "%d boluses in 24 hours: want 1 to %d", t.Max24h, MaxPTM)
	case (t.Window == 0) != (t.MaxWindow == 0) || t.Window < 0 || t.Window > units.Day || t.MaxWindow > t.Max24h:
		return refusef(BadForm, "ptm.window_s", "a window of at most 24 hours needs its number of boluses, at most %d", t.Max24h)
	case t.ValidFor < 0 || t.ValidFor > MaxDuration:
		return refusef(BadForm, "ptm.valid_for_s", "valid for %s", t.ValidFor)
	}
	return nil
}

// Validate checks that a device of range r can run the program. It returns nil
// or a *Refusal.
func (p *Program) Validate(r *Range) error { return p.validate(r, r.Max) }

func (p *Program) validate(r *Range, maxRate units.Rate) error {
	if err := p.Form(); err != nil {
		return err
	}
	if !r.Offers(p.Mode) {
		return refusef(ModeNotOffered, "mode", "this device has no %s mode", p.Mode)
	}
	if n := p.busiestDay(); p.Clocked() && n > int(r.Segments) {
		return refusef(BadSegments, "segments", "%d steps on a day: this device has %d", n, r.Segments)
	}
	for i, s := range p.Segments {
		if err := r.segment(s, maxRate, i+1); err != nil {
			return err
		}
	}
	if p.Mode == Single {
		if err := r.bolus(p.Segments[0].Volume, "segments"); err != nil {
			return err
		}
	}
	if p.PTM == nil {
		return nil
	}
	return p.validatePTM(r, maxRate)
}

// segment checks one segment's rate. A segment may also run at exactly the idle
// rate, as between periodic boluses.
func (r *Range) segment(s Segment, maxRate units.Rate, n int) error {
	most, err := maxRate.In(s.Duration, units.Floor)
	if err != nil {
		return refusef(NumberTooLarge, "segments", "segment %d: %v", n, err)
	}
	if s.Volume > most {
		return refusef(RateAboveMaximum, "segments", "segment %d delivers %s in %s, at most %s", n, s.Volume, s.Duration, most)
	}
	if s.Volume == 0 && r.Zero {
		return nil
	}
	least, err := r.Min.In(s.Duration, units.Floor)
	if err != nil {
		return refusef(NumberTooLarge, "segments", "segment %d: %v", n, err)
	}
	idle, err := r.Idle.In(s.Duration, units.Nearest)
	if err != nil {
		return refusef(NumberTooLarge, "segments", "segment %d: %v", n, err)
	}
	if s.Volume < least && s.Volume != idle {
		return refusef(RateBelowMinimum, "segments", "segment %d delivers %s in %s, at least %s", n, s.Volume, s.Duration, least)
	}
	return nil
}

func (r *Range) bolus(v units.Volume, field string) error {
	if v < r.Resolution || v <= 0 {
		return refusef(BolusTooSmall, field, "a bolus of %s: this device meters at least %s", v, r.Resolution)
	}
	if v > r.MaxBolus {
		return refusef(BolusTooLarge, field, "a bolus of %s: this device gives at most %s", v, r.MaxBolus)
	}
	return nil
}

func (p *Program) validatePTM(r *Range, maxRate units.Rate) error {
	t := p.PTM
	switch {
	case !r.Offers(Patient):
		return refusef(ModeNotOffered, "ptm", "this device has no patient boluses")
	case t.Lockout < r.MinLockout:
		return refusef(LockoutTooShort, "ptm.lockout_s", "a lockout of %s: this device has at least %s", t.Lockout, r.MinLockout)
	case t.Max24h > r.Max24h:
		return refusef(TooManyBoluses, "ptm.max_24h", "%d boluses in 24 hours: this device counts to %d", t.Max24h, r.Max24h)
	}
	if err := r.bolus(t.Volume, "ptm.volume_nl"); err != nil {
		return err
	}
	return p.withBolus(Dose{Volume: t.Volume, Duration: t.Duration}, maxRate, "ptm")
}

// withBolus checks that a bolus on top of the fastest segment stays within the
// highest rate.
func (p *Program) withBolus(d Dose, maxRate units.Rate, field string) error {
	extra, err := d.Volume.Over(d.Duration, units.Ceil)
	if err != nil {
		return refusef(NumberTooLarge, field, "%v", err)
	}
	fastest := units.Rate(0)
	for _, s := range p.Segments {
		rate, err := s.Volume.Over(s.Duration, units.Ceil)
		if err != nil {
			return refusef(NumberTooLarge, field, "%v", err)
		}
		fastest = max(fastest, rate)
	}
	if extra > maxRate || fastest > maxRate-extra {
		return refusef(RateAboveMaximum, field, "a bolus at %s on top of %s passes %s", extra, fastest, maxRate)
	}
	return nil
}

// ValidateBolus checks a clinician's bolus on top of program p.
func (d Dose) ValidateBolus(r *Range, p *Program, l *Limits) error {
	if err := d.form(); err != nil {
		return err
	}
	if !r.Offers(Bolus) {
		return refusef(ModeNotOffered, "bolus", "this device gives no single boluses")
	}
	if d.Duration > units.Day {
		return refusef(BadForm, "duration_s", "a bolus lasts at most 24 hours")
	}
	if err := r.bolus(d.Volume, "volume_nl"); err != nil {
		return err
	}
	return p.withBolus(d, l.Rate(r), "bolus")
}

// ValidatePrime checks a priming bolus.
func (d Dose) ValidatePrime(r *Range) error {
	if err := d.form(); err != nil {
		return err
	}
	switch {
	case !r.Offers(Prime):
		return refusef(ModeNotOffered, "prime", "this device has no priming bolus")
	case d.Volume > r.MaxPrime:
		return refusef(BolusTooLarge, "prime", "a priming bolus of %s: at most %s", d.Volume, r.MaxPrime)
	}
	most, err := r.Max.In(d.Duration, units.Floor)
	if err != nil || d.Volume > most {
		return refusef(RateAboveMaximum, "prime", "%s in %s passes %s", d.Volume, d.Duration, r.Max)
	}
	return nil
}

// ValidateBridge checks a bridge bolus.
func (d Dose) ValidateBridge(r *Range) error {
	if err := d.form(); err != nil {
		return err
	}
	if !r.Offers(Bridge) {
		return refusef(ModeNotOffered, "bridge", "this device has no bridge bolus")
	}
	return r.segment(Segment{Duration: d.Duration, Volume: d.Volume}, r.Max, 1)
}

func (d Dose) form() error {
	if d.Volume <= 0 || d.Volume > MaxVolume || d.Duration <= 0 || d.Duration > MaxDuration {
		return refusef(BadForm, "", "a dose of %s over %s", d.Volume, d.Duration)
	}
	return nil
}
