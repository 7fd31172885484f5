package web

import (
	"net/http"
	"slices"

	"cisterna/internal/auth"
	"cisterna/internal/token"
)

// persona is somebody who asks.
type persona struct {
	name   string
	client *browser
	here   []auth.Role   // at site A
	there  []auth.Role   // at site B
	signed bool          // in, or with an API token that counts
	scopes []token.Scope // of the token; nil: a session
	owner  bool          // of what the attempts make for the engineer of site A
	visit  visiting      // what the session is locked to
}

// visiting is whose visit a session is locked to.
type visiting string

const (
	nowhere   visiting = ""
	ownThing  visiting = "own"     // the patient whose pump the request is about
	otherPump visiting = "another" // another patient of the person's site
)

func (p persona) any() []auth.Role { return slices.Concat(p.here, p.there) }

// personas returns everybody who asks: nobody, people whose session, account or
// token does not count, people in every role at the site and at another, and
// programs with every scope and with too few.
func (f *fixture) personas() []persona {
	forged := f.stranger()
	forged.cookie = &http.Cookie{Name: "cisterna", Value: auth.NewToken().Reveal()}
	f.person("left", f.a, auth.Engineer)
	left, program := f.signIn("left"), f.program("left", token.Scopes()...)
	if err := f.reg.DisablePerson(f.Context(), auth.System("test"), f.people["left"], "left"); err != nil {
		f.Fatal(err)
	}
	f.person("idle", f.a, auth.Engineer)
	if err := f.reg.RemoveMembership(f.Context(), auth.System("test"), f.people["idle"], f.a, auth.Engineer); err != nil {
		f.Fatal(err)
	}
	engineer := []auth.Role{auth.Engineer}
	all := []persona{
		{name: "nobody", client: f.stranger()},
		{name: "a forged cookie", client: forged},
		{name: "a forged token", client: &browser{f: f, token: "e30.e30.e30"}},
		{name: "a shut account", client: left},
		{name: "a token of a shut account", client: program},
		{name: "somebody without a role", client: f.signIn("idle"), signed: true},
		{name: "an engineer's token, all scopes", client: f.program("engineer", token.Scopes()...), signed: true, here: engineer, scopes: token.Scopes()},
		{name: "an administrator's token, all scopes", client: f.program("admin", token.Scopes()...), signed: true, here: []auth.Role{auth.Admin}, scopes: token.Scopes()},
		{name: "another site's engineer's token, all scopes", client: f.program("engineer-b", token.Scopes()...), signed: true, there: engineer, scopes: token.Scopes()},
	}
	for _, lacks := range token.Scopes() {
		scopes := slices.DeleteFunc(token.Scopes(), func(s token.Scope) bool { return s == lacks })
		all = append(all, persona{name: "an engineer's token without " + string(lacks), client: f.program("engineer", scopes...), signed: true, here: engineer, scopes: scopes})
	}
	for _, r := range auth.Roles() {
		all = append(all,
			persona{name: string(r), client: f.signIn(string(r)), signed: true, here: []auth.Role{r}, owner: r == auth.Engineer},
			persona{name: string(r) + " of another site", client: f.signIn(string(r) + "-b"), signed: true, there: []auth.Role{r}},
		)
	}
	return append(all, f.visitors()...)
}
