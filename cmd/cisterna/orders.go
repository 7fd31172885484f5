package main

import (
	"context"
	"time"

	"cisterna/fleet/keyset"
	"cisterna/fleet/library"
)

// signatures opens whose signatures count and what may be given: keysets and drug
// libraries. In a demo the server signs them with the keys of the ceremony.
func (a *App) signatures(ctx context.Context, now func() time.Time) (err error) {
	trust := a.o.Keys.trust
	ks := keyset.Options{
		DB: a.DB, Material: trust, Origin: a.URL, Roles: a.Registry.Roles, Now: now, Log: a.log.With("component", "keyset"),
		Open: func(ctx context.Context, user int64) (bool, error) {
			account, err := a.People.Account(ctx, user)
			return err == nil && !account.Disabled(), err
		},
		Holds: a.People.Holds,
	}
	lib := library.Options{DB: a.DB, Root: trust.Root, Document: trust.Library, Now: now, Log: a.log.With("component", "library")}
	if trust.Root.Demo {
		// A demo whose secret keys were taken away is signed for by people.
		ks.Demo, _ = trust.Signers("admin-a", "admin-b")
		lib.Demo, _ = trust.Signers("pharmacist")
	}
	if a.Keysets, err = keyset.New(ctx, ks); err != nil {
		return err
	}
	a.Libraries, err = library.New(ctx, lib)
	return err
}

// covered waits until a leaf of the record is under a checkpoint.
func (a *App) covered(ctx context.Context, leaf int64) error {
	_, err := a.Sequencer.WaitFor(ctx, leaf)
	return err
}
