package order

import (
	"fmt"
	"testing"

	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// apply does to a view what a pump does with an accepted document, and boot what
// a power cut does.
func (w *world) apply(t *testing.T, v Verdict) {
	t.Helper()
	s := &w.view.State
	w.view.Memory, w.view.Budgets = v.Memory, v.Budgets
	e := v.Effect
	if e == nil {
		return
	}
	if e.Bolus == nil && (e.Act != 0 || e.Stop != nil) {
		s.Gen++
	}
	if e.Refill != nil {
		s.Contents, w.view.Volume, w.view.Fill = e.Refill.Contents, e.Refill.Volume, e.Refill.Volume
	}
	if e.Adopt != nil {
		s.Contents, w.view.Volume = e.Adopt.Contents, e.Adopt.Volume
	}
	if e.Limits != nil {
		w.view.Limits = *e.Limits
		c, err := e.Limits.Ceiling(s.Contents)
		if err != nil {
			t.Fatal(err)
		}
		w.view.Ceiling = c
	}
	if e.Program != nil {
		s.Program, s.Run = *e.Program, wire.Infusing
		switch e.Program.Mode {
		case dose.Stopped:
			s.Run = wire.Stopped
		case dose.Minimum:
			s.Run = wire.Minimum
		}
	}
	if e.Bolus != nil {
		w.view.Hour, w.view.Day = w.view.Hour+e.Bolus.Volume, w.view.Day+e.Bolus.Volume
	}
	if e.Settings != nil {
		s.Settings = *e.Settings
	}
	if e.Stop != nil {
		s.Run = wire.Stopped
	}
	if e.Resume {
		s.Run = wire.Infusing
	}
	if e.Epoch != 0 {
		s.Epoch = e.Epoch
	}
	if e.Patient != nil {
		w.view.Patient = *e.Patient
	}
	if e.Site != nil {
		w.view.Site = *e.Site
	}
	if e.Clock != nil {
		w.view.Now, w.view.Trusted = e.Clock.Now, true
	}
	if e.Adopted {
		w.view.Foreign = false
	}
}

// boot is a power cut: windows and budgets go, the memory stays.
func (w *world) boot(name string) {
	w.view.Windows, w.view.Budgets, w.view.Mono = Windows{}.Renew(id16(name), 0), Budgets{}, 1000
}

// pass lets time go by, with windows renewed when they are due.
func (w *world) pass(d units.Seconds) {
	for left := int64(d); left > 0; {
		step := min(left, 900)
		left -= step
		w.view.Now, w.view.Run, w.view.Mono = w.view.Now+step, w.view.Run+step*1000, w.view.Mono+step*1000
		if w.view.Windows.Due(w.view.Mono) {
			w.view.Windows = w.view.Windows.Renew(id16(fmt.Sprint("at ", w.view.Mono)), w.view.Mono)
		}
	}
}

// now makes a draft's release one of this moment.
func (w *world) now(d *draft) *draft {
	before := d.release
	d.release = func(r *Release) {
		r.IssuedAt, r.Expires = w.view.Now-10, w.view.Now+590
		if before != nil {
			before(r)
		}
	}
	return d
}

func (w *world) want(t *testing.T, what string, b []byte, code Code) Verdict {
	t.Helper()
	v := w.deliver(b)
	if v.Code != code {
		t.Fatalf("%s: %s at step %d (%s), want %s", what, v.Code, v.Step, v.Detail, code)
	}
	w.apply(t, v)
	return v
}

func (w *world) wantStop(t *testing.T, what string, b []byte, code Code) Verdict {
	t.Helper()
	v := w.deliverStop(b)
	if v.Code != code {
		t.Fatalf("%s: %s at step %d (%s), want %s", what, v.Code, v.Step, v.Detail, code)
	}
	w.apply(t, v)
	return v
}

func TestFirstOrderOnAFreshPump(t *testing.T) {
	w := newWorld()
	w.fresh()
	w.view.Patient = ID{}
	early := w.draft(ActVisit)
	w.firstFill(early)
	early.p.Patient = patient
	w.want(t, "a visit before the bind", w.build(early), ErrPatient)
	bind := w.draft(ActBind)
	bind.p.Patient = patient
	if v := w.want(t, "bind", w.build(bind), Applied); v.Class != ClassTwo || w.view.State.Epoch != 3 {
		t.Fatalf("class %d, epoch %d", v.Class, w.view.State.Epoch)
	}
	w.want(t, "the visit made for the state before the bind", w.build(early), ErrEpoch)
	visit := w.draft(ActVisit)
	w.firstFill(visit)
	if v := w.want(t, "the visit against the new state", w.build(visit), Applied); v.Class != ClassThree || v.Effect.Prime == nil {
		t.Fatalf("class %d, effect %+v", v.Class, v.Effect)
	}
	if v := w.want(t, "the next program", w.build(w.less(55_000)), Applied); v.Class != ClassTwo {
		t.Fatalf("class %d", v.Class)
	}
}

// less is a draft of a program of so many nL a day.
func (w *world) less(v units.Volume) *draft {
	d := w.draft(ActProgram)
	g := steady(v)
	d.p.Program = &g
	w.check(&d.p)
	return d
}

func TestRemoteIncreaseOnAnOnlinePump(t *testing.T) {
	w := newWorld()
	b := w.build(w.draft(ActProgram))
	v := w.want(t, "increase", b, Applied)
	if !v.Effect.Increase || w.view.State.Program.PerCycle() != 240_000 || w.view.State.Gen != 42 {
		t.Fatalf("%+v", w.view.State)
	}
	for range 20 {
		if v := w.want(t, "again", b, Applied); !v.Cached || v.Effect != nil {
			t.Fatal("executed twice")
		}
	}
}

func TestIncreaseOnAPumpOfflineForThreeDays(t *testing.T) {
	w := newWorld()
	d := w.draft(ActProgram)
	d.p.Expires = noon + 6*day
	old := w.build(d)
	w.pass(3 * units.Day)
	w.want(t, "a release that the server held for three days", old, ErrWindow)
	w.want(t, "the same prescription, released when the pump is there", w.build(w.now(d)), Applied)
	w.pass(5 * units.Day)
	late := w.less(250_000)
	late.p.Expires = noon + 6*day
	w.want(t, "one that expired meanwhile", w.build(w.now(late)), ErrExpired)
}

func TestVisitOutOfBounds(t *testing.T) {
	w := newWorld()
	d := w.draft(ActVisit)
	d.release = func(r *Release) { r.Measured.Aspirated = 3_000_000 }
	v := w.want(t, "as planned", w.build(d), ErrBounds)
	if !v.Burned {
		t.Fatal("the counter is not spent")
	}
	d.release = func(r *Release) { r.Branch, r.Measured.Aspirated = BranchSame, 3_000_000 }
	if v := w.want(t, "the same dose", w.build(d), Applied); v.Effect.Program.PerCycle() != 200_000 || v.Effect.Increase {
		t.Fatalf("%+v", v.Effect)
	}
	d.release = nil
	w.want(t, "and the planned one after it", w.build(d), ErrCAS)
}

func TestStopAtNightResumeInTheMorning(t *testing.T) {
	w := newWorld()
	w.wantStop(t, "stop", signStop(w.stopOf(), "emil"), Applied)
	w.pass(8 * units.Hour)
	alone := w.now(w.draft(ActResume))
	alone.votes = votes("anna")
	w.want(t, "one in the morning", w.build(alone), ErrQuorum)
	w.want(t, "two in the morning", w.build(w.now(w.draft(ActResume))), Applied)
	if w.view.State.Run != wire.Infusing {
		t.Fatal("does not infuse")
	}
	s := w.stopOf()
	s.Person, s.Key, s.IssuedAt, s.Expires = "anna", idOf("anna"), w.view.Now-5, w.view.Now+500
	w.wantStop(t, "a stop by mistake", signStop(s, "anna"), Applied)
	w.pass(10 * units.Minute)
	mine := w.now(w.draft(ActResume))
	mine.votes = []vote{{person: "anna", key: "anna", meaning: MeansPolicy}}
	w.want(t, "undone by who made it", w.build(mine), Applied)
}

func TestPatientBolusBetweenApprovalAndRelease(t *testing.T) {
	w := newWorld()
	d := w.draft(ActProgram)
	w.view.Hour, w.view.Day, w.view.Volume, w.view.Busy = w.view.Hour+30_000, w.view.Day+30_000, w.view.Volume-30_000, BusyBolus
	w.want(t, "while it runs", w.build(d), ErrBusy)
	w.view.Busy = Idle
	w.want(t, "a new release after it", w.build(d), Applied)
}

func TestLocalChangeByAnotherProgrammer(t *testing.T) {
	w := newWorld()
	pending := w.draft(ActProgram)
	w.view.State.Gen++
	w.view.State.Program, w.view.Foreign = steady(210_000), true
	w.want(t, "an order for what ran before", w.build(pending), ErrCAS)
	w.want(t, "a bolus", w.build(w.draft(ActBolus)), ErrState)
	w.want(t, "adopt", w.build(w.draft(ActAdopt)), Applied)
	w.want(t, "a bolus after it", w.build(w.draft(ActBolus)), Applied)
}

func TestKeysetRotationAndRevocationWhileAnOrderWaits(t *testing.T) {
	w := newWorld()
	d := w.draft(ActProgram)
	rotate := func(name string, change func(*PersonKey)) {
		for i := range w.keyset.Keys {
			if w.keyset.Keys[i].Person == name {
				change(&w.keyset.Keys[i])
			}
		}
		w.keyset.Version++
		w.hold()
	}
	rotate("ben", func(p *PersonKey) { p.NotAfter = noon - 600 })
	d.release = func(r *Release) { r.Keyset = 9 }
	w.want(t, "a pump without the newest keyset", w.build(d), ErrKeyset)
	d.release = nil
	b := w.build(d)
	w.keyset.Revoked = append(w.keyset.Revoked, idOf("ben"))
	kept := w.keyset
	w.keyset.Revoked = w.keyset.Revoked[:1]
	if v := w.deliver(b); v.Code != Applied {
		t.Fatalf("rotated: %s %s", v.Code, v.Detail)
	}
	w.keyset = kept
	w.keyset.SortKeys()
	rotate("ben", func(*PersonKey) {})
	w.want(t, "revoked", w.build(d), ErrRevoked)
}

func TestCommunicatorSwappedWithAReleaseInFlight(t *testing.T) {
	// The pump knows no communicator: what came by the old one and comes again by
	// the new one is the same release.
	w := newWorld()
	b := w.build(w.draft(ActProgram))
	first := w.want(t, "by the old one", b, Applied)
	second := w.want(t, "by the new one", b, Applied)
	if !second.Cached || second.Document != first.Document {
		t.Fatal("executed twice")
	}
}

func TestHostileServer(t *testing.T) {
	w := newWorld()
	b := w.build(w.draft(ActProgram))
	w.want(t, "release", b, Applied)
	w.boot("after a power cut")
	if v := w.want(t, "replayed after a boot", b, Applied); !v.Cached {
		t.Fatal("executed twice")
	}
	for i := range maxAnswers {
		w.view.Memory = w.view.Memory.Answer(Digest{byte(i), 1}, ErrBusy)
	}
	w.want(t, "replayed when its answer is forgotten", b, ErrCounter)
	other := newWorld()
	other.view.Pump[0] ^= 1
	w.want(t, "another patient's order", other.build(other.draft(ActProgram)), ErrAud)
	old := newWorld()
	if _, err := w.view.Root.TakeKeyset(old.keysDoc, w.view.Keyset.Version+1); CodeOf(err) != ErrOlder {
		t.Fatalf("an old keyset: %v", err)
	}
}

func TestStopDeliveredLate(t *testing.T) {
	w := newWorld()
	b := signStop(w.stopOf(), "emil")
	w.pass(20 * units.Minute)
	w.wantStop(t, "after twenty minutes", b, ErrExpired)
	w = newWorld()
	w.view.Trusted = false
	b = signStop(w.stopOf(), "emil")
	w.pass(50 * units.Minute)
	w.wantStop(t, "without a clock, within the last four windows", b, Applied)
	w = newWorld()
	w.view.Trusted = false
	b = signStop(w.stopOf(), "emil")
	w.pass(70 * units.Minute)
	w.wantStop(t, "without a clock, later", b, ErrWindow)
	w = newWorld()
	w.view.Trusted = false
	b = signStop(w.stopOf(), "emil")
	w.boot("in between")
	w.wantStop(t, "after a boot", b, ErrWindow)
}

func TestClockWrongByAYear(t *testing.T) {
	for _, off := range []int64{-365 * day, 365 * day} {
		w := newWorld()
		w.view.Now += off
		v := w.deliver(w.build(w.draft(ActProgram)))
		if v.Code == Applied || v.Effect != nil {
			t.Fatalf("%d: a program is taken", off)
		}
		w.want(t, "clock", w.build(w.draft(ActClock)), Applied)
		if w.view.Now != noon-30 {
			t.Fatalf("%d: the clock is at %d", off, w.view.Now)
		}
		w.want(t, "a program after it", w.build(w.draft(ActProgram)), Applied)
	}
}

func TestCountersRunOut(t *testing.T) {
	w := newWorld()
	w.view.Memory.Counter = MaxCounter - 1
	w.want(t, "the last one", w.build(w.draft(ActProgram)), Applied)
	w.want(t, "one more", w.build(w.draft(ActSettings)), ErrCounter)
	w.wantStop(t, "a stop all the same", signStop(w.stopOf(), "emil"), Applied)
}

func TestThreePrescriptionsWait(t *testing.T) {
	w := newWorld()
	a, b, c := w.draft(ActProgram), w.draft(ActSettings), w.less(180_000)
	w.want(t, "the second one first", w.build(b), Applied)
	w.want(t, "then the first", w.build(a), ErrCAS)
	w.want(t, "then the third", w.build(c), ErrCAS)
}

// TestWhoseStop: who stops a pump that stands already has not stopped it. Nobody makes
// another's stop their own, or their own last longer, by stopping once more.
func TestWhoseStop(t *testing.T) {
	stops := func(w *world, who string, run wire.RunState) {
		s := w.stopOf()
		s.Person, s.Key, s.IssuedAt, s.Expires = who, idOf(who), w.view.Now-5, w.view.Now+500
		w.wantStop(t, who+" stops", signStop(s, who), Applied)
		w.view.State.Run = run // what the profile makes of a stop
	}
	resumes := func(w *world, who string, code Code) {
		d := w.now(w.draft(ActResume))
		d.votes = []vote{{person: who, key: who, meaning: MeansPolicy}}
		w.want(t, who+" alone lets it run", w.build(d), code)
	}
	for _, run := range []wire.RunState{wire.Stopped, wire.Minimum} {
		w := newWorld()
		stops(w, "ben", run)
		w.pass(units.Minute)
		stops(w, "anna", run)
		resumes(w, "anna", ErrQuorum)
		resumes(w, "ben", ErrQuorum) // anna wants it to stand

		for later, code := range map[units.Seconds]Code{5 * units.Minute: Applied, 15 * units.Minute: ErrQuorum} {
			w = newWorld()
			stops(w, "anna", run)
			w.pass(50 * units.Minute)
			stops(w, "anna", run)
			w.pass(later)
			resumes(w, "anna", code)
		}
	}
}

// A keyset that a transfer brings lives from then on, on a clock that is no good as
// well. If the pump holds it already, or a newer one for that site, that stays and its
// life does not begin again.
func TestLifeOfATransferredKeyset(t *testing.T) {
	const run, taken = 100 * day * 1000, 30 * day * 1000
	both := func(version uint64) func(w *world) {
		return func(w *world) {
			w.keyset.Version, w.keyset.Sites = version, []ID{siteB, siteA}
			w.hold()
		}
	}
	for _, c := range []struct {
		name   string
		act    Act
		change func(w *world)
		want   int64
	}{
		{"another site's", ActTransfer, func(*world) {}, run},
		{"a newer one", ActTransfer, both(1), run},
		{"the same", ActTransfer, both(2), taken},
		{"an older one", ActTransfer, both(3), taken},
		{"none at all", ActBind, func(*world) {}, taken},
	} {
		for _, rooted := range []bool{false, true} {
			if rooted && c.act != ActTransfer {
				continue
			}
			w := newWorld()
			c.change(w)
			w.view.Trusted, w.view.Run, w.view.Memory.KeysetAt = false, run, taken
			b := w.build(w.draft(c.act))
			if rooted {
				p := w.prescription(c.act)
				var err error
				if b, err = EncodeRootTransfer(fixedSign(TypeTransfer, p.Encode(), edKey("root"))); err != nil {
					t.Fatal(err)
				}
			}
			v := w.deliver(b)
			if v.Code == Applied && (v.Effect.Keyset != nil) != (c.want == run) {
				t.Errorf("%s, by the root %v: the keyset in force does not follow", c.name, rooted)
			}
			if v.Code != Applied || v.Memory.KeysetAt != c.want {
				t.Errorf("%s, by the root %v: %s (%s), its life counts from %d, want %d", c.name, rooted, v.Code, v.Detail, v.Memory.KeysetAt, c.want)
			}
		}
	}
}
