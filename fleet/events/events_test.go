package events

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cisterna/fleet/alarm"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/errs"
)

func TestCursorsRoundTrip(t *testing.T) {
	for _, s := range []string{"", "0123456789ab.0", "ffffffffffff.9223372036854775807", "0123456789ab.7.gx3k2"} {
		c, err := ParseCursor(s)
		if err != nil || c.String() != s || c.IsZero() != (s == "") {
			t.Errorf("%q came back as %q, %v", s, c, err)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	for _, s := range []string{"", "0123456789ab.7", "0123456789ab.7.gx3k2", "0123456789ab.7.", "0123456789ab.7.0", "0123456789ab.7.GX", "0123456789ab.07", "x", "0123456789ab.-1", "0123456789ab.", ".1", "0123456789AB.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCursor(s)
		switch {
		case err != nil && errs.KindOf(err) != errs.Invalid:
			t.Errorf("%q: %v is not for people", s, err)
		case err == nil && c.String() != s:
			t.Errorf("%q came back as %q", s, c)
		}
	})
}

func TestQueriesAreChecked(t *testing.T) {
	for _, q := range []Query{{Tail: 5, After: Cursor{epoch: "0123456789ab", seq: 1}}, {Tail: -1}, {Tail: 1001}, {Limit: 1001}, {Limit: -1}} {
		if _, err := q.check(); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if q, err := (Query{}).check(); err != nil || q.Tail != 50 || q.Limit != 100 {
		t.Errorf("the standard query is %+v, %v", q, err)
	}
}

// Every kind that the program writes into the record has its event, and names are
// sorted, said once, and explained.
func TestCatalogueIsComplete(t *testing.T) {
	var names []string
	for _, e := range Catalogue() {
		names = append(names, e.Name)
		if e.Title == "" || !strings.HasSuffix(e.Means, ".") {
			t.Errorf("%s is not explained", e.Name)
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Error("the catalogue is not sorted, or says something twice")
	}
	for _, c := range []alarm.Change{alarm.ChangeRaised, alarm.ChangeRepeated, alarm.ChangeCleared, alarm.ChangeAcknowledged, alarm.ChangeLate, alarm.ChangeClosed} {
		if _, ok := Lookup("alarm." + string(c)); !ok {
			t.Errorf("alarm.%s is missing", c)
		}
	}
	for _, p := range []telemetry.Presence{telemetry.Online, telemetry.Stale, telemetry.Offline, telemetry.Never, telemetry.Unknown} {
		if _, ok := Lookup("presence." + string(p)); !ok {
			t.Errorf("presence.%s is missing", p)
		}
	}
	for _, a := range registry.Acts() {
		if _, ok := Lookup("pump." + string(a)); !ok {
			t.Errorf("pump.%s is missing", a)
		}
	}
	kinds := recordKinds(t)
	if len(kinds) < 20 {
		t.Fatalf("found only the kinds %v: the search no longer works", kinds)
	}
	for kind, where := range kinds {
		if strings.HasPrefix(kind, "alarm.") || strings.HasSuffix(kind, ".") {
			continue // told from its own list; the beginning of a name
		}
		if _, ok := Lookup(kind); !ok {
			t.Errorf("%s writes %s into the record, and there is no such event: add a line to catalogue.go", where, kind)
		}
	}
}

// recordKinds finds what the program writes into the record: text with a dot that
// is the Kind of an audit.Entry, or assigned to or given as something called kind.
func recordKinds(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	text := func(e ast.Expr) (string, bool) {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(lit.Value)
		area, verb, dot := strings.Cut(s, ".")
		return s, err == nil && dot && plainWord(area) && plainWord(verb)
	}
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && (d.Name() == "node_modules" || d.Name() == "device" || d.Name() == ".git") {
				return filepath.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(src), "internal/audit\"") && !strings.Contains(name, "internal/auth/") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Kind" {
					if s, ok := text(n.Value); ok {
						out[s] = name
					}
				}
			case *ast.AssignStmt:
				for i, l := range n.Lhs {
					if id, ok := l.(*ast.Ident); ok && strings.EqualFold(id.Name, "kind") && len(n.Rhs) == len(n.Lhs) {
						if s, ok := text(n.Rhs[i]); ok {
							out[s] = name
						}
					}
				}
			case *ast.CallExpr:
				fun := ""
				switch f := n.Fun.(type) {
				case *ast.Ident:
					fun = f.Name
				case *ast.SelectorExpr:
					fun = f.Sel.Name
				}
				if fun == "leaf" || fun == "refuse" || fun == "change" || fun == "note" || fun == "record" {
					for _, a := range n.Args {
						if s, ok := text(a); ok {
							out[s] = name
						}
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func plainWord(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

func TestNamesChoose(t *testing.T) {
	for name, want := range map[string]bool{"pump.register": true, "pump.": true, "pump": false, "": false, ".": false, "nothing.": false, "alarm.raised": true} {
		if (CheckNames([]string{name}) == nil) != want {
			t.Errorf("%q: %v", name, CheckNames([]string{name}))
		}
	}
	if ofRecord("alarm.raise") || !ofRecord("pump.register") || ofRecord("no.such") {
		t.Error("the wrong entries of the record become events")
	}
}
