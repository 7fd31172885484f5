package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// server answers on the far end of a pipe as a broker would, with paho's
// decoder, and keeps what it heard.
type server struct {
	net.Conn
	mu     sync.Mutex
	heard  []packets.ControlPacket
	silent bool // answers nothing but CONNECT
	code   byte
	out    chan []byte
	once   sync.Once
}

func (s *server) serve() {
	for {
		p, err := packets.ReadPacket(s)
		if err != nil {
			s.once.Do(func() { close(s.out) })
			return
		}
		s.mu.Lock()
		s.heard = append(s.heard, p)
		silent := s.silent
		s.mu.Unlock()
		switch p := p.(type) {
		case *packets.ConnectPacket:
			s.say(AppendConnack(nil, s.code))
		case *packets.SubscribePacket:
			s.say(AppendSuback(nil, p.MessageID, []byte{0, 0x80}))
		case *packets.PublishPacket:
			if p.Qos == 1 && !silent {
				s.say(AppendPuback(nil, p.MessageID))
			}
		case *packets.PingreqPacket:
			if !silent {
				s.say(AppendPingresp(nil))
			}
		}
	}
}

// say does not wait for the client: a server that cannot read while it writes
// would lock up with a client of one goroutine.
func (s *server) say(b []byte) { s.out <- b }

func (s *server) write() {
	for b := range s.out {
		if _, err := s.Write(b); err != nil {
			return
		}
	}
}

func (s *server) all() []packets.ControlPacket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.heard)
}

func newServer(code byte) (*server, net.Conn) {
	far, near := net.Pipe()
	s := &server{Conn: far, code: code, out: make(chan []byte, 1000)}
	go s.serve()
	go s.write()
	return s, near
}

func TestConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, near := newServer(Accepted)
		var acks []uint16
		var granted []byte
		var messages []string
		drained := 0
		o := &Options{
			ClientID: "COMM-1", KeepAlive: 60 * time.Second, Window: 2, Will: &Will{Topic: "up/bye", Payload: []byte("x"), QoS: 1},
			OnPuback:  func(id uint16) { acks = append(acks, id) },
			OnSuback:  func(_ uint16, codes []byte) { granted = bytes.Clone(codes) },
			OnMessage: func(topic, payload []byte) { messages = append(messages, fmt.Sprintf("%s=%s", topic, payload)) },
			OnDrained: func() { drained++ },
		}
		c := NewConn(near, o)
		if err := c.Connect(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- c.Run() }()
		if _, err := c.Subscribe("dn/#", "other"); err != nil {
			t.Fatal(err)
		}
		if id, err := c.Publish("up/hb", 0, []byte("0")); err != nil || id != 0 {
			t.Fatal(id, err)
		}
		synctest.Wait()
		s.mu.Lock()
		s.silent = true
		s.mu.Unlock()
		first, err := c.Append("up/tele", 1, []byte("1"))
		if err != nil {
			t.Fatal(err)
		}
		second, err := c.Append("up/tele", 1, []byte("2"))
		if err != nil || second == first {
			t.Fatal(second, err)
		}
		if _, err := c.Append("up/tele", 1, nil); !errors.Is(err, ErrWindow) {
			t.Errorf("a third message in a window of two: %v", err)
		}
		if len(s.all()) != 3 {
			t.Errorf("Append wrote something")
		}
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if c.InFlight() != 2 {
			t.Errorf("%d in flight", c.InFlight())
		}
		before := drained
		s.say(slices.Concat(AppendPuback(nil, first), AppendPuback(nil, second), AppendPuback(nil, 999), AppendPublish(nil, "dn/ack", 0, 0, false, []byte("c")), AppendPublish(nil, "dn/ack", 1, 5, false, []byte("d"))))
		synctest.Wait()
		if !slices.Equal(acks, []uint16{first, second}) || c.InFlight() != 0 {
			t.Errorf("acknowledged %v, want %d and %d", acks, first, second)
		}
		if !slices.Equal(granted, []byte{0, 0x80}) || !slices.Equal(messages, []string{"dn/ack=c", "dn/ack=d"}) {
			t.Errorf("granted %v, messages %v", granted, messages)
		}
		if drained != before+1 {
			t.Errorf("drained %d times by one write", drained-before)
		}
		if _, err := c.Publish("up/tele", 1, make([]byte, MaxPacket)); err == nil {
			t.Error("a packet over the limit was sent")
		}
		if err := c.Disconnect(); err != nil {
			t.Error(err)
		}
		if err := <-done; err == nil {
			t.Error("Run goes on")
		}
		synctest.Wait()
		heard := s.all()
		if con := heard[0].(*packets.ConnectPacket); con.Validate() != Accepted || con.Keepalive != 60 || !con.CleanSession || con.WillTopic != "up/bye" || con.WillRetain {
			t.Errorf("CONNECT %v", con)
		}
		if _, ok := heard[len(heard)-1].(*packets.DisconnectPacket); !ok {
			t.Errorf("the last packet is %v", heard[len(heard)-1])
		}
		if p, ok := heard[len(heard)-2].(*packets.PubackPacket); !ok || p.MessageID != 5 {
			t.Errorf("no PUBACK for QoS 1: %v", heard[len(heard)-2])
		}
	})
}

func TestConnRefused(t *testing.T) {
	s, near := newServer(RefusedRights)
	defer s.Close()
	err := NewConn(near, &Options{ClientID: "a"}).Connect()
	if r, ok := errors.AsType[*RefusedError](err); !ok || r.Code != RefusedRights {
		t.Errorf("got %v", err)
	}
}

func TestConnKeepsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, near := newServer(Accepted)
		c := NewConn(near, &Options{ClientID: "a", KeepAlive: 10 * time.Second})
		if err := c.Connect(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- c.Run() }()
		pings := func() (n int) {
			synctest.Wait()
			for _, p := range s.all() {
				if _, ok := p.(*packets.PingreqPacket); ok {
					n++
				}
			}
			return n
		}
		pass := func(seconds int) (err error) {
			for range seconds {
				time.Sleep(time.Second)
				if err = c.Tick(time.Now()); err != nil {
					return err
				}
			}
			return nil
		}
		if err := pass(60); err != nil || pings() < 10 || pings() > 13 {
			t.Errorf("%d pings in a minute, %v", pings(), err)
		}
		s.mu.Lock()
		s.silent = true
		s.mu.Unlock()
		started := time.Now()
		if err := pass(30); !errors.Is(err, ErrSilent) || time.Since(started) > 20*time.Second {
			t.Errorf("after %s: %v", time.Since(started), err)
		}
		c.Close()
		<-done
	})
}

func TestConnRefusesABadServer(t *testing.T) {
	for _, b := range [][]byte{
		{0x36, 5, 0, 1, 'a', 0, 1},      // QoS 3
		{0x34, 5, 0, 1, 'a', 0, 1},      // QoS 2
		{0x82, 6, 0, 1, 0, 1, 'a', 0},   // SUBSCRIBE
		{0x40, 2, 0, 0},                 // PUBACK of 0
		{0x30, 0xff, 0xff, 0xff, 0x7f},  // 256 MiB
		{0xd0, 1, 0},                    // PINGRESP with a body
		AppendConnack(nil, 0),           // twice
		{0xe0, 0},                       // DISCONNECT from a server
		{0xf0, 0},                       // AUTH of MQTT 5
		AppendSuback(nil, 0, []byte{0}), // id 0
	} {
		far, near := net.Pipe()
		go func() {
			packets.ReadPacket(far)
			far.Write(append(AppendConnack(nil, 0), b...))
		}()
		c := NewConn(near, &Options{ClientID: "a"})
		if err := c.Connect(); err != nil {
			t.Fatal(err)
		}
		if err := c.Run(); !errors.Is(err, ErrMalformed) {
			t.Errorf("% x: %v", b, err)
		}
		far.Close()
		near.Close()
	}
}

// TestPahoCutsLongFields is why the client measures them: paho's writer has cut
// what is longer than 65535 bytes, without an error, since 1.5.1.
func TestPahoCutsLongFields(t *testing.T) {
	long := strings.Repeat("a", 70000)
	s := subscribe(1, long)
	got, err := packets.ReadPacket(bytes.NewReader(encode(t, s)))
	if err != nil || len(got.(*packets.SubscribePacket).Topics[0]) != 65535 {
		t.Errorf("paho has changed: %v", err)
	}
	far, near := net.Pipe()
	defer far.Close()
	for _, o := range []*Options{{ClientID: long}, {ClientID: "a", Will: &Will{Topic: long}}, {ClientID: "a", Will: &Will{Topic: "a", Payload: []byte(long)}}} {
		if err := NewConn(near, o).Connect(); err == nil {
			t.Error("a long field was sent")
		}
	}
	if _, err := NewConn(near, &Options{}).Subscribe("a", long); err == nil {
		t.Error("a long filter was sent")
	}
}

// TestConnPublishesFromEverywhere: callbacks and other goroutines publish while
// Run reads, and no byte of one packet stands inside another.
func TestConnPublishesFromEverywhere(t *testing.T) {
	s, near := newServer(Accepted)
	var c *Conn
	var echoed sync.WaitGroup
	echoed.Add(50)
	c = NewConn(near, &Options{ClientID: "a", Window: 1000, OnMessage: func(_, p []byte) {
		if _, err := c.Publish("up/ack", 1, p); err != nil {
			t.Error(err)
		}
		echoed.Done()
	}})
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Run() }()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 50 {
				if _, err := c.Publish("up/tele", 1, fmt.Appendf(nil, "%d/%d", g, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 50 {
		s.say(AppendPublish(nil, "dn/stop", 0, 0, false, []byte("stop")))
	}
	wg.Wait()
	echoed.Wait()
	if err := c.Disconnect(); err != nil {
		t.Error(err)
	}
	<-done
	publishes := 0
	ids := map[uint16]bool{}
	for _, p := range s.all() {
		if p, ok := p.(*packets.PublishPacket); ok {
			publishes++
			ids[p.MessageID] = true
		}
	}
	if publishes != 250 || len(ids) != 250 {
		t.Errorf("%d publishes, %d ids, want 250", publishes, len(ids))
	}
}

func TestConnEnd(t *testing.T) {
	s, near := newServer(Accepted)
	c := NewConn(near, &Options{ClientID: "a"})
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.Write([]byte{0x30, 10, 0})
		s.Close()
	}()
	if err := c.Run(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut inside a packet: %v", err)
	}
}
