package lists

import (
	"context"
	"slices"
	"time"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Frozen is what a filter meant at one moment.
type Frozen struct {
	ID        int64
	Owner     int64
	Token     int64  // of the API token that it was frozen by, 0: by the owner themselves
	Filter    string // canonical; empty: all pumps
	Picked    bool   // one by one, out of what the filter meant
	Epoch     string // of the list, with its revision
	Rev       uint64
	Count     int64
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Freeze keeps pumps for work of the actor's on all of them. Pumps that the actor
// cannot see are refused as if they did not exist. Errors: Invalid, NotFound.
func (s *Service) Freeze(ctx context.Context, actor auth.Actor, f Frozen, pumps []int64) (Frozen, error) {
	text, err := parse("filter", f.Filter)
	if err != nil {
		return Frozen{}, err
	}
	pumps = slices.Compact(slices.Sorted(slices.Values(pumps)))
	switch {
	case len(pumps) == 0:
		return Frozen{}, errs.Invalidf("No pump is meant: there is nothing to work on.")
	case len(pumps) > MaxFrozen:
		return Frozen{}, errs.Invalidf("These are %d pumps; at most %d can be worked on at once. Narrow the filter.", len(pumps), MaxFrozen)
	}
	scope := actor.Scope()
	for _, id := range pumps {
		if p, ok := s.Registry.Directory().ByID(id); !ok || !scope.Allows(p.Site) {
			return Frozen{}, errs.NotFoundf("There is no pump %d.", id)
		}
	}
	f.Owner, f.Token, f.Filter, f.Count, f.CreatedAt = actor.ID, actor.Program(), text.String(), int64(len(pumps)), s.Now()
	f.ExpiresAt = f.CreatedAt.Add(FrozenLife)
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error { return insertFrozen(ctx, tx, &f, pumps) })
	if err != nil {
		return Frozen{}, err
	}
	return f, nil
}

// FrozenList returns a frozen list of the actor's and its pumps, by id. Errors:
// NotFound; Conflict if it has expired.
func (s *Service) FrozenList(ctx context.Context, actor auth.Actor, id int64) (Frozen, []int64, error) {
	f, pumps, err := getFrozen(ctx, s.DB, id)
	switch {
	case err != nil:
		return Frozen{}, nil, err
	case !own(actor, f.Owner, f.Token):
		return Frozen{}, nil, errs.NotFoundf("There is no such frozen list.")
	case !s.Now().Before(f.ExpiresAt):
		return Frozen{}, nil, expired(f)
	}
	return f, pumps, nil
}

// own reports whether what an owner made, by a token or not, is the actor's: a
// program knows of nothing but what it made itself, or its owner's wider rights
// would be its own. The owner knows of all, also to stop it.
func own(actor auth.Actor, owner, token int64) bool {
	return actor.ID == owner && (!actor.IsToken() || actor.Program() == token)
}

func expired(f Frozen) error {
	return errs.Conflictf("This list of %d pumps was frozen at %s and has expired: what the filter means may have changed. Look at the list again, and begin anew.",
		f.Count, f.CreatedAt.UTC().Format("2006-01-02 15:04 UTC"))
}
