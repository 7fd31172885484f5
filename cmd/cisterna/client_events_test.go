package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/token"
)

// The command against a whole server: the tail, going on behind it, names, JSON,
// and what is refused.
func TestEventsCommand(t *testing.T) {
	t.Parallel()
	in := install(t)
	app := in.start()
	t.Cleanup(app.Stop)
	ctx, sys := context.Background(), auth.System("test")
	site := in.site(app)
	account, err := app.Registry.AddPerson(ctx, sys, registry.NewPerson{
		NewUser: auth.NewUser{Login: "anna", Name: "Anna", NoPassword: true}, Site: site.ID, Role: auth.Engineer, Reason: "as a test",
	})
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := app.Tokens.Create(ctx, account.Actor(map[int64][]auth.Role{site.ID: {auth.Engineer}}), token.New{
		Name: "cli", Scopes: []token.Scope{token.EventsRead}, Sites: []int64{site.ID}, Life: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"CISTERNA_URL=" + app.URL(), "CISTERNA_TOKEN=" + text}
	var out string
	for end := time.Now().Add(time.Minute); !strings.Contains(out, "site.create"); {
		if time.Now().After(end) {
			t.Fatalf("the site is not among the events:\n%s", out)
		}
		out = call{args: "events --tail 100", env: env}.run(t)
	}
	if strings.Contains(out, "auth.sign_in") {
		t.Errorf("an engineer sees sign-ins:\n%s", out)
	}
	json := call{args: "events --tail 1 --names site.create --json", env: env, out: `"name":"site.create"`}.run(t)
	if strings.Count(json, "\n") != 1 {
		t.Errorf("one event is\n%s", json)
	}
	call{args: "events --names no.such", env: env, code: 2, err: "There is no event"}.run(t)
	call{args: "events --tail 1 --after x", env: env, code: 2, err: "either"}.run(t)
	call{args: "events --after 000000000000.1", env: env, code: 1, err: "another database"}.run(t)
	call{args: "events --follow --after 000000000000.1", env: env, code: 1, err: "another database"}.run(t)
	call{args: "pumps list", env: env, code: 1, err: "lacks the scope"}.run(t)
}

// A line of an event names who signed by the printed name, and says what by it.
func TestEventLineOfASignature(t *testing.T) {
	for detail, want := range map[string]string{
		`{"meaning": "verify", "signer": "Anna Keller"}`: "by person:7 anna signed by Anna Keller to verify",
		`{"meaning": "stop"}`:                            "by person:7 anna signed to stop",
		`{}`:                                             "by person:7 anna",
	} {
		line, err := eventLine([]byte(`{"name": "order.approve", "at": "2026-03-01T10:00:00.000Z", "actor": "person:7 anna", "object": "order:5", "detail": ` + detail + `}`))
		if err != nil || line != "2026-03-01T10:00:00.000Z order.approve          order:5 "+want {
			t.Errorf("%s is printed as %q (%v)", detail, line, err)
		}
	}
}
