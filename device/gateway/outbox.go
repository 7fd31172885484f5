package gateway

import (
	"cisterna/device/wire"
	"cisterna/internal/mqtt"
)

// outbox is what waits to be written to one connection: packets already encoded
// (PUBACK, SUBACK, PINGRESP), then messages. The session's mu guards it.
//
// No goroutine belongs to it. Whoever puts something in while no writer is at
// work asks for one, and the writer takes everything that has come together, so
// that what is ready together leaves in one write.
type outbox struct {
	control []byte // encoded packets; starts in first
	first   [4 * maxInFlight]byte
	queue   []message
	size    int  // bytes in control and queue, and in a write that has not returned
	writing bool // a writer is at work or asked for
	listed  bool // the sweep looks whether something waits
}

type message struct {
	payload []byte
	kind    wire.Kind
	slot    uint8
	along   bool // asks for no write of its own
}

// topicSize returns the length of a downlink topic of a link.
func topicSize(link string, k wire.Kind) int {
	return len("cis/1/s/") + len(link) + 1 + len(k.String())
}

func (m message) size(link string) int {
	return mqtt.PublishSize(topicSize(link, m.kind), len(m.payload), 0)
}

// put queues a message, or replaces the unsent one of its slot.
func (o *outbox) put(link string, m message) (replaced bool) {
	o.size += m.size(link)
	if m.slot != SlotQueue {
		for i := range o.queue {
			if o.queue[i].slot == m.slot {
				o.size -= o.queue[i].size(link)
				o.queue[i] = m
				return true
			}
		}
	}
	o.queue = append(o.queue, m)
	return false
}

// take moves what waits to buf, up to about writeChunk bytes.
func (o *outbox) take(link string, shard byte, buf []byte) []byte {
	buf = append(buf, o.control...)
	o.control = o.first[:0]
	n := 0
	for n < len(o.queue) && len(buf) < writeChunk {
		buf = appendMessage(buf, link, shard, o.queue[n])
		n++
	}
	rest := copy(o.queue, o.queue[n:])
	clear(o.queue[rest:]) // payloads are not kept alive
	o.queue = o.queue[:rest]
	if rest == 0 && cap(o.queue) > 4 {
		o.queue = nil
	}
	return buf
}

func appendMessage(buf []byte, link string, shard byte, m message) []byte {
	var topic [len("cis/1/s/") + 64 + 32]byte
	t := append(topic[:0], "cis/1/"...)
	t = append(t, shard, '/')
	t = append(t, link...)
	t = append(t, '/')
	t = append(t, m.kind.String()...)
	return mqtt.AppendPublish(buf, t, 0, 0, false, m.payload)
}

// signalWriter asks for a writer if none is at work. It is called with mu held
// and reports whether the caller must call Gateway.write after letting go.
func (o *outbox) signalWriter() bool {
	if o.writing || len(o.control) == 0 && len(o.queue) == 0 {
		return false
	}
	o.writing = true
	return true
}

// write finds the session a writer: an idle one, else a new one. Some stay, so
// that the usual write needs neither a new goroutine nor a stack that grows.
func (g *Gateway) write(s *session) {
	select {
	case g.work <- s:
	default:
		go g.writer(s)
	}
}

func (g *Gateway) writer(s *session) {
	buf := make([]byte, 0, 512)
	for {
		buf = s.flush(buf)
		if cap(buf) > 2*writeChunk {
			buf = make([]byte, 0, 512)
		}
		if g.resident.Add(1) > residentWriters {
			g.resident.Add(-1)
			return
		}
		select {
		case s = <-g.work:
			g.resident.Add(-1)
		case <-g.over:
			return
		}
	}
}

// flush writes until nothing waits.
func (s *session) flush(buf []byte) []byte {
	wrote := 0
	for {
		s.mu.Lock()
		s.out.size -= wrote
		buf = s.out.take(s.info.Link, s.shard, buf[:0])
		if len(buf) == 0 || s.ended {
			s.out.writing = false
			s.wakeLocked()
			s.mu.Unlock()
			return buf
		}
		s.mu.Unlock()

		s.writeSince.Store(s.g.ticks.Load())
		s.g.stats.Writes.Add(1) // before: whoever has read the answer finds it counted
		n, err := s.conn.Write(buf)
		s.writeSince.Store(0)
		s.g.stats.Wrote.Add(uint64(n))
		if err != nil {
			s.end(ReasonIO)
		}
		wrote = len(buf)
	}
}
