package lease

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/postgres"
)

// Acquire takes the lease if it is free or expired, and returns [ErrHeld] if
// somebody else holds it.
func Acquire(ctx context.Context, db *sqlx.DB, o Options) (Lease, error) {
	o, err := o.validate()
	if err != nil {
		return Lease{}, err
	}
	l := Lease{Name: o.Name, Owner: o.Owner, ttl: o.TTL, db: db}
	err = db.QueryRowContext(ctx, `
		INSERT INTO lease_leases AS l (name, owner, epoch, expires_at)
		VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 microsecond')
		ON CONFLICT (name) DO UPDATE
		   SET owner = excluded.owner, epoch = l.epoch + 1, expires_at = clock_timestamp() + $3 * interval '1 microsecond'
		 WHERE l.expires_at <= clock_timestamp()
		RETURNING epoch`, o.Name, o.Owner, o.TTL.Microseconds()).Scan(&l.Epoch)
	// The clause names one of the table's two keys. When several write the first row at the
	// same moment, PostgreSQL may find the other one taken first.
	if errors.Is(err, sql.ErrNoRows) || postgres.IsUnique(err, "lease_leases_name_epoch_key") {
		return Lease{}, ErrHeld
	}
	if err != nil {
		return Lease{}, fmt.Errorf("acquire the lease %s: %w", o.Name, err)
	}
	return l, nil
}

// Renew prolongs the lease by its life from now on. It returns [ErrLost] if
// another epoch began.
func (l Lease) Renew(ctx context.Context) error {
	return l.set(ctx, `UPDATE lease_leases SET expires_at = clock_timestamp() + $3 * interval '1 microsecond'
		WHERE name = $1 AND epoch = $2`, l.ttl.Microseconds())
}

// Release gives the lease back, so that the next owner need not wait for it to
// expire. Giving back what somebody else took meanwhile is [ErrLost].
func (l Lease) Release(ctx context.Context) error {
	return l.set(ctx, `UPDATE lease_leases SET expires_at = '-infinity' WHERE name = $1 AND epoch = $2`)
}

// Check returns [ErrLost] unless this epoch holds the lease, and keeps it from
// changing hands until the transaction tx ends.
func (l Lease) Check(ctx context.Context, tx sqlx.QueryerContext) error {
	var held bool
	if err := sqlx.GetContext(ctx, tx, &held, `SELECT lease_held($1, $2)`, l.Name, l.Epoch); err != nil {
		return fmt.Errorf("check the lease %s: %w", l.Name, err)
	}
	if !held {
		return fmt.Errorf("lease %s, epoch %d: %w", l.Name, l.Epoch, ErrLost)
	}
	return nil
}

func (l Lease) set(ctx context.Context, query string, args ...any) error {
	res, err := l.db.ExecContext(ctx, query, append([]any{l.Name, l.Epoch}, args...)...)
	if err != nil {
		return fmt.Errorf("lease %s: %w", l.Name, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("lease %s: %w", l.Name, err)
	}
	if n == 0 {
		return fmt.Errorf("lease %s, epoch %d: %w", l.Name, l.Epoch, ErrLost)
	}
	return nil
}
