package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/token"
)

// The command against a whole server.
func TestPeopleCommand(t *testing.T) {
	t.Parallel()
	in := install(t)
	app := in.start()
	t.Cleanup(app.Stop)
	ctx, sys := context.Background(), auth.System("test")
	site := in.site(app)
	var env []string
	for login, role := range map[string]auth.Role{"ada": auth.Admin, "anna": auth.Engineer} {
		account, err := app.Registry.AddPerson(ctx, sys, registry.NewPerson{
			NewUser: auth.NewUser{Login: login, Name: "Frau " + login, NoPassword: true}, Site: site.ID, Role: role, Reason: "as a test",
		})
		if err != nil {
			t.Fatal(err)
		}
		text, _, err := app.Tokens.Create(ctx, account.Actor(map[int64][]auth.Role{site.ID: {role}}), token.New{
			Name: "cli", Scopes: []token.Scope{token.PeopleRead}, Sites: []int64{site.ID}, Life: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		if role == auth.Admin {
			env = []string{"CISTERNA_URL=" + app.URL(), "CISTERNA_TOKEN=" + text}
		} else {
			call{args: "people list", env: []string{"CISTERNA_URL=" + app.URL(), "CISTERNA_TOKEN=" + text}, code: 1, err: "admin or auditor"}.run(t)
		}
	}
	out := call{args: "people list", env: env, out: "LAST SEEN"}.run(t)
	if !strings.Contains(out, "Frau anna") || !strings.Contains(out, "TEST:engineer") || strings.Count(out, "\n") != 3 {
		t.Errorf("the table is\n%s", out)
	}
	var listed []map[string]any
	if err := json.Unmarshal([]byte(call{args: "people list --json --role engineer", env: env, out: "["}.run(t)), &listed); err != nil || len(listed) != 1 || listed[0]["login"] != "anna" {
		t.Errorf("%v %v", listed, err)
	}
	call{args: "people show ANNA", env: env, out: "Frau anna"}.run(t)
	call{args: "people show nobody", env: env, code: 1, err: "There is no \"nobody\""}.run(t)
	call{args: "people list --role king", env: env, code: 2, err: "role"}.run(t)
	call{args: "pumps list", env: env, code: 1, err: "lacks the scope pumps.read"}.run(t)
}
