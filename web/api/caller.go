package api

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/token"
)

// Caller is who asks, and from where.
type Caller struct {
	auth.Actor
	Session auth.Session
	Token   auth.Token   // of the session, or one that is not valid (any more)
	Key     *token.Token // the API token that a program showed instead of a session
	Visit   *Visit       // the patient that the session is locked to, nil if to none
	Errand  auth.Token   // of a browser that is on its way to an OpenID provider
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
	if found := r.CookiesNamed(a.cookieName() + errandSuffix); len(found) == 1 {
		c.Errand, _ = auth.ParseToken(found[0].Value)
	}
	return c
}

// Authenticate returns who a request is from, with the roles they have now. It
// returns an error of kind Unauthorized if nobody is signed in, and a problem
// with the code enrol_first for somebody who may only enrol.
//
// A request shows a session's cookie or an API token; one that shows both is
// refused, because one of them was put there by somebody else.
func (a *API) Authenticate(r *http.Request) (Caller, error) { return a.authenticate(r, false) }

func (a *API) authenticate(r *http.Request, enrolling bool) (Caller, error) {
	c := a.stranger(r)
	if given := r.Header.Values("Authorization"); len(given) > 0 {
		if len(given) > 1 || len(r.CookiesNamed(a.cookieName())) > 0 {
			return Caller{}, NewProblem(http.StatusBadRequest, "The request shows more than one proof of who it is from. Send a session's cookie or one API token.")
		}
		return a.program(r, c, given[0])
	}
	if c.Token == (auth.Token{}) {
		return Caller{}, errs.New(errs.Unauthorized, "You are not signed in, or your session has ended. Sign in and try again.")
	}
	c, err := a.signedIn(r.Context(), c, enrolling)
	if err == nil && r.Header.Get(PassiveHeader) == "" {
		c.Session, err = a.Accounts.Touch(r.Context(), c.Session)
	}
	if err != nil {
		return Caller{}, err
	}
	return c, nil
}

// signedIn returns whose session it is, with the roles they have now.
func (a *API) signedIn(ctx context.Context, c Caller, enrolling bool) (Caller, error) {
	var err error
	if c.Session, err = a.Accounts.Session(ctx, c.Token); err != nil {
		return Caller{}, err
	}
	if c.Session.Enrolling && !enrolling {
		p := NewProblem(http.StatusForbidden, "You signed in with a password, and here that only lets you enrol a passkey. Enrol one with a one-time code, then sign in with it.")
		p.Code, p.Title = "enrol_first", "Enrol a passkey first"
		return Caller{}, p
	}
	roles, err := a.Registry.Roles(ctx, c.Session.Account.ID)
	if err != nil {
		return Caller{}, err
	}
	c.Actor = c.Session.Account.Actor(roles)
	return c, a.locked(ctx, &c)
}

// program returns who a request with an API token is from: its owner, with what
// they may do now at the token's sites.
func (a *API) program(r *http.Request, c Caller, given string) (Caller, error) {
	scheme, text, _ := strings.Cut(given, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Caller{}, bearer(errs.New(errs.Unauthorized, "This server takes API tokens only: Authorization: Bearer."))
	}
	ctx := r.Context()
	t, err := a.Tokens.Check(ctx, text, c.Address)
	if err != nil {
		return Caller{}, bearer(err)
	}
	return a.ownerOf(ctx, c, t)
}

// ownerOf returns the owner of a token that counts, with what they may do now at
// its sites.
func (a *API) ownerOf(ctx context.Context, c Caller, t token.Token) (Caller, error) {
	owner, err := a.Accounts.Account(ctx, t.Owner)
	if err != nil {
		return Caller{}, err
	}
	if owner.Disabled() {
		return Caller{}, bearer(errs.New(errs.Unauthorized, "The API token is not valid, or not valid any more. Make another one."))
	}
	roles, err := a.Registry.Roles(ctx, owner.ID)
	if err != nil {
		return Caller{}, err
	}
	c.Actor, c.Key = owner.Actor(roles).ByToken(t.ID, t.Sites), &t
	return c, nil
}

// bearer says with a refusal that it was the token's.
func bearer(err error) error {
	p := ProblemOf(err)
	p.bearer = true
	return p
}

// scoped refuses a program what its token is not for.
func (c Caller) scoped(who Access) error {
	switch {
	case c.Key == nil || c.Key.Has(who.Token):
		return nil
	case who.Token == "":
		return errs.Deniedf("No API token does this: it takes a person who is signed in.")
	}
	return errs.Deniedf("The API token %q lacks the scope %s.", c.Key.Name, who.Token)
}

// readsPumps reports whether a caller may read pumps, and with them whom they are in:
// every person may, and a program if its token is for that.
func (c Caller) readsPumps() bool { return c.Key == nil || c.Key.Has(token.PumpsRead) }

// Scopes returns what the people of those sessions that last may see now.
func (a *API) Scopes(ctx context.Context, sessions []int64) (map[int64]auth.Scope, error) {
	alive, err := a.Accounts.Alive(ctx, sessions)
	if err != nil {
		return nil, err
	}
	people := map[int64]auth.Actor{} // one may have many sessions
	scopes := make(map[int64]auth.Scope, len(alive))
	for id, session := range alive {
		actor, ok := people[session.Account.ID]
		if !ok {
			roles, err := a.Registry.Roles(ctx, session.Account.ID)
			if err != nil {
				return nil, err
			}
			actor = session.Account.Actor(roles)
			people[session.Account.ID] = actor
		}
		c := Caller{Actor: actor, Session: session}
		if err := a.locked(ctx, &c); err != nil {
			return nil, err
		}
		scopes[id] = c.Scope()
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
