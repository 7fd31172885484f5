package order

import (
	"bytes"
	"encoding/base64"
	"math/big"
	"slices"

	"cisterna/device/dose"
	"cisterna/device/units"
)

// vector is one case of the corpus before it is signed.
type vector struct {
	group, name string
	code        Code
	step        int
	topic       string
	retained    bool
	flip        bool
	make        func(w *world) []byte
}

// list collects vectors.
type list struct {
	group string
	all   []vector
}

func (l *list) order(name string, code Code, step int, make func(w *world) []byte) {
	l.all = append(l.all, vector{group: l.group, name: name, code: code, step: step, topic: "dn/order", make: make})
}

func (l *list) on(topic, name string, code Code, step int, make func(w *world) []byte) {
	l.all = append(l.all, vector{group: l.group, name: name, code: code, step: step, topic: topic, make: make})
}

// send signs an order of an act, after a change.
func (w *world) send(a Act, change func(*draft)) []byte {
	d := w.draft(a)
	if change != nil {
		change(d)
	}
	return w.build(d)
}

// sent is send as a vector's make.
func sent(a Act, change func(*draft)) func(*world) []byte {
	return func(w *world) []byte { return w.send(a, change) }
}

// allVectors is the corpus.
func allVectors() []vector {
	l := &list{}
	for _, add := range []func(*list){
		formVectors, addressVectors, passkeyVectors, peopleVectors, keysetVectors, freshVectors, clockVectors, stateVectors, libraryVectors, numberVectors,
		limitVectors, stepVectors, bridgeVectors, visitVectors, onceVectors, lifeVectors, conditionVectors, stopVectors, withdrawVectors, transferVectors, documentVectors, edgeVectors, pathVectors,
	} {
		add(l)
	}
	return l.all
}

// splice changes the encoding of a program order: the first place where from
// stands becomes to, and everything is signed as if it were right.
func splice(from, to []byte) func(*world) []byte {
	return func(w *world) []byte {
		d := w.draft(ActProgram)
		body := d.p.Encode()
		i := bytes.Index(body, from)
		if i < 0 {
			panic("nothing to change")
		}
		d.raw = slices.Concat(body[:i], to, body[i+len(from):])
		return w.build(d)
	}
}

// raw signs other bytes instead of a prescription.
func rawBody(change func(body []byte) []byte) func(*world) []byte {
	return func(w *world) []byte {
		d := w.draft(ActProgram)
		d.raw = change(d.p.Encode())
		return w.build(d)
	}
}

func formVectors(l *list) {
	l.group = "form"
	l.all = append(l.all, vector{group: "form", name: "a program, for two people", code: Applied, step: StepAccept, topic: "dn/order", flip: true, make: sent(ActProgram, nil)})
	l.order("nothing at all", ErrFormat, StepEnvelope, func(*world) []byte { return nil })
	l.order("an empty array", ErrFormat, StepEnvelope, func(*world) []byte { return []byte{0x80} })
	l.order("an unknown kind of envelope", ErrFormat, StepEnvelope, func(w *world) []byte {
		b := w.send(ActProgram, nil)
		b[1] = 9
		return b
	})
	l.order("an array that ends early", ErrFormat, StepEnvelope, func(w *world) []byte {
		b := w.send(ActProgram, nil)
		return b[:len(b)-1]
	})
	l.order("a byte after the envelope", ErrFormat, StepEnvelope, func(w *world) []byte { return append(w.send(ActProgram, nil), 0) })
	l.order("an envelope of more than 16 KiB", ErrSize, StepCarrier, func(w *world) []byte { return append(w.send(ActProgram, nil), make([]byte, MaxEnvelope)...) })
	l.all = append(l.all, vector{group: "form", name: "kept by the broker", code: ErrRetain, step: StepCarrier, topic: "dn/order", retained: true, make: sent(ActProgram, nil)})
	l.order("over the budget of a minute", ErrRate, StepCarrier, func(w *world) []byte {
		w.view.Budgets.Orders = Budget{Since: w.view.Mono - 1000, Taken: orderBudget}
		return w.send(ActProgram, nil)
	})
	l.order("the last of the budget", Applied, StepAccept, func(w *world) []byte {
		w.view.Budgets.Orders = Budget{Since: w.view.Mono - 1000, Taken: orderBudget - 1}
		return w.send(ActProgram, nil)
	})
	l.order("a full budget of the minute before", Applied, StepAccept, func(w *world) []byte {
		w.view.Budgets.Orders = Budget{Since: w.view.Mono - budgetSpan, Taken: orderBudget}
		return w.send(ActProgram, nil)
	})
	l.on("dn/stop", "an order where stops come", ErrFormat, StepEnvelope, sent(ActProgram, nil))
	l.order("no approvals", ErrFormat, StepEnvelope, sent(ActProgram, func(d *draft) { d.votes = nil }))
	l.order("six approvals", ErrFormat, StepEnvelope, sent(ActProgram, func(d *draft) { d.votes = votes("anna", "ben", "carla", "hanna", "fritz", "dora") }))
	l.order("a key of one's own inside the envelope", ErrFormat, StepEnvelope, func(w *world) []byte {
		b := w.send(ActProgram, nil)
		b[0] = 0x86
		return append(b, append([]byte{0x58, 65}, make([]byte, 65)...)...)
	})

	segments := []byte{0x83, 0x00, 0x1a, 0x00, 0x01, 0x51, 0x80, 0x1a, 0x00, 0x03, 0xa9, 0x80} // [0, 86400, 240000]
	l.order("a map of indefinite length", ErrFormat, StepDocuments, rawBody(func(b []byte) []byte { return append(append([]byte{0xbf}, b[2:]...), 0xff) }))
	l.order("a key twice", ErrFormat, StepDocuments, rawBody(func(b []byte) []byte { b[1]++; return slices.Concat(b[:2], []byte{0x01, 0x01}, b[2:]) }))
	l.order("an unknown key", ErrFormat, StepDocuments, rawBody(func(b []byte) []byte { b[1]++; return append(b, 0x18, 0x63, 0x01) }))
	l.order("keys out of order", ErrFormat, StepDocuments, splice([]byte{0x01, 0x01, 0x02, 0x01, 0x03}, []byte{0x02, 0x01, 0x01, 0x01, 0x03}))
	l.order("a number longer than it must be", ErrFormat, StepDocuments, splice([]byte{0x01, 0x01, 0x02, 0x01, 0x03}, []byte{0x01, 0x18, 0x01, 0x02, 0x01, 0x03}))
	l.order("a volume with a fraction", ErrFormat, StepDocuments, splice(segments, slices.Concat(segments[:7], []byte{0xf9, 0x3e, 0x00})))
	l.order("a whole volume as a float", ErrFormat, StepDocuments, splice(segments, slices.Concat(segments[:7], []byte{0xf9, 0x3c, 0x00})))
	l.order("a volume below zero", ErrFormat, StepDocuments, splice(segments, slices.Concat(segments[:7], []byte{0x20})))
	l.order("null instead of a program", ErrFormat, StepDocuments, splice(slices.Concat([]byte{0x13, 0xa3, 0x01, 0x03, 0x02, 0x1a, 0x00, 0x01, 0x51, 0x80, 0x03, 0x81}, segments), []byte{0x13, 0xf6}))
	l.order("a tag around a time", ErrFormat, StepDocuments, splice([]byte{0x0a, 0x1a}, []byte{0x0a, 0xc0, 0x1a}))
	l.order("text where bytes belong", ErrFormat, StepDocuments, splice([]byte{0x03, 0x50}, []byte{0x03, 0x70}))
	l.order("a trailing byte", ErrFormat, StepDocuments, rawBody(func(b []byte) []byte { return append(b, 0x00) }))
	l.order("nested seven deep", ErrFormat, StepDocuments, splice(slices.Clone(segments[7:]), []byte{0x81, 0x81, 0x81, 0x81, 0x00}))
	l.order("a prescription of more than 8 KiB", ErrSize, StepDocuments, rawBody(func(b []byte) []byte { return append(b, make([]byte, MaxPrescription)...) }))
	l.order("a release of more than 4 KiB", ErrSize, StepDocuments, sent(ActProgram, func(d *draft) {
		d.rawR = func(b []byte) []byte { return append(b, make([]byte, MaxStatement)...) }
	}))
	l.order("a release with an unknown key", ErrFormat, StepDocuments, sent(ActProgram, func(d *draft) {
		d.rawR = func(b []byte) []byte { b[0]++; return append(b, 0x18, 0x63, 0x01) }
	}))
	l.order("an approval with another spelling", ErrFormat, StepDocuments, sent(ActProgram, func(d *draft) {
		d.envelope = func(e *Envelope) {
			s := &e.Approvals[0].Statement
			*s = slices.Concat((*s)[:2], []byte{0x18, 0x01}, (*s)[3:])
		}
	}))

	program := func(name string, code Code, change func(*Prescription)) {
		l.order(name, code, StepDocuments, sent(ActProgram, func(d *draft) { change(&d.p) }))
	}
	program("prescription format 0", ErrVersion, func(p *Prescription) { p.V = 0 })
	program("prescription format 2", ErrVersion, func(p *Prescription) { p.V = 2 })
	program("an unknown act", ErrFormat, func(p *Prescription) { p.Act = 12 })
	l.order("an unknown act with nothing to it", ErrFormat, StepDocuments, sent(ActBind, func(d *draft) { d.p.Act = 12 }))
	program("check numbers of no ingredient", ErrFormat, func(p *Prescription) { p.Checks = []Check{{Code: 0}} })
	program("a flag of nothing", ErrFormat, func(p *Prescription) { p.Flags = []Flag{{Code: 0, Reason: "x"}} })
	program("no act", ErrFormat, func(p *Prescription) { p.Act = 0 })
	program("no check numbers", ErrFormat, func(p *Prescription) { p.Checks = nil })
	program("no library", ErrFormat, func(p *Prescription) { p.Library = nil })
	program("no group", ErrFormat, func(p *Prescription) { p.Group = 0 })
	program("an unknown group", ErrFormat, func(p *Prescription) { p.Group = 6 })
	program("a bolus beside the program", ErrFormat, func(p *Prescription) { p.Dose = &dose.Dose{Volume: 10_000, Duration: 600} })
	program("no id", ErrFormat, func(p *Prescription) { p.ID = ID{} })
	program("no patient", ErrFormat, func(p *Prescription) { p.Patient = ID{} })
	program("no serial", ErrFormat, func(p *Prescription) { p.Serial = "" })
	program("a serial of 65 bytes", ErrFormat, func(p *Prescription) { p.Serial = string(bytes.Repeat([]byte("1"), 65)) })
	program("a reason of 201 bytes", ErrFormat, func(p *Prescription) { p.Reason = string(bytes.Repeat([]byte("x"), 201)) })
	program("a reason that turns the direction of writing", ErrFormat, func(p *Prescription) { p.Reason = "2.0\u202e0.2 mg" })
	program("a reason with a zero byte", ErrFormat, func(p *Prescription) { p.Reason = "a\x00b" })
	program("a reason with an invisible space", ErrFormat, func(p *Prescription) { p.Reason = "1\u200b0 mg" })
	program("a reason with a combining mark", ErrFormat, func(p *Prescription) { p.Reason = "Schmerz u\u0308ber" })
	program("expires before it begins", ErrFormat, func(p *Prescription) { p.Expires = p.NotBefore })
	program("begins before 1970", ErrFormat, func(p *Prescription) { p.NotBefore = -1 })
	program("expires after the end of time", ErrFormat, func(p *Prescription) { p.Expires = 1<<40 + 1 })
	program("an epoch beyond counting", ErrFormat, func(p *Prescription) { p.Epoch = 1 << 53 })
	program("a keyset beyond counting", ErrFormat, func(p *Prescription) { p.Keyset = 1 << 53 })
	program("an unknown flag", ErrFormat, func(p *Prescription) { p.Flags = []Flag{{Code: 3, Reason: "x"}} })
	program("flags out of order", ErrFormat, func(p *Prescription) { p.Flags = []Flag{{Code: 2, Reason: "x"}, {Code: 1, Reason: "x"}} })
	program("a flag without a reason", ErrFormat, func(p *Prescription) { p.Flags = []Flag{{Code: 1}} })
	program("segments that overlap", ErrFormat, func(p *Prescription) {
		p.Program.Mode, p.Program.Segments = dose.FlexDay, []dose.Segment{{Duration: 50_000, Volume: 120_000}, {Offset: 40_000, Duration: 46_400, Volume: 120_000}}
	})
	program("segments that leave a gap", ErrFormat, func(p *Prescription) {
		p.Program.Mode, p.Program.Segments = dose.FlexDay, []dose.Segment{{Duration: 40_000, Volume: 120_000}, {Offset: 43_200, Duration: 43_200, Volume: 120_000}}
	})
	program("segments that end too early", ErrFormat, func(p *Prescription) { p.Program.Segments[0].Duration = 86_000 })
	program("49 segments a day", ErrFormat, func(p *Prescription) {
		p.Program.Mode, p.Program.Segments = dose.FlexDay, nil
		for i := range 48 {
			p.Program.Segments = append(p.Program.Segments, dose.Segment{Offset: units.Seconds(i) * 1800, Duration: 1800, Volume: 5_000})
		}
		p.Program.Segments[47].Duration = 900
		p.Program.Segments = append(p.Program.Segments, dose.Segment{Offset: 47*1800 + 900, Duration: 900, Volume: 5_000})
	})
	program("a program that stops", ErrFormat, func(p *Prescription) { off := dose.Off(); p.Program = &off })
	program("ingredients out of order", ErrFormat, func(p *Prescription) {
		c := *p.Contents
		c.Ingredients = []dose.Ingredient{{Code: dose.Clonidine, Conc: 1000}, {Code: dose.Morphine, Conc: 10 * mgML}}
		p.Contents = &c
	})
	program("seven ingredients", ErrFormat, func(p *Prescription) {
		c := *p.Contents
		c.Ingredients = nil
		for i := range 7 {
			c.Ingredients = append(c.Ingredients, dose.Ingredient{Code: dose.Code(i + 1), Conc: 1000})
		}
		p.Contents = &c
	})
	program("limits whose hour passes their day", ErrFormat, func(p *Prescription) {
		x := morphineLimits()
		x.Ingredients[0].Max1h = 16 * mgMass
		p.Limits = &x
	})
	program("check numbers out of order", ErrFormat, func(p *Prescription) { p.Checks = []Check{{Code: 2}, {Code: 1}} })
	program("a check number below zero", ErrFormat, func(p *Prescription) { p.Checks = []Check{{Code: 1, Day: -1}} })
	program("a check number beyond any dose", ErrFormat, func(p *Prescription) { p.Checks = []Check{{Code: 1, Worst: maxMass + 1}} })
	program("thirteen check numbers", ErrFormat, func(p *Prescription) {
		p.Checks = nil
		for i := range 13 {
			p.Checks = append(p.Checks, Check{Code: dose.Code(i + 1)})
		}
	})
	program("a bridge of nothing", ErrFormat, func(p *Prescription) { p.Bridge = &dose.Dose{Duration: 600} })
	l.order("a dose without end", ErrFormat, StepDocuments, sent(ActPrime, func(d *draft) { d.p.Dose.Duration = dose.MaxDuration + 1 }))
	l.order("alarm settings beyond any reservoir", ErrFormat, StepDocuments, sent(ActSettings, func(d *draft) { d.p.Settings.Low = dose.MaxVolume + 1 }))
	l.order("alarm settings below zero", ErrFormat, StepDocuments, sent(ActSettings, func(d *draft) { d.p.Settings.Low = -1 }))
	l.order("alarm settings with 32 denied requests", ErrFormat, StepDocuments, sent(ActSettings, func(d *draft) { d.p.Settings.PTMDenied = 32 }))
	l.order("an erase that leaves a program", ErrFormat, StepDocuments, sent(ActErase, func(d *draft) { g := steady(100_000); d.p.Program = &g }))
	l.order("an erase that leaves patient boluses", ErrFormat, StepDocuments, sent(ActErase, func(d *draft) {
		g := dose.Idle()
		g.PTM = &dose.PTM{Volume: 10_000, Duration: 600, Lockout: 3600, Max24h: 2}
		d.p.Program = &g
	}))
	l.order("a bind with a program", ErrFormat, StepDocuments, sent(ActBind, func(d *draft) { g := steady(100_000); d.p.Program = &g }))
	l.order("an adopt of no volume", ErrFormat, StepDocuments, func(w *world) []byte {
		w.view.Foreign = true
		return w.send(ActAdopt, func(d *draft) { d.p.Volume = 0 })
	})
	l.order("an adopt of a volume below zero", ErrFormat, StepDocuments, func(w *world) []byte {
		w.view.Foreign = true
		return w.send(ActAdopt, func(d *draft) { d.p.Volume = -5 })
	})
	l.order("an adopt of a volume beyond any reservoir", ErrFormat, StepDocuments, func(w *world) []byte {
		w.view.Foreign = true
		return w.send(ActAdopt, func(d *draft) { d.p.Volume = dose.MaxVolume + 1 })
	})
	l.order("a zone beyond the date line", ErrFormat, StepDocuments, sent(ActClock, func(d *draft) { z := int32(14*3600 + 1); d.p.Zone = &z }))
	l.order("a zone beyond the date line, westwards", ErrFormat, StepDocuments, sent(ActClock, func(d *draft) { z := int32(-14*3600 - 1); d.p.Zone = &z }))
	l.order("a transfer to nowhere", ErrFormat, StepDocuments, sent(ActTransfer, func(d *draft) { d.p.Transfer.Site = ID{} }))
	l.order("a transfer without a keyset", ErrFormat, StepDocuments, sent(ActTransfer, func(d *draft) { d.p.Transfer.Keyset = Bytes{} }))

	visit := func(name string, change func(*Visit)) {
		l.order(name, ErrFormat, StepDocuments, sent(ActVisit, func(d *draft) { change(d.p.Visit) }))
	}
	visit("a visit planned to end in nothing", func(v *Visit) { v.Planned.Program = dose.Off() })
	visit("a visit with bounds upside down", func(v *Visit) { v.Bounds.AspiratedMin = v.Bounds.AspiratedMax + 1 })
	visit("a visit with bounds below zero", func(v *Visit) { v.Bounds.AspiratedMin = -1 })
	visit("a visit with bounds of the fill upside down", func(v *Visit) { v.Bounds.FilledMin = v.Bounds.FilledMax + 1 })
	visit("a visit that may fill nothing", func(v *Visit) { v.Bounds.FilledMin = 0 })
	visit("a visit that may aspirate a bucket", func(v *Visit) { v.Bounds.AspiratedMax = dose.MaxVolume + 1 })
	visit("a visit that may fill a bucket", func(v *Visit) { v.Bounds.FilledMax = dose.MaxVolume + 1 })
	visit("a visit with a rinse below zero", func(v *Visit) { v.Rinse = -1 })
	visit("a visit with a rinse of a bucket", func(v *Visit) { v.Rinse = dose.MaxVolume + 1 })
	visit("a visit with a priming of nothing", func(v *Visit) { v.Planned.Prime = &dose.Dose{Volume: 1, Duration: 0} })
	visit("a visit whose other branch has a bridge of nothing", func(v *Visit) { v.Same.Bridge = &dose.Dose{Volume: 0, Duration: 60} })
	visit("a visit whose other branch has gaps", func(v *Visit) {
		v.Same.Program.Segments = []dose.Segment{{Offset: 5, Duration: 86_395, Volume: 200_000}}
	})
	visit("a visit with contents of nothing", func(v *Visit) { v.Same.Contents.Ingredients = nil })
	visit("a visit with limits of nothing", func(v *Visit) { v.Same.Limits.MinLockout = -1 })
	visit("a visit with check numbers twice", func(v *Visit) { v.Same.Checks = append(v.Same.Checks, v.Same.Checks[0]) })
	l.order("the release of a visit without a branch", ErrFormat, StepDocuments, sent(ActVisit, func(d *draft) { d.release = func(r *Release) { r.Branch, r.Measured = 0, nil } }))
	l.order("the release of a program with a branch", ErrFormat, StepDocuments, sent(ActProgram, func(d *draft) {
		d.release = func(r *Release) { r.Branch, r.Measured = BranchPlanned, &Measured{Filled: 1} }
	}))

	release := func(name string, code Code, change func(*Release)) {
		l.order(name, code, StepDocuments, sent(ActVisit, func(d *draft) { d.release = change }))
	}
	release("release format 2", ErrVersion, func(r *Release) { r.V = 2 })
	release("a release by nobody", ErrFormat, func(r *Release) { r.Person = "" })
	release("a release before 1970", ErrFormat, func(r *Release) { r.IssuedAt = -1 })
	release("a release after the end of time", ErrFormat, func(r *Release) { r.Expires = 1<<40 + 1 })
	release("a release that ends as it begins", ErrFormat, func(r *Release) { r.Expires = r.IssuedAt })
	release("a release of a third branch", ErrFormat, func(r *Release) { r.Branch = 3 })
	release("a release of a branch without volumes", ErrFormat, func(r *Release) { r.Measured = nil })
	release("less than nothing aspirated", ErrFormat, func(r *Release) { r.Measured.Aspirated = -1 })
	release("a bucket aspirated", ErrFormat, func(r *Release) { r.Measured.Aspirated = dose.MaxVolume + 1 })
	release("nothing filled", ErrFormat, func(r *Release) { r.Measured.Filled = 0 })
	release("a bucket filled", ErrFormat, func(r *Release) { r.Measured.Filled = dose.MaxVolume + 1 })

	approval := func(name string, code Code, change func(*Approval)) {
		l.order(name, code, StepDocuments, sent(ActProgram, func(d *draft) { d.votes[1].change = change }))
	}
	approval("approval format 0", ErrVersion, func(a *Approval) { a.V = 0 })
	approval("an approval by nobody", ErrFormat, func(a *Approval) { a.Person = "" })
	approval("an approval that means nothing", ErrFormat, func(a *Approval) { a.Meaning = 0 })
	approval("an approval with an unknown meaning", ErrFormat, func(a *Approval) { a.Meaning = 5 })
	approval("an approval before 1970", ErrFormat, func(a *Approval) { a.SignedAt = -1 })
	approval("a name that reads backwards", ErrFormat, func(a *Approval) { a.Person = "\u202enna" })
}

func addressVectors(l *list) {
	l.group = "address"
	l.order("control", Applied, StepAccept, sent(ActProgram, nil))
	l.order("another pump's key", ErrAud, StepAddress, sent(ActProgram, func(d *draft) { d.p.Pump[31] ^= 1 }))
	l.order("this key, another serial", ErrAud, StepAddress, sent(ActProgram, func(d *draft) { d.p.Serial = "MP20-000124" }))
	l.order("another site", ErrAud, StepAddress, sent(ActProgram, func(d *draft) { d.p.Site = siteB }))
	l.order("two patients' orders swapped", ErrAud, StepAddress, func(w *world) []byte {
		other := newWorld()
		other.view.Pump, other.view.Serial, other.view.Patient = Digest{1}, "MP20-000777", id16("another patient")
		return other.send(ActProgram, nil)
	})
	l.order("another patient", ErrPatient, StepBinding, sent(ActProgram, func(d *draft) { d.p.Patient = id16("another patient") }))
	l.order("the epoch before", ErrEpoch, StepBinding, sent(ActProgram, func(d *draft) { d.p.Epoch-- }))
	l.order("the next epoch", ErrEpoch, StepBinding, sent(ActProgram, func(d *draft) { d.p.Epoch++ }))
	l.order("a pump that is in nobody", ErrPatient, StepBinding, func(w *world) []byte {
		b := w.send(ActProgram, nil)
		w.view.Patient = ID{}
		return b
	})
}

func passkeyVectors(l *list) {
	l.group = "passkey"
	l.order("control", Applied, StepAccept, sent(ActProgram, nil))
	auth := func(name string, code Code, change func(*authenticator)) {
		l.order(name, code, StepSignatures, sent(ActProgram, func(d *draft) { d.votes[0].auth = change }))
	}
	sig := func(name string, code Code, change func(*Assertion)) {
		l.order(name, code, StepSignatures, sent(ActProgram, func(d *draft) { d.votes[0].sig = change }))
	}
	get := func(typ, challenge, where, rest string) string {
		return `{"type":"` + typ + `","challenge":"` + challenge + `","origin":"` + where + `"` + rest
	}
	prefix := func(name, text string) {
		auth(name, ErrSig, func(a *authenticator) { a.prefix = text })
	}
	sig("an empty signature", ErrSig, func(a *Assertion) { a.Signature = Bytes{} })
	sig("r is 0", ErrSig, func(a *Assertion) { a.Signature = der(big.NewInt(0), big.NewInt(1)) })
	sig("s is 0", ErrSig, func(a *Assertion) { a.Signature = der(big.NewInt(1), big.NewInt(0)) })
	sig("r is the order of the curve", ErrSig, func(a *Assertion) { a.Signature = der(curveOrder(), big.NewInt(1)) })
	sig("a number with a zero too many", ErrSig, func(a *Assertion) {
		r, s := split(a.Signature)
		a.Signature = encodeDER(append([]byte{0}, positive(r)...), positive(s))
	})
	sig("a length in the long form", ErrSig, func(a *Assertion) { a.Signature = slices.Concat(a.Signature[:1], []byte{0x81}, a.Signature[1:]) })
	sig("a byte after the signature", ErrSig, func(a *Assertion) { a.Signature = append(slices.Clone(a.Signature), 0) })
	sig("raw r and s", ErrSig, func(a *Assertion) {
		r, s := split(a.Signature)
		a.Signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	})
	l.order("s and its negative, which is another spelling", Applied, StepAccept, sent(ActProgram, func(d *draft) {
		d.votes[0].sig = func(a *Assertion) {
			r, s := split(a.Signature)
			a.Signature = der(r, s.Sub(curveOrder(), s))
		}
	}))
	l.order("the signature of an approval of another order", ErrSig, StepSignatures, func(w *world) []byte {
		other, err := OpenEnvelope(w.send(ActProgram, func(d *draft) { d.p.ID = id16("another") }))
		if err != nil {
			panic(err)
		}
		return w.send(ActProgram, func(d *draft) {
			d.envelope = func(e *Envelope) { e.Approvals[0].Assertion = other.Approvals[0].Assertion }
		})
	})
	l.order("an approval and a release whose signatures are swapped", ErrSig, StepSignatures, sent(ActProgram, func(d *draft) {
		d.votes[1].person, d.votes[1].key, d.releaser = "ben", "ben", vote{person: "ben", key: "ben"}
		d.envelope = func(e *Envelope) {
			e.Approvals[1].Assertion, e.Assertion = e.Assertion, e.Approvals[1].Assertion
		}
	}))
	l.order("a signature with another key", ErrSig, StepSignatures, sent(ActProgram, func(d *draft) {
		d.votes[0].auth = func(a *authenticator) { a.key = passkeyOf("ben") }
	}))
	l.order("a release with a wrong signature", ErrSig, StepSignatures, sent(ActProgram, func(d *draft) {
		d.releaser.auth = func(a *authenticator) { a.key = passkeyOf("ben") }
	}))
	l.order("two good approvals and a wrong third", ErrSig, StepSignatures, sent(ActProgram, func(d *draft) {
		d.votes = votes("anna", "ben", "carla")
		d.votes[2].auth = func(a *authenticator) { a.key = passkeyOf("ben") }
	}))
	prefix("a new credential instead of an assertion", get("webauthn.create", "%", origin, `,"crossOrigin":false`))
	auth("a challenge with padding", ErrSig, func(a *authenticator) {
		a.challenge = func(d Digest) string { return base64.URLEncoding.EncodeToString(d[:]) }
	})
	auth("a challenge in the standard alphabet", ErrSig, func(a *authenticator) {
		a.challenge = func(d Digest) string { return base64.StdEncoding.EncodeToString(d[:]) }
	})
	prefix("an origin without its port", get("webauthn.get", "%", "https://cisterna.example.org", `,"crossOrigin":false`))
	prefix("an origin with a slash", get("webauthn.get", "%", origin+"/", `,"crossOrigin":false`))
	prefix("an origin in capitals", get("webauthn.get", "%", "https://Cisterna.example.org:8443", `,"crossOrigin":false`))
	prefix("an origin that only looks alike", get("webauthn.get", "%", "https://сisterna.example.org:8443", `,"crossOrigin":false`))
	prefix("in a frame of another page", get("webauthn.get", "%", origin, `,"crossOrigin":true`))
	prefix("in a frame, with its top page named", get("webauthn.get", "%", origin, `,"crossOrigin":true,"topOrigin":"https://example.net"`))
	prefix("no word on frames", get("webauthn.get", "%", origin, ""))
	prefix("client data with a space", `{"type": "webauthn.get","challenge":"%","origin":"`+origin+`","crossOrigin":false`)
	prefix("a decoy before the challenge", `{"type":"webauthn.get","challenge":"AAAA","challenge":"%","origin":"`+origin+`","crossOrigin":false`)
	auth("client data that does not end", ErrSig, func(a *authenticator) { a.suffix = "" })
	auth("client data that goes on elsewhere", ErrSig, func(a *authenticator) { a.suffix = "x}" })
	l.order("client data with a member more, which is allowed", Applied, StepAccept, sent(ActProgram, func(d *draft) {
		d.votes[0].auth = func(a *authenticator) { a.suffix = `,"other_keys_can_be_added_here":"do not compare"}` }
	}))
	auth("client data of more than 1,024 bytes", ErrSig, func(a *authenticator) { a.suffix = `,"x":"` + string(bytes.Repeat([]byte("x"), 1024)) + `"}` })
	auth("another relying party", ErrSig, func(a *authenticator) { a.rp = "example.org" })
	auth("nobody there", ErrSig, func(a *authenticator) { a.flags = 0x04 })
	auth("somebody there, but not verified", ErrSig, func(a *authenticator) { a.flags = 0x01 })
	auth("a passkey that is kept in a cloud", ErrSig, func(a *authenticator) { a.flags = 0x0d })
	auth("backed up, but not to be backed up", ErrSig, func(a *authenticator) { a.flags = 0x15 })
	auth("attested data", ErrSig, func(a *authenticator) { a.flags, a.longer = 0x45, make([]byte, 18) })
	auth("the flag of attested data alone", ErrSig, func(a *authenticator) { a.flags = 0x45 })
	auth("an extension", ErrSig, func(a *authenticator) { a.flags, a.longer = 0x85, []byte{0xa0} })
	auth("a byte more", ErrSig, func(a *authenticator) { a.longer = []byte{0} })
	auth("a reserved flag", ErrSig, func(a *authenticator) { a.flags = 0x25 })
	sig("authenticator data that ends early", ErrSig, func(a *Assertion) { a.Data = a.Data[:36] })
}

// der encodes a signature.
func der(r, s *big.Int) Bytes { return encodeDER(positive(r), positive(s)) }

func positive(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return b
}

func encodeDER(r, s []byte) Bytes {
	body := slices.Concat([]byte{0x02, byte(len(r))}, r, []byte{0x02, byte(len(s))}, s)
	return append([]byte{0x30, byte(len(body))}, body...)
}

// split takes a DER signature of P-256 apart.
func split(sig []byte) (r, s *big.Int) {
	n := int(sig[3])
	return new(big.Int).SetBytes(sig[4 : 4+n]), new(big.Int).SetBytes(sig[6+n:])
}

func curveOrder() *big.Int { return passkeyOf("anna").Curve.Params().N }
