package gateway

import "cisterna/internal/mqtt"

// flights are the messages of one session that were delivered and are not
// acknowledged: a ring in order of arrival. The session's mu guards it.
type flights struct {
	ring [maxInFlight]flight
	head uint64 // number of the oldest; messages of a session count from 0
	n    uint64
}

type flight struct {
	id    uint16 // packet id, 0 for QoS 0
	state flightState
}

type flightState uint8

const (
	waiting flightState = iota
	stored
	failed
)

// add puts a message behind the others and returns its number. There is room.
func (f *flights) add(id uint16) uint64 {
	seq := f.head + f.n
	f.ring[seq%maxInFlight] = flight{id: id}
	f.n++
	return seq
}

// done notes the fate of message seq and appends the PUBACKs that became due.
// It reports false if the message was done before.
func (f *flights) done(seq uint64, state flightState, out []byte) (acks []byte, popped int, ok bool) {
	if seq-f.head >= f.n || f.ring[seq%maxInFlight].state != waiting {
		return out, 0, false
	}
	f.ring[seq%maxInFlight].state = state
	// Nothing passes a message that failed: an acknowledgement behind it would
	// say that the pump's stream is complete up to there.
	for f.n > 0 {
		oldest := f.ring[f.head%maxInFlight]
		if oldest.state != stored {
			break
		}
		if oldest.id != 0 {
			out = mqtt.AppendPuback(out, oldest.id)
		}
		f.head++
		f.n--
		popped++
	}
	return out, popped, true
}
