package order

import (
	"slices"

	"cisterna/device/dose"
)

// Memory is what a pump keeps about orders over reboots. It is a plain value;
// the functions that change it return a new one, and the pump writes it in the
// same journal record as what the order changed: so nothing is applied twice or
// forgotten, wherever the power goes.
type Memory struct {
	Counter   uint64      `cbor:"1,keyasint" json:"counter"`              // of the last release that was burned
	Stops     uint64      `cbor:"2,keyasint" json:"stops"`                // of the last stop that was burned
	Answers   []Answered  `cbor:"3,keyasint" json:"answers"`              // oldest first
	Withdrawn []Withdrawn `cbor:"4,keyasint" json:"withdrawn"`            //
	Boluses   []Given     `cbor:"5,keyasint" json:"boluses"`              // given in windows that still count
	Ordered   []Ordered   `cbor:"6,keyasint" json:"ordered"`              // in this epoch
	StopTimes []int64     `cbor:"7,keyasint" json:"stop_times_ms"`        // running time of the last stops carried out
	Own       *OwnStop    `cbor:"8,keyasint,omitempty" json:"own_stop"`   // the last stop, until something else is programmed
	Applied   []Digest    `cbor:"9,keyasint" json:"applied"`              // prescriptions, oldest first
	KeysetAt  int64       `cbor:"10,keyasint,omitempty" json:"keyset_ms"` // running time at which the keyset in force was taken
}

// Answered is a release, stop, or withdrawal and the answer that it always gets.
type Answered struct {
	_    struct{} `cbor:",toarray"`
	Hash Digest   `json:"hash"`
	Code Code     `json:"code"`
}

// Withdrawn is a prescription that was taken back while the pump was at Gen. Once
// Gen has risen the prescription is dead by its state hash.
type Withdrawn struct {
	_            struct{} `cbor:",toarray"`
	Prescription Digest   `json:"prescription"`
	Gen          uint64   `json:"gen"`
}

// Given is a bolus and the window that it named.
type Given struct {
	_            struct{} `cbor:",toarray"`
	Prescription Digest   `json:"prescription"`
	Window       ID       `json:"window"`
}

// Ordered is an ingredient by a route that an order of this epoch held.
type Ordered struct {
	_     struct{}   `cbor:",toarray"`
	Code  dose.Code  `json:"code"`
	Route dose.Route `json:"route"`
}

// OwnStop is who stopped the pump, when, and into which state.
type OwnStop struct {
	Person string `cbor:"1,keyasint" json:"person"`
	Run    int64  `cbor:"2,keyasint" json:"run_ms"`
	Gen    uint64 `cbor:"3,keyasint" json:"gen"`
}

// Bounds of a memory.
const (
	maxAnswers   = 64
	maxWithdrawn = 64
	maxBoluses   = 64
	maxApplied   = 64
	maxOrdered   = 64
)

// Stops that a pump carries out in a span of running time.
const (
	maxStops = 3
	stopSpan = 10 * 60 * 1000 // ms
)

// UndoOwnStop is how long one person may undo their own stop, in milliseconds of
// running time.
const UndoOwnStop = 60 * 60 * 1000

// MaxMemory bounds an encoded memory in bytes.
const MaxMemory = 16 << 10

// Encode returns the memory as deterministic CBOR.
func (m *Memory) Encode() []byte { return encode(m) }

// DecodeMemory reads what Encode wrote, strictly.
func DecodeMemory(b []byte) (Memory, error) {
	var m Memory
	if err := decodeForm(b, &m, MaxMemory, strict); err != nil {
		return Memory{}, err
	}
	if len(m.Answers) > maxAnswers || len(m.Withdrawn) > maxWithdrawn || len(m.Boluses) > maxBoluses || len(m.Applied) > maxApplied ||
		len(m.Ordered) > maxOrdered || len(m.StopTimes) > maxStops || m.Counter > MaxCounter || m.Stops > MaxCounter {
		return Memory{}, refuse(ErrFormat, "a memory with more in it than it can hold")
	}
	return m, nil
}

// Answer returns the memory with another answer to a document: for a pump whose
// body refuses what the documents allow.
func (m Memory) Answer(h Digest, c Code) Memory {
	kept := slices.DeleteFunc(slices.Clone(m.Answers), func(a Answered) bool { return a.Hash == h })
	m.Answers = push(kept, Answered{Hash: h, Code: c}, maxAnswers)
	return m
}

// NewEpoch returns the memory after the epoch has risen: counters and answers
// stay, and what belongs to an epoch goes.
func (m Memory) NewEpoch() Memory {
	m.Withdrawn, m.Boluses, m.Ordered, m.Own = nil, nil, nil, nil
	return m
}

// answered returns the answer that a document got.
func (m *Memory) answered(h Digest) (Code, bool) {
	for _, a := range m.Answers {
		if a.Hash == h {
			return a.Code, true
		}
	}
	return "", false
}

// withdrawn reports whether a prescription was taken back.
func (m *Memory) withdrawn(p Digest) bool {
	return slices.ContainsFunc(m.Withdrawn, func(w Withdrawn) bool { return w.Prescription == p })
}

// withdraw remembers a prescription that was taken back, and forgets those that
// are dead besides. It reports false if there is no room.
func (m Memory) withdraw(p Digest, gen uint64) (Memory, bool) {
	m.Withdrawn = slices.DeleteFunc(slices.Clone(m.Withdrawn), func(w Withdrawn) bool { return w.Gen < gen })
	if m.withdrawn(p) {
		return m, true
	}
	if len(m.Withdrawn) >= maxWithdrawn {
		return m, false
	}
	m.Withdrawn = append(m.Withdrawn, Withdrawn{Prescription: p, Gen: gen})
	return m, true
}

// given reports whether a bolus was given.
func (m *Memory) given(p Digest) bool {
	return slices.ContainsFunc(m.Boluses, func(g Given) bool { return g.Prescription == p })
}

// give remembers a bolus, and forgets those whose windows are over. It reports
// false if there is no room.
func (m Memory) give(p Digest, window ID, w Windows, mono int64) (Memory, bool) {
	m.Boluses = slices.DeleteFunc(slices.Clone(m.Boluses), func(g Given) bool { return !w.accepts(g.Window, releaseWindows, mono) })
	if len(m.Boluses) >= maxBoluses {
		return m, false
	}
	m.Boluses = append(m.Boluses, Given{Prescription: p, Window: window})
	return m, true
}

// ordered reports whether an order of this epoch held an ingredient by a route.
func (m *Memory) ordered(c dose.Code, r dose.Route) bool {
	return slices.ContainsFunc(m.Ordered, func(o Ordered) bool { return o.Code == c && o.Route == r })
}

// order remembers the ingredients of contents. What finds no room will be a first
// order again, and then needs more people, not fewer.
func (m Memory) order(c dose.Contents) Memory {
	out := slices.Clone(m.Ordered)
	for _, g := range c.Ingredients {
		if !m.ordered(g.Code, c.Route) && len(out) < maxOrdered {
			out = append(out, Ordered{Code: g.Code, Route: c.Route})
		}
	}
	m.Ordered = out
	return m
}

// recentStops returns the stops carried out in the last ten minutes of running
// time.
func (m *Memory) recentStops(run int64) []int64 {
	var out []int64
	for _, t := range m.StopTimes {
		if run-t < stopSpan {
			out = append(out, t)
		}
	}
	return out
}

// push appends to a list of at most so many, whose oldest entries go.
func push[T any](list []T, v T, most int) []T {
	from := max(0, len(list)-most+1)
	return append(append(make([]T, 0, len(list)-from+1), list[from:]...), v)
}
