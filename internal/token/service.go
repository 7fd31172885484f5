package token

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Options is what a Service needs. Without a key it can only list and revoke.
type Options struct {
	DB  *sqlx.DB
	Key ed25519.PrivateKey
	Log *slog.Logger
	Now func() time.Time // nil: time.Now
	// Still refuses, within the transaction that makes a token, an owner who has no role
	// at a site any more or whose account was shut, and holds both until it ends. nil,
	// without registry: whoever asks has.
	Still func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, site int64) error
}

// Service keeps tokens. It is safe for concurrent use.
type Service struct {
	db     *sqlx.DB
	key    ed25519.PrivateKey
	log    *slog.Logger
	now    func() time.Time
	wrong  *limiter // bad tokens, by address
	steady *limiter // requests, by token
	still  func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, site int64) error
}

// NewService returns a ready Service.
func NewService(o Options) (*Service, error) {
	if o.DB == nil || o.Log == nil || o.Key != nil && len(o.Key) != ed25519.PrivateKeySize {
		return nil, errors.New("token: DB, Log and a whole Ed25519 key are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Still == nil {
		o.Still = func(context.Context, *postgres.Tx, auth.Actor, int64) error { return nil }
	}
	return &Service{db: o.DB, key: o.Key, log: o.Log.With("component", "token"), now: o.Now, wrong: newLimiter(wrongTokens), steady: newLimiter(requests), still: o.Still}, nil
}

// Create makes a token of the actor's own, for sites where they have a role, and
// returns its text, which is shown once. It returns an error of kind Invalid for
// what a token may not be, NotFound for a site that the actor cannot see, and
// Conflict if they have too many tokens. Who lost the role or the account since they asked
// is Denied.
func (s *Service) Create(ctx context.Context, actor auth.Actor, n New) (string, Token, error) {
	if actor.ID == 0 || actor.IsToken() {
		return "", Token{}, errs.Deniedf("Only a person who is signed in makes tokens.")
	}
	n, err := n.check()
	if err != nil {
		return "", Token{}, err
	}
	for _, site := range n.Sites {
		if !actor.Scope().Allows(site) {
			return "", Token{}, errs.NotFoundf("There is no such site.")
		}
	}
	now := s.now().UTC().Truncate(time.Second) // a token says whole seconds
	t := Token{Owner: actor.ID, Name: n.Name, Scopes: n.Scopes, Sites: n.Sites, CreatedAt: now, ExpiresAt: now.Add(n.Life).Truncate(time.Second)}
	jti := rand.Text()
	text, err := claimsOf(t, jti).sign(s.key)
	if err != nil {
		return "", Token{}, fmt.Errorf("sign a token: %w", err)
	}
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		open, err := lockOwner(ctx, tx, actor.ID, now)
		if err != nil {
			return err
		}
		// Behind the lock, which RevokeOwner takes too: either this token is there when the
		// account is shut and ends with it, or the account is shut when this one is judged.
		for _, site := range t.Sites {
			if err := s.still(ctx, tx, actor, site); err != nil {
				return err
			}
		}
		if open >= MaxOpen {
			return errs.Conflictf("You have %d tokens. Revoke one that is not needed any more.", open)
		}
		if t.ID, err = insertToken(ctx, tx, t, hashOf(jti)); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "token.create", Actor: actor.String(), Object: object(t.ID), Site: oneSite(t.Sites),
			Payload: map[string]any{"name": t.Name, "scopes": t.Scopes, "sites": t.Sites, "expires_at": t.ExpiresAt},
		})
	})
	if err != nil {
		return "", Token{}, err
	}
	return text, t, nil
}

// errBad is the one answer to a token that does not count, whatever is wrong
// with it. The log says what.
func errBad() error {
	return errs.New(errs.Unauthorized, "The API token is not valid, or not valid any more. Make another one.")
}

// Check returns the token whose text a request from an address carries. It
// returns an error of kind Unauthorized for one that does not count, and of kind
// Throttled, wrapping *[auth.Throttled], for too many requests. Who owns the
// token, and whether their account is open, is for the caller to look at.
func (s *Service) Check(ctx context.Context, text string, from netip.Addr) (Token, error) {
	if s.key == nil {
		return Token{}, errBad()
	}
	now := s.now()
	c, err := parse(text, s.key.Public().(ed25519.PublicKey), now)
	if err != nil {
		return Token{}, s.refuse(ctx, from, "it cannot be read", err)
	}
	said, err := c.token()
	if err != nil {
		return Token{}, s.refuse(ctx, from, "it cannot be read", err)
	}
	t, ok, err := tokenByHash(ctx, s.db, hashOf(c.ID))
	switch {
	case err != nil:
		return Token{}, err
	case !ok:
		return Token{}, s.refuse(ctx, from, "its id is unknown", nil)
	case t.Owner != said.Owner || !t.CreatedAt.Equal(said.CreatedAt) || !t.ExpiresAt.Equal(said.ExpiresAt) ||
		!slices.Equal(t.Scopes, said.Scopes) || !slices.Equal(t.Sites, said.Sites):
		return Token{}, s.refuse(ctx, from, "its row says something else", nil)
	case t.State(now) != "active":
		return Token{}, s.refuse(ctx, from, "it is "+t.State(now), nil)
	}
	if wait := s.steady.take(fmt.Sprint(t.ID), now); wait > 0 {
		return Token{}, throttled(wait, "This token asks too often.")
	}
	if now.Sub(t.UsedAt) >= usedEvery {
		if err := touch(ctx, s.db, t.ID, now, from.String(), now.Add(-usedEvery)); err != nil {
			return Token{}, err
		}
	}
	return t, nil
}

// Active returns a token of an owner's that counts, for work that was begun with it
// and goes on. It returns an error of kind Denied for one that has ended, and of
// kind NotFound for one that is not there.
func (s *Service) Active(ctx context.Context, owner, id int64) (Token, error) {
	t, ok, err := tokenByID(ctx, s.db, id)
	switch {
	case err != nil:
		return Token{}, err
	case !ok || t.Owner != owner:
		return Token{}, errs.NotFoundf("There is no such token.")
	case t.State(s.now()) != "active":
		return Token{}, errs.Deniedf("The API token %q is %s.", t.Name, t.State(s.now()))
	}
	return t, nil
}

// usedEvery bounds how often the last use of a token is written.
const usedEvery = time.Minute

// refuse logs why a token does not count, and makes those who try many wait.
func (s *Service) refuse(ctx context.Context, from netip.Addr, why string, cause error) error {
	s.log.WarnContext(ctx, "an API token was refused", "why", why, "error", cause, "address", from.String())
	if wait := s.wrong.take(from.String(), s.now()); wait > 0 {
		return throttled(wait, "Too many tokens that are not valid.")
	}
	return errBad()
}

// Of returns the tokens of an owner, newest first, with those that ended in the
// last 90 days.
func (s *Service) Of(ctx context.Context, owner int64) ([]Token, error) {
	return tokens(ctx, s.db, owner, nil, s.now().Add(-MaxLife))
}

// At returns the tokens that reach one of the sites, newest first, with those
// that ended in the last 90 days. Administrators and auditors of a site may ask.
func (s *Service) At(ctx context.Context, actor auth.Actor) ([]Token, error) {
	sites := []int64{}
	for site := range actor.Roles {
		if actor.Has(site, auth.Admin, auth.Auditor) {
			sites = append(sites, site)
		}
	}
	if len(sites) == 0 {
		return nil, errs.Deniedf("This needs the role admin or auditor at a site.")
	}
	return tokens(ctx, s.db, 0, sites, s.now().Add(-MaxLife))
}

// Revoke ends a token at once. Its owner may, and an administrator of a site that
// it reaches. To others it does not exist. One that has ended is an error of kind
// Conflict.
func (s *Service) Revoke(ctx context.Context, actor auth.Actor, id int64, reason string) (Token, error) {
	if reason = strings.TrimSpace(reason); !printable(reason, 300) {
		return Token{}, errs.InvalidField("reason", "Say why, in 1 to 300 characters.")
	}
	var t Token
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		var ok bool
		var err error
		if t, ok, err = lockToken(ctx, tx, id); err != nil {
			return err
		}
		if !ok || actor.IsToken() || actor.ID != t.Owner && !slices.ContainsFunc(t.Sites, func(site int64) bool { return actor.Has(site, auth.Admin) }) {
			return errs.NotFoundf("There is no such token.")
		}
		now := s.now()
		if state := t.State(now); state != "active" {
			return errs.Conflictf("The token is %s already.", state)
		}
		t.RevokedAt, t.RevokedBy, t.Reason = now, actor.String(), reason
		return s.end(ctx, tx, actor, t)
	})
	return t, err
}

// RevokeOwner ends all tokens of an owner within a transaction that ends more:
// the account.
func (s *Service) RevokeOwner(ctx context.Context, tx *postgres.Tx, actor auth.Actor, owner int64, reason string) error {
	now := s.now()
	if _, err := lockOwner(ctx, tx, owner, now); err != nil { // what is being made is there then
		return err
	}
	open, err := lockOpen(ctx, tx, owner, now)
	if err != nil {
		return err
	}
	for _, t := range open {
		t.RevokedAt, t.RevokedBy, t.Reason = now, actor.String(), reason
		if err := s.end(ctx, tx, actor, t); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) end(ctx context.Context, tx *postgres.Tx, actor auth.Actor, t Token) error {
	if err := revoke(ctx, tx, t); err != nil {
		return err
	}
	return audit.Append(ctx, tx, audit.Entry{
		Kind: "token.revoke", Actor: actor.String(), Object: object(t.ID), Site: oneSite(t.Sites), Reason: t.Reason,
		Payload: map[string]any{"owner": t.Owner, "name": t.Name},
	})
}

func object(id int64) string { return fmt.Sprintf("token:%d", id) }

// oneSite returns the site that a leaf concerns: 0 if it is not one alone.
func oneSite(sites []int64) int64 {
	if len(sites) == 1 {
		return sites[0]
	}
	return 0
}

func hashOf(jti string) []byte {
	sum := sha256.Sum256([]byte("cisterna/token\x00" + jti))
	return sum[:]
}

// printable reports whether s is 1 to limit characters of one line, without
// blanks at its ends.
func printable(s string, limit int) bool {
	return s != "" && strings.TrimSpace(s) == s && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) && utf8.RuneCountInString(s) <= limit
}
