package web

import (
	"fmt"
	"testing"

	"cisterna/internal/auth"
	"cisterna/internal/postgres"
	"cisterna/internal/token"
	"cisterna/web/api"
)

// A body can be on its way for as long as its sender likes. What somebody may is
// judged when it is here.
func TestJudgedWhenTheBodyIsHere(t *testing.T) {
	f := newFixture(t)
	system := auth.System("test")
	must := func(err error) {
		if err != nil {
			f.Error(err)
		}
	}
	pump := f.pump(f.a)
	person := func() (int64, *browser) {
		f.spent++
		login := fmt.Sprintf("slow-%d", f.spent)
		f.person(login, f.a, auth.Engineer)
		return f.people[login], f.signIn(login)
	}
	program := func() (int64, *browser) {
		id, _ := person()
		return id, f.program(fmt.Sprintf("slow-%d", f.spent), token.PumpsWrite)
	}
	ends := func(id int64) { must(f.reg.EndSessions(t.Context(), system, id, "as a test")) }
	shuts := func(id int64) { must(f.reg.DisablePerson(t.Context(), system, id, "as a test")) }
	withdraws := func(id int64) { must(f.reg.RemoveMembership(t.Context(), system, id, f.a, auth.Engineer)) }
	revokes := func(id int64) {
		must(postgres.InTx(t.Context(), f.db, func(tx *postgres.Tx) error { return f.tokens.RevokeOwner(t.Context(), tx, system, id, "as a test") }))
	}
	for what, c := range map[string]struct {
		who       func() (int64, *browser)
		meanwhile func(int64)
		want      int
	}{
		"nothing happens":                {person, func(int64) {}, 200},
		"the session ends":               {person, ends, 401},
		"the account is shut":            {person, shuts, 401},
		"the last role is taken":         {person, withdraws, 404},
		"nothing happens to a program":   {program, func(int64) {}, 200},
		"the token is revoked":           {program, revokes, 401},
		"the account of a token is shut": {program, shuts, 401},
		"the owner has no role any more": {program, withdraws, 404},
	} {
		for _, keyed := range []bool{false, true} {
			id, b := c.who()
			var headers []string
			if keyed {
				headers = []string{api.KeyHeader, fmt.Sprintf("0123456789abcdef-%d", id)}
			}
			r := b.send("POST", "/api/v1/pumps/"+pump+"/tags", slowly{map[string]any{"add": []string{fmt.Sprintf("of-%d", id)}}, func() { c.meanwhile(id) }}, headers...)
			f.want(what, r.status, c.want)
			var tagged int
			must(f.db.Get(&tagged, `SELECT count(*) FROM lists_tags WHERE tag = $1`, fmt.Sprintf("of-%d", id)))
			f.want(what+": done", tagged == 1, c.want == 200)
		}
	}
}
