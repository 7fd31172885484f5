package gateway

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"cisterna/device/wire"
	"cisterna/internal/mqtt"
)

// session is one accepted connection. One goroutine reads it; done and Push
// write to its outbox from anywhere; the sweep looks at its ticks.
type session struct {
	g     *Gateway
	raw   net.Conn // the socket; closing it cuts everything and never waits
	conn  net.Conn // the same, or TLS over it
	rd    mqtt.Reader
	info  Session
	will  []byte    // nil if there is none
	last  wire.Kind // the will's
	shard byte
	limit uint32 // ticks of silence allowed

	// Read by the sweep. Ticks count from 1; 0 means not.
	heard      atomic.Uint32 // last whole packet
	begun      atomic.Uint32 // first byte of a packet that is not whole yet
	writeSince atomic.Uint32 // start of the write at work
	failedAt   atomic.Uint32 // first commit that failed
	held       atomic.Bool   // the reader waits for us: silence is not the pump's
	reason     atomic.Pointer[string]

	mu      sync.Mutex
	flights flights
	out     outbox
	subs    uint64        // bit per kind that the link subscribed to
	wake    chan struct{} // the reader waits for it; nil if it does not
	ended   bool

	// The reader's own: how many control packets came in which tick, and what
	// is left of the tick's allowance of messages.
	control     uint32
	controlTick uint32
	allowance   uint32
	allowedTick uint32
}

var errGoodbye = errors.New("client disconnected")

// end cuts the connection. The first reason is the one that counts. It waits
// for nobody.
func (s *session) end(reason string) {
	if !s.reason.CompareAndSwap(nil, &reason) {
		return
	}
	s.g.countEnd(reason)
	s.mu.Lock()
	s.ended = true
	s.wakeLocked()
	s.mu.Unlock()
	_ = s.raw.Close() // nothing to be done about an error
}

func (s *session) wakeLocked() {
	if s.wake != nil {
		close(s.wake)
		s.wake = nil
	}
}

// run reads until the connection ends and tells the inbox.
func (s *session) run() {
	defer s.g.readers.Done()
	err := s.read()
	switch {
	case errors.Is(err, errGoodbye):
		s.end(ReasonClient)
	case errors.Is(err, mqtt.ErrMalformed):
		s.g.log.Info("pump broke a rule of the link", slog.String("link", s.info.Link), slog.String("error", err.Error()))
		s.end(ReasonProtocol)
		s.g.inbox.Broke(s.info, err)
	case s.g.closing.Load():
		s.drain()
		s.end(ReasonShutdown)
	default:
		s.end(ReasonIO)
	}
	s.g.forget(s)
	reason := *s.reason.Load()
	if s.will != nil && reason != ReasonClient && reason != ReasonTakeover && reason != ReasonShutdown {
		// The connection died on us. A newer one of the same link may be up
		// already; the will names its session, so it cannot be mistaken.
		s.g.stats.Wills.Add(1)
		s.g.inbox.Deliver(Inbound{Link: s.info.Link, Conn: s.info.Conn, Kind: s.last, Payload: s.will, At: s.g.time()}, func(error) {})
	}
	s.g.inbox.Disconnected(s.info, reason)
}

// read handles packets until the connection or the protocol ends.
func (s *session) read() error {
	for {
		p, ok, err := s.rd.Next()
		if err != nil {
			return err
		}
		if ok {
			if s.begun.Load() != 0 {
				s.begun.Store(0)
			}
			s.heard.Store(s.g.ticks.Load())
			if err := s.handle(p); err != nil {
				return err
			}
			continue
		}
		if s.g.closing.Load() {
			return errClosing
		}
		if s.rd.Partial() && s.begun.Load() == 0 {
			s.begun.Store(s.g.ticks.Load())
		}
		if err := s.rd.Fill(); err != nil {
			return err
		}
	}
}

func (s *session) handle(p mqtt.Packet) error {
	switch p.Type {
	case mqtt.Publish:
		return s.publish(p)
	case mqtt.Pingreq:
		if err := mqtt.ParseEmpty(p); err != nil {
			return err
		}
		return s.answer(func(b []byte) []byte { return mqtt.AppendPingresp(b) })
	case mqtt.Subscribe:
		return s.subscribe(p)
	case mqtt.Unsubscribe:
		return s.unsubscribe(p)
	case mqtt.Disconnect:
		if err := mqtt.ParseEmpty(p); err != nil {
			return err
		}
		return errGoodbye
	case mqtt.Puback:
		// We send QoS 0 only, so that there is nothing to acknowledge; a client
		// that does so all the same harms nobody.
		_, err := mqtt.ParseID(p)
		return errors.Join(err, s.budgetControl(p.Type))
	}
	return broke("%s does not belong here", p.Type)
}

// drain waits, when the server stops, until what is under way was acknowledged
// and written, or the time for it is over.
func (s *session) drain() {
	for {
		s.mu.Lock()
		if s.ended || s.flights.n == 0 && !s.out.writing && len(s.out.control) == 0 {
			s.mu.Unlock()
			return
		}
		wake := make(chan struct{})
		s.wake = wake
		s.mu.Unlock()
		select {
		case <-wake:
		case <-s.g.drained:
			return
		}
	}
}

// push queues a message for the pump.
func (s *session) push(m message) bool {
	s.mu.Lock()
	if s.ended || s.subs&(1<<m.kind) == 0 {
		s.mu.Unlock()
		return false
	}
	if s.out.put(s.info.Link, m) {
		s.g.stats.Coalesced.Add(1)
	}
	over := s.out.size > maxOutbound
	write, list := false, false
	switch {
	case over:
	case m.along:
		list = !s.out.listed
		s.out.listed = true
	default:
		write = s.out.signalWriter()
	}
	s.mu.Unlock()
	if over {
		s.end(ReasonOverflow)
		return false
	}
	s.g.stats.Sent.Add(1)
	if write {
		s.g.write(s)
	}
	if list {
		s.g.writeNextTick(s)
	}
	return true
}
