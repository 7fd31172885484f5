package web

import (
	"slices"
	"strings"
	"testing"

	"cisterna/internal/auth"
	"cisterna/web/api"
)

// An id of another kind of thing, or of none, names nothing.
func TestForeignIDs(t *testing.T) {
	f := newFixture(t)
	chief := f.signIn("engineer")
	f.person("chief-admin", f.a, auth.Admin)
	admin := f.signIn("chief-admin")
	tried := 0
	for path, item := range f.srv.API().OpenAPI().Paths {
		if strings.Count(path, "{") != 1 || !strings.Contains(path, "{id}") {
			continue
		}
		for method, op := range operationsOf(item) {
			who := api.Operations()[op.OperationID]
			b := chief
			if slices.Contains(who.Roles, auth.Admin) {
				b = admin
			}
			body := f.attempts()[op.OperationID]().body
			for _, id := range []string{"0", "-1", "01", "1e3", "999999999", "9223372036854775808", "1%27--", "%00", "..%2f1", "1%20OR%201=1", "%F0%9F%92%A9"} {
				tried++
				if r := b.do(method, strings.ReplaceAll(path, "{id}", id), body); r.status != 404 && r.status != 422 || strings.Contains(string(r.body), "pq:") {
					t.Errorf("%s %s with id %s: %d %.200s", method, path, id, r.status, r.body)
				}
			}
		}
	}
	if tried < 100 {
		t.Fatalf("%d ids were tried", tried)
	}
}
