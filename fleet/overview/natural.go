package overview

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// natural compares as people count and as they look names up: "P9" is before
// "P10", and upper and lower case, and letters with and without marks, are the
// same unless nothing else differs. The console's table follows the same rule
// (fleet/natural.ts, and the vectors of both): a file is in the order of the screen.
func natural(a, b string) int {
	return cmp.Or(counted(plain(a), plain(b)), strings.Compare(a, b))
}

// counted compares with runs of digits as numbers.
func counted(a, b string) int {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		if digit(a[i]) && digit(b[j]) {
			ei, ej := i, j
			for ei < len(a) && digit(a[ei]) {
				ei++
			}
			for ej < len(b) && digit(b[ej]) {
				ej++
			}
			x, y := strings.TrimLeft(a[i:ei], "0"), strings.TrimLeft(b[j:ej], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)); c != 0 {
				return c
			}
			i, j = ei, ej
			continue
		}
		if c := cmp.Compare(lower(a[i]), lower(b[j])); c != 0 {
			return c
		}
		i, j = i+1, j+1
	}
	return cmp.Compare(len(a)-i, len(b)-j)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// plain returns letters without marks, in lower case. What is ASCII is returned as
// it is, for counted sees to its case: serial numbers are compared all the time.
func plain(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.Map(func(r rune) rune {
				if unicode.Is(unicode.M, r) {
					return -1
				}
				return unicode.ToLower(r)
			}, norm.NFD.String(s))
		}
	}
	return s
}
