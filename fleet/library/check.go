package library

import (
	"fmt"
	"slices"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/internal/errs"
)

// Longest texts of a library, in bytes.
const (
	maxName   = 100
	maxSource = 200
)

// maxMass is what the largest volume holds at the highest concentration, 1 kg, as
// package order bounds it.
const maxMass = units.Mass(1_000_000_000_000)

// faults collects what is wrong with a library, at the field that it is in.
type faults struct{ all []errs.Field }

func (f *faults) add(bad bool, field, format string, args ...any) {
	if bad {
		f.all = append(f.all, errs.Field{Name: field, Message: fmt.Sprintf(format, args...)})
	}
}

// Faults says everything that keeps a library from being signed, by the field that
// is to be changed. Order does not matter: Save puts entries in theirs.
func Faults(l *order.Library) []errs.Field {
	f := &faults{}
	f.add(l.Name == "" || len(l.Name) > maxName, "library.name", "Give the version a name, in at most %d characters.", maxName)
	f.add(len(l.Drugs) == 0, "library.drugs", "A library without drugs lets nobody order anything. Add one.")
	seen := map[dose.Code]bool{}
	for i := range l.Drugs {
		d, at := &l.Drugs[i], fmt.Sprintf("library.drugs[%d].", i)
		f.add(d.Code == 0, at+"code", "Give the drug its number: a site's own begin at 1000.")
		f.add(seen[d.Code], at+"code", "Number %d is there twice.", uint64(d.Code))
		seen[d.Code] = true
		f.drug(d, at)
	}
	mixed := map[string]bool{}
	for i, m := range l.Mixtures {
		at := fmt.Sprintf("library.mixtures[%d].", i)
		codes := slices.Sorted(slices.Values(m.Codes))
		name := mixtureName(codes)
		f.add(len(codes) < 2 || len(codes) > dose.MaxIngredients, at+"codes", "A mixture has two to %d drugs.", dose.MaxIngredients)
		f.add(len(slices.Compact(slices.Clone(codes))) != len(codes), at+"codes", "A drug is in this mixture twice.")
		f.add(mixed[name], at+"codes", "This mixture is there twice.")
		mixed[name] = true
		for _, c := range codes {
			f.add(!seen[c], at+"codes", "%s has no entry in this library.", c)
		}
		f.add(m.Stability <= 0 || m.Stability > maxStability, at+"stability_s", "Say how many days it may stay in a reservoir, 1 to 366.")
		f.add(m.Source == "" || len(m.Source) > maxSource, at+"source", "Say where the number comes from, in at most %d characters.", maxSource)
	}
	return f.all
}

const maxStability = 366 * units.Day

func (f *faults) drug(d *order.Drug, at string) {
	f.add(d.Name == "" || len(d.Name) > maxName, at+"name", "Give the drug its name, in at most %d characters.", maxName)
	f.add(len(d.Class) > maxName, at+"class", "At most %d characters.", maxName)
	f.add(len(d.Jurisdiction) > maxName, at+"jurisdiction", "At most %d characters.", maxName)
	f.add(d.Unit != "mg" && d.Unit != "mcg", at+"unit", "Doses are written in mg or mcg.")
	f.add(d.Decimals > 4, at+"decimals", "Doses are written with 0 to 4 decimals.")
	f.add(d.Withdrawal < dose.WithdrawalNone || d.Withdrawal > dose.WithdrawalDeadly, at+"withdrawal", "Say what an abrupt stop does.")
	f.add(d.Source == "" || len(d.Source) > maxSource, at+"source", "Say where the entry comes from, in at most %d characters.", maxSource)
	f.add(d.MaxConc < 0 || d.MaxConc > dose.MaxConc, at+"max_conc_ng_ml", "The highest concentration is at most %s.", dose.MaxConc)
	f.add(len(d.Limits) > 0 && d.MaxConc == 0, at+"max_conc_ng_ml", "A drug that can be ordered needs a highest concentration.")
	f.add(d.Stability < 0 || d.Stability > maxStability, at+"stability_s", "At most 366 days; 0 when it is not known.")
	f.add(d.Fallback > 1000, at+"fallback_permille", "One person decreases a dose by at most all of it, 1000 ‰.")
	f.add(d.Restricted && len(d.Limits) > 0, at+"restricted", "A restricted drug has no limits: no dose of it can be ordered. Remove the limits, or the restriction.")
	f.add(!d.Restricted && len(d.Limits) == 0, at+"limits", "Without limits no dose can be ordered. Add limits for a group, or mark the drug as restricted.")
	for i, c := range d.Concs {
		field := fmt.Sprintf("%sconcs_ng_ml[%d]", at, i)
		f.add(c <= 0 || c > d.MaxConc, field, "A standard concentration is above 0 and not above the highest one.")
		f.add(slices.Contains(d.Concs[:i], c), field, "This concentration is there twice.")
	}
	for i := range d.Limits {
		x, at := &d.Limits[i], fmt.Sprintf("%slimits[%d].", at, i)
		twice := slices.ContainsFunc(d.Limits[:i], func(y order.DrugLimit) bool { return y.Group == x.Group && y.Route == x.Route })
		f.add(twice, at+"group", "Limits for this group and route are there twice.")
		f.limit(x, at)
	}
}

func (f *faults) limit(x *order.DrugLimit, at string) {
	f.add(x.Group < order.GroupCancer || x.Group > order.GroupChild, at+"group", "Say whom these limits are for.")
	f.add(x.Route != dose.Intrathecal && x.Route != dose.Epidural, at+"route", "Say by which route.")
	f.add(x.HardDay <= 0, at+"hard_day_ng", "Limits need a hard limit of 24 hours.")
	f.add(x.HardHour <= 0, at+"hard_hour_ng", "Limits need a hard limit of an hour.")
	f.add(x.HardHour > 0 && x.HardDay > 0 && x.HardHour > x.HardDay, at+"hard_hour_ng", "An hour cannot allow more than 24 hours do.")
	for _, p := range [...]struct {
		soft, hard units.Mass
		name, what string
	}{
		{x.SoftDay, x.HardDay, "day_ng", "24 hours"}, {x.SoftBolus, x.HardBolus, "bolus_ng", "one bolus"}, {x.SoftStep, x.HardStep, "step_ng", "one step"},
	} {
		f.add(p.hard < 0 || p.hard > maxMass, at+"hard_"+p.name, "This is more than any reservoir holds.")
		f.add(p.soft < 0 || p.soft > maxMass, at+"soft_"+p.name, "This is more than any reservoir holds.")
		f.add(p.hard > 0 && p.soft > p.hard, at+"soft_"+p.name, "The soft limit of %s is above the hard one.", p.what)
	}
	f.add(x.HardStepPM > 10_000, at+"hard_step_permille", "At most 1000 %%.")
	f.add(x.SoftStepPM > 10_000, at+"soft_step_permille", "At most 1000 %%.")
	f.add(x.HardStepPM > 0 && x.SoftStepPM > x.HardStepPM, at+"soft_step_permille", "The soft step is above the hard one.")
	f.add(x.MinLockout < 0 || x.MinLockout > units.Week, at+"ptm_min_lockout_s", "A lockout lasts at most a week.")
	f.add(x.MaxPTM > dose.MaxPTM, at+"ptm_max_24h", "At most %d patient boluses in 24 hours.", dose.MaxPTM)
}

// arrange puts the lists of a library in the order that its form asks for.
func arrange(l *order.Library) {
	slices.SortFunc(l.Drugs, func(a, b order.Drug) int { return int(int64(a.Code) - int64(b.Code)) })
	for i := range l.Drugs {
		d := &l.Drugs[i]
		slices.Sort(d.Concs)
		slices.SortFunc(d.Limits, func(a, b order.DrugLimit) int { return int(a.Group)<<8 + int(a.Route) - int(b.Group)<<8 - int(b.Route) })
	}
	for i := range l.Mixtures {
		slices.Sort(l.Mixtures[i].Codes)
	}
}
