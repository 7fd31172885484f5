package api

import (
	"context"
	"net/http"
	"slices"

	"cisterna/fleet/overview"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// Person is somebody who can sign in, as administrators and auditors see them.
type Person struct {
	ID         ID           `json:"id"`
	Login      string       `json:"login"`
	Name       string       `json:"name"`
	State      string       `json:"state" enum:"open,disabled"`
	CreatedAt  Time         `json:"created_at"`
	DisabledAt MaybeTime    `json:"disabled_at"`
	SeenAt     MaybeTime    `json:"seen_at" doc:"Of the last thing that they did."`
	Sessions   int64        `json:"sessions" doc:"Open ones."`
	Roles      []PersonRole `json:"roles" doc:"At the sites that you administer or audit."`
	Elsewhere  bool         `json:"elsewhere" doc:"They have roles at other sites, too."`
	Managed    bool         `json:"managed" doc:"You administer all sites where they work, and may shut their account."`
}

// PersonRole is a role of a person at a site.
type PersonRole struct {
	Site      ID     `json:"site"`
	SiteShort string `json:"site_short"`
	Role      string `json:"role" enum:"engineer,prescriber,verifier,nurse,pharmacist,auditor,admin"`
	GrantedAt Time   `json:"granted_at"`
	GrantedBy string `json:"granted_by" doc:"As the record names them."`
}

func personOf(p overview.Person) Person {
	out := Person{
		ID: id(p.ID), Login: p.Login, Name: p.Name, State: "open", CreatedAt: Time(p.CreatedAt), DisabledAt: maybeTime(p.DisabledAt), SeenAt: maybeTime(p.SeenAt),
		Sessions: p.Sessions, Roles: make([]PersonRole, len(p.Roles)), Elsewhere: p.Elsewhere, Managed: p.Managed,
	}
	if p.Disabled() {
		out.State = "disabled"
	}
	for i, r := range p.Roles {
		out.Roles[i] = PersonRole{Site: id(r.Site), SiteShort: r.SiteShort, Role: string(r.Role), GrantedAt: Time(r.GrantedAt), GrantedBy: r.GrantedBy}
	}
	return out
}

type personOutput struct{ Body Person }

type peopleInput struct {
	Site   string `query:"site" maxLength:"32" doc:"With a role there."`
	Role   string `query:"role" enum:"engineer,prescriber,verifier,nurse,pharmacist,auditor,admin"`
	Text   string `query:"text" maxLength:"100" doc:"In login or name, whatever the case."`
	State  string `query:"state" enum:"open,disabled,all" default:"all"`
	Before string `query:"before" maxLength:"1000" doc:"The next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type peopleOutput struct {
	Body struct {
		Items []Person      `json:"items" doc:"By name."`
		Next  Maybe[string] `json:"next" doc:"Hand it in as before; null at the end."`
	}
}

// RoleAt is a role at a site.
type RoleAt struct {
	Site ID     `json:"site"`
	Role string `json:"role" enum:"engineer,prescriber,verifier,nurse,pharmacist,auditor,admin"`
}

type newPersonInput struct {
	Body struct {
		Login    string `json:"login" maxLength:"64" doc:"1 to 64 letters, digits and . _ @ + -"`
		Name     string `json:"name" maxLength:"256" doc:"Printed under what they sign."`
		Password string `json:"password,omitempty" maxLength:"1024" doc:"Without one, nobody gets in until the person has enrolled in another way."`
		RoleAt
		Reason string `json:"reason" maxLength:"300"`
	}
}

type inviteInput struct {
	Body struct {
		Login string `json:"login" maxLength:"64" doc:"The whole of it, in any case of letters."`
		RoleAt
		Reason string `json:"reason" maxLength:"300"`
	}
}

type roleInput struct {
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		RoleAt
		Reason string `json:"reason" maxLength:"300"`
	}
}

// RolesInfo says which roles do not go together, and how many people have which.
type RolesInfo struct {
	Exclusions []Exclusion `json:"exclusions"`
	Counts     []RoleCount `json:"counts" doc:"Of open accounts, at the sites that you administer or audit."`
}

// Exclusion is two roles that one person does not hold.
type Exclusion struct {
	One      string `json:"one" enum:"engineer,prescriber,verifier,nurse,pharmacist,auditor,admin"`
	Other    string `json:"other" enum:"engineer,prescriber,verifier,nurse,pharmacist,auditor,admin"`
	Anywhere bool   `json:"anywhere" doc:"Not at two sites either."`
	Why      string `json:"why"`
}

// RoleCount is how many people have a role at a site.
type RoleCount struct {
	Site   ID     `json:"site"`
	Role   string `json:"role" enum:"engineer,prescriber,verifier,nurse,pharmacist,auditor,admin"`
	People int64  `json:"people"`
}

type rolesOutput struct{ Body RolesInfo }

func (a *API) roles() {
	handle(a, op{
		id: "list-roles", method: http.MethodGet, path: "/roles", tag: "people", summary: "Which roles exclude each other, and how many people have which",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*rolesOutput, error) {
		counts, err := a.Overview.RoleCounts(ctx, c.Actor)
		if err != nil {
			return nil, err
		}
		out := &rolesOutput{Body: RolesInfo{Exclusions: []Exclusion{}, Counts: make([]RoleCount, len(counts))}}
		for _, e := range auth.Exclusions() {
			out.Body.Exclusions = append(out.Body.Exclusions, Exclusion{One: string(e.One), Other: string(e.Other), Anywhere: e.Anywhere, Why: e.Why})
		}
		for i, n := range counts {
			out.Body.Counts[i] = RoleCount{Site: id(n.Site), Role: string(n.Role), People: n.People}
		}
		return out, nil
	})
}

func (a *API) people() {
	a.roles()
	handle(a, op{
		id: "list-people", method: http.MethodGet, path: "/people", tag: "people", summary: "The people of the sites that one administers or audits",
	}, func(ctx context.Context, c Caller, in *peopleInput) (*peopleOutput, error) {
		f := overview.PeopleFilter{Role: auth.Role(in.Role), Text: in.Text, Limit: in.Limit}
		if in.State != "all" {
			f.State = in.State
		}
		var err error
		if f.Site, err = parseFilterID("site", in.Site); err != nil {
			return nil, err
		}
		place := []any{"people", in.Site, in.Role, in.Text, in.State}
		if _, err := readCursor("before", in.Before, &f.After, place...); err != nil {
			return nil, err
		}
		list, next, err := a.Overview.People(ctx, c.Actor, f)
		if err != nil {
			return nil, err
		}
		out := &peopleOutput{}
		out.Body.Items = make([]Person, len(list))
		for i, p := range list {
			out.Body.Items[i] = personOf(p)
		}
		if next.ID != 0 {
			cursor, err := writeCursor(next, place...)
			if err != nil {
				return nil, err
			}
			out.Body.Next = some(cursor)
		}
		return out, nil
	})
	handle(a, op{
		id: "get-person", method: http.MethodGet, path: "/people/{id}", tag: "people", summary: "A person",
	}, func(ctx context.Context, c Caller, in *struct {
		ID string `path:"id" maxLength:"32"`
	},
	) (*personOutput, error) {
		n, err := parseID(in.ID, "person")
		if err != nil {
			return nil, err
		}
		return a.person(ctx, c, n)
	})
	handle(a, op{
		id: "add-person", method: http.MethodPost, path: "/people", tag: "people", summary: "Add a person with a first role", status: http.StatusCreated,
		describe: "Roles that one person cannot hold together are refused; docs/permissions.md lists them.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *newPersonInput) (*personOutput, error) {
		site, err := parseID(string(in.Body.Site), "site")
		if err != nil {
			return nil, err
		}
		account, err := a.Registry.AddPerson(ctx, c.Actor, registry.NewPerson{
			NewUser: auth.NewUser{Login: in.Body.Login, Name: in.Body.Name, Password: in.Body.Password, NoPassword: in.Body.Password == ""},
			Site:    site, Role: auth.Role(in.Body.Role), Reason: in.Body.Reason,
		})
		if err != nil {
			return nil, err
		}
		return a.person(ctx, c, account.ID)
	})
	handle(a, op{
		id: "invite-person", method: http.MethodPost, path: "/people/invite", tag: "people", summary: "Give a role to a person of another site",
		describe: "For somebody who has an account already. They are named by their login: who administers one site sees nobody of another.",
		problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *inviteInput) (*personOutput, error) {
		site, err := parseID(string(in.Body.Site), "site")
		if err != nil {
			return nil, err
		}
		n, err := a.Registry.Invite(ctx, c.Actor, in.Body.Login, registry.RoleChange{Site: site, Role: auth.Role(in.Body.Role), Reason: in.Body.Reason})
		if err != nil {
			return nil, err
		}
		return a.person(ctx, c, n)
	})
	for _, v := range []struct {
		id, verb, summary, describe string
		do                          func(context.Context, auth.Actor, registry.RoleChange) error
	}{
		{"grant-role", "grant", "Give a person a role", "It holds from their next request on. Roles that one person cannot hold together are refused.", a.Registry.Grant},
		{"withdraw-role", "withdraw", "Take a role from a person", "It ends with their next request, and in their live feed within 5 seconds. The last administrator of a site stays. If it was their last role at your sites, you see them here without it, and then no more.", a.Registry.Withdraw},
	} {
		handle(a, op{
			id: v.id, method: http.MethodPost, path: "/people/{id}/" + v.verb, tag: "people", summary: v.summary, describe: v.describe, problems: []int{http.StatusConflict},
		}, func(ctx context.Context, c Caller, in *roleInput) (*personOutput, error) {
			n, err := parseID(in.ID, "person")
			if err != nil {
				return nil, err
			}
			before, err := a.person(ctx, c, n)
			if err != nil {
				return nil, err
			}
			site, err := parseID(string(in.Body.Site), "site")
			if err != nil {
				return nil, err
			}
			if err := v.do(ctx, c.Actor, registry.RoleChange{User: n, Site: site, Role: auth.Role(in.Body.Role), Reason: in.Body.Reason}); err != nil {
				return nil, err
			}
			after, err := a.person(ctx, c, n)
			if k := errs.KindOf(err); k == errs.NotFound || k == errs.Denied {
				// Whose last role at one's sites is gone is seen no more. It was taken, all the same.
				before.Body.Roles = slices.DeleteFunc(before.Body.Roles, func(r PersonRole) bool { return r.Site == id(site) && r.Role == in.Body.Role })
				return before, nil
			}
			return after, err
		})
	}
	for _, v := range []struct {
		id, verb, summary, describe string
		do                          func(context.Context, auth.Actor, int64, string) error
	}{
		{"disable-person", "disable", "Shut a person's account", "Ends their sessions and their API tokens at once.", a.Registry.DisablePerson},
		{"enable-person", "enable", "Open a person's account again", "Sessions and tokens stay ended.", a.Registry.EnablePerson},
		{"end-sessions", "end-sessions", "End a person's sessions", "They may sign in again.", a.Registry.EndSessions},
	} {
		handle(a, op{
			id: v.id, method: http.MethodPost, path: "/people/{id}/" + v.verb, tag: "people", summary: v.summary, describe: v.describe, problems: []int{http.StatusConflict},
		}, func(ctx context.Context, c Caller, in *actInput) (*personOutput, error) {
			n, err := a.seen(ctx, c, in.ID)
			if err != nil {
				return nil, err
			}
			if err := v.do(ctx, c.Actor, n, in.Body.Reason); err != nil {
				return nil, err
			}
			return a.person(ctx, c, n)
		})
	}
}

// seen returns the number of a person whom the caller may see.
func (a *API) seen(ctx context.Context, c Caller, text string) (int64, error) {
	n, err := parseID(text, "person")
	if err != nil {
		return 0, err
	}
	_, err = a.Overview.Person(ctx, c.Actor, n)
	return n, err
}

func (a *API) person(ctx context.Context, c Caller, n int64) (*personOutput, error) {
	p, err := a.Overview.Person(ctx, c.Actor, n)
	if err != nil {
		return nil, err
	}
	return &personOutput{Body: personOf(p)}, nil
}
