package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/mqtt"
)

// TestAlong: what goes along leaves in one write with the PUBACK that follows, and
// by itself when nothing follows.
func TestAlong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const link = "COMM-1"
		e := startPlain(t)
		e.in.hold = func(Inbound) bool { return true }
		p := e.join(link)
		p.send(publishPacket(link, wire.UpTele, 1, "x"))
		synctest.Wait()
		before := e.Stats().Writes.Load()
		writes := func() uint64 { synctest.Wait(); return e.Stats().Writes.Load() - before }
		along := func(payload string) {
			if !e.Push(link, Outbound{Kind: wire.DnAck, Slot: SlotMainAck, Along: true, Payload: []byte(payload)}) {
				t.Fatal("not sent")
			}
		}
		arrives := func(payload string) {
			p.expect(mqtt.AppendPublish(nil, wire.Topic(link, wire.DnAck), 0, 0, false, []byte(payload)))
		}
		along("first")
		if n := writes(); n != 0 {
			t.Fatalf("%d writes before anything followed", n)
		}
		e.in.dones[0](nil)
		p.acks(1)
		arrives("first")
		if n := writes(); n != 1 {
			t.Errorf("%d writes for a PUBACK and what goes along, want 1", n)
		}
		for i, payload := range []string{"alone", "alone again"} {
			along(payload)
			began := time.Now()
			arrives(payload)
			if took := time.Since(began); took > tick {
				t.Errorf("%q left after %v", payload, took)
			}
			if n := writes(); n != uint64(2+i) {
				t.Errorf("%d writes, want %d", n, 2+i)
			}
		}
	})
}
