package telemetry

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/device/wire"
	"cisterna/internal/errs"
)

// maxPage bounds a page of any list.
const maxPage = 500

func page(limit int) int {
	if limit <= 0 {
		return 100
	}
	return min(limit, maxPage)
}

// start turns the zero Mark into a place before all others.
func (m Mark) start() Mark {
	if m.IsZero() {
		return Mark{At: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), A: 1<<63 - 1, B: 1<<63 - 1, C: 1<<63 - 1}
	}
	return m
}

// Codes chooses by code. The zero Codes chooses all.
type Codes struct {
	Only []string // nil: any
	Not  []string // none of these
}

// EventsOf returns what a pump reported, newest first, from before on.
func (s *Service) EventsOf(ctx context.Context, pump int64, codes Codes, before Mark, limit int) ([]Event, error) {
	before = before.start()
	rows, err := s.DB.QueryContext(ctx, `SELECT epoch, seq, code, detail, device_at, received_at, at FROM telemetry_events
WHERE pump_id = $1 AND (at, epoch, seq) < ($2, $3, $4) AND ($6::text[] IS NULL OR code = ANY ($6)) AND NOT code = ANY ($7) ORDER BY at DESC, epoch DESC, seq DESC LIMIT $5`,
		pump, before.At, before.A, before.B, page(limit), pq.StringArray(codes.Only), pq.StringArray(append([]string{}, codes.Not...)))
	return scanAll(rows, err, "events", func(rows *sql.Rows) (Event, error) {
		e := Event{Pump: pump}
		var detail []byte
		if err := rows.Scan(&e.Epoch, &e.Seq, &e.Code, &detail, &e.DeviceAt, &e.ReceivedAt, &e.At); err != nil {
			return e, err
		}
		return e, json.Unmarshal(detail, &e.Detail)
	})
}

// GapsOf returns what a pump declared lost, newest first, from before on.
func (s *Service) GapsOf(ctx context.Context, pump int64, before Mark, limit int) ([]Gap, error) {
	before = before.start()
	rows, err := s.DB.QueryContext(ctx, `SELECT lane, epoch, first_seq, last_seq, lost_epoch, reason, from_at, until_at, device_at, received_at, at FROM telemetry_gaps
WHERE pump_id = $1 AND (at, epoch, first_seq, lane::bigint) < ($2, $3, $4, $5) ORDER BY at DESC, epoch DESC, first_seq DESC, lane DESC LIMIT $6`,
		pump, before.At, before.A, before.B, before.C, page(limit))
	return scanAll(rows, err, "gaps", func(rows *sql.Rows) (Gap, error) {
		g := Gap{Pump: pump}
		var from, until sql.NullTime
		err := rows.Scan(&g.Lane, &g.Epoch, &g.First, &g.Last, &g.LostEpoch, &g.Reason, &from, &until, &g.DeviceAt, &g.ReceivedAt, &g.At)
		g.FromAt, g.UntilAt = from.Time, until.Time
		return g, err
	})
}

// PresenceOf returns a pump's steps of presence, newest first, from before
// on.
func (s *Service) PresenceOf(ctx context.Context, pump int64, before Mark, limit int) ([]PresenceChange, error) {
	before = before.start()
	rows, err := s.DB.QueryContext(ctx, `SELECT id, at, was, state, reason FROM telemetry_presence_log
WHERE pump_id = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4`, pump, before.At, before.A, page(limit))
	return scanAll(rows, err, "presence", func(rows *sql.Rows) (PresenceChange, error) {
		c := PresenceChange{Pump: pump}
		return c, rows.Scan(&c.ID, &c.At, &c.Was, &c.State, &c.Reason)
	})
}

// RefusalsOf returns what was refused of a pump's link, newest first, from before
// on.
func (s *Service) RefusalsOf(ctx context.Context, pump int64, before Mark, limit int) ([]Refusal, error) {
	before = before.start()
	rows, err := s.DB.QueryContext(ctx, `SELECT id, link, kind, code, reason, claimed, coalesce(epoch, 0), coalesce(seq, 0), device_at, received_at, n, size FROM telemetry_refusals
WHERE pump_id = $1 AND (received_at, id) < ($2, $3) ORDER BY received_at DESC, id DESC LIMIT $4`, pump, before.At, before.A, page(limit))
	return scanAll(rows, err, "refusals", func(rows *sql.Rows) (Refusal, error) {
		r := Refusal{Pump: pump}
		var claimed []byte
		var device sql.NullTime
		err := rows.Scan(&r.ID, &r.Link, &r.Kind, &r.Code, &r.Reason, &claimed, &r.Epoch, &r.Seq, &device, &r.ReceivedAt, &r.N, &r.Size)
		r.Claimed, r.DeviceAt = hex.EncodeToString(claimed), device.Time
		return r, err
	})
}

// RefusalBody returns the kept bytes of a refusal of the pump, or errs.NotFound.
func (s *Service) RefusalBody(ctx context.Context, pump, id int64) ([]byte, error) {
	var body []byte
	err := s.DB.GetContext(ctx, &body, `SELECT coalesce(body, ''::bytea) FROM telemetry_refusals WHERE id = $1 AND pump_id = $2`, id, pump)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errs.NotFoundf("There is no such refusal.")
	}
	return body, err
}

// RefusalCounts returns how many messages of a pump's link were refused since a
// time, whole hours, by code.
func (s *Service) RefusalCounts(ctx context.Context, pump int64, since time.Time) (map[string]int64, error) {
	rows, err := s.DB.QueryContext(ctx, `SELECT code, sum(n)::bigint FROM telemetry_refusal_counts WHERE pump_id = $1 AND hour >= $2 GROUP BY code`, pump, since.Truncate(time.Hour))
	type count struct {
		code string
		n    int64
	}
	all, err := scanAll(rows, err, "refusal counts", func(rows *sql.Rows) (c count, err error) {
		return c, rows.Scan(&c.code, &c.n)
	})
	out := make(map[string]int64, len(all))
	for _, c := range all {
		out[c.code] = c.n
	}
	return out, err
}

// CursorsOf returns what is committed of a pump, by lane; lanes without anything
// are missing.
func (s *Service) CursorsOf(ctx context.Context, pump int64) ([]Cursor, error) {
	rows, err := s.DB.QueryContext(ctx, `SELECT lane, epoch, seq, device_at, moved_at FROM telemetry_cursors WHERE pump_id = $1 ORDER BY lane`, pump)
	return scanAll(rows, err, "cursors", func(rows *sql.Rows) (Cursor, error) {
		var c Cursor
		var device sql.NullTime
		err := rows.Scan(&c.Lane, &c.Epoch, &c.Seq, &device, &c.MovedAt)
		c.DeviceAt = device.Time
		return c, err
	})
}

// SessionsOf returns the connections of a pump's links, newest first.
func (s *Service) SessionsOf(ctx context.Context, pump int64, limit int) ([]Session, error) {
	rows, err := s.DB.QueryContext(ctx, `SELECT link, remote, server_boot, conn, cert_serial, cert_not_after, opened_at, closed_at, close_reason FROM telemetry_sessions
WHERE pump_id = $1 ORDER BY opened_at DESC, conn DESC LIMIT $2`, pump, page(limit))
	return scanAll(rows, err, "sessions", func(rows *sql.Rows) (Session, error) {
		c := Session{Pump: pump}
		var notAfter, closed sql.NullTime
		err := rows.Scan(&c.Link, &c.Remote, &c.Boot, &c.Conn, &c.CertSerial, &notAfter, &c.OpenedAt, &closed, &c.Reason)
		c.CertNotAfter, c.ClosedAt = notAfter.Time, closed.Time
		return c, err
	})
}

// Latest returns a pump's newest sample; ok is false if there is none.
func (s *Service) Latest(ctx context.Context, pump int64) (v Sample, ok bool, err error) {
	var sensed int64
	err = s.DB.QueryRowContext(ctx, `SELECT device_at, received_at, run, rate_nl_day, delivered_nl, reservoir_nl, coalesce(sensed_nl, -1), battery_mv, temperature_mc, pressure_pa, ptm_given, ptm_denied, flags
FROM telemetry_latest WHERE pump_id = $1`, pump).Scan(&v.DeviceAt, &v.ReceivedAt, &v.Run, &v.RateNLDay, &v.DeliveredNL, &v.ReservoirNL, &sensed, &v.BatteryMV,
		&v.TemperatureM, &v.PressurePa, &v.PTMGiven, &v.PTMDenied, &v.Flags)
	v.SensedNL = sensed
	if errors.Is(err, sql.ErrNoRows) {
		return Sample{}, false, nil
	}
	return v, err == nil, err
}

// State returns what a pump last said about itself; ok is false if it never did.
// Hello fields are empty until its first hello.
func (s *Service) State(ctx context.Context, pump int64) (st State, ok bool, err error) {
	var hello, beat sql.NullTime
	var caps, vendor []byte
	var protoMin, protoMax, mainEpoch, mainSeq, alarmEpoch, alarmSeq, backlog, comm sql.NullInt64
	err = s.DB.QueryRowContext(ctx, `SELECT hello_at, heartbeat_at, device_at, mono_ms, protocol_min, protocol_max, array_to_json(caps), coalesce(serial, ''), coalesce(model, ''),
    coalesce(firmware, ''), coalesce(firmware_comm, ''), main_epoch, main_seq, alarms_epoch, alarms_seq, vendor, program, contents,
    run, state_hash, program_hash, profile_hash, lib_hash, keyset, gen, order_epoch, counter, stop_counter, order_window, checkpoint_size, checkpoint_root, smaller, backlog, comm_mv
FROM telemetry_states WHERE pump_id = $1`, pump).Scan(&hello, &beat, &st.DeviceAt, &st.Mono, &protoMin, &protoMax, &caps, &st.Serial, &st.Model,
		&st.Firmware, &st.FirmwareComm, &mainEpoch, &mainSeq, &alarmEpoch, &alarmSeq, &vendor, &st.Program, &st.Contents,
		&st.Run, &st.StateHash, &st.ProgramHash, &st.Profile, &st.Library, &st.Keyset, &st.Gen, &st.OrderEpoch, &st.Counter, &st.StopCounter, &st.Window,
		&st.Checkpoint.Size, &st.Checkpoint.Root, &st.Smaller, &backlog, &comm)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return State{}, false, nil
	case err != nil:
		return State{}, false, fmt.Errorf("read the state of pump %d: %w", pump, err)
	}
	st.HelloAt, st.HeartbeatAt = hello.Time, beat.Time
	st.ProtocolMin, st.ProtocolMax = int(protoMin.Int64), int(protoMax.Int64)
	st.Main = wire.Position{Epoch: uint64(mainEpoch.Int64), Seq: uint64(mainSeq.Int64)}
	st.Alarm = wire.Position{Epoch: uint64(alarmEpoch.Int64), Seq: uint64(alarmSeq.Int64)}
	st.Backlog, st.CommMV = backlog.Int64, comm.Int64
	for _, j := range []struct {
		b    []byte
		into any
	}{{caps, &st.Caps}, {vendor, &st.Vendor}} {
		if j.b == nil {
			continue
		}
		if err := json.Unmarshal(j.b, j.into); err != nil {
			return State{}, false, fmt.Errorf("read the state of pump %d: %w", pump, err)
		}
	}
	return st, true, nil
}

// scanAll reads all rows of a query.
func scanAll[T any](rows *sql.Rows, err error, what string, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	defer func() { _ = rows.Close() }()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", what, err)
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return all, nil
}

// HeldKeyset is the keyset that a pump said it has, and when it said so last.
type HeldKeyset struct {
	Version uint64
	At      time.Time
}

// Keysets returns which keyset each pump said it has.
func (s *Service) Keysets(ctx context.Context) (map[int64]HeldKeyset, error) {
	rows, err := s.DB.QueryContext(ctx, `SELECT pump_id, keyset, greatest(hello_at, heartbeat_at) FROM telemetry_states WHERE keyset > 0`)
	if err != nil {
		return nil, fmt.Errorf("read the keysets of pumps: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out := map[int64]HeldKeyset{}
	for rows.Next() {
		var pump int64
		var h HeldKeyset
		var at sql.NullTime
		if err := rows.Scan(&pump, &h.Version, &at); err != nil {
			return nil, err
		}
		h.At = at.Time
		out[pump] = h
	}
	return out, rows.Err()
}

// Reachable reports whether a pump's communicator is connected as far as is known,
// and when it was heard last.
func (s *Service) Reachable(ctx context.Context, pump int64) (connected bool, heard time.Time, err error) {
	var at sql.NullTime
	err = s.DB.QueryRowContext(ctx, `SELECT connected, heard_at FROM telemetry_presence WHERE pump_id = $1`, pump).Scan(&connected, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return false, time.Time{}, nil
	}
	return connected, at.Time, err
}

// newestReceipt returns the newest time of receipt that is stored, Unix ms, 0 if there
// is none.
func newestReceipt(ctx context.Context, db *sqlx.DB) (ms int64, err error) {
	err = db.GetContext(ctx, &ms, `SELECT coalesce((extract(epoch FROM max(received_at)) * 1000)::bigint, 0) FROM telemetry_latest`)
	if err != nil {
		return 0, fmt.Errorf("newest time of receipt: %w", err)
	}
	return ms, nil
}
