// Package units holds the quantities of an infusion: volumes, masses,
// concentrations, flow rates and durations.
//
// # Invariants
//
// A quantity is a whole number in one fixed unit, kept in its Go type: Volume
// in nanolitres (nL), Mass in nanograms (ng), Conc in nanograms per millilitre
// (ng/mL), Rate in nanolitres per day, Seconds in seconds. There are no floats.
// A quantity of a document is never negative; arithmetic goes through this
// package, which works on 128-bit intermediates and refuses overflow and
// negative results instead of wrapping. Every division names its rounding.
//
// # Text
//
// A person reads and writes "0.5 mg", "25 mcg/mL", "0.395 mL", "2 h 30 min":
// a leading zero, no trailing zeros, no exponent, one space, and "mcg" because
// a handwritten "µg" is read as "mg". JSON carries digit strings ("500000"),
// because JSON numbers lose digits in JavaScript; CBOR carries whole numbers.
// A parser returns a value or an error, never both.
package units

import (
	"errors"
	"math"
	"math/bits"
)

// The quantities.
type (
	Volume  int64 // nL
	Mass    int64 // ng
	Conc    int64 // ng/mL
	Rate    int64 // nL/day, for limits and for display; a program is made of volumes
	Seconds int64 // s
)

// Sizes that conversions need.
const (
	Millilitre Volume  = 1_000_000 // nL
	Milligram  Mass    = 1_000_000 // ng
	Microgram  Mass    = 1_000     // ng
	Minute     Seconds = 60
	Hour       Seconds = 3_600
	Day        Seconds = 86_400
	Week       Seconds = 7 * Day
)

// The errors of arithmetic. A caller that gets one has a number outside of what
// any pump can mean, and refuses.
var (
	ErrOverflow = errors.New("number too large")
	ErrNegative = errors.New("negative quantity")
	ErrDivision = errors.New("division by zero")
)

// Rounding names what happens to the rest of a division.
type Rounding uint8

// The roundings. Nearest rounds a half up.
const (
	Floor Rounding = iota
	Nearest
	Ceil
)

// Add returns a+b. It refuses negative arguments and overflow.
func Add[T ~int64](a, b T) (T, error) {
	switch {
	case a < 0 || b < 0:
		return 0, ErrNegative
	case a > math.MaxInt64-b:
		return 0, ErrOverflow
	}
	return a + b, nil
}

// Sub returns a−b. It refuses negative arguments and a negative result.
func Sub[T ~int64](a, b T) (T, error) {
	if a < 0 || b < 0 || a < b {
		return 0, ErrNegative
	}
	return a - b, nil
}

// MulDiv returns a×b÷c with a 128-bit product, rounded as named. It refuses
// negative arguments, c = 0 and results beyond int64.
func MulDiv(a, b, c int64, r Rounding) (int64, error) {
	if a < 0 || b < 0 || c < 0 {
		return 0, ErrNegative
	}
	if c == 0 {
		return 0, ErrDivision
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return 0, ErrOverflow
	}
	q, rest := bits.Div64(hi, lo, uint64(c))
	if r == Ceil && rest > 0 || r == Nearest && rest >= uint64(c)-rest {
		q++
	}
	if q > math.MaxInt64 {
		return 0, ErrOverflow
	}
	return int64(q), nil
}

// Mass returns how much of an ingredient of concentration c the volume holds:
// nL × ng/mL ÷ 10⁶.
func (v Volume) Mass(c Conc, r Rounding) (Mass, error) {
	m, err := MulDiv(int64(v), int64(c), int64(Millilitre), r)
	return Mass(m), err
}

// Volume returns the volume that holds the mass at concentration c:
// ng × 10⁶ ÷ ng/mL.
func (m Mass) Volume(c Conc, r Rounding) (Volume, error) {
	v, err := MulDiv(int64(m), int64(Millilitre), int64(c), r)
	return Volume(v), err
}

// Part returns the part of the volume that flows in elapsed of d at constant
// rate: v × elapsed ÷ d.
func (v Volume) Part(elapsed, d Seconds, r Rounding) (Volume, error) {
	p, err := MulDiv(int64(v), int64(elapsed), int64(d), r)
	return Volume(p), err
}

// Over returns the flow rate of the volume spread over d.
func (v Volume) Over(d Seconds, r Rounding) (Rate, error) {
	n, err := MulDiv(int64(v), int64(Day), int64(d), r)
	return Rate(n), err
}

// In returns the volume that flows in d.
func (f Rate) In(d Seconds, r Rounding) (Volume, error) {
	v, err := MulDiv(int64(f), int64(d), int64(Day), r)
	return Volume(v), err
}

// Scale returns n × num ÷ den of any quantity, as for permille limits.
func Scale[T ~int64](n T, num, den int64, r Rounding) (T, error) {
	v, err := MulDiv(int64(n), num, den, r)
	return T(v), err
}
