// Package maintenance keeps what is done, or has to be done, to pumps and
// communicators as devices: inspections, batteries, repairs, notes.
//
// An entry is about one device. What is planned has a day by which it is due and
// ends once, done or dropped; what was written down at once as done, or only as a
// note, is ended from the beginning. Nothing is changed afterwards. It moves no
// dose and no status.
package maintenance

import (
	"slices"
	"strings"
	"time"

	"cisterna/fleet/registry"
	"cisterna/internal/errs"
)

// Kind is what sort of work it is.
type Kind string

// Kinds lists all kinds. Their names are those of the export.
func Kinds() []Kind {
	return []Kind{"note", "inspection", "repair", "battery", "alarm_test", "cleaning", "software", "safety_check"}
}

// State is where a piece of work stands.
type State string

// The states.
const (
	Planned State = "planned"
	Done    State = "done"
	Dropped State = "dropped" // it will not be done, and why
)

// Work is one entry.
type Work struct {
	ID          int64
	Site        int64
	Pump        int64  // 0 if it is about a communicator
	Link        string // serial of the communicator, "" if it is about a pump
	Serial      string // of either, for lists
	Kind        Kind
	Text        string
	DueOn       registry.Date // "" unless it was planned
	State       State
	DoneOn      registry.Date
	Result      string // what was found or done, or why it was dropped
	CreatedAt   time.Time
	CreatedBy   string // actor
	CreatedName string
	EndedAt     time.Time
	EndedName   string
}

// Overdue reports whether the work should have been done before that day.
func (w Work) Overdue(today registry.Date) bool { return w.State == Planned && w.DueOn < today }

// New is what it takes to write an entry down. Exactly one of Pump and Link names
// the device. With DueOn it is planned; else it is done on DoneOn, or today.
type New struct {
	Pump   int64         `json:"-"`
	Link   string        `json:"link,omitempty"`
	Kind   Kind          `json:"kind"`
	Text   string        `json:"text"`
	DueOn  registry.Date `json:"due_on,omitempty"`
	DoneOn registry.Date `json:"done_on,omitempty"`
}

func (n New) check(now time.Time) (New, error) {
	var err error
	if n.Text, err = registry.Lines("text", n.Text, 2000, true); err != nil {
		return n, err
	}
	if n.DueOn, err = registry.ParseDate("due_on", strings.TrimSpace(string(n.DueOn))); err != nil {
		return n, err
	}
	if n.DoneOn, err = registry.ParseDate("done_on", strings.TrimSpace(string(n.DoneOn))); err != nil {
		return n, err
	}
	switch {
	case !slices.Contains(Kinds(), n.Kind):
		return n, errs.InvalidField("kind", "The kind of work is one of %v.", Kinds())
	case n.DueOn != "" && n.DoneOn != "":
		return n, errs.InvalidField("done_on", "Work is due or done, not both.")
	case n.Kind == "note" && n.DueOn != "":
		return n, errs.InvalidField("due_on", "A note is due on no day. Choose what has to be done.")
	case n.DoneOn > registry.DateOf(now.UTC().Add(14*time.Hour)):
		return n, errs.InvalidField("done_on", "%s has not come yet.", n.DoneOn)
	}
	if n.DueOn == "" && n.DoneOn == "" {
		n.DoneOn = registry.DateOf(now.UTC())
	}
	return n, nil
}
