// Package pgtest gives every test a real, migrated PostgreSQL database of its
// own.
//
// One private server serves all test programs of a checkout at once; it is
// started by whoever comes first and left running, because a start costs more
// than most tests (`make test` stops it at its end). A template database is
// migrated once per state of the migrations folder, and each test gets a copy of
// it, dropped when the test ends. The server runs with fsync off: a test that
// kills a database starts its own through package pgserver.
package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/pgserver"
	"cisterna/internal/postgres"
	"cisterna/migrations"
)

// AppRole is the role that the server, and so nearly every test, works as.
const AppRole = postgres.AppRole

// DB is a test's own database.
type DB struct {
	*sqlx.DB        // connected as postgres.AppRole
	Name     string // of the database
	dir      string
}

// URL returns the database's address for role, for code that opens its own
// connections.
func (d *DB) URL(role string) string { return pgserver.SocketURL(d.dir, role, d.Name) }

var (
	once     sync.Once
	startErr error
	dir      string
	template string
	count    atomic.Int64
)

// New returns a fresh, migrated database, connected as the server's restricted
// role. It is dropped when the test ends.
func New(t testing.TB) *sqlx.DB {
	t.Helper()
	return NewDB(t).DB
}

// NewOwner returns a fresh, migrated database twice: as the restricted role and
// as the schema's owner, who may do what an attacker with the database may.
func NewOwner(t testing.TB) (app, owner *sqlx.DB) {
	t.Helper()
	d := NewDB(t)
	return d.DB, open(t, d.URL(pgserver.Owner))
}

// NewDB is New for tests that need the database's address too.
func NewDB(t testing.TB) *DB {
	t.Helper()
	once.Do(func() { startErr = prepare() })
	if startErr != nil {
		t.Fatalf("test database: %v", startErr)
	}
	d := &DB{Name: fmt.Sprintf("t%d_%d_%d", os.Getpid(), time.Now().UnixNano()%1e9, count.Add(1)), dir: dir}
	// Copying the template's files costs a third of writing them through the log.
	admin("CREATE DATABASE " + d.Name + " TEMPLATE " + template + " STRATEGY file_copy").must(t)
	t.Cleanup(func() { admin("DROP DATABASE IF EXISTS " + d.Name + " WITH (FORCE)").must(t) })
	d.DB = open(t, d.URL(postgres.AppRole))
	return d
}

func open(t testing.TB, url string) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(context.Background(), url, 16)
	if err != nil {
		t.Fatalf("test database: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Dir returns the folder of the shared test server: CISTERNA_TEST_PG, or one
// under /var/lib for root and under the user's cache otherwise.
func Dir() string {
	if d := os.Getenv("CISTERNA_TEST_PG"); d != "" {
		return d
	}
	if os.Geteuid() == 0 {
		return "/var/lib/cisterna-test"
	}
	c, err := os.UserCacheDir()
	if err != nil {
		c = os.TempDir()
	}
	return filepath.Join(c, "cisterna-test")
}

// prepare makes sure that the server runs and the template is current. A file
// lock lets one test program do it while the others wait.
func prepare() error {
	dir = Dir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if admin("SELECT 1").err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := pgserver.Start(ctx, pgserver.Options{Dir: dir, Settings: map[string]string{
			"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on", "max_connections": "400", "shared_buffers": "128MB",
			"idle_in_transaction_session_timeout": "0",
		}}); err != nil {
			return err
		}
	}
	return makeTemplate()
}

func makeTemplate() error {
	sum := sha256.New()
	err := fs.WalkDir(migrations.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(migrations.FS, name)
		_, _ = fmt.Fprintf(sum, "%s %d\n", name, len(b))
		sum.Write(b)
		return err
	})
	if err != nil {
		return err
	}
	template = "template_" + hex.EncodeToString(sum.Sum(nil))[:16]
	if ok := admin("SELECT 1/count(*) FROM pg_database WHERE datname = '" + template + "'"); ok.err == nil {
		return nil
	}
	side := template + "_new"
	for _, q := range []string{"DROP DATABASE IF EXISTS " + side + " WITH (FORCE)", "CREATE DATABASE " + side} {
		if r := admin(q); r.err != nil {
			return r.err
		}
	}
	ctx := context.Background()
	db, err := postgres.Open(ctx, pgserver.SocketURL(dir, pgserver.Owner, side), 4)
	if err != nil {
		return err
	}
	_, err = postgres.Migrate(ctx, db, migrations.FS)
	_ = db.Close()
	if err != nil {
		return err
	}
	return admin("ALTER DATABASE " + side + " RENAME TO " + template).err
}

type result struct {
	query string
	err   error
}

// admin runs one statement on the server's own database.
func admin(query string) result {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	db, err := postgres.Open(ctx, pgserver.SocketURL(dir, pgserver.Owner, "postgres"), 1)
	if err != nil {
		return result{query, err}
	}
	defer func() { _ = db.Close() }()
	// CREATE DATABASE … TEMPLATE fails while another copy of the same template
	// is being made; those few milliseconds are waited for.
	for {
		_, err = db.ExecContext(ctx, query)
		if postgres.Code(err) != "55006" || ctx.Err() != nil || !strings.HasPrefix(query, "CREATE DATABASE") {
			return result{query, err}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (r result) must(t testing.TB) {
	t.Helper()
	if r.err != nil {
		t.Fatalf("%s: %v", r.query, r.err)
	}
}
