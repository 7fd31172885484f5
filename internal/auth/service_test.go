package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/errs"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

const password = "winter garden at nine"

var (
	home  = netip.MustParseAddr("192.0.2.10")
	other = netip.MustParseAddr("198.51.100.7")
)

// clock is a time that tests move by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

type fixture struct {
	*Service
	*testing.T
	clock *clock
	db    *sqlx.DB
	anna  Account
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, clock: &clock{t: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}, db: pgtest.New(t)}
	var err error
	f.Service, err = New(Options{DB: f.db, Log: slog.New(slog.DiscardHandler), Now: f.clock.now, Params: cheap, Demo: true})
	if err != nil {
		t.Fatal(err)
	}
	f.anna, err = f.CreateUser(t.Context(), System("test"), NewUser{Login: "Anna", Name: "Anna Berg", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) try(login, pw string, from netip.Addr) (Token, Session, error) {
	return f.SignIn(f.Context(), Credentials{Login: login, Password: pw, Address: from, Agent: "test"})
}

func (f *fixture) mustSignIn(from netip.Addr) (Token, Session) {
	f.Helper()
	token, s, err := f.try("anna", password, from)
	if err != nil {
		f.Fatal(err)
	}
	return token, s
}

func (f *fixture) wantKind(what string, err error, want errs.Kind) {
	f.Helper()
	if err == nil || errs.KindOf(err) != want {
		f.Errorf("%s: %v, want kind %q", what, err, want)
	}
}

type told struct {
	Kind, Actor string
	Payload     map[string]any
	Leaf        string
}

// administrator adds an administrator of the first site.
func (f *fixture) administrator() Actor {
	f.Helper()
	a := Account{Login: "root", Name: "Root", CreatedAt: f.clock.now()}
	password, err := f.hash(f.Context(), NewToken().Reveal())
	if err != nil {
		f.Fatal(err)
	}
	err = postgres.InTx(f.Context(), f.db, func(tx *postgres.Tx) (err error) {
		a.ID, err = insertUser(f.Context(), tx, a, password)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return a.Actor(map[int64][]Role{1: {Admin}})
}

// record returns the leaves of one kind, oldest first.
func (f *fixture) record(kind string) []told {
	f.Helper()
	var rows []struct {
		Kind, Actor string
		Payload     []byte
		Leaf        []byte
	}
	err := f.db.Select(&rows, `
		SELECT l.kind, l.actor, p.payload, l.leaf FROM audit_leaf l LEFT JOIN audit_payload p ON p.leaf_id = l.id WHERE l.kind = $1 ORDER BY l.id`, kind)
	if err != nil {
		f.Fatal(err)
	}
	out := make([]told, len(rows))
	for i, r := range rows {
		out[i] = told{Kind: r.Kind, Actor: r.Actor, Leaf: string(r.Leaf)}
		if err := json.Unmarshal(r.Payload, &out[i].Payload); err != nil {
			f.Fatal(err)
		}
	}
	return out
}

func TestSignInAndOut(t *testing.T) {
	f := newFixture(t)
	token, s := f.mustSignIn(home)
	if s.Account.Login != "Anna" || s.ExpiresAt.Sub(s.CreatedAt) != 12*time.Hour || s.IdleUntil().Sub(s.SeenAt) != 15*time.Minute {
		t.Errorf("session %+v", s)
	}
	got, err := f.Session(t.Context(), token)
	if err != nil || got.ID != s.ID || got.Account.ID != f.anna.ID {
		t.Fatalf("session by token: %+v, %v", got, err)
	}
	if other, _ := f.mustSignIn(home); other == token {
		t.Error("two sessions have one token")
	}
	ended := f.Ended().Subscribe(8)
	if err := f.SignOut(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	_, err = f.Session(t.Context(), token)
	f.wantKind("session after sign-out", err, errs.Unauthorized)
	if all, _ := ended.Take(); !slices.Equal(all, []Ended{{Session: s.ID, User: f.anna.ID, How: SignedOut}}) {
		t.Errorf("told of %+v", all)
	}
	if err := f.SignOut(t.Context(), token); err != nil {
		t.Errorf("second sign-out: %v", err)
	}
	if err := f.SignOut(t.Context(), NewToken()); err != nil {
		t.Errorf("sign-out of nobody: %v", err)
	}
	if in, out := f.record("auth.sign_in"), f.record("auth.sign_out"); len(in) != 2 || len(out) != 1 || in[0].Actor != fmt.Sprintf("person:%d Anna", f.anna.ID) ||
		in[0].Payload["address"] != "192.0.2.10" || out[0].Payload["session"] != float64(s.ID) {
		t.Errorf("record: in %+v, out %+v", in, out)
	}
}

func TestOneAnswerToEveryWrongSignIn(t *testing.T) {
	f := newFixture(t)
	shut, err := f.CreateUser(t.Context(), System("test"), NewUser{Login: "shut", Name: "Shut", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Disable(t.Context(), System("test"), shut.Actor(nil), "left"); err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, c := range [][2]string{
		{"anna", "wrong"},
		{"anna", ""},
		{"", ""},
		{"nobody", password},
		{"shut", password},
		{"shut", "wrong"},
		{"anna\x00", password},
		{"\xff", password},
		{"anna' OR '1'='1", password},
		{strings.Repeat("a", 10000), password},
		{"anna", strings.Repeat("p", 100000)},
		{"anna", password + "\x00"},
	} {
		token, s, err := f.try(c[0], c[1], home)
		f.wantKind(fmt.Sprintf("%.20q", c), err, errs.Unauthorized)
		if token != (Token{}) || s.ID != 0 {
			t.Errorf("%.20q: a session beside an error", c)
		}
		words = append(words, errs.Message(err))
	}
	if words = slices.Compact(words); len(words) != 1 {
		t.Errorf("the answers differ: %q", words)
	}
	for _, login := range []string{"ANNA", " anna "} {
		if _, _, err := f.try(login, password, home); err != nil {
			t.Errorf("login %q: %v", login, err)
		}
	}
}

// The same work is done for a login that exists and one that does not: the same
// statements, and one hash of the same cost.
func TestUnknownLoginsCostTheSame(t *testing.T) {
	f := newFixture(t)
	if f.hasher.nobody.params != f.hasher.params {
		t.Errorf("nobody's hash costs %+v, others %+v", f.hasher.nobody.params, f.hasher.params)
	}
	rows := func(from netip.Addr, login string) (n int) {
		t.Helper()
		_, _, err := f.try(login, "wrong", from)
		f.wantKind(login, err, errs.Unauthorized)
		if err := f.db.Get(&n, `SELECT (SELECT count(*) FROM auth_throttle) + (SELECT count(*) FROM auth_failures) + (SELECT count(*) FROM audit_leaf)`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	base := rows(netip.MustParseAddr("192.0.2.1"), "somebody")
	exists := rows(netip.MustParseAddr("192.0.2.2"), "anna") - base
	nobody := rows(netip.MustParseAddr("192.0.2.3"), "nobody") - base - exists
	if exists != nobody || exists == 0 {
		t.Errorf("a wrong password writes %d rows, an unknown login %d", exists, nobody)
	}
}

func TestSessionLimits(t *testing.T) {
	f := newFixture(t)
	token, s := f.mustSignIn(home)
	f.clock.move(15*time.Minute - time.Second)
	if _, err := f.Session(t.Context(), token); err != nil {
		t.Errorf("a second before the idle limit: %v", err)
	}
	f.clock.move(time.Second)
	_, err := f.Session(t.Context(), token)
	f.wantKind("at the idle limit", err, errs.Unauthorized)

	// Touching an idle session does not bring it back.
	if _, err := f.Touch(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	_, err = f.Session(t.Context(), token)
	f.wantKind("touched after the idle limit", err, errs.Unauthorized)

	token, s = f.mustSignIn(home)
	start := f.clock.now()
	for f.clock.now().Before(start.Add(12*time.Hour - 10*time.Minute)) {
		f.clock.move(10 * time.Minute)
		if s, err = f.Session(t.Context(), token); err != nil {
			t.Fatalf("active after %s: %v", f.clock.now().Sub(start), err)
		}
		if s, err = f.Touch(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.IdleUntil(); !got.Equal(s.ExpiresAt) {
		t.Errorf("near its end a session is idle until %s, ends %s", got, s.ExpiresAt)
	}
	f.clock.move(10 * time.Minute)
	_, err = f.Session(t.Context(), token)
	f.wantKind("at the absolute limit", err, errs.Unauthorized)
	if alive, err := f.Alive(t.Context(), []int64{s.ID, 99}); err != nil || len(alive) != 0 {
		t.Errorf("alive after the end: %v, %v", alive, err)
	}
}

func TestTouchWritesSeldom(t *testing.T) {
	f := newFixture(t)
	token, s := f.mustSignIn(home)
	seen := func() time.Time {
		got, err := f.Session(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return got.SeenAt.UTC()
	}
	f.clock.move(14 * time.Second)
	if _, err := f.Touch(t.Context(), s); err != nil || !seen().Equal(s.SeenAt) {
		t.Errorf("written after 14 s: %v, %v", seen(), err)
	}
	f.clock.move(time.Second)
	if _, err := f.Touch(t.Context(), s); err != nil || !seen().Equal(f.clock.now()) {
		t.Errorf("not written after 15 s: %v, %v", seen(), err)
	}
}

// A session that somebody planted in the browser dies when its user signs in,
// and the new one has a token that nobody knew before.
func TestFixation(t *testing.T) {
	f := newFixture(t)
	planted, s := f.mustSignIn(other)
	ended := f.Ended().Subscribe(8)
	fresh, _, err := f.SignIn(t.Context(), Credentials{Login: "anna", Password: password, Address: home, Replaces: planted})
	if err != nil {
		t.Fatal(err)
	}
	if fresh == planted {
		t.Error("the token was kept")
	}
	_, err = f.Session(t.Context(), planted)
	f.wantKind("planted session", err, errs.Unauthorized)
	if all, _ := ended.Take(); len(all) != 1 || all[0].Session != s.ID || all[0].How != Replaced {
		t.Errorf("told of %+v", all)
	}
	// A wrong password ends nothing.
	_, _, err = f.SignIn(t.Context(), Credentials{Login: "anna", Password: "wrong", Address: home, Replaces: fresh})
	f.wantKind("wrong password", err, errs.Unauthorized)
	if _, err := f.Session(t.Context(), fresh); err != nil {
		t.Errorf("a failed sign-in ended the session: %v", err)
	}
}

// People type their password where the login belongs; it must not be kept.
func TestNoSecretIsStored(t *testing.T) {
	f := newFixture(t)
	const slip = "my-secret-umbrella-42"
	_, _, _ = f.try(slip, "", home)
	token, _ := f.mustSignIn(home)
	_, _, _ = f.try("anna", slip, home)
	var dump string
	err := f.db.Get(&dump, `
		SELECT concat((SELECT string_agg(u::text, '') FROM auth_users u), (SELECT string_agg(s::text, '') FROM auth_sessions s),
		       (SELECT string_agg(t::text, '') FROM auth_throttle t), (SELECT string_agg(f::text, '') FROM auth_failures f),
		       (SELECT string_agg(encode(leaf, 'escape'), '') FROM audit_leaf), (SELECT string_agg(payload::text, '') FROM audit_payload))`)
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{"mistyped password": slip, "password": password, "token": token.Reveal(), "token in hex": fmt.Sprintf("%x", token.secret)} {
		if strings.Contains(dump, secret) {
			t.Errorf("the %s is in the database", what)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v %s", token, token, token, token); strings.Contains(s, token.Reveal()) || strings.Count(s, "(token)") != 4 {
		t.Errorf("a token prints as %s", s)
	}
}

func TestSweepEndsSessions(t *testing.T) {
	f := newFixture(t)
	_, idle := f.mustSignIn(home)
	f.clock.move(10 * time.Minute)
	_, fresh := f.mustSignIn(home)
	f.clock.move(5 * time.Minute)
	ended := f.Ended().Subscribe(8)
	if err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all, _ := ended.Take(); !slices.Equal(all, []Ended{{idle.ID, f.anna.ID, IdleTooLong}}) {
		t.Errorf("told of %+v; %d is fresh", all, fresh.ID)
	}
	f.clock.move(100 * 24 * time.Hour)
	for range 2 { // the first ends the session long ago, the second would forget it 90 days later
		if err := f.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if sessions, err := f.Sessions(t.Context(), f.anna.ID); err != nil || len(sessions) != 1 || sessions[0].Ended != Expired {
		t.Errorf("kept %+v, %v", sessions, err)
	}
}

func TestSignInsAtOnce(t *testing.T) {
	f := newFixture(t)
	f.hasher.queue = make(chan struct{}, 1000)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			token, _, err := f.try("anna", password, home)
			if err != nil {
				// Up to perLogin.burst may be under way before the first is found right.
				if errs.KindOf(err) != errs.Throttled {
					t.Error(err)
				}
				return
			}
			s, err := f.Session(context.Background(), token)
			if err != nil {
				t.Error(err)
				return
			}
			f.clock.move(touchEvery)
			if _, err := f.Touch(context.Background(), s); err != nil {
				t.Error(err)
			}
			if err := f.SignOut(context.Background(), token); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
