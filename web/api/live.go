package api

import (
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"cisterna/internal/errs"
)

// live mounts the websocket. It is no operation of huma: its frames are described
// in PROTOCOL.md of package live.
func (a *API) live() {
	const id, path = "live", Prefix + "/live"
	a.done[id] = true
	a.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		// A feed that is open is not somebody doing something.
		r.Header.Set(PassiveHeader, "1")
		c, err := a.Authenticate(r)
		if err == nil {
			name(r.Context(), c)
			err = c.scoped(access[id])
		}
		if err == nil {
			err = a.Live(w, r, c)
		}
		if err == nil {
			return
		}
		if errs.KindOf(err) == errs.Invalid && !slices.Contains(r.Header.Values("Upgrade"), "websocket") {
			w.Header().Set("Upgrade", "websocket")
			err = NewProblem(http.StatusUpgradeRequired, errs.Message(err))
		}
		WriteProblem(w, r, a.Log, err)
	})
	integer := &huma.Schema{Type: huma.TypeInteger, Minimum: new(0.0)}
	param := func(name, doc string, s *huma.Schema) *huma.Param {
		return &huma.Param{Name: name, In: "query", Description: doc, Schema: s}
	}
	a.huma.OpenAPI().AddOperation(&huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{"live"}, Summary: "What changes, as it changes (websocket)",
		Description: "See web/live/PROTOCOL.md.", Security: []map[string][]string{{"session": {}}}, Extensions: map[string]any{"x-roles": rolesOf(access[id])},
		Parameters: []*huma.Param{
			param("epoch", "Of the list or the last hello.", &huma.Schema{Type: huma.TypeString}),
			param("rev", "Of the list or the last delta.", integer),
			param("aseq", "Of the last alarm.", integer),
		},
		Responses: map[string]*huma.Response{"101": {Description: "The feed begins."}},
	})
}
