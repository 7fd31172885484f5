package order

import (
	"cisterna/device/dose"
	"cisterna/device/units"
)

// Permits checks a program that runs against the library, as an order for the same
// program would be: contents, mixture and concentrations, the worst case against the
// hard limits of a group, and one patient bolus. Soft limits are left out: whoever
// ordered it may have had a reason. It returns a *Refusal, or what package dose says.
func (l *Library) Permits(c dose.Contents, g Group, p *dose.Program, r *dose.Range) error {
	all, err := l.entries(c, g)
	if err != nil {
		return err
	}
	if p.Mode != dose.Stopped {
		most := ceilings(all)
		if err := dose.Check(p, c, r, &most); err != nil {
			return doseRefusal(err)
		}
	}
	if p.PTM == nil {
		return nil
	}
	for i := range all {
		if err := all[i].hardBolus(p.PTM.Volume, true); err != nil {
			return err
		}
	}
	return nil
}

// hardBolus checks one bolus of a volume against the hard limits of an ingredient.
func (g *entry) hardBolus(v units.Volume, patient bool) error {
	if patient && g.limit.NoPTM {
		return refuse(ErrLimit, "the library allows no patient boluses of %s", g.Code)
	}
	if m := massOf(v, g.Conc, units.Ceil); g.limit.HardBolus > 0 && m > g.limit.HardBolus {
		return refuse(ErrLimit, "a bolus with %s of %s, at most %s", m, g.Code, g.limit.HardBolus)
	}
	return nil
}
