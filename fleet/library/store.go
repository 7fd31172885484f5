package library

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/device/order"
	"cisterna/fleet/refusal"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func lockVersions(ctx context.Context, tx *postgres.Tx) (top uint64, err error) {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('library_versions', 0))`); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM library_versions`).Scan(&top)
	return top, err
}

func when(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }

func hashOf(v *Version) []byte {
	if v.Document == nil {
		return nil
	}
	return v.Hash[:]
}

func who(id int64) sql.NullInt64 { return sql.NullInt64{Int64: id, Valid: id != 0} }

func insert(ctx context.Context, tx *postgres.Tx, v Version) error {
	annex, err := json.Marshal(v.Annex)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO library_versions (version, state, rev, body, annex, note, author, author_name, created_at, document, hash, active_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		int64(v.Version), v.State, v.Rev, v.Body, string(annex), v.Note, v.Author, v.AuthorName, v.CreatedAt, v.Document, hashOf(&v), when(v.ActiveAt))
	return err
}

func updateDraft(ctx context.Context, tx *postgres.Tx, v Version) error {
	annex, err := json.Marshal(v.Annex)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE library_versions SET rev = $2, body = $3, note = $4, annex = $5 WHERE version = $1 AND state = 'draft'`, int64(v.Version), v.Rev, v.Body, v.Note, string(annex))
	return err
}

func updateState(ctx context.Context, tx *postgres.Tx, v Version) error {
	_, err := tx.ExecContext(ctx, `UPDATE library_versions SET state = $2, submitted_at = $3, approver = $4, approver_name = $5, approved_at = $6, document = $7, hash = $8, active_at = $9 WHERE version = $1`,
		int64(v.Version), v.State, when(v.SubmittedAt), who(v.Approver), v.ApproverName, when(v.ApprovedAt), v.Document, hashOf(&v), when(v.ActiveAt))
	return err
}

func supersede(ctx context.Context, tx *postgres.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE library_versions SET state = 'superseded' WHERE state = 'active'`)
	return err
}

const selectVersion = `SELECT version, state, rev, body, annex, note, author, author_name, created_at, submitted_at, coalesce(approver, 0), approver_name, approved_at, document, hash, active_at FROM library_versions`

func scan(row interface{ Scan(...any) error }) (Version, error) {
	var v Version
	var submitted, approved, active sql.NullTime
	var hash, annex []byte
	err := row.Scan(&v.Version, &v.State, &v.Rev, &v.Body, &annex, &v.Note, &v.Author, &v.AuthorName, &v.CreatedAt, &submitted, &v.Approver, &v.ApproverName, &approved, &v.Document, &hash, &active)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(annex, &v.Annex); err != nil {
		return v, fmt.Errorf("the annex of drug library %d: %w", v.Version, err)
	}
	v.SubmittedAt, v.ApprovedAt, v.ActiveAt = submitted.Time, approved.Time, active.Time
	if hash != nil {
		v.Hash = order.Digest(hash)
	}
	return v, nil
}

func readVersions(ctx context.Context, db *sqlx.DB) ([]Version, error) {
	rows, err := db.QueryContext(ctx, selectVersion+` ORDER BY version DESC`)
	if err != nil {
		return nil, fmt.Errorf("read drug libraries: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []Version
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read drug libraries: %w", err)
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

func readVersion(ctx context.Context, q queryer, version uint64, lock bool) (Version, error) {
	query := selectVersion + ` WHERE version = $1`
	if lock {
		query += ` FOR UPDATE`
	}
	v, err := scan(q.QueryRowContext(ctx, query, int64(min(version, order.MaxCounter))))
	if errors.Is(err, sql.ErrNoRows) {
		return v, refusal.NotFound("There is no drug library %d.", version)
	}
	return v, err
}

func insertSignature(ctx context.Context, tx *postgres.Tx, version uint64, sig order.Signature, actor auth.Actor, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO library_signatures (version, key_id, sig, actor, at) VALUES ($1, $2, $3, $4, $5)`, int64(version), sig.Key, sig.Sig, actor.String(), now)
	if postgres.Code(err) == postgres.UniqueViolation {
		return refusal.Conflict(refusal.Done, "This key has signed version %d already.", version)
	}
	return err
}

func readSignatures(ctx context.Context, tx *postgres.Tx, version uint64) ([]order.Signature, error) {
	rows, err := tx.QueryContext(ctx, `SELECT key_id, sig FROM library_signatures WHERE version = $1 ORDER BY key_id`, int64(version))
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

func readSigned(ctx context.Context, db *sqlx.DB, version uint64) ([]Signed, error) {
	rows, err := db.QueryContext(ctx, `SELECT key_id, actor, at FROM library_signatures WHERE version = $1 ORDER BY at, key_id`, int64(version))
	if err != nil {
		return nil, fmt.Errorf("read signatures of drug library %d: %w", version, err)
	}
	defer func() { _ = rows.Close() }()
	all := []Signed{}
	for rows.Next() {
		var x Signed
		var id []byte
		if err := rows.Scan(&id, &x.Actor, &x.At); err != nil {
			return nil, err
		}
		x.Key = order.KeyID(id)
		all = append(all, x)
	}
	return all, rows.Err()
}

func readPumps(ctx context.Context, db *sqlx.DB, scope auth.Scope) ([]PumpHolding, error) {
	rows, err := db.QueryContext(ctx, `SELECT pump_id, site_id, hash, since FROM library_pumps WHERE current AND ($1 OR site_id = ANY ($2)) ORDER BY pump_id`, scope.All, pq.Int64Array(scope.Sites))
	if err != nil {
		return nil, fmt.Errorf("read the drug libraries of pumps: %w", err)
	}
	defer func() { _ = rows.Close() }()
	all := []PumpHolding{}
	for rows.Next() {
		var h PumpHolding
		if err := rows.Scan(&h.Pump, &h.Site, &h.Hash, &h.Since); err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, rows.Err()
}

func noteHolding(ctx context.Context, tx *postgres.Tx, pump, site int64, hash []byte, at time.Time) error {
	var same bool
	err := tx.QueryRowContext(ctx, `SELECT hash = $2 FROM library_pumps WHERE pump_id = $1 AND current`, pump, hash).Scan(&same)
	if same || err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE library_pumps SET current = false WHERE pump_id = $1 AND current`, pump); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO library_pumps (pump_id, site_id, hash, since, current) VALUES ($1, $2, $3, $4, true)
ON CONFLICT (pump_id, hash) DO UPDATE SET current = true, site_id = excluded.site_id`, pump, site, hash, at)
	return err
}

func readHoldings(ctx context.Context, db *sqlx.DB, scope auth.Scope) ([]Holding, error) {
	rows, err := db.QueryContext(ctx, `SELECT hash, count(*) FROM library_pumps WHERE current AND ($1 OR site_id = ANY ($2)) GROUP BY hash ORDER BY count(*) DESC, hash`, scope.All, pq.Int64Array(scope.Sites))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := []Holding{}
	for rows.Next() {
		var h Holding
		if err := rows.Scan(&h.Hash, &h.Pumps); err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, rows.Err()
}

func readAdoption(ctx context.Context, db *sqlx.DB, scope auth.Scope, hash []byte) ([]Adopted, error) {
	rows, err := db.QueryContext(ctx, `SELECT day, sum(n) OVER (ORDER BY day) FROM (
    SELECT date_trunc('day', since AT TIME ZONE 'UTC') AS day, count(*) AS n FROM library_pumps WHERE hash = $1 AND ($2 OR site_id = ANY ($3)) GROUP BY 1) d ORDER BY day`,
		hash, scope.All, pq.Int64Array(scope.Sites))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := []Adopted{}
	for rows.Next() {
		var a Adopted
		if err := rows.Scan(&a.Day, &a.Pumps); err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, rows.Err()
}
