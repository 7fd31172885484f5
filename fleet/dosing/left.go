package dosing

import (
	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/fleet/refusal"
)

// rebridge computes, for a new program while other fluid stands in the path, the
// bridge for what is left of it: by what the pump itself says that it has delivered,
// in its newest signed report, so that stops, stalls and primings count as what they
// were. Until the order takes effect less is left, never more, and the pump ends the
// bridge when the fluid has gone.
func (sit *situation) rebridge(program *dose.Program) (*Bridging, error) {
	left := sit.view.Left()
	if left == 0 {
		return nil, refusal.Conflict(refusal.Bridge, "A bridge runs in pump %s, and the pump does not say what stands in its path. Wait until the bridge has ended, then propose the program.", sit.pump.Serial)
	}
	b, err := bridgeFor(min(left, dose.MaxVolume), sit.standing(sit.perDay(sit.view.State.Contents, program)))
	return &b, err
}

// standing returns a line for each ingredient of what stands in the path: at the pace
// of the bridge that runs, if one does, and not above what comes after.
func (sit *situation) standing(after map[dose.Code]units.Mass) (lines []BridgeLine) {
	for _, f := range sit.view.Path {
		before := sit.runsNow()
		if pace := sit.view.Bridge; pace != nil {
			before = paceOf(f.Contents, pace)
		}
		lines = append(lines, targets(f.Contents, before, after)...)
	}
	return lines
}

// paceOf returns what a day of a fluid at the pace of a bridge gives.
func paceOf(c dose.Contents, pace *dose.Dose) map[dose.Code]units.Mass {
	out := map[dose.Code]units.Mass{}
	day, err := pace.Volume.Over(pace.Duration, units.Floor)
	if err != nil {
		return out
	}
	for _, g := range c.Ingredients {
		if m, err := units.Volume(day).Mass(g.Conc, units.Floor); err == nil {
			out[g.Code] = m
		}
	}
	return out
}
