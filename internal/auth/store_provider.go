package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

type linkRow struct {
	ID   int64
	User int64 `db:"user_id"`
}

func linkOf(ctx context.Context, q sqlx.QueryerContext, sub Subject) (row linkRow, ok bool, err error) {
	err = sqlx.GetContext(ctx, q, &row, `SELECT id, user_id FROM auth_links WHERE issuer = $1 AND subject = $2 AND ended_at IS NULL`, sub.Issuer, sub.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return linkRow{}, false, nil
	}
	if err != nil {
		return linkRow{}, false, fmt.Errorf("read a link: %w", err)
	}
	return row, true, nil
}

func insertLink(ctx context.Context, tx *postgres.Tx, user int64, sub Subject, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO auth_links (user_id, issuer, subject, linked_at) VALUES ($1, $2, $3, $4)`, user, sub.Issuer, sub.ID, now)
	if postgres.IsUnique(err, "auth_links_subject") {
		return errs.Wrap(errs.Conflict, err, "That sign-in is linked to an account here already.")
	}
	return err
}

// useLink notes that a link was used. It returns errOvertaken if it has ended.
func useLink(ctx context.Context, tx *postgres.Tx, id int64, now time.Time) error {
	res, err := tx.ExecContext(ctx, `UPDATE auth_links SET last_used_at = $2 WHERE id = $1 AND ended_at IS NULL`, id, now)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errOvertaken)
	}
	return nil
}

func endLink(ctx context.Context, tx *postgres.Tx, id, user int64, by string, now time.Time) (bool, error) {
	res, err := tx.ExecContext(ctx, `UPDATE auth_links SET ended_at = $3, ended_by = $4 WHERE id = $1 AND user_id = $2 AND ended_at IS NULL`, id, user, now, by)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

func linksOf(ctx context.Context, q sqlx.QueryerContext, user int64) ([]Linked, error) {
	var rows []struct {
		ID         int64
		Issuer     string
		LinkedAt   time.Time    `db:"linked_at"`
		LastUsedAt sql.NullTime `db:"last_used_at"`
	}
	err := sqlx.SelectContext(ctx, q, &rows, `SELECT id, issuer, linked_at, last_used_at FROM auth_links WHERE user_id = $1 AND ended_at IS NULL ORDER BY id`, user)
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	out := make([]Linked, len(rows))
	for i, r := range rows {
		out[i] = Linked{r.ID, r.Issuer, r.LinkedAt, r.LastUsedAt.Time}
	}
	return out, nil
}

// noteOnce keeps a message until it is too old to count, and reports whether it
// had not been there.
func noteOnce(ctx context.Context, tx *postgres.Tx, id Nonce, until time.Time) (bool, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO auth_challenges (nonce, purpose, expires_at) VALUES ($1, 'oidc', $2) ON CONFLICT DO NOTHING`, id[:], until)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// endAt ends the sessions of a subject, or of one session at the provider.
func endAt(ctx context.Context, tx *postgres.Tx, sub Subject, now time.Time) ([]Ended, error) {
	var rows []struct{ ID, User int64 }
	err := tx.SelectContext(ctx, &rows, `
		UPDATE auth_sessions s SET ended_at = $1, ended = 'revoked' FROM auth_links l
		 WHERE s.ended_at IS NULL AND l.id = s.link AND l.issuer = $2 AND ($3 = '' OR l.subject = $3) AND ($4 = '' OR s.provider_session = $4)
		   AND ($3 <> '' OR $4 <> '')
		RETURNING s.id, s.user_id AS user`, now, sub.Issuer, sub.ID, sub.Session)
	if err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	out := make([]Ended, len(rows))
	for i, r := range rows {
		out[i] = Ended{Session: r.ID, User: r.User, How: Revoked}
	}
	return out, nil
}
