package recall

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cisterna/fleet/registry"
	"cisterna/internal/errs"
)

func TestParseSerial(t *testing.T) {
	for in, want := range map[string]Serial{
		"NGP123456H": {"NGP", "123456", "H"}, "me000001": {"ME", "000001", ""}, "A1-B22": {"A1-B", "22", ""}, "7": {"", "7", ""},
	} {
		if got, ok := ParseSerial(in); !ok || got != want {
			t.Errorf("%s: %+v, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "ABC", " - "} {
		if got, ok := ParseSerial(in); ok {
			t.Errorf("%q is %+v", in, got)
		}
	}
}

func TestRanges(t *testing.T) {
	for _, r := range []Range{{"NGP100000H", "NGP199999H"}, {"ngp100000h", "NGP100001H"}, {"X", "X"}} {
		if _, err := r.check(); err != nil {
			t.Errorf("%v: %v", r, err)
		}
	}
	for name, r := range map[string]Range{
		"empty": {"", "A1"}, "no digits": {"AB", "CD"}, "other letters": {"NGP1", "NHP2"}, "other suffix": {"N1A", "N2B"}, "other width": {"N1", "N10"}, "backwards": {"N9", "N1"},
	} {
		if _, err := r.check(); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := Range{"NGP100000H", "NGP199999H"}
	for serial, want := range map[string]Verdict{
		"NGP100000H": Matches, "ngp150000h": Matches, "NGP199999H": Matches, "NGP200000H": Excluded, "NGP099999H": Excluded, "NHP150000H": Excluded, "NGP150000": Excluded,
		"NGP0150000H": Possible, "NGP15000H": Excluded, "NGP": Excluded,
	} {
		if got := r.judge(serial); got.Verdict != want {
			t.Errorf("%s: %+v, want %s", serial, got, want)
		}
	}
	// A leading zero that got lost is a slip that somebody has to look at.
	if got := (Range{"ME000100", "ME000200"}).judge("ME150"); got.Verdict != Possible || !strings.Contains(got.Why, "3 digits") {
		t.Errorf("a lost zero: %+v", got)
	}
}

// The order is that of the numbers, whatever their length in digits.
func TestRangeIsTheNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 18).Draw(t, "width")
		limit := int64(1)
		for range width {
			limit *= 10
		}
		n := func(name string) int64 { return rapid.Int64Range(0, limit-1).Draw(t, name) }
		a, b, s := n("a"), n("b"), n("s")
		if a > b {
			a, b = b, a
		}
		text := func(v int64) string {
			d := strings.Repeat("0", width)
			num := []byte(d)
			for i := width - 1; i >= 0; i-- {
				num[i] = byte('0' + v%10)
				v /= 10
			}
			return "Q" + string(num) + "z"
		}
		r, err := Range{text(a), text(b)}.check()
		if err != nil {
			t.Fatal(err)
		}
		want := Excluded
		if s >= a && s <= b {
			want = Matches
		}
		if got := r.judge(text(s)); got.Verdict != want {
			t.Fatalf("%s in %s: %+v", text(s), r, got)
		}
	})
}

// Any text is a serial number or is not; a range that is accepted has its own ends
// in it, and nothing else of the ends' neighbours panics.
func FuzzRange(f *testing.F) {
	f.Add("NGP1H", "NGP9H", "NGP5H")
	f.Add("", "1", "\x00")
	f.Fuzz(func(t *testing.T, a, b, s string) {
		r, err := Range{a, b}.check()
		if err != nil {
			return
		}
		if r.judge(r.First).Verdict != Matches || r.judge(r.Last).Verdict != Matches {
			t.Fatalf("the ends of %v are not in it", r)
		}
		_ = r.judge(s)
	})
}

func TestJudge(t *testing.T) {
	p := registry.Pump{Maker: "Meander", Model: "Meander P20", Serial: "ME000150", DI: "00643169001763", Facts: registry.Facts{Lot: "L7"}}
	in, out := []Range{{"ME000100", "ME000200"}}, []Range{{"ME000300", "ME000400"}}
	for name, c := range map[string]struct {
		maker  string
		change func(*registry.Pump)
		c      Criteria
		want   Verdict
		why    string
	}{
		"serial":                      {"Meander", nil, Criteria{Ranges: in}, Matches, "ME000150 is in ME000100 to ME000200"},
		"other maker":                 {"Tarn", nil, Criteria{Ranges: in}, Excluded, "maker is Meander"},
		"maker in other words":        {" meander ", nil, Criteria{Ranges: in}, Matches, ""},
		"maker not noted":             {"Meander", func(p *registry.Pump) { p.Maker = "" }, Criteria{Ranges: in}, Possible, "maker is not noted"},
		"no piece of it":              {"Meander", nil, Criteria{Ranges: out}, Excluded, "none of the ranges"},
		"lot":                         {"Meander", nil, Criteria{Ranges: out, Lots: []string{"l7"}}, Matches, "lot L7"},
		"other lot":                   {"Meander", nil, Criteria{Lots: []string{"L8"}}, Excluded, "lot L7 is not named"},
		"lot not noted":               {"Meander", func(p *registry.Pump) { p.Lot = "" }, Criteria{Ranges: out, Lots: []string{"L8"}}, Possible, "names lots"},
		"lot not noted, but serial":   {"Meander", func(p *registry.Pump) { p.Lot = "" }, Criteria{Ranges: in, Lots: []string{"L8"}}, Matches, "serial"},
		"model, all pieces":           {"Meander", nil, Criteria{Models: []string{"meander  p20"}}, Matches, "all pieces"},
		"other model":                 {"Meander", nil, Criteria{Models: []string{"Meander P40"}, Ranges: in}, Excluded, "model Meander P20 is not named"},
		"identifier":                  {"Meander", nil, Criteria{DeviceIDs: []string{"00643169001763"}, Ranges: in}, Matches, "identifier"},
		"other identifier":            {"Meander", nil, Criteria{DeviceIDs: []string{"1"}, Ranges: in}, Excluded, "not named"},
		"other identifier, but model": {"Meander", nil, Criteria{DeviceIDs: []string{"1"}, Models: []string{"Meander P20"}, Ranges: in}, Matches, "model"},
		"identifier not noted":        {"Meander", func(p *registry.Pump) { p.DI = "" }, Criteria{DeviceIDs: []string{"1"}, Ranges: in}, Possible, "not noted"},
		"excluded beats not known":    {"Meander", func(p *registry.Pump) { p.DI = "" }, Criteria{DeviceIDs: []string{"1"}, Ranges: out}, Excluded, "none of the ranges"},
	} {
		q := p
		if c.change != nil {
			c.change(&q)
		}
		if got := c.c.Judge(c.maker, q); got.Verdict != c.want || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: %+v, want %s because %q", name, got, c.want, c.why)
		}
	}
	if _, err := (Criteria{Models: []string{" "}}).check(); errs.KindOf(err) != errs.Invalid {
		t.Errorf("criteria that name nothing: %v", err)
	}
}
