package dispatch

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/device/wire"
	"cisterna/internal/postgres"
)

func kindText(k wire.Kind) string {
	if k == wire.DnStop {
		return "stop"
	}
	return "order"
}

func kindOf(text string) wire.Kind {
	if text == "stop" {
		return wire.DnStop
	}
	return wire.DnOrder
}

func insertLetter(ctx context.Context, tx *postgres.Tx, l *Letter) error {
	leaves := pq.Int64Array(l.Leaves)
	if leaves == nil {
		leaves = pq.Int64Array{}
	}
	err := tx.QueryRowContext(ctx, `INSERT INTO dispatch_outbox (pump_id, kind, doc, payload, leaves, created_at, not_after, state, next_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', $6) RETURNING id`,
		l.Pump, kindText(l.Kind), l.Doc[:], l.Payload, leaves, l.CreatedAt, l.NotAfter).Scan(&l.ID)
	if err != nil {
		return fmt.Errorf("put a document for pump %d into the outbox: %w", l.Pump, err)
	}
	return nil
}

// readOpen returns what waits or was sent without an answer.
func readOpen(ctx context.Context, db *sqlx.DB) ([]*Letter, error) {
	rows, err := db.QueryContext(ctx, `SELECT id, pump_id, kind, doc, payload, leaves, created_at, not_after, state, tries, next_at, last_sent, link FROM dispatch_outbox WHERE state IN ('waiting', 'sent') ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []*Letter
	for rows.Next() {
		var l Letter
		var kind string
		var doc []byte
		var last sql.NullTime
		var leaves pq.Int64Array
		if err := rows.Scan(&l.ID, &l.Pump, &kind, &doc, &l.Payload, &leaves, &l.CreatedAt, &l.NotAfter, &l.State, &l.Tries, &l.NextAt, &last, &l.Link); err != nil {
			return nil, fmt.Errorf("read the outbox: %w", err)
		}
		l.Kind, l.Doc, l.LastSent, l.Leaves = kindOf(kind), [32]byte(doc), last.Time, leaves
		all = append(all, &l)
	}
	return all, rows.Err()
}

// markSent notes a sending of a letter, and reports whether it is open still.
func markSent(ctx context.Context, tx *postgres.Tx, id int64, link string, now, next time.Time) (open bool, err error) {
	res, err := tx.ExecContext(ctx, `UPDATE dispatch_outbox SET state = 'sent', tries = tries + 1, first_sent = coalesce(first_sent, $3), last_sent = $3, next_at = $4, link = $2
WHERE id = $1 AND state IN ('waiting', 'sent')`, id, link, now, next)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func endLetter(ctx context.Context, tx *postgres.Tx, pump int64, doc []byte, state State, code string, now time.Time) (id int64, ok bool, err error) {
	err = tx.QueryRowContext(ctx, `UPDATE dispatch_outbox SET state = $3, code = $4, ended_at = $5 WHERE pump_id = $1 AND doc = $2 AND state IN ('waiting', 'sent') RETURNING id`,
		pump, doc, state, code, now).Scan(&id)
	if err == sql.ErrNoRows {
		return 0, false, nil
	}
	return id, err == nil, err
}

func expireLetters(ctx context.Context, tx *postgres.Tx, now time.Time) (ids []int64, err error) {
	rows, err := tx.QueryContext(ctx, `UPDATE dispatch_outbox SET state = 'expired', ended_at = $1 WHERE state IN ('waiting', 'sent') AND not_after < $1 RETURNING id`, now)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
