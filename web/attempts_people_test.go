package web

import (
	"fmt"
	"time"

	"cisterna/internal/auth"
	"cisterna/internal/token"
)

// peopleAttempts makes the requests about sites, people, their one-time codes and tokens.
func (f *fixture) peopleAttempts() map[string]func() attempt {
	return map[string]func() attempt{
		"list-sites": plain("GET", "/api/v1/sites", nil, 200),
		"create-site": func() attempt {
			serial := f.next()
			return attempt{"POST", "/api/v1/sites", map[string]string{"name": "Clinic", "short": fmt.Sprintf("N-%d", serial), "time_zone": "UTC"}, []int{201}}
		},
		// Without If-Match nothing is changed, but whoever may not is told so first.
		"change-site": func() attempt {
			return attempt{"PUT", "/api/v1/sites/" + fmt.Sprint(f.a), map[string]string{"name": "Clinic ALPHA", "short": "ALPHA", "time_zone": "UTC", "reason": "as a test"}, []int{428}}
		},
		"list-roles":  plain("GET", "/api/v1/roles", nil, 200),
		"list-people": plain("GET", "/api/v1/people?limit=500", nil, 200),
		"get-person":  f.onPerson("GET", "", nil, 200),
		"add-person": func() attempt {
			serial := f.next()
			return attempt{"POST", "/api/v1/people", map[string]string{"login": fmt.Sprintf("new-%d", serial), "name": "New", "site": fmt.Sprint(f.a), "role": "nurse", "reason": "as a test"}, []int{201}}
		},
		"invite-person": func() attempt {
			serial := f.next()
			login := fmt.Sprintf("guest-%d", serial)
			f.person(login, f.b, auth.Nurse)
			return attempt{"POST", "/api/v1/people/invite", map[string]string{"login": login, "site": fmt.Sprint(f.a), "role": "nurse", "reason": "as a test"}, []int{200}}
		},
		"grant-role":        f.onPerson("POST", "/grant", map[string]string{"site": fmt.Sprint(f.a), "role": "engineer", "reason": "as a test"}, 200),
		"withdraw-role":     f.onPerson("POST", "/withdraw", map[string]string{"site": fmt.Sprint(f.a), "role": "nurse", "reason": "as a test"}, 200),
		"disable-person":    f.onPerson("POST", "/disable", asTest, 200),
		"enable-person":     f.onPerson("POST", "/enable", asTest, 200),
		"end-sessions":      f.onPerson("POST", "/end-sessions", asTest, 200),
		"list-codes":        plain("GET", "/api/v1/codes", nil, 200),
		"issue-code":        f.onPerson("POST", "/codes", map[string]string{"purpose": "enrol", "reason": "new here"}, 201),
		"list-person-keys":  f.onPerson("GET", "/keys", nil, 200),
		"revoke-person-key": f.onPerson("POST", "/keys/999/revoke", asTest, 404), // there is none
		"confirm-code": func() attempt {
			return attempt{"POST", "/api/v1/codes/" + f.code(f.someone(f.a, auth.Nurse)) + "/confirm", nil, []int{200}}
		},
		"withdraw-code": func() attempt {
			return attempt{"POST", "/api/v1/codes/" + f.code(f.someone(f.a, auth.Nurse)) + "/withdraw", nil, []int{200}}
		},
		"list-tokens":      plain("GET", "/api/v1/tokens", nil, 200),
		"list-site-tokens": plain("GET", "/api/v1/tokens/sites", nil, 200),
		"create-token":     plain("POST", "/api/v1/tokens", map[string]any{"name": "mine", "scopes": []string{"pumps.read"}, "sites": []string{fmt.Sprint(f.a)}, "days": 1}, 201),
		"revoke-token": func() attempt {
			owner := auth.Actor{ID: f.someone(f.a, auth.Nurse), Login: "someone", Roles: map[int64][]auth.Role{f.a: {auth.Nurse}}}
			_, made, err := f.tokens.Create(f.Context(), owner, token.New{Name: "to end", Scopes: []token.Scope{token.PumpsRead}, Sites: []int64{f.a}, Life: time.Hour})
			if err != nil {
				f.Fatal(err)
			}
			return attempt{"POST", fmt.Sprintf("/api/v1/tokens/%d/revoke", made.ID), asTest, []int{200}}
		},
	}
}
