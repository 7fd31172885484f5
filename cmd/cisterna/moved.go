package main

import (
	"context"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// moved tells everybody who keeps something of a pump that it goes to another site
// (registry.Options.Moved).
func (a *App) moved(ctx context.Context, tx *postgres.Tx, _ auth.Actor, p registry.Pump, site int64) error {
	for _, tell := range []func() error{
		func() error { return a.Alarms.MovedTx(ctx, tx, p.ID, site) },
		func() error { return a.Maintenance.MovedTx(ctx, tx, p.ID, p.Link, site) },
		func() error { return a.Recalls.MovedTx(ctx, tx, p.ID, p.Link, site) },
		func() error { return a.Lists.MovedTx(ctx, tx, p.ID) },
	} {
		if err := tell(); err != nil {
			return err
		}
	}
	return nil
}
