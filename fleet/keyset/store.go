package keyset

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/order"
	"cisterna/fleet/refusal"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

const selectKey = `SELECT id, user_id, person, key, key_id, software, rp_id, label, aaguid, credential, added_at, added_by, not_after, revoked_at, revoked_by, reason FROM keyset_keys`

func scanKey(row interface{ Scan(...any) error }) (Key, error) {
	var k Key
	var id, aaguid []byte
	var revoked sql.NullTime
	err := row.Scan(&k.ID, &k.User, &k.Person, &k.Text, &id, &k.Software, &k.RPID, &k.Label, &aaguid, &k.Credential, &k.AddedAt, &k.AddedBy, &k.NotAfter, &revoked, &k.RevokedBy, &k.Reason)
	if err != nil {
		return k, err
	}
	k.KeyID, k.RevokedAt = order.Digest(id), revoked.Time
	if aaguid != nil {
		k.AAGUID = new(order.ID(aaguid))
	}
	return k, nil
}

func readKeys(ctx context.Context, db *sqlx.DB, user int64) ([]Key, error) {
	rows, err := db.QueryContext(ctx, selectKey+` WHERE $1 = 0 OR user_id = $1 ORDER BY id`, user)
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []Key
	for rows.Next() {
		k, err := scanKey(rows)
		if err != nil {
			return nil, fmt.Errorf("read signing keys: %w", err)
		}
		all = append(all, k)
	}
	return all, rows.Err()
}

func errNoKey() error { return refusal.NotFound("There is no such key.") }

// readOwner returns whose key it is, which never changes.
func readOwner(ctx context.Context, db *sqlx.DB, id int64) (user int64, err error) {
	err = db.QueryRowContext(ctx, `SELECT user_id FROM keyset_keys WHERE id = $1`, id).Scan(&user)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, errNoKey()
	}
	return user, err
}

func lockKey(ctx context.Context, tx *postgres.Tx, id int64) (Key, error) {
	k, err := scanKey(tx.QueryRowContext(ctx, selectKey+` WHERE id = $1 FOR UPDATE`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return k, errNoKey()
	}
	return k, err
}

func insertKey(ctx context.Context, tx *postgres.Tx, k *Key) error {
	var aaguid []byte
	if k.AAGUID != nil {
		aaguid = k.AAGUID[:]
	}
	err := tx.QueryRowContext(ctx, `INSERT INTO keyset_keys (user_id, person, key, key_id, software, rp_id, label, aaguid, credential, added_at, added_by, not_after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id`,
		k.User, k.Person, k.Text, k.KeyID[:], k.Software, k.RPID, k.Label, aaguid, k.Credential, k.AddedAt, k.AddedBy, k.NotAfter).Scan(&k.ID)
	if postgres.IsUnique(err, "keyset_keys_key_key") || postgres.IsUnique(err, "keyset_keys_key_id_key") {
		return refusal.Conflict(refusal.Done, "This key is there already.")
	}
	return err
}

func revokeKey(ctx context.Context, tx *postgres.Tx, id int64, now time.Time, by, why string) error {
	_, err := tx.ExecContext(ctx, `UPDATE keyset_keys SET revoked_at = $2, revoked_by = $3, reason = $4 WHERE id = $1`, id, now, by, why)
	return err
}

// keyByID returns a key by the id that documents name; one that is listed and not
// known here, such as of a restored database, is as if it was revoked.
func keyByID(ctx context.Context, db *sqlx.DB, key order.Digest) (Key, error) {
	k, err := scanKey(db.QueryRowContext(ctx, selectKey+` WHERE key_id = $1`, key[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return k, refusal.Conflict(refusal.Key, "This signing key is listed and not known here. Add it again, and have a keyset signed.")
	}
	return k, err
}

// lockVersions keeps others from publishing until the transaction ends, and
// returns the highest version.
func lockVersions(ctx context.Context, tx *postgres.Tx) (top uint64, err error) {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('keyset_versions', 0))`); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM keyset_versions`).Scan(&top)
	return top, err
}

func deleteDraft(ctx context.Context, tx *postgres.Tx) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM keyset_versions WHERE document IS NULL`)
	return err
}

func insertVersion(ctx context.Context, tx *postgres.Tx, v Version) error {
	published := sql.NullTime{Time: v.PublishedAt, Valid: !v.PublishedAt.IsZero()}
	_, err := tx.ExecContext(ctx, `INSERT INTO keyset_versions (version, body, document, issued_at, expires_at, reason, drafted_by, drafted_at, published_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		int64(v.Version), v.Body, v.Document, time.Unix(v.Keyset.Issued, 0), time.Unix(v.Keyset.Expires, 0), v.Reason, v.DraftedBy, v.DraftedAt, published)
	return err
}

const selectVersion = `SELECT version, body, document, reason, drafted_by, drafted_at, published_at FROM keyset_versions`

func scanVersion(row interface{ Scan(...any) error }) (Version, error) {
	var v Version
	var published sql.NullTime
	err := row.Scan(&v.Version, &v.Body, &v.Document, &v.Reason, &v.DraftedBy, &v.DraftedAt, &published)
	v.PublishedAt = published.Time
	return v, err
}

func readVersions(ctx context.Context, db *sqlx.DB) ([]Version, error) {
	rows, err := db.QueryContext(ctx, selectVersion+` ORDER BY version DESC`)
	if err != nil {
		return nil, fmt.Errorf("read keysets: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []Version
	for rows.Next() {
		v, err := scanVersion(rows)
		if err != nil {
			return nil, fmt.Errorf("read keysets: %w", err)
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

func lockDraft(ctx context.Context, tx *postgres.Tx, version uint64) (Version, error) {
	v, err := scanVersion(tx.QueryRowContext(ctx, selectVersion+` WHERE version = $1 AND document IS NULL FOR UPDATE`, int64(version)))
	if errors.Is(err, sql.ErrNoRows) {
		return v, refusal.NotFound("There is no draft of keyset %d. It may have been drafted again: look for the newest.", version)
	}
	return v, err
}

func publish(ctx context.Context, tx *postgres.Tx, v Version) error {
	_, err := tx.ExecContext(ctx, `UPDATE keyset_versions SET document = $2, published_at = $3 WHERE version = $1`, int64(v.Version), v.Document, v.PublishedAt)
	return err
}

func insertSigned(ctx context.Context, tx *postgres.Tx, version uint64, sig order.Signature, actor auth.Actor, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO keyset_signatures (version, key_id, sig, user_id, actor, at) VALUES ($1, $2, $3, $4, $5, $6)`, int64(version), sig.Key, sig.Sig, actor.ID, actor.String(), now)
	return err
}

type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func readSigned(ctx context.Context, q queryer, version uint64) ([]Signed, error) {
	rows, err := q.QueryContext(ctx, `SELECT key_id, user_id, actor, at FROM keyset_signatures WHERE version = $1 ORDER BY at, key_id`, int64(version))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Signed
	for rows.Next() {
		var x Signed
		var id []byte
		if err := rows.Scan(&id, &x.user, &x.Actor, &x.At); err != nil {
			return nil, err
		}
		x.Key = order.KeyID(id)
		all = append(all, x)
	}
	return all, rows.Err()
}

func readSignatures(ctx context.Context, q queryer, version uint64) ([]order.Signature, error) {
	rows, err := q.QueryContext(ctx, `SELECT key_id, sig FROM keyset_signatures WHERE version = $1 ORDER BY key_id`, int64(version))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []order.Signature
	for rows.Next() {
		var x order.Signature
		if err := rows.Scan(&x.Key, &x.Sig); err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, rows.Err()
}
