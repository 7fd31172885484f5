package registry

import (
	"context"
	"errors"
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
	Rev      int64  `json:"rev"`       // rises with every change
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

func (n NewSite) check() (NewSite, error) {
	var err error
	if n.Name, err = text("name", n.Name, 100, true); err != nil {
		return n, err
	}
	if n.Short = strings.TrimSpace(n.Short); !validShort(n.Short) {
		return n, errs.InvalidField("short", "The short name is 1 to 16 letters, digits and hyphens.")
	}
	if _, err := time.LoadLocation(n.TimeZone); err != nil || n.TimeZone == "" || n.TimeZone == "Local" {
		return n, errs.InvalidField("time_zone", "There is no time zone %q. Name one such as Europe/Berlin.", clip(n.TimeZone))
	}
	return n, nil
}

// CreateSite adds a site. An administrator of another site may do it and becomes
// administrator of the new one.
func (s *Service) CreateSite(ctx context.Context, actor auth.Actor, n NewSite) (Site, error) {
	if !actor.HasAnywhere(auth.Admin) {
		return Site{}, errs.Deniedf("Only administrators create sites.")
	}
	n, err := n.check()
	if err != nil {
		return Site{}, err
	}
	site := Site{Name: n.Name, Short: n.Short, TimeZone: n.TimeZone, Rev: 1}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		now := s.Now()
		if actor.ID != 0 {
			// They become administrator of one more site: if they still are one.
			if err := lockMemberships(ctx, tx); err != nil {
				return err
			}
			if err := s.still(ctx, tx, actor, 0); err != nil {
				return err
			}
		}
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

// ChangeSite gives a site another name, short name or time zone. rev is the
// revision that the change was made from; if the site has another one by now,
// nothing is changed and the error is of kind Conflict, wrapping [ErrStale].
func (s *Service) ChangeSite(ctx context.Context, actor auth.Actor, site, rev int64, n NewSite, why string) (Site, error) {
	if err := may(actor, site, "site", auth.Admin); err != nil {
		return Site{}, err
	}
	n, err := n.check()
	if err != nil {
		return Site{}, err
	}
	if why, err = reason(why); err != nil {
		return Site{}, err
	}
	next := Site{ID: site, Name: n.Name, Short: n.Short, TimeZone: n.TimeZone, Rev: rev + 1}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := lockMemberships(ctx, tx); err != nil {
			return err
		}
		if err := s.still(ctx, tx, actor, site); err != nil {
			return err
		}
		old, err := lockSite(ctx, tx, site)
		if err != nil {
			return err
		}
		if old.Rev != rev {
			return errs.Wrap(errs.Conflict, ErrStale, "The site was changed meanwhile. Look at it as it is now, then change it.")
		}
		if err := updateSite(ctx, tx, next); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "site.change", Actor: actor.String(), Object: object("site", site), Site: site, Reason: why,
			Payload: struct {
				Old Site `json:"old"`
				New Site `json:"new"`
			}{old, next},
		})
	})
	if err != nil {
		return Site{}, err
	}
	return next, nil
}

// ErrStale says that a change was made from a revision that is not the present
// one.
var ErrStale = errors.New("made from an old revision")

// Roles returns what a person may do where, for auth.Actor.
func (s *Service) Roles(ctx context.Context, user int64) (map[int64][]auth.Role, error) {
	return rolesOf(ctx, s.DB, user)
}

// Holders returns who has one of some roles at the sites in scope, for lists of
// colleagues: by site, person and role.
func (s *Service) Holders(ctx context.Context, scope auth.Scope, roles ...auth.Role) ([]Membership, error) {
	return holders(ctx, s.DB, scope, roles)
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
