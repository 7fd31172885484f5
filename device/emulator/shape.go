package emulator

import (
	"slices"
	"time"
)

// shaper does to publications what a bad network does: it says them twice, late,
// or in another order. TCP lets none of that happen on its own; a broker between,
// or a reconnect at the wrong moment, does.
type shaper struct {
	twice, late, swap time.Time // until when
	delay             time.Duration
	held              *publication // waits for another to overtake it
	heldAt            time.Time
	queue             []delayed
}

type delayed struct {
	publication
	at time.Time
}

// overtakeIn is how long a publication waits to be overtaken.
const overtakeIn = 2 * time.Second

// shape takes what is to go out and returns what does go out now.
func (s *shaper) shape(in []publication, now time.Time) (out []publication) {
	for _, p := range in {
		if now.Before(s.late) {
			s.queue = append(s.queue, delayed{p, now.Add(s.delay)})
			continue
		}
		out = append(out, p)
	}
	due := 0
	for due < len(s.queue) && !now.Before(s.queue[due].at) {
		out = append(out, s.queue[due].publication)
		due++
	}
	s.queue = slices.Delete(s.queue, 0, due)
	if now.Before(s.swap) {
		out = s.reorder(out, now)
	}
	if s.held != nil && (!now.Before(s.swap) || now.Sub(s.heldAt) >= overtakeIn) {
		out = append(out, *s.held)
		s.held = nil
	}
	if now.Before(s.twice) {
		for _, p := range out {
			p.what = whatEcho
			out = append(out, p)
		}
	}
	return out
}

// reorder lets every second publication be overtaken by the one after it.
func (s *shaper) reorder(in []publication, now time.Time) (out []publication) {
	for i := range in {
		if s.held == nil {
			p := in[i]
			s.held, s.heldAt = &p, now
			continue
		}
		out = append(out, in[i], *s.held)
		s.held = nil
	}
	return out
}

// moment returns when the shaper has something to let go.
func (s *shaper) moment() (t time.Time) {
	if s.held != nil {
		t = s.heldAt.Add(overtakeIn)
	}
	if len(s.queue) > 0 && (t.IsZero() || s.queue[0].at.Before(t)) {
		t = s.queue[0].at
	}
	return t
}
