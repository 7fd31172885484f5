package dosing

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cisterna/device/order"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// maxMismatches is how often entries may differ before the order goes back to its
// proposer (DESIGN.md 5).
const maxMismatches = 3

// Form returns what a second signer is asked to enter: names and units, and
// nothing of the proposal's values.
func (s *Service) Form(ctx context.Context, actor auth.Actor, id int64) ([]Number, error) {
	o, err := s.Get(ctx, actor.Scope(), id)
	if err != nil {
		return nil, err
	}
	if err := s.mayCheck(actor, &o); err != nil {
		return nil, err
	}
	p, err := o.prescription()
	if err != nil {
		return nil, err
	}
	return s.numbers(ctx, &p)
}

// numbers returns what a second signer enters of a prescription.
func (s *Service) numbers(ctx context.Context, p *order.Prescription) ([]Number, error) {
	var sites []registry.Site
	if p.Transfer != nil {
		var err error
		// Of all sites: a name that another one has as well says nothing.
		if sites, err = s.Registry.Sites(ctx, auth.Scope{All: true}); err != nil {
			return nil, err
		}
	}
	return numbers(p, &s.Libraries.Current().Library, sites), nil
}

// mayCheck refuses whoever may not be a second signer of an order.
func (s *Service) mayCheck(actor auth.Actor, o *Order) error {
	if err := may(actor, o.Site, "order", checkers...); err != nil {
		return err
	}
	if actor.ID == o.Proposer.ID {
		return refusal.New(errs.Denied, refusal.Own, "You proposed this order. Somebody else checks it.")
	}
	if o.Document == nil {
		return refusal.New(errs.Conflict, refusal.Step, "The order is a draft. There is nothing to check yet.")
	}
	return nil
}

// Check of numbers that were entered blindly.
type Entered struct {
	Source  string  // where they come from: one of Sources
	Entries []Entry // each number of the form, once
}

// Outcome says whether entries agreed.
type Outcome struct {
	Order  Order
	Match  bool
	Differ []string // names, never values
	Left   int      // tries before the order goes back
}

// Verify compares what a second signer entered on their own with the prescription.
// They learn which numbers differ and not what the others are. The third
// difference sends the order back to its proposer as a draft.
func (s *Service) Verify(ctx context.Context, actor auth.Actor, id int64, in Entered) (Outcome, error) {
	if !slices.Contains(Sources(), in.Source) {
		return Outcome{}, refusal.Invalid("source", "Say where the numbers come from: %s.", strings.Join(Sources(), ", "))
	}
	var out Outcome
	o, err := s.change(ctx, actor, id, func(tx *postgres.Tx, o *Order) (audit.Entry, string, error) {
		if err := s.mayCheck(actor, o); err != nil {
			return audit.Entry{}, "", err
		}
		if err := s.fresh(ctx, tx, o, Proposed, Verified); err != nil {
			return audit.Entry{}, "", err
		}
		p, err := o.prescription()
		if err != nil {
			return audit.Entry{}, "", err
		}
		want, err := s.numbers(ctx, &p)
		if err != nil {
			return audit.Entry{}, "", err
		}
		if out.Differ, err = compare(want, in.Entries); err != nil {
			return audit.Entry{}, "", err
		}
		out.Match = len(out.Differ) == 0
		if err := insertEntry(ctx, tx, o, actor.ID, s.Now(), in.Source, out.Match, out.Differ); err != nil {
			return audit.Entry{}, "", err
		}
		e := audit.Entry{Kind: "order.verify", NewHash: o.Hash[:], Payload: map[string]any{"source": in.Source, "differ": out.Differ}}
		if out.Match {
			if o.State == Proposed {
				o.State = Verified
			}
			return e, "the entries of " + actor.Name + " agree (" + in.Source + ")", nil
		}
		e.Kind = "order.mismatch"
		note := strings.Join(out.Differ, ", ") + " differ"
		if len(out.Differ) == 1 {
			note += "s"
		}
		if err := insertCatch(ctx, tx, o, actor.ID, s.Now(), "mismatch", "MISMATCH", note); err != nil {
			return audit.Entry{}, "", err
		}
		if o.Mismatches++; o.Mismatches < maxMismatches {
			return e, note, nil
		}
		// Back to the proposer: what was signed of it is void, for it names a
		// document that is no more.
		if err := deleteApprovals(ctx, tx, o.ID); err != nil {
			return audit.Entry{}, "", err
		}
		e.Kind, e.OldHash, e.NewHash = "order.return", o.Hash[:], nil
		o.State, o.Document, o.Hash, o.ExpiresAt = Draft, nil, order.Digest{}, s.Now().Add(ReturnKept)
		return e, fmt.Sprintf("%s; after %d differences the order goes back to its proposer", note, maxMismatches), nil
	})
	out.Order, out.Left = o, max(0, maxMismatches-o.Mismatches)
	return out, err
}
