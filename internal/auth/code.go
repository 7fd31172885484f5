package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"
)

// Purpose is what a one-time code is for.
type Purpose string

// The purposes. A recovery is for somebody who lost what they sign in with, or whose
// passkeys were revoked: it waits, the person hears of it, and it ends their old passkeys when it is used.
const (
	Enrol   Purpose = "enrol"   // a passkey
	Recover Purpose = "recover" // a passkey in place of the old ones
	Link    Purpose = "link"    // the account at an OIDC provider
)

// codeLife is how long a code may be confirmed and used, once it counts.
const codeLife = 24 * time.Hour

// CodeState says where a code stands.
type CodeState string

// The states of a code.
const (
	Unconfirmed CodeState = "unconfirmed" // a second administrator has to confirm it
	Waiting     CodeState = "waiting"     // confirmed; its hold runs
	Open        CodeState = "open"        // it may be used
	CodeExpired CodeState = "expired"
	CodeUsed    CodeState = "used"
	Withdrawn   CodeState = "withdrawn" // by an administrator
	Objected    CodeState = "objected"  // by the person
	CodeOld     CodeState = "replaced"  // by a newer code
)

// Code is a one-time code, without the code itself.
type Code struct {
	ID          int64
	User        int64
	Purpose     Purpose
	Reason      string
	IssuedAt    time.Time
	IssuedBy    string
	Issuer      int64 // 0: at the server itself
	ConfirmedAt time.Time
	ConfirmedBy string
	Bootstrap   bool // nobody confirmed it, for there were not two administrators
	OpensAt     time.Time
	ExpiresAt   time.Time
	ClosedAt    time.Time
	ClosedBy    string

	closed string
}

// State returns where the code stands.
func (c Code) State(now time.Time) CodeState {
	switch {
	case c.closed != "":
		return CodeState(c.closed)
	case !now.Before(c.ExpiresAt):
		return CodeExpired
	case c.ConfirmedAt.IsZero():
		return Unconfirmed
	case now.Before(c.OpensAt):
		return Waiting
	}
	return Open
}

// alphabet is Crockford's base 32: no letter is taken for another.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// codeSize is the number of letters of a code: 100 bits, used once and within a
// day, by attempts that are counted.
const codeSize = 20

// newCode returns a code as it is shown: "7KQ2M-…" in four groups of five.
func newCode() string {
	var b [codeSize]byte
	_, _ = rand.Read(b[:]) // never fails
	var out strings.Builder
	for i, c := range b {
		if i > 0 && i%5 == 0 {
			out.WriteByte('-')
		}
		out.WriteByte(alphabet[c&31])
	}
	return out.String()
}

// plainCode returns the letters of a code as a person typed it, "" if it cannot
// be one: blanks, hyphens and case do not matter, and neither does which of the
// letters that look alike was typed.
func plainCode(typed string) string {
	if len(typed) > 4*codeSize {
		return ""
	}
	s := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\t', '\u00a0', '\u2011', '\u2013':
			return -1
		case 'O':
			return '0'
		case 'I', 'L':
			return '1'
		}
		return r
	}, strings.ToUpper(typed))
	if len(s) != codeSize || strings.Trim(s, alphabet) != "" {
		return ""
	}
	return s
}

// codeHash is what the database knows a code by; of what cannot be a code, a hash
// that no code has.
func codeHash(typed string) []byte {
	sum := sha256.Sum256([]byte("cisterna-code-v1\x00" + plainCode(typed)))
	return sum[:]
}
