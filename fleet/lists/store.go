package lists

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

func cmpText(a, b string) int { return cmp.Compare(a, b) }

// lockTags lets no other transaction change a pump's tags until this one ends, and
// returns them.
func lockTags(ctx context.Context, tx *postgres.Tx, pump int64) ([]string, error) {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('lists_tags', $1))`, pump); err != nil {
		return nil, err
	}
	var tags []string
	err := tx.SelectContext(ctx, &tags, `SELECT tag FROM lists_tags WHERE pump_id = $1 ORDER BY tag`, pump)
	return tags, err
}

func writeTags(ctx context.Context, tx *postgres.Tx, pump int64, add, remove []string, by string, now time.Time) error {
	if len(add) > 0 {
		if _, err := tx.ExecContext(ctx, `INSERT INTO lists_tags (pump_id, tag, at, by) SELECT $1, t, $3, $4 FROM unnest($2::text[]) t`, pump, pq.StringArray(add), now, by); err != nil {
			return err
		}
	}
	if len(remove) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM lists_tags WHERE pump_id = $1 AND tag = ANY ($2)`, pump, pq.StringArray(remove))
	return err
}

// eachTag calls f for every tag of every pump.
func (s *Service) eachTag(ctx context.Context, f func(pump int64, tag string)) error {
	rows, err := s.DB.QueryContext(ctx, `SELECT pump_id, tag FROM lists_tags`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var pump int64
		var tag string
		if err := rows.Scan(&pump, &tag); err != nil {
			return err
		}
		f(pump, tag)
	}
	return rows.Err()
}

const groupColumns = `id, site_id, name, note, filter, owner, owner_name, created_at, rev`

func scanGroup(row interface{ Scan(...any) error }) (g Group, err error) {
	err = row.Scan(&g.ID, &g.Site, &g.Name, &g.Note, &g.Filter, &g.Owner, &g.OwnerName, &g.CreatedAt, &g.Rev)
	return g, err
}

func insertGroup(ctx context.Context, tx *postgres.Tx, g *Group) error {
	// One at a time per site, or the count would be wrong.
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('lists_groups', $1))`, g.Site); err != nil {
		return err
	}
	var n int
	if err := tx.GetContext(ctx, &n, `SELECT count(*) FROM lists_groups WHERE site_id = $1`, g.Site); err != nil {
		return err
	}
	if n >= maxGroups {
		return errs.Conflictf("The site has %d groups, and no more are possible. Delete one first.", n)
	}
	err := tx.QueryRowContext(ctx, `INSERT INTO lists_groups (site_id, name, note, filter, owner, owner_name, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
		g.Site, g.Name, g.Note, g.Filter, g.Owner, g.OwnerName, g.CreatedAt).Scan(&g.ID)
	return groupTaken(err, g.Name)
}

func groupTaken(err error, name string) error {
	if postgres.IsUnique(err, "lists_groups_name") {
		return errs.Conflictf("The site has a group called %s already.", name)
	}
	return err
}

func lockGroup(ctx context.Context, tx *postgres.Tx, id int64) (Group, error) {
	g, err := scanGroup(tx.QueryRowContext(ctx, `SELECT `+groupColumns+` FROM lists_groups WHERE id = $1 FOR UPDATE`, id))
	return g, none(err, "group")
}

func getGroup(ctx context.Context, db *sqlx.DB, id int64) (Group, error) {
	g, err := scanGroup(db.QueryRowContext(ctx, `SELECT `+groupColumns+` FROM lists_groups WHERE id = $1`, id))
	return g, none(err, "group")
}

func updateGroup(ctx context.Context, tx *postgres.Tx, g Group) error {
	_, err := tx.ExecContext(ctx, `UPDATE lists_groups SET name = $2, note = $3, filter = $4, rev = $5 WHERE id = $1`, g.ID, g.Name, g.Note, g.Filter, g.Rev)
	return groupTaken(err, g.Name)
}

// deleteGroup returns the members it had.
func deleteGroup(ctx context.Context, tx *postgres.Tx, id int64) (members []int64, err error) {
	if err := tx.SelectContext(ctx, &members, `DELETE FROM lists_members WHERE group_id = $1 RETURNING pump_id`, id); err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM lists_groups WHERE id = $1`, id)
	return members, err
}

func countMembers(ctx context.Context, tx *postgres.Tx, id int64) (n int64, err error) {
	err = tx.GetContext(ctx, &n, `SELECT count(*) FROM lists_members WHERE group_id = $1`, id)
	return n, err
}

func setMember(ctx context.Context, tx *postgres.Tx, group, pump int64, in bool, by string, now time.Time) (changed bool, err error) {
	var res sql.Result
	if in {
		res, err = tx.ExecContext(ctx, `INSERT INTO lists_members (group_id, pump_id, at, by) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, group, pump, now, by)
	} else {
		res, err = tx.ExecContext(ctx, `DELETE FROM lists_members WHERE group_id = $1 AND pump_id = $2`, group, pump)
	}
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// AllGroups returns the groups of all sites, by site and name.
func (s *Service) AllGroups(ctx context.Context) ([]Group, error) {
	rows, err := s.DB.QueryContext(ctx, `SELECT `+groupColumns+` FROM lists_groups ORDER BY site_id, lower(name), id`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []Group
	for rows.Next() {
		g, err := scanGroup(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, rows.Err()
}

const viewColumns = `id, owner, owner_name, COALESCE(site_id, 0), name, filter, sort, columns, dense, created_at, rev`

func scanView(row interface{ Scan(...any) error }) (v View, err error) {
	err = row.Scan(&v.ID, &v.Owner, &v.OwnerName, &v.Site, &v.Name, &v.Filter, &v.Sort, (*pq.StringArray)(&v.Columns), &v.Dense, &v.CreatedAt, &v.Rev)
	return v, err
}

// maybeSite is a site as a column: none is NULL.
func maybeSite(site int64) any {
	if site == 0 {
		return nil
	}
	return site
}

func insertView(ctx context.Context, tx *postgres.Tx, v *View) error {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('lists_views', $1))`, v.Owner); err != nil {
		return err
	}
	var n int
	if err := tx.GetContext(ctx, &n, `SELECT count(*) FROM lists_views WHERE owner = $1`, v.Owner); err != nil {
		return err
	}
	if n >= maxViews {
		return errs.Conflictf("You have %d views, and no more are possible. Delete one first.", n)
	}
	err := tx.QueryRowContext(ctx, `
INSERT INTO lists_views (owner, owner_name, site_id, name, filter, sort, columns, dense, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id`,
		v.Owner, v.OwnerName, maybeSite(v.Site), v.Name, v.Filter, v.Sort, pq.StringArray(v.Columns), v.Dense, v.CreatedAt).Scan(&v.ID)
	return viewTaken(err, v.Name)
}

func viewTaken(err error, name string) error {
	switch {
	case postgres.IsUnique(err, "lists_views_mine"):
		return errs.Conflictf("You have a view called %s already.", name)
	case postgres.IsUnique(err, "lists_views_site"):
		return errs.Conflictf("The site has a view called %s already.", name)
	}
	return err
}

func lockView(ctx context.Context, tx *postgres.Tx, id int64) (View, error) {
	v, err := scanView(tx.QueryRowContext(ctx, `SELECT `+viewColumns+` FROM lists_views WHERE id = $1 FOR UPDATE`, id))
	return v, none(err, "view")
}

func updateView(ctx context.Context, tx *postgres.Tx, v View) error {
	_, err := tx.ExecContext(ctx, `UPDATE lists_views SET site_id = $2, name = $3, filter = $4, sort = $5, columns = $6, dense = $7, rev = $8 WHERE id = $1`,
		v.ID, maybeSite(v.Site), v.Name, v.Filter, v.Sort, pq.StringArray(v.Columns), v.Dense, v.Rev)
	return viewTaken(err, v.Name)
}

func deleteView(ctx context.Context, tx *postgres.Tx, id int64) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM lists_views WHERE id = $1`, id)
	return err
}

func listViews(ctx context.Context, db *sqlx.DB, owner int64, scope auth.Scope) ([]View, error) {
	rows, err := db.QueryContext(ctx, `SELECT `+viewColumns+` FROM lists_views WHERE site_id IS NULL AND owner = $1 OR site_id IS NOT NULL AND ($2 OR site_id = ANY ($3)) ORDER BY lower(name), id`,
		owner, scope.All, pq.Int64Array(scope.Sites))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := []View{}
	for rows.Next() {
		v, err := scanView(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	slices.SortStableFunc(all, func(a, b View) int { return cmp.Compare(min(a.Site, 1), min(b.Site, 1)) })
	return all, rows.Err()
}

// MovedTx takes a pump out of the groups of the site that it leaves, in the caller's
// transaction: a group holds pumps of its own site.
func (s *Service) MovedTx(ctx context.Context, tx *postgres.Tx, pump int64) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM lists_members WHERE pump_id = $1`, pump); err != nil {
		return err
	}
	tx.OnCommit(func() { s.events.Publish(Changed{Pumps: []int64{pump}, Groups: true}) })
	return nil
}
