package telemetry

import (
	"errors"
	"log/slog"
	"time"

	"cisterna/device/wire"
)

// How much one transaction of the alarm lane takes. A pump that floods its lane
// gets its turn like every other; it cannot keep another's alarm waiting.
const (
	maxAlarms        = 64
	maxAlarmsPerPump = 16
)

// alarmLane is the batcher of alarms. It commits at once.
type alarmLane struct {
	s     *Service
	in    chan *message
	queue map[int64][]*message // by pump, in order of arrival
	turn  []int64              // pumps with something queued, next first
	down  bool
	doubt map[int64]bool // pumps of commits that nobody knows the outcome of
}

// alarmStep is the part of a message that one transaction takes.
type alarmStep struct {
	m           *message
	first, last uint64
	final       bool // nothing of the message is left after it
	verdict     verdict
	applied     int // alarm records
}

func newAlarmLane(s *Service) *alarmLane {
	return &alarmLane{s: s, in: make(chan *message, 1024), queue: map[int64][]*message{}, doubt: map[int64]bool{}}
}

// run works until in is closed and everything is done.
func (l *alarmLane) run() {
	for open := true; open || len(l.turn) > 0; {
		if len(l.turn) == 0 {
			m, ok := <-l.in
			if !ok {
				return
			}
			l.add(m)
		}
		for open && len(l.in) > 0 {
			var m *message
			if m, open = <-l.in; open {
				l.add(m)
			}
		}
		l.commit(l.take(), time.Now())
	}
}

func (l *alarmLane) add(m *message) {
	if len(l.queue[m.pump]) == 0 {
		l.turn = append(l.turn, m.pump)
	}
	l.queue[m.pump] = append(l.queue[m.pump], m)
}

// take gives each pump its turn: up to maxAlarmsPerPump records of its oldest
// message.
func (l *alarmLane) take() []alarmStep {
	var steps []alarmStep
	var again []int64
	for n := 0; len(l.turn) > 0 && n < maxAlarms; {
		id := l.turn[0]
		l.turn = l.turn[1:]
		m := l.queue[id][0]
		step := alarmStep{m: m, first: m.first, last: m.chunk(maxAlarmsPerPump)}
		step.final = step.last == m.last
		n += m.count(step.first, step.last)
		m.first = step.last + 1
		steps = append(steps, step)
		if step.final {
			if l.queue[id] = l.queue[id][1:]; len(l.queue[id]) == 0 {
				delete(l.queue, id)
				continue
			}
		}
		again = append(again, id)
	}
	l.turn = append(l.turn, again...)
	return steps
}

// chunk returns the last sequence of the first n records from m.first on.
func (m *message) chunk(n int) uint64 {
	seqs := make([]uint64, 0, len(m.batch.Records)+len(m.bad))
	i, j := 0, 0
	for i < len(m.batch.Records) || j < len(m.bad) {
		if j == len(m.bad) || i < len(m.batch.Records) && m.batch.Records[i].Seq < m.bad[j].seq {
			seqs = append(seqs, m.batch.Records[i].Last())
			i++
		} else {
			seqs = append(seqs, m.bad[j].seq)
			j++
		}
	}
	for _, last := range seqs {
		if last < m.first {
			continue
		}
		if n--; n == 0 {
			return last
		}
	}
	return m.last
}

// count returns the number of good records from first to last.
func (m *message) count(first, last uint64) (n int) {
	for i := range m.batch.Records {
		if r := &m.batch.Records[i]; r.Last() >= first && r.Seq <= last {
			n++
		}
	}
	return n
}

// errRecord is wrapped by errors that are about what a record says, though no
// SQLSTATE says so.
var errRecord = errors.New("the record cannot be applied")

// commit stores steps and reports whether all of them were.
func (l *alarmLane) commit(steps []alarmStep, start time.Time) bool {
	var pumps map[int64]*pumpPlan
	err := retry(&l.s.Stats, start, &l.down, func() (err error) {
		pumps, err = l.s.storeAlarms(steps)
		return err
	})
	switch {
	case err == nil:
		l.settle(steps)
		l.tell(steps, pumps)
		return true
	case !transient(err) && len(steps) > 1:
		first := l.commit(steps[:len(steps)/2], start)
		return l.commit(steps[len(steps)/2:], start) && first
	case aboutData(err):
		return l.quarantine(steps[0], start, err)
	}
	l.s.Log.Error("alarms were not stored and go back to the pumps", slog.Int("messages", len(steps)), slog.String("error", err.Error()))
	for i := range steps {
		l.giveBack(&steps[i], err)
	}
	return false
}

func (l *alarmLane) doubted(steps []alarmStep) {
	for i := range steps {
		l.doubt[steps[i].m.pump] = true
	}
}

// settle makes everybody read afresh once more after a doubt. Whoever read at once
// may have been faster than the database with the commit; the pump's next step
// had to wait for it, because both lock the cursor.
func (l *alarmLane) settle(steps []alarmStep) {
	settled := false
	for i := range steps {
		pump := steps[i].m.pump
		settled = settled || l.doubt[pump]
		delete(l.doubt, pump)
	}
	if settled {
		l.s.Alarms.Events().Miss()
	}
}

// giveBack ends a message that was not stored. What is left of it is dropped:
// the pump sends all of it again.
func (l *alarmLane) giveBack(step *alarmStep, err error) {
	if !step.final {
		id := step.m.pump
		if q := l.queue[id]; len(q) > 0 && q[0] == step.m {
			if l.queue[id] = q[1:]; len(l.queue[id]) == 0 {
				delete(l.queue, id)
				l.removeTurn(id)
			}
		}
	}
	l.s.Stats.Failed.Add(1)
	l.s.Stats.Waiting.Add(-1)
	l.s.giveBack(step.m, err)
}

func (l *alarmLane) removeTurn(id int64) {
	for i, t := range l.turn {
		if t == id {
			l.turn = append(l.turn[:i:i], l.turn[i+1:]...)
			return
		}
	}
}

// quarantine stores a step that cannot be applied as a whole record by record.
// A record that cannot be applied at all is kept among the refusals, and an
// operator hears of it: it may have been an alarm.
func (l *alarmLane) quarantine(step alarmStep, start time.Time, why error) bool {
	m := step.m
	if rec := m.only(step.first, step.last); rec != nil {
		l.s.Log.Error("an alarm record cannot be applied and is kept among the refusals: read it there",
			slog.Int64("pump", m.pump), slog.Uint64("epoch", m.batch.Epoch), slog.Uint64("seq", rec.Seq), slog.String("error", why.Error()))
		m.bad = append(m.bad, badRecord{seq: rec.Seq, code: CodeMalformed, reason: "The record cannot be applied: " + why.Error(), bytes: wire.AppendRecord(nil, rec)})
		sortBad(m.bad)
		m.drop(rec.Seq)
		return l.commit([]alarmStep{step}, start)
	}
	if m.count(step.first, step.last) == 0 {
		l.giveBack(&step, why) // not even the refusal can be stored
		return false
	}
	for step.first <= step.last {
		rest := m.first
		m.first = step.first
		part := alarmStep{m: m, first: step.first, last: min(m.chunk(1), step.last)}
		m.first = rest
		part.final = step.final && part.last == step.last
		step.first = part.last + 1
		if !l.commit([]alarmStep{part}, start) {
			return false // the pump has been answered, and sends the rest with it
		}
	}
	return true
}

// only returns the record that alone makes up the sequences from first to last,
// nil if there are more or none.
func (m *message) only(first, last uint64) (one *wire.Record) {
	for i := range m.batch.Records {
		r := &m.batch.Records[i]
		if r.Last() < first || r.Seq > last {
			continue
		}
		if one != nil {
			return nil
		}
		one = r
	}
	return one
}

func (m *message) drop(seq uint64) {
	for i := range m.batch.Records {
		if m.batch.Records[i].Seq == seq {
			m.batch.Records = append(m.batch.Records[:i:i], m.batch.Records[i+1:]...)
			return
		}
	}
}

// tell answers the links and whoever listens. Alarms themselves are told of by
// package alarm.
func (l *alarmLane) tell(steps []alarmStep, pumps map[int64]*pumpPlan) {
	s := l.s
	s.Stats.CommittedAt.Store(s.Now().UnixMilli())
	var changes []Changed
	for i := range steps {
		st := &steps[i]
		m := st.m
		s.Stats.Alarms.Add(uint64(st.applied))
		if st.verdict == accept {
			s.Stats.Records.Add(uint64(m.count(st.first, st.last)))
		}
		if len(m.bad) > 0 && st.final {
			s.Stats.Refused.Add(uint64(len(m.bad)))
			changes = append(changes, Changed{Pump: m.pump, At: m.at, Reload: true})
		}
		switch {
		case st.verdict == behind && st.final:
			s.Stats.Duplicates.Add(1)
		case st.verdict == ahead:
			s.Stats.Rewinds.Add(1)
			s.leftOut(m)
		}
		if !st.final {
			continue
		}
		if st.verdict == jumped {
			s.refusedLate(m)
			continue
		}
		s.Stats.Waiting.Add(-1)
		m.done(nil)
	}
	for _, pp := range pumps {
		s.acks.cursor(pp.link, wire.AlarmLane, pp.pos, pp.rewinds())
	}
	if len(changes) > 0 {
		s.events.Publish(changes)
	}
}
