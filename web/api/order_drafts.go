package api

import (
	"context"
	"fmt"
	"net/http"

	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/internal/errs"
)

// KeptDraft says for which pump somebody has typed a proposal that they have not
// made yet.
type KeptDraft struct {
	Pump   ID     `json:"pump"`
	Serial string `json:"serial"`
	Kind   string `json:"kind" doc:"Of the order that it is about to be."`
	At     Time   `json:"at"`
}

// OrderDraft is what somebody has typed of a proposal and not proposed yet.
type OrderDraft struct {
	KeptDraft
	Form string `json:"form" doc:"As the console keeps it."`
}

func (a *API) keptDraft(t dosing.Typed) KeptDraft {
	p, _ := a.Registry.Directory().ByID(t.Pump)
	return KeptDraft{Pump: id(t.Pump), Serial: p.Serial, Kind: t.Kind.String(), At: Time(t.At)}
}

func (a *API) orderDraft(t dosing.Typed) OrderDraft {
	return OrderDraft{KeptDraft: a.keptDraft(t), Form: t.Form}
}

func (a *API) orderDrafts() {
	handle(a, op{
		id: "keep-draft", method: http.MethodPut, path: "/pumps/{id}/orders/draft", tag: "orders", summary: "Keep what one has typed of a proposal", repeatable: true,
		describe: fmt.Sprintf("One for each person and pump, in place of the one before; kept 30 days, for nobody else, and not read by the server. Of more than %d of a person the oldest go.", dosing.MaxForms),
	},
		func(ctx context.Context, c Caller, in *struct {
			ID   string `path:"id" maxLength:"32" doc:"The pump."`
			Body struct {
				Kind string `json:"kind" maxLength:"16"`
				Form string `json:"form" maxLength:"65536"`
			}
		},
		) (*struct{ Body OrderDraft }, error) {
			n, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			var kind order.Act
			if err := kind.UnmarshalText([]byte(in.Body.Kind)); err != nil {
				return nil, errs.InvalidField("kind", "There is no act %q.", in.Body.Kind)
			}
			t, err := a.Orders.KeepForm(ctx, c.Actor, n, kind, in.Body.Form)
			if err != nil {
				return nil, err
			}
			return &struct{ Body OrderDraft }{a.orderDraft(t)}, nil
		})
	handle(a, op{id: "get-draft", method: http.MethodGet, path: "/pumps/{id}/orders/draft", tag: "orders", summary: "What one has typed of a proposal for a pump"},
		func(ctx context.Context, c Caller, in *orderInput) (*struct {
			Body struct {
				Draft Maybe[OrderDraft] `json:"draft"`
			}
		}, error,
		) {
			n, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			t, ok, err := a.Orders.FormOf(ctx, c.Actor, n)
			if err != nil {
				return nil, err
			}
			out := &struct {
				Body struct {
					Draft Maybe[OrderDraft] `json:"draft"`
				}
			}{}
			if ok {
				out.Body.Draft = some(a.orderDraft(t))
			}
			return out, nil
		})
	handle(a, op{id: "drop-draft", method: http.MethodDelete, path: "/pumps/{id}/orders/draft", tag: "orders", summary: "Forget what one has typed of a proposal", status: http.StatusNoContent},
		func(ctx context.Context, c Caller, in *orderInput) (*struct{}, error) {
			n, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			return nil, a.Orders.DropForm(ctx, c.Actor, n)
		})
	handle(a, op{id: "list-drafts", method: http.MethodGet, path: "/order-drafts", tag: "orders", summary: "For which pumps one has typed a proposal, newest first"},
		func(ctx context.Context, c Caller, _ *struct{}) (*struct {
			Body struct {
				Items []KeptDraft `json:"items"`
			}
		}, error,
		) {
			all, err := a.Orders.Forms(ctx, c.Actor)
			if err != nil {
				return nil, err
			}
			out := &struct {
				Body struct {
					Items []KeptDraft `json:"items"`
				}
			}{}
			out.Body.Items = []KeptDraft{}
			for _, t := range all {
				out.Body.Items = append(out.Body.Items, a.keptDraft(t))
			}
			return out, nil
		})
}

// OrderNews is something that became known after an order was proposed.
type OrderNews struct {
	ID       string        `json:"id" doc:"The same as long as it is the same."`
	Kind     string        `json:"kind" enum:"alarm,pump,program,patient,library,keyset"`
	At       MaybeTime     `json:"at"`
	Title    string        `json:"title"`
	Detail   string        `json:"detail"`
	Priority Maybe[string] `json:"priority" doc:"Of an alarm."`
}

func (a *API) orderNews() {
	handle(a, op{id: "order-news", method: http.MethodGet, path: "/orders/{id}/news", tag: "orders", summary: "What is new since an order was proposed: alarms, pump, program, patient, library, keyset"},
		func(ctx context.Context, c Caller, in *orderInput) (*struct {
			Body struct {
				Items []OrderNews `json:"items"`
			}
		}, error,
		) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			all, err := a.Orders.News(ctx, c.Actor, n)
			if err != nil {
				return nil, err
			}
			out := &struct {
				Body struct {
					Items []OrderNews `json:"items"`
				}
			}{}
			out.Body.Items = []OrderNews{}
			for _, w := range all {
				out.Body.Items = append(out.Body.Items, OrderNews{ID: w.ID, Kind: string(w.Kind), At: maybeTime(w.At), Title: w.Title, Detail: w.Detail, Priority: notZero(w.Priority)})
			}
			return out, nil
		})
}
