package api

import (
	"context"
	"errors"
	"net/http"

	"cisterna/fleet/registry"
)

// Site is a hospital or clinic.
type Site struct {
	ID       ID     `json:"id"`
	Name     string `json:"name"`
	Short    string `json:"short"`
	TimeZone string `json:"time_zone" doc:"Of the IANA database."`
	Rev      int64  `json:"rev" doc:"Rises with every change. A change names it as If-Match: \"r7\"."`
}

func siteOf(s registry.Site) Site {
	return Site{ID: id(s.ID), Name: s.Name, Short: s.Short, TimeZone: s.TimeZone, Rev: s.Rev}
}

type sitesOutput struct{ Body []Site }

type siteOutput struct {
	ETag string `header:"ETag"`
	Body Site
}

func siteAnswer(s registry.Site) *siteOutput {
	return &siteOutput{ETag: revTag(s.Rev), Body: siteOf(s)}
}

// SiteFacts are what people say about a site.
type SiteFacts struct {
	Name     string `json:"name" maxLength:"100"`
	Short    string `json:"short" maxLength:"16" doc:"1 to 16 letters, digits and hyphens, for tables."`
	TimeZone string `json:"time_zone" maxLength:"64" doc:"Of the IANA database, such as Europe/Berlin."`
}

type changeSiteInput struct {
	ID      string `path:"id" maxLength:"32"`
	IfMatch string `header:"If-Match" maxLength:"64" doc:"The ETag of the site as it was read."`
	Body    struct {
		SiteFacts
		Reason string `json:"reason" maxLength:"300"`
	}
}

func (a *API) sites() {
	handle(a, op{
		id: "list-sites", method: http.MethodGet, path: "/sites", tag: "sites", summary: "The sites where one has a role",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*sitesOutput, error) {
		sites, err := a.Registry.Sites(ctx, c.Scope())
		out := &sitesOutput{Body: make([]Site, len(sites))}
		for i, s := range sites {
			out.Body[i] = siteOf(s)
		}
		return out, err
	})
	handle(a, op{
		id: "create-site", method: http.MethodPost, path: "/sites", tag: "sites", summary: "Add a site", status: http.StatusCreated,
		describe: "Whoever adds it becomes its administrator.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *struct{ Body SiteFacts }) (*siteOutput, error) {
		s, err := a.Registry.CreateSite(ctx, c.Actor, registry.NewSite(in.Body))
		if err != nil {
			return nil, err
		}
		return siteAnswer(s), nil
	})
	handle(a, op{
		id: "change-site", method: http.MethodPut, path: "/sites/{id}", tag: "sites", summary: "Give a site another name or time zone",
		describe: "Past times are shown in the new zone, too; nothing that was recorded changes.",
		problems: []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired},
	}, func(ctx context.Context, c Caller, in *changeSiteInput) (*siteOutput, error) {
		n, err := parseID(in.ID, "site")
		if err != nil {
			return nil, err
		}
		// Whether the person may is looked at before whether the state is theirs.
		rev, unmatched := matchedRev(in.IfMatch)
		s, err := a.Registry.ChangeSite(ctx, c.Actor, n, rev, registry.NewSite(in.Body.SiteFacts), in.Body.Reason)
		if errors.Is(err, registry.ErrStale) && unmatched != nil {
			return nil, unmatched
		}
		if errors.Is(err, registry.ErrStale) {
			return nil, stale("the site")
		}
		if err != nil {
			return nil, err
		}
		return siteAnswer(s), nil
	})
}
