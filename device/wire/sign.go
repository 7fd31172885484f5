package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Alg is a device key's signature algorithm, fixed by its key record.
type Alg uint8

// The algorithms a device key may have.
const (
	Ed25519 Alg = 1 // 32-byte keys, 64-byte signatures (RFC 8032)
	ES256   Alg = 2 // P-256 with SHA-256; 65-byte uncompressed points, ASN.1 signatures
)

// String returns the algorithm's name in text keys.
func (a Alg) String() string {
	switch a {
	case Ed25519:
		return "ed25519"
	case ES256:
		return "es256"
	}
	return fmt.Sprintf("alg(%d)", uint8(a))
}

// PublicKey is a pump's device key. Values come from [NewPublicKey] or
// [ParsePublicKey] and are valid from then on; they compare with ==.
type PublicKey struct {
	alg Alg
	raw string
}

// NewPublicKey checks and wraps a public key: ed25519.PublicKey or
// *ecdsa.PublicKey on P-256.
func NewPublicKey(pub crypto.PublicKey) (PublicKey, error) {
	switch k := pub.(type) {
	case ed25519.PublicKey:
		return RawPublicKey(Ed25519, k)
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return PublicKey{}, errors.New("device key: want curve P-256")
		}
		raw, err := k.Bytes()
		if err != nil {
			return PublicKey{}, fmt.Errorf("device key: %w", err)
		}
		return RawPublicKey(ES256, raw)
	}
	return PublicKey{}, fmt.Errorf("device key: %T is neither Ed25519 nor P-256", pub)
}

// RawPublicKey checks and wraps a key in the form that its algorithm names.
func RawPublicKey(alg Alg, raw []byte) (PublicKey, error) {
	switch alg {
	case Ed25519:
		if len(raw) != ed25519.PublicKeySize {
			return PublicKey{}, fmt.Errorf("device key: Ed25519 key of %d bytes, want %d", len(raw), ed25519.PublicKeySize)
		}
	case ES256:
		if _, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw); err != nil {
			return PublicKey{}, fmt.Errorf("device key: %w", err)
		}
	default:
		return PublicKey{}, fmt.Errorf("device key: unknown algorithm %d", alg)
	}
	return PublicKey{alg: alg, raw: string(raw)}, nil
}

// ParsePublicKey reads what PublicKey.String writes: "ed25519:<base64url>".
func ParsePublicKey(s string) (PublicKey, error) {
	name, text, _ := strings.Cut(s, ":")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return PublicKey{}, fmt.Errorf("device key: %w", err)
	}
	for _, a := range []Alg{Ed25519, ES256} {
		if a.String() == name {
			return RawPublicKey(a, raw)
		}
	}
	return PublicKey{}, fmt.Errorf("device key: unknown algorithm %q", clip(name))
}

// IsZero reports whether k is no key at all.
func (k PublicKey) IsZero() bool { return k.alg == 0 }

// Alg returns the key's algorithm.
func (k PublicKey) Alg() Alg { return k.alg }

// Raw returns the key's bytes in the form that its algorithm names.
func (k PublicKey) Raw() []byte { return []byte(k.raw) }

// String returns the key as text, or "" for the zero key.
func (k PublicKey) String() string {
	if k.IsZero() {
		return ""
	}
	return k.alg.String() + ":" + base64.RawURLEncoding.EncodeToString([]byte(k.raw))
}

// Hash returns SHA-256("cis1/pumpkey" 00 alg raw): the pump's identity in
// documents that are meant for it alone.
func (k PublicKey) Hash() [32]byte {
	return sha256.Sum256([]byte("cis1/pumpkey\x00" + string(rune(k.alg)) + k.raw))
}

// PumpID returns the first 16 bytes of Hash, the pump's name in records.
func (k PublicKey) PumpID() PumpID { return PumpID(first16(k.Hash())) }

func first16(h [32]byte) (out [16]byte) {
	copy(out[:], h[:])
	return out
}

// signedBytes is what a signature over a payload of kind k covers.
func signedBytes(k Kind, payload []byte) []byte {
	name := k.String()
	b := make([]byte, 0, 5+len(name)+1+8+len(payload))
	b = append(b, "cis1/"...)
	b = append(b, name...)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(len(payload)))
	return append(b, payload...)
}

// Verify reports whether sig is the key's signature over payload as kind k.
func (k PublicKey) Verify(kind Kind, payload, sig []byte) bool {
	return k.VerifyBytes(signedBytes(kind, payload), sig)
}

// VerifyBytes reports whether sig is the key's signature over exactly msg. The
// caller separates domains; messages of the link go through Verify.
func (k PublicKey) VerifyBytes(msg, sig []byte) bool {
	switch k.alg {
	case Ed25519:
		return len(sig) == ed25519.SignatureSize && ed25519.Verify(ed25519.PublicKey(k.raw), msg, sig)
	case ES256:
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), []byte(k.raw))
		if err != nil {
			return false
		}
		sum := sha256.Sum256(msg)
		return ecdsa.VerifyASN1(pub, sum[:], sig)
	}
	return false
}

// SignBytes signs exactly msg with an Ed25519 key or an ECDSA key on P-256,
// wherever it is kept.
func SignBytes(rand io.Reader, signer crypto.Signer, msg []byte) ([]byte, error) {
	opts := crypto.SignerOpts(crypto.Hash(0))
	if _, ok := signer.Public().(*ecdsa.PublicKey); ok {
		sum := sha256.Sum256(msg)
		msg, opts = sum[:], crypto.SHA256
	}
	return signer.Sign(rand, msg, opts)
}

// Seal signs payload as kind k and returns the envelope. signer is an
// ed25519.PrivateKey or an ECDSA key on P-256 wherever it is kept.
func Seal(rand io.Reader, signer crypto.Signer, k Kind, payload []byte) ([]byte, error) {
	sig, err := SignBytes(rand, signer, signedBytes(k, payload))
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", k, err)
	}
	out := make([]byte, 0, len(payload)+len(sig)+8)
	out = appendHead(out, majArray, 2)
	return appendBytes(appendBytes(out, payload), sig), nil
}

// Envelope is a signed message whose signature has not been checked. Its slices
// alias the message.
type Envelope struct{ Payload, Sig []byte }

// OpenEnvelope takes an envelope apart without believing anything in it.
func OpenEnvelope(b []byte) (Envelope, error) {
	r := reader{b: b}
	r.list(majArray, 2, 2)
	e := Envelope{Payload: r.bytes(MaxPayload), Sig: r.bytes(128)}
	if err := r.end(); err != nil {
		return Envelope{}, err
	}
	return e, nil
}

// ClaimedPump returns the pump that a signed message says it is from, so that
// its key can be found. It is a claim until the signature is checked.
func (e Envelope) ClaimedPump() (PumpID, error) {
	// Every signed message starts either with the batch array, whose first item
	// is the pump, or with a map whose first key, 1, is the pump.
	r := reader{b: e.Payload}
	if len(r.b) > 0 && r.b[0]&0xe0 == majMap {
		r.list(majMap, 1, 64)
		if r.uint() != 1 && r.err == nil {
			r.fail("signed message does not start with its pump")
		}
	} else {
		r.list(majArray, 4, 4)
	}
	var id PumpID
	b := r.bytes(len(id))
	if r.err == nil && len(b) != len(id) {
		r.fail("pump id of %d bytes", len(b))
	}
	if r.err != nil {
		return PumpID{}, r.err
	}
	copy(id[:], b)
	return id, nil
}
