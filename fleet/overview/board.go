package overview

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"cisterna/fleet/alarm"
	"cisterna/fleet/lists"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
	"cisterna/internal/event"
)

// Board is the list of all pumps in memory. It is safe for concurrent use.
type Board struct {
	s     *Service
	epoch string
	wake  chan struct{}

	telemetry *event.Subscription[[]telemetry.Changed]
	alarms    *event.Subscription[alarm.Changed]
	registry  *event.Subscription[registry.Changed]
	lists     *event.Subscription[lists.Changed]

	mu     sync.RWMutex
	rev    uint64
	rows   map[int64]*entry
	all    []*entry // the same, by serial number
	last   *entry   // changed last; entries form a list in the order of change
	sites  map[int64]registry.Site
	groups []lists.Group
}

// entry is a row and its place in the order of change.
type entry struct {
	Row
	older, newer *entry
	text         string // what a filter's text is looked for in, in lower case
	own          int    // bytes of it; behind them is whom the pump is in
}

// Snapshot is the list at one revision.
type Snapshot struct {
	Epoch string
	Rev   uint64
	At    time.Time
	Rows  []Row // of the sites in scope, by id
}

// Changes is what became of the list since a revision.
type Changes struct {
	Epoch string
	Rev   uint64
	Reset bool  // the revision is of another epoch: Rows are all there are
	Rows  []Row // changed, as they are now; of all sites
}

// How many events the board lets wait before it loads everything afresh.
const (
	samplesQueue = 4096 // transactions
	eventsQueue  = 4096
)

func newBoard(s *Service) (*Board, error) {
	b := &Board{
		s: s, epoch: rand.Text(), wake: make(chan struct{}, 1), rows: map[int64]*entry{},
		// Before the load: what commits while it runs is told again.
		telemetry: s.Telemetry.Events().Subscribe(samplesQueue),
		alarms:    s.Options.Alarms.Events().Subscribe(eventsQueue),
		registry:  s.Registry.Events().Subscribe(eventsQueue),
		lists:     s.Lists.Events().Subscribe(eventsQueue),
	}
	return b, b.load(context.Background(), nil)
}

// Run follows the events until ctx ends.
func (b *Board) Run(ctx context.Context) error {
	defer b.telemetry.Close()
	defer b.alarms.Close()
	defer b.registry.Close()
	defer b.lists.Close()
	refresh := time.NewTicker(b.s.Refresh)
	defer refresh.Stop()
	again := make(chan struct{}, 1) // a load that failed
	var stale stalePumps
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-refresh.C:
			stale.all = true
		case <-again:
		case <-b.telemetry.Wake():
		case <-b.alarms.Wake():
		case <-b.registry.Wake():
		case <-b.lists.Wake():
		}
		b.follow(&stale)
		if !stale.any() {
			continue
		}
		if err := b.load(ctx, stale.list()); err != nil {
			if ctx.Err() == nil {
				b.s.Log.Warn("the board could not be read; tried again", slog.String("error", err.Error()))
			}
			time.AfterFunc(time.Second, func() {
				select {
				case again <- struct{}{}:
				default:
				}
			})
			continue
		}
		stale = stalePumps{}
	}
}

// stalePumps are the pumps to be read again.
type stalePumps struct {
	all    bool
	groups bool // what groups there are
	ids    map[int64]struct{}
}

func (s *stalePumps) add(id int64) {
	if s.ids == nil {
		s.ids = map[int64]struct{}{}
	}
	s.ids[id] = struct{}{}
}

func (s *stalePumps) any() bool { return s.all || s.groups || len(s.ids) > 0 }

// list returns the pumps, nil for all.
func (s *stalePumps) list() []int64 {
	if s.all || len(s.ids) > 2000 {
		return nil
	}
	ids := make([]int64, 0, len(s.ids))
	for id := range s.ids {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// follow takes what the events tell: values at once, the rest as pumps to be
// read again.
func (b *Board) follow(stale *stalePumps) {
	batches, missed := b.telemetry.Take()
	alarms, missedAlarms := b.alarms.Take()
	pumps, missedPumps := b.registry.Take()
	marked, missedLists := b.lists.Take()
	stale.all = stale.all || missed || missedAlarms || missedPumps || missedLists
	for _, m := range marked {
		stale.groups = stale.groups || m.Groups
		for _, id := range m.Pumps {
			stale.add(id)
		}
	}
	for _, a := range alarms {
		stale.add(a.Alarm.Pump)
	}
	for _, p := range pumps {
		stale.add(p.Pump.ID)
	}
	b.mu.Lock()
	was := b.rev
	for _, batch := range batches {
		for _, c := range batch {
			if c.Reload {
				stale.add(c.Pump)
			}
			b.apply(c, stale)
		}
	}
	changed := b.rev != was
	b.mu.Unlock()
	if changed {
		b.nudge()
	}
}

// apply takes the values of one event. An event that was overtaken by a load
// changes nothing for good: the one that the load saw is still to come.
func (b *Board) apply(c telemetry.Changed, stale *stalePumps) {
	if c.Sample == nil && c.Presence == nil {
		return
	}
	e := b.rows[c.Pump]
	if e == nil {
		stale.add(c.Pump) // registered by another server
		return
	}
	next := e.Row
	if v := c.Sample; v != nil && !v.ReceivedAt.Before(e.LastData) {
		next.setSample(*v, b.s.Profile)
	}
	if p := c.Presence; p != nil {
		next.Presence, next.PresenceSince, next.LastHeard = p.State, clock(p.Since), clock(p.HeardAt)
		if next.Quality == QualityUnknown {
			next.setQuality()
		}
	}
	b.put(e, next)
}

// put replaces a row if it differs. b.mu is held.
func (b *Board) put(e *entry, next Row) {
	next.Rev = e.Rev
	if reflect.DeepEqual(e.Row, next) {
		return
	}
	b.rev++
	next.Rev = b.rev
	e.Row = next
	b.touch(e)
}

// touch makes an entry the last that changed.
func (b *Board) touch(e *entry) {
	if b.last == e {
		return
	}
	if e.older != nil {
		e.older.newer = e.newer
	}
	if e.newer != nil {
		e.newer.older = e.older
	}
	e.older, e.newer = b.last, nil
	if b.last != nil {
		b.last.newer = e
	}
	b.last = e
}

// load reads pumps afresh, all if ids is nil, and what sites and groups there are.
func (b *Board) load(ctx context.Context, ids []int64) error {
	rows, err := b.s.readRows(ctx, ids)
	if err != nil {
		return err
	}
	groups, err := b.s.Lists.AllGroups(ctx)
	if err != nil {
		return fmt.Errorf("read the groups: %w", err)
	}
	sites, err := b.s.Registry.Sites(ctx, auth.Scope{All: true})
	if err != nil {
		return fmt.Errorf("read the sites: %w", err)
	}
	b.mu.Lock()
	b.groups, b.sites = groups, make(map[int64]registry.Site, len(sites))
	for _, n := range sites {
		b.sites[n.ID] = n
	}
	was := b.rev
	b.take(rows)
	changed := b.rev != was
	b.mu.Unlock()
	if changed {
		b.nudge()
	}
	return nil
}

// take takes rows that were read. b.mu is held.
func (b *Board) take(rows []Row) {
	var fresh []Row
	for _, r := range rows {
		e := b.rows[r.ID]
		if e == nil {
			fresh = append(fresh, r)
			continue
		}
		b.put(e, r)
		e.text, e.own = b.textOf(&e.Row)
	}
	if len(fresh) == 0 {
		return
	}
	// Entries that are read one after the other lie one after the other.
	slices.SortFunc(fresh, func(x, y Row) int { return compareSerials(x.Serial, x.ID, y.Serial, y.ID) })
	block := make([]entry, len(fresh))
	for i, r := range fresh {
		e := &block[i]
		b.rows[r.ID] = e
		b.put(e, r)
		e.text, e.own = b.textOf(&e.Row)
		b.all = append(b.all, e)
	}
	slices.SortFunc(b.all, func(x, y *entry) int { return compareSerials(x.Serial, x.ID, y.Serial, y.ID) })
}

func (b *Board) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Wake is signalled after changes. It serves one reader.
func (b *Board) Wake() <-chan struct{} { return b.wake }

// Since returns the rows of all sites that changed after rev, each once. It is
// cheap if few did.
func (b *Board) Since(epoch string, rev uint64) Changes {
	b.mu.RLock()
	defer b.mu.RUnlock()
	c := Changes{Epoch: b.epoch, Rev: b.rev}
	if epoch != b.epoch || rev > b.rev {
		c.Reset = true
		rev = 0
	}
	for e := b.last; e != nil && e.Rev > rev; e = e.older {
		c.Rows = append(c.Rows, e.Row)
	}
	slices.Reverse(c.Rows)
	return c
}

// Snapshot returns the rows of the sites in scope.
func (b *Board) Snapshot(scope auth.Scope) Snapshot {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := Snapshot{Epoch: b.epoch, Rev: b.rev, At: b.s.Now()}
	for _, e := range b.all {
		if scope.AllowsPump(e.Site, e.ID) {
			out.Rows = append(out.Rows, e.Row)
		}
	}
	slices.SortFunc(out.Rows, func(a, b Row) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Row returns one row, if it is in scope.
func (b *Board) Row(scope auth.Scope, id int64) (Row, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	e := b.rows[id]
	if e == nil || !scope.AllowsPump(e.Site, e.ID) {
		return Row{}, false
	}
	return e.Row, true
}

// Counts sums up the fleet for the head of the screen.
type Counts struct {
	Pumps              int
	ByStatus           map[string]int
	ByPresence         map[telemetry.Presence]int
	High, Medium, Low  int // alarms that are not cleared
	PumpsWithHigh      int
	Refused24h         int64
	ReservoirBelowLow  int
	ActiveNeverSeen    int // active pumps that were never heard
	ActiveNotReachable int // active pumps that are stale or offline
}

// Counts counts the pumps of the sites in scope.
func (b *Board) Counts(scope auth.Scope) Counts {
	b.mu.RLock()
	defer b.mu.RUnlock()
	c := Counts{ByStatus: map[string]int{}, ByPresence: map[telemetry.Presence]int{}}
	for _, e := range b.rows {
		if !scope.AllowsPump(e.Site, e.ID) {
			continue
		}
		c.Pumps++
		c.ByStatus[e.Status]++
		c.ByPresence[e.Presence]++
		c.High, c.Medium, c.Low = c.High+e.Alarms.High, c.Medium+e.Alarms.Medium, c.Low+e.Alarms.Low
		if e.Alarms.High > 0 {
			c.PumpsWithHigh++
		}
		c.Refused24h += e.Refused24h
		if e.HasSample && e.LowNL > 0 && e.ReservoirNL <= e.LowNL {
			c.ReservoirBelowLow++
		}
		if e.Status != string(registry.Active) {
			continue
		}
		switch e.Presence {
		case telemetry.Never:
			c.ActiveNeverSeen++
		case telemetry.Stale, telemetry.Offline:
			c.ActiveNotReachable++
		case telemetry.Online, telemetry.Unknown:
		}
	}
	return c
}
