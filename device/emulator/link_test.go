package emulator

import (
	"context"
	"crypto/x509"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/internal/errs"
	"cisterna/internal/pki"
)

// clinic is the real endpoint and the real enrolment listener, with a ground
// behind them that keeps records in memory.
type clinic struct {
	*ground
	tr   *trust
	gw   *gateway.Gateway
	slip wire.Slip

	cmu     sync.Mutex
	issueAt time.Duration // certificates are issued so long ago
	codes   map[string]bool
	issued  map[string]int // certificates by link
	inBand  int
	expired int
	revoked map[string]bool
	serials []string
}

func newClinic(t *testing.T) *clinic {
	t.Helper()
	now := time.Now()
	c := &clinic{ground: newGround(t), tr: newTrust(t, now.AddDate(0, -3, 0)), codes: map[string]bool{"AAAA-BBBB-CCCC": true}, issued: map[string]int{}, revoked: map[string]bool{}}
	c.tr.body.Issued = now.AddDate(0, -3, 0).Unix()
	c.tr.rootDoc = c.tr.sign(t, order.TypeRoot, c.tr.body.Encode(), c.tr.root)
	source, err := c.tr.ca.ServerSource([]string{"localhost", "127.0.0.1"}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
	c.gw, err = gateway.New(gateway.Options{
		Listener: listen(), TLS: pki.ServerConfig(pki.ServerOptions{Certificate: source, Clients: c.tr.ca.Pool(), TLS12: true}),
		Inbox: c, Directory: c, Enroller: c, Clients: c.tr.ca.Pool(), Logger: quietLog(),
	})
	if err != nil {
		t.Fatal(err)
	}
	enrol, err := gateway.NewEnrolServer(gateway.EnrolOptions{
		Listener: listen(), TLS: pki.ServerConfig(pki.ServerOptions{Certificate: source}), Enroller: c, Clients: c.tr.ca.Pool(), Logger: quietLog(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.gw.Run(ctx) })
	wg.Go(func() { enrol.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	c.slip = wire.Slip{Server: enrol.Addr().String(), Code: "AAAA-BBBB-CCCC", Root: order.Hash(c.tr.rootDoc)}
	return c
}

func (c *clinic) Admit(link, _ string) error {
	c.cmu.Lock()
	defer c.cmu.Unlock()
	if c.revoked[link] {
		return errs.Deniedf("revoked")
	}
	return nil
}

func (c *clinic) Connected(gateway.Session)            {}
func (c *clinic) Disconnected(gateway.Session, string) {}
func (c *clinic) Broke(gateway.Session, error)         {}

func (c *clinic) Deliver(in gateway.Inbound, done func(error)) {
	if in.Kind == wire.UpBye {
		done(nil)
		return
	}
	answer := c.take(&groundConn{link: in.Link}, in.Kind, in.Payload)
	done(nil)
	if answer != nil {
		c.gw.Push(in.Link, gateway.Outbound{Kind: wire.DnAck, Payload: wire.Encode(answer)})
	}
}

func (c *clinic) Root(context.Context) ([]byte, error) { return c.tr.rootDoc, nil }

func (c *clinic) issue(csr *x509.CertificateRequest, link string) ([][]byte, *x509.Certificate, error) {
	c.cmu.Lock()
	defer c.cmu.Unlock()
	leaf, chain, err := c.tr.ca.IssueClient(csr, time.Now().Add(-c.issueAt))
	c.issued[link]++
	return chain, leaf, err
}

func (c *clinic) Enrol(_ context.Context, e gateway.Enrolment) (wire.EnrolReply, error) {
	c.cmu.Lock()
	good := c.codes[e.Request.Code]
	c.serials = append(c.serials, e.Request.Serial)
	c.cmu.Unlock()
	if !good {
		return wire.EnrolReply{}, errs.Deniedf("the code is not good")
	}
	chain, _, err := c.issue(e.CSR, e.Link)
	if err != nil {
		return wire.EnrolReply{}, err
	}
	c.set(func() { c.names[e.Key.PumpID()], c.links[e.Key.PumpID()] = e.Key, e.Link })
	return wire.EnrolReply{
		Chain: chain, Root: c.tr.rootDoc, Keyset: c.tr.keyset, Library: c.tr.library, Profile: c.tr.profile(c.t, quick(10)),
		MQTT: c.gw.Addr().String(), Shard: string(wire.ShardOf(e.Link)),
	}, nil
}

func (c *clinic) Renew(_ context.Context, r gateway.Renewal) (wire.CertReply, error) {
	c.mu.Lock()
	key := c.names[r.Claimed.Pump]
	c.mu.Unlock()
	if _, err := wire.OpenCertRequest(r.Envelope, key); err != nil {
		return wire.CertReply{}, errs.Wrap(errs.Denied, err, "not signed by the pump")
	}
	c.cmu.Lock()
	c.issueAt = 0
	if r.InBand {
		c.inBand++
	} else {
		c.expired++
	}
	c.cmu.Unlock()
	chain, leaf, err := c.issue(r.CSR, r.Link)
	if err != nil {
		return wire.CertReply{}, err
	}
	return wire.CertReply{Chain: chain, NotAfter: leaf.NotAfter.Unix()}, nil
}

// until waits for a condition that others bring about.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// realFleet opens a fleet on disk, with what shuts it.
func realFleet(t *testing.T, dir string, change func(*Options)) (f *Fleet, shut func()) {
	t.Helper()
	data, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Vault: data.Vault, Journal: data.Journal, Log: quietLog(), FirstConnect: -1, Heartbeat: 50 * time.Millisecond}
	if change != nil {
		change(&o)
	}
	f, err = Open(o)
	if err != nil {
		t.Fatal(err)
	}
	shut = func() { f.Close(); data.Close() }
	t.Cleanup(shut)
	return f, shut
}

func committed(d *Device) func() bool {
	return func() bool {
		s := d.Status()
		return s.Connected && s.Main.Last > 0 && s.Main.Cursor == s.Main.Last && s.Alarm.Cursor == s.Alarm.Last
	}
}

func TestEnrolment(t *testing.T) {
	for _, alg := range []wire.Alg{wire.Ed25519, wire.ES256} {
		t.Run(alg.String(), func(t *testing.T) {
			c := newClinic(t)
			dir := t.TempDir()
			f, shut := realFleet(t, dir, nil)
			d, err := f.Enrol(t.Context(), c.slip, Blueprint{Serial: "S-1", Model: "meander-p20", Alg: alg, Seed: 3})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Enrol(t.Context(), c.slip, Blueprint{Serial: "S-1", Model: "meander-p20"}); errs.KindOf(err) != errs.Conflict {
				t.Errorf("enrolled twice: %v", err)
			}
			if err := d.SeedHistory(2); err != nil {
				t.Fatal(err)
			}
			if err := f.Start(); err != nil {
				t.Fatal(err)
			}
			until(t, "records are committed", committed(d))
			until(t, "a heartbeat", func() bool { return len(c.of(wire.UpHB)) > 0 })
			for _, h := range c.of() {
				if !h.good {
					t.Errorf("%s was not accepted", h.kind)
				}
			}
			before := d.Status()
			if _, err := OpenDir(dir); err == nil {
				t.Fatal("two processes may hold one directory")
			}
			shut()

			f, _ = realFleet(t, dir, nil)
			d, ok := f.Device("S-1")
			if !ok {
				t.Fatal("the pump was forgotten")
			}
			if err := f.Start(); err != nil {
				t.Fatal(err)
			}
			mustInject(t, d, "memory-minor", Fault{})
			until(t, "it goes on", func() bool { return committed(d)() && d.Status().Alarm.Last > before.Alarm.Last })
			if s := d.Status(); s.Pump != before.Pump || s.Boot != before.Boot || s.Main.Epoch != 1 || s.DeliveredNL < before.DeliveredNL {
				t.Errorf("before %+v\nafter %+v", before, s)
			}
		})
	}
}

func TestEnrolmentRefusals(t *testing.T) {
	c := newClinic(t)
	f, _ := realFleet(t, t.TempDir(), nil)
	wrongRoot := c.slip
	wrongRoot.Root[0] ^= 1
	wrongCode := c.slip
	wrongCode.Code = "AAAA-AAAA-AAAA"
	for _, tt := range []struct {
		name string
		slip wire.Slip
		b    Blueprint
		want string
	}{
		{"another root", wrongRoot, Blueprint{Serial: "S-1", Model: "m"}, "somebody stands between"},
		{"a wrong code", wrongCode, Blueprint{Serial: "S-1", Model: "m"}, "code is not good"},
		{"no serial", c.slip, Blueprint{Model: "m"}, "want a serial"},
		{"a bad link", c.slip, Blueprint{Serial: "S-1", Model: "m", Link: "a b"}, "communicator"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := f.Enrol(t.Context(), tt.slip, tt.b)
			if d != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v %v", d, err)
			}
		})
	}
	t.Run("an impostor with the right root", func(t *testing.T) {
		// It relays the root, but its certificate is its own.
		other, err := pki.Create("impostor", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		source, err := other.ServerSource([]string{"127.0.0.1"}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv, err := gateway.NewEnrolServer(gateway.EnrolOptions{Listener: ln, TLS: pki.ServerConfig(pki.ServerOptions{Certificate: source}), Enroller: c, Clients: other.Pool(), Logger: quietLog()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { srv.Run(ctx) })
		defer wg.Wait()
		defer cancel()
		slip := c.slip
		slip.Server = ln.Addr().String()
		if _, err := f.Enrol(t.Context(), slip, Blueprint{Serial: "S-1", Model: "m"}); err == nil || !strings.Contains(err.Error(), "not one that the root names") {
			t.Error(err)
		}
	})
	if len(f.Devices()) != 0 {
		t.Error("a refused pump is in the fleet")
	}
}

func TestCertificates(t *testing.T) {
	for _, tt := range []struct {
		name            string
		age             time.Duration
		inBand, expired int
	}{
		{"fresh", 0, 0, 0},
		{"a third left", 25 * 24 * time.Hour, 1, 0},
		{"expired", 31 * 24 * time.Hour, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClinic(t)
			c.issueAt = tt.age
			f, _ := realFleet(t, t.TempDir(), nil)
			d, err := f.Enrol(t.Context(), c.slip, Blueprint{Serial: "S-1", Model: "meander-p20"})
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Start(); err != nil {
				t.Fatal(err)
			}
			until(t, "records are committed", committed(d))
			until(t, "a certificate of full life", func() bool {
				end, _ := time.Parse(time.RFC3339, d.Status().CertNotAfter)
				return time.Until(end) > 29*24*time.Hour
			})
			if c.inBand != tt.inBand || c.expired != tt.expired {
				t.Errorf("renewed %d times in band, %d times expired", c.inBand, c.expired)
			}
			mustInject(t, d, "reconnect", Fault{})
			until(t, "connected with the new certificate", func() bool { return f.Stats().Connects == 2 && d.Status().Connected })
		})
	}
}

func TestRevocationCutsAndIsTriedAgainSlowly(t *testing.T) {
	c := newClinic(t)
	f, _ := realFleet(t, t.TempDir(), nil)
	d, err := f.Enrol(t.Context(), c.slip, Blueprint{Serial: "S-1", Model: "meander-p20"})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "records are committed", committed(d))
	c.cmu.Lock()
	c.revoked["C-S-1"] = true
	c.cmu.Unlock()
	c.gw.Kick("C-S-1", gateway.ReasonRevoked)
	until(t, "it is turned away", func() bool { s := d.Status(); return !s.Connected && s.LastError != "" && f.Stats().Failed >= 1 })
}

func TestCommunicatorSwap(t *testing.T) {
	c := newClinic(t)
	f, _ := realFleet(t, t.TempDir(), nil)
	d, err := f.Enrol(t.Context(), c.slip, Blueprint{Serial: "S-1", Model: "meander-p20"})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "records are committed", committed(d))
	before := d.Status()
	mustInject(t, d, "communicator-swap", Fault{Text: "C-NEW " + c.slip.String()})
	until(t, "the new link", func() bool { return d.Status().Link == "C-NEW" && d.Status().Connected })
	mustInject(t, d, "memory-minor", Fault{})
	until(t, "records are committed", func() bool { return committed(d)() && d.Status().Alarm.Last > before.Alarm.Last })
	if s := d.Status(); s.Pump != before.Pump || s.Main.Epoch != 1 {
		t.Errorf("%+v", s)
	}
}

func TestPaho(t *testing.T) {
	c := newClinic(t)
	f, _ := realFleet(t, t.TempDir(), func(o *Options) { o.Paho = true })
	d, err := f.Enrol(t.Context(), c.slip, Blueprint{Serial: "S-1", Model: "meander-p20"})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SeedHistory(3); err != nil {
		t.Fatal(err)
	}
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "records are committed", committed(d))
	mustInject(t, d, "reconnect", Fault{})
	until(t, "connected again", func() bool { return f.Stats().Connects == 2 && committed(d)() })
	mustInject(t, d, "memory-minor", Fault{})
	until(t, "the alarm is committed", func() bool { s := d.Status(); return s.Alarm.Last > 0 && s.Alarm.Cursor == s.Alarm.Last })
}
