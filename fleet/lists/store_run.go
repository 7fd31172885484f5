package lists

import (
	"context"
	"database/sql"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

func insertFrozen(ctx context.Context, tx *postgres.Tx, f *Frozen, pumps []int64) error {
	err := tx.QueryRowContext(ctx, `
INSERT INTO lists_frozen (owner, token, filter, picked, epoch, rev, count, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id`,
		f.Owner, f.Token, f.Filter, f.Picked, f.Epoch, int64(f.Rev), f.Count, f.CreatedAt, f.ExpiresAt).Scan(&f.ID)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO lists_frozen_pumps (frozen_id, pump_id) SELECT $1, p FROM unnest($2::bigint[]) p`, f.ID, pq.Int64Array(pumps))
	return err
}

const frozenColumns = `id, owner, token, filter, picked, epoch, rev, count, created_at, expires_at`

func scanFrozen(row interface{ Scan(...any) error }) (f Frozen, err error) {
	var rev int64
	err = row.Scan(&f.ID, &f.Owner, &f.Token, &f.Filter, &f.Picked, &f.Epoch, &rev, &f.Count, &f.CreatedAt, &f.ExpiresAt)
	f.Rev = uint64(rev)
	return f, none(err, "frozen list")
}

func getFrozen(ctx context.Context, db *sqlx.DB, id int64) (f Frozen, pumps []int64, err error) {
	f, err = scanFrozen(db.QueryRowContext(ctx, `SELECT `+frozenColumns+` FROM lists_frozen WHERE id = $1`, id))
	if err == nil {
		err = db.SelectContext(ctx, &pumps, `SELECT pump_id FROM lists_frozen_pumps WHERE frozen_id = $1 ORDER BY pump_id`, id)
	}
	return f, pumps, err
}

// takeFrozen reads a frozen list and deletes it: it is for one run.
func takeFrozen(ctx context.Context, tx *postgres.Tx, id int64) (f Frozen, pumps []int64, err error) {
	f, err = scanFrozen(tx.QueryRowContext(ctx, `SELECT `+frozenColumns+` FROM lists_frozen WHERE id = $1 FOR UPDATE`, id))
	if err == nil {
		err = tx.SelectContext(ctx, &pumps, `DELETE FROM lists_frozen_pumps WHERE frozen_id = $1 RETURNING pump_id`, id)
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `DELETE FROM lists_frozen WHERE id = $1`, id)
	}
	return f, pumps, err
}

func deleteExpired(ctx context.Context, db *sqlx.DB, now time.Time) error {
	_, err := db.ExecContext(ctx, `DELETE FROM lists_frozen WHERE expires_at < $1`, now.Add(-FrozenLife))
	return err
}

func insertRun(ctx context.Context, tx *postgres.Tx, r *Run, pumps []int64) error {
	err := tx.QueryRowContext(ctx, `
INSERT INTO lists_runs (owner, token, site_id, action, tags, group_id, reason, filter, count, state, why, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'running', '', $10) RETURNING id`,
		r.Owner, r.Token, r.Site, r.Action, pq.StringArray(r.Tags), r.Group, r.Reason, r.Filter, r.Count, r.CreatedAt).Scan(&r.ID)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO lists_run_items (run_id, pump_id) SELECT $1, p FROM unnest($2::bigint[]) p`, r.ID, pq.Int64Array(pumps))
	return err
}

const selectRun = `SELECT r.id, r.owner, r.token, r.site_id, r.action, r.tags, r.group_id, r.reason, r.filter, r.count, r.state, r.why, r.created_at, r.ended_at,
 (SELECT count(*) FROM lists_run_items i WHERE i.run_id = r.id AND i.state = 'waiting'),
 (SELECT count(*) FROM lists_run_items i WHERE i.run_id = r.id AND i.state = 'refused') FROM lists_runs r`

func scanRun(row interface{ Scan(...any) error }) (r Run, err error) {
	var ended sql.NullTime
	err = row.Scan(&r.ID, &r.Owner, &r.Token, &r.Site, &r.Action, (*pq.StringArray)(&r.Tags), &r.Group, &r.Reason, &r.Filter, &r.Count, &r.State, &r.Why, &r.CreatedAt, &ended,
		&r.Waiting, &r.Refused)
	r.EndedAt, r.Finished = ended.Time, r.Count-r.Waiting-r.Refused
	return r, none(err, "run")
}

func getRun(ctx context.Context, db *sqlx.DB, id int64) (Run, error) {
	return scanRun(db.QueryRowContext(ctx, selectRun+` WHERE r.id = $1`, id))
}

// lockRun reads a run and holds it. Items that are being done have their outcome
// before or find that the run has ended: setOutcome looks at it.
func lockRun(ctx context.Context, tx *postgres.Tx, id int64) (Run, error) {
	if _, err := tx.ExecContext(ctx, `SELECT id FROM lists_runs WHERE id = $1 FOR UPDATE`, id); err != nil {
		return Run{}, err
	}
	// A statement of its own: it counts what those who held the lock committed.
	return scanRun(tx.QueryRowContext(ctx, selectRun+` WHERE r.id = $1`, id))
}

func endRun(ctx context.Context, tx *postgres.Tx, id int64, state RunState, why string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE lists_runs SET state = $2, why = $3, ended_at = $4 WHERE id = $1`, id, state, why, now)
	return err
}

// setOutcome gives a waiting item its outcome, in the transaction of its change.
// errTaken: it has one, or the run has ended.
func setOutcome(ctx context.Context, tx *postgres.Tx, run, pump int64, state, detail string, now time.Time) error {
	var running bool
	if err := tx.GetContext(ctx, &running, `SELECT state = 'running' FROM lists_runs WHERE id = $1 FOR SHARE`, run); err != nil {
		return err
	}
	if !running {
		return errTaken
	}
	res, err := tx.ExecContext(ctx, `UPDATE lists_run_items SET state = $3, detail = $4, at = $5 WHERE run_id = $1 AND pump_id = $2 AND state = 'waiting'`, run, pump, state, detail, now)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errTaken
	}
	return nil
}

// runningRuns returns the runs that go on by themselves, oldest first.
func runningRuns(ctx context.Context, db *sqlx.DB) (ids []int64, err error) {
	err = db.SelectContext(ctx, &ids, `SELECT id FROM lists_runs WHERE state = 'running' AND action <> 'claim' ORDER BY id`)
	return ids, err
}

func waitingItems(ctx context.Context, db *sqlx.DB, run int64, limit int) (pumps []int64, err error) {
	err = db.SelectContext(ctx, &pumps, `SELECT pump_id FROM lists_run_items WHERE run_id = $1 AND state = 'waiting' ORDER BY pump_id LIMIT $2`, run, limit)
	return pumps, err
}

// listRuns returns an owner's newest runs; with a token that is not 0 those begun
// with it.
func listRuns(ctx context.Context, db *sqlx.DB, owner, token int64, limit int) ([]Run, error) {
	rows, err := db.QueryContext(ctx, selectRun+` WHERE r.owner = $1 AND ($2 = 0 OR r.token = $2) ORDER BY r.id DESC LIMIT $3`, owner, token, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := []Run{}
	for rows.Next() {
		r, err := scanRun(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

func listItems(ctx context.Context, db *sqlx.DB, run int64, state string, after int64, limit int) ([]Item, error) {
	switch state {
	case "", "waiting", "done", "refused":
	default:
		return nil, errs.InvalidField("state", "state is waiting, done or refused.")
	}
	rows, err := db.QueryContext(ctx, `SELECT pump_id, state, detail, at FROM lists_run_items WHERE run_id = $1 AND pump_id > $2 AND ($3 = '' OR state = $3) ORDER BY pump_id LIMIT $4`, run, after, state, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := []Item{}
	for rows.Next() {
		var i Item
		var at sql.NullTime
		if err := rows.Scan(&i.Pump, &i.State, &i.Detail, &at); err != nil {
			return nil, err
		}
		i.At = at.Time
		all = append(all, i)
	}
	return all, rows.Err()
}
