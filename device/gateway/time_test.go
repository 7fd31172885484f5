package gateway

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"cisterna/device/wire"
	"cisterna/internal/mqtt"
	"cisterna/internal/pki"
)

// lasts runs f against an endpoint with a fake clock and checks that the
// connection it returns is closed after want, no earlier and at most two ticks
// late.
func lasts(t *testing.T, want time.Duration, reason string, f func(e *endpoint) *peer) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := startPlain(t)
		p := f(e)
		began := time.Now()
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			for { // keep reading, as a live peer does
				if _, err := p.rd.ReadPacket(); err != nil {
					return
				}
			}
		}()
		<-closed
		d := time.Since(began)
		p.Close()
		e.bg.Wait()
		if d < want || d > want+2*tick {
			t.Errorf("closed after %s, want %s", d, want)
		}
		if reason != "" {
			e.in.ended(t, "COMM-1", e.in.session(t, 0).Conn, reason)
		}
	})
}

func keep(seconds uint16) func(*packets.ConnectPacket) {
	return func(c *packets.ConnectPacket) { c.Keepalive = seconds }
}

func TestKeepAlive(t *testing.T) {
	for _, tt := range []struct {
		keep uint16
		want time.Duration
	}{{1, 1500 * time.Millisecond}, {10, 15 * time.Second}, {60, 90 * time.Second}, {600, 900 * time.Second}, {601, 900 * time.Second}, {65535, 900 * time.Second}, {0, 900 * time.Second}} {
		t.Run(fmt.Sprint(tt.keep), func(t *testing.T) {
			lasts(t, tt.want, ReasonKeepAlive, func(e *endpoint) *peer { return e.join("COMM-1", keep(tt.keep)) })
		})
	}
}

// TestAnyPacketKeepsAlive: PINGREQ does, and so does a message.
func TestAnyPacketKeepsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startPlain(t)
		p := e.join("COMM-1", keep(10))
		for i := range uint16(10) {
			time.Sleep(14 * time.Second)
			if i%2 == 0 {
				p.send(mqtt.AppendPingreq(nil))
				p.expect(mqtt.AppendPingresp(nil))
			} else {
				p.send(publishPacket("COMM-1", wire.UpHB, i, "x"))
				p.acks(i)
			}
		}
		if n := e.Stats().KeepAlive.Load(); n != 0 {
			t.Errorf("%d closed", n)
		}
	})
}

// TestConnectDeadline: nothing, half a packet, or a byte now and then: ten
// seconds after accept it is over.
func TestConnectDeadline(t *testing.T) {
	t.Run("silence", func(t *testing.T) {
		lasts(t, connectWithin, "", func(e *endpoint) *peer { return e.dial("COMM-1") })
	})
	t.Run("half a CONNECT", func(t *testing.T) {
		lasts(t, connectWithin, "", func(e *endpoint) *peer {
			p := e.dial("COMM-1")
			p.send([]byte{0x10, 13, 0, 4, 'M'})
			return p
		})
	})
	t.Run("a byte a second", func(t *testing.T) {
		lasts(t, connectWithin, "", func(e *endpoint) *peer {
			p := e.dial("COMM-1")
			e.bg.Go(func() {
				for _, b := range append([]byte{0x10, 200, 1}, make([]byte, 200)...) {
					if p.try([]byte{b}) != nil {
						return
					}
					time.Sleep(time.Second)
				}
			})
			return p
		})
	})
}

// TestSlowPacket: a packet that has begun must be complete within thirty
// seconds, whatever the keep-alive and however it drips.
func TestSlowPacket(t *testing.T) {
	message := publishPacket("COMM-1", wire.UpTele, 1, string(make([]byte, 1000)))
	t.Run("stalls", func(t *testing.T) {
		lasts(t, packetWithin, ReasonKeepAlive, func(e *endpoint) *peer {
			p := e.join("COMM-1", keep(600))
			p.send(message[:500])
			return p
		})
	})
	t.Run("stalls in the header", func(t *testing.T) {
		lasts(t, packetWithin, ReasonKeepAlive, func(e *endpoint) *peer {
			p := e.join("COMM-1", keep(600))
			p.send(message[:1])
			return p
		})
	})
	t.Run("drips", func(t *testing.T) {
		lasts(t, packetWithin, ReasonKeepAlive, func(e *endpoint) *peer {
			p := e.join("COMM-1", keep(600))
			e.bg.Go(func() {
				for _, b := range message {
					if p.try([]byte{b}) != nil {
						return
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
			return p
		})
	})
	t.Run("in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := startPlain(t)
			p := e.join("COMM-1", keep(10))
			for range 3 { // 28 s for a packet, and the next begins afresh
				p.send(message[:500])
				time.Sleep(28 * time.Second)
				p.send(message[500:])
				p.acks(1)
			}
		})
	})
}

// TestHalfOpen: the far end has vanished without a word and takes nothing any
// more. With nothing to send, keep-alive ends it; with something, the write
// deadline.
func TestHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startPlain(t)
		e.join("COMM-1", keep(600))
		began := time.Now()
		if !e.Push("COMM-1", Outbound{Kind: wire.DnStop, Payload: []byte("stop")}) {
			t.Fatal("not sent")
		}
		time.Sleep(writeWithin)
		synctest.Wait()
		if h := e.in.history(); len(h) != 1 {
			t.Errorf("closed before %s: %q", writeWithin, h)
		}
		time.Sleep(2 * tick)
		synctest.Wait()
		e.in.ended(t, "COMM-1", e.in.session(t, 0).Conn, ReasonOverflow)
		if d := time.Since(began); d > writeWithin+2*tick {
			t.Errorf("closed after %s", d)
		}
	})
}

// TestHeldLinkIsNotSilent: while we do not read because the database is slow,
// the pump's keep-alive does not run.
func TestHeldLinkIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startPlain(t)
		e.in.hold = func(Inbound) bool { return true }
		p := e.join("COMM-1", keep(10))
		go func() {
			for i := range uint16(maxInFlight + 1) {
				if p.try(publishPacket("COMM-1", wire.UpTele, i+1, "x")) != nil {
					return
				}
			}
		}()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if h := e.in.history(); len(h) != 1 {
			t.Fatalf("closed: %q", h)
		}
		for i := range maxInFlight {
			e.in.dones[i](nil)
		}
		for i := range uint16(maxInFlight) {
			p.acks(i + 1)
		}
		// From here on it runs again.
		time.Sleep(16 * time.Second)
		synctest.Wait()
		e.in.ended(t, "COMM-1", e.in.session(t, 0).Conn, ReasonKeepAlive)
		e.in.dones[maxInFlight](nil)
	})
}

// TestRate: a link that sends without end gets its rate and is held, not cut.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startPlain(t, func(o *Options) { o.MaxRate = 20 })
		p := e.join("COMM-1", keep(1))
		go func() {
			for p.try(publishPacket("COMM-1", wire.UpTele, 0, "x")) == nil {
			}
		}()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := len(e.in.messages(t, 0)); n < 190 || n > 220 {
			t.Errorf("%d messages in ten seconds, want 200", n)
		}
		if h := e.in.history(); len(h) != 1 {
			t.Errorf("closed: %q", h)
		}
		p.Close()
		synctest.Wait()
		e.in.ended(t, "COMM-1", e.in.session(t, 0).Conn, ReasonIO)
	})
}

// TestAcceptRate: connections over the rate wait outside, before a byte of
// theirs is read.
func TestAcceptRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startPlain(t, func(o *Options) { o.AcceptRate = 10 })
		began := time.Now()
		for i := range 52 {
			c := e.pipes.dial()
			defer c.Close()
			if i == 0 {
				began = time.Now()
			}
		}
		if d := time.Since(began); d < 4900*time.Millisecond || d > 5100*time.Millisecond {
			t.Errorf("fifty connections took %s, want 5 s", d)
		}
	})
}

// TestPendingBound: strangers that say nothing fill the places before CONNECT
// and no more; when their time is over the next are served.
func TestPendingBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := startPlain(t, func(o *Options) { o.MaxPending = 3 })
		for range 3 {
			defer e.pipes.dial().Close()
		}
		began := time.Now()
		p := e.join("COMM-1")
		if d := time.Since(began); d < connectWithin-tick || d > connectWithin+tick {
			t.Errorf("served after %s", d)
		}
		p.send(mqtt.AppendDisconnect(nil))
		synctest.Wait()
		if n := e.Stats().Pending.Load(); n != 0 {
			t.Errorf("%d pending", n)
		}
	})
}

// TestGate: a handshake that waits for its peer holds no processor.
func TestGate(t *testing.T) {
	far, near := net.Pipe()
	defer far.Close()
	g := &gate{Conn: near, processors: make(chan struct{}, 1), shaking: true}
	g.processors <- struct{}{}
	read := make(chan error, 1)
	go func() {
		_, err := g.Read(make([]byte, 1))
		read <- err
	}()
	g.processors <- struct{}{} // another one computes meanwhile
	far.Write([]byte{1})
	select {
	case <-read:
		t.Error("it computes while no processor is free")
	case <-time.After(20 * time.Millisecond):
	}
	<-g.processors
	if err := <-read; err != nil || len(g.processors) != 1 {
		t.Errorf("%v, %d processors taken", err, len(g.processors))
	}
}

// TestStalledHandshakes: peers that stall in the middle of TLS, or after it,
// hold neither a processor nor their place for longer than ten seconds.
func TestStalledHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, err := pki.Create("Cisterna test", time.Now()) // this bubble's clock is long past
		if err != nil {
			t.Fatal(err)
		}
		source, err := ca.ServerSource([]string{"localhost"}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		e := run(t, Options{Listener: p, Handshakes: 1, Clients: ca.Pool(), TLS: pki.ServerConfig(pki.ServerOptions{Certificate: source, Clients: ca.Pool()})})
		e.ca = ca
		began := time.Now()
		var stalled []net.Conn
		for i := range 6 {
			conn := newEager(t, p.dial())
			stalled = append(stalled, conn)
			switch i % 3 {
			case 1: // half a record of a ClientHello
				conn.Write([]byte{22, 3, 1, 2, 0, 1})
			case 2: // TLS and then nothing
				c := tls.Client(conn, e.settings(fmt.Sprintf("COMM-%d", i)))
				if err := c.Handshake(); err != nil {
					t.Fatal(err)
				}
			}
		}
		good := tls.Client(newEager(t, p.dial()), e.settings("COMM-1"))
		q := e.peerOn(good)
		q.send(connectPacket("COMM-1"))
		q.expect(mqtt.AppendConnack(nil, 0))
		if d := time.Since(began); d > time.Second {
			t.Errorf("a good pump waited %s", d)
		}
		for i, c := range stalled {
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Error(i, err)
			}
			if d := time.Since(began); d < connectWithin || d > connectWithin+6*time.Second { // TLS closes politely
				t.Errorf("cut after %s", d)
			}
		}
		q.send(mqtt.AppendDisconnect(nil))
	})
}

// eager is a pipe's end that writes without waiting for the reader. Both ends of
// a TLS handshake may write at once, which a plain pipe does not survive.
type eager struct {
	net.Conn
	out chan []byte
}

func newEager(t *testing.T, c net.Conn) *eager {
	e := &eager{c, make(chan []byte, 16)}
	t.Cleanup(func() {
		c.Close()
		close(e.out)
	})
	go func() {
		for b := range e.out {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}()
	return e
}

func (e *eager) Write(b []byte) (int, error) {
	e.out <- bytes.Clone(b)
	return len(b), nil
}
