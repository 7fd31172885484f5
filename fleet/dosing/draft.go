package dosing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cisterna/fleet/refusal"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// ReturnKept is how long its proposer may take up an order that blind entries sent back.
// It is as long as the longest-lived order, a visit, could have waited for the pump: what
// was asked for before that is an answer to a patient of another month.
const ReturnKept = 30 * 24 * time.Hour

// SaveDraft keeps a wish that is not proposed yet: a new one for id 0, else one's
// own draft.
func (s *Service) SaveDraft(ctx context.Context, actor auth.Actor, on, id int64, w Wish) (Order, error) {
	p, err := s.Registry.Pump(ctx, actor.Scope(), on)
	if err != nil {
		return Order{}, err
	}
	if err := may(actor, p.Site, "pump", proposers...); err != nil {
		return Order{}, err
	}
	if id != 0 {
		return s.change(ctx, actor, id, func(_ *postgres.Tx, o *Order) (audit.Entry, string, error) {
			if o.State != Draft || o.Proposer.ID != actor.ID || o.Pump != on {
				return audit.Entry{}, "", refusal.Conflict(refusal.Step, "Only the proposer changes a draft, and only for its pump.")
			}
			if o.late(s.Now()) {
				return audit.Entry{}, "", errLate(o)
			}
			o.Wish, o.Act = w, w.Act
			return audit.Entry{Kind: "order.draft", Payload: w}, "draft changed", nil
		})
	}
	o := Order{Pump: on, Site: p.Site, Act: w.Act, State: Draft, Wish: w, Proposer: personOf(actor), CreatedAt: s.Now()}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := insertOrder(ctx, tx, &o); err != nil {
			return err
		}
		return s.finish(ctx, tx, actor, &o, "", audit.Entry{Kind: "order.draft", Payload: w}, "draft")
	})
	return o, err
}

// DiscardDraft ends one's own draft, one that blind entries sent back too, which
// nobody else can end. Nothing of it is signed, and no pump has heard of it.
func (s *Service) DiscardDraft(ctx context.Context, actor auth.Actor, id int64) (Order, error) {
	o, err := s.Get(ctx, actor.Scope(), id)
	if err != nil {
		return Order{}, err
	}
	if err := may(actor, o.Site, "order", proposers...); err != nil {
		return Order{}, err
	}
	return s.change(ctx, actor, id, func(_ *postgres.Tx, o *Order) (audit.Entry, string, error) {
		if o.State != Draft || o.Proposer.ID != actor.ID {
			return audit.Entry{}, "", refusal.Conflict(refusal.Step, "Only its author discards a draft. What is proposed is withdrawn.")
		}
		o.State = Withdrawn
		return audit.Entry{Kind: "order.discard"}, "discarded by its author", nil
	})
}

// errLate says that what came back can be taken up no more.
func errLate(o *Order) error {
	return refusal.New(errs.Conflict, refusal.Step, "Order %d came back and could be taken up until %s. Propose it anew.", o.ID, o.ExpiresAt.UTC().Format(time.RFC3339))
}

// late reports whether an order that came back can be taken up no more.
func (o *Order) late(now time.Time) bool {
	return o.State == Draft && !o.ExpiresAt.IsZero() && !now.Before(o.ExpiresAt)
}

// lateReturns discards what came back and nobody took up, as its author would.
func (s *Service) lateReturns(ctx context.Context) error {
	ids, err := lateReturns(ctx, s.DB, s.Now())
	if err != nil {
		return err
	}
	for _, id := range ids {
		_, err := s.change(ctx, auth.System("dosing"), id, func(_ *postgres.Tx, o *Order) (audit.Entry, string, error) {
			if !o.late(s.Now()) {
				return audit.Entry{}, "", errMoved
			}
			o.State, o.Detail = Withdrawn, fmt.Sprintf("It came back, and its author did not take it up within %d days", ReturnKept/(24*time.Hour))
			return audit.Entry{Kind: "order.discard", Reason: o.Detail}, o.Detail, nil
		})
		if err != nil && !errors.Is(err, errMoved) {
			return fmt.Errorf("order %d: %w", id, err)
		}
	}
	return nil
}
