package emulator

import (
	"fmt"

	"cisterna/device/emulator/journal"
	"cisterna/device/order"
	"cisterna/device/pump"
)

// An order takes effect in three writes, each of which is durable before the
// next begins:
//
//  1. The vault notes the order as pending, with its counter spent.
//  2. The journal takes the pump's new state, which names the order, together
//     with the records of the change, in one piece. From here on it is applied.
//  3. The vault has the memory of an applied order, and a copy of the state. Only
//     then does the answer leave.
//
// Wherever the power goes, the state that is found is the old one or the new one,
// and it says which: see settle. An order that the journal does not name is rolled
// back and stays refused, so that nothing happens late; a stop that it does not name
// is carried out, if it is still within its life. It is the same whether the process
// ended with the power or saw it come back: see boots.

// book is what the vault keeps about orders.
type book struct {
	Memory  []byte   `cbor:"1,keyasint"` // order.Memory
	Pending *pending `cbor:"2,keyasint,omitempty"`
}

// pending is an order between the first write and the third.
type pending struct {
	Document     order.Digest   `cbor:"1,keyasint"` // release, stop or withdrawal
	Prescription order.Digest   `cbor:"2,keyasint"`
	Counter      uint64         `cbor:"3,keyasint"`
	Before       order.Digest   `cbor:"4,keyasint"` // state hash that it found
	After        []byte         `cbor:"5,keyasint"` // order.Memory, once it is applied
	Docs         *kept          `cbor:"6,keyasint,omitempty"`
	Stop         *order.StopNow `cbor:"7,keyasint,omitempty"`
	At           int64          `cbor:"8,keyasint"` // Unix ms
}

// stands reports whether this is a stop that is still to be carried out: one that was
// accepted is never rolled back, but after its life it is as dead as any.
func (p *pending) stands(real int64) bool {
	age := real - p.At
	return p.Stop != nil && age >= 0 && age <= order.StopLife*1000
}

// after is the memory of a pump once this is applied. It may bring a keyset; a new
// communicator may have brought one since it was written down.
func (p *pending) after(now *order.Memory) (order.Memory, error) {
	m, err := order.DecodeMemory(p.After)
	if err != nil {
		return order.Memory{}, fmt.Errorf("memory of orders: %w", err)
	}
	m.KeysetAt = max(m.KeysetAt, now.KeysetAt)
	return m, nil
}

// keepBook writes the book, and other items with it, and waits until it is durable. It
// writes all of the book, so nothing may change between the look at the memory and the
// end of the write: only the goroutine that reads calls it, and prepare, before which
// nothing is read. Called without d.mu.
func (d *Device) keepBook(m *order.Memory, p *pending, more ...journal.Item) error {
	return d.safe.AppendWait(bookWrite(m, p, more))
}

func bookWrite(m *order.Memory, p *pending, more []journal.Item) journal.Write {
	b := book{Memory: m.Encode(), Pending: p}
	return journal.Write{Items: append([]journal.Item{{Key: itemOrders, Value: encode(b)}}, more...)}
}

// openBook reads the memory of orders. A pump that cannot read it would obey old
// orders again, so it obeys nothing: the error keeps it from starting.
func (d *Device) openBook() (left *pending, ok bool, err error) {
	raw, err := d.safe.Item(itemOrders)
	if err != nil {
		return nil, false, fmt.Errorf("memory of orders: %w", err)
	}
	if raw == nil {
		return nil, false, nil
	}
	var b book
	if err = dec.Unmarshal(raw, &b); err == nil {
		d.memory, err = order.DecodeMemory(b.Memory)
	}
	if err != nil {
		return nil, false, d.unreadable("memory of orders", d.f.opt.Vault, err)
	}
	return b.Pending, true, nil
}

// settle finishes what the power interrupted. Called by prepare, without d.mu.
func (d *Device) settle(p *pending) error {
	d.mu.Lock()
	memory, applied := d.memory, d.done == p.Document
	d.mu.Unlock()
	log := d.f.log.With("serial", d.who.Serial, "document", p.Document.Short())
	if !applied {
		if p.Stop != nil {
			d.mu.Lock()
			w, err := d.lateStop(p, d.f.opt.Now().UnixMilli())
			d.mu.Unlock()
			if err != nil {
				return err
			}
			return d.finish(w)
		}
		log.Warn("the power went before an order took effect; it was rolled back")
		return d.keepBook(&memory, nil)
	}
	log.Info("the power went while an order took effect; it has")
	after, err := p.after(&memory)
	if err != nil {
		return err
	}
	var items []journal.Item
	docs := (*documents)(nil)
	if p.Docs != nil {
		next, err := d.f.shelf.open(*p.Docs)
		if err != nil {
			return err
		}
		docs = &next
		items = append(items, journal.Item{Key: itemDocuments, Value: encode(*p.Docs)})
	}
	if err := d.keepBook(&after, nil, items...); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.memory = after
	if docs != nil {
		d.docs = *docs
	}
	return nil
}

// lateStop begins to carry out a stop that was accepted and not written down: the
// first thing that the pump does. If it no longer stands, only the third write is left,
// which forgets it. Called with d.mu held.
func (d *Device) lateStop(p *pending, real int64) (written, error) {
	after, err := p.after(&d.memory)
	if err != nil {
		return written{}, err
	}
	if !p.stands(real) {
		w := written{done: make(chan error, 1)}
		w.done <- nil
		d.settling = true
		return w, nil
	}
	d.f.log.Warn("the power went before a stop took effect; it does now", "serial", d.who.Serial, "document", p.Document.Short())
	d.advance(real, false)
	return d.carryOut(&change{document: p.Document, after: after, input: pump.Stop{Overdose: p.Stop.Overdose, Source: pump.SourceOrder}}, real)
}

// stopAtBoot carries out the stop that the power went before, if there is one. The
// body stops at once, whatever the disk does; what has to be written is written before
// another document is looked at. Called with d.mu held.
func (d *Device) stopAtBoot(real int64) {
	if d.late == nil || d.settling || d.stopped {
		return // there is none, it is being written, or the next start sees to it
	}
	w, err := d.lateStop(d.late, real)
	if err != nil {
		d.f.log.Error("a stop could not be carried out when the power was back", "serial", d.who.Serial, "error", err)
		return
	}
	d.between(func() {
		err := d.finish(w)
		d.mu.Lock()
		defer d.mu.Unlock()
		if err == nil { // else the fleet is being closed, and the next start sees to it
			d.late = nil
			d.wakeLocked()
		}
	})
}

// change is an accepted document on its way into the pump.
type change struct {
	document order.Digest
	after    order.Memory
	input    pump.Input // nil if the body stays as it is
	patient  *order.ID
	site     *order.ID
	docs     *documents // that the pump follows from then on, nil if the same
}

// written is the second write of an order on its way, and what the third holds beside
// the book and the state.
type written struct {
	done  chan error
	items []journal.Item
}

// carryOut lets the pump do it and begins the second write. Called with d.mu
// held. On an error nothing has changed.
func (d *Device) carryOut(c *change, real int64) (written, error) {
	var outs []pump.Output
	if c.input != nil {
		if reply := d.step(c.input, real, &outs); reply.Err != nil {
			d.record(outs, real, true)
			return written{}, reply.Err
		}
	}
	d.done, d.memory = c.document, c.after
	if c.patient != nil {
		d.patient = *c.patient
	}
	if c.site != nil {
		d.site = *c.site
	}
	if set, ok := c.input.(pump.SetClock); ok {
		d.skew = set.Wall - real // the real-time clock is the pump's as well
		d.clocks++
	}
	w := written{done: make(chan error, 1)}
	if c.docs != nil {
		d.docs = *c.docs
		w.items = append(w.items, journal.Item{Key: itemDocuments, Value: encode(c.docs.kept())})
	}
	d.settling = true // nothing is said of the new state until it is durable
	d.recordThen(outs, real, func(err error) {
		d.wake()
		w.done <- err
	})
	return w, nil
}

// finish waits for the second write and makes the third. Called without d.mu. An
// error means that the fleet is being closed; the next start settles it.
func (d *Device) finish(w written) error {
	if err := <-w.done; err != nil {
		return err
	}
	kept := make(chan error, 1)
	d.mu.Lock()
	// The state is that of now, and queued before anybody can do more: an older one
	// would take back what the patient did since the second write.
	d.safeAt = d.f.opt.Now().UnixMilli()
	items := append(w.items, journal.Item{Key: itemState, Value: d.snapshot()})
	d.safe.Append(bookWrite(&d.memory, nil, items), func(err error) { kept <- err })
	d.mu.Unlock()
	if err := <-kept; err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settling = false
	return nil
}
