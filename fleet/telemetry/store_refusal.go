package telemetry

import (
	"cmp"
	"context"
	"slices"
	"time"

	"cisterna/device/wire"
)

// refusalKey is what is counted together.
type refusalKey struct {
	link, code string
	hour       int64 // Unix seconds
}

func (r *refusal) key() refusalKey {
	return refusalKey{r.link, r.code, r.at.Truncate(time.Hour).Unix()}
}

// writeRefusals counts refusals and keeps as many of them as are kept, in the
// caller's transaction. It notes in each what became of it.
func writeRefusals(ctx context.Context, q querier, batch []refusal) error {
	groups := map[refusalKey][]*refusal{}
	for i := range batch {
		r := &batch[i]
		r.first, r.excess, r.flood = false, false, false
		groups[r.key()] = append(groups[r.key()], r)
	}
	keys := make([]refusalKey, 0, len(groups))
	for k := range groups {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b refusalKey) int { // everybody in the same order: no deadlock
		return cmp.Or(cmp.Compare(a.link, b.link), cmp.Compare(a.code, b.code), cmp.Compare(a.hour, b.hour))
	})
	for _, k := range keys {
		if err := writeRefusalGroup(ctx, q, k, groups[k]); err != nil {
			return err
		}
	}
	return nil
}

func writeRefusalGroup(ctx context.Context, q querier, k refusalKey, group []*refusal) error {
	last := group[len(group)-1]
	var n, rateID int64
	err := scanOne(ctx, q, []any{&n, &rateID}, `INSERT INTO telemetry_refusal_counts AS c (link, code, hour, pump_id, n, last_at)
VALUES ($1, $2, $3, nullif($4::bigint, 0), $5, $6)
ON CONFLICT (link, code, hour) DO UPDATE SET n = c.n + excluded.n, last_at = excluded.last_at, pump_id = coalesce(excluded.pump_id, c.pump_id)
RETURNING n, coalesce(rate_id, 0)`, k.link, k.code, time.Unix(k.hour, 0), last.pump, len(group), last.at)
	if err != nil {
		return err
	}
	before := n - int64(len(group))
	for i, r := range group {
		nth := before + int64(i)
		r.first, r.excess, r.flood = nth == 0, nth >= keepRows, nth == keepRows
		if r.excess {
			continue
		}
		body := r.body
		if nth >= keepWhole && len(body) > keepBytes {
			body = body[:keepBytes]
		}
		if err := insertRefusal(ctx, q, r, body); err != nil {
			return err
		}
	}
	excess := n - keepRows
	switch {
	case excess <= 0:
		return nil
	case rateID != 0:
		_, err := q.ExecContext(ctx, `UPDATE telemetry_refusals SET n = $2, received_at = $3 WHERE id = $1`, rateID, excess, last.at)
		return err
	}
	if err := scanOne(ctx, q, []any{&rateID}, `INSERT INTO telemetry_refusals (pump_id, link, kind, code, reason, received_at, n)
VALUES (nullif($1::bigint, 0), $2, $3, $4, $5, $6, $7) RETURNING id`,
		last.pump, k.link, last.topic(), CodeRate, "More messages were refused with "+k.code+" in this hour than are kept.", last.at, excess); err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, `UPDATE telemetry_refusal_counts SET rate_id = $4 WHERE link = $1 AND code = $2 AND hour = $3`,
		k.link, k.code, time.Unix(k.hour, 0), rateID)
	return err
}

func insertRefusal(ctx context.Context, q querier, r *refusal, body []byte) error {
	var claimed []byte
	if r.claimed != (wire.PumpID{}) {
		claimed = r.claimed[:]
	}
	var deviceAt any
	if r.wall != 0 {
		if t := time.UnixMilli(r.wall); t.Year() >= 1 && t.Year() <= 9999 {
			deviceAt = t
		}
	}
	_, err := q.ExecContext(ctx, `INSERT INTO telemetry_refusals (pump_id, link, kind, code, reason, claimed, epoch, seq, device_at, received_at, size, body)
VALUES (nullif($1::bigint, 0), $2, $3, $4, $5, $6, nullif($7::bigint, 0), nullif($8::bigint, 0), $9, $10, $11, $12)`,
		r.pump, r.link, r.topic(), r.code, storable(r.reason), claimed, int64(r.epoch), int64(r.seq), deviceAt, r.at, len(r.body), body)
	return err
}

// scanOne reads the one row of a statement that returns one.
func scanOne(ctx context.Context, q querier, dest []any, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return errNoRow
	}
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	return rows.Close()
}
