package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"cisterna/internal/pgserver"
	"cisterna/internal/postgres"
)

// TestOwnerThatIsNoSuperuser: on a database of a hospital's own, whose owner may create
// roles and no more (docs/operating.md), migrations make everything that a server needs:
// it enrols a pump, keeps what it reports, and the record grows.
func TestOwnerThatIsNoSuperuser(t *testing.T) {
	t.Parallel()
	in := place(t)
	in.startPostgres()
	t.Cleanup(func() { _ = in.pg.Stop() })
	ctx := t.Context()
	admin, err := postgres.Open(ctx, in.pg.URL(pgserver.Owner, "postgres"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	for _, q := range []string{
		// What createuser --createrole and createdb --owner do.
		"CREATE ROLE hospital LOGIN NOSUPERUSER NOCREATEDB CREATEROLE", "CREATE DATABASE cisterna OWNER hospital",
		"CREATE ROLE powerless LOGIN", "CREATE DATABASE other OWNER powerless",
	} {
		if _, err := admin.ExecContext(ctx, q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	migrate := func(role, database string) error {
		return (&MigrateCmd{OwnerURL: in.pg.URL(role, database), AppPassword: "a-password-of-the-server"}).Run(ctx, testLog())
	}
	if err := migrate("powerless", "other"); err == nil || !strings.Contains(err.Error(), "CREATEROLE") {
		t.Errorf("an owner who may not create roles: %v", err)
	}
	for range 2 { // the second time nothing is missing
		if err := migrate("hospital", "cisterna"); err != nil {
			t.Fatal(err)
		}
	}

	in.at = func(role string) string { return in.pg.URL(role, "cisterna") }
	app := in.start()
	defer app.Stop()
	plans := in.slips(app, 1)
	f := in.fleet("pumps")
	if err := enrol(ctx, f, plans); err != nil {
		t.Fatal(err)
	}
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	if err := f.Devices()[0].Emit(5); err != nil {
		t.Fatal(err)
	}
	var samples, sequenced, parts int
	for deadline := time.Now().Add(time.Minute); samples < 5 || sequenced == 0 || parts < 8; {
		if err := app.DB.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM telemetry_samples), (SELECT count(*) FROM audit_checkpoint),
    (SELECT count(*) FROM pg_inherits WHERE inhparent = 'telemetry_samples'::regclass)`).Scan(&samples, &sequenced, &parts); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d samples, %d checkpoints, %d partitions", samples, sequenced, parts)
		}
		<-time.After(20 * time.Millisecond)
	}
	info, err := postgres.Inspect(context.Background(), app.DB)
	if err != nil || info.Restricted() != nil {
		t.Errorf("%v, %v", info.Restricted(), err)
	}
}
