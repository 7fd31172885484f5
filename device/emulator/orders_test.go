package emulator

import (
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// TestEveryActApplies: each act is carried out by an order that the right people
// signed, is read back, and sent again does nothing more.
func TestEveryActApplies(t *testing.T) {
	for a := order.ActProgram; a <= order.ActClock; a++ {
		t.Run(a.String(), func(t *testing.T) {
			onWard(t, nil, func(s *scene) {
				switch a {
				case order.ActResume:
					s.expect("a stop", wire.DnStop, s.w.stop(s.d.look(), nil), order.Applied)
				case order.ActAdopt:
					mustInject(t, s.d, "foreign-program", Fault{})
				}
				before := s.d.look()
				b := s.w.order(before, a, func(p *order.Prescription) {
					switch a {
					case order.ActProgram:
						g := steady(220_000)
						p.Program = &g
					case order.ActTransfer:
						p.Transfer.Keyset = s.w.otherKeyset(t)
					}
				})
				got := s.expect(a.String(), wire.DnOrder, b, order.Applied)
				after := s.d.look()
				if after.State.Hash() == before.State.Hash() && a != order.ActBolus || after.Memory.Counter != before.Memory.Counter+1 || got.Counter != after.Memory.Counter {
					t.Errorf("gen %d to %d, counter %d to %d, answered %d", before.State.Gen, after.State.Gen, before.Memory.Counter, after.Memory.Counter, got.Counter)
				}
				check(t, a, &before, &after, got)
				s.expect("again", wire.DnOrder, b, order.Applied)
				if again := s.d.look(); again.State.Hash() != after.State.Hash() || again.Memory.Counter != after.Memory.Counter || a == order.ActBolus && again.Day-after.Day > 25_000 {
					t.Error("it was carried out twice")
				}
			})
		})
	}
}

func check(t *testing.T, a order.Act, before, after *order.View, got wire.Answer) {
	t.Helper()
	ok := true
	switch a {
	case order.ActProgram:
		ok = after.State.Program.PerCycle() == 220_000 && got.Run == wire.Infusing
	case order.ActBolus:
		ok = after.Busy == order.BusyBolus && got.Run == wire.Bolus
	case order.ActPrime:
		ok = after.Busy == order.BusyPrime && got.Run == wire.Priming
	case order.ActVisit:
		ok = after.Fill == 18*units.Millilitre && after.Volume > 17_999_000
	case order.ActBind:
		ok = after.Patient == idOf("another patient") && after.State.Epoch == before.State.Epoch+1 && len(after.Memory.Ordered) == 0 && after.State.Run == wire.Infusing
	case order.ActSettings:
		ok = after.State.Settings == order.Settings{Low: 3 * units.Millilitre, PTMDenied: 4}
	case order.ActResume:
		ok = got.Run == wire.Infusing
	case order.ActErase:
		ok = got.Run == wire.Stopped && after.State.Program.Mode == dose.Stopped
	case order.ActAdopt:
		ok = before.Foreign && !after.Foreign && after.State.Program.PerCycle() == before.State.Program.PerCycle()
	case order.ActTransfer:
		ok = after.Site == otherSite && after.Keyset.Version == 2 && after.State.Epoch == before.State.Epoch+1
	case order.ActClock:
		ok = after.Trusted && after.Now-before.Now <= 2
	}
	if !ok {
		t.Errorf("%s: %+v", a, after.State)
	}
}

// otherKeyset is that of the site that a pump is transferred to.
func (w *ward) otherKeyset(t testing.TB) []byte {
	k := w.keys
	k.Version, k.Sites = 2, []order.ID{otherSite}
	return w.sign(t, order.TypeKeyset, k.Encode(), w.admin)
}

// TestStopAndWithdraw: one person suffices, and two of the same are one.
func TestStopAndWithdraw(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		p := s.w.prescription(new(s.d.look()), order.ActProgram, nil)
		w := s.w.withdraw(s.d.look(), order.PrescriptionHash(p.Encode()))
		s.expect("a withdrawal", wire.DnOrder, w, order.Applied)
		s.expect("the same again", wire.DnOrder, w, order.Applied)
		v := s.d.look()
		s.refused("what was withdrawn", wire.DnOrder, s.w.envelope(&v, p, signing{}), order.ErrGone, true)
		stop := s.w.stop(s.d.look(), nil)
		if a := s.expect("a stop", wire.DnStop, stop, order.Applied); a.Run != wire.Stopped || a.StopCounter != 1 {
			t.Errorf("%+v", a)
		}
		at := s.d.delivered()
		pass(time.Hour)
		s.expect("the same again", wire.DnStop, stop, order.Applied)
		if s.d.delivered() != at {
			t.Error("it infuses")
		}
	})
}

// TestDeaf: a release that does not reach a pump leaves it as it was, although it is
// heard; the same bytes are obeyed once they do.
func TestDeaf(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		b := s.w.order(s.d.look(), order.ActProgram, func(p *order.Prescription) { g := steady(220_000); p.Program = &g })
		was := s.d.oracle()
		mustInject(t, s.d, "deaf", Fault{})
		if got := s.send(wire.DnOrder, b); len(got) != 0 || s.d.oracle() != was || !s.d.Status().Connected {
			t.Fatalf("it has heard: %d answers, %+v", len(got), s.d.Status())
		}
		if err := s.d.EndFault("deaf"); err != nil {
			t.Fatal(err)
		}
		s.expect("the same bytes", wire.DnOrder, b, order.Applied)
	})
}
