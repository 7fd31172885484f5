package gateway

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/mqtt"
	"cisterna/internal/pki"
)

// instant is an inbox that has everything committed at once.
type instant struct{ n atomic.Uint64 }

func (i *instant) Deliver(_ Inbound, done func(error)) { i.n.Add(1); done(nil) }
func (i *instant) Connected(Session)                   {}
func (i *instant) Disconnected(Session, string)        {}
func (i *instant) Broke(Session, error)                {}

// batched is an inbox that commits what came within a moment, as telemetry does.
type batched struct {
	instant
	in chan func(error)
}

func newBatched() *batched {
	b := &batched{in: make(chan func(error), 2000)}
	go func() {
		var batch []func(error)
		for done := range b.in {
			batch = append(batch[:0], done)
			linger := time.After(2 * time.Millisecond)
		gather:
			for len(batch) < 2000 {
				select {
				case done := <-b.in:
					batch = append(batch, done)
				case <-linger:
					break gather
				}
			}
			for _, done := range batch {
				done(nil)
			}
		}
	}()
	return b
}

func (b *batched) Deliver(_ Inbound, done func(error)) { b.n.Add(1); b.in <- done }

// everybody admits everybody.
type everybody struct{}

func (everybody) Admit(string, string) error { return nil }

// BenchmarkEndpoint is PUBLISH to PUBACK over 500 connections with eight
// messages of 150 bytes in flight on each, the lean client included. The
// figures besides ns/op: Write calls of the endpoint per message.
func BenchmarkEndpoint(b *testing.B) {
	for _, bench := range []struct {
		name  string
		plain bool
		inbox func() Inbox
	}{
		{"plain/instant", true, func() Inbox { return &instant{} }},
		{"tls/instant", false, func() Inbox { return &instant{} }},
		{"plain/batched", true, func() Inbox { return newBatched() }},
		{"tls/batched", false, func() Inbox { return newBatched() }},
	} {
		b.Run(bench.name, func(b *testing.B) { benchmarkEndpoint(b, bench.plain, bench.inbox()) })
	}
}

func benchmarkEndpoint(b *testing.B, plain bool, in Inbox) {
	const conns = 500
	e := start(b, func(o *Options) {
		o.Inbox, o.Directory, o.Logger = in, everybody{}, slog.New(slog.DiscardHandler)
		o.AcceptRate, o.MaxRate = 1e6, -1
		if plain {
			o.Plain, o.TLS = true, nil
		}
	})
	payload := make([]byte, 150)
	var left atomic.Int64 // messages to send yet
	var wg sync.WaitGroup
	for i := range conns {
		link := fmt.Sprintf("COMM-%d", i)
		var conn net.Conn
		var err error
		if plain {
			conn, err = net.Dial("tcp", e.addr)
		} else {
			chain, key := identity(b, e.ca, link)
			conn, err = tls.Dial("tcp", e.addr, pki.ClientConfig(pki.ClientOptions{Roots: e.ca.Pool(), ServerName: "localhost", Chain: chain, Key: key}))
		}
		if err != nil {
			b.Fatal(err)
		}
		topic := wire.Topic(link, wire.UpTele)
		var c *mqtt.Conn
		fill := func() {
			for c.InFlight() < 8 {
				if left.Add(-1) < 0 {
					if c.InFlight() == 0 {
						wg.Done()
					}
					return
				}
				if _, err := c.Append(topic, 1, payload); err != nil {
					b.Error(err)
				}
			}
			_ = c.Flush()
		}
		started := false
		c = mqtt.NewConn(conn, &mqtt.Options{ClientID: link, OnDrained: func() {
			if started {
				if c.InFlight() == 0 || left.Load() > 0 {
					fill()
				}
				_ = c.Flush()
			}
		}, OnMessage: func(_, _ []byte) { started = true }})
		if err := c.Connect(); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Subscribe(wire.DownFilter(link)); err != nil {
			b.Fatal(err)
		}
		go func() { _ = c.Run() }()
		defer c.Close()
	}
	eventually(b, "all subscriptions", func() bool { return e.Stats().Writes.Load() >= conns })
	writes := e.Stats().Writes.Load()
	left.Store(int64(b.N))
	wg.Add(conns)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range conns { // a message sets each going
		if !e.Push(fmt.Sprintf("COMM-%d", i), Outbound{Kind: wire.DnStop}) {
			b.Fatal("not subscribed")
		}
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(float64(e.Stats().Writes.Load()-writes-conns)/float64(b.N), "writes/msg")
}

// BenchmarkSweep is one tick of the clock over ten thousand idle sessions.
func BenchmarkSweep(b *testing.B) {
	g := start(b).Gateway
	g.mu.Lock()
	for i := range memoryConns {
		s := &session{g: g, limit: 1 << 30, info: Session{Link: fmt.Sprintf("COMM-%d", i)}}
		s.rd.Init(nil, readBuffer, maxConnect) // what a session keeps beside it in memory
		g.sessions[s.info.Link] = s
	}
	g.mu.Unlock()
	for b.Loop() {
		g.closeOverdue(g.ticks.Load())
	}
	g.mu.Lock()
	clear(g.sessions)
	g.mu.Unlock()
}
