package dosing

import (
	"context"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
)

// LeastTrend and MostTrend bound how many whole days before today a trend may have.
const (
	LeastTrend = 7
	MostTrend  = 90
)

// leadDays are read beside those that are asked for: what came before them may still
// have been in the path.
const leadDays = 7

// longestCatheter is what a path is reckoned with whose length is not on record.
const longestCatheter = 2000 // mm; registry and dose take no longer one

// Trend returns what a pump of the sites in scope delivered on each of the last days
// and so far today, and the steps of its dose in the patient whom it is in. A pump that
// was never heard has days of which nothing is known. Errors: NotFound.
func (s *Service) Trend(ctx context.Context, scope auth.Scope, on int64, days int) (Trend, error) {
	p, err := s.Registry.Pump(ctx, scope, on)
	if err != nil {
		return Trend{}, err
	}
	patient, _, err := s.Registry.BoundPatient(ctx, on)
	if err != nil {
		return Trend{}, err
	}
	zone, err := s.location(ctx, p.Site)
	if err != nil {
		return Trend{}, err
	}
	whole := max(days, windows[len(windows)-1])
	read, err := s.Telemetry.Days(ctx, on, zone, whole+leadDays)
	if err != nil {
		return Trend{}, err
	}
	all, err := s.readRan(ctx, s.DB, scope, on)
	if err != nil {
		return Trend{}, err
	}
	now, err := s.runsNow(ctx, on)
	if err != nil {
		return Trend{}, err
	}
	path, err := s.longestPath(&p)
	if err != nil {
		return Trend{}, err
	}
	out := Trend{Zone: zone.String(), Program: meanOf(now), Days: trendOf(read, leadDays, all, now, path)}
	for _, n := range windows {
		out.Totals = append(out.Totals, totalOf(out.Days[:whole], n))
	}
	out.Days = out.Days[whole-days:]
	out.addSteps(stepsOf(all, patient.ID), out.Days[0].From, s.Now())
	return out, nil
}

// addSteps takes the steps, newest first, that belong into a trend.
func (t *Trend) addSteps(all []Step, from, now time.Time) {
	for i, st := range all {
		if i == 0 {
			t.Last = &all[0]
		}
		if now.Sub(st.At) < 30*24*time.Hour {
			t.Month++
		}
		if !st.At.Before(from) {
			t.Steps = append(t.Steps, st)
		}
	}
}

// runsNow returns what a pump says that it runs, nil if it has not said so of what it
// runs now.
func (s *Service) runsNow(ctx context.Context, pump int64) (*order.Report, error) {
	row, found, err := readPump(ctx, s.DB, pump)
	if err != nil || !found || row.Report == nil {
		return nil, err
	}
	r, err := order.DecodeReport(row.Report)
	if err != nil || r.State.Hash() != order.Digest(row.StateHash) {
		return nil, nil //nolint:nilerr // Therapy says why; the past is there all the same
	}
	return &r, nil
}

// meanOf returns a mean day of a program, also of one that is kept while the pump stands.
func meanOf(r *order.Report) []Amount {
	if r == nil || r.State.Contents.Empty() {
		return nil
	}
	day, err := r.State.Program.MeanDay()
	if err != nil {
		return nil
	}
	return amounts(day, r.State.Contents)
}

// longestPath returns what may stand between a pump's reservoir and its tip at most.
func (s *Service) longestPath(p *registry.Pump) (units.Volume, error) {
	prof, ok := s.Profile(p.Profile)
	if !ok {
		return dose.MaxVolume, nil // then no day after a change has a dose
	}
	mm := p.CatheterMM
	if mm == 0 {
		mm = longestCatheter
	}
	return dose.Path{Tubing: prof.Path.Tubing, PerCM: prof.Path.PerCM, LengthMM: mm}.Volume()
}

// location returns a site's time zone.
func (s *Service) location(ctx context.Context, site int64) (*time.Location, error) {
	sites, err := s.Registry.Sites(ctx, auth.Scope{Sites: []int64{site}})
	if err != nil || len(sites) == 0 {
		return time.UTC, err
	}
	loc, err := time.LoadLocation(sites[0].TimeZone)
	if err != nil {
		return time.UTC, nil //nolint:nilerr // the registry checked it; a machine without the zone rehearses and counts in UTC
	}
	return loc, nil
}
