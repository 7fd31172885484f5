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
	Role      string    `db:"role"`
	Superuser bool      `db:"superuser"`
	Owner     bool      `db:"owner"`   // the role may act as the owner of a table, and so rewrite it
	Durable   bool      `db:"durable"` // fsync and synchronous_commit are on
	Size      int64     `db:"size"`    // of the database, in bytes
	Here      bool      `db:"here"`    // it runs on the machine that asks: over a socket, or from the address that it answers at
}

// Inspect asks the database about itself.
func Inspect(ctx context.Context, db *sqlx.DB) (Info, error) {
	var i Info
	err := db.GetContext(ctx, &i, `SELECT current_setting('server_version_num')::int AS version, clock_timestamp() AS now, current_user AS role,
		(SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
		EXISTS (SELECT FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND pg_has_role(current_user, relowner, 'MEMBER')) AS owner,
		pg_database_size(current_database()) AS size,
		coalesce(inet_server_addr() = inet_client_addr(), true) AS here,
		current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off' AS durable`)
	if err != nil {
		return Info{}, fmt.Errorf("inspect the database: %w", err)
	}
	return i, nil
}

// Restricted returns an error unless the role can do no more to the record than
// append to it.
func (i Info) Restricted() error {
	if i.Superuser || i.Owner {
		return fmt.Errorf("the role %s can rewrite the record; the server works as %s, which can only append to it", i.Role, AppRole)
	}
	return nil
}
