package telemetry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cisterna/device/wire"
)

// put stores samples as if received at a time, past the inbox.
func (r *rig) put(pump int64, epoch uint64, first uint64, received time.Time, records ...wire.Record) {
	r.t.Helper()
	at := string(appendTime(nil, received.UnixMilli()))
	var values []string
	for i, rec := range records {
		rec.Seq = first + uint64(i)
		line := strings.TrimSuffix(string(appendRow(nil, pump, epoch, &rec, []byte(at))), "\n")
		for j, f := range strings.Split(line, "\t") {
			switch {
			case f == `\N`:
				f = "NULL"
			case j == 3 || j == 4:
				f = "'" + f + "'"
			}
			values = append(values, f)
		}
	}
	n := strings.Count(sampleColumns, ",") + 1
	var rows []string
	for row := range slices.Chunk(values, n) {
		rows = append(rows, "("+strings.Join(row, ",")+")")
	}
	r.exec(`INSERT INTO telemetry_samples (` + sampleColumns + `) VALUES ` + strings.Join(rows, ","))
}

// oracle computes the rollups in one statement each over everything.
const oracle = `SELECT pump_id, date_bin('1 %s', device_at, timestamptz 'epoch') AS bucket, count(*) AS n,
    min(rate_nl_day) AS rate_min, max(rate_nl_day) AS rate_max, sum(rate_nl_day)::bigint AS rate_sum, (array_agg(rate_nl_day ORDER BY device_at DESC, epoch DESC, seq DESC))[1] AS rate_last,
    min(reservoir_nl) AS res_min, max(reservoir_nl) AS res_max, (array_agg(reservoir_nl ORDER BY device_at DESC, epoch DESC, seq DESC))[1] AS res_last,
    count(sensed_nl) AS sensed_n, coalesce(min(sensed_nl), -1) AS sensed_min, coalesce(sum(sensed_nl), -1)::bigint AS sensed_sum,
    min(battery_mv) AS mv_min, max(temperature_mc) AS mc_max, sum(pressure_pa)::bigint AS pa_sum, (array_agg(run ORDER BY device_at DESC, epoch DESC, seq DESC))[1] AS run,
    (array_agg(ptm_given ORDER BY device_at DESC, epoch DESC, seq DESC))[1] AS given, (array_agg(ptm_denied ORDER BY device_at DESC, epoch DESC, seq DESC))[1] AS denied
FROM telemetry_samples GROUP BY 1, 2 ORDER BY 1, 2`

const rolled = `SELECT pump_id, bucket, n, rate_nl_day_min AS rate_min, rate_nl_day_max AS rate_max, rate_nl_day_sum::bigint AS rate_sum, rate_nl_day_last AS rate_last,
    reservoir_nl_min AS res_min, reservoir_nl_max AS res_max, reservoir_nl_last AS res_last,
    sensed_n, coalesce(sensed_nl_min, -1) AS sensed_min, coalesce(sensed_nl_sum, -1)::bigint AS sensed_sum,
    battery_mv_min AS mv_min, temperature_mc_max AS mc_max, pressure_pa_sum::bigint AS pa_sum, run_last AS run, ptm_given_last AS given, ptm_denied_last AS denied
FROM telemetry_%s ORDER BY 1, 2`

type bucketRow struct {
	PumpID    int64 `db:"pump_id"`
	Bucket    time.Time
	N         int64
	RateMin   int64 `db:"rate_min"`
	RateMax   int64 `db:"rate_max"`
	RateSum   int64 `db:"rate_sum"`
	RateLast  int64 `db:"rate_last"`
	ResMin    int64 `db:"res_min"`
	ResMax    int64 `db:"res_max"`
	ResLast   int64 `db:"res_last"`
	SensedN   int64 `db:"sensed_n"`
	SensedMin int64 `db:"sensed_min"`
	SensedSum int64 `db:"sensed_sum"`
	MVMin     int64 `db:"mv_min"`
	MCMax     int64 `db:"mc_max"`
	PASum     int64 `db:"pa_sum"`
	Run       int64
	Given     int64
	Denied    int64
}

// matches compares both rollups with the oracle.
func (r *rig) matches(when string) {
	r.t.Helper()
	for _, unit := range []string{"minute", "hour"} {
		var want, got []bucketRow
		if err := r.db.Select(&want, fmt.Sprintf(oracle, unit)); err != nil {
			r.t.Fatal(err)
		}
		if err := r.db.Select(&got, fmt.Sprintf(rolled, unit)); err != nil {
			r.t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" || len(want) == 0 {
			r.t.Fatalf("%s, by %s (%d buckets):\n%s", when, unit, len(want), d)
		}
	}
}

func (r *rig) rollUp() {
	r.t.Helper()
	if err := r.svc.rollUp(context.Background(), nil, &rollups{span: time.Minute, piece: 3}, func(context.Context, time.Duration) error { return nil }); err != nil {
		r.t.Fatal(err)
	}
}

// TestRollup compares the rollups with a brute-force oracle after each of many
// runs: live samples, late ones that open old buckets again, clocks that jump,
// and runs that are repeated.
func TestRollup(t *testing.T) {
	r := newRig(t)
	rnd := rand.New(rand.NewPCG(7, 7))
	a, b := r.pump().id, r.pump().id
	now := time.Now()
	start := now.Add(-3 * time.Hour).Truncate(time.Minute)
	r.rollUp() // nothing there
	seq := map[int64]uint64{a: 1, b: 1}
	put := func(pump int64, received, device time.Time, n int) {
		var recs []wire.Record
		for range n {
			rec := sample(device.UnixMilli(), int64(rnd.IntN(1000)))
			rec.Sample.RateNLDay, rec.Sample.PressurePa, rec.Sample.Run = int64(rnd.IntN(1_000_000)), int64(rnd.IntN(4000)-2000), wire.RunState(1+rnd.IntN(6))
			rec.Sample.PTMGiven, rec.Sample.PTMDenied = int64(rnd.IntN(900)), int64(rnd.IntN(90))
			if rnd.IntN(2) == 0 {
				rec.Sample.SensedNL = int64(rnd.IntN(20_000_000))
			}
			recs = append(recs, rec)
			device = device.Add(time.Duration(rnd.IntN(40_000)) * time.Millisecond)
		}
		r.put(pump, 1, seq[pump], received, recs...)
		seq[pump] += uint64(n)
	}
	for step := range 12 {
		received := start.Add(time.Duration(step) * 13 * time.Minute)
		// As if the clock stood just before.
		r.exec(`UPDATE telemetry_watermarks SET upto = $1`, received.Add(-time.Millisecond))
		put(a, received, received.Add(-time.Minute), 5+rnd.IntN(30))
		switch step % 4 {
		case 1:
			put(b, received, received.Add(-20*time.Hour), 20) // a backlog
		case 2:
			put(b, received, received.Add(23*time.Hour), 3) // a clock ahead
		case 3:
			put(a, received, start.Add(-30*time.Minute), 10) // a clock set back: old buckets again
		}
		r.rollUp()
		r.matches(fmt.Sprintf("step %d", step))
	}
	r.rollUp()
	r.matches("again")
	// From the start, over everything that is there.
	r.exec(`UPDATE telemetry_watermarks SET upto = upto - interval '1 day'`)
	r.rollUp()
	r.matches("all anew")
	// What is not past the horizon yet waits.
	put(a, now, now, 3)
	r.rollUp()
	if n := one[int64](r, `SELECT sum(n)::bigint FROM telemetry_minute`); n != one[int64](r, `SELECT count(*) FROM telemetry_samples`)-3 {
		t.Error("samples were rolled up before the horizon reached them")
	}
}

// TestRollupInterrupted stops the job after each of its pieces: the watermark
// stays until all of a window is made, and the next run makes it whole.
func TestRollupInterrupted(t *testing.T) {
	r := newRig(t)
	start := time.Now().Add(-time.Hour)
	for range 3 {
		p := r.pump()
		for i := range 4 {
			at := start.Add(time.Duration(i) * 3 * time.Minute)
			r.put(p.id, 1, uint64(1+i), start, sample(at.UnixMilli(), int64(i)))
		}
	}
	stop := errors.New("stopped")
	whole := false
	for pieces := 1; !whole; pieces++ {
		left := pieces
		err := r.svc.rollUp(context.Background(), nil, &rollups{span: time.Hour, piece: 5}, func(context.Context, time.Duration) error {
			if left--; left == 0 {
				return stop
			}
			return nil
		})
		whole = err == nil
		moved := one[bool](r, `SELECT EXISTS (SELECT 1 FROM telemetry_watermarks WHERE upto >= $1)`, start)
		if !whole && (!errors.Is(err, stop) || moved) {
			t.Fatalf("stopped after %d rests: %v, the watermark moved: %v", pieces, err, moved)
		}
		if whole && (pieces < 4 || !moved) {
			t.Fatalf("whole after %d rests, the watermark moved: %v", pieces, moved)
		}
	}
	r.matches("in the end")
}

// TestRollupPace: pieces and windows shrink and grow with the load, within bounds.
func TestRollupPace(t *testing.T) {
	r := rollups{span: time.Minute, piece: 100}
	for range 20 {
		r.made(r.piece, time.Second)
		r.listed(&window{samples: 10 * windowSamples})
	}
	if r.piece != 1 || r.span != time.Second {
		t.Errorf("under load %+v, want pieces of 1 and spans of 1 s", r)
	}
	for range 20 {
		r.made(r.piece, time.Millisecond)
		r.listed(&window{samples: 1})
	}
	if r.piece != mostBuckets || r.span != longestSpan {
		t.Errorf("without load %+v, want pieces of %d and spans of %v", r, mostBuckets, longestSpan)
	}
	if r.made(3, time.Millisecond); r.piece != mostBuckets {
		t.Error("the end of a window, quickly done, changed the size of a piece")
	}
}

// TestRollupWaitsForTransactions: rows of a transaction that is under way, and
// commits after the job looked, are not passed over.
func TestRollupWaitsForTransactions(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	now := time.Now()
	r.put(p.id, 1, 1, now.Add(-10*time.Minute), sample(now.Add(-10*time.Minute).UnixMilli(), 1))
	conn, err := r.db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, q := range []string{`SET application_name = '` + ingestName + `'`, `BEGIN`, `SELECT 1`} {
		if _, err := conn.ExecContext(context.Background(), q); err != nil {
			t.Fatal(err)
		}
	}
	var until time.Time
	if err := r.db.Get(&until, horizon); err != nil {
		t.Fatal(err)
	}
	began := one[time.Time](r, `SELECT xact_start FROM pg_stat_activity WHERE application_name = $1`, ingestName)
	if !until.Equal(began.Add(-time.Minute)) {
		t.Errorf("horizon %v, want a minute before the transaction began at %v", until, began)
	}
	if maxAge >= time.Minute {
		t.Error("messages may be older than the horizon allows")
	}
	if _, err := conn.ExecContext(context.Background(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
}

func TestRollupKeepsWhatRawLost(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	at := time.Now().Add(-2 * time.Hour).Truncate(time.Hour)
	r.put(p.id, 1, 1, at, sample(at.UnixMilli(), 1), sample(at.UnixMilli()+1000, 2), sample(at.UnixMilli()+2000, 3))
	r.rollUp()
	// Raw data is gone; a late record opens the bucket again.
	r.exec(`DELETE FROM telemetry_samples`)
	r.put(p.id, 1, 4, at.Add(time.Minute), sample(at.UnixMilli()+3000, 4))
	r.rollUp()
	if n := one[int64](r, `SELECT n FROM telemetry_minute`); n != 3 {
		t.Errorf("the bucket holds %d samples, want the 3 it had", n)
	}
}

func TestRetention(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	now := time.Now()
	old := now.AddDate(0, 0, -100)
	r.exec(`SELECT telemetry_add_partitions($1::date, 1)`, old)
	r.put(p.id, 1, 1, old, sample(old.UnixMilli(), 1))
	r.put(p.id, 1, 2, now.Add(-time.Hour), sample(now.UnixMilli(), 2))
	r.exec(`INSERT INTO telemetry_presence_log (pump_id, at, was, state) VALUES ($1, now() - interval '2 years', 'never', 'online'), ($1, now(), 'online', 'offline')`, p.id)
	r.exec(`INSERT INTO telemetry_refusal_counts (link, code, hour, n, last_at) VALUES ('l', 'E_KIND', now() - interval '200 days', 1, now()), ('l', 'E_KIND', now(), 1, now())`)
	ctx := context.Background()
	retire := func() {
		t.Helper()
		if err := r.svc.retire(ctx, nil); err != nil {
			t.Fatal(err)
		}
	}
	r.rollUp()
	r.exec(`UPDATE telemetry_watermarks SET upto = $1`, old.Add(-time.Hour))
	retire() // the rollups have not seen the old day: it stays
	if n := len(p.stored()); n != 2 {
		t.Fatalf("%d samples are left, want 2", n)
	}
	r.rollUp()
	r.exec(`INSERT INTO telemetry_watermarks (job, upto) VALUES ('digest', $1)`, old.Add(-time.Hour))
	retire() // nor has its digest been made
	if n := len(p.stored()); n != 2 {
		t.Fatalf("%d samples are left, want 2", n)
	}
	r.exec(`UPDATE telemetry_watermarks SET upto = now() WHERE job = 'digest'`)
	retire()
	if got := p.stored(); len(got) != 1 || got[0].Seq != 2 {
		t.Errorf("left: %v, want the new sample", got)
	}
	for _, q := range []string{`SELECT count(*) FROM telemetry_presence_log`, `SELECT count(*) FROM telemetry_refusal_counts`} {
		if n := one[int](r, q); n != 1 {
			t.Errorf("%s: %d, want 1", q, n)
		}
	}
	if n := one[int](r, `SELECT count(*) FROM telemetry_minute`); n != 2 {
		t.Errorf("%d rollups are left, want both: they are kept longer", n)
	}
	r.exec(`UPDATE telemetry_minute SET bucket = bucket - interval '2 years' WHERE n > 0 AND bucket < $1`, old.Add(time.Hour))
	retire()
	if n := one[int](r, `SELECT count(*) FROM telemetry_minute`); n != 1 {
		t.Errorf("%d rollups are left, want 1", n)
	}
	// Whoever asks, the last days stay.
	if _, err := r.db.Exec(`SELECT telemetry_drop_partitions(now())`); err == nil {
		t.Error("the server could drop today's samples")
	}
	if _, err := r.db.Exec(`DROP TABLE telemetry_samples_` + now.UTC().Format("20060102")); err == nil {
		t.Error("the server's role may drop a table")
	}
}

// TestMidnight writes on both sides of a day's end.
func TestMidnight(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	midnight := time.Now().UTC().Truncate(day).Add(day)
	r.set(midnight.Add(-time.Second)) // the batcher's clock, too: nothing is too old
	before := p.deliverAt(wire.UpTele, p.batch(wire.UpTele, 1, 1, p.samples(1, 3)...), midnight.Add(-time.Millisecond))
	after := p.deliverAt(wire.UpTele, p.batch(wire.UpTele, 1, 4, p.samples(4, 3)...), midnight)
	for _, f := range []<-chan error{before, after} {
		if err := p.wait(f); err != nil {
			t.Fatal(err)
		}
	}
	p.hasExactly(1, 1, 6)
	for _, at := range []time.Time{midnight.Add(-time.Hour), midnight.Add(time.Hour)} {
		if n := one[int](r, `SELECT count(*) FROM telemetry_samples_`+at.UTC().Format("20060102")); n != 3 {
			t.Errorf("%d rows in the partition of %v, want 3", n, at)
		}
	}
	if n := one[int](r, `SELECT count(*) FROM telemetry_samples_default`); n != 0 {
		t.Errorf("%d rows in the default partition", n)
	}
}

// TestMissingPartition: samples that find no partition are kept, an operator
// hears of it, and they move over once the partition is made.
func TestMissingPartition(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	owner := r.owner()
	today := time.Now().UTC()
	if _, err := owner.Exec(`DROP TABLE telemetry_samples_` + today.Format("20060102")); err != nil {
		t.Fatal(err)
	}
	m := r.svc.main
	ctx := context.Background()
	ref, _ := r.svc.Directory.ByLink(p.link)
	b := wire.Batch{Epoch: 1, First: 1, Records: p.samples(1, 5)}
	for i := range b.Records {
		b.Records[i].Seq = uint64(i + 1)
	}
	msg := &message{pump: ref.ID, site: ref.Site, wire: ref.Wire, link: p.link, lane: wire.MainLane, at: today.Truncate(time.Millisecond), batch: b, done: func(error) {}}
	msg.encode(1, 5)
	if err := m.store.store([]*message{msg}); err != nil {
		t.Fatal(err)
	}
	defer m.store.close()
	p.hasExactly(1, 1, 5)
	if err := r.svc.watchDefault(ctx); err != nil {
		t.Fatal(err)
	}
	if tr := r.svc.Troubles(); len(tr) != 1 || tr[0].Code != "PARTITION_DEFAULT" || !strings.HasPrefix(tr[0].Text, "5 samples") || r.svc.Stats.DefaultRows.Load() != 5 {
		t.Errorf("troubles %+v", tr)
	}
	if err := r.svc.addPartitions(ctx); err != nil {
		t.Fatal(err)
	}
	p.hasExactly(1, 1, 5)
	if err := r.svc.watchDefault(ctx); err != nil {
		t.Fatal(err)
	}
	if tr := r.svc.Troubles(); len(tr) != 0 {
		t.Errorf("troubles %+v", tr)
	}
	if n := one[int](r, `SELECT count(*) FROM telemetry_samples_`+today.Format("20060102")); n != 5 {
		t.Errorf("%d rows in today's partition, want 5", n)
	}
	if n := one[int](r, `SELECT telemetry_add_partitions(current_date - 1, 9)`); n != 0 {
		t.Errorf("made %d partitions again", n)
	}
}
