package pump

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
)

// oracle reckons what a pump must have delivered, apart from the pump: in exact
// fractions of a nanolitre, from the programs and the times alone, and of each drug
// in exact fractions of a nanogram, from a path that is a queue of fluids.
type oracle struct {
	sum      *big.Rat
	run      int64 // ms
	clock    int64 // ms of the schedule at run 0, from a Monday's midnight
	zone     int64 // ms
	program  dose.Program
	started  int64
	infusing bool
	minimum  bool // after a single bolus, or programmed so
	halted   bool // a fault stands in the way
	bolus    dose.Dose
	from     int64 // of the bolus; −1 if there is none
	prime    dose.Dose
	primed   int64     // when the priming began; −1 if none runs
	bridge   dose.Dose // its pace
	bridges  bool
	clear    *big.Rat // sum at which the path holds what the reservoir does
	idle     units.Rate
	path     []slug // from the tip on
	fluid    dose.Contents
	masses   map[dose.Code]*big.Rat
	cleared  int // bridges that came to their end
}

// slug is a stretch of one fluid in the path.
type slug struct {
	fluid dose.Contents
	left  *big.Rat // nL
}

// live lets time pass until run, from boundary to boundary.
func (o *oracle) live(run int64) {
	for o.run < run {
		o.piece(run)
	}
}

func (o *oracle) piece(run int64) {
	to, bridging := run, o.bridges && o.primed < 0 && o.infusing && !o.halted
	single := o.program.Mode == dose.Single && o.infusing && o.primed < 0 && !o.bridges
	end := o.started + int64(o.program.Cycle)*1000
	if single && end > o.run {
		to = min(to, end)
	}
	if o.primed >= 0 {
		to = min(to, o.primed+int64(o.prime.Duration)*1000)
	}
	if o.from >= 0 {
		to = min(to, max(o.run, o.from+int64(o.bolus.Duration)*1000))
	}
	if pace := o.pace(bridging); pace.Volume > 0 {
		// The first whole millisecond at which nothing is left: left × T ÷ V.
		ms := new(big.Rat).Mul(o.stands(), big.NewRat(int64(pace.Duration)*1000, int64(pace.Volume)))
		whole := new(big.Int).Add(ms.Num(), new(big.Int).Sub(ms.Denom(), big.NewInt(1)))
		to = min(to, o.run+max(1, whole.Quo(whole, ms.Denom()).Int64()))
	}
	before := new(big.Rat).Set(o.sum)
	switch {
	case o.halted:
	case o.primed >= 0:
		o.sum.Add(o.sum, big.NewRat(int64(o.prime.Volume)*(to-o.run), int64(o.prime.Duration)*1000))
	case bridging:
		o.sum.Add(o.sum, big.NewRat(int64(o.bridge.Volume)*(to-o.run), int64(o.bridge.Duration)*1000))
	default:
		o.flow(o.run, to)
	}
	o.leave(new(big.Rat).Sub(o.sum, before))
	if o.primed >= 0 || o.bridges {
		o.started += to - o.run // what stands in its place holds the program
	}
	o.run = to
	if single && to >= end {
		o.infusing, o.minimum = false, o.program.Then == dose.Minimum
		o.program = dose.Program{Mode: o.program.Then}
	}
	if o.from >= 0 && to >= o.from+int64(o.bolus.Duration)*1000 {
		o.from = -1
	}
	if o.primed >= 0 && to >= o.primed+int64(o.prime.Duration)*1000 {
		o.primed = -1
	}
	if o.bridges && o.stands().Sign() <= 0 {
		o.bridges, o.cleared = false, o.cleared+1
	}
}

// pace returns what clears the path now: the bridge, or the minimum rate of a stop.
func (o *oracle) pace(bridging bool) dose.Dose {
	switch {
	case bridging:
		return o.bridge
	case o.bridges && o.minimum && o.primed < 0 && !o.halted:
		return dose.Dose{Volume: units.Volume(o.idle), Duration: units.Day}
	}
	return dose.Dose{}
}

// stands returns what must still leave until the path holds what the reservoir does.
func (o *oracle) stands() *big.Rat { return new(big.Rat).Sub(o.clear, o.sum) }

// leave takes v out of the tip, and as much into the path out of the reservoir.
func (o *oracle) leave(v *big.Rat) {
	if v.Sign() == 0 {
		return
	}
	o.path = append(o.path, slug{o.fluid, new(big.Rat).Set(v)})
	for v.Sign() > 0 {
		first := &o.path[0]
		part := new(big.Rat).Set(v)
		if part.Cmp(first.left) > 0 {
			part.Set(first.left)
		}
		for _, g := range first.fluid.Ingredients {
			if o.masses[g.Code] == nil {
				o.masses[g.Code] = new(big.Rat)
			}
			o.masses[g.Code].Add(o.masses[g.Code], new(big.Rat).Mul(part, big.NewRat(int64(g.Conc), 1_000_000)))
		}
		v.Sub(v, part)
		if first.left.Sub(first.left, part); first.left.Sign() == 0 {
			o.path = o.path[1:]
		}
	}
	// Slugs of one fluid are one, so that the queue stays short.
	if n := len(o.path); n > 1 && o.path[n-1].fluid.Equal(o.path[n-2].fluid) {
		o.path[n-2].left.Add(o.path[n-2].left, o.path[n-1].left)
		o.path = o.path[:n-1]
	}
}

func (o *oracle) flow(a, b int64) {
	switch {
	case o.infusing && o.program.Clocked():
		o.sum.Add(o.sum, o.reached(o.clock+o.zone+b)).Sub(o.sum, o.reached(o.clock+o.zone+a))
	case o.infusing:
		o.sum.Add(o.sum, o.reached(b-o.started)).Sub(o.sum, o.reached(a-o.started))
	case o.minimum:
		o.sum.Add(o.sum, big.NewRat(int64(o.idle)*(b-a), 86_400_000))
	}
	if o.from < 0 {
		return
	}
	if end := min(b, o.from+int64(o.bolus.Duration)*1000); end > a {
		o.sum.Add(o.sum, big.NewRat(int64(o.bolus.Volume)*(end-a), int64(o.bolus.Duration)*1000))
	}
}

// reached integrates the program from the start of some cycle long ago to ms.
func (o *oracle) reached(ms int64) *big.Rat {
	cycle := int64(o.program.Cycle) * 1000
	whole := ms / cycle
	if ms%cycle < 0 {
		whole--
	}
	ms -= whole * cycle
	sum := new(big.Rat)
	for _, s := range o.program.Segments {
		sum.Add(sum, big.NewRat(int64(s.Volume)*whole, 1))
		if e := min(ms-int64(s.Offset)*1000, int64(s.Duration)*1000); e > 0 {
			sum.Add(sum, big.NewRat(int64(s.Volume)*e, int64(s.Duration)*1000))
		}
	}
	return sum
}

// pathVolume is the way to the tip in the stories.
const pathVolume = 394_800

// account is what the pump itself says that the patient got of each drug: what it
// delivered, as the fluid that it takes to be at the tip.
type account map[dose.Code]*big.Rat

// note adds what was delivered since a state.
func (a account) note(before, s *State) {
	at := before.Delivered
	part := func(c dose.Contents, to Pico) {
		if to <= at {
			return
		}
		for _, g := range c.Ingredients {
			if a[g.Code] == nil {
				a[g.Code] = new(big.Rat)
			}
			a[g.Code].Add(a[g.Code], new(big.Rat).Mul(big.NewRat(to-at, 1_000), big.NewRat(int64(g.Conc), 1_000_000)))
		}
		at = to
	}
	for _, l := range before.Path {
		part(l.Contents, min(l.Until, s.Delivered))
	}
	part(before.Contents, s.Delivered)
}

// TestDeliveryEqualsProgram: under any interleaving of modes, boluses, pauses,
// stalls, refills with other contents, bridges, primings, reboots and clock jumps the
// pump delivers what the programs add up to, within one nanolitre, over weeks, and of
// each drug what a path of that volume lets out at its tip.
func TestDeliveryEqualsProgram(t *testing.T) {
	var bridged, rebridged, primed, mixed int
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.SampledFrom([]string{"meander-p40", "tarn-v20"}).Draw(rt, "profile")
		b := newBench(t, id)
		conc := units.Conc(5_000_000)
		p := drawProgram(rt, conc, b.m.profile)
		if p.Validate(&b.m.profile.Range) != nil {
			p = steady(1_234_567)
		}
		capacity := b.m.profile.Reservoir.Capacity
		first := contents(dose.Morphine, conc)
		b.must(Change{Refill: &Refill{Volume: capacity, Contents: first}, Limits: far(dose.Morphine), Program: &p})
		o := &oracle{
			sum: new(big.Rat), clear: new(big.Rat), clock: b.s.Clock.Base + thursday, program: p, infusing: p.Mode != dose.Minimum, minimum: p.Mode == dose.Minimum, from: -1, primed: -1,
			idle: b.m.profile.Range.Idle, fluid: first, path: []slug{{first, big.NewRat(pathVolume, 1)}}, masses: map[dose.Code]*big.Rat{},
		}
		own := account{}
		for range rapid.IntRange(1, 60).Draw(rt, "happenings") {
			h := drawInput(rt, b.m, &b.s, false)
			h.after = min(h.after, 40_000_000)
			c, ok := h.in.(Change)
			moves := ok && (c.Program == nil || c.Refill != nil || c.Bridge != nil) || rapid.IntRange(0, 2).Draw(rt, "other") == 0
			before := b.s
			b.waitMS(h.after)
			o.live(b.s.Run)
			own.note(&before, &b.s)
			if h.after = 0; b.s.Alarms.Active&(1<<profile.Bit(profile.Stopped48H)) != 0 {
				b.must(Clear{profile.Stopped48H}) // what it does to delivery has a test of its own
			}
			if before = b.s; moves {
				h.in, h.jump, h.gap = drawPath(rt, b, capacity), 0, 0
			}
			b.play(h, nil)
			own.note(&before, &b.s)
			o.take(b, h, &before)
			if b.s.Alarms.Active&(1<<profile.Bit(profile.PrimeFail)) != 0 {
				b.must(Clear{profile.PrimeFail})
			}
			o.clock += b.s.Clock.Base - before.Clock.Base
			o.agrees(rt, b, own)
			if c, ok := h.in.(Change); ok && b.s.Gen > before.Gen {
				switch {
				case c.Bridge != nil && len(before.Path) > 0:
					rebridged++
				case c.Prime != nil && len(before.Path) > 0:
					primed++
				}
				mixed = max(mixed, len(b.s.Path))
			}
			if b.s.Reservoir() < 5*units.Millilitre && b.s.Stage.Kind == NoStage {
				b.must(Change{Refill: &Refill{Volume: capacity}})
			}
			if b.s.Reservoir() == 0 {
				return
			}
		}
		bridged += o.cleared
	})
	t.Logf("%d bridges came to their end, %d were computed anew, %d primed over; %d fluids in a path", bridged, rebridged, primed, mixed)
	if bridged == 0 || rebridged == 0 || primed == 0 || mixed < 2 {
		t.Fatal("not every way through a bridge was walked")
	}
}

// far are ceilings far off: they have a test of their own.
func far(c dose.Code) *dose.Limits { return limits(c, 600*units.Milligram, 600*units.Milligram) }

// drawPath draws what moves fluids through the path: a refill with the same or other
// contents over a bridge, a priming or both, a program over a bridge computed anew, a
// priming alone, a motor that stalls.
func drawPath(t *rapid.T, b *bench, capacity units.Volume) Input {
	pace := func(v units.Volume) *dose.Dose {
		return &dose.Dose{Volume: v, Duration: units.Seconds(rapid.Int64Range(int64(v)/10, int64(v)).Draw(t, "over"))}
	}
	quick := func(v units.Volume) *dose.Dose { return &dose.Dose{Volume: v, Duration: 1_800} }
	left := up(b.s.clears())
	switch rapid.SampledFrom([]string{"refill", "visit", "visit", "anew", "anew", "prime", "stall"}).Draw(t, "path") {
	case "visit":
		code := rapid.SampledFrom([]dose.Code{dose.Morphine, dose.Morphine, dose.Hydromorphone, dose.Baclofen}).Draw(t, "drug")
		now := contents(code, rapid.SampledFrom(strengths).Draw(t, "conc"))
		p := drawProgram(t, now.Main().Conc, b.m.profile)
		c := Change{Refill: &Refill{Volume: capacity, Contents: now}, Program: &p, Limits: far(code)}
		if left == 0 && now.Equal(b.s.Contents) {
			return c // no other fluid, no bridge
		}
		switch rapid.IntRange(0, 3).Draw(t, "way") {
		case 0:
			c.Prime = quick(pathVolume)
		case 1:
			part := units.Volume(rapid.Int64Range(1_000, pathVolume-50_000).Draw(t, "primed"))
			c.Prime, c.Bridge = quick(part), pace(pathVolume-part)
		default:
			c.Bridge = pace(pathVolume)
		}
		return c
	case "anew":
		if left == 0 {
			break
		}
		p := drawProgram(t, b.s.Contents.Main().Conc, b.m.profile)
		return Change{Program: &p, Bridge: pace(left + units.Volume(rapid.SampledFrom([]int64{-1, 0, 0, 1, 50_000}).Draw(t, "more")))}
	case "prime":
		return Change{Prime: quick(units.Volume(rapid.Int64Range(1_000, pathVolume).Draw(t, "primed")))}
	case "stall":
		return Fault{Kind: Stall, Ends: b.s.Alarms.Stalled != never}
	}
	return Change{Refill: &Refill{Volume: capacity}}
}

// take follows what the pump accepted.
func (o *oracle) take(b *bench, h happening, before *State) {
	done := b.s.Gen > before.Gen
	switch in := h.in.(type) {
	case Stop:
		// Of an opioid nothing flows then; of baclofen the minimum rate, but for an overdose.
		o.minimum = !in.Overdose && o.fluid.Main().Code == dose.Baclofen && (o.infusing || o.minimum)
		o.infusing = false
		o.cut()
	case Resume:
		if done {
			o.infusing, o.minimum = b.s.Program.Mode != dose.Minimum, b.s.Program.Mode == dose.Minimum
		}
	case Change:
		if done {
			o.change(&in, b)
		}
	case GiveBolus:
		if b.s.Stage.Kind == BolusStage && b.s.Stage.Start == b.s.Run && o.from < 0 {
			o.bolus, o.from = in.Dose, b.s.Run
		}
	case PTMRequest:
		if b.s.Patient.Given > before.Patient.Given {
			o.bolus, o.from = b.s.Stage.Dose, b.s.Run
		}
	case Reboot:
		o.cut()
	case SetClock:
		o.zone = int64(in.Zone) * 1000
	case Fault:
		if _, stalls := b.m.profile.Alarm(profile.MotorStall); stalls {
			o.halted = !in.Ends
		}
		if o.halted {
			o.cut()
		}
	}
}

// change follows a change that was taken.
func (o *oracle) change(c *Change, b *bench) {
	run, was := b.s.Run, o.paces()
	if c.Program != nil {
		o.program, o.started = *c.Program, run
		o.infusing, o.minimum = c.Program.Mode != dose.Minimum, c.Program.Mode == dose.Minimum
	}
	other := c.Refill != nil && !c.Refill.Contents.Empty() && !c.Refill.Contents.Equal(o.fluid)
	if other {
		o.fluid = c.Refill.Contents
		o.clear = new(big.Rat).Add(o.sum, big.NewRat(c.staged()/1000, 1))
	}
	if c.Bridge != nil {
		o.bridge, o.bridges = *c.Bridge, o.stands().Sign() > 0
	}
	if c.Prime != nil {
		if o.prime, o.primed = *c.Prime, run; c.Bridge == nil && o.stands().Sign() > 0 && o.infusing && (other || !o.bridges) {
			o.bridge, o.bridges = o.spare(was, &b.s)
		}
	}
	if o.halted {
		o.cut()
	}
}

// paces returns at which paces fluid leaves now, in nL a ms.
func (o *oracle) paces() (all []*big.Rat) {
	if o.bridges {
		all = append(all, big.NewRat(int64(o.bridge.Volume), int64(o.bridge.Duration)*1000))
	}
	if o.infusing {
		all = append(all, o.mean())
	}
	return all
}

func (o *oracle) mean() *big.Rat {
	return big.NewRat(int64(o.program.PerCycle()), int64(o.program.Cycle)*1000)
}

// spare returns what clears the path if the priming is cut: as slow as anything was,
// or as the slowest that keeps the day of an ingredient that the program gives as
// well; to a whole nL of the program's cycle, and to a whole second of all that
// stands.
func (o *oracle) spare(was []*big.Rat, s *State) (dose.Dose, bool) {
	for _, l := range s.Path { // the fluids that the pump tells apart; masses shows that they are there
		for _, g := range l.Contents.Ingredients {
			v := new(big.Int).Quo(new(big.Int).Mul(big.NewInt(int64(o.program.PerCycle())), big.NewInt(int64(o.fluid.Conc(g.Code)))), big.NewInt(int64(g.Conc)))
			if v.Sign() > 0 {
				was = append(was, new(big.Rat).SetFrac(v, big.NewInt(int64(o.program.Cycle)*1000)))
			}
		}
	}
	if len(was) == 0 && o.idle > 0 {
		was = append(was, big.NewRat(int64(o.idle), dayMS))
	}
	if len(was) == 0 {
		return dose.Dose{}, false
	}
	slowest := was[0]
	for _, w := range was {
		if w.Cmp(slowest) < 0 {
			slowest = w
		}
	}
	left := up(s.clears())
	t := new(big.Rat).Quo(big.NewRat(int64(left), 1000), slowest)
	whole := new(big.Int).Add(t.Num(), new(big.Int).Sub(t.Denom(), big.NewInt(1)))
	return dose.Dose{Volume: left, Duration: units.Seconds(whole.Quo(whole, t.Denom()).Int64())}, true
}

// cut ends bolus and priming.
func (o *oracle) cut() { o.from, o.primed = -1, -1 }

// agrees compares in picolitres, and each drug within one nanolitre of the strongest
// fluid for every one that went through.
func (o *oracle) agrees(t *rapid.T, b *bench, own account) {
	exact := new(big.Rat).Mul(o.sum, big.NewRat(1000, 1))
	off := exact.Sub(exact, big.NewRat(b.s.Delivered, 1))
	if off.Abs(off).Cmp(big.NewRat(1000, 1)) >= 0 {
		t.Fatalf("delivered %d pL, %s pL away from the programs", b.s.Delivered, off.FloatString(1))
	}
	most := big.NewRat(int64(strengths[len(strengths)-1]), 1_000_000)
	for code, is := range own {
		want := o.masses[code]
		if want == nil {
			want = new(big.Rat)
		}
		if off := new(big.Rat).Sub(is, want); off.Abs(off).Cmp(most) >= 0 {
			t.Fatalf("%s: %s ng by the pump's own account, %s ng by the path's", code, is.FloatString(1), want.FloatString(1))
		}
	}
}
