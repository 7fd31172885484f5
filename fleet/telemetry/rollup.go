package telemetry

import (
	"context"
	"fmt"
	"time"

	"cisterna/internal/lease"
)

// The rollups work behind ingest's back: what they do at a time is small, and
// after each piece they rest for nine times as long, so that they never take more
// than a tenth of the time from it, however much they have to catch up with.
const (
	rollupEvery = 15 * time.Second      // a bucket is made anew each time that it grew: seldom is cheaper
	pieceAims   = 10 * time.Millisecond // how long a piece should take
	mostBuckets = 5000                  // of a piece
	// A window's buckets are listed by one query, which takes this many samples
	// or so, and five minutes at most.
	windowSamples = 200_000
	longestSpan   = 5 * time.Minute
)

// rollups is what the job learns of the load while it works.
type rollups struct {
	span  time.Duration // of the next window
	piece int           // buckets of the next piece
}

// rollupLoop brings the rollups up to the horizon, again and again.
func (s *Service) rollupLoop(ctx context.Context, l lease.Lease) error {
	r := rollups{span: 10 * time.Second, piece: 32}
	for {
		if err := s.rollUp(ctx, &l, &r, rest); err != nil && ctx.Err() == nil {
			s.logHousekeeping(err)
		}
		if err := pause(ctx, rollupEvery); err != nil {
			return err
		}
	}
}

// rest follows work that took so long.
func rest(ctx context.Context, worked time.Duration) error {
	return pause(ctx, min(9*worked, restAtMost))
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// rollUp brings the rollups up to the horizon: the time of receipt up to which
// every sample is committed. Buckets are by the pump's clock, work is found by
// the server's, so that late data opens old buckets again. A bucket is always
// made anew out of all of its samples; doing it twice changes nothing, and the
// watermark moves only when all of a window is done.
func (s *Service) rollUp(ctx context.Context, l *lease.Lease, r *rollups, rest func(context.Context, time.Duration) error) error {
	for {
		began := time.Now()
		w, err := s.nextWindow(ctx, l, r.span)
		if err != nil || w == nil {
			return wrap(err, "roll up")
		}
		r.listed(w)
		if err := rest(ctx, time.Since(began)); err != nil {
			return err
		}
		for _, unit := range []struct {
			query string
			of    buckets
		}{{minuteRollup, w.buckets}, {hourRollup, w.buckets.hours()}} {
			for left := unit.of; len(left.at) > 0; {
				began := time.Now()
				n := min(r.piece, len(left.at))
				if err := s.remake(ctx, l, w, unit.query, buckets{left.pumps[:n], left.at[:n]}); err != nil {
					return wrap(err, "roll up")
				}
				left = buckets{left.pumps[n:], left.at[n:]}
				took := time.Since(began)
				r.made(n, took)
				if err := rest(ctx, took); err != nil {
					return err
				}
			}
		}
		if err := s.passed(ctx, l, w); err != nil || !w.more {
			return wrap(err, "roll up")
		}
	}
}

// hours returns the hours that minutes in order lie in.
func (b buckets) hours() buckets {
	var out buckets
	for i, at := range b.at {
		hour := at.Truncate(time.Hour)
		if n := len(out.at); n > 0 && out.pumps[n-1] == b.pumps[i] && out.at[n-1].Equal(hour) {
			continue
		}
		out.pumps, out.at = append(out.pumps, b.pumps[i]), append(out.at, hour)
	}
	return out
}

// listed learns the span of the next window from how much was in this.
func (r *rollups) listed(w *window) {
	switch {
	case w.samples > windowSamples:
		r.span = max(r.span/2, time.Second)
	case w.samples < windowSamples/2:
		r.span = min(2*r.span, longestSpan)
	}
}

// made learns the size of the next piece from how long n buckets took.
func (r *rollups) made(n int, took time.Duration) {
	switch {
	case took > 2*pieceAims:
		r.piece = max(n/2, 1)
	case took < pieceAims/2 && n == r.piece:
		r.piece = min(2*n, mostBuckets)
	}
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
