package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/mqtt"
	"cisterna/internal/pki"
)

func processors() int { return runtime.GOMAXPROCS(0) }

// Listen listens for pumps on a TCP address. TCP's own probes, which wake a
// radio, come only every five minutes: MQTT's keep-alive does their work.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Minute, Interval: 30 * time.Second, Count: 4}}
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for pumps: %w", err)
	}
	return ln, nil
}

// accept takes connections until the listener is closed. Any other error is
// survived: without descriptors, say, it waits and tries again. What limits a
// reconnect storm stands before the first byte is read; a network that takes more
// than its share is closed before it costs the others any of theirs.
func (g *Gateway) accept(ctx context.Context) error {
	const shortest, longest = 5 * time.Millisecond, time.Second
	pause := shortest
	for {
		select {
		case g.slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		raw, err := g.ln.Accept()
		if err != nil {
			<-g.slots
			if errors.Is(err, net.ErrClosed) {
				if ctx.Err() != nil {
					return nil
				}
				return fmt.Errorf("accept pumps: %w", err)
			}
			g.stats.AcceptErrors.Add(1)
			g.log.Warn("cannot accept pumps for now", slog.String("error", err.Error()), slog.Duration("retry_in", pause))
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil
			}
			pause = min(2*pause, longest)
			continue
		}
		pause = shortest
		g.stats.Accepted.Add(1)
		if from := source(raw.RemoteAddr().String()); stranger(from) && !g.networks.take(from, g.time()) {
			g.stats.Flooding.Add(1)
			<-g.slots
			_ = raw.Close()
			continue
		}
		if err := g.limiter.Wait(ctx); err != nil {
			_ = raw.Close()
			return nil // stopping
		}
		if !g.admitPending(raw) {
			g.stats.Crowded.Add(1)
			<-g.slots
			_ = raw.Close()
			continue
		}
		g.stats.Pending.Add(1)
		if g.closing.Load() {
			_ = raw.Close() // Run went over the pending ones before this one was there
		}
		g.readers.Add(1)
		go g.greet(raw)
	}
}

// admitPending remembers a connection that has not said CONNECT yet. One network
// gets half of the places: its idle sockets must not keep other hospitals' pumps
// out.
func (g *Gateway) admitPending(raw net.Conn) bool {
	from := source(raw.RemoteAddr().String())
	g.mu.Lock()
	defer g.mu.Unlock()
	if stranger(from) && g.pendingFrom[from] >= cap(g.slots)/2 {
		return false
	}
	g.pending[raw] = struct{}{}
	g.pendingFrom[from]++
	return true
}

func (g *Gateway) endPending(raw net.Conn) {
	from := source(raw.RemoteAddr().String())
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.pending, raw)
	if g.pendingFrom[from]--; g.pendingFrom[from] <= 0 {
		delete(g.pendingFrom, from)
	}
}

// greet takes a connection through TLS and CONNECT. What follows runs on a
// goroutine of its own, because this one's stack has grown with the handshake.
func (g *Gateway) greet(raw net.Conn) {
	s, err := g.connect(raw)
	g.endPending(raw)
	g.stats.Pending.Add(-1)
	<-g.slots
	if err != nil {
		g.log.Debug("connection refused", slog.String("remote", raw.RemoteAddr().String()), slog.String("error", err.Error()))
		_ = raw.Close()
		g.readers.Done()
		return
	}
	go s.run()
}

// connect does all that comes before a session's first message. The deadline
// covers all of it.
func (g *Gateway) connect(raw net.Conn) (*session, error) {
	if err := raw.SetDeadline(time.Now().Add(connectWithin)); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	s := &session{g: g, raw: raw, conn: raw}
	s.info = Session{Conn: g.lastConn.Add(1), Boot: g.boot, RemoteAddr: raw.RemoteAddr().String()}
	s.out.control = s.out.first[:0]
	if g.tls != nil {
		if err := s.handshake(); err != nil {
			g.stats.HandshakeFailed.Add(1)
			return nil, err
		}
	}
	s.rd.Init(s.conn, readBuffer, maxConnect)
	p, err := s.rd.ReadPacket()
	if err != nil {
		g.stats.BadConnect.Add(1)
		return nil, fmt.Errorf("wait for CONNECT: %w", err)
	}
	if err := s.greeting(p); err != nil {
		return nil, err
	}
	s.rd.SetLimit(mqtt.MaxPacket)
	if err := g.unhurried(s); err != nil {
		return nil, err
	}
	if err := g.install(s); err != nil {
		return nil, err
	}
	return s, nil
}

// unhurried keeps a link waiting that connects again and again: each time costs a
// handshake and a row, and whoever loops has no more to say than the others. What it
// says is read all the same once it is in, its alarms first.
func (g *Gateway) unhurried(s *session) error {
	d, ok := g.links.wait(s.info.Link, g.time(), linkWait)
	if !ok {
		g.stats.Flapping.Add(1)
		return fmt.Errorf("link %s connects too often", s.info.Link)
	}
	if d <= 0 {
		return nil
	}
	g.stats.Flapping.Add(1)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-g.stopping:
		return errClosing
	}
}

func (s *session) handshake() error {
	gate := &gate{Conn: s.raw, processors: s.g.processors, shaking: true}
	conn := tls.Server(gate, s.g.tls)
	gate.processors <- struct{}{}
	err := conn.Handshake()
	<-gate.processors
	gate.shaking = false
	if err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	link, cert, err := serverLink(conn.ConnectionState())
	if err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	s.conn = conn
	s.info.Link, s.info.CertSerial, s.info.CertNotAfter = link, pki.Serial(cert), cert.NotAfter
	return nil
}

// verifyConnection asks the directory, at full handshakes and at resumed ones
// (VerifyPeerCertificate is skipped on resumption).
func (g *Gateway) verifyConnection(cs tls.ConnectionState) error {
	link, cert, err := serverLink(cs)
	if err != nil {
		return err
	}
	if err := g.directory.Admit(link, pki.Serial(cert)); err != nil {
		g.stats.Denied.Add(1)
		g.log.Info("link denied", slog.String("link", link), slog.String("error", err.Error()))
		return fmt.Errorf("link %s: %w", link, err)
	}
	return nil
}

// gate is a socket during its handshake: it holds a processor's slot while it
// computes and gives it back while it waits for the peer, so that slow peers
// cannot starve the others of handshakes.
type gate struct {
	net.Conn
	processors chan struct{}
	shaking    bool // the handshake runs; only its goroutine looks
}

func (c *gate) Read(b []byte) (int, error) {
	if !c.shaking {
		return c.Conn.Read(b)
	}
	<-c.processors
	n, err := c.Conn.Read(b)
	c.processors <- struct{}{}
	return n, err
}

func (c *gate) Write(b []byte) (int, error) {
	if !c.shaking {
		return c.Conn.Write(b)
	}
	<-c.processors
	n, err := c.Conn.Write(b)
	c.processors <- struct{}{}
	return n, err
}

// refuse answers a CONNECT with a return code and ends the connection.
func (s *session) refuse(code byte, format string, args ...any) error {
	_, err := s.conn.Write(mqtt.AppendConnack(nil, code))
	return errors.Join(fmt.Errorf(format, args...), err)
}

// greeting checks a CONNECT and takes over what it says.
func (s *session) greeting(p mqtt.Packet) error {
	stats := &s.g.stats
	if p.Type != mqtt.Connect {
		stats.BadConnect.Add(1)
		return broke("%s before CONNECT", p.Type)
	}
	c, err := mqtt.ParseConnect(p)
	if errors.Is(err, mqtt.ErrProtocolLevel) {
		stats.RefusedProtocol.Add(1)
		return s.refuse(mqtt.RefusedProtocol, "connect: %w", err)
	}
	if err != nil {
		stats.BadConnect.Add(1)
		return fmt.Errorf("connect: %w", err)
	}
	if s.g.tls == nil && wire.ValidLink(c.ClientIdentifier) {
		s.info.Link = c.ClientIdentifier
	}
	if s.info.Link == "" || c.ClientIdentifier != s.info.Link {
		stats.RefusedIdentity.Add(1)
		return s.refuse(mqtt.RefusedIdentifier, "client id %q on a certificate of %q", clip([]byte(c.ClientIdentifier)), s.info.Link)
	}
	s.shard = wire.ShardOf(s.info.Link)
	if c.WillFlag {
		kind, own := s.ownKind([]byte(c.WillTopic))
		if !own || c.WillRetain || c.WillQos > 1 {
			stats.RefusedRights.Add(1)
			return s.refuse(mqtt.RefusedRights, "will to %q (retain %t, QoS %d)", clip([]byte(c.WillTopic)), c.WillRetain, c.WillQos)
		}
		s.will, s.last = c.WillMessage, kind
	}
	keep := time.Duration(c.Keepalive) * time.Second
	if keep == 0 || keep > maxKeepAlive {
		keep = maxKeepAlive
	}
	s.limit = ticks(keep + keep/2)
	return nil
}

// install puts the session in its link's place, answers CONNECT and tells the
// inbox.
func (g *Gateway) install(s *session) error {
	s.info.At = g.time()
	s.heard.Store(g.ticks.Load())
	g.register(s)
	// A revocation after the handshake kicks whatever session it finds. Only
	// from here on can it find this one, so the directory is asked again.
	if err := g.directory.Admit(s.info.Link, s.info.CertSerial); err != nil {
		g.stats.Denied.Add(1)
		g.withdraw(s, ReasonRevoked)
		return s.refuse(mqtt.RefusedRights, "link %s: %w", s.info.Link, err)
	}
	if _, err := s.conn.Write(mqtt.AppendConnack(nil, mqtt.Accepted)); err != nil {
		g.withdraw(s, ReasonIO)
		return fmt.Errorf("answer CONNECT: %w", err)
	}
	if err := s.raw.SetDeadline(time.Time{}); err != nil {
		g.withdraw(s, ReasonIO)
		return fmt.Errorf("answer CONNECT: %w", err)
	}
	if g.closing.Load() {
		g.withdraw(s, ReasonShutdown)
		return errClosing
	}
	g.stats.Connected.Add(1)
	g.inbox.Connected(s.info)
	return nil
}

// withdraw takes back a session that never came to be. The socket stays open
// for a last answer.
func (g *Gateway) withdraw(s *session, reason string) {
	s.reason.CompareAndSwap(nil, &reason)
	g.forget(s)
}
