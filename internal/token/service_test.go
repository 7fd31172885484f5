package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

var here = netip.MustParseAddr("192.0.2.7")

type rig struct {
	*Service
	t   *testing.T
	db  *sqlx.DB
	at  time.Time
	log bytes.Buffer

	anna  auth.Actor // engineer at 1 and 2
	ada   auth.Actor // administrator at 1
	karl  auth.Actor // auditor at 1
	other auth.Actor // administrator at 9
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, db: pgtest.New(t), at: moment}
	var err error
	r.Service, err = NewService(Options{DB: r.db, Key: newKey(t), Log: slog.New(slog.NewTextHandler(&r.log, nil)), Now: func() time.Time { return r.at }})
	if err != nil {
		t.Fatal(err)
	}
	r.anna = auth.Actor{ID: 7, Login: "anna", Roles: map[int64][]auth.Role{1: {auth.Engineer}, 2: {auth.Engineer}}}
	r.ada = auth.Actor{ID: 8, Login: "ada", Roles: map[int64][]auth.Role{1: {auth.Admin}}}
	r.karl = auth.Actor{ID: 9, Login: "karl", Roles: map[int64][]auth.Role{1: {auth.Auditor}}}
	r.other = auth.Actor{ID: 10, Login: "olga", Roles: map[int64][]auth.Role{9: {auth.Admin}}}
	return r
}

func (r *rig) make(actor auth.Actor, n New) (string, Token) {
	r.t.Helper()
	text, made, err := r.Create(r.t.Context(), actor, n)
	if err != nil {
		r.t.Fatal(err)
	}
	return text, made
}

func (r *rig) kind(what string, err error, want errs.Kind) {
	r.t.Helper()
	if err == nil || errs.KindOf(err) != want {
		r.t.Errorf("%s: %v, want %s", what, err, want)
	}
}

func (r *rig) leaves() (kinds []string) {
	r.t.Helper()
	if err := r.db.Select(&kinds, `SELECT kind FROM audit_leaf ORDER BY id`); err != nil {
		r.t.Fatal(err)
	}
	return kinds
}

func fine() New {
	return New{Name: "nightly report", Scopes: []Scope{PumpsRead, AlarmsRead}, Sites: []int64{2, 1}, Life: 24 * time.Hour}
}

func TestCreateAndCheck(t *testing.T) {
	r := newRig(t)
	text, made := r.make(r.anna, fine())
	got, err := r.Check(t.Context(), text, here)
	if err != nil || got.ID != made.ID || got.Owner != 7 || !got.Has(AlarmsRead) || got.Has(PumpsWrite) || got.Has("") || !slices.Equal(got.Sites, []int64{1, 2}) {
		t.Fatalf("%+v, %v", got, err)
	}
	list, err := r.Of(t.Context(), 7)
	if err != nil || len(list) != 1 || !list[0].UsedAt.Equal(moment) || list[0].UsedFrom != "192.0.2.7" || list[0].State(r.at) != "active" {
		t.Errorf("%+v, %v", list, err)
	}
	r.at = r.at.Add(30 * time.Second)
	if _, err := r.Check(t.Context(), text, netip.MustParseAddr("192.0.2.8")); err != nil {
		t.Fatal(err)
	}
	if list, err = r.Of(t.Context(), 7); err != nil || list[0].UsedFrom != "192.0.2.7" {
		t.Errorf("the last use was written again within a minute: %+v, %v", list, err)
	}
	if got := r.leaves(); !slices.Equal(got, []string{"token.create"}) {
		t.Errorf("leaves %v", got)
	}
	// The text is nowhere.
	for _, query := range []string{`SELECT coalesce(string_agg(t::text, ''), '') FROM token_tokens t`, `SELECT coalesce(string_agg(p::text, ''), '') FROM audit_payload p`} {
		var stored string
		if err := r.db.Get(&stored, query); err != nil || stored == "" || strings.Contains(stored, text) || strings.Contains(stored, strings.Split(text, ".")[2][:20]) {
			t.Errorf("%s: %v", query, err)
		}
	}
	r.at = moment.Add(24 * time.Hour)
	_, err = r.Check(t.Context(), text, here)
	r.kind("expired", err, errs.Unauthorized)
	if strings.Contains(r.log.String(), strings.Split(text, ".")[1]) {
		t.Error("the log holds a token")
	}
}

func TestWhatATokenMayNotBe(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		change func(*New)
		want   errs.Kind
	}{
		"no name":               {func(n *New) { n.Name = "" }, errs.Invalid},
		"a blank name":          {func(n *New) { n.Name = " x" }, errs.Invalid},
		"two lines":             {func(n *New) { n.Name = "x\ny" }, errs.Invalid},
		"a long name":           {func(n *New) { n.Name = strings.Repeat("ä", 101) }, errs.Invalid},
		"no scope":              {func(n *New) { n.Scopes = nil }, errs.Invalid},
		"no such scope":         {func(n *New) { n.Scopes = []Scope{"orders.write"} }, errs.Invalid},
		"a scope twice":         {func(n *New) { n.Scopes = []Scope{PumpsRead, PumpsRead} }, errs.Invalid},
		"no site":               {func(n *New) { n.Sites = nil }, errs.Invalid},
		"a site twice":          {func(n *New) { n.Sites = []int64{1, 1} }, errs.Invalid},
		"another's site":        {func(n *New) { n.Sites = []int64{1, 9} }, errs.NotFound},
		"no time":               {func(n *New) { n.Life = 0 }, errs.Invalid},
		"a negative time":       {func(n *New) { n.Life = -time.Hour }, errs.Invalid},
		"91 days":               {func(n *New) { n.Life = 91 * 24 * time.Hour }, errs.Invalid},
		"a second over 90 days": {func(n *New) { n.Life = MaxLife + time.Second }, errs.Invalid},
	} {
		n := fine()
		c.change(&n)
		_, _, err := r.Create(t.Context(), r.anna, n)
		r.kind(name, err, c.want)
	}
	_, _, err := r.Create(t.Context(), auth.System("test"), fine())
	r.kind("a part of the server", err, errs.Denied)
	_, _, err = r.Create(t.Context(), r.anna.ByToken(3, []int64{1, 2}), fine())
	r.kind("a token makes a token", err, errs.Denied)
	if got := r.leaves(); len(got) != 0 {
		t.Errorf("leaves %v", got)
	}
	// Many at once do not get past the limit.
	var wg sync.WaitGroup
	for range MaxOpen + 5 {
		wg.Go(func() { _, _, _ = r.Create(t.Context(), r.anna, fine()) })
	}
	wg.Wait()
	list, err := r.Of(t.Context(), 7)
	if err != nil || len(list) != MaxOpen {
		t.Errorf("%d tokens, %v", len(list), err)
	}
	_, _, err = r.Create(t.Context(), r.anna, fine())
	r.kind("one too many", err, errs.Conflict)
}

// Who may end a token, and that it ends at once.
func TestRevoke(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		who  auth.Actor
		want errs.Kind
	}{
		"owner":                  {r.anna, ""},
		"administrator":          {r.ada, ""},
		"auditor":                {r.karl, errs.NotFound},
		"another administrator":  {r.other, errs.NotFound},
		"a colleague":            {auth.Actor{ID: 11, Roles: r.anna.Roles}, errs.NotFound},
		"the owner's own token":  {r.anna.ByToken(1, []int64{1, 2}), errs.NotFound},
		"an administrator's one": {r.ada.ByToken(1, []int64{1}), errs.NotFound},
	} {
		text, made := r.make(r.anna, fine())
		_, err := r.Revoke(t.Context(), c.who, made.ID, "as a test")
		if c.want != "" {
			r.kind(name, err, c.want)
			_, err = r.Revoke(t.Context(), r.anna, made.ID, "end")
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_, err = r.Check(t.Context(), text, here)
		r.kind("revoked by "+name, err, errs.Unauthorized)
		_, err = r.Active(t.Context(), r.anna.ID, made.ID)
		r.kind("work goes on that was begun with one revoked by "+name, err, errs.Denied)
		_, err = r.Revoke(t.Context(), r.anna, made.ID, "again")
		r.kind("again", err, errs.Conflict)
	}
	_, made := r.make(r.anna, fine())
	for _, reason := range []string{"", " ", "a\nb", strings.Repeat("x", 301)} {
		_, err := r.Revoke(t.Context(), r.anna, made.ID, reason)
		r.kind("reason "+reason, err, errs.Invalid)
	}
	if got, err := r.Active(t.Context(), r.anna.ID, made.ID); err != nil || !slices.Equal(got.Sites, []int64{1, 2}) {
		t.Errorf("%+v %v", got, err)
	}
	_, err := r.Active(t.Context(), r.ada.ID, made.ID)
	r.kind("somebody else's", err, errs.NotFound)
	r.at = made.ExpiresAt
	_, err = r.Active(t.Context(), r.anna.ID, made.ID)
	r.kind("expired", err, errs.Denied)
	_, err = r.Revoke(t.Context(), r.anna, 999, "x")
	r.kind("none such", err, errs.NotFound)
}

func TestRevokeOwner(t *testing.T) {
	r := newRig(t)
	first, _ := r.make(r.anna, fine())
	second, _ := r.make(r.anna, fine())
	stays, _ := r.make(r.ada, New{Name: "x", Scopes: []Scope{PumpsRead}, Sites: []int64{1}, Life: time.Hour})
	boom := errors.New("boom")
	end := func(fail error) error {
		return postgres.InTx(t.Context(), r.db, func(tx *postgres.Tx) error {
			if err := r.Service.RevokeOwner(t.Context(), tx, r.ada, 7, "left"); err != nil {
				return err
			}
			return fail
		})
	}
	if err := end(boom); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if _, err := r.Check(t.Context(), first, here); err != nil {
		t.Errorf("what was rolled back has ended the token: %v", err)
	}
	if err := end(nil); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{first, second} {
		_, err := r.Check(t.Context(), text, here)
		r.kind("of the owner", err, errs.Unauthorized)
	}
	if _, err := r.Check(t.Context(), stays, here); err != nil {
		t.Error(err)
	}
	n := 0
	for _, k := range r.leaves() {
		if k == "token.revoke" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d leaves of revocations", n)
	}
}

// A row that was edited behind the server's back does not widen a token, and a
// signature without a row is nothing.
func TestRowAndTextAgree(t *testing.T) {
	r := newRig(t)
	for name, update := range map[string]string{
		"scopes": `UPDATE token_tokens SET scopes = array_append(scopes, 'pumps.write')`, "sites": `UPDATE token_tokens SET sites = '{1,2,3}'`,
		"owner": `UPDATE token_tokens SET owner_id = 8`, "end": `UPDATE token_tokens SET expires_at = expires_at + interval '1 day'`,
		"id": `UPDATE token_tokens SET jti_hash = sha256('x')`, "none": `DELETE FROM token_tokens`,
	} {
		text, _ := r.make(r.anna, fine())
		if _, err := r.Check(t.Context(), text, here); err != nil {
			t.Fatal(err)
		}
		if _, err := r.db.Exec(update); err != nil {
			t.Fatal(err)
		}
		_, err := r.Check(t.Context(), text, here)
		r.kind(name, err, errs.Unauthorized)
		if _, err := r.db.Exec(`DELETE FROM token_tokens`); err != nil {
			t.Fatal(err)
		}
	}
	// Another installation with the same rows has another key.
	text, _ := r.make(r.anna, fine())
	twin, err := NewService(Options{DB: r.db, Key: newKey(t), Log: slog.New(slog.DiscardHandler), Now: r.now})
	if err != nil {
		t.Fatal(err)
	}
	_, err = twin.Check(t.Context(), text, here)
	r.kind("another key", err, errs.Unauthorized)
	// Without a key, as tools have none, nothing is taken.
	tool, err := NewService(Options{DB: r.db, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tool.Check(t.Context(), text, here)
	r.kind("no key", err, errs.Unauthorized)
}

func TestThrottling(t *testing.T) {
	r := newRig(t)
	good, _ := r.make(r.anna, fine())
	bad := good[:len(good)-4] + "AAAA"
	for i := range wrongTokens.burst {
		_, err := r.Check(t.Context(), bad, here)
		r.kind(fmt.Sprint("bad token ", i), err, errs.Unauthorized)
	}
	_, err := r.Check(t.Context(), bad, here)
	r.kind("one more", err, errs.Throttled)
	if wait, ok := errors.AsType[*auth.Throttled](err); !ok || wait.After < time.Second || wait.After > wrongTokens.every {
		t.Errorf("wait %+v", wait)
	}
	if _, err := r.Check(t.Context(), good, here); err != nil {
		t.Errorf("a good token waits for a neighbour's bad ones: %v", err)
	}
	_, err = r.Check(t.Context(), bad, netip.MustParseAddr("198.51.100.1"))
	r.kind("from another address", err, errs.Unauthorized)
	r.at = r.at.Add(wrongTokens.every)
	_, err = r.Check(t.Context(), bad, here)
	r.kind("later", err, errs.Unauthorized)

	for range requests.burst {
		if _, err = r.Check(t.Context(), good, here); err != nil {
			break
		}
	}
	for err == nil {
		_, err = r.Check(t.Context(), good, here)
	}
	r.kind("too often", err, errs.Throttled)
	second, _ := r.make(r.anna, fine())
	if _, err := r.Check(t.Context(), second, here); err != nil {
		t.Errorf("another token waits for it: %v", err)
	}
}

// The limiter's memory is bounded however many ask.
func TestLimiterForgets(t *testing.T) {
	l := newLimiter(wrongTokens)
	for i := range 3 * maxKeys {
		l.take(fmt.Sprint(i), moment.Add(time.Duration(i)*time.Millisecond))
	}
	if len(l.by) > maxKeys {
		t.Errorf("%d keys", len(l.by))
	}
}

func TestListsBySite(t *testing.T) {
	r := newRig(t)
	r.make(r.anna, fine())
	r.make(r.anna, New{Name: "only 2", Scopes: []Scope{PumpsRead}, Sites: []int64{2}, Life: time.Hour})
	for _, who := range []auth.Actor{r.ada, r.karl} {
		list, err := r.At(t.Context(), who)
		if err != nil || len(list) != 1 || list[0].Name != "nightly report" {
			t.Errorf("%s: %+v, %v", who, list, err)
		}
	}
	if list, err := r.At(t.Context(), r.other); err != nil || len(list) != 0 {
		t.Errorf("another administrator sees %+v, %v", list, err)
	}
	_, err := r.At(t.Context(), r.anna)
	r.kind("an engineer", err, errs.Denied)
	r.at = r.at.Add(MaxLife + 25*time.Hour)
	if list, err := r.Of(t.Context(), 7); err != nil || len(list) != 0 {
		t.Errorf("what ended long ago is listed: %+v, %v", list, err)
	}
	if raw, err := json.Marshal(r.leaves()); err != nil || string(raw) != `["token.create","token.create"]` {
		t.Errorf("leaves %s, %v", raw, err)
	}
}
