package recall

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

func (r *rig) comm(site int64, serial, model, lot string) string {
	r.t.Helper()
	c, err := r.reg.RegisterCommunicator(r.ctx, auth.System("test"), registry.NewCommunicator{Site: site, Serial: serial, Model: model, Lot: lot})
	if err != nil {
		r.t.Fatal(err)
	}
	return c.Serial
}

func commNotice() Notice {
	return Notice{
		Device: Communicators, Reference: "FSN-C1", Maker: "Brook", Title: "Battery", Text: "The cell may swell.\nExchange it.", Source: "letter", Severity: ClassII, IssuedOn: "2026-02-01",
		Criteria: Criteria{Models: []string{"Brook 2"}, Ranges: []Range{{"BROOK-7100", "BROOK-7199"}}},
	}
}

func TestJudgeCommunicator(t *testing.T) {
	ranges := []Range{{"BROOK-7100", "BROOK-7199"}}
	for name, c := range map[string]struct {
		c    Criteria
		k    registry.Communicator
		want Verdict
		why  string
	}{
		"model and serial":      {Criteria{Models: []string{"brook  2"}, Ranges: ranges}, registry.Communicator{Serial: "BROOK-7101", Model: "Brook 2"}, Matches, "model Brook 2"},
		"another model":         {Criteria{Models: []string{"Brook 3"}, Ranges: ranges}, registry.Communicator{Serial: "BROOK-7101", Model: "Brook 2"}, Excluded, "not named"},
		"another serial":        {Criteria{Models: []string{"Brook 2"}, Ranges: ranges}, registry.Communicator{Serial: "BROOK-7200", Model: "Brook 2"}, Excluded, "none of the ranges"},
		"model not registered":  {Criteria{Models: []string{"Brook 2"}, Ranges: ranges}, registry.Communicator{Serial: "BROOK-7101"}, Possible, "its model is not registered"},
		"unregistered, outside": {Criteria{Models: []string{"Brook 2"}, Ranges: ranges}, registry.Communicator{Serial: "BROOK-8101"}, Excluded, "none of the ranges"},
		"no model named":        {Criteria{Ranges: ranges}, registry.Communicator{Serial: "BROOK-7101", Model: "Brook 2"}, Possible, "who made this one"},
		"a slip in the digits":  {Criteria{Models: []string{"Brook 2"}, Ranges: ranges}, registry.Communicator{Serial: "BROOK-07101", Model: "Brook 2"}, Possible, "look at the device"},
		"the lot":               {Criteria{Models: []string{"Brook 2"}, Lots: []string{"b26-03"}}, registry.Communicator{Serial: "X", Model: "Brook 2", Lot: "B26-03"}, Matches, "lot B26-03"},
		"lot not noted":         {Criteria{Models: []string{"Brook 2"}, Lots: []string{"B26-03"}}, registry.Communicator{Serial: "X", Model: "Brook 2"}, Possible, "this communicator's is not noted"},
		"all pieces":            {Criteria{Models: []string{"Brook 2"}}, registry.Communicator{Serial: "X", Model: "Brook 2"}, Matches, "all pieces"},
	} {
		if got := c.c.JudgeCommunicator(c.k); got.Verdict != c.want || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: %+v, want %s with %q", name, got, c.want, c.why)
		}
	}
}

func TestARecallOfCommunicators(t *testing.T) {
	r := newRig(t)
	p := r.pump(r.site, "ME000150")
	hit, miss, far := r.comm(r.site, "BROOK-7101", "Brook 2", ""), r.comm(r.site, "BROOK-7300", "Brook 2", ""), r.comm(r.other, "BROOK-7102", "Brook 2", "")
	found, err := r.Preview(r.ctx, r.ada, commNotice())
	if err != nil || len(found.Found) != 1 || found.Found[0].Comm != hit || found.OutTotal != 1 || found.Out[0].Comm != miss {
		t.Errorf("preview: %+v, %v", found, err)
	}
	c := r.create(commNotice())
	if c.Device != Communicators || c.Counts != (Counts{Open: 1}) {
		t.Errorf("%s, %+v", c.Device, c.Counts)
	}
	// One that is registered later is judged as it is registered, also by a file.
	late := r.comm(r.site, "BROOK-7103", "Brook 2", "")
	if _, err := r.reg.ImportCommunicators(r.ctx, r.ada, strings.NewReader("site,serial,model\nA,BROOK-7104,Brook 2\nA,BROOK-7999,Brook 2\n"), registry.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	list, err := r.Devices(r.ctx, r.ada.Scope(), c.ID)
	var serials []string
	for _, d := range list {
		serials = append(serials, d.Comm)
	}
	if err != nil || !slices.Equal(serials, []string{hit, late, "BROOK-7104"}) {
		t.Errorf("the list: %v, %v", serials, err)
	}
	if r.alarmed(p.ID) {
		t.Error("a recall of communicators raised an alarm")
	}
	recalled, err := r.RecalledCommunicators(r.ctx, r.ada.Scope())
	if err != nil || len(recalled) != 3 || !recalled[hit] || recalled[far] {
		t.Errorf("recalled: %v, %v", recalled, err)
	}
	entries, recalls, err := r.OfCommunicator(r.ctx, r.ada.Scope(), hit)
	if err != nil || len(entries) != 1 || recalls[0].ID != c.ID {
		t.Errorf("of a communicator: %+v, %v", entries, err)
	}

	contact := Contact{At: t0.Add(-time.Hour), Contacted: "the patient", Way: "phone", Outcome: "appointment"}
	d, err := r.AddContact(r.ctx, r.nurse, c.ID, Communicator(hit), contact)
	if err != nil || len(d.Contacts) != 1 {
		t.Errorf("contact: %+v, %v", d, err)
	}
	if got, err := r.Get(r.ctx, r.ada.Scope(), c.ID); err != nil || got.Counts != (Counts{Open: 3, Contacted: 1}) {
		t.Errorf("counts: %+v, %v", got.Counts, err)
	}
	d, err = r.CloseDevice(r.ctx, r.ada, c.ID, Communicator(hit), "replaced", "swapped for BROOK-8000, cell disposed of")
	if err != nil || d.State != DeviceClosed {
		t.Errorf("close: %+v, %v", d, err)
	}
	d, err = r.Reopen(r.ctx, r.ada, c.ID, Communicator(hit), "the wrong one")
	if err != nil || d.State != DeviceOpen {
		t.Errorf("reopen: %+v, %v", d, err)
	}
	d, err = r.Add(r.ctx, r.ada, c.ID, Communicator(miss), "its cell is swollen all the same")
	if err != nil || d.State != DeviceOpen || d.How != "added" {
		t.Errorf("add: %+v, %v", d, err)
	}
	pumps := r.create(notice())
	bad := commNotice()
	bad.Reference, bad.DeviceIDs = "FSN-C2", []string{"04012345678901"}
	for name, c := range map[string]struct {
		err  error
		want errs.Kind
	}{
		"a pump on it":                   {second(r.Add(r.ctx, r.ada, c.ID, Pump(p.ID), "x")), errs.Conflict},
		"a communicator on one of pumps": {second(r.Add(r.ctx, r.ada, pumps.ID, Communicator(hit), "x")), errs.Conflict},
		"added twice":                    {second(r.Add(r.ctx, r.ada, c.ID, Communicator(hit), "x")), errs.Conflict},
		"another site's":                 {second(r.CloseDevice(r.ctx, r.ada, c.ID, Communicator(far), "replaced", "x")), errs.NotFound},
		"another site's, to be added":    {second(r.Add(r.ctx, r.ada, c.ID, Communicator(far), "x")), errs.NotFound},
		"no such one":                    {second(r.Remove(r.ctx, r.ada, c.ID, Communicator("NONE"), "x")), errs.NotFound},
		"device identifiers":             {second(r.Create(r.ctx, r.ada, bad)), errs.Invalid},
		"ended with devices left":        {second(r.End(r.ctx, r.both, c.ID, Closed, "done")), errs.Conflict},
	} {
		r.kind(name, c.err, c.want)
	}
	if got, err := r.End(r.ctx, r.both, c.ID, Withdrawn, "entered twice"); err != nil || got.State != Withdrawn {
		t.Errorf("withdrawn: %+v, %v", got, err)
	}
	// A leaf for each, and none of them of a pump.
	n := 0
	if err := r.db.Get(&n, `SELECT count(*) FROM audit_leaf WHERE kind = 'recall.match' AND pump_id IS NULL`); err != nil || n != 4 {
		t.Errorf("%d leaves, %v", n, err)
	}
}
