package api

import (
	"context"
	"net/http"

	"cisterna/fleet/dosing"
)

func (a *API) checkOrders() {
	handle(a, op{
		id: "order-form", method: http.MethodGet, path: "/orders/{id}/form", tag: "orders", summary: "What a second signer enters blindly", problems: []int{http.StatusConflict},
		describe: "Names and units of the key numbers, and nothing of the proposal's values.",
	},
		func(ctx context.Context, c Caller, in *orderInput) (*struct {
			Body struct {
				Numbers []dosing.Number `json:"numbers"`
				Sources []string        `json:"sources"`
			}
		}, error,
		) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			form, err := a.Orders.Form(ctx, c.Actor, n)
			if err != nil {
				return nil, err
			}
			var out struct {
				Body struct {
					Numbers []dosing.Number `json:"numbers"`
					Sources []string        `json:"sources"`
				}
			}
			out.Body.Numbers, out.Body.Sources = form, dosing.Sources()
			return &out, nil
		})
	handle(a, op{
		id: "verify-order", method: http.MethodPost, path: "/orders/{id}/verify", tag: "orders", summary: "Enter the key numbers from one's own source", problems: []int{http.StatusConflict},
		describe: "They are compared with the prescription. Which differ is said, their values are not; the third difference sends the order back to its proposer.",
	},
		func(ctx context.Context, c Caller, in *struct {
			ID   string `path:"id" maxLength:"32"`
			Body struct {
				Source  string       `json:"source" enum:"prescription,syringe,calculation,pump,record"`
				Entries []OrderEntry `json:"entries" maxItems:"64"`
			}
		},
		) (*struct {
			Body struct {
				Match  bool     `json:"match"`
				Differ []string `json:"differ"`
				Left   int      `json:"left" doc:"Tries before the order goes back."`
				Order  Order    `json:"order"`
			}
		}, error,
		) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			entered := dosing.Entered{Source: in.Body.Source}
			for _, e := range in.Body.Entries {
				entered.Entries = append(entered.Entries, dosing.Entry{Name: e.Name, Value: e.Value})
			}
			r, err := a.Orders.Verify(ctx, c.Actor, n, entered)
			if err != nil {
				return nil, err
			}
			var out struct {
				Body struct {
					Match  bool     `json:"match"`
					Differ []string `json:"differ"`
					Left   int      `json:"left" doc:"Tries before the order goes back."`
					Order  Order    `json:"order"`
				}
			}
			out.Body.Match, out.Body.Differ, out.Body.Left = r.Match, append([]string{}, r.Differ...), r.Left
			shown, err := a.ordersOf(ctx, c, r.Order)
			if err != nil {
				return nil, err
			}
			out.Body.Order = shown[0]
			return &out, nil
		})
}

// OrderEntry is what somebody entered for a number.
type OrderEntry struct {
	Name  string `json:"name" maxLength:"64"`
	Value string `json:"value" maxLength:"64" doc:"Digits, or the pump's serial."`
}
