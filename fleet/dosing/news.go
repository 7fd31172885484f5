package dosing

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/fleet/alarm"
	"cisterna/internal/auth"
)

// Seen is what a proposer saw beside what the prescription says: what the pump said
// of itself, and which documents counted.
type Seen struct {
	Volume    units.Volume `json:"volume_nl"`
	Day       units.Volume `json:"day_nl"` // delivered in the 24 hours before
	Bridge    bool         `json:"bridge"`
	Busy      order.Busy   `json:"busy"`
	Trusted   bool         `json:"trusted"` // its clock
	Faults    []string     `json:"faults"`
	Library   uint64       `json:"library"` // version that the pump has
	Active    uint64       `json:"active"`  // version in force
	Keyset    uint64       `json:"keyset"`  // newest that was published
	Connected bool         `json:"connected"`

	Then
}

// Then is what the report that is kept of what ran then is shown with. No news is made
// of it: the state's hash and the facts of the patient make an order stale.
type Then struct {
	At      time.Time `json:"at"`      // of the report
	Patient string    `json:"patient"` // token of whom the register had
	Profile string    `json:"profile"`
	Zone    int32     `json:"zone_s"` // of the site
}

// seen is what somebody who proposes now sees.
func (s *Service) seen(ctx context.Context, sit *situation) (Seen, error) {
	connected, _, err := s.Telemetry.Reachable(ctx, sit.pump.ID)
	if err != nil {
		return Seen{}, err
	}
	zone, err := s.zone(ctx, sit.pump.Site)
	r := &sit.report
	return Seen{
		Then:   Then{At: sit.at, Patient: sit.bound, Profile: sit.profile.ID, Zone: zone},
		Volume: r.Volume, Day: r.Day, Bridge: r.Bridge, Busy: r.Busy, Trusted: r.Trusted, Faults: append([]string{}, r.Faults...), Connected: connected,
		Library: sit.view.Library.Library.Version, Active: s.Libraries.Current().Library.Version, Keyset: s.Keysets.Current().Version,
	}, err
}

// NewsKind says what is new.
type NewsKind string

// The kinds.
const (
	NewsAlarm   NewsKind = "alarm"
	NewsPump    NewsKind = "pump" // what it says of itself
	NewsProgram NewsKind = "program"
	NewsPatient NewsKind = "patient"
	NewsLibrary NewsKind = "library"
	NewsKeyset  NewsKind = "keyset"
)

// News is something that became known after an order was proposed. Who verifies or
// signs sees it first (DESIGN.md 5). What of it makes the order stale is closed by
// the sweep; the rest does not stand in the way, and is looked at.
type News struct {
	ID       string // the same as long as it is the same
	Kind     NewsKind
	At       time.Time // zero: not known when
	Title    string
	Detail   string
	Priority string // of an alarm: high, medium, low
}

// News returns what is new about an order's pump since it was proposed.
func (s *Service) News(ctx context.Context, actor auth.Actor, id int64) ([]News, error) {
	o, err := s.Get(ctx, actor.Scope(), id)
	if err != nil {
		return nil, err
	}
	out := []News{}
	if o.ProposedAt.IsZero() || o.Document == nil {
		return out, nil
	}
	alarms, err := s.Alarms.List(ctx, auth.Scope{Sites: []int64{o.Site}}, alarm.Filter{State: alarm.FilterAll, Pump: o.Pump, Limit: 500})
	if err != nil {
		return nil, err
	}
	for _, a := range alarms {
		out = append(out, alarmNews(&a, o.ProposedAt)...)
	}
	sit, err := s.read(ctx, actor.Scope(), o.Pump)
	if err != nil {
		// A pump that cannot be judged now is news as well.
		return append(out, News{ID: "pump:unread", Kind: NewsPump, Title: "What the pump runs is not known now", Detail: err.Error()}), nil
	}
	now, err := s.seen(ctx, sit)
	if err != nil {
		return nil, err
	}
	if sit.view.State.Hash() != o.Base {
		out = append(out, News{ID: "program:" + sit.view.State.Hash().Short(), Kind: NewsProgram, At: sit.at, Title: "The pump runs something else", Detail: "Than it did when this was proposed. It would refuse this order: it is stale."})
	}
	if o.Patient != 0 && sit.patient.ID == o.Patient && factsOf(o.Act, sit.patient.FactsRev, sit.patient.ForVisit) != o.FactsRev && !exempt(o.Act) {
		out = append(out, News{ID: fmt.Sprintf("patient:%d", sit.patient.FactsRev), Kind: NewsPatient, Title: "Something about the patient has changed", Detail: "An allergy, a contraindication, a group or the binding: look at the record. This order becomes stale by it."})
	}
	if o.seen == nil {
		return out, nil
	}
	out = append(out, pumpNews(o.seen, &now)...)
	return append(out, documentNews(o.seen, &now, &s.Keysets.Current().Keyset, o.Approvals)...), nil
}

func alarmNews(a *alarm.Alarm, since time.Time) (out []News) {
	priority := a.Priority.String()
	if a.RaisedAt.After(since) {
		out = append(out, News{ID: fmt.Sprintf("alarm:%d", a.ID), Kind: NewsAlarm, At: a.RaisedAt, Title: a.Entry().Title, Detail: a.Code, Priority: priority})
	} else if a.ClearedAt.After(since) {
		out = append(out, News{ID: fmt.Sprintf("cleared:%d", a.ID), Kind: NewsAlarm, At: a.ClearedAt, Title: a.Entry().Title + " is over", Detail: a.Code, Priority: priority})
	}
	return out
}

// bridging reports whether a bridge runs; one that waits for a priming does not.
func (s *Seen) bridging() bool { return s.Bridge && s.Busy != order.BusyPrime }

// pumpNews compares what the pump said of itself.
func pumpNews(was, now *Seen) (out []News) {
	say := func(id, title, detail string) {
		out = append(out, News{ID: "pump:" + id, Kind: NewsPump, Title: title, Detail: detail})
	}
	for _, f := range now.Faults {
		if !slices.Contains(was.Faults, f) {
			say("fault "+f, "A fault is active", f)
		}
	}
	for _, f := range was.Faults {
		if !slices.Contains(now.Faults, f) {
			say("no fault "+f, "A fault is over", f)
		}
	}
	switch {
	case was.Bridge && !now.Bridge:
		say("bridge over", "The bridge has ended", "The old fluid has left the path.")
	case now.bridging() && !was.bridging():
		say("bridge", "A bridge runs", "Old fluid is leaving the path.")
	case now.Bridge && !was.Bridge:
		say("bridge waits", "A bridge waits behind the priming", "It runs if the priming is cut short.")
	}
	if was.Busy != now.Busy {
		say(fmt.Sprintf("busy %d", now.Busy), "What the pump is busy with has changed", [...]string{"It is busy with nothing now.", "A bolus runs.", "It primes.", "Firmware is being installed."}[min(int(now.Busy), 3)])
	}
	switch {
	case was.Trusted && !now.Trusted:
		say("clock", "The pump does not trust its clock any more", "It was lost or has jumped. Programs by time of day may be shifted.")
	case !was.Trusted && now.Trusted:
		say("clock set", "The pump's clock was set", "")
	}
	switch {
	case was.Connected && !now.Connected:
		say("away", "The pump is not connected any more", "The order waits until it is.")
	case !was.Connected && now.Connected:
		say("back", "The pump is connected again", "")
	}
	// A tenth more or less in 24 hours than at the proposal: boluses, a stop, a stall.
	if apart := max(now.Day-was.Day, was.Day-now.Day); apart*10 > max(was.Day, 1) {
		say("day "+now.Day.String(), "It has delivered another volume in 24 hours", fmt.Sprintf("%s, and %s when this was proposed.", now.Day, was.Day))
	}
	if now.Volume > was.Volume {
		say("volume "+now.Volume.String(), "More is in the reservoir than when this was proposed", fmt.Sprintf("%s, and %s then, by the pump's reckoning.", now.Volume, was.Volume))
	}
	return out
}

// documentNews compares which documents count, and finds signatures that the
// keyset in force does not let count any more.
func documentNews(was, now *Seen, current *order.Keyset, signed []Approval) (out []News) {
	if was.Library != now.Library {
		out = append(out, News{ID: fmt.Sprintf("library:%d", now.Library), Kind: NewsLibrary, Title: "The pump has another drug library", Detail: fmt.Sprintf("Version %d, and version %d when this was proposed. It takes the order only if both say the same of these drugs.", now.Library, was.Library)})
	}
	if was.Active != now.Active {
		out = append(out, News{ID: fmt.Sprintf("active:%d", now.Active), Kind: NewsLibrary, Title: "Another drug library is in force", Detail: fmt.Sprintf("Version %d, and version %d when this was proposed.", now.Active, was.Active)})
	}
	if was.Keyset != now.Keyset {
		out = append(out, News{ID: fmt.Sprintf("keyset:%d", now.Keyset), Kind: NewsKeyset, Title: "A newer keyset counts", Detail: fmt.Sprintf("Version %d, and version %d when this was proposed.", now.Keyset, was.Keyset)})
	}
	var gone []string
	for _, a := range signed {
		if len(current.Person(a.Key)) == 0 || current.IsRevoked(a.Key) {
			gone = append(gone, a.Name)
		}
	}
	if len(gone) > 0 {
		out = append(out, News{ID: "signers:" + strings.Join(gone, ","), Kind: NewsKeyset, Title: "A signature does not count any more", Detail: "The keys of " + strings.Join(gone, " and ") + " were revoked or are not listed. The pump would refuse the order."})
	}
	return out
}
