package telemetry

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/device/wire"
)

// TestEveryRefusal sends what must not be taken and checks that it is not: the
// cursor stays, one refusal with the code is kept with the bytes, the link is
// told, the message is acknowledged for good, and the stream goes on.
func TestEveryRefusal(t *testing.T) {
	r := newRig(t)
	other := r.pump()
	revoked := r.pump()
	r.exec(`UPDATE registry_pumps SET status = 'revoked', rev = rev + 1 WHERE id = $1`, revoked.id)
	stranger := r.pump()
	r.exec(`UPDATE registry_pairings SET to_at = now() WHERE pump_id = $1`, stranger.id)
	r.exec(`DELETE FROM registry_pairings WHERE pump_id = $1`, stranger.id)
	r.exec(`DELETE FROM registry_pumps WHERE id = $1`, stranger.id)
	r.open("boot-1") // a directory that does not know the stranger
	p := r.pump()
	r.run()
	now := time.Now().UnixMilli()
	good := p.batch(wire.UpTele, 1, 1, sample(now, 1))
	flipped := bytes.Clone(good)
	flipped[60] ^= 1 // in a record
	for _, tt := range []struct {
		name    string
		from    *pump
		kind    wire.Kind
		payload []byte
		want    string
	}{
		{"nothing", p, wire.UpTele, nil, CodeMalformed},
		{"garbage", p, wire.UpTele, []byte("garbage"), CodeMalformed},
		{"envelope without a pump", p, wire.UpTele, p.seal(wire.UpTele, []byte{0x80}), CodeMalformed},
		{"signed nonsense", p, wire.UpTele, p.seal(wire.UpTele, wire.AppendBatch(nil, &wire.Batch{Pump: p.pub.PumpID(), Epoch: 1, First: 1})), CodeMalformed},
		{"unknown pump", p, wire.UpTele, stranger.batch(wire.UpTele, 1, 1, sample(now, 1)), CodePump},
		{"another pump's body", p, wire.UpTele, other.batch(wire.UpTele, 1, 1, sample(now, 1)), CodePairing},
		{"revoked", revoked, wire.UpTele, revoked.batch(wire.UpTele, 1, 1, sample(now, 1)), CodeStatus},
		{"one bit", p, wire.UpTele, flipped, CodeSignature},
		{"signed as another kind", p, wire.UpTele, p.seal(wire.UpAlarm, wire.AppendBatch(nil, &wire.Batch{Pump: p.pub.PumpID(), Epoch: 1, First: 1, Records: p.samples(1, 1)})), CodeSignature},
		{"signed by nobody", p, wire.UpTele, append(bytes.Clone(good[:len(good)-64]), make([]byte, 64)...), CodeSignature},
		{"future epoch", p, wire.UpTele, p.batch(wire.UpTele, 40, 1, gap(now, 1, 1)), CodeEpoch},
		{"future epoch of alarms", p, wire.UpAlarm, p.batch(wire.UpAlarm, 40, 1, gap(now, 1, 1)), CodeEpoch},
		{"new epoch without a gap", p, wire.UpTele, p.batch(wire.UpTele, 2, 1, sample(now, 1)), CodeEpoch},
		{"unknown kind of message", p, wire.UpOTA, p.seal(wire.UpOTA, []byte{0xa0}), CodeKind},
		{"too long", p, wire.UpTele, make([]byte, wire.MaxPayload+1), CodeSize},
		{"protocol from the future", p, wire.UpHello, p.hello(func(h *wire.Hello) { h.Min, h.Max = wire.Version+1, wire.Version+3 }), CodeVersion},
		{"hello for another link", p, wire.UpHello, p.hello(func(h *wire.Hello) { h.Link = "COMM-other" }), CodePairing},
		{"hello with a hash of a kilobyte", p, wire.UpHello, p.hello(func(h *wire.Hello) { h.State.ProgramHash = make([]byte, 1024) }), CodeMalformed},
		{"heartbeat in no run state", p, wire.UpHB, p.seal(wire.UpHB, wire.Encode(wire.Heartbeat{Pump: p.pub.PumpID()})), CodeMalformed},
		{"answer without a code", p, wire.UpAck, p.seal(wire.UpAck, wire.Encode(wire.Answer{Pump: p.pub.PumpID()})), CodeMalformed},
		{"will that is none", p, wire.UpBye, []byte{0xff}, CodeMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := one[int](r, `SELECT count(*) FROM telemetry_refusals`)
			tt.from.send(tt.kind, tt.payload)
			if n := one[int](r, `SELECT count(*) FROM telemetry_refusals`); n != before+1 {
				t.Fatalf("%d refusals were kept, want 1", n-before)
			}
			var got struct {
				Code, Link, Kind, Reason string
				Body                     []byte
				Size                     int
			}
			if err := r.db.Get(&got, `SELECT code, link, kind, reason, coalesce(body, '') AS body, size FROM telemetry_refusals ORDER BY id DESC LIMIT 1`); err != nil {
				t.Fatal(err)
			}
			if got.Code != tt.want || got.Link != tt.from.link || got.Kind != tt.kind.String() || got.Size != min(len(tt.payload), wire.MaxPayload) || !bytes.HasPrefix(tt.payload, got.Body) || !strings.HasSuffix(got.Reason, ".") {
				t.Errorf("kept %s of %s by %s, %d of %d bytes: %s; want %s", got.Code, got.Kind, got.Link, len(got.Body), got.Size, got.Reason, tt.want)
			}
			r.waitAck(tt.from.link, func(c wire.Cursors) bool { return c.Refused == tt.want })
		})
	}
	if p.cursor(wire.MainLane).Seq != 0 || other.cursor(wire.MainLane).Seq != 0 || len(p.stored())+len(other.stored())+len(revoked.stored()) != 0 {
		t.Error("something refused was stored")
	}
	p.send(wire.UpTele, good)
	p.hasExactly(1, 1, 1)
	counts, err := r.svc.RefusalCounts(context.Background(), p.id, time.Now().Add(-24*time.Hour))
	if err != nil || counts[CodeSignature] != 3 || counts[CodePump] != 1 {
		t.Errorf("counts %v %v", counts, err)
	}
	// Who may not be who they claim goes on the record.
	if n := one[int](r, `SELECT count(*) FROM audit_leaf WHERE kind = 'link.refuse' AND pump_id = $1`, p.id); n != 4 {
		t.Errorf("%d leaves, want one for each of E_PUMP, E_PAIRING, E_SIGNATURE and E_EPOCH", n)
	}
}

// TestBadRecordsAreRefusedAlone: in a batch whose signature holds, a bad record
// is set aside and the stream goes on past it.
func TestBadRecordsAreRefusedAlone(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	now := time.Now()
	ms := now.UnixMilli()
	odd := sample(ms, 7)
	odd.Sample.BatteryMV = 1 << 40
	negative := sample(ms, 8)
	negative.Sample.RateNLDay = -5
	p.send(wire.UpTele, p.batch(wire.UpTele, 1, 1,
		sample(now.AddDate(10, 0, 0).UnixMilli(), 1), // ten years ahead
		sample(ms, 2),
		sample(now.AddDate(-10, 0, 0).UnixMilli(), 3),
		sample(now.Add(23*time.Hour).UnixMilli(), 4),
		happened(0, "from.1970"),
		sample(now.AddDate(0, 0, -399).UnixMilli(), 6),
		odd, negative,
		sample(ms, 9),
	))
	if got := p.stored(); len(got) != 4 || got[0].Seq != 2 || got[1].Seq != 4 || got[2].Seq != 6 || got[3].Seq != 9 {
		t.Errorf("stored %v, want 2, 4, 6 and 9", got)
	}
	if c := p.cursor(wire.MainLane); c.Seq != 9 {
		t.Errorf("cursor %v, want 9", c)
	}
	if got, want := p.refusals(), []string{CodeTime, CodeTime, CodeTime, CodeMalformed, CodeMalformed}; !sameCodes(got, want) {
		t.Errorf("refused %v, want %v", got, want)
	}

	// Of a kind from the future, and of a kind that lives in the other lane.
	payload := wire.AppendBatch(nil, &wire.Batch{Pump: p.pub.PumpID(), Epoch: 1, First: 10, Records: []wire.Record{
		sample(ms, 10), raise(ms, "RES_LOW"), sample(ms, 12), clearing(ms, "RES_LOW"), sample(ms, 14),
	}})
	at := bytes.LastIndex(payload, append([]byte{0x84, 0x05}, 0x1b)) // the clear's kind
	if at < 0 {
		t.Fatal("the encoding changed")
	}
	payload[at+1] = 0x17 // kind 23
	p.send(wire.UpTele, p.seal(wire.UpTele, payload))
	if c := p.cursor(wire.MainLane); c.Seq != 14 {
		t.Errorf("cursor %v, want 14", c)
	}
	if got := p.stored(); len(got) != 7 {
		t.Errorf("stored %v", got)
	}
	if got := p.refusals(); !sameCodes(got[5:], []string{CodeMalformed, CodeKind}) {
		t.Errorf("refused %v", got[5:])
	}
	list, err := r.svc.RefusalsOf(context.Background(), p.id, Mark{}, 0)
	if err != nil || list[0].Epoch != 1 || list[0].Seq == 0 {
		t.Errorf("the refusal names record %d/%d (%v)", list[0].Epoch, list[0].Seq, err)
	}
	body, err := r.svc.RefusalBody(context.Background(), p.id, list[0].ID)
	if err != nil || len(body) == 0 {
		t.Errorf("body %x %v", body, err)
	}
	// Sent again, nothing changes.
	p.send(wire.UpTele, p.seal(wire.UpTele, payload))
	if got := p.refusals(); len(got) != 7 {
		t.Errorf("refused again: %v", got)
	}
}

func sameCodes(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// TestStrangeTextIsStored: what PostgreSQL cannot keep must not stop a stream.
func TestStrangeTextIsStored(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	now := time.Now().UnixMilli()
	e := happened(now, "x")
	e.Event.Detail = map[string]string{"nul": "a\x00b", "back\\slash": "\t\n\\N", "quote": `"{}',`, "rare": "\u2028 \U0010ffff"}
	g := gap(now, 2, 0)
	g.Gap.Reason = "\x00"
	p.send(wire.UpEvent, p.batch(wire.UpEvent, 1, 1, e, g, happened(now, "y")))
	events, err := r.svc.EventsOf(context.Background(), p.id, Codes{}, Mark{}, 0)
	if err != nil || len(events) != 2 || events[1].Detail["nul"] != "a\uFFFDb" || events[1].Detail["back\\slash"] != "\t\n\\N" || events[1].Detail["quote"] != `"{}',` {
		t.Errorf("events %+v %v", events, err)
	}
	if got := p.refusals(); got != nil {
		t.Errorf("refused %v", got)
	}
}

// TestFlood: a flood of bad messages costs a bounded number of rows and does not
// hold up the others.
func TestFlood(t *testing.T) {
	r := newRig(t)
	p, q := r.pump(), r.pump()
	r.run()
	const flood = 300
	at := time.Now().Truncate(time.Hour).Add(time.Minute)
	fates := make([]<-chan error, flood)
	big := bytes.Repeat([]byte{0xff}, 5000)
	for i := range fates {
		fates[i] = p.deliverAt(wire.UpTele, big, at)
	}
	q.tele(1, 1, 3)
	for _, f := range fates {
		if err := p.wait(f); err != nil {
			t.Fatal(err)
		}
	}
	q.hasExactly(1, 1, 3)
	codes := p.refusals()
	if len(codes) != keepRows+1 || codes[len(codes)-1] != CodeRate && !slices.Contains(codes, CodeRate) {
		t.Fatalf("%d refusals kept, want %d and a summary", len(codes), keepRows)
	}
	if n := one[int64](r, `SELECT n FROM telemetry_refusals WHERE code = $1 AND pump_id = $2`, CodeRate, p.id); n != flood-keepRows {
		t.Errorf("the summary stands for %d messages, want %d", n, flood-keepRows)
	}
	counts, err := r.svc.RefusalCounts(context.Background(), p.id, at)
	if err != nil || counts[CodeMalformed] != flood {
		t.Errorf("counted %v %v, want %d", counts, err, flood)
	}
	if n := one[int](r, `SELECT count(*) FROM telemetry_refusals WHERE length(body) = 5000`); n != keepWhole {
		t.Errorf("%d messages were kept whole, want %d", n, keepWhole)
	}
	if n := one[int](r, `SELECT count(*) FROM audit_leaf WHERE kind = 'link.flood'`); n != 1 {
		t.Errorf("%d leaves about the flood, want 1", n)
	}
	r.waitAck(p.link, func(c wire.Cursors) bool { return c.Refused == CodeRate })
}

// TestStoppedServiceTakesNothing: what comes after the end is not acknowledged.
func TestStoppedServiceTakesNothing(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	p.tele(1, 1, 1)
	r.stop()
	for _, k := range []wire.Kind{wire.UpTele, wire.UpAlarm, wire.UpHello, wire.UpHB, wire.UpBye} {
		if err := p.wait(p.deliver(k, p.batch(k, 1, 2, sample(0, 0)))); err == nil {
			t.Errorf("%v was taken", k)
		}
	}
	p.hasExactly(1, 1, 1)
}

func (p *pump) hello(change func(*wire.Hello)) []byte {
	h := wire.Hello{
		Pump: p.pub.PumpID(), Link: p.link, Session: [16]byte{byte(p.conn)}, Min: 1, Max: 1, Serial: "SN", Model: "M", Firmware: "1.0.0", FirmwareComm: "2.0.0",
		Boot: [16]byte{1}, Wall: p.r.now().UnixMilli(), Mono: 1000, Main: wire.Position{Epoch: 1, Seq: 5}, Alarm: wire.Position{Epoch: 1, Seq: 1},
		State: wire.State{Run: wire.Infusing, StateHash: []byte{1}, ProgramHash: []byte{2}, Profile: []byte{3}, Library: []byte{4}, Keyset: 7, Checkpoint: wire.Checkpoint{Size: 10, Root: []byte{5}}},
	}
	change(&h)
	return p.seal(wire.UpHello, wire.Encode(h))
}

// TestTroubleOfTheDatabaseLosesNothing: the server's account may not write for a
// while. That says nothing about the records: none is refused, and each is stored
// once it may again.
func TestTroubleOfTheDatabaseLosesNothing(t *testing.T) {
	r := newRig(t)
	p, q := r.pump(), r.pump()
	r.run()
	p.tele(1, 1, 2)
	owner := r.owner()
	alter := func(s string) {
		t.Helper()
		if _, err := owner.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	alter(`REVOKE INSERT ON telemetry_samples FROM cisterna_app`)
	alter(`REVOKE INSERT ON alarm_alarms FROM cisterna_app`)
	tele := p.batch(wire.UpTele, 1, 3, p.samples(3, 3)...)
	alarms := p.batch(wire.UpAlarm, 1, 1, raise(time.Now().UnixMilli(), "RES_LOW"), raise(time.Now().UnixMilli(), "MOTOR_STALL"))
	fates := []<-chan error{p.deliver(wire.UpTele, tele), q.deliver(wire.UpTele, q.batch(wire.UpTele, 1, 1, q.samples(1, 1)...)), p.deliver(wire.UpAlarm, alarms)}
	for i, f := range fates {
		if err := p.wait(f); err == nil {
			t.Errorf("message %d was acknowledged", i)
		}
		select {
		case err := <-f:
			t.Errorf("message %d was answered twice, now with %v", i, err)
		default:
		}
	}
	p.hasExactly(1, 1, 2)
	if c := p.cursor(wire.AlarmLane); c.Seq != 0 || len(p.refusals()) != 0 || len(q.refusals()) != 0 {
		t.Errorf("the alarms' cursor is at %v, refused %v and %v", c, p.refusals(), q.refusals())
	}
	alter(`GRANT INSERT ON telemetry_samples TO cisterna_app`)
	alter(`GRANT INSERT ON alarm_alarms TO cisterna_app`)
	p.send(wire.UpTele, tele)
	q.tele(1, 1, 1)
	p.send(wire.UpAlarm, alarms)
	p.hasExactly(1, 1, 5)
	q.hasExactly(1, 1, 1)
	if len(p.alarms()) != 2 {
		t.Errorf("alarms %v", p.alarms())
	}
}
