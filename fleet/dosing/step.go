package dosing

import (
	"slices"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
)

// Step is an order that a pump applied and that changed the dose of a day.
type Step struct {
	Order   int64 // 0: of a site that the actor does not see
	At      time.Time
	Act     order.Act
	Changes []Change
	Kept    bool // what ran before is known; else Was is 0 and says nothing
}

// Change is what a step changed of one ingredient: the program's mean day without
// patient boluses, and the worst 24 hours with them.
type Change struct {
	Code              dose.Code
	WasDay, IsDay     units.Mass
	WasWorst, IsWorst units.Mass
}

// stepsOf returns the steps in a patient among applied orders, newest first.
func stepsOf(all []ran, patient int64) (out []Step) {
	for _, r := range slices.Backward(all) {
		if r.patient != patient {
			continue
		}
		s := Step{Order: r.order, At: r.at, Act: r.act, Kept: r.before != nil && r.limits != nil}
		var was []order.Check
		if s.Kept {
			was = order.ChecksOf(r.before.State.Contents, &r.before.State.Program, r.limits, nil, nil)
		}
		if s.Changes = changesOf(was, r.is, s.Kept); len(s.Changes) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// changesOf compares days, ingredient by ingredient. kept is false if nothing is known
// of the first; then every ingredient of the second is there.
func changesOf(was, is []order.Check, kept bool) (out []Change) {
	at := func(all []order.Check, c dose.Code) order.Check {
		if i := slices.IndexFunc(all, func(x order.Check) bool { return x.Code == c }); i >= 0 {
			return all[i]
		}
		return order.Check{Code: c}
	}
	codes := map[dose.Code]bool{}
	for _, c := range slices.Concat(was, is) {
		codes[c.Code] = true
	}
	sorted := make([]dose.Code, 0, len(codes))
	for c := range codes {
		sorted = append(sorted, c)
	}
	slices.Sort(sorted)
	for _, c := range sorted {
		a, b := at(was, c), at(is, c)
		if !kept || differ(a.Day, b.Day) || differ(a.Worst, b.Worst) {
			out = append(out, Change{c, a.Day, b.Day, a.Worst, b.Worst})
		}
	}
	return out
}

// differ reports whether two masses differ by more than a thousandth: another
// concentration gives the same dose but for the rounding to whole nL.
func differ(a, b units.Mass) bool {
	return max(a, b)-min(a, b) > max(a, b)/1000
}
