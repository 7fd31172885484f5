package emulator

import (
	"fmt"
	"slices"
	"time"

	"cisterna/device/emulator/journal"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/pump"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/internal/errs"
)

// What follows is what the faults of the table do. Each is called with d.mu held
// and returns what ends it, if it lasts.

func linkLoss(d *Device, f Fault) (func(*Device), error) {
	d.downTill = d.f.opt.Now().Add(f.For)
	d.hangUp()
	return func(d *Device) { d.downTill, d.nextDial, d.fails = time.Time{}, time.Time{}, 0 }, nil
}

func reconnect(d *Device, _ Fault) (func(*Device), error) {
	d.hangUp()
	return nil, nil
}

func shaped(set func(s *shaper, f Fault, until time.Time)) func(*Device, Fault) (func(*Device), error) {
	return func(d *Device, f Fault) (func(*Device), error) {
		if d.conn == nil {
			return nil, errs.Conflictf("pump %s is not connected", d.who.Serial)
		}
		if d.shape == nil {
			d.shape = &shaper{}
		}
		set(d.shape, f, d.f.opt.Now().Add(f.For))
		return func(d *Device) {
			if d.shape != nil {
				set(d.shape, f, time.Time{})
			}
		}, nil
	}
}

func clockJump(d *Device, f Fault) (func(*Device), error) {
	real := d.f.opt.Now().UnixMilli()
	d.skew += f.Value * 1000
	d.do(pump.Tick{}, real)
	set := d.clocks
	return func(d *Device) {
		if d.clocks != set {
			return // an order has set it since
		}
		d.skew -= f.Value * 1000
		d.do(pump.Tick{}, d.f.opt.Now().UnixMilli())
	}, nil
}

func clockYears(d *Device, f Fault) (func(*Device), error) {
	const year = 365 * 24 * 3600
	if f.Value < -50 || f.Value > 50 {
		return nil, errs.Invalidf("fault %s: %d years: want -50 to 50", f.Kind, f.Value)
	}
	f.Value *= year
	return clockJump(d, f)
}

// foreignProgram is what a local programmer of another maker does: it takes what
// runs and makes it more or less.
func foreignProgram(d *Device, f Fault) (func(*Device), error) {
	if f.Value < 1 || f.Value > 10_000 {
		return nil, errs.Invalidf("fault %s: %d thousandths: want 1 to 10000", f.Kind, f.Value)
	}
	p := d.st.Program
	p.Segments = slices.Clone(p.Segments)
	for i := range p.Segments {
		p.Segments[i].Volume = p.Segments[i].Volume * units.Volume(f.Value) / 1000
	}
	return d.insist(pump.Change{Program: &p, Source: pump.SourceLocal})
}

func confirm(d *Device, _ Fault) (func(*Device), error) {
	if err := d.press(true); err != nil {
		return nil, errs.Wrap(errs.Conflict, err, "pump %s: nothing to confirm", d.who.Serial)
	}
	return nil, nil
}

// powerCut leaves the implant with what lies in its permanent memory: counters and
// program, but no bolus in progress and no sense of time.
func powerCut(d *Device, f Fault) (func(*Device), error) {
	d.record(nil, d.f.opt.Now().UnixMilli(), true)
	d.off = true
	d.hangUp()
	return func(d *Device) { d.boots(pump.Power) }, nil
}

// cutOrder has the power go within the next order: see book.go for its writes.
func cutOrder(d *Device, f Fault) (func(*Device), error) {
	if f.Value != 1 && f.Value != 2 {
		return nil, errs.Invalidf("fault %s: after write %d: want 1 or 2", f.Kind, f.Value)
	}
	d.cutAfter = int(f.Value)
	return nil, nil
}

// orderCut is how long the power is away that goes within an order.
const orderCut = 5 * time.Second

// cutNow takes the power away if it is to go after this write of an order. Called
// with d.mu held.
func (d *Device) cutNow(write int) {
	if d.cutAfter != write {
		return
	}
	d.cutAfter = 0
	now := d.f.opt.Now()
	f := Fault{Kind: "power-cut", For: orderCut}
	d.finishFault(f.Kind)
	if end, err := powerCut(d, f); err == nil {
		d.faults = append(d.faults, activeFault{f, now.Add(f.For), end})
	}
	d.stepAt = now.UnixMilli()
	d.wakeLocked()
}

// boots starts the implant again, with a new boot id and time from zero. A stop that
// the power interrupted comes before anything else.
func (d *Device) boots(c pump.Cause) {
	real := d.f.opt.Now().UnixMilli()
	d.off, d.boot, d.bootAt, d.lived = false, newBoot(), real, real
	d.windows, d.budgets, d.held, d.missed = nil, order.Budgets{}, nil, missed{}
	d.renew(real)
	d.do(pump.Reboot{Cause: c}, real)
	d.stopAtBoot(real)
	d.nextDial = time.UnixMilli(real).Add(d.f.spread())
}

func reboot(c pump.Cause) func(*Device, Fault) (func(*Device), error) {
	return func(d *Device, _ Fault) (func(*Device), error) {
		d.boots(c)
		d.hangUp()
		return nil, nil
	}
}

// bodyFaults are the faults of package pump that last.
var bodyFaults = []struct {
	name string
	kind pump.FaultKind
}{
	{"flow", pump.FlowFault},
	{"kink", pump.Kink},
	{"occlusion", pump.OcclusionOut},
	{"occlusion-in", pump.OcclusionIn},
	{"stall", pump.Stall},
	{"telemetry-stuck", pump.TelemStuck},
	{"overheat", pump.Overheat},
}

func body(kind pump.FaultKind) func(*Device, Fault) (func(*Device), error) {
	return func(d *Device, f Fault) (func(*Device), error) {
		if f.Value < 0 || f.Value > 100_000 {
			return nil, errs.Invalidf("fault %s: %d is out of range", f.Kind, f.Value)
		}
		d.do(pump.Fault{Kind: kind, Value: uint32(f.Value)}, d.f.opt.Now().UnixMilli())
		return func(d *Device) {
			if !d.off {
				d.do(pump.Fault{Kind: kind, Ends: true}, d.f.opt.Now().UnixMilli())
			}
		}, nil
	}
}

// remembered is for faults that others look up while they last.
func remembered(*Device, Fault) (func(*Device), error) { return func(*Device) {}, nil }

func press(d *Device, f Fault) (func(*Device), error) {
	if f.Value < 1 || f.Value > 100 {
		return nil, errs.Invalidf("%d presses: want 1 to 100", f.Value)
	}
	for range f.Value {
		d.do(pump.PTMRequest{}, d.f.opt.Now().UnixMilli())
	}
	return nil, nil
}

func refill(d *Device, f Fault) (func(*Device), error) {
	v := units.Volume(f.Value)
	if v == 0 {
		v = d.machine().Profile().Reservoir.Capacity
	}
	return d.insist(pump.Change{Refill: &pump.Refill{Volume: v}, Source: "local"})
}

func interrogate(d *Device, f Fault) (func(*Device), error) {
	codes := d.st.Active()
	if f.Text != "" {
		codes = []profile.Code{profile.Code(f.Text)}
	}
	for _, c := range codes {
		if _, err := d.insist(pump.Clear{Code: c}); err != nil && f.Text != "" {
			return nil, err
		}
	}
	return nil, nil
}

func stopPump(d *Device, f Fault) (func(*Device), error) {
	return d.insist(pump.Stop{Overdose: f.Value == 1, Source: "local"})
}

func resume(d *Device, _ Fault) (func(*Device), error) { return d.insist(pump.Resume{Source: "local"}) }

// insist gives the pump an input and hands on its refusal.
func (d *Device) insist(in pump.Input) (func(*Device), error) {
	if r := d.do(in, d.f.opt.Now().UnixMilli()); r != nil && r.Err != nil {
		return nil, errs.Wrap(errs.Conflict, r.Err, "pump %s refuses", d.who.Serial)
	}
	return nil, nil
}

// loseJournal gives up everything that waits, as a communicator does whose
// storage died.
func loseJournal(d *Device, _ Fault) (func(*Device), error) {
	d.journalLost(0, fmt.Errorf("it was made to lose them"))
	return nil, nil
}

func tenYears(d *Device, _ Fault) (func(*Device), error) {
	now := d.f.opt.Now()
	t := d.at(now.AddDate(10, 0, 0).UnixMilli())
	d.jp.Append(journal.Write{Main: []wire.Record{{
		Kind: wire.RecordSample, Wall: t.Wall, Mono: uint64(max(d.at(now.UnixMilli()).Mono, 0)), Sample: d.machine().Sample(&d.st),
	}}}, d.onDurable)
	return nil, nil
}
