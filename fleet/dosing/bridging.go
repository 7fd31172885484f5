package dosing

import (
	"errors"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/fleet/refusal"
	"cisterna/internal/errs"
)

// PathFigures is the way from the reservoir to the catheter's tip, with the
// arithmetic of reference/domain.md 1.3.
type PathFigures struct {
	Tubing     units.Volume `json:"tubing_nl"`      // inside the pump
	PerCM      units.Volume `json:"catheter_nl_cm"` // of catheter
	MM         int64        `json:"catheter_mm"`    // implanted length; 0: not on record
	CatheterNL units.Volume `json:"catheter_nl"`    // MM × PerCM
	Volume     units.Volume `json:"path_nl"`        // both together; 0 if the length is not on record
}

// path returns the figures for an implanted length, 0 for the one on record.
func (sit *situation) path(mm int64) (PathFigures, error) {
	if mm == 0 {
		mm = sit.pump.CatheterMM
	}
	p := dose.Path{Tubing: sit.profile.Path.Tubing, PerCM: sit.profile.Path.PerCM, LengthMM: mm}
	out := PathFigures{Tubing: p.Tubing, PerCM: p.PerCM, MM: mm}
	if mm == 0 {
		return out, nil
	}
	var err error
	if out.CatheterNL, err = p.Catheter(); err != nil {
		return out, refusal.Invalid("catheter_mm", "A catheter of %d mm is not plausible: 1 to 2000 mm.", mm)
	}
	out.Volume, err = p.Volume()
	return out, err
}

// Bridging is a bridge with the arithmetic that led to it.
type Bridging struct {
	Dose   dose.Dose    `json:"dose"`
	Of     dose.Code    `json:"code"`      // the ingredient that decides how long it takes
	Target units.Mass   `json:"target_ng"` // a day of it while the old fluid leaves
	Rate   units.Volume `json:"day_nl"`    // volume of a day of it, rounded down
	Lines  []BridgeLine `json:"lines"`     // per ingredient of the old fluid
}

// BridgeLine is one ingredient of the old fluid.
type BridgeLine struct {
	Code   dose.Code     `json:"code"`
	Conc   units.Conc    `json:"conc_ng_ml"`
	Amount units.Mass    `json:"amount_ng"`  // in the path
	Before units.Mass    `json:"before_ng"`  // a day, of what runs now
	After  units.Mass    `json:"after_ng"`   // a day, of the new program
	Target units.Mass    `json:"target_ng"`  // a day, not to be passed meanwhile
	Alone  units.Seconds `json:"alone_s"`    // how long the bridge would take for it alone
	PerDay units.Mass    `json:"per_day_ng"` // a day, while the bridge runs
}

// bridging computes the bridge for a volume of old fluid: what stands in the path
// already, and behind it what the reservoir holds, if other contents come in. Each
// ingredient of each has a daily dose that must not be passed meanwhile: the smaller of
// what runs now and of the new program, so that nobody gets a step by a bridge. The one
// that takes longest decides. of and asked, if they are not 0, set one's target by hand.
func (sit *situation) bridging(v units.Volume, program *dose.Program, now dose.Contents, of dose.Code, asked units.Mass) (Bridging, error) {
	after, old := sit.perDay(now, program), sit.view.State.Contents
	lines := sit.standing(after)
	if !now.Equal(old) {
		lines = append(lines, targets(old, sit.runsNow(), after)...)
	}
	found := of == 0
	for i := range lines {
		if of != 0 && lines[i].Code == of {
			found = true
			if asked > 0 {
				lines[i].Target = asked
			}
		}
	}
	if !found {
		return Bridging{}, refusal.Invalid("target_code", "The old fluid holds no such ingredient.")
	}
	return bridgeFor(v, lines)
}

// perDay returns what a program gives a day of each ingredient.
func (sit *situation) perDay(c dose.Contents, p *dose.Program) map[dose.Code]units.Mass {
	out := map[dose.Code]units.Mass{}
	for _, k := range order.ChecksOf(c, p, &sit.view.Range, nil, nil) {
		out[k.Code] = k.Day
	}
	return out
}

// runsNow returns what the program that the pump has gives a day.
func (sit *situation) runsNow() map[dose.Code]units.Mass {
	if !sit.runs() {
		return nil
	}
	return sit.perDay(sit.view.State.Contents, &sit.view.State.Program)
}

// targets returns a line for each ingredient of an old fluid.
func targets(old dose.Contents, before, after map[dose.Code]units.Mass) (out []BridgeLine) {
	for _, g := range old.Ingredients {
		line := BridgeLine{Code: g.Code, Conc: g.Conc, Before: before[g.Code], After: after[g.Code]}
		line.Target = line.Before
		if line.After > 0 && (line.Target == 0 || line.After < line.Target) {
			line.Target = line.After
		}
		out = append(out, line)
	}
	return out
}

// bridgeFor computes the bridge by which no line passes its target.
func bridgeFor(v units.Volume, lines []BridgeLine) (Bridging, error) {
	out := Bridging{Lines: lines}
	for i := range lines {
		l := &lines[i]
		if l.Target <= 0 {
			continue
		}
		plan, err := dose.PlanBridge(v, alone(l), l.Code, l.Target)
		if err != nil {
			return Bridging{}, refusal.Wrap(errs.Conflict, order.ErrBridge, err, "The bridge cannot be computed: %v.", err)
		}
		if l.Alone = plan.Dose.Duration; l.Alone > out.Dose.Duration {
			out.Dose, out.Of, out.Target = plan.Dose, l.Code, l.Target
		}
	}
	if out.Of == 0 {
		return Bridging{}, refusal.Conflict(order.ErrBridge, "Nothing runs, and the new program gives nothing of what stands in the path, so a bridge has no dose to keep. Clear the path with a priming bolus instead.")
	}
	for i := range lines {
		l := &lines[i]
		amount, err1 := out.Dose.Volume.Mass(l.Conc, units.Nearest)
		perDay, err2 := dose.PerDay(out.Dose, l.Conc)
		if err := errors.Join(err1, err2); err != nil {
			return Bridging{}, refusal.Wrap(errs.Conflict, order.ErrBridge, err, "The bridge cannot be computed: %v.", err)
		}
		l.Amount, l.PerDay = amount, perDay
	}
	rate, err := out.Dose.Volume.Over(out.Dose.Duration, units.Floor)
	out.Rate = units.Volume(rate)
	return out, err
}

// alone is one ingredient of a fluid as contents.
func alone(l *BridgeLine) dose.Contents {
	return dose.Contents{Ingredients: []dose.Ingredient{{Code: l.Code, Conc: l.Conc}}, Route: dose.Intrathecal}
}

// bounds returns within which measured volumes the branch as planned may run. The
// aspirated volume may differ by what a pump within its accuracy delivers, and by
// the millilitre that reading a syringe is good for (reference/domain.md 3.2); the
// filled one by half a millilitre.
func (sit *situation) bounds(r *Refill) (order.Bounds, units.Volume, error) {
	const reading, syringe = units.Millilitre, units.Millilitre / 2
	capacity := sit.profile.Reservoir.Capacity
	if r.Filled <= 0 || r.Filled > capacity {
		return order.Bounds{}, 0, refusal.Invalid("filled_nl", "%s into a reservoir of %s. Fill between nothing and its capacity; an overfilled pump delivers too much.", r.Filled, capacity)
	}
	expected := sit.view.Volume
	if r.Residual != nil {
		expected = *r.Residual
	}
	if expected < 0 || expected > capacity {
		return order.Bounds{}, 0, refusal.Invalid("residual_nl", "%s in a reservoir of %s.", expected, capacity)
	}
	if r.Rinse < 0 || r.Rinse > capacity {
		return order.Bounds{}, 0, refusal.Invalid("rinse_nl", "A rinse of %s in a reservoir of %s.", r.Rinse, capacity)
	}
	tolerance := reading
	if delivered := sit.view.Fill - expected; sit.view.Fill > 0 && delivered > 0 {
		high := sit.profile.Accuracy.High
		if share, err := units.Scale(delivered, int64(max(high, 1000)-1000), 1000, units.Floor); err == nil {
			tolerance = max(tolerance, share)
		}
	}
	if sit.view.State.Contents.Empty() {
		tolerance = reading
	}
	return order.Bounds{
		AspiratedMin: max(0, expected-tolerance), AspiratedMax: min(capacity, expected+tolerance),
		FilledMin: max(1, r.Filled-syringe), FilledMax: min(capacity, r.Filled+syringe),
	}, tolerance, nil
}
