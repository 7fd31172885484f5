package dosing

import (
	"context"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/internal/auth"
)

// Blind reports whether an order's values are kept from the actor: from everybody who
// may check it, another prescriber too, until their own entries agreed. That holds for
// as long as the same numbers may be proposed (again): of a draft, also one that blind
// entries sent back, and of what ended before enough people had signed.
func (s *Service) Blind(ctx context.Context, actor auth.Actor, o *Order) (bool, error) {
	if actor.ID == o.Proposer.ID || !actor.Has(o.Site, checkers...) || !o.unsigned() {
		return false, nil
	}
	if o.Document == nil {
		return true, nil
	}
	ok, err := hasMatched(ctx, s.DB, o.ID, actor.ID, o.Hash)
	return !ok, err
}

// unsigned reports whether an order waits for signatures, or ended without enough.
func (o *Order) unsigned() bool {
	switch o.State {
	case Draft, Proposed, Verified:
		return true
	case Expired, Withdrawn, Superseded, Stale:
		return len(o.Approvals) < o.People
	case Approved, Released, Sent, Received, Applied, Refused:
	}
	return false
}

// Underway is something that no pump has answered: since when, and until when it may
// still apply. Both are zero if there is none.
type Underway struct{ Since, Until time.Time }

// Underway returns the release of an order that nobody answered.
func (s *Service) Underway(ctx context.Context, id int64) (Underway, error) {
	letters, err := readLetters(ctx, s.DB, 0, id)
	if err != nil {
		return Underway{}, err
	}
	for _, l := range letters {
		if l.Kind == Release && l.AnsweredAt.IsZero() && l.State != LetterExpired {
			return Underway{Since: l.At, Until: l.NotAfter}, nil
		}
	}
	return Underway{}, nil
}

// Therapy is what a pump runs.
type Therapy struct {
	Report   order.Report
	At       time.Time
	Drift    bool
	Capacity units.Volume
	Groups   []string
	Patient  string // token
	Verifies string // who checks signatures
	Path     PathFigures
	Range    dose.Range
	Zone     int32 // of the site now, seconds east of UTC
}

// Therapy returns what a pump of the sites in scope runs, as orders are judged by
// it.
func (s *Service) Therapy(ctx context.Context, scope auth.Scope, pump int64) (Therapy, error) {
	sit, err := s.read(ctx, scope, pump)
	if err != nil {
		return Therapy{}, err
	}
	row, _, err := readPump(ctx, s.DB, pump)
	if err != nil {
		return Therapy{}, err
	}
	path, err := sit.path(0)
	if err != nil {
		return Therapy{}, err
	}
	zone, err := s.zone(ctx, sit.pump.Site)
	if err != nil {
		return Therapy{}, err
	}
	return Therapy{
		Path: path, Range: sit.profile.Range, Zone: zone,
		Report: sit.report, At: sit.at, Drift: row.Drift, Capacity: sit.profile.Reservoir.Capacity, Groups: sit.patient.Groups, Patient: sit.patient.Token, Verifies: string(sit.profile.Verifier),
	}, nil
}
