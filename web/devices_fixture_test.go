package web

import (
	"fmt"
	"strconv"

	"cisterna/device/profile"
	"cisterna/fleet/maintenance"
	"cisterna/fleet/recall"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
)

// Things of a site for tests of the life of devices.

func (f *fixture) number(id string) int64 {
	f.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		f.Fatal(err)
	}
	return n
}

func (f *fixture) next() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spent++
	return f.spent
}

// manualPump returns the serial of a pump without a link, which tells nothing of
// its site.
func (f *fixture) manualPump(site int64) string {
	f.Helper()
	p, err := f.reg.RegisterPump(f.Context(), auth.System("test"), registry.NewPump{
		Site: site, Serial: fmt.Sprintf("MAN-%d", f.next()), Model: "Well C30", Profile: profile.Samples()[0].ID, Manual: true,
	})
	if err != nil {
		f.Fatal(err)
	}
	return p.Serial
}

// rev returns the revision that an editor of a pump has seen.
func (f *fixture) rev(pump string) string {
	f.Helper()
	p, err := f.reg.Pump(f.Context(), auth.Scope{All: true}, f.number(pump))
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(p.Rev)
}

// explanted returns a pump that was taken out.
func (f *fixture) explanted(site int64) string {
	f.Helper()
	p := f.pump(site)
	if _, err := f.reg.Explant(f.Context(), auth.System("test"), registry.Explant{Pump: f.number(p), On: "2026-01-31", Reason: "for a test", Fate: registry.FateKept}); err != nil {
		f.Fatal(err)
	}
	return p
}

// comm returns a communicator in stock.
func (f *fixture) comm(site int64) string {
	f.Helper()
	c, err := f.reg.RegisterCommunicator(f.Context(), auth.System("test"), registry.NewCommunicator{Site: site, Serial: fmt.Sprintf("BR-%d", f.next()), Model: "Brook"})
	if err != nil {
		f.Fatal(err)
	}
	return c.Serial
}

// planned returns work that is planned on a pump.
func (f *fixture) planned(site int64) string {
	f.Helper()
	w, err := f.work.Add(f.Context(), auth.System("test"), maintenance.New{Pump: f.number(f.pump(site)), Kind: "inspection", Text: "for a test", DueOn: "2026-12-31"})
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(w.ID)
}

// recall returns a recall and a pump on its list; of no site, one that finds
// none.
func (f *fixture) recall(site int64) (recallID, pump string) {
	f.Helper()
	n := f.next()
	model := fmt.Sprintf("Model %d", n)
	if site != 0 {
		p, err := f.reg.RegisterPump(f.Context(), auth.System("test"), registry.NewPump{
			Site: site, Maker: "Meander", Serial: fmt.Sprintf("SN-%d-%04d", site, n), Model: model, Profile: profile.Samples()[0].ID,
		})
		if err != nil {
			f.Fatal(err)
		}
		pump = fmt.Sprint(p.ID)
	}
	r, err := f.recalls.Create(f.Context(), auth.System("test"), recall.Notice{
		Reference: fmt.Sprintf("FSN-%d", n), Maker: "Meander", Title: "For a test", Text: "Look.", Source: "letter", Severity: recall.ClassII, IssuedOn: "2026-01-31",
		Criteria: recall.Criteria{Models: []string{model}},
	})
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(r.ID), pump
}

// commRecall returns a recall of communicators with one of a site on its list.
func (f *fixture) commRecall(site int64) (recallID, serial string) {
	f.Helper()
	serial = f.comm(site)
	r, err := f.recalls.Create(f.Context(), auth.System("test"), recall.Notice{
		Device: recall.Communicators, Reference: fmt.Sprintf("FSN-C%d", f.next()), Maker: "Brook", Title: "For a test", Text: "Look.", Source: "letter", Severity: recall.ClassII, IssuedOn: "2026-01-31",
		Criteria: recall.Criteria{Ranges: []recall.Range{{First: serial, Last: serial}}},
	})
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(r.ID), serial
}

var (
	aReading    = map[string]any{"taken_at": "2026-01-31T10:00:00Z", "taken_by": "N. Urse", "source": "programmer", "residual_nl": "12000000", "battery": "ok"}
	aCorrection = map[string]any{"taken_at": "2026-01-31T10:00:00Z", "taken_by": "N. Urse", "source": "programmer", "residual_nl": "11000000", "reason": "misread"}
)

func noNotes() map[string]any {
	out := map[string]any{"catheter_length_mm": nil, "cap_present": nil}
	for _, k := range []string{
		"lot", "made_on", "use_by", "implanted_on", "pocket_site", "pocket_side", "catheter_model", "tip_level", "last_alarm_test", "mri_status", "warranty_until", "recall_ref", "asset_no",
	} {
		out[k] = ""
	}
	return out
}

func noCriteria(serial string) map[string]any {
	return map[string]any{"models": []string{}, "device_ids": []string{}, "lots": []string{}, "ranges": []map[string]string{{"first": serial, "last": serial}}}
}
