package live

import (
	"runtime"
	"time"

	"github.com/gorilla/websocket"
)

// Senders are few goroutines that write to many sockets, because waking a
// goroutine for each socket costs as much again as writing to it. One that gets
// stuck in a socket that does not take more keeps that socket to itself: after
// stuckAfter another goroutine goes on with the rest of the queue.
const (
	stuckAfter = 5 * time.Millisecond
	helpFrom   = 1024 // clients in the queue; two senders disturb each other in the kernel, so that fewer are served sooner by one
)

// due puts a client into the senders' queue. h.mu is held.
func (h *Hub) due(c *client) {
	switch {
	case c.queued || c.left:
		return
	case c.sending:
		c.again = true
		return
	}
	c.queued = true
	if h.head > len(h.queue)/2 { // a queue that is never empty must not grow
		n := copy(h.queue, h.queue[h.head:])
		clear(h.queue[n:])
		h.queue, h.head = h.queue[:n], 0
	}
	h.queue = append(h.queue, c)
	if h.senders == 0 || h.senders < runtime.GOMAXPROCS(0) && h.waiting() > helpFrom {
		h.senders++
		go h.send()
	}
	if !h.watched {
		h.watched = true
		time.AfterFunc(stuckAfter, func() { h.unstick(h.sent.Load()) })
	}
}

// unstick starts another sender if none has finished with a client since the
// last look, and looks again while anybody waits.
func (h *Hub) unstick(before uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting() == 0 {
		h.watched = false
		return
	}
	sent := h.sent.Load()
	if sent == before {
		h.senders++
		go h.send()
	}
	time.AfterFunc(stuckAfter, func() { h.unstick(sent) })
}

// waiting returns how many clients are in the queue. h.mu is held.
func (h *Hub) waiting() int { return len(h.queue) - h.head }

// send works off the queue.
func (h *Hub) send() {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.senders-- }()
	for h.waiting() > 0 {
		c := h.queue[h.head]
		h.queue[h.head] = nil
		if h.head++; h.head == len(h.queue) {
			h.queue, h.head = h.queue[:0], 0
		}
		c.queued = false
		if c.left {
			continue
		}
		frames, ping, end := h.collect(c)
		c.sending, c.since = true, time.Now()
		h.mu.Unlock()
		ok := c.write(frames, ping, end)
		h.mu.Lock()
		h.sent.Add(1)
		c.sending = false
		if !ok {
			h.leave(c)
		}
		if c.again {
			c.again = false
			h.due(c)
		}
		if h.senders > runtime.GOMAXPROCS(0) {
			return // somebody else took over while this one was stuck
		}
	}
}

// write sends frames and reports whether more may be sent. Deadlines for every
// write would cost more than most writes: the hub closes sockets of writers that
// take too long.
func (c *client) write(frames []message, ping bool, end string) bool {
	for _, m := range frames {
		if err := c.conn.WritePreparedMessage(m); err != nil {
			_ = c.conn.Close()
			return false
		}
	}
	if ping {
		_ = c.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(WriteLimit))
	}
	if end == "" {
		return true
	}
	_ = c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(byes[end], end), time.Now().Add(WriteLimit))
	// Closing at once could reset the connection before the reason is read.
	time.AfterFunc(time.Second, func() { _ = c.conn.Close() })
	return false
}

// dropSlow closes the sockets that have not taken a frame for too long.
func (h *Hub) dropSlow() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		if c.sending && time.Since(c.since) > WriteLimit {
			h.stats.Slow++
			h.leave(c)
			_ = c.conn.NetConn().Close()
		}
	}
}
