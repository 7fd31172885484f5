package api

import (
	"context"
	"net/http"

	"cisterna/internal/auth"
	"cisterna/internal/webauthn"
)

// WaysIn is how people sign in here.
type WaysIn struct {
	RPID     string `json:"rp_id" doc:"What passkeys are made for."`
	Origin   string `json:"origin" doc:"The address that passkeys work at."`
	Password string `json:"password" enum:"signs_in,enrols" doc:"What a password alone lets one do."`
	Demo     bool   `json:"demo" doc:"Software keys count here."`
	OIDC     string `json:"oidc" doc:"What the organisation's sign-in is called; empty if there is none."`
}

type waysInOutput struct{ Body WaysIn }

// Asked is a challenge.
type Asked struct {
	Nonce     string `json:"nonce" doc:"Goes back with the answer."`
	Challenge string `json:"challenge" doc:"What the authenticator signs, in base64url."`
	RPID      string `json:"rp_id"`
	ExpiresAt Time   `json:"expires_at"`
}

type askedOutput struct{ Body Asked }

// PasskeyAnswer is an authenticator's answer.
type PasskeyAnswer struct {
	Nonce             string `json:"nonce" maxLength:"43"`
	Credential        string `json:"credential" maxLength:"1364" doc:"rawId."`
	UserHandle        string `json:"user_handle" maxLength:"86"`
	AuthenticatorData string `json:"authenticator_data" maxLength:"400"`
	ClientData        string `json:"client_data" maxLength:"4096"`
	Signature         string `json:"signature" maxLength:"200"`
}

type answerInput struct{ Body PasskeyAnswer }

// Made is a new credential, as the page hands it over.
type Made struct {
	Nonce             string `json:"nonce" maxLength:"43"`
	Name              string `json:"name" maxLength:"256" doc:"How its owner calls it."`
	AuthenticatorData string `json:"authenticator_data" maxLength:"8192" doc:"Of getAuthenticatorData()."`
	ClientData        string `json:"client_data" maxLength:"4096"`
	PublicKey         string `json:"public_key" maxLength:"512" doc:"Of getPublicKey()."`
}

// CodeEntry is a one-time code and whose it is.
type CodeEntry struct {
	Login string `json:"login" maxLength:"256"`
	Code  string `json:"code" maxLength:"100"`
}

type beginEnrolInput struct{ Body CodeEntry }

type finishEnrolInput struct {
	Body struct {
		CodeEntry
		Made
	}
}

// Enrolment is what a page needs to make a passkey.
type Enrolment struct {
	Asked
	UserHandle string   `json:"user_handle"`
	Login      string   `json:"login"`
	Name       string   `json:"name"`
	Exclude    []string `json:"exclude" doc:"Credentials that the person has already."`
}

type enrolmentOutput struct{ Body Enrolment }

func (a *API) passkeys() {
	unauthorized := []int{http.StatusUnauthorized, http.StatusTooManyRequests}
	handle(a, op{
		id: "ways-in", method: http.MethodGet, path: "/session/ways", tag: "session", summary: "How people sign in here",
	}, func(context.Context, Caller, *struct{}) (*waysInOutput, error) {
		w := WaysIn{RPID: a.party().RPID, Origin: a.Origin, Password: "enrols", Demo: a.Accounts.Demo()}
		if w.Demo {
			w.Password = "signs_in"
		}
		if a.OIDC != nil {
			w.OIDC = a.OIDC.Name()
		}
		return &waysInOutput{Body: w}, nil
	})
	handle(a, op{
		id: "ask-passkey", method: http.MethodPost, path: "/session/passkey/ask", tag: "session", summary: "Get a challenge to sign in with a passkey",
		describe: "The challenge names nobody: the browser offers the passkeys that it has for this server.", problems: []int{http.StatusTooManyRequests},
	}, func(ctx context.Context, c Caller, _ *struct{}) (*askedOutput, error) {
		ask, err := a.Accounts.AskSignIn(ctx, a.party(), c.Address)
		return &askedOutput{Body: a.asked(ask)}, err
	})
	handle(a, op{
		id: "sign-in-passkey", method: http.MethodPost, path: "/session/passkey", tag: "session", summary: "Sign in with a passkey",
		describe: "Begins a session and sets its cookie. The answer is the same whatever was wrong.", problems: unauthorized,
	}, func(ctx context.Context, c Caller, in *answerInput) (*meOutput, error) {
		signed, err := in.Body.signed()
		if err != nil {
			return nil, err
		}
		token, session, err := a.Accounts.SignInWithKey(ctx, a.party(), auth.Credentials{Address: c.Address, Agent: c.Agent, Replaces: c.Token}, signed)
		if err != nil {
			return nil, err
		}
		return a.begun(ctx, c, token, session)
	})
	handle(a, op{
		id: "begin-enrol", method: http.MethodPost, path: "/enrol/ask", tag: "session", summary: "Show a one-time code and get a challenge for a new passkey",
		describe: "Does not use the code up. An unknown login and a wrong code have the same answer.", problems: append(unauthorized, http.StatusConflict),
	}, func(ctx context.Context, c Caller, in *beginEnrolInput) (*enrolmentOutput, error) {
		e, err := a.Accounts.BeginEnrol(ctx, in.Body.entry(c))
		if err != nil {
			return nil, err
		}
		return &enrolmentOutput{Body: a.enrolment(e)}, nil
	})
	handle(a, op{
		id: "finish-enrol", method: http.MethodPost, path: "/enrol", tag: "session", summary: "Enrol the passkey", status: http.StatusCreated,
		describe: "Uses the code up. It begins no session: sign in with the new passkey.", problems: append(unauthorized, http.StatusConflict),
	}, func(ctx context.Context, c Caller, in *finishEnrolInput) (*keyOutput, error) {
		n, made, err := in.Body.creation()
		if err != nil {
			return nil, err
		}
		key, err := a.Accounts.FinishEnrol(ctx, a.party(), in.Body.entry(c), in.Body.Name, n, made)
		if err != nil {
			return nil, err
		}
		return &keyOutput{Body: keyOf(key)}, nil
	})
}

// begun answers a request that began a session.
func (a *API) begun(ctx context.Context, c Caller, token auth.Token, session auth.Session) (*meOutput, error) {
	roles, err := a.Registry.Roles(ctx, session.Account.ID)
	if err != nil {
		return nil, err
	}
	c.Session, c.Actor = session, session.Account.Actor(roles)
	name(ctx, c)
	me, err := a.me(ctx, c)
	return &meOutput{SetCookie: new(a.cookie(token)), Body: me}, err
}

func (a *API) asked(c auth.Challenge) Asked {
	return Asked{Nonce: encode(c.Nonce[:]), Challenge: encode(c.Bytes[:]), RPID: a.party().RPID, ExpiresAt: Time(c.ExpiresAt)}
}

func (a *API) enrolment(e auth.Enrolment) Enrolment {
	out := Enrolment{Asked: a.asked(e.Challenge), UserHandle: encode(e.Handle), Login: e.Account.Login, Name: e.Account.Name, Exclude: make([]string, len(e.Exclude))}
	for i, x := range e.Exclude {
		out.Exclude[i] = encode(x)
	}
	return out
}

func (e CodeEntry) entry(c Caller) auth.CodeEntry {
	return auth.CodeEntry{Login: e.Login, Code: e.Code, Credentials: auth.Credentials{Address: c.Address, Agent: c.Agent}}
}

// signed decodes an answer.
func (p PasskeyAnswer) signed() (auth.Signed, error) {
	var s auth.Signed
	var err error
	if s.Nonce, err = nonceMember(p.Nonce); err != nil {
		return s, err
	}
	for name, m := range map[string]struct {
		text string
		to   *[]byte
	}{
		"credential": {p.Credential, &s.Credential}, "user_handle": {p.UserHandle, &s.UserHandle}, "authenticator_data": {p.AuthenticatorData, &s.AuthenticatorData},
		"client_data": {p.ClientData, &s.ClientDataJSON}, "signature": {p.Signature, &s.Signature},
	} {
		if *m.to, err = member(name, m.text); err != nil {
			return s, err
		}
	}
	return s, nil
}

// creation decodes a new credential.
func (m Made) creation() (auth.Nonce, webauthn.Creation, error) {
	var c webauthn.Creation
	n, err := nonceMember(m.Nonce)
	if err != nil {
		return n, c, err
	}
	for name, part := range map[string]struct {
		text string
		to   *[]byte
	}{"authenticator_data": {m.AuthenticatorData, &c.AuthenticatorData}, "client_data": {m.ClientData, &c.ClientDataJSON}, "public_key": {m.PublicKey, &c.PublicKey}} {
		if *part.to, err = member(name, part.text); err != nil {
			return n, c, err
		}
	}
	return n, c, nil
}
