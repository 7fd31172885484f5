package web

import (
	"fmt"
	"slices"
	"strings"

	"cisterna/internal/auth"
	"cisterna/web/api"
)

// outcome is what the table says becomes of an operation about a thing of site A.
type outcome string

const (
	done         outcome = "done"         // and seen, if it is a list, only what is the person's
	unauthorized outcome = "unauthorized" // 401
	denied       outcome = "denied"       // 403
	notFound     outcome = "not_found"    // 404
	locked       outcome = "visit_locked" // 403: it is not about the patient that the session is locked to
)

// expected reads the table for a persona. It is the table's meaning, in one place.
func expected(who api.Access, p persona) outcome {
	holds := func(roles []auth.Role) bool {
		return who.Roles == nil || slices.ContainsFunc(roles, func(r auth.Role) bool { return slices.Contains(who.Roles, r) })
	}
	switch {
	case who.Anyone:
		return done
	case !p.signed:
		return unauthorized
	case p.visit != nowhere && !who.Visit && !(who.Of == api.OfNothing && who.Roles == nil) && !(p.visit == ownThing && ofPump(who.Of)):
		return locked
	case p.scopes != nil && (who.Token == "" || !slices.Contains(p.scopes, who.Token)):
		return denied
	case who.Own && len(p.here) > 0 && !holds(p.here):
		return denied
	case who.Own && who.Roles != nil && len(p.here) == 0 && !holds(p.there):
		return denied
	case who.Own && !p.owner:
		return notFound
	case who.Of.One() && len(p.here) == 0, who.Of.One() && who.Hidden && !holds(p.here):
		return notFound
	case who.Of.One() && !holds(p.here), !who.Of.One() && !holds(p.any()):
		return denied
	}
	return done
}

// violation returns how an answer differs from the table's, "" if it does not.
func (f *fixture) violation(op string, who api.Access, try func() attempt, p persona) string {
	c := *p.client // a cookie that changes stays here
	if c.token != "" {
		// Whoever shows many bad tokens from one address is made to wait.
		f.mu.Lock()
		f.spent++
		c.ip = fmt.Sprintf("2001:db8::%x", f.spent)
		f.mu.Unlock()
	}
	a := try()
	visited := f.lock(&c, &p, api.Operations()[op], a) // whatever who says
	r := c.do(a.method, a.path, a.body)
	want := expected(who, p)
	status := map[outcome]int{unauthorized: 401, denied: 403, notFound: 404, locked: 403}
	right := r.status == status[want] && r.code() == string(want)
	if want == done {
		right = slices.Contains(a.ok, r.status)
	}
	switch {
	case !right:
		return fmt.Sprintf("%s by %s: %d %.300s; the table says %s", op, p.name, r.status, r.body, want)
	case visited != "" && want == done && who.Visit:
		return f.shown(op, p, visited, r)
	case len(p.here) > 0 || want != done || who.Anyone:
		return ""
	}
	// What was shown to somebody who has no role at site A is nothing of site A.
	for _, sign := range []string{fmt.Sprintf("SN-%d-", f.a), "ALPHA", `"login":"nurse"`} {
		if strings.Contains(string(r.body), sign) {
			return fmt.Sprintf("%s by %s shows %s of the other site: %.300s", op, p.name, sign, r.body)
		}
	}
	return ""
}
