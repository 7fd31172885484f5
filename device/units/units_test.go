package units

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestMulDiv(t *testing.T) {
	const big62 = int64(1) << 62
	tests := []struct {
		name    string
		a, b, c int64
		r       Rounding
		want    int64
		err     error
	}{
		{"floor", 7, 1, 2, Floor, 3, nil},
		{"half up", 7, 1, 2, Nearest, 4, nil},
		{"below half", 10, 1, 3, Nearest, 3, nil},
		{"above half", 11, 1, 3, Nearest, 4, nil},
		{"ceil", 10, 1, 3, Ceil, 4, nil},
		{"exact stays", 9, 1, 3, Ceil, 3, nil},
		{"128-bit product", big62, 6, 8, Floor, big62 / 8 * 6, nil},
		{"most", math.MaxInt64, math.MaxInt64, math.MaxInt64, Ceil, math.MaxInt64, nil},
		{"one above most", math.MaxInt64, math.MaxInt64, math.MaxInt64 - 1, Floor, 0, ErrOverflow},
		{"product beyond 128/64", math.MaxInt64, math.MaxInt64, 1, Floor, 0, ErrOverflow},
		{"most times one", math.MaxInt64, 1, 1, Nearest, math.MaxInt64, nil},
		{"nothing", 0, math.MaxInt64, 7, Ceil, 0, nil},
		{"by nothing", 1, 1, 0, Floor, 0, ErrDivision},
		{"negative a", -1, 1, 1, Floor, 0, ErrNegative},
		{"negative b", 1, -1, 1, Floor, 0, ErrNegative},
		{"negative c", 1, 1, -1, Floor, 0, ErrNegative},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := MulDiv(tt.a, tt.b, tt.c, tt.r)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("MulDiv(%d, %d, %d) = %d, %v; want %d, %v", tt.a, tt.b, tt.c, got, err, tt.want, tt.err)
			}
		})
	}
}

// TestMulDivAgainstBig compares with arbitrary precision.
func TestMulDivAgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64Min(0).Draw(t, "a"), rapid.Int64Min(0).Draw(t, "b")
		c := rapid.Int64Min(1).Draw(t, "c")
		r := rapid.SampledFrom([]Rounding{Floor, Nearest, Ceil}).Draw(t, "r")
		product := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
		want, rest := new(big.Int).QuoRem(product, big.NewInt(c), new(big.Int))
		twice := new(big.Int).Lsh(rest, 1)
		if r == Ceil && rest.Sign() > 0 || r == Nearest && twice.Cmp(big.NewInt(c)) >= 0 {
			want.Add(want, big.NewInt(1))
		}
		got, err := MulDiv(a, b, c, r)
		switch {
		case err == nil && want.Cmp(big.NewInt(got)) != 0:
			t.Fatalf("got %d, want %s", got, want)
		case err != nil && (want.IsInt64() || got != 0):
			t.Fatalf("got %d, %v; want %s", got, err, want)
		}
	})
}

func TestAddSub(t *testing.T) {
	if v, err := Add(Volume(math.MaxInt64), 1); v != 0 || !errors.Is(err, ErrOverflow) {
		t.Errorf("overflow: %d, %v", v, err)
	}
	if v, err := Add(Volume(-1), 1); v != 0 || !errors.Is(err, ErrNegative) {
		t.Errorf("negative: %d, %v", v, err)
	}
	if v, err := Sub(Volume(1), 2); v != 0 || !errors.Is(err, ErrNegative) {
		t.Errorf("below zero: %d, %v", v, err)
	}
	if v, err := Sub(Volume(2), 2); v != 0 || err != nil {
		t.Errorf("to zero: %d, %v", v, err)
	}
}

// TestClinicalOracles are worked examples of the field.
func TestClinicalOracles(t *testing.T) {
	tests := []struct {
		name string
		got  func() (string, error)
		want string
	}{
		{"0.048 mL/day at 25 mcg/mL is the least dose of 1.2 mcg/day", func() (string, error) {
			m, err := mustVolume(t, "0.048 mL").Mass(mustConc(t, "25 mcg/mL"), Nearest)
			return m.String(), err
		}, "1.2 mcg"},
		{"19.2 mcg/day at 25 mcg/mL is 0.768 mL/day", func() (string, error) {
			v, err := mustMass(t, "19.2 mcg").Volume(mustConc(t, "25 mcg/mL"), Nearest)
			return v.String(), err
		}, "0.768 mL"},
		{"15 mg/day at 20 mg/mL is 0.75 mL/day", func() (string, error) {
			v, err := mustMass(t, "15 mg").Volume(mustConc(t, "20 mg/mL"), Nearest)
			return v.String(), err
		}, "0.75 mL"},
		{"0.3948 mL at 10 mg/mL is 3.948 mg", func() (string, error) {
			m, err := mustVolume(t, "0.3948 mL").Mass(mustConc(t, "10 mg/mL"), Nearest)
			return m.String(), err
		}, "3.948 mg"},
		{"20.5 mL of 18 mL expected is 1.139 times", func() (string, error) {
			n, err := Scale(mustVolume(t, "20.5 mL"), 1000, int64(mustVolume(t, "18 mL")), Nearest)
			return NL.Text(n), err
		}, "1139 nL"},
		{"14 mL of 18 mL expected is 0.778 times", func() (string, error) {
			n, err := Scale(mustVolume(t, "14 mL"), 1000, int64(mustVolume(t, "18 mL")), Nearest)
			return NL.Text(n), err
		}, "778 nL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.got()
			if err != nil || got != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func mustVolume(t *testing.T, s string) Volume { return mustParse(t, s, ParseVolume) }
func mustMass(t *testing.T, s string) Mass     { return mustParse(t, s, ParseMass) }
func mustConc(t *testing.T, s string) Conc     { return mustParse(t, s, ParseConc) }

func mustParse[T any](t *testing.T, s string, parse func(string) (T, error)) T {
	t.Helper()
	v, err := parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestJSON(t *testing.T) {
	type order struct {
		V Volume  `json:"v"`
		M Mass    `json:"m"`
		C Conc    `json:"c"`
		R Rate    `json:"r"`
		S Seconds `json:"s"`
	}
	const text = `{"v":"9007199254740993","m":"0","c":"20000000","r":"48000","s":"86400"}`
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	if o.V != 1<<53+1 {
		t.Errorf("2⁵³+1 came back as %d", o.V)
	}
	b, err := json.Marshal(o)
	if err != nil || string(b) != text {
		t.Errorf("got %s, %v", b, err)
	}
	for _, bad := range []string{`1`, `"-1"`, `"+1"`, `"1.0"`, `"1e3"`, `""`, `"01"`, `" 1"`, `null`, `"9223372036854775808"`, `"١"`, `true`, `{}`} {
		if err := json.Unmarshal([]byte(`{"v":`+bad+`}`), &o); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
	if _, err := json.Marshal(order{V: -1}); err == nil {
		t.Error("a negative volume was written")
	}
}
