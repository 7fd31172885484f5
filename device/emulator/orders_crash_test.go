package emulator

import (
	"testing"
	"time"

	"cisterna/device/emulator/disk"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/pump"
	"cisterna/device/wire"
)

// holds is what an order may change, and what tells the old from the new.
type holds struct {
	state   order.Digest
	site    order.ID
	patient order.ID
	keyset  uint64
	counter uint64
	stops   uint64
	gone    int // withdrawn
	skew    int64
	bolus   bool
}

func (s *desk) holds() holds {
	v := s.d.look()
	return holds{
		state: v.State.Hash(), site: v.Site, patient: v.Patient, keyset: v.Keyset.Version, counter: v.Memory.Counter, stops: v.Memory.Stops,
		gone: len(v.Memory.Withdrawn), bolus: v.Busy == order.BusyBolus, skew: s.d.skew / 60_000,
	}
}

// TestPowerCutWhileAnOrderIsApplied cuts the power at every write that a pump's
// disk sees while each kind of document is carried out, in turn with nothing,
// everything and anything kept of what was not synced. The pump that starts again
// is the old one or the new one in every part, says the same when the document is
// sent again, and never does it twice.
func TestPowerCutWhileAnOrderIsApplied(t *testing.T) {
	w := newWard(t, deskStart)
	cuts := 0
	for a := order.Act(0); a <= order.ActClock+1; a++ {
		for n, went := 1, true; went; n++ {
			for _, keep := range []disk.Keep{disk.KeepNone, disk.KeepAll, disk.KeepSome} {
				if went = cutOnce(t, w, a, n, keep); went {
					cuts++
				}
			}
			if t.Failed() {
				t.Fatalf("act %d, cut at %d", a, n)
			}
		}
	}
	if cuts < 200 {
		t.Errorf("only %d cuts", cuts)
	}
	t.Logf("%d cuts", cuts)
}

// documentFor signs a document: act 0 is a stop, the one after the last is a
// withdrawal.
func (s *desk) documentFor(a order.Act) document {
	v := s.d.look()
	switch a {
	case 0:
		return document{kind: wire.DnStop, body: s.w.stop(v, nil)}
	case order.ActClock + 1:
		return document{kind: wire.DnOrder, body: s.w.withdraw(v, order.Digest{1})}
	}
	return document{kind: wire.DnOrder, body: s.w.order(v, a, func(p *order.Prescription) {
		switch a {
		case order.ActProgram:
			g := steady(220_000)
			p.Program = &g
		case order.ActTransfer:
			p.Transfer.Keyset = s.w.otherKeyset(s.t)
		}
	})}
}

func cutOnce(t *testing.T, w *ward, a order.Act, n int, keep disk.Keep) (went bool) {
	s := newDesk(t, w, profile.Sample("meander-p20"), uint64(n))
	defer func() { s.close() }()
	switch a {
	case order.ActResume:
		s.do(pump.Stop{Source: pump.SourceOrder})
	case order.ActAdopt:
		p := steady(180_000)
		s.do(pump.Change{Program: &p, Source: pump.SourceLocal})
	case order.ActClock: // to a clock that is an hour wrong
		s.d.mu.Lock()
		s.d.skew = 3_600_000
		s.d.mu.Unlock()
		s.do(pump.Tick{})
	}
	s.pass(time.Second)
	s.f.journal.Flush()
	doc := s.documentFor(a)
	before := s.holds()

	s.cut(n)
	answers, alive := s.deliver(doc)
	if alive {
		if len(answers) != 1 || answers[0].Code != string(order.Applied) {
			t.Fatalf("%d answers, %+v", len(answers), answers)
		}
		if after := s.holds(); after == before {
			t.Fatalf("nothing changed: %+v", after)
		}
		return false
	}
	s.again(keep)
	found := s.holds()
	answers, _ = s.deliver(doc)
	if len(answers) != 1 {
		t.Fatalf("act %d, cut %d: %d answers to the same again", a, n, len(answers))
	}
	later := s.holds()
	switch code := order.Code(answers[0].Code); {
	case code == order.ErrPower:
		// It was rolled back: nothing but the counter is there.
		want := before
		want.counter, want.stops = found.counter, found.stops
		if found != want || later != found {
			t.Errorf("act %d, cut %d: rolled back and changed:\n%+v\n%+v\n%+v", a, n, before, found, later)
		}
		if a == 0 {
			t.Error("a stop was rolled back")
		}
	case code == order.Applied && found == later:
		// It had been applied before the power went; now it was only said again.
		if found.state == before.state && a != order.ActBolus && a != order.ActClock+1 || a == order.ActBolus && !found.bolus || found.gone == before.gone && a == order.ActClock+1 {
			t.Errorf("act %d, cut %d: applied, and nothing changed", a, n)
		}
	case code == order.Applied && found == before:
		// It had left no trace; now it was applied.
		if later == before {
			t.Errorf("act %d, cut %d: applied, and nothing changed", a, n)
		}
	default:
		t.Errorf("act %d, cut %d: %s %s\n%+v\n%+v\n%+v", a, n, code, answers[0].Note, before, found, later)
	}
	if gen := s.d.look().State.Gen; gen > 3 {
		t.Errorf("act %d, cut %d: generation %d", a, n, gen)
	}
	// And once more from the disk: what it said, it keeps.
	s.again(disk.KeepNone)
	if kept := s.holds(); kept != later {
		t.Errorf("act %d, cut %d: it said %+v and kept %+v", a, n, later, kept)
	}
	return true
}
