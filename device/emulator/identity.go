package emulator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"cisterna/device/emulator/journal"
	"cisterna/device/order"
	"cisterna/device/wire"
)

// Blueprint says which pump to make at enrolment.
type Blueprint struct {
	Serial string // printed on the pump
	Model  string
	Link   string   // serial of its communicator; "C-" and the pump's serial if empty
	Alg    wire.Alg // of the pump's key; Ed25519 if 0
	Seed   uint64   // of the key, the patient and the habits; 0 takes a key at random
	Zone   int32    // seconds east of UTC that the patient lives in
	Scale  uint32   // consumption of reservoir and battery; 0 and 1 are real

	// Patient is the token of the patient that the pump was bound to when it was
	// implanted, by people whom nobody asks for it any more. With a zero one the
	// first program is a local programmer's, and an order has to bind and adopt it.
	Patient order.ID
	Empty   bool // it is still in its box: never filled, never programmed
}

// identity is who a pump is: what its secure element holds, and what is printed
// on it.
type identity struct {
	Serial       string `cbor:"1,keyasint"`
	Model        string `cbor:"2,keyasint"`
	Link         string `cbor:"3,keyasint"`
	Key          []byte `cbor:"4,keyasint"` // PKCS#8
	Seed         uint64 `cbor:"5,keyasint"`
	Zone         int32  `cbor:"6,keyasint"`
	Scale        uint32 `cbor:"7,keyasint"`
	Firmware     string `cbor:"8,keyasint"`
	FirmwareComm string `cbor:"9,keyasint"`
	MQTT         string `cbor:"10,keyasint"` // host:port of the endpoint
	Enrol        string `cbor:"11,keyasint"` // host:port of the enrolment listener

	Site    order.ID `cbor:"12,keyasint"` // named at the first enrolment; a transfer changes the implant's, not this
	Patient order.ID `cbor:"13,keyasint"` // as in Blueprint, at implantation
	Empty   bool     `cbor:"14,keyasint"`
}

// credential is a communicator's certificate and its key.
type credential struct {
	Chain [][]byte `cbor:"1,keyasint"` // leaf first, DER
	Key   []byte   `cbor:"2,keyasint"` // PKCS#8
}

// Items of a pump in the vault. Numbers are never reused.
const (
	itemIdentity   = 1
	itemCredential = 2
	itemDocuments  = 3
	itemEpoch      = 4 // highest journal epoch that may have been sent, uvarint
	itemState      = 5 // copy of the pump's state, some minutes old
	itemPending    = 6 // the key of a certificate that was asked for, PKCS#8
	itemOrders     = 7 // what the pump remembers of orders: book
)

var (
	enc = must(cbor.CoreDetEncOptions().EncMode())
	// A field that is not known is refused: written back, it would be lost.
	dec = must(cbor.DecOptions{ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic("emulator: " + err.Error())
	}
	return v
}

func encode(v any) []byte { return must(enc.Marshal(v)) }

// load reads an item of the vault or the journal; false means there is none.
func load[T any](p *journal.Pump, key byte, into *T) (bool, error) {
	b, err := p.Item(key)
	if err != nil || b == nil {
		return false, err
	}
	if err := dec.Unmarshal(b, into); err != nil {
		return false, fmt.Errorf("item %d: %w", key, err)
	}
	return true, nil
}

// newKey makes a pump's key, from the seed and the serial if there is a seed.
func newKey(b Blueprint) (crypto.Signer, error) {
	if b.Seed == 0 {
		if b.Alg == wire.ES256 {
			return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}
		_, k, err := ed25519.GenerateKey(rand.Reader)
		return k, err
	}
	for n := byte(0); ; n++ {
		h := sha256.New()
		h.Write([]byte("cisterna emulator key\x00"))
		h.Write(binary.BigEndian.AppendUint64(nil, b.Seed))
		h.Write([]byte{byte(b.Alg), n})
		h.Write([]byte(b.Serial))
		seed := h.Sum(nil)
		if b.Alg != wire.ES256 {
			return ed25519.NewKeyFromSeed(seed), nil
		}
		// One hash in 2³² is no scalar of the curve.
		if k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed); err == nil {
			return k, nil
		}
	}
}

func parseKey(der []byte) (crypto.Signer, error) {
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	s, ok := k.(crypto.Signer)
	if !ok {
		return nil, errors.New("key: cannot sign")
	}
	return s, nil
}

// newLinkKey makes a communicator's key: P-256, which every secure element has.
func newLinkKey() (*ecdsa.PrivateKey, []byte, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("communicator key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, nil, fmt.Errorf("communicator key: %w", err)
	}
	return k, der, nil
}

// parse returns the leaf and the key, and checks that they belong together.
func (c *credential) parse() (*x509.Certificate, crypto.Signer, error) {
	if len(c.Chain) == 0 {
		return nil, nil, errors.New("certificate: there is none")
	}
	leaf, err := x509.ParseCertificate(c.Chain[0])
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	key, err := parseKey(c.Key)
	if err != nil {
		return nil, nil, err
	}
	pub, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || !pub.Equal(key.Public()) {
		return nil, nil, errors.New("certificate: is for another key")
	}
	return leaf, key, nil
}

// life returns when the certificate is due for renewal, with a third of its life
// left, and when it ends.
func life(leaf *x509.Certificate) (due, end time.Time) {
	return leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 3), leaf.NotAfter
}

func marshalKey(k crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return der, nil
}
