package journal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"cisterna/device/wire"
)

const copyBytes = 256 << 10 // of compaction that one group may carry

// pending is a Write that waits for its group.
type pending struct {
	p     *Pump
	epoch uint64
	runs  [2]pendingRun
	items []Item
	blob  []byte
	hash  [sha256.Size]byte
	done  func(error)

	covers uint64 // it says anew what stands, for what was dropped up to here
	opens  bool   // it begins an epoch
}

// pendingRun is a stretch of new records; no data means none.
type pendingRun struct {
	first, last uint64
	data        []byte
}

func (e *pending) size() (n int64) {
	n = int64(len(e.runs[0].data)+len(e.runs[1].data)+len(e.blob)) + 2*sectionOverhead
	for _, it := range e.items {
		n += int64(len(it.Value))
	}
	return n
}

func (e *pending) empty() bool {
	return e.runs[0].data == nil && e.runs[1].data == nil && e.blob == nil && len(e.items) == 0 && e.covers == 0
}

func (e *pending) finish(err error) {
	if e.done != nil {
		e.done(err)
	}
}

func (j *Journal) enqueue(e *pending) {
	j.queue = append(j.queue, e)
	j.queued += e.size()
}

// place is a section of a group and what to change once it is durable.
type place struct {
	p     *Pump
	tag   byte
	key   byte
	run   runHead
	hash  [sha256.Size]byte
	at    ref // seg is filled in when the group has its place
	old   ref // of a copy: the section it replaces
	lanes [2]laneMeta
}

// group is what goes to disk in one write and sync.
type group struct {
	buf    []byte
	base   int64 // of buf[0] in its segment
	places []place
	took   []*pending
	metas  []*Pump
	flush  []chan struct{} // answered when the group is durable
	pump   *Pump           // that the last P section named
}

func (g *group) add(p *Pump, pl place, parts ...[]byte) {
	if p != nil && g.pump != p {
		g.buf, _, _ = appendSection(g.buf, tagPump, p.id[:])
		g.pump = p
	}
	var off, size int
	g.buf, off, size = appendSection(g.buf, pl.tag, parts...)
	pl.p, pl.at.off, pl.at.size = p, uint32(g.base+int64(off)), uint32(size)
	g.places = append(g.places, pl)
}

func (g *group) addRun(p *Pump, h runHead, data []byte, old ref) {
	var head [1 + 3*10]byte
	g.add(p, place{tag: tagRecords, run: h, old: old}, h.append(head[:0]), data)
}

// writer is the journal's own goroutine: it alone touches the files' ends.
type writer struct {
	j          *Journal
	groups     uint64 // guarded by Journal.mu, as writes
	writes     uint64
	clean      *cleaner
	cleanAfter time.Time // no cleaning before: the last attempt failed
	reserve    bool      // the reserve file is there
	tried      time.Time // of making the reserve
	lastAck    time.Time // metas were written
	buf        []byte
}

func (w *writer) loop() {
	j := w.j
	defer close(j.done)
	w.lastAck = time.Now()
	for {
		w.chooseClean()
		g, wait := w.assemble()
		if g == nil {
			if wait < 0 {
				return
			}
			w.idle(wait)
			continue
		}
		err := w.write(g)
		if err == nil {
			w.apply(g)
			continue
		}
		again := w.refused(g, err)
		if w.stop(err) {
			return
		}
		if !again {
			w.pause(j.opt.Retry)
		}
	}
}

// pause waits for d whatever arrives, unless the journal is being closed.
func (w *writer) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return
		case <-w.j.wake:
			w.j.mu.Lock()
			closed := w.j.closed
			w.j.mu.Unlock()
			if closed {
				return
			}
		}
	}
}

// idle waits for something to do, or d; forever if d is 0.
func (w *writer) idle(d time.Duration) {
	if d == 0 {
		<-w.j.wake
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-w.j.wake:
	case <-t.C:
	}
}

// assemble takes what the next group holds. With no group it says how long to
// wait: 0 for as long as nothing new arrives, less for the end.
func (w *writer) assemble() (*group, time.Duration) {
	j := w.j
	j.mu.Lock()
	defer j.mu.Unlock()
	flush := len(j.flushers) > 0 || j.closed
	if w.clean == nil && len(j.queue) == 0 {
		if flush && len(j.dirty) == 0 {
			answer(j.flushers)
			j.flushers = nil
			if j.closed {
				return nil, -1
			}
			return nil, 0
		}
		if !flush {
			if len(j.dirty) == 0 {
				return nil, 0
			}
			if due := j.opt.MetaDelay - time.Since(w.lastAck); due > 0 {
				return nil, due
			}
		}
	}
	g := &group{buf: w.buf[:0], base: headerBytes}
	if n := len(j.segs); j.open && j.segs[n-1].size < j.opt.SegmentBytes {
		g.base = j.segs[n-1].size
	} else {
		j.open = false
		g.buf = append(g.buf, make([]byte, headerBytes)...)
		g.base = 0
	}
	g.buf = append(g.buf, make([]byte, groupHead)...)
	// Copies first: they are the past, and replay believes what comes later.
	if w.clean != nil {
		w.clean.copyInto(g)
	}
	if w.clean == nil || !w.clean.force {
		for len(j.queue) > 0 && len(g.buf) < j.opt.group {
			w.takeInto(g, j.queue[0])
			j.queue[0] = nil
			j.queue = j.queue[1:]
		}
	}
	g.metas, j.dirty = j.dirty, nil
	for _, p := range g.metas {
		if e := p.opening; e != nil {
			// The epoch must not be on disk without the gap that it begins with, or the
			// server refuses the pump for ever. What stands before it in the queue is of
			// other pumps, or of the epoch that it gives up.
			j.queue = slices.DeleteFunc(j.queue, func(q *pending) bool { return q == e })
			w.takeInto(g, e)
		}
		p.dirty = false
		var lanes [2]laneMeta
		for i := range p.lanes {
			ln := &p.lanes[i]
			ln.last = max(ln.last, ln.dropped)
			lanes[i] = ln.laneMeta
		}
		g.add(p, place{tag: tagMeta, run: runHead{epoch: p.epoch}, lanes: lanes}, appendMeta(nil, p.epoch, lanes))
	}
	if len(j.queue) == 0 {
		g.flush, j.flushers = j.flushers, nil
	}
	w.buf = g.buf
	return g, 0
}

// takeInto moves one pending write into the group.
func (w *writer) takeInto(g *group, e *pending) {
	g.took = append(g.took, e)
	w.j.queued -= e.size()
	if e.p != nil && e.p.opening == e {
		e.p.opening = nil
	}
	if e.blob != nil {
		g.add(nil, place{tag: tagBlob, hash: e.hash}, e.hash[:], e.blob)
		return
	}
	for i, r := range e.runs {
		if r.data == nil || e.epoch != e.p.epoch {
			continue // of an epoch that was given up meanwhile
		}
		g.addRun(e.p, runHead{lane: wire.Lane(i + 1), epoch: e.epoch, first: r.first, last: r.last}, r.data, ref{})
		e.p.lanes[i].last = r.last
	}
	for _, it := range e.items {
		g.add(e.p, place{tag: tagItem, key: it.Key}, []byte{it.Key}, it.Value)
	}
}

// write puts the group on disk and syncs it, in a new segment if need be.
func (w *writer) write(g *group) error {
	j := w.j
	j.mu.Lock()
	var cur *segment
	if n := len(j.segs); n > 0 {
		cur = j.segs[n-1]
	}
	open := j.open
	j.mu.Unlock()

	if len(g.places) == 0 {
		return nil // only a removal follows
	}
	if open {
		sealGroup(g.buf, cur.id, g.base)
		if _, err := cur.file.WriteAt(g.buf, g.base); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if err := cur.file.Sync(); err != nil {
			w.seal() // what the system now thinks is on disk is anybody's guess
			return fmt.Errorf("sync: %w", err)
		}
		w.grown(g, cur, int64(len(g.buf)))
		return nil
	}
	next := &segment{id: 1}
	previous := int64(0)
	if cur != nil {
		next.id, previous = cur.id+1, cur.size
	}
	copy(g.buf, appendHeader(nil, next.id, previous))
	sealGroup(g.buf[headerBytes:], next.id, headerBytes)
	f, err := j.opt.FS.Create(segmentName(next.id))
	if errors.Is(err, fs.ErrExist) { // of an attempt that failed
		if err = j.opt.FS.Remove(segmentName(next.id)); err == nil {
			f, err = j.opt.FS.Create(segmentName(next.id))
		}
	}
	if err != nil {
		return fmt.Errorf("new segment: %w", err)
	}
	next.file = f
	if _, err = f.WriteAt(g.buf, 0); err == nil {
		if err = f.Sync(); err == nil {
			err = j.opt.FS.SyncDir()
		}
	}
	if err != nil {
		// The next attempt would remove it as well; doing so now frees the space.
		if e := errors.Join(f.Close(), j.opt.FS.Remove(segmentName(next.id))); e != nil {
			j.opt.Log.Debug("remove a failed journal segment", "error", e)
		}
		return fmt.Errorf("new segment: %w", err)
	}
	j.mu.Lock()
	j.segs = append(j.segs, next)
	j.open = true
	j.mu.Unlock()
	w.grown(g, next, int64(len(g.buf)))
	return nil
}

func (w *writer) grown(g *group, s *segment, n int64) {
	w.j.mu.Lock()
	defer w.j.mu.Unlock()
	s.size += n
	w.j.total += n
	for i := range g.places {
		g.places[i].at.seg = s
	}
}

// seal ends the current segment; the next group starts another.
func (w *writer) seal() {
	w.j.mu.Lock()
	defer w.j.mu.Unlock()
	w.j.open = false
}

// apply makes a durable group known.
func (w *writer) apply(g *group) {
	j := w.j
	j.mu.Lock()
	for i := range g.places {
		g.places[i].apply(j)
	}
	for _, e := range g.took {
		for i, r := range e.runs {
			if r.data != nil && e.epoch == e.p.epoch {
				e.p.bound(wire.Lane(i + 1))
			}
		}
		if e.covers > 0 && e.epoch == e.p.epoch {
			ln := &e.p.lanes[wire.AlarmLane-1]
			ln.covered = max(ln.covered, e.covers)
		}
	}
	w.groups++
	w.writes += uint64(len(g.took))
	if len(g.metas) > 0 {
		w.lastAck = time.Now()
	}
	j.mu.Unlock()
	for _, e := range g.took {
		e.finish(nil)
	}
	answer(g.flush)
	if cap(w.buf) > 4*j.opt.group {
		w.buf = nil
	}
	if w.clean != nil && w.clean.copied() {
		w.clean.finish()
		w.clean = nil
	}
	w.recovered()
}

func answer(flushers []chan struct{}) {
	for _, c := range flushers {
		close(c)
	}
}

func (pl *place) apply(j *Journal) {
	switch pl.tag {
	case tagBlob:
		if old, ok := j.blobs[pl.hash]; ok || pl.old.seg == nil {
			if pl.old.seg != nil && old != pl.old {
				return
			}
			j.live += pl.at.cost() - old.cost()
			j.blobs[pl.hash] = pl.at
		}
	case tagItem:
		var old ref
		for _, it := range pl.p.items {
			if it.key == pl.key {
				old = it.at
			}
		}
		if pl.old.seg != nil && old != pl.old {
			return
		}
		j.live += pl.at.cost() - old.cost()
		pl.p.setItem(pl.key, pl.at)
	case tagMeta:
		if pl.run.epoch != pl.p.epoch {
			return
		}
		j.live += pl.at.cost() - pl.p.meta.cost()
		pl.p.meta = pl.at
		for i := range pl.lanes {
			ln := &pl.p.lanes[i]
			ln.durable = max(ln.durable, pl.lanes[i].last)
		}
	case tagRecords:
		if pl.run.epoch != pl.p.epoch {
			return
		}
		ln := &pl.p.lanes[pl.run.lane-1]
		if pl.old.seg == nil {
			ln.runs = append(ln.runs, run{first: pl.run.first, last: pl.run.last, at: pl.at})
			ln.durable = pl.run.last
			ln.bytes += pl.at.cost()
			j.live += pl.at.cost()
			pl.p.trim(ln)
			return
		}
		for i := range ln.runs {
			if ln.runs[i].at == pl.old {
				ln.bytes += pl.at.cost() - pl.old.cost()
				j.live += pl.at.cost() - pl.old.cost()
				ln.runs[i] = run{first: pl.run.first, last: pl.run.last, at: pl.at}
				return
			}
		}
	}
}

// isFull reports whether err says that there is no room.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, io.ErrShortWrite)
}
