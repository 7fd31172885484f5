package dosing

import (
	"maps"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/fleet/alarm"
)

// TestKeysetEnds: nothing is said while the end is far, once at each stage, and again
// when another keyset comes to its end.
func TestKeysetEnds(t *testing.T) {
	now := time.Date(2026, 5, 8, 9, 0, 0, 0, time.UTC)
	end := now.AddDate(0, 0, 50)
	var stands *alarm.Alarm
	said := 0
	for day := range 52 {
		e := endingOf(7, end, now.AddDate(0, 0, day))
		if want := (end.Sub(now.AddDate(0, 0, day)) <= 45*24*time.Hour); (e != nil) != want {
			t.Fatalf("day %d: %+v", day, e)
		}
		for range 24 { // each hour
			if e != nil && !e.said(stands) {
				said++
				stands = &alarm.Alarm{Priority: e.priority, Detail: maps.Clone(e.detail)}
			}
		}
	}
	if said != 3 || stands.Priority != wire.PriorityHigh || stands.Detail["keyset"] != "7" || stands.Detail["until"] != "2026-06-27" {
		t.Errorf("said %d times, at last %+v", said, stands)
	}
	if endingOf(8, end, end).said(stands) {
		t.Error("another keyset's end is not told")
	}
}
