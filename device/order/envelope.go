package order

import (
	"cisterna/internal/webauthn"
)

// Kinds of envelope: the first item of each says what follows.
const (
	kindOrder    uint64 = 1
	kindStop     uint64 = 2
	kindWithdraw uint64 = 3
	kindTransfer uint64 = 4
)

// Assertion is a WebAuthn assertion over a document's challenge.
type Assertion struct {
	_         struct{} `cbor:",toarray"`
	Data      Bytes    `json:"authenticator_data"`
	Client    Bytes    `json:"client_data_json"`
	Signature Bytes    `json:"signature"`
}

// AssertionOf wraps what an authenticator answered.
func AssertionOf(a webauthn.Assertion) Assertion {
	return Assertion{Data: a.AuthenticatorData, Client: a.ClientDataJSON, Signature: a.Signature}
}

func (a *Assertion) webauthn() webauthn.Assertion {
	return webauthn.Assertion{AuthenticatorData: a.Data, ClientDataJSON: a.Client, Signature: a.Signature}
}

// Approved is an approval statement with its signature.
type Approved struct {
	_         struct{}  `cbor:",toarray"`
	Statement Bytes     `json:"statement"`
	Assertion Assertion `json:"assertion"`
}

// Envelope is an order on its way: a prescription, who approved it, and the
// release that lets it go now. Its parts are bytes as they were signed.
type Envelope struct {
	_            struct{}   `cbor:",toarray"`
	Kind         uint64     `json:"kind"`
	Prescription Bytes      `json:"prescription"`
	Approvals    []Approved `json:"approvals"`
	Release      Bytes      `json:"release"`
	Assertion    Assertion  `json:"assertion"` // over the release
}

// NewEnvelope puts an order together.
func NewEnvelope(prescription []byte, approvals []Approved, release []byte, a Assertion) Envelope {
	return Envelope{Kind: kindOrder, Prescription: prescription, Approvals: approvals, Release: release, Assertion: a}
}

// single is a stop or a withdrawal on its way.
type single struct {
	_         struct{} `cbor:",toarray"`
	Kind      uint64
	Document  Bytes
	Assertion Assertion
}

// rooted is a transfer that the root orders because a site cannot.
type rooted struct {
	_            struct{} `cbor:",toarray"`
	Kind         uint64
	Prescription Bytes
	Sigs         []Signature
}

// Encode returns the envelope as it travels on dn/order.
func (e *Envelope) Encode() []byte { return encode(e) }

// EncodeStop returns a stop as it travels on dn/stop.
func EncodeStop(document []byte, a Assertion) []byte {
	return encode(single{Kind: kindStop, Document: document, Assertion: a})
}

// EncodeWithdraw returns a withdrawal as it travels on dn/order.
func EncodeWithdraw(document []byte, a Assertion) []byte {
	return encode(single{Kind: kindWithdraw, Document: document, Assertion: a})
}

// maxApprovals bounds the approvals of an order.
const maxApprovals = 5

// OpenEnvelope takes an order apart without believing anything in it.
func OpenEnvelope(b []byte) (Envelope, error) {
	var e Envelope
	if err := decodeForm(b, &e, MaxEnvelope, flat); err != nil {
		return Envelope{}, err
	}
	if n := len(e.Approvals); e.Kind != kindOrder || n < 1 || n > maxApprovals {
		return Envelope{}, refuse(ErrFormat, "an order of kind %d with %d approvals, want 1 to %d", e.Kind, n, maxApprovals)
	}
	return e, nil
}

// OpenStop takes a stop apart and returns its document and its signature without
// believing either.
func OpenStop(b []byte) ([]byte, Assertion, error) { return openSingle(b, kindStop) }

// OpenWithdraw takes a withdrawal apart and returns its document and its
// signature without believing either.
func OpenWithdraw(b []byte) ([]byte, Assertion, error) { return openSingle(b, kindWithdraw) }

func openSingle(b []byte, kind uint64) ([]byte, Assertion, error) {
	var s single
	if err := decodeForm(b, &s, MaxEnvelope, flat); err != nil {
		return nil, Assertion{}, err
	}
	if s.Kind != kind {
		return nil, Assertion{}, refuse(ErrFormat, "an envelope of kind %d, want %d", s.Kind, kind)
	}
	return s.Document, s.Assertion, nil
}

// kindOf returns what an envelope says it is, 0 if it says nothing: an array
// whose first item is one small number.
func kindOf(b []byte) uint64 {
	if len(b) < 2 || b[0]&0xe0 != 0x80 || b[1] > 0x17 {
		return 0
	}
	return uint64(b[1])
}
