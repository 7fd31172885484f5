package emulator

import (
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/pump"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// The cases of ORDERS.md that need a pump and no platform.

// TestCaseFirstOrderOnAFreshPump: bind, then a visit against the new state. The
// first order of a drug needs three.
func TestCaseFirstOrderOnAFreshPump(t *testing.T) {
	w := newWard(t, deskStart)
	s := &desk{t: t, w: w, mem: newDesk(t, w, profile.Sample("meander-p20"), 1).mem.Crash(0), now: deskStart}
	s.open()
	defer s.close()
	s.d = boxed(t, s.f, w, "S-9", profile.Sample("meander-p20"))
	s.d.who.Patient = order.ID{} // in nobody
	s.prepare()
	s.pass(time.Minute)
	deliver := func(name string, b []byte, want order.Code) {
		t.Helper()
		if got, _ := s.deliver(document{kind: wire.DnOrder, body: b}); len(got) != 1 || got[0].Code != string(want) {
			t.Fatalf("%s: %+v", name, got)
		}
		s.pass(time.Minute)
	}
	v := s.d.look()
	early := w.prescription(&v, order.ActVisit, nil)
	early.Patient = wardPatient
	three := signing{people: []string{"anna", "ben", "carla"}, release: measured(order.BranchPlanned, 0, 18*units.Millilitre)}
	deliver("a visit in nobody", w.envelope(&v, early, three), order.ErrPatient)
	deliver("a bind", w.order(v, order.ActBind, func(p *order.Prescription) { p.Patient = wardPatient }), order.Applied)
	v = s.d.look()
	p := w.prescription(&v, order.ActVisit, func(p *order.Prescription) {
		p.Visit.Planned.Prime = &dose.Dose{Volume: 394_800, Duration: 1_800}
	})
	deliver("a visit by two", w.envelope(&v, p, signing{release: three.release}), order.ErrQuorum)
	v = s.d.look()
	deliver("a visit by three", w.envelope(&v, p, three), order.Applied)
	s.pass(31 * time.Minute)
	if v = s.d.look(); v.State.Run != wire.Infusing || v.State.Program.PerCycle() != 200_000 || v.Patient != wardPatient || v.Busy != order.Idle {
		t.Errorf("%+v", v.State)
	}
	deliver("from now on two do", w.order(v, order.ActProgram, more), order.Applied)
}

// TestCaseOfflineForThreeDays: the prescription waits, the release does not.
func TestCaseOfflineForThreeDays(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		v := s.d.look()
		p := s.w.prescription(&v, order.ActProgram, func(p *order.Prescription) { more(p); p.Expires = v.Now + 6*86_400 })
		early := s.w.envelope(&v, p, signing{})
		mustInject(t, s.d, "link-loss", Fault{For: 3 * 24 * time.Hour})
		pass(3*24*time.Hour + 5*time.Minute)
		s.refused("what was released three days ago", wire.DnOrder, early, order.ErrWindow, true)
		v = s.d.look()
		s.expect("released now", wire.DnOrder, s.w.envelope(&v, p, signing{}), order.Applied)
	})
}

// TestCaseVisitOutOfBounds: what was aspirated permits only the same dose.
func TestCaseVisitOutOfBounds(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		v := s.d.look()
		p := s.w.prescription(&v, order.ActVisit, func(p *order.Prescription) {
			p.Visit.Planned.Program = steady(240_000)
			p.Visit.Bounds.AspiratedMin, p.Visit.Bounds.AspiratedMax = v.Volume-units.Millilitre, v.Volume+units.Millilitre
		})
		found := v.Volume - 4*units.Millilitre
		s.refused("as planned", wire.DnOrder, s.w.envelope(&v, p, signing{release: measured(order.BranchPlanned, found, 18*units.Millilitre)}), order.ErrBounds, true)
		v = s.d.look()
		a := s.expect("the same dose", wire.DnOrder, s.w.envelope(&v, p, signing{release: measured(order.BranchSame, found, 18*units.Millilitre)}), order.Applied)
		if v = s.d.look(); v.State.Program.PerCycle() != 200_000 || v.Fill != 18*units.Millilitre || a.Run != wire.Infusing {
			t.Errorf("%+v", v.State)
		}
	})
}

// TestCaseStopAtNightResumeInTheMorning: one stops; alone one cannot start it
// again in the morning, two can, and nothing was given in between.
func TestCaseStopAtNightResumeInTheMorning(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		before := s.d.look()
		s.expect("the stop", wire.DnStop, s.w.stop(before, func(x *order.Stop) { x.Person, x.Key = "anna", s.w.key("anna") }), order.Applied)
		at := s.d.delivered()
		pass(8 * time.Hour)
		v := s.d.look()
		p := s.w.prescription(&v, order.ActResume, nil)
		s.refused("alone", wire.DnOrder, s.w.envelope(&v, p, signing{people: []string{"anna"}}), order.ErrQuorum, true)
		v = s.d.look()
		s.expect("by two", wire.DnOrder, s.w.envelope(&v, p, signing{}), order.Applied)
		if got := s.d.delivered() - at; got > 8_000 {
			t.Errorf("%d pL in the night", got)
		}
		if v = s.d.look(); v.State.Program.Hash() != before.State.Program.Hash() {
			t.Error("it resumed another program")
		}
		// Within the hour one may undo their own stop.
		s.expect("another stop", wire.DnStop, s.w.stop(s.d.look(), func(x *order.Stop) { x.Person, x.Key = "anna", s.w.key("anna") }), order.Applied)
		v = s.d.look()
		p = s.w.prescription(&v, order.ActResume, nil)
		s.refused("somebody else alone", wire.DnOrder, s.w.envelope(&v, p, signing{people: []string{"ben"}}), order.ErrQuorum, true)
		v = s.d.look()
		s.expect("who stopped it", wire.DnOrder, s.w.envelope(&v, p, signing{people: []string{"anna"}}), order.Applied)
	})
}

// TestCaseStopByDrug: stopping is a harm. What a stop does follows from what an
// abrupt end of the drug does; only an overdose stops everything.
func TestCaseStopByDrug(t *testing.T) {
	for _, tt := range []struct {
		name     string
		code     dose.Code
		overdose bool
		want     wire.RunState
	}{
		{"morphine", dose.Morphine, false, wire.Stopped},
		{"baclofen", dose.Baclofen, false, wire.Minimum},
		{"baclofen overdose", dose.Baclofen, true, wire.Stopped},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWard(t, deskStart)
			s := newDesk(t, w, profile.Sample("meander-p20"), 1)
			defer s.close()
			p := steady(200_000)
			s.do(pump.Change{
				Refill:  &pump.Refill{Volume: 18 * units.Millilitre, Contents: dose.Contents{Ingredients: []dose.Ingredient{{Code: tt.code, Conc: 2 * mgML}}, Route: dose.Intrathecal}},
				Limits:  &dose.Limits{Ingredients: []dose.Limit{{Code: tt.code, Max1h: 4 * units.Milligram, Max24h: 15 * units.Milligram, Withdrawal: tt.code.Withdrawal()}}, MinLockout: 600, MaxPTM24h: 12},
				Program: &p, Prime: &dose.Dose{Volume: 394_800, Duration: 1_800}, Source: pump.SourceOrder, Adopted: true,
			})
			s.pass(time.Hour)
			got, _ := s.deliver(document{kind: wire.DnStop, body: w.stop(s.d.look(), func(x *order.Stop) { x.Overdose = tt.overdose })})
			if len(got) != 1 || got[0].Code != string(order.Applied) || got[0].Run != tt.want {
				t.Fatalf("%+v", got)
			}
			s.pass(time.Minute)
			got, _ = s.deliver(document{kind: wire.DnOrder, body: w.order(s.d.look(), order.ActResume, nil)})
			if len(got) != 1 || got[0].Code != string(order.Applied) || got[0].Run != wire.Infusing {
				t.Fatalf("%+v", got)
			}
		})
	}
}

// TestCasePatientBolusBetween: a patient's bolus between approval and release
// kills no order; while it runs, the order waits.
func TestCasePatientBolusBetween(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		s.expect("patient boluses", wire.DnOrder, s.w.order(s.d.look(), order.ActProgram, func(p *order.Prescription) {
			p.Program.PTM = &dose.PTM{Volume: 5_000, Duration: 600, Lockout: 1_800, Max24h: 6}
		}), order.Applied)
		pass(time.Hour)
		v := s.d.look()
		p := s.w.prescription(&v, order.ActProgram, more)
		mustInject(t, s.d, "press", Fault{})
		v = s.d.look()
		s.expect("while the bolus runs", wire.DnOrder, s.w.envelope(&v, p, signing{}), order.ErrBusy)
		pass(11 * time.Minute)
		v = s.d.look()
		s.expect("after it", wire.DnOrder, s.w.envelope(&v, p, signing{}), order.Applied)
	})
}

// TestCaseAnotherProgrammer: a local change makes what was signed stale and the
// state foreign; no bolus goes on top of it until it is adopted within the limits.
func TestCaseAnotherProgrammer(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		v := s.d.look()
		stale := s.w.prescription(&v, order.ActProgram, more)
		mustInject(t, s.d, "foreign-program", Fault{Value: 1200})
		v = s.d.look()
		if !v.Foreign || !s.d.Status().Orders.Foreign {
			t.Fatal("the state is not foreign")
		}
		s.refused("what was signed before", wire.DnOrder, s.w.envelope(&v, stale, signing{}), order.ErrCAS, true)
		s.refused("a bolus on top of it", wire.DnOrder, s.w.order(s.d.look(), order.ActBolus, nil), order.ErrState, true)
		tight := morphineLimits()
		tight.Ingredients[0].Max24h, tight.Ingredients[0].Max1h = 2*units.Milligram, units.Milligram // it gives 2.4
		s.refused("adopted beyond its limits", wire.DnOrder, s.w.order(s.d.look(), order.ActAdopt, func(p *order.Prescription) { p.Limits = &tight }), order.ErrLimit, true)
		s.expect("adopted", wire.DnOrder, s.w.order(s.d.look(), order.ActAdopt, nil), order.Applied)
		s.expect("a bolus then", wire.DnOrder, s.w.order(s.d.look(), order.ActBolus, nil), order.Applied)
	})
}

// TestCaseKeysetChangesWhilePending: a rotated key counts for what it signed in its
// life; a revoked one does not, whenever it signed.
func TestCaseKeysetChangesWhilePending(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		v := s.d.look()
		p := s.w.prescription(&v, order.ActSettings, nil)
		q := s.w.prescription(&v, order.ActProgram, more)
		for i := range s.w.keys.Keys {
			if k := &s.w.keys.Keys[i]; k.Person == "ben" {
				k.NotAfter = time.Now().Unix() + 10 // rotated: this key signs nothing new
			}
		}
		s.w.keys.Version++
		s.w.publish(t)
		s.expect("ben's key is rotated", wire.DnKeyset, s.w.keyset, order.Applied)
		pass(time.Minute)
		// He signed before that.
		signed := s.w.envelope(&v, p, signing{release: func(r *order.Release) {
			r.Keyset, r.IssuedAt, r.Expires = s.w.keys.Version, r.IssuedAt+60, r.Expires+60
		}})
		s.expect("what ben signed in its life", wire.DnOrder, signed, order.Applied)
		s.w.keys.Version++
		s.w.keys.Revoked = []order.Digest{s.w.key("ben")}
		s.w.publish(t)
		s.expect("ben's key is revoked", wire.DnKeyset, s.w.keyset, order.Applied)
		v = s.d.look()
		q.State = v.State.Hash()
		s.refused("what ben signed", wire.DnOrder, s.w.envelope(&v, q, signing{}), order.ErrRevoked, false)
	})
}

// TestCaseCommunicatorSwapped: the release addresses the pump, whatever carries it.
func TestCaseCommunicatorSwapped(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		b := s.w.order(s.d.look(), order.ActProgram, more)
		before := s.d.look().State.Gen
		s.d.mu.Lock()
		s.d.who.Link = "C-new"
		s.d.hangUp()
		s.d.mu.Unlock()
		s.g.know(s.d)
		pass(time.Minute)
		s.expect("by the new communicator", wire.DnOrder, b, order.Applied)
		s.expect("and again", wire.DnOrder, b, order.Applied)
		if v := s.d.look(); v.State.Gen != before+1 {
			t.Errorf("generation %d after %d", v.State.Gen, before)
		}
	})
}

// TestCaseServerWithholdsAnswers: the server that hears nothing, or says so, sends
// again, and gets the same answer; nothing is done twice.
func TestCaseServerWithholdsAnswers(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		b := s.w.order(s.d.look(), order.ActBolus, nil)
		for range 20 {
			s.expect("the bolus", wire.DnOrder, b, order.Applied)
		}
		pass(20 * time.Minute)
		// 20 µL, and the program of 200 µL a day for some forty minutes.
		if v := s.d.look(); v.Hour > 30_000 {
			t.Errorf("%s in the last hour", v.Hour)
		}
	})
}

// TestCaseServerSwapsPatients: two pumps, each handed the other's order.
func TestCaseServerSwapsPatients(t *testing.T) {
	w := newWard(t, deskStart)
	s := newDesk(t, w, profile.Sample("meander-p20"), 1)
	defer s.close()
	one := w.order(s.d.look(), order.ActProgram, more)
	first := s.d
	s.add(profile.Sample("meander-p20"))
	s.pass(time.Minute)
	two := w.order(s.d.look(), order.ActProgram, more)
	for _, tt := range []struct {
		d *Device
		b []byte
	}{{first, two}, {s.d, one}} {
		s.d = tt.d
		before := s.d.oracle()
		if got, _ := s.deliver(document{kind: wire.DnOrder, body: tt.b}); len(got) != 1 || got[0].Code != string(order.ErrAud) || s.d.oracle() != before {
			t.Errorf("%+v", got)
		}
	}
}

// TestCaseLateStop: a stop that was withheld stops nobody's therapy later.
func TestCaseLateStop(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		late, later := s.w.stop(s.d.look(), nil), s.w.stop(s.d.look(), func(x *order.Stop) { x.ID[0] ^= 1 })
		pass(12 * time.Minute)
		s.refused("after twelve minutes", wire.DnStop, late, order.ErrExpired, true)
		pass(2 * time.Hour)
		s.refused("after two hours", wire.DnStop, later, order.ErrCounter, false)
		s.refused("after two hours, with a counter that fits", wire.DnStop, s.w.stop(s.d.look(), func(x *order.Stop) {
			x.IssuedAt, x.Expires = x.IssuedAt-7200, x.Expires-7200
		}), order.ErrExpired, true)
	})
}

// TestCaseClockWrongByAYear: the windows say what is fresh, and a clock order of two
// people brings the clock back.
func TestCaseClockWrongByAYear(t *testing.T) {
	for _, years := range []int64{1, -1} {
		onWard(t, nil, func(s *scene) {
			mustInject(t, s.d, "clock-year", Fault{Value: years})
			pass(time.Minute)
			now := time.Now().Unix()
			sign := func(a order.Act, change func(*order.Prescription)) []byte {
				v := s.d.look()
				if v.Trusted || v.Now > now-86_400*300 && v.Now < now+86_400*300 {
					t.Fatalf("the clock is right: %d", v.Now)
				}
				v.Now = time.Now().Unix() // people's clocks are right
				return s.w.order(v, a, change)
			}
			s.expect("an order", wire.DnOrder, sign(order.ActProgram, more), order.Applied)
			late := sign(order.ActSettings, nil)
			pass(31 * time.Minute)
			s.refused("one that was withheld", wire.DnOrder, late, order.ErrWindow, true)
			s.expect("a clock order", wire.DnOrder, sign(order.ActClock, nil), order.Applied)
			v := s.d.look()
			if !v.Trusted || v.Now < time.Now().Unix()-5 || v.Now > time.Now().Unix()+5 {
				t.Errorf("trusted %t, %d s off", v.Trusted, v.Now-time.Now().Unix())
			}
			s.expect("by the clock again", wire.DnOrder, s.w.order(v, order.ActSettings, nil), order.Applied)
			if err := s.d.EndFault("clock-year"); err != nil {
				t.Fatal(err)
			}
			if !s.d.look().Trusted {
				t.Error("the end of the fault moved the clock that an order had set")
			}
		})
	}
}

// TestCaseCountersRunOut: at the end of the counter nothing is ordered any more,
// and a stop still is.
func TestCaseCountersRunOut(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		s.d.mu.Lock()
		s.d.memory.Counter = order.MaxCounter - 1
		s.d.mu.Unlock()
		s.expect("the last one", wire.DnOrder, s.w.order(s.d.look(), order.ActSettings, nil), order.Applied)
		v := s.d.look()
		p := s.w.prescription(&v, order.ActProgram, more)
		s.refused("one more", wire.DnOrder, s.w.envelope(&v, p, signing{}), order.ErrCounter, false)
		s.refused("the last again", wire.DnOrder, s.w.envelope(&v, p, signing{release: func(r *order.Release) { r.Counter = order.MaxCounter }}), order.ErrCounter, false)
		s.expect("a stop", wire.DnStop, s.w.stop(s.d.look(), nil), order.Applied)
	})
}

// TestCaseThreePending: the first one that is applied makes the others stale.
func TestCaseThreePending(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		v := s.d.look()
		var all [][]byte
		for i := range uint64(3) {
			p := s.w.prescription(&v, order.ActProgram, func(p *order.Prescription) { g := steady(210_000 + 10_000*units.Volume(i)); p.Program = &g })
			all = append(all, s.w.envelope(&v, p, signing{release: func(r *order.Release) { r.Counter += i }}))
		}
		s.expect("the second", wire.DnOrder, all[1], order.Applied)
		s.refused("the first", wire.DnOrder, all[0], order.ErrCounter, false)
		s.refused("the third", wire.DnOrder, all[2], order.ErrCAS, true)
		if v = s.d.look(); v.State.Program.PerCycle() != 220_000 {
			t.Errorf("%s a day", v.State.Program.PerCycle())
		}
	})
}

// TestCaseRestart: what a pump knows of orders outlives its process: counters,
// windows, answers, what was withdrawn, who it is in.
func TestCaseRestart(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		applied := s.w.order(s.d.look(), order.ActProgram, more)
		s.expect("an order", wire.DnOrder, applied, order.Applied)
		v := s.d.look()
		p := s.w.prescription(&v, order.ActSettings, nil)
		s.expect("a withdrawal", wire.DnOrder, s.w.withdraw(v, order.PrescriptionHash(p.Encode())), order.Applied)
		before := s.d.look()
		if err := s.f.Close(); err != nil {
			t.Fatal(err)
		}
		s.f = openFleet(t, s.opt)
		s.d, _ = s.f.Device("S-1")
		start(t, s.f)
		pass(time.Minute)
		after := s.d.look()
		if string(after.Memory.Encode()) != string(before.Memory.Encode()) || after.Windows.Current() != before.Windows.Current() || after.Patient != before.Patient || after.Site != before.Site || after.State.Hash() != before.State.Hash() {
			t.Errorf("%+v\n%+v", before, after)
		}
		s.expect("the order again", wire.DnOrder, applied, order.Applied)
		s.refused("what was withdrawn", wire.DnOrder, s.w.envelope(&before, p, signing{}), order.ErrGone, true)
		mustInject(t, s.d, "watchdog", Fault{})
		pass(time.Minute)
		s.refused("for a window before the boot", wire.DnOrder, s.w.envelope(&before, s.w.prescription(&before, order.ActSettings, nil), signing{release: func(r *order.Release) { r.Counter++ }}), order.ErrWindow, true)
	})
}

// TestConfirmedAtTheBedside: where the profile wants it, more of anything waits for
// a button beside the patient; less does not.
func TestConfirmedAtTheBedside(t *testing.T) {
	onWard(t, func(_ *ward, p *profile.Profile) { p.ConfirmIncrease = true }, func(s *scene) {
		increase := func() []byte {
			v := s.d.look()
			return s.w.order(v, order.ActProgram, func(p *order.Prescription) { g := steady(v.State.Program.PerCycle() + 20_000); p.Program = &g })
		}
		held := func(name string, b []byte) {
			t.Helper()
			before := s.d.oracle()
			if got := s.send(wire.DnOrder, b); len(got) != 0 || s.d.oracle() != before || s.d.Status().Orders.Held == nil {
				t.Fatalf("%s: %+v, held %+v", name, got, s.d.Status().Orders.Held)
			}
		}
		b := increase()
		held("an increase", b)
		held("sent again", b)
		s.expect("another increase meanwhile", wire.DnOrder, s.w.order(s.d.look(), order.ActBolus, nil), order.ErrBusy)
		b = func() []byte { // that one's counter is spent
			n := len(s.g.answers(t))
			pass(6 * time.Minute)
			got := s.g.answers(t)[n:]
			if len(got) != 1 || got[0].Code != string(order.ErrCounter) && got[0].Code != string(order.ErrConfirm) {
				t.Fatalf("nobody pressed: %+v", got)
			}
			return increase()
		}()
		held("a new increase", b)
		n := len(s.g.answers(t))
		mustInject(t, s.d, "confirm", Fault{})
		pass(time.Second)
		if got := s.g.answers(t)[n:]; len(got) != 1 || got[0].Code != string(order.Applied) || got[0].Doc != order.Hash(b) {
			t.Fatalf("pressed: %+v", got)
		}
		if v := s.d.look(); v.State.Program.PerCycle() != 220_000 {
			t.Errorf("%s a day", v.State.Program.PerCycle())
		}
		s.expect("again", wire.DnOrder, b, order.Applied)
		s.expect("a decrease", wire.DnOrder, s.w.order(s.d.look(), order.ActProgram, func(p *order.Prescription) { g := steady(150_000); p.Program = &g }), order.Applied)
		b = increase()
		held("one more", b)
		n = len(s.g.answers(t))
		pass(6 * time.Minute)
		if got := s.g.answers(t)[n:]; len(got) != 1 || got[0].Code != string(order.ErrConfirm) || got[0].Doc != order.Hash(b) {
			t.Fatalf("nobody pressed: %+v", got)
		}
		s.refused("too late", wire.DnOrder, b, order.ErrConfirm, false)
		if err := s.d.Inject(Fault{Kind: "confirm"}); err == nil {
			t.Error("a button was pressed for nothing")
		}
		b = increase()
		held("before a boot", b)
		mustInject(t, s.d, "watchdog", Fault{})
		pass(time.Minute)
		if s.d.Status().Orders.Held != nil {
			t.Error("a boot did not forget it")
		}
		s.refused("after the boot", wire.DnOrder, b, order.ErrWindow, true)
	})
}
