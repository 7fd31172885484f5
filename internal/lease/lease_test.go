package lease_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/lease"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

func options(owner string) lease.Options {
	return lease.Options{Name: "audit", Owner: owner, TTL: time.Minute}
}

func acquire(t *testing.T, db *sqlx.DB, owner string) lease.Lease {
	t.Helper()
	l, err := lease.Acquire(t.Context(), db, options(owner))
	if err != nil {
		t.Fatalf("acquire as %s: %v", owner, err)
	}
	return l
}

// expire makes the lease look as if its owner had vanished long ago.
func expire(t *testing.T, db *sqlx.DB) {
	t.Helper()
	res, err := db.Exec(`UPDATE lease_leases SET expires_at = clock_timestamp() WHERE name = 'audit'`)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := res.RowsAffected(); n != 1 {
		t.Fatalf("expired %d leases, want 1", n)
	}
}

func check(t *testing.T, db *sqlx.DB, l lease.Lease) error {
	t.Helper()
	return postgres.InTx(t.Context(), db, func(tx *postgres.Tx) error { return l.Check(t.Context(), tx) })
}

func TestOneOwnerAtATime(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	a := acquire(t, db, "a")
	for range 3 {
		if _, err := lease.Acquire(t.Context(), db, options("b")); !errors.Is(err, lease.ErrHeld) {
			t.Fatalf("b acquires what a holds: %v", err)
		}
	}
	if err := a.Renew(t.Context()); err != nil {
		t.Fatalf("renew: %v", err)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Fatalf("release: %v", err)
	}
	b := acquire(t, db, "b")
	if b.Epoch != a.Epoch+1 {
		t.Errorf("epoch went from %d to %d, want one more", a.Epoch, b.Epoch)
	}
	if err := check(t, db, b); err != nil {
		t.Errorf("the owner is refused: %v", err)
	}
}

func TestTakeoverAfterExpiryFencesTheFormerOwner(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	a := acquire(t, db, "a")
	expire(t, db)
	if err := check(t, db, a); !errors.Is(err, lease.ErrLost) {
		t.Errorf("an expired lease still counts: %v", err)
	}
	b := acquire(t, db, "b")
	for name, err := range map[string]error{"check": check(t, db, a), "renew": a.Renew(t.Context()), "release": a.Release(t.Context())} {
		if !errors.Is(err, lease.ErrLost) {
			t.Errorf("%s by the former owner: %v, want ErrLost", name, err)
		}
	}
	if err := check(t, db, b); err != nil {
		t.Errorf("the new owner is refused: %v", err)
	}
	// The same in a statement of SQL.
	for _, tc := range []struct {
		name  string
		epoch int64
		want  int64
	}{{"former", a.Epoch, 0}, {"present", b.Epoch, 1}} {
		res, err := db.Exec(`INSERT INTO lease_leases (name, owner, epoch, expires_at)
			SELECT 'written by ' || $1::text, 'x', 1, 'infinity' WHERE lease_held('audit', $2)`, tc.name, tc.epoch)
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := res.RowsAffected(); n != tc.want {
			t.Errorf("the %s owner wrote %d rows, want %d", tc.name, n, tc.want)
		}
	}
}

// TestCheckHoldsOffTakeover: what was checked stays true until the transaction
// ends, even if the lease expires meanwhile; the owner's own renewals pass.
func TestCheckHoldsOffTakeover(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	a := acquire(t, db, "a")
	took := make(chan lease.Lease, 1)
	var committed, taken time.Time
	err := postgres.InTx(t.Context(), db, func(tx *postgres.Tx) error {
		if err := a.Check(t.Context(), tx); err != nil {
			return err
		}
		if err := a.Renew(t.Context()); err != nil {
			t.Errorf("a renewal waits for a check: %v", err)
		}
		expire(t, db)
		go func() {
			b, err := lease.Acquire(context.Background(), db, options("b"))
			taken = time.Now()
			if err != nil {
				t.Errorf("takeover: %v", err)
			}
			took <- b
		}()
		waitBlocked(t, db)
		committed = time.Now()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if b := <-took; b.Epoch != a.Epoch+1 || taken.Before(committed) {
		t.Errorf("epoch %d was taken over at %v, before the check's transaction ended at %v", b.Epoch, taken, committed)
	}
}

// waitBlocked waits until a statement of this database waits for a lock.
func waitBlocked(t *testing.T, db *sqlx.DB) {
	t.Helper()
	for t.Context().Err() == nil {
		var n int
		if err := db.Get(&n, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
	}
}

func TestConcurrentAcquireHasOneWinner(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for round := range 5 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		var won []int64
		for i := range 8 {
			wg.Go(func() {
				l, err := lease.Acquire(context.Background(), db, options(string(rune('a'+i))))
				if err != nil && !errors.Is(err, lease.ErrHeld) {
					t.Errorf("acquire: %v", err)
				}
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					won = append(won, l.Epoch)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 || won[0] != int64(round+1) {
			t.Fatalf("round %d was won by epochs %v, want one", round, won)
		}
		expire(t, db)
	}
}

// Whoever comes first to a lease that nobody ever held gets it, and the others at that
// very moment are told that it is held.
func TestFirstAcquireHasOneWinner(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for range 50 {
		var wg sync.WaitGroup
		var won atomic.Int64
		for i := range 8 {
			wg.Go(func() {
				switch _, err := lease.Acquire(context.Background(), db, options(string(rune('a'+i)))); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, lease.ErrHeld):
					t.Errorf("acquire: %v", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d won, want one", won.Load())
		}
		if _, err := db.Exec(`DELETE FROM lease_leases`); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRunRenewsAndReleases(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	o := lease.Options{Name: "audit", Owner: "a", TTL: 4 * time.Second}
	err := lease.Run(t.Context(), db, o, func(ctx context.Context, l lease.Lease) error {
		var first, now time.Time
		for seen := 0; seen < 3; { // as acquired, and renewed twice
			if err := db.GetContext(ctx, &now, `SELECT expires_at FROM lease_leases WHERE name = 'audit'`); err != nil {
				return err
			}
			if now.After(first) {
				first = now
				seen++
			}
			<-time.After(20 * time.Millisecond)
		}
		return check(t, db, l)
	})
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	if b := acquire(t, db, "b"); b.Epoch != 2 {
		t.Errorf("epoch %d after one release, want 2", b.Epoch)
	}
}

func TestRunWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	o := lease.Options{Name: "audit", Owner: "a", TTL: 100 * time.Millisecond}
	if _, err := lease.Acquire(t.Context(), db, o); err != nil { // and vanishes
		t.Fatal(err)
	}
	o.Owner = "b"
	err := lease.Run(t.Context(), db, o, func(_ context.Context, l lease.Lease) error {
		if l.Epoch != 2 {
			t.Errorf("epoch %d, want 2", l.Epoch)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("run: %v", err)
	}
}

func TestRunGivesUpWhenItsPatienceEnds(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	acquire(t, db, "a") // for a minute
	o := lease.Options{Name: "audit", Owner: "b", TTL: 60 * time.Millisecond, Patience: 100 * time.Millisecond}
	err := lease.Run(t.Context(), db, o, func(context.Context, lease.Lease) error {
		t.Error("b works while a holds the lease")
		return nil
	})
	if !errors.Is(err, lease.ErrHeld) {
		t.Errorf("run returned %v, want ErrHeld", err)
	}
}

func TestRunStopsWhenTheLeaseIsLost(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	o := lease.Options{Name: "audit", Owner: "a", TTL: 150 * time.Millisecond}
	err := lease.Run(t.Context(), db, o, func(ctx context.Context, _ lease.Lease) error {
		if _, err := db.Exec(`UPDATE lease_leases SET owner = 'b', epoch = epoch + 1, expires_at = 'infinity'`); err != nil {
			t.Errorf("takeover: %v", err)
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, lease.ErrLost) {
		t.Errorf("run returned %v, want ErrLost", err)
	}
}

func TestRunStopsWhenTheDatabaseIsGone(t *testing.T) {
	t.Parallel()
	test := pgtest.NewDB(t)
	db, err := postgres.Open(t.Context(), test.URL(postgres.AppRole), 2)
	if err != nil {
		t.Fatal(err)
	}
	o := lease.Options{Name: "audit", Owner: "a", TTL: 150 * time.Millisecond}
	err = lease.Run(t.Context(), db, o, func(ctx context.Context, _ lease.Lease) error {
		_ = db.Close()
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, lease.ErrLost) {
		t.Errorf("run returned %v, want ErrLost", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	acquire(t, db, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := lease.Run(ctx, db, options("b"), func(context.Context, lease.Lease) error {
		t.Error("ran without the lease")
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("run returned %v, want the context's error", err)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, o := range []lease.Options{{}, {Name: "audit"}, {Owner: "a"}, {Name: "audit", Owner: "a", TTL: time.Millisecond}} {
		if _, err := lease.Acquire(t.Context(), db, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}
