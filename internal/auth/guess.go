package auth

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// How hard a password is to guess, for whoever guesses as the published lists of
// broken passwords teach: words of those lists and of this trade, names, years and
// dates, walks over the keyboard, rows of letters or digits, one thing after
// another and again. No list of passwords could hold all of these in a row; so
// they are recognised by rule, and only the words are a list (common.txt).
//
// The model is that of zxcvbn (D. Wheeler, USENIX Security 2016): a password is cut
// into the pieces that a guesser would find it from soonest, and costs the product
// of what each costs, here in bits. What is no such piece costs what trying
// characters would.

// MinGuessBits is how many bits of guessing a password must cost. It lets four
// common words pass and refuses three with a year. Guessing here is throttled by
// account and address; of a stolen hash (argon2id, 32 MiB) a guesser with a
// thousand of them a second would need 2^40 ÷ 1000 s, which is 35 years.
const MinGuessBits = 40

// piece is a part of a password that guessers know.
type piece struct {
	from, to int // runes
	bits     float64
	what     string // for people: a word, a year
}

// Bits of what is in no list, for a character.
const (
	letterBits = 4.7 // one of 26
	digitBits  = 3.33
	signBits   = 5 // punctuation, one of 33
	blankBits  = 1
	otherBits  = 8 // any other writing
)

// charBits returns what one character costs that belongs to no piece.
func charBits(r rune) float64 {
	switch {
	case r >= 'a' && r <= 'z':
		return letterBits
	case r >= '0' && r <= '9':
		return digitBits
	case r == ' ':
		return blankBits
	case r < utf8.RuneSelf:
		return signBits
	}
	return otherBits
}

// guess returns the bits of the cheapest way to come to a password, and the pieces
// that it takes. own are words that whoever guesses knows of the person.
func guess(password string, own ...string) (bits float64, pieces []piece) {
	text := []rune(strings.ToLower(password))
	ends := make([][]piece, len(text)+1) // by where they end
	for _, find := range []func([]rune) []piece{
		func(t []rune) []piece { return wordPieces(t, own) }, datePieces, rowPieces, walkPieces, againPieces,
	} {
		for _, p := range find(text) {
			ends[p.to] = append(ends[p.to], p)
		}
	}
	// best[i] is the least for the first i characters, last[i] the piece that ends there.
	best, last := make([]float64, len(text)+1), make([]*piece, len(text)+1)
	for i := 1; i <= len(text); i++ {
		best[i] = best[i-1] + charBits(text[i-1])
		for _, p := range ends[i] {
			if b := best[p.from] + p.bits; b < best[i] {
				best[i], last[i] = b, &p
			}
		}
	}
	for i := len(text); i > 0; {
		if p := last[i]; p != nil {
			pieces, i = append(pieces, *p), p.from
		} else {
			i--
		}
	}
	slices.Reverse(pieces)
	return best[len(text)] + upperBits(password), pieces
}

// upperBits returns what capitals add: little where people put them, at the
// beginning of a word or everywhere.
func upperBits(password string) float64 {
	inside, all, before := 0, 0, ' '
	for _, r := range password {
		if r >= 'A' && r <= 'Z' {
			all++
			if before >= 'a' && before <= 'z' {
				inside++
			}
		}
		before = r
	}
	if all == 0 {
		return 0
	}
	return 1 + math.Log2(1+float64(inside))
}

// againPieces are parts of at least three characters that stood before. A guesser
// says where from and how long. Two characters may well be chance.
func againPieces(text []rune) (found []piece) {
	for from := 1; from < len(text); from++ {
		longest := 0
		for before := range from {
			n := 0
			for from+n < len(text) && text[before+n] == text[from+n] {
				n++
			}
			longest = max(longest, n)
		}
		for n := 3; n <= longest; n++ {
			found = append(found, piece{from, from + n, 3 + math.Log2(float64(n)), "a repetition"})
		}
	}
	return found
}
