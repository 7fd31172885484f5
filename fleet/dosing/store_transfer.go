package dosing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"cisterna/device/order"
	"cisterna/internal/postgres"
)

const transferColumns = `id, pump_id, site_id, to_site, body, hash, reason, user_id, person, name, at, expires_at, leaf`

func scanTransfer(row interface{ Scan(...any) error }) (RootTransfer, error) {
	var t RootTransfer
	var hash []byte
	err := row.Scan(&t.ID, &t.Pump, &t.From, &t.To, &t.Body, &hash, &t.Reason, &t.Maker.ID, &t.Maker.Login, &t.Maker.Name, &t.At, &t.Expires, &t.leaf)
	if err == nil {
		t.Hash = order.Digest(hash)
	}
	return t, err
}

func insertTransfer(ctx context.Context, tx *postgres.Tx, t *RootTransfer) error {
	err := tx.QueryRowContext(ctx, `INSERT INTO dosing_transfers (pump_id, site_id, to_site, body, hash, reason, user_id, person, name, at, expires_at, leaf)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id`,
		t.Pump, t.From, t.To, t.Body, t.Hash[:], t.Reason, t.Maker.ID, t.Maker.Login, t.Maker.Name, t.At, t.Expires, t.leaf).Scan(&t.ID)
	if err != nil {
		return fmt.Errorf("write a transfer by the root: %w", err)
	}
	return nil
}

// readTransfer returns what was made with a hash, with its letter.
func readTransfer(ctx context.Context, q queryer, hash order.Digest) (t RootTransfer, found bool, err error) {
	t, err = scanTransfer(q.QueryRowContext(ctx, `SELECT `+transferColumns+` FROM dosing_transfers WHERE hash = $1`, hash[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return t, false, nil
	}
	if err == nil {
		t.Letter, err = transferLetter(ctx, q, hash)
	}
	return t, err == nil, err
}

// readTransfers returns what was made for a pump, newest first.
func readTransfers(ctx context.Context, db *sqlx.DB, pump int64) ([]RootTransfer, error) {
	rows, err := db.QueryContext(ctx, `SELECT `+transferColumns+` FROM dosing_transfers WHERE pump_id = $1 ORDER BY id DESC LIMIT 20`, pump)
	all, err := collect(rows, err, func(r *sql.Rows) (RootTransfer, error) { return scanTransfer(r) })
	for i := range all {
		if all[i].Letter, err = transferLetter(ctx, db, all[i].Hash); err != nil {
			return nil, err
		}
	}
	return all, err
}

// transferLetter returns the letter that a signed transfer left by, nil if there is none.
func transferLetter(ctx context.Context, q queryer, hash order.Digest) (*Letter, error) {
	l, err := scanLetter(q.QueryRowContext(ctx, `SELECT `+letterColumns+` FROM dosing_letters WHERE hash = $1 AND kind = 'transfer'`, hash[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &l, err
}

// destination returns the site that a transfer takes its pump to.
func destination(ctx context.Context, q queryer, hash order.Digest) (site int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT to_site FROM dosing_transfers WHERE hash = $1`, hash[:]).Scan(&site)
	return site, err
}
