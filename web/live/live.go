// Package live tells browsers what happens, as it happens: a websocket that
// carries changed rows of the fleet's list and every change of an alarm and of an
// order. The protocol is in PROTOCOL.md.
//
// # Invariants
//
//   - Rows are conflated, never queued: what a slow reader has not been sent is
//     replaced by what is newer. At most one flush in 200 ms.
//   - Alarms and orders are never conflated: each viewer's lane is numbered
//     without gaps.
//     Whoever falls further behind than the lane remembers is told to start
//     again, never left with a hole.
//   - Nobody is sent a row, an alarm or an order of a site that they may not see.
//   - A frame is encoded once for all who see the same sites, not once for each.
//   - A reader that does not read costs a bounded amount of memory and nobody
//     else's time. It is disconnected when a write takes five seconds.
//   - A session that ends takes its sockets with it.
package live

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"cisterna/internal/auth"
	"cisterna/internal/event"
)

// Row is a pump as the list shows it.
type Row struct {
	ID    int64
	Site  int64
	Rev   uint64 // the board's revision of the row's last change
	Value any    // encodes to a JSON object with "id"
}

// Changes is what became of the board since a revision.
type Changes struct {
	Epoch   string
	Rev     uint64
	Reset   bool // the revision is of another epoch or forgotten: Rows are all there are
	Rows    []Row
	Removed []int64
}

// Board is the list of pumps in memory. Its revision rises with every change,
// and its epoch is new at every start.
type Board interface {
	// Since returns what changed after rev, for all sites. It must be cheap if
	// nothing did.
	Since(epoch string, rev uint64) Changes
	// Wake is signalled after a change.
	Wake() <-chan struct{}
}

// Alarm is a change of an alarm.
type Alarm struct {
	Site   int64
	Pump   int64
	Change string // "raised", "updated", "cleared" or "acknowledged"
	Value  any    // the alarm's row
}

// Order is a change of an order, or of a stop or a withdrawal.
type Order struct {
	Site  int64
	Pump  int64
	Value any // what is told of it: enough to read it again, and nothing of what it says
}

// Limits and times of the feed. PROTOCOL.md promises them.
const (
	FlushEvery = 200 * time.Millisecond // the least time between two deltas
	BeatEvery  = 2 * time.Second
	PingEvery  = 15 * time.Second
	PongWithin = 40 * time.Second // also the limit of silence
	WriteLimit = 5 * time.Second  // for one frame
	CheckEvery = 5 * time.Second  // sessions and roles
	CheckLimit = time.Minute      // without an answer nobody stays connected
	Remember   = 5 * time.Minute  // a lane whose last viewer left

	MaxFrame   = 256 << 10 // bytes
	MaxCatchUp = 1 << 20   // bytes of rows; beyond, a snapshot is cheaper
	MaxRead    = 512       // bytes: clients send nothing but pongs
	Lane       = 1024      // alarms and orders that a lane remembers
	PerUser    = 12        // sockets
	InAll      = 5000      // sockets

	RetryMin = 500 * time.Millisecond
	RetryMax = 30 * time.Second
)

// CloseSession is the websocket close code for a session that has ended.
const CloseSession = 4401

// Options is what a Hub needs.
type Options struct {
	Board Board
	Log   *slog.Logger
	// Check returns those of the sessions that last, each with what its person
	// may see now.
	Check func(ctx context.Context, sessions []int64) (map[int64]auth.Scope, error)
	// Ended tells of sessions that end; nil means that only Check does.
	Ended *event.Bus[auth.Ended]
	// Origin reports whether the page that asks may; nil means SameOrigin.
	Origin func(*http.Request) bool
	Now    func() time.Time // nil: time.Now
}

// Hub holds the sockets. It is safe for concurrent use.
type Hub struct {
	board Board
	log   *slog.Logger
	check func(context.Context, []int64) (map[int64]auth.Scope, error)
	ended *event.Subscription[auth.Ended]

	origin func(*http.Request) bool
	now    func() time.Time

	refreshing sync.Mutex // held while the mirror is written, before mu
	mu         sync.Mutex
	mirror     mirror
	lanes      map[string]*lane // by scope
	clients    map[*client]struct{}
	perUser    map[int64]int
	total      int    // sockets, also those being upgraded
	numbered   uint64 // alarms and orders published so far
	beats      uint64
	closed     bool
	checked    time.Time // when sessions were last known to last
	stats      Stats

	queue   []*client // waiting for a sender, from head on
	head    int
	senders int
	watched bool // unstick is coming
	sent    atomic.Uint64

	done sync.WaitGroup // sockets
}

// Stats counts what the hub did since it started.
type Stats struct {
	Clients  int    // now
	Lanes    int    // now
	Accepted uint64 // sockets
	Flushes  uint64
	Alarms   uint64
	Orders   uint64
	Resets   uint64 // clients told to start again
	Slow     uint64 // clients dropped because they did not read
	Ended    uint64 // clients closed because their session ended
}

// New returns a hub. It works while Run runs.
func New(o Options) (*Hub, error) {
	if o.Board == nil || o.Log == nil || o.Check == nil {
		return nil, errors.New("live: Board, Log and Check are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Origin == nil {
		o.Origin = SameOrigin
	}
	h := &Hub{
		board: o.Board, log: o.Log.With("component", "live"), check: o.Check, origin: o.Origin, now: o.Now,
		lanes: map[string]*lane{}, clients: map[*client]struct{}{}, perUser: map[int64]int{}, checked: time.Now(),
	}
	if o.Ended != nil {
		h.ended = o.Ended.Subscribe(1024)
	}
	return h, nil
}

// Stats returns the counters.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.stats
	s.Clients, s.Lanes = len(h.clients), len(h.lanes)
	return s
}

// Run serves until ctx ends; then it says goodbye to all and returns when they
// are gone.
func (h *Hub) Run(ctx context.Context) error {
	var (
		flush  = time.NewTimer(time.Hour)
		beat   = time.NewTicker(BeatEvery)
		ping   = time.NewTicker(PingEvery)
		watch  = time.NewTicker(WriteLimit / 10)
		check  = time.NewTicker(CheckEvery)
		last   time.Time
		armed  bool
		ending <-chan struct{}
	)
	defer func() { flush.Stop(); beat.Stop(); ping.Stop(); check.Stop(); watch.Stop() }()
	if h.ended != nil {
		ending = h.ended.Wake()
		defer h.ended.Close()
	}
	h.refresh() // from here on the mirror knows who left a site
	checks, checking := make(chan struct{}, 1), false
	for {
		select {
		case <-ctx.Done():
			h.shutdown()
			return nil
		case <-h.board.Wake():
			if armed {
				break
			}
			if wait := FlushEvery - time.Since(last); wait > 0 {
				flush.Reset(wait)
				armed = true
				break
			}
			last = time.Now()
			h.flush()
		case <-flush.C:
			armed, last = false, time.Now()
			h.flush()
		case <-beat.C:
			h.eachDue(func(c *client) { c.beatDue = true })
			h.forgetLanes()
		case <-ping.C:
			h.eachDue(func(c *client) { c.pingDue = true })
		case <-watch.C:
			h.dropSlow()
		case <-ending:
			h.endSessions()
		case <-check.C:
			if !checking { // one that hangs must not hold up the feed
				checking = true
				go func() { h.recheck(ctx); checks <- struct{}{} }()
			}
			h.failClosed()
		case <-checks:
			checking = false
		}
	}
}
