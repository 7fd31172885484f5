package webauthn

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
)

// Soft is an authenticator in software: a demo's scripts and the tests sign with
// one. It does what a hardware one does, so that there is one way to verify, and
// it protects nothing: whoever reads the key is the person.
type Soft struct {
	ID     []byte
	Key    *ecdsa.PrivateKey
	RPID   string
	Origin string
	// Eligible and BackedUp are what it says of itself; Unverified and Absent
	// make it a bad one.
	Eligible, BackedUp, Unverified, Absent bool
	// Counts makes it count signatures, from SignCount on.
	Counts    bool
	SignCount uint32
}

// Sign answers a challenge. rand is the source of the signature's randomness.
func (s *Soft) Sign(rand io.Reader, challenge [32]byte) (Assertion, error) {
	if s.Counts {
		s.SignCount++
	}
	a := Assertion{AuthenticatorData: s.head(0), ClientDataJSON: append(clientPrefix("webauthn.get", challenge, s.Origin), '}')}
	var err error
	if a.Signature, err = ecdsa.SignASN1(rand, s.Key, digest(a)); err != nil {
		return Assertion{}, fmt.Errorf("sign a challenge: %w", err)
	}
	return a, nil
}

// Create presents the key as a new credential for the challenge.
func (s *Soft) Create(challenge [32]byte) (Creation, error) {
	cose, err := coseKey(&s.Key.PublicKey)
	if err != nil {
		return Creation{}, err
	}
	spki, err := x509.MarshalPKIXPublicKey(&s.Key.PublicKey)
	if err != nil {
		return Creation{}, fmt.Errorf("encode a public key: %w", err)
	}
	data := append(s.head(flagAttested), make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(s.ID)))
	data = append(append(data, s.ID...), cose...)
	return Creation{AuthenticatorData: data, ClientDataJSON: append(clientPrefix("webauthn.create", challenge, s.Origin), '}'), PublicKey: spki}, nil
}

func (s *Soft) head(more byte) []byte {
	rp := sha256.Sum256([]byte(s.RPID))
	bits := more | flagPresent | flagVerified
	if s.Absent {
		bits &^= flagPresent
	}
	if s.Unverified {
		bits &^= flagVerified
	}
	if s.Eligible {
		bits |= flagEligible
	}
	if s.BackedUp {
		bits |= flagBackedUp
	}
	return binary.BigEndian.AppendUint32(append(rp[:], bits), s.SignCount)
}
