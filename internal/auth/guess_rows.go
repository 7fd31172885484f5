package auth

import (
	"math"
	"strconv"
)

// Years that passwords hold: of somebody's birth, of today, of tomorrow.
const (
	firstYear = 1920
	lastYear  = 2059
)

// datePieces are years, and days written with or without points between: 2024,
// 24.12.2024, 12/24/2024, 20241224, 241224.
func datePieces(text []rune) (found []piece) {
	yearBits := math.Log2(lastYear - firstYear + 1)
	dayBits := math.Log2(366) + 2 // and how it is written
	for from := range text {
		digits, at := "", make([]int, 0, 8) // at[i] is where digit i+1 ends
		for to := from; to < len(text) && len(digits) < 8; to++ {
			switch r := text[to]; {
			case r >= '0' && r <= '9':
				digits += string(r)
				at = append(at, to+1)
			case digits == "" || (r != '.' && r != '/' && r != '-' && r != ' '):
				to = len(text)
			}
		}
		if len(digits) >= 4 && at[3] == from+4 && isYear(digits[:4]) {
			found = append(found, piece{from, from + 4, yearBits, "a year"})
		}
		if len(digits) >= 6 && isDay(digits[:6], 2) {
			found = append(found, piece{from, at[5], yearBits + dayBits, "a date"})
		}
		if len(digits) == 8 && isDay(digits, 4) {
			found = append(found, piece{from, at[7], yearBits + dayBits, "a date"})
		}
	}
	return found
}

func isYear(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= firstYear && n <= lastYear
}

// isDay reports whether digits are day, month and a year of so many digits, in any
// order that is used.
func isDay(s string, year int) bool {
	two := func(s string, most int) bool { n, err := strconv.Atoi(s); return err == nil && n >= 1 && n <= most }
	pair := func(s string) bool { return two(s[:2], 31) && two(s[2:], 12) || two(s[:2], 12) && two(s[2:], 31) }
	good := func(s string) bool { return year == 2 || isYear(s) }
	return pair(s[:4]) && good(s[4:]) || good(s[:year]) && pair(s[year:])
}

// rowPieces are letters or digits that follow each other by one step, up or down,
// or are all the same: abcdef, 987654, 13579, aaaa.
func rowPieces(text []rune) (found []piece) {
	for from := 0; from+2 < len(text); from++ {
		step := text[from+1] - text[from]
		if step < -2 || step > 2 || !sameKind(text[from], text[from+1]) {
			continue
		}
		for to := from + 2; to < len(text) && text[to]-text[to-1] == step && sameKind(text[to-1], text[to]); to++ {
			found = append(found, piece{from, to + 1, 5 + math.Log2(float64(to+1-from)), "a row of characters"})
		}
	}
	return found
}

func sameKind(a, b rune) bool {
	digit := func(r rune) bool { return r >= '0' && r <= '9' }
	letter := func(r rune) bool { return r >= 'a' && r <= 'z' }
	return digit(a) && digit(b) || letter(a) && letter(b) || a == b
}
