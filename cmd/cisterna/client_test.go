package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/fleet/filter"
	"cisterna/fleet/lists"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/token"
)

// The command against a whole server.
func TestPumpsCommand(t *testing.T) {
	t.Parallel()
	in := install(t)
	app := in.start()
	t.Cleanup(app.Stop)
	ctx := context.Background()
	site := in.site(app)
	var pumps []registry.Pump
	for _, serial := range []string{"CLI-1", "CLI-2", "CLI-10"} {
		p, err := app.Registry.RegisterPump(ctx, auth.System("test"), registry.NewPump{Site: site.ID, Serial: serial, Model: "Meander P20", Profile: "meander-p20", Label: "=cmd()"})
		if err != nil {
			t.Fatal(err)
		}
		pumps = append(pumps, p)
	}
	who, err := app.People.CreateUser(ctx, auth.System("test"), auth.NewUser{Login: "anna", Name: "Anna Berg", Password: "still water runs deep 7"})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Registry.AddMembership(ctx, auth.System("test"), who.ID, site.ID, auth.Engineer); err != nil {
		t.Fatal(err)
	}
	roles, err := app.Registry.Roles(ctx, who.ID)
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := app.Tokens.Create(ctx, who.Actor(roles), token.New{Name: "cli", Scopes: []token.Scope{token.PumpsRead, token.PumpsWrite}, Sites: []int64{site.ID}, Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"CISTERNA_URL=" + app.URL(), "CISTERNA_TOKEN=" + text}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := os.WriteFile(open, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the board hears of pumps after their commit", func() bool {
		n, err := app.Overview.Board().Select(auth.Scope{All: true}, mustFilter(t, ""))
		return err == nil && len(n.Pumps) == 3
	})

	for _, v := range []lists.NewView{
		{Name: "Ward-3", Filter: "CLI-1 OR CLI-10", Sort: "-pump", Columns: []string{"pump", "status"}},
		{Name: "Everything"},
	} {
		if _, err := app.Lists.CreateView(ctx, who.Actor(roles), v); err != nil {
			t.Fatal(err)
		}
	}

	out := call{args: "pumps list status:registered --columns pump,site", env: env, out: "SERIAL"}.run(t)
	if i, j, k := strings.Index(out, "CLI-1 "), strings.Index(out, "CLI-2 "), strings.Index(out, "CLI-10 "); i < 0 || j < i || k < j || strings.Contains(out, "MODEL") {
		t.Errorf("the table is\n%s", out)
	}
	rows, err := csv.NewReader(strings.NewReader(call{args: "pumps list --csv --sort=-pump --columns pump", env: env, out: "serial"}.run(t))).ReadAll()
	if err != nil || len(rows) != 4 || rows[1][0] != "CLI-10" || rows[1][1] != "'=cmd()" {
		t.Errorf("%v %v", rows, err)
	}
	rows, err = csv.NewReader(strings.NewReader(call{args: "pumps list --csv --view ward-3 status:registered", env: env, out: "serial"}.run(t))).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][0] != "CLI-10" || rows[2][0] != "CLI-1" || slices.Contains(rows[0], "model") {
		t.Errorf("a view: %v %v", rows, err)
	}
	var listed []map[string]any
	if err := json.Unmarshal([]byte(call{args: "pumps list --json --limit 2 CLI", env: env, out: "["}.run(t)), &listed); err != nil || len(listed) != 2 {
		t.Errorf("%v %v", listed, err)
	}
	for _, c := range []call{
		{args: "pumps list --limit 1", out: "CLI-1", err: "1 of 3 pumps"},
		{args: "pumps list nothing-is-called-that", err: "No pump matches."},
		{args: "pumps list --token-file " + file, env: []string{"CISTERNA_TOKEN="}, out: "CLI-1"},
		{args: "pumps list --token-file " + open, code: 1, err: "chmod 600"},
		{args: "pumps list", env: []string{"CISTERNA_TOKEN="}, code: 2, err: "There is no API token"},
		{args: "pumps list", env: []string{"CISTERNA_TOKEN=e30.e30.e30"}, code: 1, err: "does not take the API token"},
		{args: "pumps list --url http://example.org", code: 1, err: "without TLS"},
		{args: "pumps list --url ftp://x", code: 1, err: "want http://"},
		{args: "pumps list --url http://localhost:1", code: 1, err: "cannot be reached"},
		{args: "pumps list bateri<40", code: 2, err: "There is no field \"bateri\""},
		{args: "pumps list --sort colour", code: 2, err: "cannot be sorted"},
		{args: "pumps list --columns colour", code: 2, err: "no column"},
		{args: "pumps list --json --csv", code: exitUsage, err: "--csv"},
		{args: "pumps count", out: "3"},
		{args: "pumps count presence:never --by site,status", out: "registered"},
		{args: "pumps count --json", out: `"matched": 3`},
		{args: "pumps count --view ward-3", out: "2"},
		{args: "pumps count --view everything", out: "3"},
		{args: "pumps count --view ward-3 serial:CLI-1", out: "2"},
		{args: "pumps count --view ward-3 serial=CLI-10", out: "1"},
		{args: "pumps list --view night", code: 1, err: `There is no view "night". There are: Everything, Ward-3.`},
		{args: "pumps tag --add night --view everything", code: 2, err: "Say which, or --all"},
		{args: "pumps show CLI-2", out: "Meander P20"},
		{args: "pumps show CLI-2 --json", out: `"serial": "CLI-2"`},
		{args: "pumps show nobody", code: 1, err: "There is no pump with the serial number nobody"},
		{args: "pumps tag --add night", code: 2, err: "Say which, or --all"},
		{args: "pumps tag presence:never", code: exitUsage, err: "--add"},
		{args: "pumps tag --add night --dry-run serial:CLI-1", err: "2 pumps: serial:CLI-1"},
		{args: "pumps tag --add night serial:CLI-1", out: "2 done, 0 refused", err: "2 pumps: serial:CLI-1"},
		{args: "pumps tag --add Ungültig --all", code: 2, err: "The tag"},
		{args: "pumps fields", out: "presence"},
		{args: "completion bash", out: "complete -o nospace"},
		{args: "completion zsh", out: "compdef"},
		{args: "completion fish", out: "complete -c cisterna"},
		{args: "completion tcsh", code: exitUsage, err: "bash"},
	} {
		c.env = append(env[:2:2], c.env...)
		c.run(t)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		if out := (call{args: "pumps count tag:night", env: env, out: ""}.run(t)); strings.TrimSpace(out) == "2" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the tags are not in the list")
		}
	}
	target := filepath.Join(t.TempDir(), "pumps.csv")
	call{args: "pumps export tag:night --columns pump,tags -o " + target, env: env}.run(t)
	if raw, err := os.ReadFile(target); err != nil || strings.Count(string(raw), "\r\n") != 3 || !strings.Contains(string(raw), "night") {
		t.Errorf("%s %v", raw, err)
	}
	if _, err := app.Registry.Retire(ctx, auth.System("test"), pumps[0].ID, "worn"); err != nil {
		t.Fatal(err)
	}
}

func TestCompletion(t *testing.T) {
	for args, want := range map[string]string{
		"complete -- pum":                       "pumps",
		"complete -- pumps li":                  "list",
		"complete -- pumps list --col":          "--columns",
		"complete -- pumps list --columns batt": "battery",
		"complete -- pumps list --sort=-batt":   "--sort=-battery",
		"complete -- pumps list pres":           "presence:",
		"complete -- pumps list presence:off":   "presence:offline",
		"complete -- pumps count --by sit":      "site",
	} {
		if out := (call{args: args, out: want}.run(t)); strings.TrimSpace(out) != want {
			t.Errorf("%s: %q, want %q", args, out, want)
		}
	}
}

func mustFilter(t *testing.T, s string) filter.Filter {
	t.Helper()
	f, err := filter.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
