package main

import (
	"testing"

	"cisterna/fleet/dosing"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// TestWhatRanBefore: what a pump ran when an order was proposed is told for good, when
// the pump has long said something else; and something else in its place is not told.
func TestWhatRanBefore(t *testing.T) {
	w := newOrderWorld(t, 1)
	p, ctx, all, d := w.plans[0], t.Context(), auth.Scope{All: true}, w.app.Dosing
	draft, err := d.SaveDraft(ctx, w.miriam.Actor, p.ID, 0, w.more(p, 1010))
	if err != nil {
		t.Fatal(err)
	}
	if _, kept, err := d.Before(ctx, all, draft.ID); kept || err != nil {
		t.Errorf("of a draft: %t, %v", kept, err)
	}
	ran := w.report(p)
	o := w.approved(p, w.more(p, 1080))
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	eventually(t, "the pump says what it runs now", func() bool { return w.report(p).State.Program.Hash() != ran.State.Program.Hash() })
	got, kept, err := d.Before(ctx, all, o.ID)
	if err != nil || !kept || got.Report.State.Hash() != o.Base || got.Report.State.Program.Hash() != ran.State.Program.Hash() || got.At.IsZero() || got.Patient != w.patient[p.Serial].Token || got.Range.Idle == 0 {
		t.Errorf("of the order that was applied: %t, %+v, %v", kept, got, err)
	}
	if _, _, err := d.Before(ctx, auth.Scope{Sites: []int64{w.site.ID + 1}}, o.ID); errs.KindOf(err) != errs.NotFound {
		t.Errorf("from another site: %v", err)
	}
	if n := w.count(`SELECT count(*) FROM audit_leaf l JOIN audit_payload p ON p.leaf_id = l.id WHERE l.kind = 'order.propose' AND p.payload->>'report' = (SELECT encode(sha256(report), 'hex') FROM dosing_orders WHERE id = $1)`, o.ID); n != 1 {
		t.Errorf("the record holds the hash of what is kept %d times", n)
	}
	now := w.report(p)
	if _, err := w.app.DB.ExecContext(ctx, `UPDATE dosing_orders SET report = $2 WHERE id = $1`, o.ID, now.Encode()); err != nil {
		t.Fatal(err)
	}
	_, _, err = d.Before(ctx, all, o.ID)
	denied(t, "of another state", err, errs.Conflict, "not what its signers saw")
}
