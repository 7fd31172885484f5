package order

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cisterna/device/dose"
	"cisterna/device/units"
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

// TestReportOfPath: what stands in the path is said, and judged by. A report without
// it is that of a pump that cannot say it, or has nothing to say.
func TestReportOfPath(t *testing.T) {
	w := newWorld()
	w.strong()
	r := ReportOf(&w.view)
	back, err := DecodeReport(r.Encode())
	if err != nil || !back.Bridge || !bytes.Equal(back.Encode(), r.Encode()) {
		t.Fatal(err, cmp.Diff(r, back))
	}
	v := back.View()
	if v.Left() != 200_000 || len(v.Path) != 1 || !v.Path[0].Contents.Equal(morphine(20*mgML)) || *v.Bridge != *w.view.Bridge {
		t.Errorf("%+v %+v", v.Path, v.Bridge)
	}
	for name, spoil := range map[string]func(*Report){
		"a pace without a bridge":   func(r *Report) { r.Bridge = false },
		"a pace without a path":     func(r *Report) { r.Path = nil },
		"a pace of nothing":         func(r *Report) { r.Pace = &dose.Dose{} },
		"a path that does not rise": func(r *Report) { r.Path = append(r.Path, r.Path[0]) },
		"a path of no contents":     func(r *Report) { r.Path = []Fluid{{Left: 1}} },
		"too many fluids": func(r *Report) {
			for i := range units.Volume(MaxPath) {
				r.Path = append(r.Path, Fluid{Contents: morphine(mgML), Left: 300_000 + i})
			}
		},
	} {
		bad := r
		bad.Path = slices.Clone(r.Path)
		spoil(&bad)
		if _, err := DecodeReport(bad.Encode()); CodeOf(err) != ErrFormat {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.Path, r.Pace = nil, nil
	if old, err := DecodeReport(r.Encode()); err != nil || !old.Bridge {
		t.Errorf("a report of a pump that does not say what its bridge clears: %v", err)
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
