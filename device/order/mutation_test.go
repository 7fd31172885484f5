package order

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEveryCheckIsCovered removes each single check of this package in turn and
// wants a vector of the corpus to break. A check is a condition, or one operand
// of it, that leads to a refusal, and a conjunct of a function that says yes or
// no. The package is compiled once, from copies in which every check can be
// switched off by number; the code that ships knows nothing of it.
func TestEveryCheckIsCovered(t *testing.T) {
	dir := t.TempDir()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	m := &mutator{fset: token.NewFileSet()}
	replace := map[string]string{}
	put := func(name string, text []byte) {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(here, name)] = file
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || !strings.HasPrefix(name, "verify") && !slices.Contains(inside, name) {
			continue
		}
		text := m.rewrite(t, name)
		if again := bytes.ReplaceAll(text, []byte("webauthn.Verify("), []byte("verifyOnce(")); !bytes.Equal(again, text) {
			text = append(again, "\nvar _ webauthn.Flags\n"...)
		}
		put(name, text)
	}
	if len(m.checks) < 200 {
		t.Fatalf("%d checks found: there should be more", len(m.checks))
	}
	put("mutant.go", []byte(mutantCode))
	put("mutant_run_test.go", []byte(mutantRun))
	put("mutation_test.go", []byte("package order\n"))
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-overlay", file, "-count=1", "-v", "-timeout=10m", "-run=^TestMutants$", ".")
	cmd.Env = append(os.Environ(), fmt.Sprintf("ORDER_MUTANTS=%d", len(m.checks)))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	survived := map[string]bool{}
	ran := false
	for line := range strings.Lines(string(out)) {
		var n int
		if _, err := fmt.Sscanf(line, "SURVIVED %d", &n); err == nil {
			survived[m.checks[n-1]] = true
		}
		ran = ran || strings.HasPrefix(line, "RAN ")
	}
	if !ran {
		t.Fatalf("the mutants did not run:\n%s", out)
	}
	for c, why := range equivalent {
		switch {
		case !slices.Contains(m.checks, c):
			t.Errorf("there is no check %q any more (%s)", c, why)
		case !survived[c]:
			t.Errorf("a vector covers %q: it needs no excuse (%s)", c, why)
		}
		delete(survived, c)
	}
	for c := range survived {
		t.Errorf("no vector breaks without %s", c)
	}
	t.Logf("%d checks, %d of them with a reason why no vector can tell", len(m.checks), len(equivalent))
}

// mutantCode switches checks off. Signatures are the same whatever check is off,
// so each is verified once.
const mutantCode = `package order

import (
	"fmt"

	"cisterna/internal/webauthn"
)

var (
	mutant  int
	reached map[int]bool // which checks a vector comes by, while that is asked
)

func live(n int) bool {
	if reached != nil {
		reached[n] = true
	}
	return mutant != n
}

var verified = map[string]error{}

func verifyOnce(k webauthn.Key, challenge [32]byte, a webauthn.Assertion) (webauthn.Flags, error) {
	id := fmt.Sprintf("%x %x %s %s %v %x %x %x", k.Public.X, k.Public.Y, k.RPID, k.Origin, k.DeviceBound, challenge, a.AuthenticatorData, a.ClientDataJSON) + string(a.Signature)
	err, ok := verified[id]
	if !ok {
		_, err = webauthn.Verify(k, challenge, a)
		verified[id] = err
	}
	return webauthn.Flags{}, err
}
`

// mutantRun is the test that runs against the copies.
const mutantRun = `package order

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"
)

func TestMutants(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("ORDER_MUTANTS"))
	if err != nil {
		t.Fatal(err)
	}
	c := readCorpus(t)
	views := make([]View, len(c.Vectors))
	for i := range c.Vectors {
		views[i] = c.viewOf(t, &c.Vectors[i])
	}
	agrees := func(i int) (ok bool) {
		defer func() {
			if recover() != nil {
				ok = false
			}
		}()
		d, v := &c.Vectors[i], &views[i]
		got := d.judge(v)
		if got.Code != d.Code || got.Step != d.Step || got.Class != d.Class || got.Burned != d.Burned || got.Cached != d.Cached {
			return false
		}
		return got.Burned || got.Effect != nil || got.Document.IsZero() || bytes.Equal(got.Memory.Encode(), v.Memory.Encode())
	}
	by := map[int][]int{} // a check that a vector does not come by makes no difference to it
	for i := range c.Vectors {
		reached = map[int]bool{}
		if !agrees(i) {
			t.Fatalf("%s fails with every check in place", c.Vectors[i].Name)
		}
		for m := range reached {
			by[m] = append(by[m], i)
		}
	}
	reached = nil
	for m := 1; m <= n; m++ {
		mutant = m
		broken := false
		for _, i := range by[m] {
			if !agrees(i) {
				broken = true
				break
			}
		}
		if !broken {
			fmt.Println("SURVIVED", m)
		}
	}
	mutant = 0
	fmt.Println("RAN", n)
}
`

// mutator rewrites checks so that they can be switched off, and lists them.
type mutator struct {
	fset   *token.FileSet
	file   string
	fn     string
	checks []string
}

func (m *mutator) rewrite(t *testing.T, name string) []byte {
	t.Helper()
	f, err := parser.ParseFile(m.fset, name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	m.file = name
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		m.fn = fn.Name.Name
		if slices.Contains(outside, fn.Name.Name) {
			continue
		}
		refuses, says := results(fn.Type)
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				r, s := results(n.Type)
				m.body(n.Body, r, s)
				return false
			case *ast.BlockStmt:
				if n == fn.Body {
					m.body(n, refuses, says)
				}
				return false
			}
			return true
		})
	}
	var b bytes.Buffer
	if err := format.Node(&b, m.fset, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// results says whether a function may return an error, and whether it answers
// yes or no.
func results(f *ast.FuncType) (refuses, says bool) {
	if f.Results == nil {
		return false, false
	}
	last := f.Results.List[len(f.Results.List)-1]
	id, ok := last.Type.(*ast.Ident)
	return ok && (id.Name == "error" || id.Name == "string"), ok && id.Name == "bool" && len(f.Results.List) == 1
}

func (m *mutator) body(b *ast.BlockStmt, refuses, says bool) {
	ast.Inspect(b, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			r, s := results(n.Type)
			m.body(n.Body, r, s)
			return false
		case *ast.IfStmt:
			if refuses && returnsError(n.Body.List) {
				n.Cond = m.operands(n.Cond)
			}
		case *ast.AssignStmt:
			for i, e := range n.Rhs {
				if b, ok := e.(*ast.BinaryExpr); ok && b.Op == token.LAND {
					n.Rhs[i] = m.conjuncts(e)
				} else if ok && b.Op == token.LOR {
					n.Rhs[i] = m.operands(e)
				}
			}
		case *ast.CaseClause:
			if refuses && returnsError(n.Body) || m.fn == "class" {
				for i, e := range n.List {
					if binary, ok := e.(*ast.BinaryExpr); ok {
						n.List[i] = m.operands(binary)
					}
				}
			}
		case *ast.ReturnStmt:
			if len(n.Results) != 1 {
				break
			}
			if b, ok := n.Results[0].(*ast.BinaryExpr); says && ok && b.Op == token.LOR {
				n.Results[0] = m.operands(b)
			} else if says && ok {
				n.Results[0] = m.conjuncts(b)
			}
		}
		return true
	})
}

// returnsError reports whether a block ends by returning something that is not
// nil, true or false.
func returnsError(list []ast.Stmt) bool {
	if len(list) == 0 {
		return false
	}
	r, ok := list[len(list)-1].(*ast.ReturnStmt)
	if !ok || len(r.Results) == 0 {
		return false
	}
	switch e := r.Results[len(r.Results)-1].(type) {
	case *ast.CallExpr:
		return true
	case *ast.Ident:
		return e.Name == "err"
	case *ast.BasicLit:
		return e.Kind == token.STRING && e.Value != `""`
	}
	return false
}

func (m *mutator) add(e ast.Expr) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, m.fset, e); err != nil {
		panic(err)
	}
	name := fmt.Sprintf("%s %s: %s", m.file, m.fn, b.String())
	for i := 2; slices.Contains(m.checks, name); i++ {
		name = fmt.Sprintf("%s %s: %s (%d)", m.file, m.fn, b.String(), i)
	}
	m.checks = append(m.checks, name)
	return fmt.Sprint(len(m.checks))
}

func call(n string) *ast.CallExpr {
	return &ast.CallExpr{Fun: ast.NewIdent("live"), Args: []ast.Expr{&ast.BasicLit{Kind: token.INT, Value: n}}}
}

// operands lets each operand of a disjunction be switched off.
func (m *mutator) operands(e ast.Expr) ast.Expr {
	if b, ok := e.(*ast.BinaryExpr); ok && b.Op == token.LOR {
		return &ast.BinaryExpr{X: m.operands(b.X), Op: token.LOR, Y: m.operands(b.Y)}
	}
	return &ast.ParenExpr{X: &ast.BinaryExpr{X: call(m.add(e)), Op: token.LAND, Y: &ast.ParenExpr{X: e}}}
}

// conjuncts lets each conjunct of an answer be switched off.
func (m *mutator) conjuncts(e ast.Expr) ast.Expr {
	b, ok := e.(*ast.BinaryExpr)
	if !ok || b.Op != token.LAND {
		return e
	}
	part := func(x ast.Expr) ast.Expr {
		if inner, ok := x.(*ast.BinaryExpr); ok && inner.Op == token.LAND {
			return m.conjuncts(x)
		}
		return &ast.ParenExpr{X: &ast.BinaryExpr{X: &ast.UnaryExpr{Op: token.NOT, X: call(m.add(x))}, Op: token.LOR, Y: &ast.ParenExpr{X: x}}}
	}
	return &ast.BinaryExpr{X: part(b.X), Op: token.LAND, Y: part(b.Y)}
}

// inside lists the files besides verify*.go that a verdict is made by.
var inside = []string{
	"accept.go", "envelope.go", "figures.go", "form.go", "keyset.go", "library.go", "memory.go", "prescription.go", "root.go", "signed.go",
	"state.go", "statement.go", "text.go", "window.go",
}

// outside lists functions that have no part in a verdict: they make documents,
// print, or read back what a pump itself wrote. Tests of their own cover them.
var outside = []string{"Sign", "OpenProfile", "DecodeState", "DecodeMemory", "OpenRoot", "Valid", "EncodeRootTransfer", "ID", "Examine", "Stability", "Ceilings", "Due"}

// equivalent lists the checks that no vector can break, each with the reason.
var equivalent = map[string]string{
	"verify_transfer.go newSite: covers(held.Sites, t.Site)":      "a vector has the answer and not the keyset that stays: see TestLifeOfATransferredKeyset",
	"verify_transfer.go newSite: held.Version >= k.Version":       "likewise",
	"envelope.go OpenEnvelope: e.Kind != kindOrder":               "Verify has read the kind already",
	"envelope.go openSingle: s.Kind != kind":                      "Verify has read the kind already",
	"verify_transfer.go OpenRootTransfer: err != nil":             "what was not read has no kind",
	"verify_transfer.go OpenRootTransfer: e.Kind != kindTransfer": "Verify has read the kind already",
	"envelope.go OpenEnvelope: err != nil":                        "what was not read has no kind and no approvals",
	"envelope.go openSingle: err != nil":                          "what was not read has no kind",
	"form.go decodeForm: err != nil":                              "what was not read does not encode to the same bytes",
	"form.go form: a.V != 1":                                      "a document of another format is refused as one before its form is looked at",
	"form.go form: p.V != 1":                                      "a document of another format is refused as one before its form is looked at",
	"form.go form: r.V != 1":                                      "a document of another format is refused as one before its form is looked at",
	"form.go form: s.V != 1":                                      "a document of another format is refused as one before its form is looked at",
	"form.go form: w.V != 1":                                      "a document of another format is refused as one before its form is looked at",
	"signed.go decode: err != nil":                                "what was not read does not encode to the same bytes",
	"signed.go Open: err != nil":                                  "what was not read bears no signatures",
	"library.go open: err != nil":                                 "what was not read bears no signatures",
	"library.go OpenLibrary: err != nil":                          "a library that was not read has no version",
	"root.go openRoot: err != nil":                                "what was not read is no root",
	"root.go openRoot: err != nil (2)":                            "a root that was not read has no version",
	"root.go OpenNext: err != nil (2)":                            "what was not read a second time bears no signatures",
	"root.go check: r.Version == 0":                               "a successor has the next version, which is at least 1",
	"signed.go verify: err != nil":                                "a root whose keys are no keys is refused when it is read",
	"signed.go verify: q.Threshold < 1":                           "a root with a threshold of none is refused when it is read",
	"keyset.go passkey: err != nil":                               "a keyset whose keys are no keys is refused when it is read",
	"keyset.go passkey: err != nil (2)":                           "a keyset whose keys are no points is refused when it is read",
	"verify_people.go signature: err != nil":                      "a keyset whose keys are no points is refused when it is read",
	"verify_step.go overShare: err != nil":                        "a share of a number within the form's bounds is a number",
	"library.go entry: d.Restricted":                              "a library with limits on a restricted drug is refused when it is read",
	"verify_dose.go library: err != nil":                          "contents without entries have no limits to compare",
	"verify_transfer.go newSite: err != nil":                      "a keyset that was not opened has no policies",
}
