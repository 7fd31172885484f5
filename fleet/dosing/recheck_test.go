package dosing

import (
	"strings"
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/fleet/library"
)

// TestViolates: what a library does not allow of a program that runs, rule by rule.
// The program is within the sample library; each case changes the library, the program,
// or what is in the pump.
func TestViolates(t *testing.T) {
	type world struct {
		lib    order.Library
		st     order.State
		groups []string
	}
	// each changes every limit of fentanyl.
	each := func(f func(*order.DrugLimit)) func(*world) {
		return func(w *world) {
			d, _ := w.lib.Drug(dose.Fentanyl)
			for i := range d.Limits {
				f(&d.Limits[i])
			}
		}
	}
	drug := func(f func(*order.Drug)) func(*world) {
		return func(w *world) { d, _ := w.lib.Drug(dose.Fentanyl); f(d) }
	}
	r := &profile.Sample("meander-p20").Range
	const bolus = 16_800 // ng, in 0.0168 mL of 1 mg/mL
	for name, c := range map[string]struct {
		change func(*world)
		code   order.Code // empty: it is allowed
		says   string
	}{
		"as it is":                       {change: func(*world) {}},
		"a patient bolus at the limit":   {change: each(func(l *order.DrugLimit) { l.HardBolus = bolus })},
		"a patient bolus above it":       {each(func(l *order.DrugLimit) { l.HardBolus = bolus - 1 }), order.ErrLimit, "a bolus with"},
		"above the soft one alone":       {change: each(func(l *order.DrugLimit) { l.SoftBolus = bolus - 1 })},
		"no patient boluses":             {each(func(l *order.DrugLimit) { l.NoPTM = true }), order.ErrLimit, "no patient boluses of fentanyl"},
		"none, and the program has none": {change: func(w *world) { each(func(l *order.DrugLimit) { l.NoPTM = true })(w); w.st.Program.PTM = nil }},
		"a longer lockout":               {each(func(l *order.DrugLimit) { l.MinLockout = 3 * units.Hour }), order.ErrLimit, "lockout"},
		"fewer patient boluses":          {each(func(l *order.DrugLimit) { l.MaxPTM = 7 }), order.ErrLimit, "8 boluses in 24 hours"},
		"a lower day":                    {each(func(l *order.DrugLimit) { l.HardDay, l.HardHour = 600_000, 600_000 }), order.ErrLimit, "in 24 hours"},
		"a lower hour":                   {each(func(l *order.DrugLimit) { l.HardHour = 30_000 }), order.ErrLimit, "in an hour"},
		"a lower day, and it is stopped": {change: func(w *world) {
			each(func(l *order.DrugLimit) { l.HardDay, l.HardHour = 1, 1 })(w)
			w.st.Program = dose.Program{Mode: dose.Stopped}
		}},
		"a lower day for one of its groups": {change: func(w *world) {
			d, _ := w.lib.Drug(dose.Fentanyl)
			d.Limits[0].HardDay, d.Limits[0].HardHour = 1, 1
			w.groups = []string{d.Limits[0].Group.String(), d.Limits[len(d.Limits)-1].Group.String()}
		}},
		"a lower day for its only group": {func(w *world) {
			d, _ := w.lib.Drug(dose.Fentanyl)
			d.Limits[0].HardDay, d.Limits[0].HardHour = 1, 1
			w.groups = []string{d.Limits[0].Group.String()}
		}, order.ErrLimit, "in 24 hours"},
		"no such drug any more":   {func(w *world) { w.lib.Drugs = w.lib.Drugs[:1] }, order.ErrLibrary, "no entry"},
		"restricted":              {drug(func(d *order.Drug) { d.Restricted = true }), order.ErrLibrary, "restricted"},
		"no limits for its route": {drug(func(d *order.Drug) { d.Limits = nil }), order.ErrLibrary, "no limits"},
		"a lower concentration":   {drug(func(d *order.Drug) { d.MaxConc = 999_999 }), order.ErrLibrary, "at most"},
		"another concentration":   {drug(func(d *order.Drug) { d.Concs = []units.Conc{500_000} }), order.ErrLibrary, "no standard concentration"},
		"given alone, and mixed here": {func(w *world) {
			drug(func(d *order.Drug) { d.Alone = true })(w)
			w.st.Contents.Ingredients = append(w.st.Contents.Ingredients, dose.Ingredient{Code: dose.Clonidine, Conc: 100_000})
		}, order.ErrLibrary, "alone"},
	} {
		w := world{lib: library.Sample(time.Unix(0, 0))}
		w.st.Contents = dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Fentanyl, Conc: 1_000_000}}, Route: dose.Intrathecal}
		w.st.Program = dose.Program{
			Mode: dose.Continuous, Cycle: units.Day, Segments: []dose.Segment{{Duration: units.Day, Volume: 560_000}},
			PTM: &dose.PTM{Volume: 16_800, Duration: 300, Lockout: 2 * units.Hour, Max24h: 8},
		}
		c.change(&w)
		switch bad := violates(&w.lib, &w.st, r, w.groups); {
		case bad == nil && c.code != "":
			t.Errorf("%s: allowed, want %s", name, c.code)
		case bad != nil && (bad.Code != c.code || !strings.Contains(bad.Detail, c.says) || c.says == ""):
			t.Errorf("%s: %v, want %q %q", name, bad, c.code, c.says)
		}
	}
}
