package web

import (
	"context"
	"fmt"
	"testing"
	"time"

	"cisterna/fleet/lists"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/token"
	"cisterna/internal/webauthn"
)

// What people may was looked up when they asked. What gives somebody a way in, or
// takes one, is refused to those who have lost their own when it is done.
func TestLateActsOfAdministrators(t *testing.T) {
	f := newFixture(t)
	ctx, system := t.Context(), auth.System("test")
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for what, lose := range map[string]func(login string, id int64){
		"the account was shut": func(_ string, id int64) { must(f.reg.DisablePerson(ctx, system, id, "as a test")) },
		"the role was taken":   func(_ string, id int64) { must(f.reg.RemoveMembership(ctx, system, id, f.a, auth.Admin)) },
	} {
		login := map[string]string{"the account was shut": "late-shut", "the role was taken": "late-role"}[what]
		f.person(login, f.a, auth.Admin)
		late := f.actor(login)
		target := f.actor("nurse")
		code, _, err := f.auth.IssueCode(ctx, system, target, auth.Link, "as a test", false)
		must(err)
		lose(login, late.ID)
		for act, do := range map[string]func(context.Context) error{
			"grant": func(ctx context.Context) error {
				return f.reg.Grant(ctx, late, registry.RoleChange{User: target.ID, Site: f.a, Role: auth.Engineer, Reason: "late"})
			},
			"withdraw": func(ctx context.Context) error {
				return f.reg.Withdraw(ctx, late, registry.RoleChange{User: target.ID, Site: f.a, Role: auth.Nurse, Reason: "late"})
			},
			"add": func(ctx context.Context) error {
				_, err := f.reg.AddPerson(ctx, late, registry.NewPerson{NewUser: auth.NewUser{Login: "late-new", Name: "New", NoPassword: true}, Site: f.a, Role: auth.Nurse, Reason: "late"})
				return err
			},
			"shut":         func(ctx context.Context) error { return f.reg.DisablePerson(ctx, late, target.ID, "late") },
			"open":         func(ctx context.Context) error { return f.reg.EnablePerson(ctx, late, target.ID, "late") },
			"end sessions": func(ctx context.Context) error { return f.reg.EndSessions(ctx, late, target.ID, "late") },
			"password": func(ctx context.Context) error {
				return f.auth.SetPassword(ctx, late, target, "a quite new Password 77", "late")
			},
			"issue": func(ctx context.Context) error {
				_, _, err := f.auth.IssueCode(ctx, late, target, auth.Enrol, "late", false)
				return err
			},
			"confirm":         func(ctx context.Context) error { _, err := f.auth.ConfirmCode(ctx, late, target, code.ID); return err },
			"withdraw a code": func(ctx context.Context) error { _, err := f.auth.WithdrawCode(ctx, late, target, code.ID); return err },
			"revoke a key":    func(ctx context.Context) error { return f.auth.RevokeKey(ctx, late, target, 999, "late") },
			"unlink":          func(ctx context.Context) error { return f.auth.Unlink(ctx, late, target, 999) },
			"change a site": func(ctx context.Context) error {
				_, err := f.reg.ChangeSite(ctx, late, f.a, 1, registry.NewSite{Name: "Late", Short: "LATE", TimeZone: "Europe/Berlin"}, "late")
				return err
			},
			"create a site": func(ctx context.Context) error {
				_, err := f.reg.CreateSite(ctx, late, registry.NewSite{Name: "Late", Short: "LATE", TimeZone: "Europe/Berlin"})
				return err
			},
		} {
			f.want(what+": "+act, errs.KindOf(do(ctx)), errs.Denied)
		}
	}
}

// A key is enrolled only in a session that lasts: one that has ended leaves nobody
// a way in.
func TestNoKeyFromASessionThatEnded(t *testing.T) {
	f := newFixture(t)
	ctx, party := t.Context(), auth.Party{RPID: "localhost", Origin: "http://localhost:8600"}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for what, end := range map[string]func(id int64) error{
		"it lasts":             func(int64) error { return nil },
		"it was ended":         func(id int64) error { return f.reg.EndSessions(ctx, auth.System("test"), id, "as a test") },
		"the account was shut": func(id int64) error { return f.reg.DisablePerson(ctx, auth.System("test"), id, "as a test") },
	} {
		f.spent++
		login := fmt.Sprintf("key-%d", f.spent)
		f.person(login, f.a, auth.Nurse)
		token, ok := auth.ParseToken(f.signIn(login).cookie.Value)
		f.want("a token", ok, true)
		session, err := f.auth.Session(ctx, token)
		must(err)
		soft, err := f.auth.AskSoftwareKey(ctx, session)
		must(err)
		pass, err := f.auth.AskKey(ctx, session)
		must(err)
		must(end(f.people[login]))
		made := func(challenge [32]byte) webauthn.Creation {
			c, err := f.newSoft().Create(challenge)
			must(err)
			return c
		}
		_, asSoftware := f.auth.AddSoftwareKey(ctx, party, session, "a key", soft.Nonce, made(soft.Bytes))
		_, asPasskey := f.auth.AddKey(ctx, party, session, "a key", pass.Nonce, made(pass.Bytes))
		kind := errs.Unauthorized
		if what == "it lasts" {
			kind = ""
		}
		f.want(what, line(errs.KindOf(asSoftware), errs.KindOf(asPasskey)), line(kind, kind))
		keys, err := f.auth.Keys(ctx, f.people[login])
		must(err)
		f.want(what+": keys", len(keys) == 2, what == "it lasts")
	}
}

// What a person may is judged in the transaction that does it: it waits for one that takes
// the role or the account away, and is refused when that is done.
func TestActsWaitForWhatTakesTheRightAway(t *testing.T) {
	f := newFixture(t)
	ctx, system := t.Context(), auth.System("test")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	pump := f.number(f.pump(f.a))
	group, err := f.lists.CreateGroup(ctx, system, lists.NewGroup{Site: f.a, Name: "Ward 3"})
	must(err)
	shared, err := f.lists.CreateView(ctx, system, lists.NewView{Site: f.a, Name: "Shared"})
	must(err)
	lose := map[string]string{
		"the role":    `DELETE FROM registry_memberships WHERE user_id = $1`,
		"the account": `UPDATE auth_users SET disabled_at = now() WHERE id = $1`,
	}
	acts := map[string]func(auth.Actor) error{
		"make a token": func(who auth.Actor) error {
			_, _, err := f.tokens.Create(ctx, who, token.New{Name: "late", Scopes: []token.Scope{token.PumpsRead}, Sites: []int64{f.a}, Life: time.Hour})
			return err
		},
		"tag a pump": func(who auth.Actor) error {
			_, err := f.lists.Tag(ctx, who, pump, []string{"late"}, nil)
			return err
		},
		"make a group": func(who auth.Actor) error {
			_, err := f.lists.CreateGroup(ctx, who, lists.NewGroup{Site: f.a, Name: "Late"})
			return err
		},
		"rename a group": func(who auth.Actor) error {
			_, err := f.lists.EditGroup(ctx, who, group.ID, group.Rev, lists.NewGroup{Name: "Late"})
			return err
		},
		"delete a group":   func(who auth.Actor) error { return f.lists.DeleteGroup(ctx, who, group.ID, group.Rev) },
		"put into a group": func(who auth.Actor) error { return f.lists.SetMember(ctx, who, group.ID, pump, true) },
		"share a view": func(who auth.Actor) error {
			_, err := f.lists.CreateView(ctx, who, lists.NewView{Site: f.a, Name: "Late"})
			return err
		},
		"rename a view": func(who auth.Actor) error {
			_, err := f.lists.EditView(ctx, who, shared.ID, shared.Rev, lists.NewView{Site: f.a, Name: "Late"})
			return err
		},
		"delete a view": func(who auth.Actor) error { return f.lists.DeleteView(ctx, who, shared.ID, shared.Rev) },
	}
	for what, statement := range lose {
		for act, do := range acts {
			f.spent++
			login := fmt.Sprintf("late-%d", f.spent)
			f.person(login, f.a, auth.Engineer)
			f.want("after losing "+what+": "+act, f.meanwhile(statement, f.people[login], func() error { return do(f.actor(login)) }), errs.Denied)
		}
	}
	f.spent++
	login := fmt.Sprintf("late-%d", f.spent)
	f.person(login, f.a, auth.Engineer)
	f.signIn(login).softKey()
	keys, err := f.auth.Keys(ctx, f.people[login])
	must(err)
	f.want("after losing the account: rename a key", f.meanwhile(lose["the account"], f.people[login], func() error { return f.auth.RenameKey(ctx, f.actor(login), keys[0].ID, "late") }), errs.Denied)
	var n int
	must(f.db.Get(&n, `SELECT (SELECT count(*) FROM token_tokens) + (SELECT count(*) FROM lists_tags) + (SELECT count(*) FROM lists_members)
		+ (SELECT count(*) FROM lists_groups WHERE name = 'Late') + (SELECT count(*) FROM lists_views WHERE name = 'Late')`))
	f.want("done late", n, 0)
}

// meanwhile begins an act while a transaction that takes something from a person is under
// way, ends that when the act waits for it, and returns the kind of the act's error. An act
// that does not wait ends before.
func (f *fixture) meanwhile(statement string, person int64, act func() error) errs.Kind {
	f.Helper()
	tx, err := f.db.BeginTxx(f.Context(), nil)
	if err != nil {
		f.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	var own int
	if err := tx.Get(&own, `SELECT pg_backend_pid()`); err != nil {
		f.Fatal(err)
	}
	if _, err := tx.Exec(statement, person); err != nil {
		f.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- act() }()
	var early error
	ended := false
	f.eventually("the act waits, or is done", func() bool {
		select {
		case early = <-done:
			ended = true
			return true
		default:
		}
		var waits bool
		if err := f.db.Get(&waits, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid)))`, own); err != nil {
			f.Fatal(err)
		}
		return waits
	})
	if err := tx.Commit(); err != nil {
		f.Fatal(err)
	}
	if ended {
		return errs.KindOf(early)
	}
	return errs.KindOf(<-done)
}

// A token that is made while its owner's account is shut ends with it, or is never made.
func TestTokenMadeWhileItsOwnerIsShut(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	f.person("late", f.a, auth.Engineer)
	late := f.actor("late")
	// Both wait for what this transaction holds, first the token, then the shutting.
	tx, err := f.db.BeginTxx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtextextended('token_tokens/' || $1::text, 0))`, late.ID); err != nil {
		t.Fatal(err)
	}
	waiting := func(n int) {
		t.Helper()
		f.eventually("they wait", func() bool {
			var got int
			if err := f.db.Get(&got, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`); err != nil {
				t.Fatal(err)
			}
			return got == n
		})
	}
	made, shut := make(chan error, 1), make(chan error, 1)
	go func() {
		_, _, err := f.tokens.Create(ctx, late, token.New{Name: "late", Scopes: []token.Scope{token.PumpsRead}, Sites: []int64{f.a}, Life: time.Hour})
		made <- err
	}()
	waiting(1)
	go func() { shut <- f.reg.DisablePerson(ctx, auth.System("test"), late.ID, "as a test") }()
	waiting(2)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-made; err != nil {
		t.Errorf("who was first is refused: %v", err)
	}
	if err := <-shut; err != nil {
		t.Fatal(err)
	}
	var open int
	if err := f.db.Get(&open, `SELECT count(*) FROM token_tokens WHERE owner_id = $1 AND revoked_at IS NULL`, late.ID); err != nil {
		t.Fatal(err)
	}
	f.want("tokens that count", open, 0)
}
