package web

import (
	"strings"
	"testing"
	"time"

	"cisterna/internal/auth"
	"cisterna/internal/token"
	"cisterna/web/api"
)

// issue is an operation that needs a step-up.
func (f *fixture) issue() (path string, body any) {
	return "/api/v1/people/" + line(f.people["nurse"]) + "/codes", map[string]string{"purpose": "enrol", "reason": "new here"}
}

func TestStepUp(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("admin")
	path, body := f.issue()
	b.unwilling = true
	r := b.do("POST", path, body)
	ask, _ := r.json()["step_up"].(map[string]any)
	f.want("asked without", line(r.status, r.code(), ask["rp_id"], ask["software"], ask["credentials"]), line(403, "step_up_required", "localhost", true, []any{}))
	b.softKey()
	r = b.do("POST", path, body)
	keys, _ := r.json()["step_up"].(map[string]any)["credentials"].([]any)
	f.want("keys named", len(keys), 1)
	signed := b.signFor(r.json())
	r = b.do("POST", path, body, api.StepUpHeader, signed)
	f.want("signed", r.status, 201)
	r = b.do("POST", path, body, api.StepUpHeader, signed)
	f.want("the same signature again", line(r.status, r.code()), "403 step_up_refused")
	var leaves int
	if err := f.db.Get(&leaves, `SELECT count(*) FROM audit_leaf WHERE kind = 'auth.step_up'`); err != nil {
		t.Fatal(err)
	}
	f.want("leaves of step-ups", leaves, 1)
}

// Each case differs from a right step-up in one thing, and nothing is done.
func TestStepUpRefuses(t *testing.T) {
	f := newFixture(t)
	path, body := f.issue()
	other := f.signIn("admin-b")
	other.softKey()
	cases := map[string]struct {
		// do changes the browser, the problem to sign for, or what is sent.
		do   func(b *browser, problem map[string]any) (path string, body any, header []string)
		want string
	}{
		"another body": {func(b *browser, p map[string]any) (string, any, []string) {
			return path, map[string]string{"purpose": "enrol", "reason": "something else"}, []string{b.signFor(p)}
		}, "403 step_up_refused"},
		"another path": {func(b *browser, p map[string]any) (string, any, []string) {
			return strings.Replace(path, line(f.people["nurse"]), line(f.people["auditor"]), 1), body, []string{b.signFor(p)}
		}, "403 step_up_refused"},
		"a query": {func(b *browser, p map[string]any) (string, any, []string) {
			return path + "?", body, []string{b.signFor(p)}
		}, "403 step_up_refused"},
		"another operation": {func(b *browser, p map[string]any) (string, any, []string) {
			return "/api/v1/me/keys/ask", nil, []string{b.signFor(p)}
		}, "403 step_up_refused"},
		"the person was not verified": {func(b *browser, p map[string]any) (string, any, []string) {
			b.key.Unverified = true
			return path, body, []string{b.signFor(p)}
		}, "403 step_up_refused"},
		"nobody was there": {func(b *browser, p map[string]any) (string, any, []string) {
			b.key.Absent = true
			return path, body, []string{b.signFor(p)}
		}, "403 step_up_refused"},
		"another origin": {func(b *browser, p map[string]any) (string, any, []string) {
			b.key.Origin = "http://localhost:8601"
			return path, body, []string{b.signFor(p)}
		}, "403 step_up_refused"},
		"another challenge": {func(b *browser, p map[string]any) (string, any, []string) {
			p["step_up"].(map[string]any)["challenge"] = b64(make([]byte, 32))
			return path, body, []string{b.signFor(p)}
		}, "403 step_up_refused"},
		"a nonce of the client's": {func(b *browser, p map[string]any) (string, any, []string) {
			p["step_up"].(map[string]any)["nonce"] = b64(make([]byte, 32))
			return path, body, []string{b.signFor(p)}
		}, "403 step_up_refused"},
		"another person's key": {func(b *browser, p map[string]any) (string, any, []string) {
			b.key = other.key
			return path, body, []string{b.signFor(p)}
		}, "403 step_up_refused"},
		"a key that nobody enrolled": {func(b *browser, p map[string]any) (string, any, []string) {
			b.key = f.newSoft()
			return path, body, []string{b.signFor(p)}
		}, "403 step_up_refused"},
		"a key that counts signatures and went back": {func(b *browser, p map[string]any) (string, any, []string) {
			b.key.SignCount = 9
			first := b.signFor(p)
			f.want("counted", b.send("POST", path, body, api.StepUpHeader, first).status, 201)
			return path, body, []string{b.signFor(b.send("POST", path, body).json())}
		}, "403 step_up_refused"},
		"another session's nonce": {func(b *browser, p map[string]any) (string, any, []string) {
			h := b.signFor(p)
			again := f.signIn("admin")
			b.cookie = again.cookie
			return path, body, []string{h}
		}, "403 step_up_refused"},
		"two minutes later": {func(b *browser, p map[string]any) (string, any, []string) {
			h := b.signFor(p)
			f.later(2 * time.Minute)
			return path, body, []string{h}
		}, "403 step_up_refused"},
		"no version": {func(b *browser, p map[string]any) (string, any, []string) {
			return path, body, []string{strings.TrimPrefix(b.signFor(p), "v1.")}
		}, "422 invalid"},
		"nothing": {func(*browser, map[string]any) (string, any, []string) { return path, body, []string{""} }, "422 invalid"},
	}
	for name, c := range cases {
		b := f.signIn("admin")
		b.softKey()
		p, sent, header := c.do(b, b.send("POST", path, body).json())
		r := b.send("POST", p, sent, api.StepUpHeader, header[0])
		if got := line(r.status, r.code()); got != c.want {
			t.Errorf("%s: %s %s, want %s", name, got, r.body, c.want)
		}
		// What was refused is throttled by person; the next case begins afresh.
		if _, err := f.db.Exec(`DELETE FROM auth_throttle`); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStepUpWithRevokedKey(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("admin")
	path, body := f.issue()
	b.softKey()
	h := b.signFor(b.send("POST", path, body).json())
	if _, err := f.db.Exec(`UPDATE auth_credentials SET revoked_at = now(), revoked_by = 'test'`); err != nil {
		t.Fatal(err)
	}
	r := b.send("POST", path, body, api.StepUpHeader, h)
	f.want("revoked between", line(r.status, r.code()), "403 step_up_refused")
	r = b.send("POST", path, body)
	f.want("not asked for any more", line(r.json()["step_up"].(map[string]any)["credentials"]), "[]")
}

// A signature gives no role, and guessing is bounded.
func TestStepUpIsNotForEverybody(t *testing.T) {
	f := newFixture(t)
	path, body := f.issue()
	r := f.signIn("nurse").do("POST", path, body)
	f.want("a nurse who signs", line(r.status, r.code()), "403 denied")
	b := f.signIn("admin")
	b.softKey()
	b.key.Unverified = true
	var last response
	for range 12 {
		last = b.send("POST", path, body, api.StepUpHeader, b.signFor(b.send("POST", path, body).json()))
	}
	f.want("after ten", line(last.status, last.code()), "429 throttled")
}

// Outside of a demo a software key neither enrols nor counts.
func TestSoftwareKeysCountInADemoOnly(t *testing.T) {
	f := newStrict(t)
	b := f.withPasskey("admin")
	r := b.do("POST", "/api/v1/me/software-key/ask", nil)
	f.want("ask", r.status, 404)
	path, body := f.issue()
	f.want("with the passkey", b.do("POST", path, body).status, 201)
	if _, err := f.db.Exec(`UPDATE auth_credentials SET kind = 'software'`); err != nil {
		t.Fatal(err)
	}
	b.unwilling = true
	r = b.do("POST", path, body)
	f.want("with a software key", line(r.json()["step_up"].(map[string]any)["credentials"], r.json()["step_up"].(map[string]any)["software"]), "[] false")
	f.want("signed all the same", b.send("POST", path, body, api.StepUpHeader, b.signFor(r.json())).code(), "step_up_refused")
}

// withPasskey enrols a passkey for somebody by a code of the server itself, and
// signs in with it.
func (f *fixture) withPasskey(login string) *browser {
	f.Helper()
	b := f.stranger()
	b.key = f.newSoft()
	text := f.openCode(login, auth.Enrol)
	asked := b.do("POST", "/api/v1/enrol/ask", map[string]string{"login": login, "code": text})
	if asked.status != 200 {
		f.Fatalf("show a code: %d %s", asked.status, asked.body)
	}
	if r := b.do("POST", "/api/v1/enrol", f.made(b.key, asked.json(), "login", login, "code", text)); r.status != 201 {
		f.Fatalf("enrol: %d %s", r.status, r.body)
	}
	handle, _ := asked.json()["user_handle"].(string)
	if r := b.enter(handle); r.status != 200 {
		f.Fatalf("sign in with a passkey: %d %s", r.status, r.body)
	}
	b.handle = handle
	return b
}

// enter signs in with the browser's key.
func (b *browser) enter(handle string) response {
	b.f.Helper()
	asked := b.do("POST", "/api/v1/session/passkey/ask", nil)
	return b.do("POST", "/api/v1/session/passkey", b.answer(asked.json(), handle))
}

// openCode issues a code that counts, as the server itself may while there are
// not two administrators.
func (f *fixture) openCode(login string, purpose auth.Purpose) string {
	f.Helper()
	user := f.people[login]
	roles, err := f.reg.Roles(f.Context(), user)
	if err != nil {
		f.Fatal(err)
	}
	account, err := f.auth.Account(f.Context(), user)
	if err != nil {
		f.Fatal(err)
	}
	_, text, err := f.auth.IssueCode(f.Context(), auth.System("test"), account.Actor(roles), purpose, "as a test", true)
	if err != nil {
		f.Fatal(err)
	}
	return text
}

// Files of all one's sites leave for a person who has just signed for them, with that
// filter and no other; for a program by its scope.
func TestExportsAreSignedFor(t *testing.T) {
	f := newFixture(t)
	pump := f.pump(f.a)
	b, program, other := f.signIn("engineer"), f.program("engineer", token.PumpsRead), f.program("engineer", token.AlarmsRead)
	f.eventually("the pump is listed", func() bool { return len(b.do("GET", "/api/v1/pumps", nil).json()["rows"].([]any)) == 1 })
	serial := b.do("GET", "/api/v1/pumps/"+pump, nil).json()["serial"].(string)
	b.softKey()
	for _, path := range []string{"/pumps/table?columns=pump,patient", "/pumps/export", "/cmms/assets", "/cmms/assets.csv", "/cmms/work", "/cmms/work.csv", "/order-report/file?what=catches"} {
		path = "/api/v1" + path
		r := b.send("GET", path, nil)
		if r.status != 403 || r.code() != "step_up_required" || strings.Contains(string(r.body), serial) {
			t.Errorf("%s without a signature: %d %s", path, r.status, r.body)
			continue
		}
		joint := "?"
		if strings.Contains(path, "?") {
			joint = "&"
		}
		f.want("signed for something else than "+path, b.send("GET", path+joint, nil, api.StepUpHeader, b.signFor(r.json())).code(), "step_up_refused")
		f.want("signed: "+path, b.do("GET", path, nil).status, 200)
		if !strings.HasPrefix(path, "/api/v1/order") {
			f.want("a program: "+path, program.send("GET", path, nil).status, 200)
		}
		f.want("a program without the scope: "+path, other.send("GET", path, nil).status, 403)
	}
	if got := string(program.send("GET", "/api/v1/pumps/export", nil).body); !strings.Contains(got, serial) {
		t.Errorf("a program takes out %s", got)
	}
	var leaves int
	if err := f.db.Get(&leaves, `SELECT count(*) FROM audit_leaf WHERE kind = 'auth.step_up'`); err != nil {
		t.Fatal(err)
	}
	f.want("exports on the record", leaves, 7)
}
