package pump

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
)

func TestStopAndResume(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(20*units.Millilitre, steady(240_000))
	gen := b.s.Gen
	b.refused(Resume{}, NotStopped)
	b.records()
	b.must(GiveBolus{dose.Dose{Volume: 10_000, Duration: 600}})
	b.wait(300)
	b.must(Stop{})
	b.wrote(EventBolusStarted, EventBolusCut, EventStopped, "+STOPPED")
	if b.s.Commanded != wire.Stopped || b.s.Gen != gen+1 {
		t.Errorf("%s, gen %d", b.s.Commanded, b.s.Gen)
	}
	at := b.s.Delivered
	b.wait(2*units.Day - 1)
	b.wrote()
	if b.s.Delivered != at {
		t.Error("delivers while stopped")
	}
	b.wait(1)
	b.wrote("+STOPPED_48H")
	b.must(Resume{})
	b.wait(units.Day)
	if got := b.s.Delivered - at; nano(got) != 6_000 { // morphine after 48 h: minimum until somebody looks
		t.Errorf("resumed to %s a day", nano(got))
	}
	b.must(Clear{profile.Stopped48H})
	b.wait(units.Day)
	if got := b.s.Delivered - at; nano(got) != 246_000 {
		t.Errorf("cleared to %s", nano(got))
	}
}

// TestStopPerDrug: stopping is a harm.
func TestStopPerDrug(t *testing.T) {
	for _, tt := range []struct {
		code     dose.Code
		overdose bool
		want     wire.RunState
	}{
		{dose.Morphine, false, wire.Stopped},
		{dose.Baclofen, false, wire.Minimum},
		{dose.Clonidine, false, wire.Minimum},
		{dose.Baclofen, true, wire.Stopped},
	} {
		b := newBench(t, "meander-p20")
		p := steady(200_000)
		b.must(Change{Refill: &Refill{Volume: 10 * units.Millilitre, Contents: contents(tt.code, 1_000_000)}, Limits: limits(tt.code, units.Milligram, units.Milligram), Program: &p})
		b.must(Stop{Overdose: tt.overdose})
		if b.s.Commanded != tt.want {
			t.Errorf("%s, overdose %t: %s, want %s", tt.code, tt.overdose, b.s.Commanded, tt.want)
		}
		b.must(Resume{})
		if b.s.Commanded != wire.Infusing {
			t.Errorf("%s: resumed to %s", tt.code, b.s.Commanded)
		}
	}
}

// TestVisit fills a fresh pump, primes it, and later bridges to twice the
// concentration: the worked check of the field.
func TestVisit(t *testing.T) {
	b := newBench(t, "meander-p20")
	weak, strong := contents(dose.Morphine, 10_000_000), contents(dose.Morphine, 20_000_000)
	lim := limits(dose.Morphine, 4*units.Milligram, 15*units.Milligram)
	p := steady(200_000)
	b.must(Change{Refill: &Refill{18 * units.Millilitre, weak}, Limits: lim, Program: &p, Prime: &dose.Dose{Volume: 394_800, Duration: 1_800}})
	b.wrote(EventRefilled, EventProgrammed, EventPrimeStarted)
	if b.m.Sample(&b.s).Run != wire.Priming {
		t.Error("does not prime")
	}
	b.wait(1_800)
	b.wrote(EventPrimeEnded)
	if b.delivered() != 394_800 || b.s.Ledger.Sum != 0 {
		t.Errorf("primed %s, counted %d", b.delivered(), b.s.Ledger.Sum)
	}
	b.wait(10 * units.Day)
	if got := b.delivered(); got != 394_800+2_000_000 {
		t.Errorf("after ten days %s", got)
	}

	half := steady(100_000) // 2 mg a day of 20 mg/mL
	b.refused(Change{Refill: &Refill{18 * units.Millilitre, strong}, Program: &half}, NeedsBridge)
	b.refused(Change{Refill: &Refill{18 * units.Millilitre, strong}}, NeedsProgram)
	plan, err := dose.PlanBridge(394_800, weak, dose.Morphine, 2*units.Milligram)
	if err != nil {
		t.Fatal(err)
	}
	b.records()
	b.must(Change{Refill: &Refill{18 * units.Millilitre, strong}, Program: &half, Bridge: &plan.Dose})
	b.wrote(EventRefilled, EventProgrammed, EventBridgeStarted)
	if c := b.s.Ledger.Ceiling; c.Day != 1_500_000 {
		t.Errorf("in the bridge the ceiling is %s, want that of the old contents", c.Day)
	}
	hash, at := b.s.StateHash(), b.delivered()
	b.refused(GiveBolus{dose.Dose{Volume: 5_000, Duration: 600}}, Busy)
	third := steady(150_000)
	b.refused(Change{Program: &third}, NeedsBridge)
	b.wait(units.Day)
	if got := b.delivered() - at; got < 199_990 || got > 200_000 {
		t.Errorf("the bridge gives %s on its first day, want the old rate of 0.2 mL", got)
	}
	b.records()
	b.wait(plan.Dose.Duration - units.Day)
	b.wrote("BRIDGE_ENDED")
	if got := b.delivered() - at; got != 394_800 {
		t.Errorf("the bridge gave %s", got)
	}
	if b.s.StateHash() != hash {
		t.Error("the end of a bridge changed the state hash")
	}
	b.wait(units.Day)
	if got := b.delivered() - at; got != 494_800 {
		t.Errorf("then %s", got)
	}
	if c := b.s.Ledger.Ceiling; c.Day != 750_000 {
		t.Errorf("the ceiling is %s, want that of the new contents", c.Day)
	}
}

// TestPeriodicBehindBridge: the first bolus comes when the new fluid arrives.
func TestPeriodicBehindBridge(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(18*units.Millilitre, steady(200_000))
	p := dose.Program{Mode: dose.Periodic, Cycle: 6 * units.Hour, Segments: []dose.Segment{
		{Duration: 600, Volume: 30_000}, {Offset: 600, Duration: 6*units.Hour - 600, Volume: 1_458},
	}}
	b.must(Change{Program: &p, Bridge: &dose.Dose{Volume: 394_800, Duration: 100_000}})
	b.wait(100_000)
	at := b.delivered()
	b.wait(600)
	if got := b.delivered() - at; at != 394_800 || got != 30_000 {
		t.Errorf("%s in the bridge, then %s", at, got)
	}
}

func TestChangeIsWhole(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(10*units.Millilitre, steady(200_000))
	before := b.s
	p, tooMuch := steady(100_000), steady(1_600_000)
	big := dose.Dose{Volume: 2 * units.Millilitre, Duration: 7_200}
	for _, tt := range []struct {
		c    Change
		want dose.Reason
	}{
		{Change{}, NothingToDo},
		{Change{Program: &tooMuch}, dose.AboveDayLimit},
		{Change{Refill: &Refill{Volume: 21 * units.Millilitre}, Program: &p}, BadVolume},
		{Change{Refill: &Refill{}, Program: &p}, BadVolume},
		{Change{Program: &p, Prime: &big}, dose.BolusTooLarge},
		{Change{Program: &p, Settings: &Settings{Low: 9 * units.Millilitre}}, BadSettings},
		{Change{Program: &p, Limits: limits(dose.Baclofen, 1, 1)}, dose.NotInLibrary},
		{Change{Limits: limits(dose.Morphine, units.Milligram, units.Milligram)}, dose.AboveDayLimit}, // the running program would pass it
		{Change{Program: &p, Bridge: &dose.Dose{Volume: 500_000, Duration: 3_600}}, dose.AboveDayLimit},
		{Change{Program: &p, Epoch: 0, Refill: &Refill{Volume: 100_000}, Prime: &dose.Dose{Volume: 394_800, Duration: 1_800}}, TooLittleLeft},
	} {
		b.refused(tt.c, tt.want)
	}
	if diff := cmp.Diff(before, b.s, stateEqual); diff != "" {
		t.Errorf("a refused change left something behind:\n%s", diff)
	}
	b.must(Change{Epoch: 5})
	b.refused(Change{Epoch: 5}, BadEpoch)
}

func TestNeverFilled(t *testing.T) {
	b := newBench(t, "meander-p20")
	p := steady(200_000)
	b.refused(Change{Program: &p}, dose.BadContents)
	b.refused(Change{Refill: &Refill{Volume: units.Millilitre}, Program: &p, Limits: limits(dose.Morphine, 1, 1)}, dose.BadContents)
	b.refused(Change{Prime: &dose.Dose{Volume: 1_000, Duration: 60}}, TooLittleLeft)
	b.refused(Resume{}, NeedsProgram)
	b.refused(PTMRequest{}, NoPTM)
	b.wait(100 * units.Day)
	if b.s.Delivered != 0 || b.s.Alarms.Active != 0 {
		t.Errorf("a pump in its box: %d delivered, %v", b.s.Delivered, b.s.Active())
	}
}

func TestPrimeFails(t *testing.T) {
	b := newBench(t, "meander-p20")
	prime := &dose.Dose{Volume: 394_800, Duration: 1_800}
	p := steady(200_000)
	b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(dose.Morphine, 10_000_000)}, Limits: limits(dose.Morphine, 4*units.Milligram, 15*units.Milligram), Program: &p, Prime: prime})
	b.wait(900)
	b.records()
	b.do(Fault{Kind: Stall})
	b.wrote("+MOTOR_STALL", EventBolusCut, "+PRIME_FAIL")
	b.do(Fault{Kind: Stall, Ends: true})
	if b.m.Sample(&b.s).Run != wire.Stopped {
		t.Error("infuses into a catheter that is not full")
	}
	b.must(Change{Prime: prime})
	b.wait(1_800)
	b.records()
	if b.m.Sample(&b.s).Run != wire.Infusing || b.s.Alarms.Active != 0 {
		t.Errorf("after the second prime %v", b.s.Active())
	}
	b.must(Change{Prime: prime})
	b.must(Reboot{Cause: Watchdog})
	b.wrote(EventProgrammed, EventPrimeStarted, EventBoot, EventBolusCut, "+PRIME_FAIL")
}
