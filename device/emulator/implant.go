package emulator

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"cisterna/device/emulator/disk"
	"cisterna/device/emulator/journal"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/pump"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// Items of a pump in the journal. Numbers are never reused.
const (
	itemSnapshot = 1
	itemWritten  = 2 // records written since the snapshot, uvarint
)

// Intervals of writing the pump's state down.
const (
	snapshotEach = time.Minute      // beside samples; anything else writes it at once
	safeEach     = 10 * time.Minute // into the vault, for when the journal is lost; beside what somebody does
	appendMost   = 128              // records in one journal write
)

// implant is the pump's half of a device. It is part of Device and guarded by
// its mutex.
type implant struct {
	st      pump.State
	boot    [16]byte
	bootAt  int64  // Unix ms by the real clock when it booted
	skew    int64  // ms that its clock is ahead of the real one
	born    int64  // Unix ms when it was implanted
	lived   int64  // Unix ms up to which the patient's habits were lived
	written uint64 // records in the journal that are newer than the snapshot there
	skip    uint64 // records that a restart makes again and the journal has already
	snapAt  int64  // Unix ms of the snapshot in the journal
	safeAt  int64  // Unix ms of the one in the vault, 0 if it must have another at once
	off     bool   // without power
	ready   bool   // it was implanted and its state is loaded
}

// snapshot is what an implant needs to go on.
type snapshot struct {
	State  []byte   `cbor:"1,keyasint"`
	Boot   [16]byte `cbor:"2,keyasint"`
	BootAt int64    `cbor:"3,keyasint"`
	Skew   int64    `cbor:"4,keyasint"`
	Born   int64    `cbor:"5,keyasint"`
	Lived  int64    `cbor:"6,keyasint"`
	Note   string   `cbor:"7,keyasint"` // newest checkpoint of the record
	Small  bool     `cbor:"8,keyasint"` // it was shown a smaller one

	Windows order.Windows `cbor:"9,keyasint"`
	Patient order.ID      `cbor:"10,keyasint"`
	Site    order.ID      `cbor:"11,keyasint"`
	Done    order.Digest  `cbor:"12,keyasint"` // the document that changed the state last

	Shown uint64 `cbor:"13,keyasint,omitempty"` // size of the checkpoint shown last
	Fell  uint64 `cbor:"14,keyasint,omitempty"` // size to which it fell last
}

// at returns a moment as the pump sees it.
func (p *implant) at(real int64) pump.Time {
	return pump.Time{Mono: real - p.bootAt, Wall: real + p.skew}
}

func newBoot() (b [16]byte) {
	_, _ = rand.Read(b[:]) // never fails
	return b
}

func (d *Device) machine() *pump.Machine { return d.docs.profile.machine }

func (d *Device) snapshot() []byte {
	return encode(snapshot{
		State: d.st.Encode(), Boot: d.boot, BootAt: d.bootAt, Skew: d.skew, Born: d.born, Lived: d.lived, Note: d.check.note, Small: d.check.smaller,
		Windows: d.windows, Patient: d.patient, Site: d.site, Done: d.done, Shown: d.check.shown, Fell: d.check.fell,
	})
}

// restore takes a snapshot, which lies on fs, as the pump's state.
func (d *Device) restore(b []byte, fs disk.FS) error {
	var s snapshot
	err := dec.Unmarshal(b, &s)
	st := pump.State{}
	if err == nil {
		st, err = pump.Decode(s.State)
	}
	if err != nil {
		return d.unreadable("state", fs, err)
	}
	d.st, d.boot, d.bootAt, d.skew, d.born, d.lived = st, s.Boot, s.BootAt, s.Skew, s.Born, s.Lived
	d.windows, d.patient, d.site, d.done = s.Windows, s.Patient, s.Site, s.Done
	if d.site.IsZero() {
		d.site = d.who.Site
	}
	d.check = checkpoint{}
	if s.Note != "" {
		if _, err := d.check.take(s.Note, d.docs.root); err != nil {
			d.f.log.Warn("the newest checkpoint that a pump kept is no longer good", "serial", d.who.Serial, "error", err)
		}
		d.check.smaller, d.check.shown, d.check.fell = s.Small, s.Shown, s.Fell
	}
	d.off, d.ready = false, true
	return nil
}

// recall loads the state that is on disk: the journal's, or the vault's if the
// journal was lost. It reports whether the pump was ever implanted.
func (d *Device) recall() (ok bool, err error) {
	b, err := d.jp.Item(itemSnapshot)
	if err != nil || b == nil {
		if err != nil {
			d.f.log.Error("a pump's state cannot be read back; an older one from the vault takes its place", "serial", d.who.Serial, "error", err)
		}
		d.written, d.skip = 0, 0
		if b, err = d.safe.Item(itemState); err != nil || b == nil {
			return false, err
		}
		return true, d.restore(b, d.f.opt.Vault)
	}
	w, err := d.jp.Item(itemWritten)
	if err != nil {
		return true, err
	}
	n, _ := binary.Uvarint(w)
	d.written, d.skip = n, n
	return true, d.restore(b, d.f.opt.Journal)
}

// implantAt makes the pump at a moment: fresh from the maker, filled and programmed
// as the patient's plan says. fill is 0 for a volume by chance.
func (d *Device) implantAt(real int64, fill units.Volume) error {
	plan := d.plan()
	first, err := plan.start(fill)
	if err != nil {
		return fmt.Errorf("first programming: %w", err)
	}
	d.patient, d.site = d.who.Patient, d.who.Site
	first.Source = d.programmer()
	d.boot, d.bootAt, d.skew, d.born, d.lived = newBoot(), real, 0, real, real
	d.st = d.machine().Fresh(pump.Options{
		Firmware: d.who.Firmware, Epoch: 1, Age: plan.age, Used: plan.used, Phase: plan.phase, Zone: d.who.Zone,
	}, d.at(real))
	d.ready = true
	d.renew(real)
	var outs []pump.Output
	if d.who.Empty {
		d.step(pump.Tick{}, real, &outs)
		d.record(outs, real, true)
		return nil
	}
	if reply := d.step(first, real, &outs); reply == nil || reply.Err != nil {
		d.ready = false
		if reply == nil {
			return errors.New("the pump did not answer its first programming")
		}
		return fmt.Errorf("first programming: %w", reply.Err)
	}
	if !d.who.Patient.IsZero() {
		for _, g := range d.st.Contents.Ingredients { // our own people ordered it
			d.memory.Ordered = append(d.memory.Ordered, order.Ordered{Code: g.Code, Route: d.st.Contents.Route})
		}
	}
	d.record(outs, real, true)
	return nil
}

// programmer is who does what a plan lets happen: our own people on a pump that is
// in one of our patients, else anybody.
func (d *Device) programmer() string {
	if d.who.Patient.IsZero() {
		return pump.SourceLocal
	}
	return pump.SourceOrder
}

// step brings the pump up to a moment and gives it an input. What it wrote down
// is added to outs.
func (d *Device) step(in pump.Input, real int64, outs *[]pump.Output) (reply *pump.Reply) {
	st, more := d.machine().Step(d.st, in, d.at(real))
	d.st = st
	for i := range more {
		if more[i].Reply != nil {
			reply = more[i].Reply
			continue
		}
		if d.skip > 0 {
			d.skip--
			continue
		}
		*outs = append(*outs, more[i])
	}
	return reply
}

// advance lets the pump live up to a moment, the patient's habits included.
// history also lets things happen that afterwards are left to faults on demand.
func (d *Device) advance(real int64, history bool) {
	if !d.ready || d.off {
		return
	}
	var outs []pump.Output
	acted := false
	if history || d.f.opt.Habits {
		plan := d.plan()
		for {
			at, in := plan.next(d.lived, real, history)
			if in == nil {
				break
			}
			d.step(pump.Tick{}, at, &outs)
			d.lived = at
			if in = plan.still(in, &d.st); in != nil {
				if c, ok := in.(pump.Change); ok {
					c.Source = d.programmer()
					in = c
				}
				d.step(in, at, &outs)
			}
			acted = true
			if len(outs) >= appendMost {
				d.record(outs, at, true)
				outs = outs[:0]
			}
		}
	}
	d.lived = max(d.lived, real)
	d.step(pump.Tick{}, real, &outs)
	renewed := !history && d.renew(real)
	if acted {
		d.safeAt = 0 // see do
	}
	d.record(outs, real, acted || renewed)
}

// do gives the pump an input now. The state that it leads to is written into the vault
// as well: time is lived again by a pump that has lost its journal, what somebody did is
// not, and a bolus that nobody remembers locks nothing and counts towards no ceiling.
// That costs little: people do something a few times a day.
func (d *Device) do(in pump.Input, real int64) *pump.Reply {
	var outs []pump.Output
	reply := d.step(in, real, &outs)
	d.safeAt = 0
	d.record(outs, real, true)
	return reply
}

// recordThen writes outputs and the state that they led to, and tells done when
// all of it is durable.
func (d *Device) recordThen(outs []pump.Output, real int64, done func(error)) {
	for len(outs) > appendMost {
		d.write(outs[:appendMost], real, false, d.onDurable)
		outs = outs[appendMost:]
	}
	d.write(outs, real, true, done)
}

// record writes outputs into the journal, with the state that they led to or a
// count from which it can be made again.
func (d *Device) record(outs []pump.Output, real int64, full bool) {
	for len(outs) > appendMost {
		d.write(outs[:appendMost], real, false, d.onDurable)
		outs = outs[appendMost:]
	}
	if len(outs) > 0 || full {
		d.write(outs, real, full, d.onDurable)
	}
}

func (d *Device) write(outs []pump.Output, real int64, full bool, done func(error)) {
	var w journal.Write
	for i := range outs {
		o := &outs[i]
		if o.Lane() == wire.AlarmLane {
			w.Alarm = append(w.Alarm, o.Record)
		} else {
			w.Main = append(w.Main, o.Record)
		}
	}
	d.written += uint64(len(outs))
	// A snapshot belongs to a moment at which all outputs are written.
	full = full || real-d.snapAt >= snapshotEach.Milliseconds() && len(outs) < appendMost
	if full {
		d.written, d.snapAt = 0, real
		state := d.snapshot()
		w.Items = append(w.Items, journal.Item{Key: itemSnapshot, Value: state})
		if real-d.safeAt >= safeEach.Milliseconds() {
			d.keepSafe(state, real)
		}
	}
	w.Items = append(w.Items, journal.Item{Key: itemWritten, Value: binary.AppendUvarint(nil, d.written)})
	d.jp.Append(w, done)
}

// keepSafe writes a state into the vault.
func (d *Device) keepSafe(state []byte, real int64) {
	d.safeAt = real
	d.safe.Append(journal.Write{Items: []journal.Item{{Key: itemState, Value: state}}}, nil)
}

// standing returns what stands now and what does not, for a journal or a server that
// has lost alarms: raises of what is wrong, and clears of all else, or an alarm whose
// end was lost would stay open there for ever. A state out of the vault is of some minutes ago: it is brought up to now, aside,
// because only what the pump itself lives goes into its records. Called with d.mu held.
func (d *Device) standing(real int64, why string) (recs []wire.Record) {
	if !d.ready {
		return nil
	}
	t, st := d.at(real), d.st
	again := func(rec wire.Record) {
		rec.Wall, rec.Mono = t.Wall, uint64(max(t.Mono, 0))
		recs = append(recs, rec)
	}
	if !d.off {
		st, _ = d.machine().Step(st, pump.Tick{}, t)
	}
	active := st.Active()
	for _, code := range active {
		a, ok := d.machine().Profile().Alarm(code)
		if !ok {
			a = profile.Alarm{Code: code, Priority: profile.Priority(wire.PriorityMedium)}
		}
		again(wire.Record{Kind: wire.RecordRaise, Raise: &wire.Raise{
			Code: string(code), Priority: wire.Priority(a.Priority), Latched: a.Latched, Detail: map[string]string{wire.Repeated: why},
		}})
	}
	for bit := range profile.Codes() {
		if code := profile.CodeOf(bit); !slices.Contains(active, code) {
			again(wire.Record{Kind: wire.RecordClear, Clear: &wire.Clear{Code: string(code), Detail: map[string]string{wire.Repeated: why}}})
		}
	}
	return recs
}
