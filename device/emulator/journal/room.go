package journal

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"cisterna/device/wire"
)

const reserveName = "reserve"

// refused handles a group that the disk did not take: everything goes back, and
// if the disk is full, the oldest telemetry makes room. It reports whether
// another attempt is worth making at once.
func (w *writer) refused(g *group, err error) (again bool) {
	j := w.j
	j.mu.Lock()
	for _, pl := range g.places {
		if pl.p != nil {
			for i := range pl.p.lanes {
				pl.p.lanes[i].last = pl.p.lanes[i].durable
			}
		}
	}
	for _, p := range g.metas {
		p.markDirty()
	}
	j.queue = append(g.took, j.queue...)
	for _, e := range g.took {
		j.queued += e.size()
		if e.opens && e.epoch == e.p.epoch {
			e.p.opening = e
		}
	}
	j.flushers = append(g.flush, j.flushers...)
	first := j.health == nil
	if isFull(err) {
		again = w.makeRoom()
		j.health = fmt.Errorf("the disk is full: the oldest telemetry makes room for the newest and for alarms, %d records dropped so far: %w", j.dropped, err)
	} else {
		w.clean = nil
		j.health = fmt.Errorf("the journal cannot be written and records wait in memory: %w", err)
	}
	gone := w.boundQueue()
	health := j.health
	j.mu.Unlock()
	if first {
		j.opt.Log.Error("journal trouble", "error", health)
	}
	for _, e := range gone {
		e.finish(ErrDropped)
	}
	return again
}

// makeRoom gives the reserve back and starts a forced cleaning of the oldest
// segment. It reports whether that changed anything. Called with Journal.mu held.
func (w *writer) makeRoom() (again bool) {
	j := w.j
	if w.reserve {
		if err := j.opt.FS.Remove(reserveName); err != nil {
			j.opt.Log.Warn("remove the journal's reserve", "error", err)
		}
		w.reserve, again = false, true
	}
	if len(j.segs) == 0 {
		return again
	}
	j.open = false
	again = again || w.clean == nil
	w.evictMain(j.segs[0])
	w.clean = &cleaner{w: w, seg: j.segs[0], off: headerBytes, force: true}
	return again
}

// boundQueue gives up the oldest telemetry that waits in memory when too much
// does, and returns the writes of which nothing is left. Called with Journal.mu
// held.
func (w *writer) boundQueue() (gone []*pending) {
	j := w.j
	for i := 0; i < len(j.queue) && j.queued > j.opt.PendingBytes; i++ {
		e := j.queue[i]
		r := &e.runs[wire.MainLane-1]
		if r.data == nil {
			continue
		}
		if e.epoch == e.p.epoch {
			e.p.drop(&e.p.lanes[wire.MainLane-1], r.last, "overflow")
		}
		j.queued -= e.size()
		*r = pendingRun{}
		if !e.empty() {
			j.queued += e.size()
		}
	}
	j.queue = slices.DeleteFunc(j.queue, func(e *pending) bool {
		if e.empty() {
			gone = append(gone, e)
			return true
		}
		return false
	})
	return gone
}

// recovered notes that the disk takes writes again. After a full disk that is
// only so when the reserve fits as well.
func (w *writer) recovered() {
	j := w.j
	j.mu.Lock()
	sick := j.health
	j.mu.Unlock()
	if sick == nil && w.reserve || time.Since(w.tried) < j.opt.Retry {
		return
	}
	w.makeReserve()
	if sick != nil && w.reserve {
		j.mu.Lock()
		j.health = nil
		j.mu.Unlock()
		j.opt.Log.Info("the journal is written again")
	}
}

// makeReserve sets space aside that a full disk gives back.
func (w *writer) makeReserve() {
	j := w.j
	w.tried = time.Now()
	if w.reserve {
		return
	}
	if f, err := j.opt.FS.Open(reserveName); err == nil {
		n, err := f.Size()
		if err = errors.Join(err, f.Close()); err == nil && n == j.opt.ReserveBytes {
			w.reserve = true
			return
		}
		if err := j.opt.FS.Remove(reserveName); err != nil {
			return // tried again later
		}
	}
	f, err := j.opt.FS.Create(reserveName)
	if err != nil {
		return
	}
	if _, err = f.WriteAt(make([]byte, j.opt.ReserveBytes), 0); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		w.reserve = true
		return
	}
	if err := j.opt.FS.Remove(reserveName); err != nil {
		j.opt.Log.Debug("remove an unfinished reserve", "error", err)
	}
}

// stop ends the journal if it is being closed, telling all who wait.
func (w *writer) stop(err error) bool {
	j := w.j
	j.mu.Lock()
	if !j.closed {
		j.mu.Unlock()
		return false
	}
	queue := j.queue
	j.queue = nil
	answer(j.flushers)
	j.flushers = nil
	j.mu.Unlock()
	for _, e := range queue {
		e.finish(fmt.Errorf("%w: %w", ErrClosed, err))
	}
	return true
}
