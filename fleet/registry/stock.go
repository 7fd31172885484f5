package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cisterna/device/wire"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// CommAct is what people do with a communicator. Pairing is none of them: only an
// enrolment pairs.
type CommAct string

// The acts.
const (
	CommLose    CommAct = "lose"    // it is lost or stolen; a link that it has ends at once
	CommFind    CommAct = "find"    // a lost one is back
	CommRevoke  CommAct = "revoke"  // it is not trusted any more, though it is here
	CommRestore CommAct = "restore" // a revoked one was examined and may serve again
	CommRetire  CommAct = "retire"  // it leaves service for good
)

// CommActs lists all acts.
func CommActs() []CommAct {
	return []CommAct{CommLose, CommFind, CommRevoke, CommRestore, CommRetire}
}

// commMoves is the only place that says which act leads where.
var commMoves = map[CommAct]struct {
	from []CommStatus
	to   CommStatus
}{
	CommLose:    {[]CommStatus{CommStock, CommActive}, CommLost},
	CommFind:    {[]CommStatus{CommLost}, CommStock},
	CommRevoke:  {[]CommStatus{CommStock, CommActive, CommLost}, CommRevoked},
	CommRestore: {[]CommStatus{CommRevoked}, CommStock},
	CommRetire:  {[]CommStatus{CommStock, CommLost, CommRevoked}, CommRetired},
}

// After returns the status that act leads to from s, or an errs.Conflict.
func (s CommStatus) After(act CommAct) (CommStatus, error) {
	m, ok := commMoves[act]
	switch {
	case !ok:
		return s, errs.InvalidField("act", "What one does with a communicator is one of %v.", CommActs())
	case act == CommRetire && s == CommActive:
		return s, errs.Conflictf("The communicator serves a pump. Swap it first; then it can be retired.")
	case !slices.Contains(m.from, s):
		return s, errs.Conflictf("The communicator is %s: %s is not possible from there.", s, act)
	}
	return m.to, nil
}

// NewCommunicator is what it takes to put a communicator into stock.
type NewCommunicator struct {
	Site     int64  `json:"site"`
	Serial   string `json:"serial"` // its link id
	Model    string `json:"model"`
	Firmware string `json:"firmware,omitempty"`
	Lot      string `json:"lot,omitempty"`
	AssetNo  string `json:"asset_no,omitempty"`
}

func (n NewCommunicator) check() (NewCommunicator, error) {
	n.Serial = strings.TrimSpace(n.Serial)
	switch {
	case n.Serial == "":
		return n, errs.InvalidField("serial", "serial is missing.")
	case !wire.ValidLink(n.Serial):
		return n, errs.InvalidField("serial", "A communicator's serial is 1 to 64 letters, digits, hyphens and underscores.")
	}
	for _, f := range []struct {
		name     string
		value    *string
		limit    int
		required bool
	}{{"model", &n.Model, 60, true}, {"firmware", &n.Firmware, 40, false}, {"lot", &n.Lot, 40, false}, {"asset_no", &n.AssetNo, 40, false}} {
		var err error
		if *f.value, err = text(f.name, *f.value, f.limit, f.required); err != nil {
			return n, err
		}
	}
	return n, nil
}

// RegisterCommunicator puts a communicator into a site's stock. One that enrolled
// before anybody registered it, and so has no model, gets what is said here; its
// status stays. Errors: Invalid (names the field), Denied, NotFound (the site),
// Conflict if the serial is known.
func (s *Service) RegisterCommunicator(ctx context.Context, actor auth.Actor, n NewCommunicator) (Communicator, error) {
	if err := may(actor, n.Site, "site", auth.Engineer); err != nil {
		return Communicator{}, err
	}
	n, err := n.check()
	if err != nil {
		return Communicator{}, err
	}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := siteExists(ctx, tx, n.Site); err != nil {
			return err
		}
		if err := insertCommunicator(ctx, tx, n, s.Now()); err != nil {
			return err
		}
		if err := s.knownComms(ctx, tx, actor, n.Serial); err != nil {
			return err
		}
		return audit.Append(ctx, tx, stocked(actor, n, ""))
	})
	if err != nil {
		return Communicator{}, err
	}
	return s.Communicator(ctx, actor.Scope(), n.Serial)
}

// stocked is the leaf of a communicator that came into stock.
func stocked(actor auth.Actor, n NewCommunicator, why string) audit.Entry {
	return audit.Entry{Kind: "communicator.register", Actor: actor.String(), Device: n.Serial, Object: commObject(n.Serial), Reason: why, Site: n.Site, Payload: n}
}

// knownComms tells who wants to hear of communicators in the transaction.
func (s *Service) knownComms(ctx context.Context, tx *postgres.Tx, actor auth.Actor, serials ...string) error {
	if s.KnownCommunicators == nil || len(serials) == 0 {
		return nil
	}
	list := make([]Communicator, 0, len(serials))
	for _, serial := range serials {
		c, err := readCommunicator(ctx, tx, serial)
		if err != nil {
			return err
		}
		list = append(list, c)
	}
	return s.KnownCommunicators(ctx, tx, actor, list)
}

func commObject(serial string) string { return "communicator:" + serial }

// MoveCommunicator does what act says. Losing or revoking one that serves a pump
// ends the pump's link: the pairing is closed, the certificates are revoked, the
// connection is cut. The pump itself goes on infusing.
func (s *Service) MoveCommunicator(ctx context.Context, actor auth.Actor, serial string, act CommAct, why string) (Communicator, error) {
	why, err := reason(why)
	if err != nil {
		return Communicator{}, err
	}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		c, p, err := s.lockComm(ctx, tx, actor, serial)
		if err != nil {
			return err
		}
		to, err := c.Status.After(act)
		if err != nil {
			return err
		}
		e := audit.Entry{
			Kind: "communicator." + string(act), Actor: actor.String(), Device: serial, Object: commObject(serial), Reason: why, Site: c.Site,
			Payload: map[string]CommStatus{"from": c.Status, "to": to},
		}
		if p.ID != 0 {
			e.Pump = p.ID
			if err := s.endLink(ctx, tx, actor, p, string(act)+": "+why, to); err != nil {
				return err
			}
			if err := s.changed(ctx, tx, p.ID, serial); err != nil {
				return err
			}
		} else if err := setCommunicator(ctx, tx, serial, to, why, s.Now()); err != nil {
			return err
		}
		return audit.Append(ctx, tx, e)
	})
	if err != nil {
		return Communicator{}, err
	}
	return s.Communicator(ctx, actor.Scope(), serial)
}

// Reserve keeps a communicator in stock for a pump of the same site: no other
// pump can enrol with it. Errors: Conflict if it is not in stock, reserved for
// another pump, or if the pump has one reserved.
func (s *Service) Reserve(ctx context.Context, actor auth.Actor, serial string, pump int64, why string) (Communicator, error) {
	why, err := reason(why)
	if err != nil {
		return Communicator{}, err
	}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		// Pumps are locked before communicators, here and everywhere.
		p, err := lockPump(ctx, tx, pump)
		if err != nil {
			return err
		}
		if err := may(actor, p.Site, "pump", auth.Engineer); err != nil {
			return err
		}
		c, _, err := s.lockComm(ctx, tx, actor, serial)
		switch {
		case err != nil:
			return err
		case c.Status != CommStock:
			return errs.Conflictf("Communicator %s is %s. Only one in stock can be reserved.", serial, c.Status)
		case c.Site != p.Site:
			return errs.Conflictf("Communicator %s lies in another site's stock.", serial)
		case c.ReservedFor != 0 && c.ReservedFor != pump:
			return errs.Conflictf("Communicator %s is reserved for another pump.", serial)
		case p.Status == Explanted || p.Status == Retired:
			return errs.Conflictf("Pump %s is %s.", p.Serial, p.Status)
		}
		if err := reserve(ctx, tx, serial, pump, why, actor.String(), s.Now()); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "communicator.reserve", Actor: actor.String(), Device: serial, Object: commObject(serial), Reason: why, Site: c.Site, Pump: pump,
		})
	})
	if err != nil {
		return Communicator{}, err
	}
	return s.Communicator(ctx, actor.Scope(), serial)
}

// Release ends a reservation.
func (s *Service) Release(ctx context.Context, actor auth.Actor, serial, why string) (Communicator, error) {
	why, err := reason(why)
	if err != nil {
		return Communicator{}, err
	}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		c, _, err := s.lockComm(ctx, tx, actor, serial)
		if err != nil {
			return err
		}
		if c.ReservedFor == 0 {
			return errs.Conflictf("Communicator %s is not reserved.", serial)
		}
		if err := unreserve(ctx, tx, serial); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "communicator.release", Actor: actor.String(), Device: serial, Object: commObject(serial), Reason: why, Site: c.Site, Pump: c.ReservedFor,
		})
	})
	if err != nil {
		return Communicator{}, err
	}
	return s.Communicator(ctx, actor.Scope(), serial)
}

// lockComm locks a communicator that an engineer of its site may change, and
// first the pump that it serves, if it serves one.
func (s *Service) lockComm(ctx context.Context, tx *postgres.Tx, actor auth.Actor, serial string) (Communicator, Pump, error) {
	for range 5 {
		pump, err := pairedPump(ctx, tx, serial)
		if err != nil {
			return Communicator{}, Pump{}, err
		}
		var p Pump
		if pump != 0 {
			if p, err = lockPump(ctx, tx, pump); err != nil {
				return Communicator{}, Pump{}, err
			}
		}
		c, err := lockCommunicator(ctx, tx, serial)
		if err != nil {
			return Communicator{}, Pump{}, err
		}
		if err := may(actor, c.Site, "communicator", auth.Engineer); err != nil {
			return Communicator{}, Pump{}, err
		}
		if c.Pump == pump {
			return c, p, nil
		}
		// It was paired or unpaired in between: look again.
	}
	return Communicator{}, Pump{}, fmt.Errorf("communicator %s: its pairing keeps changing", serial)
}
