package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// Will is what the server publishes when the connection dies without a
// DISCONNECT. It is never retained.
type Will struct {
	Topic   string
	Payload []byte
	QoS     byte
}

// Options configure a Conn. The callbacks run on the goroutine that calls Run;
// slices handed to them are valid until they return. They may publish.
type Options struct {
	ClientID  string
	KeepAlive time.Duration // sent in whole seconds; 0 means none
	Will      *Will
	Window    int           // QoS 1 messages in flight, 8 if 0
	Buffer    int           // bytes of read buffer kept while idle, 512 if 0; it grows for larger packets
	Limit     int           // largest packet taken, MaxPacket if 0
	Timeout   time.Duration // of CONNECT and of each write, 10 s if 0
	OnMessage func(topic, payload []byte)
	// OnRetained gets the messages that a broker had kept; OnMessage does if it is
	// nil.
	OnRetained func(topic, payload []byte)
	OnPuback   func(id uint16)
	OnSuback   func(id uint16, codes []byte)
	// OnDrained is called when every packet that arrived together was handled:
	// the place to Flush what the other callbacks appended.
	OnDrained func()
}

// Errors of a Conn.
var (
	ErrWindow = errors.New("too many messages in flight") // try again after a PUBACK
	ErrSilent = errors.New("server is silent")            // no PINGRESP within the keep-alive
)

// RefusedError is a CONNACK with a return code other than 0.
type RefusedError struct{ Code byte }

// Error returns the standard's sentence for the code.
func (e *RefusedError) Error() string {
	if s, ok := packets.ConnackReturnCodes[e.Code]; ok {
		return s
	}
	return fmt.Sprintf("Connection Refused: code %d", e.Code)
}

// Conn is one client connection over a net.Conn of the caller's making: TCP,
// TLS or net.Pipe. Sessions are clean.
//
// Connect comes first. Then one goroutine calls Run, which reads until the
// connection ends; the Conn starts no goroutine and holds no timer. All other
// methods may be called from any goroutine, callbacks included. An error from
// any of them means that the connection is of no more use, except ErrWindow.
type Conn struct {
	nc net.Conn
	o  *Options
	rd Reader

	mu       sync.Mutex // guards what follows
	out      []byte     // appended and not yet written; nil when idle
	inflight []uint16   // packet ids of QoS 1 messages without PUBACK
	lastID   uint16
	wrote    time.Time // when something was last written
	pinged   time.Time // when the unanswered PINGREQ was written, else zero

	wmu sync.Mutex // held while writing; taken before mu
}

// NewConn returns a connection that has not said anything yet. o is kept and
// may be shared by connections that differ in nothing.
func NewConn(nc net.Conn, o *Options) *Conn {
	c := &Conn{nc: nc, o: o}
	size, limit := o.Buffer, o.Limit
	if size == 0 {
		size = 512
	}
	if limit == 0 {
		limit = MaxPacket
	}
	c.rd.Init(nc, size, limit)
	return c
}

func (c *Conn) timeout() time.Duration {
	if c.o.Timeout == 0 {
		return 10 * time.Second
	}
	return c.o.Timeout
}

func (c *Conn) window() int {
	if c.o.Window == 0 {
		return 8
	}
	return c.o.Window
}

// Connect sends CONNECT and waits for CONNACK. A refusal is a *RefusedError.
func (c *Conn) Connect() error {
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.CleanSession = "MQTT", 4, true
	p.ClientIdentifier, p.Keepalive = c.o.ClientID, uint16(c.o.KeepAlive/time.Second)
	if w := c.o.Will; w != nil {
		p.WillFlag, p.WillTopic, p.WillMessage, p.WillQos = true, w.Topic, w.Payload, w.QoS
	}
	if err := fits(p.ClientIdentifier, p.WillTopic, string(p.WillMessage)); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := c.nc.SetDeadline(time.Now().Add(c.timeout())); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if _, err := c.nc.Write(b.Bytes()); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	ack, err := c.rd.ReadPacket()
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	_, code, err := ParseConnack(ack)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if code != Accepted {
		return &RefusedError{code}
	}
	if err := c.nc.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.mu.Lock()
	c.wrote = time.Now()
	c.mu.Unlock()
	return nil
}

// fits refuses fields that paho's writer would silently cut off.
func fits(fields ...string) error {
	for _, f := range fields {
		if len(f) > 0xffff {
			return fmt.Errorf("field of %d bytes, at most %d", len(f), 0xffff)
		}
	}
	return nil
}

// Subscribe asks for filters at QoS 0. OnSuback hears the answer under the
// returned packet id.
func (c *Conn) Subscribe(filters ...string) (id uint16, err error) {
	if err := fits(filters...); err != nil {
		return 0, fmt.Errorf("subscribe: %w", err)
	}
	p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	p.Topics, p.Qoss = filters, make([]byte, len(filters))
	c.mu.Lock()
	id = c.nextID()
	p.MessageID = id
	var b bytes.Buffer
	err = p.Write(&b)
	c.out = append(c.out, b.Bytes()...)
	c.mu.Unlock()
	if err != nil {
		return 0, fmt.Errorf("subscribe: %w", err)
	}
	return id, c.Flush()
}

// nextID returns a packet id that is not in flight. mu is held.
func (c *Conn) nextID() uint16 {
	for {
		c.lastID++
		if c.lastID != 0 && !slices.Contains(c.inflight, c.lastID) {
			return c.lastID
		}
	}
}

// Publish sends one message and returns its packet id, 0 for QoS 0. With as
// many QoS 1 messages in flight as the window allows it returns ErrWindow.
func (c *Conn) Publish(topic string, qos byte, payload []byte) (id uint16, err error) {
	id, err = c.Append(topic, qos, payload)
	if err != nil {
		return 0, err
	}
	return id, c.Flush()
}

// Append is Publish without the write, so that several messages leave together
// at the next Flush.
func (c *Conn) Append(topic string, qos byte, payload []byte) (id uint16, err error) {
	if n := PublishSize(len(topic), len(payload), qos); n > MaxPacket {
		return 0, fmt.Errorf("publish: %d bytes, at most %d", n, MaxPacket)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if qos > 0 {
		if len(c.inflight) >= c.window() {
			return 0, ErrWindow
		}
		id = c.nextID()
		c.inflight = append(c.inflight, id)
	}
	c.out = AppendPublish(c.out, topic, qos, id, false, payload)
	return id, nil
}

// InFlight returns how many QoS 1 messages wait for their PUBACK.
func (c *Conn) InFlight() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.inflight)
}

// Flush writes what was appended. If another goroutine is writing, Flush waits
// for it.
func (c *Conn) Flush() error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	return c.flush()
}

// flush writes what was appended. wmu is held.
func (c *Conn) flush() error {
	c.mu.Lock()
	out := c.out
	c.out = nil
	if len(out) > 0 {
		c.wrote = time.Now()
	}
	deadline := c.wrote.Add(c.timeout())
	c.mu.Unlock()
	if len(out) == 0 {
		return nil
	}
	if err := c.nc.SetWriteDeadline(deadline); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if _, err := c.nc.Write(out); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// Tick keeps the connection alive: call it several times per keep-alive, from
// any goroutine. It sends a PINGREQ when nothing was written for half the
// keep-alive, and returns ErrSilent when an earlier one was not answered within
// a whole one. It never waits for another goroutine's write.
func (c *Conn) Tick(now time.Time) error {
	if c.o.KeepAlive <= 0 {
		return nil
	}
	c.mu.Lock()
	pinged, due := c.pinged, now.Sub(c.wrote) >= c.o.KeepAlive/2
	c.mu.Unlock()
	if !pinged.IsZero() {
		if now.Sub(pinged) >= c.o.KeepAlive {
			return ErrSilent
		}
		return nil
	}
	if !due || !c.wmu.TryLock() {
		return nil // whoever is writing keeps the connection alive
	}
	defer c.wmu.Unlock()
	c.mu.Lock()
	c.pinged = now
	c.out = AppendPingreq(c.out)
	c.mu.Unlock()
	return c.flush()
}

// Run reads packets and calls the callbacks until the connection ends, and
// returns why: io.EOF if the server closed it between packets.
func (c *Conn) Run() error {
	for {
		p, ok, err := c.rd.Next()
		if err != nil {
			return err
		}
		if ok {
			if err := c.handle(p); err != nil {
				return err
			}
			continue
		}
		if c.o.OnDrained != nil {
			c.o.OnDrained()
		}
		if err := c.rd.Fill(); err != nil {
			return err
		}
	}
}

func (c *Conn) handle(p Packet) error {
	switch p.Type {
	case Publish:
		m, err := ParsePublish(p)
		if err != nil {
			return err
		}
		if m.QoS > 1 {
			return malformed("PUBLISH with QoS 2, which was not subscribed to")
		}
		hear := c.o.OnMessage
		if m.Retain && c.o.OnRetained != nil {
			hear = c.o.OnRetained
		}
		if hear != nil {
			hear(m.Topic, m.Payload)
		}
		if m.QoS == 1 {
			c.mu.Lock()
			c.out = AppendPuback(c.out, m.ID)
			c.mu.Unlock()
			return c.Flush()
		}
	case Puback:
		id, err := ParseID(p)
		if err != nil {
			return err
		}
		c.mu.Lock()
		i := slices.Index(c.inflight, id)
		if i >= 0 {
			c.inflight = slices.Delete(c.inflight, i, i+1)
		}
		c.mu.Unlock()
		if i >= 0 && c.o.OnPuback != nil {
			c.o.OnPuback(id)
		}
	case Suback:
		id, codes, err := ParseSuback(p)
		if err != nil {
			return err
		}
		if c.o.OnSuback != nil {
			c.o.OnSuback(id, codes)
		}
	case Unsuback:
		_, err := ParseID(p)
		return err
	case Pingresp:
		c.mu.Lock()
		c.pinged = time.Time{}
		c.mu.Unlock()
		return ParseEmpty(p)
	default:
		return malformed("%s from a server", p.Type)
	}
	return nil
}

// Disconnect says goodbye, so that the will is not published, and closes.
func (c *Conn) Disconnect() error {
	c.mu.Lock()
	c.out = AppendDisconnect(c.out)
	c.mu.Unlock()
	err := c.Flush()
	return errors.Join(err, c.nc.Close())
}

// Close cuts the connection without a goodbye. Run returns.
func (c *Conn) Close() error { return c.nc.Close() }
