package pump

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// happening is one thing that happens to a pump: some milliseconds later, an input,
// by clocks that may have been meddled with.
type happening struct {
	after int64 // ms since the one before
	in    Input
	jump  int64 // ms that the real-time clock jumps first
	gap   int64 // ms without power, for a reboot
}

var strengths = []units.Conc{5_000_000, 10_000_000, 20_000_000}

// drawProgram draws a program that the peristaltic sample can run with morphine
// of the given strength, near its ceilings as often as far from them.
func drawProgram(t *rapid.T, conc units.Conc, p *profile.Profile) dose.Program {
	mode := rapid.SampledFrom([]dose.Mode{dose.Continuous, dose.Continuous, dose.FlexDay, dose.FlexWeek, dose.Periodic, dose.Single, dose.Minimum}).Draw(t, "mode")
	day := units.Volume(15_000_000 * 1_000_000 / int64(conc)) // the ceiling of 15 mg
	volume := func(d units.Seconds) units.Volume {
		share := units.Volume(rapid.SampledFrom([]int64{1000, 1000, 800, 400, 100}).Draw(t, "share"))
		v := day * share / 1000 * units.Volume(d) / units.Volume(units.Day)
		return max(v, units.Volume(p.Range.Min)*units.Volume(d)/units.Volume(units.Day)+1)
	}
	out := dose.Program{Mode: mode}
	switch mode {
	case dose.Continuous:
		out.Cycle = units.Day
		out.Segments = []dose.Segment{{Duration: units.Day, Volume: volume(units.Day)}}
	case dose.FlexDay, dose.FlexWeek:
		out.Cycle = units.Day
		n := rapid.IntRange(1, 8).Draw(t, "steps")
		if mode == dose.FlexWeek {
			out.Cycle = units.Week
		}
		at := units.Seconds(0)
		for i := range n {
			d := (out.Cycle - at) / units.Seconds(n-i)
			if i < n-1 {
				d = max(60, d*units.Seconds(rapid.IntRange(5, 15).Draw(t, "stretch"))/10)
			}
			d = min(d, out.Cycle-at-60*units.Seconds(n-i-1))
			out.Segments = append(out.Segments, dose.Segment{Offset: at, Duration: d, Volume: volume(d)})
			at += d
		}
	case dose.Periodic:
		out.Cycle = units.Seconds(rapid.Int64Range(3_600, 90_000).Draw(t, "interval"))
		d := units.Seconds(rapid.Int64Range(300, 3_000).Draw(t, "duration"))
		rest, _ := p.Range.Idle.In(out.Cycle-d, units.Nearest)
		out.Segments = []dose.Segment{{Duration: d, Volume: max(volume(units.Hour)/2, p.Range.Resolution)}, {Offset: d, Duration: out.Cycle - d, Volume: rest}}
	case dose.Single:
		out.Cycle = units.Seconds(rapid.Int64Range(600, 9_000).Draw(t, "duration"))
		out.Then = rapid.SampledFrom([]dose.Mode{dose.Stopped, dose.Minimum}).Draw(t, "then")
		out.Segments = []dose.Segment{{Duration: out.Cycle, Volume: max(volume(out.Cycle), p.Range.Resolution)}}
	default:
	}
	if mode != dose.Single && rapid.Bool().Draw(t, "ptm") {
		out.PTM = &dose.PTM{
			Volume:   day * units.Volume(rapid.Int64Range(5, 60).Draw(t, "each")) / 1000,
			Duration: units.Seconds(rapid.Int64Range(60, 1_200).Draw(t, "over")),
			Max24h:   uint16(rapid.IntRange(1, 12).Draw(t, "count")),
		}
		out.PTM.Lockout = max(600, out.PTM.Duration) + units.Seconds(rapid.Int64Range(0, 14_400).Draw(t, "lockout"))
	}
	return out
}

// opioids limits each of two drugs alike.
func opioids() *dose.Limits {
	l := limits(dose.Morphine, 4*units.Milligram, 15*units.Milligram)
	l.Ingredients = append(l.Ingredients, limits(dose.Hydromorphone, 4*units.Milligram, 15*units.Milligram).Ingredients...)
	return l
}

// drawFluid draws one of them at a strength, or both, the other at that or a lesser.
func drawFluid(t *rapid.T, conc units.Conc) dose.Contents {
	code := rapid.SampledFrom([]dose.Code{dose.Morphine, dose.Morphine, dose.Hydromorphone}).Draw(t, "drug")
	out := contents(code, conc)
	if rapid.IntRange(0, 3).Draw(t, "mixed") > 0 {
		return out
	}
	other := contents(dose.Morphine+dose.Hydromorphone-code, conc/rapid.SampledFrom([]units.Conc{1, 2, 10}).Draw(t, "lesser"))
	out.Ingredients = append(out.Ingredients, other.Ingredients...)
	slices.SortFunc(out.Ingredients, func(a, b dose.Ingredient) int { return int(a.Code) - int(b.Code) })
	return out
}

// drawInput draws anything that can happen.
func drawInput(t *rapid.T, m *Machine, s *State, faulty bool) happening {
	h := happening{after: rapid.SampledFrom([]int64{0, 1, 999, 60_000, 613_337, 3_600_000, 7_777_777, 40_000_000, 200_000_000}).Draw(t, "after")}
	kinds := []string{"tick", "tick", "ptm", "ptm", "ptm", "ptm", "ptm", "ptm", "bolus", "program", "program", "refill", "visit", "prime", "stop", "resume", "resume", "reboot", "set", "jump", "clear"}
	if faulty {
		kinds = append(kinds, "fault", "fault", "fault", "mend", "mend")
	}
	conc := s.Contents.Main().Conc
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "ptm":
		h.in = PTMRequest{}
	case "bolus":
		h.in = GiveBolus{dose.Dose{Volume: units.Volume(rapid.Int64Range(1_000, 300_000).Draw(t, "volume")), Duration: units.Seconds(rapid.Int64Range(60, 7_200).Draw(t, "over"))}}
	case "program":
		p := drawProgram(t, conc, m.profile)
		c := Change{Program: &p}
		if rapid.IntRange(0, 3).Draw(t, "bridge") == 0 || len(s.Path) > 0 && rapid.Bool().Draw(t, "anew") {
			c.Bridge = &dose.Dose{Volume: 394_800, Duration: units.Seconds(rapid.Int64Range(50_000, 300_000).Draw(t, "over"))}
		}
		h.in = c
	case "refill":
		h.in = Change{Refill: &Refill{Volume: units.Volume(rapid.Int64Range(1, 20).Draw(t, "mL")) * units.Millilitre}}
	case "visit":
		now := rapid.SampledFrom(strengths).Draw(t, "conc")
		p := drawProgram(t, now, m.profile)
		c := Change{Refill: &Refill{Volume: 18 * units.Millilitre, Contents: drawFluid(t, now)}, Program: &p, Limits: opioids()}
		if rapid.Bool().Draw(t, "prime") {
			c.Prime = &dose.Dose{Volume: 394_800, Duration: 1_800}
		} else {
			c.Bridge = &dose.Dose{Volume: 394_800, Duration: units.Seconds(rapid.Int64Range(50_000, 300_000).Draw(t, "over"))}
		}
		h.in = c
	case "prime":
		h.in = Change{Prime: &dose.Dose{Volume: units.Volume(rapid.Int64Range(1_000, 394_800).Draw(t, "volume")), Duration: 1_800}}
	case "stop":
		h.in = Stop{Overdose: rapid.Bool().Draw(t, "overdose")}
	case "resume":
		h.in = Resume{}
	case "reboot":
		h.in = Reboot{Cause: rapid.SampledFrom([]Cause{Power, Watchdog, Update}).Draw(t, "cause")}
		h.gap = rapid.SampledFrom([]int64{0, 5_000, 3_600_000, 40 * dayMS}).Draw(t, "gap")
	case "set":
		h.in = SetClock{Wall: monday + rapid.Int64Range(-50*dayMS, 50*dayMS).Draw(t, "to"), Zone: int32(rapid.IntRange(-12, 12).Draw(t, "zone")) * 3_600}
	case "jump":
		h.in, h.jump = Tick{}, rapid.SampledFrom([]int64{-10 * 365 * dayMS, -40_000, -3, 7_000, 40_000, dayMS, 10 * 365 * dayMS}).Draw(t, "jump")
	case "clear":
		h.in = Clear{profile.CodeOf(rapid.IntRange(0, profile.Codes()-1).Draw(t, "code"))}
	case "fault", "mend":
		h.in = drawFault(t)
	default:
		h.in = Tick{}
	}
	return h
}

func drawFault(t *rapid.T) Fault {
	f := Fault{
		Kind: rapid.SampledFrom([]FaultKind{FlowFault, Kink, OcclusionOut, OcclusionIn, Stall, Stall, MemCritical, MemMinor, TelemStuck, Overheat, BatteryDrop}).Draw(t, "fault"),
		Ends: rapid.Bool().Draw(t, "ends"),
	}
	switch f.Kind {
	case FlowFault:
		f.Value = rapid.SampledFrom([]uint32{0, 500, 900, 1_100, 1_500}).Draw(t, "permille")
	case Kink:
		f.Value = rapid.SampledFrom([]uint32{0, 300, 950}).Draw(t, "permille")
	case Overheat:
		f.Value = rapid.SampledFrom([]uint32{1_000, 6_000}).Draw(t, "warm")
	case BatteryDrop:
		f.Value = rapid.SampledFrom([]uint32{500, 100, 50}).Draw(t, "permille")
	default:
	}
	return f
}

// play lets a happening happen; between the one before and it, the caller may
// look in as often as it likes.
func (b *bench) play(h happening, looks []int64) {
	for _, look := range looks {
		if look > 0 && look < h.after {
			b.waitMS(look)
			h.after -= look
		}
	}
	if _, reboot := h.in.(Reboot); reboot {
		// Time that passed before a reboot is time that passed.
		b.waitMS(h.after)
		h.after = 0
		b.now.Wall += h.gap
	}
	b.now.Mono += h.after
	b.now.Wall += h.after + h.jump
	_ = b.do(h.in) // refused or not
	if set, ok := h.in.(SetClock); ok {
		b.now.Wall = set.Wall
	}
}

// started draws a filled, programmed pump.
func started(t *rapid.T, tb testing.TB) *bench {
	id := rapid.SampledFrom([]string{"meander-p20", "meander-p20", "tarn-v20"}).Draw(t, "profile")
	b := newBench(tb, id)
	b.s.Scale = rapid.SampledFrom([]uint32{1, 1, 1, 7}).Draw(t, "scale")
	conc := rapid.SampledFrom(strengths).Draw(t, "conc")
	p := drawProgram(t, conc, b.m.profile)
	c := Change{Refill: &Refill{Volume: 18 * units.Millilitre, Contents: contents(dose.Morphine, conc)}, Limits: limits(dose.Morphine, 4*units.Milligram, 15*units.Milligram), Program: &p}
	if b.do(c) != nil {
		p = steady(units.Volume(10_000_000_000_000 / int64(conc)))
		c.Program = &p
		b.must(c)
	}
	return b
}

// TestLookingChangesNothing: the same happenings, looked at often or rarely,
// lead to the same state and the same records.
func TestLookingChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := started(rt, t)
		b := *a
		for range rapid.IntRange(1, 30).Draw(rt, "happenings") {
			h := drawInput(rt, a.m, &a.s, true)
			looks := rapid.SliceOfN(rapid.SampledFrom([]int64{1, 7, 1_000, 59_999, 600_000, 3_600_001, 30_000_000}), 0, 12).Draw(rt, "looks")
			a.play(h, nil)
			b.play(h, looks)
			if diff := cmp.Diff(a.s, b.s, stateEqual); diff != "" {
				rt.Fatalf("after %T looking changed the state (-rarely +often):\n%s", h.in, diff)
			}
		}
		var rarely, often []wire.Record
		for _, o := range a.out {
			rarely = append(rarely, o.Record)
		}
		for _, o := range b.out {
			often = append(often, o.Record)
		}
		if diff := cmp.Diff(rarely, often); diff != "" {
			rt.Fatalf("looking changed the records (-rarely +often):\n%s", diff)
		}
	})
}

// TestEncodeIsIdentity: at every moment the state survives its journal, and goes
// on from there as if nothing had been.
func TestEncodeIsIdentity(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := started(rt, t)
		for range rapid.IntRange(1, 30).Draw(rt, "happenings") {
			b.play(drawInput(rt, b.m, &b.s, true), nil)
			enc := b.s.Encode()
			back, err := Decode(enc)
			if err != nil {
				rt.Fatalf("%v\n%+v", err, b.s)
			}
			if diff := cmp.Diff(b.s, back, stateEqual); diff != "" {
				rt.Fatalf("comes back changed:\n%s", diff)
			}
			if !bytes.Equal(back.Encode(), enc) || back.StateHash() != b.s.StateHash() {
				rt.Fatal("comes back with other bytes")
			}
			b.s = back
		}
	})
}

// TestInvariants: whatever happens, the reservoir never goes below nothing, the
// account of what was delivered only grows, nothing flows that a halt forbids, a
// pump whose therapy stands says so by a high alarm and patient boluses keep
// lockout and count in running time.
func TestInvariants(t *testing.T) {
	boluses, stands := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		b := started(rt, t)
		var starts []Millis
		for range rapid.IntRange(1, 40).Draw(rt, "happenings") {
			before := b.s
			h := drawInput(rt, b.m, &b.s, true)
			b.play(h, nil)
			s := &b.s
			if s.left() < 0 || s.Reservoir() < 0 || s.TrueReservoir() < 0 {
				rt.Fatalf("reservoir at %d pL, really %s", s.left(), s.TrueReservoir())
			}
			if s.Delivered < before.Delivered || s.Run < before.Run || s.Flowed() < before.Flowed() || s.Ledger.Sum < 0 {
				rt.Fatal("an account shrank")
			}
			if run := b.m.Sample(s).Run; (run == wire.Stopped || run == wire.Minimum) && len(s.Program.Segments) > 0 {
				if stands++; !b.saysHigh() {
					rt.Fatalf("%s without a high alarm: %v", run, s.Active())
				}
			} else if s.active(profile.Stopped) && len(s.Program.Segments) > 0 && s.Commanded == wire.Infusing {
				rt.Fatal("says that it is stopped, and infuses")
			}
			if before.Commanded == wire.Stopped && before.Stage.Kind != PrimeStage && s.Delivered != before.Delivered {
				rt.Fatal("delivered while stopped")
			}
			if _, ok := h.in.(PTMRequest); ok && s.Patient.Given > before.Patient.Given {
				starts, boluses = append(starts, s.Run), boluses+1
				ptm, n := s.Program.PTM, len(starts)
				if n > 1 && starts[n-1]-starts[n-2] < int64(ptm.Duration)*1000 {
					rt.Fatal("two patient boluses at once")
				}
				if k := n - 1 - int(ptm.Max24h); k >= 0 && starts[n-1]-starts[k] < dayMS {
					rt.Fatalf("more than %d patient boluses in 24 hours", ptm.Max24h)
				}
			}
			if s.Patient.Locked < before.Patient.Locked {
				rt.Fatal("a lockout was shortened")
			}
			if s.Patient.Locked > s.Run && s.Patient.Given > before.Patient.Given && before.Patient.Locked > s.Run {
				rt.Fatal("a patient bolus within the lockout")
			}
		}
	})
	if boluses == 0 || stands == 0 {
		t.Fatalf("%d patient boluses, %d looks at a pump that stood: nothing was tested", boluses, stands)
	}
}

func (b *bench) saysHigh() bool {
	return slices.ContainsFunc(b.s.Active(), func(c profile.Code) bool {
		a, _ := b.m.profile.Alarm(c)
		return wire.Priority(a.Priority) == wire.PriorityHigh
	})
}

// TestNeverAboveCeiling looks at a pump every few minutes of a week of boluses,
// reprogramming, refills of other strengths and drugs, bridges, reboots and clock
// changes: no hour and no 24 hours of running time, wherever they begin, give more of a
// drug than the ceilings, whatever fluids it came in. Priming is no dose.
func TestNeverAboveCeiling(t *testing.T) {
	held, turned := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		b := started(rt, t)
		w := watch{b: b}
		for range rapid.IntRange(1, 40).Draw(rt, "happenings") {
			h := drawInput(rt, b.m, &b.s, false)
			w.wait(rt, min(h.after, 20_000_000))
			h.after = 0
			w.play(rt, h)
		}
		held, turned = held+w.held, turned+w.turned
	})
	if held == 0 || turned == 0 {
		t.Fatalf("a ceiling held the flow %d times, another fluid reached the tip %d times: nothing was tested", held, turned)
	}
}

// TestNeverAboveCeilingOfWhatComesBack: nor do they where drugs leave the tip and come
// back within a day, alone or mixed, with as large a bolus of each as is given.
func TestNeverAboveCeilingOfWhatComesBack(t *testing.T) {
	back, denied := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		b := started(rt, t)
		b.s.Scale = 1
		w := watch{b: b}
		for range rapid.IntRange(5, 15).Draw(rt, "visits") {
			conc := rapid.SampledFrom(strengths).Draw(rt, "conc")
			p := steady(units.Volume(int64(rapid.IntRange(1, 10).Draw(rt, "mg")) * 1_000_000_000_000 / int64(conc)))
			c := Change{Refill: &Refill{Volume: 18 * units.Millilitre, Contents: drawFluid(rt, conc)}, Program: &p, Limits: opioids(), Prime: &dose.Dose{Volume: 394_800, Duration: 1_800}}
			if rapid.IntRange(0, 3).Draw(rt, "slowly") == 0 {
				c.Prime, c.Bridge = nil, &dose.Dose{Volume: 50_000, Duration: 7_200}
			}
			gone := len(b.s.Ledger.Gone)
			w.play(rt, happening{in: c})
			w.wait(rt, 1_800_000)
			for range rapid.IntRange(0, 6).Draw(rt, "boluses") {
				w.wait(rt, rapid.SampledFrom([]int64{0, 1, 3_000_000, 14_000_000}).Draw(rt, "after"))
				for mg := int64(8); mg > 0; mg /= 2 {
					at := b.s.Stage
					w.play(rt, happening{in: GiveBolus{dose.Dose{Volume: units.Volume(mg * 500_000_000_000 / int64(conc)), Duration: 1_800}}})
					if b.s.Stage != at {
						break
					}
					denied++
				}
			}
			w.wait(rt, rapid.SampledFrom([]int64{1_800_000, 3_600_000, 20_000_000, 60_000_000}).Draw(rt, "stays"))
			if len(b.s.Ledger.Gone) < gone {
				back++
			}
			if _, err := Decode(b.s.Encode()); err != nil {
				rt.Fatal(err)
			}
		}
	})
	if back == 0 || denied == 0 {
		t.Fatalf("a drug came back %d times, a bolus was refused %d times: nothing was tested", back, denied)
	}
}

// watch looks at a pump with one or both of two drugs at every moment that matters.
type watch struct {
	b            *bench
	line         []mark
	held, turned int
}

// mark is what was given of both drugs up to a running time, in pL × µg/mL: millionths
// of a ng.
type mark struct {
	run Millis
	sum [2]int64
}

// wait lets time pass, and looks.
func (w *watch) wait(t *rapid.T, ms int64) {
	for b := w.b; ms > 0; {
		d := min(ms, 600_000-b.s.Run%600_000) // so that some looks lie exactly an hour or a day apart
		if g := b.s.Stage; g.Kind == PrimeStage {
			d = min(d, int64(g.Dose.Duration)*1000-g.Done)
		}
		before := b.s
		b.waitMS(d)
		ms -= d
		w.look(t, &before)
	}
}

// play lets something happen, and looks.
func (w *watch) play(t *rapid.T, h happening) {
	before := w.b.s
	w.b.play(h, nil)
	w.look(t, &before)
}

func (w *watch) look(t *rapid.T, before *State) {
	const rounding = (2*slack*20 + 100) * 1000 // of the strongest fluid, and what turning the ledger rounds
	s := &w.b.s
	if len(w.line) == 0 {
		w.line = []mark{{run: before.Run}}
	}
	last := w.line[len(w.line)-1]
	last.run = s.Run
	for i := range last.sum {
		if before.Stage.Kind != PrimeStage {
			last.sum[i] += strengthOf(dose.Code(i+1), before, s)
		}
	}
	w.line = append(w.line, last)
	for _, span := range [...]struct {
		ms   int64
		most units.Mass
	}{{hourMS, 4 * units.Milligram}, {dayMS, 15 * units.Milligram}} {
		most := int64(span.most)*1_000_000 + rounding
		for i := len(w.line) - 1; i >= 0 && w.line[i].run >= last.run-span.ms; i-- {
			for drug := range last.sum {
				if got := last.sum[drug] - w.line[i].sum[drug]; got > most {
					t.Fatalf("%d millionths of a ng of %s in the %d ms to %d, the ceiling is %d", got, dose.Code(drug+1), last.run-w.line[i].run, last.run, most)
				}
			}
		}
	}
	if s.Alarms.Held == s.Run {
		w.held++
	}
	if len(before.Path) > len(s.Path) {
		w.turned++
	}
}

// strengthOf returns what was given of a drug between two states, as pL × µg/mL of what
// was at the tip.
func strengthOf(code dose.Code, before, s *State) (sum int64) {
	at := before.Delivered
	for _, l := range before.Path {
		to := max(at, min(l.Until, s.Delivered))
		sum += (to - at) * int64(l.Contents.Conc(code)) / 1_000
		at = to
	}
	return sum + (s.Delivered-at)*int64(before.Contents.Conc(code))/1_000
}
