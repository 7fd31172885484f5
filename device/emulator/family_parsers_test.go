package emulator

import (
	"bytes"
	mrand "math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// TestFamilyParsers: rubbish of every shape and size costs a bounded answer and no
// memory, changes nothing, and the next good document works.
func TestFamilyParsers(t *testing.T) {
	rubs := func(kind wire.Kind, good func(w *ward, s *desk) []byte) func(t *testing.T) {
		return func(t *testing.T) {
			w := newWard(t, deskStart)
			s := newDesk(t, w, profile.Sample("meander-p20"), 1)
			defer s.close()
			s.rubbish(t, kind, good(w, s))
		}
	}
	next := func(typ order.Type, w *ward, body []byte) []byte {
		signer := w.admin
		if typ == order.TypeLibrary {
			signer = w.pharm
		}
		return w.sign(t, typ, body, signer)
	}
	family{
		order: rubs(wire.DnOrder, func(w *ward, s *desk) []byte { return w.order(s.d.look(), order.ActProgram, more) }),
		stop:  rubs(wire.DnStop, func(w *ward, s *desk) []byte { return w.stop(s.d.look(), nil) }),
		keyset: rubs(wire.DnKeyset, func(w *ward, _ *desk) []byte {
			w.keys.Version++
			return next(order.TypeKeyset, w, w.keys.Encode())
		}),
		library: rubs(wire.DnLibrary, func(w *ward, _ *desk) []byte {
			w.lib.Version++
			return next(order.TypeLibrary, w, w.lib.Encode())
		}),
		answer: on(func(t *testing.T, s *scene) { // what a pump says of rubbish is small, whatever it was
			for _, b := range [][]byte{nil, {0}, bytes.Repeat([]byte{0x81}, 60_000), make([]byte, 60_000), bytes.Repeat([]byte("E_SIG"), 3_000)} {
				for _, kind := range []wire.Kind{wire.DnOrder, wire.DnStop, wire.DnKeyset, wire.DnLibrary} {
					n := len(s.sealed())
					s.send(kind, b)
					if all := s.sealed(); len(all) != n+1 || len(all[n]) > 2048 {
						t.Errorf("%d bytes of rubbish on %s: %d answers, the last of %d bytes", len(b), kind, len(all)-n, len(all[len(all)-1]))
					}
				}
			}
		}),
	}.play(t)
}

// rubbish puts rubbish before a pump, shaped like a good document and not, and then
// the document itself.
func (s *desk) rubbish(t *testing.T, kind wire.Kind, good []byte) {
	t.Helper()
	nested := bytes.Repeat([]byte{0x81}, 60_000)
	all := [][]byte{
		nil,
		{0},
		nested, bytes.Repeat([]byte{0xff}, 60_000), make([]byte, order.MaxEnvelope), make([]byte, order.MaxEnvelope+1),
		{0x86, 0x01, 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, // a byte string of 2⁶⁴ − 1 bytes
		{0x9a, 0xff, 0xff, 0xff, 0xff, 0x01},                               // an array of 2³² − 1 items
		{0x86, 0x01, 0xbf, 0xff},                                           // of no definite length
		append([]byte{0x86, 0x01, 0x59, 0x1f, 0xff}, nested...),
		append(bytes.Clone(good), 0),
		good[:len(good)-1],
	}
	rng := mrand.New(mrand.NewPCG(3, uint64(kind)))
	for range 2_000 {
		b := bytes.Clone(good)
		for range 1 + rng.IntN(4) { // cut, repeat, overwrite
			i, j := rng.IntN(len(b)), rng.IntN(len(b))
			i, j = min(i, j), max(i, j)
			switch rng.IntN(3) {
			case 0:
				b = slices.Delete(b, i, min(j, i+20))
			case 1:
				b = slices.Insert(b, i, b[i:min(j, i+20)]...)
			default:
				b[i] = byte(rng.Uint32())
			}
		}
		if !bytes.Equal(b, good) {
			all = append(all, b)
		}
	}
	before, docs := s.d.oracle(), s.d.docs
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	held := mem.HeapAlloc
	for i, b := range all {
		s.fresh()
		if got := s.read(kind, b); len(got) != 1 || got[0].Code == string(order.Applied) {
			t.Fatalf("%s %d: %+v", kind, i, got)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&mem)
	if mem.HeapAlloc > held+16<<20 {
		t.Errorf("it holds %d KiB more", (mem.HeapAlloc-held)>>10)
	}
	if s.d.oracle() != before || s.d.docs != docs {
		t.Error("rubbish changed the pump")
	}
	s.fresh()
	if got := s.read(kind, good); len(got) != 1 || got[0].Code != string(order.Applied) {
		t.Errorf("the next good one: %+v", got)
	}
}

// read delivers a document of any kind.
func (s *desk) read(kind wire.Kind, b []byte) []wire.Answer {
	doc := document{kind: kind, body: b}
	if doc.ordering() {
		got, _ := s.deliver(doc)
		return got
	}
	s.d.readDocument(doc)
	return s.taken()
}

// TestFamilyFloods: over its budget the pump looks at nothing, counts, and says so
// once; a flood of orders keeps no stop out.
func TestFamilyFloods(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		before, n := s.d.oracle(), len(s.g.answers(t))
		for range 500 {
			s.g.push(s.d.who.Link, wire.DnOrder, []byte("flood"))
		}
		stop := s.w.stop(s.d.look(), nil)
		s.g.push(s.d.who.Link, wire.DnStop, stop)
		pass(2 * time.Second)
		stopped := slices.ContainsFunc(s.g.answers(t)[n:], func(a wire.Answer) bool { return a.Doc == order.Hash(stop) && a.Code == string(order.Applied) })
		if !stopped {
			t.Error("the flood kept a stop out")
		}
		pass(3 * time.Minute)
		signed, missed, summaries := 0, uint64(0), 0
		for _, a := range s.g.answers(t)[n:] {
			switch {
			case a.Kind == wire.DnStop:
			case a.Code == string(order.ErrRate):
				summaries++
				missed += a.Missed
			default:
				signed++
			}
		}
		if signed > 30 || summaries != 1 || int(missed)+signed != 500 {
			t.Errorf("%d signed answers, %d summaries of %d", signed, summaries, missed)
		}
		if after := s.d.oracle(); after.counter != before.counter || after.program != before.program {
			t.Error("the flood changed the pump")
		}
		// Three stops in ten minutes are carried out; the fourth would only keep a
		// patient without a therapy.
		s.expect("a resume", wire.DnOrder, s.w.order(s.d.look(), order.ActResume, nil), order.Applied)
		for range 2 {
			s.expect("another stop", wire.DnStop, s.w.stop(s.d.look(), nil), order.Applied)
		}
		s.refused("the fourth", wire.DnStop, s.w.stop(s.d.look(), nil), order.ErrRate, true)
		pass(11 * time.Minute)
		s.expect("ten minutes later", wire.DnStop, s.w.stop(s.d.look(), nil), order.Applied)
	})
}
