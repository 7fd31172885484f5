package dosing

import (
	"maps"
	"slices"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/fleet/telemetry"
)

// Trend is what is looked at before a dose is approved (reference/domain.md 5): what a
// pump delivered over days, by whom the days are counted, and the steps of its dose.
//
// All of it is of the past. No order enters that no pump has applied, so whoever checks
// a proposal learns nothing of it here.
type Trend struct {
	Zone    string     // of the site, whose days these are
	Days    []TrendDay // oldest first; the last one is today
	Totals  []TrendTotal
	Program []Amount // a mean day of the program that it runs or keeps, without patient boluses; empty if that is not known
	Steps   []Step   // of the days, newest first
	Last    *Step    // the newest of all, nil if none is known
	Month   int      // steps in the thirty days of 24 hours before now
}

// Amount is so much of an ingredient.
type Amount struct {
	Code dose.Code
	Mass units.Mass
}

// Holds says what is known of the contents of a day.
type Holds string

// What may be known.
const (
	HoldsOne     Holds = "known"
	HoldsChanged Holds = "changed" // they changed on that day, or what ran before may still have been in the path
	HoldsUnknown Holds = "unknown" // no order tells
)

// TrendDay is a day with its doses: the volume by what the reservoir held. Where the
// contents are not known, or not one, there are none.
type TrendDay struct {
	telemetry.Day
	Holds Holds
	Doses []Amount

	contents dose.Contents
}

// TrendTotal is the sum of the last whole days before today.
type TrendTotal struct {
	Days      int
	Whole     int // of these, days that are known from begin to end
	Known     bool
	Complete  bool // readings bound all of it; else it is the least that was delivered
	Delivered units.Volume
	Doses     []Amount
	Dosed     bool // Doses are of all that was delivered; else they are the least
	Given     int64
	Denied    int64
	Counted   bool // Given and Denied are known
}

// windows are the totals that people ask for.
var windows = []int{7, 30}

// ran is an order that a pump applied and that can change what it gives.
type ran struct {
	order   int64
	patient int64
	act     order.Act
	from    time.Time     // released: it ran at no moment before
	at      time.Time     // the pump's answer: it ran from then on at the latest
	before  *order.Report // what the pump said that its signers saw, nil if it is not kept
	is      []order.Check // what it left, by the signed document
	limits  *dose.Range   // of the device; nil if it is not known
}

// trendOf puts days, applied orders (oldest first) and what the pump says now together.
// lead is how many of the days are there only for what came before the others; path is
// the most that may stand between reservoir and tip.
func trendOf(days []telemetry.Day, lead int, all []ran, now *order.Report, path units.Volume) []TrendDay {
	fluids := fluidsOf(all, now)
	out := make([]TrendDay, len(days))
	var old *telemetry.Count // since when it is pushed out of the path; nil: the path holds what the reservoir does
	for i, d := range days {
		out[i] = TrendDay{Day: d}
		out[i].Holds, out[i].contents = holdsOn(fluids, d.From, d.To)
		switch {
		case out[i].Holds != HoldsOne:
			old = &d.Until // zero if nobody heard it on that day
		case old != nil && d.Coverage != telemetry.None:
			if old.At.IsZero() {
				old = &d.Since
			}
			if d.Since.Delivered >= old.Delivered && d.Since.Delivered-old.Delivered >= path {
				old = nil
			} else {
				out[i].Holds = HoldsChanged
			}
		}
		if out[i].Holds == HoldsOne && d.Coverage != telemetry.None {
			out[i].Doses = amounts(d.Delivered(), out[i].contents)
		}
	}
	return out[lead:]
}

// fluid is what a reservoir held over a span.
type fluid struct {
	from, to time.Time // from is zero for the first, to for the last
	holds    Holds
	contents dose.Contents
}

// fluidsOf returns what is known of the contents over time. Between two orders they are
// what the later one's signers saw, for the pump applied it only on exactly that state,
// unless another maker's programmer came in between.
func fluidsOf(all []ran, now *order.Report) []fluid {
	var out []fluid
	from := time.Time{}
	add := func(r *order.Report, to time.Time) {
		f := fluid{from: from, to: to, holds: HoldsUnknown}
		if r != nil && !r.Foreign && !r.State.Contents.Empty() {
			f.holds, f.contents = HoldsOne, r.State.Contents
		}
		if n := len(out); n > 0 && f.holds == HoldsOne && out[n-1].holds == HoldsOne {
			if out[n-1].contents.Equal(f.contents) {
				out[n-1].to = to
				return
			}
			out = append(out, fluid{from: out[n-1].to, to: from, holds: HoldsChanged})
		}
		out = append(out, f)
	}
	for _, r := range all {
		add(r.before, r.from)
		from = r.at
	}
	add(now, time.Time{})
	return out
}

// holdsOn returns what is known of the contents in [from, to).
func holdsOn(all []fluid, from, to time.Time) (Holds, dose.Contents) {
	holds, contents := Holds(""), dose.Contents{}
	for _, f := range all {
		if !f.from.IsZero() && !f.from.Before(to) || !f.to.IsZero() && f.to.Before(from) {
			continue
		}
		switch {
		case f.holds == HoldsUnknown:
			return HoldsUnknown, dose.Contents{}
		case holds == "":
			holds, contents = f.holds, f.contents
		default:
			holds = HoldsChanged
		}
	}
	if holds == "" {
		return HoldsUnknown, dose.Contents{}
	}
	return holds, contents
}

// amounts returns what a volume holds, nothing if it cannot be computed.
func amounts(v units.Volume, c dose.Contents) []Amount {
	out := make([]Amount, 0, len(c.Ingredients))
	for _, g := range c.Ingredients {
		m, err := v.Mass(g.Conc, units.Nearest)
		if err != nil {
			return nil
		}
		out = append(out, Amount{g.Code, m})
	}
	return out
}

// totalOf sums the last n of whole days. A silence between two of them takes nothing
// from the volume, for the pump counts on. The doses are all of it if the reservoir held
// one fluid all the time, or every day's are known from begin to end.
func totalOf(days []TrendDay, n int) TrendTotal {
	days = days[len(days)-min(n, len(days)):]
	out := TrendTotal{Days: n, Dosed: true}
	bare := make([]telemetry.Day, len(days))
	one := true // fluid
	sums := map[dose.Code]units.Mass{}
	for i, d := range days {
		bare[i] = d.Day
		if d.Coverage == telemetry.Whole {
			out.Whole++
		}
		out.Dosed = out.Dosed && d.Holds == HoldsOne
		one = one && d.contents.Equal(days[0].contents)
		for _, a := range d.Doses {
			sums[a.Code] += a.Mass
		}
	}
	since, until, complete := telemetry.Over(bare)
	out.Known, out.Complete, out.Delivered = !until.At.IsZero(), complete && len(days) == n, until.Delivered-since.Delivered
	out.Given, out.Denied, out.Counted = telemetry.Boluses(since, until)
	if out.Known && out.Dosed && one {
		out.Doses, out.Dosed = amounts(out.Delivered, days[0].contents), out.Complete
		return out
	}
	out.Dosed = out.Dosed && out.Complete && out.Whole == n
	for _, c := range slices.Sorted(maps.Keys(sums)) {
		out.Doses = append(out.Doses, Amount{c, sums[c]})
	}
	return out
}
