package order

import (
	"encoding/hex"
	"fmt"

	"cisterna/device/dose"
)

// Digest is a SHA-256 hash: of a document, a state, or a pump's key. In JSON and
// text it is lower-case hexadecimal.
type Digest [32]byte

// ID is a random or assigned identifier of 16 bytes: of a prescription, a site,
// a patient, a window. The zero ID names nothing.
type ID [16]byte

// String returns the hash in hexadecimal.
func (h Digest) String() string { return hex.EncodeToString(h[:]) }

// Short returns the first four bytes, enough to tell documents apart on a screen.
func (h Digest) Short() string { return hex.EncodeToString(h[:4]) }

// IsZero reports whether the hash names nothing.
func (h Digest) IsZero() bool { return h == Digest{} }

// MarshalText writes the hash in hexadecimal.
func (h Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (h *Digest) UnmarshalText(b []byte) error { return unhex(h[:], b) }

// String returns the id in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether the id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText writes the id in hexadecimal.
func (id ID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (id *ID) UnmarshalText(b []byte) error { return unhex(id[:], b) }

func unhex(out, text []byte) error {
	if len(text) != hex.EncodedLen(len(out)) {
		return fmt.Errorf("%d hexadecimal digits, want %d", len(text), hex.EncodedLen(len(out)))
	}
	_, err := hex.Decode(out, text)
	return err
}

// Bytes are raw bytes that JSON and text write in hexadecimal.
type Bytes []byte

// MarshalText writes the bytes in hexadecimal.
func (b Bytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

// UnmarshalText reads what MarshalText writes.
func (b *Bytes) UnmarshalText(text []byte) error {
	out, err := hex.DecodeString(string(text))
	*b = out
	return err
}

// Domains of hashes. A change of what a document means needs a new domain.
const (
	domainState        = "pump.state.v1"
	domainPrescription = "pump.prescription.v1"
	domainApproval     = "pump.approval.v1"
	domainRelease      = "pump.release.v1"
	domainStop         = "pump.stop.v1"
	domainWithdraw     = "pump.withdraw.v1"
)

// sum returns SHA-256(domain, 0x00, big-endian uint64 length, document).
func sum(domain string, document []byte) Digest { return dose.Sum(domain, document) }
