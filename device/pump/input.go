package pump

import (
	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
)

// Input is what happens to a pump. The types below are all there are.
type Input interface{ input() }

// Tick is time passing.
type Tick struct{}

// PTMRequest is the patient asking for a bolus.
type PTMRequest struct{}

// Change programs the pump, all parts or none: what a local programmer does, and
// what a verified order will do. A nil part stays as it is. It raises Gen and
// starts the lockout of patient boluses. The stages run in this order: prime,
// bridge, program.
//
// New contents come with a refill and need limits and a program made for them.
// A program during a running bridge needs a bridge computed anew for what is
// left of the old fluid.
type Change struct {
	Refill   *Refill
	Limits   *dose.Limits
	Program  *dose.Program
	Prime    *dose.Dose
	Bridge   *dose.Dose
	Settings *Settings
	Epoch    uint64 // 0 leaves it; else it must rise
	Source   string // who programs: SourceLocal if empty; appears in the event
	Adopted  bool   // the order says what runs from now on, so that the state is not foreign any more
}

// Who programs. What a local programmer changes is foreign until an order says
// that it is meant so.
const (
	SourceLocal = "local"
	SourceOrder = "order"
)

// Refill empties the reservoir and fills it.
type Refill struct {
	Volume   units.Volume  // in the reservoir afterwards
	Contents dose.Contents // zero: as before
}

// GiveBolus is a clinician's bolus on top of the running program. It does not
// raise Gen.
type GiveBolus struct{ Dose dose.Dose }

// Stop ends delivery: at once if it is for an overdose, else as the profile's
// StopEffect says for what is in the reservoir. It raises Gen.
type Stop struct {
	Overdose bool
	Source   string
}

// Resume runs the kept program again. It raises Gen and starts the lockout.
type Resume struct{ Source string }

// Adopt says what is in the reservoir of a pump that a local programmer changed,
// and within which limits its program runs on. It raises Gen and starts the
// lockout; nothing was filled, and nothing else changes.
type Adopt struct {
	Volume   units.Volume // as the signers found it
	Contents dose.Contents
	Limits   dose.Limits
	Source   string
}

// Rebind begins another life of the pump, in another patient or at another site.
// What runs, counts and lockouts stay.
type Rebind struct {
	Epoch  uint64 // above the one before
	Source string
}

// Clear clears a latched alarm at the pump, as an interrogation with the
// clinician's programmer does. An alarm whose condition persists stays.
type Clear struct{ Code profile.Code }

// Reboot says that the pump has started again: Time.Mono begins anew.
type Reboot struct {
	Cause    Cause
	Firmware string // runs from now on; "" is the same as before
}

// Cause is why a pump rebooted.
type Cause string

// The causes. LowBattery leaves the pump at the minimum rate.
const (
	Power      Cause = "power"
	Watchdog   Cause = "watchdog"
	LowBattery Cause = "low_battery"
	Update     Cause = "update"
)

// SetClock sets the clock that flex programs follow, and the real-time clock with
// it, by a clock order: the caller's next Time.Wall must agree. It raises Gen,
// because whoever sets the clock of a flex program changes the dose.
type SetClock struct {
	Wall int64 // Unix ms, right at this moment
	Zone int32 // seconds east of UTC
}

// Fault begins or ends a fault of the body, not of the caller.
type Fault struct {
	Kind  FaultKind
	Ends  bool   // the fault is over
	Value uint32 // permille for FlowFault, Kink and BatteryDrop, m°C for Overheat
}

// FaultKind names a fault.
type FaultKind string

// The faults. A jump of the real-time clock needs no input: the next Time shows
// it.
const (
	FlowFault    FaultKind = "flow"          // delivers Value permille of what it should; 1000 is right
	Kink         FaultKind = "kink"          // the catheter lets Value permille through
	OcclusionOut FaultKind = "occlusion_out" // catheter blocked
	OcclusionIn  FaultKind = "occlusion_in"  // inlet blocked
	Stall        FaultKind = "stall"         // the motor stands; its sensor knows
	MemCritical  FaultKind = "mem_critical"  // the program is lost
	MemMinor     FaultKind = "mem_minor"
	BatteryDrop  FaultKind = "battery"         // charge falls to Value permille
	TelemStuck   FaultKind = "telemetry_stuck" // stays in telemetry mode until cleared
	Overheat     FaultKind = "overheat"        // Value m°C above normal
)

func (Tick) input()       {}
func (PTMRequest) input() {}
func (Change) input()     {}
func (GiveBolus) input()  {}
func (Stop) input()       {}
func (Resume) input()     {}
func (Adopt) input()      {}
func (Rebind) input()     {}
func (Clear) input()      {}
func (Reboot) input()     {}
func (SetClock) input()   {}
func (Fault) input()      {}
