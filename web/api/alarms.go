package api

import (
	"context"
	"net/http"

	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/overview"
)

// AlarmRow is an alarm as lists show it, and as the live feed sends it.
type AlarmRow struct {
	ID     ID     `json:"id"`
	Pump   ID     `json:"pump"`
	Site   ID     `json:"site"`
	Serial string `json:"pump_serial"`
	Label  string `json:"pump_label"`

	Patient Maybe[string] `json:"patient" doc:"Reference of the patient whom the pump is in. null: in none, or the alarm was over before; to an API token also if it lacks pumps.read."`

	Code      string    `json:"code"`
	Title     string    `json:"title"`
	Priority  string    `json:"priority" enum:"high,medium,low,info"`
	Source    string    `json:"source" enum:"pump,server"`
	Instance  string    `json:"instance" doc:"Tells several conditions of one code apart; usually empty."`
	State     string    `json:"state" enum:"active,acknowledged,cleared"`
	Latched   bool      `json:"latched" doc:"It stays on the pump until it is cleared there."`
	Delivery  string    `json:"delivery" enum:"unaffected,continues,minimum,stopped,refused,unknown" doc:"What usually becomes of the infusion."`
	Count     int64     `json:"count" doc:"How often it was raised."`
	Rev       int64     `json:"rev" doc:"Rises with every change of the alarm."`
	RaisedAt  Time      `json:"raised_at" doc:"By the server's clock."`
	LastAt    Time      `json:"last_at" doc:"Of the newest raise."`
	DueAt     Time      `json:"due_at" doc:"Somebody should have looked by then."`
	Advice    string    `json:"advice"`
	Effect    string    `json:"effect"`
	ClearedAt MaybeTime `json:"cleared_at"`

	DeviceAt   MaybeTime         `json:"device_at" doc:"By the pump's clock."`
	ReceivedAt MaybeTime         `json:"received_at"`
	AckBy      Maybe[string]     `json:"ack_by"`
	AckAt      MaybeTime         `json:"ack_at"`
	AckNote    Maybe[string]     `json:"ack_note"`
	Detail     map[string]string `json:"detail"`
}

// alarmRow returns an alarm as a caller may see it. Whom a pump is in is read with the
// pump: a program that may read alarms alone does not learn it from them.
func (c Caller) alarmRow(a overview.AlarmRow) AlarmRow {
	if !c.readsPumps() {
		a.Patient = ""
	}
	return AlarmRowOf(a)
}

// AlarmRowOf returns an alarm as the API shows it to people.
func AlarmRowOf(a overview.AlarmRow) AlarmRow {
	e := a.Entry()
	row := AlarmRow{
		ID: id(a.ID), Pump: id(a.Pump), Site: id(a.Site), Serial: a.Serial, Label: a.Label, Patient: notZero(a.Patient), Code: a.Code, Title: e.Title, Priority: a.Priority.String(),
		Source: string(a.Source), Instance: a.Instance, State: string(a.State), Latched: a.Latched, Delivery: string(e.Delivery), Count: a.Count, Rev: a.Rev,
		RaisedAt: Time(a.RaisedAt), LastAt: Time(a.LastAt), DueAt: Time(a.DueAt()), Advice: e.Advice, Effect: e.Effect, ClearedAt: maybeTime(a.ClearedAt),
		DeviceAt: maybeTime(a.DeviceAt), AckBy: notZero(a.AckName), AckAt: maybeTime(a.AckAt), AckNote: notZero(a.AckNote), Detail: a.Detail,
	}
	if a.Source == alarm.SourcePump {
		row.ReceivedAt = maybeTime(a.RaisedAt)
	}
	if row.AckBy.V == nil {
		row.AckBy = notZero(a.AckBy)
	}
	if row.Detail == nil {
		row.Detail = map[string]string{}
	}
	return row
}

// ChangeOf names a change of an alarm as the live feed does.
func ChangeOf(c alarm.Change) string {
	switch c {
	case alarm.ChangeRaised:
		return "raised"
	case alarm.ChangeCleared, alarm.ChangeClosed:
		return "cleared"
	case alarm.ChangeAcknowledged:
		return "acknowledged"
	default: // repeated, late
		return "updated"
	}
}

type alarmsInput struct {
	State  string `query:"state" enum:"active,cleared,all" default:"active" doc:"active are all that are not cleared."`
	Site   string `query:"site" maxLength:"32"`
	Pump   string `query:"pump" maxLength:"32"`
	Least  string `query:"least" enum:"info,low,medium,high" default:"info" doc:"Of this priority and above."`
	Most   string `query:"most" enum:"info,low,medium,high" default:"high" doc:"Of this priority and below."`
	Before string `query:"before" maxLength:"48" doc:"The next of the page before. Alarms that change between two pages of active may be on none of them: the live feed has them."`
	Limit  int    `query:"limit" minimum:"1" maximum:"5000" default:"500"`
}

var priorities = map[string]wire.Priority{"info": wire.PriorityInfo, "low": wire.PriorityLow, "medium": wire.PriorityMedium, "high": wire.PriorityHigh}

// from has a list begin where the page before ended.
func (in *alarmsInput) from(f *alarm.Filter) (err error) {
	if f.State == alarm.FilterOpen && in.Before != "" {
		f.After, err = alarm.ParsePlace(in.Before)
		return err
	}
	f.Before, err = parseFilterID("before", in.Before)
	return err
}

type alarmsOutput struct {
	Body struct {
		CheckedAt Time          `json:"checked_at" doc:"The list was complete then."`
		Items     []AlarmRow    `json:"items" doc:"Active: most urgent first. Others: newest first."`
		Next      Maybe[string] `json:"next" doc:"Hand it in as before; null at the end."`
	}
}

type ackInput struct {
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		Note string `json:"note,omitempty" maxLength:"1000" doc:"An alarm of high priority needs one."`
	}
}

type alarmOutput struct{ Body AlarmRow }

// AlarmDetail is an alarm with all that happened to it.
type AlarmDetail struct {
	AlarmRow
	Detect  string        `json:"detect" doc:"How the condition is found."`
	History []AlarmChange `json:"history" doc:"In the order of arrival."`
}

// AlarmChange is something that happened to an alarm.
type AlarmChange struct {
	ID       ID            `json:"id"`
	Change   string        `json:"change" enum:"raised,repeated,cleared,acknowledged,late,closed,noted"`
	At       Time          `json:"at"`
	DeviceAt MaybeTime     `json:"device_at"`
	Actor    string        `json:"actor"`
	Note     Maybe[string] `json:"note"`
	Priority string        `json:"priority" enum:"high,medium,low,info"`
	Count    int64         `json:"count"`
}

func alarmChange(h alarm.Happened) AlarmChange {
	return AlarmChange{
		ID: id(h.ID), Change: string(h.Change), At: Time(h.At), DeviceAt: maybeTime(h.DeviceAt), Actor: h.Actor, Note: notZero(h.Note), Priority: h.NewPriority.String(), Count: h.Count,
	}
}

func (a *API) alarms() {
	handle(a, op{
		id: "list-alarms", method: http.MethodGet, path: "/alarms", tag: "alarms", summary: "Alarms of one's sites",
	}, func(ctx context.Context, c Caller, in *alarmsInput) (*alarmsOutput, error) {
		f := alarm.Filter{State: alarm.FilterState(in.State), Limit: in.Limit, Least: priorities[in.Least], Most: priorities[in.Most]}
		var err error
		if f.Site, err = parseFilterID("site", in.Site); err != nil {
			return nil, err
		}
		if f.Pump, err = parseFilterID("pump", in.Pump); err != nil {
			return nil, err
		}
		if err = in.from(&f); err != nil {
			return nil, err
		}
		if f.Pump, err = c.onlyPump(f.Pump); err != nil {
			return nil, err
		}
		out := &alarmsOutput{}
		out.Body.CheckedAt = Time(a.Now()) // before reading: what is raised now is in the list or comes by the feed
		list, err := a.Overview.Alarms(ctx, c.Scope(), f)
		if err != nil {
			return nil, err
		}
		out.Body.Items = make([]AlarmRow, len(list))
		for i, r := range list {
			out.Body.Items[i] = c.alarmRow(r)
		}
		if len(list) == in.Limit {
			last := list[len(list)-1]
			out.Body.Next = some(string(id(last.ID)))
			if f.State == alarm.FilterOpen {
				out.Body.Next = some(last.Place().String())
			}
		}
		return out, nil
	})
	handle(a, op{
		id: "get-alarm", method: http.MethodGet, path: "/alarms/{id}", tag: "alarms", summary: "An alarm with all that happened to it",
	}, func(ctx context.Context, c Caller, in *pumpInput) (*struct{ Body AlarmDetail }, error) {
		n, err := parseID(in.ID, "alarm")
		if err != nil {
			return nil, err
		}
		al, err := a.Alarms.Get(ctx, c.Scope(), n)
		if err != nil {
			return nil, err
		}
		history, err := a.Alarms.History(ctx, c.Scope(), n)
		return &struct{ Body AlarmDetail }{AlarmDetail{c.alarmRow(a.Overview.AlarmRow(al)), al.Entry().Detect, mapped(history, alarmChange)}}, err
	})
	handle(a, op{
		id: "note-alarm", method: http.MethodPost, path: "/alarms/{id}/note", tag: "alarms", summary: "Write something down about an alarm",
		describe: "It says nothing about who looks after the alarm; acknowledging does.",
	}, func(ctx context.Context, c Caller, in *struct {
		ID   string `path:"id" maxLength:"32"`
		Body struct {
			Note string `json:"note" maxLength:"1000"`
		}
	},
	) (*alarmOutput, error) {
		n, err := parseID(in.ID, "alarm")
		if err != nil {
			return nil, err
		}
		al, err := a.Alarms.Note(ctx, c.Actor, n, in.Body.Note)
		if err != nil {
			return nil, err
		}
		return &alarmOutput{Body: c.alarmRow(a.Overview.AlarmRow(al))}, nil
	})
	handle(a, op{
		id: "acknowledge-alarm", method: http.MethodPost, path: "/alarms/{id}/acknowledge", tag: "alarms", summary: "Say that one knows of an alarm",
		describe: "It does not clear the alarm and does not silence the pump. The first to acknowledge stays on the alarm.",
	}, func(ctx context.Context, c Caller, in *ackInput) (*alarmOutput, error) {
		n, err := parseID(in.ID, "alarm")
		if err != nil {
			return nil, err
		}
		al, err := a.Alarms.Acknowledge(ctx, c.Actor, n, in.Body.Note)
		if err != nil {
			return nil, err
		}
		return &alarmOutput{Body: c.alarmRow(a.Overview.AlarmRow(al))}, nil
	})
}
