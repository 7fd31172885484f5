package emulator

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cisterna/device/emulator/disk"
	"cisterna/device/wire"
)

// openAlarms returns the alarms that are open for a server that has a lane's
// records of an epoch, taken in order.
func openAlarms(recs []wire.Record) []string {
	open := map[string]bool{}
	for _, r := range recs {
		switch r.Kind {
		case wire.RecordRaise:
			open[r.Raise.Code] = true
		case wire.RecordClear:
			delete(open, r.Clear.Code)
		}
	}
	return slices.Sorted(maps.Keys(open))
}

// TestUnreadableAlarmIsRaisedAgain: the disk spoils an alarm that was not sent yet
// while the pump lives. A gap stands for it, and the server has the alarm all the same.
func TestUnreadableAlarmIsRaisedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGround(t)
		mem := disk.NewMemory(1)
		f := openFleet(t, groundOptions(g, mem))
		d := adopt(t, f, newTrust(t, time.Now()), "S-1", quick(sampleEach))
		g.know(d)
		start(t, f)
		pass(time.Minute)
		g.set(func() { g.refuse = true })
		mustInject(t, d, "reconnect", Fault{})
		pass(time.Second)
		mustInject(t, d, "stall", Fault{For: 24 * time.Hour})
		pass(time.Minute)
		spoilt := 0
		for _, name := range must(mem.List()) {
			b := mem.Bytes(name)
			if i := bytes.Index(b, []byte("MOTOR_STALL")); strings.HasPrefix(name, "journal/") && i >= 0 {
				b[i] ^= 1
				mem.SetBytes(name, b)
				spoilt++
			}
		}
		if spoilt != 1 {
			t.Fatalf("the alarm lies in %d files", spoilt)
		}
		g.set(func() { g.refuse = false })
		pass(10 * time.Minute)
		recs := g.records(d, wire.AlarmLane, 1)
		gap := slices.ContainsFunc(recs, func(r wire.Record) bool { return r.Kind == wire.RecordGap && r.Gap.Reason == "damaged" })
		if open := openAlarms(recs); !gap || !slices.Contains(open, "MOTOR_STALL") {
			t.Errorf("gap %t, open %v of %+v", gap, open, recs)
		}
		if s := d.Status().Alarm; s.Cursor != s.Last {
			t.Errorf("%+v", s)
		}
	})
}

// TestAlarmsOwedWithoutPower: the server asks for alarms that are gone just as the
// power goes. What stands is raised again when it comes back.
func TestAlarmsOwedWithoutPower(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		start(t, f)
		pass(time.Minute)
		k := lanePos{d.id, wire.AlarmLane}
		backup := g.cursor(d, wire.AlarmLane)
		mustInject(t, d, "stall", Fault{For: 24 * time.Hour})
		pass(time.Minute)
		g.set(func() {
			g.cursors[k] = backup
			maps.DeleteFunc(g.stored[k], func(seq uint64, _ string) bool { return seq&(1<<40-1) > backup.Seq })
		})
		mustInject(t, d, "power-cut", Fault{For: time.Minute})
		d.onCursors(wire.Cursors{Alarm: &backup, Rewind: true})
		pass(10 * time.Minute)
		if open := openAlarms(g.records(d, wire.AlarmLane, 1)[backup.Seq:]); !slices.Contains(open, "MOTOR_STALL") {
			t.Errorf("open %v; %v stand", open, d.Status().Alarms)
		}
	})
}

// TestLostJournalAndPowerCut: a pump finds its journal gone, and the power goes again
// at any write of that start. In the end it speaks in a new epoch that begins with a
// gap, and the server has every alarm that stands.
func TestLostJournalAndPowerCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGround(t)
		mem := disk.NewMemory(1)
		f := openFleet(t, groundOptions(g, mem))
		d := adopt(t, f, newTrust(t, time.Now()), "S-1", quick(sampleEach))
		g.know(d)
		start(t, f)
		pass(2 * time.Minute)
		mustInject(t, d, "memory-critical", Fault{})
		mustInject(t, d, "stall", Fault{})
		pass(2 * time.Minute)
		before := d.Status()
		if before.Alarm.Cursor != before.Alarm.Last || !slices.Contains(before.Alarms, "MEM_CRIT") {
			t.Fatalf("%+v", before)
		}
		f.Close()
		mem = mem.Crash(disk.KeepNone)
		for _, n := range must(mem.List()) {
			if strings.HasPrefix(n, "journal/") && strings.HasSuffix(n, ".seg") {
				mem.SetBytes(n, nil)
			}
		}
		n := 1
		for ; ; n++ {
			g2 := newGround(t)
			g2.names, g2.links, g2.cursors = g.names, g.links, maps.Clone(g.cursors)
			m := mem.Crash(disk.KeepAll)
			m.CutIn(n)
			went := false
			if f, err := Open(groundOptions(g2, m)); err == nil {
				begun := make(chan error, 1)
				go func() { begun <- f.Start() }()
				select {
				case <-m.Died():
				case <-time.After(2 * time.Minute):
				}
				f.Close()
				<-begun
			}
			select {
			case <-m.Died():
				went = true
			default:
			}
			synctest.Wait()
			f := openFleet(t, groundOptions(g2, m.Crash(disk.Keep(n%3))))
			d, _ := f.Device("S-1")
			start(t, f)
			pass(3 * time.Minute)
			s := d.Status()
			recs := g2.records(d, wire.AlarmLane, s.Alarm.Epoch)
			if s.Main.Epoch < 2 || s.Main.Cursor != s.Main.Last || s.Alarm.Cursor != s.Alarm.Last || len(recs) == 0 || recs[0].Kind != wire.RecordGap || g2.records(d, wire.MainLane, s.Main.Epoch)[0].Kind != wire.RecordGap {
				t.Errorf("cut at %d: %+v, alarms %+v", n, s, recs)
			}
			if open := openAlarms(recs); !slices.Equal(open, slices.Sorted(slices.Values(s.Alarms))) || !slices.Contains(open, "MEM_CRIT") {
				t.Errorf("cut at %d: the server has %v, %v stand", n, open, s.Alarms)
			}
			f.Close()
			if !went || t.Failed() {
				break
			}
		}
		t.Logf("%d writes", n)
		if n < 5 {
			t.Errorf("only %d writes", n)
		}
	})
}

// TestAlarmThatEndedAfterTheBackup: an alarm is open in the backup that a server was
// restored from, and ended since. The pump says that it does not stand.
func TestAlarmThatEndedAfterTheBackup(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		start(t, f)
		pass(time.Minute)
		k := lanePos{d.id, wire.AlarmLane}
		mustInject(t, d, "overheat", Fault{For: 5 * time.Minute})
		pass(2 * time.Minute)
		backup := g.cursor(d, wire.AlarmLane)
		if open := openAlarms(g.records(d, wire.AlarmLane, 1)); !slices.Contains(open, "TEMP_HIGH") {
			t.Fatalf("open in the backup: %v", open)
		}
		pass(10 * time.Minute)
		mustInject(t, d, "interrogate", Fault{})
		pass(time.Minute)
		if stands := d.Status().Alarms; slices.Contains(stands, "TEMP_HIGH") {
			t.Fatalf("%v stand", stands)
		}
		g.set(func() {
			g.cursors[k] = backup
			maps.DeleteFunc(g.stored[k], func(seq uint64, _ string) bool { return seq&(1<<40-1) > backup.Seq })
		})
		g.push(d.who.Link, wire.DnAck, wire.Encode(wire.Cursors{Alarm: &backup, Rewind: true}))
		pass(time.Minute)
		recs := g.records(d, wire.AlarmLane, 1)
		if open, stands := openAlarms(recs), d.Status().Alarms; !slices.Equal(open, slices.Sorted(slices.Values(stands))) {
			t.Errorf("open %v; %v stand", open, stands)
		}
		for _, r := range recs {
			if r.Kind == wire.RecordClear && r.Seq > backup.Seq && r.Clear.Detail[wire.Repeated] != "server_lost" {
				t.Errorf("a clear that is not marked: %+v", r.Clear)
			}
		}
	})
}
