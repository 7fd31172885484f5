package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"cisterna/internal/oidc/oidctest"
)

func start(t *testing.T, change ...func(*Config)) (*oidctest.Provider, *Provider) {
	t.Helper()
	idp, err := oidctest.New("cisterna", "a secret between the two")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(idp.Close)
	c := Config{Issuer: idp.URL, ClientID: idp.ClientID, Secret: idp.Secret, Redirect: "http://localhost:8600/sign-in/back", HTTP: idp.Client()}
	for _, f := range change {
		f(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return idp, p
}

// visit is what a browser does: it goes where it is sent and comes back.
func visit(t *testing.T, address string) Back {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	to, err := url.Parse(r.Header.Get("Location"))
	if err != nil || r.StatusCode != http.StatusFound {
		t.Fatalf("the provider answers %d, %v", r.StatusCode, err)
	}
	return Back{State: to.Query().Get("state"), Code: to.Query().Get("code"), Issuer: to.Query().Get("iss")}
}

func TestSignIn(t *testing.T) {
	for _, m := range []jwt.SigningMethod{jwt.SigningMethodES256, jwt.SigningMethodRS256} {
		idp, p := start(t, func(c *Config) { c.ACR, c.MaxAge = []string{"mfa"}, time.Hour })
		idp.Method = m
		to, w, err := p.Begin(t.Context(), "state-1")
		if err != nil {
			t.Fatal(err)
		}
		who, err := p.Finish(t.Context(), w, visit(t, to))
		if err != nil || who != (Identity{Issuer: idp.URL, Subject: "s-1", Session: "session-1"}) {
			t.Errorf("%s: %+v, %v", m.Alg(), who, err)
		}
	}
}

func TestSignInRefuses(t *testing.T) {
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claim := func(name string, v any) func(*oidctest.Provider, *Wait, *Back) {
		return func(idp *oidctest.Provider, _ *Wait, _ *Back) { idp.Claims = map[string]any{name: v} }
	}
	for name, change := range map[string]func(*oidctest.Provider, *Wait, *Back){
		"another audience":      claim("aud", "somebody else"),
		"a further audience":    claim("aud", []string{"cisterna", "somebody else"}),
		"no audience":           claim("aud", nil),
		"another issuer":        claim("iss", "https://evil.example"),
		"issuer with a slash":   func(idp *oidctest.Provider, _ *Wait, _ *Back) { idp.Claims = map[string]any{"iss": idp.URL + "/"} },
		"no issuer":             claim("iss", nil),
		"another nonce":         claim("nonce", "n"),
		"no nonce":              claim("nonce", nil),
		"no subject":            claim("sub", ""),
		"expired":               claim("exp", time.Now().Add(-time.Minute).Unix()),
		"no expiry":             claim("exp", nil),
		"from the future":       claim("iat", time.Now().Add(time.Hour).Unix()),
		"not before":            claim("nbf", time.Now().Add(time.Hour).Unix()),
		"a weaker context":      claim("acr", "password"),
		"no context":            claim("acr", nil),
		"signed in long ago":    claim("auth_time", time.Now().Add(-2*time.Hour).Unix()),
		"no time of signing in": claim("auth_time", nil),
		"alg none":              func(idp *oidctest.Provider, _ *Wait, _ *Back) { idp.Method = jwt.SigningMethodNone },
		"a shared secret":       func(idp *oidctest.Provider, _ *Wait, _ *Back) { idp.Method = jwt.SigningMethodHS256 },
		"a stranger's key":      func(idp *oidctest.Provider, _ *Wait, _ *Back) { idp.Key = stranger },
		"a key of another name": func(idp *oidctest.Provider, _ *Wait, _ *Back) { idp.Header = map[string]any{"kid": "other"} },
		"another state":         func(_ *oidctest.Provider, _ *Wait, b *Back) { b.State = "state-2" },
		"no state":              func(_ *oidctest.Provider, _ *Wait, b *Back) { b.State = "" },
		"no code":               func(_ *oidctest.Provider, _ *Wait, b *Back) { b.Code = "" },
		"an invented code":      func(_ *oidctest.Provider, _ *Wait, b *Back) { b.Code = "code" },
		"another verifier": func(_ *oidctest.Provider, w *Wait, _ *Back) {
			w.Verifier = "another-verifier-that-is-long-enough-for-the-standard"
		},
		"sent back by another": func(_ *oidctest.Provider, _ *Wait, b *Back) { b.Issuer = "https://evil.example" },
		"the provider refuses": func(_ *oidctest.Provider, _ *Wait, b *Back) { b.Error = "access_denied" },
	} {
		idp, p := start(t, func(c *Config) { c.ACR, c.MaxAge = []string{"mfa"}, time.Hour })
		to, w, err := p.Begin(t.Context(), "state-1")
		if err != nil {
			t.Fatal(err)
		}
		back := visit(t, to)
		change(idp, &w, &back)
		if who, err := p.Finish(t.Context(), w, back); !errors.Is(err, ErrRefused) || who != (Identity{}) {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}

func TestCodesCountOnce(t *testing.T) {
	_, p := start(t)
	to, w, err := p.Begin(t.Context(), "state-1")
	if err != nil {
		t.Fatal(err)
	}
	back := visit(t, to)
	if _, err := p.Finish(t.Context(), w, back); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Finish(t.Context(), w, back); !errors.Is(err, ErrRefused) {
		t.Errorf("again: %v", err)
	}
}

// A provider that is away is no refusal, and is asked again later.
func TestProviderAway(t *testing.T) {
	idp, p := start(t)
	idp.Close()
	if _, _, err := p.Begin(t.Context(), "state-1"); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("begin: %v", err)
	}
	if _, err := New(Config{Issuer: "http://idp.example.org", ClientID: "x", Redirect: "y"}); err == nil {
		t.Error("an issuer without TLS is taken")
	}
}

func logoutClaims(idp *oidctest.Provider) map[string]any {
	return map[string]any{
		"iss": idp.URL, "sub": "s-1", "aud": idp.ClientID, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "jti": "j-1", "sid": "session-1",
		"events": map[string]any{logoutEvent: map[string]any{}},
	}
}

func TestLogout(t *testing.T) {
	idp, p := start(t)
	raw, err := idp.Sign(logoutClaims(idp), map[string]any{"typ": "logout+jwt"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Logout(t.Context(), raw)
	if err != nil || out.ID != "j-1" || out.Subject != "s-1" || out.Session != "session-1" || out.Issuer != idp.URL {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestLogoutRefuses(t *testing.T) {
	for name, change := range map[string]func(idp *oidctest.Provider, claims, header map[string]any){
		"typed JWT":        func(_ *oidctest.Provider, _, h map[string]any) { h["typ"] = "JWT" },
		"another audience": func(_ *oidctest.Provider, c, _ map[string]any) { c["aud"] = "else" },
		"another issuer":   func(_ *oidctest.Provider, c, _ map[string]any) { c["iss"] = "https://evil.example" },
		"no event":         func(_ *oidctest.Provider, c, _ map[string]any) { delete(c, "events") },
		"another event":    func(_ *oidctest.Provider, c, _ map[string]any) { c["events"] = map[string]any{"x": map[string]any{}} },
		"event no object":  func(_ *oidctest.Provider, c, _ map[string]any) { c["events"] = map[string]any{logoutEvent: 1} },
		"a nonce":          func(_ *oidctest.Provider, c, _ map[string]any) { c["nonce"] = "n" },
		"no id":            func(_ *oidctest.Provider, c, _ map[string]any) { delete(c, "jti") },
		"nobody":           func(_ *oidctest.Provider, c, _ map[string]any) { delete(c, "sub"); delete(c, "sid") },
		"expired":          func(_ *oidctest.Provider, c, _ map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() },
		"old":              func(_ *oidctest.Provider, c, _ map[string]any) { c["iat"] = time.Now().Add(-time.Hour).Unix() },
		"alg none":         func(idp *oidctest.Provider, _, _ map[string]any) { idp.Method = jwt.SigningMethodNone },
	} {
		idp, p := start(t)
		claims, header := logoutClaims(idp), map[string]any{"typ": "logout+jwt"}
		change(idp, claims, header)
		raw, err := idp.Sign(claims, header)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := p.Logout(t.Context(), raw); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	_, p := start(t)
	for _, raw := range []string{"", ".", "a.b", "e30.e30.e30"} {
		if _, err := p.Logout(context.Background(), raw); !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", raw, err)
		}
	}
}
