package telemetry

import "time"


// Presence says whether a pump can be reached.
type Presence string

// The presences.
const (
	Online  Presence = "online"  // connected and heard lately
	Stale   Presence = "stale"   // connected, but silent for longer than its profile allows
	Offline Presence = "offline" // not connected, or silent for too long
	Never   Presence = "never"   // nothing was ever heard of it
	Unknown Presence = "unknown" // we cannot tell: it is our end that is, or was, down
)

// SilenceRule says how long a pump may be silent. For an implant, hours can be
// normal; the rule comes from its profile. A zero duration means never.
type SilenceRule struct {
	Grace   time.Duration // from the end of a connection until it counts as offline
	Stale   time.Duration // of silence on an open connection: values are no longer current
	Offline time.Duration // of silence: the connection counts as down even if it looks open
	Alarm   time.Duration // of silence: COMM_LOST
}
