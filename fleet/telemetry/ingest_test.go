package telemetry

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cisterna/device/wire"
)

func TestFollow(t *testing.T) {
	cur := wire.Position{Epoch: 3, Seq: 10}
	for _, tt := range []struct {
		name               string
		epoch, first, last uint64
		gap                bool
		from               uint64
		want               verdict
	}{
		{"next", 3, 11, 20, false, 11, accept},
		{"overlap", 3, 5, 12, false, 11, accept},
		{"all behind", 3, 1, 10, false, 0, behind},
		{"hole", 3, 12, 13, false, 0, ahead},
		{"older epoch", 2, 11, 12, false, 0, behind},
		{"new epoch with a gap", 4, 1, 5, true, 1, accept},
		{"new epoch at the limit", 19, 1, 5, true, 1, accept},
		{"new epoch over the limit", 20, 1, 5, true, 0, jumped},
		{"new epoch without a gap", 4, 1, 5, false, 0, jumped},
		{"new epoch in the middle", 4, 2, 5, true, 0, ahead},
	} {
		if from, v := follow(cur, tt.epoch, tt.first, tt.last, tt.gap); v != tt.want || from != tt.from {
			t.Errorf("%s: from %d, verdict %d; want %d, %d", tt.name, from, v, tt.from, tt.want)
		}
	}
}

func TestIngestExactlyOnce(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	p.tele(1, 1, 5)
	p.tele(1, 1, 5) // again
	p.tele(1, 4, 4) // overlaps
	p.tele(1, 9, 2) // too early
	p.hasExactly(1, 1, 7)
	c := r.waitAck(p.link, func(c wire.Cursors) bool { return c.Rewind })
	if c.Main == nil || *c.Main != (wire.Position{Epoch: 1, Seq: 7}) {
		t.Errorf("told to rewind to %v, want 1/7", c.Main)
	}
	p.tele(1, 8, 3)
	p.hasExactly(1, 1, 10)
	r.waitAck(p.link, func(c wire.Cursors) bool { return c.Main != nil && c.Main.Seq == 10 && !c.Rewind })
	r.eventually("what came too early is seen", func() bool { return slices.Equal(p.refusals(), []string{CodeSeq}) })
	if n := r.svc.Stats.Waiting.Load(); n != 0 {
		t.Errorf("%d messages wait after all were done", n)
	}
}

// TestIngestAnyOrder delivers overlapping pieces of a stream in random order,
// often twice and many at once, until the cursor is at the end.
func TestIngestAnyOrder(t *testing.T) {
	r := newRig(t)
	r.run()
	for round := range 20 {
		rnd := rand.New(rand.NewPCG(uint64(round), 1))
		p := r.pump()
		const last = 60
		all := p.samples(1, last)
		for p.cursor(wire.MainLane).Seq < last {
			var fates []<-chan error
			for range 1 + rnd.IntN(8) {
				first := 1 + rnd.Uint64N(last)
				n := 1 + rnd.Uint64N(min(15, last-first+1))
				fates = append(fates, p.deliver(wire.UpTele, p.batch(wire.UpTele, 1, first, all[first-1:first-1+n]...)))
			}
			for _, f := range fates {
				if err := p.wait(f); err != nil {
					t.Fatal(err)
				}
			}
		}
		p.hasExactly(1, 1, last)
	}
}

func TestIngestValues(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	at := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	want := wire.Sample{Run: wire.Bolus, RateNLDay: 1, DeliveredNL: 2, ReservoirNL: 3, SensedNL: 4, BatteryMV: 5, TemperatureM: -6, PressurePa: -7, PTMGiven: 8, PTMDenied: 9, Flags: 3}
	p.send(wire.UpTele, p.batch(wire.UpTele, 1, 1, wire.Record{Kind: wire.RecordSample, Wall: at.UnixMilli(), Mono: 77, Sample: want}))
	var got struct {
		Epoch, Seq, Mono                                                          int64
		Device, Received                                                          time.Time
		Rate, Delivered, Reservoir, Sensed, Flags, MV, MC, PA, Given, Denied, Run int64
	}
	if err := r.db.Get(&got, `SELECT epoch, seq, mono_ms AS mono, device_at AS device, received_at AS received, rate_nl_day AS rate, delivered_nl AS delivered,
    reservoir_nl AS reservoir, sensed_nl AS sensed, flags, battery_mv AS mv, temperature_mc AS mc, pressure_pa AS pa, ptm_given AS given, ptm_denied AS denied, run
    FROM telemetry_samples WHERE pump_id = $1`, p.id); err != nil {
		t.Fatal(err)
	}
	if got.Epoch != 1 || got.Seq != 1 || got.Mono != 77 || !got.Device.Equal(at) || time.Since(got.Received) > time.Minute ||
		got.Rate != 1 || got.Delivered != 2 || got.Reservoir != 3 || got.Sensed != 4 || got.MV != 5 || got.MC != -6 || got.PA != -7 || got.Given != 8 || got.Denied != 9 || got.Flags != 3 || got.Run != 4 {
		t.Errorf("stored %+v", got)
	}
	v, ok, err := r.svc.Latest(context.Background(), p.id)
	if err != nil || !ok || v.Sample != want || !v.DeviceAt.Equal(at) {
		t.Errorf("latest %+v %v %v", v, ok, err)
	}
}

func TestAppendTime(t *testing.T) {
	for _, at := range []time.Time{
		time.UnixMilli(0), time.UnixMilli(-1), time.UnixMilli(1_700_000_000_123), time.Date(2024, 2, 29, 23, 59, 59, 999e6, time.UTC),
		time.Date(2000, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(1900, 2, 28, 1, 2, 3, 4e6, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC),
	} {
		if got, want := string(appendTime(nil, at.UnixMilli())), at.UTC().Format("2006-01-02 15:04:05.000")+"+0"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for d := int64(-800_000); d < 800_000; d += 37 {
		at := time.UnixMilli(d * 86_400_000)
		if got, want := string(appendTime(nil, at.UnixMilli())), at.UTC().Format("2006-01-02 15:04:05.000")+"+0"; at.Year() >= 1 && at.Year() <= 9999 && got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

func TestGaps(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	base := time.Now().Add(-time.Hour).Truncate(time.Second).UnixMilli()
	at := func(n int64) int64 { return base + 1000*n }
	p.send(wire.UpTele, p.batch(wire.UpTele, 1, 1, sample(at(1), 1), gap(at(9), 8, 0))) // 2 … 8
	p.send(wire.UpTele, p.batch(wire.UpTele, 1, 1, gap(at(9), 10, 0)))                  // the pump lost more: 9 … 10 are new
	if c := p.cursor(wire.MainLane); c.Seq != 10 {
		t.Fatalf("cursor %v, want 10", c)
	}
	gaps, err := r.svc.GapsOf(context.Background(), p.id, Mark{}, 0)
	if err != nil || len(gaps) != 2 || !gaps[0].UntilAt.IsZero() {
		t.Fatalf("gaps %+v %v", gaps, err)
	}
	p.send(wire.UpEvent, p.batch(wire.UpEvent, 1, 11, happened(at(20), "ptm.given"), sample(at(21), 21), gap(at(22), 14, 0), sample(at(30), 30)))
	gaps, _ = r.svc.GapsOf(context.Background(), p.id, Mark{}, 0)
	type g struct{ first, last uint64 }
	var got []g
	for _, x := range slices.Backward(gaps) {
		got = append(got, g{x.First, x.Last})
		if x.UntilAt.IsZero() || x.FromAt.IsZero() || x.Lane != wire.MainLane || x.Reason != "overflow" {
			t.Errorf("gap %+v", x)
		}
	}
	if !slices.Equal(got, []g{{2, 8}, {9, 10}, {13, 14}}) {
		t.Fatalf("gaps %v", got)
	}
	if last := gaps[0]; last.FromAt.UnixMilli() != at(21) || last.UntilAt.UnixMilli() != at(30) {
		t.Errorf("the last gap spans %v to %v", last.FromAt, last.UntilAt)
	}
	if first := gaps[2]; first.FromAt.UnixMilli() != at(1) || first.UntilAt.UnixMilli() != at(20) {
		t.Errorf("the first gap spans %v to %v", first.FromAt, first.UntilAt)
	}
	events, err := r.svc.EventsOf(context.Background(), p.id, Codes{}, Mark{}, 0)
	if err != nil || len(events) != 1 || events[0].Code != "ptm.given" || events[0].Seq != 11 || events[0].Detail["volume_nl"] != "12000" {
		t.Errorf("events %+v %v", events, err)
	}
}

func TestEpochs(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	now := time.Now().UnixMilli()
	p.tele(1, 1, 3)
	// A new journal starts with a gap record at 1.
	p.tele(2, 1, 2)
	if got := p.refusals(); !slices.Equal(got, []string{CodeEpoch}) {
		t.Fatalf("a new epoch without a gap: refused %v", got)
	}
	p.send(wire.UpTele, p.batch(wire.UpTele, 2, 2, sample(now, 2)))
	r.waitAck(p.link, func(c wire.Cursors) bool { return c.Rewind && c.Main.Epoch == 1 && c.Main.Seq == 3 })
	p.send(wire.UpTele, p.batch(wire.UpTele, 2, 1, gap(now, 1, 1), sample(now, 2)))
	if c := p.cursor(wire.MainLane); c != (wire.Position{Epoch: 2, Seq: 2}) {
		t.Fatalf("cursor %v, want 2/2", c)
	}
	p.tele(1, 4, 2) // the old journal is over
	if c := p.cursor(wire.MainLane); c != (wire.Position{Epoch: 2, Seq: 2}) {
		t.Fatalf("cursor %v, want 2/2", c)
	}
	p.send(wire.UpTele, p.batch(wire.UpTele, 19, 1, gap(now, 1, 1)))
	r.eventually("an epoch from the future is refused", func() bool { return slices.Equal(p.refusals(), []string{CodeEpoch, CodeSeq, CodeEpoch}) })
	p.send(wire.UpTele, p.batch(wire.UpTele, 18, 1, gap(now, 1, 2)))
	if c := p.cursor(wire.MainLane); c != (wire.Position{Epoch: 18, Seq: 1}) {
		t.Fatalf("cursor %v, want 18/1", c)
	}
	gaps, _ := r.svc.GapsOf(context.Background(), p.id, Mark{}, 0)
	if len(gaps) != 2 || gaps[0].LostEpoch != 2 || gaps[1].LostEpoch != 1 {
		t.Errorf("gaps %+v", gaps)
	}
}

func TestBacklogIsNotTheLatest(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	now := time.Now().Truncate(time.Millisecond)
	p.send(wire.UpHB, p.heartbeat(now, 99))
	r.eventually("the heartbeat's sample", func() bool {
		v, ok, _ := r.svc.Latest(context.Background(), p.id)
		return ok && v.DeliveredNL == 99_000
	})
	p.tele(1, 1, 5) // an hour old
	if v, _, _ := r.svc.Latest(context.Background(), p.id); v.DeliveredNL != 99_000 {
		t.Errorf("a record from the backlog became the latest: %+v", v)
	}
	p.send(wire.UpTele, p.batch(wire.UpTele, 1, 6, sample(time.Now().UnixMilli(), 100)))
	if v, _, _ := r.svc.Latest(context.Background(), p.id); v.DeliveredNL != 100_000 {
		t.Errorf("a new record did not become the latest: %+v", v)
	}
}

func (p *pump) heartbeat(wall time.Time, n int64) []byte {
	s := sample(wall.UnixMilli(), n)
	return p.seal(wire.UpHB, wire.Encode(wire.Heartbeat{
		Pump: p.pub.PumpID(), Wall: wall.UnixMilli(), Mono: uint64(n), State: wire.State{Run: wire.Infusing, ProgramHash: []byte{1}}, Sample: wire.NewHeartbeatSample(s.Sample), CommMV: 3900,
	}))
}

// TestSignaturesCannotBeSwitchedOff: only a transport that is for measurements
// on loopback may leave them out.
func TestSignaturesCannotBeSwitchedOff(t *testing.T) {
	r := newRig(t)
	o := r.svc.Options
	o.Unsigned = true
	if _, err := New(o); err == nil {
		t.Error("a service that believes everybody was made for a real transport")
	}
	o.Unsigned, o.DB = false, nil
	if _, err := New(o); err == nil {
		t.Error("a service without a database was made")
	}
}

// TestLatestAfterAClockAhead: the server's clock ran a day ahead and is set right. What
// pumps say from then on is the latest, and not what was stored in the future.
func TestLatestAfterAClockAhead(t *testing.T) {
	r := newRig(t)
	p, q := r.pump(), r.pump()
	now := time.Now().Truncate(time.Second)
	r.set(now.AddDate(0, 0, 1))
	r.run()
	rate := func(p *pump) int64 {
		return one[int64](r, `SELECT rate_nl_day FROM telemetry_latest WHERE pump_id = $1`, p.id) - 400_000
	}
	p.send(wire.UpTele, p.batch(wire.UpTele, 1, 1, sample(now.UnixMilli(), 1)))
	q.send(wire.UpHB, q.heartbeat(now, 1))
	r.eventually("the heartbeat of the future", func() bool {
		return one[int](r, `SELECT count(*) FROM telemetry_latest WHERE pump_id = $1`, q.id) == 1
	})
	r.set(now)
	p.send(wire.UpTele, p.batch(wire.UpTele, 1, 2, sample(now.UnixMilli(), 2)))
	if got := rate(p); got != 2 {
		t.Errorf("the latest sample is number %d", got)
	}
	q.send(wire.UpHB, q.heartbeat(now, 2))
	r.eventually("the heartbeat of today", func() bool { return rate(q) == 2 })
}

// TestClockBehind: the server starts with a clock that is days behind what it has
// stored. Records of pumps whose clock is right go back to them and are not refused;
// once it is set right they are stored.
func TestClockBehind(t *testing.T) {
	r := newRig(t)
	p, wrong := r.pump(), r.pump()
	now := time.Now().Truncate(time.Second)
	r.set(now)
	r.run()
	p.tele(1, 1, 2)
	wrong.send(wire.UpTele, wrong.batch(wire.UpTele, 1, 1, sample(now.AddDate(0, 0, 3).UnixMilli(), 1))) // it is the pump's
	if got := wrong.refusals(); !sameCodes(got, []string{CodeTime}) {
		t.Fatalf("refused %v", got)
	}
	r.stop()
	r.set(now.AddDate(0, 0, -3))
	r.open("boot-2")
	r.run()
	next := p.batch(wire.UpTele, 1, 3, sample(now.UnixMilli(), 3))
	if err := p.wait(p.deliver(wire.UpTele, next)); err == nil {
		t.Error("acknowledged by a server that does not know what day it is")
	}
	p.hasExactly(1, 1, 2)
	r.set(now)
	p.send(wire.UpTele, next)
	p.hasExactly(1, 1, 3)
	if got := p.refusals(); len(got) != 0 {
		t.Errorf("refused %v", got)
	}
}
