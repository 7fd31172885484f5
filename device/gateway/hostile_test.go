package gateway

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"cisterna/device/wire"
	"cisterna/internal/mqtt"
)

// TestBeforeConnect: what a stranger may send first, and what it is told.
func TestBeforeConnect(t *testing.T) {
	t.Parallel()
	const link = "COMM-1"
	raw := func(p packets.ControlPacket) []byte {
		var b bytes.Buffer
		if err := p.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	refused := func(code byte) []byte { return mqtt.AppendConnack(nil, code) }
	tests := []struct {
		name  string
		send  []byte
		reply []byte
	}{
		{"another's client id", raw(connectPacket("COMM-2")), refused(2)},
		{"no client id", raw(connectPacket("")), refused(2)},
		{"client id in other case", raw(connectPacket("comm-1")), refused(2)},
		{"level 3", raw(connectPacket(link, func(c *packets.ConnectPacket) { c.ProtocolVersion = 3 })), refused(1)},
		{"level 5", raw(connectPacket(link, func(c *packets.ConnectPacket) { c.ProtocolVersion = 5 })), refused(1)},
		{"MQIsdp", raw(connectPacket(link, func(c *packets.ConnectPacket) { c.ProtocolName, c.ProtocolVersion = "MQIsdp", 3 })), refused(1)},
		{"will elsewhere", raw(connectPacket(link, withWill("elsewhere"))), refused(5)},
		{"another's will", raw(connectPacket(link, withWill(wire.Topic("COMM-2", wire.UpBye)))), refused(5)},
		{"will down", raw(connectPacket(link, withWill(wire.Topic(link, wire.DnStop)))), refused(5)},
		{"will of no kind", raw(connectPacket(link, withWill("cis/1/"+string(wire.ShardOf(link))+"/"+link+"/up/x"))), refused(5)},
		{"retained will", raw(connectPacket(link, withWill(wire.Topic(link, wire.UpBye)), func(c *packets.ConnectPacket) { c.WillRetain = true })), refused(5)},
		{"will of QoS 2", raw(connectPacket(link, withWill(wire.Topic(link, wire.UpBye)), func(c *packets.ConnectPacket) { c.WillQos = 2 })), refused(5)},
		{"will on a wildcard", raw(connectPacket(link, withWill("#"))), nil},
		{"PUBLISH first", publishPacket(link, wire.UpTele, 1, "x"), nil},
		{"PINGREQ first", mqtt.AppendPingreq(nil), nil},
		{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n"), nil},
		{"zeros", make([]byte, 64), nil},
		{"CONNECT over 4 KiB", raw(connectPacket(link, func(c *packets.ConnectPacket) {
			c.UsernameFlag, c.Username = true, strings.Repeat("x", maxConnect)
		})), nil},
		{"CONNECT that claims 256 MiB", []byte{0x10, 0xff, 0xff, 0xff, 0x7f}, nil},
		{"CONNECT twice", append(raw(connectPacket(link)), raw(connectPacket(link))...), refused(0)},
		// Served clean, whatever it asks.
		{"no clean session", append(raw(connectPacket(link, func(c *packets.ConnectPacket) { c.CleanSession = false })), mqtt.AppendDisconnect(nil)...), refused(0)},
		{"user name and password", append(raw(connectPacket(link, func(c *packets.ConnectPacket) {
			c.UsernameFlag, c.PasswordFlag, c.Username, c.Password = true, true, "COMM-2", []byte("x")
		})), mqtt.AppendDisconnect(nil)...), refused(0)},
	}
	e := start(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := e.dial(link)
			p.t = t
			_ = p.try(tt.send) // it may be cut while it speaks
			if got := p.expectClosed(); !bytes.Equal(got, tt.reply) {
				t.Errorf("answered % x, want % x", got, tt.reply)
			}
		})
	}
	if len(e.in.messages(t, 0)) != 0 {
		t.Errorf("delivered %v", e.in.got)
	}
	s := e.Stats()
	if s.RefusedIdentity.Load() != 3 || s.RefusedProtocol.Load() != 3 || s.RefusedRights.Load() != 6 || s.BadConnect.Load() != 7 {
		t.Errorf("counted %d identities, %d levels, %d rights, %d bad CONNECTs", s.RefusedIdentity.Load(), s.RefusedProtocol.Load(), s.RefusedRights.Load(), s.BadConnect.Load())
	}
}

// TestBreakingARule: a connected pump that does any of this is cut, its will is
// published, and the same packet takes nothing else with it.
func TestBreakingARule(t *testing.T) {
	t.Parallel()
	const link = "COMM-1"
	own := wire.Topic(link, wire.UpTele)
	topic := func(topic string, flags byte) []byte {
		b := mqtt.AppendPublish(nil, topic, 1, 9, false, []byte("x"))
		b[0] = byte(mqtt.Publish)<<4 | flags
		return b
	}
	tests := []struct {
		name string
		send []byte
	}{
		{"QoS 2", topic(own, 0x04)},
		{"QoS 3", topic(own, 0x06)},
		{"retain", topic(own, 0x03)},
		{"packet id 0", mqtt.AppendPublish(nil, own, 1, 0, false, nil)},
		{"another link's topic", topic(wire.Topic("COMM-2", wire.UpTele), 2)},
		{"own downlink", topic(wire.Topic(link, wire.DnStop), 2)},
		{"wrong shard", topic("cis/1/"+otherShard(link)+"/"+link+"/up/tele", 2)},
		{"unknown kind", topic("cis/1/"+string(wire.ShardOf(link))+"/"+link+"/up/nothing", 2)},
		{"kind and more", topic(own+"/x", 2)},
		{"link with more behind", topic("cis/1/"+string(wire.ShardOf(link))+"/"+link+"1/up/tele", 2)},
		{"system topic", topic("$SYS/broker", 2)},
		{"wildcard", topic("cis/1/+/"+link+"/up/tele", 2)},
		{"NUL in topic", topic(own+"\x00", 2)},
		{"bad UTF-8 in topic", topic(own+"\xff", 2)},
		{"over 64 KiB", mqtt.AppendPublish(nil, own, 1, 1, false, make([]byte, mqtt.MaxPacket))[:200]},
		{"remaining length of five bytes", []byte{0x30, 0x80, 0x80, 0x80, 0x80, 0x01}},
		{"SUBSCRIBE with flags 0", []byte{0x80, 6, 0, 1, 0, 1, 'a', 0}},
		{"SUBSCRIBE to nothing", []byte{0x82, 2, 0, 1}},
		{"UNSUBSCRIBE with packet id 0", []byte{0xa2, 5, 0, 0, 0, 1, 'a'}},
		{"PUBREL", []byte{0x62, 2, 0, 1}},
		{"PUBREC", []byte{0x50, 2, 0, 1}},
		{"CONNACK", mqtt.AppendConnack(nil, 0)},
		{"SUBACK", mqtt.AppendSuback(nil, 1, []byte{0})},
		{"PINGRESP", mqtt.AppendPingresp(nil)},
		{"PINGREQ with a body", []byte{0xc0, 1, 0}},
		{"DISCONNECT with a body", []byte{0xe0, 1, 0}},
		{"AUTH of MQTT 5", []byte{0xf0, 0}},
		{"flood of PINGREQ", bytes.Repeat(mqtt.AppendPingreq(nil), 4*maxControl)},
	}
	e := start(t)
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := e.join(link, withWill(wire.Topic(link, wire.UpBye)))
			s := e.in.session(t, i)
			p.t = t
			_ = p.try(tt.send) // it may be cut while it speaks
			p.expectClosed()
			e.in.ended(t, link, s.Conn, ReasonProtocol)
			if told := fmt.Sprintf("!%s/%d malformed packet", link, s.Conn); !slices.ContainsFunc(e.in.history(), func(h string) bool { return strings.HasPrefix(h, told) }) {
				t.Errorf("nobody was told what it did: %q", e.in.history())
			}
			if got := e.in.messages(t, i+1); len(got) != i+1 || got[i].Kind != wire.UpBye || got[i].Conn != s.Conn {
				t.Errorf("delivered %d messages, want the will alone: %+v", len(got)-i, got[len(got)-1])
			}
		})
	}
	if n := e.Stats().Protocol.Load(); n != uint64(len(tests)) {
		t.Errorf("%d protocol errors counted, want %d", n, len(tests))
	}
}

func otherShard(link string) string {
	if wire.ShardOf(link) == '0' {
		return "1"
	}
	return "0"
}

// TestSoundButUnusual: what the standard allows and a pump may do.
func TestSoundButUnusual(t *testing.T) {
	t.Parallel()
	const link = "COMM-1"
	e := start(t)
	p := e.join(link)
	own := wire.Topic(link, wire.UpTele)

	// DUP and a packet id used again are messages like any other: the cursor
	// deduplicates.
	p.send(mqtt.AppendPublish(nil, own, 1, 7, true, []byte("1")), mqtt.AppendPublish(nil, own, 1, 7, true, []byte("1")), mqtt.AppendPublish(nil, own, 1, 7, false, []byte("2")))
	p.acks(7, 7, 7)
	// An empty payload, and the largest packet.
	largest := make([]byte, mqtt.MaxPacket-4-2-len(own)-2)
	p.send(mqtt.AppendPublish(nil, own, 1, 65535, false, nil), mqtt.AppendPublish(nil, own, 1, 1, false, largest))
	p.acks(65535, 1)
	got := e.in.messages(t, 5)
	if len(got[3].Payload) != 0 || len(got[4].Payload) != len(largest) {
		t.Errorf("payloads of %d and %d bytes", len(got[3].Payload), len(got[4].Payload))
	}
	// One byte at a time.
	for _, b := range publishPacket(link, wire.UpHB, 3, "slow") {
		p.send([]byte{b})
	}
	p.acks(3)
	// A PUBACK for what was never sent; PINGREQ.
	p.send(mqtt.AppendPuback(nil, 99), mqtt.AppendPingreq(nil))
	p.expect(mqtt.AppendPingresp(nil))
	// Foreign filters are refused one by one, own ones granted QoS 0.
	sub := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	sub.MessageID, sub.Topics = 5, []string{wire.Topic(link, wire.DnStop), "#", wire.DownFilter("COMM-2"), wire.Topic(link, wire.UpTele), wire.DownFilter(link)}
	sub.Qoss = []byte{2, 0, 1, 0, 1}
	p.send(sub)
	p.expect(mqtt.AppendSuback(nil, 5, []byte{0, 0x80, 0x80, 0x80, 0}))
	un := packets.NewControlPacket(packets.Unsubscribe).(*packets.UnsubscribePacket)
	un.MessageID, un.Topics = 6, []string{wire.DownFilter(link), "#"}
	p.send(un)
	p.expect(mqtt.AppendUnsuback(nil, 6))
	if e.Push(link, Outbound{Kind: wire.DnStop}) {
		t.Error("pushed after UNSUBSCRIBE")
	}
	sub.MessageID, sub.Topics, sub.Qoss = 8, []string{wire.Topic(link, wire.DnStop)}, []byte{0}
	p.send(sub)
	p.expect(mqtt.AppendSuback(nil, 8, []byte{0}))
	if !e.Push(link, Outbound{Kind: wire.DnStop, Payload: []byte("s")}) || e.Push(link, Outbound{Kind: wire.DnOrder}) {
		t.Error("one topic subscribed to: that one is sent, others are not")
	}
	p.expect(mqtt.AppendPublish(nil, wire.Topic(link, wire.DnStop), 0, 0, false, []byte("s")))
	p.send(mqtt.AppendDisconnect(nil))
	e.in.ended(t, link, e.in.session(t, 0).Conn, ReasonClient)
}

func TestStrangersGetNoFurtherThanTLS(t *testing.T) {
	t.Parallel()
	e := start(t)
	settings := map[string]*tls.Config{
		"no certificate":   {RootCAs: e.ca.Pool(), ServerName: "localhost"},
		"TLS 1.2":          e.settings("COMM-1"),
		"CN is no link id": e.settings("a/b"),
		"revoked":          e.settings("COMM-gone"),
	}
	settings["TLS 1.2"].MinVersion, settings["TLS 1.2"].MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	e.reg.deny("COMM-gone")
	for name, c := range settings {
		t.Run(name, func(t *testing.T) {
			conn, err := tls.Dial("tcp", e.addr, c)
			if err != nil {
				return // TLS 1.2 is refused during the handshake
			}
			// In TLS 1.3 the client hears only afterwards.
			if b := e.peerOn(conn).expectClosed(); len(b) != 0 {
				t.Errorf("it was told % x", b)
			}
		})
	}
	eventually(t, "four failed handshakes", func() bool { return e.Stats().HandshakeFailed.Load() == 4 })
	if e.Stats().Denied.Load() != 1 || len(e.in.events) != 0 {
		t.Errorf("%d denied, events %q", e.Stats().Denied.Load(), e.in.events)
	}
}
