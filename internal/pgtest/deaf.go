package pgtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync/atomic"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Deaf is a database that, once armed, does its next commit and loses the answer,
// as when the connection breaks at that moment.
type Deaf struct {
	*sqlx.DB
	armed *atomic.Bool
}

// NewDeaf returns a fresh, migrated database as [New] does, not armed.
func NewDeaf(t testing.TB) *Deaf {
	t.Helper()
	connector, err := pq.NewConnector(NewDB(t).URL(AppRole))
	if err != nil {
		t.Fatal(err)
	}
	armed := new(atomic.Bool)
	db := sqlx.NewDb(sql.OpenDB(deafConnector{connector, armed}), "postgres")
	t.Cleanup(func() { _ = db.Close() })
	return &Deaf{DB: db, armed: armed}
}

// Arm makes the answer to the next commit be lost.
func (d *Deaf) Arm() { d.armed.Store(true) }

type deafConnector struct {
	driver.Connector
	armed *atomic.Bool
}

func (d deafConnector) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := d.Connector.Connect(ctx)
	return deafConn{c, d.armed}, err
}

type deafConn struct {
	driver.Conn
	armed *atomic.Bool
}

func (c deafConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
	return deafTx{tx, c.armed}, err
}

func (c deafConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c deafConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

type deafTx struct {
	driver.Tx
	armed *atomic.Bool
}

func (tx deafTx) Commit() error {
	if err := tx.Tx.Commit(); err != nil {
		return err
	}
	if tx.armed.CompareAndSwap(true, false) {
		return driver.ErrBadConn
	}
	return nil
}
