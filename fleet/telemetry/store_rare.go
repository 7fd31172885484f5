package telemetry

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"

	"cisterna/device/wire"
)

// querier is a transaction, however it was begun.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// eventRow and gapRow are rows as they are written.
type eventRow struct {
	pump  int64
	epoch uint64
	rec   *wire.Record
	at    time.Time
}

type gapRow struct {
	pump        int64
	lane        wire.Lane
	epoch       uint64
	first, last uint64
	gap         *wire.Gap
	from, until int64 // Unix ms of the pump's clock, 0 = not known
	wall        int64 // of the gap record itself
	at          time.Time
}

// rares collects what is rare in a batch. It walks records in order, so that the
// record that ends a gap in time can be told.
type rares struct {
	events   []eventRow
	gaps     []gapRow
	closed   map[int64]int64 // pump → clock at the record that ended gaps stored earlier
	refusals []refusal
}

// gapWalk follows one pump through a batch.
type gapWalk struct {
	wall  int64 // the clock at the last good record
	after bool  // gaps stored earlier still want their end
	open  []int // of rares.gaps
}

// walk goes through one accepted message.
func (c *rares) walk(m *message, w *gapWalk) {
	for i := range m.batch.Records {
		r := &m.batch.Records[i]
		if r.Last() < m.first || r.Seq > m.last {
			continue
		}
		if r.Kind == wire.RecordGap {
			w.open = append(w.open, len(c.gaps))
			c.gaps = append(c.gaps, gapRow{
				pump: m.pump, lane: m.lane, epoch: m.batch.Epoch, first: max(r.Seq, m.first), last: min(r.Last(), m.last),
				gap: r.Gap, from: w.wall, wall: r.Wall, at: m.at,
			})
			continue
		}
		wall := r.Wall
		if code, _ := checkClock(wall, m.at); code != "" {
			wall = m.at.UnixMilli()
		}
		if w.after {
			c.closed[m.pump], w.after = wall, false
		}
		for _, g := range w.open {
			c.gaps[g].until = wall
		}
		w.wall, w.open = wall, w.open[:0]
		if r.Kind == wire.RecordEvent {
			c.events = append(c.events, eventRow{m.pump, m.batch.Epoch, r, m.at})
		}
	}
	for _, b := range m.bad {
		if b.seq < m.first || b.seq > m.last {
			continue
		}
		c.refusals = append(c.refusals, refusal{
			pump: m.pump, site: m.site, link: m.link, kind: m.kind, code: b.code, reason: b.reason,
			claimed: m.wire, epoch: m.batch.Epoch, seq: b.seq, wall: b.wall, at: m.at, body: b.bytes,
		})
	}
}

// writeRare stores events, gaps and refused records of a batch of the main lane.
func writeRare(ctx context.Context, q querier, p *plan, batch []*message) error {
	c := rares{closed: map[int64]int64{}}
	walks := map[int64]*gapWalk{}
	for i, m := range batch {
		if p.verdicts[i] != accept {
			continue
		}
		w := walks[m.pump]
		if w == nil {
			pp := p.pumps[m.pump]
			w = &gapWalk{wall: pp.was.wall, after: pp.was.afterGap}
			walks[m.pump] = w
		}
		c.walk(m, w)
	}
	if err := writeEvents(ctx, q, c.events); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	if err := writeGaps(ctx, q, wire.MainLane, &c); err != nil {
		return fmt.Errorf("write gaps: %w", err)
	}
	if err := writeRefusals(ctx, q, c.refusals); err != nil {
		return fmt.Errorf("write refused records: %w", err)
	}
	return nil
}

func writeEvents(ctx context.Context, q querier, events []eventRow) error {
	if len(events) == 0 {
		return nil
	}
	n := len(events)
	pumps, epochs, seqs, walls, ats := make(pq.Int64Array, n), make(pq.Int64Array, n), make(pq.Int64Array, n), make(pq.Int64Array, n), make(pq.Int64Array, n)
	codes, details := make(pq.StringArray, n), make(pq.StringArray, n)
	for i, e := range events {
		pumps[i], epochs[i], seqs[i], walls[i], ats[i] = e.pump, int64(e.epoch), int64(e.rec.Seq), e.rec.Wall, e.at.UnixMilli()
		codes[i], details[i] = e.rec.Event.Code, detailJSON(e.rec.Event.Detail)
	}
	_, err := q.ExecContext(ctx, `INSERT INTO telemetry_events (pump_id, epoch, seq, code, detail, device_at, received_at)
SELECT pump, epoch, seq, code, detail::jsonb, timestamptz 'epoch' + wall * interval '1 millisecond', timestamptz 'epoch' + at * interval '1 millisecond'
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[]) u(pump, epoch, seq, code, detail, wall, at)`,
		pumps, epochs, seqs, codes, details, walls, ats)
	return err
}

func writeGaps(ctx context.Context, q querier, lane wire.Lane, c *rares) error {
	for pump, wall := range c.closed {
		_, err := q.ExecContext(ctx, `UPDATE telemetry_gaps SET until_at = timestamptz 'epoch' + $3 * interval '1 millisecond'
WHERE pump_id = $1 AND lane = $2 AND until_at IS NULL`, pump, int64(lane), wall)
		if err != nil {
			return err
		}
	}
	for _, g := range c.gaps {
		wall := g.wall
		if code, _ := checkClock(wall, g.at); code != "" {
			wall = g.at.UnixMilli()
		}
		_, err := q.ExecContext(ctx, `INSERT INTO telemetry_gaps (pump_id, lane, epoch, first_seq, last_seq, lost_epoch, reason, from_at, until_at, device_at, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, `+optionalMS("$8")+`, `+optionalMS("$9")+`, timestamptz 'epoch' + $10 * interval '1 millisecond', timestamptz 'epoch' + $11 * interval '1 millisecond')`,
			g.pump, int64(lane), int64(g.epoch), int64(g.first), int64(g.last), int64(g.gap.LostEpoch), storable(g.gap.Reason), g.from, g.until, wall, g.at.UnixMilli())
		if err != nil {
			return err
		}
	}
	return nil
}

// optionalMS is Unix milliseconds as a timestamptz, 0 as NULL.
func optionalMS(arg string) string {
	return `CASE ` + arg + `::bigint WHEN 0 THEN NULL ELSE timestamptz 'epoch' + ` + arg + `::bigint * interval '1 millisecond' END`
}

// storable makes text storable: pumps may send any UTF-8, PostgreSQL keeps no NUL.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func detailJSON(d map[string]string) string {
	if len(d) == 0 {
		return "{}"
	}
	b, err := json.Marshal(cleanMap(d))
	if err != nil {
		return "{}" // a map of strings always encodes
	}
	return string(b)
}
