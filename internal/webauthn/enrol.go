package webauthn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
)

// New is a credential that an authenticator has just made.
type New struct {
	ID     []byte // 16 to 1023 bytes
	AAGUID [16]byte
	Public *ecdsa.PublicKey
	Flags  Flags
}

// Creation is what the page hands over of a new credential. Attestation is not
// asked for, so that nothing in it is signed: what proves that somebody holds the
// key is the first assertion.
type Creation struct {
	AuthenticatorData []byte // of getAuthenticatorData()
	ClientDataJSON    []byte
	PublicKey         []byte // SubjectPublicKeyInfo, of getPublicKey()
}

// Sizes of credential ids. The standard promises 100 bits of entropy; no
// authenticator gives fewer than 16 bytes.
const (
	minID = 16
	maxID = 1023
)

// ErrCredential says that a new credential is not one that this server takes.
var ErrCredential = errors.New("the new credential is not as it must be")

// VerifyNew checks a credential that was made for the challenge on a page of the
// origin, by a person whom the authenticator verified.
func VerifyNew(rpID, origin string, challenge [32]byte, c Creation) (New, error) {
	data := c.AuthenticatorData
	if len(data) < headSize+18 {
		return New{}, fmt.Errorf("%w: %d bytes", ErrData, len(data))
	}
	// Extensions may follow the key; unsigned as all of it is, they say nothing.
	f, err := checkHead(data, rpID, flagAttested|data[32]&flagExtension)
	if err != nil {
		return New{}, err
	}
	if err := checkClient(c.ClientDataJSON, "webauthn.create", challenge, origin); err != nil {
		return New{}, err
	}
	n := New{Flags: f}
	copy(n.AAGUID[:], data[headSize:])
	size := int(binary.BigEndian.Uint16(data[headSize+16:]))
	rest := data[headSize+18:]
	if size < minID || size > maxID || len(rest) < size {
		return New{}, fmt.Errorf("%w: an id of %d bytes", ErrCredential, size)
	}
	n.ID, rest = bytes.Clone(rest[:size]), rest[size:]
	if n.Public, err = ParsePublic(c.PublicKey); err != nil {
		return New{}, err
	}
	want, err := coseKey(n.Public)
	if err != nil {
		return New{}, err
	}
	after, ok := bytes.CutPrefix(rest, want)
	if !ok || len(after) > 0 != (data[32]&flagExtension != 0) {
		return New{}, fmt.Errorf("%w: its key is another one", ErrCredential)
	}
	return n, nil
}

// ParsePublic reads a SubjectPublicKeyInfo with a point on P-256, in the one form
// that Public writes.
func ParsePublic(spki []byte) (*ecdsa.PublicKey, error) {
	k, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	p, ok := k.(*ecdsa.PublicKey)
	if !ok {
		return nil, ErrKey
	}
	if err := checkPoint(p); err != nil {
		return nil, err
	}
	if again, err := x509.MarshalPKIXPublicKey(p); err != nil || !bytes.Equal(again, spki) {
		return nil, fmt.Errorf("%w: not in the shortest form", ErrKey)
	}
	return p, nil
}

// coseKey returns the key as CTAP2 requires it in authenticator data: an EC2 key
// for ES256 in canonical CBOR, which leaves one form.
func coseKey(p *ecdsa.PublicKey) ([]byte, error) {
	point, err := p.Bytes() // 04, X, Y
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	b := []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}
	b = append(b, point[1:33]...)
	b = append(b, 0x22, 0x58, 0x20)
	return append(b, point[33:]...), nil
}
