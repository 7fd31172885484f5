package gateway

import (
	"cisterna/device/wire"
	"cisterna/internal/mqtt"
)

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
