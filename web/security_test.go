package web

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/internal/auth"
	"cisterna/internal/token"
	"cisterna/web/api"
)

// Two documents name a test for every line; here each of them is found.
func TestPromisesHaveTheirTests(t *testing.T) {
	have := map[string]bool{}
	goTest, webTest := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`), regexp.MustCompile("test(?:\\.each\\(.*?\\))?\\(['`](.+?)['`],")
	for _, root := range []string{"..", "console/src", "console/e2e"} {
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "bin" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".."):
				return filepath.SkipDir
			case !strings.HasSuffix(name, "_test.go") && !strings.Contains(name, ".test.ts") && !strings.Contains(name, ".spec.ts"):
				return nil
			}
			source, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			if strings.HasSuffix(name, ".go") {
				for _, m := range goTest.FindAllStringSubmatch(string(source), -1) {
					have[filepath.Base(filepath.Dir(name))+"."+m[1]] = true
					if filepath.Dir(name) == "." {
						have["web."+m[1]] = true
					}
				}
				return nil
			}
			for _, m := range webTest.FindAllStringSubmatch(string(source), -1) {
				have[filepath.Base(name)+": "+m[1]] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(have) < 300 {
		t.Fatalf("%d tests were found", len(have))
	}
	name := regexp.MustCompile("`([a-z]+\\.(?:Test|Fuzz)\\w+|[\\w.-]+\\.(?:test\\.tsx?|spec\\.ts): [^`]+)`")
	for doc, least := range map[string]int{"security.md": 100, "console.md": 60} {
		text, err := os.ReadFile("../docs/" + doc)
		if err != nil {
			t.Fatal(err)
		}
		named := name.FindAllStringSubmatch(string(text), -1)
		for _, m := range named {
			if !have[m[1]] {
				t.Errorf("docs/%s names %s, which is not there", doc, m[1])
			}
		}
		if len(named) < least {
			t.Errorf("docs/%s names %d tests", doc, len(named))
		}
	}
}

// Nothing is changed by asking: whoever makes every GET there is leaves the
// record and the tables as they were.
func TestGetChangesNothing(t *testing.T) {
	f := newFixture(t)
	everything := map[string][]*browser{}
	for _, r := range auth.Roles() {
		everything["session"] = append(everything["session"], f.signIn(string(r)))
	}
	everything["token"] = append(everything["token"], f.program("engineer", token.Scopes()...))
	attempts, asked := f.attempts(), 0
	var gets []attempt
	for _, op := range slices.Sorted(maps.Keys(attempts)) {
		if a := attempts[op](); a.method == "GET" {
			gets = append(gets, a)
		}
	}
	state := func() string {
		var out string
		err := f.db.Get(&out, `SELECT string_agg(n, ' ') FROM (
			SELECT count(*)::text AS n FROM audit_leaf UNION ALL SELECT count(*) || ':' || coalesce(sum(rev), 0) FROM registry_pumps
			UNION ALL SELECT count(*)::text FROM registry_memberships UNION ALL SELECT count(*) || ':' || count(disabled_at) FROM auth_users
			UNION ALL SELECT count(*) || ':' || count(revoked_at) FROM token_tokens UNION ALL SELECT count(*) || ':' || count(ended_at) FROM auth_sessions
			UNION ALL SELECT count(*) || ':' || sum(rev) FROM registry_sites UNION ALL SELECT count(*)::text FROM alarm_changes) x`)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := state()
	for _, all := range everything {
		for _, b := range all {
			for _, a := range gets {
				asked++
				for _, method := range []string{"GET", "HEAD"} {
					b.send(method, a.path, nil)
				}
			}
		}
	}
	if after := state(); after != before {
		t.Errorf("before %s, after %s", before, after)
	}
	if asked < 100 {
		t.Fatalf("%d addresses were asked", asked)
	}
}

// A body says what an operation takes and nothing else, wherever one is taken.
func TestUnknownMembersAreRefused(t *testing.T) {
	f := newFixture(t)
	people := map[auth.Role]*browser{}
	as := func(r auth.Role) *browser {
		if people[r] == nil {
			people[r] = f.signIn(string(r))
		}
		return people[r]
	}
	attempts, tried := f.attempts(), 0
	for op, who := range api.Operations() {
		try := attempts[op]
		if try == nil || who.Anyone {
			continue
		}
		a := try()
		raw, err := json.Marshal(a.body)
		if a.method == "GET" || a.body == nil || err != nil || raw[0] != '{' {
			continue
		}
		b := as(auth.Engineer)
		if len(who.Roles) > 0 && !slices.Contains(who.Roles, auth.Engineer) {
			b = as(who.Roles[0])
		}
		for _, more := range []string{`"actor":"person:1 root"`, `"granted_by":"me"`, `"roles":["admin"]`, `"__proto__":{}`, `"Reason":"x","reason":"y"`, `"id":"1"`} {
			body := strings.Replace(string(raw), "{", "{"+more+",", 1)
			if string(raw) == "{}" {
				body = "{" + more + "}"
			}
			tried++
			if r := b.do(a.method, a.path, body); r.status != 422 && r.status != 400 {
				t.Errorf("%s with %s: %d %.200s", op, more, r.status, r.body)
			}
		}
	}
	if tried < 60 {
		t.Fatalf("%d bodies were tried", tried)
	}
}

// hostile is text that would be a program somewhere, if it were taken for one.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'-alert(1)-'`, `javascript:alert(1)`, `{{constructor.constructor('alert(1)')()}}`, `${7*7}`,
	`'; DROP TABLE auth_users; --`, `%00%0d%0aSet-Cookie: x=1`, "\u202egpj.exe", "\u001b[31mred", "a\r\nX-Injected: 1", "=HYPERLINK(\"http://evil.test\")", `../../etc/passwd`, "%s%n%x",
}

// Text is kept and given back as it is, or refused; it is nowhere taken for
// anything else. That the page shows it as text is a test of the console.
func TestNamesAreText(t *testing.T) {
	f := newFixture(t)
	b, e := f.signIn("admin"), f.signIn("engineer")
	kept := 0
	for i, text := range hostile {
		for what, r := range map[string]response{
			"person": b.do("POST", "/api/v1/people", map[string]string{"login": fmt.Sprintf("h%d", i), "name": text, "site": fmt.Sprint(f.a), "role": "nurse", "reason": text}),
			"login":  b.do("POST", "/api/v1/people", map[string]string{"login": text, "name": "x", "site": fmt.Sprint(f.a), "role": "nurse", "reason": "x"}),
			"site":   b.do("POST", "/api/v1/sites", map[string]string{"name": text, "short": fmt.Sprintf("H-%d", i), "time_zone": "UTC"}),
			"zone":   b.do("POST", "/api/v1/sites", map[string]string{"name": "x", "short": fmt.Sprintf("Z-%d", i), "time_zone": text}),
			"token":  b.do("POST", "/api/v1/tokens", map[string]any{"name": text, "scopes": []string{"pumps.read"}, "sites": []string{fmt.Sprint(f.a)}, "days": 1}),
			"pump":   e.do("POST", "/api/v1/pumps", map[string]any{"site": fmt.Sprint(f.a), "serial": fmt.Sprintf("H-%d", i), "model": "Meander P20", "profile": "meander-p20", "label": text}),
			"serial": e.do("POST", "/api/v1/pumps", map[string]any{"site": fmt.Sprint(f.a), "serial": text, "model": text, "profile": text}),
			"search": b.do("GET", "/api/v1/people?text="+queryEscape(text), nil),
			"filter": e.do("GET", "/api/v1/audit?actor="+queryEscape(text)+"&kind="+queryEscape(text), nil),
		} {
			if r.status >= 500 || r.header.Get("X-Injected") != "" || r.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(r.header.Get("Content-Type"), "json") {
				t.Errorf("%s %q: %d %v %.200s", what, text, r.status, r.header, r.body)
			}
			if r.status == 201 {
				kept++
				if what != "token" && what != "serial" && !strings.Contains(line(r.json()), text) {
					t.Errorf("%s %q came back as %.300s", what, text, r.body)
				}
			}
		}
	}
	if kept < 20 {
		t.Fatalf("only %d texts were kept", kept)
	}
	var users int
	if err := f.db.Get(&users, `SELECT count(*) FROM auth_users`); err != nil || users < 14 {
		t.Errorf("%d users, %v", users, err)
	}
	csv := string(e.do("GET", "/api/v1/pumps/export", nil).body)
	if strings.Contains(csv, ",=HYPERLINK") || strings.Contains(csv, ",\"=HYPERLINK") {
		t.Error("a cell is a formula")
	}
}

func queryEscape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

// Requests that two parsers could cut differently are refused, or answered once
// with the connection closed: none carries a second request inside it.
func TestRequestSmuggling(t *testing.T) {
	f := newFixture(t)
	const inner = "GET /smuggled HTTP/1.1\r\nHost: localhost:8600\r\n\r\n"
	post := func(headers, body string) string {
		return "POST /api/v1/session HTTP/1.1\r\nHost: localhost:8600\r\nContent-Type: application/json\r\n" + headers + "\r\n" + body
	}
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(inner), inner)
	for name, raw := range map[string]string{
		"two lengths":              post("Content-Length: 0\r\nContent-Length: "+fmt.Sprint(len(inner))+"\r\n", inner),
		"a list of lengths":        post("Content-Length: 0, "+fmt.Sprint(len(inner))+"\r\n", inner),
		"a length with a sign":     post("Content-Length: +0\r\n", inner),
		"a negative length":        post("Content-Length: -1\r\n", inner),
		"a length in hexadecimal":  post("Content-Length: 0x0\r\n", inner),
		"a length of another size": post("Content-Length: 99999999999999999999\r\n", inner),
		"length and chunks":        post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", chunked),
		"chunks and length":        post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", chunked),
		"unknown coding":           post("Transfer-Encoding: xchunked\r\n", chunked),
		"two codings":              post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunked),
		"coding with a tab":        post("Transfer-Encoding:\tchunked, identity\r\n", chunked),
		"blank before the colon":   post("Content-Length : 0\r\n", inner),
		"a bare line feed":         "POST /api/v1/session HTTP/1.1\nHost: localhost:8600\nContent-Length: 0\nTransfer-Encoding: chunked\n\n" + chunked,
		"a bad chunk size":         post("Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"),
		"a chunk size too large":   post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n"),
		"two hosts":                "GET / HTTP/1.1\r\nHost: localhost:8600\r\nHost: evil.test\r\n\r\n",
		"no host":                  "GET / HTTP/1.1\r\n\r\n",
		"another host in the line": "GET http://evil.test/ HTTP/1.1\r\nHost: localhost:8600\r\n\r\n",
		"a tunnel":                 "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n",
		"NUL in a header":          post("X-A: a\x00b\r\nContent-Length: 0\r\n", ""),
		"a blank in the target":    "GET /a b HTTP/1.1\r\nHost: localhost:8600\r\n\r\n",
		"a control in the name":    "GET / HTTP/1.1\r\nHost: localhost:8600\r\nX\x01Y: 1\r\n\r\n",
		"HTTP/0.9":                 "GET /\r\n",
		"HTTP/2 preface":           "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"large headers":            "GET / HTTP/1.1\r\nHost: localhost:8600\r\nX-A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n",
	} {
		statuses := f.exchange(raw)
		// The word that a second request would be logged and counted by.
		if len(statuses) > 1 {
			t.Errorf("%s: answered %v", name, statuses)
		}
		for _, s := range statuses {
			if s < 400 {
				t.Errorf("%s: %d", name, s)
			}
		}
	}
	if got := f.exchange("GET /healthz HTTP/1.1\r\nHost: localhost:8600\r\nConnection: close\r\n\r\n"); len(got) != 1 || got[0] != 200 {
		t.Errorf("a good request: %v", got)
	}
}

// exchange sends bytes to the server and returns the statuses of all answers.
func (f *fixture) exchange(raw string) (statuses []int) {
	f.Helper()
	c, err := net.Dial("tcp", f.http.Listener.Addr().String())
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	_, _ = io.WriteString(c, raw) // the server may have gone away in the middle
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			return statuses
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return append(statuses, r.StatusCode)
		}
		statuses = append(statuses, r.StatusCode)
	}
}

// Methods that no operation has are refused by name, wherever they are tried.
func TestOtherMethods(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("admin")
	for _, path := range []string{"/", "/healthz", "/metrics", "/api/v1/pumps", "/api/v1/people", "/api/v1/tokens", "/api/v1/session", "/api/v1/live", "/assets/app-1a2b.js"} {
		for _, method := range []string{"TRACE", "CONNECT", "TRACK", "DEBUG", "PROPFIND", "PATCH", "OPTIONS", "get"} {
			r := b.send(method, path, nil)
			if r.status != 405 && r.status != 404 || r.header.Get("Access-Control-Allow-Origin") != "" || strings.Contains(string(r.body), "cisterna=") {
				t.Errorf("%s %s: %d %.100s", method, path, r.status, r.body)
			}
		}
	}
}

// What a page, a script or a cache between could keep is only what holds no data.
func TestNothingWithDataIsCached(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("admin")
	n := 0
	for op, try := range f.attempts() {
		a := try()
		if a.method != "GET" {
			continue
		}
		n++
		if r := b.do(a.method, a.path, nil); r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control %q", op, r.header.Get("Cache-Control"))
		}
	}
	if n < 15 {
		t.Fatalf("%d operations", n)
	}
}
