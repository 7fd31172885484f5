package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"cisterna/internal/lease"
)

// How often things are done.
const (
	flushEvery     = 2 * time.Second       // presence, when only times of contact moved
	flushSoon      = 50 * time.Millisecond // presence, when a connection opened or closed
	sweepEvery     = 2 * time.Second
	jobsEvery      = 5 * time.Second
	restAtMost     = 2 * time.Minute // between two rounds of a slow job
	partitionEvery = 10 * time.Minute
	retentionEvery = time.Hour
	partitionsMade = 8 // days ahead, today and yesterday included
)

// Run works until ctx ends; then it stores what was delivered, answers it, and
// returns nil, also where ctx ends before it has begun. Stop the transport first:
// what it delivers afterwards is refused.
func (s *Service) Run(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // nothing is acknowledged yet: pumps send it again
		}
		return err
	}

	var lanes, others, tail sync.WaitGroup
	lanes.Go(s.main.run)
	lanes.Go(s.alarms.run)
	others.Go(s.states.run)
	tail.Go(s.refused.run)
	var jobs sync.WaitGroup
	jobs.Go(func() { s.asks.run(ctx) })
	jobs.Go(func() { s.presenceLoop(ctx) })
	jobs.Go(func() { s.upLoop(ctx) })
	jobs.Go(func() { s.leaseLoop(ctx, "telemetry.sweep", s.sweepLoop) })
	jobs.Go(func() { s.leaseLoop(ctx, "telemetry.jobs", s.jobLoop) })
	jobs.Go(func() { s.leaseLoop(ctx, "telemetry.rollups", s.rollupLoop) })
	jobs.Go(func() { s.leaseLoop(ctx, "telemetry.digests", s.digestLoop) })
	s.running.Store(true)

	<-ctx.Done()
	s.running.Store(false)
	s.gate.Lock()
	s.closed = true
	s.gate.Unlock()
	close(s.main.in)
	close(s.alarms.in)
	close(s.states.in)
	lanes.Wait() // they may still refuse
	close(s.refused.in)
	others.Wait()
	tail.Wait()
	jobs.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.flushPresence(last); err != nil {
		s.Log.Warn("the last contacts were not written", slog.String("error", err.Error()))
	}
	return nil
}

// begin does what must be done before anybody is heard.
func (s *Service) begin(ctx context.Context) error {
	if err := s.takeOver(ctx); err != nil {
		return err
	}
	if err := s.freshRules(ctx); err != nil {
		return err
	}
	if err := s.addPartitions(ctx); err != nil {
		return err
	}
	newest, err := newestReceipt(ctx, s.DB)
	if err != nil {
		return err
	}
	s.newest.Store(newest)
	s.SetUplink(true)
	// At once, whoever holds the lease: until pumps are heard again, nobody may
	// read what was true before this start.
	return s.sweepPresence(ctx, nil)
}

// Running reports whether Run works: between its first steps and the end of its
// context.
func (s *Service) Running() bool { return s.running.Load() }

// presenceLoop writes contacts: soon when somebody came or went, else now and
// then.
func (s *Service) presenceLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(flushEvery):
		case <-s.tracker.wake:
			select {
			case <-ctx.Done():
				return
			case <-time.After(flushSoon):
			}
		}
		if err := s.flushPresence(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("contacts were not written; tried again", slog.String("error", err.Error()))
		}
	}
}

// leaseLoop runs f on the one server that holds the lease.
func (s *Service) leaseLoop(ctx context.Context, name string, f func(context.Context, lease.Lease) error) {
	for ctx.Err() == nil {
		err := lease.Run(ctx, s.DB, lease.Options{Name: name, Owner: s.Boot}, f)
		if err != nil && ctx.Err() == nil && !errors.Is(err, lease.ErrLost) {
			s.Log.Warn("job stopped; it starts again", slog.String("job", name), slog.String("error", err.Error()))
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (s *Service) sweepLoop(ctx context.Context, l lease.Lease) error {
	return every(ctx, sweepEvery, func() error { return s.sweepPresence(ctx, &l) })
}

// jobLoop keeps house: partitions and retention. A job that fails is tried
// again at its next turn and does not stop the others.
func (s *Service) jobLoop(ctx context.Context, l lease.Lease) error {
	var partitions, retention time.Time
	return every(ctx, jobsEvery, func() error {
		var errs []error
		now := time.Now()
		if now.Sub(partitions) >= partitionEvery {
			partitions = now
			errs = append(errs, s.addPartitions(ctx), s.watchDefault(ctx))
		}
		if now.Sub(retention) >= retentionEvery {
			retention = now
			errs = append(errs, s.retire(ctx, &l))
		}
		if err := errors.Join(errs...); err != nil && ctx.Err() == nil {
			s.logHousekeeping(err)
		}
		return nil
	})
}

func (s *Service) logHousekeeping(err error) {
	s.Log.Error("housekeeping failed; tried again", slog.String("error", err.Error()))
}

// every calls f at once and then at each interval, until ctx ends or f fails. A
// call that took long is followed by a rest of nine times that, so that what f
// does in the background never takes more than a tenth of the time from ingest.
func every(ctx context.Context, d time.Duration, f func() error) error {
	for {
		began := time.Now()
		if err := f(); err != nil {
			return err
		}
		if err := pause(ctx, max(d, min(9*time.Since(began), restAtMost))); err != nil {
			return err
		}
	}
}

// Trouble is something wrong with the store that an operator has to look at.
type Trouble struct {
	Code string // stable
	Text string
	At   time.Time // when it was last seen
}

// Troubles returns what is wrong now, for the status page.
func (s *Service) Troubles() []Trouble {
	s.troubleMu.Lock()
	defer s.troubleMu.Unlock()
	return append([]Trouble(nil), s.troubles...)
}

func (s *Service) setTroubles(t ...Trouble) {
	s.troubleMu.Lock()
	defer s.troubleMu.Unlock()
	s.troubles = t
}
