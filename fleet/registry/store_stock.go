package registry

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// insertCommunicator puts a communicator into stock, or completes one that nobody
// had registered before it enrolled.
func insertCommunicator(ctx context.Context, tx *postgres.Tx, n NewCommunicator, now time.Time) error {
	res, err := tx.ExecContext(ctx, `
INSERT INTO registry_communicators (serial, model, firmware, lot, asset_no, site_id, status, status_since, status_reason, created_at)
VALUES ($1, $2, $3, $4, $5, $6, 'stock', $7, 'registered', $7)
ON CONFLICT (serial) DO UPDATE SET model = $2, firmware = $3, lot = $4, asset_no = $5, site_id = $6, rev = registry_communicators.rev + 1
  WHERE registry_communicators.model = '' AND COALESCE(registry_communicators.site_id, $6) = $6`, n.Serial, n.Model, n.Firmware, n.Lot, n.AssetNo, n.Site, now)
	if err != nil {
		return assetConflict(err, n.AssetNo)
	}
	if rows, err := res.RowsAffected(); err != nil || rows == 0 {
		return errors.Join(err, errs.Conflictf("Communicator %s is registered already.", n.Serial))
	}
	return nil
}

func commAssetTaken(ctx context.Context, tx *postgres.Tx, site int64, asset string) error {
	if asset == "" {
		return nil
	}
	var taken bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM registry_communicators WHERE site_id = $1 AND asset_no <> '' AND upper(asset_no) = upper($2))`, site, asset).Scan(&taken)
	if err == nil && taken {
		err = errs.Conflictf("Asset number %s belongs to another communicator of the site.", asset)
	}
	return err
}

func reserve(ctx context.Context, tx *postgres.Tx, serial string, pump int64, why, by string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `
UPDATE registry_communicators SET reserved_for = $2, reserved_why = $3, reserved_by = $4, reserved_at = $5, rev = rev + 1 WHERE serial = $1`, serial, pump, why, by, now)
	if postgres.IsUnique(err, "registry_communicators_reserved") {
		return errs.Conflictf("The pump has another communicator reserved. Release that one first.")
	}
	return err
}

const freed = `reserved_for = NULL, reserved_why = '', reserved_by = '', reserved_at = NULL, rev = registry_communicators.rev + 1`

func unreserve(ctx context.Context, tx *postgres.Tx, serial string) error {
	_, err := tx.ExecContext(ctx, `UPDATE registry_communicators SET `+freed+` WHERE serial = $1`, serial)
	return err
}

// releaseReserved ends the reservation that a pump has, if it has one.
func releaseReserved(ctx context.Context, tx *postgres.Tx, pump int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE registry_communicators SET `+freed+` WHERE reserved_for = $1`, pump)
	return err
}

func pairedPump(ctx context.Context, tx *postgres.Tx, serial string) (int64, error) {
	var id int64
	err := tx.QueryRowContext(ctx, `SELECT pump_id FROM registry_pairings WHERE link = $1 AND to_at IS NULL`, serial).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

const selectComm = `
SELECT c.serial, c.model, c.firmware, c.lot, c.asset_no, COALESCE(c.site_id, 0), c.status, c.status_since, c.status_reason, c.created_at,
  COALESCE(c.reserved_for, 0), COALESCE(r.serial, ''), c.reserved_at, c.reserved_by, c.reserved_why, COALESCE(g.pump_id, 0), COALESCE(p.serial, ''), g.from_at, c.rev
FROM registry_communicators c
LEFT JOIN registry_pairings g ON g.link = c.serial AND g.to_at IS NULL
LEFT JOIN registry_pumps p ON p.id = g.pump_id
LEFT JOIN registry_pumps r ON r.id = c.reserved_for `

func scanComm(row interface{ Scan(...any) error }) (Communicator, error) {
	var c Communicator
	var reserved, paired sql.NullTime
	err := row.Scan(&c.Serial, &c.Model, &c.Firmware, &c.Lot, &c.AssetNo, &c.Site, &c.Status, &c.StatusSince, &c.StatusReason, &c.CreatedAt,
		&c.ReservedFor, &c.ReservedSerial, &reserved, &c.ReservedBy, &c.ReservedWhy, &c.Pump, &c.PumpSerial, &paired, &c.Rev)
	c.ReservedAt, c.PairedAt = reserved.Time, paired.Time
	return c, err
}

func lockCommunicator(ctx context.Context, tx *postgres.Tx, serial string) (Communicator, error) {
	if err := only(tx.QueryRowContext(ctx, `SELECT serial FROM registry_communicators WHERE serial = $1 FOR UPDATE`, serial).Scan(&serial), "communicator"); err != nil {
		return Communicator{}, err
	}
	return readCommunicator(ctx, tx, serial)
}

func readCommunicator(ctx context.Context, tx *postgres.Tx, serial string) (Communicator, error) {
	c, err := scanComm(tx.QueryRowContext(ctx, selectComm+`WHERE c.serial = $1`, serial))
	return c, only(err, "communicator")
}

// LockCommunicator is for packages that keep something about a communicator: it
// reads it in the caller's transaction, keeps it from changing until the end, and
// refuses an actor without one of the roles at its site.
func LockCommunicator(ctx context.Context, tx *postgres.Tx, actor auth.Actor, serial string, roles ...auth.Role) (Communicator, error) {
	c, err := lockCommunicator(ctx, tx, serial)
	if err == nil {
		err = may(actor, c.Site, "communicator", roles...)
	}
	if err != nil {
		return Communicator{}, err
	}
	return c, nil
}

// EachCommunicatorTx calls f for every communicator, within the caller's
// transaction and without holding them all, as EachPumpTx does for pumps.
func EachCommunicatorTx(ctx context.Context, tx *postgres.Tx, f func(Communicator) error) error {
	rows, err := tx.QueryContext(ctx, selectComm+`ORDER BY c.serial`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		c, err := scanComm(rows)
		if err != nil {
			return err
		}
		if err := f(c); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Communicator returns a communicator of the sites in scope, or errs.NotFound.
func (s *Service) Communicator(ctx context.Context, scope auth.Scope, serial string) (Communicator, error) {
	all, sites := scopeArgs(scope)
	c, err := scanComm(s.DB.QueryRowContext(ctx, selectComm+`WHERE c.serial = $1 AND ($2 OR c.site_id = ANY($3))`, serial, all, sites))
	return c, only(err, "communicator")
}

// Communicators returns the communicators of the sites in scope by site and
// serial.
func (s *Service) Communicators(ctx context.Context, scope auth.Scope) ([]Communicator, error) {
	all, sites := scopeArgs(scope)
	rows, err := s.DB.QueryContext(ctx, selectComm+`WHERE $1 OR c.site_id = ANY($2) ORDER BY c.site_id, c.serial`, all, sites)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var list []Communicator
	for rows.Next() {
		c, err := scanComm(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// ServedBy returns which pumps of the sites in scope a communicator spoke for,
// oldest first.
func (s *Service) ServedBy(ctx context.Context, scope auth.Scope, serial string) ([]Pairing, error) {
	if _, err := s.Communicator(ctx, scope, serial); err != nil {
		return nil, err
	}
	all, sites := scopeArgs(scope)
	rows, err := s.DB.QueryContext(ctx, `
SELECT g.id, g.pump_id, p.serial, g.link, g.from_at, g.to_at, g.reason, g.end_reason FROM registry_pairings g JOIN registry_pumps p ON p.id = g.pump_id
WHERE g.link = $1 AND ($2 OR p.site_id = ANY($3)) ORDER BY g.id`, serial, all, sites)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var list []Pairing
	for rows.Next() {
		var p Pairing
		var to sql.NullTime
		if err := rows.Scan(&p.ID, &p.Pump, &p.PumpSerial, &p.Link, &p.From, &to, &p.Reason, &p.EndReason); err != nil {
			return nil, err
		}
		p.To = to.Time
		list = append(list, p)
	}
	return list, rows.Err()
}

// ClaimState is a claim slip as somebody may still hold it: never its code.
type ClaimState struct {
	ID        int64
	State     string // open, used, replaced, withdrawn, locked
	Link      string // the communicator it is for, "" for any
	Reason    string
	Attempts  int // wrong codes
	CreatedAt time.Time
	CreatedBy string
	ExpiresAt time.Time
	UsedAt    time.Time // zero unless used
}

// Claims returns a pump's claim slips, newest first, at most 20.
func (s *Service) Claims(ctx context.Context, scope auth.Scope, pump int64) ([]ClaimState, error) {
	if _, err := s.Pump(ctx, scope, pump); err != nil {
		return nil, err
	}
	rows, err := s.DB.QueryContext(ctx, `
SELECT id, state, COALESCE(link, ''), reason, attempts, created_at, created_by, expires_at, used_at FROM registry_claims WHERE pump_id = $1 ORDER BY id DESC LIMIT 20`, pump)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var list []ClaimState
	for rows.Next() {
		var c ClaimState
		var used sql.NullTime
		if err := rows.Scan(&c.ID, &c.State, &c.Link, &c.Reason, &c.Attempts, &c.CreatedAt, &c.CreatedBy, &c.ExpiresAt, &used); err != nil {
			return nil, err
		}
		c.UsedAt = used.Time
		list = append(list, c)
	}
	return list, rows.Err()
}
