package web

import (
	"context"
	"fmt"
	"testing"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
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
