package audit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/mod/sumdb/tlog"

	"cisterna/internal/lease"
)

// LeaseName is the lease that a sequencer holds while it works.
const LeaseName = "audit"

// batchLimit bounds what one transaction of the sequencer places in the tree.
const batchLimit = 5000

// Options configures a [Sequencer]. DB, Signer and Logger are required.
type Options struct {
	DB        *sqlx.DB
	Signer    Signer
	Logger    *slog.Logger
	Witnesses []Witness // asked to cosign, one after the other; one that fails is logged and left out

	// Interval is the shortest time between two checkpoints, 100 ms if 0. A leaf
	// that comes after a quiet time does not wait for it, nor one that somebody
	// waits for (WaitFor).
	Interval time.Duration
	// Poll is how often to look for leaves and checkpoints of other processes, 1 s if 0.
	Poll time.Duration
	// LeaseTTL is how long a sequencer that vanished keeps others waiting, 5 s if 0.
	LeaseTTL time.Duration
	// OnCheckpoint is told of every checkpoint newer than the last, from this or
	// another process, in order, from one goroutine at a time. It must not block.
	OnCheckpoint func(Checkpoint)
}

// Sequencer gives leaves their place in the tree and signs checkpoints. Of all
// that run on one database, one works at a time; the others follow and stand by.
type Sequencer struct {
	o     Options
	owner string
	log   *slog.Logger

	publishing sync.Mutex    // one callback at a time, in order
	hurry      chan struct{} // somebody waits for a leaf

	mu      sync.Mutex
	latest  Checkpoint
	changed chan struct{} // closed and replaced with every new checkpoint
	leader  bool
	fault   error // why the last attempt failed, nil after a success
}

// NewSequencer returns a sequencer that works once [Sequencer.Run] is called.
func NewSequencer(o Options) (*Sequencer, error) {
	if o.DB == nil || o.Signer == nil || o.Logger == nil {
		return nil, errors.New("audit sequencer: a database, a signer and a logger are required")
	}
	if o.Interval == 0 {
		o.Interval = 100 * time.Millisecond
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	id := make([]byte, 8)
	_, _ = rand.Read(id)
	return &Sequencer{
		o: o, owner: "sequencer-" + hex.EncodeToString(id), log: o.Logger.With("component", "audit"),
		changed: make(chan struct{}), hurry: make(chan struct{}, 1),
	}, nil
}

// Run works until ctx ends; then it returns nil. Failures are logged, shown by
// [Sequencer.Status], and tried again after a pause: leaves wait meanwhile, they
// are not lost.
func (s *Sequencer) Run(ctx context.Context) error {
	var following sync.WaitGroup
	defer following.Wait()
	following.Go(func() { s.follow(ctx) })
	pause := s.o.Interval
	for ctx.Err() == nil {
		began := time.Now()
		err := lease.Run(ctx, s.o.DB, lease.Options{Name: LeaseName, Owner: s.owner, TTL: s.o.LeaseTTL}, s.lead)
		if ctx.Err() != nil {
			return nil
		}
		s.setFault(err)
		if time.Since(began) > time.Minute {
			pause = s.o.Interval
		}
		if errors.Is(err, ErrInconsistent) {
			s.log.Error("the record does not continue what was signed before: either it was rewritten, or an old backup was restored; no checkpoint will be signed until that is resolved", "error", err)
		} else {
			s.log.Warn("sequencing the record failed and is tried again", "error", err, "pause", pause)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, 5*time.Second)
	}
	return nil
}

// lead sequences until the lease is lost or something fails.
func (s *Sequencer) lead(ctx context.Context, l lease.Lease) error {
	wake, stop := nudges.subscribe()
	defer stop()
	w, err := s.start(ctx, l)
	if err != nil {
		return err
	}
	s.setLeader(true)
	defer s.setLeader(false)
	poll := time.NewTicker(s.o.Poll)
	defer poll.Stop()
	for {
		began := time.Now()
		n, err := w.step(ctx)
		if err != nil {
			return err
		}
		s.setFault(nil)
		if n == batchLimit {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-poll.C:
		case <-wake:
			// Others are likely to come right behind: one checkpoint for all, unless
			// a document waits to leave.
			if d := s.o.Interval - time.Since(began); n > 0 && d > 0 {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-s.hurry:
				case <-time.After(d):
				}
			}
		}
	}
}

// worker is the state of a sequencer that holds the lease. It is thrown away
// after any failure, because a commit whose outcome is unknown may have changed
// what it remembers.
type worker struct {
	*Sequencer
	lease lease.Lease
	tree  *tree
	last  int64 // size of the newest checkpoint in the database
}

// start finds out where the tree stands, before anything is added to it. It
// believes only the signer: the stored hashes at the size that was signed last
// must give the root that was signed, and from there on the tree is built again
// from its leaves and compared with what is stored.
func (s *Sequencer) start(ctx context.Context, l lease.Lease) (*worker, error) {
	size, last, err := readSizes(ctx, s.o.DB)
	if err != nil {
		return nil, err
	}
	signed, err := s.o.Signer.Last(ctx)
	if err != nil {
		return nil, err
	}
	if signed.N > size {
		return nil, fmt.Errorf("the tree has %d leaves, and one with %d was signed: %w", size, signed.N, ErrInconsistent)
	}
	stored := storedHashes{ctx, s.o.DB}
	t, err := loadTree(signed.N, stored)
	if err != nil {
		return nil, err
	}
	if t.root() != signed.Hash {
		return nil, fmt.Errorf("the tree's root at size %d is not the one that was signed: %w", signed.N, ErrInconsistent)
	}
	for t.size < size {
		if err := replay(ctx, s.o.DB, t, min(t.size+batchLimit, size)); err != nil {
			return nil, err
		}
	}
	return &worker{Sequencer: s, lease: l, tree: t, last: last}, nil
}

// replay appends the leaves of the index to t up to size, and checks that the
// hashes that this gives are those that are stored.
func replay(ctx context.Context, db *sqlx.DB, t *tree, size int64) error {
	leaves, err := readIndexed(ctx, db, t.size, size)
	if err != nil {
		return err
	}
	var at []int64
	var want []tlog.Hash
	next := tlog.StoredHashCount(t.size)
	for _, h := range leaves {
		for _, h := range t.append(h) {
			at, want = append(at, next), append(want, h)
			next++
		}
	}
	have, err := storedHashes{ctx, db}.ReadHashes(at)
	if err != nil {
		return err
	}
	for i := range have {
		if have[i] != want[i] {
			return fmt.Errorf("stored hash %d does not follow from the leaves: %w", at[i], ErrInconsistent)
		}
	}
	return nil
}

// step places what is pending and signs the result. It returns how many leaves
// it placed. The signature comes after the commit: a signed tree that the
// database then loses could never be continued.
func (w *worker) step(ctx context.Context) (int, error) {
	batch, err := readPending(ctx, w.o.DB, batchLimit)
	if err != nil {
		return 0, err
	}
	grown := newOverlay(w.tree, storedHashes{ctx, w.o.DB})
	if len(batch.ids) > 0 {
		next := *w.tree
		next.grown = nil
		for _, h := range batch.hashes {
			grown.added = append(grown.added, next.append(h)...)
		}
		if err := writeSequenced(ctx, w.o.DB, w.lease, w.tree.size, batch.ids, grown.added); err != nil {
			return 0, err
		}
		w.tree = &next
	}
	if w.tree.size > w.last {
		if err := w.sign(ctx, grown); err != nil {
			return 0, err
		}
	}
	return len(batch.ids), nil
}

func (w *worker) sign(ctx context.Context, hashes tlog.HashReader) error {
	signed, err := w.o.Signer.Last(ctx)
	if err != nil {
		return err
	}
	next := tlog.Tree{N: w.tree.size, Hash: w.tree.root()}
	prove := func(old int64) (tlog.TreeProof, error) {
		if old == 0 || old >= next.N {
			return nil, nil
		}
		return tlog.ProveTree(next.N, old, hashes)
	}
	proof, err := prove(signed.N)
	if err != nil {
		return fmt.Errorf("prove that the tree of size %d continues the one of size %d: %w", next.N, signed.N, err)
	}
	text, err := w.o.Signer.Sign(ctx, next, proof)
	if err != nil {
		return err
	}
	for _, witness := range w.o.Witnesses {
		line, err := witness.Cosign(ctx, text, prove)
		if err == nil {
			var with string
			if with, err = addSignature(text, line); err == nil {
				text = with
			}
		}
		if err != nil {
			w.log.Warn("a witness did not cosign", "witness", witness.Name(), "size", next.N, "error", err)
		}
	}
	unverified, err := splitCheckpoint(text)
	if err != nil {
		return fmt.Errorf("the signer's checkpoint: %w", err)
	}
	if unverified.Size != next.N || unverified.Root != next.Hash {
		return fmt.Errorf("the signer signed size %d instead of %d, or another root", unverified.Size, next.N)
	}
	c, err := writeCheckpoint(ctx, w.o.DB, unverified)
	if err != nil {
		return err
	}
	w.last = c.Size
	w.publish(c)
	return nil
}

// follow learns of the checkpoints of other processes.
func (s *Sequencer) follow(ctx context.Context) {
	tick := time.NewTicker(s.o.Poll)
	defer tick.Stop()
	for {
		c, ok, err := Newest(ctx, s.o.DB)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("reading the newest checkpoint failed", "error", err)
		}
		if ok {
			s.publish(c)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// publish makes c the latest checkpoint if it is newer.
func (s *Sequencer) publish(c Checkpoint) {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	s.mu.Lock()
	newer := c.Size > s.latest.Size
	if newer {
		s.latest = c
		close(s.changed)
		s.changed = make(chan struct{})
	}
	s.mu.Unlock()
	if newer && s.o.OnCheckpoint != nil {
		s.o.OnCheckpoint(c)
	}
}

// Latest returns the newest checkpoint known, and false if there is none yet.
func (s *Sequencer) Latest() (Checkpoint, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest, s.latest.Size > 0
}

// WaitFor waits until the leaf of row id (see [AppendRef]) is under a checkpoint
// that is stored, and returns one that covers it. The leaf must have committed.
// It ends with ctx's error if that takes too long.
func (s *Sequencer) WaitFor(ctx context.Context, id int64) (Checkpoint, error) {
	for {
		s.mu.Lock()
		c, changed := s.latest, s.changed
		s.mu.Unlock()
		idx, ok, err := readIndex(ctx, s.o.DB, id)
		if err != nil {
			return Checkpoint{}, err
		}
		if ok && idx < c.Size {
			return c, nil
		}
		select {
		case s.hurry <- struct{}{}:
		default: // it has been told
		}
		select {
		case <-ctx.Done():
			return Checkpoint{}, fmt.Errorf("wait for the checkpoint of leaf %d: %w", id, ctx.Err())
		case <-changed:
		}
	}
}

// Status tells how the record is doing.
type Status struct {
	Leader     bool          // this process sequences
	Checkpoint Checkpoint    // the newest
	Pending    int64         // leaves without a place in the tree
	Lag        time.Duration // age of the oldest of them
	Fault      error         // why the last attempt failed; nil if it did not
}

// Status reads how many leaves wait, and since when. now is the server's clock.
func (s *Sequencer) Status(ctx context.Context, now time.Time) (Status, error) {
	n, oldest, err := readLag(ctx, s.o.DB)
	if err != nil {
		return Status{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Leader: s.leader, Checkpoint: s.latest, Pending: n, Fault: s.fault}
	if n > 0 {
		st.Lag = max(0, now.Sub(oldest))
	}
	return st, nil
}

func (s *Sequencer) setLeader(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leader = on
}

func (s *Sequencer) setFault(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}
