package live

import (
	"context"
	"encoding/json"
	"time"

	"cisterna/internal/auth"
)

// Alarm tells the viewers of a site of a change of an alarm, in the order of the
// calls, at once.
func (h *Hub) Alarm(a Alarm) {
	b, err := json.Marshal(a.Value)
	if err != nil {
		h.log.Error("an alarm cannot be encoded; viewers read the list again", "error", err)
		h.Lost()
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stats.Alarms++
	h.tell(a.Site, a.Pump, func(seq uint64) []byte { return alarmFrame(seq, a.Change, b) })
}

// Order tells the viewers of a site of a change of an order, in the order of the
// calls and of those of Alarm, at once.
func (h *Hub) Order(o Order) {
	b, err := json.Marshal(o.Value)
	if err != nil {
		h.log.Error("a change of an order cannot be encoded; viewers read the lists again", "error", err)
		h.Lost()
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stats.Orders++
	h.tell(o.Site, o.Pump, func(seq uint64) []byte { return orderFrame(seq, b) })
}

// tell appends to the lanes of all who may see a pump. h.mu is held.
func (h *Hub) tell(site, pump int64, frame func(seq uint64) []byte) {
	h.numbered++
	for _, l := range h.lanes {
		if l.scope.AllowsPump(site, pump) {
			l.add(frame)
			for c := range l.viewers {
				h.due(c)
			}
		}
	}
}

// Lost says that changes of alarms or orders may be missing, so that every viewer
// reads the lists again.
func (h *Hub) Lost() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.numbered++
	for _, l := range h.lanes {
		l.skip()
		for c := range l.viewers {
			c.reset = "alarms"
			h.due(c)
		}
	}
}

// flush sends what changed since the last flush, if anybody is looking.
func (h *Hub) flush() {
	h.mu.Lock()
	idle := len(h.clients) == 0
	h.mu.Unlock()
	if !idle {
		h.refresh()
	}
}

// refresh brings the mirror up to date and hands each lane its step.
func (h *Hub) refresh() {
	h.refreshing.Lock()
	defer h.refreshing.Unlock()
	// Only this function writes the mirror; reading it here needs no lock, and
	// encoding must not hold up the writers.
	ch := h.board.Since(h.mirror.epoch, h.mirror.rev)
	if !ch.Reset && ch.Epoch == h.mirror.epoch && len(ch.Rows) == 0 && len(ch.Removed) == 0 {
		return
	}
	next, err := h.mirror.encode(ch)
	if err != nil {
		h.log.Error("changes cannot be encoded; viewers get none until this is mended", "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s, whole := h.mirror.apply(next)
	h.stats.Flushes++
	for _, l := range h.lanes {
		if whole {
			l.from, l.rev, l.frames, l.catchUp, l.beat = h.mirror.rev, h.mirror.rev, nil, nil, nil
			for c := range l.viewers {
				c.reset = "board"
				h.due(c)
			}
		} else if l.advance(s) {
			for c := range l.viewers {
				h.due(c)
			}
		}
	}
}

// eachDue marks all clients and wakes their writers.
func (h *Hub) eachDue(mark func(*client)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.beats++
	for c := range h.clients {
		mark(c)
		h.due(c)
	}
}

// endSessions closes the sockets of sessions that have just ended.
func (h *Hub) endSessions() {
	ended, missed := h.ended.Take()
	over := make(map[int64]bool, len(ended))
	for _, e := range ended {
		over[e.Session] = true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		if over[c.viewer.Session] {
			c.leaveFor(h, "session")
		}
	}
	if missed {
		h.log.Warn("too many sessions ended at once; the next check finds them")
	}
}

// leaveFor makes a client go. h.mu is held.
func (c *client) leaveFor(h *Hub, why string) {
	if c.bye == "" {
		c.bye = why
	}
	h.due(c)
}

// recheck asks whether sessions last and what their people may see.
func (h *Hub) recheck(ctx context.Context) {
	h.mu.Lock()
	asked := map[int64]bool{}
	for c := range h.clients {
		asked[c.viewer.Session] = true
	}
	h.mu.Unlock()
	ids := make([]int64, 0, len(asked))
	for id := range asked {
		ids = append(ids, id)
	}
	scopes := map[int64]auth.Scope{}
	if len(ids) > 0 {
		ctx, cancel := context.WithTimeout(ctx, CheckEvery)
		defer cancel()
		var err error
		if scopes, err = h.check(ctx, ids); err != nil {
			if ctx.Err() == nil {
				h.log.Warn("sessions could not be checked", "error", err)
			}
			return
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checked = time.Now()
	for c := range h.clients {
		scope, ok := scopes[c.viewer.Session]
		switch {
		case !asked[c.viewer.Session]: // came meanwhile
		case !ok:
			c.leaveFor(h, "session")
		case scopeKey(canonical(scope)) != scopeKey(c.lane.scope):
			h.move(c, scope)
		}
	}
}

// move gives a client whose roles changed the lane of what it may see now.
func (h *Hub) move(c *client, scope auth.Scope) {
	delete(c.lane.viewers, c)
	if len(c.lane.viewers) == 0 {
		c.lane.empty = h.now()
	}
	c.viewer.Scope = scope
	c.lane = h.laneFor(scope)
	c.lane.viewers[c] = struct{}{}
	c.reset = "scope"
	c.rev, c.aseq = c.lane.rev, c.lane.seq
	h.due(c)
}

// failClosed sends everybody away once nobody could say for a minute whether
// they may be here.
func (h *Hub) failClosed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.clients) == 0 {
		h.checked = time.Now()
	}
	if time.Since(h.checked) <= CheckLimit {
		return
	}
	for c := range h.clients {
		c.leaveFor(h, "unavailable")
	}
}

// shutdown says goodbye to all and waits until they are gone.
func (h *Hub) shutdown() {
	h.mu.Lock()
	h.closed = true
	for c := range h.clients {
		c.leaveFor(h, "shutdown")
	}
	h.mu.Unlock()
	gone := make(chan struct{})
	go func() { h.done.Wait(); close(gone) }()
	select {
	case <-gone:
		return
	case <-time.After(WriteLimit):
	}
	h.mu.Lock()
	for c := range h.clients {
		_ = c.conn.Close()
	}
	h.mu.Unlock()
	<-gone
}
