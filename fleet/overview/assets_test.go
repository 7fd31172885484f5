package overview

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"cisterna/fleet/maintenance"
	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// TestAssetsSince: whoever goes on from where an export ended is told of every
// device that changed since, and of no other.
func TestAssetsSince(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	sequence := r.sequence(t)
	p, err := r.reg.RegisterPump(ctx, sys, registry.NewPump{Site: r.sites[0], Serial: "AS-1", Model: "M", Profile: "meander-p20", Facts: registry.Facts{AssetNo: "A1"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.reg.RegisterCommunicator(ctx, sys, registry.NewCommunicator{Site: r.sites[0], Serial: "BR-1", Model: "Brook"}); err != nil {
		t.Fatal(err)
	}
	sequence()
	full, err := r.view.Assets(ctx, all, 0)
	if err != nil || len(full.Items) < 2 || full.Next == 0 {
		t.Fatalf("%d assets, next %d, %v", len(full.Items), full.Next, err)
	}
	if none, err := r.view.Assets(ctx, all, full.Next); err != nil || len(none.Items) != 0 || none.Next != full.Next {
		t.Errorf("nothing happened: %+v, %v", none, err)
	}
	work, err := r.view.Maintenance.Add(ctx, sys, maintenance.New{Pump: p.ID, Kind: "inspection", Text: "yearly", DueOn: "2030-01-01"})
	if err != nil {
		t.Fatal(err)
	}
	// What is not in the tree yet is told at the next call, not lost.
	early, err := r.view.Assets(ctx, all, full.Next)
	if err != nil || len(early.Items) != 0 || early.Next != full.Next {
		t.Errorf("before the tree has it: %+v, %v", early, err)
	}
	sequence()
	next, err := r.view.Assets(ctx, all, early.Next)
	if err != nil || len(next.Items) != 1 || next.Items[0].Serial != "AS-1" || next.Items[0].NextDue != "2030-01-01" || next.Items[0].AssetNo != "A1" {
		t.Errorf("after planned work: %+v, %v", next, err)
	}
	done, err := r.view.Work(ctx, all, full.Next)
	if err != nil || len(done.Items) != 1 || done.Items[0].ID != work.ID {
		t.Errorf("work since: %+v, %v", done, err)
	}
	if _, err := r.reg.MoveCommunicator(ctx, sys, "BR-1", registry.CommLose, "gone"); err != nil {
		t.Fatal(err)
	}
	sequence()
	lost, err := r.view.Assets(ctx, all, next.Next)
	if err != nil || len(lost.Items) != 1 || lost.Items[0].ID != "communicator:BR-1" || lost.Items[0].Status != "lost" {
		t.Errorf("after a loss: %+v, %v", lost, err)
	}
	if other, err := r.view.Assets(ctx, auth.Scope{}, 0); err != nil || len(other.Items) != 0 {
		t.Errorf("without a site: %+v, %v", other, err)
	}
	if _, err := r.view.Assets(ctx, all, lost.Next+1000); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a place that is none: %v", err)
	}
}

// TestAssetsChangedWithOthers: what changes with something else is told of, too: the
// communicator and the work of a pump that goes to another site, the devices on the
// list of a recall that ends, everything at a site that has another name.
func TestAssetsChangedWithOthers(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	sequence := r.sequence(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p, err := r.reg.RegisterPump(ctx, sys, registry.NewPump{Site: r.sites[0], Serial: "AS-1", Model: "M", Profile: "meander-p20"})
	must(err)
	other, err := r.reg.RegisterPump(ctx, sys, registry.NewPump{Site: r.sites[0], Serial: "AS-2", Model: "M", Profile: "meander-p20"})
	must(err)
	for _, serial := range []string{"BR-1", "BR-2", "BR-3"} {
		_, err := r.reg.RegisterCommunicator(ctx, sys, registry.NewCommunicator{Site: r.sites[0], Serial: serial, Model: "Brook"})
		must(err)
	}
	_, err = r.db.Exec(`INSERT INTO registry_pairings (pump_id, link, from_at, reason) VALUES ($1, 'BR-1', now(), 'as a test')`, p.ID)
	must(err)
	for _, n := range []maintenance.New{{Pump: p.ID, Kind: "note", Text: "worn"}, {Link: "BR-1", Kind: "battery", Text: "change", DueOn: "2030-01-01"}, {Pump: other.ID, Kind: "note", Text: "worn"}} {
		_, err := r.view.Maintenance.Add(ctx, sys, n)
		must(err)
	}
	_, err = r.db.Exec(`WITH n AS (INSERT INTO recall_recalls (reference, maker, title, body, source, severity, issued_on, models, device_ids, lots, range_first, range_last, state, state_at, state_by, state_why, created_at, created_by, device)
VALUES ('R-1', 'Brook', 'x', 'x', 'x', 'II', '2026-01-01', '{Brook}', '{}', '{}', '{}', '{}', 'open', now(), 'x', '', now(), 'x', 'communicator') RETURNING id)
INSERT INTO recall_devices (recall_id, comm, site_id, state, how, why, added_at, added_by, state_at, state_by) SELECT id, 'BR-2', $1, 'open', 'added', 'x', now(), 'x', now(), 'x' FROM n`, r.sites[0])
	must(err)
	record := func(e audit.Entry) {
		t.Helper()
		must(postgres.InTx(ctx, r.db, func(tx *postgres.Tx) error { return audit.Append(ctx, tx, e) }))
	}
	one := auth.Scope{Sites: []int64{r.sites[0]}}
	sequence()
	full, err := r.view.Assets(ctx, one, 0)
	must(err)
	for _, a := range full.Items {
		if a.OpenRecall != (a.ID == "communicator:BR-2") {
			t.Errorf("%s: an open recall %v", a.ID, a.OpenRecall)
		}
	}
	since := full.Next
	for what, c := range map[string]struct {
		happens      func()
		assets, work string
	}{
		"a transfer": {func() {
			record(audit.Entry{Kind: "pump.transfer", Actor: "x", Object: fmt.Sprintf("pump:%d", p.ID), Site: r.sites[0], Pump: p.ID})
		}, fmt.Sprintf("pump:%d communicator:BR-1", p.ID), "1 2"},
		"a recall ends": {func() { record(audit.Entry{Kind: "recall.withdraw", Actor: "x", Object: "recall:1"}) }, "communicator:BR-2", ""},
		"an exchange": {func() {
			record(audit.Entry{Kind: "pump.enrol", Actor: "x", Object: fmt.Sprintf("pump:%d", p.ID), Site: r.sites[0], Pump: p.ID, Device: "BR-1", Payload: map[string]string{"old_link": "BR-3"}})
		}, fmt.Sprintf("pump:%d communicator:BR-1 communicator:BR-3", p.ID), "2"},
	} {
		c.happens()
		sequence()
		assets, err := r.view.Assets(ctx, one, since)
		must(err)
		work, err := r.view.Work(ctx, one, since)
		must(err)
		since = assets.Next
		var got, done []string
		for _, a := range assets.Items {
			got = append(got, a.ID)
		}
		for _, w := range work.Items {
			done = append(done, fmt.Sprint(w.ID))
		}
		if strings.Join(got, " ") != c.assets || strings.Join(done, " ") != c.work {
			t.Errorf("%s: told of %v and work %v, want %s and %s", what, got, done, c.assets, c.work)
		}
	}
	record(audit.Entry{Kind: "site.change", Actor: "x", Object: fmt.Sprintf("site:%d", r.sites[0]), Site: r.sites[0]})
	sequence()
	if all, err := r.view.Assets(ctx, one, since); err != nil || len(all.Items) != len(full.Items) {
		t.Errorf("a site with another name: told of %d of %d, %v", len(all.Items), len(full.Items), err)
	}
}

// sequence returns a function that has the tree take in all leaves, and then
// stops taking.
func (r *rig) sequence(t *testing.T) func() {
	t.Helper()
	signer, err := audit.OpenSigner(t.TempDir(), "cisterna.test/record")
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		s, err := audit.NewSequencer(audit.Options{DB: r.db, Signer: signer, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { _ = s.Run(ctx) })
		defer group.Wait()
		defer stop()
		deadline := time.After(20 * time.Second)
		for left := 1; left > 0; {
			if err := r.db.Get(&left, `SELECT count(*) FROM audit_pending`); err != nil {
				t.Fatal(err)
			}
			select {
			case <-deadline:
				t.Fatalf("%d leaves still wait", left)
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
}
