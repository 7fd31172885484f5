package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/fleet/lists"
	"cisterna/internal/auth"
	"cisterna/internal/token"
	"cisterna/web/api"
)

// What programs may do has bounds that no line of the table can move.
func TestWhatNoTokenDoes(t *testing.T) {
	f := newFixture(t)
	paths := map[string]string{}
	for path, item := range f.srv.API().OpenAPI().Paths {
		for method, op := range operationsOf(item) {
			paths[op.OperationID] = method + " " + strings.TrimPrefix(path, api.Prefix)
		}
	}
	for op, who := range api.Operations() {
		at, changes := paths[op], !strings.HasPrefix(paths[op], "GET ")
		_, path, _ := strings.Cut(at, " ")
		for _, forbidden := range []string{"/people", "/tokens", "/sites", "/session", "/orders"} {
			if who.Token != "" && changes && (path == forbidden || strings.HasPrefix(path, forbidden+"/")) {
				t.Errorf("%s (%s) takes a token", op, at)
			}
		}
		if who.Token != "" && (who.Anyone || !slices.Contains(token.Scopes(), who.Token)) {
			t.Errorf("%s: %+v", op, who)
		}
		if strings.HasPrefix(path, "/tokens") && who.Token != "" {
			t.Errorf("%s: a token sees tokens", op)
		}
	}
}

// Work on many pumps that a program begins is its own, with what its token reaches;
// its owner's does not exist for it.
func TestRunsOfPrograms(t *testing.T) {
	f := newFixture(t)
	if err := f.reg.AddMembership(t.Context(), auth.System("test"), f.people["engineer"], f.b, auth.Engineer); err != nil {
		t.Fatal(err)
	}
	text, _, err := f.tokens.Create(t.Context(), f.actor("engineer"), token.New{Name: "of site A", Scopes: token.Scopes(), Sites: []int64{f.a}, Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	program, person := &browser{f: f, token: text}, f.signIn("engineer")
	ask := func(who *browser, method, path string, body any, want int) (id string) {
		t.Helper()
		res := who.do(method, "/api/v1"+path, body)
		if res.status != want {
			t.Fatalf("%s %s: %d %s", method, path, res.status, res.body)
		}
		id, _ = res.json()["id"].(string)
		return id
	}
	tag := func(frozen string) any {
		return map[string]any{"frozen": frozen, "action": string(lists.ActTag), "tags": []string{"night"}}
	}
	far := f.pump(f.b)
	ask(program, "POST", "/pumps/frozen", map[string]any{"q": "", "pumps": []string{far}}, http.StatusNotFound)
	frozen := ask(person, "POST", "/pumps/frozen", map[string]any{"q": "", "pumps": []string{far}}, http.StatusCreated)
	ask(program, "POST", "/runs", tag(frozen), http.StatusNotFound)
	run := ask(person, "POST", "/runs", tag(frozen), http.StatusCreated)
	ask(program, "GET", "/runs/"+run, nil, http.StatusNotFound)
	ask(program, "POST", "/runs/"+run+"/stop", map[string]any{}, http.StatusNotFound)

	near := f.pump(f.a)
	frozen = ask(program, "POST", "/pumps/frozen", map[string]any{"q": "", "pumps": []string{near}}, http.StatusCreated)
	run = ask(program, "POST", "/runs", tag(frozen), http.StatusCreated)
	ask(program, "GET", "/runs/"+run+"/items", nil, http.StatusOK)
	ask(program, "POST", "/runs/"+run+"/stop", map[string]any{}, http.StatusOK)
	ask(person, "GET", "/runs/"+run, nil, http.StatusOK)
}
