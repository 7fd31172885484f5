package pump

import (
	"testing"
	"unsafe"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
)

// TestSize keeps ten thousand pumps in one process small.
func TestSize(t *testing.T) {
	if size := unsafe.Sizeof(State{}); size > 1_536 {
		t.Errorf("a state takes %d bytes", size)
	}
}

// BenchmarkTick is a second of an infusing pump in which nothing happens.
func BenchmarkTick(b *testing.B) {
	flex := dose.Program{Mode: dose.FlexDay, Cycle: units.Day}
	for i := range units.Seconds(12) {
		flex.Segments = append(flex.Segments, dose.Segment{Offset: i * 7_200, Duration: 7_200, Volume: 10_000 + 2_000*units.Volume(i%3)})
	}
	flex.PTM = &dose.PTM{Volume: 5_000, Duration: 600, Lockout: 3_600, Max24h: 6}
	for _, tt := range []struct {
		name string
		p    dose.Program
		low  bool
	}{{"continuous", steady(200_000), false}, {"flex", flex, false}, {"alarm", steady(200_000), true}} {
		b.Run(tt.name, func(b *testing.B) {
			k := newBench(b, "meander-p20")
			k.fill(20*units.Millilitre, tt.p)
			if tt.low {
				k.s.Alarms.Active |= 1 << profile.Bit(profile.ResLow)
			}
			k.wait(2 * units.Day)
			s, now, refilled := k.s, k.now, k.s.Run
			s.SampleAt = 1 << 60
			b.ReportAllocs()
			for b.Loop() {
				now.Mono += 1000
				now.Wall += 1000
				s, _ = k.m.Step(s, Tick{}, now)
				if s.Run-refilled > 30*dayMS {
					s.Fill.At, s.World.At, refilled = s.Delivered, s.Delivered, s.Run
				}
			}
		})
	}
}

// BenchmarkDay is a day in one step, with its samples.
func BenchmarkDay(b *testing.B) {
	k := newBench(b, "meander-p20")
	k.fill(20*units.Millilitre, steady(200_000))
	b.ReportAllocs()
	for b.Loop() {
		now := Time{Mono: k.now.Mono + dayMS, Wall: k.now.Wall + dayMS}
		_, _ = k.m.Step(k.s, Tick{}, now)
	}
}

// BenchmarkEncode is a state on its way to the journal.
func BenchmarkEncode(b *testing.B) {
	k := newBench(b, "meander-p20")
	k.fill(20*units.Millilitre, steady(200_000))
	k.wait(units.Day)
	b.ReportAllocs()
	for b.Loop() {
		k.s.Encode()
	}
	b.ReportMetric(float64(len(k.s.Encode())), "bytes")
}
