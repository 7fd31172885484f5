package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/postgres"
	"cisterna/migrations"
)

// databaseFlags name the database as the server's own, restricted role.
type databaseFlags struct {
	DatabaseURL string `required:"" help:"PostgreSQL address as the role cisterna_app, such as postgres://cisterna_app@db/cisterna?sslmode=verify-full." env:"CISTERNA_DATABASE_URL" placeholder:"URL"`
}

func (f databaseFlags) open(ctx context.Context, conns int) (*sqlx.DB, error) {
	db, err := postgres.Open(ctx, f.DatabaseURL, conns)
	if err != nil {
		return nil, fmt.Errorf("--database-url: %w", err)
	}
	return db, nil
}

// openMigrated is open for commands that need the current schema.
func (f databaseFlags) openMigrated(ctx context.Context, conns int) (*sqlx.DB, error) {
	db, err := f.open(ctx, conns)
	if err != nil {
		return nil, err
	}
	n, err := postgres.Pending(ctx, db, migrations.FS)
	if err == nil && n > 0 {
		err = fmt.Errorf("the database lacks %d migrations: run cisterna migrate", n)
	}
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

// MigrateCmd brings the schema up to date.
type MigrateCmd struct {
	OwnerURL    string `required:"" help:"PostgreSQL address as the schema's owner, a role that may create roles." env:"CISTERNA_OWNER_URL" placeholder:"URL"`
	AppPassword string `help:"Give the role cisterna_app this password. Better by the environment: others can see flags." env:"CISTERNA_APP_PASSWORD" placeholder:"TEXT"`
}

// Run applies what is missing.
func (c *MigrateCmd) Run(ctx context.Context, log *slog.Logger) error {
	db, err := postgres.Open(ctx, c.OwnerURL, 4)
	if err != nil {
		return fmt.Errorf("--owner-url: %w", err)
	}
	defer func() { _ = db.Close() }()
	applied, err := postgres.Migrate(ctx, db, migrations.FS)
	if postgres.Code(err) == postgres.InsufficientRights {
		return fmt.Errorf("%w: the role of --owner-url must own the database and be allowed to create roles (ALTER ROLE … CREATEROLE)", err)
	}
	if err != nil {
		return err
	}
	if c.AppPassword != "" {
		if err := postgres.SetAppPassword(ctx, db, c.AppPassword); err != nil {
			return fmt.Errorf("--app-password: %w", err)
		}
	}
	log.Info("schema is up to date", "applied", len(applied))
	return nil
}
