package main

import (
	"testing"

	"cisterna/device/order"
	"cisterna/fleet/dosing"
)

// TestDoseChange: three people change a dose on a pump, then two do; the pump runs
// what was signed, and the record has it all.
func TestDoseChange(t *testing.T) {
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	for i, permille := range []int64{1080, 1050} {
		o := w.approved(p, w.more(p, permille))
		doc, err := order.DecodePrescription(o.Document)
		if err != nil {
			t.Fatal(err)
		}
		if want := []order.Class{order.ClassThree, order.ClassTwo}[i]; o.Class != want {
			t.Errorf("the change is of class %d, want %d", o.Class, want)
		}
		w.release(o.ID)
		w.ends(o.ID, dosing.Applied)
		want := doc.Program.Hash()
		if got := w.device(p).Status(); got.ProgramHash != order.Digest(want).String() {
			t.Errorf("the pump runs %s, signed was %x", got.ProgramHash, want)
		}
		eventually(t, "the server knows the new state", func() bool { r := w.report(p); return r.State.Program.Hash() == want })
	}
	if n := w.count(`SELECT count(*) FROM dosing_events WHERE state IN ('proposed', 'verified', 'approved', 'released', 'sent', 'applied')`); n < 12 {
		t.Errorf("%d events tell of two orders", n)
	}
}
