package dose

import (
	"testing"

	"pgregory.net/rapid"

	"cisterna/device/units"
)

func TestFlexDay(t *testing.T) {
	s := setup(weak)
	// 22:00 to 06:00, 06:00 to 14:00, 14:00 to 22:00: the night runs past midnight.
	p, doses, err := s.FlexDay([]Step{
		{Start: 6 * units.Hour, Duration: 8 * units.Hour, Dose: 500_000},
		{Start: 14 * units.Hour, Duration: 8 * units.Hour, Dose: 700_000},
		{Start: 22 * units.Hour, Duration: 8 * units.Hour, Dose: 1_000_000},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Segment{
		{Duration: 6 * units.Hour, Volume: 75_000},
		{Offset: 6 * units.Hour, Duration: 8 * units.Hour, Volume: 50_000},
		{Offset: 14 * units.Hour, Duration: 8 * units.Hour, Volume: 70_000},
		{Offset: 22 * units.Hour, Duration: 2 * units.Hour, Volume: 25_000},
	}
	if len(p.Segments) != len(want) {
		t.Fatalf("got %+v", p.Segments)
	}
	for i, g := range p.Segments {
		if g != want[i] {
			t.Errorf("segment %d: got %+v, want %+v", i+1, g, want[i])
		}
	}
	if doses[2].Programmed != 1_000_000 {
		t.Errorf("the night gives %s", doses[2].Programmed)
	}
}

func TestFlexRefusals(t *testing.T) {
	s := setup(weak)
	day := Step{Duration: units.Day, Dose: twoMGDay}
	for name, steps := range map[string][]Step{
		"no steps":           {},
		"half a day":         {{Duration: 12 * units.Hour, Dose: units.Milligram}},
		"a gap":              {{Duration: units.Hour, Dose: 100_000}, {Start: 2 * units.Hour, Duration: 23 * units.Hour, Dose: units.Milligram}},
		"25 hours":           {{Duration: 2 * units.Hour, Dose: 100_000}, {Start: 2 * units.Hour, Duration: 23 * units.Hour, Dose: units.Milligram}},
		"beginning too late": {{Start: units.Day, Duration: units.Day, Dose: twoMGDay}},
		"beginning before":   {{Start: -1, Duration: units.Day, Dose: twoMGDay}},
		"a step of no time":  {day, {Start: units.Day, Dose: 1}},
	} {
		if p, _, err := s.FlexDay(steps); ReasonOf(err) != BadSegments || p.Mode != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := s.FlexWeek([7][]Step{{day}, {day}}); ReasonOf(err) != BadSegments {
		t.Errorf("a week of two days: %v", err)
	}
	if _, _, err := s.FlexWeek([7][]Step{{day}, {day}, {day}, {{Start: 1, Duration: units.Day, Dose: 1}}, {day}, {day}, {day}}); ReasonOf(err) != BadSegments {
		t.Errorf("a day beginning after midnight: %v", err)
	}
}

func TestFlexWeek(t *testing.T) {
	s := setup(weak)
	day, rest := []Step{{Duration: units.Day, Dose: twoMGDay}}, []Step{{Duration: units.Day, Dose: units.Milligram}}
	p, doses, err := s.FlexWeek([7][]Step{day, day, day, day, day, rest, rest})
	if err != nil || len(doses) != 7 || p.PerCycle() != 5*200_000+2*100_000 {
		t.Fatalf("got %d, %v", p.PerCycle(), err)
	}
}

func TestPeriodicSinglePTMBolus(t *testing.T) {
	s := setup(weak)
	p, d, err := s.Periodic(300_000, 10*units.Minute, 6*units.Hour)
	if err != nil || d.Volume != 30_000 || p.Segments[1].Volume != 1_458 { // 6,000 nL/day over 5 h 50 min
		t.Errorf("periodic: %+v, %v", p, err)
	}
	if _, _, err := s.Periodic(300_000, units.Hour, units.Hour); ReasonOf(err) != BadSegments {
		t.Errorf("no rest between boluses: %v", err)
	}
	p, d, err = s.Single(300_000, 10*units.Minute, Stopped)
	if err != nil || d.Volume != 30_000 || p.Cycle != 600 {
		t.Errorf("single: %+v, %v", p, err)
	}
	base, _, err := s.Continuous(twoMGDay)
	if err != nil {
		t.Fatal(err)
	}
	with, d, err := s.WithPTM(base, 50_000, PTM{Duration: 600, Lockout: 4 * units.Hour, Max24h: 4})
	if err != nil || with.PTM.Volume != 5_000 || d.Programmed != 50_000 || base.PTM != nil {
		t.Errorf("PTM: %+v, %v", with.PTM, err)
	}
	bolus, d, err := s.Bolus(&base, 100_000, 600)
	if err != nil || bolus != (Dose{10_000, 600}) || d.Programmed != 100_000 {
		t.Errorf("bolus: %+v, %v", bolus, err)
	}
	portions, err := with.WorstDay(weak, s.Range)
	if err != nil || len(portions) != 1 || portions[0].Mass != 2_200_000 {
		t.Errorf("worst day: %+v, %v", portions, err)
	}
}

// TestRoundingKeepsLimits draws prescriptions near the limit: what is accepted
// never passes it, and rounding alone never refuses what the limit allows.
func TestRoundingKeepsLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		conc := units.Conc(rapid.Int64Range(1_000_000, 50_000_000).Draw(t, "conc"))
		limit := units.Mass(rapid.Int64Range(2_000_000, 20_000_000).Draw(t, "limit"))
		n := rapid.IntRange(1, 13).Draw(t, "steps")
		s := Setup{
			Contents: Contents{Ingredients: []Ingredient{{Code: Morphine, Conc: conc}}, Route: Intrathecal},
			Range:    peristaltic(),
			Limits:   Limits{Ingredients: []Limit{{Code: Morphine, Max1h: limit, Max24h: limit, Withdrawal: WithdrawalModerate}}},
		}
		s.Range.Zero = true // any step may be as small as it wants
		s.Range.Min = 0
		each := units.Seconds(86_400 / n)
		steps, rest := make([]Step, n), limit-units.Mass(rapid.Int64Range(0, 3).Draw(t, "below"))
		for i := range steps {
			m := rest / units.Mass(n-i)
			steps[i] = Step{Start: units.Seconds(i) * each, Duration: each, Dose: m}
			rest -= m
		}
		steps[n-1].Duration = units.Day - steps[n-1].Start
		p, _, err := s.FlexDay(steps)
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		worst, err := p.WorstDay(s.Contents, s.Range)
		if err != nil || worst[0].Mass > limit {
			t.Fatalf("%s passes %s, %v", worst[0].Mass, limit, err)
		}
	})
}
