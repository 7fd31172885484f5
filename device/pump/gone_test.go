package pump

import (
	"bytes"
	"slices"
	"testing"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
)

// TestSalineDoesNotForgetTheDrug: morphine, a filling of saline, and morphine again
// within a day. What was given of it before counts until 24 hours after it left, and
// against no hour but its own.
func TestSalineDoesNotForgetTheDrug(t *testing.T) {
	b := newBench(t, "meander-p20")
	most, salt := limits(dose.Morphine, 12*units.Milligram, 15*units.Milligram), limits(dose.Saline, 600*units.Milligram, 600*units.Milligram)
	morphine, p, rinse := &Refill{18 * units.Millilitre, contents(dose.Morphine, 20_000_000)}, steady(100_000), steady(300_000) // 2 mg a day
	b.must(Change{Refill: morphine, Limits: most, Program: &p})
	b.wait(2 * units.Day)
	b.must(GiveBolus{dose.Dose{Volume: 400_000, Duration: 3_600}}) // 8 mg
	b.wait(3_600)
	counted := func(span int64) units.Volume { l := &b.s.Ledger; return above(l.Sum - l.at(b.s.Run-span, b.s.Run)) }
	b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(dose.Saline, 9_000_000)}, Limits: salt, Program: &rinse, Bridge: &dose.Dose{Volume: 200_000, Duration: 8 * units.Hour}})
	b.wait(8 * units.Hour)
	left := b.s.Run
	if got := counted(dayMS); got != 0 {
		t.Errorf("%s of saline are counted before any was given", got)
	}
	want := []Gone{{Code: dose.Morphine, Conc: 20_000_000, At: left, Hour: 25_000_000, Day: 666_666_666}}
	if got := b.s.Ledger.Gone; !slices.Equal(got, want) {
		t.Errorf("remembered %+v, want %+v", got, want)
	}
	b.must(Change{Refill: morphine, Limits: most, Program: &p, Bridge: &dose.Dose{Volume: 200_000, Duration: 2 * units.Hour}})
	b.wait(2 * units.Hour)
	if len(b.s.Path) > 0 || len(b.s.Ledger.Gone) != 1 || b.s.Ledger.Gone[0].Code != dose.Saline {
		t.Fatalf("%d fluids in the path, %+v gone", len(b.s.Path), b.s.Ledger.Gone)
	}
	if day, hour := counted(dayMS), counted(hourMS); day != 666_667 || hour != 0 {
		t.Errorf("%s of the day and %s of the hour count, want what it was when it left, and nothing", day, hour)
	}
	again := GiveBolus{dose.Dose{Volume: 400_000, Duration: 3_600}}
	b.refused(again, AtCeiling)
	b.wait(20 * units.Hour)
	b.refused(again, AtCeiling)
	b.wait(units.Hour) // the day is over of all but the hour in which it left
	b.must(again)
}

// TestGone: an ingredient is remembered as it left, for a day, and counts as much when it
// comes back. Where another that it was mixed with stayed, the line has kept some of it,
// and the pump rather counts that twice.
func TestGone(t *testing.T) {
	mixed := func(m, h units.Conc) dose.Contents {
		return dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Morphine, Conc: m}, {Code: dose.Hydromorphone, Conc: h}}, Route: dose.Intrathecal}
	}
	m, salt := contents(dose.Morphine, 10), contents(dose.Saline, 9)
	const day, hour = 240_000, 10_000
	for _, tt := range []struct {
		name      string
		fluids    []dose.Contents
		stays     int64 // hours, each but the first
		day, hour Pico
		twice     Pico // of day, at most
	}{
		{"back", []dose.Contents{m, salt, m}, 2, day, 0, 0},
		{"back at once", []dose.Contents{m, salt, m}, 0, day, hour, 0},
		{"back at half the strength", []dose.Contents{m, salt, contents(dose.Morphine, 5)}, 2, 2 * day, 0, 0},
		{"back after a day", []dose.Contents{m, salt, m}, 24, 0, 0, 0},
		{"back behind two others", []dose.Contents{m, salt, contents(dose.Baclofen, 3), m}, 11, day, 0, 0},
		{"a mixture", []dose.Contents{mixed(10, 20), salt, mixed(10, 20)}, 2, day, 0, 0},
		{"a mixture, one much stronger", []dose.Contents{mixed(10, 20), salt, mixed(10, 2)}, 2, 10 * day, 0, 0},
		{"a part, the other kept what it was", []dose.Contents{mixed(10, 20), m, mixed(10, 20)}, 2, day, 0, day},
		{"a part, the other counted for less", []dose.Contents{mixed(1, 20), m, mixed(10, 20)}, 2, day, 0, day / 10},
		{"twice", []dose.Contents{m, salt, m, salt, m}, 2, day, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := Ledger{Points: []Point{{}}}
			now := Millis(0)
			for range 24 {
				l.turn(Flow{Volume: units.Volume(now)}, now)
				now, l.Sum = now+hourMS, l.Sum+hour
			}
			for i, next := range tt.fluids[1:] {
				l.turn(Flow{Stage: dose.Dose{Volume: units.Volume(i + 1)}}, now)
				l.become(tt.fluids[i], next, ratio(tt.fluids[i], next, dose.Ceiling{}), now)
				if !l.validAt(now) {
					t.Fatalf("the pump would not read %+v", l)
				}
				if i+2 < len(tt.fluids) {
					now += tt.stays * hourMS
				}
			}
			if got := l.Sum - l.at(now-dayMS, now); got < tt.day || got > tt.day+tt.twice {
				t.Errorf("the day counts %d, want %d, and at most %d twice", got, tt.day, tt.twice)
			}
			if got := l.Sum - l.at(now-hourMS, now); got != tt.hour {
				t.Errorf("the hour counts %d, want %d", got, tt.hour)
			}
		})
	}
}

// TestGoneIsBounded: whatever is filled in turn, the pump reads its own memory.
func TestGoneIsBounded(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(20*units.Millilitre, steady(240_000))
	b.wait(units.Day)
	old := b.s.Contents
	for code := range dose.Code(3 * maxGone) {
		next := contents(code+20, 10_000_000)
		b.s.Ledger.become(old, next, Rebase{Ceiling: b.s.Ledger.Ceiling, Num: 1, Den: 1}, b.s.Run)
		b.wait(60)
		old = next
	}
	if n := len(b.s.Ledger.Gone); n != maxGone || b.s.Ledger.Gone[n-1].Code != 3*maxGone+18 {
		t.Errorf("%d gone, the last %d", n, b.s.Ledger.Gone[n-1].Code)
	}
	enc := b.s.Encode()
	back, err := Decode(enc)
	if err != nil || !bytes.Equal(back.Encode(), enc) {
		t.Errorf("comes back changed: %v", err)
	}
}

// TestRefilledBeforeItMoved: a filling that was replaced before any of it left the
// reservoir's side of the path is as if it had never been.
func TestRefilledBeforeItMoved(t *testing.T) {
	b := newBench(t, "meander-p20")
	p, prime := steady(500_000), &dose.Dose{Volume: 394_800, Duration: 1_800}
	b.fill(18*units.Millilitre, p) // 5 mg a day of 10 mg/mL
	b.wait(2 * units.Day)
	b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(dose.Saline, 9_000_000)}, Limits: limits(dose.Saline, 600*units.Milligram, 600*units.Milligram), Program: &p, Prime: prime})
	b.must(Stop{})
	b.must(Clear{profile.PrimeFail})
	b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(dose.Morphine, 20_000_000)}, Limits: limits(dose.Morphine, 4*units.Milligram, 15*units.Milligram), Program: &p, Prime: prime})
	b.wait(1_800)
	l := &b.s.Ledger
	if day := l.Sum - l.at(b.s.Run-dayMS, b.s.Run); len(b.s.Path) > 0 || day < 244_791_000 || day > 244_792_000 {
		t.Errorf("%d fluids in the path; %d pL count, want half of 23.5 hours", len(b.s.Path), day)
	}
}
