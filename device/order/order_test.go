package order

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cisterna/device/dose"
	"cisterna/device/wire"
)

type keyring struct {
	root, adminA, adminB, pharm, maker ed25519.PrivateKey
}

func newKey() ed25519.PrivateKey { _, k, _ := ed25519.GenerateKey(rand.Reader); return k }

func newKeyring() keyring {
	return keyring{newKey(), newKey(), newKey(), newKey(), newKey()}
}

func text(keys ...ed25519.PrivateKey) (out []string) {
	for _, k := range keys {
		p, _ := wire.NewPublicKey(k.Public())
		out = append(out, p.String())
	}
	return out
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (k keyring) body() Root {
	return Root{
		V: 1, Version: 1, Issued: start.Unix(), Expires: start.AddDate(1, 0, 0).Unix(), Demo: true, Name: "Test",
		Root: Quorum{1, text(k.root)}, Keyset: Quorum{2, text(k.adminA, k.adminB)}, Library: Quorum{1, text(k.pharm)}, Profile: Quorum{1, text(k.maker)},
		CAs: []CA{{DER: []byte{1}}}, Record: []Log{},
	}
}

func signAs(t *testing.T, ty Type, body []byte, keys ...ed25519.PrivateKey) []byte {
	t.Helper()
	var signers []crypto.Signer
	for _, k := range keys {
		signers = append(signers, k)
	}
	b, err := Sign(rand.Reader, ty, body, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRootIsPinned(t *testing.T) {
	k := newKeyring()
	b := signAs(t, TypeRoot, k.body().Encode(), k.root)
	r, err := OpenRoot(b, sha256.Sum256(b))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(k.body(), r); d != "" {
		t.Error(d)
	}
	if !r.Valid(start.Add(time.Hour)) || r.Valid(start.AddDate(2, 0, 0)) {
		t.Error("validity")
	}
	if _, err := OpenRoot(b, [32]byte{}); !errors.Is(err, ErrRefused) {
		t.Errorf("another server's root: %v", err)
	}
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 0x40
		if _, err := OpenRoot(c, sha256.Sum256(b)); err == nil {
			t.Fatalf("byte %d changed and still accepted", i)
		}
	}
	unsigned := signAs(t, TypeRoot, k.body().Encode(), k.maker)
	if _, err := OpenRoot(unsigned, sha256.Sum256(unsigned)); !errors.Is(err, ErrRefused) {
		t.Errorf("root signed by another key: %v", err)
	}
}

func TestNextRoot(t *testing.T) {
	k, l := newKeyring(), newKeyring()
	r := k.body()
	next := func(change func(*Root), keys ...ed25519.PrivateKey) error {
		n := l.body()
		n.Version = 2
		change(&n)
		_, err := r.OpenNext(signAs(t, TypeRoot, n.Encode(), keys...))
		return err
	}
	if err := next(func(*Root) {}, l.root, k.root); err != nil {
		t.Errorf("good successor: %v", err)
	}
	if err := next(func(*Root) {}, l.root); !errors.Is(err, ErrRefused) {
		t.Errorf("without the old key: %v", err)
	}
	if err := next(func(*Root) {}, k.root); !errors.Is(err, ErrRefused) {
		t.Errorf("without the new key: %v", err)
	}
	for _, v := range []uint64{1, 3} {
		if err := next(func(n *Root) { n.Version = v }, l.root, k.root); !errors.Is(err, ErrRefused) {
			t.Errorf("version %d: %v", v, err)
		}
	}
	r.Demo = false
	if err := next(func(*Root) {}, l.root, k.root); !errors.Is(err, ErrRefused) {
		t.Errorf("demo after real: %v", err)
	}
}

func keysetBody() Keyset {
	return Keyset{V: 1, Version: 3, Issued: start.Unix(), Expires: start.AddDate(0, 0, 90).Unix(), Origin: "http://localhost:8600"}
}

func TestKeyset(t *testing.T) {
	k := newKeyring()
	r := k.body()
	good := keysetBody()
	good.Keys = []PersonKey{{Person: "anna", Key: text(k.pharm)[0], Roles: []Role{RolePrescriber}, NotAfter: 1, Software: true, Usage: UsageOther}}
	if got, err := r.OpenKeyset(signAs(t, TypeKeyset, good.Encode(), k.adminA, k.adminB)); err != nil || cmp.Diff(good, got) != "" {
		t.Fatalf("%v %s", err, cmp.Diff(good, got))
	}
	long := good
	long.Expires = start.AddDate(0, 0, 91).Unix()
	real := r
	real.Demo = false
	// respelt says the same as good with its first two entries, 1: 1 and 2: 3,
	// written otherwise.
	respelt := func(entries []byte) []byte {
		b := good.Encode()
		if !bytes.Equal(b[1:5], []byte{1, 1, 2, 3}) {
			t.Fatalf("a keyset begins with % x", b[:5])
		}
		return slices.Concat(b[:1], entries, b[5:])
	}
	tests := []struct {
		name string
		root Root
		b    []byte
	}{
		{"one administrator", r, signAs(t, TypeKeyset, good.Encode(), k.adminA)},
		{"one administrator twice", r, signAs(t, TypeKeyset, good.Encode(), k.adminA, k.adminA)},
		{"a stranger", r, signAs(t, TypeKeyset, good.Encode(), k.adminA, k.pharm)},
		{"signed as a library", r, signAs(t, TypeLibrary, good.Encode(), k.adminA, k.adminB)},
		{"91 days", r, signAs(t, TypeKeyset, long.Encode(), k.adminA, k.adminB)},
		{"software key under a real root", real, signAs(t, TypeKeyset, good.Encode(), k.adminA, k.adminB)},
		{"unknown field", r, signAs(t, TypeKeyset, encode(map[int]any{1: 1, 2: 3, 3: 0, 4: 1, 5: "", 6: []any{}, 9: 1}), k.adminA, k.adminB)},
		{"map not sorted", r, signAs(t, TypeKeyset, respelt([]byte{2, 3, 1, 1}), k.adminA, k.adminB)},
		{"number not in its shortest form", r, signAs(t, TypeKeyset, respelt([]byte{1, 0x18, 1, 2, 3}), k.adminA, k.adminB)},
		{"empty", r, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := tt.root.OpenKeyset(tt.b); !errors.Is(err, ErrRefused) || got.V != 0 {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestLibraryAndProfile(t *testing.T) {
	k := newKeyring()
	r := k.body()
	l := Library{V: 1, Version: 1, Name: "sample", Sample: true, Drugs: []Drug{{Code: dose.Morphine, Name: "Morphine", Class: "opioid", Unit: "mg", Decimals: 2, Withdrawal: dose.WithdrawalModerate}}}
	if got, err := r.OpenLibrary(signAs(t, TypeLibrary, l.Encode(), k.pharm)); err != nil || cmp.Diff(l, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(l, got))
	}
	twice := l
	twice.Drugs = append(twice.Drugs, l.Drugs[0])
	if _, err := r.OpenLibrary(signAs(t, TypeLibrary, twice.Encode(), k.pharm)); !errors.Is(err, ErrRefused) {
		t.Errorf("drug twice: %v", err)
	}
	body := []byte{0xa1, 0x01, 0x01}
	if got, err := r.OpenProfile(signAs(t, TypeProfile, body, k.maker)); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%x %v", got, err)
	}
	if _, err := r.OpenProfile(signAs(t, TypeProfile, body, k.pharm)); !errors.Is(err, ErrRefused) {
		t.Errorf("profile by a pharmacist: %v", err)
	}
}

func TestQuorumRefusals(t *testing.T) {
	k := text(newKey())[0]
	for name, q := range map[string]Quorum{"none": {0, []string{k}}, "too many": {2, []string{k}}, "twice": {1, []string{k, k}}, "no key": {1, []string{"x"}}} {
		if err := q.check(name); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzOpen: never a panic, never acceptance without the right signatures.
func FuzzOpen(f *testing.F) {
	k := newKeyring()
	r := k.body()
	signed, _ := Sign(rand.Reader, TypeKeyset, keysetBody().Encode(), k.adminA)
	f.Add(signed)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := r.OpenKeyset(b); err == nil {
			t.Fatal("accepted without two administrators")
		}
		_, _ = r.OpenLibrary(b)
		_, _ = openRoot(b)
	})
}
