package journal

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"cisterna/device/emulator/disk"
	"cisterna/device/wire"
)

// segment is one file.
type segment struct {
	id   uint64
	file disk.File
	size int64 // valid bytes
	pins int   // readers at work, guarded by Journal.mu
	gone bool  // removed; closed when the last reader leaves
}

func segmentName(id uint64) string { return fmt.Sprintf("%010d.seg", id) }

func (j *Journal) unpin(s *segment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s.pins--
	j.closeGone(s)
}

func (j *Journal) closeGone(s *segment) {
	if s.gone && s.pins == 0 {
		if err := s.file.Close(); err != nil {
			j.opt.Log.Warn("close a removed journal segment", "segment", s.id, "error", err)
		}
	}
}

// read returns the section's body after checking it.
func (r ref) read() ([]byte, error) {
	b := make([]byte, int(r.size)+4)
	if _, err := r.seg.file.ReadAt(b, int64(r.off)); err != nil {
		return nil, fmt.Errorf("read journal segment %d at %d: %w", r.seg.id, r.off, err)
	}
	if checksum(b[:r.size]) != binary.BigEndian.Uint32(b[r.size:]) {
		return nil, fmt.Errorf("read journal segment %d at %d: %w", r.seg.id, r.off, errSection)
	}
	return b[:r.size], nil
}

// Chunk is a stretch of records ready to be sent.
type Chunk struct {
	Epoch       uint64
	First, Last uint64 // sequences it occupies; Last < First if there is nothing
	Records     int
	Events      bool   // at least one of them is an event
	Body        []byte // encoded records back to back, as a batch holds them
}

// Read returns durable records of a lane from sequence from on, at most
// maxRecords of them and, beyond the first, at most maxBytes. Where records were
// dropped it answers with a gap record, in the alarm lane once what stands is said
// anew behind it. It never skips and never invents.
func (p *Pump) Read(l wire.Lane, from uint64, maxRecords, maxBytes int) (Chunk, error) {
	j := p.j
	j.mu.Lock()
	ln := &p.lanes[l-1]
	from = max(from, ln.cursor+1)
	c := Chunk{Epoch: p.epoch, First: from, Last: from - 1}
	if from <= ln.dropped {
		if ln.dropped > ln.durable || l == wire.AlarmLane && ln.dropped > ln.covered { // the drop itself is not on disk yet, or what stands is not
			j.mu.Unlock()
			return c, nil
		}
		gap := wire.Record{Seq: from, Kind: wire.RecordGap, Wall: ln.wall, Mono: ln.mono, Gap: &wire.Gap{Through: ln.dropped, Reason: ln.reason}}
		if from == 1 && p.epoch > 1 {
			gap.Gap.LostEpoch = p.epoch - 1
		}
		c.Body, c.Records, c.Last = wire.AppendRecord(nil, &gap), 1, ln.dropped
	}
	next := c.Last + 1
	i, _ := slices.BinarySearchFunc(ln.runs, next, func(r run, seq uint64) int { return cmp.Compare(r.last, seq) })
	var runs []run
	for want := next + uint64(max(maxRecords-c.Records, 0)); i < len(ln.runs) && ln.runs[i].first < want; i++ {
		ln.runs[i].at.seg.pins++
		runs = append(runs, ln.runs[i])
	}
	j.mu.Unlock()

	var failed *run
	var err error
	for k := range runs {
		if err == nil {
			var full bool
			if full, err = c.take(&runs[k], maxRecords, maxBytes); err != nil {
				failed = &runs[k]
			} else if full {
				maxRecords = 0
			}
		}
		j.unpin(runs[k].at.seg)
	}
	if failed != nil {
		j.mu.Lock()
		if p.epoch == c.Epoch {
			p.drop(ln, failed.last, "damaged")
		}
		j.mu.Unlock()
		j.nudge()
		j.opt.Log.Error("records could not be read back from the journal and are given up; a gap stands for them", "pump", p.id.String(), "first", failed.first, "last", failed.last, "error", err)
		if c.Records > 0 {
			err = nil // what was read before is good; the gap follows
		}
	}
	return c, err
}

// take adds the records of one run that follow the chunk's last.
func (c *Chunk) take(r *run, maxRecords, maxBytes int) (full bool, err error) {
	if c.Records >= maxRecords {
		return true, nil
	}
	b, err := r.at.read()
	if err != nil {
		return false, err
	}
	h, data, err := parseRun(b)
	if err != nil {
		return false, err
	}
	if h.epoch != c.Epoch || h.first > c.Last+1 {
		return false, fmt.Errorf("journal: found epoch %d from %d, want epoch %d from %d", h.epoch, h.first, c.Epoch, c.Last+1)
	}
	if c.Body == nil {
		c.Body = make([]byte, 0, min(len(data), maxBytes))
	}
	for seq := h.first; seq <= h.last; seq++ {
		var raw []byte
		if raw, data, err = cutRecord(data); err != nil {
			return false, err
		}
		if seq <= c.Last {
			continue
		}
		if c.Records >= maxRecords || c.Records > 0 && len(c.Body)+len(raw) > maxBytes {
			return true, nil
		}
		c.Body = append(c.Body, raw...)
		c.Events = c.Events || len(raw) > 1 && raw[1] == byte(wire.RecordEvent) // a record is the array [kind, …]
		c.Records++
		c.Last = seq
	}
	return c.Records >= maxRecords, nil
}
