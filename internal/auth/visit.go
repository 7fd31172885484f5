package auth

import (
	"context"
	"fmt"
	"time"

	"cisterna/internal/audit"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Visit is the lock of a session to one patient: while it lasts, the session sees
// and touches no other patient's pump.
type Visit struct {
	Patient int64
	Since   time.Time
	Until   time.Time
}

// VisitLife is how long a session stays locked to a patient (DESIGN.md 6).
const VisitLife = 60 * time.Minute

// BeginVisit locks a session to a patient. The caller has made sure that the
// person sees the patient. It returns an error of kind Conflict if the session is
// locked to another one.
func (s *Service) BeginVisit(ctx context.Context, actor Actor, session Session, patient, site, pump int64) (Visit, error) {
	v := Visit{Patient: patient, Since: s.now(), Until: s.now().Add(VisitLife)}
	if session.ExpiresAt.Before(v.Until) {
		v.Until = session.ExpiresAt
	}
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		ok, err := lockVisit(ctx, tx, session.ID, v, s.now())
		if err != nil {
			return err
		}
		if !ok {
			return errs.Conflictf("This session is locked to a patient already. End that visit first.")
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "auth.visit_begin", Actor: actor.String(), Object: fmt.Sprintf("patient:%d", patient), Site: site, Pump: pump,
			Payload: map[string]any{"session": session.ID, "until": v.Until.UTC()},
		})
	})
	if err != nil {
		return Visit{}, fmt.Errorf("lock a session to a patient: %w", err)
	}
	return v, nil
}

// EndVisit unlocks a session. It is no error if it was not locked.
func (s *Service) EndVisit(ctx context.Context, actor Actor, session Session) error {
	if session.Visit == nil {
		return nil
	}
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := unlockVisit(ctx, tx, session.ID); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "auth.visit_end", Actor: actor.String(), Object: fmt.Sprintf("patient:%d", session.Visit.Patient), Payload: map[string]any{"session": session.ID},
		})
	})
	if err != nil {
		return fmt.Errorf("unlock a session: %w", err)
	}
	return nil
}
