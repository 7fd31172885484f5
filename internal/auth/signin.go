package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// AskSignIn returns a challenge to sign in with whichever passkey the person has
// for this server. It is the same for everybody: it names no account. It returns
// an error of kind Throttled, wrapping *[Throttled], where one address asks for
// too many.
func (s *Service) AskSignIn(ctx context.Context, p Party, from netip.Addr) (Challenge, error) {
	wait, err := take(ctx, s.db, throttleKey("ask", source(from)), perAddress, s.now())
	if err != nil {
		return Challenge{}, err
	}
	if wait > 0 {
		return Challenge{}, errThrottled(wait)
	}
	c := s.newChallenge(ceremonyLife)
	c.Bytes = bound("sign-in", c.Nonce, []byte(p.Origin))
	return c, insertChallenge(ctx, s.db, c.Nonce, challengeRow{Purpose: "sign_in", ExpiresAt: c.ExpiresAt})
}

// SignInWithKey begins a session for the owner of the key that answered. It
// returns an error of kind Unauthorized, in the same words and after the same
// work, for an unknown or revoked key, a wrong signature, an old or unknown
// challenge and a disabled account; of kind Throttled, wrapping *[Throttled],
// after too many attempts. A software key signs in only in a demo.
//
// c carries where the attempt comes from; its login and password are not looked
// at.
func (s *Service) SignInWithKey(ctx context.Context, p Party, c Credentials, a Signed) (Token, Session, error) {
	from := source(c.Address)
	c.Login, c.Password = "", ""
	t, wait, err := s.chargeKey(ctx, a.Credential, from)
	if err != nil {
		return Token{}, Session{}, err
	}
	if wait > 0 {
		return Token{}, Session{}, errors.Join(errThrottled(wait), s.noteFailure(ctx, c, from, t, true))
	}
	_, asked, err := takeChallenge(ctx, s.db, a.Nonce, "sign_in", 0, s.now())
	if err != nil {
		return Token{}, Session{}, err
	}
	key, known, err := credentialByName(ctx, s.db, a.Credential)
	if err != nil {
		return Token{}, Session{}, err
	}
	user, err := userByID(ctx, s.db, key.User)
	if err != nil && (known || errs.KindOf(err) != errs.NotFound) {
		return Token{}, Session{}, err
	}
	c.Login = user.Login // failures are told to whom they concern
	if !known {
		key = nobodysKey()
	}
	flags, wrong := key.verify(p, bound("sign-in", a.Nonce, []byte(p.Origin)), a)
	handle, err := userByHandle(ctx, s.db, key.User)
	if err != nil && known {
		return Token{}, Session{}, err
	}
	right := asked && known && wrong == nil && !key.Revoked() && s.takes(key) && !user.account().Disabled() && handleOf(handle) == string(a.UserHandle)
	refuse := func() (Token, Session, error) {
		if err := s.noteFailure(ctx, c, from, t, false); err != nil {
			return Token{}, Session{}, err
		}
		return Token{}, Session{}, errWrongKey()
	}
	if !right {
		return refuse()
	}
	means := ByPasskey
	if key.Kind == Software {
		means = BySoftwareKey
	}
	token, session, err := s.begin(ctx, user, c, start{means: means, credential: key.ID, ticket: t, also: func(ctx context.Context, tx *postgres.Tx, _ userRow) error {
		return s.use(ctx, tx, key.ID, flags.SignCount)
	}})
	if errors.Is(err, errOvertaken) {
		return refuse()
	}
	if err != nil {
		return Token{}, Session{}, fmt.Errorf("begin a session: %w", err)
	}
	return token, session, nil
}

// errWrongKey is the one answer to every key that does not sign in.
func errWrongKey() error {
	return errs.New(errs.Unauthorized, "This key signs nobody in here, or it took too long. Try again, or ask an administrator for a one-time code.")
}

// takes reports whether keys of this kind count on this server.
func (s *Service) takes(c Credential) bool { return c.Kind == Passkey || s.demo }

// use notes that a key has signed. It returns errOvertaken if the key was revoked
// meanwhile, or if its count says that there are two of it.
func (s *Service) use(ctx context.Context, tx *postgres.Tx, id int64, count uint32) error {
	key, err := lockCredential(ctx, tx, id)
	if err != nil {
		return err
	}
	if key.Revoked() || key.wentBack(count) {
		return errOvertaken
	}
	return useCredential(ctx, tx, id, count, s.now())
}

func (s *Service) newChallenge(life time.Duration) Challenge {
	return Challenge{Nonce: newNonce(), ExpiresAt: s.now().Add(life)}
}

// chargeKey takes one attempt from the address and one from the key.
func (s *Service) chargeKey(ctx context.Context, key []byte, from string) (ticket, time.Duration, error) {
	now := s.now()
	name := string(key)
	t := ticket{address: throttleKey("address", from), login: throttleKey("key", name, from), series: throttleKey("series-key", name, from)}
	wait, err := take(ctx, s.db, t.address, perAddress, now)
	if err != nil {
		return ticket{}, 0, err
	}
	if wait > 0 {
		t.refusedBy, t.series = t.address, throttleKey("series-address", from)
		return t, wait, nil
	}
	// A key cannot be guessed: the limit bounds the work of its verification.
	if wait, err = take(ctx, s.db, t.login, perKnown, now); err == nil && wait > 0 {
		t.refusedBy = t.login
	}
	return t, wait, err
}

// nobodysKey is what a key that is not enrolled is compared with, so that the
// answer takes as long.
var nobodysKey = sync.OnceValue(func() Credential {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // only an unreadable source of randomness
	}
	spki, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		panic(err)
	}
	return Credential{Kind: Passkey, spki: spki}
})

// handleOf returns the bytes that authenticators keep for an account.
func handleOf(uuid string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(uuid, "-", ""))
	if err != nil {
		return ""
	}
	return string(b)
}
