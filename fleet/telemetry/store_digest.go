package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"cisterna/internal/lease"
	"cisterna/internal/postgres"
)

// The lines of a digest: the row's columns, a blank between, times in Unix µs, "-" for
// a sensor that is not there. An event's ends with its detail as PostgreSQL prints jsonb.
const (
	digestSamples = `SELECT concat_ws(' ', pump_id, epoch, seq, (extract(epoch FROM device_at) * 1000000)::bigint, (extract(epoch FROM received_at) * 1000000)::bigint,
    mono_ms, rate_nl_day, delivered_nl, reservoir_nl, coalesce(sensed_nl::text, '-'), flags, battery_mv, temperature_mc, pressure_pa, ptm_given, ptm_denied, run)
FROM telemetry_samples WHERE received_at >= $1 AND received_at < $2 ORDER BY pump_id, epoch, seq`

	digestEvents = `SELECT concat_ws(' ', pump_id, epoch, seq, (extract(epoch FROM device_at) * 1000000)::bigint, (extract(epoch FROM received_at) * 1000000)::bigint,
    code, detail)
FROM telemetry_events WHERE received_at >= $1 AND received_at < $2 ORDER BY pump_id, epoch, seq`
)

// hashRows writes a query's lines of a span of the time of receipt, and counts them.
func hashRows(ctx context.Context, db querier, to io.Writer, n *int64, query string, from, until time.Time) error {
	rows, err := db.QueryContext(ctx, query, from, until)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var line sql.RawBytes
		if err := rows.Scan(&line); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(to, "%s\n", line); err != nil {
			return err
		}
		*n++
	}
	return rows.Err()
}

// nextDigest returns the first hour that has no digest, and whether all that was
// received in it is committed. Where there is none yet it is the present hour.
func (s *Service) nextDigest(ctx context.Context, l *lease.Lease) (hour time.Time, over bool, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := held(ctx, tx, l); err != nil {
			return err
		}
		err := tx.GetContext(ctx, &hour, `SELECT upto FROM telemetry_watermarks WHERE job = 'digest'`)
		if errors.Is(err, sql.ErrNoRows) {
			err = tx.GetContext(ctx, &hour, `INSERT INTO telemetry_watermarks (job, upto) VALUES ('digest', date_bin('1 hour', now(), timestamptz 'epoch')) RETURNING upto`)
		}
		if err != nil {
			return err
		}
		var until time.Time
		if err := tx.GetContext(ctx, &until, horizon); err != nil {
			return fmt.Errorf("find the horizon: %w", err)
		}
		over = !until.Before(hour.Add(time.Hour + digestAfter))
		return nil
	})
	return hour, over, err
}

// KeptSince returns the begin of the first day of which samples are kept, zero if there is
// none. Retention drops whole days, the oldest first.
func KeptSince(ctx context.Context, db querier) (time.Time, error) {
	var since sql.NullTime
	rows, err := db.QueryContext(ctx, `SELECT min(to_date(right(c.relname, 8), 'YYYYMMDD'))::timestamp AT TIME ZONE 'UTC' FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'telemetry_samples'::regclass AND c.relname ~ '^telemetry_samples_[0-9]{8}$'`)
	if err != nil {
		return time.Time{}, fmt.Errorf("find the first day of samples: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(&since); err != nil {
			return time.Time{}, err
		}
	}
	return since.Time.UTC(), rows.Err()
}

// digested moves on from an hour, and reports false if somebody else has.
func digested(ctx context.Context, tx *postgres.Tx, hour time.Time) (bool, error) {
	res, err := tx.ExecContext(ctx, `UPDATE telemetry_watermarks SET upto = $2 WHERE job = 'digest' AND upto = $1`, hour, hour.Add(time.Hour))
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}
