package live

import (
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// Viewer is who looks.
type Viewer struct {
	Session int64
	User    int64
	Scope   auth.Scope
}

// client is one socket. Its fields below viewer belong to the hub's lock.
type client struct {
	conn   *websocket.Conn
	viewer Viewer

	lane      *lane
	hello     message // not sent yet
	rev, aseq uint64  // what has been sent, or is being sent now
	reset     string  // why the client must start again, "" if it need not
	bye       string  // why the client must go, "" if it need not
	beatDue   bool
	pingDue   bool
	out       []message

	queued  bool      // waits for a sender
	sending bool      // has one, since
	since   time.Time //
	again   bool      // more came due meanwhile
	left    bool      // forgotten
}

// Resume is where a client says it stands.
type Resume struct {
	Epoch     string
	Rev, Aseq uint64
	HasRev    bool
	HasAseq   bool
}

// ParseResume reads the query of the feed's address: epoch, rev and aseq, each of
// which may be missing. It returns an error of kind Invalid.
func ParseResume(q url.Values) (Resume, error) {
	from := Resume{Epoch: q.Get("epoch"), HasRev: q.Get("rev") != "" && q.Get("epoch") != "", HasAseq: q.Get("aseq") != "" && q.Get("epoch") != ""}
	for _, n := range []struct {
		name string
		has  bool
		to   *uint64
	}{{"rev", q.Get("rev") != "", &from.Rev}, {"aseq", q.Get("aseq") != "", &from.Aseq}} {
		if n.has {
			var err error
			if *n.to, err = strconv.ParseUint(q.Get(n.name), 10, 53); err != nil {
				return Resume{}, errs.InvalidField(n.name, "%s is not a number that the feed has given.", n.name)
			}
		}
	}
	return from, nil
}

// ErrNotWebsocket says that a request did not ask for a websocket.
var ErrNotWebsocket = errs.New(errs.Invalid, "This address speaks websocket only.")

// SameOrigin reports whether a request comes from a page of the server that it
// is sent to. A request that does not say where it comes from does not.
func SameOrigin(r *http.Request) bool {
	u, err := url.Parse(r.Header.Get("Origin"))
	if err != nil || u.Host == "" || u.Host != r.Host {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && r.TLS == nil
}

var writeBuffers sync.Pool // no New: gorilla makes the buffers

// Serve upgrades a request to a websocket for a viewer who has been
// authenticated, and serves it until it ends. An error means that nothing was
// upgraded or written: [ErrNotWebsocket], or one of kind Denied, Throttled or
// Unavailable.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request, v Viewer, from Resume) error {
	if !websocket.IsWebSocketUpgrade(r) {
		return ErrNotWebsocket
	}
	if !h.origin(r) {
		return errs.Deniedf("The live feed answers only to pages of this server.")
	}
	if err := h.admit(v); err != nil {
		return err
	}
	var refused error
	up := websocket.Upgrader{
		HandshakeTimeout: WriteLimit, ReadBufferSize: 1024, WriteBufferPool: &writeBuffers,
		CheckOrigin: func(*http.Request) bool { return true }, // done
		Error:       func(_ http.ResponseWriter, _ *http.Request, _ int, reason error) { refused = reason },
	}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		h.release(v)
		if refused != nil {
			return errs.Wrap(errs.Invalid, err, "This is not a websocket handshake that the server understands.")
		}
		return nil // the connection was taken over and is lost
	}
	c := &client{conn: conn, viewer: v}
	h.join(c, from)
	c.read(h)
	h.done.Done()
	return nil
}

// admit counts a socket, or says why there may not be one more.
func (h *Hub) admit(v Viewer) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return errs.New(errs.Unavailable, "The server is stopping.")
	case h.perUser[v.User] >= PerUser:
		return errs.New(errs.Throttled, "You have the live feed open in %d places. Close some of them.", PerUser)
	case h.total >= InAll:
		return errs.New(errs.Unavailable, "The live feed has as many viewers as it can serve.")
	}
	h.total++
	h.perUser[v.User]++
	h.done.Add(1)
	return nil
}

// release takes back what admit counted.
func (h *Hub) release(v Viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.uncount(v)
	h.done.Done()
}

func (h *Hub) uncount(v Viewer) {
	h.total--
	if h.perUser[v.User]--; h.perUser[v.User] == 0 {
		delete(h.perUser, v.User)
	}
}

// join makes an upgraded socket a viewer.
func (h *Hub) join(c *client, from Resume) {
	h.mu.Lock()
	idle := len(h.clients) == 0
	h.mu.Unlock()
	if idle { // nobody was looking: the mirror is old
		h.refresh()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients[c] = struct{}{}
	h.stats.Accepted++
	if h.closed {
		c.bye = "shutdown"
	}
	l := h.laneFor(c.viewer.Scope)
	l.viewers[c] = struct{}{}
	c.lane, c.rev, c.aseq = l, l.rev, l.seq
	resumed := h.resume(c, from)
	c.hello = prepareJSON(hello{
		T: "hello", Version: 1, Epoch: l.scope.Epoch(h.mirror.epoch), Rev: c.rev, Aseq: c.aseq, Resumed: resumed,
		RetryMin: RetryMin.Milliseconds(), RetryMax: RetryMax.Milliseconds(), Beat: BeatEvery.Milliseconds(), Now: millis(h.now()),
	})
	h.due(c)
}

// resume moves a client to where it says it stands and reports whether nothing
// is missing. What cannot be resumed in the same epoch is reset; in another
// epoch, hello says enough. An epoch is of the server's life and of the scope: whoever
// saw other sites when they left holds rows that they may not see any more, or lacks
// alarms that have been standing at a site of theirs. h.mu is held.
func (h *Hub) resume(c *client, from Resume) bool {
	if !from.HasRev && !from.HasAseq || from.Epoch != c.lane.scope.Epoch(h.mirror.epoch) {
		return false
	}
	l := c.lane
	if from.HasRev {
		c.rev = from.Rev
		if _, ok := h.frames(l, from.Rev); !ok {
			c.reset = "behind"
		}
		// Ahead of the last flush is well if the board has been there.
		if from.Rev > h.mirror.rev && h.board.Since(h.mirror.epoch, from.Rev).Reset {
			c.reset = "unknown"
		}
	}
	if from.HasAseq {
		c.aseq = from.Aseq
		if from.Aseq > l.seq || from.Aseq < l.oldest() {
			c.reset = "alarms"
		}
	}
	if c.reset != "" {
		c.rev, c.aseq = l.rev, l.seq
		return false
	}
	return true
}

// leave forgets a client and lets its socket end. h.mu is held.
func (h *Hub) leave(c *client) {
	if c.left {
		return
	}
	c.left = true
	delete(h.clients, c)
	delete(c.lane.viewers, c)
	if len(c.lane.viewers) == 0 {
		c.lane.empty = h.now()
	}
	h.uncount(c.viewer)
}

// read waits for the socket to end. Nothing but pongs is expected.
func (c *client) read(h *Hub) {
	c.conn.SetReadLimit(MaxRead)
	alive := func(string) error { return c.conn.SetReadDeadline(time.Now().Add(PongWithin)) }
	c.conn.SetPongHandler(alive)
	_ = alive("")
	for {
		_, _, err := c.conn.NextReader()
		h.mu.Lock()
		if err != nil {
			h.leave(c)
			h.mu.Unlock()
			_ = c.conn.Close() // frees a sender that is writing to it
			return
		}
		c.leaveFor(h, "protocol")
		h.mu.Unlock()
	}
}

// byes maps what is said in a bye to the websocket close code after it.
var byes = map[string]int{
	"session":     CloseSession,
	"shutdown":    websocket.CloseGoingAway,
	"unavailable": websocket.CloseTryAgainLater,
	"protocol":    websocket.ClosePolicyViolation,
}

// collect returns what the client is to be sent now: alarms and orders first, then
// what changed. The client counts as having it: if writing fails, the socket ends.
// h.mu is held.
func (h *Hub) collect(c *client) (frames []message, ping bool, end string) {
	l, out := c.lane, c.out[:0]
	if c.hello != nil {
		out = append(out, c.hello)
		c.hello = nil
	}
	if c.bye != "" {
		if c.bye == "session" {
			h.stats.Ended++
		}
		return append(out, prepareJSON(bye{"bye", c.bye})), false, c.bye
	}
	if c.reset == "" && c.aseq < l.oldest() {
		c.reset = "alarms"
	}
	if c.reset == "" {
		if delta, ok := h.frames(l, c.rev); !ok {
			c.reset = "behind"
		} else {
			for ; c.aseq < l.seq; c.aseq++ {
				out = append(out, l.ring[(c.aseq+1)%Lane])
			}
			out = append(out, delta...)
			c.rev = max(c.rev, l.rev)
		}
	}
	if c.reset != "" {
		h.stats.Resets++
		c.rev, c.aseq = l.rev, l.seq
		out = append(out, prepareJSON(reset{"reset", c.reset, c.rev, c.aseq}))
		c.reset = ""
	}
	if c.beatDue {
		if c.rev != l.rev { // a snapshot ahead of the flush: a beat of its own
			out = append(out, prepareJSON(beat{"beat", millis(h.now()), c.rev, c.aseq}))
		} else {
			out = append(out, h.beat(l))
		}
	}
	ping = c.pingDue
	c.beatDue, c.pingDue, c.out = false, false, out
	return out, ping, ""
}

// beat returns the lane's beat, made at most once per beat and change.
func (h *Hub) beat(l *lane) message {
	if l.beat == nil || l.beatNo != h.beats {
		l.beat, l.beatNo = prepareJSON(beat{"beat", millis(h.now()), l.rev, l.seq}), h.beats
	}
	return l.beat
}
