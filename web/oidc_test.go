package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cisterna/internal/auth"
	"cisterna/internal/oidc"
	"cisterna/internal/oidc/oidctest"
	"cisterna/web/api"
)

// withProvider is a server, no demo, beside a real OpenID provider.
func withProvider(t *testing.T) (*fixture, *oidctest.Provider) {
	t.Helper()
	idp, err := oidctest.New("cisterna", "a secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(idp.Close)
	f := newStrict(t, func(o *Options) {
		o.API.OIDC, err = oidc.New(oidc.Config{Issuer: idp.URL, ClientID: idp.ClientID, Secret: idp.Secret, Redirect: o.Origin + api.OIDCReturn, Name: "St. Gereon", HTTP: idp.Client()})
		if err != nil {
			t.Fatal(err)
		}
	})
	return f, idp
}

// travel goes to the provider and returns what it sends the browser back with.
func (b *browser) travel(body any) map[string]string {
	b.f.Helper()
	r := b.do("POST", "/api/v1/session/oidc/begin", body)
	if r.status != 200 {
		b.f.Fatalf("begin: %d %s", r.status, r.body)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(r.json()["url"].(string))
	if err != nil {
		b.f.Fatal(err)
	}
	_ = res.Body.Close()
	to, err := url.Parse(res.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(to.String(), "http://localhost:8600/sign-in/back?") {
		b.f.Fatalf("sent back to %s, %v", to, err)
	}
	q := to.Query()
	return map[string]string{"state": q.Get("state"), "code": q.Get("code"), "iss": q.Get("iss"), "error": ""}
}

func (b *browser) back(with map[string]string) response {
	b.f.Helper()
	return b.do("POST", "/api/v1/session/oidc", with)
}

func TestOIDC(t *testing.T) {
	f, idp := withProvider(t)
	f.want("offered", f.stranger().do("GET", "/api/v1/session/ways", nil).json()["oidc"], "St. Gereon")
	b := f.stranger()
	r := b.back(b.travel(map[string]any{}))
	f.want("not linked", line(r.status, strings.Contains(string(r.body), "no account here")), "401 true")

	text := f.openCode("nurse", auth.Link)
	r = b.back(b.travel(map[string]any{"login": "nurse", "code": text}))
	f.want("linked", line(r.status, r.json()["login"], r.json()["means"], r.json()["enrolling"]), "200 nurse oidc false")
	f.want("may do what a nurse may", b.do("GET", "/api/v1/pumps", nil).status, 200)
	again := f.stranger()
	f.want("the next time without a code", again.back(again.travel(map[string]any{})).status, 200)
	links := again.do("GET", "/api/v1/me", nil).json()["links"].([]any)
	f.want("listed", line(len(links), links[0].(map[string]any)["issuer"]), line(1, idp.URL))
	f.want("the code again", again.do("POST", "/api/v1/session/oidc/begin", map[string]any{"login": "nurse", "code": text}).status, 401)

	text = f.openCode("auditor", auth.Link)
	thief := f.stranger()
	r = thief.back(thief.travel(map[string]any{"login": "auditor", "code": text}))
	f.want("linked to somebody already", r.status, 409)

	idp.Subject = "s-2"
	b = f.stranger()
	f.want("another subject", b.back(b.travel(map[string]any{})).status, 401)
	idp.Subject = "s-1"
	if err := f.reg.DisablePerson(t.Context(), auth.System("test"), f.people["nurse"], "left"); err != nil {
		t.Fatal(err)
	}
	b = f.stranger()
	f.want("a shut account", b.back(b.travel(map[string]any{})).status, 401)
}

func TestOIDCRefuses(t *testing.T) {
	f, idp := withProvider(t)
	first := f.stranger()
	first.back(first.travel(map[string]any{"login": "nurse", "code": f.openCode("nurse", auth.Link)}))
	for name, do := range map[string]func(b *browser) response{
		"another browser": func(b *browser) response { return f.stranger().back(b.travel(map[string]any{})) },
		"another browser's errand": func(b *browser) response {
			other := f.stranger()
			other.travel(map[string]any{})
			with := b.travel(map[string]any{})
			b.errand = other.errand
			return b.back(with)
		},
		"twice": func(b *browser) response {
			with := b.travel(map[string]any{})
			b.back(with)
			b.cookie = nil
			return b.back(with)
		},
		"an invented state": func(b *browser) response {
			with := b.travel(map[string]any{})
			with["state"] = b64(make([]byte, 32))
			return b.back(with)
		},
		"another's code": func(b *browser) response {
			with, other := b.travel(map[string]any{}), f.stranger()
			with["code"] = other.travel(map[string]any{})["code"]
			return b.back(with)
		},
		"late": func(b *browser) response {
			with := b.travel(map[string]any{})
			f.later(10 * time.Minute)
			return b.back(with)
		},
		"the provider says no": func(b *browser) response {
			with := b.travel(map[string]any{})
			with["error"] = "access_denied"
			return b.back(with)
		},
		"another audience": func(b *browser) response {
			idp.Claims = map[string]any{"aud": "other"}
			defer func() { idp.Claims = nil }()
			return b.back(b.travel(map[string]any{}))
		},
	} {
		b := f.stranger()
		if r := do(b); r.status != 401 || r.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	f.want("a state that is none", f.stranger().back(map[string]string{"state": "x", "code": "", "iss": "", "error": ""}).status, 422)
	f.want("a code to enrol", f.stranger().do("POST", "/api/v1/session/oidc/begin", map[string]any{"login": "auditor", "code": f.openCode("auditor", auth.Enrol)}).status, 401)
	idp.Close()
	f.want("while the provider is away", f.stranger().back(map[string]string{"state": b64(make([]byte, 32)), "code": "c", "iss": "", "error": ""}).status, 401)
}

func TestBackChannelLogout(t *testing.T) {
	f, idp := withProvider(t)
	b := f.stranger()
	b.back(b.travel(map[string]any{"login": "nurse", "code": f.openCode("nurse", auth.Link)}))
	claims := func(jti, sid string) map[string]any {
		return map[string]any{
			"iss": idp.URL, "sub": "s-1", "aud": idp.ClientID, "iat": time.Now().Unix(), "exp": time.Now().Add(2 * time.Minute).Unix(), "jti": jti, "sid": sid,
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		}
	}
	send := func(c map[string]any, typ string) response {
		raw, err := idp.Sign(c, map[string]any{"typ": typ})
		if err != nil {
			t.Fatal(err)
		}
		// The provider is no browser: it sends no Origin.
		return f.stranger().do("POST", "/api/v1/session/oidc/logout", form("logout_token="+raw), "-Origin", "", "-Sec-Fetch-Site", "")
	}
	f.want("an id token", send(claims("j-0", "session-1"), "JWT").status, 400)
	f.want("another session there", send(claims("j-1", "session-2"), "logout+jwt").status, 204)
	f.want("goes on", b.do("GET", "/api/v1/session", nil).status, 200)
	f.want("this session", send(claims("j-2", "session-1"), "logout+jwt").status, 204)
	f.want("is over", b.do("GET", "/api/v1/session", nil).status, 401)
	b = f.stranger()
	f.want("signed in again", b.back(b.travel(map[string]any{})).status, 200)
	f.want("the same message again", send(claims("j-2", "session-1"), "logout+jwt").status, 204)
	f.want("does nothing", b.do("GET", "/api/v1/session", nil).status, 200)
	f.want("no token", f.stranger().do("POST", "/api/v1/session/oidc/logout", form("x=y")).status, 400)
}
