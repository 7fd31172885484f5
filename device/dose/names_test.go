package dose

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cisterna/device/units"
)

// TestJSON is the form of programs and contents on a screen's wire: names for
// modes and routes, digit strings for quantities.
func TestJSON(t *testing.T) {
	p := withPTM(flex(20_000, 40_000), somePTM)
	const text = `{"mode":"flex_day","cycle_s":"86400","segments":[{"offset_s":"0","duration_s":"43200","volume_nl":"20000"},{"offset_s":"43200","duration_s":"43200","volume_nl":"40000"}],"ptm":{"volume_nl":"5000","duration_s":"600","lockout_s":"14400","max_24h":4}}`
	b, err := json.Marshal(p)
	if err != nil || string(b) != text {
		t.Errorf("got %s, %v", b, err)
	}
	var back Program
	if err := json.Unmarshal(b, &back); err != nil || !cmp.Equal(p, back, blank) {
		t.Errorf("read back %+v, %v", back, err)
	}
	b, err = json.Marshal(weak)
	if want := `{"ingredients":[{"code":1,"conc_ng_ml":"10000000"}],"primary":0,"route":"intrathecal"}`; err != nil || string(b) != want {
		t.Errorf("got %s, %v", b, err)
	}
	for _, bad := range []string{`"flex"`, `""`, `4`, `"Stopped"`} {
		var m Mode
		if err := json.Unmarshal([]byte(bad), &m); err == nil || m != 0 {
			t.Errorf("mode %s was read as %s", bad, m)
		}
	}
	for _, bad := range []any{Mode(0), Mode(12), Route(0), Route(3), Severity(0), Severity(5)} {
		if b, err := json.Marshal(bad); err == nil {
			t.Errorf("%v was written as %s", bad, b)
		}
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		Continuous.String():               "continuous",
		Mode(0).String():                  "mode(0)",
		Epidural.String():                 "epidural",
		Route(9).String():                 "route(9)",
		WithdrawalDeadly.String():         "deadly",
		Severity(9).String():              "severity(9)",
		Baclofen.String():                 "baclofen",
		Code(1007).String():               "ingredient 1007",
		(Contents{}).Main().Code.String(): "ingredient 0",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	p := continuous(24_000_001)
	if err := p.Validate(peristaltic()); err == nil || err.Error() != "segments: segment 1 delivers 24.000001 mL in 24 h, at most 24 mL" {
		t.Errorf("got %v", err)
	}
	if got := ReasonOf(errors.New("other")); got != "" {
		t.Errorf("another error has reason %q", got)
	}
}

func TestSegmentAt(t *testing.T) {
	p := flex(1, 2, 3, 4)
	quarter := int64(units.Day) / 4 * 1000
	for i := range 4 {
		first := int64(i) * quarter
		if got := p.SegmentAt(first); got != i {
			t.Errorf("at %d: segment %d, want %d", first, got, i)
		}
		if got := p.SegmentAt(first + quarter - 1); got != i {
			t.Errorf("at %d: segment %d, want %d", first+quarter-1, got, i)
		}
	}
}

func TestUnbridgedRefusals(t *testing.T) {
	for name, f := range map[string]func() error{
		"no path":         func() error { _, _, err := Unbridged(0, weak, strong, Morphine, twoMGDay); return err },
		"no such drug":    func() error { _, _, err := Unbridged(1, weak, strong, Baclofen, twoMGDay); return err },
		"no dose":         func() error { _, _, err := Unbridged(1, weak, strong, Morphine, 0); return err },
		"dose of nothing": func() error { _, _, err := Unbridged(1, weak, strong, Morphine, 1); return err },
	} {
		if f() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// A drug that was not there before is simply missing meanwhile.
	if got, _, err := Unbridged(394_800, Contents{}, weak, Morphine, twoMGDay); err != nil || got != 0 {
		t.Errorf("new drug: %s, %v", got, err)
	}
}
