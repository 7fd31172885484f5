// Package auth knows people: their accounts, passwords and sessions, and what
// "the acting person" means everywhere else.
//
// Who acts is always an argument, never taken from a context. What somebody may
// do depends on the site: roles are held per site, and a site that an actor has
// no role at does not exist for them. The package stores accounts and sessions;
// which roles a person has at which site is package registry's to say.
package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
)

// Role is what a person may do at a site (DESIGN.md 1).
type Role string

// The roles. An Admin manages people and sites and can approve no dose.
const (
	Engineer   Role = "engineer"   // registers pumps, watches alarms and links
	Prescriber Role = "prescriber" // proposes dose changes
	Verifier   Role = "verifier"   // checks them independently
	Nurse      Role = "nurse"      // refills; may release what others approved
	Pharmacist Role = "pharmacist" // owns the drug library
	Auditor    Role = "auditor"    // reads and exports
	Admin      Role = "admin"      // people and sites
)

// Roles lists all roles.
func Roles() []Role {
	return []Role{Engineer, Prescriber, Verifier, Nurse, Pharmacist, Auditor, Admin}
}

// Actor is who does something: a person, a part of the server, or a device. The
// zero Actor may nothing.
type Actor struct {
	ID    int64  // of the account; 0 for parts of the server and devices
	Login string // "anna"
	Name  string // printed name, for signatures and screens
	Roles map[int64][]Role
	other string // "system:sweep", "device:COMM-1"
	only  int64  // the pump that a locked session is about, 0 if it is not locked
	token int64  // of the API token that the person's program shows, 0 if they are here themselves
}

// System is a part of the server acting on its own; it may everything.
func System(part string) Actor { return Actor{Name: "Cisterna", other: "system:" + part} }

// Device is a pump or communicator acting through its link.
func Device(link string) Actor { return Actor{Name: link, other: "device:" + link} }

// String returns the actor as the record names them: "person:7 anna", and
// "person:7 anna token:3" for a program of hers.
func (a Actor) String() string {
	switch {
	case a.other != "":
		return a.other
	case a.ID != 0 && a.token != 0:
		return "person:" + strconv.FormatInt(a.ID, 10) + " " + a.Login + " token:" + strconv.FormatInt(a.token, 10)
	case a.ID != 0:
		return "person:" + strconv.FormatInt(a.ID, 10) + " " + a.Login
	}
	return "nobody"
}

// ByToken returns the person as a program of theirs acts that shows an API token
// for some sites: with the roles that they have now at these, and no others.
func (a Actor) ByToken(token int64, sites []int64) Actor {
	roles := map[int64][]Role{}
	for _, site := range sites {
		if held := a.Roles[site]; len(held) > 0 {
			roles[site] = held
		}
	}
	a.Roles, a.token = roles, token
	return a
}

// IsToken reports whether a program acts, not the person.
func (a Actor) IsToken() bool { return a.token != 0 }

// Program returns the number of the API token that a program acts by, 0 if the
// person is here themselves.
func (a Actor) Program() int64 { return a.token }

func (a Actor) system() bool { return len(a.other) > 7 && a.other[:7] == "system:" }

// Has reports whether the actor has one of the roles at a site. With no roles
// given it asks for any role at all.
func (a Actor) Has(site int64, roles ...Role) bool {
	if a.system() {
		return true
	}
	held := a.Roles[site]
	if len(roles) == 0 {
		return len(held) > 0
	}
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(held, r) })
}

// HasAnywhere reports whether the actor has one of the roles at any site.
func (a Actor) HasAnywhere(roles ...Role) bool {
	if a.system() {
		return true
	}
	for site := range a.Roles {
		if a.Has(site, roles...) {
			return true
		}
	}
	return false
}

// LockedTo returns the actor in a session that is locked to one pump's patient:
// they see no other pump. A pump that is none leaves nothing to see.
func (a Actor) LockedTo(pump int64) Actor {
	a.only = pump
	return a
}

// Scope returns the sites that the actor may see.
func (a Actor) Scope() Scope {
	if a.system() {
		return Scope{All: true}
	}
	s := Scope{Pump: a.only}
	for site, roles := range a.Roles {
		if len(roles) > 0 {
			s.Sites = append(s.Sites, site)
		}
	}
	slices.Sort(s.Sites)
	return s
}

// Scope is the set of sites a reader is limited to. The zero Scope is empty.
type Scope struct {
	All   bool
	Sites []int64
	Pump  int64 // if not 0, of the pumps only this one
}

// Epoch names the life of a list for those who see the scope: what revisions and
// numbers of a list's life mean, they mean in one scope only, so that a reader whose
// roles have changed is told that theirs are of another list.
func (s Scope) Epoch(life string) string {
	sites := slices.Clone(s.Sites)
	slices.Sort(sites)
	sum := sha256.Sum256(fmt.Append(nil, s.All, slices.Compact(sites), s.Pump))
	return life + "." + hex.EncodeToString(sum[:6])
}

// Allows reports whether things of the site are visible.
func (s Scope) Allows(site int64) bool { return s.All || slices.Contains(s.Sites, site) }

// AllowsPump reports whether a pump of the site is visible.
func (s Scope) AllowsPump(site, pump int64) bool {
	return s.Allows(site) && (s.Pump == 0 || s.Pump == pump)
}
