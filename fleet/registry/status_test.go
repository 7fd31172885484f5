package registry

import (
	"testing"

	"cisterna/internal/errs"
)

// TestMoves goes through every status and every act, so that a move nobody meant
// to allow does not pass.
func TestMoves(t *testing.T) {
	allowed := map[Status]map[Act]Status{
		Registered: {ActEnrol: Active, ActRevoke: Revoked, ActManual: Manual, ActExplant: Explanted, ActRetire: Retired},
		Active:     {ActEnrol: Active, ActRevoke: Revoked, ActManual: Manual, ActExplant: Explanted, ActRetire: Retired},
		Revoked:    {ActReinstate: Registered, ActExplant: Explanted, ActRetire: Retired},
		Manual:     {ActLink: Registered, ActExplant: Explanted, ActRetire: Retired},
		Explanted:  {ActRetire: Retired},
		Retired:    {},
	}
	if len(Statuses()) != len(allowed) || len(Acts()) != len(moves) {
		t.Fatalf("%d statuses and %d acts, want %d and %d", len(Statuses()), len(Acts()), len(allowed), len(moves))
	}
	for _, from := range Statuses() {
		for _, act := range Acts() {
			want, ok := allowed[from][act]
			got, err := from.After(act)
			switch {
			case ok && (err != nil || got != want):
				t.Errorf("%s, %s: got %s, %v; want %s", from, act, got, err, want)
			case !ok && (errs.KindOf(err) != errs.Conflict || got != from):
				t.Errorf("%s, %s: got %s, %v; want a conflict", from, act, got, err)
			}
		}
	}
	if _, err := Active.After("nonsense"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("an unknown act: %v, want a conflict", err)
	}
	// Whatever ends trust ends the link, and what ends a link says what becomes
	// of the communicator and who may do it.
	for _, act := range Acts() {
		if _, ok := commAfter[act]; ok != act.endsLink() {
			t.Errorf("%s: endsLink is %v, communicator's status known: %v", act, act.endsLink(), ok)
		}
		if roles := actRoles[act]; (act == ActEnrol) != (len(roles) == 0) {
			t.Errorf("%s: roles %v", act, roles)
		}
		if to := moves[act].to; (to == Revoked || to == Manual || to == Explanted || to == Retired) != act.endsLink() {
			t.Errorf("%s leads to %s and endsLink is %v", act, to, act.endsLink())
		}
	}
}
