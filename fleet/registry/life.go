package registry

import (
	"context"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// RegisterPump makes a pump known. Its status is registered, or manual if it has
// no link. Errors: Invalid (names the field), Denied, NotFound (the site), and
// Conflict if the maker's serial number is registered already.
func (s *Service) RegisterPump(ctx context.Context, actor auth.Actor, n NewPump) (Pump, error) {
	if err := may(actor, n.Site, "site", auth.Engineer); err != nil {
		return Pump{}, err
	}
	n, err := n.check(s.Profiles)
	if err != nil {
		return Pump{}, err
	}
	var p Pump
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := siteExists(ctx, tx, n.Site); err != nil {
			return err
		}
		id, err := s.insert(ctx, tx, n)
		if err != nil {
			return err
		}
		if err := s.announce(ctx, tx, id); err != nil {
			return err
		}
		if p, err = lockPump(ctx, tx, id); err != nil {
			return err
		}
		if err := audit.Append(ctx, tx, registered(actor, id, n, "")); err != nil {
			return err
		}
		return s.known(ctx, tx, actor, p)
	})
	if err != nil {
		return Pump{}, err
	}
	return p, nil
}

// insert stores a pump that was checked.
func (s *Service) insert(ctx context.Context, tx *postgres.Tx, n NewPump) (int64, error) {
	status := Registered
	if n.Manual {
		status = Manual
	}
	if err := assetTaken(ctx, tx, n.Site, n.AssetNo); err != nil {
		return 0, err
	}
	id, ok, err := insertPump(ctx, tx, n, status, s.Now())
	if err == nil && !ok {
		err = errs.Conflictf("Serial %s is registered already.", n.Serial)
	}
	return id, err
}

// known tells who wants to hear of pumps in the transaction.
func (s *Service) known(ctx context.Context, tx *postgres.Tx, actor auth.Actor, pumps ...Pump) error {
	if s.Known == nil || len(pumps) == 0 {
		return nil
	}
	return s.Known(ctx, tx, actor, pumps)
}

// registered is the leaf of a new pump.
func registered(actor auth.Actor, id int64, n NewPump, why string) audit.Entry {
	return audit.Entry{Kind: "pump.register", Actor: actor.String(), Object: object("pump", id), Reason: why, Site: n.Site, Pump: id, Payload: n}
}

// Edit changes what people note about a pump. rev is the revision that the editor
// saw; if the pump changed since, the edit is an errs.Conflict.
func (s *Service) Edit(ctx context.Context, actor auth.Actor, id, rev int64, label string, f Facts) (Pump, error) {
	label, err := text("label", label, 60, false)
	if err != nil {
		return Pump{}, err
	}
	if f, err = f.check(); err != nil {
		return Pump{}, err
	}
	return s.change(ctx, actor, id, []auth.Role{auth.Engineer, auth.Prescriber, auth.Nurse}, func(tx *postgres.Tx, p Pump) (done, error) {
		if p.Rev != rev {
			return done{}, errs.Conflictf("Somebody else changed pump %s meanwhile. Look at it again.", p.Serial)
		}
		if err := updateFacts(ctx, tx, id, label, f); err != nil {
			return done{}, err
		}
		p.Label, p.Facts, label, f = label, f, p.Label, p.Facts
		type noted struct {
			Label string `json:"label"`
			Facts
		}
		return done{leaf: audit.Entry{Kind: "pump.edit", Payload: map[string]noted{"old": {label, f}, "new": {p.Label, p.Facts}}}}, s.known(ctx, tx, actor, p)
	})
}

// Revoke withdraws trust from a pump's link: the pairing ends, the certificates
// are revoked, the communicator may not enrol, and the connection is cut.
func (s *Service) Revoke(ctx context.Context, actor auth.Actor, id int64, why string) (Pump, error) {
	return s.move(ctx, actor, id, ActRevoke, why, nil)
}

// Reinstate lets a revoked pump enrol again with a new claim slip. Nothing of
// what was revoked comes back; the pump's key stays the same, and its last
// communicator may take part again.
func (s *Service) Reinstate(ctx context.Context, actor auth.Actor, id int64, why string) (Pump, error) {
	return s.move(ctx, actor, id, ActReinstate, why, nil)
}

// Retire takes a pump out of service for good.
func (s *Service) Retire(ctx context.Context, actor auth.Actor, id int64, why string) (Pump, error) {
	return s.move(ctx, actor, id, ActRetire, why, nil)
}

// SetManual says that from now on a pump has no link and people record what it
// does.
func (s *Service) SetManual(ctx context.Context, actor auth.Actor, id int64, why string) (Pump, error) {
	return s.move(ctx, actor, id, ActManual, why, nil)
}

// SetLinked lets a manual pump enrol.
func (s *Service) SetLinked(ctx context.Context, actor auth.Actor, id int64, why string) (Pump, error) {
	return s.move(ctx, actor, id, ActLink, why, nil)
}

// actRoles says who may do what. Taking a pump out is a clinical act.
var actRoles = map[Act][]auth.Role{
	ActRevoke:    {auth.Engineer},
	ActReinstate: {auth.Engineer},
	ActManual:    {auth.Engineer},
	ActLink:      {auth.Engineer},
	ActExplant:   {auth.Engineer, auth.Prescriber},
	ActRetire:    {auth.Engineer},
}

// move takes a pump from one status to another. more, if not nil, does what the
// act asks for beyond that, and returns what the leaf says of it.
func (s *Service) move(ctx context.Context, actor auth.Actor, id int64, act Act, why string, more func(*postgres.Tx, Pump) (any, error)) (Pump, error) {
	why, err := reason(why)
	if err != nil {
		return Pump{}, err
	}
	return s.change(ctx, actor, id, actRoles[act], func(tx *postgres.Tx, p Pump) (done, error) {
		to, err := p.Status.After(act)
		if err != nil {
			return done{}, err
		}
		now := s.Now()
		if act.endsLink() {
			if _, err := withdrawClaims(ctx, tx, id, "withdrawn"); err != nil {
				return done{}, err
			}
			if err := s.endLink(ctx, tx, actor, p, string(act)+": "+why, commAfter[act]); err != nil {
				return done{}, err
			}
		}
		if act == ActReinstate {
			if err := restock(ctx, tx, id, now); err != nil {
				return done{}, err
			}
		}
		if act == ActExplant || act == ActRetire {
			if err := endBinding(ctx, tx, id, string(act)+": "+why, now); err != nil {
				return done{}, err
			}
			if err := releaseReserved(ctx, tx, id); err != nil {
				return done{}, err
			}
		}
		if err := updateStatus(ctx, tx, id, to, why, now); err != nil {
			return done{}, err
		}
		said := moved{From: p.Status, To: to}
		if more != nil {
			if said.More, err = more(tx, p); err != nil {
				return done{}, err
			}
		}
		d := done{leaf: audit.Entry{Kind: "pump." + string(act), Device: p.Link, Reason: why, Payload: said}}
		if s.Gone != nil && (act == ActExplant || act == ActRetire) {
			if err := s.Gone(ctx, tx, actor, p, why); err != nil {
				return done{}, err
			}
		}
		if s.Unheard != nil && act == ActManual {
			if err := s.Unheard(ctx, tx, actor, p, why); err != nil {
				return done{}, err
			}
		}
		if act.endsLink() {
			d.kick = p.Link
		}
		return d, nil
	})
}

// moved is what the record keeps of a change of status.
type moved struct {
	From Status `json:"from"`
	To   Status `json:"to"`
	More any    `json:"more,omitempty"`
}

// commAfter is what becomes of the communicator of a pump whose link ends. A
// revoked pump's is not trusted either; the others can serve another pump.
var commAfter = map[Act]CommStatus{ActRevoke: CommRevoked, ActManual: CommStock, ActExplant: CommStock, ActRetire: CommStock}

// endLink closes the pump's pairing and revokes its certificates. Whoever calls
// it cuts the connection too.
func (s *Service) endLink(ctx context.Context, tx *postgres.Tx, actor auth.Actor, p Pump, why string, comm CommStatus) error {
	if err := revokeCertificates(ctx, tx, p.ID, "", why, s.Now()); err != nil {
		return err
	}
	if p.Link == "" {
		return nil
	}
	return s.unpair(ctx, tx, actor, p, why, comm)
}

// unpair ends the time in which the communicator that a pump has spoke for it.
func (s *Service) unpair(ctx context.Context, tx *postgres.Tx, actor auth.Actor, p Pump, why string, comm CommStatus) error {
	now := s.Now()
	if err := closePairing(ctx, tx, p.ID, why, now); err != nil {
		return err
	}
	if err := setCommunicator(ctx, tx, p.Link, comm, why, now); err != nil || s.Unlinked == nil {
		return err
	}
	return s.Unlinked(ctx, tx, actor, p, why)
}

// done is what a change of a pump leaves behind.
type done struct {
	leaf audit.Entry // its actor, object, site and pump are filled in
	kick string      // link to cut after the commit
}

// change is what all acts on one pump share: it locks the pump, checks that the
// actor may act there, lets step do its part, raises the revision and writes the
// leaf that step returned.
func (s *Service) change(ctx context.Context, actor auth.Actor, id int64, roles []auth.Role, step func(*postgres.Tx, Pump) (done, error)) (Pump, error) {
	var after Pump
	one := func(tx *postgres.Tx) error {
		p, err := lockPump(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := may(actor, p.Site, "pump", roles...); err != nil {
			return err
		}
		d, err := step(tx, p)
		if err != nil {
			return err
		}
		if err := s.changed(ctx, tx, id, d.kick); err != nil {
			return err
		}
		if after, err = lockPump(ctx, tx, id); err != nil {
			return err
		}
		e := d.leaf
		e.Actor, e.Object, e.Site, e.Pump = actor.String(), object("pump", id), p.Site, id
		return audit.Append(ctx, tx, e)
	}
	err := postgres.InTx(ctx, s.DB, one)
	// Alarms of the pump may arrive in the very moment that it is taken out; who
	// is told to give way by the database tries again, nothing was changed.
	for tries := 0; postgres.Code(err) == postgres.Deadlock && tries < 3; tries++ {
		err = postgres.InTx(ctx, s.DB, one)
	}
	if err != nil {
		return Pump{}, err
	}
	return after, nil
}
