package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

const selectPatient = selectPatients + ` WHERE p.id = $1`

const selectPatients = `
SELECT p.id, p.site_id, p.token, p.facts_rev, p.reservoir_rev, p.created_at,
  COALESCE((SELECT b.pump_id FROM registry_bindings b WHERE b.patient_id = p.id AND b.to_at IS NULL), 0),
  ARRAY(SELECT g.name FROM registry_groups g WHERE g.patient_id = p.id ORDER BY g.name),
  COALESCE((SELECT json_agg(json_build_object('id', a.id, 'substance', a.substance, 'reaction', a.reaction, 'from', a.from_at) ORDER BY a.id)
    FROM registry_allergies a WHERE a.patient_id = p.id AND a.to_at IS NULL), '[]')
FROM registry_patients p`

func scanPatient(row interface{ Scan(...any) error }) (Patient, error) {
	var p Patient
	var groups pq.StringArray
	var allergies []byte
	if err := row.Scan(&p.ID, &p.Site, &p.Token, &p.FactsRev, &p.ForVisit, &p.CreatedAt, &p.Pump, &groups, &allergies); err != nil {
		return Patient{}, err
	}
	p.Groups = groups
	return p, json.Unmarshal(allergies, &p.Allergies)
}

func lockPatient(ctx context.Context, tx *postgres.Tx, id int64) (Patient, error) {
	if err := only(tx.QueryRowContext(ctx, `SELECT id FROM registry_patients WHERE id = $1 FOR UPDATE`, id).Scan(&id), "patient"); err != nil {
		return Patient{}, err
	}
	return scanPatient(tx.QueryRowContext(ctx, selectPatient, id))
}

func getPatient(ctx context.Context, db *sqlx.DB, scope auth.Scope, id int64) (Patient, error) {
	all, sites := scopeArgs(scope)
	p, err := scanPatient(db.QueryRowContext(ctx, selectPatient+` AND ($2 OR p.site_id = ANY($3))`, id, all, sites))
	return p, only(err, "patient")
}

func insertPatient(ctx context.Context, tx *postgres.Tx, site int64, token string, now time.Time) (id int64, err error) {
	err = tx.QueryRowContext(ctx, `INSERT INTO registry_patients (site_id, token, created_at) VALUES ($1, $2, $3) RETURNING id`, site, token, now).Scan(&id)
	return id, err
}

func raisePatient(ctx context.Context, tx *postgres.Tx, id int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE registry_patients SET facts_rev = facts_rev + 1 WHERE id = $1`, id)
	return err
}

func insertBinding(ctx context.Context, tx *postgres.Tx, patient, pump int64, why string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO registry_bindings (patient_id, pump_id, from_at, reason) VALUES ($1, $2, $3, $4)`, patient, pump, now, why)
	switch {
	case postgres.IsUnique(err, "registry_bindings_pump_open"):
		return errs.Conflictf("The pump is in another patient.")
	case postgres.IsUnique(err, "registry_bindings_patient_open"):
		return errs.Conflictf("The patient has another pump.")
	}
	return err
}

// endBinding ends the binding of a pump, if it has one, and raises the patient's
// facts.
func endBinding(ctx context.Context, tx *postgres.Tx, pump int64, why string, now time.Time) error {
	if err := RaiseFacts(ctx, tx, pump); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE registry_bindings SET to_at = GREATEST($2, from_at), end_reason = $3 WHERE pump_id = $1 AND to_at IS NULL`, pump, now, why)
	return err
}

func insertAllergy(ctx context.Context, tx *postgres.Tx, patient int64, a Allergy) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO registry_allergies (patient_id, substance, reaction, from_at) VALUES ($1, $2, $3, $4)`, patient, a.Substance, a.Reaction, a.From)
	if postgres.IsUnique(err, "registry_allergies_open") {
		return errs.Conflictf("This allergy is noted already.")
	}
	return err
}

func endAllergy(ctx context.Context, tx *postgres.Tx, id int64, why string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE registry_allergies SET to_at = $2, end_reason = $3 WHERE id = $1 AND to_at IS NULL`, id, now, why)
	return err
}

func setGroups(ctx context.Context, tx *postgres.Tx, patient int64, groups []string, now time.Time) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM registry_groups WHERE patient_id = $1 AND NOT name = ANY($2)`, patient, pq.StringArray(groups)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO registry_groups (patient_id, name, since) SELECT $1, unnest($2::text[]), $3 ON CONFLICT DO NOTHING`, patient, pq.StringArray(groups), now)
	return err
}

// FactsRev returns the number that rises with every fact that whoever approves a
// dose must have seen, and how many of them only call for a visit. It keeps both
// from rising until the transaction ends.
func FactsRev(ctx context.Context, tx *postgres.Tx, patient int64) (rev, forVisit int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT facts_rev, reservoir_rev FROM registry_patients WHERE id = $1 FOR SHARE`, patient).Scan(&rev, &forVisit)
	return rev, forVisit, only(err, "patient")
}

// BoundPatient returns the patient that a pump is in; ok is false if it is in
// nobody. Whoever calls has checked that the pump may be seen.
func (s *Service) BoundPatient(ctx context.Context, pump int64) (p Patient, ok bool, err error) {
	var id int64
	err = s.DB.QueryRowContext(ctx, `SELECT patient_id FROM registry_bindings WHERE pump_id = $1 AND to_at IS NULL`, pump).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return Patient{}, false, nil
	}
	if err != nil {
		return Patient{}, false, err
	}
	p, err = scanPatient(s.DB.QueryRowContext(ctx, selectPatient, id))
	return p, err == nil, err
}

// PumpGroups returns the groups of the patient that a pump is in, for 0 those of every
// pump that is in one; pumps whose patient is in no group are not there. Whoever calls
// shows them to nobody who may not see the pump.
func (s *Service) PumpGroups(ctx context.Context, pump int64) (map[int64][]string, error) {
	rows, err := s.DB.QueryContext(ctx, `SELECT b.pump_id, array_agg(g.name ORDER BY g.name) FROM registry_bindings b JOIN registry_groups g USING (patient_id)
WHERE b.to_at IS NULL AND ($1 = 0 OR b.pump_id = $1) GROUP BY b.pump_id`, pump)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[int64][]string{}
	for rows.Next() {
		var id int64
		var groups pq.StringArray
		if err := rows.Scan(&id, &groups); err != nil {
			return nil, err
		}
		out[id] = groups
	}
	return out, rows.Err()
}

// PatientByToken returns the patient with a token, of the sites in scope.
func (s *Service) PatientByToken(ctx context.Context, scope auth.Scope, token string) (p Patient, ok bool, err error) {
	all, sites := scopeArgs(scope)
	var id int64
	err = s.DB.QueryRowContext(ctx, `SELECT id FROM registry_patients WHERE token = upper(trim($1)) AND ($2 OR site_id = ANY($3))`, token, all, sites).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return Patient{}, false, nil
	}
	if err != nil {
		return Patient{}, false, err
	}
	p, err = scanPatient(s.DB.QueryRowContext(ctx, selectPatient, id))
	return p, err == nil, err
}

// References returns the tokens of patients of the sites in scope, by id.
func (s *Service) References(ctx context.Context, scope auth.Scope, ids ...int64) (map[int64]string, error) {
	all, sites := scopeArgs(scope)
	rows, err := s.DB.QueryContext(ctx, `SELECT id, token FROM registry_patients WHERE id = ANY($1) AND ($2 OR site_id = ANY($3))`, pq.Int64Array(ids), all, sites)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[int64]string{}
	for rows.Next() {
		var id int64
		var token string
		if err := rows.Scan(&id, &token); err != nil {
			return nil, err
		}
		out[id] = token
	}
	return out, rows.Err()
}

// PatientFilter chooses among patients. Zero values choose all.
type PatientFilter struct {
	Begins string // of the token, in any case
	Fits   int64  // a pump: those who have none, and whoever has it
	Before int64  // ids below it: the next page
	Limit  int
}

// Patients returns the patients of the sites in scope, newest first.
func (s *Service) Patients(ctx context.Context, scope auth.Scope, f PatientFilter) ([]Patient, error) {
	all, sites := scopeArgs(scope)
	rows, err := s.DB.QueryContext(ctx, selectPatients+` WHERE ($1 OR p.site_id = ANY($2)) AND ($3 = 0 OR p.id < $3)
  AND ($4 = 0 OR NOT EXISTS (SELECT FROM registry_bindings b WHERE b.patient_id = p.id AND b.to_at IS NULL AND b.pump_id <> $4))
  AND ($5 = '' OR starts_with(p.token, upper(trim($5)))) ORDER BY p.id DESC LIMIT $6`, all, sites, f.Before, f.Fits, f.Begins, f.Limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := []Patient{}
	for rows.Next() {
		p, err := scanPatient(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}
