package overview

import (
	"context"
	"fmt"

	"github.com/lib/pq"

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

// recalled returns the assets that an open recall still has on its list.
func (s *Service) recalled(ctx context.Context) (map[string]bool, error) {
	return s.assetsOf(ctx, `r.state = 'open' AND d.state IN ('check', 'open')`)
}

// listed returns the assets on the lists of some recalls.
func (s *Service) listed(ctx context.Context, recalls []string) (map[string]bool, error) {
	if len(recalls) == 0 {
		return nil, nil
	}
	return s.assetsOf(ctx, `'recall:' || r.id = ANY ($1)`, pq.StringArray(recalls))
}

func (s *Service) assetsOf(ctx context.Context, where string, args ...any) (map[string]bool, error) {
	rows, err := s.DB.QueryContext(ctx, `
SELECT DISTINCT CASE WHEN d.pump_id IS NULL THEN 'communicator:' || d.comm ELSE 'pump:' || d.pump_id END
FROM recall_devices d JOIN recall_recalls r ON r.id = d.recall_id WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read recalled devices: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]bool{}
	for rows.Next() {
		var asset string
		if err := rows.Scan(&asset); err != nil {
			return nil, err
		}
		out[asset] = true
	}
	return out, rows.Err()
}
