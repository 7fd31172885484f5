package events

import (
	"encoding/json"

	"cisterna/internal/audit"
)

// meanings has what a person says by what they sign, where the kind of the entry
// alone tells.
var meanings = map[string]string{"order.release": "release", "order.stop": "stop", "order.withdraw": "withdraw"}

// MeaningOf returns what a person said by the signature on an order that an entry of
// the record tells of; 21 CFR 11.50 wants it wherever the signature is shown. An
// approval says it itself, in the words of order.Meaning. It is "" if the entry tells
// of no such signature, and if the detail of an approval was erased.
func MeaningOf(r audit.Row) string {
	if r.Kind != "order.approve" {
		return meanings[r.Kind]
	}
	var said struct {
		Meaning string `json:"meaning"`
	}
	if json.Unmarshal(r.Payload, &said) != nil {
		return ""
	}
	return said.Meaning
}
