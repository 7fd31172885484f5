// Package profile describes a model of pump as data: what it can do, what it
// holds, how it fails and how long it may be silent.
//
// A profile is a signed, versioned document, not code: the same server and the
// same emulator serve a pump that did not exist when they were built. On the
// wire it is deterministic CBOR with integer keys, decoded strictly, and its
// hash is what a pump names in hello. Files carry the same struct as JSON with
// quantities as digit strings. Both forms are checked alike: a Profile returned
// by Decode or ParseJSON is valid.
//
// Every number of a sample says where it comes from in Sources, with the tag of
// its confidence: S… is a published source, MEM-H, MEM-M and MEM-L are common
// knowledge written down with high, medium or low confidence, CALC is derived
// and PROP is a proposal of this project.
//
// The package is pure. A *Profile is shared and never written to.
package profile

import (
	"cisterna/device/dose"
	"cisterna/device/units"
)

// Format is the version of the document's form.
const Format = 1

// Drive is what moves the fluid.
type Drive string

// The drives.
const (
	Peristaltic  Drive = "peristaltic"   // stepper motor and rotor; the tubing sets when it rests
	ValveMetered Drive = "valve_metered" // gas pressure, metered by valves
	ConstantFlow Drive = "constant_flow" // gas pressure and a restrictor; nothing to program, no battery
)

// Verifier says who checks signatures of orders. It is shown wherever it
// matters: with Communicator, whoever owns the communicator owns the dose.
type Verifier string

// The verifiers. Nobody is a device without a link.
const (
	Implant      Verifier = "implant"
	Communicator Verifier = "communicator"
	Nobody       Verifier = "nobody"
)

// Profile is one model of pump.
type Profile struct {
	Format     uint16        `cbor:"1,keyasint" json:"format"`
	ID         string        `cbor:"2,keyasint" json:"id"`      // stable over versions, [a-z0-9-]
	Version    uint32        `cbor:"3,keyasint" json:"version"` // rises with every change
	Name       string        `cbor:"4,keyasint" json:"name"`
	Note       string        `cbor:"5,keyasint,omitempty" json:"note,omitempty"` // which class of device it follows
	Drive      Drive         `cbor:"6,keyasint" json:"drive"`
	Verifier   Verifier      `cbor:"7,keyasint" json:"verifies_signatures"`
	TLS12      bool          `cbor:"8,keyasint" json:"tls12"` // the communicator cannot do TLS 1.3
	Range      dose.Range    `cbor:"9,keyasint" json:"range"`
	Reservoir  Reservoir     `cbor:"10,keyasint" json:"reservoir"`
	Path       Path          `cbor:"11,keyasint" json:"path"`
	Accuracy   Accuracy      `cbor:"12,keyasint" json:"accuracy"`
	Battery    Battery       `cbor:"13,keyasint" json:"battery"`
	Sensors    Sensors       `cbor:"14,keyasint" json:"sensors"`
	SampleEach units.Seconds `cbor:"15,keyasint" json:"sample_each_s"` // interval of telemetry samples
	StopEffect Effects       `cbor:"16,keyasint" json:"stop_effect"`   // what an ordered stop does, per severity; overdose always stops
	Alarms     []Alarm       `cbor:"17,keyasint" json:"alarms"`        // what the pump detects; rising by code
	Silence    []Silence     `cbor:"18,keyasint" json:"silence"`       // one per severity, rising
	Sources    []Source      `cbor:"19,keyasint" json:"source"`

	// ConfirmIncrease makes the pump hold an order that gives more of anything
	// until somebody beside the patient has pressed its button.
	ConfirmIncrease bool `cbor:"20,keyasint,omitempty" json:"confirm_increase,omitempty"`
}

// Reservoir is the drug reservoir.
type Reservoir struct {
	Capacity   units.Volume `cbor:"1,keyasint" json:"capacity_nl"`
	Residual   units.Volume `cbor:"2,keyasint" json:"residual_nl"`    // cannot be aspirated
	LowDefault units.Volume `cbor:"3,keyasint" json:"low_default_nl"` // low-reservoir alarm of a fresh pump
	LowMin     units.Volume `cbor:"4,keyasint" json:"low_min_nl"`
	LowMax     units.Volume `cbor:"5,keyasint" json:"low_max_nl"`
}

// Path is the way from reservoir to catheter tip.
type Path struct {
	Tubing    units.Volume `cbor:"1,keyasint" json:"tubing_nl"` // inside the pump, reservoir to catheter port
	PerCM     units.Volume `cbor:"2,keyasint" json:"catheter_nl_cm"`
	DepthMM   uint16       `cbor:"3,keyasint" json:"max_depth_mm"` // deepest implant that telemetry reaches
	MRIEmpty  bool         `cbor:"4,keyasint" json:"mri_empty"`    // must be emptied before MRI
	MRIStalls bool         `cbor:"5,keyasint" json:"mri_stalls"`   // the rotor stalls in the field and recovers later
}

// Accuracy is the span of actual over programmed delivery that counts as
// right, in thousandths.
type Accuracy struct {
	Low  uint16 `cbor:"1,keyasint" json:"low_permille"`
	High uint16 `cbor:"2,keyasint" json:"high_permille"`
}

// Battery is a primary cell. Charge is counted in picocoulombs, which are
// nanoamperes times milliseconds. A Capacity of 0 is a device without battery.
type Battery struct {
	Capacity int64         `cbor:"1,keyasint" json:"capacity_uah"`    // µAh
	IdleNA   int64         `cbor:"2,keyasint" json:"idle_na"`         // nA, always
	PumpPC   int64         `cbor:"3,keyasint" json:"pump_pc_nl"`      // pC per nL delivered
	Voltage  []Voltage     `cbor:"4,keyasint" json:"voltage"`         // falling charge; interpolated
	ERI      uint16        `cbor:"5,keyasint" json:"eri_permille"`    // charge left at the replacement indicator
	EOS      uint16        `cbor:"6,keyasint" json:"eos_permille"`    // charge left at end of service
	ERIAge   units.Seconds `cbor:"7,keyasint" json:"eri_age_s"`       // indicator by age, 0 if none
	MaxAge   units.Seconds `cbor:"8,keyasint" json:"max_age_s"`       // hard end by age, 0 if none
	AfterERI units.Seconds `cbor:"9,keyasint" json:"eos_after_eri_s"` // hard end after the indicator, 0 if none
}

// Voltage is one point of a discharge curve.
type Voltage struct {
	_      struct{} `cbor:",toarray"`
	Charge uint16   `json:"charge_permille"`
	MV     uint16   `json:"mv"`
}

// Sensors says what the pump measures. What it does not measure it cannot
// alarm on: a pump without a fill or flow sensor runs dry unnoticed if it
// over-infuses.
type Sensors struct {
	Fill        bool          `cbor:"1,keyasint" json:"fill"`
	Flow        bool          `cbor:"2,keyasint" json:"flow"`
	Pressure    bool          `cbor:"3,keyasint" json:"pressure"`
	Temperature bool          `cbor:"4,keyasint" json:"temperature"`
	FlowAfter   units.Seconds `cbor:"5,keyasint" json:"flow_after_s"`  // how long a wrong flow lasts before it alarms
	Compliance  units.Volume  `cbor:"6,keyasint" json:"compliance_nl"` // pushed against an occlusion before it alarms
	BasePA      int64         `cbor:"7,keyasint" json:"base_pa"`       // catheter pressure at rest, Pa
	OcclusionPA int64         `cbor:"8,keyasint" json:"occlusion_pa"`  // catheter pressure at the alarm, Pa
}

// Silence says when a link that says nothing becomes remarkable, for a
// reservoir of the given severity. For an implant, hours of silence can be
// normal.
type Silence struct {
	Severity dose.Severity `cbor:"1,keyasint" json:"severity"`
	Stale    units.Seconds `cbor:"2,keyasint" json:"stale_s"`   // values are no longer current
	Offline  units.Seconds `cbor:"3,keyasint" json:"offline_s"` // the link counts as down
	Alarm    units.Seconds `cbor:"4,keyasint" json:"alarm_s"`   // COMM_LOST
}

// Source says where a number comes from.
type Source struct {
	Field string `cbor:"1,keyasint" json:"field"` // JSON path, "range.max_rate_nl_day"
	Tag   string `cbor:"2,keyasint" json:"tag"`   // S21, MEM-H, CALC, PROP …
	Note  string `cbor:"3,keyasint,omitempty" json:"note,omitempty"`
}
