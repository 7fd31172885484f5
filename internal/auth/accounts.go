package auth

import (
	"context"
	"fmt"

	"cisterna/internal/audit"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// CreateUser makes an account. It returns an error of kind Invalid for a login,
// name or password that may not be, Conflict if the login is taken, and Denied
// unless actor is an administrator somewhere.
func (s *Service) CreateUser(ctx context.Context, actor Actor, u NewUser) (Account, error) {
	draft, err := s.Draft(ctx, actor, u)
	if err != nil {
		return Account{}, err
	}
	var a Account
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) (err error) {
		a, err = draft.Insert(ctx, tx, actor, "")
		return err
	})
	if err != nil {
		return Account{}, fmt.Errorf("create account: %w", err)
	}
	return a, nil
}

// Draft is an account that has been checked and is not there yet.
type Draft struct {
	account  Account
	password string // hash
}

// Draft checks what an account is to be made from, and does the work that no
// transaction should wait for. Its errors are those of CreateUser.
func (s *Service) Draft(ctx context.Context, actor Actor, u NewUser) (Draft, error) {
	if !actor.HasAnywhere(Admin) {
		return Draft{}, errs.Deniedf("Only an administrator may create accounts.")
	}
	if err := u.validate(); err != nil {
		return Draft{}, err
	}
	if u.Password == "" {
		u.Password = NewToken().Reveal() // nobody's to know
	}
	password, err := s.hash(ctx, u.Password)
	if err != nil {
		return Draft{}, err
	}
	now := s.now()
	return Draft{Account{Login: u.Login, Name: u.Name, CreatedAt: now, PasswordAt: now}, password}, nil
}

// Insert makes the account within a transaction that does more, and puts it on
// the record.
func (d Draft) Insert(ctx context.Context, tx *postgres.Tx, actor Actor, reason string) (Account, error) {
	a := d.account
	var err error
	if a.ID, err = insertUser(ctx, tx, a, d.password); postgres.IsUnique(err, "auth_users_login") {
		return Account{}, errs.Wrap(errs.Conflict, err, "The login %q is taken.", a.Login)
	} else if err != nil {
		return Account{}, err
	}
	return a, audit.Append(ctx, tx, audit.Entry{
		Kind: "auth.account_create", Actor: actor.String(), Object: object(a.ID), Reason: reason, Payload: map[string]any{"login": a.Login, "name": a.Name},
	})
}

// Open returns those of the accounts that are not shut.
func (s *Service) Open(ctx context.Context, tx *postgres.Tx, users []int64) ([]int64, error) {
	return openUsers(ctx, tx, users)
}

// Account returns an account, or an error of kind NotFound.
func (s *Service) Account(ctx context.Context, id int64) (Account, error) {
	row, err := userByID(ctx, s.db, id)
	return row.account(), err
}

// AccountByLogin returns the account with a login, in any case of letters, or an
// error of kind NotFound.
func (s *Service) AccountByLogin(ctx context.Context, login string) (Account, error) {
	row, ok, err := userByLogin(ctx, s.db, login)
	if err == nil && !ok {
		err = errs.NotFoundf("There is no account %q.", login)
	}
	return row.account(), err
}

// SetPassword gives target a new password and ends its sessions. target carries
// the roles it has, because they say who may manage it.
func (s *Service) SetPassword(ctx context.Context, actor, target Actor, password, reason string) error {
	if !actor.Manages(target) {
		return errNotTheirs()
	}
	row, err := userByID(ctx, s.db, target.ID)
	if err != nil {
		return err
	}
	if err := CheckPassword(password, row.Login, row.Name); err != nil {
		return err
	}
	hashed, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.change(ctx, actor, target.ID, "auth.password", reason, PasswordChanged, func(tx *postgres.Tx) error {
		return setPassword(ctx, tx, target.ID, hashed, s.now())
	})
}

// Disable shuts target's account and ends its sessions at once.
func (s *Service) Disable(ctx context.Context, actor, target Actor, reason string) error {
	return s.DisableIf(ctx, actor, target, reason, func(*postgres.Tx) error { return nil })
}

// DisableIf is Disable unless check, within the same transaction, returns an
// error.
func (s *Service) DisableIf(ctx context.Context, actor, target Actor, reason string, check func(*postgres.Tx) error) error {
	if !actor.Manages(target) {
		return errNotTheirs()
	}
	return s.change(ctx, actor, target.ID, "auth.account_disable", reason, AccountDisabled, func(tx *postgres.Tx) error {
		if err := check(tx); err != nil {
			return err
		}
		now := s.now()
		return setDisabled(ctx, tx, target.ID, &now)
	})
}

// Enable opens target's account again. Old sessions stay ended.
func (s *Service) Enable(ctx context.Context, actor, target Actor, reason string) error {
	if !actor.Manages(target) {
		return errNotTheirs()
	}
	return s.change(ctx, actor, target.ID, "auth.account_enable", reason, Revoked, func(tx *postgres.Tx) error {
		return setDisabled(ctx, tx, target.ID, nil)
	})
}

// EndSessions ends all sessions of target: people may end their own, and those
// of people they manage.
func (s *Service) EndSessions(ctx context.Context, actor, target Actor, reason string) error {
	if actor.ID != target.ID && !actor.Manages(target) {
		return errNotTheirs()
	}
	return s.change(ctx, actor, target.ID, "auth.sessions_end", reason, Revoked, func(*postgres.Tx) error { return nil })
}

// Sessions returns the newest sessions of a person, at most 50, also ended ones.
func (s *Service) Sessions(ctx context.Context, user int64) ([]Session, error) {
	return sessionsOf(ctx, s.db, user, 50)
}

func errNotTheirs() error {
	return errs.Deniedf("Only an administrator of all sites where this person works may do that.")
}

// change does one thing to an account, ends its sessions and puts it on the
// record.
func (s *Service) change(ctx context.Context, actor Actor, user int64, kind, reason string, how Ending, do func(*postgres.Tx) error) error {
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := s.still(ctx, tx, actor, user); err != nil {
			return err
		}
		if _, err := userByID(ctx, tx, user); err != nil {
			return err
		}
		if err := do(tx); err != nil {
			return err
		}
		ended, err := endSessions(ctx, tx, `user_id = $3`, s.now(), how, user)
		if err != nil {
			return err
		}
		tx.OnCommit(func() { s.publish(ended) })
		return audit.Append(ctx, tx, audit.Entry{
			Kind: kind, Actor: actor.String(), Object: object(user), Reason: reason, Payload: map[string]any{"sessions_ended": len(ended)},
		})
	})
	if err != nil {
		return fmt.Errorf("change account %d: %w", user, err)
	}
	return nil
}

func (s *Service) hash(ctx context.Context, password string) (string, error) {
	var out string
	err := s.hasher.run(ctx, func() { out = newHash(password, s.hasher.params).String() })
	return out, err
}
