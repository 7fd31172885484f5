package telemetry

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/pgserver"
	"cisterna/internal/postgres"
	"cisterna/migrations"
)

// ownServer starts a PostgreSQL of the test's own, which syncs to disk and may be
// killed.
func ownServer(t testing.TB) (dir string, start func() *pgserver.Server) {
	t.Helper()
	top, err := os.MkdirTemp("", "ctt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	if err := os.Chmod(top, 0o755); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(top, "pg")
	return dir, func() *pgserver.Server {
		t.Helper()
		// Children of a killed server may hold its memory for a moment.
		for deadline := time.Now().Add(time.Minute); ; {
			s, err := pgserver.Start(context.Background(), pgserver.Options{Dir: dir})
			if err == nil {
				t.Cleanup(func() { _ = s.Stop() })
				return s
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
}

// TestDatabaseKilled kills the database twice under traffic. Pumps send again
// what was not acknowledged; in the end everything is there exactly once, and
// nothing that was acknowledged is missing.
func TestDatabaseKilled(t *testing.T) {
	_, start := ownServer(t)
	server := start()
	ctx := context.Background()
	owner, err := postgres.Open(ctx, server.URL(pgserver.Owner, "postgres"), 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Migrate(ctx, owner, migrations.FS); err != nil {
		t.Fatal(err)
	}
	_ = owner.Close()
	db, err := postgres.Open(ctx, server.URL("cisterna_app", "postgres"), 16)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	r := newRigOn(t, db)
	const pumps, target = 12, 1500
	all := make([]*pump, pumps)
	for i := range all {
		all[i] = r.pump()
	}
	r.run()

	var done, failed atomic.Int64
	var stop atomic.Bool
	var group sync.WaitGroup
	acked := make([]atomic.Uint64, pumps) // highest sequence whose message was done
	for i, p := range all {
		group.Go(func() {
			records := p.samples(1, target)
			next := uint64(1)
			for next <= target && !stop.Load() {
				n := min(uint64(5), target-next+1)
				if next%100 == 1 { // alarms, too
					_ = p.wait(p.deliver(wire.UpAlarm, p.batch(wire.UpAlarm, 1, next/100+1, raise(r.now().UnixMilli(), "RES_LOW"))))
				}
				err := p.wait(p.deliver(wire.UpTele, p.batch(wire.UpTele, 1, next, records[next-1:next-1+n]...)))
				if err != nil {
					failed.Add(1)
					continue // no PUBACK: the pump sends it again
				}
				next += n
				done.Add(1)
				acked[i].Store(next - 1)
			}
		})
	}
	for range 2 {
		was := done.Load()
		r.eventually("traffic", func() bool { return done.Load() > was+200 })
		if err := syscall.Kill(server.Pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-server.Done()
		server = start()
	}
	group.Wait()
	for i, p := range all {
		p.hasExactly(1, 1, target)
		if acked[i].Load() != target {
			t.Errorf("pump %d: %d acknowledged", i, acked[i].Load())
		}
	}
	if r.svc.Stats.Retries.Load() == 0 {
		t.Error("no transaction had to be tried again: the kills hit nothing")
	}
	t.Logf("%d messages, %d given back, %d transactions tried again", done.Load(), failed.Load(), r.svc.Stats.Retries.Load())
	r.stop()
}

// TestCrashBetweenCommitAndAnswer: the server dies after the commit and before
// it could tell anybody. The pump sends all of it again to the next start.
func TestCrashBetweenCommitAndAnswer(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	ref, _ := r.svc.Directory.ByLink(p.link)
	records := p.samples(1, 20)
	for i := range records {
		records[i].Seq = uint64(i + 1)
	}
	m := &message{pump: ref.ID, site: ref.Site, wire: ref.Wire, link: p.link, lane: wire.MainLane, at: time.Now().Truncate(time.Millisecond), batch: wire.Batch{Epoch: 1, First: 1, Records: records}, done: func(error) { t.Error("answered") }}
	m.encode(1, 20)
	if err := r.svc.main.store.store([]*message{m}); err != nil {
		t.Fatal(err)
	}
	alarm := *m
	alarm.lane, alarm.batch = wire.AlarmLane, wire.Batch{Epoch: 1, First: 1, Records: []wire.Record{raise(time.Now().UnixMilli(), "RES_LOW")}}
	alarm.batch.Records[0].Seq = 1
	if _, err := r.svc.storeAlarms([]alarmStep{{m: &alarm, first: 1, last: 1, final: true}}); err != nil {
		t.Fatal(err)
	}
	r.svc.main.store.close()

	r.open("boot-2")
	r.run()
	p.tele(1, 1, 20)
	p.send(wire.UpAlarm, p.batch(wire.UpAlarm, 1, 1, raise(time.Now().UnixMilli(), "RES_LOW")))
	p.hasExactly(1, 1, 20)
	r.waitAck(p.link, func(c wire.Cursors) bool { return c.Main != nil && c.Main.Seq == 20 && !c.Rewind })
	if a := p.alarms()["RES_LOW"]; a.Count != 1 {
		t.Errorf("the alarm was raised %d times", a.Count)
	}
	p.tele(1, 21, 1)
	p.hasExactly(1, 1, 21)
}

// TestStaleMemory: another server moved the cursor. What this one remembers is
// found out by the write, and nothing is stored twice.
func TestStaleMemory(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	p.tele(1, 1, 5)
	first := r.svc
	r.open("boot-2") // a second server on the same database
	second := r.svc
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- second.Run(ctx) }()
	p.tele(1, 6, 5) // through the second
	r.svc = first
	p.tele(1, 6, 7) // the first thinks that 6 follows
	p.hasExactly(1, 1, 12)
	r.svc = second
	p.tele(1, 9, 6)
	p.hasExactly(1, 1, 14)
	r.svc = first
	p.tele(1, 3, 4) // all of it is known
	p.hasExactly(1, 1, 14)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestPoison: what the database does not take is set aside alone; the records
// around it and the other pumps in the same transaction are stored.
func TestPoison(t *testing.T) {
	r := newRig(t)
	p, q := r.pump(), r.pump()
	if _, err := r.owner().Exec(`ALTER TABLE telemetry_samples ADD CONSTRAINT poison CHECK (delivered_nl NOT IN (7000, 9000))`); err != nil {
		t.Fatal(err)
	}
	r.run()
	p.tele(1, 1, 1)
	q.tele(1, 1, 1)
	tx := r.db.MustBegin() // so that all wait and come into one transaction
	tx.MustExec(`LOCK TABLE telemetry_cursors IN ACCESS EXCLUSIVE MODE`)
	records := p.samples(2, 10) // 7 and 9 are poison
	records[3] = happened(records[3].Wall, "between")
	fates := []<-chan error{
		q.deliver(wire.UpTele, q.batch(wire.UpTele, 1, 2, q.samples(2, 3)...)),
		p.deliver(wire.UpTele, p.batch(wire.UpTele, 1, 2, records...)),
		p.deliver(wire.UpTele, p.batch(wire.UpTele, 1, 12, p.samples(12, 3)...)),
		q.deliver(wire.UpTele, q.batch(wire.UpTele, 1, 5, q.samples(5, 1)...)),
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	for _, f := range fates {
		if err := p.wait(f); err != nil {
			t.Fatal(err)
		}
	}
	q.hasExactly(1, 1, 5)
	var want []wire.Position
	for _, s := range []uint64{1, 2, 3, 4, 6, 8, 10, 11, 12, 13, 14} {
		want = append(want, wire.Position{Epoch: 1, Seq: s})
	}
	got := p.stored()
	if len(got) != len(want) {
		t.Fatalf("stored %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("stored %v, want %v", got, want)
		}
	}
	if c := p.cursor(wire.MainLane); c.Seq != 14 {
		t.Errorf("cursor %v, want 14", c)
	}
	if got := p.refusals(); !sameCodes(got, []string{CodeMalformed, CodeMalformed}) {
		t.Errorf("refused %v", got)
	}
	events, err := r.svc.EventsOf(context.Background(), p.id, Codes{}, Mark{}, 0)
	if err != nil || len(events) != 1 {
		t.Errorf("events %v %v", events, err)
	}
	p.tele(1, 15, 2)
	if c := p.cursor(wire.MainLane); c.Seq != 16 {
		t.Errorf("the stream did not go on: %v", c)
	}
}

// TestStopStoresWhatWasDelivered: a stop answers what it was given.
func TestStopStoresWhatWasDelivered(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	var fates []<-chan error
	for i := range uint64(200) {
		fates = append(fates, p.deliver(wire.UpTele, p.batch(wire.UpTele, 1, i+1, p.samples(i+1, 1)...)))
	}
	r.stop()
	for _, f := range fates {
		if err := p.wait(f); err != nil {
			t.Fatal(err)
		}
	}
	p.hasExactly(1, 1, 200)
	if n := r.svc.Stats.Waiting.Load(); n != 0 {
		t.Errorf("%d messages wait after the stop", n)
	}
}

// TestDatabaseAway: while the database is away nothing is acknowledged; messages
// go back to the pumps after a while and are taken when it is back.
func TestDatabaseAway(t *testing.T) {
	_, start := ownServer(t)
	server := start()
	ctx := context.Background()
	owner, err := postgres.Open(ctx, server.URL(pgserver.Owner, "postgres"), 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Migrate(ctx, owner, migrations.FS); err != nil {
		t.Fatal(err)
	}
	_ = owner.Close()
	db, err := postgres.Open(ctx, server.URL("cisterna_app", "postgres"), 16)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	r := newRigOn(t, db)
	p := r.pump()
	r.run()
	p.tele(1, 1, 1)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	send := func() []<-chan error {
		return []<-chan error{
			p.deliver(wire.UpTele, p.batch(wire.UpTele, 1, 2, p.samples(2, 3)...)),
			p.deliver(wire.UpAlarm, p.batch(wire.UpAlarm, 1, 1, raise(time.Now().UnixMilli(), "RES_LOW"))),
			p.deliver(wire.UpHello, p.hello(func(*wire.Hello) {})),
			p.deliver(wire.UpTele, []byte("garbage")), // a refusal must be durable, too
		}
	}
	for i, f := range send() {
		if err := p.wait(f); err == nil {
			t.Errorf("message %d was acknowledged without a database", i)
		}
	}
	if d := time.Since(begin); d < giveUp/2 || d > 3*giveUp {
		t.Errorf("given back after %v, want about %v", d, giveUp)
	}
	start()
	// The first try may still meet a connection that is dead.
	r.eventually("the database to be used again", func() bool {
		for _, f := range send() {
			if p.wait(f) != nil {
				return false
			}
		}
		return true
	})
	p.hasExactly(1, 1, 4)
	if a := p.alarms()["RES_LOW"]; a.Count != 1 {
		t.Errorf("alarm raised %d times", a.Count)
	}
	if got := p.refusals(); len(got) == 0 {
		t.Error("no refusal is kept")
	}
	r.stop()
}

// A server that is stopped while it starts has no trouble to report; one whose
// database does not answer has.
func TestStoppedAtItsStart(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.svc.Run(ctx); err != nil {
		t.Errorf("stopped at its start: %v", err)
	}
	if r.svc.Running() {
		t.Error("it says that it runs")
	}
	if _, err := r.owner().Exec(`ALTER TABLE telemetry_presence RENAME TO gone`); err != nil {
		t.Fatal(err)
	}
	if err := r.svc.Run(t.Context()); err == nil {
		t.Error("a database without its tables was no trouble")
	}
}
