package registry

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"cisterna/internal/errs"
)

// UDI is a unique device identifier, as the two issuing agencies that pump makers
// use encode it: the device identifier (which model) and the production
// identifiers (which piece). Values come from [ParseUDI].
type UDI struct {
	Agency string // "GS1" or "HIBCC"
	DI     string // GTIN-14, or the HIBC's labeler, product and unit of measure
	Lot    string
	Serial string
	Made   Date
	UseBy  Date
}

// ParseUDI reads an identifier as it is printed or scanned:
//
//   - GS1 in words, (01)00643169001763(17)261231(21)NGP123456H;
//   - GS1 as a scanner sends it, with or without a symbology identifier (]d2),
//     variable fields ended by FNC1, which arrives as the character GS (0x1D);
//     without any FNC1 only the last field may be of variable length;
//   - HIBC, +H123PARTNO1234567890120/$$420020216LOT123456789012345/SXYZ456789012345678/16D20130202H.
//
// Check digits must be right: of the GTIN modulo 10, of the HIBC modulo 43. Years
// of two digits are of this century. Fields that are not part of a device
// identifier are refused, as is one that appears twice.
func ParseUDI(s string) (UDI, error) {
	s = strings.TrimLeft(strings.TrimRight(s, "\r\n\t"), " \r\n\t")
	trimmed := strings.TrimRight(s, " ")
	switch {
	case trimmed == "":
		return UDI{}, badUDI("it is empty")
	case len(s) > 200:
		return UDI{}, badUDI("it is longer than 200 characters")
	case s[0] == '+' || strings.HasPrefix(s, "*+"):
		u, err := parseHIBC(s) // whose check character may be a space
		if err != nil && trimmed != s {
			return parseHIBC(trimmed)
		}
		return u, err
	case s[0] == '(':
		return parseGS1Words(trimmed)
	}
	return parseGS1Scan(trimmed)
}

// String returns the canonical form, which ParseUDI reads back to the same UDI.
func (u UDI) String() string {
	switch u.Agency {
	case agencyGS1:
		return u.gs1()
	case agencyHIBC:
		return u.hibc()
	}
	return ""
}

const (
	agencyGS1  = "GS1"
	agencyHIBC = "HIBCC"
)

func badUDI(format string, args ...any) error {
	return errs.InvalidField("udi", "The UDI cannot be right: %s.", fmt.Sprintf(format, args...))
}

// The GS1 application identifiers of a device: their length, or their greatest
// length if they are of variable length (GS1 General Specifications, 3.2).
var gs1Fields = map[string]struct {
	name   string
	length int
	fixed  bool
}{
	"01": {"GTIN", 14, true},
	"11": {"production date", 6, true},
	"17": {"expiration date", 6, true},
	"10": {"lot", 20, false},
	"21": {"serial number", 20, false},
}

const fnc1 = '\x1d'

func parseGS1Words(s string) (UDI, error) {
	u := UDI{Agency: agencyGS1}
	seen := map[string]bool{}
	for s != "" {
		if len(s) < 4 || s[0] != '(' || s[3] != ')' {
			return UDI{}, badUDI("want an application identifier such as (01) at %q", clip(s))
		}
		ai, rest := s[1:3], s[4:]
		f, ok := gs1Fields[ai]
		if !ok {
			return UDI{}, badUDI("(%s) is not part of a device identifier; known are (01), (10), (11), (17) and (21)", clip(ai))
		}
		// A fixed field has its length. A variable one may contain brackets, so
		// that only what looks like the next identifier ends it.
		n := f.length
		if !f.fixed {
			n = nextField(rest)
		}
		if n > len(rest) {
			return UDI{}, badUDI("the %s is too short", f.name)
		}
		if err := u.setGS1(ai, rest[:n], seen); err != nil {
			return UDI{}, err
		}
		s = rest[n:]
	}
	return u.complete(seen)
}

// nextField returns where the next known identifier in brackets begins.
func nextField(s string) int {
	for i := 1; i+4 <= len(s); i++ {
		if s[i] == '(' && s[i+3] == ')' {
			if _, ok := gs1Fields[s[i+1:i+3]]; ok {
				return i
			}
		}
	}
	return len(s)
}

func parseGS1Scan(s string) (UDI, error) {
	for _, id := range []string{"]d2", "]C1", "]Q3", "]e0", "]J1"} { // DataMatrix, GS1-128, QR, DataBar, DotCode
		if rest, ok := strings.CutPrefix(s, id); ok {
			s = rest
			break
		}
	}
	s = strings.TrimPrefix(s, string(fnc1))
	u := UDI{Agency: agencyGS1}
	seen := map[string]bool{}
	for s != "" {
		if len(s) < 2 {
			return UDI{}, badUDI("%q is left over at its end", s)
		}
		ai := s[:2]
		f, ok := gs1Fields[ai]
		if !ok {
			return UDI{}, badUDI("%q is not an application identifier of a device; known are 01, 10, 11, 17 and 21", clip(ai))
		}
		value, rest := s[2:], ""
		if f.fixed {
			if len(value) < f.length {
				return UDI{}, badUDI("the %s has %d characters, not %d", f.name, len(value), f.length)
			}
			value, rest = value[:f.length], strings.TrimPrefix(value[f.length:], string(fnc1))
		} else {
			value, rest, _ = strings.Cut(value, string(fnc1))
		}
		if err := u.setGS1(ai, value, seen); err != nil {
			return UDI{}, err
		}
		s = rest
	}
	return u.complete(seen)
}

func (u *UDI) setGS1(ai, value string, seen map[string]bool) error {
	f := gs1Fields[ai]
	if seen[ai] {
		return badUDI("the %s (%s) appears twice", f.name, ai)
	}
	seen[ai] = true
	if value == "" || len(value) > f.length {
		return badUDI("the %s has %d characters; 1 to %d are allowed. If a scanner left out its separators, type the form with brackets", f.name, len(value), f.length)
	}
	var err error
	switch ai {
	case "01":
		u.DI, err = value, checkGTIN(value)
	case "11":
		u.Made, err = gs1Date(f.name, value)
	case "17":
		u.UseBy, err = gs1Date(f.name, value)
	case "10":
		u.Lot, err = value, checkSet82(f.name, value)
	case "21":
		u.Serial, err = value, checkSet82(f.name, value)
	}
	return err
}

func (u UDI) complete(seen map[string]bool) (UDI, error) {
	if !seen["01"] {
		return UDI{}, badUDI("it has no device identifier (01)")
	}
	return u, nil
}

func checkGTIN(s string) error {
	sum := 0
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return badUDI("the GTIN %q is not 14 digits", clip(s))
		}
		weight := 1
		if i%2 == 0 {
			weight = 3
		}
		if i < len(s)-1 {
			sum += int(c-'0') * weight
		}
	}
	if strings.Trim(s, "0") == "" {
		return badUDI("the GTIN is all zeros")
	}
	if want := byte('0' + (10-sum%10)%10); s[len(s)-1] != want {
		return badUDI("the check digit of GTIN %s is %c, and should be %c; one digit is mistyped", s, s[len(s)-1], want)
	}
	return nil
}

// gs1Date reads YYMMDD; day 00 means the last of the month.
func gs1Date(name, s string) (Date, error) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return "", badUDI("the %s %q is not YYMMDD", name, clip(s))
		}
	}
	if s[4:] == "00" {
		t, err := time.Parse("060102", s[:4]+"01")
		if err != nil {
			return "", badUDI("the %s %q is not a date", name, s)
		}
		return centuryDate(t.AddDate(0, 1, -1)), nil
	}
	t, err := time.Parse("060102", s)
	if err != nil {
		return "", badUDI("the %s %q is not a date", name, s)
	}
	return centuryDate(t), nil
}

// centuryDate moves a date into this century: Go reads years from 69 as 19xx.
func centuryDate(t time.Time) Date {
	return Date("20" + t.Format("06-01-02"))
}

// gs1Words matches what would begin another field in the form with brackets.
var gs1Words = regexp.MustCompile(`\((01|10|11|17|21)\)`)

// checkSet82 checks for GS1's character set 82 (General Specifications, 7.11).
func checkSet82(name, s string) error {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("#$@[\\]^`{|}~", c) >= 0 {
			return badUDI("the %s contains %q, which GS1 does not allow", name, c)
		}
	}
	if gs1Words.MatchString(s) {
		return badUDI("the %s %q contains an application identifier in brackets", name, clip(s))
	}
	return nil
}

func (u UDI) gs1() string {
	var b strings.Builder
	b.WriteString("(01)" + u.DI)
	for _, f := range []struct{ ai, value string }{{"11", shortDate(u.Made)}, {"17", shortDate(u.UseBy)}, {"10", u.Lot}, {"21", u.Serial}} {
		if f.value != "" {
			b.WriteString("(" + f.ai + ")" + f.value)
		}
	}
	return b.String()
}

// shortDate returns YYMMDD, or "" for no date.
func shortDate(d Date) string {
	if len(d) != len("2006-01-02") {
		return ""
	}
	return string(d[2:4] + d[5:7] + d[8:10])
}
