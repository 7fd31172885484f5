package overview

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/dose"
	"cisterna/device/gateway"
	"cisterna/device/profile"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/lists"
	"cisterna/fleet/maintenance"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
	"cisterna/internal/pgtest"
)

// rig is the fleet's packages on a database, with pumps that can speak.
type rig struct {
	t      *testing.T
	db     *sqlx.DB
	reg    *registry.Service
	alarms *alarm.Service
	tele   *telemetry.Service
	lists  *lists.Service
	view   *Service
	sites  []int64
	pumps  []*pump
}

var (
	all = auth.Scope{All: true}
	sys = auth.System("test")
)

func newRig(t *testing.T) *rig {
	t.Helper()
	ctx := context.Background()
	r := &rig{t: t, db: pgtest.New(t)}
	log := slog.New(slog.DiscardHandler)
	var err error
	r.reg, err = registry.New(ctx, registry.Options{
		DB: r.db, Now: time.Now, Sign: func(*x509.CertificateRequest, time.Time) (*x509.Certificate, [][]byte, error) {
			return nil, nil, errors.New("not here")
		},
		Documents: func(context.Context, string) (registry.Documents, error) {
			return registry.Documents{}, errors.New("not here")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, short := range []string{"A", "B"} {
		r.sites = append(r.sites, r.id(`INSERT INTO registry_sites (name, short, time_zone, created_at) VALUES ($1, $1, 'UTC', now()) RETURNING id`, short))
	}
	r.alarms = alarm.New(r.db, r.reg.Directory(), time.Now)
	r.tele, err = telemetry.New(telemetry.Options{
		DB: r.db, Directory: r.reg.Directory(), Alarms: r.alarms, Log: log, Boot: "boot", Now: time.Now,
		Silence: func(string, dose.Severity) telemetry.SilenceRule { return telemetry.SilenceRule{Grace: time.Minute} },
		Push:    func(string, gateway.Outbound) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.lists, err = lists.New(lists.Options{DB: r.db, Registry: r.reg, Now: time.Now, Log: log, Actor: func(context.Context, int64, int64) (auth.Actor, error) { return sys, nil }})
	if err != nil {
		t.Fatal(err)
	}
	r.view, err = New(Options{
		DB: r.db, Registry: r.reg, Telemetry: r.tele, Alarms: r.alarms, Maintenance: maintenance.NewService(r.db, r.reg, time.Now), Lists: r.lists, Desired: func(string) Desired { return Desired{Library: []byte("known")} }, Now: time.Now, Log: log,
		Profile: func(id string) (*profile.Profile, bool) { p := profile.Sample(id); return p, p != nil },
		Library: func(hash []byte) string {
			if string(hash) == "known" {
				return "Sample 1"
			}
			return ""
		},
		Refresh: time.Hour, // the events alone must keep the board right
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range []func(context.Context) error{r.tele.Run, r.view.Board().Run} {
		ctx, cancel := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	return r
}

func (r *rig) id(query string, args ...any) (id int64) {
	r.t.Helper()
	if err := r.db.Get(&id, query, args...); err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
	return id
}

func (r *rig) exec(query string, args ...any) {
	r.t.Helper()
	if _, err := r.db.Exec(query, args...); err != nil {
		r.t.Fatalf("%s: %v", query, err)
	}
}

func (r *rig) eventually(what string, f func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f(); {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// pump is a device that can sign.
type pump struct {
	r     *rig
	id    int64
	link  string
	key   ed25519.PrivateKey
	wire  wire.PumpID
	conn  uint64
	seq   uint64 // main lane
	alarm uint64
	mono  uint64
}

var serials atomic.Int64

// pump registers an active pump at a site.
func (r *rig) pump(site int64) *pump {
	r.t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	k, err := wire.NewPublicKey(pub)
	if err != nil {
		r.t.Fatal(err)
	}
	n := serials.Add(1)
	p := &pump{r: r, link: fmt.Sprintf("LINK-%d", n), key: key, wire: k.PumpID(), conn: uint64(n)}
	reg, err := r.reg.RegisterPump(context.Background(), sys, registry.NewPump{Site: site, Maker: "Maker", Serial: fmt.Sprintf("SN-%d", n), Model: "M", Profile: profile.Samples()[0].ID, Label: "a label"})
	if err != nil {
		r.t.Fatal(err)
	}
	p.id = reg.ID
	hash := k.Hash()
	r.exec(`INSERT INTO registry_communicators (serial, model, firmware, status, status_since, status_reason, created_at) VALUES ($1, '', '', 'active', now(), '', now())`, p.link)
	r.exec(`INSERT INTO registry_pairings (pump_id, link, from_at, reason) VALUES ($1, $2, now(), 'test')`, p.id, p.link)
	r.exec(`UPDATE registry_pumps SET status = 'active', device_key = $2, key_hash = $3, wire_id = $4, key_at = now(), rev = rev + 1 WHERE id = $1`, p.id, k.String(), hash[:], p.wire[:])
	if err := r.reg.Reload(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.pumps = append(r.pumps, p)
	return p
}

// send delivers a message and waits until it is taken.
func (p *pump) send(k wire.Kind, payload []byte) {
	p.r.t.Helper()
	fate := make(chan error, 1)
	p.r.tele.Deliver(gateway.Inbound{Link: p.link, Conn: p.conn, Kind: k, Payload: payload, At: time.Now()}, func(err error) { fate <- err })
	select {
	case err := <-fate:
		if err != nil {
			p.r.t.Fatalf("%v: %v", k, err)
		}
	case <-time.After(30 * time.Second):
		p.r.t.Fatal("done was not called")
	}
}

func (p *pump) seal(k wire.Kind, payload []byte) []byte {
	b, err := wire.Seal(rand.Reader, p.key, k, payload)
	if err != nil {
		p.r.t.Fatal(err)
	}
	return b
}

func (p *pump) records(k wire.Kind, records ...wire.Record) {
	p.r.t.Helper()
	seq := &p.seq
	if k == wire.UpAlarm {
		seq = &p.alarm
	}
	b := &wire.Batch{Pump: p.wire, Epoch: 1, First: *seq + 1, Records: records}
	p.send(k, p.seal(k, wire.AppendBatch(nil, b)))
	for _, r := range records {
		*seq++
		if r.Kind == wire.RecordGap {
			*seq = r.Gap.Through
		}
	}
}

func sample(at time.Time, reservoir, mv int64) wire.Record {
	return wire.Record{Kind: wire.RecordSample, Wall: at.UnixMilli(), Sample: wire.Sample{Run: wire.Infusing, RateNLDay: 400_000, ReservoirNL: reservoir, SensedNL: -1, BatteryMV: mv, TemperatureM: 37_000}}
}

func (p *pump) hello(change func(*wire.Hello)) {
	p.r.t.Helper()
	p.mono += 1000
	h := wire.Hello{
		Pump: p.wire, Link: p.link, Session: [16]byte{byte(p.mono / 1000)}, Min: 1, Max: 1, Serial: "SN", Model: "M", Firmware: "1.0.0", FirmwareComm: "2.0.0",
		Boot: [16]byte{1}, Wall: time.Now().UnixMilli(), Mono: p.mono, State: wire.State{Run: wire.Infusing, Library: []byte("known")},
	}
	if change != nil {
		change(&h)
	}
	p.send(wire.UpHello, p.seal(wire.UpHello, wire.Encode(h)))
}
