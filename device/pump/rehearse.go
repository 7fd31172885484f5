package pump

import (
	"slices"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// Rehearsal is what a prescription would do in the next seven days, by the same
// machine that runs in the pump and from the same bytes that people sign. It is
// run twice: as programmed, and with a patient who asks for every bolus the moment
// that the pump would give one.
type Rehearsal struct {
	// Refused says why the pump would not do it. If only a limit stands in the way,
	// the rest shows what would happen without it; otherwise there is no rest.
	Refused    string           `json:"refused,omitempty"`
	Curve      []RehearsedPoint `json:"curve"`
	Days       []RehearsedDay   `json:"days"`
	Most       []RehearsedMost  `json:"most"`
	Prime      units.Volume     `json:"prime_nl"` // given to fill the path, and counted nowhere else
	BridgeEnds units.Seconds    `json:"bridge_ends_s"`
	LowAt      *units.Seconds   `json:"low_at_s,omitempty"` // the reservoir alarms, with all patient boluses; nil if not in seven days
	EmptyAt    *units.Seconds   `json:"empty_at_s,omitempty"`
	Volume     units.Volume     `json:"volume_nl"`       // left after seven days, with all patient boluses
	Keeps      *RehearsedKeep   `json:"keeps,omitempty"` // what is in the reservoir then; nil for an empty one
}

// RehearsedPoint is a moment of the curve: one every quarter of an hour, and one
// at every minute in which the flow changes.
type RehearsedPoint struct {
	At     units.Seconds `json:"at_s"` // since it took effect
	Phase  string        `json:"phase"`
	Rate   units.Rate    `json:"rate_nl_day"`
	Volume units.Volume  `json:"volume_nl"` // delivered as programmed, priming left out
	Most   units.Volume  `json:"most_nl"`   // with all patient boluses
}

// RehearsedDay is 24 hours from the moment at which it took effect.
type RehearsedDay struct {
	Presses int              `json:"presses"` // that the pump would give
	Volume  units.Volume     `json:"volume_nl"`
	Most    units.Volume     `json:"most_nl"`
	Doses   []RehearsedTotal `json:"doses"`
}

// RehearsedTotal is what a day gives of one ingredient, to the nearest ng.
type RehearsedTotal struct {
	Code  dose.Code  `json:"code"`
	Given units.Mass `json:"given_ng"`
	Most  units.Mass `json:"most_ng"`
}

// RehearsedMost is the most of one ingredient in any hour and in any 24 hours, by
// the minute, with all patient boluses.
type RehearsedMost struct {
	Code dose.Code  `json:"code"`
	Hour units.Mass `json:"hour_ng"`
	Day  units.Mass `json:"day_ng"`
}

const (
	rehearsedDays = 7
	minuteMS      = 60_000
	perDay        = 24 * 60 // minutes
)

// Rehearse runs a prescription, given as the bytes that are signed, from what a
// pump last said of itself. branch is that of a visit. zone is the pump's, in
// seconds east of UTC. filled is when the reservoir was filled last, in Unix seconds,
// 0 if that is not known; what a visit fills in is filled when it takes effect. The
// error is an *order.Refusal of the document; what the pump would refuse is in the
// rehearsal.
func (m *Machine) Rehearse(document []byte, branch order.BranchNo, v *order.View, zone int32, filled int64) (Rehearsal, error) {
	p, err := order.DecodePrescription(document)
	if err != nil {
		return Rehearsal{}, err
	}
	in := inputFor(&p, branch, v)
	s := m.assume(v, zone)
	out := Rehearsal{}
	if err := m.Check(s, in); err != nil {
		out.Refused = err.Error()
		in = lift(&s, in)
		if m.Check(s, in) != nil {
			return out, nil
		}
	}
	plain, most := m.play(s, in, v.Now, false), m.play(s, in, v.Now, true)
	out.sum(&plain, &most)
	if c, ok := in.(Change); ok && c.Refill != nil {
		filled = v.Now
	}
	out.Keeps = keeps(&v.Library.Library, plain.fluids[len(plain.fluids)-1], filled, v.Now)
	return out, nil
}

// inputFor is what a prescription would do to the body, if everything else is
// right.
func inputFor(p *order.Prescription, branch order.BranchNo, v *order.View) Input {
	c := Change{Source: SourceOrder, Adopted: true}
	switch p.Act {
	case order.ActBolus:
		return GiveBolus{Dose: *p.Dose}
	case order.ActResume:
		return Resume{Source: SourceOrder}
	case order.ActClock:
		return SetClock{Wall: v.Now * 1000, Zone: *p.Zone}
	case order.ActAdopt:
		return Adopt{Volume: p.Volume, Contents: *p.Contents, Limits: *p.Limits, Source: SourceOrder}
	case order.ActBind, order.ActTransfer:
		return Rebind{Epoch: v.State.Epoch + 1, Source: SourceOrder}
	case order.ActVisit:
		b := &p.Visit.Planned
		if branch == order.BranchSame {
			b = &p.Visit.Same
		}
		c.Refill = &Refill{Volume: p.Visit.Bounds.FilledMin, Contents: b.Contents}
		c.Limits, c.Program, c.Prime, c.Bridge = &b.Limits, &b.Program, b.Prime, b.Bridge
	case order.ActProgram, order.ActErase:
		c.Limits, c.Program, c.Bridge = p.Limits, p.Program, p.Bridge
	case order.ActPrime:
		c.Prime = p.Dose
	case order.ActSettings:
		c.Settings = p.Settings
	}
	return c
}

// assume makes the state of a pump from what it said of itself.
func (m *Machine) assume(v *order.View, zone int32) State {
	s := m.Fresh(Options{Firmware: v.State.Firmware, Epoch: v.State.Epoch, Age: 2 * units.Day, Zone: zone}, Time{Wall: v.Now * 1000})
	s.Gen, s.Commanded, s.Program, s.Contents, s.Settings = v.State.Gen, v.State.Run, v.State.Program, v.State.Contents, v.State.Settings
	s.Limits, s.Foreign, s.Started, s.SampleAt = v.Limits, v.Foreign, s.Run, 0
	s.Fill.Volume, s.World.Left = v.Volume, int64(v.Volume)*1000
	hour := min(v.Hour, v.Day)
	s.Ledger = Ledger{
		Sum: int64(v.Day) * 1000, Ceiling: v.Ceiling,
		Points: []Point{{At: s.Run - dayMS}, {At: s.Run - hourMS, Sum: int64(v.Day-hour) * 1000}},
	}
	s.assumePath(v.Path)
	if v.Bridge != nil && len(s.Path) > 0 {
		s.Stage = bridgeOf(*v.Bridge, s.clears(), s.Run)
	}
	return s
}

// lifted is far above any dose: a kilogram.
const lifted = 1_000_000 * units.Milligram

// lift takes the limits of the drug library away.
func lift(s *State, in Input) Input {
	high := dose.Ceiling{Hour: dose.MaxVolume, Day: dose.MaxVolume}
	s.Ledger.Ceiling = high
	for i := range s.Path {
		s.Path[i].Turn.Ceiling = high
	}
	c, ok := in.(Change)
	if !ok || c.Limits == nil {
		return in
	}
	l := dose.Limits{}
	for _, g := range c.Limits.Ingredients {
		l.Ingredients = append(l.Ingredients, dose.Limit{Code: g.Code, Max1h: lifted, Max24h: lifted, Withdrawal: g.Withdrawal})
	}
	c.Limits = &l
	return c
}

// played is one run, minute by minute; entry 0 is the moment of taking effect.
type played struct {
	phase   []wire.RunState
	rate    []units.Rate
	fluids  []dose.Contents // of the path, from the tip on, and of the reservoir
	given   [][]Pico        // delivered until then, of each of them, priming left out
	presses []int           // until then
	prime   Pico
	bridge  int // minutes until it ends
	low     int // minutes, −1 if never
	empty   int
	left    units.Volume
}

// play runs the machine for seven days.
func (m *Machine) play(s State, in Input, now int64, presses bool) played {
	t := Time{Wall: now * 1000}
	s, _ = m.Step(s, in, t)
	p, path := played{low: -1, empty: -1}, s.Path
	for _, l := range path {
		p.fluids = append(p.fluids, l.Contents)
	}
	p.fluids = append(p.fluids, s.Contents)
	given := make([]Pico, len(p.fluids))
	for minute := 0; ; minute++ {
		if presses && m.Check(s, PTMRequest{}) == nil {
			s, _ = m.Step(s, PTMRequest{}, t)
		}
		p.phase, p.rate = append(p.phase, m.Sample(&s).Run), append(p.rate, m.Rate(&s))
		p.given, p.presses = append(p.given, slices.Clone(given)), append(p.presses, int(s.Patient.Given))
		left := s.Reservoir()
		if p.low < 0 && left <= s.Settings.Low && !s.Contents.Empty() {
			p.low = minute
		}
		if p.empty < 0 && left == 0 && !s.Contents.Empty() {
			p.empty = minute
		}
		if minute == rehearsedDays*perDay {
			p.left = left
			return p
		}
		for left := int64(minuteMS); left > 0; {
			g, before, dt := s.Stage, s.Delivered, left
			if ends := int64(g.Dose.Duration)*1000 - g.Done; g.Kind != NoStage && ends > 0 {
				dt = min(dt, ends)
			}
			t.Mono, t.Wall, left = t.Mono+dt, t.Wall+dt, left-dt
			s, _ = m.Step(s, Tick{}, t)
			if g.Kind == PrimeStage {
				p.prime += s.Delivered - before
				continue
			}
			if g.Kind == BridgeStage {
				p.bridge = minute + 1
			}
			for i := range given {
				to := s.Delivered
				if i < len(path) {
					to = min(to, path[i].Until)
				}
				given[i] += max(0, to-before)
				before = max(before, to)
			}
		}
	}
}

// grams returns how much of an ingredient was given until a minute, in ng.
func (p *played) grams(c dose.Code, minute int) units.Mass {
	const pico = 1_000_000_000 // pL in a mL; 2 × 10¹⁰ pL × 10⁸ ng/mL fits
	sum := int64(pico / 2)
	for i, v := range p.given[minute] {
		sum += v * int64(p.fluids[i].Conc(c))
	}
	return units.Mass(sum / pico)
}

// volume returns what was given until a minute.
func (p *played) volume(minute int) units.Volume {
	sum := Pico(0)
	for _, v := range p.given[minute] {
		sum += v
	}
	return nano(sum)
}

func (r *Rehearsal) sum(plain, most *played) {
	r.Prime, r.BridgeEnds, r.Volume = nano(plain.prime), units.Seconds(plain.bridge)*60, most.left
	if most.low >= 0 {
		r.LowAt = new(units.Seconds(most.low) * 60)
	}
	if most.empty >= 0 {
		r.EmptyAt = new(units.Seconds(most.empty) * 60)
	}
	for i := range plain.rate {
		if i%15 != 0 && i > 0 && plain.rate[i] == plain.rate[i-1] && plain.phase[i] == plain.phase[i-1] {
			continue
		}
		r.Curve = append(r.Curve, RehearsedPoint{
			At: units.Seconds(i) * 60, Phase: plain.phase[i].String(), Rate: plain.rate[i],
			Volume: plain.volume(i), Most: most.volume(i),
		})
	}
	codes := codesOf(plain.fluids)
	for day := range rehearsedDays {
		a, b := day*perDay, (day+1)*perDay
		d := RehearsedDay{
			Presses: most.presses[b] - most.presses[a],
			Volume:  plain.volume(b) - plain.volume(a),
			Most:    most.volume(b) - most.volume(a),
		}
		for _, c := range codes {
			d.Doses = append(d.Doses, RehearsedTotal{Code: c, Given: plain.grams(c, b) - plain.grams(c, a), Most: most.grams(c, b) - most.grams(c, a)})
		}
		r.Days = append(r.Days, d)
	}
	for _, c := range codes {
		w := RehearsedMost{Code: c}
		for i := range most.rate {
			w.Hour = max(w.Hour, most.grams(c, i)-most.grams(c, max(0, i-60)))
			w.Day = max(w.Day, most.grams(c, i)-most.grams(c, max(0, i-perDay)))
		}
		r.Most = append(r.Most, w)
	}
}

// codesOf returns the ingredients of all fluids, rising.
func codesOf(fluids []dose.Contents) (out []dose.Code) {
	for _, f := range fluids {
		for _, g := range f.Ingredients {
			out = append(out, g.Code)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
