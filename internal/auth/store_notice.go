package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/postgres"
)

func insertNotice(ctx context.Context, tx *postgres.Tx, user int64, kind, words string, code int64, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO auth_notices (user_id, at, kind, words, code_id) VALUES ($1, $2, $3, $4, nullif($5, 0))`, user, now, kind, words, code)
	return err
}

func noticesOf(ctx context.Context, q sqlx.QueryerContext, user int64, now time.Time) ([]Notice, error) {
	var rows []struct {
		ID     int64
		At     time.Time
		Kind   string
		Words  string
		Code   int64
		SeenAt *time.Time `db:"seen_at"`
	}
	err := sqlx.SelectContext(ctx, q, &rows, `
		SELECT n.id, n.at, n.kind, n.words, n.seen_at, CASE WHEN c.closed_at IS NULL AND c.expires_at > $2 THEN c.id ELSE 0 END AS code
		  FROM auth_notices n LEFT JOIN auth_codes c ON c.id = n.code_id WHERE n.user_id = $1 ORDER BY n.id DESC LIMIT $3`, user, now, keptNotices)
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	out := make([]Notice, len(rows))
	for i, r := range rows {
		out[i] = Notice{ID: r.ID, At: r.At, Kind: r.Kind, Words: r.Words, Code: r.Code}
		if r.SeenAt != nil {
			out[i].SeenAt = *r.SeenAt
		}
	}
	return out, nil
}

func seeNotices(ctx context.Context, db *sqlx.DB, user, upTo int64, now time.Time) error {
	_, err := db.ExecContext(ctx, `UPDATE auth_notices SET seen_at = $3 WHERE user_id = $1 AND id <= $2 AND seen_at IS NULL`, user, upTo, now)
	if err != nil {
		return fmt.Errorf("note that notices were seen: %w", err)
	}
	return nil
}
