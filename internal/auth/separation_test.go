package auth

import (
	"slices"
	"strings"
	"testing"

	"cisterna/internal/errs"
)

// The whole of the table, written down a second time by hand: every pair of
// roles, at one site and at two.
func TestSeparation(t *testing.T) {
	nowhere := [][2]Role{{Admin, Prescriber}, {Admin, Verifier}, {Admin, Nurse}, {Admin, Pharmacist}}
	sameSite := [][2]Role{
		{Auditor, Engineer}, {Auditor, Prescriber}, {Auditor, Verifier}, {Auditor, Nurse}, {Auditor, Pharmacist}, {Auditor, Admin},
	}
	in := func(list [][2]Role, a, b Role) bool {
		return slices.Contains(list, [2]Role{a, b}) || slices.Contains(list, [2]Role{b, a})
	}
	tried := 0
	for _, a := range Roles() {
		for _, b := range Roles() {
			tried++
			here := Separate(map[int64][]Role{1: {a}}, 1, b)
			there := Separate(map[int64][]Role{1: {a}}, 2, b)
			if got, want := there != nil, in(nowhere, a, b); got != want {
				t.Errorf("%s at one site and %s at another: %v", a, b, there)
			}
			if got, want := here != nil, in(nowhere, a, b) || in(sameSite, a, b); got != want {
				t.Errorf("%s and %s at one site: %v", a, b, here)
			}
			for _, err := range []error{here, there} {
				if err != nil && (errs.KindOf(err) != errs.Conflict || !strings.Contains(err.Error(), string(a)) || !strings.Contains(err.Error(), string(b))) {
					t.Errorf("%s and %s: %v", a, b, err)
				}
			}
			if both := Compatible(map[int64][]Role{7: {a, b}}); (both != nil) != (here != nil) {
				t.Errorf("%s and %s together: %v", a, b, both)
			}
		}
	}
	if tried != len(Roles())*len(Roles()) || tried < 49 {
		t.Fatalf("%d pairs were tried", tried)
	}
}

// Each row of the table says why, names roles that are there, and is there once.
func TestExclusionsAreWhole(t *testing.T) {
	seen := map[[2]Role]bool{}
	for _, e := range Exclusions() {
		if e.Why == "" || e.One == e.Other || !slices.Contains(Roles(), e.One) || !slices.Contains(Roles(), e.Other) {
			t.Errorf("row %+v", e)
		}
		if seen[[2]Role{e.One, e.Other}] || seen[[2]Role{e.Other, e.One}] {
			t.Errorf("row %+v is there twice", e)
		}
		seen[[2]Role{e.One, e.Other}] = true
	}
	if len(seen) < 10 {
		t.Errorf("%d rows", len(seen))
	}
}
