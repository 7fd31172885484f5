package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cisterna/device/emulator"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/fleet/dosing"
	"cisterna/fleet/maintenance"
	"cisterna/fleet/recall"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// TestTransferToAnotherSite: the pump, its patient, its communicator and its alarms
// belong to the new site from the pump's word on.
func TestTransferToAnotherSite(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	ctx, miriam, p := t.Context(), w.signIn("miriam"), w.plans[0]
	other, err := w.app.Registry.CreateSite(ctx, auth.System("test"), registry.NewSite{Name: "Other Clinic", Short: "OTHER", TimeZone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.device(p).Inject(emulator.Fault{Kind: "overheat"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is alarmed", func() bool { return w.openAlarms(w.site.ID) == 1 })
	miriam.refused("to nowhere", p, dosing.Wish{Act: order.ActTransfer, Reason: "moves"}, http.StatusUnprocessableEntity, "Name the site")
	miriam.refused("to where it is", p, dosing.Wish{Act: order.ActTransfer, Site: w.site.ID, Reason: "moves"}, http.StatusConflict, "is at that site already")
	miriam.refused("to a site that is not", p, dosing.Wish{Act: order.ActTransfer, Site: 999, Reason: "moves"}, http.StatusUnprocessableEntity, "There is no such site")
	status, body := miriam.send("GET", fmt.Sprintf("/pumps/%d/destinations", p.ID), nil)
	if status != http.StatusOK || !strings.Contains(string(body), "Other Clinic") || strings.Contains(string(body), "Test Hospital") {
		t.Errorf("destinations: %d %s", status, body)
	}
	here, err := w.app.Registry.Pump(ctx, auth.Scope{Sites: []int64{w.site.ID}}, p.ID)
	if err != nil {
		t.Fatal(err)
	}
	link := here.Link
	engineer := auth.Actor{ID: 71, Login: "eng", Name: "Eng", Roles: map[int64][]auth.Role{w.site.ID: {auth.Engineer}}}
	notice := recall.Notice{
		Reference: "FSN-T", Maker: "Meander", Title: "Motor", Text: "Look at it.", Source: "letter", Severity: recall.ClassII, IssuedOn: "2026-01-05",
		Criteria: recall.Criteria{Lots: []string{"none of these"}},
	}
	ofPumps, err := w.app.Recalls.Create(ctx, engineer, notice)
	if err != nil {
		t.Fatal(err)
	}
	notice.Reference, notice.Device, notice.Criteria = "FSN-C", recall.Communicators, recall.Criteria{Ranges: []recall.Range{{First: "ZZ-1", Last: "ZZ-9"}}}
	ofComms, err := w.app.Recalls.Create(ctx, engineer, notice)
	if err != nil {
		t.Fatal(err)
	}
	for id, device := range map[int64]recall.Target{ofPumps.ID: recall.Pump(p.ID), ofComms.ID: recall.Communicator(link)} {
		if _, err := w.app.Recalls.Add(ctx, engineer, id, device, "looks like it"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.app.Recalls.CloseDevice(ctx, engineer, id, device, "inspected", "nothing found"); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []maintenance.New{{Pump: p.ID, Kind: "note", Text: "label worn"}, {Link: link, Kind: "battery", Text: "change it", DueOn: "2027-04-01"}} {
		if _, err := w.app.Maintenance.Add(ctx, engineer, n); err != nil {
			t.Fatal(err)
		}
	}
	wish := dosing.Wish{Act: order.ActTransfer, Site: other.ID, Reason: "the family moves"}
	draft := miriam.propose(p, wish)
	w.sentBack(draft, p, "site", "Test Hospital")
	o := w.signed(p, miriam.propose(p, wish), 2)
	w.releaseAs(o.ID, dosing.Choice{})
	w.ends(o.ID, dosing.Applied)
	eventually(t, "the pump says so", func() bool { r := w.report(p); return r.Site == registry.OrderSite(other.ID) && r.State.Epoch == 2 })
	reg, err := w.app.Registry.Pump(ctx, auth.Scope{Sites: []int64{other.ID}}, p.ID)
	if err != nil || reg.Site != other.ID {
		t.Errorf("the register: %+v, %v", reg, err)
	}
	pt, ok, err := w.app.Registry.BoundPatient(ctx, p.ID)
	if err != nil || !ok || pt.Site != other.ID {
		t.Errorf("the patient: %+v, %v", pt, err)
	}
	if n := w.openAlarms(other.ID); n != 1 || w.openAlarms(w.site.ID) != 0 {
		t.Errorf("%d of its alarms went with it", n)
	}
	if n := w.count(`SELECT count(*) FROM registry_communicators WHERE serial = $1 AND site_id = $2`, reg.Link, other.ID); n != 1 {
		t.Error("the communicator stayed behind")
	}
	for what, query := range map[string]string{"recalls": `SELECT count(*) FROM recall_devices WHERE site_id = $1`, "maintenance": `SELECT count(*) FROM maintenance_work WHERE site_id = $1`} {
		if here, there := w.count(query, other.ID), w.count(query, w.site.ID); here != 2 || there != 0 {
			t.Errorf("%s of the pump and its communicator: %d went with them, %d stayed behind", what, here, there)
		}
	}
	if got, body := miriam.send("GET", fmt.Sprintf("/pumps/%d/therapy", p.ID), nil); got != http.StatusNotFound {
		t.Errorf("the old site still sees the pump: %d %s", got, body)
	}
	eventually(t, "the directory knows", func() bool { d, ok := w.app.Registry.Directory().ByID(p.ID); return ok && d.Site == other.ID })
	w.flows(t, p)

	// What was drafted before is of the old site, whoever proposes it.
	both := w.miriam.Actor
	both.Roles = map[int64][]auth.Role{w.site.ID: {auth.Prescriber}, other.ID: {auth.Prescriber}}
	_, err = w.app.Dosing.Propose(ctx, both, dosing.Proposal{Pump: p.ID, Draft: draft.ID, Wish: dosing.Wish{Act: order.ActSettings, Settings: &order.Settings{Low: 3 * units.Millilitre}, Reason: "test"}})
	denied(t, "a draft of the old site", err, errs.Conflict, "has left since")
}

func (w *orderWorld) openAlarms(site int64) int {
	return w.count(`SELECT count(*) FROM alarm_alarms WHERE site_id = $1 AND code = 'TEMP_HIGH' AND cleared_at IS NULL`, site)
}
