// Package emulator is the device side of the link: implanted pumps with their
// communicators, one or ten thousand in a process. It is the reference for what
// a device does, and says so in code what LINK.md says in words.
//
// # What is kept
//
// A data directory holds two journals. The vault keeps what a secure element
// would: keys, certificates, the signed documents a pump follows, and the
// highest journal epoch it ever used. The journal proper keeps records until the
// server has committed them, and the pump's state with them, in one atomic
// write. Losing the journal loses records, never a pump.
//
// # Invariants
//
//   - A record is sent only after it is durable. A sequence that was sent names
//     one record for ever. What the server says is committed, and nothing else,
//     is dropped.
//   - Alarms go first: they have a lane of their own, which never waits for
//     telemetry, and the newest state travels in heartbeats past any backlog.
//   - A full disk, a dead network or a server that refuses does not stop the
//     pump: delivery goes on, the oldest telemetry makes room, alarms are kept.
//   - A document counts only if it is signed as the root wants it, and the root
//     is the claim slip's or a successor that its predecessor signed.
//   - A connected pump costs one goroutine, which reads, and one timer. Whatever
//     else there is to do is done by a goroutine that ends when it is done.
//
// # Time
//
// There is no fast clock. The pump's own clock is the real one plus what faults
// did to it, and goes on while the process does not run, as an implant would.
package emulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cisterna/device/emulator/disk"
	"cisterna/device/emulator/journal"
	"cisterna/device/wire"
	"cisterna/internal/errs"
	"cisterna/internal/pki"
)

// Options make a fleet. Vault, Journal and Log are required.
type Options struct {
	Vault   disk.FS // where keys and documents are kept; see OpenDir
	Journal disk.FS // where records and state are kept
	Log     *slog.Logger

	Now  func() time.Time                                         // time.Now if nil
	Dial func(ctx context.Context, addr string) (net.Conn, error) // TCP if nil

	Heartbeat    time.Duration // between heartbeats, 30 s if 0
	KeepAlive    time.Duration // of MQTT, 60 s if 0
	Tick         time.Duration // how often a pump looks at itself between samples, 10 s if 0
	FirstConnect time.Duration // connections are spread over so long, at the start and after a loss; 30 s if 0, none if negative
	MaxBackoff   time.Duration // between attempts that fail, 5 min if 0
	Resend       time.Duration // without progress of the cursor until records are sent again, 30 s if 0
	Batch        int           // records in a message, 200 if 0
	Firmware     string        // of new implants, "2.4.1" if empty
	FirmwareComm string        // of new communicators, "5.0.3" if empty
	Habits       bool          // patients press for boluses

	Paho     bool // connect by paho.mqtt.golang: ten times the memory, but not our own code
	Plain    bool // no TLS; for measuring
	Unsigned bool // empty signatures; for measuring

	Records journal.Options // bounds of the journal; FS, Log and Now are filled in
}

func (o *Options) validate() error {
	if o.Vault == nil || o.Journal == nil || o.Log == nil {
		return errors.New("emulator: vault, journal and logger are required")
	}
	def := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.Heartbeat, 30*time.Second)
	def(&o.KeepAlive, 60*time.Second)
	def(&o.Tick, 10*time.Second)
	def(&o.FirstConnect, 30*time.Second)
	def(&o.MaxBackoff, 5*time.Minute)
	def(&o.Resend, 30*time.Second)
	if o.Batch == 0 {
		o.Batch = 200
	}
	if o.Batch < 1 || o.Batch > wire.MaxBatch {
		return fmt.Errorf("emulator: %d records in a message, want 1 to %d", o.Batch, wire.MaxBatch)
	}
	if o.Firmware == "" {
		o.Firmware = "2.4.1"
	}
	if o.FirmwareComm == "" {
		o.FirmwareComm = "5.0.3"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dial == nil {
		d := net.Dialer{Timeout: 10 * time.Second}
		o.Dial = func(ctx context.Context, addr string) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) }
	}
	return nil
}

// maxDials bounds how many connections of a fleet are being made at a time.
const maxDials = 64

// Fleet is the pumps of one data directory. Its methods may be called from any
// goroutine.
type Fleet struct {
	opt     Options
	log     *slog.Logger
	journal *journal.Journal
	vault   *journal.Journal
	shelf   *shelf
	dials   chan struct{}
	stats   counters
	ctx     context.Context // of connections being made; ends with the fleet
	cancel  context.CancelFunc

	mu      sync.Mutex
	devices map[string]*Device // by serial
	configs map[tlsKey]*tls.Config
	closed  bool
	wg      sync.WaitGroup // goroutines of connections
}

type counters struct {
	connected, connects, failed                       atomic.Int64
	published, acknowledged, records, resent, refused atomic.Uint64
}

// Stats are numbers about a fleet since it was opened.
type Stats struct {
	Pumps        int           `json:"pumps"`
	Connected    int64         `json:"connected"`
	Connects     int64         `json:"connects"`
	Failed       int64         `json:"failed_connects"`
	Published    uint64        `json:"published"`    // messages
	Acknowledged uint64        `json:"acknowledged"` // messages, by PUBACK
	Records      uint64        `json:"records"`      // records sent for the first time or again
	Resent       uint64        `json:"rewinds"`      // times that records were sent again
	Refused      uint64        `json:"refused"`      // refusals heard in dn/ack
	Journal      journal.Stats `json:"journal"`
	Health       string        `json:"health,omitempty"` // what is wrong with the disk
}

// Dir is a data directory on disk.
type Dir struct{ Vault, Journal *disk.Dir }

// OpenDir opens or makes a data directory. One process at a time may hold it.
func OpenDir(dir string) (*Dir, error) {
	v, err := disk.OpenDir(dir + "/vault")
	if err != nil {
		return nil, err
	}
	j, err := disk.OpenDir(dir + "/journal")
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return &Dir{Vault: v, Journal: j}, nil
}

// Close gives the directory back. Close the fleet first.
func (d *Dir) Close() error { return errors.Join(d.Journal.Close(), d.Vault.Close()) }

// Open opens a fleet with the pumps that were enrolled before. None of them is
// started.
func Open(opt Options) (*Fleet, error) {
	if err := opt.validate(); err != nil {
		return nil, err
	}
	f := &Fleet{opt: opt, log: opt.Log.With("component", "emulator"), dials: make(chan struct{}, maxDials), devices: map[string]*Device{}, configs: map[tlsKey]*tls.Config{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	var err error
	if f.vault, err = journal.Open(journal.Options{FS: opt.Vault, Log: opt.Log, Now: opt.Now}); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	records := opt.Records
	records.FS, records.Log, records.Now = opt.Journal, opt.Log, opt.Now
	if f.journal, err = journal.Open(records); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal: %w", err), f.vault.Close())
	}
	f.shelf = newShelf(f.vault)
	if err := f.load(); err != nil {
		return nil, errors.Join(err, f.journal.Close(), f.vault.Close())
	}
	return f, nil
}

// load brings back the pumps of the vault. One that cannot be read does not
// keep the others from living.
func (f *Fleet) load() error {
	docs := map[hash]bool{}
	for _, id := range f.vault.Pumps() {
		safe := f.vault.Pump(id)
		var who identity
		var k kept
		if ok, err := load(safe, itemIdentity, &who); err != nil || !ok {
			f.log.Error("a pump of the vault has no identity and is left out; run the version that wrote it, or enrol it again", "pump", id.String(), "error", err)
			continue
		}
		if ok, err := load(safe, itemDocuments, &k); err != nil || !ok {
			f.log.Error("a pump of the vault has no documents and is left out; run the version that wrote it, or enrol it again", "serial", who.Serial, "error", err)
			continue
		}
		d, err := f.shelf.open(k)
		if err != nil {
			f.log.Error("a pump's documents cannot be opened and it is left out; run the version that wrote it, or enrol it again", "serial", who.Serial, "error", err)
			continue
		}
		k.name(docs)
		var b book // a transfer that the power interrupted names the documents that it leads to
		if ok, err := load(safe, itemOrders, &b); err == nil && ok && b.Pending != nil && b.Pending.Docs != nil {
			b.Pending.Docs.name(docs)
		}
		dev, err := f.newDevice(who, d)
		if err != nil {
			return err
		}
		f.devices[who.Serial] = dev
	}
	f.vault.KeepBlobs(func(h hash) bool { return docs[h] })
	return nil
}

func (f *Fleet) add(d *Device) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.devices[d.who.Serial] != nil {
		return errs.Conflictf("pump %s is enrolled already", d.who.Serial)
	}
	f.devices[d.who.Serial] = d
	return nil
}

// Device returns the pump with the serial number.
func (f *Fleet) Device(serial string) (*Device, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, ok := f.devices[serial]
	return d, ok
}

// Devices returns all pumps by rising serial number.
func (f *Fleet) Devices() []*Device {
	f.mu.Lock()
	out := make([]*Device, 0, len(f.devices))
	for _, d := range f.devices {
		out = append(out, d)
	}
	f.mu.Unlock()
	slices.SortFunc(out, func(a, b *Device) int { return strings.Compare(a.who.Serial, b.who.Serial) })
	return out
}

// Close stops all pumps with a goodbye, writes their state down and closes the
// journals.
func (f *Fleet) Close() error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil
	}
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	devices := f.Devices()
	var wg sync.WaitGroup
	for part := range slices.Chunk(devices, max(1, len(devices)/maxDials)) {
		wg.Go(func() {
			for _, d := range part {
				d.stop()
			}
		})
	}
	wg.Wait()
	err := errors.Join(f.journal.Close(), f.vault.Close())
	f.wg.Wait()
	return err
}

// Stats returns the fleet's numbers now.
func (f *Fleet) Stats() Stats {
	c := &f.stats
	f.mu.Lock()
	n := len(f.devices)
	f.mu.Unlock()
	s := Stats{
		Pumps: n, Connected: c.connected.Load(), Connects: c.connects.Load(), Failed: c.failed.Load(),
		Published: c.published.Load(), Acknowledged: c.acknowledged.Load(), Records: c.records.Load(), Resent: c.resent.Load(), Refused: c.refused.Load(),
		Journal: f.journal.Stats(),
	}
	if err := errors.Join(f.journal.Health(), f.vault.Health()); err != nil {
		s.Health = err.Error()
	}
	return s
}

// tlsKey tells apart the TLS settings that connections share.
type tlsKey struct {
	root  *rootDoc
	host  string
	tls12 bool
}

type certKey struct{}

// tlsConfig returns settings that all pumps under one root share; the handshake's
// context holds the pump's own certificate. There is no session cache: resumption
// would carry one pump's identity into another's connection.
func (f *Fleet) tlsConfig(k tlsKey) *tls.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.configs[k]
	if c == nil {
		c = pki.ClientConfig(pki.ClientOptions{Roots: k.root.pool, ServerName: k.host, TLS12: k.tls12})
		c.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return r.Context().Value(certKey{}).(*tls.Certificate), nil
		}
		c.Time = f.opt.Now
		f.configs[k] = c
	}
	return c
}
