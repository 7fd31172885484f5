package order

import "unicode/utf8"

// Bounds on texts in signed documents, in bytes.
const (
	maxReason = 200
	maxPerson = 64
	maxSerial = 64
)

// plain reports whether s is text that reads as it is written: at least least
// and at most most bytes of UTF-8 without control characters, without characters
// that are invisible or turn the direction of writing, and without combining
// marks, which would give one text two spellings. (Clients write NFC.)
func plain(s string, least, most int) bool {
	if len(s) < least || len(s) > most || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if hidden(r) {
			return false
		}
	}
	return true
}

// hidden reports whether a rune is one that no text of a document may hold.
func hidden(r rune) bool {
	for _, span := range [...][2]rune{
		{0x00, 0x1f}, {0x7f, 0x9f}, // control
		{0xad, 0xad},        // soft hyphen
		{0x300, 0x36f},      // combining marks
		{0x61c, 0x61c},      // direction
		{0x200b, 0x200f},    // zero width, direction
		{0x2028, 0x202e},    // line separators, direction
		{0x2060, 0x206f},    // invisible, direction
		{0xfe00, 0xfe0f},    // variants
		{0xfeff, 0xfeff},    // byte order mark
		{0xfff0, 0xffff},    // specials
		{0xe0000, 0x10ffff}, // tags and private use
	} {
		if r >= span[0] && r <= span[1] {
			return true
		}
	}
	return false
}
