package order

import (
	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// Report is what a pump says of itself, in its signed hello, heartbeats and
// answers (wire.State, Report), so that others can judge an order as it will: a
// server that checks a proposal, and whoever is about to sign. Nothing in it
// decides anything on the pump.
type Report struct {
	State   State        `cbor:"1,keyasint" json:"state"`
	Site    ID           `cbor:"2,keyasint" json:"site"`
	Patient ID           `cbor:"3,keyasint" json:"patient"` // bound token, zero if it is in nobody
	Foreign bool         `cbor:"4,keyasint" json:"foreign"` // programmed by another maker's programmer, and not adopted since
	Limits  dose.Limits  `cbor:"5,keyasint" json:"limits"`
	Ceiling dose.Ceiling `cbor:"6,keyasint" json:"ceiling"`   // of what is at the catheter's tip
	Hour    units.Volume `cbor:"7,keyasint" json:"hour_nl"`   // counted against the ceiling in the last hour
	Day     units.Volume `cbor:"8,keyasint" json:"day_nl"`    // and in the last 24
	Volume  units.Volume `cbor:"9,keyasint" json:"volume_nl"` // in the reservoir, as the pump reckons
	Fill    units.Volume `cbor:"10,keyasint" json:"fill_nl"`  // that was filled in at the last refill, 0 if never
	Bridge  bool         `cbor:"11,keyasint" json:"bridge"`   // one runs or waits
	Busy    Busy         `cbor:"12,keyasint" json:"busy"`     //
	Faults  []string     `cbor:"13,keyasint" json:"faults"`   // active ones of delivery, memory or hardware
	Trusted bool         `cbor:"14,keyasint" json:"trusted"`  // its clock is
	Run     int64        `cbor:"15,keyasint" json:"run_ms"`   // running time
	Ordered []Ordered    `cbor:"16,keyasint" json:"ordered"`  // in this epoch
	Own     *OwnStop     `cbor:"17,keyasint,omitempty" json:"own_stop,omitempty"`
	Path    []Fluid      `cbor:"18,keyasint,omitempty" json:"path,omitempty"` // other fluid than the reservoir's on the way to the tip
	Pace    *dose.Dose   `cbor:"19,keyasint,omitempty" json:"pace,omitempty"` // of the bridge: what is left of it takes this long
}

// MaxReport bounds an encoded report in bytes.
const MaxReport = 16 << 10

// ReportOf returns what a pump with this view says of itself.
func ReportOf(v *View) Report {
	return Report{
		State: v.State, Site: v.Site, Patient: v.Patient, Foreign: v.Foreign, Limits: v.Limits, Ceiling: v.Ceiling, Hour: v.Hour, Day: v.Day,
		Volume: v.Volume, Fill: v.Fill, Path: v.Path, Bridge: v.Bridge != nil, Pace: v.Bridge, Busy: v.Busy, Faults: v.Faults, Trusted: v.Trusted, Run: v.Run,
		Ordered: v.Memory.Ordered, Own: v.Memory.Own,
	}
}

// View returns a view with what the report says. The rest (pump, documents,
// range, clock, windows, counters) is the caller's to fill in.
func (r *Report) View() View {
	return View{
		State: r.State, Site: r.Site, Patient: r.Patient, Foreign: r.Foreign, Limits: r.Limits, Ceiling: r.Ceiling, Hour: r.Hour, Day: r.Day,
		Volume: r.Volume, Fill: r.Fill, Path: r.Path, Bridge: r.Pace, Busy: r.Busy, Faults: r.Faults, Trusted: r.Trusted, Run: r.Run,
		Memory: Memory{Ordered: r.Ordered, Own: r.Own},
	}
}

// Encode returns the report as deterministic CBOR.
func (r *Report) Encode() []byte { return encode(r) }

// DecodeReport reads what Encode writes, strictly.
func DecodeReport(b []byte) (Report, error) {
	var r Report
	if err := decodeForm(b, &r, MaxReport, strict); err != nil {
		return Report{}, err
	}
	if r.State.Run < wire.Infusing || r.State.Run > wire.Stopped {
		return Report{}, refuse(ErrFormat, "a report with run state %d", r.State.Run)
	}
	if err := r.State.Program.Form(); err != nil {
		return Report{}, refuse(ErrFormat, "a report: %v", err)
	}
	if len(r.Ordered) > maxOrdered {
		return Report{}, refuse(ErrFormat, "a report with %d ingredients", len(r.Ordered))
	}
	if err := r.pathForm(); err != nil {
		return Report{}, err
	}
	return r, nil
}

// pathForm checks what a report says of the path. One that has a bridge and does not
// say what it clears is of a pump that cannot say it.
func (r *Report) pathForm() error {
	if len(r.Path) > MaxPath || r.Pace != nil && (!r.Bridge || len(r.Path) == 0) {
		return refuse(ErrFormat, "a report with %d fluids in the path", len(r.Path))
	}
	left := units.Volume(0)
	for _, f := range r.Path {
		if err := f.Contents.Validate(); err != nil {
			return refuse(ErrFormat, "a report: the path: %v", err)
		}
		if f.Left <= left || f.Left > 2*dose.MaxVolume || f.Ceiling.Hour < 0 || f.Ceiling.Day < 0 {
			return refuse(ErrFormat, "a report: the path holds %s after %s", f.Left, left)
		}
		left = f.Left
	}
	return doseForm(r.Pace)
}
