package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// Info is what a database says about itself and the role it was asked by.
type Info struct {
	Version   int       `db:"version"` // server_version_num: 150018
	Now       time.Time `db:"now"`
	Superuser bool      `db:"superuser"`
	Durable   bool      `db:"durable"` // fsync and synchronous_commit are on
}

// Inspect asks the database about itself.
func Inspect(ctx context.Context, db *sqlx.DB) (Info, error) {
	var i Info
	err := db.GetContext(ctx, &i, `SELECT current_setting('server_version_num')::int AS version, clock_timestamp() AS now,
		(SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
		current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off' AS durable`)
	if err != nil {
		return Info{}, fmt.Errorf("inspect the database: %w", err)
	}
	return i, nil
}
