package wire

import "fmt"

// Position is a place in one lane's sequence: everything up to Seq, inclusive.
type Position struct {
	Epoch uint64 `cbor:"1,keyasint"`
	Seq   uint64 `cbor:"2,keyasint"`
}

// Hello is the first thing that a pump says after every connect. Signed.
type Hello struct {
	Pump         PumpID            `cbor:"1,keyasint"`
	Link         string            `cbor:"2,keyasint"`
	Session      [16]byte          `cbor:"3,keyasint"` // fresh at every connect; also in the will and in heartbeats
	Min          uint              `cbor:"4,keyasint"` // protocol versions spoken
	Max          uint              `cbor:"5,keyasint"`
	Caps         []string          `cbor:"6,keyasint,omitempty"` // capabilities beyond the protocol version
	Serial       string            `cbor:"7,keyasint"`           // printed on the pump
	Model        string            `cbor:"8,keyasint"`
	Firmware     string            `cbor:"9,keyasint"`  // of the implant
	FirmwareComm string            `cbor:"10,keyasint"` // of the communicator
	Boot         [16]byte          `cbor:"11,keyasint"` // the implant's boot id
	Wall         int64             `cbor:"12,keyasint"` // Unix ms by the pump's clock
	Mono         uint64            `cbor:"13,keyasint"` // ms since boot
	Main         Position          `cbor:"14,keyasint"` // last record written, main lane
	Alarm        Position          `cbor:"15,keyasint"` // last record written, alarm lane
	State        State             `cbor:"16,keyasint"`
	Vendor       map[string]string `cbor:"17,keyasint,omitempty"`
}

// State is what a pump runs and knows, sent in hello and heartbeats.
type State struct {
	Run         RunState   `cbor:"1,keyasint"`
	StateHash   []byte     `cbor:"2,keyasint"` // ORDERS.md, State hash
	ProgramHash []byte     `cbor:"3,keyasint"`
	Program     []byte     `cbor:"4,keyasint,omitempty"` // package dose's encoding, in hello
	Contents    []byte     `cbor:"5,keyasint,omitempty"` // package dose's encoding, in hello
	Profile     []byte     `cbor:"6,keyasint"`           // hash of the device profile it follows
	Library     []byte     `cbor:"7,keyasint"`           // hash of its drug library
	Keyset      uint64     `cbor:"8,keyasint"`           // version of its keyset
	Gen         uint64     `cbor:"9,keyasint"`
	OrderEpoch  uint64     `cbor:"10,keyasint"`
	Checkpoint  Checkpoint `cbor:"11,keyasint"` // newest checkpoint of the record it has seen
	Smaller     bool       `cbor:"12,keyasint"` // it was shown a smaller checkpoint than one before
	Window      []byte     `cbor:"13,keyasint,omitempty"`
	Counter     uint64     `cbor:"14,keyasint"`
	StopCounter uint64     `cbor:"15,keyasint"`
	Report      []byte     `cbor:"16,keyasint,omitempty"` // package order's encoding of Report: in hello, and in the next heartbeat after its state, patient, site or orders changed
	Fell        uint64     `cbor:"17,keyasint,omitempty"` // size of the record when it was last shown smaller than before
	Waits       *Waits     `cbor:"18,keyasint,omitempty"` // a release that waits to be confirmed at the bedside; a pump of an earlier format never says so
}

// Waits is a release that a pump has found right and applies when somebody confirms it
// at the bedside. Nothing is decided by it: the answer tells what came of it.
type Waits struct {
	Release [32]byte `cbor:"1,keyasint"` // hash of the release, docs/protocol.md 1
	Left    uint64   `cbor:"2,keyasint"` // ms for which it still waits; no wall time, for the pump's clock may be wrong
}

// left returns for how long it waits, 0 if nothing does.
func (w *Waits) left() uint64 {
	if w == nil {
		return 0
	}
	return w.Left
}

// Checkpoint is the size and root of the record's tree.
type Checkpoint struct {
	Size uint64 `cbor:"1,keyasint"`
	Root []byte `cbor:"2,keyasint"`
}

// Heartbeat carries current state, so that it never waits behind a backlog.
// Signed.
type Heartbeat struct {
	Pump    PumpID   `cbor:"1,keyasint"`
	Session [16]byte `cbor:"2,keyasint"`
	Boot    [16]byte `cbor:"3,keyasint"`
	Wall    int64    `cbor:"4,keyasint"`
	Mono    uint64   `cbor:"5,keyasint"`
	Backlog uint64   `cbor:"6,keyasint"` // records not yet acknowledged, both lanes
	State   State    `cbor:"7,keyasint"`
	Sample  []int64  `cbor:"8,keyasint"` // the fields of Sample in order, newest
	CommMV  int64    `cbor:"9,keyasint"` // communicator battery, mV
}

// NewHeartbeatSample spreads s into Heartbeat.Sample.
func NewHeartbeatSample(s Sample) []int64 {
	return []int64{int64(s.Run), s.RateNLDay, s.DeliveredNL, s.ReservoirNL, s.SensedNL, s.BatteryMV, s.TemperatureM, s.PressurePa, s.PTMGiven, s.PTMDenied, int64(s.Flags)}
}

// LatestSample gathers Heartbeat.Sample. It reports false if the heartbeat
// carries none, or one that is no sample.
func (h *Heartbeat) LatestSample() (Sample, bool) {
	v := h.Sample
	if len(v) < sampleFields || v[0] < int64(Infusing) || v[0] > int64(Bridge) || v[10] < 0 {
		return Sample{}, false
	}
	return Sample{Run: RunState(v[0]), RateNLDay: v[1], DeliveredNL: v[2], ReservoirNL: v[3], SensedNL: v[4], BatteryMV: v[5], TemperatureM: v[6], PressurePa: v[7], PTMGiven: v[8], PTMDenied: v[9], Flags: uint64(v[10])}, true
}

// Answer is a pump's answer to a document: what it did, or why not. Signed.
type Answer struct {
	Pump        PumpID   `cbor:"1,keyasint"`
	Doc         [32]byte `cbor:"2,keyasint"` // SHA-256 of the document as received
	Kind        Kind     `cbor:"3,keyasint"` // the downlink kind it came by
	Code        string   `cbor:"4,keyasint"` // "applied", or a refusal code such as E_KEYSET
	Note        string   `cbor:"5,keyasint,omitempty"`
	Wall        int64    `cbor:"6,keyasint"`
	Mono        uint64   `cbor:"7,keyasint"`
	StateHash   []byte   `cbor:"8,keyasint"`
	ProgramHash []byte   `cbor:"9,keyasint"`
	Run         RunState `cbor:"10,keyasint"`
	Report      []byte   `cbor:"11,keyasint,omitempty"` // package order's encoding of Report, if the document was an order, a stop or a withdrawal
	Counter     uint64   `cbor:"12,keyasint,omitempty"` // of the last release that was burned, in an answer with a report
	StopCounter uint64   `cbor:"13,keyasint,omitempty"` // and of the last stop
	Window      []byte   `cbor:"14,keyasint,omitempty"` // announced now
	Missed      uint64   `cbor:"15,keyasint,omitempty"` // documents that were not looked at, in an answer E_RATE that stands for them all
}

// Bye is the will, published by the server's own endpoint when a connection
// dies. It is not signed: it only says that the session of that id has ended.
type Bye struct {
	Session [16]byte `cbor:"1,keyasint"`
	Reason  string   `cbor:"2,keyasint"`
}

// Cursors is dn/ack: what the server has committed, per lane. A lane that is not
// named did not change. A pump drops what is covered and, if Rewind is set, sends
// again from there, a gap for what it has no more. Alarms that stand and whose raise
// is in such a gap are raised again.
type Cursors struct {
	Main    *Position `cbor:"1,keyasint,omitempty"`
	Alarm   *Position `cbor:"2,keyasint,omitempty"`
	Rewind  bool      `cbor:"3,keyasint,omitempty"`
	Refused string    `cbor:"4,keyasint,omitempty"` // refusal code, if the last message was refused
	Now     int64     `cbor:"5,keyasint"`           // server clock, Unix ms
}

// CertRequest asks for a new certificate of the link. Signed with the pump's
// key, because the communicator's certificate may be the very thing expiring.
type CertRequest struct {
	Pump PumpID `cbor:"1,keyasint"`
	Link string `cbor:"2,keyasint"`
	CSR  []byte `cbor:"3,keyasint"` // PKCS#10, DER
	Wall int64  `cbor:"4,keyasint"`
}

// CertReply carries the new certificate, leaf first, DER.
type CertReply struct {
	Chain    [][]byte `cbor:"1,keyasint"`
	NotAfter int64    `cbor:"2,keyasint"` // Unix seconds
}

// Encode returns the deterministic encoding of one of this package's messages.
// It panics on a type that cannot be encoded, which is a defect.
func Encode(m any) []byte {
	b, err := enc.Marshal(m)
	if err != nil {
		panic("wire: encode: " + err.Error())
	}
	return b
}

// Message is a message in map form.
type Message interface {
	Hello | Heartbeat | Answer | Bye | Cursors | CertRequest | CertReply
}

// Decode reads a message. Unknown keys are ignored; texts are bounded.
func Decode[T Message](b []byte) (T, error) {
	var m, zero T
	if len(b) > MaxPayload {
		return zero, malformed("%d bytes", len(b))
	}
	if err := dec.Unmarshal(b, &m); err != nil {
		return zero, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := checkMessage(&m); err != nil {
		return zero, err
	}
	return m, nil
}

// checkMessage bounds what the CBOR decoder does not.
func checkMessage(m any) error {
	var texts []string
	var numbers []uint64
	switch v := m.(type) {
	case *Hello:
		texts = append(texts, v.Link, v.Serial, v.Model, v.Firmware, v.FirmwareComm)
		texts = append(texts, v.Caps...)
		for k, t := range v.Vendor {
			texts = append(texts, k, t)
		}
		numbers = append(numbers, v.Mono, v.Main.Epoch, v.Main.Seq, v.Alarm.Epoch, v.Alarm.Seq, v.State.Gen, v.State.Keyset, v.State.OrderEpoch, v.State.Checkpoint.Size, v.State.Counter, v.State.StopCounter, v.State.Waits.left())
		if !ValidLink(v.Link) {
			return malformed("hello of link %q", clip(v.Link))
		}
		if v.Min == 0 || v.Min > v.Max {
			return malformed("hello with protocol versions %d to %d", v.Min, v.Max)
		}
	case *Heartbeat:
		numbers = append(numbers, v.Mono, v.Backlog, v.State.Gen, v.State.Keyset, v.State.OrderEpoch, v.State.Checkpoint.Size, v.State.Counter, v.State.StopCounter, v.State.Waits.left())
	case *Answer:
		texts = append(texts, v.Code, v.Note)
		numbers = append(numbers, v.Counter, v.StopCounter, v.Missed)
	case *Bye:
		texts = append(texts, v.Reason)
	case *Cursors:
		texts = append(texts, v.Refused)
	case *CertRequest:
		if !ValidLink(v.Link) || len(v.CSR) > 4096 {
			return malformed("certificate request of link %q", clip(v.Link))
		}
	case *CertReply:
		if len(v.Chain) > 4 {
			return malformed("certificate chain of %d", len(v.Chain))
		}
	}
	for _, t := range texts {
		if len(t) > MaxText {
			return malformed("text of %d bytes, at most %d", len(t), MaxText)
		}
	}
	for _, n := range numbers {
		if n > maxCounter {
			return malformed("number %d out of range", n)
		}
	}
	return nil
}
