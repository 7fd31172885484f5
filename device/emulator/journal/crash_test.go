package journal

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cisterna/device/emulator/disk"
	"cisterna/device/wire"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// world is everything outside the journal that must still be true after a crash:
// what the journal called durable, and what a server has seen.
type world struct {
	t     *testing.T
	disk  *disk.Memory
	j     *Journal
	said  map[laneKey]map[uint64]string // sequence → content that was reported durable
	seen  map[laneKey]map[uint64]string // sequence → content that the server received
	acked map[laneKey]uint64            // what the server has committed and said so
	items map[wire.PumpID][2]int        // newest durable and newest attempted value
	next  int64                         // content of the next record
}

type laneKey struct {
	pump wire.PumpID
	lane wire.Lane
}

func newWorld(t *testing.T, d *disk.Memory) *world {
	return &world{t: t, disk: d, said: map[laneKey]map[uint64]string{}, seen: map[laneKey]map[uint64]string{}, acked: map[laneKey]uint64{}, items: map[wire.PumpID][2]int{}}
}

func options(d *disk.Memory) Options {
	return Options{FS: d, Log: quiet(), SegmentBytes: 500, MaxBytes: 1 << 20, ReserveBytes: 100, MetaDelay: time.Hour, Retry: time.Microsecond, group: 200}
}

// boot opens the journal and checks it against the world.
func (w *world) boot() bool {
	j, err := Open(options(w.disk))
	if err != nil {
		if w.dead() {
			return false
		}
		w.t.Fatal(err)
	}
	w.j = j
	if len(j.Damage) > 0 {
		w.t.Fatalf("damage after a power cut: %v", j.Damage)
	}
	w.check()
	return true
}

func (w *world) dead() bool {
	select {
	case <-w.disk.Died():
		return true
	default:
		return false
	}
}

func content(rec wire.Record) string { return fmt.Sprint(rec.Kind, rec.Wall) }

// read returns what a lane would send, in order.
func (w *world) read(k laneKey) (recs []wire.Record) {
	p := w.j.Pump(k.pump)
	from := p.Head(k.lane).Cursor + 1
	for {
		c, err := p.Read(k.lane, from, 3, 1000)
		if err != nil {
			w.t.Fatal(err)
		}
		if c.Records == 0 {
			return recs
		}
		if c.First != from {
			w.t.Fatalf("asked from %d, got %d", from, c.First)
		}
		b := wire.AppendBatchHead(nil, k.pump, c.Epoch, c.First, c.Records)
		batch, err := wire.DecodeBatch(append(b, c.Body...), k.lane)
		if err != nil {
			w.t.Fatal(err)
		}
		if batch.Last() != c.Last {
			w.t.Fatalf("chunk ends at %d, its records at %d", c.Last, batch.Last())
		}
		recs = append(recs, batch.Records...)
		from = c.Last + 1
	}
}

// check holds the journal against what it promised and sends everything to the
// server.
func (w *world) check() {
	for _, id := range []wire.PumpID{{1}, {2}, {3}} {
		p := w.j.Pump(id)
		if p.Lost() {
			w.t.Fatalf("pump %x lost its journal", id[:1])
		}
		for _, l := range []wire.Lane{wire.MainLane, wire.AlarmLane} {
			w.checkLane(laneKey{id, l})
		}
		b, err := p.Item(7)
		if err != nil {
			w.t.Fatal(err)
		}
		got, want := 0, w.items[id]
		if b != nil {
			fmt.Sscan(string(b), &got)
		}
		if got < want[0] || got > want[1] {
			w.t.Fatalf("pump %x: item %d, want one of %v", id[:1], got, want)
		}
		w.items[id] = [2]int{got, got}
	}
}

func (w *world) checkLane(k laneKey) {
	h := w.j.Pump(k.pump).Head(k.lane)
	if h.Epoch != 1 {
		w.t.Fatalf("epoch %d", h.Epoch)
	}
	got := map[uint64]string{}
	next := h.Cursor + 1
	for _, rec := range w.read(k) {
		if rec.Seq != next {
			w.t.Fatalf("%v: sequence %d, want %d", k, rec.Seq, next)
		}
		next = rec.Last() + 1
		got[rec.Seq] = content(rec)
		if rec.Kind == wire.RecordGap {
			w.t.Fatalf("%v: gap without a reason", k)
		}
	}
	if h.Cursor > w.acked[k] {
		w.t.Fatalf("%v: cursor %d, the server said %d", k, h.Cursor, w.acked[k])
	}
	for seq, want := range w.said[k] {
		if seq > h.Cursor && got[seq] != want {
			w.t.Fatalf("%v: record %d was durable as %q and is now %q", k, seq, want, got[seq])
		}
	}
	if w.seen[k] == nil {
		w.seen[k] = map[uint64]string{}
	}
	for seq, c := range got {
		if old, ok := w.seen[k][seq]; ok && old != c {
			w.t.Fatalf("%v: sequence %d was %q and is now %q", k, seq, old, c)
		}
		w.seen[k][seq] = c
	}
}

func (w *world) sample() wire.Record {
	w.next++
	return wire.Record{Kind: wire.RecordSample, Wall: w.next, Sample: wire.Sample{Run: wire.Infusing}}
}

func (w *world) raise() wire.Record {
	w.next++
	return wire.Record{Kind: wire.RecordRaise, Wall: w.next, Raise: &wire.Raise{Code: "A", Priority: wire.PriorityHigh}}
}

func (w *world) append(id wire.PumpID, main, alarm int, item bool) { w.start(id, main, alarm, item)() }

// start queues a write and returns what waits for it and takes note.
func (w *world) start(id wire.PumpID, main, alarm int, item bool) (wait func()) {
	var wr Write
	for range main {
		wr.Main = append(wr.Main, w.sample())
	}
	for range alarm {
		wr.Alarm = append(wr.Alarm, w.raise())
	}
	if item {
		v := w.items[id]
		v[1]++
		w.items[id] = v
		wr.Items = []Item{{7, []byte(fmt.Sprint(v[1]))}}
	}
	done := make(chan error, 1)
	w.j.Pump(id).Append(wr, func(err error) { done <- err })
	value := w.items[id][1]
	return func() {
		select {
		case err := <-done:
			if err == nil {
				w.note(id, wr, item, value)
			}
		case <-w.disk.Died():
		}
	}
}

// note remembers what the journal has called durable.
func (w *world) note(id wire.PumpID, wr Write, item bool, value int) {
	for k, recs := range map[laneKey][]wire.Record{{id, wire.MainLane}: wr.Main, {id, wire.AlarmLane}: wr.Alarm} {
		for _, r := range recs {
			if w.said[k] == nil {
				w.said[k] = map[uint64]string{}
			}
			w.said[k][r.Seq] = content(r)
		}
	}
	if item {
		w.items[id] = [2]int{w.items[id][1], w.items[id][1]}
	}
}

// ack says that everything durable but the last keep records is committed.
func (w *world) ack(id wire.PumpID, l wire.Lane, keep uint64) {
	k := laneKey{id, l}
	h := w.j.Pump(id).Head(l)
	if h.Last <= keep || h.Last-keep <= w.acked[k] {
		return
	}
	w.acked[k] = h.Last - keep
	if err := w.j.Pump(id).Committed(l, wire.Position{Epoch: 1, Seq: h.Last - keep}, false); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) flush() {
	done, j := make(chan struct{}), w.j
	go func() {
		j.Flush()
		close(done)
	}()
	select {
	case <-done:
	case <-w.disk.Died():
	}
}

// live is a stretch of a pump's life with appends, acknowledgements, rotation
// and compaction.
func (w *world) live() {
	a, b, idle := wire.PumpID{1}, wire.PumpID{2}, wire.PumpID{3}
	w.append(idle, 2, 1, true)
	w.ack(idle, wire.MainLane, 0)
	w.ack(idle, wire.AlarmLane, 0)
	w.append(a, 1, 0, true)
	w.append(b, 2, 1, true)
	for i := range 8 {
		// Two that meet in the queue, and more than one group holds.
		first, second, third := w.start(a, 5, 0, i == 2), w.start(b, 1, 1, false), w.start(a, 3, 0, false)
		first()
		second()
		w.ack(a, wire.MainLane, 3)
		w.ack(b, wire.AlarmLane, 0)
		if i%2 == 1 {
			w.flush()
		}
		third()
	}
	w.ack(a, wire.MainLane, 0)
	w.append(a, 8, 1, true)
	w.flush()
	w.append(a, 8, 0, false)
	w.ack(a, wire.MainLane, 1)
	w.append(b, 3, 0, true)
	w.flush()
}

// TestPowerCutAtEveryWrite cuts the power during each call that changes the disk,
// and then again during each call of the life after, for every way in which the
// disk may have kept what was not synced.
func TestPowerCutAtEveryWrite(t *testing.T) {
	whole := newWorld(t, disk.NewMemory(1))
	whole.boot()
	whole.live()
	if st := whole.j.Stats(); whole.disk.Bytes(segmentName(3)) != nil || st.Segments < 2 {
		t.Fatalf("the life is too short to test compaction: %+v", st)
	}
	whole.j.Close()
	ops := whole.disk.Ops()
	// Of the second cuts every fourth, beginning elsewhere each time, so that all
	// places are met.
	stride := 4
	if testing.Short() {
		stride = 16
	}
	runs := 0
	for first := 1; first <= ops; first++ {
		for keep := range disk.KeepSome + 1 {
			d := disk.NewMemory(uint64(first))
			d.CutAt(first)
			w := newWorld(t, d)
			if w.boot() {
				w.live()
				w.j.Close()
			}
			once := d.Crash(keep)
			for second := (first + int(keep)) % stride; second <= ops; second += stride {
				runs++
				x := w.clone(once.Crash(disk.KeepAll))
				x.disk.CutAt(second)
				if x.boot() {
					x.live()
					x.j.Close()
				}
				if second > 0 {
					x.disk = x.disk.Crash(keep)
				} else {
					x.disk = x.disk.Crash(disk.KeepAll)
				}
				if !x.boot() {
					t.Fatal("the last boot has power")
				}
				for p := range byte(3) {
					x.append(wire.PumpID{p + 1}, 1, 1, true)
				}
				x.check()
				x.j.Close()
				if t.Failed() {
					t.Fatalf("cut at %d (%d), then at %d", first, keep, second)
				}
			}
		}
	}
	t.Logf("%d writes, %d lives", ops, runs)
}

// TestPowerCutInNewEpoch: a new epoch begins while more waits than two groups hold.
// Whenever the power goes, an epoch above the first is on disk with the gap that it
// begins with, or the old one is whole.
func TestPowerCutInNewEpoch(t *testing.T) {
	a, b := wire.PumpID{1}, wire.PumpID{2}
	life := func(d *disk.Memory) {
		j, err := Open(options(d))
		if err != nil {
			return // the power went
		}
		w := newWorld(t, d)
		w.j = j
		w.append(b, 3, 1, true)
		if w.dead() {
			j.Close()
			return
		}
		j.mu.Lock() // so that all of it meets in the queue
		for _, p := range []*Pump{j.pumpLocked(a), j.pumpLocked(b)} {
			for range 8 {
				e := &pending{p: p}
				p.fill(e, wire.MainLane, []wire.Record{w.sample(), w.sample()})
				j.enqueue(e)
			}
		}
		j.mu.Unlock()
		j.Pump(b).NewEpoch(2, 1, "journal_lost", []wire.Record{w.raise()}, nil)
		j.Pump(b).Append(Write{Main: []wire.Record{w.sample()}}, nil)
		w.flush()
		j.Close()
	}
	whole := disk.NewMemory(1)
	life(whole)
	born := 0
	for cut := 1; cut <= whole.Ops(); cut++ {
		for keep := range disk.KeepSome + 1 {
			d := disk.NewMemory(uint64(cut))
			d.CutAt(cut)
			life(d)
			j := mustOpen(t, options(d.Crash(keep)))
			p := j.Pump(b)
			if p.Lost() || len(j.Damage) > 0 {
				t.Fatalf("cut at %d (%d): lost, %v", cut, keep, j.Damage)
			}
			if p.Head(wire.MainLane).Epoch > 1 {
				born++
				for l, want := range map[wire.Lane]int{wire.MainLane: 1, wire.AlarmLane: 3} { // the gap; with the raise that waited and the one that stands
					if got := readLane(t, j, b, l); len(got) < want || got[0].Seq != 1 || got[0].Kind != wire.RecordGap {
						t.Errorf("cut at %d (%d): lane %d begins with %v", cut, keep, l, got)
					}
				}
			}
			j.Close()
		}
	}
	if born == 0 {
		t.Error("no cut came after the new epoch")
	}
}

func (w *world) clone(d *disk.Memory) *world {
	c := newWorld(w.t, d)
	c.next = w.next
	c.items = maps.Clone(w.items)
	c.acked = maps.Clone(w.acked)
	for k, v := range w.said {
		c.said[k] = maps.Clone(v)
	}
	for k, v := range w.seen {
		c.seen[k] = maps.Clone(v)
	}
	return c
}

// TestFullDisk fills the disk: the pump goes on, telemetry makes room, alarms
// and items stay, and a gap stands for what went.
func TestFullDisk(t *testing.T) {
	d := disk.NewMemory(3)
	w := newWorld(t, d)
	opt := options(d)
	opt.ReserveBytes, opt.PendingBytes, opt.Retry = 2000, 4000, time.Nanosecond
	var said bytes.Buffer
	opt.Log = slog.New(slog.NewTextHandler(&said, nil))
	j, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	w.j = j
	id := wire.PumpID{1}
	w.append(id, 1, 1, true)
	alarms := 1
	d.SetFree(3000)
	for i := range 60 {
		n := 0
		if i%10 == 0 {
			n, alarms = 1, alarms+1
		}
		w.append(id, 5, n, false)
	}
	if j.Stats().Dropped == 0 || !strings.Contains(said.String(), "the disk is full") {
		t.Fatalf("the disk never filled: %s %+v", said.String(), j.Stats())
	}
	verify := func(j *Journal) {
		t.Helper()
		w.j = j
		next, gaps := uint64(1), 0
		for _, r := range w.read(laneKey{id, wire.MainLane}) {
			if r.Seq != next {
				t.Fatalf("sequence %d, want %d", r.Seq, next)
			}
			next = r.Last() + 1
			if r.Kind == wire.RecordGap {
				gaps++
			}
		}
		if gaps != 1 || next != 302 {
			t.Errorf("%d gaps, next is %d", gaps, next)
		}
		if n := len(w.read(laneKey{id, wire.AlarmLane})); n != alarms {
			t.Errorf("%d of %d alarms", n, alarms)
		}
		if b, err := j.Pump(id).Item(7); err != nil || string(b) != "1" {
			t.Errorf("item %q %v", b, err)
		}
	}
	verify(j)
	d.SetFree(1 << 30)
	for range 100 {
		if j.Health() == nil {
			break
		}
		j.Pump(id).AppendWait(Write{Items: []Item{{1, nil}}})
	}
	if err := j.Health(); err != nil {
		t.Errorf("room again, and still: %v", err)
	}
	j.Close()
	opt.FS = d.Crash(disk.KeepNone)
	j, err = Open(opt)
	if err != nil || len(j.Damage) > 0 || j.Pump(id).Lost() {
		t.Fatal(err, j.Damage)
	}
	verify(j)
	j.Close()
}

// TestDiskThatRefuses: writes that fail wait in memory, bounded, and go out in
// order when the disk is back.
func TestDiskThatRefuses(t *testing.T) {
	for _, syncOnly := range []bool{false, true} {
		d := disk.NewMemory(4)
		w := newWorld(t, d)
		opt := options(d)
		opt.PendingBytes, opt.Retry = 8000, time.Millisecond
		j, err := Open(opt)
		if err != nil {
			t.Fatal(err)
		}
		w.j = j
		id := wire.PumpID{1}
		w.append(id, 3, 1, true)
		d.Fail(syscall.EIO, syncOnly)
		results := make(chan error, 100)
		for range 100 {
			j.Pump(id).Append(Write{Main: []wire.Record{w.sample()}, Alarm: []wire.Record{w.raise()}}, func(err error) { results <- err })
		}
		for j.Health() == nil || j.Stats().Dropped == 0 {
			runtime.Gosched()
		}
		d.Fail(nil, false)
		for range 100 {
			if err := <-results; err != nil {
				t.Fatal(err)
			}
		}
		if h := j.Pump(id).Head(wire.MainLane); h.Last != 103 {
			t.Errorf("head %+v", h)
		}
		recs := w.read(laneKey{id, wire.AlarmLane})
		if len(recs) != 101 || slices.ContainsFunc(recs, func(r wire.Record) bool { return r.Kind == wire.RecordGap }) {
			t.Errorf("%d alarms", len(recs))
		}
		main := w.read(laneKey{id, wire.MainLane})
		if main[0].Kind != wire.RecordGap || main[len(main)-1].Seq != 103 {
			t.Errorf("telemetry %v … %v", main[0], main[len(main)-1])
		}
		j.Close()
	}
}
