package web

import (
	"fmt"
)

// recordAttempts makes the requests about the record and the events.
func (f *fixture) recordAttempts() map[string]func() attempt {
	return map[string]func() attempt{
		"list-audit":        plain("GET", "/api/v1/audit", nil, 200),
		"audit-checkpoint":  plain("GET", "/api/v1/audit/checkpoint", nil, 404), // there is none yet
		"audit-leaves":      plain("GET", "/api/v1/audit/leaves", nil, 200),
		"audit-consistency": plain("GET", "/api/v1/audit/consistency?from=1", nil, 422), // there is no checkpoint yet
		"audit-keys":        plain("GET", "/api/v1/audit/keys", nil, 200),
		"export-audit":      plain("POST", "/api/v1/audit/export", nil, 403), // who is let in sees one of the two sites: it takes both
		"audit-proof": func() attempt {
			f.pump(f.a)
			var id int64
			if err := f.db.Get(&id, `SELECT max(id) FROM audit_leaf WHERE site_id = $1`, f.a); err != nil {
				f.Fatal(err)
			}
			return attempt{"GET", fmt.Sprintf("/api/v1/audit/%d/proof", id), nil, []int{200}}
		},
		"list-events": plain("GET", "/api/v1/events?tail=1000", nil, 200),
		"event-names": plain("GET", "/api/v1/events/names", nil, 200),
	}
}
