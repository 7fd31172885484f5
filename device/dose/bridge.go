package dose

import (
	"cisterna/device/units"
)

// Path is the way from the reservoir's outlet to the catheter's tip.
type Path struct {
	Tubing   units.Volume `json:"tubing_nl"`      // inside the pump
	PerCM    units.Volume `json:"catheter_nl_cm"` // of catheter
	LengthMM int64        `json:"catheter_mm"`    // implanted length, after trimming
}

// Catheter returns the volume of the catheter, to the nearest nL. It is also
// what a priming bolus of a pump that is itself primed needs.
func (p Path) Catheter() (units.Volume, error) {
	if p.LengthMM < 0 || p.LengthMM > 2_000 || p.Tubing < 0 || p.Tubing > MaxVolume {
		return 0, refusef(BadForm, "catheter_mm", "a catheter of %d mm and a tubing of %s", p.LengthMM, p.Tubing)
	}
	v, err := units.Scale(p.PerCM, p.LengthMM, 10, units.Nearest)
	if err != nil || v > MaxVolume {
		return 0, refusef(BadForm, "catheter_nl_cm", "a catheter of %s per cm", p.PerCM)
	}
	return v, nil
}

// Volume returns tubing and catheter together: what a new pump is primed with,
// and how much old fluid is still ahead of a new one.
func (p Path) Volume() (units.Volume, error) {
	v, err := p.Catheter()
	if err != nil {
		return 0, err
	}
	return p.Tubing + v, nil
}

// A BridgePlan clears the old fluid out of tubing and catheter at the speed that
// gives the patient the dose wanted meanwhile.
type BridgePlan struct {
	Dose   Dose      // old fluid, over the time it takes
	Amount []Portion // what that volume holds, per old ingredient, rounded to the nearest ng
	PerDay []Portion // what a day of it gives, per old ingredient, rounded up
}

// PlanBridge computes the bridge for a volume of old fluid. target is the daily
// dose of one of its ingredients wanted while it leaves; where the new contents
// hold other drugs, choose the ingredient that must not pass its dose, and look
// at PerDay for the rest. The duration is rounded up to a whole second, so the
// target is never passed.
func PlanBridge(v units.Volume, old Contents, of Code, target units.Mass) (BridgePlan, error) {
	if err := old.Validate(); err != nil {
		return BridgePlan{}, err
	}
	conc := old.Conc(of)
	if v <= 0 || v > MaxVolume || conc == 0 || target <= 0 {
		return BridgePlan{}, refusef(BadBridge, "bridge", "a bridge of %s at %s a day of %s", v, target, of)
	}
	// T = V × C ÷ D days. V×C÷10⁶ ng would round before it is divided, so the
	// daily volume is never computed: s = V × C × 86400 ÷ (D × 10⁶).
	perSecond, err := units.MulDiv(int64(conc), int64(units.Day), 1, units.Floor)
	if err != nil {
		return BridgePlan{}, refusef(NumberTooLarge, "bridge", "%v", err)
	}
	divisor, err := units.MulDiv(int64(target), int64(units.Millilitre), 1, units.Floor)
	if err != nil {
		return BridgePlan{}, refusef(NumberTooLarge, "bridge", "%v", err)
	}
	d, err := units.MulDiv(int64(v), perSecond, divisor, units.Ceil)
	if err != nil || d > int64(MaxDuration) {
		return BridgePlan{}, refusef(BadBridge, "bridge", "%s at %s a day takes longer than %s", v, target, MaxDuration)
	}
	plan := BridgePlan{Dose: Dose{Volume: v, Duration: units.Seconds(d)}}
	if plan.Amount, err = old.Portions(v, units.Nearest); err != nil {
		return BridgePlan{}, err
	}
	for _, g := range old.Ingredients {
		perDay, err := PerDay(plan.Dose, g.Conc)
		if err != nil {
			return BridgePlan{}, err
		}
		plan.PerDay = append(plan.PerDay, Portion{Code: g.Code, Mass: perDay})
	}
	return plan, nil
}

// PerDay returns what a day of a dose at its pace gives of an ingredient of a
// concentration, rounded up. The dose must have its form.
func PerDay(d Dose, c units.Conc) (units.Mass, error) {
	all, err1 := units.MulDiv(int64(c), int64(units.Day), 1, units.Floor)
	span, err2 := units.MulDiv(int64(d.Duration), int64(units.Millilitre), 1, units.Floor)
	perDay, err3 := units.MulDiv(int64(d.Volume), all, span, units.Ceil)
	if err1 != nil || err2 != nil || err3 != nil {
		return 0, refusef(NumberTooLarge, "bridge", "%s over %s at %s is no dose of a day", d.Volume, d.Duration, c)
	}
	return units.Mass(perDay), nil
}

// Unbridged says what happens if a program made for new contents starts while
// the path still holds the old: the daily dose of the ingredient that the
// patient gets, and for how long. Both are rounded to the nearest.
func Unbridged(path units.Volume, old, now Contents, of Code, perDay units.Mass) (units.Mass, units.Seconds, error) {
	before, after := old.Conc(of), now.Conc(of)
	if path <= 0 || after == 0 || perDay <= 0 {
		return 0, 0, refusef(BadBridge, "bridge", "%s of %s a day at %s", path, perDay, after)
	}
	got, err := units.Scale(perDay, int64(before), int64(after), units.Nearest)
	if err != nil {
		return 0, 0, refusef(NumberTooLarge, "bridge", "%v", err)
	}
	rate, err := perDay.Volume(after, units.Nearest)
	if err != nil || rate == 0 {
		return 0, 0, refusef(NumberTooLarge, "bridge", "%s at %s is no rate", perDay, after)
	}
	d, err := units.MulDiv(int64(path), int64(units.Day), int64(rate), units.Nearest)
	if err != nil {
		return 0, 0, refusef(NumberTooLarge, "bridge", "%v", err)
	}
	return got, units.Seconds(d), nil
}

// Mix returns what a reservoir holds after v of fresh contents were filled onto
// a rest of old ones without rinsing. Concentrations are rounded to the nearest
// ng/mL; the primary ingredient is that of the fresh contents.
func Mix(v units.Volume, fresh Contents, rest units.Volume, old Contents) (Contents, error) {
	if err := fresh.Validate(); err != nil {
		return Contents{}, err
	}
	if err := old.Validate(); err != nil {
		return Contents{}, err
	}
	if v <= 0 || v > MaxVolume || rest < 0 || rest > MaxVolume {
		return Contents{}, refusef(BadForm, "volume_nl", "%s onto %s", v, rest)
	}
	out := Contents{Route: fresh.Route}
	i, j := 0, 0
	for i < len(fresh.Ingredients) || j < len(old.Ingredients) {
		code := nextCode(fresh.Ingredients[i:], old.Ingredients[j:])
		if i < len(fresh.Ingredients) && fresh.Ingredients[i].Code == code {
			if uint8(i) == fresh.Primary {
				out.Primary = uint8(len(out.Ingredients))
			}
			i++
		}
		if j < len(old.Ingredients) && old.Ingredients[j].Code == code {
			j++
		}
		// Both products stay under 10⁸ nL × 10⁸ ng/mL.
		held := int64(v)*int64(fresh.Conc(code)) + int64(rest)*int64(old.Conc(code))
		conc, err := units.MulDiv(held, 1, int64(v+rest), units.Nearest)
		if err != nil {
			return Contents{}, refusef(NumberTooLarge, "volume_nl", "%v", err)
		}
		// What is there is never rounded away.
		out.Ingredients = append(out.Ingredients, Ingredient{Code: code, Conc: units.Conc(max(conc, 1))})
	}
	if err := out.Validate(); err != nil {
		return Contents{}, err
	}
	return out, nil
}

func nextCode(a, b []Ingredient) Code {
	switch {
	case len(a) == 0:
		return b[0].Code
	case len(b) == 0:
		return a[0].Code
	}
	return min(a[0].Code, b[0].Code)
}
