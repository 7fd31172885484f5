package auth

import (
	"context"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"cisterna/internal/audit"
	"cisterna/internal/postgres"
)

// ticket is what an attempt to sign in was charged.
type ticket struct {
	address, login []byte // keys; login is perLogin's or perKnown's
	refusedBy      []byte // the key that had no attempts left, nil if none
	series         []byte // key of the series of failures that it belongs to
}

// charge takes one attempt from the address and one from the login, and returns
// how long to wait if there was none. It treats logins that exist and logins
// that do not alike.
func (s *Service) charge(ctx context.Context, login, from string) (ticket, time.Duration, error) {
	login = strings.ToLower(clip(login, 256))
	now := s.now()
	t := ticket{address: throttleKey("address", from), series: throttleKey("series", login, from)}
	wait, err := take(ctx, s.db, t.address, perAddress, now)
	if err != nil {
		return ticket{}, 0, err
	}
	if wait > 0 {
		// A flood from one address is one series, whatever logins it names.
		t.refusedBy, t.series = t.address, throttleKey("series-address", from)
		return t, wait, nil
	}
	isKnown, err := knownAddress(ctx, s.db, login, from, now.Add(-known))
	if err != nil {
		return ticket{}, 0, err
	}
	limit := perLogin
	t.login = throttleKey("login", login)
	if isKnown {
		limit, t.login = perKnown, throttleKey("known", login, from)
	}
	if wait, err = take(ctx, s.db, t.login, limit, now); err != nil {
		return ticket{}, 0, err
	}
	if wait > 0 {
		t.refusedBy = t.login
	}
	return t, wait, nil
}

// giveBack undoes the charge of an attempt that was right.
func (t ticket) giveBack(ctx context.Context, tx *postgres.Tx) error {
	if err := refund(ctx, tx, t.address, perAddress.every); err != nil {
		return err
	}
	return refund(ctx, tx, t.login, perLogin.every)
}

// noteFailure counts a failed attempt and tells the record when the series
// reaches 1, 2, 4, 8 … attempts. [Service.Sweep] tells it the rest.
//
// It is done even if the asker has hung up: that must not be a way to guess
// unseen.
func (s *Service) noteFailure(ctx context.Context, c Credentials, from string, t ticket, throttled bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		f, err := countFailure(ctx, tx, t.series, clip(c.Login, 256), from, throttled, s.now())
		if err != nil || bits.OnesCount64(uint64(f.Attempts)) != 1 {
			return err
		}
		return tellFailures(ctx, tx, f)
	})
	if err != nil {
		return fmt.Errorf("note a failed sign-in: %w", err)
	}
	return nil
}

// tellFailures puts a series as it stands on the record. A login that is nobody's
// is left out: it may be a password in the wrong field.
func tellFailures(ctx context.Context, tx *postgres.Tx, f failureRow) error {
	e := audit.Entry{
		Kind: "auth.sign_in_failed", Actor: System("sign-in").String(),
		Payload: map[string]any{"address": f.Address, "attempts": f.Attempts, "throttled": f.Throttled, "since": f.FirstAt.UTC(), "until": f.LastAt.UTC()},
	}
	if f.User.Valid {
		e.Object = object(f.User.Int64)
	}
	return audit.Append(ctx, tx, e)
}

// Sweep does what is due: it ends idle and expired sessions, closes series of
// failed sign-ins, and forgets what is no longer needed. Several servers may
// sweep at once.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.now()
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		idle, err := endSessions(ctx, tx, `seen_at <= $3 AND expires_at > $1`, now, IdleTooLong, now.Add(-Idle))
		if err != nil {
			return err
		}
		expired, err := endSessions(ctx, tx, `expires_at <= $3`, now, Expired, now)
		if err != nil {
			return err
		}
		tx.OnCommit(func() { s.publish(idle); s.publish(expired) })
		return nil
	})
	if err != nil {
		return fmt.Errorf("end old sessions: %w", err)
	}
	for more := true; more; {
		err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
			series, err := oldFailures(ctx, tx, now.Add(-window))
			for _, f := range series {
				if err := closeFailures(ctx, tx, f.Key); err != nil {
					return err
				}
			}
			more = len(series) == oldFailuresAtOnce
			return err
		})
		if err != nil {
			return fmt.Errorf("close series of failed sign-ins: %w", err)
		}
	}
	return forget(ctx, s.db, now, now.Add(-keepSessions))
}

// keepSessions is how long an ended session is remembered.
const keepSessions = 90 * 24 * time.Hour

// closeFailures forgets a series, if there is one, after telling the record what
// it does not know yet.
func closeFailures(ctx context.Context, tx *postgres.Tx, key []byte) error {
	f, ok, err := removeFailures(ctx, tx, key)
	if err != nil || !ok || f.Attempts == f.Told {
		return err
	}
	return tellFailures(ctx, tx, f)
}

// Run sweeps every minute until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("old sessions were not swept; they are refused all the same", "error", err)
		}
	}
}
