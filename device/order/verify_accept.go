package order

import (
	"cisterna/device/dose"
	"cisterna/device/wire"
)

// condition checks that the pump can do so now. No alarm blocks an order by
// itself: only faults of delivery, memory or hardware block boluses and
// increases (ORDERS.md, When the pump is busy or in trouble).
func (x *exam) condition() error {
	if err := x.idle(); err != nil {
		return err
	}
	s := &x.v.State
	switch x.p.Act {
	case ActBolus:
		if x.v.Foreign {
			return refuse(ErrState, "the program is not this platform's: adopt it first")
		}
		if s.Run != wire.Infusing || s.Program.Mode == dose.Single {
			return refuse(ErrState, "a bolus needs a program that runs")
		}
		if len(x.v.Path) > 0 {
			return refuse(ErrState, "a bolus would give the other fluid that still stands in the path")
		}
		if len(x.v.Faults) > 0 {
			return refuse(ErrState, "no bolus while %s is active", x.v.Faults[0])
		}
	case ActPrime:
		for _, f := range x.v.Faults {
			if f != "PRIME_FAIL" { // a failed priming is primed again
				return refuse(ErrState, "no priming while %s is active", f)
			}
		}
	case ActResume:
		if s.Run == wire.Infusing || !s.therapy() {
			return refuse(ErrState, "there is nothing to resume")
		}
	case ActAdopt:
		if !x.v.Foreign {
			return refuse(ErrState, "there is nothing to adopt")
		}
		if !s.therapy() {
			return refuse(ErrState, "there is no program to adopt")
		}
	case ActProgram, ActVisit:
		if x.increase && len(x.v.Faults) > 0 {
			return refuse(ErrState, "not more while %s is active", x.v.Faults[0])
		}
	case ActBind, ActSettings, ActErase, ActTransfer, ActClock:
	}
	return nil
}

// idle checks that the order disturbs nothing that runs.
func (x *exam) idle() error {
	switch x.v.Busy {
	case Idle:
		return nil
	case BusyInstalled:
		return refuse(ErrBusy, "firmware is being installed")
	case BusyBolus, BusyPrime:
	}
	switch x.p.Act {
	case ActProgram, ActBolus, ActPrime, ActVisit, ActErase, ActAdopt, ActClock:
		return refuse(ErrBusy, "a bolus or a priming runs")
	case ActBind, ActSettings, ActResume, ActTransfer:
	}
	return nil
}

// accept writes down what takes effect, and what the pump remembers of it.
func (x *exam) accept() error {
	x.out.Step = StepAccept
	m := x.out.Memory
	if x.p.Act == ActBolus {
		var ok bool
		if m, ok = m.give(x.hash, *x.p.Window, x.v.Windows, x.v.Mono); !ok {
			return refuse(ErrFull, "too many boluses to remember")
		}
	}
	e := x.effect()
	if x.p.Contents != nil {
		m = m.order(*x.p.Contents)
	}
	if x.p.Act == ActVisit {
		m = m.order(x.branch().Contents)
	}
	if e.Epoch != 0 {
		m = m.NewEpoch()
	}
	if x.p.Act != ActBolus {
		m.Own = nil
	}
	m.KeysetAt = x.keysetTaken()
	m.Applied = push(m.Applied, x.hash, maxApplied)
	x.out.Memory, x.out.Effect = m.Answer(x.out.Document, Applied), e
	return nil
}

// effect returns what the order changes.
func (x *exam) effect() *Effect {
	p := &x.p
	e := &Effect{Act: p.Act, Increase: x.increase}
	switch p.Act {
	case ActProgram:
		e.Limits, e.Program, e.Bridge, e.Adopted = p.Limits, p.Program, p.Bridge, x.v.Foreign
	case ActBolus:
		e.Bolus, e.Increase = p.Dose, true
	case ActPrime:
		e.Prime, e.Increase = p.Dose, true
	case ActVisit:
		b := x.branch()
		e.Refill = &Refill{Volume: x.filled(), Contents: b.Contents}
		e.Limits, e.Program, e.Prime, e.Bridge, e.Adopted = &b.Limits, &b.Program, b.Prime, b.Bridge, x.v.Foreign
	case ActBind:
		e.Patient, e.Epoch = &p.Patient, x.v.State.Epoch+1
	case ActSettings:
		e.Settings = p.Settings
	case ActResume:
		e.Resume = true
	case ActErase:
		e.Program = p.Program
	case ActAdopt:
		e.Adopt, e.Limits, e.Adopted = &Refill{Volume: p.Volume, Contents: *p.Contents}, p.Limits, true
	case ActTransfer:
		e.Site, e.Epoch = &p.Transfer.Site, x.v.State.Epoch+1
		if !x.keeps {
			e.Keyset = p.Transfer.Keyset
		}
	case ActClock:
		e.Clock = &ClockSet{Now: x.r.IssuedAt, Zone: *p.Zone}
	}
	return e
}
