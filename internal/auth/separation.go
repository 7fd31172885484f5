package auth

import (
	"slices"

	"cisterna/internal/errs"
)

// Exclusion says that one person does not hold two roles, and why. It is the
// whole of the separation of duties as far as roles go; what one person may not
// do twice about one thing is the rule of that thing.
//
// Prescriber and verifier are not here. DESIGN.md 1 has "a second clinician or
// pharmacist" check a proposal, and ORDERS.md (Quorum) asks for distinct people
// for each order, not for people of distinct kinds: at a clinic of two, each
// checks what the other proposes. So one person may hold both roles, and each
// order keeps its signers apart: package dosing refuses its proposer as verifier
// and anybody as second signer twice, and the pump counts people, not signatures
// (E_DUP_SIGNER).
type Exclusion struct {
	One, Other Role
	Anywhere   bool   // at no two sites either; else only at one and the same site
	Why        string // a sentence for people
}

const (
	whyAdmin   = "Whoever manages people takes part in no dose change, or they could make themselves both signers."
	whyAuditor = "Whoever audits a site does nothing else there: nobody audits their own work."
)

// Exclusions returns the table. Roles for firmware come with firmware; then
// whoever signs it will not be who deploys it.
func Exclusions() []Exclusion {
	all := []Exclusion{
		{Admin, Prescriber, true, whyAdmin},
		{Admin, Verifier, true, whyAdmin},
		{Admin, Nurse, true, whyAdmin},
		{Admin, Pharmacist, true, whyAdmin},
	}
	for _, r := range Roles() {
		if r != Auditor {
			all = append(all, Exclusion{Auditor, r, false, whyAuditor})
		}
	}
	return all
}

func (e Exclusion) of(a, b Role) bool {
	return e.One == a && e.Other == b || e.One == b && e.Other == a
}

// Separate refuses, as an error of kind Conflict, a role at a site that does not
// go with the roles held already.
func Separate(held map[int64][]Role, site int64, role Role) error {
	for _, e := range Exclusions() {
		for at, roles := range held {
			if at != site && !e.Anywhere {
				continue
			}
			if i := slices.IndexFunc(roles, func(r Role) bool { return e.of(r, role) }); i >= 0 {
				where := "at the same site"
				if e.Anywhere {
					where = "at any site"
				}
				return errs.Conflictf("One person cannot be %s and %s %s. %s", roles[i], role, where, e.Why)
			}
		}
	}
	return nil
}

// Compatible refuses roles, by site, that one person cannot hold together.
func Compatible(roles map[int64][]Role) error {
	for site, of := range roles {
		for _, r := range of {
			if err := Separate(roles, site, r); err != nil {
				return err
			}
		}
	}
	return nil
}
