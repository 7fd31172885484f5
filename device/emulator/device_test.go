package emulator

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cisterna/device/emulator/disk"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// run starts one pump against a ground and hands both to a test, in a bubble of
// fake time.
func run(t *testing.T, change func(*Options), test func(t *testing.T, g *ground, f *Fleet, d *Device)) {
	synctest.Test(t, func(t *testing.T) {
		g := newGround(t)
		o := groundOptions(g, disk.NewMemory(1))
		if change != nil {
			change(&o)
		}
		f := openFleet(t, o)
		d := adopt(t, f, newTrust(t, time.Now()), "S-1", profile.Sample("meander-p20"))
		g.know(d)
		test(t, g, f, d)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
}

func start(t *testing.T, f *Fleet) {
	t.Helper()
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// pass lets time pass and everything that follows from it happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestPumpComesOnLine(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		start(t, f)
		pass(time.Second)
		all := g.of()
		if len(all) < 2 || all[0].kind != wire.UpHello || !all[0].good {
			t.Fatalf("heard %v", all)
		}
		pass(2 * time.Hour)
		recs := g.records(d, wire.MainLane, 1)
		samples := 0
		for _, r := range recs {
			if r.Kind == wire.RecordSample {
				samples++
			}
		}
		if want := int(2 * time.Hour / time.Second / time.Duration(d.machine().Profile().SampleEach)); samples < want-1 || samples > want+1 {
			t.Errorf("%d samples in two hours, want about %d", samples, want)
		}
		if beats := len(g.of(wire.UpHB)); beats < 230 || beats > 245 {
			t.Errorf("%d heartbeats in two hours", beats)
		}
		s := d.Status()
		if s.Main.Cursor != s.Main.Last || uint64(len(recs)) != s.Main.Last || !s.Connected || s.Run != "infusing" {
			t.Errorf("%+v", s)
		}
		if st := f.Stats(); st.Resent != 0 || st.Refused != 0 || st.Connects != 1 {
			t.Errorf("%+v", st)
		}
	})
}

func TestBacklogComesInOrderAndAlarmsFirst(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		if err := d.SeedHistory(40); err != nil {
			t.Fatal(err)
		}
		g.set(func() { g.holdPuback = true })
		start(t, f)
		mustInject(t, d, "memory-critical", Fault{})
		pass(time.Second)
		// Nothing but hello and alarms leaves before hello is acknowledged.
		for i, h := range g.of() {
			if i == 0 != (h.kind == wire.UpHello) || i > 0 && h.kind != wire.UpAlarm {
				t.Fatalf("message %d is %s", i, h.kind)
			}
		}
		if len(g.of(wire.UpAlarm)) == 0 {
			t.Fatal("no alarm was sent")
		}
		g.release()
		g.set(func() { g.holdPuback = true })
		pass(time.Second)
		g.mu.Lock()
		most := g.mostFlying
		g.mu.Unlock()
		if most != wire.MaxInFlight {
			t.Errorf("%d telemetry messages in flight, want %d", most, wire.MaxInFlight)
		}
		for g.cursor(d, wire.MainLane).Seq < d.Status().Main.Last {
			g.release()
			g.set(func() { g.holdPuback = true })
			pass(time.Second)
			if g.mostFlying > wire.MaxInFlight {
				t.Fatalf("%d telemetry messages in flight", g.mostFlying)
			}
		}
		for _, h := range g.of(wire.UpTele) {
			if !h.good || len(h.payload) > 48<<10 || h.last-h.first >= 500 {
				t.Errorf("batch %d to %d of %d bytes, accepted %v", h.first, h.last, len(h.payload), h.good)
			}
		}
		if n := len(g.records(d, wire.MainLane, 1)); n < 40*24*6 {
			t.Errorf("%d records of 40 days", n)
		}
		if n := g.of(wire.UpTele); len(n) > 100 {
			t.Errorf("%d messages for 40 days", len(n))
		}
	})
}

func TestRewind(t *testing.T) {
	run(t, func(o *Options) { o.Batch = 10 }, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		if err := d.SeedHistory(3); err != nil {
			t.Fatal(err)
		}
		start(t, f)
		pass(time.Minute)
		caught := g.cursor(d, wire.MainLane)
		if caught.Seq == 0 || caught.Seq != d.Status().Main.Last {
			t.Fatalf("cursor %v of %v", caught, d.Status().Main)
		}
		// The server lost its newest transactions: it asks for what the pump has
		// dropped, and gets a gap record for it, once.
		k := lanePos{d.id, wire.MainLane}
		g.set(func() {
			g.cursors[k] = wire.Position{Epoch: 1, Seq: 300}
			for seq := range g.stored[k] {
				if seq&(1<<40-1) > 300 {
					delete(g.stored[k], seq)
				}
			}
		})
		before := len(g.of(wire.UpTele, wire.UpEvent))
		pass(time.Hour)
		recs := g.records(d, wire.MainLane, 1)
		gap := recs[300]
		if gap.Kind != wire.RecordGap || gap.Seq != 301 || gap.Gap.Through != caught.Seq {
			t.Fatalf("after 300 comes %+v", gap)
		}
		if s := d.Status().Main; s.Cursor != s.Last || recs[len(recs)-1].Seq != s.Last {
			t.Errorf("%+v", s)
		}
		if n := len(g.of(wire.UpTele, wire.UpEvent)) - before; n > 20 {
			t.Errorf("%d messages until it was settled", n)
		}
	})
}

// TestServerThatLostAlarms: a server that lost what it had committed, as after a backup
// was restored, gets a gap for the alarms that are gone and hears again of every one
// that stands, though nothing new happened; of those that are over, it does not.
func TestServerThatLostAlarms(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		start(t, f)
		pass(time.Minute)
		k := lanePos{d.id, wire.AlarmLane}
		backup := g.cursor(d, wire.AlarmLane)
		mustInject(t, d, "overheat", Fault{For: time.Minute})
		mustInject(t, d, "stall", Fault{For: 24 * time.Hour})
		pass(10 * time.Minute)
		lost := g.cursor(d, wire.AlarmLane)
		stands := d.Status().Alarms
		if lost.Seq < backup.Seq+3 || len(stands) == 0 || lost.Seq != d.Status().Alarm.Last {
			t.Fatalf("cursor %v after %v; %v stand", lost, backup, stands)
		}
		g.set(func() {
			g.cursors[k] = backup
			for seq := range g.stored[k] {
				if seq&(1<<40-1) > backup.Seq {
					delete(g.stored[k], seq)
				}
			}
		})
		ask := wire.Encode(wire.Cursors{Alarm: &backup, Rewind: true})
		for range 3 { // asked more than once, it is told once
			g.push(d.who.Link, wire.DnAck, ask)
		}
		pass(time.Minute)
		var told []string
		gap := false
		for _, r := range g.records(d, wire.AlarmLane, 1) {
			switch {
			case r.Seq <= backup.Seq:
			case r.Kind == wire.RecordGap:
				gap = r.Seq == backup.Seq+1 && r.Gap.Through == lost.Seq
			case r.Kind == wire.RecordRaise:
				told = append(told, r.Raise.Code)
			}
		}
		if slices.Sort(told); !gap || !slices.Equal(told, slices.Sorted(slices.Values(stands))) {
			t.Errorf("gap %t, told of %v; %v stand", gap, told, stands)
		}
		if s := d.Status().Alarm; s.Cursor != s.Last {
			t.Errorf("%+v", s)
		}
	})
}

// TestRewindOfManyInFlight: eight messages of which the first is not taken are
// answered by eight rewinds; the pump sends them again once.
func TestRewindOfManyInFlight(t *testing.T) {
	run(t, func(o *Options) { o.Batch = 10 }, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		if err := d.SeedHistory(3); err != nil {
			t.Fatal(err)
		}
		k := lanePos{d.id, wire.MainLane}
		g.set(func() { g.cursors[k] = wire.Position{Epoch: 1, Seq: 1} }) // it claims a record that it does not have
		start(t, f)
		g.set(func() { g.cursors[k] = wire.Position{} })
		pass(time.Minute)
		if s := d.Status().Main; s.Cursor != s.Last {
			t.Fatalf("%+v", s)
		}
		bad := 0
		for _, h := range g.of(wire.UpTele, wire.UpEvent) {
			if !h.good {
				bad++
			}
		}
		if bad > 2*wire.MaxInFlight {
			t.Errorf("%d messages were sent in vain", bad)
		}
	})
}

func TestLostAcknowledgements(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		g.set(func() { g.muteAck = true })
		start(t, f)
		pass(10 * time.Minute)
		s := d.Status().Main
		if s.Cursor != 0 || g.cursor(d, wire.MainLane).Seq != s.Last {
			t.Fatalf("server %v, pump %+v", g.cursor(d, wire.MainLane), s)
		}
		g.set(func() { g.muteAck = false })
		pass(10 * time.Minute)
		if s := d.Status().Main; s.Cursor != s.Last {
			t.Errorf("%+v", s)
		}
		// The same acknowledgement again, and an older one, change nothing.
		for _, seq := range []uint64{s.Last, 1} {
			g.push("C-S-1", wire.DnAck, wire.Encode(wire.Cursors{Main: &wire.Position{Epoch: 1, Seq: seq}}))
		}
		g.push("C-S-1", wire.DnAck, []byte{0xff})
		pass(time.Second)
		if after := d.Status().Main; after.Cursor < s.Last || f.Stats().Connects != 1 {
			t.Errorf("%+v", after)
		}
	})
}

func TestReconnect(t *testing.T) {
	run(t, func(o *Options) { o.FirstConnect = 30 * time.Second }, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		start(t, f)
		pass(31 * time.Second)
		if !d.Status().Connected {
			t.Fatal("not connected after the first spread")
		}
		pass(time.Minute)
		g.set(func() { g.refuse = true })
		g.set(func() { g.conns["C-S-1"].nc.Close() })
		pass(2 * time.Hour)
		tries := f.Stats().Failed
		if tries < 15 || tries > 200 {
			t.Errorf("%d attempts in two hours without a server", tries)
		}
		g.set(func() { g.refuse = false })
		pass(6 * time.Minute)
		s := d.Status()
		if !s.Connected || s.Main.Cursor != s.Main.Last {
			t.Errorf("%+v", s)
		}
		// Another with the same name takes the link over, again and again.
		for range 5 {
			g.set(func() {
				if c := g.conns["C-S-1"]; c != nil {
					c.nc.Close()
				}
			})
			pass(3 * time.Second)
		}
		pass(2 * time.Minute)
		if s := d.Status(); !s.Connected {
			t.Errorf("%+v", s)
		}
		if n := f.Stats().Connects; n > 10 {
			t.Errorf("%d connects", n)
		}
	})
}

// TestServerThatAcknowledgesNothing is left and tried again.
func TestServerThatAcknowledgesNothing(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		g.set(func() { g.holdPuback = true })
		start(t, f)
		pass(10 * time.Minute)
		if n := f.Stats().Connects; n < 2 || n > 12 {
			t.Errorf("%d connects", n)
		}
		g.set(func() { g.holdPuback = false })
		pass(10 * time.Minute)
		if s := d.Status(); !s.Connected || s.Main.Cursor != s.Main.Last {
			t.Errorf("%+v", s)
		}
	})
}

func TestJournalLoss(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		start(t, f)
		mustInject(t, d, "occlusion", Fault{})
		mustInject(t, d, "memory-critical", Fault{})
		pass(time.Hour)
		g.set(func() { g.muteAck = true })
		pass(time.Hour)
		mustInject(t, d, "journal-loss", Fault{})
		g.set(func() { g.muteAck = false })
		pass(time.Hour)
		s := d.Status()
		if s.Main.Epoch != 2 || s.Main.Cursor != s.Main.Last || s.Alarm.Cursor != s.Alarm.Last {
			t.Fatalf("%+v", s)
		}
		main, alarms := g.records(d, wire.MainLane, 2), g.records(d, wire.AlarmLane, 2)
		if main[0].Kind != wire.RecordGap || main[0].Gap.LostEpoch != 1 || main[0].Gap.Through != 1 || alarms[0].Kind != wire.RecordGap {
			t.Errorf("%+v %+v", main[0], alarms[0])
		}
		standing := map[string]bool{}
		for _, r := range alarms {
			if r.Kind == wire.RecordRaise {
				standing[r.Raise.Code] = true
			}
		}
		for _, code := range s.Alarms {
			if !standing[code] {
				t.Errorf("alarm %s stands and was not raised in the new epoch", code)
			}
		}
		if len(s.Alarms) == 0 {
			t.Error("no alarm stands")
		}
	})
}

// TestServerKnowsMore: a server with records that the journal does not know shows
// that the journal has lost its end.
func TestServerKnowsMore(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		g.set(func() { g.cursors[lanePos{d.id, wire.MainLane}] = wire.Position{Epoch: 3, Seq: 900} })
		start(t, f)
		pass(time.Hour)
		s := d.Status()
		if s.Main.Epoch != 4 || s.Main.Cursor != s.Main.Last || s.Main.Last == 0 {
			t.Errorf("%+v", s)
		}
	})
}
