package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"golang.org/x/mod/sumdb/tlog"

	"cisterna/internal/lease"
	"cisterna/internal/postgres"
)

// pending is what waits for its place in the tree, in the order it will get.
type pending struct {
	ids    []int64
	hashes []tlog.Hash
}

func readPending(ctx context.Context, db *sqlx.DB, limit int) (pending, error) {
	var p pending
	err := eachRow(ctx, db, func(rows *sql.Rows) error {
		var id int64
		var raw sql.RawBytes
		if err := rows.Scan(&id, &raw); err != nil {
			return err
		}
		h, err := toHash(raw)
		p.ids, p.hashes = append(p.ids, id), append(p.hashes, h)
		return err
	}, `SELECT leaf_id, leaf_hash FROM audit_pending ORDER BY leaf_id LIMIT $1`, limit)
	if err != nil {
		return pending{}, fmt.Errorf("read the pending leaves: %w", err)
	}
	return p, nil
}

// writeSequenced puts leaves at from, from + 1 … and stores the hashes that the
// tree grows by: all or nothing, and only while the lease is held.
func writeSequenced(ctx context.Context, db *sqlx.DB, l lease.Lease, from int64, ids []int64, hashes []tlog.Hash) error {
	flat := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		flat = append(flat, h[:]...)
	}
	_, err := db.ExecContext(ctx, `SELECT audit_sequence($1, $2, $3, $4, $5)`, l.Name, l.Epoch, from, pq.Int64Array(ids), flat)
	if postgres.Code(err) == lease.LostCode {
		return fmt.Errorf("sequence %d leaves from %d on: %w", len(ids), from, lease.ErrLost)
	}
	if err != nil {
		return fmt.Errorf("sequence %d leaves from %d on: %w", len(ids), from, err)
	}
	return nil
}

func writeCheckpoint(ctx context.Context, db *sqlx.DB, c Checkpoint) (Checkpoint, error) {
	err := db.QueryRowContext(ctx, `SELECT audit_checkpoint_add($1, $2, $3)`, c.Size, c.Root[:], c.Text).Scan(&c.At)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("store the checkpoint of size %d: %w", c.Size, err)
	}
	return c, nil
}

// readSizes returns the sizes of the tree and of its newest checkpoint.
func readSizes(ctx context.Context, db *sqlx.DB) (size, last int64, err error) {
	err = db.QueryRowContext(ctx, `SELECT coalesce((SELECT max(idx) + 1 FROM audit_index), 0),
		coalesce((SELECT max(size) FROM audit_checkpoint), 0)`).Scan(&size, &last)
	if err != nil {
		return 0, 0, fmt.Errorf("read the size of the record: %w", err)
	}
	return size, last, nil
}

// readIndexed returns the leaf hashes of the places from … to-1.
func readIndexed(ctx context.Context, db *sqlx.DB, from, to int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, 0, to-from)
	err := eachRow(ctx, db, func(rows *sql.Rows) error {
		var raw sql.RawBytes
		if err := rows.Scan(&raw); err != nil {
			return err
		}
		h, err := toHash(raw)
		hashes = append(hashes, h)
		return err
	}, `SELECT leaf_hash FROM audit_index WHERE idx >= $1 AND idx < $2 ORDER BY idx`, from, to)
	if err != nil {
		return nil, fmt.Errorf("read the tree's leaves from %d on: %w", from, err)
	}
	if int64(len(hashes)) != to-from {
		return nil, fmt.Errorf("of the tree's leaves from %d to %d, %d are gone: %w", from, to-1, to-from-int64(len(hashes)), ErrInconsistent)
	}
	return hashes, nil
}

// readIndex returns the place of a leaf in the tree, if it has one.
func readIndex(ctx context.Context, db *sqlx.DB, id int64) (int64, bool, error) {
	var idx int64
	err := db.QueryRowContext(ctx, `SELECT idx FROM audit_index WHERE leaf_id = $1`, id).Scan(&idx)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("look for leaf %d in the tree: %w", id, err)
	}
	return idx, true, nil
}

func readLag(ctx context.Context, db *sqlx.DB) (n int64, oldest time.Time, err error) {
	var at sql.NullTime
	err = db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM audit_pending),
		(SELECT at FROM audit_leaf WHERE id = (SELECT min(leaf_id) FROM audit_pending))`).Scan(&n, &at)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("read how far the record lags: %w", err)
	}
	return n, at.Time, nil
}

// Newest reads the newest checkpoint; false if there is none. Its signatures are
// not verified: that is [Trust.Open].
func Newest(ctx context.Context, db *sqlx.DB) (Checkpoint, bool, error) {
	return oneCheckpoint(ctx, db, `SELECT note, at FROM audit_checkpoint ORDER BY size DESC LIMIT 1`)
}

func oneCheckpoint(ctx context.Context, db sqlx.QueryerContext, query string, args ...any) (Checkpoint, bool, error) {
	var text string
	var at time.Time
	err := db.QueryRowxContext(ctx, query, args...).Scan(&text, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return Checkpoint{}, false, nil
	}
	if err != nil {
		return Checkpoint{}, false, fmt.Errorf("read a checkpoint: %w", err)
	}
	c, err := splitCheckpoint(text)
	c.At = at.UTC()
	return c, err == nil, err
}

// storedHashes reads the tree's hashes from the database. It implements
// [tlog.HashReader].
type storedHashes struct {
	ctx context.Context
	db  sqlx.QueryerContext
}

func (r storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, 0, len(indexes))
	if len(indexes) == 0 {
		return out, nil
	}
	err := eachRow(r.ctx, r.db, func(rows *sql.Rows) error {
		var raw sql.RawBytes
		if err := rows.Scan(&raw); err != nil {
			return err
		}
		if raw == nil {
			return fmt.Errorf("stored hash %d is gone: %w", indexes[len(out)], ErrInconsistent)
		}
		h, err := toHash(raw)
		out = append(out, h)
		return err
	}, `SELECT nullif(substring(h.hashes FROM (32 * (q.i - h.first) + 1)::int FOR 32), '')
		  FROM unnest($1::bigint[]) WITH ORDINALITY q(i, n)
		  LEFT JOIN LATERAL (SELECT first, hashes FROM audit_hash WHERE first <= q.i ORDER BY first DESC LIMIT 1) h ON true
		 ORDER BY q.n`, pq.Int64Array(indexes))
	if err != nil {
		return nil, fmt.Errorf("read hashes of the tree: %w", err)
	}
	return out, nil
}

func toHash(b []byte) (h tlog.Hash, err error) {
	if len(b) != len(h) {
		return h, fmt.Errorf("a hash has %d bytes", len(b))
	}
	copy(h[:], b)
	return h, nil
}

// eachRow calls f for every row of a query's result.
func eachRow(ctx context.Context, db sqlx.QueryerContext, f func(*sql.Rows) error, query string, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
