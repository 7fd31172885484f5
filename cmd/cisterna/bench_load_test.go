package main

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/internal/mqtt"
	"cisterna/internal/pki"
)

// loadIdentity is an enrolled pump with its communicator.
type loadIdentity struct {
	ID      int64 // in the registry
	Link    string
	Seed    []byte   // of the pump's Ed25519 key
	Chain   [][]byte // the communicator's certificate, DER
	LinkKey []byte   // its key, PKCS#8
	Hello   wire.Hello
}

// loadSettings are what the process that makes load starts with.
type loadSettings struct {
	Addr     string
	Root     []byte // the signed root, whose authorities the endpoint must chain to
	Plain    bool   // no TLS
	Unsigned bool   // empty signatures
	Pumps    []loadIdentity
}

// authorities are those that the root names.
func (set *loadSettings) authorities() (*x509.CertPool, error) {
	root, err := order.OpenRoot(set.Root, order.Hash(set.Root))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, ca := range root.CAs {
		c, err := x509.ParseCertificate(ca.DER)
		if err != nil {
			return nil, err
		}
		pool.AddCert(c)
	}
	return pool, nil
}

// loadState answers "count" and "calm": how many records were sent, and how many
// of them the server's cursors cover.
type loadState struct {
	At            int64 // Unix ns
	Sent, Durable int64
}

// loadPump is one connection that sends records as a pump does: signed one by
// one, at most wire.MaxInFlight messages without PUBACK, and done with a record
// only when the server's cursor covers it. It keeps no journal.
type loadPump struct {
	id     wire.PumpID
	key    crypto.Signer
	conn   *mqtt.Conn
	topic  string
	ended  func(error)
	next   func() int // records of the next message when there is room for it; 0 for none
	cursor atomic.Int64

	unsigned bool

	mu      sync.Mutex // guards what follows
	owed    int        // single records that are due and wait for room
	greeted bool
	idle    chan struct{} // closed, and nil, when hello was acknowledged
	seq     uint64
	wall    int64
	records []wire.Record
	payload []byte
}

// dialLoad connects a pump and says hello.
func dialLoad(set *loadSettings, who *loadIdentity, roots *x509.CertPool, next func() int, ended func(error)) (*loadPump, error) {
	key := ed25519.NewKeyFromSeed(who.Seed)
	idle := make(chan struct{})
	p := &loadPump{id: who.Hello.Pump, key: key, topic: wire.Topic(who.Link, wire.UpTele), ended: ended, idle: idle, next: next, unsigned: set.Unsigned}
	nc, err := net.Dial("tcp", set.Addr)
	if err != nil {
		return nil, err
	}
	if !set.Plain {
		linkKey, err := x509.ParsePKCS8PrivateKey(who.LinkKey)
		if err != nil {
			return nil, err
		}
		host, _, _ := net.SplitHostPort(set.Addr)
		tc := tls.Client(nc, pki.ClientConfig(pki.ClientOptions{Roots: roots, ServerName: host, Chain: who.Chain, Key: linkKey.(crypto.Signer)}))
		if err := tc.Handshake(); err != nil {
			return nil, fmt.Errorf("handshake: %w", err)
		}
		nc = tc
	}
	p.conn = mqtt.NewConn(nc, &mqtt.Options{ClientID: who.Link, Window: wire.MaxInFlight, OnMessage: p.hear, OnDrained: p.drained})
	if err := p.conn.Connect(); err != nil {
		return nil, err
	}
	if _, err := p.conn.Subscribe(wire.DownFilter(who.Link)); err != nil {
		return nil, err
	}
	hello := who.Hello
	hello.Wall = time.Now().UnixMilli()
	p.mu.Lock()
	_, err = p.conn.Publish(wire.Topic(who.Link, wire.UpHello), 1, p.seal(wire.UpHello, wire.Encode(hello)))
	p.greeted = true
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	go func() { ended(fmt.Errorf("%s: %w", who.Link, p.conn.Run())) }()
	select {
	case <-idle:
		return p, nil
	case <-time.After(30 * time.Second):
		return nil, fmt.Errorf("%s: hello is not acknowledged", who.Link)
	}
}

// hear takes the server's word for what is committed.
func (p *loadPump) hear(topic, payload []byte) {
	if !strings.HasSuffix(string(topic), "/dn/ack") {
		return
	}
	c, err := wire.Decode[wire.Cursors](payload)
	switch {
	case err != nil:
		p.ended(err)
	case c.Rewind || c.Refused != "":
		p.ended(fmt.Errorf("pump %s: the server refuses %q or wants records again (%t)", p.id, c.Refused, c.Rewind))
	case c.Main != nil:
		p.cursor.Store(int64(c.Main.Seq))
	}
}

// drained is called when everything that arrived together was handled.
func (p *loadPump) drained() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle != nil && p.greeted && p.conn.InFlight() == 0 {
		close(p.idle)
		p.idle = nil
	}
	p.fill()
}

// fill sends as much as the window has room for. mu is held.
func (p *loadPump) fill() {
	for p.conn.InFlight() < wire.MaxInFlight {
		n := p.next()
		if n == 0 && p.owed > 0 {
			n, p.owed = 1, p.owed-1
		}
		if n == 0 {
			break
		}
		if err := p.add(n); err != nil {
			p.ended(err)
			return
		}
	}
	if err := p.conn.Flush(); err != nil {
		p.ended(err)
	}
}

// send publishes one record, or puts it off until there is room.
func (p *loadPump) send() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.owed++
	p.fill()
}

// add puts one message of n records into the connection's buffer. mu is held.
func (p *loadPump) add(n int) error {
	now := time.Now().UnixMilli()
	p.records = p.records[:0]
	for i := range n {
		p.wall = max(p.wall+1, now-int64(n-1-i))
		seq := int64(p.seq) + int64(i)
		p.records = append(p.records, wire.Record{Kind: wire.RecordSample, Wall: p.wall, Mono: uint64(p.wall) & 0xffffffff, Sample: wire.Sample{
			Run: wire.Infusing, RateNLDay: 480_000, DeliveredNL: 12_000_000 + seq*333, ReservoirNL: 18_000_000 - seq%9_000_000, SensedNL: -1,
			BatteryMV: 2_950 - seq%40, TemperatureM: 36_800 + seq%300, PressurePa: 1_200 + seq%90, PTMGiven: seq / 500, PTMDenied: seq / 2000,
		}})
	}
	p.payload = wire.AppendBatch(p.payload[:0], &wire.Batch{Pump: p.id, Epoch: 1, First: p.seq + 1, Records: p.records})
	if _, err := p.conn.Append(p.topic, 1, p.seal(wire.UpTele, p.payload)); err != nil {
		return err
	}
	p.seq += uint64(n)
	return nil
}

func (p *loadPump) seal(k wire.Kind, payload []byte) []byte {
	if p.unsigned {
		// What wire.Seal makes, with an empty signature: an array of two byte
		// strings.
		return append(append(appendBytesHead([]byte{0x82}, len(payload)), payload...), 0x40)
	}
	b, err := wire.Seal(rand.Reader, p.key, k, payload)
	if err != nil {
		panic(err) // an Ed25519 key in memory always signs
	}
	return b
}

// appendBytesHead appends the head of a CBOR byte string under 64 KiB.
func appendBytesHead(b []byte, n int) []byte {
	switch {
	case n < 24:
		return append(b, 0x40|byte(n))
	case n < 256:
		return append(b, 0x58, byte(n))
	}
	return append(b, 0x59, byte(n>>8), byte(n))
}

// loader is the process that makes load.
type loader struct {
	pumps   []*loadPump
	records atomic.Int64 // of the next message, while load is made as fast as it goes
	failed  chan error
}

// loadChild connects its pumps, then obeys: "full N" sends messages of N records
// as fast as the windows allow, "pace N" sends single records at N a second,
// "calm" stops and waits until everything is durable, "count" says how far
// everybody is.
func loadChild(ctx context.Context, in *bufio.Scanner, say func(any)) error {
	var set loadSettings
	if !in.Scan() {
		return io.ErrUnexpectedEOF
	}
	if err := json.Unmarshal(in.Bytes(), &set); err != nil {
		return err
	}
	l := &loader{failed: make(chan error, 1)}
	if err := l.connect(&set); err != nil {
		return err
	}
	say(answer{Ready: true})
	go func() {
		err := <-l.failed
		say(answer{Error: err.Error()})
	}()
	stop := func() {}
	for in.Scan() {
		var what string
		var n int
		_, _ = fmt.Sscan(in.Text(), &what, &n) // n is not always there
		switch what {
		case "full":
			l.records.Store(int64(n))
			for _, p := range l.pumps {
				p.mu.Lock()
				p.fill()
				p.mu.Unlock()
			}
		case "pace":
			c, cancel := context.WithCancel(ctx)
			var paced sync.WaitGroup
			paced.Go(func() { l.pace(c, n) })
			stop = func() { cancel(); paced.Wait() }
		case "calm":
			l.records.Store(0)
			stop()
			stop = func() {}
			state := l.settle(time.Minute)
			say(answer{Load: &state})
		case "count":
			state := l.count()
			say(answer{Load: &state})
		}
	}
	return nil
}

func (l *loader) fail(err error) {
	select {
	case l.failed <- err:
	default:
	}
}

func (l *loader) connect(set *loadSettings) error {
	roots, err := set.authorities()
	if err != nil {
		return err
	}
	l.pumps = make([]*loadPump, len(set.Pumps))
	errs := make([]error, len(set.Pumps))
	next := func() int { return int(l.records.Load()) }
	slots := make(chan struct{}, 16)
	var wg sync.WaitGroup
	for i := range set.Pumps {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			l.pumps[i], errs[i] = dialLoad(set, &set.Pumps[i], roots, next, l.fail)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// pace sends rate records a second, evenly, from all pumps in turn.
func (l *loader) pace(ctx context.Context, rate int) {
	start := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for sent := 0; ; {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for due := int(now.Sub(start).Seconds() * float64(rate)); sent < due; sent++ {
				l.pumps[sent%len(l.pumps)].send()
			}
		}
	}
}

func (l *loader) count() loadState {
	var s loadState
	for _, p := range l.pumps {
		s.Durable += p.cursor.Load()
		p.mu.Lock()
		s.Sent += int64(p.seq) + int64(p.owed)
		p.mu.Unlock()
	}
	s.At = time.Now().UnixNano()
	return s
}

// settle waits until all that was sent is durable, or for as long as it may.
func (l *loader) settle(within time.Duration) loadState {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(within)
	for now := range tick.C {
		if s := l.count(); s.Durable == s.Sent || now.After(deadline) {
			return s
		}
	}
	panic("unreachable: a ticker's channel is never closed")
}
