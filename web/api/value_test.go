package api

import (
	"encoding/json"
	"testing"
	"time"

	"cisterna/fleet/telemetry"
	"cisterna/internal/errs"
)

func TestValues(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for name, c := range map[string]struct {
		v    any
		want string
	}{
		"time":            {Time(time.Date(2026, 11, 22, 10, 4, 5, 6_789_000, berlin)), `"2026-11-22T09:04:05.006Z"`},
		"no time":         {Time{}, `null`},
		"maybe time":      {maybeTime(time.Unix(0, 0)), `"1970-01-01T00:00:00.000Z"`},
		"unknown time":    {maybeTime(time.Time{}), `null`},
		"large volume":    {some(digits(int64(9_007_199_254_740_993))), `"9007199254740993"`},
		"least":           {digits(int64(-9223372036854775808)), `"-9223372036854775808"`},
		"nothing":         {Maybe[Digits]{}, `null`},
		"text":            {notZero(`a"b`), `"a\"b"`},
		"empty text":      {notZero(""), `null`},
		"number":          {some(int64(-5)), `-5`},
		"small number":    {some(7), `7`},
		"struct":          {some(TopAlarm{Code: "X"}), `{"code":"X","title":"","priority":""}`},
		"empty page":      {Page[Item]{Items: []Item{}}, `{"items":[],"next":null}`},
		"id":              {maybeID(12), `"12"`},
		"no id":           {maybeID(0), `null`},
		"a page's values": {Page[int]{Items: []int{1}, Next: some("x")}, `{"items":[1],"next":"x"}`},
	} {
		got, err := json.Marshal(c.v)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v, want %s", name, got, err, c.want)
		}
	}
}

func TestIDs(t *testing.T) {
	if n, err := parseID("9223372036854775807", "pump"); err != nil || n != 9223372036854775807 {
		t.Errorf("largest id: %d, %v", n, err)
	}
	for _, s := range []string{"", "0", "-1", "+1", "01", "1.0", "1e3", " 1", "0x1", "9223372036854775808", "١", "1\x00"} {
		if n, err := parseID(s, "pump"); errs.KindOf(err) != errs.NotFound || n != 0 {
			t.Errorf("%q: %d, %v", s, n, err)
		}
		if s == "" {
			continue
		}
		if n, err := parseFilterID("pump", s); errs.KindOf(err) != errs.Invalid || n != 0 {
			t.Errorf("filter %q: %d, %v", s, n, err)
		}
	}
}

func FuzzMark(f *testing.F) {
	f.Add("1700000000000000.1.2.3")
	f.Add("0.0.0.0")
	f.Add("-1.1.1.1")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := readMark(s)
		if err != nil {
			if m != (telemetry.Mark{}) {
				t.Errorf("%q: a mark beside %v", s, err)
			}
			return
		}
		if got := writeMark(m); got != s {
			t.Errorf("%q is read as %q", s, got)
		}
	})
}
