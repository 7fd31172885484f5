package dose

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cisterna/device/units"
)

// blank ignores the field that makes a struct an array.
var blank = cmpopts.IgnoreUnexported(Segment{}, Ingredient{}, Limit{})

func unhex(t testing.TB, lines ...string) []byte {
	t.Helper()
	var b []byte
	for _, line := range lines {
		digits, _, _ := strings.Cut(line, "//")
		part, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, part...)
	}
	return b
}

// TestGoldenProgram fixes the bytes of a program: they are signed and hashed, so
// they never change.
func TestGoldenProgram(t *testing.T) {
	p := Program{
		Mode: FlexDay, Cycle: units.Day,
		Segments: []Segment{{Duration: 21_600, Volume: 40_000}, {Offset: 21_600, Duration: 64_800, Volume: 160_000}},
		PTM:      &PTM{Volume: 5_000, Duration: 600, Lockout: 14_400, Max24h: 4, Window: 43_200, MaxWindow: 2, ValidFor: 7_776_000},
	}
	want := unhex(t,
		"a4                   // map of 4",
		"01 04                // 1 mode: flex by day",
		"02 1a 00015180       // 2 cycle: 86,400 s",
		"03 82                // 3 segments: 2",
		"83 00 195460 199c40  //   offset 0 s, duration 21,600 s, volume 40,000 nL",
		"83 195460 19fd20 1a 00027100 // 21,600 s, 64,800 s, 160,000 nL",
		"04 a7                // 4 ptm: map of 7",
		"01 191388            //   1 volume 5,000 nL",
		"02 190258            //   2 duration 600 s",
		"03 193840            //   3 lockout 14,400 s",
		"04 04                //   4 at most 4 in 24 hours",
		"05 19a8c0            //   5 window 43,200 s",
		"06 02                //   6 at most 2 in it",
		"07 1a 0076a700       //   7 valid for 7,776,000 s",
	)
	if got := p.Encode(); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	back, err := DecodeProgram(want)
	if err != nil || !cmp.Equal(back, p, blank) {
		t.Errorf("read back %v:\n%s", err, cmp.Diff(p, back, blank))
	}
	const hash = "2ec3e6355bacd35762dc8382b0e6fff7b5e85eaaf87b661301e0b206404bb6dc"
	sum := p.Hash()
	if got := hex.EncodeToString(sum[:]); got != hash {
		t.Errorf("hash %s, want %s", got, hash)
	}
}

func TestGoldenOff(t *testing.T) {
	want := unhex(t,
		"a3    // map of 3",
		"01 01 // 1 mode: stopped",
		"02 00 // 2 cycle: none",
		"03 80 // 3 segments: an empty list, not null",
	)
	if got := Off().Encode(); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestGoldenContents(t *testing.T) {
	c := Contents{Ingredients: []Ingredient{{Code: Morphine, Conc: 20_000_000}, {Code: Bupivacaine, Conc: 7_500_000}}, Route: Intrathecal}
	want := unhex(t,
		"a3                // map of 3",
		"01 82             // 1 ingredients: 2",
		"82 01 1a 01312d00 //   morphine, 20,000,000 ng/mL",
		"82 06 1a 007270e0 //   bupivacaine, 7,500,000 ng/mL",
		"02 00             // 2 primary: the first",
		"03 01             // 3 route: intrathecal",
	)
	if got := c.Encode(); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	back, err := DecodeContents(want)
	if err != nil || !back.Equal(c) {
		t.Errorf("read back %+v, %v", back, err)
	}
}

func TestGoldenLimits(t *testing.T) {
	l := morphineLimits()
	l.MaxRate, l.MinLockout, l.MaxPTM24h = 1_000_000, 3_600, 6
	want := unhex(t,
		"a4                               // map of 4",
		"01 81                            // 1 ingredients: 1",
		"84 01 1a 003d0900 1a 00e4e1c0 02 //   morphine, 4 mg in an hour, 15 mg in 24 hours, moderate withdrawal",
		"02 1a 000f4240                   // 2 highest rate 1,000,000 nL/day",
		"03 190e10                        // 3 least lockout 3,600 s",
		"04 06                            // 4 at most 6 boluses in 24 hours",
	)
	if got := l.Encode(); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	back, err := DecodeLimits(want)
	if err != nil || !cmp.Equal(back, l, blank) {
		t.Errorf("read back %+v, %v", back, err)
	}
}

// TestStrictDecode lists other encodings of, or beside, the smallest program.
func TestStrictDecode(t *testing.T) {
	for name, b := range map[string]string{
		"nothing":              "",
		"a number":             "00",
		"an unknown key":       "a4 0101 0200 0380 1800",
		"an unknown key 6":     "a4 0101 0200 0380 0600",
		"a key twice":          "a4 0101 0101 0200 0380",
		"keys out of order":    "a3 0200 0101 0380",
		"a long number":        "a3 011801 0200 0380",
		"a longer number":      "a3 01190001 0200 0380",
		"an indefinite map":    "bf 0101 0200 0380 ff",
		"an indefinite list":   "a3 0101 0200 039fff",
		"a tag":                "a3 01c101 0200 0380",
		"a float":              "a3 01f93c00 0200 0380",
		"null":                 "a3 0101 0200 03f6",
		"PTM of null":          "a4 0101 0200 0380 04f6",
		"undefined":            "a3 0101 0200 03f7",
		"a missing key":        "a2 0101 0380",
		"a text key":           "a3 613101 0200 0380",
		"a byte too many":      "a3 0101 0200 0380 00",
		"a byte too few":       "a3 0101 0200 03",
		"a negative cycle":     "a3 0101 0220 0380",
		"a mode beyond 8 bits": "a3 01190101 0200 0380",
		"an unknown mode":      "a3 010c 0200 0380",
		"a bool":               "a3 01f5 0200 0380",
		"a segment of two":     "a3 0103 021a00015180 0381 82001a00015180",
		"a segment of four":    "a3 0103 021a00015180 0381 84001a000151800000",
		"a segment as a map":   "a3 0103 021a00015180 0381 a0",
		"an empty then":        "a4 0101 0200 0380 0500",
	} {
		p, err := DecodeProgram(unhex(t, b))
		if err == nil || !cmp.Equal(p, Program{}, blank) {
			t.Errorf("%s: got %+v, %v", name, p, err)
		}
	}
	if _, err := DecodeProgram(make([]byte, MaxDocument+1)); ReasonOf(err) != BadForm {
		t.Errorf("oversize: %v", err)
	}
}

func FuzzDecodeProgram(f *testing.F) {
	f.Add(Off().Encode())
	f.Add(continuous(200_000).Encode())
	f.Add(withPTM(flex(20_000, 40_000), somePTM).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodeProgram(b)
		if err != nil {
			if !cmp.Equal(p, Program{}, blank) {
				t.Fatalf("a value and an error: %+v, %v", p, err)
			}
			return
		}
		if !bytes.Equal(p.Encode(), b) {
			t.Fatalf("another encoding of %x: %x", p.Encode(), b)
		}
		// Whatever can be read can be checked without a crash.
		limits := morphineLimits()
		_ = Check(&p, weak, peristaltic(), &limits)
		if w, err := p.WorstCase(peristaltic()); err == nil && (w.Hour < 0 || w.Day < 0) {
			t.Fatalf("a negative worst case %+v of %+v", w, p)
		}
	})
}

func FuzzDecodeContents(f *testing.F) {
	f.Add(weak.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeContents(b)
		if (err != nil) != c.Empty() {
			t.Fatalf("%+v and %v", c, err)
		}
		if err == nil && !bytes.Equal(c.Encode(), b) {
			t.Fatalf("another encoding of %x: %x", c.Encode(), b)
		}
	})
}

func FuzzDecodeLimits(f *testing.F) {
	l := morphineLimits()
	f.Add(l.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := DecodeLimits(b)
		if err != nil {
			if !cmp.Equal(l, Limits{}, blank) {
				t.Fatalf("a value and an error: %+v, %v", l, err)
			}
			return
		}
		if !bytes.Equal(l.Encode(), b) {
			t.Fatalf("another encoding of %x: %x", l.Encode(), b)
		}
		_, _ = l.Ceiling(weak)
	})
}
