package journal

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"cisterna/device/emulator/disk"
	"cisterna/device/wire"
)

// Open reads the journal and starts its writer. Damage is not an error: see
// [Journal.Damage] and [Pump.Lost].
func Open(opt Options) (*Journal, error) {
	if err := opt.validate(); err != nil {
		return nil, err
	}
	opt.Log = opt.Log.With("component", "journal")
	j := &Journal{
		opt: opt, pumps: make(map[wire.PumpID]*Pump), blobs: make(map[[sha256.Size]byte]ref),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if err := j.replay(); err != nil {
		for _, s := range j.segs {
			err = errors.Join(err, s.file.Close())
		}
		return nil, err
	}
	for _, d := range j.Damage {
		j.opt.Log.Error("the journal is damaged", "what", d)
	}
	j.wr.j = j
	j.wr.makeReserve()
	go j.wr.loop()
	return j, nil
}

func (j *Journal) damaged(format string, args ...any) {
	j.Damage = append(j.Damage, fmt.Sprintf(format, args...))
	for _, p := range j.pumps {
		p.sure = false
	}
}

// loaded is a segment's file with its bytes, while replaying.
type loaded struct {
	*segment
	data     []byte
	previous int64 // what its header says of the segment before it
	header   bool  // the header is good
}

func (j *Journal) replay() error {
	ids, err := j.segmentIDs()
	if err != nil {
		return err
	}
	var prev *loaded
	for i, id := range ids {
		cur, err := j.load(id)
		if err != nil {
			return err
		}
		if !cur.header && i == len(ids)-1 && nextGroup(cur.data, id, 0) < 0 {
			// The power went while the segment was being made.
			if err := errors.Join(cur.file.Close(), j.opt.FS.Remove(segmentName(id))); err != nil {
				return fmt.Errorf("remove unfinished journal segment: %w", err)
			}
			break
		}
		j.segs = append(j.segs, cur.segment)
		if prev != nil {
			j.replaySegment(prev, cur)
			if id != prev.id+1 {
				j.damaged("segments between %d and %d are missing", prev.id, id)
			}
		}
		prev = cur
	}
	if prev != nil {
		j.replaySegment(prev, nil)
	}
	for _, s := range j.segs {
		j.total += s.size
	}
	for _, p := range j.pumps {
		p.settle()
	}
	for _, r := range j.blobs {
		j.live += r.cost()
	}
	return nil
}

func (j *Journal) segmentIDs() ([]uint64, error) {
	names, err := j.opt.FS.List()
	if err != nil {
		return nil, fmt.Errorf("list journal directory: %w", err)
	}
	var ids []uint64
	for _, n := range names {
		text, ok := strings.CutSuffix(n, ".seg")
		if id, err := strconv.ParseUint(text, 10, 64); ok && err == nil && n == segmentName(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

func (j *Journal) load(id uint64) (*loaded, error) {
	f, err := j.opt.FS.Open(segmentName(id))
	if err != nil {
		return nil, fmt.Errorf("open journal segment: %w", err)
	}
	data, err := readAll(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read journal segment %d: %w", id, err), f.Close())
	}
	l := &loaded{segment: &segment{id: id, file: f}, data: data}
	l.previous, l.header = parseHeader(data, id)
	return l, nil
}

func readAll(f disk.File) ([]byte, error) {
	n, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if m, err := f.ReadAt(b, 0); err != nil && (!errors.Is(err, io.EOF) || m != len(b)) {
		return nil, err
	}
	return b, nil
}

// replaySegment takes in one segment. next is the one after it, nil for the
// newest, which alone may have a torn tail.
func (j *Journal) replaySegment(s, next *loaded) {
	limit, exact := int64(len(s.data)), false
	if next != nil && next.header {
		limit, exact = min(next.previous, limit), true
		if next.previous > int64(len(s.data)) {
			j.damaged("segment %d is shorter than it was", s.id)
		}
	}
	if !s.header {
		j.damaged("segment %d has no good header", s.id)
	}
	data := s.data[:limit]
	off := int64(headerBytes)
	for {
		body, ok := []byte(nil), false
		if off < limit {
			body, ok = parseGroup(data, s.id, off)
		}
		if ok {
			if err := j.replayGroup(s.segment, body, off+groupHead); err != nil {
				j.damaged("segment %d, group at %d: %v", s.id, off, err)
			}
			off += groupHead + int64(len(body))
			continue
		}
		if off == limit || off > limit && limit <= headerBytes {
			break
		}
		again := nextGroup(data, s.id, off)
		if again < 0 && !exact && next == nil {
			break // torn tail
		}
		j.damaged("segment %d does not check at %d", s.id, off)
		if again < 0 {
			break
		}
		off = again
	}
	s.size = limit
	if next == nil {
		s.size = min(off, limit)
	}
	s.data = nil
}

func (j *Journal) replayGroup(s *segment, body []byte, base int64) error {
	var p *Pump
	return sections(body, base, func(sec section) error {
		at := ref{seg: s, off: sec.off, size: uint32(len(sec.body))}
		switch sec.tag {
		case tagPump:
			var id wire.PumpID
			if copy(id[:], sec.body) != len(id) {
				return errSection
			}
			if p = j.pumps[id]; p == nil {
				p = j.pumpLocked(id)
				p.sure = len(j.Damage) == 0
			}
			return nil
		case tagBlob:
			h, err := parseBlob(sec.body)
			if err == nil {
				j.blobs[h] = at
			}
			return err
		case tagRecords, tagMeta, tagItem:
			if p == nil {
				return errSection
			}
		}
		switch sec.tag {
		case tagRecords:
			h, _, err := parseRun(sec.body)
			if err != nil {
				return err
			}
			p.replayEpoch(h.epoch)
			if h.epoch == p.epoch {
				ln := &p.lanes[h.lane-1]
				ln.runs = append(ln.runs, run{first: h.first, last: h.last, at: at})
				ln.last = max(ln.last, h.last)
			}
		case tagMeta:
			epoch, lanes, err := parseMeta(sec.body)
			if err != nil {
				return err
			}
			p.replayEpoch(epoch)
			if epoch == p.epoch {
				for i := range lanes {
					lanes[i].last = max(lanes[i].last, p.lanes[i].last)
					p.lanes[i].laneMeta = lanes[i]
				}
				p.meta, p.sure = at, true
			}
		case tagItem:
			if len(sec.body) == 0 {
				return errSection
			}
			p.setItem(sec.body[0], at)
		}
		return nil
	})
}

func (p *Pump) replayEpoch(epoch uint64) {
	if epoch > p.epoch {
		p.epoch, p.lanes, p.meta = epoch, [2]lane{}, ref{}
	}
}

func (p *Pump) setItem(key byte, at ref) {
	for i := range p.items {
		if p.items[i].key == key {
			p.items[i].at = at
			return
		}
	}
	p.items = append(p.items, item{key, at})
}

// settle puts the lanes in order after a replay. Copies that compaction made
// may lie anywhere; what does not join up without a hole makes the pump lost.
func (p *Pump) settle() {
	hole := false
	for i := range p.lanes {
		ln := &p.lanes[i]
		found := ln.runs
		slices.SortStableFunc(found, func(a, b run) int { return cmp.Compare(a.first, b.first) })
		ln.runs = nil
		next := max(ln.cursor, ln.dropped) + 1
		for _, r := range found {
			if r.last < next {
				continue
			}
			if r.first > next {
				hole = true
			}
			ln.runs = append(ln.runs, r)
			ln.bytes += r.at.cost()
			p.j.live += r.at.cost()
			next = r.last + 1
		}
		hole = hole || next <= ln.last
		ln.durable, ln.given = ln.last, ln.last
	}
	for _, it := range p.items {
		p.j.live += it.at.cost()
	}
	p.j.live += p.meta.cost()
	// An epoch above the first begins with a gap record in each lane. Without it the
	// server takes nothing of it.
	unborn := p.epoch > 1 && (p.lanes[0].last == 0 || p.lanes[1].last == 0)
	p.lost = hole || unborn || !p.sure
	if hole && len(p.j.Damage) == 0 {
		p.j.Damage = append(p.j.Damage, fmt.Sprintf("records of pump %s are missing", p.id))
	}
}
