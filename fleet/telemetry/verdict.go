package telemetry

import (
	"fmt"
	"time"

	"cisterna/device/wire"
)

// Refusal codes: why a message, or one record of it, was not accepted.
const (
	CodeMalformed = "E_MALFORMED" // not what the protocol says, or values out of any range
	CodeSignature = "E_SIGNATURE" // the signature is not the pump's
	CodePump      = "E_PUMP"      // no such pump
	CodePairing   = "E_PAIRING"   // the pump is not paired with this link
	CodeStatus    = "E_STATUS"    // the pump is not active
	CodeEpoch     = "E_EPOCH"     // the journal epoch jumped
	CodeTime      = "E_TIME"      // the pump's clock is impossible
	CodeKind      = "E_KIND"      // a kind of record or message that nobody knows here
	CodeSize      = "E_SIZE"      // too long
	CodeRate      = "E_RATE"      // too many: counted, not kept
	CodeVersion   = "E_VERSION"   // no protocol version in common
	CodeSeq       = "E_SEQ"       // records are left out before it: the pump is asked to go back
	CodeProtocol  = "E_PROTOCOL"  // a rule of MQTT, or of the link, was broken: the connection was cut
)

// maxEpochStep is how far a journal epoch may rise at once. A pump that lost its
// journal more often than that between two messages is broken or not itself.
const maxEpochStep = 16

// verdict is what becomes of a batch.
type verdict uint8

const (
	accept verdict = iota // what follows the cursor is stored
	behind                // all of it is committed already
	ahead                 // something is missing before it: the pump has to go back
	jumped                // E_EPOCH
)

// follow decides about a batch of the given epoch and sequences against the
// committed cursor. When it accepts, from is the first sequence to store: a
// batch that overlaps is taken from where the cursor ends.
func follow(cur wire.Position, epoch, first, last uint64, startsWithGap bool) (from uint64, v verdict) {
	switch {
	case epoch < cur.Epoch:
		return 0, behind
	case epoch == cur.Epoch:
		switch {
		case last <= cur.Seq:
			return 0, behind
		case first > cur.Seq+1:
			return 0, ahead
		}
		return cur.Seq + 1, accept
	case epoch > cur.Epoch+maxEpochStep:
		return 0, jumped
	case first != 1:
		return 0, ahead
	case !startsWithGap:
		return 0, jumped
	}
	return 1, accept
}

// How wrong a pump's clock may be.
const (
	maxAhead  = 24 * time.Hour
	maxBehind = 400 * 24 * time.Hour
)

// What no pump can report. The bounds keep every value, and the sums of
// rollups, within what the tables hold.
const (
	maxNL = 1_000_000_000_000 // nL: a cubic metre
	maxMV = 1_000_000
	maxMC = 1_000_000
	maxPa = 1_000_000_000
	maxN  = 1<<31 - 1
)

// checkRecord returns the code and reason for which a record of a signed batch is
// refused alone, or "".
func checkRecord(r *wire.Record, now time.Time) (code, reason string) {
	if code, reason := checkClock(r.Wall, now); code != "" {
		return code, reason
	}
	if r.Kind != wire.RecordSample {
		return "", ""
	}
	s := &r.Sample
	for _, v := range [...]struct {
		name        string
		v, min, max int64
	}{
		{"rate", s.RateNLDay, 0, maxNL},
		{"delivered volume", s.DeliveredNL, 0, maxNL},
		{"reservoir volume", s.ReservoirNL, -maxNL, maxNL},
		{"sensed volume", s.SensedNL, -1, maxNL},
		{"battery voltage", s.BatteryMV, 0, maxMV},
		{"temperature", s.TemperatureM, -maxMC, maxMC},
		{"pressure", s.PressurePa, -maxPa, maxPa},
		{"count of boluses given", s.PTMGiven, 0, maxN},
		{"count of boluses denied", s.PTMDenied, 0, maxN},
	} {
		if v.v < v.min || v.v > v.max {
			return CodeMalformed, fmt.Sprintf("The %s is %d, which no pump can report.", v.name, v.v)
		}
	}
	return "", ""
}

// checkClock judges a pump's clock against ours.
func checkClock(wall int64, now time.Time) (code, reason string) {
	ms := now.UnixMilli()
	switch {
	case wall > ms+maxAhead.Milliseconds():
		return CodeTime, "The pump's clock is more than a day ahead of the server's."
	case wall < ms-maxBehind.Milliseconds():
		return CodeTime, "The pump's clock is more than 400 days behind the server's."
	}
	return "", ""
}
