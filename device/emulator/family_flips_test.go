package emulator

import (
	"bytes"
	mrand "math/rand/v2"
	"testing"

	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// TestFamilyByteFlips flips each byte of each kind of good document: all of them are
// refused, and nothing is spent.
func TestFamilyByteFlips(t *testing.T) {
	documents := func(name string, make func(w *ward, v order.View) document) func(t *testing.T) {
		return func(t *testing.T) {
			w, s := flipDesk(t)
			flipOrder(t, s, name, make(w, s.d.look()))
		}
	}
	family{
		order: func(t *testing.T) {
			for name, make := range map[string]func(w *ward, v order.View) document{
				"program": func(w *ward, v order.View) document {
					return document{kind: wire.DnOrder, body: w.order(v, order.ActProgram, more)}
				},
				"bolus": func(w *ward, v order.View) document {
					return document{kind: wire.DnOrder, body: w.order(v, order.ActBolus, nil)}
				},
				"visit": func(w *ward, v order.View) document {
					return document{kind: wire.DnOrder, body: w.order(v, order.ActVisit, nil)}
				},
				"withdrawal": func(w *ward, v order.View) document {
					return document{kind: wire.DnOrder, body: w.withdraw(v, order.Digest{1})}
				},
			} {
				t.Run(name, documents(name, make))
			}
		},
		stop:    documents("stop", func(w *ward, v order.View) document { return document{kind: wire.DnStop, body: w.stop(v, nil)} }),
		keyset:  func(t *testing.T) { w, s := flipDesk(t); flipTrust(t, s, wire.DnKeyset, w.keyset) },
		library: func(t *testing.T) { w, s := flipDesk(t); flipTrust(t, s, wire.DnLibrary, w.library) },
		answer:  flipAnswer,
	}.play(t)
	t.Run("root", func(t *testing.T) { w, s := flipDesk(t); flipTrust(t, s, wire.DnRoot, w.rootDoc) })
	t.Run("profile", func(t *testing.T) {
		w, s := flipDesk(t)
		flipTrust(t, s, wire.DnProfile, w.profile(t, profile.Sample("meander-p20")))
	})
}

func flipDesk(t *testing.T) (*ward, *desk) {
	w := newWard(t, deskStart)
	s := newDesk(t, w, profile.Sample("meander-p20"), 1)
	t.Cleanup(s.close)
	return w, s
}

// flipped returns the document with each byte in turn changed by chance.
func flipped(b []byte) func(yield func(int, []byte) bool) {
	rng := mrand.New(mrand.NewPCG(1, uint64(len(b))))
	return func(yield func(int, []byte) bool) {
		for i := range b {
			bad := bytes.Clone(b)
			bad[i] ^= byte(1 + rng.IntN(255))
			if !yield(i, bad) {
				return
			}
		}
	}
}

func flipOrder(t *testing.T, s *desk, name string, doc document) {
	t.Helper()
	before := s.d.oracle()
	for i, bad := range flipped(doc.body) {
		s.fresh()
		got, _ := s.deliver(document{kind: doc.kind, body: bad})
		if len(got) != 1 || got[0].Code == string(order.Applied) {
			t.Fatalf("%s: byte %d: %+v", name, i, got)
		}
	}
	if s.d.oracle() != before {
		t.Fatalf("%s: the flips changed the pump", name)
	}
	s.fresh()
	if got, _ := s.deliver(doc); len(got) != 1 || got[0].Code != string(order.Applied) {
		t.Fatalf("%s, as it was signed: %+v", name, got)
	}
}

func flipTrust(t *testing.T, s *desk, kind wire.Kind, doc []byte) {
	t.Helper()
	for i, bad := range flipped(doc) {
		if _, code, err := s.f.shelf.take(s.d.docs, kind, bad); code == codeApplied || err == nil {
			t.Fatalf("%s: byte %d is taken", kind, i)
		}
	}
	if _, code, err := s.f.shelf.take(s.d.docs, kind, doc); code != codeApplied || err != nil {
		t.Fatalf("%s, as it was signed: %s, %v", kind, code, err)
	}
}

// flipAnswer: no byte of an answer can be changed on its way.
func flipAnswer(t *testing.T) {
	_, s := flipDesk(t)
	s.d.mu.Lock()
	s.d.answer(document{kind: wire.DnOrder, body: []byte{1}}, "applied", "")
	sealed := s.d.answers[0]
	s.d.answers = nil
	s.d.mu.Unlock()
	holds := func(b []byte) bool {
		env, err := wire.OpenEnvelope(b)
		return err == nil && s.d.PublicKey().Verify(wire.UpAck, env.Payload, env.Sig)
	}
	if !holds(sealed) {
		t.Fatal("the answer does not hold as it was signed")
	}
	for i, bad := range flipped(sealed) {
		if holds(bad) {
			t.Fatalf("byte %d can be changed", i)
		}
	}
}
