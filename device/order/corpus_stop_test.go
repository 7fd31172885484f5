package order

import (
	"cisterna/device/wire"
)

func stopVectors(l *list) {
	l.group = "stop"
	stop := func(name string, code Code, step int, change func(*Stop), prepare ...func(*world)) {
		l.on("dn/stop", name, code, step, func(w *world) []byte {
			for _, f := range prepare {
				f(w)
			}
			s := w.stopOf()
			if change != nil {
				change(&s)
			}
			return signStop(s, s.Person)
		})
	}
	by := func(who string) func(*Stop) { return func(s *Stop) { s.Person, s.Key = who, idOf(who) } }
	l.all = append(l.all, vector{group: "stop", name: "control", code: Applied, step: StepAccept, topic: "dn/stop", flip: true, make: func(w *world) []byte { return signStop(w.stopOf(), "emil") }})
	stop("for an overdose", Applied, StepAccept, func(s *Stop) { s.Overdose = true })
	stop("by a prescriber", Applied, StepAccept, by("anna"))
	stop("by a verifier", Applied, StepAccept, by("ben"))
	stop("by who may only release", ErrRole, StepPeople, by("lara"), func(w *world) {
		w.keyset.Keys = append(w.keyset.Keys, person("lara", "lara", RoleRelease))
		w.keyset.SortKeys()
		w.hold()
	})
	stop("by a pharmacist", Applied, StepAccept, by("mona"), func(w *world) {
		w.keyset.Keys = append(w.keyset.Keys, person("mona", "mona", RolePharmacist))
		w.keyset.SortKeys()
		w.hold()
	})
	stop("by a revoked key", ErrRevoked, StepKeys, by("gerda"))
	stop("by somebody of another site", ErrKey, StepKeys, by("fritz"))
	stop("by a key that is over", ErrKey, StepKeys, by("hanna"))
	stop("of another pump", ErrAud, StepAddress, func(s *Stop) { s.Pump[0] ^= 1 })
	stop("of another epoch", ErrEpoch, StepBinding, func(s *Stop) { s.Epoch-- })
	stop("an old counter", ErrCounter, StepCounter, func(s *Stop) { s.Counter = 10 })
	stop("a counter too far ahead", ErrCounter, StepCounter, func(s *Stop) { s.Counter = 10 + 1025 })
	stop("a counter of orders is another", Applied, StepAccept, nil, func(w *world) { w.view.Memory.Counter = MaxCounter })
	stop("three windows back", Applied, StepAccept, func(s *Stop) { s.Window = id16("w1") })
	stop("a window of before the boot", ErrWindow, StepWindow, func(s *Stop) { s.Window = id16("w0") })
	stop("a window older than an hour", ErrWindow, StepWindow, func(s *Stop) { s.Window = id16("w1") }, func(w *world) { w.view.Mono = 900_000 + 4*WindowLife + 1 })
	stop("withheld and delivered late", ErrExpired, StepTime, nil, func(w *world) { w.view.Now += 641 })
	stop("from the future", ErrNotYet, StepTime, nil, func(w *world) { w.view.Now -= 81 })
	stop("that lives too long", ErrExpired, StepTime, func(s *Stop) { s.Expires = s.IssuedAt + StopLife + 1 })
	stop("without a clock", Applied, StepAccept, nil, func(w *world) { w.view.Trusted, w.view.Now = false, 0 })
	stop("with an expired keyset", Applied, StepAccept, nil, func(w *world) { w.keyset.Expires = noon - 1; w.hold() })
	stop("while firmware is installed, with faults", Applied, StepAccept, nil, func(w *world) { w.view.Busy, w.view.Faults = BusyInstalled, []string{"MEM_CRIT"} })
	stop("the third in ten minutes", Applied, StepAccept, nil, func(w *world) { w.view.Memory.StopTimes = []int64{w.view.Run - 500_000, w.view.Run - 1000} })
	stop("the fourth in ten minutes", ErrRate, StepCondition, nil, func(w *world) {
		w.view.Memory.StopTimes = []int64{w.view.Run - 599_999, w.view.Run - 5000, w.view.Run - 1000}
	})
	stop("the fourth in a little more", Applied, StepAccept, nil, func(w *world) {
		w.view.Memory.StopTimes = []int64{w.view.Run - 600_000, w.view.Run - 5000, w.view.Run - 1000}
	})
	stop("format 2", ErrVersion, StepDocuments, func(s *Stop) { s.V = 2 })
	stop("without a reason", ErrFormat, StepDocuments, func(s *Stop) { s.Reason = "" })
	stop("without an id", ErrFormat, StepDocuments, func(s *Stop) { s.ID = ID{} })
	stop("that ends as it begins", ErrFormat, StepDocuments, func(s *Stop) { s.Expires = s.IssuedAt })
	stop("before 1970", ErrFormat, StepDocuments, func(s *Stop) { s.IssuedAt = -1 })
	stop("after the end of time", ErrFormat, StepDocuments, func(s *Stop) { s.Expires = maxTime + 1 })
	stop("by a name that reads backwards", ErrFormat, StepDocuments, func(s *Stop) { s.Person = "\u202elime" })
	l.on("dn/stop", "with another's signature", ErrSig, StepSignatures, func(w *world) []byte { return signStop(w.stopOf(), "anna") })
	l.on("dn/stop", "signed as a release would be", ErrSig, StepSignatures, func(w *world) []byte {
		s := w.stopOf()
		b := s.Encode()
		return EncodeStop(b, authOf("emil").sign(ReleaseHash(b)))
	})
	l.on("dn/order", "where orders come", ErrFormat, StepEnvelope, func(w *world) []byte { return signStop(w.stopOf(), "emil") })
	l.on("dn/stop", "a document of more than 4 KiB", ErrSize, StepDocuments, func(w *world) []byte {
		s := w.stopOf()
		b := append(s.Encode(), make([]byte, MaxStatement)...)
		return EncodeStop(b, authOf("emil").sign(StopHash(b)))
	})
	l.on("dn/stop", "an unknown key in it", ErrFormat, StepDocuments, func(w *world) []byte {
		s := w.stopOf()
		b := s.Encode()
		b[0]++
		b = append(b, 0x18, 0x63, 0x01)
		return EncodeStop(b, authOf("emil").sign(StopHash(b)))
	})
	l.on("dn/stop", "a byte after it", ErrFormat, StepEnvelope, func(w *world) []byte { return append(signStop(w.stopOf(), "emil"), 0) })
	l.on("dn/stop", "the same again", Applied, StepReplay, func(w *world) []byte {
		b := signStop(w.stopOf(), "emil")
		w.view.Memory = w.deliverStop(b).Memory
		w.view.State.Gen, w.view.State.Run = w.view.State.Gen+1, wire.Stopped
		return b
	})
	l.on("dn/stop", "over the budget of a minute", ErrRate, StepCarrier, func(w *world) []byte {
		w.view.Budgets.Stops = Budget{Since: w.view.Mono - 1, Taken: stopBudget}
		return signStop(w.stopOf(), "emil")
	})
	l.on("dn/stop", "a flood of orders blocks no stop", Applied, StepAccept, func(w *world) []byte {
		w.view.Budgets.Orders = Budget{Since: w.view.Mono - 1, Taken: orderBudget}
		return signStop(w.stopOf(), "emil")
	})
	l.on("dn/stop", "without a keyset", ErrKeyset, StepKeyset, func(w *world) []byte {
		w.view.Keyset = Keyset{}
		return signStop(w.stopOf(), "emil")
	})
	stop("with a keyset for other sites", ErrKeyset, StepKeyset, nil, func(w *world) { w.keyset.Sites = []ID{siteB}; w.hold() })
}

func withdrawVectors(l *list) {
	l.group = "withdraw"
	target := func(w *world) Digest { p := w.prescription(ActProgram); return PrescriptionHash(p.Encode()) }
	take := func(name string, code Code, step int, change func(w *world, x *Withdraw)) {
		l.order(name, code, step, func(w *world) []byte {
			x := w.withdrawOf(target(w))
			if change != nil {
				change(w, &x)
			}
			return signWithdraw(x, x.Person)
		})
	}
	l.all = append(l.all, vector{group: "withdraw", name: "control", code: Applied, step: StepAccept, topic: "dn/order", flip: true, make: func(w *world) []byte { return signWithdraw(w.withdrawOf(target(w)), "anna") }})
	l.order("an order that was withdrawn", ErrGone, StepWithdrawn, func(w *world) []byte {
		w.view.Memory = w.deliver(signWithdraw(w.withdrawOf(target(w)), "anna")).Memory
		return w.send(ActProgram, nil)
	})
	l.order("another order than was withdrawn", Applied, StepAccept, func(w *world) []byte {
		w.view.Memory = w.deliver(signWithdraw(w.withdrawOf(Digest{1}), "anna")).Memory
		return w.send(ActProgram, nil)
	})
	take("twice, by another person", Applied, StepAccept, func(w *world, x *Withdraw) {
		w.view.Memory = w.deliver(signWithdraw(*x, "anna")).Memory
		x.Person, x.Key = "ben", idOf("ben")
	})
	l.order("the same again", Applied, StepReplay, func(w *world) []byte {
		b := signWithdraw(w.withdrawOf(target(w)), "anna")
		w.view.Memory = w.deliver(b).Memory
		return b
	})
	take("too late", ErrState, StepCondition, func(w *world, x *Withdraw) {
		w.view.Memory = w.deliver(w.send(ActProgram, nil)).Memory
	})
	take("of another pump", ErrAud, StepAddress, func(_ *world, x *Withdraw) { x.Pump[0] ^= 1 })
	take("of another epoch", ErrEpoch, StepBinding, func(_ *world, x *Withdraw) { x.Epoch++ })
	take("by who may only stop", ErrRole, StepPeople, func(_ *world, x *Withdraw) { x.Person, x.Key = "emil", idOf("emil") })
	take("by a revoked key", ErrRevoked, StepKeys, func(_ *world, x *Withdraw) { x.Person, x.Key = "gerda", idOf("gerda") })
	take("by who may release", Applied, StepAccept, func(_ *world, x *Withdraw) { x.Person, x.Key = "dora", idOf("dora") })
	take("by a verifier", Applied, StepAccept, func(_ *world, x *Withdraw) { x.Person, x.Key = "carla", idOf("carla") })
	take("from the future", ErrNotYet, StepTime, func(_ *world, x *Withdraw) { x.IssuedAt = noon + 61 })
	take("from the future, without a clock", Applied, StepAccept, func(w *world, x *Withdraw) { w.view.Trusted = false; x.IssuedAt = noon + 61 })
	take("with an expired keyset", Applied, StepAccept, func(w *world, _ *Withdraw) { w.keyset.Expires = noon - 1; w.hold() })
	take("format 3", ErrVersion, StepDocuments, func(_ *world, x *Withdraw) { x.V = 3 })
	take("without a reason", ErrFormat, StepDocuments, func(_ *world, x *Withdraw) { x.Reason = "" })
	take("before 1970", ErrFormat, StepDocuments, func(_ *world, x *Withdraw) { x.IssuedAt = -1 })
	take("by a name that reads backwards", ErrFormat, StepDocuments, func(_ *world, x *Withdraw) { x.Person = "\u202eanna" })
	l.order("with another's signature", ErrSig, StepSignatures, func(w *world) []byte { return signWithdraw(w.withdrawOf(target(w)), "ben") })
	l.order("a byte after it", ErrFormat, StepEnvelope, func(w *world) []byte { return append(signWithdraw(w.withdrawOf(target(w)), "anna"), 0) })
	l.on("dn/stop", "where stops come", ErrFormat, StepEnvelope, func(w *world) []byte { return signWithdraw(w.withdrawOf(target(w)), "anna") })
	take("no room to remember it", ErrFull, StepCondition, func(w *world, _ *Withdraw) {
		for i := range maxWithdrawn {
			w.view.Memory.Withdrawn = append(w.view.Memory.Withdrawn, Withdrawn{Prescription: Digest{byte(i + 1)}, Gen: w.view.State.Gen})
		}
	})
	take("room again after something was programmed", Applied, StepAccept, func(w *world, _ *Withdraw) {
		for i := range maxWithdrawn {
			w.view.Memory.Withdrawn = append(w.view.Memory.Withdrawn, Withdrawn{Prescription: Digest{byte(i + 1)}, Gen: w.view.State.Gen - 1})
		}
	})
}

func transferVectors(l *list) {
	l.group = "transfer"
	l.order("control", Applied, StepAccept, sent(ActTransfer, nil))
	to := func(name string, code Code, step int, change func(w *world, t *Transfer)) {
		l.order(name, code, step, func(w *world) []byte {
			return w.send(ActTransfer, func(d *draft) { change(w, d.p.Transfer) })
		})
	}
	to("to the site it is at", ErrAud, StepLibrary, func(_ *world, t *Transfer) { t.Site = siteA })
	to("with a keyset for another site", ErrKeyset, StepLibrary, func(w *world, t *Transfer) {
		t.Keyset = w.newSiteKeyset(func(k *Keyset) { k.Sites = []ID{siteA}; k.Keys[0].Sites = nil })
	})
	to("with a keyset that has expired", ErrKeyset, StepLibrary, func(w *world, t *Transfer) { t.Keyset = w.newSiteKeyset(func(k *Keyset) { k.Expires = noon }) })
	to("with a keyset that orders nothing", ErrKeyset, StepLibrary, func(w *world, t *Transfer) { t.Keyset = w.newSiteKeyset(func(k *Keyset) { k.Policies = nil }) })
	to("with a keyset that one administrator signed", ErrKeyset, StepLibrary, func(w *world, t *Transfer) {
		k := Keyset{V: 1, Version: 2, Issued: noon - day, Expires: noon + day, Origin: origin, Policies: DefaultPolicies(), Sites: []ID{siteB}}
		t.Keyset = fixedSign(TypeKeyset, k.Encode(), edKey("admin-a"))
	})
	for _, held := range []struct {
		name    string
		version uint64
		code    Code
		step    int
	}{
		{"with an older keyset than the one held, which is for that site too", 3, Applied, StepAccept},
		{"with the keyset that is held, which is for that site too", 2, Applied, StepAccept},
	} {
		l.order(held.name, held.code, held.step, func(w *world) []byte {
			w.keyset.Version, w.keyset.Sites = held.version, []ID{siteB, siteA}
			w.hold()
			return w.send(ActTransfer, nil)
		})
	}
	to("with something that is no keyset", ErrKeyset, StepLibrary, func(_ *world, t *Transfer) { t.Keyset = Bytes{0x80} })
	l.order("by one", ErrQuorum, StepQuorum, sent(ActTransfer, func(d *draft) { d.votes = votes("anna") }))

	l.order("the same again, at the new site", Applied, StepReplay, func(w *world) []byte {
		b := w.send(ActTransfer, nil)
		w.view.Memory = w.deliver(b).Memory
		w.view.Site, w.view.State.Epoch = siteB, w.view.State.Epoch+1
		return b
	})

	l.group = "transfer by the root"
	rooted := func(name string, code Code, step int, sign string, change func(w *world, p *Prescription)) {
		l.order(name, code, step, func(w *world) []byte {
			p := w.prescription(ActTransfer)
			if change != nil {
				change(w, &p)
			}
			b, err := EncodeRootTransfer(fixedSign(TypeTransfer, p.Encode(), edKey(sign)))
			if err != nil {
				panic(err)
			}
			return b
		})
	}
	rooted("control", Applied, StepAccept, "root", nil)
	l.all[len(l.all)-1].flip = true
	rooted("by an administrator", ErrSig, StepSignatures, "admin-a", nil)
	rooted("a program by the root", ErrFormat, StepDocuments, "root", func(w *world, p *Prescription) { *p = w.prescription(ActProgram) })
	rooted("format 2", ErrVersion, StepDocuments, "root", func(_ *world, p *Prescription) { p.V = 2 })
	rooted("of another pump", ErrAud, StepAddress, "root", func(_ *world, p *Prescription) { p.Pump[0] ^= 1 })
	rooted("of another epoch", ErrEpoch, StepBinding, "root", func(_ *world, p *Prescription) { p.Epoch++ })
	rooted("expired", ErrExpired, StepTime, "root", func(_ *world, p *Prescription) { p.NotBefore, p.Expires = noon-2*day, noon-61 })
	rooted("not yet", ErrNotYet, StepTime, "root", func(_ *world, p *Prescription) { p.NotBefore, p.Expires = noon+61, noon+day })
	rooted("that lives too long", ErrExpired, StepTime, "root", func(_ *world, p *Prescription) { p.Expires = p.NotBefore + 7*day + 1 })
	rooted("expired, without a clock", Applied, StepAccept, "root", func(w *world, p *Prescription) { w.view.Trusted = false; p.NotBefore, p.Expires = noon-2*day, noon-61 })
	rooted("for a state that is over", ErrCAS, StepState, "root", func(w *world, _ *Prescription) { w.view.State.Gen++ })
	rooted("to the site it is at", ErrAud, StepLibrary, "root", func(_ *world, p *Prescription) { p.Transfer.Site = siteA })
	rooted("with an older keyset than the one held, which is for that site too", Applied, StepAccept, "root", func(w *world, _ *Prescription) {
		w.keyset.Sites = []ID{siteB, siteA}
		w.hold()
	})
	rooted("while firmware is installed", ErrBusy, StepCondition, "root", func(w *world, _ *Prescription) { w.view.Busy = BusyInstalled })
	rooted("withdrawn", ErrGone, StepWithdrawn, "root", func(w *world, p *Prescription) {
		w.view.Memory.Withdrawn = []Withdrawn{{Prescription: PrescriptionHash(p.Encode()), Gen: w.view.State.Gen}}
	})
	l.order("signed as a keyset", ErrSig, StepSignatures, func(w *world) []byte {
		p := w.prescription(ActTransfer)
		b, err := EncodeRootTransfer(fixedSign(TypeKeyset, p.Encode(), edKey("root")))
		if err != nil {
			panic(err)
		}
		return b
	})
	l.order("the same again", Applied, StepReplay, func(w *world) []byte {
		p := w.prescription(ActTransfer)
		b, err := EncodeRootTransfer(fixedSign(TypeTransfer, p.Encode(), edKey("root")))
		if err != nil {
			panic(err)
		}
		w.view.Memory = w.deliver(b).Memory
		return b
	})
	l.order("with nine signatures", ErrFormat, StepEnvelope, func(w *world) []byte {
		p := w.prescription(ActTransfer)
		return encode(rooted9(p.Encode()))
	})
	l.order("a byte after it", ErrFormat, StepEnvelope, func(w *world) []byte {
		p := w.prescription(ActTransfer)
		b, err := EncodeRootTransfer(fixedSign(TypeTransfer, p.Encode(), edKey("root")))
		if err != nil {
			panic(err)
		}
		return append(b, 0)
	})
}

func rooted9(body []byte) rooted {
	r := rooted{Kind: kindTransfer, Prescription: body}
	for range maxSignatures + 1 {
		r.Sigs = append(r.Sigs, Signature{Key: []byte{1}, Sig: []byte{2}})
	}
	return r
}
