package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"cisterna/internal/lease"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

// eventually waits until ok; what says what for.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestAppendSequenceExportVerify(t *testing.T) {
	t.Parallel()
	app, _, signer := sequenced(t, 100)
	bundle := export(t, app, signer)
	r := verify(t, bundle, signer.Trust())
	expect(t, r, Good)
	got := fmt.Sprint(r.Leaves, r.Covered, r.Payloads, r.Evidence, r.Devices)
	if want := fmt.Sprint(100, 100, 34, 20, 1); got != want {
		t.Errorf("found %s, want %s", got, want)
	}
	if again := export(t, app, signer); string(again) != string(bundle) {
		t.Error("two exports of the same record differ")
	}
}

// runOnce does what a sequencer does, once and in order: take the lease, find
// out where the tree stands, sequence until nothing is left.
func runOnce(db *sqlx.DB, signer Signer) error {
	ctx := context.Background()
	s, err := NewSequencer(Options{DB: db, Signer: signer, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	l, err := lease.Acquire(ctx, db, lease.Options{Name: LeaseName, Owner: s.owner})
	if err != nil {
		return err
	}
	w, err := s.start(ctx, l)
	if err != nil {
		return err
	}
	for n := 1; n > 0; {
		if n, err = w.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// TestCrashAtEveryStatement kills the sequencer before and after every one of
// its statements, its signature among them, and starts it again: the tree is
// always the one of an uninterrupted run, and nothing is left behind.
func TestCrashAtEveryStatement(t *testing.T) {
	t.Parallel()
	test := pgtest.NewDB(t)
	signer := newSigner(t)
	var want tree // of an uninterrupted run
	round := func(f *fault) {
		t.Helper()
		var entries []Entry
		for i := range 7 {
			entries = append(entries, Entry{Kind: "a.b", Actor: "system:test", Object: fmt.Sprint(i), Payload: i})
		}
		for _, r := range add(t, test.DB, entries...) {
			want.append(r.Hash)
		}
		err := runOnce(f.open(t, test.URL(postgres.AppRole)), faultySigner{signer, f})
		if f.n > 0 && !errors.Is(err, errCrash) {
			t.Fatalf("the sequencer did not die of it: %v", err)
		}
		if f.n > 0 {
			if _, err := test.Exec(`UPDATE lease_leases SET expires_at = clock_timestamp()`); err != nil {
				t.Fatal(err)
			}
			err = runOnce(test.DB, signer)
		}
		if err != nil {
			t.Fatalf("after the restart: %v", err)
		}
		c, ok, err := Newest(t.Context(), test.DB)
		if err != nil || !ok || c.Size != want.size || c.Root != want.root() {
			t.Fatalf("checkpoint %d %v, want %d %v: %v", c.Size, c.Root, want.size, want.root(), err)
		}
		if n := count(t, test.DB, `SELECT count(*) FROM audit_pending`); n != 0 {
			t.Fatalf("%d leaves are still pending", n)
		}
		if _, err := test.Exec(`UPDATE lease_leases SET expires_at = clock_timestamp()`); err != nil {
			t.Fatal(err)
		}
	}
	round(new(fault)) // so that there is a tree to continue
	var quiet fault
	round(&quiet)
	statements := quiet.calls.Load()
	if statements < 8 {
		t.Fatalf("a run has %d statements; something is not counted", statements)
	}
	for n := int64(1); n <= statements; n++ {
		for _, after := range []bool{false, true} {
			f := &fault{n: n, after: after}
			round(f)
		}
	}
	r := verify(t, export(t, test.DB, signer), signer.Trust())
	expect(t, r, Good)
	if wantLeaves := 7 * (2*statements + 2); r.Leaves != wantLeaves || r.Root != want.root() {
		t.Errorf("%d leaves with root %v, want %d with %v", r.Leaves, r.Root, wantLeaves, want.root())
	}
}

// TestTwoSequencers: one works, the other waits and follows, takes over when the
// first ends, and the record goes on without a seam.
func TestTwoSequencers(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	signer := newSigner(t)
	newOne := func() (*Sequencer, func()) {
		return runSequencer(t, Options{DB: db, Signer: signer, Interval: 5 * time.Millisecond, Poll: 20 * time.Millisecond, LeaseTTL: 3 * time.Second})
	}
	leads := func(s *Sequencer) bool {
		st, err := s.Status(t.Context(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return st.Leader
	}
	a, stopA := newOne()
	eventually(t, "the first leads", func() bool { return leads(a) })
	b, _ := newOne()
	for range 20 {
		r := add(t, db, sampleEntry(1))[0]
		if ca, cb := waitFor(t, a, r), waitFor(t, b, r); ca.Size < 1 || cb.Size < 1 {
			t.Fatalf("checkpoints %d and %d", ca.Size, cb.Size)
		}
		if leads(b) {
			t.Fatal("both lead")
		}
	}
	stopA()
	r := add(t, db, sampleEntry(1))[0]
	waitFor(t, b, r)
	if !leads(b) {
		t.Error("the second does not lead")
	}
	expect(t, verify(t, export(t, db, signer), signer.Trust()), Good)
}

// TestTakeoverFromTheDead: a sequencer that vanished is replaced when its lease
// expires; when it wakes up, what it still wanted to write is refused.
func TestTakeoverFromTheDead(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	signer := newSigner(t)
	s, err := NewSequencer(Options{DB: db, Signer: signer, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := lease.Acquire(t.Context(), db, lease.Options{Name: LeaseName, Owner: s.owner, TTL: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	sleeper, err := s.start(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	first := add(t, db, sampleEntry(1))[0]
	heir, _ := runSequencer(t, Options{DB: db, Signer: signer, LeaseTTL: 2 * time.Second})
	waitFor(t, heir, first)
	// When the heir places an entry first, nothing is left that the sleeper could want to.
	entries, refused := 2, false
	for ; !refused && entries < 100; entries++ {
		add(t, db, sampleEntry(entries))
		n, err := sleeper.step(t.Context())
		if refused = err != nil; n > 0 {
			t.Fatal("the sleeper still writes")
		}
	}
	if !refused {
		t.Error("the sleeper was never refused")
	}
	last := add(t, db, sampleEntry(entries))[0]
	waitFor(t, heir, last)
	r := verify(t, export(t, db, signer), signer.Trust())
	if r.Leaves != int64(entries) {
		t.Errorf("%d leaves, want %d", r.Leaves, entries)
	}
}

// TestStaleEpochIsFenced: a lost lease is refused by the database itself, by
// name.
func TestStaleEpochIsFenced(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	l, err := lease.Acquire(t.Context(), db, lease.Options{Name: LeaseName, Owner: "a"})
	if err != nil {
		t.Fatal(err)
	}
	ref := add(t, db, sampleEntry(1))[0]
	if _, err := db.Exec(`UPDATE lease_leases SET epoch = epoch + 1`); err != nil {
		t.Fatal(err)
	}
	if err := writeSequenced(t.Context(), db, l, 0, []int64{ref.ID}, []tlog.Hash{ref.Hash}); !errors.Is(err, lease.ErrLost) {
		t.Errorf("error %v, want ErrLost", err)
	}
}

// TestConcurrentWriters: 64 writers, of which some abort and some dawdle, while
// the sequencer runs. Every leaf that committed is in the tree once, every other
// is not, although ids are overtaken.
func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	test := pgtest.NewDB(t)
	db, err := postgres.Open(t.Context(), test.URL(postgres.AppRole), 66)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	signer := newSigner(t)
	s, _ := runSequencer(t, Options{DB: test.DB, Signer: signer, Interval: 5 * time.Millisecond})
	abort := errors.New("abort")
	var (
		mu        sync.Mutex
		committed []Ref
		aborted   []Ref
		wg        sync.WaitGroup
	)
	for w := range 64 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 7))
			for range 15 {
				var mine []Ref
				err := postgres.InTx(context.Background(), db, func(tx *postgres.Tx) error {
					for range 1 + rnd.IntN(3) {
						r, err := AppendRef(context.Background(), tx, Entry{Kind: "a.b", Actor: fmt.Sprintf("system:writer-%d", w)})
						if err != nil {
							return err
						}
						mine = append(mine, r)
					}
					switch rnd.IntN(20) {
					case 0: // others overtake
						if _, err := tx.Exec(`SELECT pg_sleep($1)`, rnd.Float64()/2); err != nil {
							return err
						}
					case 1, 2, 3:
						return abort
					}
					return nil
				})
				mu.Lock()
				switch {
				case err == nil:
					committed = append(committed, mine...)
				case errors.Is(err, abort):
					aborted = append(aborted, mine...)
				default:
					t.Errorf("writer %d: %v", w, err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(committed) < 500 || len(aborted) < 50 {
		t.Fatalf("%d committed and %d aborted: too few to mean anything", len(committed), len(aborted))
	}
	for _, r := range committed {
		waitFor(t, s, r)
	}
	type place struct {
		Idx  int64  `db:"idx"`
		ID   int64  `db:"leaf_id"`
		Hash []byte `db:"leaf_hash"`
	}
	var places []place
	if err := db.Select(&places, `SELECT idx, leaf_id, leaf_hash FROM audit_index ORDER BY idx`); err != nil {
		t.Fatal(err)
	}
	found := map[int64]place{}
	overtaken := 0
	for i, p := range places {
		if p.Idx != int64(i) {
			t.Fatalf("place %d follows %d", p.Idx, i-1)
		}
		if i > 0 && p.ID < places[i-1].ID {
			overtaken++
		}
		found[p.ID] = p
	}
	if overtaken == 0 {
		t.Error("no id was overtaken: the case that a naive reader loses did not happen")
	}
	if len(found) != len(committed) || len(places) != len(committed) {
		t.Errorf("%d places of %d leaves for %d that committed", len(places), len(found), len(committed))
	}
	for _, r := range committed {
		if p, ok := found[r.ID]; !ok || string(p.Hash) != string(r.Hash[:]) {
			t.Errorf("leaf %d is lost", r.ID)
		}
	}
	for _, r := range aborted {
		if _, ok := found[r.ID]; ok {
			t.Errorf("leaf %d was aborted and is in the tree", r.ID)
		}
	}
	expect(t, verify(t, export(t, db, signer), signer.Trust()), Good)
}

// TestRestoredBackup: the database is put back to an earlier state. The signer
// refuses to go on, and a checkpoint kept elsewhere convicts the export.
func TestRestoredBackup(t *testing.T) {
	t.Parallel()
	app, owner := pgtest.NewOwner(t)
	signer := newSigner(t)
	s, stop := runSequencer(t, Options{DB: app, Signer: signer})
	early := waitFor(t, s, add(t, app, sampleEntry(1), sampleEntry(3))[1])
	stop()
	exec := func(query string) {
		t.Helper()
		if _, err := owner.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range recordTables {
		exec("CREATE TABLE backup_" + table + " AS TABLE " + table)
	}
	s, stop = runSequencer(t, Options{DB: app, Signer: signer})
	late := waitFor(t, s, add(t, app, sampleEntry(5), sampleEntry(7))[1])
	stop()

	var restore []string
	for _, table := range recordTables {
		restore = append(restore, "DELETE FROM "+table, "INSERT INTO "+table+" SELECT * FROM backup_"+table)
	}
	exec("BEGIN; SET LOCAL session_replication_role = replica; " + strings.Join(restore, "; ") + "; COMMIT")

	bundle := export(t, app, signer)
	expect(t, verify(t, bundle, signer.Trust()), Good) // in itself it is whole
	expect(t, verify(t, bundle, signer.Trust(), early.Text), Good)
	r := verify(t, bundle, signer.Trust(), early.Text, late.Text)
	expect(t, r, Tampered)
	if !strings.Contains(r.Findings[0].What, "an old copy was restored") {
		t.Errorf("it says %q", r.Findings[0].What)
	}

	s, _ = runSequencer(t, Options{DB: app, Signer: signer})
	add(t, app, sampleEntry(9))
	eventually(t, "the sequencer refuses to go on", func() bool {
		st, err := s.Status(t.Context(), time.Now())
		return err == nil && errors.Is(st.Fault, ErrInconsistent) && st.Pending == 1 && st.Lag > 0
	})
	if c, _, err := Newest(t.Context(), app); err != nil || c.Size != early.Size {
		t.Errorf("newest checkpoint %d, want %d: %v", c.Size, early.Size, err)
	}
}

// TestRewrittenTreeGetsNoSignature: whoever rewrites the tree, hashes and all,
// finds that the signer does not sign the result.
func TestRewrittenTreeGetsNoSignature(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]string{
		"the tree's edge": `UPDATE audit_hash SET hashes = substring(hashes FROM 1 FOR octet_length(hashes) - 32) || sha256('x')`,
		"its tail":        `DELETE FROM audit_index WHERE idx >= 8`,
		"a leaf in it":    `DELETE FROM audit_index WHERE idx = 3`,
	} {
		t.Run(name, func(t *testing.T) {
			app, owner, signer := sequenced(t, 16)
			if name == "a leaf in it" {
				// A new signer knows nothing yet: it replays the tree from the start.
				signer = newSigner(t)
			}
			if _, err := owner.Exec(`BEGIN; SET LOCAL session_replication_role = replica; ` + query + `; COMMIT`); err != nil {
				t.Fatal(err)
			}
			s, _ := runSequencer(t, Options{DB: app, Signer: signer})
			add(t, app, sampleEntry(1))
			eventually(t, "a refusal", func() bool {
				st, err := s.Status(t.Context(), time.Now())
				return err == nil && errors.Is(st.Fault, ErrInconsistent)
			})
			if n := count(t, owner, `SELECT count(*) FROM audit_checkpoint`); n != 1 {
				t.Errorf("%d checkpoints, want the one from before", n)
			}
		})
	}
}

// TestDamagedHashGivesNoProof: a hash inside the tree is not part of the record;
// when it is damaged, there is an error and no wrong proof.
func TestDamagedHashGivesNoProof(t *testing.T) {
	t.Parallel()
	app, owner, signer := sequenced(t, 16)
	if _, err := owner.Exec(`BEGIN; SET LOCAL session_replication_role = replica;
		UPDATE audit_hash SET hashes = sha256('x') || substring(hashes FROM 33); COMMIT`); err != nil {
		t.Fatal(err)
	}
	rows, _, err := List(t.Context(), app, Filter{AllSites: true}, 0, 16)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, row := range rows {
		_, proof, err := Get(t.Context(), app, Filter{AllSites: true}, row.ID)
		if err != nil {
			failed++
			continue
		}
		if _, err := VerifyProof(proof.Text(), row.Hash, signer.Trust()); err != nil {
			t.Errorf("leaf %d has a wrong proof: %v", row.Index, err)
		}
	}
	if failed != 1 { // its neighbour's; its own does not need it
		t.Errorf("%d leaves have no proof, want 1", failed)
	}
	expect(t, verify(t, export(t, app, signer), signer.Trust()), Good)
}

// TestKeyRotation: a new signer replays the record and goes on with a new key;
// a policy with both keys accepts the whole, one with the new key only does not.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	app, _, old := sequenced(t, 20)
	fresh := newSigner(t)
	s, _ := runSequencer(t, Options{DB: app, Signer: fresh})
	waitFor(t, s, add(t, app, Entry{Kind: "a.b", Actor: "system:test"})[0])
	bundle := export(t, app, fresh)
	both, err := TrustKeys(old.VerifierKey(), fresh.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	expect(t, verify(t, bundle, both), Good)
	expect(t, verify(t, bundle, fresh.Trust()), Untrusted)
}

func TestCheckpointsAreAnnounced(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var mu sync.Mutex
	var sizes []int64
	signer := newSigner(t)
	s, stop := runSequencer(t, Options{DB: db, Signer: signer, Interval: time.Millisecond, OnCheckpoint: func(c Checkpoint) {
		mu.Lock()
		defer mu.Unlock()
		sizes = append(sizes, c.Size)
	}})
	if _, ok := s.Latest(); ok {
		t.Error("there is a checkpoint of nothing")
	}
	for i := range 10 {
		c := waitFor(t, s, add(t, db, sampleEntry(1))[0])
		latest, ok := s.Latest()
		if !ok || latest.Size < c.Size || c.Size < int64(i)+1 || c.At.IsZero() {
			t.Errorf("leaf %d is under %+v, the latest is %+v", i, c, latest)
		}
	}
	stop()
	mu.Lock()
	defer mu.Unlock()
	if !slices.IsSorted(sizes) || len(slices.Compact(slices.Clone(sizes))) != len(sizes) || sizes[len(sizes)-1] != 10 {
		t.Errorf("announced sizes %v", sizes)
	}
	// One that starts later learns of it, too.
	late, _ := runSequencer(t, Options{DB: db, Signer: signer})
	eventually(t, "the latest checkpoint", func() bool { c, _ := late.Latest(); return c.Size == 10 })
}

func TestWaitForEnds(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s, err := NewSequencer(Options{DB: db, Signer: newSigner(t), Logger: testLog(t)}) // not running
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.WaitFor(ctx, add(t, db, sampleEntry(1))[0].ID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the deadline's", err)
	}
}

// TestWhoWaitsDoesNotWaitForOthers: a leaf that somebody waits for is under a
// checkpoint at once, however far apart checkpoints are otherwise.
func TestWhoWaitsDoesNotWaitForOthers(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s, stop := runSequencer(t, Options{DB: db, Signer: newSigner(t), Interval: time.Hour})
	defer stop()
	last := int64(0)
	for i := range 5 {
		c := waitFor(t, s, add(t, db, sampleEntry(i))[0])
		if c.Size <= last {
			t.Fatalf("a checkpoint of %d leaves after one of %d", c.Size, last)
		}
		last = c.Size
	}
	// Nobody waits for this one: it comes with the next.
	add(t, db, sampleEntry(6))
	if c := waitFor(t, s, add(t, db, sampleEntry(7))[0]); c.Size != last+2 {
		t.Errorf("a checkpoint of %d leaves after one of %d and two more", c.Size, last)
	}
}

func TestSequencerOptions(t *testing.T) {
	t.Parallel()
	db := new(sqlx.DB)
	for _, o := range []Options{{}, {DB: db, Signer: newSigner(t)}, {DB: db, Logger: testLog(t)}, {Signer: newSigner(t), Logger: testLog(t)}} {
		if _, err := NewSequencer(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

// testWitness cosigns with a plain note key, after checking the proof.
type testWitness struct {
	name string
	key  note.Signer
	seen tlog.Tree
	fail error
}

func (w *testWitness) Name() string { return w.name }

func (w *testWitness) Cosign(_ context.Context, checkpoint string, prove func(int64) (tlog.TreeProof, error)) (string, error) {
	c, err := splitCheckpoint(checkpoint)
	if err != nil || w.fail != nil {
		return "", errors.Join(err, w.fail)
	}
	if w.seen.N > 0 {
		proof, err := prove(w.seen.N)
		if err != nil {
			return "", err
		}
		if err := tlog.CheckTree(proof, c.Size, c.Root, w.seen.N, w.seen.Hash); err != nil {
			return "", err
		}
	}
	w.seen = tlog.Tree{N: c.Size, Hash: c.Root}
	body, _, _ := strings.Cut(checkpoint, "\n\n")
	b, err := note.Sign(&note.Note{Text: body + "\n"}, w.key)
	_, line, _ := strings.Cut(string(b), "\n\n")
	return line, err
}

// TestWitnesses: a cosignature joins the log's signature; a witness that fails
// or sends rubbish holds nothing up.
func TestWitnesses(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	signer := newSigner(t)
	good := &testWitness{name: "good", key: stranger(t)}
	down := &testWitness{name: "down", key: stranger(t), fail: errors.New("unreachable")}
	s, _ := runSequencer(t, Options{DB: db, Signer: signer, Witnesses: []Witness{down, good}, Interval: time.Millisecond})
	for range 3 {
		c := waitFor(t, s, add(t, db, Entry{Kind: "a.b", Actor: "system:test"})[0])
		if n := strings.Count(c.Text, "\n— "); n != 2 {
			t.Errorf("%d signatures, want 2:\n%s", n, c.Text)
		}
		if _, err := signer.Trust().Open(c.Text); err != nil {
			t.Error(err)
		}
	}
	expect(t, verify(t, export(t, db, signer), signer.Trust()), Good)
	for _, line := range []string{"", "x", "— a", "— a b\n— c d\n", "— a b c", "— a b\r"} {
		if with, err := addSignature("text\n\n— log sig\n", line); err == nil {
			t.Errorf("%q was added: %q", line, with)
		}
	}
}
