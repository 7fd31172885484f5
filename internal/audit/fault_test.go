package audit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"golang.org/x/mod/sumdb/tlog"
)

// errCrash is what a crashed process would have seen of its statement: nothing.
var errCrash = errors.New("the process died here")

// fault kills the sequencer at its n-th statement (a signature counts as one):
// before the statement reaches the database, or after it took effect there but
// before the answer came back. After that nothing gets through any more.
type fault struct {
	n     int64 // 0 = never
	after bool
	calls atomic.Int64
}

// do runs f, or crashes before or after it.
func (f *fault) do(run func() error) error {
	n := f.calls.Add(1)
	switch {
	case f.n == 0 || n < f.n:
		return run()
	case n == f.n && f.after:
		return errors.Join(errCrash, run())
	default:
		return errCrash
	}
}

// open opens the database through the fault.
func (f *fault) open(t *testing.T, url string) *sqlx.DB {
	t.Helper()
	c, err := pq.NewConnector(url)
	if err != nil {
		t.Fatal(err)
	}
	db := sqlx.NewDb(sql.OpenDB(faultyConnector{c, f}), "postgres")
	t.Cleanup(func() { _ = db.Close() })
	return db
}

type faultyConnector struct {
	driver.Connector
	f *fault
}

func (c faultyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	return faultyConn{conn, c.f}, err
}

type faultyConn struct {
	driver.Conn
	f *fault
}

func (c faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (r driver.Result, err error) {
	err = c.f.do(func() (err error) {
		r, err = c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
		return err
	})
	return r, err
}

func (c faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (r driver.Rows, err error) {
	err = c.f.do(func() (err error) {
		r, err = c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
		return err
	})
	if err != nil && r != nil { // the statement ends in the database all the same
		row := make([]driver.Value, len(r.Columns()))
		for !errors.Is(r.Next(row), io.EOF) {
		}
		_ = r.Close()
	}
	return r, err
}

// faultySigner counts signatures as statements.
type faultySigner struct {
	Signer
	f *fault
}

func (s faultySigner) Sign(ctx context.Context, next tlog.Tree, proof tlog.TreeProof) (text string, err error) {
	err = s.f.do(func() (err error) {
		text, err = s.Signer.Sign(ctx, next, proof)
		return err
	})
	return text, err
}
