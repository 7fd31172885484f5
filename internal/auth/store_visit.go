package auth

import (
	"context"
	"time"

	"cisterna/internal/postgres"
)

// lockVisit locks a session to a patient; ok is false if it is locked to another.
func lockVisit(ctx context.Context, tx *postgres.Tx, session int64, v Visit, now time.Time) (bool, error) {
	res, err := tx.ExecContext(ctx, `
		UPDATE auth_sessions SET visit_patient = $2, visit_since = $3, visit_until = $4
		 WHERE id = $1 AND ended_at IS NULL AND (visit_until IS NULL OR visit_until <= $5 OR visit_patient = $2)`, session, v.Patient, v.Since, v.Until, now)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

func unlockVisit(ctx context.Context, tx *postgres.Tx, session int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE auth_sessions SET visit_patient = NULL, visit_since = NULL, visit_until = NULL WHERE id = $1`, session)
	return err
}
