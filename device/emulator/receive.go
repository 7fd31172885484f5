package emulator

import (
	"errors"
	"slices"

	"cisterna/device/emulator/journal"
	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/internal/errs"
)

// document is something that came down the link.
type document struct {
	kind     wire.Kind
	body     []byte
	retained bool // a broker had kept it
	foreign  bool // it came by another link's topic

	again   bool // it was looked at before, and counted
	pressed bool // somebody at the bedside confirms it
	late    bool // nobody did
}

// ordering reports whether the document may change what the pump infuses.
func (d *document) ordering() bool { return d.kind == wire.DnOrder || d.kind == wire.DnStop }

// maxInbox bounds the documents that wait for a look; stops have a queue of their
// own, so that nothing keeps one out. The server sends again what was not
// answered.
const maxInbox = 16

// onMessage takes a message from the server. Called by the reading goroutine.
func (d *Device) onMessage(topic, payload []byte) { d.hear(topic, payload, false) }

// onRetained takes one that a broker had kept. Called by the reading goroutine.
func (d *Device) onRetained(topic, payload []byte) { d.hear(topic, payload, true) }

func (d *Device) hear(topic, payload []byte, retained bool) {
	link, kind, err := wire.ParseTopic(string(topic))
	if err != nil || kind.Up() {
		return // not ours to believe
	}
	if d.deaf() {
		return
	}
	doc := document{kind: kind, retained: retained}
	if retained && !doc.ordering() {
		return // nothing else is ever kept by a broker on purpose
	}
	if kind == wire.DnAck {
		if c, err := wire.Decode[wire.Cursors](payload); err == nil {
			d.onCursors(c)
		}
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	doc.foreign = link != d.who.Link
	if d.stopped || doc.foreign && !doc.ordering() {
		return
	}
	doc.body = append([]byte(nil), payload...)
	d.queue(doc)
}

// deaf reports whether what the server sends does not reach the pump, see the
// fault of that name.
func (d *Device) deaf() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.activeFault("deaf") >= 0
}

// queue puts a document before the goroutine that reads. Called with d.mu held.
func (d *Device) queue(doc document) {
	line := &d.inbox
	if doc.kind == wire.DnStop {
		line = &d.stops
	}
	if len(*line) >= maxInbox && !doc.again {
		if doc.ordering() && d.ready {
			d.miss(doc, d.f.opt.Now().UnixMilli())
		}
		return
	}
	*line = append(*line, doc)
	d.read()
}

// between has the goroutine that reads do something before it looks at the next
// document, with power or without. Called with d.mu held, before the device is stopped.
func (d *Device) between(do func()) {
	d.chores = append(d.chores, do)
	d.read()
}

// await is between for somebody who waits for the result.
func (d *Device) await(do func() error) error {
	done := make(chan error, 1)
	d.mu.Lock()
	if d.stopped {
		d.mu.Unlock()
		return errs.Conflictf("it was stopped")
	}
	d.between(func() { done <- do() })
	d.mu.Unlock()
	return <-done
}

// read lets a goroutine read if none does. Called with d.mu held.
func (d *Device) read() {
	if !d.reading {
		d.reading = true
		d.f.wg.Go(d.readDocuments)
	}
}

// next takes the document that is next, stops first. Called with d.mu held.
func (d *Device) next() (doc document, ok bool) {
	for _, line := range []*[]document{&d.stops, &d.inbox} {
		if len(*line) > 0 {
			doc, *line = (*line)[0], (*line)[1:]
			return doc, true
		}
	}
	return doc, false
}

// readDocuments answers what the server sent. It may have to wait for the disk,
// which nothing else of the device does.
func (d *Device) readDocuments() {
	for {
		d.mu.Lock()
		if len(d.chores) > 0 {
			do := d.chores[0]
			d.chores = d.chores[1:]
			d.mu.Unlock()
			do()
			continue
		}
		doc, ok := d.next()
		if !ok || d.stopped || !d.ready || d.off {
			d.inbox, d.stops, d.reading = nil, nil, false
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
		switch doc.kind {
		case wire.DnOrder, wire.DnStop:
			d.readOrder(doc)
		case wire.DnCheckpoint:
			d.takeCheckpoint(string(doc.body))
		case wire.DnCert:
			d.takeCertificate(doc.body)
		default:
			d.readDocument(doc)
		}
	}
}

func (d *Device) takeCheckpoint(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	changed, err := d.check.take(text, d.docs.root)
	if err != nil {
		d.f.log.Warn("a checkpoint that no known log signed", "serial", d.who.Serial, "error", err)
	} else if changed && d.check.fell == d.check.shown && d.check.smaller {
		d.f.log.Warn("the server showed a record that does not contain one it showed before", "serial", d.who.Serial)
	}
}

// readDocument takes one signed document and answers it. Only this goroutine
// changes the documents in force.
func (d *Device) readDocument(doc document) {
	d.mu.Lock()
	now, memory, site := d.docs, d.memory, d.site
	if d.ready {
		d.advance(d.f.opt.Now().UnixMilli(), false)
	}
	run := d.st.Run
	d.mu.Unlock()
	if d.f.journal.Health() != nil || d.f.vault.Health() != nil {
		// It is sent again; meanwhile nothing that comes after it waits for the disk.
		d.mu.Lock()
		defer d.mu.Unlock()
		d.answer(doc, codeStorage, "the pump cannot write anything down now")
		d.wakeLocked()
		return
	}
	next, code, err := d.f.shelf.take(now, doc.kind, doc.body)
	if doc.kind == wire.DnKeyset && code == codeApplied && len(next.keyset.Sites) > 0 && !slices.Contains(next.keyset.Sites, site) {
		next, code, err = now, codeKeyset, errors.New("the keyset is for other sites")
	}
	if code == codeApplied && next != now {
		if next.keyset.newer(now.keyset) {
			memory.KeysetAt = run // with a clock that is no good, its life is counted from here
		}
		if err = d.keepBook(&memory, nil, journal.Item{Key: itemDocuments, Value: encode(next.kept())}); err != nil {
			code = codeStorage
		}
	}
	note := ""
	if err != nil {
		note = err.Error()
		d.f.log.Warn("document refused", "serial", d.who.Serial, "kind", doc.kind.String(), "code", code, "error", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if code == codeApplied {
		d.docs, d.memory = next, memory
	}
	d.answer(doc, code, note)
	d.wakeLocked()
}

// answer queues the pump's signed answer to a document. Called with d.mu held.
func (d *Device) answer(doc document, code, note string) {
	a := d.answerOf(doc, code, note, d.f.opt.Now().UnixMilli())
	d.answers = append(d.answers, d.seal(wire.UpAck, wire.Encode(a)))
}

func (d *Device) answerOf(doc document, code, note string, real int64) wire.Answer {
	t := d.at(real)
	state, program := d.st.StateHash(), d.st.Program.Hash()
	a := wire.Answer{
		Pump: d.id, Doc: order.Hash(doc.body), Kind: doc.kind, Code: code, Note: note[:min(len(note), wire.MaxText)], Wall: t.Wall, Mono: uint64(max(t.Mono, 0)),
		StateHash: state[:], ProgramHash: program[:], Run: d.machine().Sample(&d.st).Run,
	}
	if doc.ordering() {
		window := d.windows.Current()
		a.Report, a.Window, a.Counter, a.StopCounter = d.report(real), window[:], d.memory.Counter, d.memory.Stops
	}
	return a
}

// report is what an order would be judged by now.
func (d *Device) report(real int64) []byte {
	v := d.view(real)
	r := order.ReportOf(&v)
	return r.Encode()
}
