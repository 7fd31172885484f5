package order

import (
	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// Delivery is a document as it came down the link.
type Delivery struct {
	Kind     wire.Kind // DnOrder or DnStop
	Retained bool      // the broker had kept it
	Bytes    []byte
}

// View is all that a verdict depends on: what the pump is, trusts, runs and
// remembers at one moment. A pump takes it from its own memory under its dosing
// lock; a server that checks live, and a rehearsal, make one of what the pump
// last signed. The view is not changed.
type View struct {
	Pump    Digest // of the pump's key
	Serial  string // printed on it
	Site    ID
	Patient ID // bound token, zero if it is in nobody
	Root    Root
	Keyset  Keyset // in force, opened under Root; Version 0 if there is none
	Library Held
	Before  Held // the library before, Hash zero if there was none

	State   State
	Foreign bool // programmed by another maker's programmer, and not adopted since
	Limits  dose.Limits
	Range   dose.Range
	Rule    ReservoirRule

	Ceiling dose.Ceiling // of what is at the catheter's tip
	Hour    units.Volume // counted against the ceiling in the last hour of running time
	Day     units.Volume // and in the last 24
	Volume  units.Volume // in the reservoir, as the pump reckons
	Fill    units.Volume // that was filled in at the last refill, 0 if never
	Path    []Fluid      // in the way to the tip and other than what the reservoir holds, from the tip on
	Bridge  *dose.Dose   // that runs or waits and clears the path, as the pump runs it; nil if none does
	Busy    Busy
	Faults  []string // active faults of delivery, memory or hardware

	Now     int64 // Unix seconds by the pump's clock
	Trusted bool  // the clock was set and has not jumped since
	Run     int64 // milliseconds of running time
	Mono    int64 // milliseconds since boot
	Windows Windows
	Budgets Budgets
	Memory  Memory
}

// Fluid is one that stands between the reservoir and the catheter's tip. Of what a
// pump infuses, it is what the patient gets until it has gone.
type Fluid struct {
	_        struct{}      `cbor:",toarray"`
	Contents dose.Contents `json:"contents"`
	Left     units.Volume  `json:"left_nl"` // to be delivered until the last of it leaves the tip, rounded up; rises along the path
	Ceiling  dose.Ceiling  `json:"ceiling"` // while it is at the tip
}

// MaxPath bounds the fluids in a path.
const MaxPath = 4

// Held is a library that the pump has accepted.
type Held struct {
	Hash    Digest
	Library Library
}

// ReservoirRule is what a reservoir of the device holds and when it may alarm.
type ReservoirRule struct {
	Capacity units.Volume `json:"capacity_nl"`
	LowMin   units.Volume `json:"low_min_nl"`
	LowMax   units.Volume `json:"low_max_nl"`
}

// Busy says what a pump does that an order may not disturb.
type Busy uint16

// What a pump may be busy with.
const (
	Idle          Busy = 0
	BusyBolus     Busy = 1 // an ordered or a patient's bolus
	BusyPrime     Busy = 2
	BusyInstalled Busy = 3 // firmware is being installed
)

// Verdict is what becomes of a document. Memory and Budgets are what the pump
// must keep from now on, whatever the code: Memory durably and together with the
// effect, before the answer leaves.
type Verdict struct {
	Code   Code
	Step   int    // of the check that refused; StepAccept if none did
	Detail string // for people
	Cached bool   // answered before: nothing is to be done
	Burned bool   // its counter is spent

	Document     Digest // release, stop or withdrawal; zero if it was not read
	Prescription Digest // zero if there is none
	Counter      uint64 // of the document
	Class        Class  // of people that it needed; 0 if it did not come to that
	Effect       *Effect

	Memory  Memory
	Budgets Budgets
}

// Effect is exactly what an accepted document changes. All of it takes effect, or
// nothing.
type Effect struct {
	Act      Act // 0 for a stop or a withdrawal
	Stop     *StopNow
	Resume   bool
	Refill   *Refill
	Adopt    *Refill // what is in the reservoir as the signers found it; nothing was filled, and what runs stays
	Limits   *dose.Limits
	Program  *dose.Program
	Prime    *dose.Dose
	Bridge   *dose.Dose
	Bolus    *dose.Dose
	Settings *Settings
	Epoch    uint64 // 0 leaves it
	Patient  *ID
	Site     *ID
	Keyset   []byte // signed document of the new site
	Clock    *ClockSet
	Adopted  bool // the state is not foreign any more
	Increase bool // somebody gets more of something: where a profile asks for it, confirmed at the bedside
}

// StopNow ends delivery.
type StopNow struct{ Overdose bool }

// Refill is what a reservoir holds from now on.
type Refill struct {
	Volume   units.Volume
	Contents dose.Contents
}

// ClockSet sets the clock.
type ClockSet struct {
	Now  int64 // Unix seconds
	Zone int32 // seconds east of UTC
}
