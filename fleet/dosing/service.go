package dosing

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/fleet/alarm"
	"cisterna/fleet/dispatch"
	"cisterna/fleet/keyset"
	"cisterna/fleet/library"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/event"
	"cisterna/internal/postgres"
)

// Options is what a Service is made of. All are required.
type Options struct {
	DB        *sqlx.DB
	Root      order.Root
	Registry  *registry.Service
	Telemetry *telemetry.Service
	Alarms    *alarm.Service
	Keysets   *keyset.Service
	Libraries *library.Service
	Outbox    *dispatch.Outbox
	Profile   func(id string) (*profile.Profile, bool)
	Now       func() time.Time
	Log       *slog.Logger
}

// Service keeps orders. It is safe for concurrent use.
type Service struct {
	Options
	events event.Bus[Changed]
	look   chan int64 // pumps whose orders may have become stale
	refits chan int64 // and which may run another program
}

// Changed tells of a committed change of an order, or of a stop or withdrawal.
type Changed struct {
	Pump, Site int64
	Order      int64 // 0 for a stop
	Letter     int64 // 0 if it is not about one
	State      State // of the order
	Code       order.Code
}

// New returns a service.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Registry == nil || o.Telemetry == nil || o.Alarms == nil || o.Keysets == nil || o.Libraries == nil || o.Outbox == nil || o.Profile == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("dosing: all options are required")
	}
	o.Log = o.Log.With("component", "dosing")
	return &Service{Options: o, look: make(chan int64, 1024), refits: make(chan int64, 1024)}, nil
}

// Events tells of committed changes made through this process.
func (s *Service) Events() *event.Bus[Changed] { return &s.events }

// Roles of people in orders.
var (
	proposers = []auth.Role{auth.Prescriber}
	checkers  = []auth.Role{auth.Verifier, auth.Pharmacist, auth.Prescriber}
	releasers = []auth.Role{auth.Prescriber, auth.Verifier, auth.Nurse}
	stoppers  = []auth.Role{auth.Prescriber, auth.Verifier, auth.Pharmacist, auth.Nurse}
	takers    = []auth.Role{auth.Prescriber, auth.Verifier, auth.Pharmacist, auth.Nurse}
)

// may refuses whoever is not a person with one of the roles at the site, and
// whoever manages people anywhere.
func may(actor auth.Actor, site int64, thing string, roles ...auth.Role) error {
	switch {
	case !actor.Scope().Allows(site):
		return refusal.NotFound("There is no such %s.", thing)
	case actor.ID == 0 || actor.IsToken():
		return refusal.New(errs.Denied, refusal.Role, "Orders are people's: nobody and no program acts in a person's place.")
	case actor.HasAnywhere(auth.Admin):
		return refusal.New(errs.Denied, refusal.Role, "Whoever manages people takes part in no order.")
	case !actor.Has(site, roles...):
		return refusal.New(errs.Denied, refusal.Role, "Your role at the site does not allow this.")
	}
	return nil
}

func personOf(a auth.Actor) Person { return Person{ID: a.ID, Login: a.Login, Name: a.Name} }

// step is what a change of an order does in its transaction. It changes the order
// and returns the leaf and the note of the event.
type step func(tx *postgres.Tx, o *Order) (audit.Entry, string, error)

// change is what all changes to an order share: the order is locked, changed,
// written, noted and recorded in one transaction, and told of after it.
func (s *Service) change(ctx context.Context, actor auth.Actor, id int64, f step) (Order, error) {
	var o Order
	err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		var err error
		if o, err = lockOrder(ctx, tx, id); err != nil {
			return err
		}
		if !actor.Scope().AllowsPump(o.Site, o.Pump) {
			return refusal.NotFound("There is no such order.")
		}
		was := o.State
		e, note, err := f(tx, &o)
		if err != nil {
			return err
		}
		return s.finish(ctx, tx, actor, &o, was, e, note)
	})
	if err != nil {
		return Order{}, err
	}
	return o, nil
}

// finish writes a changed order with its event and leaf.
func (s *Service) finish(ctx context.Context, tx *postgres.Tx, actor auth.Actor, o *Order, was State, e audit.Entry, note string) error {
	now := s.Now()
	if !o.State.Open() && o.ClosedAt.IsZero() {
		o.ClosedAt = now
	}
	e.Actor, e.Object, e.Site, e.Pump = actor.String(), object("order", o.ID), o.Site, o.Pump
	ref, err := audit.AppendRef(ctx, tx, e)
	if err != nil {
		return err
	}
	if e.Kind == "order.propose" {
		o.leaf = ref.ID
	}
	if err := updateOrder(ctx, tx, o); err != nil {
		return err
	}
	if err := insertEvent(ctx, tx, o.ID, 0, Event{At: now, Was: was, State: o.State, Actor: actor.String(), Name: actor.Name, Note: note, Evidence: sumOf(e.Evidence)}); err != nil {
		return err
	}
	c := Changed{Pump: o.Pump, Site: o.Site, Order: o.ID, State: o.State, Code: o.Code}
	tx.OnCommit(func() { s.events.Publish(c) })
	return nil
}

// tell tells of a letter, once the transaction has committed.
func (s *Service) tell(tx *postgres.Tx, l *Letter) {
	c := Changed{Pump: l.Pump, Site: l.Site, Order: l.Order, Letter: l.ID, Code: l.Code}
	tx.OnCommit(func() { s.events.Publish(c) })
}

// fresh refuses, in the transaction of an act, an order that is over, late, or made
// for facts that are not those of now. What it finds stale is closed so by the
// sweep; the person hears why at once.
func (s *Service) fresh(ctx context.Context, tx *postgres.Tx, o *Order, in ...State) error {
	if !slices.Contains(in, o.State) {
		return refusal.New(errs.Conflict, refusal.Step, "The order is %s. That is not possible from there.", o.State)
	}
	if !o.ExpiresAt.IsZero() && !s.Now().Before(o.ExpiresAt) {
		return refusal.New(errs.Conflict, order.ErrExpired, "The order expired at %s. Propose it again.", o.ExpiresAt.UTC().Format(time.RFC3339))
	}
	row, found, err := lockPump(ctx, tx, o.Pump)
	if err != nil {
		return err
	}
	if !found || order.Digest(row.StateHash) != o.Base {
		s.doubt(o.Pump)
		return refusal.New(errs.Conflict, order.ErrCAS, "The pump runs something else than this order was made for: it is stale. %s", refusal.Remedy(order.ErrCAS))
	}
	if exempt(o.Act) || o.Patient == 0 {
		return nil
	}
	rev, forVisit, err := registry.FactsRev(ctx, tx, o.Patient)
	if err != nil {
		return err
	}
	if factsOf(o.Act, rev, forVisit) != o.FactsRev {
		s.doubt(o.Pump)
		return refusal.New(errs.Conflict, refusal.Facts, "Something about the patient has changed since the proposal (an alarm, an allergy, a contraindication): it is stale. Look at it and propose again.")
	}
	return nil
}

// doubt has the orders of a pump looked at, and what it runs.
func (s *Service) doubt(pump int64) {
	for _, at := range []chan int64{s.look, s.refits} {
		select {
		case at <- pump:
		default: // the sweep, or the hour, comes by anyway
		}
	}
}

// Get returns an order of the sites in scope with its approvals.
func (s *Service) Get(ctx context.Context, scope auth.Scope, id int64) (Order, error) {
	o, err := readOrder(ctx, s.DB, id)
	if err != nil {
		return Order{}, err
	}
	if !scope.AllowsPump(o.Site, o.Pump) {
		return Order{}, refusal.NotFound("There is no such order.")
	}
	return o, nil
}

// Filter narrows a list of orders.
type Filter struct {
	Pump   int64
	Open   bool
	States []State
	Before int64 // id of the last one of an earlier page
	Limit  int
}

// List returns orders, newest first.
func (s *Service) List(ctx context.Context, scope auth.Scope, f Filter) ([]Order, error) {
	return readOrders(ctx, s.DB, scope, f)
}

// History returns the steps of an order, oldest first, and its letters.
func (s *Service) History(ctx context.Context, scope auth.Scope, id int64) ([]Event, []Letter, error) {
	if _, err := s.Get(ctx, scope, id); err != nil {
		return nil, nil, err
	}
	events, err := readEvents(ctx, s.DB, id)
	if err != nil {
		return nil, nil, err
	}
	letters, err := readLetters(ctx, s.DB, 0, id)
	return events, letters, err
}

// Reach says whether a pump can be reached.
type Reach struct {
	Connected bool      // its communicator is connected, as far as is known
	Heard     time.Time // zero: never
}

// Letters returns what was signed to leave for a pump, newest first, and whether
// anything reaches it now: a stop for a pump that is away is a reason to go there.
func (s *Service) Letters(ctx context.Context, scope auth.Scope, pump int64) ([]Letter, Reach, error) {
	if _, err := s.Registry.Pump(ctx, scope, pump); err != nil {
		return nil, Reach{}, err
	}
	connected, heard, err := s.Telemetry.Reachable(ctx, pump)
	if err != nil {
		return nil, Reach{}, err
	}
	all, err := readLetters(ctx, s.DB, pump, 0)
	return all, Reach{connected, heard}, err
}
