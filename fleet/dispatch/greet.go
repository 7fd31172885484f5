// Package dispatch brings documents to pumps.
//
// The [Outbox] brings orders, stops and withdrawals, and sends them again until the
// pump's own signed answer is there. The [Greeter] greets: a pump that says hello, and so tells what it has, is sent
// the signed documents of the installation that it lacks, and the newest
// checkpoint of the record, which it carries as a witness. Nothing here decides
// about a dose: what leaves was signed by people. What is sent is never taken for received: the pump's own next hello, or
// its signed answer, says what it has.
package dispatch

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/order"
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
	Directory *registry.Directory
	Keyset    func() (version uint64, document []byte) // newest
	Library   func() []byte                            // document of the active one
	Keysets   *event.Bus[keyset.Published]
	Libraries *event.Bus[library.Activated]
	Push      func(link string, m gateway.Outbound) bool
	Log       *slog.Logger

	checkpoint atomic.Pointer[string]
}

// Checkpoint makes text the newest checkpoint.
func (g *Greeter) Checkpoint(text string) { g.checkpoint.Store(&text) }

// Run greets until ctx ends.
func (g *Greeter) Run(ctx context.Context) error {
	keys, drugs := g.Keysets.Subscribe(16), g.Libraries.Subscribe(16)
	defer keys.Close()
	defer drugs.Close()
	sub := g.Greetings.Subscribe(4096)
	defer sub.Close()
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			g.broadcast()
		case <-keys.Wake():
			keys.Take()
			_, document := g.Keyset()
			g.toAll(gateway.Outbound{Kind: wire.DnKeyset, Payload: document})
		case <-drugs.Wake():
			drugs.Take()
			g.toAll(gateway.Outbound{Kind: wire.DnLibrary, Payload: g.Library()})
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
	link := h.Hello.Link
	if version, document := g.Keyset(); h.Hello.State.Keyset < version {
		g.Push(link, gateway.Outbound{Kind: wire.DnKeyset, Payload: document})
	}
	if document := g.Library(); !library.Same(h.Hello.State.Library, order.Hash(document)) {
		g.Push(link, gateway.Outbound{Kind: wire.DnLibrary, Payload: document})
	}
	if text := g.checkpoint.Load(); text != nil {
		g.Push(link, gateway.Outbound{Kind: wire.DnCheckpoint, Payload: []byte(*text), Slot: gateway.SlotCheckpoint})
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

// toAll sends a document to every pump that is connected. The others get it at
// their next hello.
func (g *Greeter) toAll(m gateway.Outbound) {
	for p := range g.Directory.All() {
		if p.Link != "" && p.Status == registry.Active {
			g.Push(p.Link, m)
		}
	}
}
