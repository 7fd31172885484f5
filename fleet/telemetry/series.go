package telemetry

import (
	"slices"
	"time"
)

// MaxPoints bounds a series.
const MaxPoints = 5000

// Spans up to which a resolution is used.
const (
	rawSpan    = 6 * time.Hour
	minuteSpan = 14 * 24 * time.Hour
)

// resolve picks what a series over a span is made of, and the width of its
// buckets for at most points of them: a whole number of the resolution's own.
func resolve(span time.Duration, points int) (Resolution, time.Duration) {
	res, unit := Hour, time.Hour
	switch {
	case span <= rawSpan:
		res, unit = Raw, time.Second
	case span <= minuteSpan:
		res, unit = Minute, time.Minute
	}
	width := span / time.Duration(points)
	return res, max(unit, (width+unit-1)/unit*unit)
}

// silences returns the spans between entries in which a pump that reports as
// regularly as this one must have been silent. width is that of the buckets, 0
// for single samples.
func silences(at []int64, width time.Duration) []Span {
	if len(at) < 3 {
		return nil
	}
	steps := make([]int64, len(at)-1)
	for i := range steps {
		steps[i] = at[i+1] - at[i]
	}
	sorted := slices.Sorted(slices.Values(steps))
	limit := max(3*sorted[len(sorted)/2], 2*width.Milliseconds(), 1000)
	var out []Span
	for i, d := range steps {
		if d > limit {
			out = append(out, Span{From: time.UnixMilli(at[i]).Add(width).UTC(), To: time.UnixMilli(at[i+1]).UTC()})
		}
	}
	return out
}

// joinSpans sorts spans and puts those that overlap together. A part that was
// lost makes the whole count as lost.
func joinSpans(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return a.From.Compare(b.From) })
	var out []Span
	for _, s := range spans {
		if n := len(out); n > 0 && !s.From.After(out[n-1].To) {
			if s.To.After(out[n-1].To) {
				out[n-1].To = s.To
			}
			out[n-1].Lost = out[n-1].Lost || s.Lost
			continue
		}
		out = append(out, s)
	}
	return out
}
