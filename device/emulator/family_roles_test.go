package emulator

import (
	"slices"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// mayDo is what the pump says to each part that somebody plays.
type mayDo struct{ prescribe, verify, release, stop order.Code }

// roleWard adds people who must not count, each for a reason of their own.
func roleWard(w *ward, _ *profile.Profile) {
	now := time.Now()
	all := []order.Role{order.RolePrescriber, order.RoleVerifier, order.RoleRelease, order.RoleStop}
	elsewhere := w.person("fritz", now, all...)
	elsewhere.Sites = []order.ID{otherSite}
	other := w.person("kim", now, all...)
	other.Usage = order.UsageOther
	later := w.person("jonas", now, all...)
	later.NotBefore = now.AddDate(0, 0, 1).Unix()
	gone := w.person("gerda", now, all...)
	w.keys.Keys = append(w.keys.Keys, elsewhere, other, later, gone)
	w.keys.Revoked = []order.Digest{w.key("gerda")}
	w.keys.SortKeys()
}

var everybody = map[string]mayDo{
	"anna":  {order.Applied, order.ErrRole, order.ErrRole, order.Applied},
	"ben":   {order.Applied, order.Applied, order.ErrRole, order.Applied},
	"carla": {order.ErrRole, order.Applied, order.ErrRole, order.Applied},
	"dora":  {order.ErrRole, order.ErrRole, order.Applied, order.Applied},
	"emil":  {order.ErrRole, order.ErrRole, order.ErrRole, order.Applied},
	"fritz": {order.ErrKey, order.ErrKey, order.ErrKey, order.ErrKey},
	"kim":   {order.ErrKey, order.ErrKey, order.ErrKey, order.ErrKey},
	"jonas": {order.ErrKey, order.ErrKey, order.ErrKey, order.ErrKey},
	"gerda": {order.ErrRevoked, order.ErrRevoked, order.ErrRevoked, order.ErrRevoked},
}

// TestFamilyRoles crawls every person over every part that they can play: what the
// keyset does not give them is refused. The crawl over the API's operations is in
// package web.
func TestFamilyRoles(t *testing.T) {
	scene := func(play func(t *testing.T, s *scene)) func(t *testing.T) {
		return func(t *testing.T) { onWard(t, roleWard, func(s *scene) { play(s.t, s) }) }
	}
	family{order: scene(rolesInOrders), stop: scene(rolesInStops), keyset: scene(rolesInTrust(wire.DnKeyset)), library: scene(rolesInTrust(wire.DnLibrary)), answer: scene(rolesInAnswers)}.play(t)
}

func rolesInOrders(_ *testing.T, s *scene) {
	for person, may := range everybody {
		verifier := "carla"
		if person == "carla" {
			verifier = "ben"
		}
		prescriber := "anna"
		if person == "anna" {
			prescriber = "ben"
		}
		for part, tt := range map[string]struct {
			how  signing
			code order.Code
		}{
			"prescribes": {signing{people: []string{person, verifier}}, may.prescribe},
			"verifies":   {signing{people: []string{prescriber, person}}, may.verify},
			"releases":   {signing{releaser: person}, may.release},
		} {
			v := s.d.look()
			b := s.w.envelope(&v, s.w.prescription(&v, order.ActSettings, nil), tt.how)
			if tt.code == order.Applied {
				s.expect(person+" "+part, wire.DnOrder, b, tt.code)
			} else {
				s.refused(person+" "+part, wire.DnOrder, b, tt.code, tt.code == order.ErrRole)
			}
		}
	}
	v := s.d.look()
	p := s.w.prescription(&v, order.ActSettings, nil)
	s.refused("one person twice", wire.DnOrder, s.w.envelope(&v, p, signing{people: []string{"ben", "ben"}}), order.ErrDup, true)
	v = s.d.look()
	s.refused("two who verify", wire.DnOrder, s.w.envelope(&v, p, signing{people: []string{"carla", "ben"}}), order.ErrRole, true)
}

func rolesInStops(_ *testing.T, s *scene) {
	for person, may := range everybody {
		b := s.w.stop(s.d.look(), func(x *order.Stop) { x.Person, x.Key = person, s.w.key(person) })
		if may.stop != order.Applied {
			s.refused(person+" stops", wire.DnStop, b, may.stop, false)
			continue
		}
		s.expect(person+" stops", wire.DnStop, b, may.stop)
		pass(11 * time.Minute)
		s.expect("a resume", wire.DnOrder, s.w.order(s.d.look(), order.ActResume, nil), order.Applied)
	}
}

// rolesInTrust: who may approve doses may not say whose approvals count, nor what the
// limits are, and neither of the two may do the other's.
func rolesInTrust(kind wire.Kind) func(t *testing.T, s *scene) {
	return func(t *testing.T, s *scene) {
		typ, code, right, wrong := order.TypeKeyset, order.ErrKeyset, s.w.admin, s.w.pharm
		k, l := s.w.keys, s.w.lib
		k.Version, l.Version = k.Version+1, l.Version+1
		body := k.Encode()
		if kind == wire.DnLibrary {
			typ, code, right, wrong, body = order.TypeLibrary, order.ErrDrugs, s.w.pharm, s.w.admin, l.Encode()
		}
		for person := range everybody {
			s.refused(person, kind, s.w.sign(t, typ, body, s.w.people[person].Key), code, false)
		}
		s.refused("the other office", kind, s.w.sign(t, typ, body, wrong), code, false)
		s.refused("the other office, twice", kind, s.w.sign(t, typ, body, wrong, wrong), code, false)
		s.expect("the right one", kind, s.w.sign(t, typ, body, right), order.Applied)
	}
}

// rolesInAnswers: whoever is refused hears of it in an answer that says what the pump
// still runs.
func rolesInAnswers(t *testing.T, s *scene) {
	now := s.d.look()
	before, program := now.State.Hash(), now.State.Program.Hash()
	for _, person := range []string{"carla", "dora", "fritz", "gerda", "jonas", "kim"} {
		v := s.d.look()
		a := s.expect(person, wire.DnOrder, s.w.envelope(&v, s.w.prescription(&v, order.ActProgram, more), signing{people: []string{person, "ben"}}), everybody[person].prescribe)
		if !slices.Equal(a.StateHash, before[:]) || !slices.Equal(a.ProgramHash, program[:]) || a.Run != wire.Infusing {
			t.Errorf("%s: %+v", person, a)
		}
	}
}
