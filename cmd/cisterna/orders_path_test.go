package main

import (
	"context"
	"testing"
	"time"

	"cisterna/device/emulator"
	"cisterna/device/gateway"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/dosing"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// TestOfflinePump: a pump that is not there takes no release; the order waits.
func TestOfflinePump(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx := w.plans[0], t.Context()
	o := w.approved(p, w.more(p, 1040))
	if err := w.device(p).Inject(emulator.Fault{Kind: "link-loss", For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is off", func() bool {
		return !w.device(p).Status().Connected && w.count(`SELECT count(*) FROM telemetry_presence WHERE pump_id = $1 AND NOT connected`, p.ID) == 1
	})
	_, err := w.app.Dosing.PrepareRelease(ctx, w.rosa.Actor, o.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
	denied(t, "released while it is off", err, errs.Conflict, "is not connected")
	if err := w.device(p).EndFault("link-loss"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is back", func() bool {
		return w.count(`SELECT count(*) FROM telemetry_presence WHERE pump_id = $1 AND connected`, p.ID) == 1
	})
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
}

// TestCommunicatorSwappedInFlight: a release is addressed to a pump; its new
// communicator brings it.
func TestCommunicatorSwappedInFlight(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx := w.plans[0], t.Context()
	o := w.approved(p, w.more(p, 1040))
	d := w.device(p)
	s, err := w.app.Dosing.PrepareRelease(ctx, w.rosa.Actor, o.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	// The communicator breaks, unnoticed yet by the server, as the release is signed.
	c, err := w.app.Registry.SwapCommunicator(ctx, auth.System("test"), registry.Swap{Pump: p.ID, Serial: "C-NEW-1", Reason: "broken"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.app.Dosing.Release(ctx, w.rosa.Actor, o.ID, s.Document, w.rosa.sign(t, s)); err != nil {
		t.Fatal(err)
	}
	slip := wire.Slip{Server: w.app.Enrol.Addr().String(), Code: c.Code, Root: w.keys.trust.RootHash()}
	if err := d.Inject(emulator.Fault{Kind: "communicator-swap", Text: "C-NEW-1 " + slip.String()}); err != nil {
		t.Fatal(err)
	}
	w.ends(o.ID, dosing.Applied)
	eventually(t, "it came by the new one", func() bool { return d.Status().Link == "C-NEW-1" && d.Status().Connected })
	if n := w.count(`SELECT count(*) FROM dosing_letters WHERE order_id = $1`, o.ID); n != 1 {
		t.Errorf("%d releases", n)
	}
}

// TestPumpDiesInTheMiddle: the power goes while a release is on its way; the pump
// ends with the old program or the new one, and the server knows which.
func TestPumpDiesInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	o := w.approved(p, w.more(p, 1040))
	w.release(o.ID)
	if err := w.device(p).Inject(emulator.Fault{Kind: "power-cut", For: time.Second}); err != nil {
		t.Fatal(err)
	}
	var got dosing.Order
	eventually(t, "the pump has answered", func() bool {
		var err error
		got, err = w.app.Dosing.Get(context.Background(), auth.Scope{All: true}, o.ID)
		return err == nil && !got.State.Away()
	})
	doc, err := order.DecodePrescription(o.Document)
	if err != nil {
		t.Fatal(err)
	}
	fresh := order.Digest(doc.Program.Hash()).String() == w.device(p).Status().ProgramHash
	if fresh != (got.State == dosing.Applied) {
		t.Errorf("the order is %s (%s), and the pump runs the new program: %v", got.State, got.Code, fresh)
	}
}

// TestUpdateCompleted: an update that was not finished is over when an order that says
// what the pump runs was applied and read back, and not by any other.
func TestUpdateCompleted(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx := w.plans[0], t.Context()
	err := postgres.InTx(ctx, w.app.DB, func(tx *postgres.Tx) error {
		_, _, err := w.app.Alarms.RaiseTx(ctx, tx, alarm.Raise{
			Pump: p.ID, Site: w.site.ID, Code: "UPDATE_INCOMPLETE", Source: alarm.SourceServer, Instance: "order:1", At: time.Now(), Actor: auth.System("test"),
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	open := func() int {
		return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'UPDATE_INCOMPLETE' AND state <> 'cleared'`, p.ID)
	}
	o := w.approved(p, dosing.Wish{Act: order.ActSettings, Settings: &order.Settings{Low: 3 * units.Millilitre}, Reason: "test"})
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	if open() != 1 {
		t.Error("an order for settings ended it")
	}
	o = w.approved(p, w.more(p, 1040))
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	if open() != 0 {
		t.Error("it stands")
	}
}

// TestReplayedRelease: bytes that were obeyed once are answered and not obeyed again.
func TestReplayedRelease(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	o := w.approved(p, w.more(p, 1040))
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	before := w.device(p).Status()
	letters, _, err := w.app.Dosing.Letters(t.Context(), auth.Scope{All: true}, p.ID)
	if err != nil || len(letters) != 1 {
		t.Fatalf("letters %v, %v", letters, err)
	}
	link := before.Link
	for range 5 {
		w.app.Gateway.Push(link, gateway.Outbound{Kind: wire.DnOrder, Payload: letters[0].Envelope})
	}
	w.flows(t, p) // it has read them before it sends on
	after := w.device(p).Status()
	if after.Gen != before.Gen || after.ProgramHash != before.ProgramHash || after.Orders.Counter != before.Orders.Counter {
		t.Errorf("a replay changed the pump: %+v, then %+v", before, after)
	}
	if n := w.count(`SELECT count(*) FROM dosing_events WHERE order_id = $1 AND state = 'applied' AND was <> 'applied'`, o.ID); n != 1 {
		t.Errorf("applied %d times", n)
	}
}

// TestWithdrawnIsNotSentAgain: a pump does not hear a release, which is taken back
// meanwhile. The outbox sends it no more; it would have, before the withdrawal.
func TestWithdrawnIsNotSentAgain(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	o := w.approved(p, w.more(p, 1040))
	before := w.device(p).Status()
	// The pump dies with the order in its hands, and is out of reach afterwards.
	if err := w.device(p).Inject(emulator.Fault{Kind: "power-cut-order", Value: 1}); err != nil {
		t.Fatal(err)
	}
	w.release(o.ID)
	eventually(t, "the power is gone", func() bool { return !w.device(p).Status().Power })
	if err := w.device(p).Inject(emulator.Fault{Kind: "link-loss", For: 10 * time.Minute}); err != nil {
		t.Fatal(err)
	}
	s, err := d.PrepareWithdraw(ctx, w.jonas.Actor, o.ID, w.jonas.key, "the wrong patient", order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Withdraw(ctx, w.jonas.Actor, o.ID, s.Document, w.jonas.sign(t, s)); err != nil {
		t.Fatal(err)
	}
	const release = `SELECT count(*) FROM dispatch_outbox b JOIN dosing_letters l ON l.doc = b.doc WHERE l.order_id = $1 AND l.kind = 'release' AND b.state = 'cancelled'`
	if n := w.count(release, o.ID); n != 1 {
		t.Errorf("%d releases are out of the outbox, want 1", n)
	}
	if err := w.device(p).EndFault("link-loss"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pump knows", func() bool {
		return w.count(`SELECT count(*) FROM dosing_orders WHERE id = $1 AND told = 'told' AND state = 'withdrawn'`, o.ID) == 1
	})
	if after := w.device(p).Status(); after.Gen != before.Gen || after.ProgramHash != before.ProgramHash {
		t.Errorf("the pump changed: %+v, then %+v", before, after)
	}
}
