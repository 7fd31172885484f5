package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Logout says that somebody has signed out at the provider (OpenID Connect
// Back-Channel Logout 1.0).
type Logout struct {
	ID        string // used once
	ExpiresAt time.Time
	Identity  // Subject or Session may be empty, not both
}

// logoutEvent is what a logout token is about.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// maxToken is the largest logout token that is looked at, in bytes.
const maxToken = 8 << 10

// Logout reads a logout token. An error that is not [ErrRefused] means that the
// provider could not be asked for its keys.
func (p *Provider) Logout(ctx context.Context, raw string) (Logout, error) {
	head, _, ok := strings.Cut(raw, ".")
	if !ok || len(raw) > maxToken {
		return Logout{}, refused("it is no token")
	}
	var header struct{ Typ string }
	b, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil || json.Unmarshal(b, &header) != nil || !strings.EqualFold(strings.TrimPrefix(strings.ToLower(header.Typ), "application/"), "logout+jwt") {
		return Logout{}, refused("it is not typed logout+jwt")
	}
	found, err := p.provider(ctx)
	if err != nil {
		return Logout{}, err
	}
	t, err := p.verify(oidc.ClientContext(ctx, p.c.HTTP), found, raw)
	if err != nil {
		return Logout{}, err
	}
	var claims struct {
		ID     string                     `json:"jti"`
		SID    string                     `json:"sid"`
		Nonce  *string                    `json:"nonce"`
		Events map[string]json.RawMessage `json:"events"`
	}
	if err := t.Claims(&claims); err != nil {
		return Logout{}, refused("its claims cannot be read: %v", err)
	}
	var event map[string]any
	switch about, ok := claims.Events[logoutEvent]; {
	case !ok || json.Unmarshal(about, &event) != nil:
		return Logout{}, refused("it is about no logout")
	case claims.Nonce != nil:
		return Logout{}, refused("it has a nonce, as an id token has")
	case claims.ID == "" || len(claims.ID) > 255:
		return Logout{}, refused("it has no id")
	case t.Subject == "" && claims.SID == "":
		return Logout{}, refused("it names nobody")
	case p.c.Now().Sub(t.IssuedAt) > 5*time.Minute:
		return Logout{}, refused("it is too old")
	}
	return Logout{ID: claims.ID, ExpiresAt: t.Expiry, Identity: Identity{Issuer: t.Issuer, Subject: t.Subject, Session: claims.SID}}, nil
}
