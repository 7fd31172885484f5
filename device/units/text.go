package units

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Unit is a name that people write behind a number of one quantity. The
// decimals are those that make one step of the quantity exact: an entry with
// more decimals cannot be meant.
type Unit[T ~int64] struct {
	name     string
	decimals int
}

// Name returns the unit as it is written, "mg/mL".
func (u Unit[T]) Name() string { return u.name }

// Decimals returns the most decimals that a number in this unit may have.
func (u Unit[T]) Decimals() int { return u.decimals }

// The units of each quantity.
var (
	MG  = Unit[Mass]{"mg", 6}
	MCG = Unit[Mass]{"mcg", 3}
	NG  = Unit[Mass]{"ng", 0}

	ML  = Unit[Volume]{"mL", 6}
	MCL = Unit[Volume]{"mcL", 3}
	NL  = Unit[Volume]{"nL", 0}

	MGPerML  = Unit[Conc]{"mg/mL", 6}
	MCGPerML = Unit[Conc]{"mcg/mL", 3}
	NGPerML  = Unit[Conc]{"ng/mL", 0}

	MLPerDay = Unit[Rate]{"mL/day", 6}
	NLPerDay = Unit[Rate]{"nL/day", 0}
)

// ParseError says why a text is not a quantity, in words for the person who
// wrote it.
type ParseError struct {
	Text   string
	Reason string
}

// Error quotes the text and gives the reason.
func (e *ParseError) Error() string { return fmt.Sprintf("%q: %s", e.Text, e.Reason) }

func refuse(text, reason string) error {
	if len(text) > 40 {
		text = text[:40] + "…"
	}
	return &ParseError{Text: text, Reason: reason}
}

// ParseMass reads "0.5 mg", "25 mcg" or "7 ng".
func ParseMass(s string) (Mass, error) { return parseAny(s, MG, MCG, NG) }

// ParseVolume reads "0.395 mL", "5 mcL" or "250 nL".
func ParseVolume(s string) (Volume, error) { return parseAny(s, ML, MCL, NL) }

// ParseConc reads "10 mg/mL", "25 mcg/mL" or "250 ng/mL".
func ParseConc(s string) (Conc, error) { return parseAny(s, MGPerML, MCGPerML, NGPerML) }

// ParseRate reads "0.2 mL/day" or "200000 nL/day".
func ParseRate(s string) (Rate, error) { return parseAny(s, MLPerDay, NLPerDay) }

func parseAny[T ~int64](s string, units ...Unit[T]) (T, error) {
	number, name, ok := strings.Cut(s, " ")
	if !ok || number == "" {
		return 0, refuse(s, "write a number, one space and a unit, as in \"0.5 "+units[0].name+"\"")
	}
	for _, u := range units {
		if u.name == name {
			return u.Parse(number)
		}
	}
	return 0, refuse(s, unitHint(name, units))
}

// unitHint names the right spelling of the units that people get wrong most.
func unitHint[T ~int64](name string, units []Unit[T]) string {
	names := make([]string, len(units))
	for i, u := range units {
		names[i] = u.name
	}
	if strings.Contains(name, "µ") || strings.Contains(name, "μ") || strings.HasPrefix(name, "ug") || strings.HasPrefix(name, "uL") {
		return "write mc for micro, as in \"mcg\": µ is misread as m"
	}
	if strings.TrimSpace(name) != name || name == "" {
		return "write exactly one space between number and unit"
	}
	return "unknown unit; use " + strings.Join(names, ", ")
}

// Parse reads a bare number meant in this unit, as it comes out of an entry
// field whose unit is printed beside it. It refuses signs, exponents, commas,
// missing leading zeros, trailing zeros and more decimals than the unit has.
func (u Unit[T]) Parse(s string) (T, error) {
	whole, fraction, pointed := strings.Cut(s, ".")
	switch {
	case s == "":
		return 0, refuse(s, "write a number")
	case strings.ContainsAny(s, ","):
		return 0, refuse(s, "write a decimal point and no thousands separators: a comma is misread")
	case strings.ContainsAny(s, "+-"):
		return 0, refuse(s, "write the number without a sign or exponent")
	case whole == "" && pointed:
		return 0, refuse(s, "write a zero before the decimal point")
	case pointed && fraction == "":
		return 0, refuse(s, "write digits after the decimal point, or none of it")
	case !digits(whole) || !digits(fraction):
		return 0, refuse(s, "write digits only, with at most one decimal point")
	case len(whole) > 1 && whole[0] == '0':
		return 0, refuse(s, "write no zeros before the first digit")
	case pointed && fraction[len(fraction)-1] == '0':
		return 0, refuse(s, "write no zeros at the end of the decimals: 5.0 is misread as 50")
	case len(fraction) > u.decimals:
		return 0, refuse(s, fmt.Sprintf("a number in %s has at most %d decimals", u.name, u.decimals))
	}
	n, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", u.decimals-len(fraction)), 10, 64)
	if err != nil || n > math.MaxInt64 {
		return 0, refuse(s, "the number is too large")
	}
	return T(n), nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Text writes q exactly, as in "0.5 mg". Parse reads it back.
func (u Unit[T]) Text(q T) string { return u.Number(q, u.decimals, Floor) + " " + u.name }

// Number writes q without its unit and rounds it to at most decimals, for
// screens that show less than is programmed.
func (u Unit[T]) Number(q T, decimals int, r Rounding) string {
	n, sign := uint64(q), ""
	if q < 0 {
		n, sign = -n, "-"
	}
	decimals = max(0, min(decimals, u.decimals))
	step := pow10(u.decimals - decimals)
	rest := n % step
	n /= step
	if r == Ceil && rest > 0 || r == Nearest && rest >= step-rest {
		n++
	}
	scale := pow10(decimals)
	text := sign + strconv.FormatUint(n/scale, 10)
	if fraction := n % scale; fraction > 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%0*d", decimals, fraction), "0")
	}
	return text
}

func pow10(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// String writes the mass exactly, in mg from 1 mg on and in mcg below.
func (m Mass) String() string {
	if m < Milligram {
		return MCG.Text(m)
	}
	return MG.Text(m)
}

// String writes the volume exactly in mL.
func (v Volume) String() string { return ML.Text(v) }

// String writes the concentration exactly, in mg/mL from 1 mg/mL on and in
// mcg/mL below.
func (c Conc) String() string {
	if c < Conc(Milligram) {
		return MCGPerML.Text(c)
	}
	return MGPerML.Text(c)
}

// String writes the rate exactly in mL/day.
func (f Rate) String() string { return MLPerDay.Text(f) }
