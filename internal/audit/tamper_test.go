package audit

import (
	"bytes"
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// middle is a leaf in the middle of the seeded log that has everything: a
// payload, a signed document and a device number. Its neighbours have not.
const middle = seededSize / 2 / 30 * 30

// stranger returns a key that nobody trusts.
func stranger(t *testing.T) note.Signer {
	t.Helper()
	skey, _, err := note.GenerateKey(rand.Reader, testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestLocalTampering changes single leaves and what lies beside them, each in its
// own place of one log. The verifier names every one of them by its index.
func TestLocalTampering(t *testing.T) {
	tests := []struct {
		name   string
		tamper func(l *bundleLeaf)
		want   Verdict
		says   string
	}{
		{"flip a bit in a leaf", func(l *bundleLeaf) { l.Leaf = flip(l.Leaf, 8*40+3) }, Tampered, "not the one that was recorded"},
		{"flip a bit in a leaf's hash", func(l *bundleLeaf) { l.RowHash = flip(l.RowHash, 9) }, Tampered, "not the one that was recorded"},
		{"flip a bit in the index's hash", func(l *bundleLeaf) { l.IdxHash = flip(l.IdxHash, 9) }, Tampered, "not the one that was recorded"},
		{"flip a bit in a payload", func(l *bundleLeaf) { l.Payload = flip(l.Payload, 77) }, Tampered, "its detail is not"},
		{"flip a bit in a salt", func(l *bundleLeaf) { l.Salt = flip(l.Salt, 5) }, Tampered, "its detail is not"},
		{"flip a bit in a signed document", func(l *bundleLeaf) { l.Evidence = flip(l.Evidence, 12) }, Tampered, "its signed document is not"},
		{"remove a signed document", func(l *bundleLeaf) { l.Evidence = nil }, Incomplete, "signed document is gone"},
		{"remove a payload without erasing it", func(l *bundleLeaf) { l.State, l.Salt, l.Payload = payloadNone, nil, nil }, Incomplete, "gone, not erased"},
		{"change server_time only, in the column", func(l *bundleLeaf) { l.At++ }, Tampered, "column at"},
		{"change the kind column", func(l *bundleLeaf) { l.Kind = "pump.retire" }, Tampered, "column kind"},
		{"change the actor column", func(l *bundleLeaf) { l.Actor = "person:8 bob" }, Tampered, "column actor"},
		{"change the pump column", func(l *bundleLeaf) { l.Pump = 0 }, Tampered, "column pump"},
		{"change the site column", func(l *bundleLeaf) { l.Site = 99 }, Tampered, "column site"},
		{"delete a leaf and keep its place", func(l *bundleLeaf) { l.Leaf = nil }, Tampered, "its place in the tree is left"},
	}
	s := tampered(t)
	place := func(i int) int { return middle + 30*i } // all have everything, see middle
	for i, tc := range tests {
		tc.tamper(s.edit(place(i)))
	}
	bare := s.edit(middle + 1) // has neither
	bare.State, bare.Salt, bare.Payload, bare.Evidence = payloadKept, []byte("salt"), []byte("{}"), []byte("doc")
	r := verify(t, s.bundle(t), s.trust)
	expect(t, r, Tampered)
	for i, tc := range tests {
		t.Run(tc.name, func(t *testing.T) { expectFinding(t, r, tc.want, place(i), tc.says) })
	}
	t.Run("put a payload where none was", func(t *testing.T) {
		expectFinding(t, r, Tampered, middle+1, "a detail that was not recorded")
	})
	t.Run("put a signed document where none was", func(t *testing.T) {
		expectFinding(t, r, Tampered, middle+1, "a signed document that was not recorded")
	})
}

func expectFinding(t *testing.T, r *Report, want Verdict, index int, says string) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Verdict == want && f.Index == int64(index) && strings.Contains(f.What, says) {
			return
		}
	}
	t.Errorf("no finding %v at %d says %q: %+v", want, index, says, r.Findings)
}

// TestTampering changes the seeded log in every way that somebody with the
// database, and sometimes with the log's own key, could, and asks the verifier.
func TestTampering(t *testing.T) {
	const all = -2 // any first bad index will do
	tests := []struct {
		name   string
		tamper func(s *seeded) (seen []string)
		want   Verdict
		first  int // expected first bad index; -1 = none in particular
		says   string
	}{
		{"change a leaf and all hashes of it", func(s *seeded) []string {
			s.with(middle, func(l *leaf) { l.Reason = "because I say so" })
			return nil
		}, Tampered, middle / seededEvery * seededEvery, "is not the one that was signed"},
		{"change server_time only, in leaf, hashes and column", func(s *seeded) []string {
			s.with(middle, func(l *leaf) { l.ServerTime++ })
			return nil
		}, Tampered, middle / seededEvery * seededEvery, "is not the one that was signed"},
		{"delete the first leaf", func(s *seeded) []string {
			s.leaves = s.leaves[1:]
			return nil
		}, Tampered, 0, "leaves 0 to 0 are gone"},
		{"delete the first leaf and close the gap", func(s *seeded) []string {
			s.leaves = s.leaves[1:]
			s.renumber()
			return nil
		}, Tampered, 0, "is not the one that was signed"},
		{"delete a middle leaf", func(s *seeded) []string {
			s.leaves = slices.Delete(s.leaves, middle, middle+1)
			return nil
		}, Tampered, middle / seededEvery * seededEvery, "are gone"},
		{"delete a middle leaf and close the gap", func(s *seeded) []string {
			s.leaves = slices.Delete(s.leaves, middle, middle+1)
			s.renumber()
			return nil
		}, Tampered, middle / seededEvery * seededEvery, "is not the one that was signed"},
		{"delete the last leaf", func(s *seeded) []string {
			s.leaves = s.leaves[:seededSize-1]
			return nil
		}, Tampered, seededSize - 1, "leaves from"},
		{"swap neighbours", func(s *seeded) []string {
			s.leaves[middle], s.leaves[middle+1] = s.leaves[middle+1], s.leaves[middle]
			s.renumber()
			return nil
		}, Tampered, middle / seededEvery * seededEvery, "is not the one that was signed"},
		{"duplicate a leaf", func(s *seeded) []string {
			s.leaves = slices.Insert(s.leaves, middle+1, s.leaves[middle])
			s.renumber()
			return nil
		}, Tampered, middle / seededEvery * seededEvery, "was in the record before"},
		{"duplicate a leaf and sign all anew with the log's key", func(s *seeded) []string {
			s.leaves = slices.Insert(s.leaves, middle+1, s.leaves[middle])
			s.renumber()
			s.sign(middle, s.key)
			return nil
		}, Tampered, middle + 1, "was in the record before"},
		{"insert a back-dated leaf", func(s *seeded) []string {
			s.insertBackDated()
			return nil
		}, Tampered, middle / seededEvery * seededEvery, "is not the one that was signed"},
		{"insert a back-dated leaf and sign all anew with the log's key, one old checkpoint kept", func(s *seeded) []string {
			kept := s.point(middle)
			s.insertBackDated()
			s.sign(middle, s.key)
			return []string{kept}
		}, Tampered, -1, "there are two histories"},
		{"put a leaf beside the tree", func(s *seeded) []string {
			s.strays = append(s.strays, bundleStray{Row: 9, Leaf: s.leaves[9].Leaf})
			return nil
		}, Tampered, -1, "not in the tree"},
		{"truncate one leaf and its checkpoint", func(s *seeded) []string {
			s.truncate(seededSize - 1)
			return nil
		}, Incomplete, seededSize - seededEvery, "under no checkpoint"},
		{"truncate one leaf, the checkpoint kept", func(s *seeded) []string {
			kept := s.point(seededSize - 1)
			s.truncate(seededSize - 1)
			return []string{kept}
		}, Tampered, all, "an old copy was restored, or its end was cut off"},
		{"truncate half, its checkpoints left", func(s *seeded) []string {
			s.leaves = s.leaves[:seededSize/2]
			return nil
		}, Tampered, seededSize / 2, "leaves from"},
		{"truncate half, a checkpoint kept by a pump", func(s *seeded) []string {
			kept := s.point(seededSize - 1)
			s.truncate(seededSize / 2)
			return []string{kept}
		}, Tampered, -1, "an old copy was restored"},
		{"truncate all, its checkpoints left", func(s *seeded) []string {
			s.leaves = nil
			return nil
		}, Tampered, 0, "leaves from 0 on are gone"},
		{"truncate all, a checkpoint kept", func(s *seeded) []string {
			kept := s.point(0)
			s.truncate(0)
			return []string{kept}
		}, Tampered, -1, "an old copy was restored"},
		{"restore yesterday's copy and go on from there with the log's key", func(s *seeded) []string {
			kept := s.point(seededSize - 1)
			s.truncate(seededSize / 2)
			s.extend(seededSize / 4)
			s.sign(seededSize/2, s.key)
			return []string{kept}
		}, Tampered, -1, "an old copy was restored"},
		{"restore yesterday's copy and outgrow the kept checkpoint", func(s *seeded) []string {
			kept := s.point(seededSize/2 + seededEvery)
			s.truncate(seededSize / 2)
			s.extend(seededSize / 4)
			s.sign(seededSize/2, s.key)
			return []string{kept}
		}, Tampered, -1, "there are two histories"},
		{"drop a number of a device before it is recorded", func(s *seeded) []string {
			s.leaves = slices.Delete(s.leaves, middle, middle+1) // an even one: they have numbers
			s.renumber()
			clear(s.points)
			s.sign(0, s.key)
			return nil
		}, Incomplete, middle + 1, "number"},
		{"put a number of a device back", func(s *seeded) []string {
			s.with(middle, func(l *leaf) { l.DeviceSeq = 3 })
			s.sign(0, s.key)
			return nil
		}, Tampered, middle, "number 3 again"},
		{"sign with an unknown key", func(s *seeded) []string {
			s.sign(0, stranger(t))
			return nil
		}, Untrusted, -1, "signed by no trusted key"},
		{"one checkpoint signed by an unknown key", func(s *seeded) []string {
			c, _ := splitCheckpoint(s.point(middle))
			s.points[c.Size] = signTree(stranger(t), c.Size, c.Root)
			return nil
		}, Untrusted, -1, "signed by no trusted key"},
		{"change a checkpoint below its signature", func(s *seeded) []string {
			for size := range s.points {
				s.points[size] = strings.Replace(s.points[size], "\n", "\n1", 1)
			}
			return nil
		}, Tampered, 0, "invalid signature"},
		{"remove all checkpoints", func(s *seeded) []string {
			clear(s.points)
			return nil
		}, Incomplete, 0, "under no checkpoint"},
		{"a kept checkpoint of a stranger", func(s *seeded) []string {
			c, _ := splitCheckpoint(s.point(middle))
			return []string{signTree(stranger(t), c.Size, c.Root)}
		}, Untrusted, -1, "kept elsewhere"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := tampered(t)
			seen := tc.tamper(s)
			r := verify(t, s.bundle(t), s.trust, seen...)
			expect(t, r, tc.want)
			if r.ExitCode() != int(tc.want) {
				t.Errorf("exit code %d, want %d", r.ExitCode(), tc.want)
			}
			if tc.first != all && r.FirstBad != int64(tc.first) {
				t.Errorf("first bad index %d, want %d", r.FirstBad, tc.first)
			}
			said := false
			for _, f := range r.Findings {
				said = said || strings.Contains(f.What, tc.says)
			}
			if !said {
				t.Errorf("no finding says %q: %+v", tc.says, r.Findings)
			}
		})
	}
}

// insertBackDated puts a leaf that claims to be a day older before middle.
func (s *seeded) insertBackDated() {
	e := Entry{Kind: "order.approve", Actor: "person:1 mallory"}
	m, err := e.make(fromMicros(s.leaves[middle].At).Add(-24 * time.Hour))
	if err != nil {
		panic(err)
	}
	s.leaves = slices.Insert(s.leaves, middle, seededLeaf(0, m))
	s.renumber()
}

// truncate cuts off the leaves from n on and the checkpoints over them.
func (s *seeded) truncate(n int) {
	s.leaves = s.leaves[:n]
	for size := range s.points {
		if size > int64(n) {
			delete(s.points, size)
		}
	}
}

// extend adds n leaves of a second history.
func (s *seeded) extend(n int) {
	at := fromMicros(s.leaves[len(s.leaves)-1].At)
	for range n {
		m, err := Entry{Kind: "pump.retire", Actor: "person:1 mallory"}.make(at)
		if err != nil {
			panic(err)
		}
		s.leaves = append(s.leaves, seededLeaf(int64(len(s.leaves)), m))
	}
}

// TestForkHoldsAlone: with the log's own key, two tails can be signed that are
// each good. Only a checkpoint of the other one tells.
func TestForkHoldsAlone(t *testing.T) {
	t.Parallel()
	fork := tampered(t)
	fork.truncate(seededSize / 2)
	fork.extend(seededSize / 2)
	fork.sign(seededSize/2, fork.key)
	bundle := fork.bundle(t)
	expect(t, verify(t, bundle, fork.trust), Good)
	for _, kept := range []string{theSeeded().point(seededSize/2 + 1), theSeeded().point(seededSize - 1)} {
		expect(t, verify(t, bundle, fork.trust, kept), Tampered)
	}
	expect(t, verify(t, bundle, fork.trust, theSeeded().point(seededSize/2-1)), Good)
}

// TestBackDatedLeafIsNoticed: a leaf that was dated back before it was recorded
// is in order as far as the tree goes; the report points at it.
func TestBackDatedLeafIsNoticed(t *testing.T) {
	t.Parallel()
	s := tampered(t)
	s.insertBackDated()
	s.sign(0, s.key)
	r := verify(t, s.bundle(t), s.trust)
	expect(t, r, Good)
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "dated back") {
		t.Errorf("warnings %q, want one about the date", r.Warnings)
	}
}

// TestErasureInTheSeededLog: a destroyed payload is no damage, and the report
// counts it; it says so if the record does not tell who did it.
func TestErasureInTheSeededLog(t *testing.T) {
	t.Parallel()
	s := tampered(t)
	for _, i := range []int{0, middle} {
		l := s.edit(i)
		l.State, l.Salt, l.Payload = payloadErased, nil, nil
	}
	e := Entry{Kind: EraseKind, Actor: "person:3 otto", Object: "leaf:" + hexHash(s.leaves[0].Leaf)}
	m, err := e.make(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	s.leaves = append(s.leaves, seededLeaf(seededSize, m))
	s.sign(seededSize, s.key)
	r := verify(t, s.bundle(t), s.trust)
	expect(t, r, Good)
	if r.Erased != 2 {
		t.Errorf("%d erased, want 2", r.Erased)
	}
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "does not say by whom") {
		t.Errorf("warnings %q, want one", r.Warnings)
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "2 erased") {
		t.Errorf("the report does not show the erasure: %v\n%s", err, &text)
	}
}
