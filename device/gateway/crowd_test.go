package gateway

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"cisterna/device/wire"
	"cisterna/internal/mqtt"
)

type addressed struct {
	net.Conn
	from net.Addr
}

func (c addressed) RemoteAddr() net.Addr { return c.from }

// TestOneNetworkGetsHalfThePlaces: idle sockets of one network do not keep
// others out, and leave nothing behind when they end.
func TestOneNetworkGetsHalfThePlaces(t *testing.T) {
	g := &Gateway{slots: make(chan struct{}, 8), pending: map[net.Conn]struct{}{}, pendingFrom: map[netip.Prefix]int{}}
	conn := func(ip string, port int) addressed {
		a, b := net.Pipe()
		t.Cleanup(func() { _, _ = a.Close(), b.Close() })
		return addressed{a, &net.TCPAddr{IP: net.ParseIP(ip), Port: port}}
	}
	var crowd []addressed
	for i := range 8 {
		c := conn("203.0.113.9", 1000+i)
		if got, want := g.admitPending(c), i < 4; got != want {
			t.Fatalf("connection %d of one network: admitted %v, want %v", i, got, want)
		}
		if i < 4 {
			crowd = append(crowd, c)
		}
	}
	if !g.admitPending(conn("203.0.113.10", 1)) {
		t.Error("another network is kept out")
	}
	for i := range 4 {
		c := conn("2001:db8::"+string(rune('1'+i)), 1)
		if !g.admitPending(c) {
			t.Errorf("IPv6 connection %d refused", i)
		}
	}
	if g.admitPending(conn("2001:db8::ffff", 1)) {
		t.Error("an IPv6 network got more by using many addresses")
	}
	for i := range 8 {
		if !g.admitPending(conn("127.0.0.1", 1+i)) {
			t.Error("this machine itself is kept out")
		}
	}
	for _, c := range crowd {
		g.endPending(c)
	}
	if !g.admitPending(conn("203.0.113.9", 2000)) {
		t.Error("places are not given back")
	}
}

// TestOneNetworkDoesNotHoldUpOthers: a host without any certificate opens connections
// in a loop. What is more than its share is closed before it costs the others a
// connection, and a pump of another network is let in at once.
func TestOneNetworkDoesNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startPlain(t, func(o *Options) { o.AcceptRate = 8 }) // 2 at once, then 8 a second
		flood := func(n int) {
			for i := range n {
				e.pipes.dialFrom(&net.TCPAddr{IP: net.ParseIP("203.0.113.9"), Port: 1000 + i}).Close()
			}
			synctest.Wait()
		}
		flood(200)
		if got := e.Stats().Flooding.Load(); got < 180 {
			t.Fatalf("of 200 connections of one network %d were closed for it", got)
		}
		for round := range 5 {
			time.Sleep(time.Second)
			flood(200)
			began := time.Now()
			p := e.peerOn(e.pipes.dialFrom(&net.TCPAddr{IP: net.ParseIP("198.51.100.7"), Port: 1 + round}))
			p.send(connectPacket("COMM-1"))
			p.expect(mqtt.AppendConnack(nil, mqtt.Accepted))
			if d := time.Since(began); d > 500*time.Millisecond {
				t.Errorf("round %d: the pump waited %v", round, d)
			}
			p.Close()
		}
		e.stop()
	})
}

// TestFlappingLink: a link that connects in a tight loop gets in less and less often;
// what it says first is taken every time, and another link is not slowed.
func TestFlappingLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startPlain(t)
		connect := func(link string) time.Duration {
			began := time.Now()
			p := e.peerOn(e.pipes.dial())
			p.send(connectPacket(link))
			p.expect(mqtt.AppendConnack(nil, mqtt.Accepted))
			d := time.Since(began)
			p.send(publishPacket(link, wire.UpAlarm, 1, "alarm"))
			p.acks(1)
			p.Close()
			return d
		}
		for n := range linkBurst {
			if d := connect("COMM-1"); d != 0 {
				t.Errorf("connection %d waited %v", n+1, d)
			}
		}
		for range 5 {
			if d := connect("COMM-1"); d < linkEvery-tick || d > linkEvery {
				t.Errorf("a link that loops waited %v", d)
			}
		}
		if d := connect("COMM-2"); d != 0 {
			t.Errorf("another link waited %v", d)
		}
		time.Sleep(time.Minute)
		if d := connect("COMM-1"); d != 0 {
			t.Errorf("a minute later it waited %v", d)
		}
		if got := e.Stats().Flapping.Load(); got != 5 {
			t.Errorf("%d were counted", got)
		}
		e.stop()
	})
}

// TestSharesAreBounded: connections of one link at the same time do not gather, and
// neither does what is remembered of those that ask no more.
func TestSharesAreBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	s := newShares[int](rate.Every(time.Second), 2)
	for n, want := range []time.Duration{0, 0, time.Second, 2 * time.Second} {
		if d, ok := s.wait(7, now, 2*time.Second); !ok || d != want {
			t.Errorf("the %d. waits %v, %v; want %v", n+1, d, ok, want)
		}
	}
	for range 3 {
		if _, ok := s.wait(7, now, 2*time.Second); ok {
			t.Error("more wait than may")
		}
	}
	if d, ok := s.wait(7, now.Add(3*time.Second), 2*time.Second); !ok || d > time.Second {
		t.Errorf("those that were refused cost a token: %v %v", d, ok)
	}
	for i := range maxShares + 10 {
		s.take(100+i, now)
	}
	if len(s.of) != maxShares {
		t.Errorf("%d are remembered", len(s.of))
	}
	s.take(1_000_000, now.Add(time.Hour))
	if len(s.of) != 1 {
		t.Errorf("%d are remembered after an hour", len(s.of))
	}
}

// TestEnrolmentPlacesPerNetwork: idle sockets of one network leave half of the
// enrolment listener's places to the others, and give theirs back.
func TestEnrolmentPlacesPerNetwork(t *testing.T) {
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	defer p.Close()
	var crowded atomic.Int64
	l := &fairListener{Listener: p, most: 2, crowded: func() { crowded.Add(1) }}
	got := make(chan net.Conn)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			got <- c
		}
	}()
	dial := func(ip string) { p.dialFrom(&net.TCPAddr{IP: net.ParseIP(ip), Port: 1}) }
	dial("203.0.113.9")
	first := <-got
	dial("203.0.113.9")
	<-got
	for range 3 {
		dial("203.0.113.9")
	}
	dial("203.0.113.10")
	if c := <-got; c.RemoteAddr().String() != "203.0.113.10:1" || crowded.Load() != 3 {
		t.Errorf("%v was let in, %d turned away", c.RemoteAddr(), crowded.Load())
	}
	for range 5 {
		dial("127.0.0.1")
		<-got
	}
	_, _ = first.Close(), first.Close()
	dial("203.0.113.9")
	if c := <-got; c.RemoteAddr().String() != "203.0.113.9:1" {
		t.Errorf("%v was let in", c.RemoteAddr())
	}
}
