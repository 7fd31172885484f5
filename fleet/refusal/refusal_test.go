package refusal

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cisterna/internal/errs"
)

// TestEveryRefusalIsDocumented holds the tables of docs/orders.md against the code:
// each code that a person can meet, once, with what it says and what to do.
func TestEveryRefusalIsDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/orders.md")
	if err != nil {
		t.Fatal(err)
	}
	page, seen := string(b), map[string]bool{}
	for _, c := range Codes() {
		if seen[string(c)] {
			t.Errorf("%s is listed twice", c)
		}
		seen[string(c)] = true
		remedy := Remedy(c)
		if remedy == "" || strings.HasPrefix(remedy, "Look at the pump's answer") {
			t.Errorf("%s has no remedy of its own", c)
		}
		row := regexp.MustCompile(fmt.Sprintf("(?m)^\\| `%s` \\| [^|]{10,} \\| %s \\|$", regexp.QuoteMeta(string(c)), regexp.QuoteMeta(remedy)))
		if n := len(row.FindAllString(page, -1)); n != 1 {
			t.Errorf("docs/orders.md has %d rows for %s: want one that ends in %q", n, c, remedy)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Za-z]_?[A-Z_a-z]+)` \\|").FindAllStringSubmatch(page, -1) {
		if (strings.HasPrefix(m[1], "E_") || strings.HasPrefix(m[1], "S_")) && !seen[m[1]] {
			t.Errorf("docs/orders.md has %s, which is no code", m[1])
		}
	}
}

// without are the makers of errors for people that give no code.
var without = map[string]bool{"New": true, "Wrap": true, "Invalidf": true, "InvalidField": true, "InvalidFields": true, "NotFoundf": true, "Conflictf": true, "Deniedf": true}

// TestEveryRefusalIsMadeHere: no file of the packages that refuse orders and their
// documents makes an error for people that has no code, and each code that one of
// them uses is in the list.
func TestEveryRefusalIsMadeHere(t *testing.T) {
	listed, declared := map[string]bool{}, declarations(t)
	for _, c := range Codes() {
		listed[string(c)] = true
	}
	for name, code := range declared {
		if !listed[code] {
			t.Errorf("%s (%s) is not in the list", name, code)
		}
	}
	made := map[string]int{}
	for _, dir := range []string{"dosing", "keyset", "library"} {
		files, err := filepath.Glob("../" + dir + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("no files of %s: %v", dir, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				sel, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				switch pkg, _ := sel.X.(*ast.Ident); {
				case pkg == nil:
				case pkg.Name == "errs" && without[sel.Sel.Name]:
					t.Errorf("%s: errs.%s gives no code; package refusal does", name, sel.Sel.Name)
				case pkg.Name == "refusal":
					made[dir]++
				}
				return true
			})
		}
	}
	for dir, least := range map[string]int{"dosing": 70, "keyset": 20, "library": 12} {
		if made[dir] < least {
			t.Errorf("only %d refusals of %s were found: the test looks at the wrong thing", made[dir], dir)
		}
	}
}

// declarations returns the codes that this package declares, by their names.
func declarations(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "refusal.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if lit, ok := v.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				out[v.Names[0].Name] = strings.Trim(lit.Value, `"`)
			}
		}
		return true
	})
	if len(out) != len(Platform()) {
		t.Errorf("%d codes are declared and %d are listed", len(out), len(Platform()))
	}
	return out
}

// TestRefusals: what is made here has its code, and keeps its kind, field and cause.
func TestRefusals(t *testing.T) {
	cause := fmt.Errorf("a cause")
	for name, c := range map[string]struct {
		err   *errs.Error
		kind  errs.Kind
		code  string
		field string
	}{
		"conflict": {Conflict(Bridge, "%d", 1), errs.Conflict, "S_BRIDGE", ""},
		"denied":   {Denied(Own, "x"), errs.Denied, "S_OWN", ""},
		"invalid":  {Invalid("note", "x"), errs.Invalid, "S_INPUT", "note"},
		"as":       {InvalidAs(Clock, "statement", "x"), errs.Invalid, "S_CLOCK", "statement"},
		"missing":  {NotFound("x"), errs.NotFound, "S_MISSING", ""},
		"wrapped":  {Wrap(errs.Conflict, Report, cause, "x"), errs.Conflict, "S_REPORT", ""},
	} {
		if c.err.Kind != c.kind || c.err.Reason != c.code || c.err.Field != c.field {
			t.Errorf("%s: %+v", name, c.err)
		}
	}
	if e := Wrap(errs.Conflict, Report, cause, "x"); !errors.Is(e, cause) {
		t.Errorf("the cause is lost: %v", e.Unwrap())
	}
	for kind, code := range map[errs.Kind]string{errs.Invalid: "S_INPUT", errs.NotFound: "S_MISSING", errs.Denied: "S_ROLE", errs.Conflict: "S_STEP", errs.Internal: "", errs.Unauthorized: "", errs.Unavailable: ""} {
		if c, ok := Default(kind); string(c) != code || ok != (code != "") {
			t.Errorf("default of %q: %s", kind, c)
		}
	}
}
