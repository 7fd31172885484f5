package dosing

import (
	"slices"
	"testing"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/internal/errs"
)

const mgML = units.Conc(units.Milligram)

func mixture(g ...dose.Ingredient) dose.Contents {
	return dose.Contents{Route: dose.Intrathecal, Ingredients: g}
}

func perDay(v units.Volume) dose.Program {
	return dose.Program{Mode: dose.Continuous, Cycle: units.Day, Segments: []dose.Segment{{Duration: units.Day, Volume: v}}}
}

// running is a Meander P20 with 89 cm of catheter that runs something.
func running(t *testing.T, c dose.Contents, p dose.Program) *situation {
	t.Helper()
	sit := &situation{profile: profile.Sample("meander-p20"), pump: registry.Pump{Serial: "T1", Facts: registry.Facts{CatheterMM: 890}}}
	if sit.profile == nil {
		t.Fatal("no such profile")
	}
	sit.view.Range = sit.profile.Range
	sit.view.State = order.State{Run: wire.Infusing, Program: p, Contents: c}
	sit.view.Volume, sit.view.Fill = 4*units.Millilitre, 18*units.Millilitre
	return sit
}

// TestBridgeOracles are the worked checks of reference/domain.md 1.3, both ways.
func TestBridgeOracles(t *testing.T) {
	ten, twenty := mixture(dose.Ingredient{Code: dose.Morphine, Conc: 10 * mgML}), mixture(dose.Ingredient{Code: dose.Morphine, Conc: 20 * mgML})
	for _, c := range []struct {
		name          string
		old, now      dose.Contents
		was, program  units.Volume
		takes, dayNL  int64
		amount, given units.Mass // in the path; a day without a bridge
		without       int64      // seconds
	}{
		{"10 to 20 mg/mL", ten, twenty, 200_000, 100_000, 170_554, 199_999, 3_948_000, 1 * units.Milligram, 341_107},
		{"20 to 10 mg/mL", twenty, ten, 100_000, 200_000, 341_108, 99_999, 7_896_000, 4 * units.Milligram, 170_554},
	} {
		sit := running(t, c.old, perDay(c.was))
		p, err := sit.plan(Refill{Group: order.GroupCancer, Contents: c.now, Program: perDay(c.program), Filled: 18 * units.Millilitre})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		b := p.Bridge
		if b == nil || b.Dose.Volume != 394_800 || int64(b.Dose.Duration) != c.takes || int64(b.Rate) != c.dayNL || b.Lines[0].Amount != c.amount || b.Lines[0].PerDay > 2*units.Milligram {
			t.Errorf("%s: bridge %+v", c.name, b)
		}
		if len(p.Unbridged) != 1 || p.Unbridged[0].PerDay != c.given || int64(p.Unbridged[0].For) != c.without {
			t.Errorf("%s: unbridged %+v", c.name, p.Unbridged)
		}
		// The same dose of the new fluid, over a bridge of its own.
		if s := p.Visit.Same; !s.Contents.Equal(c.now) || s.Program.PerCycle() != c.program || s.Bridge == nil || s.Bridge.Duration != b.Dose.Duration || p.SameIsOld {
			t.Errorf("%s: same dose %+v", c.name, s)
		}
		if bounds := p.Visit.Bounds; bounds.AspiratedMin != 1_970_000 || bounds.AspiratedMax != 6_030_000 || bounds.FilledMin != 17_500_000 || bounds.FilledMax != 18_500_000 {
			t.Errorf("%s: bounds %+v", c.name, bounds)
		}
	}
}

// TestBridgeOfMixtures: nobody gets more of any ingredient while the old fluid
// leaves than before or after; the one that takes longest decides.
func TestBridgeOfMixtures(t *testing.T) {
	old := mixture(dose.Ingredient{Code: dose.Morphine, Conc: 10 * mgML}, dose.Ingredient{Code: dose.Bupivacaine, Conc: 8 * mgML}, dose.Ingredient{Code: dose.Clonidine, Conc: 200 * units.Conc(units.Microgram)})
	sit := running(t, old, perDay(200_000)) // 2 mg, 1.6 mg, 40 mcg a day
	now := mixture(dose.Ingredient{Code: dose.Morphine, Conc: 20 * mgML}, dose.Ingredient{Code: dose.Bupivacaine, Conc: 10 * mgML}, dose.Ingredient{Code: dose.Clonidine, Conc: 100 * units.Conc(units.Microgram)})
	p, err := sit.plan(Refill{Group: order.GroupCancer, Contents: now, Program: perDay(100_000), Filled: 18 * units.Millilitre}) // 2 mg, 1 mg, 10 mcg
	if err != nil {
		t.Fatal(err)
	}
	b := p.Bridge
	if b.Of != dose.Clonidine || b.Target != 10*units.Microgram {
		t.Errorf("%s at %s decides, want clonidine at 10 mcg", b.Of, b.Target)
	}
	for _, l := range b.Lines {
		if l.PerDay > l.Target || l.Target > l.Before || l.Target > l.After || l.Alone > b.Dose.Duration {
			t.Errorf("%+v passes its target", l)
		}
	}
	if !p.SameIsOld || !p.Visit.Same.Contents.Equal(old) || p.Visit.Same.Bridge != nil || p.Visit.Same.Program.Hash() != sit.view.State.Program.Hash() {
		t.Errorf("in other proportions the same dose is the old fluid again: %+v", p.Visit.Same)
	}
}

// TestPlanRefusals: each names what is missing.
func TestPlanRefusals(t *testing.T) {
	ten, twenty := mixture(dose.Ingredient{Code: dose.Morphine, Conc: 10 * mgML}), mixture(dose.Ingredient{Code: dose.Morphine, Conc: 20 * mgML})
	good := Refill{Group: order.GroupCancer, Contents: twenty, Program: perDay(100_000), Filled: 18 * units.Millilitre}
	for _, c := range []struct {
		name   string
		change func(*situation, *Refill)
		kind   errs.Kind
	}{
		{"no catheter on record", func(s *situation, _ *Refill) { s.pump.CatheterMM = 0 }, errs.Invalid},
		{"more than it holds", func(_ *situation, r *Refill) { r.Filled = 21 * units.Millilitre }, errs.Invalid},
		{"nothing filled", func(_ *situation, r *Refill) { r.Filled = 0 }, errs.Invalid},
		{"a residual beyond the reservoir", func(_ *situation, r *Refill) { r.Residual = new(21 * units.Millilitre) }, errs.Invalid},
		{"an unknown priming", func(_ *situation, r *Refill) { r.Prime = "all" }, errs.Invalid},
		{"a bridge of a pump that does not say what it clears", func(s *situation, _ *Refill) { s.report.Bridge = true }, errs.Conflict},
		{"a target of what is not there", func(_ *situation, r *Refill) { r.Of, r.Target = dose.Baclofen, units.Milligram }, errs.Invalid},
		{"no program", func(_ *situation, r *Refill) { r.Program = dose.Program{} }, errs.Invalid},
	} {
		sit, r := running(t, ten, perDay(200_000)), good
		c.change(sit, &r)
		if _, err := sit.plan(r); errs.KindOf(err) != c.kind {
			t.Errorf("%s: %v (%s), want %s", c.name, err, errs.KindOf(err), c.kind)
		}
	}
	sit := running(t, ten, perDay(200_000))
	if _, err := sit.plan(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// TestRefillWhileTheOldFluidLeaves: a refill takes on what stands in the path already:
// all of it, at the pace that runs, and behind it what is in the reservoir.
func TestRefillWhileTheOldFluidLeaves(t *testing.T) {
	ten, twenty, forty := morphineAt(10*mgML), morphineAt(20*mgML), morphineAt(40*mgML)
	standing := func() *situation {
		sit := running(t, ten, perDay(200_000)) // 2 mg a day
		sit.view.Path = []order.Fluid{{Contents: twenty, Left: 197_400}}
		sit.view.Bridge = &dose.Dose{Volume: 394_800, Duration: 341_108} // 2 mg a day of it
		return sit
	}
	for _, tt := range []struct {
		name         string
		r            Refill
		planned      units.Volume // of the bridge as planned; 0: none
		same         units.Volume
		takes        units.Seconds
		lines        int
		unbridged    []units.Mass // a day
		sameContents dose.Contents
	}{
		{"the same again", Refill{Contents: ten, Program: perDay(200_000)}, 197_400, 197_400, 170_556, 1, []units.Mass{4 * units.Milligram}, ten},
		{"the same, primed", Refill{Contents: ten, Program: perDay(200_000), Prime: PrimeCatheter}, 1_600, 197_400, 1_383, 1, []units.Mass{4 * units.Milligram}, ten},
		{"stronger", Refill{Contents: forty, Program: perDay(50_000)}, 394_800, 394_800, 341_111, 2, []units.Mass{1 * units.Milligram, 500_000}, forty},
		{"stronger, with less a day", Refill{Contents: forty, Program: perDay(25_000)}, 394_800, 394_800, 682_215, 2, []units.Mass{500_000, 250_000}, forty},
		{"stronger, all of it primed", Refill{Contents: forty, Program: perDay(50_000), Prime: PrimePath}, 0, 394_800, 0, 0, []units.Mass{1 * units.Milligram, 500_000}, forty},
	} {
		sit := standing()
		tt.r.Group, tt.r.Filled = order.GroupCancer, 18*units.Millilitre
		p, err := sit.plan(tt.r)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		var volume units.Volume
		if p.Bridge != nil {
			volume = p.Bridge.Dose.Volume
			if len(p.Bridge.Lines) != tt.lines || p.Bridge.Dose.Duration != tt.takes {
				t.Errorf("%s: %+v", tt.name, p.Bridge)
			}
			for _, l := range p.Bridge.Lines {
				if l.PerDay > l.Target || l.Target > 2*units.Milligram {
					t.Errorf("%s: %+v passes its target", tt.name, l)
				}
			}
		}
		if volume != tt.planned || p.Same == nil || p.Same.Dose.Volume != tt.same || p.Visit.Same.Bridge == nil || !p.Visit.Same.Contents.Equal(tt.sameContents) {
			t.Errorf("%s: planned %s, same dose %+v of %+v", tt.name, volume, p.Same, p.Visit.Same.Contents)
		}
		var got []units.Mass
		for _, u := range p.Unbridged {
			got = append(got, u.PerDay)
		}
		if !slices.Equal(got, tt.unbridged) {
			t.Errorf("%s: unbridged %v, want %v", tt.name, got, tt.unbridged)
		}
		if found := sit.priming(&order.Prescription{Act: order.ActVisit, Visit: &p.Visit}); len(found) > 0 {
			t.Errorf("%s: %+v", tt.name, found)
		}
	}

	// In other proportions the same dose is the old fluid again, and what stands before
	// it leaves as it does.
	sit := standing()
	mixed := mixture(dose.Ingredient{Code: dose.Morphine, Conc: 20 * mgML}, dose.Ingredient{Code: dose.Bupivacaine, Conc: 5 * mgML})
	p, err := sit.plan(Refill{Group: order.GroupCancer, Contents: mixed, Program: perDay(100_000), Filled: 18 * units.Millilitre})
	if err != nil || !p.SameIsOld || p.Same == nil || p.Same.Dose.Volume != 197_400 || p.Same.Dose.Duration != 170_556 || !p.Visit.Same.Contents.Equal(ten) {
		t.Errorf("%+v %v", p.Same, err)
	}
}
