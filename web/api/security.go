package api

import (
	"context"
	"net/http"

	"cisterna/internal/auth"
)

// SignInKey is a key that somebody signs in and steps up with.
type SignInKey struct {
	ID         ID        `json:"id"`
	Credential string    `json:"credential" doc:"The authenticator's name for it, in base64url."`
	Kind       string    `json:"kind" enum:"passkey,software"`
	Name       string    `json:"name"`
	Synced     bool      `json:"synced" doc:"It may be copied to other devices: it signs in, but it signs no dose."`
	CreatedAt  Time      `json:"created_at"`
	CreatedBy  string    `json:"created_by" doc:"How it came."`
	LastUsedAt MaybeTime `json:"last_used_at" doc:"Null if never."`
	RevokedAt  MaybeTime `json:"revoked_at"`
	RevokedBy  string    `json:"revoked_by"`
	Reason     string    `json:"revoke_reason"`
}

type keyOutput struct{ Body SignInKey }

type keysOutput struct{ Body []SignInKey }

// MySession is one of one's own sessions.
type MySession struct {
	ID        ID        `json:"id"`
	Present   bool      `json:"present" doc:"The one that asks."`
	Means     string    `json:"means" enum:"password,passkey,software,oidc"`
	Address   string    `json:"address"`
	Agent     string    `json:"agent"`
	CreatedAt Time      `json:"created_at"`
	SeenAt    Time      `json:"seen_at"`
	EndedAt   MaybeTime `json:"ended_at"`
	Ended     string    `json:"ended" doc:"How it ended; empty while it lasts."`
}

// Notice is something about one's own account.
type Notice struct {
	ID    ID        `json:"id"`
	At    Time      `json:"at"`
	Kind  string    `json:"kind"`
	Words string    `json:"words"`
	Code  Maybe[ID] `json:"code" doc:"The code that one can object to, null if none."`
	Seen  bool      `json:"seen"`
}

// Security is one's own keys, sessions and notices.
type Security struct {
	Keys     []SignInKey `json:"keys"`
	Sessions []MySession `json:"sessions" doc:"The newest 50, ended ones included."`
	Notices  []Notice    `json:"notices"`
	Links    []MyLink    `json:"links" doc:"One's accounts at an OpenID provider."`
}

// MyLink is one's own account at an OpenID provider.
type MyLink struct {
	ID         ID        `json:"id"`
	Issuer     string    `json:"issuer"`
	LinkedAt   Time      `json:"linked_at"`
	LastUsedAt MaybeTime `json:"last_used_at"`
}

type securityOutput struct{ Body Security }

type madeInput struct{ Body Made }

type idInput struct {
	ID string `path:"id" maxLength:"20"`
}

type renameInput struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Name string `json:"name" maxLength:"256"`
	}
}

type reasonedInput struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Reason string `json:"reason" maxLength:"500" doc:"Why, for the record."`
	}
}

type seenInput struct {
	Body struct {
		UpTo string `json:"up_to" maxLength:"20" doc:"The newest notice that was seen."`
	}
}

func (a *API) security() {
	notFound, conflict := []int{http.StatusNotFound}, []int{http.StatusConflict}
	handle(a, op{
		id: "security", method: http.MethodGet, path: "/me", tag: "me", summary: "One's own keys, sessions and notices",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*securityOutput, error) {
		s, err := a.securityOf(ctx, c)
		return &securityOutput{Body: s}, err
	})
	handle(a, op{
		id: "begin-key", method: http.MethodPost, path: "/me/keys/ask", tag: "me", summary: "Get a challenge for a further passkey",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*enrolmentOutput, error) {
		e, err := a.Accounts.AskKey(ctx, c.Session)
		return &enrolmentOutput{Body: a.enrolment(e)}, err
	})
	handle(a, op{
		id: "add-key", method: http.MethodPost, path: "/me/keys", tag: "me", summary: "Enrol a further passkey", status: http.StatusCreated, problems: conflict,
		describe: "Only with a challenge that was stepped up for.",
	}, func(ctx context.Context, c Caller, in *madeInput) (*keyOutput, error) {
		n, made, err := in.Body.creation()
		if err != nil {
			return nil, err
		}
		key, err := a.Accounts.AddKey(ctx, a.party(), c.Session, in.Body.Name, n, made)
		if err != nil {
			return nil, err
		}
		return &keyOutput{Body: keyOf(key)}, nil
	})
	handle(a, op{
		id: "rename-key", method: http.MethodPost, path: "/me/keys/{id}/rename", tag: "me", summary: "Give a key of one's own another name", status: http.StatusNoContent, problems: notFound,
	}, func(ctx context.Context, c Caller, in *renameInput) (*struct{}, error) {
		n, err := parseID(in.ID, "key")
		if err != nil {
			return nil, err
		}
		return nil, a.Accounts.RenameKey(ctx, c.Actor, n, in.Body.Name)
	})
	handle(a, op{
		id: "revoke-key", method: http.MethodPost, path: "/me/keys/{id}/revoke", tag: "me", summary: "Revoke a key of one's own", status: http.StatusNoContent,
		describe: "Sessions that began with it end at once. The last passkey stays.", problems: append(notFound, conflict...),
	}, func(ctx context.Context, c Caller, in *reasonedInput) (*struct{}, error) {
		n, err := parseID(in.ID, "key")
		if err != nil {
			return nil, err
		}
		return nil, a.keyRevoked(ctx, a.Accounts.RevokeKey(ctx, c.Actor, c.Actor, n, in.Body.Reason))
	})
	handle(a, op{
		id: "end-session", method: http.MethodPost, path: "/me/sessions/{id}/end", tag: "me", summary: "End a session of one's own", status: http.StatusNoContent, problems: notFound,
	}, func(ctx context.Context, c Caller, in *idInput) (*struct{}, error) {
		n, err := parseID(in.ID, "session")
		if err != nil {
			return nil, err
		}
		return nil, a.Accounts.EndSession(ctx, c.Actor, n)
	})
	handle(a, op{
		id: "end-other-sessions", method: http.MethodPost, path: "/me/sessions/end-others", tag: "me", summary: "End all sessions of one's own but this one", status: http.StatusNoContent,
	}, func(ctx context.Context, c Caller, _ *struct{}) (*struct{}, error) {
		return nil, a.Accounts.EndOtherSessions(ctx, c.Actor, c.Session.ID)
	})
	handle(a, op{
		id: "see-notices", method: http.MethodPost, path: "/me/notices/seen", tag: "me", summary: "Say that one has seen one's notices", status: http.StatusNoContent,
	}, func(ctx context.Context, c Caller, in *seenInput) (*struct{}, error) {
		n, err := parseID(in.Body.UpTo, "notice")
		if err != nil {
			return nil, err
		}
		return nil, a.Accounts.SeeNotices(ctx, c.Actor, n)
	})
	handle(a, op{
		id: "object-to-code", method: http.MethodPost, path: "/me/codes/{id}/object", tag: "me", summary: "Object to a code that one did not ask for", status: http.StatusNoContent,
		describe: "The code counts no more.", problems: append(notFound, conflict...),
	}, func(ctx context.Context, c Caller, in *idInput) (*struct{}, error) {
		n, err := parseID(in.ID, "code")
		if err != nil {
			return nil, err
		}
		_, err = a.Accounts.ObjectToCode(ctx, c.Actor, n)
		return nil, err
	})
	handle(a, op{
		id: "unlink", method: http.MethodPost, path: "/me/links/{id}/end", tag: "me", summary: "End the link to one's account at an OpenID provider", status: http.StatusNoContent, problems: notFound,
		describe: "Sessions that began with it end at once.",
	}, func(ctx context.Context, c Caller, in *idInput) (*struct{}, error) {
		n, err := parseID(in.ID, "link")
		if err != nil {
			return nil, err
		}
		return nil, a.Accounts.Unlink(ctx, c.Actor, c.Actor, n)
	})
	handle(a, op{
		id: "begin-software-key", method: http.MethodPost, path: "/me/software-key/ask", tag: "me", summary: "Get a challenge for a software key", problems: notFound,
		describe: "Only in a demo: the key lives in the browser and protects nothing.",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*askedOutput, error) {
		ask, err := a.Accounts.AskSoftwareKey(ctx, c.Session)
		return &askedOutput{Body: a.asked(ask)}, err
	})
	handle(a, op{
		id: "add-software-key", method: http.MethodPost, path: "/me/software-key", tag: "me", summary: "Enrol a software key", status: http.StatusCreated, problems: append(notFound, conflict...),
	}, func(ctx context.Context, c Caller, in *madeInput) (*keyOutput, error) {
		n, made, err := in.Body.creation()
		if err != nil {
			return nil, err
		}
		key, err := a.Accounts.AddSoftwareKey(ctx, a.party(), c.Session, in.Body.Name, n, made)
		if err != nil {
			return nil, err
		}
		return &keyOutput{Body: keyOf(key)}, nil
	})
}

func (a *API) securityOf(ctx context.Context, c Caller) (Security, error) {
	keys, err := a.Accounts.Keys(ctx, c.ID)
	if err != nil {
		return Security{}, err
	}
	sessions, err := a.Accounts.Sessions(ctx, c.ID)
	if err != nil {
		return Security{}, err
	}
	notices, err := a.Accounts.Notices(ctx, c.ID)
	if err != nil {
		return Security{}, err
	}
	links, err := a.Accounts.Links(ctx, c.ID)
	if err != nil {
		return Security{}, err
	}
	out := Security{Links: make([]MyLink, len(links)), Keys: keysOf(keys), Sessions: make([]MySession, len(sessions)), Notices: make([]Notice, len(notices))}
	for i, s := range sessions {
		how, ended := s.Over(a.Now())
		out.Sessions[i] = MySession{
			ID: id(s.ID), Present: s.ID == c.Session.ID, Means: string(s.Means), Address: s.Address, Agent: s.Agent,
			CreatedAt: Time(s.CreatedAt), SeenAt: Time(s.SeenAt), EndedAt: maybeTime(ended), Ended: string(how),
		}
	}
	for i, l := range links {
		out.Links[i] = MyLink{ID: id(l.ID), Issuer: l.Issuer, LinkedAt: Time(l.LinkedAt), LastUsedAt: maybeTime(l.LastUsedAt)}
	}
	for i, n := range notices {
		out.Notices[i] = Notice{ID: id(n.ID), At: Time(n.At), Kind: n.Kind, Words: n.Words, Seen: !n.SeenAt.IsZero(), Code: maybeID(n.Code)}
	}
	return out, nil
}

func keysOf(keys []auth.Credential) []SignInKey {
	out := make([]SignInKey, len(keys))
	for i, k := range keys {
		out[i] = keyOf(k)
	}
	return out
}

func keyOf(k auth.Credential) SignInKey {
	return SignInKey{
		ID: id(k.ID), Credential: encode(k.Credential), Kind: string(k.Kind), Name: k.Name, Synced: k.Synced, CreatedAt: Time(k.CreatedAt), CreatedBy: k.CreatedBy,
		LastUsedAt: maybeTime(k.LastUsedAt), RevokedAt: maybeTime(k.RevokedAt), RevokedBy: k.RevokedBy, Reason: k.RevokeReason,
	}
}
