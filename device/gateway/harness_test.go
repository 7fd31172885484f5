package gateway

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"cisterna/device/wire"
	"cisterna/internal/errs"
	"cisterna/internal/mqtt"
	"cisterna/internal/pki"
)

// inbox is the server behind the endpoint. With hold set it leaves it to the
// test when a message is done; block holds up Deliver itself.
type inbox struct {
	mu     sync.Mutex
	cond   *sync.Cond
	hold   func(Inbound) bool
	block  map[string]chan struct{}
	got    []Inbound
	dones  []func(error)
	up     []Session
	events []string // "+link/conn" and "-link/conn reason"
}

func newInbox() *inbox {
	i := &inbox{block: map[string]chan struct{}{}}
	i.cond = sync.NewCond(&i.mu)
	return i
}

func (i *inbox) Deliver(in Inbound, done func(error)) {
	i.mu.Lock()
	gate := i.block[in.Link]
	i.mu.Unlock()
	if gate != nil {
		<-gate
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got, i.dones = append(i.got, in), append(i.dones, done)
	i.cond.Broadcast()
	if i.hold == nil || !i.hold(in) {
		go done(nil)
	}
}

func (i *inbox) Connected(s Session)        { i.event(&s, "+%s/%d", s.Link, s.Conn) }
func (i *inbox) Broke(s Session, why error) { i.event(nil, "!%s/%d %v", s.Link, s.Conn, why) }
func (i *inbox) Disconnected(s Session, reason string) {
	i.event(nil, "-%s/%d %s", s.Link, s.Conn, reason)
}

func (i *inbox) event(s *Session, format string, args ...any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if s != nil {
		i.up = append(i.up, *s)
	}
	i.events = append(i.events, fmt.Sprintf(format, args...))
	i.cond.Broadcast()
}

// until waits for a condition over what the inbox has seen.
func (i *inbox) until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	late := false
	timer := time.AfterFunc(10*time.Second, func() { i.mu.Lock(); late = true; i.cond.Broadcast(); i.mu.Unlock() })
	defer timer.Stop()
	i.mu.Lock()
	defer i.mu.Unlock()
	for !cond() {
		if late {
			t.Fatalf("waited in vain for %s; saw %d messages and %q", what, len(i.got), i.events)
		}
		i.cond.Wait()
	}
}

func (i *inbox) messages(t testing.TB, n int) []Inbound {
	t.Helper()
	i.until(t, fmt.Sprintf("%d messages", n), func() bool { return len(i.got) >= n })
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.got)
}

// history returns the events so far.
func (i *inbox) history() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.events)
}

// finish calls done for all messages of a link, last one first.
func (i *inbox) finish(link string, err error) {
	i.mu.Lock()
	var dones []func(error)
	for n, in := range i.got {
		if in.Link == link {
			dones = append(dones, i.dones[n])
		}
	}
	i.mu.Unlock()
	for _, done := range slices.Backward(dones) {
		done(err)
	}
}

func (i *inbox) ended(t testing.TB, link string, conn uint64, reason string) {
	t.Helper()
	want := fmt.Sprintf("-%s/%d ", link, conn)
	i.until(t, want, func() bool {
		return slices.ContainsFunc(i.events, func(e string) bool { return len(e) > len(want) && e[:len(want)] == want })
	})
	i.mu.Lock()
	defer i.mu.Unlock()
	if !slices.Contains(i.events, want+reason) {
		t.Errorf("want %q, got %q", want+reason, i.events)
	}
}

func (i *inbox) session(t testing.TB, n int) Session {
	t.Helper()
	i.until(t, fmt.Sprintf("session %d", n), func() bool { return len(i.up) > n })
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.up[n]
}

// register lists the links that may not connect; the others may.
type register struct {
	mu     sync.Mutex
	denied map[string]bool
	admits int
}

func (r *register) Admit(link, serial string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.admits++
	if r.denied[link] {
		return errs.Deniedf("link %s is revoked", link)
	}
	return nil
}

func (r *register) deny(link string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.denied == nil {
		r.denied = map[string]bool{}
	}
	r.denied[link] = true
}

// endpoint is a gateway under test with all that belongs to it.
type endpoint struct {
	*Gateway
	t      testing.TB
	in     *inbox
	reg    *register
	ca     *pki.Authority
	addr   string
	cancel context.CancelFunc
	done   chan error
	pipes  *pipes
	bg     sync.WaitGroup // what a test with a fake clock must wait for
}

var testAuthority = sync.OnceValue(func() *pki.Authority {
	a, err := pki.Create("Cisterna test", time.Now().AddDate(-1, 0, 0))
	if err != nil {
		panic(err)
	}
	return a
})

// start runs an endpoint with TLS on loopback until the test ends.
func start(t testing.TB, change ...func(*Options)) *endpoint {
	t.Helper()
	ln, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ca := testAuthority()
	source, err := ca.ServerSource([]string{"localhost", "127.0.0.1"}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Listener: ln, Clients: ca.Pool(), TLS: pki.ServerConfig(pki.ServerOptions{Certificate: source, Clients: ca.Pool()})}
	e := run(t, o, change...)
	e.ca = ca
	return e
}

// startPlain runs an endpoint over in-memory pipes, for tests with a fake clock.
func startPlain(t testing.TB, change ...func(*Options)) *endpoint {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	e := run(t, Options{Listener: p, Plain: true}, change...)
	e.pipes = p
	return e
}

func run(t testing.TB, o Options, change ...func(*Options)) *endpoint {
	t.Helper()
	e := &endpoint{t: t, in: newInbox(), reg: &register{}, addr: o.Listener.Addr().String(), done: make(chan error, 1)}
	o.Inbox, o.Directory, o.Logger = e.in, e.reg, slog.New(slog.DiscardHandler)
	for _, f := range change {
		f(&o)
	}
	var err error
	if e.Gateway, err = New(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	go func() { e.done <- e.Run(ctx) }()
	t.Cleanup(e.stop)
	return e
}

// stop ends the endpoint; a second call does nothing.
func (e *endpoint) stop() {
	e.cancel()
	select {
	case err := <-e.done:
		e.done <- err
		if err != nil {
			e.t.Error(err)
		}
	case <-time.After(30 * time.Second):
		e.t.Error("the endpoint does not stop")
	}
}

// identity returns a link's certificate chain and key.
func identity(t testing.TB, ca *pki.Authority, link string) ([][]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := pki.NewCSR(key, link)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := pki.CheckCSR(der)
	if err != nil {
		t.Fatal(err)
	}
	_, chain, err := ca.IssueClient(csr, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return chain, key
}

// settings returns TLS settings of a link.
func (e *endpoint) settings(link string) *tls.Config {
	e.t.Helper()
	chain, key := identity(e.t, e.ca, link)
	return pki.ClientConfig(pki.ClientOptions{Roots: e.ca.Pool(), ServerName: "localhost", Chain: chain, Key: key, Cache: tls.NewLRUClientSessionCache(1)})
}

// peer is a hand-driven client.
type peer struct {
	net.Conn
	t  testing.TB
	rd *mqtt.Reader
}

func (e *endpoint) peerOn(conn net.Conn) *peer {
	e.t.Cleanup(func() { conn.Close() })
	return &peer{Conn: conn, t: e.t, rd: mqtt.NewReader(conn, 512, 1<<20)}
}

// dial opens a connection of a link and says nothing on it.
func (e *endpoint) dial(link string) *peer {
	e.t.Helper()
	if e.pipes != nil {
		return e.peerOn(e.pipes.dial())
	}
	conn, err := tls.Dial("tcp", e.addr, e.settings(link))
	if err != nil {
		e.t.Fatal(err)
	}
	return e.peerOn(conn)
}

// join connects and subscribes a link.
func (e *endpoint) join(link string, change ...func(*packets.ConnectPacket)) *peer {
	e.t.Helper()
	p := e.dial(link)
	p.send(connectPacket(link, change...))
	p.expect(mqtt.AppendConnack(nil, mqtt.Accepted))
	sub := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	sub.MessageID, sub.Topics, sub.Qoss = 1, []string{wire.DownFilter(link)}, []byte{0}
	p.send(sub)
	p.expect(mqtt.AppendSuback(nil, 1, []byte{0}))
	return p
}

func connectPacket(link string, change ...func(*packets.ConnectPacket)) *packets.ConnectPacket {
	c := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	c.ProtocolName, c.ProtocolVersion, c.CleanSession, c.ClientIdentifier, c.Keepalive = "MQTT", 4, true, link, 60
	for _, f := range change {
		f(c)
	}
	return c
}

func withWill(topic string) func(*packets.ConnectPacket) {
	return func(c *packets.ConnectPacket) {
		c.WillFlag, c.WillTopic, c.WillMessage, c.WillQos = true, topic, []byte("bye"), 1
	}
}

func publishPacket(link string, k wire.Kind, id uint16, payload string) []byte {
	qos := byte(1)
	if id == 0 {
		qos = 0
	}
	return mqtt.AppendPublish(nil, wire.Topic(link, k), qos, id, false, []byte(payload))
}

// send writes packets or raw bytes in one write.
func (p *peer) send(what ...any) {
	p.t.Helper()
	if err := p.try(what...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) try(what ...any) error {
	var b bytes.Buffer
	for _, w := range what {
		switch w := w.(type) {
		case []byte:
			b.Write(w)
		case packets.ControlPacket:
			if err := w.Write(&b); err != nil {
				return err
			}
		}
	}
	_, err := p.Write(b.Bytes())
	return err
}

// expect reads exactly these bytes.
func (p *peer) expect(want []byte) {
	p.t.Helper()
	p.SetReadDeadline(time.Now().Add(10 * time.Second))
	defer p.SetReadDeadline(time.Time{})
	var got []byte
	for len(got) < len(want) {
		q, err := p.rd.ReadPacket()
		if err != nil {
			p.t.Fatalf("want % x, got % x and then %v", want, got, err)
		}
		got = append(got, byte(q.Type)<<4|q.Flags, byte(len(q.Body)))
		got = append(got, q.Body...)
	}
	if !bytes.Equal(got, want) {
		p.t.Fatalf("want % x, got % x", want, got)
	}
}

// acks reads PUBACKs of these packet ids, in this order.
func (p *peer) acks(ids ...uint16) {
	p.t.Helper()
	for _, id := range ids {
		p.expect(mqtt.AppendPuback(nil, id))
	}
}

// expectClosed reads until the server closes and returns what came before.
func (p *peer) expectClosed() []byte {
	p.t.Helper()
	p.SetReadDeadline(time.Now().Add(20 * time.Second))
	var got []byte
	for { // what expect read along with what it looked for
		q, ok, err := p.rd.Next()
		if err != nil {
			p.t.Fatal(err)
		}
		if !ok {
			break
		}
		got = append(append(got, byte(q.Type)<<4|q.Flags, byte(len(q.Body))), q.Body...)
	}
	b, err := io.ReadAll(p.Conn)
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		p.t.Fatal("the server keeps the connection open")
	}
	return append(got, b...)
}

// eventually waits for a condition that nobody announces.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for late := time.After(10 * time.Second); !cond(); {
		select {
		case <-late:
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// pipes is a listener of in-memory connections.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
	case <-p.closed:
		server.Close()
	}
	return client
}

// dialFrom dials as somebody else.
func (p *pipes) dialFrom(from net.Addr) net.Conn {
	client, server := net.Pipe()
	select {
	case p.conns <- addressed{server, from}:
	case <-p.closed:
		server.Close()
	}
	return client
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }
