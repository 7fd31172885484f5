package dose

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"cisterna/device/units"
)

// TestWorstCase are cases worked by hand.
func TestWorstCase(t *testing.T) {
	night := Program{Mode: FlexDay, Cycle: units.Day, Segments: []Segment{
		{Duration: 6 * units.Hour, Volume: 240_000}, // 40,000 an hour, at night
		{Offset: 6 * units.Hour, Duration: 18 * units.Hour, Volume: 180_000},
	}}
	weekend := Program{Mode: FlexWeek, Cycle: units.Week, Segments: []Segment{
		{Duration: 5 * units.Day, Volume: 500_000},
		{Offset: 5 * units.Day, Duration: 2 * units.Day, Volume: 400_000},
	}}
	five := Program{Mode: Periodic, Cycle: 5 * units.Hour, Segments: []Segment{
		{Duration: units.Hour, Volume: 30_000}, {Offset: units.Hour, Duration: 4 * units.Hour, Volume: 1_000},
	}}
	tests := []struct {
		name      string
		p         Program
		hour, day units.Volume
	}{
		{"stopped", Off(), 0, 0},
		{"minimum", Idle(), 250, 6_000},
		{"continuous", continuous(200_000), 8_334, 200_000},
		{"night and day", night, 40_000, 420_000},
		{"the weekend is not the mean of the week", weekend, 8_334, 200_000},
		{"boluses every five hours: five fall into 24 hours", five, 30_000, 5*30_000 + 4*1_000 + 750},
		{"a single bolus", Program{Mode: Single, Cycle: 7_200, Segments: []Segment{{Duration: 7_200, Volume: 50_000}}, Then: Stopped}, 25_000, 50_000},
		{"and minimum after it", Program{Mode: Single, Cycle: 7_200, Segments: []Segment{{Duration: 7_200, Volume: 50_000}}, Then: Minimum}, 25_250, 56_000},
		{"4 boluses of 20 mcL a day, bound by count", withPTM(continuous(400_000), PTM{Volume: 20_000, Duration: 600, Lockout: units.Hour, Max24h: 4}), 36_667, 480_000},
		{"bound by lockout", withPTM(continuous(400_000), PTM{Volume: 20_000, Duration: 600, Lockout: 8 * units.Hour, Max24h: 24}), 36_667, 460_000},
		{"bound by window", withPTM(Idle(), PTM{Volume: 20_000, Duration: 600, Lockout: 600, Max24h: 24, Window: 6 * units.Hour, MaxWindow: 2}), 40_250, 166_000},
		{"lockout that does not divide the hour", withPTM(Idle(), PTM{Volume: 12_000, Duration: 1_200, Lockout: 1_500, Max24h: 24}), 250 + 2*12_000 + 6_000, 6_000 + 24*12_000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.p.WorstCase(peristaltic())
			if err != nil || got.Hour != tt.hour || got.Day != tt.day {
				t.Errorf("got %d and %d, %v; want %d and %d", got.Hour, got.Day, err, tt.hour, tt.day)
			}
		})
	}
}

// TestWorstCaseIsWorst slides a window over random programs with exact
// arithmetic: the worst case is never passed, and is met to the nL.
func TestWorstCaseIsWorst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawCyclic(t)
		w := rapid.SampledFrom([]units.Seconds{units.Hour, units.Day, 7 * units.Hour}).Draw(t, "window")
		got, err := p.most(w, peristaltic())
		if err != nil {
			t.Fatal(err)
		}
		worst := new(big.Rat)
		for _, s := range p.Segments {
			for _, start := range []units.Seconds{s.Offset, s.Offset - w, s.Offset + s.Duration/2} {
				start = floorMod(start, p.Cycle)
				v := new(big.Rat).Sub(exact(&p, start+w), exact(&p, start))
				if v.Cmp(worst) > 0 {
					worst = v
				}
			}
		}
		bound := new(big.Rat).SetInt64(int64(got))
		if worst.Cmp(bound) > 0 || bound.Sub(bound, worst).Cmp(big.NewRat(2, 1)) >= 0 {
			t.Fatalf("most in %s is %d, sliding found %s", w, got, worst.FloatString(3))
		}
	})
}

// exact returns the volume delivered t seconds after a cycle's start.
func exact(p *Program, t units.Seconds) *big.Rat {
	sum := new(big.Rat).SetInt64(int64(p.PerCycle()) * int64(t/p.Cycle))
	t %= p.Cycle
	for _, s := range p.Segments {
		if e := min(t-s.Offset, s.Duration); e > 0 {
			sum.Add(sum, big.NewRat(int64(s.Volume)*int64(e), int64(s.Duration)))
		}
	}
	return sum
}

// drawCyclic draws a repeating program of good form.
func drawCyclic(t *rapid.T) Program {
	p := Program{Mode: rapid.SampledFrom([]Mode{Continuous, FlexDay, FlexWeek, Periodic}).Draw(t, "mode")}
	n := 1
	switch p.Mode {
	case FlexDay:
		p.Cycle, n = units.Day, rapid.IntRange(1, 13).Draw(t, "steps")
	case FlexWeek:
		p.Cycle, n = units.Week, rapid.IntRange(1, 40).Draw(t, "steps")
	case Periodic:
		p.Cycle, n = units.Seconds(rapid.Int64Range(1_200, 200_000).Draw(t, "interval")), 2
	default:
		p.Cycle = units.Day
	}
	at := units.Seconds(0)
	for i := range n {
		rest := p.Cycle - at - units.Seconds(n-i-1)
		d := rest
		if i < n-1 {
			d = units.Seconds(rapid.Int64Range(1, int64(rest)).Draw(t, "duration"))
		}
		p.Segments = append(p.Segments, Segment{Offset: at, Duration: d, Volume: units.Volume(rapid.Int64Range(0, 2_000_000).Draw(t, "volume"))})
		at += d
	}
	return p
}

// TestPTMMost plays the greediest patient against the bound.
func TestPTMMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ptm := PTM{
			Volume:   units.Volume(rapid.Int64Range(1_000, 50_000).Draw(t, "volume")),
			Duration: units.Seconds(rapid.Int64Range(1, 3_600).Draw(t, "duration")),
			Max24h:   uint16(rapid.IntRange(1, MaxPTM).Draw(t, "count")),
		}
		ptm.Lockout = ptm.Duration + units.Seconds(rapid.Int64Range(0, 20_000).Draw(t, "lockout"))
		w := rapid.SampledFrom([]units.Seconds{units.Hour, units.Day}).Draw(t, "window")
		// As early as allowed, for three days.
		var starts []units.Seconds
		for at := units.Seconds(0); at < 3*units.Day; at++ {
			if n := len(starts); n > 0 && at < starts[n-1]+ptm.Lockout {
				at = starts[n-1] + ptm.Lockout
			}
			if n := len(starts); n >= int(ptm.Max24h) && at < starts[n-int(ptm.Max24h)]+units.Day {
				at = starts[n-int(ptm.Max24h)] + units.Day
			}
			starts = append(starts, at)
		}
		bound := new(big.Rat).SetInt64(int64(ptm.most(w)))
		for _, from := range starts {
			for _, from := range []units.Seconds{from, from + ptm.Duration/2, from + ptm.Duration - w} {
				sum := new(big.Rat)
				for _, s := range starts {
					lo, hi := max(s, from), min(s+ptm.Duration, from+w)
					if lo < hi {
						sum.Add(sum, big.NewRat(int64(ptm.Volume)*int64(hi-lo), int64(ptm.Duration)))
					}
				}
				if sum.Cmp(bound) > 0 {
					t.Fatalf("%+v gives %s in %s from %d, bound %s", ptm, sum.FloatString(2), w, from, bound.FloatString(0))
				}
			}
		}
	})
}

func TestPicolitres(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := units.Volume(rapid.Int64Range(0, int64(MaxVolume)).Draw(t, "volume"))
		d := units.Seconds(rapid.Int64Range(1, int64(MaxDuration)).Draw(t, "duration"))
		ms := rapid.Int64Range(0, int64(d)*1000).Draw(t, "ms")
		want := new(big.Int).Mul(big.NewInt(int64(v)), big.NewInt(ms))
		want.Quo(want, big.NewInt(int64(d)))
		if got := Picolitres(v, d, ms); want.Cmp(big.NewInt(got)) != 0 {
			t.Fatalf("got %d pL, want %s", got, want)
		}
		whole, err := v.Part(units.Seconds(ms/1000), d, units.Floor)
		if got := Picolitres(v, d, ms/1000*1000) / 1000; err != nil || got != int64(whole) {
			t.Fatalf("at whole seconds %d nL, want floor(volume × elapsed ÷ duration) = %d", got, whole)
		}
	})
}
