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
	return said(r).Meaning
}

// SignerOf returns the printed name of whoever made the signature that an entry of the
// record tells of, as it was then; 21 CFR 11.50 wants it beside the meaning. It is "" if
// the entry tells of no such signature, if its detail was erased, and if it was written
// before entries had it: package overview knows the names of those.
func SignerOf(r audit.Row) string {
	if MeaningOf(r) == "" {
		return ""
	}
	return said(r).Signer
}

// signature is what the detail of an entry says of one.
type signature struct {
	Meaning string `json:"meaning"`
	Signer  string `json:"signer"`
}

func said(r audit.Row) signature {
	var s signature
	if json.Unmarshal(r.Payload, &s) != nil {
		return signature{}
	}
	return s
}
