package overview

import (
	"container/heap"
	"slices"
	"time"

	"cisterna/fleet/filter"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// Query asks for a part of the list.
type Query struct {
	Filter filter.Filter
	Sort   Sort
	After  *Place // where the page before ended; nil: the first page
	Limit  int    // rows; 0: all
	// Only, if not nil, are the pumps that are meant, whatever else the filter says.
	Only map[int64]struct{}
}

// Part is a part of the list at one revision.
type Part struct {
	Epoch   string
	Rev     uint64
	At      time.Time
	Rows    []Row
	Total   int    // pumps of the sites in scope
	Matched int    // of them, those that the filter means
	Next    *Place // where the page ended; nil: it was the last
}

// Page returns a page of the list. A pump whose value in the sort column does not
// change is on exactly one page, whatever comes, goes and changes between the
// pages; one that changes it may be on two or on none. The serial number, by which
// a list is sorted unless asked otherwise, does not change.
//
// Errors: Invalid (names the field).
func (b *Board) Page(scope auth.Scope, q Query) (Part, error) {
	order, err := q.Sort.order()
	if err != nil {
		return Part{}, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	means, err := b.compile(scope, q.Filter)
	if err != nil {
		return Part{}, err
	}
	now := b.s.Now()
	p := Part{Epoch: b.epoch, Rev: b.rev, At: now}
	var span [2]int
	if q.After != nil {
		span = b.at(q.After.Serial, q.After.ID)
	}
	best := &lastFirst{order: order}
	for i, e := range b.all {
		if !scope.AllowsPump(e.Site, e.ID) {
			continue
		}
		p.Total++
		if q.Only != nil {
			if _, ok := q.Only[e.ID]; !ok {
				continue
			}
		}
		if !means(e, now) {
			continue
		}
		p.Matched++
		c := candidate{e: e, at: i}
		if order.of != nil {
			c.key = order.of(b, e)
		}
		if q.After != nil && !order.behind(c, q.After.Key, span) {
			continue
		}
		best.offer(c, q.Limit)
	}
	found := best.sorted()
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
		last := found[q.Limit-1]
		p.Next = &Place{Key: last.key, Serial: last.e.Serial, ID: last.e.ID}
	}
	p.Rows = make([]Row, len(found))
	for i, c := range found {
		p.Rows[i] = c.e.Row
	}
	return p, nil
}

// candidate is an entry that may be on a page.
type candidate struct {
	e   *entry
	at  int // in the order by serial number
	key key
}

// lastFirst keeps the first so many candidates in an order: a heap with the last
// of them on top.
type lastFirst struct {
	all   []candidate
	order order
}

// offer takes a candidate if it is among the first limit and one; the one more
// tells whether there is another page. 0 takes all.
func (h *lastFirst) offer(c candidate, limit int) {
	switch {
	case limit == 0 || h.order.straight() && len(h.all) <= limit:
		h.all = append(h.all, c)
	case len(h.all) <= limit:
		heap.Push(h, c)
	case h.order.straight(): // those that come later are behind
	case h.order.less(c, h.all[0]):
		h.all[0] = c
		heap.Fix(h, 0)
	}
}

func (h *lastFirst) sorted() []candidate {
	if !h.order.straight() {
		slices.SortFunc(h.all, func(x, y candidate) int {
			if h.order.less(x, y) {
				return -1
			}
			return 1 // of two entries, one is before the other
		})
	}
	return h.all
}

func (h *lastFirst) Len() int           { return len(h.all) }
func (h *lastFirst) Less(i, j int) bool { return h.order.less(h.all[j], h.all[i]) }
func (h *lastFirst) Swap(i, j int)      { h.all[i], h.all[j] = h.all[j], h.all[i] }
func (h *lastFirst) Push(x any)         { h.all = append(h.all, x.(candidate)) }
func (h *lastFirst) Pop() any           { panic("overview: nothing is popped") }

// Selection is what a filter means at one revision.
type Selection struct {
	Epoch string
	Rev   uint64
	Pumps []int64 // rising
}

// Select returns the pumps of the sites in scope that a filter means. Errors: Invalid
// (names the field).
func (b *Board) Select(scope auth.Scope, f filter.Filter) (Selection, error) {
	return b.selectBy(schema, scope, f)
}

// SelectBlind is Select for whoever may not know whom pumps are in. Errors: Denied too,
// if the filter asks for it.
func (b *Board) SelectBlind(scope auth.Scope, f filter.Filter) (Selection, error) {
	return b.selectBy(blind, scope, f)
}

func (b *Board) selectBy(s filter.Schema[entry], scope auth.Scope, f filter.Filter) (Selection, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	means, err := b.compileBy(s, scope, f)
	if err != nil {
		return Selection{}, err
	}
	now := b.s.Now()
	out := Selection{Epoch: b.epoch, Rev: b.rev}
	for _, e := range b.all {
		if scope.AllowsPump(e.Site, e.ID) && means(e, now) {
			out.Pumps = append(out.Pumps, e.ID)
		}
	}
	slices.Sort(out.Pumps)
	return out, nil
}

// Tally counts what a filter means.
type Tally struct {
	Epoch   string
	Rev     uint64
	At      time.Time
	Total   int // pumps of the sites in scope
	Matched int
	Facets  map[string]map[string]int // of those that match, by field and value; "none" is none
}

// facets are the fields whose values are counted.
var facets = map[string]func(*Board, *entry, *counter){
	"site":     func(b *Board, e *entry, c *counter) { c.add(b.sites[e.Site].Short) },
	"status":   func(_ *Board, e *entry, c *counter) { c.add(e.Status) },
	"presence": func(_ *Board, e *entry, c *counter) { c.add(string(e.Presence)) },
	"model":    func(_ *Board, e *entry, c *counter) { c.add(e.Model) },
	"profile":  func(_ *Board, e *entry, c *counter) { c.add(e.Profile) },
	"firmware": func(_ *Board, e *entry, c *counter) { c.add(e.Firmware) },
	"library":  func(_ *Board, e *entry, c *counter) { c.add(e.Library) },
	"sync":     func(_ *Board, e *entry, c *counter) { c.add(string(e.Sync)) },
	"quality":  func(_ *Board, e *entry, c *counter) { c.add(string(e.Quality)) },
	"run":      func(_ *Board, e *entry, c *counter) { c.add(e.runText()) },
	"alarm":    func(_ *Board, e *entry, c *counter) { c.addAll(e.Alarms.priorities()) },
	"tag":      func(_ *Board, e *entry, c *counter) { c.addAll(e.Tags) },
}

// Facets lists the fields that Count counts the values of.
func Facets() []string {
	var names []string
	for n := range facets {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Count counts the pumps of the sites in scope that a filter means, and the values
// of some of their fields. Errors: Invalid (names the field).
func (b *Board) Count(scope auth.Scope, f filter.Filter, by ...string) (Tally, error) {
	t := Tally{Facets: map[string]map[string]int{}}
	counters := make([]counter, len(by))
	for i, name := range by {
		if facets[name] == nil {
			return t, errs.InvalidField("facets", "The values of %q are not counted.", clipText(name))
		}
		counters[i].of = facets[name]
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	means, err := b.compile(scope, f)
	if err != nil {
		return t, err
	}
	t.Epoch, t.Rev, t.At = b.epoch, b.rev, b.s.Now()
	for _, e := range b.all {
		if !scope.AllowsPump(e.Site, e.ID) {
			continue
		}
		t.Total++
		if !means(e, t.At) {
			continue
		}
		t.Matched++
		for i := range counters {
			counters[i].of(b, e, &counters[i])
		}
	}
	for i, name := range by {
		t.Facets[name] = counters[i].counts()
	}
	return t, nil
}

// counter counts values. Most facets have a handful, which a look along a short
// list finds sooner than a hash.
type counter struct {
	of  func(*Board, *entry, *counter)
	few [12]struct {
		value string
		n     int
	}
	used int
	many map[string]int
}

func (c *counter) add(v string) {
	for i := range c.used {
		if c.few[i].value == v {
			c.few[i].n++
			return
		}
	}
	switch {
	case c.used < len(c.few):
		c.few[c.used].value, c.few[c.used].n = v, 1
		c.used++
	case c.many == nil:
		c.many = map[string]int{v: 1}
	default:
		c.many[v]++
	}
}

func (c *counter) addAll(values []string) {
	for _, v := range values {
		c.add(v)
	}
	if len(values) == 0 {
		c.add("")
	}
}

func (c *counter) counts() map[string]int {
	out := make(map[string]int, c.used+len(c.many))
	put := func(v string, n int) {
		if v == "" {
			v = "none"
		}
		out[v] += n
	}
	for _, f := range c.few[:c.used] {
		put(f.value, f.n)
	}
	for v, n := range c.many {
		put(v, n)
	}
	return out
}

// Sites returns the names of sites by id, as the list has them.
func (b *Board) Sites() map[int64]string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := make(map[int64]string, len(b.sites))
	for id, n := range b.sites {
		out[id] = n.Short
	}
	return out
}

// GroupNames returns the names of groups by id, as the list has them.
func (b *Board) GroupNames() map[int64]string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := make(map[int64]string, len(b.groups))
	for _, g := range b.groups {
		out[g.ID] = g.Name
	}
	return out
}
