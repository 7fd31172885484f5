package telemetry

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/internal/mqtt"
)

// Deliver implements gateway.Inbox. It checks the message and decodes it before
// it returns; links of different callers are checked in parallel. It blocks while
// the batchers are behind.
func (s *Service) Deliver(in gateway.Inbound, done func(error)) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		done(ErrStopped)
		return
	}
	s.Stats.Messages.Add(1)
	in.At = in.At.Truncate(time.Millisecond)
	switch in.Kind {
	case wire.UpTele, wire.UpEvent:
		s.deliverBatch(in, wire.MainLane, done)
	case wire.UpAlarm:
		s.deliverBatch(in, wire.AlarmLane, done)
	case wire.UpHello, wire.UpHB, wire.UpAck:
		s.deliverWord(in, done)
	case wire.UpBye:
		s.deliverBye(in, done)
	default:
		s.refuse(in, done, wire.PumpID{}, CodeKind, "Nobody here understands "+in.Kind.String()+".")
	}
}

// Connected implements gateway.Inbox.
func (s *Service) Connected(c gateway.Session) {
	ref, _ := s.Directory.ByLink(c.Link)
	s.tracker.open(ref, c)
}

// Disconnected implements gateway.Inbox.
func (s *Service) Disconnected(c gateway.Session, reason string) {
	s.failed.Delete(c.Conn)
	s.tracker.end(c, reason, s.Now())
}

// Broke implements gateway.Inbox: the connection is cut, and what was wrong is kept
// where the pump's page shows it.
func (s *Service) Broke(c gateway.Session, why error) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return
	}
	ref, _ := s.Directory.ByLink(c.Link)
	code := CodeProtocol
	if mqtt.IsTooLarge(why) {
		code = CodeSize
	}
	s.note(refusal{pump: ref.ID, site: ref.Site, link: c.Link, code: code, reason: "The connection was cut: " + why.Error() + ".", at: s.Now().Truncate(time.Millisecond)})
}

// authentic opens a signed message and finds out who it is from. On failure it
// refuses the message and returns false.
func (s *Service) authentic(in gateway.Inbound, done func(error)) (env wire.Envelope, ref registry.PumpRef, ok bool) {
	refuse := func(claimed wire.PumpID, code, reason string) (wire.Envelope, registry.PumpRef, bool) {
		s.refuse(in, done, claimed, code, reason)
		return wire.Envelope{}, registry.PumpRef{}, false
	}
	if len(in.Payload) > wire.MaxPayload {
		return refuse(wire.PumpID{}, CodeSize, "The message is longer than 64 KiB.")
	}
	env, err := wire.OpenEnvelope(in.Payload)
	if err != nil {
		return refuse(wire.PumpID{}, CodeMalformed, said(err))
	}
	claimed, err := env.ClaimedPump()
	if err != nil {
		return refuse(wire.PumpID{}, CodeMalformed, said(err))
	}
	ref, known := s.Directory.Pump(claimed)
	switch {
	case !known:
		return refuse(claimed, CodePump, "No pump of this id is registered.")
	case ref.Link != in.Link:
		return refuse(claimed, CodePairing, "The pump that the message is from is not paired with this communicator.")
	case ref.Status != registry.Active:
		return refuse(claimed, CodeStatus, "The pump is "+string(ref.Status)+".")
	case !s.Unsigned && !ref.Key.Verify(in.Kind, env.Payload, env.Sig):
		return refuse(claimed, CodeSignature, "The signature was not made with the pump's key.")
	}
	s.tracker.heard(ref, in.Link, in.Conn, in.At)
	return env, ref, true
}

// said returns what a decoder had to say, without the words of the wrapper.
func said(err error) string {
	text := strings.TrimPrefix(err.Error(), wire.ErrMalformed.Error()+": ")
	return "The message cannot be read: " + text + "."
}

func (s *Service) deliverBatch(in gateway.Inbound, lane wire.Lane, done func(error)) {
	if env, ref, ok := s.authentic(in, done); ok {
		s.takeBatch(in, lane, env, ref, done)
	}
}

// takeBatch takes a batch whose signature holds.
func (s *Service) takeBatch(in gateway.Inbound, lane wire.Lane, env wire.Envelope, ref registry.PumpRef, done func(error)) {
	m := newMessage(in, lane, ref, done)
	if err := wire.DecodeBatchInto(&m.batch, env.Payload, lane); err != nil {
		if m.batch, m.bad, err = decodeAround(env.Payload, lane); err != nil {
			r := s.refusalOf(in, done, ref.Wire, CodeMalformed, said(err))
			r.pump, r.site, r.signed = ref.ID, ref.Site, true
			s.refused.in <- r
			return
		}
	}
	m.setAside(in.At)
	if lane == wire.MainLane && s.slow(in.At) && m.ahead() {
		s.Stats.Failed.Add(1)
		s.Log.Error("the server's clock is behind what is stored: what pumps send goes back to them until it is set right", slog.Int64("pump", ref.ID))
		done(errSlow)
		m.free()
		return
	}
	last := lastSeq(&m.batch, m.bad)
	s.Stats.Waiting.Add(1)
	if lane == wire.AlarmLane {
		m.first, m.last = m.batch.First, last
		s.alarms.in <- m
		return
	}
	m.encode(m.batch.First, last)
	s.main.in <- m
}

// errSlow gives messages back whose clock only seems to be ahead. A refusal would be
// for good.
var errSlow = errors.New("telemetry: the server's clock is behind what it has stored")

// slow reports whether our own clock is behind what was stored before the start.
func (s *Service) slow(now time.Time) bool {
	return now.UnixMilli()+time.Minute.Milliseconds() < s.newest.Load()
}

// ahead reports whether a record was set aside for a clock that is ahead of ours.
func (m *message) ahead() bool {
	return slices.ContainsFunc(m.bad, func(b badRecord) bool { return b.code == CodeTime && b.wall > m.at.UnixMilli() })
}

// decodeAround reads a signed batch that holds bad records.
func decodeAround(payload []byte, lane wire.Lane) (wire.Batch, []badRecord, error) {
	b, odd, err := wire.DecodeBatchLoose(payload, lane)
	if err != nil {
		return wire.Batch{}, nil, err
	}
	bad := make([]badRecord, len(odd))
	for i, o := range odd {
		code := CodeMalformed
		if o.Kind > wire.RecordClear {
			code = CodeKind
		}
		bad[i] = badRecord{seq: o.Seq, code: code, reason: said(o.Err), bytes: bytes.Clone(o.Bytes)}
	}
	return *b, bad, nil
}

func sortBad(bad []badRecord) {
	slices.SortFunc(bad, func(a, b badRecord) int {
		if a.seq < b.seq {
			return -1
		}
		return 1
	})
}

// deliverBye takes a will. It is not signed: it only says that the session it
// names has ended, on the word of the link.
func (s *Service) deliverBye(in gateway.Inbound, done func(error)) {
	bye, err := wire.Decode[wire.Bye](in.Payload)
	if err != nil {
		s.refuse(in, done, wire.PumpID{}, CodeMalformed, said(err))
		return
	}
	ref, _ := s.Directory.ByLink(in.Link)
	s.tracker.bye(ref, in.Conn, bye.Session, in.At)
	done(nil)
}

// deliverWord takes what a pump says about itself: hello, heartbeat, answer.
func (s *Service) deliverWord(in gateway.Inbound, done func(error)) {
	env, ref, ok := s.authentic(in, done)
	if !ok {
		return
	}
	w := word{ref: ref, link: in.Link, at: in.At, body: in.Payload, done: done}
	var err error
	switch in.Kind {
	case wire.UpHello:
		err = s.readHello(in, env, &w)
	case wire.UpHB:
		err = s.readHeartbeat(env, &w)
	default:
		err = s.readAnswer(env, &w)
	}
	if refusal, bad := errors.AsType[*refusalError](err); bad {
		s.refuse(in, done, ref.Wire, refusal.code, refusal.reason)
		return
	}
	if err != nil {
		s.refuse(in, done, ref.Wire, CodeMalformed, said(err))
		return
	}
	s.states.put(w)
}

// refusalError is a reason to refuse a signed message other than its form.
type refusalError struct{ code, reason string }

func (e *refusalError) Error() string { return e.code + ": " + e.reason }

// refuse hands a message to the refuser, which answers when the refusal is
// committed.
func (s *Service) refuse(in gateway.Inbound, done func(error), claimed wire.PumpID, code, reason string) {
	s.refused.in <- s.refusalOf(in, done, claimed, code, reason)
}

// refusalOf counts a refusal, which waits to be stored from then on.
func (s *Service) refusalOf(in gateway.Inbound, done func(error), claimed wire.PumpID, code, reason string) refusal {
	ref, _ := s.Directory.ByLink(in.Link)
	s.Stats.Refused.Add(1)
	s.Stats.Waiting.Add(1)
	body := in.Payload
	if len(body) > wire.MaxPayload {
		body = body[:wire.MaxPayload]
	}
	return refusal{
		pump: ref.ID, site: ref.Site, link: in.Link, kind: in.Kind, code: code, reason: reason, claimed: claimed, at: in.At, body: body, done: done,
	}
}
