package api

import (
	"context"
	"net/http"

	"cisterna/fleet/maintenance"
	"cisterna/fleet/registry"
)

// Work is something done, or to be done, to a device.
type Work struct {
	ID        ID            `json:"id"`
	Site      ID            `json:"site"`
	Pump      Maybe[ID]     `json:"pump"`
	Link      Maybe[string] `json:"communicator"`
	Kind      string        `json:"kind" enum:"note,inspection,repair,battery,alarm_test,cleaning,software,safety_check"`
	Text      string        `json:"text"`
	DueOn     string        `json:"due_on" doc:"Empty unless it was planned."`
	State     string        `json:"state" enum:"planned,done,dropped"`
	DoneOn    string        `json:"done_on"`
	Result    string        `json:"result"`
	CreatedAt Time          `json:"created_at"`
	CreatedBy string        `json:"created_by"`
	EndedAt   MaybeTime     `json:"ended_at"`
	EndedBy   Maybe[string] `json:"ended_by"`
}

func workOf(w maintenance.Work) Work {
	return Work{
		ID: id(w.ID), Site: id(w.Site), Pump: maybeID(w.Pump), Link: notZero(w.Link), Kind: string(w.Kind), Text: w.Text, DueOn: string(w.DueOn), State: string(w.State),
		DoneOn: string(w.DoneOn), Result: w.Result, CreatedAt: Time(w.CreatedAt), CreatedBy: w.CreatedName, EndedAt: maybeTime(w.EndedAt), EndedBy: notZero(w.EndedName),
	}
}

// NewWork is an entry as it is typed.
type NewWork struct {
	Kind   string `json:"kind" enum:"note,inspection,repair,battery,alarm_test,cleaning,software,safety_check"`
	Text   string `json:"text" maxLength:"2000"`
	DueOn  string `json:"due_on,omitempty" maxLength:"10" doc:"With a day it is planned; without, it is done."`
	DoneOn string `json:"done_on,omitempty" maxLength:"10" doc:"Today if left out."`
}

func (w NewWork) new() maintenance.New {
	return maintenance.New{Kind: maintenance.Kind(w.Kind), Text: w.Text, DueOn: registry.Date(w.DueOn), DoneOn: registry.Date(w.DoneOn)}
}

type workOutput struct{ Body Work }

type worksOutput struct{ Body []Work }

func (a *API) maintenance() {
	handle(a, op{
		id: "list-pump-work", method: http.MethodGet, path: "/pumps/{id}/work", tag: "maintenance", summary: "What was done, or has to be done, to a pump",
	}, func(ctx context.Context, c Caller, in *pumpInput) (*worksOutput, error) {
		pump, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		list, err := a.Maintenance.OfPump(ctx, c.Scope(), pump)
		return &worksOutput{mapped(list, workOf)}, err
	})
	handle(a, op{
		id: "add-pump-work", method: http.MethodPost, path: "/pumps/{id}/work", tag: "maintenance", summary: "Write work on a pump down, or plan it", status: http.StatusCreated,
	}, func(ctx context.Context, c Caller, in *struct {
		ID   string `path:"id" maxLength:"32"`
		Body NewWork
	},
	) (*workOutput, error) {
		pump, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		n := in.Body.new()
		n.Pump = pump
		w, err := a.Maintenance.Add(ctx, c.Actor, n)
		return &workOutput{workOf(w)}, err
	})
	handle(a, op{
		id: "add-communicator-work", method: http.MethodPost, path: "/communicators/{serial}/work", tag: "maintenance", summary: "Write work on a communicator down, or plan it", status: http.StatusCreated,
	}, func(ctx context.Context, c Caller, in *struct {
		Serial string `path:"serial" maxLength:"64"`
		Body   NewWork
	},
	) (*workOutput, error) {
		n := in.Body.new()
		n.Link = in.Serial
		w, err := a.Maintenance.Add(ctx, c.Actor, n)
		return &workOutput{workOf(w)}, err
	})
	handle(a, op{
		id: "end-work", method: http.MethodPost, path: "/work/{id}/end", tag: "maintenance", summary: "Say that planned work was done, or is dropped", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *struct {
		ID   string `path:"id" maxLength:"32"`
		Body struct {
			State  string `json:"state" enum:"done,dropped"`
			DoneOn string `json:"done_on,omitempty" maxLength:"10" doc:"Today if left out."`
			Result string `json:"result" maxLength:"2000" doc:"What was found or done, or why it is dropped."`
		}
	},
	) (*workOutput, error) {
		n, err := parseID(in.ID, "piece of work")
		if err != nil {
			return nil, err
		}
		w, err := a.Maintenance.End(ctx, c.Actor, n, maintenance.State(in.Body.State), registry.Date(in.Body.DoneOn), in.Body.Result)
		return &workOutput{workOf(w)}, err
	})
	handle(a, op{
		id: "due-work", method: http.MethodGet, path: "/work", tag: "maintenance", summary: "Work that is planned at one's sites, by the day on which it is due",
	}, func(ctx context.Context, c Caller, in *struct {
		Until string `query:"until" maxLength:"10" doc:"Up to that day; a year ahead if left out."`
	},
	) (*worksOutput, error) {
		until := registry.Date(in.Until)
		if until == "" {
			until = registry.DateOf(a.Now().UTC().AddDate(1, 0, 0))
		}
		list, err := a.Maintenance.Due(ctx, c.Scope(), until)
		return &worksOutput{mapped(list, workOf)}, err
	})
}
