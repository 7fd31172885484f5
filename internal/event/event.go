// Package event tells parts of one process about committed changes.
//
// Delivery rule: Publish never blocks and is called after commit. Every
// subscriber has a bounded queue; one that overflows loses its queue and is told
// so by [Subscription.Missed], after which it must read the state afresh. What
// must not be lost is in the database; this is only the nudge.
package event

import "sync"

// Bus fans out values of type T to its subscribers. The zero Bus is ready to
// use. It is safe for concurrent use.
type Bus[T any] struct {
	mu   sync.Mutex
	subs map[*Subscription[T]]struct{}
}

// Subscription receives what is published after it was made.
type Subscription[T any] struct {
	bus    *Bus[T]
	mu     sync.Mutex
	queue  []T
	limit  int
	missed bool
	wake   chan struct{}
}

// Subscribe returns a subscription that holds at most limit values.
func (b *Bus[T]) Subscribe(limit int) *Subscription[T] {
	s := &Subscription[T]{bus: b, limit: limit, wake: make(chan struct{}, 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subs == nil {
		b.subs = map[*Subscription[T]]struct{}{}
	}
	b.subs[s] = struct{}{}
	return s
}

// Publish hands v to every subscriber without waiting for any of them.
func (b *Bus[T]) Publish(v T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.subs {
		s.put(v)
	}
}

// Miss tells every subscriber that something may have been lost: what a publisher
// does when it does not know whether the database did what it was told.
func (b *Bus[T]) Miss() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.subs {
		s.miss()
	}
}

// Close ends the subscription; nothing more arrives.
func (s *Subscription[T]) Close() {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	delete(s.bus.subs, s)
}

// Wake is signalled when there is something to [Subscription.Take].
func (s *Subscription[T]) Wake() <-chan struct{} { return s.wake }

// Take returns what has arrived, oldest first, and whether anything was lost
// since the last call; then the subscriber must read the state afresh.
func (s *Subscription[T]) Take() (values []T, missed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	values, missed = s.queue, s.missed
	s.queue, s.missed = nil, false
	return values, missed
}

func (s *Subscription[T]) put(v T) {
	s.mu.Lock()
	if len(s.queue) >= s.limit {
		s.queue, s.missed = nil, true
	}
	s.queue = append(s.queue, v)
	s.mu.Unlock()
	s.signal()
}

func (s *Subscription[T]) miss() {
	s.mu.Lock()
	s.missed = true
	s.mu.Unlock()
	s.signal()
}

func (s *Subscription[T]) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
