package pump

import (
	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/units"
)

// View returns what an order is judged by, as far as the pump's own state says
// it. Who the pump is, whom it trusts, what it remembers of orders, and its
// clocks are the caller's to add.
func (m *Machine) View(s *State) order.View {
	r := step{m: m, p: m.profile, s: *s, target: s.Run}
	l, rule := &s.Ledger, &m.profile.Reservoir
	v := order.View{
		State: s.Ordered(), Foreign: s.Foreign, Limits: s.Limits, Range: m.profile.Range,
		Rule:    order.ReservoirRule{Capacity: rule.Capacity, LowMin: rule.LowMin, LowMax: rule.LowMax},
		Ceiling: l.Ceiling, Hour: above(l.Sum - l.at(s.Run-hourMS, s.Run)), Day: above(l.Sum - l.at(s.Run-dayMS, s.Run)),
		Volume: s.Reservoir(), Fill: s.Fill.Volume,
		Path: s.fluids(), Run: s.Run, Trusted: !s.Clock.Bad,
	}
	if g, ok := s.bridging(); ok {
		v.Bridge = &g.Dose
	}
	switch s.Stage.Kind {
	case BolusStage, PatientStage:
		v.Busy = order.BusyBolus
	case PrimeStage:
		v.Busy = order.BusyPrime
	case BridgeStage, NoStage:
	}
	for bit := range 32 {
		if r.s.Alarms.Active&faults&(1<<bit) != 0 {
			v.Faults = append(v.Faults, string(profile.CodeOf(bit)))
		}
	}
	return v
}

// above rounds picolitres up, so that what was delivered never counts less.
func above(p Pico) units.Volume { return units.Volume((max(p, 0) + 999) / 1000) }

// InputOf returns the input that carries out an effect, nil for one that leaves
// the body as it is. It is all or nothing, as any input.
func InputOf(e *order.Effect) Input {
	switch {
	case e.Stop != nil:
		return Stop{Overdose: e.Stop.Overdose, Source: SourceOrder}
	case e.Resume:
		return Resume{Source: SourceOrder}
	case e.Bolus != nil:
		return GiveBolus{Dose: *e.Bolus}
	case e.Clock != nil:
		return SetClock{Wall: e.Clock.Now * 1000, Zone: e.Clock.Zone}
	case e.Adopt != nil:
		return Adopt{Volume: e.Adopt.Volume, Contents: e.Adopt.Contents, Limits: *e.Limits, Source: SourceOrder}
	case e.Epoch != 0:
		return Rebind{Epoch: e.Epoch, Source: SourceOrder}
	case e.Act == 0:
		return nil
	}
	c := Change{Limits: e.Limits, Program: e.Program, Prime: e.Prime, Bridge: e.Bridge, Settings: e.Settings, Source: SourceOrder, Adopted: e.Adopted}
	if e.Refill != nil {
		c.Refill = &Refill{Volume: e.Refill.Volume, Contents: e.Refill.Contents}
	}
	return c
}

// CodeOf returns the code by which a pump answers an order that its body refuses
// although the documents allow it.
func CodeOf(err error) order.Code {
	switch dose.ReasonOf(err) {
	case Busy:
		return order.ErrBusy
	case BadVolume, TooLittleLeft:
		return order.ErrVolume
	case NeedsBridge, dose.BadBridge:
		return order.ErrBridge
	case NotInfusing, Faulty, NeedsProgram, NotStopped, NotForeign, BadEpoch, NothingToDo, NoPTM, Expired, dose.BadContents:
		return order.ErrState
	case dose.NumberTooLarge:
		return order.ErrArith
	case dose.NotInLibrary:
		return order.ErrLibrary
	}
	return order.ErrLimit
}
