package telemetry

import (
	"bytes"
	"context"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/internal/auth"
	"cisterna/internal/pgtest"
)

// open returns the codes of a pump's open alarms.
func (p *pump) alarms() map[string]alarm.Alarm {
	p.r.t.Helper()
	list, err := p.r.alarms.List(context.Background(), auth.Scope{All: true}, alarm.Filter{State: alarm.FilterOpen, Pump: p.id})
	if err != nil {
		p.r.t.Fatal(err)
	}
	out := map[string]alarm.Alarm{}
	for _, a := range list {
		out[a.Code] = a
	}
	return out
}

func TestAlarmLane(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	at := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	ms := at.UnixMilli()
	first := p.batch(wire.UpAlarm, 1, 1, raise(ms, "RES_LOW"), raise(ms, "MOTOR_STALL"), raise(ms, "VENDOR_77"))
	p.send(wire.UpAlarm, first)
	p.send(wire.UpAlarm, first) // again
	got := p.alarms()
	if len(got) != 3 || got["RES_LOW"].Count != 1 || !got["RES_LOW"].DeviceAt.Equal(at) || got["MOTOR_STALL"].Priority != wire.PriorityHigh || got["VENDOR_77"].Priority != wire.PriorityMedium {
		t.Fatalf("alarms %+v", got)
	}
	p.send(wire.UpAlarm, p.batch(wire.UpAlarm, 1, 6, clearing(ms, "RES_LOW"))) // too early
	r.waitAck(p.link, func(c wire.Cursors) bool { return c.Rewind && c.Alarm != nil && c.Alarm.Seq == 3 && c.Main == nil })
	p.send(wire.UpAlarm, p.batch(wire.UpAlarm, 1, 3, raise(ms, "VENDOR_77"), clearing(ms, "RES_LOW"), gap(ms, 9, 0), raise(ms, "RES_LOW"))) // overlaps
	if c := p.cursor(wire.AlarmLane); c != (wire.Position{Epoch: 1, Seq: 10}) {
		t.Fatalf("cursor %v, want 1/10", c)
	}
	if got := p.alarms(); len(got) != 4 || got["VENDOR_77"].Count != 1 || got["RES_LOW"].Count != 1 {
		t.Fatalf("alarms %+v", got)
	}
	// What the pump could not keep may have been any alarm.
	if u := p.alarms()["ALARM_UNREAD"]; u.Source != alarm.SourceServer || u.Detail["what"] != "records 5 to 9 of journal epoch 1" {
		t.Errorf("of what is lost: %+v", u)
	}
	gaps, err := r.svc.GapsOf(context.Background(), p.id, Mark{}, 0)
	if err != nil || len(gaps) != 1 || gaps[0].Lane != wire.AlarmLane || gaps[0].First != 5 || gaps[0].Last != 9 || gaps[0].UntilAt.IsZero() {
		t.Errorf("gaps %+v %v", gaps, err)
	}
	// The signed message is kept with the record.
	if n := one[int](r, `SELECT count(*) FROM audit_evidence WHERE body = $1`, first); n != 1 {
		t.Error("the signed alarm message is not among the evidence")
	}
	// The main lane does not know of any of it.
	if c := p.cursor(wire.MainLane); c.Seq != 0 {
		t.Errorf("the main cursor moved to %v", c)
	}
}

// TestAlarmWithImpossibleClock: the alarm is taken, its time is not.
func TestAlarmWithImpossibleClock(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	p.send(wire.UpAlarm, p.batch(wire.UpAlarm, 1, 1, raise(0, "RES_EMPTY"), raise(1<<61, "EOS")))
	got := p.alarms()
	if len(got) != 2 || !got["RES_EMPTY"].DeviceAt.IsZero() || !got["EOS"].DeviceAt.IsZero() {
		t.Fatalf("alarms %+v", got)
	}
	if got := p.refusals(); !sameCodes(got, []string{CodeTime, CodeTime}) {
		t.Errorf("refused %v, want two remarks about the clock", got)
	}
	if c := p.cursor(wire.AlarmLane); c.Seq != 2 {
		t.Errorf("cursor %v, want 2", c)
	}
}

// TestAlarmsPassABacklog: with the main lane stuck, an alarm still arrives.
func TestAlarmsPassABacklog(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	p.tele(1, 1, 1)
	tx := r.db.MustBegin()
	tx.MustExec(`LOCK TABLE telemetry_samples IN ACCESS EXCLUSIVE MODE`)
	stuck := p.deliver(wire.UpTele, p.batch(wire.UpTele, 1, 2, p.samples(2, 100)...))
	p.send(wire.UpAlarm, p.batch(wire.UpAlarm, 1, 1, raise(time.Now().UnixMilli(), "MOTOR_STALL")))
	if len(p.alarms()) != 1 {
		t.Error("the alarm did not arrive")
	}
	select {
	case err := <-stuck:
		t.Errorf("the backlog was done with %v while the table was locked", err)
	default:
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(stuck); err != nil {
		t.Error(err)
	}
	p.hasExactly(1, 1, 101)
}

// TestAlarmFloodTakesTurns: a pump that sends five hundred alarm records at once
// does not keep another's alarm waiting for all of them.
func TestAlarmFloodTakesTurns(t *testing.T) {
	r := newRig(t)
	p, q := r.pump(), r.pump()
	l := newAlarmLane(r.svc)
	records := func(n int) (out []wire.Record) {
		for range n {
			out = append(out, raise(time.Now().UnixMilli(), "RES_LOW"))
		}
		return out
	}
	add := func(p *pump, first uint64, n int) {
		ref, _ := r.svc.Directory.ByLink(p.link)
		b := wire.Batch{Epoch: 1, First: first, Records: records(n)}
		for i := range b.Records {
			b.Records[i].Seq = first + uint64(i)
		}
		l.add(&message{pump: ref.ID, site: ref.Site, wire: ref.Wire, link: p.link, batch: b, first: first, last: first + uint64(n) - 1, done: func(error) {}})
	}
	add(p, 1, 500)
	add(q, 1, 1)
	steps := l.take()
	if len(steps) != 2 || steps[0].m.pump != p.id || steps[0].last != maxAlarmsPerPump || steps[0].final || steps[1].m.pump != q.id || !steps[1].final {
		t.Fatalf("first turn: %+v", steps)
	}
	var last uint64 = maxAlarmsPerPump
	for len(l.turn) > 0 {
		for _, s := range l.take() {
			if s.m.pump != p.id || s.first != last+1 {
				t.Fatalf("step %d to %d after %d", s.first, s.last, last)
			}
			last = s.last
		}
	}
	if last != 500 {
		t.Errorf("took %d records, want 500", last)
	}
}

// TestLongAlarmMessage: one message of many records is done once, at its end.
func TestLongAlarmMessage(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	var records []wire.Record
	ms := time.Now().UnixMilli()
	for i := range 70 {
		a := raise(ms, "RES_LOW")
		a.Raise.Instance = string(rune('a' + i%26))
		records = append(records, a)
	}
	records = append(records, gap(ms, 99, 0), clearing(ms, "RES_LOW"))
	fate := p.deliver(wire.UpAlarm, p.batch(wire.UpAlarm, 1, 1, records...))
	if err := p.wait(fate); err != nil {
		t.Fatal(err)
	}
	if c := p.cursor(wire.AlarmLane); c.Seq != 100 {
		t.Errorf("cursor %v, want 100", c)
	}
	if n := one[int](r, `SELECT count(*) FROM alarm_alarms WHERE cleared_at IS NULL AND source = 'pump'`); n != 26 {
		t.Errorf("%d alarms, want 26", n)
	}
	select {
	case err := <-fate:
		t.Errorf("done was called twice: %v", err)
	default:
	}
	if n := r.svc.Stats.Waiting.Load(); n != 0 {
		t.Errorf("%d messages wait", n)
	}
}

// TestAlarmPoison: a record that the database does not take is kept among the
// refusals; the alarms around it are raised.
func TestAlarmPoison(t *testing.T) {
	r := newRig(t)
	p, q := r.pump(), r.pump()
	owner := r.owner()
	if _, err := owner.Exec(`ALTER TABLE alarm_alarms ADD CONSTRAINT poison CHECK (code <> 'POISON')`); err != nil {
		t.Fatal(err)
	}
	r.run()
	ms := time.Now().UnixMilli()
	tx := r.db.MustBegin() // so that both wait and come into one transaction
	tx.MustExec(`LOCK TABLE telemetry_cursors IN ACCESS EXCLUSIVE MODE`)
	a := p.deliver(wire.UpAlarm, p.batch(wire.UpAlarm, 1, 1, raise(ms, "RES_LOW"), raise(ms, "POISON"), raise(ms, "EOS")))
	b := q.deliver(wire.UpAlarm, q.batch(wire.UpAlarm, 1, 1, raise(ms, "RES_LOW")))
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	for _, f := range []<-chan error{a, b} {
		if err := p.wait(f); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.alarms(); len(got) != 3 || got["ALARM_UNREAD"].Count != 1 || len(q.alarms()) != 1 {
		t.Errorf("alarms %v and %v", p.alarms(), q.alarms())
	}
	if c := p.cursor(wire.AlarmLane); c.Seq != 3 {
		t.Errorf("cursor %v, want 3", c)
	}
	if got := p.refusals(); !sameCodes(got, []string{CodeMalformed}) {
		t.Errorf("refused %v", got)
	}
}

// TestUnreadableAlarm: what a pump signed for the alarm lane and nobody here can read
// is an alarm of its own, a high one: people hear of it, those around it are raised, and
// who has looked ends it. A message that cannot be read at all, or whose journal epoch
// jumped, is as much of one.
func TestUnreadableAlarm(t *testing.T) {
	r := newRig(t)
	p, q, s := r.pump(), r.pump(), r.pump()
	r.run()
	ms := time.Now().UnixMilli()
	payload := wire.AppendBatch(nil, &wire.Batch{Pump: p.pub.PumpID(), Epoch: 1, First: 1, Records: []wire.Record{
		raise(ms, "RES_LOW"), raise(ms, "RES_EMPTY"), raise(ms, "EOS"),
	}})
	kind := []byte{0x84, byte(wire.RecordRaise), 0x1b}
	at := bytes.Index(payload, kind) + 1
	at += bytes.Index(payload[at:], kind) + 1
	if payload[at] != byte(wire.RecordRaise) {
		t.Fatal("the encoding changed")
	}
	payload[at] = 0x17 // a kind of record that a later version may have
	for range 2 {      // sent again, it is the same one
		p.send(wire.UpAlarm, p.seal(wire.UpAlarm, payload))
	}
	got := p.alarms()
	u := got["ALARM_UNREAD"]
	if len(got) != 3 || got["RES_LOW"].Count != 1 || got["EOS"].Count != 1 || u.Count != 1 || u.Priority != wire.PriorityHigh || u.Source != alarm.SourceServer || u.State != alarm.Active {
		t.Fatalf("alarms %+v", got)
	}
	if u.Detail["what"] != "record 2 of journal epoch 1" || u.Detail["code"] != CodeKind {
		t.Errorf("it says %v", u.Detail)
	}
	if c := p.cursor(wire.AlarmLane); c.Seq != 3 {
		t.Errorf("cursor %v, want 3", c)
	}

	whole := wire.AppendBatch(nil, &wire.Batch{Pump: q.pub.PumpID(), Epoch: 1, First: 1, Records: []wire.Record{raise(ms, "RES_EMPTY")}})
	q.send(wire.UpAlarm, q.seal(wire.UpAlarm, append(whole, 0))) // something follows that is no part of it
	if u := q.alarms()["ALARM_UNREAD"]; u.Detail["what"] != "message" || u.Detail["code"] != CodeMalformed {
		t.Errorf("a message that cannot be read: %+v", q.alarms())
	}
	s.send(wire.UpAlarm, s.batch(wire.UpAlarm, 40, 1, raise(ms, "RES_EMPTY")))
	if u := s.alarms()["ALARM_UNREAD"]; u.Detail["what"] != "message" || u.Detail["code"] != CodeEpoch {
		t.Errorf("a journal epoch that jumped: %+v", s.alarms())
	}
	// Telemetry that cannot be read, and what nobody signed, raise nothing.
	x := r.pump()
	whole = wire.AppendBatch(nil, &wire.Batch{Pump: x.pub.PumpID(), Epoch: 1, First: 1, Records: []wire.Record{raise(ms, "RES_EMPTY")}})
	whole = append(whole, 0)
	x.send(wire.UpTele, x.seal(wire.UpTele, whole))
	x.send(wire.UpAlarm, []byte("noise"))
	x.send(wire.UpAlarm, x.seal(wire.UpTele, whole)) // signed for another lane
	if n := len(x.refusals()); n != 3 {
		t.Errorf("%d refusals, want 3", n)
	}
	if got := x.alarms(); len(got) != 0 {
		t.Errorf("alarms of nothing: %+v", got)
	}
}

// TestAlarmWithoutAnAnswer: the database commits an alarm and the connection
// breaks before it says so. Screens are told to read afresh: at once, and again
// when the pump's next step has proved that the commit is over.
func TestAlarmWithoutAnAnswer(t *testing.T) {
	db := pgtest.NewDeaf(t)
	r := newRigOn(t, db.DB)
	p := r.pump()
	sub := r.alarms.Events().Subscribe(10)
	ref, _ := r.svc.Directory.ByLink(p.link)
	records := []wire.Record{raise(time.Now().UnixMilli(), "MOTOR_STALL")}
	records[0].Seq = 1
	step := alarmStep{m: &message{
		pump: ref.ID, site: ref.Site, wire: ref.Wire, link: p.link, at: time.Now().Truncate(time.Millisecond),
		batch: wire.Batch{Epoch: 1, First: 1, Records: records}, first: 1, last: 1, done: func(error) {},
	}, first: 1, last: 1, final: true}
	db.Arm()
	if _, err := r.svc.storeAlarms([]alarmStep{step}); err == nil {
		t.Fatal("the answer was not lost")
	}
	if _, missed := sub.Take(); !missed || len(p.alarms()) != 1 {
		t.Errorf("%d alarms; told to read afresh: %v", len(p.alarms()), missed)
	}
	l := r.svc.alarms
	r.svc.Stats.Waiting.Add(1)
	if !l.commit([]alarmStep{step}, time.Now()) {
		t.Fatal("the pump's next try failed")
	}
	if _, missed := sub.Take(); !missed {
		t.Error("nobody was told once the commit was over")
	}
	r.svc.Stats.Waiting.Add(1)
	l.commit([]alarmStep{step}, time.Now())
	if _, missed := sub.Take(); missed {
		t.Error("told again although nothing was in doubt")
	}
}

// TestRepeatedClear: a pump that says anew what does not stand ends what is open, and
// leaves no trace of what is not.
func TestRepeatedClear(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	ms := time.Now().UnixMilli()
	again := func(code string) wire.Record {
		c := clearing(ms, code)
		c.Clear.Detail = map[string]string{wire.Repeated: "server_lost"}
		return c
	}
	p.send(wire.UpAlarm, p.batch(wire.UpAlarm, 1, 1, raise(ms, "RES_LOW"), raise(ms, "MOTOR_STALL")))
	lost := gap(ms, 9, 0)
	lost.Gap.Reason = "discarded"
	p.send(wire.UpAlarm, p.batch(wire.UpAlarm, 1, 3, lost, raise(ms, "MOTOR_STALL"), again("RES_LOW"), again("EOS")))
	if got := p.alarms(); len(got) != 1 || got["MOTOR_STALL"].Count != 2 {
		t.Errorf("alarms %+v", got)
	}
	if n := one[int](r, `SELECT count(*) FROM alarm_alarms WHERE code = 'RES_LOW' AND cleared_at IS NOT NULL`); n != 1 {
		t.Errorf("RES_LOW was cleared %d times", n)
	}
	if n := one[int](r, `SELECT count(*) FROM alarm_alarms WHERE code = 'EOS'`); n != 0 {
		t.Errorf("%d alarms of a code that never stood", n)
	}
	// The next occurrence is a new alarm, and not one more of the old.
	p.send(wire.UpAlarm, p.batch(wire.UpAlarm, 1, 13, raise(ms, "RES_LOW")))
	if a := p.alarms()["RES_LOW"]; a.Count != 1 {
		t.Errorf("%+v", a)
	}
}
