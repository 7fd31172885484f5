package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/dosing"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// TestFirstVisit walks a pump from its box: bound to its patient, then filled,
// primed and programmed.
func TestFirstVisit(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 0)
	miriam := w.signIn("miriam")
	p := w.boxed(1, 890, true)
	if p.Model != "Meander P20" {
		t.Fatalf("the oracle is of a Meander P20, this is a %s", p.Model)
	}
	ten := of(dose.Morphine, 10*mgPerML)
	first := dosing.Refill{Group: order.GroupCancer, Contents: ten, Program: flat(200_000), Filled: 18 * whole, Prime: dosing.PrimePath}

	if status, body := miriam.send("GET", fmt.Sprintf("/pumps/%d/therapy", p.ID), nil); status != http.StatusOK || !strings.Contains(string(body), `"path_nl":"394800"`) {
		t.Fatalf("what an empty pump runs: %d %s", status, body)
	}

	// Before it knows its patient the pump takes nothing for one.
	plan := miriam.plan(p, first)
	miriam.refused("a visit for a patient whom the pump does not know", p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &plan.Visit, Reason: "first filling"}, http.StatusConflict, "E_FORMAT")

	o := w.signed(p, miriam.propose(p, dosing.Wish{Act: order.ActBind, Reason: "implanted today"}), 2)
	r := w.done(p, o, dosing.Choice{})
	if want := registry.OrderPatient(w.patient[p.Serial].Token); r.Patient != want || r.State.Epoch != 2 || w.device(p).Status().Orders.Patient != want {
		t.Fatalf("after the bind the pump is in %s, epoch %d, want %s and 2", r.Patient, r.State.Epoch, want)
	}
	miriam.refused("bound to the same patient again", p, dosing.Wish{Act: order.ActBind, Reason: "again"}, http.StatusConflict, "E_PATIENT")

	// First filling: 0.199 mL of tubing and 89 cm of catheter, 0.3948 mL.
	plan = miriam.plan(p, first)
	if plan.Path.Tubing != 199_000 || plan.Path.CatheterNL != 195_800 || plan.Path.Volume != 394_800 || plan.Visit.Planned.Prime.Volume != 394_800 || plan.Bridge != nil {
		t.Fatalf("path %+v, prime %+v, bridge %v", plan.Path, plan.Visit.Planned.Prime, plan.Bridge)
	}
	wish := dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &plan.Visit, Reason: "first filling"}
	o = w.signed(p, miriam.propose(p, wish), 3)
	w.refusedRelease(o.ID, dosing.Choice{Branch: order.BranchPlanned, Measured: &order.Measured{Aspirated: 5 * whole, Filled: 18 * whole}}, order.ErrBounds)
	r = w.done(p, o, dosing.Choice{Branch: order.BranchPlanned, Measured: &order.Measured{Aspirated: 0, Filled: 18*whole - 200_000}})
	if !r.State.Contents.Equal(ten) || r.Fill != 18*whole-200_000 || r.State.Program.Hash() != first.Program.Hash() || len(r.Ordered) != 1 {
		t.Fatalf("after the first visit: %+v", r)
	}
	if got := w.device(p).Status().Run; got != wire.Priming.String() || r.Busy != order.BusyPrime {
		t.Errorf("after a visit with a priming bolus the pump is %s", got)
	}
}

// TestBridge refills a pump with twice the concentration over a bridge, whose
// figures are those of reference/domain.md 1.3.
func TestBridge(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 0)
	miriam := w.signIn("miriam")
	p := w.boxed(1, 890, true)
	ten, twenty := of(dose.Morphine, 10*mgPerML), of(dose.Morphine, 20*mgPerML)
	w.done(p, w.signed(p, miriam.propose(p, dosing.Wish{Act: order.ActBind, Reason: "implanted today"}), 2), dosing.Choice{})
	plan := miriam.plan(p, dosing.Refill{Group: order.GroupCancer, Contents: ten, Program: flat(200_000), Filled: 18 * whole}) // primed on the table
	r := w.done(p, w.signed(p, miriam.propose(p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &plan.Visit, Reason: "first filling"}), 3),
		dosing.Choice{Branch: order.BranchPlanned, Measured: &order.Measured{Filled: 18 * whole}})

	// Twice the concentration at the same 2 mg a day: 47.4 h of bridge at 0.2 mL a day;
	// without one half the dose for 3.95 days.
	plan = miriam.plan(p, dosing.Refill{Group: order.GroupCancer, Contents: twenty, Program: flat(100_000), Filled: 18 * whole, Residual: new(r.Volume)})
	b := plan.Bridge
	if b == nil || b.Dose.Volume != 394_800 || b.Dose.Duration != 170_554 || b.Rate != 199_999 || b.Target != 2*units.Milligram || b.Lines[0].Amount != 3_948_000 {
		t.Fatalf("the bridge is %+v", b)
	}
	if u := plan.Unbridged; len(u) != 1 || u[0].PerDay != units.Milligram || u[0].For != 341_107 {
		t.Errorf("without a bridge %+v, want 1 mg a day for 3.948 days", plan.Unbridged)
	}
	if plan.Mixed == nil || plan.Mixed.Ingredients[0].Conc != 19_278_351 {
		t.Errorf("unrinsed it would be %+v", plan.Mixed)
	}
	without := plan.Visit
	without.Planned.Bridge = nil
	miriam.refused("other contents without a bridge", p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &without, Reason: "stronger"}, http.StatusConflict, "E_BRIDGE", "Plan a bridge")
	fast := plan.Visit
	fast.Planned.Bridge = &dose.Dose{Volume: 394_800, Duration: 4 * units.Hour}
	miriam.refused("a bridge in four hours", p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &fast, Reason: "stronger"}, http.StatusConflict, "E_LIMIT")
	// Either branch may be released, so both are rehearsed before anybody signs.
	higher := miriam.plan(p, dosing.Refill{Group: order.GroupCancer, Contents: twenty, Program: flat(105_000), Filled: 18 * whole, Residual: new(r.Volume)})
	raised := miriam.propose(p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &higher.Visit, Reason: "stronger, and a little more"})
	for branch, want := range map[order.BranchNo]units.Volume{0: 105_000, order.BranchPlanned: 105_000, order.BranchSame: 100_000} {
		got, err := w.app.Dosing.Rehearse(t.Context(), w.miriam.Actor, raised.ID, branch)
		if err != nil || got.Refused != "" || len(got.Days) != 7 || got.Days[6].Volume != want {
			t.Errorf("branch %d: %+v, %v", branch, got, err)
		}
		// The visit fills in anew: morphine keeps for 90 days (reference/domain.md 2.2).
		if k := got.Keeps; k == nil || k.Lasts != 90*units.Day || k.Left == nil || *k.Left != k.Lasts {
			t.Errorf("branch %d: its contents keep %+v", branch, k)
		}
	}
	// What is not filled in anew keeps from the filling that the pump's journal tells of.
	eventually(t, "the filling is known", func() bool {
		got, err := w.app.Dosing.Check(t.Context(), w.miriam.Actor, p.ID, dosing.Wish{Act: order.ActProgram, Group: order.GroupCancer, Program: new(flat(190_000)), Reason: "a little less"})
		k := got.Rehearsal.Keeps
		return err == nil && k != nil && k.Filled != nil && *k.Filled <= time.Now().Unix() && *k.Filled > time.Now().Add(-time.Hour).Unix() && *k.Left < 90*units.Day && *k.Left > 89*units.Day
	})
	_, err := w.app.Dosing.Rehearse(t.Context(), w.jonas.Actor, raised.ID, order.BranchSame)
	denied(t, "rehearsed before the blind entry", err, errs.Conflict, "Enter the key numbers")
	o := w.signed(p, miriam.propose(p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &plan.Visit, Reason: "stronger, so that it lasts"}), 2)

	// More is found than should be there: only the same dose is released.
	found := order.Measured{Aspirated: r.Volume + 2*whole, Filled: 18 * whole}
	w.refusedRelease(o.ID, dosing.Choice{Branch: order.BranchPlanned, Measured: &found}, order.ErrBounds)
	r = w.done(p, o, dosing.Choice{Branch: order.BranchSame, Measured: &found})
	if !r.Bridge || !r.State.Contents.Equal(twenty) || r.State.Program.PerCycle() != 100_000 {
		t.Fatalf("after the second visit: bridge %v, %+v", r.Bridge, r.State)
	}
	status := w.device(p).Status()
	if status.Run != wire.Bridge.String() || status.RateNLDay < 199_990 || status.RateNLDay > 200_000 {
		t.Errorf("the pump runs %s at %d nL a day, want a bridge at 200000", status.Run, status.RateNLDay)
	}

	if len(r.Path) != 1 || !r.Path[0].Contents.Equal(ten) || r.Path[0].Left > 394_800 || r.Path[0].Left < 394_000 || r.Pace == nil {
		t.Errorf("the pump says of its path %+v, at %+v", r.Path, r.Pace)
	}

	// A new program while the bridge runs brings one for what is left of it, by what
	// the pump has delivered, and both judge it as what it is: half as strong.
	more := dosing.Wish{Act: order.ActProgram, Group: order.GroupCancer, Program: new(flat(110_000)), Reason: "pain"}
	own := more
	own.Bridge = &dose.Dose{Volume: 100_000, Duration: units.Day}
	miriam.refused("a bridge by hand", p, own, http.StatusUnprocessableEntity, "Other fluid stands in the path already")
	rebridged := func(w *orderWorld, left units.Volume) {
		t.Helper()
		o := w.signed(p, miriam.propose(p, more), 2)
		doc, err := order.DecodePrescription(o.Document)
		if err != nil || doc.Bridge == nil || doc.Bridge.Volume > left || doc.Bridge.Volume < left-1_000 {
			t.Fatalf("the program's bridge is %+v, %v; %s were left", doc.Bridge, err, left)
		}
		day, err := dose.PerDay(*doc.Bridge, 10*mgPerML)
		if err != nil || day > 2*units.Milligram || day < 1_999_000 || len(doc.Checks) != 1 || doc.Checks[0].Bridge != units.Mass(doc.Bridge.Volume)*10 {
			t.Fatalf("the old fluid gives %s a day (%v), the check numbers are %+v", day, err, doc.Checks)
		}
		r = w.done(p, o, dosing.Choice{})
		if !r.Bridge || len(r.Path) != 1 || r.Path[0].Left > left || r.State.Program.PerCycle() != more.Program.PerCycle() {
			t.Errorf("after the program: %+v, %+v", r.Path, r.State.Program)
		}
	}
	rebridged(w, r.Path[0].Left)

	// A stop holds the bridge as well. What is left of it is what was not delivered.
	// The pump was bound since its last heartbeat; the stop is for the epoch it has now.
	stop, err := w.app.Dosing.PrepareStop(t.Context(), w.jonas.Actor, p.ID, w.jonas.key, false, "drowsy", order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.app.Dosing.Stop(t.Context(), w.jonas.Actor, p.ID, stop.Document, w.jonas.sign(t, stop)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows of the stop", func() bool { return w.report(p).State.Run != wire.Infusing })
	o = w.approved(p, dosing.Wish{Act: order.ActResume})
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	eventually(t, "the server knows that it runs", func() bool { r := w.report(p); return r.State.Run == wire.Infusing && r.Bridge })
	eventually(t, "the server knows of the alarm that began and ended with the stop", func() bool {
		all, err := w.app.Alarms.List(t.Context(), auth.Scope{All: true}, alarm.Filter{State: alarm.FilterCleared, Pump: p.ID})
		return err == nil && slices.ContainsFunc(all, func(a alarm.Alarm) bool { return a.Code == string(profile.Stopped) })
	})
	left := w.report(p).Path[0].Left
	more.Program = new(flat(105_000))
	rebridged(w, left)

	// The reservoir is filled up while the old fluid still leaves: the visit carries on
	// with its bridge.
	visit := func(r order.Report, refill dosing.Refill, pushes int) (dosing.RefillPlan, order.Report) {
		t.Helper()
		refill.Group, refill.Filled, refill.Residual = order.GroupCancer, 18*whole, new(r.Volume)
		plan := miriam.plan(p, refill)
		if plan.Bridge == nil || len(plan.Bridge.Lines) != pushes || plan.Same == nil {
			t.Fatalf("the plan is %+v", plan)
		}
		bare := plan.Visit
		bare.Planned.Bridge = nil
		miriam.refused("a refill that forgets what stands in the path", p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &bare, Reason: "refill"}, http.StatusConflict, "E_BRIDGE", "Plan a bridge")
		o := w.signed(p, miriam.propose(p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &plan.Visit, Reason: "refill"}), 2)
		after := w.done(p, o, dosing.Choice{Branch: order.BranchPlanned, Measured: &order.Measured{Aspirated: r.Volume, Filled: 18 * whole}})
		if !after.Bridge || len(after.Path) != pushes || !after.State.Contents.Equal(refill.Contents) || after.State.Program.Hash() != refill.Program.Hash() {
			t.Fatalf("after the refill: %+v, %+v", after.Path, after.State)
		}
		return plan, after
	}
	left = r.Path[0].Left
	plan, r = visit(r, dosing.Refill{Contents: twenty, Program: flat(105_000)}, 1)
	if v := plan.Bridge.Dose.Volume; v > left || v < left-1_000 || r.Path[0].Left > left {
		t.Errorf("a bridge of %s for %s, then %+v", v, left, r.Path)
	}

	// It was the wrong syringe: the right one follows at once. Both old fluids leave one
	// after the other, neither with more than before or after.
	left = r.Path[0].Left
	plan, r = visit(r, dosing.Refill{Contents: ten, Program: flat(200_000)}, 2)
	for _, l := range plan.Bridge.Lines {
		if l.PerDay > 2*units.Milligram || l.PerDay > l.Target {
			t.Errorf("%+v passes its dose", l)
		}
	}
	if plan.Bridge.Dose.Volume != 394_800 || plan.Bridge.Lines[1].PerDay < 1_999_000 || plan.Same.Dose.Volume != 394_800 {
		t.Errorf("the bridge is %+v", plan.Bridge)
	}
	if !r.Path[0].Contents.Equal(ten) || r.Path[0].Left > left || !r.Path[1].Contents.Equal(twenty) || r.Path[1].Left > 394_800 || r.Path[1].Left < 394_000 {
		t.Errorf("the path is %+v", r.Path)
	}
}

// TestPrimeAlone: a priming bolus by itself, and what the path does not hold.
func TestPrimeAlone(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	miriam, p := w.signIn("miriam"), w.plans[0]
	group := w.group(w.report(p).State.Contents)
	wish := dosing.Wish{Act: order.ActPrime, Group: group, Dose: &dose.Dose{Volume: 195_800, Duration: 20 * units.Minute}, Reason: "catheter revised"}
	miriam.refused("nobody knows the catheter", p, wish, http.StatusConflict, "E_LIMIT", "implanted length")
	w.catheter(p, 890)
	much := wish
	much.Dose = &dose.Dose{Volume: 394_801, Duration: 20 * units.Minute}
	miriam.refused("more than the path holds", p, much, http.StatusConflict, "E_LIMIT", "tubing and catheter hold 0.3948 mL")
	quick := wish
	quick.Dose = &dose.Dose{Volume: 195_800, Duration: units.Minute}
	miriam.refused("faster than the pump", p, quick, http.StatusConflict, "E_LIMIT", "passes")
	before := w.report(p)
	people := 2
	if len(before.Ordered) == 0 {
		people = 3
	}
	o := w.signed(p, miriam.propose(p, wish), people)
	w.releaseAs(o.ID, dosing.Choice{})
	w.ends(o.ID, dosing.Applied)
	if got := w.device(p).Status().Run; got != wire.Priming.String() {
		t.Errorf("the pump is %s", got)
	}
	eventually(t, "the server knows that it primes", func() bool { return w.report(p).Busy == order.BusyPrime })
	miriam.refused("a program while it primes", p, w.more(p, 1020), http.StatusConflict, "E_BUSY", "Wait for its end")
}
