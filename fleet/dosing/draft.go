package dosing

import (
	"context"

	"cisterna/fleet/refusal"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

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
