package api

import (
	"context"
	"net/http"
	"net/netip"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// Caller is who asks, and from where.
type Caller struct {
	auth.Actor
	Session auth.Session
	Token   auth.Token // of the session, or one that is not valid (any more)
	Address netip.Addr
	Agent   string
}

// Names of the session's cookie. A browser takes one that begins with __Host-
// only over TLS, for the whole host and no other.
const (
	secureCookie = "__Host-cisterna"
	plainCookie  = "cisterna"
)

// PassiveHeader marks a request that a page makes by itself.
const PassiveHeader = "Cisterna-Passive"

func (a *API) cookieName() string {
	if a.Secure {
		return secureCookie
	}
	return plainCookie
}

// cookie returns the session's cookie; the zero Token makes one that removes it.
func (a *API) cookie(t auth.Token) http.Cookie {
	c := http.Cookie{Name: a.cookieName(), Path: "/", Secure: a.Secure, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: -1}
	if t != (auth.Token{}) {
		c.Value, c.MaxAge = t.Reveal(), 0
	}
	return c
}

// stranger describes a request without asking who it is from.
func (a *API) stranger(r *http.Request) Caller {
	c := Caller{Address: a.Address(r), Agent: r.UserAgent()}
	// A cookie that is there twice was planted by somebody: neither counts.
	if found := r.CookiesNamed(a.cookieName()); len(found) == 1 {
		c.Token, _ = auth.ParseToken(found[0].Value)
	}
	return c
}

// Authenticate returns who a request is from, with the roles they have now. It
// returns an error of kind Unauthorized if nobody is signed in.
func (a *API) Authenticate(r *http.Request) (Caller, error) {
	c := a.stranger(r)
	if c.Token == (auth.Token{}) {
		return Caller{}, errs.New(errs.Unauthorized, "You are not signed in, or your session has ended. Sign in and try again.")
	}
	ctx := r.Context()
	var err error
	if c.Session, err = a.Accounts.Session(ctx, c.Token); err != nil {
		return Caller{}, err
	}
	if r.Header.Get(PassiveHeader) == "" {
		if c.Session, err = a.Accounts.Touch(ctx, c.Session); err != nil {
			return Caller{}, err
		}
	}
	roles, err := a.Registry.Roles(ctx, c.Session.Account.ID)
	if err != nil {
		return Caller{}, err
	}
	c.Actor = c.Session.Account.Actor(roles)
	return c, nil
}

// Scopes returns what the people of those sessions that last may see now.
func (a *API) Scopes(ctx context.Context, sessions []int64) (map[int64]auth.Scope, error) {
	alive, err := a.Accounts.Alive(ctx, sessions)
	if err != nil {
		return nil, err
	}
	people := map[int64]auth.Scope{} // one may have many sessions
	scopes := make(map[int64]auth.Scope, len(alive))
	for session, account := range alive {
		scope, ok := people[account.ID]
		if !ok {
			roles, err := a.Registry.Roles(ctx, account.ID)
			if err != nil {
				return nil, err
			}
			scope = account.Actor(roles).Scope()
			people[account.ID] = scope
		}
		scopes[session] = scope
	}
	return scopes, nil
}

func remoteAddress(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.IPv4Unspecified()
	}
	return ap.Addr().Unmap()
}
