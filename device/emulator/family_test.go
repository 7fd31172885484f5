package emulator

import (
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/internal/mqtt"
)

// family is one of the ten families of attacks of reference/attacks.md 1.3, played
// with each kind of document against the emulator and its real journal. One oracle
// judges them all (scene.refused): the pump runs what it ran, its counters stand,
// delivery goes on, and there is one signed refusal with the code that says why. The
// answers that a pump gives are attacked on their way to the server in package
// fleet/telemetry; here it is what they say and what they are worth to a pump.
type family struct{ order, stop, keyset, library, answer func(t *testing.T) }

// play runs the attacks. A family that leaves a document out fails.
func (f family) play(t *testing.T) {
	t.Helper()
	for _, part := range []struct {
		document string
		attack   func(t *testing.T)
	}{{"order", f.order}, {"stop", f.stop}, {"keyset", f.keyset}, {"library", f.library}, {"answer", f.answer}} {
		if part.attack == nil {
			t.Errorf("nobody attacks with a document of kind %s", part.document)
			continue
		}
		t.Run(part.document, part.attack)
	}
}

// on makes an attack of what happens in a scene.
func on(play func(t *testing.T, s *scene)) func(t *testing.T) {
	return func(t *testing.T) { onWard(t, nil, func(s *scene) { play(s.t, s) }) }
}

func more(p *order.Prescription) {
	g := steady(260_000)
	p.Program = &g
}

// nextKeyset signs the keyset after the one in force, after a change.
func (s *scene) nextKeyset(change func(*order.Keyset)) []byte {
	k := s.w.keys
	k.Version++
	if change != nil {
		change(&k)
	}
	return s.w.sign(s.t, order.TypeKeyset, k.Encode(), s.w.admin)
}

// nextLibrary signs the library after the one in force, after a change.
func (s *scene) nextLibrary(change func(*order.Library)) []byte {
	l := s.w.lib
	l.Version++
	if change != nil {
		change(&l)
	}
	return s.w.sign(s.t, order.TypeLibrary, l.Encode(), s.w.pharm)
}

// by delivers a message by another topic or out of a broker's store, and returns the
// answers that came to it.
func (s *scene) by(topic string, retain bool, b []byte) []wire.Answer {
	s.t.Helper()
	n := len(s.g.answers(s.t))
	s.g.mu.Lock()
	c := s.g.conns[s.d.who.Link]
	s.g.mu.Unlock()
	packet := mqtt.AppendPublish(nil, topic, 0, 0, false, b)
	if retain {
		packet[0] |= 0x01
	}
	c.write(packet)
	pass(sendEach)
	return s.g.answers(s.t)[n:]
}

// restart starts the pump's process again.
func (s *scene) restart() {
	s.t.Helper()
	if err := s.f.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.f = openFleet(s.t, s.opt)
	s.d, _ = s.f.Device("S-1")
	start(s.t, s.f)
	pass(time.Minute)
}

// sealed are all answers that the pump has signed.
func (s *scene) sealed() (out [][]byte) {
	for _, h := range s.g.of(wire.UpAck) {
		out = append(out, h.payload)
	}
	return out
}

// fresh gives a pump a new minute: some attacks are far over any budget.
func (s *desk) fresh() {
	s.d.mu.Lock()
	s.d.budgets = order.Budgets{}
	s.d.mu.Unlock()
}
