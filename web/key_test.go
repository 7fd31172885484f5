package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"cisterna/internal/auth"
	"cisterna/internal/webauthn"
	"cisterna/web/api"
)

// Browsers of the tests have an authenticator in software. In a demo it is
// enrolled the first time that the server asks to step up; elsewhere a test
// enrols it.

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (f *fixture) bytes(s any) []byte {
	f.Helper()
	text, _ := s.(string)
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		f.Fatalf("%v is not base64url", s)
	}
	return b
}

func (f *fixture) newSoft() *webauthn.Soft {
	f.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	s := &webauthn.Soft{ID: make([]byte, 32), Key: k, RPID: "localhost", Origin: "http://localhost:8600"}
	_, _ = rand.Read(s.ID)
	return s
}

// made returns the body that enrols a key for what was asked.
func (f *fixture) made(s *webauthn.Soft, asked map[string]any, more ...string) map[string]any {
	f.Helper()
	c, err := s.Create([32]byte(f.bytes(asked["challenge"])))
	if err != nil {
		f.Fatal(err)
	}
	out := map[string]any{
		"nonce": asked["nonce"], "name": "a key", "authenticator_data": b64(c.AuthenticatorData), "client_data": b64(c.ClientDataJSON), "public_key": b64(c.PublicKey),
	}
	for i := 0; i+1 < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

// softKey enrols the browser's software key, as a page of a demo does.
func (b *browser) softKey() {
	b.f.Helper()
	s := b.f.newSoft()
	asked := b.do("POST", "/api/v1/me/software-key/ask", nil)
	if r := b.do("POST", "/api/v1/me/software-key", b.f.made(s, asked.json())); r.status != http.StatusCreated {
		b.f.Fatalf("enrol a software key: %d %s", r.status, r.body)
	}
	b.key = s
}

// signFor returns the header that answers a problem step_up_required.
func (b *browser) signFor(problem map[string]any) string {
	b.f.Helper()
	ask, _ := problem["step_up"].(map[string]any)
	a, err := b.key.Sign(rand.Reader, [32]byte(b.f.bytes(ask["challenge"])))
	if err != nil {
		b.f.Fatal(err)
	}
	nonce, _ := ask["nonce"].(string)
	return strings.Join([]string{"v1", nonce, b64(b.key.ID), b64(a.AuthenticatorData), b64(a.ClientDataJSON), b64(a.Signature)}, ".")
}

// do sends a request and steps up for it if the server asks, as a page does.
func (b *browser) do(method, path string, body any, headers ...string) response {
	b.f.Helper()
	r := b.send(method, path, body, headers...)
	if r.status != http.StatusForbidden || r.code() != "step_up_required" || b.unwilling {
		return r
	}
	if b.key == nil {
		b.softKey()
	}
	return b.send(method, path, body, append(headers, api.StepUpHeader, b.signFor(r.json()))...)
}

// answer returns the body that signs in with the browser's key.
func (b *browser) answer(asked map[string]any, handle string) map[string]any {
	b.f.Helper()
	a, err := b.key.Sign(rand.Reader, [32]byte(b.f.bytes(asked["challenge"])))
	if err != nil {
		b.f.Fatal(err)
	}
	return map[string]any{
		"nonce": asked["nonce"], "credential": b64(b.key.ID), "user_handle": handle, "authenticator_data": b64(a.AuthenticatorData),
		"client_data": b64(a.ClientDataJSON), "signature": b64(a.Signature),
	}
}

// list decodes an array.
func (r response) list() (out []map[string]any) {
	if err := json.Unmarshal(r.body, &out); err != nil {
		return nil
	}
	return out
}

// code issues a code for somebody, as the server itself would, and returns its id.
func (f *fixture) code(user int64) string {
	f.Helper()
	roles, err := f.reg.Roles(f.Context(), user)
	if err != nil {
		f.Fatal(err)
	}
	account, err := f.auth.Account(f.Context(), user)
	if err != nil {
		f.Fatal(err)
	}
	c, _, err := f.auth.IssueCode(f.Context(), auth.System("test"), account.Actor(roles), auth.Enrol, "as a test", false)
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(c.ID)
}
