package order

import (
	"slices"

	"cisterna/device/dose"
	"cisterna/device/units"
)

// While a bridge runs, the patient does not get what the reservoir holds: another
// fluid stands in the path. An order is judged by the worse of both, by what the
// old fluid gives until it has gone, and by what the new contents give after.

// Pushed returns the contents that a bridge pushes out when c come after it, from
// the tip on: what stands in the path, and behind it what the reservoir holds, if c
// are other contents or nothing stands in the path.
func (v *View) Pushed(c dose.Contents) []dose.Contents {
	fluids := v.pushed(c)
	out := make([]dose.Contents, len(fluids))
	for i, f := range fluids {
		out[i] = f.Contents
	}
	return out
}

func (v *View) pushed(c dose.Contents) []Fluid {
	held := Fluid{Contents: v.State.Contents, Ceiling: v.Ceiling}
	if len(v.Path) == 0 {
		return []Fluid{held}
	}
	if c.Equal(v.State.Contents) {
		return v.Path
	}
	held.Ceiling, _ = v.Limits.Ceiling(v.State.Contents) // contents without limits get none of it
	return append(slices.Clip(v.Path), held)
}

// Left returns what must still flow until the path holds what the reservoir does.
func (v *View) Left() units.Volume {
	if n := len(v.Path); n > 0 {
		return v.Path[n-1].Left
	}
	return 0
}

// needsBridge checks that a bridge or priming is there where old fluid stands in
// the path, that it clears all of it, and that it is nowhere else.
func (x *exam) needsBridge(a *aim) error {
	if x.p.Act == ActAdopt {
		return nil // nothing is filled, and what runs stays
	}
	old := x.v.State.Contents
	other := !old.Empty() && !a.contents.Equal(old)
	if left, clears := x.v.Left(), volumeOf(a.prime)+volumeOf(a.bridge); clears < left {
		return refuse(ErrBridge, "%s of other fluid stand in the path, priming and bridge clear %s: a new program needs a bridge computed for what is left", left, clears)
	}
	if other && a.prime == nil && a.bridge == nil {
		return refuse(ErrBridge, "the path still holds the old fluid: other contents need a bridge or a priming bolus")
	}
	if other && len(x.v.Path) >= MaxPath {
		return refuse(ErrBridge, "the path holds %d fluids already", len(x.v.Path))
	}
	if a.bridge != nil && old.Empty() {
		return refuse(ErrBridge, "a bridge from nothing")
	}
	if a.bridge != nil && (a.program.Mode == dose.Stopped || a.program.Mode == dose.Minimum) {
		return refuse(ErrBridge, "a bridge leads to a program")
	}
	return nil
}

// bridge checks a bridge against the ceilings of every fluid that it pushes out, and
// as a step: by the rate at which the fluid leaves, as if it ran for a day, so that
// nobody gets a step by a bridge that a program may not take. An ingredient that the
// library does not know any more needs three people.
func (x *exam) bridge(a *aim) error {
	fluids, rate, before := x.v.pushed(a.contents), rateOf(a.bridge), x.running()
	for i, f := range fluids {
		for _, g := range f.Contents.Ingredients {
			_, l, err := x.v.Library.Library.entry(g, x.p.Group, f.Contents.Route)
			if err != nil {
				x.soft = true
				continue
			}
			is := massOf(rate, g.Conc, units.Floor)
			from := x.risesFrom(g.Code, before[g.Code].worst, is)
			if i < len(x.v.Path) && x.v.Bridge != nil {
				from = massOf(rateOf(x.v.Bridge), g.Conc, units.Floor) // the same fluid, at the pace that was approved
			}
			if err := x.oneStep(g.Code, l, from, is); err != nil {
				return err
			}
		}
	}
	for _, f := range fluids {
		for _, w := range [...]struct {
			span units.Seconds
			most units.Volume
		}{{units.Hour, f.Ceiling.Hour}, {units.Day, f.Ceiling.Day}} {
			if v := partOf(a.bridge, w.span); v > w.most {
				return refuse(ErrLimit, "a bridge with %s in %s, the ceiling of what it pushes out is %s", v, w.span, w.most)
			}
		}
	}
	return nil
}

// risesFrom returns the dose from which a rise to is counts as a step: what was
// ordered, or the less that the patient gets of it while a bridge runs. What was
// ordered before has been judged then, so it is no step again.
func (x *exam) risesFrom(c dose.Code, ordered, is units.Mass) units.Mass {
	if is <= ordered || x.v.Bridge == nil {
		return ordered
	}
	rate, from := rateOf(x.v.Bridge), ordered
	for _, f := range x.v.Path {
		from = min(from, massOf(rate, f.Contents.Conc(c), units.Floor))
	}
	return from
}
