// Package recall keeps recalls: notices of makers and authorities that call
// devices back, which of our pumps or communicators they concern, and what was done
// about each.
//
// # Invariants
//
//   - A notice concerns all sites; each site sees and works through its own pumps.
//   - Every pump is judged by [Criteria.Judge], every communicator by
//     [Criteria.JudgeCommunicator]; both explain themselves. What may match,
//     because something about the device is not known, is on the list until
//     somebody has looked: a device is never left out by a missing word.
//   - A device that is registered, or of which new facts are noted, while a recall
//     is open is judged in that same transaction, and a new recall judges all
//     devices in its own; a lock makes the two see each other.
//   - A pump that matches has the alarm RECALL until its entry is closed or
//     removed. A communicator has none: it is exchanged without touching the pump,
//     and an alarm on the pump that it happens to serve would stay behind when it
//     is. Nothing leaves a list without a person and a reason.
//   - Contacts are never changed or taken back.
package recall

import (
	"slices"
	"strings"
	"time"

	"cisterna/fleet/registry"
	"cisterna/internal/errs"
)

// Severity is how dangerous the fault is, as authorities grade it.
type Severity string

// The severities.
const (
	ClassI   Severity = "I"   // may cause serious harm or death
	ClassII  Severity = "II"  // may cause harm that passes or can be treated
	ClassIII Severity = "III" // is not likely to cause harm
)

// State is where a recall stands.
type State string

// The states.
const (
	Open      State = "open"
	Closed    State = "closed"    // everything was done
	Withdrawn State = "withdrawn" // a mistake, or taken back by whoever issued it
)

// Kind is which kind of device a recall concerns.
type Kind string

// The kinds.
const (
	Pumps         Kind = "pump"
	Communicators Kind = "communicator"
)

// Target is a device on a list: a pump by its id, or a communicator by its serial.
type Target struct {
	Pump int64
	Comm string
}

// Pump returns the target that a pump is.
func Pump(id int64) Target { return Target{Pump: id} }

// Communicator returns the target that a communicator is.
func Communicator(serial string) Target { return Target{Comm: serial} }

// kind returns which recalls have such targets.
func (t Target) kind() Kind {
	if t.Comm != "" {
		return Communicators
	}
	return Pumps
}

// Notice is what a recall says.
type Notice struct {
	Device    Kind          `json:"device"`
	Reference string        `json:"reference"` // of the notice, unique per maker
	Maker     string        `json:"maker"`
	Title     string        `json:"title"`
	Text      string        `json:"text"`   // what it says, what to do
	Source    string        `json:"source"` // where it came from: letter, address
	Severity  Severity      `json:"severity"`
	IssuedOn  registry.Date `json:"issued_on"`
	Criteria
}

// Recall is a notice and where it stands.
type Recall struct {
	ID int64
	Notice
	State     State
	StateAt   time.Time
	StateBy   string
	StateWhy  string
	CreatedAt time.Time
	CreatedBy string
	Rev       int64
	Counts    Counts // of the devices that the reader may see
}

// Counts says how far a recall is. Total leaves out what was removed.
type Counts struct {
	Check     int // may match: somebody has to look
	Open      int
	Closed    int
	Removed   int
	Contacted int // open, and somebody was reached or has an appointment
}

// Total returns how many devices are concerned.
func (c Counts) Total() int { return c.Check + c.Open + c.Closed }

// DeviceState is where one device of a recall stands.
type DeviceState string

// The states of devices.
const (
	DeviceCheck   DeviceState = "check"
	DeviceOpen    DeviceState = "open"
	DeviceClosed  DeviceState = "closed"
	DeviceRemoved DeviceState = "removed"
)

// Outcome is how a device's entry was closed.
type Outcome string

// Outcomes lists how an entry can be closed.
func Outcomes() []Outcome {
	return []Outcome{"replaced", "corrected", "inspected", "monitored", "explanted", "lost", "declined"}
}

// Device is a pump or a communicator on a recall's list.
type Device struct {
	ID     int64
	Recall int64
	Target
	Site     int64
	State    DeviceState
	How      string // matched or added
	Why      string // what the rule says, or the person
	AddedAt  time.Time
	AddedBy  string
	StateAt  time.Time
	StateBy  string
	StateWhy string  // evidence of a closure, reason of a removal
	Outcome  Outcome // "" unless closed
	Contacts []Contact
}

// Contact is one attempt to reach somebody about a device.
type Contact struct {
	ID        int64
	At        time.Time // when it was tried
	Caller    string    // who tried
	Contacted string    // whom
	Way       string
	Outcome   string
	Note      string
	NotedAt   time.Time
	NotedBy   string
}

// Ways lists how somebody can be contacted.
func Ways() []string { return []string{"phone", "letter", "visit", "message", "mail"} }

// ContactOutcomes lists what comes of it. The first two count as contacted.
func ContactOutcomes() []string {
	return []string{"reached", "appointment", "left_message", "no_answer", "refused", "wrong_contact"}
}

// check returns the notice in canonical form, or an errs.Invalid that names the
// field.
func (n Notice) check(now time.Time) (Notice, error) {
	var err error
	for _, f := range []struct {
		name  string
		value *string
		limit int
	}{{"reference", &n.Reference, 60}, {"maker", &n.Maker, 60}, {"title", &n.Title, 120}, {"source", &n.Source, 300}} {
		if *f.value, err = registry.Text(f.name, *f.value, f.limit, true); err != nil {
			return n, err
		}
	}
	if n.Text, err = registry.Lines("text", n.Text, 8000, true); err != nil {
		return n, err
	}
	if n.IssuedOn, err = registry.ParseDate("issued_on", strings.TrimSpace(string(n.IssuedOn))); err != nil {
		return n, err
	}
	switch {
	case n.IssuedOn == "":
		return n, errs.InvalidField("issued_on", "Say on which day the notice was issued.")
	case n.IssuedOn > registry.DateOf(now.UTC().Add(14*time.Hour)):
		return n, errs.InvalidField("issued_on", "%s has not come yet.", n.IssuedOn)
	case !slices.Contains([]Severity{ClassI, ClassII, ClassIII}, n.Severity):
		return n, errs.InvalidField("severity", "The severity is I, II or III.")
	}
	n.Device, n.Criteria, err = checkCriteria(n.Device, n.Criteria)
	return n, err
}

func (c Contact) check(now time.Time) (Contact, error) {
	var err error
	if c.Contacted, err = registry.Text("contacted", c.Contacted, 100, true); err != nil {
		return c, err
	}
	if c.Caller, err = registry.Text("caller", c.Caller, 100, true); err != nil {
		return c, err
	}
	if c.Note, err = registry.Text("note", c.Note, 1000, false); err != nil {
		return c, err
	}
	switch {
	case !slices.Contains(Ways(), c.Way):
		return c, errs.InvalidField("way", "The way is one of %v.", Ways())
	case !slices.Contains(ContactOutcomes(), c.Outcome):
		return c, errs.InvalidField("outcome", "The outcome is one of %v.", ContactOutcomes())
	case c.At.IsZero() || c.At.Year() < 2000:
		return c, errs.InvalidField("at", "Say when it was.")
	case c.At.After(now.Add(5 * time.Minute)):
		return c, errs.InvalidField("at", "That is still to come.")
	}
	return c, nil
}
