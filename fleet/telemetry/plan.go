package telemetry

import (
	"slices"
	"time"

	"cisterna/device/wire"
)

// plan is what one transaction of the main lane does, decided under the locks of
// the cursors. It is reused from batch to batch.
type plan struct {
	pumps    map[int64]*pumpPlan
	order    []*pumpPlan // by pump id
	free     []*pumpPlan
	verdicts []verdict // by message
	rows     int       // samples to copy
	records  int       // of any kind, bad ones included
	rare     bool      // there is more than samples to write
}

// cursor is what is committed of a lane.
type cursor struct {
	pos      wire.Position
	wall     int64 // the pump's clock at the last good record, Unix ms, 0 = none
	afterGap bool  // no good record since the last gap
}

// pumpPlan is one pump's part in a plan. Its cursor is where it will be.
type pumpPlan struct {
	cursor
	was    cursor // as the transaction found it
	id     int64
	link   string
	moved  bool
	newest *wire.Record  // sample, nil if there is none
	at     time.Time     // when it was received
	ahead  wire.Position // furthest that came too early
	latest bool          // newest became the latest sample
}

// reset makes the plan ready for a batch: its pumps in id order, no cursor read.
func (p *plan) reset(batch []*message) {
	if p.pumps == nil {
		p.pumps = map[int64]*pumpPlan{}
	}
	clear(p.pumps)
	p.free = append(p.free, p.order...)
	p.order, p.verdicts = p.order[:0], p.verdicts[:0]
	p.rows, p.records, p.rare = 0, 0, false
	for _, m := range batch {
		pp := p.pumps[m.pump]
		if pp == nil {
			if n := len(p.free); n > 0 {
				pp, p.free = p.free[n-1], p.free[:n-1]
			} else {
				pp = new(pumpPlan)
			}
			*pp = pumpPlan{id: m.pump}
			p.pumps[m.pump] = pp
			p.order = append(p.order, pp)
		}
		pp.link = m.link
	}
	slices.SortFunc(p.order, func(a, b *pumpPlan) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
}

// found notes where a cursor stands.
func (pp *pumpPlan) found(c cursor) { pp.cursor, pp.was = c, c }

// decide goes through the batch in order of arrival and says what is stored of
// each message.
func (p *plan) decide(batch []*message) {
	for _, m := range batch {
		pp := p.pumps[m.pump]
		from, v := follow(pp.pos, m.batch.Epoch, m.first, m.last, m.startsWithGap())
		p.verdicts = append(p.verdicts, v)
		if v == ahead {
			pp.tooEarly(wire.Position{Epoch: m.batch.Epoch, Seq: m.last})
		}
		if v != accept {
			continue
		}
		if from != m.first {
			m.encode(from, m.last)
		}
		p.rows += m.rows.n
		p.records += m.records
		p.rare = p.rare || m.rare || pp.afterGap && m.hasGood
		pp.accept(m)
	}
}

// accept moves the pump's cursor past the message.
func (pp *pumpPlan) accept(m *message) {
	pp.pos, pp.moved = wire.Position{Epoch: m.batch.Epoch, Seq: m.last}, true
	if m.hasGood {
		pp.wall = m.wall
	}
	if m.hasGood || m.endsInGap {
		pp.afterGap = m.endsInGap
	}
	if m.newest != nil {
		pp.newest, pp.at = m.newest, m.at
	}
}

// tooEarly notes records that something is missing before.
func (pp *pumpPlan) tooEarly(last wire.Position) {
	if after(last, pp.ahead) {
		pp.ahead = last
	}
}

// rewinds reports whether the pump has to send again what came too early.
func (pp *pumpPlan) rewinds() bool { return after(pp.ahead, pp.pos) }

func after(a, b wire.Position) bool {
	return a.Epoch > b.Epoch || a.Epoch == b.Epoch && a.Seq > b.Seq
}
