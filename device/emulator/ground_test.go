package emulator

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"cisterna/device/emulator/disk"
	"cisterna/device/emulator/journal"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/internal/mqtt"
	"cisterna/internal/pki"
)

// ground is the server's end in memory: it checks signatures, keeps the records
// that follow its cursors and says so, like the real one, and does on demand what
// a real one does only on bad days.
type ground struct {
	t  *testing.T
	mu sync.Mutex

	cursors map[lanePos]wire.Position
	stored  map[lanePos]map[uint64]string // by epoch<<40 + sequence
	names   map[wire.PumpID]wire.PublicKey
	links   map[wire.PumpID]string
	heard   []heard
	conns   map[string]*groundConn

	holdPuback bool // messages are taken and not acknowledged
	muteAck    bool // dn/ack is lost
	refuse     bool // no connections
	flying     int  // telemetry messages without PUBACK, and the most of them
	mostFlying int
}

type lanePos struct {
	pump wire.PumpID
	lane wire.Lane
}

// heard is one message as the server got it.
type heard struct {
	link        string
	kind        wire.Kind
	first, last uint64
	epoch       uint64
	good        bool
	payload     []byte
}

type groundConn struct {
	g    *ground
	nc   net.Conn
	link string
	wmu  sync.Mutex
	held []uint16
	will []byte
}

func newGround(t *testing.T) *ground {
	return &ground{t: t, cursors: map[lanePos]wire.Position{}, stored: map[lanePos]map[uint64]string{}, names: map[wire.PumpID]wire.PublicKey{}, links: map[wire.PumpID]string{}, conns: map[string]*groundConn{}}
}

func (g *ground) dial(context.Context, string) (net.Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refuse {
		return nil, errors.New("connection refused")
	}
	client, server := net.Pipe()
	c := &groundConn{g: g, nc: server}
	go c.run()
	return client, nil
}

func (c *groundConn) run() {
	defer c.nc.Close()
	rd := mqtt.NewReader(c.nc, 4096, mqtt.MaxPacket)
	for {
		p, err := rd.ReadPacket()
		if err != nil {
			break
		}
		if !c.handle(p) {
			break
		}
	}
	c.g.mu.Lock()
	if c.g.conns[c.link] == c {
		delete(c.g.conns, c.link)
		c.g.flying = 0
	}
	c.g.mu.Unlock()
}

func (c *groundConn) write(b []byte) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.nc.Write(b)
}

func (c *groundConn) handle(p mqtt.Packet) bool {
	switch p.Type {
	case mqtt.Connect:
		m, err := mqtt.ParseConnect(p)
		if err != nil {
			c.g.t.Errorf("CONNECT: %v", err)
			return false
		}
		c.link, c.will = m.ClientIdentifier, m.WillMessage
		c.g.mu.Lock()
		old := c.g.conns[c.link]
		c.g.conns[c.link] = c
		c.g.mu.Unlock()
		if old != nil {
			old.nc.Close() // takeover
		}
		c.write(mqtt.AppendConnack(nil, mqtt.Accepted))
	case mqtt.Subscribe:
		m, err := mqtt.ParseSubscribe(p)
		if err != nil || !slices.Equal(m.Topics, []string{wire.DownFilter(c.link)}) {
			c.g.t.Errorf("SUBSCRIBE %v: %v", m, err)
		}
		c.write(mqtt.AppendSuback(nil, m.MessageID, []byte{0}))
	case mqtt.Pingreq:
		c.write(mqtt.AppendPingresp(nil))
	case mqtt.Disconnect:
		return false
	case mqtt.Publish:
		m, err := mqtt.ParsePublish(p)
		if err != nil {
			c.g.t.Errorf("PUBLISH: %v", err)
			return false
		}
		link, kind, err := wire.ParseTopic(string(m.Topic))
		if err != nil || link != c.link || !kind.Up() {
			return false
		}
		answer := c.g.take(c, kind, append([]byte(nil), m.Payload...))
		c.g.mu.Lock()
		hold := c.g.holdPuback
		if hold {
			c.held = append(c.held, m.ID)
		}
		if kind == wire.UpTele || kind == wire.UpEvent {
			c.g.flying++
			c.g.mostFlying = max(c.g.mostFlying, c.g.flying)
			if !hold {
				c.g.flying--
			}
		}
		mute := c.g.muteAck
		c.g.mu.Unlock()
		var out []byte
		if !hold && m.QoS == 1 {
			out = mqtt.AppendPuback(out, m.ID)
		}
		if answer != nil && !mute {
			out = mqtt.AppendPublish(out, wire.Topic(c.link, wire.DnAck), 0, 0, false, wire.Encode(answer))
		}
		if out != nil {
			c.write(out)
		}
	default:
		c.g.t.Errorf("%s from a pump", p.Type)
		return false
	}
	return true
}

// take does what the ingest does with one message.
func (g *ground) take(c *groundConn, kind wire.Kind, payload []byte) *wire.Cursors {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := heard{link: c.link, kind: kind, payload: payload}
	defer func() { g.heard = append(g.heard, h) }()
	env, err := wire.OpenEnvelope(payload)
	if err != nil {
		return &wire.Cursors{Refused: "E_MALFORMED"}
	}
	id, err := env.ClaimedPump()
	if err != nil || !g.names[id].Verify(kind, env.Payload, env.Sig) {
		return &wire.Cursors{Refused: "E_SIGNATURE"}
	}
	if g.links[id] != c.link {
		return &wire.Cursors{Refused: "E_PAIRING"}
	}
	lane := wire.MainLane
	switch kind {
	case wire.UpAlarm:
		lane = wire.AlarmLane
	case wire.UpTele, wire.UpEvent:
	default:
		h.good = true
		return nil
	}
	b, err := wire.DecodeBatch(env.Payload, lane)
	if err != nil {
		return &wire.Cursors{Refused: "E_MALFORMED"}
	}
	h.first, h.last, h.epoch = b.First, b.Last(), b.Epoch
	k := lanePos{id, lane}
	cur := g.cursors[k]
	out := &wire.Cursors{}
	fresh := b.Epoch > cur.Epoch && b.First == 1 && (cur.Epoch == 0 && b.Epoch == 1 || b.Records[0].Kind == wire.RecordGap)
	if fresh || b.Epoch == cur.Epoch && b.First == cur.Seq+1 {
		h.good = true
		cur = wire.Position{Epoch: b.Epoch, Seq: b.Last()}
		g.cursors[k] = cur
		for _, r := range b.Records {
			g.store(k, b.Epoch, r)
		}
	} else {
		out.Rewind = true
	}
	if lane == wire.MainLane {
		out.Main = &cur
	} else {
		out.Alarm = &cur
	}
	return out
}

func (g *ground) store(k lanePos, epoch uint64, r wire.Record) {
	if g.stored[k] == nil {
		g.stored[k] = map[uint64]string{}
	}
	key := epoch<<40 + r.Seq
	what := string(wire.AppendRecord(nil, &r))
	if old, ok := g.stored[k][key]; ok && old != what {
		g.t.Errorf("epoch %d, sequence %d named another record before", epoch, r.Seq)
	}
	g.stored[k][key] = what
}

// records returns what a lane holds in an epoch, in order, gaps counted in full.
func (g *ground) records(d *Device, lane wire.Lane, epoch uint64) (recs []wire.Record) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := lanePos{d.id, lane}
	for seq := uint64(1); ; {
		raw, ok := g.stored[k][epoch<<40+seq]
		if !ok {
			return recs
		}
		r, err := wire.DecodeRecord([]byte(raw), lane, seq)
		if err != nil {
			g.t.Fatal(err)
		}
		recs = append(recs, r)
		seq = r.Last() + 1
	}
}

func (g *ground) cursor(d *Device, lane wire.Lane) wire.Position {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cursors[lanePos{d.id, lane}]
}

// push sends a message down the link.
func (g *ground) push(link string, kind wire.Kind, payload []byte) {
	g.mu.Lock()
	c := g.conns[link]
	g.mu.Unlock()
	if c == nil {
		g.t.Fatalf("link %s is not connected", link)
	}
	c.write(mqtt.AppendPublish(nil, wire.Topic(link, kind), 0, 0, false, payload))
}

// release acknowledges what was held.
func (g *ground) release() {
	g.mu.Lock()
	g.holdPuback = false
	g.flying = 0
	var all []*groundConn
	for _, c := range g.conns {
		all = append(all, c)
	}
	g.mu.Unlock()
	for _, c := range all {
		g.mu.Lock()
		held := c.held
		c.held = nil
		g.mu.Unlock()
		var b []byte
		for _, id := range held {
			b = mqtt.AppendPuback(b, id)
		}
		if b != nil {
			c.write(b)
		}
	}
}

func (g *ground) set(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

// kinds returns what was heard of some kinds, in order.
func (g *ground) of(kinds ...wire.Kind) (out []heard) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, h := range g.heard {
		if len(kinds) == 0 || slices.Contains(kinds, h.kind) {
			out = append(out, h)
		}
	}
	return out
}

// trust is a hospital's keys and the documents they signed.
type trust struct {
	root, admin, pharm, maker ed25519.PrivateKey
	ca                        *pki.Authority
	body                      order.Root
	rootDoc, keyset, library  []byte
}

func newTrust(t testing.TB, now time.Time) *trust {
	t.Helper()
	key := func() ed25519.PrivateKey { _, k, err := ed25519.GenerateKey(rand.Reader); return must(k, err) }
	text := func(k ed25519.PrivateKey) []string { return []string{must(wire.NewPublicKey(k.Public())).String()} }
	tr := &trust{root: key(), admin: key(), pharm: key(), maker: key()}
	ca, err := pki.Create("test", now)
	if err != nil {
		t.Fatal(err)
	}
	tr.ca = ca
	tr.body = order.Root{
		V: 1, Version: 1, Issued: now.Add(-time.Hour).Unix(), Expires: now.AddDate(1, 0, 0).Unix(), Demo: true, Name: "Test",
		Root: order.Quorum{Threshold: 1, Keys: text(tr.root)}, Keyset: order.Quorum{Threshold: 1, Keys: text(tr.admin)},
		Library: order.Quorum{Threshold: 1, Keys: text(tr.pharm)}, Profile: order.Quorum{Threshold: 1, Keys: text(tr.maker)},
		CAs: []order.CA{{DER: ca.Certificate().Raw}},
	}
	tr.rootDoc = tr.sign(t, order.TypeRoot, tr.body.Encode(), tr.root)
	tr.keyset = tr.sign(t, order.TypeKeyset, order.Keyset{V: 1, Version: 3, Issued: now.Unix(), Expires: now.AddDate(0, 0, 90).Unix(), Origin: "http://localhost:8600"}.Encode(), tr.admin)
	tr.library = tr.sign(t, order.TypeLibrary, order.Library{V: 1, Version: 2, Issued: now.Unix(), Name: "sample"}.Encode(), tr.pharm)
	return tr
}

func (tr *trust) sign(t testing.TB, ty order.Type, body []byte, keys ...crypto.Signer) []byte {
	t.Helper()
	b, err := order.Sign(rand.Reader, ty, body, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (tr *trust) profile(t testing.TB, p *profile.Profile) []byte {
	return tr.sign(t, order.TypeProfile, p.Encode(), tr.maker)
}

// quick is a sample profile that samples every so many seconds.
func quick(each units.Seconds) *profile.Profile {
	p := *profile.Sample("meander-p20")
	p.SampleEach = each
	return &p
}

// quietLog says nothing below errors.
func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// groundOptions are a fleet's options over memory.
func groundOptions(g *ground, d *disk.Memory) Options {
	return Options{
		Vault: d.Folder("vault"), Journal: d.Folder("journal"), Log: quietLog(), Dial: g.dial, Plain: true, FirstConnect: -1,
		Records: journal.Options{Retry: time.Second},
	}
}

func openFleet(t testing.TB, o Options) *Fleet {
	t.Helper()
	f, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// docsOf puts a hospital's documents on a fleet's shelf.
func docsOf(t testing.TB, f *Fleet, tr *trust, p *profile.Profile) (docs documents) {
	t.Helper()
	r, err := order.OpenRoot(tr.rootDoc, order.Hash(tr.rootDoc))
	if err == nil {
		docs.root, err = f.shelf.root(tr.rootDoc, r)
	}
	if err == nil {
		docs.keyset, err = f.shelf.keyset(docs.root, tr.keyset)
	}
	if err == nil {
		docs.library, err = f.shelf.library(docs.root, tr.library)
	}
	if err == nil {
		docs.profile, err = f.shelf.profile(docs.root, tr.profile(t, p))
	}
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// adopt adds a pump without an enrolment.
func adopt(t testing.TB, f *Fleet, tr *trust, serial string, p *profile.Profile) *Device {
	t.Helper()
	key, err := newKey(Blueprint{Serial: serial, Seed: 7, Alg: wire.Ed25519})
	if err != nil {
		t.Fatal(err)
	}
	der, err := marshalKey(key)
	if err != nil {
		t.Fatal(err)
	}
	d, err := f.keep(identity{Serial: serial, Model: "meander-p20", Link: "C-" + serial, Key: der, Seed: 7, Firmware: "2.4.1", FirmwareComm: "5.0.3", MQTT: "server:8883", Enrol: "server:8443"}, docsOf(t, f, tr, p), credential{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (g *ground) know(d *Device) {
	g.set(func() { g.names[d.id], g.links[d.id] = d.PublicKey(), d.who.Link })
}

func mustInject(t *testing.T, d *Device, kind string, f Fault) {
	t.Helper()
	f.Kind = kind
	if err := d.Inject(f); err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
}
