package web

// sessionAttempts makes the requests about signing in and out, one's own keys and sessions, and visits.
func (f *fixture) sessionAttempts() map[string]func() attempt {
	return map[string]func() attempt{
		"sign-in":     plain("POST", "/api/v1/session", map[string]string{"login": "nurse", "password": password}, 200),
		"sign-out":    plain("DELETE", "/api/v1/session", nil, 204),
		"me":          plain("GET", "/api/v1/session", nil, 200),
		"demo-people": plain("GET", "/api/v1/session/demo", nil, 404),
		"status":      plain("GET", "/api/v1/status", nil, 200),
		"begin-visit": func() attempt { // of a patient without a pump: let in, but there is nothing to visit
			return attempt{"POST", "/api/v1/session/visit", map[string]string{"patient": f.unbound()}, []int{409}}
		},
		"end-visit":       plain("DELETE", "/api/v1/session/visit", nil, 204),
		"ways-in":         plain("GET", "/api/v1/session/ways", nil, 200),
		"ask-passkey":     plain("POST", "/api/v1/session/passkey/ask", nil, 200),
		"sign-in-passkey": plain("POST", "/api/v1/session/passkey", map[string]any{"nonce": "x", "credential": "", "user_handle": "", "authenticator_data": "", "client_data": "", "signature": ""}, 422),
		"begin-oidc":      plain("POST", "/api/v1/session/oidc/begin", map[string]any{}, 404), // there is no provider
		"finish-oidc":     plain("POST", "/api/v1/session/oidc", map[string]any{"state": "", "code": "", "iss": "", "error": ""}, 404),
		"oidc-logout":     plain("POST", "/api/v1/session/oidc/logout", form("logout_token=x"), 404),
		"unlink":          plain("POST", "/api/v1/me/links/999/end", nil, 404),
		"begin-enrol":     plain("POST", "/api/v1/enrol/ask", map[string]string{"login": "nurse", "code": "wrong"}, 401, 429),
		"finish-enrol": plain("POST", "/api/v1/enrol", map[string]any{
			"login": "nurse", "code": "wrong", "nonce": "x", "name": "key", "authenticator_data": "", "client_data": "", "public_key": "",
		}, 422),
		"security":           plain("GET", "/api/v1/me", nil, 200),
		"begin-key":          plain("POST", "/api/v1/me/keys/ask", nil, 200),
		"add-key":            plain("POST", "/api/v1/me/keys", map[string]any{"nonce": "x", "name": "key", "authenticator_data": "", "client_data": "", "public_key": ""}, 422),
		"rename-key":         plain("POST", "/api/v1/me/keys/999/rename", map[string]string{"name": "key"}, 404), // nobody's
		"revoke-key":         plain("POST", "/api/v1/me/keys/999/revoke", asTest, 404),
		"end-session":        plain("POST", "/api/v1/me/sessions/999/end", nil, 404),
		"end-other-sessions": plain("POST", "/api/v1/me/sessions/end-others", nil, 204),
		"see-notices":        plain("POST", "/api/v1/me/notices/seen", map[string]string{"up_to": "1"}, 204),
		"object-to-code":     plain("POST", "/api/v1/me/codes/999/object", nil, 404),
		"begin-software-key": plain("POST", "/api/v1/me/software-key/ask", nil, 200),
		"add-software-key":   plain("POST", "/api/v1/me/software-key", map[string]any{"nonce": "x", "name": "key", "authenticator_data": "", "client_data": "", "public_key": ""}, 422),
	}
}
