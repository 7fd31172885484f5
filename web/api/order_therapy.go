package api

import (
	"context"
	"net/http"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/fleet/dosing"
)

// PumpTherapy is what a pump runs, and what orders for it are computed from.
type PumpTherapy struct {
	Report   Document[order.Report]       `json:"report" doc:"What the pump says of itself. path: other fluid than the reservoir's on the way to the tip, from the tip on, each with what must still be delivered until it has gone (left_nl); absent if there is none. pace: of the bridge that clears it."`
	At       Time                         `json:"at"`
	State    string                       `json:"state_hash"`
	Drift    bool                         `json:"drift" doc:"It does not run what the last order left it with."`
	Capacity Digits                       `json:"reservoir_capacity_nl"`
	Groups   []string                     `json:"patient_groups"`
	Patient  Maybe[string]                `json:"patient" doc:"Token."`
	Verifies string                       `json:"verifies_signatures" doc:"Who checks signatures: the implant, or the communicator alone."`
	Path     Document[dosing.PathFigures] `json:"path" doc:"From the reservoir to the catheter's tip."`
	Range    Document[dose.Range]         `json:"range" doc:"What the device can do."`
	Zone     int32                        `json:"site_zone_s" doc:"The site's time now, seconds east of UTC."`
}

func (a *API) therapy() {
	handle(a, op{id: "pump-therapy", method: http.MethodGet, path: "/pumps/{id}/therapy", tag: "orders", summary: "What a pump runs, as orders are judged by it", problems: []int{http.StatusConflict}},
		func(ctx context.Context, c Caller, in *orderInput) (*struct{ Body PumpTherapy }, error) {
			n, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			t, err := a.Orders.Therapy(ctx, c.Scope(), n)
			if err != nil {
				return nil, err
			}
			return &struct{ Body PumpTherapy }{therapyOf(t)}, nil
		})
	handle(a, op{id: "order-before", method: http.MethodGet, path: "/orders/{id}/before", tag: "orders", summary: "What the pump ran when an order was proposed: what its signers saw", problems: []int{http.StatusConflict}},
		func(ctx context.Context, c Caller, in *orderInput) (*struct {
			Body struct {
				Before Maybe[OrderBefore] `json:"before" doc:"null: a draft, or it was not kept."`
			}
		}, error,
		) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			t, kept, err := a.Orders.Before(ctx, c.Scope(), n)
			if err != nil {
				return nil, err
			}
			var out struct {
				Body struct {
					Before Maybe[OrderBefore] `json:"before" doc:"null: a draft, or it was not kept."`
				}
			}
			if kept {
				out.Body.Before = some(OrderBefore{
					Report: Document[order.Report]{t.Report}, At: Time(t.At), State: t.Report.State.Hash().String(), Patient: notZero(t.Patient),
					Range: Document[dose.Range]{t.Range}, Zone: t.Zone,
				})
			}
			return &out, nil
		})
}

// OrderBefore is what a pump ran when an order was proposed.
type OrderBefore struct {
	Report  Document[order.Report] `json:"report" doc:"What the pump said of itself."`
	At      Time                   `json:"at"`
	State   string                 `json:"state_hash" doc:"The one that the signers signed for."`
	Patient Maybe[string]          `json:"patient" doc:"Token of whom the register had the pump in."`
	Range   Document[dose.Range]   `json:"range" doc:"What the device can do."`
	Zone    int32                  `json:"site_zone_s" doc:"The site's time, seconds east of UTC."`
}

func therapyOf(t dosing.Therapy) PumpTherapy {
	return PumpTherapy{
		Report: Document[order.Report]{t.Report}, At: Time(t.At), State: t.Report.State.Hash().String(), Drift: t.Drift,
		Capacity: digits(t.Capacity), Groups: append([]string{}, t.Groups...), Patient: notZero(t.Patient), Verifies: t.Verifies,
		Path: Document[dosing.PathFigures]{t.Path}, Range: Document[dose.Range]{t.Range}, Zone: t.Zone,
	}
}
