package api

import (
	"context"
	"encoding/base64"
	"errors"

	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/fleet/refusal"
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

// Order is an order. What it says is null while the caller, who is to check it, has
// not entered its key numbers on their own.
type Order struct {
	ID          ID                                  `json:"id"`
	Pump        ID                                  `json:"pump"`
	Site        ID                                  `json:"site"`
	Act         string                              `json:"act"`
	Patient     Maybe[string]                       `json:"patient" doc:"Reference of the patient whom it was proposed for. null: nobody, or a draft; of a bind also while it is blind, for whoever checks it names the patient on their own."`
	State       string                              `json:"state" enum:"draft,proposed,verified,approved,released,sent,received,applied,refused,expired,withdrawn,superseded,stale"`
	Rev         int64                               `json:"rev"`
	Blind       bool                                `json:"blind" doc:"Values are kept from the caller, who may check it and has not entered the numbers, also of a draft and of what ended before enough people had signed."`
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
	Asked       Maybe[ID]                           `json:"asked" doc:"Who on call was asked last to verify it."`
	AskedAll    []ID                                `json:"asked_all" doc:"Everybody on call who was asked."`
	AskedUntil  MaybeTime                           `json:"asked_until" doc:"Whoever was asked last has time until then; then the next in rank is asked who was not yet."`
	Escalated   int                                 `json:"escalated" doc:"How many on call were asked to verify it, one after the other."`
	Code        Maybe[string]                       `json:"code" doc:"The pump's answer, or why it ended here."`
	Detail      Maybe[string]                       `json:"detail"`
	Remedy      Maybe[string]                       `json:"remedy"`
	Replaces    Maybe[ID]                           `json:"replaces"`
	PumpTold    bool                                `json:"pump_told" doc:"Of a withdrawal: the pump knows, or there is nothing that it could know of: a draft was discarded."`
	ReleasedAt  MaybeTime                           `json:"released_at" doc:"A release is under way since then. One that is not answered within five minutes is as urgent as an alarm."`
	Contradicts bool                                `json:"contradicted" doc:"The pump says that it applied this, and contradicts it by what it says of itself: it reads back another program, or does not infuse. The detail says which."`
	MayApplyTil MaybeTime                           `json:"may_apply_until" doc:"A release is under way: until then it may still apply."`
	BedsideTill MaybeTime                           `json:"bedside_until" doc:"By its own signed word the pump has found a release of this right, and waits until then for somebody at the bedside to confirm it. null: it does not, or has not said so."`
	BedsideFrom MaybeTime                           `json:"bedside_since" doc:"Since when the pump is known to wait for that."`
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

// ordersOf shows orders, with whom they are for.
func (a *API) ordersOf(ctx context.Context, c Caller, all ...dosing.Order) ([]Order, error) {
	patients, err := a.Registry.References(ctx, c.Scope(), mapped(all, func(o dosing.Order) int64 { return o.Patient })...)
	if err != nil {
		return nil, err
	}
	out := make([]Order, len(all))
	for i, o := range all {
		if out[i], err = a.orderOf(ctx, c, o, patients[o.Patient]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// orderOf shows an order; patient is the reference of whom it is for.
func (a *API) orderOf(ctx context.Context, c Caller, o dosing.Order, patient string) (Order, error) {
	blind, err := a.Orders.Blind(ctx, c.Actor, &o)
	if err != nil {
		return Order{}, err
	}
	out := Order{
		ID: id(o.ID), Pump: id(o.Pump), Site: id(o.Site), State: string(o.State), Rev: o.Rev, Blind: blind, Finding: findingOf(o.Finding), Proposer: orderPerson(o.Proposer),
		CreatedAt: Time(o.CreatedAt), ProposedAt: maybeTime(o.ProposedAt), ExpiresAt: maybeTime(o.ExpiresAt), ClosedAt: maybeTime(o.ClosedAt), Mismatches: o.Mismatches, Asked: maybeID(o.Asked), AskedAll: mapped(o.AskedAll, id), AskedUntil: maybeTime(o.AskedUntil), Escalated: o.Escalated,
		Code: notZero(string(o.Code)), Detail: notZero(o.Detail), Replaces: maybeID(o.Replaces), PumpTold: o.Told == dosing.IsTold || o.State == dosing.Withdrawn && o.Document == nil, Contradicts: o.Contradicted(),
		BedsideTill: maybeTime(o.Bedside.Until), BedsideFrom: maybeTime(o.Bedside.Since), Approvals: []OrderApproval{},
	}
	if o.Act != 0 {
		out.Act = o.Act.String()
	}
	if !blind || o.Act != order.ActBind {
		out.Patient = notZero(patient)
	}
	if o.Code != "" && o.Code != order.Applied {
		out.Remedy = some(refusal.Remedy(o.Code))
	}
	for _, p := range o.Approvals {
		out.Approvals = append(out.Approvals, OrderApproval{
			Person: OrderPerson{ID: id(p.User), Login: p.Person, Name: p.Name}, Meaning: p.Meaning.String(), Key: p.Key.String(), SignedAt: Time(p.SignedAt),
			Statement: b64.EncodeToString(p.Statement), Assertion: assertionOf(p.Assertion),
		})
	}
	if o.State.Away() || o.State == dosing.Withdrawn {
		under, err := a.Orders.Underway(ctx, o.ID)
		if err != nil {
			return Order{}, err
		}
		out.ReleasedAt, out.MayApplyTil = maybeTime(under.Since), maybeTime(under.Until)
	}
	if blind {
		out.Finding.Notices = []string{} // how long the reservoir lasts is the dose
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
		return nil, err
	}
	out, err := a.ordersOf(ctx, c, o)
	if err != nil {
		return nil, err
	}
	return &orderOutput{Body: out[0]}, nil
}

type orderInput struct {
	ID string `path:"id" maxLength:"32"`
}
