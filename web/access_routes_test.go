package web

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"cisterna/web/api"
)

// Every address that the server serves is in a table, and the other way round:
// those of the API in the one of operations, all others in web.Open.
func TestTableIsComplete(t *testing.T) {
	f := newFixture(t)
	table := api.Operations()
	described := map[string]string{} // pattern → operation
	for path, item := range f.srv.API().OpenAPI().Paths {
		for method, op := range operationsOf(item) {
			described[method+" "+path] = op.OperationID
			if _, ok := table[op.OperationID]; !ok {
				t.Errorf("%s %s is not in the table", method, path)
			}
		}
	}
	served := f.srv.API().Routes()
	for _, pattern := range served {
		op, ok := described[pattern]
		if !ok {
			t.Errorf("%s is served, but not described", pattern)
			continue
		}
		if table[op].Anyone {
			continue
		}
		method, path, _ := strings.Cut(pattern, " ")
		address := regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(path, "1")
		if r := f.stranger().do(method, address, nil); r.status != 401 {
			t.Errorf("%s by nobody: %d", pattern, r.status)
		}
	}
	if len(described) != len(table) || len(served) != len(table) || len(table) < 35 {
		t.Errorf("%d operations are described, %d served, %d in the table", len(described), len(served), len(table))
	}
	outside := map[string]bool{}
	for _, pattern := range slices.Concat(f.srv.outer.Patterns(), f.srv.inner.Patterns()) {
		outside[pattern] = true
		if Open[pattern] == "" {
			t.Errorf("%s is served and in no table", pattern)
		}
	}
	if len(outside) != len(Open) {
		t.Errorf("%v are served, %v in the table", outside, Open)
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 403, "/": 200, "/debug/pprof/": 200, "/api/": 404, "/api/v1/": 404, "/api/v1/openapi.json": 404, "/api/v1/docs": 404} {
		// An address of no file is one of the console's pages, which holds no data.
		if r := f.stranger().do("GET", path, nil); r.status != want || want == 200 && path == "/debug/pprof/" && strings.Contains(string(r.body), "goroutine") {
			t.Errorf("%s by nobody: %d", path, r.status)
		}
	}
}

// No other mux hides addresses from the test above.
func TestThereIsOneKindOfMux(t *testing.T) {
	read := 0
	for _, dir := range []string{".", "api", "live", "console"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") || name == filepath.Join("api", "routes.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			read++
			if regexp.MustCompile(`http\.(NewServeMux|ServeMux|Handle|HandleFunc|DefaultServeMux)\b`).Match(text) {
				t.Errorf("%s has a mux of its own", name)
			}
		}
	}
	if read < 30 {
		t.Fatalf("%d files were read", read)
	}
}

func operationsOf(item *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "DELETE": item.Delete, "PUT": item.Put, "PATCH": item.Patch, "HEAD": item.Head, "OPTIONS": item.Options, "TRACE": item.Trace}
	maps.DeleteFunc(all, func(_ string, op *huma.Operation) bool { return op == nil })
	return all
}
