// Package lists holds what people make of the list of pumps: tags, groups, saved
// views, and work on many pumps at once.
//
// # Invariants
//
//   - A group belongs to one site and holds pumps of that site, by a list of
//     members or by a filter. A group's filter asks for no group: nothing goes in
//     circles.
//   - A view is its owner's alone or shared at one site.
//   - Bulk work acts on a frozen list: the pumps that a filter meant when a person
//     looked at it, by number. Nobody else may use it, and it expires.
//   - An item's outcome commits in the transaction of the item's own change
//     (postgres.Accompany): whatever is killed when, each item is done once. Who may
//     do it is asked again for each item, by the package that does it.
//   - Every change is one transaction with one leaf in the record: one per item, and
//     two per run.
//
// It reads pumps from registry's directory and evaluates no filter: what a filter
// means is overview's to say.
package lists

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cisterna/fleet/filter"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Limits.
const (
	MaxTags    = 50  // of a pump
	maxGroups  = 500 // of a site
	maxViews   = 200 // of a person, and of a site
	MaxFrozen  = 200_000
	FrozenLife = 30 * time.Minute
	maxReason  = 300
)

// Changed says that tags or memberships of pumps changed, or that groups did.
type Changed struct {
	Pumps  []int64
	Groups bool
}

// editors may tag pumps and share groups and views: everybody who works with them.
var editors = []auth.Role{auth.Engineer, auth.Prescriber, auth.Verifier, auth.Nurse, auth.Pharmacist}

// may refuses an actor without one of the roles at a site. A site that the actor
// cannot see does not exist for them.
func may(actor auth.Actor, site int64, thing string, roles ...auth.Role) error {
	switch {
	case actor.Has(site, roles...):
		return nil
	case !actor.Scope().Allows(site):
		return errs.NotFoundf("There is no such %s.", thing)
	}
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return errs.Deniedf("This needs the role %s at the site.", strings.Join(names, " or "))
}

// still is may as of the transaction: what the actor may was looked up when they asked.
// Nobody takes it away until the transaction ends.
func (s *Service) still(ctx context.Context, tx *postgres.Tx, actor auth.Actor, site int64, thing string) error {
	if err := may(actor, site, thing, editors...); err != nil {
		return err
	}
	return s.Registry.StillTx(ctx, tx, actor, site, editors...)
}

// pump returns a pump that the actor may work on.
func (s *Service) pump(actor auth.Actor, id int64, roles ...auth.Role) (registry.PumpRef, error) {
	p, ok := s.Registry.Directory().ByID(id)
	if !ok {
		return p, errs.NotFoundf("There is no such pump.")
	}
	return p, may(actor, p.Site, "pump", roles...)
}

// line checks a line that a person typed.
func line(field, s string, limit int, required bool) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "" && required:
		return "", errs.InvalidField(field, "%s is missing.", field)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return "", errs.InvalidField(field, "%s contains characters that cannot be printed.", field)
	case utf8.RuneCountInString(s) > limit:
		return "", errs.InvalidField(field, "%s is longer than %d characters.", field, limit)
	}
	return s, nil
}

// parse reads a filter that is to be kept, in its canonical form.
func parse(field, text string) (filter.Filter, error) {
	f, err := filter.Parse(text)
	if err != nil {
		return f, errs.InvalidField(field, "%s", err.Error())
	}
	return f, nil
}

var tagForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,38}[a-z0-9])?$`)

// checkTags returns tags in canonical form, sorted, each once.
func checkTags(field string, in []string) ([]string, error) {
	out := make([]string, 0, len(in))
	for _, t := range in {
		t = strings.ToLower(strings.TrimSpace(t))
		switch {
		case !tagForm.MatchString(t):
			return nil, errs.InvalidField(field, "The tag %s is not 1 to 40 letters, digits, dots, hyphens and underscores that begins and ends with a letter or digit.", strconv.Quote(clip(t)))
		case t == "none":
			return nil, errs.InvalidField(field, "A tag cannot be called none: in a filter that means pumps without tags.")
		}
		out = append(out, t)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > MaxTags {
		return nil, errs.InvalidField(field, "These are more than %d tags.", MaxTags)
	}
	return out, nil
}

func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// object names a thing in the record: "group:7".
func object(kind string, id int64) string { return kind + ":" + strconv.FormatInt(id, 10) }
