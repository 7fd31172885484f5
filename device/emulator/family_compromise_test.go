package emulator

import (
	"bytes"
	mrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// burglar has the server, the database, the broker, all that was ever sent, and one
// clinician's key.
type burglar struct {
	*desk
	t      *testing.T
	rng    *mrand.Rand
	seen   []order.Envelope // one that was applied, one that was never sent, one more, and one that nobody released
	stops  [][]byte
	before oracle
	docs   documents
}

func newBurglar(t *testing.T, seed uint64) *burglar {
	w := newWard(t, deskStart)
	x := &burglar{desk: newDesk(t, w, profile.Sample("meander-p20"), 1), t: t, rng: mrand.New(mrand.NewPCG(5, seed))}
	t.Cleanup(x.close)
	for i, a := range []order.Act{order.ActProgram, order.ActBolus, order.ActSettings} {
		b := w.order(x.d.look(), a, func(p *order.Prescription) {
			if a == order.ActProgram {
				more(p)
			}
		})
		if i != 1 {
			x.must(document{kind: wire.DnOrder, body: b})
		}
		x.seen = append(x.seen, must(order.OpenEnvelope(b)))
		x.pass(time.Hour) // the bolus was never sent, and its window is over
	}
	unreleased := must(order.OpenEnvelope(w.order(x.d.look(), order.ActProgram, func(p *order.Prescription) { g := steady(300_000); p.Program = &g })))
	unreleased.Release, unreleased.Assertion = x.seen[0].Release, x.seen[0].Assertion
	x.seen = append(x.seen, unreleased)
	stop := w.stop(x.d.look(), nil)
	x.must(document{kind: wire.DnStop, body: stop})
	x.must(document{kind: wire.DnOrder, body: w.order(x.d.look(), order.ActResume, nil)})
	x.stops = [][]byte{stop}
	x.before, x.docs = x.d.oracle(), x.d.docs
	return x
}

func (x *burglar) must(doc document) {
	x.t.Helper()
	if got, _ := x.deliver(doc); len(got) != 1 || got[0].Code != string(order.Applied) {
		x.t.Fatalf("%+v", got)
	}
}

// tries makes so many attempts, of which none may change what the pump runs, trusts,
// or is in; the next day it gives what it gave.
func (x *burglar) tries(n int, kind wire.Kind, attempt func() []byte) {
	x.t.Helper()
	for i := range n {
		x.fresh()
		var got []wire.Answer
		b := attempt()
		if kind == wire.DnOrder || kind == wire.DnStop {
			got, _ = x.deliver(document{kind: kind, body: b, retained: x.rng.IntN(50) == 0})
		} else {
			got = x.read(kind, b)
		}
		if len(got) != 1 {
			x.t.Fatalf("%d answers", len(got))
		}
		if after := x.d.oracle(); after.state != x.before.state || after.program != x.before.program || after.gen != x.before.gen || after.patient != x.before.patient || x.d.docs != x.docs {
			x.t.Fatalf("attempt %d changed the pump: %+v", i, got[0])
		}
	}
	delivered := x.d.delivered()
	x.pass(24 * time.Hour)
	if got := x.d.delivered() - delivered; got != 260_000_000 {
		x.t.Errorf("after %d attempts it gives %d pL a day", n, got)
	}
}

// TestFamilyTotalCompromise: whoever has everything but people tries thousands of
// times to change what the pump gives, and whom it believes. The same against a whole
// system is TestTotalCompromise of cmd/cisterna.
func TestFamilyTotalCompromise(t *testing.T) {
	family{order: compromiseOrders, stop: compromiseStops, keyset: compromiseKeysets, library: compromiseLibraries, answer: compromiseAnswers}.play(t)
}

func compromiseOrders(t *testing.T) {
	x := newBurglar(t, 1)
	x.tries(5_000/slower, wire.DnOrder, func() []byte {
		v := x.d.look()
		e, f := x.seen[x.rng.IntN(len(x.seen))], x.seen[x.rng.IntN(len(x.seen))]
		e.Approvals = slices.Clone(e.Approvals)
		switch x.rng.IntN(7) {
		case 0: // as it was
		case 1: // parts of one with parts of another
			e.Release, e.Assertion = f.Release, f.Assertion
		case 2:
			e.Approvals = f.Approvals
		case 3:
			e.Prescription = f.Prescription
		case 4: // one key in everybody's place
			p := x.w.prescription(&v, []order.Act{order.ActProgram, order.ActBolus, order.ActErase, order.ActBind}[x.rng.IntN(4)], nil)
			if p.Act == order.ActProgram {
				more(&p)
			}
			e = must(order.OpenEnvelope(x.w.envelope(&v, p, signing{people: []string{"anna", "anna"}[:1+x.rng.IntN(2)], releaser: "anna"})))
		case 5: // one honest person who was deceived, and oneself
			p := x.w.prescription(&v, order.ActProgram, more)
			e = must(order.OpenEnvelope(x.w.envelope(&v, p, signing{people: []string{"anna"}})))
		default: // a good signature over something a little different
			i := x.rng.IntN(len(e.Prescription))
			e.Prescription = bytes.Clone(e.Prescription)
			e.Prescription[i] ^= byte(1 << x.rng.IntN(8))
		}
		return e.Encode()
	})
}

func compromiseStops(t *testing.T) {
	x := newBurglar(t, 2)
	x.tries(1_000/slower, wire.DnStop, func() []byte {
		b, a, err := order.OpenStop(x.stops[0])
		if err != nil {
			t.Fatal(err)
		}
		v := x.d.look()
		switch x.rng.IntN(4) {
		case 0: // as it was
		case 1: // a good signature over a stop that is later, or somebody else's
			s := must(order.DecodeStop(b))
			s.Counter, s.Window, s.IssuedAt, s.Expires = v.Memory.Stops+1, v.Windows.Current(), v.Now, v.Now+600
			b = s.Encode()
		case 2: // a signature of a release
			a = x.seen[x.rng.IntN(len(x.seen))].Assertion
		default:
			b = bytes.Clone(b)
			b[x.rng.IntN(len(b))] ^= byte(1 << x.rng.IntN(8))
		}
		return order.EncodeStop(b, a)
	})
}

func compromiseKeysets(t *testing.T) {
	x := newBurglar(t, 3)
	stranger := x.w.person("stranger", x.now, order.RolePrescriber, order.RoleVerifier, order.RoleRelease)
	x.tries(1_000/slower, wire.DnKeyset, func() []byte {
		k := x.w.keys
		k.Version += uint64(1 + x.rng.IntN(3))
		k.Keys = append(slices.Clone(k.Keys), stranger)
		k.SortKeys()
		switch x.rng.IntN(3) {
		case 0: // signed by everybody else
			return x.w.sign(t, order.TypeKeyset, k.Encode(), x.w.pharm, x.w.maker, x.w.people["anna"].Key, x.d.key)
		case 1: // the real signature under another list
			d := must(order.Open(x.w.keyset))
			return order.Assemble(k.Encode(), d.Sigs...)
		default:
			b := bytes.Clone(x.w.keyset)
			b[x.rng.IntN(len(b))] ^= byte(1 << x.rng.IntN(8))
			return b
		}
	})
}

func compromiseLibraries(t *testing.T) {
	x := newBurglar(t, 4)
	x.tries(1_000/slower, wire.DnLibrary, func() []byte {
		l := x.w.lib
		l.Version += uint64(1 + x.rng.IntN(3))
		l.Drugs = slices.Clone(l.Drugs)
		for i := range l.Drugs {
			l.Drugs[i].Limits = nil
			l.Drugs[i].MaxConc *= 2
		}
		switch x.rng.IntN(3) {
		case 0:
			return x.w.sign(t, order.TypeLibrary, l.Encode(), x.w.admin, x.w.maker, x.w.people["anna"].Key, x.d.key)
		case 1:
			d := must(order.Open(x.w.library))
			return order.Assemble(l.Encode(), d.Sigs...)
		default:
			b := bytes.Clone(x.w.library)
			b[x.rng.IntN(len(b))] ^= byte(1 << x.rng.IntN(8))
			return b
		}
	})
}

// compromiseAnswers: what pumps sign is no document, however it is put together with
// what people signed.
func compromiseAnswers(t *testing.T) {
	x := newBurglar(t, 5)
	x.d.mu.Lock()
	x.d.answer(document{kind: wire.DnOrder, body: x.seen[0].Encode()}, string(order.Applied), "")
	sealed := x.d.answers[0]
	x.d.answers = nil
	x.d.mu.Unlock()
	env := must(wire.OpenEnvelope(sealed))
	x.tries(1_000/slower, wire.DnOrder, func() []byte {
		e := x.seen[x.rng.IntN(len(x.seen))]
		e.Approvals = slices.Clone(e.Approvals)
		switch x.rng.IntN(5) {
		case 0:
			return sealed
		case 1:
			e.Release = env.Payload
		case 2:
			e.Assertion.Signature = env.Sig
		case 3:
			e.Approvals[0].Assertion.Signature = env.Sig
		default:
			e.Prescription = env.Payload
		}
		return e.Encode()
	})
}
