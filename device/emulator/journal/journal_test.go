package journal

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cisterna/device/emulator/disk"
	"cisterna/device/wire"
)

func mustOpen(t testing.TB, opt Options) *Journal {
	t.Helper()
	j, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func samples(wall int64, n int) (recs []wire.Record) {
	for i := range n {
		recs = append(recs, wire.Record{Kind: wire.RecordSample, Wall: wall + int64(i), Mono: 5, Sample: wire.Sample{Run: wire.Infusing, ReservoirNL: 18_000_000}})
	}
	return recs
}

func mustAppend(t testing.TB, p *Pump, w Write) {
	t.Helper()
	if err := p.AppendWait(w); err != nil {
		t.Fatal(err)
	}
}

// lane reads everything that a lane would send.
func readLane(t testing.TB, j *Journal, id wire.PumpID, l wire.Lane) []wire.Record {
	t.Helper()
	t2, ok := t.(*testing.T)
	if !ok {
		t.Fatal("not in a test")
	}
	w := &world{t: t2, j: j}
	return w.read(laneKey{id, l})
}

func TestRewindAnswersWithAGap(t *testing.T) {
	j := mustOpen(t, options(disk.NewMemory(1)))
	id := wire.PumpID{1}
	p := j.Pump(id)
	mustAppend(t, p, Write{Main: samples(1, 6)})
	mustAppend(t, p, Write{Main: samples(7, 6)})
	if err := p.Committed(wire.MainLane, wire.Position{Epoch: 1, Seq: 8}, false); err != nil {
		t.Fatal(err)
	}
	if got := readLane(t, j, id, wire.MainLane); len(got) != 4 || got[0].Seq != 9 {
		t.Fatalf("after 8 there are %v", got)
	}
	// An old acknowledgement that comes late changes nothing.
	if err := p.Committed(wire.MainLane, wire.Position{Epoch: 1, Seq: 3}, false); err != nil || p.Head(wire.MainLane).Cursor != 8 {
		t.Fatalf("%v %+v", err, p.Head(wire.MainLane))
	}
	// A server that was restored from a backup asks for what was given up.
	if err := p.Committed(wire.MainLane, wire.Position{Epoch: 1, Seq: 3}, true); err != nil {
		t.Fatal(err)
	}
	got := readLane(t, j, id, wire.MainLane)
	if len(got) != 5 || got[0].Kind != wire.RecordGap || got[0].Seq != 4 || got[0].Gap.Through != 8 || got[1].Seq != 9 {
		t.Fatalf("after a rewind to 3 there are %v", got)
	}
	for _, pos := range []wire.Position{{Epoch: 1, Seq: 13}, {Epoch: 2, Seq: 0}} {
		if err := p.Committed(wire.MainLane, pos, true); !errors.Is(err, ErrAhead) {
			t.Errorf("%v: %v", pos, err)
		}
	}
}

func TestBoundDropsTheOldest(t *testing.T) {
	d := disk.NewMemory(1)
	opt := options(d)
	opt.MainBytes, opt.SegmentBytes = 4000, 3000
	j := mustOpen(t, opt)
	id := wire.PumpID{1}
	for i := range 100 {
		mustAppend(t, j.Pump(id), Write{Main: samples(int64(10*i), 5), Alarm: []wire.Record{{Kind: wire.RecordClear, Clear: &wire.Clear{Code: "A"}}}})
	}
	check := func(j *Journal) {
		t.Helper()
		got := readLane(t, j, id, wire.MainLane)
		if got[0].Kind != wire.RecordGap || got[0].Gap.Reason != "overflow" || got[0].Gap.Through != got[1].Seq-1 || got[len(got)-1].Seq != 500 {
			t.Errorf("%v … %v", got[0], got[len(got)-1])
		}
		if n := len(readLane(t, j, id, wire.AlarmLane)); n != 100 {
			t.Errorf("%d alarms, want all 100", n)
		}
		if st := j.Stats(); st.Bytes > 40_000 {
			t.Errorf("%d bytes on disk", st.Bytes)
		}
	}
	j.Flush()
	check(j)
	j.Close()
	opt.FS = d.Crash(disk.KeepNone)
	check(mustOpen(t, opt))
}

func TestWholeJournalIsBounded(t *testing.T) {
	opt := options(disk.NewMemory(1))
	opt.SegmentBytes, opt.MaxBytes, opt.MainBytes = 4000, 20_000, 1<<30
	j := mustOpen(t, opt)
	for i := range 200 {
		for p := range byte(5) {
			mustAppend(t, j.Pump(wire.PumpID{p}), Write{Main: samples(int64(i), 3), Items: []Item{{1, []byte("state")}}})
		}
	}
	if st := j.Stats(); st.Bytes > 24_000 || st.Dropped == 0 {
		t.Errorf("%+v", st)
	}
	for p := range byte(5) {
		got := readLane(t, j, wire.PumpID{p}, wire.MainLane)
		if got[0].Kind != wire.RecordGap || got[len(got)-1].Seq != 600 {
			t.Errorf("pump %d: %v … %v", p, got[0], got[len(got)-1])
		}
		if b, err := j.Pump(wire.PumpID{p}).Item(1); err != nil || string(b) != "state" {
			t.Errorf("pump %d: item %q %v", p, b, err)
		}
	}
}

func TestNewEpochCarriesAlarms(t *testing.T) {
	d := disk.NewMemory(1)
	j := mustOpen(t, options(d))
	id := wire.PumpID{1}
	p := j.Pump(id)
	alarm := func(code string) wire.Record {
		return wire.Record{Kind: wire.RecordRaise, Raise: &wire.Raise{Code: code, Priority: wire.PriorityHigh}}
	}
	mustAppend(t, p, Write{Main: samples(1, 9), Alarm: []wire.Record{alarm("A"), alarm("B"), alarm("C")}})
	if err := p.Committed(wire.AlarmLane, wire.Position{Epoch: 1, Seq: 1}, false); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	p.NewEpoch(3, 2, "journal_lost", []wire.Record{alarm("S")}, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	p.NewEpoch(3, 2, "journal_lost", []wire.Record{alarm("S")}, func(err error) { done <- err })
	if err := <-done; err == nil {
		t.Error("the same epoch began twice")
	}
	mustAppend(t, p, Write{Main: samples(20, 1), Alarm: []wire.Record{alarm("D")}})
	check := func(j *Journal) {
		t.Helper()
		main, alarms := readLane(t, j, id, wire.MainLane), readLane(t, j, id, wire.AlarmLane)
		if h := j.Pump(id).Head(wire.MainLane); h != (Head{Epoch: 3, Last: 2}) {
			t.Errorf("head %+v", h)
		}
		if len(main) != 2 || main[0].Kind != wire.RecordGap || *main[0].Gap != (wire.Gap{Through: 1, LostEpoch: 2, Reason: "journal_lost"}) || main[1].Wall != 20 {
			t.Errorf("main lane %v", main)
		}
		codes := ""
		for _, r := range alarms[1:] {
			codes += r.Raise.Code
		}
		if alarms[0].Kind != wire.RecordGap || codes != "BCSD" {
			t.Errorf("alarms %q", codes)
		}
		// The server still speaks of the old epoch: the new one starts over.
		if err := j.Pump(id).Committed(wire.MainLane, wire.Position{Epoch: 1, Seq: 9}, true); err != nil {
			t.Error(err)
		}
		if n := len(readLane(t, j, id, wire.MainLane)); n != 2 {
			t.Errorf("%d records after the old epoch's cursor", n)
		}
	}
	check(j)
	j.Close()
	check(mustOpen(t, options(d.Crash(disk.KeepNone))))
}

// TestDamage: what was durable and does not check any more is never taken for a
// torn tail.
func TestDamage(t *testing.T) {
	a, b := wire.PumpID{1}, wire.PumpID{2}
	build := func() *disk.Memory {
		d := disk.NewMemory(1)
		j := mustOpen(t, options(d))
		mustAppend(t, j.Pump(a), Write{Main: samples(1, 3)})
		for i := range 30 {
			mustAppend(t, j.Pump(b), Write{Main: samples(int64(i), 3), Items: []Item{{1, []byte("x")}}})
		}
		j.Close()
		return d.Crash(disk.KeepNone)
	}
	segs := func(d *disk.Memory) (n int) {
		names, _ := d.List()
		for _, name := range names {
			if strings.HasSuffix(name, ".seg") {
				n++
			}
		}
		return n
	}
	n := segs(build())
	if n < 3 {
		t.Fatalf("%d segments", n)
	}
	flip := func(segment uint64, at int) func(*disk.Memory) {
		return func(d *disk.Memory) {
			b := d.Bytes(segmentName(segment))
			b[at] ^= 1
			d.SetBytes(segmentName(segment), b)
		}
	}
	cut := func(segment uint64) func(*disk.Memory) {
		return func(d *disk.Memory) {
			b := d.Bytes(segmentName(segment))
			d.SetBytes(segmentName(segment), b[:len(b)-1])
		}
	}
	tests := []struct {
		name  string
		wreck func(d *disk.Memory)
		lost  []bool // of a, of b
	}{
		{"nothing", func(*disk.Memory) {}, []bool{false, false}},
		{"a bit in the first group", flip(1, 60), []bool{false, true}},
		{"a bit in the middle of the last segment", flip(uint64(n), 40), []bool{true, true}},
		{"the last byte: a torn tail", cut(uint64(n)), []bool{false, false}},
		{"the tail of an older segment", cut(1), []bool{true, true}},
		{"an older segment's header", flip(1, 3), []bool{true, true}},
		{"a segment gone", func(d *disk.Memory) { d.SetBytes(segmentName(2), nil) }, []bool{true, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := build()
			tt.wreck(d)
			j := mustOpen(t, options(d))
			known := func(id wire.PumpID) bool { _, ok := j.pumps[id]; return ok }
			lost := []bool{known(a) && j.Pump(a).Lost(), j.Pump(b).Lost()}
			if fmt.Sprint(lost) != fmt.Sprint(tt.lost) || (len(j.Damage) > 0) != (tt.lost[0] || tt.lost[1]) {
				t.Errorf("lost %v, want %v; damage %q", lost, tt.lost, j.Damage)
			}
		})
	}
}

func TestGoneBadWhileRunning(t *testing.T) {
	d := disk.NewMemory(1)
	j := mustOpen(t, options(d))
	id := wire.PumpID{1}
	mustAppend(t, j.Pump(id), Write{Main: samples(1, 3)})
	mustAppend(t, j.Pump(id), Write{Main: samples(4, 3)})
	b := d.Bytes(segmentName(1))
	b[90] ^= 1
	d.SetBytes(segmentName(1), b)
	if c, err := j.Pump(id).Read(wire.MainLane, 1, 100, 10_000); err == nil {
		t.Fatalf("read %+v", c)
	}
	j.Flush()
	got := readLane(t, j, id, wire.MainLane)
	if len(got) != 4 || got[0].Gap == nil || got[0].Gap.Through != 3 || got[0].Gap.Reason != "damaged" {
		t.Errorf("%v", got)
	}
}

func TestBlobs(t *testing.T) {
	d := disk.NewMemory(1)
	j := mustOpen(t, options(d))
	keep, err := j.PutBlob([]byte("root"))
	if err != nil {
		t.Fatal(err)
	}
	drop, _ := j.PutBlob([]byte("old"))
	if again, _ := j.PutBlob([]byte("root")); again != keep {
		t.Error("another hash")
	}
	j.KeepBlobs(func(h [32]byte) bool { return h == keep })
	for i := range 80 { // compaction carries it along
		mustAppend(t, j.Pump(wire.PumpID{1}), Write{Items: []Item{{1, bytes.Repeat([]byte{byte(i)}, 100)}}})
	}
	j.Close()
	j = mustOpen(t, options(d.Crash(disk.KeepNone)))
	if b, err := j.Blob(keep); err != nil || string(b) != "root" {
		t.Errorf("%q %v", b, err)
	}
	if _, err := j.Blob(drop); err == nil {
		t.Error("a forgotten document came back")
	}
	if st := j.Stats(); st.Segments > 4 {
		t.Errorf("%+v", st)
	}
}

// TestManyAtOnce: appenders, readers and acknowledgements at the same time as
// compaction, on the real file system.
func TestManyAtOnce(t *testing.T) {
	name := t.TempDir()
	dir, err := disk.OpenDir(name)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	j := mustOpen(t, Options{FS: dir, Log: quiet(), SegmentBytes: 20_000, MaxBytes: 1 << 24, MetaDelay: time.Millisecond})
	var wg sync.WaitGroup
	for n := range byte(8) {
		wg.Go(func() {
			p := j.Pump(wire.PumpID{n})
			seq := uint64(1)
			for i := range 150 {
				if err := p.AppendWait(Write{Main: samples(int64(i), 4), Items: []Item{{1, []byte("state")}}}); err != nil {
					t.Error(err)
				}
				c, err := p.Read(wire.MainLane, seq, 100, 1<<16)
				if err != nil || c.First != seq || c.Records == 0 {
					t.Errorf("from %d: %+v %v", seq, c, err)
				}
				seq = c.Last + 1
				if i%3 == 0 {
					if err := p.Committed(wire.MainLane, wire.Position{Epoch: 1, Seq: c.Last}, false); err != nil {
						t.Error(err)
					}
				}
			}
			if seq != 601 {
				t.Errorf("read up to %d", seq)
			}
		})
	}
	wg.Wait()
	st := j.Stats()
	if st.Groups >= st.Writes {
		t.Errorf("no write shared a sync: %+v", st)
	}
	if st.Bytes > 200_000 {
		t.Errorf("garbage stays: %+v", st)
	}
	if _, err := disk.OpenDir(name); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("opened twice: %v", err)
	}
}

func TestAppendAfterClose(t *testing.T) {
	j := mustOpen(t, options(disk.NewMemory(1)))
	j.Close()
	if err := j.Pump(wire.PumpID{1}).AppendWait(Write{Main: samples(1, 1)}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := j.PutBlob([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	j.Flush()
}

// FuzzOpen: whatever lies in the directory, opening never panics, and what was
// opened works.
func FuzzOpen(f *testing.F) {
	d := disk.NewMemory(1)
	j := mustOpen(f, options(d))
	for i := range 12 {
		mustAppend(f, j.Pump(wire.PumpID{byte(i % 2)}), Write{Main: samples(int64(i), 2), Alarm: []wire.Record{{Kind: wire.RecordClear, Clear: &wire.Clear{Code: "A"}}}, Items: []Item{{1, []byte("x")}}})
	}
	if _, err := j.PutBlob([]byte("blob")); err != nil {
		f.Fatal(err)
	}
	j.Close()
	f.Add(d.Bytes(segmentName(1)), d.Bytes(segmentName(2)), 100, byte(1))
	f.Fuzz(func(t *testing.T, one, two []byte, at int, flip byte) {
		d := disk.NewMemory(1)
		for i, b := range [][]byte{one, two} {
			b = bytes.Clone(b)
			if at >= 0 && at < len(b) {
				b[at] ^= flip
				reseal(b, uint64(i+1))
			}
			d.SetBytes(segmentName(uint64(i+1)), b)
		}
		j, err := Open(options(d))
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		for _, id := range j.Pumps() {
			p := j.Pump(id)
			for _, l := range []wire.Lane{wire.MainLane, wire.AlarmLane} {
				next := p.Head(l).Cursor + 1
				for range 50 {
					c, err := p.Read(l, next, 10, 1000)
					if err != nil || c.Records == 0 {
						break
					}
					if c.First != next || c.Last < c.First {
						t.Fatalf("asked from %d, got %d to %d", next, c.First, c.Last)
					}
					next = c.Last + 1
				}
			}
			if err := p.AppendWait(Write{Main: samples(1, 1)}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// reseal makes the checksums of a changed segment right again, so that the fuzzer
// reaches what lies behind them.
func reseal(b []byte, id uint64) {
	if len(b) < headerBytes {
		return
	}
	copy(b, appendHeader(nil, id, int64(max(0, len(b)))))
	for off := int64(headerBytes); off+groupHead <= int64(len(b)); {
		n := int64(b[off+8])<<24 | int64(b[off+9])<<16 | int64(b[off+10])<<8 | int64(b[off+11])
		if n > int64(len(b))-off-groupHead {
			return
		}
		sealGroup(b[off:off+groupHead+n], id, off)
		off += groupHead + n
	}
}

// BenchmarkAppend is ten thousand pumps that write one sample each, all at once,
// on the real disk.
func BenchmarkAppend(b *testing.B) {
	dir, err := disk.OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer dir.Close()
	j := mustOpen(b, Options{FS: dir, Log: quiet()})
	pumps := make([]*Pump, 10_000)
	for i := range pumps {
		pumps[i] = j.Pump(wire.PumpID{byte(i), byte(i >> 8)})
	}
	rec := samples(1_700_000_000_000, 1)
	b.ReportAllocs()
	var wg sync.WaitGroup
	n := 0
	for b.Loop() {
		p := pumps[n%len(pumps)]
		n++
		wg.Add(1)
		p.Append(Write{Main: rec}, func(error) { wg.Done() })
		if n%len(pumps) == 0 {
			wg.Wait()
			for _, p := range pumps {
				p.Committed(wire.MainLane, wire.Position{Epoch: 1, Seq: p.Head(wire.MainLane).Last}, false)
			}
		}
	}
	wg.Wait()
}

// TestGapOfAlarmsWaitsForWhatStands: what was dropped of the alarm lane is not told
// to the server before what stands is durable behind it, whenever the power goes.
func TestGapOfAlarmsWaitsForWhatStands(t *testing.T) {
	d := disk.NewMemory(1)
	j := mustOpen(t, options(d))
	id := wire.PumpID{1}
	alarm := func(code string) []wire.Record {
		return []wire.Record{{Kind: wire.RecordRaise, Raise: &wire.Raise{Code: code, Priority: wire.PriorityHigh}}}
	}
	for _, c := range []string{"A", "B", "C"} {
		mustAppend(t, j.Pump(id), Write{Alarm: alarm(c)})
	}
	for _, pos := range []wire.Position{{Epoch: 1, Seq: 2}, {Epoch: 1, Seq: 1}} { // committed, and then lost by the server
		if err := j.Pump(id).Committed(wire.AlarmLane, pos, true); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if why, owes := j.Pump(id).Owes(); !owes || why != "discarded" {
			t.Fatalf("owes %t, for %q", owes, why)
		}
		if got := readLane(t, j, id, wire.AlarmLane); len(got) != 0 {
			t.Fatalf("sent before what stands: %v", got)
		}
		j.Flush()
		j.Close()
		d = d.Crash(disk.KeepNone)
		j = mustOpen(t, options(d))
	}
	mustAppend(t, j.Pump(id), Write{Alarm: alarm("A"), Standing: true})
	if _, owes := j.Pump(id).Owes(); owes {
		t.Error("it owes what it has said")
	}
	got := readLane(t, j, id, wire.AlarmLane)
	if len(got) != 3 || got[0].Kind != wire.RecordGap || got[0].Gap.Through != 2 || got[1].Raise.Code != "C" || got[2].Raise.Code != "A" {
		t.Errorf("alarms %v", got)
	}
	if err := j.Pump(id).Committed(wire.AlarmLane, wire.Position{Epoch: 1, Seq: 4}, false); err != nil {
		t.Fatal(err)
	}
	j.Close()
	j = mustOpen(t, options(d.Crash(disk.KeepNone)))
	if _, owes := j.Pump(id).Owes(); owes {
		t.Error("it owes what the server has")
	}
}

// TestFullAlarmLaneComesToRest: what is said anew behind the gap of a full lane does
// not make the next gap for ever.
func TestFullAlarmLaneComesToRest(t *testing.T) {
	opt := options(disk.NewMemory(1))
	opt.AlarmBytes = 4000
	j := mustOpen(t, opt)
	p := j.Pump(wire.PumpID{1})
	alarm := wire.Record{Kind: wire.RecordRaise, Raise: &wire.Raise{Code: "A", Priority: wire.PriorityHigh}}
	for range 200 {
		mustAppend(t, p, Write{Alarm: []wire.Record{alarm}})
	}
	said := 0
	for _, owes := p.Owes(); owes; _, owes = p.Owes() {
		if said++; said > 3 {
			t.Fatal("it never comes to rest")
		}
		mustAppend(t, p, Write{Alarm: []wire.Record{alarm, alarm, alarm}, Standing: true})
	}
	if got := readLane(t, j, wire.PumpID{1}, wire.AlarmLane); said == 0 || len(got) == 0 || got[0].Kind != wire.RecordGap || got[0].Gap.Reason != "overflow" {
		t.Errorf("said %d times, alarms %v", said, got)
	}
}
