package profile

import (
	"fmt"

	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// Code names an alarm condition as everywhere in the system.
type Code string

// The conditions that a pump can detect on its own.
const (
	ResLow        Code = "RES_LOW"
	ResEmpty      Code = "RES_EMPTY"
	ERI           Code = "ERI"
	EOS           Code = "EOS"
	MotorStall    Code = "MOTOR_STALL"
	Stopped48H    Code = "STOPPED_48H"
	MemNoncrit    Code = "MEM_NONCRIT"
	MemCrit       Code = "MEM_CRIT"
	LowBattReset  Code = "LOW_BATT_RESET"
	OverinfBasal  Code = "OVERINF_BASAL"
	OverinfBolus  Code = "OVERINF_BOLUS"
	Underinf      Code = "UNDERINF"
	OcclDown      Code = "OCCL_DOWN"
	OcclUp        Code = "OCCL_UP"
	MaxDose       Code = "MAX_DOSE"
	PrimeFail     Code = "PRIME_FAIL"
	TelemStuck    Code = "TELEM_STUCK"
	ClockDrift    Code = "CLOCK_DRIFT"
	PTMAbuse      Code = "PTM_ABUSE"
	TempHigh      Code = "TEMP_HIGH"
	StallRecovery Code = "STALL_RECOVERED" // raised and cleared at once: a notice
	Stopped       Code = "STOPPED"         // no therapy flows because somebody stopped it or it was lost
)

// codes fixes the bit of every condition in a pump's memory. Never reorder;
// append only.
var codes = [...]Code{
	ResLow, ResEmpty, ERI, EOS, MotorStall, Stopped48H, MemNoncrit, MemCrit, LowBattReset, OverinfBasal, OverinfBolus,
	Underinf, OcclDown, OcclUp, MaxDose, PrimeFail, TelemStuck, ClockDrift, PTMAbuse, TempHigh, StallRecovery, Stopped,
}

// Bit returns the number of a condition from 0, −1 for an unknown one.
func Bit(c Code) int {
	for i, k := range codes {
		if k == c {
			return i
		}
	}
	return -1
}

// CodeOf returns the condition of a bit, "" if there is none.
func CodeOf(bit int) Code {
	if bit < 0 || bit >= len(codes) {
		return ""
	}
	return codes[bit]
}

// Codes returns how many conditions there are; their bits are 0 to one less.
func Codes() int { return len(codes) }

// Effect is what a fault does to delivery. Stopping is a harm, not a safe
// state, so every fault says which it is.
type Effect uint8

// The effects, mildest first. The gravest of all active alarms wins.
const (
	Continue Effect = 1 // the program runs on
	FallBack Effect = 2 // the minimum rate; ends therapy but keeps the tubing alive
	Halt     Effect = 3 // nothing moves
)

var effectNames = [...]string{Continue: "continue", FallBack: "minimum", Halt: "stop"}

// String returns "continue", "minimum" or "stop".
func (e Effect) String() string {
	if e >= Continue && int(e) < len(effectNames) {
		return effectNames[e]
	}
	return fmt.Sprintf("effect(%d)", uint8(e))
}

// MarshalText writes the effect's name.
func (e Effect) MarshalText() ([]byte, error) {
	if e < Continue || int(e) >= len(effectNames) {
		return nil, fmt.Errorf("unknown effect %d", uint8(e))
	}
	return []byte(effectNames[e]), nil
}

// UnmarshalText reads what MarshalText writes.
func (e *Effect) UnmarshalText(b []byte) error {
	for i := Continue; int(i) < len(effectNames); i++ {
		if effectNames[i] == string(b) {
			*e = i
			return nil
		}
	}
	return fmt.Errorf("unknown effect %q", b)
}

// Effects gives the effect per severity of withdrawal of what is in the
// reservoir.
type Effects struct {
	_        struct{} `cbor:",toarray"`
	None     Effect   `json:"none"`
	Moderate Effect   `json:"moderate"`
	Severe   Effect   `json:"severe"`
	Deadly   Effect   `json:"deadly"`
}

// For returns the effect for a severity; an unknown one counts as moderate.
func (e Effects) For(s dose.Severity) Effect {
	switch s {
	case dose.WithdrawalNone:
		return e.None
	case dose.WithdrawalSevere:
		return e.Severe
	case dose.WithdrawalDeadly:
		return e.Deadly
	case dose.WithdrawalModerate:
	}
	return e.Moderate
}

// Priority is wire.Priority with its name as text.
type Priority wire.Priority

// MarshalText writes "info", "low", "medium" or "high".
func (p Priority) MarshalText() ([]byte, error) {
	if w := wire.Priority(p); w < wire.PriorityInfo || w > wire.PriorityHigh {
		return nil, fmt.Errorf("unknown priority %d", uint8(p))
	}
	return []byte(wire.Priority(p).String()), nil
}

// UnmarshalText reads what MarshalText writes.
func (p *Priority) UnmarshalText(b []byte) error {
	for w := wire.PriorityInfo; w <= wire.PriorityHigh; w++ {
		if w.String() == string(b) {
			*p = Priority(w)
			return nil
		}
	}
	return fmt.Errorf("unknown priority %q", b)
}

// Alarm is one condition that this model detects.
type Alarm struct {
	Code     Code          `cbor:"1,keyasint" json:"code"`
	Priority Priority      `cbor:"2,keyasint" json:"priority"`
	Effect   Effects       `cbor:"3,keyasint" json:"effect"`
	Latched  bool          `cbor:"4,keyasint" json:"latched"`                      // stays until cleared at the pump
	Critical bool          `cbor:"5,keyasint" json:"critical"`                     // two-tone sound; else one tone
	Repeat   units.Seconds `cbor:"6,keyasint,omitempty" json:"repeat_s,omitempty"` // of the sound, 0 if once
}

// Alarm returns the rule for a condition; ok is false if this model cannot
// detect it.
func (p *Profile) Alarm(c Code) (a Alarm, ok bool) {
	for _, a := range p.Alarms {
		if a.Code == c {
			return a, true
		}
	}
	return Alarm{}, false
}
