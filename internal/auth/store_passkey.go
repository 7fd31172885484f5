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

type credentialRow struct {
	ID           int64
	User         int64 `db:"user_id"`
	Credential   []byte
	Kind         string
	PublicKey    []byte `db:"public_key"`
	RPID         string `db:"rp_id"`
	AAGUID       []byte
	Name         string
	Synced       bool
	SignCount    int64          `db:"sign_count"`
	CreatedAt    time.Time      `db:"created_at"`
	CreatedBy    string         `db:"created_by"`
	LastUsedAt   sql.NullTime   `db:"last_used_at"`
	RevokedAt    sql.NullTime   `db:"revoked_at"`
	RevokedBy    sql.NullString `db:"revoked_by"`
	RevokeReason sql.NullString `db:"revoke_reason"`
}

func (r credentialRow) credential() Credential {
	c := Credential{
		ID: r.ID, User: r.User, Credential: r.Credential, Kind: CredentialKind(r.Kind), Name: r.Name, Synced: r.Synced,
		CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy, LastUsedAt: r.LastUsedAt.Time, RevokedAt: r.RevokedAt.Time, RevokedBy: r.RevokedBy.String,
		RevokeReason: r.RevokeReason.String, spki: r.PublicKey, rpID: r.RPID, count: uint32(r.SignCount), // the table bounds it
	}
	copy(c.AAGUID[:], r.AAGUID)
	return c
}

const credentialColumns = `id, user_id, credential, kind, public_key, rp_id, aaguid, name, synced, sign_count, created_at, created_by,
	last_used_at, revoked_at, revoked_by, revoke_reason`

// credentialByName returns the key that an authenticator calls so, revoked or not.
func credentialByName(ctx context.Context, q sqlx.QueryerContext, name []byte) (Credential, bool, error) {
	var row credentialRow
	err := sqlx.GetContext(ctx, q, &row, `SELECT `+credentialColumns+` FROM auth_credentials WHERE credential = $1`, name)
	if errors.Is(err, sql.ErrNoRows) {
		return Credential{}, false, nil
	}
	if err != nil {
		return Credential{}, false, fmt.Errorf("read a key: %w", err)
	}
	return row.credential(), true, nil
}

// lockCredential reads a key and keeps it as it is until the transaction ends.
func lockCredential(ctx context.Context, tx *postgres.Tx, id int64) (Credential, error) {
	var row credentialRow
	err := tx.GetContext(ctx, &row, `SELECT `+credentialColumns+` FROM auth_credentials WHERE id = $1 FOR UPDATE`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return Credential{}, errNoKey()
	}
	if err != nil {
		return Credential{}, fmt.Errorf("read key %d: %w", id, err)
	}
	return row.credential(), nil
}

func errNoKey() error { return errs.NotFoundf("There is no such key.") }

// credentialsOf returns a person's keys, oldest first.
func credentialsOf(ctx context.Context, q sqlx.QueryerContext, user int64, revoked bool) ([]Credential, error) {
	var rows []credentialRow
	err := sqlx.SelectContext(ctx, q, &rows, `
		SELECT `+credentialColumns+` FROM auth_credentials WHERE user_id = $1 AND ($2 OR revoked_at IS NULL) ORDER BY id`, user, revoked)
	if err != nil {
		return nil, fmt.Errorf("read the keys of account %d: %w", user, err)
	}
	out := make([]Credential, len(rows))
	for i, r := range rows {
		out[i] = r.credential()
	}
	return out, nil
}

// countPasskeys returns how many passkeys that count a person has, and how many they
// ever had; software keys are none.
func countPasskeys(ctx context.Context, q sqlx.QueryerContext, user int64) (n, ever int, err error) {
	err = q.QueryRowxContext(ctx, `
		SELECT count(*) FILTER (WHERE revoked_at IS NULL), count(*) FROM auth_credentials WHERE user_id = $1 AND kind = 'passkey'`, user).Scan(&n, &ever)
	if err != nil {
		return 0, 0, fmt.Errorf("count the passkeys of account %d: %w", user, err)
	}
	return n, ever, nil
}

// holders returns those of the people who have a passkey and may sign in.
func holders(ctx context.Context, q sqlx.QueryerContext, users []int64) (ids []int64, err error) {
	err = sqlx.SelectContext(ctx, q, &ids, `
		SELECT DISTINCT u.id FROM auth_users u JOIN auth_credentials c ON c.user_id = u.id
		 WHERE u.id = ANY ($1) AND u.disabled_at IS NULL AND c.kind = 'passkey' AND c.revoked_at IS NULL ORDER BY u.id`, pq.Int64Array(users))
	if err != nil {
		return nil, fmt.Errorf("look for passkeys: %w", err)
	}
	return ids, nil
}

func insertCredential(ctx context.Context, tx *postgres.Tx, c *Credential) error {
	err := tx.GetContext(ctx, &c.ID, `
		INSERT INTO auth_credentials (user_id, credential, kind, public_key, rp_id, aaguid, name, synced, sign_count, created_at, created_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id`,
		c.User, c.Credential, string(c.Kind), c.spki, c.rpID, c.AAGUID[:], c.Name, c.Synced, int64(c.count), c.CreatedAt, c.CreatedBy)
	if postgres.IsUnique(err, "auth_credentials_credential_key") {
		return errs.Wrap(errs.Conflict, err, "This key is enrolled already.")
	}
	return err
}

func useCredential(ctx context.Context, tx *postgres.Tx, id int64, count uint32, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE auth_credentials SET sign_count = $2, last_used_at = $3 WHERE id = $1`, id, int64(count), now)
	return err
}

func renameCredential(ctx context.Context, tx *postgres.Tx, id int64, name string) error {
	_, err := tx.ExecContext(ctx, `UPDATE auth_credentials SET name = $2 WHERE id = $1`, id, name)
	return err
}

func revokeCredential(ctx context.Context, tx *postgres.Tx, id int64, by, reason string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE auth_credentials SET revoked_at = $2, revoked_by = $3, revoke_reason = $4 WHERE id = $1 AND revoked_at IS NULL`, id, now, by, reason)
	return err
}

// challengeRow is what was asked.
type challengeRow struct {
	Purpose   string
	Session   sql.NullInt64 `db:"session_id"`
	Code      sql.NullInt64 `db:"code_id"`
	Detail    []byte
	ExpiresAt time.Time `db:"expires_at"`
}

// perSession is how many challenges of a session may be open; the oldest ones go.
const perSession = 16

func insertChallenge(ctx context.Context, db *sqlx.DB, n Nonce, c challengeRow) error {
	if c.Detail == nil {
		c.Detail = []byte(`{}`)
	}
	_, err := db.ExecContext(ctx, `INSERT INTO auth_challenges (nonce, purpose, session_id, code_id, detail, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		n[:], c.Purpose, c.Session, c.Code, string(c.Detail), c.ExpiresAt)
	if err == nil && c.Session.Valid {
		_, err = db.ExecContext(ctx, `
			DELETE FROM auth_challenges WHERE session_id = $1 AND nonce NOT IN
			(SELECT nonce FROM auth_challenges WHERE session_id = $1 ORDER BY expires_at DESC, nonce LIMIT $2)`, c.Session, perSession)
	}
	if err != nil {
		return fmt.Errorf("keep a challenge: %w", err)
	}
	return nil
}

// takeChallenge takes out what was asked. ok is false if it was not, is answered
// already, is too old, or was for something else.
func takeChallenge(ctx context.Context, q sqlx.QueryerContext, n Nonce, purpose string, session int64, now time.Time) (row challengeRow, ok bool, err error) {
	err = sqlx.GetContext(ctx, q, &row, `DELETE FROM auth_challenges WHERE nonce = $1 RETURNING purpose, session_id, code_id, detail, expires_at`, n[:])
	if errors.Is(err, sql.ErrNoRows) {
		return challengeRow{}, false, nil
	}
	if err != nil {
		return challengeRow{}, false, fmt.Errorf("take a challenge: %w", err)
	}
	return row, row.Purpose == purpose && row.Session.Int64 == session && now.Before(row.ExpiresAt), nil
}

func userByHandle(ctx context.Context, q sqlx.QueryerContext, user int64) (handle string, err error) {
	err = sqlx.GetContext(ctx, q, &handle, `SELECT handle FROM auth_users WHERE id = $1`, user)
	return handle, err
}
