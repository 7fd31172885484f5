package pump

import (
	"testing"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// bridged is a pump a day into a bridge of four from one strength to another: it
// gives 100 µL a day, and 300 of 400 are left.
func bridged(t *testing.T, code dose.Code) *bench {
	t.Helper()
	b := newBench(t, "meander-p20")
	p := steady(100_000)
	l := limits(code, 4*units.Milligram, 15*units.Milligram)
	b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(code, 1_000_000)}, Limits: l, Program: &p})
	b.wait(units.Day)
	half := steady(50_000)
	b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(code, 2_000_000)}, Limits: l, Program: &half, Bridge: &dose.Dose{Volume: 400_000, Duration: 4 * units.Day}})
	b.wait(units.Day)
	b.left(300_000)
	b.records()
	return b
}

// left checks what the pump says of its path: so much of the old fluid, or none.
func (b *bench) left(want units.Volume) {
	b.t.Helper()
	v := b.m.View(&b.s)
	if got := v.Left(); got != want || want > 0 && (len(v.Path) != 1 || v.Path[0].Contents.Main().Conc != 1_000_000) {
		b.t.Errorf("%s left of %+v, want %s", got, v.Path, want)
	}
}

// TestPathCountsWhatFlowed: whatever keeps a pump from delivering keeps the old fluid
// where it is, and whatever delivers moves it, at any pace.
func TestPathCountsWhatFlowed(t *testing.T) {
	for _, tt := range []struct {
		name string
		code dose.Code
		do   func(*bench)
		left units.Volume
		ends units.Seconds // when the bridge does, from then on
	}{
		{"a stall", dose.Morphine, func(b *bench) {
			b.do(Fault{Kind: Stall})
			b.wait(5 * units.Hour)
			b.do(Fault{Kind: Stall, Ends: true})
		}, 300_000, 3 * units.Day},
		{"a stop and a resume", dose.Morphine, func(b *bench) { b.must(Stop{}); b.wait(30 * units.Hour); b.must(Resume{}) }, 300_000, 3 * units.Day},
		{"an overdose", dose.Baclofen, func(b *bench) { b.must(Stop{Overdose: true}); b.wait(units.Day); b.must(Resume{}) }, 300_000, 3 * units.Day},
		{"the minimum rate of a stop", dose.Baclofen, func(b *bench) { b.must(Stop{}); b.wait(units.Day); b.must(Resume{}) }, 294_000, 2*units.Day + 81_216},
		{"the minimum rate of a fault", dose.Morphine, func(b *bench) {
			b.must(Stop{})
			b.wait(2 * units.Day)
			b.must(Resume{})
			b.wait(units.Day)
			b.must(Clear{profile.Stopped48H})
		}, 294_000, 2*units.Day + 81_216},
		{"a reboot", dose.Morphine, func(b *bench) { b.now.Wall += 3_600_000; b.must(Reboot{Cause: Watchdog}) }, 300_000, 3 * units.Day},
		{"a priming", dose.Morphine, func(b *bench) { b.must(Change{Prime: &dose.Dose{Volume: 120_000, Duration: 1_800}}); b.wait(1_800) }, 180_000, 180_000 * 86_400 / 100_000},
		{"a priming that was cut", dose.Morphine, func(b *bench) {
			b.must(Change{Prime: &dose.Dose{Volume: 120_000, Duration: 1_800}})
			b.wait(600)
			b.must(Stop{})
			b.must(Clear{profile.PrimeFail})
			b.must(Resume{})
		}, 260_000, 260_000 * 86_400 / 100_000},
		{"a bridge at another pace", dose.Morphine, func(b *bench) {
			p := steady(50_000)
			b.must(Change{Program: &p, Bridge: &dose.Dose{Volume: 320_000, Duration: 6 * units.Day}})
			b.wait(units.Day)
		}, 246_667, 4*units.Day + 53_999},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := bridged(t, tt.code)
			tt.do(b)
			b.left(tt.left)
			if got := b.m.Sample(&b.s).Run; got != wire.Bridge {
				t.Fatalf("%s, want the bridge", got)
			}
			b.refused(PTMRequest{}, NoPTM)
			at, ceiling := b.delivered(), b.s.Ledger.Ceiling.Day
			b.wait(tt.ends - 2)
			if b.m.Sample(&b.s).Run != wire.Bridge || b.s.Ledger.Ceiling.Day != ceiling {
				t.Errorf("the bridge ended early, at %s", b.delivered()-at)
			}
			b.wait(3)
			b.left(0)
			if got := b.m.Sample(&b.s).Run; got != wire.Infusing || b.s.Ledger.Ceiling.Day != ceiling/2 {
				t.Errorf("%s with a ceiling of %s, want the program with half of %s", got, b.s.Ledger.Ceiling.Day, ceiling)
			}
			at = b.delivered()
			b.wait(units.Day)
			if got := b.delivered() - at; got < 49_999 || got > 50_001 {
				t.Errorf("then %s a day", got)
			}
		})
	}
}

// TestPathWithoutBridge: a priming that was to clear the path and was cut leaves old
// fluid in it. The program does not run on it unbound: the old ceilings hold, a bolus
// is not given, and the next program needs a bridge.
func TestPathWithoutBridge(t *testing.T) {
	b := newBench(t, "meander-p20")
	p := steady(100_000)
	l := limits(dose.Morphine, 4*units.Milligram, 15*units.Milligram)
	b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(dose.Morphine, 1_000_000)}, Limits: l, Program: &p})
	b.wait(units.Day)
	ceiling := b.s.Ledger.Ceiling
	half := steady(50_000)
	b.must(Change{Refill: &Refill{18 * units.Millilitre, contents(dose.Morphine, 2_000_000)}, Limits: l, Program: &half, Prime: &dose.Dose{Volume: 400_000, Duration: 2_000}})
	b.left(400_000)
	b.wait(500)
	b.do(Fault{Kind: Stall})
	b.do(Fault{Kind: Stall, Ends: true})
	b.must(Clear{profile.PrimeFail})
	b.left(300_000)
	if b.s.Ledger.Ceiling != ceiling {
		t.Errorf("ceilings %+v while the old fluid is at the tip", b.s.Ledger.Ceiling)
	}
	b.refused(GiveBolus{dose.Dose{Volume: 5_000, Duration: 600}}, Busy)
	b.refused(Change{Program: &half}, NeedsBridge)
	b.refused(Change{Program: &half, Bridge: &dose.Dose{Volume: 299_999, Duration: units.Day}}, NeedsBridge)
	b.must(Change{Prime: &dose.Dose{Volume: 300_000, Duration: 2_000}})
	b.wait(2_000)
	b.left(0)
	if b.s.Ledger.Ceiling.Day != ceiling.Day/2 || b.m.Sample(&b.s).Run != wire.Infusing {
		t.Errorf("ceilings %+v, %s", b.s.Ledger.Ceiling, b.m.Sample(&b.s).Run)
	}
	b.must(GiveBolus{dose.Dose{Volume: 5_000, Duration: 600}})
}

// TestPathRecords: what a bridge says that it gave is what it gave.
func TestPathRecords(t *testing.T) {
	b := bridged(t, dose.Baclofen)
	given := func(code, want string) {
		t.Helper()
		for _, o := range b.out {
			if e := o.Record.Event; e != nil && e.Code == code {
				if e.Detail["given_nl"] != want {
					t.Errorf("%s: %v, want %s", code, e.Detail, want)
				}
				b.out = nil
				return
			}
		}
		t.Errorf("no %s", code)
	}
	b.must(Stop{})
	b.wait(units.Day) // 6,000 at the minimum rate
	b.must(Resume{})
	b.must(Change{Prime: &dose.Dose{Volume: 100_000, Duration: 1_800}})
	given(EventBridgeCut, "106000")
	b.wait(1_800)
	b.wait(2 * units.Day)
	given(EventBridgeEnded, "194000")
}

// TestRehearsalDuringABridge: what is left of a bridge is in the rehearsal, by what
// each fluid gives.
func TestRehearsalDuringABridge(t *testing.T) {
	b := bridged(t, dose.Morphine)
	doc, v := b.proposal(order.ActSettings, func(p *order.Prescription) {
		p.Library, p.Group, p.Settings = nil, 0, &order.Settings{Low: 2 * units.Millilitre}
	})
	r, err := b.m.Rehearse(doc, 0, &v, 0, 0)
	if err != nil || r.Refused != "" || r.BridgeEnds != 3*units.Day || r.Curve[0].Phase != "bridge" {
		t.Fatalf("%v %s, the bridge ends after %s", err, r.Refused, r.BridgeEnds)
	}
	for i, d := range r.Days {
		if want := []units.Volume{100_000, 100_000, 100_000, 50_000, 50_000, 50_000, 50_000}[i]; d.Volume != want || d.Doses[0].Given != 100*units.Microgram {
			t.Errorf("day %d: %s, %s", i+1, d.Volume, d.Doses[0].Given)
		}
	}
	at := b.delivered()
	for i, d := range r.Days {
		b.wait(units.Day)
		if got := b.delivered() - at; got != d.Volume {
			t.Errorf("day %d: rehearsed %s, delivered %s", i+1, d.Volume, got)
		}
		at = b.delivered()
	}
}
