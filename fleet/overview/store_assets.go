package overview

import (
	"context"
	"fmt"

	"cisterna/fleet/registry"
)

// nextDue returns the earliest day of planned work by asset.
func (s *Service) nextDue(ctx context.Context) (map[string]registry.Date, error) {
	rows, err := s.DB.QueryContext(ctx, `
SELECT CASE WHEN pump_id IS NULL THEN 'communicator:' || link ELSE 'pump:' || pump_id END, min(due_on)::text FROM maintenance_work WHERE state = 'planned' GROUP BY 1`)
	if err != nil {
		return nil, fmt.Errorf("read planned work: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]registry.Date{}
	for rows.Next() {
		var asset string
		var day registry.Date
		if err := rows.Scan(&asset, &day); err != nil {
			return nil, err
		}
		out[asset] = day
	}
	return out, rows.Err()
}

// recalled returns the pumps that an open recall still has on its list.
func (s *Service) recalled(ctx context.Context) (map[int64]bool, error) {
	rows, err := s.DB.QueryContext(ctx, `
SELECT DISTINCT d.pump_id FROM recall_devices d JOIN recall_recalls r ON r.id = d.recall_id WHERE r.state = 'open' AND d.state IN ('check', 'open') AND d.pump_id IS NOT NULL`)
	if err != nil {
		return nil, fmt.Errorf("read recalled pumps: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out := map[int64]bool{}
	for rows.Next() {
		var pump int64
		if err := rows.Scan(&pump); err != nil {
			return nil, err
		}
		out[pump] = true
	}
	return out, rows.Err()
}
