package audit

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// seededEvery is how many leaves lie between its checkpoints.
const seededEvery = 500

// seeded is a record as Export would write it, taken apart so that tests can
// tamper with it. Leaves are shared between copies: change them by edit and with.
type seeded struct {
	leaves []*bundleLeaf
	points map[int64]string // checkpoints by size
	strays []bundleStray
	key    note.Signer // the log's own: what an attacker with the server has
	trust  Trust
	long   bool // derived from theSeeded
}

// theSeeded builds the long log once for all tests.
var theSeeded = sync.OnceValue(func() *seeded { return newSeeded(seededSize) })

// newSeeded returns a log of n leaves.
func newSeeded(n int) *seeded {
	skey, vkey, err := note.GenerateKey(rand.Reader, testOrigin)
	if err != nil {
		panic(err)
	}
	s := &seeded{points: map[int64]string{}}
	if s.key, err = note.NewSigner(skey); err != nil {
		panic(err)
	}
	if s.trust, err = TrustKeys(vkey); err != nil {
		panic(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range n {
		m, err := sampleEntry(i).make(at.Add(time.Duration(i) * time.Second))
		if err != nil {
			panic(err)
		}
		s.leaves = append(s.leaves, seededLeaf(int64(i), m))
	}
	s.sign(0, s.key)
	return s
}

// seededFrames holds the bundle's frame of each leaf as it was built.
var seededFrames = sync.OnceValue(func() [][]byte {
	frames := make([][]byte, seededSize)
	var buf bytes.Buffer
	b := newBundleWriter(&buf, bundleHeader{})
	if err := b.w.Flush(); err != nil {
		panic(err)
	}
	for i, l := range theSeeded().leaves {
		buf.Reset()
		b.leaf(l)
		if err := b.w.Flush(); err != nil {
			panic(err)
		}
		frames[i] = bytes.Clone(buf.Bytes())
	}
	return frames
})

// seededLeaf is what Export writes for a leaf.
func seededLeaf(index int64, m made) *bundleLeaf {
	h := leafHash(m.bytes)
	l := &bundleLeaf{
		Index: index, IdxHash: h[:], Row: index + 1, Leaf: m.bytes, RowHash: h[:], At: m.l.ServerTime,
		Kind: m.l.Kind, Actor: m.l.Actor, Pump: m.l.Pump, Site: m.l.Site, Salt: m.salt, Payload: m.payload, Evidence: m.body,
	}
	if m.salt != nil {
		l.State = payloadKept
	}
	return l
}

// sign replaces the checkpoints beyond size from by new ones, as whoever holds
// key can.
func (s *seeded) sign(from int64, key note.Signer) {
	var t tree
	for i := range s.leaves {
		t.append(leafHash(s.leaves[i].Leaf))
		if t.size > from && (t.size%seededEvery == 0 || t.size == int64(len(s.leaves))) {
			s.points[t.size] = signTree(key, t.size, t.root())
		}
	}
}

func signTree(key note.Signer, size int64, root tlog.Hash) string {
	text, err := note.Sign(&note.Note{Text: checkpointBody(testOrigin, tlog.Tree{N: size, Hash: root})}, key)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// tampered returns a copy to tamper with.
func tampered(*testing.T) *seeded {
	s := *theSeeded()
	s.long = true
	s.leaves = slices.Clone(s.leaves)
	points := map[int64]string{}
	for k, v := range s.points {
		points[k] = v
	}
	s.points = points
	return &s
}

// renumber gives the leaves contiguous places again, as an attacker would who
// covers the traces.
func (s *seeded) renumber() {
	for i, l := range s.leaves {
		if l.Index != int64(i) {
			s.edit(i).Index = int64(i)
		}
	}
}

// edit returns leaf i to be changed.
func (s *seeded) edit(i int) *bundleLeaf {
	l := *s.leaves[i]
	s.leaves[i] = &l
	return &l
}

// with replaces leaf i by one that says something else, with all the columns
// and hashes that the database holds about it.
func (s *seeded) with(i int, f func(*leaf)) {
	l, err := decodeLeaf(s.leaves[i].Leaf)
	if err != nil {
		panic(err)
	}
	f(l)
	b, err := l.encode()
	if err != nil {
		panic(err)
	}
	h := leafHash(b)
	n := s.edit(i)
	n.Leaf, n.RowHash, n.IdxHash = b, h[:], h[:]
	n.At, n.Kind, n.Actor, n.Pump, n.Site = l.ServerTime, l.Kind, l.Actor, l.Pump, l.Site
}

// bundle writes what Export would write of this state of the database.
func (s *seeded) bundle(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	b := newBundleWriter(&buf, bundleHeader{Origin: testOrigin, Keys: s.trust.Names()})
	sizes := make([]int64, 0, len(s.points))
	for size := range s.points {
		sizes = append(sizes, size)
	}
	slices.Sort(sizes)
	for i := range s.leaves {
		for len(sizes) > 0 && sizes[0] <= s.leaves[i].Index {
			b.checkpoint(s.points[sizes[0]])
			sizes = sizes[1:]
		}
		if l := s.leaves[i]; s.long && l.Index == int64(i) && i < seededSize && l == theSeeded().leaves[i] {
			b.end.Leaves++
			b.raw(seededFrames()[i])
		} else {
			b.leaf(l)
		}
	}
	for _, size := range sizes {
		b.checkpoint(s.points[size])
	}
	for i := range s.strays {
		b.stray(&s.strays[i])
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func flip(b []byte, bit int) []byte {
	b = bytes.Clone(b)
	b[bit/8] ^= 1 << (bit % 8)
	return b
}

// point returns the checkpoint that first covers leaf i.
func (s *seeded) point(i int) string { return s.points[(int64(i)/seededEvery+1)*seededEvery] }

func TestSeededLogIsGood(t *testing.T) {
	s := theSeeded()
	r := verify(t, s.bundle(t), s.trust, s.point(0), s.point(seededSize/2), s.point(seededSize-1))
	expect(t, r, Good)
	got := fmt.Sprint(r.Leaves, r.Covered, r.Checkpoints, r.Payloads, r.Evidence, r.Erased, r.Devices, r.Seen, r.Count, len(r.Warnings))
	want := fmt.Sprint(seededSize, seededSize, seededSize/seededEvery, (seededSize+2)/3, seededSize/5, 0, 1, 3, 0, 0)
	if got != want {
		t.Errorf("found %s, want %s", got, want)
	}
}

func BenchmarkVerify(b *testing.B) {
	s := theSeeded()
	bundle := s.bundle(b)
	for b.Loop() {
		if r := verify(b, bundle, s.trust); r.Verdict() != Good {
			b.Fatal(r.Verdict())
		}
	}
	b.ReportMetric(seededSize*float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
}
