// Package once lets a request that is sent again be carried out only once.
//
// A client that does not know whether its request arrived (a double click, a
// reload, an answer that was lost) sends it again with the same key. The first
// one is carried out; the others get its answer.
//
// # How
//
// [Store.Begin] takes the key in a transaction of its own. [Claim.Context] makes
// the change's own transaction say "done" in the same row, so that after a crash
// it is certain whether the change happened: it commits with the change or not at
// all. [Claim.Answered] then keeps the answer. What is between the two is the one
// moment in which a change is known and its answer is not: a repetition gets
// [Lost] then, and whoever serves it says what can still be said.
//
// An attempt that was begun and neither done nor answered (its server died before
// the change) is taken over after [Patience]. The slow server that turns out to be
// alive after all cannot commit any more: its mark finds the row in other hands.
//
// The key is a secret of its client. Only a hash of it is stored, and answers are
// sealed under a key derived from it, because an answer may hold a one-time code.
// Rows live for [Keep]. Times come from Options.Now.
package once

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Limits.
const (
	Keep     = 24 * time.Hour   // how long a key is remembered
	Patience = 15 * time.Second // after which an attempt that shows no end is taken over
	MaxKept  = 1 << 20          // bytes of an answer; a larger one is not kept

	minKey, maxKey = 16, 128 // characters
	poll           = 50 * time.Millisecond
	settle         = 20 // polls in which an answer may follow what was carried out elsewhere
	purgeEvery     = 10 * time.Minute
)

// Outcome says what is known of a request with that key.
type Outcome int

// The outcomes of Begin.
const (
	Fresh    Outcome = iota // not seen before: carry it out, then say how it ended
	Answered                // carried out; its answer is there
	Lost                    // carried out; its answer is not known any more
)

// Reused is the error of a key that came with another request before.
var Reused = errs.New(errs.Invalid, "This idempotency key was used for another request. A key belongs to one request; make a new one for each thing that you want done.")

// Busy is the error of a request that is still being carried out elsewhere.
var Busy = errs.New(errs.Conflict, "The same request is still being carried out. Ask again in a few seconds with the same key.")

// Store remembers requests. It is safe for concurrent use, also by several
// servers on one database.
type Store struct {
	db  *sqlx.DB
	now func() time.Time

	mu    sync.Mutex
	here  map[[32]byte]chan struct{} // in work in this process; closed at the end
	purge time.Time                  // when to delete next
}

// New returns a store on a database.
func New(db *sqlx.DB, now func() time.Time) *Store {
	return &Store{db: db, now: now, here: map[[32]byte]chan struct{}{}}
}

// CheckKey refuses what cannot be a key: it must be hard to guess.
func CheckKey(key string) error {
	if len(key) < minKey || len(key) > maxKey {
		return errs.InvalidField("header.Idempotency-Key", "An idempotency key has %d to %d characters, such as a random UUID.", minKey, maxKey)
	}
	for i := range len(key) {
		if key[i] < '!' || key[i] > '~' {
			return errs.InvalidField("header.Idempotency-Key", "An idempotency key is made of printable ASCII characters without blanks.")
		}
	}
	return nil
}

// Claim is a request that was begun and is to be carried out.
type Claim struct {
	s       *Store
	id      [32]byte
	attempt [16]byte
	seal    cipher.AEAD
	done    chan struct{}
}

// Begin takes a key of a person for a request. fingerprint names the request:
// another one with the same key is [Reused]. With Fresh the claim must be ended by
// Answered or Refused; with Answered the answer is what was kept. It waits while
// the same request is in work, up to Patience: then the error is [Busy]. For an answer
// that another server has not kept yet it waits a second; later it is Lost.
func (s *Store) Begin(ctx context.Context, person int64, key string, fingerprint [32]byte) (*Claim, Outcome, []byte, error) {
	if err := CheckKey(key); err != nil {
		return nil, 0, nil, err
	}
	id, seal, err := derive(person, key)
	if err != nil {
		return nil, 0, nil, err
	}
	c := &Claim{s: s, id: id, seal: seal, done: make(chan struct{})}
	_, _ = rand.Read(c.attempt[:]) // never fails
	deadline := s.now().Add(Patience)
	for unanswered := 0; ; {
		if wait := s.enter(c); wait != nil {
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return nil, 0, nil, ctx.Err()
			}
		}
		out, answer, err := s.look(ctx, c, fingerprint)
		if err == nil && out == Fresh {
			s.clean(ctx)
			return c, Fresh, nil, nil
		}
		s.leave(c)
		switch {
		case err == nil && out == Lost && unanswered < settle:
			unanswered++ // another server has committed it, and keeps its answer next
		case !errors.Is(err, errElsewhere):
			return nil, out, answer, err
		case s.now().After(deadline):
			return nil, 0, nil, Busy
		}
		c.done = make(chan struct{})
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return nil, 0, nil, ctx.Err()
		}
	}
}

// derive makes from a key what is stored of it and what answers are sealed with.
func derive(person int64, key string) (id [32]byte, seal cipher.AEAD, err error) {
	who := binary.BigEndian.AppendUint64([]byte("cisterna/once/1\x00"), uint64(person))
	id = sha256.Sum256(append(append(who, "id\x00"...), key...))
	k, err := hkdf.Key(sha256.New, []byte(key), nil, string(who)+"seal", 32)
	if err != nil {
		return id, nil, fmt.Errorf("derive a key: %w", err)
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return id, nil, fmt.Errorf("derive a key: %w", err)
	}
	seal, err = cipher.NewGCMWithRandomNonce(block)
	return id, seal, err
}

// enter makes c the one in work in this process, or returns what to wait for.
func (s *Store) enter(c *Claim) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if busy := s.here[c.id]; busy != nil {
		return busy
	}
	s.here[c.id] = c.done
	return nil
}

func (s *Store) leave(c *Claim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.here[c.id] == c.done {
		delete(s.here, c.id)
		close(c.done)
	}
}

// look takes the row of a key, or reads what became of it.
func (s *Store) look(ctx context.Context, c *Claim, fingerprint [32]byte) (Outcome, []byte, error) {
	now := s.now()
	r, err := takeRequest(ctx, s.db, c.id, fingerprint, c.attempt, now, now.Add(-Patience), now.Add(-Keep))
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("look up an idempotency key: %w", err)
	case r.attempt == c.attempt:
		return Fresh, nil, nil
	case subtle.ConstantTimeCompare(r.fingerprint, fingerprint[:]) != 1:
		return 0, nil, Reused
	case r.answer != nil:
		answer, err := c.seal.Open(nil, nil, r.answer, c.id[:])
		if err != nil {
			return 0, nil, fmt.Errorf("open a kept answer: %w", err)
		}
		return Answered, answer, nil
	case r.done:
		return Lost, nil, nil
	}
	return 0, nil, errElsewhere
}

// errElsewhere says that another server has the request in work.
var errElsewhere = errors.New("in work elsewhere")

// Context returns a context whose transactions mark the request as done as they
// commit. If the claim was taken over meanwhile, they fail.
func (c *Claim) Context(ctx context.Context) context.Context {
	return postgres.Accompany(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return markDone(ctx, tx, c.id, c.attempt, c.s.now())
	})
}

// Answered keeps the answer of a request that was carried out, and ends the claim.
// It works although the client is gone. An answer that cannot be kept is lost:
// only the error says so, the request was carried out.
func (c *Claim) Answered(ctx context.Context, answer []byte) error {
	defer c.s.leave(c)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return keepAnswer(ctx, c.s.db, c.id, c.attempt, c.sealed(answer), c.s.now())
}

// Refused ends the claim of a request that was refused. One that changed nothing is
// forgotten, so that it may be tried again with the same key. Of one that changed
// something all the same, such as what it noted of the refusal, the answer is kept:
// it is not done twice.
func (c *Claim) Refused(ctx context.Context, answer []byte) error {
	defer c.s.leave(c)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := forgetUndone(ctx, c.s.db, c.id, c.attempt); err != nil {
		return err
	}
	return keepAnswer(ctx, c.s.db, c.id, c.attempt, c.sealed(answer), c.s.now()) // if it is there still
}

// sealed returns an answer as it is kept, nil for one that is too large.
func (c *Claim) sealed(answer []byte) []byte {
	if len(answer) > MaxKept {
		return nil
	}
	return c.seal.Seal(nil, nil, answer, c.id[:])
}

// Failed ends the claim of a request of which it is not known whether it was
// carried out: the row says so if it was, and is forgotten if it was not.
func (c *Claim) Failed(ctx context.Context) error {
	defer c.s.leave(c)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return forgetUndone(ctx, c.s.db, c.id, c.attempt)
}

// clean deletes what is too old, now and then.
func (s *Store) clean(ctx context.Context) {
	now := s.now()
	s.mu.Lock()
	due := !now.Before(s.purge)
	if due {
		s.purge = now.Add(purgeEvery)
	}
	s.mu.Unlock()
	if due {
		// The next one comes in a while; old rows do no harm but take room.
		_ = purge(ctx, s.db, now.Add(-Keep))
	}
}
