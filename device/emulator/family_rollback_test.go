package emulator

import (
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// TestFamilyRollback: older documents are refused, also after a restart; a frozen
// keyset ends orders when its life does, and leaves what keeps a patient safe.
func TestFamilyRollback(t *testing.T) {
	family{order: on(rollsOrdersBack), stop: on(rollsStopsBack), keyset: on(rollsKeysetsBack), library: on(rollsLibrariesBack), answer: on(rollsAnswersBack)}.play(t)
	t.Run("root", on(func(t *testing.T, s *scene) {
		next := s.w.body
		next.Version = 3
		s.refused("a root that leaves one out", wire.DnRoot, s.w.sign(t, order.TypeRoot, next.Encode(), s.w.root), order.ErrRoot, false)
	}))
}

func rollsOrdersBack(t *testing.T, s *scene) {
	old := s.w.order(s.d.look(), order.ActSettings, nil)
	s.expect("an order", wire.DnOrder, s.w.order(s.d.look(), order.ActProgram, more), order.Applied)
	s.refused("one with the counter of before", wire.DnOrder, old, order.ErrCounter, false)
	s.restart()
	s.refused("the same after a restart", wire.DnOrder, old, order.ErrCounter, false)

	// A release that names a keyset that the pump does not have: it gets it first.
	v := s.d.look()
	ahead := signing{release: func(r *order.Release) { r.Keyset++ }}
	s.refused("a keyset ahead", wire.DnOrder, s.w.envelope(&v, s.w.prescription(&v, order.ActSettings, nil), ahead), order.ErrKeyset, false)
	s.w.keys.Version++
	s.w.keys.Expires = time.Now().Add(2 * time.Hour).Unix()
	s.w.publish(t)
	s.expect("the keyset that it named", wire.DnKeyset, s.w.keyset, order.Applied)
	s.expect("a new release", wire.DnOrder, s.w.envelope(&v, s.w.prescription(&v, order.ActSettings, nil), ahead), order.Applied)
	// Frozen: nothing newer arrives until it has expired.
	pass(3 * time.Hour)
	v = s.d.look()
	s.refused("under an expired keyset", wire.DnOrder, s.w.envelope(&v, s.w.prescription(&v, order.ActProgram, more), signing{}), order.ErrKeyset, false)
	v = s.d.look()
	s.expect("a clock order under an expired keyset", wire.DnOrder, s.w.envelope(&v, s.w.prescription(&v, order.ActClock, nil), signing{}), order.Applied)
}

func rollsStopsBack(t *testing.T, s *scene) {
	old := s.w.stop(s.d.look(), nil)
	s.expect("a stop", wire.DnStop, s.w.stop(s.d.look(), nil), order.Applied)
	s.expect("its resume", wire.DnOrder, s.w.order(s.d.look(), order.ActResume, nil), order.Applied)
	s.refused("one with the counter of before", wire.DnStop, old, order.ErrCounter, false)
	s.restart()
	s.refused("the same after a restart", wire.DnStop, old, order.ErrCounter, false)
	s.w.keys.Version++
	s.w.keys.Expires = time.Now().Add(time.Hour).Unix()
	s.w.publish(t)
	s.expect("a keyset that ends soon", wire.DnKeyset, s.w.keyset, order.Applied)
	pass(2 * time.Hour)
	s.expect("a stop under an expired keyset", wire.DnStop, s.w.stop(s.d.look(), nil), order.Applied)
	v := s.d.look()
	s.expect("the resume of what ran", wire.DnOrder, s.w.envelope(&v, s.w.prescription(&v, order.ActResume, nil), signing{}), order.Applied)
}

func rollsKeysetsBack(t *testing.T, s *scene) {
	keys := s.w.keyset
	s.w.keys.Version += 2
	s.w.keys.Revoked = []order.Digest{s.w.key("ben")}
	s.w.publish(t)
	s.expect("a newer keyset", wire.DnKeyset, s.w.keyset, order.Applied)
	old := func(when string) {
		t.Helper()
		s.refused("the old keyset "+when, wire.DnKeyset, keys, order.ErrOlder, false)
		v := s.d.look()
		s.refused("who was revoked "+when, wire.DnOrder, s.w.envelope(&v, s.w.prescription(&v, order.ActSettings, nil), signing{}), order.ErrRevoked, false)
	}
	old("at once")
	s.restart()
	old("after a restart")
	// A new communicator brings no older one either, and no other root.
	before := docsOf(t, s.f, &trust{root: s.w.root, rootDoc: s.w.rootDoc, keyset: keys, library: s.w.library, maker: s.w.maker}, profile.Sample("meander-p20"))
	if got, err := s.f.shelf.follow(s.d.docs, before); err != nil || got.keyset != s.d.docs.keyset {
		t.Errorf("a communicator brought an older keyset: %v", err)
	}
	if _, err := s.f.shelf.follow(s.d.docs, docsOf(t, s.f, newTrust(t, time.Now()), profile.Sample("meander-p20"))); err == nil {
		t.Error("a communicator brought another root")
	}
}

func rollsLibrariesBack(t *testing.T, s *scene) {
	lib := s.w.library
	s.w.lib.Version++
	s.w.lib.Name = "newer"
	s.w.publish(t)
	s.expect("a newer library", wire.DnLibrary, s.w.library, order.Applied)
	s.refused("the old one at once", wire.DnLibrary, lib, order.ErrOlder, false)
	s.restart()
	s.refused("the old one after a restart", wire.DnLibrary, lib, order.ErrOlder, false)
	before := docsOf(t, s.f, &trust{root: s.w.root, rootDoc: s.w.rootDoc, keyset: s.w.keyset, library: lib, maker: s.w.maker}, profile.Sample("meander-p20"))
	if got, err := s.f.shelf.follow(s.d.docs, before); err != nil || got.library != s.d.docs.library {
		t.Errorf("a communicator brought an older library: %v", err)
	}
}

// rollsAnswersBack: the counters that answers name never fall, over refusals,
// replays, boots and restarts.
func rollsAnswersBack(t *testing.T, s *scene) {
	b := s.w.order(s.d.look(), order.ActProgram, more)
	s.expect("an order", wire.DnOrder, b, order.Applied)
	s.expect("the next", wire.DnOrder, s.w.order(s.d.look(), order.ActSettings, nil), order.Applied)
	s.expect("the first again", wire.DnOrder, b, order.Applied)
	s.expect("a stop", wire.DnStop, s.w.stop(s.d.look(), nil), order.Applied)
	mustInject(t, s.d, "watchdog", Fault{})
	pass(time.Minute)
	s.expect("the first after a boot", wire.DnOrder, b, order.Applied)
	s.restart()
	s.expect("the first after a restart", wire.DnOrder, b, order.Applied)
	counter, stops := uint64(0), uint64(0)
	all := s.g.answers(t)
	for i, a := range all {
		if a.Counter < counter || a.StopCounter < stops {
			t.Errorf("answer %d names counters %d and %d after %d and %d", i, a.Counter, a.StopCounter, counter, stops)
		}
		counter, stops = a.Counter, a.StopCounter
	}
	if len(all) != 6 || counter != 2 || stops != 1 {
		t.Errorf("%d answers end with counters %d and %d", len(all), counter, stops)
	}
}
