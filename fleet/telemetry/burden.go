package telemetry

import (
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
)

// burden is what a pump gives, as far as its silence is judged by it.
type burden struct {
	severity dose.Severity // of a stop; 0: not known
	empty    time.Time     // when the reservoir is empty at the last rate; zero: not known, or it is not moving
}

// emptySoon is how long before the reservoir is empty the silence of a pump is
// urgent. DESIGN.md 6 wants a refill booked 3 to 5 days before it is due: so long it
// takes to bring a patient in.
const emptySoon = 5 * day

// priority returns how urgent it is that the pump cannot be reached: a drug whose
// sudden end harms, or kills, and a reservoir that may run dry unseen do not wait
// (reference/domain.md 1.5). What is not known may be either.
func (b burden) priority(now time.Time) wire.Priority {
	if b.severity == 0 || b.severity >= dose.WithdrawalSevere || !b.empty.IsZero() && !now.Before(b.empty.Add(-emptySoon)) {
		return wire.PriorityHigh
	}
	return 0 // what the catalogue says
}

// severityOf returns the gravest of what the pump says it holds and of what is still
// on the way to the patient; 0 if it does not say. Its report names the limits of its
// library with it; without one, the drugs' own names decide.
func severityOf(st *wire.State) dose.Severity {
	if r, err := order.DecodeReport(st.Report); err == nil {
		return severityOfReport(&r)
	}
	if c, err := dose.DecodeContents(st.Contents); err == nil {
		return (&dose.Limits{}).Severity(c)
	}
	return 0
}

func severityOfReport(r *order.Report) (worst dose.Severity) {
	if len(r.State.Contents.Ingredients) > 0 {
		worst = r.Limits.Severity(r.State.Contents)
	}
	for _, f := range r.Path {
		worst = max(worst, r.Limits.Severity(f.Contents))
	}
	return worst
}

// emptyAt returns when a reservoir is empty that held so much at a time and goes on
// at the rate. The sums stay in range: no pump holds more than a litre.
func emptyAt(at time.Time, nl, nlDay int64) time.Time {
	if nlDay <= 0 {
		return time.Time{}
	}
	const most = 10 * 366 * 86_400 // seconds; later than that is no date
	s := min(max(nl, 0), maxNL) * 86_400 / nlDay
	return at.Add(time.Duration(min(s, most)) * time.Second)
}

// tell adds to an alarm's detail why it is as urgent as it is.
func (b burden) tell(r *alarm.Raise) {
	r.Detail["withdrawal"] = "unknown"
	if b.severity != 0 {
		r.Detail["withdrawal"] = b.severity.String()
	}
	if !b.empty.IsZero() {
		r.Detail["empty_at"] = b.empty.UTC().Format(time.RFC3339)
	}
}
