package emulator

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
)

// Status is how a pump is, for people and tests.
type Status struct {
	Serial    string            `json:"serial"`
	Model     string            `json:"model"`
	Pump      string            `json:"pump"` // its name in records
	Link      string            `json:"link"`
	Connected bool              `json:"connected"`
	Since     *time.Time        `json:"since,omitempty"` // connected
	NextDial  *time.Time        `json:"next_dial,omitempty"`
	LastError string            `json:"last_error,omitempty"`
	Main      Progress          `json:"main"`
	Alarm     Progress          `json:"alarm"`
	Refused   map[string]uint64 `json:"refused,omitempty"` // refusals heard, by code

	Run          string   `json:"run"`
	RateNLDay    int64    `json:"rate_nl_day,string"`
	DeliveredNL  int64    `json:"delivered_nl,string"`
	ReservoirNL  int64    `json:"reservoir_nl,string"`
	TrueNL       int64    `json:"true_reservoir_nl,string"` // what an aspiration would find
	BatteryMV    int64    `json:"battery_mv"`
	Alarms       []string `json:"alarms"`
	Faults       []string `json:"faults"`
	Gen          uint64   `json:"gen"`
	StateHash    string   `json:"state_hash"`
	ProgramHash  string   `json:"program_hash"`
	Boot         string   `json:"boot"`
	Power        bool     `json:"power"`
	SkewMS       int64    `json:"clock_skew_ms"`
	Keyset       uint64   `json:"keyset"`
	Library      uint64   `json:"library"`
	Checkpoint   uint64   `json:"checkpoint"` // size of the record it was shown
	Smaller      bool     `json:"smaller"`
	CertNotAfter string   `json:"cert_not_after,omitempty"`

	Orders OrderStatus `json:"orders"`
}

// OrderStatus is what a pump knows of orders.
type OrderStatus struct {
	Epoch       uint64           `json:"epoch"`
	Site        order.ID         `json:"site"`
	Patient     order.ID         `json:"patient"` // bound token, zeros if it is in nobody
	Foreign     bool             `json:"foreign"`
	Untrusted   bool             `json:"clock_untrusted"`
	Window      order.ID         `json:"window"`
	Counter     uint64           `json:"counter"`
	StopCounter uint64           `json:"stop_counter"`
	Answers     []order.Answered `json:"answers"`   // oldest first
	Applied     []order.Digest   `json:"applied"`   // prescriptions
	Withdrawn   []order.Digest   `json:"withdrawn"` //
	Missed      uint64           `json:"missed"`    // documents over the budget, not told yet
	Held        *HeldStatus      `json:"held,omitempty"`
}

// HeldStatus is an increase that waits for the button, see the fault "confirm".
type HeldStatus struct {
	Release      order.Digest `json:"release"`
	Prescription order.Digest `json:"prescription"`
	Code         string       `json:"code"` // six digits, to match the pump with a screen; they secure nothing
	Until        time.Time    `json:"until"`
}

// orderStatus is called with d.mu held.
func (d *Device) orderStatus() OrderStatus {
	s := OrderStatus{
		Epoch: d.st.Epoch, Site: d.site, Patient: d.patient, Foreign: d.st.Foreign, Untrusted: d.st.Clock.Bad, Window: d.windows.Current(),
		Counter: d.memory.Counter, StopCounter: d.memory.Stops, Missed: d.missed.count,
		Answers: slices.Clone(d.memory.Answers), Applied: slices.Clone(d.memory.Applied),
	}
	for _, w := range d.memory.Withdrawn {
		s.Withdrawn = append(s.Withdrawn, w.Prescription)
	}
	if h := d.held; h != nil {
		s.Held = &HeldStatus{
			Release: h.name, Prescription: h.prescription, Until: time.UnixMilli(d.bootAt + h.until).UTC(),
			Code: fmt.Sprintf("%06d", binary.BigEndian.Uint32(h.name[:])%1_000_000),
		}
	}
	return s
}

// Progress is how far a lane has come. Everything up to Cursor was dropped here
// because the server said that it is committed.
type Progress struct {
	Epoch  uint64 `json:"epoch"`
	Last   uint64 `json:"last"`
	Cursor uint64 `json:"cursor"`
}

// Status returns how the pump is now.
func (d *Device) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.f.opt.Now()
	s := Status{
		Serial: d.who.Serial, Model: d.who.Model, Pump: d.id.String(), Link: d.who.Link, Connected: d.conn != nil, LastError: d.lastErr,
		Main: d.progress(wire.MainLane), Alarm: d.progress(wire.AlarmLane), Refused: maps.Clone(d.refused),
		Power: d.ready && !d.off, SkewMS: d.skew, Checkpoint: d.check.size, Smaller: d.check.smaller, Alarms: []string{}, Faults: []string{},
	}
	if d.conn != nil {
		s.Since = new(d.since)
	} else if d.started && !d.dialling {
		s.NextDial = new(later(d.nextDial, d.downTill))
	}
	if !d.certEnd.IsZero() {
		s.CertNotAfter = d.certEnd.UTC().Format(time.RFC3339)
	}
	if d.docs.keyset != nil {
		s.Keyset = d.docs.keyset.Version
	}
	if d.docs.library != nil {
		s.Library = d.docs.library.Version
	}
	for _, f := range d.faults {
		if f.until.IsZero() {
			s.Faults = append(s.Faults, f.Kind+" until it is ended")
			continue
		}
		s.Faults = append(s.Faults, f.Kind+" for "+f.until.Sub(now).Round(time.Second).String())
	}
	if !d.ready {
		return s
	}
	if d.started && !d.stopped {
		d.advance(now.UnixMilli(), false)
	}
	sample := d.machine().Sample(&d.st)
	state, program := d.st.StateHash(), d.st.Program.Hash()
	s.Run, s.RateNLDay, s.DeliveredNL, s.ReservoirNL, s.BatteryMV = sample.Run.String(), sample.RateNLDay, sample.DeliveredNL, sample.ReservoirNL, sample.BatteryMV
	s.TrueNL, s.Gen = int64(d.st.TrueReservoir()), d.st.Gen
	s.StateHash, s.ProgramHash, s.Boot = hex.EncodeToString(state[:]), hex.EncodeToString(program[:]), hex.EncodeToString(d.boot[:])
	s.Orders = d.orderStatus()
	for _, c := range d.st.Active() {
		s.Alarms = append(s.Alarms, string(c))
	}
	return s
}

func (d *Device) progress(l wire.Lane) Progress {
	h := d.jp.Head(l)
	return Progress{Epoch: h.Epoch, Last: h.Last, Cursor: h.Cursor}
}
