// Package mqtt reads and writes MQTT 3.1.1 packets within bounds, and holds a
// client of one goroutine and a few hundred bytes. It knows packets, not pumps.
//
// # Reading
//
// A [Reader] takes packets off a byte stream without ever allocating what a
// header merely claims: its buffer grows as bytes arrive, up to a limit that the
// caller sets per phase of the connection. The fixed header is checked as it is
// read (reserved types and flags, QoS 3, DUP without a QoS, a remaining length
// that is too long or not in its shortest form). The Parse functions check the
// rest: packet id 0, short or over-long fields, text that is not UTF-8 or holds
// NUL, topics with wildcards, trailing bytes. CONNECT, SUBSCRIBE and UNSUBSCRIBE
// come out as the types of paho.mqtt.golang/packets, whose own decoder accepts
// all of these; what passes the checks decodes there to the same values, which a
// fuzz test holds. PUBLISH and PUBACK, of which there are millions, are read in
// place and never allocate.
//
// # Writing
//
// The Append functions add one packet to a byte slice, so that several packets
// leave in one write.
//
// Only what a pump needs is here: QoS 2 packets are recognised and left to the
// caller to refuse, and MQTT 5 is answered as a wrong protocol level.
package mqtt

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// Type is a control packet's type, the upper half of its first byte.
type Type byte

// Packet types (MQTT 3.1.1 table 2.1).
const (
	Connect     Type = packets.Connect
	Connack     Type = packets.Connack
	Publish     Type = packets.Publish
	Puback      Type = packets.Puback
	Pubrec      Type = packets.Pubrec
	Pubrel      Type = packets.Pubrel
	Pubcomp     Type = packets.Pubcomp
	Subscribe   Type = packets.Subscribe
	Suback      Type = packets.Suback
	Unsubscribe Type = packets.Unsubscribe
	Unsuback    Type = packets.Unsuback
	Pingreq     Type = packets.Pingreq
	Pingresp    Type = packets.Pingresp
	Disconnect  Type = packets.Disconnect
)

// String returns the packet's name as the standard writes it.
func (t Type) String() string {
	if n, ok := packets.PacketNames[byte(t)]; ok {
		return n
	}
	return fmt.Sprintf("type %d", byte(t))
}

// Return codes of CONNACK.
const (
	Accepted          byte = packets.Accepted
	RefusedProtocol   byte = packets.ErrRefusedBadProtocolVersion
	RefusedIdentifier byte = packets.ErrRefusedIDRejected
	RefusedServer     byte = packets.ErrRefusedServerUnavailable
	RefusedRights     byte = packets.ErrRefusedNotAuthorised
	SubscribeRefused  byte = 0x80 // in SUBACK, per filter
)

// MaxPacket is the largest packet that either end of the link sends or takes,
// fixed header included, in bytes.
const MaxPacket = 64 << 10

// maxFilters bounds the filters of one SUBSCRIBE or UNSUBSCRIBE.
const maxFilters = 64

// ErrMalformed is wrapped by every error about a packet that breaks the
// standard or a limit. The connection it came from cannot go on.
var ErrMalformed = errors.New("malformed packet")

// ErrProtocolLevel is returned by ParseConnect for a client that speaks another
// version of MQTT. It gets return code 0x01.
var ErrProtocolLevel = errors.New("unsupported MQTT protocol level")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// appendHeader appends a fixed header. remaining is at most MaxPacket, which
// takes three bytes of length.
func appendHeader(b []byte, t Type, flags byte, remaining int) []byte {
	b = append(b, byte(t)<<4|flags)
	for remaining >= 0x80 {
		b = append(b, byte(remaining)|0x80)
		remaining >>= 7
	}
	return append(b, byte(remaining))
}

func appendString[S string | []byte](b []byte, s S) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// PublishSize returns the size on the wire of a PUBLISH, in bytes.
func PublishSize(topic, payload int, qos byte) int {
	n := 2 + topic + payload
	if qos > 0 {
		n += 2
	}
	switch {
	case n < 1<<7:
		return n + 2
	case n < 1<<14:
		return n + 3
	}
	return n + 4
}

// AppendPublish appends a PUBLISH. id is used if qos is not 0. The caller has
// checked with PublishSize that it is not larger than MaxPacket.
func AppendPublish[S string | []byte](b []byte, topic S, qos byte, id uint16, dup bool, payload []byte) []byte {
	flags, n := qos<<1, 2+len(topic)+len(payload)
	if qos > 0 {
		n += 2
	}
	if dup {
		flags |= 0x08
	}
	b = appendString(appendHeader(b, Publish, flags, n), topic)
	if qos > 0 {
		b = binary.BigEndian.AppendUint16(b, id)
	}
	return append(b, payload...)
}

// AppendPuback appends a PUBACK.
func AppendPuback(b []byte, id uint16) []byte {
	return append(b, byte(Puback)<<4, 2, byte(id>>8), byte(id))
}

// AppendConnack appends a CONNACK without a session.
func AppendConnack(b []byte, code byte) []byte {
	return append(b, byte(Connack)<<4, 2, 0, code)
}

// AppendSuback appends a SUBACK with one code per filter.
func AppendSuback(b []byte, id uint16, codes []byte) []byte {
	b = appendHeader(b, Suback, 0, 2+len(codes))
	return append(binary.BigEndian.AppendUint16(b, id), codes...)
}

// AppendUnsuback appends an UNSUBACK.
func AppendUnsuback(b []byte, id uint16) []byte {
	return append(b, byte(Unsuback)<<4, 2, byte(id>>8), byte(id))
}

// AppendPingreq appends a PINGREQ.
func AppendPingreq(b []byte) []byte { return append(b, byte(Pingreq)<<4, 0) }

// AppendPingresp appends a PINGRESP.
func AppendPingresp(b []byte) []byte { return append(b, byte(Pingresp)<<4, 0) }

// AppendDisconnect appends a DISCONNECT.
func AppendDisconnect(b []byte) []byte { return append(b, byte(Disconnect)<<4, 0) }
