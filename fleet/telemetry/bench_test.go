package telemetry

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/internal/pgserver"
	"cisterna/internal/postgres"
	"cisterna/migrations"
)

// The benchmarks run on a database that syncs to disk. Each reports rows per
// second and the CPU time of this process and of PostgreSQL apart, in seconds per
// million rows. Compare only figures of one run: BenchmarkCopy is the ceiling.

// durable starts a PostgreSQL that keeps its promises.
func durable(b *testing.B) *pgserver.Server {
	b.Helper()
	dir, err := os.MkdirTemp("", "ctb")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	s, err := pgserver.Start(context.Background(), pgserver.Options{Dir: filepath.Join(dir, "pg"), Settings: map[string]string{"shared_buffers": "512MB"}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Stop() })
	owner, err := postgres.Open(context.Background(), s.URL(pgserver.Owner, "postgres"), 2)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = owner.Close() }()
	if _, err := postgres.Migrate(context.Background(), owner, migrations.FS); err != nil {
		b.Fatal(err)
	}
	return s
}

func benchRig(b *testing.B, s *pgserver.Server) *rig {
	b.Helper()
	db, err := postgres.Open(context.Background(), s.URL("cisterna_app", "postgres"), 16)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	return newRigOn(b, db)
}

// cpu is the CPU time of this process and of PostgreSQL's.
type cpu struct{ own, pg time.Duration }

func measure(s *pgserver.Server) cpu {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	c := cpu{own: time.Duration(u.Utime.Nano() + u.Stime.Nano())}
	parent := strconv.Itoa(s.Pid())
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		pid := filepath.Base(filepath.Dir(f))
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
		if len(fields) < 15 || fields[1] != parent && pid != parent {
			continue
		}
		// utime, stime, and those of children that ended, in ticks of 10 ms.
		for _, i := range []int{11, 12} {
			n, _ := strconv.Atoi(fields[i])
			c.pg += time.Duration(n) * 10 * time.Millisecond
		}
		if pid == parent {
			for _, i := range []int{13, 14} {
				n, _ := strconv.Atoi(fields[i])
				c.pg += time.Duration(n) * 10 * time.Millisecond
			}
		}
	}
	return c
}

func report(b *testing.B, rows int, before, after cpu) {
	b.Helper()
	per := func(d time.Duration) float64 { return d.Seconds() / float64(rows) * 1e6 }
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(per(after.own-before.own), "go-cpu-s/M")
	b.ReportMetric(per(after.pg-before.pg), "pg-cpu-s/M")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkCopy is the ceiling: ready-made rows through lib/pq's COPY into the
// same table with the same indexes, 2,000 at a time over one connection.
func BenchmarkCopy(b *testing.B) {
	s := durable(b)
	r := benchRig(b, s)
	if _, err := r.db.Exec(`SELECT telemetry_add_partitions(current_date, 2)`); err != nil {
		b.Fatal(err)
	}
	const pumps, size = 500, 2000
	now := time.Now()
	received := appendTime(nil, now.UnixMilli())
	var text []byte
	for i := range size {
		rec := sample(now.UnixMilli()+int64(i), int64(i))
		text = appendRow(text, int64(i%pumps+1), 1, &rec, received)
	}
	conn, err := r.db.DB.Conn(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	line := unsafe.String(&text[0], len(text)-1)
	before := measure(s)
	n := 0
	for b.Loop() {
		if err := copyOnce(conn, line); err != nil {
			b.Fatal(err)
		}
		n += size
	}
	report(b, n, before, measure(s))
}

func copyOnce(conn *sql.Conn, line string) error {
	ctx := context.Background()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	err := conn.Raw(func(dc any) error {
		stmt, err := dc.(driver.Conn).Prepare("COPY telemetry_samples (" + sampleColumns + ") FROM STDIN")
		if err != nil {
			return err
		}
		c := stmt.(copier)
		if _, err := c.CopyData(ctx, line); err != nil {
			return err
		}
		_, err = c.Exec(nil)
		return err
	})
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}

// BenchmarkIngest goes from the envelope to the commit and the answer: 500 links,
// each with at most eight messages under way, delivered by eight goroutines.
func BenchmarkIngest(b *testing.B) {
	for _, signed := range []bool{true, false} {
		for _, records := range []int{1, 10} {
			name := map[bool]string{true: "signed", false: "unsigned"}[signed]
			b.Run(fmt.Sprintf("%s/%d", name, records), func(b *testing.B) { benchIngest(b, signed, records) })
		}
	}
}

func benchIngest(b *testing.B, signed bool, records int) {
	const links, window, callers = 500, 8, 8
	s := durable(b)
	r := benchRig(b, s)
	pumps := make([]*pump, links)
	for i := range pumps {
		pumps[i] = r.pumpQuiet()
	}
	if err := r.reg.Reload(context.Background()); err != nil {
		b.Fatal(err)
	}
	r.run()
	// Messages are made ahead, as far as memory goes; b.N counts rows.
	rounds := max(1, 200_000/records/links)
	messages := make([][][]byte, links)
	wall := time.Now().UnixMilli()
	for i, p := range pumps {
		for n := range rounds {
			batch := &wire.Batch{Pump: p.pub.PumpID(), Epoch: 1, First: uint64(n*records) + 1}
			for k := range records {
				batch.Records = append(batch.Records, sample(wall+int64(n*records+k), int64(n*records+k)))
			}
			messages[i] = append(messages[i], p.seal(wire.UpTele, wire.AppendBatch(nil, batch)))
		}
	}
	before := measure(s)
	b.ResetTimer()
	var group sync.WaitGroup
	for c := range callers {
		group.Go(func() {
			var under [links]atomic.Int32
			wake := make(chan struct{}, 1)
			var pending sync.WaitGroup
			for n := range rounds {
				for i := c; i < links; i += callers {
					for under[i].Load() >= window {
						<-wake
					}
					under[i].Add(1)
					pending.Add(1)
					p := pumps[i]
					in := gateway.Inbound{Link: p.link, Conn: p.conn, Kind: wire.UpTele, Payload: messages[i][n], At: time.Now()}
					done := func(err error) {
						if err != nil {
							b.Error(err)
						}
						under[i].Add(-1)
						select {
						case wake <- struct{}{}:
						default:
						}
						pending.Done()
					}
					if signed {
						r.svc.Deliver(in, done)
						continue
					}
					env, err := wire.OpenEnvelope(in.Payload)
					if err != nil {
						b.Error(err)
					}
					ref, _ := r.svc.Directory.ByLink(p.link)
					in.At = in.At.Truncate(time.Millisecond)
					r.svc.takeBatch(in, wire.MainLane, env, ref, done)
				}
			}
			pending.Wait()
		})
	}
	group.Wait()
	b.StopTimer()
	rows := rounds * records * links
	report(b, rows, before, measure(s))
	b.ReportMetric(float64(r.svc.Stats.Records.Load())/float64(r.svc.Stats.Batches.Load()), "rows/tx")
	if got := one[int](r, `SELECT count(*) FROM telemetry_samples`); got != rows {
		b.Errorf("%d rows stored, want %d", got, rows)
	}
	r.stop()
}

// BenchmarkDelay sends 5,000 records a second from 500 links and measures the
// time from delivery to the commit being told.
func BenchmarkDelay(b *testing.B) {
	const links, rate = 500, 5000
	s := durable(b)
	r := benchRig(b, s)
	pumps := make([]*pump, links)
	for i := range pumps {
		pumps[i] = r.pumpQuiet()
	}
	if err := r.reg.Reload(context.Background()); err != nil {
		b.Fatal(err)
	}
	r.run()
	const seconds = 5
	messages := make([][]byte, rate*seconds)
	wall := time.Now().UnixMilli()
	for i := range messages {
		p := pumps[i%links]
		messages[i] = p.batch(wire.UpTele, 1, uint64(i/links)+1, sample(wall+int64(i), int64(i)))
	}
	delays := make([]time.Duration, len(messages))
	var pending sync.WaitGroup
	b.ResetTimer()
	start := time.Now()
	for i, payload := range messages {
		if due := start.Add(time.Duration(i) * time.Second / rate); time.Until(due) > 0 {
			<-time.After(time.Until(due))
		}
		p, at := pumps[i%links], time.Now()
		pending.Add(1)
		r.svc.Deliver(gateway.Inbound{Link: p.link, Conn: p.conn, Kind: wire.UpTele, Payload: payload, At: at}, func(err error) {
			if err != nil {
				b.Error(err)
			}
			delays[i] = time.Since(at)
			pending.Done()
		})
	}
	pending.Wait()
	b.StopTimer()
	slices.Sort(delays)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(delays[len(delays)/2])/1e6, "p50-ms")
	b.ReportMetric(float64(delays[len(delays)*99/100])/1e6, "p99-ms")
	b.ReportMetric(float64(delays[len(delays)-1])/1e6, "max-ms")
	r.stop()
}
