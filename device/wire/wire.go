// Package wire is what pumps and server say to each other: topics, messages,
// signatures and their limits. It is pure; the MQTT packets around the messages
// are not its concern.
//
// # Format
//
// A message is deterministic CBOR (RFC 8949 §4.2.1): shortest forms, definite
// lengths, sorted map keys, no floats, no tags. Messages that pumps sign travel
// in an envelope, the array [payload, signature], and the signature covers
//
//	"cis1/" + kind + 0x00 + big-endian uint64(len(payload)) + payload
//
// so that bytes signed for one kind can never pass as another.
//
// # Records
//
// Telemetry and events (the main lane) and alarms (the alarm lane) are records.
// A record is known by (pump, journal epoch, sequence); sequences are contiguous
// within a lane. A batch names its first sequence and its records follow. A gap
// record stands for a range that the pump lost: it occupies the sequences from
// its own up to Through. The journal epoch rises only when a journal was lost,
// and a new epoch starts at sequence 1 with a gap record (LINK.md, Records).
//
// # Change
//
// Numbers and keys are never reused or reordered. Records from a pump may grow
// at their end: a reader ignores what follows the fields it knows. Unknown alarm
// codes keep the priority the pump declared. A pump and a server agree on a
// protocol version in hello (Min, Max).
package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// Version is the protocol version that this code speaks.
const Version = 1

// Limits on messages (DESIGN.md 4, LINK.md).
const (
	MaxPayload  = 64 << 10 // bytes of any MQTT packet's payload
	MaxBatch    = 500      // records in a batch
	MaxInFlight = 8        // telemetry messages a pump keeps unacknowledged
	MaxText     = 256      // bytes of any text
	MaxCode     = 32       // bytes of an alarm or event code
	MaxDetail   = 16       // entries of a detail map
)

// PumpID names a pump on the wire: the first 16 bytes of its key's hash.
type PumpID [16]byte

// String returns the id in hexadecimal.
func (id PumpID) String() string { return hex.EncodeToString(id[:]) }

// ParsePumpID reads what PumpID.String writes.
func ParsePumpID(s string) (PumpID, error) {
	var id PumpID
	if n, err := hex.Decode(id[:], []byte(s)); err != nil || n != len(id) || len(s) != 2*len(id) {
		return PumpID{}, fmt.Errorf("pump id %q: want %d hexadecimal digits", s, 2*len(id))
	}
	return id, nil
}

// ErrMalformed is wrapped by every error of a decoder in this package.
var ErrMalformed = errors.New("malformed message")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// Priority is an alarm's priority after IEC 60601-1-8.
type Priority uint8

// Priorities, least urgent first.
const (
	PriorityInfo   Priority = 1
	PriorityLow    Priority = 2
	PriorityMedium Priority = 3
	PriorityHigh   Priority = 4
)

// String returns "info", "low", "medium" or "high".
func (p Priority) String() string {
	switch p {
	case PriorityInfo:
		return "info"
	case PriorityLow:
		return "low"
	case PriorityMedium:
		return "medium"
	case PriorityHigh:
		return "high"
	}
	return fmt.Sprintf("priority(%d)", uint8(p))
}

// RunState is what a pump is doing.
type RunState uint8

// Run states. The last three are infusing as far as a state hash is concerned.
const (
	Infusing RunState = 1 // the program runs
	Minimum  RunState = 2 // minimum rate: the tubing is kept moving, there is no therapy
	Stopped  RunState = 3 // nothing moves
	Bolus    RunState = 4 // a bolus runs on top of or instead of the program
	Priming  RunState = 5 // a priming bolus runs
	Bridge   RunState = 6 // a bridge bolus runs
)

var runStates = [...]string{Infusing: "infusing", Minimum: "minimum", Stopped: "stopped", Bolus: "bolus", Priming: "priming", Bridge: "bridge"}

// String returns the state's name as the API spells it.
func (r RunState) String() string {
	if r >= Infusing && int(r) < len(runStates) {
		return runStates[r]
	}
	return fmt.Sprintf("run(%d)", uint8(r))
}

// ShardOf returns a link's shard, one lower-case hexadecimal digit, fixed for
// the life of the link: the first digit of the SHA-256 of its id.
func ShardOf(link string) byte {
	sum := sha256.Sum256([]byte(link))
	return "0123456789abcdef"[sum[0]>>4]
}
