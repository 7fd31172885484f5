package api

import (
	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/fleet/refusal"
)

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
	Notices  []string `json:"notices" doc:"What signers are to know besides; it stands in no way."`
}

func findingOf(f dosing.Finding) OrderFinding {
	out := OrderFinding{Class: int(f.Class), People: f.People, Meanings: []string{}, Increase: f.Increase, Refusals: foundOf(f.Refusals), Notices: append([]string{}, f.Notices...)}
	for _, m := range f.Meanings {
		out.Meanings = append(out.Meanings, m.String())
	}
	return out
}

func foundOf(all []order.Found) []Found {
	out := make([]Found, len(all))
	for i, r := range all {
		out[i] = Found{Code: string(r.Code), Step: r.Step, Detail: r.Detail, Remedy: refusal.Remedy(r.Code)}
	}
	return out
}
