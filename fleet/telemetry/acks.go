package telemetry

import (
	"context"
	"sync"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/wire"
)

// ackEvery is how long acknowledgements of the main lane are gathered, so that a
// link under load gets one instead of many. They are not what a pump waits for:
// PUBACK opens its window, dn/ack only lets it forget.
const ackEvery = 25 * time.Millisecond

// acker sends dn/ack: what is committed.
type acker struct {
	s     *Service
	mu    sync.Mutex
	main  map[string]wire.Position
	spare map[string]wire.Position
	wake  chan struct{}
}

func newAcker(s *Service) *acker {
	return &acker{s: s, main: map[string]wire.Position{}, spare: map[string]wire.Position{}, wake: make(chan struct{}, 1)}
}

// cursor tells a link what is committed. With rewind the pump must send again
// from there; that one is never replaced by a later one.
func (a *acker) cursor(link string, lane wire.Lane, pos wire.Position, rewind bool) {
	c := wire.Cursors{Rewind: rewind}
	slot := gateway.SlotMainAck
	switch {
	case lane == wire.AlarmLane:
		c.Alarm, slot = &pos, gateway.SlotAlarmAck
	case rewind:
		c.Main = &pos
	default:
		a.mu.Lock()
		first := len(a.main) == 0
		a.main[link] = pos
		a.mu.Unlock()
		if first {
			select {
			case a.wake <- struct{}{}:
			default:
			}
		}
		return
	}
	if rewind {
		slot = gateway.SlotQueue
	}
	a.push(link, c, slot)
}

// refused tells a link that its last message was refused. It is queued: in a
// slot it would take the place of a cursor.
func (a *acker) refused(link, code string) {
	a.push(link, wire.Cursors{Refused: code}, gateway.SlotQueue)
}

func (a *acker) push(link string, c wire.Cursors, slot uint8) {
	c.Now = a.s.Now().UnixMilli()
	a.s.Push(link, gateway.Outbound{Kind: wire.DnAck, Payload: wire.Encode(c), Slot: slot})
}

// run sends gathered acknowledgements until ctx ends and nothing is left.
func (a *acker) run(ctx context.Context) {
	for {
		select {
		case <-a.wake:
		case <-ctx.Done():
			a.flush()
			return
		}
		select {
		case <-time.After(ackEvery):
		case <-ctx.Done():
		}
		a.flush()
	}
}

func (a *acker) flush() {
	a.mu.Lock()
	due := a.main
	a.main, a.spare = a.spare, due
	a.mu.Unlock()
	for link, pos := range due {
		a.push(link, wire.Cursors{Main: &pos}, gateway.SlotMainAck)
	}
	clear(due)
}
