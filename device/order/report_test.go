package order

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReport: what a pump says of itself makes the view that it judges by.
func TestReport(t *testing.T) {
	w := newWorld()
	r := ReportOf(&w.view)
	back, err := DecodeReport(r.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back.Encode(), r.Encode()) {
		t.Fatal(cmp.Diff(r, back))
	}
	v := back.View()
	v.Pump, v.Serial, v.Root, v.Keyset, v.Library, v.Before = w.view.Pump, w.view.Serial, w.view.Root, w.view.Keyset, w.view.Library, w.view.Before
	v.Range, v.Rule, v.Now, v.Mono, v.Windows = w.view.Range, w.view.Rule, w.view.Now, w.view.Mono, w.view.Windows
	p := w.prescription(ActProgram)
	if f := Examine(&p, &v); len(f.Refusals) > 0 || f.Class != ClassTwo {
		t.Errorf("a good proposal of class %d is refused: %v", f.Class, f.Refusals)
	}
}

// FuzzDecodeReport: never a panic, and one form.
func FuzzDecodeReport(f *testing.F) {
	w := newWorld()
	r := ReportOf(&w.view)
	f.Add(r.Encode())
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeReport(b)
		if err == nil && !bytes.Equal(r.Encode(), b) {
			t.Errorf("%x has another form", b)
		}
	})
}
