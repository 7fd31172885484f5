package lists

import (
	"context"
	"regexp"
	"time"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// View is a way to look at the list of pumps.
type View struct {
	ID        int64
	Owner     int64
	OwnerName string
	CreatedAt time.Time
	Rev       int64
	NewView
}

// NewView is what a view is made from, and all that can be changed of it.
type NewView struct {
	Site    int64    `json:"site,omitempty"` // 0: its owner's alone
	Name    string   `json:"name"`
	Filter  string   `json:"filter"`
	Sort    string   `json:"sort"`    // a column, with - in front for descending; empty: as usual
	Columns []string `json:"columns"` // empty: as usual
	Dense   bool     `json:"dense"`
}

var (
	sortForm   = regexp.MustCompile(`^-?[a-z][a-z0-9_]{0,39}$`)
	columnForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
)

func (n NewView) check() (NewView, error) {
	var err error
	if n.Name, err = line("name", n.Name, 60, true); err != nil {
		return n, err
	}
	f, err := parse("filter", n.Filter)
	if err != nil {
		return n, err
	}
	n.Filter = f.String()
	if n.Sort != "" && !sortForm.MatchString(n.Sort) {
		return n, errs.InvalidField("sort", "sort is a column, with - in front for descending.")
	}
	if len(n.Columns) > 60 {
		return n, errs.InvalidField("columns", "These are more than 60 columns.")
	}
	for _, c := range n.Columns {
		if !columnForm.MatchString(c) {
			return n, errs.InvalidField("columns", "%q is no column.", clip(c))
		}
	}
	if n.Columns == nil {
		n.Columns = []string{}
	}
	return n, nil
}

// CreateView saves a view, the actor's own or shared at a site. Errors: Invalid
// (names the field), Denied, NotFound (the site), Conflict if the name is taken.
func (s *Service) CreateView(ctx context.Context, actor auth.Actor, n NewView) (View, error) {
	n, err := n.check()
	if err != nil {
		return View{}, err
	}
	if n.Site != 0 {
		if err := may(actor, n.Site, "site", editors...); err != nil {
			return View{}, err
		}
	}
	v := View{Owner: actor.ID, OwnerName: actor.Name, CreatedAt: s.Now(), Rev: 1, NewView: n}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := s.holds(ctx, tx, actor, n.Site, "site"); err != nil {
			return err
		}
		if err := insertView(ctx, tx, &v); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Kind: "view.create", Actor: actor.String(), Object: object("view", v.ID), Site: n.Site, Payload: n})
	})
	if err != nil {
		return View{}, err
	}
	return v, nil
}

// EditView changes a view, also whose it is. rev is the revision that the editor
// saw; with another the error is [ErrStale].
func (s *Service) EditView(ctx context.Context, actor auth.Actor, id, rev int64, n NewView) (View, error) {
	n, err := n.check()
	if err != nil {
		return View{}, err
	}
	var v View
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		old, err := s.lockView(ctx, tx, actor, id, rev)
		if err != nil {
			return err
		}
		if n.Site != old.Site {
			if n.Site != 0 {
				err = s.still(ctx, tx, actor, n.Site, "site")
			} else if old.Owner != actor.ID {
				err = errs.Deniedf("Only %s can make this view private again.", old.OwnerName)
			}
			if err != nil {
				return err
			}
		}
		v = old
		v.NewView, v.Rev = n, old.Rev+1
		if err := updateView(ctx, tx, v); err != nil {
			return err
		}
		site := n.Site
		if site == 0 {
			site = old.Site
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "view.edit", Actor: actor.String(), Object: object("view", id), Site: site, Payload: map[string]NewView{"old": old.NewView, "new": n},
		})
	})
	if err != nil {
		return View{}, err
	}
	return v, nil
}

// DeleteView deletes a view.
func (s *Service) DeleteView(ctx context.Context, actor auth.Actor, id, rev int64) error {
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		v, err := s.lockView(ctx, tx, actor, id, rev)
		if err != nil {
			return err
		}
		if err := deleteView(ctx, tx, id); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Kind: "view.delete", Actor: actor.String(), Object: object("view", id), Site: v.Site, Payload: v.NewView})
	})
}

// holds refuses whoever may not keep a view at a site as of the transaction, or, with site
// 0, one of their own.
func (s *Service) holds(ctx context.Context, tx *postgres.Tx, actor auth.Actor, site int64, thing string) error {
	if site == 0 {
		return s.Registry.OpenTx(ctx, tx, actor)
	}
	return s.still(ctx, tx, actor, site, thing)
}

// lockView reads a view that the actor may change and holds it: their own, or one
// that is shared where they work with pumps.
func (s *Service) lockView(ctx context.Context, tx *postgres.Tx, actor auth.Actor, id, rev int64) (View, error) {
	v, err := lockView(ctx, tx, id)
	switch {
	case err != nil:
		return v, err
	case v.Site == 0 && v.Owner != actor.ID:
		return v, errs.NotFoundf("There is no such view.")
	case v.Site == 0:
		err = s.Registry.OpenTx(ctx, tx, actor)
	case v.Owner == actor.ID && actor.Scope().Allows(v.Site): // one's own needs no role that edits others'
		err = s.Registry.StillTx(ctx, tx, actor, v.Site)
	default:
		err = s.still(ctx, tx, actor, v.Site, "view")
	}
	if err != nil {
		return v, err
	}
	if v.Rev != rev {
		return v, ErrStale
	}
	return v, nil
}

// Views returns a person's views and those shared at the sites in scope, by name.
func (s *Service) Views(ctx context.Context, actor auth.Actor) ([]View, error) {
	return listViews(ctx, s.DB, actor.ID, actor.Scope())
}
