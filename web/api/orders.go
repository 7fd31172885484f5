package api

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"time"

	"cisterna/device/order"
	"cisterna/device/pump"
	"cisterna/fleet/dosing"
	"cisterna/internal/errs"
)

// OrderPerson is somebody in an order.
type OrderPerson struct {
	ID    ID     `json:"id"`
	Login string `json:"login"`
	Name  string `json:"name"`
}

func orderPerson(p dosing.Person) OrderPerson {
	return OrderPerson{ID: ID(digits(p.ID)), Login: p.Login, Name: p.Name}
}

// Found is what a pump would refuse, and what to do about it.
type Found struct {
	Code   string `json:"code"`
	Step   int    `json:"step" doc:"Of the verification (docs/protocol.md)."`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"`
}

// OrderFinding is what a check found.
type OrderFinding struct {
	Class    int      `json:"class" doc:"How many people it needs at least: 1, 2 or 3."`
	People   int      `json:"people" doc:"Signatures needed."`
	Meanings []string `json:"meanings" doc:"What one of them must say."`
	Increase bool     `json:"increase" doc:"Somebody gets more of something."`
	Refusals []Found  `json:"refusals"`
}

func findingOf(f dosing.Finding) OrderFinding {
	out := OrderFinding{Class: int(f.Class), People: f.People, Meanings: []string{}, Increase: f.Increase, Refusals: foundOf(f.Refusals)}
	for _, m := range f.Meanings {
		out.Meanings = append(out.Meanings, m.String())
	}
	return out
}

func foundOf(all []order.Found) []Found {
	out := make([]Found, len(all))
	for i, r := range all {
		out[i] = Found{Code: string(r.Code), Step: r.Step, Detail: r.Detail, Remedy: dosing.Remedy(r.Code)}
	}
	return out
}

// Order is an order. What it says is null while the caller, who is to check it, has
// not entered its key numbers on their own.
type Order struct {
	ID          ID                                  `json:"id"`
	Pump        ID                                  `json:"pump"`
	Site        ID                                  `json:"site"`
	Act         string                              `json:"act"`
	State       string                              `json:"state" enum:"draft,proposed,verified,approved,released,sent,received,applied,refused,expired,withdrawn,superseded,stale"`
	Rev         int64                               `json:"rev"`
	Blind       bool                                `json:"blind" doc:"The caller checks it and has not entered the numbers yet."`
	Wish        Maybe[Document[dosing.Wish]]        `json:"wish"`
	Document    Maybe[Document[order.Prescription]] `json:"document" doc:"What is signed, in words."`
	Bytes       Maybe[string]                       `json:"bytes" doc:"What is signed, base64url: check it, and what it says, for yourself."`
	Hash        Maybe[string]                       `json:"hash"`
	Finding     OrderFinding                        `json:"finding"`
	Proposer    OrderPerson                         `json:"proposer"`
	CreatedAt   Time                                `json:"created_at"`
	ProposedAt  MaybeTime                           `json:"proposed_at"`
	ExpiresAt   MaybeTime                           `json:"expires_at"`
	ClosedAt    MaybeTime                           `json:"closed_at"`
	Mismatches  int                                 `json:"mismatches"`
	Code        Maybe[string]                       `json:"code" doc:"The pump's answer, or why it ended here."`
	Detail      Maybe[string]                       `json:"detail"`
	Remedy      Maybe[string]                       `json:"remedy"`
	Replaces    Maybe[ID]                           `json:"replaces"`
	PumpTold    bool                                `json:"pump_told" doc:"Of a withdrawal: the pump knows."`
	MayApplyTil MaybeTime                           `json:"may_apply_until" doc:"A release is under way: until then it may still apply."`
	Approvals   []OrderApproval                     `json:"approvals"`
}

// OrderApproval is one person's signature.
type OrderApproval struct {
	Person    OrderPerson `json:"person"`
	Meaning   string      `json:"meaning"`
	Key       string      `json:"key"`
	SignedAt  Time        `json:"signed_at"`
	Statement string      `json:"statement" doc:"base64url"`
	Assertion Assertion   `json:"assertion"`
}

// Assertion is what an authenticator answered, in base64url.
type Assertion struct {
	AuthenticatorData string `json:"authenticator_data" maxLength:"512"`
	ClientDataJSON    string `json:"client_data_json" maxLength:"2048"`
	Signature         string `json:"signature" maxLength:"256"`
}

var b64 = base64.RawURLEncoding

func assertionOf(a order.Assertion) Assertion {
	return Assertion{b64.EncodeToString(a.Data), b64.EncodeToString(a.Client), b64.EncodeToString(a.Signature)}
}

func (a Assertion) read() (order.Assertion, error) {
	data, err1 := b64.DecodeString(a.AuthenticatorData)
	client, err2 := b64.DecodeString(a.ClientDataJSON)
	sig, err3 := b64.DecodeString(a.Signature)
	if err := errors.Join(err1, err2, err3); err != nil {
		return order.Assertion{}, errs.InvalidField("assertion", "The assertion is not base64url without padding.")
	}
	return order.Assertion{Data: data, Client: client, Signature: sig}, nil
}

func readBytes(field, s string) ([]byte, error) {
	b, err := b64.DecodeString(s)
	if err != nil {
		return nil, errs.InvalidField(field, "%s is not base64url without padding.", field)
	}
	return b, nil
}

func readDigest(field, s string) (order.Digest, error) {
	var d order.Digest
	if s == "" && field == "client" {
		return d, nil
	}
	if err := d.UnmarshalText([]byte(s)); err != nil {
		return d, errs.InvalidField(field, "%s is not 64 hexadecimal digits.", field)
	}
	return d, nil
}

// orderOf shows an order; until is when a release of it applies no more.
func (a *API) orderOf(ctx context.Context, c Caller, o dosing.Order) (Order, error) {
	blind, err := a.Orders.Blind(ctx, c.Actor, &o)
	if err != nil {
		return Order{}, err
	}
	out := Order{
		ID: id(o.ID), Pump: id(o.Pump), Site: id(o.Site), State: string(o.State), Rev: o.Rev, Blind: blind, Finding: findingOf(o.Finding), Proposer: orderPerson(o.Proposer),
		CreatedAt: Time(o.CreatedAt), ProposedAt: maybeTime(o.ProposedAt), ExpiresAt: maybeTime(o.ExpiresAt), ClosedAt: maybeTime(o.ClosedAt), Mismatches: o.Mismatches,
		Code: notZero(string(o.Code)), Detail: notZero(o.Detail), Replaces: maybeID(o.Replaces), PumpTold: o.Told == dosing.IsTold, Approvals: []OrderApproval{},
	}
	if o.Act != 0 {
		out.Act = o.Act.String()
	}
	if o.Code != "" && o.Code != order.Applied {
		out.Remedy = some(dosing.Remedy(o.Code))
	}
	for _, p := range o.Approvals {
		out.Approvals = append(out.Approvals, OrderApproval{
			Person: OrderPerson{ID: id(p.User), Login: p.Person, Name: p.Name}, Meaning: p.Meaning.String(), Key: p.Key.String(), SignedAt: Time(p.SignedAt),
			Statement: b64.EncodeToString(p.Statement), Assertion: assertionOf(p.Assertion),
		})
	}
	if o.State.Away() || o.State == dosing.Withdrawn {
		until, err := a.Orders.MayApplyUntil(ctx, o.ID)
		if err != nil {
			return Order{}, err
		}
		out.MayApplyTil = maybeTime(until)
	}
	if blind {
		return out, nil
	}
	if o.Wish.Act != 0 {
		out.Wish = some(Document[dosing.Wish]{o.Wish})
	}
	if o.Document != nil {
		p, err := order.DecodePrescription(o.Document)
		if err != nil {
			return Order{}, err
		}
		out.Document, out.Bytes, out.Hash = some(Document[order.Prescription]{p}), some(b64.EncodeToString(o.Document)), some(o.Hash.String())
	}
	return out, nil
}

type orderOutput struct{ Body Order }

func (a *API) orderOut(ctx context.Context, c Caller, o dosing.Order, err error) (*orderOutput, error) {
	if err != nil {
		return nil, checkProblem(err)
	}
	out, err := a.orderOf(ctx, c, o)
	return &orderOutput{Body: out}, err
}

// checkProblem names each thing that a pump would refuse in its own field.
func checkProblem(err error) error {
	e, ok := errors.AsType[*dosing.CheckError](err)
	if !ok {
		return err
	}
	p := ProblemOf(err)
	for _, r := range e.Refusals {
		p.Errors = append(p.Errors, FieldProblem{Location: "order." + string(r.Code), Message: r.Detail + ". " + dosing.Remedy(r.Code)})
	}
	return p
}

// OrderPreview is what a proposal would come to.
type OrderPreview struct {
	Document Document[order.Prescription] `json:"document"`
	Bytes    string                       `json:"bytes"`
	Finding  OrderFinding                 `json:"finding"`
	Report   Document[order.Report]       `json:"report" doc:"What the pump said of itself, and was judged by."`

	Rehearsal Document[pump.Rehearsal] `json:"rehearsal" doc:"Seven days of exactly these bytes, by the machine that runs in the pump."`
}

// SignRequest is what to have signed by an authenticator.
type SignRequest struct {
	Document  string `json:"document" doc:"base64url; goes back as it is."`
	Challenge string `json:"challenge" doc:"The hash of the document, base64url: what the authenticator signs."`
	Key       string `json:"key"`
	RPID      string `json:"rp_id"`
	Person    string `json:"person"`
}

type signOutput struct{ Body SignRequest }

func signOut(s dosing.Signing, err error) (*signOutput, error) {
	if err != nil {
		return nil, checkProblem(err)
	}
	return &signOutput{Body: SignRequest{Document: b64.EncodeToString(s.Document), Challenge: b64.EncodeToString(s.Challenge[:]), Key: s.Key.String(), RPID: s.RPID, Person: s.Person}}, nil
}

// Signed is a document that an authenticator signed.
type Signed struct {
	Document  string    `json:"document" maxLength:"12000"`
	Assertion Assertion `json:"assertion"`
}

func (s Signed) read() ([]byte, order.Assertion, error) {
	doc, err := readBytes("document", s.Document)
	if err != nil {
		return nil, order.Assertion{}, err
	}
	a, err := s.Assertion.read()
	return doc, a, err
}

// OrderEvent is a step of an order's life.
type OrderEvent struct {
	At       Time          `json:"at"`
	Was      Maybe[string] `json:"was"`
	State    string        `json:"state"`
	Actor    string        `json:"actor"`
	Name     string        `json:"name"`
	Note     string        `json:"note"`
	Evidence Maybe[string] `json:"evidence" doc:"SHA-256 of the signed bytes that show it."`
}

// OrderLetter is a release, a stop or a withdrawal.
type OrderLetter struct {
	ID         ID            `json:"id"`
	Kind       string        `json:"kind" enum:"release,stop,withdraw"`
	Order      Maybe[ID]     `json:"order"`
	Counter    Digits        `json:"counter"`
	By         OrderPerson   `json:"by"`
	At         Time          `json:"at"`
	NotAfter   Time          `json:"not_after" doc:"Until then it may apply."`
	State      string        `json:"state" enum:"open,sent,applied,refused,expired"`
	Reason     string        `json:"reason"`
	Overdose   bool          `json:"overdose"`
	SentAt     MaybeTime     `json:"sent_at"`
	AnsweredAt MaybeTime     `json:"answered_at"`
	Code       Maybe[string] `json:"code"`
	Remedy     Maybe[string] `json:"remedy"`
	Envelope   string        `json:"envelope" doc:"base64url, as it was sent."`
}

func letterOf(l dosing.Letter) OrderLetter {
	out := OrderLetter{
		ID: id(l.ID), Kind: string(l.Kind), Order: maybeID(l.Order), Counter: digits(int64(l.Counter)), By: orderPerson(l.By), At: Time(l.At), NotAfter: Time(l.NotAfter), State: string(l.State),
		Reason: l.Reason, Overdose: l.Overdose, SentAt: maybeTime(l.SentAt), AnsweredAt: maybeTime(l.AnsweredAt), Code: notZero(string(l.Code)), Envelope: b64.EncodeToString(l.Envelope),
	}
	if l.Code != "" && l.Code != order.Applied {
		out.Remedy = some(dosing.Remedy(l.Code))
	}
	return out
}

type letterOutput struct{ Body OrderLetter }

type orderInput struct {
	ID string `path:"id" maxLength:"32"`
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
				return nil, checkProblem(err)
			}
			return &struct{ Body OrderPreview }{OrderPreview{Document[order.Prescription]{*p.Prescription}, b64.EncodeToString(p.Document), findingOf(p.Finding), Document[order.Report]{p.Report}, Document[pump.Rehearsal]{p.Rehearsal}}}, nil
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
	a.readOrders()
	a.checkOrders()
	a.signOrders()
}

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
			out.Body.Items = []Order{}
			for _, o := range all {
				v, err := a.orderOf(ctx, c, o)
				if err != nil {
					return nil, err
				}
				out.Body.Items = append(out.Body.Items, v)
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
		func(ctx context.Context, c Caller, in *orderInput) (*struct{ Body Document[pump.Rehearsal] }, error) {
			n, err := parseID(in.ID, "order")
			if err != nil {
				return nil, err
			}
			r, err := a.Orders.Rehearse(ctx, c.Actor, n)
			return &struct{ Body Document[pump.Rehearsal] }{Document[pump.Rehearsal]{r}}, err
		})
	handle(a, op{id: "pump-letters", method: http.MethodGet, path: "/pumps/{id}/letters", tag: "orders", summary: "What was signed to leave for a pump: releases, stops, withdrawals"},
		func(ctx context.Context, c Caller, in *orderInput) (*struct {
			Body struct {
				Items []OrderLetter `json:"items"`
			}
		}, error,
		) {
			pump, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			all, err := a.Orders.Letters(ctx, c.Scope(), pump)
			if err != nil {
				return nil, err
			}
			var out struct {
				Body struct {
					Items []OrderLetter `json:"items"`
				}
			}
			out.Body.Items = []OrderLetter{}
			for _, l := range all {
				out.Body.Items = append(out.Body.Items, letterOf(l))
			}
			return &out, nil
		})
	handle(a, op{id: "pump-therapy", method: http.MethodGet, path: "/pumps/{id}/therapy", tag: "orders", summary: "What a pump runs, as orders are judged by it", problems: []int{http.StatusConflict}},
		func(ctx context.Context, c Caller, in *orderInput) (*struct {
			Body struct {
				Report   Document[order.Report] `json:"report"`
				At       Time                   `json:"at"`
				State    string                 `json:"state_hash"`
				Drift    bool                   `json:"drift" doc:"It does not run what the last order left it with."`
				Capacity Digits                 `json:"reservoir_capacity_nl"`
				Groups   []string               `json:"patient_groups"`
				Patient  Maybe[string]          `json:"patient" doc:"Token."`
				Verifies string                 `json:"verifies_signatures" doc:"Who checks signatures: the implant, or the communicator alone."`
			}
		}, error,
		) {
			pump, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			t, err := a.Orders.Therapy(ctx, c.Scope(), pump)
			if err != nil {
				return nil, err
			}
			var out struct {
				Body struct {
					Report   Document[order.Report] `json:"report"`
					At       Time                   `json:"at"`
					State    string                 `json:"state_hash"`
					Drift    bool                   `json:"drift" doc:"It does not run what the last order left it with."`
					Capacity Digits                 `json:"reservoir_capacity_nl"`
					Groups   []string               `json:"patient_groups"`
					Patient  Maybe[string]          `json:"patient" doc:"Token."`
					Verifies string                 `json:"verifies_signatures" doc:"Who checks signatures: the implant, or the communicator alone."`
				}
			}
			b := &out.Body
			b.Report, b.At, b.State, b.Drift = Document[order.Report]{t.Report}, Time(t.At), t.Report.State.Hash().String(), t.Drift
			b.Capacity, b.Groups, b.Patient, b.Verifies = digits(t.Capacity), append([]string{}, t.Groups...), notZero(t.Patient), t.Verifies
			return &out, nil
		})
	handle(a, op{id: "order-codes", method: http.MethodGet, path: "/order-codes", tag: "orders", summary: "Every code of a refusal, by pumps and by the platform, and what to do about it"},
		func(context.Context, Caller, *struct{}) (*struct{ Body []Found }, error) {
			out := []Found{}
			for _, code := range dosing.Codes() {
				out = append(out, Found{Code: string(code), Remedy: dosing.Remedy(code)})
			}
			return &struct{ Body []Found }{out}, nil
		})
}

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
				Source  string       `json:"source" enum:"prescription,syringe,calculation,pump"`
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
				return nil, checkProblem(err)
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
			out.Body.Order, err = a.orderOf(ctx, c, r.Order)
			return &out, err
		})
}

// OrderEntry is what somebody entered for a number.
type OrderEntry struct {
	Name  string `json:"name" maxLength:"64"`
	Value string `json:"value" maxLength:"64" doc:"Digits, or the pump's serial."`
}

// meaningOf reads what somebody says by an approval.
func meaningOf(s string) (order.Meaning, error) {
	var m order.Meaning
	if err := m.UnmarshalText([]byte(s)); err != nil {
		return 0, errs.InvalidField("meaning", "There is no meaning %q.", s)
	}
	return m, nil
}

func branchOf(s string) (order.BranchNo, error) {
	switch i := slices.Index([]string{"", "planned", "same"}, s); i {
	case -1:
		return 0, errs.InvalidField("branch", "A branch is planned or same.")
	default:
		return order.BranchNo(i), nil
	}
}

func daysAgo(now time.Time, n int) time.Time { return now.Add(-time.Duration(n) * 24 * time.Hour) }
