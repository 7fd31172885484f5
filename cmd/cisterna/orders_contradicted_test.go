package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"cisterna/device/dose"
	"cisterna/device/emulator"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/dosing"
	"cisterna/internal/errs"
)

// TestAppliedAndHeld: a pump that was stopped while it primed is resumed, and the failed
// priming holds it. The order says so, and ends when the pump infuses; another such order
// ends when people order something else that the pump runs.
func TestAppliedAndHeld(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 4)
	miriam := w.signIn("miriam")
	// A failed priming halts a drug whose withdrawal does not kill.
	i := slices.IndexFunc(w.plans, func(p plannedPump) bool {
		r := w.report(p)
		return !slices.ContainsFunc(r.State.Contents.Ingredients, func(g dose.Ingredient) bool { return g.Code.Withdrawal() > dose.WithdrawalModerate })
	})
	if i < 0 {
		t.Fatal("no pump holds an opioid")
	}
	p := w.plans[i]
	w.catheter(p, 890)
	group := w.group(w.report(p).State.Contents)
	held := func() dosing.Order {
		t.Helper()
		prime := w.approved(p, dosing.Wish{Act: order.ActPrime, Group: group, Dose: &dose.Dose{Volume: 195_800, Duration: 20 * units.Minute}, Reason: "catheter revised"})
		w.release(prime.ID)
		w.ends(prime.ID, dosing.Applied)
		w.signStop(p, nil)
		eventually(t, "the server knows of the stop", func() bool { return w.report(p).State.Run != wire.Infusing })
		eventually(t, "the stop and the priming are alarmed", func() bool {
			return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code IN ('PRIME_FAIL', 'STOPPED') AND cleared_at IS NULL`, p.ID) == 2
		})
		o := w.approved(p, dosing.Wish{Act: order.ActResume})
		w.release(o.ID)
		o = w.ends(o.ID, dosing.Received)
		if !o.Contradicted() || !strings.Contains(o.Detail, "does not infuse") {
			t.Errorf("the order says %s, %q", o.Code, o.Detail)
		}
		return o
	}
	incomplete := func() int {
		return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'UPDATE_INCOMPLETE' AND cleared_at IS NULL`, p.ID)
	}
	o := held()
	status, body := miriam.send("GET", fmt.Sprintf("/orders/%d", o.ID), nil)
	var said struct {
		State        string
		Contradicted bool
		Detail       string
	}
	if err := json.Unmarshal(body, &said); err != nil || status != http.StatusOK || said.State != "received" || !said.Contradicted || !strings.Contains(said.Detail, "does not infuse") {
		t.Errorf("the page is told %d %s", status, body)
	}
	if incomplete() != 1 {
		t.Error("nobody is alarmed")
	}
	_, err := w.app.Dosing.PrepareWithdraw(context.Background(), w.jonas.Actor, o.ID, w.jonas.key, "it does not run", order.Digest{})
	denied(t, "what a pump has applied is withdrawn", err, errs.Conflict, "nothing to withdraw")

	if err := w.device(p).Inject(emulator.Fault{Kind: "interrogate", Text: "PRIME_FAIL"}); err != nil {
		t.Fatal(err)
	}
	if o = w.ends(o.ID, dosing.Applied); o.Detail != "" || incomplete() != 0 {
		t.Errorf("it infuses, and the order says %q with %d alarms", o.Detail, incomplete())
	}

	o = held()
	erase := w.approved(p, dosing.Wish{Act: order.ActErase, Reason: "weaned"})
	w.release(erase.ID)
	w.ends(erase.ID, dosing.Applied)
	if o = w.ends(o.ID, dosing.Superseded); !strings.Contains(o.Detail, fmt.Sprintf("order %d was applied since", erase.ID)) || incomplete() != 0 {
		t.Errorf("the order says %q, with %d alarms", o.Detail, incomplete())
	}
}
