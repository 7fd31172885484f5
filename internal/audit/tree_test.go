package audit

import (
	"encoding/hex"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// hashSlice is a tree's hashes in memory.
type hashSlice []tlog.Hash

func (s hashSlice) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(s)) {
			return nil, fmt.Errorf("hash %d of %d", x, len(s))
		}
		out[i] = s[x]
	}
	return out, nil
}

// grow returns a tree of n leaves, and all its hashes.
func grow(n int) (*tree, hashSlice) {
	t := &tree{}
	var s hashSlice
	for i := range n {
		s = append(s, t.append(tlog.RecordHash(fmt.Appendf(nil, "leaf %d", i)))...)
	}
	return t, s
}

func unhex(t *testing.T, s string) (h tlog.Hash) {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		t.Fatalf("hash %q", s)
	}
	copy(h[:], b)
	return h
}

// TestRFC6962Vectors are the known answers of the Certificate Transparency
// reference implementation (merkle tree tests).
func TestRFC6962Vectors(t *testing.T) {
	leaves := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	paths := []struct {
		leaf, size int64
		hashes     []string
	}{
		{0, 1, nil},
		{0, 8, []string{
			"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
			"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
			"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
		}},
		{5, 8, []string{
			"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
			"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
			"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		}},
		{2, 3, []string{"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}},
	}
	proofs := []struct {
		old, size int64
		hashes    []string
	}{
		{1, 1, nil},
		{1, 8, []string{
			"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
			"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
			"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
		}},
		{6, 8, []string{
			"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
			"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
			"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		}},
		{2, 5, []string{
			"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
			"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
		}},
	}
	var tr tree
	var stored hashSlice
	if got := tr.root(); got != unhex(t, roots[0]) {
		t.Errorf("root of the empty tree %x", got)
	}
	for i, l := range leaves {
		b, err := hex.DecodeString(l)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, tr.append(leafHash(b))...)
		if got := tr.root(); got != unhex(t, roots[i+1]) {
			t.Errorf("root of %d leaves %x, want %s", i+1, got, roots[i+1])
		}
	}
	same := func(what string, got []tlog.Hash, want []string) {
		t.Helper()
		if len(got) != len(want) {
			t.Errorf("%s has %d hashes, want %d", what, len(got), len(want))
			return
		}
		for i := range got {
			if got[i] != unhex(t, want[i]) {
				t.Errorf("%s: hash %d is %x, want %s", what, i, got[i], want[i])
			}
		}
	}
	for _, p := range paths {
		got, err := tlog.ProveRecord(p.size, p.leaf, stored)
		if err != nil {
			t.Fatal(err)
		}
		same(fmt.Sprintf("path of leaf %d in %d", p.leaf, p.size), got, p.hashes)
	}
	for _, p := range proofs {
		got, err := tlog.ProveTree(p.size, p.old, stored)
		if err != nil {
			t.Fatal(err)
		}
		same(fmt.Sprintf("proof from %d to %d", p.old, p.size), got, p.hashes)
	}
}

// TestTreeIsThatOfTlog: our tree stores the hashes that tlog would, in its
// order, and has its root; a tree read back is the same one.
func TestTreeIsThatOfTlog(t *testing.T) {
	var tr tree
	var stored hashSlice
	for n := range int64(1100) {
		h := tlog.RecordHash(fmt.Appendf(nil, "leaf %d", n))
		want, err := tlog.StoredHashesForRecordHash(n, h, stored)
		if err != nil {
			t.Fatal(err)
		}
		got := tr.append(h)
		if fmt.Sprint(got) != fmt.Sprint(want) || int64(len(stored)) != tlog.StoredHashIndex(0, n) {
			t.Fatalf("leaf %d stores %v, want %v", n, got, want)
		}
		stored = append(stored, got...)
		root, err := tlog.TreeHash(n+1, stored)
		if err != nil {
			t.Fatal(err)
		}
		back, err := loadTree(n+1, stored)
		if err != nil {
			t.Fatal(err)
		}
		if tr.root() != root || back.root() != root {
			t.Fatalf("root of %d leaves is %v, read back %v, want %v", n+1, tr.root(), back.root(), root)
		}
	}
}

// TestOverlayProvesGrowth: the edge before and the hashes added since are all
// that a consistency proof needs.
func TestOverlayProvesGrowth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "before")
		m := n + rapid.IntRange(1, 300).Draw(t, "added")
		before, _ := grow(n)
		_, all := grow(m)
		o := newOverlay(before, hashSlice(nil)) // asking below fails
		o.added = all[o.first:]
		after, err := loadTree(int64(m), o)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := tlog.ProveTree(int64(m), int64(n), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckTree(proof, int64(m), after.root(), int64(n), before.root()); err != nil {
			t.Fatal(err)
		}
	})
}

// mutate returns every kind of damage to a proof at random.
func mutate(t *rapid.T, proof []tlog.Hash) []tlog.Hash {
	p := append([]tlog.Hash{}, proof...)
	kinds := []string{"add"}
	if len(p) > 0 {
		kinds = append(kinds, "flip", "drop", "cut")
	}
	if len(p) > 1 {
		kinds = append(kinds, "swap")
	}
	kind := rapid.SampledFrom(kinds).Draw(t, "damage")
	i := rapid.IntRange(0, max(0, len(p)-1)).Draw(t, "at")
	switch kind {
	case "add":
		p = append(p, tlog.RecordHash([]byte("extra")))
	case "flip":
		bit := rapid.IntRange(0, 255).Draw(t, "bit")
		p[i][bit/8] ^= 1 << (bit % 8)
	case "drop":
		p = append(p[:i], p[i+1:]...)
	case "cut":
		p = p[:len(p)-1]
	case "swap":
		j := (i + 1) % len(p)
		p[i], p[j] = p[j], p[i]
	}
	return p
}

func TestInclusionProofs(t *testing.T) {
	_, stored := grow(1000)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(1, 1000).Draw(t, "size")
		n := rapid.Int64Range(0, size-1).Draw(t, "leaf")
		root, err := tlog.TreeHash(size, stored)
		if err != nil {
			t.Fatal(err)
		}
		h := stored[tlog.StoredHashIndex(0, n)]
		proof, err := tlog.ProveRecord(size, n, stored)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(proof, size, root, n, h); err != nil {
			t.Fatalf("leaf %d of %d: %v", n, size, err)
		}
		if tlog.CheckRecord(mutate(t, proof), size, root, n, h) == nil {
			t.Fatal("a damaged proof passes")
		}
		if tlog.CheckRecord(proof, size, root, n, tlog.RecordHash([]byte("another"))) == nil {
			t.Fatal("the proof passes for another leaf")
		}
		if other := (n + 1) % size; size > 1 && tlog.CheckRecord(proof, size, root, other, h) == nil {
			t.Fatal("the proof passes for another place")
		}
	})
}

func TestConsistencyProofs(t *testing.T) {
	_, stored := grow(1000)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(2, 1000).Draw(t, "size")
		old := rapid.Int64Range(1, size-1).Draw(t, "old")
		root, err := tlog.TreeHash(size, stored)
		if err != nil {
			t.Fatal(err)
		}
		oldRoot, err := tlog.TreeHash(old, stored)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := tlog.ProveTree(size, old, stored)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckTree(proof, size, root, old, oldRoot); err != nil {
			t.Fatalf("from %d to %d: %v", old, size, err)
		}
		if tlog.CheckTree(mutate(t, proof), size, root, old, oldRoot) == nil {
			t.Fatal("a damaged proof passes")
		}
		if tlog.CheckTree(proof, size, root, old, tlog.RecordHash(nil)) == nil || tlog.CheckTree(proof, size, tlog.RecordHash(nil), old, oldRoot) == nil {
			t.Fatal("the proof passes for another root")
		}
	})
}
