package library

import (
	"slices"
	"testing"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/internal/errs"
)

// TestSampleHasNoFaults: the sample can be kept as it is, and every number that can
// be ordered by has a source.
func TestSampleHasNoFaults(t *testing.T) {
	c := Content{Library: Sample(now), Annex: SampleAnnex(), Note: "as it is"}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	sourced := map[string]bool{}
	for i := range c.Annex.Sources {
		sourced[c.Annex.Sources[i].place()] = true
	}
	for i := range c.Library.Drugs {
		d := &c.Library.Drugs[i]
		for _, x := range d.Limits {
			for field, there := range map[string]bool{
				"hard_day_ng": true, "hard_hour_ng": x.HardHour < x.HardDay, "soft_day_ng": x.SoftDay > 0, "hard_step_ng": x.HardStep > 0, "soft_step_ng": x.SoftStep > 0,
				"hard_step_permille": x.HardStepPM > 0, "soft_step_permille": x.SoftStepPM > 0,
			} {
				s := Source{Drug: d.Code, Group: x.Group, Route: x.Route, Field: field}
				if there != sourced[s.place()] {
					t.Errorf("%s, %s, %s: there %v, with a source %v", d.Name, x.Group, field, there, sourced[s.place()])
				}
			}
		}
	}
}

// TestFaultsNameTheirField: each thing that is wrong is said at its own field, and
// nothing passes that a pump would refuse.
func TestFaultsNameTheirField(t *testing.T) {
	limit := func(c *Content) *order.DrugLimit { return &c.Library.Drugs[0].Limits[0] }
	for _, c := range []struct {
		field string
		spoil func(*Content)
	}{
		{"note", func(c *Content) { c.Note = "" }},
		{"library.name", func(c *Content) { c.Library.Name = "" }},
		{"library.drugs", func(c *Content) { c.Library.Drugs, c.Library.Mixtures, c.Annex = nil, nil, Annex{} }},
		{"library.drugs[1].code", func(c *Content) { c.Library.Drugs[1].Code = 1 }},
		{"library.drugs[0].name", func(c *Content) { c.Library.Drugs[0].Name = "" }},
		{"library.drugs[0].unit", func(c *Content) { c.Library.Drugs[0].Unit = "g" }},
		{"library.drugs[0].decimals", func(c *Content) { c.Library.Drugs[0].Decimals = 5 }},
		{"library.drugs[0].source", func(c *Content) { c.Library.Drugs[0].Source = "" }},
		{"library.drugs[0].max_conc_ng_ml", func(c *Content) { c.Library.Drugs[0].MaxConc = 0 }},
		{"library.drugs[0].max_conc_ng_ml", func(c *Content) { c.Library.Drugs[0].MaxConc = dose.MaxConc + 1 }},
		{"library.drugs[0].concs_ng_ml[0]", func(c *Content) { c.Library.Drugs[0].Concs = []units.Conc{c.Library.Drugs[0].MaxConc + 1} }},
		{"library.drugs[0].stability_s", func(c *Content) { c.Library.Drugs[0].Stability = 367 * units.Day }},
		{"library.drugs[0].fallback_permille", func(c *Content) { c.Library.Drugs[0].Fallback = 1001 }},
		{"library.drugs[0].restricted", func(c *Content) { c.Library.Drugs[0].Restricted = true }},
		{"library.drugs[11].limits", func(c *Content) { c.Library.Drugs[11].Limits = nil }},
		{"library.drugs[0].limits[1].group", func(c *Content) { c.Library.Drugs[0].Limits[1] = *limit(c) }},
		{"library.drugs[0].limits[0].group", func(c *Content) { limit(c).Group = 9 }},
		{"library.drugs[0].limits[0].route", func(c *Content) { limit(c).Route = 9 }},
		{"library.drugs[0].limits[0].hard_day_ng", func(c *Content) { limit(c).HardDay, limit(c).SoftDay, limit(c).HardHour = 0, 0, 1 }},
		{"library.drugs[0].limits[0].hard_day_ng", func(c *Content) { limit(c).HardDay = maxMass + 1 }},
		{"library.drugs[0].limits[0].hard_hour_ng", func(c *Content) { limit(c).HardHour = limit(c).HardDay + 1 }},
		{"library.drugs[0].limits[0].soft_day_ng", func(c *Content) { limit(c).SoftDay = limit(c).HardDay + 1 }},
		{"library.drugs[0].limits[0].soft_bolus_ng", func(c *Content) { limit(c).HardBolus, limit(c).SoftBolus = 1, 2 }},
		{"library.drugs[0].limits[0].soft_step_ng", func(c *Content) { limit(c).HardStep, limit(c).SoftStep = 1, 2 }},
		{"library.drugs[0].limits[0].soft_step_permille", func(c *Content) { limit(c).SoftStepPM = 1001 }},
		{"library.drugs[0].limits[0].hard_step_permille", func(c *Content) { limit(c).HardStepPM = 10_001 }},
		{"library.drugs[0].limits[0].ptm_min_lockout_s", func(c *Content) { limit(c).MinLockout = units.Week + 1 }},
		{"library.drugs[0].limits[0].ptm_max_24h", func(c *Content) { limit(c).MaxPTM = dose.MaxPTM + 1 }},
		{"library.mixtures[0].codes", func(c *Content) { c.Library.Mixtures[0].Codes = []dose.Code{1} }},
		{"library.mixtures[0].codes", func(c *Content) { c.Library.Mixtures[0].Codes = []dose.Code{1, 999} }},
		{"library.mixtures[1].codes", func(c *Content) { c.Library.Mixtures[1].Codes = []dose.Code{7, 1} }},
		{"library.mixtures[0].stability_s", func(c *Content) { c.Library.Mixtures[0].Stability = 0 }},
		{"annex.sources[0].source", func(c *Content) { c.Annex.Sources[0].Source = "" }},
		{"annex.sources[0].confidence", func(c *Content) { c.Annex.Sources[0].Confidence = "sure" }},
		{"annex.sources[0].field", func(c *Content) { c.Annex.Sources[0].Drug = 999 }},
		{"annex.sources[1].field", func(c *Content) { c.Annex.Sources[1] = c.Annex.Sources[0] }},
		{"annex.paces[0].drug", func(c *Content) { c.Annex.Paces[0].Drug = dose.Ketamine }},
		{"annex.paces[0].min_gap_s", func(c *Content) { c.Annex.Paces[0].MinGap = 29 * units.Day }},
	} {
		x := Content{Library: Sample(now), Annex: SampleAnnex(), Note: "x"}
		c.spoil(&x)
		err := x.check()
		var fields []string
		if e, ok := err.(*errs.Error); ok { //nolint:errorlint // check returns nothing else
			for _, f := range e.Fields {
				fields = append(fields, f.Name)
			}
		}
		if !slices.Contains(fields, c.field) {
			t.Errorf("%s: %v", c.field, fields)
		}
	}
}

// TestNothingPassesThatAPumpRefuses: what has no faults is a library to a pump.
func TestNothingPassesThatAPumpRefuses(t *testing.T) {
	c := Content{Library: Sample(now), Annex: SampleAnnex(), Note: "turned around"}
	slices.Reverse(c.Library.Drugs)
	for i := range c.Library.Drugs {
		slices.Reverse(c.Library.Drugs[i].Limits)
	}
	slices.Reverse(c.Library.Mixtures[1].Codes)
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	if _, err := order.DecodeLibrary(c.Library.Encode()); err != nil {
		t.Errorf("a pump refuses what has no faults: %v", err)
	}
}
