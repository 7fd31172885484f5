package auth

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"cisterna/internal/audit"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
	"cisterna/internal/webauthn"
)

// Keys returns a person's keys, oldest first, revoked ones included.
func (s *Service) Keys(ctx context.Context, user int64) ([]Credential, error) {
	return credentialsOf(ctx, s.db, user, true)
}

// Holds reports whether a person has a key of this name that was not revoked.
func (s *Service) Holds(ctx context.Context, user int64, credential []byte) (bool, error) {
	all, err := credentialsOf(ctx, s.db, user, true)
	return slices.ContainsFunc(all, func(c Credential) bool { return !c.Revoked() && bytes.Equal(c.Credential, credential) }), err
}

// AskKey returns a challenge for a further passkey of somebody who is signed in.
// The caller has made them step up.
func (s *Service) AskKey(ctx context.Context, session Session) (Enrolment, error) {
	user, err := userByID(ctx, s.db, session.Account.ID)
	if err != nil {
		return Enrolment{}, err
	}
	return s.enrolment(ctx, user, challengeRow{Purpose: "enrol", Session: sql.NullInt64{Int64: session.ID, Valid: true}})
}

// AddKey enrols the further passkey.
func (s *Service) AddKey(ctx context.Context, p Party, session Session, name string, n Nonce, made webauthn.Creation) (Credential, error) {
	if err := checkKeyName(name); err != nil {
		return Credential{}, err
	}
	_, asked, err := takeChallenge(ctx, s.db, n, "enrol", session.ID, s.now())
	if err != nil {
		return Credential{}, err
	}
	key, err := s.newCredential(p, session.Account, asked, n, made)
	if err != nil {
		return Credential{}, err
	}
	key.Name, key.CreatedBy = name, "signed in"
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := s.lasts(ctx, tx, session); err != nil {
			return err
		}
		return s.addKey(ctx, tx, &key, session.Account.Actor(nil))
	})
	if err != nil {
		return Credential{}, fmt.Errorf("enrol a passkey: %w", err)
	}
	return key, nil
}

// RenameKey gives a key of one's own another name, while one's account is open.
func (s *Service) RenameKey(ctx context.Context, actor Actor, id int64, name string) error {
	if err := checkKeyName(name); err != nil {
		return err
	}
	return postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := s.OpenTx(ctx, tx, actor.ID); err != nil {
			return err
		}
		key, err := lockCredential(ctx, tx, id)
		if err != nil {
			return err
		}
		if key.User != actor.ID || key.Revoked() {
			return errNoKey()
		}
		if key.Name == name {
			return nil
		}
		if err := renameCredential(ctx, tx, id, name); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "auth.key_rename", Actor: actor.String(), Object: object(key.User), Payload: map[string]any{"key": id, "from": key.Name, "to": name},
		})
	})
}

// RevokeKey makes a key of target count no more and ends the sessions that began
// with it. People revoke their own, but not the last passkey, and administrators
// those of people they manage.
func (s *Service) RevokeKey(ctx context.Context, actor, target Actor, id int64, reason string) error {
	own := actor.ID != 0 && actor.ID == target.ID
	if !own && !actor.Manages(target) {
		return errNotTheirs()
	}
	reason, err := checkReason(reason)
	if err != nil {
		return err
	}
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := s.still(ctx, tx, actor, target.ID); err != nil {
			return err
		}
		if _, err := userByID(ctx, tx, target.ID); err != nil {
			return err
		}
		if _, err := lockUser(ctx, tx, target.ID); err != nil {
			return err
		}
		key, err := lockCredential(ctx, tx, id)
		if err != nil {
			return err
		}
		if key.User != target.ID || key.Revoked() {
			return errNoKey()
		}
		left, _, err := countPasskeys(ctx, tx, target.ID)
		if err != nil {
			return err
		}
		if own && key.Kind == Passkey && left == 1 {
			return errs.Conflictf("This is your only passkey: without it you cannot sign in. Add another one first.")
		}
		if err := revokeCredential(ctx, tx, id, actor.String(), reason, s.now()); err != nil {
			return err
		}
		ended, err := endSessions(ctx, tx, `credential = $3`, s.now(), Revoked, id)
		if err != nil {
			return err
		}
		if !own {
			words := fmt.Sprintf("%s revoked your key “%s” (%s).", plainActor(actor.String()), key.Name, reason)
			if err := s.tell(ctx, tx, target.ID, "key_revoked", words, 0); err != nil {
				return err
			}
		}
		tx.OnCommit(func() { s.publish(ended) })
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "auth.key_revoke", Actor: actor.String(), Object: object(target.ID), Reason: reason, Payload: map[string]any{"key": id, "name": key.Name, "sessions_ended": len(ended)},
		})
	})
	if err != nil {
		return fmt.Errorf("revoke key %d: %w", id, err)
	}
	return nil
}

// EndSession ends one session of one's own.
func (s *Service) EndSession(ctx context.Context, actor Actor, id int64) error {
	return s.endOwn(ctx, actor, `user_id = `+fmt.Sprint(actor.ID)+` AND id = $3`, id, true)
}

// EndOtherSessions ends all sessions of one's own but one.
func (s *Service) EndOtherSessions(ctx context.Context, actor Actor, but int64) error {
	return s.endOwn(ctx, actor, `user_id = `+fmt.Sprint(actor.ID)+` AND id <> $3`, but, false)
}

func (s *Service) endOwn(ctx context.Context, actor Actor, which string, arg int64, some bool) error {
	return postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		ended, err := endSessions(ctx, tx, which, s.now(), Revoked, arg)
		if err != nil {
			return err
		}
		if len(ended) == 0 {
			if some {
				return errs.NotFoundf("There is no such session of yours, or it has ended.")
			}
			return nil
		}
		ids := make([]int64, len(ended))
		for i, e := range ended {
			ids[i] = e.Session
		}
		tx.OnCommit(func() { s.publish(ended) })
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "auth.sessions_end", Actor: actor.String(), Object: object(actor.ID), Payload: map[string]any{"sessions": ids, "sessions_ended": len(ended)},
		})
	})
}
