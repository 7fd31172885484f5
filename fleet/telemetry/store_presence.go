package telemetry

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/lib/pq"

	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/lease"
	"cisterna/internal/postgres"
)

// presenceRow is a pump's presence as it is stored.
type presenceRow struct {
	pump    int64
	is      judgement
	since   time.Time
	contact contact
	rule    SilenceRule
	urgent  bool // COMM_LOST stands as a high alarm
	fresh   bool // there is no row yet
}

const presenceColumns = `pump_id, state, since, heard_at, link, server_boot, conn, session, connected, connected_at, closed_at, close_reason, comm_lost, grace_s, stale_s, offline_s, lost_s, deaf_ms, lost_urgent`

func scanPresence(rows *sql.Rows) (r presenceRow, err error) {
	var heard, connectedAt, closedAt sql.NullTime
	var grace, stale, offline, alarm, deaf int64
	err = rows.Scan(&r.pump, &r.is.state, &r.since, &heard, &r.contact.link, &r.contact.key.boot, &r.contact.key.conn, &r.contact.session,
		&r.contact.connected, &connectedAt, &closedAt, &r.contact.reason, &r.is.lost, &grace, &stale, &offline, &alarm, &deaf, &r.urgent)
	r.contact.heard, r.contact.connectedAt, r.contact.closedAt = heard.Time, connectedAt.Time, closedAt.Time
	r.contact.deaf = time.Duration(deaf) * time.Millisecond
	r.rule = SilenceRule{Grace: seconds(grace), Stale: seconds(stale), Offline: seconds(offline), Alarm: seconds(alarm)}
	return r, err
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// presenceCase is judgeState in SQL. $1 is now, $2 whether our end is up, $3
// since when, $4 when pumps should be back after that.
const presenceCase = `CASE
    WHEN heard_at IS NULL THEN 'never'
    WHEN NOT $2 THEN 'unknown'
    WHEN connected AND offline_s > 0 AND $1 >= ` + silentSince + ` + offline_s * interval '1 second' THEN 'offline'
    WHEN state = 'offline' AND heard_at < CASE WHEN connected THEN greatest(connected_at, $3) ELSE $3 END THEN 'offline'
    WHEN heard_at < $3 AND $1 < $4 THEN 'unknown'
    WHEN connected AND (stale_s > 0 AND $1 >= ` + silentSince + ` + stale_s * interval '1 second' OR heard_at < $3) THEN 'stale'
    WHEN connected THEN 'online'
    WHEN grace_s = 0 OR $1 >= greatest(closed_at, $3) + grace_s * interval '1 second' THEN 'offline'
    WHEN stale_s > 0 AND $1 >= ` + silentSince + ` + stale_s * interval '1 second' THEN 'stale'
    ELSE 'online' END`

// lostCase is lostDue in SQL, with the same arguments.
const lostCase = `$2 AND heard_at IS NOT NULL AND lost_s > 0
    AND $1 >= ` + silentSince + ` + lost_s * interval '1 second' + CASE WHEN $1 < $4 THEN $4 - $3 ELSE interval '0' END`

// silentSince is where the count of silence would begin if our end had never been
// down: now minus it is contact.silent.
const silentSince = `(heard_at + deaf_ms * interval '1 millisecond')`

// flushPresence writes what the tracker noted since the last call. The stored
// row decides what is news: another server may know better.
func (s *Service) flushPresence(ctx context.Context) error {
	s.presenceMu.Lock()
	defer s.presenceMu.Unlock()
	contacts, sessions := s.tracker.take()
	if len(contacts) == 0 && len(sessions) == 0 {
		return nil
	}
	slices.SortFunc(contacts, func(a, b contactOf) int { return cmp.Compare(a.pump, b.pump) })
	now, our := s.Now().Truncate(time.Millisecond), s.ourEnd()
	err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		ids := make(pq.Int64Array, len(contacts))
		for i, c := range contacts {
			ids[i] = c.pump
		}
		rows, err := readPresence(ctx, tx, `SELECT `+presenceColumns+` FROM telemetry_presence WHERE pump_id = ANY ($1) ORDER BY pump_id FOR UPDATE`, ids)
		if err != nil {
			return fmt.Errorf("read presence: %w", err)
		}
		stored := make(map[int64]presenceRow, len(rows))
		for _, r := range rows {
			stored[r.pump] = r
		}
		burdens, err := readBurdens(ctx, tx, ids)
		if err != nil {
			return err
		}
		next := make([]presenceRow, len(contacts))
		for i, c := range contacts {
			r, ok := stored[c.pump]
			if !ok {
				r = presenceRow{pump: c.pump, is: judgement{state: Never}, since: now, fresh: true}
			}
			r.contact.merge(c.contact)
			r.rule = s.Silence(c.profile, burdens[c.pump].severity)
			next[i] = r
		}
		if err := s.rejudge(ctx, tx, next, our, now, true); err != nil {
			return err
		}
		if opened := openedBy(sessions, now); len(opened) > 0 {
			tx.OnCommit(func() { s.events.Publish(opened) })
		}
		return writeSessions(ctx, tx, sessions)
	})
	if err != nil {
		s.tracker.back(contacts, sessions)
	}
	return err
}

// openedBy tells of the pumps that connected: how often they do is shown.
func openedBy(sessions []sessionRow, now time.Time) (out []Changed) {
	for _, r := range sessions {
		if r.pump != 0 && r.closed.IsZero() {
			out = append(out, Changed{Pump: r.pump, At: now, Reload: true})
		}
	}
	return out
}

// sweepPresence judges all pumps whose presence changes by the mere passing of
// time. It asks the database and no memory, so that every row is covered.
func (s *Service) sweepPresence(ctx context.Context, l *lease.Lease) error {
	s.presenceMu.Lock()
	defer s.presenceMu.Unlock()
	now, our := s.Now().Truncate(time.Millisecond), s.ourEnd()
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := held(ctx, tx, l); err != nil {
			return err
		}
		rows, err := readPresence(ctx, tx, `SELECT `+presenceColumns+` FROM telemetry_presence
WHERE state <> `+presenceCase+` OR comm_lost OR `+lostCase+` ORDER BY pump_id FOR UPDATE`, now, our.up, our.since, our.since.Add(settle))
		if err != nil {
			return fmt.Errorf("sweep presence: %w", err)
		}
		return s.rejudge(ctx, tx, rows, our, now, false)
	})
}

// rejudge applies the rules to locked rows and stores what changed; with all, it
// stores every row.
func (s *Service) rejudge(ctx context.Context, tx *postgres.Tx, rows []presenceRow, our uplink, now time.Time, all bool) error {
	missed, err := s.missed(ctx, tx, rows, our, now)
	if err != nil {
		return err
	}
	var changed []presenceRow
	var changes []Changed
	var steps []presenceStep
	for _, r := range rows {
		was, wasUrgent := r.is, r.urgent
		ref, _ := s.Directory.ByID(r.pump)
		r.is = judge(r.contact, r.rule, our, now, was)
		if ref.Status != registry.Active {
			r.is.lost = false // it is not expected to say anything
		}
		b := missed[r.pump]
		r.urgent = r.is.lost && (wasUrgent || b.priority(now) == wire.PriorityHigh)
		if (r.is.lost != was.lost || r.urgent && !wasUrgent) && ref.ID != 0 {
			if err := s.commLost(ctx, tx, ref, &r, b, now); err != nil {
				return err
			}
		}
		if r.is.state != was.state {
			r.since = now
			step := presenceStep{pump: r.pump, was: was.state, state: r.is.state}
			if !r.contact.connected && r.is.state != Online && r.is.state != Unknown {
				step.reason = r.contact.reason
			}
			steps = append(steps, step)
		}
		if all || r.is != was || r.urgent != wasUrgent {
			changed = append(changed, r)
			changes = append(changes, Changed{Pump: r.pump, At: now, Presence: &PresenceStatus{State: r.is.state, Since: r.since, HeardAt: r.contact.heard}})
		}
	}
	if len(changed) == 0 {
		return nil
	}
	if err := writePresence(ctx, tx, changed); err != nil {
		return fmt.Errorf("write presence: %w", err)
	}
	if err := writePresenceLog(ctx, tx, steps, now); err != nil {
		return fmt.Errorf("write presence log: %w", err)
	}
	tx.OnCommit(func() { s.events.Publish(changes) })
	return nil
}

// missed reads what the pumps give whose silence stands, or begins, as an alarm that
// is not the highest yet: a reservoir runs low while nobody hears of it.
func (s *Service) missed(ctx context.Context, tx *postgres.Tx, rows []presenceRow, our uplink, now time.Time) (map[int64]burden, error) {
	var ids pq.Int64Array
	for _, r := range rows {
		if !r.urgent && judge(r.contact, r.rule, our, now, r.is).lost {
			ids = append(ids, r.pump)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return readBurdens(ctx, tx, ids)
}

// commLost raises COMM_LOST, or raises its priority, or clears it.
func (s *Service) commLost(ctx context.Context, tx *postgres.Tx, ref registry.PumpRef, r *presenceRow, b burden, now time.Time) error {
	if !r.is.lost {
		_, err := s.Alarms.ClearTx(ctx, tx, alarm.Clear{
			Pump: ref.ID, Site: ref.Site, Code: "COMM_LOST", Source: alarm.SourceServer, At: now, Actor: auth.System("presence"), Link: r.contact.link,
		})
		return err
	}
	raise := alarm.Raise{
		Pump: ref.ID, Site: ref.Site, Code: "COMM_LOST", Source: alarm.SourceServer, Priority: b.priority(now), At: now, Actor: auth.System("presence"), Link: r.contact.link,
		Detail: map[string]string{
			"last_heard": r.contact.heard.UTC().Format(time.RFC3339),
			"silent_s":   strconv.FormatInt(int64(r.contact.silent(now)/time.Second), 10),
			"limit_s":    strconv.FormatInt(int64(r.rule.Alarm/time.Second), 10),
		},
	}
	b.tell(&raise)
	_, _, err := s.Alarms.RaiseTx(ctx, tx, raise)
	return err
}

// readBurdens reads what pumps give. One that has said nothing of it is not in the
// result.
func readBurdens(ctx context.Context, q querier, pumps pq.Int64Array) (map[int64]burden, error) {
	rows, err := q.QueryContext(ctx, `SELECT p, coalesce(s.severity, 0), least(l.device_at, l.received_at), coalesce(l.reservoir_nl, 0), coalesce(l.rate_nl_day, 0)
FROM unnest($1::bigint[]) p LEFT JOIN telemetry_states s ON s.pump_id = p LEFT JOIN telemetry_latest l ON l.pump_id = p`, pumps)
	if err != nil {
		return nil, fmt.Errorf("read what pumps give: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out := make(map[int64]burden, len(pumps))
	for rows.Next() {
		var pump, nl, nlDay int64
		var b burden
		var at sql.NullTime
		if err := rows.Scan(&pump, &b.severity, &at, &nl, &nlDay); err != nil {
			return nil, fmt.Errorf("read what pumps give: %w", err)
		}
		if at.Valid {
			b.empty = emptyAt(at.Time, nl, nlDay)
		}
		out[pump] = b
	}
	return out, rows.Err()
}

func readPresence(ctx context.Context, q querier, query string, args ...any) ([]presenceRow, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []presenceRow
	for rows.Next() {
		r, err := scanPresence(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func writePresence(ctx context.Context, q querier, rows []presenceRow) error {
	n := len(rows)
	var ints [11]pq.Int64Array
	for i := range ints {
		ints[i] = make(pq.Int64Array, n)
	}
	states, links, boots, reasons := make(pq.StringArray, n), make(pq.StringArray, n), make(pq.StringArray, n), make(pq.StringArray, n)
	sessions := make(pq.ByteaArray, n)
	connected, lost, urgent := make(pq.BoolArray, n), make(pq.BoolArray, n), make(pq.BoolArray, n)
	for i, r := range rows {
		c := r.contact
		for k, v := range [...]int64{
			r.pump, ms(r.since), ms(c.heard), int64(c.key.conn), ms(c.connectedAt), ms(c.closedAt),
			int64(r.rule.Grace / time.Second), int64(r.rule.Stale / time.Second), int64(r.rule.Offline / time.Second), int64(r.rule.Alarm / time.Second), c.deaf.Milliseconds(),
		} {
			ints[k][i] = v
		}
		states[i], links[i], boots[i], reasons[i] = string(r.is.state), c.link, c.key.boot, c.reason
		sessions[i], connected[i], lost[i], urgent[i] = bytesOf(c.session), c.connected, r.is.lost, r.urgent
	}
	args := make([]any, 0, 19)
	for _, a := range ints {
		args = append(args, a)
	}
	args = append(args, states, links, boots, reasons, sessions, connected, lost, urgent)
	_, err := q.ExecContext(ctx, `INSERT INTO telemetry_presence (`+presenceColumns+`)
SELECT pump, state, `+optionalMS("since")+`, `+optionalMS("heard")+`, link, boot, conn, nullif(session, ''::bytea), connected, `+optionalMS("opened")+`, `+optionalMS("closed")+`, reason, lost, grace, stale, offline, alarm, deaf, urgent
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::integer[], $8::integer[], $9::integer[], $10::integer[],
    $11::bigint[], $12::text[], $13::text[], $14::text[], $15::text[], $16::bytea[], $17::boolean[], $18::boolean[], $19::boolean[])
    u(pump, since, heard, conn, opened, closed, grace, stale, offline, alarm, deaf, state, link, boot, reason, session, connected, lost, urgent)
ORDER BY pump
ON CONFLICT (pump_id) DO UPDATE SET state = excluded.state, since = excluded.since, heard_at = excluded.heard_at, link = excluded.link, server_boot = excluded.server_boot,
    conn = excluded.conn, session = excluded.session, connected = excluded.connected, connected_at = excluded.connected_at, closed_at = excluded.closed_at,
    close_reason = excluded.close_reason, comm_lost = excluded.comm_lost, grace_s = excluded.grace_s, stale_s = excluded.stale_s, offline_s = excluded.offline_s, lost_s = excluded.lost_s, deaf_ms = excluded.deaf_ms, lost_urgent = excluded.lost_urgent`, args...)
	return err
}

// presenceStep is a row of the presence log.
type presenceStep struct {
	pump       int64
	was, state Presence
	reason     string
}

func writePresenceLog(ctx context.Context, q querier, steps []presenceStep, now time.Time) error {
	if len(steps) == 0 {
		return nil
	}
	n := len(steps)
	pumps, was, states, reasons := make(pq.Int64Array, n), make(pq.StringArray, n), make(pq.StringArray, n), make(pq.StringArray, n)
	for i, p := range steps {
		pumps[i], was[i], states[i], reasons[i] = p.pump, string(p.was), string(p.state), p.reason
	}
	_, err := q.ExecContext(ctx, `WITH l AS (
    INSERT INTO telemetry_presence_log (pump_id, at, was, state, reason)
    SELECT pump, $5, was, state, reason FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) u(pump, was, state, reason) RETURNING id
)
INSERT INTO telemetry_presence_news (log_id) SELECT id FROM l`,
		pumps, was, states, reasons, now)
	return err
}

// writeSessions stores connections that were opened or closed.
func writeSessions(ctx context.Context, q querier, sessions []sessionRow) error {
	for _, r := range sessions {
		var notAfter any
		if !r.s.CertNotAfter.IsZero() {
			notAfter = r.s.CertNotAfter
		}
		var closed any
		if !r.closed.IsZero() {
			closed = r.closed
		}
		_, err := q.ExecContext(ctx, `INSERT INTO telemetry_sessions (server_boot, conn, link, pump_id, remote, cert_serial, cert_not_after, opened_at, closed_at, close_reason)
VALUES ($1, $2, $3, nullif($4::bigint, 0), $5, $6, $7, $8, $9, $10)
ON CONFLICT (server_boot, conn) DO UPDATE SET closed_at = excluded.closed_at, close_reason = excluded.close_reason WHERE excluded.closed_at IS NOT NULL`,
			r.s.Boot, int64(r.s.Conn), r.s.Link, r.pump, r.s.RemoteAddr, r.s.CertSerial, notAfter, r.s.At, closed, r.reason)
		if err != nil {
			return fmt.Errorf("write sessions: %w", err)
		}
	}
	return nil
}
