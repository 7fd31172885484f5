package pump

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/units"
)

// TestExactlyAtCeiling: a program that takes all that the library allows is
// neither held nor passes it, for weeks, at any tick.
func TestExactlyAtCeiling(t *testing.T) {
	flex := dose.Program{Mode: dose.FlexDay, Cycle: units.Day}
	for i := range units.Seconds(13) {
		d := units.Seconds(6_646)
		if i == 12 {
			d = units.Day - 12*6_646
		}
		flex.Segments = append(flex.Segments, dose.Segment{Offset: i * 6_646, Duration: d, Volume: 115_000 + units.Volume(i)*61})
	}
	flex.Segments[12].Volume = 1_500_000 - (flex.PerCycle() - flex.Segments[12].Volume)
	for name, p := range map[string]dose.Program{"continuous": steady(1_500_000), "flex": flex} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "meander-p40")
			b.fill(40*units.Millilitre, p)
			b.records()
			b.wait(3_333)
			day := make([]Pico, 0, 400)
			for i := range 24 * 20 * 6 {
				b.wait(600)
				day = append(day, b.s.Delivered)
				if i >= 144 {
					if got := b.s.Delivered - day[i-144]; got < 1_500_000_000-slack || got > 1_500_000_000+slack {
						t.Fatalf("%d pL in 24 hours, the ceiling is 1,500,000,000", got)
					}
				}
			}
			b.wrote()
		})
	}
}

// TestHeldAtCeiling raises a program late in the day: the day's ceiling lets
// through what leaves the window, and nothing is made up for later.
func TestHeldAtCeiling(t *testing.T) {
	b := newBench(t, "meander-p40")
	night := dose.Program{Mode: dose.FlexDay, Cycle: units.Day, Segments: []dose.Segment{
		{Duration: 4 * units.Hour, Volume: 1_000_000}, {Offset: 4 * units.Hour, Duration: 20 * units.Hour, Volume: 400_000},
	}}
	b.fill(40*units.Millilitre, night)
	b.wait(4 * units.Hour) // 1,000,000
	late := dose.Program{Mode: dose.FlexDay, Cycle: units.Day, Segments: []dose.Segment{
		{Duration: 4 * units.Hour, Volume: 100_000}, {Offset: 4 * units.Hour, Duration: 2 * units.Hour, Volume: 600_000}, {Offset: 6 * units.Hour, Duration: 18 * units.Hour, Volume: 180_000},
	}}
	b.must(Change{Program: &late})
	b.records()
	b.wait(100 * units.Minute) // 500,000 of the 600,000: 1,500,000 in the window
	b.wrote()
	if got := b.delivered(); got != 1_500_000 {
		t.Errorf("before the hold %s", got)
	}
	b.wait(20 * units.Minute)
	b.wrote("+MAX_DOSE")
	b.wait(18 * units.Hour) // to midnight: nothing leaves the window
	if got := b.delivered(); got != 1_500_000 {
		t.Errorf("held at %s", got)
	}
	// From midnight on 250,000 an hour leave, and the program wants 25,000.
	b.records()
	b.wait(units.Hour - 1)
	b.wrote()
	b.wait(1)
	if got := b.delivered(); got != 1_525_000 {
		t.Errorf("after midnight %s, want the program and no catching up", got)
	}
	b.wrote("-MAX_DOSE") // an hour after the last hold
	if b.s.Alarms.Held != 0 {
		t.Error("still held")
	}
}

// TestAboveCeiling: limits are lowered below what was given. Nothing flows until that is
// out of the window, then what leaves it; and what is counted of any time since is what
// flowed in it.
func TestAboveCeiling(t *testing.T) {
	for _, each := range []units.Seconds{6 * units.Hour, units.Hour / 2, 77} {
		b := newBench(t, "meander-p20")
		b.fill(20*units.Millilitre, steady(360_000)) // 15,000 an hour
		b.wait(units.Day)
		for range 2 {
			b.must(GiveBolus{dose.Dose{Volume: 350_000, Duration: units.Hour}})
			b.wait(2 * units.Hour)
		}
		p, at := steady(960_000), b.s.Delivered                                                           // 40,000 an hour
		b.must(Change{Program: &p, Limits: limits(dose.Morphine, 4*units.Milligram, 10*units.Milligram)}) // 60,000 too much
		b.records()
		for left := 6 * units.Hour; left > 0; left -= min(each, left) {
			b.wait(min(each, left))
		}
		b.wrote("+MAX_DOSE")
		if got := b.s.Delivered - at; got < 30_000_000 || got > 30_000_000+slack {
			t.Errorf("looking each %s: %d pL, want two hours of what leaves the window", each, got)
		}
		l := &b.s.Ledger
		for half := range int64(13) {
			got, want := l.Sum-l.at(b.s.Run-half*hourMS/2, b.s.Run), min(30_000_000, half*7_500_000)
			if got < want || got > want+slack {
				t.Errorf("looking each %s: %d pL count of the last %d half hours, %d flowed", each, got, half, want)
			}
		}
	}
}

// TestPatientAtCeiling: a patient's bolus that would pass a ceiling is refused,
// though lockout and count would allow it.
func TestPatientAtCeiling(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(20*units.Millilitre, steady(1_500_000))
	b.wait(units.Day)
	p := steady(1_200_000)
	p.PTM = &dose.PTM{Volume: 100_000, Duration: 600, Lockout: 3_600, Max24h: 3}
	b.must(Change{Program: &p})
	b.wait(units.Hour) // 1,487,500 in 24 hours
	b.records()
	b.refused(PTMRequest{}, AtCeiling)
	b.wrote(EventPTMDenied, "+MAX_DOSE")
	b.wait(units.Hour)
	b.wrote("-MAX_DOSE")
}

// TestRebootCountsTheRest: what a reboot interrupts is not resumed, and counts
// as given.
func TestRebootCountsTheRest(t *testing.T) {
	b := newBench(t, "meander-p20")
	p := steady(240_000)
	p.PTM = &dose.PTM{Volume: 20_000, Duration: 600, Lockout: 3_600, Max24h: 3}
	b.fill(20*units.Millilitre, p)
	b.wait(units.Hour)
	b.must(PTMRequest{})
	b.wait(150)
	sum, delivered, locked := b.s.Ledger.Sum, b.s.Delivered, b.s.Patient.Locked
	b.records()
	b.now.Wall += 60_000
	b.must(Reboot{Cause: Watchdog})
	b.wrote(EventBoot, EventBolusCut)
	if b.s.Delivered != delivered || b.s.Ledger.Sum != sum+15_000_000 {
		t.Errorf("counted %d more, want 15,000 nL", b.s.Ledger.Sum-sum)
	}
	if b.s.Patient.Locked != locked {
		t.Error("the lockout moved")
	}
	b.wait(600)
	if got := b.s.Delivered - delivered; nano(got) != 1_666 {
		t.Errorf("afterwards %s: the bolus went on", nano(got))
	}
}

// TestContentsTurnTheLedger: what was given before a change of strength counts
// in the new volumes.
func TestContentsTurnTheLedger(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(20*units.Millilitre, steady(500_000)) // 5 mg a day of 10 mg/mL
	b.wait(units.Day)
	// To half the strength: what is counted of the last day counts twofold. Of the half
	// hour of priming, which is part of it by then, nothing is.
	p := steady(1_000_000)
	b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(dose.Morphine, 5_000_000)}, Program: &p, Prime: &dose.Dose{Volume: 394_800, Duration: 1_800}})
	b.wait(1_800)
	l := &b.s.Ledger
	if got := l.Sum - l.at(b.s.Run-dayMS, b.s.Run); got != 979_166_668 {
		t.Errorf("the last day counts as %d pL", got)
	}
	if got := l.Sum - l.at(b.s.Run-hourMS, b.s.Run); got != 20_833_334 {
		t.Errorf("the last hour counts as %d pL", got)
	}
	if c := b.s.Ledger.Ceiling; c.Day != 3_000_000 || c.Hour != 800_000 {
		t.Errorf("ceilings %+v", c)
	}
	if room := b.s.Ledger.room(b.s.Run, b.s.Run); room != 800_000_000-20_833_334+slack {
		t.Errorf("room for %d pL in this hour", room)
	}
}

// TestContentsTurnMonths: however long a pump has run without a bend, what it gave in
// the last 24 hours counts on under other contents, and no more than that.
func TestContentsTurnMonths(t *testing.T) {
	for _, visits := range []int{1, 2, 4} {
		b := newBench(t, "meander-p20")
		p, most := steady(200_000), limits(dose.Morphine, 12*units.Milligram, 15*units.Milligram)
		b.must(Change{Refill: &Refill{20 * units.Millilitre, contents(dose.Morphine, 20_000_000)}, Limits: most, Program: &p}) // 4 mg a day
		for range visits {
			b.wait(80 * units.Day)
			b.must(Change{Refill: &Refill{Volume: 20 * units.Millilitre}})
		}
		b.must(GiveBolus{dose.Dose{Volume: 300_000, Duration: 3_600}}) // 6 mg
		b.wait(3_600)
		// To a quarter of the strength over a bridge of 4 mg in 8 hours, 12 a day.
		q := steady(800_000)
		b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(dose.Morphine, 5_000_000)}, Limits: most, Program: &q, Bridge: &dose.Dose{Volume: 200_000, Duration: 8 * units.Hour}})
		b.wait(8 * units.Hour)
		l := &b.s.Ledger
		day := l.Sum - l.at(b.s.Run-dayMS, b.s.Run) // 6 + 4 mg, and 16 hours of 4 mg a day
		if want := Pico(2_533_333_333); len(b.s.Path) > 0 || day < want-4 || day > want+4 {
			t.Errorf("after %d visits the last day counts as %d pL, want %d", visits, day, want)
		}
		b.refused(GiveBolus{dose.Dose{Volume: 1_000_000, Duration: 7_200}}, AtCeiling) // 5 mg more
	}
}

// TestTurnTooMuchToCount: if the past is more of the new contents than can be counted,
// the windows are full, and none of them is empty because all of it is.
func TestTurnTooMuchToCount(t *testing.T) {
	l := Ledger{Points: []Point{{}}}
	now, most := Millis(0), int64(dose.MaxVolume)*1000
	for i := range 24 {
		l.turn(Flow{Volume: units.Volume(i + 1)}, now)
		now, l.Sum = now+hourMS, l.Sum+100_000_000
	}
	l.rebase(Rebase{Num: 2_000, Den: 1}, now)
	for quarters := range int64(97) {
		if got := l.Sum - l.at(now-quarters*hourMS/4, now); got < min(most, quarters*50_000_000_000) || got > most {
			t.Errorf("the last %d quarters of an hour count as %d pL", quarters, got)
		}
	}
	if !l.validAt(now) {
		t.Error("the pump would not read it")
	}
}

// TestAdoptCountsTheStricter: what was given before signers found another strength in
// the reservoir may have been of that one, or of the one that was believed. It counts
// as the more.
func TestAdoptCountsTheStricter(t *testing.T) {
	for _, tt := range []struct {
		name  string
		found dose.Contents
		day   Pico // of 700,000 nL of what was believed
	}{
		{"stronger", contents(dose.Morphine, 20_000_000), 700_000_000},
		{"as strong", contents(dose.Morphine, 10_000_000), 700_000_000},
		{"weaker", contents(dose.Morphine, 5_000_000), 1_400_000_000},
		{"another drug", contents(dose.Hydromorphone, 10_000_000), 700_000_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, "meander-p20")
			p := steady(300_000)
			b.must(Change{Refill: &Refill{20 * units.Millilitre, contents(dose.Morphine, 10_000_000)}, Limits: limits(dose.Morphine, 12*units.Milligram, 15*units.Milligram), Program: &p})
			b.wait(2 * units.Day)
			b.must(GiveBolus{dose.Dose{Volume: 400_000, Duration: 3_600}})
			b.wait(3_600)
			b.must(Adopt{Volume: 15 * units.Millilitre, Contents: tt.found, Limits: *limits(tt.found.Main().Code, 12*units.Milligram, 15*units.Milligram), Source: SourceOrder})
			l := &b.s.Ledger
			if got := l.Sum - l.at(b.s.Run-dayMS, b.s.Run); got != tt.day {
				t.Errorf("the last day counts as %d pL, want %d", got, tt.day)
			}
		})
	}
}

// TestLineThins keeps the line short, and never above where it was.
func TestLineThins(t *testing.T) {
	l := Ledger{Points: []Point{{}}, Ceiling: dose.Ceiling{Hour: 1 << 40, Day: 1 << 40}}
	now, sums := Millis(0), map[Millis]Pico{}
	for i := range 1_000 {
		l.turn(Flow{Volume: units.Volume(i%7 + 1)}, now)
		now += 60_000
		l.Sum += int64(i*i%1_013) * 1_000
		sums[now] = l.Sum
	}
	if len(l.Points) > maxPoints {
		t.Fatalf("%d points", len(l.Points))
	}
	low, off := 0, 0
	for at, sum := range sums {
		if at < now-dayMS {
			continue
		}
		if got := l.at(at, now); got > sum {
			t.Fatalf("at %d the line lies at %d, it was at %d", at, got, sum)
		} else if got < sum {
			off++
		}
		low++
	}
	if low < 900 || off == 0 {
		t.Fatalf("looked at %d points, %d of them thinned", low, off)
	}
}

// TestThinningNeverFrees: wherever a window begins, a line that was thinned leaves no
// more room than before, jumps in it or none.
func TestThinningNeverFrees(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		points := []Point{{}}
		for range rapid.IntRange(2, 20).Draw(rt, "bends") {
			last := points[len(points)-1]
			points = append(points, Point{
				At:  last.At + rapid.SampledFrom([]Millis{0, 1, 7, 60, 1_000}).Draw(rt, "later"),
				Sum: last.Sum + rapid.Int64Range(0, 50).Draw(rt, "more"),
			})
		}
		last := points[len(points)-1]
		now, sum := last.At+10, last.Sum+rapid.Int64Range(0, 50).Draw(rt, "since")
		was := Ledger{Points: slices.Clone(points), Sum: sum}
		for len(points) > 2 {
			points = thin(points)
			is := Ledger{Points: points, Sum: sum}
			for at := range now {
				if got, most := is.at(at, now), was.at(at, now); got > most {
					rt.Fatalf("with %d of %v the line lies at %d at %d, it was at %d", len(points), was.Points, got, at, most)
				}
			}
		}
	})
}

// TestFullLineStaysReadable: a line that is full takes any number of boluses cut by
// reboots, and the pump still reads its own memory. One that an earlier pump let grow
// beyond its bound is read as well, and comes back within it.
func TestFullLineStaysReadable(t *testing.T) {
	b := newBench(t, "meander-p20")
	p := steady(100_000)
	p.PTM = &dose.PTM{Volume: 2_000, Duration: 600, Lockout: 1_800, Max24h: 12}
	b.fill(20*units.Millilitre, p)
	b.wait(units.Hour)
	for len(b.s.Ledger.Points) < maxPoints {
		b.do(Fault{Kind: Stall})
		b.wait(60)
		b.do(Fault{Kind: Stall, Ends: true})
		b.wait(60)
	}
	for i := range 6 {
		b.must(PTMRequest{})
		b.wait(60)
		sum := b.s.Ledger.Sum
		b.must(Reboot{Cause: Watchdog})
		if got := b.s.Ledger.Sum - sum; got != 1_800_000 {
			t.Errorf("bolus %d: counted %d pL more, want the 1,800 nL that were cut", i+1, got)
		}
		if _, err := Decode(b.s.Encode()); err != nil || len(b.s.Ledger.Points) > maxPoints {
			t.Fatalf("bolus %d: %d points, %v", i+1, len(b.s.Ledger.Points), err)
		}
		b.wait(1_800)
	}
	l := &b.s.Ledger
	for len(l.Points) < maxPoints+60 {
		l.Points = append(slices.Clip(l.Points), Point{At: b.s.Run, Sum: l.Sum})
	}
	var err error
	if b.s, err = Decode(b.s.Encode()); err != nil {
		t.Fatal(err)
	}
	b.wait(60)
	b.must(GiveBolus{dose.Dose{Volume: 2_000, Duration: 600}})
	b.wait(60)
	if n := len(b.s.Ledger.Points); n > maxPoints {
		t.Errorf("%d points", n)
	}
}

func TestPrimeDoesNotCount(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(20*units.Millilitre, steady(1_500_000))
	b.wait(units.Day)
	p := steady(1_500_000)
	b.must(Change{Program: &p, Prime: &dose.Dose{Volume: 394_800, Duration: 1_800}})
	sum := b.s.Ledger.Sum
	b.wait(1_800)
	at := b.delivered()
	if half := b.s.Ledger.at(b.s.Run-900_000, b.s.Run); half != sum || b.s.Ledger.Sum != sum {
		t.Errorf("counted %d while priming, %d by its half", b.s.Ledger.Sum-sum, half-sum)
	}
	b.records()
	b.wait(units.Day)
	// Half an hour of priming left room that the program fills only at its pace.
	if got := b.delivered() - at; got != 1_500_000 {
		t.Errorf("after priming %s in 24 hours", got)
	}
	b.wrote()
	if b.s.Alarms.Active&(1<<profile.Bit(profile.MaxDose)) != 0 {
		t.Error("held")
	}
}

// TestTwoBridges: other contents in the middle of a bridge. Both old fluids pass the
// tip, each under its own ceilings and counting the past in its own volumes.
func TestTwoBridges(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(20*units.Millilitre, steady(100_000)) // 10 mg/mL
	b.wait(units.Day)
	p := steady(50_000)
	bridge := dose.Dose{Volume: 200_000, Duration: 2 * units.Day}
	b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(dose.Morphine, 20_000_000)}, Program: &p, Bridge: &bridge})
	b.wait(units.Day)
	p = steady(200_000)
	weak := &Refill{18 * units.Millilitre, contents(dose.Morphine, 5_000_000)}
	b.refused(Change{Refill: weak, Program: &p, Bridge: &dose.Dose{Volume: 99_999, Duration: units.Day}}, NeedsBridge)
	b.refused(Change{Refill: weak, Program: &p, Bridge: &dose.Dose{Volume: 250_000, Duration: units.Hour}}, dose.AboveDayLimit) // for the middle one
	b.must(Change{Refill: weak, Program: &p, Bridge: &bridge})
	day := func() Pico { return b.s.Ledger.Sum - b.s.Ledger.at(b.s.Run-dayMS, b.s.Run) }
	about := func(what string, day, want Pico, ceiling units.Volume) {
		t.Helper()
		if day < want-1_000 || day > want+1_000 || b.s.Ledger.Ceiling.Day != ceiling {
			t.Errorf("%s: the last day counts as %d pL under %s, want %d under %s", what, day, b.s.Ledger.Ceiling.Day, want, ceiling)
		}
	}
	path := func(want ...order.Fluid) {
		t.Helper()
		v := b.m.View(&b.s)
		if diff := cmp.Diff(want, v.Path, cmp.AllowUnexported(order.Fluid{}, dose.Ingredient{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("path:\n%s", diff)
		}
	}
	first := order.Fluid{Contents: contents(dose.Morphine, 10_000_000), Left: 100_000, Ceiling: dose.Ceiling{Hour: 400_000, Day: 1_500_000}}
	second := order.Fluid{Contents: contents(dose.Morphine, 20_000_000), Left: 200_000, Ceiling: dose.Ceiling{Hour: 200_000, Day: 750_000}}
	path(first, second)
	b.wait(units.Day - 1)
	about("the first fluid at the tip", day(), 100_000_000, 1_500_000)
	b.wait(1)
	about("the second one", day(), 50_000_000, 750_000)
	second.Left = 100_000
	path(second)
	if b.s.Stage.Kind != BridgeStage {
		t.Error("the bridge ended with the first fluid")
	}
	b.wait(units.Day - 1)
	about("the second one a day later", day(), 99_998_843, 750_000)
	b.wait(1)
	about("what the reservoir holds", day(), 400_000_000, 3_000_000)
	path()
	if b.s.Stage.Kind != NoStage {
		t.Error("the bridge goes on")
	}
}

func TestRatio(t *testing.T) {
	mixed := func(m, c units.Conc) dose.Contents {
		return dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Morphine, Conc: m}, {Code: dose.Clonidine, Conc: c}}, Route: dose.Intrathecal}
	}
	for _, tt := range []struct {
		name     string
		old, now dose.Contents
		num, den int64
	}{
		{"half", contents(dose.Morphine, 10), contents(dose.Morphine, 5), 10, 5},
		{"the worse of two", mixed(10, 10), mixed(20, 5), 10, 5},
		{"another drug", contents(dose.Morphine, 10), contents(dose.Baclofen, 5), 0, 1},
		{"one more", contents(dose.Morphine, 10), mixed(10, 5), 10, 10},
	} {
		if got := ratio(tt.old, tt.now, dose.Ceiling{}); got.Num != tt.num || got.Den != tt.den {
			t.Errorf("%s: %d/%d", tt.name, got.Num, got.Den)
		}
	}
}

// TestHeldBridge: a bridge clears a volume, so a ceiling makes it longer.
func TestHeldBridge(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(20*units.Millilitre, steady(1_500_000)) // 62,500 an hour, all that the day allows
	b.wait(2 * units.Day)
	p, at := steady(700_000), b.delivered()
	b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(dose.Morphine, 20_000_000)}, Program: &p, Bridge: &dose.Dose{Volume: 394_800, Duration: 5 * units.Hour}})
	b.records()
	b.wait(5 * units.Hour)
	b.wrote("+MAX_DOSE")
	if got := b.delivered() - at; got != 312_500 {
		t.Errorf("held to %s", got)
	}
	b.wait(4_739)
	b.wrote()
	b.wait(3)
	b.wrote(EventBridgeEnded)
	if got := b.delivered() - at; got < 394_800 || got > 394_860 {
		t.Errorf("cleared %s", got)
	}
}
