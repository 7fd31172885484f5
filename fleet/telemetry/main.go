package telemetry

import (
	"errors"
	"log/slog"
	"slices"
	"time"

	"cisterna/device/wire"
)

// Limits of one transaction of the main lane, and of the queue before it.
const (
	maxRows  = 2000
	maxQueue = 4096
	pace     = 20 * time.Millisecond // from one transaction's start to the next, so that none is made for a handful of rows
	nap      = 2 * time.Millisecond
	giveUp   = 5 * time.Second  // after that a message goes back to its pump
	maxAge   = 50 * time.Second // of a message at the start of its transaction; the rollup relies on it
)

// mainLane is the batcher of samples and events. One goroutine collects and
// commits; another tells the world, so that the next batch need not wait.
type mainLane struct {
	s     *Service
	in    chan *message
	out   chan *outcome
	free  chan *outcome
	store mainStore
	began time.Time // start of the last transaction
	down  bool      // it failed for lack of a database
}

// outcome is a committed batch on its way to those who wait for it.
type outcome struct {
	batch    []*message
	verdicts []verdict
	pumps    []pumpPlan
}

func newMainLane(s *Service) *mainLane {
	l := &mainLane{s: s, in: make(chan *message, maxQueue), out: make(chan *outcome, 4), free: make(chan *outcome, 8)}
	l.store.db = s.DB.DB
	l.store.forget()
	return l
}

// run works until in is closed and empty.
func (l *mainLane) run() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for o := range l.out {
			l.tell(o)
		}
	}()
	var batch []*message
	for {
		var ok bool
		if batch, ok = l.collect(batch[:0]); !ok {
			break
		}
		l.commit(batch, time.Now())
		clear(batch)
	}
	l.store.close()
	close(l.out)
	<-done
}

// collect waits for a message and takes what is there with it. After a pause it
// returns at once, so that a quiet server answers without delay; under load it
// keeps the pace, which makes fewer and larger transactions.
func (l *mainLane) collect(batch []*message) ([]*message, bool) {
	m, ok := <-l.in
	if !ok {
		return batch, false
	}
	rows := m.records
	batch = append(batch, m)
	for rows < maxRows {
		select {
		case m, ok := <-l.in:
			if !ok {
				return batch, true
			}
			rows += m.records
			batch = append(batch, m)
			continue
		default:
		}
		early := pace - time.Since(l.began)
		if early <= 0 {
			break
		}
		time.Sleep(min(early, nap))
	}
	l.began = time.Now()
	return batch, true
}

// commit stores a batch, whatever it takes: again while the database is away,
// in halves when something in it cannot be stored, so that nobody fails for
// another's records.
func (l *mainLane) commit(batch []*message, start time.Time) {
	batch = l.young(batch)
	if len(batch) == 0 {
		return
	}
	err := retry(&l.s.Stats, start, &l.down, func() error { return l.store.store(batch) })
	switch {
	case err == nil:
		l.committed(batch)
	case !transient(err) && len(batch) > 1:
		l.commit(batch[:len(batch)/2], start)
		l.commit(batch[len(batch)/2:], start)
	case aboutData(err):
		l.quarantine(batch[0], err)
	default:
		l.s.Log.Error("telemetry was not stored and goes back to the pumps", slog.Int("messages", len(batch)), slog.String("error", err.Error()))
		l.giveBack(batch, err)
	}
}

// young gives back the messages that waited too long to be stored now.
func (l *mainLane) young(batch []*message) []*message {
	limit := l.s.Now().Add(-maxAge)
	old := func(m *message) bool { return m.at.Before(limit) }
	if !slices.ContainsFunc(batch, old) {
		return batch
	}
	var kept []*message
	for i, m := range batch {
		if old(m) {
			l.giveBack(batch[i:i+1], errTooOld)
		} else {
			kept = append(kept, m)
		}
	}
	return kept
}

var errTooOld = errors.New("telemetry: the message waited too long for the database")

func (l *mainLane) giveBack(batch []*message, err error) {
	l.s.Stats.Failed.Add(uint64(len(batch)))
	for _, m := range batch {
		l.s.Stats.Waiting.Add(-1)
		l.s.giveBack(m, err)
	}
}

// retry calls f until it succeeds, fails for good, or giveUp has passed since
// start. Once the database is known to be away, each batch gets one try only, so
// that what is queued does not wait in turn.
func retry(stats *Stats, start time.Time, down *bool, f func() error) error {
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := f()
		if err == nil || !transient(err) {
			*down = false
			return err
		}
		stats.Retries.Add(1)
		if *down || time.Since(start)+wait > giveUp {
			*down = true
			return err
		}
		time.Sleep(wait)
	}
}

// quarantine stores a message that the database does not take, record by
// record. What still fails is set aside, visible to people, and the stream goes
// on.
func (l *mainLane) quarantine(m *message, why error) {
	l.s.Log.Error("a signed message cannot be stored; its records are tried one by one",
		slog.Int64("pump", m.pump), slog.Uint64("first", m.first), slog.String("error", why.Error()))
	all, bad := m.batch.Records, m.bad
	step := *m
	for i, j := 0, 0; i < len(all) || j < len(bad); {
		step.batch, step.bad, step.rows = wire.Batch{Pump: m.batch.Pump, Epoch: m.batch.Epoch, First: m.batch.First}, nil, rows{}
		var rec *wire.Record
		if j == len(bad) || i < len(all) && all[i].Seq < bad[j].seq {
			rec = &all[i]
			step.batch.Records = all[i : i+1]
			step.encode(rec.Seq, rec.Last())
			i++
		} else {
			step.bad = bad[j : j+1]
			step.encode(bad[j].seq, bad[j].seq)
			j++
		}
		err := l.store.store([]*message{&step})
		if err != nil && aboutData(err) && rec != nil {
			step.batch.Records, step.bad = nil, []badRecord{{seq: rec.Seq, code: CodeMalformed, reason: "The database does not take the record: " + err.Error(), bytes: wire.AppendRecord(nil, rec)}}
			step.encode(rec.Seq, rec.Last())
			err = l.store.store([]*message{&step})
		}
		if err != nil {
			l.giveBack([]*message{m}, err)
			return
		}
	}
	step.rare = true // more than its last record changed
	l.committed([]*message{&step})
}

// committed hands what the store decided to the finisher.
func (l *mainLane) committed(batch []*message) {
	p := &l.store.plan
	l.s.Stats.Batches.Add(1)
	l.s.Stats.CommittedAt.Store(l.s.Now().UnixMilli())
	l.s.Stats.Records.Add(uint64(p.records))
	l.s.Stats.Samples.Add(uint64(p.rows))
	var o *outcome
	select {
	case o = <-l.free:
	default:
		o = new(outcome)
	}
	o.batch = append(o.batch[:0], batch...)
	o.verdicts = append(o.verdicts[:0], p.verdicts...)
	o.pumps = o.pumps[:0]
	for _, pp := range p.order {
		o.pumps = append(o.pumps, *pp)
	}
	l.out <- o
}

// tell answers a committed batch: the links, the pumps, and whoever listens.
func (l *mainLane) tell(o *outcome) {
	s := l.s
	changes := make([]Changed, 0, len(o.pumps))
	for i := range o.pumps {
		pp := &o.pumps[i]
		s.acks.cursor(pp.link, wire.MainLane, pp.pos, pp.rewinds())
		if c, ok := pp.changed(); ok {
			changes = append(changes, c)
		}
	}
	for i, m := range o.batch {
		switch o.verdicts[i] {
		case behind:
			s.Stats.Duplicates.Add(1)
		case ahead:
			s.Stats.Rewinds.Add(1)
			s.leftOut(m)
		case accept:
			if m.rare {
				s.Stats.Refused.Add(uint64(len(m.bad)))
			}
		case jumped:
			s.refusedLate(m)
			continue
		}
		s.Stats.Waiting.Add(-1)
		m.done(nil)
	}
	for i, m := range o.batch {
		if m.rare && o.verdicts[i] == accept {
			changes = append(changes, Changed{Pump: m.pump, At: m.at, Reload: true})
		}
	}
	if len(changes) > 0 {
		s.events.Publish(changes)
	}
	clear(o.pumps) // they point into records
	for _, m := range o.batch {
		m.free()
	}
	clear(o.batch)
	select {
	case l.free <- o:
	default:
	}
}

// changed returns what the board shows of a pump's part in a batch.
func (pp *pumpPlan) changed() (Changed, bool) {
	if !pp.latest {
		return Changed{}, false
	}
	return Changed{Pump: pp.id, At: pp.at, Sample: &Sample{Sample: pp.newest.Sample, DeviceAt: time.UnixMilli(pp.newest.Wall), ReceivedAt: pp.at}}, true
}
