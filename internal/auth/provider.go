package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"cisterna/internal/audit"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Subject is who somebody is at an OpenID provider.
type Subject struct {
	Issuer  string
	ID      string // "sub"
	Session string // the provider's name for its session
}

// Errand is an attempt to sign in at a provider, between going there and coming
// back.
type Errand struct {
	State  string // the nonce, as it travels
	Detail json.RawMessage
	code   int64 // that somebody entered to link their account, 0 if none
}

// errandLife is how long somebody may be away at the provider.
const errandLife = 10 * time.Minute

// NewState returns a fresh name for an errand.
func NewState() Nonce { return newNonce() }

// BeginErrand remembers an errand. browser is a secret of the browser that goes:
// only it may come back. Where e names a code, it must be one to link an account
// that counts; the errors are those of BeginEnrol.
func (s *Service) BeginErrand(ctx context.Context, state Nonce, browser Token, from netip.Addr, e *CodeEntry, detail any) error {
	wait, err := take(ctx, s.db, throttleKey("ask", source(from)), perAddress, s.now())
	if err != nil {
		return err
	}
	if wait > 0 {
		return errThrottled(wait)
	}
	row := challengeRow{Purpose: "oidc", ExpiresAt: s.now().Add(errandLife)}
	if e != nil {
		_, code, err := s.checkCode(ctx, *e, Link)
		if err != nil {
			return err
		}
		row.Code = sql.NullInt64{Int64: code.ID, Valid: true}
	}
	inner, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("keep an errand: %w", err)
	}
	if row.Detail, err = json.Marshal(errandDetail{Browser: browser.hash(), Detail: inner}); err != nil {
		return fmt.Errorf("keep an errand: %w", err)
	}
	return insertChallenge(ctx, s.db, state, row)
}

type errandDetail struct {
	Browser []byte          `json:"browser"`
	Detail  json.RawMessage `json:"detail"`
}

// EndErrand returns the errand of a state and forgets it. It returns an error of
// kind Unauthorized for one that is unknown, over, ended already, or another
// browser's.
func (s *Service) EndErrand(ctx context.Context, state Nonce, browser Token) (Errand, error) {
	row, asked, err := takeChallenge(ctx, s.db, state, "oidc", 0, s.now())
	if err != nil {
		return Errand{}, err
	}
	var d errandDetail
	if !asked || json.Unmarshal(row.Detail, &d) != nil || subtle.ConstantTimeCompare(d.Browser, browser.hash()) != 1 {
		return Errand{}, errErrand()
	}
	return Errand{Detail: d.Detail, code: row.Code.Int64}, nil
}

func errErrand() error {
	return errs.New(errs.Unauthorized, "That took too long, was done already, or began in another browser. Begin again.")
}

// SignInAt begins a session for the account that is linked to a subject. An
// errand with a code links its account first. It returns an error of kind
// Unauthorized if none is, or if the account is shut.
func (s *Service) SignInAt(ctx context.Context, c Credentials, e Errand, sub Subject) (Token, Session, error) {
	from := source(c.Address)
	t := ticket{address: throttleKey("none"), login: throttleKey("none"), series: throttleKey("series-oidc", sub.Issuer, sub.ID)}
	if e.code != 0 {
		if err := s.link(ctx, e.code, sub); err != nil {
			return Token{}, Session{}, err
		}
	}
	l, ok, err := linkOf(ctx, s.db, sub)
	if err != nil {
		return Token{}, Session{}, err
	}
	refuse := func() (Token, Session, error) {
		if err := s.noteFailure(ctx, c, from, t, false); err != nil {
			return Token{}, Session{}, err
		}
		return Token{}, Session{}, errs.New(errs.Unauthorized, "Your organisation knows you, but no account here that is open is linked to that. Ask two administrators for a one-time code to link it.")
	}
	if !ok {
		return refuse()
	}
	user, err := userByID(ctx, s.db, l.User)
	if err != nil {
		return Token{}, Session{}, err
	}
	c.Login = user.Login
	token, session, err := s.begin(ctx, user, c, start{
		means: ByProvider, link: l.ID, provider: clip(sub.Session, 255), ticket: t,
		also: func(ctx context.Context, tx *postgres.Tx, _ userRow) error { return useLink(ctx, tx, l.ID, s.now()) },
	})
	if errors.Is(err, errOvertaken) {
		return refuse()
	}
	if err != nil {
		return Token{}, Session{}, fmt.Errorf("begin a session: %w", err)
	}
	return token, session, nil
}

// link uses up a code and links its account to a subject.
func (s *Service) link(ctx context.Context, code int64, sub Subject) error {
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		c, err := lockCode(ctx, tx, code)
		if err != nil {
			return err
		}
		user, err := lockUser(ctx, tx, c.User)
		if err != nil {
			return err
		}
		if c.State(s.now()) != Open || user.account().Disabled() {
			return errWrongCode()
		}
		actor := user.account().Actor(nil)
		if err := insertLink(ctx, tx, c.User, sub, s.now()); err != nil {
			return err
		}
		if err := closeCode(ctx, tx, code, CodeUsed, actor.String(), s.now()); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, c.User, "linked", fmt.Sprintf("Your account was linked to a sign-in at %s.", sub.Issuer), 0); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "auth.link", Actor: actor.String(), Object: object(c.User), Payload: map[string]any{"issuer": sub.Issuer, "subject": sub.ID, "code": code},
		})
	})
	if err != nil {
		return fmt.Errorf("link an account: %w", err)
	}
	return nil
}

// Unlink ends a link of target's, and the sessions that began with it.
func (s *Service) Unlink(ctx context.Context, actor, target Actor, id int64) error {
	if actor.ID != target.ID && !actor.Manages(target) {
		return errNotTheirs()
	}
	return postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := s.still(ctx, tx, actor, target.ID); err != nil {
			return err
		}
		ok, err := endLink(ctx, tx, id, target.ID, actor.String(), s.now())
		if err != nil {
			return err
		}
		if !ok {
			return errs.NotFoundf("There is no such link.")
		}
		ended, err := endSessions(ctx, tx, `link = $3`, s.now(), Revoked, id)
		if err != nil {
			return err
		}
		tx.OnCommit(func() { s.publish(ended) })
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "auth.unlink", Actor: actor.String(), Object: object(target.ID), Payload: map[string]any{"link": id, "sessions_ended": len(ended)},
		})
	})
}

// SignOutAt ends the sessions of somebody who has signed out at the provider: of
// one session there, or of the subject. A message is taken once; one that came
// before does nothing.
func (s *Service) SignOutAt(ctx context.Context, sub Subject, message string, until time.Time) error {
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		id := Nonce(sha256.Sum256([]byte("cisterna-logout\x00" + sub.Issuer + "\x00" + message)))
		fresh, err := noteOnce(ctx, tx, id, until)
		if err != nil || !fresh {
			return err
		}
		ended, err := endAt(ctx, tx, sub, s.now())
		if err != nil || len(ended) == 0 {
			return err
		}
		tx.OnCommit(func() { s.publish(ended) })
		for _, e := range ended {
			err := audit.Append(ctx, tx, audit.Entry{
				Kind: "auth.sign_out", Actor: System("sign-in").String(), Object: object(e.User), Reason: "signed out at " + sub.Issuer, Payload: map[string]any{"session": e.Session},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sign out at the provider's word: %w", err)
	}
	return nil
}

// Linked is a link of a person's.
type Linked struct {
	ID         int64
	Issuer     string
	LinkedAt   time.Time
	LastUsedAt time.Time
}

// Links returns the links of a person that count.
func (s *Service) Links(ctx context.Context, user int64) ([]Linked, error) {
	return linksOf(ctx, s.db, user)
}
