package registry

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/internal/pgtest"
	"cisterna/internal/pki"
)

// deaf opens a database whose next commit, once armed, is done and not heard of.
type deaf struct {
	driver.Connector
	armed atomic.Bool
}

func (d *deaf) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := d.Connector.Connect(ctx)
	return deafConn{c, d}, err
}

type deafConn struct {
	driver.Conn
	d *deaf
}

func (c deafConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
	return deafTx{tx, c.d}, err
}

func (c deafConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c deafConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

type deafTx struct {
	driver.Tx
	d *deaf
}

func (tx deafTx) Commit() error {
	if err := tx.Tx.Commit(); err != nil {
		return err
	}
	if tx.d.armed.CompareAndSwap(true, false) {
		return driver.ErrBadConn
	}
	return nil
}

// TestRevocationWithoutAnAnswer: the database revokes a pump and its answer is
// lost. The link is refused and cut all the same.
func TestRevocationWithoutAnAnswer(t *testing.T) {
	test := pgtest.NewDB(t)
	connector, err := pq.NewConnector(test.URL(pgtest.AppRole))
	if err != nil {
		t.Fatal(err)
	}
	d := &deaf{Connector: connector}
	db := sqlx.NewDb(sql.OpenDB(d), "postgres")
	t.Cleanup(func() { _ = db.Close() })
	r := newRigOn(t, db)
	p, device := r.enrolled("S1", "COMM-1")
	other, otherDevice := r.enrolled("S2", "COMM-2")
	r.admitted(device, device.leaf(), true)
	r.kicks()

	ctx, stop := context.WithCancel(r.ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	cut := make(chan string, 1)
	r.mu.Lock()
	r.onKick = func(link string) {
		if r.Directory().Admit(link, pki.Serial(device.leaf())) == nil {
			t.Error("cut before the directory refuses")
		}
		cut <- link
	}
	r.mu.Unlock()

	d.armed.Store(true)
	if _, err := r.Revoke(r.ctx, r.ada, p.ID, "stolen"); err == nil {
		t.Fatal("the answer was not lost")
	}
	select {
	case link := <-cut:
		if link != "COMM-1" {
			t.Errorf("%s was cut", link)
		}
	case <-time.After(20 * time.Second):
		t.Error("the link stays connected")
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	r.admitted(device, device.leaf(), false)
	r.admitted(otherDevice, otherDevice.leaf(), true)
	if k := r.kicks(); !slices.Equal(k, []string{"COMM-1 revoked"}) {
		t.Errorf("kicks %q, want COMM-1 alone: pump %d is trusted", k, other.ID)
	}
}
