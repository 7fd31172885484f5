package alarm

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// TestLife: raise, repeat, acknowledge, clear, and the next one of its kind.
func TestLife(t *testing.T) {
	r := newRig(t)
	var a Alarm
	r.leaves(func() {
		var isNew bool
		in := r.byPump("MOTOR_STALL", high)
		in.Latched, in.Detail = true, map[string]string{"mri": "yes"}
		if a, isNew = r.raise(in); !isNew {
			t.Error("not new")
		}
	}, "alarm.raise")
	got := r.get(a)
	if got.State != Active || got.Priority != high || !got.Latched || got.Detail["mri"] != "yes" || got.Entry().Title != "Motor stall" || !got.DueAt().Equal(t0.Add(15*time.Minute)) {
		t.Errorf("%+v", got)
	}
	r.advance(time.Minute)
	r.leaves(func() {
		var isNew bool
		if a, isNew = r.raise(r.byPump("MOTOR_STALL", medium)); isNew || a.Count != 2 || a.Priority != high || !a.Latched {
			t.Errorf("a repeat: %+v, new %v", a, isNew)
		}
	})
	r.get(a)
	r.leaves(func() {
		_, err := r.Acknowledge(r.ctx, r.anna, a.ID, "")
		kind(t, "no note", err, errs.Invalid)
		var ae *errs.Error
		if !errors.As(err, &ae) || ae.Field != "note" {
			t.Errorf("%v", err)
		}
	})
	r.leaves(func() {
		var err error
		if a, err = r.Acknowledge(r.ctx, r.anna, a.ID, "patient is in the MRI"); err != nil {
			t.Fatal(err)
		}
	}, "alarm.acknowledge")
	if got := r.get(a); got.State != Acknowledged || got.AckName != "Anna N." || got.AckNote != "patient is in the MRI" || !got.AckAt.Equal(r.now()) {
		t.Errorf("%+v", got)
	}
	r.leaves(func() {
		again, err := r.Acknowledge(r.ctx, r.emil, a.ID, "me too")
		if err != nil || again.AckBy != r.anna.String() || again.Rev != a.Rev {
			t.Errorf("a second acknowledgement: %+v, %v", again, err)
		}
	})
	r.leaves(func() {
		if !r.clear(r.cleared("MOTOR_STALL")) {
			t.Error("nothing was cleared")
		}
	}, "alarm.clear")
	a, err := r.Get(r.ctx, r.anna.Scope(), a.ID)
	if err != nil || a.State != Cleared || a.ClearedAt.IsZero() || a.ClearDeviceAt.IsZero() || a.AckBy == "" {
		t.Errorf("%+v, %v", a, err)
	}
	if h := r.history(a.ID); !slices.Equal(h, []Change{ChangeRaised, ChangeRepeated, ChangeAcknowledged, ChangeCleared}) {
		t.Errorf("history %q", h)
	}
	if c := r.changes(); !slices.Equal(c, []Change{ChangeRaised, ChangeRepeated, ChangeAcknowledged, ChangeCleared}) {
		t.Errorf("published %q", c)
	}
	b, isNew := r.raise(r.byPump("MOTOR_STALL", high))
	if !isNew || b.ID == a.ID || b.State != Active {
		t.Errorf("the next one: %+v", b)
	}
	hs, err := r.History(r.ctx, r.anna.Scope(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("signed MOTOR_STALL"))
	if h := hs[0]; string(h.Evidence) != string(sum[:]) || h.Actor != "device:COMM-1" || h.OldState != "" || h.NewState != Active || h.Detail["mri"] != "yes" || h.Pos.Seq != 1 {
		t.Errorf("first entry %+v", h)
	}
	if h := hs[2]; h.OldState != Active || h.NewState != Acknowledged || h.Note == "" || h.Evidence != nil {
		t.Errorf("acknowledgement %+v", h)
	}
}

// TestKeys: code, instance, source and pump tell alarms apart.
func TestKeys(t *testing.T) {
	r := newRig(t)
	first := r.byPump("RES_LOW", low)
	ids := map[int64]bool{}
	for _, change := range []func(*Raise){
		func(*Raise) {},
		func(in *Raise) { in.Code = "ERI" },
		func(in *Raise) { in.Instance = "2" },
		func(in *Raise) { in.Source = SourceServer },
		func(in *Raise) { in.Pump = r.pump2 },
	} {
		in := first
		change(&in)
		a, isNew := r.raise(in)
		if !isNew || ids[a.ID] {
			t.Errorf("%+v is not an alarm of its own", a)
		}
		ids[a.ID] = true
	}
	if r.clear(Clear{Pump: r.pump, Site: r.site, Code: "ERI", Source: SourceServer, At: r.now(), Actor: auth.System("sweep")}) {
		t.Error("the server ended a pump's alarm")
	}
	open, err := r.List(r.ctx, r.anna.Scope(), Filter{State: FilterOpen})
	if err != nil || len(open) != 5 {
		t.Errorf("%d open, %v", len(open), err)
	}
}

// TestLeavesByPriority: low alarms are in the history and not on the record,
// acknowledging always is.
func TestLeavesByPriority(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		code     string
		declared wire.Priority
		leaf     bool
	}{{"RES_LOW", 0, false}, {"STALL_RECOVERED", info, false}, {"UNDERINF", 0, true}, {"RES_EMPTY", info, true}, {"VENDOR_X", low, false}, {"VENDOR_Y", high, true}} {
		var raised, over []string
		if c.leaf {
			raised, over = []string{"alarm.raise"}, []string{"alarm.clear"}
		}
		var a Alarm
		r.leaves(func() { a, _ = r.raise(r.byPump(c.code, c.declared)) }, raised...)
		r.leaves(func() {
			if _, err := r.Acknowledge(r.ctx, r.emil, a.ID, "seen"); err != nil {
				t.Fatal(err)
			}
		}, "alarm.acknowledge")
		r.leaves(func() { r.clear(r.cleared(c.code)) }, over...)
	}
}

// TestRises: an acknowledged alarm whose condition gets worse wants attention
// again.
func TestRises(t *testing.T) {
	r := newRig(t)
	comm := Raise{Pump: r.pump, Site: r.site, Code: "COMM_LOST", Source: SourceServer, At: r.now(), Actor: auth.System("presence")}
	a, _ := r.raise(comm)
	if a.Priority != medium {
		t.Fatalf("%+v", a)
	}
	if _, err := r.Acknowledge(r.ctx, r.anna, a.ID, ""); err != nil {
		t.Fatal(err)
	}
	comm.Priority = high
	r.leaves(func() { a, _ = r.raise(comm) }, "alarm.raise")
	if got := r.get(a); got.State != Active || got.Priority != high || got.AckBy != "" || !got.AckAt.IsZero() {
		t.Errorf("%+v", got)
	}
	comm.Priority = 0
	if a, _ = r.raise(comm); a.Priority != high {
		t.Errorf("the priority fell: %+v", a)
	}
	hs, err := r.History(r.ctx, r.anna.Scope(), a.ID)
	if err != nil || len(hs) < 3 || hs[2].OldState != Acknowledged || hs[2].NewState != Active || hs[2].OldPriority != medium || hs[2].NewPriority != high {
		t.Errorf("history %+v, %v", hs, err)
	}
}

// TestOrder: what arrives late is kept and changes nothing that came after it.
func TestOrder(t *testing.T) {
	r := newRig(t)
	lost := r.byPump("MOTOR_STALL", high) // 1: will arrive last
	r.leaves(func() {
		if r.clear(r.cleared("MOTOR_STALL")) { // 2
			t.Error("ended an alarm that was never raised")
		}
	}, "alarm.clear")
	all, err := r.List(r.ctx, r.anna.Scope(), Filter{State: FilterAll})
	if err != nil || len(all) != 1 || all[0].State != Cleared || all[0].Count != 0 {
		t.Fatalf("a lone clear: %+v, %v", all, err)
	}
	r.leaves(func() {
		a, isNew := r.raise(lost)
		if isNew || a.ID != all[0].ID || a.State != Cleared || a.Count != 1 || !a.DeviceAt.Equal(lost.DeviceAt) {
			t.Errorf("the raise that came late: %+v, new %v", a, isNew)
		}
		r.get(a)
	}, "alarm.raise")
	if h := r.history(all[0].ID); !slices.Equal(h, []Change{ChangeCleared, ChangeLate}) {
		t.Errorf("history %q", h)
	}

	// A clear from before the newest raise does not end it.
	r.raise(r.byPump("MOTOR_STALL", high)) // 3
	early := r.cleared("MOTOR_STALL")      // 4
	last := r.byPump("MOTOR_STALL", high)  // 5
	a, _ := r.raise(last)
	r.leaves(func() {
		if r.clear(early) {
			t.Error("a late clear ended the alarm")
		}
	})
	if got, err := r.Get(r.ctx, r.anna.Scope(), a.ID); err != nil || got.State != Active {
		t.Errorf("%+v, %v", got, err)
	}
	// The same record again is nothing at all.
	before := r.history(a.ID)
	r.changes()
	r.leaves(func() {
		if again, isNew := r.raise(last); isNew || again.Count != a.Count {
			t.Errorf("the same record: %+v", again)
		}
	})
	if len(r.history(a.ID)) != len(before) || len(r.changes()) != 0 {
		t.Error("the same record left a trace")
	}
	// A lost journal starts a higher epoch at 1: it is later, not earlier.
	over := r.cleared("MOTOR_STALL")
	over.Pos = wire.Position{Epoch: 2, Seq: 1}
	if !r.clear(over) {
		t.Error("a clear of the next epoch ended nothing")
	}
	if r.clear(over) {
		t.Error("and ended it twice")
	}
}

// TestParallelRaises: twenty raises of one alarm at once are one alarm.
func TestParallelRaises(t *testing.T) {
	r := newRig(t)
	const n = 20
	in := Raise{Pump: r.pump, Site: r.site, Code: "RES_EMPTY", Source: SourceServer, At: r.now(), Actor: auth.System("sweep")}
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids, fresh := map[int64]int{}, 0
	r.leaves(func() {
		for range n {
			wg.Go(func() {
				a, isNew := r.raise(in)
				mu.Lock()
				defer mu.Unlock()
				ids[a.ID]++
				if isNew {
					fresh++
				}
			})
		}
		wg.Wait()
	}, "alarm.raise")
	all, err := r.List(r.ctx, r.anna.Scope(), Filter{State: FilterAll})
	if err != nil || len(all) != 1 || all[0].Count != n || fresh != 1 || len(ids) != 1 {
		t.Errorf("%d alarms, %d ids, %d new, %v", len(all), len(ids), fresh, err)
	}
	// The numbers of what was published are contiguous and in order.
	got, _ := r.sub.Take()
	for i, c := range got {
		if c.Seq != uint64(i+1) {
			t.Errorf("event %d has number %d", i, c.Seq)
		}
	}
	if len(got) != 5 || r.Seq() != 5 {
		t.Errorf("%d events, last number %d: the first five of a flood are told", len(got), r.Seq())
	}
}

// TestRaiseAndClearRace: raises and clears at once leave at most one open alarm
// and lose no raise.
func TestRaiseAndClearRace(t *testing.T) {
	r := newRig(t)
	const n = 16
	in := Raise{Pump: r.pump, Site: r.site, Code: "LIB_STALE", Source: SourceServer, At: r.now(), Actor: auth.System("sweep")}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { r.raise(in) })
		wg.Go(func() {
			r.clear(Clear{Pump: r.pump, Site: r.site, Code: "LIB_STALE", Source: SourceServer, At: r.now(), Actor: auth.System("sweep")})
		})
	}
	wg.Wait()
	all, err := r.List(r.ctx, r.anna.Scope(), Filter{State: FilterAll, Limit: 5000})
	if err != nil {
		t.Fatal(err)
	}
	var open, count int64
	for _, a := range all {
		if a.State.Open() {
			open++
		}
		count += a.Count
	}
	if open > 1 || count != n {
		t.Errorf("%d open alarms, %d raises counted, want at most 1 and %d", open, count, n)
	}
}

// TestAcknowledgeRace: of several who acknowledge at once, one did.
func TestAcknowledgeRace(t *testing.T) {
	r := newRig(t)
	a, _ := r.raise(r.byPump("RES_EMPTY", 0))
	var wg sync.WaitGroup
	r.leaves(func() {
		for i := range 8 {
			actor := r.anna
			if i%2 == 1 {
				actor = r.emil
			}
			wg.Go(func() {
				if _, err := r.Acknowledge(r.ctx, actor, a.ID, "seen by "+actor.Login); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}, "alarm.acknowledge")
	got, err := r.Get(r.ctx, r.anna.Scope(), a.ID)
	if err != nil || got.AckNote != "seen by "+map[string]string{r.anna.String(): "anna", r.emil.String(): "emil"}[got.AckBy] {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestWhoMayAcknowledge goes through all roles.
func TestWhoMayAcknowledge(t *testing.T) {
	r := newRig(t)
	for _, role := range auth.Roles() {
		a, _ := r.raise(r.byPump("VENDOR_"+string(role), low))
		want := slices.Contains([]auth.Role{auth.Engineer, auth.Prescriber, auth.Verifier, auth.Nurse, auth.Pharmacist}, role)
		_, err := r.Acknowledge(r.ctx, auth.Actor{ID: 1, Login: "x", Roles: map[int64][]auth.Role{r.site: {role}}}, a.ID, "")
		if want != (err == nil) || err != nil && errs.KindOf(err) != errs.Denied {
			t.Errorf("%s: %v", role, err)
		}
	}
	a, _ := r.raise(r.byPump("ERI", 0))
	r.leaves(func() {
		for name, actor := range map[string]auth.Actor{
			"of another site": {ID: 9, Login: "x", Roles: map[int64][]auth.Role{r.other: {auth.Nurse}}},
			"nobody":          {},
			"a device":        auth.Device("COMM-1"),
		} {
			_, err := r.Acknowledge(r.ctx, actor, a.ID, "x")
			kind(t, name, err, errs.NotFound)
		}
		_, err := r.Acknowledge(r.ctx, r.anna, 999, "x")
		kind(t, "no such alarm", err, errs.NotFound)
	})
}

// TestListsAndCounts: scope, order, pages, and that a flood hides no high alarm.
func TestListsAndCounts(t *testing.T) {
	r := newRig(t)
	serious, _ := r.raise(r.byPump("RES_EMPTY", 0))
	known, _ := r.raise(r.byPump("EOS", 0))
	if _, err := r.Acknowledge(r.ctx, r.anna, known.ID, "planned"); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		in := r.byPump("RES_LOW", 0)
		in.Instance = fmt.Sprint(i)
		r.raise(in)
	}
	abroad, _ := r.raise(Raise{Pump: r.foreign, Site: r.other, Code: "RES_EMPTY", Source: SourceServer, At: r.now(), Actor: auth.System("sweep")})
	r.clear(r.cleared("EOS"))
	known2, _ := r.raise(r.byPump("EOS", 0))
	if _, err := r.Acknowledge(r.ctx, r.anna, known2.ID, "planned"); err != nil {
		t.Fatal(err)
	}

	list := func(f Filter) []Alarm {
		t.Helper()
		as, err := r.List(r.ctx, r.anna.Scope(), f)
		if err != nil {
			t.Fatal(err)
		}
		return as
	}
	if open := list(Filter{State: FilterOpen, Limit: 2}); len(open) != 2 || open[0].ID != serious.ID || open[1].ID != known2.ID {
		t.Errorf("most urgent first: %+v", open)
	}
	if high := list(Filter{State: FilterAll, Least: wire.PriorityHigh}); len(high) != 3 {
		t.Errorf("%d high alarms, want 3", len(high))
	}
	if middle := list(Filter{State: FilterAll, Least: wire.PriorityMedium, Most: wire.PriorityMedium}); len(middle) != 0 {
		t.Errorf("%d medium alarms, want none", len(middle))
	}
	whole := list(Filter{State: FilterOpen})
	var pages []Alarm
	for last := (Place{}); ; {
		page := list(Filter{State: FilterOpen, Limit: 7, After: last})
		if len(page) == 0 {
			break
		}
		pages = append(pages, page...)
		var err error
		if last, err = ParsePlace(page[len(page)-1].Place().String()); err != nil {
			t.Fatal(err)
		}
	}
	if len(whole) != 32 || !reflect.DeepEqual(pages, whole) {
		t.Errorf("%d open alarms on pages of 7, %d in one list", len(pages), len(whole))
	}
	for _, bad := range []string{"", "17", "4.1", "4.2.17", "4.1.0", "4.1.17.", "04.1.17", "4.1.-3"} {
		if p, err := ParsePlace(bad); err == nil {
			t.Errorf("%q is the place %v", bad, p)
		}
	}
	if over := list(Filter{State: FilterCleared}); len(over) != 1 || over[0].ID != known.ID {
		t.Errorf("cleared: %+v", over)
	}
	if as := list(Filter{State: FilterAll, Site: r.other}); len(as) != 0 {
		t.Errorf("a site outside the scope: %+v", as)
	}
	if as := list(Filter{State: FilterAll, Pump: r.pump2}); len(as) != 0 {
		t.Errorf("a pump without alarms: %+v", as)
	}
	seen := map[int64]bool{}
	for before := int64(0); ; {
		page := list(Filter{State: FilterAll, Limit: 10, Before: before})
		if len(page) == 0 {
			break
		}
		for _, a := range page {
			if seen[a.ID] || before != 0 && a.ID >= before {
				t.Fatalf("alarm %d is on two pages", a.ID)
			}
			seen[a.ID] = true
			before = a.ID
		}
	}
	if len(seen) != 33 || seen[abroad.ID] {
		t.Errorf("%d alarms on all pages, want 33", len(seen))
	}
	if as, err := r.List(r.ctx, auth.Scope{}, Filter{State: FilterAll}); err != nil || len(as) != 0 {
		t.Errorf("an empty scope sees %d, %v", len(as), err)
	}
	_, err := r.Get(r.ctx, r.anna.Scope(), abroad.ID)
	kind(t, "get outside the scope", err, errs.NotFound)
	_, err = r.History(r.ctx, r.anna.Scope(), abroad.ID)
	kind(t, "history outside the scope", err, errs.NotFound)

	for _, pumps := range [][]int64{nil, {r.pump, r.pump2, r.foreign}} {
		counts, err := r.Counts(r.ctx, pumps)
		if err != nil || len(counts) != 2 {
			t.Fatalf("%+v, %v", counts, err)
		}
		if c := counts[r.pump]; c.High != 2 || c.Low != 30 || c.Medium != 0 || c.Active != 31 || c.Top.ID != serious.ID {
			t.Errorf("%+v", c)
		}
	}
	if counts, err := r.Counts(r.ctx, []int64{r.foreign}); err != nil || len(counts) != 1 || counts[r.foreign].High != 1 {
		t.Errorf("%+v, %v", counts, err)
	}
	if counts, err := r.Counts(r.ctx, []int64{}); err != nil || len(counts) != 0 {
		t.Errorf("no pumps: %+v, %v", counts, err)
	}
}

// TestFactsRev: a new high alarm is a fact that an approval must have seen; a
// repeat, a low alarm and a clear are not. Those that only call for a visit are counted
// apart as well.
func TestFactsRev(t *testing.T) {
	r := newRig(t)
	p, err := r.reg.CreatePatient(r.ctx, r.anna, r.site)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = r.reg.Bind(r.ctx, r.anna, p.ID, r.pump, "implanted"); err != nil {
		t.Fatal(err)
	}
	rev, forVisit := p.FactsRev, p.ForVisit
	step := func(what string, rises, apart bool, f func()) {
		t.Helper()
		f()
		q, err := r.reg.Patient(r.ctx, r.anna.Scope(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		if (q.FactsRev > rev) != rises {
			t.Errorf("%s: facts_rev %d after %d", what, q.FactsRev, rev)
		}
		if (q.ForVisit > forVisit) != apart {
			t.Errorf("%s: %d facts that call for a visit after %d", what, q.ForVisit, forVisit)
		}
		rev, forVisit = q.FactsRev, q.ForVisit
	}
	step("low", false, false, func() { r.raise(r.byPump("RES_LOW", 0)) })
	step("high", true, true, func() { r.raise(r.byPump("RES_EMPTY", 0)) })
	step("high again", false, false, func() { r.raise(r.byPump("RES_EMPTY", 0)) })
	step("clear", false, false, func() { r.clear(r.cleared("RES_EMPTY")) })
	step("low that becomes high", true, true, func() { r.raise(r.byPump("RES_LOW", high)) })
	step("stood for two days", true, true, func() { r.raise(r.byPump("STOPPED_48H", 0)) })
	step("a mismatch at a refill", true, false, func() { r.raise(r.byPump("REFILL_MISMATCH", 0)) })
	step("high of something else", true, false, func() { r.raise(r.byPump("EOS", 0)) })
	step("another pump's", false, false, func() {
		in := r.byPump("RES_EMPTY", 0)
		in.Pump = r.pump2
		r.raise(in)
	})
}

// TestHostileText: what a pump can say in UTF-8 never makes a transaction fail.
func TestHostileText(t *testing.T) {
	r := newRig(t)
	in := r.byPump("VENDOR_X", 0)
	in.Instance, in.Detail = "a\x00b", map[string]string{"\x00": "\x00\u2028\U0010FFFF", "k": "\"'\\"}
	in.DeviceAt = time.Date(292277022, 1, 1, 0, 0, 0, 0, time.UTC)
	a, isNew := r.raise(in)
	if got := r.get(a); !isNew || got.Instance != "a\uFFFDb" || got.Detail["\uFFFD"] != "\uFFFD\u2028\U0010FFFF" || got.Detail["k"] != "\"'\\" || !got.DeviceAt.IsZero() {
		t.Errorf("%+v", got)
	}
	out := r.cleared("VENDOR_X")
	out.Instance = "a\x00b"
	if !r.clear(out) {
		t.Error("not cleared")
	}
}

// TestRollback: what is rolled back leaves nothing, and nobody hears of it.
func TestRollback(t *testing.T) {
	r := newRig(t)
	stop := errors.New("stop")
	r.leaves(func() {
		err := postgres.InTx(r.ctx, r.db, func(tx *postgres.Tx) error {
			if _, _, err := r.RaiseTx(r.ctx, tx, r.byPump("EOS", 0)); err != nil {
				t.Error(err)
			}
			return stop
		})
		if !errors.Is(err, stop) {
			t.Error(err)
		}
		err = postgres.InTx(r.ctx, r.db, func(tx *postgres.Tx) error {
			_, _, err := r.RaiseTx(r.ctx, tx, Raise{Code: "X"})
			return err
		})
		if err == nil {
			t.Error("an alarm without a pump passes")
		}
	})
	if all, err := r.List(r.ctx, auth.Scope{All: true}, Filter{State: FilterAll}); err != nil || len(all) != 0 || len(r.changes()) != 0 {
		t.Errorf("%d alarms, %v", len(all), err)
	}
}

// TestNote: a note says something and nothing else.
func TestNote(t *testing.T) {
	r := newRig(t)
	a, _ := r.raise(r.byPump("RES_LOW", 0))
	r.leaves(func() {
		b, err := r.Note(r.ctx, r.anna, a.ID, " The patient comes on Monday. ")
		if err != nil || b.State != Active || b.AckBy != "" || b.Rev != a.Rev+1 {
			t.Errorf("%+v, %v", b, err)
		}
	}, "alarm.note")
	h, err := r.History(r.ctx, r.anna.Scope(), a.ID)
	if err != nil || len(h) != 2 || h[1].Change != ChangeNoted || h[1].Note != "The patient comes on Monday." {
		t.Errorf("%+v, %v", h, err)
	}
	r.leaves(func() {
		_, err := r.Note(r.ctx, r.anna, a.ID, " ")
		kind(t, "an empty note", err, errs.Invalid)
		_, err = r.Note(r.ctx, auth.Actor{ID: 9, Roles: map[int64][]auth.Role{r.site: {auth.Auditor}}}, a.ID, "x")
		kind(t, "an auditor", err, errs.Denied)
		_, err = r.Note(r.ctx, auth.Actor{ID: 9, Roles: map[int64][]auth.Role{r.other: {auth.Nurse}}}, a.ID, "x")
		kind(t, "another site", err, errs.NotFound)
	})
}
