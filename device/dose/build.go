package dose

import (
	"cisterna/device/units"
)

// Setup is what a clinical value is turned into a program for: what is in the
// reservoir, what the device can do and what the library allows. Its methods
// take doses of the primary ingredient and return checked programs.
type Setup struct {
	Contents Contents
	Range    *Range
	Limits   Limits
}

// Dosed is what rounding made of a prescribed dose. Screens show both.
type Dosed struct {
	Prescribed units.Mass   `json:"prescribed_ng"`
	Programmed units.Mass   `json:"programmed_ng"` // what Volume holds, rounded to the nearest ng
	Volume     units.Volume `json:"volume_nl"`
}

// Step is one step of a flex program as a clinician writes it.
type Step struct {
	Start    units.Seconds // after midnight
	Duration units.Seconds
	Dose     units.Mass
}

// Check is the package's Check with this setup.
func (s *Setup) Check(p *Program) error { return Check(p, s.Contents, s.Range, &s.Limits) }

// round returns the volume of a mass to the nearest nL, or the next lower one if
// the nearest passes most.
func (s *Setup) round(m units.Mass, most units.Volume) (Dosed, error) {
	if err := s.Contents.Validate(); err != nil {
		return Dosed{}, err
	}
	conc := s.Contents.Main().Conc
	v, err := m.Volume(conc, units.Nearest)
	if err == nil && v > most {
		v, err = m.Volume(conc, units.Floor)
	}
	if err != nil || v > MaxVolume {
		return Dosed{}, refusef(NumberTooLarge, "dose", "%s at %s is no volume", m, conc)
	}
	given, err := v.Mass(conc, units.Nearest)
	if err != nil {
		return Dosed{}, refusef(NumberTooLarge, "dose", "%s at %s is no volume", m, conc)
	}
	return Dosed{Prescribed: m, Programmed: given, Volume: v}, nil
}

// most returns the volume that the limits allow in 24 hours and the device moves
// in d.
func (s *Setup) most(d units.Seconds) (units.Volume, error) {
	ceiling, err := s.Limits.Ceiling(s.Contents)
	if err != nil {
		return 0, err
	}
	fastest, err := s.Limits.Rate(s.Range).In(d, units.Floor)
	if err != nil {
		return 0, refusef(NumberTooLarge, "duration_s", "%v", err)
	}
	return min(ceiling.Day, fastest), nil
}

// Continuous returns the program that gives a dose a day at one rate.
func (s *Setup) Continuous(perDay units.Mass) (Program, Dosed, error) {
	most, err := s.most(units.Day)
	if err != nil {
		return Program{}, Dosed{}, err
	}
	d, err := s.round(perDay, most)
	if err != nil {
		return Program{}, Dosed{}, err
	}
	p := Program{Mode: Continuous, Cycle: units.Day, Segments: []Segment{{Duration: units.Day, Volume: d.Volume}}}
	return finish(s, p, d)
}

func finish[D any](s *Setup, p Program, d D) (Program, D, error) {
	if err := s.Check(&p); err != nil {
		var none D
		return Program{}, none, err
	}
	return p, d, nil
}

// FlexDay returns the program that follows steps through every day. The steps
// fill 24 hours; the last may run past midnight to where the first begins.
func (s *Setup) FlexDay(steps []Step) (Program, []Dosed, error) {
	segments, doses, err := s.day(steps)
	if err != nil {
		return Program{}, nil, err
	}
	return finish(s, Program{Mode: FlexDay, Cycle: units.Day, Segments: segments}, doses)
}

// FlexWeek returns the program that follows each day's own steps, Monday first.
// No step runs past midnight.
func (s *Setup) FlexWeek(days [7][]Step) (Program, []Dosed, error) {
	p := Program{Mode: FlexWeek, Cycle: units.Week}
	var doses []Dosed
	for i, steps := range days {
		if len(steps) > 0 && steps[0].Start != 0 {
			return Program{}, nil, refusef(BadSegments, "days", "day %d begins at %s, want midnight", i+1, steps[0].Start)
		}
		segments, day, err := s.day(steps)
		if err != nil {
			return Program{}, nil, err
		}
		for _, g := range segments {
			g.Offset += units.Seconds(i) * units.Day
			p.Segments = append(p.Segments, g)
		}
		doses = append(doses, day...)
	}
	return finish(s, p, doses)
}

// day turns the steps of one day into segments. Where rounding alone takes the
// day over a ceiling that the prescription keeps, the steps that were rounded up
// give back 1 nL each until it fits.
func (s *Setup) day(steps []Step) ([]Segment, []Dosed, error) {
	ceiling, err := s.Limits.Ceiling(s.Contents)
	if err != nil {
		return nil, nil, err
	}
	if len(steps) == 0 || steps[0].Start < 0 || steps[0].Start >= units.Day {
		return nil, nil, refusef(BadSegments, "steps", "a day needs steps that begin within it")
	}
	doses, sum := make([]Dosed, len(steps)), units.Volume(0)
	next, exact := steps[0].Start, units.Mass(0)
	for i, step := range steps {
		if step.Start != next || step.Duration <= 0 || step.Duration > units.Day {
			return nil, nil, refusef(BadSegments, "steps", "step %d begins at %s and lasts %s, want it to begin at %s", i+1, step.Start, step.Duration, next)
		}
		next += step.Duration
		most, err := s.most(step.Duration)
		if err != nil {
			return nil, nil, err
		}
		if doses[i], err = s.round(step.Dose, most); err != nil {
			return nil, nil, err
		}
		if exact, err = units.Add(exact, step.Dose); err != nil {
			return nil, nil, refusef(NumberTooLarge, "steps", "%v", err)
		}
		sum += doses[i].Volume
	}
	if next != steps[0].Start+units.Day {
		return nil, nil, refusef(BadSegments, "steps", "the steps last %s, want 24 h", next-steps[0].Start)
	}
	conc := s.Contents.Main().Conc
	if whole, err := exact.Volume(conc, units.Floor); err == nil && whole <= ceiling.Day {
		for i := range doses {
			low, err := doses[i].Prescribed.Volume(conc, units.Floor)
			if err == nil && sum > ceiling.Day && doses[i].Volume > low {
				doses[i].Volume, sum = low, sum-1
				doses[i].Programmed, _ = low.Mass(conc, units.Nearest) // smaller than what round accepted
			}
		}
	}
	return wrap(steps, doses), doses, nil
}

// wrap lays the steps out from midnight and cuts the one that runs past it in
// two, which share its volume by their lengths.
func wrap(steps []Step, doses []Dosed) []Segment {
	var early, late []Segment
	for i, step := range steps {
		v, end := doses[i].Volume, step.Start+step.Duration
		switch {
		case end <= units.Day:
			late = append(late, Segment{Offset: step.Start, Duration: step.Duration, Volume: v})
		case step.Start >= units.Day:
			early = append(early, Segment{Offset: step.Start - units.Day, Duration: step.Duration, Volume: v})
		default:
			before, _ := v.Part(units.Day-step.Start, step.Duration, units.Floor) // a part of v
			late = append(late, Segment{Offset: step.Start, Duration: units.Day - step.Start, Volume: before})
			early = append(early, Segment{Duration: end - units.Day, Volume: v - before})
		}
	}
	return append(early, late...)
}

// Periodic returns the program that gives a bolus at the start of every interval
// and keeps the device at its minimum rate between.
func (s *Setup) Periodic(bolus units.Mass, duration, interval units.Seconds) (Program, Dosed, error) {
	if duration <= 0 || interval <= duration || interval > MaxDuration {
		return Program{}, Dosed{}, refusef(BadSegments, "interval_s", "a bolus of %s every %s", duration, interval)
	}
	most, err := s.most(duration)
	if err != nil {
		return Program{}, Dosed{}, err
	}
	d, err := s.round(bolus, most)
	if err != nil {
		return Program{}, Dosed{}, err
	}
	if err := s.Range.bolus(d.Volume, "bolus"); err != nil {
		return Program{}, Dosed{}, err
	}
	rest, err := s.Range.Idle.In(interval-duration, units.Nearest)
	if err != nil {
		return Program{}, Dosed{}, refusef(NumberTooLarge, "interval_s", "%v", err)
	}
	p := Program{Mode: Periodic, Cycle: interval, Segments: []Segment{
		{Duration: duration, Volume: d.Volume},
		{Offset: duration, Duration: interval - duration, Volume: rest},
	}}
	return finish(s, p, d)
}

// Single returns the program that gives one bolus and then rests in Stopped or
// Minimum. To give a bolus on top of a running program use Bolus.
func (s *Setup) Single(bolus units.Mass, duration units.Seconds, then Mode) (Program, Dosed, error) {
	most, err := s.most(duration)
	if err != nil {
		return Program{}, Dosed{}, err
	}
	d, err := s.round(bolus, most)
	if err != nil {
		return Program{}, Dosed{}, err
	}
	p := Program{Mode: Single, Cycle: duration, Then: then, Segments: []Segment{{Duration: duration, Volume: d.Volume}}}
	return finish(s, p, d)
}

// WithPTM returns p with patient boluses of the given dose. The other settings
// are taken from t, whose volume is ignored.
func (s *Setup) WithPTM(p Program, each units.Mass, t PTM) (Program, Dosed, error) {
	most, err := s.most(t.Duration)
	if err != nil {
		return Program{}, Dosed{}, err
	}
	d, err := s.round(each, most)
	if err != nil {
		return Program{}, Dosed{}, err
	}
	t.Volume = d.Volume
	p.PTM = &t
	return finish(s, p, d)
}

// Bolus returns a clinician's bolus on top of p. Whether the last 24 hours leave
// room for it is for the pump to say.
func (s *Setup) Bolus(p *Program, bolus units.Mass, duration units.Seconds) (Dose, Dosed, error) {
	most, err := s.most(duration)
	if err != nil {
		return Dose{}, Dosed{}, err
	}
	d, err := s.round(bolus, most)
	if err != nil {
		return Dose{}, Dosed{}, err
	}
	out := Dose{Volume: d.Volume, Duration: duration}
	if err := out.ValidateBolus(s.Range, p, &s.Limits); err != nil {
		return Dose{}, Dosed{}, err
	}
	return out, d, nil
}
