package telemetry

import (
	"time"

	"cisterna/device/wire"
)

// Resolution is what a series is made of.
type Resolution string

// The resolutions.
const (
	Raw    Resolution = "raw"
	Minute Resolution = "minute"
	Hour   Resolution = "hour"
)

// Series is a pump's samples over a span of its own clock, as columns of equal
// length, rising in time. Each entry stands for one sample, or for all samples
// of one bucket; where a pump reported nothing there is no entry.
type Series struct {
	Resolution Resolution
	From, To   time.Time
	Width      time.Duration // of one bucket; 0: entries are single samples
	At         []int64       // Unix ms of the sample, or of the bucket's start
	N          []int64       // samples behind each entry

	ReservoirNL, RateNLDay, DeliveredNL Band
	SensedNL                            Band // −1: no fill sensor
	BatteryMV, TemperatureMC            Band
	PressurePa                          Band
	Run                                 []wire.RunState // of the last sample

	// Gaps are spans without data: records that the pump said it lost, and
	// silences. Nothing may be drawn across them.
	Gaps []Span
}

// Band is one column. Min and Max are nil if entries are single samples.
type Band struct{ Last, Min, Max []int64 }

// Span is a span of the pump's clock without data.
type Span struct {
	From, To time.Time
	Lost     bool // the pump declared the records lost; else it was only silent
}

// Mark is a place in a list that is sorted by time, newest first. The zero Mark
// is the list's start. A, B and C break ties; what they mean is the list's own.
type Mark struct {
	At      time.Time
	A, B, C int64
}

// IsZero reports whether m is the start of a list.
func (m Mark) IsZero() bool { return m.At.IsZero() }

// Event is something that a pump reported once.
type Event struct {
	Pump       int64
	Epoch, Seq uint64
	Code       string
	Detail     map[string]string
	DeviceAt   time.Time // the pump's clock
	ReceivedAt time.Time
	At         time.Time // the earlier of both; lists sort by it
}

// Mark returns the event's place.
func (e Event) Mark() Mark { return Mark{At: e.At, A: int64(e.Epoch), B: int64(e.Seq)} }

// Gap is a range of records that a pump lost.
type Gap struct {
	Pump            int64
	Lane            wire.Lane
	Epoch           uint64
	First, Last     uint64
	LostEpoch       uint64 // the epoch whose journal was lost, 0 if this one
	Reason          string
	FromAt, UntilAt time.Time // by the pump's clock, zero if not known (yet)
	DeviceAt        time.Time
	ReceivedAt      time.Time
	At              time.Time
}

// Mark returns the gap's place.
func (g Gap) Mark() Mark {
	return Mark{At: g.At, A: int64(g.Epoch), B: int64(g.First), C: int64(g.Lane)}
}

// PresenceChange is a step from one presence to another.
type PresenceChange struct {
	ID, Pump   int64
	At         time.Time
	Was, State Presence
	Reason     string // of the connection's end, if that was it
}

// Mark returns the change's place.
func (c PresenceChange) Mark() Mark { return Mark{At: c.At, A: c.ID} }

// Refusal is a message, or one record of one, that was not accepted; or, with
// code E_RATE, the number of those that were not kept.
type Refusal struct {
	ID         int64
	Pump       int64 // the one paired with the link, 0 if none
	Link       string
	Kind       string // "up/tele"
	Code       string
	Reason     string // for engineers, in words
	Claimed    string // wire id of the pump that the message says it is from
	Epoch, Seq uint64 // of the record, 0 if the whole message was refused
	DeviceAt   time.Time
	ReceivedAt time.Time
	N          int64 // messages that it stands for
	Size       int64 // of the kept bytes
}

// Mark returns the refusal's place.
func (r Refusal) Mark() Mark { return Mark{At: r.ReceivedAt, A: r.ID} }

// Cursor is what is committed of one lane of a pump.
type Cursor struct {
	Lane     wire.Lane
	Epoch    uint64
	Seq      uint64
	DeviceAt time.Time // the pump's clock at that record, zero if there is none
	MovedAt  time.Time
}

// Session is one connection of a link, open or past.
type Session struct {
	Link, Remote string
	Boot         string
	Conn         uint64
	Pump         int64
	CertSerial   string
	CertNotAfter time.Time
	OpenedAt     time.Time
	ClosedAt     time.Time // zero while open
	Reason       string
}

// Changed says that something about a pump was committed. What it does not carry
// is to be read again.
type Changed struct {
	Pump     int64
	At       time.Time
	Sample   *Sample         // the newest sample changed
	Presence *PresenceStatus // whether it can be reached, or when it was last heard
	Reload   bool            // something else changed: what the pump says of itself, refusals, gaps
}

// Sample is the newest sample of a pump.
type Sample struct {
	wire.Sample
	DeviceAt   time.Time
	ReceivedAt time.Time
}

// PresenceStatus is a pump's presence at a moment.
type PresenceStatus struct {
	State   Presence
	Since   time.Time
	HeardAt time.Time // zero: never
}

// State is what a pump last said about itself.
type State struct {
	wire.State
	HelloAt, HeartbeatAt     time.Time // received; zero: none yet
	DeviceAt                 time.Time // the pump's clock then
	Mono                     int64     // ms since the pump's boot
	ProtocolMin, ProtocolMax int
	Caps                     []string
	Serial, Model            string // as printed on the pump, by its own word
	Firmware, FirmwareComm   string
	Main, Alarm              wire.Position // last records written by the pump, at its hello
	Vendor                   map[string]string
	Backlog                  int64 // records not yet acknowledged, at its last heartbeat
	CommMV                   int64 // communicator battery
}
