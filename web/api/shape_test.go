package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/overview"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

var moment = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// asJSON returns what a client sees.
func asJSON(t *testing.T, v any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func want(t *testing.T, got, want map[string]any) {
	t.Helper()
	for k, w := range want {
		g, ok := got[k]
		if !ok {
			t.Errorf("%s is missing", k)
		} else if diff := cmp.Diff(w, g); diff != "" {
			t.Errorf("%s (-want +got):\n%s", k, diff)
		}
	}
}

func TestRowWithEverything(t *testing.T) {
	got := asJSON(t, RowOf(overview.Row{
		ID: 12, Site: 3, Serial: "SN-1", Model: "Meander P20", Label: "Bed 4", Profile: "meander-p20", Link: "COMM-1", Status: "active",
		Presence: telemetry.Online, PresenceSince: moment, LastHeard: moment, LastData: moment,
		HasSample: true, Run: wire.Bolus, RateNLDay: 9_007_199_254_740_993, ReservoirNL: 0, BatteryMV: 2810, BatteryPct: 0, CapacityNL: 20_000_000, LowNL: 2_000_000,
		Alarms:   overview.Alarms{High: 1, Medium: 2, Low: 3, TopCode: "ERI", TopTitle: "Replace", TopPriority: wire.PriorityHigh},
		Firmware: "1.2", FirmwareComm: "3.4", Library: "v7", Refused24h: 5, GapsOpen: 6, Drugs: []overview.Drug{{Name: "baclofen", ConcNGML: 2_000_000}}, Rev: 99,
	}))
	at := "2026-11-22T09:00:00.000Z"
	want(t, got, map[string]any{
		"id": "12", "site": "3", "serial": "SN-1", "status": "active", "presence": "online", "presence_since": at, "last_heard": at, "last_data": at,
		"run": "bolus", "rate_nl_day": "9007199254740993", "reservoir_nl": "0", "reservoir_capacity_nl": "20000000", "reservoir_low_nl": "2000000",
		"battery_mv": 2810., "battery_pct": 0., "alarms": map[string]any{"high": 1., "medium": 2., "low": 3.},
		"top_alarm": map[string]any{"code": "ERI", "title": "Replace", "priority": "high"}, "firmware": "1.2", "firmware_comm": "3.4", "library": "v7",
		"refused_24h": 5., "gaps_open": 6., "drugs": []any{map[string]any{"name": "baclofen", "conc_ng_ml": "2000000"}}, "rev": 99.,
	})
}

// What is not known is null and never 0: a reservoir that nobody has read is not
// empty.
func TestRowWithNothing(t *testing.T) {
	got := asJSON(t, RowOf(overview.Row{ID: 1, Site: 1, Status: "registered", Presence: telemetry.Never, BatteryPct: -1}))
	for _, k := range []string{
		"presence_since", "last_heard", "last_data", "run", "rate_nl_day", "reservoir_nl", "reservoir_capacity_nl", "reservoir_low_nl", "battery_mv", "battery_pct",
		"top_alarm", "firmware", "firmware_comm", "library",
	} {
		if v, ok := got[k]; !ok || v != nil {
			t.Errorf("%s is %v, %v", k, v, ok)
		}
	}
	want(t, got, map[string]any{"drugs": []any{}, "link": ""})
}

func TestDetail(t *testing.T) {
	program := dose.Program{Mode: dose.FlexDay, Cycle: 86400, Segments: []dose.Segment{{Offset: 0, Duration: 43200, Volume: 100_000}, {Offset: 43200, Duration: 43200, Volume: 9_007_199_254_740_993}}}
	sample := profile.Samples()[0]
	got := asJSON(t, detailOf(overview.Detail{
		Row:  overview.Row{ID: 12, Site: 3, Serial: "SN-1"},
		Pump: registry.Pump{Maker: "Maker", UDI: "(01)x", CreatedAt: moment, StatusSince: moment, Facts: registry.Facts{CatheterMM: 860, CAP: new(false), TipLevel: "T10"}},
		Pairings: []registry.Pairing{
			{Link: "COMM-1", From: moment.Add(-time.Hour), To: moment, Reason: "enrolled", EndReason: "swapped"},
			{Link: "COMM-2", From: moment, Reason: "enrolled again"},
		},
		Communicator: &registry.Communicator{Serial: "COMM-2"},
		Certificates: []registry.Certificate{{Serial: "bad", RevokedAt: moment}, {Serial: "good", NotBefore: moment, NotAfter: moment.Add(time.Hour)}},
		ProfileDoc:   sample, State: &telemetry.State{FirmwareComm: "9.9"}, Program: &program,
		Cursors:  []telemetry.Cursor{{Lane: wire.AlarmLane, Epoch: 2, Seq: 18446744073709551615, MovedAt: moment}},
		Gaps:     []telemetry.Gap{{Lane: wire.MainLane, First: 5, Last: 9, Reason: "overflow", At: moment}},
		Refusals: map[string]int64{"E_SIGNATURE": 2}, RefusalsTotal: 7,
		Presence: []telemetry.PresenceChange{{State: telemetry.Offline, At: moment, Reason: "keepalive"}},
		Sessions: []telemetry.Session{{Link: "COMM-2", Remote: "192.0.2.1:5", OpenedAt: moment}},
	}))
	hash := program.Hash()
	at := "2026-11-22T09:00:00.000Z"
	want(t, got, map[string]any{
		"serial": "SN-1", "udi": "(01)x", "device_id": nil, "keys": []any{}, "registered_at": at,
		"certificate": map[string]any{"serial": "good", "communicator": "", "not_before": at, "not_after": "2026-11-22T10:00:00.000Z", "revoked_at": nil, "reason": nil},
		"program": map[string]any{"hash": fmt.Sprintf("%x", hash[:]), "mode": program.Mode.String(), "cycle_s": 86400., "segments": []any{
			map[string]any{"offset_s": 0., "duration_s": 43200., "volume_nl": "100000"}, map[string]any{"offset_s": 43200., "duration_s": 43200., "volume_nl": "9007199254740993"},
		}},
		"cursors":          []any{map[string]any{"lane": "alarm", "epoch": "2", "seq": "18446744073709551615", "at": at}},
		"refusals_total":   7.,
		"refusals_by_code": map[string]any{"E_SIGNATURE": 2.},
		"presence_history": []any{map[string]any{"presence": "offline", "at": at, "reason": "keepalive"}},
	})
	c := got["communicator"].(map[string]any)
	want(t, c, map[string]any{"serial": "COMM-2", "since": at, "firmware": "9.9"})
	if h := c["history"].([]any); len(h) != 2 || h[0].(map[string]any)["reason"] != "swapped" || h[1].(map[string]any)["to"] != nil {
		t.Errorf("history %v", h)
	}
	p := got["profile_detail"].(map[string]any)
	if p["id"] != sample.ID || p["verifies"] != string(sample.Verifier) || p["silence_seconds"].(float64) <= 0 {
		t.Errorf("profile %v", p)
	}
	notes := got["notes"].(map[string]any)
	want(t, notes, map[string]any{"catheter_length_mm": "860", "cap_present": false, "tip_level": "T10", "lot": ""})

	none := asJSON(t, detailOf(overview.Detail{Row: overview.Row{ID: 1}}))
	for _, k := range []string{"communicator", "certificate", "profile_detail", "program", "udi", "device_id"} {
		if v, ok := none[k]; !ok || v != nil {
			t.Errorf("%s is %v, %v", k, v, ok)
		}
	}
	for _, k := range []string{"pairings", "keys", "cursors", "gaps", "presence_history", "sessions"} {
		if v, ok := none[k].([]any); !ok || len(v) != 0 {
			t.Errorf("%s is %v", k, none[k])
		}
	}
}

func TestSeries(t *testing.T) {
	s := telemetry.Series{
		Resolution: telemetry.Hour, From: moment, To: moment.Add(2 * time.Hour), Width: time.Hour, At: []int64{1, 2}, N: []int64{60, 59},
		ReservoirNL: telemetry.Band{Last: []int64{9_007_199_254_740_993, 2}, Min: []int64{1, 2}, Max: []int64{3, 4}},
		SensedNL:    telemetry.Band{Last: []int64{-1, 0}, Min: []int64{-1, 0}, Max: []int64{-1, 7}},
		BatteryMV:   telemetry.Band{Last: []int64{2800, 2700}, Min: []int64{2600, 2500}, Max: []int64{2900, 2800}},
		Run:         []wire.RunState{wire.Infusing, 0}, Gaps: []telemetry.Span{{From: moment, To: moment.Add(time.Minute), Lost: true}},
	}
	got := asJSON(t, seriesOf(s))
	want(t, got, map[string]any{"resolution": "hour", "width_s": 3600., "gaps": []any{map[string]any{"from": "2026-11-22T09:00:00.000Z", "to": "2026-11-22T09:01:00.000Z", "lost": true}}})
	want(t, got["columns"].(map[string]any), map[string]any{
		"at": []any{1., 2.}, "n": []any{60., 59.}, "run": []any{"infusing", nil}, "reservoir_nl": []any{"9007199254740993", "2"}, "reservoir_nl_min": []any{"1", "2"},
		"reservoir_nl_max": []any{"3", "4"}, "sensed_nl": []any{nil, "0"}, "sensed_nl_max": []any{nil, "7"}, "battery_mv_min": []any{2600., 2500.}, "rate_nl_day": []any{},
	})
	c := asJSON(t, seriesOf(telemetry.Series{Resolution: telemetry.Raw}))["columns"].(map[string]any)
	for k, v := range c {
		if strings.HasSuffix(k, "_min") || strings.HasSuffix(k, "_max") {
			t.Errorf("single samples have %s", k)
		}
		if col, ok := v.([]any); !ok || len(col) != 0 {
			t.Errorf("%s of an empty series is %v", k, v)
		}
	}
}

func TestAlarmRow(t *testing.T) {
	got := asJSON(t, AlarmRowOf(overview.AlarmRow{Serial: "SN-1", Label: "Bed 4", Patient: "P-7Q2M-000B", Alarm: alarm.Alarm{
		ID: 5, Pump: 12, Site: 3, Code: "RES_LOW", Source: alarm.SourcePump, Priority: wire.PriorityMedium, Latched: true, State: alarm.Acknowledged, Count: 2,
		RaisedAt: moment, LastAt: moment, DeviceAt: moment.Add(-time.Minute), AckBy: "person:7 anna", AckName: "Anna Berg", AckAt: moment, AckNote: "seen",
	}}))
	at := "2026-11-22T09:00:00.000Z"
	want(t, got, map[string]any{
		"id": "5", "pump": "12", "pump_serial": "SN-1", "patient": "P-7Q2M-000B", "priority": "medium", "state": "acknowledged", "latched": true, "count": 2., "raised_at": at, "received_at": at,
		"device_at": "2026-11-22T08:59:00.000Z", "cleared_at": nil, "ack_by": "Anna Berg", "ack_at": at, "ack_note": "seen", "detail": map[string]any{},
	})
	if got["title"] == "" || got["advice"] == "" || got["title"] == "RES_LOW" {
		t.Errorf("title %q, advice %q", got["title"], got["advice"])
	}
	unknown := asJSON(t, AlarmRowOf(overview.AlarmRow{Alarm: alarm.Alarm{Code: "NEW_THING", Source: alarm.SourceServer, RaisedAt: moment}}))
	if p, ok := unknown["patient"]; unknown["title"] == "" || unknown["received_at"] != nil || !ok || p != nil {
		t.Errorf("unknown alarm %v", unknown)
	}
	for c, name := range map[alarm.Change]string{
		alarm.ChangeRaised: "raised", alarm.ChangeRepeated: "updated", alarm.ChangeLate: "updated", alarm.ChangeAcknowledged: "acknowledged",
		alarm.ChangeCleared: "cleared", alarm.ChangeClosed: "cleared",
	} {
		if got := ChangeOf(c); got != name {
			t.Errorf("%s is told as %s", c, got)
		}
	}
}

func TestAuditRow(t *testing.T) {
	row := audit.Row{ID: 9, Index: -1, Kind: "pump.claim", Actor: "person:7 anna", At: moment, Site: 3, Pump: 12, Payload: json.RawMessage(`{"a":1}`), Evidence: []byte{1, 2}}
	nurse := auth.Actor{ID: 1, Roles: map[int64][]auth.Role{3: {auth.Nurse}, 4: {auth.Auditor}}}
	auditor := auth.Actor{ID: 2, Roles: map[int64][]auth.Role{3: {auth.Auditor}}}
	want(t, asJSON(t, auditRowOf(nurse, row)), map[string]any{"index": nil, "payload": nil, "pump": "12", "evidence_sha256": "0102", "object": nil, "erased": false})
	want(t, asJSON(t, auditRowOf(auditor, row)), map[string]any{"payload": map[string]any{"a": 1.}})
	row.Index, row.Payload, row.Erased = 0, nil, true
	want(t, asJSON(t, auditRowOf(auditor, row)), map[string]any{"index": 0., "payload": nil, "erased": true})
}

// TestWhatCheckersReadOfTheRecord: whoever reads the record's details at a site and
// checks orders there reads no details of orders, nor stretches with all of them.
func TestWhatCheckersReadOfTheRecord(t *testing.T) {
	const site = 3
	engineer := auth.Actor{ID: 1, Roles: map[int64][]auth.Role{site: {auth.Engineer}}}
	proposal := audit.Row{Index: -1, Kind: "order.propose", At: moment, Site: site, Payload: json.RawMessage(`{"reason":"up to 520"}`)}
	claim := audit.Row{Index: -1, Kind: "pump.claim", At: moment, Site: site, Payload: json.RawMessage(`{"a":1}`)}
	want(t, asJSON(t, auditRowOf(engineer, proposal)), map[string]any{"payload": map[string]any{"reason": "up to 520"}})
	if !readsDetail(engineer)(site) {
		t.Error("an engineer reads no stretch")
	}
	for _, role := range []auth.Role{auth.Prescriber, auth.Verifier, auth.Pharmacist} {
		both := auth.Actor{ID: 2, Roles: map[int64][]auth.Role{site: {auth.Engineer, role}}}
		want(t, asJSON(t, auditRowOf(both, proposal)), map[string]any{"payload": nil})
		want(t, asJSON(t, auditRowOf(both, claim)), map[string]any{"payload": map[string]any{"a": 1.}})
		stretch := storedOf(both, proposal, audit.Stored{Leaf: []byte{1}, Salt: []byte{2}, Payload: []byte{3}, Evidence: []byte{4}})
		if readsDetail(both)(site) || stretch.Payload.V != nil || stretch.Evidence.V != nil || stretch.Salt.V != nil {
			t.Errorf("an engineer who is %s reads what orders ask for: %+v", role, stretch)
		}
	}
}

// One table turns kinds of failure into HTTP, and what is not for people stays
// here.
func TestProblems(t *testing.T) {
	for kind, status := range map[errs.Kind]int{
		errs.Invalid: 422, errs.NotFound: 404, errs.Conflict: 409, errs.Denied: 403, errs.Unauthorized: 401, errs.Throttled: 429, errs.Unavailable: 503,
	} {
		p := ProblemOf(fmt.Errorf("doing: %w", errs.Wrap(kind, fmt.Errorf("secret cause"), "For people.")))
		if p.Status != status || p.Code != string(kind) || p.Detail != "For people." || p.Title == "" {
			t.Errorf("%s: %+v", kind, p)
		}
	}
	p := ProblemOf(fmt.Errorf("pq: relation \"x\" does not exist"))
	if p.Status != 500 || p.Code != "internal" || strings.Contains(p.Detail+p.Title, "pq") {
		t.Errorf("internal: %+v", p)
	}
	p = ProblemOf(errs.InvalidField("serial", "wrong"))
	locate(p, http.MethodPost)
	if len(p.Errors) != 1 || p.Errors[0] != (FieldProblem{Location: "body.serial", Message: "wrong"}) {
		t.Errorf("field: %+v", p.Errors)
	}
	p = ProblemOf(errs.InvalidField("query.from", "wrong"))
	locate(p, http.MethodGet)
	if p.Errors[0].Location != "query.from" {
		t.Errorf("field: %+v", p.Errors)
	}
	if q := ProblemOf(NewProblem(http.StatusTeapot, "x")); q.Title != http.StatusText(http.StatusTeapot) {
		t.Errorf("other status: %+v", q)
	}
}

func BenchmarkRow(b *testing.B) {
	row := overview.Row{
		ID: 12, Site: 3, Serial: "SN-1", Model: "Meander P20", Label: "Bed 4", Profile: "meander-p20", Link: "COMM-1", Status: "active", Presence: telemetry.Online,
		PresenceSince: moment, LastHeard: moment, LastData: moment, HasSample: true, Run: wire.Infusing, RateNLDay: 1, ReservoirNL: 2, BatteryMV: 3, BatteryPct: 4,
		CapacityNL: 5, LowNL: 6, Firmware: "1.2", FirmwareComm: "3.4", Library: "v7", Drugs: []overview.Drug{{Name: "baclofen", ConcNGML: 2_000_000}},
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(RowOf(row)); err != nil {
			b.Fatal(err)
		}
	}
}
