package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"testing"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/internal/pgserver"
	"cisterna/internal/pki"
	"cisterna/internal/postgres"
)

// loadPumps is how many connections make load.
const loadPumps = 500

// BenchmarkIngest is the way of a record from a pump into the database, with all
// that the real server does on it, beside the least that could bring the same
// rows there: ready-made text over lib/pq's COPY, 2,000 rows a batch, over one
// connection, into a table of the same columns and indexes. In each round all of
// them take their turn, from empty tables.
//
// A record counts when the server's cursor, as the pump hears it, covers it. The
// rollups work a minute behind, so that none runs in these windows: "steady" goes
// on for longer and has their share in it. "delay" is the time from publishing a
// record until a query finds its row, while 5,000 records a second come in and are
// rolled up.
func BenchmarkIngest(b *testing.B) {
	in := installAlone(b)
	app := in.start()
	pumps := in.loadIdentities(b, app, loadPumps+1)
	app.Stop()
	prober := pumps[loadPumps]
	load := loadSettings{Root: in.keys.trust.RootDoc, Pumps: pumps[:loadPumps]}
	plain := load
	plain.Plain, plain.Unsigned = true, true

	var ceiling, fsyncs, verifies []float64
	var ten, one, bare loads
	for n := rounds(b); n > 0; n-- {
		fsyncs = append(fsyncs, fsync(b, in.dir))
		verifies = append(verifies, verification(b))
		in.empty(b)
		ceiling = append(ceiling, in.copyCeiling(b))

		in.empty(b)
		run := in.loadRun(b, load)
		ten = append(ten, run.full(b, 10, window(b)))
		one = append(one, run.full(b, 1, window(b)))
		if n == 1 {
			run.profile(b, 10, "tls-10")
			run.profile(b, 1, "tls-1")
		}
		run.end()

		in.empty(b)
		run = in.loadRun(b, plain)
		bare = append(bare, run.full(b, 1, window(b)))
		if n == 1 {
			run.profile(b, 1, "plain-1")
		}
		run.end()
	}
	b.Run("copy", func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(median(ceiling), "rec/s")
		b.ReportMetric(slices.Min(ceiling), "min-rec/s")
		b.ReportMetric(slices.Max(ceiling), "max-rec/s")
	})
	b.Run("machine", func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(median(fsyncs), "fsync-µs")
		b.ReportMetric(median(verifies), "verify-cpu-µs")
		b.ReportMetric(float64(in.number(b, `SELECT current_setting('server_version_num')::int`)), "pg-version")
	})
	ten.report(b, "tls-10", ceiling)
	one.report(b, "tls-1", ceiling)
	bare.report(b, "plain-1", ceiling)

	in.empty(b)
	run := in.loadRun(b, load)
	run.full(b, 1, seconds(b, "BENCH_STEADY", 65)*time.Second) // until the rollups are at it
	steady := loads{run.full(b, 1, 30*time.Second)}            // two of their turns
	steady.report(b, "steady-1", ceiling)
	run.end()

	in.empty(b) // what is left to roll up of another load is no part of the delay
	run = in.loadRun(b, load)
	run.delays(b, &load, &prober)
	run.end()
}

// loadIdentities registers and enrols pumps by way of the registry.
func (in *installation) loadIdentities(b *testing.B, app *App, n int) []loadIdentity {
	b.Helper()
	ks, err := app.o.Keys.trust.Root.OpenKeyset(app.o.Keys.trust.Keyset)
	if err != nil {
		b.Fatal(err)
	}
	library := order.Hash(app.o.Keys.trust.Library)
	var out []loadIdentity
	for i, plan := range in.slips(app, n) {
		who, err := enrolLoad(b.Context(), app, i, plan)
		if err != nil {
			b.Fatal(err)
		}
		who.Hello.State.Keyset, who.Hello.State.Library = ks.Version, library[:]
		out = append(out, who)
	}
	return out
}

func enrolLoad(ctx context.Context, app *App, i int, plan plannedPump) (loadIdentity, error) {
	var none loadIdentity
	slip, err := wire.ParseSlip(plan.Slip)
	if err != nil {
		return none, err
	}
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return none, err
	}
	name, err := wire.NewPublicKey(pub)
	if err != nil {
		return none, err
	}
	linkKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return none, err
	}
	linkDER, err := x509.MarshalPKCS8PrivateKey(linkKey)
	if err != nil {
		return none, err
	}
	link := fmt.Sprintf("LOAD-%05d", i)
	der, err := pki.NewCSR(linkKey, link)
	if err != nil {
		return none, err
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return none, err
	}
	proof, err := wire.Seal(rand.Reader, key, wire.UpCert, wire.Encode(wire.CertRequest{Pump: name.PumpID(), Link: link, CSR: der, Wall: time.Now().UnixMilli()}))
	if err != nil {
		return none, err
	}
	reply, err := app.Registry.Enrol(ctx, gateway.Enrolment{
		Request: wire.EnrolRequest{Code: slip.Code, CSR: der, Serial: plan.Serial, Model: plan.Model, Key: name.String(), Proof: proof},
		CSR:     csr, Link: link, Key: name, RemoteAddr: "127.0.0.1:1",
	})
	if err != nil {
		return none, err
	}
	program := order.Hash([]byte(plan.Serial))
	return loadIdentity{ID: plan.ID, Link: link, Seed: key.Seed(), Chain: reply.Chain, LinkKey: linkDER, Hello: wire.Hello{
		Pump: name.PumpID(), Link: link, Min: wire.Version, Max: wire.Version, Serial: plan.Serial, Model: plan.Model, Firmware: "1", FirmwareComm: "1",
		Main: wire.Position{Epoch: 1}, Alarm: wire.Position{Epoch: 1},
		State: wire.State{Run: wire.Infusing, StateHash: program[:], ProgramHash: program[:]},
	}}, nil
}

// empty empties the tables that load fills, and lets PostgreSQL write out what it
// has put off. No server runs.
func (in *installation) empty(b *testing.B) {
	b.Helper()
	in.owner(b, `TRUNCATE telemetry_samples, telemetry_cursors, telemetry_latest`, `DROP TABLE IF EXISTS bench_copy`, `CHECKPOINT`)
}

func (in *installation) owner(b *testing.B, statements ...string) {
	b.Helper()
	db, err := postgres.Open(b.Context(), in.at(pgserver.Owner), 1)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			b.Fatalf("%s: %v", s, err)
		}
	}
}

// copyCeiling returns how many rows a second COPY brings into a table like that
// of the samples.
func (in *installation) copyCeiling(b *testing.B) float64 {
	b.Helper()
	const batches, size = 200, 2000
	in.owner(b, `CREATE TABLE bench_copy (LIKE telemetry_samples INCLUDING ALL) PARTITION BY RANGE (received_at)`,
		`CREATE TABLE bench_copy_all PARTITION OF bench_copy FOR VALUES FROM ('2000-01-01') TO ('2100-01-01')`)
	text := make([]string, batches)
	now := time.Now().UTC()
	for i := range text {
		text[i] = copyText(i*size, size, now)
	}
	db, err := postgres.Open(b.Context(), in.at(pgserver.Owner), 2)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	start := time.Now()
	for _, t := range text {
		if err := copyBatch(b.Context(), conn, t); err != nil {
			b.Fatal(err)
		}
	}
	rate := batches * size / time.Since(start).Seconds()
	var n int
	if err := db.Get(&n, `SELECT count(*) FROM bench_copy`); err != nil || n != batches*size {
		b.Fatalf("COPY brought %d rows, want %d: %v", n, batches*size, err)
	}
	return rate
}

// copyText renders n rows as COPY reads them, from the from-th on: those of the
// load's pumps in turn, as samples are.
func copyText(from, n int, now time.Time) string {
	const clock = "2006-01-02 15:04:05.000+00"
	received := now.Add(time.Duration(from/100) * time.Millisecond).Format(clock)
	text := make([]byte, 0, 130*n)
	for i := from; i < from+n; i++ {
		pump, seq := i%loadPumps+1, i/loadPumps+1
		device := now.Add(time.Duration(seq*10) * time.Millisecond).Format(clock)
		text = fmt.Appendf(text, "%d\t1\t%d\t%s\t%s\t%d\t480000\t%d\t%d\t\\N\t0\t%d\t%d\t%d\t%d\t%d\t1\n",
			pump, seq, device, received, 3_600_000+seq*10, 12_000_000+seq*333, 18_000_000-seq, 2_950-seq%40, 36_800+seq%300, 1_200+seq%90, seq/500, seq/2000)
	}
	return string(text[:len(text)-1]) // CopyData adds the last newline
}

func copyBatch(ctx context.Context, conn *sql.Conn, text string) error {
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	err := conn.Raw(func(dc any) error {
		stmt, err := dc.(driver.Conn).Prepare(`COPY bench_copy (pump_id, epoch, seq, device_at, received_at, mono_ms, rate_nl_day, delivered_nl, reservoir_nl, sensed_nl,
			flags, battery_mv, temperature_mc, pressure_pa, ptm_given, ptm_denied, run) FROM STDIN`)
		if err != nil {
			return err
		}
		c := stmt.(interface {
			CopyData(ctx context.Context, line string) (driver.Result, error)
		})
		if _, err := c.CopyData(ctx, text); err != nil {
			return err
		}
		//lint:ignore SA1019 the driver has no other way to end a COPY
		if _, err := stmt.Exec(nil); err != nil { //nolint:staticcheck // the driver's way to end a COPY
			return err
		}
		return stmt.Close()
	})
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}

// number asks the database for one.
func (in *installation) number(b *testing.B, query string) (n int64) {
	b.Helper()
	db, err := postgres.Open(b.Context(), in.url(), 1)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.Get(&n, query); err != nil {
		b.Fatal(err)
	}
	return n
}

// loadRun is a server and what makes load on it, each a process.
type loadRun struct {
	in            *installation
	server, pumps *process
}

func (in *installation) loadRun(b *testing.B, set loadSettings) *loadRun {
	b.Helper()
	in.addr = map[string]string{"http": "localhost:0", "mqtt": "127.0.0.1:0", "enrol": "127.0.0.1:0"}
	r := &loadRun{in: in}
	r.server = in.run("bench-server", benchServerSettings{serverSettings{in.url(), in.dir + "/keys", in.addr}, set.Plain, set.Unsigned})
	set.Addr = in.addr["mqtt"]
	r.pumps = in.run("bench-load", set)
	return r
}

// end stops both, the server in good order.
func (r *loadRun) end() {
	r.pumps.kill()
	_ = r.server.stdin.Close()
	_ = r.server.cmd.Wait()
}

func (r *loadRun) used(b *testing.B) usage {
	b.Helper()
	return usage{treeCPU(b, r.server.cmd.Process.Pid), treeCPU(b, r.in.pg.Pid()), treeCPU(b, r.pumps.cmd.Process.Pid), machineCPU(b)}
}

func (r *loadRun) state() loadState {
	r.pumps.tell("count")
	return *r.pumps.next(10 * time.Second).Load
}

// measure watches the load that is being made for as long as it is told.
func (r *loadRun) measure(b *testing.B, wall time.Duration) load {
	b.Helper()
	before, from := r.state(), r.used(b)
	<-time.After(wall)
	after, to := r.state(), r.used(b)
	l := load{records: after.Durable - before.Durable, wall: time.Duration(after.At - before.At), used: to.sub(from)}
	if l.records == 0 {
		b.Fatal("nothing became durable")
	}
	return l
}

// full measures messages of so many records, sent as fast as the windows allow,
// and then waits until all is durable.
func (r *loadRun) full(b *testing.B, records int, wall time.Duration) load {
	b.Helper()
	r.pumps.tell(fmt.Sprint("full ", records))
	<-time.After(wall / 6) // until it runs evenly
	l := r.measure(b, wall)
	r.calm(b)
	return l
}

// calm ends the load and checks that the rows are there.
func (r *loadRun) calm(b *testing.B) {
	b.Helper()
	r.pumps.tell("calm")
	s := *r.pumps.next(2 * time.Minute).Load
	if s.Durable != s.Sent {
		b.Fatalf("%d records were sent, %d became durable", s.Sent, s.Durable)
	}
	r.server.tell("state")
	n := r.server.next(time.Minute).Ingest
	if n.Samples != s.Durable || n.Rewinds != 0 || n.Refused != 0 {
		b.Fatalf("the pumps had %d records committed, the server says %+v", s.Durable, *n)
	}
	if rows := r.in.number(b, `SELECT count(*) FROM telemetry_samples`); rows != s.Durable {
		b.Fatalf("the pumps had %d records committed, there are %d rows", s.Durable, rows)
	}
	b.Logf("%d records in %d transactions", n.Samples, n.Batches)
}

// profile writes a CPU profile of the server under load into the folder
// BENCH_PROFILES, if that is set.
func (r *loadRun) profile(b *testing.B, records int, name string) {
	b.Helper()
	dir := os.Getenv("BENCH_PROFILES")
	if dir == "" {
		return
	}
	r.pumps.tell(fmt.Sprint("full ", records))
	r.server.tell("profile 5 " + filepath.Join(dir, name+".pprof"))
	r.server.next(time.Minute)
	r.calm(b)
}

type benchServerSettings struct {
	serverSettings
	Plain, Unsigned bool
}

// ingestState answers "state": what the server has counted.
type ingestState struct{ Samples, Batches, Rewinds, Refused int64 }

// benchServerChild runs a server. It answers "state", and "profile S FILE" after
// it has profiled itself for S seconds, and stops at the end of its input.
func benchServerChild(ctx context.Context, in *bufio.Scanner, say func(any)) error {
	spareProcs()
	var set benchServerSettings
	if !in.Scan() {
		return io.ErrUnexpectedEOF
	}
	if err := json.Unmarshal(in.Bytes(), &set); err != nil {
		return err
	}
	keys, err := loadKeys(set.Keys, time.Now())
	if err != nil {
		return err
	}
	app, err := New(ctx, Options{
		DatabaseURL: set.URL, Keys: keys, HTTP: set.Addr["http"], MQTT: set.Addr["mqtt"], Enrol: set.Addr["enrol"], Plain: set.Plain, Unsigned: set.Unsigned, Log: testLog(),
	})
	if err != nil {
		return err
	}
	defer app.Stop()
	if err := app.Start(ctx); err != nil {
		return err
	}
	go func() {
		err := <-app.Failed()
		say(answer{Error: err.Error()})
	}()
	say(answer{Ready: true, Addr: addresses(app)})
	for in.Scan() {
		var what, file string
		var n int
		_, _ = fmt.Sscan(in.Text(), &what, &n, &file) // some have no more than one word
		switch what {
		case "state":
			s := &app.Telemetry.Stats
			say(answer{Ingest: &ingestState{int64(s.Samples.Load()), int64(s.Batches.Load()), int64(s.Rewinds.Load()), int64(s.Refused.Load())}})
		case "profile":
			f, err := os.Create(file)
			if err != nil {
				return err
			}
			if err := pprof.StartCPUProfile(f); err != nil {
				return err
			}
			<-time.After(time.Duration(n) * time.Second)
			pprof.StopCPUProfile()
			if err := f.Close(); err != nil {
				return err
			}
			say(answer{Ready: true})
		}
	}
	return nil
}
