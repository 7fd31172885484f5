package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cisterna/internal/auth"
)

// administrators returns two, signed in with passkeys.
func (f *fixture) administrators() (*browser, *browser) {
	f.Helper()
	f.person("admin-2", f.a, auth.Admin)
	return f.withPasskey("admin"), f.withPasskey("admin-2")
}

// issueFor has one administrator issue a code and returns its id and text.
func (f *fixture) issueFor(b *browser, login, purpose string) (id, text string) {
	f.Helper()
	r := b.do("POST", fmt.Sprintf("/api/v1/people/%d/codes", f.people[login]), map[string]string{"purpose": purpose, "reason": "asked in person"})
	if r.status != 201 {
		f.Fatalf("issue: %d %s", r.status, r.body)
	}
	return r.json()["id"].(string), r.json()["text"].(string)
}

func (f *fixture) show(b *browser, login, text string) response {
	f.Helper()
	return b.do("POST", "/api/v1/enrol/ask", map[string]string{"login": login, "code": text})
}

// bare returns an answer without what differs between any two.
func bare(r response) string {
	body := r.json()
	delete(body, "request_id")
	return line(r.status, body, r.header["Set-Cookie"])
}

func TestEnrolNeedsTwoAdministrators(t *testing.T) {
	f := newStrict(t)
	one, two := f.administrators()
	id, text := f.issueFor(one, "nurse", "enrol")
	nurse := f.stranger()
	nurse.key = f.newSoft()
	r := f.show(nurse, "nurse", text)
	f.want("not confirmed", line(r.status, r.code(), strings.Contains(string(r.body), "second administrator")), "409 conflict true")
	confirm := "/api/v1/codes/" + id + "/confirm"
	f.want("confirmed by its issuer", one.do("POST", confirm, nil).status, 403)
	f.want("listed for the other", two.do("GET", "/api/v1/codes", nil).list()[0]["may_confirm"], true)
	f.want("listed for its issuer", one.do("GET", "/api/v1/codes", nil).list()[0]["may_confirm"], false)
	f.want("the text is not listed", strings.Contains(string(two.do("GET", "/api/v1/codes", nil).body), text), false)
	f.want("confirmed by another", two.do("POST", confirm, nil).status, 200)
	f.want("confirmed twice", two.do("POST", confirm, nil).status, 409)

	asked := f.show(nurse, " Nurse ", strings.ToLower(strings.ReplaceAll(text, "-", " ")))
	f.want("shown as one types it", asked.status, 200)
	made := f.made(nurse.key, asked.json(), "login", "nurse", "code", text)
	f.want("enrolled", nurse.do("POST", "/api/v1/enrol", made).status, 201)
	f.want("no session by that", nurse.do("GET", "/api/v1/session", nil).status, 401)
	handle, _ := asked.json()["user_handle"].(string)
	f.want("signed in", nurse.enter(handle).status, 200)
	f.want("with a passkey", nurse.do("GET", "/api/v1/session", nil).json()["means"], "passkey")
	f.want("the code again", f.show(f.stranger(), "nurse", text).status, 401)
	security := nurse.do("GET", "/api/v1/me", nil).json()
	f.want("notices", len(security["notices"].([]any)), 2)
	f.want("how it came", security["keys"].([]any)[0].(map[string]any)["created_by"], "code "+id)
	r = one.do("POST", fmt.Sprintf("/api/v1/people/%d/codes", f.people["nurse"]), map[string]string{"purpose": "enrol", "reason": "once more"})
	f.want("enrol with a passkey there", r.status, 409)
	for _, kind := range []string{"auth.code_issue", "auth.code_confirm", "auth.key_add"} {
		var n int
		if err := f.db.Get(&n, `SELECT count(*) FROM audit_leaf WHERE kind = $1`, kind); err != nil || n == 0 {
			t.Errorf("no leaf %s: %v", kind, err)
		}
	}
}

func TestCodesOfOneself(t *testing.T) {
	f := newStrict(t)
	one, two := f.administrators()
	f.want("for oneself", one.do("POST", fmt.Sprintf("/api/v1/people/%d/codes", f.people["admin"]), map[string]string{"purpose": "recover", "reason": "me"}).status, 403)
	f.person("admin-3", f.a, auth.Admin)
	id, _ := f.issueFor(two, "admin", "recover")
	f.want("confirmed by whom it is for", one.do("POST", "/api/v1/codes/"+id+"/confirm", nil).status, 403)
}

// Whatever is wrong with a code, the answer is the same.
func TestWrongCodes(t *testing.T) {
	f := newStrict(t)
	one, two := f.administrators()
	id, text := f.issueFor(one, "nurse", "enrol")
	two.do("POST", "/api/v1/codes/"+id+"/confirm", nil)
	gone, withdrawn := f.issueFor(one, "auditor", "enrol")
	one.do("POST", "/api/v1/codes/"+gone+"/withdraw", nil)
	var answers []string
	for _, c := range [][2]string{
		{"nurse", "00000-00000-00000-00000"}, {"nobody", text}, {"auditor", text}, {"auditor", withdrawn}, {"nurse", ""}, {"", text}, {"nurse", text + "0"},
	} {
		answers = append(answers, bare(f.show(f.stranger(), c[0], c[1])))
	}
	f.later(25 * time.Hour)
	answers = append(answers, bare(f.show(f.stranger(), "nurse", text)))
	for _, a := range answers {
		if a != answers[0] || !strings.HasPrefix(a, "401") {
			t.Errorf("answers differ: %s and %s", answers[0], a)
		}
	}
}

func TestGuessingCodesIsSlow(t *testing.T) {
	f := newStrict(t)
	var last response
	for i := range 12 {
		b := f.stranger()
		b.ip = fmt.Sprintf("203.0.113.%d", i)
		last = f.show(b, "nurse", "00000-00000-00000-00000")
	}
	f.want("status", line(last.status, last.code()), "429 throttled")
	for i := range 12 {
		b := f.stranger()
		b.ip = fmt.Sprintf("198.51.100.%d", i)
		last = f.show(b, "nobody-of-that-name", "00000-00000-00000-00000")
	}
	f.want("a login that is nobody's", line(last.status, last.code()), "429 throttled")
}

func TestRecovery(t *testing.T) {
	f := newStrict(t)
	one, two := f.administrators()
	nurse := f.withPasskey("nurse")
	id, text := f.issueFor(one, "nurse", "recover")
	two.do("POST", "/api/v1/codes/"+id+"/confirm", nil)
	fresh := f.stranger()
	fresh.key = f.newSoft()
	r := f.show(fresh, "nurse", text)
	f.want("during the hold", line(r.status, strings.Contains(string(r.body), "it counts from")), "409 true")
	security := nurse.do("GET", "/api/v1/me", nil).json()
	first := security["notices"].([]any)[0].(map[string]any)
	f.want("the person is told", line(first["kind"], first["code"], first["seen"]), line("code_recover", id, false))

	f.want("objected", nurse.do("POST", "/api/v1/me/codes/"+id+"/object", nil).status, 204)
	f.want("objected twice", nurse.do("POST", "/api/v1/me/codes/"+id+"/object", nil).status, 409)
	f.want("by somebody else", one.do("POST", "/api/v1/me/codes/"+id+"/object", nil).status, 404)
	f.later(24*time.Hour + time.Second)
	f.want("after the objection", f.show(fresh, "nurse", text).status, 401)

	one, two = f.again("admin", one), f.again("admin-2", two)
	nurse = f.again("nurse", nurse)
	id, text = f.issueFor(one, "nurse", "recover")
	two.do("POST", "/api/v1/codes/"+id+"/confirm", nil)
	f.later(24*time.Hour + time.Second)
	nurse = f.again("nurse", nurse)
	asked := f.show(fresh, "nurse", text)
	f.want("after the hold", asked.status, 200)
	f.want("enrolled", fresh.do("POST", "/api/v1/enrol", f.made(fresh.key, asked.json(), "login", "nurse", "code", text)).status, 201)
	f.want("the old session", nurse.do("GET", "/api/v1/session", nil).status, 401)
	f.want("the old passkey", nurse.enter(nurse.handle).status, 401)
	f.want("the new one", fresh.enter(nurse.handle).status, 200)

	// Revoking the passkeys first is no way around the hold.
	nurse = f.again("nurse", &browser{key: fresh.key, handle: nurse.handle})
	one, two = f.again("admin", one), f.again("admin-2", two)
	for _, k := range one.do("GET", "/api/v1/people/"+line(f.people["nurse"])+"/keys", nil).list() {
		if k["revoked_at"] == nil {
			f.want("revoked", one.do("POST", "/api/v1/people/"+line(f.people["nurse"])+"/keys/"+line(k["id"])+"/revoke", map[string]string{"reason": "stolen"}).status, 204)
		}
	}
	r = one.do("POST", "/api/v1/people/"+line(f.people["nurse"])+"/codes", map[string]string{"purpose": "enrol", "reason": "as if new"})
	f.want("a code without a hold", r.status, 409)
	id, text = f.issueFor(one, "nurse", "recover")
	f.want("confirmed", two.do("POST", "/api/v1/codes/"+id+"/confirm", nil).status, 200)
	r = f.show(fresh, "nurse", text)
	f.want("during the hold", line(r.status, strings.Contains(string(r.body), "it counts from")), "409 true")
	f.later(24*time.Hour + time.Second)
	fresh.key = f.newSoft()
	asked = f.show(fresh, "nurse", text)
	f.want("after the hold", asked.status, 200)
	f.want("enrolled", fresh.do("POST", "/api/v1/enrol", f.made(fresh.key, asked.json(), "login", "nurse", "code", text)).status, 201)
	f.want("the new one", fresh.enter(nurse.handle).status, 200)
}

// again signs somebody in anew with the key of their browser.
func (f *fixture) again(login string, b *browser) *browser {
	f.Helper()
	n := &browser{f: f, key: b.key, handle: b.handle}
	if r := n.enter(b.handle); r.status != 200 {
		f.Fatalf("sign %s in again: %d %s", login, r.status, r.body)
	}
	return n
}

// Outside of a demo a password alone opens nothing but the way to a passkey.
func TestPasswordsOnlyEnrol(t *testing.T) {
	f := newStrict(t)
	b := f.signIn("nurse")
	f.want("who it is", b.do("GET", "/api/v1/session", nil).json()["enrolling"], true)
	for _, path := range []string{"/api/v1/pumps", "/api/v1/me", "/api/v1/live", "/api/v1/sites", "/api/v1/status"} {
		r := b.do("GET", path, nil)
		f.want(path, line(r.status, r.code()), "403 enrol_first")
	}
	wrong := bare(f.stranger().do("POST", "/api/v1/session", map[string]string{"login": "auditor", "password": "wrong"}))
	f.withPasskey("auditor")
	right := bare(f.stranger().do("POST", "/api/v1/session", map[string]string{"login": "auditor", "password": password}))
	f.want("the right password of somebody with a passkey", right, wrong)
	f.want("sign out", b.do("DELETE", "/api/v1/session", nil).status, 204)
}

func TestWrongPasskeys(t *testing.T) {
	f := newStrict(t)
	good := f.withPasskey("nurse")
	other := f.withPasskey("auditor")
	gone := f.withPasskey("engineer")
	if _, err := f.db.Exec(`UPDATE auth_credentials SET revoked_at = now(), revoked_by = 'test' WHERE user_id = $1`, f.people["engineer"]); err != nil {
		t.Fatal(err)
	}
	left := f.withPasskey("pharmacist")
	if err := f.reg.DisablePerson(t.Context(), auth.System("test"), f.people["pharmacist"], "left"); err != nil {
		t.Fatal(err)
	}
	ask := func() map[string]any { return f.stranger().do("POST", "/api/v1/session/passkey/ask", nil).json() }
	used := ask()
	f.want("a right one", f.stranger().do("POST", "/api/v1/session/passkey", good.answer(used, good.handle)).status, 200)
	counting := f.again("nurse", good)
	counting.key.SignCount = 7
	f.want("it counts", counting.enter(good.handle).status, 200)
	var answers []string
	try := func(body map[string]any) {
		answers = append(answers, bare(f.stranger().do("POST", "/api/v1/session/passkey", body)))
	}
	try(good.answer(ask(), good.handle)) // counts no further
	counting.key.SignCount = 6
	try(good.answer(ask(), good.handle)) // went back
	counting.key.SignCount = 8
	try(good.answer(used, good.handle)) // answered before
	stranger := f.stranger()
	stranger.key = f.newSoft()
	try(stranger.answer(ask(), good.handle))
	try(good.answer(ask(), other.handle))
	try(good.answer(ask(), ""))
	try(gone.answer(ask(), gone.handle))
	try(left.answer(ask(), left.handle))
	unverified := *good.key
	unverified.Unverified = true
	b := &browser{f: f, key: &unverified}
	try(b.answer(ask(), good.handle))
	late := ask()
	f.later(5 * time.Minute)
	try(good.answer(late, good.handle))
	elsewhere := *good.key
	elsewhere.Origin = "http://localhost:9999"
	b = &browser{f: f, key: &elsewhere}
	try(b.answer(ask(), good.handle))
	stolen := good.answer(ask(), good.handle)
	stolen["credential"] = b64(other.key.ID)
	try(stolen)
	for i, a := range answers {
		if a != answers[0] || !strings.HasPrefix(a, "401") || !strings.HasSuffix(a, "[]") {
			t.Errorf("%d: answers differ: %s and %s", i, answers[0], a)
		}
	}
}

func TestKeysOfOnesOwn(t *testing.T) {
	f := newStrict(t)
	b := f.withPasskey("nurse")
	keys := func() []any { return b.do("GET", "/api/v1/me", nil).json()["keys"].([]any) }
	first := keys()[0].(map[string]any)["id"].(string)
	why := map[string]string{"reason": "lost it"}
	f.want("the only passkey", b.do("POST", "/api/v1/me/keys/"+first+"/revoke", why).status, 409)
	asked := b.do("POST", "/api/v1/me/keys/ask", nil)
	f.want("asked", asked.status, 200)
	second := f.newSoft()
	second.Eligible = true
	r := b.do("POST", "/api/v1/me/keys", f.made(second, asked.json()))
	f.want("added", line(r.status, r.json()["synced"]), "201 true")
	f.want("added twice", b.do("POST", "/api/v1/me/keys", f.made(f.newSoft(), asked.json())).status, 409)
	id := r.json()["id"].(string)
	f.want("renamed", b.do("POST", "/api/v1/me/keys/"+id+"/rename", map[string]string{"name": "phone"}).status, 204)
	phone := &browser{f: f, key: second}
	f.want("the new key signs in", phone.enter(b.handle).status, 200)
	f.want("revoked", b.do("POST", "/api/v1/me/keys/"+id+"/revoke", why).status, 204)
	f.want("its session", phone.do("GET", "/api/v1/session", nil).status, 401)
	f.want("its owner", b.do("GET", "/api/v1/session", nil).status, 200)
	f.want("revoked twice", b.do("POST", "/api/v1/me/keys/"+id+"/revoke", why).status, 404)
	other := f.withPasskey("auditor")
	f.want("somebody else's", other.do("POST", "/api/v1/me/keys/"+first+"/revoke", why).status, 404)
	f.want("somebody else's name", other.do("POST", "/api/v1/me/keys/"+first+"/rename", map[string]string{"name": "mine"}).status, 404)
	// A key that did not check its person is not enrolled.
	asked = b.do("POST", "/api/v1/me/keys/ask", nil)
	careless := f.newSoft()
	careless.Unverified = true
	r = b.do("POST", "/api/v1/me/keys", f.made(careless, asked.json()))
	f.want("not verified", line(r.status, strings.Contains(string(r.body), "PIN")), "422 true")
}

func TestAdministratorsRevokeKeys(t *testing.T) {
	f := newStrict(t)
	one, _ := f.administrators()
	nurse := f.withPasskey("nurse")
	path := fmt.Sprintf("/api/v1/people/%d/keys", f.people["nurse"])
	id := one.do("GET", path, nil).list()[0]["id"].(string)
	f.want("revoked", one.do("POST", path+"/"+id+"/revoke", map[string]string{"reason": "reported stolen"}).status, 204)
	f.want("its session", nurse.do("GET", "/api/v1/session", nil).status, 401)
	f.want("signing in", nurse.enter(nurse.handle).status, 401)
}

func TestSessionsOfOnesOwn(t *testing.T) {
	f := newFixture(t)
	a, b, c := f.signIn("nurse"), f.signIn("nurse"), f.signIn("nurse")
	var other string
	for _, s := range a.do("GET", "/api/v1/me", nil).json()["sessions"].([]any) {
		if m := s.(map[string]any); m["present"] == false && m["ended_at"] == nil {
			other = m["id"].(string)
		}
	}
	f.want("ended", a.do("POST", "/api/v1/me/sessions/"+other+"/end", nil).status, 204)
	f.want("ended twice", a.do("POST", "/api/v1/me/sessions/"+other+"/end", nil).status, 404)
	f.want("one is over", line(b.do("GET", "/api/v1/session", nil).status+c.do("GET", "/api/v1/session", nil).status), line(200+401))
	f.want("the others", a.do("POST", "/api/v1/me/sessions/end-others", nil).status, 204)
	f.want("none but this", line(a.do("GET", "/api/v1/session", nil).status, b.do("GET", "/api/v1/session", nil).status, c.do("GET", "/api/v1/session", nil).status), "200 401 401")
}
