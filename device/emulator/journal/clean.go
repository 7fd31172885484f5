package journal

import (
	"slices"
	"time"

	"cisterna/device/wire"
)

// cleaner copies what lives in the oldest segment forward, a piece per group, so
// that the segment can go. It belongs to the writer's goroutine.
type cleaner struct {
	w     *writer
	seg   *segment
	data  []byte
	off   int64 // everything before it is copied and durable
	next  int64 // off once the group in hand is durable
	force bool  // room is needed: nothing else is written before it is done
}

// chooseClean starts a cleaner when a segment's worth of garbage has gathered,
// or the journal is larger than it may be.
func (w *writer) chooseClean() {
	j := w.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if w.clean != nil || len(j.segs) < 2 || time.Now().Before(w.cleanAfter) {
		return
	}
	oldest := j.segs[0]
	garbage := j.total > 2*j.live+2*j.opt.SegmentBytes
	if j.total > j.opt.MaxBytes && !garbage {
		// With nothing but alarms and items left the bound is soft: they are kept.
		garbage = w.evictMain(oldest) || w.anyMain()
	}
	if garbage {
		w.clean = &cleaner{w: w, seg: oldest, off: headerBytes}
	}
}

// evictMain drops the main-lane records that lie in s, and all older ones of
// their pumps.
func (w *writer) evictMain(s *segment) (any bool) {
	for _, p := range w.j.pumps {
		if seq := p.lanes[wire.MainLane-1].lastIn(s); seq > 0 {
			p.drop(&p.lanes[wire.MainLane-1], seq, "overflow")
			any = true
		}
	}
	return any
}

func (w *writer) anyMain() bool {
	for _, p := range w.j.pumps {
		if p.lanes[wire.MainLane-1].runs != nil {
			return true
		}
	}
	return false
}

// lastIn returns the last sequence that the lane keeps in s, 0 if it keeps none.
func (ln *lane) lastIn(s *segment) uint64 {
	for _, r := range slices.Backward(ln.runs) {
		if r.at.seg == s {
			return r.last
		}
	}
	return 0
}

// copyInto adds the next piece to g. Called with Journal.mu held.
func (c *cleaner) copyInto(g *group) {
	if c.data == nil {
		data, err := readAll(c.seg.file)
		if err != nil {
			c.w.j.opt.Log.Error("a journal segment cannot be read; what only it held is given up", "segment", c.seg.id, "error", err)
		}
		c.data = data[:min(int64(len(data)), c.seg.size)]
	}
	c.next = c.off
	limit := int64(len(c.data))
	for start := len(g.buf); c.next < limit && len(g.buf)-start < copyBytes; {
		body, ok := parseGroup(c.data, c.seg.id, c.next)
		if ok && c.copyGroup(g, body, c.next+groupHead) == nil {
			c.next += groupHead + int64(len(body))
			continue
		}
		c.w.j.opt.Log.Error("a journal segment does not check; what is not readable is given up", "segment", c.seg.id, "offset", c.next)
		if c.next = nextGroup(c.data, c.seg.id, c.next+1); c.next < 0 {
			c.next = limit
		}
	}
}

func (c *cleaner) copyGroup(g *group, body []byte, base int64) error {
	var p *Pump
	return sections(body, base, func(sec section) error {
		j := c.w.j
		at := ref{seg: c.seg, off: sec.off, size: uint32(len(sec.body))}
		switch sec.tag {
		case tagPump:
			var id wire.PumpID
			if copy(id[:], sec.body) != len(id) {
				return errSection
			}
			p = j.pumps[id]
		case tagBlob:
			h, err := parseBlob(sec.body)
			if err != nil {
				return err
			}
			if j.blobs[h] == at {
				g.add(nil, place{tag: tagBlob, hash: h, old: at}, sec.body)
			}
		case tagItem:
			if p != nil && len(sec.body) > 0 && slices.Contains(p.items, item{sec.body[0], at}) {
				g.add(p, place{tag: tagItem, key: sec.body[0], old: at}, sec.body)
			}
		case tagMeta:
			if p != nil && p.meta == at {
				p.markDirty() // the same group writes it anew
			}
		case tagRecords:
			if p != nil {
				return c.copyRun(g, p, at, sec.body)
			}
		}
		return nil
	})
}

func (c *cleaner) copyRun(g *group, p *Pump, at ref, body []byte) error {
	h, data, err := parseRun(body)
	if err != nil || h.epoch != p.epoch {
		return err
	}
	ln := &p.lanes[h.lane-1]
	if !slices.ContainsFunc(ln.runs, func(r run) bool { return r.at == at }) {
		return nil
	}
	for base := max(ln.cursor, ln.dropped); h.first <= base; h.first++ {
		if _, data, err = cutRecord(data); err != nil {
			return err
		}
	}
	g.addRun(p, h, data, at)
	return nil
}

// copied takes note that the group in hand is durable, and reports whether the
// segment is empty now.
func (c *cleaner) copied() bool {
	c.off = c.next
	return c.off >= int64(len(c.data))
}

// finish removes the segment, unless something in it could not be read: that is
// given up first, and another round puts the new positions on disk.
func (c *cleaner) finish() {
	j := c.w.j
	j.mu.Lock()
	if c.giveUp() || len(j.segs) < 2 {
		j.mu.Unlock()
		return
	}
	j.mu.Unlock()
	if err := j.opt.FS.Remove(segmentName(c.seg.id)); err != nil {
		j.opt.Log.Warn("remove a journal segment", "segment", c.seg.id, "error", err)
		c.w.cleanAfter = time.Now().Add(j.opt.Retry)
		return
	}
	// Not before this one is gone for good may the next one go: a hole in the
	// numbers means damage.
	if err := j.opt.FS.SyncDir(); err != nil {
		j.opt.Log.Warn("sync the journal directory", "error", err)
		c.w.cleanAfter = time.Now().Add(j.opt.Retry)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.segs = j.segs[1:]
	j.total -= c.seg.size
	c.seg.gone = true
	j.closeGone(c.seg)
}

// giveUp forgets what still lies in the segment after all that could be read was
// copied, and reports whether there was anything. Called with Journal.mu held.
func (c *cleaner) giveUp() (any bool) {
	j := c.w.j
	for _, p := range j.pumps {
		for i := range p.lanes {
			if seq := p.lanes[i].lastIn(c.seg); seq > 0 {
				p.drop(&p.lanes[i], seq, "damaged")
				any = true
			}
		}
		p.items = slices.DeleteFunc(p.items, func(it item) bool {
			if it.at.seg != c.seg {
				return false
			}
			j.live -= it.at.cost()
			any = true
			return true
		})
		if p.meta.seg == c.seg {
			j.live -= p.meta.cost()
			p.meta, any = ref{}, true
			p.markDirty()
		}
	}
	for h, r := range j.blobs {
		if r.seg == c.seg {
			j.live -= r.cost()
			delete(j.blobs, h)
			any = true
		}
	}
	return any
}
