package gateway

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/mqtt"
	"cisterna/internal/pki"
)

func TestWill(t *testing.T) {
	t.Parallel()
	const link = "COMM-1"
	tests := []struct {
		name   string
		end    func(e *endpoint, p *peer)
		reason string
		will   bool
	}{
		{"goodbye", func(_ *endpoint, p *peer) { p.send(mqtt.AppendDisconnect(nil)) }, ReasonClient, false},
		{"cut", func(_ *endpoint, p *peer) { p.Close() }, ReasonIO, true},
		{"rule broken", func(_ *endpoint, p *peer) { p.send([]byte{0xf0, 0}) }, ReasonProtocol, true},
		{"revoked", func(e *endpoint, _ *peer) { e.Kick(link, ReasonRevoked) }, ReasonRevoked, true},
		{"takeover", func(e *endpoint, _ *peer) { e.join(link) }, ReasonTakeover, false},
		{"server stops", func(e *endpoint, _ *peer) { e.stop() }, ReasonShutdown, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := start(t)
			p := e.join(link, withWill(wire.Topic(link, wire.UpBye)))
			s := e.in.session(t, 0)
			tt.end(e, p)
			e.in.ended(t, link, s.Conn, tt.reason)
			got := e.in.messages(t, 0)
			if tt.will != (len(got) == 1) {
				t.Fatalf("delivered %+v", got)
			}
			if tt.will && (got[0].Kind != wire.UpBye || string(got[0].Payload) != "bye" || got[0].Conn != s.Conn || got[0].Link != link) {
				t.Errorf("delivered %+v", got[0])
			}
		})
	}
}

// TestWillKeepsItsTopic: a will is what its topic says, not always a goodbye.
func TestWillKeepsItsTopic(t *testing.T) {
	t.Parallel()
	const link = "COMM-1"
	e := start(t)
	p := e.join(link, withWill(wire.Topic(link, wire.UpHB)))
	s := e.in.session(t, 0)
	p.Close()
	e.in.ended(t, link, s.Conn, ReasonIO)
	if got := e.in.messages(t, 0); len(got) != 1 || got[0].Kind != wire.UpHB {
		t.Errorf("delivered %+v", got)
	}
}

// TestTakeover: two hundred times the same link connects again. Each old
// session ends once, with its own number, no will is published, and the newest
// one works.
func TestTakeover(t *testing.T) {
	t.Parallel()
	const link, times = "COMM-1", 200
	e := start(t)
	settings := e.settings(link) // sessions are resumed, as a pump would
	var last *peer
	for range times + 1 {
		conn, err := tls.Dial("tcp", e.addr, settings)
		if err != nil {
			t.Fatal(err)
		}
		last = e.peerOn(conn)
		last.send(connectPacket(link, withWill(wire.Topic(link, wire.UpBye))))
		last.expect(mqtt.AppendConnack(nil, 0))
	}
	last.send(publishPacket(link, wire.UpTele, 1, "alive"))
	last.acks(1)
	// A session that was taken over between CONNACK and Connected is not heard of
	// at all; all others begin and end once.
	e.in.until(t, "all old sessions' ends", func() bool { return len(e.in.events) == 2*len(e.in.up)-1 })
	if m := e.in.messages(t, 1)[0]; len(e.in.got) != 1 || m.Conn != e.in.session(t, len(e.in.up)-1).Conn {
		t.Errorf("delivered %+v", e.in.got)
	}
	seen := map[string]bool{}
	for _, ev := range e.in.events {
		if seen[ev] || ev[0] == '-' && !strings.HasSuffix(ev, " "+ReasonTakeover) {
			t.Errorf("event %q", ev)
		}
		seen[ev] = true
	}
	conns := map[uint64]bool{}
	for _, s := range e.in.up {
		conns[s.Conn] = true
		if s.Boot != e.Boot() || s.Link != link || s.RemoteAddr == "" || s.At.IsZero() || s.CertNotAfter.IsZero() || s.CertSerial == "" {
			t.Errorf("session %+v", s)
		}
	}
	if len(conns) != len(e.in.up) || len(conns) < times/2 || e.Stats().Takeovers.Load() != times || e.Stats().Sessions.Load() != 1 {
		t.Errorf("%d session numbers, %d takeovers, %d sessions", len(conns), e.Stats().Takeovers.Load(), e.Stats().Sessions.Load())
	}
}

// TestTakeoverDoesNotWait: the old connection neither reads nor can be written
// to, and its message is still on its way to the database.
func TestTakeoverDoesNotWait(t *testing.T) {
	t.Parallel()
	const link = "COMM-1"
	e := start(t)
	e.in.hold = func(Inbound) bool { return true }
	old := e.join(link)
	old.send(publishPacket(link, wire.UpTele, 1, "old"))
	e.in.messages(t, 1)
	for e.Stats().Sent.Load() < 20 {
		e.Push(link, Outbound{Kind: wire.DnLibrary, Payload: make([]byte, 10_000)}) // nobody reads it
	}
	began := time.Now()
	fresh := e.join(link)
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("the new connection waited %s", d)
	}
	// The old message is committed now. Its PUBACK is nobody's: the new
	// connection has sent nothing under that id.
	e.in.dones[0](nil)
	fresh.send(publishPacket(link, wire.UpTele, 2, "new"))
	e.in.messages(t, 2)
	e.in.dones[1](nil)
	fresh.acks(2)
}

func TestImpostorDisturbsNobody(t *testing.T) {
	t.Parallel()
	e := start(t)
	p := e.join("COMM-1")
	impostor := e.dial("COMM-2") // its certificate says so
	impostor.send(connectPacket("COMM-1"))
	if got := impostor.expectClosed(); string(got) != string(mqtt.AppendConnack(nil, 2)) {
		t.Errorf("told % x", got)
	}
	p.send(publishPacket("COMM-1", wire.UpTele, 1, "still here"))
	p.acks(1)
	if h := e.in.history(); len(h) != 1 {
		t.Errorf("events %q", h)
	}
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	const link = "COMM-1"
	e := start(t)
	settings := e.settings(link)
	dial := func() *tls.Conn {
		conn, err := tls.Dial("tcp", e.addr, settings)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	p := e.peerOn(dial())
	p.send(connectPacket(link))
	p.expect(mqtt.AppendConnack(nil, 0))
	s := e.in.session(t, 0)

	// A live connection is cut.
	e.reg.deny(link)
	e.Kick(link, ReasonRevoked)
	p.expectClosed()
	e.in.ended(t, link, s.Conn, ReasonRevoked)

	// The session ticket that it holds does not get it past the directory.
	conn := dial()
	if b := e.peerOn(conn).expectClosed(); len(b) != 0 {
		t.Errorf("told % x", b)
	}
	if !conn.ConnectionState().DidResume {
		t.Error("the session was not resumed, so nothing was tested")
	}
	if n := len(e.in.up); n != 1 {
		t.Errorf("%d sessions", n)
	}
	e.Kick("COMM-nobody", ReasonRevoked) // harmless
}

// TestRevocationRace: whatever the moment of the revocation, no connection of
// the link outlives it.
// TestRevocationBetweenHandshakeAndConnect: a kick finds no session yet, so that
// CONNECT itself must ask again.
func TestRevocationBetweenHandshakeAndConnect(t *testing.T) {
	t.Parallel()
	const link = "COMM-1"
	e := start(t)
	conn, err := tls.Dial("tcp", e.addr, e.settings(link))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the handshake", func() bool {
		e.reg.mu.Lock()
		defer e.reg.mu.Unlock()
		return e.reg.admits == 1
	})
	e.reg.deny(link)
	e.Kick(link, ReasonRevoked)
	p := e.peerOn(conn)
	p.send(connectPacket(link))
	if b := p.expectClosed(); !bytes.Equal(b, mqtt.AppendConnack(nil, mqtt.RefusedRights)) {
		t.Errorf("told % x", b)
	}
	if n := e.Stats().Sessions.Load(); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

func TestRevocationRace(t *testing.T) {
	t.Parallel()
	e := start(t)
	var wg sync.WaitGroup
	for i := range 40 {
		link := fmt.Sprintf("COMM-%d", i)
		settings := e.settings(link)
		wg.Go(func() {
			e.reg.deny(link)
			e.Kick(link, ReasonRevoked)
		})
		wg.Go(func() {
			conn, err := tls.Dial("tcp", e.addr, settings)
			if err != nil {
				return
			}
			p := e.peerOn(conn)
			if p.try(connectPacket(link)) == nil {
				p.expectClosed()
			}
		})
	}
	wg.Wait()
	eventually(t, "the end of all sessions", func() bool { return e.Stats().Sessions.Load() == 0 })
}

// TestArrivalOrder: commits finish in any order, PUBACKs leave in that of
// arrival, and what became ready together leaves in one write.
func TestArrivalOrder(t *testing.T) {
	t.Parallel()
	const link = "COMM-1"
	e := start(t)
	e.in.hold = func(Inbound) bool { return true }
	p := e.join(link)
	for i := range uint16(8) {
		p.send(publishPacket(link, wire.UpTele, 100-i, fmt.Sprint(i)))
	}
	p.send(publishPacket(link, wire.UpHB, 0, "QoS 0 takes part and is not acknowledged"))
	e.in.messages(t, 9)
	done := func(i int) { e.in.dones[i](nil) }
	writes := func() uint64 { return e.Stats().Writes.Load() }
	before := writes()
	for _, i := range []int{8, 7, 3, 5, 1, 2} {
		done(i)
	}
	if writes() != before || e.Stats().Acked.Load() != 0 {
		t.Error("something was acknowledged before the first message")
	}
	done(0) // frees 0 to 3
	p.acks(100, 99, 98, 97)
	if n := writes() - before; n != 1 {
		t.Errorf("four PUBACKs took %d writes", n)
	}
	done(0) // a second call does nothing
	e.in.dones[0](errors.New("too late to matter"))
	done(6)
	done(4)
	p.acks(96, 95, 94, 93)
	p.send(mqtt.AppendPingreq(nil))
	p.expect(mqtt.AppendPingresp(nil))
	if n := e.Stats().Acked.Load(); n != 8 {
		t.Errorf("%d acknowledged", n)
	}
	if n := e.Stats().FailedCommit.Load(); n != 0 {
		t.Errorf("%d failed", n)
	}
}

// TestOneWrite: what gathers while a write is stuck leaves together, with only
// the newest message of each slot.
func TestOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const link = "COMM-1"
		e := startPlain(t)
		e.in.hold = func(Inbound) bool { return true }
		p := e.join(link)
		for i := range uint16(8) {
			p.send(publishPacket(link, wire.UpTele, i+1, "x"))
		}
		synctest.Wait()
		before := e.Stats().Writes.Load()
		push := func(k wire.Kind, slot uint8, payload string) {
			if !e.Push(link, Outbound{Kind: k, Slot: slot, Payload: []byte(payload)}) {
				t.Fatal("not sent")
			}
		}
		push(wire.DnStop, 0, "first") // a pipe takes nothing until somebody reads
		synctest.Wait()
		for i := range 8 {
			e.in.dones[i](nil)
		}
		push(wire.DnAck, SlotMainAck, "old")
		push(wire.DnOrder, SlotQueue, "1")
		push(wire.DnAck, SlotAlarmAck, "alarm")
		push(wire.DnAck, SlotMainAck, "new")
		push(wire.DnOrder, SlotQueue, "2")
		synctest.Wait()
		p.expect(mqtt.AppendPublish(nil, wire.Topic(link, wire.DnStop), 0, 0, false, []byte("first")))
		p.acks(1, 2, 3, 4, 5, 6, 7, 8)
		for _, m := range []struct {
			k       wire.Kind
			payload string
		}{{wire.DnAck, "new"}, {wire.DnOrder, "1"}, {wire.DnAck, "alarm"}, {wire.DnOrder, "2"}} {
			p.expect(mqtt.AppendPublish(nil, wire.Topic(link, m.k), 0, 0, false, []byte(m.payload)))
		}
		synctest.Wait()
		if n := e.Stats().Writes.Load() - before; n != 2 {
			t.Errorf("%d writes, want 2", n)
		}
		if n := e.Stats().Coalesced.Load(); n != 1 {
			t.Errorf("%d coalesced, want 1", n)
		}
	})
}

// TestAlarmAckOvertakes: the alarm lane's dn/ack does not wait for the PUBACK of
// telemetry that came before it.
func TestAlarmAckOvertakes(t *testing.T) {
	t.Parallel()
	const link = "COMM-1"
	e := start(t)
	e.in.hold = func(Inbound) bool { return true }
	p := e.join(link)
	p.send(publishPacket(link, wire.UpTele, 1, "backlog"), publishPacket(link, wire.UpAlarm, 2, "alarm"))
	e.in.messages(t, 2)
	e.in.dones[1](nil)
	e.Push(link, Outbound{Kind: wire.DnAck, Slot: SlotAlarmAck, Payload: []byte("a")})
	p.expect(mqtt.AppendPublish(nil, wire.Topic(link, wire.DnAck), 0, 0, false, []byte("a")))
	e.in.dones[0](nil)
	p.acks(1, 2)
}

// TestSlowInboxSlowsOneLink: sixteen messages under way and no more, and the
// other link is served meanwhile.
func TestSlowInboxSlowsOneLink(t *testing.T) {
	t.Parallel()
	e := start(t)
	e.in.hold = func(in Inbound) bool { return in.Link == "COMM-slow" }
	slow, fast := e.join("COMM-slow"), e.join("COMM-fast")
	for i := range uint16(40) {
		slow.send(publishPacket("COMM-slow", wire.UpTele, i+1, "x"))
	}
	e.in.messages(t, maxInFlight)
	for i := range uint16(200) {
		fast.send(publishPacket("COMM-fast", wire.UpTele, i+1, "x"))
		fast.acks(i + 1)
	}
	count := func() (n int) {
		for _, in := range e.in.messages(t, 0) {
			if in.Link == "COMM-slow" {
				n++
			}
		}
		return n
	}
	if n := count(); n != maxInFlight {
		t.Errorf("%d messages of the slow link under way, want %d", n, maxInFlight)
	}
	if e.Stats().Held.Load() != 1 {
		t.Errorf("held %d times", e.Stats().Held.Load())
	}
	e.in.dones[0](nil) // one out, one in
	slow.acks(1)
	e.in.until(t, "the seventeenth message", func() bool { return len(e.in.got) == maxInFlight+200+1 })
	// The database recovers: everything goes through in order.
	e.in.mu.Lock()
	e.in.hold = nil
	dones := slices.Clone(e.in.dones)
	e.in.mu.Unlock()
	for _, done := range dones {
		done(nil)
	}
	for i := range uint16(39) {
		slow.acks(i + 2)
	}
}

// TestBlockedDeliver: an inbox that blocks holds up that link alone, and the
// link can still be taken over and cut.
func TestBlockedDeliver(t *testing.T) {
	t.Parallel()
	e := start(t)
	gate := make(chan struct{})
	e.in.block["COMM-1"] = gate
	p, other := e.join("COMM-1"), e.join("COMM-2")
	p.send(publishPacket("COMM-1", wire.UpTele, 1, "x"))
	other.send(publishPacket("COMM-2", wire.UpTele, 1, "x"))
	other.acks(1)
	e.join("COMM-1")
	p.expectClosed()
	close(gate)
	e.in.ended(t, "COMM-1", e.in.session(t, 0).Conn, ReasonTakeover)
}

// TestFailedCommit: no PUBACK for what was not stored nor for anything behind
// it, and the connection closes after five seconds.
func TestFailedCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const link = "COMM-1"
		e := startPlain(t)
		e.in.hold = func(Inbound) bool { return true }
		p := e.join(link, withWill(wire.Topic(link, wire.UpBye)))
		for i := range uint16(4) {
			p.send(publishPacket(link, wire.UpTele, i+1, "x"))
		}
		synctest.Wait()
		began := time.Now()
		e.in.dones[0](nil)
		e.in.dones[1](errors.New("the database is gone"))
		e.in.dones[2](nil)
		p.acks(1)
		// The alarm lane is still heard.
		p.send(publishPacket(link, wire.UpAlarm, 9, "alarm"))
		synctest.Wait()
		if n := len(e.in.messages(t, 5)); n != 5 {
			t.Errorf("%d messages", n)
		}
		e.in.dones[4](nil)
		if rest := p.expectClosed(); len(rest) != 0 {
			t.Errorf("sent % x", rest)
		}
		if d := time.Since(began); d < commitGrace || d > commitGrace+2*tick {
			t.Errorf("closed after %s, want %s", d, commitGrace)
		}
		e.in.ended(t, link, e.in.session(t, 0).Conn, ReasonIO)
		if e.Stats().FailedCommit.Load() != 1 {
			t.Error("not counted")
		}
	})
}

// TestOverflow: a pump that does not read loses its connection once 256 KiB
// wait for it, and others do not notice.
func TestOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const link = "COMM-1"
		e := startPlain(t)
		p, other := e.join(link), e.join("COMM-2")
		chunk := make([]byte, 30_000)
		sent := 0
		for e.Push(link, Outbound{Kind: wire.DnLibrary, Payload: chunk}) {
			sent += len(chunk)
		}
		if sent > maxOutbound || sent < maxOutbound-2*len(chunk) {
			t.Errorf("overflow after %d bytes", sent)
		}
		synctest.Wait()
		e.in.ended(t, link, e.in.session(t, 0).Conn, ReasonOverflow)
		p.expectClosed()
		if e.Push(link, Outbound{Kind: wire.DnStop}) {
			t.Error("pushed to a closed session")
		}
		other.send(publishPacket("COMM-2", wire.UpTele, 1, "x"))
		other.acks(1)
		// What replaces does not pile up.
		for range 1000 {
			if !e.Push("COMM-2", Outbound{Kind: wire.DnCheckpoint, Slot: SlotCheckpoint, Payload: chunk}) {
				t.Fatal("overflow by a coalesced message")
			}
		}
	})
}

func TestPushRefuses(t *testing.T) {
	t.Parallel()
	e := start(t)
	p := e.join("COMM-1")
	for name, m := range map[string]Outbound{
		"too large": {Kind: wire.DnLibrary, Payload: make([]byte, mqtt.MaxPacket)},
		"an uplink": {Kind: wire.UpTele, Payload: []byte("x")},
	} {
		if e.Push("COMM-1", m) {
			t.Errorf("%s was sent", name)
		}
	}
	if e.Push("COMM-2", Outbound{Kind: wire.DnStop}) {
		t.Error("pushed to nobody")
	}
	p.send(mqtt.AppendPingreq(nil))
	p.expect(mqtt.AppendPingresp(nil))
}

// TestShutdown: what was delivered is acknowledged before the connection
// closes; nothing new is taken.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const link = "COMM-1"
		e := startPlain(t)
		e.in.hold = func(Inbound) bool { return true }
		p := e.join(link, withWill(wire.Topic(link, wire.UpBye)))
		waiting := e.dial("COMM-2") // says nothing
		stuck := e.join("COMM-3")
		p.send(publishPacket(link, wire.UpTele, 1, "x"), publishPacket(link, wire.UpTele, 2, "x"))
		stuck.send(publishPacket("COMM-3", wire.UpTele, 1, "never committed"))
		synctest.Wait()
		began := time.Now()
		e.cancel()
		synctest.Wait()
		waiting.expectClosed()
		e.in.finish(link, nil)
		p.acks(1, 2)
		if rest := p.expectClosed(); len(rest) != 0 || time.Since(began) > tick {
			t.Errorf("% x, closed after %s", rest, time.Since(began))
		}
		stuck.expectClosed()
		if d := time.Since(began); d != drainWithin {
			t.Errorf("the connection without a commit closed after %s", d)
		}
		e.stop()
		e.in.ended(t, link, e.in.session(t, 0).Conn, ReasonShutdown)
		if n := len(e.in.messages(t, 3)); n != 3 {
			t.Errorf("%d messages, a will among them", n)
		}
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	ln, err := Listen(t.Context(), "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	good := start(t)
	base := Options{Listener: ln, Inbox: good.in, Directory: good.reg, Logger: good.log}
	for name, change := range map[string]func(*Options){
		"plain beyond loopback":     func(o *Options) { o.Plain = true },
		"neither TLS nor plain":     func(*Options) {},
		"TLS that asks for nothing": func(o *Options) { o.TLS = &tls.Config{} },
		"TLS that does not verify":  func(o *Options) { o.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert} },
		"TLS and plain":             func(o *Options) { o.Plain, o.TLS = true, pki.ServerConfig(pki.ServerOptions{Clients: good.ca.Pool()}) },
		"no inbox":                  func(o *Options) { o.Inbox, o.TLS = nil, pki.ServerConfig(pki.ServerOptions{Clients: good.ca.Pool()}) },
	} {
		o := base
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := Listen(t.Context(), ln.Addr().String()); err == nil {
		t.Error("a taken port was listened on")
	}
}
