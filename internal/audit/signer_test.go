package audit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// at returns the tree of n leaves and the proof that it continues the one of
// old.
func at(t *testing.T, all hashSlice, n, old int64) (tlog.Tree, tlog.TreeProof) {
	t.Helper()
	root, err := tlog.TreeHash(n, all)
	if err != nil {
		t.Fatal(err)
	}
	var proof tlog.TreeProof
	if old > 0 && old < n {
		if proof, err = tlog.ProveTree(n, old, all); err != nil {
			t.Fatal(err)
		}
	}
	return tlog.Tree{N: n, Hash: root}, proof
}

func sign(t *testing.T, s Signer, all hashSlice, n, old int64) (string, error) {
	t.Helper()
	next, proof := at(t, all, n, old)
	return s.Sign(context.Background(), next, proof)
}

func TestSignerSignsWhatContinues(t *testing.T) {
	_, all := grow(100)
	s := newSigner(t)
	last := int64(0)
	for _, n := range []int64{1, 2, 7, 8, 64, 100} {
		text, err := sign(t, s, all, n, last)
		if err != nil {
			t.Fatalf("size %d: %v", n, err)
		}
		c, err := s.Trust().Open(text)
		if err != nil || c.Size != n {
			t.Fatalf("size %d signed as %+v: %v", n, c, err)
		}
		// Asked again, as after a crash, it gives the same bytes.
		again, err := sign(t, s, all, n, n)
		if err != nil || again != text {
			t.Fatalf("size %d signed again: %v\n%s", n, err, again)
		}
		last = n
	}
}

func TestSignerRefuses(t *testing.T) {
	_, all := grow(100)
	tr, _ := grow(49)
	forked := append(hashSlice{}, all[:tlog.StoredHashCount(49)]...)
	for range 51 {
		forked = append(forked, tr.append(tlog.RecordHash([]byte("rewritten")))...)
	}
	s := newSigner(t)
	if _, err := sign(t, s, all, 50, 0); err != nil {
		t.Fatal(err)
	}
	before, err := s.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	good, proof := at(t, all, 60, 50)
	bad, badProof := at(t, forked, 60, 50)
	same, _ := at(t, forked, 50, 0)
	old, _ := at(t, all, 40, 0)
	empty := tlog.Tree{Hash: emptyRoot}
	mangled := append(tlog.TreeProof{}, proof...)
	mangled[0][3] ^= 4
	for _, tc := range []struct {
		name  string
		next  tlog.Tree
		proof tlog.TreeProof
	}{
		{"a smaller tree", old, nil},
		{"the empty tree", empty, nil},
		{"another tree of the same size", same, nil},
		{"a longer tree with another past", bad, badProof},
		{"a longer tree with the proof of another", bad, proof},
		{"a longer tree without a proof", good, nil},
		{"a longer tree with a damaged proof", good, mangled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if text, err := s.Sign(t.Context(), tc.next, tc.proof); !errors.Is(err, ErrInconsistent) {
				t.Errorf("error %v, signed %q", err, text)
			}
			if after, err := s.Last(t.Context()); err != nil || after != before {
				t.Errorf("it now remembers %+v: %v", after, err)
			}
		})
	}
	if _, err := s.Sign(t.Context(), good, proof); err != nil {
		t.Errorf("and then it refuses the good one: %v", err)
	}
}

func TestSignerFiles(t *testing.T) {
	_, all := grow(20)
	dir := t.TempDir()
	a, err := OpenSigner(dir, testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sign(t, a, all, 10, 0); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(filepath.Join(dir, keyFile)); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", fi.Mode(), err)
	}
	// A second process with the same folder knows what the first signed, and the
	// other way round.
	b, err := OpenSigner(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if b.Origin() != testOrigin || b.VerifierKey() != a.VerifierKey() {
		t.Errorf("reopened as %s, %s", b.Origin(), b.VerifierKey())
	}
	if _, err := sign(t, b, all, 15, 10); err != nil {
		t.Errorf("the second continues: %v", err)
	}
	if _, err := sign(t, a, all, 12, 10); !errors.Is(err, ErrInconsistent) {
		t.Errorf("the first signs less than the second: %v", err)
	}
	if _, err := sign(t, a, all, 20, 15); err != nil {
		t.Errorf("the first continues: %v", err)
	}
	if _, err := TrustKeys(a.VerifierKey()); err != nil {
		t.Errorf("its verifier key: %v", err)
	}
	if _, err := OpenSigner(dir, "another.test/log"); err == nil || !strings.Contains(err.Error(), testOrigin) {
		t.Errorf("opened under another name: %v", err)
	}
}

func TestSignerDamage(t *testing.T) {
	_, all := grow(20)
	for _, tc := range []struct {
		name   string
		damage func(dir string) error
	}{
		{"state lost", func(dir string) error { return os.Remove(filepath.Join(dir, stateFile)) }},
		{"state emptied", func(dir string) error { return os.WriteFile(filepath.Join(dir, stateFile), nil, 0o600) }},
		{"state of another key", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, stateFile), []byte(signTree(stranger(t), 5, tlog.RecordHash(nil))), 0o600)
		}},
		{"policy lost", func(dir string) error { return os.Remove(filepath.Join(dir, trustFile)) }},
		{"policy without the key", func(dir string) error { return os.WriteFile(filepath.Join(dir, trustFile), []byte(Policy()), 0o600) }},
		{"key damaged", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, keyFile), []byte("PRIVATE+KEY+x"), 0o600)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := OpenSigner(dir, testOrigin)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sign(t, s, all, 10, 0); err != nil {
				t.Fatal(err)
			}
			if err := tc.damage(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenSigner(dir, testOrigin); err == nil {
				t.Error("it opens all the same")
			}
		})
	}
	if _, err := OpenSigner(t.TempDir(), ""); err == nil {
		t.Error("a new key was made without a name")
	}
	if _, err := OpenSigner(t.TempDir(), "has space+plus"); err == nil {
		t.Error("a new key was made for a name that cannot be one")
	}
}

// TestSignerInterruptedCreation: without the key, which is written last, a
// folder counts as new.
func TestSignerInterruptedCreation(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenSigner(dir, testOrigin); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, keyFile)); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSigner(dir, testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	_, all := grow(3)
	if _, err := sign(t, s, all, 3, 0); err != nil {
		t.Error(err)
	}
}

// TestSignerCannotRemember: a signature that cannot be remembered is not given.
func TestSignerCannotRemember(t *testing.T) {
	_, all := grow(3)
	s := newSigner(t)
	// A folder in the place of the side file makes the write fail, for root too.
	if err := os.Mkdir(filepath.Join(s.dir, stateFile+".new"), 0o700); err != nil {
		t.Fatal(err)
	}
	if text, err := sign(t, s, all, 3, 0); err == nil || text != "" {
		t.Errorf("signed %q: %v", text, err)
	}
	if last, err := s.Last(t.Context()); err != nil || last.N != 0 {
		t.Errorf("it remembers %+v: %v", last, err)
	}
}
