package maintenance

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

const columns = `w.id, w.site_id, COALESCE(w.pump_id, 0), COALESCE(w.link, ''), w.kind, w.body, COALESCE(w.due_on::text, ''), w.state, COALESCE(w.done_on::text, ''), w.result,
 w.created_at, w.created_by, w.created_name, w.ended_at, w.ended_name`

func scan(row interface{ Scan(...any) error }) (Work, error) {
	var w Work
	var ended sql.NullTime
	err := row.Scan(&w.ID, &w.Site, &w.Pump, &w.Link, &w.Kind, &w.Text, &w.DueOn, &w.State, &w.DoneOn, &w.Result, &w.CreatedAt, &w.CreatedBy, &w.CreatedName, &ended, &w.EndedName)
	w.EndedAt, w.Serial = ended.Time, w.Link
	return w, err
}

func day(d registry.Date) any {
	if d == "" {
		return nil
	}
	return string(d)
}

func insert(ctx context.Context, tx *postgres.Tx, w Work) (id int64, err error) {
	var ended any
	by := ""
	if w.State != Planned {
		ended, by = w.EndedAt, w.CreatedBy
	}
	err = tx.QueryRowContext(ctx, `
INSERT INTO maintenance_work (site_id, pump_id, link, kind, body, due_on, state, done_on, created_at, created_by, created_name, ended_at, ended_by, ended_name)
VALUES ($1, NULLIF($2, 0), NULLIF($3, ''), $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id`,
		w.Site, w.Pump, w.Link, w.Kind, w.Text, day(w.DueOn), w.State, day(w.DoneOn), w.CreatedAt, w.CreatedBy, w.CreatedName, ended, by, w.EndedName).Scan(&id)
	return id, err
}

func lock(ctx context.Context, tx *postgres.Tx, id int64) (Work, error) {
	w, err := scan(tx.QueryRowContext(ctx, `SELECT `+columns+` FROM maintenance_work w WHERE w.id = $1 FOR UPDATE`, id))
	return w, only(err)
}

func end(ctx context.Context, tx *postgres.Tx, id int64, to State, on registry.Date, result, by, name string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE maintenance_work SET state = $2, done_on = $3, result = $4, ended_at = $5, ended_by = $6, ended_name = $7 WHERE id = $1`,
		id, to, day(on), result, now, by, name)
	return err
}

func get(ctx context.Context, db *sqlx.DB, scope auth.Scope, id int64) (Work, error) {
	w, err := scan(db.QueryRowContext(ctx, `SELECT `+columns+` FROM maintenance_work w WHERE w.id = $1 AND ($2 OR w.site_id = ANY($3))`, id, scope.All, pq.Int64Array(scope.Sites)))
	return w, only(err)
}

func list(ctx context.Context, db *sqlx.DB, scope auth.Scope, where string, arg any) ([]Work, error) {
	return query(ctx, db, `
SELECT `+columns+` FROM maintenance_work w WHERE ($1 OR w.site_id = ANY($2)) AND `+where+`
ORDER BY w.state = 'planned' DESC, CASE WHEN w.state = 'planned' THEN w.due_on END, w.done_on DESC, w.id DESC`, scope.All, pq.Int64Array(scope.Sites), arg)
}

func all(ctx context.Context, db *sqlx.DB, scope auth.Scope) ([]Work, error) {
	return query(ctx, db, `SELECT `+columns+` FROM maintenance_work w WHERE ($1 OR w.site_id = ANY($2)) ORDER BY w.id`, scope.All, pq.Int64Array(scope.Sites))
}

func query(ctx context.Context, db *sqlx.DB, text string, args ...any) ([]Work, error) {
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var list []Work
	for rows.Next() {
		w, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, rows.Err()
}

func only(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errs.NotFoundf("There is no such piece of work.")
	}
	return err
}

// MovedTx gives the work on a pump to the site that it goes to, in the caller's
// transaction, and that on the communicator that goes with it ("" if none does): what
// was done to a device is part of it, wherever it was done. Who did it is said with
// each.
func (s *Service) MovedTx(ctx context.Context, tx *postgres.Tx, pump int64, link string, site int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE maintenance_work SET site_id = $3 WHERE (pump_id = $1 OR link = NULLIF($2, '')) AND site_id <> $3`, pump, link, site)
	if err != nil {
		return fmt.Errorf("work on pump %d: %w", pump, err)
	}
	return nil
}

// KnownCommunicators gives the work on communicators that were registered or that
// enrolled to the sites where they are now, in the caller's transaction
// (registry.Options.KnownCommunicators): one can come to another site with the pump
// that it is paired with.
func (s *Service) KnownCommunicators(ctx context.Context, tx *postgres.Tx, list []registry.Communicator) error {
	for _, c := range list {
		if _, err := tx.ExecContext(ctx, `UPDATE maintenance_work SET site_id = $2 WHERE link = $1 AND site_id <> $2`, c.Serial, c.Site); err != nil {
			return fmt.Errorf("work on communicator %s: %w", c.Serial, err)
		}
	}
	return nil
}
