package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

type codeRow struct {
	ID          int64
	User        int64 `db:"user_id"`
	Purpose     string
	Reason      string
	IssuedAt    time.Time      `db:"issued_at"`
	IssuedBy    string         `db:"issued_by"`
	Issuer      sql.NullInt64  `db:"issuer_id"`
	ConfirmedAt sql.NullTime   `db:"confirmed_at"`
	ConfirmedBy sql.NullString `db:"confirmed_by"`
	Bootstrap   bool
	OpensAt     sql.NullTime `db:"opens_at"`
	ExpiresAt   time.Time    `db:"expires_at"`
	ClosedAt    sql.NullTime `db:"closed_at"`
	Closed      sql.NullString
	ClosedBy    sql.NullString `db:"closed_by"`
}

const codeColumns = `id, user_id, purpose, reason, issued_at, issued_by, issuer_id, confirmed_at, confirmed_by, bootstrap, opens_at, expires_at, closed_at, closed, closed_by`

func (r codeRow) code() Code {
	return Code{
		ID: r.ID, User: r.User, Purpose: Purpose(r.Purpose), Reason: r.Reason, IssuedAt: r.IssuedAt, IssuedBy: r.IssuedBy, Issuer: r.Issuer.Int64,
		ConfirmedAt: r.ConfirmedAt.Time, ConfirmedBy: r.ConfirmedBy.String, Bootstrap: r.Bootstrap, OpensAt: r.OpensAt.Time, ExpiresAt: r.ExpiresAt,
		ClosedAt: r.ClosedAt.Time, ClosedBy: r.ClosedBy.String, closed: r.Closed.String,
	}
}

func getCode(ctx context.Context, q sqlx.QueryerContext, where string, arg any) (Code, error) {
	var row codeRow
	err := sqlx.GetContext(ctx, q, &row, `SELECT `+codeColumns+` FROM auth_codes WHERE `+where, arg)
	if errors.Is(err, sql.ErrNoRows) {
		return Code{}, errNoCode()
	}
	if err != nil {
		return Code{}, fmt.Errorf("read a code: %w", err)
	}
	return row.code(), nil
}

func readCode(ctx context.Context, q sqlx.QueryerContext, id int64) (Code, error) {
	return getCode(ctx, q, `id = $1`, id)
}

func lockCode(ctx context.Context, tx *postgres.Tx, id int64) (Code, error) {
	return getCode(ctx, tx, `id = $1 FOR UPDATE`, id)
}

// codeByHash returns the code that somebody typed, and false if there is none.
func codeByHash(ctx context.Context, q sqlx.QueryerContext, hash []byte) (Code, bool, error) {
	c, err := getCode(ctx, q, `code_hash = $1`, hash)
	if errs.KindOf(err) == errs.NotFound {
		return Code{}, false, nil
	}
	return c, err == nil, err
}

func insertCode(ctx context.Context, tx *postgres.Tx, c *Code, hash []byte) error {
	null := func(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }
	return tx.GetContext(ctx, &c.ID, `
		INSERT INTO auth_codes (user_id, code_hash, purpose, reason, issued_at, issuer_id, issued_by, confirmed_at, confirmed_by, bootstrap, opens_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, nullif($6, 0), $7, $8, nullif($9, ''), $10, $11, $12) RETURNING id`,
		c.User, hash, string(c.Purpose), c.Reason, c.IssuedAt, c.Issuer, c.IssuedBy, null(c.ConfirmedAt), c.ConfirmedBy, c.Bootstrap, null(c.OpensAt), c.ExpiresAt)
}

func confirmCode(ctx context.Context, tx *postgres.Tx, c Code, confirmer int64) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE auth_codes SET confirmed_at = $2, confirmed_by = $3, confirmer_id = nullif($4, 0), opens_at = $5, expires_at = $6 WHERE id = $1`,
		c.ID, c.ConfirmedAt, c.ConfirmedBy, confirmer, c.OpensAt, c.ExpiresAt)
	return err
}

func closeCode(ctx context.Context, tx *postgres.Tx, id int64, how CodeState, by string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE auth_codes SET closed_at = $2, closed = $3, closed_by = $4 WHERE id = $1 AND closed_at IS NULL`, id, now, string(how), by)
	return err
}

func closeCodes(ctx context.Context, tx *postgres.Tx, user int64, purpose Purpose, how CodeState, by string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE auth_codes SET closed_at = $3, closed = $4, closed_by = $5 WHERE user_id = $1 AND purpose = $2 AND closed_at IS NULL`,
		user, string(purpose), now, string(how), by)
	return err
}

func openCodes(ctx context.Context, q sqlx.QueryerContext, users []int64, now time.Time) ([]Code, error) {
	var rows []codeRow
	err := sqlx.SelectContext(ctx, q, &rows, `
		SELECT `+codeColumns+` FROM auth_codes WHERE user_id = ANY ($1) AND closed_at IS NULL AND expires_at > $2 ORDER BY id`, pq.Int64Array(users), now)
	if err != nil {
		return nil, fmt.Errorf("read open codes: %w", err)
	}
	out := make([]Code, len(rows))
	for i, r := range rows {
		out[i] = r.code()
	}
	return out, nil
}
