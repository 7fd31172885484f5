package auth

import (
	"context"

	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Who asked was judged when they asked. Between that and the transaction that does
// it, their session can end, their account be shut or their role be taken. What
// gives somebody a way in, or takes one, is judged once more within it.

// still refuses to do something to somebody else's account for a person whose
// account was shut, or who does not manage target any more. What people do to their
// own by it takes ways in away, and may be done late.
func (s *Service) still(ctx context.Context, tx *postgres.Tx, actor Actor, target int64) error {
	if actor.ID == 0 || actor.ID == target { // a part of the server, or oneself
		return nil
	}
	if s.manages != nil {
		if err := s.manages(ctx, tx, actor, target); err != nil {
			return err
		}
	}
	return s.OpenTx(ctx, tx, actor.ID)
}

// OpenTx refuses a person whose account was shut, and lets nobody shut it until the
// transaction ends.
func (s *Service) OpenTx(ctx context.Context, tx *postgres.Tx, user int64) error {
	open, err := lockOpenUser(ctx, tx, user)
	if err == nil && !open {
		err = errs.Deniedf("Your account was shut.")
	}
	return err
}

// lasts refuses what a person does in a session that has ended. It locks their
// account, then the session.
func (s *Service) lasts(ctx context.Context, tx *postgres.Tx, session Session) error {
	if _, err := lockUser(ctx, tx, session.Account.ID); err != nil {
		return err
	}
	now, err := lockSession(ctx, tx, session.ID)
	if err != nil {
		return err
	}
	if now.over(s.now()) != "" {
		return errNotSignedIn()
	}
	return nil
}
