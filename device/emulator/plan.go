package emulator

import (
	"cmp"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/pump"
	"cisterna/device/units"
)

// plan is the life that a seed gives a pump and its patient. It is a value and
// remembers nothing: asked the same, it answers the same, whenever that is.
type plan struct {
	profile *profile.Profile
	seed    uint64
	zone    int64 // ms east of UTC
	born    int64 // Unix ms

	age   units.Seconds
	used  uint16 // permille of the battery
	phase units.Seconds
}

func (d *Device) plan() plan {
	h := fnv.New64a()
	h.Write([]byte(d.who.Serial))
	p := plan{profile: d.machine().Profile(), seed: d.who.Seed ^ h.Sum64(), zone: int64(d.who.Zone) * 1000, born: d.born}
	r := p.rng(0)
	years := 5 * 365 * int64(units.Day)
	p.age = units.Seconds(r.Int64N(years))
	p.used = uint16(p.age * 700 / units.Seconds(years))
	p.phase = units.Seconds(r.Int64N(int64(max(p.profile.SampleEach, 1))))
	return p
}

// rng returns the chance that belongs to a topic: a day, or one of the lifetime.
func (p *plan) rng(topic int64) *rand.Rand {
	return rand.New(rand.NewPCG(p.seed, uint64(topic)))
}

// Topics of chance beside the days, which count from 1970.
const (
	chanceRegimen = -1
	chanceVolume  = -2
	chanceHabit   = -3
)

// regimen is a therapy as it is really given, by reference/domain.md 2.1 and 2.2.
type regimen struct {
	contents  []dose.Ingredient // rising by code
	primary   uint8
	low, high units.Mass // of the primary ingredient, a day
	press     int64      // thousandths of the daily dose that a press gives, 0 for none
}

var regimens = []regimen{
	{contents: of(dose.Morphine, 10*units.Milligram), low: 800 * units.Microgram, high: 4 * units.Milligram, press: 40},
	{contents: of(dose.Morphine, 20*units.Milligram), low: 2 * units.Milligram, high: 9 * units.Milligram, press: 30},
	{contents: of(dose.Hydromorphone, 10*units.Milligram), low: 600 * units.Microgram, high: 4 * units.Milligram, press: 35},
	{contents: of(dose.Fentanyl, 1*units.Milligram), low: 100 * units.Microgram, high: 600 * units.Microgram, press: 30},
	{contents: of(dose.Ziconotide, 25*units.Microgram), low: 2400, high: 10 * units.Microgram},
	{contents: of(dose.Baclofen, 500*units.Microgram), low: 60 * units.Microgram, high: 240 * units.Microgram},
	{contents: of(dose.Baclofen, 2*units.Milligram), low: 200 * units.Microgram, high: 800 * units.Microgram},
	{contents: append(of(dose.Morphine, 10*units.Milligram), of(dose.Bupivacaine, 8*units.Milligram)...), low: 1 * units.Milligram, high: 4 * units.Milligram, press: 30},
	{contents: append(of(dose.Morphine, 10*units.Milligram), of(dose.Clonidine, 200*units.Microgram)...), low: 1 * units.Milligram, high: 4 * units.Milligram},
}

func of(c dose.Code, m units.Mass) []dose.Ingredient {
	return []dose.Ingredient{{Code: c, Conc: units.Conc(m)}}
}

// start returns the first filling and programming. fill is the volume, 0 for one
// by chance.
func (p *plan) start(fill units.Volume) (pump.Change, error) {
	r := p.rng(chanceRegimen)
	reg := regimens[r.IntN(len(regimens))]
	contents := dose.Contents{Ingredients: reg.contents, Primary: reg.primary, Route: dose.Intrathecal}
	daily := reg.low + units.Mass(r.Int64N(int64(reg.high-reg.low)))
	daily -= daily % (reg.low / 20) // clinicians write round numbers
	s := dose.Setup{Contents: contents, Range: &p.profile.Range, Limits: wide(contents, daily)}
	program, err := p.program(&s, r, daily, reg.press)
	if err != nil {
		return pump.Change{}, err
	}
	limits, err := snug(&program, &s)
	if err != nil {
		return pump.Change{}, err
	}
	if fill == 0 {
		fill = p.profile.Reservoir.Capacity * units.Volume(300+p.rng(chanceVolume).Int64N(650)) / 1000
	}
	return pump.Change{
		Refill: &pump.Refill{Volume: fill, Contents: contents}, Limits: &limits, Program: &program, Source: "local",
	}, nil
}

// program returns a program of the mode that chance picks, or the plainest one
// where the device does not offer it.
func (p *plan) program(s *dose.Setup, r *rand.Rand, daily units.Mass, press int64) (dose.Program, error) {
	program, _, err := s.Continuous(daily)
	if pick := r.IntN(3); pick == 0 && s.Range.Offers(dose.FlexDay) {
		// More by night for a body that lies still, or by day for one that moves.
		night := daily * units.Mass(250+r.Int64N(250)) / 1000
		day := (daily - night) * 7 / 10
		steps := []dose.Step{
			{Start: 7 * units.Hour, Duration: 9 * units.Hour, Dose: day},
			{Start: 16 * units.Hour, Duration: 6 * units.Hour, Dose: daily - night - day},
			{Start: 22 * units.Hour, Duration: 9 * units.Hour, Dose: night},
		}
		if flex, _, e := s.FlexDay(steps); e == nil {
			program, err = flex, nil
		}
	}
	if err != nil || press == 0 || !s.Range.Offers(dose.Patient) {
		return program, err
	}
	ptm := dose.PTM{Duration: 5 * units.Minute, Lockout: max(2*units.Hour, s.Range.MinLockout), Max24h: min(8, s.Range.Max24h)}
	if with, _, e := s.WithPTM(program, daily*units.Mass(press)/1000, ptm); e == nil {
		program = with
	}
	return program, nil
}

// wide returns limits within which any regimen can be written.
func wide(c dose.Contents, daily units.Mass) (l dose.Limits) {
	v, err := daily.Volume(c.Main().Conc, units.Ceil)
	for _, g := range c.Ingredients {
		m, e := (10 * v).Mass(g.Conc, units.Ceil)
		if err != nil || e != nil {
			m = units.Milligram
		}
		l.Ingredients = append(l.Ingredients, dose.Limit{Code: g.Code, Max1h: m, Max24h: m, Withdrawal: g.Code.Withdrawal()})
	}
	return l
}

// snug returns the limits that a library would set around a program: a third
// above its worst day, half above its worst hour.
func snug(program *dose.Program, s *dose.Setup) (l dose.Limits, err error) {
	worst, err := program.WorstCase(s.Range)
	if err != nil {
		return l, err
	}
	for _, g := range s.Contents.Ingredients {
		day, err1 := (worst.Day * 4 / 3).Mass(g.Conc, units.Ceil)
		hour, err2 := (worst.Hour * 3 / 2).Mass(g.Conc, units.Ceil)
		if err := cmp.Or(err1, err2); err != nil {
			return l, err
		}
		l.Ingredients = append(l.Ingredients, dose.Limit{Code: g.Code, Max1h: min(hour, day), Max24h: day, Withdrawal: g.Code.Withdrawal()})
	}
	return l, dose.Check(program, s.Contents, s.Range, &l)
}

// moment is something that happens in a life.
type moment struct {
	at int64 // Unix ms
	in pump.Input
}

const dayMS = 24 * 60 * 60 * 1000

// next returns what happens first after one moment and not after another, nil
// for nothing.
func (p *plan) next(after, until int64, history bool) (int64, pump.Input) {
	for day := floorDiv(after+p.zone, dayMS); day <= floorDiv(until+p.zone, dayMS); day++ {
		for _, m := range p.day(day, history) {
			if m.at > after && m.at <= until {
				return m.at, m.in
			}
		}
	}
	return 0, nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// day returns what happens on a local day, in order.
func (p *plan) day(day int64, history bool) (out []moment) {
	start := day*dayMS - p.zone
	clock := func(ms int64) int64 { return start + ms }
	r := p.rng(day)
	// How often somebody presses is a habit; when, is chance.
	often := p.rng(chanceHabit).IntN(6)
	for range often + r.IntN(3) - 1 {
		at := 7*time.Hour.Milliseconds() + r.Int64N(16*time.Hour.Milliseconds())
		out = append(out, moment{clock(at), pump.PTMRequest{}})
	}
	if history {
		if p.profile.Path.MRIStalls && r.IntN(120) == 0 {
			at := clock(9*time.Hour.Milliseconds() + r.Int64N(6*time.Hour.Milliseconds()))
			out = append(out, moment{at, pump.Fault{Kind: pump.Stall}}, moment{at + 20*time.Minute.Milliseconds() + r.Int64N(90*time.Minute.Milliseconds()), pump.Fault{Kind: pump.Stall, Ends: true}})
		}
		out = append(out, moment{clock(10*time.Hour.Milliseconds() + r.Int64N(5*time.Hour.Milliseconds())), pump.Change{}})
	}
	slices.SortStableFunc(out, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	return out
}

// still returns what comes of an input in the state that the pump is in by then,
// nil for nothing: nobody presses where there is nothing to press, and the clinic
// refills what is low.
func (p *plan) still(in pump.Input, st *pump.State) pump.Input {
	switch in.(type) {
	case pump.PTMRequest:
		if st.Program.PTM == nil {
			return nil
		}
	case pump.Change:
		if !p.diligent() || st.Reservoir() >= st.Settings.Low*3/4 {
			return nil
		}
		return pump.Change{Refill: &pump.Refill{Volume: p.profile.Reservoir.Capacity * 19 / 20}, Source: "local"}
	}
	return in
}

// diligent reports whether the patient comes to be refilled in time.
func (p *plan) diligent() bool { return p.rng(chanceHabit).IntN(4) > 0 }

// fillFor returns how much was in the reservoir so many days ago for a pump that
// is somewhere between nearly empty and nearly full today.
func (p *plan) fillFor(days int) units.Volume {
	c, err := p.start(0)
	if err != nil {
		return 0
	}
	r := p.rng(chanceVolume)
	daily := c.Program.PerCycle() * units.Volume(units.Day) / units.Volume(max(c.Program.Cycle, 1))
	low, capacity := p.profile.Reservoir.LowDefault, p.profile.Reservoir.Capacity
	today := low + units.Volume(r.Int64N(int64(capacity-low)*17/20))
	switch n := r.IntN(10); {
	case n == 0:
		today = low * 4 / 5 // the alarm comes up in these days
	case n == 1 && p.diligent():
		return low*3/4 + daily*units.Volume(days)/2 // it did, and somebody came
	}
	return min(today+daily*units.Volume(days), capacity)
}
