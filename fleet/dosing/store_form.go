package dosing

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/postgres"
)

// keepForm keeps a form, and of the others of its person those that are not too old
// and, with it, not too many.
func keepForm(ctx context.Context, tx *postgres.Tx, user int64, t *Typed) error {
	// One form of a person at a time: their number is looked at.
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('dosing_forms', $1))`, user); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM dosing_forms WHERE user_id = $1 AND at < $2`, user, t.At.Add(-FormKept)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO dosing_forms (user_id, pump_id, site_id, kind, form, at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (user_id, pump_id) DO UPDATE SET site_id = excluded.site_id, kind = excluded.kind, form = excluded.form, at = excluded.at`,
		user, t.Pump, t.Site, actText(t.Kind), t.Form, t.At)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM dosing_forms WHERE user_id = $1 AND pump_id IN (
    SELECT pump_id FROM dosing_forms WHERE user_id = $1 ORDER BY pump_id = $2 DESC, at DESC, pump_id OFFSET $3)`, user, t.Pump, MaxForms)
	return err
}

// readForm returns a person's form for a pump that is not too old, and whether there
// is one.
func readForm(ctx context.Context, db *sqlx.DB, user, pump int64, since time.Time) (Typed, bool, error) {
	t, err := scanForm(db.QueryRowContext(ctx, `SELECT pump_id, site_id, kind, form, at FROM dosing_forms WHERE user_id = $1 AND pump_id = $2 AND at >= $3`, user, pump, since))
	if errors.Is(err, sql.ErrNoRows) {
		return Typed{}, false, nil
	}
	return t, err == nil, err
}

// readForms returns a person's forms that are not too old, newest first, without
// their text.
func readForms(ctx context.Context, db *sqlx.DB, user int64, since time.Time) ([]Typed, error) {
	rows, err := db.QueryContext(ctx, `SELECT pump_id, site_id, kind, '', at FROM dosing_forms WHERE user_id = $1 AND at >= $2 ORDER BY at DESC, pump_id LIMIT $3`, user, since, MaxForms)
	return collect(rows, err, func(r *sql.Rows) (Typed, error) { return scanForm(r) })
}

func scanForm(row interface{ Scan(...any) error }) (Typed, error) {
	var t Typed
	var kind string
	if err := row.Scan(&t.Pump, &t.Site, &kind, &t.Form, &t.At); err != nil {
		return t, err
	}
	return t, t.Kind.UnmarshalText([]byte(kind))
}

func dropForm(ctx context.Context, tx *postgres.Tx, user, pump int64) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM dosing_forms WHERE user_id = $1 AND pump_id = $2`, user, pump)
	return err
}
