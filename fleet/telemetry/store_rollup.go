package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"cisterna/internal/lease"
	"cisterna/internal/postgres"
)

// window is a span of the time of receipt, (from, to], that is rolled up next.
type window struct {
	from, to time.Time
	more     bool // the horizon is later than to
	buckets  buckets
	samples  int64     // received in it
	oldest   time.Time // device time of these
}

// buckets are minutes of pumps, by the pump's clock. Both are of one length.
type buckets struct {
	pumps pq.Int64Array
	at    []time.Time // begins of minutes
}

// horizon is the time of receipt before which nothing can be committed any more:
// rows are no older than maxAge when their transaction starts, and those that
// are under way can be seen.
const horizon = `SELECT least(now(), (SELECT min(xact_start) FROM pg_stat_activity WHERE datname = current_database() AND application_name = '` + ingestName + `'))
    - interval '60 seconds'`

// nextWindow returns what is to be rolled up next, of a span at most, or nil when
// all up to the horizon is.
func (s *Service) nextWindow(ctx context.Context, l *lease.Lease, span time.Duration) (*window, error) {
	var w *window
	err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := held(ctx, tx, l); err != nil {
			return err
		}
		var until time.Time
		if err := tx.GetContext(ctx, &until, horizon); err != nil {
			return fmt.Errorf("find the horizon: %w", err)
		}
		from, err := watermark(ctx, tx)
		if err != nil {
			return err
		}
		if from.IsZero() || !until.After(from) {
			return nil
		}
		w = &window{from: from}
		w.limit(from, span, until)
		if err := w.list(ctx, tx); err != nil || w.samples > 0 || !w.more {
			return err
		}
		// Nothing came: what is empty is skipped, so that a long pause is one step.
		// The samples have no index to find their next in, and this reads all of
		// them.
		var next sql.NullTime
		if err := tx.GetContext(ctx, &next, `SELECT min(received_at) FROM telemetry_samples WHERE received_at > $1 AND received_at <= $2`, w.to, until); err != nil {
			return fmt.Errorf("find the next samples: %w", err)
		}
		if !next.Valid {
			w.to, w.more = until, false
			return nil
		}
		w.limit(next.Time, span, until)
		return w.list(ctx, tx)
	})
	return w, err
}

// limit ends the window a span after a time, or with the horizon.
func (w *window) limit(after time.Time, span time.Duration, until time.Time) {
	w.to, w.more = until, false
	if to := after.Add(span); to.Before(until) {
		w.to, w.more = to, true
	}
}

// list finds the buckets that samples received in the window belong to.
func (w *window) list(ctx context.Context, tx *postgres.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT pump_id, date_bin('1 minute', device_at, timestamptz 'epoch'), count(*), min(device_at)
FROM telemetry_samples WHERE received_at > $1 AND received_at <= $2 GROUP BY 1, 2 ORDER BY 1, 2`, w.from, w.to)
	if err != nil {
		return fmt.Errorf("find the buckets: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var pump, n int64
		var at, oldest time.Time
		if err := rows.Scan(&pump, &at, &n, &oldest); err != nil {
			return err
		}
		if w.samples == 0 || oldest.Before(w.oldest) {
			w.oldest = oldest
		}
		w.samples += n
		w.buckets.pumps, w.buckets.at = append(w.buckets.pumps, pump), append(w.buckets.at, at)
	}
	return rows.Err()
}

// passed moves the watermark over a window whose buckets are all made.
func (s *Service) passed(ctx context.Context, l *lease.Lease, w *window) error {
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := held(ctx, tx, l); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE telemetry_watermarks SET upto = $2 WHERE job = 'rollup' AND upto = $1`, w.from, w.to)
		return err
	})
}

// remake makes some buckets of the window anew, by minute or by hour.
func (s *Service) remake(ctx context.Context, l *lease.Lease, w *window, query string, of buckets) error {
	args := []any{of.pumps, pq.Array(of.at)}
	if query == minuteRollup {
		// Partitions of days before the oldest of these buckets hold nothing of
		// them: a clock may run a day ahead.
		args = append(args, w.oldest.Add(-maxAhead-time.Minute))
	}
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := held(ctx, tx, l); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// watermark returns how far the job has come, under lock. The first time it
// starts before the oldest sample; without any it is zero.
func watermark(ctx context.Context, tx *postgres.Tx) (time.Time, error) {
	var upto time.Time
	err := tx.GetContext(ctx, &upto, `SELECT upto FROM telemetry_watermarks WHERE job = 'rollup' FOR UPDATE`)
	if !errors.Is(err, sql.ErrNoRows) {
		return upto, err
	}
	err = tx.GetContext(ctx, &upto, `INSERT INTO telemetry_watermarks (job, upto)
SELECT 'rollup', min(received_at) - interval '1 second' FROM telemetry_samples HAVING min(received_at) IS NOT NULL
ON CONFLICT (job) DO UPDATE SET upto = telemetry_watermarks.upto RETURNING upto`)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return upto, err
}

const (
	rollupColumns = `pump_id, bucket, n, last_at, last_epoch, last_seq,
    rate_nl_day_min, rate_nl_day_max, rate_nl_day_last, rate_nl_day_sum, delivered_nl_min, delivered_nl_max, delivered_nl_last,
    reservoir_nl_min, reservoir_nl_max, reservoir_nl_last, reservoir_nl_sum, sensed_n, sensed_nl_min, sensed_nl_max, sensed_nl_last, sensed_nl_sum,
    battery_mv_min, battery_mv_max, battery_mv_last, battery_mv_sum, temperature_mc_min, temperature_mc_max, temperature_mc_last, temperature_mc_sum,
    pressure_pa_min, pressure_pa_max, pressure_pa_last, pressure_pa_sum, run_last, ptm_given_last, ptm_denied_last`

	// A bucket never loses samples: when raw data is gone already, what was
	// rolled up out of it stays.
	rollupSet = ` ON CONFLICT (pump_id, bucket) DO UPDATE SET n = excluded.n, last_at = excluded.last_at, last_epoch = excluded.last_epoch, last_seq = excluded.last_seq,
    rate_nl_day_min = excluded.rate_nl_day_min, rate_nl_day_max = excluded.rate_nl_day_max, rate_nl_day_last = excluded.rate_nl_day_last, rate_nl_day_sum = excluded.rate_nl_day_sum,
    delivered_nl_min = excluded.delivered_nl_min, delivered_nl_max = excluded.delivered_nl_max, delivered_nl_last = excluded.delivered_nl_last,
    reservoir_nl_min = excluded.reservoir_nl_min, reservoir_nl_max = excluded.reservoir_nl_max, reservoir_nl_last = excluded.reservoir_nl_last, reservoir_nl_sum = excluded.reservoir_nl_sum,
    sensed_n = excluded.sensed_n, sensed_nl_min = excluded.sensed_nl_min, sensed_nl_max = excluded.sensed_nl_max, sensed_nl_last = excluded.sensed_nl_last, sensed_nl_sum = excluded.sensed_nl_sum,
    battery_mv_min = excluded.battery_mv_min, battery_mv_max = excluded.battery_mv_max, battery_mv_last = excluded.battery_mv_last, battery_mv_sum = excluded.battery_mv_sum,
    temperature_mc_min = excluded.temperature_mc_min, temperature_mc_max = excluded.temperature_mc_max, temperature_mc_last = excluded.temperature_mc_last, temperature_mc_sum = excluded.temperature_mc_sum,
    pressure_pa_min = excluded.pressure_pa_min, pressure_pa_max = excluded.pressure_pa_max, pressure_pa_last = excluded.pressure_pa_last, pressure_pa_sum = excluded.pressure_pa_sum,
    run_last = excluded.run_last, ptm_given_last = excluded.ptm_given_last, ptm_denied_last = excluded.ptm_denied_last
 WHERE excluded.n >= r.n`

	// LATERAL makes each bucket one look into the index, however the planner
	// guesses. A sample is received at most a day before its own clock says.
	minuteRollup = `INSERT INTO telemetry_minute AS r (` + rollupColumns + `)
SELECT t.pump_id, t.bucket, a.n, z.device_at, z.epoch, z.seq,
    a.rate_min, a.rate_max, z.rate_nl_day, a.rate_sum, a.delivered_min, a.delivered_max, z.delivered_nl,
    a.reservoir_min, a.reservoir_max, z.reservoir_nl, a.reservoir_sum, a.sensed_n, a.sensed_min, a.sensed_max, z.sensed_nl, a.sensed_sum,
    a.battery_min, a.battery_max, z.battery_mv, a.battery_sum, a.temperature_min, a.temperature_max, z.temperature_mc, a.temperature_sum,
    a.pressure_min, a.pressure_max, z.pressure_pa, a.pressure_sum, z.run, z.ptm_given, z.ptm_denied
FROM unnest($1::bigint[], $2::timestamptz[]) AS t (pump_id, bucket)
CROSS JOIN LATERAL (
    SELECT count(*) AS n, min(rate_nl_day) AS rate_min, max(rate_nl_day) AS rate_max, sum(rate_nl_day) AS rate_sum, min(delivered_nl) AS delivered_min, max(delivered_nl) AS delivered_max,
        min(reservoir_nl) AS reservoir_min, max(reservoir_nl) AS reservoir_max, sum(reservoir_nl) AS reservoir_sum,
        count(sensed_nl) AS sensed_n, min(sensed_nl) AS sensed_min, max(sensed_nl) AS sensed_max, sum(sensed_nl) AS sensed_sum,
        min(battery_mv) AS battery_min, max(battery_mv) AS battery_max, sum(battery_mv) AS battery_sum,
        min(temperature_mc) AS temperature_min, max(temperature_mc) AS temperature_max, sum(temperature_mc) AS temperature_sum,
        min(pressure_pa) AS pressure_min, max(pressure_pa) AS pressure_max, sum(pressure_pa) AS pressure_sum
      FROM telemetry_samples s
     WHERE s.pump_id = t.pump_id AND s.device_at >= t.bucket AND s.device_at < t.bucket + interval '1 minute' AND s.received_at >= $3) a
CROSS JOIN LATERAL (
    SELECT * FROM telemetry_samples s
     WHERE s.pump_id = t.pump_id AND s.device_at >= t.bucket AND s.device_at < t.bucket + interval '1 minute' AND s.received_at >= $3
     ORDER BY s.device_at DESC, s.epoch DESC, s.seq DESC LIMIT 1) z` + rollupSet

	hourRollup = `INSERT INTO telemetry_hour AS r (` + rollupColumns + `)
SELECT t.pump_id, t.bucket, a.n, z.last_at, z.last_epoch, z.last_seq,
    a.rate_min, a.rate_max, z.rate_nl_day_last, a.rate_sum, a.delivered_min, a.delivered_max, z.delivered_nl_last,
    a.reservoir_min, a.reservoir_max, z.reservoir_nl_last, a.reservoir_sum, a.sensed_n, a.sensed_min, a.sensed_max, z.sensed_nl_last, a.sensed_sum,
    a.battery_min, a.battery_max, z.battery_mv_last, a.battery_sum, a.temperature_min, a.temperature_max, z.temperature_mc_last, a.temperature_sum,
    a.pressure_min, a.pressure_max, z.pressure_pa_last, a.pressure_sum, z.run_last, z.ptm_given_last, z.ptm_denied_last
FROM unnest($1::bigint[], $2::timestamptz[]) AS t (pump_id, bucket)
CROSS JOIN LATERAL (
    SELECT sum(n)::bigint AS n, min(rate_nl_day_min) AS rate_min, max(rate_nl_day_max) AS rate_max, sum(rate_nl_day_sum) AS rate_sum,
        min(delivered_nl_min) AS delivered_min, max(delivered_nl_max) AS delivered_max,
        min(reservoir_nl_min) AS reservoir_min, max(reservoir_nl_max) AS reservoir_max, sum(reservoir_nl_sum) AS reservoir_sum,
        sum(m.sensed_n)::bigint AS sensed_n, min(sensed_nl_min) AS sensed_min, max(sensed_nl_max) AS sensed_max, sum(sensed_nl_sum) AS sensed_sum,
        min(battery_mv_min) AS battery_min, max(battery_mv_max) AS battery_max, sum(battery_mv_sum) AS battery_sum,
        min(temperature_mc_min) AS temperature_min, max(temperature_mc_max) AS temperature_max, sum(temperature_mc_sum) AS temperature_sum,
        min(pressure_pa_min) AS pressure_min, max(pressure_pa_max) AS pressure_max, sum(pressure_pa_sum) AS pressure_sum
      FROM telemetry_minute m WHERE m.pump_id = t.pump_id AND m.bucket >= t.bucket AND m.bucket < t.bucket + interval '1 hour') a
CROSS JOIN LATERAL (
    SELECT * FROM telemetry_minute m WHERE m.pump_id = t.pump_id AND m.bucket >= t.bucket AND m.bucket < t.bucket + interval '1 hour'
     ORDER BY m.bucket DESC LIMIT 1) z` + rollupSet
)
