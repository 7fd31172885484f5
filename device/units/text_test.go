package units

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		in   string
		want Mass
	}{
		{"0 mg", 0},
		{"0.5 mg", 500_000},
		{"1 mg", 1_000_000},
		{"0.000001 mg", 1},
		{"25 mcg", 25_000},
		{"19.2 mcg", 19_200},
		{"0.001 mcg", 1},
		{"7 ng", 7},
		{"9223372036854.775807 mg", 1<<63 - 1},
	}
	for _, tt := range tests {
		if got, err := ParseMass(tt.in); err != nil || got != tt.want {
			t.Errorf("ParseMass(%q) = %d, %v; want %d", tt.in, got, err, tt.want)
		}
	}
}

// TestParseRefusals lists the entries that have hurt people, with the words that
// tell the writer what to do.
func TestParseRefusals(t *testing.T) {
	tests := []struct{ in, reason string }{
		{".5 mg", "zero before the decimal point"},
		{"5. mg", "digits after the decimal point"},
		{"5.0 mg", "no zeros at the end"},
		{"0.50 mg", "no zeros at the end"},
		{"0,50 mg", "a comma is misread"},
		{"1,000 mg", "a comma is misread"},
		{"1e0 mg", "digits only"},
		{"1E3 mg", "digits only"},
		{"1e-3 mg", "sign or exponent"},
		{"+1 mg", "without a sign"},
		{"-1 mg", "without a sign"},
		{"NaN mg", "digits only"},
		{"Inf mg", "digits only"},
		{"0x10 mg", "digits only"},
		{"1_000 mg", "digits only"},
		{"1.2.3 mg", "digits only"},
		{"007 mg", "no zeros before"},
		{"00.5 mg", "no zeros before"},
		{"0.0000001 mg", "at most 6 decimals"},
		{"0.0001 mcg", "at most 3 decimals"},
		{"0.5 ng", "at most 0 decimals"},
		{"9223372036854.775808 mg", "too large"},
		{"99999999999999999999 ng", "too large"},
		{"25 µg", "write mc for micro"},
		{"25 μg", "write mc for micro"},
		{"25 ug", "write mc for micro"},
		{"1 g", "unknown unit"},
		{"1 MG", "unknown unit"},
		{"1 mL", "unknown unit"},
		{"1  mg", "exactly one space"},
		{"1 mg ", "exactly one space"},
		{" 1 mg", "one space"},
		{"1mg", "one space"},
		{"1", "one space"},
		{"", "one space"},
		{" mg", "one space"},
		{"١ mg", "digits only"},
		{"½ mg", "digits only"},
		{"1\x00 mg", "digits only"},
	}
	for _, tt := range tests {
		got, err := ParseMass(tt.in)
		var perr *ParseError
		if got != 0 || !errors.As(err, &perr) || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("ParseMass(%q) = %d, %v; want a refusal with %q", tt.in, got, err, tt.reason)
		}
	}
}

func TestText(t *testing.T) {
	tests := []struct{ got, want string }{
		{Mass(0).String(), "0 mcg"},
		{Mass(1).String(), "0.001 mcg"},
		{Mass(25_000).String(), "25 mcg"},
		{Mass(999_999).String(), "999.999 mcg"},
		{Mass(1_000_000).String(), "1 mg"},
		{Mass(500_000).String(), "500 mcg"},
		{MG.Text(500_000), "0.5 mg"},
		{Volume(394_800).String(), "0.3948 mL"},
		{Conc(25_000).String(), "25 mcg/mL"},
		{Conc(20_000_000).String(), "20 mg/mL"},
		{Rate(48_000).String(), "0.048 mL/day"},
		{Volume(-394_800).String(), "-0.3948 mL"},
		{ML.Number(394_800, 3, Nearest), "0.395"},
		{ML.Number(394_800, 3, Floor), "0.394"},
		{ML.Number(394_200, 3, Ceil), "0.395"},
		{ML.Number(999_600, 3, Nearest), "1"},
		{ML.Number(400_000, 3, Nearest), "0.4"},
		{ML.Number(400_000, 99, Nearest), "0.4"},
		{ML.Number(1_400_000, 0, Nearest), "1"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestSeconds(t *testing.T) {
	tests := []struct {
		s    Seconds
		text string
	}{
		{0, "0 s"},
		{45, "45 s"},
		{90 * Minute, "1 h 30 min"},
		{9_000, "2 h 30 min"},
		{48 * Hour, "48 h"},
		{170_554, "47 h 22 min 34 s"},
		{3 * Day, "3 d"},
		{90*Day + 1, "90 d 1 s"},
	}
	for _, tt := range tests {
		if got := tt.s.String(); got != tt.text {
			t.Errorf("%d s prints %q, want %q", int64(tt.s), got, tt.text)
		}
		if got, err := ParseSeconds(tt.text); err != nil || got != tt.s {
			t.Errorf("ParseSeconds(%q) = %d, %v", tt.text, got, err)
		}
	}
	if got, err := ParseSeconds("90 min"); err != nil || got != 5400 {
		t.Errorf("90 min: %d, %v", got, err)
	}
	for _, bad := range []string{"", "0 h", "1", "1 h 60 min", "5 min 1 h", "1 h 1 h", "1.5 h", "-1 h", "1 H", "1h", "1 h  2 min", "3 d 24 h", "99999999999999999 d", "9223372036854775807 s 1 s", "1 h 9223372036854775807 min"} {
		if got, err := ParseSeconds(bad); err == nil || got != 0 {
			t.Errorf("ParseSeconds(%q) = %d, %v; want a refusal", bad, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0.5 mg", "25 mcg", "0.395 mL", "10 mg/mL", "0.048 mL/day", "2 h 30 min", ".5 mg", "1e0 mg", "0,50 mL", "+1 ng", "NaN", "1 µg", "0 s", "9223372036854775807 nL"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		roundTrip(t, s, ParseMass, Mass.String)
		roundTrip(t, s, ParseVolume, Volume.String)
		roundTrip(t, s, ParseConc, Conc.String)
		roundTrip(t, s, ParseRate, Rate.String)
		roundTrip(t, s, ParseSeconds, Seconds.String)
	})
}

// roundTrip checks that a parser gives a value or an error, never both, and that
// what it read prints as something that it reads as the same.
func roundTrip[T ~int64](t *testing.T, s string, parse func(string) (T, error), text func(T) string) {
	t.Helper()
	v, err := parse(s)
	if err != nil {
		if v != 0 {
			t.Fatalf("%q gave %d and %v", s, v, err)
		}
		return
	}
	if v < 0 {
		t.Fatalf("%q gave %d", s, v)
	}
	again, err := parse(text(v))
	if err != nil || again != v {
		t.Fatalf("%q is %d, prints %q, reads back as %d, %v", s, v, text(v), again, err)
	}
}
