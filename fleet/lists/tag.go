package lists

import (
	"context"
	"slices"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// TagCount is a tag and how many pumps in scope have it.
type TagCount struct {
	Tag   string
	Pumps int64
}

// Tag gives a pump tags and takes others away, and returns those it has then. What
// is so already is no change and leaves no leaf. Errors: Invalid (names the field),
// NotFound, Denied, and Conflict if it had too many.
func (s *Service) Tag(ctx context.Context, actor auth.Actor, pump int64, add, remove []string) ([]string, error) {
	add, err := checkTags("add", add)
	if err != nil {
		return nil, err
	}
	if remove, err = checkTags("remove", remove); err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(add, func(t string) bool { return slices.Contains(remove, t) }); i >= 0 {
		return nil, errs.InvalidField("remove", "The tag %s is to be given and taken away at once.", add[i])
	}
	p, err := s.pump(actor, pump, editors...)
	if err != nil {
		return nil, err
	}
	var tags []string
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := s.still(ctx, tx, actor, p.Site, "pump"); err != nil {
			return err
		}
		old, err := lockTags(ctx, tx, pump)
		if err != nil {
			return err
		}
		added := slices.DeleteFunc(slices.Clone(add), func(t string) bool { return slices.Contains(old, t) })
		removed := slices.DeleteFunc(slices.Clone(remove), func(t string) bool { return !slices.Contains(old, t) })
		tags = slices.DeleteFunc(append(slices.Clone(old), added...), func(t string) bool { return slices.Contains(removed, t) })
		slices.Sort(tags)
		switch {
		case len(added)+len(removed) == 0:
			return nil
		case len(tags) > MaxTags:
			return errs.Conflictf("Pump %s would have %d tags; %d are possible.", p.Serial, len(tags), MaxTags)
		}
		if err := writeTags(ctx, tx, pump, added, removed, actor.String(), s.Now()); err != nil {
			return err
		}
		tx.OnCommit(func() { s.events.Publish(Changed{Pumps: []int64{pump}}) })
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "pump.tag", Actor: actor.String(), Object: object("pump", pump), Site: p.Site, Pump: pump,
			Payload: struct {
				Added   []string `json:"added,omitempty"`
				Removed []string `json:"removed,omitempty"`
			}{added, removed},
		})
	})
	return tags, err
}

// Tags returns the tags in use at the sites in scope, by name.
func (s *Service) Tags(ctx context.Context, scope auth.Scope) ([]TagCount, error) {
	counts := map[string]int64{}
	err := s.eachTag(ctx, func(pump int64, tag string) {
		if p, ok := s.Registry.Directory().ByID(pump); ok && scope.Allows(p.Site) {
			counts[tag]++
		}
	})
	out := make([]TagCount, 0, len(counts))
	for t, n := range counts {
		out = append(out, TagCount{t, n})
	}
	slices.SortFunc(out, func(a, b TagCount) int { return cmpText(a.Tag, b.Tag) })
	return out, err
}
