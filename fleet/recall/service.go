package recall

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/fleet/alarm"
	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Service keeps recalls. It is safe for concurrent use.
type Service struct {
	db     *sqlx.DB
	alarms *alarm.Service
	now    func() time.Time
}

// New returns a service on db. Its Known must be the registry's, or new pumps are
// not judged.
func New(db *sqlx.DB, alarms *alarm.Service, now func() time.Time) *Service {
	return &Service{db: db, alarms: alarms, now: now}
}

// alarmCode is the catalogue's code of a device that is called back.
const alarmCode = "RECALL"

func object(id int64) string { return fmt.Sprintf("recall:%d", id) }

// Found is a device and what a notice says of it.
type Found struct {
	Target
	Serial     string
	Site       int64
	ServesPump int64 // of a communicator: the pump that it serves now
	Judgement
}

func foundPump(p registry.Pump, j Judgement) Found {
	return Found{Target: Pump(p.ID), Serial: p.Serial, Site: p.Site, Judgement: j}
}

func foundCommunicator(c registry.Communicator, j Judgement) Found {
	return Found{Target: Communicator(c.Serial), Serial: c.Serial, Site: c.Site, ServesPump: c.Pump, Judgement: j}
}

// judgeAll judges every device of the notice's kind that is not retired.
func judgeAll(ctx context.Context, tx *postgres.Tx, n Notice, f func(Found)) error {
	if n.Device == Communicators {
		return registry.EachCommunicatorTx(ctx, tx, func(c registry.Communicator) error {
			// One without a site was paired with no pump that is left, and nobody sees it.
			if c.Status != registry.CommRetired && c.Site != 0 {
				f(foundCommunicator(c, n.JudgeCommunicator(c)))
			}
			return nil
		})
	}
	return registry.EachPumpTx(ctx, tx, func(p registry.Pump) error {
		if p.Status != registry.Retired {
			f(foundPump(p, n.Judge(n.Maker, p)))
		}
		return nil
	})
}

// Create records a notice and judges every device of its kind by it, in one transaction. Any
// engineer may: a notice that one site has read concerns all. Errors: Invalid
// (names the field), Denied, Conflict if the maker's reference is known.
func (s *Service) Create(ctx context.Context, actor auth.Actor, n Notice) (Recall, error) {
	if !actor.HasAnywhere(auth.Engineer) {
		return Recall{}, errs.Deniedf("Only biomedical engineers record recalls.")
	}
	n, err := n.check(s.now())
	if err != nil {
		return Recall{}, err
	}
	var id int64
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		// Registrations that are under way end first, and those that begin later
		// find the notice: see Known.
		if err := lockMatching(ctx, tx, true); err != nil {
			return err
		}
		if id, err = insertRecall(ctx, tx, n, actor.String(), s.now()); err != nil {
			return err
		}
		var found []Found
		if err := judgeAll(ctx, tx, n, func(f Found) {
			if f.Verdict != Excluded {
				found = append(found, f)
			}
		}); err != nil {
			return err
		}
		payload := struct {
			Notice
			Found int `json:"found"`
		}{n, len(found)}
		if err := audit.Append(ctx, tx, audit.Entry{Kind: "recall.create", Actor: actor.String(), Object: object(id), Payload: payload}); err != nil {
			return err
		}
		return s.add(ctx, tx, actor, id, n, found)
	})
	if err != nil {
		return Recall{}, err
	}
	return s.Get(ctx, actor.Scope(), id)
}

// MostOut is how many devices that a notice does not concern are listed with the
// reason; the others are counted.
const MostOut = 200

// Survey is what a notice finds at somebody's sites.
type Survey struct {
	Found    []Found // match or may match
	Out      []Found // the first MostOut that do not, with the reason
	OutTotal int
}

// Preview judges the devices of the actor's sites by a notice that is not recorded,
// or by one that is: which match or may match, and why the others do not.
func (s *Service) Preview(ctx context.Context, actor auth.Actor, n Notice) (found Survey, err error) {
	if !actor.HasAnywhere(auth.Engineer) {
		return Survey{}, errs.Deniedf("Only biomedical engineers record recalls.")
	}
	if n.Maker, err = registry.Text("maker", n.Maker, 60, true); err != nil {
		return Survey{}, err
	}
	if n.Device, n.Criteria, err = checkCriteria(n.Device, n.Criteria); err != nil {
		return Survey{}, err
	}
	scope := actor.Scope()
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		return judgeAll(ctx, tx, n, func(f Found) {
			switch {
			case !scope.Allows(f.Site):
			case f.Verdict == Excluded:
				found.OutTotal++
				if len(found.Out) < MostOut {
					found.Out = append(found.Out, f)
				}
			default:
				found.Found = append(found.Found, f)
			}
		})
	})
	return found, err
}

// Known judges pumps that were registered, or of which new facts are noted, by
// all open recalls, in the caller's transaction: registry.Options.Known. A pump
// that is on a list stays as it is there.
func (s *Service) Known(ctx context.Context, tx *postgres.Tx, actor auth.Actor, pumps []registry.Pump) error {
	if err := lockMatching(ctx, tx, false); err != nil {
		return err
	}
	open, err := openRecalls(ctx, tx, Pumps)
	if err != nil {
		return err
	}
	for _, r := range open {
		var found []Found
		for _, p := range pumps {
			if j := r.Judge(r.Maker, p); j.Verdict != Excluded {
				found = append(found, foundPump(p, j))
			}
		}
		if err := s.add(ctx, tx, actor, r.ID, r.Notice, found); err != nil {
			return fmt.Errorf("judge by recall %d: %w", r.ID, err)
		}
	}
	return nil
}

// KnownCommunicators judges communicators that were registered or enrolled by all
// open recalls, in the caller's transaction: registry.Options.KnownCommunicators.
// One that came to another site takes its entries with it.
func (s *Service) KnownCommunicators(ctx context.Context, tx *postgres.Tx, actor auth.Actor, list []registry.Communicator) error {
	if err := lockMatching(ctx, tx, false); err != nil {
		return err
	}
	for _, c := range list {
		if err := moveCommunicator(ctx, tx, c.Serial, c.Site); err != nil {
			return err
		}
	}
	open, err := openRecalls(ctx, tx, Communicators)
	if err != nil {
		return err
	}
	for _, r := range open {
		var found []Found
		for _, c := range list {
			if j := r.JudgeCommunicator(c); j.Verdict != Excluded {
				found = append(found, foundCommunicator(c, j))
			}
		}
		if err := s.add(ctx, tx, actor, r.ID, r.Notice, found); err != nil {
			return fmt.Errorf("judge by recall %d: %w", r.ID, err)
		}
	}
	return nil
}

// add puts devices on a recall's list, those that are not on it yet, with a leaf
// and, if they match, an alarm for each.
func (s *Service) add(ctx context.Context, tx *postgres.Tx, actor auth.Actor, id int64, n Notice, found []Found) error {
	fresh, err := insertDevices(ctx, tx, id, found, actor.String(), s.now())
	if err != nil || len(fresh) == 0 {
		return err
	}
	leaves := make([]audit.Entry, 0, len(fresh))
	for _, f := range fresh {
		leaves = append(leaves, audit.Entry{
			Kind: "recall.match", Actor: actor.String(), Object: object(id), Reason: n.Reference + ": " + f.Why, Site: f.Site, Pump: f.Pump, Device: f.Comm,
			Payload: map[string]string{"verdict": string(f.Verdict), "maker": n.Maker, "reference": n.Reference},
		})
	}
	if _, err := audit.AppendBatch(ctx, tx, leaves); err != nil {
		return err
	}
	for _, f := range fresh {
		if f.Verdict == Matches {
			if err := s.raise(ctx, tx, id, n, f.Target, f.Site); err != nil {
				return err
			}
		}
	}
	return nil
}

// raise gives a pump the alarm of a recall. A pump that is out of its patient has
// none, nor has a communicator: the list is what is left to do about it.
func (s *Service) raise(ctx context.Context, tx *postgres.Tx, id int64, n Notice, t Target, site int64) error {
	if t.Pump == 0 {
		return nil
	}
	out, err := isOut(ctx, tx, t.Pump)
	if err != nil || out {
		return err
	}
	_, _, err = s.alarms.RaiseTx(ctx, tx, alarm.Raise{
		Pump: t.Pump, Site: site, Code: alarmCode, Source: alarm.SourceServer, Instance: instance(id), At: s.now(), Actor: auth.System("recall"),
		Detail: map[string]string{"reference": n.Reference, "maker": n.Maker, "class": string(n.Severity), "title": n.Title},
	})
	return err
}

func (s *Service) clear(ctx context.Context, tx *postgres.Tx, id int64, t Target, site int64, why string) error {
	if t.Pump == 0 {
		return nil
	}
	_, err := s.alarms.ClearTx(ctx, tx, alarm.Clear{
		Pump: t.Pump, Site: site, Code: alarmCode, Source: alarm.SourceServer, Instance: instance(id), At: s.now(), Actor: auth.System("recall"),
		Detail: map[string]string{"because": why},
	})
	return err
}

func instance(id int64) string { return fmt.Sprintf("recall-%d", id) }

// End closes or withdraws a recall. It can be closed when no device is left to
// look after, at any site; withdrawing ends the alarms of all devices and says
// why. Engineers of every site that has devices on the list may do it, and only
// they: somebody who does not see them all cannot judge.
func (s *Service) End(ctx context.Context, actor auth.Actor, id int64, to State, why string) (Recall, error) {
	why, err := registry.Text("reason", why, 300, true)
	if err != nil {
		return Recall{}, err
	}
	if to != Closed && to != Withdrawn {
		return Recall{}, errs.InvalidField("state", "A recall is closed or withdrawn.")
	}
	err = s.change(ctx, actor, id, func(tx *postgres.Tx, r Recall) (audit.Entry, error) {
		// No registration is about to add one.
		if err := lockMatching(ctx, tx, true); err != nil {
			return audit.Entry{}, err
		}
		devices, err := devicesOf(ctx, tx, id, auth.Scope{All: true})
		if err != nil {
			return audit.Entry{}, err
		}
		for _, d := range devices {
			if !actor.Has(d.Site, auth.Engineer) {
				return audit.Entry{}, errs.Deniedf("The list has devices of sites where you are no engineer. Finish your own; who sees all of them ends the recall.")
			}
			if to == Closed && (d.State == DeviceOpen || d.State == DeviceCheck) {
				return audit.Entry{}, errs.Conflictf("There are devices left to look after. Close or remove each of them first.")
			}
			if d.State == DeviceOpen {
				if err := s.clear(ctx, tx, id, d.Target, d.Site, "the recall was "+string(to)); err != nil {
					return audit.Entry{}, err
				}
			}
		}
		kind := map[State]string{Closed: "recall.close", Withdrawn: "recall.withdraw"}[to]
		return audit.Entry{Kind: kind, Reason: why, Payload: map[string]int{"devices": len(devices)}}, updateState(ctx, tx, id, to, why, actor.String(), s.now())
	})
	if err != nil {
		return Recall{}, err
	}
	return s.Get(ctx, actor.Scope(), id)
}

// change is what all acts on an open recall share.
func (s *Service) change(ctx context.Context, actor auth.Actor, id int64, step func(*postgres.Tx, Recall) (audit.Entry, error)) error {
	if !actor.HasAnywhere(auth.Engineer) {
		return errs.Deniedf("Only biomedical engineers work on recalls.")
	}
	return postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		r, err := lockRecall(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.State != Open {
			return errs.Conflictf("Recall %s was %s.", r.Reference, r.State)
		}
		e, err := step(tx, r)
		if err != nil {
			return err
		}
		e.Actor, e.Object = actor.String(), object(id)
		return audit.Append(ctx, tx, e)
	})
}

// Get returns a recall with the counts of what the reader may see, or
// errs.NotFound.
func (s *Service) Get(ctx context.Context, scope auth.Scope, id int64) (Recall, error) {
	list, err := recalls(ctx, s.db, scope, id)
	if err == nil && len(list) == 0 {
		err = errs.NotFoundf("There is no such recall.")
	}
	if err != nil {
		return Recall{}, err
	}
	return list[0], nil
}

// List returns all recalls, open ones first, then newest first.
func (s *Service) List(ctx context.Context, scope auth.Scope) ([]Recall, error) {
	return recalls(ctx, s.db, scope, 0)
}

// Devices returns the list of a recall as far as the reader may see it, what is
// to be done first.
func (s *Service) Devices(ctx context.Context, scope auth.Scope, id int64) ([]Device, error) {
	if _, err := s.Get(ctx, scope, id); err != nil {
		return nil, err
	}
	return s.withContacts(ctx, id, scope)
}

// OfPump returns the entries that a pump has in recalls, newest first.
func (s *Service) OfPump(ctx context.Context, scope auth.Scope, pump int64) ([]Device, []Recall, error) {
	devices, err := devicesOfPump(ctx, s.db, scope, pump)
	return s.withRecalls(ctx, scope, devices, err)
}

// OfCommunicator returns the entries that a communicator has in recalls, newest
// first.
func (s *Service) OfCommunicator(ctx context.Context, scope auth.Scope, serial string) ([]Device, []Recall, error) {
	devices, err := devicesOfCommunicator(ctx, s.db, scope, serial)
	return s.withRecalls(ctx, scope, devices, err)
}

// RecalledCommunicators returns the communicators in scope that an open recall
// still has on its list.
func (s *Service) RecalledCommunicators(ctx context.Context, scope auth.Scope) (map[string]bool, error) {
	return recalledCommunicators(ctx, s.db, scope)
}

// withRecalls reads the recall of each entry.
func (s *Service) withRecalls(ctx context.Context, scope auth.Scope, devices []Device, err error) ([]Device, []Recall, error) {
	if err != nil {
		return nil, nil, err
	}
	list := make([]Recall, len(devices))
	for i, d := range devices {
		if list[i], err = s.Get(ctx, scope, d.Recall); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("recall %d of an entry", d.Recall), err)
		}
	}
	return devices, list, nil
}

// oneLine makes a reason of several lines one, for leaves.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
