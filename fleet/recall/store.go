package recall

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// matchLock is the key of the advisory lock under which pumps and recalls are
// brought together: shared by registrations, exclusive for what changes which
// recalls are open. It ends with the transaction.
const matchLock = 0x7265_6361_6c6c // "recall"

func lockMatching(ctx context.Context, tx *postgres.Tx, exclusive bool) error {
	query := `SELECT pg_advisory_xact_lock_shared($1)`
	if exclusive {
		query = `SELECT pg_advisory_xact_lock($1)`
	}
	_, err := tx.ExecContext(ctx, query, int64(matchLock))
	return err
}

const columns = `r.id, r.device, r.reference, r.maker, r.title, r.body, r.source, r.severity, r.issued_on::text, r.models, r.device_ids, r.lots, r.range_first, r.range_last,
 r.state, r.state_at, r.state_by, r.state_why, r.created_at, r.created_by, r.rev`

func scanRecall(row interface{ Scan(...any) error }, more ...any) (Recall, error) {
	var r Recall
	var first, last []string
	err := row.Scan(append([]any{
		&r.ID, &r.Device, &r.Reference, &r.Maker, &r.Title, &r.Text, &r.Source, &r.Severity, &r.IssuedOn,
		(*pq.StringArray)(&r.Models), (*pq.StringArray)(&r.DeviceIDs), (*pq.StringArray)(&r.Lots), (*pq.StringArray)(&first), (*pq.StringArray)(&last),
		&r.State, &r.StateAt, &r.StateBy, &r.StateWhy, &r.CreatedAt, &r.CreatedBy, &r.Rev,
	}, more...)...)
	r.Ranges = make([]Range, 0, len(first))
	for i := range min(len(first), len(last)) {
		r.Ranges = append(r.Ranges, Range{first[i], last[i]})
	}
	return r, err
}

func insertRecall(ctx context.Context, tx *postgres.Tx, n Notice, by string, now time.Time) (id int64, err error) {
	first, last := make([]string, len(n.Ranges)), make([]string, len(n.Ranges))
	for i, r := range n.Ranges {
		first[i], last[i] = r.First, r.Last
	}
	err = tx.QueryRowContext(ctx, `
INSERT INTO recall_recalls (reference, maker, title, body, source, severity, issued_on, models, device_ids, lots, range_first, range_last, state, state_at, state_by, state_why, created_at, created_by, device)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'open', $13, $14, '', $13, $14, $15) RETURNING id`,
		n.Reference, n.Maker, n.Title, n.Text, n.Source, n.Severity, string(n.IssuedOn), pq.StringArray(n.Models), pq.StringArray(n.DeviceIDs), pq.StringArray(n.Lots),
		pq.StringArray(first), pq.StringArray(last), now, by, n.Device).Scan(&id)
	if postgres.IsUnique(err, "recall_recalls_reference") {
		return 0, errs.Conflictf("Notice %s of %s is recorded already.", n.Reference, n.Maker)
	}
	return id, err
}

// lockRecall keeps others from ending the recall. It lets devices be added.
func lockRecall(ctx context.Context, tx *postgres.Tx, id int64) (Recall, error) {
	r, err := scanRecall(tx.QueryRowContext(ctx, `SELECT `+columns+` FROM recall_recalls r WHERE r.id = $1 FOR NO KEY UPDATE`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Recall{}, errs.NotFoundf("There is no such recall.")
	}
	return r, err
}

func updateState(ctx context.Context, tx *postgres.Tx, id int64, to State, why, by string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE recall_recalls SET state = $2, state_why = $3, state_by = $4, state_at = $5, rev = rev + 1 WHERE id = $1`, id, to, why, by, now)
	return err
}

func openRecalls(ctx context.Context, tx *postgres.Tx, of Kind) ([]Recall, error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+columns+` FROM recall_recalls r WHERE r.state = 'open' AND r.device = $1 ORDER BY r.id`, of)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Recall
	for rows.Next() {
		r, err := scanRecall(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// recalls returns one recall, or all of them for id 0, with counts in scope.
func recalls(ctx context.Context, db *sqlx.DB, scope auth.Scope, id int64) ([]Recall, error) {
	rows, err := db.QueryContext(ctx, `
SELECT `+columns+`, COALESCE(d.checks, 0), COALESCE(d.open, 0), COALESCE(d.closed, 0), COALESCE(d.removed, 0), COALESCE(d.contacted, 0)
FROM recall_recalls r LEFT JOIN (
    SELECT v.recall_id, count(*) FILTER (WHERE v.state = 'check') AS checks, count(*) FILTER (WHERE v.state = 'open') AS open, count(*) FILTER (WHERE v.state = 'closed') AS closed,
           count(*) FILTER (WHERE v.state = 'removed') AS removed,
           count(*) FILTER (WHERE v.state = 'open' AND EXISTS (SELECT FROM recall_contacts c WHERE c.device_id = v.id AND c.outcome IN ('reached', 'appointment'))) AS contacted
    FROM recall_devices v WHERE ($1 OR v.site_id = ANY($2)) AND ($3 = 0 OR v.recall_id = $3) GROUP BY v.recall_id) d ON d.recall_id = r.id
WHERE $3 = 0 OR r.id = $3 ORDER BY r.state = 'open' DESC, r.issued_on DESC, r.id DESC`, scope.All, pq.Int64Array(scope.Sites), id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Recall
	for rows.Next() {
		var c Counts
		r, err := scanRecall(rows, &c.Check, &c.Open, &c.Closed, &c.Removed, &c.Contacted)
		if err != nil {
			return nil, err
		}
		r.Counts = c
		all = append(all, r)
	}
	return all, rows.Err()
}

// insertDevices puts devices on a list and returns those that were not on it.
func insertDevices(ctx context.Context, tx *postgres.Tx, id int64, found []Found, by string, now time.Time) ([]Found, error) {
	var pumps, sites []int64
	var comms, states, why []string
	byTarget := map[Target]Found{}
	for _, f := range found {
		state := DeviceOpen
		if f.Verdict == Possible {
			state = DeviceCheck
		}
		pumps, comms, sites, states, why = append(pumps, f.Pump), append(comms, f.Comm), append(sites, f.Site), append(states, string(state)), append(why, f.Why)
		byTarget[f.Target] = f
	}
	if len(pumps) == 0 {
		return nil, nil
	}
	rows, err := tx.QueryContext(ctx, `
INSERT INTO recall_devices (recall_id, pump_id, comm, site_id, state, how, why, added_at, added_by, state_at, state_by)
SELECT $1, NULLIF(u.pump, 0), NULLIF(u.comm, ''), u.site, u.state, 'matched', u.why, $7, $8, $7, $8 FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[]) u(pump, comm, site, state, why)
ON CONFLICT DO NOTHING RETURNING COALESCE(pump_id, 0), COALESCE(comm, '')`, id, pq.Int64Array(pumps), pq.StringArray(comms), pq.Int64Array(sites), pq.StringArray(states), pq.StringArray(why), now, by)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var fresh []Found
	for rows.Next() {
		var t Target
		if err := rows.Scan(&t.Pump, &t.Comm); err != nil {
			return nil, err
		}
		fresh = append(fresh, byTarget[t])
	}
	return fresh, rows.Err()
}

// addDevice puts one device on a list by hand; false if it is on it.
func addDevice(ctx context.Context, tx *postgres.Tx, d Device) (bool, error) {
	unique := "pump_id"
	if d.Comm != "" {
		unique = "comm"
	}
	res, err := tx.ExecContext(ctx, `
INSERT INTO recall_devices (recall_id, pump_id, comm, site_id, state, how, why, added_at, added_by, state_at, state_by) VALUES ($1, NULLIF($2, 0), NULLIF($3, ''), $4, 'open', 'added', $5, $6, $7, $6, $7)
ON CONFLICT (recall_id, `+unique+`) DO UPDATE SET site_id = $4, state = 'open', how = 'added', why = $5, added_at = $6, added_by = $7, state_at = $6, state_by = $7, state_why = ''
  WHERE recall_devices.state = 'removed'`, d.Recall, d.Pump, d.Comm, d.Site, d.Why, d.AddedAt, d.AddedBy)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

const deviceColumns = `id, recall_id, COALESCE(pump_id, 0), COALESCE(comm, ''), site_id, state, how, why, added_at, added_by, state_at, state_by, state_why, outcome`

func scanDevice(row interface{ Scan(...any) error }) (Device, error) {
	var d Device
	err := row.Scan(&d.ID, &d.Recall, &d.Pump, &d.Comm, &d.Site, &d.State, &d.How, &d.Why, &d.AddedAt, &d.AddedBy, &d.StateAt, &d.StateBy, &d.StateWhy, &d.Outcome)
	return d, err
}

func lockDevice(ctx context.Context, tx *postgres.Tx, id int64, t Target) (Device, error) {
	d, err := scanDevice(tx.QueryRowContext(ctx, `SELECT `+deviceColumns+` FROM recall_devices WHERE recall_id = $1 AND (pump_id = NULLIF($2, 0) OR comm = NULLIF($3, '')) FOR UPDATE`, id, t.Pump, t.Comm))
	if errors.Is(err, sql.ErrNoRows) {
		return Device{}, errs.NotFoundf("There is no such device on this recall's list.")
	}
	return d, err
}

func updateDevice(ctx context.Context, tx *postgres.Tx, d Device) error {
	_, err := tx.ExecContext(ctx, `UPDATE recall_devices SET state = $2, state_at = $3, state_by = $4, state_why = $5, outcome = $6 WHERE id = $1`,
		d.ID, d.State, d.StateAt, d.StateBy, d.StateWhy, d.Outcome)
	return err
}

func queryDevices(ctx context.Context, q sqlx.QueryerContext, query string, args ...any) ([]Device, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Device
	for rows.Next() {
		d, err := scanDevice(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, rows.Err()
}

func devicesOf(ctx context.Context, q sqlx.QueryerContext, id int64, scope auth.Scope) ([]Device, error) {
	return queryDevices(ctx, q, `SELECT `+deviceColumns+` FROM recall_devices WHERE recall_id = $1 AND ($2 OR site_id = ANY($3))
ORDER BY array_position(ARRAY['check', 'open', 'closed', 'removed'], state), site_id, pump_id, comm`, id, scope.All, pq.Int64Array(scope.Sites))
}

func devicesOfPump(ctx context.Context, db *sqlx.DB, scope auth.Scope, pump int64) ([]Device, error) {
	return queryDevices(ctx, db, `SELECT `+deviceColumns+` FROM recall_devices WHERE pump_id = $1 AND ($2 OR site_id = ANY($3)) ORDER BY recall_id DESC`,
		pump, scope.All, pq.Int64Array(scope.Sites))
}

func devicesOfCommunicator(ctx context.Context, db *sqlx.DB, scope auth.Scope, serial string) ([]Device, error) {
	return queryDevices(ctx, db, `SELECT `+deviceColumns+` FROM recall_devices WHERE comm = $1 AND ($2 OR site_id = ANY($3)) ORDER BY recall_id DESC`,
		serial, scope.All, pq.Int64Array(scope.Sites))
}

// recalledCommunicators returns the communicators in scope that an open recall
// still has on its list.
func recalledCommunicators(ctx context.Context, db *sqlx.DB, scope auth.Scope) (map[string]bool, error) {
	var list []string
	err := db.SelectContext(ctx, &list, `
SELECT DISTINCT d.comm FROM recall_devices d JOIN recall_recalls r ON r.id = d.recall_id
WHERE d.comm IS NOT NULL AND r.state = 'open' AND d.state IN ('check', 'open') AND ($1 OR d.site_id = ANY($2))`, scope.All, pq.Int64Array(scope.Sites))
	out := make(map[string]bool, len(list))
	for _, s := range list {
		out[s] = true
	}
	return out, err
}

// moveCommunicator lets what is done about a communicator follow it to another
// site.
func moveCommunicator(ctx context.Context, tx *postgres.Tx, serial string, site int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE recall_devices SET site_id = $2 WHERE comm = $1 AND site_id <> $2`, serial, site)
	if err != nil {
		return fmt.Errorf("recall entries of communicator %s: %w", serial, err)
	}
	return nil
}

func insertContact(ctx context.Context, tx *postgres.Tx, device int64, c Contact) error {
	_, err := tx.ExecContext(ctx, `
INSERT INTO recall_contacts (device_id, at, caller, contacted, way, outcome, note, noted_at, noted_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		device, c.At, c.Caller, c.Contacted, c.Way, c.Outcome, c.Note, c.NotedAt, c.NotedBy)
	return err
}

// contactsOf returns a recall's contacts by the entry of the device, oldest first.
func contactsOf(ctx context.Context, db *sqlx.DB, id int64) (map[int64][]Contact, error) {
	rows, err := db.QueryContext(ctx, `
SELECT c.device_id, c.id, c.at, c.caller, c.contacted, c.way, c.outcome, c.note, c.noted_at, c.noted_by
FROM recall_contacts c JOIN recall_devices d ON d.id = c.device_id WHERE d.recall_id = $1 ORDER BY c.at, c.id`, id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[int64][]Contact{}
	for rows.Next() {
		var device int64
		var c Contact
		if err := rows.Scan(&device, &c.ID, &c.At, &c.Caller, &c.Contacted, &c.Way, &c.Outcome, &c.Note, &c.NotedAt, &c.NotedBy); err != nil {
			return nil, err
		}
		out[device] = append(out[device], c)
	}
	return out, rows.Err()
}

// isOut reports whether a pump is out of its patient or out of service.
func isOut(ctx context.Context, tx *postgres.Tx, pump int64) (bool, error) {
	status, err := registry.StatusTx(ctx, tx, pump)
	return status == registry.Explanted || status == registry.Retired, err
}

// MovedTx gives a pump's part in recalls to the site that it goes to, in the
// caller's transaction, and that of the communicator that goes with it ("" if none
// does): all of it, for the house that has the patient follows a recall up, and what
// was settled at the other is its to look at and to take up again.
func (s *Service) MovedTx(ctx context.Context, tx *postgres.Tx, pump int64, link string, site int64) error {
	if _, err := tx.ExecContext(ctx, `UPDATE recall_devices SET site_id = $2 WHERE pump_id = $1 AND site_id <> $2`, pump, site); err != nil {
		return fmt.Errorf("recall entries of pump %d: %w", pump, err)
	}
	if link == "" {
		return nil
	}
	return moveCommunicator(ctx, tx, link, site)
}
