// Package dispatch brings documents to pumps.
//
// The [Outbox] brings orders, stops and withdrawals, and sends them again until the
// pump's own signed answer is there. The [Greeter] greets: a pump that says hello, and
// so tells what it has, is sent the signed documents of the installation that it lacks,
// and the newest checkpoint of the record, which it carries as a witness. The root is
// none of them: no pump says which it has, and a new one is brought by hand. What a pump
// lacks is sent again until the pump says that it has it. Nothing here decides about a
// dose: what leaves was signed by people. What is sent is never taken for received: the
// pump's own next hello or heartbeat, or its signed answer, says what it has.
package dispatch

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/fleet/keyset"
	"cisterna/fleet/library"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/event"
)

// Checkpoints goes to every pump at most this often; a pump that says hello gets
// the newest at once. The record grows many times a second, and a witness that
// is a minute behind still finds a record that was rolled back by more.
const checkpointEvery = time.Minute

// Greeter sends pumps what they lack. Make it with its fields set and Run it.
type Greeter struct {
	Greetings *event.Bus[telemetry.Greeted]
	Sayings   *event.Bus[[]telemetry.Said]
	Directory *registry.Directory
	Keyset    func() (version uint64, document []byte) // newest
	Library   func() []byte                            // document of the active one
	Profile   func(id string) (says, document []byte)  // of a model: the hash that its pumps name, and what was signed; nil: there is none
	Keysets   *event.Bus[keyset.Published]
	Libraries *event.Bus[library.Activated]
	Push      func(link string, m gateway.Outbound) bool
	Now       func() time.Time
	Log       *slog.Logger

	checkpoint atomic.Pointer[string]
	debts      debts // of Run alone
}

// Checkpoint makes text the newest checkpoint.
func (g *Greeter) Checkpoint(text string) { g.checkpoint.Store(&text) }

// Run greets until ctx ends.
func (g *Greeter) Run(ctx context.Context) error {
	keys, drugs := g.Keysets.Subscribe(16), g.Libraries.Subscribe(16)
	defer keys.Close()
	defer drugs.Close()
	sub, said := g.Greetings.Subscribe(4096), g.Sayings.Subscribe(4096)
	defer sub.Close()
	defer said.Close()
	tick, again := time.NewTicker(checkpointEvery), time.NewTicker(look)
	defer tick.Stop()
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			g.broadcast()
		case <-again.C:
			g.pay()
		case <-keys.Wake():
			keys.Take()
			g.publish(wire.DnKeyset)
		case <-drugs.Wake():
			drugs.Take()
			g.publish(wire.DnLibrary)
		case <-said.Wake():
			// What was missed of it the pump's next heartbeat says again.
			all, _ := said.Take()
			for _, part := range all {
				for i := range part {
					g.hear(&part[i])
				}
			}
		case <-sub.Wake():
			greeted, missed := sub.Take()
			if missed {
				// Whoever was missed says hello again or gets the next broadcast;
				// documents reach it at its next hello.
				g.Log.Warn("more pumps said hello at once than could be greeted")
			}
			for _, h := range greeted {
				g.greet(h)
			}
		}
	}
}

// greet sends the documents whose version or hash the hello shows to be others.
func (g *Greeter) greet(h telemetry.Greeted) {
	for _, kind := range installed {
		g.debts.forget(debt{h.Pump.ID, kind}) // it begins anew: what was sent before may never have arrived
		if !g.has(kind, h.Pump, &h.Hello.State) {
			g.send(debt{h.Pump.ID, kind}, h.Pump, h.Hello.Link)
		}
	}
	if text := g.checkpoint.Load(); text != nil {
		g.Push(h.Hello.Link, gateway.Outbound{Kind: wire.DnCheckpoint, Payload: []byte(*text), Slot: gateway.SlotCheckpoint})
	}
}

// broadcast sends the newest checkpoint to every pump that is connected.
func (g *Greeter) broadcast() {
	text := g.checkpoint.Load()
	if text == nil {
		return
	}
	g.toAll(gateway.Outbound{Kind: wire.DnCheckpoint, Payload: []byte(*text), Slot: gateway.SlotCheckpoint})
}

// toAll sends a message to every pump that is connected.
func (g *Greeter) toAll(m gateway.Outbound) {
	for p := range g.Directory.All() {
		if p.Link != "" && p.Status == registry.Active {
			g.Push(p.Link, m)
		}
	}
}
