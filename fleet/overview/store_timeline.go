package overview

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/lib/pq"

	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/events"
	"cisterna/fleet/telemetry"
	"cisterna/internal/audit"
)

// begin turns the zero Mark into a place before all others.
func begin(m telemetry.Mark) telemetry.Mark {
	if m.IsZero() {
		return telemetry.Mark{At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), A: math.MaxInt64}
	}
	return m
}

var alarmTitles = map[alarm.Change]string{
	alarm.ChangeRaised: "", alarm.ChangeRepeated: " (again)", alarm.ChangeCleared: " is over", alarm.ChangeAcknowledged: " acknowledged",
	alarm.ChangeLate: " (reported late)", alarm.ChangeClosed: " closed", alarm.ChangeNoted: ": a note",
}

// whose is byActor as a condition on a column.
func whose(column, parameter string) string {
	return fmt.Sprintf(`(%[2]s::text[] IS NULL OR CASE WHEN starts_with(%[1]s, 'person:') THEN 'person' WHEN starts_with(%[1]s, 'device:') THEN 'pump' ELSE 'system' END = ANY (%[2]s))`, column, parameter)
}

// alarmItems returns what happened to a pump's alarms.
func (s *Service) alarmItems(ctx context.Context, pump int64, only Only, before telemetry.Mark, limit int) ([]Item, error) {
	before = begin(before)
	rows, err := s.DB.QueryContext(ctx, `SELECT h.id, h.change, h.at, h.device_at, h.actor, h.note, h.new_priority, h.detail, a.code
FROM alarm_changes h JOIN alarm_alarms a ON a.id = h.alarm_id
WHERE a.pump_id = $1 AND (h.at, h.id) < ($2, $3) AND `+whose("h.actor", "$5")+` ORDER BY h.at DESC, h.id DESC LIMIT $4`,
		pump, before.At, before.A, limit, pq.StringArray(only.actors()))
	if err != nil {
		return nil, fmt.Errorf("read changes of alarms: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []Item
	for rows.Next() {
		it := Item{Kind: KindAlarm}
		var id int64
		var change alarm.Change
		var device sql.NullTime
		var note string
		var priority wire.Priority
		var detail []byte
		if err := rows.Scan(&id, &change, &it.At, &device, &it.Actor, &note, &priority, &detail, &it.Code); err != nil {
			return nil, fmt.Errorf("read changes of alarms: %w", err)
		}
		entry, _ := alarm.Lookup(it.Code)
		it.ID, it.Title, it.Priority = fmt.Sprintf("alarm-%d", id), entry.Title+alarmTitles[change], priority
		it.DeviceAt, it.ReceivedAt, it.By = device.Time, it.At, byActor(it.Actor)
		it.mark = telemetry.Mark{At: it.At, A: id}
		it.Detail = note
		if note == "" {
			var d map[string]string
			if err := json.Unmarshal(detail, &d); err != nil {
				return nil, fmt.Errorf("detail of change %d: %w", id, err)
			}
			it.Detail = detailText(d)
		}
		all = append(all, it)
	}
	return all, rows.Err()
}

// auditItems returns a pump's leaves of the record, but for those that the
// timeline shows as what they are about.
func (s *Service) auditItems(ctx context.Context, pump int64, only Only, before telemetry.Mark, limit int) ([]Item, error) {
	before = begin(before)
	codes := only.Codes[KindAudit]
	rows, err := s.DB.QueryContext(ctx, `SELECT id, at, kind, actor FROM audit_leaf
WHERE pump_id = $1 AND (at, id) < ($2, $3) AND kind NOT LIKE 'alarm.%' AND kind NOT LIKE 'link.%'
  AND `+whose("actor", "$5")+` AND ($6::text[] IS NULL OR kind = ANY ($6)) AND NOT kind = ANY ($7)
ORDER BY at DESC, id DESC LIMIT $4`,
		pump, before.At, before.A, limit, pq.StringArray(only.actors()), pq.StringArray(codes.Only), pq.StringArray(append([]string{}, codes.Not...)))
	if err != nil {
		return nil, fmt.Errorf("read the record: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []Item
	for rows.Next() {
		it := Item{Kind: KindAudit}
		var id int64
		if err := rows.Scan(&id, &it.At, &it.Code, &it.Actor); err != nil {
			return nil, fmt.Errorf("read the record: %w", err)
		}
		it.ID, it.Title, it.ReceivedAt, it.By = fmt.Sprintf("audit-%d", id), words(it.Code), it.At, byActor(it.Actor)
		it.mark = telemetry.Mark{At: it.At, A: id}
		all = append(all, it)
	}
	if err := rows.Err(); err != nil || len(all) == 0 {
		return all, err
	}
	// What the leaves say beyond their columns.
	f := audit.Filter{AllSites: true, Pump: pump}
	for _, it := range all {
		f.IDs = append(f.IDs, it.mark.A)
	}
	leaves, _, err := audit.List(ctx, s.DB, f, 0, audit.MaxList)
	if err != nil {
		return nil, err
	}
	said := make(map[int64]audit.Row, len(leaves))
	for _, l := range leaves {
		said[l.ID] = l
	}
	var unnamed []Signature
	var of []*Item
	for i := range all {
		if l, ok := said[all[i].mark.A]; ok {
			all[i].Detail, all[i].DeviceAt, all[i].Meaning, all[i].Signer = l.Reason, l.DeviceTime, events.MeaningOf(l), events.SignerOf(l)
			if all[i].Meaning != "" && all[i].Signer == "" {
				unnamed, of = append(unnamed, Signature{Object: l.Object, Actor: l.Actor, At: l.At}), append(of, &all[i])
			}
			if l.Kind == "pump.hello" {
				all[i].Firmware = firmwareOf(l)
				all[i].Detail = firmwareText(all[i].Firmware)
			}
		}
	}
	names, err := s.Signers(ctx, unnamed)
	for i, n := range names {
		of[i].Signer = n
	}
	return all, err
}

// firmwareOf returns what versions changed with a hello, as far as its entry says.
func firmwareOf(l audit.Row) []telemetry.FirmwareChange {
	var said struct {
		Firmware []telemetry.FirmwareChange `json:"firmware"`
	}
	if json.Unmarshal(l.Payload, &said) != nil { // erased
		return nil
	}
	return said.Firmware
}

// firmwareText says it in words.
func firmwareText(all []telemetry.FirmwareChange) string {
	words := make([]string, len(all))
	for i, c := range all {
		words[i] = fmt.Sprintf("The firmware of the %s is %s; it was %s.", c.Part, c.Is, c.Was)
	}
	return strings.Join(words, " ")
}
