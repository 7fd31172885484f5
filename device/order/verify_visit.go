package order

import (
	"cisterna/device/dose"
	"cisterna/device/units"
)

// visit checks what belongs to a visit alone: that the second branch changes no
// dose, and that the measured volumes permit the branch that was chosen.
func (x *exam) visit() error {
	v := x.p.Visit
	if err := x.sameDose(&v.Same); err != nil {
		return err
	}
	filled := x.filled()
	if filled > x.v.Rule.Capacity {
		return refuse(ErrVolume, "%s into a reservoir of %s", filled, x.v.Rule.Capacity)
	}
	b := x.branch()
	if need := volumeOf(b.Prime) + volumeOf(b.Bridge); need > filled {
		return refuse(ErrVolume, "priming and bridge take %s of %s", need, filled)
	}
	if x.r.Branch == BranchPlanned {
		return x.plannedVolumes()
	}
	return nil
}

// filled returns the volume in the reservoir after the visit; of a proposal, the
// least that it allows.
func (x *exam) filled() units.Volume {
	if m := x.r.Measured; m != nil {
		return m.Filled
	}
	return x.p.Visit.Bounds.FilledMin
}

// branch returns the branch that the release names; of a proposal, the planned
// one.
func (x *exam) branch() *Branch {
	if x.r.Branch == BranchSame {
		return &x.p.Visit.Same
	}
	return &x.p.Visit.Planned
}

// plannedVolumes checks that what was found permits the planned branch: within
// the prescription's bounds, and no critical discrepancy.
func (x *exam) plannedVolumes() error {
	m, b := x.r.Measured, &x.p.Visit.Bounds
	if m.Aspirated < b.AspiratedMin || m.Aspirated > b.AspiratedMax {
		return refuse(ErrBounds, "%s aspirated, planned for %s to %s: only the same dose", m.Aspirated, b.AspiratedMin, b.AspiratedMax)
	}
	if m.Filled < b.FilledMin || m.Filled > b.FilledMax {
		return refuse(ErrBounds, "%s filled, planned for %s to %s: only the same dose", m.Filled, b.FilledMin, b.FilledMax)
	}
	if Critical(x.v.Fill, x.v.Volume, m.Aspirated) {
		return refuse(ErrBounds, "%s aspirated, %s expected: a critical discrepancy permits only the same dose", m.Aspirated, x.v.Volume)
	}
	return nil
}

// Critical reports whether what was aspirated contradicts what a pump reckons so
// far that its delivery is in doubt (reference/domain.md 3.2): delivered less
// than 0.80 of what it should have, with more than 2 mL too much left; or more
// than 1.20 of it; or nothing found where more than 2 mL should be. A pump that
// was never filled contradicts nothing.
func Critical(fill, expected, aspirated units.Volume) bool {
	const much = 2 * units.Millilitre
	if fill == 0 {
		return false
	}
	if aspirated == 0 && expected > much {
		return true
	}
	should, did := int64(fill-expected), int64(fill-aspirated)
	if aspirated-expected > much && did*10 < should*8 {
		return true
	}
	return did*10 > should*12 && did-should > int64(units.Millilitre)
}

// sameDose checks that a branch gives of every ingredient what runs now, as near
// as whole nanolitres allow, and where nothing runs, nothing.
func (x *exam) sameDose(b *Branch) error {
	before, after := x.running(), figures(b.Contents, &b.Program, &x.v.Range)
	if len(before) == 0 {
		if b.Program.Mode != dose.Stopped && b.Program.Mode != dose.Minimum {
			return refuse(ErrLimit, "nothing runs, so the same dose is none")
		}
		return nil
	}
	if len(b.Contents.Ingredients) != len(before) {
		return refuse(ErrLimit, "the same dose needs the same ingredients")
	}
	for _, g := range b.Contents.Ingredients {
		was, there := before[g.Code]
		is := after[g.Code]
		if !there {
			return refuse(ErrLimit, "%s is not what runs: the same dose needs the same ingredients", g.Code)
		}
		slack := x.rounding(g, b)
		if apart(was.day, is.day) > slack || apart(was.worst, is.worst) > slack {
			return refuse(ErrLimit, "%s: %s a day is not the same dose as %s", g.Code, is.day, was.day)
		}
	}
	return nil
}

// rounding returns how far two programs of the same dose may be apart: a
// nanolitre of the more concentrated fluid for every segment and patient bolus of
// either.
func (x *exam) rounding(g dose.Ingredient, b *Branch) units.Mass {
	conc := max(int64(g.Conc), int64(x.v.State.Contents.Conc(g.Code)))
	n := int64(parts(&b.Program) + parts(&x.v.State.Program))
	return units.Mass(conc*n/int64(units.Millilitre) + 1) // 10⁸ ng/mL × 354
}

func parts(p *dose.Program) int {
	n := len(p.Segments) + 1
	if p.PTM != nil {
		n += int(p.PTM.Max24h)
	}
	return n
}

func apart(a, b units.Mass) units.Mass { return max(a-b, b-a) }
