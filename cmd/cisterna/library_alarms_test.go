package main

import (
	"context"
	"slices"
	"testing"

	"cisterna/device/dose"
	"cisterna/device/emulator"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/fleet/alarm"
	"cisterna/fleet/library"
	"cisterna/internal/auth"
)

// activate makes a version active that differs in what change does to the limits of
// fentanyl.
func (w *orderWorld) activate(base order.Library, change func(*order.DrugLimit)) {
	w.t.Helper()
	l := base
	l.Drugs = slices.Clone(l.Drugs)
	for i := range l.Drugs {
		if d := &l.Drugs[i]; d.Code == dose.Fentanyl {
			d.Limits = slices.Clone(d.Limits)
			for j := range d.Limits {
				change(&d.Limits[j])
			}
		}
	}
	w.replace(l)
}

// replace makes a library active.
func (w *orderWorld) replace(l order.Library) {
	w.t.Helper()
	ctx := context.Background()
	v, err := w.app.Libraries.Save(ctx, w.priya.Actor, 0, 0, library.Content{Library: l, Annex: w.app.Libraries.Current().Annex, Note: "test"})
	if err == nil {
		_, err = w.app.Libraries.Submit(ctx, w.priya.Actor, v.Version)
	}
	if err == nil {
		_, err = w.app.Libraries.Approve(ctx, w.jonas.Actor, v.Version)
	}
	if cur := w.app.Libraries.Current().Version; err != nil || cur != v.Version {
		w.t.Fatalf("version %d: %v; active is %d", v.Version, err, cur)
	}
}

// TestLibraryActivated: a version that does not allow what a pump runs raises an alarm
// of that pump and of no other. A later version that allows it ends the alarm, and so
// does another program. No program is touched by it.
func TestLibraryActivated(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 3)
	bad, base := w.plans[2], w.app.Libraries.Current().Library // fentanyl, with patient boluses of 16.8 mcg
	program := w.report(bad).State.Program.Hash()
	open := func() (out []alarm.Alarm) {
		all, err := w.app.Alarms.List(context.Background(), auth.Scope{All: true}, alarm.Filter{State: alarm.FilterOpen})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			if a.Code == "HARD_LIMIT" || a.Code == "DRUG_NOT_IN_LIB" {
				out = append(out, a)
			}
		}
		return out
	}
	raised := func(when string) {
		t.Helper()
		eventually(t, when, func() bool { return len(open()) == 1 })
		if a := open()[0]; a.Pump != bad.ID || a.Code != "HARD_LIMIT" || a.Count != 1 {
			t.Errorf("%s: %s of pump %d, %d times, want HARD_LIMIT of %d", when, a.Code, a.Pump, a.Count, bad.ID)
		}
	}
	ended := func(when string) {
		t.Helper()
		eventually(t, when, func() bool { return len(open()) == 0 })
	}

	w.activate(base, func(l *order.DrugLimit) { l.HardBolus = 10_000 })
	raised("its patient boluses are above the limit")
	w.activate(base, func(l *order.DrugLimit) { l.HardBolus = 20_000 })
	ended("a later version allows them")
	w.activate(base, func(l *order.DrugLimit) {
		l.HardDay, l.HardHour, l.SoftDay = 650*units.Microgram, min(l.HardHour, 650*units.Microgram), min(l.SoftDay, 650*units.Microgram)
	})
	raised("its worst day is above the limit")
	if w.report(bad).State.Program.Hash() != program {
		t.Error("a library has changed a program")
	}
	if err := w.device(bad).Inject(emulator.Fault{Kind: "foreign-program", Value: 800}); err != nil {
		t.Fatal(err)
	}
	ended("it runs less")
}
