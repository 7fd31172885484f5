// Package events keeps the stream of what happens in the fleet: one sequence of
// typed events that anybody who may see them can follow, stop, and go on with
// where they stopped.
//
// # Where events come from
//
// From three lists, each of which is written in the transaction of the change it
// tells of: the record (package audit), the changes of alarms, and the changes of
// presence. What has its own list is not told again from the record.
//
// # Order
//
// Ids that are drawn when a row is inserted do not say when it commits: a
// transaction that drew a small id may commit last, and a reader that has gone
// past it would never see its event. Therefore events get their numbers here,
// afterwards. One server at a time, by lease, moves what has committed into
// events_events, in one transaction that locks events_state: it takes the places
// of the record from where it stopped (the record's sequencer gives them without
// gaps, see package audit), takes the news of alarms and presence that are visible
// and removes them, numbers all of it, and moves its own position. So
//
//   - an event gets a number exactly once, whatever crashes when;
//   - numbers have no gaps, and number n is visible only when n-1 is: the next
//     transaction waits for the lock;
//   - a change that commits late gets a later number, and is never skipped.
//
// Events of one source keep its order; events of different sources are in the
// order in which they were found, which can differ from their times by a moment.
// While the record has no sequencer, its events wait with it.
//
// # Cursors
//
// A [Cursor] is the number of an event together with the name of the stream and a
// mark, which is when that event was placed. A database that was restored from a
// backup has the same name and gives the numbers behind the backup anew, to other
// events; the mark tells them apart. A cursor is valid for as long as its events are kept; an older one, one of another database, and one that a restore left behind is
// refused rather than silently taken from somewhere else.
//
// Events hold no details about patients: of the detail of an entry of the record
// only the members named in [Catalogue] are copied.
package events

import (
	"strconv"
	"strings"
	"time"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// Event is something that happened.
type Event struct {
	Seq    int64 // its number in the stream
	Name   string
	At     time.Time // when it happened, the server's clock
	Site   int64     // registry id; 0 = concerns no site
	Pump   int64     // registry id; 0 = concerns no pump
	Actor  string    // as in the record: "person:7 anna"
	Object string    // "alarm:12"; may be empty
	Device string    // the link that it came over; may be empty
	Reason string    // in the actor's words; may be empty
	Detail map[string]string
	Entry  int64 // its place in the record; -1 = it has none

	placed int64 // when it got its number, in microseconds since 1970
}

// Cursor is a place in the stream: behind the event of that number. The zero
// Cursor is none.
type Cursor struct {
	epoch string
	seq   int64
	mark  int64 // Event.placed of that event; 0 = not known
}

// IsZero reports whether c is no place at all.
func (c Cursor) IsZero() bool { return c.epoch == "" }

// Behind returns the cursor of the same stream behind an event.
func (c Cursor) Behind(e Event) Cursor { return Cursor{c.epoch, e.Seq, e.placed} }

// String returns the cursor as it travels; "" for none.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	s := c.epoch + "." + strconv.FormatInt(c.seq, 10)
	if c.mark != 0 {
		s += "." + strconv.FormatInt(c.mark, 36)
	}
	return s
}

// ParseCursor reads a cursor; "" is none. Those that were given before there were
// marks have none.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	epoch, rest, ok := strings.Cut(s, ".")
	digits, text, marked := strings.Cut(rest, ".")
	n, err := strconv.ParseInt(digits, 10, 64)
	mark, wrong := int64(0), error(nil)
	if marked {
		mark, wrong = strconv.ParseInt(text, 36, 64)
		ok = ok && wrong == nil && mark > 0 && strconv.FormatInt(mark, 36) == text
	}
	if !ok || err != nil || n < 0 || strconv.FormatInt(n, 10) != digits || len(epoch) != 12 || strings.Trim(epoch, "0123456789abcdef") != "" {
		return Cursor{}, errs.InvalidField("after", "This is not a place in the stream of events.")
	}
	return Cursor{epoch, n, mark}, nil
}

// Filter chooses events.
type Filter struct {
	Scope auth.Scope // sites whose events may be seen
	// NoSite adds events that concern no site, such as sign-ins: for people who
	// see every site.
	NoSite bool
	Names  []string // "pump.register", or "pump." for all that begin so; empty: all
	Pump   int64    // 0: any
	Site   int64    // 0: any
}

// Query asks for a part of the stream: the newest Tail events, or those behind
// After.
type Query struct {
	After Cursor
	Tail  int
	Limit int // of events behind After, 1 to 1000; 0 = 100
}

// Page is a part of the stream, oldest first.
type Page struct {
	Events []Event
	Next   Cursor // go on from here; it moves on past events that the filter leaves out
	More   bool   // there are more right now
}

// maxPage is the most events of one page.
const maxPage = 1000

func (q Query) check() (Query, error) {
	switch {
	case !q.After.IsZero() && q.Tail != 0:
		return q, errs.InvalidField("tail", "Give either tail or after, not both.")
	case q.Tail < 0 || q.Tail > maxPage:
		return q, errs.InvalidField("tail", "Give 1 to %d.", maxPage)
	case q.Limit < 0 || q.Limit > maxPage:
		return q, errs.InvalidField("limit", "Give 1 to %d.", maxPage)
	}
	if q.Limit == 0 {
		q.Limit = 100
	}
	if q.After.IsZero() && q.Tail == 0 {
		q.Tail = 50
	}
	return q, nil
}

// CheckNames refuses a name that no event can have.
func CheckNames(names []string) error {
	for _, n := range names {
		if !known(n) {
			return errs.InvalidField("names", "There is no event %q. GET /events/names lists all.", clip(n))
		}
	}
	return nil
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
