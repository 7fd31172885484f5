package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

type userRow struct {
	ID         int64
	Login      string
	Name       string
	Password   string
	PasswordAt time.Time    `db:"password_at"`
	CreatedAt  time.Time    `db:"created_at"`
	DisabledAt sql.NullTime `db:"disabled_at"`
}

func (r userRow) account() Account {
	return Account{ID: r.ID, Login: r.Login, Name: r.Name, CreatedAt: r.CreatedAt, PasswordAt: r.PasswordAt, DisabledAt: r.DisabledAt.Time}
}

const userColumns = `u.id, u.login, u.name, u.password, u.password_at, u.created_at, u.disabled_at`

func userByLogin(ctx context.Context, q sqlx.QueryerContext, login string) (userRow, bool, error) {
	var row userRow
	if !loginForm.MatchString(login) {
		login = "" // nobody's, and perhaps not even text; the work stays the same
	}
	err := sqlx.GetContext(ctx, q, &row, `SELECT `+userColumns+` FROM auth_users u WHERE lower(u.login) = lower($1)`, login)
	if errors.Is(err, sql.ErrNoRows) {
		return userRow{}, false, nil
	}
	if err != nil {
		return userRow{}, false, fmt.Errorf("read account: %w", err)
	}
	return row, true, nil
}

func userByID(ctx context.Context, q sqlx.QueryerContext, id int64) (userRow, error) {
	var row userRow
	err := sqlx.GetContext(ctx, q, &row, `SELECT `+userColumns+` FROM auth_users u WHERE u.id = $1`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return userRow{}, errs.NotFoundf("There is no account %d.", id)
	}
	if err != nil {
		return userRow{}, fmt.Errorf("read account %d: %w", id, err)
	}
	return row, nil
}

// lockUser reads an account and keeps it as it is until the transaction ends.
func lockUser(ctx context.Context, tx *postgres.Tx, id int64) (userRow, error) {
	var row userRow
	if err := tx.GetContext(ctx, &row, `SELECT `+userColumns+` FROM auth_users u WHERE u.id = $1 FOR NO KEY UPDATE`, id); err != nil {
		return userRow{}, fmt.Errorf("read account %d: %w", id, err)
	}
	return row, nil
}

// lockOpenUser reports whether an account is open, and lets nobody shut it until
// the transaction ends.
func lockOpenUser(ctx context.Context, tx *postgres.Tx, id int64) (open bool, err error) {
	err = tx.GetContext(ctx, &open, `SELECT disabled_at IS NULL FROM auth_users WHERE id = $1 FOR SHARE`, id)
	if err != nil {
		return false, fmt.Errorf("read account %d: %w", id, err)
	}
	return open, nil
}

func insertUser(ctx context.Context, tx *postgres.Tx, a Account, password string) (id int64, err error) {
	err = tx.GetContext(ctx, &id, `
		INSERT INTO auth_users (login, name, password, password_at, created_at) VALUES ($1, $2, $3, $4, $4) RETURNING id`,
		a.Login, a.Name, password, a.CreatedAt)
	return id, err
}

func openUsers(ctx context.Context, tx *postgres.Tx, users []int64) ([]int64, error) {
	open := []int64{}
	err := tx.SelectContext(ctx, &open, `SELECT id FROM auth_users WHERE id = ANY ($1) AND disabled_at IS NULL ORDER BY id`, pq.Int64Array(users))
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return open, nil
}

func setPassword(ctx context.Context, tx *postgres.Tx, user int64, password string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE auth_users SET password = $2, password_at = $3 WHERE id = $1`, user, password, now)
	return err
}

// renewPassword stores a costlier hash of the same password, unless the password
// was changed meanwhile.
func renewPassword(ctx context.Context, tx *postgres.Tx, user int64, old, renewed string) error {
	_, err := tx.ExecContext(ctx, `UPDATE auth_users SET password = $3 WHERE id = $1 AND password = $2`, user, old, renewed)
	return err
}

func setDisabled(ctx context.Context, tx *postgres.Tx, user int64, at *time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE auth_users SET disabled_at = $2 WHERE id = $1`, user, at)
	return err
}

type sessionRow struct {
	SessionID int64     `db:"session_id"`
	StartedAt time.Time `db:"started_at"`
	SeenAt    time.Time `db:"seen_at"`
	ExpiresAt time.Time `db:"expires_at"`
	Address   string
	Agent     string
	EndedAt   sql.NullTime   `db:"ended_at"`
	Ended     sql.NullString `db:"ended"`
	Means     string
	Enrolling bool
	Visit     sql.NullInt64 `db:"visit_patient"`
	VisitFrom sql.NullTime  `db:"visit_since"`
	VisitTo   sql.NullTime  `db:"visit_until"`
	userRow
}

const sessionColumns = `s.id AS session_id, s.created_at AS started_at, s.seen_at, s.expires_at, s.address, s.agent, s.ended_at, s.ended,
	s.means, s.enrolling, s.visit_patient, s.visit_since, s.visit_until, ` + userColumns

func (r sessionRow) session() Session {
	s := Session{
		ID: r.SessionID, Account: r.account(), CreatedAt: r.StartedAt, SeenAt: r.SeenAt, ExpiresAt: r.ExpiresAt,
		Address: r.Address, Agent: r.Agent, EndedAt: r.EndedAt.Time, Ended: Ending(r.Ended.String), Means: Means(r.Means), Enrolling: r.Enrolling,
	}
	if r.Visit.Valid {
		s.Visit = &Visit{Patient: r.Visit.Int64, Since: r.VisitFrom.Time, Until: r.VisitTo.Time}
	}
	return s
}

func insertSession(ctx context.Context, tx *postgres.Tx, t Token, s Session, from string, b start) (id int64, err error) {
	err = tx.GetContext(ctx, &id, `
		INSERT INTO auth_sessions (token_hash, user_id, created_at, seen_at, expires_at, address, source, agent, means, enrolling, credential, link, provider_session)
		VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9, nullif($10, 0), nullif($11, 0), nullif($12, '')) RETURNING id`,
		t.hash(), s.Account.ID, s.CreatedAt, s.ExpiresAt, s.Address, from, s.Agent, string(s.Means), s.Enrolling, b.credential, b.link, b.provider)
	return id, err
}

func sessionByToken(ctx context.Context, db *sqlx.DB, t Token) (Session, error) {
	var row sessionRow
	err := db.GetContext(ctx, &row, `
		SELECT `+sessionColumns+` FROM auth_sessions s JOIN auth_users u ON u.id = s.user_id WHERE s.token_hash = $1`, t.hash())
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, errNotSignedIn()
	}
	if err != nil {
		return Session{}, fmt.Errorf("read session: %w", err)
	}
	return row.session(), nil
}

// lockSession reads a session and lets nobody end it until the transaction ends.
func lockSession(ctx context.Context, tx *postgres.Tx, id int64) (Session, error) {
	var row sessionRow
	err := tx.GetContext(ctx, &row, `
		SELECT `+sessionColumns+` FROM auth_sessions s JOIN auth_users u ON u.id = s.user_id WHERE s.id = $1 FOR SHARE OF s`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, errNotSignedIn()
	}
	if err != nil {
		return Session{}, fmt.Errorf("read session: %w", err)
	}
	return row.session(), nil
}

func sessionsByID(ctx context.Context, db *sqlx.DB, ids []int64) ([]Session, error) {
	return querySessions(ctx, db, `WHERE s.id = ANY ($1)`, pq.Int64Array(ids))
}

func sessionsOf(ctx context.Context, db *sqlx.DB, user int64, limit int) ([]Session, error) {
	return querySessions(ctx, db, `WHERE s.user_id = $1 ORDER BY s.created_at DESC, s.id DESC LIMIT $2`, user, limit)
}

func querySessions(ctx context.Context, db *sqlx.DB, where string, args ...any) ([]Session, error) {
	var rows []sessionRow
	err := db.SelectContext(ctx, &rows, `SELECT `+sessionColumns+` FROM auth_sessions s JOIN auth_users u ON u.id = s.user_id `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	out := make([]Session, len(rows))
	for i, r := range rows {
		out[i] = r.session()
	}
	return out, nil
}

// endSessions ends the open sessions for which the condition holds; $3 in it is
// arg and $1 is now.
func endSessions(ctx context.Context, tx *postgres.Tx, condition string, now time.Time, how Ending, arg any) ([]Ended, error) {
	var rows []struct{ ID, User int64 }
	err := tx.SelectContext(ctx, &rows, `
		UPDATE auth_sessions SET ended_at = $1, ended = $2 WHERE ended_at IS NULL AND `+condition+` RETURNING id, user_id AS user`, now, string(how), arg)
	if err != nil {
		return nil, fmt.Errorf("end sessions: %w", err)
	}
	ended := make([]Ended, len(rows))
	for i, r := range rows {
		ended[i] = Ended{Session: r.ID, User: r.User, How: how}
	}
	return ended, nil
}

// touch moves the idle limit of a session that still lasts.
func touch(ctx context.Context, db *sqlx.DB, session int64, now, idleSince time.Time) error {
	_, err := db.ExecContext(ctx, `
		UPDATE auth_sessions SET seen_at = $2 WHERE id = $1 AND ended_at IS NULL AND seen_at > $3 AND seen_at < $2`, session, now, idleSince)
	if err != nil {
		return fmt.Errorf("touch session: %w", err)
	}
	return nil
}

// take charges one attempt to key, and returns how long to wait if there is none
// left; then nothing was charged.
func take(ctx context.Context, db *sqlx.DB, key []byte, l limit, now time.Time) (wait time.Duration, err error) {
	horizon := now.Add(time.Duration(l.burst) * l.every)
	var freeAt time.Time
	err = db.GetContext(ctx, &freeAt, `
		INSERT INTO auth_throttle AS t (key, free_at) VALUES ($1, $2::timestamptz + $3 * interval '1 microsecond')
		ON CONFLICT (key) DO UPDATE SET free_at = greatest(t.free_at, $2) + $3 * interval '1 microsecond'
		WHERE greatest(t.free_at, $2) + $3 * interval '1 microsecond' <= $4
		RETURNING free_at`, key, now, l.every.Microseconds(), horizon)
	if err == nil {
		return 0, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("charge a sign-in: %w", err)
	}
	err = db.GetContext(ctx, &freeAt, `SELECT free_at FROM auth_throttle WHERE key = $1`, key)
	if errors.Is(err, sql.ErrNoRows) { // swept in between
		return l.every, nil
	}
	if err != nil {
		return 0, fmt.Errorf("charge a sign-in: %w", err)
	}
	return max(freeAt.Add(l.every).Sub(horizon), time.Millisecond), nil
}

func refund(ctx context.Context, tx *postgres.Tx, key []byte, every time.Duration) error {
	_, err := tx.ExecContext(ctx, `UPDATE auth_throttle SET free_at = free_at - $2 * interval '1 microsecond' WHERE key = $1`, key, every.Microseconds())
	return err
}

func knownAddress(ctx context.Context, db *sqlx.DB, login, from string, since time.Time) (is bool, err error) {
	if !loginForm.MatchString(login) {
		login = ""
	}
	err = db.GetContext(ctx, &is, `
		SELECT EXISTS (SELECT FROM auth_users u JOIN auth_sessions s ON s.user_id = u.id
		                WHERE lower(u.login) = lower($1) AND s.source = $2 AND s.created_at > $3)`, login, from, since)
	if err != nil {
		return false, fmt.Errorf("look up the address: %w", err)
	}
	return is, nil
}

type failureRow struct {
	Key       []byte
	User      sql.NullInt64 `db:"user_id"`
	Address   string
	Attempts  int64
	Throttled int64
	Told      int64
	FirstAt   time.Time `db:"first_at"`
	LastAt    time.Time `db:"last_at"`
}

const failureColumns = `key, user_id, address, attempts, throttled, told, first_at, last_at`

// countFailure adds an attempt to a series. told becomes attempts where that is a
// power of two, which is when the caller tells the record.
func countFailure(ctx context.Context, tx *postgres.Tx, key []byte, login, from string, throttled bool, now time.Time) (f failureRow, err error) {
	if !loginForm.MatchString(login) {
		login = ""
	}
	n := 0
	if throttled {
		n = 1
	}
	err = tx.GetContext(ctx, &f, `
		INSERT INTO auth_failures AS f (key, user_id, address, attempts, throttled, told, first_at, last_at)
		VALUES ($1, (SELECT id FROM auth_users WHERE lower(login) = lower($2)), $3, 1, $4, 1, $5, $5)
		ON CONFLICT (key) DO UPDATE SET attempts = f.attempts + 1, throttled = f.throttled + $4, last_at = $5,
			told = CASE WHEN (f.attempts + 1) & f.attempts = 0 THEN f.attempts + 1 ELSE f.told END
		RETURNING `+failureColumns, key, login, from, n, now)
	return f, err
}

func removeFailures(ctx context.Context, tx *postgres.Tx, key []byte) (f failureRow, ok bool, err error) {
	err = tx.GetContext(ctx, &f, `DELETE FROM auth_failures WHERE key = $1 RETURNING `+failureColumns, key)
	if errors.Is(err, sql.ErrNoRows) {
		return failureRow{}, false, nil
	}
	return f, err == nil, err
}

const oldFailuresAtOnce = 500

func oldFailures(ctx context.Context, tx *postgres.Tx, before time.Time) (rows []failureRow, err error) {
	err = tx.SelectContext(ctx, &rows, `
		SELECT `+failureColumns+` FROM auth_failures WHERE last_at < $1 ORDER BY last_at LIMIT $2 FOR UPDATE SKIP LOCKED`, before, oldFailuresAtOnce)
	return rows, err
}

func forget(ctx context.Context, db *sqlx.DB, now, endedBefore time.Time) error {
	if _, err := db.ExecContext(ctx, `DELETE FROM auth_throttle WHERE free_at < $1`, now); err != nil {
		return fmt.Errorf("forget old limits: %w", err)
	}
	if _, err := db.ExecContext(ctx, `DELETE FROM auth_challenges WHERE expires_at < $1`, now); err != nil {
		return fmt.Errorf("forget old challenges: %w", err)
	}
	if _, err := db.ExecContext(ctx, `DELETE FROM auth_sessions WHERE ended_at < $1`, endedBefore); err != nil {
		return fmt.Errorf("forget old sessions: %w", err)
	}
	return nil
}
