package api

import (
	"context"
	"net/http"
	"time"

	"cisterna/internal/errs"
)

// Part is one part of the server, and how it does.
type Part struct {
	Name   string `json:"name" doc:"Stable: server, disks, database, endpoint, ingest, outbox, record, feed or trust."`
	Title  string `json:"title" doc:"The same for people."`
	State  string `json:"state" enum:"ok,degraded,down" doc:"As bad as the worst of its lines."`
	Detail string `json:"detail" doc:"What is wrong and what to do; empty if nothing is."`
	Lines  []Line `json:"lines"`
}

// Line is one thing about a part: a number, a moment or words.
type Line struct {
	Name   string        `json:"name" doc:"Stable within its part."`
	Title  string        `json:"title"`
	State  string        `json:"state" enum:"ok,degraded,down"`
	Value  Maybe[int64]  `json:"value"`
	Unit   string        `json:"unit" enum:",us,ms,bytes,per_min,until" doc:"Of value; per_min is the rate over the last minute. until: at lies ahead."`
	Text   Maybe[string] `json:"text" doc:"Words, beside the value if there is one."`
	At     MaybeTime     `json:"at" doc:"Since when, or with until as unit: how long it is good."`
	Detail string        `json:"detail" doc:"What to do about it; empty if nothing is to be done."`
}

// Some is a value that is there.
func Some[T any](v T) Maybe[T] { return some(v) }

// MaybeTimeOf is a time, null if it is zero.
func MaybeTimeOf(t time.Time) MaybeTime { return maybeTime(t) }

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
	}, func(ctx context.Context, c Caller, _ *struct{}) (*statusOutput, error) {
		if !c.HasAnywhere(watchers...) {
			return nil, errs.Deniedf("How the server does is shown to engineers, auditors and administrators.")
		}
		s := Status{State: "ok", At: Time(a.Now()), Parts: a.Status(ctx)}
		for _, p := range s.Parts {
			if worse[p.State] > worse[s.State] {
				s.State = p.State
			}
		}
		return &statusOutput{Body: s}, nil
	})
}
