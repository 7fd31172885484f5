package overview

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"cisterna/fleet/filter"
)

// benchPumps is how many registered pumps the list is measured with.
const benchPumps = 100_000

// BenchmarkList measures list, count and filter over 100,000 registered pumps,
// beside a bare loop over the same rows with the predicate written by hand: the
// least that anything can take that looks at each row once. The work runs on one
// goroutine, as a request does.
func BenchmarkList(b *testing.B) {
	board := boardOf(benchPumps)
	runtime.GC()
	parse := func(s string) filter.Filter { return mustParse(b, s) }
	broad, narrow, words := parse("presence:offline,stale battery<40% NOT tag:ward-4"), parse("serial:204117"), parse("bupivacaine stalled")
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"first-page", func() error { _, err := board.Page(all, Query{Limit: 100}); return err }},
		{"page-by-battery", func() error {
			_, err := board.Page(all, Query{Sort: Sort{Column: "battery"}, Limit: 100})
			return err
		}},
		{"page-in-the-middle", func() error {
			_, err := board.Page(all, Query{Limit: 100, After: &Place{Serial: "ME599999", ID: 1}})
			return err
		}},
		{"page-filtered", func() error {
			_, err := board.Page(all, Query{Filter: broad, Sort: Sort{Column: "alarms"}, Limit: 100})
			return err
		}},
		{"page-narrow", func() error { _, err := board.Page(all, Query{Filter: narrow, Limit: 100}); return err }},
		{"page-by-words", func() error { _, err := board.Page(all, Query{Filter: words, Limit: 100}); return err }},
		{"count", func() error { _, err := board.Count(all, broad); return err }},
		{"count-facets", func() error {
			_, err := board.Count(all, broad, "site", "presence", "alarm", "model", "tag")
			return err
		}},
		{"count-facets-of-all", func() error {
			_, err := board.Count(all, filter.Filter{}, "site", "presence", "alarm", "model", "tag")
			return err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			loop, list := make([]time.Duration, 0, 200), make([]time.Duration, 0, 200)
			for b.Loop() {
				for range 60 {
					start := time.Now()
					bareLoop(board)
					middle := time.Now()
					if err := c.do(); err != nil {
						b.Fatal(err)
					}
					loop, list = append(loop, middle.Sub(start)), append(list, time.Since(middle))
				}
			}
			ms := func(all []time.Duration, q int) float64 {
				slices.Sort(all)
				return float64(all[min(len(all)-1, len(all)*q/100)].Microseconds()) / 1000
			}
			b.ReportMetric(ms(list, 50), "p50-ms")
			b.ReportMetric(ms(list, 95), "p95-ms")
			b.ReportMetric(ms(loop, 50), "loop-p50-ms")
			b.ReportMetric(ms(loop, 95), "loop-p95-ms")
			b.ReportMetric(ms(list, 95)/max(ms(loop, 95), 0.001), "times-loop")
		})
	}
}

var sink int

// bareLoop is the filter broad by hand.
func bareLoop(b *Board) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	n := 0
	for _, e := range b.all {
		if (e.Presence == "offline" || e.Presence == "stale") && e.HasSample && e.BatteryPct < 40 && !slices.Contains(e.Tags, "ward-4") {
			n++
		}
	}
	sink = n
}
