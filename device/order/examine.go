package order

import "errors"

// Finding is what a proposal would come to if it were signed now.
type Finding struct {
	Class    Class   // of people that it needs
	Policy   Policy  // and what the keyset asks of them
	Effect   *Effect // what it would change
	Refusals []Found // what stands in its way, in the order of the steps; empty if nothing does
}

// Found is one refusal that a pump would give.
type Found struct {
	Step int `json:"step"`
	Refusal
}

// Examine checks a proposal before anybody has signed it: by the same code, on
// the same view, as Verify, without signatures, counter and window. A visit is
// examined as planned. What it finds does not end it, so that a person mends
// everything at once.
func Examine(p *Prescription, v *View) Finding {
	x := exam{v: v, out: Verdict{Memory: v.Memory}, keyset: &v.Keyset}
	x.r.IssuedAt = v.Now
	var out Finding
	for _, s := range []step{
		{StepDocuments, func() (err error) { x.p, err = DecodePrescription(p.Encode()); return err }},
		{StepAddress, x.address},
		{StepBinding, x.binding},
		{StepKeyset, x.keysetInForce},
		{StepTime, x.life},
		{StepState, x.state},
		{StepLimits, x.examine},
		{StepQuorum, func() (err error) { out.Class = x.class(); out.Policy, err = x.policy(out.Class); return err }},
		{StepCondition, x.condition},
	} {
		x.out.Step = s.no
		err := s.check()
		if r, ok := errors.AsType[*Refusal](err); ok {
			out.Refusals = append(out.Refusals, Found{Step: x.out.Step, Refusal: *r})
		}
		if err != nil && s.no == StepDocuments {
			return out // nothing else can be said of it
		}
	}
	if len(out.Refusals) == 0 {
		out.Effect = x.effect()
	}
	return out
}
