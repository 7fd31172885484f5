package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/oidc"
)

// Signing in at an organisation's OpenID provider. The provider sends the browser
// back to a page of the console, which hands over what it was sent with: so that
// nothing changes by a GET, and the cookies of this server need go with no
// request that another site caused.

// OIDCReturn is the page that a provider sends people back to.
const OIDCReturn = "/sign-in/back"

// errandSuffix is put behind the session cookie's name for the one that binds an
// attempt to the browser that began it.
const errandSuffix = "-errand"

func (a *API) errandCookie(t auth.Token) http.Cookie {
	c := a.cookie(t)
	c.Name += errandSuffix
	return c
}

type beginOIDCInput struct {
	Body struct {
		Login string `json:"login,omitempty" maxLength:"256" doc:"To link an account first: its login …"`
		Code  string `json:"code,omitempty" maxLength:"100" doc:"… and a one-time code for that."`
	}
}

type beginOIDCOutput struct {
	SetCookie *http.Cookie `header:"Set-Cookie"`
	Body      struct {
		URL string `json:"url" doc:"Where to send the browser."`
	}
}

type finishOIDCInput struct {
	Body struct {
		State  string `json:"state" maxLength:"64"`
		Code   string `json:"code" maxLength:"4096"`
		Issuer string `json:"iss" maxLength:"512" doc:"Empty if the provider does not say."`
		Error  string `json:"error" maxLength:"256" doc:"Empty if it signed them in."`
	}
}

type logoutInput struct {
	RawBody []byte `contentType:"application/x-www-form-urlencoded"`
}

func (a *API) oidc() {
	unauthorized := []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusTooManyRequests}
	handle(a, op{
		id: "begin-oidc", method: http.MethodPost, path: "/session/oidc/begin", tag: "session", summary: "Go to the organisation's sign-in",
		describe: "With a login and a one-time code to link, the account is linked when the person comes back.", problems: append(unauthorized, http.StatusConflict),
	}, func(ctx context.Context, c Caller, in *beginOIDCInput) (*beginOIDCOutput, error) {
		if a.OIDC == nil {
			return nil, errNoProvider()
		}
		var entry *auth.CodeEntry
		if in.Body.Login != "" || in.Body.Code != "" {
			e := CodeEntry{Login: in.Body.Login, Code: in.Body.Code}.entry(c)
			entry = &e
		}
		state, browser := auth.NewState(), auth.NewToken()
		to, wait, err := a.OIDC.Begin(ctx, encode(state[:]))
		if err != nil {
			return nil, errs.Wrap(errs.Unavailable, err, "Your organisation's sign-in does not answer. Try again, or use your passkey.")
		}
		if err := a.Accounts.BeginErrand(ctx, state, browser, c.Address, entry, wait); err != nil {
			return nil, err
		}
		out := &beginOIDCOutput{SetCookie: new(a.errandCookie(browser))}
		out.Body.URL = to
		return out, nil
	})
	handle(a, op{
		id: "finish-oidc", method: http.MethodPost, path: "/session/oidc", tag: "session", summary: "Come back from the organisation's sign-in",
		describe: "Begins a session and sets its cookie, if the account is linked.", problems: append(unauthorized, http.StatusConflict),
	}, func(ctx context.Context, c Caller, in *finishOIDCInput) (*meOutput, error) {
		if a.OIDC == nil {
			return nil, errNoProvider()
		}
		state, err := decode(in.Body.State)
		if err != nil || len(state) != 32 {
			return nil, errs.InvalidField("state", "It is not a state that this server gave.")
		}
		e, err := a.Accounts.EndErrand(ctx, auth.Nonce(state), c.Errand)
		if err != nil {
			return nil, err
		}
		var wait oidc.Wait
		if err := json.Unmarshal(e.Detail, &wait); err != nil {
			return nil, err
		}
		who, err := a.OIDC.Finish(ctx, wait, oidc.Back{State: in.Body.State, Code: in.Body.Code, Issuer: in.Body.Issuer, Error: in.Body.Error})
		switch {
		case errors.Is(err, oidc.ErrRefused):
			return nil, errs.Wrap(errs.Unauthorized, err, "Your organisation's sign-in did not let you in, or its answer does not count here. Begin again.")
		case err != nil:
			return nil, errs.Wrap(errs.Unavailable, err, "Your organisation's sign-in does not answer. Try again, or use your passkey.")
		}
		token, session, err := a.Accounts.SignInAt(ctx, auth.Credentials{Address: c.Address, Agent: c.Agent, Replaces: c.Token}, e, auth.Subject{Issuer: who.Issuer, ID: who.Subject, Session: who.Session})
		if err != nil {
			return nil, err
		}
		return a.begun(ctx, c, token, session)
	})
	handle(a, op{
		id: "oidc-logout", method: http.MethodPost, path: "/session/oidc/logout", tag: "session", summary: "Hear from the provider that somebody has signed out there",
		describe: "OpenID Connect back-channel logout. The provider calls it, with logout_token in a form.", takes: []string{"application/x-www-form-urlencoded"},
		problems: []int{http.StatusBadRequest, http.StatusNotFound}, status: http.StatusNoContent, body: 16 << 10,
	}, func(ctx context.Context, _ Caller, in *logoutInput) (*struct{}, error) {
		if a.OIDC == nil {
			return nil, errNoProvider()
		}
		form, err := url.ParseQuery(string(in.RawBody))
		if err != nil || len(form["logout_token"]) != 1 {
			return nil, NewProblem(http.StatusBadRequest, "The form needs logout_token, once.")
		}
		out, err := a.OIDC.Logout(ctx, form.Get("logout_token"))
		switch {
		case errors.Is(err, oidc.ErrRefused):
			a.Log.WarnContext(ctx, "a logout token was refused", "error", err)
			return nil, NewProblem(http.StatusBadRequest, "The logout token does not count.")
		case err != nil:
			return nil, errs.Wrap(errs.Unavailable, err, "The provider does not answer for its keys.")
		}
		return nil, a.Accounts.SignOutAt(ctx, auth.Subject{Issuer: out.Issuer, ID: out.Subject, Session: out.Session}, out.ID, out.ExpiresAt)
	})
}

func errNoProvider() error { return errs.NotFoundf("This server knows no OpenID provider.") }
