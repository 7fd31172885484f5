package emulator

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/emulator/disk"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/pump"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// patientStory is one pump of a group, its reference, and what was signed for it.
type patientStory struct {
	d      *Device
	r      reference
	papers []*paper
	bytes  [][]byte
	sent   []bool
	offset int64 // pL delivered before the story
	log    []string
	marks  []refMark
}

// refMark is what the pump had delivered at a moment, for the ceilings.
type refMark struct{ at, pl int64 }

// group is some stories that share a desk, and so its power.
type group struct {
	*desk
	seed    uint64
	rng     *rand.Rand
	stories []*patientStory
}

const (
	storiesInGroup = 40
	roundsInGroup  = 6
)

// TestInterleavings plays 10,000 random stories of orders, visits and priming boluses
// among them, stops, withdrawals, losses, duplicates, delays, reboots, clock jumps and power cuts on the emulator
// and its real journal, against a reference of a few pages. What the pump obeys,
// what it answers and what it delivers is what the reference says, to a nanolitre,
// and no hour and no 24 hours pass a limit. A failure names its seed, with which
// CISTERNA_SEED plays it again.
func TestInterleavings(t *testing.T) {
	first, groups := uint64(time.Now().UnixNano()), 10_000/storiesInGroup/slower
	if s := os.Getenv("CISTERNA_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first, groups = n, 1
	}
	t.Logf("seeds from %d", first)
	w := newWard(t, deskStart)
	var played tally
	t.Run("group", func(t *testing.T) {
		lanes := runtime.GOMAXPROCS(0)
		for lane := range lanes {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for i := lane; i < groups; i += lanes {
					if t.Failed() {
						return
					}
					playGroup(t, w, first+uint64(i), &played)
				}
			})
		}
	})
	seen := []any{played.stories.Load()}
	for _, n := range []*atomic.Int64{&played.applied, &played.visits, &played.primes, &played.failed, &played.refused, &played.again, &played.cuts, &played.pressed} {
		if seen = append(seen, n.Load()); n.Load() == 0 && groups > 1 {
			t.Error("something never happened, and was not tested")
		}
	}
	t.Logf("%d stories: %d documents applied, %d of them visits and %d priming boluses, of which %d failed, %d refused, %d answered again, %d power cuts, %d presses given", seen...)
}

type tally struct{ stories, applied, refused, again, cuts, pressed, visits, primes, failed atomic.Int64 }

func playGroup(t *testing.T, w *ward, seed uint64, n *tally) {
	g := &group{desk: &desk{t: t, w: w, mem: disk.NewMemory(seed), now: deskStart}, seed: seed, rng: rand.New(rand.NewPCG(seed, 2))}
	g.unsigned = true
	g.open()
	defer g.close()
	for range storiesInGroup {
		g.add(profile.Sample("meander-p20"))
		s := &patientStory{d: g.d, offset: g.d.st.Delivered}
		s.r = reference{
			now: g.now.UnixMilli(), quart: [4]int64{50_000, 50_000, 50_000, 50_000}, have: true, on: true, gen: g.d.st.Gen, trusted: true,
			answered: map[int]bool{}, given: map[int]bool{}, withdrawn: map[int]bool{},
		}
		for _, x := range g.d.windows {
			s.r.windows = append(s.r.windows, refWindow{x.Nonce, s.r.now})
		}
		g.stories = append(g.stories, s)
	}
	cuts := map[int]int{}
	for range 2 {
		cuts[1+g.rng.IntN(roundsInGroup-1)] = g.rng.IntN(storiesInGroup)
	}
	for round := range roundsInGroup {
		g.now = g.now.Add([]time.Duration{time.Second, time.Minute, 4 * time.Minute, 9 * time.Minute, 16 * time.Minute, 31 * time.Minute, 2 * time.Hour, 5 * time.Hour}[g.rng.IntN(8)])
		victim, cut := cuts[round]
		for i, s := range g.stories {
			g.d = s.d
			g.look(s)
			if cut && i == victim {
				g.cutInto(s, n)
			} else {
				g.act(s, n)
			}
			if t.Failed() {
				t.Fatalf("seed %d, story %d:\n%v", g.seed, i, s.log)
			}
		}
	}
	for _, s := range g.stories {
		if g.look(s); s.r.fails {
			n.failed.Add(1)
		}
	}
	n.stories.Add(storiesInGroup)
}

func (s *patientStory) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...)+"\n")
}

// look brings both up to now and compares them.
func (g *group) look(s *patientStory) order.View {
	g.t.Helper()
	v := s.d.look()
	s.r.live(g.now.UnixMilli())
	s.r.renew(v.Windows.Current())
	if v.Windows.Current() != order.ID(s.r.windows[len(s.r.windows)-1].nonce) {
		g.t.Errorf("the pump announces another window than it should")
	}
	g.compare(s, &v)
	return v
}

func (g *group) compare(s *patientStory, v *order.View) {
	g.t.Helper()
	got, want := s.d.st.Delivered-s.offset, s.r.sum/86_400
	if got-want > 1000 || want-got > 1000 {
		g.t.Errorf("at %s the pump has delivered %d pL, the reference %d", g.now, got, want)
	}
	if v.State.Gen != s.r.gen || v.Memory.Counter != s.r.counter || v.Memory.Stops != s.r.stops || (v.State.Run == wire.Infusing) != s.r.on || v.Trusted != s.r.trusted {
		g.t.Errorf("the pump is at generation %d, counter %d, stop %d, %s, trusted %t; the reference at %d, %d, %d, %t, %t",
			v.State.Gen, v.Memory.Counter, v.Memory.Stops, v.State.Run, v.Trusted, s.r.gen, s.r.counter, s.r.stops, s.r.on, s.r.trusted)
	}
	counted := got - s.r.primed/86_400 // a priming bolus fills the catheter
	s.marks = append(s.marks, refMark{s.r.now, counted})
	for _, m := range s.marks {
		for _, limit := range [...]struct{ span, nl int64 }{{refHour, 400_000}, {refDay, 1_500_000}} {
			if s.r.now-m.at <= limit.span && counted-m.pl > limit.nl*1000+2000 {
				g.t.Errorf("%d pL in %d ms", counted-m.pl, s.r.now-m.at)
			}
		}
	}
}

// act lets one thing happen to a story.
func (g *group) act(s *patientStory, n *tally) {
	switch k := g.rng.IntN(20); {
	case k < 6:
		g.send(s, g.sign(s), n)
	case k < 7:
		g.sign(s) // lost, or late
		s.note("kept back")
	case k < 12 && len(s.papers) > 0:
		g.send(s, g.rng.IntN(len(s.papers)), n) // again, or late, or out of order
	case k < 15:
		given, close := s.r.press()
		r := g.do(pump.PTMRequest{})
		s.note("press at %s: %v", g.now, r.Err)
		if (r.Err == nil) != given && !close {
			g.t.Errorf("a press: %v, want it given %t", r.Err, given)
		}
		if r.Err == nil {
			s.r.pressed()
			n.pressed.Add(1)
		}
	case k < 16:
		s.note("reboot")
		s.d.mu.Lock()
		s.d.boots([]pump.Cause{pump.Power, pump.Watchdog}[g.rng.IntN(2)])
		s.d.mu.Unlock()
		s.r.reboot()
		g.look(s)
	case k < 17:
		by := []int64{-365 * refDay, -90_000, 90_000, 365 * refDay}[g.rng.IntN(4)]
		s.note("the clock jumps by %d", by)
		s.d.mu.Lock()
		s.d.skew += by
		s.d.mu.Unlock()
		g.do(pump.Tick{})
		s.r.skew += by
		s.r.trusted = false
	}
}

// sign signs something new for the state as it is, and returns its number.
func (g *group) sign(s *patientStory) int {
	v := g.look(s)
	v.Now = g.now.Unix() // people have clocks of their own
	p := &paper{id: len(s.papers), gen: v.State.Gen, number: v.Memory.Counter + 1 + uint64(g.rng.IntN(2)), window: v.Windows.Current(), at: v.Now}
	if n := len(v.Windows); n > 1 && g.rng.IntN(8) == 0 {
		p.window = v.Windows[g.rng.IntN(n)].Nonce
	}
	var b []byte
	acts := []string{"program", "program", "program", "bolus", "bolus", "bolus", "stop", "resume", "resume", "settings", "erase", "clock", "withdraw", "prime", "prime", "visit", "visit"}
	switch p.act = acts[g.rng.IntN(len(acts))]; p.act {
	case "stop":
		p.number = v.Memory.Stops + 1
		b = g.w.stop(v, func(x *order.Stop) { x.Window = p.window })
	case "withdraw":
		if len(s.papers) == 0 {
			return g.sign(s)
		}
		p.of = g.rng.IntN(len(s.papers))
		if s.papers[p.of].act == "stop" || s.papers[p.of].act == "withdraw" {
			return g.sign(s)
		}
		b = g.w.withdraw(v, prescriptionOf(g.t, s.bytes[p.of]))
	default:
		b = g.signOrder(s, p, &v)
	}
	s.papers, s.bytes, s.sent = append(s.papers, p), append(s.bytes, b), append(s.sent, false)
	return p.id
}

func prescriptionOf(t testing.TB, b []byte) order.Digest {
	e, err := order.OpenEnvelope(b)
	if err != nil {
		t.Fatal(err)
	}
	return order.PrescriptionHash(e.Prescription)
}

func (g *group) signOrder(s *patientStory, p *paper, v *order.View) []byte {
	acts := map[string]order.Act{"program": order.ActProgram, "bolus": order.ActBolus, "resume": order.ActResume, "settings": order.ActSettings, "erase": order.ActErase, "clock": order.ActClock, "prime": order.ActPrime, "visit": order.ActVisit}
	how := signing{release: func(r *order.Release) {
		if r.Counter, r.Window = p.number, p.window; p.act == "visit" {
			measured(order.BranchPlanned, v.Volume, 18*units.Millilitre)(r)
		}
	}}
	if !s.r.have {
		how.people = []string{"anna", "ben", "carla"}
	}
	p.excess = g.rng.IntN(8) == 0
	return g.w.envelope(v, g.w.prescription(v, acts[p.act], func(x *order.Prescription) {
		switch p.act {
		case "program":
			program := g.program(p)
			x.Program = &program
		case "visit":
			x.Visit.Planned.Program = g.program(p)
			if len(v.State.Program.Segments) > 0 { // running or kept
				x.Visit.Same.Program = v.State.Program
			}
			if g.rng.IntN(3) == 0 {
				p.volume, p.over = 200_000, 900
				x.Visit.Planned.Prime = &dose.Dose{Volume: 200_000, Duration: 900}
			}
		case "prime":
			p.volume, p.over = 200_000, 900
			if p.excess {
				p.volume, p.over = 1_100_000, 6_000
			}
			x.Dose = &dose.Dose{Volume: units.Volume(p.volume), Duration: units.Seconds(p.over)}
		case "bolus":
			p.volume, p.over = []int64{10_000, 40_000, 150_000, 190_000}[g.rng.IntN(4)], 1200
			if p.excess {
				p.volume = 210_000
			}
			window := order.ID(p.window)
			x.Dose, x.Window = &dose.Dose{Volume: units.Volume(p.volume), Duration: units.Seconds(p.over)}, &window
		case "clock":
			p.zone = int64(g.rng.IntN(3)) * 3600
			zone := int32(p.zone)
			x.Zone = &zone
			p.excess = false
		default:
			p.excess = false
		}
	}), how)
}

// program draws a day of four rates for a paper.
func (g *group) program(p *paper) dose.Program {
	for i := range p.quart {
		p.quart[i] = 25_000 + 25_000*g.rng.Int64N(4)
	}
	if p.excess {
		p.quart = [4]int64{400_000, 400_000, 400_000, 400_000}
	}
	out := dose.Program{Mode: dose.FlexDay, Cycle: units.Day}
	for i, q := range p.quart {
		out.Segments = append(out.Segments, dose.Segment{Offset: units.Seconds(i) * 6 * units.Hour, Duration: 6 * units.Hour, Volume: units.Volume(q)})
	}
	if p.ptm = g.rng.IntN(2) == 0; p.ptm {
		out.PTM = &dose.PTM{Volume: refPress, Duration: refOver, Lockout: units.Hour, Max24h: 6}
	}
	return out
}

func (s *patientStory) document(id int) document {
	kind := wire.DnOrder
	if s.papers[id].act == "stop" {
		kind = wire.DnStop
	}
	return document{kind: kind, body: s.bytes[id]}
}

// send delivers a document and compares answer and effect with the reference.
func (g *group) send(s *patientStory, id int, n *tally) {
	g.t.Helper()
	p := s.papers[id]
	g.look(s)
	apply, burn, close := s.r.judge(p)
	_, known := s.r.answered[id]
	answers, _ := g.deliver(s.document(id))
	if len(answers) != 1 {
		g.t.Errorf("%d answers to %s", len(answers), p.act)
		return
	}
	applied := answers[0].Code == string(order.Applied)
	s.note("%s %s %d (%+v): %s %s", g.now.Format(time.DateTime), p.act, id, *p, answers[0].Code, answers[0].Note)
	if applied != apply && !close {
		g.t.Errorf("%s %d: %s %s, want it applied %t", p.act, id, answers[0].Code, answers[0].Note, apply)
	}
	g.took(s, p, applied, burn, known, n)
}

func (g *group) took(s *patientStory, p *paper, applied, burn, known bool, n *tally) {
	switch {
	case known:
		n.again.Add(1)
	case applied:
		n.applied.Add(1)
		switch p.act {
		case "visit":
			n.visits.Add(1)
		case "prime":
			n.primes.Add(1)
		}
		s.r.obey(p, true, burn)
	default:
		n.refused.Add(1)
		s.r.obey(p, false, burn)
	}
	g.look(s)
}

// cutInto cuts the power while a new document is being delivered, starts all pumps
// of the desk again, and learns from the victim which of the two it is.
func (g *group) cutInto(s *patientStory, n *tally) {
	id := g.sign(s)
	p := s.papers[id]
	apply, burn, close := s.r.judge(p)
	g.f.journal.Flush()
	g.cut(1 + g.rng.IntN(8))
	answers, alive := g.deliver(s.document(id))
	keep := disk.Keep(g.rng.IntN(3))
	s.note("%s %s %d (%+v) with the power cut: alive %t, kept %d", g.now.Format(time.DateTime), p.act, id, *p, alive, keep)
	if alive {
		applied := len(answers) == 1 && answers[0].Code == string(order.Applied)
		if applied != apply && !close {
			g.t.Errorf("%s %d: %+v, want it applied %t", p.act, id, answers, apply)
		}
		g.took(s, p, applied, burn, false, n)
		return
	}
	n.cuts.Add(1)
	g.again(keep)
	for i, other := range g.stories {
		other.d = g.all[i]
		g.found(other)
	}
	g.d = s.d
	m := s.d.look().Memory
	applied, burned := false, false
	for _, a := range m.Answers {
		if a.Hash == documentHash(g.t, s.document(id)) {
			applied, burned = a.Code == order.Applied, true
		}
	}
	if applied && !apply && !close {
		g.t.Errorf("%s %d was applied in a power cut, and should not be", p.act, id)
	}
	if burned {
		s.r.obey(p, applied, burn)
	}
	for _, other := range g.stories {
		g.look(other)
	}
}

// found takes note of which windows a pump still knows.
func (g *group) found(s *patientStory) {
	v := s.d.look()
	s.r.live(g.now.UnixMilli())
	var kept []refWindow
	for _, x := range v.Windows {
		w := refWindow{x.Nonce, s.r.now}
		for _, old := range s.r.windows {
			if old.nonce == x.Nonce {
				w.born = old.born
			}
		}
		kept = append(kept, w)
	}
	s.r.windows = kept
}

func documentHash(t testing.TB, doc document) order.Digest {
	if doc.kind == wire.DnStop {
		b, _, err := order.OpenStop(doc.body)
		if err != nil {
			t.Fatal(err)
		}
		return order.StopHash(b)
	}
	if b, _, err := order.OpenWithdraw(doc.body); err == nil {
		return order.WithdrawHash(b)
	}
	e, err := order.OpenEnvelope(doc.body)
	if err != nil {
		t.Fatal(err)
	}
	return order.ReleaseHash(e.Release)
}
