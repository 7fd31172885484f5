// Package alarm keeps alarms: conditions that pumps or the server raise, that
// people acknowledge, and that end when the raiser clears them.
//
// # Invariants
//
//   - At most one alarm is open per pump, code, instance and source; raising it
//     again counts.
//   - Acknowledged is not cleared. Only what raised an alarm ends it: a pump's
//     alarm, latched or not, by the pump's own signed clear. The one exception
//     is a pump that will never say anything again: it is out of the patient, out
//     of service, or has no link any more.
//   - The platform may raise the priority that a pump declared, never lower it,
//     and a code it does not know keeps the declared one. While an alarm is open
//     its priority never falls, and one that rises wants a new acknowledgement.
//   - Order is the pump's, not that of arrival: positions in the alarm lane
//     decide what came first, and what comes late is kept without being applied.
//     A clear without its raise, which a gap may have eaten, is kept too.
//   - Nothing here silences a pump.
//
// What happened is in the alarm's history; what matters is in the record.
package alarm

import (
	"time"

	"cisterna/device/wire"
	"cisterna/internal/auth"
)

// Source is who raises an alarm.
type Source string

// The sources.
const (
	SourcePump   Source = "pump"
	SourceServer Source = "server"
)

// State is where an alarm stands.
type State string

// The states.
const (
	Active       State = "active"       // the condition lasts and nobody has said they know
	Acknowledged State = "acknowledged" // the condition lasts and somebody knows
	Cleared      State = "cleared"      // the condition is over
)

// Open reports whether the condition lasts.
func (s State) Open() bool { return s != Cleared }

// Alarm is one condition from its raise to its clear. Times are zero where they
// are not known.
type Alarm struct {
	ID       int64
	Pump     int64 // registry id
	Site     int64 // registry id
	Code     string
	Instance string // tells several conditions of one code apart; usually empty
	Source   Source
	Priority wire.Priority // the higher of declared and catalogue
	Declared wire.Priority // what the raiser said, 0 if nothing
	Latched  bool          // stays on the pump until cleared there
	State    State
	Count    int64 // raises; 0 if only the clear arrived
	RaisedAt time.Time
	DeviceAt time.Time // the same by the pump's clock
	LastAt   time.Time // newest raise

	ClearedAt     time.Time
	ClearDeviceAt time.Time

	AckBy   string // actor, as in the record
	AckName string
	AckAt   time.Time
	AckNote string

	Detail map[string]string // from the newest raise
	Rev    int64             // rises with every change

	pos   wire.Position // of what was applied last; zero for the server's own
	noted time.Time     // newest entry of the history
}

// Entry returns what the catalogue says about the alarm's code.
func (a Alarm) Entry() Entry {
	e, _ := Lookup(a.Code)
	return e
}

// DueAt returns when somebody should have looked at the alarm.
func (a Alarm) DueAt() time.Time { return a.RaisedAt.Add(a.Entry().Ack) }

// Raise is a condition that begins, or is reported again.
type Raise struct {
	Pump, Site int64
	Code       string
	Source     Source
	Instance   string
	Priority   wire.Priority // as declared; 0 = from the catalogue
	Latched    bool
	DeviceAt   time.Time // by the pump's clock; zero for the server's own
	At         time.Time // by the server's clock
	Detail     map[string]string
	Actor      auth.Actor    // auth.Device(link) or auth.System(part)
	Link       string        // that the pump said it over
	Pos        wire.Position // in the pump's alarm lane; zero for the server's own
	Evidence   []byte        // the signed message, kept with the leaf
}

// Clear is the end of a condition.
type Clear struct {
	Pump, Site int64
	Code       string
	Source     Source
	Instance   string
	DeviceAt   time.Time
	At         time.Time
	Detail     map[string]string
	Actor      auth.Actor
	Link       string
	Pos        wire.Position
	Evidence   []byte
	Repeated   bool // the pump says what does not stand: nothing happened now
}

// Change is what happened to an alarm.
type Change string

// The changes, as the history names them.
const (
	ChangeRaised       Change = "raised"
	ChangeRepeated     Change = "repeated"
	ChangeCleared      Change = "cleared"
	ChangeAcknowledged Change = "acknowledged"
	ChangeLate         Change = "late"   // arrived after what came later; kept, not applied
	ChangeClosed       Change = "closed" // ended by a person because the pump is gone
	ChangeNoted        Change = "noted"  // somebody wrote something down; nothing else changed
)

// Changed tells of a committed change.
type Changed struct {
	Seq    uint64 // contiguous over the life of the process, in order of publication
	Change Change
	Alarm  Alarm // as it is after the change; Alarm.Rev orders changes of one alarm
}

// Happened is an entry of an alarm's history.
type Happened struct {
	ID                       int64
	Change                   Change
	At, DeviceAt             time.Time
	Actor                    string
	Note                     string
	OldState, NewState       State // OldState is empty at the first
	OldPriority, NewPriority wire.Priority
	Count                    int64
	Detail                   map[string]string
	Pos                      wire.Position
	Evidence                 []byte // SHA-256 of the signed message, if it came in one
}

// Counts are a pump's open alarms by priority, acknowledged ones included.
type Counts struct {
	High, Medium, Low, Info int
	Active                  int    // those nobody has acknowledged
	Top                     *Alarm // the one to show: highest priority, unacknowledged first, newest
}
