package pump

import (
	"testing"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// once gives 5 mg of morphine 10 mg/mL over ten hours, once.
func once() dose.Program {
	return dose.Program{Mode: dose.Single, Cycle: 10 * units.Hour, Then: dose.Stopped, Segments: []dose.Segment{{Duration: 10 * units.Hour, Volume: 500_000}}}
}

// cuts are the ways in which a priming ends before its time, up to where the pump goes
// on. None takes running time.
var cuts = map[string]func(*bench){
	"a power cut": func(b *bench) { b.must(Reboot{Cause: Power}) },
	"a stop":      func(b *bench) { b.must(Stop{}); b.must(Resume{}) },
	"a stall":     func(b *bench) { b.do(Fault{Kind: Stall}); b.do(Fault{Kind: Stall, Ends: true}) },
}

// TestPrimingHoldsTheProgram: a priming alone brings no program. What runs gives, behind
// a whole one as behind one that was cut, what was left of its cycle and nothing twice.
func TestPrimingHoldsTheProgram(t *testing.T) {
	prime := func(b *bench, cut func(*bench)) (took units.Seconds) {
		b.t.Helper()
		b.must(Change{Prime: &dose.Dose{Volume: 10_000, Duration: 600}, Source: SourceOrder})
		if cut == nil {
			b.wait(600)
			return 600
		}
		b.wait(300)
		cut(b)
		b.must(Clear{profile.PrimeFail})
		return 300
	}
	ways := map[string]func(*bench){"whole": nil}
	for name, cut := range cuts {
		ways["cut by "+name] = cut
	}
	for name, cut := range ways {
		t.Run("single, "+name, func(t *testing.T) {
			b := newBench(t, "meander-p20")
			b.fill(15*units.Millilitre, once())
			b.wait(9 * units.Hour)
			primed := units.Volume(prime(b, cut)) * 10_000 / 600
			if got := b.delivered(); got != 450_000+primed {
				t.Errorf("%s after nine hours and the priming", got)
			}
			b.wait(units.Hour - 1)
			if got := b.m.Sample(&b.s).Run; got != wire.Infusing {
				t.Errorf("%s a second before the end", got)
			}
			b.records()
			b.wait(1)
			b.wrote(EventProgramEnded)
			b.wait(units.Day)
			if got := b.delivered(); got != 500_000+primed {
				t.Errorf("%s in all, ordered were 500,000 nL once", got-primed)
			}
		})
		t.Run("periodic, "+name, func(t *testing.T) {
			b := newBench(t, "meander-p20")
			rest, _ := b.m.Profile().Range.Idle.In(5*units.Hour, units.Nearest)
			b.fill(15*units.Millilitre, dose.Program{Mode: dose.Periodic, Cycle: 6 * units.Hour, Segments: []dose.Segment{{Duration: units.Hour, Volume: 100_000}, {Offset: units.Hour, Duration: 5 * units.Hour, Volume: rest}}})
			b.wait(2 * units.Hour)
			primed := units.Volume(prime(b, cut)) * 10_000 / 600
			b.wait(4 * units.Hour)
			if got := b.delivered(); got != 100_000+primed+rest {
				t.Errorf("%s in a cycle, want one bolus of 100,000 nL and %s", got-primed, rest)
			}
			b.wait(units.Hour)
			if got := b.delivered(); got != 200_000+primed+rest {
				t.Errorf("%s by the end of the second bolus", got-primed)
			}
		})
	}
}

// TestProgramBeginsBehindItsStages: a program that comes with a priming or a bridge
// begins when they are over and gives all of its dose, whatever else is done meanwhile.
func TestProgramBeginsBehindItsStages(t *testing.T) {
	half := &dose.Dose{Volume: 200_000, Duration: 1_000}
	weak := &Refill{18 * units.Millilitre, contents(dose.Morphine, 10_000_000)}
	for name, meanwhile := range map[string]func(*bench, *Change){
		"a priming": func(b *bench, c *Change) { c.Prime = half; b.must(*c); b.wait(1_000) },
		"a bridge": func(b *bench, c *Change) {
			c.Bridge = &dose.Dose{Volume: 200_000, Duration: 2 * units.Day}
			b.must(*c)
			b.wait(2 * units.Day)
		},
		"both": func(b *bench, c *Change) {
			c.Prime, c.Bridge = half, &dose.Dose{Volume: 200_000, Duration: 2 * units.Day}
			b.must(*c)
			b.wait(1_000)
			b.wait(2 * units.Day)
		},
		"a bridge, stopped on its second day": func(b *bench, c *Change) {
			c.Bridge = &dose.Dose{Volume: 200_000, Duration: 2 * units.Day}
			b.must(*c)
			b.wait(units.Day)
			b.must(Stop{})
			b.wait(units.Hour)
			b.must(Resume{})
			b.wait(units.Day)
		},
		"a bridge, computed anew with the program": func(b *bench, c *Change) {
			c.Bridge = &dose.Dose{Volume: 200_000, Duration: 2 * units.Day}
			b.must(*c)
			b.wait(units.Day)
			p := once()
			b.must(Change{Program: &p, Bridge: &dose.Dose{Volume: 100_000, Duration: 36 * units.Hour}})
			b.wait(36 * units.Hour)
		},
		"a bridge, primed over": func(b *bench, c *Change) {
			c.Bridge = &dose.Dose{Volume: 200_000, Duration: 2 * units.Day}
			b.must(*c)
			b.wait(units.Day)
			b.must(Change{Prime: &dose.Dose{Volume: 100_000, Duration: 1_000}})
			b.wait(1_000)
		},
		"a bridge, partly primed over": func(b *bench, c *Change) {
			c.Bridge = &dose.Dose{Volume: 200_000, Duration: 2 * units.Day}
			b.must(*c)
			b.wait(units.Day)
			b.must(Change{Prime: &dose.Dose{Volume: 50_000, Duration: 1_000}})
			b.wait(1_000)
			b.wait(units.Day / 2)
		},
		"a bridge, the priming over it cut": func(b *bench, c *Change) {
			c.Bridge = &dose.Dose{Volume: 200_000, Duration: 2 * units.Day}
			b.must(*c)
			b.wait(units.Day)
			b.must(Change{Prime: &dose.Dose{Volume: 100_000, Duration: 1_000}})
			b.wait(500)
			b.must(Reboot{Cause: Power})
			b.must(Clear{profile.PrimeFail})
			b.wait(units.Day / 2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "meander-p20")
			before, p := steady(100_000), once()
			b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(dose.Morphine, 20_000_000)}, Limits: limits(dose.Morphine, 4*units.Milligram, 15*units.Milligram), Program: &before})
			b.wait(units.Day)
			meanwhile(b, &Change{Refill: weak, Program: &p})
			if s := b.m.Sample(&b.s); s.Run != wire.Infusing || b.s.Stage.Kind != NoStage || len(b.s.Path) > 0 {
				t.Fatalf("%s, %d fluids in the path", s.Run, len(b.s.Path))
			}
			at := b.delivered()
			b.wait(20 * units.Hour)
			if got := b.delivered() - at; got != 500_000 {
				t.Errorf("then %s, ordered were 500,000 nL once", got)
			}
		})
	}
}

// TestSpareBridgeHoldsTheProgram: a program that already runs on old fluid, because a
// pump without a minimum rate had nothing to clear it by, is held by the bridge that a
// second cut priming leaves, and does not begin again behind it.
func TestSpareBridgeHoldsTheProgram(t *testing.T) {
	b := newBench(t, "tarn-v20")
	before, p := steady(500_000), once()
	b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(dose.Morphine, 10_000_000)}, Limits: limits(dose.Morphine, 4*units.Milligram, 15*units.Milligram), Program: &before})
	b.wait(units.Day)
	b.must(Stop{})
	prime := Change{Refill: &Refill{18 * units.Millilitre, contents(dose.Hydromorphone, 10_000_000)}, Limits: limits(dose.Hydromorphone, 4*units.Milligram, 15*units.Milligram), Program: &p, Prime: &dose.Dose{Volume: 390_000, Duration: 1_800}}
	cut := func(c Change, after units.Seconds) {
		t.Helper()
		b.must(c)
		b.wait(after)
		b.must(Reboot{Cause: Power})
		b.must(Clear{profile.PrimeFail})
	}
	cut(prime, 900)
	if s := b.m.Sample(&b.s); s.Run != wire.Infusing || len(b.s.Path) != 1 {
		t.Fatalf("%s, %d fluids in the path", s.Run, len(b.s.Path))
	}
	at := b.delivered()
	b.wait(2 * units.Hour) // 100,000 of 195,000 of old fluid, and of 500,000
	cut(Change{Prime: &dose.Dose{Volume: 10_000, Duration: 600}}, 300)
	if got := b.m.Sample(&b.s).Run; got != wire.Bridge {
		t.Fatalf("%s, want the bridge", got)
	}
	b.wait(3 * units.Day)
	if got := b.delivered() - at; got != 500_000+5_000+90_000 {
		t.Errorf("%s: the single dose, 5,000 nL primed and 90,000 nL of a bridge are 595,000 nL", got)
	}
}
