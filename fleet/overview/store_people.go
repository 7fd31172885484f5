package overview

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"

	"cisterna/internal/auth"
)

func markOf(p Person) PersonMark { return PersonMark{Name: strings.ToLower(p.Name), ID: p.ID} }

// likeText makes s match itself in LIKE.
var likeText = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// readPeople reads people whom the actor may see, one alone if id is not 0, in
// one query. Names are compared by code point, the same way everywhere.
func (s *Service) readPeople(ctx context.Context, actor auth.Actor, scope auth.Scope, id int64, f PeopleFilter) ([]Person, error) {
	now := s.Now()
	rows, err := s.DB.QueryContext(ctx, `SELECT u.id, u.login, u.name, u.created_at, u.password_at, u.disabled_at,
    (SELECT max(a.seen_at) FROM auth_sessions a WHERE a.user_id = u.id),
    (SELECT count(*) FROM auth_sessions a WHERE a.user_id = u.id AND a.ended_at IS NULL AND a.expires_at > $5 AND a.seen_at > $6),
    (SELECT coalesce(json_agg(json_build_object('site', m.site_id, 'short', n.short, 'role', m.role, 'at', m.granted_at, 'by', m.granted_by) ORDER BY n.short, m.role), '[]')
       FROM registry_memberships m JOIN registry_sites n ON n.id = m.site_id WHERE m.user_id = u.id)
FROM auth_users u
WHERE ($1 OR EXISTS (SELECT FROM registry_memberships m WHERE m.user_id = u.id AND m.site_id = ANY ($2))
          OR $3 AND NOT EXISTS (SELECT FROM registry_memberships m WHERE m.user_id = u.id))
  AND ($4 = 0 OR u.id = $4)
  AND ($7 = 0 AND $8 = '' OR EXISTS (SELECT FROM registry_memberships m WHERE m.user_id = u.id AND ($1 OR m.site_id = ANY ($2))
          AND ($7 = 0 OR m.site_id = $7) AND ($8 = '' OR m.role = $8)))
  AND ($9 = '' OR lower(u.name) LIKE $9 OR lower(u.login) LIKE $9)
  AND ($10 = '' OR ($10 = 'disabled') = (u.disabled_at IS NOT NULL))
  AND ($12 = 0 OR (lower(u.name) COLLATE "C", u.id) > ($11, $12))
ORDER BY lower(u.name) COLLATE "C", u.id LIMIT $13`,
		scope.All, pq.Int64Array(scope.Sites), actor.HasAnywhere(auth.Admin), id, now, now.Add(-auth.Idle),
		f.Site, string(f.Role), like(f.Text), f.State, f.After.Name, f.After.ID, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []Person
	for rows.Next() {
		var p Person
		var disabled, seen sql.NullTime
		var roles []byte
		if err := rows.Scan(&p.ID, &p.Login, &p.Name, &p.CreatedAt, &p.PasswordAt, &disabled, &seen, &p.Sessions, &roles); err != nil {
			return nil, fmt.Errorf("read people: %w", err)
		}
		p.DisabledAt, p.SeenAt = disabled.Time, seen.Time
		if err := p.setRoles(roles, actor, scope); err != nil {
			return nil, fmt.Errorf("roles of person %d: %w", p.ID, err)
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

func (s *Service) readRoleCounts(ctx context.Context, scope auth.Scope) ([]RoleCount, error) {
	rows, err := s.DB.QueryContext(ctx, `SELECT m.site_id, m.role, count(*) FROM registry_memberships m JOIN auth_users u ON u.id = m.user_id
WHERE u.disabled_at IS NULL AND ($1 OR m.site_id = ANY ($2)) GROUP BY m.site_id, m.role ORDER BY m.site_id, m.role`, scope.All, pq.Int64Array(scope.Sites))
	if err != nil {
		return nil, fmt.Errorf("count roles: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []RoleCount
	for rows.Next() {
		var c RoleCount
		if err := rows.Scan(&c.Site, &c.Role, &c.People); err != nil {
			return nil, fmt.Errorf("count roles: %w", err)
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

func like(text string) string {
	if text = strings.ToLower(strings.TrimSpace(text)); text == "" {
		return ""
	}
	return "%" + likeText.Replace(text) + "%"
}

// setRoles keeps the roles that the reader may see and says what follows from
// the others.
func (p *Person) setRoles(raw []byte, actor auth.Actor, scope auth.Scope) error {
	var held []struct {
		Site  int64     `json:"site"`
		Short string    `json:"short"`
		Role  auth.Role `json:"role"`
		At    time.Time `json:"at"`
		By    string    `json:"by"`
	}
	if err := json.Unmarshal(raw, &held); err != nil {
		return err
	}
	everywhere := map[int64][]auth.Role{}
	for _, m := range held {
		everywhere[m.Site] = append(everywhere[m.Site], m.Role)
		if scope.Allows(m.Site) {
			p.Roles = append(p.Roles, PersonRole{m.Site, m.Short, m.Role, m.At, m.By})
		} else {
			p.Elsewhere = true
		}
	}
	p.Managed = actor.Manages(auth.Actor{ID: p.ID, Roles: everywhere})
	return nil
}
