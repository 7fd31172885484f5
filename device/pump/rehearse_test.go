package pump

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
)

// proposal is a prescription for the bench's pump; change makes it one of an act.
func (b *bench) proposal(a order.Act, change func(*order.Prescription)) ([]byte, order.View) {
	b.t.Helper()
	v := b.m.View(&b.s)
	v.Now = b.now.Wall / 1000
	p := order.Prescription{V: 1, Act: a, ID: order.ID{1}, Serial: "S-1", Patient: order.ID{2}, NotBefore: 1, Expires: 2}
	hash := order.Digest{3}
	if a != order.ActResume {
		p.Library, p.Group = &hash, order.GroupNonCancer
	}
	change(&p)
	if a != order.ActVisit && a != order.ActResume && a != order.ActSettings {
		p.Checks = []order.Check{{Code: dose.Morphine}}
	}
	return p.Encode(), v
}

func (b *bench) rehearse(a order.Act, branch order.BranchNo, change func(*order.Prescription)) Rehearsal {
	b.t.Helper()
	doc, v := b.proposal(a, change)
	r, err := b.m.Rehearse(doc, branch, &v, 0, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// programmed makes an order to run a program within limits of so much a day.
func (b *bench) programmed(p dose.Program, day units.Mass) func(*order.Prescription) {
	return func(x *order.Prescription) {
		c := b.s.Contents
		x.Contents, x.Program, x.Limits = &c, &p, limits(dose.Morphine, 4*units.Milligram, day)
	}
}

// TestRehearsalIsThePump: what the rehearsal shows is what the pump then does.
func TestRehearsalIsThePump(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(18*units.Millilitre, steady(200_000))
	b.wait(units.Day)
	flex := dose.Program{Mode: dose.FlexDay, Cycle: units.Day, Segments: []dose.Segment{
		{Duration: 8 * units.Hour, Volume: 40_000}, {Offset: 8 * units.Hour, Duration: 16 * units.Hour, Volume: 200_000},
	}}
	r := b.rehearse(order.ActProgram, 0, b.programmed(flex, 15*units.Milligram))
	if r.Refused != "" || len(r.Days) != 7 {
		t.Fatalf("%+v", r)
	}
	b.must(Change{Program: &flex, Source: SourceOrder})
	at := b.delivered()
	for i, d := range r.Days {
		b.wait(units.Day)
		if got := b.delivered() - at; got != d.Volume || d.Volume != 240_000 || d.Most != d.Volume || d.Presses != 0 {
			t.Errorf("day %d: rehearsed %s, delivered %s", i+1, d.Volume, got)
		}
		if want := (RehearsedTotal{dose.Morphine, 2_400_000, 2_400_000}); d.Doses[0] != want {
			t.Errorf("day %d: %+v", i+1, d.Doses)
		}
		at = b.delivered()
	}
	rates := map[units.Rate]bool{}
	for _, p := range r.Curve {
		rates[p.Rate] = true
	}
	if !cmp.Equal(rates, map[units.Rate]bool{120_000: true, 300_000: true}) || r.Curve[len(r.Curve)-1].Volume != 7*240_000 || r.Curve[0].Phase != "infusing" {
		t.Errorf("rates %v", rates)
	}
	if want := (RehearsedMost{dose.Morphine, 125_000, 2_400_000}); r.Most[0] != want {
		t.Errorf("%+v", r.Most)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Errorf("as JSON: %v", err)
	}
	if r.LowAt != nil || r.EmptyAt != nil {
		t.Errorf("low at %v", r.LowAt)
	}
}

// TestRehearsalOfBoluses: with every press the day is what the worst case says,
// and the reservoir is low when it will be.
func TestRehearsalOfBoluses(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(4*units.Millilitre, steady(200_000))
	p := steady(200_000)
	p.PTM = &dose.PTM{Volume: 20_000, Duration: 600, Lockout: 2 * units.Hour, Max24h: 5}
	r := b.rehearse(order.ActProgram, 0, b.programmed(p, 15*units.Milligram))
	worst, err := p.WorstDay(b.s.Contents, &b.m.profile.Range)
	if err != nil || r.Refused != "" {
		t.Fatal(r.Refused, err)
	}
	for _, d := range r.Days {
		if d.Presses != 5 || d.Most != 300_000 || d.Volume != 200_000 {
			t.Errorf("%+v", d)
		}
	}
	if r.Most[0].Day != worst[0].Mass || worst[0].Mass != 3*units.Milligram {
		t.Errorf("most %s, worst case %s", r.Most[0].Day, worst[0].Mass)
	}
	if r.LowAt == nil || *r.LowAt < 6*units.Day || *r.LowAt > 7*units.Day || r.Volume != 1_900_000 {
		t.Errorf("low at %v, %s left", r.LowAt, r.Volume)
	}
}

// TestRehearsalOfAVisit: priming counts apart, and the bridge gives old fluid.
func TestRehearsalOfAVisit(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(18*units.Millilitre, steady(200_000))
	b.wait(10 * units.Day)
	weak, strong := contents(dose.Morphine, 10_000_000), contents(dose.Morphine, 20_000_000)
	plan, err := dose.PlanBridge(395_000, weak, dose.Morphine, 2*units.Milligram)
	if err != nil {
		t.Fatal(err)
	}
	visit := func(x *order.Prescription) {
		l := *limits(dose.Morphine, 4*units.Milligram, 15*units.Milligram)
		x.Visit = &order.Visit{
			Planned: order.Branch{Contents: strong, Limits: l, Program: steady(100_000), Bridge: &plan.Dose},
			Same:    order.Branch{Contents: weak, Limits: l, Program: steady(200_000), Prime: &dose.Dose{Volume: 395_000, Duration: 1_800}},
			Bounds:  order.Bounds{AspiratedMax: units.Millilitre * 20, FilledMin: 17 * units.Millilitre, FilledMax: 19 * units.Millilitre},
		}
	}
	r := b.rehearse(order.ActVisit, order.BranchPlanned, visit)
	if r.Refused != "" || r.BridgeEnds < 47*units.Hour || r.BridgeEnds > 48*units.Hour || r.Curve[0].Phase != "bridge" {
		t.Fatalf("%s, bridge ends after %s", r.Refused, r.BridgeEnds)
	}
	for i, d := range r.Days {
		if g := d.Doses[0].Given; g < 1_999_000 || g > 2_001_000 {
			t.Errorf("day %d gives %s, want 2 mg throughout", i+1, g)
		}
	}
	r = b.rehearse(order.ActVisit, order.BranchSame, visit)
	if r.Refused != "" || r.Prime != 395_000 || r.Days[0].Volume < 195_000 || r.Days[0].Volume > 200_000 || r.Days[1].Volume != 200_000 {
		t.Errorf("%s, primed %s, first day %s", r.Refused, r.Prime, r.Days[0].Volume)
	}
}

// TestRehearsalKeeps: the end of the stability of the contents is foreseen from the day
// they were filled in, whether the seven days reach it or not.
func TestRehearsalKeeps(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(18*units.Millilitre, steady(200_000))
	program := b.programmed(steady(200_000), 15*units.Milligram)
	library := order.Library{Drugs: []order.Drug{{Code: dose.Morphine, Stability: 90 * units.Day}, {Code: dose.Baclofen}}}
	keeps := func(a order.Act, branch order.BranchNo, days int64, change func(*order.Prescription)) *RehearsedKeep {
		t.Helper()
		doc, v := b.proposal(a, change)
		v.Library.Library = library
		filled := int64(0)
		if days >= 0 {
			filled = v.Now - days*int64(units.Day)
		}
		r, err := b.m.Rehearse(doc, branch, &v, 0, filled)
		if err != nil || r.Refused != "" {
			t.Fatal(r.Refused, err)
		}
		return r.Keeps
	}
	for days, want := range map[int64]units.Seconds{0: 90 * units.Day, 60: 30 * units.Day, 86: 4 * units.Day, 90: 0, 100: 0} {
		if k := keeps(order.ActProgram, 0, days, program); k == nil || k.Left == nil || *k.Left != want || k.Lasts != 90*units.Day || *k.Filled != b.now.Wall/1000-days*int64(units.Day) {
			t.Errorf("filled %d days ago: %+v, want %s", days, k, want)
		}
	}
	if k := keeps(order.ActProgram, 0, -1, program); k == nil || k.Filled != nil || k.Left != nil || k.Lasts != 90*units.Day {
		t.Errorf("filled nobody knows when: %+v", k)
	}
	// A visit fills now, each branch with its own contents.
	l := *limits(dose.Morphine, 4*units.Milligram, 15*units.Milligram)
	mixed := contents(dose.Morphine, 10_000_000)
	visit := func(x *order.Prescription) {
		same := order.Branch{Contents: mixed, Limits: l, Program: steady(200_000), Prime: &dose.Dose{Volume: 395_000, Duration: 1_800}}
		x.Visit = &order.Visit{Planned: same, Same: same, Bounds: order.Bounds{AspiratedMax: units.Millilitre * 20, FilledMin: 17 * units.Millilitre, FilledMax: 19 * units.Millilitre}}
	}
	if k := keeps(order.ActVisit, order.BranchPlanned, 80, visit); k == nil || k.Left == nil || *k.Left != 90*units.Day || *k.Filled != b.now.Wall/1000 {
		t.Errorf("a visit: %+v", k)
	}
	// Of what the library knows nothing, nothing is promised.
	library.Drugs[0].Stability = 0
	if k := keeps(order.ActProgram, 0, 10, program); k == nil || k.Filled == nil || k.Left != nil || k.Lasts != 0 {
		t.Errorf("of unknown stability: %+v", k)
	}
}

// TestRehearsalRefuses: what only a limit forbids is still shown, anything else is
// not.
func TestRehearsalRefuses(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(18*units.Millilitre, steady(200_000))
	r := b.rehearse(order.ActProgram, 0, b.programmed(steady(1_600_000), 15*units.Milligram))
	if r.Refused == "" || len(r.Days) != 7 || r.Days[0].Doses[0].Given != 16*units.Milligram {
		t.Errorf("%+v", r)
	}
	r = b.rehearse(order.ActProgram, 0, b.programmed(steady(20), 15*units.Milligram))
	if r.Refused == "" || len(r.Days) != 0 {
		t.Errorf("below the device's rate: %+v", r)
	}
	if r = b.rehearse(order.ActResume, 0, func(*order.Prescription) {}); r.Refused == "" {
		t.Error("a resume of what runs is not refused")
	}
	doc, v := b.proposal(order.ActProgram, b.programmed(steady(200_000), units.Milligram))
	if _, err := b.m.Rehearse(doc[:len(doc)-1], 0, &v, 0, 0); order.CodeOf(err) != order.ErrFormat {
		t.Errorf("cut off: %v", err)
	}
}

// BenchmarkRehearse is what a screen waits for.
func BenchmarkRehearse(b *testing.B) {
	k := newBench(b, "meander-p20")
	k.fill(18*units.Millilitre, steady(200_000))
	p := steady(200_000)
	p.PTM = &dose.PTM{Volume: 20_000, Duration: 600, Lockout: 2 * units.Hour, Max24h: 5}
	doc, v := k.proposal(order.ActProgram, k.programmed(p, 15*units.Milligram))
	for b.Loop() {
		if _, err := k.m.Rehearse(doc, 0, &v, 0, 0); err != nil {
			b.Fatal(err)
		}
	}
}
