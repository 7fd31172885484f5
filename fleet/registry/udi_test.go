package registry

import (
	"strings"
	"testing"

	"cisterna/internal/errs"
)

func TestParseUDI(t *testing.T) {
	gs1 := UDI{Agency: "GS1", DI: "00643169001763", Made: "2024-12-31", UseBy: "2027-07-15", Lot: "A213B1", Serial: "NGP123456H"}
	hibc := UDI{Agency: "HIBCC", DI: "H123PARTNO1234567890120", Lot: "LOT123456789012345", Serial: "XYZ456789012345678", Made: "2013-02-02", UseBy: "2020-02-02"}
	for _, c := range []struct {
		name, in string
		want     UDI
	}{
		{"brackets", "(01)00643169001763(11)241231(17)270715(10)A213B1(21)NGP123456H", gs1},
		{"brackets, other order, spaces around", " (21)NGP123456H(01)00643169001763(10)A213B1(17)270715(11)241231\n", gs1},
		{"scanner with FNC1", "]d201006431690017631124123117270715" + "10A213B1\x1d21NGP123456H", gs1},
		{"scanner, FNC1 in front and after a fixed field", "\x1d0100643169001763\x1d1124123117270715" + "21NGP123456H\x1d10A213B1", gs1},
		{"plain, one variable field at the end", "0100643169001763" + "17270715" + "21NGP123456H", UDI{Agency: "GS1", DI: "00643169001763", UseBy: "2027-07-15", Serial: "NGP123456H"}},
		{"device identifier alone", "(01)00643169001763", UDI{Agency: "GS1", DI: "00643169001763"}},
		{"day 00 is the month's last", "(01)00643169001763(17)280200", UDI{Agency: "GS1", DI: "00643169001763", UseBy: "2028-02-29"}},
		{"years above 68 are of this century", "(01)00643169001763(17)990101", UDI{Agency: "GS1", DI: "00643169001763", UseBy: "2099-01-01"}},
		{"brackets inside a serial number", "(01)00643169001763(21)A(9)B", UDI{Agency: "GS1", DI: "00643169001763", Serial: "A(9)B"}},
		{"HIBC of the standard, primary", "+A123BJC5D6E71G", UDI{Agency: "HIBCC", DI: "A123BJC5D6E71"}},
		{"HIBC of the standard, date and lot", "+A99912345/$$52001510X33", UDI{Agency: "HIBCC", DI: "A99912345", Lot: "10X3", UseBy: "2020-01-15"}},
		{"HIBC of the standard, serial and production date", "+A99912345/$$52001510X3/16D20111212/S77DEFG457", UDI{Agency: "HIBCC", DI: "A99912345", Lot: "10X3", UseBy: "2020-01-15", Made: "2011-12-12", Serial: "77DEFG45"}},
		{"HIBC of the standard, quantity, lot without date, dated serial", "+A99912345/$$90999910X3/$$+320011577DEFG45/16D20111212D", UDI{Agency: "HIBCC", DI: "A99912345", Lot: "10X3", UseBy: "2020-01-15", Made: "2011-12-12", Serial: "77DEFG45"}},
		{"HIBC with all parts", withCheck("+H123PARTNO1234567890120/$$420020216LOT123456789012345/SXYZ456789012345678/16D20130202"), hibc},
		{"HIBC between asterisks", "*+A123BJC5D6E71G*", UDI{Agency: "HIBCC", DI: "A123BJC5D6E71"}},
		{"HIBC lot", withCheck("+A123BJC5D6E71/$ABC123"), UDI{Agency: "HIBCC", DI: "A123BJC5D6E71", Lot: "ABC123"}},
		{"HIBC serial", withCheck("+A123BJC5D6E71/$+SN-7"), UDI{Agency: "HIBCC", DI: "A123BJC5D6E71", Serial: "SN-7"}},
		{"HIBC MMYY", withCheck("+A123BJC5D6E71/$$0228LOT1"), UDI{Agency: "HIBCC", DI: "A123BJC5D6E71", Lot: "LOT1", UseBy: "2028-02-29"}},
		{"HIBC MMDDYY", withCheck("+A123BJC5D6E71/$$2021528LOT1"), UDI{Agency: "HIBCC", DI: "A123BJC5D6E71", Lot: "LOT1", UseBy: "2028-02-15"}},
		{"HIBC YYMMDD, quantity", withCheck("+A123BJC5D6E71/$$8013280215LOT1"), UDI{Agency: "HIBCC", DI: "A123BJC5D6E71", Lot: "LOT1", UseBy: "2028-02-15"}},
		{"HIBC YYJJJ, serial", withCheck("+A123BJC5D6E71/$$+528060SN1"), UDI{Agency: "HIBCC", DI: "A123BJC5D6E71", Serial: "SN1", UseBy: "2028-02-29"}},
		{"HIBC no date", withCheck("+A123BJC5D6E71/$$7LOT1"), UDI{Agency: "HIBCC", DI: "A123BJC5D6E71", Lot: "LOT1"}},
		{"HIBC Julian without dollar", withCheck("+A123BJC5D6E71/28060LOT1"), UDI{Agency: "HIBCC", DI: "A123BJC5D6E71", Lot: "LOT1", UseBy: "2028-02-29"}},
		{"HIBC expiration date of its own", withCheck("+A123BJC5D6E71/14D20280229"), UDI{Agency: "HIBCC", DI: "A123BJC5D6E71", UseBy: "2028-02-29"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseUDI(c.in)
			if err != nil || got != c.want {
				t.Fatalf("%q:\n got %+v, %v\nwant %+v", c.in, got, err, c.want)
			}
			if again, err := ParseUDI(got.String()); err != nil || again != got {
				t.Errorf("canonical %q: %+v, %v", got.String(), again, err)
			}
		})
	}
}

// withCheck appends an HIBC's check character as it is printed.
func withCheck(s string) string {
	c, ok := hibcCheck(s)
	if !ok {
		panic("not an HIBC: " + s)
	}
	if c == ' ' {
		c = '_'
	}
	return s + string(c)
}

// TestHIBCSpaceCheck: the check character may be a space, which is printed as an
// underscore and scanned as it is.
func TestHIBCSpaceCheck(t *testing.T) {
	s := ""
	for _, c := range "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		if k, _ := hibcCheck("+A12" + string(c) + "BJC5D6E71"); k == ' ' {
			s = "+A12" + string(c) + "BJC5D6E71"
		}
	}
	if s == "" {
		t.Fatal("no example found")
	}
	for _, in := range []string{s + " ", s + "_", s + "_ "} {
		if _, err := ParseUDI(in); err != nil {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// TestUDITypos: every single wrong digit of a GTIN and every single wrong
// character of an HIBC is found.
func TestUDITypos(t *testing.T) {
	const gtin = "00643169001763"
	n := 0
	for i := range gtin {
		for _, d := range "0123456789" {
			if bad := gtin[:i] + string(d) + gtin[i+1:]; bad != gtin {
				n++
				if _, err := ParseUDI("(01)" + bad); err == nil {
					t.Errorf("(01)%s passes", bad)
				}
			}
		}
	}
	const hibc = "+A123BJC5D6E71G"
	for i := range hibc {
		for _, d := range hibcChars {
			if bad := hibc[:i] + string(d) + hibc[i+1:]; bad != hibc {
				n++
				if _, err := ParseUDI(bad); err == nil {
					t.Errorf("%s passes", bad)
				}
			}
		}
	}
	if n == 0 {
		t.Fatal("nothing tested")
	}
}

func TestParseUDIRefuses(t *testing.T) {
	for _, c := range []struct{ name, in, says string }{
		{"empty", " ", "empty"},
		{"wrong check digit", "(01)00643169001764", "should be 3"},
		{"letters in the GTIN", "(01)0064316900176X", "14 digits"},
		{"GTIN of zeros", "(01)00000000000000", "zeros"},
		{"no device identifier", "(21)NGP1", "no device identifier"},
		{"unknown identifier", "(01)00643169001763(99)X", "(99)"},
		{"unknown identifier, scanned", "010064316900176399X", `"99`},
		{"twice", "(01)00643169001763(01)00643169001763", "twice"},
		{"short date", "(01)00643169001763(17)2707", "too short"},
		{"short date, scanned", "01006431690017631727", "not 6"},
		{"no such day", "(01)00643169001763(17)270230", "not a date"},
		{"no such month", "(01)00643169001763(11)271300", "not a date"},
		{"letters in a date", "(01)00643169001763(11)27A300", "YYMMDD"},
		{"serial too long", "(01)00643169001763(21)123456789012345678901", "separators"},
		{"empty serial", "(01)00643169001763(21)", "0 characters"},
		{"space in a serial", "(01)00643169001763(21)A B", "does not allow"},
		{"identifier inside a lot", "01006431690017631" + "0AB(21)CD", "in brackets"},
		{"left over", "01006431690017631", "left over"},
		{"text after a bracket", "(01)00643169001763 (21)A", "application identifier"},
		{"too long", "(01)" + strings.Repeat("0", 300), "200"},
		{"HIBC check", "+A123BJC5D6E71H", "mistyped"},
		{"HIBC short", "+A123G", "8 characters"},
		{"HIBC lower case", "+a123BJC5D6E71G", "capital letters"},
		{"HIBC labeler", withCheck("+1123BJC5D6E71"), "labeler"},
		{"HIBC unit of measure", withCheck("+A123BJC5D6E7X"), "labeler"},
		{"HIBC date", withCheck("+A123BJC5D6E71/$$3280230LOT"), "not a date"},
		{"HIBC date form", withCheck("+A123BJC5D6E71/$$ALOT"), "unknown form"},
		{"HIBC quantity", withCheck("+A123BJC5D6E71/$$8A"), "quantity"},
		{"HIBC two serials", withCheck("+A123BJC5D6E71/SA/SB"), "twice"},
		{"HIBC part", withCheck("+A123BJC5D6E71/XYZ"), "not known"},
		{"HIBC empty part", withCheck("+A123BJC5D6E71/"), "not known"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := ParseUDI(c.in)
			if err == nil || u != (UDI{}) {
				t.Fatalf("%q: got %+v, %v", c.in, u, err)
			}
			if errs.KindOf(err) != errs.Invalid || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q: %v, want %q in it", c.in, err, c.says)
			}
		})
	}
}

// FuzzParseUDI: whatever is accepted has a canonical form that reads back the
// same, and what is refused has no value.
func FuzzParseUDI(f *testing.F) {
	for _, s := range []string{
		"(01)00643169001763(11)241231(17)270715(10)A213B1(21)NGP123456H", "]d2010064316900176310A\x1d21B",
		"+H123PARTNO1234567890120/$$420020216LOT123456789012345/SXYZ456789012345678/16D20130202H", "+A99912345/$$90999910X3/$$+320011577DEFG45/16D20111212D", "+A123BJC5D6E71G", withCheck("+A123BJC5D6E71/$$7LOT1/S2"),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// An HIBC's check character is made right, or nothing would pass.
		for _, in := range []string{s, func() string {
			if c, ok := hibcCheck(s); ok && strings.HasPrefix(s, "+") {
				return s + string(c)
			}
			return s
		}()} {
			u, err := ParseUDI(in)
			if err != nil {
				if u != (UDI{}) || errs.KindOf(err) != errs.Invalid {
					t.Fatalf("%q: %+v with %v", in, u, err)
				}
				continue
			}
			if again, err := ParseUDI(u.String()); err != nil || again != u {
				t.Fatalf("%q: canonical %q: %+v, %v; want %+v", in, u.String(), again, err, u)
			}
		}
	})
}
