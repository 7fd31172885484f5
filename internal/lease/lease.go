// Package lease lets one process at a time do what only one may do.
//
// A lease is a row of lease_leases: a name, the owner, the time until which it
// holds by the database's clock, and an epoch that rises with every change of
// hands. An owner renews at a third of the lease's life. Whoever finds it
// expired takes it and raises the epoch.
//
// A process that was stopped for a while may still believe that it holds a
// lease it has lost. Therefore a write that needs the lease asks for it in the
// same transaction: [Lease.Check], or in SQL
//
//	INSERT INTO … SELECT … WHERE lease_held($name, $epoch)
//
// which is true only while this epoch holds the lease, and keeps everybody from
// taking it over until the transaction ends.
package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// ErrHeld reports that somebody else holds the lease.
var ErrHeld = errors.New("the lease is held by another owner")

// ErrLost reports that the lease expired or went to somebody else.
var ErrLost = errors.New("the lease was lost")

// LostCode is the SQLSTATE with which functions in the database refuse an epoch
// that does not hold the lease.
const LostCode = "CI001"

// Options says what to hold, and as whom.
type Options struct {
	Name  string        // of the lease
	Owner string        // of this process; must be unlike every other's, also of earlier runs
	TTL   time.Duration // how long an owner that vanished keeps the lease; 0 = 5 s
	// Patience is how long Run waits for another owner before it gives up with
	// ErrHeld; 0 = for ever. More than TTL outlasts owners that vanished.
	Patience time.Duration
}

func (o Options) validate() (Options, error) {
	if o.Name == "" || o.Owner == "" {
		return o, fmt.Errorf("lease %q of %q: name and owner are required", o.Name, o.Owner)
	}
	if o.TTL == 0 {
		o.TTL = 5 * time.Second
	}
	if o.TTL < 50*time.Millisecond {
		return o, fmt.Errorf("lease %s: %v is too short a life", o.Name, o.TTL)
	}
	return o, nil
}

// Lease is held, or was.
type Lease struct {
	Name  string
	Owner string
	Epoch int64 // rises with every change of hands; fences off former owners
	ttl   time.Duration
	db    *sqlx.DB
}

// Run waits until it gets the lease, calls f while renewing it, and releases it
// when f returns. The context of f ends when ctx does or when the lease can no
// longer be relied on: the database did not renew it in time, or somebody took
// it. Run returns what f returns; ErrLost if f returned because of that; ErrHeld
// when patience ends before there is a lease, and ctx's error if that does. It
// may be called again.
func Run(ctx context.Context, db *sqlx.DB, o Options, f func(context.Context, Lease) error) error {
	o, err := o.validate()
	if err != nil {
		return err
	}
	l, until, err := wait(ctx, db, o)
	if err != nil {
		return err
	}
	held, cancel := context.WithCancelCause(ctx)
	renewing := make(chan struct{})
	go func() {
		defer close(renewing)
		l.keep(held, until, cancel)
	}()
	err = f(held, l)
	lost := errors.Is(context.Cause(held), ErrLost)
	cancel(nil)
	<-renewing
	if lost {
		if err == nil || errors.Is(err, context.Canceled) {
			err = fmt.Errorf("lease %s: %w", o.Name, context.Cause(held))
		}
		return err
	}
	// Given back even when ctx has ended: the next owner need not wait.
	release, stop := context.WithTimeout(context.WithoutCancel(ctx), o.TTL)
	defer stop()
	return errors.Join(err, l.Release(release))
}

// wait tries until it gets the lease. Failures of the database are returned at
// once: the caller knows how to report them.
func wait(ctx context.Context, db *sqlx.DB, o Options) (Lease, time.Time, error) {
	tick := time.NewTicker(o.TTL / 3)
	defer tick.Stop()
	began := time.Now()
	for {
		until := time.Now().Add(o.TTL)
		l, err := Acquire(ctx, db, o)
		if !errors.Is(err, ErrHeld) || o.Patience > 0 && time.Since(began) >= o.Patience {
			return l, until, err
		}
		select {
		case <-ctx.Done():
			return Lease{}, time.Time{}, ctx.Err()
		case <-tick.C:
		}
	}
}

// keep renews until ctx ends, and cancels it with ErrLost when the lease is
// gone. until is counted from before the last success, on our own clock, so
// that we stop before anybody else can start.
func (l Lease) keep(ctx context.Context, until time.Time, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(l.ttl / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		next := time.Now().Add(l.ttl)
		try, stop := context.WithDeadline(ctx, until)
		err := l.Renew(try)
		stop()
		switch {
		case err == nil:
			until = next
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrLost):
			cancel(err)
			return
		case !time.Now().Add(l.ttl / 3).Before(until):
			cancel(fmt.Errorf("%w: not renewed in time: %w", ErrLost, err))
			return
		}
	}
}
