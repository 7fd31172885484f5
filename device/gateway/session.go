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
	will  []byte // nil if there is none
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
		s.g.inbox.Deliver(Inbound{Link: s.info.Link, Conn: s.info.Conn, Kind: wire.UpBye, Payload: s.will, At: s.g.time()}, func(error) {})
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

// publish takes one message to the inbox, waiting while too many are under way.
func (s *session) publish(p mqtt.Packet) error {
	m, err := mqtt.ParsePublish(p)
	if err != nil {
		return err
	}
	kind, ok := s.ownKind(m.Topic)
	switch {
	case m.QoS > 1:
		return broke("PUBLISH with QoS 2")
	case m.Retain:
		return broke("PUBLISH with retain")
	case !ok:
		return broke("PUBLISH to %q", clip(m.Topic))
	}
	in := Inbound{Link: s.info.Link, Conn: s.info.Conn, Kind: kind, At: s.g.time()}
	in.Payload = append(make([]byte, 0, len(m.Payload)), m.Payload...) // the buffer is the reader's
	id := m.ID

	s.held.Store(true)
	defer func() {
		s.heard.Store(s.g.ticks.Load())
		s.held.Store(false)
	}()
	if !s.allow() || !s.room(maxInFlight-1) {
		return errClosed
	}
	s.mu.Lock()
	seq := s.flights.add(id)
	s.mu.Unlock()
	s.g.stats.Received.Add(1)
	s.g.stats.ReceivedSize.Add(uint64(len(in.Payload)))
	done := func(err error) { s.done(seq, err) }
	if kind == wire.UpCert {
		s.g.renewInBand(s, in, done)
		return nil
	}
	s.g.inbox.Deliver(in, done)
	return nil
}

// ownKind returns the uplink kind of a topic, if it is one of the link's own.
func (s *session) ownKind(topic []byte) (wire.Kind, bool) {
	const head = len("cis/1/s/")
	link := s.info.Link
	if len(topic) < head+len(link)+1 || string(topic[:head-2]) != "cis/1/" || topic[head-2] != s.shard || topic[head-1] != '/' ||
		string(topic[head:head+len(link)]) != link || topic[head+len(link)] != '/' {
		return 0, false
	}
	kind, ok := upKinds[string(topic[head+len(link)+1:])]
	return kind, ok
}

var upKinds = func() map[string]wire.Kind {
	m := map[string]wire.Kind{}
	for _, k := range wire.Kinds() {
		if k.Up() {
			m[k.String()] = k
		}
	}
	return m
}()

// done is what the inbox calls, once per message, from any goroutine.
func (s *session) done(seq uint64, err error) {
	state := stored
	if err != nil {
		state = failed
		s.g.stats.FailedCommit.Add(1)
		s.failedAt.CompareAndSwap(0, s.g.ticks.Load())
	}
	s.mu.Lock()
	before := len(s.out.control)
	acks, popped, ok := s.flights.done(seq, state, s.out.control)
	if !ok || s.ended {
		s.mu.Unlock()
		return
	}
	s.out.control = acks
	s.out.size += len(acks) - before
	if popped > 0 {
		s.wakeLocked()
	}
	write := s.out.signalWriter()
	s.mu.Unlock()
	s.g.stats.Acked.Add(uint64(len(acks)-before) / 4)
	if write {
		s.g.write(s)
	}
}

// room waits until at most n messages are under way. It reports false if the
// session ended meanwhile.
func (s *session) room(n uint64) bool {
	for waited := false; ; waited = true {
		s.mu.Lock()
		if s.ended {
			s.mu.Unlock()
			return false
		}
		if s.flights.n <= n {
			s.mu.Unlock()
			return true
		}
		wake := make(chan struct{})
		s.wake = wake
		s.mu.Unlock()
		if !waited {
			s.g.stats.Held.Add(1)
		}
		<-wake
	}
}

// allow spends one message of the link's rate and waits for the next tick when
// there is none left. It reports false if the session ended meanwhile.
func (s *session) allow() bool {
	if s.g.perTick == 0 {
		return true
	}
	for {
		now := s.g.ticks.Load()
		if now != s.allowedTick {
			s.allowedTick, s.allowance = now, s.g.perTick
		}
		if s.allowance > 0 {
			s.allowance--
			return true
		}
		s.mu.Lock()
		if s.ended {
			s.mu.Unlock()
			return false
		}
		wake := make(chan struct{})
		s.wake = wake
		s.mu.Unlock()
		s.g.stats.Held.Add(1)
		s.g.wakeNextTick(s)
		<-wake
	}
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
	write := !over && s.out.signalWriter()
	s.mu.Unlock()
	if over {
		s.end(ReasonOverflow)
		return false
	}
	s.g.stats.Sent.Add(1)
	if write {
		s.g.write(s)
	}
	return true
}

// answer queues the answer to a control packet.
func (s *session) answer(encode func([]byte) []byte) error {
	if err := s.budgetControl(mqtt.Pingreq); err != nil {
		return err
	}
	s.mu.Lock()
	before := len(s.out.control)
	s.out.control = encode(s.out.control)
	s.out.size += len(s.out.control) - before
	over := s.out.size > maxOutbound
	write := !over && s.out.signalWriter()
	s.mu.Unlock()
	if over {
		s.end(ReasonOverflow)
		return errClosed
	}
	if write {
		s.g.write(s)
	}
	return nil
}

// budgetControl refuses a flood of packets that cost work and carry nothing.
func (s *session) budgetControl(t mqtt.Type) error {
	if now := s.g.ticks.Load(); now != s.controlTick {
		s.controlTick, s.control = now, 0
	}
	s.control++
	if s.control > maxControl {
		return broke("flood of %s and the like", t)
	}
	return nil
}

func (s *session) subscribe(p mqtt.Packet) error {
	sub, err := mqtt.ParseSubscribe(p)
	if err != nil {
		return err
	}
	codes := make([]byte, len(sub.Topics))
	var bits uint64
	for i, filter := range sub.Topics {
		b := downKinds(s.info.Link, filter)
		if b == 0 {
			codes[i] = mqtt.SubscribeRefused
		}
		bits |= b
	}
	s.mu.Lock()
	s.subs |= bits
	s.mu.Unlock()
	return s.answer(func(b []byte) []byte { return mqtt.AppendSuback(b, sub.MessageID, codes) })
}

func (s *session) unsubscribe(p mqtt.Packet) error {
	un, err := mqtt.ParseUnsubscribe(p)
	if err != nil {
		return err
	}
	var bits uint64
	for _, filter := range un.Topics {
		bits |= downKinds(s.info.Link, filter)
	}
	s.mu.Lock()
	s.subs &^= bits
	s.mu.Unlock()
	return s.answer(func(b []byte) []byte { return mqtt.AppendUnsuback(b, un.MessageID) })
}

// downKinds returns a bit per kind that a filter of the link covers, none if it
// may not have it.
func downKinds(link, filter string) uint64 {
	if !wire.Filter(link, filter) {
		return 0
	}
	if _, k, err := wire.ParseTopic(filter); err == nil {
		return 1 << k
	}
	var bits uint64
	for _, k := range wire.Kinds() {
		if !k.Up() {
			bits |= 1 << k
		}
	}
	return bits
}
