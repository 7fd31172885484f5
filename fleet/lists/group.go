package lists

import (
	"context"
	"slices"
	"strings"
	"time"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Group is a group of pumps of one site.
type Group struct {
	ID        int64
	Site      int64
	Name      string
	Note      string
	Filter    string // canonical; empty: by its members
	Owner     int64  // account
	OwnerName string
	CreatedAt time.Time
	Rev       int64
}

// NewGroup is what a group is made from, and what can be changed of it but the
// site.
type NewGroup struct {
	Site   int64  `json:"site"`
	Name   string `json:"name"`
	Note   string `json:"note"`
	Filter string `json:"filter"` // empty: by its members
}

func (n NewGroup) check() (NewGroup, error) {
	var err error
	if n.Name, err = line("name", n.Name, 60, true); err != nil {
		return n, err
	}
	if strings.EqualFold(n.Name, "none") {
		return n, errs.InvalidField("name", "A group cannot be called none: in a filter that means pumps without a group.")
	}
	if n.Note, err = line("note", n.Note, 200, false); err != nil {
		return n, err
	}
	f, err := parse("filter", n.Filter)
	if err != nil {
		return n, err
	}
	if f.Uses("group") {
		return n, errs.InvalidField("filter", "The filter of a group cannot ask for groups.")
	}
	n.Filter = f.String()
	return n, nil
}

// CreateGroup makes a group. Errors: Invalid (names the field), Denied, NotFound
// (the site), and Conflict if the site has a group of that name.
func (s *Service) CreateGroup(ctx context.Context, actor auth.Actor, n NewGroup) (Group, error) {
	if err := may(actor, n.Site, "site", editors...); err != nil {
		return Group{}, err
	}
	n, err := n.check()
	if err != nil {
		return Group{}, err
	}
	g := Group{Site: n.Site, Name: n.Name, Note: n.Note, Filter: n.Filter, Owner: actor.ID, OwnerName: actor.Name, CreatedAt: s.Now(), Rev: 1}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := s.still(ctx, tx, actor, g.Site, "site"); err != nil {
			return err
		}
		if err := insertGroup(ctx, tx, &g); err != nil {
			return err
		}
		tx.OnCommit(func() { s.events.Publish(Changed{Groups: true}) })
		return audit.Append(ctx, tx, audit.Entry{Kind: "group.create", Actor: actor.String(), Object: object("group", g.ID), Site: g.Site, Payload: n})
	})
	if err != nil {
		return Group{}, err
	}
	return g, nil
}

// EditGroup changes a group. rev is the revision that the editor saw; with another
// the error is [ErrStale]. A group by its members cannot become one by a filter
// while it has members.
func (s *Service) EditGroup(ctx context.Context, actor auth.Actor, id, rev int64, n NewGroup) (Group, error) {
	n, err := n.check()
	if err != nil {
		return Group{}, err
	}
	var g Group
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		old, err := s.lockGroup(ctx, tx, actor, id, rev)
		if err != nil {
			return err
		}
		if old.Filter == "" && n.Filter != "" {
			members, err := countMembers(ctx, tx, id)
			if err != nil {
				return err
			}
			if members > 0 {
				return errs.Conflictf("The group %s has %d members. Take them out before it goes by a filter.", old.Name, members)
			}
		}
		g = old
		g.Name, g.Note, g.Filter, g.Rev = n.Name, n.Note, n.Filter, old.Rev+1
		n.Site = old.Site
		if err := updateGroup(ctx, tx, g); err != nil {
			return err
		}
		tx.OnCommit(func() { s.events.Publish(Changed{Groups: true}) })
		was := NewGroup{Site: old.Site, Name: old.Name, Note: old.Note, Filter: old.Filter}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "group.edit", Actor: actor.String(), Object: object("group", id), Site: g.Site, Payload: map[string]NewGroup{"old": was, "new": n},
		})
	})
	if err != nil {
		return Group{}, err
	}
	return g, nil
}

// DeleteGroup deletes a group. Its pumps stay as they are.
func (s *Service) DeleteGroup(ctx context.Context, actor auth.Actor, id, rev int64) error {
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		g, err := s.lockGroup(ctx, tx, actor, id, rev)
		if err != nil {
			return err
		}
		members, err := deleteGroup(ctx, tx, id)
		if err != nil {
			return err
		}
		tx.OnCommit(func() { s.events.Publish(Changed{Pumps: members, Groups: true}) })
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "group.delete", Actor: actor.String(), Object: object("group", id), Site: g.Site,
			Payload: struct {
				Name    string `json:"name"`
				Members int    `json:"members"`
			}{g.Name, len(members)},
		})
	})
}

// SetMember puts a pump into a group, or takes it out. What is so already is no
// change and leaves no leaf.
func (s *Service) SetMember(ctx context.Context, actor auth.Actor, group, pump int64, in bool) error {
	p, err := s.pump(actor, pump, editors...)
	if err != nil {
		return err
	}
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		g, err := s.lockGroup(ctx, tx, actor, group, 0)
		switch {
		case err != nil:
			return err
		case g.Filter != "":
			return errs.Conflictf("The group %s goes by a filter: no pump is put into it or taken out by hand.", g.Name)
		case g.Site != p.Site:
			return errs.Conflictf("Pump %s belongs to another site than the group %s.", p.Serial, g.Name)
		}
		changed, err := setMember(ctx, tx, group, pump, in, actor.String(), s.Now())
		if err != nil || !changed {
			return err
		}
		tx.OnCommit(func() { s.events.Publish(Changed{Pumps: []int64{pump}}) })
		kind := "group.add"
		if !in {
			kind = "group.remove"
		}
		return audit.Append(ctx, tx, audit.Entry{Kind: kind, Actor: actor.String(), Object: object("group", group), Site: g.Site, Pump: pump})
	})
}

// lockGroup reads a group that the actor may change and holds it. rev 0 takes any.
func (s *Service) lockGroup(ctx context.Context, tx *postgres.Tx, actor auth.Actor, id, rev int64) (Group, error) {
	g, err := lockGroup(ctx, tx, id)
	if err != nil {
		return g, err
	}
	if err := s.still(ctx, tx, actor, g.Site, "group"); err != nil {
		return g, err
	}
	if rev != 0 && g.Rev != rev {
		return g, ErrStale
	}
	return g, nil
}

// ErrStale says that a thing was changed since its editor looked at it.
var ErrStale = errs.Conflictf("Somebody else changed it meanwhile. Look at it again.")

// Groups returns the groups of the sites in scope, by site and name.
func (s *Service) Groups(ctx context.Context, scope auth.Scope) ([]Group, error) {
	all, err := s.AllGroups(ctx)
	return slices.DeleteFunc(all, func(g Group) bool { return !scope.Allows(g.Site) }), err
}

// Group returns one group of the sites in scope, or errs.NotFound.
func (s *Service) Group(ctx context.Context, scope auth.Scope, id int64) (Group, error) {
	g, err := getGroup(ctx, s.DB, id)
	if err == nil && !scope.Allows(g.Site) {
		err = errs.NotFoundf("There is no such group.")
	}
	if err != nil {
		return Group{}, err
	}
	return g, nil
}
