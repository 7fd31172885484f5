package api

import (
	"context"
	"net/http"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// Code is a one-time code, without the code itself.
type Code struct {
	ID          ID        `json:"id"`
	Person      ID        `json:"person"`
	Login       string    `json:"login"`
	Name        string    `json:"name"`
	Purpose     string    `json:"purpose" enum:"enrol,recover,link"`
	State       string    `json:"state" enum:"unconfirmed,waiting,open,expired,used,withdrawn,objected,replaced"`
	Reason      string    `json:"reason"`
	IssuedAt    Time      `json:"issued_at"`
	IssuedBy    string    `json:"issued_by"`
	ConfirmedAt MaybeTime `json:"confirmed_at"`
	ConfirmedBy string    `json:"confirmed_by"`
	Bootstrap   bool      `json:"bootstrap" doc:"Nobody confirmed it, for there were not two administrators."`
	OpensAt     MaybeTime `json:"opens_at" doc:"From when on it may be used, once it is confirmed."`
	ExpiresAt   Time      `json:"expires_at"`
	MayConfirm  bool      `json:"may_confirm" doc:"The caller may: another administrator issued it."`
}

type codeOutput struct{ Body Code }

type codesOutput struct{ Body []Code }

// IssuedCode is a code with what the person enters. It is shown once.
type IssuedCode struct {
	Code
	Text string `json:"text" doc:"What the person enters."`
}

type issuedOutput struct{ Body IssuedCode }

type issueInput struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Purpose string `json:"purpose" enum:"enrol,recover,link"`
		Reason  string `json:"reason" maxLength:"500" doc:"Why, for the record."`
	}
}

type personKeyInput struct {
	ID   string `path:"id" maxLength:"20"`
	Key  string `path:"key" maxLength:"20"`
	Body struct {
		Reason string `json:"reason" maxLength:"500" doc:"Why, for the record."`
	}
}

func (a *API) codes() {
	conflict := []int{http.StatusConflict}
	handle(a, op{
		id: "list-codes", method: http.MethodGet, path: "/codes", tag: "people", summary: "The one-time codes that may still be used, of people one manages",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*codesOutput, error) {
		out, err := a.codesFor(ctx, c)
		return &codesOutput{Body: out}, err
	})
	handle(a, op{
		id: "issue-code", method: http.MethodPost, path: "/people/{id}/codes", tag: "people", summary: "Issue a one-time code", status: http.StatusCreated,
		describe: "The text is shown once; hand it to the person. It counts when a second administrator has confirmed it, a recovery after its hold. An older open code for the same purpose stops counting.",
		problems: conflict,
	}, func(ctx context.Context, c Caller, in *issueInput) (*issuedOutput, error) {
		target, account, err := a.managed(ctx, c, in.ID)
		if err != nil {
			return nil, err
		}
		code, text, err := a.Accounts.IssueCode(ctx, c.Actor, target, auth.Purpose(in.Body.Purpose), in.Body.Reason, false)
		if err != nil {
			return nil, err
		}
		return &issuedOutput{Body: IssuedCode{Code: a.codeOf(code, account, c), Text: text}}, nil
	})
	onCode := func(o op, do func(ctx context.Context, actor, target auth.Actor, id int64) (auth.Code, error)) {
		o.method, o.tag, o.problems = http.MethodPost, "people", conflict
		handle(a, o, func(ctx context.Context, c Caller, in *idInput) (*codeOutput, error) {
			n, err := parseID(in.ID, "code")
			if err != nil {
				return nil, err
			}
			code, err := a.Accounts.CodeOf(ctx, n)
			if err != nil {
				return nil, err
			}
			target, account, err := a.managed(ctx, c, string(id(code.User)))
			if errs.KindOf(err) == errs.NotFound {
				return nil, errs.NotFoundf("There is no such code.")
			} else if err != nil {
				return nil, err
			}
			code, err = do(ctx, c.Actor, target, n)
			if err != nil {
				return nil, err
			}
			return &codeOutput{Body: a.codeOf(code, account, c)}, nil
		})
	}
	onCode(op{
		id: "confirm-code", path: "/codes/{id}/confirm", summary: "Confirm a code that another administrator issued",
		describe: "Then it counts: at once, or after the hold if it is to recover. The person is told.",
	}, a.Accounts.ConfirmCode)
	onCode(op{id: "withdraw-code", path: "/codes/{id}/withdraw", summary: "Withdraw a code"}, a.Accounts.WithdrawCode)
	handle(a, op{
		id: "list-person-keys", method: http.MethodGet, path: "/people/{id}/keys", tag: "people", summary: "The keys of a person, revoked ones included",
	}, func(ctx context.Context, c Caller, in *idInput) (*keysOutput, error) {
		target, _, err := a.managed(ctx, c, in.ID)
		if err != nil {
			return nil, err
		}
		keys, err := a.Accounts.Keys(ctx, target.ID)
		return &keysOutput{Body: keysOf(keys)}, err
	})
	handle(a, op{
		id: "revoke-person-key", method: http.MethodPost, path: "/people/{id}/keys/{key}/revoke", tag: "people", summary: "Revoke a key of a person", status: http.StatusNoContent,
		describe: "Sessions that began with it end at once. The person is told.", problems: conflict,
	}, func(ctx context.Context, c Caller, in *personKeyInput) (*struct{}, error) {
		target, _, err := a.managed(ctx, c, in.ID)
		if err != nil {
			return nil, err
		}
		key, err := parseID(in.Key, "key")
		if err != nil {
			return nil, err
		}
		return nil, a.keyRevoked(ctx, a.Accounts.RevokeKey(ctx, c.Actor, target, key, in.Body.Reason))
	})
}

// keyRevoked follows the revocation of a passkey: it signs no dose any more, which
// pumps hear with the next keyset.
func (a *API) keyRevoked(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	return a.Keysets.DemoDraft(ctx, "a passkey was revoked")
}

// managed returns somebody with the roles they have, if the caller administers a
// site where they are somebody. Those who share no site with the caller do not
// exist.
func (a *API) managed(ctx context.Context, c Caller, text string) (auth.Actor, auth.Account, error) {
	n, err := parseID(text, "person")
	if err != nil {
		return auth.Actor{}, auth.Account{}, err
	}
	account, err := a.Accounts.Account(ctx, n)
	if err != nil {
		return auth.Actor{}, auth.Account{}, err
	}
	roles, err := a.Registry.Roles(ctx, n)
	if err != nil {
		return auth.Actor{}, auth.Account{}, err
	}
	visible, admin := false, false
	for site := range roles {
		visible, admin = visible || c.Has(site), admin || c.Has(site, auth.Admin)
	}
	switch {
	case !visible:
		return auth.Actor{}, auth.Account{}, errs.NotFoundf("There is no such person.")
	case !admin:
		return auth.Actor{}, auth.Account{}, errs.Deniedf("Only administrators do that.")
	}
	return account.Actor(roles), account, nil
}

// codesFor returns the open codes of everybody at the sites that the caller
// administers.
func (a *API) codesFor(ctx context.Context, c Caller) ([]Code, error) {
	if !c.HasAnywhere(auth.Admin) {
		return nil, errs.Deniedf("Only administrators see codes.")
	}
	seen := map[int64]bool{}
	var people []int64
	for site := range c.Roles {
		if !c.Has(site, auth.Admin) {
			continue
		}
		members, err := a.Registry.Memberships(ctx, c.Actor, site)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			if !seen[m.User] {
				seen[m.User] = true
				people = append(people, m.User)
			}
		}
	}
	codes, err := a.Accounts.OpenCodes(ctx, people)
	if err != nil {
		return nil, err
	}
	out := make([]Code, len(codes))
	for i, code := range codes {
		account, err := a.Accounts.Account(ctx, code.User)
		if err != nil {
			return nil, err
		}
		out[i] = a.codeOf(code, account, c)
	}
	return out, nil
}

func (a *API) codeOf(k auth.Code, of auth.Account, c Caller) Code {
	state := k.State(a.Now())
	return Code{
		ID: id(k.ID), Person: id(k.User), Login: of.Login, Name: of.Name, Purpose: string(k.Purpose), State: string(state), Reason: k.Reason,
		IssuedAt: Time(k.IssuedAt), IssuedBy: k.IssuedBy, ConfirmedAt: maybeTime(k.ConfirmedAt), ConfirmedBy: k.ConfirmedBy, Bootstrap: k.Bootstrap,
		OpensAt: maybeTime(k.OpensAt), ExpiresAt: Time(k.ExpiresAt), MayConfirm: state == auth.Unconfirmed && k.Issuer != c.ID && k.User != c.ID,
	}
}
