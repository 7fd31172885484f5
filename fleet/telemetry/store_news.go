package telemetry

import (
	"context"
	"fmt"

	"cisterna/internal/postgres"
)

// TakePresence removes at most limit changes of presence from the list of those
// that nobody was told of, and returns them in the order of their ids. The
// transaction that tells of them must be tx. One at a time may take: the caller
// sees to that.
func TakePresence(ctx context.Context, tx *postgres.Tx, limit int) ([]PresenceChange, error) {
	rows, err := tx.QueryContext(ctx, `WITH taken AS (
    DELETE FROM telemetry_presence_news WHERE log_id IN (SELECT log_id FROM telemetry_presence_news ORDER BY log_id LIMIT $1) RETURNING log_id
)
SELECT l.id, l.pump_id, l.at, l.was, l.state, l.reason FROM taken JOIN telemetry_presence_log l ON l.id = taken.log_id ORDER BY l.id`, limit)
	if err != nil {
		return nil, fmt.Errorf("take the news of presence: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []PresenceChange
	for rows.Next() {
		var c PresenceChange
		if err := rows.Scan(&c.ID, &c.Pump, &c.At, &c.Was, &c.State, &c.Reason); err != nil {
			return nil, fmt.Errorf("take the news of presence: %w", err)
		}
		all = append(all, c)
	}
	return all, rows.Err()
}
