package registry

import (
	"context"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // sites name their time zone, also on machines without zone files

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Site is a hospital or clinic, the boundary of what a person may see.
type Site struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Short    string `json:"short"`     // 1 to 16 letters, digits and hyphens, unique
	TimeZone string `json:"time_zone"` // of the IANA database: "Europe/Berlin"
}

// NewSite is what it takes to create a site.
type NewSite struct{ Name, Short, TimeZone string }

// Membership is a role that a person has at a site.
type Membership struct {
	User      int64 // account
	Site      int64
	Role      auth.Role
	GrantedAt time.Time
	GrantedBy string
}

// CreateSite adds a site. An administrator of another site may do it and becomes
// administrator of the new one.
func (s *Service) CreateSite(ctx context.Context, actor auth.Actor, n NewSite) (Site, error) {
	if !actor.HasAnywhere(auth.Admin) {
		return Site{}, errs.Deniedf("Only administrators create sites.")
	}
	var err error
	if n.Name, err = text("name", n.Name, 100, true); err != nil {
		return Site{}, err
	}
	if n.Short = strings.TrimSpace(n.Short); !validShort(n.Short) {
		return Site{}, errs.InvalidField("short", "The short name is 1 to 16 letters, digits and hyphens.")
	}
	if _, err := time.LoadLocation(n.TimeZone); err != nil || n.TimeZone == "" || n.TimeZone == "Local" {
		return Site{}, errs.InvalidField("time_zone", "There is no time zone %q. Name one such as Europe/Berlin.", clip(n.TimeZone))
	}
	site := Site{Name: n.Name, Short: n.Short, TimeZone: n.TimeZone}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		now := s.Now()
		if err := insertSite(ctx, tx, &site, now); err != nil {
			return err
		}
		if actor.ID != 0 {
			if err := insertMembership(ctx, tx, Membership{actor.ID, site.ID, auth.Admin, now, actor.String()}); err != nil {
				return err
			}
		}
		return audit.Append(ctx, tx, audit.Entry{Kind: "site.create", Actor: actor.String(), Object: object("site", site.ID), Site: site.ID, Payload: site})
	})
	if err != nil {
		return Site{}, err
	}
	return site, nil
}

func validShort(s string) bool {
	return len(s) >= 1 && len(s) <= 16 && !strings.ContainsFunc(s, func(c rune) bool {
		return c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// doseRoles take part in dose changes. Whoever administers people takes part in
// none, or they could make themselves both signers.
var doseRoles = []auth.Role{auth.Prescriber, auth.Verifier, auth.Nurse, auth.Pharmacist}

// AddMembership gives a person a role at a site. Nobody changes their own, and
// nobody administers people here and takes part in dose changes anywhere, nor
// the other way round. A role that the person has already is no change.
func (s *Service) AddMembership(ctx context.Context, actor auth.Actor, user, site int64, role auth.Role) error {
	return s.setMembership(ctx, actor, user, site, role, true)
}

// RemoveMembership takes a role away. One that the person does not have is
// errs.NotFound. The last administrator of a site stays.
func (s *Service) RemoveMembership(ctx context.Context, actor auth.Actor, user, site int64, role auth.Role) error {
	return s.setMembership(ctx, actor, user, site, role, false)
}

func (s *Service) setMembership(ctx context.Context, actor auth.Actor, user, site int64, role auth.Role, add bool) error {
	if err := may(actor, site, "site", auth.Admin); err != nil {
		return err
	}
	if !slices.Contains(auth.Roles(), role) {
		return errs.InvalidField("role", "There is no role %q.", clip(string(role)))
	}
	if user <= 0 {
		return errs.InvalidField("user", "There is no such person.")
	}
	if actor.ID == user {
		return errs.Deniedf("Nobody changes their own roles. Ask another administrator.")
	}
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		// One change of roles at a time: the rules look at several rows.
		if err := lockMemberships(ctx, tx); err != nil {
			return err
		}
		held, err := rolesOf(ctx, tx, user)
		if err != nil {
			return err
		}
		has, kind := slices.Contains(held[site], role), "membership.add"
		switch {
		case add && has:
			return nil
		case add:
			if err := separate(held, role); err != nil {
				return err
			}
			err = insertMembership(ctx, tx, Membership{user, site, role, s.Now(), actor.String()})
		case !has:
			return errs.NotFoundf("The person does not have the role %s at this site.", role)
		default:
			kind = "membership.remove"
			err = deleteMembership(ctx, tx, user, site, role)
		}
		if err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: kind, Actor: actor.String(), Object: object("person", user), Site: site,
			Payload: struct {
				Role auth.Role `json:"role"`
			}{role},
		})
	})
}

// separate refuses a role that does not go with those already held.
func separate(held map[int64][]auth.Role, role auth.Role) error {
	for _, roles := range held {
		for _, r := range roles {
			if r == auth.Admin && slices.Contains(doseRoles, role) || role == auth.Admin && slices.Contains(doseRoles, r) {
				return errs.Conflictf("An administrator takes part in no dose change: %s and %s cannot be the same person.", r, role)
			}
		}
	}
	return nil
}

// Compatible refuses roles, by site, that one person cannot hold together.
func Compatible(roles map[int64][]auth.Role) error {
	for _, of := range roles {
		for _, r := range of {
			if err := separate(roles, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// Roles returns what a person may do where, for auth.Actor.
func (s *Service) Roles(ctx context.Context, user int64) (map[int64][]auth.Role, error) {
	return rolesOf(ctx, s.DB, user)
}

// Sites returns the sites in scope by name.
func (s *Service) Sites(ctx context.Context, scope auth.Scope) ([]Site, error) {
	return sites(ctx, s.DB, scope)
}

// Memberships returns who has which role at a site. Its administrators and
// auditors may ask.
func (s *Service) Memberships(ctx context.Context, actor auth.Actor, site int64) ([]Membership, error) {
	if err := may(actor, site, "site", auth.Admin, auth.Auditor); err != nil {
		return nil, err
	}
	return memberships(ctx, s.DB, site)
}
