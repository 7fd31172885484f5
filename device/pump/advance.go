package pump

import (
	"math"

	"cisterna/device/profile"
	"cisterna/device/units"
)

// advance moves the state to r.target, from boundary to boundary. A boundary is
// a moment at which something begins or ends; between two of them every volume
// is a straight line.
func (r *step) advance() {
	for r.s.Run < r.target {
		r.piece()
	}
}

// piece moves the state to the next boundary, or to the target.
func (r *step) piece() {
	f := r.flow()
	b := min(r.target, f.end, r.timer(), r.s.Run+hourMS)
	b = max(b, r.s.Run+1) // time never stands still, whatever memory errors make of an end
	switch base, stage := f.after(b - r.s.Run); {
	case !f.counts:
	case f.flows() && r.s.Ledger.room(r.s.Run, r.s.Run) < 0:
		b = r.bar(&f, b)
	case base+stage > 0 && !r.s.Ledger.free(base+stage, r.s.Run):
		b = r.hold(&f, b)
	}
	if r.crossed(b, r.s.Delivered+r.given(&f, b)) != 0 {
		b = r.search(b, func(t Millis) bool { return r.crossed(t, r.s.Delivered+r.given(&f, t)) != 0 })
	}
	r.commit(&f, b)
	r.fire(f.end == b)
}

// hold looks at a piece that may meet a ceiling. It returns where the piece
// ends, and notes in f whether the ceilings must be asked and whether one holds
// the flow from beginning to end.
func (r *step) hold(f *flow, b Millis) Millis {
	l, a := &r.s.Ledger, r.s.Run
	f.tight = true
	// What leaves the windows is a straight line only between bends.
	b = min(b, shift(l.bendAfter(a-hourMS), hourMS), shift(l.bendAfter(a-dayMS), dayMS))
	if !r.holds(f, b) {
		return b
	}
	if first := r.search(b, func(t Millis) bool { return r.holds(f, t) }); first > a+1 {
		return first - 1 // flow freely up to the ceiling, then look again
	}
	window := dayMS
	byHour := l.byHour(a+1, a)
	if byHour {
		window = hourMS
	}
	if l.byHour(b, a) != byHour {
		b = max(a+1, r.search(b, func(t Millis) bool { return l.byHour(t, a) != byHour })-1)
	}
	f.held = l.lineAt(a-int64(window), window)
	return b
}

// bar looks at a piece at whose beginning more is counted than a ceiling allows, as
// after limits were lowered. Nothing flows until so much has left the windows, and the
// line bends there: drawn straight to where something flows again, it would lie too high.
func (r *step) bar(f *flow, b Millis) Millis {
	l, a := &r.s.Ledger, r.s.Run
	f.barred, f.held = true, never
	if allowed := func(t Millis) bool { return l.room(t, a) >= 0 }; allowed(b) {
		return r.search(b, allowed)
	}
	return b
}

func shift(t, by Millis) Millis {
	if t > math.MaxInt64-by {
		return math.MaxInt64
	}
	return t + by
}

// search returns the first t in (State.Run, b] for which ok, which is false and
// then true and is true for b.
func (r *step) search(b Millis, ok func(Millis) bool) Millis {
	lo := r.s.Run
	for b-lo > 1 {
		if mid := lo + (b-lo)/2; ok(mid) {
			b = mid
		} else {
			lo = mid
		}
	}
	return b
}

// given returns what flows from State.Run to t: what is due, but no more than
// the ceilings and the reservoir leave.
func (r *step) given(f *flow, t Millis) Pico {
	if f.barred {
		return 0
	}
	base, stage := f.after(t - r.s.Run)
	got := base + stage
	if f.tight {
		got = min(got, max(0, r.s.Ledger.room(t, r.s.Run)))
	}
	return min(got, r.supply())
}

// holds reports that a ceiling takes some of what is due by t.
func (r *step) holds(f *flow, t Millis) bool {
	base, stage := f.after(t - r.s.Run)
	return base+stage > max(0, r.s.Ledger.room(t, r.s.Run))
}

// supply returns what the reservoir still gives by the pump's reckoning.
func (r *step) supply() Pico {
	return max(0, r.s.left()/int64(r.s.Scale))
}

// left returns the reckoned content in picolitres.
func (s *State) left() Pico {
	return int64(s.Fill.Volume)*1000 - int64(s.Scale)*(s.Delivered-s.Fill.At)
}

// commit moves the state to b along the flow.
func (r *step) commit(f *flow, b Millis) {
	s := &r.s
	dt := b - s.Run
	base, stage := f.after(dt)
	got := r.given(f, b)
	if f.held != 0 {
		r.raise(profile.MaxDose)
		s.Alarms.Held = b
	}
	s.Ledger.turn(f.mark(), s.Run)
	if f.counts {
		s.Ledger.Sum += got
	}
	s.Delivered += got
	if f.stage.Duration > 0 {
		s.Stage.Given += max(0, got-base)
		s.Stage.Done += dt
		if s.Stage.Kind == BridgeStage && got < base+stage {
			s.Stage.Done = s.Stage.reached()
		}
	} else if s.Stage.Kind == BridgeStage && got > 0 {
		// The minimum rate of a fault or a stop pushes the old fluid on as well.
		s.Stage.push(got)
	}
	s.Run = b
}

// push moves a bridge on by what flowed at another pace than its own.
func (g *Stage) push(got Pico) {
	g.Given = min(g.Given+got, int64(g.Dose.Volume)*1000)
	g.Done = int64(g.Dose.Duration)*1000 - 1
	g.Done = g.reached()
}

// reached returns how far a stage is by what it has given. A bridge clears a
// volume, so what holds it makes it longer; any other dose ends on time and is
// not made up for.
func (g *Stage) reached() int64 {
	ms, err := units.MulDiv(g.Given, int64(g.Dose.Duration), int64(g.Dose.Volume), units.Floor)
	if err != nil {
		return g.Done
	}
	return min(g.Done, ms)
}

// A mask of what crosses a threshold because something flowed or drained.
const (
	crossLow = 1 << iota
	crossEmpty
	crossERI
	crossEOS
	crossOcclusion
	crossPath
)

// crossed returns what is past its threshold at t with so much delivered and not
// yet known to be.
func (r *step) crossed(t Millis, delivered Pico) (mask uint8) {
	s := &r.s
	if !s.Contents.Empty() {
		left := r.seen(delivered)
		if left <= int64(s.Settings.Low)*1000 && r.quiet(bitLow) {
			mask |= crossLow
		}
		if left < int64(s.Scale) && r.quiet(bitEmpty) {
			mask |= crossEmpty
		}
	}
	if capacity := r.m.capacity(); capacity > 0 {
		used, b := r.used(t, delivered), &r.p.Battery
		if s.Battery.ERIAt == 0 && (used >= capacity-share(capacity, int64(b.ERI)) || b.ERIAge > 0 && t >= int64(b.ERIAge)*1000) {
			mask |= crossERI
		}
		if r.quiet(bitEOS) && (used >= capacity-share(capacity, int64(b.EOS)) || t >= r.endOfService()) {
			mask |= crossEOS
		}
	}
	if s.World.blocked() && r.p.Sensors.Pressure && delivered-s.World.Block >= int64(r.p.Sensors.Compliance)*1000 && r.quiet(s.World.blockBit()) {
		mask |= crossOcclusion
	}
	if len(s.Path) > 0 && delivered >= s.Path[0].Until {
		mask |= crossPath
	}
	return mask
}

// fire does what is due at State.Run, which has just been reached.
func (r *step) fire(ended bool) {
	if mask := r.crossed(r.s.Run, r.s.Delivered); mask != 0 {
		r.cross(mask)
	}
	if ended {
		r.endStage()
	}
	for i := range timers {
		if r.due(i) == r.s.Run {
			r.ring(i)
		}
	}
	r.settle()
}

func (r *step) cross(mask uint8) {
	if mask&crossPath != 0 {
		r.reach()
	}
	if mask&crossLow != 0 {
		r.raise(profile.ResLow, "reservoir_nl", r.s.Reservoir())
	}
	if mask&crossEmpty != 0 {
		r.raise(profile.ResEmpty)
	}
	if mask&crossERI != 0 {
		r.replaceSoon()
	}
	if mask&crossEOS != 0 {
		r.raise(profile.EOS)
	}
	if mask&crossOcclusion != 0 {
		r.raise(profile.CodeOf(r.s.World.blockBit()))
	}
}

// endStage ends the stage if its time is over.
func (r *step) endStage() {
	s := &r.s
	g := s.Stage
	if g.Kind == NoStage || g.Done < int64(g.Dose.Duration)*1000 {
		return
	}
	s.Stage = Stage{}
	r.letGo(&g)
	switch g.Kind {
	case PrimeStage:
		if g.Given < int64(g.Dose.Volume)*1000 {
			r.event(EventBolusCut, "kind", "prime", "given_nl", nano(g.Given), "volume_nl", g.Dose.Volume, "cause", "supply")
			r.raise(profile.PrimeFail)
		} else {
			r.event(EventPrimeEnded, "given_nl", nano(g.Given))
		}
		r.startBridge()
	case BridgeStage:
		r.bridge(g.Dose) // a priming was cut, and more stands in the path
	case BolusStage, PatientStage:
		r.event(EventBolusEnded, "kind", g.Kind, "given_nl", nano(g.Given))
	case NoStage:
	}
}

// startBridge starts what waits behind a priming bolus: the bridge, if anything is
// left for it, or the program.
func (r *step) startBridge() {
	s := &r.s
	g := s.Next
	s.Stage, s.Next = Stage{}, Stage{}
	if g.Kind == BridgeStage && len(s.Path) > 0 {
		r.bridge(g.Dose)
	}
}

// holds reports that the stage stands in the program's place: its cycle stands still
// meanwhile.
func (g *Stage) holds() bool { return g.Kind == PrimeStage || g.Kind == BridgeStage }

// letGo lets the program go on where a stage that is over has held it: its cycle began
// so much later. A program that came with a priming or a bridge was held at its
// beginning, and begins; one that ran before gives nothing a second time.
func (r *step) letGo(g *Stage) {
	s := &r.s
	if g.holds() {
		s.Started = min(s.Run, s.Started+max(0, s.Run-g.Start)) // a program may be later than the bridge that holds it
	}
}
