package telemetry

import (
	"strings"
	"testing"
	"time"

	"cisterna/device/units"
	"cisterna/device/wire"
)

// at returns a moment of Berlin in October 2026, when summer time ends on the 25th.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	v, err := time.ParseInLocation("2006-01-02 15:04", "2026-10-"+text, berlin)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestDaysOf: a day is the difference of two counts, and what is not known of it is
// said instead of counted as nothing.
func TestDaysOf(t *testing.T) {
	type want struct {
		coverage  Coverage
		delivered units.Volume
		boluses   int64 // given and refused; −1: not known
	}
	const noon = "21 12:00"
	count := func(when string, delivered units.Volume, given, denied int64) Count {
		return Count{At: at(t, when), Delivered: delivered, Given: given, Denied: denied}
	}
	between := func(a, b Count) ends { return ends{a, b} }
	first, last := count("20 00:01", 110, 5, 1), count("20 23:59", 500, 8, 2)
	for _, tt := range []struct {
		name   string
		before Count
		day    ends
		now    string
		want   want
	}{
		{"from the reading before midnight on", count("19 23:59", 100, 4, 1), between(first, last), noon, want{Whole, 400, 5}},
		{"from the first one, where there is none before", Count{}, between(first, last), noon, want{Whole, 390, 4}},
		{"a reading long before midnight is another day's", count("19 23:44", 90, 4, 1), between(first, last), noon, want{Whole, 390, 4}},
		{"nothing for a quarter of an hour after midnight", Count{}, between(count("20 00:15", 120, 5, 1), last), noon, want{Part, 380, 4}},
		{"heard until noon", count("19 23:59", 100, 4, 1), between(first, count("20 12:00", 300, 5, 1)), noon, want{Part, 200, 1}},
		{"nothing heard", count("19 23:59", 100, 4, 1), ends{}, noon, want{None, 0, -1}},
		{"nothing given is known, too", count("19 23:59", 100, 4, 1), between(count("20 00:01", 100, 4, 1), count("20 23:59", 100, 4, 1)), noon, want{Whole, 0, 0}},
		{"today", count("19 23:59", 100, 4, 1), between(first, count("20 12:00", 300, 5, 1)), "20 12:00", want{Running, 200, 1}},
		{"today, and nothing yet", count("19 23:59", 100, 4, 1), ends{}, "20 00:05", want{None, 0, -1}},
		{"boluses were not kept at its begin", count("19 23:59", 100, -1, -1), between(first, last), noon, want{Whole, 400, -1}},
		{"one reading alone", Count{}, between(first, first), noon, want{None, 0, -1}},
		{"one reading alone, today", Count{}, between(first, first), "20 12:00", want{None, 0, -1}},
		{"another count begins", count("19 23:59", 9000, 4, 1), between(first, last), noon, want{None, 0, -1}},
		{"and within the day", Count{}, between(last, first), noon, want{None, 0, -1}},
	} {
		got := daysOf([]time.Time{at(t, "20 00:00"), at(t, "21 00:00")}, tt.before, []ends{tt.day}, at(t, tt.now))[0]
		given, denied, ok := got.Boluses()
		n := given + denied
		if !ok {
			n = -1
		}
		if g := (want{got.Coverage, got.Delivered(), n}); g != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, g, tt.want)
		}
	}
}

// TestMidnights: the days are the site's, also the one of 25 hours.
func TestMidnights(t *testing.T) {
	zone := at(t, "01 00:00").Location()
	got := midnights(at(t, "26 00:30"), zone, 2)
	if len(got) != 4 || !got[0].Equal(at(t, "24 00:00")) || got[2].Sub(got[1]) != 25*time.Hour || !got[3].Equal(at(t, "27 00:00")) {
		t.Errorf("%v", got)
	}
	// Where summer time begins or ends at midnight, or at one o'clock.
	for _, tt := range []struct{ zone, now, want string }{
		{"America/Santiago", "2026-09-07 08:00", "2026-09-05T04:00Z 2026-09-06T04:00Z 2026-09-07T03:00Z 2026-09-08T03:00Z"},
		{"America/Santiago", "2026-09-06 08:00", "2026-09-04T04:00Z 2026-09-05T04:00Z 2026-09-06T04:00Z 2026-09-07T03:00Z"},
		{"America/Santiago", "2026-04-05 08:00", "2026-04-03T03:00Z 2026-04-04T03:00Z 2026-04-05T04:00Z 2026-04-06T04:00Z"},
		{"America/Havana", "2026-03-09 08:00", "2026-03-07T05:00Z 2026-03-08T05:00Z 2026-03-09T04:00Z 2026-03-10T04:00Z"},
		{"America/Havana", "2026-11-02 08:00", "2026-10-31T04:00Z 2026-11-01T04:00Z 2026-11-02T05:00Z 2026-11-03T05:00Z"},
		{"Asia/Amman", "2021-10-30 08:00", "2021-10-27T21:00Z 2021-10-28T21:00Z 2021-10-29T22:00Z 2021-10-30T22:00Z"},
		{"Asia/Beirut", "2026-03-29 08:00", "2026-03-26T22:00Z 2026-03-27T22:00Z 2026-03-28T22:00Z 2026-03-29T21:00Z"},
		{"UTC", "2026-03-01 08:00", "2026-02-27T00:00Z 2026-02-28T00:00Z 2026-03-01T00:00Z 2026-03-02T00:00Z"},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.ParseInLocation("2006-01-02 15:04", tt.now, zone)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, at := range midnights(now, zone, 2) {
			got = append(got, at.UTC().Format("2006-01-02T15:04Z"))
		}
		if text := strings.Join(got, " "); text != tt.want {
			t.Errorf("%s at %s:\n%s, want\n%s", tt.zone, tt.now, text, tt.want)
		}
	}
}

// TestOver: a silence over midnight leaves two days open, and nothing of their sum.
func TestOver(t *testing.T) {
	day := func(n int, c Coverage, from, to string, since, until units.Volume) Day {
		d := Day{From: at(t, "20 00:00").AddDate(0, 0, n), To: at(t, "20 00:00").AddDate(0, 0, n+1), Coverage: c}
		if c != None {
			d.Since, d.Until = Count{At: at(t, from), Delivered: since}, Count{At: at(t, to), Delivered: until}
		}
		return d
	}
	a, b, c, d := day(0, Whole, "19 23:59", "20 23:59", 100, 500), day(1, Part, "20 23:59", "21 10:00", 500, 650), day(2, None, "", "", 0, 0), day(3, Part, "23 08:00", "23 23:59", 1500, 1700)
	other := day(3, Part, "23 08:00", "23 23:59", 10, 20)
	for _, tt := range []struct {
		name      string
		days      []Day
		delivered units.Volume
		complete  bool
	}{
		{"a silence in between", []Day{a, b, c, d}, 1600, true},
		{"a silence at the end", []Day{a, b, c}, 550, false},
		{"a silence at the begin", []Day{c, d}, 200, false},
		{"nothing", []Day{c}, 0, false},
		{"another count", []Day{a, b, c, other}, 0, false},
	} {
		since, until, complete := Over(tt.days)
		if got := until.Delivered - since.Delivered; got != tt.delivered || complete != tt.complete {
			t.Errorf("%s: %d, %t", tt.name, got, complete)
		}
	}
}

// TestDays: the days of a pump by its rollups and its newest reading, in a zone whose
// midnights are on no hour of UTC.
func TestDays(t *testing.T) {
	r := newRig(t)
	p, other := r.pump(), r.pump()
	zone := time.FixedZone("quarter", 5*3600+45*60)
	r.set(time.Now())
	y, m, d := r.now().In(zone).Date()
	midnight := time.Date(y, m, d, 0, 0, 0, 0, zone)
	received := r.now().Add(-2 * time.Minute)
	r.set(midnight.Add(2 * time.Hour))
	var recs []wire.Record
	read := func(when time.Time, delivered, given, denied int64) {
		rec := sample(when.UnixMilli(), 0)
		rec.Sample.DeliveredNL, rec.Sample.PTMGiven, rec.Sample.PTMDenied = delivered, given, denied
		recs = append(recs, rec)
	}
	read(midnight.AddDate(0, 0, -2).Add(-10*time.Second), 1000, 1, 0)
	read(midnight.AddDate(0, 0, -2).Add(10*time.Second), 1010, 1, 0)
	read(midnight.AddDate(0, 0, -2).Add(13*time.Hour), 1400, 3, 1)
	read(midnight.AddDate(0, 0, -1).Add(-time.Second), 1900, 4, 2)
	read(midnight.AddDate(0, 0, -1).Add(9*time.Hour), 2500, 5, 2)
	read(midnight.Add(time.Hour), 2600, 5, 3)
	r.put(p.id, 1, 1, received, recs...)
	r.put(other.id, 1, 1, received, sample(midnight.AddDate(0, 0, -1).UnixMilli(), 77))
	r.rollUp()
	got, err := r.svc.Days(t.Context(), p.id, zone, 3)
	if err != nil || len(got) != 4 {
		t.Fatalf("%d days, %v", len(got), err)
	}
	type line struct {
		coverage      Coverage
		delivered     units.Volume
		given, denied int64
	}
	check := func(i int, want line) {
		t.Helper()
		given, denied, _ := got[i].Boluses()
		if l := (line{got[i].Coverage, got[i].Delivered(), given, denied}); l != want {
			t.Errorf("day %d from %v: %+v, want %+v", i, got[i].From, l, want)
		}
	}
	check(0, line{coverage: None}) // one reading, ten seconds before its end
	check(1, line{Whole, 900, 3, 2})
	check(2, line{Part, 600, 1, 0})
	check(3, line{coverage: None}) // one reading, until the newest is there
	if !got[2].To.Equal(midnight) {
		t.Errorf("the last day ends at %v", got[2].To)
	}

	// The newest reading is there before it is rolled up.
	r.exec(`INSERT INTO telemetry_latest (pump_id, device_at, received_at, run, rate_nl_day, delivered_nl, reservoir_nl, flags, battery_mv, temperature_mc, pressure_pa, ptm_given, ptm_denied)
VALUES ($1, $2, $2, 1, 0, 2700, 0, 0, 0, 0, 0, 6, 4)`, p.id, r.now())
	if got, err = r.svc.Days(t.Context(), p.id, zone, 3); err != nil {
		t.Fatal(err)
	}
	check(3, line{Running, 100, 1, 1})
	if got[3].Until.Delivered != 2700 {
		t.Errorf("today ends with %+v", got[3].Until)
	}

	// Of before boluses were kept.
	r.exec(`UPDATE telemetry_minute SET ptm_given_last = NULL, ptm_denied_last = NULL`)
	if got, err = r.svc.Days(t.Context(), p.id, zone, 3); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := got[1].Boluses(); ok || got[1].Delivered() != 900 {
		t.Errorf("a day of before: %+v", got[1])
	}
}
