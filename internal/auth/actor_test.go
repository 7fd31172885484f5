package auth

import (
	"slices"
	"testing"
)

func TestActorRights(t *testing.T) {
	anna := Actor{ID: 7, Login: "anna", Roles: map[int64][]Role{2: {Nurse}, 1: {Engineer, Auditor}, 3: nil}}
	for name, c := range map[string]struct{ got, want bool }{
		"role held":             {anna.Has(1, Engineer), true},
		"one of two":            {anna.Has(1, Admin, Auditor), true},
		"role of another site":  {anna.Has(2, Engineer), false},
		"any role":              {anna.Has(2), true},
		"no role left":          {anna.Has(3), false},
		"unknown site":          {anna.Has(4), false},
		"anywhere":              {anna.HasAnywhere(Nurse), true},
		"nowhere":               {anna.HasAnywhere(Admin), false},
		"system":                {System("sweep").Has(9, Admin), true},
		"device":                {Device("COMM-1").Has(9), false},
		"device named system":   {Device("system:x").Has(9), false},
		"nobody":                {Actor{}.HasAnywhere(Roles()...), false},
		"nobody manages nobody": {Actor{}.Manages(Actor{}), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v", name, c.got)
		}
	}
	if got := anna.Scope(); got.All || !slices.Equal(got.Sites, []int64{1, 2}) {
		t.Errorf("scope %+v", got)
	}
	if !System("x").Scope().Allows(5) || Device("x").Scope().Allows(5) || (Scope{}).Allows(0) {
		t.Error("scopes of system, device or nobody")
	}
	for want, a := range map[string]Actor{"person:7 anna": anna, "system:sweep": System("sweep"), "device:COMM-1": Device("COMM-1"), "nobody": {}} {
		if a.String() != want {
			t.Errorf("%q, want %q", a, want)
		}
	}
}
