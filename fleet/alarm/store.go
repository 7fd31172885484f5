package alarm

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

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

const columns = `id, pump_id, site_id, code, instance, source, priority, declared, latched, state, count, raised_at, device_at, last_at,
 cleared_at, clear_device_at, ack_by, ack_name, ack_at, ack_note, detail, epoch, seq, noted_at, rev`

type scanner interface{ Scan(...any) error }

func scanAlarm(row scanner, more ...any) (Alarm, error) {
	var a Alarm
	var deviceAt, clearedAt, clearDeviceAt, ackAt sql.NullTime
	var detail []byte
	err := row.Scan(append([]any{
		&a.ID, &a.Pump, &a.Site, &a.Code, &a.Instance, &a.Source, &a.Priority, &a.Declared, &a.Latched, &a.State, &a.Count, &a.RaisedAt, &deviceAt, &a.LastAt,
		&clearedAt, &clearDeviceAt, &a.AckBy, &a.AckName, &ackAt, &a.AckNote, &detail, &a.pos.Epoch, &a.pos.Seq, &a.noted, &a.Rev,
	}, more...)...)
	if err != nil {
		return Alarm{}, err
	}
	a.DeviceAt, a.ClearedAt, a.ClearDeviceAt, a.AckAt = deviceAt.Time, clearedAt.Time, clearDeviceAt.Time, ackAt.Time
	if err := json.Unmarshal(detail, &a.Detail); err != nil {
		return Alarm{}, fmt.Errorf("detail of alarm %d: %w", a.ID, err)
	}
	return a, nil
}

func scanAlarms(rows *sqlx.Rows) ([]Alarm, error) {
	defer func() { _ = rows.Close() }()
	var all []Alarm
	for rows.Next() {
		a, err := scanAlarm(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, rows.Err()
}

// latest returns the newest alarm of a key, open or not, and locks it.
func latest(ctx context.Context, tx *postgres.Tx, pump int64, code, instance string, source Source) (Alarm, bool, error) {
	a, err := scanAlarm(tx.QueryRowContext(ctx, `SELECT `+columns+` FROM alarm_alarms
WHERE pump_id = $1 AND code = $2 AND instance = $3 AND source = $4 ORDER BY id DESC LIMIT 1 FOR UPDATE`, pump, code, instance, source))
	if errors.Is(err, sql.ErrNoRows) {
		return Alarm{}, false, nil
	}
	return a, err == nil, err
}

// lockOpen returns a pump's open alarms and locks them.
func lockOpen(ctx context.Context, tx *postgres.Tx, pump int64) ([]Alarm, error) {
	rows, err := tx.QueryxContext(ctx, `SELECT `+columns+` FROM alarm_alarms WHERE pump_id = $1 AND cleared_at IS NULL ORDER BY id FOR UPDATE`, pump)
	if err != nil {
		return nil, err
	}
	return scanAlarms(rows)
}

// insert stores a new alarm. It reports false if another transaction opened one
// of the same key first.
func insert(ctx context.Context, tx *postgres.Tx, a *Alarm) (bool, error) {
	detail, err := encodeDetail(a.Detail)
	if err != nil {
		return false, err
	}
	err = tx.QueryRowContext(ctx, `
INSERT INTO alarm_alarms (pump_id, site_id, code, instance, source, priority, declared, latched, state, count, raised_at, device_at, last_at,
  cleared_at, clear_device_at, detail, epoch, seq, noted_at, rev)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
ON CONFLICT (pump_id, code, instance, source) WHERE cleared_at IS NULL DO NOTHING
RETURNING id`,
		a.Pump, a.Site, a.Code, a.Instance, a.Source, a.Priority, a.Declared, a.Latched, a.State, a.Count, a.RaisedAt, null(a.DeviceAt), a.LastAt,
		null(a.ClearedAt), null(a.ClearDeviceAt), detail, a.pos.Epoch, a.pos.Seq, a.noted, a.Rev).Scan(&a.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func update(ctx context.Context, tx *postgres.Tx, a Alarm) error {
	detail, err := encodeDetail(a.Detail)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
UPDATE alarm_alarms SET priority = $2, declared = $3, latched = $4, state = $5, count = $6, device_at = $7, last_at = $8, cleared_at = $9, clear_device_at = $10,
  ack_by = $11, ack_name = $12, ack_at = $13, ack_note = $14, detail = $15, epoch = $16, seq = $17, noted_at = $18, rev = $19
WHERE id = $1`,
		a.ID, a.Priority, a.Declared, a.Latched, a.State, a.Count, null(a.DeviceAt), a.LastAt, null(a.ClearedAt), null(a.ClearDeviceAt),
		a.AckBy, a.AckName, null(a.AckAt), a.AckNote, detail, a.pos.Epoch, a.pos.Seq, a.noted, a.Rev)
	return err
}

// remember writes an entry of the history: old became a. evidence is the signed
// message itself.
func remember(ctx context.Context, tx *postgres.Tx, old, a Alarm, h Happened, evidence []byte) error {
	detail, err := encodeDetail(h.Detail)
	if err != nil {
		return err
	}
	var sum any
	if evidence != nil {
		s := sha256.Sum256(evidence)
		sum = s[:]
	}
	_, err = tx.ExecContext(ctx, `WITH h AS (
    INSERT INTO alarm_changes (alarm_id, change, at, device_at, actor, note, old_state, new_state, old_priority, new_priority, count, detail, epoch, seq, evidence_hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING id
)
INSERT INTO alarm_news (change_id) SELECT id FROM h`,
		a.ID, h.Change, h.At, null(h.DeviceAt), h.Actor, h.Note, old.State, a.State, old.Priority, a.Priority, a.Count, detail, h.Pos.Epoch, h.Pos.Seq, sum)
	return err
}

func lock(ctx context.Context, tx *postgres.Tx, id int64) (Alarm, error) {
	a, err := scanAlarm(tx.QueryRowContext(ctx, `SELECT `+columns+` FROM alarm_alarms WHERE id = $1 FOR UPDATE`, id))
	return a, only(err)
}

func get(ctx context.Context, db *sqlx.DB, scope auth.Scope, id int64) (Alarm, error) {
	a, err := scanAlarm(db.QueryRowContext(ctx, `SELECT `+columns+` FROM alarm_alarms WHERE id = $1 AND ($2 OR site_id = ANY($3))`, id, scope.All, pq.Int64Array(scope.Sites)))
	return a, only(err)
}

func only(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errs.NotFoundf("There is no such alarm.")
	}
	return err
}

// The two orders of a list. Open alarms come with the most urgent first, so that
// no limit ever hides a high one behind a flood of others.
const (
	openFirst   = ` AND cleared_at IS NULL ORDER BY priority DESC, state = 'active' DESC, id DESC LIMIT $7`
	newestFirst = ` ORDER BY id DESC LIMIT $7`
)

func list(ctx context.Context, db *sqlx.DB, scope auth.Scope, f Filter) ([]Alarm, error) {
	order := newestFirst
	switch f.State {
	case FilterOpen:
		order = openFirst
	case FilterCleared:
		order = ` AND cleared_at IS NOT NULL` + newestFirst
	case FilterAll:
	}
	rows, err := db.QueryxContext(ctx, `SELECT `+columns+` FROM alarm_alarms
WHERE ($1 OR site_id = ANY($2)) AND ($3 = 0 OR site_id = $3) AND ($4 = 0 OR pump_id = $4) AND ($5 = 0 OR id < $5) AND priority >= $6 AND ($8 = 0 OR priority <= $8)
  AND ($9 = 0 OR (priority, state = 'active', id) < ($10, $11, $9))`+order,
		scope.All, pq.Int64Array(scope.Sites), f.Site, f.Pump, f.Before, f.Least, f.Limit, f.Most, f.After.ID, f.After.Priority, f.After.Active)
	if err != nil {
		return nil, err
	}
	return scanAlarms(rows)
}

func openOf(ctx context.Context, db *sqlx.DB, pumps []int64) ([]Alarm, error) {
	rows, err := db.QueryxContext(ctx, `SELECT `+columns+` FROM alarm_alarms
WHERE ($1 OR pump_id = ANY($2)) AND cleared_at IS NULL ORDER BY priority DESC, state = 'active' DESC, id DESC`, pumps == nil, pq.Int64Array(pumps))
	if err != nil {
		return nil, err
	}
	return scanAlarms(rows)
}

func history(ctx context.Context, db *sqlx.DB, id int64) ([]Happened, error) {
	rows, err := db.QueryxContext(ctx, `
SELECT id, change, at, device_at, actor, note, old_state, new_state, old_priority, new_priority, count, detail, epoch, seq, evidence_hash
FROM alarm_changes WHERE alarm_id = $1 ORDER BY id`, id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Happened
	for rows.Next() {
		var h Happened
		var deviceAt sql.NullTime
		var detail []byte
		err := rows.Scan(&h.ID, &h.Change, &h.At, &deviceAt, &h.Actor, &h.Note, &h.OldState, &h.NewState, &h.OldPriority, &h.NewPriority, &h.Count, &detail, &h.Pos.Epoch, &h.Pos.Seq, &h.Evidence)
		if err != nil {
			return nil, err
		}
		h.DeviceAt = deviceAt.Time
		if err := json.Unmarshal(detail, &h.Detail); err != nil {
			return nil, fmt.Errorf("detail of change %d: %w", h.ID, err)
		}
		all = append(all, h)
	}
	return all, rows.Err()
}

func null(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

func encodeDetail(d map[string]string) ([]byte, error) {
	if d == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(d)
}
