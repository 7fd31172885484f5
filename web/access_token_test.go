package web

import (
	"slices"
	"strings"
	"testing"

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
