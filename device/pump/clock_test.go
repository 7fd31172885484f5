package pump

import (
	"testing"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// byDay gives 6,000 an hour before noon and 2,000 after.
func byDay() dose.Program {
	return dose.Program{Mode: dose.FlexDay, Cycle: units.Day, Segments: []dose.Segment{
		{Duration: 12 * units.Hour, Volume: 72_000}, {Offset: 12 * units.Hour, Duration: 12 * units.Hour, Volume: 24_000},
	}}
}

// TestJumpMovesNoDose: whatever happens to the real-time clock, the program
// keeps the time of running time, and says that its clock is bad.
func TestJumpMovesNoDose(t *testing.T) {
	for _, jump := range []int64{-10 * 365 * dayMS, -dayMS, -31_000, 31_000, 6 * hourMS, 10 * 365 * dayMS} {
		b := newBench(t, "meander-p20")
		b.fill(20*units.Millilitre, byDay())
		b.wait(6 * units.Hour)
		b.records()
		b.now.Wall += jump
		b.wait(0)
		b.wrote(EventClockJump, "+CLOCK_DRIFT")
		b.wait(18 * units.Hour)
		if got := b.delivered(); got != 96_000 {
			t.Errorf("jump of %d ms: %s on the day", jump, got)
		}
		if b.m.Sample(&b.s).Flags&wire.FlagClockUntrusted == 0 {
			t.Errorf("jump of %d ms: the clock is trusted", jump)
		}
		b.records()
		b.must(SetClock{Wall: monday + 30*hourMS})
		b.now.Wall = monday + 30*hourMS
		b.wrote(EventClockSet, "-CLOCK_DRIFT")
		b.wait(units.Hour)
		if got := b.delivered(); got != 102_000 { // 06:00 on Tuesday by the new time
			t.Errorf("jump of %d ms: %s after the clock was set", jump, got)
		}
		if b.s.Clock.Bad {
			t.Error("the clock is still bad")
		}
	}
}

func TestSmallStepsAreNoDrift(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(20*units.Millilitre, byDay())
	b.records()
	for range 5 {
		b.now.Wall += 4_000
		b.wait(60)
	}
	b.wrote()
	b.now.Wall += 4_000
	b.wait(60)
	b.wrote()
	for range 3 {
		b.now.Wall += 4_000
		b.wait(60)
	}
	b.wrote("+CLOCK_DRIFT") // 36 s by and by
}

// TestRebootGap: after a short time without power flex programs go on at the
// right time of day; a gap that nobody can believe moves nothing.
func TestRebootGap(t *testing.T) {
	for _, tt := range []struct {
		name  string
		gap   int64
		first units.Volume // in the hour after
		bad   bool
	}{
		{"none", 0, 6_000, false},
		{"eight hours", 8 * hourMS, 2_000, false}, // 14:00
		{"forty days", 40 * dayMS, 6_000, true},
		{"backwards", -hourMS, 6_000, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, "meander-p20")
			b.fill(20*units.Millilitre, byDay())
			b.wait(6 * units.Hour)
			run := b.s.Run
			b.now.Wall += tt.gap
			b.must(Reboot{Cause: Power})
			if b.s.Run != run {
				t.Error("running time passed without power")
			}
			b.wait(units.Hour)
			if got := b.delivered() - 36_000; got != tt.first {
				t.Errorf("%s in the hour after, want %s", got, tt.first)
			}
			if b.s.Clock.Bad != tt.bad {
				t.Errorf("clock bad: %t", b.s.Clock.Bad)
			}
		})
	}
}

// TestUnannouncedReboot: monotonic time that begins anew is a reboot.
func TestUnannouncedReboot(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(20*units.Millilitre, steady(200_000))
	b.wait(units.Hour)
	b.records()
	run := b.s.Run
	b.now.Mono = 5
	b.wait(0)
	b.wrote(EventBoot)
	if b.s.Run != run || b.s.Boots != 2 {
		t.Errorf("ran for %d ms, %d boots", b.s.Run-run, b.s.Boots)
	}
	b.wait(units.Hour)
	if b.s.Run != run+hourMS {
		t.Error("time stands still")
	}
}

func TestFirmwareEntersTheHash(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(20*units.Millilitre, steady(200_000))
	hash := b.s.StateHash()
	b.must(Reboot{Cause: Watchdog})
	if b.s.StateHash() != hash {
		t.Error("a reboot changed the state hash")
	}
	b.must(Reboot{Cause: Update, Firmware: "1.1.0"})
	if b.s.StateHash() == hash || b.s.Firmware != "1.1.0" {
		t.Error("new firmware did not")
	}
}

// TestStamps: records carry the moment of what they tell, not of the step that
// told it.
func TestStamps(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(2_100_000, steady(200_000)) // 0.1 mL above the alarm: twelve hours
	b.out = nil
	b.wait(units.Day)
	for _, o := range b.out {
		if o.Record.Kind == wire.RecordRaise {
			if o.Record.Wall != monday+12*hourMS || o.Record.Mono != 1_000+12*hourMS || o.Lane() != wire.AlarmLane {
				t.Errorf("raised at %d, %d ms after boot, in lane %d", o.Record.Wall-monday, o.Record.Mono, o.Lane())
			}
			if o.Record.Raise.Priority != wire.PriorityLow || o.Record.Raise.Detail["reservoir_nl"] != "2000000" {
				t.Errorf("raised as %+v", o.Record.Raise)
			}
			return
		}
	}
	t.Error("nothing was raised")
}

// TestSamples: one each interval, from the phase on, whatever the ticks.
func TestSamples(t *testing.T) {
	m := New(profile.Sample("tarn-v20"))
	s := m.Fresh(Options{Phase: 77, Age: 1_000}, Time{Wall: monday})
	s, out := m.Step(s, Tick{}, Time{Mono: dayMS, Wall: monday + dayMS})
	n := 0
	for _, o := range out {
		if o.Record.Kind == wire.RecordSample {
			if want := int64(77_000 + n*300_000); int64(o.Record.Mono) != want {
				t.Fatalf("sample %d at %d, want %d", n, o.Record.Mono, want)
			}
			n++
		}
	}
	if n != 288 {
		t.Errorf("%d samples in a day, want 288", n)
	}
	got := m.Sample(&s)
	want := wire.Sample{Run: wire.Stopped, SensedNL: 0, BatteryMV: got.BatteryMV, TemperatureM: got.TemperatureM, PressurePa: 1_500}
	if got != want || got.BatteryMV < 3_000 || got.TemperatureM < 36_700 || got.TemperatureM > 37_300 {
		t.Errorf("got %+v", got)
	}
}
