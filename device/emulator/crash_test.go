package emulator

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cisterna/device/emulator/disk"
	"cisterna/device/units"
	"cisterna/device/wire"
)

const sampleEach = 30 * units.Seconds(1)

// crash runs a pump until the power goes at the n-th write of its disk, starts it
// again from what the disk kept, and returns what the ground has then. It reports
// false if the power never went.
func crash(t *testing.T, n int, keep disk.Keep) (went bool) {
	synctest.Test(t, func(t *testing.T) {
		g := newGround(t)
		mem := disk.NewMemory(uint64(n))
		tr := newTrust(t, time.Now())
		o := groundOptions(g, mem)
		o.Resend = 5 * time.Second
		f, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		d := adopt(t, f, tr, "S-1", quick(sampleEach))
		g.know(d)
		mem.CutIn(n)
		begun := make(chan error, 1)
		go func() { begun <- f.Start() }()
		eventful(d, mem.Died())
		select {
		case <-mem.Died():
			went = true
		default:
		}
		f.Close()
		<-begun
		synctest.Wait()

		o = groundOptions(g, mem.Crash(keep))
		if f, err = Open(o); err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		d, ok := f.Device("S-1")
		if !ok {
			t.Fatal("the pump is gone")
		}
		start(t, f)
		pass(5 * time.Minute)
		s := d.Status()
		if s.Main.Epoch != 1 || s.Main.Cursor != s.Main.Last || s.Alarm.Cursor != s.Alarm.Last || s.Main.Last == 0 {
			t.Errorf("%+v", s)
		}
		checkLife(t, g, d)
	})
	return went
}

// eventful is some minutes with faults, cut short when the power goes.
func eventful(d *Device, died <-chan struct{}) {
	for _, kind := range []string{"", "occlusion", "link-loss", "memory-minor", "clock-jump", "reconnect", "press"} {
		if kind != "" {
			_ = d.Inject(Fault{Kind: kind}) // refused by a pump that could not be started
		}
		select {
		case <-died:
			return
		case <-time.After(3 * time.Minute):
		}
	}
}

// checkLife: the lanes are whole, and the pump took each of its samples exactly
// once, crash or not.
func checkLife(t *testing.T, g *ground, d *Device) {
	t.Helper()
	for _, lane := range []wire.Lane{wire.MainLane, wire.AlarmLane} {
		recs := g.records(d, lane, 1)
		if n := g.cursor(d, lane).Seq; uint64(len(recs)) != n {
			t.Errorf("lane %d: %d records up to %d", lane, len(recs), n)
		}
		last, mono, delivered := 0, uint64(0), int64(0)
		for i, r := range recs {
			if r.Kind == wire.RecordGap {
				t.Errorf("lane %d has a gap: %+v", lane, r.Gap)
			}
			if r.Kind != wire.RecordSample {
				continue
			}
			if last > 0 && r.Mono != mono+uint64(sampleEach)*1000 {
				t.Errorf("samples %d and %d are %d ms apart", last, i, r.Mono-mono)
			}
			if r.Sample.DeliveredNL < delivered {
				t.Errorf("sample %d: delivered fell from %d to %d", i, delivered, r.Sample.DeliveredNL)
			}
			last, mono, delivered = i, r.Mono, r.Sample.DeliveredNL
		}
		if lane == wire.MainLane && last == 0 {
			t.Error("no samples")
		}
	}
}

// TestPowerCutAtEveryWrite cuts the power at each write that a pump's disk sees,
// in turn with nothing, everything and anything kept of what was not synced.
func TestPowerCutAtEveryWrite(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 7
	}
	n := 1
	for ; crash(t, n, disk.Keep(n%3)); n += step {
		if t.Failed() {
			t.Fatalf("cut at %d", n)
		}
	}
	if n < 100 {
		t.Errorf("only %d writes", n)
	}
	t.Logf("%d writes", n)
}

// TestJournalFilesLost: with the journal's files gone or broken, pumps go on in a
// new epoch with the state that the vault kept, and raise again what stands.
func TestJournalFilesLost(t *testing.T) {
	for _, tt := range []struct {
		name  string
		wreck func(m *disk.Memory, names []string)
	}{
		{"deleted", func(m *disk.Memory, names []string) {
			for _, n := range names {
				m.SetBytes(n, nil)
			}
		}},
		{"broken near its end", func(m *disk.Memory, names []string) {
			b := m.Bytes(names[len(names)-1])
			b[len(b)-1500] ^= 1 // among what the server does not have yet
			m.SetBytes(names[len(names)-1], b)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGround(t)
				mem := disk.NewMemory(1)
				f := openFleet(t, groundOptions(g, mem))
				d := adopt(t, f, newTrust(t, time.Now()), "S-1", quick(sampleEach))
				g.know(d)
				start(t, f)
				pass(30 * time.Minute)
				mustInject(t, d, "memory-critical", Fault{})
				pass(20 * time.Minute)
				g.set(func() { g.refuse = true })
				mustInject(t, d, "reconnect", Fault{})
				pass(20 * time.Minute)
				before := d.Status()
				f.Close()
				mem = mem.Crash(disk.KeepNone)
				var names []string
				for _, n := range must(mem.List()) {
					if strings.HasPrefix(n, "journal/") && strings.HasSuffix(n, ".seg") {
						names = append(names, n)
					}
				}
				slices.Sort(names)
				tt.wreck(mem, names)

				g.set(func() { g.refuse = false })
				f = openFleet(t, groundOptions(g, mem))
				d, _ = f.Device("S-1")
				start(t, f)
				pass(30 * time.Minute)
				s := d.Status()
				if s.Main.Epoch != 2 || s.Main.Cursor != s.Main.Last || s.Alarm.Cursor != s.Alarm.Last || s.DeliveredNL < before.DeliveredNL || s.ProgramHash != before.ProgramHash || !slices.Equal(s.Alarms, before.Alarms) {
					t.Errorf("before %+v\nafter %+v", before, s)
				}
				main, alarms := g.records(d, wire.MainLane, 2), g.records(d, wire.AlarmLane, 2)
				if len(main) < 50 || main[0].Kind != wire.RecordGap || main[0].Gap.LostEpoch != 1 || alarms[0].Kind != wire.RecordGap {
					t.Fatalf("%d records, first %+v", len(main), main[0])
				}
				raised := slices.ContainsFunc(alarms, func(r wire.Record) bool { return r.Kind == wire.RecordRaise && r.Raise.Code == "MEM_CRIT" })
				if !raised {
					t.Errorf("the alarm was not raised again: %+v", alarms)
				}
				f.Close()
			})
		})
	}
}
