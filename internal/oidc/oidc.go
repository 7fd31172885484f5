// Package oidc signs people in at their organisation's OpenID provider: the code
// flow with PKCE, state and nonce, and back-channel logout.
//
// What comes back is who somebody is there, by issuer and subject and by nothing
// else: no name, address or group of the provider finds an account or gives a
// right. The library checks signatures; this package allows two algorithms, wants
// its own client id as the only audience, and refuses what is not typed as it
// must be. It keeps no state but the provider's description and keys. It is safe
// for concurrent use.
package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Config names a provider and how it knows this server.
type Config struct {
	Issuer   string // exactly as the provider writes it
	ClientID string
	Secret   string // "" for a public client
	Redirect string // where the provider sends people back
	Name     string // what people call it, on the button
	// ACR, if not empty, lists the authentication contexts of which one is asked
	// for and must have been used.
	ACR []string
	// MaxAge, if not 0, is how long ago the person may have signed in there.
	MaxAge time.Duration
	HTTP   *http.Client     // nil: a client with a limit of 10 s
	Now    func() time.Time // nil: time.Now
}

// Identity is who somebody is at the provider.
type Identity struct {
	Issuer, Subject string
	Session         string // the provider's name for its session, "" if it gives none
}

// Wait is what must be remembered between Begin and Finish.
type Wait struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"` // of PKCE
}

// ErrRefused is wrapped by errors that say that what came back does not count.
// All others mean that the provider could not be asked.
var ErrRefused = errors.New("the provider's answer does not count")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...)
}

// algorithms are those that are taken: "none" and shared secrets are not.
var algorithms = []string{oidc.RS256, oidc.ES256}

// Provider is a provider in use.
type Provider struct {
	c Config

	mu    sync.Mutex
	found *oidc.Provider // nil until it has been asked
}

// New returns a provider. It is asked for its description when it is first
// needed, so that the server starts while the provider is away.
func New(c Config) (*Provider, error) {
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1") {
		return nil, fmt.Errorf("the issuer %q is not an https address", c.Issuer)
	}
	if c.ClientID == "" || c.Redirect == "" {
		return nil, errors.New("an OpenID provider needs a client id and an address to come back to")
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Name == "" {
		c.Name = u.Hostname()
	}
	return &Provider{c: c}, nil
}

// Name returns what people call the provider.
func (p *Provider) Name() string { return p.c.Name }

// Issuer returns the provider's identifier.
func (p *Provider) Issuer() string { return p.c.Issuer }

func (p *Provider) provider(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	// The keys are fetched again long after this request: its end must not end that.
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.c.HTTP), p.c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("ask the OpenID provider %s: %w", p.c.Issuer, err)
	}
	p.found = found
	return found, nil
}

func (p *Provider) client(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: p.c.ClientID, ClientSecret: p.c.Secret, Endpoint: found.Endpoint(), RedirectURL: p.c.Redirect, Scopes: []string{oidc.ScopeOpenID}}
}

// Begin returns the address to send somebody to. state names this attempt and is
// the caller's to remember together with what is returned.
func (p *Provider) Begin(ctx context.Context, state string) (string, Wait, error) {
	found, err := p.provider(ctx)
	if err != nil {
		return "", Wait{}, err
	}
	w := Wait{State: state, Verifier: oauth2.GenerateVerifier()}
	sum := sha256.Sum256([]byte("cisterna-oidc-nonce\x00" + w.Verifier))
	w.Nonce = base64.RawURLEncoding.EncodeToString(sum[:])
	options := []oauth2.AuthCodeOption{oidc.Nonce(w.Nonce), oauth2.S256ChallengeOption(w.Verifier)}
	for _, acr := range p.c.ACR[:min(1, len(p.c.ACR))] {
		options = append(options, oauth2.SetAuthURLParam("acr_values", acr))
	}
	if p.c.MaxAge > 0 {
		options = append(options, oauth2.SetAuthURLParam("max_age", fmt.Sprint(int64(p.c.MaxAge/time.Second))))
	}
	return p.client(found).AuthCodeURL(state, options...), w, nil
}

// Back is what the provider sends somebody back with.
type Back struct {
	State, Code string
	Issuer      string // iss, "" if the provider does not say (RFC 9207)
	Error       string // why it did not sign them in, "" if it did
}

// Finish exchanges the code and returns who it was.
func (p *Provider) Finish(ctx context.Context, w Wait, b Back) (Identity, error) {
	switch {
	case subtle.ConstantTimeCompare([]byte(b.State), []byte(w.State)) != 1:
		return Identity{}, refused("another state")
	case b.Issuer != "" && b.Issuer != p.c.Issuer:
		return Identity{}, refused("another issuer sent it back")
	case b.Error != "":
		return Identity{}, refused("it says %.80q", b.Error)
	case b.Code == "":
		return Identity{}, refused("no code")
	}
	found, err := p.provider(ctx)
	if err != nil {
		return Identity{}, err
	}
	ctx = oidc.ClientContext(ctx, p.c.HTTP)
	answer, err := p.client(found).Exchange(ctx, b.Code, oauth2.VerifierOption(w.Verifier))
	if e := new(oauth2.RetrieveError); errors.As(err, &e) && e.Response.StatusCode < 500 {
		return Identity{}, refused("the code is not taken")
	} else if err != nil {
		return Identity{}, fmt.Errorf("exchange a code: %w", err)
	}
	raw, ok := answer.Extra("id_token").(string)
	if !ok {
		return Identity{}, refused("no id token")
	}
	t, err := p.verify(ctx, found, raw)
	if err != nil {
		return Identity{}, err
	}
	var claims struct {
		SID      string `json:"sid"`
		ACR      string `json:"acr"`
		AuthTime int64  `json:"auth_time"`
	}
	if err := t.Claims(&claims); err != nil {
		return Identity{}, refused("its claims cannot be read: %v", err)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(w.Nonce)) != 1:
		return Identity{}, refused("another nonce")
	case t.Subject == "" || len(t.Subject) > 255:
		return Identity{}, refused("no subject")
	case len(p.c.ACR) > 0 && !slices.Contains(p.c.ACR, claims.ACR):
		return Identity{}, refused("authentication context %.80q", claims.ACR)
	case p.c.MaxAge > 0 && p.c.Now().Sub(time.Unix(claims.AuthTime, 0)) > p.c.MaxAge+leeway:
		return Identity{}, refused("the person signed in there too long ago")
	}
	return Identity{Issuer: t.Issuer, Subject: t.Subject, Session: claims.SID}, nil
}

// leeway is how far the provider's clock may be off.
const leeway = time.Minute

// verify checks a token's signature, issuer, audience and times.
func (p *Provider) verify(ctx context.Context, found *oidc.Provider, raw string) (*oidc.IDToken, error) {
	t, err := found.Verifier(&oidc.Config{ClientID: p.c.ClientID, SupportedSigningAlgs: algorithms, Now: p.c.Now}).Verify(ctx, raw)
	if err != nil {
		return nil, refused("%v", err)
	}
	switch {
	case t.Issuer != p.c.Issuer:
		return nil, refused("another issuer")
	case len(t.Audience) != 1 || t.Audience[0] != p.c.ClientID:
		return nil, refused("another audience")
	case t.IssuedAt.After(p.c.Now().Add(leeway)):
		return nil, refused("it is from the future")
	}
	return t, nil
}
