package api

import (
	"context"
	"net/http"

	"cisterna/fleet/registry"
)

// OrderPatient is somebody whom a pump could be in.
type OrderPatient struct {
	ID     ID        `json:"id"`
	Token  string    `json:"token" doc:"Pseudonym."`
	Groups []string  `json:"groups"`
	Pump   Maybe[ID] `json:"pump" doc:"That the patient has now."`
	Since  Time      `json:"created_at"`
}

func orderPatient(p registry.Patient) OrderPatient {
	return OrderPatient{ID: id(p.ID), Token: p.Token, Groups: append([]string{}, p.Groups...), Pump: maybeID(p.Pump), Since: Time(p.CreatedAt)}
}

// OrderSite is a site that a pump could go to.
type OrderSite struct {
	ID    ID     `json:"id"`
	Name  string `json:"name"`
	Short string `json:"short"`
}

// orderTargets is what bind and transfer orders choose from.
func (a *API) orderTargets() {
	handle(a, op{id: "pump-patients", method: http.MethodGet, path: "/pumps/{id}/patients", tag: "orders", summary: "Patients of the pump's site whom it could be in, newest first"},
		func(ctx context.Context, c Caller, in *struct {
			ID     string `path:"id" maxLength:"32"`
			Begins string `query:"begins" maxLength:"64" doc:"Only those whose token begins so, in any case."`
			Before string `query:"before" maxLength:"32" doc:"The next of an earlier page."`
			Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"100"`
		},
		) (*struct {
			Body struct {
				Items []OrderPatient `json:"items"`
				Next  Maybe[ID]      `json:"next" doc:"To be given as before for the next page; null: this was the last."`
			}
		}, error,
		) {
			n, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			before, err := parseFilterID("before", in.Before)
			if err != nil {
				return nil, err
			}
			all, more, err := a.Orders.Patients(ctx, c.Actor, n, registry.PatientFilter{Begins: in.Begins, Before: before, Limit: in.Limit})
			if err != nil {
				return nil, err
			}
			out := &struct {
				Body struct {
					Items []OrderPatient `json:"items"`
					Next  Maybe[ID]      `json:"next" doc:"To be given as before for the next page; null: this was the last."`
				}
			}{}
			if more {
				out.Body.Next = some(id(all[len(all)-1].ID))
			}
			out.Body.Items = []OrderPatient{}
			for _, p := range all {
				out.Body.Items = append(out.Body.Items, orderPatient(p))
			}
			return out, nil
		})
	handle(a, op{id: "pump-destinations", method: http.MethodGet, path: "/pumps/{id}/destinations", tag: "orders", summary: "Sites that a pump could be transferred to"},
		func(ctx context.Context, c Caller, in *orderInput) (*struct {
			Body struct {
				Items []OrderSite `json:"items"`
			}
		}, error,
		) {
			n, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			all, err := a.Orders.Destinations(ctx, c.Actor, n)
			if err != nil {
				return nil, err
			}
			out := &struct {
				Body struct {
					Items []OrderSite `json:"items"`
				}
			}{}
			out.Body.Items = []OrderSite{}
			for _, s := range all {
				out.Body.Items = append(out.Body.Items, orderSite(s))
			}
			return out, nil
		})
	handle(a, op{id: "create-patient", method: http.MethodPost, path: "/patients", tag: "orders", summary: "Make a pseudonymous patient record at a site", status: http.StatusCreated},
		func(ctx context.Context, c Caller, in *struct {
			Body struct {
				Site ID `json:"site" maxLength:"32"`
			}
		},
		) (*struct{ Body OrderPatient }, error) {
			site, err := parseID(string(in.Body.Site), "site")
			if err != nil {
				return nil, err
			}
			p, err := a.Registry.CreatePatient(ctx, c.Actor, site)
			if err != nil {
				return nil, err
			}
			return &struct{ Body OrderPatient }{orderPatient(p)}, nil
		})
}
