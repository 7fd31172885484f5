package main

import (
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// TestAnOrderThatCameBack: what blind entries sent back its author takes up, under its
// own number and to its end, or discards; nobody else does either.
func TestAnOrderThatCameBack(t *testing.T) {
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	back := func(permille int64) dosing.Order {
		t.Helper()
		o := w.propose(p, w.more(p, permille))
		w.sentBack(o, p, "serial", "XX000000")
		return o
	}

	o := back(1040)
	// Its doses are of what was in the pump then, which whoever takes it up asks for.
	ran, known, err := d.Before(ctx, auth.Scope{All: true}, o.ID)
	if err != nil || !known || ran.Report.State.Contents.Empty() {
		t.Errorf("what ran when it was proposed: %+v, %v, %v", ran, known, err)
	}
	_, err = d.Propose(ctx, w.otis.Actor, dosing.Proposal{Pump: p.ID, Draft: o.ID, Wish: w.more(p, 1040)})
	denied(t, "another prescriber takes it up", err, errs.Conflict, "no draft of yours")
	again, err := d.Propose(ctx, w.miriam.Actor, dosing.Proposal{Pump: p.ID, Draft: o.ID, Wish: w.more(p, 1030)})
	if err != nil || again.ID != o.ID || again.State != dosing.Proposed || again.Mismatches != 0 || again.Hash == o.Hash {
		t.Fatalf("taken up: %+v, %v", again, err)
	}
	_, err = d.DiscardDraft(ctx, w.miriam.Actor, o.ID)
	denied(t, "discarded while it is proposed", err, errs.Conflict, "Only its author")
	w.verify(w.jonas, again, p)
	w.approve(w.miriam, again.ID, order.MeansPrescribe)
	w.approve(w.jonas, again.ID, order.MeansVerify)
	w.release(again.ID)
	w.ends(again.ID, dosing.Applied)

	o = back(990)
	_, err = d.DiscardDraft(ctx, w.otis.Actor, o.ID)
	denied(t, "another prescriber discards it", err, errs.Conflict, "Only its author")
	_, err = d.DiscardDraft(ctx, w.jonas.Actor, o.ID)
	denied(t, "a verifier discards it", err, errs.Denied, "role")
	got, err := d.DiscardDraft(ctx, w.miriam.Actor, o.ID)
	if err != nil || got.State != dosing.Withdrawn || got.ClosedAt.IsZero() || got.Told != dosing.NotAsked {
		t.Errorf("discarded: %+v, %v", got, err)
	}
	if blind, err := d.Blind(ctx, w.jonas.Actor, &got); err != nil || !blind {
		t.Errorf("the same may be proposed again, and its checker reads it now: %v", err)
	}
	_, err = d.Propose(ctx, w.miriam.Actor, dosing.Proposal{Pump: p.ID, Draft: o.ID, Wish: w.more(p, 980)})
	denied(t, "taken up after it was discarded", err, errs.Conflict, "no draft of yours")
	if n := w.count(`SELECT count(*) FROM audit_leaf WHERE kind = 'order.discard'`); n != 1 {
		t.Errorf("the record says %d times that it was discarded", n)
	}
	if open, err := d.List(ctx, auth.Scope{All: true}, dosing.Filter{Pump: p.ID, Open: true}); err != nil || len(open) != 0 {
		t.Errorf("still open: %+v, %v", open, err)
	}
}

// TestWhatCameBackEnds: what blind entries sent back can be taken up for 30 days, and is
// then discarded as its author would discard it. A draft that was never proposed stays.
func TestWhatCameBackEnds(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	typed, err := d.SaveDraft(ctx, w.miriam.Actor, p.ID, 0, w.more(p, 1010))
	if err != nil || !typed.ExpiresAt.IsZero() {
		t.Fatalf("a draft of one's own ends at %s, %v", typed.ExpiresAt, err)
	}
	o := w.propose(p, w.more(p, 1040))
	was := time.Now()
	w.sentBack(o, p, "serial", "XX000000")
	got, err := d.Get(ctx, auth.Scope{All: true}, o.ID)
	if err != nil || got.ExpiresAt.Before(was.Add(dosing.ReturnKept)) || got.ExpiresAt.After(time.Now().Add(dosing.ReturnKept)) {
		t.Fatalf("came back at %s and ends at %s, %v", was, got.ExpiresAt, err)
	}
	saved, err := d.SaveDraft(ctx, w.miriam.Actor, p.ID, o.ID, w.more(p, 1020))
	if err != nil || !saved.ExpiresAt.Equal(got.ExpiresAt) {
		t.Errorf("changed, it ends at %s and not at %s, %v", saved.ExpiresAt, got.ExpiresAt, err)
	}
	if err := d.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Get(ctx, auth.Scope{All: true}, o.ID); err != nil || got.State != dosing.Draft {
		t.Fatalf("before its end it is %s, %v", got.State, err)
	}
	if _, err := w.app.DB.Exec(`UPDATE dosing_orders SET expires_at = now() WHERE id = $1`, o.ID); err != nil {
		t.Fatal(err)
	}
	_, err = d.Propose(ctx, w.miriam.Actor, dosing.Proposal{Pump: p.ID, Draft: o.ID, Wish: w.more(p, 1020)})
	if errs.KindOf(err) != errs.Conflict {
		t.Errorf("taken up after its end: %v", err)
	}
	got = w.ends(o.ID, dosing.Withdrawn)
	if got.ClosedAt.IsZero() || got.Detail == "" || got.Told != dosing.NotAsked {
		t.Errorf("discarded: %+v", got)
	}
	if n := w.count(`SELECT count(*) FROM audit_leaf WHERE kind = 'order.discard' AND actor = $1`, auth.System("dosing").String()); n != 1 {
		t.Errorf("the record says %d times that the system discarded it", n)
	}
	if still, err := d.Get(ctx, auth.Scope{All: true}, typed.ID); err != nil || still.State != dosing.Draft {
		t.Errorf("a draft that was never proposed is %s, %v", still.State, err)
	}
}
