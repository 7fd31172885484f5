package api

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"cisterna/fleet/events"
	"cisterna/fleet/overview"
	"cisterna/internal/errs"
)

// Event is something that happened.
type Event struct {
	Cursor string            `json:"cursor" doc:"The place behind this event; hand it in as after."`
	Name   string            `json:"name" doc:"One of GET /events/names."`
	Title  string            `json:"title" doc:"The same for people."`
	At     Time              `json:"at" doc:"When it happened, by the server's clock."`
	Site   Maybe[ID]         `json:"site" doc:"null: it concerns no site."`
	Pump   Maybe[ID]         `json:"pump"`
	Serial Maybe[string]     `json:"pump_serial"`
	Actor  string            `json:"actor" doc:"As in the record: person:7 anna, device:C-1, system:presence."`
	Object Maybe[string]     `json:"object" doc:"What it is about: alarm:12."`
	Device Maybe[string]     `json:"device" doc:"The link that it came over."`
	Reason Maybe[string]     `json:"reason"`
	Detail map[string]string `json:"detail" doc:"What else there is to know; the members depend on the name."`
	Entry  Maybe[int64]      `json:"entry" doc:"Its place in the record; null if it is not told from there."`
}

// EventName says what events of a name are.
type EventName struct {
	Name  string   `json:"name"`
	Title string   `json:"title"`
	Means string   `json:"means"`
	Keeps []string `json:"detail" doc:"Members of its detail."`
}

type eventsInput struct {
	Tail  int    `query:"tail" minimum:"0" maximum:"1000" doc:"The newest so many; 50 if neither tail nor after is given."`
	After string `query:"after" maxLength:"64" doc:"A cursor: what happened behind it."`
	Names string `query:"names" maxLength:"2000" doc:"Separated by commas; one that ends in a dot stands for all that begin so: alarm.,pump.register."`
	Pump  string `query:"pump" maxLength:"32"`
	Site  string `query:"site" maxLength:"32"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"With after."`
	Wait  int    `query:"wait" minimum:"0" maximum:"25" doc:"Seconds to wait, with after, while there is nothing."`
}

type eventsOutput struct {
	Body struct {
		Items []Event `json:"items" doc:"Oldest first."`
		Next  string  `json:"next" doc:"Hand it in as after. It is there even if there are no items, and moves on past events that are not for the caller."`
		More  bool    `json:"more" doc:"There are more right now."`
	}
}

type eventNamesOutput struct {
	Body struct {
		Items []EventName `json:"items"`
	}
}

// waiters bounds how many requests of one person wait for events at once.
type waiters struct {
	mu sync.Mutex
	n  map[int64]int
}

const maxWaiters = 8

// enter takes a place for a person; the returned function gives it back. It
// returns nil if there is none.
func (w *waiters) enter(person int64) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n[person] >= maxWaiters {
		return nil
	}
	if w.n == nil {
		w.n = map[int64]int{}
	}
	w.n[person]++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.n[person]--; w.n[person] == 0 {
			delete(w.n, person)
		}
	}
}

func (a *API) events() {
	var waiting waiters
	handle(a, op{
		id: "list-events", method: http.MethodGet, path: "/events", tag: "events", summary: "What happens in the fleet, in one sequence",
		describe: "Events of one's sites; those that concern no site are for people who are auditors or administrators of every site. " +
			"Go on from next: nothing is skipped and nothing comes twice, also over a restart of the server or of the client. " +
			"Events are kept for 90 days; a cursor whose events are gone, or that is of another database, is answered with 410: " +
			"read the state afresh, then go on from tail. The names are those of GET /events/names.",
		problems: []int{http.StatusGone, http.StatusTooManyRequests},
	}, func(ctx context.Context, c Caller, in *eventsInput) (*eventsOutput, error) {
		f, err := a.eventsOf(ctx, c, in)
		if err != nil {
			return nil, err
		}
		after, err := events.ParseCursor(in.After)
		if err != nil {
			return nil, err
		}
		if in.Wait > 0 && !after.IsZero() {
			leave := waiting.enter(c.ID)
			if leave == nil {
				return nil, errs.New(errs.Throttled, "You are waiting for events in %d places already. End one of them.", maxWaiters)
			}
			defer leave()
		}
		page, err := a.follow(ctx, f, events.Query{After: after, Tail: in.Tail, Limit: in.Limit}, time.Duration(in.Wait)*time.Second)
		if err != nil {
			return nil, err
		}
		out := &eventsOutput{}
		out.Body.Items, out.Body.Next, out.Body.More = make([]Event, len(page.Events)), page.Next.String(), page.More
		if err := a.nameSigners(ctx, page.Events); err != nil {
			return nil, err
		}
		for i, e := range page.Events {
			out.Body.Items[i] = a.eventOf(e, page.Next.Behind(e))
		}
		return out, nil
	})
	handle(a, op{
		id: "event-names", method: http.MethodGet, path: "/events/names", tag: "events", summary: "Every event that there can be",
	}, func(context.Context, Caller, *struct{}) (*eventNamesOutput, error) {
		out := &eventNamesOutput{}
		for _, e := range events.Catalogue() {
			out.Body.Items = append(out.Body.Items, EventName{Name: e.Name, Title: e.Title, Means: e.Means, Keeps: append([]string{}, e.Keep...)})
		}
		return out, nil
	})
}

// eventsOf returns which events the caller asks for, and may see.
func (a *API) eventsOf(ctx context.Context, c Caller, in *eventsInput) (f events.Filter, err error) {
	record, err := a.recordOf(ctx, c)
	if err != nil {
		return f, err
	}
	f.Scope, f.NoSite = c.Scope(), record.AllSites
	if in.Names != "" {
		f.Names = strings.Split(in.Names, ",")
	}
	if f.Pump, err = parseFilterID("pump", in.Pump); err != nil {
		return f, err
	}
	if f.Pump, err = c.onlyPump(f.Pump); err != nil {
		return f, err
	}
	f.Site, err = parseFilterID("site", in.Site)
	return f, err
}

// follow reads a page; while it is empty it waits, for a time. Sites that somebody
// loses meanwhile count from their next request on.
func (a *API) follow(ctx context.Context, f events.Filter, q events.Query, patience time.Duration) (events.Page, error) {
	end, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		page, err := a.Events.List(ctx, f, q)
		if err != nil || len(page.Events) > 0 || q.After.IsZero() || end.Err() != nil {
			return page, err
		}
		q.After = page.Next
		a.Events.Wait(end, q.After)
	}
}

// nameSigners puts the printed name beside the meaning of signatures whose entries
// were written before they had it.
func (a *API) nameSigners(ctx context.Context, all []events.Event) error {
	var unnamed []overview.Signature
	var of []map[string]string
	for _, e := range all {
		if e.Detail["meaning"] != "" && e.Detail["signer"] == "" {
			unnamed, of = append(unnamed, overview.Signature{Object: e.Object, Actor: e.Actor, At: e.At}), append(of, e.Detail)
		}
	}
	names, err := a.Overview.Signers(ctx, unnamed)
	for i, n := range names {
		if n != "" {
			of[i]["signer"] = n
		}
	}
	return err
}

func (a *API) eventOf(e events.Event, cursor events.Cursor) Event {
	about, _ := events.Lookup(e.Name)
	out := Event{
		Cursor: cursor.String(), Name: e.Name, Title: about.Title, At: Time(e.At), Site: maybeID(e.Site), Pump: maybeID(e.Pump), Actor: e.Actor,
		Object: notZero(e.Object), Device: notZero(e.Device), Reason: notZero(e.Reason), Detail: e.Detail,
	}
	if ref, ok := a.Registry.Directory().ByID(e.Pump); ok {
		out.Serial = notZero(ref.Serial)
	}
	if e.Entry >= 0 {
		out.Entry = some(e.Entry)
	}
	return out
}
