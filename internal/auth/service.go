package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/audit"
	"cisterna/internal/errs"
	"cisterna/internal/event"
	"cisterna/internal/postgres"
)

// Options is what a Service needs.
type Options struct {
	DB  *sqlx.DB
	Log *slog.Logger
	Now func() time.Time // nil: time.Now
	// Params is the cost of new password hashes; the zero value means
	// DefaultParams. A hash of another cost is renewed when its owner signs in.
	Params Params
	// Hashers is how many passwords are hashed at once; 0 means one for every
	// two processors.
	Hashers int
	// Demo lets a password alone sign in and takes software keys. Elsewhere a
	// password begins a session that may do nothing but enrol a passkey.
	Demo bool
	// Hold is how long a recovery waits after it was confirmed, so that the person
	// can object; 0 means DefaultHold.
	Hold time.Duration
	// Manages, if not nil, refuses an actor who does not manage target by the roles
	// that both have within the transaction, and keeps those as they are until it
	// ends: what somebody was told they may can be over when they do it.
	Manages func(ctx context.Context, tx *postgres.Tx, actor Actor, target int64) error
}

// DefaultHold gives a person a day to hear that somebody recovers their account.
const DefaultHold = 24 * time.Hour

// Service keeps accounts and sessions. It is safe for concurrent use.
type Service struct {
	db     *sqlx.DB
	log    *slog.Logger
	now    func() time.Time
	hasher *hasher
	demo   bool
	hold   time.Duration
	ended  event.Bus[Ended]

	manages func(ctx context.Context, tx *postgres.Tx, actor Actor, target int64) error
}

// New returns a ready Service.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Log == nil {
		return nil, errors.New("auth: DB and Log are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Params == (Params{}) {
		o.Params = DefaultParams
	}
	if o.Hold == 0 {
		o.Hold = DefaultHold
	}
	if o.Hold < 0 {
		return nil, errors.New("auth: the hold of a recovery is negative")
	}
	h, err := newHasher(o.Params, o.Hashers)
	if err != nil {
		return nil, err
	}
	return &Service{db: o.DB, log: o.Log.With("component", "auth"), now: o.Now, hasher: h, demo: o.Demo, hold: o.Hold, manages: o.Manages}, nil
}

// Ended tells of sessions that this process has ended.
func (s *Service) Ended() *event.Bus[Ended] { return &s.ended }

// Credentials is an attempt to sign in.
type Credentials struct {
	Login, Password string
	Address         netip.Addr
	Agent           string
	Replaces        Token // the session that the browser had; it ends
}

// SignIn checks a login and password and begins a session under a token that
// nobody has seen before. It returns an error of kind Unauthorized, in the same
// words and after the same work, for an unknown login, a wrong password and a
// disabled account; of kind Throttled, wrapping *[Throttled], after too many
// attempts; and of kind Unavailable while too many sign in at once.
//
// Outside of a demo the session may do nothing but enrol a passkey, and an account
// that has one is answered as if the password were wrong: it signs in with that.
func (s *Service) SignIn(ctx context.Context, c Credentials) (Token, Session, error) {
	c.Login = strings.TrimSpace(c.Login)
	from := source(c.Address)
	ticket, wait, err := s.charge(ctx, c.Login, from)
	if err != nil {
		return Token{}, Session{}, err
	}
	if wait > 0 {
		if err := s.noteFailure(ctx, c, from, ticket, true); err != nil {
			return Token{}, Session{}, err
		}
		return Token{}, Session{}, errThrottled(wait)
	}
	user, ok, err := userByLogin(ctx, s.db, c.Login)
	if err != nil {
		return Token{}, Session{}, err
	}
	stored := s.hasher.nobody
	if ok {
		if stored, err = parseHash(user.Password); err != nil {
			return Token{}, Session{}, fmt.Errorf("account %d: %w", user.ID, err)
		}
	}
	right, renewed := false, ""
	err = s.hasher.run(ctx, func() {
		if len(c.Password) > MaxPasswordBytes {
			return // no account has such a password; how long this takes says nothing about the login
		}
		right = stored.matches(c.Password) && ok
		if right && stored.params != s.hasher.params {
			renewed = newHash(c.Password, s.hasher.params).String()
		}
	})
	if err != nil {
		return Token{}, Session{}, err
	}
	if !right || user.account().Disabled() {
		if err := s.noteFailure(ctx, c, from, ticket, false); err != nil {
			return Token{}, Session{}, err
		}
		return Token{}, Session{}, errWrong()
	}
	token, session, err := s.begin(ctx, user, c, s.byPassword(user, ticket, renewed))
	if errors.Is(err, errOvertaken) {
		if err := s.noteFailure(ctx, c, from, ticket, false); err != nil {
			return Token{}, Session{}, err
		}
		return Token{}, Session{}, errWrong()
	}
	if err != nil {
		return Token{}, Session{}, fmt.Errorf("begin a session: %w", err)
	}
	return token, session, nil
}

// errWrong is the one answer to every attempt that fails.
func errWrong() error {
	return errs.New(errs.Unauthorized, "The login or the password is wrong, or the account signs in with its passkey.")
}

// errOvertaken says that the account was shut, or lost what it was signing in
// with, while that was being checked. Whoever did that ended the sessions there
// were; one more must not begin behind their back.
var errOvertaken = errors.New("the account changed meanwhile")

// start is how a session begins.
type start struct {
	means      Means
	credential int64  // the key that it began with, 0 if none
	link       int64  // the link to a provider, 0 if none
	provider   string // the provider's name for its own session
	ticket     ticket
	// also checks in the transaction what must still hold, and does what belongs
	// to the beginning. It returns errOvertaken where the session may not begin.
	also func(ctx context.Context, tx *postgres.Tx, present userRow) error
}

// byPassword is how a session begins whose person knew the password. renewed is a
// costlier hash of it, "" if there is none.
func (s *Service) byPassword(user userRow, t ticket, renewed string) start {
	return start{means: ByPassword, ticket: t, also: func(ctx context.Context, tx *postgres.Tx, present userRow) error {
		if !present.PasswordAt.Equal(user.PasswordAt) {
			return errOvertaken
		}
		if !s.demo {
			if n, _, err := countPasskeys(ctx, tx, user.ID); err != nil {
				return err
			} else if n > 0 {
				return errOvertaken
			}
		}
		if renewed != "" {
			return renewPassword(ctx, tx, user.ID, user.Password, renewed)
		}
		return nil
	}}
}

func (s *Service) begin(ctx context.Context, user userRow, c Credentials, b start) (Token, Session, error) {
	now, token := s.now(), NewToken()
	session := Session{
		Account: user.account(), CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(Absolute), Address: c.Address.Unmap().String(), Agent: clip(c.Agent, 256),
		Means: b.means, Enrolling: b.means == ByPassword && !s.demo,
	}
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		present, err := lockUser(ctx, tx, user.ID)
		if err != nil {
			return err
		}
		if present.account().Disabled() {
			return errOvertaken
		}
		if err := b.also(ctx, tx, present); err != nil {
			return err
		}
		if session.ID, err = insertSession(ctx, tx, token, session, source(c.Address), b); err != nil {
			return err
		}
		old, err := endSessions(ctx, tx, `token_hash = $3`, now, Replaced, c.Replaces.hash())
		if err != nil {
			return err
		}
		if err := b.ticket.giveBack(ctx, tx); err != nil {
			return err
		}
		// What went wrong before stands on the record before what went right.
		if err := closeFailures(ctx, tx, b.ticket.series); err != nil {
			return err
		}
		tx.OnCommit(func() { s.publish(old) })
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "auth.sign_in", Actor: session.Account.Actor(nil).String(), Object: object(user.ID),
			Payload: map[string]any{
				"session": session.ID, "address": session.Address, "agent": session.Agent, "means": session.Means, "enrolling": session.Enrolling, "key": b.credential, "link": b.link,
			},
		})
	})
	return token, session, err
}

// SignOut ends the session of the token. It is no error if there is none.
func (s *Service) SignOut(ctx context.Context, t Token) error {
	return postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		now := s.now()
		ended, err := endSessions(ctx, tx, `token_hash = $3`, now, SignedOut, t.hash())
		if err != nil || len(ended) == 0 {
			return err
		}
		user, err := userByID(ctx, tx, ended[0].User)
		if err != nil {
			return err
		}
		tx.OnCommit(func() { s.publish(ended) })
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "auth.sign_out", Actor: user.account().Actor(nil).String(), Object: object(user.ID), Payload: map[string]any{"session": ended[0].Session},
		})
	})
}

// Session returns the session of the token, or an error of kind Unauthorized if
// it does not last (any more). It does not count as the person doing something.
func (s *Service) Session(ctx context.Context, t Token) (Session, error) {
	if t == (Token{}) {
		return Session{}, errNotSignedIn()
	}
	session, err := sessionByToken(ctx, s.db, t)
	if err != nil {
		return Session{}, err
	}
	if session.over(s.now()) != "" {
		return Session{}, errNotSignedIn()
	}
	if session.Visit != nil && !s.now().Before(session.Visit.Until) {
		session.Visit = nil
	}
	return session, nil
}

// touchEvery bounds how often an active session is written.
const touchEvery = 15 * time.Second

// Touch records that the person did something and returns the session with its
// new end. It writes at most once in 15 seconds.
func (s *Service) Touch(ctx context.Context, session Session) (Session, error) {
	now := s.now()
	if now.Sub(session.SeenAt) < touchEvery {
		return session, nil
	}
	if err := touch(ctx, s.db, session.ID, now, now.Add(-Idle)); err != nil {
		return Session{}, err
	}
	session.SeenAt = now
	return session, nil
}

// Alive returns those of the sessions that last.
func (s *Service) Alive(ctx context.Context, sessions []int64) (map[int64]Session, error) {
	rows, err := sessionsByID(ctx, s.db, sessions)
	if err != nil {
		return nil, err
	}
	now, alive := s.now(), make(map[int64]Session, len(rows))
	for _, r := range rows {
		if r.over(now) != "" {
			continue
		}
		if r.Visit != nil && !now.Before(r.Visit.Until) {
			r.Visit = nil
		}
		alive[r.ID] = r
	}
	return alive, nil
}

func (s *Service) publish(all []Ended) {
	for _, e := range all {
		s.ended.Publish(e)
	}
}

func object(user int64) string { return fmt.Sprintf("person:%d", user) }

// clip cuts s to n bytes of text that PostgreSQL can store.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
