// Package manual keeps what people read off a pump themselves: with a programmer,
// at a refill, on the telephone, or in another system's file.
//
// # Invariants
//
//   - A reading says who measured, when, and how; who typed it in, and when.
//   - It is never mixed with what a pump computes, senses or signs: it is stored,
//     served and shown by itself.
//   - It is never changed. A correction is a new reading that takes the place of
//     one other and says why; the one that was wrong stays.
//   - Nothing here reaches a pump.
package manual

import (
	"slices"
	"strings"
	"time"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/fleet/registry"
	"cisterna/internal/errs"
)

// Source is how a reading came about.
type Source string

// Sources lists all sources.
func Sources() []Source { return []Source{"programmer", "refill", "report", "other"} }

// Batteries lists the states of a battery that a programmer shows; "" is not
// looked at.
func Batteries() []string { return []string{"", "ok", "eri", "eos"} }

// New is a reading as it is typed. What is nil or empty was not read.
type New struct {
	Pump     int64
	TakenAt  time.Time
	TakenBy  string // who measured
	Source   Source
	Residual *units.Volume // in the reservoir, by the programmer's own reckoning
	Rate     *units.Rate   // the average of a day, as shown
	Battery  string
	Alarms   []string // codes; only with AlarmsSeen
	// AlarmsSeen says that somebody looked: no Alarms then means that there were
	// none.
	AlarmsSeen bool
	Program    string         // in words, as read
	Steps      []dose.Segment // the same as steps of a day; nil: not noted
	Note       string
	Reason     string // of a correction
}

// Reading is a reading as it is kept.
type Reading struct {
	ID int64
	New
	Site         int64
	Supersedes   int64 // the reading that it corrects, 0 if none
	SupersededBy int64 // the correction, 0 if it stands
	Imported     bool
	RecordedAt   time.Time
	RecordedBy   string // actor
	RecordedName string
}

// check returns the reading in canonical form, or an errs.Invalid that names the
// field. p is the pump's profile, nil if it is not known.
func (n New) check(now time.Time, p *profile.Profile) (New, error) {
	var err error
	for _, f := range []struct {
		name  string
		value *string
		limit int
		must  bool
	}{{"taken_by", &n.TakenBy, 100, true}, {"program", &n.Program, 300, false}, {"note", &n.Note, 500, false}} {
		if *f.value, err = registry.Text(f.name, *f.value, f.limit, f.must); err != nil {
			return n, err
		}
	}
	if n.Alarms, err = codes(n.Alarms); err != nil {
		return n, err
	}
	n.AlarmsSeen = n.AlarmsSeen || len(n.Alarms) > 0
	switch {
	case n.TakenAt.IsZero() || n.TakenAt.Year() < 2000:
		return n, errs.InvalidField("taken_at", "Say when it was read.")
	case n.TakenAt.After(now.Add(5 * time.Minute)):
		return n, errs.InvalidField("taken_at", "That is still to come.")
	case !slices.Contains(Sources(), n.Source):
		return n, errs.InvalidField("source", "The source is one of %v.", Sources())
	case !slices.Contains(Batteries(), n.Battery):
		return n, errs.InvalidField("battery", "The battery is ok, eri or eos, or not looked at.")
	case n.Residual != nil && *n.Residual < 0, n.Rate != nil && *n.Rate < 0:
		return n, errs.Invalidf("A volume or a rate is never below zero.")
	case n.Residual == nil && n.Rate == nil && n.Battery == "" && !n.AlarmsSeen && n.Program == "" && n.Steps == nil:
		return n, errs.Invalidf("Nothing was read: note a volume, a rate, the battery, alarms or the program.")
	}
	n.TakenAt = n.TakenAt.UTC().Truncate(time.Second)
	if n.Steps != nil {
		if err := checkSteps(n.Steps); err != nil {
			return n, err
		}
	}
	return n, n.fits(p)
}

// fits refuses what the model cannot hold or do: a slip of the decimal point.
func (n New) fits(p *profile.Profile) error {
	if p == nil {
		return nil
	}
	if c := p.Reservoir.Capacity; n.Residual != nil && c > 0 && *n.Residual > c {
		return errs.InvalidField("residual_nl", "The reservoir of this model holds %s; %s cannot be in it.", c, *n.Residual)
	}
	if top := p.Range.Max; n.Rate != nil && top > 0 && *n.Rate > top {
		return errs.InvalidField("rate_nl_day", "This model delivers at most %s; %s cannot be right.", top, *n.Rate)
	}
	return nil
}

// checkSteps wants the steps of one day, in order, without holes.
func checkSteps(steps []dose.Segment) error {
	at := units.Seconds(0)
	if len(steps) == 0 || len(steps) > dose.MaxSegmentsPerDay {
		return errs.InvalidField("steps", "A day has 1 to %d steps.", dose.MaxSegmentsPerDay)
	}
	for i, s := range steps {
		switch {
		case s.Offset != at || s.Duration <= 0 || s.Duration > units.Day:
			return errs.InvalidField("steps", "Step %d does not begin where the one before ends.", i+1)
		case s.Volume < 0 || s.Volume > 100*units.Millilitre:
			return errs.InvalidField("steps", "Step %d delivers more than any pump holds.", i+1)
		}
		at += s.Duration
	}
	if at != units.Day {
		return errs.InvalidField("steps", "The steps do not end after 24 hours.")
	}
	return nil
}

// codes cleans a list of alarm codes.
func codes(list []string) ([]string, error) {
	out := []string{}
	for _, c := range list {
		c = strings.ToUpper(strings.TrimSpace(c))
		if c == "" || slices.Contains(out, c) {
			continue
		}
		if len(c) > 32 || strings.ContainsFunc(c, func(r rune) bool {
			return r != '_' && r != '-' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z')
		}) {
			return nil, errs.InvalidField("alarms", "An alarm code is up to 32 letters, digits and underscores.")
		}
		if out = append(out, c); len(out) > 40 {
			return nil, errs.InvalidField("alarms", "There are more than 40 alarms.")
		}
	}
	return out, nil
}
