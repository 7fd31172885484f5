package dose

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/fxamacker/cbor/v2"
)

// MaxDocument bounds a document of this package in bytes (ORDERS.md).
const MaxDocument = 8 << 10

var (
	encMode = must(encOptions().EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, MaxNestedLevels: 6, MaxArrayElements: 4096, MaxMapPairs: 64,
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
		panic("dose: " + err.Error())
	}
	return v
}

// EncodeCBOR returns the deterministic encoding of a document. It panics on a
// type that has none, which is a defect.
func EncodeCBOR(v any) []byte { return must(encMode.Marshal(v)) }

// DecodeCBOR reads a document of at most size bytes into v, a pointer. The bytes
// must be exactly those that EncodeCBOR would write: there is one encoding of
// every document, and whoever hashed it hashed these bytes. On an error v holds
// nothing of use.
func DecodeCBOR(b []byte, v any, size int) error {
	if len(b) == 0 || len(b) > size {
		return refusef(BadForm, "", "a document of %d bytes: want 1 to %d", len(b), size)
	}
	if err := decMode.Unmarshal(b, v); err != nil {
		return refusef(BadForm, "", "not a document: %v", err)
	}
	again, err := encMode.Marshal(v)
	if err != nil || !bytes.Equal(again, b) {
		return refusef(BadForm, "", "not in deterministic form")
	}
	return nil
}

// Sum returns SHA-256(domain, 0x00, big-endian length, document), which keeps
// bytes hashed for one purpose from standing for another.
func Sum(domain string, document []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte(domain))
	h.Write(binary.BigEndian.AppendUint64([]byte{0}, uint64(len(document))))
	h.Write(document)
	return [32]byte(h.Sum(nil))
}

// Encode returns the program's document.
func (p Program) Encode() []byte { return EncodeCBOR(p) }

// Hash names the program: SHA-256 of its document under "pump.program.v1".
func (p Program) Hash() [32]byte { return Sum("pump.program.v1", p.Encode()) }

// DecodeProgram reads a program and checks its form; whether a device can run
// it is for Validate to say.
func DecodeProgram(b []byte) (Program, error) {
	var p Program
	if err := DecodeCBOR(b, &p, MaxDocument); err != nil {
		return Program{}, err
	}
	if err := p.Form(); err != nil {
		return Program{}, err
	}
	return p, nil
}

// Encode returns the contents' document.
func (c Contents) Encode() []byte { return EncodeCBOR(c) }

// DecodeContents reads contents and checks them.
func DecodeContents(b []byte) (Contents, error) {
	var c Contents
	if err := DecodeCBOR(b, &c, MaxDocument); err != nil {
		return Contents{}, err
	}
	if err := c.Validate(); err != nil {
		return Contents{}, err
	}
	return c, nil
}

// Encode returns the limits' document.
func (l Limits) Encode() []byte { return EncodeCBOR(l) }

// DecodeLimits reads limits and checks them.
func DecodeLimits(b []byte) (Limits, error) {
	var l Limits
	if err := DecodeCBOR(b, &l, MaxDocument); err != nil {
		return Limits{}, err
	}
	if err := l.Validate(); err != nil {
		return Limits{}, err
	}
	return l, nil
}
