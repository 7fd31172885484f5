package order

import (
	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

func peopleVectors(l *list) {
	l.group = "people"
	by := func(name string, code Code, step int, v ...vote) {
		l.order(name, code, step, sent(ActProgram, func(d *draft) { d.votes = v }))
	}
	means := func(p string, m Meaning) vote { return vote{person: p, key: p, meaning: m} }
	l.order("control", Applied, StepAccept, sent(ActProgram, nil))
	by("three approvals where two are needed", Applied, StepAccept, votes("anna", "ben", "carla")...)
	by("one approval", ErrQuorum, StepQuorum, votes("anna")...)
	by("the same approval twice", ErrDup, StepPeople, means("anna", MeansPrescribe), means("anna", MeansPrescribe))
	by("two keys of one person", ErrDup, StepPeople, means("anna", MeansPrescribe), vote{person: "anna", key: "anna's second", meaning: MeansVerify})
	by("two verifiers and no prescriber", ErrRole, StepQuorum, means("ben", MeansVerify), means("carla", MeansVerify))
	by("a verifier who prescribes", ErrRole, StepPeople, means("carla", MeansPrescribe), means("ben", MeansVerify))
	by("a prescriber who verifies as a pharmacist", ErrRole, StepPeople, means("anna", MeansPrescribe), means("ben", MeansPharmacist))
	by("a nurse who may only release, approving", ErrRole, StepPeople, means("anna", MeansPrescribe), means("dora", MeansVerify))
	l.order("the approver releases too", Applied, StepAccept, sent(ActProgram, func(d *draft) { d.releaser = vote{person: "ben", key: "ben"} }))
	l.order("a release by who may not", ErrRole, StepPeople, sent(ActProgram, func(d *draft) { d.releaser = vote{person: "carla", key: "carla"} }))
	by("another's name on one's own key", ErrKey, StepKeys, means("anna", MeansPrescribe), vote{person: "ben", key: "carla", meaning: MeansVerify})
	by("a key that nobody has", ErrKey, StepKeys, means("anna", MeansPrescribe), vote{person: "ben", key: "nobody", meaning: MeansVerify})
	by("a key for other things", ErrKey, StepKeys, means("anna", MeansPrescribe), means("kim", MeansVerify))
	by("somebody of another site", ErrKey, StepKeys, means("anna", MeansPrescribe), means("fritz", MeansVerify))
	by("a revoked key", ErrRevoked, StepKeys, means("anna", MeansPrescribe), means("gerda", MeansVerify))
	by("a key before its life", ErrKey, StepKeys, means("anna", MeansPrescribe), means("jonas", MeansVerify))
	signedAt := func(p string, at int64) vote {
		return vote{person: p, key: p, meaning: MeansVerify, change: func(a *Approval) { a.SignedAt = at }}
	}
	by("a rotated key, for what it signed in its life", Applied, StepAccept, means("anna", MeansPrescribe), signedAt("hanna", noon-11*day))
	by("a rotated key, for what it signed later", ErrKey, StepKeys, means("anna", MeansPrescribe), signedAt("hanna", noon-9*day))
	by("a key rotated more than 31 days ago", ErrKey, StepKeys, means("anna", MeansPrescribe), signedAt("iris", noon-50*day))
	l.order("a release with a rotated key", ErrKey, StepKeys, func(w *world) []byte {
		for i := range w.keyset.Keys {
			if w.keyset.Keys[i].Person == "dora" {
				w.keyset.Keys[i].NotAfter = noon - day
			}
		}
		w.hold()
		return w.send(ActProgram, nil)
	})
	l.order("a release with a revoked key", ErrRevoked, StepKeys, func(w *world) []byte {
		w.keyset.Revoked = append(w.keyset.Revoked, idOf("dora"))
		w.keyset.SortKeys()
		w.hold()
		return w.send(ActProgram, nil)
	})
	l.order("revoked between approval and release", ErrRevoked, StepKeys, func(w *world) []byte {
		d := w.draft(ActProgram)
		w.keyset.Version, w.keyset.Revoked = 8, append(w.keyset.Revoked, idOf("ben"))
		w.keyset.SortKeys()
		w.hold()
		return w.build(d)
	})
	l.order("an approval of another prescription", ErrSig, StepStatements, sent(ActProgram, func(d *draft) {
		d.votes[1].change = func(a *Approval) { a.Prescription[0] ^= 1 }
	}))
	l.order("a release of another prescription", ErrSig, StepStatements, sent(ActProgram, func(d *draft) {
		d.release = func(r *Release) { r.Prescription[0] ^= 1 }
	}))
	l.order("a prescription edited after two had approved it", ErrSig, StepStatements, sent(ActProgram, func(d *draft) {
		d.envelope = func(e *Envelope) {
			p := d.p
			g := steady(250_000)
			p.Program = &g
			e.Prescription = p.Encode()
		}
	}))

	l.group = "quorum"
	l.order("control", Applied, StepAccept, sent(ActProgram, nil))
	three := func(d *draft) { d.votes = votes("anna", "ben", "carla") }
	l.order("the first order of an ingredient in this epoch, by two", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.view.Memory.Ordered = []Ordered{}
		return w.send(ActProgram, nil)
	})
	l.order("the first order of an ingredient in this epoch, by three", Applied, StepAccept, func(w *world) []byte {
		w.view.Memory.Ordered = []Ordered{}
		return w.send(ActProgram, three)
	})
	l.order("the first order by a route in this epoch, by two", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.view.Memory.Ordered = []Ordered{{Code: dose.Morphine, Route: dose.Epidural}}
		return w.send(ActProgram, nil)
	})
	l.order("a step above the soft limit, by two", ErrQuorum, StepQuorum, func(w *world) []byte { return w.send(ActProgram, w.softStep) })
	l.order("a step above the soft limit, by three", Applied, StepAccept, func(w *world) []byte {
		return w.send(ActProgram, func(d *draft) { w.softStep(d); three(d) })
	})
	l.order("a step above the soft limit in one ingredient of two, by two", ErrQuorum, StepQuorum, func(w *world) []byte { w.mixed(); return w.send(ActProgram, w.softStep) })
	l.order("the first order of one ingredient of two, by two", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.mixed()
		w.view.Memory.Ordered = w.view.Memory.Ordered[1:]
		return w.send(ActProgram, nil)
	})
	l.order("a step from nothing, by two", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.view.State.Program, w.view.State.Run = dose.Off(), wire.Stopped
		return w.send(ActProgram, nil)
	})
	l.order("a step from nothing, by three", Applied, StepAccept, func(w *world) []byte {
		w.view.State.Program, w.view.State.Run = dose.Off(), wire.Stopped
		return w.send(ActProgram, three)
	})
	alone := func(v units.Volume) func(w *world) func(*draft) {
		return func(w *world) func(*draft) {
			return func(d *draft) {
				g := steady(v)
				d.p.Program = &g
				w.check(&d.p)
				d.votes = []vote{{person: "anna", key: "anna", meaning: MeansPolicy}}
			}
		}
	}
	l.order("a decrease within the fallback band, by one", Applied, StepAccept, func(w *world) []byte { return w.send(ActProgram, alone(160_000)(w)) })
	l.order("a decrease beyond the fallback band, by one", ErrQuorum, StepQuorum, func(w *world) []byte { return w.send(ActProgram, alone(159_000)(w)) })
	l.order("no change at all, by one", ErrQuorum, StepQuorum, func(w *world) []byte { return w.send(ActProgram, alone(200_000)(w)) })
	l.order("a decrease with more in the morning, by one", ErrQuorum, StepQuorum, func(w *world) []byte {
		return w.send(ActProgram, func(d *draft) {
			alone(190_000)(w)(d)
			d.p.Program = &dose.Program{Mode: dose.FlexDay, Cycle: units.Day, Segments: []dose.Segment{{Duration: 3600, Volume: 20_000}, {Offset: 3600, Duration: 82_800, Volume: 170_000}}}
			w.check(&d.p)
		})
	})
	l.order("an increase, by one", ErrQuorum, StepQuorum, func(w *world) []byte { return w.send(ActProgram, alone(200_100)(w)) })
	l.order("a decrease where the library has no band, by one", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.library.Drugs[0].Fallback = 0
		w.hold()
		return w.send(ActProgram, alone(190_000)(w))
	})
	l.order("a decrease that starts a stopped pump, by one", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.view.State.Run = wire.Stopped
		return w.send(ActProgram, alone(190_000)(w))
	})
	l.order("a decrease of a program that is not the platform's, by one", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.view.Foreign = true
		return w.send(ActProgram, alone(190_000)(w))
	})
	l.order("a smaller day with a worse worst day, by one", ErrQuorum, StepQuorum, func(w *world) []byte {
		return w.send(ActProgram, func(d *draft) {
			alone(180_000)(w)(d)
			d.p.Program.PTM = &dose.PTM{Volume: 30_000, Duration: 600, Lockout: 7200, Max24h: 1}
			w.check(&d.p)
		})
	})
	l.order("a worst day that falls beyond the fallback band, by one", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.view.State.Program.PTM = &dose.PTM{Volume: 30_000, Duration: 600, Lockout: 7200, Max24h: 4}
		return w.send(ActProgram, alone(190_000)(w))
	})
	l.order("a mean day that falls beyond the fallback band, by one", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.view.State.Program.PTM = &dose.PTM{Volume: 30_000, Duration: 600, Lockout: 7200, Max24h: 1}
		return w.send(ActProgram, func(d *draft) {
			alone(140_000)(w)(d)
			d.p.Program.PTM = &dose.PTM{Volume: 30_000, Duration: 600, Lockout: 7200, Max24h: 2}
			w.check(&d.p)
		})
	})
	l.order("the first order of one ingredient, after another's", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.view.Memory.Ordered = []Ordered{{Code: dose.Clonidine, Route: dose.Intrathecal}}
		return w.send(ActProgram, nil)
	})
	l.order("alarm settings, by one", ErrQuorum, StepQuorum, sent(ActSettings, func(d *draft) { d.votes = votes("anna") }))
	l.order("a keyset without policies", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.keyset.Policies = nil
		w.hold()
		return w.send(ActProgram, nil)
	})
	l.order("a policy of three for programs", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.keyset.Policies = append(w.keyset.Policies, Policy{Act: ActProgram, Class: ClassTwo, People: 3})
		w.keyset.SortKeys()
		w.hold()
		return w.send(ActProgram, nil)
	})
	l.order("a policy of three for programs, and a settings order by two", Applied, StepAccept, func(w *world) []byte {
		w.keyset.Policies = append(w.keyset.Policies, Policy{Act: ActProgram, Class: ClassTwo, People: 3})
		w.keyset.SortKeys()
		w.hold()
		return w.send(ActSettings, nil)
	})
	l.order("a policy that wants a pharmacist", ErrRole, StepQuorum, func(w *world) []byte {
		w.keyset.Policies = append(w.keyset.Policies, Policy{Act: ActProgram, Class: ClassTwo, People: 2, Meanings: []Meaning{MeansPrescribe, MeansPharmacist}})
		w.keyset.SortKeys()
		w.hold()
		return w.send(ActProgram, nil)
	})
	l.order("a policy that wants a pharmacist, who is there", Applied, StepAccept, func(w *world) []byte {
		w.keyset.Policies = append(w.keyset.Policies, Policy{Act: ActProgram, Class: ClassTwo, People: 2, Meanings: []Meaning{MeansPrescribe, MeansPharmacist}})
		w.keyset.SortKeys()
		w.hold()
		return w.send(ActProgram, func(d *draft) {
			d.votes[1] = vote{person: "carla", key: "carla", meaning: MeansPharmacist}
		})
	})
}

// softStep makes a draft a step of 45 %.
func (w *world) softStep(d *draft) {
	g := steady(290_000)
	d.p.Program, d.p.Flags = &g, []Flag{{Code: FlagSoftStep, Reason: "pain crisis, watched on the ward"}}
	w.check(&d.p)
}

func keysetVectors(l *list) {
	l.group = "keyset"
	l.order("control", Applied, StepAccept, sent(ActProgram, nil))
	l.order("no keyset", ErrKeyset, StepKeyset, func(w *world) []byte {
		b := w.send(ActProgram, nil)
		w.view.Keyset = Keyset{}
		return b
	})
	l.order("no keyset, and none is asked for", ErrKeyset, StepKeyset, func(w *world) []byte {
		b := w.send(ActClock, func(d *draft) { d.p.Keyset, d.release = 0, func(r *Release) { r.Keyset = 0 } })
		w.view.Keyset = Keyset{}
		return b
	})
	l.order("the prescription needs a newer keyset", ErrKeyset, StepKeyset, sent(ActProgram, func(d *draft) { d.p.Keyset = 8 }))
	l.order("an older keyset is withheld: the release names the newest", ErrKeyset, StepKeyset, sent(ActProgram, func(d *draft) { d.release = func(r *Release) { r.Keyset = 8 } }))
	l.order("a release that names an older keyset", Applied, StepAccept, sent(ActProgram, func(d *draft) { d.release = func(r *Release) { r.Keyset = 6 } }))
	l.order("a keyset for other sites", ErrKeyset, StepKeyset, func(w *world) []byte {
		w.keyset.Sites = []ID{siteB}
		w.hold()
		return w.send(ActProgram, nil)
	})
	l.order("a keyset for every site", Applied, StepAccept, func(w *world) []byte {
		w.keyset.Sites = nil
		w.hold()
		return w.send(ActProgram, nil)
	})
	l.order("a key for every site of its keyset", Applied, StepAccept, func(w *world) []byte {
		for i := range w.keyset.Keys {
			w.keyset.Keys[i].Sites = nil
		}
		w.hold()
		return w.send(ActProgram, nil)
	})
	l.order("a key with fewer roles at another site", Applied, StepAccept, func(w *world) []byte {
		w.keyset.again("ben", siteB, RoleStop)
		w.hold()
		return w.send(ActProgram, nil)
	})
	l.order("a key with more roles at another site", ErrRole, StepPeople, func(w *world) []byte {
		w.keyset.only("ben", siteB)
		w.keyset.again("ben", siteA, RoleStop)
		w.hold()
		return w.send(ActProgram, nil)
	})
	l.order("a key with roles at two other sites", ErrKey, StepKeys, func(w *world) []byte {
		w.keyset.only("ben", siteB)
		w.keyset.again("ben", ID{9}, RoleStop)
		w.hold()
		return w.send(ActProgram, nil)
	})
	l.order("a key with an origin of its own", ErrSig, StepSignatures, func(w *world) []byte {
		for i := range w.keyset.Keys {
			if w.keyset.Keys[i].Person == "ben" {
				w.keyset.Keys[i].Origin = "https://signer.example.org"
			}
		}
		w.hold()
		return w.send(ActProgram, nil)
	})
	expire := func(w *world) { w.keyset.Expires = noon; w.hold() }
	l.order("expired", ErrKeyset, StepKeyset, func(w *world) []byte { expire(w); return w.send(ActProgram, nil) })
	l.order("expires in a second", Applied, StepAccept, func(w *world) []byte {
		w.keyset.Expires = noon + 1
		w.hold()
		return w.send(ActProgram, nil)
	})
	l.order("expired, and a clock order", Applied, StepAccept, func(w *world) []byte { expire(w); return w.send(ActClock, nil) })
	stopped := func(w *world) {
		expire(w)
		w.view.State.Run = wire.Stopped
		w.view.Memory.Own = &OwnStop{Person: "anna", Run: w.view.Run - 60_000, Gen: w.view.State.Gen}
	}
	l.order("expired, and two people resume", Applied, StepAccept, func(w *world) []byte { stopped(w); return w.send(ActResume, nil) })
	l.order("expired, and one undoes their own stop", ErrQuorum, StepQuorum, func(w *world) []byte {
		stopped(w)
		return w.send(ActResume, func(d *draft) { d.votes = []vote{{person: "anna", key: "anna", meaning: MeansPolicy}} })
	})
	untrusted := func(w *world, age int64) {
		w.view.Trusted, w.view.Now = false, noon-3000*day
		w.view.Run = 20_000_000_000
		w.view.Memory.KeysetAt = w.view.Run - age
	}
	l.order("no clock, and a keyset that ran for 90 days", Applied, StepAccept, func(w *world) []byte {
		untrusted(w, 90*day*1000)
		return w.send(ActProgram, nil)
	})
	l.order("no clock, and a keyset that ran for longer", ErrKeyset, StepKeyset, func(w *world) []byte {
		untrusted(w, 90*day*1000+1)
		return w.send(ActProgram, nil)
	})
}

func freshVectors(l *list) {
	l.group = "fresh"
	l.order("control", Applied, StepAccept, sent(ActProgram, nil))
	l.order("the same release again", Applied, StepReplay, func(w *world) []byte {
		b := w.send(ActProgram, nil)
		w.view.Memory = w.deliver(b).Memory
		return b
	})
	l.order("a refused release again, when it would be accepted", ErrBusy, StepReplay, func(w *world) []byte {
		b := w.send(ActProgram, nil)
		w.view.Busy = BusyBolus
		w.view.Memory = w.deliver(b).Memory
		w.view.Busy = Idle
		return b
	})
	l.order("a retry of a refused one, by a new release", Applied, StepAccept, func(w *world) []byte {
		d := w.draft(ActProgram)
		w.view.Busy = BusyBolus
		w.view.Memory = w.deliver(w.build(d)).Memory
		w.view.Busy = Idle
		return w.build(d)
	})
	ctr := func(name string, code Code, step int, c uint64) {
		l.order(name, code, step, sent(ActProgram, func(d *draft) { d.release = func(r *Release) { r.Counter = c } }))
	}
	ctr("the last counter", ErrCounter, StepCounter, 100)
	ctr("the counter before", ErrCounter, StepCounter, 99)
	ctr("1,024 ahead", Applied, StepAccept, 1124)
	ctr("1,025 ahead", ErrCounter, StepCounter, 1125)
	ctr("the largest number", ErrCounter, StepCounter, 1<<64-1)
	l.order("the last counter of all", Applied, StepAccept, func(w *world) []byte {
		w.view.Memory.Counter = MaxCounter - 1
		return w.send(ActProgram, nil)
	})
	l.order("no counter left", ErrCounter, StepCounter, func(w *world) []byte {
		w.view.Memory.Counter = MaxCounter
		return w.send(ActProgram, nil)
	})
	window := func(name string, code Code, step int, change func(*world) ID) {
		l.order(name, code, step, func(w *world) []byte {
			nonce := change(w)
			return w.send(ActProgram, func(d *draft) { d.release = func(r *Release) { r.Window = nonce } })
		})
	}
	window("the window before", Applied, StepAccept, func(w *world) ID { return w.view.Windows[2].Nonce })
	window("the window before that", ErrWindow, StepWindow, func(w *world) ID { return w.view.Windows[1].Nonce })
	window("another pump's window", ErrWindow, StepWindow, func(*world) ID { return id16("another pump's") })
	window("a window from before the boot", ErrWindow, StepWindow, func(w *world) ID {
		nonce := w.view.Windows.Current()
		w.view.Mono, w.view.Windows = 1000, Windows{}.Renew(id16("after boot"), 0)
		return nonce
	})
	window("no window at all", ErrWindow, StepWindow, func(w *world) ID {
		nonce := w.view.Windows.Current()
		w.view.Windows = Windows{}
		return nonce
	})
	window("a window of half an hour ago", Applied, StepAccept, func(w *world) ID {
		w.view.Mono = w.view.Windows[3].Born + 2*WindowLife
		return w.view.Windows.Current()
	})
	window("a window that was never renewed", ErrWindow, StepWindow, func(w *world) ID {
		w.view.Mono = w.view.Windows[3].Born + 2*WindowLife + 1
		return w.view.Windows.Current()
	})
	window("a window that is yet to come", ErrWindow, StepWindow, func(w *world) ID {
		w.view.Mono = w.view.Windows[3].Born - 1
		return w.view.Windows.Current()
	})
}

func clockVectors(l *list) {
	l.group = "time"
	l.order("control", Applied, StepAccept, sent(ActProgram, nil))
	release := func(name string, code Code, from, until int64) {
		step := StepTime
		if code == Applied {
			step = StepAccept
		}
		l.order(name, code, step, sent(ActProgram, func(d *draft) { d.release = func(r *Release) { r.IssuedAt, r.Expires = noon+from, noon+until } }))
	}
	release("a release of 15 minutes", Applied, -30, 870)
	release("a release of 15 minutes and a second", ErrExpired, -30, 871)
	release("a release that ended a minute ago", Applied, -660, -60)
	release("a release that ended longer ago", ErrExpired, -661, -61)
	release("a release from a minute ahead", Applied, 60, 600)
	release("a release from further ahead", ErrNotYet, 61, 600)
	l.order("held back for six hours", ErrExpired, StepTime, func(w *world) []byte {
		b := w.send(ActProgram, nil)
		w.view.Now += 6 * 3600
		return b
	})
	life := func(name string, a Act, code Code, from, until int64) {
		step := StepTime
		if code == Applied {
			step = StepAccept
		}
		l.order(name, code, step, sent(a, func(d *draft) { d.p.NotBefore, d.p.Expires = noon+from, noon+until }))
	}
	life("a prescription of seven days", ActProgram, Applied, -day, 6*day)
	life("a prescription of seven days and a second", ActProgram, ErrExpired, -day, 6*day+1)
	life("a visit of 30 days", ActVisit, Applied, -day, 29*day)
	life("a visit of 30 days and a second", ActVisit, ErrExpired, -day, 29*day+1)
	life("a bolus of 15 minutes", ActBolus, Applied, -300, 600)
	life("a bolus of 15 minutes and a second", ActBolus, ErrExpired, -300, 601)
	life("a prescription that ended a minute ago", ActProgram, Applied, -day, -60)
	life("a prescription that ended longer ago", ActProgram, ErrExpired, -day, -61)
	life("a prescription that begins in a minute", ActProgram, Applied, 60, day)
	life("a prescription that begins later", ActProgram, ErrNotYet, 61, day)
	l.order("an approval signed after its release", ErrNotYet, StepTime, sent(ActProgram, func(d *draft) {
		d.votes[1].change = func(a *Approval) { a.SignedAt = noon + 31 }
	}))
	l.order("an approval signed within a minute of its release", Applied, StepAccept, sent(ActProgram, func(d *draft) {
		d.votes[1].change = func(a *Approval) { a.SignedAt = noon + 30 }
	}))

	l.group = "no clock"
	lost := func(w *world) { w.view.Trusted, w.view.Now = false, 1 }
	l.order("control", Applied, StepAccept, func(w *world) []byte { lost(w); return w.send(ActProgram, nil) })
	l.order("and a window that is over", ErrWindow, StepWindow, func(w *world) []byte {
		lost(w)
		return w.send(ActProgram, func(d *draft) { d.release = func(r *Release) { r.Window = id16("w1") } })
	})
	l.order("and a prescription that had expired when it was released", ErrExpired, StepTime, func(w *world) []byte {
		lost(w)
		return w.send(ActProgram, func(d *draft) { d.p.NotBefore, d.p.Expires = noon-3*day, noon-91 })
	})
	l.order("and a prescription that had not begun when it was released", ErrNotYet, StepTime, func(w *world) []byte {
		lost(w)
		return w.send(ActProgram, func(d *draft) { d.p.NotBefore, d.p.Expires = noon+31, noon+day })
	})

	l.group = "clock order"
	l.order("control", Applied, StepAccept, sent(ActClock, nil))
	l.order("a clock that is a year behind", Applied, StepAccept, func(w *world) []byte { w.view.Now -= 365 * day; return w.send(ActClock, nil) })
	l.order("a clock that is a year ahead", Applied, StepAccept, func(w *world) []byte { w.view.Now += 365 * day; return w.send(ActClock, nil) })
	l.order("a program, and a clock that is a year behind", ErrNotYet, StepTime, func(w *world) []byte { w.view.Now -= 365 * day; return w.send(ActProgram, nil) })
	l.order("by one", ErrQuorum, StepQuorum, sent(ActClock, func(d *draft) { d.votes = votes("anna") }))
	l.order("released years after it was prescribed", ErrExpired, StepTime, sent(ActClock, func(d *draft) {
		d.release = func(r *Release) { r.IssuedAt, r.Expires = noon+90*day, noon+90*day+600 }
	}))
	l.order("for a state that is over", ErrCAS, StepState, func(w *world) []byte {
		b := w.send(ActClock, nil)
		w.view.State.Gen++
		return b
	})
	l.order("while a bolus runs", ErrBusy, StepCondition, func(w *world) []byte { w.view.Busy = BusyBolus; return w.send(ActClock, nil) })
}

func stateVectors(l *list) {
	l.group = "state"
	l.order("control", Applied, StepAccept, sent(ActProgram, nil))
	after := func(name string, change func(*State)) {
		l.order(name, ErrCAS, StepState, func(w *world) []byte {
			b := w.send(ActProgram, nil)
			change(&w.view.State)
			return b
		})
	}
	after("a local change after it was signed", func(s *State) { s.Gen++ })
	after("stopped after it was signed", func(s *State) { s.Run = wire.Stopped })
	after("another program", func(s *State) { s.Program = steady(200_001) })
	after("other contents", func(s *State) { s.Contents = morphine(11 * mgML) })
	after("another primary ingredient", func(s *State) {
		s.Contents.Ingredients = append(s.Contents.Ingredients, dose.Ingredient{Code: dose.Clonidine, Conc: 1000})
	})
	after("another route", func(s *State) { s.Contents.Route = dose.Epidural })
	after("other alarm settings", func(s *State) { s.Settings.Low++ })
	after("other firmware", func(s *State) { s.Firmware = "2.1.1" })
	l.order("a patient's bolus between approval and release", Applied, StepAccept, func(w *world) []byte {
		b := w.send(ActProgram, nil)
		w.view.Day, w.view.Hour, w.view.Volume = 230_000, 38_334, 11_970_000
		return b
	})
	l.order("another order was applied first", ErrCAS, StepState, func(w *world) []byte {
		a, b := w.draft(ActProgram), w.draft(ActSettings)
		w.view.Memory = w.deliver(w.build(b)).Memory
		w.view.State.Gen++
		w.view.State.Settings = *b.p.Settings
		return w.build(a)
	})
}
