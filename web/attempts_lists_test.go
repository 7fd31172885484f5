package web

import (
	"fmt"

	"cisterna/fleet/lists"
)

// listsAttempts makes the requests about the fleet as a list: filters, tags, groups, views, and work on many pumps.
func (f *fixture) listsAttempts() map[string]func() attempt {
	return map[string]func() attempt{
		"search-pumps": plain("GET", "/api/v1/pumps/search?q=status:registered&limit=1000", nil, 200),
		"count-pumps":  plain("GET", "/api/v1/pumps/count?facets=site,model", nil, 200),
		"table-pumps":  plain("GET", "/api/v1/pumps/table", nil, 200),
		"pump-fields":  plain("GET", "/api/v1/pumps/fields", nil, 200),
		"list-tags":    plain("GET", "/api/v1/tags", nil, 200),
		"tag-pump":     f.onPump("POST", "/tags", map[string]any{"add": []string{"ward-3"}}, 200),
		"list-groups":  plain("GET", "/api/v1/groups", nil, 200),
		"create-group": func() attempt {
			serial := f.next()
			return attempt{"POST", "/api/v1/groups", map[string]string{"site": fmt.Sprint(f.a), "name": fmt.Sprintf("ALPHA %d", serial)}, []int{201}}
		},
		// Without If-Match nothing is changed, but whoever may not is told so first.
		"edit-group": func() attempt {
			return attempt{"PUT", "/api/v1/groups/" + f.group(), map[string]string{"name": "x"}, []int{428}}
		},
		"delete-group": func() attempt { return attempt{"DELETE", "/api/v1/groups/" + f.group(), nil, []int{428}} },
		"set-group-member": func() attempt {
			return attempt{"POST", "/api/v1/groups/" + f.group() + "/pumps", map[string]any{"pump": f.pump(f.a), "in": true}, []int{204}}
		},
		"list-views": plain("GET", "/api/v1/views", nil, 200),
		"create-view": func() attempt {
			serial := f.next()
			return attempt{"POST", "/api/v1/views", map[string]string{"name": fmt.Sprintf("View %d", serial)}, []int{201}}
		},
		"edit-view": func() attempt {
			return attempt{"PUT", "/api/v1/views/" + f.view(), map[string]string{"name": "x", "site": fmt.Sprint(f.a)}, []int{428}}
		},
		"delete-view": func() attempt { return attempt{"DELETE", "/api/v1/views/" + f.view(), nil, []int{428}} },
		// Somebody who sees no pump has nothing to freeze.
		"freeze-pumps": plain("POST", "/api/v1/pumps/frozen", map[string]string{"q": ""}, 201, 422),
		"begin-run": func() attempt {
			return attempt{"POST", "/api/v1/runs", map[string]any{"frozen": f.frozen(), "action": "tag", "tags": []string{"x"}}, []int{201}}
		},
		"revoke-pumps": func() attempt {
			return attempt{"POST", "/api/v1/runs/revoke", map[string]string{"frozen": f.frozen(), "reason": "as a test"}, []int{201}}
		},
		"list-runs": plain("GET", "/api/v1/runs", nil, 200),
		"get-run":   func() attempt { return attempt{"GET", "/api/v1/runs/" + f.run(), nil, []int{200}} },
		"run-items": func() attempt { return attempt{"GET", "/api/v1/runs/" + f.run() + "/items", nil, []int{200}} },
		"stop-run":  func() attempt { return attempt{"POST", "/api/v1/runs/" + f.run() + "/stop", nil, []int{200}} },
		"run-slips": func() attempt {
			return attempt{"POST", "/api/v1/runs/" + f.run() + "/slips", map[string]any{}, []int{200}}
		},
	}
}

// Things of the engineer of site A.

func (f *fixture) group() string {
	f.Helper()
	f.mu.Lock()
	f.spent++
	n := f.spent
	f.mu.Unlock()
	g, err := f.lists.CreateGroup(f.Context(), f.actor("engineer"), lists.NewGroup{Site: f.a, Name: fmt.Sprintf("Group %d", n)})
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(g.ID)
}

func (f *fixture) view() string {
	f.Helper()
	f.mu.Lock()
	f.spent++
	n := f.spent
	f.mu.Unlock()
	v, err := f.lists.CreateView(f.Context(), f.actor("engineer"), lists.NewView{Site: f.a, Name: fmt.Sprintf("Shared %d", n)})
	if err != nil {
		f.Fatal(err)
	}
	// A person keeps so many views and no more; the tests need more.
	if _, err := f.db.Exec(`UPDATE lists_views SET owner = -id WHERE id <> $1`, v.ID); err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(v.ID)
}

func (f *fixture) frozen() string {
	f.Helper()
	var n int64
	_, _ = fmt.Sscan(f.pump(f.a), &n)
	l, err := f.lists.Freeze(f.Context(), f.actor("engineer"), lists.Frozen{}, []int64{n})
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(l.ID)
}

// run is one for claim slips, which waits to be asked for them.
func (f *fixture) run() string {
	f.Helper()
	var n int64
	_, _ = fmt.Sscan(f.frozen(), &n)
	r, err := f.lists.Begin(f.Context(), f.actor("engineer"), n, lists.Work{Action: lists.ActClaim})
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprint(r.ID)
}
