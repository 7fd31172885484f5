package events

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/fleet/alarm"
	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/lease"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

var everything = Filter{Scope: auth.Scope{All: true}, NoSite: true}

// rig is a record with its sequencer, and the stream over it.
type rig struct {
	*testing.T
	db     *sqlx.DB
	stream *Service
}

func newRig(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	r := &rig{T: t, db: pgtest.New(t)}
	signer, err := audit.OpenSigner(t.TempDir(), "test.example/record")
	r.must(err)
	log := slog.New(slog.DiscardHandler)
	seq, err := audit.NewSequencer(audit.Options{DB: r.db, Signer: signer, Logger: log, Interval: time.Millisecond, Poll: 5 * time.Millisecond})
	r.must(err)
	o := Options{DB: r.db, Directory: &registry.Directory{}, Log: log, Poll: 2 * time.Millisecond}
	for _, c := range change {
		c(&o)
	}
	r.stream, err = New(o)
	r.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() { _ = seq.Run(ctx) })
	t.Cleanup(func() { cancel(); parts.Wait() })
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// run numbers events until the test ends or stop is called.
func (r *rig) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.stream.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	r.Cleanup(stop)
	return stop
}

func (r *rig) append(kind, object string, site int64) {
	r.Helper()
	r.must(postgres.InTx(r.Context(), r.db, func(tx *postgres.Tx) error {
		return audit.Append(r.Context(), tx, audit.Entry{Kind: kind, Actor: "system:test", Object: object, Site: site})
	}))
}

// read follows the stream from a cursor until n events are there.
func (r *rig) read(f Filter, after Cursor, n int) ([]Event, Cursor) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	var all []Event
	for len(all) < n {
		page, err := r.stream.List(ctx, f, Query{After: after, Limit: 7})
		r.must(err)
		all, after = append(all, page.Events...), page.Next
		if !page.More && len(all) < n {
			r.stream.Wait(ctx, after)
		}
		r.must(ctx.Err())
	}
	return all, after
}

func (r *rig) start() Cursor {
	r.Helper()
	page, err := r.stream.List(r.Context(), everything, Query{Tail: 1})
	r.must(err)
	return Cursor{epoch: page.Next.epoch}
}

func objects(all []Event) []string {
	out := make([]string, len(all))
	for i, e := range all {
		out[i] = e.Object
	}
	return out
}

// Writers commit in another order than they began, some roll back, and the part
// that numbers events is stopped and started meanwhile. A reader that follows sees
// each event once, in the order in which everybody sees it.
func TestNothingIsSkippedOrRepeated(t *testing.T) {
	const writers, each = 12, 25
	r := newRig(t)
	begin := r.start()
	stop := r.run()
	var writing sync.WaitGroup
	var mu sync.Mutex
	var committed []string
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				object := fmt.Sprintf("thing:%d-%d", w, i)
				abort := rand.IntN(5) == 0
				err := postgres.InTx(context.Background(), r.db, func(tx *postgres.Tx) error {
					if err := audit.Append(context.Background(), tx, audit.Entry{Kind: "pump.edit", Actor: "system:test", Object: object, Site: 1}); err != nil {
						return err
					}
					// The leaf has its id; others overtake before this one commits.
					if _, err := tx.Exec(`SELECT pg_sleep($1)`, rand.Float64()*0.02); err != nil {
						return err
					}
					if abort {
						return errs.Conflictf("no")
					}
					return nil
				})
				if err == nil {
					mu.Lock()
					committed = append(committed, object)
					mu.Unlock()
				} else if !abort {
					t.Error(err)
				}
			}
		})
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for range 5 { // as a restart of the server would
			stop()
			stop = r.run()
		}
	}()
	var followed []Event
	after := begin
	finished := make(chan struct{})
	go func() { writing.Wait(); <-stopped; close(finished) }()
	for done := false; !done; {
		select {
		case <-finished:
			done = true
		default:
		}
		page, err := r.stream.List(t.Context(), everything, Query{After: after, Limit: 3})
		r.must(err)
		followed, after = append(followed, page.Events...), page.Next
	}
	rest, _ := r.read(everything, after, len(committed)-len(followed))
	followed = append(followed, rest...)

	got := objects(followed)
	slices.Sort(got)
	slices.Sort(committed)
	if len(committed) < writers*each/2 || !slices.Equal(got, committed) {
		t.Fatalf("followed %d events, %d were committed; they differ", len(got), len(committed))
	}
	again, _ := r.read(everything, begin, len(committed))
	for i, e := range again {
		if e.Seq != int64(i+1) || followed[i].Seq != e.Seq || followed[i].Object != e.Object {
			t.Fatalf("event %d is %+v; who followed saw %+v", i+1, e, followed[i])
		}
	}
}

// Two servers: one numbers, the other follows and takes over.
func TestAnotherServerTakesOver(t *testing.T) {
	r := newRig(t)
	begin := r.start()
	stop := r.run()
	second, err := New(r.stream.Options)
	r.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = second.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	r.append("pump.claim", "pump:1", 1)
	r.read(everything, begin, 1)
	stop()
	r.append("pump.enrol", "pump:1", 1)
	r.stream = second
	all, _ := r.read(everything, begin, 2)
	if got := objects(all); !slices.Equal(got, []string{"pump:1", "pump:1"}) || all[1].Name != "pump.enrol" {
		t.Errorf("got %+v", all)
	}
}

// A step that fails behind its inserts leaves nothing of itself.
func TestCrashInTheMiddleOfAStep(t *testing.T) {
	r := newRig(t)
	begin := r.start()
	r.append("pump.claim", "pump:1", 1)
	r.raiseAlarm()
	r.must(waitFor(r, func() bool {
		rows, err := audit.Placed(t.Context(), r.db, 0, 10)
		return err == nil && len(rows) >= 3
	}))
	l, err := lease.Acquire(t.Context(), r.db, lease.Options{Name: LeaseName, Owner: "crash", TTL: time.Minute})
	r.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	boom := errs.Conflictf("power cut")
	err = postgres.InTx(ctx, r.db, func(tx *postgres.Tx) error {
		r.must(l.Check(ctx, tx))
		if news, err := alarm.TakeNews(ctx, tx, 10); err != nil || len(news) != 1 {
			t.Errorf("took %v, %v", news, err)
		}
		return boom
	})
	cancel()
	if err == nil {
		t.Fatal("the transaction was to fail")
	}
	n, err := r.stream.step(t.Context(), l)
	r.must(err)
	if n == 0 {
		t.Fatal("nothing was left to place")
	}
	page, err := r.stream.List(t.Context(), everything, Query{After: begin})
	r.must(err)
	names := map[string]int{}
	for _, e := range page.Events {
		names[e.Name]++
	}
	if names["pump.claim"] != 1 || names["alarm.raised"] != 1 || len(page.Events) != 4 {
		t.Errorf("events are %v", names)
	}
	r.must(l.Release(t.Context()))
	if _, err := r.stream.step(t.Context(), l); err == nil {
		t.Error("a server that lost the lease placed events")
	}
}

func waitFor(r *rig, ok func() bool) error {
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// raiseAlarm raises a low alarm, which has no entry in the record, of a pump and a
// site that are made for it.
func (r *rig) raiseAlarm() {
	r.Helper()
	ctx, sys := r.Context(), auth.System("test")
	reg, err := registry.New(ctx, registry.Options{
		DB: r.db, Now: time.Now, Sign: func(*x509.CertificateRequest, time.Time) (*x509.Certificate, [][]byte, error) {
			return nil, nil, errs.Conflictf("not here")
		},
		Documents: func(context.Context, string) (registry.Documents, error) { return registry.Documents{}, nil },
	})
	r.must(err)
	site, err := reg.CreateSite(ctx, sys, registry.NewSite{Name: "Clinic", Short: "CLINIC", TimeZone: "UTC"})
	r.must(err)
	pump, err := reg.RegisterPump(ctx, sys, registry.NewPump{Site: site.ID, Serial: "S1", Model: "M", Profile: "meander-p20"})
	r.must(err)
	alarms := alarm.New(r.db, reg.Directory(), time.Now)
	r.must(postgres.InTx(ctx, r.db, func(tx *postgres.Tx) error {
		_, _, err := alarms.RaiseTx(ctx, tx, alarm.Raise{Pump: pump.ID, Site: site.ID, Code: "RES_LOW", Source: alarm.SourcePump, At: time.Now(), Actor: sys})
		return err
	}))
}

func TestFiltersAndScopes(t *testing.T) {
	r := newRig(t)
	begin := r.start()
	r.run()
	r.append("pump.claim", "a", 1)
	r.append("pump.enrol", "b", 2)
	r.append("auth.sign_in", "c", 0)
	r.append("something.unknown", "d", 1)
	r.append("cert.renew", "e", 1)
	r.read(everything, begin, 4)
	one, two := auth.Scope{Sites: []int64{1}}, auth.Scope{Sites: []int64{1, 2}}
	for _, c := range []struct {
		f    Filter
		want string
	}{
		{everything, "a b c e"},
		{Filter{Scope: auth.Scope{All: true}}, "a b e"},
		{Filter{Scope: one}, "a e"},
		{Filter{Scope: two}, "a b e"},
		{Filter{Scope: two, NoSite: true}, "a b c e"},
		{Filter{}, ""},
		{Filter{Scope: two, Site: 2}, "b"},
		{Filter{Scope: one, Site: 2}, ""},
		{Filter{Scope: two, Names: []string{"pump."}}, "a b"},
		{Filter{Scope: two, Names: []string{"cert.renew", "pump.enrol"}}, "b e"},
		{Filter{Scope: two, Pump: 9}, ""},
	} {
		page, err := r.stream.List(t.Context(), c.f, Query{After: begin})
		r.must(err)
		if got := strings.Join(objects(page.Events), " "); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.f, got, c.want)
		}
		// The cursor moves on past what the filter leaves out.
		if next := page.Next; next.seq != 4 || page.More {
			t.Errorf("%+v: next is %v", c.f, next)
		}
	}
	page, err := r.stream.List(t.Context(), everything, Query{Tail: 2})
	r.must(err)
	if got := strings.Join(objects(page.Events), " "); got != "c e" || page.Next.seq != 4 {
		t.Errorf("the tail is %q, next %v", got, page.Next)
	}
	if _, err := r.stream.List(t.Context(), Filter{Names: []string{"no.such"}}, Query{}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestCursorsThatCannotGoOn(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Keep = time.Hour })
	begin := r.start()
	r.run()
	for i := range 5 {
		r.append("pump.claim", fmt.Sprint(i), 1)
	}
	_, end := r.read(everything, begin, 5)
	for name, c := range map[string]Cursor{"another database": {epoch: "000000000000", seq: 3}, "ahead of this database": {epoch: end.epoch, seq: 6}} {
		if _, err := r.stream.List(t.Context(), everything, Query{After: c}); errs.KindOf(err) != errs.Gone || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A restored backup gives the numbers behind it anew, to other events.
	if page, err := r.stream.List(t.Context(), everything, Query{After: end}); err != nil || len(page.Events) != 0 {
		t.Errorf("a cursor at the end: %v, %v", page, err)
	}
	undone := Cursor{end.epoch, end.seq, end.mark - 1_000_000}
	if _, err := r.stream.List(t.Context(), everything, Query{After: undone}); errs.KindOf(err) != errs.Gone || !strings.Contains(err.Error(), "restored from a backup") || !strings.Contains(err.Error(), "go on from tail") {
		t.Errorf("a cursor behind an event that a restore undid: %v", err)
	}
	if _, err := r.stream.List(t.Context(), everything, Query{After: Cursor{epoch: end.epoch, seq: end.seq}}); err != nil {
		t.Errorf("a cursor from before there were marks: %v", err)
	}
	all, _ := r.read(everything, begin, 5)
	for _, e := range all {
		if c, err := ParseCursor(end.Behind(e).String()); err != nil || c.mark == 0 || c != end.Behind(e) {
			t.Errorf("the cursor behind event %d: %+v, %v", e.Seq, c, err)
		}
	}
	// What is old is removed from the front; what a cursor still reaches stays.
	l := lease.Lease{}
	r.must(waitFor(r, func() bool {
		return r.db.Get(&l.Epoch, `SELECT epoch FROM lease_leases WHERE name = 'events'`) == nil
	}))
	l.Name = LeaseName
	r.must(r.stream.prune(t.Context(), l, time.Now().Add(-time.Hour)))
	if page, err := r.stream.List(t.Context(), everything, Query{After: begin}); err != nil || len(page.Events) != 5 {
		t.Errorf("young events were removed: %v, %v", page, err)
	}
	r.must(r.stream.prune(t.Context(), l, time.Now().Add(time.Hour)))
	if _, err := r.stream.List(t.Context(), everything, Query{After: begin}); errs.KindOf(err) != errs.Gone {
		t.Errorf("a cursor whose events are gone: %v", err)
	}
	if page, err := r.stream.List(t.Context(), everything, Query{After: end}); err != nil || len(page.Events) != 0 {
		t.Errorf("a cursor at the end: %v, %v", page, err)
	}
	r.append("pump.claim", "new", 1)
	if all, _ = r.read(everything, end, 1); all[0].Seq != 6 || all[0].Object != "new" {
		t.Errorf("after the removal came %+v", all)
	}
}
