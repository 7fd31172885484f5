package dosing

import (
	"context"
	"slices"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
)

// Violation is a running program that a drug library does not allow as it is.
type Violation struct {
	Pump, Site int64
	Code       order.Code
	Detail     string
}

// Rechecked is what came of comparing running programs with a drug library.
type Rechecked struct {
	Checked int // pumps that were compared
	Bad     []Violation
	Skipped []Skipped // pumps with something in them that could not be compared
}

// Skipped is a pump that could not be compared, and why.
type Skipped struct {
	Pump, Site int64
	Why        string
}

// Recheck compares what every pump in scope runs with a drug library: the one that
// is active, or one that is to become so. A program that runs is not stopped for
// it; people look at each.
func (s *Service) Recheck(ctx context.Context, scope auth.Scope, lib *order.Library) (Rechecked, error) {
	out := Rechecked{Bad: []Violation{}, Skipped: []Skipped{}}
	all, err := s.fits(ctx, scope, 0, lib)
	if err != nil {
		return out, err
	}
	for _, f := range all {
		p := &f.pump
		switch {
		case f.why != "":
			out.Skipped = append(out.Skipped, Skipped{p.ID, p.Site, f.why})
			continue
		case f.empty:
			continue
		case f.bad != nil:
			out.Bad = append(out.Bad, Violation{Pump: p.ID, Site: p.Site, Code: f.bad.Code, Detail: f.bad.Detail})
		}
		out.Checked++
	}
	return out, nil
}

// fit is how what one pump runs compares with a drug library.
type fit struct {
	pump  registry.PumpRef
	empty bool           // nothing is in it
	bad   *order.Refusal // nil if the library allows it
	why   string         // it could not be compared
}

// fits compares what the pumps in scope, or one of them, run.
func (s *Service) fits(ctx context.Context, scope auth.Scope, pump int64, lib *order.Library) ([]fit, error) {
	rows, err := readReports(ctx, s.DB, pump)
	if err != nil {
		return nil, err
	}
	groups, err := s.Registry.PumpGroups(ctx, pump)
	if err != nil {
		return nil, err
	}
	out := make([]fit, 0, len(rows))
	for _, r := range rows {
		p, ok := s.Registry.Directory().ByID(r.pump)
		if !ok || !scope.Allows(p.Site) {
			continue
		}
		out = append(out, s.fit(p, r.report, groups[p.ID], lib))
	}
	return out, nil
}

// fit compares what one runs. groups are those of the patient that it is in.
func (s *Service) fit(p registry.PumpRef, report []byte, groups []string, lib *order.Library) fit {
	f := fit{pump: p}
	rep, err := order.DecodeReport(report)
	if err != nil {
		f.why = "What it says of itself cannot be read."
		return f
	}
	if f.empty = rep.State.Contents.Empty(); f.empty {
		return f
	}
	prof, ok := s.Profile(p.Profile)
	if !ok {
		f.why = "Its device profile " + p.Profile + " is not known here."
		return f
	}
	f.bad = violates(lib, &rep.State, &prof.Range, groups)
	return f
}

// violates returns what a library does not allow of what runs. Of the groups that a
// patient is in, one that allows it suffices; without groups every group counts.
func violates(lib *order.Library, st *order.State, r *dose.Range, groups []string) *order.Refusal {
	var first *order.Refusal
	for g := order.GroupCancer; g <= order.GroupChild; g++ {
		if len(groups) > 0 && !slices.Contains(groups, g.String()) {
			continue
		}
		err := lib.Permits(st.Contents, g, &st.Program, r)
		if err == nil {
			return nil
		}
		bad, ok := asRefusal(err)
		if !ok {
			bad = &order.Refusal{Code: order.ErrLimit, Detail: err.Error()}
		}
		// That a dose is too high says more than that a group has no limits.
		if first == nil || first.Code == order.ErrLibrary && bad.Code != order.ErrLibrary {
			first = bad
		}
	}
	return first
}
