// Package token knows API tokens: what a script or a colleague's program shows
// instead of a session.
//
// # Invariants
//
//   - A token is narrow: it names groups of operations (scopes), sites and an end
//     at most 90 days away. It never has more than its owner has now; the caller
//     of [Service.Check] intersects with the owner's roles of the moment.
//   - A token counts only while its row says so: revoking one ends it at the next
//     request. The row and the signed text must say the same, so that neither a
//     stolen key nor an edited row is enough alone.
//   - The text is read strictly (claims.go): nothing that two readers could take
//     for two things is taken at all.
//   - The text is shown once and stored nowhere. The row is found by a hash.
//
// The package does not know which operation belongs to which scope.
package token

import (
	"slices"
	"time"

	"cisterna/internal/errs"
)

// Scope is a group of operations.
type Scope string

// The scopes. There is none for changing people, tokens or sites, for what asks
// for a fresh signature of the person, nor for orders: programs do none of that.
const (
	PumpsRead  Scope = "pumps.read"
	PumpsWrite Scope = "pumps.write" // register, import, tag; nothing that ends trust
	AlarmsRead Scope = "alarms.read"
	EventsRead Scope = "events.read"
	RecordRead Scope = "record.read"
	PeopleRead Scope = "people.read"
	StatusRead Scope = "status.read"
)

// Scopes lists all scopes.
func Scopes() []Scope {
	return []Scope{PumpsRead, PumpsWrite, AlarmsRead, EventsRead, RecordRead, PeopleRead, StatusRead}
}

// Limits of tokens.
const (
	MaxLife  = 90 * 24 * time.Hour
	MaxOpen  = 20 // of one owner at a time
	maxName  = 100
	maxSites = 200
)

// Token is a token as it stands, without its text.
type Token struct {
	ID        int64
	Owner     int64 // account
	Name      string
	Scopes    []Scope // sorted
	Sites     []int64 // sorted
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero: never; else to the minute
	UsedFrom  string
	RevokedAt time.Time // zero: not revoked
	RevokedBy string    // auth.Actor.String
	Reason    string
}

// Has reports whether the token is for operations of a scope.
func (t Token) Has(s Scope) bool { return s != "" && slices.Contains(t.Scopes, s) }

// State says in a word how a token stands.
func (t Token) State(now time.Time) string {
	switch {
	case !t.RevokedAt.IsZero():
		return "revoked"
	case !now.Before(t.ExpiresAt):
		return "expired"
	}
	return "active"
}

// New is what a token is made from.
type New struct {
	Name   string
	Scopes []Scope
	Sites  []int64
	Life   time.Duration
}

// check returns n in order, or what is wrong with it.
func (n New) check() (New, error) {
	n.Scopes, n.Sites = slices.Clone(n.Scopes), slices.Clone(n.Sites)
	slices.Sort(n.Scopes)
	slices.Sort(n.Sites)
	switch {
	case !printable(n.Name, maxName):
		return n, errs.InvalidField("name", "A token's name says what it is for, in 1 to %d characters.", maxName)
	case len(n.Scopes) == 0:
		return n, errs.InvalidField("scopes", "Say what the token is for: at least one scope.")
	case len(n.Sites) == 0:
		return n, errs.InvalidField("sites", "Say where the token is for: at least one site.")
	case len(n.Sites) > maxSites:
		return n, errs.InvalidField("sites", "A token reaches at most %d sites.", maxSites)
	case len(slices.Compact(slices.Clone(n.Scopes))) != len(n.Scopes):
		return n, errs.InvalidField("scopes", "A scope is there twice.")
	case len(slices.Compact(slices.Clone(n.Sites))) != len(n.Sites):
		return n, errs.InvalidField("sites", "A site is there twice.")
	case n.Life < time.Hour || n.Life > MaxLife:
		return n, errs.InvalidField("days", "A token lives 1 to 90 days.")
	}
	for _, s := range n.Scopes {
		if !slices.Contains(Scopes(), s) {
			return n, errs.InvalidField("scopes", "There is no scope %.40q.", string(s))
		}
	}
	return n, nil
}
