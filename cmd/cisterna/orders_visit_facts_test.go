package main

import (
	"context"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/dosing"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// alarmed raises an alarm of a pump as its lane, or a part of the server, does.
func (w *orderWorld) alarmed(p plannedPump, code string, by alarm.Source) {
	w.t.Helper()
	err := postgres.InTx(context.Background(), w.app.DB, func(tx *postgres.Tx) error {
		a, isNew, err := w.app.Alarms.RaiseTx(context.Background(), tx, alarm.Raise{Pump: p.ID, Site: w.site.ID, Code: code, Source: by, At: time.Now(), Actor: auth.System("test")})
		if err == nil && (!isNew || a.Priority != wire.PriorityHigh) {
			w.t.Errorf("%s: %+v", code, a)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// facts are the numbers of what whoever approves must have seen of a pump's patient.
func (w *orderWorld) facts(p plannedPump) (rev int64) {
	w.t.Helper()
	err := postgres.InTx(context.Background(), w.app.DB, func(tx *postgres.Tx) (err error) {
		rev, _, err = registry.FactsRev(context.Background(), tx, w.patient[p.Serial].ID)
		return err
	})
	return must2(w.t, rev, err)
}

// refill is a wish for a visit that fills the same again.
func (c *caller) refill(p plannedPump) dosing.Wish {
	c.w.t.Helper()
	r := c.w.report(p)
	group := c.w.group(r.State.Contents)
	plan := c.plan(p, dosing.Refill{Group: group, Contents: r.State.Contents, Program: r.State.Program, Filled: 10 * whole, Residual: new(r.Volume)})
	return dosing.Wish{Act: order.ActVisit, Group: group, Visit: &plan.Visit, Reason: "refill"}
}

// TestMismatchOfItsOwnVisit: volumes out of bounds leave the visit that found them
// approved, and it is carried out with the same dose. A mismatch that stands from
// another refill is a fact to every order, a visit too, at each step.
func TestMismatchOfItsOwnVisit(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, miriam, d, ctx := w.plans[0], w.signIn("miriam"), w.app.Dosing, t.Context()
	o := w.approved(p, miriam.refill(p))
	was, found := w.facts(p), &order.Measured{Aspirated: w.report(p).Volume + 3*whole, Filled: 10 * whole}
	w.refusedRelease(o.ID, dosing.Choice{Branch: order.BranchPlanned, Measured: found}, order.ErrBounds)
	if err := d.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Get(ctx, auth.Scope{All: true}, o.ID); err != nil || got.State != dosing.Approved || w.facts(p) != was {
		t.Fatalf("after what the visit found it is %s, %v; facts %d after %d", got.State, err, w.facts(p), was)
	}
	if after := w.done(p, o, dosing.Choice{Branch: order.BranchSame, Measured: found}); after.Fill != 10*whole {
		t.Errorf("after the visit: %+v", after)
	}

	next, another := w.approved(p, miriam.refill(p)), w.propose(p, miriam.refill(p))
	signed, err := d.PrepareRelease(ctx, w.rosa.Actor, next.ID, w.rosa.key, dosing.Choice{Branch: order.BranchPlanned, Measured: &order.Measured{Aspirated: 10 * whole, Filled: 10 * whole}}, order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	entries := w.entries(another, p)
	w.alarmed(p, "REFILL_MISMATCH", alarm.SourceServer)
	_, _, err = d.Release(ctx, w.rosa.Actor, next.ID, signed.Document, w.rosa.sign(t, signed))
	gone(t, "a visit released", err)
	_, err = d.Verify(ctx, w.jonas.Actor, another.ID, dosing.Entered{Source: "record", Entries: entries})
	gone(t, "a visit verified", err)
	w.ends(next.ID, dosing.Stale)
	w.ends(another.ID, dosing.Stale)
}

// gone wants an act on an order refused since the facts have changed, whether the sweep
// has been by or not.
func gone(t *testing.T, what string, err error) {
	t.Helper()
	if errs.KindOf(err) != errs.Conflict {
		t.Errorf("%s in spite of a mismatch: %v", what, err)
	}
}

// TestStoodTooLongForItsVisit: a pump that has stood for two days is reviewed in a
// visit, and the alarm that calls for it leaves that visit as it was signed; a program
// order of the same moment is stale.
func TestStoodTooLongForItsVisit(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, miriam := w.plans[0], w.signIn("miriam")
	w.signStop(p, nil)
	eventually(t, "the server knows that it stands, and is alarmed", func() bool {
		return w.report(p).State.Run != wire.Infusing && w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'STOPPED' AND cleared_at IS NULL`, p.ID) == 1
	})
	program := w.report(p).State.Program
	visit, other := w.approved(p, miriam.refill(p)), w.propose(p, w.more(p, 990))
	measured := &order.Measured{Aspirated: w.report(p).Volume, Filled: 10 * whole}
	was := w.facts(p)
	w.alarmed(p, "STOPPED_48H", alarm.SourcePump)
	w.ends(other.ID, dosing.Stale)
	if now := w.facts(p); now <= was {
		t.Errorf("the alarm is no fact: %d after %d", now, was)
	}
	after := w.done(p, visit, dosing.Choice{Branch: order.BranchPlanned, Measured: measured})
	if after.State.Run != wire.Infusing || after.State.Program.Hash() != program.Hash() || after.Fill != 10*whole {
		t.Errorf("after the visit: %+v", after)
	}
}
