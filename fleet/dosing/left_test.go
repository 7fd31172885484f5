package dosing

import (
	"testing"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/internal/errs"
)

func morphineAt(c units.Conc) dose.Contents {
	return mixture(dose.Ingredient{Code: dose.Morphine, Conc: c})
}

// TestRebridge: the bridge for what is left goes by what the pump says that it has
// delivered, and by what the old fluid is.
func TestRebridge(t *testing.T) {
	// 20 → 10 mg/mL at 2 mg a day; half of the 0.3948 mL is left.
	sit := running(t, morphineAt(10*mgML), perDay(200_000))
	sit.view.Path = []order.Fluid{{Contents: morphineAt(20 * mgML), Left: 197_400}}
	sit.view.Bridge = &dose.Dose{Volume: 394_800, Duration: 341_108}
	for _, tt := range []struct {
		name    string
		program units.Volume
		most    units.Mass // a day of the old fluid
		takes   units.Seconds
	}{
		{"more", 220_000, 2 * units.Milligram, 170_556}, // at the pace that runs
		{"the same", 200_000, 2 * units.Milligram, 170_556},
		{"less", 150_000, 1_500_000, 227_405},
	} {
		p := perDay(tt.program)
		b, err := sit.rebridge(&p)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Lines[0].PerDay; b.Dose.Volume != 197_400 || got > tt.most || got < tt.most-100 || b.Dose.Duration != tt.takes {
			t.Errorf("%s: %+v", tt.name, b)
		}
	}

	// Two old fluids leave one after the other: the one that would pass its dose decides.
	sit.view.Path = append(sit.view.Path, order.Fluid{Contents: mixture(dose.Ingredient{Code: dose.Morphine, Conc: 40 * mgML}), Left: 300_000})
	p := perDay(150_000)
	b, err := sit.rebridge(&p)
	if err != nil || b.Dose.Volume != 300_000 || len(b.Lines) != 2 {
		t.Fatalf("%+v %v", b, err)
	}
	for _, l := range b.Lines {
		if l.PerDay > l.Target || l.Target != 1_500_000 {
			t.Errorf("%+v passes its target", l)
		}
	}

	sit.view.Path, sit.view.Bridge, sit.report.Bridge = nil, nil, true
	if _, err := sit.rebridge(&p); errs.KindOf(err) != errs.Conflict || !sit.stands() {
		t.Errorf("a pump that does not say what its bridge clears: %v", err)
	}
}

// TestStagesAreThePath: with other contents, priming and bridge push out what the
// path holds, neither less nor more.
func TestStagesAreThePath(t *testing.T) {
	ten, twenty := morphineAt(10*mgML), morphineAt(20*mgML)
	sit := running(t, ten, perDay(200_000)) // 394,800 nL
	dosed := func(v units.Volume) *dose.Dose {
		if v == 0 {
			return nil
		}
		return &dose.Dose{Volume: v, Duration: units.Day}
	}
	for _, tt := range []struct {
		name          string
		contents      dose.Contents
		prime, bridge units.Volume
		ok            bool
	}{
		{"a bridge", twenty, 0, 394_800, true},
		{"a priming", twenty, 394_800, 0, true},
		{"both", twenty, 195_800, 199_000, true},
		{"too short a bridge", twenty, 0, 394_799, false},
		{"too long a bridge", twenty, 0, 394_801, false},
		{"a priming of the catheter alone", twenty, 195_800, 0, false},
		{"both in full", twenty, 394_800, 394_800, false},
		{"neither, which the pump refuses", twenty, 0, 0, true},
		{"the same contents", ten, 195_800, 0, true},
	} {
		b := order.Branch{Contents: tt.contents, Prime: dosed(tt.prime), Bridge: dosed(tt.bridge)}
		p := order.Prescription{Act: order.ActVisit, Visit: &order.Visit{Planned: order.Branch{Contents: ten}, Same: b}}
		found := sit.priming(&p)
		if tt.ok != (len(found) == 0) || !tt.ok && found[0].Code != order.ErrBridge {
			t.Errorf("%s: %+v", tt.name, found)
		}
	}

	// What a plan computes is so, however it primes.
	for _, prime := range []PrimeOf{PrimeNothing, PrimeCatheter, PrimePath} {
		plan, err := sit.plan(Refill{Group: order.GroupCancer, Contents: twenty, Program: perDay(100_000), Filled: 18 * units.Millilitre, Prime: prime})
		if err != nil {
			t.Fatal(err)
		}
		if found := sit.priming(&order.Prescription{Act: order.ActVisit, Visit: &plan.Visit}); len(found) > 0 || (plan.Bridge == nil) != (prime == PrimePath) {
			t.Errorf("primed %q: bridge %+v, %+v", prime, plan.Bridge, found)
		}
	}
}
