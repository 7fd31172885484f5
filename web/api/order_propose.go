package api

import (
	"context"
	"errors"
	"net/http"

	"cisterna/device/order"
	"cisterna/device/pump"
	"cisterna/fleet/dosing"
	"cisterna/internal/errs"
)

// OrderPreview is what a proposal would come to.
type OrderPreview struct {
	Document Document[order.Prescription]     `json:"document"`
	Bytes    string                           `json:"bytes"`
	Finding  OrderFinding                     `json:"finding"`
	Report   Document[order.Report]           `json:"report" doc:"What the pump said of itself, and was judged by."`
	Bridge   Maybe[Document[dosing.Bridging]] `json:"bridge" doc:"Computed for a program while other fluid stands in the path: for what is left of it by the pump's own count."`

	Rehearsal Document[pump.Rehearsal]        `json:"rehearsal" doc:"Seven days of exactly these bytes, by the machine that runs in the pump. Of a refill visit: as planned."`
	Same      Maybe[Document[pump.Rehearsal]] `json:"rehearsal_same" doc:"Of a refill visit: of its branch with the same dose."`
}

type proposeInput struct {
	ID   string `path:"id" maxLength:"32" doc:"The pump."`
	Body struct {
		Wish     Document[dosing.Wish] `json:"wish"`
		Draft    ID                    `json:"draft,omitempty" doc:"One's own draft that it comes from, or that is changed."`
		Replaces ID                    `json:"replaces,omitempty" doc:"An open order of the pump that it takes the place of."`
	}
}

func optionalID(s ID, thing string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	return parseID(string(s), thing)
}

func (a *API) orders() {
	handle(a, op{
		id: "check-order", method: http.MethodPost, path: "/pumps/{id}/orders/check", tag: "orders", summary: "Judge a wish as the pump would", problems: []int{http.StatusConflict}, repeatable: true,
		describe: "Nothing is kept. What the pump would refuse stands in the finding, each with a remedy.",
	},
		func(ctx context.Context, c Caller, in *proposeInput) (*struct{ Body OrderPreview }, error) {
			on, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			p, err := a.Orders.Check(ctx, c.Actor, on, in.Body.Wish.V)
			if err != nil {
				return nil, err
			}
			out := OrderPreview{
				Document: Document[order.Prescription]{*p.Prescription}, Bytes: b64.EncodeToString(p.Document), Finding: findingOf(p.Finding),
				Report: Document[order.Report]{p.Report}, Rehearsal: Document[pump.Rehearsal]{p.Rehearsal},
			}
			if p.Bridge != nil {
				out.Bridge = some(Document[dosing.Bridging]{*p.Bridge})
			}
			if p.Same != nil {
				out.Same = some(Document[pump.Rehearsal]{*p.Same})
			}
			return &struct{ Body OrderPreview }{out}, nil
		})
	handle(a, op{id: "draft-order", method: http.MethodPost, path: "/pumps/{id}/orders/drafts", tag: "orders", summary: "Keep a wish that is not proposed yet", status: http.StatusCreated, problems: []int{http.StatusConflict}},
		func(ctx context.Context, c Caller, in *proposeInput) (*orderOutput, error) {
			pump, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			draft, err := optionalID(in.Body.Draft, "draft")
			if err != nil {
				return nil, err
			}
			o, err := a.Orders.SaveDraft(ctx, c.Actor, pump, draft, in.Body.Wish.V)
			return a.orderOut(ctx, c, o, err)
		})
	handle(a, op{id: "discard-draft", method: http.MethodPost, path: "/orders/{id}/discard", tag: "orders", summary: "End one's own draft, one that came back too", problems: []int{http.StatusConflict}},
		func(ctx context.Context, c Caller, in *orderInput) (*orderOutput, error) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			o, err := a.Orders.DiscardDraft(ctx, c.Actor, n)
			return a.orderOut(ctx, c, o, err)
		})
	handle(a, op{
		id: "propose-order", method: http.MethodPost, path: "/pumps/{id}/orders", tag: "orders", summary: "Propose an order", status: http.StatusCreated, problems: []int{http.StatusConflict},
		describe: "What the pump would refuse is refused now, each with its code and remedy, and noted as caught.",
	},
		func(ctx context.Context, c Caller, in *proposeInput) (*orderOutput, error) {
			pump, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			draft, err1 := optionalID(in.Body.Draft, "draft")
			replaces, err2 := optionalID(in.Body.Replaces, "order")
			if err := errors.Join(err1, err2); err != nil {
				return nil, errs.NotFoundf("There is no such order.")
			}
			o, err := a.Orders.Propose(ctx, c.Actor, dosing.Proposal{Pump: pump, Draft: draft, Replaces: replaces, Wish: in.Body.Wish.V})
			return a.orderOut(ctx, c, o, err)
		})
	a.planOrders()
	a.orderDrafts()
	a.orderNews()
	a.readOrders()
	a.checkOrders()
	a.signOrders()
}
