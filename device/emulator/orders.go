package emulator

import (
	"errors"
	"slices"

	"cisterna/device/order"
	"cisterna/device/pump"
	"cisterna/device/wire"
)

// docket is what a pump knows of orders beside its state. It is part of Device
// and guarded by its mutex.
type docket struct {
	memory   order.Memory  // as the vault has it, or will before anything is said
	windows  order.Windows // of this boot
	budgets  order.Budgets
	patient  order.ID     // bound token
	site     order.ID     // whose orders count
	done     order.Digest // the document that changed the state last
	settling bool         // an order is between its second and its third write
	late     *pending     // a stop that the power went before, until the book says that it is done
	clocks   uint64       // clock orders carried out
	held     *heldOrder   // waits for somebody at the bedside
	missed   missed
	told     order.Digest // report that the server was last sent over this connection
	cutAfter int          // write of the next order after which the power goes, see cutOrder
}

// heldOrder is an increase that was verified and waits for the button.
type heldOrder struct {
	document
	name         order.Digest // of the release
	prescription order.Digest
	until        int64 // ms since boot
	settled      bool  // somebody pressed, or nobody will: it is judged again, and waits until that is answered
}

// confirmWithin is how long the button may take, in milliseconds. The pump shows
// what it will give; nobody has to remember anything.
const confirmWithin = 5 * 60 * 1000

// missed counts documents that were over the budget, to be said once.
type missed struct {
	count uint64
	first document
	at    int64 // ms since boot of the first
}

// tellAfter is how long they are counted before it is said.
const tellAfter = 60_000

// renew announces a new window when it is time.
func (d *Device) renew(real int64) (renewed bool) {
	if mono := d.at(real).Mono; d.windows.Due(mono) {
		d.windows = d.windows.Renew(newBoot(), mono)
		return true
	}
	return false
}

// view is what an order is judged by now.
func (d *Device) view(real int64) order.View {
	v := d.machine().View(&d.st)
	t := d.at(real)
	v.Pump, v.Serial, v.Site, v.Patient = d.hash, d.who.Serial, d.site, d.patient
	v.Root = d.docs.root.Root
	if d.docs.keyset != nil {
		v.Keyset = d.docs.keyset.Keyset
	}
	v.Library, v.Before = d.docs.library.held(), d.docs.before.held()
	v.Now, v.Mono, v.Windows, v.Budgets, v.Memory = t.Wall/1000, t.Mono, d.windows, d.budgets, d.memory
	return v
}

// judge says what becomes of a document now: of the documents in it and of the
// pump's body. Nothing changes but the budgets.
func (d *Device) judge(doc *document, real int64) (order.Verdict, pump.Input) {
	view := d.view(real)
	if doc.again {
		view.Budgets = order.Budgets{} // it was counted when it came
	}
	in := order.Delivery{Kind: doc.kind, Retained: doc.retained, Bytes: doc.body}
	if doc.foreign {
		in.Bytes = nil // whatever it says, it was not sent to this pump: it is counted, and not read
	}
	v := order.Verify(in, &view)
	if !doc.again {
		d.budgets = v.Budgets
	}
	if doc.foreign && v.Step > order.StepCarrier {
		v.Code, v.Step, v.Detail = order.ErrAud, order.StepCarrier, "it came by the topic of another link"
	}
	if v.Code != order.Applied || v.Cached || v.Effect == nil {
		return v, nil
	}
	act := pump.InputOf(v.Effect)
	if act == nil {
		return v, nil
	}
	if err := d.machine().Check(d.st, act); err != nil {
		return d.turnDown(v, pump.CodeOf(err), err.Error()), nil
	}
	return v, act
}

// turnDown is a verdict whose document the body refuses. Its counter is spent,
// and nothing else of it is remembered.
func (d *Device) turnDown(v order.Verdict, code order.Code, why string) order.Verdict {
	m := d.memory
	m.Counter, m.Stops = v.Memory.Counter, v.Memory.Stops
	v.Memory = m.Answer(v.Document, code)
	v.Code, v.Detail, v.Effect, v.Burned = code, why, nil, true
	return v
}

// readOrder takes an order, a stop or a withdrawal, and answers it. Only the
// goroutine that reads documents is in it.
func (d *Device) readOrder(doc document) {
	d.mu.Lock()
	if h := d.held; h != nil && !doc.again && h.kind == doc.kind && slices.Equal(h.body, doc.body) {
		d.mu.Unlock()
		return // sent again while it waits for the button
	}
	if doc.again {
		defer d.holdsNoMore() // with the answer, not before: meanwhile it is still what the pump waits for
	}
	real := d.f.opt.Now().UnixMilli()
	d.advance(real, false)
	v, in := d.judge(&doc, real)
	if v.Code == order.ErrRate && v.Step == order.StepCarrier {
		d.miss(doc, real)
		d.mu.Unlock()
		return
	}
	before, confirm := d.mark(real), d.machine().Profile().ConfirmIncrease
	if d.f.journal.Health() != nil || d.f.vault.Health() != nil {
		if !v.Cached && (v.Burned || v.Effect != nil) {
			d.answer(doc, string(order.ErrStorage), "the pump cannot write anything down now")
			d.wakeLocked()
			d.mu.Unlock()
			return
		}
	}
	d.mu.Unlock()
	switch {
	case v.Cached || v.Effect == nil || v.Effect.Act == 0 && v.Effect.Stop == nil:
		d.reply(doc, v) // of what is accepted, a withdrawal is in the memory alone
	case doc.late:
		d.reply(doc, d.lockedTurnDown(v, order.ErrConfirm, "nobody pressed the button in time"))
	case v.Effect.Increase && confirm && !doc.pressed:
		d.hold(doc, v)
	default:
		d.obey(doc, v, in, before)
	}
}

func (d *Device) lockedTurnDown(v order.Verdict, code order.Code, why string) order.Verdict {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.turnDown(v, code, why)
}

// reply answers a document that changes nothing, or nothing but the memory.
func (d *Device) reply(doc document, v order.Verdict) {
	keep := !v.Cached && (v.Burned || v.Code == order.Applied)
	if keep {
		if err := d.keepBook(&v.Memory, nil); err != nil {
			return // being closed: nobody was told anything
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if keep {
		d.memory = v.Memory
	}
	if v.Code != order.Applied {
		d.f.log.Warn("order refused", "serial", d.who.Serial, "kind", doc.kind.String(), "code", string(v.Code), "step", v.Step, "detail", v.Detail)
	}
	d.answer(doc, string(v.Code), v.Detail)
	d.wakeLocked()
}

// mark is what makes a verdict old: if any of it changes between verdict and
// application, the document is judged again.
type mark struct {
	state  order.Digest
	stage  pump.StageKind
	alarms uint32
	boot   [16]byte
	docs   documents
	mono   int64 // in seconds
}

func (d *Device) mark(real int64) mark {
	return mark{order.Digest(d.st.StateHash()), d.st.Stage.Kind, d.st.Alarms.Active, d.boot, d.docs, d.at(real).Mono / 1000}
}

// obey carries out an accepted document and answers it. in is nil if the body has
// nothing to do.
func (d *Device) obey(doc document, v order.Verdict, in pump.Input, before mark) {
	docs, err := d.newSite(v.Effect)
	if err != nil {
		d.reply(doc, d.lockedTurnDown(v, order.ErrKeyset, err.Error()))
		return
	}
	d.mu.Lock()
	spent := d.turnDown(v, order.ErrPower, "")
	d.mu.Unlock()
	p := pending{
		Document: v.Document, Prescription: v.Prescription, Counter: v.Counter, Before: before.state, After: v.Memory.Encode(),
		Stop: v.Effect.Stop, At: d.f.opt.Now().UnixMilli(),
	}
	if docs != nil {
		p.Docs = new(docs.kept())
	}
	if err := d.keepBook(&spent.Memory, &p); err != nil {
		return // being closed: nobody was told anything
	}

	d.mu.Lock()
	d.cutNow(1)
	real := d.f.opt.Now().UnixMilli()
	switch {
	case d.stopped:
		d.mu.Unlock()
		return // the next start settles it
	case d.off && p.Stop != nil:
		d.memory, d.late = spent.Memory, &p // as the vault has it
		d.mu.Unlock()
		return // carried out when the power is back, see boots, and answered when it is sent again
	case d.off:
		v = d.turnDown(v, order.ErrPower, "the power went")
	default:
		d.advance(real, false)
		if d.mark(real) != before {
			again := doc
			again.again = true
			if now, act := d.judge(&again, real); now.Effect != nil || !p.stands(real) {
				v, in = now, act
			} // else a stop that was accepted: a boot since may have forgotten the window that it names
		}
	}
	if v.Effect == nil {
		d.mu.Unlock()
		if !v.Burned { // it is now, whatever the documents say
			v = d.lockedTurnDown(v, v.Code, v.Detail)
		}
		d.reply(doc, v)
		return
	}
	w, err := d.carryOut(&change{document: v.Document, after: v.Memory, input: in, patient: v.Effect.Patient, site: v.Effect.Site, docs: docs}, real)
	d.mu.Unlock()
	if err != nil {
		d.reply(doc, d.lockedTurnDown(v, pump.CodeOf(err), err.Error()))
		return
	}
	if d.finish(w) != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cutNow(2)
	if d.off {
		return // it is answered when it is sent again
	}
	d.f.log.Info("order applied", "serial", d.who.Serial, "document", v.Document.Short(), "prescription", v.Prescription.Short())
	d.answer(doc, string(order.Applied), "")
	d.wakeLocked()
}

// newSite opens the keyset that a transfer brings. It returns nil for anything
// else.
func (d *Device) newSite(e *order.Effect) (*documents, error) {
	if e.Keyset == nil {
		return nil, nil
	}
	d.mu.Lock()
	next := d.docs
	d.mu.Unlock()
	var err error
	if next.keyset, err = d.f.shelf.keyset(next.root, e.Keyset); err != nil {
		return nil, err
	}
	return &next, nil
}

// miss counts a document that was over the budget. Called with d.mu held.
func (d *Device) miss(doc document, real int64) {
	if d.missed.count == 0 {
		d.missed.first, d.missed.at = doc, d.at(real).Mono
	}
	d.missed.count++
}

// tellMissed says once how many documents were not looked at. Called with d.mu
// held.
func (d *Device) tellMissed(real int64) {
	if mono := d.at(real).Mono; d.missed.count == 0 || mono >= d.missed.at && mono-d.missed.at < tellAfter {
		return
	}
	m := d.missed
	d.missed = missed{}
	d.f.log.Warn("documents over the budget were not looked at", "serial", d.who.Serial, "count", m.count)
	a := d.answerOf(m.first, string(order.ErrRate), "more documents than a pump looks at in a minute", real)
	a.Missed = m.count
	d.answers = append(d.answers, d.seal(wire.UpAck, wire.Encode(a)))
}

var errNothingHeld = errors.New("no order waits for the button")

// hold keeps an increase until somebody presses the button. Its counter is not
// spent meanwhile: it is judged again when the button is pressed.
func (d *Device) hold(doc document, v order.Verdict) {
	d.mu.Lock()
	busy := d.held != nil
	if !busy {
		now := d.f.opt.Now()
		d.held = &heldOrder{document: doc, name: v.Document, prescription: v.Prescription, until: d.at(now.UnixMilli()).Mono + confirmWithin}
		d.nextBeat = now // whoever released it looks at a screen, and is to know whom it waits for
		d.wakeLocked()
	}
	d.mu.Unlock()
	if busy {
		d.reply(doc, d.lockedTurnDown(v, order.ErrBusy, "another order waits for the button"))
	}
}

// press is somebody at the bedside confirming what the pump shows. Called with
// d.mu held.
func (d *Device) press(now bool) error {
	h := d.held
	if h == nil || h.settled {
		return errNothingHeld
	}
	h.settled = true
	doc := h.document
	doc.pressed, doc.late, doc.again = now, !now, true
	d.queue(doc)
	return nil
}

// holdEnds gives a held order up when its time is over. Called with d.mu held.
func (d *Device) holdEnds(real int64) {
	if h := d.held; h != nil && !h.settled && d.at(real).Mono >= h.until {
		_ = d.press(false) // there is one
	}
}

// holdsNoMore forgets a held order that was judged again.
func (d *Device) holdsNoMore() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.held; h != nil && h.settled {
		d.held = nil
	}
}
