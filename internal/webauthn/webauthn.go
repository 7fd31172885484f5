// Package webauthn checks passkeys: the signatures that a person's authenticator
// makes over a challenge (W3C Web Authentication Level 3), with ES256 only.
//
// One verifier serves signing in, stepping up and the approval of orders, on the
// server and on the pump. It is small on purpose: it parses no CBOR and no JSON.
// What the authenticator signed is compared byte by byte with what it must have
// signed (the limited verification algorithm of section 5.8.1.2), and what could
// be written in two ways is refused.
//
// The package is pure: no I/O, no clock, no state. Whether a challenge is fresh,
// whether a key still counts and whether a sign count has gone back is for the
// caller, who keeps those.
package webauthn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// Key is a public key as it was enrolled, with what it is bound to.
type Key struct {
	Public *ecdsa.PublicKey // on P-256
	RPID   string           // "localhost", "cisterna.example.org"
	Origin string           // "https://cisterna.example.org", with the port if it is not the usual one
	// DeviceBound refuses a credential that may be copied to other devices:
	// synced passkeys sign in, but sign no dose.
	DeviceBound bool
}

// Assertion is what an authenticator answers to a challenge.
type Assertion struct {
	AuthenticatorData []byte
	ClientDataJSON    []byte
	Signature         []byte // ASN.1 DER
}

// Flags is what the authenticator says about itself and the person. Verify and
// VerifyNew return it only where the person was present and verified.
type Flags struct {
	BackupEligible bool // the credential may be copied: a synced passkey
	BackedUp       bool // it has been
	// SignCount rises with each signature of a credential on authenticators that
	// count; on others it stays 0. One that went back hints at a copy.
	SignCount uint32
}

// The bits of authenticator data (section 6.1).
const (
	flagPresent   = 1 << 0 // UP
	flagVerified  = 1 << 2 // UV
	flagEligible  = 1 << 3 // BE
	flagBackedUp  = 1 << 4 // BS
	flagAttested  = 1 << 6 // AT
	flagExtension = 1 << 7 // ED
	flagReserved  = 1<<1 | 1<<5
)

const (
	headSize      = 37   // RP id hash, flags, sign count
	maxClientData = 1024 // bytes
	maxSignature  = 72   // bytes of DER for two integers of 256 bits
)

// The reasons for a refusal, for errors.Is. They are for logs and tests: what a
// person is told does not help whoever guesses.
var (
	ErrKey        = errors.New("the key is no point on P-256")
	ErrData       = errors.New("the authenticator data has the wrong size")
	ErrRP         = errors.New("the assertion is for another server")
	ErrPresence   = errors.New("nobody touched the authenticator")
	ErrUnverified = errors.New("the authenticator did not verify the person")
	ErrFlags      = errors.New("the flags contradict each other")
	ErrSynced     = errors.New("the credential can be copied to other devices")
	ErrClient     = errors.New("the client data is for another challenge, purpose or page")
	ErrSignature  = errors.New("the signature is wrong")
)

// Verify checks that a was made for the challenge with the key, by a person whom
// the authenticator verified, on a page of the key's origin. The checks are those
// of an order's approval; the error wraps one of the package's errors.
func Verify(k Key, challenge [32]byte, a Assertion) (Flags, error) {
	if err := checkPoint(k.Public); err != nil {
		return Flags{}, err
	}
	if len(a.AuthenticatorData) != headSize {
		return Flags{}, fmt.Errorf("%w: %d bytes", ErrData, len(a.AuthenticatorData))
	}
	f, err := checkHead(a.AuthenticatorData, k.RPID, 0)
	if err != nil {
		return Flags{}, err
	}
	if k.DeviceBound && f.BackupEligible {
		return Flags{}, ErrSynced
	}
	if err := checkClient(a.ClientDataJSON, "webauthn.get", challenge, k.Origin); err != nil {
		return Flags{}, err
	}
	if len(a.Signature) > maxSignature || !ecdsa.VerifyASN1(k.Public, digest(a), a.Signature) {
		return Flags{}, ErrSignature
	}
	return f, nil
}

// checkHead reads the first 37 bytes of authenticator data. with is which of the
// bits AT and ED must be set; the other one may not.
func checkHead(data []byte, rpID string, with byte) (Flags, error) {
	rp := sha256.Sum256([]byte(rpID))
	if !bytes.Equal(data[:32], rp[:]) {
		return Flags{}, ErrRP
	}
	bits := data[32]
	switch {
	case bits&flagReserved != 0 || bits&(flagAttested|flagExtension) != with:
		return Flags{}, fmt.Errorf("%w: %08b", ErrFlags, bits)
	case bits&flagPresent == 0:
		return Flags{}, ErrPresence
	case bits&flagVerified == 0:
		return Flags{}, ErrUnverified
	case bits&flagBackedUp != 0 && bits&flagEligible == 0:
		return Flags{}, fmt.Errorf("%w: backed up, but not eligible", ErrFlags)
	}
	return Flags{
		BackupEligible: bits&flagEligible != 0, BackedUp: bits&flagBackedUp != 0, SignCount: binary.BigEndian.Uint32(data[33:headSize]),
	}, nil
}

// checkClient compares client data with the bytes that every browser must begin
// it with (section 5.8.1.1). What may follow is not looked at.
func checkClient(data []byte, purpose string, challenge [32]byte, origin string) error {
	if len(data) > maxClientData {
		return fmt.Errorf("%w: %d bytes", ErrClient, len(data))
	}
	rest, ok := bytes.CutPrefix(data, clientPrefix(purpose, challenge, origin))
	if !ok || len(rest) == 0 || rest[0] != '}' && rest[0] != ',' || rest[len(rest)-1] != '}' {
		return ErrClient
	}
	return nil
}

// clientPrefix is how client data begins.
func clientPrefix(purpose string, challenge [32]byte, origin string) []byte {
	b := []byte(`{"type":`)
	b = appendText(b, purpose)
	b = append(b, `,"challenge":`...)
	b = appendText(b, base64.RawURLEncoding.EncodeToString(challenge[:]))
	b = append(b, `,"origin":`...)
	b = appendText(b, origin)
	return append(b, `,"crossOrigin":false`...)
}

// appendText appends s as CCDToString writes it (section 5.8.1.2): only quotes,
// backslashes and control characters are escaped.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

// digest is what the authenticator signs.
func digest(a Assertion) []byte {
	client := sha256.Sum256(a.ClientDataJSON)
	h := sha256.New()
	h.Write(a.AuthenticatorData)
	h.Write(client[:])
	return h.Sum(nil)
}

func checkPoint(p *ecdsa.PublicKey) error {
	if p == nil || p.Curve != elliptic.P256() {
		return ErrKey
	}
	if _, err := p.ECDH(); err != nil { // not on the curve
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	return nil
}
