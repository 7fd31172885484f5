package telemetry

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/audit"
)

// digests puts what is due on the record and returns the leaves, oldest first.
func (r *rig) digests() []audit.Row {
	r.t.Helper()
	if err := r.svc.digest(context.Background(), nil, func(context.Context, time.Duration) error { return nil }); err != nil {
		r.t.Fatal(err)
	}
	rows, _, err := audit.List(context.Background(), r.db, audit.Filter{AllSites: true, Kind: KindDigest}, 0, 100)
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Reverse(rows)
	return rows
}

// TestDigestLines: what is hashed is what the doc comments say, so that others can
// compute it.
func TestDigestLines(t *testing.T) {
	r := newRig(t)
	a, b := r.pump().id, r.pump().id
	hour := time.Date(2026, 1, 31, 14, 0, 0, 0, time.UTC)
	device := hour.Add(-time.Minute).UnixMilli()
	rec := func(n int64) wire.Record { return sample(device, n) }
	bare := rec(3)
	bare.Sample.SensedNL = 77
	r.put(b, 1, 9, hour.Add(2*time.Minute), rec(1))
	r.put(a, 1, 5, hour.Add(2*time.Minute), bare)
	r.put(a, 1, 6, hour.Add(time.Minute), rec(2))       // a minute before, whatever its number is
	r.put(a, 1, 4, hour.Add(-time.Millisecond), rec(1)) // of the hour before
	r.put(a, 1, 7, hour.Add(time.Hour), rec(1))         // of the next
	r.exec(`INSERT INTO telemetry_events (pump_id, epoch, seq, code, detail, device_at, received_at) VALUES ($1, 1, 8, 'REFILLED', '{"b": "x y", "a": "1"}', $2, $3)`,
		a, time.UnixMilli(device), hour.Add(3*time.Minute))
	line := func(pump, seq int64, minute time.Duration, n int64, sensed string) string {
		return fmt.Sprintf("%d 1 %d %d000 %d000 %d %d %d %d %s 0 2900 37000 1200 0 0 1\n",
			pump, seq, device, hour.Add(minute*time.Minute).UnixMilli(), 1000*n, 400_000+n, 1000*n, 20_000_000-n, sensed)
	}
	want := "cisterna reports v1 reports:2026-01-31T14:00:00Z\n" +
		line(a, 6, 1, 2, "-") + line(a, 5, 2, 3, "77") + line(b, 9, 2, 1, "-") +
		fmt.Sprintf("%d 1 8 %d000 %d000 REFILLED {\"a\": \"1\", \"b\": \"x y\"}\n", a, device, hour.Add(3*time.Minute).UnixMilli())
	d, err := DigestOf(t.Context(), r.db, hour)
	if err != nil || d.Samples != 3 || d.Events != 1 || d.Hash != sha256.Sum256([]byte(want)) {
		t.Errorf("%+v, %v; want the hash of\n%s", d, err, want)
	}
}

// TestDigest: every hour that is over gets one leaf, which changes of what is stored
// contradict.
func TestDigest(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	if rows := r.digests(); len(rows) != 0 {
		t.Fatalf("at the first look: %+v", rows)
	}
	now := one[time.Time](r, `SELECT upto FROM telemetry_watermarks WHERE job = 'digest'`)
	if since := time.Since(now); !now.Equal(now.Truncate(time.Hour)) || since < 0 || since > time.Hour {
		t.Fatalf("begins at %v", now)
	}
	hour := now.Add(-4 * time.Hour)
	r.exec(`UPDATE telemetry_watermarks SET upto = $1 WHERE job = 'digest'`, hour)
	r.put(p.id, 1, 1, hour.Add(10*time.Minute), p.samples(1, 20)...)
	r.put(p.id, 1, 21, hour.Add(70*time.Minute), p.samples(21, 5)...)

	rows := r.digests()
	if len(rows) < 3 { // the last hour may just be over, and not all of it committed
		t.Fatalf("%d leaves", len(rows))
	}
	if again := r.digests(); len(again) != len(rows) {
		t.Errorf("then %d leaves", len(again))
	}
	same := func(i int) bool {
		t.Helper()
		d, err := DigestOf(t.Context(), r.db, hour.Add(time.Duration(i)*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return string(d.Hash[:]) == string(rows[i].NewHash)
	}
	for i, row := range rows {
		if row.Object != DigestObject(hour.Add(time.Duration(i)*time.Hour)) || !same(i) {
			t.Errorf("leaf %d: %+v", i, row)
		}
	}
	if got := string(rows[0].Payload); got != `{"samples":20,"events":0}` {
		t.Errorf("says %s", got)
	}
	r.exec(`UPDATE telemetry_samples SET reservoir_nl = reservoir_nl + 1 WHERE seq = 7`)
	if same(0) || !same(1) {
		t.Error("a changed report is not found in its hour, and nowhere else")
	}
	r.exec(`DELETE FROM telemetry_samples WHERE seq = 22`)
	if same(1) {
		t.Error("a report that was taken out is not found")
	}
	r.put(p.id, 1, 99, hour.Add(130*time.Minute), p.samples(99, 1)...)
	if same(2) {
		t.Error("a report that was put in later is not found")
	}
}

// TestDigestWaits: an hour that is over has its digest once no server's clock can be so
// far behind that more of it comes.
func TestDigestWaits(t *testing.T) {
	r := newRig(t)
	r.digests()
	for _, tt := range []struct{ over, leaves int }{{5, 0}, {12, 1}} {
		r.exec(`UPDATE telemetry_watermarks SET upto = now() - interval '1 hour' - $1 * interval '1 minute' WHERE job = 'digest'`, tt.over)
		if rows := r.digests(); len(rows) != tt.leaves {
			t.Errorf("%d minutes later: %d leaves", tt.over, len(rows))
		}
	}
}

// TestDigestReadsItsHour: the events of an hour are found without reading all of them.
func TestDigestReadsItsHour(t *testing.T) {
	r := newRig(t)
	tx, err := r.db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec(`SET LOCAL enable_seqscan = off`); err != nil {
		t.Fatal(err)
	}
	for table, query := range map[string]string{"samples": digestSamples, "events": digestEvents} {
		var plan []string
		if err := tx.Select(&plan, "EXPLAIN "+query, time.Now().Add(-time.Hour), time.Now()); err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(plan, "\n"); strings.Contains(text, "Seq Scan") || !strings.Contains(text, "Index Cond: ((received_at") {
			t.Errorf("%s: %s", table, text)
		}
	}
}

// TestRollupsGoOnBesideTheDigest: while an hour is read for its digest, however long that
// takes, charts go on.
func TestRollupsGoOnBesideTheDigest(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.digests()
	r.exec(`UPDATE telemetry_watermarks SET upto = upto - interval '3 hours' WHERE job = 'digest'`)
	tx, err := r.owner().Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec(`LOCK TABLE telemetry_events IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	r.run()
	r.eventually("the hour's events are read", func() bool {
		return one[int](r, `SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database AND datname = current_database() WHERE relation = 'telemetry_events'::regclass AND NOT granted`) > 0
	})
	r.put(p.id, 1, 1, time.Now().Add(-10*time.Minute), p.samples(1, 5)...)
	r.eventually("they are rolled up", func() bool { return one[int](r, `SELECT count(*) FROM telemetry_minute`) > 0 })
}

// TestDigestBeginsAnew: one that did not come to its end leaves nothing.
func TestDigestBeginsAnew(t *testing.T) {
	r := newRig(t)
	r.digests()
	r.exec(`UPDATE telemetry_watermarks SET upto = upto - interval '3 hours' WHERE job = 'digest'`)
	no := errors.New("no time")
	if err := r.svc.digest(t.Context(), nil, func(context.Context, time.Duration) error { return no }); !errors.Is(err, no) {
		t.Fatal(err)
	}
	if n := one[int](r, `SELECT count(*) FROM audit_leaf WHERE kind = $1`, KindDigest); n != 0 {
		t.Errorf("%d leaves of an hour that was not read", n)
	}
	if rows := r.digests(); len(rows) < 2 {
		t.Errorf("then %d", len(rows))
	}
}
