package maintenance

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Service keeps the entries. It is safe for concurrent use.
type Service struct {
	db  *sqlx.DB
	reg *registry.Service
	now func() time.Time
}

// NewService returns a service on db.
func NewService(db *sqlx.DB, reg *registry.Service, now func() time.Time) *Service {
	return &Service{db: db, reg: reg, now: now}
}

// workers may write entries and end them.
var workers = []auth.Role{auth.Engineer, auth.Nurse}

func object(id int64) string { return fmt.Sprintf("work:%d", id) }

// Add writes an entry down. Errors: Invalid (names the field), Denied, NotFound.
func (s *Service) Add(ctx context.Context, actor auth.Actor, n New) (Work, error) {
	n, err := n.check(s.now())
	if err != nil {
		return Work{}, err
	}
	site, err := s.site(ctx, actor, n)
	if err != nil {
		return Work{}, err
	}
	w := Work{
		Site: site, Pump: n.Pump, Link: n.Link, Kind: n.Kind, Text: n.Text, DueOn: n.DueOn, DoneOn: n.DoneOn, State: Planned,
		CreatedAt: s.now(), CreatedBy: actor.String(), CreatedName: actor.Name,
	}
	if n.DueOn == "" {
		w.State, w.EndedAt, w.EndedName = Done, w.CreatedAt, w.CreatedName
	}
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if w.ID, err = insert(ctx, tx, w); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Kind: "maintenance.add", Actor: actor.String(), Device: n.Link, Object: object(w.ID), Site: site, Pump: n.Pump, Payload: n})
	})
	if err != nil {
		return Work{}, err
	}
	return get(ctx, s.db, actor.Scope(), w.ID)
}

// site returns the site of the device that n is about, if the actor may work
// there.
func (s *Service) site(ctx context.Context, actor auth.Actor, n New) (int64, error) {
	if (n.Pump == 0) == (n.Link == "") {
		return 0, errs.Invalidf("An entry is about a pump or about a communicator.")
	}
	if n.Pump != 0 {
		p, err := s.reg.Pump(ctx, actor.Scope(), n.Pump)
		if err != nil {
			return 0, err
		}
		return p.Site, registry.May(actor, p.Site, "pump", workers...)
	}
	c, err := s.reg.Communicator(ctx, actor.Scope(), n.Link)
	if err != nil {
		return 0, err
	}
	return c.Site, registry.May(actor, c.Site, "communicator", workers...)
}

// End says that planned work was done, on which day, or that it is dropped.
// Errors: Invalid, Denied, NotFound, Conflict if it has ended.
func (s *Service) End(ctx context.Context, actor auth.Actor, id int64, to State, on registry.Date, result string) (Work, error) {
	result, err := registry.Lines("result", result, 2000, true)
	if err != nil {
		return Work{}, err
	}
	now := s.now()
	if on, err = registry.ParseDate("done_on", strings.TrimSpace(string(on))); err != nil {
		return Work{}, err
	}
	switch {
	case to != Done && to != Dropped:
		return Work{}, errs.InvalidField("state", "Work ends as done or dropped.")
	case to == Dropped && on != "":
		return Work{}, errs.InvalidField("done_on", "Dropped work was done on no day.")
	case on > registry.DateOf(now.UTC().Add(14*time.Hour)):
		return Work{}, errs.InvalidField("done_on", "%s has not come yet.", on)
	case to == Done && on == "":
		on = registry.DateOf(now.UTC())
	}
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		w, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := registry.May(actor, w.Site, "piece of work", workers...); err != nil {
			return err
		}
		if w.State != Planned {
			return errs.Conflictf("This work has ended: it was %s.", w.State)
		}
		if err := end(ctx, tx, id, to, on, result, actor.String(), actor.Name, now); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "maintenance." + string(to), Actor: actor.String(), Device: w.Link, Object: object(id), Site: w.Site, Pump: w.Pump,
			Reason: strings.Join(strings.Fields(result), " "), Payload: map[string]registry.Date{"done_on": on},
		})
	})
	if err != nil {
		return Work{}, err
	}
	return get(ctx, s.db, actor.Scope(), id)
}

// Get returns one entry. Errors: NotFound.
func (s *Service) Get(ctx context.Context, scope auth.Scope, id int64) (Work, error) {
	return get(ctx, s.db, scope, id)
}

// OfPump returns the entries of a pump, what is planned first, then newest first.
func (s *Service) OfPump(ctx context.Context, scope auth.Scope, pump int64) ([]Work, error) {
	if _, err := s.reg.Pump(ctx, scope, pump); err != nil {
		return nil, err
	}
	return list(ctx, s.db, scope, `w.pump_id = $3`, pump)
}

// OfCommunicator returns the entries of a communicator, in the same order.
func (s *Service) OfCommunicator(ctx context.Context, scope auth.Scope, serial string) ([]Work, error) {
	if _, err := s.reg.Communicator(ctx, scope, serial); err != nil {
		return nil, err
	}
	return list(ctx, s.db, scope, `w.link = $3`, serial)
}

// Due returns what is planned at the sites in scope up to and including a day, by
// day.
func (s *Service) Due(ctx context.Context, scope auth.Scope, until registry.Date) ([]Work, error) {
	if _, err := registry.ParseDate("until", string(until)); err != nil || until == "" {
		return nil, errs.InvalidField("until", "until is a date such as 2026-01-31.")
	}
	return list(ctx, s.db, scope, `w.state = 'planned' AND w.due_on <= $3::date`, string(until))
}

// All returns every entry of the sites in scope by id, for exports.
func (s *Service) All(ctx context.Context, scope auth.Scope) ([]Work, error) {
	return all(ctx, s.db, scope)
}
