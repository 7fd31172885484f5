package telemetry

import (
	"context"
	"fmt"
	"time"

	"github.com/lib/pq"

	"cisterna/internal/postgres"
)

// takeOver does, at the start of this server, what the one before could not do any
// more: it ends the connections that were left open, and notes with every pump for
// how long nobody could hear it. One server serves a database.
func (s *Service) takeOver(ctx context.Context) error {
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		now := s.Now().Truncate(time.Millisecond)
		if _, err := tx.ExecContext(ctx, `UPDATE telemetry_presence SET connected = false, closed_at = $2, close_reason = 'shutdown' WHERE connected AND server_boot <> $1`, s.Boot, now); err != nil {
			return fmt.Errorf("end connections of earlier starts: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE telemetry_sessions SET closed_at = $2, close_reason = 'shutdown' WHERE closed_at IS NULL AND server_boot <> $1`, s.Boot, now); err != nil {
			return fmt.Errorf("end sessions of earlier starts: %w", err)
		}
		// Where no earlier end is known, it ended with the pump's last message.
		if _, err := tx.ExecContext(ctx, `UPDATE telemetry_presence SET deaf_ms = deaf_ms + (extract(epoch FROM $1 - greatest(heard_at, (SELECT up_at FROM telemetry_uplink))) * 1000)::bigint
WHERE heard_at IS NOT NULL AND greatest(heard_at, (SELECT up_at FROM telemetry_uplink)) < $1`, now); err != nil {
			return fmt.Errorf("note for how long no pump could be heard: %w", err)
		}
		// In the same transaction, so that no span is counted twice.
		return noteUp(ctx, tx, now)
	})
}

// freshRules gives every pump the rule that holds now: device profiles may have
// changed between two starts, and whoever is silent would keep the old one.
func (s *Service) freshRules(ctx context.Context) error {
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		rows, err := readPresence(ctx, tx, `SELECT `+presenceColumns+` FROM telemetry_presence ORDER BY pump_id FOR UPDATE`)
		if err != nil {
			return fmt.Errorf("read presence: %w", err)
		}
		ids := make(pq.Int64Array, len(rows))
		for i, r := range rows {
			ids[i] = r.pump
		}
		burdens, err := readBurdens(ctx, tx, ids)
		if err != nil {
			return err
		}
		var changed []presenceRow
		for _, r := range rows {
			ref, ok := s.Directory.ByID(r.pump)
			if rule := s.Silence(ref.Profile, burdens[r.pump].severity); ok && rule != r.rule {
				r.rule = rule
				changed = append(changed, r)
			}
		}
		if len(changed) == 0 {
			return nil
		}
		return writePresence(ctx, tx, changed)
	})
}

// noteUp notes that our end could hear until now.
func noteUp(ctx context.Context, q querier, now time.Time) error {
	if _, err := q.ExecContext(ctx, `INSERT INTO telemetry_uplink (one, up_at) VALUES (true, $1) ON CONFLICT (one) DO UPDATE SET up_at = excluded.up_at`, now); err != nil {
		return fmt.Errorf("note that our end is up: %w", err)
	}
	return nil
}
