package pump

// Rescale returns the state with another pace of consumption from State.Run on:
// what was consumed until then stays consumed. Only an emulator that speeds up
// the refill of a demonstration needs it; a scale outside of 1 to MaxScale counts
// as the nearest one.
func (m *Machine) Rescale(s State, scale uint32) State {
	r := step{m: m, p: m.profile, s: s, target: s.Run}
	r.mark()
	used := r.used(s.Run, s.Delivered)
	r.s.Battery.Used, r.s.Battery.At, r.s.Battery.From = used, s.Run, s.Delivered
	r.s.Fill.Volume, r.s.Fill.At = s.Reservoir(), s.Delivered
	r.s.Scale = min(max(scale, 1), MaxScale)
	return r.s
}
