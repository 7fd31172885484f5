package order

import (
	"bytes"
	"slices"

	"cisterna/device/wire"
)

// edgeVectors settle what a reader of docs/protocol.md could take in two ways: what a
// document of another format is, where a key's life ends, and what a zone of 0 is.
func edgeVectors(l *list) {
	formatEdges(l)
	keyLifeEdges(l)
	zoneEdges(l)
}

// formatEdges: of a format that it does not know a pump reads the number alone.
func formatEdges(l *list) {
	l.group = "format"
	l.order("control", Applied, StepAccept, sent(ActProgram, nil))
	other := func(change func([]byte) []byte) func(*world) []byte {
		return rawBody(func(b []byte) []byte {
			if !bytes.HasPrefix(b[1:], []byte{0x01, 0x01}) {
				panic("the format is not the first field")
			}
			b[2] = 2
			return change(b)
		})
	}
	as := func(b []byte) []byte { return b }
	l.order("another format, otherwise right", ErrVersion, StepDocuments, other(as))
	l.order("another format with a field that format 1 has not", ErrVersion, StepDocuments, other(func(b []byte) []byte { b[0]++; return append(b, 0x18, 0x63, 0x01) }))
	l.order("another format without a field that format 1 has", ErrVersion, StepDocuments, other(func(b []byte) []byte { b[0]--; return slices.Delete(b, 3, 5) }))
	l.order("another format with a number where bytes were", ErrVersion, StepDocuments, other(func(b []byte) []byte { return bytes.Replace(b, []byte{0x03, 0x50}, []byte{0x03, 0x18}, 1) }))
	l.order("another format with a value out of its range", ErrVersion, StepDocuments, other(func(b []byte) []byte { b[4] = 12; return b }))
	l.order("another format that ends early", ErrVersion, StepDocuments, other(func(b []byte) []byte { return b[:len(b)-1] }))
	l.order("another format with a byte after it", ErrVersion, StepDocuments, other(func(b []byte) []byte { return append(b, 0) }))
	l.order("another format of more than 8 KiB", ErrSize, StepDocuments, other(func(b []byte) []byte { return append(b, make([]byte, MaxPrescription)...) }))
	number := func(n ...byte) func(*world) []byte {
		return rawBody(func(b []byte) []byte { return slices.Concat(b[:2], n, b[3:]) })
	}
	l.order("format 23", ErrVersion, StepDocuments, number(0x17))
	l.order("format 24", ErrVersion, StepDocuments, number(0x18, 24))
	l.order("format 256", ErrVersion, StepDocuments, number(0x19, 1, 0))
	l.order("format 65,536", ErrVersion, StepDocuments, number(0x1a, 0, 1, 0, 0))
	l.order("the last format that there can be", ErrVersion, StepDocuments, number(0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
	l.order("format 2, longer than it must be", ErrFormat, StepDocuments, number(0x18, 2))
	l.order("format 255 in two bytes", ErrFormat, StepDocuments, number(0x19, 0, 255))
	l.order("a format below zero", ErrFormat, StepDocuments, number(0x20))
	l.order("a format in text", ErrFormat, StepDocuments, number(0x61, '1'))
	l.order("a format that ends early", ErrFormat, StepDocuments, rawBody(func(b []byte) []byte { return []byte{b[0], 0x01, 0x19, 0x01} }))
	l.order("no format", ErrFormat, StepDocuments, rawBody(func(b []byte) []byte { b[0]--; return slices.Delete(b, 1, 3) }))
	l.order("a format that is not the first field", ErrFormat, StepDocuments, rawBody(func(b []byte) []byte {
		return slices.Concat(b[:1], b[3:5], []byte{0x01, 0x02}, b[5:])
	}))
	l.order("nothing but a map", ErrFormat, StepDocuments, rawBody(func([]byte) []byte { return []byte{0xa1} }))

	// The documents are read in their order, each to its end.
	l.order("a prescription out of form, and a release of another format", ErrFormat, StepDocuments, sent(ActProgram, func(d *draft) {
		d.p.Serial = ""
		d.release = func(r *Release) { r.V = 2 }
	}))
	l.order("a prescription of another format, and a release out of form", ErrVersion, StepDocuments, sent(ActProgram, func(d *draft) {
		d.p.V = 2
		d.release = func(r *Release) { r.Person = "" }
	}))
	l.order("a release out of form, and an approval of another format", ErrFormat, StepDocuments, sent(ActProgram, func(d *draft) {
		d.release = func(r *Release) { r.Person = "" }
		d.votes[0].change = func(a *Approval) { a.V = 2 }
	}))
	l.order("a release of another format with an unknown field", ErrVersion, StepDocuments, sent(ActProgram, func(d *draft) {
		d.rawR = func(b []byte) []byte { b[0]++; b[2] = 2; return append(b, 0x18, 0x63, 0x01) }
	}))
	l.on("dn/stop", "a stop of another format with an unknown field", ErrVersion, StepDocuments, func(w *world) []byte {
		s := w.stopOf()
		b := s.Encode()
		b[0]++
		b[2] = 2
		b = append(b, 0x18, 0x63, 0x01)
		return EncodeStop(b, authOf("emil").sign(StopHash(b)))
	})

	// What is there and says nothing is refused in every field that may be absent.
	l.order("a library of zeros", ErrFormat, StepDocuments, sent(ActProgram, func(d *draft) { d.p.Library = &Digest{} }))
	l.order("a window of zeros", ErrFormat, StepDocuments, sent(ActBolus, func(d *draft) { d.p.Window = &ID{} }))
}

// keyLifeEdges: a key counts in its first and in its last second.
func keyLifeEdges(l *list) {
	const from, to = noon - 50*day, noon - 10*day
	l.group = "key life"
	approves := func(name string, code Code, step int, at, iat int64) {
		l.order(name, code, step, func(w *world) []byte {
			w.live("ben", from, to)
			w.view.Now = iat
			return w.send(ActProgram, func(d *draft) {
				d.votes[1].change = func(a *Approval) { a.SignedAt = at }
				d.release = func(r *Release) { r.IssuedAt, r.Expires = iat, iat+600 }
			})
		})
	}
	approves("control: an approval in it", Applied, StepAccept, to-1, noon)
	approves("an approval in its first second", Applied, StepAccept, from, noon)
	approves("an approval in the second before", ErrKey, StepKeys, from-1, noon)
	approves("an approval in its last second", Applied, StepAccept, to, noon)
	approves("an approval in the second after", ErrKey, StepKeys, to+1, noon)
	last := to + int64(KeyOverlap.Seconds())
	release := func(name string, code Code, step int, iat int64) {
		l.order(name, code, step, func(w *world) []byte {
			w.live("ben", from, to)
			w.keyset.Expires = iat + day
			w.keyset.Issued = w.keyset.Expires - 80*day
			w.hold()
			w.view.Now = iat
			return w.send(ActProgram, func(d *draft) {
				d.p.NotBefore, d.p.Expires = iat-day, iat+day
				d.votes[1].change = func(a *Approval) { a.SignedAt = to }
				d.release = func(r *Release) { r.IssuedAt, r.Expires = iat, iat+600 }
			})
		})
	}
	release("released 31 days after its end", Applied, StepAccept, last)
	release("released 31 days and a second after its end", ErrKey, StepKeys, last+1)
	own := func(name string, code Code, step int, first, end int64) {
		l.order(name, code, step, func(w *world) []byte {
			w.live("dora", first, end)
			return w.send(ActProgram, func(d *draft) { d.release = func(r *Release) { r.IssuedAt, r.Expires = noon, noon+600 } })
		})
	}
	own("a release in its first second", Applied, StepAccept, noon, noon+day)
	own("a release in the second before", ErrKey, StepKeys, noon+1, noon+day)
	own("a release in its last second", Applied, StepAccept, noon-day, noon)
	own("a release in the second after", ErrKey, StepKeys, noon-day, noon-1)
	stops := func(name string, code Code, step int, first, end int64) {
		l.on("dn/stop", name, code, step, func(w *world) []byte {
			w.live("emil", first, end)
			s := w.stopOf()
			s.IssuedAt, s.Expires = noon, noon+600
			return signStop(s, "emil")
		})
	}
	stops("a stop in its first second", Applied, StepAccept, noon, noon+day)
	stops("a stop in the second before", ErrKey, StepKeys, noon+1, noon+day)
	stops("a stop in its last second", Applied, StepAccept, noon-day, noon)
	stops("a stop in the second after", ErrKey, StepKeys, noon-day, noon-1)
}

// live gives somebody's keys another life.
func (w *world) live(person string, from, to int64) {
	for i := range w.keyset.Keys {
		if k := &w.keyset.Keys[i]; k.Person == person {
			k.NotBefore, k.NotAfter = from, to
		}
	}
	w.hold()
}

// zoneEdges: people sign the zone that a pump will follow, UTC as any other.
func zoneEdges(l *list) {
	l.group = "zone"
	zone := func(z int32) func(*world) []byte {
		return sent(ActClock, func(d *draft) { d.p.Zone = &z })
	}
	l.order("UTC, which is 0 and is written", Applied, StepAccept, zone(0))
	l.order("no zone", ErrFormat, StepDocuments, sent(ActClock, func(d *draft) { d.p.Zone = nil }))
	l.order("the furthest east", Applied, StepAccept, zone(50_400))
	l.order("the furthest west", Applied, StepAccept, zone(-50_400))
	l.order("a zone of UTC in a resume", ErrFormat, StepDocuments, func(w *world) []byte {
		w.view.State.Run = wire.Stopped
		return w.send(ActResume, func(d *draft) { d.p.Zone = new(int32) })
	})
}
