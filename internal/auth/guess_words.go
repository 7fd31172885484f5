package auth

import (
	_ "embed"
	"maps"
	"math"
	"slices"
	"strings"
)

// commonText holds words that passwords are made of, one or more a line; lines
// that begin with # say what follows. It was written for this purpose; it is no
// copy of a published list.
//
//go:embed common.txt
var commonText string

// commonWords are its words, as they are when letters and digits alone count.
var commonWords = func() map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(commonText) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, w := range strings.Fields(line) {
			out[w] = true
		}
	}
	return out
}()

// longestWord bounds how far a word is looked for.
var longestWord = len(slices.MaxFunc(slices.Collect(maps.Keys(commonWords)), func(a, b string) int { return len(a) - len(b) }))

var wordBits = math.Log2(float64(len(commonWords)))

// Bits beside those of a word: it is the person's own, or is written otherwise.
const (
	ownBits   = 2
	shortest  = 3 // characters of a word
	leetBits  = 2
	backwards = 1
)

// leet are characters that stand for letters.
var leet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "8", "b", "9", "g", "@", "a", "$", "s", "!", "i", "€", "e", "+", "t", "|", "l")

// leetL reads 1 and ! as l.
var leetL = strings.NewReplacer("1", "l", "!", "l", "0", "o", "3", "e", "4", "a", "5", "s", "7", "t", "8", "b", "9", "g", "@", "a", "$", "s", "€", "e", "+", "t", "|", "l")

// wordPieces are words of the list, and own ones, as they are, backwards, or with
// characters that stand for letters.
func wordPieces(text []rune, own []string) (found []piece) {
	mine := map[string]bool{}
	longest := longestWord
	for _, o := range own {
		for _, w := range append(strings.Fields(strings.ToLower(o)), letters(o)) {
			if w = letters(w); len([]rune(w)) >= shortest {
				mine[w] = true
				longest = max(longest, len([]rune(w)))
			}
		}
	}
	for from := range text {
		for to := from + shortest; to <= min(len(text), from+longest); to++ {
			if bits, ok := wordCost(string(text[from:to]), mine); ok {
				found = append(found, piece{from, to, bits, "a common word"})
			}
		}
	}
	return found
}

// wordCost returns what a word costs, false if it is none.
func wordCost(s string, mine map[string]bool) (float64, bool) {
	cost := func(w string) (float64, bool) {
		switch {
		case mine[w]:
			return ownBits, true
		case commonWords[w]:
			return wordBits, true
		}
		return 0, false
	}
	if b, ok := cost(s); ok {
		return b, true
	}
	for _, r := range []*strings.Replacer{leet, leetL} {
		if w := r.Replace(s); w != s {
			if b, ok := cost(w); ok {
				return b + leetBits, true
			}
		}
	}
	turned := []rune(s)
	slices.Reverse(turned)
	if b, ok := cost(string(turned)); ok {
		return b + backwards, true
	}
	return 0, false
}
