package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "cisterna/"

// layers says what each part of the tree may import from this module: "a/b"
// is that package, "a/..." everything below a. The longest matching entry
// wins. A package that matches none fails, so every new package has to
// declare its place here.
var layers = map[string]string{
	// Pure: values in, values out.
	"device/units":   "",
	"device/wire":    "",
	"device/dose":    "device/units",
	"device/profile": "device/units device/dose device/wire",
	"device/order":   "device/units device/dose device/wire internal/webauthn",
	"device/pump":    "device/units device/dose device/wire device/profile device/order",

	// The two ends of the link.
	"device/gateway":      "device/wire internal/errs internal/mqtt internal/pki",
	"device/emulator/...": "device/emulator/... device/units device/dose device/wire device/profile device/order device/pump internal/errs internal/mqtt internal/pki",

	"fleet/filter": "",

	// The codes of what is refused, for those who refuse orders and their documents.
	"fleet/refusal": "device/order internal/errs",

	// Each may use the ones named, and nobody above.
	"fleet/library":     "fleet/refusal device/order device/wire device/units device/dose internal/...",
	"fleet/keyset":      "fleet/refusal device/order device/wire device/profile internal/... fleet/library fleet/registry",
	"fleet/registry":    "device/wire device/gateway device/order device/units device/dose device/profile internal/...",
	"fleet/alarm":       "device/wire device/units device/dose device/profile internal/... fleet/registry",
	"fleet/telemetry":   "device/wire device/order device/units device/dose device/profile device/gateway internal/... fleet/registry fleet/alarm",
	"fleet/dispatch":    "device/wire device/order device/gateway internal/... fleet/keyset fleet/library fleet/registry fleet/telemetry",
	"fleet/dosing":      "fleet/refusal device/wire device/order device/units device/dose device/profile device/pump internal/... fleet/library fleet/keyset fleet/registry fleet/alarm fleet/telemetry fleet/dispatch",
	"fleet/recall":      "internal/... fleet/registry fleet/alarm",
	"fleet/maintenance": "internal/... fleet/registry",
	"fleet/manual":      "device/units device/dose device/profile internal/... fleet/registry fleet/alarm",
	"fleet/overview":    "device/wire device/order device/units device/dose device/profile internal/... fleet/events fleet/filter fleet/lists fleet/registry fleet/alarm fleet/telemetry fleet/maintenance",
	"fleet/lists":       "internal/... fleet/filter fleet/registry",
	"fleet/events":      "device/wire internal/... fleet/registry fleet/alarm fleet/telemetry",

	"web":         "device/... internal/... fleet/... ota web/...",
	"web/api":     "device/wire device/units device/dose device/profile device/order device/pump internal/... fleet/... ota",
	"web/live":    "device/wire internal/... fleet/overview fleet/alarm",
	"web/console": "",

	// Plumbing: knows no pump and no dose.
	"internal/errs":     "",
	"internal/webauthn": "",
	"internal/oidc/...": "internal/oidc/...",
	"internal/event":    "",
	"internal/config":   "",
	"internal/csvfile":  "internal/errs",
	"internal/mqtt":     "",
	"internal/pki":      "internal/errs",
	"internal/postgres": "",
	"internal/lease":    "internal/postgres",
	"internal/audit":    "internal/postgres internal/lease internal/errs",
	"internal/auth":     "internal/postgres internal/audit internal/errs internal/event internal/webauthn",
	"internal/once":     "internal/postgres internal/errs",
	"internal/token":    "internal/postgres internal/audit internal/auth internal/errs",
	"internal/pgserver": "internal/postgres",
	"internal/pgtest":   "internal/pgserver internal/postgres migrations",
	"internal/arch":     "",

	"migrations": "",
	"cmd/...":    "device/... internal/... fleet/... ota web web/... migrations",
}

// pure lists the packages that hold protocol and dosing rules. They do no I/O
// and read no clock, so that a fuzz or a replay of them is exact. Of others'
// code they may use the CBOR codec.
const (
	pure   = "device/units device/wire device/dose device/profile device/order device/pump internal/webauthn fleet/filter"
	impure = "net/... os/... database/... log/... math/rand/... github.com/... golang.org/..."
	allow  = "github.com/fxamacker/cbor/v2 net/url"
)

// SQL drivers may be imported by these packages, and elsewhere only by files
// whose names begin with store or service, and by the wiring in cmd.
const (
	sqlHomes   = "internal/postgres internal/audit internal/auth internal/token internal/lease internal/pgtest internal/pgserver cmd/..."
	sqlDrivers = "database/sql github.com/jmoiron/sqlx github.com/lib/pq"
)

// clock matches what pure code must be given instead of taking.
var clock = map[string]bool{"time.Now": true, "time.Since": true, "time.Until": true, "time.Sleep": true, "time.After": true}

var (
	table  = regexp.MustCompile(`\b(registry|dispatch|dosing|refill|therapy|library|keyset|telemetry|alarm|events|recall|maintenance|manual|ota|audit|auth|token|lease|once|lists)_[a-z_]+\b`)
	query  = regexp.MustCompile(`\b(SELECT|INSERT|UPDATE|DELETE)\b`)
	writes = regexp.MustCompile(`\b(INSERT|UPDATE|DELETE)\b`)
)

// sources parses every non-test Go file and calls f with its package path.
func sources(t *testing.T, f func(name, pkg string, file *ast.File)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".." && d.Name() != ".") {
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		n++
		rel, _ := filepath.Rel("../..", name)
		rel = filepath.ToSlash(rel)
		f(rel, path.Dir(rel), file)
		return nil
	})
	if err != nil || n < 5 {
		t.Fatalf("read %d source files: %v", n, err)
	}
}

func TestImports(t *testing.T) {
	sources(t, func(name, pkg string, file *ast.File) {
		layer, ok := place(pkg)
		if !ok {
			t.Errorf("%s: package %s is not listed in layers", name, pkg)
		}
		for _, spec := range file.Imports {
			imp, _ := strconv.Unquote(spec.Path.Value)
			dep, local := strings.CutPrefix(imp, module)
			switch base := path.Base(name); {
			case local && !within(dep, layers[layer]):
				t.Errorf("%s: %s may not import %s", name, pkg, dep)
			case !local && within(pkg, pure) && within(imp, impure) && !within(imp, allow):
				t.Errorf("%s: %s is pure and may not import %s", name, pkg, imp)
			case within(imp, sqlDrivers) && !within(pkg, sqlHomes) && !strings.HasPrefix(base, "store") && !strings.HasPrefix(base, "service"):
				t.Errorf("%s: SQL belongs in store.go", name)
			}
		}
	})
}

// TestPureCodeReadsNoClock checks that time comes in as a parameter.
func TestPureCodeReadsNoClock(t *testing.T) {
	sources(t, func(name, pkg string, file *ast.File) {
		if !within(pkg, pure) {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && clock[x.Name+"."+sel.Sel.Name] {
				t.Errorf("%s: %s is pure and may not call %s.%s", name, pkg, x.Name, sel.Sel.Name)
			}
			return true
		})
	})
}

// TestTables checks that a table is named only by the package its prefix
// names; fleet/overview may read them all.
func TestTables(t *testing.T) {
	sources(t, func(name, pkg string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING || !query.MatchString(lit.Value) {
				return true
			}
			for _, m := range table.FindAllStringSubmatch(lit.Value, -1) {
				if m[0] == "token_hash" || m[0] == "recall_ref" {
					continue // a column
				}
				if strings.HasPrefix(pkg, "cmd/") {
					t.Errorf("%s: cmd is wiring and runs no SQL", name)
				}
				reading := pkg == "fleet/overview" && !writes.MatchString(lit.Value)
				if path.Base(pkg) != m[1] && !reading {
					t.Errorf("%s: table %s belongs to package %s", name, m[0], m[1])
				}
			}
			return true
		})
	})
}

func TestPackageComments(t *testing.T) {
	docs := map[string]int{}
	sources(t, func(_, pkg string, file *ast.File) {
		if file.Doc != nil {
			docs[pkg]++
		} else {
			docs[pkg] += 0
		}
	})
	for pkg, n := range docs {
		if n != 1 {
			t.Errorf("package %s has %d package comments, want 1", pkg, n)
		}
	}
}

// place returns the entry of layers that governs pkg.
func place(pkg string) (best string, ok bool) {
	for p := range layers {
		if within(pkg, p) && len(p) >= len(best) {
			best, ok = p, true
		}
	}
	return best, ok
}

// within reports whether pkg is covered by one of the patterns in list.
func within(pkg, list string) bool {
	return slices.ContainsFunc(strings.Fields(list), func(p string) bool {
		dir, below := strings.CutSuffix(p, "/...")
		return pkg == dir || below && strings.HasPrefix(pkg, dir+"/")
	})
}
