package order

import (
	"slices"

	"cisterna/device/dose"
	"cisterna/device/units"
)

// ChecksOf computes the check numbers of an order: what the proposer writes,
// what the verifier enters again, and what the pump compares. once is a bolus of
// the contents; bridge is of the old ones. A nil program or dose counts nothing.
// There is one line for each ingredient of the contents, and of the old ones if
// there is a bridge, rising by code.
func ChecksOf(c dose.Contents, p *dose.Program, r *dose.Range, once, bridge *dose.Dose, old dose.Contents) ([]Check, error) {
	var mean, worst units.Volume
	if p != nil {
		var err error
		if mean, err = p.MeanDay(); err != nil {
			return nil, refuse(ErrArith, "%v", err)
		}
		most, err := p.WorstCase(r)
		if err != nil {
			return nil, refuse(ErrArith, "%v", err)
		}
		worst = most.Day
	}
	codes := codesOf(c)
	if bridge != nil {
		for _, code := range codesOf(old) {
			if !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
		slices.Sort(codes)
	}
	out := make([]Check, 0, len(codes))
	for _, code := range codes {
		line := Check{Code: code}
		for _, n := range [...]struct {
			into  *units.Mass
			v     units.Volume
			conc  units.Conc
			round units.Rounding
		}{
			{&line.Day, mean, c.Conc(code), units.Nearest},
			{&line.Worst, worst, c.Conc(code), units.Ceil},
			{&line.Once, volumeOf(once), c.Conc(code), units.Nearest},
			{&line.Bridge, volumeOf(bridge), old.Conc(code), units.Nearest},
		} {
			m, err := n.v.Mass(n.conc, n.round)
			if err != nil {
				return nil, refuse(ErrArith, "%s: %v", code, err)
			}
			*n.into = m
		}
		out = append(out, line)
	}
	return out, nil
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
func figures(c dose.Contents, p *dose.Program, r *dose.Range) (map[dose.Code]figure, error) {
	lines, err := ChecksOf(c, p, r, nil, nil, dose.Contents{})
	if err != nil {
		return nil, err
	}
	out := map[dose.Code]figure{}
	for _, l := range lines {
		out[l.Code] = figure{day: l.Day, worst: l.Worst}
	}
	return out, nil
}
