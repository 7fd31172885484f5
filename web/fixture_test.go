package web

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/mod/sumdb/tlog"

	"cisterna/device/dose"
	"cisterna/device/gateway"
	"cisterna/device/profile"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/dosing"
	"cisterna/fleet/events"
	"cisterna/fleet/keyset"
	"cisterna/fleet/library"
	"cisterna/fleet/lists"
	"cisterna/fleet/maintenance"
	"cisterna/fleet/manual"
	"cisterna/fleet/overview"
	"cisterna/fleet/recall"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/once"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
	"cisterna/internal/token"
	"cisterna/internal/webauthn"
	"cisterna/web/api"
)

const password = "winter garden at nine"

// fixture is a server over a real database: two sites with a person in every role
// at each, named "nurse" at A and "nurse-b" at B.
type fixture struct {
	*testing.T
	srv       *Server
	http      *httptest.Server
	db        *sqlx.DB
	owner     *sqlx.DB // may do to the tables what the server may not
	reg       *registry.Service
	alarms    *alarm.Service
	recalls   *recall.Service
	work      *maintenance.Service
	readings  *manual.Service
	orders    *dosing.Service
	keysets   *keyset.Service
	libraries *library.Service
	auth      *auth.Service
	tokens    *token.Service
	lists     *lists.Service
	a, b      int64
	logs      *logBuffer
	people    map[string]int64
	ready     atomic.Pointer[error] // what /readyz's database check says

	strict bool // no demo: people sign in with passkeys

	mu    sync.Mutex
	shift time.Duration // of the server's clock
	spent int
}

func (f *fixture) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Add(f.shift)
}

func (f *fixture) later(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shift += d
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// page is a console as small as the tests allow.
var page = fstest.MapFS{
	"index.html":          {Data: []byte(`<!doctype html><meta name="csp-nonce" content="__CSP_NONCE__"><title>Cisterna</title>`)},
	"favicon.svg":         {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)},
	"assets/app-1a2b.js":  {Data: []byte(strings.Repeat("export const x = 1;\n", 500))},
	".vite/manifest.json": {Data: []byte(`{}`)},
	".gitkeep":            {},
}

func newFixture(t *testing.T, change ...func(*Options)) *fixture {
	t.Helper()
	app, owner := pgtest.NewOwner(t)
	f := &fixture{T: t, db: app, owner: owner, logs: &logBuffer{}, people: map[string]int64{}}
	f.start(change...)
	return f
}

// newStrict is a fixture that is no demo.
func newStrict(t *testing.T, change ...func(*Options)) *fixture {
	t.Helper()
	f := &fixture{T: t, db: pgtest.New(t), logs: &logBuffer{}, people: map[string]int64{}, strict: true}
	f.start(change...)
	return f
}

func (f *fixture) start(change ...func(*Options)) {
	t := f.T
	t.Helper()
	log := slog.New(slog.NewTextHandler(f.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	f.auth, err = auth.New(auth.Options{DB: f.db, Log: log, Now: f.now, Params: auth.Params{MemoryKiB: 64, Passes: 1, Lanes: 1}, Demo: !f.strict, Manages: registry.Manages})
	must(err)
	_, key, err := ed25519.GenerateKey(nil)
	must(err)
	f.tokens, err = token.NewService(token.Options{
		DB: f.db, Key: key, Log: log, Now: f.now,
		Still: func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, site int64) error {
			return f.reg.StillTx(ctx, tx, actor, site)
		},
	})
	must(err)
	f.reg, err = registry.New(ctx, registry.Options{
		DB: f.db, Now: f.now, Accounts: f.auth, Shut: f.tokens.RevokeOwner,
		Known: func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, pumps []registry.Pump) error {
			return f.recalls.Known(ctx, tx, actor, pumps)
		},
		KnownCommunicators: func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, list []registry.Communicator) error {
			return f.recalls.KnownCommunicators(ctx, tx, actor, list)
		},
		Gone: func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, p registry.Pump, why string) error {
			return f.alarms.GoneTx(ctx, tx, actor, p.ID, why)
		},
		Sign: func(*x509.CertificateRequest, time.Time) (*x509.Certificate, [][]byte, error) {
			return nil, nil, errors.New("no authority")
		},
		Documents: func(context.Context, string) (registry.Documents, error) {
			return registry.Documents{Root: []byte("root document")}, nil
		},
		Profiles: func(id string) bool { return profile.Sample(id) != nil },
	})
	must(err)
	f.alarms = alarm.New(f.db, f.reg.Directory(), f.now)
	f.recalls = recall.New(f.db, f.alarms, f.now)
	f.work = maintenance.NewService(f.db, f.reg, f.now)
	sample := func(id string) (*profile.Profile, bool) { p := profile.Sample(id); return p, p != nil }
	f.readings = manual.NewService(f.db, f.reg, sample, f.now)
	tel, err := telemetry.New(telemetry.Options{
		DB: f.db, Directory: f.reg.Directory(), Alarms: f.alarms, Silence: func(string, dose.Severity) telemetry.SilenceRule { return telemetry.SilenceRule{} },
		Push: func(string, gateway.Outbound) bool { return false }, Now: f.now, Log: log, Boot: "boot-1",
	})
	must(err)
	f.lists, err = lists.New(lists.Options{DB: f.db, Registry: f.reg, Now: f.now, Log: log, Actor: func(ctx context.Context, id, program int64) (auth.Actor, error) {
		who, err := f.auth.Account(ctx, id)
		if err != nil {
			return auth.Actor{}, err
		}
		roles, err := f.reg.Roles(ctx, id)
		if err != nil || program == 0 {
			return who.Actor(roles), err
		}
		t, err := f.tokens.Active(ctx, id, program)
		return who.Actor(roles).ByToken(program, t.Sites), err
	}})
	must(err)
	over, err := overview.New(overview.Options{
		DB: f.db, Registry: f.reg, Telemetry: tel, Alarms: f.alarms, Maintenance: f.work, Lists: f.lists, Desired: func(string) overview.Desired { return overview.Desired{} }, Now: f.now, Log: log,
		Profile: sample,
		Library: func([]byte) string { return "" },
	})
	must(err)
	f.signatures(tel, sample)
	stream, err := events.New(events.Options{DB: f.db, Directory: f.reg.Directory(), Now: f.now, Log: log, Poll: 10 * time.Millisecond})
	must(err)
	o := Options{
		API: api.Options{
			Orders: f.orders, Keysets: f.keysets, Libraries: f.libraries,
			Once:     once.New(f.db, f.now),
			Accounts: f.auth, Tokens: f.tokens, Registry: f.reg, Alarms: f.alarms, Telemetry: tel, Lists: f.lists, Overview: over, Events: stream, Enrol: "pumps.example.org:8884",
			Recalls: f.recalls, Maintenance: f.work, Readings: f.readings, Profiles: profile.Samples,
			Desired: func(string) api.Desired { return api.Desired{Root: []byte("root"), Keyset: 2} },
			Record: api.Record{
				List: func(ctx context.Context, flt audit.Filter, before int64, limit int) ([]audit.Row, int64, error) {
					return audit.List(ctx, f.db, flt, before, limit)
				},
				Get: func(ctx context.Context, flt audit.Filter, id int64) (audit.Row, *audit.Proof, error) {
					return audit.Get(ctx, f.db, flt, id)
				},
				Newest: func(ctx context.Context) (audit.Checkpoint, bool, error) { return audit.Newest(ctx, f.db) },
				Stored: func(ctx context.Context, id int64) (audit.Stored, error) { return audit.ReadStored(ctx, f.db, id) },
				Stretch: func(ctx context.Context, flt audit.Filter, detail func(int64) bool, from int64, limit int) (audit.Stretch, error) {
					return audit.ReadStretch(ctx, f.db, flt, detail, from, limit)
				},
				Prove: func(ctx context.Context, old int64) (tlog.TreeProof, audit.Checkpoint, error) {
					return audit.ProveTree(ctx, f.db, old)
				},
				Export: func(ctx context.Context, w io.Writer) error {
					_, err := audit.Export(ctx, f.db, w, audit.Trust{})
					return err
				},
				NoteExport: func(ctx context.Context, actor auth.Actor) error { return audit.NoteExport(ctx, f.db, actor.String()) },
				Origin:     "test.example/record", Keys: []string{"test.example/record+00000000+AQ=="},
			},
		},
		Origin: "http://localhost:8600", Console: page, Log: log, Now: f.now,
		Record: func(context.Context, time.Time) (audit.Status, error) { return audit.Status{}, nil },
		Ready: map[string]func(context.Context) error{"database": func(ctx context.Context) error {
			if err := f.ready.Load(); err != nil {
				return *err
			}
			return f.db.PingContext(ctx)
		}},
	}
	for _, c := range change {
		c(&o)
	}
	f.srv, err = New(o)
	must(err)
	f.http = httptest.NewUnstartedServer(nil)
	f.http.Config = f.srv.HTTP()
	f.http.Start()
	t.Cleanup(f.http.Close)
	run, stop := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() {
		if err := f.srv.Run(run); err != nil {
			t.Error(err)
		}
	})
	parts.Go(func() { _ = over.Board().Run(run) })
	parts.Go(func() { _ = f.lists.Run(run) })
	parts.Go(func() { _ = stream.Run(run) })
	t.Cleanup(func() { stop(); parts.Wait() })

	for at, short := range map[*int64]string{&f.a: "ALPHA", &f.b: "BETA"} {
		s, err := f.reg.CreateSite(ctx, auth.System("test"), registry.NewSite{Name: "Clinic " + short, Short: short, TimeZone: "Europe/Berlin"})
		must(err)
		*at = s.ID
	}
	for _, r := range auth.Roles() {
		f.person(string(r), f.a, r)
		f.person(string(r)+"-b", f.b, r)
	}
}

func (f *fixture) person(login string, site int64, role auth.Role) {
	f.Helper()
	if f.people[login] == 0 {
		a, err := f.auth.CreateUser(f.Context(), auth.System("test"), auth.NewUser{Login: login, Name: "The " + login, Password: password})
		if err != nil {
			f.Fatal(err)
		}
		f.people[login] = a.ID
	}
	if err := f.reg.AddMembership(f.Context(), auth.System("test"), f.people[login], site, role); err != nil {
		f.Fatal(err)
	}
}

// pump registers a pump and returns its id.
func (f *fixture) pump(site int64) string {
	f.Helper()
	f.mu.Lock()
	f.spent++
	n := f.spent
	f.mu.Unlock()
	p, err := f.reg.RegisterPump(f.Context(), auth.System("test"), registry.NewPump{Site: site, Serial: fmt.Sprintf("SN-%d-%04d", site, n), Model: "Meander P20", Profile: profile.Samples()[0].ID, Label: "Bed"})
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(p.ID)
}

// alarm raises an alarm of medium priority and returns its id.
func (f *fixture) alarm(pump string, code string) string {
	f.Helper()
	var n int64
	_, _ = fmt.Sscan(pump, &n)
	ref, ok := f.reg.Directory().ByID(n)
	if !ok {
		f.Fatalf("no pump %s", pump)
	}
	var al alarm.Alarm
	err := postgres.InTx(f.Context(), f.db, func(tx *postgres.Tx) (err error) {
		al, _, err = f.alarms.RaiseTx(f.Context(), tx, alarm.Raise{
			Pump: n, Site: ref.Site, Code: code, Source: alarm.SourceServer, Priority: wire.PriorityMedium, At: f.now(), Actor: auth.System("test"),
		})
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(al.ID)
}

// someone makes a person who cannot sign in yet and returns their number.
func (f *fixture) someone(site int64, role auth.Role) int64 {
	f.Helper()
	f.mu.Lock()
	f.spent++
	n := f.spent
	f.mu.Unlock()
	a, err := f.reg.AddPerson(f.Context(), auth.System("test"), registry.NewPerson{
		NewUser: auth.NewUser{Login: fmt.Sprintf("someone-%d", n), Name: fmt.Sprintf("Someone %d", n), NoPassword: true}, Site: site, Role: role, Reason: "as a test",
	})
	if err != nil {
		f.Fatal(err)
	}
	return a.ID
}

// actor returns a person as the server would see them.
func (f *fixture) actor(login string) auth.Actor {
	f.Helper()
	a, err := f.auth.AccountByLogin(f.Context(), login)
	if err != nil {
		f.Fatal(err)
	}
	roles, err := f.reg.Roles(f.Context(), a.ID)
	if err != nil {
		f.Fatal(err)
	}
	return a.Actor(roles)
}

// program returns a client that shows an API token of a person's, for the sites
// where they have a role.
func (f *fixture) program(login string, scopes ...token.Scope) *browser {
	f.Helper()
	actor := f.actor(login)
	text, _, err := f.tokens.Create(f.Context(), actor, token.New{Name: "a test", Scopes: scopes, Sites: actor.Scope().Sites, Life: time.Hour})
	if err != nil {
		f.Fatal(err)
	}
	return &browser{f: f, token: text}
}

// browser is a client with a cookie, as a page of the server has one, or with an
// API token.
type browser struct {
	f      *fixture
	cookie *http.Cookie
	errand *http.Cookie // while it is away at an OpenID provider
	token  string
	ip     string
	key    *webauthn.Soft // what it steps up with; made when it is first asked to
	// unwilling makes it show what the server asks for instead.
	unwilling bool
	handle    string // of its account, once it has a passkey
}

// signIn returns a browser in which a person is signed in.
func (f *fixture) signIn(login string) *browser {
	f.Helper()
	b := &browser{f: f}
	res := b.do("POST", "/api/v1/session", map[string]string{"login": login, "password": password})
	if res.status != http.StatusOK {
		f.Fatalf("sign in as %s: %d %s", login, res.status, res.body)
	}
	return b
}

// form is a body as a form sends it.
type form string

// slowly is a body of which nothing is here yet when the request is: what happens
// meanwhile happens before its first byte arrives.
type slowly struct {
	body      any
	meanwhile func()
}

type response struct {
	status int
	header http.Header
	body   []byte
}

func (r response) json() (out map[string]any) {
	if err := json.Unmarshal(r.body, &out); err != nil {
		out = map[string]any{"not JSON": string(r.body)}
	}
	return out
}

func (r response) code() string { c, _ := r.json()["code"].(string); return c }

// send sends a request as the page would. body is a string, raw bytes or a value.
// Headers are pairs; "-Name" leaves out what would be there.
func (b *browser) send(method, path string, body any, headers ...string) response {
	b.f.Helper()
	var reader io.Reader
	kind := "application/json"
	switch v := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(v)
	case form:
		reader, kind = strings.NewReader(string(v)), "application/x-www-form-urlencoded"
	case []byte:
		reader, kind = bytes.NewReader(v), "text/csv"
	case slowly:
		raw, err := json.Marshal(v.body)
		if err != nil {
			b.f.Fatal(err)
		}
		reader = io.MultiReader(happening(v.meanwhile), bytes.NewReader(raw))
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			b.f.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	r := httptest.NewRequest(method, path, reader)
	r.Host = "localhost:8600"
	r.RemoteAddr = "192.0.2.10:4000"
	if b.ip != "" {
		r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(b.ip), 4000).String()
	}
	if reader != nil {
		r.Header.Set("Content-Type", kind)
	}
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	} else {
		r.Header.Set("Origin", "http://localhost:8600")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	if b.errand != nil {
		r.AddCookie(b.errand)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		switch name, off := strings.CutPrefix(headers[i], "-"); {
		case off:
			r.Header.Del(name)
		case headers[i] == "Host":
			r.Host = headers[i+1]
		case headers[i] == "From":
			r.RemoteAddr = headers[i+1]
		default:
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	b.f.srv.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if strings.HasSuffix(c.Name, "-errand") {
			b.errand = c
			continue
		}
		if c.MaxAge < 0 {
			b.cookie = nil
		} else {
			b.cookie = c
		}
	}
	return response{status: w.Code, header: w.Header(), body: w.Body.Bytes()}
}

// happening is a reader of nothing that does something when it is read.
type happening func()

func (h happening) Read([]byte) (int, error) {
	h()
	return 0, io.EOF
}

func (f *fixture) stranger() *browser { return &browser{f: f} }

func (f *fixture) want(what string, got, want any) {
	f.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		f.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// line returns its arguments with a blank between each.
func line(args ...any) string { return strings.TrimSuffix(fmt.Sprintln(args...), "\n") }

// eventually waits until the condition holds.
func (f *fixture) eventually(what string, holds func() bool) {
	f.Helper()
	deadline := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			f.Fatalf("%s: not within ten seconds", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
