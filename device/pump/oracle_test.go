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
// fractions of a nanolitre, from the programs and the times alone.
type oracle struct {
	sum      *big.Rat
	run      int64 // ms
	clock    int64 // ms of the schedule at run 0, from a Monday's midnight
	zone     int64 // ms
	program  dose.Program
	started  int64
	infusing bool
	minimum  bool // after a single bolus, or programmed so
	bolus    dose.Dose
	from     int64 // of the bolus; −1 if there is none
	idle     units.Rate
}

// live adds what flows until run.
func (o *oracle) live(run int64) {
	if end := o.started + int64(o.program.Cycle)*1000; o.program.Mode == dose.Single && o.infusing && run >= end {
		o.flow(o.run, end)
		o.run, o.infusing, o.minimum = end, false, o.program.Then == dose.Minimum
		o.program = dose.Program{Mode: o.program.Then}
	}
	o.flow(o.run, run)
	o.run = run
	if o.from >= 0 && run >= o.from+int64(o.bolus.Duration)*1000 {
		o.from = -1
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

// TestDeliveryEqualsProgram: under any interleaving of modes, boluses, pauses,
// reboots and clock jumps the pump delivers what the programs add up to, within
// one nanolitre, over weeks.
func TestDeliveryEqualsProgram(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.SampledFrom([]string{"meander-p40", "tarn-v20"}).Draw(rt, "profile")
		b := newBench(t, id)
		conc := units.Conc(5_000_000)
		p := drawProgram(rt, conc, b.m.profile)
		if p.Validate(&b.m.profile.Range) != nil {
			p = steady(1_234_567)
		}
		// Ceilings far off: they have a test of their own.
		far := limits(dose.Morphine, 600*units.Milligram, 600*units.Milligram)
		capacity := b.m.profile.Reservoir.Capacity
		b.must(Change{Refill: &Refill{Volume: capacity, Contents: contents(dose.Morphine, conc)}, Limits: far, Program: &p})
		o := &oracle{sum: new(big.Rat), clock: b.s.Clock.Base + thursday, program: p, infusing: p.Mode != dose.Minimum, minimum: p.Mode == dose.Minimum, from: -1, idle: b.m.profile.Range.Idle}
		for range rapid.IntRange(1, 40).Draw(rt, "happenings") {
			h := drawInput(rt, b.m, &b.s, false)
			h.after = min(h.after, 40_000_000)
			if c, ok := h.in.(Change); ok && (c.Program == nil || c.Refill != nil || c.Bridge != nil) {
				h.in = Change{Refill: &Refill{Volume: capacity}}
			}
			b.waitMS(h.after)
			o.live(b.s.Run)
			if h.after = 0; b.s.Alarms.Active&(1<<profile.Bit(profile.Stopped48H)) != 0 {
				b.must(Clear{profile.Stopped48H}) // what it does to delivery has a test of its own
			}
			gen, given := b.s.Gen, b.s.Patient.Given
			before := b.s.Clock.Base
			b.play(h, nil)
			o.take(b, h, gen, given)
			o.clock += b.s.Clock.Base - before
			o.agrees(rt, b)
			if b.s.Reservoir() < 5*units.Millilitre && b.s.Stage.Kind == NoStage {
				b.must(Change{Refill: &Refill{Volume: capacity}})
			}
			if b.s.Reservoir() == 0 {
				return
			}
		}
	})
}

// take follows what the pump accepted.
func (o *oracle) take(b *bench, h happening, gen uint64, given int64) {
	switch in := h.in.(type) {
	case Stop:
		o.infusing, o.minimum, o.from = false, false, -1 // morphine
	case Resume:
		if b.s.Gen > gen {
			o.infusing, o.minimum = b.s.Program.Mode != dose.Minimum, b.s.Program.Mode == dose.Minimum
		}
	case Change:
		if in.Program != nil && b.s.Gen > gen {
			o.program, o.started = *in.Program, b.s.Run
			o.infusing, o.minimum = in.Program.Mode != dose.Minimum, in.Program.Mode == dose.Minimum
		}
	case GiveBolus:
		if b.s.Stage.Kind == BolusStage && b.s.Stage.Start == b.s.Run && o.from < 0 {
			o.bolus, o.from = in.Dose, b.s.Run
		}
	case PTMRequest:
		if b.s.Patient.Given > given {
			o.bolus, o.from = b.s.Stage.Dose, b.s.Run
		}
	case Reboot:
		o.from = -1
	case SetClock:
		o.zone = int64(in.Zone) * 1000
	}
}

// agrees compares in picolitres.
func (o *oracle) agrees(t *rapid.T, b *bench) {
	exact := new(big.Rat).Mul(o.sum, big.NewRat(1000, 1))
	off := exact.Sub(exact, big.NewRat(b.s.Delivered, 1))
	if off.Abs(off).Cmp(big.NewRat(1000, 1)) >= 0 {
		t.Fatalf("delivered %d pL, %s pL away from the programs", b.s.Delivered, off.FloatString(1))
	}
}
