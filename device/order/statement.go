package order

import (
	"cisterna/device/units"
)

// Meaning is what a person says by an approval (21 CFR 11.50).
type Meaning uint16

// The meanings. Each needs the role of the same number in the key record.
const (
	MeansPrescribe  Meaning = 1
	MeansVerify     Meaning = 2
	MeansPharmacist Meaning = 3 // a pharmacist's verification
	MeansPolicy     Meaning = 4 // an act alone under standing policy
)

var meaningNames = [...]string{MeansPrescribe: "prescribe", MeansVerify: "verify", MeansPharmacist: "pharmacist", MeansPolicy: "policy"}

// String returns the meaning's name.
func (m Meaning) String() string { return nameOf(meaningNames[:], int(m), "meaning") }

// MarshalText writes the meaning's name.
func (m Meaning) MarshalText() ([]byte, error) { return marshalName(meaningNames[:], int(m)) }

// UnmarshalText reads what MarshalText writes.
func (m *Meaning) UnmarshalText(b []byte) error {
	i, err := unmarshalName(meaningNames[:], b)
	if err == nil {
		*m = Meaning(i)
	}
	return err
}

// Approval is one person's statement about one prescription.
type Approval struct {
	V            uint64  `cbor:"1,keyasint" json:"v"` // 1
	Prescription Digest  `cbor:"2,keyasint" json:"prescription"`
	Person       string  `cbor:"3,keyasint" json:"person"`
	Key          Digest  `cbor:"4,keyasint" json:"key"` // KeyID of the signing key
	Meaning      Meaning `cbor:"5,keyasint" json:"meaning"`
	SignedAt     int64   `cbor:"6,keyasint" json:"signed_at"` // Unix seconds by the signer's client
	Client       Digest  `cbor:"7,keyasint" json:"client"`    // build of the client that showed it
}

// Release says *now*: one person lets a prescription go.
type Release struct {
	V            uint64    `cbor:"1,keyasint" json:"v"` // 1
	Prescription Digest    `cbor:"2,keyasint" json:"prescription"`
	Counter      uint64    `cbor:"3,keyasint" json:"counter"`
	Window       ID        `cbor:"4,keyasint" json:"window"` // nonce that the pump announced
	Keyset       uint64    `cbor:"5,keyasint" json:"keyset"` // newest published version
	IssuedAt     int64     `cbor:"6,keyasint" json:"iat"`    // Unix seconds
	Expires      int64     `cbor:"7,keyasint" json:"exp"`
	Person       string    `cbor:"8,keyasint" json:"person"`
	Key          Digest    `cbor:"9,keyasint" json:"key"`
	Client       Digest    `cbor:"10,keyasint" json:"client"`
	Branch       BranchNo  `cbor:"11,keyasint,omitempty" json:"branch,omitempty"`   // of a visit
	Measured     *Measured `cbor:"12,keyasint,omitempty" json:"measured,omitempty"` // of a visit
}

// BranchNo names a branch of a visit.
type BranchNo uint16

// The branches.
const (
	BranchPlanned BranchNo = 1
	BranchSame    BranchNo = 2 // the dose stays as it is
)

// Measured are the volumes found at a visit.
type Measured struct {
	Aspirated units.Volume `cbor:"1,keyasint" json:"aspirated_nl"`
	Filled    units.Volume `cbor:"2,keyasint" json:"filled_nl"`
}

// Stop ends delivery. One person suffices.
type Stop struct {
	V        uint64 `cbor:"1,keyasint" json:"v"` // 1
	ID       ID     `cbor:"2,keyasint" json:"id"`
	Pump     Digest `cbor:"3,keyasint" json:"pump"`
	Epoch    uint64 `cbor:"4,keyasint" json:"epoch"`
	Counter  uint64 `cbor:"5,keyasint" json:"counter"` // of stops
	Window   ID     `cbor:"6,keyasint" json:"window"`
	IssuedAt int64  `cbor:"7,keyasint" json:"iat"`
	Expires  int64  `cbor:"8,keyasint" json:"exp"`
	Overdose bool   `cbor:"9,keyasint" json:"overdose"` // stop dead, whatever the drug
	Reason   string `cbor:"10,keyasint" json:"reason"`
	Person   string `cbor:"11,keyasint" json:"person"`
	Key      Digest `cbor:"12,keyasint" json:"key"`
	Client   Digest `cbor:"13,keyasint" json:"client"`
}

// Withdraw takes a prescription back. The pump remembers it.
type Withdraw struct {
	V            uint64 `cbor:"1,keyasint" json:"v"` // 1
	Pump         Digest `cbor:"2,keyasint" json:"pump"`
	Epoch        uint64 `cbor:"3,keyasint" json:"epoch"`
	Prescription Digest `cbor:"4,keyasint" json:"prescription"`
	IssuedAt     int64  `cbor:"5,keyasint" json:"iat"`
	Reason       string `cbor:"6,keyasint" json:"reason"`
	Person       string `cbor:"7,keyasint" json:"person"`
	Key          Digest `cbor:"8,keyasint" json:"key"`
	Client       Digest `cbor:"9,keyasint" json:"client"`
}

// Encode returns the statement's document.
func (a *Approval) Encode() []byte { return encode(a) }

// Encode returns the release's document.
func (r *Release) Encode() []byte { return encode(r) }

// Encode returns the stop's document.
func (s *Stop) Encode() []byte { return encode(s) }

// Encode returns the withdrawal's document.
func (w *Withdraw) Encode() []byte { return encode(w) }

// ApprovalChallenge is what an authenticator signs for an approval.
func ApprovalChallenge(document []byte) Digest { return sum(domainApproval, document) }

// ReleaseHash names a release and is what an authenticator signs for it.
func ReleaseHash(document []byte) Digest { return sum(domainRelease, document) }

// StopHash names a stop and is what an authenticator signs for it.
func StopHash(document []byte) Digest { return sum(domainStop, document) }

// WithdrawHash names a withdrawal and is what an authenticator signs for it.
func WithdrawHash(document []byte) Digest { return sum(domainWithdraw, document) }

// statement is a document that one person signs.
type statement interface {
	Approval | Release | Stop | Withdraw
}

// former is a pointer to a statement, which can check its form.
type former[T statement] interface {
	*T
	form() error
}

// decodeStatement reads a statement strictly and checks its form.
func decodeStatement[T statement, P former[T]](b []byte) (T, error) {
	var s, none T
	if err := decodeDocument(b, &s, MaxStatement, flat); err != nil {
		return none, err
	}
	if err := P(&s).form(); err != nil {
		return none, err
	}
	return s, nil
}

// DecodeApproval reads an approval strictly.
func DecodeApproval(b []byte) (Approval, error) { return decodeStatement[Approval](b) }

// DecodeRelease reads a release strictly.
func DecodeRelease(b []byte) (Release, error) { return decodeStatement[Release](b) }

// DecodeStop reads a stop strictly.
func DecodeStop(b []byte) (Stop, error) { return decodeStatement[Stop](b) }

// DecodeWithdraw reads a withdrawal strictly.
func DecodeWithdraw(b []byte) (Withdraw, error) { return decodeStatement[Withdraw](b) }
