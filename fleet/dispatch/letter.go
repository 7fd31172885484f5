package dispatch

import (
	"crypto/sha256"
	"time"

	"cisterna/device/wire"
)

// Letter is a signed document on its way to a pump.
type Letter struct {
	ID        int64
	Pump      int64
	Kind      wire.Kind // DnOrder or DnStop
	Payload   []byte
	Doc       [32]byte // SHA-256 of Payload, by which the pump answers
	Leaves    []int64  // rows of the record that must be under a checkpoint before it leaves
	CreatedAt time.Time
	NotAfter  time.Time // it is not sent later: the pump would refuse it
	State     State
	Tries     int
	NextAt    time.Time
	LastSent  time.Time
	Link      string // that it was sent over last
}

// State is where a letter stands.
type State string

// The states. Sent is no more than that: only the pump's own signed answer says
// that it has it.
const (
	Waiting   State = "waiting"
	Sent      State = "sent"
	Answered  State = "answered"
	Expired   State = "expired"
	Cancelled State = "cancelled"
)

// NewLetter returns a letter that may leave until notAfter, once the leaves are in
// the record for good. A stop waits for none.
func NewLetter(pump int64, kind wire.Kind, payload []byte, now, notAfter time.Time, leaves ...int64) Letter {
	return Letter{Pump: pump, Kind: kind, Payload: payload, Doc: sha256.Sum256(payload), Leaves: leaves, CreatedAt: now, NotAfter: notAfter, State: Waiting, NextAt: now}
}

// Pauses between sendings double from the first to the longest; a pump that says
// hello is sent what waits at once (LINK.md, Records).
const (
	firstPause   = 2 * time.Second
	longestPause = 64 * time.Second
)

// pause returns how long to wait for an answer after so many sendings.
func pause(tries int) time.Duration {
	return min(firstPause<<min(max(tries-1, 0), 10), longestPause)
}
