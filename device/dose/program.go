package dose

import (
	"fmt"

	"cisterna/device/units"
)

// Mode is a way to infuse.
type Mode uint8

// The modes. Bolus, Prime, Bridge and Patient run beside or before a program
// and are no mode of one; a device's range lists which of all it offers.
const (
	Stopped    Mode = 1 // nothing moves
	Minimum    Mode = 2 // the device's minimum rate; there is no therapy
	Continuous Mode = 3 // one rate
	FlexDay    Mode = 4 // steps by time of day
	FlexWeek   Mode = 5 // steps by day of week and time of day
	Periodic   Mode = 6 // a bolus every interval, the minimum rate between
	Single     Mode = 7 // one bolus, then Then
	Patient    Mode = 8 // patient boluses (PTM) on top of a program
	Bolus      Mode = 9
	Prime      Mode = 10
	Bridge     Mode = 11
)

var modeNames = [...]string{Stopped: "stopped", Minimum: "minimum", Continuous: "continuous", FlexDay: "flex_day", FlexWeek: "flex_week", Periodic: "periodic", Single: "single", Patient: "patient", Bolus: "bolus", Prime: "prime", Bridge: "bridge"}

// String returns the mode's name as profiles and the API spell it.
func (m Mode) String() string {
	if m >= Stopped && int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("mode(%d)", uint8(m))
}

// MarshalText writes the mode's name.
func (m Mode) MarshalText() ([]byte, error) { return marshalName(modeNames[:], int(m)) }

// UnmarshalText reads what MarshalText writes.
func (m *Mode) UnmarshalText(b []byte) error {
	i, err := unmarshalName(modeNames[:], b)
	if err == nil {
		*m = Mode(i)
	}
	return err
}

// Bounds on a program's size (ORDERS.md, Documents).
const (
	MaxSegments       = 128
	MaxSegmentsPerDay = 48
)

// Segment is a stretch of constant flow within a cycle.
type Segment struct {
	_        struct{}      `cbor:",toarray"`
	Offset   units.Seconds `json:"offset_s"`
	Duration units.Seconds `json:"duration_s"`
	Volume   units.Volume  `json:"volume_nl"`
}

// Program is what a pump infuses until it is told otherwise. The zero value is
// no program; Off is the program that stands still.
type Program struct {
	Mode     Mode          `cbor:"1,keyasint" json:"mode"`
	Cycle    units.Seconds `cbor:"2,keyasint" json:"cycle_s"` // what the segments fill; repeats, but for Single
	Segments []Segment     `cbor:"3,keyasint" json:"segments"`
	PTM      *PTM          `cbor:"4,keyasint,omitempty" json:"ptm,omitempty"`
	Then     Mode          `cbor:"5,keyasint,omitempty" json:"then,omitempty"` // Single only: Stopped or Minimum
}

// PTM lets the patient take boluses. A lockout runs from the start of each
// bolus, and from every programming session and refill.
type PTM struct {
	Volume    units.Volume  `cbor:"1,keyasint" json:"volume_nl"`
	Duration  units.Seconds `cbor:"2,keyasint" json:"duration_s"`
	Lockout   units.Seconds `cbor:"3,keyasint" json:"lockout_s"`
	Max24h    uint16        `cbor:"4,keyasint" json:"max_24h"`                         // in any 24 hours
	Window    units.Seconds `cbor:"5,keyasint,omitempty" json:"window_s,omitempty"`    // of MaxWindow; 0 if there is none
	MaxWindow uint16        `cbor:"6,keyasint,omitempty" json:"max_window,omitempty"`  // in any Window
	ValidFor  units.Seconds `cbor:"7,keyasint,omitempty" json:"valid_for_s,omitempty"` // running time after it was applied; 0 is for good
}

// Dose is a volume to be given over a duration: a bolus, a priming bolus or a
// bridge bolus.
type Dose struct {
	Volume   units.Volume  `cbor:"1,keyasint" json:"volume_nl"`
	Duration units.Seconds `cbor:"2,keyasint" json:"duration_s"`
}

// Off is the program of a pump that has none.
func Off() Program { return Program{Mode: Stopped} }

// Idle is the program that only keeps the tubing moving.
func Idle() Program { return Program{Mode: Minimum} }

// Clocked reports whether the program follows the pump's local clock.
func (p *Program) Clocked() bool { return p.Mode == FlexDay || p.Mode == FlexWeek }

// PerCycle returns the volume of one cycle without patient boluses.
func (p *Program) PerCycle() units.Volume {
	var sum units.Volume
	for _, s := range p.Segments {
		sum += s.Volume
	}
	return sum
}
