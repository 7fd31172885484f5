package dose

import (
	"math"

	"cisterna/device/units"
)

// Validate checks the form of limits: rising codes, an hour that allows no more
// than a day, known severities.
func (l *Limits) Validate() error {
	if len(l.Ingredients) > MaxIngredients {
		return refusef(BadForm, "limits", "limits for %d ingredients: at most %d", len(l.Ingredients), MaxIngredients)
	}
	for i, g := range l.Ingredients {
		switch {
		case g.Code == 0 || i > 0 && g.Code <= l.Ingredients[i-1].Code:
			return refusef(BadForm, "limits", "ingredient codes must rise and start above 0")
		case g.Max1h <= 0 || g.Max1h > g.Max24h:
			return refusef(BadForm, "limits", "%s: %s in an hour and %s in 24 hours", g.Code, g.Max1h, g.Max24h)
		case g.Withdrawal < WithdrawalNone || g.Withdrawal > WithdrawalDeadly:
			return refusef(BadForm, "limits", "%s: unknown severity of withdrawal %d", g.Code, g.Withdrawal)
		}
	}
	if l.MaxRate < 0 || l.MinLockout < 0 || l.MinLockout > units.Week {
		return refusef(BadForm, "limits", "a highest rate of %s and a lockout of %s", l.MaxRate, l.MinLockout)
	}
	return nil
}

// For returns the limit of one ingredient.
func (l *Limits) For(code Code) (Limit, bool) {
	for _, g := range l.Ingredients {
		if g.Code == code {
			return g, true
		}
	}
	return Limit{}, false
}

// Rate returns the highest rate that both the limits and the device allow.
func (l *Limits) Rate(r *Range) units.Rate {
	if l.MaxRate > 0 {
		return min(l.MaxRate, r.Max)
	}
	return r.Max
}

// Severity returns the gravest withdrawal among the contents' ingredients.
func (l *Limits) Severity(c Contents) Severity {
	worst := WithdrawalNone
	for _, g := range c.Ingredients {
		if limit, ok := l.For(g.Code); ok {
			worst = max(worst, limit.Withdrawal)
		} else {
			worst = max(worst, g.Code.Withdrawal())
		}
	}
	return worst
}

// Ceiling returns how much volume of the contents the limits allow: the least
// over the ingredients, rounded down. Contents with an ingredient that has no
// limit are refused.
func (l *Limits) Ceiling(c Contents) (Ceiling, error) {
	out := Ceiling{Hour: math.MaxInt64, Day: math.MaxInt64}
	for _, g := range c.Ingredients {
		limit, ok := l.For(g.Code)
		if !ok {
			return Ceiling{}, refusef(NotInLibrary, "ingredients", "%s has no limits in the drug library", g.Code)
		}
		hour, err1 := limit.Max1h.Volume(g.Conc, units.Floor)
		day, err2 := limit.Max24h.Volume(g.Conc, units.Floor)
		if err1 != nil || err2 != nil {
			return Ceiling{}, refusef(NumberTooLarge, "limits", "the limits of %s at %s are no volume", g.Code, g.Conc)
		}
		out.Hour, out.Day = min(out.Hour, hour), min(out.Day, day)
	}
	if len(c.Ingredients) == 0 {
		return Ceiling{}, refusef(BadContents, "ingredients", "the reservoir was never filled")
	}
	// No pump moves more; so the ledger's sums stay far inside 64 bits.
	out.Hour, out.Day = min(out.Hour, MaxVolume), min(out.Day, MaxVolume)
	return out, nil
}

// Check is the one check of a program: its form, the device's range, the
// library's limits of rate, lockout and count, and the worst case of every hour
// and every 24 hours against the ceilings of every ingredient. It returns nil
// or a *Refusal.
func Check(p *Program, c Contents, r *Range, l *Limits) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if err := l.Validate(); err != nil {
		return err
	}
	if err := p.validate(r, l.Rate(r)); err != nil {
		return err
	}
	if t := p.PTM; t != nil && t.Lockout < l.MinLockout {
		return refusef(LockoutTooShort, "ptm.lockout_s", "a lockout of %s: the drug library wants at least %s", t.Lockout, l.MinLockout)
	}
	if t := p.PTM; t != nil && l.MaxPTM24h > 0 && t.Max24h > l.MaxPTM24h {
		return refusef(TooManyBoluses, "ptm.max_24h", "%d boluses in 24 hours: the drug library allows %d", t.Max24h, l.MaxPTM24h)
	}
	worst, err := p.WorstCase(r)
	if err != nil {
		return err
	}
	return worst.check(c, l)
}

// check compares per ingredient, so that the refusal can name the one.
func (w Ceiling) check(c Contents, l *Limits) error {
	ceiling, err := l.Ceiling(c)
	if err != nil {
		return err
	}
	if w.Hour <= ceiling.Hour && w.Day <= ceiling.Day {
		return nil
	}
	for _, g := range c.Ingredients {
		limit, _ := l.For(g.Code)
		hour, err1 := w.Hour.Mass(g.Conc, units.Ceil)
		day, err2 := w.Day.Mass(g.Conc, units.Ceil)
		switch {
		case err1 != nil || err2 != nil:
			return refusef(NumberTooLarge, "program", "%s: the worst case is no number", g.Code)
		case day > limit.Max24h:
			return refusef(AboveDayLimit, "program", "%s: at worst %s in 24 hours, the limit is %s", g.Code, day, limit.Max24h)
		case hour > limit.Max1h:
			return refusef(AboveHourLimit, "program", "%s: at worst %s in an hour, the limit is %s", g.Code, hour, limit.Max1h)
		}
	}
	return refusef(NumberTooLarge, "program", "at worst %s in 24 hours, no pump moves more than %s", w.Day, ceiling.Day)
}
