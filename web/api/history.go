package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"cisterna/device/wire"
	"cisterna/fleet/events"
	"cisterna/fleet/overview"
	"cisterna/fleet/telemetry"
	"cisterna/internal/errs"
)

// Series is a pump's samples as columns of equal length, rising in time. Each
// entry is one sample, or one bucket: then a column holds the bucket's last
// value, and beside it stand its smallest and largest.
type Series struct {
	Resolution string  `json:"resolution" enum:"raw,minute,hour"`
	From       Time    `json:"from"`
	To         Time    `json:"to"`
	WidthS     int64   `json:"width_s" doc:"Of a bucket; 0 if entries are single samples."`
	Columns    Columns `json:"columns"`
	Gaps       []Span  `json:"gaps" doc:"Spans without data. Nothing may be drawn across them."`
}

// Columns holds the values. The smallest and largest are left out where entries
// are single samples.
type Columns struct {
	At  []int64         `json:"at" doc:"Milliseconds since 1970, of the pump's clock: of the sample, or of the bucket's start."`
	N   []int64         `json:"n" doc:"Samples behind each entry."`
	Run []Maybe[string] `json:"run"`

	Reservoir    []Digits `json:"reservoir_nl"`
	ReservoirMin []Digits `json:"reservoir_nl_min,omitempty"`
	ReservoirMax []Digits `json:"reservoir_nl_max,omitempty"`
	Rate         []Digits `json:"rate_nl_day"`
	RateMin      []Digits `json:"rate_nl_day_min,omitempty"`
	RateMax      []Digits `json:"rate_nl_day_max,omitempty"`
	Delivered    []Digits `json:"delivered_nl"`
	DeliveredMin []Digits `json:"delivered_nl_min,omitempty"`
	DeliveredMax []Digits `json:"delivered_nl_max,omitempty"`

	Sensed    []Maybe[Digits] `json:"sensed_nl" doc:"By the fill sensor; null where there is none."`
	SensedMin []Maybe[Digits] `json:"sensed_nl_min,omitempty"`
	SensedMax []Maybe[Digits] `json:"sensed_nl_max,omitempty"`

	Battery        []int64 `json:"battery_mv"`
	BatteryMin     []int64 `json:"battery_mv_min,omitempty"`
	BatteryMax     []int64 `json:"battery_mv_max,omitempty"`
	Temperature    []int64 `json:"temperature_mc"`
	TemperatureMin []int64 `json:"temperature_mc_min,omitempty"`
	TemperatureMax []int64 `json:"temperature_mc_max,omitempty"`
	Pressure       []int64 `json:"pressure_pa"`
	PressureMin    []int64 `json:"pressure_pa_min,omitempty"`
	PressureMax    []int64 `json:"pressure_pa_max,omitempty"`
}

// Span is a span of time without data.
type Span struct {
	From Time `json:"from"`
	To   Time `json:"to"`
	Lost bool `json:"lost" doc:"The pump declared the records lost; else it was only silent."`
}

type seriesInput struct {
	ID     string    `path:"id" maxLength:"32"`
	From   time.Time `query:"from" required:"true" doc:"By the pump's clock."`
	To     time.Time `query:"to" required:"true"`
	Points int       `query:"points" minimum:"2" maximum:"5000" default:"600" doc:"At most so many entries."`
}

type seriesOutput struct{ Body Series }

// Item is one entry of a pump's timeline.
type Item struct {
	ID         string        `json:"id"`
	Kind       string        `json:"kind" enum:"event,alarm,presence,audit,refusal,gap" doc:"Where it comes from."`
	Group      string        `json:"group" enum:"orders,boluses,alarms,refills,device,link,people" doc:"What it is about."`
	By         string        `json:"by" enum:"person,pump,system" doc:"Whose doing it is; a program with a person's token is that person."`
	Code       string        `json:"code"`
	Title      string        `json:"title"`
	Detail     Maybe[string] `json:"detail"`
	At         Time          `json:"at"`
	DeviceAt   MaybeTime     `json:"device_at" doc:"By the pump's clock."`
	ReceivedAt MaybeTime     `json:"received_at"`
	Priority   Maybe[string] `json:"priority"`
	Actor      Maybe[string] `json:"actor"`
	Meaning    Maybe[string] `json:"meaning" doc:"What the actor said by signing it: prescribe, verify, pharmacist, policy, release, stop, withdraw. null: it tells of no signature on an order, or its detail was erased."`
	Signer     Maybe[string] `json:"signer" doc:"The printed name of the actor at that signature. null: it tells of no signature on an order, or its detail was erased."`

	Firmware []FirmwareChange `json:"firmware,omitempty" doc:"What the pump reports another version of from then on."`
}

// FirmwareChange is another version than a part of a pump had reported before.
type FirmwareChange struct {
	Part string `json:"part" enum:"pump,communicator"`
	Was  string `json:"was"`
	Is   string `json:"is"`
}

// Refusal is a message, or one record of one, that was not accepted.
type Refusal struct {
	ID       string        `json:"id"`
	At       Time          `json:"at"`
	Kind     string        `json:"kind" doc:"Of the message, such as up/tele."`
	Code     string        `json:"code"`
	Detail   Maybe[string] `json:"detail"`
	Count    int64         `json:"count" doc:"Messages that it stands for."`
	Link     string        `json:"link"`
	DeviceAt MaybeTime     `json:"device_at"`
}

type timelineInput struct {
	ID     string    `path:"id" maxLength:"32"`
	Before string    `query:"before" maxLength:"200" doc:"The next of the page before."`
	Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Kinds  string    `query:"kinds" maxLength:"100" doc:"Where it comes from. Separated by commas; none means all."`
	Groups string    `query:"groups" maxLength:"100" doc:"What it is about: orders, boluses, alarms, refills, device, link, people. Separated by commas; none means all."`
	By     string    `query:"by" maxLength:"100" doc:"Whose doing it is: person, pump, system. Separated by commas; none means all."`
	Until  time.Time `query:"until" doc:"Begins with what happened before that moment. Only for the first page."`
}

type refusalsInput struct {
	ID     string `path:"id" maxLength:"32"`
	Before string `query:"before" maxLength:"200" doc:"The next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T           `json:"items"`
	Next  Maybe[string] `json:"next" doc:"Hand it in as before; null at the end."`
}

type pageOutput[T any] struct{ Body Page[T] }

func (a *API) history() {
	handle(a, op{
		id: "telemetry", method: http.MethodGet, path: "/pumps/{id}/telemetry", tag: "pumps", summary: "What a pump measured",
		describe: "Short spans come as single samples, longer ones from the rollups by minute and hour.",
	}, func(ctx context.Context, c Caller, in *seriesInput) (*seriesOutput, error) {
		pump, err := a.visible(ctx, c, in.ID)
		if err != nil {
			return nil, err
		}
		for name, at := range map[string]time.Time{"from": in.From, "to": in.To} {
			if y := at.UTC().Year(); y < 2000 || y > 2199 { // what no chart shows, and beyond which Unix nanoseconds end
				return nil, errs.InvalidField("query."+name, "%s is not between 2000 and 2199.", name)
			}
		}
		s, err := a.Telemetry.Series(ctx, pump, in.From, in.To, in.Points)
		if err != nil {
			return nil, err
		}
		return &seriesOutput{Body: seriesOf(s)}, nil
	})
	handle(a, op{
		id: "timeline", method: http.MethodGet, path: "/pumps/{id}/timeline", tag: "pumps", summary: "What happened to a pump, newest first",
	}, func(ctx context.Context, c Caller, in *timelineInput) (*pageOutput[Item], error) {
		pump, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		only, some, err := onlyOf(in)
		if err != nil {
			return nil, err
		}
		if !some {
			_, err := a.Registry.Pump(ctx, c.Scope(), pump)
			return &pageOutput[Item]{Body: Page[Item]{Items: []Item{}}}, err
		}
		var t overview.Timeline
		switch y := in.Until.UTC().Year(); {
		case in.Until.IsZero() || in.Before != "":
			t, err = a.Overview.Timeline(ctx, c.Scope(), pump, in.Before, in.Limit, only)
		case y < 2000 || y > 2199:
			err = errs.InvalidField("query.until", "until is not between 2000 and 2199.")
		default:
			t, err = a.Overview.TimelineUntil(ctx, c.Scope(), pump, in.Until, in.Limit, only)
		}
		if err != nil {
			return nil, err
		}
		out := &pageOutput[Item]{Body: Page[Item]{Items: make([]Item, len(t.Items)), Next: notZero(t.Next)}}
		for i, it := range t.Items {
			out.Body.Items[i] = itemOf(it)
		}
		return out, nil
	})
	handle(a, op{
		id: "refusals", method: http.MethodGet, path: "/pumps/{id}/refusals", tag: "pumps", summary: "What was refused of a pump's link, newest first",
	}, func(ctx context.Context, c Caller, in *refusalsInput) (*pageOutput[Refusal], error) {
		pump, err := a.visible(ctx, c, in.ID)
		if err != nil {
			return nil, err
		}
		mark, err := readMark(in.Before)
		if err != nil {
			return nil, err
		}
		list, err := a.Telemetry.RefusalsOf(ctx, pump, mark, in.Limit)
		if err != nil {
			return nil, err
		}
		out := &pageOutput[Refusal]{Body: Page[Refusal]{Items: make([]Refusal, len(list))}}
		for i, r := range list {
			out.Body.Items[i] = Refusal{
				ID: fmt.Sprint(r.ID), At: Time(r.ReceivedAt), Kind: r.Kind, Code: r.Code, Detail: notZero(r.Reason), Count: r.N, Link: r.Link, DeviceAt: maybeTime(r.DeviceAt),
			}
		}
		if len(list) == in.Limit {
			out.Body.Next = notZero(writeMark(list[len(list)-1].Mark()))
		}
		return out, nil
	})
}

// visible returns a pump's id if the caller may see the pump.
func (a *API) visible(ctx context.Context, c Caller, text string) (int64, error) {
	pump, err := parseID(text, "pump")
	if err != nil {
		return 0, err
	}
	_, err = a.Registry.Pump(ctx, c.Scope(), pump)
	return pump, err
}

func itemOf(it overview.Item) Item {
	out := Item{
		ID: it.ID, Kind: string(it.Kind), Group: string(aboutItem(it)), By: string(it.By), Code: it.Code, Title: it.Title, Detail: notZero(it.Detail), At: Time(it.At),
		DeviceAt: maybeTime(it.DeviceAt), ReceivedAt: maybeTime(it.ReceivedAt), Actor: notZero(it.Actor), Meaning: notZero(it.Meaning), Signer: notZero(it.Signer),
	}
	for _, c := range it.Firmware {
		out.Firmware = append(out.Firmware, FirmwareChange(c))
	}
	if it.Kind == overview.KindAudit {
		// The same words as everywhere else.
		if e, ok := events.Lookup(it.Code); ok {
			out.Title = e.Title
		}
	}
	if it.Priority != 0 {
		out.Priority = some(it.Priority.String())
	}
	return out
}

func seriesOf(s telemetry.Series) Series {
	out := Series{Resolution: string(s.Resolution), From: Time(s.From), To: Time(s.To), WidthS: int64(s.Width / time.Second), Gaps: make([]Span, len(s.Gaps))}
	c := &out.Columns
	c.At, c.N, c.Run = numbers(s.At), numbers(s.N), make([]Maybe[string], len(s.Run))
	for i, r := range s.Run {
		c.Run[i] = runOf(r)
	}
	c.Reservoir, c.ReservoirMin, c.ReservoirMax = texts(s.ReservoirNL)
	c.Rate, c.RateMin, c.RateMax = texts(s.RateNLDay)
	c.Delivered, c.DeliveredMin, c.DeliveredMax = texts(s.DeliveredNL)
	c.Sensed, c.SensedMin, c.SensedMax = sensed(s.SensedNL.Last), sensed(s.SensedNL.Min), sensed(s.SensedNL.Max)
	if c.Sensed == nil {
		c.Sensed = []Maybe[Digits]{}
	}
	c.Battery, c.BatteryMin, c.BatteryMax = numbers(s.BatteryMV.Last), s.BatteryMV.Min, s.BatteryMV.Max
	c.Temperature, c.TemperatureMin, c.TemperatureMax = numbers(s.TemperatureMC.Last), s.TemperatureMC.Min, s.TemperatureMC.Max
	c.Pressure, c.PressureMin, c.PressureMax = numbers(s.PressurePa.Last), s.PressurePa.Min, s.PressurePa.Max
	for i, g := range s.Gaps {
		out.Gaps[i] = Span{From: Time(g.From), To: Time(g.To), Lost: g.Lost}
	}
	return out
}

// numbers makes an empty column an empty array and not null.
func numbers(v []int64) []int64 {
	if v == nil {
		return []int64{}
	}
	return v
}

func texts(b telemetry.Band) (last, least, most []Digits) {
	column := func(v []int64) []Digits {
		out := make([]Digits, len(v))
		for i, n := range v {
			out[i] = digits(n)
		}
		return out
	}
	return column(b.Last), column(b.Min), column(b.Max)
}

// sensed makes a column of what a fill sensor said; −1 is no sensor.
func sensed(v []int64) []Maybe[Digits] {
	var out []Maybe[Digits]
	for _, n := range v {
		if n < 0 {
			out = append(out, Maybe[Digits]{})
		} else {
			out = append(out, some(digits(n)))
		}
	}
	return out
}

func lane(l wire.Lane) string {
	if l == wire.AlarmLane {
		return "alarm"
	}
	return "main"
}
