package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/device/wire"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

const pumpColumns = `p.id, p.site_id, p.maker, p.serial, p.model, p.profile, p.label, p.udi, p.udi_di, p.status, p.status_since, p.status_reason,
 COALESCE(p.device_key, ''), p.key_at, p.lot, COALESCE(p.made_on::text, ''), COALESCE(p.use_by::text, ''), COALESCE(p.implanted_on::text, ''),
 p.pocket_site, p.pocket_side, p.catheter_model, COALESCE(p.catheter_length_mm, 0), p.tip_level, p.cap_present, COALESCE(p.last_alarm_test::text, ''),
 p.mri_status, COALESCE(p.warranty_until::text, ''), p.recall_ref, p.asset_no, p.created_at, p.rev,
 COALESCE((SELECT g.link FROM registry_pairings g WHERE g.pump_id = p.id AND g.to_at IS NULL), '')`

func scanPump(row interface{ Scan(...any) error }) (Pump, error) {
	var p Pump
	var key string
	var keyAt sql.NullTime
	var access sql.NullBool
	err := row.Scan(&p.ID, &p.Site, &p.Maker, &p.Serial, &p.Model, &p.Profile, &p.Label, &p.UDI, &p.DI, &p.Status, &p.StatusSince, &p.StatusReason,
		&key, &keyAt, &p.Lot, &p.MadeOn, &p.UseBy, &p.ImplantedOn,
		&p.PocketSite, &p.PocketSide, &p.CatheterModel, &p.CatheterMM, &p.TipLevel, &access, &p.AlarmTestOn,
		&p.MRIStatus, &p.WarrantyUntil, &p.RecallRef, &p.AssetNo, &p.CreatedAt, &p.Rev, &p.Link)
	if err != nil {
		return Pump{}, err
	}
	if key != "" {
		if p.Key, err = wire.ParsePublicKey(key); err != nil {
			return Pump{}, fmt.Errorf("pump %d: %w", p.ID, err)
		}
	}
	p.KeyAt = keyAt.Time
	if access.Valid {
		p.CAP = &access.Bool
	}
	return p, nil
}

func scanPumps(rows *sql.Rows) ([]Pump, error) {
	defer func() { _ = rows.Close() }()
	var all []Pump
	for rows.Next() {
		p, err := scanPump(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// lockPump reads a pump and holds it until the transaction ends: every change to
// a pump, its pairing, certificates and claims starts here.
func lockPump(ctx context.Context, tx *postgres.Tx, id int64) (Pump, error) {
	if err := only(tx.QueryRowContext(ctx, `SELECT id FROM registry_pumps WHERE id = $1 FOR UPDATE`, id).Scan(&id), "pump"); err != nil {
		return Pump{}, err
	}
	// A statement of its own: it sees what the one who held the lock committed.
	return scanPump(tx.QueryRowContext(ctx, `SELECT `+pumpColumns+` FROM registry_pumps p WHERE p.id = $1`, id))
}

// lockSerial is lockPump for all pumps of a serial number, whoever made them.
func lockSerial(ctx context.Context, tx *postgres.Tx, serial string) ([]Pump, error) {
	rows, err := tx.QueryContext(ctx, `SELECT id FROM registry_pumps WHERE upper(serial) = upper($1) ORDER BY id FOR UPDATE`, serial)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // the second query needs the connection
		return nil, err
	}
	rows, err = tx.QueryContext(ctx, `SELECT `+pumpColumns+` FROM registry_pumps p WHERE upper(p.serial) = upper($1) ORDER BY p.id`, serial)
	if err != nil {
		return nil, err
	}
	return scanPumps(rows)
}

func getPump(ctx context.Context, db *sqlx.DB, scope auth.Scope, id int64) (Pump, error) {
	all, sites := scopeArgs(scope)
	p, err := scanPump(db.QueryRowContext(ctx, `SELECT `+pumpColumns+` FROM registry_pumps p WHERE p.id = $1 AND ($2 OR p.site_id = ANY($3))`, id, all, sites))
	return p, only(err, "pump")
}

// insertPump stores a new pump. It reports false if the maker's serial number is
// taken.
func insertPump(ctx context.Context, tx *postgres.Tx, n NewPump, status Status, now time.Time) (id int64, ok bool, err error) {
	err = tx.QueryRowContext(ctx, `
INSERT INTO registry_pumps (site_id, maker, serial, model, profile, label, udi, udi_di, status, status_since, status_reason,
  lot, made_on, use_by, implanted_on, pocket_site, pocket_side, catheter_model, catheter_length_mm, tip_level, cap_present, last_alarm_test, mri_status, warranty_until, recall_ref, asset_no, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'registered', $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $10)
ON CONFLICT (lower(maker), upper(serial)) DO NOTHING RETURNING id`,
		append([]any{n.Site, n.Maker, n.Serial, n.Model, n.Profile, n.Label, n.UDI, n.di, status, now}, factArgs(n.Facts)...)...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return id, err == nil, assetConflict(err, n.AssetNo)
}

// assetTaken refuses an asset number that another pump of the site has. The
// index is what holds; this is asked first where a violation would end the
// transaction for others too.
func assetTaken(ctx context.Context, tx *postgres.Tx, site int64, asset string) error {
	if asset == "" {
		return nil
	}
	var taken bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM registry_pumps WHERE site_id = $1 AND asset_no <> '' AND upper(asset_no) = upper($2))`, site, asset).Scan(&taken)
	if err == nil && taken {
		err = errs.Conflictf("Asset number %s belongs to another pump of the site.", asset)
	}
	return err
}

func assetConflict(err error, asset string) error {
	if postgres.IsUnique(err, "registry_pumps_asset") || postgres.IsUnique(err, "registry_communicators_asset") {
		return errs.Conflictf("Asset number %s belongs to another device of the site.", asset)
	}
	return err
}

// pumpsOf reads pumps as the transaction leaves them.
func pumpsOf(ctx context.Context, tx *postgres.Tx, ids []int64) ([]Pump, error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+pumpColumns+` FROM registry_pumps p WHERE p.id = ANY($1) ORDER BY p.id`, pq.Int64Array(ids))
	if err != nil {
		return nil, err
	}
	return scanPumps(rows)
}

// EachPumpTx calls f for every pump, within the caller's transaction and without
// holding them all: for parts of the server that look at the whole fleet, which
// know no scope.
func EachPumpTx(ctx context.Context, tx *postgres.Tx, f func(Pump) error) error {
	rows, err := tx.QueryContext(ctx, `SELECT `+pumpColumns+` FROM registry_pumps p ORDER BY p.id`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		p, err := scanPump(rows)
		if err != nil {
			return err
		}
		if err := f(p); err != nil {
			return err
		}
	}
	return rows.Err()
}

// LockPump is for packages that keep something about a pump: it reads the pump in
// the caller's transaction, keeps it from changing until the end, and refuses an
// actor without one of the roles at its site.
func LockPump(ctx context.Context, tx *postgres.Tx, actor auth.Actor, id int64, roles ...auth.Role) (Pump, error) {
	p, err := lockPump(ctx, tx, id)
	if err != nil {
		return Pump{}, err
	}
	return p, may(actor, p.Site, "pump", roles...)
}

// factArgs are the facts as parameters, in the order of the columns.
func factArgs(f Facts) []any {
	day := func(d Date) any {
		if d == "" {
			return nil
		}
		return string(d)
	}
	var length any
	if f.CatheterMM != 0 {
		length = f.CatheterMM
	}
	return []any{
		f.Lot, day(f.MadeOn), day(f.UseBy), day(f.ImplantedOn), f.PocketSite, f.PocketSide, f.CatheterModel, length, f.TipLevel, f.CAP,
		day(f.AlarmTestOn), f.MRIStatus, day(f.WarrantyUntil), f.RecallRef, f.AssetNo,
	}
}

func updateFacts(ctx context.Context, tx *postgres.Tx, id int64, label string, f Facts) error {
	_, err := tx.ExecContext(ctx, `
UPDATE registry_pumps SET rev = rev + 1, label = $2, lot = $3, made_on = $4, use_by = $5, implanted_on = $6, pocket_site = $7, pocket_side = $8, catheter_model = $9,
  catheter_length_mm = $10, tip_level = $11, cap_present = $12, last_alarm_test = $13, mri_status = $14, warranty_until = $15, recall_ref = $16, asset_no = $17
WHERE id = $1`, append([]any{id, label}, factArgs(f)...)...)
	return assetConflict(err, f.AssetNo)
}

func updateStatus(ctx context.Context, tx *postgres.Tx, id int64, to Status, reason string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE registry_pumps SET rev = rev + 1, status = $2, status_since = $3, status_reason = $4 WHERE id = $1`, id, to, now, reason)
	return err
}

// Pump returns a pump of the sites in scope, or errs.NotFound.
func (s *Service) Pump(ctx context.Context, scope auth.Scope, id int64) (Pump, error) {
	return getPump(ctx, s.DB, scope, id)
}

// Pumps returns the pumps of the sites in scope by site and serial number.
func (s *Service) Pumps(ctx context.Context, scope auth.Scope) ([]Pump, error) {
	var all []Pump
	err := s.eachPump(ctx, scope, func(p Pump) error {
		all = append(all, p)
		return nil
	})
	return all, err
}

// eachPump calls f for the pumps in scope without holding them all.
func (s *Service) eachPump(ctx context.Context, scope auth.Scope, f func(Pump) error) error {
	all, sites := scopeArgs(scope)
	rows, err := s.DB.QueryContext(ctx, `SELECT `+pumpColumns+` FROM registry_pumps p WHERE ($1 OR p.site_id = ANY($2)) ORDER BY p.site_id, p.serial, p.id`, all, sites)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		p, err := scanPump(rows)
		if err != nil {
			return err
		}
		if err := f(p); err != nil {
			return err
		}
	}
	return rows.Err()
}

// StatusTx returns a pump's status as the caller's transaction sees it.
func StatusTx(ctx context.Context, tx *postgres.Tx, pump int64) (s Status, err error) {
	err = tx.QueryRowContext(ctx, `SELECT status FROM registry_pumps WHERE id = $1`, pump).Scan(&s)
	return s, only(err, "pump")
}

// movePump gives a pump, its communicator and its patient to another site.
func movePump(ctx context.Context, tx *postgres.Tx, p Pump, site int64) error {
	if err := releaseReserved(ctx, tx, p.ID); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE registry_pumps SET site_id = $2, asset_no = '', rev = rev + 1 WHERE id = $1`, p.ID, site); err != nil {
		return err
	}
	if p.Link != "" {
		if _, err := tx.ExecContext(ctx, `UPDATE registry_communicators SET site_id = $2, asset_no = '', rev = rev + 1 WHERE serial = $1`, p.Link, site); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `UPDATE registry_patients SET site_id = $2, facts_rev = facts_rev + 1
WHERE id = (SELECT patient_id FROM registry_bindings WHERE pump_id = $1 AND to_at IS NULL)`, p.ID, site)
	return err
}
