package registry

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// object names a thing in the record: "pump:7".
func object(kind string, id int64) string { return kind + ":" + strconv.FormatInt(id, 10) }

func insertSite(ctx context.Context, tx *postgres.Tx, n *Site, now time.Time) error {
	err := tx.QueryRowContext(ctx, `INSERT INTO registry_sites (name, short, time_zone, created_at) VALUES ($1, $2, $3, $4) RETURNING id`,
		n.Name, n.Short, n.TimeZone, now).Scan(&n.ID)
	return siteTaken(err, n.Short)
}

func siteTaken(err error, short string) error {
	if postgres.IsUnique(err, "registry_sites_short") {
		return errs.Wrap(errs.Conflict, err, "There is already a site with the short name %s.", short)
	}
	return err
}

// lockSite reads a site and keeps it as it is until the transaction ends.
func lockSite(ctx context.Context, tx *postgres.Tx, id int64) (n Site, err error) {
	err = tx.QueryRowContext(ctx, `SELECT id, name, short, time_zone, rev FROM registry_sites WHERE id = $1 FOR NO KEY UPDATE`, id).
		Scan(&n.ID, &n.Name, &n.Short, &n.TimeZone, &n.Rev)
	if err == sql.ErrNoRows {
		return n, errs.NotFoundf("There is no such site.")
	}
	return n, err
}

func updateSite(ctx context.Context, tx *postgres.Tx, n Site) error {
	_, err := tx.ExecContext(ctx, `UPDATE registry_sites SET name = $2, short = $3, time_zone = $4, rev = $5 WHERE id = $1`, n.ID, n.Name, n.Short, n.TimeZone, n.Rev)
	return siteTaken(err, n.Short)
}

func sites(ctx context.Context, q sqlx.QueryerContext, scope auth.Scope) ([]Site, error) {
	all, ids := scopeArgs(scope)
	rows, err := q.QueryContext(ctx, `SELECT id, name, short, time_zone, rev FROM registry_sites WHERE ($1 OR id = ANY($2)) ORDER BY name, id`, all, ids)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []Site
	for rows.Next() {
		var n Site
		if err := rows.Scan(&n.ID, &n.Name, &n.Short, &n.TimeZone, &n.Rev); err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, rows.Err()
}

// lockMemberships lets no other transaction change memberships until this one
// ends. Readers do not wait.
func lockMemberships(ctx context.Context, tx *postgres.Tx) error {
	_, err := tx.ExecContext(ctx, `LOCK TABLE registry_memberships IN SHARE ROW EXCLUSIVE MODE`)
	return err
}

// lockRoles returns what a person may do at a site, and lets nobody take it away until
// the transaction ends.
func lockRoles(ctx context.Context, tx *postgres.Tx, user, site int64) (roles []auth.Role, err error) {
	err = tx.SelectContext(ctx, &roles, `SELECT role FROM registry_memberships WHERE user_id = $1 AND site_id = $2 ORDER BY role FOR SHARE`, user, site)
	if err != nil {
		return nil, fmt.Errorf("read the roles of person %d: %w", user, err)
	}
	return roles, nil
}

func rolesOf(ctx context.Context, q sqlx.QueryerContext, user int64) (map[int64][]auth.Role, error) {
	rows, err := q.QueryContext(ctx, `SELECT site_id, role FROM registry_memberships WHERE user_id = $1 ORDER BY site_id, role`, user)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[int64][]auth.Role{}
	for rows.Next() {
		var site int64
		var role auth.Role
		if err := rows.Scan(&site, &role); err != nil {
			return nil, err
		}
		out[site] = append(out[site], role)
	}
	return out, rows.Err()
}

func insertMembership(ctx context.Context, tx *postgres.Tx, m Membership) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO registry_memberships (user_id, site_id, role, granted_at, granted_by) VALUES ($1, $2, $3, $4, $5)`,
		m.User, m.Site, m.Role, m.GrantedAt, m.GrantedBy)
	if postgres.Code(err) == postgres.ForeignKeyViolation {
		return errs.NotFoundf("There is no such site.")
	}
	return err
}

func deleteMembership(ctx context.Context, tx *postgres.Tx, user, site int64, role auth.Role) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM registry_memberships WHERE user_id = $1 AND site_id = $2 AND role = $3`, user, site, role)
	return err
}

// adminsOf returns the administrators of a site.
func adminsOf(ctx context.Context, tx *postgres.Tx, site int64) ([]int64, error) {
	rows, err := tx.QueryContext(ctx, `SELECT user_id FROM registry_memberships WHERE site_id = $1 AND role = $2 ORDER BY user_id`, site, auth.Admin)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []int64
	for rows.Next() {
		var user int64
		if err := rows.Scan(&user); err != nil {
			return nil, err
		}
		out = append(out, user)
	}
	return out, rows.Err()
}

func memberships(ctx context.Context, db *sqlx.DB, site int64) ([]Membership, error) {
	rows, err := db.QueryContext(ctx, `SELECT user_id, site_id, role, granted_at, granted_by FROM registry_memberships WHERE site_id = $1 ORDER BY user_id, role`, site)
	return scanMemberships(rows, err)
}

func holders(ctx context.Context, db *sqlx.DB, scope auth.Scope, roles []auth.Role) ([]Membership, error) {
	names := make(pq.StringArray, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	rows, err := db.QueryContext(ctx, `SELECT user_id, site_id, role, granted_at, granted_by FROM registry_memberships WHERE ($1 OR site_id = ANY ($2)) AND role = ANY ($3) ORDER BY site_id, user_id, role`,
		scope.All, pq.Int64Array(scope.Sites), names)
	return scanMemberships(rows, err)
}

func scanMemberships(rows *sql.Rows, err error) ([]Membership, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []Membership
	for rows.Next() {
		var m Membership
		if err := rows.Scan(&m.User, &m.Site, &m.Role, &m.GrantedAt, &m.GrantedBy); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// siteExists returns errs.Invalid if there is no such site.
func siteExists(ctx context.Context, tx *postgres.Tx, site int64) error {
	var one int
	err := tx.QueryRowContext(ctx, `SELECT 1 FROM registry_sites WHERE id = $1`, site).Scan(&one)
	if err == sql.ErrNoRows {
		return errs.InvalidField("site", "There is no such site.")
	}
	return err
}
