// Package pump is the state machine of an implanted pump: the reference for
// what a device does, used by the emulator, by the rehearsal of an order before
// it is signed, and by tests.
//
// # Shape
//
// Machine.Step takes a State, an Input and the Time and returns the next State
// and what the pump wrote down meanwhile. It is pure: no clock, no I/O, no
// randomness, nothing kept between calls. Ticking often or rarely gives the same
// state and the same records, because every boundary that lies between two calls
// (segment, bolus, sample, alarm) is computed to the millisecond on which it
// falls.
//
// # Time
//
// Three clocks are kept apart. Time.Mono counts milliseconds since boot.
// State.Run counts milliseconds of running time since manufacture, survives
// reboots and stands still while the pump is without power; delivery, ceilings,
// lockouts and ages use it alone. Time.Wall is the pump's real-time clock, which
// may jump; records carry it, but nothing is dosed by it. Flex programs follow
// State.Clock, which moves with the running time and only when a clock order
// sets it; a real-time clock that jumps away from it makes the clock untrusted
// and raises CLOCK_DRIFT.
//
// # Delivery
//
// Volumes are accumulated in picolitres, so that pauses lose no nanolitres.
// Delivered is what the mechanism moved by its own count; the reservoir is
// reckoned from it and not measured. What really flowed is kept in World, which
// the pump cannot see unless its profile has the sensor.
//
// # Safety
//
// No hour and no 24 hours of running time, wherever they begin, deliver more
// than the ceilings of the library; at a ceiling delivery is held to what the
// window frees and never made up later. Only a priming bolus is not counted: it
// fills the catheter. Lockouts and counts of patient boluses survive reboots,
// reprogramming and clock changes. A bolus that a reboot interrupts is not
// resumed and counts as given. Stopping is a harm: every fault does what the
// profile's Effects say for the severity of what is in the reservoir, and the
// gravest active one wins.
package pump

import (
	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// Time is one moment as the pump sees it.
type Time struct {
	Mono int64 // milliseconds since boot; never falls but by a Reboot
	Wall int64 // Unix milliseconds by the pump's real-time clock; may jump
}

// Millis are milliseconds of running time since manufacture.
type Millis = int64

// Pico is a volume in picolitres.
type Pico = int64

// State is everything that a pump remembers. It is a plain value: copy it
// freely, read any field, but let only Step change it; the slices in it are
// shared between copies and never written to. Encode and Decode move it in and
// out of a journal exactly.
type State struct {
	// What the state hash covers (ORDERS.md, State hash).
	Epoch     uint64        `cbor:"1,keyasint"` // order epoch
	Gen       uint64        `cbor:"2,keyasint"` // rises with every programming
	Commanded wire.RunState `cbor:"3,keyasint"` // Infusing, Minimum or Stopped, as programmed; faults do not enter
	Program   dose.Program  `cbor:"4,keyasint"`
	Contents  dose.Contents `cbor:"5,keyasint"`
	Settings  Settings      `cbor:"6,keyasint"`
	Firmware  string        `cbor:"7,keyasint"`

	Limits  dose.Limits `cbor:"8,keyasint"`
	Clock   Clock       `cbor:"9,keyasint"`
	Run     Millis      `cbor:"10,keyasint"` // running time up to which this state is computed
	Started Millis      `cbor:"11,keyasint"` // running time at which the program's cycle began, unless it is clocked

	Delivered Pico    `cbor:"12,keyasint"` // since manufacture, by the pump's own count
	Fill      Fill    `cbor:"13,keyasint"`
	Stage     Stage   `cbor:"14,keyasint"` // what runs beside or before the program
	Next      Stage   `cbor:"15,keyasint"` // a bridge that waits for a priming bolus to end
	Ledger    Ledger  `cbor:"16,keyasint"`
	Patient   Patient `cbor:"17,keyasint"`
	Battery   Battery `cbor:"18,keyasint"`
	Alarms    Alarms  `cbor:"19,keyasint"`
	World     World   `cbor:"20,keyasint"`
	SampleAt  Millis  `cbor:"21,keyasint"` // next telemetry sample
	Boots     uint64  `cbor:"22,keyasint"`
	Scale     uint32  `cbor:"23,keyasint"` // reservoir and battery are consumed so many times faster; 1 is real
}

// Settings are the alarm settings that an order may change.
type Settings struct {
	Low       units.Volume `cbor:"1,keyasint"` // low-reservoir alarm
	PTMDenied uint8        `cbor:"2,keyasint"` // PTM_ABUSE above so many denied requests in 24 hours; 0 is never
}

// Clock is the pump's idea of local time.
type Clock struct {
	Mono    int64  `cbor:"1,keyasint"` // Time.Mono at State.Run
	Base    int64  `cbor:"2,keyasint"` // Unix ms by the schedule's clock at running time 0
	Zone    int32  `cbor:"3,keyasint"` // seconds east of UTC
	Wall    int64  `cbor:"4,keyasint"` // real-time clock minus schedule's clock when last seen, ms
	Bad     bool   `cbor:"5,keyasint"` // the real-time clock was lost and not set since
	Slewed  int64  `cbor:"6,keyasint"` // ms slewed since SlewDay, absolute
	SlewDay Millis `cbor:"7,keyasint"`
}

// Fill is the pump's reckoning of its reservoir.
type Fill struct {
	Volume units.Volume `cbor:"1,keyasint"` // at the last refill
	At     Pico         `cbor:"2,keyasint"` // State.Delivered then
}

// StageKind says what a Stage is.
type StageKind uint8

// The stages. A bolus adds to the program; prime and bridge replace it.
const (
	NoStage      StageKind = 0
	BolusStage   StageKind = 1 // ordered by a clinician
	PatientStage StageKind = 2
	PrimeStage   StageKind = 3
	BridgeStage  StageKind = 4
)

// Stage is a dose in progress.
type Stage struct {
	Kind  StageKind `cbor:"1,keyasint"`
	Start Millis    `cbor:"2,keyasint"`
	Dose  dose.Dose `cbor:"3,keyasint"`
	Given Pico      `cbor:"4,keyasint"`
}

// World is what is true of a pump and not known to it.
type World struct {
	Reservoir units.Volume `cbor:"1,keyasint"` // really in it at the last change of this struct
	Flowed    Pico         `cbor:"2,keyasint"` // really delivered up to then
	At        Pico         `cbor:"3,keyasint"` // State.Delivered then
	Flow      uint32       `cbor:"4,keyasint"` // permille of the commanded flow
	Kink      uint32       `cbor:"5,keyasint"` // permille that a kinked catheter lets through
	Down      bool         `cbor:"6,keyasint"` // catheter occluded
	Up        bool         `cbor:"7,keyasint"` // inlet occluded
	Warm      int32        `cbor:"8,keyasint"` // m°C above what is normal
	Since     Millis       `cbor:"9,keyasint"` // running time of the last change
}

// Options make a fresh pump.
type Options struct {
	Firmware string
	Epoch    uint64
	Age      units.Seconds // running time that it has behind it
	Used     uint16        // permille of the battery's charge already used
	Phase    units.Seconds // first sample after so long, to spread a fleet
	Zone     int32         // seconds east of UTC
	Scale    uint32        // consumption; 0 counts as 1
}

// Machine runs pumps of one profile. It holds nothing that changes, so one
// Machine serves any number of pumps from any number of goroutines.
type Machine struct {
	profile *profile.Profile
}

// New returns the machine of a valid profile.
func New(p *profile.Profile) *Machine { return &Machine{profile: p} }

// Profile returns the profile.
func (m *Machine) Profile() *profile.Profile { return m.profile }

// Fresh returns an implant that was never programmed nor filled: stopped, empty,
// its clock set to now.Wall.
func (m *Machine) Fresh(o Options, now Time) State { panic("being written") }

// Step brings the state up to now and then takes the input. Outputs are in the
// order of time. A Tick that meets no boundary allocates nothing and returns
// nil outputs. Step never fails: a request that is refused is answered so in a
// Reply and changes nothing but the time.
//
// If now.Mono lies before the state's, the pump has rebooted without saying so:
// no time passes.
func (m *Machine) Step(s State, in Input, now Time) (State, []Output) { panic("being written") }

// Check reports whether Step would carry out the input on this state, without
// doing so: nil, or the *dose.Refusal that a Reply would carry. It does not
// advance time.
func (m *Machine) Check(s State, in Input) error { panic("being written") }

// Sample returns what a telemetry sample taken now would say. Use it for
// heartbeats after a Step.
func (m *Machine) Sample(s *State) wire.Sample { panic("being written") }

// StateHash returns SHA-256 over domain, length and deterministic CBOR of epoch,
// gen, commanded run state, program, contents, route, alarm settings and
// firmware. Faults, boluses, volumes, counters and library do not enter.
func (s *State) StateHash() [32]byte { panic("being written") }

// Active returns the codes of the active alarms in rising order.
func (s *State) Active() []profile.Code { panic("being written") }

// Reservoir returns the volume left by the pump's own reckoning.
func (s *State) Reservoir() units.Volume { panic("being written") }

// TrueReservoir returns what an aspiration would find, the unrecoverable
// residual included.
func (s *State) TrueReservoir() units.Volume { panic("being written") }

// Encode returns the state as deterministic CBOR.
func (s *State) Encode() []byte { panic("being written") }

// Decode reads what Encode wrote, strictly, and checks what can be checked. It
// returns a value or an error, never both.
func Decode(b []byte) (State, error) { panic("being written") }
