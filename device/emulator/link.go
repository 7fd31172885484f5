package emulator

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/internal/mqtt"
)

// carrier is one MQTT connection: mqtt.Conn, or paho behind the same methods.
type carrier interface {
	Append(topic string, qos byte, payload []byte) (id uint16, err error)
	Flush() error
	Tick(now time.Time) error
	Disconnect() error
	Close() error
}

// link is the communicator's half of a device. It is part of Device and guarded
// by its mutex.
type link struct {
	conn     carrier // nil while not connected
	raw      net.Conn
	session  [16]byte
	since    time.Time // connected
	quiet    time.Time // since when no PUBACK came although one is due
	dialling bool
	nextDial time.Time
	downTill time.Time // the link is lost on purpose
	fails    int
	lastErr  string

	greeted  bool // hello is out
	welcome  bool // hello was acknowledged
	flights  []flight
	lanes    [2]laneTx
	other    int // messages in flight that belong to no lane
	nextBeat time.Time
	beating  bool // a heartbeat is in flight
	nextTick time.Time

	answers [][]byte   // sealed, to be sent
	inbox   []document // received, to be answered
	stops   []document // of these, what goes first
	chores  []func()   // what the same goroutine does before it reads on
	reading bool       // a goroutine is at it
	extra   []publication

	turnedAway int // attempts in a row that ended between TCP and CONNACK
	askAt      int // how many of them make the certificate look unknown to the server

	certDue, certEnd time.Time
	asked            time.Time // for a certificate
	pendingKey       []byte    // PKCS#8, of the certificate asked for
	refused          map[string]uint64
}

// flight is a message without its PUBACK.
type flight struct {
	id   uint16
	what what
}

// what a message is, as far as its acknowledgement matters.
type what uint8

const (
	whatOther what = iota
	whatMain
	whatAlarm
	whatHello
	whatBeat
	whatEcho // nothing waits for it: the same again, or something made up
)

// publication is a message on its way out.
type publication struct {
	kind    wire.Kind
	what    what
	payload []byte
	topic   string // instead of the kind's own
	bytes   bool   // payload is a whole packet, written as it is
	unasked bool   // QoS 0: no PUBACK is asked for
}

// Window of messages in flight. The server takes 16 a link.
const (
	mainWindow  = wire.MaxInFlight
	alarmWindow = 4
	otherWindow = 3
	lostAfter   = time.Minute // without a PUBACK although one is due
)

// dialIfDue starts to connect. Called with d.mu held.
func (d *Device) dialIfDue(now time.Time) {
	if d.dialling || d.off || now.Before(d.nextDial) || now.Before(d.downTill) || d.guarded == 0 {
		return
	}
	d.dialling = true
	d.f.wg.Go(d.dial)
}

// dial makes one attempt to connect.
func (d *Device) dial() {
	d.f.dials <- struct{}{}
	ctx, cancel := context.WithTimeout(d.f.ctx, 20*time.Second)
	conn, err := d.connect(ctx)
	cancel()
	<-d.f.dials

	d.mu.Lock()
	d.dialling = false
	now := d.f.opt.Now()
	if err == nil && (d.stopped || d.off || now.Before(d.downTill)) {
		err = errors.Join(errors.New("no longer wanted"), conn.raw.Close())
	}
	if err != nil {
		d.f.stats.failed.Add(1)
		d.lastErr = err.Error()
		if errors.Is(err, errTurnedAway) {
			d.turnedAway++
		}
		d.nextDial = now.Add(d.f.backoff(d.fails))
		d.fails++
		d.wakeLocked()
		d.mu.Unlock()
		d.f.log.Debug("connect", "serial", d.who.Serial, "error", err)
		return
	}
	d.f.stats.connects.Add(1)
	d.f.stats.connected.Add(1)
	d.conn, d.raw, d.session = conn.carrier, conn.raw, conn.session
	d.since, d.quiet, d.lastErr, d.fails, d.turnedAway, d.askAt = now, now, "", 0, 0, 0
	d.greeted, d.welcome, d.beating, d.other, d.told = false, false, false, 0, order.Digest{}
	d.flights, d.nextBeat, d.nextTick = nil, now.Add(d.f.opt.Heartbeat), now
	for i := range d.lanes {
		d.lanes[i] = laneTx{sent: d.jp.Head(wire.Lane(i + 1)).Cursor, progress: now}
	}
	if conn.run != nil {
		d.f.wg.Go(func() { d.lost(conn.carrier, conn.run()) })
	}
	d.wakeLocked()
	d.mu.Unlock()
}

// backoff returns the full-jitter delay after the n-th failure in a row.
func (f *Fleet) backoff(n int) time.Duration {
	most := time.Second << min(n, 20)
	if f.opt.FirstConnect > 0 && n == 0 {
		most = max(most, f.opt.FirstConnect)
	}
	return mrand.N(min(most, f.opt.MaxBackoff)) + time.Millisecond
}

// connected is a fresh connection, subscribed and silent.
type connected struct {
	carrier
	raw     net.Conn
	session [16]byte
	run     func() error // reads until the connection ends; nil if somebody does already
}

func (d *Device) connect(ctx context.Context) (*connected, error) {
	d.mu.Lock()
	who, docs := d.who, d.docs
	d.mu.Unlock()
	nc, err := d.open(ctx, who, docs)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { cut(nc) })()
	c := &connected{raw: nc}
	_, _ = rand.Read(c.session[:]) // never fails
	o := &mqtt.Options{
		ClientID: who.Link, KeepAlive: d.f.opt.KeepAlive, Window: 64,
		Will: &mqtt.Will{Topic: wire.Topic(who.Link, wire.UpBye), Payload: wire.Encode(wire.Bye{Session: c.session, Reason: "lost"}), QoS: 1},
	}
	if d.f.opt.Paho {
		err = d.openPaho(c, o)
	} else {
		conn := mqtt.NewConn(nc, o)
		o.OnRetained = d.onRetained
		o.OnMessage, o.OnPuback = d.onMessage, func(id uint16) { d.onPuback(conn, id) }
		c.carrier, c.run = conn, conn.Run
		if err = conn.Connect(); err == nil {
			_, err = conn.Subscribe(wire.DownFilter(who.Link))
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", errTurnedAway, err), nc.Close())
	}
	return c, nil
}

// errTurnedAway says that somebody answered and the connection ended before it was
// one: what a server does with a certificate that it does not take. With TLS 1.3 that
// shows after the handshake, and often as no more than the end.
var errTurnedAway = errors.New("turned away")

// firstAsk is how often in a row a pump is turned away before it asks for another
// certificate. After that it asks at twice as many each time.
const firstAsk = 4

// asksAnew reports whether the pump has been turned away so often that its
// certificate may not be known any more: a server that was restored from a backup has
// lost those that it issued since.
func (d *Device) asksAnew() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := max(d.askAt, firstAsk)
	if d.turnedAway < at {
		return false
	}
	d.askAt = 2 * d.turnedAway
	return true
}

// open makes the connection below MQTT: TCP and, unless told otherwise, TLS with
// the communicator's certificate. An expired one is renewed first, and one that seems
// not to be known any more.
func (d *Device) open(ctx context.Context, who identity, docs documents) (net.Conn, error) {
	if d.f.opt.Plain {
		return d.f.opt.Dial(ctx, who.MQTT)
	}
	var cred credential
	if ok, err := load(d.safe, itemCredential, &cred); err != nil || !ok {
		return nil, fmt.Errorf("certificate: there is none in the vault: %w", err)
	}
	leaf, key, err := cred.parse()
	if err != nil {
		return nil, err
	}
	expired := d.f.opt.Now().After(leaf.NotAfter)
	if expired || d.asksAnew() {
		next, err := d.replaceExpired(ctx, who, docs, leaf)
		switch {
		case err == nil:
			cred = next
			if leaf, key, err = cred.parse(); err != nil {
				return nil, err
			}
		case expired:
			return nil, fmt.Errorf("renew the certificate that ended on %s: %w", leaf.NotAfter.UTC().Format(time.DateTime), err)
		default: // then with the one that there is
			d.f.log.Debug("a certificate that may not be known any more is not replaced", "serial", who.Serial, "error", err)
		}
	}
	d.mu.Lock()
	d.certDue, d.certEnd = life(leaf)
	d.mu.Unlock()
	host, _, err := net.SplitHostPort(who.MQTT)
	if err != nil {
		return nil, fmt.Errorf("endpoint %q: %w", who.MQTT, err)
	}
	nc, err := d.f.opt.Dial(ctx, who.MQTT)
	if err != nil {
		return nil, err
	}
	ctx = context.WithValue(ctx, certKey{}, &tls.Certificate{Certificate: cred.Chain, PrivateKey: key, Leaf: leaf})
	tc := tls.Client(nc, d.f.tlsConfig(tlsKey{docs.root, host, docs.profile.machine.Profile().TLS12}))
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: handshake: %w", errTurnedAway, err), nc.Close())
	}
	return tc, nil
}

// lost takes note that a connection has ended.
func (d *Device) lost(c carrier, err error) {
	d.mu.Lock()
	if d.conn != c {
		d.mu.Unlock()
		return
	}
	raw := d.raw
	d.conn, d.raw = nil, nil
	d.flights, d.extra, d.shape = nil, nil, nil
	d.f.stats.connected.Add(-1)
	now := d.f.opt.Now()
	if err != nil {
		d.lastErr = err.Error()
	}
	d.nextDial = now.Add(d.f.spread())
	if now.Sub(d.since) < 10*time.Second { // it was thrown out: more of the same would be a flood
		d.nextDial = now.Add(d.f.backoff(d.fails))
		d.fails++
	}
	stopped := d.stopped
	d.wakeLocked()
	d.mu.Unlock()
	cut(raw)
	_ = c.Close() // what is above the socket goes as well
	if !stopped {
		d.f.log.Debug("connection ended", "serial", d.who.Serial, "error", err)
	}
}

var errHungUp = errors.New("the link was lost")

// hangUp cuts the connection without a goodbye, as a dying radio does. Called with
// d.mu held.
func (d *Device) hangUp() {
	c := d.conn
	if c == nil {
		return
	}
	cut(d.raw)
	// paho takes the end of a socket that was closed here for its own doing and
	// says nothing.
	d.f.wg.Go(func() { d.lost(c, errHungUp) })
}

// cut closes a connection at its lowest layer: TLS would want to say goodbye, and
// wait for it.
func cut(nc net.Conn) {
	if tc, ok := nc.(*tls.Conn); ok {
		nc = tc.NetConn()
	}
	_ = nc.Close() // it is gone either way
}

// linkDue names the moments at which the link has something to do.
func (d *Device) linkDue(earlier func(time.Time)) {
	if d.conn == nil {
		if !d.dialling && !d.off && d.guarded > 0 {
			earlier(later(d.nextDial, d.downTill))
		}
		return
	}
	earlier(d.nextBeat)
	earlier(d.nextTick)
	if len(d.flights) > 0 {
		earlier(d.quiet.Add(lostAfter))
	}
	earlier(d.certMoment())
	for i := range d.lanes {
		earlier(d.lanes[i].moment(d.f.opt.Resend))
	}
	if d.shape != nil {
		earlier(d.shape.moment())
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
