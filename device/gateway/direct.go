package gateway

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"cisterna/device/wire"
	"cisterna/internal/mqtt"
)

// Options make a Gateway. Listener, Inbox, Directory and Logger are required,
// and TLS unless Plain is set.
type Options struct {
	Listener  net.Listener // raw; the gateway does the TLS
	TLS       *tls.Config  // must require and verify client certificates (pki.ServerConfig)
	Inbox     Inbox
	Directory Directory
	Enroller  Enroller       // answers up/cert; without one it is refused
	Clients   *x509.CertPool // authorities of client certificates, for up/cert
	Logger    *slog.Logger
	Now       func() time.Time // time.Now if nil
	Boot      string           // names this start of the server in Session.Boot; random if empty

	// Plain serves without TLS and believes the client id. It is for
	// measurements and tests and is refused on anything but loopback.
	Plain bool

	AcceptRate float64 // connections taken on per second, 500 if 0, before any of their bytes are read; half of it from one network
	MaxPending int     // connections between accept and CONNACK, 2048 if 0; then accepting waits
	Handshakes int     // handshakes computing at the same moment, the number of processors if 0
	MaxRate    int     // messages per second taken from one link, 1000 if 0; then it waits. Negative: no limit
}

func (o *Options) validate() error {
	switch {
	case o.Listener == nil || o.Inbox == nil || o.Directory == nil || o.Logger == nil:
		return errors.New("gateway: listener, inbox, directory and logger are required")
	case o.Plain && o.TLS != nil:
		return errors.New("gateway: plain and TLS exclude each other")
	case !o.Plain && (o.TLS == nil || o.TLS.ClientAuth != tls.RequireAndVerifyClientCert):
		return errors.New("gateway: TLS settings must require and verify client certificates")
	}
	if a, ok := o.Listener.Addr().(*net.TCPAddr); ok && o.Plain && !a.IP.IsLoopback() {
		return fmt.Errorf("gateway: without TLS it listens on loopback only, not on %s", a)
	}
	return nil
}

// residentWriters is how many idle writers stay for the next write.
const residentWriters = 16

// Gateway is the direct transport: the server itself is the MQTT endpoint of
// its pumps. Make one with New and Run it once.
type Gateway struct {
	ln        net.Listener
	tls       *tls.Config // nil if plain
	inbox     Inbox
	directory Directory
	enroller  Enroller
	clients   *x509.CertPool
	log       *slog.Logger
	time      func() time.Time
	boot      string
	perTick   uint32 // messages a link may send per tick, 0 without limit
	stats     Stats

	limiter    *rate.Limiter
	networks   *shares[netip.Prefix]
	links      *shares[string]
	slots      chan struct{} // one per connection between accept and CONNACK
	processors chan struct{} // one per handshake that computes

	ticks    atomic.Uint32 // the clock of the sweep
	lastConn atomic.Uint64
	closing  atomic.Bool
	stopping chan struct{} // closed with it
	drained  chan struct{} // closed when time for messages in flight is over
	over     chan struct{} // closed when Run is done
	swept    chan struct{} // closed when the sweep has ended

	work     chan *session
	resident atomic.Int32

	mu          sync.RWMutex
	sessions    map[string]*session
	pending     map[net.Conn]struct{}
	pendingFrom map[netip.Prefix]int // how many of them, by network

	throttledMu sync.Mutex
	throttled   []*session

	alongMu sync.Mutex
	along   []*session // those that messages wait in for what is written next

	readers sync.WaitGroup // one per pending connection and per session
	renewal chan struct{}  // bounds renewals in band
}

// New returns a gateway that listens already but serves only when run.
func New(o Options) (*Gateway, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	orElse(&o.AcceptRate, 500)
	orElse(&o.MaxPending, 2048)
	orElse(&o.Handshakes, processors())
	orElse(&o.MaxRate, 1000)
	g := &Gateway{
		ln: o.Listener, inbox: o.Inbox, directory: o.Directory, enroller: o.Enroller, clients: o.Clients,
		log: o.Logger.With("component", "gateway"), time: o.Now, boot: rand.Text(),
		limiter:  rate.NewLimiter(rate.Limit(o.AcceptRate), max(1, int(o.AcceptRate/4))),
		networks: newShares[netip.Prefix](rate.Limit(o.AcceptRate)/networkShare, max(1, int(o.AcceptRate))), links: newShares[string](rate.Every(linkEvery), linkBurst),
		slots: make(chan struct{}, o.MaxPending), processors: make(chan struct{}, o.Handshakes),
		stopping: make(chan struct{}), drained: make(chan struct{}), over: make(chan struct{}), swept: make(chan struct{}),
		work:     make(chan *session),
		sessions: map[string]*session{}, pending: map[net.Conn]struct{}{}, pendingFrom: map[netip.Prefix]int{},
		renewal: make(chan struct{}, maxRenewals),
	}
	if g.time == nil {
		g.time = time.Now
	}
	if o.Boot != "" {
		g.boot = o.Boot
	}
	if o.MaxRate > 0 {
		g.perTick = uint32(max(1, int64(o.MaxRate)*int64(tick)/int64(time.Second)))
	}
	if !o.Plain {
		g.tls = o.TLS.Clone()
		g.tls.VerifyConnection = g.verifyConnection
	}
	g.ticks.Store(1)
	return g, nil
}

func orElse[T int | float64](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// Addr implements Transport.
func (g *Gateway) Addr() net.Addr { return g.ln.Addr() }

// Stats returns the counters, which go on counting.
func (g *Gateway) Stats() *Stats { return &g.stats }

// Boot returns the random id of this start, as in Session.Boot.
func (g *Gateway) Boot() string { return g.boot }

// Run implements Transport. It must be called exactly once.
func (g *Gateway) Run(ctx context.Context) error {
	go g.sweep()
	accepted := make(chan error, 1)
	go func() { accepted <- g.accept(ctx) }()

	var err error
	select {
	case err = <-accepted: // the listener is broken for good
	case <-ctx.Done():
	}
	g.closing.Store(true)
	close(g.stopping)
	_ = g.ln.Close()
	if ctx.Err() != nil {
		err = <-accepted
	}

	// Stop listening to everybody; let what was delivered be acknowledged.
	past := time.Unix(1, 0)
	g.mu.RLock()
	for c := range g.pending {
		_ = c.Close()
	}
	for _, s := range g.sessions {
		_ = s.raw.SetReadDeadline(past)
	}
	g.mu.RUnlock()
	late := time.AfterFunc(drainWithin, func() {
		close(g.drained)
		g.mu.RLock()
		defer g.mu.RUnlock()
		for _, s := range g.sessions {
			s.end(ReasonShutdown)
		}
	})
	g.readers.Wait()
	late.Stop()
	close(g.over)
	<-g.swept
	return err
}

// Push implements Transport. It never waits.
func (g *Gateway) Push(link string, m Outbound) bool {
	if m.Kind.Up() || mqtt.PublishSize(topicSize(link, m.Kind), len(m.Payload), 0) > mqtt.MaxPacket {
		g.log.Error("message to a pump cannot be sent", slog.String("link", link), slog.String("kind", m.Kind.String()), slog.Int("bytes", len(m.Payload)))
		return false
	}
	g.mu.RLock()
	s := g.sessions[link]
	g.mu.RUnlock()
	if s == nil || !s.push(message{kind: m.Kind, slot: m.Slot, along: m.Along, payload: m.Payload}) {
		g.stats.Unsent.Add(1)
		return false
	}
	return true
}

// Kick implements Transport.
func (g *Gateway) Kick(link, reason string) {
	g.mu.RLock()
	s := g.sessions[link]
	g.mu.RUnlock()
	if s != nil {
		g.stats.Kicked.Add(1)
		s.end(reason)
	}
}

// register makes s the link's session and cuts the one before.
func (g *Gateway) register(s *session) {
	g.mu.Lock()
	old := g.sessions[s.info.Link]
	g.sessions[s.info.Link] = s
	g.mu.Unlock()
	if old != nil {
		old.end(ReasonTakeover)
	}
	g.stats.Sessions.Add(1)
}

// forget removes s, unless a newer session took its place.
func (g *Gateway) forget(s *session) {
	g.mu.Lock()
	if g.sessions[s.info.Link] == s {
		delete(g.sessions, s.info.Link)
	}
	g.mu.Unlock()
	g.stats.Sessions.Add(-1)
}

func (g *Gateway) countEnd(reason string) {
	switch reason {
	case ReasonTakeover:
		g.stats.Takeovers.Add(1)
	case ReasonKeepAlive:
		g.stats.KeepAlive.Add(1)
	case ReasonProtocol:
		g.stats.Protocol.Add(1)
	case ReasonOverflow:
		g.stats.Overflow.Add(1)
	}
}

var (
	errClosing = errors.New("server is stopping")
	errClosed  = errors.New("session has ended")
)

// broke is an error about a packet that is sound but not allowed here.
func broke(format string, args ...any) error {
	return fmt.Errorf("%w: %s", mqtt.ErrMalformed, fmt.Sprintf(format, args...))
}

func clip(b []byte) []byte { return b[:min(len(b), 100)] }

var _ Transport = (*Gateway)(nil)

// serverLink reports the link that a verified client certificate names.
func serverLink(cs tls.ConnectionState) (link string, cert *x509.Certificate, err error) {
	if len(cs.PeerCertificates) == 0 {
		return "", nil, errors.New("no client certificate")
	}
	cert = cs.PeerCertificates[0]
	link = cert.Subject.CommonName
	if !wire.ValidLink(link) {
		return "", nil, fmt.Errorf("certificate's common name %q is no link id", clip([]byte(link)))
	}
	return link, cert, nil
}
