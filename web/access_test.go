package web

import (
	"maps"
	"slices"
	"testing"

	"cisterna/internal/auth"
	"cisterna/internal/token"
	"cisterna/web/api"
)

// Everybody asks for everything, and gets exactly what the table says.
func TestWhoMayCallWhat(t *testing.T) {
	f := newFixture(t)
	table, attempts, all := api.Operations(), f.attempts(), f.personas()
	for op := range attempts {
		if _, ok := table[op]; !ok {
			t.Errorf("there is no operation %s", op)
		}
	}
	asked := 0
	for _, op := range slices.Sorted(maps.Keys(table)) {
		who, try := table[op], attempts[op]
		if try == nil {
			t.Errorf("%s: nobody tries it", op)
			continue
		}
		for _, p := range all {
			if who.Anyone && p.signed {
				continue // signing in or out would change who they are
			}
			asked++
			if v := f.violation(op, who, try, p); v != "" {
				t.Error(v)
			}
		}
	}
	t.Logf("%d operations, %d people and programs, %d requests", len(table), len(all), asked)
	if asked < 800 {
		t.Errorf("only %d requests were made", asked)
	}
}

// The test above can fail: each way in which the table and the server could
// differ is noticed.
func TestTheTableCanFail(t *testing.T) {
	f := newFixture(t)
	table, attempts, all := api.Operations(), f.attempts(), f.personas()
	for name, c := range map[string]struct {
		op     string
		change func(*api.Access)
	}{
		"a role too few":              {"retire-pump", func(a *api.Access) { a.Roles = []auth.Role{auth.Nurse} }},
		"a role too many":             {"retire-pump", func(a *api.Access) { a.Roles = append(slices.Clone(a.Roles), auth.Nurse) }},
		"every role":                  {"disable-person", func(a *api.Access) { a.Roles = nil }},
		"roles where there are none":  {"status", func(a *api.Access) { a.Roles = []auth.Role{auth.Admin} }},
		"anyone":                      {"list-pumps", func(a *api.Access) { a.Anyone = true }},
		"a thing of no site":          {"get-pump", func(a *api.Access) { a.Of = api.OfNothing }},
		"a list that is about a site": {"list-pumps", func(a *api.Access) { a.Of = api.OfSite }},
		"not hidden":                  {"revoke-token", func(a *api.Access) { a.Hidden = false }},
		"hidden":                      {"get-person", func(a *api.Access) { a.Hidden = true }},
		"anybody's":                   {"get-run", func(a *api.Access) { a.Own = false }},
		"only one's own":              {"edit-group", func(a *api.Access) { a.Own = true }},
		"no token":                    {"list-pumps", func(a *api.Access) { a.Token = "" }},
		"a token":                     {"grant-role", func(a *api.Access) { a.Token = token.PeopleRead }},
		"not in a visit":              {"list-orders", func(a *api.Access) { a.Visit = false }},
		"in a visit":                  {"due-work", func(a *api.Access) { a.Visit = true }},
		"not of the visited pump":     {"get-order", func(a *api.Access) { a.Of = api.OfComm }},
		"a token of another scope":    {"list-alarms", func(a *api.Access) { a.Token = token.PumpsRead }},
	} {
		who, try := table[c.op], attempts[c.op]
		for _, p := range all {
			if v := f.violation(c.op, who, try, p); v != "" && !(who.Anyone && p.signed) {
				t.Fatalf("before: %s", v)
			}
		}
		c.change(&who)
		found := 0
		for _, p := range all {
			if f.violation(c.op, who, try, p) != "" {
				found++
			}
		}
		if found == 0 {
			t.Errorf("%s: %s would not be noticed", c.op, name)
		}
	}
}

// Every role there is asks, at both sites: a new one is not forgotten.
func TestEveryRoleAsks(t *testing.T) {
	f := newFixture(t)
	all := f.personas()
	for _, r := range auth.Roles() {
		for at, has := range map[string]func(persona) bool{
			"the site":     func(p persona) bool { return p.scopes == nil && slices.Equal(p.here, []auth.Role{r}) },
			"another site": func(p persona) bool { return p.scopes == nil && slices.Equal(p.there, []auth.Role{r}) },
		} {
			if !slices.ContainsFunc(all, has) {
				t.Errorf("nobody asks as %s of %s", r, at)
			}
		}
	}
}
