package api

import (
	"context"
	"net/http"

	"cisterna/fleet/lists"
	"cisterna/fleet/registry"
	"cisterna/internal/errs"
)

// FrozenList is what a filter meant at one moment. Bulk work acts on it and on
// nothing else.
type FrozenList struct {
	ID        ID     `json:"id"`
	Filter    string `json:"filter"`
	Picked    bool   `json:"picked" doc:"The pumps were picked one by one."`
	Count     int64  `json:"count"`
	Epoch     string `json:"epoch"`
	Rev       uint64 `json:"rev" doc:"The list's revision at that moment."`
	CreatedAt Time   `json:"created_at"`
	ExpiresAt Time   `json:"expires_at" doc:"Until then work on it may begin."`
}

type freezeInput struct {
	Body struct {
		Q     string `json:"q" maxLength:"2000" doc:"A filter; empty: all pumps of one's sites."`
		Pumps []ID   `json:"pumps,omitempty" maxItems:"10000" doc:"Only these, picked out of what the filter shows. Left out: all that it means."`
	}
}

// Run is work on a frozen list.
type Run struct {
	ID        ID        `json:"id"`
	Action    string    `json:"action" enum:"tag,untag,group,ungroup,claim,revoke"`
	Tags      []string  `json:"tags"`
	Group     Maybe[ID] `json:"group"`
	Reason    string    `json:"reason"`
	Filter    string    `json:"filter"`
	Count     int64     `json:"count"`
	State     string    `json:"state" enum:"running,done,stopped"`
	Why       string    `json:"why" doc:"It was stopped."`
	CreatedAt Time      `json:"created_at"`
	EndedAt   MaybeTime `json:"ended_at"`
	Waiting   int64     `json:"waiting"`
	Done      int64     `json:"done"`
	Refused   int64     `json:"refused"`
}

func runOfLists(r lists.Run) Run {
	return Run{
		ID: id(r.ID), Action: string(r.Action), Tags: append([]string{}, r.Tags...), Group: maybeID(r.Group), Reason: r.Reason, Filter: r.Filter, Count: r.Count,
		State: string(r.State), Why: r.Why, CreatedAt: Time(r.CreatedAt), EndedAt: maybeTime(r.EndedAt), Waiting: r.Waiting, Done: r.Finished, Refused: r.Refused,
	}
}

type runOutput struct{ Body Run }

// RunItem is what became of one pump.
type RunItem struct {
	Pump   ID        `json:"pump"`
	Serial string    `json:"serial"`
	State  string    `json:"state" enum:"waiting,done,refused"`
	Detail string    `json:"detail" doc:"Why it was refused."`
	At     MaybeTime `json:"at"`
}

// RunItems is a page of outcomes.
type RunItems struct {
	Items []RunItem     `json:"items"`
	Next  Maybe[string] `json:"next"`
}

type beginInput struct {
	Body struct {
		Frozen ID       `json:"frozen"`
		Action string   `json:"action" enum:"tag,untag,group,ungroup,claim"`
		Tags   []string `json:"tags,omitempty" maxItems:"50"`
		Group  ID       `json:"group,omitempty"`
	}
}

type revokeManyInput struct {
	Body struct {
		Frozen ID     `json:"frozen"`
		Reason string `json:"reason" maxLength:"300"`
	}
}

type itemsInput struct {
	ID    string `path:"id" maxLength:"32"`
	State string `query:"state" enum:"waiting,done,refused"`
	After string `query:"after" maxLength:"200"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" doc:"100 if left out."`
}

// RunSlips are the next claim slips of a run.
type RunSlips struct {
	Run   Run       `json:"run"`
	Slips []RunSlip `json:"slips"`
}

// RunSlip is a pump's claim slip.
type RunSlip struct {
	Pump   ID     `json:"pump"`
	Serial string `json:"serial"`
	Label  string `json:"label"`
	Slip
}

type slipsInput struct {
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		Limit int `json:"limit,omitempty" minimum:"1" maximum:"50" doc:"50 if left out."`
	}
}

func (a *API) bulk() {
	handle(a, op{
		id: "freeze-pumps", method: http.MethodPost, path: "/pumps/frozen", tag: "bulk", summary: "Keep what a filter means now, to work on it", status: http.StatusCreated,
		describe: "The pumps are kept by number: what comes under the filter later is not worked on, and what leaves it is.", repeatable: true,
		problems: []int{http.StatusNotFound},
	}, func(ctx context.Context, c Caller, in *freezeInput) (*struct{ Body FrozenList }, error) {
		f, err := parseQ(in.Body.Q)
		if err != nil {
			return nil, err
		}
		find := a.Overview.Board().Select
		if !c.readsPumps() {
			find = a.Overview.Board().SelectBlind
		}
		meant, err := find(c.Scope(), f)
		if err != nil {
			return nil, err
		}
		list := lists.Frozen{Filter: f.String(), Epoch: meant.Epoch, Rev: meant.Rev}
		if in.Body.Pumps != nil {
			list.Picked, meant.Pumps = true, nil
			for _, p := range in.Body.Pumps {
				n, err := parseID(string(p), "pump")
				if err != nil {
					return nil, err
				}
				meant.Pumps = append(meant.Pumps, n)
			}
		}
		list, err = a.Lists.Freeze(ctx, c.Actor, list, meant.Pumps)
		return &struct{ Body FrozenList }{FrozenList{
			ID: id(list.ID), Filter: list.Filter, Picked: list.Picked, Count: list.Count, Epoch: list.Epoch, Rev: list.Rev, CreatedAt: Time(list.CreatedAt), ExpiresAt: Time(list.ExpiresAt),
		}}, err
	})
	handle(a, op{
		id: "begin-run", method: http.MethodPost, path: "/runs", tag: "bulk", summary: "Work on all pumps of a frozen list", status: http.StatusCreated,
		describe: "The server goes on with it by itself, also after a restart, and each pump is worked on once. Claim slips are made as they are asked for (POST /runs/{id}/slips).",
		problems: []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *beginInput) (*runOutput, error) {
		if c.Key != nil && in.Body.Action == string(lists.ActClaim) {
			return nil, errs.Deniedf("No API token does this: it takes a person who is signed in.")
		}
		w := lists.Work{Action: lists.Action(in.Body.Action), Tags: in.Body.Tags}
		if in.Body.Group != "" {
			var err error
			if w.Group, err = parseID(string(in.Body.Group), "group"); err != nil {
				return nil, err
			}
		}
		return a.begin(ctx, c, in.Body.Frozen, w)
	})
	handle(a, op{
		id: "revoke-pumps", method: http.MethodPost, path: "/runs/revoke", tag: "bulk", summary: "Withdraw trust from the links of all pumps of a frozen list", status: http.StatusCreated,
		describe: "As POST /pumps/{id}/revoke for each: the connection is cut and the certificates are revoked; the pumps go on infusing, unwatched.",
		problems: []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *revokeManyInput) (*runOutput, error) {
		return a.begin(ctx, c, in.Body.Frozen, lists.Work{Action: lists.ActRevoke, Reason: in.Body.Reason})
	})
	handle(a, op{
		id: "list-runs", method: http.MethodGet, path: "/runs", tag: "bulk", summary: "One's newest work on many pumps",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*struct{ Body []Run }, error) {
		all, err := a.Lists.Runs(ctx, c.Actor, 50)
		out := &struct{ Body []Run }{Body: make([]Run, len(all))}
		for i, r := range all {
			out.Body[i] = runOfLists(r)
		}
		return out, err
	})
	onRun := func(do func(context.Context, Caller, int64) (lists.Run, error)) func(context.Context, Caller, *pumpInput) (*runOutput, error) {
		return func(ctx context.Context, c Caller, in *pumpInput) (*runOutput, error) {
			n, err := parseID(in.ID, "run")
			if err != nil {
				return nil, err
			}
			r, err := do(ctx, c, n)
			return &runOutput{runOfLists(r)}, err
		}
	}
	handle(a, op{
		id: "get-run", method: http.MethodGet, path: "/runs/{id}", tag: "bulk", summary: "How far work on many pumps is",
	}, onRun(func(ctx context.Context, c Caller, n int64) (lists.Run, error) {
		return a.Lists.Progress(ctx, c.Actor, n)
	}))
	handle(a, op{
		id: "stop-run", method: http.MethodPost, path: "/runs/{id}/stop", tag: "bulk", summary: "Stop work on many pumps", describe: "What is done stays done.", repeatable: true,
	}, onRun(func(ctx context.Context, c Caller, n int64) (lists.Run, error) { return a.Lists.Stop(ctx, c.Actor, n) }))
	handle(a, op{
		id: "run-items", method: http.MethodGet, path: "/runs/{id}/items", tag: "bulk", summary: "What became of each pump",
	}, a.runItems)
	handle(a, op{
		id: "run-slips", method: http.MethodPost, path: "/runs/{id}/slips", tag: "bulk", summary: "The next claim slips of a run", repeatable: true,
		describe: "Makes them now, and shows them only now.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *slipsInput) (*struct{ Body RunSlips }, error) {
		n, err := parseID(in.ID, "run")
		if err != nil {
			return nil, err
		}
		if in.Body.Limit == 0 {
			in.Body.Limit = lists.Slips
		}
		r, made, err := a.Lists.Advance(ctx, c.Actor, n, in.Body.Limit)
		if err != nil {
			return nil, err
		}
		return a.runSlips(ctx, r, made)
	})
}

func (a *API) begin(ctx context.Context, c Caller, frozen ID, w lists.Work) (*runOutput, error) {
	n, err := parseID(string(frozen), "frozen list")
	if err != nil {
		return nil, err
	}
	r, err := a.Lists.Begin(ctx, c.Actor, n, w)
	return &runOutput{runOfLists(r)}, err
}

func (a *API) runItems(ctx context.Context, c Caller, in *itemsInput) (*struct{ Body RunItems }, error) {
	n, err := parseID(in.ID, "run")
	if err != nil {
		return nil, err
	}
	if in.Limit == 0 {
		in.Limit = defaultPage
	}
	var after int64
	if _, err := readCursor("after", in.After, &after, "run", n, in.State); err != nil {
		return nil, err
	}
	items, err := a.Lists.Items(ctx, c.Actor, n, in.State, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := RunItems{Items: []RunItem{}}
	if len(items) > in.Limit {
		items = items[:in.Limit]
		next, err := writeCursor(items[in.Limit-1].Pump, "run", n, in.State)
		if err != nil {
			return nil, err
		}
		out.Next = some(next)
	}
	for _, i := range items {
		p, _ := a.Registry.Directory().ByID(i.Pump)
		out.Items = append(out.Items, RunItem{Pump: id(i.Pump), Serial: p.Serial, State: i.State, Detail: i.Detail, At: maybeTime(i.At)})
	}
	return &struct{ Body RunItems }{out}, nil
}

func (a *API) runSlips(ctx context.Context, r lists.Run, made []registry.Claim) (*struct{ Body RunSlips }, error) {
	out := RunSlips{Run: runOfLists(r), Slips: []RunSlip{}}
	for _, c := range made {
		s, err := a.slip(ctx, c)
		if err != nil {
			return nil, err
		}
		p, _ := a.Registry.Directory().ByID(c.Pump)
		out.Slips = append(out.Slips, RunSlip{Pump: id(c.Pump), Serial: p.Serial, Label: p.Label, Slip: s.Body})
	}
	return &struct{ Body RunSlips }{out}, nil
}
