package pump

import (
	"math"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// timers in the order in which they fire.
const (
	timerProgram = iota
	timerStanding
	timerOff
	timerHeld
	timerAbuse
	timerPTM
	timerSample
	timers
)

// due returns when a timer fires, a time not after State.Run if it does not.
func (r *step) due(timer int) Millis {
	s := &r.s
	switch timer {
	case timerProgram:
		if s.Program.Mode == dose.Single && s.Commanded == wire.Infusing && s.Stage.Kind != PrimeStage && s.Stage.Kind != BridgeStage {
			return s.Started + int64(s.Program.Cycle)*1000
		}
	case timerStanding:
		if s.Alarms.Standing >= 0 {
			return s.Alarms.Standing + 2*dayMS
		}
	case timerOff:
		if s.Alarms.Off >= 0 {
			return s.Alarms.Off + int64(r.p.Sensors.FlowAfter)*1000
		}
	case timerHeld:
		if s.Alarms.Held > 0 {
			return s.Alarms.Held + hourMS
		}
	case timerAbuse:
		return r.abuseEnds()
	case timerPTM:
		if t := s.Program.PTM; t != nil && t.ValidFor > 0 {
			return s.Patient.Since + int64(t.ValidFor)*1000
		}
	case timerSample:
		return s.SampleAt
	}
	return never
}

// endOfService returns the hard end by age, or after the indicator, if any.
func (r *step) endOfService() Millis {
	end, b := Millis(math.MaxInt64), &r.p.Battery
	if b.MaxAge > 0 {
		end = int64(b.MaxAge) * 1000
	}
	if b.AfterERI > 0 && r.s.Battery.ERIAt > 0 {
		end = min(end, r.s.Battery.ERIAt+int64(b.AfterERI)*1000)
	}
	return end
}

// timer returns when the next timer fires.
func (r *step) timer() Millis {
	next := Millis(math.MaxInt64)
	for i := range timers {
		if t := r.due(i); t > r.s.Run {
			next = min(next, t)
		}
	}
	return next
}

func (r *step) ring(timer int) {
	s := &r.s
	switch timer {
	case timerProgram:
		r.event(EventProgramEnded, "volume_nl", s.Program.PerCycle())
		r.rest(s.Program.Then)
	case timerStanding:
		r.raise(profile.Stopped48H)
	case timerOff:
		r.wrongFlow()
	case timerHeld:
		s.Alarms.Held = 0
		r.clear(profile.MaxDose)
	case timerAbuse:
		r.clear(profile.PTMAbuse)
	case timerPTM:
		r.event(EventPTMExpired)
	case timerSample:
		s.SampleAt += int64(r.p.SampleEach) * 1000
		r.sample()
	}
}
