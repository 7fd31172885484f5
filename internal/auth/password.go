package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"cisterna/internal/errs"
)

// Params is what a password hash costs (argon2id, RFC 9106).
type Params struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
}

// DefaultParams is above the least that OWASP asks for (19 MiB, 2 passes, 1 lane).
var DefaultParams = Params{MemoryKiB: 32 << 10, Passes: 2, Lanes: 1}

func (p Params) validate() error {
	if p.MemoryKiB < 8*uint32(p.Lanes) || p.MemoryKiB > 1<<20 || p.Passes < 1 || p.Passes > 16 || p.Lanes < 1 || p.Lanes > 8 {
		return fmt.Errorf("password hash: %d KiB, %d passes, %d lanes are out of range", p.MemoryKiB, p.Passes, p.Lanes)
	}
	return nil
}

const (
	saltSize = 16
	keySize  = 32
)

// hash is a stored password: "$argon2id$v=19$m=32768,t=2,p=1$<salt>$<key>", the
// PHC string format.
type hash struct {
	params Params
	salt   []byte
	key    []byte
}

var phc64 = base64.RawStdEncoding.Strict()

func newHash(password string, p Params) hash {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	return hash{params: p, salt: salt, key: derive(password, salt, p)}
}

func derive(password string, salt []byte, p Params) []byte {
	return argon2.IDKey([]byte(password), salt, p.Passes, p.MemoryKiB, p.Lanes, keySize)
}

func (h hash) matches(password string) bool {
	return subtle.ConstantTimeCompare(derive(password, h.salt, h.params), h.key) == 1
}

func (h hash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.params.MemoryKiB, h.params.Passes, h.params.Lanes,
		phc64.EncodeToString(h.salt), phc64.EncodeToString(h.key))
}

// parseHash reads what hash.String writes, and nothing that it would not.
func parseHash(s string) (hash, error) {
	bad := errors.New("password hash: not in the form $argon2id$v=19$m=…,t=…,p=…$salt$key")
	parts := strings.Split(s, "$")
	if len(parts) != 6 {
		return hash{}, bad
	}
	var h hash
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.params.MemoryKiB, &h.params.Passes, &h.params.Lanes); err != nil {
		return hash{}, bad
	}
	if err := h.params.validate(); err != nil {
		return hash{}, err
	}
	var err error
	if h.salt, err = phc64.DecodeString(parts[4]); err != nil || len(h.salt) != saltSize {
		return hash{}, bad
	}
	if h.key, err = phc64.DecodeString(parts[5]); err != nil || len(h.key) != keySize {
		return hash{}, bad
	}
	if h.String() != s {
		return hash{}, bad
	}
	return h, nil
}

// hasher lets few passwords be hashed at once: each takes tens of megabytes, and
// whoever is not signed in may ask for it.
type hasher struct {
	params Params
	slots  chan struct{} // who holds a token hashes
	queue  chan struct{} // who holds a token hashes or waits to
	nobody hash          // compared with when there is no such account
}

// queued is how many may wait for each one that hashes.
const queued = 16

func newHasher(p Params, slots int) (*hasher, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	if slots < 1 {
		slots = max(1, runtime.GOMAXPROCS(0)/2)
	}
	return &hasher{
		params: p, slots: make(chan struct{}, slots), queue: make(chan struct{}, slots*(1+queued)),
		nobody: newHash(rand.Text(), p),
	}, nil
}

// run calls f when a slot is free. It returns an error of kind Unavailable if too
// many are waiting already.
func (h *hasher) run(ctx context.Context, f func()) error {
	select {
	case h.queue <- struct{}{}:
		defer func() { <-h.queue }()
	default:
		return errs.New(errs.Unavailable, "Too many people are signing in at this moment. Try again in a few seconds.")
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	f()
	return nil
}

// Bounds of passwords, in characters and bytes. There are no rules of
// composition: length is what counts (NIST SP 800-63B).
const (
	MinPassword      = 15
	MaxPasswordBytes = 256
)

// CheckPassword reports, as an error of kind Invalid, why password may not be
// the password of an account: it is too short, or guessers come to it soon (guess).
// It does not ask a service for leaked passwords.
func CheckPassword(password, login, name string) error {
	refuse := func(format string, args ...any) error { return errs.InvalidField("password", format, args...) }
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return refuse("The password is not text.")
	case n < MinPassword:
		return refuse("The password has %d characters; it needs at least %d. A few words in a row are easy to remember.", n, MinPassword)
	case len(password) > MaxPasswordBytes:
		return refuse("The password is longer than %d bytes.", MaxPasswordBytes)
	}
	// Blanks and points between the same pieces make them no other pieces.
	for _, text := range []string{password, letters(password)} {
		if bits, pieces := guess(text, login, name); bits < MinGuessBits {
			return refuse("Guessers come to this password soon: it is made of %s. Use four words or more that have nothing to do with each other.", madeOf(pieces))
		}
	}
	return nil
}

// madeOf names the kinds of pieces of a password, each once.
func madeOf(pieces []piece) string {
	var kinds []string
	for _, p := range pieces {
		if !slices.Contains(kinds, p.what) {
			kinds = append(kinds, p.what)
		}
	}
	switch n := len(kinds); n {
	case 0:
		return "few characters"
	case 1:
		return kinds[0]
	default:
		return strings.Join(kinds[:n-1], ", ") + " and " + kinds[n-1]
	}
}

// letters returns s in lower case without blanks and punctuation.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t-_.,;:!?'\"", r) {
			return -1
		}
		return r
	}, strings.ToLower(s))
}
