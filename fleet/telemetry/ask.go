package telemetry

import (
	"context"
	"log/slog"
	"time"

	"cisterna/device/wire"
	"cisterna/fleet/registry"
)

// asker asks pumps for alarms that they have written and that did not come. A pump
// sends by itself what it does not take for committed; what is still missing a while
// after its hello was committed once and is gone, as after a backup was restored, and
// the pump would say nothing of an alarm that stands until there is another.
type asker struct {
	s     *Service
	after time.Duration // a hello
	in    chan missing
}

// missing are alarms up to a position of a pump that said hello.
type missing struct {
	pump registry.PumpRef
	link string
	upTo wire.Position
	due  time.Time
}

func newAsker(s *Service) *asker {
	return &asker{s: s, after: 10 * time.Second, in: make(chan missing, 16<<10)}
}

// note remembers what a hello says beyond what was here. It never waits; what finds
// no room is noted at the next hello.
func (a *asker) note(w *word, cursor wire.Position) {
	if !after(w.hello.Alarm, cursor) {
		return
	}
	select {
	case a.in <- missing{w.ref, w.link, w.hello.Alarm, time.Now().Add(a.after)}:
	default:
	}
}

// run asks until ctx ends. What came first is due first.
func (a *asker) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-a.in:
			if pause(ctx, time.Until(m.due)) != nil {
				return
			}
			pos, err := a.s.alarmCursor(ctx, m.pump.ID)
			if err != nil {
				a.s.Log.Warn("a pump is not asked for alarms that are missing; its next hello will tell", slog.Int64("pump", m.pump.ID), slog.String("error", err.Error()))
				continue
			}
			if now, ok := a.s.Directory.ByLink(m.link); ok && now.ID == m.pump.ID && after(m.upTo, pos) {
				a.s.acks.push(m.link, wire.Cursors{Alarm: &pos, Rewind: true})
			}
		}
	}
}
