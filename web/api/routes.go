package api

import (
	"net/http"
	"slices"
)

// Routes is a mux that can say what it serves, so that a test can hold all of it
// against the table of who may. There is no other kind of mux in the server.
type Routes struct {
	mux      http.ServeMux
	patterns []string
}

// Handle serves a pattern.
func (m *Routes) Handle(pattern string, h http.Handler) {
	m.patterns = append(m.patterns, pattern)
	m.mux.Handle(pattern, h)
}

// HandleFunc serves a pattern.
func (m *Routes) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, http.HandlerFunc(h))
}

// ServeHTTP serves a request.
func (m *Routes) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// Handler returns what serves a request, and by which pattern.
func (m *Routes) Handler(r *http.Request) (http.Handler, string) { return m.mux.Handler(r) }

// Patterns returns what is served, in order.
func (m *Routes) Patterns() []string { return slices.Sorted(slices.Values(m.patterns)) }

// Routes returns the patterns that the API serves.
func (a *API) Routes() []string { return a.mux.Patterns() }
