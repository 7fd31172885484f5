// Package order holds the signed documents that tell a pump whom to trust and
// what to obey: root, keyset, library and profile so far. It is pure.
//
// # Format
//
// A signed document is deterministic CBOR: [body, [[key id, signature], …]],
// where the body is itself a byte string of deterministic CBOR with integer
// keys. A signature covers
//
//	"cis1.doc." + type + 0x00 + big-endian uint64(len(body)) + body
//
// so that a signature over one type of document never passes for another.
//
// # Invariants
//
// Verification hashes and checks the bytes as received; only then are they
// decoded, strictly: an unknown field, a second spelling of the same value or a
// byte too many refuses the document (ORDERS.md). Each key counts once towards
// a threshold. Numbers of keys are never reused.
package order

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"

	"cisterna/device/wire"
)

// Type says what a document is; it is part of what its signatures cover.
type Type string

// The types of documents.
const (
	TypeRoot    Type = "root"    // who may sign the others; authorities of the link
	TypeKeyset  Type = "keyset"  // whose approvals count, and how many
	TypeLibrary Type = "library" // drugs and their limits
	TypeProfile Type = "profile" // what the device is and can
)

// Sizes (ORDERS.md, Documents): everything but prescriptions is at most 4 KiB;
// libraries and profiles are documents of their own with a larger bound, since
// they travel by the enrolment listener as well.
const (
	MaxDocument   = 32 << 10
	maxSignatures = 8
)

// ErrRefused is wrapped by every refusal of a document.
var ErrRefused = errors.New("document refused")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// KeyID names a signing key: the SHA-256 hash of its text form.
type KeyID [32]byte

// String returns the first eight bytes in hexadecimal, enough to compare by eye.
func (id KeyID) String() string { return hex.EncodeToString(id[:8]) }

// IDOf returns the id of a key.
func IDOf(k wire.PublicKey) KeyID { return sha256.Sum256([]byte(k.String())) }

// Signed is a document whose signatures have not been checked.
type Signed struct {
	_    struct{} `cbor:",toarray"`
	Body []byte
	Sigs []Signature
}

// Signature is one signature over a document's body.
type Signature struct {
	_   struct{} `cbor:",toarray"`
	Key []byte   // KeyID
	Sig []byte
}

var (
	enc = must(encOptions().EncMode())
	// strict is how a pump reads what it may obey.
	strict = must(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, MaxNestedLevels: 6, MaxArrayElements: 512, MaxMapPairs: 64,
		UTF8: cbor.UTF8RejectInvalid,
	}.DecMode())
)

// encOptions are those of RFC 8949 §4.2.1. A nil list is an empty list, so that
// null has no place in a document.
func encOptions() cbor.EncOptions {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty
	return o
}

func must[T any](v T, err error) T {
	if err != nil {
		panic("order: " + err.Error())
	}
	return v
}

// encode returns v's deterministic form; a type that has none is a defect.
func encode(v any) []byte { return must(enc.Marshal(v)) }

// decode reads b into v and insists that b is v's one deterministic form.
func decode(b []byte, v any) error {
	if len(b) > MaxDocument {
		return refused("%d bytes, at most %d", len(b), MaxDocument)
	}
	if err := strict.Unmarshal(b, v); err != nil {
		return refused("%v", err)
	}
	if !bytes.Equal(encode(v), b) {
		return refused("not in the one deterministic form")
	}
	return nil
}

// signedBytes is what a signature over body as a document of type t covers.
func signedBytes(t Type, body []byte) []byte {
	b := append([]byte("cis1.doc."+string(t)), 0)
	b = binary.BigEndian.AppendUint64(b, uint64(len(body)))
	return append(b, body...)
}

// Sign returns the signed document: body with a signature of each signer.
func Sign(rand io.Reader, t Type, body []byte, signers ...crypto.Signer) ([]byte, error) {
	d := Signed{Body: body}
	for _, s := range signers {
		pub, err := wire.NewPublicKey(s.Public())
		if err != nil {
			return nil, fmt.Errorf("sign %s: %w", t, err)
		}
		sig, err := wire.SignBytes(rand, s, signedBytes(t, body))
		if err != nil {
			return nil, fmt.Errorf("sign %s: %w", t, err)
		}
		id := IDOf(pub)
		d.Sigs = append(d.Sigs, Signature{Key: id[:], Sig: sig})
	}
	return encode(d), nil
}

// Open takes a signed document apart without believing anything in it.
func Open(b []byte) (Signed, error) {
	var d Signed
	if err := decode(b, &d); err != nil {
		return Signed{}, err
	}
	if len(d.Sigs) > maxSignatures {
		return Signed{}, refused("%d signatures, at most %d", len(d.Sigs), maxSignatures)
	}
	return d, nil
}

// Hash returns the SHA-256 of a document as it travels, by which others name it.
func Hash(b []byte) [32]byte { return sha256.Sum256(b) }

// Quorum is a set of keys of which a number must sign.
type Quorum struct {
	Threshold uint     `cbor:"1,keyasint"`
	Keys      []string `cbor:"2,keyasint"` // text keys, wire.PublicKey
}

// check refuses a quorum that cannot be met, or that one key meets twice.
func (q Quorum) check(name string) error {
	if q.Threshold < 1 || int(q.Threshold) > len(q.Keys) {
		return refused("%s: threshold %d of %d keys", name, q.Threshold, len(q.Keys))
	}
	seen := map[wire.PublicKey]bool{}
	for _, text := range q.Keys {
		k, err := wire.ParsePublicKey(text)
		if err != nil {
			return refused("%s: %v", name, err)
		}
		if seen[k] {
			return refused("%s: key %s is listed twice", name, IDOf(k))
		}
		seen[k] = true
	}
	return nil
}

// verify checks that enough distinct keys of q signed the document as type t.
func (d Signed) verify(t Type, q Quorum) error {
	msg := signedBytes(t, d.Body)
	met := map[KeyID]bool{}
	for _, text := range q.Keys {
		k, err := wire.ParsePublicKey(text)
		if err != nil {
			return refused("%s: %v", t, err)
		}
		id := IDOf(k)
		for _, s := range d.Sigs {
			if bytes.Equal(s.Key, id[:]) && k.VerifyBytes(msg, s.Sig) {
				met[id] = true
			}
		}
	}
	if len(met) < int(q.Threshold) || q.Threshold < 1 {
		return refused("%s: %d valid signatures of distinct keys, %d needed", t, len(met), q.Threshold)
	}
	return nil
}
