package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// storeAlarms applies steps of the alarm lane in one transaction: alarms are
// raised and cleared, and the cursors move past them, or nothing happens.
func (s *Service) storeAlarms(steps []alarmStep) (map[int64]*pumpPlan, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var p plan
	batch := make([]*message, len(steps))
	for i := range steps {
		batch[i] = steps[i].m
	}
	err := postgres.InTx(ctx, s.AlarmDB, func(tx *postgres.Tx) error {
		tx.OnDoubt(func() { s.alarms.doubted(steps) })
		p.reset(batch)
		if err := lockAlarmCursors(ctx, tx, &p); err != nil {
			return fmt.Errorf("lock cursors: %w", err)
		}
		c := rares{closed: map[int64]int64{}}
		for i := range steps {
			if err := s.applyStep(ctx, tx, &p, &c, &steps[i]); err != nil {
				return err
			}
		}
		if err := writeGaps(ctx, tx, wire.AlarmLane, &c); err != nil {
			return fmt.Errorf("write gaps: %w", err)
		}
		if err := writeRefusals(ctx, tx, c.refusals); err != nil {
			return fmt.Errorf("write refused records: %w", err)
		}
		return moveAlarmCursors(ctx, tx, &p)
	})
	return p.pumps, err
}

func lockAlarmCursors(ctx context.Context, tx *postgres.Tx, p *plan) error {
	ids := make(pq.Int64Array, len(p.order))
	for i, pp := range p.order {
		ids[i] = pp.id
	}
	for try := range 2 {
		rows, err := tx.QueryContext(ctx, lockCursors, ids, int64(wire.AlarmLane))
		if err != nil {
			return err
		}
		n, err := p.scanCursors(rows)
		if err != nil || n == len(p.order) {
			return err
		}
		if try == 0 {
			if _, err := tx.ExecContext(ctx, addCursors, ids, int64(wire.AlarmLane)); err != nil {
				return err
			}
		}
	}
	return errors.New("cursors vanish as they are made")
}

func moveAlarmCursors(ctx context.Context, tx *postgres.Tx, p *plan) error {
	for _, pp := range p.order {
		if !pp.moved {
			continue
		}
		_, err := tx.ExecContext(ctx, `UPDATE telemetry_cursors SET epoch = $2, seq = $3, device_at = `+optionalMS("$4")+`, after_gap = $5, moved_at = now()
WHERE pump_id = $1 AND lane = 2`, pp.id, int64(pp.pos.Epoch), int64(pp.pos.Seq), pp.wall, pp.afterGap)
		if err != nil {
			return fmt.Errorf("move cursor: %w", err)
		}
	}
	return nil
}

// applyStep decides about a step against the locked cursor and applies its
// records in order.
func (s *Service) applyStep(ctx context.Context, tx *postgres.Tx, p *plan, c *rares, st *alarmStep) error {
	m, pp := st.m, p.pumps[st.m.pump]
	st.applied = 0
	from, v := follow(pp.pos, m.batch.Epoch, st.first, st.last, m.startsWithGap())
	st.verdict = v
	if v == ahead {
		pp.tooEarly(wire.Position{Epoch: m.batch.Epoch, Seq: st.last})
	}
	if v != accept {
		return nil
	}
	part := *m
	part.first, part.last = from, st.last
	w := gapWalk{wall: pp.wall, after: pp.afterGap}
	c.walk(&part, &w)
	for i := range m.batch.Records {
		r := &m.batch.Records[i]
		if r.Kind == wire.RecordGap || r.Seq < from || r.Seq > st.last {
			continue
		}
		if err := s.applyAlarm(ctx, tx, c, m, r); err != nil {
			return s.judge(ctx, tx, err)
		}
		st.applied++
	}
	for _, in := range [...]func(first, last uint64) (unread, bool){m.unreadIn, m.lostIn} {
		if u, ok := in(from, st.last); ok {
			if err := s.raiseUnread(ctx, tx, u); err != nil {
				return s.judge(ctx, tx, err)
			}
		}
	}
	pp.pos, pp.moved = wire.Position{Epoch: m.batch.Epoch, Seq: st.last}, true
	pp.wall, pp.afterGap = w.wall, w.after || len(w.open) > 0
	return nil
}

// judge tells an error about the record from one about the database: if the
// transaction still answers, it was the record.
func (s *Service) judge(ctx context.Context, tx *postgres.Tx, err error) error {
	if postgres.Code(err) != "" {
		return err
	}
	if _, dead := tx.ExecContext(ctx, "SELECT 1"); dead != nil {
		return err
	}
	return fmt.Errorf("%w: %w", errRecord, err)
}

func (s *Service) applyAlarm(ctx context.Context, tx *postgres.Tx, c *rares, m *message, r *wire.Record) error {
	// An impossible clock does not lose the alarm, only its time.
	deviceAt := time.UnixMilli(r.Wall).UTC()
	if code, reason := checkClock(r.Wall, m.at); code != "" {
		deviceAt = time.Time{}
		c.refusals = append(c.refusals, refusal{
			pump: m.pump, site: m.site, link: m.link, kind: m.kind, code: code,
			reason: "The alarm was taken without the pump's time. " + reason, claimed: m.wire, epoch: m.batch.Epoch, seq: r.Seq, wall: r.Wall, at: m.at,
			body: wire.AppendRecord(nil, r),
		})
	}
	pos := wire.Position{Epoch: m.batch.Epoch, Seq: r.Seq}
	actor := auth.Device(m.link)
	switch r.Kind {
	case wire.RecordRaise:
		_, _, err := s.Alarms.RaiseTx(ctx, tx, alarm.Raise{
			Pump: m.pump, Site: m.site, Code: r.Raise.Code, Source: alarm.SourcePump, Instance: r.Raise.Instance, Priority: r.Raise.Priority,
			Latched: r.Raise.Latched, DeviceAt: deviceAt, At: m.at, Detail: r.Raise.Detail, Actor: actor, Link: m.link, Pos: pos, Evidence: m.body,
		})
		return err
	case wire.RecordClear:
		_, err := s.Alarms.ClearTx(ctx, tx, alarm.Clear{
			Pump: m.pump, Site: m.site, Code: r.Clear.Code, Source: alarm.SourcePump, Instance: r.Clear.Instance, Repeated: r.Clear.Detail[wire.Repeated] != "",
			DeviceAt: deviceAt, At: m.at, Detail: r.Clear.Detail, Actor: actor, Link: m.link, Pos: pos, Evidence: m.body,
		})
		return err
	default:
		return fmt.Errorf("record kind %d in the alarm lane", r.Kind)
	}
}
