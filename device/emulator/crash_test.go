package emulator

import (
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
		mem.CutAt(mem.Ops() + n)
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
