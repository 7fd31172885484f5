package dosing

import (
	"context"
	"database/sql"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/internal/auth"
)

// Week is what happened at one site in one week: the report by site and time.
type Week struct {
	Site       int64
	Monday     time.Time // of the week, UTC
	Proposed   int64     // proposals that the checks let through
	Within     int64     // of those, without a soft limit or step passed
	SoftLimits int64     // soft limits passed with a reason
	SoftSteps  int64     // soft steps passed with a reason
	Caught     int64     // proposals that a check refused
	Mismatches int64     // blind entries that differed
	Applied    int64     // by pumps
	Increases  int64     // of those, more of something
	Alone      int64     // acts of one person
}

// Weeks counts by site and week, newest week first.
func (s *Service) Weeks(ctx context.Context, scope auth.Scope, since time.Time) ([]Week, error) {
	return readWeeks(ctx, s.DB, scope, since)
}

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
