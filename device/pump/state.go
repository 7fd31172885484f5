package pump

import (
	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
)

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

	Foreign bool    `cbor:"24,keyasint,omitempty"` // a local programmer changed what runs, and nobody adopted it since
	Path    []Layer `cbor:"25,keyasint,omitempty"` // other fluid than the reservoir's in the path, from the tip on
}

// Settings are the alarm settings that an order may change.
type Settings = order.Settings

// Clock is the pump's idea of local time.
type Clock struct {
	Mono    int64  `cbor:"1,keyasint"` // Time.Mono at State.Run
	Base    int64  `cbor:"2,keyasint"` // Unix ms by the schedule's clock at running time 0
	Zone    int32  `cbor:"3,keyasint"` // seconds east of UTC
	Wall    int64  `cbor:"4,keyasint"` // real-time clock minus schedule's clock when last seen, ms
	Bad     bool   `cbor:"5,keyasint"` // the real-time clock was lost and not set since
	Slewed  int64  `cbor:"6,keyasint"` // 6 and 7 say nothing: journals of earlier pumps have them
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

// Stage is a dose in progress. It advances only while it flows: a fault pauses a
// bridge. What ends a bridge is that the path is clear.
type Stage struct {
	Kind  StageKind `cbor:"1,keyasint"`
	Start Millis    `cbor:"2,keyasint"`
	Dose  dose.Dose `cbor:"3,keyasint"`
	Done  int64     `cbor:"4,keyasint"` // milliseconds of its duration that have flowed
	Given Pico      `cbor:"5,keyasint"`
	From  Pico      `cbor:"6,keyasint,omitempty"` // of Given, what lay behind it when it began; a bridge's
}

// World is what is true of a pump and not known to it, at the moment of its last
// change; what flowed since follows from State.Delivered.
type World struct {
	Left   Pico   `cbor:"1,keyasint"` // really in the reservoir, without the residual that cannot be had
	Flowed Pico   `cbor:"2,keyasint"` // really delivered
	At     Pico   `cbor:"3,keyasint"` // State.Delivered then
	Flow   uint32 `cbor:"4,keyasint"` // permille of the commanded flow
	Kink   uint32 `cbor:"5,keyasint"` // permille that the catheter lets through
	Down   bool   `cbor:"6,keyasint"` // catheter occluded
	Up     bool   `cbor:"7,keyasint"` // inlet occluded
	Block  Pico   `cbor:"8,keyasint"` // State.Delivered when the occlusion began
	Warm   int32  `cbor:"9,keyasint"` // m°C above what is normal
}

// Patient is the account of patient boluses.
type Patient struct {
	Starts    []Millis `cbor:"1,keyasint"` // in the longest window, oldest first
	Locked    Millis   `cbor:"2,keyasint"` // no bolus before
	Since     Millis   `cbor:"3,keyasint"` // the setting was applied
	Given     int64    `cbor:"4,keyasint"` // since manufacture
	Denied    int64    `cbor:"5,keyasint"`
	DeniedLog []Millis `cbor:"6,keyasint"` // of the last 24 hours, at most 32
}

// Battery is the account of the primary cell.
type Battery struct {
	Used  int64  `cbor:"1,keyasint"` // pC up to At
	At    Millis `cbor:"2,keyasint"`
	From  Pico   `cbor:"3,keyasint"` // State.Delivered then
	ERIAt Millis `cbor:"4,keyasint"` // the replacement indicator came up, 0 if not
}

// Alarms are the active conditions.
type Alarms struct {
	Active   uint32 `cbor:"1,keyasint"` // one bit per condition, in the order of package profile
	Standing Millis `cbor:"2,keyasint"` // delivery stands still since; −1 if it does not
	Held     Millis `cbor:"3,keyasint"` // a ceiling held delivery last, 0 if never
	Off      Millis `cbor:"4,keyasint"` // the flow sensor sees a wrong flow since; −1 if it does not
	Stalled  Millis `cbor:"5,keyasint"` // the motor stands since; −1 if it does not
}
