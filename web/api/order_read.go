package api

import (
	"context"
	"encoding/hex"
	"net/http"

	"cisterna/device/pump"
	"cisterna/fleet/dosing"
	"cisterna/fleet/refusal"
)

func (a *API) readOrders() {
	handle(a, op{id: "list-orders", method: http.MethodGet, path: "/orders", tag: "orders", summary: "Orders of one's sites, newest first"},
		func(ctx context.Context, c Caller, in *struct {
			Pump   string   `query:"pump" maxLength:"32"`
			Open   bool     `query:"open" doc:"Only those of which something can become."`
			State  []string `query:"state" maxItems:"13"`
			Before string   `query:"before" maxLength:"32" doc:"The next of an earlier page."`
			Limit  int      `query:"limit" minimum:"1" maximum:"200" default:"50"`
		},
		) (*struct {
			Body struct {
				Items []Order   `json:"items"`
				Next  Maybe[ID] `json:"next"`
			}
		}, error,
		) {
			pump, err := parseFilterID("pump", in.Pump)
			if err != nil {
				return nil, err
			}
			before, err := parseFilterID("before", in.Before)
			if err != nil {
				return nil, err
			}
			f := dosing.Filter{Pump: pump, Open: in.Open, Before: before, Limit: in.Limit}
			for _, s := range in.State {
				f.States = append(f.States, dosing.State(s))
			}
			all, err := a.Orders.List(ctx, c.Scope(), f)
			if err != nil {
				return nil, err
			}
			var out struct {
				Body struct {
					Items []Order   `json:"items"`
					Next  Maybe[ID] `json:"next"`
				}
			}
			if out.Body.Items, err = a.ordersOf(ctx, c, all...); err != nil {
				return nil, err
			}
			if len(all) == in.Limit && in.Limit > 0 {
				out.Body.Next = some(id(all[len(all)-1].ID))
			}
			return &out, nil
		})
	handle(a, op{id: "get-order", method: http.MethodGet, path: "/orders/{id}", tag: "orders", summary: "An order"},
		func(ctx context.Context, c Caller, in *orderInput) (*orderOutput, error) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			o, err := a.Orders.Get(ctx, c.Scope(), n)
			return a.orderOut(ctx, c, o, err)
		})
	handle(a, op{id: "order-history", method: http.MethodGet, path: "/orders/{id}/history", tag: "orders", summary: "The steps of an order's life, with what shows them"},
		func(ctx context.Context, c Caller, in *orderInput) (*struct {
			Body struct {
				Events  []OrderEvent  `json:"events"`
				Letters []OrderLetter `json:"letters"`
			}
		}, error,
		) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			events, letters, err := a.Orders.History(ctx, c.Scope(), n)
			if err != nil {
				return nil, err
			}
			var out struct {
				Body struct {
					Events  []OrderEvent  `json:"events"`
					Letters []OrderLetter `json:"letters"`
				}
			}
			out.Body.Events, out.Body.Letters = []OrderEvent{}, []OrderLetter{}
			for _, e := range events {
				out.Body.Events = append(out.Body.Events, OrderEvent{At: Time(e.At), Was: notZero(string(e.Was)), State: string(e.State), Actor: e.Actor, Name: e.Name, Note: e.Note, Evidence: notZero(hex.EncodeToString(e.Evidence))})
			}
			for _, l := range letters {
				out.Body.Letters = append(out.Body.Letters, letterOf(l))
			}
			return &out, nil
		})
	handle(a, op{id: "rehearse-order", method: http.MethodGet, path: "/orders/{id}/rehearsal", tag: "orders", summary: "Seven days of an order, by the machine that runs in the pump", problems: []int{http.StatusConflict}},
		func(ctx context.Context, c Caller, in *struct {
			ID     string `path:"id" maxLength:"32"`
			Branch string `query:"branch" enum:",planned,same" doc:"Of a refill visit; empty is as planned."`
		},
		) (*struct{ Body Document[pump.Rehearsal] }, error) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			branch, err := branchOf(in.Branch)
			if err != nil {
				return nil, err
			}
			r, err := a.Orders.Rehearse(ctx, c.Actor, n, branch)
			return &struct{ Body Document[pump.Rehearsal] }{Document[pump.Rehearsal]{r}}, err
		})
	handle(a, op{id: "pump-letters", method: http.MethodGet, path: "/pumps/{id}/letters", tag: "orders", summary: "What was signed to leave for a pump: releases, stops, withdrawals, transfers by the root"},
		func(ctx context.Context, c Caller, in *orderInput) (*struct{ Body PumpLetters }, error) {
			pump, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			all, at, err := a.Orders.Letters(ctx, c.Scope(), pump)
			if err != nil {
				return nil, err
			}
			out := struct{ Body PumpLetters }{PumpLetters{Items: []OrderLetter{}, Connected: at.Connected, Heard: maybeTime(at.Heard)}}
			for _, l := range all {
				out.Body.Items = append(out.Body.Items, letterOf(l))
			}
			return &out, nil
		})
	a.therapy()
	a.trends()
	handle(a, op{id: "order-codes", method: http.MethodGet, path: "/order-codes", tag: "orders", summary: "Every code of a refusal, by pumps and by the platform, and what to do about it"},
		func(context.Context, Caller, *struct{}) (*struct{ Body []Found }, error) {
			out := []Found{}
			for _, code := range refusal.Codes() {
				out = append(out, Found{Code: string(code), Remedy: refusal.Remedy(code)})
			}
			return &struct{ Body []Found }{out}, nil
		})
}
