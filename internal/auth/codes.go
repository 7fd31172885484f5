package auth

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cisterna/internal/audit"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Codes let somebody enrol without a passkey. One administrator issues a code and
// hands it over; it counts once a second one has confirmed it. So no
// administrator alone can become somebody else, and the one who confirms never
// sees the code.

// IssueCode makes a code for target and returns it, for the only time. An open
// one for the same purpose stops counting. target carries the roles it has,
// because they say who may manage it.
//
// bootstrap makes the code count at once. Only the server itself may ask for
// that, and it asks only while there are not two administrators who could do it
// the proper way; the record and the person's own page say that it was so.
func (s *Service) IssueCode(ctx context.Context, actor, target Actor, purpose Purpose, reason string, bootstrap bool) (Code, string, error) {
	switch {
	case !actor.Manages(target):
		return Code{}, "", errNotTheirs()
	case actor.ID == target.ID:
		return Code{}, "", errs.Deniedf("Nobody issues a code for themselves. Ask another administrator.")
	case bootstrap && !actor.system():
		return Code{}, "", errs.Deniedf("Only the server itself issues codes that nobody confirms.")
	case purpose != Enrol && purpose != Recover && purpose != Link:
		return Code{}, "", errs.InvalidField("purpose", "A code is to enrol, to recover or to link.")
	}
	reason, err := checkReason(reason)
	if err != nil {
		return Code{}, "", err
	}
	now, text := s.now(), newCode()
	c := Code{User: target.ID, Purpose: purpose, Reason: reason, IssuedAt: now, IssuedBy: actor.String(), Issuer: actor.ID, ExpiresAt: now.Add(codeLife)}
	if bootstrap {
		c.Bootstrap, c.ConfirmedAt, c.ConfirmedBy, c.OpensAt = true, now, actor.String(), now
	}
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := s.still(ctx, tx, actor, target.ID); err != nil {
			return err
		}
		user, err := lockUser(ctx, tx, target.ID)
		if err != nil {
			return err
		}
		if user.account().Disabled() {
			return errs.Conflictf("The account is shut. Open it first.")
		}
		passkeys, ever, err := countPasskeys(ctx, tx, target.ID)
		if err != nil {
			return err
		}
		switch {
		case purpose == Enrol && passkeys > 0:
			return errs.Conflictf("This person has a passkey and adds more with it, under Your security. If it is lost, issue a code to recover.")
		case purpose == Enrol && ever > 0 && !bootstrap: // or revoking the key first would be the way around the hold
			return errs.Conflictf("This person had a passkey, which was revoked. Issue a code to recover.")
		case purpose == Recover && ever == 0:
			return errs.Conflictf("This person has no passkey yet. Issue a code to enrol.")
		}
		if err := closeCodes(ctx, tx, target.ID, purpose, CodeOld, actor.String(), now); err != nil {
			return err
		}
		if err := insertCode(ctx, tx, &c, codeHash(text)); err != nil {
			return err
		}
		if bootstrap {
			if err := s.tellCode(ctx, tx, c); err != nil {
				return err
			}
		}
		return audit.Append(ctx, tx, codeEntry("auth.code_issue", actor, c))
	})
	if err != nil {
		return Code{}, "", fmt.Errorf("issue a code: %w", err)
	}
	return c, text, nil
}

// ConfirmCode makes a code count that another administrator has issued: at once,
// or after the hold if it is to recover. The person hears of it.
func (s *Service) ConfirmCode(ctx context.Context, actor, target Actor, id int64) (Code, error) {
	return s.changeCode(ctx, actor, target, id, "auth.code_confirm", func(tx *postgres.Tx, c *Code) error {
		now := s.now()
		switch {
		case !actor.Manages(target):
			return errNotTheirs()
		case c.Issuer == actor.ID:
			return errs.Deniedf("You issued this code. A second administrator has to confirm it.")
		case c.User == actor.ID:
			return errs.Deniedf("Nobody confirms a code for themselves. Ask another administrator.")
		case c.State(now) != Unconfirmed:
			return errs.Conflictf("The code is %s; there is nothing to confirm.", c.State(now))
		}
		c.ConfirmedAt, c.ConfirmedBy, c.OpensAt = now, actor.String(), now
		if c.Purpose == Recover {
			c.OpensAt = now.Add(s.hold)
		}
		c.ExpiresAt = c.OpensAt.Add(codeLife)
		if err := confirmCode(ctx, tx, *c, actor.ID); err != nil {
			return err
		}
		return s.tellCode(ctx, tx, *c)
	})
}

// WithdrawCode ends a code that has not been used.
func (s *Service) WithdrawCode(ctx context.Context, actor, target Actor, id int64) (Code, error) {
	return s.changeCode(ctx, actor, target, id, "auth.code_withdraw", func(tx *postgres.Tx, c *Code) error {
		if !actor.Manages(target) {
			return errNotTheirs()
		}
		return s.close(ctx, tx, c, Withdrawn, actor)
	})
}

// ObjectToCode ends a code that its person did not ask for.
func (s *Service) ObjectToCode(ctx context.Context, actor Actor, id int64) (Code, error) {
	return s.changeCode(ctx, actor, actor, id, "auth.code_object", func(tx *postgres.Tx, c *Code) error {
		if err := s.close(ctx, tx, c, Objected, actor); err != nil {
			return err
		}
		return s.tell(ctx, tx, c.User, "objected", fmt.Sprintf("You objected to the code that %s issued (%s). It counts no more. Tell your security officer if nobody has told you why it was made.", plainActor(c.IssuedBy), c.Reason), 0)
	})
}

func (s *Service) close(ctx context.Context, tx *postgres.Tx, c *Code, how CodeState, actor Actor) error {
	now := s.now()
	switch c.State(now) {
	case Unconfirmed, Waiting, Open:
	case CodeExpired, CodeUsed, Withdrawn, Objected, CodeOld:
		return errs.Conflictf("The code is %s already.", c.State(now))
	}
	c.ClosedAt, c.ClosedBy, c.closed = now, actor.String(), string(how)
	return closeCode(ctx, tx, c.ID, how, actor.String(), now)
}

// changeCode does one thing to a code of target and puts it on the record.
func (s *Service) changeCode(ctx context.Context, actor, target Actor, id int64, kind string, do func(*postgres.Tx, *Code) error) (Code, error) {
	var c Code
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		err := s.still(ctx, tx, actor, target.ID)
		if err != nil {
			return err
		}
		if c, err = lockCode(ctx, tx, id); err != nil {
			return err
		}
		if c.User != target.ID {
			return errNoCode()
		}
		if err := do(tx, &c); err != nil {
			return err
		}
		return audit.Append(ctx, tx, codeEntry(kind, actor, c))
	})
	if err != nil {
		return Code{}, fmt.Errorf("change code %d: %w", id, err)
	}
	return c, nil
}

// CodeOf returns a code, or an error of kind NotFound.
func (s *Service) CodeOf(ctx context.Context, id int64) (Code, error) {
	return readCode(ctx, s.db, id)
}

// OpenCodes returns the codes of the people that may still be used, or could be
// if they were confirmed, oldest first.
func (s *Service) OpenCodes(ctx context.Context, users []int64) ([]Code, error) {
	return openCodes(ctx, s.db, users, s.now())
}

// CanConfirm returns those of the people who have a passkey and whose account is
// open: of administrators, those who could issue or confirm a code.
func (s *Service) CanConfirm(ctx context.Context, administrators []int64) ([]int64, error) {
	return holders(ctx, s.db, administrators)
}

// tellCode tells a person of a code for them.
func (s *Service) tellCode(ctx context.Context, tx *postgres.Tx, c Code) error {
	by := plainActor(c.IssuedBy) + " and " + plainActor(c.ConfirmedBy)
	if c.Bootstrap {
		by = "Somebody at the server itself"
	}
	what := map[Purpose]string{
		Enrol: "let a passkey be enrolled for you", Recover: "let your passkeys be replaced", Link: "let an account at your organisation's sign-in be linked to yours",
	}[c.Purpose]
	words := fmt.Sprintf("%s %s (%s), from %s on. If you did not ask for this, object.", by, what, c.Reason, c.OpensAt.UTC().Format("2 January 2006, 15:04 UTC"))
	return s.tell(ctx, tx, c.User, "code_"+string(c.Purpose), words, c.ID)
}

func codeEntry(kind string, actor Actor, c Code) audit.Entry {
	return audit.Entry{
		Kind: kind, Actor: actor.String(), Object: object(c.User), Reason: c.Reason,
		Payload: map[string]any{"code": c.ID, "purpose": c.Purpose, "issued_by": c.IssuedBy, "confirmed_by": c.ConfirmedBy, "bootstrap": c.Bootstrap, "opens_at": stampOf(c.OpensAt), "expires_at": stampOf(c.ExpiresAt)},
	}
}

func stampOf(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}

// plainActor returns an actor's name from how the record names them.
func plainActor(s string) string {
	if _, name, ok := strings.Cut(s, " "); ok {
		return name
	}
	return s
}

// maxReason bounds why somebody did something, in bytes.
const maxReason = 500

func checkReason(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxReason || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return "", errs.InvalidField("reason", "Say why, in 1 to %d bytes of text on one line.", maxReason)
	}
	return s, nil
}

func errNoCode() error { return errs.NotFoundf("There is no such code.") }
