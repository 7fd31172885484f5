package pump

import "cisterna/device/dose"

// Ledger is what the ceilings count: the volume delivered to the patient as a
// function of running time, for the last 24 hours, as a line through points.
type Ledger struct {
	Sum     Pico         `cbor:"1,keyasint"` // counted since manufacture
	Points  []Point      `cbor:"2,keyasint"`
	Ceiling dose.Ceiling `cbor:"3,keyasint"` // of what is at the catheter's tip
	Pending *Rebase      `cbor:"4,keyasint,omitempty"`
}

// Point is a bend of that line.
type Point struct {
	_   struct{} `cbor:",toarray"`
	At  Millis
	Sum Pico
}

// Rebase is what becomes of the ledger when a bridge ends and new contents
// reach the tip: the past counts Num/Den fold.
type Rebase struct {
	Ceiling dose.Ceiling `cbor:"1,keyasint"`
	Num     int64        `cbor:"2,keyasint"`
	Den     int64        `cbor:"3,keyasint"`
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
