package registry

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

func insertExplant(ctx context.Context, tx *postgres.Tx, e Explant, by string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `
INSERT INTO registry_explants (pump_id, on_day, reason, fate, fate_at, fate_note, remainder_nl, remainder_note, recorded_at, recorded_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $5, $9)`, e.Pump, string(e.On), e.Reason, e.Fate, now, e.FateNote, e.RemainderNL, e.RemainderNote, by)
	return err
}

func updateFate(ctx context.Context, tx *postgres.Tx, e Explant) error {
	_, err := tx.ExecContext(ctx, `UPDATE registry_explants SET fate = $2, fate_note = $3, fate_at = $4 WHERE pump_id = $1`, e.Pump, e.Fate, e.FateNote, e.FateAt)
	return err
}

func explantOf(ctx context.Context, q sqlx.QueryerContext, pump int64) (Explant, bool, error) {
	e := Explant{Pump: pump}
	var left sql.NullInt64
	err := q.QueryRowxContext(ctx, `
SELECT on_day::text, reason, fate, fate_note, fate_at, remainder_nl, remainder_note, recorded_at, recorded_by FROM registry_explants WHERE pump_id = $1`, pump).
		Scan(&e.On, &e.Reason, &e.Fate, &e.FateNote, &e.FateAt, &left, &e.RemainderNote, &e.RecordedAt, &e.RecordedBy)
	if errors.Is(err, sql.ErrNoRows) {
		return Explant{}, false, nil
	}
	if left.Valid {
		e.RemainderNL = &left.Int64
	}
	return e, err == nil, err
}

// insertReplacement stores a link with the patient whom the old pump was in last,
// unless that patient has another pump since, or the new pump is in somebody else.
func insertReplacement(ctx context.Context, tx *postgres.Tx, l *Link) error {
	var patient sql.NullInt64
	var now sql.NullInt64 // the pump that the patient has
	err := tx.QueryRowContext(ctx, `
SELECT b.patient_id, (SELECT o.pump_id FROM registry_bindings o WHERE o.patient_id = b.patient_id AND o.to_at IS NULL), p.token
FROM registry_bindings b JOIN registry_patients p ON p.id = b.patient_id WHERE b.pump_id = $1 ORDER BY b.id DESC LIMIT 1`, l.Old).
		Scan(&patient, &now, &l.PatientToken)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	var taken string // the patient whom the new pump is in, if it is another one
	err = tx.QueryRowContext(ctx, `
SELECT p.token FROM registry_bindings b JOIN registry_patients p ON p.id = b.patient_id WHERE b.pump_id = $1 AND b.to_at IS NULL AND b.patient_id <> $2`, l.New, patient).Scan(&taken)
	switch {
	case err == nil:
		return errs.Conflictf("Pump %s is in patient %s, and pump %s was in patient %s.", l.NewSerial, taken, l.OldSerial, l.PatientToken)
	case !errors.Is(err, sql.ErrNoRows):
		return err
	case !patient.Valid:
	case !now.Valid:
		l.Binding = BindingPending
	case now.Int64 == l.New:
		l.Binding = BindingBound
	default:
		return errs.Conflictf("Patient %s of pump %s has another pump already.", l.PatientToken, l.OldSerial)
	}
	err = tx.QueryRowContext(ctx, `
INSERT INTO registry_replacements (old_pump, new_pump, patient_id, binding, reason, at, by) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
		l.Old, l.New, patient, l.Binding, l.Reason, l.At, l.By).Scan(&l.ID)
	switch {
	case postgres.IsUnique(err, "registry_replacements_old"):
		return errs.Conflictf("Pump %s is linked to a replacement already.", l.OldSerial)
	case postgres.IsUnique(err, "registry_replacements_new"):
		return errs.Conflictf("Pump %s takes another pump's place already.", l.NewSerial)
	}
	return err
}

// replacementOf returns the pump that took an old one's place, 0 if none did.
func replacementOf(ctx context.Context, tx *postgres.Tx, old int64) (next int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT new_pump FROM registry_replacements WHERE old_pump = $1 AND undone_at IS NULL`, old).Scan(&next)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return next, err
}

// endReplacement ends the link of an old pump and returns the new one, 0 if there
// was no link.
func endReplacement(ctx context.Context, tx *postgres.Tx, old int64, why string, now time.Time) (next int64, err error) {
	err = tx.QueryRowContext(ctx, `
UPDATE registry_replacements SET undone_at = $2, undone_why = $3 WHERE old_pump = $1 AND undone_at IS NULL RETURNING new_pump`, old, now, why).Scan(&next)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return next, err
}

// fulfil settles the pending binding of a pump that is being bound. Another
// patient than the expected one is a Conflict: either the link is wrong, or the
// patient is.
func fulfil(ctx context.Context, tx *postgres.Tx, patient, pump int64) error {
	var expected int64
	var token string
	err := tx.QueryRowContext(ctx, `
SELECT r.patient_id, p.token FROM registry_replacements r JOIN registry_patients p ON p.id = r.patient_id
WHERE r.new_pump = $1 AND r.undone_at IS NULL AND r.binding = 'pending' FOR UPDATE OF r`, pump).Scan(&expected, &token)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case expected != patient:
		return errs.Conflictf("This pump is recorded as the replacement for patient %s. If that is wrong, undo the replacement first.", token)
	}
	_, err = tx.ExecContext(ctx, `UPDATE registry_replacements SET binding = 'bound' WHERE new_pump = $1 AND undone_at IS NULL`, pump)
	return err
}

func chain(ctx context.Context, db *sqlx.DB, pump int64) ([]Link, error) {
	// UNION keeps a circle, which no rule forbids by itself, from going on for ever.
	rows, err := db.QueryContext(ctx, `
WITH RECURSIVE part(id) AS (
    SELECT $1::bigint
    UNION
    SELECT CASE WHEN r.old_pump = part.id THEN r.new_pump ELSE r.old_pump END
    FROM part JOIN registry_replacements r ON r.undone_at IS NULL AND (r.old_pump = part.id OR r.new_pump = part.id)
)
SELECT r.id, r.old_pump, r.new_pump, o.serial, n.serial, COALESCE(t.token, ''), r.binding, r.reason, r.at, r.by
FROM registry_replacements r JOIN registry_pumps o ON o.id = r.old_pump JOIN registry_pumps n ON n.id = r.new_pump LEFT JOIN registry_patients t ON t.id = r.patient_id
WHERE r.undone_at IS NULL AND r.old_pump IN (SELECT id FROM part) ORDER BY r.at, r.id`, pump)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Link
	for rows.Next() {
		var l Link
		if err := rows.Scan(&l.ID, &l.Old, &l.New, &l.OldSerial, &l.NewSerial, &l.PatientToken, &l.Binding, &l.Reason, &l.At, &l.By); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, rows.Err()
}

func patientIn(ctx context.Context, db *sqlx.DB, pump int64) (id int64, token string, err error) {
	err = db.QueryRowContext(ctx, `
SELECT p.id, p.token FROM registry_bindings b JOIN registry_patients p ON p.id = b.patient_id WHERE b.pump_id = $1 AND b.to_at IS NULL`, pump).Scan(&id, &token)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, "", nil
	}
	return id, token, err
}
