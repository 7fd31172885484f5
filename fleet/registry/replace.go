package registry

import (
	"context"
	"time"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Binding says what became of the patient of a pump that was replaced.
type Binding string

// The bindings of a replacement. Pending is an expectation: nothing is in a
// patient because a replacement says so, and nothing is programmed by it.
const (
	BindingNone    Binding = "none"    // the old pump had no patient
	BindingPending Binding = "pending" // the patient of the old pump is expected to get the new one
	BindingBound   Binding = "bound"   // and has it
)

// Link is one step of a chain of replacements.
type Link struct {
	ID           int64
	Old, New     int64 // pumps
	OldSerial    string
	NewSerial    string
	PatientToken string // "" if there was none
	Binding      Binding
	Reason       string
	At           time.Time
	By           string
}

// Replace links an explanted pump to the one that took its place at the same
// site. The patient that the old pump was in last goes over as a pending binding
// only; Bind, an act of its own, makes it one. Doses are never carried over.
// Errors: Conflict if either pump is linked already or in no state for it.
func (s *Service) Replace(ctx context.Context, actor auth.Actor, old, next int64, why string) (Link, error) {
	why, err := reason(why)
	if err != nil {
		return Link{}, err
	}
	if old == next {
		return Link{}, errs.InvalidField("new", "A pump cannot replace itself.")
	}
	var l Link
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		was, is, err := s.lockPair(ctx, tx, actor, old, next)
		if err != nil {
			return err
		}
		switch {
		case was.Status != Explanted && was.Status != Retired:
			return errs.Conflictf("Pump %s is %s. Record its explant first.", was.Serial, was.Status)
		case is.Status == Explanted || is.Status == Retired:
			return errs.Conflictf("Pump %s is %s and cannot take another one's place.", is.Serial, is.Status)
		}
		l = Link{Old: old, New: next, OldSerial: was.Serial, NewSerial: is.Serial, Binding: BindingNone, Reason: why, At: s.Now(), By: actor.String()}
		if err := insertReplacement(ctx, tx, &l); err != nil {
			return err
		}
		return s.note(ctx, tx, actor, "pump.replace", why, map[string]string{"old": was.Serial, "new": is.Serial, "binding": string(l.Binding)}, was, is)
	})
	if err != nil {
		return Link{}, err
	}
	return l, nil
}

// UndoReplace takes back the link of an old pump, which was a mistake. Both pumps'
// records say so. A patient that has been bound since stays bound: Unbind is an
// act of its own.
func (s *Service) UndoReplace(ctx context.Context, actor auth.Actor, old int64, why string) error {
	why, err := reason(why)
	if err != nil {
		return err
	}
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		// Whom to lock is known before the locks are held; the link is ended under them.
		next, err := replacementOf(ctx, tx, old)
		if err != nil {
			return err
		}
		if next == 0 {
			was, err := lockPump(ctx, tx, old)
			if err != nil {
				return err
			}
			if err := may(actor, was.Site, "pump", auth.Engineer); err != nil {
				return err
			}
			return errs.Conflictf("Pump %s is not linked to a replacement.", was.Serial)
		}
		was, is, err := s.lockPair(ctx, tx, actor, old, next)
		if err != nil {
			return err
		}
		switch ended, err := endReplacement(ctx, tx, old, why, s.Now()); {
		case err != nil:
			return err
		case ended != next:
			return errs.Conflictf("Somebody has just changed the replacement of pump %s. Look again.", was.Serial)
		}
		return s.note(ctx, tx, actor, "pump.replace_undo", why, map[string]string{"old": was.Serial, "new": is.Serial}, was, is)
	})
}

// note raises the revisions of pumps and puts one act into the record of each.
func (s *Service) note(ctx context.Context, tx *postgres.Tx, actor auth.Actor, kind, why string, payload any, pumps ...Pump) error {
	for _, p := range pumps {
		if err := s.changed(ctx, tx, p.ID); err != nil {
			return err
		}
		if err := audit.Append(ctx, tx, audit.Entry{Kind: kind, Actor: actor.String(), Object: object("pump", p.ID), Reason: why, Site: p.Site, Pump: p.ID, Payload: payload}); err != nil {
			return err
		}
	}
	return nil
}

// lockPair locks two pumps of a site that the actor may change, in id order.
func (s *Service) lockPair(ctx context.Context, tx *postgres.Tx, actor auth.Actor, a, b int64) (pa, pb Pump, err error) {
	lock := func(id int64, to *Pump) error {
		if *to, err = lockPump(ctx, tx, id); err != nil {
			return err
		}
		return may(actor, to.Site, "pump", auth.Engineer)
	}
	first, second := func() error { return lock(a, &pa) }, func() error { return lock(b, &pb) }
	if a > b {
		first, second = second, first
	}
	if err := first(); err != nil {
		return pa, pb, err
	}
	if err := second(); err != nil {
		return pa, pb, err
	}
	if pa.Site != pb.Site {
		return pa, pb, errs.Conflictf("Pumps %s and %s belong to different sites.", pa.Serial, pb.Serial)
	}
	return pa, pb, nil
}

// Chain returns the replacements that a pump is part of, oldest first; all of
// them are at its site.
func (s *Service) Chain(ctx context.Context, scope auth.Scope, pump int64) ([]Link, error) {
	if _, err := s.Pump(ctx, scope, pump); err != nil {
		return nil, err
	}
	return chain(ctx, s.DB, pump)
}

// PatientOf returns the patient that a pump is in: its number and its token, 0 and
// "" if it is in none.
func (s *Service) PatientOf(ctx context.Context, scope auth.Scope, pump int64) (id int64, token string, err error) {
	if _, err := s.Pump(ctx, scope, pump); err != nil {
		return 0, "", err
	}
	return patientIn(ctx, s.DB, pump)
}
