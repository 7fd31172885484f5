package emulator

import (
	"crypto"
	"crypto/rand"
	"testing"

	"cisterna/device/order"
	"cisterna/device/wire"
)

// TestFamilyPeers: being connected, or being the communicator, gives no right to a
// dose. Whom a pump connects to at all is shown by TestEnrolment and the tests of
// the link.
func TestFamilyPeers(t *testing.T) {
	family{order: on(peersOrder), stop: on(peersStop), keyset: on(peersSign(wire.DnKeyset)), library: on(peersSign(wire.DnLibrary)), answer: on(peersAnswer)}.play(t)
}

// linkKey is a key as communicators have them.
func linkKey(t *testing.T) crypto.Signer {
	t.Helper()
	k, _, err := newLinkKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func peersOrder(t *testing.T, s *scene) {
	v := s.d.look()
	p := s.w.prescription(&v, order.ActProgram, more)
	e := must(order.OpenEnvelope(s.w.envelope(&v, p, signing{})))
	sum := order.ReleaseHash(e.Release)
	e.Assertion.Signature = must(linkKey(t).Sign(rand.Reader, sum[:], crypto.SHA256))
	s.refused("signed with the communicator's key", wire.DnOrder, e.Encode(), order.ErrSig, false)
	e.Assertion.Signature = s.w.ca.Certificate().Raw[:70]
	s.refused("signed with a certificate", wire.DnOrder, e.Encode(), order.ErrSig, false)
	s.refused("the pump's own hello", wire.DnOrder, s.g.of(wire.UpHello)[0].payload, order.ErrFormat, false)
}

func peersStop(t *testing.T, s *scene) {
	b, a, err := order.OpenStop(s.w.stop(s.d.look(), nil))
	if err != nil {
		t.Fatal(err)
	}
	sum := order.StopHash(b)
	a.Signature = must(linkKey(t).Sign(rand.Reader, sum[:], crypto.SHA256))
	s.refused("signed with the communicator's key", wire.DnStop, order.EncodeStop(b, a), order.ErrSig, false)
	a.Signature = s.w.ca.Certificate().Raw[:70]
	s.refused("signed with a certificate", wire.DnStop, order.EncodeStop(b, a), order.ErrSig, false)
	s.refused("the pump's own heartbeat", wire.DnStop, s.g.of(wire.UpHB)[0].payload, order.ErrFormat, false)
}

// peersSign signs a document of trust with what a communicator and a server hold.
func peersSign(kind wire.Kind) func(t *testing.T, s *scene) {
	return func(t *testing.T, s *scene) {
		typ, code := order.TypeKeyset, order.ErrKeyset
		k, l := s.w.keys, s.w.lib
		k.Version, l.Version = k.Version+1, l.Version+1
		body := k.Encode()
		if kind == wire.DnLibrary {
			typ, code, body = order.TypeLibrary, order.ErrDrugs, l.Encode()
		}
		s.refused("signed with the communicator's key", kind, s.w.sign(t, typ, body, linkKey(t)), code, false)
		s.refused("signed with a certificate", kind, order.Assemble(body, order.Signature{Key: make([]byte, 32), Sig: s.w.ca.Certificate().Raw[:70]}), code, false)
		s.refused("signed with a person's passkey", kind, s.w.sign(t, typ, body, s.w.people["anna"].Key), code, false)
	}
}

// peersAnswer: what a communicator signs is no answer of the pump.
func peersAnswer(t *testing.T, s *scene) {
	s.expect("an order", wire.DnOrder, s.w.order(s.d.look(), order.ActProgram, more), order.Applied)
	env := must(wire.OpenEnvelope(s.sealed()[0]))
	forged := must(wire.OpenEnvelope(must(wire.Seal(rand.Reader, linkKey(t), wire.UpAck, env.Payload))))
	if s.d.PublicKey().Verify(wire.UpAck, forged.Payload, forged.Sig) || !s.d.PublicKey().Verify(wire.UpAck, env.Payload, env.Sig) {
		t.Error("the communicator can answer for the pump")
	}
	s.refused("its answer, sent back", wire.DnOrder, must(wire.Seal(rand.Reader, linkKey(t), wire.UpAck, env.Payload)), order.ErrFormat, false)
}
