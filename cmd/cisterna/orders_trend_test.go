package main

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// TestTrend: a step that the pump has applied is one of its steps, for whoever sees the
// pump; a proposal changes nothing in what a checker sees, and neither does one that
// ended.
func TestTrend(t *testing.T) {
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	here := auth.Scope{Sites: []int64{w.site.ID}}
	trend := func(scope auth.Scope) dosing.Trend {
		t.Helper()
		v, err := d.Trend(ctx, scope, p.ID, 30)
		return must2(t, v, err)
	}
	before := trend(here)
	if len(before.Days) != 31 || before.Zone != w.site.TimeZone || len(before.Steps) != 0 || before.Last != nil || before.Month != 0 || len(before.Totals) != 2 {
		t.Errorf("before any order: %+v", before)
	}
	for _, day := range before.Days[:30] {
		if day.Coverage == telemetry.Whole {
			t.Errorf("nobody heard the pump on %v", day.From)
		}
	}
	ran := w.report(p)
	if len(before.Program) != len(ran.State.Contents.Ingredients) || before.Program[0].Mass == 0 {
		t.Errorf("its program is %+v", before.Program)
	}

	// What is asked for is nowhere in it, at any step of its check.
	same := func(when string) {
		t.Helper()
		now := trend(here)
		if !reflect.DeepEqual(now.Steps, before.Steps) || !reflect.DeepEqual(now.Program, before.Program) || now.Last != nil || now.Month != 0 {
			t.Errorf("%s: %+v", when, now)
		}
	}
	gone := w.propose(p, w.more(p, 1050))
	same("proposed")
	w.sentBack(gone, p, fmt.Sprintf("day:%d", ran.State.Contents.Ingredients[0].Code), "1")
	same("sent back")
	o := w.approved(p, w.more(p, 1080))
	same("approved")
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)

	eventually(t, "the pump says what it runs now", func() bool { return w.report(p).State.Program.Hash() != ran.State.Program.Hash() })
	after := trend(here)
	if len(after.Steps) != 1 || after.Month != 1 || after.Last == nil {
		t.Fatalf("after one step: %+v", after)
	}
	step := after.Steps[0]
	if step.Order != o.ID || step.Act != order.ActProgram || !step.Kept || time.Since(step.At) > time.Minute || len(step.Changes) != len(before.Program) {
		t.Errorf("%+v", step)
	}
	for i, c := range step.Changes {
		if c.Code != before.Program[i].Code || c.WasDay != before.Program[i].Mass || c.IsDay != after.Program[i].Mass || c.IsDay <= c.WasDay || c.IsWorst <= c.WasWorst {
			t.Errorf("%+v, ran %+v, runs %+v", c, before.Program[i], after.Program[i])
		}
	}

	// Other people.
	if _, err := d.Trend(ctx, auth.Scope{Sites: []int64{w.site.ID + 1}}, p.ID, 30); errs.KindOf(err) != errs.NotFound {
		t.Errorf("from another site: %v", err)
	}
	if _, err := w.app.DB.ExecContext(ctx, `UPDATE dosing_orders SET site_id = site_id + 1 WHERE id = $1`, o.ID); err != nil {
		t.Fatal(err)
	}
	if got := trend(here).Steps; len(got) != 1 || got[0].Order != 0 || got[0].Changes[0] != step.Changes[0] {
		t.Errorf("a step that was ordered where the pump was before: %+v", got)
	}
	// What is kept of before counts only as what the signers signed for.
	r := w.report(p)
	if _, err := w.app.DB.ExecContext(ctx, `UPDATE dosing_orders SET report = $2 WHERE id = $1`, o.ID, r.Encode()); err != nil {
		t.Fatal(err)
	}
	if got := trend(here).Steps; len(got) != 1 || got[0].Kept {
		t.Errorf("with another report in its place: %+v", got)
	}
}
