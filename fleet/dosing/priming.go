package dosing

import (
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
		}
	}
	return nil
}

func tooMuch(v, most units.Volume) string {
	return "a priming bolus of " + v.String() + ": tubing and catheter hold " + most.String() + ", and the rest would go to the patient within minutes"
}
