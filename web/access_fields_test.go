package web

import (
	"strings"
	"testing"

	"cisterna/internal/auth"
	"cisterna/web/api"
)

// What a role may not read is absent.
func TestPayloadsOfTheRecord(t *testing.T) {
	f := newFixture(t)
	f.pump(f.a)
	for role, sees := range map[string]bool{"engineer": true, "auditor": true, "admin": true, "nurse": false, "prescriber": false, "verifier": false, "pharmacist": false} {
		items := f.signIn(role).do("GET", "/api/v1/audit?kind=pump.register", nil).json()["items"].([]any)
		if len(items) != 1 {
			t.Fatalf("%s sees %d entries", role, len(items))
		}
		if got := items[0].(map[string]any)["payload"] != nil; got != sees {
			t.Errorf("%s sees the payload: %v", role, got)
		}
	}
	// Sign-ins concern no site: they are for who audits all sites.
	kinds := func(login string) string {
		return string(f.signIn(login).do("GET", "/api/v1/audit?kind=auth.", nil).body)
	}
	for _, fl := range api.Fields() {
		if fl.Operation != "list-audit" || fl.Member != "items[].payload" || len(fl.Roles) != 3 {
			t.Errorf("the table of members has a row that nobody tries: %+v", fl)
		}
	}
	if strings.Contains(kinds("auditor"), "auth.sign_in") {
		t.Error("an auditor of one site sees everybody's sign-ins")
	}
	f.person("chief", f.a, auth.Auditor)
	f.person("chief", f.b, auth.Auditor)
	if !strings.Contains(kinds("chief"), "auth.sign_in") {
		t.Error("an auditor of all sites sees no sign-ins")
	}
}
