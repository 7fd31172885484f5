package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"cisterna/internal/lease"
	"cisterna/internal/postgres"
)

// addPartitions makes the daily partitions from yesterday on, some days ahead.
// The server may not create tables; the function of the schema's owner does it.
func (s *Service) addPartitions(ctx context.Context) error {
	first := s.Now().UTC().AddDate(0, 0, -1)
	var made int
	if err := s.DB.GetContext(ctx, &made, `SELECT telemetry_add_partitions($1::date, $2)`, first.Format(time.DateOnly), partitionsMade+1); err != nil {
		return fmt.Errorf("make partitions: %w", err)
	}
	if made > 0 {
		s.Log.Info("partitions made", slog.Int("days", made))
	}
	return nil
}

// watchDefault looks into the default partition. Rows there are safe and are
// read like all others, but retention cannot drop them: an operator must see why
// no partition was there.
func (s *Service) watchDefault(ctx context.Context) error {
	var rows int64
	var first, last *time.Time
	err := s.DB.QueryRowContext(ctx, `SELECT count(*), min(received_at), max(received_at) FROM telemetry_samples_default`).Scan(&rows, &first, &last)
	if err != nil {
		return fmt.Errorf("look into the default partition: %w", err)
	}
	s.Stats.DefaultRows.Store(rows)
	if rows == 0 {
		s.setTroubles()
		return nil
	}
	text := fmt.Sprintf("%d samples received from %s to %s found no daily partition and wait in telemetry_samples_default. Check that partitions are made (telemetry_add_partitions) and that the server's clock is right.",
		rows, first.UTC().Format(time.RFC3339), last.UTC().Format(time.RFC3339))
	s.Log.Error("the default partition is not empty: daily partitions are missing", slog.Int64("rows", rows), slog.Time("first", *first), slog.Time("last", *last))
	s.setTroubles(Trouble{Code: "PARTITION_DEFAULT", Text: text, At: s.Now()})
	return nil
}

// retire drops what is older than it is to be kept.
func (s *Service) retire(ctx context.Context, l *lease.Lease) error {
	now := s.Now()
	before := now.Add(-s.Keep.Samples)
	// What the rollups and the digests have not seen stays.
	err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := held(ctx, tx, l); err != nil {
			return err
		}
		var dropped int
		err := tx.GetContext(ctx, &dropped, `SELECT telemetry_drop_partitions(least($1::timestamptz, (SELECT min(upto) FROM telemetry_watermarks WHERE job IN ('rollup', 'digest'))))`, before)
		if err == nil && dropped > 0 {
			s.Log.Info("partitions dropped", slog.Int("days", dropped), slog.Time("before", before))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("drop partitions: %w", err)
	}
	for _, old := range []struct {
		table, column string
		keep          time.Duration
	}{
		{"telemetry_minute", "bucket", s.Keep.Minutes},
		{"telemetry_hour", "bucket", s.Keep.Hours},
		{"telemetry_refusals", "received_at", s.Keep.Refusals},
		{"telemetry_refusal_counts", "hour", s.Keep.Refusals},
		{"telemetry_presence_log", "at", s.Keep.Presence},
		{"telemetry_sessions", "closed_at", s.Keep.Presence},
	} {
		if err := s.deleteOld(ctx, old.table, old.column, now.Add(-old.keep)); err != nil {
			return fmt.Errorf("delete old rows of %s: %w", old.table, err)
		}
	}
	return nil
}

// deleteOld deletes in portions, so that no transaction is long. The names are
// this file's own.
func (s *Service) deleteOld(ctx context.Context, table, column string, before time.Time) error {
	for {
		res, err := s.DB.ExecContext(ctx, `DELETE FROM `+table+` WHERE ctid = ANY (ARRAY(SELECT ctid FROM `+table+` WHERE `+column+` < $1 LIMIT 5000))`, before)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n < 5000 {
			return err
		}
	}
}

// held checks a lease inside a transaction; a nil lease is the caller's own
// business (tests).
func held(ctx context.Context, tx *postgres.Tx, l *lease.Lease) error {
	if l == nil {
		return nil
	}
	return l.Check(ctx, tx)
}
