package manual

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// A step is stored as three whole numbers, which no reader of JSON takes for
// floats that lose digits: they are far below 2⁵³.
func encodeSteps(steps []dose.Segment) (any, error) {
	if steps == nil {
		return nil, nil
	}
	out := make([][3]int64, len(steps))
	for i, s := range steps {
		out[i] = [3]int64{int64(s.Offset), int64(s.Duration), int64(s.Volume)}
	}
	return json.Marshal(out)
}

func decodeSteps(b []byte) ([]dose.Segment, error) {
	if b == nil {
		return nil, nil
	}
	var in [][3]int64
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, err
	}
	out := make([]dose.Segment, len(in))
	for i, s := range in {
		out[i] = dose.Segment{Offset: units.Seconds(s[0]), Duration: units.Seconds(s[1]), Volume: units.Volume(s[2])}
	}
	return out, nil
}

// correctable refuses a correction of a reading that is not the pump's, or that
// has one.
func correctable(ctx context.Context, tx *postgres.Tx, pump, wrong int64) error {
	var taken bool
	err := tx.QueryRowContext(ctx, `
SELECT EXISTS (SELECT FROM manual_readings c WHERE c.supersedes = r.id) FROM manual_readings r WHERE r.id = $1 AND r.pump_id = $2 FOR UPDATE`, wrong, pump).Scan(&taken)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errs.NotFoundf("There is no such reading of this pump.")
	case err == nil && taken:
		return errs.Conflictf("This reading was corrected already. Correct the correction.")
	}
	return err
}

func insert(ctx context.Context, tx *postgres.Tx, r Reading) (id int64, err error) {
	steps, err := encodeSteps(r.Steps)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `
INSERT INTO manual_readings (pump_id, site_id, taken_at, taken_by, source, residual_nl, rate_nl_day, battery, alarms, alarms_seen, program, steps, note, supersedes, reason,
  imported, recorded_at, recorded_by, recorded_name)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, NULLIF($14, 0), $15, $16, $17, $18, $19) RETURNING id`,
		r.Pump, r.Site, r.TakenAt, r.TakenBy, r.Source, whole(r.Residual), whole(r.Rate), r.Battery, pq.StringArray(r.Alarms), r.AlarmsSeen, r.Program, steps, r.Note,
		r.Supersedes, r.Reason, r.Imported, r.RecordedAt, r.RecordedBy, r.RecordedName).Scan(&id)
	return id, err
}

func whole[T ~int64](v *T) any {
	if v == nil {
		return nil
	}
	return int64(*v)
}

func list(ctx context.Context, db *sqlx.DB, pump int64) ([]Reading, error) {
	rows, err := db.QueryContext(ctx, `
SELECT r.id, r.pump_id, r.site_id, r.taken_at, r.taken_by, r.source, r.residual_nl, r.rate_nl_day, r.battery, r.alarms, r.alarms_seen, r.program, r.steps, r.note,
  COALESCE(r.supersedes, 0), r.reason, COALESCE(c.id, 0), r.imported, r.recorded_at, r.recorded_by, r.recorded_name
FROM manual_readings r LEFT JOIN manual_readings c ON c.supersedes = r.id WHERE r.pump_id = $1 ORDER BY r.taken_at DESC, r.id DESC LIMIT 500`, pump)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Reading
	for rows.Next() {
		var r Reading
		var residual, rate sql.NullInt64
		var steps []byte
		err := rows.Scan(&r.ID, &r.Pump, &r.Site, &r.TakenAt, &r.TakenBy, &r.Source, &residual, &rate, &r.Battery, (*pq.StringArray)(&r.Alarms), &r.AlarmsSeen, &r.Program, &steps, &r.Note,
			&r.Supersedes, &r.Reason, &r.SupersededBy, &r.Imported, &r.RecordedAt, &r.RecordedBy, &r.RecordedName)
		if err != nil {
			return nil, err
		}
		if residual.Valid {
			r.Residual = new(units.Volume(residual.Int64))
		}
		if rate.Valid {
			r.Rate = new(units.Rate(rate.Int64))
		}
		if r.Steps, err = decodeSteps(steps); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}
