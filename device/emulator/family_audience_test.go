package emulator

import (
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// TestFamilyWrongAudience: documents for another pump, serial, site, patient or life
// of the pump, of another hospital, and such as come by another link's topic or out
// of a broker's store.
func TestFamilyWrongAudience(t *testing.T) {
	family{order: on(ordersOfOthers), stop: on(stopsOfOthers), keyset: on(keysetsOfOthers), library: on(librariesOfOthers), answer: on(answersOfOthers)}.play(t)
}

func ordersOfOthers(_ *testing.T, s *scene) {
	for name, tt := range map[string]struct {
		change func(*order.Prescription)
		code   order.Code
	}{
		"another pump":    {func(p *order.Prescription) { p.Pump[0] ^= 1 }, order.ErrAud},
		"another serial":  {func(p *order.Prescription) { p.Serial = "S-2" }, order.ErrAud},
		"another site":    {func(p *order.Prescription) { p.Site = otherSite }, order.ErrAud},
		"another patient": {func(p *order.Prescription) { p.Patient = idOf("somebody else") }, order.ErrPatient},
		"the life before": {func(p *order.Prescription) { p.Epoch-- }, order.ErrEpoch},
		"the life after":  {func(p *order.Prescription) { p.Epoch++ }, order.ErrEpoch},
		"another state":   {func(p *order.Prescription) { p.State[0] ^= 1 }, order.ErrCAS},
		"a bind of this one": {func(p *order.Prescription) {
			*p = s.w.prescription(new(s.d.look()), order.ActBind, nil)
			p.Patient = wardPatient
		}, order.ErrPatient},
		"a transfer to where it is": {func(p *order.Prescription) {
			*p = s.w.prescription(new(s.d.look()), order.ActTransfer, func(p *order.Prescription) { p.Transfer.Site = wardSite; p.Transfer.Keyset = s.w.keyset })
		}, order.ErrAud},
	} {
		v := s.d.look()
		p := s.w.prescription(&v, order.ActProgram, more)
		tt.change(&p)
		s.refused(name, wire.DnOrder, s.w.envelope(&v, p, signing{}), tt.code, tt.code == order.ErrCAS || p.Act == order.ActTransfer)
	}
	s.refused("a stop as an order", wire.DnOrder, s.w.stop(s.d.look(), nil), order.ErrFormat, false)
	s.wrongWay(wire.DnOrder, s.w.order(s.d.look(), order.ActProgram, more))
}

func stopsOfOthers(_ *testing.T, s *scene) {
	s.refused("of another pump", wire.DnStop, s.w.stop(s.d.look(), func(x *order.Stop) { x.Pump[0] ^= 1 }), order.ErrAud, false)
	s.refused("of the life before", wire.DnStop, s.w.stop(s.d.look(), func(x *order.Stop) { x.Epoch-- }), order.ErrEpoch, false)
	s.refused("of the life after", wire.DnStop, s.w.stop(s.d.look(), func(x *order.Stop) { x.Epoch++ }), order.ErrEpoch, false)
	s.refused("an order as a stop", wire.DnStop, s.w.order(s.d.look(), order.ActProgram, more), order.ErrFormat, false)
	s.wrongWay(wire.DnStop, s.w.stop(s.d.look(), nil))
}

// wrongWay delivers a good document as nobody honest does.
func (s *scene) wrongWay(kind wire.Kind, b []byte) {
	s.t.Helper()
	for name, tt := range map[string]struct {
		topic  string
		retain bool
		code   order.Code
	}{
		"retained":             {wire.Topic(s.d.who.Link, kind), true, order.ErrRetain},
		"another link's topic": {wire.Topic("C-S-2", kind), false, order.ErrAud},
	} {
		before := s.d.oracle()
		got := s.by(tt.topic, tt.retain, b)
		if len(got) != 1 || got[0].Code != string(tt.code) || s.d.oracle() != before {
			s.t.Errorf("%s by %s: %+v", kind, name, got)
		}
	}
}

// ignored checks that what comes by a wrong way is not even looked at.
func (s *scene) ignored(kind wire.Kind, b []byte) {
	s.t.Helper()
	before, status := s.d.oracle(), s.d.Status()
	for name, tt := range map[string]struct {
		topic  string
		retain bool
	}{"retained": {wire.Topic(s.d.who.Link, kind), true}, "another link's topic": {wire.Topic("C-S-2", kind), false}} {
		got := s.by(tt.topic, tt.retain, b)
		if now := s.d.Status(); len(got) != 0 || now.Keyset != status.Keyset || now.Library != status.Library || s.d.oracle() != before {
			s.t.Errorf("%s by %s: %+v, keyset %d, library %d", kind, name, got, now.Keyset, now.Library)
		}
	}
}

func keysetsOfOthers(t *testing.T, s *scene) {
	s.refused("of another site", wire.DnKeyset, s.nextKeyset(func(k *order.Keyset) { k.Sites = []order.ID{otherSite} }), order.ErrKeyset, false)
	s.refused("of another hospital", wire.DnKeyset, newTrust(t, time.Now()).keyset, order.ErrKeyset, false)
	s.refused("a library as a keyset", wire.DnKeyset, s.nextLibrary(nil), order.ErrKeyset, false)
	s.ignored(wire.DnKeyset, s.nextKeyset(nil))
}

func librariesOfOthers(t *testing.T, s *scene) {
	s.refused("of another hospital", wire.DnLibrary, newTrust(t, time.Now()).library, order.ErrDrugs, false)
	s.refused("a keyset as a library", wire.DnLibrary, s.nextKeyset(nil), order.ErrDrugs, false)
	s.refused("a profile as a library", wire.DnLibrary, s.w.profile(t, profile.Sample("meander-p20")), order.ErrDrugs, false)
	s.ignored(wire.DnLibrary, s.nextLibrary(nil))
}

// answersOfOthers: an answer names the pump and the very bytes that it answers, and
// one pump's is worth nothing to another.
func answersOfOthers(t *testing.T, s *scene) {
	b := s.w.order(s.d.look(), order.ActProgram, more)
	a := s.expect("an order", wire.DnOrder, b, order.Applied)
	if a.Pump != s.d.id || a.Doc != order.Hash(b) {
		t.Errorf("the answer is of pump %s about %x", a.Pump, a.Doc)
	}
	other := boxed(t, s.f, s.w, "S-2", profile.Sample("meander-p20"))
	other.mu.Lock()
	theirs := other.seal(wire.UpAck, wire.Encode(wire.Answer{Pump: other.id, Doc: order.Hash(b), Kind: wire.DnOrder, Code: string(order.Applied)}))
	other.mu.Unlock()
	s.refused("another pump's answer", wire.DnOrder, theirs, order.ErrFormat, false)
	s.refused("another pump's answer as a stop", wire.DnStop, theirs, order.ErrFormat, false)
}
