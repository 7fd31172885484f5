package emulator

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	mrand "math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
	"cisterna/internal/mqtt"
)

// The ten families of reference/attacks.md 1.3, on orders, stops, keysets,
// libraries and answers, against the emulator and its real journal. One oracle
// judges them all: the pump runs what it ran, its counters stand, delivery goes on,
// and there is one signed refusal with the code that says why.

func more(p *order.Prescription) {
	g := steady(260_000)
	p.Program = &g
}

// TestFamilyReplay: what was recorded and is sent again is answered again, at
// once, after a reboot, after an hour, and in any order.
func TestFamilyReplay(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		var old [][]byte
		for i, a := range []order.Act{order.ActProgram, order.ActBolus, order.ActSettings} {
			if i > 0 {
				pass(20 * time.Minute) // the bolus ends
			}
			b := s.w.order(s.d.look(), a, func(p *order.Prescription) {
				if a == order.ActProgram {
					more(p)
				}
			})
			s.expect(a.String(), wire.DnOrder, b, order.Applied)
			old = append(old, b)
		}
		pass(20 * time.Minute)
		stop := s.w.stop(s.d.look(), nil)
		s.expect("a stop", wire.DnStop, stop, order.Applied)
		s.expect("and its resume", wire.DnOrder, s.w.order(s.d.look(), order.ActResume, nil), order.Applied)
		again := func(when string) {
			t.Helper()
			for _, turn := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {0, 2, 1}, {2, 0, 1}, {1, 0, 2}} {
				for _, i := range turn {
					s.refused(fmt.Sprintf("order %d %s", i, when), wire.DnOrder, old[i], order.Applied, false) // answered, not done
				}
			}
			s.refused("the stop "+when, wire.DnStop, stop, order.Applied, false)
		}
		again("at once")
		mustInject(t, s.d, "watchdog", Fault{})
		pass(time.Minute)
		again("after a reboot")
		pass(time.Hour)
		again("after an hour")
		keys := s.w.keyset
		s.w.keys.Version++
		s.w.publish(t)
		s.expect("a new keyset", wire.DnKeyset, s.w.keyset, order.Applied)
		s.refused("the old keyset", wire.DnKeyset, keys, order.ErrOlder, false)
		// What dropped out of the memory is below the counter.
		s.d.mu.Lock()
		s.d.memory.Answers = nil
		s.d.mu.Unlock()
		for i, b := range old {
			s.refused(fmt.Sprintf("order %d, long forgotten", i), wire.DnOrder, b, order.ErrCounter, false)
		}
		s.refused("the stop, long forgotten", wire.DnStop, stop, order.ErrCounter, false)
	})
}

// TestFamilyWrongAudience: documents for another pump, serial, site, patient or
// life of the pump, and such as come by another link's topic or out of a broker's
// store.
func TestFamilyWrongAudience(t *testing.T) {
	onWard(t, nil, func(s *scene) {
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
			"a transfer to where": {func(p *order.Prescription) {
				*p = s.w.prescription(new(s.d.look()), order.ActTransfer, func(p *order.Prescription) { p.Transfer.Site = wardSite; p.Transfer.Keyset = s.w.keyset })
			}, order.ErrAud},
		} {
			v := s.d.look()
			p := s.w.prescription(&v, order.ActProgram, more)
			tt.change(&p)
			s.refused(name, wire.DnOrder, s.w.envelope(&v, p, signing{}), tt.code, tt.code == order.ErrCAS || p.Act == order.ActTransfer)
		}
		s.refused("a stop of another pump", wire.DnStop, s.w.stop(s.d.look(), func(x *order.Stop) { x.Pump[0] ^= 1 }), order.ErrAud, false)
		s.refused("a stop of another life", wire.DnStop, s.w.stop(s.d.look(), func(x *order.Stop) { x.Epoch++ }), order.ErrEpoch, false)
		s.refused("a stop as an order", wire.DnOrder, s.w.stop(s.d.look(), nil), order.ErrFormat, false)
		s.refused("an order as a stop", wire.DnStop, s.w.order(s.d.look(), order.ActProgram, more), order.ErrFormat, false)
		k := s.w.keys
		k.Version, k.Sites = k.Version+1, []order.ID{otherSite}
		s.refused("another site's keyset", wire.DnKeyset, s.w.sign(t, order.TypeKeyset, k.Encode(), s.w.admin), order.ErrKeyset, false)

		// Good ones by a wrong way.
		for kind, b := range map[wire.Kind][]byte{wire.DnOrder: s.w.order(s.d.look(), order.ActProgram, more), wire.DnStop: s.w.stop(s.d.look(), nil)} {
			for name, tt := range map[string]struct {
				topic  string
				retain bool
				code   order.Code
			}{
				"retained":             {wire.Topic(s.d.who.Link, kind), true, order.ErrRetain},
				"another link's topic": {wire.Topic("C-S-2", kind), false, order.ErrAud},
			} {
				before, n := s.d.oracle(), len(s.g.answers(t))
				s.g.mu.Lock()
				c := s.g.conns[s.d.who.Link]
				s.g.mu.Unlock()
				packet := mqtt.AppendPublish(nil, tt.topic, 0, 0, false, b)
				if tt.retain {
					packet[0] |= 0x01
				}
				c.write(packet)
				pass(sendEach)
				got := s.g.answers(t)[n:]
				if len(got) != 1 || got[0].Code != string(tt.code) || s.d.oracle() != before {
					t.Errorf("%s by %s: %+v", kind, name, got)
				}
			}
		}
	})
}

// fresh gives a pump a new minute: the flips below are far over any budget.
func (s *desk) fresh() {
	s.d.mu.Lock()
	s.d.budgets = order.Budgets{}
	s.d.mu.Unlock()
}

// TestFamilyByteFlips flips each byte of each kind of good document: all of them
// are refused, and nothing is spent.
func TestFamilyByteFlips(t *testing.T) {
	w := newWard(t, deskStart)
	s := newDesk(t, w, profile.Sample("meander-p20"), 1)
	defer s.close()
	rng := mrand.New(mrand.NewPCG(1, 1))
	for _, kind := range []string{"order", "withdraw", "bolus", "stop"} {
		v := s.d.look()
		doc := document{kind: wire.DnOrder}
		switch kind {
		case "order":
			doc.body = w.order(v, order.ActProgram, more)
		case "bolus":
			doc.body = w.order(v, order.ActBolus, nil)
		case "withdraw":
			doc.body = w.withdraw(v, order.Digest{1})
		case "stop":
			doc = document{kind: wire.DnStop, body: w.stop(v, nil)}
		}
		before := s.d.oracle()
		for i := range doc.body {
			bad := doc
			bad.body = bytes.Clone(doc.body)
			bad.body[i] ^= byte(1 + rng.IntN(255))
			s.fresh()
			got, _ := s.deliver(bad)
			if len(got) != 1 || got[0].Code == string(order.Applied) {
				t.Fatalf("%s: byte %d: %+v", kind, i, got)
			}
		}
		if s.d.oracle() != before {
			t.Fatalf("%s: the flips changed the pump", kind)
		}
		s.fresh()
		if got, _ := s.deliver(doc); len(got) != 1 || got[0].Code != string(order.Applied) {
			t.Fatalf("%s, as it was signed: %+v", kind, got)
		}
	}
	docs := s.d.docs
	for kind, b := range map[wire.Kind][]byte{wire.DnKeyset: w.keyset, wire.DnLibrary: w.library, wire.DnRoot: w.rootDoc, wire.DnProfile: w.profile(t, profile.Sample("meander-p20"))} {
		for i := range b {
			bad := bytes.Clone(b)
			bad[i] ^= byte(1 + rng.IntN(255))
			if _, code, err := s.f.shelf.take(docs, kind, bad); code == codeApplied || err == nil {
				t.Fatalf("%s: byte %d is taken", kind, i)
			}
		}
	}
	// And the other way: no byte of an answer can be changed on its way.
	s.d.mu.Lock()
	s.d.answer(document{kind: wire.DnOrder, body: []byte{1}}, "applied", "")
	sealed := s.d.answers[0]
	s.d.answers = nil
	s.d.mu.Unlock()
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= byte(1 + rng.IntN(255))
		if env, err := wire.OpenEnvelope(bad); err == nil && s.d.PublicKey().Verify(wire.UpAck, env.Payload, env.Sig) {
			t.Fatalf("answer: byte %d can be changed", i)
		}
	}
}

// TestFamilyUnsigned: nothing counts that the right people have not signed, be it
// signed by anybody else: a stranger, the communicator, the pump itself, the
// administrators, or the server.
func TestFamilyUnsigned(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		now := time.Now()
		s.w.person("stranger", now) // has a key, and is in no keyset
		v := s.d.look()
		p := s.w.prescription(&v, order.ActProgram, more)
		for name, how := range map[string]signing{
			"a stranger approves":  {people: []string{"anna", "stranger"}},
			"a stranger releases":  {releaser: "stranger"},
			"strangers throughout": {people: []string{"stranger", "stranger"}, releaser: "stranger"},
		} {
			s.refused(name, wire.DnOrder, s.w.envelope(&v, p, how), order.ErrKey, false)
		}
		s.refused("a stranger stops", wire.DnStop, s.w.stop(v, func(x *order.Stop) { x.Person, x.Key = "stranger", s.w.key("stranger") }), order.ErrKey, false)

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
		v = s.d.look()
		s.refused("an unsigned stop", wire.DnStop, order.EncodeStop((&order.Stop{V: 1, ID: order.ID{1}, Pump: v.Pump, Epoch: v.State.Epoch, Counter: 1, Window: v.Windows.Current(), IssuedAt: v.Now, Expires: v.Now + 60, Reason: "x", Person: "emil", Key: s.w.key("emil")}).Encode(), order.Assertion{}), order.ErrSig, false)

		// The documents that orders stand on.
		k := s.w.keys
		k.Version++
		l := s.w.lib
		l.Version++
		for name, tt := range map[string]struct {
			kind wire.Kind
			b    []byte
			code order.Code
		}{
			"an unsigned keyset":          {wire.DnKeyset, s.w.sign(t, order.TypeKeyset, k.Encode()), order.ErrKeyset},
			"a pharmacist's keyset":       {wire.DnKeyset, s.w.sign(t, order.TypeKeyset, k.Encode(), s.w.pharm), order.ErrKeyset},
			"a keyset signed as library":  {wire.DnKeyset, s.w.sign(t, order.TypeLibrary, k.Encode(), s.w.admin), order.ErrKeyset},
			"an unsigned library":         {wire.DnLibrary, s.w.sign(t, order.TypeLibrary, l.Encode()), order.ErrDrugs},
			"an administrator's library":  {wire.DnLibrary, s.w.sign(t, order.TypeLibrary, l.Encode(), s.w.admin), order.ErrDrugs},
			"firmware out of the blue":    {wire.DnOTA, []byte("firmware"), codeKind},
			"a root of the server's own":  {wire.DnRoot, s.w.sign(t, order.TypeRoot, s.w.body.Encode(), s.w.admin), order.ErrRoot},
			"a profile by administrators": {wire.DnProfile, s.w.sign(t, order.TypeProfile, profile.Sample("meander-p20").Encode(), s.w.admin), codeProfile},
		} {
			s.refused(name, tt.kind, tt.b, tt.code, false)
		}
		// Time is no order: whatever the server says it is, the pump's clock stays.
		wall := s.d.Status().SkewMS
		s.g.push(s.d.who.Link, wire.DnAck, wire.Encode(wire.Cursors{Now: now.AddDate(30, 0, 0).UnixMilli()}))
		pass(time.Minute)
		if got := s.d.Status(); got.SkewMS != wall || got.Orders.Untrusted {
			t.Errorf("an unsigned message moved the clock: %+v", got)
		}
	})
}

// TestFamilyCredentials: no key leaves the secure element: not in a message, a
// status, or the journal.
func TestFamilyCredentials(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		s.expect("an order", wire.DnOrder, s.w.order(s.d.look(), order.ActProgram, more), order.Applied)
		mustInject(t, s.d, "reconnect", Fault{})
		pass(2 * time.Hour)
		seed := s.d.key.(ed25519.PrivateKey).Seed()
		der := must(x509.MarshalPKCS8PrivateKey(s.d.key))
		look := func(where string, b []byte) {
			t.Helper()
			if bytes.Contains(b, seed) || bytes.Contains(b, der) {
				t.Errorf("%s holds the pump's key", where)
			}
		}
		status := must(json.Marshal(s.d.Status()))
		look("the status", status)
		heard := s.g.of()
		for _, h := range heard {
			look(h.kind.String(), h.payload)
		}
		if err := s.f.Close(); err != nil {
			t.Fatal(err)
		}
		files, found := must(s.mem.List()), false
		for _, name := range files {
			b := s.mem.Bytes(name)
			if bytes.HasPrefix([]byte(name), []byte("journal/")) {
				look(name, b)
			} else {
				found = found || bytes.Contains(b, seed)
			}
		}
		if len(heard) < 100 || !found {
			t.Errorf("%d messages looked at, the vault has the key: %t", len(heard), found)
		}
	})
}

// TestFamilyParsers: rubbish of every shape and size costs a bounded answer, and
// the next good order works.
func TestFamilyParsers(t *testing.T) {
	w := newWard(t, deskStart)
	s := newDesk(t, w, profile.Sample("meander-p20"), 1)
	defer s.close()
	good := document{kind: wire.DnOrder, body: w.order(s.d.look(), order.ActProgram, more)}
	nested := bytes.Repeat([]byte{0x81}, 60_000)
	before := s.d.oracle()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	held := mem.HeapAlloc
	rng := mrand.New(mrand.NewPCG(3, 3))
	var all [][]byte
	for _, b := range [][]byte{
		nil,
		{0},
		nested, bytes.Repeat([]byte{0xff}, 60_000), make([]byte, order.MaxEnvelope), make([]byte, order.MaxEnvelope+1),
		{0x86, 0x01, 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, // a byte string of 2⁶⁴ − 1 bytes
		{0x9a, 0xff, 0xff, 0xff, 0xff, 0x01},                               // an array of 2³² − 1 items
		{0x86, 0x01, 0xbf, 0xff},                                           // of no definite length
		append([]byte{0x86, 0x01, 0x59, 0x1f, 0xff}, nested...),
		append(bytes.Clone(good.body), 0),
		good.body[:len(good.body)-1],
	} {
		all = append(all, b)
	}
	for range 2_000 {
		b := bytes.Clone(good.body)
		for range 1 + rng.IntN(4) { // cut, repeat, overwrite
			i, j := rng.IntN(len(b)), rng.IntN(len(b))
			i, j = min(i, j), max(i, j)
			switch rng.IntN(3) {
			case 0:
				b = slices.Delete(b, i, min(j, i+20))
			case 1:
				b = slices.Insert(b, i, b[i:min(j, i+20)]...)
			default:
				b[i] = byte(rng.Uint32())
			}
		}
		if !bytes.Equal(b, good.body) {
			all = append(all, b)
		}
	}
	for _, kind := range []wire.Kind{wire.DnOrder, wire.DnStop} {
		for i, b := range all {
			s.fresh()
			got, _ := s.deliver(document{kind: kind, body: b})
			if len(got) != 1 || got[0].Code == string(order.Applied) {
				t.Fatalf("%s %d: %+v", kind, i, got)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&mem)
	if mem.HeapAlloc > held+16<<20 {
		t.Errorf("it holds %d KiB more", (mem.HeapAlloc-held)>>10)
	}
	if s.d.oracle() != before {
		t.Error("rubbish changed the pump")
	}
	s.fresh()
	if got, _ := s.deliver(good); len(got) != 1 || got[0].Code != string(order.Applied) {
		t.Errorf("the next good order: %+v", got)
	}
}

// TestFamilyFloods: over its budget the pump looks at nothing, counts, and says so
// once; a flood of orders keeps no stop out.
func TestFamilyFloods(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		before, n := s.d.oracle(), len(s.g.answers(t))
		for range 500 {
			s.g.push(s.d.who.Link, wire.DnOrder, []byte("flood"))
		}
		stop := s.w.stop(s.d.look(), nil)
		s.g.push(s.d.who.Link, wire.DnStop, stop)
		pass(2 * time.Second)
		stopped := slices.ContainsFunc(s.g.answers(t)[n:], func(a wire.Answer) bool { return a.Doc == order.Hash(stop) && a.Code == string(order.Applied) })
		if !stopped {
			t.Error("the flood kept a stop out")
		}
		pass(3 * time.Minute)
		signed, missed, summaries := 0, uint64(0), 0
		for _, a := range s.g.answers(t)[n:] {
			switch {
			case a.Kind == wire.DnStop:
			case a.Code == string(order.ErrRate):
				summaries++
				missed += a.Missed
			default:
				signed++
			}
		}
		if signed > 30 || summaries != 1 || int(missed)+signed != 500 {
			t.Errorf("%d signed answers, %d summaries of %d", signed, summaries, missed)
		}
		if after := s.d.oracle(); after.counter != before.counter || after.program != before.program {
			t.Error("the flood changed the pump")
		}
		// Three stops in ten minutes are carried out; the fourth would only keep a
		// patient without a therapy.
		s.expect("a resume", wire.DnOrder, s.w.order(s.d.look(), order.ActResume, nil), order.Applied)
		for range 2 {
			s.expect("another stop", wire.DnStop, s.w.stop(s.d.look(), nil), order.Applied)
		}
		s.refused("the fourth", wire.DnStop, s.w.stop(s.d.look(), nil), order.ErrRate, true)
		pass(11 * time.Minute)
		s.expect("ten minutes later", wire.DnStop, s.w.stop(s.d.look(), nil), order.Applied)
	})
}

// TestFamilyPeers: being connected, or being the communicator, gives no right to a
// dose. Whom a pump connects to at all is shown by TestEnrolment and the tests of
// the link.
func TestFamilyPeers(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		link, _, err := newLinkKey()
		if err != nil {
			t.Fatal(err)
		}
		v := s.d.look()
		p := s.w.prescription(&v, order.ActProgram, more)
		e, err := order.OpenEnvelope(s.w.envelope(&v, p, signing{}))
		if err != nil {
			t.Fatal(err)
		}
		sum := order.ReleaseHash(e.Release)
		e.Assertion.Signature = must(link.Sign(rand.Reader, sum[:], crypto.SHA256))
		s.refused("signed with the communicator's key", wire.DnOrder, e.Encode(), order.ErrSig, false)
		e.Assertion.Signature = s.w.ca.Certificate().Raw[:70]
		s.refused("signed with a certificate", wire.DnOrder, e.Encode(), order.ErrSig, false)
		s.refused("the pump's own answer", wire.DnOrder, s.g.of(wire.UpHello)[0].payload, order.ErrFormat, false)
	})
}

// TestFamilyRoles crawls every person over every part that they can play in an
// order: what the keyset does not give them is refused.
func TestFamilyRoles(t *testing.T) {
	onWard(t, func(w *ward, _ *profile.Profile) {
		now := time.Now()
		elsewhere := w.person("fritz", now, order.RolePrescriber, order.RoleVerifier, order.RoleRelease, order.RoleStop)
		elsewhere.Sites = []order.ID{otherSite}
		other := w.person("kim", now, order.RolePrescriber, order.RoleVerifier, order.RoleRelease, order.RoleStop)
		other.Usage = order.UsageOther
		later := w.person("jonas", now, order.RolePrescriber, order.RoleVerifier, order.RoleRelease, order.RoleStop)
		later.NotBefore = now.AddDate(0, 0, 1).Unix()
		gone := w.person("gerda", now, order.RolePrescriber, order.RoleVerifier, order.RoleRelease, order.RoleStop)
		w.keys.Keys = append(w.keys.Keys, elsewhere, other, later, gone)
		w.keys.Revoked = []order.Digest{w.key("gerda")}
		w.keys.SortKeys()
	}, func(s *scene) {
		for person, may := range map[string]struct {
			prescribe, verify, release, stop order.Code
		}{
			"anna":  {order.Applied, order.ErrRole, order.ErrRole, order.Applied},
			"ben":   {order.Applied, order.Applied, order.ErrRole, order.Applied},
			"carla": {order.ErrRole, order.Applied, order.ErrRole, order.Applied},
			"dora":  {order.ErrRole, order.ErrRole, order.Applied, order.Applied},
			"emil":  {order.ErrRole, order.ErrRole, order.ErrRole, order.Applied},
			"fritz": {order.ErrKey, order.ErrKey, order.ErrKey, order.ErrKey},
			"kim":   {order.ErrKey, order.ErrKey, order.ErrKey, order.ErrKey},
			"jonas": {order.ErrKey, order.ErrKey, order.ErrKey, order.ErrKey},
			"gerda": {order.ErrRevoked, order.ErrRevoked, order.ErrRevoked, order.ErrRevoked},
		} {
			verifier := "carla"
			if person == "carla" {
				verifier = "ben"
			}
			for part, tt := range map[string]struct {
				how  signing
				code order.Code
			}{
				"prescribes": {signing{people: []string{person, verifier}}, may.prescribe},
				"verifies":   {signing{people: []string{map[bool]string{true: "ben", false: "anna"}[person == "anna"], person}}, may.verify},
				"releases":   {signing{releaser: person}, may.release},
			} {
				v := s.d.look()
				b := s.w.envelope(&v, s.w.prescription(&v, order.ActSettings, nil), tt.how)
				if tt.code == order.Applied {
					s.expect(person+" "+part, wire.DnOrder, b, tt.code)
				} else {
					s.refused(person+" "+part, wire.DnOrder, b, tt.code, tt.code == order.ErrRole)
				}
			}
			b := s.w.stop(s.d.look(), func(x *order.Stop) { x.Person, x.Key = person, s.w.key(person) })
			if may.stop != order.Applied {
				s.refused(person+" stops", wire.DnStop, b, may.stop, false)
				continue
			}
			s.expect(person+" stops", wire.DnStop, b, may.stop)
			pass(11 * time.Minute)
			s.expect("a resume", wire.DnOrder, s.w.order(s.d.look(), order.ActResume, nil), order.Applied)
		}
		v := s.d.look()
		p := s.w.prescription(&v, order.ActSettings, nil)
		s.refused("one person twice", wire.DnOrder, s.w.envelope(&v, p, signing{people: []string{"ben", "ben"}}), order.ErrDup, true)
		v = s.d.look()
		s.refused("two who verify", wire.DnOrder, s.w.envelope(&v, p, signing{people: []string{"carla", "ben"}}), order.ErrRole, true)
	})
}

// TestFamilyRollback: older documents are refused, also after a restart; a frozen
// keyset ends orders when its life does, and leaves what keeps a patient safe.
func TestFamilyRollback(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		keys, lib := s.w.keyset, s.w.library
		s.w.keys.Version += 2
		s.w.keys.Revoked = []order.Digest{s.w.key("ben")}
		s.w.lib.Version++
		s.w.publish(t)
		s.expect("a newer keyset", wire.DnKeyset, s.w.keyset, order.Applied)
		s.expect("a newer library", wire.DnLibrary, s.w.library, order.Applied)
		old := func(when string) {
			t.Helper()
			s.refused("the old keyset "+when, wire.DnKeyset, keys, order.ErrOlder, false)
			s.refused("the old library "+when, wire.DnLibrary, lib, order.ErrOlder, false)
			v := s.d.look()
			s.refused("who was revoked "+when, wire.DnOrder, s.w.envelope(&v, s.w.prescription(&v, order.ActSettings, nil), signing{}), order.ErrRevoked, false)
		}
		old("at once")
		next := s.w.body
		next.Version = 3
		s.refused("a root that leaves one out", wire.DnRoot, s.w.sign(t, order.TypeRoot, next.Encode(), s.w.root), order.ErrRoot, false)
		if err := s.f.Close(); err != nil {
			t.Fatal(err)
		}
		s.f = openFleet(t, s.opt)
		s.d, _ = s.f.Device("S-1")
		start(t, s.f)
		pass(time.Minute)
		old("after a restart")
		// A new communicator brings no older ones either.
		before := docsOf(t, s.f, &trust{root: s.w.root, rootDoc: s.w.rootDoc, keyset: keys, library: lib, maker: s.w.maker}, profile.Sample("meander-p20"))
		got, err := s.f.shelf.follow(s.d.docs, before)
		if err != nil || got.keyset != s.d.docs.keyset || got.library != s.d.docs.library {
			t.Errorf("a communicator brought an older document: %v", err)
		}
		other := newTrust(t, time.Now())
		if _, err := s.f.shelf.follow(s.d.docs, docsOf(t, s.f, other, profile.Sample("meander-p20"))); err == nil {
			t.Error("a communicator brought another root")
		}
		// A release that names a keyset that the pump does not have: it gets it first.
		v := s.d.look()
		ahead := signing{people: []string{"anna", "carla"}, release: func(r *order.Release) { r.Keyset++ }}
		s.refused("a keyset ahead", wire.DnOrder, s.w.envelope(&v, s.w.prescription(&v, order.ActSettings, nil), ahead), order.ErrKeyset, false)
		s.w.keys.Version++
		s.w.keys.Expires = time.Now().Add(2 * time.Hour).Unix()
		s.w.publish(t)
		s.expect("the keyset that it named", wire.DnKeyset, s.w.keyset, order.Applied)
		s.expect("a new release", wire.DnOrder, s.w.envelope(&v, s.w.prescription(&v, order.ActSettings, nil), ahead), order.Applied)
		// Frozen: nothing newer arrives until it has expired.
		pass(3 * time.Hour)
		v = s.d.look()
		two := signing{people: []string{"anna", "carla"}}
		s.refused("under an expired keyset", wire.DnOrder, s.w.envelope(&v, s.w.prescription(&v, order.ActProgram, more), two), order.ErrKeyset, false)
		s.expect("a stop under an expired keyset", wire.DnStop, s.w.stop(s.d.look(), nil), order.Applied)
		v = s.d.look()
		s.expect("the resume of what ran", wire.DnOrder, s.w.envelope(&v, s.w.prescription(&v, order.ActResume, nil), two), order.Applied)
		v = s.d.look()
		s.expect("a clock order", wire.DnOrder, s.w.envelope(&v, s.w.prescription(&v, order.ActClock, nil), two), order.Applied)
	})
}

// TestFamilyTotalCompromise: whoever has the server, the database and the broker,
// all that was ever sent, and one clinician's key, tries five thousand times to
// change what the pump gives.
func TestFamilyTotalCompromise(t *testing.T) {
	w := newWard(t, deskStart)
	s := newDesk(t, w, profile.Sample("meander-p20"), 1)
	defer s.close()
	rng := mrand.New(mrand.NewPCG(5, 5))
	// What was recorded: an order that was applied, two that were refused, a stop
	// that somebody undid, and the approvals of a prescription that nobody released.
	var seen []order.Envelope
	for i, a := range []order.Act{order.ActProgram, order.ActBolus, order.ActSettings} {
		b := w.order(s.d.look(), a, func(p *order.Prescription) {
			if a == order.ActProgram {
				more(p)
			}
		})
		if i != 1 {
			if got, _ := s.deliver(document{kind: wire.DnOrder, body: b}); got[0].Code != string(order.Applied) {
				t.Fatalf("%+v", got)
			}
		}
		seen = append(seen, must(order.OpenEnvelope(b)))
		s.pass(time.Hour) // the bolus was never sent, and its window is over
	}
	unreleased := must(order.OpenEnvelope(w.order(s.d.look(), order.ActProgram, func(p *order.Prescription) { g := steady(300_000); p.Program = &g })))
	unreleased.Release, unreleased.Assertion = seen[0].Release, seen[0].Assertion
	seen = append(seen, unreleased)
	before := s.d.oracle()
	tried := 0
	for ; tried < 5_000; tried++ {
		v := s.d.look()
		e := seen[rng.IntN(len(seen))]
		e.Approvals = slices.Clone(e.Approvals)
		f := seen[rng.IntN(len(seen))]
		switch rng.IntN(7) {
		case 0: // as it was
		case 1: // parts of one with parts of another
			e.Release, e.Assertion = f.Release, f.Assertion
		case 2:
			e.Approvals = f.Approvals
		case 3:
			e.Prescription = f.Prescription
		case 4: // one key in everybody's place
			p := w.prescription(&v, []order.Act{order.ActProgram, order.ActBolus, order.ActErase, order.ActBind}[rng.IntN(4)], nil)
			if p.Act == order.ActProgram {
				more(&p)
			}
			e = must(order.OpenEnvelope(w.envelope(&v, p, signing{people: []string{"anna", "anna"}[:1+rng.IntN(2)], releaser: "anna"})))
		case 5: // one honest person who was deceived, and oneself
			p := w.prescription(&v, order.ActProgram, more)
			e = must(order.OpenEnvelope(w.envelope(&v, p, signing{people: []string{"anna"}})))
		default: // a good signature over something a little different
			i := rng.IntN(len(e.Prescription))
			e.Prescription = bytes.Clone(e.Prescription)
			e.Prescription[i] ^= byte(1 << rng.IntN(8))
		}
		s.fresh()
		got, _ := s.deliver(document{kind: wire.DnOrder, body: e.Encode(), retained: rng.IntN(50) == 0})
		if len(got) != 1 {
			t.Fatalf("%d answers", len(got))
		}
		if after := s.d.oracle(); after.state != before.state || after.program != before.program || after.gen != before.gen || after.patient != before.patient {
			t.Fatalf("attempt %d changed the pump: %+v", tried, got[0])
		}
	}
	delivered := s.d.delivered()
	s.pass(24 * time.Hour)
	if got := s.d.delivered() - delivered; got != 260_000_000 {
		t.Errorf("after %d attempts it gives %d pL a day", tried, got)
	}
}
