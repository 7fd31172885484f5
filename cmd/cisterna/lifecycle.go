package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/gateway"
	"cisterna/internal/lease"
	"cisterna/internal/postgres"
)

// endpointLease is held by the one server that is the endpoint of the pumps.
const endpointLease = "endpoint"

// Start serves until Stop. It fails if another server is the endpoint already.
func (a *App) Start(ctx context.Context) error {
	inner, stopInner := context.WithCancel(context.WithoutCancel(ctx))
	outer, stopOuter := context.WithCancel(inner)
	a.stopInner, a.stopOuter = stopInner, stopOuter
	if err := a.holdEndpoint(ctx, inner); err != nil {
		return err
	}
	start := func(ctx context.Context, group *sync.WaitGroup, parts []part) {
		for _, p := range parts {
			group.Go(func() {
				if err := p.run(ctx); err != nil && ctx.Err() == nil {
					a.fail(fmt.Errorf("%s: %w", p.name, err))
				}
			})
		}
	}
	start(inner, &a.parts, a.inner)
	start(outer, &a.doors, a.outer)
	a.open.Store(true)
	for _, ln := range a.httpLn {
		a.parts.Go(func() {
			if err := a.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
				a.fail(fmt.Errorf("http: %w", err))
			}
		})
	}
	return nil
}

// holdEndpoint takes the lease of the direct transport, or says who has it. A
// server that was killed a moment ago is waited for.
func (a *App) holdEndpoint(ctx, run context.Context) error {
	held := make(chan struct{})
	o := lease.Options{Name: endpointLease, Owner: a.boot, TTL: 3 * time.Second}
	a.parts.Go(func() {
		first := true
		for run.Err() == nil {
			err := lease.Run(run, a.DB, o, func(ctx context.Context, _ lease.Lease) error {
				if first {
					close(held)
					first = false
				}
				<-ctx.Done()
				return ctx.Err()
			})
			// The database was away for longer than the lease: pumps stay
			// connected, nothing is acknowledged meanwhile, and the lease is taken
			// again. Only another server's holding it, for longer than our own
			// former lease may still last, is fatal.
			if !first {
				o.Patience = 2 * o.TTL
			}
			if run.Err() == nil && errors.Is(err, lease.ErrHeld) {
				a.fail(errors.New("another server has become the endpoint of the pumps"))
				return
			}
			select {
			case <-run.Done():
			case <-time.After(500 * time.Millisecond):
			}
		}
	})
	select {
	case <-held:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(10 * time.Second):
		return errors.New("another server on this database is the endpoint of its pumps already; stop it first")
	}
}

// Failed reports a part that ended by itself. The app should then be stopped.
func (a *App) Failed() <-chan error { return a.failed }

func (a *App) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

// Stop ends everything: no new connections, messages in flight are committed
// and acknowledged, open transactions end.
func (a *App) Stop() {
	shut, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if a.http != nil {
		_ = a.http.Shutdown(shut) // websockets are hijacked: the hub closes them
	}
	if a.stopInner != nil {
		// The doors first: what came in through them must find somebody who
		// commits and acknowledges it.
		a.open.Store(false)
		a.stopOuter()
		a.doors.Wait()
		a.stopInner()
		a.parts.Wait()
	}
	a.close()
}

func (a *App) close() {
	for i := len(a.undo) - 1; i >= 0; i-- {
		a.undo[i]()
	}
	a.undo = nil
}

// part is something that runs until its context ends.
type part struct {
	name string
	run  func(context.Context) error
}

func (a *App) database(ctx context.Context, conns int) (*sqlx.DB, error) {
	db, err := postgres.Open(ctx, a.o.DatabaseURL, conns)
	if err == nil {
		a.undo = append(a.undo, func() { _ = db.Close() })
	}
	return db, err
}

// listen opens a TCP listener for the setting called flag, and says what to do
// if it cannot.
func (a *App) listen(flag, addr string) (net.Listener, error) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	return a.listening(ln, err, flag, addr)
}

// listenMQTT is listen with the endpoint's own settings of TCP.
func (a *App) listenMQTT(ctx context.Context) (net.Listener, error) {
	ln, err := gateway.Listen(ctx, a.o.MQTT)
	return a.listening(ln, err, "mqtt", a.o.MQTT)
}

func (a *App) listening(ln net.Listener, err error, flag, addr string) (net.Listener, error) {
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program: stop that, or choose another address with --%s", addr, flag)
	}
	if err != nil {
		return nil, fieldError(flag, addr, err)
	}
	a.undo = append(a.undo, func() { _ = ln.Close() })
	return ln, nil
}

// listenHTTP listens for the console. "localhost" means both loopback addresses:
// browsers try ::1 first, and WebAuthn wants the name and no bare address.
func (a *App) listenHTTP() error {
	host, port, err := net.SplitHostPort(a.o.HTTP)
	if err != nil {
		return fieldError("http", a.o.HTTP, err)
	}
	if host != "localhost" {
		ln, err := a.listen("http", a.o.HTTP)
		if err == nil {
			a.httpLn = append(a.httpLn, ln)
		}
		return err
	}
	ln, err := a.listen("http", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return err
	}
	a.httpLn = append(a.httpLn, ln)
	_, port, _ = net.SplitHostPort(ln.Addr().String())
	ln6, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort("::1", port))
	switch {
	case err == nil:
		a.undo = append(a.undo, func() { _ = ln6.Close() })
		a.httpLn = append(a.httpLn, ln6)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("[::1]:%s is in use by another program: stop that, or choose another address with --http", port)
	}
	return nil // a machine without IPv6 is served on IPv4 alone
}

// reachable returns what pumps can call a listener's address. One that listens on
// all addresses has none that means anything elsewhere: then it is a name.
func (a *App) reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return addr.String()
	}
	if len(a.o.Hosts) > 0 {
		return net.JoinHostPort(a.o.Hosts[0], port)
	}
	if name, err := os.Hostname(); err == nil {
		return net.JoinHostPort(name, port)
	}
	return addr.String()
}

// hosts returns the names that pumps may reach this server by.
func (a *App) hosts() []string {
	hosts := append([]string{"localhost", "127.0.0.1", "::1"}, a.o.Hosts...)
	for _, addr := range []string{a.o.PublicMQTT, a.o.PublicEnrol} {
		if host, _, err := net.SplitHostPort(addr); err == nil && host != "" {
			hosts = append(hosts, host)
		}
	}
	if name, err := os.Hostname(); err == nil {
		hosts = append(hosts, name)
	}
	seen := map[string]bool{}
	out := hosts[:0]
	for _, h := range hosts {
		if h = strings.ToLower(h); h != "0.0.0.0" && h != "::" && !seen[h] {
			seen[h] = true
			out = append(out, h)
		}
	}
	return out
}
