package dosing

import (
	"context"
	"database/sql"
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

const letterColumns = `id, kind, pump_id, site_id, coalesce(order_id, 0), counter, document, hash, envelope, doc, user_id, person, name, at, not_after, state, reason, overdose, sent_at, answered_at, code, note, watch`

func scanLetter(row interface{ Scan(...any) error }, more ...any) (Letter, error) {
	var l Letter
	var hash, doc []byte
	var sent, answered sql.NullTime
	err := row.Scan(append([]any{
		&l.ID, &l.Kind, &l.Pump, &l.Site, &l.Order, &l.Counter, &l.Document, &hash, &l.Envelope, &doc, &l.By.ID, &l.By.Login, &l.By.Name, &l.At, &l.NotAfter,
		&l.State, &l.Reason, &l.Overdose, &sent, &answered, &l.Code, &l.Note, &l.watch,
	}, more...)...)
	if err != nil {
		return l, err
	}
	l.Hash, l.Doc, l.SentAt, l.AnsweredAt = order.Digest(hash), [32]byte(doc), sent.Time, answered.Time
	return l, nil
}

func insertLetter(ctx context.Context, tx *postgres.Tx, l *Letter) error {
	err := tx.QueryRowContext(ctx, `INSERT INTO dosing_letters (kind, pump_id, site_id, order_id, counter, document, hash, envelope, doc, user_id, person, name, at, not_after, state, reason, overdose, watch)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) RETURNING id`,
		l.Kind, l.Pump, l.Site, maybe(l.Order), int64(l.Counter), l.Document, l.Hash[:], l.Envelope, l.Doc[:], l.By.ID, l.By.Login, l.By.Name, l.At, l.NotAfter, l.State, l.Reason, l.Overdose, l.watch).Scan(&l.ID)
	switch {
	case postgres.IsUnique(err, "dosing_letters_open"):
		return refusal.New(errs.Conflict, refusal.Underway, "A release of this pump is under way. Wait for the pump's answer, or until it applies no more.")
	case postgres.IsUnique(err, "dosing_letters_transfer"):
		return refusal.New(errs.Conflict, refusal.Underway, "A transfer of this pump by the root is under way. Wait for the pump's answer, or until that transfer applies no more.")
	case postgres.IsUnique(err, "dosing_letters_counter"), postgres.IsUnique(err, "dosing_letters_hash_key"), postgres.IsUnique(err, "dosing_letters_doc_key"):
		return refusal.Conflict(refusal.Done, "This was signed and sent before. Sign again.")
	case err != nil:
		return fmt.Errorf("write a %s: %w", l.Kind, err)
	}
	return nil
}

// findLetter returns the ids of a letter and its order by what a pump answered to;
// zero if there is none.
func findLetter(ctx context.Context, tx *postgres.Tx, pump int64, doc [32]byte) (id, orderID int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT id, coalesce(order_id, 0) FROM dosing_letters WHERE pump_id = $1 AND doc = $2`, pump, doc[:]).Scan(&id, &orderID)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, nil
	}
	return id, orderID, err
}

func lockLetter(ctx context.Context, tx *postgres.Tx, id int64) (Letter, error) {
	return scanLetter(tx.QueryRowContext(ctx, `SELECT `+letterColumns+` FROM dosing_letters WHERE id = $1 FOR UPDATE`, id))
}

func updateLetter(ctx context.Context, tx *postgres.Tx, l *Letter) error {
	_, err := tx.ExecContext(ctx, `UPDATE dosing_letters SET state = $2, sent_at = $3, answered_at = $4, code = $5, note = $6 WHERE id = $1`, l.ID, l.State, when(l.SentAt), when(l.AnsweredAt), string(l.Code), l.Note)
	return err
}

func setNotAfter(ctx context.Context, tx *postgres.Tx, letter int64, until time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE dosing_letters SET not_after = $2 WHERE id = $1`, letter, until)
	return err
}

func readLetters(ctx context.Context, db *sqlx.DB, pump, orderID int64) ([]Letter, error) {
	rows, err := db.QueryContext(ctx, `SELECT `+letterColumns+` FROM dosing_letters WHERE ($1 = 0 OR pump_id = $1) AND ($2 = 0 OR order_id = $2) ORDER BY id DESC LIMIT 200`, pump, orderID)
	return collect(rows, err, func(r *sql.Rows) (Letter, error) { return scanLetter(r) })
}

type lateLetter struct{ id, order int64 }

func lateLetters(ctx context.Context, db *sqlx.DB, before time.Time) ([]lateLetter, error) {
	rows, err := db.QueryContext(ctx, `SELECT id, coalesce(order_id, 0) FROM dosing_letters WHERE state IN ('open', 'sent') AND not_after < $1 ORDER BY id LIMIT 200`, before)
	return collect(rows, err, func(r *sql.Rows) (l lateLetter, err error) { return l, r.Scan(&l.id, &l.order) })
}

func ids(rows *sql.Rows, err error) ([]int64, error) {
	return collect(rows, err, func(r *sql.Rows) (id int64, err error) { return id, r.Scan(&id) })
}

func lateOrders(ctx context.Context, db *sqlx.DB, now time.Time) ([]int64, error) {
	return ids(db.QueryContext(ctx, `SELECT id FROM dosing_orders WHERE closed_at IS NULL AND state IN ('proposed', 'verified', 'approved') AND expires_at <= $1 ORDER BY id LIMIT 200`, now))
}

// lateReturns returns orders that came back and that nobody took up in time. A draft that
// was never proposed has no end.
func lateReturns(ctx context.Context, db *sqlx.DB, now time.Time) ([]int64, error) {
	return ids(db.QueryContext(ctx, `SELECT id FROM dosing_orders WHERE closed_at IS NULL AND state = 'draft' AND expires_at <= $1 ORDER BY id LIMIT 200`, now))
}

// waiting returns open orders that were not released, of one pump or of all.
func waiting(ctx context.Context, db *sqlx.DB, pump int64) ([]int64, error) {
	return ids(db.QueryContext(ctx, `SELECT id FROM dosing_orders WHERE closed_at IS NULL AND state IN ('proposed', 'verified', 'approved') AND ($1 = 0 OR pump_id = $1) ORDER BY id LIMIT 1000`, pump))
}

// unsigned returns orders that may have to be brought to somebody on call, see waits.
func unsigned(ctx context.Context, db *sqlx.DB, now time.Time) ([]int64, error) {
	return ids(db.QueryContext(ctx, `SELECT id FROM dosing_orders WHERE closed_at IS NULL AND state IN ('proposed', 'verified') AND class <> 1 AND coalesce(asked_until <= $1, true) ORDER BY id LIMIT 200`, now))
}

func insertReview(ctx context.Context, tx *postgres.Tx, r review) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO dosing_reviews (site_id, pump_id, order_id, letter_id, what, user_id, name, at, due_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		r.site, r.pump, maybe(r.order), maybe(r.letter), r.what, r.by.ID, r.by.Name, r.at, r.at.Add(reviewWithin))
	return err
}

const reviewColumns = `id, site_id, pump_id, coalesce(order_id, 0), coalesce(letter_id, 0), what, user_id, name, at, due_at, coalesce(reviewer, 0), reviewer_name, reviewed_at, coalesce(agreed, false), note`

func scanReview(row interface{ Scan(...any) error }) (Review, error) {
	var r Review
	var reviewed sql.NullTime
	err := row.Scan(&r.ID, &r.Site, &r.Pump, &r.Order, &r.Letter, &r.What, &r.By.ID, &r.By.Name, &r.At, &r.DueAt, &r.Reviewer.ID, &r.Reviewer.Name, &reviewed, &r.Agreed, &r.Note)
	r.ReviewedAt = reviewed.Time
	return r, err
}

func lockReview(ctx context.Context, tx *postgres.Tx, id int64) (Review, error) {
	r, err := scanReview(tx.QueryRowContext(ctx, `SELECT `+reviewColumns+` FROM dosing_reviews WHERE id = $1 FOR UPDATE`, id))
	return r, only(err, "review")
}

func updateReview(ctx context.Context, tx *postgres.Tx, r *Review) error {
	_, err := tx.ExecContext(ctx, `UPDATE dosing_reviews SET reviewer = $2, reviewer_name = $3, reviewed_at = $4, agreed = $5, note = $6 WHERE id = $1`, r.ID, r.Reviewer.ID, r.Reviewer.Name, r.ReviewedAt, r.Agreed, r.Note)
	return err
}

func readReviews(ctx context.Context, db *sqlx.DB, scope auth.Scope, open bool) ([]Review, error) {
	rows, err := db.QueryContext(ctx, `SELECT `+reviewColumns+` FROM dosing_reviews WHERE ($1 OR site_id = ANY ($2)) AND (NOT $3 OR reviewed_at IS NULL) AND ($4 = 0 OR pump_id = $4) ORDER BY reviewed_at IS NOT NULL, due_at, id LIMIT 500`, scope.All, pq.Int64Array(scope.Sites), open, scope.Pump)
	return collect(rows, err, func(r *sql.Rows) (Review, error) { return scanReview(r) })
}

func insertOnCall(ctx context.Context, tx *postgres.Tx, c *OnCall) error {
	return tx.QueryRowContext(ctx, `INSERT INTO dosing_oncall (site_id, user_id, name, from_at, to_at, rank, wait_s) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
		c.Site, c.User, c.Name, c.From, c.To, c.Rank, int64(c.Wait/time.Second)).Scan(&c.ID)
}

const onCallColumns = `id, site_id, user_id, name, from_at, to_at, rank, wait_s`

func scanOnCall(row interface{ Scan(...any) error }) (OnCall, error) {
	var c OnCall
	var wait int64
	err := row.Scan(&c.ID, &c.Site, &c.User, &c.Name, &c.From, &c.To, &c.Rank, &wait)
	c.Wait = time.Duration(wait) * time.Second
	return c, err
}

func lockOnCall(ctx context.Context, tx *postgres.Tx, id int64) (OnCall, error) {
	c, err := scanOnCall(tx.QueryRowContext(ctx, `SELECT `+onCallColumns+` FROM dosing_oncall WHERE id = $1 FOR UPDATE`, id))
	return c, only(err, "time on call")
}

func deleteOnCall(ctx context.Context, tx *postgres.Tx, id int64) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM dosing_oncall WHERE id = $1`, id)
	return err
}

func readOnCall(ctx context.Context, db *sqlx.DB, scope auth.Scope, now time.Time) ([]OnCall, error) {
	rows, err := db.QueryContext(ctx, `SELECT `+onCallColumns+` FROM dosing_oncall WHERE ($1 OR site_id = ANY ($2)) AND to_at > $3 ORDER BY rank, from_at, id`, scope.All, pq.Int64Array(scope.Sites), now)
	return collect(rows, err, func(r *sql.Rows) (OnCall, error) { return scanOnCall(r) })
}

func readCatches(ctx context.Context, db *sqlx.DB, scope auth.Scope, since time.Time, limit int) ([]Catch, error) {
	if limit <= 0 || limit > 500 {
		limit = 100
	}
	rows, err := db.QueryContext(ctx, `SELECT id, site_id, pump_id, coalesce(order_id, 0), user_id, at, kind, code, detail,
    EXISTS (SELECT 1 FROM dosing_orders o WHERE o.pump_id = c.pump_id AND o.state IN ('draft', 'proposed', 'verified'))
FROM dosing_catches c WHERE ($1 OR site_id = ANY ($2)) AND at >= $3 ORDER BY at DESC, id DESC LIMIT $4`,
		scope.All, pq.Int64Array(scope.Sites), since, limit)
	return collect(rows, err, func(r *sql.Rows) (Catch, error) {
		var c Catch
		return c, r.Scan(&c.ID, &c.Site, &c.Pump, &c.Order, &c.User, &c.At, &c.Kind, &c.Code, &c.Detail, &c.open)
	})
}

func readFigures(ctx context.Context, db *sqlx.DB, scope auth.Scope, since time.Time) (Figures, error) {
	var f Figures
	sites := pq.Int64Array(scope.Sites)
	err := db.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE state <> 'draft'), count(*) FILTER (WHERE state = 'applied'), count(*) FILTER (WHERE state = 'refused'),
    count(*) FILTER (WHERE state = 'stale'), count(*) FILTER (WHERE state = 'withdrawn'), count(*) FILTER (WHERE state = 'expired'),
    count(*) FILTER (WHERE state = 'applied' AND (finding->>'increase')::boolean)
FROM dosing_orders WHERE ($1 OR site_id = ANY ($2)) AND created_at >= $3`, scope.All, sites, since).Scan(&f.Proposed, &f.Applied, &f.Refused, &f.Stale, &f.Withdrawn, &f.Expired, &f.Increases)
	if err != nil {
		return f, err
	}
	err = db.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE kind = 'override'), count(*) FILTER (WHERE kind = 'refused'), count(*) FILTER (WHERE kind = 'mismatch'),
    count(*) FILTER (WHERE kind = 'refused' OR kind = 'mismatch' AND NOT EXISTS (SELECT FROM dosing_orders o WHERE o.id = c.order_id AND o.state = 'applied'))
FROM dosing_catches c WHERE ($1 OR site_id = ANY ($2)) AND at >= $3`, scope.All, sites, since).Scan(&f.Overrides, &f.Caught, &f.Mismatches, &f.Good)
	if err != nil {
		return f, err
	}
	err = db.QueryRowContext(ctx, `SELECT count(*), count(reviewed_at), count(*) FILTER (WHERE coalesce(reviewed_at, now()) > due_at) FROM dosing_reviews WHERE ($1 OR site_id = ANY ($2)) AND at >= $3`,
		scope.All, sites, since).Scan(&f.OneSignature, &f.Reviewed, &f.ReviewedLate)
	return f, err
}

// openReleases returns the names by which the outbox knows an order's releases that
// nobody has answered.
func openReleases(ctx context.Context, tx *postgres.Tx, orderID int64) (docs [][]byte, err error) {
	err = tx.SelectContext(ctx, &docs, `SELECT doc FROM dosing_letters WHERE order_id = $1 AND kind = 'release' AND state IN ('open', 'sent')`, orderID)
	return docs, err
}
