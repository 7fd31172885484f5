package telemetry

import (
	"context"
	"slices"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/errs"
)

func TestResolve(t *testing.T) {
	for _, tt := range []struct {
		span   time.Duration
		points int
		want   Resolution
		width  time.Duration
	}{
		{time.Hour, 3600, Raw, time.Second},
		{time.Hour, 500, Raw, 8 * time.Second},
		{6 * time.Hour, 1000, Raw, 22 * time.Second},
		{24 * time.Hour, 5000, Minute, time.Minute},
		{7 * day, 1000, Minute, 11 * time.Minute},
		{90 * day, 500, Hour, 5 * time.Hour},
		{24 * time.Hour, 2, Minute, 12 * time.Hour},
	} {
		if res, width := resolve(tt.span, tt.points); res != tt.want || width != tt.width || tt.span/width > time.Duration(tt.points) {
			t.Errorf("%v in %d points: %s by %v, want %s by %v", tt.span, tt.points, res, width, tt.want, tt.width)
		}
	}
}

func TestSilences(t *testing.T) {
	base := int64(1_700_000_000_000)
	at := []int64{base, base + 60_000, base + 120_000, base + 600_000, base + 660_000}
	got := silences(at, time.Minute)
	if len(got) != 1 || got[0].From.UnixMilli() != base+180_000 || got[0].To.UnixMilli() != base+600_000 || got[0].Lost {
		t.Errorf("silences %v", got)
	}
	if got := silences(at[:2], 0); got != nil {
		t.Errorf("two points are silent: %v", got)
	}
	joined := joinSpans([]Span{{time.Unix(30, 0), time.Unix(40, 0), false}, {time.Unix(10, 0), time.Unix(20, 0), true}, {time.Unix(15, 0), time.Unix(30, 0), false}})
	if !slices.Equal(joined, []Span{{time.Unix(10, 0), time.Unix(40, 0), true}}) {
		t.Errorf("joined %v", joined)
	}
}

// TestSeries compares every resolution with the samples themselves: what is
// least and most in them is least and most in any drawing of them.
func TestSeries(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	ctx := context.Background()
	end := time.Now().Add(-2 * time.Minute).Truncate(time.Hour)
	start := end.Add(-24 * time.Hour)
	// A sample every 30 s for a day, with a hole of an hour in the middle that
	// the pump declared.
	var recs []wire.Record
	hole := start.Add(12 * time.Hour)
	n := int64(0)
	for at := start; at.Before(end); at = at.Add(30 * time.Second) {
		if !at.Before(hole) && at.Before(hole.Add(time.Hour)) {
			continue
		}
		n++
		rec := sample(at.UnixMilli(), n)
		rec.Sample.PressurePa = 1000
		recs = append(recs, rec)
	}
	recs[777].Sample.PressurePa = 9999 // a spike that no drawing may lose
	recs[999].Sample.PressurePa = -9999
	for i, part := range slices.Collect(slices.Chunk(recs, 500)) {
		r.put(p.id, 1, uint64(i*500+1), end.Add(-time.Minute), part...)
	}
	r.exec(`INSERT INTO telemetry_gaps (pump_id, lane, epoch, first_seq, last_seq, reason, from_at, until_at, device_at, received_at)
VALUES ($1, 1, 1, 5000, 5119, 'overflow', $2, $3, $3, $3)`, p.id, hole.Add(-30*time.Second), hole.Add(time.Hour))
	r.rollUp()

	for _, tt := range []struct {
		name     string
		from, to time.Time
		points   int
		want     Resolution
		width    time.Duration
	}{
		{"raw, all", start, start.Add(2 * time.Hour), 1000, Raw, 0},
		{"raw, put together", start, start.Add(6 * time.Hour), 100, Raw, 216 * time.Second},
		{"minutes", start, end, 2000, Minute, time.Minute},
		{"minutes, put together", start, end, 100, Minute, 15 * time.Minute},
		{"hours", start.Add(-30 * day), end, 1000, Hour, time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := r.svc.Series(ctx, p.id, tt.from, tt.to, tt.points)
			if err != nil {
				t.Fatal(err)
			}
			if s.Resolution != tt.want || s.Width != tt.width || len(s.At) == 0 || len(s.At) > tt.points+1 {
				t.Fatalf("%s by %v with %d points", s.Resolution, s.Width, len(s.At))
			}
			var count, least, most, last int64
			least, most = 1<<62, -1<<62
			for _, rec := range recs {
				if rec.Wall >= tt.from.UnixMilli() && rec.Wall < tt.to.UnixMilli() {
					count++
					least, most, last = min(least, rec.Sample.PressurePa), max(most, rec.Sample.PressurePa), rec.Sample.DeliveredNL
				}
			}
			var total int64
			for _, k := range s.N {
				total += k
			}
			lo, hi := s.PressurePa.Min, s.PressurePa.Max
			if lo == nil {
				lo, hi = s.PressurePa.Last, s.PressurePa.Last
			}
			if total != count || slices.Min(lo) != least || slices.Max(hi) != most || s.DeliveredNL.Last[len(s.DeliveredNL.Last)-1] != last {
				t.Errorf("%d samples from %d to %d, last %d; want %d from %d to %d, last %d", total, slices.Min(lo), slices.Max(hi), s.DeliveredNL.Last[len(s.At)-1], count, least, most, last)
			}
			if s.SensedNL.Last[0] != -1 || s.Run[0] != wire.Infusing || !slices.IsSorted(s.At) {
				t.Errorf("sensed %d, run %v", s.SensedNL.Last[0], s.Run[0])
			}
			for _, b := range s.bands() {
				if len(b.Last) != len(s.At) || b.Min != nil && (len(b.Min) != len(s.At) || len(b.Max) != len(s.At)) {
					t.Fatal("columns of unequal length")
				}
			}
			if tt.to.After(hole.Add(time.Hour)) {
				if len(s.Gaps) == 0 || !slices.ContainsFunc(s.Gaps, func(g Span) bool { return g.Lost && !g.From.After(hole) && !g.To.Before(hole.Add(time.Hour)) }) {
					t.Errorf("gaps %v do not show the hole", s.Gaps)
				}
				for i, at := range s.At {
					begin := time.UnixMilli(at)
					if s.Width <= 15*time.Minute && !begin.Before(hole) && begin.Before(hole.Add(time.Hour)) {
						t.Errorf("entry %d lies in the hole", i)
					}
				}
			}
		})
	}
	// What the rollups have not reached yet is there all the same.
	live := time.Now().Add(-time.Second).Truncate(time.Millisecond)
	r.put(p.id, 1, 9000, live, sample(live.UnixMilli(), 123_456))
	for _, from := range []time.Time{start, start.Add(-30 * day)} {
		s, err := r.svc.Series(ctx, p.id, from, live.Add(time.Minute), 1000)
		if err != nil || s.Resolution == Raw || s.DeliveredNL.Last[len(s.At)-1] != 123_456_000 || !slices.IsSorted(s.At) || slices.Compact(slices.Clone(s.At))[len(s.At)-1] != s.At[len(s.At)-1] {
			t.Errorf("%s: the newest sample is missing or its bucket is there twice (%v)", s.Resolution, err)
		}
	}
	for _, bad := range []struct {
		from, to time.Time
		points   int
	}{{end, start, 100}, {start, end, 1}, {start, end, MaxPoints + 1}} {
		if _, err := r.svc.Series(ctx, p.id, bad.from, bad.to, bad.points); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if s, err := r.svc.Series(ctx, 1<<40, start, end, 100); err != nil || len(s.At) != 0 {
		t.Errorf("a pump without samples: %d points, %v", len(s.At), err)
	}
}

// TestSeriesShowsABacklogAtOnce: what a pump kept while it was out of reach, and
// hands in now, is in every drawing before the rollups have come to it.
func TestSeriesShowsABacklogAtOnce(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	ctx := context.Background()
	now := time.Now().Truncate(time.Minute)
	from := now.Add(-24 * time.Hour)
	var recs []wire.Record
	for i := range 24 * 12 { // every five minutes
		recs = append(recs, sample(from.Add(time.Duration(i)*5*time.Minute).UnixMilli(), int64(i)))
	}
	// The middle eight hours are missing at first; all else is rolled up.
	r.put(p.id, 1, 1, now.Add(-10*time.Minute), recs[:96]...)
	r.put(p.id, 1, 193, now.Add(-10*time.Minute), recs[192:]...)
	r.rollUp()
	total := func(points int) (n int64) {
		t.Helper()
		s, err := r.svc.Series(ctx, p.id, from, now, points)
		if err != nil || !slices.IsSorted(s.At) {
			t.Fatal(err, s.At)
		}
		for _, k := range s.N {
			n += k
		}
		return n
	}
	for _, points := range []int{1000, 20} {
		if got := total(points); got != 192 {
			t.Fatalf("%d points: %d samples before the backlog, want 192", points, got)
		}
	}
	r.put(p.id, 1, 97, now, recs[96:192]...)
	for _, points := range []int{1000, 20} {
		if got := total(points); got != 288 {
			t.Errorf("%d points: %d samples with the backlog, want 288", points, got)
		}
	}
	// Raw data that is gone leaves what was rolled up of it.
	r.rollUp()
	r.exec(`DELETE FROM telemetry_samples WHERE seq BETWEEN 50 AND 60`)
	r.put(p.id, 2, 1, now, recs[55])
	if got := total(20); got < 288 {
		t.Errorf("%d samples after retention, want 288 at least", got)
	}
}
