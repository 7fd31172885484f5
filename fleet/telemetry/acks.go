package telemetry

import (
	"cisterna/device/gateway"
	"cisterna/device/wire"
)

// acker sends dn/ack: what is committed.
type acker struct{ s *Service }

// cursor tells a link what is committed. That of the main lane leaves with the
// PUBACK that its message is about to get: call cursor before the message is done.
// With rewind the pump must send again from there; that one is never replaced by a
// later one.
func (a acker) cursor(link string, lane wire.Lane, pos wire.Position, rewind bool) {
	c := wire.Cursors{Rewind: rewind}
	out := gateway.Outbound{Slot: gateway.SlotMainAck, Along: !rewind}
	if lane == wire.AlarmLane {
		c.Alarm, out = &pos, gateway.Outbound{Slot: gateway.SlotAlarmAck}
	} else {
		c.Main = &pos
	}
	if rewind {
		out.Slot = gateway.SlotQueue
	}
	a.send(link, c, out)
}

// refused tells a link that its last message was refused. It is queued: in a
// slot it would take the place of a cursor.
func (a acker) refused(link, code string) { a.push(link, wire.Cursors{Refused: code}) }

// push queues a word behind what waits.
func (a acker) push(link string, c wire.Cursors) {
	a.send(link, c, gateway.Outbound{Slot: gateway.SlotQueue})
}

func (a acker) send(link string, c wire.Cursors, out gateway.Outbound) {
	c.Now = a.s.Now().UnixMilli()
	out.Kind, out.Payload = wire.DnAck, wire.Encode(c)
	a.s.Push(link, out)
}
