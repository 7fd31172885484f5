package order

import (
	"bytes"
	"errors"
	"testing"

	"cisterna/device/wire"
)

// FuzzVerify: whatever comes, never a panic, and never an acceptance of what
// nobody signed. The seeds are signed documents of every kind; a change of one
// may only be taken for the same release spelt otherwise.
func FuzzVerify(f *testing.F) {
	w := newWorld()
	signed := map[Digest]bool{}
	for a := ActProgram; a <= ActClock; a++ {
		b := w.send(a, nil)
		f.Add(b, false)
		signed[w.deliver(b).Document] = true
	}
	stop, take := signStop(w.stopOf(), "emil"), signWithdraw(w.withdrawOf(Digest{1}), "anna")
	f.Add(stop, true)
	f.Add(take, false)
	signed[w.deliverStop(stop).Document], signed[w.deliver(take).Document] = true, true
	memory := w.view.Memory.Encode()
	f.Fuzz(func(t *testing.T, b []byte, onStop bool) {
		d := Delivery{Kind: wire.DnOrder, Bytes: b}
		if onStop {
			d.Kind = wire.DnStop
		}
		v := Verify(d, &w.view)
		if v.Code == "" || v.Step < StepCarrier || v.Step > StepAccept {
			t.Fatalf("%q at step %d", v.Code, v.Step)
		}
		if (v.Effect != nil || v.Burned) && !signed[v.Document] {
			t.Fatalf("%s: nobody signed %s", v.Code, v.Document)
		}
		if !bytes.Equal(w.view.Memory.Encode(), memory) {
			t.Fatal("the view was changed")
		}
	})
}

// FuzzDocuments: whatever decodes is the one encoding of what it says, and a
// decoder gives a value or a refusal, never both.
func FuzzDocuments(f *testing.F) {
	w := newWorld()
	for a := ActProgram; a <= ActClock; a++ {
		p := w.prescription(a)
		f.Add(p.Encode())
	}
	e, err := OpenEnvelope(w.send(ActVisit, nil))
	if err != nil {
		f.Fatal(err)
	}
	s, x, m := w.stopOf(), w.withdrawOf(Digest{1}), w.view.Memory
	for _, b := range [][]byte{e.Release, e.Approvals[0].Statement, s.Encode(), x.Encode(), m.Encode(), w.view.State.Encode(), w.keyset.Encode(), w.library.Encode()} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		roundTrip(t, b, DecodePrescription)
		roundTrip(t, b, DecodeApproval)
		roundTrip(t, b, DecodeRelease)
		roundTrip(t, b, DecodeStop)
		roundTrip(t, b, DecodeWithdraw)
		roundTrip(t, b, DecodeMemory)
		roundTrip(t, b, DecodeState)
		roundTrip(t, b, OpenEnvelope)
	})
}

func roundTrip[T any](t *testing.T, b []byte, decode func([]byte) (T, error)) {
	t.Helper()
	v, err := decode(b)
	var none T
	switch {
	case err != nil && !errors.Is(err, ErrRefused):
		t.Fatalf("%T: %v is no refusal", v, err)
	case err != nil && !bytes.Equal(encode(v), encode(none)):
		t.Fatalf("%T: a value and a refusal", v)
	case err == nil && !bytes.Equal(encode(v), b):
		t.Fatalf("%T: not the one encoding", v)
	}
}
