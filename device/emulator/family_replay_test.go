package emulator

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
)

// TestFamilyReplay: what was recorded and is sent again is answered again, at once,
// after a reboot, after an hour, and in any order; and it is not done again.
func TestFamilyReplay(t *testing.T) {
	family{order: on(replaysOrders), stop: on(replaysStops), keyset: on(replaysKeysets), library: on(replaysLibraries), answer: on(replaysAnswers)}.play(t)
}

func replaysOrders(t *testing.T, s *scene) {
	var old [][]byte
	for i, a := range []order.Act{order.ActProgram, order.ActBolus, order.ActSettings} {
		if i > 0 {
			pass(20 * time.Minute) // the bolus ends
		}
		b := s.w.order(s.d.look(), a, func(p *order.Prescription) {
			if a == order.ActProgram {
				more(p)
			}
		})
		s.expect(a.String(), wire.DnOrder, b, order.Applied)
		old = append(old, b)
	}
	pass(20 * time.Minute)
	again := func(when string) {
		t.Helper()
		for _, turn := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {0, 2, 1}, {2, 0, 1}, {1, 0, 2}} {
			for _, i := range turn {
				s.refused(fmt.Sprintf("order %d %s", i, when), wire.DnOrder, old[i], order.Applied, false) // answered, not done
			}
		}
	}
	again("at once")
	mustInject(t, s.d, "watchdog", Fault{})
	pass(time.Minute)
	again("after a reboot")
	pass(time.Hour)
	again("after an hour")
	// What dropped out of the memory is below the counter.
	s.forget()
	for i, b := range old {
		s.refused(fmt.Sprintf("order %d, long forgotten", i), wire.DnOrder, b, order.ErrCounter, false)
	}
}

func (s *scene) forget() {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.d.memory.Answers = nil
}

func replaysStops(t *testing.T, s *scene) {
	stop := s.w.stop(s.d.look(), nil)
	s.expect("a stop", wire.DnStop, stop, order.Applied)
	s.expect("and its resume", wire.DnOrder, s.w.order(s.d.look(), order.ActResume, nil), order.Applied)
	s.refused("at once", wire.DnStop, stop, order.Applied, false)
	mustInject(t, s.d, "watchdog", Fault{})
	pass(time.Minute)
	s.refused("after a reboot", wire.DnStop, stop, order.Applied, false)
	pass(time.Hour)
	s.refused("after an hour", wire.DnStop, stop, order.Applied, false)
	s.forget()
	s.refused("long forgotten", wire.DnStop, stop, order.ErrCounter, false)
}

func replaysKeysets(_ *testing.T, s *scene) {
	old, next := s.w.keyset, s.nextKeyset(func(k *order.Keyset) { k.Revoked = []order.Digest{s.w.key("ben")} })
	s.expect("a new keyset", wire.DnKeyset, next, order.Applied)
	s.refused("the new one again", wire.DnKeyset, next, order.Applied, false)
	for range 3 {
		s.refused("the old one", wire.DnKeyset, old, order.ErrOlder, false)
	}
	v := s.d.look()
	s.refused("whom the old one trusted", wire.DnOrder, s.w.envelope(&v, s.w.prescription(&v, order.ActSettings, nil), signing{}), order.ErrRevoked, false)
}

func replaysLibraries(t *testing.T, s *scene) {
	old, next := s.w.library, s.nextLibrary(func(l *order.Library) { l.Name = "next" })
	s.expect("a new library", wire.DnLibrary, next, order.Applied)
	s.refused("the new one again", wire.DnLibrary, next, order.Applied, false)
	for range 3 {
		s.refused("the old one", wire.DnLibrary, old, order.ErrOlder, false)
	}
	if got := s.d.Status().Library; got != s.w.lib.Version+1 {
		t.Errorf("library %d is in force", got)
	}
}

// replaysAnswers: what a pump once signed is no document to any pump, and an answer
// to a replay says the same of the document and the truth of the pump.
func replaysAnswers(t *testing.T, s *scene) {
	b := s.w.order(s.d.look(), order.ActProgram, more)
	first := s.expect("an order", wire.DnOrder, b, order.Applied)
	s.expect("a change meanwhile", wire.DnOrder, s.w.order(s.d.look(), order.ActSettings, nil), order.Applied)
	again := s.expect("the order again", wire.DnOrder, b, order.Applied)
	now := s.d.look()
	state := now.State.Hash()
	if again.Doc != first.Doc || again.Code != first.Code || !slices.Equal(again.StateHash, state[:]) || slices.Equal(again.StateHash, first.StateHash) {
		t.Errorf("first %+v, again %+v", first, again)
	}
	for i, b := range s.sealed() {
		for kind, code := range map[wire.Kind]order.Code{wire.DnOrder: order.ErrFormat, wire.DnStop: order.ErrFormat, wire.DnKeyset: order.ErrKeyset, wire.DnLibrary: order.ErrDrugs} {
			s.refused(fmt.Sprintf("answer %d by %s", i, kind), kind, b, code, false)
		}
	}
}
