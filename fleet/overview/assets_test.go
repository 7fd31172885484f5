package overview

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"cisterna/fleet/maintenance"
	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
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
