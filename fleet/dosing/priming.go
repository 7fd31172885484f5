package dosing

import (
	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
)

// priming refuses a priming bolus that the way to the catheter's tip does not hold:
// what is more of it reaches the patient within minutes, and no limit of the drug
// library counts it. A pump does not know its catheter, so this check is the
// server's; the verifier enters the amounts from another source.
func (sit *situation) priming(p *order.Prescription) []order.Found {
	refuse := func(detail string) []order.Found {
		return []order.Found{{Step: order.StepLimits, Refusal: order.Refusal{Code: order.ErrLimit, Detail: detail}}}
	}
	path, err := sit.path(0)
	if err != nil {
		return refuse(err.Error())
	}
	most := path.Volume
	switch {
	case p.Act == order.ActPrime && p.Dose != nil:
		if most == 0 {
			return refuse("the implanted length of the catheter is not on record, so nobody can say what a priming bolus may hold: note it on the pump's page first")
		}
		if p.Dose.Volume > most {
			return refuse(tooMuch(p.Dose.Volume, most))
		}
	case p.Act == order.ActVisit && p.Visit != nil && most > 0:
		for _, b := range [...]*order.Branch{&p.Visit.Planned, &p.Visit.Same} {
			if b.Prime != nil && b.Prime.Volume > most {
				return refuse(tooMuch(b.Prime.Volume, most))
			}
			if detail := sit.clears(b, most); detail != "" {
				return []order.Found{{Step: order.StepLimits, Refusal: order.Refusal{Code: order.ErrBridge, Detail: detail}}}
			}
		}
	}
	return nil
}

// clears refuses stages of a branch with other contents that do not push out exactly
// what the path holds: with less, old fluid is left to the pace of the new program,
// and with more, new fluid leaves at the pace of the old. The pump takes the sum for
// the path's volume, which it does not know.
func (sit *situation) clears(b *order.Branch, path units.Volume) string {
	if old := sit.view.State.Contents; old.Empty() || b.Contents.Equal(old) || b.Prime == nil && b.Bridge == nil {
		return ""
	}
	sum := units.Volume(0)
	for _, d := range [...]*dose.Dose{b.Prime, b.Bridge} {
		if d != nil {
			sum += d.Volume
		}
	}
	if sum == path {
		return ""
	}
	return "priming and bridge push out " + sum.String() + ": tubing and catheter hold " + path.String() + ", so that old fluid would be left to the pace of the new program, or new fluid leave at the pace of the old"
}

func tooMuch(v, most units.Volume) string {
	return "a priming bolus of " + v.String() + ": tubing and catheter hold " + most.String() + ", and the rest would go to the patient within minutes"
}
