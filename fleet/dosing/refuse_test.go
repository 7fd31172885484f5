package dosing

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestEveryRefusalIsDocumented holds the table of docs/orders.md against the code:
// each code that a person can meet, once, with what it says and what to do.
func TestEveryRefusalIsDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/orders.md")
	if err != nil {
		t.Fatal(err)
	}
	page, seen := string(b), map[string]bool{}
	for _, c := range Codes() {
		if seen[string(c)] {
			t.Errorf("%s is listed twice", c)
		}
		seen[string(c)] = true
		remedy := Remedy(c)
		if remedy == "" || strings.HasPrefix(remedy, "Look at the pump's answer") {
			t.Errorf("%s has no remedy of its own", c)
		}
		row := regexp.MustCompile(fmt.Sprintf("(?m)^\\| `%s` \\| [^|]{10,} \\| %s \\|$", regexp.QuoteMeta(string(c)), regexp.QuoteMeta(remedy)))
		if n := len(row.FindAllString(page, -1)); n != 1 {
			t.Errorf("docs/orders.md has %d rows for %s: want one that ends in %q", n, c, remedy)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Za-z]_?[A-Z_a-z]+)` \\|").FindAllStringSubmatch(page, -1) {
		if (strings.HasPrefix(m[1], "E_") || strings.HasPrefix(m[1], "S_")) && !seen[m[1]] {
			t.Errorf("docs/orders.md has %s, which is no code", m[1])
		}
	}
}

// TestRefusalsCarryTheirCode: what this package refuses by itself names a code
// that is documented.
func TestRefusalsCarryTheirCode(t *testing.T) {
	known := map[string]bool{}
	for _, c := range Codes() {
		known["order."+string(c)] = true
	}
	for _, c := range PlatformCodes() {
		if e := coded("conflict", c, "x"); !known[e.Field] {
			t.Errorf("%s is not in the list", e.Field)
		}
	}
}
