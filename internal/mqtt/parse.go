package mqtt

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// fields walks over a packet's body. After the first shortage ok is false and
// every read returns zero.
type fields struct {
	b  []byte
	ok bool
}

func (f *fields) take(n int) []byte {
	if !f.ok || len(f.b) < n {
		f.ok = false
		return nil
	}
	v := f.b[:n]
	f.b = f.b[n:]
	return v
}

func (f *fields) byte() byte {
	if v := f.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (f *fields) uint16() uint16 {
	if v := f.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (f *fields) bytes() []byte { return f.take(int(f.uint16())) }

// validText reports whether b may stand in a text field: UTF-8 without NUL and
// surrogates (MQTT-1.5.3-1, -2).
func validText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

// validTopic reports whether b can be the topic of a PUBLISH.
func validTopic(b []byte) bool {
	return len(b) > 0 && !bytes.ContainsAny(b, "+#") && validText(b)
}

// PublishPacket is a PUBLISH. Its slices alias the Reader's buffer.
type PublishPacket struct {
	Topic   []byte
	Payload []byte
	ID      uint16 // 0 if QoS is 0
	QoS     byte
	Dup     bool
	Retain  bool
}

// ParsePublish reads a PUBLISH.
func ParsePublish(p Packet) (PublishPacket, error) {
	f := fields{b: p.Body, ok: true}
	out := PublishPacket{Topic: f.bytes(), QoS: p.Flags >> 1 & 3, Dup: p.Flags&0x08 != 0, Retain: p.Flags&0x01 != 0}
	if out.QoS > 0 {
		out.ID = f.uint16()
	}
	switch {
	case !f.ok:
		return PublishPacket{}, malformed("PUBLISH ends too early")
	case !validTopic(out.Topic):
		return PublishPacket{}, malformed("PUBLISH with topic %q", clip(out.Topic))
	case out.QoS > 0 && out.ID == 0:
		return PublishPacket{}, malformed("PUBLISH with packet id 0")
	}
	out.Payload = f.b
	return out, nil
}

// ParseID reads a packet that is nothing but a packet id: PUBACK, PUBREC,
// PUBREL, PUBCOMP, UNSUBACK.
func ParseID(p Packet) (uint16, error) {
	if len(p.Body) != 2 {
		return 0, malformed("%s of %d bytes", p.Type, len(p.Body))
	}
	id := binary.BigEndian.Uint16(p.Body)
	if id == 0 {
		return 0, malformed("%s with packet id 0", p.Type)
	}
	return id, nil
}

// ParseEmpty checks a packet that has no body: PINGREQ, PINGRESP, DISCONNECT.
func ParseEmpty(p Packet) error {
	if len(p.Body) != 0 {
		return malformed("%s with %d bytes", p.Type, len(p.Body))
	}
	return nil
}

// CONNECT flags.
const (
	flagWill     = 0x04
	flagWillQoS  = 0x18
	flagWillKeep = 0x20
	flagPassword = 0x40
	flagUser     = 0x80
)

// ParseConnect reads a CONNECT. For another version of MQTT it returns
// ErrProtocolLevel and nothing else of the packet is looked at.
func ParseConnect(p Packet) (*packets.ConnectPacket, error) {
	f := fields{b: p.Body, ok: true}
	name, level := f.bytes(), f.byte()
	if !f.ok || !validText(name) {
		return nil, malformed("CONNECT without a protocol name and level")
	}
	if string(name) == "MQIsdp" || string(name) == "MQTT" && level != 4 {
		return nil, ErrProtocolLevel
	}
	if string(name) != "MQTT" {
		return nil, malformed("CONNECT for protocol %q", clip(name))
	}
	flags := f.byte()
	f.uint16() // keep-alive: every value is valid
	id := f.bytes()
	if f.ok && !validText(id) {
		return nil, malformed("client id %q", clip(id))
	}
	switch {
	case flags&0x01 != 0:
		return nil, malformed("CONNECT with the reserved flag")
	case flags&flagWill == 0 && flags&(flagWillQoS|flagWillKeep) != 0:
		return nil, malformed("CONNECT with will QoS or will retain but no will")
	case flags&flagWillQoS == flagWillQoS:
		return nil, malformed("will with QoS 3")
	case flags&flagPassword != 0 && flags&flagUser == 0:
		return nil, malformed("CONNECT with a password but no user name")
	}
	if flags&flagWill != 0 {
		if topic := f.bytes(); f.ok && !validTopic(topic) {
			return nil, malformed("will topic %q", clip(topic))
		}
		f.bytes()
	}
	if flags&flagUser != 0 && !validText(f.bytes()) {
		return nil, malformed("user name is not UTF-8 text")
	}
	if flags&flagPassword != 0 {
		f.bytes()
	}
	if !f.ok {
		return nil, malformed("CONNECT ends too early")
	}
	if len(f.b) != 0 {
		return nil, malformed("CONNECT with %d bytes too many", len(f.b))
	}
	out := &packets.ConnectPacket{}
	return out, unpack(out, &out.FixedHeader, p)
}

// ParseSubscribe reads a SUBSCRIBE.
func ParseSubscribe(p Packet) (*packets.SubscribePacket, error) {
	if err := checkFilters(p, true); err != nil {
		return nil, err
	}
	out := &packets.SubscribePacket{}
	return out, unpack(out, &out.FixedHeader, p)
}

// ParseUnsubscribe reads an UNSUBSCRIBE.
func ParseUnsubscribe(p Packet) (*packets.UnsubscribePacket, error) {
	if err := checkFilters(p, false); err != nil {
		return nil, err
	}
	out := &packets.UnsubscribePacket{}
	return out, unpack(out, &out.FixedHeader, p)
}

func checkFilters(p Packet, qos bool) error {
	f := fields{b: p.Body, ok: true}
	if f.uint16() == 0 {
		return malformed("%s with packet id 0", p.Type)
	}
	n := 0
	for ; len(f.b) > 0; n++ {
		filter := f.bytes()
		if f.ok && (len(filter) == 0 || !validText(filter)) {
			return malformed("%s with filter %q", p.Type, clip(filter))
		}
		if qos && f.byte() > 2 {
			return malformed("%s with a wrong QoS byte", p.Type)
		}
		if !f.ok {
			return malformed("%s ends too early", p.Type)
		}
	}
	if n == 0 || n > maxFilters {
		return malformed("%s with %d filters, want 1 to %d", p.Type, n, maxFilters)
	}
	return nil
}

// unpack lets paho decode a body that has been checked.
func unpack(to packets.ControlPacket, head *packets.FixedHeader, p Packet) error {
	*head = packets.FixedHeader{MessageType: byte(p.Type), Qos: p.Flags >> 1 & 3, RemainingLength: len(p.Body)}
	// A Buffer, because paho reads empty fields too, and at the end of a Reader
	// that is io.EOF.
	if err := to.Unpack(bytes.NewBuffer(p.Body)); err != nil {
		return malformed("%s: %v", p.Type, err)
	}
	return nil
}

// ParseConnack reads a CONNACK.
func ParseConnack(p Packet) (session bool, code byte, err error) {
	if p.Type != Connack || len(p.Body) != 2 || p.Body[0] > 1 {
		return false, 0, malformed("%s of %d bytes where CONNACK belongs", p.Type, len(p.Body))
	}
	return p.Body[0] == 1, p.Body[1], nil
}

// ParseSuback reads a SUBACK. The codes alias the Reader's buffer.
func ParseSuback(p Packet) (id uint16, codes []byte, err error) {
	f := fields{b: p.Body, ok: true}
	if id = f.uint16(); id == 0 || len(f.b) == 0 {
		return 0, nil, malformed("SUBACK of %d bytes", len(p.Body))
	}
	return id, f.b, nil
}

func clip(b []byte) []byte { return b[:min(len(b), 80)] }
