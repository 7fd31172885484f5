package dosing

import (
	"context"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
)

// Patients returns a page of the patients of a pump's site whom it could be in,
// newest first: those without a pump, and its own. more says that there is another
// page, which begins before the last of this one. Whoever takes part in orders there
// may ask.
func (s *Service) Patients(ctx context.Context, actor auth.Actor, pump int64, f registry.PatientFilter) (page []registry.Patient, more bool, err error) {
	p, err := s.Registry.Pump(ctx, actor.Scope(), pump)
	if err != nil {
		return nil, false, err
	}
	if err := may(actor, p.Site, "pump", checkers...); err != nil {
		return nil, false, err
	}
	limit := f.Limit
	f.Fits, f.Limit = pump, limit+1
	page, err = s.Registry.Patients(ctx, auth.Scope{Sites: []int64{p.Site}}, f)
	if err != nil || len(page) <= limit {
		return page, false, err
	}
	return page[:limit], true, nil
}

// Destinations returns the sites that a pump could be transferred to, by name: all
// but its own, whether or not the actor sees what happens there.
func (s *Service) Destinations(ctx context.Context, actor auth.Actor, pump int64) ([]registry.Site, error) {
	p, err := s.Registry.Pump(ctx, actor.Scope(), pump)
	if err != nil {
		return nil, err
	}
	if err := may(actor, p.Site, "pump", checkers...); err != nil {
		return nil, err
	}
	all, err := s.Registry.Sites(ctx, auth.Scope{All: true})
	if err != nil {
		return nil, err
	}
	out := []registry.Site{}
	for _, site := range all {
		if site.ID != p.Site {
			out = append(out, site)
		}
	}
	return out, nil
}
