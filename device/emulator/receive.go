package emulator

import (
	"cisterna/device/emulator/journal"
	"cisterna/device/order"
	"cisterna/device/wire"
)

// document is something that came down the link.
type document struct {
	kind wire.Kind
	body []byte
}

// maxInbox bounds the documents that wait for a look. The server sends again
// what was not answered.
const maxInbox = 16

// onMessage takes a message from the server. Called by the reading goroutine.
func (d *Device) onMessage(topic, payload []byte) {
	link, kind, err := wire.ParseTopic(string(topic))
	if err != nil || kind.Up() {
		return // not ours to believe
	}
	if kind == wire.DnAck {
		if c, err := wire.Decode[wire.Cursors](payload); err == nil {
			d.onCursors(c)
		}
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if link != d.who.Link || len(d.inbox) >= maxInbox || d.stopped {
		return
	}
	d.inbox = append(d.inbox, document{kind, append([]byte(nil), payload...)})
	if !d.reading {
		d.reading = true
		d.f.wg.Go(d.readDocuments)
	}
}

// readDocuments answers what the server sent. It may have to wait for the disk,
// which nothing else of the device does.
func (d *Device) readDocuments() {
	for {
		d.mu.Lock()
		if len(d.inbox) == 0 || d.stopped || !d.ready || d.off {
			d.inbox, d.reading = nil, false
			d.mu.Unlock()
			return
		}
		doc := d.inbox[0]
		d.inbox = d.inbox[1:]
		d.mu.Unlock()
		switch doc.kind {
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
	} else if changed && d.check.smaller {
		d.f.log.Warn("the server showed a record that does not contain one it showed before", "serial", d.who.Serial)
	}
}

// readDocument takes one signed document and answers it. Only this goroutine
// changes the documents in force.
func (d *Device) readDocument(doc document) {
	d.mu.Lock()
	now := d.docs
	d.mu.Unlock()
	next, code, err := d.f.shelf.take(now, doc.kind, doc.body)
	if code == codeApplied && next != now {
		if err = d.safe.AppendWait(journal.Write{Items: []journal.Item{{Key: itemDocuments, Value: encode(next.kept())}}}); err != nil {
			code = codeStorage
		}
	}
	note := ""
	if err != nil {
		note = err.Error()
		note = note[:min(len(note), wire.MaxText)]
		d.f.log.Warn("document refused", "serial", d.who.Serial, "kind", doc.kind.String(), "code", code, "error", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if code == codeApplied {
		d.docs = next
	}
	d.answer(doc, code, note)
	d.wakeLocked()
}

// answer queues the pump's signed answer to a document.
func (d *Device) answer(doc document, code, note string) {
	t := d.at(d.f.opt.Now().UnixMilli())
	state, program := d.st.StateHash(), d.st.Program.Hash()
	d.answers = append(d.answers, d.seal(wire.UpAck, wire.Encode(wire.Answer{
		Pump: d.id, Doc: order.Hash(doc.body), Kind: doc.kind, Code: code, Note: note, Wall: t.Wall, Mono: uint64(max(t.Mono, 0)),
		StateHash: state[:], ProgramHash: program[:], Run: d.machine().Sample(&d.st).Run,
	})))
}
