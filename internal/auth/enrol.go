package auth

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"cisterna/internal/audit"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
	"cisterna/internal/webauthn"
)

// Enrolment is what a browser needs to make a passkey for somebody.
type Enrolment struct {
	Challenge
	Handle  []byte // what the authenticator keeps for the account
	Account Account
	Exclude [][]byte // credentials that the person has already
}

// CodeEntry is a one-time code as somebody enters it.
type CodeEntry struct {
	Login, Code string
	Credentials // where it comes from; Login and Password of it are not looked at
}

// BeginEnrol takes a code to enrol or to recover and returns a challenge for a
// new passkey. The code is not used up yet. The error is of kind Unauthorized, in
// the same words and after the same work, for an unknown login, a wrong code, one
// of another person, and one that counts no more; of kind Conflict, with what is
// missing, for a right code that does not count yet; of kind Throttled, wrapping
// *[Throttled], after too many attempts.
func (s *Service) BeginEnrol(ctx context.Context, e CodeEntry) (Enrolment, error) {
	user, code, err := s.checkCode(ctx, e, Enrol, Recover)
	if err != nil {
		return Enrolment{}, err
	}
	return s.enrolment(ctx, user, challengeRow{Purpose: "enrol", Code: sql.NullInt64{Int64: code.ID, Valid: true}})
}

func (s *Service) enrolment(ctx context.Context, user userRow, row challengeRow) (Enrolment, error) {
	c := s.newChallenge(ceremonyLife)
	c.Bytes = bound("enrol", c.Nonce)
	row.ExpiresAt = c.ExpiresAt
	handle, err := userByHandle(ctx, s.db, user.ID)
	if err != nil {
		return Enrolment{}, fmt.Errorf("read the handle of account %d: %w", user.ID, err)
	}
	keys, err := credentialsOf(ctx, s.db, user.ID, false)
	if err != nil {
		return Enrolment{}, err
	}
	out := Enrolment{Challenge: c, Handle: []byte(handleOf(handle)), Account: user.account()}
	for _, k := range keys {
		if k.Kind == Passkey {
			out.Exclude = append(out.Exclude, k.Credential)
		}
	}
	return out, insertChallenge(ctx, s.db, c.Nonce, row)
}

// FinishEnrol enrols the passkey that was made, and uses up the code. After a
// recovery the old passkeys and all sessions have ended. It begins no session:
// signing in with the new key is what proves that it works.
func (s *Service) FinishEnrol(ctx context.Context, p Party, e CodeEntry, name string, n Nonce, made webauthn.Creation) (Credential, error) {
	if err := checkKeyName(name); err != nil {
		return Credential{}, err
	}
	user, code, err := s.checkCode(ctx, e, Enrol, Recover)
	if err != nil {
		return Credential{}, err
	}
	row, asked, err := takeChallenge(ctx, s.db, n, "enrol", 0, s.now())
	if err != nil {
		return Credential{}, err
	}
	key, err := s.newCredential(p, user.account(), asked && row.Code.Int64 == code.ID, n, made)
	if err != nil {
		return Credential{}, err
	}
	key.Name, key.CreatedBy = name, fmt.Sprintf("code %d", code.ID)
	if code.Bootstrap {
		key.CreatedBy += ", not confirmed by a second administrator"
	}
	actor := user.account().Actor(nil)
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		present, err := lockUser(ctx, tx, user.ID)
		if err != nil {
			return err
		}
		again, err := lockCode(ctx, tx, code.ID)
		if err != nil {
			return err
		}
		if present.account().Disabled() || again.State(s.now()) != Open {
			return errWrongCode()
		}
		if err := closeCode(ctx, tx, code.ID, CodeUsed, actor.String(), s.now()); err != nil {
			return err
		}
		if code.Purpose == Recover {
			if err := s.replaceKeys(ctx, tx, user.ID, actor); err != nil {
				return err
			}
		}
		return s.addKey(ctx, tx, &key, actor)
	})
	if err != nil {
		return Credential{}, fmt.Errorf("enrol a passkey: %w", err)
	}
	return key, nil
}

// replaceKeys revokes what a person signed in with before a recovery, and ends
// what they did with it.
func (s *Service) replaceKeys(ctx context.Context, tx *postgres.Tx, user int64, actor Actor) error {
	old, err := credentialsOf(ctx, tx, user, false)
	if err != nil {
		return err
	}
	for _, k := range old {
		if err := revokeCredential(ctx, tx, k.ID, actor.String(), "replaced in a recovery", s.now()); err != nil {
			return err
		}
	}
	ended, err := endSessions(ctx, tx, `user_id = $3`, s.now(), Revoked, user)
	if err != nil {
		return err
	}
	tx.OnCommit(func() { s.publish(ended) })
	return nil
}

// addKey stores a passkey, tells its owner and the record.
func (s *Service) addKey(ctx context.Context, tx *postgres.Tx, key *Credential, actor Actor) error {
	if err := insertCredential(ctx, tx, key); err != nil {
		return err
	}
	words := fmt.Sprintf("The passkey “%s” was enrolled for you.", key.Name)
	if key.Synced {
		words += " It may be copied to other devices: it signs you in, but it cannot sign doses."
	}
	if err := s.tell(ctx, tx, key.User, "key_added", words, 0); err != nil {
		return err
	}
	return audit.Append(ctx, tx, audit.Entry{Kind: "auth.key_add", Actor: actor.String(), Object: object(key.User), Payload: keyPayload(*key)})
}

// checkCode returns whose code it is that somebody entered, if it may be used for
// one of the purposes.
func (s *Service) checkCode(ctx context.Context, e CodeEntry, purposes ...Purpose) (userRow, Code, error) {
	e.Credentials.Login = strings.TrimSpace(e.Login)
	from := source(e.Address)
	t, wait, err := s.charge(ctx, e.Credentials.Login, from)
	if err != nil {
		return userRow{}, Code{}, err
	}
	if wait > 0 {
		if err := s.noteFailure(ctx, e.Credentials, from, t, true); err != nil {
			return userRow{}, Code{}, err
		}
		return userRow{}, Code{}, errThrottled(wait)
	}
	user, known, err := userByLogin(ctx, s.db, e.Credentials.Login)
	if err != nil {
		return userRow{}, Code{}, err
	}
	code, there, err := codeByHash(ctx, s.db, codeHash(e.Code))
	if err != nil {
		return userRow{}, Code{}, err
	}
	state := code.State(s.now())
	counts := state == Open || state == Waiting || state == Unconfirmed
	fits := false
	for _, p := range purposes {
		fits = fits || code.Purpose == p
	}
	if !known || !there || code.User != user.ID || user.account().Disabled() || !counts || !fits {
		if err := s.noteFailure(ctx, e.Credentials, from, t, false); err != nil {
			return userRow{}, Code{}, err
		}
		return userRow{}, Code{}, errWrongCode()
	}
	if err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error { return t.giveBack(ctx, tx) }); err != nil {
		return userRow{}, Code{}, err
	}
	switch state {
	case Unconfirmed:
		return userRow{}, Code{}, errs.Conflictf("The code is right, but a second administrator has not confirmed it yet. Ask for that, then try again.")
	case Waiting:
		return userRow{}, Code{}, errs.Conflictf("The code is right. For your safety it counts from %s on.", code.OpensAt.UTC().Format("2 January 2006, 15:04 UTC"))
	default:
		return user, code, nil
	}
}

// errWrongCode is the one answer to every code that is not right.
func errWrongCode() error {
	return errs.New(errs.Unauthorized, "The login or the code is wrong, or the code counts no more. Check both, or ask an administrator for a new code.")
}
