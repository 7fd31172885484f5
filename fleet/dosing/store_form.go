package dosing

import (
	"context"
	"database/sql"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/postgres"
)

func keepForm(ctx context.Context, tx *postgres.Tx, user int64, t *Typed) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM dosing_forms WHERE user_id = $1 AND at < $2`, user, t.At.Add(-FormKept)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO dosing_forms (user_id, pump_id, site_id, kind, form, at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (user_id, pump_id) DO UPDATE SET site_id = excluded.site_id, kind = excluded.kind, form = excluded.form, at = excluded.at`,
		user, t.Pump, t.Site, actText(t.Kind), t.Form, t.At)
	return err
}

// readForms returns a person's forms that are not too old, newest first; of one
// pump, or of all for 0.
func readForms(ctx context.Context, db *sqlx.DB, user, pump int64, since time.Time) ([]Typed, error) {
	rows, err := db.QueryContext(ctx, `SELECT pump_id, site_id, kind, form, at FROM dosing_forms WHERE user_id = $1 AND ($2 = 0 OR pump_id = $2) AND at >= $3 ORDER BY at DESC, pump_id`, user, pump, since)
	return collect(rows, err, func(r *sql.Rows) (Typed, error) {
		var t Typed
		var kind string
		if err := r.Scan(&t.Pump, &t.Site, &kind, &t.Form, &t.At); err != nil {
			return t, err
		}
		return t, t.Kind.UnmarshalText([]byte(kind))
	})
}

func dropForm(ctx context.Context, tx *postgres.Tx, user, pump int64) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM dosing_forms WHERE user_id = $1 AND pump_id = $2`, user, pump)
	return err
}
