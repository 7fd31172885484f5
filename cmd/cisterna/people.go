package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
)

// SiteCmd groups the commands for sites.
type SiteCmd struct {
	Add SiteAddCmd `cmd:"" help:"Add a site."`
}

// SiteAddCmd adds a site.
type SiteAddCmd struct {
	databaseFlags
	Name     string `required:"" help:"Full name."`
	Short    string `required:"" help:"Short name, for tables."`
	TimeZone string `default:"UTC" help:"IANA time zone, such as Europe/Berlin."`
}

// Run adds the site and prints its id.
func (c *SiteAddCmd) Run(ctx context.Context, log *slog.Logger) error {
	db, err := c.openMigrated(ctx, 2)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	reg, err := toolRegistry(ctx, db)
	if err != nil {
		return err
	}
	site, err := reg.CreateSite(ctx, auth.System("cli"), registry.NewSite{Name: c.Name, Short: c.Short, TimeZone: c.TimeZone})
	if err != nil {
		return err
	}
	fmt.Println(site.ID)
	return nil
}

// UserCmd groups the commands for people.
type UserCmd struct {
	Add UserAddCmd `cmd:"" help:"Add a person with roles at sites. The password is read from standard input."`
}

// UserAddCmd adds a person, the first administrator included.
type UserAddCmd struct {
	databaseFlags
	Login string   `required:"" help:"What they sign in with."`
	Name  string   `required:"" help:"Printed name."`
	Role  []string `required:"" help:"A role at a site, as SITE:ROLE, such as 1:engineer. May be given several times."`
}

// Run adds the person.
func (c *UserAddCmd) Run(ctx context.Context, log *slog.Logger) error {
	roles := map[int64][]auth.Role{}
	for _, r := range c.Role {
		site, role, err := parseRole(r)
		if err != nil {
			return fieldError("role", r, err)
		}
		roles[site] = append(roles[site], role)
	}
	password, err := bufio.NewReader(os.Stdin).ReadString('\n')
	password = strings.TrimRight(password, "\r\n")
	if password == "" {
		return errors.Join(errors.New("no password on standard input"), err)
	}
	db, err := c.openMigrated(ctx, 2)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	people, err := auth.New(auth.Options{DB: db, Log: log})
	if err != nil {
		return err
	}
	reg, err := toolRegistry(ctx, db)
	if err != nil {
		return err
	}
	account, err := people.CreateUser(ctx, auth.System("cli"), auth.NewUser{Login: c.Login, Name: c.Name, Password: password})
	if err != nil {
		return err
	}
	for site, rs := range roles {
		for _, r := range rs {
			if err := reg.AddMembership(ctx, auth.System("cli"), account.ID, site, r); err != nil {
				return fmt.Errorf("role %s at site %d: %w", r, site, err)
			}
		}
	}
	fmt.Println(account.ID)
	return nil
}

// toolRegistry is a registry for commands, which enrol nobody.
func toolRegistry(ctx context.Context, db *sqlx.DB) (*registry.Service, error) {
	no := errors.New("only the server enrols pumps")
	return registry.New(ctx, registry.Options{
		DB: db, Now: time.Now,
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
