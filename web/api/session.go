package api

import (
	"context"
	"net/http"
	"time"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// Me is the person who is signed in.
type Me struct {
	ID        ID           `json:"id"`
	Login     string       `json:"login"`
	Name      string       `json:"name"`
	Roles     []MyRole     `json:"roles"`
	ExpiresAt Time         `json:"expires_at" doc:"The session ends then in any case."`
	Left      int64        `json:"left_seconds" doc:"Until the session ends in any case."`
	IdleLeft  int64        `json:"idle_left_seconds" doc:"Until the session ends if the person does nothing more."`
	Idle      int64        `json:"idle_seconds" doc:"The session ends after so many seconds in which the person did nothing."`
	Means     string       `json:"means" enum:"password,passkey,software,oidc" doc:"What the session began with."`
	Visit     Maybe[Visit] `json:"visit" doc:"The patient that the session is locked to."`
	Enrolling bool         `json:"enrolling" doc:"The session may do nothing but enrol a passkey."`
	Demo      bool         `json:"demo" doc:"This server treats nobody."`
}

// MyRole is a role at a site.
type MyRole struct {
	Site     ID     `json:"site"`
	SiteName string `json:"site_name"`
	Role     string `json:"role" enum:"engineer,prescriber,verifier,nurse,pharmacist,auditor,admin"`
}

type signInInput struct {
	Body struct {
		Login    string `json:"login" maxLength:"256"`
		Password string `json:"password" maxLength:"1024"`
	}
}

type meOutput struct {
	SetCookie *http.Cookie `header:"Set-Cookie"`
	Body      Me
}

type cookieOutput struct {
	SetCookie *http.Cookie `header:"Set-Cookie"`
}

type demoOutput struct {
	Body struct {
		Demo   bool         `json:"demo"`
		People []DemoPerson `json:"people"`
	}
}

func (a *API) sessions() {
	handle(a, op{
		id: "sign-in", method: http.MethodPost, path: "/session", tag: "session", summary: "Sign in",
		describe: "Begins a session and sets its cookie. The answer to an unknown login and to a wrong password is the same.",
		problems: []int{http.StatusUnauthorized, http.StatusTooManyRequests},
	}, func(ctx context.Context, c Caller, in *signInInput) (*meOutput, error) {
		token, session, err := a.Accounts.SignIn(ctx, auth.Credentials{
			Login: in.Body.Login, Password: in.Body.Password, Address: c.Address, Agent: c.Agent, Replaces: c.Token,
		})
		if err != nil {
			return nil, err
		}
		return a.begun(ctx, c, token, session)
	})
	handle(a, op{
		id: "sign-out", method: http.MethodDelete, path: "/session", tag: "session", summary: "Sign out", status: http.StatusNoContent,
		describe: "Ends the session, if there is one.",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*cookieOutput, error) {
		return &cookieOutput{SetCookie: new(a.cookie(auth.Token{}))}, a.Accounts.SignOut(ctx, c.Token)
	})
	handle(a, op{
		id: "me", method: http.MethodGet, path: "/session", tag: "session", summary: "Who is signed in",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*meOutput, error) {
		me, err := a.me(ctx, c)
		return &meOutput{Body: me}, err
	})
	handle(a, op{
		id: "demo-people", method: http.MethodGet, path: "/session/demo", tag: "session", summary: "The people of a demo",
		describe: "Only a demo answers; there nobody is treated and all people are invented.", problems: []int{http.StatusNotFound},
	}, func(context.Context, Caller, *struct{}) (*demoOutput, error) {
		if a.Demo == nil {
			return nil, errs.NotFoundf("This server is no demo.")
		}
		out := &demoOutput{}
		out.Body.Demo, out.Body.People = true, a.Demo
		return out, nil
	})
}

func (a *API) me(ctx context.Context, c Caller) (Me, error) {
	sites, err := a.Registry.Sites(ctx, c.Scope())
	if err != nil {
		return Me{}, err
	}
	me := Me{
		ID: id(c.ID), Login: c.Login, Name: c.Name, Roles: []MyRole{}, ExpiresAt: Time(c.Session.ExpiresAt),
		Left: seconds(c.Session.ExpiresAt.Sub(a.Now())), IdleLeft: seconds(c.Session.IdleUntil().Sub(a.Now())), Idle: int64(auth.Idle / time.Second), Means: string(c.Session.Means), Enrolling: c.Session.Enrolling, Demo: a.Demo != nil,
	}
	if c.Visit != nil {
		me.Visit = some(*c.Visit)
	}
	for _, s := range sites {
		for _, r := range c.Roles[s.ID] {
			me.Roles = append(me.Roles, MyRole{Site: id(s.ID), SiteName: s.Name, Role: string(r)})
		}
	}
	return me, nil
}

// seconds returns whole seconds, never more than there are.
func seconds(d time.Duration) int64 { return max(0, int64(d/time.Second)) }
