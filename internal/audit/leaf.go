package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
	"golang.org/x/mod/sumdb/tlog"
)

// leafVersion is the format that this program writes.
const leafVersion = 1

// maxLeaf bounds one leaf in bytes. What is longer belongs into the payload or
// the evidence.
const maxLeaf = 64 << 10

// leaf is one line of the record, in deterministic CBOR (RFC 8949 section
// 4.2.1): a map with these integer keys, empty ones left out.
//
// Rules for change: a key is never used again for something else; a new key is
// optional and raises V; the bytes of old leaves never change.
type leaf struct {
	V          uint64 `cbor:"1,keyasint"`
	ID         []byte `cbor:"2,keyasint"`           // 16 random bytes: no two leaves are equal
	Kind       string `cbor:"3,keyasint"`           // "pump.register"
	Actor      string `cbor:"4,keyasint"`           // "person:7 anna"
	OnBehalf   string `cbor:"5,keyasint,omitempty"` // for whom the actor acted
	Device     string `cbor:"6,keyasint,omitempty"` // the link whose document it was
	Pump       int64  `cbor:"7,keyasint,omitempty"` // registry id
	Site       int64  `cbor:"8,keyasint,omitempty"` // registry id
	Object     string `cbor:"9,keyasint,omitempty"` // "order:12"
	OldHash    []byte `cbor:"10,keyasint,omitempty"`
	NewHash    []byte `cbor:"11,keyasint,omitempty"`
	Reason     string `cbor:"12,keyasint,omitempty"`
	ServerTime int64  `cbor:"13,keyasint"`           // µs since 1970 UTC, the server's clock
	DeviceTime int64  `cbor:"14,keyasint,omitempty"` // µs since 1970 UTC, the device's clock
	BootID     []byte `cbor:"15,keyasint,omitempty"` // names the lane that DeviceSeq counts in
	DeviceSeq  uint64 `cbor:"16,keyasint,omitempty"`
	Evidence   []byte `cbor:"17,keyasint,omitempty"` // SHA-256 of the signed bytes
	Commit     []byte `cbor:"18,keyasint,omitempty"` // SHA-256(salt ‖ payload)
	DeviceFrom uint64 `cbor:"19,keyasint,omitempty"` // the leaf stands for DeviceFrom … DeviceSeq
}

var leafEnc = func() cbor.EncMode {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return enc
}()

func (l *leaf) encode() ([]byte, error) {
	b, err := leafEnc.Marshal(l)
	if err == nil && len(b) > maxLeaf {
		err = fmt.Errorf("%d bytes are more than a leaf may have (%d)", len(b), maxLeaf)
	}
	return b, err
}

// decodeLeaf reads a leaf strictly: it refuses unknown keys, another version,
// and any bytes that are not what encode would write. The result shares b's
// memory.
func decodeLeaf(b []byte) (*leaf, error) {
	if len(b) > maxLeaf {
		return nil, fmt.Errorf("%d bytes are more than a leaf may have (%d)", len(b), maxLeaf)
	}
	s := strict{b: b}
	l := s.leaf()
	if err := s.end(); err != nil {
		return nil, err
	}
	switch {
	case l.V != leafVersion:
		return nil, fmt.Errorf("leaf version %d is unknown", l.V)
	case len(l.ID) != 16 || l.Kind == "" || l.Actor == "":
		return nil, errors.New("id, kind or actor is missing")
	case l.Evidence != nil && len(l.Evidence) != sha256.Size, l.Commit != nil && len(l.Commit) != sha256.Size:
		return nil, errors.New("a hash has the wrong length")
	}
	return &l, nil
}

// leafHash is the hash of a leaf in the tree: SHA-256(0x00 ‖ leaf), RFC 6962
// section 2.1. audit_append computes the same in SQL.
func leafHash(b []byte) tlog.Hash { return tlog.RecordHash(b) }

// commitment binds a payload to its leaf without revealing it: once the salt is
// destroyed, not even a guess of the payload can be checked.
func commitment(salt, payload []byte) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write(payload)
	return h.Sum(nil)
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
