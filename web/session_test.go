package web

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cisterna/internal/auth"
	"cisterna/web/api"
)

func TestSignInOverHTTP(t *testing.T) {
	f := newFixture(t)
	b := f.stranger()
	r := b.do("POST", "/api/v1/session", map[string]string{"login": "Nurse", "password": password})
	f.want("status", r.status, 200)
	cookies := (&http.Response{Header: r.header}).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies %v", cookies)
	}
	c := cookies[0]
	f.want("cookie", line(c.Name, c.Path, c.Domain, c.HttpOnly, c.SameSite == http.SameSiteStrictMode, c.Secure, c.MaxAge, len(c.Value)), line("cisterna", "/", "", true, true, false, 0, 43))
	me := b.do("GET", "/api/v1/session", nil).json()
	f.want("me", line(me["login"], me["name"], me["idle_seconds"], me["demo"], me["roles"]),
		line("nurse", "The nurse", 900, false, []any{map[string]any{"site": line(f.a), "site_name": "Clinic ALPHA", "role": "nurse"}}))
	f.want("sites", strings.Contains(string(b.do("GET", "/api/v1/sites", nil).body), "Clinic ALPHA"), true)

	old := b.cookie
	r = b.do("DELETE", "/api/v1/session", nil)
	f.want("sign out", line(r.status, b.cookie == nil), "204 true")
	b.cookie = old
	f.want("with the old cookie", b.do("GET", "/api/v1/session", nil).status, 401)
}

// The same words for every wrong sign-in, and never a cookie.
func TestWrongSignIns(t *testing.T) {
	f := newFixture(t)
	var answers []string
	for _, c := range [][2]string{{"nurse", "wrong"}, {"nobody", password}, {"", ""}, {"nurse", strings.Repeat("x", 1000)}, {"nurse\x00", password}} {
		r := f.stranger().do("POST", "/api/v1/session", map[string]string{"login": c[0], "password": c[1]})
		body := r.json()
		delete(body, "request_id")
		answers = append(answers, line(r.status, body, r.header["Set-Cookie"]))
	}
	for _, a := range answers[1:] {
		if a != answers[0] || !strings.HasPrefix(a, "401") || !strings.HasSuffix(a, "[]") {
			t.Errorf("answers differ: %s and %s", answers[0], a)
		}
	}
}

func TestThrottledSignIns(t *testing.T) {
	f := newFixture(t)
	var last response
	for i := range 12 {
		b := f.stranger()
		b.ip = fmt.Sprintf("203.0.113.%d", i)
		last = b.do("POST", "/api/v1/session", map[string]string{"login": "nurse", "password": "guess"})
	}
	f.want("status, code and wait", line(last.status, last.code(), last.header.Get("Retry-After")), "429 throttled 30")
	b := f.stranger()
	b.ip = "203.0.113.99"
	f.want("the right password", b.do("POST", "/api/v1/session", map[string]string{"login": "nurse", "password": password}).status, 429)
	f.want("another person", b.do("POST", "/api/v1/session", map[string]string{"login": "auditor", "password": password}).status, 200)
}

func TestFixationOverHTTP(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("auditor")
	planted := b.cookie
	f.want("sign in again", b.do("POST", "/api/v1/session", map[string]string{"login": "nurse", "password": password}).status, 200)
	if b.cookie.Value == planted.Value {
		t.Error("the planted token was kept")
	}
	b.cookie = planted
	f.want("planted session", b.do("GET", "/api/v1/session", nil).status, 401)
	// A token that the server never gave is not adopted.
	chosen := &http.Cookie{Name: "cisterna", Value: auth.NewToken().Reveal()}
	b.cookie = chosen
	b.do("POST", "/api/v1/session", map[string]string{"login": "nurse", "password": password})
	if b.cookie.Value == chosen.Value {
		t.Error("a chosen token was adopted")
	}
	// Two cookies of the name: one was planted from elsewhere.
	r := b.do("GET", "/api/v1/session", nil, "Cookie", "cisterna="+b.cookie.Value+"; cisterna="+chosen.Value)
	f.want("two cookies", r.status, 401)
	// The plain name does not count where the secure one is meant.
	f.want("header instead of cookie", f.stranger().do("GET", "/api/v1/session", nil, "Authorization", "Bearer "+b.cookie.Value).status, 401)
}

func TestIdleAndAbsoluteEnd(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("nurse")
	for range 3 { // what a page asks by itself does not keep a session
		f.later(5*time.Minute - time.Second)
		if r := b.do("GET", "/api/v1/sites", nil, api.PassiveHeader, "1"); r.status != 200 {
			t.Fatalf("passive request: %d", r.status)
		}
	}
	f.later(3 * time.Second)
	f.want("after 15 idle minutes", b.do("GET", "/api/v1/session", nil).status, 401)
	b = f.signIn("nurse")
	for range 12*6 - 1 {
		f.later(10 * time.Minute)
		if r := b.do("GET", "/api/v1/session", nil); r.status != 200 {
			t.Fatalf("active request: %d", r.status)
		}
	}
	f.later(10 * time.Minute)
	f.want("after 12 hours", b.do("GET", "/api/v1/session", nil).status, 401)
}

func TestSecureServer(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Origin = "https://cisterna.example.org" })
	b := f.stranger()
	own := []string{"Host", "cisterna.example.org", "Origin", "https://cisterna.example.org"}
	r := b.do("POST", "/api/v1/session", map[string]string{"login": "nurse", "password": password}, own...)
	cookies := (&http.Response{Header: r.header}).Cookies()
	if r.status != 200 || len(cookies) != 1 {
		t.Fatalf("%d %v", r.status, cookies)
	}
	c := cookies[0]
	f.want("cookie", line(c.Name, c.Path, c.Domain, c.HttpOnly, c.SameSite == http.SameSiteStrictMode, c.Secure), line("__Host-cisterna", "/", "", true, true, true))
	f.want("HSTS", r.header.Get("Strict-Transport-Security"), "max-age=31536000; includeSubDomains")
	f.want("signed in", b.do("GET", "/api/v1/session", nil, own...).status, 200)
	b.cookie.Name = "cisterna"
	f.want("the plain cookie", b.do("GET", "/api/v1/session", nil, own...).status, 401)
	f.want("localhost is another name", b.do("GET", "/", nil).status, 421)
	f.want("and so is a bare address", b.do("GET", "/", nil, "Host", "127.0.0.1").status, 421)
}

// What pages of other sites send is not done. The request is a browser's: it
// says where it comes from and carries the cookie.
func TestCrossSiteRequests(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	pump := f.pump(f.a)
	retire := map[string]string{"reason": "x"}
	for name, headers := range map[string][]string{
		"another site":      {"Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site"},
		"a sister site":     {"Origin", "http://other.localhost:8600", "Sec-Fetch-Site", "same-site"},
		"another port":      {"Origin", "http://localhost:9999", "Sec-Fetch-Site", "same-site"},
		"no Sec-Fetch-Site": {"Origin", "https://evil.test", "-Sec-Fetch-Site", ""},
		"a sandboxed frame": {"Origin", "null", "Sec-Fetch-Site", "cross-site"},
		"null, old browser": {"Origin", "null", "-Sec-Fetch-Site", ""},
		"other port, old":   {"Origin", "http://localhost:9999", "-Sec-Fetch-Site", ""},
		"form, cross-site":  {"Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site", "Content-Type", "application/x-www-form-urlencoded"},
	} {
		r := b.do("POST", "/api/v1/pumps/"+pump+"/retire", retire, headers...)
		f.want(name, line(r.status, r.code()), "403 cross_origin")
		c := *b
		r = c.do("DELETE", "/api/v1/session", nil, headers...)
		f.want("sign out by "+name, r.status, 403)
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/json-patch+json", "text/plain; application/json"} {
		r := b.do("POST", "/api/v1/pumps/"+pump+"/retire", retire, "Content-Type", kind)
		f.want("content type "+kind, line(r.status, r.code()), "415 unsupported_media_type")
	}
	var status string
	if err := f.db.Get(&status, `SELECT status FROM registry_pumps WHERE id = $1`, pump); err != nil || status != "registered" {
		t.Errorf("the pump is %s, %v", status, err)
	}
	f.want("still signed in", b.do("GET", "/api/v1/session", nil).status, 200)
	// No state changes by GET, and no answer is for other sites' scripts.
	r := b.do("GET", "/api/v1/pumps", nil, "Origin", "https://evil.test", "Sec-Fetch-Site", "cross-site")
	f.want("CORS", line(r.header["Access-Control-Allow-Origin"], r.header.Get("Cross-Origin-Resource-Policy")), "[] same-origin")
	r = b.do("OPTIONS", "/api/v1/pumps", nil, "Origin", "https://evil.test", "Access-Control-Request-Method", "POST")
	f.want("preflight", line(r.status, r.header["Access-Control-Allow-Origin"]), "405 []")
}

func TestDemoPeople(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.API.Demo = []api.DemoPerson{{Login: "anna", Name: "Anna Berg", Role: "Engineer", Site: "Alpha", Password: password}}
	})
	r := f.stranger().do("GET", "/api/v1/session/demo", nil)
	f.want("demo", line(r.status, r.json()["demo"], len(r.json()["people"].([]any))), "200 true 1")
	f.want("me", f.signIn("nurse").do("GET", "/api/v1/session", nil).json()["demo"], true)
}

// Many people at once, some of whom sign out meanwhile.
func TestManyAtOnce(t *testing.T) {
	f := newFixture(t)
	pump := f.pump(f.a)
	people := []string{"engineer", "nurse", "auditor", "pharmacist", "engineer-b"}
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			login := people[i%len(people)]
			b := f.signIn(login)
			for _, path := range []string{"/api/v1/session", "/api/v1/pumps", "/api/v1/pumps/" + pump, "/api/v1/alarms", "/api/v1/audit", "/api/v1/sites"} {
				r := b.do("GET", path, nil)
				if want := 200; r.status != want && (login != "engineer-b" || r.status != 404) {
					t.Errorf("%s by %s: %d %s", path, login, r.status, r.body)
				}
			}
			if i%2 == 0 {
				b.do("DELETE", "/api/v1/session", nil)
			}
		})
	}
	wg.Wait()
}
