package api

import (
	"context"
	"net/http"

	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
)

// RootTransfer is what the root signs to take a pump to another site in the place of its
// own, and what became of it.
type RootTransfer struct {
	ID        ID                 `json:"id"`
	Serial    string             `json:"serial" doc:"Of the pump."`
	Pump      string             `json:"pump_key" doc:"Hash of the pump's key."`
	From      OrderSite          `json:"from"`
	To        OrderSite          `json:"to"`
	Epoch     Digits             `json:"epoch"`
	State     string             `json:"state_hash" doc:"Of what the pump ran. It applies to that and to nothing else."`
	Keyset    Digits             `json:"keyset" doc:"Version of the keyset that goes along."`
	People    []TransferPerson   `json:"people" doc:"Whose keys count at the new site by that keyset."`
	Reason    string             `json:"reason"`
	By        OrderPerson        `json:"by" doc:"Who made it. Somebody else hands in what was signed."`
	At        Time               `json:"at"`
	ExpiresAt Time               `json:"expires_at"`
	Hash      string             `json:"hash"`
	Body      string             `json:"body" doc:"What the root signs (cisterna keys transfer), base64url."`
	Letter    Maybe[OrderLetter] `json:"letter" doc:"What the signed transfer leaves by; null: nobody has handed it in."`
}

// TransferPerson is somebody whose key counts at the new site.
type TransferPerson struct {
	Person string   `json:"person" doc:"Login, as documents name it."`
	Key    string   `json:"key" doc:"Id of the key."`
	Roles  []string `json:"roles"`
}

func orderSite(s registry.Site) OrderSite {
	return OrderSite{ID: id(s.ID), Name: s.Name, Short: s.Short}
}

func transferOf(t *dosing.RootTransfer, sites []registry.Site) RootTransfer {
	p := &t.Prescription
	out := RootTransfer{
		ID: id(t.ID), Serial: p.Serial, Pump: p.Pump.String(), Epoch: digits(int64(p.Epoch)), State: p.State.String(), Keyset: digits(int64(t.Keyset.Version)),
		People: mapped(t.People(), transferPerson), Reason: t.Reason, By: orderPerson(t.Maker), At: Time(t.At), ExpiresAt: Time(t.Expires), Hash: t.Hash.String(), Body: b64.EncodeToString(t.Body),
	}
	for _, s := range sites {
		switch s.ID {
		case t.From:
			out.From = orderSite(s)
		case t.To:
			out.To = orderSite(s)
		}
	}
	if t.Letter != nil {
		out.Letter = some(letterOf(*t.Letter))
	}
	return out
}

func transferPerson(p order.PersonKey) TransferPerson {
	out := TransferPerson{Person: p.Person, Roles: []string{}}
	if key, err := p.ID(); err == nil {
		out.Key = order.Digest(key).String()
	}
	for _, r := range p.Roles {
		out.Roles = append(out.Roles, r.String())
	}
	return out
}

type transferOutput struct{ Body RootTransfer }

// transferOut shows one transfer, with its sites by name.
func (a *API) transferOut(ctx context.Context, t dosing.RootTransfer, err error) (*transferOutput, error) {
	if err != nil {
		return nil, err
	}
	sites, err := a.Registry.Sites(ctx, auth.Scope{All: true})
	return &transferOutput{transferOf(&t, sites)}, err
}

// transfers are those of pumps whose own site cannot sign any more.
func (a *API) transfers() {
	handle(a, op{id: "list-transfers", method: http.MethodGet, path: "/pumps/{id}/transfers/root", tag: "orders", summary: "Transfers of a pump that the root was asked to sign, newest first, and where it could go"},
		func(ctx context.Context, c Caller, in *orderInput) (*struct {
			Body struct {
				Items        []RootTransfer `json:"items"`
				Destinations []OrderSite    `json:"destinations"`
			}
		}, error,
		) {
			n, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			all, at, err := a.Orders.RootTransfers(ctx, c.Actor, n)
			if err != nil {
				return nil, err
			}
			sites, err := a.Registry.Sites(ctx, auth.Scope{All: true})
			if err != nil {
				return nil, err
			}
			out := &struct {
				Body struct {
					Items        []RootTransfer `json:"items"`
					Destinations []OrderSite    `json:"destinations"`
				}
			}{}
			out.Body.Items, out.Body.Destinations = []RootTransfer{}, []OrderSite{}
			for i := range all {
				out.Body.Items = append(out.Body.Items, transferOf(&all[i], sites))
			}
			for _, s := range sites {
				if s.ID != at {
					out.Body.Destinations = append(out.Body.Destinations, orderSite(s))
				}
			}
			return out, nil
		})
	handle(a, op{
		id: "make-transfer", method: http.MethodPost, path: "/pumps/{id}/transfers/root", tag: "orders", summary: "Make what the root signs to take a pump to another site", status: http.StatusCreated, problems: []int{http.StatusConflict},
		describe: "For a pump whose own site cannot sign any more. Nothing leaves by it. It is signed offline, by cisterna keys transfer, within seven days.",
	},
		func(ctx context.Context, c Caller, in *struct {
			ID   string `path:"id" maxLength:"32"`
			Body struct {
				Site   ID     `json:"site" maxLength:"32"`
				Reason string `json:"reason" maxLength:"200"`
			}
		},
		) (*transferOutput, error) {
			n, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			site, err := parseID(string(in.Body.Site), "site")
			if err != nil {
				return nil, err
			}
			t, err := a.Orders.MakeRootTransfer(ctx, c.Actor, n, site, in.Body.Reason)
			return a.transferOut(ctx, t, err)
		})
	handle(a, op{
		id: "hand-in-transfer", method: http.MethodPost, path: "/pumps/{id}/transfers/root/signed", tag: "orders", summary: "Hand in a transfer that the root has signed", problems: []int{http.StatusConflict}, repeatable: true,
		describe: "Not by whoever made it. It is sent until the pump answers or it expires; the pump belongs to the new site by its own signed answer. The same file once more changes nothing.",
	},
		func(ctx context.Context, c Caller, in *struct {
			ID   string `path:"id" maxLength:"32"`
			Body struct {
				Signed string `json:"signed" maxLength:"22000" doc:"What cisterna keys transfer wrote, base64url."`
			}
		},
		) (*transferOutput, error) {
			n, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			signed, err := readBytes("signed", in.Body.Signed)
			if err != nil {
				return nil, err
			}
			t, err := a.Orders.HandIn(ctx, c.Actor, n, signed)
			return a.transferOut(ctx, t, err)
		})
}
