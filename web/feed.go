package web

import (
	"context"

	"cisterna/fleet/alarm"
	"cisterna/fleet/dosing"
	"cisterna/fleet/overview"
	"cisterna/internal/event"
	"cisterna/web/api"
	"cisterna/web/live"
)

// boardFeed shows the board to the live feed as the API shows it to everybody.
type boardFeed struct{ board *overview.Board }

// Since implements live.Board.
func (b boardFeed) Since(epoch string, rev uint64) live.Changes {
	ch := b.board.Since(epoch, rev)
	out := live.Changes{Epoch: ch.Epoch, Rev: ch.Rev, Reset: ch.Reset, Rows: make([]live.Row, len(ch.Rows))}
	for i, r := range ch.Rows {
		out.Rows[i] = live.Row{ID: r.ID, Site: r.Site, Rev: r.Rev, Value: api.RowOf(r)}
	}
	return out
}

// Wake implements live.Board.
func (b boardFeed) Wake() <-chan struct{} { return b.board.Wake() }

// alarmFeed hands changes of alarms to the live feed.
type alarmFeed struct {
	names  *overview.Service
	events *event.Subscription[alarm.Changed]
	hub    *live.Hub
}

func newAlarmFeed(names *overview.Service, alarms *alarm.Service, hub *live.Hub) *alarmFeed {
	return &alarmFeed{names: names, events: alarms.Events().Subscribe(8192), hub: hub}
}

func (f *alarmFeed) run(ctx context.Context) error {
	defer f.events.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.events.Wake():
		}
		changes, missed := f.events.Take()
		if missed {
			f.hub.Lost()
		}
		for _, c := range changes {
			f.hub.Alarm(live.Alarm{Site: c.Alarm.Site, Pump: c.Alarm.Pump, Change: api.ChangeOf(c.Change), Value: api.AlarmRowOf(f.names.AlarmRow(c.Alarm))})
		}
	}
}

// orderFeed hands changes of orders to the live feed. Nothing of what an order says
// is among them: it is kept from whoever is to check it.
type orderFeed struct {
	events *event.Subscription[dosing.Changed]
	hub    *live.Hub
}

func newOrderFeed(orders *dosing.Service, hub *live.Hub) *orderFeed {
	return &orderFeed{events: orders.Events().Subscribe(8192), hub: hub}
}

func (f *orderFeed) run(ctx context.Context) error {
	defer f.events.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.events.Wake():
		}
		changes, missed := f.events.Take()
		if missed {
			f.hub.Lost()
		}
		for _, c := range changes {
			f.hub.Order(live.Order{Site: c.Site, Pump: c.Pump, Value: api.OrderChangeOf(c)})
		}
	}
}
