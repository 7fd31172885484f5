package pump

import (
	"slices"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// Layer is a fluid that stands in the way from the reservoir to the catheter's tip
// although the reservoir holds another. Where it ends is a count of what was
// delivered and no time, so whatever makes a pump stand, crawl or be held moves the
// fluid only as far as it really went.
type Layer struct {
	Contents dose.Contents `cbor:"1,keyasint"`
	Until    Pico          `cbor:"2,keyasint"` // State.Delivered at which the last of it leaves the tip
	Turn     Rebase        `cbor:"3,keyasint"` // what becomes of the ledger then
}

// maxLayers bounds the fluids in a path: refills with other contents on top of each
// other, each before the last has reached the tip.
const maxLayers = order.MaxPath

// clears returns what still flows until the path holds what the reservoir does.
func (s *State) clears() Pico {
	if n := len(s.Path); n > 0 {
		return s.Path[n-1].Until - s.Delivered
	}
	return 0
}

// up returns picolitres in whole nanolitres, rounded up.
func up(p Pico) units.Volume { return units.Volume((p + 999) / 1000) }

// staged returns what a change itself pushes through the path before its program
// runs.
func (c *Change) staged() Pico {
	sum := Pico(0)
	for _, d := range [...]*dose.Dose{c.Prime, c.Bridge} {
		if d != nil {
			sum += int64(d.Volume) * 1000
		}
	}
	return sum
}

// bridging returns the bridge that runs, or waits for a priming bolus to end.
func (s *State) bridging() (Stage, bool) {
	for _, g := range [...]Stage{s.Stage, s.Next} {
		if g.Kind == BridgeStage {
			return g, true
		}
	}
	return Stage{}, false
}

// checkPath says whether a change leaves no old fluid to the pace of a program that
// was made for the new contents.
func (r *step) checkPath(c *Change, p *planned) error {
	s := &r.s
	programs := c.Program != nil && !rests(c.Program) || p.other && !s.Contents.Empty()
	if c.Bridge == nil && !programs {
		return nil
	}
	if c.Bridge == nil && c.Prime == nil && len(s.Path) > 0 {
		return refuse(NeedsBridge, "the path holds other fluid: a new program needs a bridge computed for what is left of it")
	}
	if left := s.clears(); c.staged() < left {
		return refuse(NeedsBridge, "%s of other fluid stand in the path, and priming and bridge clear %s", up(left), nano(c.staged()))
	}
	if p.other && len(s.Path) >= maxLayers {
		return refuse(NeedsBridge, "the path holds %d fluids already", len(s.Path))
	}
	return nil
}

// lay notes what a change leaves in the path, and puts ceilings in force: at once,
// or when the fluid that they are made for reaches the tip.
func (r *step) lay(c *Change, p *planned) {
	s := &r.s
	ceiling, err := p.limits.Ceiling(p.contents)
	if err != nil {
		return // never filled: nothing flows
	}
	staged, n := c.staged(), len(s.Path)
	turn := ratio(s.Contents, p.contents, ceiling)
	if p.found {
		turn = turn.atLeast(1, 1) // the past may have been of it already
	}
	stands := !s.Contents.Empty() && (p.other && staged > 0 || c.Bridge != nil && n == 0)
	switch {
	case stands && staged-s.clears() >= 1000:
		s.Path = append(slices.Clip(s.Path), Layer{Contents: s.Contents, Until: s.Delivered + staged, Turn: turn})
	case n > 0:
		last := s.Path[n-1]
		if p.other { // less than a nanolitre of what is in between is not told apart
			turn = ratio(last.Contents, p.contents, ceiling)
			if p.found {
				turn = turn.atLeast(last.Turn.Num, last.Turn.Den)
			}
			last.Until = max(last.Until, s.Delivered+staged)
		} else {
			turn = last.Turn
			turn.Ceiling = ceiling
		}
		last.Turn = turn
		s.Path = append(slices.Clip(s.Path[:n-1]), last)
	case p.other:
		s.Ledger.become(s.Contents, p.contents, turn, s.Run)
	default:
		s.Ledger.Ceiling = ceiling
	}
}

// reach does what follows when the last of a fluid has left the tip: the ceilings of
// the next one count, and after the last one the bridge is over.
func (r *step) reach() {
	s := &r.s
	for len(s.Path) > 0 && s.Delivered >= s.Path[0].Until {
		l, next := s.Path[0], s.Contents
		if s.Path = s.Path[1:]; len(s.Path) > 0 {
			next = s.Path[0].Contents
		}
		s.Ledger.become(l.Contents, next, l.Turn, s.Run)
	}
	if len(s.Path) > 0 {
		return
	}
	s.Path, s.Next = nil, Stage{}
	if g := s.Stage; g.Kind == BridgeStage {
		s.Stage = Stage{}
		r.letGo(&g)
		r.event(EventBridgeEnded, "given_nl", nano(g.Given-g.From))
	}
}

// bridge lets the old fluid leave at the pace of a dose, until the path is clear.
func (r *step) bridge(d dose.Dose) {
	s := &r.s
	g := bridgeOf(d, s.clears(), s.Run)
	s.Stage = g
	r.event(EventBridgeStarted, "volume_nl", up(int64(d.Volume)*1000-g.From), "duration_s", seconds(int64(d.Duration)*1000-g.Done))
}

// spare returns the bridge that the pump runs for what a cut priming leaves in the
// path, if no order brings one: at the slowest of the paces at which the fluids were
// given before, and at which the new program's day of an ingredient is kept. So
// nobody gets more by a failure, of anything that they had or are to have. If neither
// says anything it is the minimum rate, and without one there is no such bridge.
func (r *step) spare(before *State) dose.Dose {
	s := &r.s
	var slowest dose.Dose
	take := func(v units.Volume, t units.Seconds) {
		if v > 0 && t > 0 && (slowest.Volume == 0 || int64(v)*int64(slowest.Duration) < int64(slowest.Volume)*int64(t)) {
			slowest = dose.Dose{Volume: v, Duration: t}
		}
	}
	if before.Commanded == wire.Infusing {
		take(before.Program.PerCycle(), before.Program.Cycle)
	}
	if g, ok := before.bridging(); ok {
		take(g.Dose.Volume, g.Dose.Duration)
	}
	for _, l := range s.Path {
		for _, g := range l.Contents.Ingredients {
			if v, err := units.Scale(s.Program.PerCycle(), int64(s.Contents.Conc(g.Code)), int64(g.Conc), units.Floor); err == nil {
				take(v, s.Program.Cycle)
			}
		}
	}
	if slowest.Volume == 0 {
		take(units.Volume(r.p.Range.Idle), units.Day)
	}
	if slowest.Volume == 0 {
		return slowest
	}
	left := up(s.clears())
	t, err := units.MulDiv(int64(left), int64(slowest.Duration), int64(slowest.Volume), units.Ceil)
	if err != nil || t > int64(dose.MaxDuration) {
		return slowest // begins anew until the path is clear
	}
	return dose.Dose{Volume: left, Duration: units.Seconds(t)}
}

// bridgeOf returns the bridge that clears what is left at the pace of d. It may have
// been computed for more than is still there, or be the rest of one that a priming
// bolus has overtaken: then it is as far as if it had given the difference. What is
// left beyond d, as after a priming that was cut, follows at the same pace.
func bridgeOf(d dose.Dose, left Pico, now Millis) Stage {
	g := Stage{Kind: BridgeStage, Start: now, Dose: d, From: max(0, int64(d.Volume)*1000-left)}
	g.push(g.From)
	return g
}

// fluids returns what stands in the path, as a report says it.
func (s *State) fluids() []order.Fluid {
	out := make([]order.Fluid, 0, len(s.Path))
	ceiling := s.Ledger.Ceiling
	for _, l := range s.Path {
		out = append(out, order.Fluid{Contents: l.Contents, Left: up(l.Until - s.Delivered), Ceiling: ceiling})
		ceiling = l.Turn.Ceiling
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// assumePath makes the path of a pump that reports these fluids.
func (s *State) assumePath(path []order.Fluid) {
	for i, f := range path {
		next, ceiling := s.Contents, dose.Ceiling{}
		if i+1 < len(path) {
			next, ceiling = path[i+1].Contents, path[i+1].Ceiling
		} else if c, err := s.Limits.Ceiling(s.Contents); err == nil {
			ceiling = c
		}
		s.Path = append(s.Path, Layer{Contents: f.Contents, Until: s.Delivered + int64(f.Left)*1000, Turn: ratio(f.Contents, next, ceiling)})
	}
}

func (s *State) validPath() bool {
	at := s.Delivered
	for _, l := range s.Path {
		if l.Contents.Validate() != nil || l.Until <= at || l.Until-s.Delivered > int64(dose.MaxVolume)*2000 || !l.Turn.valid() {
			return false
		}
		at = l.Until
	}
	_, bridge := s.bridging()
	return len(s.Path) <= maxLayers && (len(s.Path) > 0 || !bridge)
}

func (b *Rebase) valid() bool {
	return b.Num >= 0 && b.Num <= int64(dose.MaxConc) && b.Den >= 1 && b.Den <= int64(dose.MaxConc) &&
		b.Ceiling.Hour >= 0 && b.Ceiling.Hour <= dose.MaxVolume && b.Ceiling.Day >= 0 && b.Ceiling.Day <= dose.MaxVolume
}
