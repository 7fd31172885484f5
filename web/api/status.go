package api

import (
	"context"
	"net/http"
)

// Part is one part of the server, and how it does.
type Part struct {
	Name   string           `json:"name" doc:"database, endpoint, ingest, record or feed."`
	State  string           `json:"state" enum:"ok,degraded,down"`
	Detail string           `json:"detail" doc:"What is wrong, for an engineer; empty if nothing is."`
	Values map[string]int64 `json:"values" doc:"Numbers worth a look. Names end in their unit; per_min are rates over the last minute."`
}

// Status is how the server does.
type Status struct {
	State string `json:"state" enum:"ok,degraded,down" doc:"The worst of the parts."`
	At    Time   `json:"at"`
	Parts []Part `json:"parts"`
}

type statusOutput struct{ Body Status }

// worse orders states.
var worse = map[string]int{"ok": 0, "degraded": 1, "down": 2}

func (a *API) status() {
	handle(a, op{
		id: "status", method: http.MethodGet, path: "/status", tag: "status", summary: "How the server does",
	}, func(ctx context.Context, _ Caller, _ *struct{}) (*statusOutput, error) {
		s := Status{State: "ok", At: Time(a.Now()), Parts: a.Status(ctx)}
		for i, p := range s.Parts {
			if worse[p.State] > worse[s.State] {
				s.State = p.State
			}
			if p.Values == nil {
				s.Parts[i].Values = map[string]int64{}
			}
		}
		return &statusOutput{Body: s}, nil
	})
}
