// Package oidctest is a small OpenID provider for tests: real HTTP, real keys, and
// every defect that a test asks for. It signs in whoever it is told to, without
// asking. It is not for use.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Provider is a running provider. Its fields may be changed between requests.
type Provider struct {
	*httptest.Server
	ClientID, Secret string
	Subject          string         // who signs in
	Claims           map[string]any // put into id tokens, over what is right; nil values take out
	Header           map[string]any // the same for the header
	Method           jwt.SigningMethod
	Key              crypto.Signer // that signs, if not the published one
	Now              func() time.Time

	mu    sync.Mutex
	keys  map[string]crypto.Signer // by algorithm
	codes map[string]url.Values    // given and not exchanged yet
}

// New starts a provider.
func New(clientID, secret string) (*Provider, error) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	p := &Provider{
		ClientID: clientID, Secret: secret, Subject: "s-1", Method: jwt.SigningMethodES256, Now: time.Now,
		keys: map[string]crypto.Signer{"ES256": ec, "RS256": rs}, codes: map[string]url.Values{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.describe)
	mux.HandleFunc("GET /keys", p.published)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewServer(mux)
	return p, nil
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (p *Provider) describe(w http.ResponseWriter, _ *http.Request) {
	answer(w, 200, map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256", "ES256"},
	})
}

func (p *Provider) published(w http.ResponseWriter, _ *http.Request) {
	b64 := base64.RawURLEncoding.EncodeToString
	ec := p.keys["ES256"].Public().(*ecdsa.PublicKey)
	point, err := ec.Bytes()
	if err != nil {
		answer(w, 500, err.Error())
		return
	}
	rs := p.keys["RS256"].Public().(*rsa.PublicKey)
	answer(w, 200, map[string]any{"keys": []any{
		map[string]string{"kty": "EC", "use": "sig", "alg": "ES256", "kid": "ES256", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])},
		map[string]string{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "RS256", "n": b64(rs.N.Bytes()), "e": b64(big.NewInt(int64(rs.E)).Bytes())},
	}})
}

// authorize sends the browser back with a code, at once.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != p.ClientID || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("state") == "" || q.Get("nonce") == "" {
		http.Error(w, "not as it must be", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = q
	p.mu.Unlock()
	back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.URL}}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	code := r.PostFormValue("code")
	p.mu.Lock()
	asked, ok := p.codes[code]
	delete(p.codes, code)
	p.mu.Unlock()
	id, secret, basic := r.BasicAuth()
	if basic { // they come as in a form (RFC 6749, 2.3.1)
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || id != p.ClientID || secret != p.Secret || asked.Get("redirect_uri") != r.PostFormValue("redirect_uri") || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	now := p.Now()
	t, err := p.Sign(map[string]any{
		"iss": p.URL, "sub": p.Subject, "aud": p.ClientID, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "nonce": asked.Get("nonce"),
		"auth_time": now.Unix(), "acr": "mfa", "sid": "session-1",
	}, nil)
	if err != nil {
		answer(w, 500, err.Error())
		return
	}
	answer(w, 200, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300, "id_token": t})
}

// Sign makes a token of claims, changed as the provider's fields say.
func (p *Provider) Sign(claims, header map[string]any) (string, error) {
	c := jwt.MapClaims(maps.Clone(claims))
	maps.Copy(c, p.Claims)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	t := jwt.NewWithClaims(p.Method, c)
	t.Header["kid"] = p.Method.Alg()
	maps.Copy(t.Header, header)
	maps.Copy(t.Header, p.Header)
	var key any = p.keys[p.Method.Alg()]
	switch {
	case p.Method == jwt.SigningMethodNone:
		key = jwt.UnsafeAllowNoneSignatureType
	case p.Key != nil:
		key = p.Key
	case p.Method == jwt.SigningMethodHS256:
		key = []byte(p.Secret)
	}
	return t.SignedString(key)
}
