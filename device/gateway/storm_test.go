package gateway

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"cisterna/device/wire"
	"cisterna/internal/mqtt"
	"cisterna/internal/pki"
)

// scarce is a listener whose process runs out of descriptors now and then.
type scarce struct {
	net.Listener
	calls atomic.Int32
}

func (s *scarce) Accept() (net.Conn, error) {
	if n := s.calls.Add(1); n <= 3 || n == 5 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return s.Listener.Accept()
}

func TestAcceptErrorsAreSurvived(t *testing.T) {
	t.Parallel()
	e := start(t, func(o *Options) { o.Listener = &scarce{Listener: o.Listener} })
	e.join("COMM-1")
	e.join("COMM-2")
	if n := e.Stats().AcceptErrors.Load(); n != 4 {
		t.Errorf("%d errors counted, want 4", n)
	}
}

// TestBrokenListener: a listener that is gone for good ends Run with an error.
func TestBrokenListener(t *testing.T) {
	t.Parallel()
	e := start(t)
	p := e.join("COMM-1")
	e.ln.Close()
	err := <-e.done
	e.done <- nil
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run returned %v", err)
	}
	p.expectClosed()
}

// TestStorm: two thousand connects at once, from two hundred links over and
// over. Every one is served or taken over, and nothing is left behind.
func TestStorm(t *testing.T) {
	t.Parallel()
	const links, rounds = 200, 10
	e := start(t, func(o *Options) { o.AcceptRate = 5000 })
	var served atomic.Int64
	var wg sync.WaitGroup
	for i := range links {
		link := fmt.Sprintf("COMM-%d", i)
		chain, key := identity(t, e.ca, link)
		settings := pki.ClientConfig(pki.ClientOptions{Roots: e.ca.Pool(), ServerName: "localhost", Chain: chain, Key: key, Cache: tls.NewLRUClientSessionCache(1)})
		wg.Go(func() {
			for r := range rounds {
				conn, err := tls.Dial("tcp", e.addr, settings)
				if err != nil {
					t.Error(err)
					return
				}
				c := mqtt.NewConn(conn, &mqtt.Options{ClientID: link})
				if err := c.Connect(); err != nil {
					t.Error(err)
					return
				}
				if _, err := c.Publish(wire.Topic(link, wire.UpHB), 1, fmt.Append(nil, r)); err != nil {
					t.Error(err)
				}
				acked := make(chan struct{})
				go func() {
					defer close(acked)
					_ = c.Run() // until we close
				}()
				if r%2 == 0 {
					_ = c.Disconnect()
				} else {
					_ = c.Close()
				}
				<-acked
				served.Add(1)
			}
		})
	}
	wg.Wait()
	if n := served.Load(); n != links*rounds {
		t.Errorf("%d served", n)
	}
	e.in.until(t, "every session's end", func() bool { return len(e.in.events) == 2*links*rounds })
	eventually(t, "nothing left", func() bool {
		return e.Stats().Sessions.Load() == 0 && e.Stats().Pending.Load() == 0 && len(e.slots) == 1 && len(e.processors) == 0
	}) // one slot is the accept loop's
	if len(e.sessions) != 0 || len(e.pending) != 0 {
		t.Errorf("%d sessions, %d pending left", len(e.sessions), len(e.pending))
	}
}
