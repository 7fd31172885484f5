package pump

import (
	"cisterna/device/profile"
	"cisterna/device/units"
)

// release lets go what an occlusion had dammed up. It is bounded by what the
// tubing takes before the alarm.
func (r *step) release(w *World) {
	dammed := min(r.s.Delivered-w.Block, int64(r.p.Sensors.Compliance)*1000, w.Left/int64(r.s.Scale))
	w.Flowed += dammed
	w.Left -= dammed * int64(r.s.Scale)
}

// fault takes a fault of the body.
func (r *step) fault(f Fault) {
	s := &r.s
	value := f.Value
	switch f.Kind {
	case FlowFault, Kink:
		if f.Ends || value > 10*permille {
			value = permille
		}
		w := r.mark()
		if f.Kind == Kink {
			w.Kink = min(value, permille)
		} else {
			w.Flow = value
		}
		r.watchFlow()
	case OcclusionOut, OcclusionIn:
		r.occlude(f)
	case Stall:
		r.stall(f.Ends)
	case MemCritical:
		r.loseProgram()
	case MemMinor:
		r.raise(profile.MemNoncrit)
	case BatteryDrop:
		left := min(int64(value), permille)
		s.Battery = Battery{Used: share(r.m.capacity(), permille-left), At: s.Run, From: s.Delivered, ERIAt: s.Battery.ERIAt}
		if mask := r.crossed(s.Run, s.Delivered); mask != 0 {
			r.cross(mask)
		}
	case TelemStuck:
		if f.Ends {
			r.clear(profile.TelemStuck)
		} else {
			r.raise(profile.TelemStuck)
		}
	case Overheat:
		r.heat(f)
	}
}

func (r *step) occlude(f Fault) {
	w := r.mark()
	was := w.blocked()
	if f.Kind == OcclusionOut {
		w.Down = !f.Ends
	} else {
		w.Up = !f.Ends
	}
	switch {
	case !was && w.blocked():
		w.Block = r.s.Delivered
	case was && !w.blocked():
		r.release(w)
	}
	r.watchFlow()
	if !r.s.World.Down {
		r.over(profile.OcclDown)
	}
	if !r.s.World.Up {
		r.over(profile.OcclUp)
	}
}

// stall is the motor standing still, as in a magnet, and turning again, at once
// or hours later. Its sensor knows, so nothing is counted as delivered.
func (r *step) stall(ends bool) {
	s := &r.s
	if r.m.rules[profile.Bit(profile.MotorStall)].Code == "" {
		return // nothing turns in this model
	}
	switch {
	case !ends && s.Alarms.Stalled == never:
		s.Alarms.Stalled = s.Run
		r.raise(profile.MotorStall)
	case ends && s.Alarms.Stalled != never:
		stood := units.Seconds((s.Run - s.Alarms.Stalled) / 1000)
		s.Alarms.Stalled = never
		r.over(profile.MotorStall)
		r.event(EventStallRecovered, "stalled_s", stood)
		r.raise(profile.StallRecovery, "stalled_s", stood)
		r.clear(profile.StallRecovery)
	}
}

func (r *step) heat(f Fault) {
	warm := int32(min(f.Value, 100_000))
	if f.Ends {
		warm = 0
	}
	r.s.World.Warm = warm
	if !r.p.Sensors.Temperature {
		return
	}
	if warm >= hotAt {
		r.raise(profile.TempHigh)
	} else {
		r.over(profile.TempHigh)
	}
}
