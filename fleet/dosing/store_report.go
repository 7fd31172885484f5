package dosing

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

func readWeeks(ctx context.Context, db *sqlx.DB, scope auth.Scope, since time.Time) ([]Week, error) {
	rows, err := db.QueryContext(ctx, `SELECT site_id, week, sum(proposed), sum(within), sum(limits), sum(steps), sum(caught), sum(mismatches), sum(applied), sum(increases), sum(alone) FROM (
    SELECT o.site_id, date_trunc('week', o.proposed_at AT TIME ZONE 'UTC') AS week, 1 AS proposed,
        (NOT EXISTS (SELECT FROM dosing_catches c WHERE c.order_id = o.id AND c.kind = 'override'))::int AS within, 0 AS limits, 0 AS steps, 0 AS caught, 0 AS mismatches, 0 AS applied, 0 AS increases, 0 AS alone
    FROM dosing_orders o WHERE o.proposed_at >= $3 AND ($1 OR o.site_id = ANY ($2))
    UNION ALL
    SELECT site_id, date_trunc('week', at AT TIME ZONE 'UTC'), 0, 0, (kind = 'override' AND code = 'soft_limit')::int, (kind = 'override' AND code = 'soft_step')::int, (kind = 'refused')::int, (kind = 'mismatch')::int, 0, 0, 0
    FROM dosing_catches WHERE at >= $3 AND ($1 OR site_id = ANY ($2))
    UNION ALL
    SELECT site_id, date_trunc('week', closed_at AT TIME ZONE 'UTC'), 0, 0, 0, 0, 0, 0, 1, coalesce((finding->>'increase')::boolean, false)::int, 0
    FROM dosing_orders WHERE state = 'applied' AND closed_at >= $3 AND ($1 OR site_id = ANY ($2))
    UNION ALL
    SELECT site_id, date_trunc('week', at AT TIME ZONE 'UTC'), 0, 0, 0, 0, 0, 0, 0, 0, 1 FROM dosing_reviews WHERE at >= $3 AND ($1 OR site_id = ANY ($2))) x
GROUP BY site_id, week ORDER BY week DESC, site_id`, scope.All, pq.Int64Array(scope.Sites), since)
	return collect(rows, err, func(r *sql.Rows) (Week, error) {
		var w Week
		return w, r.Scan(&w.Site, &w.Monday, &w.Proposed, &w.Within, &w.SoftLimits, &w.SoftSteps, &w.Caught, &w.Mismatches, &w.Applied, &w.Increases, &w.Alone)
	})
}

// keepReport keeps what the pump said of itself with the order that is proposed by it.
func keepReport(ctx context.Context, tx *postgres.Tx, id int64, report []byte) error {
	_, err := tx.ExecContext(ctx, `UPDATE dosing_orders SET report = $2 WHERE id = $1`, id, report)
	return err
}

// readReport returns what keepReport kept, nil if nothing is.
func readReport(ctx context.Context, q queryer, id int64) (report []byte, err error) {
	err = q.QueryRowContext(ctx, `SELECT report FROM dosing_orders WHERE id = $1`, id).Scan(&report)
	return report, err
}

// readRaises returns the orders of a pump in a patient that gave more of something,
// applied since a moment.
func readRaises(ctx context.Context, db *sqlx.DB, pump, patient int64, since time.Time) ([]raise, error) {
	rows, err := db.QueryContext(ctx, `SELECT closed_at, finding->'raised' FROM dosing_orders
WHERE pump_id = $1 AND coalesce(patient_id, 0) = $2 AND state = 'applied' AND closed_at >= $3 AND finding->'raised' IS NOT NULL ORDER BY closed_at`, pump, patient, since)
	return collect(rows, err, func(r *sql.Rows) (out raise, err error) {
		var codes []byte
		if err := r.Scan(&out.at, &codes); err != nil {
			return out, err
		}
		return out, json.Unmarshal(codes, &out.codes)
	})
}
