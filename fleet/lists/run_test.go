package lists

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

func (r *rig) freeze(a auth.Actor, pumps ...int64) Frozen {
	r.Helper()
	f, err := r.lists.Freeze(r.Context(), a, Frozen{Filter: "presence:never", Epoch: "E", Rev: 7}, pumps)
	r.must(err)
	return f
}

// finish works until a run has ended.
func (r *rig) finish(s *Service, a auth.Actor, id int64) Run {
	r.Helper()
	r.must(s.work(r.Context()))
	run, err := s.Progress(r.Context(), a, id)
	r.must(err)
	return run
}

func TestFreeze(t *testing.T) {
	r := newRig(t, 3)
	ctx := t.Context()
	anna := r.person(1, r.a, auth.Engineer)
	f := r.freeze(anna, r.pumps[2], r.pumps[0], r.pumps[0])
	got, pumps, err := r.lists.FrozenList(ctx, anna, f.ID)
	if err != nil || got.Count != 2 || got.Filter != "presence:never" || got.Rev != 7 || fmt.Sprint(pumps) != fmt.Sprint([]int64{r.pumps[0], r.pumps[2]}) {
		t.Errorf("%+v %v %v", got, pumps, err)
	}
	_, _, err = r.lists.FrozenList(ctx, r.person(2, r.a, auth.Engineer), f.ID)
	r.kind("somebody else's", err, errs.NotFound)
	_, err = r.lists.Freeze(ctx, anna, Frozen{}, nil)
	r.kind("nothing", err, errs.Invalid)
	_, err = r.lists.Freeze(ctx, anna, Frozen{}, []int64{r.pumps[0], r.pump(r.b)})
	r.kind("a pump of another site", err, errs.NotFound)
	r.shift.Store(int64(FrozenLife + time.Second))
	_, _, err = r.lists.FrozenList(ctx, anna, f.ID)
	r.kind("expired", err, errs.Conflict)
	_, err = r.lists.Begin(ctx, anna, f.ID, Work{Action: ActTag, Tags: []string{"x"}})
	r.kind("a run on an expired one", err, errs.Conflict)
}

func TestRun(t *testing.T) {
	r := newRig(t, 5)
	ctx := t.Context()
	anna := r.person(1, r.a, auth.Engineer)
	f := r.freeze(anna, r.pumps...)
	for _, bad := range []Work{{}, {Action: "explode"}, {Action: ActTag}, {Action: ActTag, Tags: []string{"x"}, Group: 1}, {Action: ActRevoke}, {Action: ActGroup}, {Action: ActRevoke, Reason: "x", Tags: []string{"x"}}} {
		_, err := r.lists.Begin(ctx, anna, f.ID, bad)
		r.kind(fmt.Sprintf("%+v", bad), err, errs.Invalid)
	}
	_, err := r.lists.Begin(ctx, r.person(2, r.a, auth.Nurse), f.ID, Work{Action: ActRevoke, Reason: "x"})
	r.kind("a nurse revokes", err, errs.Denied)
	_, err = r.lists.Begin(ctx, r.person(3, r.a, auth.Engineer), f.ID, Work{Action: ActTag, Tags: []string{"x"}})
	r.kind("somebody else's list", err, errs.NotFound)
	run, err := r.lists.Begin(ctx, anna, f.ID, Work{Action: ActTag, Tags: []string{"Night"}})
	r.must(err)
	_, err = r.lists.Begin(ctx, anna, f.ID, Work{Action: ActTag, Tags: []string{"x"}})
	r.kind("the same list again", err, errs.NotFound)
	run = r.finish(r.lists, anna, run.ID)
	if run.State != Done || run.Finished != 5 || run.Waiting+run.Refused != 0 || run.EndedAt.IsZero() {
		t.Errorf("%+v", run)
	}
	// One leaf per item, and two of the run.
	if n := r.leaves("pump.tag"); n != 5 || r.leaves("bulk.begin") != 1 || r.leaves("bulk.end") != 1 {
		t.Errorf("%d leaves of items", n)
	}
	// What cannot be done is said for each pump, and the others are done.
	if _, err := r.reg.Retire(ctx, sys, r.pumps[1], "worn"); err != nil {
		t.Fatal(err)
	}
	run, err = r.lists.Begin(ctx, anna, r.freeze(anna, r.pumps...).ID, Work{Action: ActRevoke, Reason: "recalled"})
	r.must(err)
	run = r.finish(r.lists, anna, run.ID)
	items, err := r.lists.Items(ctx, anna, run.ID, "refused", 0, 10)
	if err != nil || run.State != Done || run.Finished != 4 || len(items) != 1 || items[0].Pump != r.pumps[1] || items[0].Detail == "" {
		t.Errorf("%+v %+v %v", run, items, err)
	}
	if p, _ := r.reg.Pump(ctx, anna.Scope(), r.pumps[0]); p.Status != registry.Revoked || p.StatusReason != "recalled" {
		t.Errorf("%+v", p)
	}
	if runs, err := r.lists.Runs(ctx, anna, 10); err != nil || len(runs) != 2 || runs[0].ID != run.ID {
		t.Errorf("%+v %v", runs, err)
	}
	if runs, _ := r.lists.Runs(ctx, r.person(2, r.a, auth.Nurse), 10); len(runs) != 0 {
		t.Errorf("somebody else sees %v", runs)
	}
	// Groups.
	g, err := r.lists.CreateGroup(ctx, anna, NewGroup{Site: r.a, Name: "G"})
	r.must(err)
	run, err = r.lists.Begin(ctx, anna, r.freeze(anna, r.pumps[:2]...).ID, Work{Action: ActGroup, Group: g.ID})
	r.must(err)
	if run = r.finish(r.lists, anna, run.ID); run.Finished != 2 || r.count(`SELECT count(*) FROM lists_members`) != 2 {
		t.Errorf("%+v", run)
	}
}

// The process dies at every step of the way: each item is done exactly once.
func TestCrashInTheMiddle(t *testing.T) {
	r := newRig(t, 12)
	anna := r.person(1, r.a, auth.Engineer)
	run, err := r.lists.Begin(t.Context(), anna, r.freeze(anna, r.pumps...).ID, Work{Action: ActTag, Tags: []string{"night"}})
	r.must(err)
	crashes := 0
	for r.count(`SELECT count(*) FROM lists_run_items WHERE state = 'waiting'`) > 0 {
		// Each life begins, does an item or two and is cut off within a statement.
		ctx, cancel := context.WithCancel(t.Context())
		done := 0
		s := r.service()
		s.Actor = func(context.Context, int64, int64) (auth.Actor, error) { return anna, nil }
		s.Now = func() time.Time {
			if done++; done%4 == 3 {
				cancel()
			}
			return time.Now()
		}
		if _, err := s.advance(ctx, run.ID, 0, nil); err != nil {
			crashes++
		}
		cancel()
	}
	if crashes < 2 {
		t.Fatalf("%d crashes: nothing was tested", crashes)
	}
	if run = r.finish(r.lists, anna, run.ID); run.State != Done || run.Finished != 12 {
		t.Errorf("%+v", run)
	}
	if n := r.leaves("pump.tag"); n != 12 || r.leaves("bulk.end") != 1 {
		t.Errorf("%d leaves of 12 items, %d ends", n, r.leaves("bulk.end"))
	}
}

// Two servers at the same run share the work and do nothing twice.
func TestTwoServers(t *testing.T) {
	r := newRig(t, 20)
	anna := r.person(1, r.a, auth.Engineer)
	run, err := r.lists.Begin(t.Context(), anna, r.freeze(anna, r.pumps...).ID, Work{Action: ActTag, Tags: []string{"night"}})
	r.must(err)
	ended := make(chan error, 2)
	for range 2 {
		s := r.service()
		go func() { ended <- s.work(t.Context()) }()
	}
	r.must(errors.Join(<-ended, <-ended))
	if run = r.finish(r.lists, anna, run.ID); run.State != Done || r.leaves("pump.tag") != 20 || r.leaves("bulk.end") != 1 {
		t.Errorf("%+v, %d leaves", run, r.leaves("pump.tag"))
	}
}

func TestStopAndShutAccount(t *testing.T) {
	r := newRig(t, 3)
	ctx := t.Context()
	anna := r.person(1, r.a, auth.Engineer)
	run, err := r.lists.Begin(ctx, anna, r.freeze(anna, r.pumps...).ID, Work{Action: ActTag, Tags: []string{"night"}})
	r.must(err)
	_, err = r.lists.Stop(ctx, r.person(2, r.a, auth.Engineer), run.ID)
	r.kind("somebody else stops it", err, errs.NotFound)
	run, err = r.lists.Stop(ctx, anna, run.ID)
	if err != nil || run.State != Stopped || run.Waiting != 3 {
		t.Errorf("%+v %v", run, err)
	}
	if err := r.lists.item(ctx, anna, run, r.pumps[0], nil); !errors.Is(err, errTaken) || r.leaves("pump.tag") != 0 {
		t.Errorf("an item of a stopped run: %v", err)
	}
	run, err = r.lists.Begin(ctx, anna, r.freeze(anna, r.pumps...).ID, Work{Action: ActTag, Tags: []string{"night"}})
	r.must(err)
	delete(r.people, anna.ID)
	if run = r.finish(r.lists, anna, run.ID); run.State != Stopped || run.Why == "" || r.leaves("pump.tag") != 0 {
		t.Errorf("a shut account goes on: %+v", run)
	}
	// Roles that were taken away refuse each item.
	nina := r.person(3, r.a, auth.Engineer)
	run, err = r.lists.Begin(ctx, nina, r.freeze(nina, r.pumps...).ID, Work{Action: ActRevoke, Reason: "x"})
	r.must(err)
	r.person(3, r.a, auth.Auditor)
	if run = r.finish(r.lists, nina, run.ID); run.State != Done || run.Refused != 3 {
		t.Errorf("a role that was taken away: %+v", run)
	}
}

// A program does what its token is for, with what its owner has at the token's sites,
// and no longer than the token lives.
func TestRunByToken(t *testing.T) {
	r := newRig(t, 3)
	ctx := t.Context()
	far := r.pump(r.b)
	anna := r.person(1, r.a, auth.Engineer)
	anna.Roles[r.b] = []auth.Role{auth.Engineer}
	r.must(r.reg.AddMembership(ctx, sys, anna.ID, r.b, auth.Engineer))
	const token = 7
	r.tokens[token] = []int64{r.a}
	program := anna.ByToken(token, r.tokens[token])
	tag := Work{Action: ActTag, Tags: []string{"night"}}

	// What the person made does not exist for a program of theirs.
	f := r.freeze(anna, far)
	_, _, err := r.lists.FrozenList(ctx, program, f.ID)
	r.kind("a program sees its owner's list", err, errs.NotFound)
	_, err = r.lists.Begin(ctx, program, f.ID, tag)
	r.kind("a program begins on its owner's list", err, errs.NotFound)
	run, err := r.lists.Begin(ctx, anna, f.ID, tag)
	r.must(err)
	_, err = r.lists.Progress(ctx, program, run.ID)
	r.kind("a program sees its owner's run", err, errs.NotFound)
	_, err = r.lists.Stop(ctx, program, run.ID)
	r.kind("a program stops its owner's run", err, errs.NotFound)
	if runs, err := r.lists.Runs(ctx, program, 10); err != nil || len(runs) != 0 {
		t.Errorf("a program is told of %+v %v", runs, err)
	}
	if run = r.finish(r.lists, anna, run.ID); run.Finished != 1 {
		t.Errorf("%+v", run)
	}

	// Its own work goes on with its rights, and every leaf names the token.
	run, err = r.lists.Begin(ctx, program, r.freeze(program, r.pumps...).ID, tag)
	r.must(err)
	if run = r.finish(r.lists, program, run.ID); run.State != Done || run.Finished != 3 {
		t.Errorf("%+v", run)
	}
	if n := r.count(`SELECT count(*) FROM audit_leaf WHERE actor = 'person:1 p1 token:7'`); n != 5 {
		t.Errorf("%d leaves name the token, want its begin, its end and three items", n)
	}
	run, err = r.lists.Begin(ctx, program, r.freeze(program, r.pumps...).ID, Work{Action: ActUntag, Tags: []string{"night"}})
	r.must(err)
	if runs, err := r.lists.Runs(ctx, anna, 10); err != nil || len(runs) != 3 {
		t.Errorf("the owner is told of %+v %v", runs, err)
	}
	r.must(postgres.InTx(ctx, r.db, func(tx *postgres.Tx) error { return r.reg.TransferredTx(ctx, tx, sys, r.pumps[2], r.b, "as a test") }))
	if run = r.finish(r.lists, program, run.ID); run.Finished != 2 || run.Refused != 1 {
		t.Errorf("a pump that left the token's sites: %+v", run)
	}

	// It ends with its token.
	run, err = r.lists.Begin(ctx, program, r.freeze(program, r.pumps[:2]...).ID, tag)
	r.must(err)
	delete(r.tokens, token)
	if run = r.finish(r.lists, anna, run.ID); run.State != Stopped || run.Waiting != 2 || run.Why == "" {
		t.Errorf("a run outlives its token: %+v", run)
	}
}

func TestSlips(t *testing.T) {
	r := newRig(t, 5)
	ctx := t.Context()
	anna := r.person(1, r.a, auth.Engineer)
	run, err := r.lists.Begin(ctx, anna, r.freeze(anna, r.pumps...).ID, Work{Action: ActClaim})
	r.must(err)
	if run = r.finish(r.lists, anna, run.ID); run.Waiting != 5 {
		t.Errorf("slips that nobody asked for were made: %+v", run)
	}
	if _, err := r.reg.Retire(ctx, sys, r.pumps[1], "worn"); err != nil {
		t.Fatal(err)
	}
	run, slips, err := r.lists.Advance(ctx, anna, run.ID, 3)
	if err != nil || len(slips) != 2 || run.Finished != 2 || run.Refused != 1 || slips[0].Code == "" || slips[0].Pump != r.pumps[0] {
		t.Errorf("%+v %+v %v", run, slips, err)
	}
	run, slips, err = r.lists.Advance(ctx, anna, run.ID, 50)
	if err != nil || len(slips) != 2 || run.State != Done {
		t.Errorf("%+v %+v %v", run, slips, err)
	}
	if run, slips, err = r.lists.Advance(ctx, anna, run.ID, 50); err != nil || len(slips) != 0 || run.State != Done {
		t.Errorf("after the end: %+v %+v %v", run, slips, err)
	}
	if n := r.count(`SELECT count(*) FROM registry_claims WHERE state = 'open'`); n != 4 {
		t.Errorf("%d open claims, want 4", n)
	}
	_, _, err = r.lists.Advance(ctx, anna, run.ID, 51)
	r.kind("too many at once", err, errs.Invalid)
	late, err := r.lists.Begin(ctx, anna, r.freeze(anna, r.pumps[0]).ID, Work{Action: ActClaim})
	r.must(err)
	r.shift.Store(int64(25 * time.Hour))
	if late, slips, err = r.lists.Advance(ctx, anna, late.ID, 1); err != nil || len(slips) != 0 || late.State != Stopped {
		t.Errorf("a day later: %+v %v %v", late, slips, err)
	}
}

// Run does the work by itself.
func TestWorker(t *testing.T) {
	r := newRig(t, 3)
	anna := r.person(1, r.a, auth.Engineer)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.lists.Run(ctx) }()
	run, err := r.lists.Begin(t.Context(), anna, r.freeze(anna, r.pumps...).ID, Work{Action: ActTag, Tags: []string{"night"}})
	r.must(err)
	for deadline := time.Now().Add(10 * time.Second); run.State == Running && time.Now().Before(deadline); {
		run, err = r.lists.Progress(t.Context(), anna, run.ID)
		r.must(err)
	}
	cancel()
	if err := <-ended; err != nil || run.State != Done {
		t.Errorf("%+v %v", run, err)
	}
}
