package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"cisterna/internal/auth"
	"cisterna/web/api"
)

// attempt is how a test calls an operation.
type attempt struct {
	method, path string
	body         any
	ok           []int // statuses that mean: it was done, or would have been
}

// attempts makes, for each operation, a fresh thing of site A and the request
// about it. An operation that is missing here fails the test.
func (f *fixture) attempts() map[string]func() attempt {
	why := map[string]string{"reason": "as a test"}
	revoked := func() string {
		p := f.pump(f.a)
		var n int64
		_, _ = fmt.Sscan(p, &n)
		if _, err := f.reg.Revoke(f.Context(), auth.System("test"), n, "for a test"); err != nil {
			f.Fatal(err)
		}
		return p
	}
	onPump := func(method, suffix string, body any, ok ...int) func() attempt {
		return func() attempt { return attempt{method, "/api/v1/pumps/" + f.pump(f.a) + suffix, body, ok} }
	}
	plain := func(method, path string, body any, ok ...int) func() attempt {
		return func() attempt { return attempt{method, path, body, ok} }
	}
	serial := 0
	return map[string]func() attempt{
		"sign-in":     plain("POST", "/api/v1/session", map[string]string{"login": "nurse", "password": password}, 200),
		"sign-out":    plain("DELETE", "/api/v1/session", nil, 204),
		"me":          plain("GET", "/api/v1/session", nil, 200),
		"demo-people": plain("GET", "/api/v1/session/demo", nil, 404),
		"status":      plain("GET", "/api/v1/status", nil, 200),
		"list-sites":  plain("GET", "/api/v1/sites", nil, 200),
		"list-pumps":  plain("GET", "/api/v1/pumps", nil, 200),
		"live":        plain("GET", "/api/v1/live", nil, 426), // not a websocket, but let in
		"get-pump":    onPump("GET", "", nil, 200),
		"telemetry":   onPump("GET", "/telemetry?from=2026-11-22T00:00:00Z&to=2026-11-22T06:00:00Z", nil, 200),
		"timeline":    onPump("GET", "/timeline", nil, 200),
		"refusals":    onPump("GET", "/refusals", nil, 200),
		"register-pump": func() attempt {
			serial++
			return attempt{"POST", "/api/v1/pumps", map[string]any{"site": fmt.Sprint(f.a), "serial": fmt.Sprintf("NEW-%d", serial), "model": "Meander P20", "profile": "meander-p20"}, []int{201}}
		},
		"import-pumps": func() attempt {
			serial++
			return attempt{"POST", "/api/v1/pumps/import?site=" + fmt.Sprint(f.a), []byte(fmt.Sprintf("serial,model,profile\nIMP-%d,Meander P20,meander-p20\n", serial)), []int{200}}
		},
		"export-pumps":      plain("GET", "/api/v1/pumps/export", nil, 200),
		"claim-pump":        onPump("POST", "/claim", map[string]any{}, 200),
		"revoke-pump":       onPump("POST", "/revoke", why, 200),
		"explant-pump":      onPump("POST", "/explant", why, 200),
		"retire-pump":       onPump("POST", "/retire", why, 200),
		"swap-communicator": onPump("POST", "/communicator", map[string]string{"serial": "COMM-9", "reason": "broken"}, 409), // it has none
		"reinstate-pump":    func() attempt { return attempt{"POST", "/api/v1/pumps/" + revoked() + "/reinstate", why, []int{200}} },
		"list-alarms":       plain("GET", "/api/v1/alarms", nil, 200),
		"acknowledge-alarm": func() attempt {
			return attempt{"POST", "/api/v1/alarms/" + f.alarm(f.pump(f.a), "COMM_LOST") + "/acknowledge", map[string]string{"note": "seen"}, []int{200}}
		},
		"list-audit":       plain("GET", "/api/v1/audit", nil, 200),
		"audit-checkpoint": plain("GET", "/api/v1/audit/checkpoint", nil, 404), // there is none yet
		"audit-proof": func() attempt {
			f.pump(f.a)
			var id int64
			if err := f.db.Get(&id, `SELECT max(id) FROM audit_leaf WHERE site_id = $1`, f.a); err != nil {
				f.Fatal(err)
			}
			return attempt{"GET", fmt.Sprintf("/api/v1/audit/%d/proof", id), nil, []int{200}}
		},
	}
}

// Everybody asks for everything: nobody, people of another site, and people of
// the site in each role.
func TestWhoMayCallWhat(t *testing.T) {
	f := newFixture(t)
	table, attempts := api.Operations(), f.attempts()
	for op := range attempts {
		if _, ok := table[op]; !ok {
			t.Errorf("there is no operation %s", op)
		}
	}
	nobody := f.stranger()
	forged := f.stranger()
	forged.cookie = &http.Cookie{Name: "cisterna", Value: auth.NewToken().Reveal()}
	people := map[auth.Role]*browser{}
	for _, r := range auth.Roles() {
		people[r] = f.signIn(string(r))
	}
	elsewhere := map[string]*browser{"engineer-b": f.signIn("engineer-b"), "admin-b": f.signIn("admin-b")}
	for _, op := range slices.Sorted(maps.Keys(table)) {
		who, try := table[op], attempts[op]
		if try == nil {
			t.Errorf("%s: nobody tries it", op)
			continue
		}
		var done []int
		call := func(b *browser) response {
			c := *b // a cookie that changes stays here
			a := try()
			done = a.ok
			return c.do(a.method, a.path, a.body)
		}
		ok := func(r response) bool { return slices.Contains(done, r.status) }
		if who.Anyone {
			for name, b := range map[string]*browser{"nobody": nobody, "a forged cookie": forged} {
				if r := call(b); !ok(r) {
					t.Errorf("%s by %s: %d %s", op, name, r.status, r.body)
				}
			}
			continue
		}
		for name, b := range map[string]*browser{"nobody": nobody, "a forged cookie": forged} {
			if r := call(b); r.status != 401 || r.code() != "unauthorized" {
				t.Errorf("%s by %s: %d %s", op, name, r.status, r.body)
			}
		}
		for name, b := range elsewhere {
			r := call(b)
			switch who.Of {
			case api.OfPump, api.OfAlarm:
				if r.status != 404 {
					t.Errorf("%s of another site by %s: %d %s", op, name, r.status, r.body)
				}
			case api.OfSite:
				if op == "import-pumps" && r.status == 200 { // an engineer's file is answered line by line
					if !strings.Contains(string(r.body), `"created":0,"refused":1`) {
						t.Errorf("%s of another site by %s: %d %s", op, name, r.status, r.body)
					}
				} else if r.status != 404 && (op != "import-pumps" || r.status != 403) {
					t.Errorf("%s of another site by %s: %d %s", op, name, r.status, r.body)
				}
			case api.OfRecord:
				if op == "audit-proof" && r.status != 404 || strings.Contains(string(r.body), "SN-") {
					t.Errorf("%s of another site by %s: %d %s", op, name, r.status, r.body)
				}
			case api.OfSites:
				if !ok(r) || strings.Contains(string(r.body), fmt.Sprintf("SN-%d-", f.a)) || strings.Contains(string(r.body), "ALPHA") {
					t.Errorf("%s by %s: %d %.200s", op, name, r.status, r.body)
				}
			default:
				if !ok(r) {
					t.Errorf("%s by %s: %d %s", op, name, r.status, r.body)
				}
			}
		}
		for role, b := range people {
			r := call(b)
			allowed := who.Roles == nil || slices.Contains(who.Roles, role)
			switch {
			case allowed && !ok(r):
				t.Errorf("%s by %s: %d %s, want it done", op, role, r.status, r.body)
			case !allowed && (r.status != 403 || r.code() != "denied"):
				t.Errorf("%s by %s: %d %s, want 403", op, role, r.status, r.body)
			}
		}
	}
}

// Every address that is described is in the table, and the other way round.
func TestTableIsComplete(t *testing.T) {
	f := newFixture(t)
	table := api.Operations()
	described := map[string]bool{}
	for path, item := range f.srv.API().OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "DELETE": item.Delete, "PUT": item.Put, "PATCH": item.Patch} {
			if op == nil {
				continue
			}
			described[op.OperationID] = true
			who, ok := table[op.OperationID]
			if !ok {
				t.Errorf("%s %s is not in the table", method, path)
			}
			if who.Anyone {
				continue
			}
			address := strings.ReplaceAll(path, "{id}", "1")
			if r := f.stranger().do(method, address, nil); r.status != 401 {
				t.Errorf("%s %s by nobody: %d", method, path, r.status)
			}
		}
	}
	if len(described) != len(table) || len(table) < 20 {
		t.Errorf("%d operations are described, %d are in the table", len(described), len(table))
	}
}

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
	if strings.Contains(kinds("auditor"), "auth.sign_in") {
		t.Error("an auditor of one site sees everybody's sign-ins")
	}
	f.person("chief", f.a, auth.Auditor)
	f.person("chief", f.b, auth.Auditor)
	if !strings.Contains(kinds("chief"), "auth.sign_in") {
		t.Error("an auditor of all sites sees no sign-ins")
	}
}
