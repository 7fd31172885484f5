// Package postgres opens the database and runs transactions. It knows no table.
//
// Invariants: a function given to [InTx] sees either a commit of all it did or
// of nothing; callbacks registered with [Tx.OnCommit] run only after a commit
// that the database has confirmed, in order, on the caller's goroutine.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// AppRole is the role that servers work as. It may append to the record and not
// change it; migrations create it.
const AppRole = "cisterna_app"

// Open connects to the database at url (a postgres:// URL or a key=value DSN),
// checks that it answers, and limits the pool to conns connections.
func Open(ctx context.Context, url string, conns int) (*sqlx.DB, error) {
	connector, err := pq.NewConnector(url)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	db := sqlx.NewDb(sql.OpenDB(connector), "postgres")
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxLifetime(30 * time.Minute)
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return db, nil
}

// Tx is a transaction that can tell others about itself once it is durable.
type Tx struct {
	*sqlx.Tx
	after, doubt []func()
}

// OnCommit registers f to run once the transaction has committed. It never runs
// if the transaction rolls back or if the commit's outcome is unknown.
func (tx *Tx) OnCommit(f func()) { tx.after = append(tx.after, f) }

// OnDoubt registers f to run if the commit failed: the database may have done it
// all the same. Whoever keeps in memory what is stored reads it again then.
func (tx *Tx) OnDoubt(f func()) { tx.doubt = append(tx.doubt, f) }

// InTx runs f in a transaction. It commits if f returns nil and rolls back if f
// returns an error or panics. An error from the commit itself does not prove
// that nothing was committed: what callers may retry must be idempotent.
func InTx(ctx context.Context, db *sqlx.DB, f func(*Tx) error) error {
	sqlTx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = sqlTx.Rollback() }() // does nothing after Commit
	tx := &Tx{Tx: sqlTx}
	if err := f(tx); err != nil {
		return err
	}
	if err := companions(ctx, tx); err != nil {
		return err
	}
	if err := sqlTx.Commit(); err != nil {
		for _, f := range tx.doubt {
			f()
		}
		return fmt.Errorf("commit: %w", err)
	}
	for _, f := range tx.after {
		f()
	}
	return nil
}

// The SQLSTATE codes that callers tell apart (PostgreSQL manual, appendix A).
const (
	UniqueViolation     = "23505"
	ForeignKeyViolation = "23503"
	CheckViolation      = "23514"
	Serialization       = "40001"
	Deadlock            = "40P01"
	InsufficientRights  = "42501"
	DuplicateDatabase   = "42P04"
)

// Code returns the SQLSTATE of err, or "" if the database did not refuse it.
func Code(err error) string {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return string(e.Code)
	}
	return ""
}

// IsUnique reports whether err is a violation of the named unique constraint.
func IsUnique(err error, constraint string) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && string(e.Code) == UniqueViolation && e.Constraint == constraint
}
