package telemetry

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

func TestHello(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	greetings := r.svc.Greetings().Subscribe(10)
	r.run()
	p.tele(1, 1, 3)
	p.send(wire.UpAlarm, p.batch(wire.UpAlarm, 1, 1, raise(time.Now().UnixMilli(), "RES_LOW")))
	r.acks(p.link)
	body := p.hello(func(h *wire.Hello) {
		h.Vendor = map[string]string{"a\x00": "b"}
		h.Caps = []string{"x", `"y`}
		h.State.Program = []byte{9, 9}
		h.State.Window = []byte{8}
	})
	p.send(wire.UpHello, body)
	c := r.waitAck(p.link, func(c wire.Cursors) bool { return c.Main != nil && c.Alarm != nil })
	if *c.Main != (wire.Position{Epoch: 1, Seq: 3}) || *c.Alarm != (wire.Position{Epoch: 1, Seq: 1}) || c.Rewind || c.Now == 0 {
		t.Errorf("answered %+v", c)
	}
	st, ok, err := r.svc.State(context.Background(), p.id)
	if err != nil || !ok || st.Firmware != "1.0.0" || st.FirmwareComm != "2.0.0" || st.Keyset != 7 || st.Vendor["a\uFFFD"] != "b" || len(st.Caps) != 2 || st.Caps[1] != `"y` ||
		st.HelloAt.IsZero() || !st.HeartbeatAt.IsZero() || string(st.Program) != "\x09\x09" || string(st.Window) != "\x08" || st.Main.Seq != 5 || st.ProtocolMax != 1 {
		t.Errorf("state %+v %v %v", st, ok, err)
	}
	values, missed := greetings.Take()
	if len(values) != 1 || missed || values[0].Pump.ID != p.id || values[0].Hello.Serial != "SN" {
		t.Errorf("greetings %+v", values)
	}
	leaves := func() int {
		return one[int](r, `SELECT count(*) FROM audit_leaf WHERE kind IN ('pump.hello', 'pump.state') AND pump_id = $1`, p.id)
	}
	if leaves() != 1 || one[int](r, `SELECT count(*) FROM audit_evidence WHERE body = $1`, body) != 1 {
		t.Error("the first hello is not on the record with its bytes")
	}
	p.send(wire.UpHello, p.hello(func(h *wire.Hello) { h.Mono = 2000 }))
	if leaves() != 1 {
		t.Error("a hello that says nothing new is on the record")
	}
	p.send(wire.UpHello, p.hello(func(h *wire.Hello) { h.Mono, h.Firmware = 3000, "1.1.0" }))
	if leaves() != 2 {
		t.Error("new firmware is not on the record")
	}
	said := func(i int) string {
		return one[string](r, `SELECT coalesce(p.payload::jsonb ->> 'firmware', '') FROM audit_leaf l JOIN audit_payload p ON p.leaf_id = l.id WHERE l.kind = 'pump.hello' AND l.pump_id = $1 ORDER BY l.id OFFSET $2 LIMIT 1`, p.id, i)
	}
	if first, second := said(0), said(1); first != "" || second != `[{"is": "1.1.0", "was": "1.0.0", "part": "pump"}]` {
		t.Errorf("the record says of the firmware %q first and %q then", first, second)
	}
	// One that was delayed changes nothing.
	p.send(wire.UpHello, p.hello(func(h *wire.Hello) { h.Mono, h.Firmware = 2500, "0.9.0" }))
	if st, _, _ := r.svc.State(context.Background(), p.id); st.Firmware != "1.1.0" || leaves() != 2 {
		t.Errorf("an older hello won: %s", st.Firmware)
	}
	// A wrong clock keeps nobody from connecting.
	p.send(wire.UpHello, p.hello(func(h *wire.Hello) { h.Mono, h.Wall = 4000, 0 }))
	if st, _, _ := r.svc.State(context.Background(), p.id); time.Since(st.DeviceAt) > time.Minute || st.Mono != 4000 {
		t.Errorf("after a hello from 1970: %+v", st)
	}
}

// TestHelloOfAlarmsThatAreNotHere: a pump that has written alarms which did not come a
// while after its hello is asked for them. If it takes them for committed, a backup was
// restored, and it would say nothing of them by itself. One that sends them is not asked.
func TestHelloOfAlarmsThatAreNotHere(t *testing.T) {
	r := newRig(t)
	p, q := r.pump(), r.pump()
	r.svc.asks.after = 200 * time.Millisecond
	r.run()
	ms := time.Now().UnixMilli()
	p.send(wire.UpAlarm, p.batch(wire.UpAlarm, 1, 1, raise(ms, "RES_LOW")))
	q.send(wire.UpHello, q.hello(func(h *wire.Hello) { h.Alarm = wire.Position{Epoch: 1, Seq: 1} }))
	q.send(wire.UpAlarm, q.batch(wire.UpAlarm, 1, 1, raise(ms, "RES_LOW")))
	p.send(wire.UpHello, p.hello(func(h *wire.Hello) { h.Alarm = wire.Position{Epoch: 1, Seq: 4} }))
	c := r.waitAck(p.link, func(c wire.Cursors) bool { return c.Rewind })
	if c.Alarm == nil || *c.Alarm != (wire.Position{Epoch: 1, Seq: 1}) || c.Main != nil {
		t.Errorf("asked %+v", c)
	}
	for _, c := range r.acks(q.link) { // its turn was before the other's
		if c.Rewind {
			t.Errorf("nothing is missing, and it was asked: %+v", c)
		}
	}
}

func TestHeartbeatCoalesces(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	p.send(wire.UpHello, p.hello(func(*wire.Hello) {}))
	for n := range 50 {
		p.send(wire.UpHB, p.seal(wire.UpHB, wire.Encode(wire.Heartbeat{
			Pump: p.pub.PumpID(), Boot: [16]byte{1}, Wall: time.Now().UnixMilli(), Mono: uint64(2000 + n), Backlog: uint64(n), CommMV: 3700,
			State:  wire.State{Run: wire.Bolus, ProgramHash: []byte{2}, Profile: []byte{3}, Library: []byte{4}, Keyset: 7},
			Sample: wire.NewHeartbeatSample(wire.Sample{Run: wire.Bolus, ReservoirNL: int64(n), SensedNL: -1}),
		})))
	}
	r.eventually("the last heartbeat", func() bool {
		st, ok, err := r.svc.State(context.Background(), p.id)
		return err == nil && ok && st.Backlog == 49 && st.Run == wire.Bolus && st.CommMV == 3700 && st.Firmware == "1.0.0"
	})
	v, ok, err := r.svc.Latest(context.Background(), p.id)
	if err != nil || !ok || v.ReservoirNL != 49 || v.SensedNL != -1 {
		t.Errorf("latest %+v %v %v", v, ok, err)
	}
	if n := one[int](r, `SELECT count(*) FROM audit_leaf WHERE kind = 'pump.state'`); n != 0 {
		t.Errorf("%d leaves for heartbeats that say nothing new", n)
	}
	// A program that changed is on the record.
	p.send(wire.UpHB, p.seal(wire.UpHB, wire.Encode(wire.Heartbeat{
		Pump: p.pub.PumpID(), Boot: [16]byte{1}, Wall: time.Now().UnixMilli(), Mono: 9000, State: wire.State{Run: wire.Infusing, ProgramHash: []byte{99}, Profile: []byte{3}, Library: []byte{4}, Keyset: 7},
	})))
	r.eventually("the leaf about the program", func() bool {
		return one[int](r, `SELECT count(*) FROM audit_leaf WHERE kind = 'pump.state'`) == 1
	})
}

// TestStatedByHeartbeat: a heartbeat that tells of another library is passed on,
// although the library is no part of the state hash; one that says nothing new is not.
func TestStatedByHeartbeat(t *testing.T) {
	r := newRig(t)
	var told []string
	r.svc.Stated = func(_ context.Context, _ *postgres.Tx, st Statement) error {
		told = append(told, string(st.State.Library))
		return nil
	}
	p := r.pump()
	r.run()
	p.send(wire.UpHello, p.hello(func(h *wire.Hello) { h.State.Library, h.State.StateHash = []byte("one"), []byte{9} }))
	beat := func(mono uint64, library string) {
		p.send(wire.UpHB, p.seal(wire.UpHB, wire.Encode(wire.Heartbeat{
			Pump: p.pub.PumpID(), Boot: [16]byte{1}, Wall: time.Now().UnixMilli(), Mono: mono, State: wire.State{Run: wire.Infusing, StateHash: []byte{9}, Library: []byte(library)},
		})))
	}
	beat(9000, "one")
	beat(9001, "two")
	beat(9002, "two")
	r.eventually("the last heartbeat", func() bool {
		st, ok, err := r.svc.State(context.Background(), p.id)
		return err == nil && ok && st.Mono == 9002
	})
	if len(told) != 2 || told[0] != "one" || told[1] != "two" {
		t.Errorf("told of %q", told)
	}
}

// TestReportOfHeartbeatIsCommitted: a pump reports a change once, so that the heartbeat
// which brings the report is acknowledged after its commit and not without one; when it
// comes again it is told of.
func TestReportOfHeartbeatIsCommitted(t *testing.T) {
	r := newRig(t)
	var broken atomic.Bool
	var told []string
	r.svc.Stated = func(_ context.Context, _ *postgres.Tx, st Statement) error {
		if broken.Load() {
			return errors.New("the disk is full")
		}
		told = append(told, string(st.State.Report))
		return nil
	}
	p := r.pump()
	r.run()
	p.send(wire.UpHello, p.hello(func(*wire.Hello) {}))
	beat := func(mono uint64, run wire.RunState, report string) []byte {
		st := wire.State{Run: run, StateHash: []byte{byte(mono)}}
		if report != "" {
			st.Report = []byte(report)
		}
		return p.seal(wire.UpHB, wire.Encode(wire.Heartbeat{Pump: p.pub.PumpID(), Boot: [16]byte{1}, Wall: time.Now().UnixMilli(), Mono: mono, State: st}))
	}
	stored := func() int64 { st, _, _ := r.svc.State(t.Context(), p.id); return st.Mono }
	broken.Store(true)
	report := beat(9000, wire.Bolus, "changed")
	if err := p.wait(p.deliver(wire.UpHB, report)); err == nil {
		t.Fatal("acknowledged, and nothing was stored")
	}
	broken.Store(false)
	told = nil
	p.send(wire.UpHB, report)
	if stored() != 9000 || len(told) != 1 || told[0] != "changed" {
		t.Errorf("after its acknowledgement: stored up to %d, told of %q", stored(), told)
	}

	// Several words of one pump in one transaction: the newest one is kept.
	words := make([]<-chan error, 0, 4)
	for n, m := range [][]byte{beat(9001, wire.Bolus, "one"), beat(9002, wire.Stopped, "two"), p.hello(func(h *wire.Hello) { h.Mono = 9003 }), beat(9004, wire.Stopped, "three")} {
		kind := wire.UpHB
		if n == 2 {
			kind = wire.UpHello
		}
		words = append(words, p.deliver(kind, m))
	}
	for _, w := range words {
		if err := p.wait(w); err != nil {
			t.Fatal(err)
		}
	}
	if st, _, _ := r.svc.State(t.Context(), p.id); st.Mono != 9004 || st.Run != wire.Stopped {
		t.Errorf("the newest is not what is kept: %+v", st)
	}
}

// TestSmallerCheckpoint: a pump that was shown a smaller checkpoint raises a
// security alarm and goes on the record.
func TestSmallerCheckpoint(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	p.send(wire.UpHello, p.hello(func(h *wire.Hello) { h.State.Smaller = true }))
	a := p.alarms()["SECURITY"]
	if a.ID == 0 || a.Priority != wire.PriorityHigh || a.Instance != "checkpoint" {
		t.Fatalf("alarm %+v", a)
	}
	if n := one[int](r, `SELECT count(*) FROM audit_leaf WHERE kind = 'alarm.raise' AND pump_id = $1`, p.id); n != 1 {
		t.Errorf("%d leaves", n)
	}
	p.send(wire.UpHello, p.hello(func(h *wire.Hello) { h.Mono, h.State.Smaller = 2000, true }))
	if a := p.alarms()["SECURITY"]; a.Count != 1 {
		t.Errorf("raised %d times", a.Count)
	}
	p.send(wire.UpHello, p.hello(func(h *wire.Hello) { h.Mono = 3000 }))
	if _, open := p.alarms()["SECURITY"]; open {
		t.Error("the alarm stands although the pump is content")
	}
}

// TestSmallerAgain: after a restore that was meant somebody looks at the alarm and ends
// it; the pump goes on saying what it saw. Another fall of the record raises it again.
func TestSmallerAgain(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	mono := uint64(1000)
	says := func(fell uint64) alarm.Alarm {
		mono += 1000
		p.send(wire.UpHello, p.hello(func(h *wire.Hello) { h.Mono, h.State.Smaller, h.State.Fell = mono, true, fell }))
		return p.alarms()["SECURITY"]
	}
	a := says(8)
	nurse := auth.Actor{ID: 7, Login: "anna", Name: "Anna N.", Roles: map[int64][]auth.Role{a.Site: {auth.Nurse}}}
	if _, err := r.alarms.Acknowledge(context.Background(), nurse, a.ID, ""); err == nil {
		t.Error("acknowledged without a word")
	}
	if a, err := r.alarms.Acknowledge(context.Background(), nurse, a.ID, "the backup of Monday was restored"); err != nil || a.State != alarm.Cleared {
		t.Fatalf("%+v, %v", a, err)
	}
	if a := says(8); a.ID != 0 {
		t.Errorf("the same fall again: %+v", a)
	}
	if a := says(5); a.ID == 0 || a.Detail["shown_size"] != "5" {
		t.Errorf("another fall: %+v", a)
	}
}

func TestAnswers(t *testing.T) {
	r := newRig(t)
	var told []Answer
	var refuse error
	r.svc.Answered = func(_ context.Context, _ *postgres.Tx, a Answer) error {
		if refuse == nil {
			told = append(told, a)
		}
		return refuse
	}
	p := r.pump()
	r.run()
	body := p.seal(wire.UpAck, wire.Encode(wire.Answer{Pump: p.pub.PumpID(), Doc: [32]byte{7}, Kind: wire.DnLibrary, Code: "applied", Wall: time.Now().UnixMilli(), Run: wire.Infusing, StateHash: []byte{1}}))
	p.send(wire.UpAck, body)
	p.send(wire.UpAck, body) // said twice, heard once
	if len(told) != 1 || told[0].Code != "applied" || told[0].Pump.ID != p.id || string(told[0].Envelope) != string(body) {
		t.Fatalf("told %+v", told)
	}
	if n := one[int](r, `SELECT count(*) FROM telemetry_answers WHERE pump_id = $1 AND kind = 'dn/library' AND body = $2`, p.id, body); n != 1 {
		t.Errorf("%d answers stored", n)
	}
	if n := one[int](r, `SELECT count(*) FROM audit_leaf WHERE kind = 'pump.answer' AND pump_id = $1`, p.id); n != 1 {
		t.Errorf("%d leaves", n)
	}
	// Who sent the document may not be left out: no answer without them.
	refuse = errors.New("not now")
	other := p.seal(wire.UpAck, wire.Encode(wire.Answer{Pump: p.pub.PumpID(), Doc: [32]byte{8}, Kind: wire.DnLibrary, Code: "E_SIG", Run: wire.Infusing}))
	fate := p.deliver(wire.UpAck, other)
	if err := p.wait(fate); !errors.Is(err, refuse) {
		t.Errorf("done with %v, want the hook's error", err)
	}
	if n := one[int](r, `SELECT count(*) FROM telemetry_answers`); n != 1 {
		t.Errorf("%d answers stored, want 1", n)
	}
}
