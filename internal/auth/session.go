package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"cisterna/internal/errs"
)

// Limits of a session (OWASP ASVS 7.3: both are documented and tested).
const (
	Idle     = 15 * time.Minute // without anything the person did
	Absolute = 12 * time.Hour   // in any case
)

// Token is what a browser shows to be known again: 256 random bits. The zero
// Token is no token. It prints as nothing, so that no log can hold one.
type Token struct{ secret [32]byte }

// NewToken returns a fresh token.
func NewToken() Token {
	var t Token
	_, _ = rand.Read(t.secret[:]) // never fails
	return t
}

// ParseToken reads what Reveal writes.
func ParseToken(s string) (Token, bool) {
	var t Token
	if len(s) != 43 {
		return Token{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || copy(t.secret[:], b) != len(t.secret) {
		return Token{}, false
	}
	return t, t != Token{}
}

// Reveal returns the token as text, for the cookie.
func (t Token) Reveal() string { return base64.RawURLEncoding.EncodeToString(t.secret[:]) }

// String returns a placeholder.
func (Token) String() string { return "(token)" }

// GoString returns a placeholder.
func (Token) GoString() string { return "(token)" }

// hash is what the database knows the token by. A token is random, so that a
// fast hash does.
func (t Token) hash() []byte {
	sum := sha256.Sum256(t.secret[:])
	return sum[:]
}

// Session is somebody signed in at one browser.
type Session struct {
	ID        int64
	Account   Account
	CreatedAt time.Time
	SeenAt    time.Time // of the last thing the person did
	ExpiresAt time.Time // the session ends then in any case
	Address   string
	Agent     string
	EndedAt   time.Time // zero while it lasts
	Ended     Ending
	Means     Means
	// Enrolling says that the session may do nothing but enrol a passkey.
	Enrolling bool
	// Visit is the patient that the session is locked to, nil if to none.
	Visit *Visit
}

// Means is what a session began with.
type Means string

// The means.
const (
	ByPassword    Means = "password"
	ByPasskey     Means = "passkey"
	BySoftwareKey Means = "software"
	ByProvider    Means = "oidc"
)

// Ending says how a session ended.
type Ending string

// The ways a session ends.
const (
	SignedOut       Ending = "sign_out"
	Replaced        Ending = "replaced" // by another sign-in at the same browser
	IdleTooLong     Ending = "idle"
	Expired         Ending = "expired"
	Revoked         Ending = "revoked"  // by the person elsewhere or an administrator
	AccountDisabled Ending = "disabled" // with the account
	PasswordChanged Ending = "password"
)

// IdleUntil returns when the session ends if the person does nothing more.
func (s Session) IdleUntil() time.Time {
	if t := s.SeenAt.Add(Idle); t.Before(s.ExpiresAt) {
		return t
	}
	return s.ExpiresAt
}

// Over returns how and when the session has ended by now; "" while it lasts.
func (s Session) Over(now time.Time) (Ending, time.Time) {
	switch how := s.over(now); {
	case how == "":
		return "", time.Time{}
	case s.Ended != "":
		return how, s.EndedAt
	case how == AccountDisabled:
		return how, s.Account.DisabledAt
	default:
		return how, s.IdleUntil()
	}
}

// over returns how the session has ended by now, or "".
func (s Session) over(now time.Time) Ending {
	switch {
	case s.Ended != "":
		return s.Ended
	case s.Account.Disabled():
		return AccountDisabled
	case !now.Before(s.ExpiresAt):
		return Expired
	case !now.Before(s.SeenAt.Add(Idle)):
		return IdleTooLong
	}
	return ""
}

// errNotSignedIn is the one answer to no session, a wrong one and an old one.
func errNotSignedIn() error {
	return errs.New(errs.Unauthorized, "You are not signed in, or your session has ended. Sign in and try again.")
}

// Ended tells that a session is over, after the fact is committed.
type Ended struct {
	Session int64
	User    int64
	How     Ending
}
