package telemetry

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/dose"
	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/registry"
	"cisterna/internal/pgserver"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

// rig is a service on a database, with pumps that can speak.
type rig struct {
	t      testing.TB
	db     *sqlx.DB
	test   *pgtest.DB // nil on a server of its own
	reg    *registry.Service
	alarms *alarm.Service
	svc    *Service
	clock  atomic.Int64 // Unix ms; 0 = the real one
	stop   func()
	log    *slog.Logger
	rule   SilenceRule
	rules  map[dose.Severity]SilenceRule // instead of rule

	mu     sync.Mutex
	pushed map[string][]gateway.Outbound
}

var ruleForTests = SilenceRule{Grace: 30 * time.Second, Stale: 2 * time.Minute, Offline: 10 * time.Minute, Alarm: 15 * time.Minute}

func (r *rig) now() time.Time {
	if ms := r.clock.Load(); ms != 0 {
		return time.UnixMilli(ms)
	}
	return time.Now()
}

func (r *rig) silence(s dose.Severity) SilenceRule {
	if rule, ok := r.rules[s]; ok {
		return rule
	}
	return r.rule
}

func (r *rig) set(at time.Time) { r.clock.Store(at.UnixMilli()) }

func (r *rig) advance(d time.Duration) { r.clock.Add(d.Milliseconds()) }

// newRig returns a rig whose service does not run yet.
func newRig(t testing.TB) *rig {
	test := pgtest.NewDB(t)
	r := newRigOn(t, test.DB)
	r.test = test
	return r
}

func newRigOn(t testing.TB, db *sqlx.DB) *rig {
	t.Helper()
	r := &rig{t: t, db: db, pushed: map[string][]gateway.Outbound{}, log: slog.New(slog.DiscardHandler), rule: ruleForTests}
	r.exec(`INSERT INTO registry_sites (name, short, time_zone, created_at) VALUES ('Test', 'T', 'UTC', now()) ON CONFLICT DO NOTHING`)
	r.open("boot-1")
	return r
}

func (r *rig) exec(query string, args ...any) {
	r.t.Helper()
	if _, err := r.db.Exec(query, args...); err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
}

// open makes registry, alarms and service anew, as a start of the server does.
func (r *rig) open(boot string) {
	r.t.Helper()
	reg, err := registry.New(context.Background(), registry.Options{
		DB: r.db, Now: r.now, Sign: func(*x509.CertificateRequest, time.Time) (*x509.Certificate, [][]byte, error) {
			return nil, nil, errors.New("not here")
		},
		Documents: func(context.Context, string) (registry.Documents, error) {
			return registry.Documents{}, errors.New("not here")
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.reg, r.alarms = reg, alarm.New(r.db, reg.Directory(), r.now)
	r.svc, err = New(Options{
		DB: r.db, Directory: reg.Directory(), Alarms: r.alarms, Silence: func(_ string, s dose.Severity) SilenceRule { return r.silence(s) },
		Push: r.push, Now: r.now, Log: r.log, Boot: boot,
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// run starts the service; it stops at the test's end or with r.stop.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	svc := r.svc
	go func() {
		defer close(done)
		if err := svc.Run(ctx); err != nil {
			r.t.Errorf("run: %v", err)
		}
	}()
	r.stop = sync.OnceFunc(func() { cancel(); <-done })
	r.t.Cleanup(r.stop)
	for !svc.running.Load() {
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func (r *rig) push(link string, m gateway.Outbound) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pushed[link] = append(r.pushed[link], m)
	return true
}

// acks returns what a link was told, and forgets it.
func (r *rig) acks(link string) []wire.Cursors {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []wire.Cursors
	for _, m := range r.pushed[link] {
		c, err := wire.Decode[wire.Cursors](m.Payload)
		if err != nil || m.Kind != wire.DnAck {
			r.t.Errorf("pushed to %s: %v %v", link, m.Kind, err)
		}
		out = append(out, c)
	}
	delete(r.pushed, link)
	return out
}

// waitAck waits until a link was told something that f accepts.
func (r *rig) waitAck(link string, f func(wire.Cursors) bool) wire.Cursors {
	r.t.Helper()
	var got wire.Cursors
	r.eventually("an ack to "+link, func() bool {
		for _, c := range r.acks(link) {
			if f(c) {
				got = c
				return true
			}
		}
		return false
	})
	return got
}

// eventually waits for a condition that must come true.
func (r *rig) eventually(what string, f func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f(); {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// one reads one value.
func one[T any](r *rig, query string, args ...any) T {
	r.t.Helper()
	var v T
	if err := r.db.Get(&v, query, args...); err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
	return v
}

// pump is a device that can sign.
type pump struct {
	r    *rig
	id   int64
	link string
	key  crypto.Signer
	pub  wire.PublicKey
	conn uint64
}

var serials atomic.Int64

// pump registers an active pump with a communicator.
func (r *rig) pump() *pump {
	r.t.Helper()
	p := r.pumpQuiet()
	if err := r.reg.Reload(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// pumpQuiet registers a pump without telling the service.
func (r *rig) pumpQuiet() *pump {
	r.t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	pub, err := wire.NewPublicKey(key.Public())
	if err != nil {
		r.t.Fatal(err)
	}
	n := serials.Add(1)
	p := &pump{r: r, link: fmt.Sprintf("COMM-%d", n), key: key, pub: pub, conn: uint64(n)}
	hash, id := pub.Hash(), pub.PumpID()
	p.id = one[int64](r, `INSERT INTO registry_pumps (site_id, maker, serial, model, profile, label, udi, udi_di, status, status_since, status_reason, device_key, key_hash, wire_id, key_at,
    lot, pocket_site, pocket_side, catheter_model, tip_level, mri_status, recall_ref, created_at)
VALUES ((SELECT min(id) FROM registry_sites), 'Maker', $1, 'M', 'p', '', '', '', 'active', now(), '', $2, $3, $4, now(), '', '', '', '', '', '', '', now()) RETURNING id`,
		fmt.Sprintf("SN-%d", n), pub.String(), hash[:], id[:])
	r.exec(`INSERT INTO registry_communicators (serial, model, firmware, status, status_since, status_reason, created_at) VALUES ($1, '', '', 'active', now(), '', now())`, p.link)
	r.exec(`INSERT INTO registry_pairings (pump_id, link, from_at, reason) VALUES ($1, $2, now(), 'test')`, p.id, p.link)
	return p
}

// seal signs a payload.
func (p *pump) seal(k wire.Kind, payload []byte) []byte {
	b, err := wire.Seal(rand.Reader, p.key, k, payload)
	if err != nil {
		p.r.t.Fatal(err)
	}
	return b
}

// batch encodes records as a signed batch.
func (p *pump) batch(k wire.Kind, epoch, first uint64, records ...wire.Record) []byte {
	return p.seal(k, wire.AppendBatch(nil, &wire.Batch{Pump: p.pub.PumpID(), Epoch: epoch, First: first, Records: records}))
}

// deliver hands a message over and returns the channel of its fate.
func (p *pump) deliver(k wire.Kind, payload []byte) <-chan error {
	return p.deliverAt(k, payload, p.r.now())
}

func (p *pump) deliverAt(k wire.Kind, payload []byte, at time.Time) <-chan error {
	fate := make(chan error, 2)
	p.r.svc.Deliver(gateway.Inbound{Link: p.link, Conn: p.conn, Kind: k, Payload: payload, At: at}, func(err error) { fate <- err })
	return fate
}

// send delivers a message that must be taken, or refused for good.
func (p *pump) send(k wire.Kind, payload []byte) {
	p.r.t.Helper()
	if err := p.wait(p.deliver(k, payload)); err != nil {
		p.r.t.Fatalf("%v: %v", k, err)
	}
}

func (p *pump) wait(fate <-chan error) error {
	p.r.t.Helper()
	select {
	case err := <-fate:
		return err
	case <-time.After(30 * time.Second):
		p.r.t.Fatal("done was not called")
		return nil
	}
}

// tele sends samples of n sequences from first on.
func (p *pump) tele(epoch, first, n uint64) {
	p.r.t.Helper()
	p.send(wire.UpTele, p.batch(wire.UpTele, epoch, first, p.samples(first, n)...))
}

// samples makes n records; what they say follows from their sequence.
func (p *pump) samples(first, n uint64) []wire.Record {
	base := p.r.now().Add(-time.Hour).Truncate(time.Second).UnixMilli()
	out := make([]wire.Record, n)
	for i := range out {
		out[i] = sample(base+int64(first)*1000+int64(i)*1000, int64(first)+int64(i))
	}
	return out
}

func sample(wall, n int64) wire.Record {
	return wire.Record{Kind: wire.RecordSample, Wall: wall, Mono: uint64(1000 * n), Sample: wire.Sample{
		Run: wire.Infusing, RateNLDay: 400_000 + n, DeliveredNL: 1000 * n, ReservoirNL: 20_000_000 - n, SensedNL: -1, BatteryMV: 2900, TemperatureM: 37_000, PressurePa: 1200,
	}}
}

func gap(wall int64, through uint64, lost uint64) wire.Record {
	return wire.Record{Kind: wire.RecordGap, Wall: wall, Gap: &wire.Gap{Through: through, LostEpoch: lost, Reason: "overflow"}}
}

func happened(wall int64, code string) wire.Record {
	return wire.Record{Kind: wire.RecordEvent, Wall: wall, Event: &wire.Event{Code: code, Detail: map[string]string{"volume_nl": "12000"}}}
}

func raise(wall int64, code string) wire.Record {
	return wire.Record{Kind: wire.RecordRaise, Wall: wall, Raise: &wire.Raise{Code: code, Priority: wire.PriorityMedium, Latched: true}}
}

func clearing(wall int64, code string) wire.Record {
	return wire.Record{Kind: wire.RecordClear, Wall: wall, Clear: &wire.Clear{Code: code}}
}

// stored returns what the database holds of a pump's samples, as (epoch, seq).
func (p *pump) stored() []wire.Position {
	p.r.t.Helper()
	var rows []struct{ Epoch, Seq uint64 }
	if err := p.r.db.Select(&rows, `SELECT epoch, seq FROM telemetry_samples WHERE pump_id = $1 ORDER BY epoch, seq`, p.id); err != nil {
		p.r.t.Fatal(err)
	}
	out := make([]wire.Position, len(rows))
	for i, r := range rows {
		out[i] = wire.Position{Epoch: r.Epoch, Seq: r.Seq}
	}
	return out
}

// hasExactly checks that the samples of an epoch are first to last, each once,
// and the cursor is at the last.
func (p *pump) hasExactly(epoch, first, last uint64) {
	p.r.t.Helper()
	var want []wire.Position
	for s := first; s <= last; s++ {
		want = append(want, wire.Position{Epoch: epoch, Seq: s})
	}
	if got := p.stored(); !slices.Equal(got, want) {
		p.r.t.Fatalf("stored %v, want %v", got, want)
	}
	if c := p.cursor(wire.MainLane); c != (wire.Position{Epoch: epoch, Seq: last}) {
		p.r.t.Fatalf("cursor %v, want %d/%d", c, epoch, last)
	}
}

func (p *pump) cursor(lane wire.Lane) wire.Position {
	p.r.t.Helper()
	cs, err := p.r.svc.CursorsOf(context.Background(), p.id)
	if err != nil {
		p.r.t.Fatal(err)
	}
	for _, c := range cs {
		if c.Lane == lane {
			return wire.Position{Epoch: c.Epoch, Seq: c.Seq}
		}
	}
	return wire.Position{Epoch: 1}
}

// refusals returns the codes of what was refused of the pump's link, oldest
// first.
func (p *pump) refusals() (codes []string) {
	p.r.t.Helper()
	list, err := p.r.svc.RefusalsOf(context.Background(), p.id, Mark{}, maxPage)
	if err != nil {
		p.r.t.Fatal(err)
	}
	for _, f := range slices.Backward(list) {
		codes = append(codes, f.Code)
	}
	return codes
}

// owner returns the schema owner's handle on the rig's database.
func (r *rig) owner() *sqlx.DB {
	r.t.Helper()
	if r.test == nil {
		r.t.Fatal("this rig's database has no owner at hand")
	}
	db, err := postgres.Open(context.Background(), r.test.URL(pgserver.Owner), 2)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = db.Close() })
	return db
}
