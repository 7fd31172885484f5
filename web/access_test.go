package web

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"cisterna/fleet/lists"
	"cisterna/internal/auth"
	"cisterna/internal/token"
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
	onPerson := func(method, suffix string, body any, ok ...int) func() attempt {
		return func() attempt {
			return attempt{method, fmt.Sprintf("/api/v1/people/%d%s", f.someone(f.a, auth.Nurse), suffix), body, ok}
		}
	}
	plain := func(method, path string, body any, ok ...int) func() attempt {
		return func() attempt { return attempt{method, path, body, ok} }
	}
	serial := 0
	all := map[string]func() attempt{
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
		"explant-pump":      onPump("POST", "/explant", map[string]string{"reason": "as a test", "on": "2026-01-31", "fate": "kept"}, 200),
		"retire-pump":       onPump("POST", "/retire", why, 200),
		"swap-communicator": onPump("POST", "/communicator", map[string]string{"serial": "COMM-9", "reason": "broken"}, 409), // it has none
		"reinstate-pump":    func() attempt { return attempt{"POST", "/api/v1/pumps/" + revoked() + "/reinstate", why, []int{200}} },
		"search-pumps":      plain("GET", "/api/v1/pumps/search?q=status:registered&limit=1000", nil, 200),
		"count-pumps":       plain("GET", "/api/v1/pumps/count?facets=site,model", nil, 200),
		"table-pumps":       plain("GET", "/api/v1/pumps/table", nil, 200),
		"pump-fields":       plain("GET", "/api/v1/pumps/fields", nil, 200),
		"list-tags":         plain("GET", "/api/v1/tags", nil, 200),
		"tag-pump":          onPump("POST", "/tags", map[string]any{"add": []string{"ward-3"}}, 200),
		"list-groups":       plain("GET", "/api/v1/groups", nil, 200),
		"create-group": func() attempt {
			serial++
			return attempt{"POST", "/api/v1/groups", map[string]string{"site": fmt.Sprint(f.a), "name": fmt.Sprintf("ALPHA %d", serial)}, []int{201}}
		},
		// Without If-Match nothing is changed, but whoever may not is told so first.
		"edit-group": func() attempt {
			return attempt{"PUT", "/api/v1/groups/" + f.group(), map[string]string{"name": "x"}, []int{428}}
		},
		"delete-group": func() attempt { return attempt{"DELETE", "/api/v1/groups/" + f.group(), nil, []int{428}} },
		"set-group-member": func() attempt {
			return attempt{"POST", "/api/v1/groups/" + f.group() + "/pumps", map[string]any{"pump": f.pump(f.a), "in": true}, []int{204}}
		},
		"list-views": plain("GET", "/api/v1/views", nil, 200),
		"create-view": func() attempt {
			serial++
			return attempt{"POST", "/api/v1/views", map[string]string{"name": fmt.Sprintf("View %d", serial)}, []int{201}}
		},
		"edit-view": func() attempt {
			return attempt{"PUT", "/api/v1/views/" + f.view(), map[string]string{"name": "x", "site": fmt.Sprint(f.a)}, []int{428}}
		},
		"delete-view": func() attempt { return attempt{"DELETE", "/api/v1/views/" + f.view(), nil, []int{428}} },
		// Somebody who sees no pump has nothing to freeze.
		"freeze-pumps": plain("POST", "/api/v1/pumps/frozen", map[string]string{"q": ""}, 201, 422),
		"begin-run": func() attempt {
			return attempt{"POST", "/api/v1/runs", map[string]any{"frozen": f.frozen(), "action": "tag", "tags": []string{"x"}}, []int{201}}
		},
		"revoke-pumps": func() attempt {
			return attempt{"POST", "/api/v1/runs/revoke", map[string]string{"frozen": f.frozen(), "reason": "as a test"}, []int{201}}
		},
		"list-runs": plain("GET", "/api/v1/runs", nil, 200),
		"get-run":   func() attempt { return attempt{"GET", "/api/v1/runs/" + f.run(), nil, []int{200}} },
		"run-items": func() attempt { return attempt{"GET", "/api/v1/runs/" + f.run() + "/items", nil, []int{200}} },
		"stop-run":  func() attempt { return attempt{"POST", "/api/v1/runs/" + f.run() + "/stop", nil, []int{200}} },
		"run-slips": func() attempt {
			return attempt{"POST", "/api/v1/runs/" + f.run() + "/slips", map[string]any{}, []int{200}}
		},

		"create-site": func() attempt {
			serial++
			return attempt{"POST", "/api/v1/sites", map[string]string{"name": "Clinic", "short": fmt.Sprintf("N-%d", serial), "time_zone": "UTC"}, []int{201}}
		},
		// Without If-Match nothing is changed, but whoever may not is told so first.
		"change-site": func() attempt {
			return attempt{"PUT", "/api/v1/sites/" + fmt.Sprint(f.a), map[string]string{"name": "Clinic ALPHA", "short": "ALPHA", "time_zone": "UTC", "reason": "as a test"}, []int{428}}
		},
		"list-roles":  plain("GET", "/api/v1/roles", nil, 200),
		"list-people": plain("GET", "/api/v1/people?limit=500", nil, 200),
		"get-person":  onPerson("GET", "", nil, 200),
		"add-person": func() attempt {
			serial++
			return attempt{"POST", "/api/v1/people", map[string]string{"login": fmt.Sprintf("new-%d", serial), "name": "New", "site": fmt.Sprint(f.a), "role": "nurse", "reason": "as a test"}, []int{201}}
		},
		"invite-person": func() attempt {
			serial++
			login := fmt.Sprintf("guest-%d", serial)
			f.person(login, f.b, auth.Nurse)
			return attempt{"POST", "/api/v1/people/invite", map[string]string{"login": login, "site": fmt.Sprint(f.a), "role": "nurse", "reason": "as a test"}, []int{200}}
		},
		"grant-role":     onPerson("POST", "/grant", map[string]string{"site": fmt.Sprint(f.a), "role": "engineer", "reason": "as a test"}, 200),
		"withdraw-role":  onPerson("POST", "/withdraw", map[string]string{"site": fmt.Sprint(f.a), "role": "nurse", "reason": "as a test"}, 200),
		"disable-person": onPerson("POST", "/disable", why, 200),
		"enable-person":  onPerson("POST", "/enable", why, 200),
		"end-sessions":   onPerson("POST", "/end-sessions", why, 200),

		"list-tokens":      plain("GET", "/api/v1/tokens", nil, 200),
		"list-site-tokens": plain("GET", "/api/v1/tokens/sites", nil, 200),
		"create-token":     plain("POST", "/api/v1/tokens", map[string]any{"name": "mine", "scopes": []string{"pumps.read"}, "sites": []string{fmt.Sprint(f.a)}, "days": 1}, 201),
		"revoke-token": func() attempt {
			owner := auth.Actor{ID: f.someone(f.a, auth.Nurse), Login: "someone", Roles: map[int64][]auth.Role{f.a: {auth.Nurse}}}
			_, made, err := f.tokens.Create(f.Context(), owner, token.New{Name: "to end", Scopes: []token.Scope{token.PumpsRead}, Sites: []int64{f.a}, Life: time.Hour})
			if err != nil {
				f.Fatal(err)
			}
			return attempt{"POST", fmt.Sprintf("/api/v1/tokens/%d/revoke", made.ID), why, []int{200}}
		},
		"list-alarms": plain("GET", "/api/v1/alarms", nil, 200),
		"acknowledge-alarm": func() attempt {
			return attempt{"POST", "/api/v1/alarms/" + f.alarm(f.pump(f.a), "COMM_LOST") + "/acknowledge", map[string]string{"note": "seen"}, []int{200}}
		},
		"begin-visit": func() attempt { // of a patient without a pump: let in, but there is nothing to visit
			return attempt{"POST", "/api/v1/session/visit", map[string]string{"patient": f.unbound()}, []int{409}}
		},
		"end-visit":       plain("DELETE", "/api/v1/session/visit", nil, 204),
		"ways-in":         plain("GET", "/api/v1/session/ways", nil, 200),
		"ask-passkey":     plain("POST", "/api/v1/session/passkey/ask", nil, 200),
		"sign-in-passkey": plain("POST", "/api/v1/session/passkey", map[string]any{"nonce": "x", "credential": "", "user_handle": "", "authenticator_data": "", "client_data": "", "signature": ""}, 422),
		"begin-oidc":      plain("POST", "/api/v1/session/oidc/begin", map[string]any{}, 404), // there is no provider
		"finish-oidc":     plain("POST", "/api/v1/session/oidc", map[string]any{"state": "", "code": "", "iss": "", "error": ""}, 404),
		"oidc-logout":     plain("POST", "/api/v1/session/oidc/logout", form("logout_token=x"), 404),
		"unlink":          plain("POST", "/api/v1/me/links/999/end", nil, 404),
		"begin-enrol":     plain("POST", "/api/v1/enrol/ask", map[string]string{"login": "nurse", "code": "wrong"}, 401, 429),
		"finish-enrol": plain("POST", "/api/v1/enrol", map[string]any{
			"login": "nurse", "code": "wrong", "nonce": "x", "name": "key", "authenticator_data": "", "client_data": "", "public_key": "",
		}, 422),
		"security":           plain("GET", "/api/v1/me", nil, 200),
		"begin-key":          plain("POST", "/api/v1/me/keys/ask", nil, 200),
		"add-key":            plain("POST", "/api/v1/me/keys", map[string]any{"nonce": "x", "name": "key", "authenticator_data": "", "client_data": "", "public_key": ""}, 422),
		"rename-key":         plain("POST", "/api/v1/me/keys/999/rename", map[string]string{"name": "key"}, 404), // nobody's
		"revoke-key":         plain("POST", "/api/v1/me/keys/999/revoke", why, 404),
		"end-session":        plain("POST", "/api/v1/me/sessions/999/end", nil, 404),
		"end-other-sessions": plain("POST", "/api/v1/me/sessions/end-others", nil, 204),
		"see-notices":        plain("POST", "/api/v1/me/notices/seen", map[string]string{"up_to": "1"}, 204),
		"object-to-code":     plain("POST", "/api/v1/me/codes/999/object", nil, 404),
		"begin-software-key": plain("POST", "/api/v1/me/software-key/ask", nil, 200),
		"add-software-key":   plain("POST", "/api/v1/me/software-key", map[string]any{"nonce": "x", "name": "key", "authenticator_data": "", "client_data": "", "public_key": ""}, 422),
		"list-codes":         plain("GET", "/api/v1/codes", nil, 200),
		"issue-code":         onPerson("POST", "/codes", map[string]string{"purpose": "enrol", "reason": "new here"}, 201),
		"list-person-keys":   onPerson("GET", "/keys", nil, 200),
		"revoke-person-key":  onPerson("POST", "/keys/999/revoke", why, 404), // there is none
		"confirm-code": func() attempt {
			return attempt{"POST", "/api/v1/codes/" + f.code(f.someone(f.a, auth.Nurse)) + "/confirm", nil, []int{200}}
		},
		"withdraw-code": func() attempt {
			return attempt{"POST", "/api/v1/codes/" + f.code(f.someone(f.a, auth.Nurse)) + "/withdraw", nil, []int{200}}
		},
		"set-fate": func() attempt {
			return attempt{"POST", "/api/v1/pumps/" + f.explanted(f.a) + "/fate", map[string]string{"fate": "maker", "reason": "as a test"}, []int{200}}
		},
		"replace-pump": func() attempt {
			return attempt{"POST", "/api/v1/pumps/" + f.explanted(f.a) + "/replacement", map[string]string{"new": f.pump(f.a), "reason": "as a test"}, []int{200}}
		},
		"undo-replacement": onPump("POST", "/replacement/undo", why, 409), // there is none
		"withdraw-claim":   onPump("POST", "/claim/withdraw", why, 404),   // there is none, and the role is asked first
		"edit-pump": func() attempt {
			p := f.pump(f.a)
			return attempt{"POST", "/api/v1/pumps/" + p + "/notes", map[string]any{"rev": f.rev(p), "label": "Bed 9", "notes": noNotes()}, []int{200}}
		},
		"list-profiles":      plain("GET", "/api/v1/profiles", nil, 200),
		"parse-udi":          plain("GET", "/api/v1/udi?text=%2801%2900643169001763", nil, 200),
		"list-communicators": plain("GET", "/api/v1/communicators", nil, 200),
		"get-communicator":   func() attempt { return attempt{"GET", "/api/v1/communicators/" + f.comm(f.a), nil, []int{200}} },
		"register-communicator": func() attempt {
			serial++
			return attempt{"POST", "/api/v1/communicators", map[string]string{"site": fmt.Sprint(f.a), "serial": fmt.Sprintf("NC-%d", serial), "model": "Brook"}, []int{201}}
		},
		"import-communicators": func() attempt {
			serial++
			return attempt{"POST", "/api/v1/communicators/import?site=" + fmt.Sprint(f.a), []byte(fmt.Sprintf("serial,model\nIC-%d,Brook\n", serial)), []int{200}}
		},
		"move-communicator": func() attempt {
			return attempt{"POST", "/api/v1/communicators/" + f.comm(f.a) + "/status", map[string]string{"act": "lose", "reason": "as a test"}, []int{200}}
		},
		"reserve-communicator": func() attempt {
			return attempt{"POST", "/api/v1/communicators/" + f.comm(f.a) + "/reserve", map[string]string{"pump": f.pump(f.a), "reason": "as a test"}, []int{200}}
		},
		"release-communicator": func() attempt {
			return attempt{"POST", "/api/v1/communicators/" + f.comm(f.a) + "/release", why, []int{409}} // it is not reserved
		},
		"list-pump-work": onPump("GET", "/work", nil, 200),
		"add-pump-work":  onPump("POST", "/work", map[string]string{"kind": "note", "text": "as a test"}, 201),
		"add-communicator-work": func() attempt {
			return attempt{"POST", "/api/v1/communicators/" + f.comm(f.a) + "/work", map[string]string{"kind": "note", "text": "as a test"}, []int{201}}
		},
		"end-work": func() attempt {
			return attempt{"POST", "/api/v1/work/" + f.planned(f.a) + "/end", map[string]string{"state": "done", "result": "as a test"}, []int{200}}
		},
		"due-work":         plain("GET", "/api/v1/work", nil, 200),
		"cmms-assets":      plain("GET", "/api/v1/cmms/assets", nil, 200),
		"cmms-assets-file": plain("GET", "/api/v1/cmms/assets.csv", nil, 200),
		"cmms-work":        plain("GET", "/api/v1/cmms/work", nil, 200),
		"cmms-work-file":   plain("GET", "/api/v1/cmms/work.csv", nil, 200),
		"list-readings":    onPump("GET", "/readings", nil, 200),
		"record-reading":   onPump("POST", "/readings", aReading, 201),
		"correct-reading":  onPump("POST", "/readings/999999/correct", aCorrection, 404), // the pump is asked first
		"import-readings": func() attempt {
			return attempt{"POST", "/api/v1/readings/import", []byte("serial,taken_at,taken_by,battery\n" + f.manualPump(f.a) + ",2026-01-31T10:00Z,N. Urse,ok\n"), []int{200}}
		},
		"list-recalls": plain("GET", "/api/v1/recalls", nil, 200),
		"get-recall":   func() attempt { r, _ := f.recall(f.a); return attempt{"GET", "/api/v1/recalls/" + r, nil, []int{200}} },
		"export-recall": func() attempt {
			r, _ := f.recall(f.a)
			return attempt{"GET", "/api/v1/recalls/" + r + "/export", nil, []int{200}}
		},
		"preview-recall": plain("POST", "/api/v1/recalls/preview", map[string]any{"maker": "Meander", "criteria": noCriteria("X-1")}, 200),
		"create-recall": func() attempt {
			serial++
			return attempt{"POST", "/api/v1/recalls", map[string]any{
				"reference": fmt.Sprintf("FSN-%d", serial), "maker": "Nobody", "title": "As a test", "text": "Look.", "source": "letter", "severity": "II", "issued_on": "2026-01-31",
				"criteria": noCriteria("X-1"),
			}, []int{201}}
		},
		"end-recall": func() attempt {
			r, _ := f.recall(0) // with devices, only who sees them all may
			return attempt{"POST", "/api/v1/recalls/" + r + "/end", map[string]string{"state": "withdrawn", "reason": "as a test"}, []int{200}}
		},
		"add-to-recall": func() attempt {
			r, _ := f.recall(f.a)
			return attempt{"POST", "/api/v1/pumps/" + f.pump(f.a) + "/recalls", map[string]string{"recall": r, "reason": "as a test"}, []int{200}}
		},
		"recall-device": func() attempt {
			r, p := f.recall(f.a)
			return attempt{"POST", "/api/v1/recalls/" + r + "/pumps/" + p, map[string]string{"act": "remove", "reason": "as a test"}, []int{200}}
		},
		"recall-contact": func() attempt {
			r, p := f.recall(f.a)
			return attempt{"POST", "/api/v1/recalls/" + r + "/pumps/" + p + "/contacts", map[string]string{"at": "2026-01-31T10:00:00Z", "contacted": "the patient", "way": "phone", "outcome": "reached"}, []int{201}}
		},
		"get-alarm": func() attempt {
			return attempt{"GET", "/api/v1/alarms/" + f.alarm(f.pump(f.a), "COMM_LOST"), nil, []int{200}}
		},
		"note-alarm": func() attempt {
			return attempt{"POST", "/api/v1/alarms/" + f.alarm(f.pump(f.a), "COMM_LOST") + "/note", map[string]string{"note": "seen"}, []int{200}}
		},
		"list-audit":        plain("GET", "/api/v1/audit", nil, 200),
		"audit-checkpoint":  plain("GET", "/api/v1/audit/checkpoint", nil, 404), // there is none yet
		"audit-leaves":      plain("GET", "/api/v1/audit/leaves", nil, 200),
		"audit-consistency": plain("GET", "/api/v1/audit/consistency?from=1", nil, 422), // there is no checkpoint yet
		"audit-keys":        plain("GET", "/api/v1/audit/keys", nil, 200),
		"export-audit":      plain("POST", "/api/v1/audit/export", nil, 403), // who is let in sees one of the two sites: it takes both
		"list-events":       plain("GET", "/api/v1/events?tail=1000", nil, 200),
		"event-names":       plain("GET", "/api/v1/events/names", nil, 200),
		"audit-proof": func() attempt {
			f.pump(f.a)
			var id int64
			if err := f.db.Get(&id, `SELECT max(id) FROM audit_leaf WHERE site_id = $1`, f.a); err != nil {
				f.Fatal(err)
			}
			return attempt{"GET", fmt.Sprintf("/api/v1/audit/%d/proof", id), nil, []int{200}}
		},
	}
	maps.Copy(all, f.orderAttempts())
	return all
}

// Things of the engineer of site A.

func (f *fixture) group() string {
	f.Helper()
	f.mu.Lock()
	f.spent++
	n := f.spent
	f.mu.Unlock()
	g, err := f.lists.CreateGroup(f.Context(), f.actor("engineer"), lists.NewGroup{Site: f.a, Name: fmt.Sprintf("Group %d", n)})
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(g.ID)
}

func (f *fixture) view() string {
	f.Helper()
	f.mu.Lock()
	f.spent++
	n := f.spent
	f.mu.Unlock()
	v, err := f.lists.CreateView(f.Context(), f.actor("engineer"), lists.NewView{Site: f.a, Name: fmt.Sprintf("Shared %d", n)})
	if err != nil {
		f.Fatal(err)
	}
	// A person keeps so many views and no more; the tests need more.
	if _, err := f.db.Exec(`UPDATE lists_views SET owner = -id WHERE id <> $1`, v.ID); err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(v.ID)
}

func (f *fixture) frozen() string {
	f.Helper()
	var n int64
	_, _ = fmt.Sscan(f.pump(f.a), &n)
	l, err := f.lists.Freeze(f.Context(), f.actor("engineer"), lists.Frozen{}, []int64{n})
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(l.ID)
}

// run is one for claim slips, which waits to be asked for them.
func (f *fixture) run() string {
	f.Helper()
	var n int64
	_, _ = fmt.Sscan(f.frozen(), &n)
	r, err := f.lists.Begin(f.Context(), f.actor("engineer"), n, lists.Work{Action: lists.ActClaim})
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(r.ID)
}

// persona is somebody who asks.
type persona struct {
	name   string
	client *browser
	here   []auth.Role   // at site A
	there  []auth.Role   // at site B
	signed bool          // in, or with an API token that counts
	scopes []token.Scope // of the token; nil: a session
	owner  bool          // of what the attempts make for the engineer of site A
}

func (p persona) any() []auth.Role { return slices.Concat(p.here, p.there) }

// outcome is what the table says becomes of an operation about a thing of site A.
type outcome string

const (
	done         outcome = "done"         // and seen, if it is a list, only what is the person's
	unauthorized outcome = "unauthorized" // 401
	denied       outcome = "denied"       // 403
	notFound     outcome = "not_found"    // 404
)

// expected reads the table for a persona. It is the table's meaning, in one place.
func expected(who api.Access, p persona) outcome {
	holds := func(roles []auth.Role) bool {
		return who.Roles == nil || slices.ContainsFunc(roles, func(r auth.Role) bool { return slices.Contains(who.Roles, r) })
	}
	switch {
	case who.Anyone:
		return done
	case !p.signed:
		return unauthorized
	case p.scopes != nil && (who.Token == "" || !slices.Contains(p.scopes, who.Token)):
		return denied
	case who.Own && len(p.here) > 0 && !holds(p.here):
		return denied
	case who.Own && who.Roles != nil && len(p.here) == 0 && !holds(p.there):
		return denied
	case who.Own && !p.owner:
		return notFound
	case who.Of.One() && len(p.here) == 0, who.Of.One() && who.Hidden && !holds(p.here):
		return notFound
	case who.Of.One() && !holds(p.here), !who.Of.One() && !holds(p.any()):
		return denied
	}
	return done
}

// violation returns how an answer differs from the table's, "" if it does not.
func (f *fixture) violation(op string, who api.Access, try func() attempt, p persona) string {
	c := *p.client // a cookie that changes stays here
	if c.token != "" {
		// Whoever shows many bad tokens from one address is made to wait.
		f.mu.Lock()
		f.spent++
		c.ip = fmt.Sprintf("2001:db8::%x", f.spent)
		f.mu.Unlock()
	}
	a := try()
	r := c.do(a.method, a.path, a.body)
	want := expected(who, p)
	status := map[outcome]int{unauthorized: 401, denied: 403, notFound: 404}
	right := r.status == status[want] && r.code() == string(want)
	if want == done {
		right = slices.Contains(a.ok, r.status)
	}
	switch {
	case !right:
		return fmt.Sprintf("%s by %s: %d %.300s; the table says %s", op, p.name, r.status, r.body, want)
	case len(p.here) > 0 || want != done || who.Anyone:
		return ""
	}
	// What was shown to somebody who has no role at site A is nothing of site A.
	for _, sign := range []string{fmt.Sprintf("SN-%d-", f.a), "ALPHA", `"login":"nurse"`} {
		if strings.Contains(string(r.body), sign) {
			return fmt.Sprintf("%s by %s shows %s of the other site: %.300s", op, p.name, sign, r.body)
		}
	}
	return ""
}

// personas returns everybody who asks: nobody, people whose session, account or
// token does not count, people in every role at the site and at another, and
// programs with every scope and with too few.
func (f *fixture) personas() []persona {
	forged := f.stranger()
	forged.cookie = &http.Cookie{Name: "cisterna", Value: auth.NewToken().Reveal()}
	f.person("left", f.a, auth.Engineer)
	left, program := f.signIn("left"), f.program("left", token.Scopes()...)
	if err := f.reg.DisablePerson(f.Context(), auth.System("test"), f.people["left"], "left"); err != nil {
		f.Fatal(err)
	}
	f.person("idle", f.a, auth.Engineer)
	if err := f.reg.RemoveMembership(f.Context(), auth.System("test"), f.people["idle"], f.a, auth.Engineer); err != nil {
		f.Fatal(err)
	}
	engineer := []auth.Role{auth.Engineer}
	all := []persona{
		{name: "nobody", client: f.stranger()},
		{name: "a forged cookie", client: forged},
		{name: "a forged token", client: &browser{f: f, token: "e30.e30.e30"}},
		{name: "a shut account", client: left},
		{name: "a token of a shut account", client: program},
		{name: "somebody without a role", client: f.signIn("idle"), signed: true},
		{name: "an engineer's token, all scopes", client: f.program("engineer", token.Scopes()...), signed: true, here: engineer, scopes: token.Scopes(), owner: true},
		{name: "an administrator's token, all scopes", client: f.program("admin", token.Scopes()...), signed: true, here: []auth.Role{auth.Admin}, scopes: token.Scopes()},
		{name: "another site's engineer's token, all scopes", client: f.program("engineer-b", token.Scopes()...), signed: true, there: engineer, scopes: token.Scopes()},
	}
	for _, lacks := range token.Scopes() {
		scopes := slices.DeleteFunc(token.Scopes(), func(s token.Scope) bool { return s == lacks })
		all = append(all, persona{name: "an engineer's token without " + string(lacks), client: f.program("engineer", scopes...), signed: true, here: engineer, scopes: scopes, owner: true})
	}
	for _, r := range auth.Roles() {
		all = append(all,
			persona{name: string(r), client: f.signIn(string(r)), signed: true, here: []auth.Role{r}, owner: r == auth.Engineer},
			persona{name: string(r) + " of another site", client: f.signIn(string(r) + "-b"), signed: true, there: []auth.Role{r}},
		)
	}
	return all
}

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

// What programs may do has bounds that no line of the table can move.
func TestWhatNoTokenDoes(t *testing.T) {
	f := newFixture(t)
	paths := map[string]string{}
	for path, item := range f.srv.API().OpenAPI().Paths {
		for method, op := range operationsOf(item) {
			paths[op.OperationID] = method + " " + strings.TrimPrefix(path, api.Prefix)
		}
	}
	for op, who := range api.Operations() {
		at, changes := paths[op], !strings.HasPrefix(paths[op], "GET ")
		_, path, _ := strings.Cut(at, " ")
		for _, forbidden := range []string{"/people", "/tokens", "/sites", "/session", "/orders"} {
			if who.Token != "" && changes && (path == forbidden || strings.HasPrefix(path, forbidden+"/")) {
				t.Errorf("%s (%s) takes a token", op, at)
			}
		}
		if who.Token != "" && (who.Anyone || !slices.Contains(token.Scopes(), who.Token)) {
			t.Errorf("%s: %+v", op, who)
		}
		if strings.HasPrefix(path, "/tokens") && who.Token != "" {
			t.Errorf("%s: a token sees tokens", op)
		}
	}
}

func operationsOf(item *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "DELETE": item.Delete, "PUT": item.Put, "PATCH": item.Patch, "HEAD": item.Head, "OPTIONS": item.Options, "TRACE": item.Trace}
	maps.DeleteFunc(all, func(_ string, op *huma.Operation) bool { return op == nil })
	return all
}

// Every address that the server serves is in a table, and the other way round:
// those of the API in the one of operations, all others in web.Open.
func TestTableIsComplete(t *testing.T) {
	f := newFixture(t)
	table := api.Operations()
	described := map[string]string{} // pattern → operation
	for path, item := range f.srv.API().OpenAPI().Paths {
		for method, op := range operationsOf(item) {
			described[method+" "+path] = op.OperationID
			if _, ok := table[op.OperationID]; !ok {
				t.Errorf("%s %s is not in the table", method, path)
			}
		}
	}
	served := f.srv.API().Routes()
	for _, pattern := range served {
		op, ok := described[pattern]
		if !ok {
			t.Errorf("%s is served, but not described", pattern)
			continue
		}
		if table[op].Anyone {
			continue
		}
		method, path, _ := strings.Cut(pattern, " ")
		address := regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(path, "1")
		if r := f.stranger().do(method, address, nil); r.status != 401 {
			t.Errorf("%s by nobody: %d", pattern, r.status)
		}
	}
	if len(described) != len(table) || len(served) != len(table) || len(table) < 35 {
		t.Errorf("%d operations are described, %d served, %d in the table", len(described), len(served), len(table))
	}
	outside := map[string]bool{}
	for _, pattern := range slices.Concat(f.srv.outer.Patterns(), f.srv.inner.Patterns()) {
		outside[pattern] = true
		if Open[pattern] == "" {
			t.Errorf("%s is served and in no table", pattern)
		}
	}
	if len(outside) != len(Open) {
		t.Errorf("%v are served, %v in the table", outside, Open)
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 403, "/": 200, "/debug/pprof/": 200, "/api/": 404, "/api/v1/": 404, "/api/v1/openapi.json": 404, "/api/v1/docs": 404} {
		// An address of no file is one of the console's pages, which holds no data.
		if r := f.stranger().do("GET", path, nil); r.status != want || want == 200 && path == "/debug/pprof/" && strings.Contains(string(r.body), "goroutine") {
			t.Errorf("%s by nobody: %d", path, r.status)
		}
	}
}

// No other mux hides addresses from the test above.
func TestThereIsOneKindOfMux(t *testing.T) {
	read := 0
	for _, dir := range []string{".", "api", "live", "console"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") || name == filepath.Join("api", "routes.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			read++
			if regexp.MustCompile(`http\.(NewServeMux|ServeMux|Handle|HandleFunc|DefaultServeMux)\b`).Match(text) {
				t.Errorf("%s has a mux of its own", name)
			}
		}
	}
	if read < 30 {
		t.Fatalf("%d files were read", read)
	}
}

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
