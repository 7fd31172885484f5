package dose

import (
	"cisterna/device/units"
)

// WorstCase returns the most that the program delivers in any hour and any 24
// hours: basal, scheduled boluses, and every patient bolus that lockout, count
// and window permit. It is exact where the bounds of a window meet the bounds of
// segments and otherwise rounded up to the next nL. The program must be valid.
func (p *Program) WorstCase(r *Range) (Ceiling, error) {
	hour, err := p.most(units.Hour, r)
	if err != nil {
		return Ceiling{}, err
	}
	day, err := p.most(units.Day, r)
	if err != nil {
		return Ceiling{}, err
	}
	if p.PTM != nil {
		hour += p.PTM.most(units.Hour)
		day += p.PTM.most(units.Day)
	}
	return Ceiling{Hour: hour, Day: day}, nil
}

// WorstDay returns the worst 24 hours per ingredient, rounded up.
func (p *Program) WorstDay(c Contents, r *Range) ([]Portion, error) {
	w, err := p.WorstCase(r)
	if err != nil {
		return nil, err
	}
	return c.Portions(w.Day, units.Ceil)
}

// MeanDay returns what the program delivers in a day on average, without patient
// boluses, to the nearest nL: of a single bolus what its first 24 hours give, of
// a program that rests nothing. The program must have its form.
func (p *Program) MeanDay() (units.Volume, error) {
	v, span := p.PerCycle(), p.Cycle
	switch p.Mode {
	case Stopped, Minimum:
		return 0, nil
	case Single:
		day, err := v.Part(min(units.Day, span), span, units.Nearest)
		if err != nil {
			return 0, refusef(NumberTooLarge, "program", "%v", err)
		}
		return day, nil
	case Continuous, FlexDay, FlexWeek, Periodic, Patient, Bolus, Prime, Bridge:
	}
	day, err := v.Part(units.Day, span, units.Nearest)
	if err != nil {
		return 0, refusef(NumberTooLarge, "program", "%v", err)
	}
	return day, nil
}

// most returns the most that the program itself delivers in any window w.
func (p *Program) most(w units.Seconds, r *Range) (units.Volume, error) {
	idle, err := r.Idle.In(w, units.Ceil)
	if err != nil {
		return 0, refusef(NumberTooLarge, "program", "%v", err)
	}
	switch p.Mode {
	case Stopped:
		return 0, nil
	case Minimum:
		return idle, nil
	case Single:
		s := p.Segments[0]
		v, err := s.Volume.Part(min(w, s.Duration), s.Duration, units.Ceil)
		if err != nil {
			return 0, refusef(NumberTooLarge, "program", "%v", err)
		}
		if p.Then == Minimum {
			v += idle
		}
		return v, nil
	case Continuous, FlexDay, FlexWeek, Periodic, Patient, Bolus, Prime, Bridge:
	}
	// The flow in [t, t+w] is linear in t but where t or t+w meets the bound of
	// a segment, so the most lies at one of these.
	var worst units.Volume
	for _, s := range p.Segments {
		for _, t := range [...]units.Seconds{s.Offset, floorMod(s.Offset-w, p.Cycle)} {
			worst = max(worst, p.reached(t+w, units.Ceil)-p.reached(t, units.Floor))
		}
	}
	return worst, nil
}

func floorMod(a, b units.Seconds) units.Seconds { return ((a % b) + b) % b }

// reached returns the volume delivered from the start of a cycle to t seconds
// after it, over as many cycles as that takes.
func (p *Program) reached(t units.Seconds, r units.Rounding) units.Volume {
	whole := int64(t / p.Cycle)
	t %= p.Cycle
	sum := p.PerCycle() * units.Volume(whole)
	for _, s := range p.Segments {
		if t >= s.Offset+s.Duration {
			sum += s.Volume
			continue
		}
		v, _ := s.Volume.Part(t-s.Offset, s.Duration, r) // within bounds: t lies inside s
		return sum + v
	}
	return sum
}

// most returns the most that patient boluses add in any window w. Boluses start
// at least a lockout apart, so the fullest window begins with one and repeats it
// each lockout; counts bound the sum besides, because the volume in a window is
// the mean over the bolus's length of the starts in windows of that length.
func (t *PTM) most(w units.Seconds) units.Volume {
	n := int64(w / t.Lockout)
	rest := min(w%t.Lockout, t.Duration)
	part, _ := t.Volume.Part(rest, t.Duration, units.Ceil) // rest ≤ Duration
	v := t.Volume*units.Volume(n) + part
	if w <= units.Day {
		v = min(v, t.Volume*units.Volume(t.Max24h))
	}
	if t.Window > 0 {
		v = min(v, t.Volume*units.Volume(t.MaxWindow)*units.Volume((w+t.Window-1)/t.Window))
	}
	return v
}

// SegmentAt returns the index of the segment that runs at ms milliseconds into
// the cycle, for 0 ≤ ms < cycle.
func (p *Program) SegmentAt(ms int64) int {
	lo, hi := 0, len(p.Segments)-1
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if int64(p.Segments[mid].Offset)*1000 <= ms {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo
}

// Picolitres returns how much of a volume spread evenly over a duration has
// flowed after ms milliseconds, for 0 ≤ ms ≤ duration: its thousandth, rounded
// down, is floor(volume × elapsed ÷ duration) in nL. Volume and duration must
// be within MaxVolume and MaxDuration.
func Picolitres(v units.Volume, d units.Seconds, ms int64) int64 {
	return int64(v) * ms / int64(d) // nL × ms ÷ s = pL; at most 10⁸ × 3.2×10¹⁰
}
