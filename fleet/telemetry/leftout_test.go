package telemetry

import (
	"errors"
	"slices"
	"testing"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/fleet/registry"
)

// TestLeftOutIsKept: who leaves records out is asked to go back, and what it sent is
// kept where people see it; in the alarm lane too, where it is no alarm that cannot be
// read. What we could not store ourselves is not held against the pump.
func TestLeftOutIsKept(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	p.tele(1, 1, 2)
	r.acks(p.link)
	p.send(wire.UpTele, p.batch(wire.UpTele, 1, 5, p.samples(5, 1)...))
	if c := r.waitAck(p.link, func(c wire.Cursors) bool { return c.Rewind }); c.Main == nil || c.Main.Seq != 2 || c.Refused != "" {
		t.Errorf("answered %+v", c)
	}
	r.eventually("E_SEQ", func() bool { return slices.Equal(p.refusals(), []string{CodeSeq}) })
	p.send(wire.UpAlarm, p.batch(wire.UpAlarm, 1, 3, raise(time.Now().UnixMilli(), "RES_LOW")))
	r.eventually("E_SEQ of the alarm lane", func() bool { return len(p.refusals()) == 2 })
	if _, open := p.alarms()["ALARM_UNREAD"]; open {
		t.Error("an alarm that the pump sends again is called unreadable")
	}
	if n := one[int](r, `SELECT sum(n) FROM telemetry_refusal_counts WHERE pump_id = $1 AND code = 'E_SEQ'`, p.id); n != 2 {
		t.Errorf("%d are counted", n)
	}
	p.tele(1, 3, 3) // the stream goes on
	p.hasExactly(1, 1, 5)

	m := newMessage(gateway.Inbound{Link: p.link, Conn: p.conn}, wire.MainLane, registry.PumpRef{ID: p.id}, func(error) {})
	r.svc.giveBack(m, errors.New("the database is away"))
	p.send(wire.UpTele, p.batch(wire.UpTele, 1, 9, p.samples(9, 1)...))
	r.waitAck(p.link, func(c wire.Cursors) bool { return c.Rewind })
	r.svc.Disconnected(p.session(p.conn), "io")
	p.send(wire.UpTele, p.batch(wire.UpTele, 1, 9, p.samples(9, 1)...))
	r.eventually("the one after the connection's end", func() bool { return len(p.refusals()) == 3 })
}

// TestBrokenRuleIsKept: a connection that is cut for what the pump did leaves behind
// what that was.
func TestBrokenRuleIsKept(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	r.svc.Broke(p.session(p.conn), errors.New("malformed packet: PUBLISH with retain"))
	r.eventually("E_PROTOCOL", func() bool { return slices.Equal(p.refusals(), []string{CodeProtocol}) })
	list, err := r.svc.RefusalsOf(t.Context(), p.id, Mark{}, maxPage)
	if err != nil || list[0].Kind != "connection" || list[0].Reason != "The connection was cut: malformed packet: PUBLISH with retain." {
		t.Errorf("%+v %v", list, err)
	}
}
