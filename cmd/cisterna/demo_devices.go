package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cisterna/device/units"
	"cisterna/fleet/maintenance"
	"cisterna/fleet/manual"
	"cisterna/fleet/recall"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// seedDevices gives the demo's devices a life: stock, a recall in progress,
// maintenance, readings of pumps without a link, a pump that was replaced, and
// tags, groups and views.
// What is there already is left alone.
func seedDevices(ctx context.Context, a *App, sites map[string]registry.Site) error {
	anna, err := demoActor(ctx, a, "anna")
	if err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		do   func(context.Context, *App, auth.Actor, map[string]registry.Site) error
	}{{"stock", seedStock}, {"recall", seedRecall}, {"recall of communicators", seedCommRecall}, {"maintenance", seedWork}, {"readings", seedReadings}, {"replacement", seedReplacement}, {"lists", seedLists}} {
		if err := step.do(ctx, a, anna, sites); err != nil {
			return fmt.Errorf("demo %s: %w", step.name, err)
		}
	}
	return nil
}

// demoActor returns one of the demo's people with the roles they have.
func demoActor(ctx context.Context, a *App, login string) (auth.Actor, error) {
	account, err := a.People.AccountByLogin(ctx, login)
	if err != nil {
		return auth.Actor{}, err
	}
	roles, err := a.Registry.Roles(ctx, account.ID)
	return account.Actor(roles), err
}

func seedStock(ctx context.Context, a *App, anna auth.Actor, sites map[string]registry.Site) error {
	for i, short := range []string{"GEREON", "GEREON", "GEREON", "HARBOUR", "HARBOUR", "LINDEN"} {
		n := registry.NewCommunicator{Site: sites[short].ID, Serial: fmt.Sprintf("BROOK-%04d", 7101+i*13), Model: "Brook 2", Lot: "B26-03", AssetNo: fmt.Sprintf("CT-%05d", 40_210+i)}
		if _, err := a.Registry.RegisterCommunicator(ctx, anna, n); errs.KindOf(err) == errs.Conflict {
			return nil // a later start
		} else if err != nil {
			return err
		}
	}
	if _, err := a.Registry.MoveCommunicator(ctx, anna, "BROOK-7140", registry.CommLose, "not found at the count of March"); err != nil {
		return err
	}
	for _, p := range pumpsAt(a, sites["GEREON"].ID) {
		if p.Status == registry.Active {
			_, err := a.Registry.Reserve(ctx, anna, "BROOK-7101", p.ID, "its battery no longer lasts a night")
			return err
		}
	}
	return nil
}

func pumpsAt(a *App, site int64) []registry.PumpRef {
	var out []registry.PumpRef
	for p := range a.Registry.Directory().All() {
		if p.Site == site {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(x, y registry.PumpRef) int { return strings.Compare(x.Serial, y.Serial) })
	return out
}

func seedRecall(ctx context.Context, a *App, anna auth.Actor, _ map[string]registry.Site) error {
	now := time.Now()
	r, err := a.Recalls.Create(ctx, anna, recall.Notice{
		Reference: "FSN-2026-014", Maker: "Meander", Title: "Motor gear may wear early and stall", Severity: recall.ClassII, IssuedOn: registry.DateOf(now.AddDate(0, 0, -9)),
		Source:   "Letter of the maker, received by post",
		Text:     "Pumps of the first production run carry a gear that may wear early.\nContact the patient, ask about alarms, and check the motor's stall count at the next visit.\nThis is invented: a demo.",
		Criteria: recall.Criteria{Ranges: []recall.Range{{First: "ME204117", Last: "ME275000"}}},
	})
	if errs.KindOf(err) == errs.Conflict {
		return nil
	}
	if err != nil {
		return err
	}
	devices, err := a.Recalls.Devices(ctx, anna.Scope(), r.ID)
	if err != nil {
		return err
	}
	for i, d := range devices {
		if i > 2 || d.State != recall.DeviceOpen {
			break
		}
		outcome := []string{"appointment", "no_answer", "reached"}[i]
		if _, err := a.Recalls.AddContact(ctx, anna, r.ID, d.Target, recall.Contact{At: now.Add(-time.Duration(30+i*17) * time.Hour), Contacted: "the patient", Way: "phone", Outcome: outcome, Note: []string{"comes on Thursday", "", "no alarms, will call back"}[i]}); err != nil {
			return err
		}
	}
	if len(devices) > 0 && devices[0].State == recall.DeviceOpen {
		_, err = a.Recalls.CloseDevice(ctx, anna, r.ID, devices[0].Target, "inspected", "stall count 0, log read on the ward")
	}
	return err
}

// seedCommRecall calls communicators in stock back: nobody's patient is concerned
// yet, and nobody should become so.
func seedCommRecall(ctx context.Context, a *App, anna auth.Actor, _ map[string]registry.Site) error {
	_, err := a.Recalls.Create(ctx, anna, recall.Notice{
		Device: recall.Communicators, Reference: "BRK-26-07", Maker: "Brook", Title: "Cell may swell and open the cover", Severity: recall.ClassIII, IssuedOn: registry.DateOf(time.Now().AddDate(0, 0, -3)),
		Source:   "Notice on the maker's pages",
		Text:     "The cell of some communicators may swell and press the cover open.\nDo not hand them out; exchange those that are with patients at the next visit.\nThis is invented: a demo.",
		Criteria: recall.Criteria{Models: []string{"Brook 2"}, Ranges: []recall.Range{{First: "BROOK-7100", Last: "BROOK-7120"}}},
	})
	if errs.KindOf(err) == errs.Conflict {
		return nil
	}
	return err
}

func seedWork(ctx context.Context, a *App, anna auth.Actor, sites map[string]registry.Site) error {
	if all, err := a.Maintenance.All(ctx, anna.Scope()); err != nil || len(all) > 0 {
		return err
	}
	day := func(n int) registry.Date { return registry.DateOf(time.Now().AddDate(0, 0, n)) }
	pumps := pumpsAt(a, sites["GEREON"].ID)
	if len(pumps) < 3 {
		return nil
	}
	for _, n := range []maintenance.New{
		{Pump: pumps[0].ID, Kind: "alarm_test", Text: "Patient heard both tones.", DoneOn: day(-40)},
		{Pump: pumps[0].ID, Kind: "inspection", Text: "Yearly inspection with the programmer.", DueOn: day(24)},
		{Pump: pumps[1].ID, Kind: "note", Text: "Pocket lies deep: hold the programmer flat."},
		{Pump: pumps[2].ID, Kind: "safety_check", Text: "Safety check after the MRI.", DueOn: day(-3)},
		{Link: "BROOK-7114", Kind: "battery", Text: "New cell fitted, 4.1 V.", DoneOn: day(-12)},
	} {
		if _, err := a.Maintenance.Add(ctx, anna, n); err != nil {
			return err
		}
	}
	return nil
}

// seedReadings gives pumps without a link what a nurse read off them, one of it
// corrected.
func seedReadings(ctx context.Context, a *App, anna auth.Actor, _ map[string]registry.Site) error {
	for p := range a.Registry.Directory().All() {
		if p.Status != registry.Manual {
			continue
		}
		if have, err := a.Readings.OfPump(ctx, anna.Scope(), p.ID); err != nil || len(have) > 0 {
			return err
		}
		at := func(days int) time.Time { return time.Now().AddDate(0, 0, -days).Truncate(time.Hour) }
		// A constant flow: what is left follows from the days.
		for i, days := range []int{62, 34, 6} {
			left, rate := units.Volume(28_000_000-int64(i)*14_000_000/2), units.Rate(250_000)
			r, err := a.Readings.Record(ctx, anna, manual.New{Pump: p.ID, TakenAt: at(days), TakenBy: "Rosa Ferreira", Source: "refill", Residual: &left, Rate: &rate, AlarmsSeen: true, Program: "constant flow, factory set", Note: "weighed syringe"})
			if err != nil {
				return err
			}
			if i == 1 {
				right := left - 400_000
				if _, err := a.Readings.Correct(ctx, anna, p.ID, r.ID, manual.New{TakenAt: at(days), TakenBy: "Rosa Ferreira", Source: "refill", Residual: &right, Rate: &rate, AlarmsSeen: true, Program: "constant flow, factory set", Reason: "misread the scale"}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// seedReplacement tells of a pump that came to the end of its battery and of the
// one that took its place; its patient is still to be bound.
func seedReplacement(ctx context.Context, a *App, anna auth.Actor, sites map[string]registry.Site) error {
	site := sites["GEREON"].ID
	now := time.Now()
	day := func(n int) registry.Date { return registry.DateOf(now.AddDate(0, 0, n)) }
	next := registry.NewPump{Site: site, Maker: "Meander", Serial: "ME990042", Model: "Meander P20", Profile: "meander-p20", Label: "to be implanted", Facts: registry.Facts{AssetNo: "IP-00042"}}
	old := registry.NewPump{Site: site, Maker: "Meander", Serial: "ME118803", Model: "Meander P20", Profile: "meander-p20", Label: "end of service", Manual: true, Facts: registry.Facts{ImplantedOn: day(-2300), AssetNo: "IP-00007"}}
	was, err := a.Registry.RegisterPump(ctx, anna, old)
	if errs.KindOf(err) == errs.Conflict {
		return nil
	}
	if err != nil {
		return err
	}
	is, err := a.Registry.RegisterPump(ctx, anna, next)
	if err != nil {
		return err
	}
	patient, err := a.Registry.CreatePatient(ctx, auth.System("demo"), site)
	if err != nil {
		return err
	}
	if _, err := a.Registry.Bind(ctx, auth.System("demo"), patient.ID, was.ID, "implanted elsewhere, taken over"); err != nil {
		return err
	}
	left := int64(3_100_000)
	if _, err := a.Registry.Explant(ctx, anna, registry.Explant{
		Pump: was.ID, On: day(-4), Reason: "replacement indicator, battery at its end", Fate: registry.FateMaker, FateNote: "returned, RMA 55-2041", RemainderNL: &left, RemainderNote: "wasted, witnessed by R. Ferreira",
	}); err != nil {
		return err
	}
	_, err = a.Registry.Replace(ctx, anna, was.ID, is.ID, "end of the battery")
	return err
}
