package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/emulator"
	"cisterna/device/emulator/disk"
	"cisterna/device/profile"
	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/pgserver"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
	"cisterna/migrations"
)

// TestMain lets the test program be its own server and its own pumps: tests that
// kill with SIGKILL run them as processes.
func TestMain(m *testing.M) {
	switch os.Getenv("CISTERNA_TEST_CHILD") {
	case "":
		os.Exit(m.Run())
	case "server":
		child(serverChild)
	case "pumps":
		child(pumpsChild)
	case "orders":
		child(ordersChild)
	case "demo":
		os.Exit(demoChild())
	case "bench-server":
		child(benchServerChild)
	case "bench-load":
		child(loadChild)
	}
}

func child(run func(ctx context.Context, in *bufio.Scanner, say func(any)) error) {
	var mu sync.Mutex
	say := func(v any) {
		b, _ := json.Marshal(v)
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(string(b))
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	if err := run(context.Background(), in, say); err != nil {
		say(answer{Error: err.Error()})
		os.Exit(1)
	}
	os.Exit(0)
}

// answer is what a child says, one JSON object a line.
type answer struct {
	Ready  bool              `json:"ready,omitempty"`
	Error  string            `json:"error,omitempty"`
	Addr   map[string]string `json:"addr,omitempty"`
	Status []emulator.Status `json:"status,omitempty"`
	Load   *loadState        `json:"load,omitempty"`
	Ingest *ingestState      `json:"ingest,omitempty"`

	Released int64 `json:"released,omitempty"` // an order
}

// installation is a database of its own with keys, one site and a place for
// pumps. Its parts run as processes.
type installation struct {
	t     testing.TB
	dir   string
	at    func(role string) string // the database's address
	pg    *pgserver.Server         // of this installation alone, nil on the shared one
	keys  *keyring
	addr  map[string]string // fixed, so that a server comes back where pumps look for it
	disk  *disk.Memory      // of pumps in this process, if it is to fail; nil for a folder
	clock func() time.Time  // of pumps in this process; nil for the real one
}

const testLogLevel = slog.LevelError

func testLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: testLogLevel}))
}

// install makes an installation on a database of its own.
func install(t testing.TB) *installation {
	t.Helper()
	in := place(t)
	in.at = pgtest.NewDB(t).URL
	return in
}

// installAlone makes an installation with a PostgreSQL of its own, whose commits are
// durable: for tests that kill it, or measure it.
func installAlone(t testing.TB) *installation {
	t.Helper()
	in := place(t)
	in.startPostgres()
	in.at = func(role string) string { return in.pg.URL(role, "cisterna") }
	t.Cleanup(func() { _ = in.pg.Stop() })
	ctx := context.Background()
	if err := in.pg.EnsureDatabase(ctx, "cisterna"); err != nil {
		t.Fatal(err)
	}
	owner, err := postgres.Open(ctx, in.at(pgserver.Owner), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close() }()
	if _, err := postgres.Migrate(ctx, owner, migrations.FS); err != nil {
		t.Fatal(err)
	}
	return in
}

// shortDir returns a folder that the database's account can reach and whose name
// leaves room for a socket.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cis")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// place makes the folder and the keys of an installation.
func place(t testing.TB) *installation {
	t.Helper()
	dir := shortDir(t)
	in := &installation{t: t, dir: dir}
	var err error
	if in.keys, err = createKeys(filepath.Join(dir, "keys"), "Test", "http://localhost", true, time.Now()); err != nil {
		t.Fatal(err)
	}
	return in
}

func (in *installation) startPostgres() {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pg, err := pgserver.Start(ctx, pgserver.Options{Dir: filepath.Join(in.dir, "pg")})
	if err != nil {
		in.t.Fatal(err)
	}
	in.pg = pg
}

// ownerDB opens the database as its owner, who may do what an attacker with the
// database may.
func (in *installation) ownerDB() *sqlx.DB {
	in.t.Helper()
	db, err := postgres.Open(context.Background(), in.at(pgserver.Owner), 1)
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { _ = db.Close() })
	return db
}

func (in *installation) url() string { return in.at(postgres.AppRole) }

// options are those of a server of this installation.
func (in *installation) options() Options {
	o := Options{DatabaseURL: in.url(), Keys: in.keys, HTTP: "localhost:0", MQTT: "127.0.0.1:0", Enrol: "127.0.0.1:0", Log: testLog()}
	if in.addr != nil {
		o.HTTP, o.MQTT, o.Enrol = in.addr["http"], in.addr["mqtt"], in.addr["enrol"]
	}
	return o
}

// start runs a server of the installation in this process.
func (in *installation) start() *App {
	in.t.Helper()
	app, err := New(context.Background(), in.options())
	if err != nil {
		in.t.Fatal(err)
	}
	if err := app.Start(context.Background()); err != nil {
		app.Stop()
		in.t.Fatal(err)
	}
	in.addr = addresses(app)
	return app
}

func addresses(a *App) map[string]string {
	return map[string]string{"http": strings.TrimPrefix(a.URL(), "http://"), "mqtt": a.Gateway.Addr().String(), "enrol": a.Enrol.Addr().String()}
}

// site returns the installation's only site, made at the first call.
func (in *installation) site(app *App) registry.Site {
	in.t.Helper()
	sites, err := app.Registry.Sites(context.Background(), auth.Scope{All: true})
	if err != nil {
		in.t.Fatal(err)
	}
	if len(sites) > 0 {
		return sites[0]
	}
	s, err := app.Registry.CreateSite(context.Background(), auth.System("test"), registry.NewSite{Name: "Test Hospital", Short: "TEST", TimeZone: "UTC"})
	if err != nil {
		in.t.Fatal(err)
	}
	return s
}

// slips registers n pumps and returns the claim slips that enrol them.
func (in *installation) slips(app *App, n int) []plannedPump {
	in.t.Helper()
	return in.slipsFrom(app, 0, n)
}

// slipsFrom is slips with serials from a number on.
func (in *installation) slipsFrom(app *App, first, n int) []plannedPump {
	in.t.Helper()
	site := in.site(app)
	var out []plannedPump
	for i := first; i < first+n; i++ {
		p := profile.Samples()[i%2]
		serial := fmt.Sprintf("T%05d", i)
		reg, err := app.Registry.RegisterPump(context.Background(), auth.System("test"), registry.NewPump{Site: site.ID, Maker: "Test", Serial: serial, Model: p.Name, Profile: p.ID})
		if err != nil {
			in.t.Fatal(err)
		}
		c, err := app.Registry.CreateClaim(context.Background(), auth.System("test"), reg.ID, time.Hour)
		if err != nil {
			in.t.Fatal(err)
		}
		slip := wire.Slip{Server: app.Enrol.Addr().String(), Code: c.Code, Root: in.keys.trust.RootHash()}
		out = append(out, plannedPump{ID: reg.ID, Serial: serial, Model: p.Name, Slip: slip.String()})
	}
	return out
}

// plannedPump is a registered pump that waits for its enrolment.
type plannedPump struct {
	ID                  int64
	Serial, Model, Slip string
}

// enrol brings planned pumps into a fleet, several at a time.
func enrol(ctx context.Context, f *emulator.Fleet, plans []plannedPump) error {
	var wg sync.WaitGroup
	failed := make(chan error, len(plans))
	slots := make(chan struct{}, 4)
	for i, p := range plans {
		if _, known := f.Device(p.Serial); known {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			slip, err := wire.ParseSlip(p.Slip)
			if err == nil {
				alg := wire.Ed25519
				if i%7 == 6 {
					alg = wire.ES256
				}
				_, err = f.Enrol(ctx, slip, emulator.Blueprint{Serial: p.Serial, Model: p.Model, Seed: uint64(i + 1), Alg: alg})
			}
			if err != nil {
				failed <- fmt.Errorf("%s: %w", p.Serial, err)
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		return err
	}
	return nil
}

// fleet opens a fleet in a folder of the installation, in this process.
func (in *installation) fleet(name string) *emulator.Fleet {
	in.t.Helper()
	var f *emulator.Fleet
	var err error
	closeFleet := func() { _ = f.Close() }
	if in.disk != nil {
		f, err = openFleetOn(in.disk.Folder("vault"), in.disk.Folder("journal"), 0, in.clock)
	} else {
		f, closeFleet, err = openFleet(filepath.Join(in.dir, name), 0, in.clock)
	}
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(closeFleet)
	return f
}

func openFleet(dir string, heartbeat time.Duration, now func() time.Time) (*emulator.Fleet, func(), error) {
	d, err := emulator.OpenDir(dir)
	if err != nil {
		return nil, nil, err
	}
	f, err := openFleetOn(d.Vault, d.Journal, heartbeat, now)
	if err != nil {
		_ = d.Close()
		return nil, nil, err
	}
	return f, func() { _ = f.Close(); _ = d.Close() }, nil
}

// openFleetOn opens a fleet that lives by a clock, by the real one if it is nil.
func openFleetOn(vault, journal disk.FS, heartbeat time.Duration, now func() time.Time) (*emulator.Fleet, error) {
	if heartbeat == 0 {
		heartbeat = 2 * time.Second
	}
	return emulator.Open(emulator.Options{
		Vault: vault, Journal: journal, Log: testLog(), Now: now,
		Heartbeat: heartbeat, FirstConnect: 500 * time.Millisecond, MaxBackoff: 2 * time.Second, Resend: 3 * time.Second, Tick: time.Second,
	})
}

// process is a child that can be killed.
type process struct {
	t     testing.TB
	role  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan answer
}

// run starts a child in a role, with its settings as the first line of its
// standard input, and waits until it is ready.
func (in *installation) run(role string, settings any) *process {
	in.t.Helper()
	p := &process{t: in.t, role: role, lines: make(chan answer, 64)}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), "CISTERNA_TEST_CHILD="+role)
	p.cmd.Stderr = os.Stderr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		in.t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		in.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	go func() {
		sc := bufio.NewScanner(out)
		sc.Buffer(nil, 1<<24)
		for sc.Scan() {
			var a answer
			if json.Unmarshal(sc.Bytes(), &a) == nil {
				p.lines <- a
			}
		}
		close(p.lines)
	}()
	in.t.Cleanup(func() { p.kill() })
	b, _ := json.Marshal(settings)
	p.tell(string(b))
	if a := p.next(2 * time.Minute); !a.Ready {
		in.t.Fatalf("%s did not start: %+v", role, a)
	} else if a.Addr != nil {
		in.addr = a.Addr
	}
	return p
}

func (p *process) tell(line string) { _, _ = io.WriteString(p.stdin, line+"\n") }

func (p *process) next(within time.Duration) answer {
	p.t.Helper()
	select {
	case a, ok := <-p.lines:
		if !ok {
			p.t.Fatalf("%s ended", p.role)
		}
		if a.Error != "" {
			p.t.Fatalf("%s: %s", p.role, a.Error)
		}
		return a
	case <-time.After(within):
		p.t.Fatalf("%s said nothing for %s", p.role, within)
		return answer{}
	}
}

// kill ends the child with SIGKILL.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

type serverSettings struct {
	URL, Keys string
	Addr      map[string]string
}

func serverChild(ctx context.Context, in *bufio.Scanner, say func(any)) error {
	var set serverSettings
	if !in.Scan() {
		return io.ErrUnexpectedEOF
	}
	if err := json.Unmarshal(in.Bytes(), &set); err != nil {
		return err
	}
	app, err := startServer(ctx, set)
	if err != nil {
		return err
	}
	say(answer{Ready: true, Addr: addresses(app)})
	go func() {
		for in.Scan() { // until the parent dies
		}
		os.Exit(0)
	}()
	return <-app.Failed()
}

func startServer(ctx context.Context, set serverSettings) (*App, error) {
	keys, err := loadKeys(set.Keys, time.Now())
	if err != nil {
		return nil, err
	}
	app, err := New(ctx, Options{DatabaseURL: set.URL, Keys: keys, HTTP: set.Addr["http"], MQTT: set.Addr["mqtt"], Enrol: set.Addr["enrol"], Log: testLog()})
	if err != nil {
		return nil, err
	}
	return app, app.Start(ctx)
}

type pumpsSettings struct {
	Dir       string
	Plans     []plannedPump
	Heartbeat time.Duration // 0: often, as tests want it
}

// pumpsChild runs pumps. It makes load after "load", or so many records a second
// after "pace N", stops making it after "calm", and answers "status" with all pumps'
// states.
func pumpsChild(ctx context.Context, in *bufio.Scanner, say func(any)) error {
	var set pumpsSettings
	if !in.Scan() {
		return io.ErrUnexpectedEOF
	}
	if err := json.Unmarshal(in.Bytes(), &set); err != nil {
		return err
	}
	f, _, err := openFleet(set.Dir, set.Heartbeat, nil)
	if err != nil {
		return err
	}
	if err := enrol(ctx, f, set.Plans); err != nil {
		return err
	}
	if err := f.Start(); err != nil {
		return err
	}
	say(answer{Ready: true})
	stop := func() {}
	for in.Scan() {
		what, rate := "", 0
		_, _ = fmt.Sscan(in.Text(), &what, &rate) // only one of them has a number
		switch what {
		case "load", "pace":
			c, cancel := context.WithCancel(ctx)
			stop = cancel
			if what == "load" {
				go makeLoad(c, f)
			} else {
				go pace(c, f, rate)
			}
		case "calm":
			stop()
		case "status":
			var a answer
			for _, d := range f.Devices() {
				a.Status = append(a.Status, d.Status())
			}
			say(a)
		}
	}
	stop()
	return nil
}
