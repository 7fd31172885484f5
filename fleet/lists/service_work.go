package lists

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// How the work goes on.
const (
	workBatch = 20              // items between two looks at whether its owner may go on
	workLook  = 5 * time.Second // for runs that another server began, or that a crash left
	sweepEach = time.Hour
	slipsLife = 24 * time.Hour // in which a run's slips must be asked for
)

func (s *Service) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run does the work of runs until ctx ends, and goes on with those that an earlier
// process left. Several servers may do so at once.
func (s *Service) Run(ctx context.Context) error {
	look := time.NewTicker(workLook)
	defer look.Stop()
	var swept time.Time
	for {
		if err := s.work(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("work on many pumps was interrupted; it goes on by itself", slog.String("error", err.Error()))
		}
		if now := s.Now(); now.Sub(swept) >= sweepEach {
			swept = now
			if err := deleteExpired(ctx, s.DB, now); err != nil && ctx.Err() == nil {
				s.Log.Warn("expired lists were not deleted", slog.String("error", err.Error()))
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case <-s.wake:
		}
	}
}

// work does what runs are waiting for, but for slips, which only their asker is
// given.
func (s *Service) work(ctx context.Context) error {
	ids, err := runningRuns(ctx, s.DB)
	for _, id := range ids {
		if _, e := s.advance(ctx, id, 0, nil); e != nil {
			err = errors.Join(err, fmt.Errorf("run %d: %w", id, e))
		}
	}
	return err
}

// advance does up to limit items of a run (0: all), and ends it when none is left.
// made takes each claim.
func (s *Service) advance(ctx context.Context, id int64, limit int, made func(registry.Claim)) (done int, err error) {
	for {
		r, err := getRun(ctx, s.DB, id)
		if err != nil || r.State != Running {
			return done, err
		}
		actor, err := s.Actor(ctx, r.Owner, r.Token)
		if kind := errs.KindOf(err); kind == errs.NotFound || kind == errs.Denied {
			return done, s.end(ctx, auth.System("lists").String(), id, Stopped, "Who began it may not go on: "+errs.Message(err))
		}
		if err != nil {
			return done, err
		}
		batch := workBatch
		if limit > 0 {
			batch = min(batch, limit-done)
		}
		pumps, err := waitingItems(ctx, s.DB, id, batch)
		if err != nil {
			return done, err
		}
		if len(pumps) == 0 {
			return done, s.end(ctx, actor.String(), id, Done, "")
		}
		for _, pump := range pumps {
			err := s.item(ctx, actor, r, pump, made)
			switch {
			case errors.Is(err, errTaken): // by another server, or the run was stopped
			case err != nil:
				return done, err
			}
			done++
		}
		if limit > 0 && done >= limit {
			left, err := waitingItems(ctx, s.DB, id, 1)
			if err == nil && len(left) == 0 {
				err = s.end(ctx, actor.String(), id, Done, "")
			}
			return done, err
		}
	}
}

// errTaken says that an item has an outcome already, or is not to be done any more.
var errTaken = errors.New("the item has an outcome already")

// item does a run's work on one pump. Its outcome commits with the change; what is
// refused is an outcome too. Other errors leave the item waiting.
func (s *Service) item(ctx context.Context, actor auth.Actor, r Run, pump int64, made func(registry.Claim)) error {
	marked := postgres.Accompany(ctx, func(ctx context.Context, tx *postgres.Tx) error {
		return setOutcome(ctx, tx, r.ID, pump, "done", "", s.Now())
	})
	var err error
	switch r.Action {
	case ActTag:
		_, err = s.Tag(marked, actor, pump, r.Tags, nil)
	case ActUntag:
		_, err = s.Tag(marked, actor, pump, nil, r.Tags)
	case ActGroup:
		err = s.SetMember(marked, actor, r.Group, pump, true)
	case ActUngroup:
		err = s.SetMember(marked, actor, r.Group, pump, false)
	case ActRevoke:
		_, err = s.Registry.Revoke(marked, actor, pump, r.Reason)
	case ActClaim:
		var c registry.Claim
		if c, err = s.Registry.CreateClaim(marked, actor, pump, 0); err == nil && made != nil {
			made(c)
		}
	}
	switch errs.KindOf(err) {
	case errs.Invalid, errs.NotFound, errs.Denied, errs.Conflict:
		return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
			return setOutcome(ctx, tx, r.ID, pump, "refused", errs.Message(err), s.Now())
		})
	case errs.Internal, errs.Unauthorized, errs.Throttled, errs.Unavailable:
	}
	return err
}

// Slips is how many claim slips Advance makes at most.
const Slips = 50

// Advance makes the next claim slips of a run of the actor's, up to limit, and
// returns them: a code is seen once and never stored, so that no server makes them
// on its own. After a crash the rest is made by asking again; a slip whose answer
// was lost is made again for its pump alone, which makes the lost one worthless.
func (s *Service) Advance(ctx context.Context, actor auth.Actor, id int64, limit int) (Run, []registry.Claim, error) {
	r, err := s.Progress(ctx, actor, id)
	switch {
	case err != nil:
		return Run{}, nil, err
	case r.Action != ActClaim:
		return Run{}, nil, errs.Conflictf("This run goes on by itself: only claim slips are asked for.")
	case limit < 1 || limit > Slips:
		return Run{}, nil, errs.InvalidField("limit", "limit is 1 to %d.", Slips)
	}
	if r.State == Running && s.Now().Sub(r.CreatedAt) > slipsLife {
		if err := s.end(ctx, auth.System("lists").String(), id, Stopped, "Its slips were not asked for within a day."); err != nil {
			return Run{}, nil, err
		}
	}
	var slips []registry.Claim
	_, err = s.advance(ctx, id, limit, func(c registry.Claim) { slips = append(slips, c) })
	if err != nil && len(slips) == 0 {
		return Run{}, nil, err
	}
	if err != nil { // what was made must reach its asker
		s.Log.Warn("slips were made for a part only; the rest is made when it is asked for", slog.Int64("run", id), slog.String("error", err.Error()))
	}
	r, err = s.Progress(ctx, actor, id)
	return r, slips, err
}

// none turns "no rows" into an errs.NotFound.
func none(err error, thing string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errs.NotFoundf("There is no such %s.", thing)
	}
	return err
}
