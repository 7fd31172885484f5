package gateway

import "time"

// sweep lets time pass: once a tick it advances the clock that everybody reads
// and closes connections that are over a limit.
func (g *Gateway) sweep() {
	defer close(g.swept)
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-g.over:
			return
		case <-t.C:
		}
		g.closeOverdue(g.ticks.Add(1))

		g.throttledMu.Lock()
		waiting := g.throttled
		g.throttled = nil
		g.throttledMu.Unlock()
		for _, s := range waiting {
			s.mu.Lock()
			s.wakeLocked()
			s.mu.Unlock()
		}
		g.writeLeft()
	}
}

// writeLeft writes what waited for something to leave with, and nothing came.
func (g *Gateway) writeLeft() {
	g.alongMu.Lock()
	listed := g.along
	g.along = nil
	g.alongMu.Unlock()
	for _, s := range listed {
		s.mu.Lock()
		s.out.listed = false
		write := !s.ended && s.out.signalWriter()
		s.mu.Unlock()
		if write {
			g.write(s)
		}
	}
}

// writeNextTick has the sweep look whether something still waits in a session.
func (g *Gateway) writeNextTick(s *session) {
	g.alongMu.Lock()
	g.along = append(g.along, s)
	g.alongMu.Unlock()
}

func (g *Gateway) closeOverdue(now uint32) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, s := range g.sessions {
		if reason := s.overdue(now); reason != "" {
			s.end(reason)
		}
	}
}

// overdue returns the reason to close the session now, if there is one.
func (s *session) overdue(now uint32) string {
	if since := s.writeSince.Load(); since != 0 && now-since > ticks(writeWithin) {
		return ReasonOverflow
	}
	if at := s.failedAt.Load(); at != 0 && now-at > ticks(commitGrace) {
		return ReasonIO
	}
	if s.held.Load() {
		return "" // the pump may well have spoken; we are not listening
	}
	if begun := s.begun.Load(); begun != 0 {
		if now-begun > ticks(packetWithin) {
			return ReasonKeepAlive
		}
		return ""
	}
	if now-s.heard.Load() > s.limit {
		return ReasonKeepAlive
	}
	return ""
}

// wakeNextTick has the sweep wake a session that used up its rate.
func (g *Gateway) wakeNextTick(s *session) {
	g.throttledMu.Lock()
	g.throttled = append(g.throttled, s)
	g.throttledMu.Unlock()
}
