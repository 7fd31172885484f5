package once

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/postgres"
)

// request is a row.
type request struct {
	fingerprint []byte
	attempt     [16]byte
	done        bool
	answer      []byte
}

// takeRequest makes the row of a key ours if there is none, if it is older than
// keep, or if an attempt at the same request began before patience and neither
// changed anything nor ended; and returns it as it is then.
func takeRequest(ctx context.Context, db *sqlx.DB, id, fingerprint [32]byte, attempt [16]byte, now, patience, keep time.Time) (request, error) {
	var r request
	var who []byte
	// The update writes even when it takes nothing over, so that RETURNING shows the
	// row as it is.
	err := db.QueryRowContext(ctx, `
INSERT INTO once_requests AS r (id, fingerprint, attempt, begun_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO UPDATE SET
    fingerprint = CASE WHEN r.begun_at < $6 THEN excluded.fingerprint ELSE r.fingerprint END,
    attempt     = CASE WHEN r.begun_at < $6 OR r.done_at IS NULL AND r.answer IS NULL AND r.begun_at < $5 AND r.fingerprint = excluded.fingerprint THEN excluded.attempt ELSE r.attempt END,
    begun_at    = CASE WHEN r.begun_at < $6 OR r.done_at IS NULL AND r.answer IS NULL AND r.begun_at < $5 AND r.fingerprint = excluded.fingerprint THEN excluded.begun_at ELSE r.begun_at END,
    done_at     = CASE WHEN r.begun_at < $6 THEN NULL ELSE r.done_at END,
    answer      = CASE WHEN r.begun_at < $6 THEN NULL ELSE r.answer END
RETURNING fingerprint, attempt, done_at IS NOT NULL, answer`,
		id[:], fingerprint[:], attempt[:], now, patience, keep).Scan(&r.fingerprint, &who, &r.done, &r.answer)
	copy(r.attempt[:], who)
	return r, err
}

// markDone says in the transaction of a change that it was made. It fails, and so
// undoes the change, if the request is in other hands.
func markDone(ctx context.Context, tx *postgres.Tx, id [32]byte, attempt [16]byte, now time.Time) error {
	res, err := tx.ExecContext(ctx, `UPDATE once_requests SET done_at = coalesce(done_at, $3) WHERE id = $1 AND attempt = $2`, id[:], attempt[:], now)
	if err != nil {
		return fmt.Errorf("mark a request as done: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("the request was taken over while it was being carried out (%w)", Busy)
	}
	return nil
}

func keepAnswer(ctx context.Context, db *sqlx.DB, id [32]byte, attempt [16]byte, sealed []byte, now time.Time) error {
	_, err := db.ExecContext(ctx, `UPDATE once_requests SET done_at = coalesce(done_at, $4), answer = $3 WHERE id = $1 AND attempt = $2`, id[:], attempt[:], sealed, now)
	if err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	return nil
}

func forgetUndone(ctx context.Context, db *sqlx.DB, id [32]byte, attempt [16]byte) error {
	_, err := db.ExecContext(ctx, `DELETE FROM once_requests WHERE id = $1 AND attempt = $2 AND done_at IS NULL`, id[:], attempt[:])
	return err
}

func purge(ctx context.Context, db *sqlx.DB, before time.Time) error {
	_, err := db.ExecContext(ctx, `DELETE FROM once_requests WHERE id IN (SELECT id FROM once_requests WHERE begun_at < $1 LIMIT 5000)`, before)
	return err
}
