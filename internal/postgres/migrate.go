package postgres

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrate brings the schema up to the newest file of files. It returns the
// versions it applied. Several servers may call it at once: one works, the
// others wait. The role of db must own the schema.
func Migrate(ctx context.Context, db *sqlx.DB, files fs.FS) ([]int64, error) {
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db.DB, files, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	results, err := p.Up(ctx)
	var applied []int64
	for _, r := range results {
		if r.Error == nil {
			applied = append(applied, r.Source.Version)
		}
	}
	if err != nil {
		return applied, fmt.Errorf("migrate the database: %w", err)
	}
	// goose makes its table before the first migration sets default privileges;
	// servers read it to refuse a schema that is behind.
	if _, err := db.ExecContext(ctx, "GRANT SELECT ON goose_db_version TO "+AppRole); err != nil {
		return applied, fmt.Errorf("migrate the database: %w", err)
	}
	return applied, nil
}

// Schema returns the newest migration that the database has, and the newest of
// files.
func Schema(ctx context.Context, db *sqlx.DB, files fs.FS) (applied, newest int64, err error) {
	p, err := goose.NewProvider(goose.DialectPostgres, db.DB, files)
	if err != nil {
		return 0, 0, fmt.Errorf("read migrations: %w", err)
	}
	for _, s := range p.ListSources() {
		newest = max(newest, s.Version)
	}
	if err := db.GetContext(ctx, &applied, "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied"); err != nil {
		return 0, 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return applied, newest, nil
}

// Pending returns how many migrations of files the database lacks.
func Pending(ctx context.Context, db *sqlx.DB, files fs.FS) (int, error) {
	p, err := goose.NewProvider(goose.DialectPostgres, db.DB, files)
	if err != nil {
		return 0, fmt.Errorf("read migrations: %w", err)
	}
	status, err := p.Status(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	n := 0
	for _, s := range status {
		if s.State == goose.StatePending {
			n++
		}
	}
	return n, nil
}
