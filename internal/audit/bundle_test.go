package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"cisterna/internal/pgtest"
)

// smallBundle returns a log of n leaves under one checkpoint, and its bundle.
func smallBundle(t testing.TB, n int) (*seeded, []byte) {
	t.Helper()
	s := newSeeded(n)
	return s, s.bundle(t)
}

// TestBundleCutOff: a bundle that ends early, wherever, is never good.
func TestBundleCutOff(t *testing.T) {
	t.Parallel()
	s, b := smallBundle(t, 20)
	expect(t, verify(t, b, s.trust), Good)
	for n := range len(b) {
		r := verify(t, b[:n], s.trust)
		if r.Verdict() != Incomplete {
			t.Fatalf("%d of %d bytes: %v", n, len(b), r.Verdict())
		}
	}
}

// TestBundleFlippedBits: whatever bit of the file is flipped, it is noticed.
func TestBundleFlippedBits(t *testing.T) {
	t.Parallel()
	s, b := smallBundle(t, 20)
	rnd := rand.New(rand.NewPCG(1, 2))
	bits := rnd.Perm(8 * len(b))[:3000]
	for bit := 8 * (len(b) - 50); bit < 8*len(b); bit++ { // and all of the trailer
		bits = append(bits, bit)
	}
	for _, bit := range bits {
		r, err := Verify(bytes.NewReader(flip(b, bit)), s.trust, VerifyOptions{})
		if bit < 8*len(bundleMagic) {
			if err == nil {
				t.Fatalf("bit %d of the first line: %v", bit, r.Verdict())
			}
			continue
		}
		if err != nil {
			t.Fatalf("bit %d: %v", bit, err)
		}
		if r.Verdict() == Good {
			t.Fatalf("bit %d (byte %d) can be flipped", bit, bit/8)
		}
	}
}

// reseal gives a bundle with changed frames the trailer that its author would.
func reseal(t *testing.T, frames ...func(b *bundleWriter)) []byte {
	t.Helper()
	var buf bytes.Buffer
	b := newBundleWriter(&buf, bundleHeader{Origin: testOrigin})
	for _, f := range frames {
		f(b)
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestBundleShape(t *testing.T) {
	t.Parallel()
	s, good := smallBundle(t, 3)
	point := s.points[3]
	leaf := func(i int) func(*bundleWriter) { return func(b *bundleWriter) { b.leaf(s.leaves[i]) } }
	check := func(text string) func(*bundleWriter) { return func(b *bundleWriter) { b.checkpoint(text) } }
	raw := func(kind byte, body any) func(*bundleWriter) { return func(b *bundleWriter) { b.frame(kind, body) } }
	forge := func(f func(l *bundleLeaf)) func(*bundleWriter) {
		return func(b *bundleWriter) { l := *s.leaves[1]; f(&l); b.leaf(&l) }
	}
	tests := []struct {
		name   string
		bundle []byte
		want   Verdict
	}{
		{"as it was", reseal(t, leaf(0), leaf(1), leaf(2), check(point)), Good},
		{"nothing in it", reseal(t), Incomplete},
		{"the checkpoint twice", reseal(t, leaf(0), leaf(1), leaf(2), check(point), check(point)), Tampered},
		{"the checkpoint too early", reseal(t, leaf(0), leaf(1), check(point), leaf(2)), Tampered},
		{"the checkpoint missing", reseal(t, leaf(0), leaf(1), leaf(2)), Incomplete},
		{"a leaf behind the checkpoint", reseal(t, leaf(0), leaf(1), leaf(2), check(point), func(b *bundleWriter) {
			b.leaf(newSeeded(4).leaves[3])
		}), Incomplete},
		{"leaves in the wrong order", reseal(t, leaf(1), leaf(0), leaf(2), check(point)), Tampered},
		{"a leaf twice", reseal(t, leaf(0), leaf(1), leaf(1), leaf(2), check(point)), Tampered},
		{"a second header", reseal(t, leaf(0), leaf(1), leaf(2), check(point), raw(frameHeader, bundleHeader{})), Tampered},
		{"a frame of unknown kind", reseal(t, leaf(0), leaf(1), leaf(2), check(point), raw('X', 1)), Tampered},
		{"a frame of another shape", reseal(t, leaf(0), leaf(1), leaf(2), check(point), raw(frameLeaf, []int{1, 2})), Tampered},
		{"a checkpoint that is none", reseal(t, leaf(0), leaf(1), leaf(2), check("size 3, honestly")), Tampered},
		{"a negative index", reseal(t, leaf(0), forge(func(l *bundleLeaf) { l.Index = -1 }), leaf(2), check(point)), Tampered},
		{"an index of the end of numbers", reseal(t, leaf(0), forge(func(l *bundleLeaf) { l.Index = 1<<63 - 1 }), leaf(2), check(point)), Tampered},
		{"something behind the trailer", append(bytes.Clone(good), 'x'), Tampered},
		{"a second bundle behind the trailer", append(bytes.Clone(good), good...), Tampered},
		{"a trailer that counts wrong", reseal(t, leaf(0), leaf(1), leaf(2), check(point), func(b *bundleWriter) { b.end.Leaves++ }), Tampered},
		{"no header", []byte(bundleMagic + "L\x00\x00\x00\x01x"), Tampered},
		{"a frame that claims 4 GiB", append(bytes.Clone(good[:len(bundleMagic)]), 'L', 0xff, 0xff, 0xff, 0xff), Tampered},
		{"a frame that claims more than there is", append(bytes.Clone(good[:len(bundleMagic)]), 'L', 0, 0xff, 0xff, 0xff), Incomplete},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) { expect(t, verify(t, tc.bundle, s.trust), tc.want) })
	}
	if _, err := Verify(strings.NewReader("cisterna-audit-bundle/2\nwhat the future holds"), s.trust, VerifyOptions{}); err == nil {
		t.Error("a bundle of another version is read")
	}
	broken := errors.New("disk on fire")
	if _, err := Verify(io.MultiReader(bytes.NewReader(good[:200]), errReader{broken}), s.trust, VerifyOptions{}); !errors.Is(err, broken) {
		t.Errorf("a failing disk is taken for a finding: %v", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// FuzzVerify: whatever bytes of a good bundle are written over, and wherever it
// ends, the verifier does not panic, and does not find it good. (The bundle is
// made anew in every process that fuzzes, with keys of its own.)
func FuzzVerify(f *testing.F) {
	s, good := smallBundle(f, 5)
	f.Add(uint(40), []byte{0xff}, uint(0))
	f.Add(uint(len(bundleMagic)), []byte{'T', 0, 0, 0, 1}, uint(9))
	f.Fuzz(func(t *testing.T, at uint, patch []byte, cut uint) {
		b := bytes.Clone(good)
		copy(b[at%uint(len(b)):], patch)
		b = b[:uint(len(b))-cut%uint(len(b))]
		r, err := Verify(bytes.NewReader(b), s.trust, VerifyOptions{Seen: []string{s.points[5]}})
		if err != nil {
			return
		}
		if changed := !bytes.Equal(b, good); changed == (r.Verdict() == Good) {
			t.Fatalf("changed: %v, verdict: %v", changed, r.Verdict())
		}
		_ = r.WriteText(io.Discard)
	})
}

// TestReportCannotDriveATerminal: text from the record is quoted.
func TestReportCannotDriveATerminal(t *testing.T) {
	t.Parallel()
	e := Entry{Kind: "a.b\x1b[2J", Actor: "\u202eevil\r\n- good", Device: "dev\x1b]0;x\x07", BootID: []byte{1}, DeviceSeq: 5}
	m, err := e.make(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	a := seededLeaf(0, m)
	a.Kind, a.Actor = a.Kind+"x", a.Actor+"x"
	e.DeviceSeq = 9
	if m, err = e.make(time.Now()); err != nil {
		t.Fatal(err)
	}
	r := verify(t, reseal(t, func(b *bundleWriter) { b.leaf(a); b.leaf(seededLeaf(1, m)) }), Trust{})
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if r.Count < 3 {
		t.Fatalf("too few findings to show:\n%s", &text)
	}
	for _, bad := range []string{"\x1b", "\r", "\u202e", "\x07", "\n- good"} {
		if strings.Contains(text.String(), bad) {
			t.Errorf("the report contains %q:\n%q", bad, text.String())
		}
	}
}

func TestReportKeepsTheFirstFindings(t *testing.T) {
	t.Parallel()
	s := tampered(t)
	for i := range 200 {
		s.edit(i*7).At++
	}
	r := verify(t, s.bundle(t), s.trust)
	if r.Count != 200 || len(r.Findings) != maxFindings || r.Findings[0].Index != 0 || r.FirstBad != 0 {
		t.Errorf("%d findings, %d kept, first bad %d", r.Count, len(r.Findings), r.FirstBad)
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "and 150 more") || !strings.Contains(text.String(), "first bad:    index 0") {
		t.Errorf("the report does not count the rest:\n%s", &text)
	}
	if err := r.WriteText(failingWriter{}); err == nil {
		t.Error("an error of the output is swallowed")
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("closed") }

// TestExportLeavesPendingOut: what has no checkpoint yet is counted, not
// exported, and no reason to doubt the rest.
func TestExportLeavesPendingOut(t *testing.T) {
	t.Parallel()
	app, _, signer := sequenced(t, 10)
	add(t, app, sampleEntry(11), sampleEntry(13))
	var b bytes.Buffer
	done, err := Export(context.Background(), app, &b, signer.Trust())
	if err != nil {
		t.Fatal(err)
	}
	if done.Leaves != 10 || done.Pending != 2 || done.Checkpoints != 1 || done.Newest.Size != 10 {
		t.Errorf("exported %+v", done)
	}
	r := verify(t, b.Bytes(), signer.Trust())
	expect(t, r, Good)
	if r.Pending != 2 {
		t.Errorf("%d pending, want 2", r.Pending)
	}
	if _, err := Export(context.Background(), app, failingWriter{}, signer.Trust()); err == nil {
		t.Error("an error of the output is swallowed")
	}
}

func TestExportOfNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	signer := newSigner(t)
	r := verify(t, export(t, db, signer), signer.Trust())
	expect(t, r, Incomplete)
}

// TestExportPages: a record longer than a page, with checkpoints at and beside
// the pages' edges.
func TestExportPages(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	signer := newSigner(t)
	sizes := []int{1, exportPage - 2, 1, 1, exportPage, exportPage - 1, 700}
	total := 0
	for _, n := range sizes {
		entries := make([]Entry, n)
		for i := range entries {
			entries[i] = Entry{Kind: "a.b", Actor: "system:test", Evidence: fmt.Appendf(nil, "doc %d", i), Payload: i}
		}
		add(t, db, entries...)
		if err := runOnce(db, signer); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`UPDATE lease_leases SET expires_at = clock_timestamp()`); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	b := export(t, db, signer)
	r := verify(t, b, signer.Trust())
	expect(t, r, Good)
	if r.Leaves != int64(total) || r.Checkpoints != int64(len(sizes)) || r.Evidence != int64(total) || r.Payloads != int64(total) {
		t.Errorf("%d leaves, %d checkpoints, %d documents, %d details; want %d, %d", r.Leaves, r.Checkpoints, r.Evidence, r.Payloads, total, len(sizes))
	}
	if kind := b[len(bundleMagic)]; kind != frameHeader {
		t.Errorf("it begins with a frame %q", kind)
	}
	if n := binary.BigEndian.Uint32(b[len(bundleMagic)+1:]); n == 0 || n > 200 {
		t.Errorf("the header has %d bytes", n)
	}
}
