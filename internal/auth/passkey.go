package auth

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"cisterna/internal/errs"
	"cisterna/internal/webauthn"
)

// Party is the server as browsers and authenticators know it.
type Party struct {
	RPID   string // "cisterna.example.org"
	Origin string // "https://cisterna.example.org"
}

// CredentialKind says where a key lives.
type CredentialKind string

// The kinds. A software key is made by a page of a demo and kept in the browser;
// it protects nothing, and only a demo takes it.
const (
	Passkey  CredentialKind = "passkey"
	Software CredentialKind = "software"
)

// Credential is a key that somebody signs in and steps up with.
type Credential struct {
	ID           int64
	User         int64
	Credential   []byte // the authenticator's name for it
	Kind         CredentialKind
	Name         string // as its owner calls it
	Synced       bool   // may be copied to other devices; it signs no dose
	AAGUID       [16]byte
	CreatedAt    time.Time
	CreatedBy    string    // how it came: "code 7", "signed in", "demo"
	LastUsedAt   time.Time // zero: never
	RevokedAt    time.Time // zero: it counts
	RevokedBy    string
	RevokeReason string

	spki  []byte
	rpID  string
	count uint32
}

// Revoked reports whether the key counts no more.
func (c Credential) Revoked() bool { return !c.RevokedAt.IsZero() }

// Nonce names a challenge. It is used once.
type Nonce [32]byte

func newNonce() Nonce {
	var n Nonce
	_, _ = rand.Read(n[:]) // never fails
	return n
}

// How long challenges may be answered.
const (
	StepUpLife   = 2 * time.Minute
	ceremonyLife = 5 * time.Minute // to sign in or enrol, with a device to be found first
)

// Challenge is what an authenticator is asked to sign.
type Challenge struct {
	Nonce     Nonce
	Bytes     [32]byte
	ExpiresAt time.Time
}

// bound returns the challenge of a nonce for one purpose and what it is about.
// Every part carries its length, so that no two lists of parts look alike.
func bound(domain string, n Nonce, parts ...[]byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("cisterna-" + domain + "-v1\x00"))
	h.Write(n[:])
	var size [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(p)))
		h.Write(size[:])
		h.Write(p)
	}
	return [32]byte(h.Sum(nil))
}

// Signed is an authenticator's answer to a challenge.
type Signed struct {
	Nonce      Nonce
	Credential []byte
	UserHandle []byte // of a discoverable credential; empty where the page knew whom it asked
	webauthn.Assertion
}

// verify checks an answer with a stored key. It does not know whether the nonce
// is fresh.
func (c Credential) verify(p Party, challenge [32]byte, a Signed) (webauthn.Flags, error) {
	public, err := webauthn.ParsePublic(c.spki)
	if err != nil {
		return webauthn.Flags{}, err
	}
	return webauthn.Verify(webauthn.Key{Public: public, RPID: p.RPID, Origin: p.Origin}, challenge, a.Assertion)
}

// wentBack reports whether a sign count says that there are two of a key that
// should be one. Authenticators that do not count always say 0.
func (c Credential) wentBack(count uint32) bool {
	return (count != 0 || c.count != 0) && count <= c.count
}

func checkKeyName(name string) error {
	if err := checkName(name); err != nil {
		return errs.InvalidField("name", "A name for the key has 1 to 256 bytes of text and neither begins nor ends with a blank.")
	}
	return nil
}

// plainReason says what is wrong with a new key, for its owner.
func plainReason(err error) string {
	switch {
	case errors.Is(err, webauthn.ErrUnverified):
		return "it did not check who you are (PIN, fingerprint or face)"
	case errors.Is(err, webauthn.ErrRP), errors.Is(err, webauthn.ErrClient):
		return "it was made for another address or another request"
	case errors.Is(err, webauthn.ErrKey):
		return "it is not of the kind ES256"
	}
	return "its data is not as the standard says"
}

// Public returns the key, for those who list whose signatures count.
func (c Credential) Public() (*ecdsa.PublicKey, error) { return webauthn.ParsePublic(c.spki) }

// RPID returns the server that the key was made for.
func (c Credential) RPID() string { return c.rpID }
