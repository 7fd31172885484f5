package telemetry

import "time"

// Presence says whether a pump can be reached.
type Presence string

// The presences.
const (
	Online  Presence = "online"  // connected and heard lately
	Stale   Presence = "stale"   // connected, or was a moment ago, but silent for longer than its profile allows, or since our own start
	Offline Presence = "offline" // not connected, or silent for too long
	Never   Presence = "never"   // nothing was ever heard of it
	Unknown Presence = "unknown" // we cannot tell: it is our end that is, or was, down
)

// SilenceRule says how long a pump may be silent. For an implant, hours can be
// normal; the rule comes from its profile and from what it gives. A zero duration
// means never.
type SilenceRule struct {
	Grace   time.Duration // from the end of a connection until it counts as offline
	Stale   time.Duration // of silence: values are no longer current
	Offline time.Duration // of silence: the connection counts as down even if it looks open
	Alarm   time.Duration // of silence: COMM_LOST
}

// sessionKey names a connection. Within one start of a server, conn rises; of
// two starts, the later connection counts.
type sessionKey struct {
	boot string
	conn uint64
}

// contact is what is known about reaching a pump.
type contact struct {
	heard       time.Time     // last message whose signature held; zero: never
	deaf        time.Duration // since then, in which our own end could not have heard it
	key         sessionKey
	link        string
	session     []byte // the pump's own id of it, from hello; nil: not known
	connected   bool
	connectedAt time.Time
	closedAt    time.Time
	reason      string // of the close
}

// silent returns for how long the pump could have been heard and was not. What
// passed while our end was down is not the pump's; what passed before that is, so
// that a start of the server begins no count anew.
func (c *contact) silent(now time.Time) time.Duration { return now.Sub(c.heard) - c.deaf }

// unheard reports whether nothing signed came since our own end came up and, where
// the pump's connection is open, since that was opened. Messages are noted by the
// millisecond, and so the connection's time is compared.
func (c *contact) unheard(our uplink) bool {
	since := our.since
	if c.connected {
		since = latest(since, c.connectedAt.Truncate(time.Millisecond))
	}
	return c.heard.Before(since)
}

// settle is how long after our own end came up pumps may take to come back
// before their absence counts.
const settle = 2 * time.Minute

// judgement is what the rules make of a contact at a moment.
type judgement struct {
	state Presence
	lost  bool // COMM_LOST stands
}

// judge applies the rules; was is the judgement before. presenceCase in
// store_presence.go says the same in SQL, and a test holds them together.
//
// Only signed messages count as a sign of life: a connection alone, which the
// communicator's key can make, brings no pump back.
func judge(c contact, rule SilenceRule, our uplink, now time.Time, was judgement) judgement {
	if c.heard.IsZero() {
		return judgement{state: Never}
	}
	silent := c.silent(now)
	state := judgeState(c, rule, our, now, was.state, silent)
	// Once raised, the alarm stands until the pump is back, whatever becomes of
	// us meanwhile.
	return judgement{state: state, lost: state != Online && (was.lost || our.up && lostDue(rule, our, now, silent))}
}

// lostDue reports whether COMM_LOST is to be raised. Right after our own start the
// pump gets the time to come back, once: a server that starts again and again
// within it cannot put the alarm off.
func lostDue(rule SilenceRule, our uplink, now time.Time, silent time.Duration) bool {
	if now.Before(our.since.Add(settle)) {
		return rule.Alarm > 0 && silent >= rule.Alarm+settle
	}
	return past(silent, rule.Alarm)
}

func judgeState(c contact, rule SilenceRule, our uplink, now time.Time, was Presence, silent time.Duration) Presence {
	switch {
	case !our.up:
		return Unknown
	case c.connected && past(silent, rule.Offline):
		return Offline
	case was == Offline && c.unheard(our):
		return Offline // it was gone, and nothing but a connection came since
	case c.heard.Before(our.since) && now.Before(our.since.Add(settle)):
		return Unknown
	case c.connected && (past(silent, rule.Stale) || c.heard.Before(our.since)):
		return Stale
	case c.connected:
		return Online
	case rule.Grace == 0 || past(now.Sub(latest(c.closedAt, our.since)), rule.Grace):
		return Offline
	case past(silent, rule.Stale):
		return Stale
	}
	return Online // it has just gone and may be back at once
}

// past reports whether d has reached a limit; a zero limit is never reached.
func past(d, limit time.Duration) bool { return limit > 0 && d >= limit }

func latest(ts ...time.Time) (last time.Time) {
	for _, t := range ts {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// open notes a connection. One that is older than the present one is ignored.
func (c *contact) open(key sessionKey, link string, at time.Time) {
	if !c.newer(key, at) {
		return
	}
	c.key, c.link, c.session = key, link, nil
	c.connected, c.connectedAt, c.closedAt, c.reason = true, at, time.Time{}, ""
}

// newer reports whether a connection of that key came after the present one.
func (c *contact) newer(key sessionKey, at time.Time) bool {
	if key.boot == c.key.boot {
		return key.conn > c.key.conn
	}
	return at.After(c.connectedAt)
}

// hear notes a message. Whatever connection it came over, the pump was there;
// one that we had not been told of is open.
func (c *contact) hear(key sessionKey, link string, at time.Time) {
	if at.After(c.heard) {
		c.heard, c.deaf = at, 0
	}
	c.open(key, link, at)
}

// greet notes the pump's own id of the session.
func (c *contact) greet(key sessionKey, session []byte) {
	if key == c.key {
		c.session = session
	}
}

// close ends the connection if it is the present one. The end of any other is
// stale news.
func (c *contact) close(key sessionKey, reason string, at time.Time) {
	if key == c.key && c.connected {
		c.connected, c.closedAt, c.reason = false, at, reason
	}
}

// bye takes a will. It ends the session that it names, and no other: a will of
// a connection that was taken over comes late. Without a hello only the
// connection can tell.
func (c *contact) bye(key sessionKey, session []byte, at time.Time) {
	switch {
	case c.session != nil && string(c.session) != string(session):
		return
	case c.session == nil && key != c.key:
		return
	}
	if c.connected {
		c.connected, c.closedAt, c.reason = false, at, "will"
	}
}

// merge brings what a server knows into what is stored. Each part that is newer
// wins.
func (c *contact) merge(n contact) {
	if n.heard.After(c.heard) {
		c.heard, c.deaf = n.heard, n.deaf
	}
	if n.key == (sessionKey{}) {
		return
	}
	if n.key == c.key {
		if n.session != nil {
			c.session = n.session
		}
		if !n.connected && c.connected {
			c.connected, c.closedAt, c.reason = false, n.closedAt, n.reason
		}
		return
	}
	if c.newer(n.key, n.connectedAt) {
		heard, deaf := c.heard, c.deaf
		*c = n
		c.heard, c.deaf = heard, deaf
	}
}
