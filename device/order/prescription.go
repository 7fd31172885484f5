package order

import (
	"cisterna/device/dose"
	"cisterna/device/units"
)

// Act is what a prescription asks a pump to do.
type Act uint16

// The acts. Stop and withdraw are documents of their own.
const (
	ActProgram  Act = 1  // a new program for what is in the reservoir
	ActBolus    Act = 2  // one clinician's bolus on top of the program
	ActPrime    Act = 3  // a priming bolus alone
	ActVisit    Act = 4  // refill, prime, bridge, program and patient boluses, all or nothing
	ActBind     Act = 5  // the pump is in this patient from now on
	ActSettings Act = 6  // alarm settings
	ActResume   Act = 7  // run the kept program again
	ActErase    Act = 8  // no program: stopped, or the minimum rate
	ActAdopt    Act = 9  // what another maker's programmer left is meant so
	ActTransfer Act = 10 // the pump belongs to another site from now on
	ActClock    Act = 11 // set the clock that weekday programs follow
)

var actNames = [...]string{ActProgram: "program", ActBolus: "bolus", ActPrime: "prime", ActVisit: "visit", ActBind: "bind", ActSettings: "settings", ActResume: "resume", ActErase: "erase", ActAdopt: "adopt", ActTransfer: "transfer", ActClock: "clock"}

// String returns the act's name as the API spells it.
func (a Act) String() string { return nameOf(actNames[:], int(a), "act") }

// MarshalText writes the act's name.
func (a Act) MarshalText() ([]byte, error) { return marshalName(actNames[:], int(a)) }

// UnmarshalText reads what MarshalText writes.
func (a *Act) UnmarshalText(b []byte) error {
	i, err := unmarshalName(actNames[:], b)
	if err == nil {
		*a = Act(i)
	}
	return err
}

// Prescription says *what*: the document that the quorum signs. Which fields an
// act has stands in fields; all others are absent. Times are Unix seconds.
type Prescription struct {
	V         uint64         `cbor:"1,keyasint" json:"v"` // 1
	Act       Act            `cbor:"2,keyasint" json:"act"`
	ID        ID             `cbor:"3,keyasint" json:"id"`
	Pump      Digest         `cbor:"4,keyasint" json:"pump"`    // hash of the pump's key
	Serial    string         `cbor:"5,keyasint" json:"serial"`  // as printed on the pump
	Site      ID             `cbor:"6,keyasint" json:"site"`    // the pump's
	Patient   ID             `cbor:"7,keyasint" json:"patient"` // bound token; for a bind the new one
	Epoch     uint64         `cbor:"8,keyasint" json:"epoch"`
	State     Digest         `cbor:"9,keyasint" json:"state"` // that the signers saw
	NotBefore int64          `cbor:"10,keyasint" json:"not_before"`
	Expires   int64          `cbor:"11,keyasint" json:"expires"`
	Keyset    uint64         `cbor:"12,keyasint" json:"keyset"` // least version
	Reason    string         `cbor:"13,keyasint,omitempty" json:"reason,omitempty"`
	Flags     []Flag         `cbor:"14,keyasint,omitempty" json:"flags,omitempty"` // rising by code
	Library   *Digest        `cbor:"15,keyasint,omitempty" json:"library,omitempty"`
	Group     Group          `cbor:"16,keyasint,omitempty" json:"group,omitempty"`
	Contents  *dose.Contents `cbor:"17,keyasint,omitempty" json:"contents,omitempty"`
	Limits    *dose.Limits   `cbor:"18,keyasint,omitempty" json:"limits,omitempty"`
	Program   *dose.Program  `cbor:"19,keyasint,omitempty" json:"program,omitempty"`
	Dose      *dose.Dose     `cbor:"20,keyasint,omitempty" json:"dose,omitempty"`   // of a bolus or prime
	Bridge    *dose.Dose     `cbor:"21,keyasint,omitempty" json:"bridge,omitempty"` // of a program, while a bridge runs
	Checks    []Check        `cbor:"22,keyasint,omitempty" json:"checks,omitempty"`
	Window    *ID            `cbor:"23,keyasint,omitempty" json:"window,omitempty"` // of a bolus
	Visit     *Visit         `cbor:"24,keyasint,omitempty" json:"visit,omitempty"`
	Settings  *Settings      `cbor:"25,keyasint,omitempty" json:"settings,omitempty"`
	Volume    units.Volume   `cbor:"26,keyasint,omitempty" json:"volume_nl,omitempty"` // in the reservoir, of an adopt
	Transfer  *Transfer      `cbor:"27,keyasint,omitempty" json:"transfer,omitempty"`
	Zone      *int32         `cbor:"28,keyasint,omitempty" json:"zone_s,omitempty"` // seconds east of UTC, of a clock order
}

// Check is a number that signers computed on their own and the pump computes
// again, per ingredient, in ng. It is what makes a silent disagreement of two
// programs' arithmetic loud (safety S5).
type Check struct {
	_      struct{}   `cbor:",toarray"`
	Code   dose.Code  `json:"code"`
	Day    units.Mass `json:"day_ng"`    // the program's mean day, without patient boluses
	Worst  units.Mass `json:"worst_ng"`  // the worst 24 hours, rounded up
	Once   units.Mass `json:"once_ng"`   // in a bolus or prime
	Bridge units.Mass `json:"bridge_ng"` // in a bridge, of the old contents
}

// Flag says that the signers know of something and why they order it all the
// same.
type Flag struct {
	_      struct{} `cbor:",toarray"`
	Code   FlagCode `json:"code"`
	Reason string   `json:"reason"`
}

// FlagCode names what is overridden. Hard limits never are.
type FlagCode uint16

// The flags.
const (
	FlagSoftLimit FlagCode = 1 // above a soft limit of a day or of a bolus
	FlagSoftStep  FlagCode = 2 // a step above the soft step limit
)

// Visit is a refill with everything that belongs to it. The release names the
// branch.
type Visit struct {
	Planned Branch       `cbor:"1,keyasint" json:"planned"`
	Same    Branch       `cbor:"2,keyasint" json:"same"`
	Bounds  Bounds       `cbor:"3,keyasint" json:"bounds"`
	Rinse   units.Volume `cbor:"4,keyasint,omitempty" json:"rinse_nl,omitempty"` // with which the reservoir is rinsed; for the record
}

// Branch is one approved outcome of a visit.
type Branch struct {
	Contents dose.Contents `cbor:"1,keyasint" json:"contents"`
	Limits   dose.Limits   `cbor:"2,keyasint" json:"limits"`
	Program  dose.Program  `cbor:"3,keyasint" json:"program"`
	Prime    *dose.Dose    `cbor:"4,keyasint,omitempty" json:"prime,omitempty"`
	Bridge   *dose.Dose    `cbor:"5,keyasint,omitempty" json:"bridge,omitempty"`
	Checks   []Check       `cbor:"6,keyasint" json:"checks"`
}

// Bounds are the measured volumes within which the planned branch may run, both
// ends included.
type Bounds struct {
	AspiratedMin units.Volume `cbor:"1,keyasint" json:"aspirated_min_nl"`
	AspiratedMax units.Volume `cbor:"2,keyasint" json:"aspirated_max_nl"`
	FilledMin    units.Volume `cbor:"3,keyasint" json:"filled_min_nl"`
	FilledMax    units.Volume `cbor:"4,keyasint" json:"filled_max_nl"`
}

// Transfer names the site that a pump goes to and carries that site's keyset, as
// a signed document.
type Transfer struct {
	Site   ID    `cbor:"1,keyasint" json:"site"`
	Keyset Bytes `cbor:"2,keyasint" json:"keyset"`
}

// Encode returns the prescription's document.
func (p *Prescription) Encode() []byte { return encode(p) }

// PrescriptionHash names a prescription by its bytes: what approvals, releases
// and withdrawals refer to.
func PrescriptionHash(document []byte) Digest { return sum(domainPrescription, document) }

// DecodePrescription reads a prescription strictly and checks its form. It
// returns a value or a *Refusal, never both.
func DecodePrescription(b []byte) (Prescription, error) {
	var p Prescription
	if err := decodeDocument(b, &p, MaxPrescription, strict); err != nil {
		return Prescription{}, err
	}
	if err := p.form(); err != nil {
		return Prescription{}, err
	}
	return p, nil
}
