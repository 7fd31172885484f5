package once

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/errs"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

const key = "3f1d9c60-7f0e-4b52-9a39-9f3c0a1f6c11"

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) later(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newStore(t *testing.T) (*Store, *sqlx.DB, *clock) {
	t.Helper()
	db := pgtest.New(t)
	c := &clock{at: time.Now()}
	return New(db, c.now), db, c
}

// change stands for what a request does, in its own transaction.
func change(ctx context.Context, db *sqlx.DB) error {
	return postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO registry_sites (name, short, time_zone, created_at) VALUES ('S', 'S' || (SELECT count(*) FROM registry_sites), 'UTC', now())`)
		return err
	})
}

func changes(t *testing.T, db *sqlx.DB) (n int) {
	t.Helper()
	if err := db.Get(&n, `SELECT count(*) FROM registry_sites`); err != nil {
		t.Fatal(err)
	}
	return n
}

func begin(t *testing.T, s *Store, person int64, key string, print byte) (*Claim, Outcome, []byte) {
	t.Helper()
	c, out, answer, err := s.Begin(t.Context(), person, key, [32]byte{print})
	if err != nil {
		t.Fatal(err)
	}
	return c, out, answer
}

func TestOnce(t *testing.T) {
	s, db, c := newStore(t)
	ctx := t.Context()
	first, out, _ := begin(t, s, 7, key, 1)
	if out != Fresh {
		t.Fatalf("first: %v", out)
	}
	if err := change(first.Context(ctx), db); err != nil {
		t.Fatal(err)
	}
	if err := first.Answered(ctx, []byte("code 1234")); err != nil {
		t.Fatal(err)
	}
	if _, out, answer := begin(t, s, 7, key, 1); out != Answered || string(answer) != "code 1234" {
		t.Errorf("again: %v %q", out, answer)
	}
	if _, _, _, err := s.Begin(ctx, 7, key, [32]byte{2}); !errors.Is(err, Reused) || errs.KindOf(err) != errs.Invalid {
		t.Errorf("another request with the key: %v", err)
	}
	// Another person's key is another key, though it reads the same.
	other, out, _ := begin(t, s, 8, key, 1)
	if out != Fresh {
		t.Errorf("another person: %v", out)
	}
	_ = other.Refused(ctx, nil)
	// Another server of the same database knows it too.
	if _, out, answer := begin(t, New(db, c.now), 7, key, 1); out != Answered || string(answer) != "code 1234" {
		t.Errorf("another server: %v %q", out, answer)
	}
	var stored []byte
	if err := db.Get(&stored, `SELECT id || fingerprint || answer FROM once_requests WHERE answer IS NOT NULL`); err != nil || bytes.Contains(stored, []byte("1234")) || bytes.Contains(stored, []byte(key)) {
		t.Errorf("the database tells the answer or the key: %q, %v", stored, err)
	}
	c.later(Keep + time.Minute)
	if again, out, _ := begin(t, s, 7, key, 2); out != Fresh {
		t.Errorf("after a day: %v", out)
	} else {
		_ = again.Refused(ctx, nil)
	}
	if n := changes(t, db); n != 1 {
		t.Errorf("%d changes, want 1", n)
	}
}

func TestRefusedMayBeTriedAgain(t *testing.T) {
	s, _, _ := newStore(t)
	c, _, _ := begin(t, s, 7, key, 1)
	if err := c.Refused(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if c, out, _ := begin(t, s, 7, key, 2); out != Fresh {
		t.Errorf("after a refusal: %v", out)
	} else {
		_ = c.Refused(t.Context(), nil)
	}
}

// What was refused after all and changed something is not forgotten: a repetition
// gets the refusal.
func TestRefusedAfterAChange(t *testing.T) {
	s, db, _ := newStore(t)
	c, _, _ := begin(t, s, 7, key, 1)
	if err := change(c.Context(t.Context()), db); err != nil {
		t.Fatal(err)
	}
	if err := c.Refused(t.Context(), []byte("no")); err != nil {
		t.Fatal(err)
	}
	if _, out, answer := begin(t, s, 7, key, 1); out != Answered || string(answer) != "no" {
		t.Errorf("again: %v %q", out, answer)
	}
}

// A server that dies before the change leaves a row that is taken over; one that
// dies after it leaves a row that says so.
func TestCrash(t *testing.T) {
	s, db, c := newStore(t)
	ctx := t.Context()
	dead, _, _ := begin(t, s, 7, key, 1) // and never ended: its process is gone
	next := New(db, c.now)
	c.later(Patience + time.Second)
	taken, out, _ := begin(t, next, 7, key, 1)
	if out != Fresh {
		t.Fatalf("taken over: %v", out)
	}
	// It was not dead, only slow: what it does now does not happen.
	if err := change(dead.Context(ctx), db); errs.KindOf(err) != errs.Conflict {
		t.Errorf("the slow one: %v", err)
	}
	if err := change(taken.Context(ctx), db); err != nil {
		t.Fatal(err)
	}
	if n := changes(t, db); n != 1 {
		t.Errorf("%d changes, want 1", n)
	}
	// It dies after the commit and before the answer.
	after := New(db, c.now)
	if _, out, _ := begin(t, after, 7, key, 1); out != Lost {
		t.Errorf("after the commit: %v, want Lost", out)
	}
	c.later(Patience + time.Hour)
	if _, out, _ := begin(t, after, 7, key, 1); out != Lost {
		t.Errorf("an hour later: %v, want Lost still", out)
	}
	// What the dead one says late changes nothing.
	_ = dead.Refused(ctx, nil)
	_ = dead.Answered(ctx, []byte("late"))
	if _, out, _ := begin(t, after, 7, key, 1); out != Lost {
		t.Errorf("after a late word: %v, want Lost", out)
	}
}

func TestChangeThatFails(t *testing.T) {
	s, db, _ := newStore(t)
	c, _, _ := begin(t, s, 7, key, 1)
	err := postgres.InTx(c.Context(t.Context()), db, func(tx *postgres.Tx) error {
		_, _ = tx.Exec(`INSERT INTO registry_sites (name, short, time_zone, created_at) VALUES ('S', 'S', 'UTC', now())`)
		return errors.New("no")
	})
	if err == nil {
		t.Fatal("no error")
	}
	if err := c.Failed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, out, _ := begin(t, s, 7, key, 1); out != Fresh {
		t.Errorf("after a failure before the commit: %v", out)
	}
}

// Between the commit and the answer of one server another one waits for the answer.
func TestAnswerThatFollows(t *testing.T) {
	s, db, c := newStore(t)
	first, _, _ := begin(t, s, 7, key, 1)
	if err := change(first.Context(t.Context()), db); err != nil {
		t.Fatal(err)
	}
	row := func() (at string) {
		if err := db.Get(&at, `SELECT ctid::text FROM once_requests`); err != nil {
			t.Fatal(err)
		}
		return at
	}
	before, done := row(), make(chan struct{})
	go func() {
		defer close(done)
		if _, out, answer, err := New(db, c.now).Begin(t.Context(), 7, key, [32]byte{1}); err != nil || out != Answered || string(answer) != "one" {
			t.Errorf("%v %q, %v", out, answer, err)
		}
	}()
	for row() == before { // whoever looks writes the row anew
		select {
		case <-done:
			t.Fatal("it did not wait")
		default:
		}
	}
	if err := first.Answered(t.Context(), []byte("one")); err != nil {
		t.Fatal(err)
	}
	<-done
}

// Many at once, on two servers: one change, one answer for all.
func TestConcurrent(t *testing.T) {
	s, db, c := newStore(t)
	stores := []*Store{s, New(db, c.now)}
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			claim, out, answer, err := stores[i%2].Begin(t.Context(), 7, key, [32]byte{1})
			switch {
			case err != nil:
				t.Error(err)
			case out == Fresh:
				if err := change(claim.Context(t.Context()), db); err != nil {
					t.Error(err)
				}
				if err := claim.Answered(t.Context(), []byte("one")); err != nil {
					t.Error(err)
				}
			case out != Answered || string(answer) != "one":
				t.Errorf("%v %q", out, answer)
			}
		})
	}
	group.Wait()
	if n := changes(t, db); n != 1 {
		t.Errorf("%d changes, want 1", n)
	}
}

func TestKeys(t *testing.T) {
	for _, k := range []string{"", "short", strings.Repeat("x", 129), "with a blank in the middle", "mit-Umläuten-und-mehr"} {
		if err := CheckKey(k); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%q: %v", k, err)
		}
	}
	if err := CheckKey(key); err != nil {
		t.Error(err)
	}
}

func TestPurge(t *testing.T) {
	s, db, c := newStore(t)
	for _, k := range []string{"a", "b", "c"} {
		claim, _, _ := begin(t, s, 7, key+k, 1)
		_ = claim.Answered(t.Context(), nil)
	}
	c.later(Keep + time.Hour)
	claim, _, _ := begin(t, s, 7, key, 1)
	_ = claim.Answered(t.Context(), nil)
	var n int
	if err := db.Get(&n, `SELECT count(*) FROM once_requests`); err != nil || n != 1 {
		t.Errorf("%d rows after a day, %v", n, err)
	}
}
