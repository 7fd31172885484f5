package dosing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cisterna/fleet/refusal"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// review is an act of one person that somebody else looks at.
type review struct {
	site, pump, order, letter int64
	what                      string
	by                        Person
	at                        time.Time
}

// reviewWithin is how long that may take (ORDERS.md, Quorum).
const reviewWithin = 24 * time.Hour

// Review is an entry of the list.
type Review struct {
	ID, Site, Pump, Order, Letter int64
	What                          string
	By                            Person
	At, DueAt                     time.Time
	Reviewer                      Person
	ReviewedAt                    time.Time // zero: open
	Agreed                        bool
	Note                          string
}

// Reviews lists acts of one person, those that are due first.
func (s *Service) Reviews(ctx context.Context, scope auth.Scope, open bool) ([]Review, error) {
	return readReviews(ctx, s.DB, scope, open)
}

// Review says that somebody looked at an act of one person.
func (s *Service) Review(ctx context.Context, actor auth.Actor, id int64, agreed bool, note string) (Review, error) {
	if len(note) > 500 || !agreed && note == "" {
		return Review{}, refusal.Invalid("note", "Say what you think of it, in at most 500 characters.")
	}
	var r Review
	err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) (err error) {
		if r, err = lockReview(ctx, tx, id); err != nil {
			return err
		}
		if err := may(actor, r.Site, "review", checkers...); err != nil {
			return err
		}
		if r.By.ID == actor.ID {
			return refusal.Denied(refusal.Second, "You did this. Somebody else looks at it.")
		}
		if !r.ReviewedAt.IsZero() {
			return refusal.Conflict(refusal.Done, "%s has looked at it already.", r.Reviewer.Name)
		}
		r.Reviewer, r.ReviewedAt, r.Agreed, r.Note = personOf(actor), s.Now(), agreed, note
		if err := updateReview(ctx, tx, &r); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "order.review", Actor: actor.String(), Object: object("review", id), Site: r.Site, Pump: r.Pump, Reason: note,
			Payload: map[string]any{"what": r.What, "agreed": agreed, "order": r.Order, "letter": r.Letter},
		})
	})
	return r, err
}

// OnCall is somebody who can be asked to verify.
type OnCall struct {
	ID, Site, User int64
	Name           string
	From, To       time.Time
	Rank           int           // who is asked first, second …
	Wait           time.Duration // without an answer before the next one is asked
}

// OnCalls lists who is on call at the sites in scope from now on.
func (s *Service) OnCalls(ctx context.Context, scope auth.Scope) ([]OnCall, error) {
	return readOnCall(ctx, s.DB, scope, s.Now())
}

// SetOnCall puts somebody with a role that verifies on call.
func (s *Service) SetOnCall(ctx context.Context, actor auth.Actor, c OnCall) (OnCall, error) {
	if err := may(actor, c.Site, "site", checkers...); err != nil {
		return OnCall{}, err
	}
	switch {
	case !c.To.After(c.From) || c.To.Sub(c.From) > 31*24*time.Hour || !c.To.After(s.Now()):
		return OnCall{}, refusal.Invalid("to", "A time on call ends after it begins and in the future, and lasts at most 31 days.")
	case c.Rank < 1 || c.Rank > 9:
		return OnCall{}, refusal.Invalid("rank", "Ranks go from 1, asked first, to 9.")
	case c.Wait < time.Minute || c.Wait > 24*time.Hour:
		return OnCall{}, refusal.Invalid("wait_s", "The next one is asked after 1 minute to 24 hours.")
	}
	roles, err := s.Registry.Roles(ctx, c.User)
	if err != nil {
		return OnCall{}, err
	}
	if other := (auth.Actor{ID: c.User, Roles: roles}); !other.Has(c.Site, auth.Verifier, auth.Pharmacist) {
		return OnCall{}, refusal.Invalid("user", "This person does not verify at the site.")
	}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := insertOnCall(ctx, tx, &c); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Kind: "oncall.set", Actor: actor.String(), Object: object("person", c.User), Site: c.Site, Payload: map[string]any{"from": c.From, "to": c.To, "rank": c.Rank}})
	})
	return c, err
}

// EndOnCall takes somebody off the list.
func (s *Service) EndOnCall(ctx context.Context, actor auth.Actor, id int64) error {
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		c, err := lockOnCall(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := may(actor, c.Site, "time on call", checkers...); err != nil {
			return err
		}
		if err := deleteOnCall(ctx, tx, id); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Kind: "oncall.end", Actor: actor.String(), Object: object("person", c.User), Site: c.Site})
	})
}

// escalate asks the next person on call for an order that waits to be verified, or for
// signatures. Who was asked stands in the order's events and in the live feed.
func (s *Service) escalate(ctx context.Context) error {
	ids, err := unsigned(ctx, s.DB, s.Now())
	if err != nil || len(ids) == 0 {
		return err
	}
	all, err := readOnCall(ctx, s.DB, auth.Scope{All: true}, s.Now())
	if err != nil {
		return err
	}
	for _, id := range ids {
		_, err := s.change(ctx, auth.System("dosing"), id, func(_ *postgres.Tx, o *Order) (audit.Entry, string, error) {
			next := nextOnCall(all, o, s.Now())
			if !o.waits() || next == nil {
				return audit.Entry{}, "", errMoved
			}
			o.Escalated++
			o.Asked, o.AskedAll, o.AskedUntil = next.User, append(o.AskedAll, next.User), s.Now().Add(next.Wait)
			return audit.Entry{Kind: "order.escalate", OldHash: o.Hash[:], Payload: map[string]any{"person": next.User, "rank": o.Escalated}}, fmt.Sprintf("%s is asked to verify", next.Name), nil
		})
		if err != nil && !errors.Is(err, errMoved) {
			return fmt.Errorf("order %d: %w", id, err)
		}
	}
	return nil
}

// nextOnCall returns who is to be asked now: the first in rank of those on call who was
// not asked yet and has not signed, once whoever was asked last had their time. It goes by
// people and not by places in the list, which changes with every shift.
func nextOnCall(all []OnCall, o *Order, now time.Time) *OnCall {
	if now.Before(o.AskedUntil) {
		return nil
	}
	for i := range all { // by rank
		c := &all[i]
		signed := slices.ContainsFunc(o.Approvals, func(a Approval) bool { return a.User == c.User })
		if c.Site == o.Site && c.User != o.Proposer.ID && !signed && !slices.Contains(o.AskedAll, c.User) && !now.Before(c.From) && now.Before(c.To) {
			return c
		}
	}
	return nil
}

// Catch is something that a check kept from happening, or that somebody overrode.
type Catch struct {
	ID, Site, Pump, Order, User int64
	At                          time.Time
	Kind                        string // refused, mismatch, override
	Code                        string
	Detail                      string // people write doses here, and checks say them
	open                        bool   // an order of the pump waits for signatures
}

// Catches lists them, newest first. While an order of the pump waits for signatures,
// whoever may check it reads no details but of what they did themselves.
func (s *Service) Catches(ctx context.Context, actor auth.Actor, since time.Time, limit int) ([]Catch, error) {
	all, err := readCatches(ctx, s.DB, actor.Scope(), since, limit)
	for i := range all {
		if c := &all[i]; c.open && c.User != actor.ID && actor.Has(c.Site, checkers...) {
			c.Detail = ""
		}
	}
	return all, err
}

// Figures are the counts of a report (reference/domain.md 4.4).
type Figures struct {
	Proposed, Applied, Refused, Stale, Withdrawn, Expired int64
	Overrides, Caught, Mismatches                         int64
	Good                                                  int64 // caught or mismatched, and then not applied as it was
	OneSignature, Reviewed, ReviewedLate                  int64
	Increases                                             int64
}

// Report counts what happened at the sites in scope since a moment.
func (s *Service) Report(ctx context.Context, scope auth.Scope, since time.Time) (Figures, error) {
	return readFigures(ctx, s.DB, scope, since)
}
