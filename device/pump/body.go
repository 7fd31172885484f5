package pump

import (
	"math"

	"cisterna/device/profile"
	"cisterna/device/units"
)

// What follows is the pump's body: battery, and the world that its sensors see
// or do not see.

// capacity returns the battery's charge in pC, 0 for a device without one.
func (m *Machine) capacity() int64 {
	const pCPerMicroampHour = 3_600_000_000
	return m.profile.Battery.Capacity * pCPerMicroampHour // at most 10⁷ µAh
}

// share returns n thousandths of a charge.
func share(charge, n int64) int64 { return charge / permille * n }

// used returns the charge used at t with so much delivered.
func (r *step) used(t Millis, delivered Pico) int64 {
	b, rule := &r.s.Battery, &r.p.Battery
	idle := times(rule.IdleNA, t-b.At)
	pumped := times(rule.PumpPC, (delivered-b.From)/1000)
	return plus(b.Used, times(plus(idle, pumped), int64(r.s.Scale)))
}

// times and plus stop at the largest number: a battery cannot be emptier than
// empty. The arguments are not negative.
func times(a, b int64) int64 {
	v, err := units.MulDiv(a, b, 1, units.Floor)
	if err != nil {
		return math.MaxInt64
	}
	return v
}

func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// replaceSoon brings up the replacement indicator.
func (r *step) replaceSoon() {
	r.s.Battery.ERIAt = r.s.Run
	r.raise(profile.ERI)
}

// millivolts returns the battery's voltage by its discharge curve, 0 without
// one.
func (r *step) millivolts() int64 {
	capacity := r.m.capacity()
	if capacity == 0 {
		return 0
	}
	left := max(0, capacity-r.used(r.s.Run, r.s.Delivered))
	ppm := left / (capacity / 1_000_000)
	curve := r.p.Battery.Voltage
	for i := 1; i < len(curve); i++ {
		hi, lo := curve[i-1], curve[i]
		if at := int64(lo.Charge) * 1000; ppm >= at {
			span := int64(hi.Charge-lo.Charge) * 1000
			return int64(lo.MV) + int64(hi.MV-lo.MV)*min(ppm-at, span)/span
		}
	}
	return int64(curve[len(curve)-1].MV)
}

// BatteryPermille returns what is left of the battery, in thousandths; 0 for a
// device without one.
func (m *Machine) BatteryPermille(s *State) int {
	r := step{m: m, p: m.profile, s: *s}
	capacity := m.capacity()
	if capacity == 0 {
		return 0
	}
	return int(max(0, capacity-r.used(s.Run, s.Delivered)) / (capacity / permille))
}

func (w *World) blocked() bool { return w.Down || w.Up }

func (w *World) blockBit() int {
	if w.Down {
		return bitDown
	}
	return bitUp
}

// permille returns what share of the commanded flow really flows.
func (w *World) permille() int64 {
	if w.blocked() {
		return 0
	}
	return int64(w.Flow) * int64(w.Kink) / permille
}

// since returns what really flowed since the last change of the world.
func (s *State) since(delivered Pico) Pico {
	flowed, err := units.MulDiv(delivered-s.World.At, s.World.permille(), permille, units.Floor)
	if err != nil {
		return s.World.Left / int64(s.Scale)
	}
	return min(flowed, s.World.Left/int64(s.Scale))
}

// Flowed returns what really reached the catheter's end or its leak since
// manufacture, which the pump cannot know.
func (s *State) Flowed() units.Volume { return nano(s.World.Flowed + s.since(s.Delivered)) }

// Reservoir returns the volume left by the pump's own reckoning.
func (s *State) Reservoir() units.Volume { return nano(max(0, s.left())) }

// TrueReservoir returns what an aspiration would find.
func (s *State) TrueReservoir() units.Volume { return nano(s.trueLeft(s.Delivered)) }

func (s *State) trueLeft(delivered Pico) Pico {
	return s.World.Left - int64(s.Scale)*s.since(delivered)
}

// seen returns what the pump takes its reservoir to hold, in picolitres: by
// reckoning, and by its fill sensor if it has one, whichever is less.
func (r *step) seen(delivered Pico) Pico {
	s := &r.s
	left := int64(s.Fill.Volume)*1000 - int64(s.Scale)*(delivered-s.Fill.At)
	if r.p.Sensors.Fill {
		left = min(left, s.trueLeft(delivered))
	}
	return left
}

// mark rebases the world at State.Run, so that it can be altered. watchFlow
// follows.
func (r *step) mark() *World {
	s := &r.s
	flowed := s.since(s.Delivered)
	s.World.Left -= int64(s.Scale) * flowed
	s.World.Flowed += flowed
	s.World.At = s.Delivered
	return &s.World
}

// watchFlow starts or stops the clock of a wrong flow.
func (r *step) watchFlow() {
	s := &r.s
	if !r.p.Sensors.Flow {
		return
	}
	flow, a := s.World.permille(), &r.p.Accuracy
	if wrong := flow < int64(a.Low) || flow > int64(a.High); !wrong {
		s.Alarms.Off = never
		r.over(profile.Underinf)
		r.over(profile.OverinfBasal)
		r.over(profile.OverinfBolus)
	} else if s.Alarms.Off == never {
		s.Alarms.Off = s.Run
	}
}

// wrongFlow alarms on a flow that was wrong for long enough. While nothing flows
// there is nothing to see, so the clock starts again.
func (r *step) wrongFlow() {
	s := &r.s
	f := r.flow()
	switch {
	case f.base.Volume+f.stage.Volume == 0 || s.World.blocked():
		s.Alarms.Off = s.Run
		return
	case s.World.permille() < int64(r.p.Accuracy.Low):
		r.raise(profile.Underinf, "flow_permille", s.World.permille())
	case s.Stage.Kind == BolusStage || s.Stage.Kind == PatientStage:
		r.raise(profile.OverinfBolus, "flow_permille", s.World.permille())
		r.cut("over-infusion")
	default:
		r.raise(profile.OverinfBasal, "flow_permille", s.World.permille())
	}
	s.Alarms.Off = never
}

const normalTemperature = 37_000 // m°C

// hotAt is how much above normal a body's pump alarms: 42 °C.
const hotAt = 5_000

// temperature returns the body's, with its swing over the day: lowest at four in
// the morning, highest twelve hours later.
func (r *step) temperature() int64 {
	s := &r.s
	if !r.p.Sensors.Temperature {
		return 0
	}
	const swing = 600 // m°C
	local := s.Clock.Base + s.Run + int64(s.Clock.Zone)*1000 - 4*hourMS
	since := ((local % dayMS) + dayMS) % dayMS
	up := min(since, dayMS-since) // 0 … half a day
	return normalTemperature - swing/2 + swing*up/(dayMS/2) + int64(s.World.Warm)
}

// pressure returns the catheter's, 0 if it is not measured. It rises with the
// flow, and against an occlusion up to the alarm.
func (r *step) pressure() int64 {
	p, s := &r.p.Sensors, &r.s
	if !p.Pressure {
		return 0
	}
	f := r.flow()
	pa := p.BasePA + int64(f.rate())/20_000
	if s.World.blocked() {
		limit := int64(p.Compliance) * 1000
		pa += (p.OcclusionPA - p.BasePA) * min(max(0, s.Delivered-s.World.Block), limit) / limit
	}
	return pa
}
