package emulator

import (
	"crypto/rand"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// TestFamilyUnsigned: nothing counts that the right people have not signed, be it
// signed by anybody else: a stranger, the communicator, the pump itself, the
// administrators, or the server.
func TestFamilyUnsigned(t *testing.T) {
	family{order: on(unsignedOrders), stop: on(unsignedStops), keyset: on(unsignedKeysets), library: on(unsignedLibraries), answer: on(unsignedAnswers)}.play(t)
	t.Run("time and other documents", on(unsignedRest))
}

func unsignedOrders(t *testing.T, s *scene) {
	s.w.person("stranger", time.Now()) // has a key, and is in no keyset
	v := s.d.look()
	p := s.w.prescription(&v, order.ActProgram, more)
	for name, how := range map[string]signing{
		"a stranger approves":  {people: []string{"anna", "stranger"}},
		"a stranger releases":  {releaser: "stranger"},
		"strangers throughout": {people: []string{"stranger", "stranger"}, releaser: "stranger"},
	} {
		s.refused(name, wire.DnOrder, s.w.envelope(&v, p, how), order.ErrKey, false)
	}
	open := func(change func(*order.Envelope)) func() []byte {
		return func() []byte {
			v := s.d.look()
			e, err := order.OpenEnvelope(s.w.envelope(&v, p, signing{}))
			if err != nil {
				t.Fatal(err)
			}
			change(&e)
			return e.Encode()
		}
	}
	device := must(wire.SignBytes(rand.Reader, s.d.key, p.Encode()))
	for name, tt := range map[string]struct {
		b    func() []byte
		code order.Code
	}{
		"no approvals":           {open(func(e *order.Envelope) { e.Approvals = nil }), order.ErrFormat},
		"one approval":           {open(func(e *order.Envelope) { e.Approvals = e.Approvals[:1] }), order.ErrQuorum},
		"no signatures":          {open(func(e *order.Envelope) { e.Approvals[1].Assertion = order.Assertion{} }), order.ErrSig},
		"no signed release":      {open(func(e *order.Envelope) { e.Assertion = order.Assertion{} }), order.ErrSig},
		"the pump's own":         {open(func(e *order.Envelope) { e.Assertion.Signature = device }), order.ErrSig},
		"another's signature":    {open(func(e *order.Envelope) { e.Approvals[0].Assertion = e.Approvals[1].Assertion }), order.ErrSig},
		"approvals of something": {open(func(e *order.Envelope) { q := p; q.ID[0] ^= 1; e.Prescription = q.Encode() }), order.ErrSig},
	} {
		s.refused(name, wire.DnOrder, tt.b(), tt.code, tt.code == order.ErrQuorum)
	}
}

func unsignedStops(_ *testing.T, s *scene) {
	s.w.person("stranger", time.Now())
	v := s.d.look()
	s.refused("a stranger's", wire.DnStop, s.w.stop(v, func(x *order.Stop) { x.Person, x.Key = "stranger", s.w.key("stranger") }), order.ErrKey, false)
	x := order.Stop{V: 1, ID: order.ID{1}, Pump: v.Pump, Epoch: v.State.Epoch, Counter: 1, Window: v.Windows.Current(), IssuedAt: v.Now, Expires: v.Now + 60, Reason: "x", Person: "emil", Key: s.w.key("emil")}
	s.refused("nobody's", wire.DnStop, order.EncodeStop(x.Encode(), order.Assertion{}), order.ErrSig, false)
	s.refused("signed by somebody else", wire.DnStop, order.EncodeStop(x.Encode(), s.w.assert("anna", order.StopHash(x.Encode()))), order.ErrSig, false)
	device := s.w.assert("emil", order.StopHash(x.Encode()))
	device.Signature = must(wire.SignBytes(rand.Reader, s.d.key, x.Encode()))
	s.refused("signed by the pump", wire.DnStop, order.EncodeStop(x.Encode(), device), order.ErrSig, false)
}

func unsignedKeysets(t *testing.T, s *scene) {
	k := s.w.keys
	k.Version++
	for name, b := range map[string][]byte{
		"nobody's":            s.w.sign(t, order.TypeKeyset, k.Encode()),
		"a pharmacist's":      s.w.sign(t, order.TypeKeyset, k.Encode(), s.w.pharm),
		"the maker's":         s.w.sign(t, order.TypeKeyset, k.Encode(), s.w.maker),
		"signed as a library": s.w.sign(t, order.TypeLibrary, k.Encode(), s.w.admin),
		"signed by the pump":  s.w.sign(t, order.TypeKeyset, k.Encode(), s.d.key),
	} {
		s.refused(name, wire.DnKeyset, b, order.ErrKeyset, false)
	}
}

func unsignedLibraries(t *testing.T, s *scene) {
	l := s.w.lib
	l.Version++
	for name, b := range map[string][]byte{
		"nobody's":           s.w.sign(t, order.TypeLibrary, l.Encode()),
		"an administrator's": s.w.sign(t, order.TypeLibrary, l.Encode(), s.w.admin),
		"the maker's":        s.w.sign(t, order.TypeLibrary, l.Encode(), s.w.maker),
		"signed as a keyset": s.w.sign(t, order.TypeKeyset, l.Encode(), s.w.pharm),
		"signed by the pump": s.w.sign(t, order.TypeLibrary, l.Encode(), s.d.key),
	} {
		s.refused(name, wire.DnLibrary, b, order.ErrDrugs, false)
	}
}

// unsignedAnswers: every answer has the pump's own signature over what it is, so that
// it is none of anything else.
func unsignedAnswers(t *testing.T, s *scene) {
	s.expect("an order", wire.DnOrder, s.w.order(s.d.look(), order.ActProgram, more), order.Applied)
	s.refused("noise", wire.DnOrder, []byte("noise"), order.ErrFormat, false)
	all := s.sealed()
	if len(all) < 2 {
		t.Fatalf("%d answers", len(all))
	}
	for _, b := range all {
		env := must(wire.OpenEnvelope(b))
		for _, kind := range []wire.Kind{wire.UpAck, wire.UpHello, wire.UpHB, wire.UpTele, wire.UpAlarm, wire.UpCert} {
			if holds := s.d.PublicKey().Verify(kind, env.Payload, env.Sig); holds != (kind == wire.UpAck) {
				t.Errorf("as %s the answer holds: %t", kind, holds)
			}
		}
	}
}

func unsignedRest(t *testing.T, s *scene) {
	for name, tt := range map[string]struct {
		kind wire.Kind
		b    []byte
		code order.Code
	}{
		"firmware out of the blue":    {wire.DnOTA, []byte("firmware"), codeKind},
		"a root of the server's own":  {wire.DnRoot, s.w.sign(t, order.TypeRoot, s.w.body.Encode(), s.w.admin), order.ErrRoot},
		"a profile by administrators": {wire.DnProfile, s.w.sign(t, order.TypeProfile, profile.Sample("meander-p20").Encode(), s.w.admin), codeProfile},
	} {
		s.refused(name, tt.kind, tt.b, tt.code, false)
	}
	// Time is no order: whatever the server says it is, the pump's clock stays.
	wall := s.d.Status().SkewMS
	s.g.push(s.d.who.Link, wire.DnAck, wire.Encode(wire.Cursors{Now: time.Now().AddDate(30, 0, 0).UnixMilli()}))
	pass(time.Minute)
	if got := s.d.Status(); got.SkewMS != wall || got.Orders.Untrusted {
		t.Errorf("an unsigned message moved the clock: %+v", got)
	}
}
