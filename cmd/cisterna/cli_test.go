package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cisterna/internal/pgserver"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

// A test program that is told to is the command itself.
func init() {
	if os.Getenv("CISTERNA_TEST_CHILD") == "cli" {
		main()
	}
}

// call is one use of the command, and what must come of it.
type call struct {
	args string // separated by blanks
	in   string
	env  []string
	code int
	out  string // part of standard output; none at all if empty and the code is not 0
	err  string // part of standard error
}

func command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0], args...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "CISTERNA_") {
			c.Env = append(c.Env, e)
		}
	}
	c.Env = append(append(c.Env, "CISTERNA_TEST_CHILD=cli"), env...)
	return c
}

func (c call) run(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := command(ctx, c.env, strings.Fields(c.args)...)
	var out, errOut bytes.Buffer
	p.Stdin, p.Stdout, p.Stderr = strings.NewReader(c.in), &out, &errOut
	err := p.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatalf("%s: %v", c.args, err)
	}
	if got := p.ProcessState.ExitCode(); got != c.code {
		t.Errorf("cisterna %s: exit code %d, want %d\n%s%s", c.args, got, c.code, out.String(), errOut.String())
	}
	if !strings.Contains(out.String(), c.out) || c.out == "" && c.code != 0 && out.Len() > 0 {
		t.Errorf("cisterna %s: standard output %q, want %q", c.args, out.String(), c.out)
	}
	if !strings.Contains(errOut.String(), c.err) || c.err == "" && c.code == 0 && strings.Contains(errOut.String(), "cisterna:") {
		t.Errorf("cisterna %s: standard error %q, want %q", c.args, errOut.String(), c.err)
	}
	return out.String()
}

func TestCommandLine(t *testing.T) {
	for _, c := range []call{
		{args: "", out: "Commands:"},
		{args: "--help", out: "Fleet platform"},
		{args: "serve --help", out: "--database-url"},
		{args: "frobnicate", code: exitUsage, err: "unexpected argument frobnicate\nRun \"cisterna --help\""},
		{args: "serve", code: exitUsage, err: "--keys=DIR\nRun \"cisterna serve --help\""},
		{args: "serve --htp x", code: exitUsage, err: "did you mean"},
		{args: "audit verify some.bundle", code: exitUsage, err: "--trust"},
		{args: "audit verify --trust nobody some.bundle", code: 3, err: "neither a file nor a record key"},
		{args: "keys show --dir /nonexistent", code: 1, err: "there are no keys in /nonexistent: cisterna keys create"},
		{args: "migrate --owner-url http://x", code: 1, err: "--owner-url"},
		{args: "user add --database-url x --login a --name A --role 1:boss", code: 1, err: `there is no role "boss"`},
		{args: "demo --data /dev/null/x", code: 1, out: "Cisterna demo", err: "with --data"},
		{args: "demo --control 0.0.0.0:1 --data " + t.TempDir(), code: 2, out: "Cisterna demo", err: "--control"},
		{args: "wire decode up/nothing 00", code: 1, err: "there is no kind"},
		{args: "wire decode up/tele " + strings.Repeat("~z", 400), code: 1, err: "~z…\" is neither a file"},
		{args: "wire decode up/tele", code: 1, err: "there is no message"},
		{args: `wire decode dn/checkpoint \x6869`, out: `"message": "hi"`},
		{args: "wire decode dn/checkpoint", in: "68 69\n", out: `"message": "hi"`},
		{args: "wire topics L-1", out: "/L-1/up/tele"},
	} {
		c.run(t)
	}
}

// TestConfigurationFileOfServe: whatever is wrong names itself with its line, and
// the command line wins over the environment, which wins over the file.
func TestConfigurationFileOfServe(t *testing.T) {
	dir := t.TempDir()
	good := "database-url = postgres://cisterna_app@127.0.0.1:1/x?sslmode=disable\n\nkeys = " + dir + "\nhttp = localhost:0\n"
	for _, c := range []struct {
		file, args, env, want string
		code                  int
	}{
		{file: "htpt = 1", want: `FILE:5: there is no setting "htpt"`},
		{file: "http = localhost:1", want: "FILE:5: http is set twice, first in line 4"},
		{file: "config = x", want: `FILE:5: there is no setting "config"`},
		{file: "mqtt", want: "FILE:5: want `name = value`"},
		{file: "keep-samples = lots", want: "FILE:5: --keep-samples: expected duration"},
		{file: "keep-samples = 1h", want: `FILE:5: serve: --keep-samples "1h0m0s": want at least 96h`},
		{file: "keep-minutes = -1h", want: `FILE:5: serve: --keep-minutes "-1h0m0s": want at least 168h: the chart of a week is drawn from them`},
		{file: "keep-minutes = 167h", want: `FILE:5: serve: --keep-minutes "167h0m0s": want at least 168h: the chart of a week is drawn from them`},
		{file: "keep-refusals = 0s", want: `FILE:5: serve: --keep-refusals "0s": want at least 24h: the fleet's list counts those of a day`},
		{file: "demo = perhaps", want: "FILE:5: --demo: bool value"},
		{file: "tls-cert = x", want: "--tls-key"},
		{file: "public-mqtt = pumps.example.org", want: `FILE:5: serve: --public-mqtt "pumps.example.org": want`},
		{file: "proxy = 10.0.0.0/99", want: `FILE:5: serve: --proxy "10.0.0.0/99": want`},
		{args: "--http 0.0.0.0:8600", want: "--origin"},
		{args: "--http 192.0.2.1:8600", want: "--tls-cert"},
		{args: "--http 8600", want: `serve: --http "8600": want`},
		{env: "CISTERNA_KEEP_SAMPLES=x", want: `CISTERNA_KEEP_SAMPLES="x"`},
		{file: "keep-samples = 1h", env: "CISTERNA_KEEP_SAMPLES=96h", want: "there are no keys", code: 1},
		{env: "CISTERNA_KEEP_SAMPLES=1h", args: "--keep-samples 96h", want: "there are no keys", code: 1},
		{want: "there are no keys in " + dir, code: 1},
	} {
		name := filepath.Join(t.TempDir(), "cisterna.conf")
		if err := os.WriteFile(name, []byte(good+c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		if c.code == 0 {
			c.code = exitUsage
		}
		one := call{args: "serve --config " + name + " " + c.args, code: c.code, err: strings.ReplaceAll(c.want, "FILE", name)}
		if c.env != "" {
			one.env = []string{c.env}
		}
		one.run(t)
	}
}

// TestOperate follows docs/operating.md with the real command: keys, schema,
// people, a server that is stopped by Ctrl-C, and the record that it leaves.
func TestOperate(t *testing.T) {
	db := pgtest.NewDB(t)
	keys, dir := filepath.Join(t.TempDir(), "keys"), t.TempDir()
	env := []string{"CISTERNA_DATABASE_URL=" + db.URL(postgres.AppRole), "CISTERNA_OWNER_URL=" + db.URL(pgserver.Owner), "CISTERNA_KEYS=" + keys}
	do := func(c call) string {
		t.Helper()
		c.env = append(c.env, env...)
		return c.run(t)
	}
	const password, addresses = "nine quiet otters swim home\n", "--http localhost:0 --mqtt 127.0.0.1:0 --enrol 127.0.0.1:0"

	do(call{args: "migrate", err: "applied=0"})
	do(call{args: "migrate --app-password short", code: 1, err: "--app-password"})
	card := do(call{args: "keys create --name Test --demo", out: "Ceremony card of Test  (demo"})
	do(call{args: "keys create --name Test", code: 1, err: "never overwritten"})
	do(call{args: "keys renew --origin https://pumps.example.org", out: "version 2, for https://pumps.example.org"})
	_, key, _ := strings.Cut(card, "record key")
	key = strings.Fields(key)[0]

	do(call{args: "site add --name Hospital --short H --time-zone Europe/Berln", code: 2, err: "There is no time zone"})
	do(call{args: "site add --name Hospital --short H --time-zone Europe/Berlin", out: "1\n"})
	do(call{args: "site add --name Hospital --short H", code: 1, err: "already a site"})
	do(call{args: "site list", out: "Europe/Berlin"})
	do(call{args: "user add --login anna --name Anna --role 1:admin", in: "short\n", code: 2, err: "at least 15"})
	do(call{args: "user add --login anna --name Anna --role 1:admin", code: 1, err: "no password"})
	do(call{args: "user add --login anna --name Anna --role 99:engineer", in: password, code: 1, err: "there is no site 99"})
	do(call{args: "user add --login anna --name Anna --role 1:admin --role 1:prescriber", in: password, code: 1, err: "cannot be prescriber and admin at any site"})
	// None of the refusals has left half an account.
	do(call{args: "user add --login anna --name Anna --role 1:admin --role 1:engineer", in: password, out: "\n"})
	// The end of the line: a person is not shown the database's words.
	do(call{args: "user add --login anna --name Anna --role 1:admin", in: password, code: 1, err: `The login "anna" is taken.` + "\n"})
	do(call{args: "user grant --login anna --role 1:verifier", code: 1, err: "cannot be admin and verifier at any site"})
	do(call{args: "user grant --login anna --role 1:auditor", code: 1, err: "nobody audits their own work"})
	do(call{args: "user withdraw --login anna --role 1:engineer"})
	do(call{args: "user withdraw --login anna --role 1:admin", code: 1, err: "last administrator"})
	do(call{args: "user password --login anna --reason forgotten", in: "another " + password})
	do(call{args: "user disable --login anna --reason left", code: 1, err: "The last administrator of a site stays"})
	do(call{args: "user add --login bert --name Bert --role 1:admin", in: password, out: "\n"})
	do(call{args: "user disable --login anna --reason left"})
	do(call{args: "user list", out: "1:admin  shut since"})
	do(call{args: "user enable --login anna --reason back"})
	do(call{args: "user enable --login nobody --reason back", code: 1, err: `There is no account "nobody"`})

	do(call{args: "serve " + addresses, code: 1, err: "--demo"})
	do(call{args: "serve --demo " + addresses + " --database-url " + db.URL(pgserver.Owner), code: 1, err: "can rewrite the record"})
	do(call{args: "doctor", code: 1, out: "FAIL  commits are durable", err: "checks failed"}) // the tests' PostgreSQL has fsync off
	do(call{args: "doctor --database-url= --keys= --url http://localhost:1", code: 1, out: "FAIL  server http://localhost:1"})

	stop := serving(t, append(env, "CISTERNA_DEMO=true"), strings.Fields("serve "+addresses)...)
	eventually(t, "every leaf is under a checkpoint", func() bool {
		var n int
		return db.Get(&n, `SELECT (SELECT count(*) FROM audit_pending) + (SELECT count(*) FROM audit_leaf WHERE id > (SELECT COALESCE(max(size), 0) FROM audit_checkpoint))`) == nil && n == 0
	})
	stop()

	bundle, seen := filepath.Join(dir, "record.bundle"), filepath.Join(dir, "seen.txt")
	checkpoint := do(call{args: "audit checkpoint", out: "cisterna/"})
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(seen, []byte(checkpoint))
	do(call{args: "audit export -o " + bundle, out: "0 still waiting"})
	do(call{args: "audit export -o " + bundle, code: 1, err: "exists already"})
	good, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	cut, flipped := filepath.Join(dir, "cut.bundle"), filepath.Join(dir, "flipped.bundle")
	write(cut, good[:len(good)/2])
	changed := bytes.Clone(good)
	changed[len(changed)/2] ^= 1
	write(flipped, changed)
	other := filepath.Join(dir, "other")
	_, stranger, _ := strings.Cut(call{args: "keys create --name Other --dir " + other, out: "record key"}.run(t), "record key")
	for _, c := range []call{
		{args: "audit verify --trust " + key + " --seen " + seen + " " + bundle, out: "1 checkpoints found again"},
		{args: "audit verify --trust " + filepath.Join(keys, "record", "audit.trust") + " " + bundle, out: "good"},
		{args: "audit verify --trust " + key + " " + flipped, code: 1, out: "TAMPERED"},
		{args: "audit verify --trust " + key + " " + cut, code: 2, out: "INCOMPLETE"},
		{args: "audit verify --trust " + key + " --seen " + dir + " " + bundle, code: 2, err: "is a directory"},
		{args: "audit verify --trust " + key + " --seen " + bundle + ".none " + bundle, code: 2, err: "no such file"},
		{args: "audit verify --trust " + strings.Fields(stranger)[0] + " " + bundle, code: 3, out: "UNTRUSTED KEYS"},
	} {
		c.run(t)
	}
}

// serving starts a server and returns when it serves. stop presses Ctrl-C and
// expects a clean end within seconds.
func serving(t *testing.T, env []string, args ...string) (stop func()) {
	t.Helper()
	p := command(context.WithoutCancel(t.Context()), env, args...)
	errOut, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	served, ended := make(chan bool, 1), make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(errOut)
		for lines.Scan() {
			t.Log(lines.Text())
			if strings.Contains(lines.Text(), "msg=serving") {
				served <- true
			}
		}
		ended <- p.Wait()
	}()
	select {
	case <-served:
	case err := <-ended:
		t.Fatalf("the server ended: %v", err)
	case <-time.After(time.Minute):
		t.Fatal("the server does not serve")
	}
	return func() {
		t.Helper()
		if err := p.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the server ended with %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the server does not end on Ctrl-C")
		}
	}
}
