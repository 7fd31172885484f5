package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
)

// SiteCmd groups the commands for sites.
type SiteCmd struct {
	Add  SiteAddCmd  `cmd:"" help:"Add a site."`
	List SiteListCmd `cmd:"" help:"List the sites with their numbers."`
}

// SiteAddCmd adds a site.
type SiteAddCmd struct {
	databaseFlags
	Name     string `required:"" help:"Full name."`
	Short    string `required:"" help:"Short name, for tables."`
	TimeZone string `default:"UTC" help:"IANA time zone, such as Europe/Berlin."`
}

// Run adds the site and prints its number.
func (c *SiteAddCmd) Run(ctx context.Context, log *slog.Logger) error {
	o, err := c.office(ctx, log)
	if err != nil {
		return err
	}
	defer o.close()
	site, err := o.reg.CreateSite(ctx, o.actor, registry.NewSite{Name: c.Name, Short: c.Short, TimeZone: c.TimeZone})
	if err != nil {
		return err
	}
	fmt.Println(site.ID)
	return nil
}

// SiteListCmd lists sites.
type SiteListCmd struct{ databaseFlags }

// Run prints one site a line.
func (c *SiteListCmd) Run(ctx context.Context, log *slog.Logger) error {
	o, err := c.office(ctx, log)
	if err != nil {
		return err
	}
	defer o.close()
	all, err := o.reg.Sites(ctx, auth.Scope{All: true})
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "SITE\tSHORT\tNAME\tTIME ZONE")
	for _, s := range all {
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", s.ID, s.Short, s.Name, s.TimeZone)
	}
	return w.Flush()
}

// UserCmd groups the commands for people.
type UserCmd struct {
	Add      UserAddCmd      `cmd:"" help:"Add a person with roles at sites. The password, at least 15 characters, is read from standard input."`
	List     UserListCmd     `cmd:"" help:"List the people who have a role somewhere."`
	Grant    UserGrantCmd    `cmd:"" help:"Give a person roles."`
	Withdraw UserWithdrawCmd `cmd:"" help:"Take roles from a person."`
	Password UserPasswordCmd `cmd:"" help:"Give a person a new password, read from standard input, and end their sessions."`
	Disable  UserDisableCmd  `cmd:"" help:"Shut a person's account and end their sessions."`
	Enable   UserEnableCmd   `cmd:"" help:"Open a person's account again."`
	Code     UserCodeCmd     `cmd:"" help:"Issue a one-time code with which a person enrols a passkey, while there are not two administrators who could."`
	Keys     UserKeysCmd     `cmd:"" help:"List a person's keys."`
	Revoke   UserRevokeCmd   `cmd:"" help:"Revoke a key of a person."`
}

// UserAddCmd adds a person, the first administrator included.
type UserAddCmd struct {
	databaseFlags
	roleFlags
	Login string `required:"" help:"What they sign in with."`
	Name  string `required:"" help:"Printed name."`
}

// Run adds the person and prints their number.
func (c *UserAddCmd) Run(ctx context.Context, log *slog.Logger) error {
	roles, err := c.parse()
	if err != nil {
		return err
	}
	o, err := c.office(ctx, log)
	if err != nil {
		return err
	}
	defer o.close()
	// What can be refused is refused before there is an account.
	if err := o.possible(ctx, roles); err != nil {
		return err
	}
	password, err := readPassword()
	if err != nil {
		return err
	}
	account, err := o.people.CreateUser(ctx, o.actor, auth.NewUser{Login: c.Login, Name: c.Name, Password: password})
	if err != nil {
		return err
	}
	if err := o.grant(ctx, account.ID, roles); err != nil {
		return fmt.Errorf("the account is there, without all its roles (cisterna user grant): %w", err)
	}
	fmt.Println(account.ID)
	return nil
}

// UserListCmd lists people.
type UserListCmd struct{ databaseFlags }

// Run prints one person a line.
func (c *UserListCmd) Run(ctx context.Context, log *slog.Logger) error {
	o, err := c.office(ctx, log)
	if err != nil {
		return err
	}
	defer o.close()
	sites, err := o.reg.Sites(ctx, auth.Scope{All: true})
	if err != nil {
		return err
	}
	roles := map[int64][]string{}
	for _, s := range sites {
		members, err := o.reg.Memberships(ctx, o.actor, s.ID)
		if err != nil {
			return err
		}
		for _, m := range members {
			roles[m.User] = append(roles[m.User], fmt.Sprintf("%d:%s", m.Site, m.Role))
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "LOGIN\tNAME\tROLES\tACCOUNT")
	for _, id := range slices.Sorted(maps.Keys(roles)) {
		a, err := o.people.Account(ctx, id)
		if err != nil {
			return err
		}
		state := "open"
		if a.Disabled() {
			state = "shut since " + a.DisabledAt.UTC().Format(time.DateOnly)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", a.Login, a.Name, strings.Join(roles[id], " "), state)
	}
	return w.Flush()
}
