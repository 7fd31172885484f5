package overview

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/lib/pq"

	"cisterna/fleet/telemetry"
)

// readRows reads rows of the list, all if ids is nil, in two queries whatever
// their number.
func (s *Service) readRows(ctx context.Context, ids []int64) ([]Row, error) {
	alarms, err := s.Options.Alarms.Counts(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("count alarms: %w", err)
	}
	since := s.Now().Add(-24 * time.Hour)
	rows, err := s.DB.QueryContext(ctx, `SELECT p.id, p.site_id, p.serial, p.model, p.label, p.profile, p.status, coalesce(l.link, ''), coalesce(q.token, ''), b.from_at,
    coalesce(c.state, 'never'), c.since, c.heard_at,
    v.device_at, v.received_at, coalesce(v.run, 0), coalesce(v.rate_nl_day, 0), coalesce(v.reservoir_nl, 0), coalesce(v.battery_mv, 0),
    coalesce(t.firmware, ''), coalesce(t.firmware_comm, ''), t.lib_hash, t.contents, t.program,
    (SELECT max(x.not_after) FROM registry_certificates x WHERE x.pump_id = p.id AND x.link = l.link AND x.revoked_at IS NULL),
    coalesce(r.n, 0), coalesce(g.n, 0), coalesce(s.n, 0),
    t.pump_id IS NOT NULL, coalesce(t.keyset, 0), t.profile_hash,
    ARRAY(SELECT x.tag FROM lists_tags x WHERE x.pump_id = p.id ORDER BY x.tag), ARRAY(SELECT m.group_id FROM lists_members m WHERE m.pump_id = p.id ORDER BY m.group_id)
FROM registry_pumps p
LEFT JOIN registry_pairings l ON l.pump_id = p.id AND l.to_at IS NULL
LEFT JOIN registry_bindings b ON b.pump_id = p.id AND b.to_at IS NULL
LEFT JOIN registry_patients q ON q.id = b.patient_id
LEFT JOIN telemetry_presence c ON c.pump_id = p.id
LEFT JOIN telemetry_latest v ON v.pump_id = p.id
LEFT JOIN telemetry_states t ON t.pump_id = p.id
LEFT JOIN (SELECT pump_id, sum(n)::bigint AS n FROM telemetry_refusal_counts WHERE hour >= $3 AND ($1 OR pump_id = ANY ($2)) GROUP BY pump_id) r ON r.pump_id = p.id
LEFT JOIN (SELECT pump_id, count(*) AS n FROM telemetry_gaps WHERE received_at >= $3 AND ($1 OR pump_id = ANY ($2)) GROUP BY pump_id) g ON g.pump_id = p.id
LEFT JOIN (SELECT pump_id, count(*) AS n FROM telemetry_sessions WHERE opened_at >= $3 AND ($1 OR pump_id = ANY ($2)) GROUP BY pump_id) s ON s.pump_id = p.id
WHERE $1 OR p.id = ANY ($2)`, ids == nil, pq.Int64Array(ids), since)
	if err != nil {
		return nil, fmt.Errorf("read the board: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []Row
	for rows.Next() {
		var r Row
		var boundAt, sinceAt, heard, device, received, certEnds sql.NullTime
		var library, contents, program []byte
		var have reported
		var v telemetry.Sample
		err := rows.Scan(&r.ID, &r.Site, &r.Serial, &r.Model, &r.Label, &r.Profile, &r.Status, &r.Link, &r.Patient, &boundAt,
			&r.Presence, &sinceAt, &heard, &device, &received, &v.Run, &v.RateNLDay, &v.ReservoirNL, &v.BatteryMV,
			&r.Firmware, &r.FirmwareComm, &library, &contents, &program, &certEnds, &r.Refused24h, &r.GapsOpen, &r.Reconnects24h,
			&have.known, &have.keyset, &have.profile, (*pq.StringArray)(&r.Tags), (*pq.Int64Array)(&r.Groups))
		if err != nil {
			return nil, fmt.Errorf("read the board: %w", err)
		}
		r.PatientSince = clock(boundAt.Time)
		r.PresenceSince, r.LastHeard = clock(sinceAt.Time), clock(heard.Time)
		r.setProfile(s.Profile)
		if received.Valid {
			v.DeviceAt, v.ReceivedAt = device.Time, received.Time
			r.setSample(v, s.Profile)
		}
		r.setContents(contents)
		r.setProgram(program)
		r.CertEnds = clock(certEnds.Time)
		r.setLibrary(library, s.Library)
		r.setAlarms(alarms[r.ID])
		have.library = library
		r.setSync(have, s.Desired(r.Profile))
		r.setQuality()
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the board: %w", err)
	}
	return all, nil
}
