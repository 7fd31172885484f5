package journal

import (
	"encoding/binary"
	"fmt"
	"slices"

	"cisterna/device/wire"
)

// lane is one of a pump's two sequences. Of its laneMeta, last is the newest
// sequence on its way to disk, or there.
type lane struct {
	laneMeta
	given   uint64 // last sequence given out
	durable uint64 // last sequence on disk, as a record or inside a dropped range
	bytes   int64  // that its runs take
	runs    []run  // durable, unacknowledged, in order, without holes beyond dropped

	// Of the alarm lane: what was dropped up to here is covered by a Standing write
	// that is queued, and by one that is durable. Not on disk: after a start, what
	// stands is said once more rather than not at all.
	covering, covered uint64
}

// run is a stretch of records in one section.
type run struct {
	first, last uint64
	at          ref
}

// Head is where a lane stands.
type Head struct {
	Epoch  uint64
	Last   uint64 // last durable record
	Cursor uint64 // what the server has said is committed
}

// Head returns where the lane stands.
func (p *Pump) Head(l wire.Lane) Head {
	p.j.mu.Lock()
	defer p.j.mu.Unlock()
	ln := &p.lanes[l-1]
	return Head{Epoch: p.epoch, Last: ln.durable, Cursor: ln.cursor}
}

// Known reports whether anything about the pump is durable.
func (p *Pump) Known() bool {
	p.j.mu.Lock()
	defer p.j.mu.Unlock()
	return p.meta.seg != nil || len(p.items) > 0 || p.lanes[0].durable > 0 || p.lanes[1].durable > 0
}

// Lost reports whether damage may have taken records of the pump: its sequences
// can no longer be trusted and it must begin a [Pump.NewEpoch].
func (p *Pump) Lost() bool {
	p.j.mu.Lock()
	defer p.j.mu.Unlock()
	return p.lost
}

// Owes reports whether records of the alarm lane were dropped that the server may
// never have had, and why, without a Standing write behind them. Until there is
// one, the gap that stands for them is held back.
func (p *Pump) Owes() (reason string, owes bool) {
	p.j.mu.Lock()
	defer p.j.mu.Unlock()
	ln := &p.lanes[wire.AlarmLane-1]
	return ln.reason, ln.dropped > max(ln.cursor, ln.covering)
}

// settleDebt notes that e says anew what stands.
func (p *Pump) settleDebt(e *pending) {
	ln := &p.lanes[wire.AlarmLane-1]
	e.epoch, e.covers = p.epoch, ln.dropped
	ln.covering = ln.dropped
}

// fill encodes records into e and gives them their sequences.
func (p *Pump) fill(e *pending, l wire.Lane, recs []wire.Record) {
	if len(recs) == 0 {
		return
	}
	ln := &p.lanes[l-1]
	r := pendingRun{first: ln.given + 1}
	for i := range recs {
		rec := &recs[i]
		if rec.Kind == wire.RecordGap {
			panic("journal: a gap record was appended")
		}
		ln.given++
		rec.Seq = ln.given
		p.mono = rec.Mono
		r.data = appendRun(r.data, rec)
	}
	r.last = ln.given
	e.epoch, e.runs[l-1] = p.epoch, r
}

// Committed moves the lane's cursor to what the server says is committed. With
// rewind the cursor may also move back; records that are gone by then are
// answered with a gap. A position of an older epoch counts as the start of this
// one. It returns [ErrAhead] for a position that was never written.
func (p *Pump) Committed(l wire.Lane, pos wire.Position, rewind bool) error {
	j := p.j
	j.mu.Lock()
	defer j.mu.Unlock()
	ln := &p.lanes[l-1]
	if pos.Epoch > p.epoch || pos.Epoch == p.epoch && pos.Seq > ln.durable {
		return fmt.Errorf("%w: epoch %d, sequence %d; here epoch %d, sequence %d", ErrAhead, pos.Epoch, pos.Seq, p.epoch, ln.durable)
	}
	seq := pos.Seq
	if pos.Epoch < p.epoch {
		seq = 0
	}
	switch {
	case seq > ln.cursor:
		ln.cursor = seq
	case seq < ln.cursor && rewind:
		if ln.cursor > ln.dropped {
			ln.dropped, ln.reason = ln.cursor, "discarded"
			ln.wall, ln.mono = j.opt.Now().UnixMilli(), p.mono
		}
		ln.cursor = seq
	default:
		return nil
	}
	p.trim(ln)
	p.markDirty()
	return nil
}

// trim lets go of runs that are acknowledged or dropped.
func (p *Pump) trim(ln *lane) {
	base, n := max(ln.cursor, ln.dropped), 0
	for n < len(ln.runs) && ln.runs[n].last <= base {
		ln.bytes -= ln.runs[n].at.cost()
		p.j.live -= ln.runs[n].at.cost()
		n++
	}
	switch {
	case n == 0:
	case n == len(ln.runs):
		ln.runs = nil
	case n > 32 && n > len(ln.runs)/2:
		ln.runs = slices.Clone(ln.runs[n:])
	default:
		ln.runs = ln.runs[n:]
	}
}

// drop gives up everything of the lane up to and including seq.
func (p *Pump) drop(ln *lane, seq uint64, reason string) {
	if seq <= max(ln.cursor, ln.dropped) {
		return
	}
	p.j.dropped += seq - max(ln.cursor, ln.dropped)
	ln.dropped, ln.reason = seq, reason
	ln.wall, ln.mono = p.j.opt.Now().UnixMilli(), p.mono
	p.trim(ln)
	p.markDirty()
}

// bound drops the oldest records of a lane that takes too much room.
func (p *Pump) bound(l wire.Lane) {
	ln, limit := &p.lanes[l-1], p.j.opt.MainBytes
	if l == wire.AlarmLane {
		limit = p.j.opt.AlarmBytes
	}
	over, n := ln.bytes-limit, 0
	if over > 0 && l == wire.AlarmLane {
		over += limit / 4 // what is said anew behind the gap must not make the next one
	}
	for over > 0 && n < len(ln.runs)-1 {
		over -= ln.runs[n].at.cost()
		n++
	}
	if n > 0 {
		p.drop(ln, ln.runs[n-1].last, "overflow")
	}
}

func (p *Pump) markDirty() {
	if !p.dirty {
		p.dirty = true
		p.j.dirty = append(p.j.dirty, p)
	}
}

// NewEpoch begins a new journal epoch: what the pump's lanes hold is given up, a
// gap record says so at sequence 1 of each, and alarms that were not yet
// acknowledged follow it; behind them comes standing, which says anew what stands.
// All of it is one write. lost is the epoch whose journal was lost. done is called
// as by [Pump.Append].
func (p *Pump) NewEpoch(epoch, lost uint64, reason string, standing []wire.Record, done func(error)) {
	j := p.j
	j.mu.Lock()
	if j.closed || epoch <= p.epoch {
		err := ErrClosed
		if !j.closed {
			err = fmt.Errorf("journal: epoch %d does not follow %d", epoch, p.epoch)
		}
		j.mu.Unlock()
		if done != nil {
			done(err)
		}
		return
	}
	alarms := p.unacknowledgedAlarms()
	for i := range p.lanes {
		ln := &p.lanes[i]
		ln.cursor = ln.given
		p.trim(ln)
		*ln = lane{}
	}
	p.epoch, p.lost = epoch, false
	gap := wire.Record{Kind: wire.RecordGap, Wall: j.opt.Now().UnixMilli(), Mono: p.mono, Gap: &wire.Gap{Through: 1, LostEpoch: lost, Reason: reason}}
	e := &pending{p: p, epoch: epoch, done: done, opens: true}
	e.runs[0] = pendingRun{first: 1, last: 1, data: appendRun(nil, &gap)}
	e.runs[1] = pendingRun{first: 1, last: 1, data: appendRun(nil, &gap)}
	for _, raw := range alarms {
		r := &e.runs[1]
		r.last++
		r.data = append(binary.BigEndian.AppendUint16(r.data, uint16(len(raw))), raw...)
	}
	for i := range standing {
		r := &e.runs[1]
		r.last++
		r.data = appendRun(r.data, &standing[i])
	}
	p.lanes[0].given, p.lanes[1].given = 1, e.runs[1].last
	p.opening = e
	p.markDirty()
	j.enqueue(e)
	j.mu.Unlock()
	j.nudge()
}

// unacknowledgedAlarms returns the alarm lane's records that the server is not
// known to have, gaps left out.
func (p *Pump) unacknowledgedAlarms() (raws [][]byte) {
	ln := &p.lanes[wire.AlarmLane-1]
	base := max(ln.cursor, ln.dropped)
	add := func(first uint64, data []byte) {
		for seq := first; len(data) > 0; seq++ {
			raw, rest, err := cutRecord(data)
			if err != nil {
				return
			}
			if rec, err := wire.DecodeRecord(raw, wire.AlarmLane, seq); err == nil && seq > base && rec.Kind != wire.RecordGap {
				raws = append(raws, raw)
			}
			data = rest
		}
	}
	for _, r := range ln.runs {
		b, err := r.at.read()
		if err != nil {
			p.j.opt.Log.Error("alarms could not be read back from the journal and are lost to the new epoch", "pump", p.id.String(), "error", err)
			continue
		}
		if h, data, err := parseRun(b); err == nil {
			add(h.first, data)
		}
	}
	for _, e := range p.j.queue {
		if e.p == p && e.epoch == p.epoch {
			add(e.runs[1].first, e.runs[1].data)
		}
	}
	return raws
}
