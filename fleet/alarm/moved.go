package alarm

import (
	"context"
	"fmt"

	"cisterna/internal/postgres"
)

// MovedTx gives the open alarms of a pump to the site that it goes to, in the
// caller's transaction. Who looks at the old site sees them end there, who looks
// at the new one sees them as raised: nobody of the new site may miss one. What is
// over stays where it happened.
func (s *Service) MovedTx(ctx context.Context, tx *postgres.Tx, pump, site int64) error {
	open, err := lockOpen(ctx, tx, pump)
	if err != nil {
		return fmt.Errorf("alarms of pump %d: %w", pump, err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE alarm_alarms SET site_id = $2, rev = rev + 1 WHERE pump_id = $1 AND cleared_at IS NULL`, pump, site); err != nil {
		return fmt.Errorf("alarms of pump %d: %w", pump, err)
	}
	now := s.now()
	for _, a := range open {
		gone, here := a, a
		gone.State, gone.ClearedAt, gone.Rev = Cleared, now, a.Rev+1
		here.Site, here.Rev = site, a.Rev+1
		tx.OnCommit(func() {
			s.publish(ChangeClosed, gone)
			s.publish(ChangeRaised, here)
		})
	}
	return nil
}
