package pump

import (
	"testing"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// What follows really happened to somebody, or is how the field works it out by
// hand (reference/domain.md 1.3, reference/safety.md S18, S69).

// TestIncidentIncompleteSession: programming sessions that were broken off left
// pumps stopped for hours to weeks, and nobody noticed. Here a session is one
// input: whatever of it is refused, all of it is, and the old program runs on.
// Package emulator cuts the power at every write of one.
func TestIncidentIncompleteSession(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(18*units.Millilitre, steady(200_000))
	b.wait(units.Day)
	strong := contents(dose.Morphine, 20_000_000)
	p, l := steady(100_000), limits(dose.Morphine, 4*units.Milligram, 15*units.Milligram)
	whole := Change{Refill: &Refill{18 * units.Millilitre, strong}, Limits: l, Program: &p, Bridge: &dose.Dose{Volume: 394_800, Duration: 170_554}, Source: SourceOrder}
	half := func(change func(*Change)) Change { c := whole; change(&c); return c }
	for name, c := range map[string]Change{
		"without the program": half(func(c *Change) { c.Program = nil }),
		"without the bridge":  half(func(c *Change) { c.Bridge = nil }),
		"without any limits":  half(func(c *Change) { c.Limits = &dose.Limits{} }),
		"an empty syringe":    half(func(c *Change) { c.Refill = &Refill{0, strong} }),
		"a bridge too fast":   half(func(c *Change) { c.Bridge = &dose.Dose{Volume: 394_800, Duration: 600} }),
	} {
		hash, at := b.s.StateHash(), b.s.Delivered
		if err := b.do(c); err == nil {
			t.Fatalf("%s: it is taken", name)
		}
		b.wait(units.Hour)
		if b.s.StateHash() != hash || b.m.Sample(&b.s).Run != wire.Infusing || b.s.Delivered-at < 8_333_000 {
			t.Errorf("%s: the old program does not run on", name)
		}
	}
	b.must(whole)
	if b.m.Sample(&b.s).Run != wire.Bridge {
		t.Error("the whole session does not run")
	}
	// A pump that does stand still says so, again and again until somebody comes.
	b.must(Stop{Source: SourceOrder})
	b.wait(2 * units.Day)
	if !b.s.active(profile.Stopped48H) {
		t.Error("two days of standing still, and no alarm")
	}
}

func (s *State) active(c profile.Code) bool { return s.Alarms.Active&(1<<profile.Bit(c)) != 0 }

// TestIncidentMorningBolusEveryHour: a bolus that was meant for every morning was
// programmed for every hour. The rehearsal shows 24 times the dose, and the limits
// of the library refuse it whoever signed.
func TestIncidentMorningBolusEveryHour(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(18*units.Millilitre, steady(200_000))
	morning := dose.Program{Mode: dose.Periodic, Cycle: units.Day, Segments: []dose.Segment{{Duration: 600, Volume: 80_000}, {Offset: 600, Duration: units.Day - 600, Volume: 5_958}}}
	hourly := dose.Program{Mode: dose.Periodic, Cycle: units.Hour, Segments: []dose.Segment{{Duration: 600, Volume: 80_000}, {Offset: 600, Duration: units.Hour - 600, Volume: 208}}}
	meant := b.rehearse(order.ActProgram, 0, b.programmed(morning, 15*units.Milligram))
	if meant.Refused != "" || meant.Days[0].Doses[0].Given > 900*units.Microgram {
		t.Fatalf("the right one: %s, %s a day", meant.Refused, meant.Days[0].Doses[0].Given)
	}
	wrong := b.rehearse(order.ActProgram, 0, b.programmed(hourly, 15*units.Milligram))
	if wrong.Refused == "" || wrong.Days[0].Doses[0].Given < 19*units.Milligram || wrong.Most[0].Hour < 800*units.Microgram {
		t.Errorf("the wrong one: %q, %s a day", wrong.Refused, wrong.Days[0].Doses[0].Given)
	}
	b.refused(Change{Program: &hourly, Source: SourceOrder}, dose.AboveDayLimit)
	// A weaker one that passes the limits still shows its day, and the check
	// numbers that the second person enters from the prescription do not fit.
	hourly.Segments[0].Volume = 40_000
	weak := b.rehearse(order.ActProgram, 0, b.programmed(hourly, 15*units.Milligram))
	got := order.ChecksOf(b.s.Contents, &hourly, &b.m.profile.Range, nil, nil, b.s.Contents)
	if weak.Refused != "" || weak.Days[0].Doses[0].Given != got[0].Day || got[0].Day < 9*units.Milligram {
		t.Errorf("%q, %s a day, check number %s", weak.Refused, weak.Days[0].Doses[0].Given, got[0].Day)
	}
}

// TestIncidentPrimingOverdoseThenUnderdose: a pump was primed although its
// catheter was full, so that the whole path went into the patient within minutes;
// and one was not primed, so that a patient got nothing for a day. A priming bolus
// is no more than the path needs, goes in a visit or by an order of its own, never
// beside another dose, and a failed one raises an alarm and holds the program.
func TestIncidentPrimingOverdoseThenUnderdose(t *testing.T) {
	b := newBench(t, "meander-p20")
	path := dose.Path{Tubing: b.m.profile.Path.Tubing, PerCM: b.m.profile.Path.PerCM, LengthMM: 890}
	full, err := path.Volume()
	if err != nil || full != 394_800 {
		t.Fatalf("the path holds %s, %v", full, err)
	}
	b.fill(18*units.Millilitre, steady(200_000))
	b.wait(units.Day)

	// The overdose: more than the device primes at all, or faster than it may, is
	// refused; what is not is seen in the rehearsal before anybody signs.
	b.refused(Change{Prime: &dose.Dose{Volume: b.m.profile.Range.MaxPrime + 1, Duration: 7_200}}, dose.BolusTooLarge)
	b.refused(Change{Prime: &dose.Dose{Volume: full, Duration: 60}}, dose.RateAboveMaximum)
	r := b.rehearse(order.ActPrime, 0, func(x *order.Prescription) {
		c := b.s.Contents
		x.Contents, x.Dose = &c, &dose.Dose{Volume: full, Duration: 1_800}
	})
	if r.Refused != "" || r.Prime != full {
		t.Fatalf("%q, primes %s", r.Refused, r.Prime)
	}
	b.must(Change{Prime: &dose.Dose{Volume: full, Duration: 1_800}, Source: SourceOrder})
	b.refused(GiveBolus{dose.Dose{Volume: 10_000, Duration: 600}}, Busy)
	b.refused(Change{Prime: &dose.Dose{Volume: full, Duration: 1_800}}, Busy)
	if v := b.m.View(&b.s); v.Busy != order.BusyPrime {
		t.Error("an order is not told that the pump primes")
	}

	// The underdose: it fails half way. The program does not start behind half a
	// catheter of air as if nothing were; the alarm stands until it is primed again.
	b.wait(900)
	b.do(Fault{Kind: Stall})
	b.do(Fault{Kind: Stall, Ends: true})
	if !b.s.active(profile.PrimeFail) || b.m.Sample(&b.s).Run == wire.Infusing {
		t.Errorf("%v, %s", b.s.Active(), b.m.Sample(&b.s).Run)
	}
	b.must(Change{Prime: &dose.Dose{Volume: full / 2, Duration: 900}, Source: SourceOrder})
	b.wait(900)
	if b.s.active(profile.PrimeFail) || b.m.Sample(&b.s).Run != wire.Infusing {
		t.Errorf("%v, %s", b.s.Active(), b.m.Sample(&b.s).Run)
	}
}

// TestIncidentBridgeArithmetic: the worked checks of reference/domain.md 1.3, on
// the machine. V_tubing 0.199 mL and 89 cm of catheter are 0.395 mL. From 10 to 20
// mg/mL at 2 mg a day the bridge is 0.2 mL a day for 47.4 h; without it the patient
// gets half the dose for 3.95 days. From 20 to 10 mg/mL it is 94.8 h at 0.1 mL a
// day; without it double the dose for 47.4 h.
func TestIncidentBridgeArithmetic(t *testing.T) {
	const path = 394_800 // nL
	for _, tt := range []struct {
		name     string
		old, now units.Conc
		hours    units.Seconds // of the bridge, in tenths
		rate     units.Rate
		without  units.Mass // a day, with no bridge
		lasts    units.Seconds
	}{
		{"10 to 20 mg/mL", 10_000_000, 20_000_000, 474, 200_000, units.Milligram, 948},
		{"20 to 10 mg/mL", 20_000_000, 10_000_000, 948, 100_000, 4 * units.Milligram, 474},
	} {
		t.Run(tt.name, func(t *testing.T) {
			old, now := contents(dose.Morphine, tt.old), contents(dose.Morphine, tt.now)
			plan, err := dose.PlanBridge(path, old, dose.Morphine, 2*units.Milligram)
			if err != nil {
				t.Fatal(err)
			}
			if tenths := plan.Dose.Duration / 360; tenths != tt.hours && tenths != tt.hours-1 {
				t.Errorf("the bridge lasts %d tenths of an hour, want %d", tenths, tt.hours)
			}
			got, lasts, err := dose.Unbridged(path, old, now, dose.Morphine, 2*units.Milligram)
			if tenths := (lasts + 180) / 360; err != nil || got != tt.without || tenths != tt.lasts && tenths != tt.lasts-1 {
				t.Errorf("without it %s a day for %d tenths of an hour, %v", got, tenths, err)
			}

			b := newBench(t, "meander-p20")
			before, after := steady(units.Volume(2_000_000_000_000/int64(tt.old))), steady(units.Volume(2_000_000_000_000/int64(tt.now)))
			l := limits(dose.Morphine, 4*units.Milligram, 15*units.Milligram)
			b.must(Change{Refill: &Refill{18 * units.Millilitre, old}, Limits: l, Program: &before})
			b.wait(3 * units.Day)
			b.must(Change{Refill: &Refill{18 * units.Millilitre, now}, Limits: l, Program: &after, Bridge: &plan.Dose, Source: SourceOrder})
			if rate := b.m.Rate(&b.s); rate < tt.rate-1 || rate > tt.rate {
				t.Errorf("the bridge flows at %s", rate)
			}
			at := b.delivered()
			b.wait(plan.Dose.Duration)
			if got := b.delivered() - at; got != path || b.m.Sample(&b.s).Run != wire.Infusing {
				t.Errorf("the bridge gave %s", got)
			}
			at = b.delivered()
			b.wait(units.Day)
			if m, err := (b.delivered() - at).Mass(tt.now, units.Nearest); err != nil || m != 2*units.Milligram {
				t.Errorf("then %s a day, %v", m, err)
			}
			// The old fluid cannot be forgotten: no bridge, no change.
			b.refused(Change{Refill: &Refill{18 * units.Millilitre, old}, Limits: l, Program: &before}, NeedsBridge)
		})
	}
	mixed, err := dose.Mix(18_600_000, contents(dose.Morphine, 10_000_000), 1_400_000, contents(dose.Morphine, 20_000_000))
	if err != nil || mixed.Conc(dose.Morphine) != 10_700_000 {
		t.Errorf("a rest of 1.4 mL makes it %v, %v", mixed, err)
	}
}

// TestIncidentBolusHistorySurvivesReset: a pump forgot what it had given when its
// battery was changed, and gave it again. Ceilings, counts and lockouts outlive any
// reset, and a bolus that a reset cuts counts as given.
func TestIncidentBolusHistorySurvivesReset(t *testing.T) {
	for _, cause := range []Cause{Power, Watchdog, LowBattery, Update} {
		t.Run(string(cause), func(t *testing.T) {
			b := newBench(t, "meander-p20")
			p := steady(200_000)
			p.PTM = &dose.PTM{Volume: 60_000, Duration: 1_200, Lockout: units.Hour, Max24h: 2}
			b.fill(18*units.Millilitre, p)
			b.wait(units.Day)
			b.must(PTMRequest{})
			b.wait(600)
			counted := b.m.View(&b.s)
			b.must(Reboot{Cause: cause})
			after := b.m.View(&b.s)
			if after.Day < counted.Day+30_000 || after.Hour < counted.Hour+30_000 {
				t.Errorf("the cut bolus counts %s, want all of it", after.Day-counted.Day)
			}
			if cause == LowBattery {
				b.must(Clear{profile.LowBattReset})
			}
			b.refused(PTMRequest{}, LockedOut)
			b.wait(units.Hour)
			b.must(PTMRequest{})
			b.must(Reboot{Cause: cause})
			if cause == LowBattery {
				b.must(Clear{profile.LowBattReset})
			}
			b.wait(units.Hour)
			b.refused(PTMRequest{}, EnoughInADay)
			// A bolus near the ceiling of the hour is refused after a reset as before.
			b.must(GiveBolus{dose.Dose{Volume: 200_000, Duration: 1_800}})
			b.must(Reboot{Cause: cause})
			if cause == LowBattery {
				b.must(Clear{profile.LowBattReset})
			}
			b.refused(GiveBolus{dose.Dose{Volume: 250_000, Duration: 1_800}}, AtCeiling)
		})
	}
}
