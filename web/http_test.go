package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"cisterna/internal/audit"
)

// Every answer, whatever it is, carries the headers.
func TestHeadersOnEveryAnswer(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	big := strings.Repeat("x", 1<<17)
	answers := map[string]struct {
		response
		want int
		code string // of the problem, "" if it is none
	}{
		"page":               {b.do("GET", "/", nil), 200, ""},
		"page of the router": {b.do("GET", "/pumps/12", nil), 200, ""},
		"asset":              {b.do("GET", "/assets/app-1a2b.js", nil), 200, ""},
		"missing asset":      {b.do("GET", "/assets/gone.js", nil), 404, "not_found"},
		"missing file":       {b.do("GET", "/wp-login.php", nil), 404, "not_found"},
		"dot file":           {b.do("GET", "/.vite/manifest.json", nil), 404, "not_found"},
		"POST to a page":     {b.do("POST", "/", map[string]int{}), 405, "method_not_allowed"},
		"API":                {b.do("GET", "/api/v1/pumps", nil), 200, ""},
		"HEAD of API":        {b.do("HEAD", "/api/v1/pumps", nil), 200, ""},
		"no such operation":  {b.do("GET", "/api/v1/nothing", nil), 404, "not_found"},
		"no such version":    {b.do("GET", "/api/v2/pumps", nil), 404, "not_found"},
		"not signed in":      {f.stranger().do("GET", "/api/v1/pumps", nil), 401, "unauthorized"},
		"wrong method":       {b.do("PUT", "/api/v1/pumps", map[string]int{}), 405, "method_not_allowed"},
		"too large":          {b.do("POST", "/api/v1/pumps", `{"serial":"`+big+`"}`), 413, "too_large"},
		"wrong type":         {b.do("POST", "/api/v1/pumps", "x", "Content-Type", "text/plain"), 415, "unsupported_media_type"},
		"not JSON":           {b.do("POST", "/api/v1/pumps", "{"), 400, "malformed"},
		"not valid":          {b.do("POST", "/api/v1/pumps", "{}"), 422, "invalid"},
		"unknown parameter":  {b.do("GET", "/api/v1/alarms?debug=1", nil), 422, "invalid"},
		"no such pump":       {b.do("GET", "/api/v1/pumps/999999", nil), 404, "not_found"},
		"no id":              {b.do("GET", "/api/v1/pumps/1%27%20OR%201=1", nil), 404, "not_found"},
		"cross-site":         {b.do("POST", "/api/v1/pumps", "{}", "Sec-Fetch-Site", "cross-site"), 403, "cross_origin"},
		"other name":         {b.do("GET", "/", nil, "Host", "evil.test"), 421, "misdirected"},
		"bare address":       {b.do("GET", "/pumps?x=1", nil, "Host", "127.0.0.1:8600"), 307, ""},
		"TRACE":              {b.do("TRACE", "/", nil), 405, "method_not_allowed"},
		"not a websocket":    {b.do("GET", "/api/v1/live", nil), 426, "upgrade_required"},
		"healthz":            {b.do("GET", "/healthz", nil), 200, ""},
		"readyz":             {b.do("GET", "/readyz", nil), 200, ""},
		"metrics, outside":   {b.do("GET", "/metrics", nil), 403, "denied"},
		"traversal":          {b.do("GET", "/assets/..%2f..%2fetc/passwd", nil), 404, "not_found"},
	}
	seen := map[string]bool{}
	for name, a := range answers {
		f.want(name+": status", a.status, a.want)
		h := a.header
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY", "Strict-Transport-Security": "",
		} {
			f.want(name+": "+header, h.Get(header), want)
		}
		policy := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy lacks %s: %s", name, part, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || !strings.Contains(h.Get("Permissions-Policy"), "geolocation=()") {
			t.Errorf("%s: policies %s; %s", name, policy, h.Get("Permissions-Policy"))
		}
		id := h.Get("X-Request-Id")
		if len(id) != 20 || seen[id] {
			t.Errorf("%s: request id %q", name, id)
		}
		seen[id] = true
		if a.code == "" {
			continue
		}
		p := a.json()
		if h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" || p["code"] != a.code ||
			p["request_id"] != id || p["status"] != float64(a.status) || p["type"] != "about:blank" || p["title"] == "" || p["detail"] == "" {
			t.Errorf("%s: %s, %s", name, h.Get("Content-Type"), a.body)
		}
	}
	f.want("Allow", answers["wrong method"].header.Values("Allow"), "[GET POST HEAD]")
	f.want("redirect", answers["bare address"].header.Get("Location"), "http://localhost:8600/pumps?x=1")
	f.want("redirect of IPv6", b.do("GET", "/", nil, "Host", "[::1]:8600").header.Get("Location"), "http://localhost:8600/")
	f.want("no redirect of writes", b.do("POST", "/api/v1/pumps", "{}", "Host", "127.0.0.1:8600", "-Origin", "").status, 421)
	f.want("API is not cached", answers["API"].header.Get("Cache-Control"), "no-store")
	if strings.Contains(string(answers["too large"].body), "xxxx") {
		t.Error("a problem repeats its input")
	}
}

var nonceOf = regexp.MustCompile(`'nonce-([A-Za-z0-9+/]{24})'`)

func TestPageAndFiles(t *testing.T) {
	f := newFixture(t)
	b := f.stranger()
	nonces := map[string]bool{}
	for range 20 {
		r := b.do("GET", "/fleet", nil)
		m := nonceOf.FindStringSubmatch(r.header.Get("Content-Security-Policy"))
		if m == nil || nonces[m[1]] || !strings.Contains(string(r.body), `content="`+m[1]+`"`) || strings.Contains(string(r.body), noncePlaceholder) {
			t.Fatalf("policy %s, page %s", r.header.Get("Content-Security-Policy"), r.body)
		}
		nonces[m[1]] = true
		f.want("policy", nonceOf.ReplaceAllString(r.header.Get("Content-Security-Policy"), "NONCE"), "default-src 'none'; script-src 'self'; style-src 'self' NONCE; img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		f.want("caching of the page", r.header.Get("Cache-Control"), "no-store")
	}
	r := b.do("GET", "/assets/app-1a2b.js", nil, "Accept-Encoding", "br, gzip")
	f.want("asset", line(r.header.Get("Cache-Control"), r.header.Get("Content-Encoding"), r.header.Get("Vary"), r.header.Get("Content-Type")),
		"public, max-age=31536000, immutable gzip Accept-Encoding text/javascript; charset=utf-8")
	z, err := gzip.NewReader(bytes.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(plain, page["assets/app-1a2b.js"].Data) {
		t.Errorf("%d bytes, %v", len(plain), err)
	}
	f.want("without gzip", len(b.do("GET", "/assets/app-1a2b.js", nil).body), len(plain))
	f.want("gzip refused", len(b.do("GET", "/assets/app-1a2b.js", nil, "Accept-Encoding", "gzip;q=0").body), len(plain))
	f.want("not modified", b.do("GET", "/assets/app-1a2b.js", nil, "If-None-Match", r.header.Get("ETag")).status, 304)
	icon := b.do("GET", "/favicon.svg", nil)
	f.want("icon", line(icon.status, icon.header.Get("Content-Type"), icon.header.Get("Cache-Control")), "200 image/svg+xml no-cache")

	bare := newFixture(t, func(o *Options) { o.Console = nil })
	r = bare.stranger().do("GET", "/", nil)
	f.want("no console", line(r.status, r.code()), "503 unavailable")
	if _, err := newStatic(fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}}); err == nil {
		t.Error("a page without a place for the nonce was taken")
	}
}

func TestCompressionAndTags(t *testing.T) {
	f := newFixture(t)
	for range 30 {
		f.pump(f.a)
	}
	b := f.signIn("engineer")
	f.eventually("the board has the pumps", func() bool { return strings.Count(string(b.do("GET", "/api/v1/pumps", nil).body), `"serial"`) == 30 })
	plain := b.do("GET", "/api/v1/pumps", nil)
	packed := b.do("GET", "/api/v1/pumps", nil, "Accept-Encoding", "gzip")
	z, err := gzip.NewReader(bytes.NewReader(packed.body))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	strip := regexp.MustCompile(`"at":"[^"]*"`)
	if err != nil || !bytes.Equal(strip.ReplaceAll(body, nil), strip.ReplaceAll(plain.body, nil)) || len(packed.body)*3 > len(plain.body) {
		t.Errorf("%d bytes packed into %d, %v", len(plain.body), len(packed.body), err)
	}
	f.want("headers", line(packed.header.Get("Content-Encoding"), packed.header.Get("Vary"), packed.header.Get("ETag") == "W/"+plain.header.Get("ETag")), "gzip Accept-Encoding true")
	for _, tag := range []string{plain.header.Get("ETag"), packed.header.Get("ETag"), `"x", ` + plain.header.Get("ETag")} {
		r := b.do("GET", "/api/v1/pumps", nil, "If-None-Match", tag)
		f.want("not modified", line(r.status, len(r.body)), "304 0")
	}
	other := f.signIn("engineer-b").do("GET", "/api/v1/pumps", nil, "If-None-Match", plain.header.Get("ETag"))
	f.want("the tag is for one's own sites", other.status, 200)
	f.pump(f.a)
	f.eventually("a change changes the tag", func() bool {
		return b.do("GET", "/api/v1/pumps", nil, "If-None-Match", plain.header.Get("ETag")).status == 200
	})
	small := b.do("GET", "/api/v1/sites", nil, "Accept-Encoding", "gzip")
	f.want("small answers stay plain", small.header.Get("Content-Encoding"), "")
}

func TestHealthAndMetrics(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.MetricsToken = "s3cret-token" })
	b := f.stranger()
	f.want("healthz under any name", b.do("GET", "/healthz", nil, "Host", "10.0.0.7").status, 200)
	f.want("readyz", line(b.do("GET", "/readyz", nil).json()), "map[checks:map[database:ok] status:ok]")
	down := errors.New("connection refused by 10.0.0.9, password of cisterna_app is wrong")
	f.ready.Store(&down)
	r := b.do("GET", "/readyz", nil)
	f.want("not ready", line(r.status, r.json()), "503 map[checks:map[database:failing] status:unavailable]")
	f.want("healthz", b.do("GET", "/healthz", nil).status, 200)
	st := f.signIn("engineer").do("GET", "/api/v1/status", nil)
	f.want("status", st.json()["state"], "down")
	if strings.Contains(string(st.body)+string(r.body), "10.0.0.9") {
		t.Error("an error of ours is shown")
	}
	f.ready.Store(nil)
	f.want("status", f.signIn("engineer").do("GET", "/api/v1/status", nil).json()["state"], "ok")

	here := []string{"From", "127.0.0.1:5000", "-Origin", ""}
	for name, c := range map[string]struct {
		headers []string
		want    int
	}{
		"this machine":         {here, 200},
		"this machine, IPv6":   {[]string{"From", "[::1]:5000", "-Origin", "", "Host", "[::1]:8600"}, 200},
		"another machine":      {[]string{"-Origin", ""}, 403},
		"a rebound name":       {append([]string{"Host", "evil.test:8600"}, here...), 403},
		"through a proxy here": {append([]string{"X-Forwarded-For", "203.0.113.9"}, here...), 403},
		"a page here":          {[]string{"From", "127.0.0.1:5000", "Origin", "https://evil.test"}, 403},
		"the token":            {[]string{"Authorization", "Bearer s3cret-token"}, 200},
		"a wrong token":        {[]string{"Authorization", "Bearer s3cret-toke"}, 403},
		"an empty token":       {[]string{"Authorization", "Bearer "}, 403},
	} {
		f.want("metrics by "+name, b.do("GET", "/metrics", nil, c.headers...).status, c.want)
	}
	all := string(b.do("GET", "/metrics", nil, here...).body)
	for _, line := range []string{`cisterna_http_requests_total{method="GET",operation="GET /api/v1/status",status="200"}`, "cisterna_live_viewers 0", "cisterna_http_request_seconds_bucket", "go_goroutines"} {
		if !strings.Contains(all, line) {
			t.Errorf("metrics lack %s", line)
		}
	}
	b.do("BREW", "/coffee/"+strings.Repeat("x", 100), nil)
	if all = string(b.do("GET", "/metrics", nil, here...).body); strings.Contains(all, "BREW") || strings.Contains(all, "coffee") {
		t.Error("metrics grow with what clients make up")
	}
	plain := newFixture(t)
	f.want("no token set, an empty one", plain.stranger().do("GET", "/metrics", nil, "Authorization", "Bearer ").status, 403)
}

func TestAddressBehindProxies(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	for name, c := range map[string]struct{ from, forwarded, want string }{
		"no proxy":               {"192.0.2.1:9", "", "192.0.2.1"},
		"a client's own header":  {"192.0.2.1:9", "203.0.113.5", "192.0.2.1"},
		"one proxy":              {"10.0.0.1:9", "203.0.113.5", "203.0.113.5"},
		"a client before it":     {"10.0.0.1:9", "1.1.1.1, 203.0.113.5", "203.0.113.5"},
		"two proxies":            {"10.0.0.1:9", "203.0.113.5, 10.0.0.2", "203.0.113.5"},
		"rubbish":                {"10.0.0.1:9", "'; DROP TABLE", "10.0.0.1"},
		"none from the proxy":    {"10.0.0.1:9", "", "10.0.0.1"},
		"IPv4 in IPv6":           {"[::ffff:192.0.2.1]:9", "", "192.0.2.1"},
		"rubbish behind a proxy": {"10.0.0.1:9", "x, 10.0.0.3", "10.0.0.3"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.from
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		f.want(name, f.srv.address(r), c.want)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	f := newFixture(t)
	for _, origin := range []string{"", "localhost:8600", "http://cisterna.example.org", "http://127.0.0.1:8600", "ftp://localhost", "https://x/path", "https://user@x"} {
		o := f.srv.o
		o.Origin = origin
		if _, err := New(o); err == nil {
			t.Errorf("origin %q was taken", origin)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("empty options were taken")
	}
}

// A defect shows its request id and nothing of itself, and stops no other
// request.
func TestPanics(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.API.Record.Newest = func(context.Context) (audit.Checkpoint, bool, error) { panic("secret defect") }
	})
	b := f.signIn("nurse")
	r := b.do("GET", "/api/v1/audit/checkpoint", nil)
	f.want("answer", line(r.status, r.code(), r.json()["request_id"] == r.header.Get("X-Request-Id")), "500 internal true")
	if strings.Contains(string(r.body), "secret") {
		t.Errorf("the answer shows the defect: %s", r.body)
	}
	if log := f.logs.String(); !strings.Contains(log, "secret defect") || !strings.Contains(log, r.header.Get("X-Request-Id")) {
		t.Error("the log does not name the defect and the request")
	}
	f.want("the next request", b.do("GET", "/api/v1/session", nil).status, 200)
}

// Logs name operations, people by number and request ids, and no secrets.
func TestLogs(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	pump := f.pump(f.a)
	b.do("GET", "/api/v1/pumps/"+pump+"?patient=Erika+Mustermann", nil, "X-Request-Id", "chosen\nby=client")
	b.do("POST", "/api/v1/session", map[string]string{"login": "hunter2-as-login", "password": "hunter2"})
	b.do("POST", "/api/v1/pumps/"+pump+"/revoke", map[string]string{"reason": "Frau Mustermann has moved"})
	log := f.logs.String()
	for _, secret := range []string{password, b.cookie.Value, "hunter2", "Mustermann", "Erika", "chosen"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log contains %q", secret)
		}
	}
	for _, part := range []string{`operation="GET /api/v1/pumps/{id}"`, "status=401", fmt.Sprintf("person=%d", f.people["engineer"]), "address=192.0.2.10", "request_id="} {
		if !strings.Contains(log, part) {
			t.Errorf("the log lacks %s", part)
		}
	}
}

// A database that is gone is said to be gone, and nothing is invented.
func TestDatabaseIsGone(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	if err := f.db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/v1/session", "/api/v1/pumps", "/api/v1/alarms"} {
		r := b.do("GET", path, nil)
		if r.status < 500 || r.code() == "" || strings.Contains(string(r.body), "sql") {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	f.want("readyz", b.do("GET", "/readyz", nil).status, 503)
	f.want("the page", b.do("GET", "/", nil).status, 200)
}
