package events

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/fleet/alarm"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/audit"
	"cisterna/internal/errs"
	"cisterna/internal/lease"
	"cisterna/internal/postgres"
)

// LeaseName is the lease of the server that numbers events.
const LeaseName = "events"

// batch bounds how many events of each source one transaction places.
const batch = 500

// Options is what a Service is made of. DB, Directory and Log are required.
type Options struct {
	DB        *sqlx.DB
	Directory *registry.Directory
	Log       *slog.Logger
	Now       func() time.Time // nil: time.Now
	// Keep is how long events are kept after they were placed, 0 = 90 days.
	Keep time.Duration
	// Poll is how often to look for what happened, 0 = 250 ms.
	Poll time.Duration
}

// Service numbers events and serves them. It is safe for concurrent use.
type Service struct {
	Options
	mu      sync.Mutex
	next    int64         // number of the next event, as far as this process knows
	changed chan struct{} // closed and replaced when next rises
	lag     time.Duration // how old the oldest event of the last batch was when it was placed
	fault   error         // why the last attempt failed; nil after a success
}

// New returns a service; events are numbered while [Service.Run] runs.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Directory == nil || o.Log == nil {
		return nil, errors.New("events: DB, Directory and Log are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Keep == 0 {
		o.Keep = 90 * 24 * time.Hour
	}
	if o.Poll == 0 {
		o.Poll = 250 * time.Millisecond
	}
	o.Log = o.Log.With("component", "events")
	return &Service{Options: o, changed: make(chan struct{})}, nil
}

// Run numbers events, while no other server does, and learns of those that others
// numbered. It ends with ctx and returns nil. After a failure nothing is lost:
// events wait, and are numbered later.
func (s *Service) Run(ctx context.Context) error {
	var following sync.WaitGroup
	defer following.Wait()
	following.Go(func() { s.follow(ctx) })
	owner := "events-" + rand.Text()
	for pause := s.Poll; ctx.Err() == nil; {
		began := time.Now()
		err := lease.Run(ctx, s.DB, lease.Options{Name: LeaseName, Owner: owner}, s.lead)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			s.setFault(err)
			s.Log.Warn("events could not be numbered; they wait and it is tried again", "error", err, "pause", pause)
		}
		if time.Since(began) > time.Minute {
			pause = s.Poll
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, 5*time.Second)
	}
	return nil
}

// pruneEvery is how often events that are no longer kept are removed.
const pruneEvery = time.Hour

// lead numbers events until the lease is lost or something fails.
func (s *Service) lead(ctx context.Context, l lease.Lease) error {
	tick := time.NewTicker(s.Poll)
	defer tick.Stop()
	var pruned time.Time
	for {
		n, err := s.step(ctx, l)
		if err != nil {
			return err
		}
		s.setFault(nil)
		if now := s.Now(); now.Sub(pruned) >= pruneEvery {
			if err := s.prune(ctx, l, now.Add(-s.Keep)); err != nil {
				return err
			}
			pruned = now
		}
		if n >= batch {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// step places what has committed since the last one, and returns how much it
// looked at.
func (s *Service) step(ctx context.Context, l lease.Lease) (looked int, err error) {
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := l.Check(ctx, tx); err != nil {
			return err
		}
		st, err := lockState(ctx, tx)
		if err != nil {
			return err
		}
		entries, err := audit.Placed(ctx, tx, st.entry, batch)
		if err != nil {
			return err
		}
		changes, err := alarm.TakeNews(ctx, tx, batch)
		if err != nil {
			return err
		}
		steps, err := telemetry.TakePresence(ctx, tx, batch)
		if err != nil {
			return err
		}
		looked = max(len(entries), len(changes), len(steps))
		if looked == 0 {
			return nil
		}
		var all []Event
		for _, r := range entries {
			if r.Damaged == "" && ofRecord(r.Kind) {
				all = append(all, ofEntry(r))
			}
		}
		for _, c := range changes {
			all = append(all, ofChange(c))
		}
		for _, p := range steps {
			all = append(all, s.ofPresence(p))
		}
		// Stable: events of one source keep their order.
		now := s.Now()
		slices.SortStableFunc(all, func(a, b Event) int { return a.At.Compare(b.At) })
		for i := range all {
			all[i].Seq = st.next + int64(i)
		}
		if err := insert(ctx, tx, all, now); err != nil {
			return err
		}
		st.next += int64(len(all))
		if len(entries) > 0 {
			st.entry = entries[len(entries)-1].Index + 1
		}
		if err := moveState(ctx, tx, st); err != nil {
			return err
		}
		tx.OnCommit(func() {
			if len(all) > 0 {
				s.setLag(max(0, now.Sub(all[0].At)))
			}
			s.publish(st.next)
		})
		return nil
	})
	return looked, err
}

func ofEntry(r audit.Row) Event {
	e := Event{
		Name: r.Kind, At: r.At, Site: r.Site, Pump: r.Pump, Actor: r.Actor, Object: r.Object, Device: r.Device, Reason: r.Reason, Entry: r.Index, Detail: map[string]string{},
	}
	if m := MeaningOf(r); m != "" {
		e.Detail["meaning"] = m
	}
	if n := SignerOf(r); n != "" {
		e.Detail["signer"] = n
	}
	about, _ := Lookup(r.Kind)
	var detail map[string]any
	if len(about.Keep) == 0 || json.Unmarshal(r.Payload, &detail) != nil {
		return e
	}
	for _, k := range about.Keep {
		switch v := detail[k].(type) {
		case nil:
		case string:
			e.Detail[k] = v
		default:
			text, _ := json.Marshal(v) // it was JSON a moment ago
			e.Detail[k] = string(text)
		}
	}
	return e
}

func ofChange(c alarm.News) Event {
	about, _ := alarm.Lookup(c.Code)
	return Event{
		Name: "alarm." + string(c.Change), At: c.At, Site: c.Site, Pump: c.Pump, Actor: c.Actor, Object: fmt.Sprintf("alarm:%d", c.Alarm), Reason: c.Note, Entry: -1,
		Detail: map[string]string{"code": c.Code, "title": about.Title, "priority": c.Priority.String(), "state": string(c.State), "source": string(c.Source)},
	}
}

func (s *Service) ofPresence(p telemetry.PresenceChange) Event {
	ref, _ := s.Directory.ByID(p.Pump)
	return Event{
		Name: "presence." + string(p.State), At: p.At, Site: ref.Site, Pump: p.Pump, Actor: "system:presence", Device: ref.Link, Reason: p.Reason, Entry: -1,
		Detail: map[string]string{"was": string(p.Was)},
	}
}

// List returns a part of the stream. Errors: Invalid for a query that cannot be,
// Gone for a cursor whose events are no longer kept or that is of another
// database: read the state afresh then, and go on from Tail.
func (s *Service) List(ctx context.Context, f Filter, q Query) (Page, error) {
	q, err := q.check()
	if err != nil {
		return Page{}, err
	}
	if err := CheckNames(f.Names); err != nil {
		return Page{}, err
	}
	return s.read(ctx, f, q)
}

// Wait returns when there are events behind the cursor, whatever a filter says of
// them, or when ctx ends.
func (s *Service) Wait(ctx context.Context, after Cursor) {
	for {
		s.mu.Lock()
		next, changed := s.next, s.changed
		s.mu.Unlock()
		if next > after.seq+1 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// Status tells how the stream does.
type Status struct {
	Events int64         // placed ever
	Lag    time.Duration // how old the oldest event of the last batch was when it was placed
	Fault  error
}

// Status returns how the stream does.
func (s *Service) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{Events: max(0, s.next-1), Lag: s.lag, Fault: s.fault}
}

// follow learns of events that other servers placed.
func (s *Service) follow(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		next, err := readNext(ctx, s.DB)
		switch {
		case err == nil:
			s.publish(next)
		case ctx.Err() == nil:
			s.Log.Warn("the number of the next event could not be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Service) publish(next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if next > s.next {
		s.next = next
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

func (s *Service) setFault(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}

func (s *Service) setLag(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = d
}

// expired says that a cursor cannot be gone on from.
func expired(why string) error {
	return errs.New(errs.Gone, "The stream cannot go on from this cursor: %s. Read the state afresh, and go on from tail.", why)
}
