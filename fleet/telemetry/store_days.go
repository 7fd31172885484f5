package telemetry

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/lib/pq"

	"cisterna/device/units"
)

// Days returns what a pump delivered on each of n days of a zone and so far today, by
// the rollups, which come a minute or two late, and the newest reading.
func (s *Service) Days(ctx context.Context, pump int64, zone *time.Location, n int) ([]Day, error) {
	now := s.Now()
	at := midnights(now, zone, n)
	all, err := s.ends(ctx, pump, append([]time.Time{at[0].Add(-slack)}, at...))
	if err != nil {
		return nil, fmt.Errorf("read the days of pump %d: %w", pump, err)
	}
	newest, ok, err := s.Latest(ctx, pump)
	if err != nil {
		return nil, fmt.Errorf("read the days of pump %d: %w", pump, err)
	}
	if ok {
		all[len(all)-1].add(Count{At: newest.DeviceAt, Delivered: units.Volume(newest.DeliveredNL), Given: newest.PTMGiven, Denied: newest.PTMDenied}, at[n], at[n+1])
	}
	return daysOf(at, all[0].last, all[1:], now), nil
}

// ends returns the first and the last reading of each span between moments.
func (s *Service) ends(ctx context.Context, pump int64, at []time.Time) ([]ends, error) {
	// A zone's midnight is one of a minute: the buckets by minute lie in one day each.
	const reading = `SELECT last_at, delivered_nl_last AS delivered, coalesce(ptm_given_last, -1) AS given, coalesce(ptm_denied_last, -1) AS denied
    FROM telemetry_minute WHERE pump_id = $1 AND bucket >= d.begins AND bucket < d.ends ORDER BY bucket`
	rows, err := s.DB.QueryContext(ctx, `SELECT f.last_at, f.delivered, f.given, f.denied, l.last_at, l.delivered, l.given, l.denied
FROM unnest($2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS d (begins, ends, n)
LEFT JOIN LATERAL (`+reading+` LIMIT 1) f ON true LEFT JOIN LATERAL (`+reading+` DESC LIMIT 1) l ON true ORDER BY d.n`,
		pump, pq.Array(at[:len(at)-1]), pq.Array(at[1:]))
	return scanAll(rows, err, "counts", func(rows *sql.Rows) (e ends, err error) {
		var at [2]sql.NullTime
		var v [6]sql.NullInt64
		if err := rows.Scan(&at[0], &v[0], &v[1], &v[2], &at[1], &v[3], &v[4], &v[5]); err != nil || !at[0].Valid {
			return e, err
		}
		count := func(at sql.NullTime, v []sql.NullInt64) Count {
			return Count{At: at.Time.UTC(), Delivered: units.Volume(v[0].Int64), Given: v[1].Int64, Denied: v[2].Int64}
		}
		return ends{count(at[0], v[:3]), count(at[1], v[3:])}, nil
	})
}
