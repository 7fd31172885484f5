package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cisterna/internal/pgserver"
	"cisterna/internal/postgres"
)

// demoChild is the program itself, for tests that start a demo, interrupt it and kill
// it.
func demoChild() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return run(ctx, strings.Split(os.Getenv("CISTERNA_TEST_ARGS"), "\n"))
}

// demoRun is a demo that runs as a process.
type demoRun struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}
	mu   sync.Mutex
	out  bytes.Buffer
}

func (d *demoRun) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out.Write(b)
}

func (d *demoRun) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out.String()
}

func startDemo(t *testing.T, dir string, args ...string) *demoRun {
	t.Helper()
	d := &demoRun{t: t, cmd: exec.Command(os.Args[0]), done: make(chan struct{})}
	args = append([]string{"demo", "--data", dir, "--pumps", "3", "--days", "1", "--quiet", "--control", "", "--log-level", "error"}, args...)
	d.cmd.Env = append(os.Environ(), "CISTERNA_TEST_CHILD=demo", "CISTERNA_TEST_ARGS="+strings.Join(args, "\n"))
	d.cmd.Stdout, d.cmd.Stderr = d, d
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = d.cmd.Wait(); close(d.done) }()
	t.Cleanup(func() { _ = d.cmd.Process.Kill(); <-d.done })
	return d
}

// until waits for something that the demo does.
func (d *demoRun) until(what string, ok func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !ok(); pause(d.t, 10*time.Millisecond) {
		select {
		case <-d.done:
			d.t.Fatalf("the demo ended before %s:\n%s", what, d.said())
		default:
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("waited in vain until %s:\n%s", what, d.said())
		}
	}
}

// says waits until the demo has said something.
func (d *demoRun) says(text string) {
	d.t.Helper()
	d.until("it says "+text, func() bool { return strings.Contains(d.said(), text) })
}

// ends waits for the end and returns the exit code.
func (d *demoRun) ends() int {
	d.t.Helper()
	select {
	case <-d.done:
	case <-time.After(3 * time.Minute):
		d.t.Fatalf("the demo does not end:\n%s", d.said())
	}
	return d.cmd.ProcessState.ExitCode()
}

// TestDemoLife: a first start that is killed in the middle is taken up by the next; a
// taken port and a folder in use are told with what to do about them; Ctrl-C stops
// everything, the database included; a second start has what the first had; and so has
// one after a kill.
func TestDemoLife(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	t.Cleanup(func() { // before the folder goes
		if err := pgserver.StopStale(context.Background(), filepath.Join(dir, "pg")); err != nil {
			t.Error(err)
		}
	})
	http, mqtt, enrol := freeAddr(t, "localhost"), freeAddr(t, "127.0.0.1"), freeAddr(t, "127.0.0.1")
	addrs := []string{"--http", http, "--mqtt", mqtt, "--enrol", enrol}
	postmaster := filepath.Join(dir, "pg", "data", "postmaster.pid")

	first := startDemo(t, dir, addrs...)
	first.until("it enrols pumps", func() bool { _, err := os.Stat(filepath.Join(dir, "pumps")); return err == nil })
	_ = first.cmd.Process.Kill()
	first.ends()

	second := startDemo(t, dir, addrs...)
	second.says("Ctrl-C stops everything")
	second.until("its pumps report", func() bool { return demoHas(t, dir).Samples > 0 })
	was := demoHas(t, dir)
	if was.Pumps != 3 {
		t.Errorf("after a start that was killed: %+v", was)
	}
	for flag, args := range map[string][]string{
		"--http":  {"--http", http, "--mqtt", freeAddr(t, "127.0.0.1"), "--enrol", freeAddr(t, "127.0.0.1")},
		"--mqtt":  {"--http", freeAddr(t, "localhost"), "--mqtt", mqtt, "--enrol", freeAddr(t, "127.0.0.1")},
		"--enrol": {"--http", freeAddr(t, "localhost"), "--mqtt", freeAddr(t, "127.0.0.1"), "--enrol", enrol},
		"--data":  addrs,
	} {
		other := dir + "2"
		if flag == "--data" {
			other = dir
		}
		d := startDemo(t, other, args...)
		if code := d.ends(); code != 1 || !strings.Contains(d.said(), flag) {
			t.Errorf("with what %s says in use: exit code %d\n%s", flag, code, d.said())
		}
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir + "2") })
	if err := second.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := second.ends(); code != 0 || !strings.Contains(second.said(), "the demo's data stays") {
		t.Errorf("Ctrl-C: exit code %d\n%s", code, second.said())
	}
	if _, err := os.Stat(postmaster); err == nil {
		t.Error("the database outlives its demo")
	}

	third := startDemo(t, dir, addrs...)
	third.says("Ctrl-C stops everything")
	is := demoHas(t, dir)
	if is.Pumps != was.Pumps || is.Samples < was.Samples || is.Record < was.Record {
		t.Errorf("a second start has %+v, the first had %+v", is, was)
	}
	if err := third.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	third.ends()
	last := startDemo(t, dir, addrs...)
	last.says("Ctrl-C stops everything")
	if now := demoHas(t, dir); now.Pumps != is.Pumps || now.Samples < is.Samples || now.Record < is.Record {
		t.Errorf("after a kill: %+v, before %+v", now, is)
	}
	_ = last.cmd.Process.Signal(os.Interrupt)
	if code := last.ends(); code != 0 {
		t.Errorf("exit code %d\n%s", code, last.said())
	}
}

// demoSize is what a demo's database holds.
type demoSize struct{ Pumps, Samples, Record int64 }

func demoHas(t *testing.T, dir string) (n demoSize) {
	t.Helper()
	db, err := postgres.Open(t.Context(), pgserver.SocketURL(filepath.Join(dir, "pg"), pgserver.Owner, "cisterna"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.QueryRow(`SELECT (SELECT count(*) FROM registry_pumps WHERE device_key IS NOT NULL), (SELECT count(*) FROM telemetry_samples), (SELECT count(*) FROM audit_leaf)`).
		Scan(&n.Pumps, &n.Samples, &n.Record)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// freeAddr returns an address that nobody listens on at the moment.
func freeAddr(t *testing.T, host string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err = errors.Join(err, ln.Close()); err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(host, port)
}
