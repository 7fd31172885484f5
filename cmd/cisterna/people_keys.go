package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"text/tabwriter"
	"time"

	"cisterna/internal/auth"
)

// UserCodeCmd issues a code that nobody has to confirm.
type UserCodeCmd struct {
	personFlags
	Purpose string `enum:"enrol,recover,link" default:"enrol" help:"To enrol a passkey, to replace lost ones, or to link the account at an OIDC provider."`
}

// Run issues the code and prints it. It is for an installation that is being set
// up, or that has lost its administrators: as soon as two of them have a passkey,
// codes are their business, and this refuses.
func (c *UserCodeCmd) Run(ctx context.Context, log *slog.Logger) error {
	return c.change(ctx, log, func(o office, person auth.Actor) error {
		able, err := o.administrators(ctx)
		if err != nil {
			return err
		}
		if able >= 2 {
			return errors.New("two administrators have a passkey: one issues the code in the console, under People, and another confirms it")
		}
		code, text, err := o.people.IssueCode(ctx, o.actor, person, auth.Purpose(c.Purpose), c.Reason, true)
		if err != nil {
			return err
		}
		fmt.Println(text)
		fmt.Fprintf(os.Stderr, "It counts until %s, once, for %s. The record says that no second administrator confirmed it.\n", code.ExpiresAt.UTC().Format(time.DateTime+" UTC"), person.Login)
		return nil
	})
}

// administrators returns how many administrators could issue or confirm a code.
func (o office) administrators(ctx context.Context) (int, error) {
	sites, err := o.reg.Sites(ctx, auth.Scope{All: true})
	if err != nil {
		return 0, err
	}
	var all []int64
	for _, s := range sites {
		members, err := o.reg.Memberships(ctx, o.actor, s.ID)
		if err != nil {
			return 0, err
		}
		for _, m := range members {
			if m.Role == auth.Admin {
				all = append(all, m.User)
			}
		}
	}
	able, err := o.people.CanConfirm(ctx, all)
	return len(able), err
}

// UserKeysCmd lists keys.
type UserKeysCmd struct {
	databaseFlags
	Login string `required:"" help:"Whose keys."`
}

// Run prints one key a line.
func (c *UserKeysCmd) Run(ctx context.Context, log *slog.Logger) error {
	o, err := c.office(ctx, log)
	if err != nil {
		return err
	}
	defer o.close()
	person, err := o.person(ctx, c.Login)
	if err != nil {
		return err
	}
	keys, err := o.people.Keys(ctx, person.ID)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "KEY\tKIND\tNAME\tSYNCED\tENROLLED\tLAST USED\tSTATE")
	for _, k := range keys {
		used, state := "never", "counts"
		if !k.LastUsedAt.IsZero() {
			used = k.LastUsedAt.UTC().Format(time.DateTime)
		}
		if k.Revoked() {
			state = "revoked: " + k.RevokeReason
		}
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\t%t\t%s by %s\t%s\t%s\n", k.ID, k.Kind, k.Name, k.Synced, k.CreatedAt.UTC().Format(time.DateTime), k.CreatedBy, used, state)
	}
	return w.Flush()
}

// UserRevokeCmd revokes a key.
type UserRevokeCmd struct {
	personFlags
	Key int64 `required:"" help:"The number of the key (cisterna user keys)."`
}

// Run revokes it and ends the sessions that began with it.
func (c *UserRevokeCmd) Run(ctx context.Context, log *slog.Logger) error {
	return c.change(ctx, log, func(o office, person auth.Actor) error {
		return o.people.RevokeKey(ctx, o.actor, person, c.Key, c.Reason)
	})
}
