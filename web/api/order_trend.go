package api

import (
	"context"
	"net/http"
	"time"

	"cisterna/fleet/dosing"
	"cisterna/fleet/telemetry"
)

// PumpTrend is what a pump delivered over days, and the steps of its dose: all of the
// past, nothing of what is proposed.
type PumpTrend struct {
	Zone    string           `json:"time_zone" doc:"Of the pump's site, whose days these are."`
	Days    []TrendDay       `json:"days" doc:"Oldest first; the last one is today."`
	Totals  []TrendTotal     `json:"totals"`
	Program []TrendAmount    `json:"program" doc:"A mean day of the program that it runs or keeps, without patient boluses; empty if that is not known."`
	Steps   []TrendStep      `json:"steps" doc:"Of these days, newest first."`
	Last    Maybe[TrendStep] `json:"last_step" doc:"The newest that is known, however long ago."`
	Month   int64            `json:"steps_30d" doc:"In the thirty days of 24 hours before now."`
}

// TrendAmount is so much of an ingredient.
type TrendAmount struct {
	Code int64  `json:"code"`
	Mass Digits `json:"ng"`
}

// TrendDay is one day of the site.
type TrendDay struct {
	Date      string        `json:"date" doc:"2026-05-04"`
	From      Time          `json:"from"`
	To        Time          `json:"to"`
	Coverage  string        `json:"coverage" enum:"whole,part,none,running" doc:"Which of the day is known. none is not nothing given."`
	Since     MaybeTime     `json:"since" doc:"Of the two readings by which it is counted."`
	Until     MaybeTime     `json:"until"`
	Delivered Maybe[Digits] `json:"delivered_nl" doc:"Between these readings; null: nothing is known of the day."`
	Holds     string        `json:"contents" enum:"known,changed,unknown" doc:"changed: on that day, or what ran before may still have been in the path. Then the day has no doses."`
	Doses     []TrendAmount `json:"doses" doc:"What left the reservoir."`
	Given     Maybe[int64]  `json:"boluses_given" doc:"Of patients; null: not known."`
	Denied    Maybe[int64]  `json:"boluses_denied"`
}

// TrendTotal is the sum of the last whole days before today.
type TrendTotal struct {
	Days      int64         `json:"days"`
	Whole     int64         `json:"whole_days" doc:"Days of these that are known from begin to end."`
	Delivered Maybe[Digits] `json:"delivered_nl" doc:"null: nothing is known of any of them."`
	Complete  bool          `json:"complete" doc:"delivered_nl is all of it; else it is the least."`
	Doses     []TrendAmount `json:"doses"`
	Dosed     bool          `json:"doses_complete" doc:"doses are all of it; else they are the least."`
	Requested Maybe[int64]  `json:"boluses_requested" doc:"By patients: given and denied."`
	Given     Maybe[int64]  `json:"boluses_given"`
	Denied    Maybe[int64]  `json:"boluses_denied"`
}

// TrendStep is an order that the pump applied and that changed the dose of a day.
type TrendStep struct {
	Order   Maybe[ID]     `json:"order" doc:"null: of a site that one does not see."`
	At      Time          `json:"at"`
	Act     string        `json:"act"`
	Changes []TrendChange `json:"changes"`
}

// TrendChange is what a step changed of one ingredient.
type TrendChange struct {
	Code     int64         `json:"code"`
	WasDay   Maybe[Digits] `json:"was_day_ng" doc:"A mean day without patient boluses; null: what ran before is not known."`
	IsDay    Digits        `json:"is_day_ng"`
	WasWorst Maybe[Digits] `json:"was_worst_ng" doc:"The worst 24 hours, with every patient bolus."`
	IsWorst  Digits        `json:"is_worst_ng"`
}

type trendInput struct {
	ID   string `path:"id" maxLength:"32"`
	Days int    `query:"days" minimum:"7" maximum:"90" default:"30" doc:"Whole days before today."`
}

func (a *API) trends() {
	handle(a, op{
		id: "pump-trends", method: http.MethodGet, path: "/pumps/{id}/trends", tag: "orders", summary: "What a pump delivered day by day, and the steps of its dose",
		describe: "Differences of what the pump had counted, by the days of its site. A day of which nothing is known has no number.",
	}, func(ctx context.Context, c Caller, in *trendInput) (*struct{ Body PumpTrend }, error) {
		n, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		t, err := a.Orders.Trend(ctx, c.Scope(), n, in.Days)
		if err != nil {
			return nil, err
		}
		return &struct{ Body PumpTrend }{trendOf(&t)}, nil
	})
}

func trendOf(t *dosing.Trend) PumpTrend {
	out := PumpTrend{Zone: t.Zone, Days: make([]TrendDay, len(t.Days)), Totals: make([]TrendTotal, len(t.Totals)), Program: amountsOf(t.Program), Steps: make([]TrendStep, len(t.Steps)), Month: int64(t.Month)}
	for i := range t.Days {
		out.Days[i] = trendDayOf(&t.Days[i])
	}
	for i, s := range t.Totals {
		out.Totals[i] = TrendTotal{Days: int64(s.Days), Whole: int64(s.Whole), Complete: s.Complete, Doses: amountsOf(s.Doses), Dosed: s.Dosed}
		if s.Known {
			out.Totals[i].Delivered = some(digits(s.Delivered))
		}
		if s.Counted {
			out.Totals[i].Requested, out.Totals[i].Given, out.Totals[i].Denied = some(s.Given+s.Denied), some(s.Given), some(s.Denied)
		}
	}
	for i := range t.Steps {
		out.Steps[i] = stepOf(&t.Steps[i])
	}
	if t.Last != nil {
		out.Last = some(stepOf(t.Last))
	}
	return out
}

func trendDayOf(d *dosing.TrendDay) TrendDay {
	out := TrendDay{
		Date: d.From.Format(time.DateOnly), From: Time(d.From), To: Time(d.To), Coverage: string(d.Coverage), Since: maybeTime(d.Since.At), Until: maybeTime(d.Until.At),
		Holds: string(d.Holds), Doses: amountsOf(d.Doses),
	}
	if d.Coverage != telemetry.None {
		out.Delivered = some(digits(d.Delivered()))
	}
	if given, denied, ok := d.Boluses(); ok {
		out.Given, out.Denied = some(given), some(denied)
	}
	return out
}

func stepOf(s *dosing.Step) TrendStep {
	out := TrendStep{Order: maybeID(s.Order), At: Time(s.At), Act: s.Act.String(), Changes: make([]TrendChange, len(s.Changes))}
	for i, c := range s.Changes {
		out.Changes[i] = TrendChange{Code: int64(c.Code), IsDay: digits(c.IsDay), IsWorst: digits(c.IsWorst)}
		if s.Kept {
			out.Changes[i].WasDay, out.Changes[i].WasWorst = some(digits(c.WasDay)), some(digits(c.WasWorst))
		}
	}
	return out
}

func amountsOf(all []dosing.Amount) []TrendAmount {
	out := make([]TrendAmount, len(all))
	for i, a := range all {
		out[i] = TrendAmount{int64(a.Code), digits(a.Mass)}
	}
	return out
}
