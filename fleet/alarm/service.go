package alarm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/event"
	"cisterna/internal/postgres"
)

// Service raises, clears and acknowledges alarms. It is safe for concurrent use.
type Service struct {
	db  *sqlx.DB
	dir *registry.Directory
	now func() time.Time

	mu     sync.Mutex // makes Seq and the order of publication agree
	seq    uint64
	events event.Bus[Changed]
}

// New returns a service on db. dir says which pumps are gone.
func New(db *sqlx.DB, dir *registry.Directory, now func() time.Time) *Service {
	return &Service{db: db, dir: dir, now: now}
}

// Events tells of committed changes made through this process.
func (s *Service) Events() *event.Bus[Changed] { return &s.events }

// Seq returns the number of the last change published.
func (s *Service) Seq() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seq
}

// tell makes a change known once it is committed. When nobody knows whether it
// is, everybody reads afresh: an alarm that the database has must not stay unseen
// because its answer was lost.
func (s *Service) tell(tx *postgres.Tx, c Change, a Alarm) {
	tx.OnCommit(func() { s.publish(c, a) })
	tx.OnDoubt(s.events.Miss)
}

func (s *Service) publish(c Change, a Alarm) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	s.events.Publish(Changed{Seq: s.seq, Change: c, Alarm: a})
}

// maxTries bounds how often a raise starts over because others opened and cleared
// the same alarm in between.
const maxTries = 10

// RaiseTx raises an alarm in the caller's transaction and returns it with whether
// it is new. An alarm that is open already counts one more; one that was overtaken by
// its own clear is kept as over. Errors mean that the transaction must roll back.
func (s *Service) RaiseTx(ctx context.Context, tx *postgres.Tx, r Raise) (Alarm, bool, error) {
	if err := r.check(); err != nil {
		return Alarm{}, false, err
	}
	for range maxTries {
		a, isNew, err := s.raise(ctx, tx, r)
		if !errors.Is(err, errRaced) {
			if err != nil {
				err = fmt.Errorf("raise %s of pump %d: %w", r.Code, r.Pump, err)
			}
			return a, isNew, err
		}
	}
	return Alarm{}, false, fmt.Errorf("raise %s of pump %d: others keep opening and clearing it", r.Code, r.Pump)
}

// errRaced says that another transaction opened the alarm first.
var errRaced = errors.New("raced")

func (s *Service) raise(ctx context.Context, tx *postgres.Tx, r Raise) (Alarm, bool, error) {
	h := Happened{At: r.At, DeviceAt: r.DeviceAt, Actor: r.Actor.String(), Detail: r.Detail, Pos: r.Pos}
	prev, found, err := latest(ctx, tx, r.Pump, r.Code, r.Instance, r.Source)
	if err != nil {
		return Alarm{}, false, err
	}
	var next Alarm
	kind, noted := "", true
	switch {
	case found && r.Pos != wire.Position{} && r.Pos == prev.pos:
		return prev, false, nil // the same record again
	case found && prev.late(r.Pos):
		h.Change, next = ChangeLate, prev.overtaken(r)
		if prev.Count == 0 {
			kind = "alarm.raise"
		}
	case found && prev.State.Open():
		h.Change = ChangeRepeated
		if next, noted = prev.again(r); next.Priority > prev.Priority {
			kind = "alarm.raise"
		}
	default:
		h.Change, next, kind, prev = ChangeRaised, begin(r), "alarm.raise", Alarm{}
		ok, err := insert(ctx, tx, &next)
		if err != nil {
			return Alarm{}, false, err
		}
		if !ok {
			return Alarm{}, false, errRaced
		}
	}
	if h.Change != ChangeRaised {
		if err := update(ctx, tx, next); err != nil {
			return Alarm{}, false, err
		}
	}
	if !noted {
		return next, false, nil
	}
	if err := remember(ctx, tx, prev, next, h, r.Evidence); err != nil {
		return Alarm{}, false, err
	}
	if next.Priority == wire.PriorityHigh && prev.Priority != wire.PriorityHigh {
		raise := registry.RaiseFacts
		if next.forVisit() {
			raise = registry.RaiseForVisit
		}
		if err := raise(ctx, tx, r.Pump); err != nil {
			return Alarm{}, false, err
		}
	}
	if kind != "" && next.Priority >= wire.PriorityMedium {
		if err := audit.Append(ctx, tx, leaf(kind, next, h, r.Link, r.Evidence)); err != nil {
			return Alarm{}, false, err
		}
	}
	s.tell(tx, h.Change, next)
	return next, h.Change == ChangeRaised, nil
}

// ClearTx ends a condition in the caller's transaction and reports whether an
// open alarm ended. A clear that finds none is kept in the history: a gap may
// have eaten the raise. One that is repeated leaves no trace then.
func (s *Service) ClearTx(ctx context.Context, tx *postgres.Tx, c Clear) (bool, error) {
	if err := c.check(); err != nil {
		return false, err
	}
	cleared, err := s.clear(ctx, tx, c)
	if err != nil {
		return false, fmt.Errorf("clear %s of pump %d: %w", c.Code, c.Pump, err)
	}
	return cleared, nil
}

func (s *Service) clear(ctx context.Context, tx *postgres.Tx, c Clear) (bool, error) {
	h := Happened{Change: ChangeCleared, At: c.At, DeviceAt: c.DeviceAt, Actor: c.Actor.String(), Detail: c.Detail, Pos: c.Pos}
	prev, found, err := latest(ctx, tx, c.Pump, c.Code, c.Instance, c.Source)
	if err != nil {
		return false, err
	}
	next, open := prev, false
	switch {
	case found && c.Pos != wire.Position{} && c.Pos == prev.pos:
		return false, nil // the same record again
	case found && prev.late(c.Pos):
		h.Change = ChangeLate
		next.Rev++
		next.noted = c.At
	case found && prev.State.Open():
		next, open = prev.ended(c), true
	case c.Source == SourceServer || c.Repeated:
		return false, nil // the server knows what it raised, and the pump ended nothing now
	default:
		prev, next = Alarm{}, lone(c)
		if _, err := insert(ctx, tx, &next); err != nil {
			return false, err
		}
	}
	if prev.ID != 0 {
		if err := update(ctx, tx, next); err != nil {
			return false, err
		}
	}
	if err := remember(ctx, tx, prev, next, h, c.Evidence); err != nil {
		return false, err
	}
	if h.Change == ChangeCleared && next.Priority >= wire.PriorityMedium {
		if err := audit.Append(ctx, tx, leaf("alarm.clear", next, h, c.Link, c.Evidence)); err != nil {
			return false, err
		}
	}
	s.tell(tx, h.Change, next)
	return open, nil
}

// ackRoles may say that they know of an alarm: those who care for pumps and
// patients, not those who only read or administer.
var ackRoles = []auth.Role{auth.Engineer, auth.Prescriber, auth.Verifier, auth.Nurse, auth.Pharmacist}

// Acknowledge says that actor knows of the alarm. A high one needs a note. It
// does not clear the alarm and does not silence the pump. Acknowledging twice
// changes nothing and returns the alarm as the first one left it. Errors:
// NotFound, Denied, Invalid (field note).
func (s *Service) Acknowledge(ctx context.Context, actor auth.Actor, id int64, note string) (Alarm, error) {
	return s.act(ctx, actor, id, ackRoles, func(tx *postgres.Tx, prev Alarm) (Alarm, Happened, error) {
		now := s.now()
		next, changed, err := prev.acknowledged(actor, note, now)
		if err != nil || !changed {
			return prev, Happened{}, err
		}
		return next, Happened{Change: ChangeAcknowledged, At: now, Actor: actor.String(), Note: next.AckNote}, nil
	})
}

// Close ends an alarm of a pump that was explanted or retired and will never
// clear it itself. Errors: NotFound, Denied, Invalid, and Conflict for any other
// pump.
func (s *Service) Close(ctx context.Context, actor auth.Actor, id int64, note string) (Alarm, error) {
	return s.act(ctx, actor, id, []auth.Role{auth.Engineer}, func(tx *postgres.Tx, prev Alarm) (Alarm, Happened, error) {
		if !prev.State.Open() {
			return prev, Happened{}, nil
		}
		if p, ok := s.dir.ByID(prev.Pump); !ok || p.Status != registry.Explanted && p.Status != registry.Retired {
			return prev, Happened{}, errs.Conflictf("Only the pump itself ends this alarm. People may end alarms of pumps that are explanted or retired.")
		}
		if note == "" || len(note) > maxNote || note != clean(note) {
			return prev, Happened{}, errs.InvalidField("note", "Say in at most %d bytes why the alarm is over.", maxNote)
		}
		now := s.now()
		next := prev.ended(Clear{At: now, Pos: prev.pos})
		return next, Happened{Change: ChangeClosed, At: now, Actor: actor.String(), Note: note}, nil
	})
}

// Note writes something down about an alarm. It says nothing about who looks
// after it, and an alarm that is over may still get notes. Errors: NotFound,
// Denied, Invalid (field note).
func (s *Service) Note(ctx context.Context, actor auth.Actor, id int64, note string) (Alarm, error) {
	note = strings.TrimSpace(note)
	return s.act(ctx, actor, id, ackRoles, func(_ *postgres.Tx, prev Alarm) (Alarm, Happened, error) {
		if note == "" || len(note) > maxNote || note != clean(note) {
			return prev, Happened{}, errs.InvalidField("note", "Write at most %d bytes, and something.", maxNote)
		}
		next := prev
		next.Rev++
		return next, Happened{Change: ChangeNoted, At: s.now(), Actor: actor.String(), Note: note}, nil
	})
}

// GoneTx ends, in the caller's transaction, all alarms of a pump that is out of
// its patient or out of service and will never clear them itself.
func (s *Service) GoneTx(ctx context.Context, tx *postgres.Tx, actor auth.Actor, pump int64, why string) error {
	return s.end(ctx, tx, actor, pump, why, func(Alarm) bool { return true })
}

// ofLink are the server's alarms that mean nothing of a pump without a link, or that
// nothing but its reports could end. COMM_LOST is not among them: whoever raises it ends
// it then.
var ofLink = []string{"BATT_LOW", "LIB_STALE", "KEYSET_ENDS", "HARD_LIMIT", "DRUG_NOT_IN_LIB"}

// UnheardTx ends, in the caller's transaction, what a pump itself raised before
// people began to read it by hand: its link is gone, and with it the only one who
// could say that it is over. So does what the server said of the link, its battery and
// the documents that only it brings, and that the program it reported is not within the
// drug library: what a person reads by hand is not compared with that. The server's other
// alarms stay.
func (s *Service) UnheardTx(ctx context.Context, tx *postgres.Tx, actor auth.Actor, pump int64, why string) error {
	return s.end(ctx, tx, actor, pump, why, func(a Alarm) bool {
		return a.Source == SourcePump || a.Source == SourceServer && slices.Contains(ofLink, a.Code)
	})
}

// OverTx ends, in the caller's transaction, all of the server's alarms of a code
// that a pump has, whatever they are about, because something happened that settles
// them.
func (s *Service) OverTx(ctx context.Context, tx *postgres.Tx, actor auth.Actor, pump int64, code, why string) error {
	return s.end(ctx, tx, actor, pump, why, func(a Alarm) bool { return a.Code == code && a.Source == SourceServer })
}

func (s *Service) end(ctx context.Context, tx *postgres.Tx, actor auth.Actor, pump int64, why string, which func(Alarm) bool) error {
	open, err := lockOpen(ctx, tx, pump)
	if err != nil {
		return fmt.Errorf("alarms of pump %d: %w", pump, err)
	}
	for _, prev := range open {
		if !which(prev) {
			continue
		}
		now := s.now()
		next := prev.ended(Clear{At: now, Pos: prev.pos})
		h := Happened{Change: ChangeClosed, At: now, Actor: actor.String(), Note: why}
		if err := update(ctx, tx, next); err != nil {
			return err
		}
		if err := remember(ctx, tx, prev, next, h, nil); err != nil {
			return err
		}
		if err := audit.Append(ctx, tx, leaf("alarm.close", next, h, "", nil)); err != nil {
			return err
		}
		s.tell(tx, h.Change, next)
	}
	return nil
}

// act is what acknowledging, noting and closing share. A step without a change leaves no
// trace.
func (s *Service) act(ctx context.Context, actor auth.Actor, id int64, roles []auth.Role, step func(*postgres.Tx, Alarm) (Alarm, Happened, error)) (Alarm, error) {
	var next Alarm
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		prev, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		if !actor.Scope().Allows(prev.Site) {
			return errs.NotFoundf("There is no such alarm.")
		}
		if !actor.Has(prev.Site, roles...) {
			return errs.Deniedf("None of your roles at this site may do that with an alarm.")
		}
		var h Happened
		if next, h, err = step(tx, prev); err != nil || h.Change == "" {
			return err
		}
		if err := update(ctx, tx, next); err != nil {
			return err
		}
		if err := remember(ctx, tx, prev, next, h, nil); err != nil {
			return err
		}
		s.tell(tx, h.Change, next)
		kind := map[Change]string{ChangeAcknowledged: "alarm.acknowledge", ChangeClosed: "alarm.close", ChangeNoted: "alarm.note"}[h.Change]
		return audit.Append(ctx, tx, leaf(kind, next, h, "", nil))
	})
	if err != nil {
		return Alarm{}, err
	}
	return next, nil
}

// leaf is what the record keeps of a change.
func leaf(kind string, a Alarm, h Happened, link string, evidence []byte) audit.Entry {
	return audit.Entry{
		Kind: kind, Actor: h.Actor, Device: link, Object: fmt.Sprintf("alarm:%d", a.ID), Reason: h.Note,
		DeviceTime: h.DeviceAt, Evidence: evidence, Site: a.Site, Pump: a.Pump,
		Payload: struct {
			Code     string            `json:"code"`
			Instance string            `json:"instance,omitempty"`
			Source   Source            `json:"source"`
			Priority string            `json:"priority"`
			State    State             `json:"state"`
			Count    int64             `json:"count"`
			Epoch    uint64            `json:"epoch,omitempty"`
			Seq      uint64            `json:"seq,omitempty"`
			Detail   map[string]string `json:"detail,omitempty"`
		}{a.Code, a.Instance, a.Source, a.Priority.String(), a.State, a.Count, h.Pos.Epoch, h.Pos.Seq, h.Detail},
	}
}
