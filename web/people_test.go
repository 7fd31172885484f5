package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/token"
)

// everybody reads the list page by page and returns the logins.
func (b *browser) everybody(query string) (logins []string) {
	b.f.Helper()
	for next := ""; ; {
		page := b.do("GET", "/api/v1/people?limit=3"+query+next, nil).json()
		for _, it := range page["items"].([]any) {
			logins = append(logins, it.(map[string]any)["login"].(string))
		}
		if page["next"] == nil {
			return logins
		}
		next = "&before=" + page["next"].(string)
		if len(logins) > 1000 {
			b.f.Fatal("the list does not end")
		}
	}
}

func TestListOfPeople(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("admin")
	got := b.everybody("")
	want := []string{"admin", "auditor", "engineer", "nurse", "pharmacist", "prescriber", "verifier"} // by name: "The …"
	f.want("of the site", got, want)
	f.want("of the other", f.signIn("auditor-b").everybody(""), []string{"admin-b", "auditor-b", "engineer-b", "nurse-b", "pharmacist-b", "prescriber-b", "verifier-b"})
	f.want("by role", b.everybody("&role=nurse"), []string{"nurse"})
	f.want("by text, in any case", b.everybody("&text=NURS"), []string{"nurse"})
	f.want("text is no pattern", len(b.everybody("&text=%25")), 0)
	f.want("another's site", len(b.everybody("&site="+fmt.Sprint(f.b))), 0)
	// Whoever has a role at both is one person, with the roles that the reader may see.
	f.person("both", f.a, auth.Nurse)
	f.person("both", f.b, auth.Engineer)
	p := b.do("GET", "/api/v1/people/"+fmt.Sprint(f.people["both"]), nil).json()
	f.want("both", line(len(p["roles"].([]any)), p["elsewhere"], p["managed"]), "1 true false")
	if strings.Contains(line(p), "BETA") || strings.Contains(line(p), "engineer") {
		t.Errorf("roles of another site are shown: %v", p)
	}
	f.want("by a role that is elsewhere", b.everybody("&role=engineer&text=both"), []string(nil))
	r := b.do("POST", "/api/v1/people/"+fmt.Sprint(f.people["both"])+"/disable", map[string]string{"reason": "x"})
	f.want("shut by who administers one of two", line(r.status, r.code()), "403 denied")
	// A cursor belongs to its list.
	next := b.do("GET", "/api/v1/people?limit=1", nil).json()["next"].(string)
	f.want("cursor of another filter", b.do("GET", "/api/v1/people?limit=1&role=nurse&before="+next, nil).status, 422)
	f.want("no cursor", b.do("GET", "/api/v1/people?before=xyz", nil).status, 422)
	// Somebody new in front of the page does not shift the next one.
	first := b.do("GET", "/api/v1/people?limit=3", nil).json()
	if _, err := f.auth.CreateUser(t.Context(), auth.System("test"), auth.NewUser{Login: "aa", Name: "AA", NoPassword: true}); err != nil {
		t.Fatal(err)
	}
	rest := b.do("GET", "/api/v1/people?limit=3&before="+first["next"].(string), nil).json()
	f.want("the page after", rest["items"].([]any)[0].(map[string]any)["login"], "engineer")
	f.want("who has no role is seen by administrators", slices.Contains(b.everybody(""), "aa"), true)
	f.want("and by nobody else", slices.Contains(f.signIn("auditor").everybody(""), "aa"), false)
}

func registryChange(user, site int64, role auth.Role) registry.RoleChange {
	return registry.RoleChange{User: user, Site: site, Role: role, Reason: "as a test"}
}

// Signing keys are their owner's, and those of the people of an administrator's
// sites; the keyset, which everybody reads, lists all of them.
func TestSigningKeysOfAnotherSite(t *testing.T) {
	f := newFixture(t)
	keys := map[string]string{"of ALPHA": f.signingKey(f.a), "of BETA": f.signingKey(f.b)}
	shown := func(b *browser) (labels []string) {
		for _, k := range b.do("GET", "/api/v1/signing-keys", nil).json()["items"].([]any) {
			labels = append(labels, k.(map[string]any)["label"].(string))
		}
		return labels
	}
	b := f.signIn("admin")
	f.want("an administrator sees", shown(b), []string{"of ALPHA"})
	f.want("an auditor sees", shown(f.signIn("auditor-b")), []string{"of BETA"})
	f.want("a nurse sees", len(shown(f.signIn("nurse"))), 0)
	revoke := func(of string) response {
		return b.do("POST", "/api/v1/signing-keys/"+keys[of]+"/revoke", asTest)
	}
	r := revoke("of BETA")
	f.want("of another site", line(r.status, r.code()), "404 not_found")
	f.want("draft", b.do("POST", "/api/v1/keysets", asTest).status, 201)
	f.want("the keyset lists both", len(f.keysets.Current().Keyset.Keys), 2)
	f.want("of one's own", revoke("of ALPHA").status, 204)
	f.want("it is listed no more, the other still", len(f.keysets.Current().Keyset.Keys), 1)
}

// What an administrator does to roles holds at the next request, is on the
// record with its reason, and cannot be what the separation of duties forbids.
func TestRolesOverHTTP(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("admin")
	nurse, site := fmt.Sprint(f.people["nurse"]), fmt.Sprint(f.a)
	grant := func(id, role string) response {
		return b.do("POST", "/api/v1/people/"+id+"/grant", map[string]string{"site": site, "role": role, "reason": "as a test"})
	}
	n := f.signIn("nurse")
	pump := f.pump(f.a)
	retire := func() int {
		return n.do("POST", "/api/v1/pumps/"+pump+"/retire", map[string]string{"reason": "x"}).status
	}
	f.want("before", retire(), 403)
	r := grant(nurse, "engineer")
	f.want("grant", line(r.status, len(r.json()["roles"].([]any))), "200 2")
	f.want("again is no change", grant(nurse, "engineer").status, 200)
	f.want("at the next request", retire(), 200)
	for role, want := range map[string]string{"admin": "409 conflict", "auditor": "409 conflict", "king": "422 invalid"} {
		r := grant(nurse, role)
		f.want("nurse and "+role, line(r.status, r.code()), want)
	}
	// Each order keeps its signers apart; roles need not.
	f.want("prescriber and verifier", grant(fmt.Sprint(f.people["prescriber"]), "verifier").status, 200)
	r = grant(fmt.Sprint(f.people["auditor"]), "verifier")
	f.want("auditor and verifier", line(r.status, r.code()), "409 conflict")
	if !strings.Contains(r.json()["detail"].(string), "nobody audits their own work") {
		t.Errorf("the reason is missing: %s", r.body)
	}
	f.want("one's own", grant(fmt.Sprint(f.people["admin"]), "engineer").status, 403)
	for _, reason := range []string{"", " ", "a\nb"} {
		f.want("without a reason", b.do("POST", "/api/v1/people/"+nurse+"/grant", map[string]string{"site": site, "role": "engineer", "reason": reason}).status, 422)
	}
	withdraw := func(who *browser, id, role string) response {
		return who.do("POST", "/api/v1/people/"+id+"/withdraw", map[string]string{"site": site, "role": role, "reason": "as a test"})
	}
	f.want("withdraw", withdraw(b, nurse, "engineer").status, 200)
	f.want("at the next request", retire(), 403)
	f.want("what they have not", withdraw(b, nurse, "engineer").status, 404)
	// The last administrator stays, whoever asks; one whose account is shut does not count.
	f.person("second", f.a, auth.Admin)
	if err := f.reg.DisablePerson(t.Context(), auth.System("test"), f.people["second"], "away"); err != nil {
		t.Fatal(err)
	}
	f.person("third", f.a, auth.Admin)
	third := f.signIn("third")
	f.want("not the last", withdraw(third, fmt.Sprint(f.people["admin"]), "admin").status, 200)
	f.want("nobody any more", grant(nurse, "engineer").status, 404)
	if err := f.reg.Withdraw(t.Context(), auth.System("test"), registryChange(f.people["third"], f.a, auth.Admin)); err == nil {
		t.Error("the last open administrator of a site was removed")
	}
	if err := f.reg.DisablePerson(t.Context(), auth.System("test"), f.people["third"], "x"); err == nil {
		t.Error("the last open administrator of a site was shut out")
	}
	var reasons int
	if err := f.db.Get(&reasons, `SELECT count(*) FROM audit_leaf WHERE kind IN ('membership.add', 'membership.remove') AND actor LIKE 'person:%' AND site_id = $1`, f.a); err != nil || reasons != 4 {
		t.Errorf("%d leaves of changes by people, %v", reasons, err)
	}
}

// Whoever takes somebody's last role at their sites sees them no more. It was done,
// and a repetition is told the same.
func TestLastRoleAtOnesSites(t *testing.T) {
	f := newFixture(t)
	f.person("both", f.a, auth.Nurse)
	f.person("both", f.b, auth.Nurse)
	both := "/api/v1/people/" + fmt.Sprint(f.people["both"])
	b := f.signIn("admin")
	withdraw := func() response {
		return b.do("POST", both+"/withdraw", map[string]string{"site": fmt.Sprint(f.a), "role": "nurse", "reason": "moved"}, "Idempotency-Key", someKey)
	}
	first := withdraw()
	f.want("the last role here", line(first.status, first.json()["login"], first.json()["roles"], first.json()["elsewhere"]), "200 both [] true")
	f.want("seen no more", b.do("GET", both, nil).status, 404)
	again := withdraw()
	f.want("again", line(again.status, string(again.body) == string(first.body), again.header.Get("Idempotency-Replayed")), "200 true true")
	f.want("with another key", b.do("POST", both+"/withdraw", map[string]string{"site": fmt.Sprint(f.a), "role": "nurse", "reason": "moved"}).status, 404)
	// Nor is it refused for one who works where the administrator does something else.
	f.person("two-hats", f.a, auth.Admin)
	f.person("two-hats", f.b, auth.Engineer)
	f.person("both", f.a, auth.Nurse)
	b = f.signIn("two-hats")
	r := withdraw()
	f.want("who is a colleague elsewhere", line(r.status, r.json()["roles"]), "200 []")
}

func TestAddInviteAndShut(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("admin")
	site := fmt.Sprint(f.a)
	add := func(login, role, password string) response {
		return b.do("POST", "/api/v1/people", map[string]string{"login": login, "name": "Nora", "password": password, "site": site, "role": role, "reason": "starts"})
	}
	r := add("nora", "nurse", password)
	f.want("add", line(r.status, r.json()["login"], r.json()["state"], r.json()["managed"]), "201 nora open true")
	id := r.json()["id"].(string)
	if strings.Contains(string(r.body), "argon2id") || strings.Contains(string(r.body), password) {
		t.Error("the answer holds the password or its hash")
	}
	for name, c := range map[string]struct{ login, role, password, want string }{
		"taken":            {"NORA", "nurse", password, "409 conflict"},
		"no login":         {"", "nurse", password, "422 invalid"},
		"a short password": {"x", "nurse", "short", "422 invalid"},
		"no such role":     {"x", "king", password, "422 invalid"},
		"its own password": {"nora.from.the.clinic", "nurse", "nora.from.the.clinic", "422 invalid"},
	} {
		r := add(c.login, c.role, c.password)
		f.want(name, line(r.status, r.code()), c.want)
	}
	var accounts int
	if err := f.db.Get(&accounts, `SELECT count(*) FROM auth_users WHERE login IN ('x', 'nora.from.the.clinic')`); err != nil || accounts != 0 {
		t.Errorf("%d accounts of refused requests, %v", accounts, err)
	}
	// Without a password nobody gets in.
	f.want("no password", add("paula", "nurse", "").status, 201)
	f.want("sign in without one", f.stranger().do("POST", "/api/v1/session", map[string]string{"login": "paula", "password": ""}).status, 401)

	invite := func(login, role string) response {
		return b.do("POST", "/api/v1/people/invite", map[string]string{"login": login, "site": site, "role": role, "reason": "on call"})
	}
	r = invite("VERIFIER-B", "verifier")
	f.want("invite", line(r.status, r.json()["login"], r.json()["elsewhere"]), "200 verifier-b true")
	f.want("nobody", line(invite("nobody", "nurse").status), "422")
	f.want("an administrator of another site as nurse", invite("admin-b", "nurse").status, 409)
	before := f.signIn("engineer").do("POST", "/api/v1/people/invite", map[string]string{"login": "nobody", "site": site, "role": "nurse", "reason": "x"})
	after := f.signIn("engineer").do("POST", "/api/v1/people/invite", map[string]string{"login": "nurse-b", "site": site, "role": "nurse", "reason": "x"})
	f.want("others learn nothing of logins", line(before.status, before.json()["detail"]), line(after.status, after.json()["detail"]))

	nora, program := f.signIn("nora"), f.program("nora", token.PumpsRead)
	live := nora.mustListen("")
	live.next("hello")
	f.want("program", program.do("GET", "/api/v1/pumps", nil).status, 200)
	act := func(verb string) response {
		return b.do("POST", "/api/v1/people/"+id+"/"+verb, map[string]string{"reason": "as a test"})
	}
	r = act("disable")
	f.want("disable", line(r.status, r.json()["state"], r.json()["sessions"]), "200 disabled 0")
	f.want("session", nora.do("GET", "/api/v1/session", nil).status, 401)
	f.want("token", program.do("GET", "/api/v1/pumps", nil).status, 401)
	live.end()
	f.want("sign in", f.stranger().do("POST", "/api/v1/session", map[string]string{"login": "nora", "password": password}).status, 401)
	r = act("enable")
	f.want("enable", line(r.status, r.json()["state"]), "200 open")
	f.want("the session stays ended", nora.do("GET", "/api/v1/session", nil).status, 401)
	f.want("and so does the token", program.do("GET", "/api/v1/pumps", nil).status, 401)
	again := f.signIn("nora")
	f.want("end sessions", act("end-sessions").status, 200)
	f.want("ended", again.do("GET", "/api/v1/session", nil).status, 401)
	f.want("oneself", b.do("POST", fmt.Sprintf("/api/v1/people/%d/disable", f.people["admin"]), map[string]string{"reason": "x"}).status, 403)
}

// An old state is not written over: the writer is told.
func TestSitesOverHTTP(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("admin")
	facts := func(name string) map[string]string {
		return map[string]string{"name": name, "short": "ALPHA", "time_zone": "Europe/Lisbon", "reason": "as a test"}
	}
	at := "/api/v1/sites/" + fmt.Sprint(f.a)
	r := b.do("PUT", at, facts("Alpha One"), "If-Match", `"r1"`)
	f.want("change", line(r.status, r.json()["name"], r.json()["time_zone"], r.header.Get("ETag")), `200 Alpha One Europe/Lisbon "r2"`)
	r = b.do("PUT", at, facts("Alpha Two"), "If-Match", `"r1"`)
	f.want("from an old state", line(r.status, r.code()), "412 precondition_failed")
	r = b.do("PUT", at, facts("Alpha Two"))
	f.want("from no state", line(r.status, r.code()), "428 precondition_required")
	for _, tag := range []string{"*", `W/"r2"`, "r2", `"2"`, `"r02"`} {
		f.want("tag "+tag, b.do("PUT", at, facts("Alpha Two"), "If-Match", tag).status, 412)
	}
	f.want("a zone that is none", b.do("PUT", at, map[string]string{"name": "x", "short": "ALPHA", "time_zone": "Mars/Base", "reason": "x"}, "If-Match", `"r2"`).status, 422)
	f.want("a name that is taken", b.do("PUT", at, map[string]string{"name": "x", "short": "beta", "time_zone": "UTC", "reason": "x"}, "If-Match", `"r2"`).status, 409)
	f.want("the name", b.do("GET", "/api/v1/sites", nil).status, 200)
	r = b.do("POST", "/api/v1/sites", map[string]string{"name": "Third", "short": "C3", "time_zone": "UTC"})
	f.want("add", line(r.status, r.json()["short"]), "201 C3")
	f.want("its administrator", strings.Contains(string(b.do("GET", "/api/v1/session", nil).body), "Third"), true)
}

// Bearer tokens, cookies and the rules between them.
func TestBearer(t *testing.T) {
	f := newFixture(t)
	p := f.program("engineer", token.PumpsRead, token.PumpsWrite)
	pumps := "/api/v1/pumps"
	f.want("without a browser's headers", p.do("GET", pumps, nil).status, 200)
	r := p.do("POST", pumps, map[string]any{"site": fmt.Sprint(f.a), "serial": "BY-TOKEN", "model": "Meander P20", "profile": "meander-p20"})
	f.want("writes", r.status, 201)
	var actor string
	if err := f.db.Get(&actor, `SELECT actor FROM audit_leaf WHERE kind = 'pump.register' ORDER BY id DESC LIMIT 1`); err != nil || !strings.Contains(actor, " engineer token:") {
		t.Errorf("the record names %q, %v", actor, err)
	}
	found := f.signIn("auditor").do("GET", "/api/v1/audit?actor="+strings.ReplaceAll(strings.SplitN(actor, " token:", 2)[0], " ", "%20"), nil)
	f.want("found under the person", strings.Contains(string(found.body), "token:"), true)
	both := f.signIn("engineer")
	both.token = p.token
	r = both.do("GET", pumps, nil)
	f.want("a cookie and a token", line(r.status, r.code()), "400 malformed")
	for name, header := range map[string]string{"Basic": "Basic " + p.token, "no scheme": p.token, "nothing": "", "another case": "bearer " + p.token, "two blanks": "Bearer  " + p.token, "a blank behind": "Bearer " + p.token + " "} {
		want := 401
		if name == "another case" {
			want = 200
		}
		r := f.stranger().do("GET", pumps, nil, "Authorization", header)
		f.want(name, r.status, want)
		if want == 401 && !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: WWW-Authenticate %q", name, r.header.Get("WWW-Authenticate"))
		}
	}
	r = f.stranger().do("GET", pumps+"?access_token="+p.token, nil)
	f.want("in the address", r.status, 401)
	r = p.do("POST", pumps, map[string]any{}, "Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site")
	f.want("from another site's page", line(r.status, r.code()), "403 cross_origin")
	if strings.Contains(f.logs.String(), p.token) || strings.Contains(f.logs.String(), strings.Split(p.token, ".")[2]) {
		t.Error("the log holds a token")
	}
	// The owner's roles of now count, not those of when it was made.
	if err := f.reg.RemoveMembership(t.Context(), auth.System("test"), f.people["engineer"], f.a, auth.Engineer); err != nil {
		t.Fatal(err)
	}
	f.want("without the role", len(p.do("GET", pumps, nil).json()["rows"].([]any)), 0)
	f.want("another site's", p.do("GET", pumps+"/"+f.pump(f.b), nil).status, 404)
	f.person("engineer", f.b, auth.Engineer)
	f.want("a new site is not the token's", p.do("GET", pumps+"/"+f.pump(f.b), nil).status, 404)
	f.later(2 * time.Hour)
	f.want("expired", p.do("GET", pumps, nil).status, 401)
}
