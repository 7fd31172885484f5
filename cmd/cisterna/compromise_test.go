package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"math/big"
	"slices"
	"strconv"
	"testing"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
	"cisterna/fleet/dosing"
	"cisterna/internal/auth"
	"cisterna/internal/webauthn"
)

// thief has everything that a server has: its database as a superuser, its broker,
// its keys and its code. It has no person's key and no administrator's.
type thief struct {
	*orderWorld
	t       testing.TB
	genuine [][]byte // envelopes that were obeyed once
	soft    webauthn.Soft
	keyed   order.Digest
	tries   int
	looked  int // by a verifier without a budget
	views   map[int64]*order.View
}

// view is what the verifier in a pump sees now.
func (x *thief) view(p plannedPump) *order.View {
	d := x.device(p)
	st := d.Status().Orders
	r := x.report(p)
	v := r.View()
	prof := profile.Samples()[0]
	ref, _ := x.app.Registry.Directory().ByID(p.ID)
	for _, c := range profile.Samples() {
		if c.ID == ref.Profile {
			prof = c
		}
	}
	v.Pump, v.Serial, v.Root, v.Keyset = order.Digest(d.PublicKey().Hash()), p.Serial, x.keys.trust.Root, x.app.Keysets.Current().Keyset
	lib := x.app.Libraries.Current()
	v.Library, v.Range = order.Held{Hash: lib.Hash, Library: lib.Library}, prof.Range
	v.Rule = order.ReservoirRule{Capacity: prof.Reservoir.Capacity, LowMin: prof.Reservoir.LowMin, LowMax: prof.Reservoir.LowMax}
	v.Now, v.Mono, v.Windows = time.Now().Unix(), 1000, order.Windows{{Nonce: st.Window, Born: 500}}
	v.Memory.Counter, v.Memory.Stops, v.Memory.Answers = st.Counter, st.StopCounter, st.Answers
	return &v
}

// send sends a document to a pump. Because a pump looks at so many a minute only,
// the pump's own verifier is asked as well, as if it looked at every one.
func (x *thief) send(p plannedPump, kind wire.Kind, b []byte) {
	x.tries++
	if v := x.views[p.ID]; v != nil && (kind == wire.DnOrder || kind == wire.DnStop) {
		if out := order.Verify(order.Delivery{Kind: kind, Bytes: b}, v); out.Code == order.Applied && !out.Cached {
			x.t.Fatalf("try %d: a pump without a budget would obey %x", x.tries, b)
		}
		x.looked++
	}
	x.app.Gateway.Push(x.device(p).Status().Link, gateway.Outbound{Kind: kind, Payload: b})
}

// forged is a release of another program, signed by the thief's own key under the
// names of real people.
func (x *thief) forged(p plannedPump, i int) []byte {
	r := x.report(p)
	g := r.State.Program
	g.Segments = slices.Clone(g.Segments)
	for k := range g.Segments {
		g.Segments[k].Volume += g.Segments[k].Volume/2 + 1
	}
	e, err := order.OpenEnvelope(x.genuine[i%len(x.genuine)])
	if err != nil {
		x.t.Fatal(err)
	}
	doc, err := order.DecodePrescription(e.Prescription)
	if err != nil {
		x.t.Fatal(err)
	}
	_, _ = rand.Read(doc.ID[:])
	doc.State, doc.Program, doc.NotBefore, doc.Expires = r.State.Hash(), &g, time.Now().Unix()-60, time.Now().Unix()+3600
	body := doc.Encode()
	hash := order.PrescriptionHash(body)
	sign := func(challenge order.Digest) order.Assertion {
		a, err := x.soft.Sign(rand.Reader, challenge)
		if err != nil {
			x.t.Fatal(err)
		}
		return order.AssertionOf(a)
	}
	var approvals []order.Approved
	for k, who := range []*signingPerson{x.miriam, x.jonas, x.priya} {
		key := who.key
		if i%3 == 0 {
			key = x.keyed // its own key, which no administrator listed
		}
		s := order.Approval{V: 1, Prescription: hash, Person: who.Login, Key: key, Meaning: order.Meaning(k + 1), SignedAt: time.Now().Unix()}
		b := s.Encode()
		approvals = append(approvals, order.Approved{Statement: b, Assertion: sign(order.ApprovalChallenge(b))})
	}
	if i%5 == 0 {
		approvals = e.Approvals // real signatures, of another prescription
	}
	status := x.device(p).Status().Orders
	rel := order.Release{
		V: 1, Prescription: hash, Counter: status.Counter + 1 + uint64(i%3), Window: status.Window, Keyset: x.app.Keysets.Current().Version, IssuedAt: time.Now().Unix(), Expires: time.Now().Unix() + 600,
		Person: x.rosa.Login, Key: x.rosa.key,
	}
	rb := rel.Encode()
	out := order.NewEnvelope(body, approvals, rb, sign(order.ReleaseHash(rb)))
	return out.Encode()
}

// TestTotalCompromise: with everything that the server has, nobody changes a
// program in ten thousand tries within a minute, and the record shows the tries
// that left a trace.
func TestTotalCompromise(t *testing.T) {
	w := newOrderWorld(t, 2)
	victim, other := w.plans[0], w.plans[1]
	o := w.approved(victim, w.more(victim, 1040))
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	letters, err := w.app.Dosing.Letters(t.Context(), auth.Scope{All: true}, victim.ID)
	if err != nil || len(letters) == 0 {
		t.Fatal(err)
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := wire.NewPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	x := &thief{orderWorld: w, t: t, genuine: [][]byte{letters[0].Envelope}, soft: webauthn.Soft{Key: k, RPID: "localhost", Origin: w.app.URL()}, keyed: order.Digest(order.IDOf(public))}

	before := []struct {
		gen  uint64
		hash string
	}{{w.device(victim).Status().Gen, w.device(victim).Status().ProgramHash}, {w.device(other).Status().Gen, w.device(other).Status().ProgramHash}}

	x.views = map[int64]*order.View{victim.ID: x.view(victim), other.ID: x.view(other)}
	// The verifier is the pumps' own: what was obeyed once is answered the same.
	if out := order.Verify(order.Delivery{Kind: wire.DnOrder, Bytes: x.genuine[0]}, x.views[victim.ID]); out.Code != order.Applied || !out.Cached {
		t.Fatalf("the genuine release is %s (%s), and not answered as before", out.Code, out.Detail)
	}
	owner := w.ownerDB()
	began := time.Now()
	deadline := began.Add(55 * time.Second)

	// 1. The database: a key of its own among people's, an order approved by rows
	// alone, the outbox filled by hand.
	ctx := context.Background()
	for _, q := range []string{
		`INSERT INTO keyset_keys (user_id, person, key, key_id, software, rp_id, label, added_at, added_by, not_after) VALUES (1, 'miriam', '` + public.String() + `', decode('` + x.keyed.String() + `', 'hex'), true, 'localhost', '', now(), 'thief', now() + interval '1 year')`,
		`UPDATE dosing_orders SET state = 'approved', closed_at = NULL, expires_at = now() + interval '1 day'`,
		`UPDATE dosing_letters SET state = 'open', answered_at = NULL`,
		`UPDATE dispatch_outbox SET state = 'waiting', not_after = now() + interval '1 day', next_at = now()`,
		`DELETE FROM dosing_pumps WHERE pump_id = ` + strconv.FormatInt(other.ID, 10),
	} {
		if _, err := owner.ExecContext(ctx, q); err != nil {
			t.Fatalf("the thief cannot even do this: %s: %v", q, err)
		}
	}

	// 2. A keyset that lists its key, signed by every key that a server holds.
	set := w.app.Keysets.Current().Keyset
	set.Version, set.Issued = set.Version+1, time.Now().Unix()
	set.Keys = append(slices.Clone(set.Keys), order.PersonKey{
		Person: "miriam", Key: public.String(), Roles: []order.Role{1, 2, 3, 4, 5, 6}, NotBefore: 0, NotAfter: set.Expires, Software: true, Usage: order.UsageOrders, RPID: "localhost",
	})
	set.SortKeys()
	_, own, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, signers := range [][]ed25519.PrivateKey{{}, {own}, {own, w.keys.tokens}, {w.keys.tokens, w.keys.tokens}} {
		var sigs []order.Signature
		for _, s := range signers {
			pub, err := wire.NewPublicKey(s.Public())
			if err != nil {
				t.Fatal(err)
			}
			id := order.IDOf(pub)
			sigs = append(sigs, order.Signature{Key: id[:], Sig: ed25519.Sign(s, order.SigningBytes(order.TypeKeyset, set.Encode()))})
		}
		doc := order.Assemble(set.Encode(), sigs...)
		x.send(victim, wire.DnKeyset, doc)
		x.send(other, wire.DnKeyset, doc)
	}

	// 3. The broker: forged, replayed, crossed and broken orders and stops.
	garbage := make([]byte, 512)
	for x.tries < 10_200 && time.Now().Before(deadline) {
		i := x.tries
		p := w.plans[i%2]
		switch i % 8 {
		case 0:
			x.send(p, wire.DnOrder, x.forged(victim, i))
		case 1:
			x.send(p, wire.DnOrder, x.genuine[0]) // a replay, or another pump's
		case 2: // one bit of what was obeyed
			b := slices.Clone(x.genuine[0])
			at, _ := rand.Int(rand.Reader, big.NewInt(int64(len(b)*8)))
			b[at.Int64()/8] ^= 1 << (at.Int64() % 8)
			x.send(p, wire.DnOrder, b)
		case 3: // an order as a stop, and a stop as an order
			x.send(p, wire.DnStop, x.genuine[0])
		case 4:
			_, _ = rand.Read(garbage)
			x.send(p, wire.DnOrder, garbage)
		case 5:
			x.send(p, wire.DnOrder, x.genuine[0][:i%len(x.genuine[0])])
		case 6:
			x.send(p, wire.DnLibrary, x.genuine[0])
		case 7:
			stop := order.Stop{V: 1, Pump: order.Digest(w.device(p).PublicKey().Hash()), Epoch: 1, Counter: uint64(i), Window: w.device(p).Status().Orders.Window, IssuedAt: time.Now().Unix(), Expires: time.Now().Unix() + 600, Reason: "x", Person: "jonas", Key: w.jonas.key}
			_, _ = rand.Read(stop.ID[:])
			b := stop.Encode()
			a, err := x.soft.Sign(rand.Reader, order.StopHash(b))
			if err != nil {
				t.Fatal(err)
			}
			x.send(p, wire.DnStop, order.EncodeStop(b, order.AssertionOf(a)))
		}
	}
	took := time.Since(began)
	if x.tries < 10_000 {
		t.Fatalf("only %d tries in %s", x.tries, took)
	}
	if x.looked < 8_000 {
		t.Fatalf("a verifier looked at %d only", x.looked)
	}
	t.Logf("%d tries in %s, %d looked at without a budget", x.tries, took.Round(time.Millisecond), x.looked)

	// Nothing has changed: not the program, not what the pump trusts.
	for i, p := range w.plans {
		w.flows(t, p) // it has looked at everything that came before
		got := w.device(p).Status()
		if got.Gen != before[i].gen || got.ProgramHash != before[i].hash || got.RateNLDay == 0 {
			t.Errorf("%s runs another program: gen %d, %s", p.Serial, got.Gen, got.ProgramHash)
		}
		if ks, ok := w.app.Keysets.Held(got.Keyset); !ok {
			t.Errorf("%s holds keyset %d, which administrators never signed", p.Serial, got.Keyset)
		} else if _, listed := ks.Person(x.keyed); listed {
			t.Errorf("%s believes the thief's key", p.Serial)
		}
	}
	// The pumps' signed refusals are on the record.
	eventually(t, "refusals are on the record", func() bool {
		return w.count(`SELECT count(*) FROM telemetry_answers WHERE code LIKE 'E\_%'`) >= 4 && w.count(`SELECT count(*) FROM audit_leaf WHERE kind = 'pump.answer'`) >= 4
	})
}
