package telemetry

import (
	"slices"
	"time"

	"cisterna/device/units"
)

// Count is what a pump had counted since it was made, by one of its readings. The
// zero Count is no reading.
type Count struct {
	At        time.Time // the pump's clock
	Delivered units.Volume
	Given     int64 // patient boluses given, −1 if it is not kept
	Denied    int64 // and refused
}

// Coverage says how much of a day a difference of counts is about.
type Coverage string

// The coverages.
const (
	Whole   Coverage = "whole"
	Part    Coverage = "part"    // readings are missing at its begin, its end or both
	None    Coverage = "none"    // nothing is known of it, which is not nothing given
	Running Coverage = "running" // it is not over
)

// Day is what a pump delivered in one day of its site: the difference of what it had
// counted at the day's last reading and at the last one before the day. The pump counts
// on while nobody hears it, so a silence within a day takes nothing from the sum; one
// over midnight leaves open which day it belongs to.
type Day struct {
	From, To time.Time // midnights of the site
	Coverage Coverage
	Since    Count // zero if the coverage is None
	Until    Count
}

// slack is how far a reading may be from a midnight and still count for it: about one
// hundredth of a day. Pumps report every few seconds to every few minutes.
const slack = 15 * time.Minute

// ends are a span's first and last readings, zero if it has none.
type ends struct{ first, last Count }

// add takes a newer reading into a span, if it is of it.
func (e *ends) add(c Count, from, to time.Time) {
	if c.At.Before(from) || !c.At.Before(to) {
		return
	}
	if e.first.At.IsZero() {
		e.first = c
	}
	if c.At.After(e.last.At) {
		e.last = c
	}
}

// Delivered returns the volume between the day's readings, 0 if there are none.
func (d *Day) Delivered() units.Volume { return d.Until.Delivered - d.Since.Delivered }

// Boluses returns how many patient boluses were given and refused between the day's
// readings; ok is false if that is not known.
func (d *Day) Boluses() (given, denied int64, ok bool) {
	return Boluses(d.Since, d.Until)
}

// Boluses returns how many patient boluses were given and refused between two readings;
// ok is false if that is not known.
func Boluses(since, until Count) (given, denied int64, ok bool) {
	if since.At.IsZero() || until.At.IsZero() || since.Given < 0 || until.Given < 0 {
		return 0, 0, false
	}
	return until.Given - since.Given, until.Denied - since.Denied, true
}

// midnights returns the begins of n days of a zone before the one that now lies in, of
// that one, and its end: n+2 moments.
func midnights(now time.Time, zone *time.Location, n int) []time.Time {
	y, m, d := now.In(zone).Date()
	out := make([]time.Time, n+2)
	for i := range out {
		out[i] = begin(y, m, d-n+i, zone)
	}
	return out
}

// begin returns the first moment of a day of a zone. That is its 00:00 but where summer
// time begins at midnight, whose day begins at 01:00, and 00:00 is there twice where it
// ends at one o'clock. Of both [time.Date] leaves open what it returns.
func begin(y int, m time.Month, d int, zone *time.Location) time.Time {
	day := time.Date(y, m, d, 12, 0, 0, 0, zone).Format(time.DateOnly)
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	from, to := t.ZoneBounds()
	before := from.Add(-time.Nanosecond)
	switch {
	case t.Format(time.DateOnly) != day: // 23:00 of the day before
		return to
	case before.Format(time.DateOnly) == day: // the second 00:00
		_, was := before.Zone()
		_, is := t.Zone()
		return t.Add(time.Duration(is-was) * time.Second)
	}
	return t
}

// daysOf makes days of their readings: all[i] are those of [at[i], at[i+1]), before is
// the last one in the slack before at[0].
func daysOf(at []time.Time, before Count, all []ends, now time.Time) []Day {
	out := make([]Day, len(all))
	for i, e := range all {
		d := Day{From: at[i], To: at[i+1], Coverage: None}
		if e.first.At.IsZero() {
			out[i], before = d, Count{}
			continue
		}
		d.Coverage, d.Since, d.Until = Part, e.first, e.last
		begins := e.first.At.Before(d.From.Add(slack))
		if !before.At.IsZero() && !before.At.Before(d.From.Add(-slack)) {
			d.Since, begins = before, true
		}
		switch {
		case !rises(d.Since, e.first) || !rises(e.first, d.Until) || !d.Until.At.After(d.Since.At):
			// One reading bounds nothing; or not one count: another journal, or a
			// clock that was set back far.
			d.Coverage, d.Since, d.Until = None, Count{}, Count{}
		case !now.Before(d.From) && now.Before(d.To):
			d.Coverage = Running
		case begins && !e.last.At.Before(d.To.Add(-slack)):
			d.Coverage = Whole
		}
		out[i], before = d, e.last
	}
	return out
}

// rises reports whether b can follow a in one count.
func rises(a, b Count) bool {
	if a.Given >= 0 && b.Given >= 0 && (b.Given < a.Given || b.Denied < a.Denied) {
		return false
	}
	return b.Delivered >= a.Delivered && !b.At.Before(a.At)
}

// Over returns the difference over days that follow each other: between the first reading
// of the first that has one and the last of the last. complete reports whether that is
// all of them: a silence in between takes nothing from it, one at either end does.
func Over(days []Day) (since, until Count, complete bool) {
	known := slices.DeleteFunc(slices.Clone(days), func(d Day) bool { return d.Coverage == None })
	if len(known) == 0 {
		return Count{}, Count{}, false
	}
	first, last := known[0], known[len(known)-1]
	for i := 1; i < len(known); i++ {
		if !rises(known[i-1].Until, known[i].Since) {
			return Count{}, Count{}, false
		}
	}
	since, until = first.Since, last.Until
	complete = first.From.Equal(days[0].From) && last.To.Equal(days[len(days)-1].To) &&
		since.At.Before(first.From.Add(slack)) && !until.At.Before(last.To.Add(-slack))
	return since, until, complete
}
