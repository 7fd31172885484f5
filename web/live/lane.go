package live

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"cisterna/internal/auth"
)

// lane is what all viewers of the same sites share: their encoded frames and
// their numbered alarms and orders.
type lane struct {
	scope   auth.Scope
	viewers map[*client]struct{}
	empty   time.Time // since when there are no viewers

	rev     uint64 // what viewers that keep up have been sent
	from    uint64 // the revision before
	frames  []message
	catchUp map[uint64][]message // from other revisions to rev; nil frames: reset

	// Alarms and orders are numbered without gaps within a lane. A new lane begins with a
	// number that no earlier lane of these sites can have passed, so that a
	// viewer's position in one that was forgotten is never mistaken for one here.
	seq  uint64
	base uint64 // what came up to here is not in the ring
	ring [Lane]message

	beat   message // of the present rev and seq, nil if they have moved
	beatNo uint64  // the hub's beat that it was made for
}

func scopeKey(s auth.Scope) string {
	if s.All {
		return "all"
	}
	var b strings.Builder
	for _, site := range s.Sites {
		b.WriteString(strconv.FormatInt(site, 36))
		b.WriteByte(' ')
	}
	if s.Pump != 0 {
		b.WriteByte('p')
		b.WriteString(strconv.FormatInt(s.Pump, 36))
	}
	return b.String()
}

// canonical returns the scope with its sites in order and once.
func canonical(s auth.Scope) auth.Scope {
	if s.All {
		return auth.Scope{All: true}
	}
	sites := slices.Clone(s.Sites)
	slices.Sort(sites)
	return auth.Scope{Sites: slices.Compact(sites), Pump: s.Pump}
}

// laneFor returns the lane of a scope. h.mu is held.
func (h *Hub) laneFor(s auth.Scope) *lane {
	s = canonical(s)
	key := scopeKey(s)
	l := h.lanes[key]
	if l == nil {
		l = &lane{scope: s, viewers: map[*client]struct{}{}, rev: h.mirror.rev, from: h.mirror.rev, seq: h.numbered, base: h.numbered, empty: h.now()}
		h.lanes[key] = l
	}
	return l
}

func (h *Hub) forgetLanes() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, l := range h.lanes {
		if len(l.viewers) == 0 && h.now().Sub(l.empty) > Remember {
			delete(h.lanes, key)
		}
	}
}

// advance takes a flush: it encodes what the lane's viewers may see of it, once.
// It reports whether there is anything to send.
func (l *lane) advance(s step) bool {
	var pieces []piece
	for _, c := range s.rows {
		if b := c.forViewers(l.scope.AllowsPump); b != nil {
			pieces = append(pieces, piece{c.rev, b})
		}
	}
	var removed []int64
	for _, d := range s.left {
		if l.scope.AllowsPump(d.site, d.id) && !slices.ContainsFunc(s.rows, func(c change) bool { return c.id == d.id && l.scope.AllowsPump(c.site, c.id) }) {
			removed = append(removed, d.id)
		}
	}
	if len(pieces) == 0 && len(removed) == 0 {
		return false
	}
	slices.SortStableFunc(pieces, func(a, b piece) int {
		if a.rev < b.rev {
			return -1
		}
		return min(1, int(a.rev-b.rev))
	})
	frames, ok := deltaFrames(l.rev, s.to, pieces, removed)
	l.from, l.rev, l.frames = l.rev, s.to, frames
	l.catchUp, l.beat = nil, nil
	if !ok {
		for c := range l.viewers {
			c.reset = "large"
		}
	}
	return true
}

// frames returns what brings a viewer from a revision to the lane's; ok is false
// if that needs a reset. h.mu is held.
func (h *Hub) frames(l *lane, from uint64) (frames []message, ok bool) {
	switch {
	case from >= l.rev: // a snapshot may be ahead of the last flush
		return nil, true
	case from == l.from && l.frames != nil:
		return l.frames, true
	}
	if frames, ok := l.catchUp[from]; ok {
		return frames, frames != nil
	}
	rows, removed, ok := h.mirror.catchUp(from, l.scope.AllowsPump)
	if ok {
		pieces := make([]piece, len(rows))
		for i, r := range rows {
			pieces[i] = piece{r.rev, r.full}
		}
		frames, ok = deltaFrames(from, l.rev, pieces, removed)
	}
	if !ok {
		frames = nil
	}
	if l.catchUp == nil || len(l.catchUp) >= maxCatchUps {
		l.catchUp = map[uint64][]message{}
	}
	l.catchUp[from] = frames
	return frames, ok
}

// maxCatchUps bounds how many ways to one revision are kept.
const maxCatchUps = 16

// add appends a change of an alarm or an order; frame encodes it with its number.
func (l *lane) add(frame func(seq uint64) []byte) {
	l.seq++
	l.ring[l.seq%Lane] = prepare(frame(l.seq))
	l.beat = nil
}

// skip leaves a number out: what it stood for is lost, and whoever has not seen
// it must start again.
func (l *lane) skip() {
	l.seq++
	l.base, l.beat = l.seq, nil
	clear(l.ring[:])
}

// oldest returns the first position from which the lane can go on.
func (l *lane) oldest() uint64 {
	if l.seq > Lane {
		return max(l.base, l.seq-Lane)
	}
	return l.base
}
