package order

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"time"
)

// Root is the one document that a pump trusts first: it is pinned by its hash
// at enrolment (the claim slip carries it) and says who may sign the others.
type Root struct {
	V       uint   `cbor:"1,keyasint"` // 1
	Version uint64 `cbor:"2,keyasint"` // rises by one at each change
	Issued  int64  `cbor:"3,keyasint"` // Unix seconds
	Expires int64  `cbor:"4,keyasint"`
	Demo    bool   `cbor:"5,keyasint"` // software keys may count; a release build needs --demo to accept it
	Name    string `cbor:"6,keyasint"` // whose root: hospital or group
	Root    Quorum `cbor:"7,keyasint"` // may sign the next root
	Keyset  Quorum `cbor:"8,keyasint"` // clinician-administrators
	Library Quorum `cbor:"9,keyasint"` // pharmacist and second approver
	Profile Quorum `cbor:"10,keyasint"`
	CAs     []CA   `cbor:"11,keyasint"` // authorities of the link, servers' and communicators'
	Record  []Log  `cbor:"12,keyasint"` // keys of the record's checkpoints
}

// CA is a certificate authority of the link, DER.
type CA struct {
	_   struct{} `cbor:",toarray"`
	DER []byte
}

// Log is a verifier key of the record (golang.org/x/mod/sumdb/note text form).
type Log struct {
	_   struct{} `cbor:",toarray"`
	Key string
}

// Encode returns the body to sign.
func (r Root) Encode() []byte { return encode(r) }

func (r Root) check() error {
	if r.V != 1 {
		return refused("root of format %d, this program knows 1", r.V)
	}
	if r.Version == 0 || r.Expires <= r.Issued || len(r.Name) > 128 || len(r.CAs) == 0 || len(r.CAs) > 8 || len(r.Record) > 8 {
		return refused("root with version %d, life %d to %d, %d authorities", r.Version, r.Issued, r.Expires, len(r.CAs))
	}
	for _, q := range []struct {
		name string
		q    Quorum
	}{{"root", r.Root}, {"keyset", r.Keyset}, {"library", r.Library}, {"profile", r.Profile}} {
		if err := q.q.check(q.name); err != nil {
			return err
		}
	}
	return nil
}

// OpenRoot accepts a root by its hash: what a pump does at enrolment, with the
// hash from its claim slip, and a person does with the ceremony card. It must
// also be signed by its own root keys.
func OpenRoot(b []byte, want [32]byte) (Root, error) {
	got := sha256.Sum256(b)
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return Root{}, refused("the root has hash %s…, the slip names %s…: either the slip is for another server, or somebody stands between", hex.EncodeToString(got[:8]), hex.EncodeToString(want[:8]))
	}
	return openRoot(b)
}

func openRoot(b []byte) (Root, error) {
	d, err := Open(b)
	if err != nil {
		return Root{}, err
	}
	var r Root
	if err := decode(d.Body, &r); err != nil {
		return Root{}, err
	}
	if err := r.check(); err != nil {
		return Root{}, err
	}
	return r, d.verify(TypeRoot, r.Root)
}

// OpenNext accepts the successor of r: signed by the root keys of both, version
// exactly one higher, a demo root never after a real one (TUF specification
// §5.3; reference/signing.md 4.4).
func (r Root) OpenNext(b []byte) (Root, error) {
	next, err := openRoot(b)
	if err != nil {
		return Root{}, err
	}
	d, err := Open(b)
	if err != nil {
		return Root{}, err
	}
	if err := d.verify(TypeRoot, r.Root); err != nil {
		return Root{}, err
	}
	if next.Version != r.Version+1 {
		return Root{}, refused("root version %d after %d, want exactly one more", next.Version, r.Version)
	}
	if next.Demo && !r.Demo {
		return Root{}, refused("a demo root cannot follow a real one")
	}
	return next, nil
}

// Valid reports whether now lies in the root's life.
func (r Root) Valid(now time.Time) bool { return now.Unix() >= r.Issued && now.Unix() < r.Expires }
