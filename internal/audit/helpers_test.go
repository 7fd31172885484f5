package audit

import (
	"bytes"
	"context"
	"encoding/hex"
	"log/slog"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

const testOrigin = "cisterna.test/record"

// newSigner returns a signer with a new key in a folder of its own.
func newSigner(t testing.TB) *FileSigner {
	t.Helper()
	s, err := OpenSigner(t.TempDir(), testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testLog collects what the sequencer says where the test shows it.
func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// runSequencer runs one until the test ends or the returned function is called.
func runSequencer(t testing.TB, o Options) (*Sequencer, func()) {
	t.Helper()
	if o.Logger == nil {
		o.Logger = testLog(t)
	}
	s, err := NewSequencer(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			t.Errorf("sequencer: %v", err)
		}
	}()
	stop := func() { cancel(); <-done }
	t.Cleanup(stop)
	return s, stop
}

// add appends entries in one transaction.
func add(t testing.TB, db *sqlx.DB, entries ...Entry) []Ref {
	t.Helper()
	var refs []Ref
	err := postgres.InTx(context.Background(), db, func(tx *postgres.Tx) (err error) {
		refs, err = AppendBatch(context.Background(), tx, entries)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return refs
}

// waitFor waits for the checkpoint over a leaf.
func waitFor(t testing.TB, s *Sequencer, r Ref) Checkpoint {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := s.WaitFor(ctx, r.ID)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sequenced returns a database whose record holds n entries under a checkpoint.
func sequenced(t testing.TB, n int) (app, owner *sqlx.DB, signer *FileSigner) {
	t.Helper()
	app, owner = pgtest.NewOwner(t)
	signer = newSigner(t)
	entries := make([]Entry, n)
	for i := range entries {
		entries[i] = sampleEntry(i)
	}
	refs := add(t, app, entries...)
	s, stop := runSequencer(t, Options{DB: app, Signer: signer})
	waitFor(t, s, refs[n-1])
	stop()
	return app, owner, signer
}

// sampleEntry returns a plausible entry; every third has a payload, every fifth
// a signed document, every second a device number.
func sampleEntry(i int) Entry {
	e := Entry{Kind: "pump.register", Actor: "person:7 anna", Object: "pump:9", Reason: "new implant", Site: int64(i%3) + 1, Pump: int64(i % 50)}
	if i%3 == 0 {
		e.Payload = map[string]any{"serial": "SN-1", "label": "bed 4", "n": i}
	}
	if i%5 == 0 {
		e.Evidence = []byte("signed document " + string(rune('a'+i%26)))
	}
	if i%2 == 0 {
		e.Kind, e.Actor, e.Device, e.BootID, e.DeviceSeq = "alarm.raise", "device:COMM-1", "COMM-1", []byte{1, 2, 3, 4}, uint64(i/2)+1
		e.DeviceTime = time.Now().Add(-time.Minute)
	}
	return e
}

func export(t testing.TB, db *sqlx.DB, signer *FileSigner) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := Export(context.Background(), db, &b, signer.Trust()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func verify(t testing.TB, bundle []byte, trust Trust, seen ...string) *Report {
	t.Helper()
	r, err := Verify(bytes.NewReader(bundle), trust, VerifyOptions{Seen: seen})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// expect fails unless the report has the verdict; it shows the report if not.
func expect(t testing.TB, r *Report, want Verdict) {
	t.Helper()
	if got := r.Verdict(); got != want {
		t.Errorf("verdict %v, want %v", got, want)
		_ = r.WriteText(t.Output())
	}
}

func hexHash(b []byte) string {
	h := leafHash(b)
	return hex.EncodeToString(h[:])
}
