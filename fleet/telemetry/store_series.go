package telemetry

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/errs"
)

// Series returns a pump's samples of [from, to) by its own clock, as at most
// points entries. Short spans come raw, longer ones from the rollups; what has to
// be put together keeps its smallest and largest values. Errors: Invalid.
func (s *Service) Series(ctx context.Context, pump int64, from, to time.Time, points int) (Series, error) {
	switch {
	case !from.Before(to):
		return Series{}, errs.InvalidField("from", "The span must begin before it ends.")
	case points < 2 || points > MaxPoints:
		return Series{}, errs.InvalidField("points", "Ask for 2 to %d points.", MaxPoints)
	}
	from, to = from.UTC(), to.UTC()
	res, width := resolve(to.Sub(from), points)
	out, err := s.series(ctx, pump, from, to, res, width, points)
	if err != nil {
		return Series{}, fmt.Errorf("read the series of pump %d: %w", pump, err)
	}
	out.Resolution, out.From, out.To = res, from, to
	lost, err := s.lostSpans(ctx, pump, from, to)
	if err != nil {
		return Series{}, fmt.Errorf("read the gaps of pump %d: %w", pump, err)
	}
	out.Gaps = joinSpans(append(lost, silences(out.At, out.Width)...))
	return out, nil
}

func (s *Service) series(ctx context.Context, pump int64, from, to time.Time, res Resolution, width time.Duration, points int) (Series, error) {
	if res == Raw {
		out, err := s.rawSeries(ctx, pump, from, to, points)
		if err != nil || len(out.At) <= points {
			return out, err
		}
		return s.bucketSeries(ctx, pump, from, to, res, width, time.Time{})
	}
	// Rollups come a minute or more late: what is not in them yet, at the end
	// and wherever a backlog has just arrived, is made of the samples.
	upto, err := s.rolledUpTo(ctx)
	if err != nil {
		return Series{}, err
	}
	end := time.UnixMilli(upto.Add(-time.Minute).UnixMilli() / width.Milliseconds() * width.Milliseconds()).UTC()
	if to.Before(end) {
		end = to
	}
	out := Series{Width: width}
	if from.Before(end) {
		if out, err = s.bucketSeries(ctx, pump, from, end, res, width, time.Time{}); err != nil {
			return Series{}, err
		}
		late, err := s.bucketSeries(ctx, pump, from, end, Raw, width, upto)
		if err != nil {
			return Series{}, err
		}
		out = out.with(late)
	}
	if end.Before(to) {
		tail, err := s.bucketSeries(ctx, pump, latest(from, end), to, Raw, width, time.Time{})
		if err != nil {
			return Series{}, err
		}
		out.append(tail)
	}
	return out, nil
}

// rolledUpTo returns the time of receipt up to which the rollups hold every
// sample.
func (s *Service) rolledUpTo(ctx context.Context) (time.Time, error) {
	var upto sql.NullTime
	if err := s.DB.GetContext(ctx, &upto, `SELECT max(upto) FROM telemetry_watermarks WHERE job = 'rollup'`); err != nil {
		return time.Time{}, err
	}
	if !upto.Valid {
		return time.Unix(0, 0).UTC(), nil
	}
	return upto.Time, nil
}

// with returns s with the buckets of t, of the same width, put in. Where both
// have a bucket the one of more samples counts: raw data is gone before its
// rollup is.
func (s Series) with(t Series) Series {
	if len(t.At) == 0 {
		return s
	}
	out := Series{Width: s.Width}
	i, k := 0, 0
	for i < len(s.At) || k < len(t.At) {
		switch {
		case k == len(t.At) || i < len(s.At) && s.At[i] < t.At[k]:
			out.append(s.slice(i))
			i++
		case i == len(s.At) || t.At[k] < s.At[i]:
			out.append(t.slice(k))
			k++
		default:
			if t.N[k] >= s.N[i] {
				out.append(t.slice(k))
			} else {
				out.append(s.slice(i))
			}
			i++
			k++
		}
	}
	return out
}

// slice returns entry i alone.
func (s *Series) slice(i int) Series {
	out := Series{At: s.At[i : i+1], N: s.N[i : i+1], Run: s.Run[i : i+1]}
	to := out.bands()
	for j, b := range s.bands() {
		to[j].Last, to[j].Min, to[j].Max = b.Last[i:i+1], b.Min[i:i+1], b.Max[i:i+1]
	}
	return out
}

// append puts the entries of t, of the same width, behind those of s.
func (s *Series) append(t Series) {
	s.At, s.N, s.Run = append(s.At, t.At...), append(s.N, t.N...), append(s.Run, t.Run...)
	from := t.bands()
	for i, b := range s.bands() {
		b.Last, b.Min, b.Max = append(b.Last, from[i].Last...), append(b.Min, from[i].Min...), append(b.Max, from[i].Max...)
	}
}

// rawSeries reads single samples, one more than points at most.
func (s *Service) rawSeries(ctx context.Context, pump int64, from, to time.Time, points int) (Series, error) {
	rows, err := s.DB.QueryContext(ctx, `SELECT (extract(epoch FROM device_at) * 1000)::bigint, reservoir_nl, rate_nl_day, delivered_nl, coalesce(sensed_nl, -1),
    battery_mv, temperature_mc, pressure_pa, run
FROM telemetry_samples WHERE pump_id = $1 AND device_at >= $2 AND device_at < $3 AND received_at >= $4
ORDER BY device_at, epoch, seq LIMIT $5`, pump, from, to, from.Add(-maxAhead), points+1)
	if err != nil {
		return Series{}, err
	}
	defer func() { _ = rows.Close() }()
	var out Series
	for rows.Next() {
		var at int64
		var v [7]int64
		var run wire.RunState
		if err := rows.Scan(&at, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &run); err != nil {
			return Series{}, err
		}
		out.At, out.N, out.Run = append(out.At, at), append(out.N, 1), append(out.Run, run)
		for i, b := range out.bands() {
			b.Last = append(b.Last, v[i])
		}
	}
	return out, rows.Err()
}

// bands lists the columns in the order of the queries.
func (s *Series) bands() [7]*Band {
	return [...]*Band{&s.ReservoirNL, &s.RateNLDay, &s.DeliveredNL, &s.SensedNL, &s.BatteryMV, &s.TemperatureMC, &s.PressurePa}
}

// bucketSeries puts samples or rollup rows together into buckets of a width.
// Buckets lie on whole multiples of it, so that a chart that moves on keeps its
// points. Of raw samples, a time in since leaves only the buckets that one
// received after it belongs to.
func (s *Service) bucketSeries(ctx context.Context, pump int64, from, to time.Time, res Resolution, width time.Duration, since time.Time) (Series, error) {
	const lastOf = `(array_agg(%[1]s ORDER BY %[2]s))[1]`
	var table, when, order, n, where, pre, suf string
	switch res {
	case Raw:
		table, when, order, n, where = "telemetry_samples", "device_at", "device_at DESC, epoch DESC, seq DESC", "count(*)", " AND received_at >= $5"
	case Minute:
		table, when, order, n, pre = "telemetry_minute", "bucket", "bucket DESC", "sum(n)::bigint", "rolled"
	default:
		table, when, order, n, pre = "telemetry_hour", "bucket", "bucket DESC", "sum(n)::bigint", "rolled"
	}
	name := func(column, part string) string {
		if pre == "" {
			return column + suf
		}
		return column + "_" + part
	}
	query := `SELECT (extract(epoch FROM date_bin($4 * interval '1 second', ` + when + `, timestamptz 'epoch')) * 1000)::bigint AS at, ` + n
	for _, c := range []string{"reservoir_nl", "rate_nl_day", "delivered_nl", "sensed_nl", "battery_mv", "temperature_mc", "pressure_pa"} {
		query += fmt.Sprintf(`, coalesce(`+lastOf+`, -1), coalesce(min(%[3]s), -1), coalesce(max(%[4]s), -1)`, name(c, "last"), order, name(c, "min"), name(c, "max"))
	}
	query += fmt.Sprintf(`, `+lastOf, name("run", "last"), order)
	args := []any{pump, from, to, int64(width / time.Second)}
	if res == Raw {
		args = append(args, from.Add(-maxAhead))
		if !since.IsZero() {
			where += ` AND date_bin($4 * interval '1 second', device_at, timestamptz 'epoch') IN (
    SELECT date_bin($4 * interval '1 second', device_at, timestamptz 'epoch') FROM telemetry_samples
    WHERE pump_id = $1 AND device_at >= $2 AND device_at < $3 AND received_at > $6)`
			args = append(args, since)
		}
	} else {
		args[1] = from.Truncate(map[Resolution]time.Duration{Minute: time.Minute, Hour: time.Hour}[res])
	}
	query += ` FROM ` + table + ` WHERE pump_id = $1 AND ` + when + ` >= $2 AND ` + when + ` < $3` + where + ` GROUP BY 1 ORDER BY 1`
	rows, err := s.DB.QueryContext(ctx, query, args...)
	if err != nil {
		return Series{}, err
	}
	defer func() { _ = rows.Close() }()
	out := Series{Width: width}
	for rows.Next() {
		var at, n int64
		var v [21]int64
		var run wire.RunState
		dest := []any{&at, &n}
		for i := range v {
			dest = append(dest, &v[i])
		}
		if err := rows.Scan(append(dest, &run)...); err != nil {
			return Series{}, err
		}
		out.At, out.N, out.Run = append(out.At, at), append(out.N, n), append(out.Run, run)
		for i, b := range out.bands() {
			b.Last, b.Min, b.Max = append(b.Last, v[3*i]), append(b.Min, v[3*i+1]), append(b.Max, v[3*i+2])
		}
	}
	return out, rows.Err()
}

// lostSpans returns the spans that a pump declared lost, cut to [from, to).
func (s *Service) lostSpans(ctx context.Context, pump int64, from, to time.Time) ([]Span, error) {
	rows, err := s.DB.QueryContext(ctx, `SELECT coalesce(from_at, device_at), until_at FROM telemetry_gaps
WHERE pump_id = $1 AND lane = 1 AND coalesce(from_at, device_at) < $3 AND coalesce(until_at, 'infinity') > $2 ORDER BY 1`, pump, from, to)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []Span
	for rows.Next() {
		var begin time.Time
		var end sql.NullTime
		if err := rows.Scan(&begin, &end); err != nil {
			return nil, err
		}
		span := Span{From: begin.UTC(), To: to, Lost: true}
		if end.Valid && end.Time.Before(to) {
			span.To = end.Time.UTC()
		}
		if span.From.Before(from) {
			span.From = from
		}
		if span.To.Before(span.From) {
			continue // the pump's clock was set back in between
		}
		out = append(out, span)
	}
	return out, rows.Err()
}
