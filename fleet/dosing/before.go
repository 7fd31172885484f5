package dosing

import (
	"context"

	"cisterna/device/order"
	"cisterna/fleet/refusal"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// Before returns what an order's pump ran when the order was proposed: what its
// signers saw, and what it changed; of one that came back too, whose doses are of what
// was in the pump then. There is none for what was never proposed, nor for an order of
// before it was kept. What is kept is told only if it is of the state that the signers
// signed for.
func (s *Service) Before(ctx context.Context, scope auth.Scope, id int64) (Therapy, bool, error) {
	o, err := s.Get(ctx, scope, id)
	if err != nil {
		return Therapy{}, false, err
	}
	kept, err := readReport(ctx, s.DB, id)
	if err != nil || kept == nil || o.seen == nil {
		return Therapy{}, false, err
	}
	r, err := order.DecodeReport(kept)
	if err != nil || r.State.Hash() != o.Base {
		return Therapy{}, false, refusal.New(errs.Conflict, refusal.Report, "What is kept of the pump with order %d is not what its signers saw.", id)
	}
	out := Therapy{Report: r, At: o.seen.At, Patient: o.seen.Patient, Zone: o.seen.Zone}
	if prof, ok := s.Profile(o.seen.Profile); ok {
		out.Capacity, out.Verifies, out.Range = prof.Reservoir.Capacity, string(prof.Verifier), prof.Range
	}
	return out, true, nil
}
