package auth

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cisterna/internal/errs"
)

func TestAccountChangesEndSessions(t *testing.T) {
	f := newFixture(t)
	admin := f.administrator()
	engineer := Actor{ID: 98, Login: "eng", Roles: map[int64][]Role{1: {Engineer}}}
	target := f.anna.Actor(map[int64][]Role{1: {Nurse}})
	elsewhere := f.anna.Actor(map[int64][]Role{1: {Nurse}, 2: {Nurse}})
	ctx := t.Context()

	f.wantKind("disable by an engineer", f.Disable(ctx, engineer, target, "x"), errs.Denied)
	f.wantKind("disable by an administrator of one of two sites", f.Disable(ctx, admin, elsewhere, "x"), errs.Denied)
	f.wantKind("password by a nobody", f.SetPassword(ctx, Actor{}, target, password, "x"), errs.Denied)
	f.wantKind("sessions of another", f.EndSessions(ctx, engineer, target, "x"), errs.Denied)
	_, err := f.CreateUser(ctx, engineer, NewUser{Login: "eve", Name: "Eve", Password: password})
	f.wantKind("account by an engineer", err, errs.Denied)

	steps := []struct {
		name string
		do   func() error
		how  Ending
	}{
		{"end own sessions", func() error { return f.EndSessions(ctx, target, target, "lost laptop") }, Revoked},
		{"end another's sessions", func() error { return f.EndSessions(ctx, admin, target, "lost laptop") }, Revoked},
		{"set password", func() error { return f.SetPassword(ctx, admin, target, password, "forgotten") }, PasswordChanged},
		{"disable", func() error { return f.Disable(ctx, admin, target, "left") }, AccountDisabled},
	}
	for _, step := range steps {
		a, s1 := f.mustSignIn(home)
		b, s2 := f.mustSignIn(other)
		ended := f.Ended().Subscribe(8)
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		for _, token := range []Token{a, b} {
			_, err := f.Session(ctx, token)
			f.wantKind(step.name, err, errs.Unauthorized)
		}
		if all, _ := ended.Take(); len(all) != 2 || all[0].How != step.how {
			t.Errorf("%s: told of %+v", step.name, all)
		}
		if alive, err := f.Alive(ctx, []int64{s1.ID, s2.ID}); err != nil || len(alive) != 0 {
			t.Errorf("%s: alive %v, %v", step.name, alive, err)
		}
	}
	_, _, err = f.try("anna", password, home)
	f.wantKind("sign-in of a disabled account", err, errs.Unauthorized)
	if err := f.Enable(ctx, admin, target, "back"); err != nil {
		t.Fatal(err)
	}
	f.mustSignIn(home)
	for kind, n := range map[string]int{"auth.sessions_end": 2, "auth.password": 1, "auth.account_disable": 1, "auth.account_enable": 1, "auth.account_create": 1} {
		if got := f.record(kind); len(got) != n {
			t.Errorf("%d leaves %s, want %d", len(got), kind, n)
		}
	}
	sessions, err := f.Sessions(ctx, f.anna.ID)
	if err != nil || len(sessions) != 9 || sessions[0].Ended != "" || sessions[1].Ended != AccountDisabled {
		t.Errorf("sessions %+v, %v", sessions, err)
	}
}

// TestAccountChangesOvertakeSignIns: the account changes between the look at the
// password and the session.
func TestAccountChangesOvertakeSignIns(t *testing.T) {
	f := newFixture(t)
	admin := f.administrator()
	target := f.anna.Actor(map[int64][]Role{1: {Nurse}})
	f.mustSignIn(home)
	for name, do := range map[string]func() error{
		"password": func() error { return f.SetPassword(t.Context(), admin, target, "summer garden at ten", "stolen") },
		"disabled": func() error { return f.Disable(t.Context(), admin, target, "left") },
	} {
		user, ok, err := userByLogin(t.Context(), f.db, "anna")
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		f.clock.move(time.Second)
		if err := do(); err != nil {
			t.Fatal(err)
		}
		c := Credentials{Login: "anna", Address: home}
		if _, _, err := f.begin(t.Context(), user, c, f.byPassword(user, ticket{}, "")); !errors.Is(err, errOvertaken) {
			t.Errorf("%s: a session begins: %v", name, err)
		}
	}
	all, err := f.Sessions(t.Context(), f.anna.ID)
	if err != nil || len(all) != 1 || all[0].Ended == "" {
		t.Errorf("sessions %+v, %v", all, err)
	}
}

func TestCreateUserRefuses(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		user NewUser
		want errs.Kind
	}{
		"login taken in other case": {NewUser{"ANNA", "Another", password, false}, errs.Conflict},
		"no login":                  {NewUser{"", "X", password, false}, errs.Invalid},
		"login with a blank":        {NewUser{"a b", "X", password, false}, errs.Invalid},
		"login not ASCII":           {NewUser{"änna", "X", password, false}, errs.Invalid},
		"long login":                {NewUser{strings.Repeat("a", 65), "X", password, false}, errs.Invalid},
		"no name":                   {NewUser{"x", "", password, false}, errs.Invalid},
		"name with a newline":       {NewUser{"x", "a\nb", password, false}, errs.Invalid},
		"short password":            {NewUser{"x", "X", "short", false}, errs.Invalid},
	} {
		_, err := f.CreateUser(t.Context(), System("test"), c.user)
		f.wantKind(name, err, c.want)
	}
	if a, err := f.AccountByLogin(t.Context(), "aNNa"); err != nil || a.ID != f.anna.ID {
		t.Errorf("by login: %+v, %v", a, err)
	}
	_, err := f.AccountByLogin(t.Context(), "nobody")
	f.wantKind("by unknown login", err, errs.NotFound)
	_, err = f.Account(t.Context(), 12345)
	f.wantKind("by unknown id", err, errs.NotFound)
}

func TestHashesAreRenewed(t *testing.T) {
	f := newFixture(t)
	stored := func() (s string) {
		if err := f.db.Get(&s, `SELECT password FROM auth_users WHERE id = $1`, f.anna.ID); err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := stored()
	f.mustSignIn(home)
	if stored() != before {
		t.Error("a hash of the right cost was renewed")
	}
	f.hasher.params.MemoryKiB *= 2
	f.mustSignIn(home)
	if got := stored(); !strings.Contains(got, "$m=128,t=1,p=1$") {
		t.Errorf("stored %s", got)
	}
	f.mustSignIn(home)
}
