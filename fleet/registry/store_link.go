package registry

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// withdrawClaims ends the pump's open claim, if it has one.
func withdrawClaims(ctx context.Context, tx *postgres.Tx, pump int64, state string) (int64, error) {
	res, err := tx.ExecContext(ctx, `UPDATE registry_claims SET state = $2 WHERE pump_id = $1 AND state = 'open'`, pump, state)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func insertClaim(ctx context.Context, tx *postgres.Tx, c Claim, why, by string, now time.Time) error {
	hash := codeHash(c.Code)
	_, err := tx.ExecContext(ctx, `
INSERT INTO registry_claims (pump_id, code_hash, link, reason, state, created_at, created_by, expires_at) VALUES ($1, $2, NULLIF($3, ''), $4, 'open', $5, $6, $7)`,
		c.Pump, hash[:], c.Link, why, now, by, c.ExpiresAt)
	return err
}

// claimsOf returns a pump's newest claims: the open one and those that somebody
// may still hold a slip of.
func claimsOf(ctx context.Context, tx *postgres.Tx, pump int64) ([]openClaim, error) {
	rows, err := tx.QueryContext(ctx, `
SELECT id, pump_id, code_hash, COALESCE(link, ''), state, attempts, expires_at, COALESCE(cert, '')
FROM registry_claims WHERE pump_id = $1 ORDER BY id DESC LIMIT 8 FOR UPDATE`, pump)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []openClaim
	for rows.Next() {
		var c openClaim
		if err := rows.Scan(&c.id, &c.pump, &c.hash, &c.link, &c.state, &c.attempts, &c.expiresAt, &c.cert); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// countAttempt counts a wrong code and locks the claim at the limit.
func countAttempt(ctx context.Context, tx *postgres.Tx, id int64) error {
	_, err := tx.ExecContext(ctx, `
UPDATE registry_claims SET attempts = attempts + 1, state = CASE WHEN attempts + 1 >= $2 THEN 'locked' ELSE state END WHERE id = $1 AND state = 'open'`, id, maxAttempts)
	return err
}

func useClaim(ctx context.Context, tx *postgres.Tx, id int64, cert string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE registry_claims SET state = 'used', used_at = $2, cert = $3 WHERE id = $1`, id, now, cert)
	return err
}

// communicator returns a communicator's status, empty if it is not known, the
// pump that it is paired with and the one that it is reserved for, 0 if none.
func communicator(ctx context.Context, tx *postgres.Tx, link string) (status CommStatus, pump, reserved int64, err error) {
	err = tx.QueryRowContext(ctx, `
SELECT c.status, COALESCE((SELECT g.pump_id FROM registry_pairings g WHERE g.link = c.serial AND g.to_at IS NULL), 0), COALESCE(c.reserved_for, 0)
FROM registry_communicators c WHERE c.serial = $1 FOR UPDATE`, link).Scan(&status, &pump, &reserved)
	if errors.Is(err, sql.ErrNoRows) {
		return "", 0, 0, nil
	}
	return status, pump, reserved, err
}

// activateCommunicator makes a communicator known or takes it from stock. From
// then on it belongs to the pump's site. Asset numbers are a house's own, and stay
// behind at the other one.
func activateCommunicator(ctx context.Context, tx *postgres.Tx, link string, site int64, now time.Time) error {
	_, err := tx.ExecContext(ctx, `
INSERT INTO registry_communicators (serial, model, firmware, site_id, status, status_since, status_reason, created_at) VALUES ($1, '', '', $3, 'active', $2, 'enrolled', $2)
ON CONFLICT (serial) DO UPDATE SET status = 'active', status_since = $2, status_reason = 'enrolled', site_id = $3,
  asset_no = CASE WHEN registry_communicators.site_id = $3 THEN registry_communicators.asset_no ELSE '' END, `+freed+`
  WHERE registry_communicators.status = 'stock'`, link, now, site)
	return assetConflict(err, "of communicator "+link)
}

func setCommunicator(ctx context.Context, tx *postgres.Tx, link string, to CommStatus, why string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE registry_communicators SET status = $2, status_since = $3, status_reason = $4, `+freed+` WHERE serial = $1`, link, to, now, why)
	return err
}

// restock returns the revoked communicator of a pump's last pairing to stock.
func restock(ctx context.Context, tx *postgres.Tx, pump int64, now time.Time) error {
	_, err := tx.ExecContext(ctx, `
UPDATE registry_communicators SET status = 'stock', status_since = $2, status_reason = 'reinstated', rev = rev + 1
WHERE status = 'revoked' AND serial = (SELECT link FROM registry_pairings WHERE pump_id = $1 ORDER BY id DESC LIMIT 1)
  AND NOT EXISTS (SELECT FROM registry_pairings g WHERE g.link = serial AND g.to_at IS NULL)`, pump, now)
	return err
}

func openPairing(ctx context.Context, tx *postgres.Tx, pump int64, link, why string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO registry_pairings (pump_id, link, from_at, reason) VALUES ($1, $2, $3, $4)`, pump, link, now, why)
	return err
}

func closePairing(ctx context.Context, tx *postgres.Tx, pump int64, why string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE registry_pairings SET to_at = GREATEST($2, from_at), end_reason = $3 WHERE pump_id = $1 AND to_at IS NULL`, pump, now, why)
	return err
}

// revokeCertificates revokes a pump's certificates, all but the one to keep.
func revokeCertificates(ctx context.Context, tx *postgres.Tx, pump int64, keep, why string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE registry_certificates SET revoked_at = $2, reason = $3 WHERE pump_id = $1 AND revoked_at IS NULL AND serial <> $4`, pump, now, why, keep)
	return err
}

// supersede revokes the certificates that are older than the one a link still
// uses.
func supersede(ctx context.Context, tx *postgres.Tx, pump int64, inUse string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `
UPDATE registry_certificates SET revoked_at = $3, reason = 'superseded'
WHERE pump_id = $1 AND revoked_at IS NULL AND serial <> $2 AND issued_at < (SELECT issued_at FROM registry_certificates WHERE serial = $2)`, pump, inUse, now)
	return err
}

// certificate is a certificate as stored.
type certificate struct {
	Certificate
	request []byte
	chain   [][]byte
}

const certColumns = `serial, pump_id, link, not_before, not_after, issued_at, revoked_at, reason, request_hash, chain`

func scanCertificate(row interface{ Scan(...any) error }) (certificate, error) {
	var c certificate
	var revoked sql.NullTime
	err := row.Scan(&c.Serial, &c.Pump, &c.Link, &c.NotBefore, &c.NotAfter, &c.IssuedAt, &revoked, &c.Reason, &c.request, (*pq.ByteaArray)(&c.chain))
	c.RevokedAt = revoked.Time
	return c, err
}

func insertCertificate(ctx context.Context, tx *postgres.Tx, c certificate, leafHash [32]byte) error {
	_, err := tx.ExecContext(ctx, `
INSERT INTO registry_certificates (serial, pump_id, link, not_before, not_after, issued_at, request_hash, leaf_hash, chain) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		c.Serial, c.Pump, c.Link, c.NotBefore, c.NotAfter, c.IssuedAt, c.request, leafHash[:], pq.ByteaArray(c.chain))
	return err
}

func certificateOf(ctx context.Context, q sqlx.QueryerContext, where string, arg any) (certificate, bool, error) {
	c, err := scanCertificate(q.QueryRowxContext(ctx, `SELECT `+certColumns+` FROM registry_certificates WHERE `+where, arg))
	if errors.Is(err, sql.ErrNoRows) {
		return certificate{}, false, nil
	}
	return c, err == nil, err
}

// issuedSince returns the certificates that a pump got since then, newest first.
func issuedSince(ctx context.Context, tx *postgres.Tx, pump int64, since time.Time) ([]certificate, error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+certColumns+` FROM registry_certificates WHERE pump_id = $1 AND issued_at > $2 ORDER BY issued_at DESC`, pump, since)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []certificate
	for rows.Next() {
		c, err := scanCertificate(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// bindKey gives a pump its key, once for life, and makes it active.
func bindKey(ctx context.Context, tx *postgres.Tx, p Pump, now time.Time) error {
	hash, id := p.Key.Hash(), p.Key.PumpID()
	_, err := tx.ExecContext(ctx, `
UPDATE registry_pumps SET rev = rev + 1, device_key = $2, key_hash = $3, wire_id = $4, key_at = COALESCE(key_at, $5),
  status = 'active', status_since = CASE WHEN status = 'active' THEN status_since ELSE $5 END, status_reason = 'enrolled'
WHERE id = $1`, p.ID, p.Key.String(), hash[:], id[:], now)
	return err
}

// pumpOfKey returns which pump has a key, 0 if none.
func pumpOfKey(ctx context.Context, tx *postgres.Tx, key string) (int64, error) {
	var id int64
	err := tx.QueryRowContext(ctx, `SELECT id FROM registry_pumps WHERE device_key = $1`, key).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// Pairings returns which communicators a pump had, oldest first.
func (s *Service) Pairings(ctx context.Context, scope auth.Scope, pump int64) ([]Pairing, error) {
	if _, err := s.Pump(ctx, scope, pump); err != nil {
		return nil, err
	}
	rows, err := s.DB.QueryContext(ctx, `SELECT id, pump_id, link, from_at, to_at, reason, end_reason FROM registry_pairings WHERE pump_id = $1 ORDER BY id`, pump)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Pairing
	for rows.Next() {
		var p Pairing
		var to sql.NullTime
		if err := rows.Scan(&p.ID, &p.Pump, &p.Link, &p.From, &to, &p.Reason, &p.EndReason); err != nil {
			return nil, err
		}
		p.To = to.Time
		all = append(all, p)
	}
	return all, rows.Err()
}

// ListCertificates returns the certificates that a pump's communicators got,
// newest first.
func (s *Service) ListCertificates(ctx context.Context, scope auth.Scope, pump int64) ([]Certificate, error) {
	if _, err := s.Pump(ctx, scope, pump); err != nil {
		return nil, err
	}
	rows, err := s.DB.QueryContext(ctx, `SELECT `+certColumns+` FROM registry_certificates WHERE pump_id = $1 ORDER BY issued_at DESC, serial`, pump)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Certificate
	for rows.Next() {
		c, err := scanCertificate(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, c.Certificate)
	}
	return all, rows.Err()
}
