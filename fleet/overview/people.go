package overview

import (
	"context"
	"slices"
	"time"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// Person is an account with what it may do where, as somebody who manages or
// audits people sees it.
type Person struct {
	auth.Account
	Roles     []PersonRole // at the reader's sites, by site and role
	Elsewhere bool         // there are others, at sites that the reader neither administers nor audits
	Managed   bool         // the reader administers all sites where the person works
	SeenAt    time.Time    // of the last thing they did, zero if it is not known
	Sessions  int64        // that last
}

// PersonRole is a role of a person.
type PersonRole struct {
	Site      int64
	SiteShort string
	Role      auth.Role
	GrantedAt time.Time
	GrantedBy string // auth.Actor.String
}

// PeopleFilter narrows a list of people. Its zero value is everybody.
type PeopleFilter struct {
	Site  int64     // with a role there
	Role  auth.Role // with that role, at Site if one is given
	Text  string    // in login or name
	State string    // "open", "disabled", "" for both
	After PersonMark
	Limit int
}

// PersonMark is a place in the list: behind a person.
type PersonMark struct {
	Name string // in lower case
	ID   int64
}

// readers are who may see people: of the sites where they hold one of these.
var readers = []auth.Role{auth.Admin, auth.Auditor}

// sitesOf returns the sites whose people the actor may see.
func sitesOf(actor auth.Actor) (auth.Scope, error) {
	scope := actor.Scope()
	if !scope.All {
		scope.Sites = slices.DeleteFunc(scope.Sites, func(site int64) bool { return !actor.Has(site, readers...) })
		if len(scope.Sites) == 0 {
			return auth.Scope{}, errs.Deniedf("This needs the role admin or auditor at a site.")
		}
	}
	return scope, nil
}

// People returns people by name: those with a role at one of the reader's sites,
// and to administrators those with no role at all, whom nobody else would miss.
// next is where the list goes on, zero at its end. It returns an error of kind
// Denied to who neither administers nor audits a site.
func (s *Service) People(ctx context.Context, actor auth.Actor, f PeopleFilter) (list []Person, next PersonMark, err error) {
	scope, err := sitesOf(actor)
	if err != nil {
		return nil, PersonMark{}, err
	}
	limit := f.Limit
	f.Limit++ // one more tells whether the list goes on
	list, err = s.readPeople(ctx, actor, scope, 0, f)
	if err != nil {
		return nil, PersonMark{}, err
	}
	if len(list) > limit {
		list = list[:limit]
		next = markOf(list[limit-1])
	}
	return list, next, nil
}

// Person returns a person. It returns an error of kind Denied for one who works
// where the reader does without administering or auditing, and NotFound for all
// others whom the reader may not see.
func (s *Service) Person(ctx context.Context, actor auth.Actor, id int64) (Person, error) {
	one := PeopleFilter{Limit: 1}
	scope, notAllowed := sitesOf(actor)
	if notAllowed == nil {
		list, err := s.readPeople(ctx, actor, scope, id, one)
		if err != nil || len(list) > 0 {
			return first(list), err
		}
	}
	// A person of the reader's own sites is there, but not for everybody.
	list, err := s.readPeople(ctx, actor, actor.Scope(), id, one)
	switch {
	case err != nil:
		return Person{}, err
	case len(list) > 0:
		return Person{}, errs.Deniedf("This needs the role admin or auditor at a site where the person works.")
	}
	return Person{}, errs.NotFoundf("There is no such person.")
}

// RoleCount is how many open accounts have a role at a site.
type RoleCount struct {
	Site   int64
	Role   auth.Role
	People int64
}

// RoleCounts counts people by role at the sites that the reader administers or
// audits, none at others.
func (s *Service) RoleCounts(ctx context.Context, actor auth.Actor) ([]RoleCount, error) {
	scope, notAllowed := sitesOf(actor)
	if notAllowed != nil {
		return nil, nil
	}
	return s.readRoleCounts(ctx, scope)
}

func first(list []Person) (p Person) {
	if len(list) > 0 {
		p = list[0]
	}
	return p
}
