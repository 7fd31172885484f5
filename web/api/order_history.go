package api

import (
	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/fleet/refusal"
)

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

// OrderLetter is a release, a stop, a withdrawal or a transfer by the root.
type OrderLetter struct {
	ID         ID            `json:"id"`
	Kind       string        `json:"kind" enum:"release,stop,withdraw,transfer"`
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
	Failed     bool          `json:"failed" doc:"A stop of which it is not known that it stopped the pump: refused, not answered within a minute, or the pump infuses. The alarm STOP_FAILED stands."`
	Envelope   string        `json:"envelope" doc:"base64url, as it was sent."`
}

// PumpLetters is what was signed to leave for a pump, and whether anything reaches it
// now.
type PumpLetters struct {
	Items     []OrderLetter `json:"items"`
	Connected bool          `json:"connected" doc:"The pump's communicator is connected, as far as is known. What is signed for one that is not reaches it when it is, if it still applies then."`
	Heard     MaybeTime     `json:"heard_at"`
}

func letterOf(l dosing.Letter) OrderLetter {
	out := OrderLetter{
		ID: id(l.ID), Kind: string(l.Kind), Order: maybeID(l.Order), Counter: digits(int64(l.Counter)), By: orderPerson(l.By), At: Time(l.At), NotAfter: Time(l.NotAfter), State: string(l.State),
		Reason: l.Reason, Overdose: l.Overdose, SentAt: maybeTime(l.SentAt), AnsweredAt: maybeTime(l.AnsweredAt), Code: notZero(string(l.Code)), Failed: l.Failed(), Envelope: b64.EncodeToString(l.Envelope),
	}
	if l.Code != "" && l.Code != order.Applied {
		out.Remedy = some(refusal.Remedy(l.Code))
	}
	return out
}

type letterOutput struct{ Body OrderLetter }

// OrderChange tells in the live feed that something happened to an order, and
// nothing of what the order says.
type OrderChange struct {
	ID     Maybe[ID]     `json:"id"` // null: a stop, which belongs to no order
	Pump   ID            `json:"pump"`
	Site   ID            `json:"site"`
	State  Maybe[string] `json:"state"`
	Code   Maybe[string] `json:"code"`
	Letter Maybe[ID]     `json:"letter"`
}

// OrderChangeOf shows a change of an order.
func OrderChangeOf(c dosing.Changed) OrderChange {
	return OrderChange{ID: maybeID(c.Order), Pump: id(c.Pump), Site: id(c.Site), State: notZero(string(c.State)), Code: notZero(string(c.Code)), Letter: maybeID(c.Letter)}
}
