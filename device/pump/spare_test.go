package pump

import (
	"testing"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// TestCutPrimingKeepsTheDose: a priming that was to clear the path is cut half way, and
// the profile says that the pump goes on, or somebody clears the alarm. What is left of
// the old fluid does not leave at the pace of the program that was made for the new:
// of no drug is more given a day than before and than the new program gives.
func TestCutPrimingKeepsTheDose(t *testing.T) {
	const path = 394_800
	type fluid struct {
		code dose.Code
		conc units.Conc
		day  units.Volume // of its program
	}
	for _, tt := range []struct {
		name     string
		old, now fluid
		stopped  bool         // before the visit
		day      units.Volume // of the rest, from then on
	}{
		{"a weaker fluid, four times as fast", fluid{dose.Baclofen, 2_000_000, 200_000}, fluid{dose.Baclofen, 500_000, 800_000}, false, 200_000},
		{"an opioid", fluid{dose.Morphine, 20_000_000, 100_000}, fluid{dose.Morphine, 5_000_000, 400_000}, false, 100_000},
		{"an increase", fluid{dose.Baclofen, 1_000_000, 200_000}, fluid{dose.Baclofen, 1_000_000 / 2, 500_000}, false, 200_000},
		{"a decrease", fluid{dose.Baclofen, 2_000_000, 200_000}, fluid{dose.Baclofen, 500_000, 400_000}, false, 100_000},
		{"another drug", fluid{dose.Baclofen, 500_000, 100_000}, fluid{dose.Morphine, 5_000_000, 600_000}, false, 100_000},
		{"the same drug, after a stop", fluid{dose.Morphine, 20_000_000, 400_000}, fluid{dose.Morphine, 5_000_000, 400_000}, true, 100_000},
		{"another drug, after a stop", fluid{dose.Morphine, 20_000_000, 400_000}, fluid{dose.Hydromorphone, 5_000_000, 400_000}, true, 6_000},
	} {
		for how, cut := range cuts {
			t.Run(tt.name+" by "+how, func(t *testing.T) {
				b := newBench(t, "meander-p20")
				before, after := steady(tt.old.day), steady(tt.now.day)
				most := limits(tt.old.code, 4*units.Milligram, 15*units.Milligram)
				b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(tt.old.code, tt.old.conc)}, Limits: most, Program: &before})
				b.wait(2 * units.Day)
				if tt.stopped {
					b.must(Stop{})
					b.wait(units.Hour)
				}
				b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(tt.now.code, tt.now.conc)}, Limits: limits(tt.now.code, 4*units.Milligram, 15*units.Milligram), Program: &after, Prime: &dose.Dose{Volume: path, Duration: 2_000}})
				b.wait(1_000)
				cut(b)
				if !b.s.active(profile.PrimeFail) {
					t.Fatal("nobody is told that the catheter is not full")
				}
				b.must(Clear{profile.PrimeFail})
				at := b.delivered()
				b.refused(PTMRequest{}, NoPTM)
				b.wait(units.Hour)
				if got, want := b.delivered()-at, tt.day/24; got > want || got < want-1 {
					t.Errorf("%s of the old fluid in the first hour, want %s", got, want)
				}
				takes := units.Seconds(path / 2 * int64(units.Day) / int64(tt.day))
				b.wait(takes - units.Hour - 2)
				v := b.m.View(&b.s)
				if left := v.Left(); left <= 0 || left > 10 || b.m.Sample(&b.s).Run != wire.Bridge {
					t.Errorf("%s left, %s", left, b.m.Sample(&b.s).Run)
				}
				b.wait(10)
				at = b.delivered()
				b.wait(units.Day)
				if got := b.delivered() - at; b.m.Sample(&b.s).Run != wire.Infusing || got < tt.now.day-1 || got > tt.now.day+1 {
					t.Errorf("then %s a day, %s", got, b.m.Sample(&b.s).Run)
				}
			})
		}
	}
}

// TestWholePrimingBringsNoBridge: the bridge that waits for a cut is not run, nor
// told of, when nothing was cut.
func TestWholePrimingBringsNoBridge(t *testing.T) {
	b := newBench(t, "meander-p20")
	p := steady(200_000)
	b.fill(18*units.Millilitre, p)
	b.wait(units.Day)
	b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(dose.Morphine, 5_000_000)}, Program: &p, Prime: &dose.Dose{Volume: 394_800, Duration: 1_800}})
	b.records()
	b.wait(1_800)
	b.wrote(EventPrimeEnded)
	if s := b.m.Sample(&b.s); s.Run != wire.Infusing || b.m.View(&b.s).Bridge != nil || b.s.Next.Kind != NoStage {
		t.Errorf("%s, %+v", s.Run, b.s.Next)
	}
}
