package dosing

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/telemetry"
)

// day0 is the first of the days that these tests count.
var day0 = time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)

// on is an hour of a day.
func on(day int, hour time.Duration) time.Time {
	return day0.AddDate(0, 0, day).Add(hour * time.Hour)
}

// counted makes whole days of 200 µL each, with 3 boluses and 1 refusal; those named
// have no reading.
func counted(n int, silent ...int) []telemetry.Day {
	out := make([]telemetry.Day, n)
	for i := range out {
		out[i] = telemetry.Day{From: on(i, 0), To: on(i+1, 0), Coverage: telemetry.None}
		if !slices.Contains(silent, i) {
			at := func(k int) telemetry.Count {
				return telemetry.Count{At: on(k, 0).Add(-time.Second), Delivered: units.Volume(200_000 * k), Given: int64(3 * k), Denied: int64(k)}
			}
			out[i].Coverage, out[i].Since, out[i].Until = telemetry.Whole, at(i), at(i+1)
		}
	}
	return out
}

// told is what a pump says that runs p of c.
func told(c dose.Contents, p dose.Program) *order.Report {
	return &order.Report{State: order.State{Run: wire.Infusing, Program: p, Contents: c}}
}

// TestTrendDoses: a day's dose is its volume at what the reservoir held, and a day on
// which that is not one known thing has none.
func TestTrendDoses(t *testing.T) {
	ten, twenty, p := morphineAt(10*mgML), morphineAt(20*mgML), perDay(200_000)
	foreign := told(twenty, p)
	foreign.Foreign = true
	refilled := func(day int, before *order.Report) ran {
		return ran{act: order.ActVisit, before: before, from: on(day, 9), at: on(day, 10)}
	}
	none := units.Mass(-1)
	mg2, mg4 := 2*units.Milligram, 4*units.Milligram
	for _, tt := range []struct {
		name  string
		days  []telemetry.Day
		all   []ran
		now   *order.Report
		path  units.Volume
		doses []units.Mass
		holds string // k, c or u, by day
	}{
		{"one fluid all the time", counted(4), nil, told(ten, p), 0, []units.Mass{mg2, mg2, mg2, mg2}, "kkkk"},
		{"the same filled again", counted(4), []ran{refilled(1, told(ten, p))}, told(ten, p), 394_800, []units.Mass{mg2, mg2, mg2, mg2}, "kkkk"},
		{"another one from the second day on", counted(4), []ran{refilled(1, told(ten, p))}, told(twenty, p), 0, []units.Mass{mg2, none, mg4, mg4}, "kckk"},
		{"the old one stands in the path for two days more", counted(5), []ran{refilled(1, told(ten, p))}, told(twenty, p), 394_800, []units.Mass{mg2, none, none, none, mg4}, "kccck"},
		{"nobody heard the day of the change", counted(4, 1), []ran{refilled(1, told(ten, p))}, told(twenty, p), 100_000, []units.Mass{mg2, none, none, mg4}, "kcck"},
		{"a day without readings has no dose", counted(3, 1), nil, told(ten, p), 0, []units.Mass{mg2, none, mg2}, "kkk"},
		{"what ran before was not kept", counted(3), []ran{refilled(1, nil)}, told(ten, p), 0, []units.Mass{none, none, mg2}, "uuk"},
		{"another maker's programmer came in between", counted(4), []ran{refilled(0, told(ten, p)), {act: order.ActAdopt, before: foreign, from: on(2, 9), at: on(2, 9)}}, told(twenty, p), 0, []units.Mass{none, none, none, mg4}, "uuuk"},
		{"and nobody adopted what it left", counted(2), nil, foreign, 0, []units.Mass{none, none}, "uu"},
		{"it has not said what it runs", counted(2), nil, nil, 0, []units.Mass{none, none}, "uu"},
		{"it was empty", counted(2), nil, told(dose.Contents{}, p), 0, []units.Mass{none, none}, "uu"},
		{"the answer came two days after the release", counted(4), []ran{{act: order.ActVisit, before: told(ten, p), from: on(1, 9), at: on(2, 10)}}, told(twenty, p), 0, []units.Mass{mg2, none, none, mg4}, "kcck"},
	} {
		got := trendOf(tt.days, 0, tt.all, tt.now, tt.path)
		doses, holds := make([]units.Mass, len(got)), ""
		for i, d := range got {
			doses[i] = none
			if len(d.Doses) == 1 {
				doses[i] = d.Doses[0].Mass
			}
			holds += string(d.Holds[0])
		}
		if !slices.Equal(doses, tt.doses) || holds != tt.holds {
			t.Errorf("%s: %v %s, want %v %s", tt.name, doses, holds, tt.doses, tt.holds)
		}
	}
	if got := trendOf(counted(5), 3, []ran{refilled(1, told(ten, p))}, told(twenty, p), 394_800); len(got) != 2 || got[0].Holds != HoldsChanged || got[1].Holds != HoldsOne {
		t.Errorf("a change before the first day that is shown: %+v", got)
	}
}

// TestTrendTotals: a total says whether it is all.
func TestTrendTotals(t *testing.T) {
	ten, twenty, p := morphineAt(10*mgML), morphineAt(20*mgML), perDay(200_000)
	changed := []ran{{act: order.ActVisit, before: told(ten, p), from: on(5, 9), at: on(5, 10)}}
	morphine := func(m units.Mass) []Amount { return []Amount{{dose.Morphine, m}} }
	for _, tt := range []struct {
		name string
		days []telemetry.Day
		all  []ran
		now  *order.Report
		want TrendTotal
	}{
		{"seven days", counted(9), nil, told(ten, p), TrendTotal{7, 7, true, true, 1_400_000, morphine(14 * units.Milligram), true, 21, 7, true}},
		{"a silence in between takes nothing", counted(9, 4, 5), nil, told(ten, p), TrendTotal{7, 5, true, true, 1_400_000, morphine(14 * units.Milligram), true, 21, 7, true}},
		{"one at the end does", counted(9, 8), nil, told(ten, p), TrendTotal{7, 6, true, false, 1_200_000, morphine(12 * units.Milligram), false, 18, 6, true}},
		{"another fluid: the least", counted(9), changed, told(twenty, p), TrendTotal{7, 7, true, true, 1_400_000, morphine(18 * units.Milligram), false, 21, 7, true}},
		{"too few days", counted(3), nil, told(ten, p), TrendTotal{7, 3, true, false, 600_000, morphine(6 * units.Milligram), false, 9, 3, true}},
		{"nothing known", counted(9, 0, 1, 2, 3, 4, 5, 6, 7, 8), nil, told(ten, p), TrendTotal{Days: 7}},
	} {
		got := totalOf(trendOf(tt.days, 0, tt.all, tt.now, 0), 7)
		if tt.want.Known == false {
			got.Dosed = false
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s:\n%s", tt.name, d)
		}
	}
}

// TestSteps: a step is what changed the dose of a day, in this patient.
func TestSteps(t *testing.T) {
	sit := running(t, morphineAt(10*mgML), perDay(200_000))
	limits := &sit.profile.Range
	checks := func(c dose.Contents, v units.Volume) []order.Check {
		p := perDay(v)
		return order.ChecksOf(c, &p, limits, nil, nil)
	}
	ten, twenty := morphineAt(10*mgML), morphineAt(20*mgML)
	mg := units.Milligram
	change := func(was, is units.Mass) Change { return Change{dose.Morphine, was, is, was, is} }
	clonidine := mixture(dose.Ingredient{Code: dose.Morphine, Conc: 10 * mgML}, dose.Ingredient{Code: dose.Clonidine, Conc: mgML})
	for _, tt := range []struct {
		name string
		ran  ran
		want []Change
	}{
		{"more", ran{before: told(ten, perDay(200_000)), is: checks(ten, 220_000)}, []Change{change(2*mg, 2_200_000)}},
		{"less", ran{before: told(ten, perDay(200_000)), is: checks(ten, 180_000)}, []Change{change(2*mg, 1_800_000)}},
		{"the same dose of another concentration, but for rounding", ran{before: told(ten, perDay(200_001)), is: checks(twenty, 100_000)}, nil},
		{"an ingredient more", ran{before: told(ten, perDay(200_000)), is: checks(clonidine, 200_000)}, []Change{{dose.Clonidine, 0, 200_000, 0, 200_000}}},
		{"no dose from then on", ran{act: order.ActErase, before: told(ten, perDay(200_000))}, []Change{change(2*mg, 0)}},
		{"the first dose", ran{before: told(dose.Contents{}, dose.Program{Mode: dose.Stopped}), is: checks(ten, 200_000)}, []Change{change(0, 2*mg)}},
		{"another patient's", ran{patient: 8, before: told(ten, perDay(200_000)), is: checks(ten, 220_000)}, nil},
	} {
		tt.ran.limits, tt.ran.order, tt.ran.at = limits, 5, on(1, 10)
		got := stepsOf([]ran{tt.ran}, 0)
		if len(got) != min(1, len(tt.want)) || len(got) == 1 && (cmp.Diff(tt.want, got[0].Changes) != "" || !got[0].Kept || got[0].Order != 5) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	got := stepsOf([]ran{{limits: limits, is: checks(ten, 220_000), at: on(1, 0)}, {limits: limits, before: told(ten, perDay(220_000)), is: checks(ten, 230_000), at: on(2, 0)}}, 0)
	if len(got) != 2 || !got[0].At.Equal(on(2, 0)) || got[1].Kept || got[1].Changes[0].IsDay != 2_200_000 {
		t.Errorf("newest first, and one of which nothing is known before: %+v", got)
	}

	var tr Trend
	tr.addSteps([]Step{{At: on(40, 0)}, {At: on(11, 0)}, {At: on(10, 0)}}, on(11, 0), on(41, 0))
	if tr.Month != 1 || len(tr.Steps) != 2 || !tr.Last.At.Equal(on(40, 0)) {
		t.Errorf("%d steps in thirty days, %d shown, the last at %v", tr.Month, len(tr.Steps), tr.Last.At)
	}
}

// TestProgramOfNow: the program is that of the pump, also while it is only kept; what
// the pump does not say is not made up.
func TestProgramOfNow(t *testing.T) {
	r := told(morphineAt(10*mgML), perDay(200_000))
	for _, run := range []wire.RunState{wire.Infusing, wire.Stopped} {
		r.State.Run = run
		if got := meanOf(r); len(got) != 1 || got[0].Mass != 2*units.Milligram {
			t.Errorf("%v: %+v", run, got)
		}
	}
	if got := meanOf(nil); got != nil {
		t.Errorf("unknown: %+v", got)
	}
	if got := meanOf(told(dose.Contents{}, perDay(200_000))); got != nil {
		t.Errorf("empty: %+v", got)
	}
}
