package gateway

import (
	"cisterna/device/wire"
	"cisterna/internal/mqtt"
)

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
	defer s.heed()
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

// heed says that the reader listens again. Silence counts from now.
func (s *session) heed() {
	s.heard.Store(s.g.ticks.Load())
	s.held.Store(false)
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
	}
	s.mu.Lock()
	before := len(s.out.control)
	acks, popped, ok := s.flights.done(seq, state, s.out.control)
	if ok && err != nil {
		s.g.stats.FailedCommit.Add(1)
		s.failedAt.CompareAndSwap(0, s.g.ticks.Load())
	}
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
