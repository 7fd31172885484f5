package token

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/internal/postgres"
)

type row struct {
	ID        int64
	Owner     int64 `db:"owner_id"`
	Name      string
	Scopes    pq.StringArray
	Sites     pq.Int64Array
	CreatedAt time.Time    `db:"created_at"`
	ExpiresAt time.Time    `db:"expires_at"`
	UsedAt    sql.NullTime `db:"used_at"`
	UsedFrom  string       `db:"used_from"`
	RevokedAt sql.NullTime `db:"revoked_at"`
	RevokedBy string       `db:"revoked_by"`
	Reason    string
}

const columns = `id, owner_id, name, scopes, sites, created_at, expires_at, used_at, used_from, revoked_at, revoked_by, reason`

func (r row) token() Token {
	t := Token{
		ID: r.ID, Owner: r.Owner, Name: r.Name, Sites: r.Sites, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt,
		UsedAt: r.UsedAt.Time, UsedFrom: r.UsedFrom, RevokedAt: r.RevokedAt.Time, RevokedBy: r.RevokedBy, Reason: r.Reason,
	}
	for _, s := range r.Scopes {
		t.Scopes = append(t.Scopes, Scope(s))
	}
	return t
}

func insertToken(ctx context.Context, tx *postgres.Tx, t Token, jti []byte) (id int64, err error) {
	scopes := make(pq.StringArray, len(t.Scopes))
	for i, s := range t.Scopes {
		scopes[i] = string(s)
	}
	err = tx.GetContext(ctx, &id, `
		INSERT INTO token_tokens (jti_hash, owner_id, name, scopes, sites, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
		jti, t.Owner, t.Name, scopes, pq.Int64Array(t.Sites), t.CreatedAt, t.ExpiresAt)
	return id, err
}

// lockOwner lets no other transaction make a token of the owner until this one
// ends, and returns how many they have.
func lockOwner(ctx context.Context, tx *postgres.Tx, owner int64, now time.Time) (open int, err error) {
	if _, err = tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('token_tokens/' || $1::text, 0))`, owner); err != nil {
		return 0, err
	}
	err = tx.GetContext(ctx, &open, `SELECT count(*) FROM token_tokens WHERE owner_id = $1 AND revoked_at IS NULL AND expires_at > $2`, owner, now)
	return open, err
}

func tokenByHash(ctx context.Context, db *sqlx.DB, jti []byte) (Token, bool, error) {
	var r row
	err := db.GetContext(ctx, &r, `SELECT `+columns+` FROM token_tokens WHERE jti_hash = $1`, jti)
	if errors.Is(err, sql.ErrNoRows) {
		return Token{}, false, nil
	}
	if err != nil {
		return Token{}, false, fmt.Errorf("read token: %w", err)
	}
	return r.token(), true, nil
}

func tokenByID(ctx context.Context, db *sqlx.DB, id int64) (Token, bool, error) {
	var r row
	err := db.GetContext(ctx, &r, `SELECT `+columns+` FROM token_tokens WHERE id = $1`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return Token{}, false, nil
	}
	if err != nil {
		return Token{}, false, fmt.Errorf("read token %d: %w", id, err)
	}
	return r.token(), true, nil
}

func lockToken(ctx context.Context, tx *postgres.Tx, id int64) (Token, bool, error) {
	var r row
	err := tx.GetContext(ctx, &r, `SELECT `+columns+` FROM token_tokens WHERE id = $1 FOR NO KEY UPDATE`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return Token{}, false, nil
	}
	if err != nil {
		return Token{}, false, fmt.Errorf("read token %d: %w", id, err)
	}
	return r.token(), true, nil
}

func lockOpen(ctx context.Context, tx *postgres.Tx, owner int64, now time.Time) ([]Token, error) {
	var rows []row
	err := tx.SelectContext(ctx, &rows, `
		SELECT `+columns+` FROM token_tokens WHERE owner_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY id FOR NO KEY UPDATE`, owner, now)
	if err != nil {
		return nil, fmt.Errorf("read tokens of %d: %w", owner, err)
	}
	return all(rows), nil
}

// tokens returns those of the owner, if one is given, else those that reach one
// of the sites; of those that ended, what ended after since.
func tokens(ctx context.Context, db *sqlx.DB, owner int64, sites []int64, since time.Time) ([]Token, error) {
	var rows []row
	err := db.SelectContext(ctx, &rows, `
		SELECT `+columns+` FROM token_tokens
		 WHERE ($1 = 0 OR owner_id = $1) AND ($1 <> 0 OR sites && $2) AND coalesce(revoked_at, expires_at) > $3
		 ORDER BY id DESC LIMIT 1000`, owner, pq.Int64Array(sites), since)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	return all(rows), nil
}

func all(rows []row) []Token {
	out := make([]Token, len(rows))
	for i, r := range rows {
		out[i] = r.token()
	}
	return out
}

func touch(ctx context.Context, db *sqlx.DB, id int64, now time.Time, from string, before time.Time) error {
	_, err := db.ExecContext(ctx, `UPDATE token_tokens SET used_at = $2, used_from = $3 WHERE id = $1 AND (used_at IS NULL OR used_at <= $4)`, id, now, from, before)
	if err != nil {
		return fmt.Errorf("note the use of a token: %w", err)
	}
	return nil
}

func revoke(ctx context.Context, tx *postgres.Tx, t Token) error {
	_, err := tx.ExecContext(ctx, `UPDATE token_tokens SET revoked_at = $2, revoked_by = $3, reason = $4 WHERE id = $1`, t.ID, t.RevokedAt, t.RevokedBy, t.Reason)
	return err
}
