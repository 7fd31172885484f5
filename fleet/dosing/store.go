package dosing

import (
	"context"
	"crypto/sha256"
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
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func when(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }

func maybe(id int64) sql.NullInt64 { return sql.NullInt64{Int64: id, Valid: id != 0} }

// sumOf names evidence; nil if there is none.
func sumOf(b []byte) []byte {
	if b == nil {
		return nil
	}
	h := sha256.Sum256(b)
	return h[:]
}

// collect reads all rows of a query.
func collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := []T{}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

const orderColumns = `id, pump_id, site_id, coalesce(patient_id, 0), act, state, rev, wish, document, hash, base, facts_rev, class, people, finding,
    proposer, proposer_login, proposer_name, created_at, proposed_at, expires_at, mismatches, escalated, coalesce(asked, 0), coalesce(leaf, 0), code, detail, coalesce(replaces, 0), told, closed_at, seen, asked_all, asked_until, bedside_since, bedside_until`

func scanOrder(row interface{ Scan(...any) error }) (Order, error) {
	var o Order
	var act string
	var wish, finding, hash, base, seen []byte
	var proposed, expires, closed, askedUntil, bedsideSince, bedsideUntil sql.NullTime
	err := row.Scan(&o.ID, &o.Pump, &o.Site, &o.Patient, &act, &o.State, &o.Rev, &wish, &o.Document, &hash, &base, &o.FactsRev, &o.Class, &o.People, &finding,
		&o.Proposer.ID, &o.Proposer.Login, &o.Proposer.Name, &o.CreatedAt, &proposed, &expires, &o.Mismatches, &o.Escalated, &o.Asked, &o.leaf, &o.Code, &o.Detail, &o.Replaces, &o.Told, &closed, &seen, (*pq.Int64Array)(&o.AskedAll), &askedUntil, &bedsideSince, &bedsideUntil)
	if err != nil {
		return o, err
	}
	o.ProposedAt, o.ExpiresAt, o.ClosedAt, o.AskedUntil = proposed.Time, expires.Time, closed.Time, askedUntil.Time
	o.Bedside = Underway{Since: bedsideSince.Time, Until: bedsideUntil.Time}
	if hash != nil {
		o.Hash = order.Digest(hash)
	}
	if base != nil {
		o.Base = order.Digest(base)
	}
	if err := o.Act.UnmarshalText([]byte(act)); err != nil && act != "" {
		return o, err
	}
	if err := json.Unmarshal(wish, &o.Wish); err != nil {
		return o, fmt.Errorf("order %d: %w", o.ID, err)
	}
	if err := json.Unmarshal(finding, &o.Finding); err != nil {
		return o, fmt.Errorf("order %d: %w", o.ID, err)
	}
	if seen != nil {
		o.seen = &Seen{}
		if err := json.Unmarshal(seen, o.seen); err != nil {
			return o, fmt.Errorf("order %d: %w", o.ID, err)
		}
	}
	return o, nil
}

func only(err error, thing string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return refusal.NotFound("There is no such %s.", thing)
	}
	return err
}

func lockOrder(ctx context.Context, tx *postgres.Tx, id int64) (Order, error) {
	o, err := scanOrder(tx.QueryRowContext(ctx, `SELECT `+orderColumns+` FROM dosing_orders WHERE id = $1 FOR UPDATE`, id))
	if err != nil {
		return o, only(err, "order")
	}
	o.Approvals, err = readApprovals(ctx, tx, id)
	return o, err
}

func readOrder(ctx context.Context, db *sqlx.DB, id int64) (Order, error) {
	o, err := scanOrder(db.QueryRowContext(ctx, `SELECT `+orderColumns+` FROM dosing_orders WHERE id = $1`, id))
	if err != nil {
		return o, only(err, "order")
	}
	o.Approvals, err = readApprovals(ctx, db, id)
	return o, err
}

func readOrders(ctx context.Context, db *sqlx.DB, scope auth.Scope, f Filter) ([]Order, error) {
	limit := f.Limit
	if limit <= 0 || limit > 200 {
		limit = 50
	}
	states := make(pq.StringArray, len(f.States))
	for i, st := range f.States {
		states[i] = string(st)
	}
	rows, err := db.QueryContext(ctx, `SELECT `+orderColumns+` FROM dosing_orders
WHERE ($1 OR site_id = ANY ($2)) AND ($3 = 0 OR pump_id = $3) AND ($8 = 0 OR pump_id = $8) AND (NOT $4 OR closed_at IS NULL) AND (cardinality($5::text[]) = 0 OR state = ANY ($5)) AND ($6 = 0 OR id < $6)
ORDER BY id DESC LIMIT $7`, scope.All, pq.Int64Array(scope.Sites), f.Pump, f.Open, states, f.Before, limit, scope.Pump)
	all, err := collect(rows, err, func(r *sql.Rows) (Order, error) { return scanOrder(r) })
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	for i := range all {
		if all[i].Approvals, err = readApprovals(ctx, db, all[i].ID); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func insertOrder(ctx context.Context, tx *postgres.Tx, o *Order) error {
	return tx.QueryRowContext(ctx, `INSERT INTO dosing_orders (pump_id, site_id, act, state, wish, proposer, proposer_login, proposer_name, created_at, replaces) VALUES ($1, $2, $3, 'draft', $4, $5, $6, $7, $8, $9) RETURNING id, rev`,
		o.Pump, o.Site, actText(o.Wish.Act), toJSON(wishOf(o)), o.Proposer.ID, o.Proposer.Login, o.Proposer.Name, o.CreatedAt, maybe(o.Replaces)).Scan(&o.ID, &o.Rev)
}

// wishOf returns an order's wish; one without an act has none yet.
func wishOf(o *Order) any {
	if o.Wish.Act == 0 {
		return struct{}{}
	}
	return o.Wish
}

// seenJSON writes what a proposer saw, NULL if nothing is known of it.
func seenJSON(s *Seen) any {
	if s == nil {
		return nil
	}
	return toJSON(s)
}

func actText(a order.Act) string {
	if a == 0 {
		return ""
	}
	return a.String()
}

func updateOrder(ctx context.Context, tx *postgres.Tx, o *Order) error {
	var base []byte
	if !o.Base.IsZero() {
		base = o.Base[:]
	}
	o.Rev++
	_, err := tx.ExecContext(ctx, `UPDATE dosing_orders SET patient_id = $2, act = $3, state = $4, rev = $5, wish = $6, document = $7, hash = $8, base = $9, facts_rev = $10, class = $11, people = $12,
    finding = $13, proposed_at = $14, expires_at = $15, mismatches = $16, escalated = $17, leaf = $18, code = $19, detail = $20, told = $21, closed_at = $22, replaces = $23, seen = $24, asked = $25, asked_all = $26, asked_until = $27, bedside_since = $28, bedside_until = $29 WHERE id = $1`,
		o.ID, maybe(o.Patient), actText(o.Act), o.State, o.Rev, toJSON(wishOf(o)), o.Document, hashOf(o), base, o.FactsRev, o.Class, o.People,
		toJSON(o.Finding), when(o.ProposedAt), when(o.ExpiresAt), o.Mismatches, o.Escalated, maybe(o.leaf), string(o.Code), o.Detail, o.Told, when(o.ClosedAt), maybe(o.Replaces), seenJSON(o.seen), maybe(o.Asked), append(pq.Int64Array{}, o.AskedAll...), when(o.AskedUntil), when(o.Bedside.Since), when(o.Bedside.Until))
	if err != nil {
		return fmt.Errorf("write order %d: %w", o.ID, err)
	}
	return nil
}

func readApprovals(ctx context.Context, q queryer, id int64) ([]Approval, error) {
	rows, err := q.QueryContext(ctx, `SELECT user_id, person, name, key_id, meaning, signed_at, at, statement, assertion_data, client, signature FROM dosing_approvals WHERE order_id = $1 ORDER BY at, user_id`, id)
	return collect(rows, err, func(r *sql.Rows) (Approval, error) {
		var a Approval
		var key []byte
		err := r.Scan(&a.User, &a.Person, &a.Name, &key, &a.Meaning, &a.SignedAt, &a.At, &a.Statement, (*[]byte)(&a.Assertion.Data), (*[]byte)(&a.Assertion.Client), (*[]byte)(&a.Assertion.Signature))
		if err == nil {
			a.Key = order.Digest(key)
		}
		return a, err
	})
}

func insertApproval(ctx context.Context, tx *postgres.Tx, id int64, a *Approval) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO dosing_approvals (order_id, user_id, person, name, key_id, meaning, signed_at, at, statement, assertion_data, client, signature) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		id, a.User, a.Person, a.Name, a.Key[:], a.Meaning, a.SignedAt, a.At, a.Statement, []byte(a.Assertion.Data), []byte(a.Assertion.Client), []byte(a.Assertion.Signature))
	if postgres.IsUnique(err, "dosing_approvals_pkey") {
		return refusal.New(errs.Conflict, order.ErrDup, "You have signed this order already. Another person has to sign.")
	}
	return err
}

func deleteApprovals(ctx context.Context, tx *postgres.Tx, id int64) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM dosing_approvals WHERE order_id = $1`, id)
	return err
}

func insertEntry(ctx context.Context, tx *postgres.Tx, o *Order, user int64, at time.Time, source string, matched bool, differ []string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO dosing_entries (order_id, hash, user_id, at, source, matched, differ) VALUES ($1, $2, $3, $4, $5, $6, $7)`, o.ID, o.Hash[:], user, at, source, matched, pq.StringArray(differ))
	return err
}

func hasMatched(ctx context.Context, q queryer, id, user int64, hash order.Digest) (ok bool, err error) {
	err = q.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM dosing_entries WHERE order_id = $1 AND user_id = $2 AND hash = $3 AND matched)`, id, user, hash[:]).Scan(&ok)
	return ok, err
}

func insertEvent(ctx context.Context, tx *postgres.Tx, o, letter int64, e Event) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO dosing_events (order_id, letter_id, at, was, state, actor, name, note, evidence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		maybe(o), maybe(letter), e.At, e.Was, e.State, e.Actor, e.Name, e.Note, e.Evidence)
	return err
}

func readEvents(ctx context.Context, db *sqlx.DB, id int64) ([]Event, error) {
	rows, err := db.QueryContext(ctx, `SELECT id, at, was, state, actor, name, note, evidence FROM dosing_events WHERE order_id = $1 AND letter_id IS NULL ORDER BY id`, id)
	return collect(rows, err, func(r *sql.Rows) (Event, error) {
		var e Event
		return e, r.Scan(&e.ID, &e.At, &e.Was, &e.State, &e.Actor, &e.Name, &e.Note, &e.Evidence)
	})
}

func insertCatch(ctx context.Context, tx *postgres.Tx, o *Order, user int64, at time.Time, kind, code, detail string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO dosing_catches (site_id, pump_id, order_id, user_id, at, kind, code, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, o.Site, o.Pump, maybe(o.ID), user, at, kind, code, detail)
	return err
}

// pumpRow is what is kept of a pump.
type pumpRow struct {
	Report     []byte
	ReportedAt time.Time
	StateHash  []byte
	StatedAt   time.Time
	Desired    []byte
	DesiredBy  int64
	Drift      bool // PROGRAM_DRIFT stands
	Foreign    bool // its newest report says that another programmer changed what it runs
	Counter    uint64
	Stops      uint64
}

const selectPump = `SELECT report, reported_at, state_hash, stated_at, desired, coalesce(desired_by, 0), drift, foreign_program, counter, stops FROM dosing_pumps WHERE pump_id = $1`

func scanPump(row *sql.Row) (p pumpRow, found bool, err error) {
	var at sql.NullTime
	err = row.Scan(&p.Report, &at, &p.StateHash, &p.StatedAt, &p.Desired, &p.DesiredBy, &p.Drift, &p.Foreign, &p.Counter, &p.Stops)
	if errors.Is(err, sql.ErrNoRows) {
		return p, false, nil
	}
	p.ReportedAt = at.Time
	return p, err == nil, err
}

func readPump(ctx context.Context, q queryer, pump int64) (pumpRow, bool, error) {
	return scanPump(q.QueryRowContext(ctx, selectPump, pump))
}

func lockPump(ctx context.Context, tx *postgres.Tx, pump int64) (pumpRow, bool, error) {
	return scanPump(tx.QueryRowContext(ctx, selectPump+` FOR UPDATE`, pump))
}

// savePump keeps what a pump says that it runs. It reports whether that is another
// state than before, and whether it is the first. foreign is the report's word, and
// counts only with one. Heartbeats are gathered, answers
// are not: a word that was received before the one that is kept says nothing new.
func savePump(ctx context.Context, tx *postgres.Tx, pump int64, report, state []byte, foreign bool, at time.Time) (changed, first bool, err error) {
	row, found, err := lockPump(ctx, tx, pump)
	if err != nil {
		return false, false, err
	}
	if found && at.Before(row.StatedAt) {
		return false, false, nil
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO dosing_pumps (pump_id, report, reported_at, state_hash, stated_at, foreign_program) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (pump_id) DO UPDATE SET foreign_program = CASE WHEN excluded.report IS NULL THEN dosing_pumps.foreign_program ELSE excluded.foreign_program END, report = coalesce(excluded.report, dosing_pumps.report), reported_at = coalesce(excluded.reported_at, dosing_pumps.reported_at), state_hash = excluded.state_hash, stated_at = excluded.stated_at`,
		pump, report, sql.NullTime{Time: at, Valid: report != nil}, state, at, foreign)
	if err != nil {
		return false, false, fmt.Errorf("keep what pump %d runs: %w", pump, err)
	}
	return !found || string(row.StateHash) != string(state), !found, nil
}

func setDesired(ctx context.Context, tx *postgres.Tx, pump int64, state []byte, by int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE dosing_pumps SET desired = $2, desired_by = $3 WHERE pump_id = $1`, pump, state, maybe(by))
	return err
}

func setDrift(ctx context.Context, tx *postgres.Tx, pump int64, on bool) error {
	_, err := tx.ExecContext(ctx, `UPDATE dosing_pumps SET drift = $2 WHERE pump_id = $1`, pump, on)
	return err
}

func raiseCounter(ctx context.Context, tx *postgres.Tx, l *Letter) error {
	column := "counter"
	if l.Kind == Stop {
		column = "stops"
	}
	_, err := tx.ExecContext(ctx, `UPDATE dosing_pumps SET `+column+` = greatest(`+column+`, $2) WHERE pump_id = $1`, l.Pump, int64(l.Counter))
	return err
}

// drifting returns pumps whose drift may have begun or ended. Those that were sent
// something and have not answered are left alone, unless they say themselves that the
// program is somebody else's.
func drifting(ctx context.Context, db *sqlx.DB) ([]int64, error) {
	return ids(db.QueryContext(ctx, `SELECT pump_id FROM dosing_pumps p WHERE (foreign_program OR coalesce(desired <> state_hash, false)) <> drift
  AND (foreign_program OR NOT EXISTS (SELECT FROM dosing_letters l WHERE l.pump_id = p.pump_id AND l.kind <> 'withdraw' AND l.state IN ('open', 'sent'))) ORDER BY pump_id`))
}

// contradicted returns orders of a pump, of all for 0, that Contradicted holds of.
func contradicted(ctx context.Context, q queryer, pump int64) ([]int64, error) {
	return ids(q.QueryContext(ctx, `SELECT id FROM dosing_orders WHERE state = 'received' AND code = $1 AND ($2 = 0 OR pump_id = $2) ORDER BY id`, string(order.Applied), pump))
}

type reportRow struct {
	pump   int64
	report []byte
}

// readReports returns what pumps, or one of them, last said of themselves.
func readReports(ctx context.Context, db *sqlx.DB, pump int64) ([]reportRow, error) {
	rows, err := db.QueryContext(ctx, `SELECT pump_id, report FROM dosing_pumps WHERE report IS NOT NULL AND ($1 = 0 OR pump_id = $1) ORDER BY pump_id`, pump)
	return collect(rows, err, func(r *sql.Rows) (v reportRow, err error) { return v, r.Scan(&v.pump, &v.report) })
}
