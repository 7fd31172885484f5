package api

import (
	"context"
	"net/http"

	"cisterna/fleet/dosing"
)

type planInput struct {
	ID   string `path:"id" maxLength:"32" doc:"The pump."`
	Body struct {
		Refill Document[dosing.Refill] `json:"refill"`
	}
}

type planOutput struct {
	Body struct {
		Plan Document[dosing.RefillPlan] `json:"plan" doc:"The visit, and the arithmetic that led to it."`
	}
}

// planOrders computes what orders are made of.
func (a *API) planOrders() {
	handle(a, op{
		id: "plan-visit", method: http.MethodPost, path: "/pumps/{id}/orders/plan", tag: "orders", summary: "Compute a refill visit: bounds, priming, bridge", problems: []int{http.StatusConflict}, repeatable: true,
		describe: "Nothing is kept. The visit goes into a wish as it is; its limits and check numbers are filled in there.",
	},
		func(ctx context.Context, c Caller, in *planInput) (*planOutput, error) {
			on, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			p, err := a.Orders.Plan(ctx, c.Actor, on, in.Body.Refill.V)
			if err != nil {
				return nil, err
			}
			out := &planOutput{}
			out.Body.Plan.V = p
			return out, nil
		})
	a.orderTargets()
	a.transfers()
}
