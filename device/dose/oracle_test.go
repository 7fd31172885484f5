package dose

import (
	"testing"

	"cisterna/device/units"
)

// The worked checks of the field: V_tubing 0.199 mL and 89 cm of catheter at
// 0.0022 mL/cm, morphine at 10 and 20 mg/mL, 2 mg/day.
var (
	path     = Path{Tubing: 199_000, PerCM: 2_200, LengthMM: 890}
	weak     = Contents{Ingredients: []Ingredient{{Code: Morphine, Conc: 10_000_000}}, Route: Intrathecal}
	strong   = Contents{Ingredients: []Ingredient{{Code: Morphine, Conc: 20_000_000}}, Route: Intrathecal}
	twoMGDay = 2 * units.Milligram
)

// peristaltic is a range like that of the commonest implant.
func peristaltic() *Range {
	return &Range{
		Modes: []Mode{Stopped, Minimum, Continuous, FlexDay, FlexWeek, Periodic, Single, Patient, Bolus, Prime, Bridge},
		Min:   48_000, Max: 24_000_000, Idle: 6_000, Resolution: 1_000,
		MaxBolus: 2 * units.Millilitre, MaxPrime: units.Millilitre, Segments: 13, Max24h: 24, MinLockout: units.Minute,
	}
}

// morphineLimits allow 15 mg in 24 hours and 4 mg in an hour.
func morphineLimits() Limits {
	return Limits{Ingredients: []Limit{{Code: Morphine, Max1h: 4 * units.Milligram, Max24h: 15 * units.Milligram, Withdrawal: WithdrawalModerate}}}
}

func setup(c Contents) *Setup {
	return &Setup{Contents: c, Range: peristaltic(), Limits: morphineLimits()}
}

func TestPath(t *testing.T) {
	cat, err := path.Catheter()
	if err != nil || cat != 195_800 {
		t.Errorf("catheter %s, %v; want 0.1958 mL", cat, err)
	}
	all, err := path.Volume()
	if err != nil || all != 394_800 {
		t.Errorf("path %s, %v; want 0.3948 mL", all, err)
	}
	// An unaspirated catheter holds a bolus: the hazard of the access port.
	if m, err := cat.Mass(20_000_000, units.Nearest); err != nil || m != 3_916_000 {
		t.Errorf("a catheter of 20 mg/mL holds %s, %v", m, err)
	}
	for _, bad := range []Path{{LengthMM: -1}, {LengthMM: 5_000}, {Tubing: -1}, {PerCM: 1 << 62, LengthMM: 100}} {
		if v, err := bad.Volume(); err == nil || v != 0 {
			t.Errorf("%+v gave %s", bad, v)
		}
	}
}

func TestBridge(t *testing.T) {
	tests := []struct {
		name     string
		old, now Contents
		hours    string        // of the bridge
		each     units.Mass    // in the bridge
		without  units.Mass    // a day, if there were none
		lasting  units.Seconds // without it
	}{
		// 10 → 20 mg/mL at 2 mg/day: 0.3948 mL hold 3.948 mg, which last 1.974 days.
		{"stronger", weak, strong, "47 h 22 min 34 s", 3_948_000, units.Milligram, 341_107},
		// 20 → 10 mg/mL: 7.896 mg last 3.948 days; without it a double dose for half of that.
		{"weaker", strong, weak, "3 d 22 h 45 min 8 s", 7_896_000, 4 * units.Milligram, 170_554},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, _ := path.Volume()
			plan, err := PlanBridge(v, tt.old, Morphine, twoMGDay)
			if err != nil {
				t.Fatal(err)
			}
			if got := plan.Dose.Duration.String(); got != tt.hours || plan.Dose.Volume != v {
				t.Errorf("%s over %s, want %s", plan.Dose.Volume, got, tt.hours)
			}
			if plan.Amount[0].Mass != tt.each {
				t.Errorf("holds %s, want %s", plan.Amount[0].Mass, tt.each)
			}
			if got := plan.PerDay[0].Mass; got > twoMGDay || got < twoMGDay-20 {
				t.Errorf("gives %s a day, want at most and nearly %s", got, twoMGDay)
			}
			dose, lasting, err := Unbridged(v, tt.old, tt.now, Morphine, twoMGDay)
			if err != nil || dose != tt.without || lasting != tt.lasting {
				t.Errorf("without it %s for %d s, %v; want %s for %d s", dose, lasting, err, tt.without, tt.lasting)
			}
			if err := plan.Dose.ValidateBridge(peristaltic()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBridgeOfMixture looks at an ingredient that is not the one bridged for.
func TestBridgeOfMixture(t *testing.T) {
	old := Contents{Ingredients: []Ingredient{{Code: Morphine, Conc: 10_000_000}, {Code: Bupivacaine, Conc: 20_000_000}}, Route: Intrathecal}
	plan, err := PlanBridge(394_800, old, Morphine, twoMGDay)
	if err != nil {
		t.Fatal(err)
	}
	if got := plan.PerDay[1]; got.Code != Bupivacaine || got.Mass > 4*units.Milligram || got.Mass < 4*units.Milligram-100 {
		t.Errorf("bupivacaine %+v, want nearly 4 mg", got)
	}
	for _, bad := range []struct {
		v  units.Volume
		of Code
		m  units.Mass
	}{{0, Morphine, 1}, {1, Clonidine, 1}, {1, Morphine, 0}, {MaxVolume, Morphine, 1}} {
		if plan, err := PlanBridge(bad.v, old, bad.of, bad.m); err == nil || plan.Dose != (Dose{}) {
			t.Errorf("%+v gave %+v", bad, plan)
		}
	}
}

func TestMix(t *testing.T) {
	// 18.6 mL of 10 mg/mL on 1.4 mL of 20 mg/mL: 7 % too strong.
	got, err := Mix(18_600_000, weak, 1_400_000, strong)
	if err != nil || got.Main().Conc != 10_700_000 {
		t.Errorf("got %s, %v; want 10.7 mg/mL", got.Main().Conc, err)
	}
	other := Contents{Ingredients: []Ingredient{{Code: Bupivacaine, Conc: 7_500_000}, {Code: Clonidine, Conc: 100_000}}, Primary: 1, Route: Intrathecal}
	got, err = Mix(18_600_000, other, 1_400_000, weak)
	if err != nil {
		t.Fatal(err)
	}
	want := Contents{Ingredients: []Ingredient{{Code: Morphine, Conc: 700_000}, {Code: Bupivacaine, Conc: 6_975_000}, {Code: Clonidine, Conc: 93_000}}, Primary: 2, Route: Intrathecal}
	if !got.Equal(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestContinuousOracles(t *testing.T) {
	limits := func(code Code, day units.Mass) Limits {
		return Limits{Ingredients: []Limit{{Code: code, Max1h: day, Max24h: day, Withdrawal: WithdrawalNone}}}
	}
	one := func(code Code, conc units.Conc) Contents {
		return Contents{Ingredients: []Ingredient{{Code: code, Conc: conc}}, Route: Intrathecal}
	}
	tests := []struct {
		name   string
		setup  Setup
		dose   units.Mass
		volume units.Volume
		given  units.Mass
		reason Reason
	}{
		{"morphine 15 mg/day at 20 mg/mL is 0.75 mL", Setup{strong, peristaltic(), morphineLimits()}, 15_000_000, 750_000, 15_000_000, ""},
		{"a nanogram more passes the limit", Setup{strong, peristaltic(), limits(Morphine, 15_000_000)}, 15_000_020, 0, 0, AboveDayLimit},
		{"ziconotide 19.2 mcg/day at 25 mcg/mL is 0.768 mL", Setup{one(Ziconotide, 25_000), peristaltic(), limits(Ziconotide, 19_200)}, 19_200, 768_000, 19_200, ""},
		{"ziconotide 1.2 mcg/day is the least the device gives", Setup{one(Ziconotide, 25_000), peristaltic(), limits(Ziconotide, 19_200)}, 1_200, 48_000, 1_200, ""},
		{"and 1.1 mcg/day is under it", Setup{one(Ziconotide, 25_000), peristaltic(), limits(Ziconotide, 19_200)}, 1_100, 0, 0, RateBelowMinimum},
		{"2 mg/day at 10 mg/mL", Setup{weak, peristaltic(), morphineLimits()}, twoMGDay, 200_000, twoMGDay, ""},
		{"rounded to the nearest nL", Setup{one(Morphine, 7_000_000), peristaltic(), morphineLimits()}, 1_000_000, 142_857, 999_999, ""},
		{"rounded up where that is nearest", Setup{one(Morphine, 7_000_000), peristaltic(), morphineLimits()}, 1_100_001, 157_143, 1_100_001, ""},
		{"but never above a limit", Setup{one(Morphine, 7_000_000), peristaltic(), limits(Morphine, 1_100_000)}, 1_100_000, 157_142, 1_099_994, ""},
		{"not in the library", Setup{weak, peristaltic(), limits(Baclofen, 1_000_000)}, twoMGDay, 0, 0, NotInLibrary},
		{"faster than the device", Setup{one(Baclofen, 50_000), peristaltic(), limits(Baclofen, 100_000_000)}, 1_200_050, 0, 0, RateAboveMaximum},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, d, err := tt.setup.Continuous(tt.dose)
			if ReasonOf(err) != tt.reason || (err != nil) != (tt.reason != "") {
				t.Fatalf("got %v, want %q", err, tt.reason)
			}
			if d.Volume != tt.volume || d.Programmed != tt.given || p.PerCycle() != tt.volume {
				t.Errorf("got %s holding %s, want %s holding %s", d.Volume, d.Programmed, tt.volume, tt.given)
			}
		})
	}
}
