package main

import (
	"testing"
	"time"

	"cisterna/device/emulator"
	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/dosing"
)

// TestEmptyOnTheWayToTheVisit: a pump runs dry between the signatures and the visit
// that refills it. The visit is applied; a program order of the same moment is stale.
func TestEmptyOnTheWayToTheVisit(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, miriam := w.plans[0], w.signIn("miriam")
	before := w.report(p)
	program := before.State.Program
	more := w.more(p, 1040)
	// What is left is gone in some seconds.
	left := w.device(p).Status().RateNLDay / 86_400 * 30
	if err := w.device(p).Inject(emulator.Fault{Kind: "refill", Value: left}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows of it", func() bool {
		r := w.report(p)
		return r.Foreign && int64(r.Fill) == left && r.State.Hash().String() == w.device(p).Status().StateHash
	})
	eventually(t, "somebody's refill is alarmed", func() bool {
		return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'PROGRAM_DRIFT' AND cleared_at IS NULL`, p.ID) == 1
	})
	// The link is gone while people sign, so that the alarm is news to what they signed.
	if err := w.device(p).Inject(emulator.Fault{Kind: "link-loss", For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if n := w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'RES_EMPTY'`, p.ID); n != 0 {
		t.Fatal("the pump was dry before anybody signed")
	}
	r := w.report(p)
	group := w.group(r.State.Contents)
	plan := miriam.plan(p, dosing.Refill{Group: group, Contents: r.State.Contents, Program: program, Filled: 10 * whole, Residual: new(r.Volume)})
	visit := w.approved(p, dosing.Wish{Act: order.ActVisit, Group: group, Visit: &plan.Visit, Reason: "refill"})
	other := w.approved(p, more)

	eventually(t, "it is dry", func() bool { return w.device(p).Status().RateNLDay == 0 })
	if err := w.device(p).EndFault("link-loss"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server is alarmed", func() bool {
		return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'RES_EMPTY' AND priority = $2 AND cleared_at IS NULL`, p.ID, wire.PriorityHigh) == 1
	})
	w.ends(other.ID, dosing.Stale)
	eventually(t, "it is there", func() bool {
		return w.count(`SELECT count(*) FROM telemetry_presence WHERE pump_id = $1 AND connected`, p.ID) == 1
	})
	after := w.done(p, visit, dosing.Choice{Branch: order.BranchPlanned, Measured: &order.Measured{Filled: 10 * whole}})
	if after.Fill != 10*whole || after.State.Program.Hash() != program.Hash() || after.Foreign {
		t.Errorf("after the visit: %+v", after)
	}
}
