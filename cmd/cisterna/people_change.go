package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/token"
)

// roleFlags name roles at sites.
type roleFlags struct {
	Role []string `required:"" help:"A role at a site, as SITE:ROLE, such as 1:engineer. May be given several times." placeholder:"SITE:ROLE"`
}

func (f roleFlags) parse() (map[int64][]auth.Role, error) {
	roles := map[int64][]auth.Role{}
	for _, r := range f.Role {
		site, role, err := parseRole(r)
		if err != nil {
			return nil, fieldError("role", r, err)
		}
		roles[site] = append(roles[site], role)
	}
	return roles, nil
}

// personFlags name a person, and why something about them changes.
type personFlags struct {
	databaseFlags
	Login  string `required:"" help:"Whose account."`
	Reason string `required:"" help:"Why, for the record."`
}

// UserGrantCmd gives roles.
type UserGrantCmd struct {
	databaseFlags
	roleFlags
	Login string `required:"" help:"Whose roles."`
}

// Run gives them. Roles that the person has already are no change.
func (c *UserGrantCmd) Run(ctx context.Context, log *slog.Logger) error {
	roles, err := c.parse()
	if err != nil {
		return err
	}
	o, err := c.office(ctx, log)
	if err != nil {
		return err
	}
	defer o.close()
	person, err := o.person(ctx, c.Login)
	if err != nil {
		return err
	}
	all := maps.Clone(roles)
	for site, held := range person.Roles {
		all[site] = append(slices.Clone(all[site]), held...)
	}
	if err := o.possible(ctx, all); err != nil {
		return err
	}
	return o.grant(ctx, person.ID, roles)
}

// UserWithdrawCmd takes roles away.
type UserWithdrawCmd struct {
	databaseFlags
	roleFlags
	Login string `required:"" help:"Whose roles."`
}

// Run takes them.
func (c *UserWithdrawCmd) Run(ctx context.Context, log *slog.Logger) error {
	roles, err := c.parse()
	if err != nil {
		return err
	}
	o, err := c.office(ctx, log)
	if err != nil {
		return err
	}
	defer o.close()
	person, err := o.person(ctx, c.Login)
	if err != nil {
		return err
	}
	for site, of := range roles {
		for _, r := range of {
			if err := o.reg.RemoveMembership(ctx, o.actor, person.ID, site, r); err != nil {
				return fmt.Errorf("role %d:%s: %w", site, r, err)
			}
		}
	}
	return nil
}

// UserPasswordCmd gives a new password.
type UserPasswordCmd struct{ personFlags }

// Run sets it.
func (c *UserPasswordCmd) Run(ctx context.Context, log *slog.Logger) error {
	return c.change(ctx, log, func(o office, person auth.Actor) error {
		password, err := readPassword()
		if err != nil {
			return err
		}
		return o.people.SetPassword(ctx, o.actor, person, password, c.Reason)
	})
}

// UserDisableCmd shuts an account.
type UserDisableCmd struct{ personFlags }

// Run shuts it.
func (c *UserDisableCmd) Run(ctx context.Context, log *slog.Logger) error {
	return c.change(ctx, log, func(o office, person auth.Actor) error { return o.reg.DisablePerson(ctx, o.actor, person.ID, c.Reason) })
}

// UserEnableCmd opens an account.
type UserEnableCmd struct{ personFlags }

// Run opens it.
func (c *UserEnableCmd) Run(ctx context.Context, log *slog.Logger) error {
	return c.change(ctx, log, func(o office, person auth.Actor) error { return o.people.Enable(ctx, o.actor, person, c.Reason) })
}

func (f personFlags) change(ctx context.Context, log *slog.Logger, do func(office, auth.Actor) error) error {
	o, err := f.office(ctx, log)
	if err != nil {
		return err
	}
	defer o.close()
	person, err := o.person(ctx, f.Login)
	if err != nil {
		return err
	}
	return do(o, person)
}

// office is what commands about people and sites work with.
type office struct {
	people *auth.Service
	reg    *registry.Service
	actor  auth.Actor
	close  func()
}

func (f databaseFlags) office(ctx context.Context, log *slog.Logger) (o office, err error) {
	db, err := f.openMigrated(ctx, 2)
	if err != nil {
		return o, err
	}
	o = office{actor: auth.System("cli"), close: func() { _ = db.Close() }}
	if o.people, err = auth.New(auth.Options{DB: db, Log: log}); err == nil {
		o.reg, err = toolRegistry(ctx, db, o.people)
	}
	if err != nil {
		o.close()
	}
	return o, err
}

// possible refuses roles at sites that are not there, and roles that do not go
// together.
func (o office) possible(ctx context.Context, roles map[int64][]auth.Role) error {
	sites, err := o.reg.Sites(ctx, auth.Scope{All: true})
	if err != nil {
		return err
	}
	for id := range roles {
		if !slices.ContainsFunc(sites, func(s registry.Site) bool { return s.ID == id }) {
			return fmt.Errorf("there is no site %d: cisterna site list shows them, cisterna site add makes one", id)
		}
	}
	return auth.Compatible(roles)
}

func (o office) grant(ctx context.Context, user int64, roles map[int64][]auth.Role) error {
	for site, of := range roles {
		for _, r := range of {
			if err := o.reg.AddMembership(ctx, o.actor, user, site, r); err != nil {
				return fmt.Errorf("role %d:%s: %w", site, r, err)
			}
		}
	}
	return nil
}

func (o office) person(ctx context.Context, login string) (auth.Actor, error) {
	account, err := o.people.AccountByLogin(ctx, login)
	if err != nil {
		return auth.Actor{}, err
	}
	roles, err := o.reg.Roles(ctx, account.ID)
	return account.Actor(roles), err
}

// readPassword reads a line from standard input, from a terminal without showing
// it.
func readPassword() (string, error) {
	if show, ok := hideInput(os.Stdin); ok {
		fmt.Fprint(os.Stderr, "Password: ")
		restore := func() {
			show()
			fmt.Fprintln(os.Stderr)
		}
		defer restore()
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt)
		defer signal.Stop(interrupted)
		go func() {
			<-interrupted
			restore()
			os.Exit(130)
		}()
	}
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n') // a last line may lack its end
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.New("no password on standard input")
	}
	return line, nil
}

// toolRegistry is a registry for commands, which enrol nobody.
func toolRegistry(ctx context.Context, db *sqlx.DB, people *auth.Service) (*registry.Service, error) {
	tokens, err := token.NewService(token.Options{DB: db, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	no := errors.New("only the server enrols pumps")
	return registry.New(ctx, registry.Options{
		DB: db, Now: time.Now, Accounts: people, Shut: tokens.RevokeOwner,
		Sign:      func(*x509.CertificateRequest, time.Time) (*x509.Certificate, [][]byte, error) { return nil, nil, no },
		Documents: func(context.Context, string) (registry.Documents, error) { return registry.Documents{}, no },
	})
}

func parseRole(s string) (site int64, role auth.Role, err error) {
	a, b, ok := strings.Cut(s, ":")
	site, numErr := strconv.ParseInt(a, 10, 64)
	if !ok || numErr != nil {
		return 0, "", errors.New("want SITE:ROLE, such as 1:engineer")
	}
	if !slices.Contains(auth.Roles(), auth.Role(b)) {
		return 0, "", fmt.Errorf("there is no role %q; the roles are %v", b, auth.Roles())
	}
	return site, auth.Role(b), nil
}
