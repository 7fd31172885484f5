package api

import (
	"context"
	"net/http"
	"time"

	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/fleet/dosing"
	"cisterna/internal/errs"
)

// SignWith names the key that will sign.
type SignWith struct {
	Key    string `json:"key" maxLength:"64" doc:"Id of the signing key that will sign."`
	Client string `json:"client,omitempty" maxLength:"64" doc:"Hash of the build of the client, 64 hexadecimal digits."`
}

func (k SignWith) read() (key, client order.Digest, err error) {
	if key, err = readDigest("key", k.Key); err != nil {
		return key, client, err
	}
	client, err = readDigest("client", k.Client)
	return key, client, err
}

type signedInput struct {
	ID   string `path:"id" maxLength:"32"`
	Body Signed
}

func (a *API) signOrders() {
	handle(a, op{
		id: "prepare-approval", method: http.MethodPost, path: "/orders/{id}/approval", tag: "orders", summary: "What to sign to approve an order", problems: []int{http.StatusConflict}, repeatable: true,
		describe: "Have the challenge signed by an authenticator and send document and assertion to /orders/{id}/approvals. A second signer has entered the numbers before.",
	},
		func(ctx context.Context, c Caller, in *struct {
			ID   string `path:"id" maxLength:"32"`
			Body struct {
				SignWith
				Meaning string `json:"meaning" enum:"prescribe,verify,pharmacist,policy"`
			}
		},
		) (*signOutput, error) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			key, client, err := in.Body.read()
			if err != nil {
				return nil, err
			}
			m, err := meaningOf(in.Body.Meaning)
			if err != nil {
				return nil, err
			}
			return signOut(a.Orders.PrepareApproval(ctx, c.Actor, n, key, m, client))
		})
	handle(a, op{id: "approve-order", method: http.MethodPost, path: "/orders/{id}/approvals", tag: "orders", summary: "Approve an order with a signature", problems: []int{http.StatusConflict}},
		func(ctx context.Context, c Caller, in *signedInput) (*orderOutput, error) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			doc, sig, err := in.Body.read()
			if err != nil {
				return nil, err
			}
			o, err := a.Orders.Approve(ctx, c.Actor, n, doc, sig)
			return a.orderOut(ctx, c, o, err)
		})
	handle(a, op{
		id: "prepare-release", method: http.MethodPost, path: "/orders/{id}/release", tag: "orders", summary: "What to sign to let an order go now", problems: []int{http.StatusConflict}, repeatable: true,
		describe: "Only while the pump is connected. The release lives 15 minutes. A visit names the branch and what was measured.",
	},
		func(ctx context.Context, c Caller, in *struct {
			ID   string `path:"id" maxLength:"32"`
			Body struct {
				SignWith
				Branch    string                  `json:"branch,omitempty" enum:",planned,same"`
				Aspirated *Document[units.Volume] `json:"aspirated_nl,omitempty"`
				Filled    *Document[units.Volume] `json:"filled_nl,omitempty"`
			}
		},
		) (*signOutput, error) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			key, client, err := in.Body.read()
			if err != nil {
				return nil, err
			}
			choice := dosing.Choice{}
			if choice.Branch, err = branchOf(in.Body.Branch); err != nil {
				return nil, err
			}
			if choice.Branch != 0 {
				if in.Body.Aspirated == nil || in.Body.Filled == nil {
					return nil, errs.InvalidField("filled_nl", "The release of a visit says what was aspirated and filled.")
				}
				choice.Measured = &order.Measured{Aspirated: in.Body.Aspirated.V, Filled: in.Body.Filled.V}
			}
			return signOut(a.Orders.PrepareRelease(ctx, c.Actor, n, key, choice, client))
		})
	handle(a, op{
		id: "release-order", method: http.MethodPost, path: "/orders/{id}/releases", tag: "orders", summary: "Let an approved order go, with a signature", problems: []int{http.StatusConflict},
		describe: "It leaves once the record has it for good. Until the pump's signed answer it may apply, and not longer than may_apply_until.",
	},
		func(ctx context.Context, c Caller, in *signedInput) (*orderOutput, error) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			doc, sig, err := in.Body.read()
			if err != nil {
				return nil, err
			}
			o, _, err := a.Orders.Release(ctx, c.Actor, n, doc, sig)
			return a.orderOut(ctx, c, o, err)
		})
	type why struct {
		ID   string `path:"id" maxLength:"32"`
		Body struct {
			SignWith
			Reason   string `json:"reason" maxLength:"200"`
			Overdose bool   `json:"overdose,omitempty" doc:"Of a stop: stand still whatever the drug; else the pump falls back or stops as the drug needs."`
		}
	}
	handle(a, op{id: "prepare-stop", method: http.MethodPost, path: "/pumps/{id}/stop", tag: "orders", summary: "What to sign to stop a pump", problems: []int{http.StatusConflict}, repeatable: true},
		func(ctx context.Context, c Caller, in *why) (*signOutput, error) {
			pump, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			key, client, err := in.Body.read()
			if err != nil {
				return nil, err
			}
			return signOut(a.Orders.PrepareStop(ctx, c.Actor, pump, key, in.Body.Overdose, in.Body.Reason, client))
		})
	handle(a, op{
		id: "stop-pump", method: http.MethodPost, path: "/pumps/{id}/stops", tag: "orders", summary: "Stop a pump, with one signature", problems: []int{http.StatusConflict},
		describe: "It waits for nothing. Somebody else looks at it within a day; its signer can undo it alone within an hour, two people later.",
	},
		func(ctx context.Context, c Caller, in *signedInput) (*letterOutput, error) {
			pump, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			doc, sig, err := in.Body.read()
			if err != nil {
				return nil, err
			}
			l, err := a.Orders.Stop(ctx, c.Actor, pump, doc, sig)
			if err != nil {
				return nil, err
			}
			return &letterOutput{Body: letterOf(l)}, nil
		})
	handle(a, op{id: "prepare-withdrawal", method: http.MethodPost, path: "/orders/{id}/withdrawal", tag: "orders", summary: "What to sign to take an order back", problems: []int{http.StatusConflict}, repeatable: true},
		func(ctx context.Context, c Caller, in *why) (*signOutput, error) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			key, client, err := in.Body.read()
			if err != nil {
				return nil, err
			}
			return signOut(a.Orders.PrepareWithdraw(ctx, c.Actor, n, key, in.Body.Reason, client))
		})
	handle(a, op{
		id: "withdraw-order", method: http.MethodPost, path: "/orders/{id}/withdrawals", tag: "orders", summary: "Take an order back, with one signature", problems: []int{http.StatusConflict},
		describe: "pump_told says whether the pump knows. One that was released may have been applied before.",
	},
		func(ctx context.Context, c Caller, in *signedInput) (*orderOutput, error) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			doc, sig, err := in.Body.read()
			if err != nil {
				return nil, err
			}
			o, err := a.Orders.Withdraw(ctx, c.Actor, n, doc, sig)
			return a.orderOut(ctx, c, o, err)
		})
	a.orderLists()
}

// OrderReview is an act of one person, which somebody else looks at.
type OrderReview struct {
	ID         ID                 `json:"id"`
	Site       ID                 `json:"site"`
	Pump       ID                 `json:"pump"`
	Order      Maybe[ID]          `json:"order"`
	Letter     Maybe[ID]          `json:"letter"`
	What       string             `json:"what"`
	By         OrderPerson        `json:"by"`
	At         Time               `json:"at"`
	DueAt      Time               `json:"due_at"`
	Reviewer   Maybe[OrderPerson] `json:"reviewer"`
	ReviewedAt MaybeTime          `json:"reviewed_at"`
	Agreed     Maybe[bool]        `json:"agreed"`
	Note       string             `json:"note"`
}

func reviewOf(r dosing.Review) OrderReview {
	out := OrderReview{ID: id(r.ID), Site: id(r.Site), Pump: id(r.Pump), Order: maybeID(r.Order), Letter: maybeID(r.Letter), What: r.What, By: orderPerson(r.By), At: Time(r.At), DueAt: Time(r.DueAt), ReviewedAt: maybeTime(r.ReviewedAt), Note: r.Note}
	if !r.ReviewedAt.IsZero() {
		out.Reviewer, out.Agreed = some(orderPerson(r.Reviewer)), some(r.Agreed)
	}
	return out
}

// OnCall is somebody who can be asked to verify.
type OnCall struct {
	ID    ID     `json:"id"`
	Site  ID     `json:"site"`
	User  ID     `json:"user"`
	Name  string `json:"name"`
	From  Time   `json:"from"`
	To    Time   `json:"to"`
	Rank  int    `json:"rank"`
	WaitS int    `json:"wait_s"`
}

func onCallOf(c dosing.OnCall) OnCall {
	return OnCall{ID: id(c.ID), Site: id(c.Site), User: id(c.User), Name: c.Name, From: Time(c.From), To: Time(c.To), Rank: c.Rank, WaitS: int(c.Wait / time.Second)}
}

// OrderCatch is something that a check kept from happening, or that was overridden.
type OrderCatch struct {
	At     Time      `json:"at"`
	Site   ID        `json:"site"`
	Pump   ID        `json:"pump"`
	Order  Maybe[ID] `json:"order"`
	User   ID        `json:"user"`
	Kind   string    `json:"kind" enum:"refused,mismatch,override"`
	Code   string    `json:"code"`
	Detail string    `json:"detail" doc:"Empty for whoever may check an order of the pump that waits for signatures."`
}

type orderListOutput[T any] struct {
	Body struct {
		Items []T `json:"items"`
	}
}

func listed[T, U any](all []T, err error, f func(T) U) (*orderListOutput[U], error) {
	if err != nil {
		return nil, err
	}
	out := &orderListOutput[U]{}
	out.Body.Items = make([]U, len(all))
	for i, v := range all {
		out.Body.Items[i] = f(v)
	}
	return out, nil
}

type orderSince struct {
	Days  int `query:"days" minimum:"1" maximum:"3660" default:"30"`
	Limit int `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

func (a *API) orderLists() {
	handle(a, op{id: "list-order-reviews", method: http.MethodGet, path: "/order-reviews", tag: "orders", summary: "Acts of one person, those that are due first"},
		func(ctx context.Context, c Caller, in *struct {
			Open bool `query:"open"`
		},
		) (*orderListOutput[OrderReview], error) {
			all, err := a.Orders.Reviews(ctx, c.Scope(), in.Open)
			return listed(all, err, reviewOf)
		})
	handle(a, op{id: "review-order-act", method: http.MethodPost, path: "/order-reviews/{id}", tag: "orders", summary: "Say that one has looked at an act of one person", problems: []int{http.StatusConflict}},
		func(ctx context.Context, c Caller, in *struct {
			ID   string `path:"id" maxLength:"32"`
			Body struct {
				Agreed bool   `json:"agreed"`
				Note   string `json:"note" maxLength:"500"`
			}
		},
		) (*struct{ Body OrderReview }, error) {
			n, err := parseID(in.ID, "review")
			if err != nil {
				return nil, err
			}
			r, err := a.Orders.Review(ctx, c.Actor, n, in.Body.Agreed, in.Body.Note)
			if err != nil {
				return nil, err
			}
			return &struct{ Body OrderReview }{reviewOf(r)}, nil
		})
	handle(a, op{id: "list-on-call", method: http.MethodGet, path: "/on-call", tag: "orders", summary: "Who can be asked to verify, in order"},
		func(ctx context.Context, c Caller, _ *struct{}) (*orderListOutput[OnCall], error) {
			all, err := a.Orders.OnCalls(ctx, c.Scope())
			return listed(all, err, onCallOf)
		})
	handle(a, op{id: "set-on-call", method: http.MethodPost, path: "/on-call", tag: "orders", summary: "Put somebody who verifies on call", status: http.StatusCreated},
		func(ctx context.Context, c Caller, in *struct {
			Body struct {
				Site  ID        `json:"site"`
				User  ID        `json:"user"`
				From  time.Time `json:"from"`
				To    time.Time `json:"to"`
				Rank  int       `json:"rank" minimum:"1" maximum:"9"`
				WaitS int       `json:"wait_s" minimum:"60" maximum:"86400" doc:"Without an answer, before the next one is asked."`
			}
		},
		) (*struct{ Body OnCall }, error) {
			site, err := parseID(string(in.Body.Site), "site")
			if err != nil {
				return nil, err
			}
			user, err := parseID(string(in.Body.User), "person")
			if err != nil {
				return nil, err
			}
			name := ""
			if account, err := a.Accounts.Account(ctx, user); err == nil {
				name = account.Name
			}
			got, err := a.Orders.SetOnCall(ctx, c.Actor, dosing.OnCall{Site: site, User: user, Name: name, From: in.Body.From, To: in.Body.To, Rank: in.Body.Rank, Wait: time.Duration(in.Body.WaitS) * time.Second})
			if err != nil {
				return nil, err
			}
			return &struct{ Body OnCall }{onCallOf(got)}, nil
		})
	handle(a, op{id: "end-on-call", method: http.MethodDelete, path: "/on-call/{id}", tag: "orders", summary: "Take somebody off call", status: http.StatusNoContent},
		func(ctx context.Context, c Caller, in *orderInput) (*struct{}, error) {
			n, err := parseID(in.ID, "time on call")
			if err != nil {
				return nil, err
			}
			return nil, a.Orders.EndOnCall(ctx, c.Actor, n)
		})
	handle(a, op{id: "list-order-catches", method: http.MethodGet, path: "/order-catches", tag: "orders", summary: "What checks caught and people overrode, newest first"},
		func(ctx context.Context, c Caller, in *orderSince) (*orderListOutput[OrderCatch], error) {
			all, err := a.Orders.Catches(ctx, c.Actor, daysAgo(a.Now(), in.Days), in.Limit)
			return listed(all, err, func(x dosing.Catch) OrderCatch {
				return OrderCatch{At: Time(x.At), Site: id(x.Site), Pump: id(x.Pump), Order: maybeID(x.Order), User: ID(digits(x.User)), Kind: x.Kind, Code: x.Code, Detail: x.Detail}
			})
		})
	a.reports()
	handle(a, op{id: "order-report", method: http.MethodGet, path: "/order-report", tag: "orders", summary: "Counts: orders, overrides, good catches, acts of one person"},
		func(ctx context.Context, c Caller, in *orderSince) (*struct{ Body OrderFigures }, error) {
			f, err := a.Orders.Report(ctx, c.Scope(), daysAgo(a.Now(), in.Days))
			return &struct{ Body OrderFigures }{OrderFigures(f)}, err
		})
}

// OrderFigures are the counts of a report.
type OrderFigures struct {
	Proposed     int64 `json:"proposed"`
	Applied      int64 `json:"applied"`
	Refused      int64 `json:"refused" doc:"By pumps."`
	Stale        int64 `json:"stale"`
	Withdrawn    int64 `json:"withdrawn"`
	Expired      int64 `json:"expired"`
	Overrides    int64 `json:"overrides" doc:"Soft limits passed with a reason."`
	Caught       int64 `json:"caught" doc:"Proposals that a check refused."`
	Mismatches   int64 `json:"mismatches" doc:"Blind entries that differed."`
	Good         int64 `json:"good_catches" doc:"Caught or mismatched, and then not applied as it was."`
	OneSignature int64 `json:"one_signature"`
	Reviewed     int64 `json:"reviewed"`
	ReviewedLate int64 `json:"reviewed_late"`
	Increases    int64 `json:"increases"`
}
