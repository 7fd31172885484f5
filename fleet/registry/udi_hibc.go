package registry

import (
	"strings"
	"time"
)

// The HIBC Supplier Labeling Standard (ANSI/HIBC 2.6): a primary part
//
//   - LIC(4) PCN(1–18) U/M(1)
//
// secondary parts that follow after a slash, and one check character over all.
const hibcChars = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"

// hibcCheck returns the check character of s modulo 43. It reports false if s
// contains a character that the code cannot carry.
func hibcCheck(s string) (byte, bool) {
	sum := 0
	for i := range len(s) {
		v := strings.IndexByte(hibcChars, s[i])
		if v < 0 {
			return 0, false
		}
		sum += v
	}
	return hibcChars[sum%43], true
}

func parseHIBC(s string) (UDI, error) {
	if len(s) > 2 && s[0] == '*' { // printed between asterisks
		s = strings.TrimSuffix(s[1:], "*")
	}
	if len(s) < 8 {
		return UDI{}, badUDI("an HIBC has at least 8 characters")
	}
	body, check := s[:len(s)-1], s[len(s)-1]
	if check == '_' { // how a space is printed
		check = ' '
	}
	want, ok := hibcCheck(body)
	if !ok {
		return UDI{}, badUDI("an HIBC consists of digits, capital letters and -. $/+%%")
	}
	if check != want {
		return UDI{}, badUDI("the check character of the HIBC is %q, and should be %q; one character is mistyped", check, want)
	}
	primary, secondary, more := strings.Cut(body[1:], "/")
	if err := checkHIBCPrimary(primary); err != nil {
		return UDI{}, err
	}
	u := UDI{Agency: agencyHIBC, DI: primary}
	for more {
		var part string
		part, secondary, more = strings.Cut(secondary, "/")
		if err := u.setHIBC(part); err != nil {
			return UDI{}, err
		}
	}
	return u, nil
}

func checkHIBCPrimary(p string) error {
	ok := len(p) >= 6 && len(p) <= 23 && p[0] >= 'A' && p[0] <= 'Z' && p[len(p)-1] >= '0' && p[len(p)-1] <= '9'
	for i := range len(p) {
		ok = ok && (p[i] >= '0' && p[i] <= '9' || p[i] >= 'A' && p[i] <= 'Z')
	}
	if !ok {
		return badUDI("%q is not labeler code, product number and unit of measure", clip(p))
	}
	return nil
}

// setHIBC takes one secondary part.
func (u *UDI) setHIBC(p string) error {
	switch {
	case strings.HasPrefix(p, "$$+"): // [date] serial
		return u.hibcDated(p[3:], &u.Serial, "serial number")
	case strings.HasPrefix(p, "$$"): // [quantity] [date] lot
		rest := p[2:]
		for _, q := range []struct {
			flag   byte
			digits int
		}{{'8', 2}, {'9', 5}} {
			if rest != "" && rest[0] == q.flag {
				if len(rest) < 1+q.digits || !digits(rest[1:1+q.digits]) {
					return badUDI("the quantity in %q is not %d digits", clip(p), q.digits)
				}
				rest = rest[1+q.digits:]
				// After a quantity the date may be missing altogether.
				if _, err := time.Parse("0106", rest[:min(4, len(rest))]); err != nil && rest != "" && (rest[0] == '0' || rest[0] == '1') {
					return setOnce(&u.Lot, rest, "lot")
				}
				break
			}
		}
		return u.hibcDated(rest, &u.Lot, "lot")
	case strings.HasPrefix(p, "$+"):
		return setOnce(&u.Serial, p[2:], "serial number")
	case strings.HasPrefix(p, "$"):
		return setOnce(&u.Lot, p[1:], "lot")
	case strings.HasPrefix(p, "16D"):
		return setDate(&u.Made, "20060102", p[3:], "production date")
	case strings.HasPrefix(p, "14D"):
		return setDate(&u.UseBy, "20060102", p[3:], "expiration date")
	case strings.HasPrefix(p, "S"):
		return setOnce(&u.Serial, p[1:], "serial number")
	case len(p) >= 5 && digits(p[:5]): // YYJJJ lot
		if err := setDate(&u.UseBy, "06002", p[:5], "expiration date"); err != nil || len(p) == 5 {
			return err
		}
		return setOnce(&u.Lot, p[5:], "lot")
	}
	return badUDI("the HIBC part %q is not known", clip(p))
}

// hibcDated takes a date whose form the first digit names, and what follows it.
func (u *UDI) hibcDated(s string, to *string, name string) error {
	const want = "the HIBC names no date where %q says so"
	if s == "" {
		return badUDI(want, "$$")
	}
	layout, n, skip := "", 0, 1 // digits after the flag
	switch s[0] {
	case '0', '1':
		layout, n, skip = "0106", 4, 0 // MMYY: the month's last day
	case '2':
		layout, n = "010206", 6
	case '3':
		layout, n = "060102", 6
	case '4':
		layout, n = "06010215", 8
	case '5':
		layout, n = "06002", 5
	case '6':
		layout, n = "0600215", 7
	case '7':
		return setOnce(to, s[1:], name)
	default:
		return badUDI("the HIBC date %q is of an unknown form", clip(s))
	}
	if len(s) < skip+n {
		return badUDI(want, clip(s))
	}
	if err := setDate(&u.UseBy, layout, s[skip:skip+n], "expiration date"); err != nil {
		return err
	}
	if len(s) == skip+n {
		return nil // a date alone
	}
	return setOnce(to, s[skip+n:], name)
}

func setOnce(to *string, value, name string) error {
	if *to != "" {
		return badUDI("the %s appears twice", name)
	}
	ok := value != "" && len(value) <= 20
	for i := range len(value) {
		c := value[i]
		ok = ok && (c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == '-' || c == '.')
	}
	if !ok {
		return badUDI("the %s %q is not 1 to 20 digits, capital letters, hyphens and dots", name, clip(value))
	}
	*to = value
	return nil
}

func setDate(to *Date, layout, s, name string) error {
	if *to != "" {
		return badUDI("the %s appears twice", name)
	}
	t, err := time.Parse(layout, s)
	if err != nil || !digits(s) {
		return badUDI("the %s %q is not a date", name, clip(s))
	}
	if layout == "0106" {
		t = t.AddDate(0, 1, -1)
	}
	if *to = centuryDate(t); strings.Contains(layout, "2006") {
		if t.Year() < 1970 || t.Year() > 2199 {
			return badUDI("the %s %q is not of our time", name, clip(s))
		}
		*to = Date(t.Format(time.DateOnly))
	}
	return nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func (u UDI) hibc() string {
	s := "+" + u.DI
	if u.Lot != "" {
		s += "/$" + u.Lot
	}
	if u.Serial != "" {
		s += "/S" + u.Serial
	}
	for _, f := range []struct {
		id   string
		date Date
	}{{"/16D", u.Made}, {"/14D", u.UseBy}} {
		if f.date != "" {
			s += f.id + strings.ReplaceAll(string(f.date), "-", "")
		}
	}
	check, _ := hibcCheck(s)
	if check == ' ' {
		check = '_'
	}
	return s + string(check)
}
