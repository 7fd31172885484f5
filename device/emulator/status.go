package emulator

import (
	"encoding/hex"
	"maps"
	"time"

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
	for _, c := range d.st.Active() {
		s.Alarms = append(s.Alarms, string(c))
	}
	return s
}

func (d *Device) progress(l wire.Lane) Progress {
	h := d.jp.Head(l)
	return Progress{Epoch: h.Epoch, Last: h.Last, Cursor: h.Cursor}
}
