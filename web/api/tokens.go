package api

import (
	"context"
	"net/http"
	"time"

	"cisterna/internal/auth"
	"cisterna/internal/token"
)

// APIToken is an API token without its text.
type APIToken struct {
	ID         ID            `json:"id"`
	Name       string        `json:"name"`
	Owner      ID            `json:"owner"`
	OwnerLogin string        `json:"owner_login"`
	OwnerName  string        `json:"owner_name"`
	Scopes     []string      `json:"scopes" enum:"pumps.read,pumps.write,alarms.read,events.read,record.read,people.read,status.read"`
	Sites      []ID          `json:"sites" doc:"Those of them that you may see."`
	State      string        `json:"state" enum:"active,revoked,expired"`
	CreatedAt  Time          `json:"created_at"`
	ExpiresAt  Time          `json:"expires_at"`
	UsedAt     MaybeTime     `json:"used_at" doc:"To the minute."`
	UsedFrom   Maybe[string] `json:"used_from"`
	RevokedAt  MaybeTime     `json:"revoked_at"`
	RevokedBy  Maybe[string] `json:"revoked_by"`
	Reason     Maybe[string] `json:"reason" doc:"Of the revocation."`
}

type tokensOutput struct {
	Body struct {
		Items []APIToken `json:"items" doc:"Newest first, with those that ended in the last 90 days."`
	}
}

type newTokenInput struct {
	Body struct {
		Name   string   `json:"name" maxLength:"100" doc:"What it is for."`
		Scopes []string `json:"scopes" maxItems:"16" enum:"pumps.read,pumps.write,alarms.read,events.read,record.read,people.read,status.read"`
		Sites  []ID     `json:"sites" maxItems:"200"`
		Days   int64    `json:"days" minimum:"1" maximum:"90" doc:"How long it lives."`
	}
}

type newTokenOutput struct {
	Body struct {
		Token string   `json:"token" doc:"The text, for the header Authorization: Bearer. It is shown only now."`
		Made  APIToken `json:"made"`
	}
}

type tokenOutput struct{ Body APIToken }

func (a *API) tokens() {
	handle(a, op{
		id: "list-tokens", method: http.MethodGet, path: "/tokens", tag: "tokens", summary: "One's own API tokens",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*tokensOutput, error) {
		list, err := a.Tokens.Of(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		return a.tokenList(ctx, c, list)
	})
	handle(a, op{
		id: "list-site-tokens", method: http.MethodGet, path: "/tokens/sites", tag: "tokens", summary: "The API tokens that reach the sites that one administers or audits",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*tokensOutput, error) {
		list, err := a.Tokens.At(ctx, c.Actor)
		if err != nil {
			return nil, err
		}
		return a.tokenList(ctx, c, list)
	})
	handle(a, op{
		id: "create-token", method: http.MethodPost, path: "/tokens", tag: "tokens", summary: "Make an API token of one's own", status: http.StatusCreated,
		describe: "A token never has more than its owner has at the moment of a request. It changes no people, tokens or sites, and does nothing that asks for a fresh signature.",
		problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *newTokenInput) (*newTokenOutput, error) {
		n := token.New{Name: in.Body.Name, Life: time.Duration(in.Body.Days) * 24 * time.Hour}
		for _, s := range in.Body.Scopes {
			n.Scopes = append(n.Scopes, token.Scope(s))
		}
		for _, s := range in.Body.Sites {
			site, err := parseID(string(s), "site")
			if err != nil {
				return nil, err
			}
			n.Sites = append(n.Sites, site)
		}
		text, made, err := a.Tokens.Create(ctx, c.Actor, n)
		if err != nil {
			return nil, err
		}
		out := &newTokenOutput{}
		out.Body.Token, out.Body.Made = text, tokenOf(made, c.Session.Account, c.Actor, a.Now())
		return out, nil
	})
	handle(a, op{
		id: "revoke-token", method: http.MethodPost, path: "/tokens/{id}/revoke", tag: "tokens", summary: "End an API token at once",
		describe: "Its owner may, and who administers a site that it reaches. To others it does not exist.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *actInput) (*tokenOutput, error) {
		n, err := parseID(in.ID, "token")
		if err != nil {
			return nil, err
		}
		t, err := a.Tokens.Revoke(ctx, c.Actor, n, in.Body.Reason)
		if err != nil {
			return nil, err
		}
		owner, err := a.Accounts.Account(ctx, t.Owner)
		if err != nil {
			return nil, err
		}
		return &tokenOutput{Body: tokenOf(t, owner, c.Actor, a.Now())}, nil
	})
}

func (a *API) tokenList(ctx context.Context, c Caller, list []token.Token) (*tokensOutput, error) {
	owners := map[int64]auth.Account{}
	out := &tokensOutput{}
	out.Body.Items = make([]APIToken, len(list))
	for i, t := range list {
		owner, ok := owners[t.Owner]
		if !ok {
			var err error
			if owner, err = a.Accounts.Account(ctx, t.Owner); err != nil {
				return nil, err
			}
			owners[t.Owner] = owner
		}
		out.Body.Items[i] = tokenOf(t, owner, c.Actor, a.Now())
	}
	return out, nil
}

// tokenOf shows a token to a reader: its owner sees all of it, others not the
// sites that are none of theirs.
func tokenOf(t token.Token, owner auth.Account, reader auth.Actor, now time.Time) APIToken {
	out := APIToken{
		ID: id(t.ID), Name: t.Name, Owner: id(t.Owner), OwnerLogin: owner.Login, OwnerName: owner.Name, Scopes: make([]string, len(t.Scopes)), Sites: []ID{},
		State: t.State(now), CreatedAt: Time(t.CreatedAt), ExpiresAt: Time(t.ExpiresAt), UsedAt: maybeTime(t.UsedAt), UsedFrom: notZero(t.UsedFrom),
		RevokedAt: maybeTime(t.RevokedAt), RevokedBy: notZero(t.RevokedBy), Reason: notZero(t.Reason),
	}
	for i, s := range t.Scopes {
		out.Scopes[i] = string(s)
	}
	for _, site := range t.Sites {
		if reader.ID == t.Owner || reader.Scope().Allows(site) {
			out.Sites = append(out.Sites, id(site))
		}
	}
	return out
}
