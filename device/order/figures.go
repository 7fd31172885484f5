package order

import (
	"math"
	"slices"

	"cisterna/device/dose"
	"cisterna/device/units"
)

// ChecksOf computes the check numbers of an order: what the proposer writes,
// what the verifier enters again, and what the pump compares. once is a bolus of
// the contents; bridge is of the old ones (View.Pushed), and where it pushes out
// several, its number is that of the one that holds most. A nil program or dose counts nothing;
// a program must have its form. There is one line for each ingredient of the
// contents, and of the old ones if there is a bridge, rising by code. A number
// beyond 64 bits becomes the largest one, which no order can name.
func ChecksOf(c dose.Contents, p *dose.Program, r *dose.Range, once, bridge *dose.Dose, old ...dose.Contents) []Check {
	mean, worst := meanOf(p), worstOf(p, r).Day
	codes := codesOf(c)
	if bridge != nil {
		for _, fluid := range old {
			codes = append(codes, codesOf(fluid)...)
		}
		slices.Sort(codes)
		codes = slices.Compact(codes)
	}
	out := make([]Check, 0, len(codes))
	for _, code := range codes {
		conc := units.Conc(0)
		for _, fluid := range old {
			conc = max(conc, fluid.Conc(code))
		}
		out = append(out, Check{
			Code: code,
			Day:  massOf(mean, c.Conc(code), units.Nearest), Worst: massOf(worst, c.Conc(code), units.Ceil),
			Once: massOf(volumeOf(once), c.Conc(code), units.Nearest), Bridge: massOf(volumeOf(bridge), conc, units.Nearest),
		})
	}
	return out
}

// What cannot be computed counts as more than anything allows. beyond leaves room
// for one addition.
const beyond = math.MaxInt64 / 4

func massOf(v units.Volume, c units.Conc, r units.Rounding) units.Mass {
	m, err := v.Mass(c, r)
	if err != nil {
		return beyond
	}
	return m
}

func meanOf(p *dose.Program) units.Volume {
	if p == nil {
		return 0
	}
	v, err := p.MeanDay()
	if err != nil {
		return beyond
	}
	return v
}

func worstOf(p *dose.Program, r *dose.Range) dose.Ceiling {
	if p == nil {
		return dose.Ceiling{}
	}
	c, err := p.WorstCase(r)
	if err != nil {
		return dose.Ceiling{Hour: beyond, Day: beyond}
	}
	return c
}

// rateOf returns what a dose would give in a day at its rate, rounded down.
func rateOf(d *dose.Dose) units.Volume {
	r, err := d.Volume.Over(d.Duration, units.Floor)
	if err != nil {
		return beyond
	}
	return units.Volume(r)
}

// partOf returns the most of a dose that flows in a span.
func partOf(d *dose.Dose, span units.Seconds) units.Volume {
	v, err := d.Volume.Part(min(span, d.Duration), d.Duration, units.Ceil)
	if err != nil {
		return beyond
	}
	return v
}

func codesOf(c dose.Contents) []dose.Code {
	out := make([]dose.Code, len(c.Ingredients))
	for i, g := range c.Ingredients {
		out[i] = g.Code
	}
	return out
}

func volumeOf(d *dose.Dose) units.Volume {
	if d == nil {
		return 0
	}
	return d.Volume
}

// figure is what a program gives of one ingredient in a day.
type figure struct{ day, worst units.Mass }

// figures returns the figures of a program, by ingredient. A program that gives
// nothing has zeros.
func figures(c dose.Contents, p *dose.Program, r *dose.Range) map[dose.Code]figure {
	out := map[dose.Code]figure{}
	for _, l := range ChecksOf(c, p, r, nil, nil) {
		out[l.Code] = figure{day: l.Day, worst: l.Worst}
	}
	return out
}
