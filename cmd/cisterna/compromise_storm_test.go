package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/internal/webauthn"
)

// storm sends hostile documents to the pumps until there were so many tries and the
// time is over: forged, replayed, crossed, mixed, broken, and signed by everything
// that a server holds.
func (x *thief) storm(tries int, until time.Time) {
	rng := mrand.New(mrand.NewPCG(uint64(time.Now().UnixNano()), 1))
	attacks := []func(p plannedPump, i int, rng *mrand.Rand){
		x.forgesOrder, x.replays, x.flips, x.crosses, x.sendsNoise, x.cuts, x.mixes, x.forgesStop, x.signsByServer, x.forgesTrust, x.pushesClock, x.replaysAnswers, x.anyTopic, x.forgesTransfer,
	}
	for i := 0; x.tries < tries || time.Now().Before(until); i++ {
		p := x.plans[i%len(x.plans)]
		attacks[i/len(x.plans)%len(attacks)](p, i, rng)
	}
}

func pick[T any](rng *mrand.Rand, all []T) T { return all[rng.IntN(len(all))] }

// forgesOrder sends a release of another program under the names of real people.
func (x *thief) forgesOrder(p plannedPump, i int, rng *mrand.Rand) {
	x.send(p, wire.DnOrder, x.forged(p, i, x.soft, rng))
}

// forged is an order for a pump as it should be, but for its signatures.
func (x *thief) forged(p plannedPump, i int, by webauthn.Soft, rng *mrand.Rand) []byte {
	v := x.views[p.ID]
	e, err := order.OpenEnvelope(pick(rng, x.genuine[wire.DnOrder]))
	if err != nil {
		x.t.Fatal(err)
	}
	now, zone, lib := time.Now().Unix(), int32(0), v.Library.Hash
	doc := order.Prescription{
		V: 1, Pump: v.Pump, Serial: v.Serial, Site: v.Site, Patient: v.Patient, Epoch: v.State.Epoch, State: v.State.Hash(), NotBefore: now - 60, Expires: now + 600, Keyset: v.Keyset.Version,
	}
	_, _ = rand.Read(doc.ID[:])
	c, l := v.State.Contents, v.Limits
	switch doc.Act = pick(rng, []order.Act{order.ActProgram, order.ActProgram, order.ActErase, order.ActBind, order.ActClock, order.ActResume, order.ActSettings}); doc.Act {
	case order.ActProgram:
		g := v.State.Program
		g.Segments = slices.Clone(g.Segments)
		for k := range g.Segments {
			g.Segments[k].Volume += g.Segments[k].Volume/2 + 1
		}
		doc.Library, doc.Group, doc.Contents, doc.Limits, doc.Program = &lib, x.group(c), &c, &l, &g
		doc.Checks = order.ChecksOf(c, &g, &v.Range, nil, nil)
	case order.ActErase:
		g := v.State.Program
		g.Mode, g.Cycle, g.Segments, g.PTM, g.Then = 1, 0, nil, nil, 0
		doc.Program = &g
	case order.ActBind:
		_, _ = rand.Read(doc.Patient[:])
	case order.ActClock:
		doc.Zone = &zone
	case order.ActSettings:
		doc.Settings = &order.Settings{Low: units.Millilitre, PTMDenied: 31}
	}
	body := doc.Encode()
	hash := order.PrescriptionHash(body)
	sign := func(challenge order.Digest) order.Assertion {
		a, err := by.Sign(rand.Reader, challenge)
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
		s := order.Approval{V: 1, Prescription: hash, Person: who.Login, Key: key, Meaning: order.Meaning(k + 1), SignedAt: now}
		b := s.Encode()
		approvals = append(approvals, order.Approved{Statement: b, Assertion: sign(order.ApprovalChallenge(b))})
	}
	if i%5 == 0 {
		approvals = e.Approvals // real signatures, of another prescription
	}
	rel := order.Release{
		V: 1, Prescription: hash, Counter: v.Memory.Counter + 1 + uint64(i%3), Window: v.Windows.Current(), Keyset: v.Keyset.Version, IssuedAt: now, Expires: now + 600,
		Person: x.rosa.Login, Key: x.rosa.key,
	}
	rb := rel.Encode()
	out := order.NewEnvelope(body, approvals, rb, sign(order.ReleaseHash(rb)))
	return out.Encode()
}

// replays sends what was obeyed once, to the same pump or another.
func (x *thief) replays(p plannedPump, _ int, rng *mrand.Rand) {
	kind := pick(rng, []wire.Kind{wire.DnOrder, wire.DnStop, wire.DnKeyset, wire.DnLibrary, wire.DnRoot})
	x.send(p, kind, pick(rng, x.genuine[kind]))
}

// forgesTransfer sends a pump to another site, with the keyset that counts, signed by
// everything that a server holds and not by the root.
func (x *thief) forgesTransfer(p plannedPump, _ int, rng *mrand.Rand) {
	v, now := x.views[p.ID], time.Now().Unix()
	doc := order.Prescription{
		V: 1, Act: order.ActTransfer, Pump: v.Pump, Serial: v.Serial, Site: v.Site, Patient: v.Patient, Epoch: v.State.Epoch, State: v.State.Hash(), NotBefore: now - 60, Expires: now + 600,
		Keyset: v.Keyset.Version, Transfer: &order.Transfer{Site: order.ID{1}, Keyset: x.app.Keysets.Current().Document},
	}
	_, _ = rand.Read(doc.ID[:])
	d, err := order.Sign(rand.Reader, pick(rng, []order.Type{order.TypeTransfer, order.TypeRoot, order.TypeKeyset}), doc.Encode(), x.serverKeys()...)
	if err != nil {
		x.t.Fatal(err)
	}
	b, err := order.EncodeRootTransfer(d)
	if err != nil {
		x.t.Fatal(err)
	}
	x.send(p, wire.DnOrder, b)
}

// flips changes one bit of what was obeyed.
func (x *thief) flips(p plannedPump, _ int, rng *mrand.Rand) {
	kind := pick(rng, []wire.Kind{wire.DnOrder, wire.DnOrder, wire.DnStop, wire.DnKeyset, wire.DnLibrary, wire.DnRoot})
	b := slices.Clone(pick(rng, x.genuine[kind]))
	at := rng.IntN(len(b) * 8)
	b[at/8] ^= 1 << (at % 8)
	x.send(p, kind, b)
}

// crosses sends one kind of document where another comes.
func (x *thief) crosses(p plannedPump, _ int, rng *mrand.Rand) {
	kinds := []wire.Kind{wire.DnOrder, wire.DnStop, wire.DnKeyset, wire.DnLibrary, wire.DnRoot}
	from := pick(rng, kinds)
	to := pick(rng, slices.DeleteFunc(slices.Clone(kinds), func(k wire.Kind) bool { return k == from }))
	x.send(p, to, pick(rng, x.genuine[from]))
}

func (x *thief) sendsNoise(p plannedPump, _ int, rng *mrand.Rand) {
	b := make([]byte, 1+rng.IntN(order.MaxEnvelope))
	_, _ = rand.Read(b)
	x.send(p, pick(rng, []wire.Kind{wire.DnOrder, wire.DnStop}), b)
}

// cuts sends the beginning of a good document, or one with a part of it twice.
func (x *thief) cuts(p plannedPump, i int, rng *mrand.Rand) {
	b := pick(rng, x.genuine[wire.DnOrder])
	at := rng.IntN(len(b))
	if i%2 == 0 {
		x.send(p, wire.DnOrder, b[:at])
		return
	}
	x.send(p, wire.DnOrder, slices.Insert(slices.Clone(b), at, b[at:min(len(b), at+1+rng.IntN(64))]...))
}

// mixes puts together what different people signed of different orders.
func (x *thief) mixes(p plannedPump, i int, rng *mrand.Rand) {
	open := func(b []byte) order.Envelope {
		e, err := order.OpenEnvelope(b)
		if err != nil {
			x.t.Fatal(err)
		}
		return e
	}
	e, f := open(x.forged(p, i, x.soft, rng)), open(pick(rng, x.genuine[wire.DnOrder]))
	for e.Prescription = slices.Clone(e.Prescription); ; {
		switch rng.IntN(5) {
		case 0:
			e.Prescription = f.Prescription
		case 1:
			e.Approvals = f.Approvals
		case 2:
			e.Release, e.Assertion = f.Release, f.Assertion
		case 3:
			e.Assertion = f.Assertion
		case 4:
			e.Approvals = slices.Concat(f.Approvals, e.Approvals)[:min(5, len(e.Approvals)+len(f.Approvals))]
		}
		if rng.IntN(2) == 0 {
			x.send(p, wire.DnOrder, e.Encode())
			return
		}
	}
}

func (x *thief) forgesStop(p plannedPump, i int, rng *mrand.Rand) { x.stopBy(p, i, x.soft) }

func (x *thief) stopBy(p plannedPump, i int, by webauthn.Soft) {
	v, now := x.views[p.ID], time.Now().Unix()
	stop := order.Stop{V: 1, Pump: v.Pump, Epoch: v.State.Epoch, Counter: v.Memory.Stops + 1 + uint64(i%3), Window: v.Windows.Current(), IssuedAt: now, Expires: now + 600, Overdose: i%2 == 0, Reason: "x", Person: "jonas", Key: x.jonas.key}
	_, _ = rand.Read(stop.ID[:])
	b := stop.Encode()
	a, err := by.Sign(rand.Reader, order.StopHash(b))
	if err != nil {
		x.t.Fatal(err)
	}
	x.send(p, wire.DnStop, order.EncodeStop(b, order.AssertionOf(a)))
}

// serverKeys are all that a server has to sign with.
func (x *thief) serverKeys() (out []crypto.Signer) {
	_, own, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		x.t.Fatal(err)
	}
	return []crypto.Signer{own, x.keys.tokens, x.authorityKey(), x.soft.Key}
}

// authorityKey reads the key of the link's authority where the server keeps it.
func (x *thief) authorityKey() *ecdsa.PrivateKey {
	rest, err := os.ReadFile(authorityFile(filepath.Join(x.dir, "keys")))
	if err != nil {
		x.t.Fatal(err)
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			x.t.Fatal("the authority's file holds no key")
		}
		if k, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			return k.(*ecdsa.PrivateKey)
		}
	}
}

// signsByServer signs with a server's own keys as if they were a person's passkey.
func (x *thief) signsByServer(p plannedPump, i int, rng *mrand.Rand) {
	by := webauthn.Soft{Key: x.authorityKey(), RPID: "localhost", Origin: x.app.URL()}
	if i%3 == 0 {
		x.stopBy(p, i, by)
		return
	}
	x.send(p, wire.DnOrder, x.forged(p, i, by, rng))
}

// forgesTrust signs keysets that list its key, libraries without limits, roots and
// profiles with everything that a server holds.
func (x *thief) forgesTrust(p plannedPump, i int, rng *mrand.Rand) {
	var body []byte
	kind, typ, now := wire.DnKeyset, order.TypeKeyset, time.Now().Unix()
	switch i / len(x.plans) % 4 {
	case 0:
		k := x.views[p.ID].Keyset
		k.Version, k.Issued = k.Version+1+uint64(rng.IntN(3)), now
		k.Keys = append(slices.Clone(k.Keys), order.PersonKey{
			Person: "miriam", Key: x.public.String(), Roles: []order.Role{1, 2, 3, 4, 5, 6}, NotAfter: k.Expires, Software: true, Usage: order.UsageOrders, RPID: "localhost",
		})
		k.SortKeys()
		body = k.Encode()
	case 1:
		l := x.views[p.ID].Library.Library
		l.Version++
		l.Drugs = slices.Clone(l.Drugs)
		for k := range l.Drugs {
			d := &l.Drugs[k]
			d.Limits = slices.Clone(d.Limits)
			for n := range d.Limits {
				d.Limits[n] = order.DrugLimit{Group: d.Limits[n].Group, Route: d.Limits[n].Route, HardDay: 1000 * units.Milligram, HardHour: 1000 * units.Milligram}
			}
		}
		kind, typ, body = wire.DnLibrary, order.TypeLibrary, l.Encode()
	case 2:
		r := x.keys.trust.Root
		r.Version++
		r.Keyset = order.Quorum{Threshold: 1, Keys: []string{x.public.String()}}
		kind, typ, body = wire.DnRoot, order.TypeRoot, r.Encode()
	case 3:
		f := *profile.Samples()[rng.IntN(3)]
		f.Range.Max *= 2
		kind, typ, body = wire.DnProfile, order.TypeProfile, f.Encode()
	}
	signers := x.serverKeys()
	rng.Shuffle(len(signers), func(a, b int) { signers[a], signers[b] = signers[b], signers[a] })
	doc, err := order.Sign(rand.Reader, typ, body, signers[:rng.IntN(len(signers)+1)]...)
	if err != nil {
		x.t.Fatal(err)
	}
	x.send(p, kind, doc)
}

// pushesClock tells pumps that it is another time.
func (x *thief) pushesClock(p plannedPump, i int, rng *mrand.Rand) {
	at := time.Now().AddDate([]int{-30, -1, 1, 30}[i%4], 0, 0)
	x.send(p, wire.DnAck, wire.Encode(wire.Cursors{Now: at.UnixMilli(), Rewind: rng.IntN(8) == 0}))
}

// replaysAnswers gives what pumps once said to the server again, under their own and
// under each other's link, and to pumps as if it were an order.
func (x *thief) replaysAnswers(p plannedPump, i int, rng *mrand.Rand) {
	of := x.plans[rng.IntN(len(x.plans))]
	b := slices.Clone(pick(rng, x.answers[of.ID]))
	if i%3 == 0 {
		b[rng.IntN(len(b))] ^= 1
	}
	done := make(chan error, 1)
	x.app.Telemetry.Deliver(gateway.Inbound{Link: x.device(p).Status().Link, Kind: wire.UpAck, Payload: b, At: time.Now()}, func(err error) { done <- err })
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		x.t.Fatal("the server never finished with an answer")
	}
	x.send(p, pick(rng, []wire.Kind{wire.DnOrder, wire.DnStop, wire.DnLibrary}), b)
}

// anyTopic is a broker's administrator, who may publish anything everywhere.
func (x *thief) anyTopic(p plannedPump, _ int, rng *mrand.Rand) {
	b := make([]byte, rng.IntN(4096))
	_, _ = rand.Read(b)
	x.send(p, pick(rng, []wire.Kind{wire.DnOTA, wire.DnCert, wire.DnProfile, wire.DnCheckpoint, wire.DnKeyset, wire.DnLibrary, wire.DnRoot}), b)
}
