package dosing

import (
	"context"
	"slices"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/fleet/refusal"
	"cisterna/internal/auth"
)

// Refill is what a clinician says of a refill visit. The rest of the visit's order
// follows by arithmetic (reference/domain.md 1.3 and 3.2), which Plan shows.
type Refill struct {
	Group    order.Group   `json:"group"`
	Contents dose.Contents `json:"contents"` // of the syringe
	Program  dose.Program  `json:"program"`  // for these contents
	Filled   units.Volume  `json:"filled_nl"`
	Residual *units.Volume `json:"residual_nl,omitempty"` // expected to be aspirated; absent: what the pump reckons now
	Rinse    units.Volume  `json:"rinse_nl,omitempty"`
	Catheter int64         `json:"catheter_mm,omitempty"` // implanted length; 0: as the registry has it
	Prime    PrimeOf       `json:"prime,omitempty"`
	PrimeS   units.Seconds `json:"prime_s,omitempty"`   // over which it is primed
	Target   units.Mass    `json:"target_ng,omitempty"` // a day of Of while the bridge runs; 0: computed
	Of       dose.Code     `json:"target_code,omitempty"`
	NoBridge bool          `json:"no_bridge,omitempty"` // although other contents come in: the priming clears the path
}

// PrimeOf says how much of the way to the catheter's tip a priming bolus fills.
type PrimeOf string

// What can be primed.
const (
	PrimeNothing  PrimeOf = ""
	PrimeCatheter PrimeOf = "catheter" // the pump itself is primed
	PrimePath     PrimeOf = "path"     // a new pump: tubing and catheter
)

// RefillPlan is a visit with the arithmetic that led to it.
type RefillPlan struct {
	Visit     order.Visit    `json:"visit"`
	Path      PathFigures    `json:"path"`
	Old       *dose.Contents `json:"old,omitempty"`         // in the reservoir and the path now
	Reckoned  units.Volume   `json:"reckoned_nl"`           // in the reservoir now, by the pump
	Tolerance units.Volume   `json:"tolerance_nl"`          // by which the aspirated volume may differ
	Bridge    *Bridging      `json:"bridge,omitempty"`      // of the branch as planned
	Same      *Bridging      `json:"same_bridge,omitempty"` // of the branch with the same dose
	SameIsOld bool           `json:"same_is_old,omitempty"` // that branch fills the old contents again: the new ones cannot give the same dose
	Unbridged []Unbridged    `json:"unbridged,omitempty"`   // what the patient would get without a bridge
	Left      units.Volume   `json:"left_nl"`               // that no needle aspirates
	Mixed     *dose.Contents `json:"mixed,omitempty"`       // what the reservoir would hold if it is not rinsed
}

// Unbridged is what happens to an ingredient if the new program starts while the
// path still holds the old fluid.
type Unbridged struct {
	Code   dose.Code     `json:"code"`
	PerDay units.Mass    `json:"per_day_ng"`
	For    units.Seconds `json:"for_s"`
}

// Plan computes a refill visit: bounds of the measured volumes, priming, the bridge
// and the branch with the same dose. What stands in the path already is taken on:
// the bridge is for all of it. Nothing is kept. Errors: Conflict if a bridge
// runs and the pump does not say of what; Invalid names the field.
func (s *Service) Plan(ctx context.Context, actor auth.Actor, on int64, r Refill) (RefillPlan, error) {
	p, err := s.Registry.Pump(ctx, actor.Scope(), on)
	if err != nil {
		return RefillPlan{}, err
	}
	if err := may(actor, p.Site, "pump", checkers...); err != nil {
		return RefillPlan{}, err
	}
	sit, err := s.read(ctx, actor.Scope(), on)
	if err != nil {
		return RefillPlan{}, err
	}
	return sit.plan(r)
}

func (sit *situation) plan(r Refill) (RefillPlan, error) {
	w := Wish{Program: &r.Program, Contents: &r.Contents}
	if err := w.form(); err != nil {
		return RefillPlan{}, err
	}
	if sit.stands() && sit.view.Left() == 0 {
		return RefillPlan{}, refusal.Conflict(refusal.Bridge, "A bridge runs in pump %s, and the pump does not say what stands in its path. Plan the refill for when it has ended.", sit.pump.Serial)
	}
	out := RefillPlan{Reckoned: sit.view.Volume, Left: sit.profile.Reservoir.Residual}
	if old := sit.view.State.Contents; !old.Empty() {
		out.Old = &old
	}
	var err error
	if out.Path, err = sit.path(r.Catheter); err != nil {
		return out, err
	}
	if out.Visit.Bounds, out.Tolerance, err = sit.bounds(&r); err != nil {
		return out, err
	}
	out.Visit.Rinse = r.Rinse
	out.Visit.Planned = order.Branch{Contents: r.Contents, Program: r.Program}
	if err := sit.prime(&out, &r); err != nil {
		return out, err
	}
	if err := sit.bridges(&out, &r); err != nil {
		return out, err
	}
	return out, sit.mixed(&out, &r)
}

// prime adds the priming bolus.
func (sit *situation) prime(out *RefillPlan, r *Refill) error {
	if r.Prime == PrimeNothing {
		return nil
	}
	v := out.Path.Volume
	switch r.Prime {
	case PrimeCatheter:
		v = out.Path.CatheterNL
	case PrimePath, PrimeNothing:
	default:
		return refusal.Invalid("prime", "A priming bolus fills the catheter or the whole path.")
	}
	if v <= 0 {
		return refusal.Invalid("catheter_mm", "The implanted length of the catheter is not on record. Enter it from the implant record; without it nobody knows what a priming bolus holds.")
	}
	over := r.PrimeS
	if over == 0 {
		least, err := units.MulDiv(int64(v), int64(units.Day), int64(sit.profile.Range.Max), units.Ceil)
		if err != nil {
			return refusal.Invalid("prime_s", "The time of a priming bolus of %s cannot be computed.", v)
		}
		over = units.Seconds((least + 59) / 60 * 60) // as fast as the pump may, to the minute
	}
	out.Visit.Planned.Prime = &dose.Dose{Volume: v, Duration: over}
	return nil
}

// bridges adds the bridge where other contents follow old ones, and the branch
// with the same dose.
func (sit *situation) bridges(out *RefillPlan, r *Refill) error {
	old, running := sit.view.State.Contents, sit.runs()
	same := order.Branch{Contents: old, Program: sit.view.State.Program}
	other := !old.Empty() && !r.Contents.Equal(old)
	if old.Empty() {
		same.Contents = r.Contents
	}
	if other && running {
		if scaled, ok := scale(sit.view.State.Program, old, r.Contents); ok {
			same = order.Branch{Contents: r.Contents, Program: scaled}
		} else {
			out.SameIsOld = true
		}
	}
	// What must flow until the path holds what is filled in. Behind other contents that
	// is all of the path, whatever stands in it already.
	left := sit.view.Left()
	if other {
		if out.Path.Volume <= 0 {
			return refusal.Invalid("catheter_mm", "The implanted length of the catheter is not on record. Enter it from the implant record; without it the bridge cannot be computed.")
		}
		left = out.Path.Volume
	}
	if left == 0 {
		out.Visit.Same = same
		return nil
	}
	out.Unbridged = sit.unbridged(left, r)
	// What a priming bolus pushes out, a bridge need not clear.
	rest := left
	if prime := out.Visit.Planned.Prime; prime != nil {
		rest -= prime.Volume
	}
	if !r.NoBridge && rest > 0 {
		b, err := sit.bridging(rest, &r.Program, r.Contents, r.Of, r.Target)
		if err != nil {
			return err
		}
		out.Bridge, out.Visit.Planned.Bridge = &b, &b.Dose
	}
	// The same dose needs its bridge too; of the old contents again, if something else
	// stands in the path.
	if back := same.Contents.Equal(old); running && (!back || sit.view.Left() > 0) {
		v := left
		if back {
			v = sit.view.Left()
		}
		b, err := sit.bridging(v, &same.Program, same.Contents, 0, 0)
		if err != nil {
			return err
		}
		out.Same, same.Bridge = &b, &b.Dose
	}
	out.Visit.Same = same
	return nil
}

// stands reports whether other fluid than the reservoir's stands in the path, or may:
// a pump that runs a bridge and does not say what it clears.
func (sit *situation) stands() bool { return len(sit.view.Path) > 0 || sit.report.Bridge }

// runs reports whether the pump has a program that gives a dose.
func (sit *situation) runs() bool {
	return len(sit.view.State.Program.Segments) > 0 && !sit.view.State.Contents.Empty()
}

// scale writes a program for other contents so that it gives the same dose of every
// ingredient. ok is false if no program can.
func scale(p dose.Program, old, now dose.Contents) (dose.Program, bool) {
	if len(old.Ingredients) != len(now.Ingredients) || old.Route != now.Route || old.Empty() {
		return p, false
	}
	a, b := int64(old.Ingredients[0].Conc), int64(now.Conc(old.Ingredients[0].Code))
	for _, g := range old.Ingredients {
		left, err1 := units.MulDiv(int64(g.Conc), b, 1, units.Floor)
		right, err2 := units.MulDiv(int64(now.Conc(g.Code)), a, 1, units.Floor)
		if b == 0 || err1 != nil || err2 != nil || left != right {
			return p, false
		}
	}
	segments := make([]dose.Segment, len(p.Segments))
	for i, g := range p.Segments {
		v, err := units.Scale(g.Volume, a, b, units.Nearest)
		if err != nil {
			return p, false
		}
		segments[i] = dose.Segment{Offset: g.Offset, Duration: g.Duration, Volume: v}
	}
	p.Segments = segments
	if p.PTM != nil {
		t := *p.PTM
		v, err := units.Scale(t.Volume, a, b, units.Nearest)
		if err != nil {
			return p, false
		}
		t.Volume = v
		p.PTM = &t
	}
	return p, true
}

// unbridged says for each fluid that is to leave, and for each of its ingredients that
// comes again, what the new program would give of it.
func (sit *situation) unbridged(left units.Volume, r *Refill) (out []Unbridged) {
	fluids := slices.Clone(sit.view.Path)
	if old := sit.view.State.Contents; !r.Contents.Equal(old) {
		fluids = append(fluids, order.Fluid{Contents: old, Left: left})
	}
	gone := units.Volume(0)
	for _, f := range fluids {
		for _, c := range order.ChecksOf(r.Contents, &r.Program, &sit.view.Range, nil, nil) {
			if f.Contents.Conc(c.Code) == 0 {
				continue
			}
			if got, span, err := dose.Unbridged(f.Left-gone, f.Contents, r.Contents, c.Code, c.Day); err == nil {
				out = append(out, Unbridged{Code: c.Code, PerDay: got, For: span})
			}
		}
		gone = f.Left
	}
	return out
}

// mixed says what the reservoir would hold if what cannot be aspirated stays in it.
func (sit *situation) mixed(out *RefillPlan, r *Refill) error {
	if out.Old == nil || r.Contents.Equal(*out.Old) || r.Rinse > 0 {
		return nil
	}
	m, err := dose.Mix(r.Filled, r.Contents, out.Left, *out.Old)
	if err != nil {
		return nil //nolint:nilerr // more ingredients than a reservoir may have: the order is refused for what it holds, not for this
	}
	out.Mixed = &m
	return nil
}
