package telemetry

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cisterna/device/gateway"
	"cisterna/fleet/registry"
)

// tracker knows the contacts of this server's links from memory. It is only as
// good as this process: the database has the last word.
type tracker struct {
	boot  string
	wake  chan struct{} // something changed that people see
	pumps sync.Map      // pump id → *track
	conns sync.Map      // open connection → registry.PumpRef it was paired with

	mu       sync.Mutex
	sessions []sessionRow // opened and closed, not yet written
}

// track is one pump's contact. Messages of the present connection take the fast
// way: they only move a number.
type track struct {
	conn  atomic.Uint64 // of an open connection, 0 = none
	heard atomic.Int64  // Unix ms of the last message of conn
	dirty atomic.Bool

	mu      sync.Mutex
	contact contact
	profile string
}

// sessionRow is a connection to be written: one of its two ends.
type sessionRow struct {
	s      gateway.Session
	pump   int64
	closed time.Time // zero: it was opened
	reason string
}

func newTracker(boot string) *tracker { return &tracker{boot: boot, wake: make(chan struct{}, 1)} }

func (t *tracker) of(ref registry.PumpRef) *track {
	v, ok := t.pumps.Load(ref.ID)
	if !ok {
		v, _ = t.pumps.LoadOrStore(ref.ID, &track{profile: ref.Profile})
	}
	return v.(*track)
}

func (t *tracker) nudge() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// change applies f to a pump's contact.
func (t *tracker) change(ref registry.PumpRef, f func(*contact)) {
	if ref.ID == 0 {
		return
	}
	k := t.of(ref)
	k.mu.Lock()
	k.settle()
	was := k.contact.connected
	f(&k.contact)
	k.profile = ref.Profile
	if k.contact.connected {
		k.conn.Store(k.contact.key.conn)
	} else {
		k.conn.Store(0)
	}
	changed := was != k.contact.connected
	k.mu.Unlock()
	k.dirty.Store(true)
	if changed {
		t.nudge()
	}
}

// again has the pump's contact written once more: something changed that its rule
// comes from.
func (t *tracker) again(ref registry.PumpRef) {
	t.of(ref).dirty.Store(true)
	t.nudge()
}

// settle brings what the fast way noted into the contact.
func (k *track) settle() {
	if ms := k.heard.Load(); ms != 0 {
		if at := time.UnixMilli(ms); at.After(k.contact.heard) {
			k.contact.heard = at
		}
	}
}

func (t *tracker) heard(ref registry.PumpRef, link string, conn uint64, at time.Time) {
	k := t.of(ref)
	if conn != 0 && k.conn.Load() == conn {
		k.heard.Store(at.UnixMilli())
		if !k.dirty.Load() {
			k.dirty.Store(true)
		}
		return
	}
	t.change(ref, func(c *contact) { c.hear(sessionKey{t.boot, conn}, link, at) })
}

func (t *tracker) greet(ref registry.PumpRef, link string, conn uint64, session [16]byte, at time.Time) {
	t.change(ref, func(c *contact) {
		c.hear(sessionKey{t.boot, conn}, link, at)
		c.greet(sessionKey{t.boot, conn}, slices.Clone(session[:]))
	})
}

func (t *tracker) open(ref registry.PumpRef, s gateway.Session) {
	t.conns.Store(s.Conn, ref)
	t.change(ref, func(c *contact) { c.open(sessionKey{t.boot, s.Conn}, s.Link, s.At) })
	t.note(sessionRow{s: s, pump: ref.ID})
}

func (t *tracker) end(s gateway.Session, reason string, at time.Time) {
	var ref registry.PumpRef
	if v, ok := t.conns.LoadAndDelete(s.Conn); ok {
		ref = v.(registry.PumpRef)
	}
	t.change(ref, func(c *contact) { c.close(sessionKey{t.boot, s.Conn}, reason, at) })
	t.note(sessionRow{s: s, pump: ref.ID, closed: at, reason: reason})
}

// bye takes a will for the pump that the connection was opened for, or else for
// the one that the link is paired with.
func (t *tracker) bye(ref registry.PumpRef, conn uint64, session [16]byte, at time.Time) {
	if v, ok := t.conns.Load(conn); ok {
		ref = v.(registry.PumpRef)
	}
	t.change(ref, func(c *contact) { c.bye(sessionKey{t.boot, conn}, session[:], at) })
}

// maxSessions bounds the connections that wait to be written while the database
// is away; the oldest are forgotten. Presence does not depend on them.
const maxSessions = 20_000

func (t *tracker) note(r sessionRow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.sessions) >= maxSessions {
		t.sessions = slices.Delete(t.sessions, 0, maxSessions/4)
	}
	t.sessions = append(t.sessions, r)
}

// contactOf is what is known about a pump now.
type contactOf struct {
	pump    int64
	profile string
	contact contact
}

// take returns what changed since the last call.
func (t *tracker) take() (contacts []contactOf, sessions []sessionRow) {
	t.pumps.Range(func(id, v any) bool {
		k := v.(*track)
		if k.dirty.Load() && k.dirty.CompareAndSwap(true, false) {
			k.mu.Lock()
			k.settle()
			contacts = append(contacts, contactOf{id.(int64), k.profile, k.contact})
			k.mu.Unlock()
		}
		return true
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	sessions, t.sessions = t.sessions, nil
	return contacts, sessions
}

// back returns what could not be written.
func (t *tracker) back(contacts []contactOf, sessions []sessionRow) {
	for _, c := range contacts {
		if v, ok := t.pumps.Load(c.pump); ok {
			v.(*track).dirty.Store(true)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(sessions)+len(t.sessions) <= maxSessions {
		t.sessions = append(sessions, t.sessions...)
	}
}
