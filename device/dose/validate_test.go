package dose

import (
	"testing"

	"cisterna/device/units"
)

func flex(volumes ...units.Volume) Program {
	p := Program{Mode: FlexDay, Cycle: units.Day}
	d := units.Day / units.Seconds(len(volumes))
	for i, v := range volumes {
		p.Segments = append(p.Segments, Segment{Offset: units.Seconds(i) * d, Duration: d, Volume: v})
	}
	return p
}

func continuous(v units.Volume) Program {
	return Program{Mode: Continuous, Cycle: units.Day, Segments: []Segment{{Duration: units.Day, Volume: v}}}
}

func withPTM(p Program, t PTM) Program {
	p.PTM = &t
	return p
}

var somePTM = PTM{Volume: 5_000, Duration: 600, Lockout: 4 * units.Hour, Max24h: 4}

func change(t PTM, f func(*PTM)) PTM {
	f(&t)
	return t
}

func TestCheck(t *testing.T) {
	twoWeeks := flex(100_000, 100_000)
	twoWeeks.Cycle = units.Week
	many := make([]units.Volume, 14)
	for i := range many {
		many[i] = 10_000
	}
	tests := []struct {
		name string
		p    Program
		want Reason
	}{
		{"continuous", continuous(200_000), ""},
		{"stopped", Off(), ""},
		{"minimum", Idle(), ""},
		{"flex by day", flex(20_000, 40_000, 30_000), ""},
		{"flex with a resting step", flex(0, 40_000, 30_000), RateBelowMinimum},
		{"flex with a step at the idle rate", flex(2_000, 40_000, 30_000), ""},
		{"with patient boluses", withPTM(continuous(200_000), somePTM), ""},
		{"patient boluses alone", withPTM(Idle(), somePTM), ""},
		{"no mode", Program{}, BadForm},
		{"a bolus is no program", Program{Mode: Bolus}, BadForm},
		{"stopped with segments", Program{Mode: Stopped, Cycle: 10, Segments: []Segment{{Duration: 10}}}, BadSegments},
		{"continuous without a segment", Program{Mode: Continuous, Cycle: units.Day}, BadSegments},
		{"continuous of a week", Program{Mode: Continuous, Cycle: units.Week, Segments: []Segment{{Duration: units.Week, Volume: 1_400_000}}}, BadSegments},
		{"a day's steps over a week", twoWeeks, BadSegments},
		{"a gap", Program{Mode: FlexDay, Cycle: units.Day, Segments: []Segment{{Duration: 100, Volume: 1}, {Offset: 101, Duration: units.Day - 101, Volume: 9}}}, BadSegments},
		{"an overlap", Program{Mode: FlexDay, Cycle: units.Day, Segments: []Segment{{Duration: 100, Volume: 1}, {Offset: 99, Duration: units.Day - 99, Volume: 9}}}, BadSegments},
		{"short of midnight", Program{Mode: FlexDay, Cycle: units.Day, Segments: []Segment{{Duration: units.Day - 1, Volume: 200_000}}}, BadSegments},
		{"a step of no time", Program{Mode: FlexDay, Cycle: units.Day, Segments: []Segment{{}, {Duration: units.Day, Volume: 200_000}}}, BadSegments},
		{"negative volume", continuous(-1), BadSegments},
		{"volume beyond any pump", continuous(1 << 62), BadSegments},
		{"more steps than the device has", flex(many...), BadSegments},
		{"too slow", continuous(47_999), RateBelowMinimum},
		{"slowest", continuous(48_000), ""},
		{"too fast", continuous(24_000_001), RateAboveMaximum},
		{"above the limit of a day", continuous(1_500_001), AboveDayLimit},
		{"at the limit of a day", continuous(1_500_000), ""},
		{"above the limit of an hour", Program{Mode: FlexDay, Cycle: units.Day, Segments: []Segment{{Duration: units.Hour, Volume: 400_001}, {Offset: units.Hour, Duration: 23 * units.Hour, Volume: 200_000}}}, AboveHourLimit},
		{"at the limit of an hour but with more behind", Program{Mode: FlexDay, Cycle: units.Day, Segments: []Segment{{Duration: units.Hour, Volume: 400_000}, {Offset: units.Hour, Duration: 23 * units.Hour, Volume: 200_000}}}, ""},
		{"a limit passed by patient boluses alone", withPTM(continuous(1_500_000), somePTM), AboveDayLimit},
		{"up to the limit with patient boluses", withPTM(continuous(1_480_000), somePTM), ""},
		{"a single bolus", Program{Mode: Single, Cycle: 600, Segments: []Segment{{Duration: 600, Volume: 5_000}}, Then: Minimum}, ""},
		{"a single bolus without an end", Program{Mode: Single, Cycle: 600, Segments: []Segment{{Duration: 600, Volume: 5_000}}}, BadForm},
		{"a program that cannot end", Program{Mode: Continuous, Cycle: units.Day, Segments: []Segment{{Duration: units.Day, Volume: 200_000}}, Then: Stopped}, BadForm},
		{"PTM while stopped", withPTM(Off(), somePTM), BadForm},
		{"PTM of nothing", withPTM(Idle(), change(somePTM, func(p *PTM) { p.Volume = 0 })), BadForm},
		{"PTM under the resolution", withPTM(Idle(), change(somePTM, func(p *PTM) { p.Volume = 999 })), BolusTooSmall},
		{"PTM too large", withPTM(Idle(), change(somePTM, func(p *PTM) { p.Volume = 3_000_000 })), BolusTooLarge},
		{"PTM longer than its lockout", withPTM(Idle(), change(somePTM, func(p *PTM) { p.Lockout = 599 })), LockoutTooShort},
		{"PTM without a count", withPTM(Idle(), change(somePTM, func(p *PTM) { p.Max24h = 0 })), TooManyBoluses},
		{"PTM beyond the device's count", withPTM(Idle(), change(somePTM, func(p *PTM) { p.Max24h = 25 })), TooManyBoluses},
		{"PTM with half a window", withPTM(Idle(), change(somePTM, func(p *PTM) { p.Window = 3600 })), BadForm},
		{"PTM with a window", withPTM(Idle(), change(somePTM, func(p *PTM) { p.Window, p.MaxWindow = 12*units.Hour, 2 })), ""},
		{"PTM too fast on top", withPTM(continuous(1_000_000), change(somePTM, func(p *PTM) { p.Volume, p.Duration, p.Lockout = 200_000, 720, units.Day })), RateAboveMaximum},
		{"PTM in an hour", withPTM(continuous(200_000), change(somePTM, func(p *PTM) { p.Volume, p.Duration, p.Lockout = 200_000, 1_800, 1_800 })), AboveHourLimit},
	}
	limits := morphineLimits()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Check(&tt.p, weak, peristaltic(), &limits)
			if ReasonOf(err) != tt.want || (err == nil) != (tt.want == "") {
				t.Errorf("got %v (%s), want %q", err, ReasonOf(err), tt.want)
			}
		})
	}
}

func TestCheckLibrary(t *testing.T) {
	p := withPTM(continuous(200_000), somePTM)
	tests := []struct {
		name string
		f    func(*Limits)
		want Reason
	}{
		{"as it is", func(*Limits) {}, ""},
		{"a longer lockout", func(l *Limits) { l.MinLockout = 5 * units.Hour }, LockoutTooShort},
		{"fewer boluses", func(l *Limits) { l.MaxPTM24h = 3 }, TooManyBoluses},
		{"a lower rate", func(l *Limits) { l.MaxRate = 199_999 }, RateAboveMaximum},
		{"no limits", func(l *Limits) { l.Ingredients = nil }, NotInLibrary},
		{"an hour above a day", func(l *Limits) {
			l.Ingredients = []Limit{{Code: Morphine, Max1h: 2, Max24h: 1, Withdrawal: WithdrawalModerate}}
		}, BadForm},
		{"no severity", func(l *Limits) { l.Ingredients = []Limit{{Code: Morphine, Max1h: 1, Max24h: 1}} }, BadForm},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := morphineLimits()
			tt.f(&l)
			if err := Check(&p, weak, peristaltic(), &l); ReasonOf(err) != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestModeNotOffered(t *testing.T) {
	r := peristaltic()
	r.Modes = []Mode{Continuous}
	weekly := Program{Mode: FlexWeek, Cycle: units.Week, Segments: []Segment{{Duration: units.Week, Volume: 1_400_000}}}
	for _, p := range []Program{Off(), Idle(), flex(100_000, 100_000), weekly, withPTM(continuous(200_000), somePTM)} {
		if err := p.Validate(r); ReasonOf(err) != ModeNotOffered {
			t.Errorf("%s: %v", p.Mode, err)
		}
	}
	base, limits := continuous(200_000), morphineLimits()
	d := Dose{Volume: 5_000, Duration: 600}
	for name, err := range map[string]error{"bolus": d.ValidateBolus(r, &base, &limits), "prime": d.ValidatePrime(r), "bridge": d.ValidateBridge(r)} {
		if ReasonOf(err) != ModeNotOffered {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDoses(t *testing.T) {
	r, base, limits := peristaltic(), continuous(200_000), morphineLimits()
	tests := []struct {
		name string
		err  error
		want Reason
	}{
		{"bolus", Dose{5_000, 600}.ValidateBolus(r, &base, &limits), ""},
		{"bolus of nothing", Dose{0, 600}.ValidateBolus(r, &base, &limits), BadForm},
		{"bolus in no time", Dose{5_000, 0}.ValidateBolus(r, &base, &limits), BadForm},
		{"bolus under the resolution", Dose{999, 600}.ValidateBolus(r, &base, &limits), BolusTooSmall},
		{"bolus too large", Dose{2_000_001, 86_400}.ValidateBolus(r, &base, &limits), BolusTooLarge},
		{"bolus too fast on top of the program", Dose{1_000_000, 3_600}.ValidateBolus(r, &base, &limits), RateAboveMaximum},
		{"bolus of two days", Dose{100_000, 2 * units.Day}.ValidateBolus(r, &base, &limits), BadForm},
		{"prime", Dose{394_800, 1_800}.ValidatePrime(r), ""},
		{"prime too large", Dose{1_000_001, 86_400}.ValidatePrime(r), BolusTooLarge},
		{"prime too fast", Dose{394_800, 1_000}.ValidatePrime(r), RateAboveMaximum},
		{"bridge", Dose{394_800, 170_554}.ValidateBridge(r), ""},
		{"bridge too slow", Dose{394_800, 40 * units.Day}.ValidateBridge(r), RateBelowMinimum},
		{"bridge too fast", Dose{394_800, 1_000}.ValidateBridge(r), RateAboveMaximum},
	}
	for _, tt := range tests {
		if ReasonOf(tt.err) != tt.want {
			t.Errorf("%s: got %v, want %q", tt.name, tt.err, tt.want)
		}
	}
}

func TestContentsForm(t *testing.T) {
	seven := Contents{Route: Epidural}
	for i := range Code(7) {
		seven.Ingredients = append(seven.Ingredients, Ingredient{Code: i + 1, Conc: 1})
	}
	six := Contents{Ingredients: seven.Ingredients[:6], Primary: 5, Route: Epidural}
	if err := six.Validate(); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]Contents{
		"nothing":        {Route: Intrathecal},
		"seven":          seven,
		"no route":       {Ingredients: weak.Ingredients},
		"no primary":     {Ingredients: weak.Ingredients, Primary: 1, Route: Intrathecal},
		"twice the same": {Ingredients: []Ingredient{{Code: 1, Conc: 1}, {Code: 1, Conc: 1}}, Route: Intrathecal},
		"falling":        {Ingredients: []Ingredient{{Code: 2, Conc: 1}, {Code: 1, Conc: 1}}, Route: Intrathecal},
		"code 0":         {Ingredients: []Ingredient{{Code: 0, Conc: 1}}, Route: Intrathecal},
		"no conc":        {Ingredients: []Ingredient{{Code: 1}}, Route: Intrathecal},
		"negative conc":  {Ingredients: []Ingredient{{Code: 1, Conc: -1}}, Route: Intrathecal},
		"a stone":        {Ingredients: []Ingredient{{Code: 1, Conc: MaxConc + 1}}, Route: Intrathecal},
	} {
		if err := c.Validate(); ReasonOf(err) != BadContents {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSeverity(t *testing.T) {
	l := morphineLimits()
	mixed := Contents{Ingredients: []Ingredient{{Code: Morphine, Conc: 1}, {Code: Baclofen, Conc: 1}}, Route: Intrathecal}
	if got := l.Severity(mixed); got != WithdrawalDeadly {
		t.Errorf("morphine with baclofen counts as %d", got)
	}
	if got := l.Severity(Contents{Ingredients: []Ingredient{{Code: 1007, Conc: 1}}}); got != WithdrawalModerate {
		t.Errorf("an unknown drug counts as %d", got)
	}
	if got := l.Severity(Contents{}); got != WithdrawalNone {
		t.Errorf("an empty reservoir counts as %d", got)
	}
}
