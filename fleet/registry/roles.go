package registry

import (
	"context"
	"slices"
	"strings"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// RoleChange is a role that a person gets, or loses, at a site.
type RoleChange struct {
	User, Site int64
	Role       auth.Role
	Reason     string
}

// AddMembership is [Service.Grant] without a reason.
func (s *Service) AddMembership(ctx context.Context, actor auth.Actor, user, site int64, role auth.Role) error {
	return s.setRole(ctx, actor, RoleChange{User: user, Site: site, Role: role}, true)
}

// RemoveMembership is [Service.Withdraw] without a reason.
func (s *Service) RemoveMembership(ctx context.Context, actor auth.Actor, user, site int64, role auth.Role) error {
	return s.setRole(ctx, actor, RoleChange{User: user, Site: site, Role: role}, false)
}

// Grant gives a person a role at a site, as one of its administrators. Nobody
// changes their own roles, and roles that one person cannot hold together
// (auth.Exclusions) are refused as errs.Conflict. A role that the person has
// already is no change. It holds from the person's next request on, and for
// their live feed within seconds.
func (s *Service) Grant(ctx context.Context, actor auth.Actor, c RoleChange) error {
	var err error
	if c.Reason, err = reason(c.Reason); err != nil {
		return err
	}
	return s.setRole(ctx, actor, c, true)
}

// Invite is Grant for somebody who has an account, perhaps at no site of the
// actor's, and is named by login. It returns their number. Only administrators of
// the site learn whether there is such a login.
func (s *Service) Invite(ctx context.Context, actor auth.Actor, login string, c RoleChange) (int64, error) {
	if err := may(actor, c.Site, "site", auth.Admin); err != nil {
		return 0, err
	}
	account, err := s.Accounts.AccountByLogin(ctx, strings.TrimSpace(login))
	if errs.KindOf(err) == errs.NotFound {
		return 0, errs.InvalidField("login", "There is no account of that login.")
	}
	if err != nil {
		return 0, err
	}
	c.User = account.ID
	return account.ID, s.Grant(ctx, actor, c)
}

// Withdraw takes a role away. One that the person does not have is
// errs.NotFound. The last administrator of a site whose account is open stays.
func (s *Service) Withdraw(ctx context.Context, actor auth.Actor, c RoleChange) error {
	var err error
	if c.Reason, err = reason(c.Reason); err != nil {
		return err
	}
	return s.setRole(ctx, actor, c, false)
}

func (s *Service) setRole(ctx context.Context, actor auth.Actor, c RoleChange, add bool) error {
	if err := c.check(actor); err != nil {
		return err
	}
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		// One change of roles at a time: the rules look at several rows.
		if err := lockMemberships(ctx, tx); err != nil {
			return err
		}
		if err := s.still(ctx, tx, actor, c.Site); err != nil {
			return err
		}
		if add {
			return s.add(ctx, tx, actor, c)
		}
		return s.remove(ctx, tx, actor, c)
	})
}

func (c RoleChange) check(actor auth.Actor) error {
	if err := may(actor, c.Site, "site", auth.Admin); err != nil {
		return err
	}
	if !slices.Contains(auth.Roles(), c.Role) {
		return errs.InvalidField("role", "There is no role %q.", clip(string(c.Role)))
	}
	if c.User <= 0 {
		return errs.InvalidField("user", "There is no such person.")
	}
	if actor.ID == c.User {
		return errs.Deniedf("Nobody changes their own roles. Ask another administrator.")
	}
	return nil
}

// still refuses a person who was administrator of the site when they asked and
// is not any more, or whose account was shut; of any site if site is 0. Memberships
// are locked, and nothing shuts an account without that lock.
func (s *Service) still(ctx context.Context, tx *postgres.Tx, actor auth.Actor, site int64) error {
	if actor.ID == 0 {
		return nil // a part of the server
	}
	held, err := rolesOf(ctx, tx, actor.ID)
	if err != nil {
		return err
	}
	now := auth.Actor{ID: actor.ID, Roles: held}
	if site == 0 && !now.HasAnywhere(auth.Admin) || site != 0 && !now.Has(site, auth.Admin) {
		return errs.Deniedf("You are not administrator any more.")
	}
	if s.Accounts == nil {
		return nil
	}
	open, err := s.Accounts.Open(ctx, tx, []int64{actor.ID})
	if err == nil && len(open) == 0 {
		err = errs.Deniedf("Your account was shut.")
	}
	return err
}

// StillTx refuses a person who has none of the roles at a site any more, or no role at all
// there if none are named, and one whose account was shut. Until the transaction ends,
// nobody takes the role away or shuts the account: whoever does it waits. Parts of the
// server may always.
func (s *Service) StillTx(ctx context.Context, tx *postgres.Tx, actor auth.Actor, site int64, roles ...auth.Role) error {
	if actor.ID == 0 {
		return nil
	}
	held, err := lockRoles(ctx, tx, actor.ID, site)
	if err != nil {
		return err
	}
	if len(roles) == 0 {
		roles = auth.Roles()
	}
	if now := (auth.Actor{ID: actor.ID, Roles: map[int64][]auth.Role{site: held}}); !now.Has(site, roles...) {
		return errs.Deniedf("You do not have the role at the site any more.")
	}
	return s.OpenTx(ctx, tx, actor)
}

// OpenTx refuses a person whose account was shut, and lets nobody shut it until the
// transaction ends.
func (s *Service) OpenTx(ctx context.Context, tx *postgres.Tx, actor auth.Actor) error {
	if actor.ID == 0 || s.Accounts == nil {
		return nil
	}
	return s.Accounts.OpenTx(ctx, tx, actor.ID)
}

// Manages refuses an actor who does not manage a person by the roles that both
// have within the transaction, and lets nobody change roles until it ends
// (auth.Options.Manages).
func Manages(ctx context.Context, tx *postgres.Tx, actor auth.Actor, person int64) error {
	if actor.ID == 0 {
		return nil // a part of the server
	}
	if err := lockMemberships(ctx, tx); err != nil {
		return err
	}
	own, err := rolesOf(ctx, tx, actor.ID)
	if err != nil {
		return err
	}
	theirs, err := rolesOf(ctx, tx, person)
	if err != nil {
		return err
	}
	if now := (auth.Actor{ID: actor.ID, Roles: own}); !now.Manages(auth.Actor{ID: person, Roles: theirs}) {
		return errs.Deniedf("Only an administrator of all sites where this person works may do that.")
	}
	return nil
}

// add gives a role; memberships are locked.
func (s *Service) add(ctx context.Context, tx *postgres.Tx, actor auth.Actor, c RoleChange) error {
	held, err := rolesOf(ctx, tx, c.User)
	if err != nil {
		return err
	}
	if slices.Contains(held[c.Site], c.Role) {
		return nil
	}
	if err := auth.Separate(held, c.Site, c.Role); err != nil {
		return err
	}
	if err := insertMembership(ctx, tx, Membership{c.User, c.Site, c.Role, s.Now(), actor.String()}); err != nil {
		return err
	}
	return c.record(ctx, tx, actor, "membership.add")
}

// remove takes a role away; memberships are locked.
func (s *Service) remove(ctx context.Context, tx *postgres.Tx, actor auth.Actor, c RoleChange) error {
	held, err := rolesOf(ctx, tx, c.User)
	if err != nil {
		return err
	}
	if !slices.Contains(held[c.Site], c.Role) {
		return errs.NotFoundf("The person does not have the role %s at this site.", c.Role)
	}
	if c.Role == auth.Admin {
		if err := s.notLast(ctx, tx, c.User, c.Site); err != nil {
			return err
		}
	}
	if err := deleteMembership(ctx, tx, c.User, c.Site, c.Role); err != nil {
		return err
	}
	return c.record(ctx, tx, actor, "membership.remove")
}

func (c RoleChange) record(ctx context.Context, tx *postgres.Tx, actor auth.Actor, kind string) error {
	return audit.Append(ctx, tx, audit.Entry{
		Kind: kind, Actor: actor.String(), Object: object("person", c.User), Site: c.Site, Reason: c.Reason,
		Payload: struct {
			Role auth.Role `json:"role"`
		}{c.Role},
	})
}

// notLast refuses to leave a site without an administrator who can sign in.
func (s *Service) notLast(ctx context.Context, tx *postgres.Tx, user, site int64) error {
	admins, err := adminsOf(ctx, tx, site)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(admins, func(id int64) bool { return id == user })
	if s.Accounts != nil {
		if others, err = s.Accounts.Open(ctx, tx, others); err != nil {
			return err
		}
	}
	if len(others) == 0 {
		return errs.Conflictf("The last administrator of a site stays. Name another one first.")
	}
	return nil
}

// NewPerson is what it takes to add a person: an account and its first role.
type NewPerson struct {
	auth.NewUser
	Site   int64
	Role   auth.Role
	Reason string
}

// AddPerson makes an account together with its first role, as an administrator
// of the site. It returns an error of kind Invalid for a login, name, password or
// role that may not be, and Conflict if the login is taken.
func (s *Service) AddPerson(ctx context.Context, actor auth.Actor, n NewPerson) (auth.Account, error) {
	c := RoleChange{User: 1, Site: n.Site, Role: n.Role} // the account has no number yet
	who := actor
	who.ID = 0
	if err := c.check(who); err != nil {
		return auth.Account{}, err
	}
	var err error
	if c.Reason, err = reason(n.Reason); err != nil {
		return auth.Account{}, err
	}
	draft, err := s.Accounts.Draft(ctx, actor, n.NewUser)
	if err != nil {
		return auth.Account{}, err
	}
	var account auth.Account
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := lockMemberships(ctx, tx); err != nil {
			return err
		}
		if err := s.still(ctx, tx, actor, n.Site); err != nil {
			return err
		}
		var err error
		if account, err = draft.Insert(ctx, tx, actor, c.Reason); err != nil {
			return err
		}
		c.User = account.ID
		return s.add(ctx, tx, actor, c)
	})
	return account, err
}

// DisablePerson shuts an account and ends its sessions at once. The last
// administrator of a site whose account is open stays, and nobody shuts their
// own account.
func (s *Service) DisablePerson(ctx context.Context, actor auth.Actor, user int64, why string) error {
	if actor.ID == user {
		return errs.Deniedf("Nobody shuts their own account. Ask another administrator.")
	}
	why, err := reason(why)
	if err != nil {
		return err
	}
	held, err := rolesOf(ctx, s.DB, user)
	if err != nil {
		return err
	}
	return s.Accounts.DisableIf(ctx, actor, auth.Actor{ID: user, Roles: held}, why, func(tx *postgres.Tx) error {
		if err := lockMemberships(ctx, tx); err != nil {
			return err
		}
		now, err := rolesOf(ctx, tx, user)
		if err != nil {
			return err
		}
		if !actor.Manages(auth.Actor{ID: user, Roles: now}) {
			return errs.Deniedf("Only an administrator of all sites where this person works may do that.")
		}
		for site, roles := range now {
			if slices.Contains(roles, auth.Admin) {
				if err := s.notLast(ctx, tx, user, site); err != nil {
					return err
				}
			}
		}
		if s.Shut == nil {
			return nil
		}
		return s.Shut(ctx, tx, actor, user, why)
	})
}

// EnablePerson opens an account again. What ended with it stays ended.
func (s *Service) EnablePerson(ctx context.Context, actor auth.Actor, user int64, why string) error {
	why, err := reason(why)
	if err != nil {
		return err
	}
	held, err := rolesOf(ctx, s.DB, user)
	if err != nil {
		return err
	}
	return s.Accounts.Enable(ctx, actor, auth.Actor{ID: user, Roles: held}, why)
}

// EndSessions ends a person's sessions.
func (s *Service) EndSessions(ctx context.Context, actor auth.Actor, user int64, why string) error {
	why, err := reason(why)
	if err != nil {
		return err
	}
	held, err := rolesOf(ctx, s.DB, user)
	if err != nil {
		return err
	}
	return s.Accounts.EndSessions(ctx, actor, auth.Actor{ID: user, Roles: held}, why)
}
