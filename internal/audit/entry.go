package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Entry is what a change says about itself. Kind and Actor are required.
//
// Text may come from devices and people: bytes that are not UTF-8, and NUL, are
// replaced by U+FFFD rather than refused, because a leaf that cannot be written
// would take the refusal of a bad message down with it. Evidence keeps the
// original bytes.
type Entry struct {
	Kind     string // "pump.register": area, dot, verb
	Actor    string // who did it, auth.Actor.String()
	OnBehalf string // for whom, if not for themselves
	Device   string // the link whose document it is about
	Object   string // "order:12"
	Reason   string // why, in the actor's words

	// OldHash and NewHash are hashes of the thing's state before and after.
	OldHash, NewHash []byte

	// DeviceTime is the device's own clock.
	DeviceTime time.Time
	// DeviceSeq is the number of the device's document in the lane BootID. Set
	// it only in lanes of which every number gets a leaf: the verifier reports a
	// number that is missing, per Device and BootID. Several leaves may carry
	// the same number. 0 means none.
	DeviceSeq uint64
	// DeviceFrom, if not 0, says that the leaf stands for all numbers from
	// DeviceFrom to DeviceSeq: a digest, or a gap that the device declared.
	DeviceFrom uint64
	BootID     []byte

	// Evidence is the original signed document, kept verbatim and named in the
	// leaf by its SHA-256.
	Evidence []byte
	// Payload is detail that may have to be erased one day (anything about a
	// patient). It is stored as JSON beside the leaf, which holds only a salted
	// commitment to it. nil means none.
	Payload any

	Site int64 // registry id; 0 = concerns no site: only who sees all sites sees it
	Pump int64 // registry id; 0 = concerns no pump
}

// made is an entry turned into what is stored.
type made struct {
	l       leaf
	bytes   []byte
	salt    []byte // nil: no payload
	payload []byte
	body    []byte // evidence
}

func (e Entry) make(now time.Time) (made, error) {
	if e.Kind == "" || e.Actor == "" {
		return made{}, fmt.Errorf("audit entry %q by %q: kind and actor are required", e.Kind, e.Actor)
	}
	m := made{l: leaf{
		V: leafVersion, ID: make([]byte, 16),
		Kind: clean(e.Kind), Actor: clean(e.Actor), OnBehalf: clean(e.OnBehalf), Device: clean(e.Device),
		Pump: e.Pump, Site: e.Site, Object: clean(e.Object), OldHash: e.OldHash, NewHash: e.NewHash, Reason: clean(e.Reason),
		ServerTime: micros(now), DeviceTime: micros(e.DeviceTime), BootID: e.BootID, DeviceSeq: e.DeviceSeq, DeviceFrom: e.DeviceFrom,
	}}
	_, _ = rand.Read(m.l.ID) // never fails
	if e.Evidence != nil {
		sum := sha256.Sum256(e.Evidence)
		m.l.Evidence, m.body = sum[:], e.Evidence
	}
	if e.Payload != nil {
		var err error
		if m.payload, err = json.Marshal(e.Payload); err != nil {
			return made{}, fmt.Errorf("audit entry %s: payload: %w", e.Kind, err)
		}
		m.salt = make([]byte, 32)
		_, _ = rand.Read(m.salt)
		m.l.Commit = commitment(m.salt, m.payload)
	}
	var err error
	if m.bytes, err = m.l.encode(); err != nil {
		return made{}, fmt.Errorf("audit entry %s: %w", e.Kind, err)
	}
	return m, nil
}

// clean makes s storable: PostgreSQL text and CBOR text are UTF-8, and the
// former has no NUL.
func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
