package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"

	"cisterna/device/wire"
	"cisterna/fleet/overview"
	"cisterna/internal/auth"
)

// PumpRow is a pump as the list shows it, and as the live feed sends it.
type PumpRow struct {
	ID      ID     `json:"id"`
	Site    ID     `json:"site"`
	Serial  string `json:"serial"`
	Model   string `json:"model"`
	Label   string `json:"label"`
	Profile string `json:"profile"`
	Link    string `json:"link" doc:"Serial number of the communicator paired today, empty if there is none."`
	Status  string `json:"status" enum:"registered,active,revoked,explanted,retired,manual"`

	Patient Maybe[string] `json:"patient" doc:"Reference of the patient whom it is in, by the register; null: in none."`

	Presence      string    `json:"presence" enum:"online,stale,offline,never,unknown"`
	PresenceSince MaybeTime `json:"presence_since"`
	LastHeard     MaybeTime `json:"last_heard" doc:"When any message arrived that the pump signed."`
	LastData      MaybeTime `json:"last_data" doc:"When the values below arrived."`

	Run         Maybe[string] `json:"run" doc:"infusing, minimum, stopped, bolus, priming or bridge."`
	RateNLDay   Maybe[Digits] `json:"rate_nl_day"`
	ReservoirNL Maybe[Digits] `json:"reservoir_nl" doc:"As the pump computes it."`
	CapacityNL  Maybe[Digits] `json:"reservoir_capacity_nl"`
	LowNL       Maybe[Digits] `json:"reservoir_low_nl" doc:"Where the low-reservoir alarm begins."`
	UseNLDay    Maybe[Digits] `json:"use_nl_day" doc:"What it uses in a day without patient boluses: its program's mean, at the minimum rate that rate if it is more. null: it is stopped, or that is not known."`
	BatteryMV   Maybe[int64]  `json:"battery_mv"`
	BatteryPct  Maybe[int]    `json:"battery_pct"`

	Alarms   AlarmCounts     `json:"alarms"`
	TopAlarm Maybe[TopAlarm] `json:"top_alarm"`

	CertEnds     MaybeTime     `json:"cert_ends" doc:"When the newest certificate of today's link ends."`
	Firmware     Maybe[string] `json:"firmware"`
	FirmwareComm Maybe[string] `json:"firmware_comm"`
	Library      Maybe[string] `json:"library"`
	Refused24h   int64         `json:"refused_24h"`
	GapsOpen     int64         `json:"gaps_open" doc:"Gaps that the pump declared in the last 24 hours."`
	Drugs        []Drug        `json:"drugs"`
	Reconnects   int64         `json:"reconnects_24h" doc:"Connections opened in the last 24 hours."`
	Documents    Maybe[string] `json:"documents" doc:"current or behind: whether it has the keyset, library and profile that it should have. null: not known, or it has no link."`
	Lacks        []string      `json:"lacks" doc:"Of keyset, library and profile, those that it has not."`
	Quality      Maybe[string] `json:"link_quality" doc:"good: at most 8 connections in 24 hours and nothing refused; fair: at most 48 and 5; else poor. null: nothing connected."`
	Tags         []string      `json:"tags"`
	Groups       []ID          `json:"groups" doc:"That it is a member of by hand."`
	Rev          uint64        `json:"rev" doc:"The list's revision of the row's last change."`
}

// AlarmCounts counts alarms that are not cleared.
type AlarmCounts struct {
	High   int `json:"high"`
	Medium int `json:"medium"`
	Low    int `json:"low"`
}

// TopAlarm is a pump's most urgent alarm.
type TopAlarm struct {
	Code     string `json:"code"`
	Title    string `json:"title"`
	Priority string `json:"priority" enum:"high,medium,low,info"`
}

// Drug is one ingredient of what a pump holds.
type Drug struct {
	Name     string `json:"name"`
	ConcNGML Digits `json:"conc_ng_ml"`
}

// RowOf returns a row of the board as the API shows it.
func RowOf(r overview.Row) PumpRow {
	row := PumpRow{
		ID: id(r.ID), Site: id(r.Site), Serial: r.Serial, Model: r.Model, Label: r.Label, Profile: r.Profile, Link: r.Link, Status: r.Status, Patient: notZero(r.Patient),
		Presence: string(r.Presence), PresenceSince: maybeTime(r.PresenceSince), LastHeard: maybeTime(r.LastHeard), LastData: maybeTime(r.LastData),
		Alarms:   AlarmCounts{High: r.Alarms.High, Medium: r.Alarms.Medium, Low: r.Alarms.Low},
		CertEnds: maybeTime(r.CertEnds), Firmware: notZero(r.Firmware), FirmwareComm: notZero(r.FirmwareComm), Library: notZero(r.Library),
		Refused24h: r.Refused24h, GapsOpen: r.GapsOpen, Drugs: make([]Drug, len(r.Drugs)), Rev: r.Rev,
		Reconnects: r.Reconnects24h, Documents: notZero(string(r.Sync)), Lacks: append([]string{}, r.Lacks...), Quality: notZero(string(r.Quality)),
		Tags: append([]string{}, r.Tags...), Groups: make([]ID, len(r.Groups)),
	}
	for i, g := range r.Groups {
		row.Groups[i] = id(g)
	}
	for i, d := range r.Drugs {
		row.Drugs[i] = Drug{Name: d.Name, ConcNGML: digits(d.ConcNGML)}
	}
	if r.HasSample {
		row.Run = runOf(r.Run)
		row.RateNLDay, row.ReservoirNL, row.BatteryMV = some(digits(r.RateNLDay)), some(digits(r.ReservoirNL)), some(r.BatteryMV)
		if r.BatteryPct >= 0 {
			row.BatteryPct = some(r.BatteryPct)
		}
	}
	if use, ok := r.Use(); ok {
		row.UseNLDay = some(digits(use))
	}
	if r.CapacityNL > 0 {
		row.CapacityNL = some(digits(r.CapacityNL))
	}
	if r.LowNL > 0 {
		row.LowNL = some(digits(r.LowNL))
	}
	if r.Alarms.TopCode != "" {
		row.TopAlarm = some(TopAlarm{Code: r.Alarms.TopCode, Title: r.Alarms.TopTitle, Priority: r.Alarms.TopPriority.String()})
	}
	return row
}

func runOf(r wire.RunState) Maybe[string] {
	if r == 0 {
		return Maybe[string]{}
	}
	return some(r.String())
}

// PumpList is the list at one revision.
type PumpList struct {
	Epoch string    `json:"epoch" doc:"Names this life of the list, and the sites that it shows. Revisions mean something only together with it."`
	Rev   uint64    `json:"rev"`
	At    Time      `json:"at"`
	Rows  []PumpRow `json:"rows"`
}

type listInput struct {
	Match string `header:"If-None-Match"`
}

type listOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   *PumpList
}

type pumpInput struct {
	ID string `path:"id" maxLength:"32"`
}

type pumpOutput struct{ Body PumpDetail }

func (a *API) pumps() {
	handle(a, op{
		id: "list-pumps", method: http.MethodGet, path: "/pumps", tag: "pumps", summary: "All pumps of one's sites",
		describe: "A snapshot of the list; the live feed goes on from its epoch and rev. Answers 304 to an If-None-Match that names it.",
		tagged:   true,
	}, func(_ context.Context, c Caller, in *listInput) (*listOutput, error) {
		scope := c.Scope()
		snap := a.Overview.Board().Snapshot(scope)
		out := &listOutput{Status: http.StatusOK, ETag: listTag(snap, scope)}
		if matches(in.Match, out.ETag) {
			out.Status = http.StatusNotModified
			return out, nil
		}
		out.Body = &PumpList{Epoch: scope.Epoch(snap.Epoch), Rev: snap.Rev, At: Time(snap.At), Rows: make([]PumpRow, len(snap.Rows))}
		for i, r := range snap.Rows {
			out.Body.Rows[i] = RowOf(r)
		}
		return out, nil
	})
	handle(a, op{
		id: "get-pump", method: http.MethodGet, path: "/pumps/{id}", tag: "pumps", summary: "One pump",
	}, func(ctx context.Context, c Caller, in *pumpInput) (*pumpOutput, error) {
		n, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		d, err := a.Overview.Detail(ctx, c.Scope(), n)
		if err != nil {
			return nil, err
		}
		out := &pumpOutput{Body: detailOf(d)}
		out.Body.Claims, out.Body.Sync = mapped(d.Claims, a.claimState), a.sync(d)
		if out.Body.Recalls, err = a.pumpRecalls(ctx, c, n); err != nil {
			return nil, err
		}
		if comm := out.Body.Communicator.V; comm != nil {
			comm.Recalls, err = a.commRecalls(ctx, c, comm.Serial)
		}
		return out, err
	})
}

// listTag names what a list contains: its revision, and for whose sites.
func listTag(s overview.Snapshot, scope auth.Scope) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %v %v %d", s.Epoch, s.Rev, scope.All, scope.Sites, scope.Pump))
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}
