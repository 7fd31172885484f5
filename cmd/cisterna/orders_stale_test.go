package main

import (
	"errors"
	"testing"
	"time"

	"cisterna/device/emulator"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/dosing"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// TestStale: an allergy that is noted, or another order that is applied first, makes
// a proposal stale; a withdrawal reaches the pump.
func TestStale(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	first, second, third := w.approved(p, w.more(p, 1040)), w.propose(p, w.more(p, 1050)), w.propose(p, w.more(p, 1060))

	s, err := d.PrepareWithdraw(ctx, w.jonas.Actor, third.ID, w.jonas.key, "not needed", order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Withdraw(ctx, w.jonas.Actor, third.ID, s.Document, w.jonas.sign(t, s))
	if err != nil || got.State != dosing.Withdrawn || got.Told != dosing.NotTold {
		t.Fatalf("withdrawn: %+v, %v", got, err)
	}
	eventually(t, "the pump knows", func() bool {
		return w.count(`SELECT count(*) FROM dosing_orders WHERE id = $1 AND told = 'told'`, third.ID) == 1
	})

	w.release(first.ID)
	w.ends(first.ID, dosing.Applied)
	w.ends(second.ID, dosing.Stale)

	eventually(t, "the server knows the new state", func() bool {
		doc, err := order.DecodePrescription(first.Document)
		r := w.report(p)
		return err == nil && r.State.Program.Hash() == doc.Program.Hash()
	})
	fourth := w.approved(p, w.more(p, 970))
	if _, err := w.app.Registry.AddAllergy(ctx, auth.System("test"), w.patient[p.Serial].ID, "latex", "rash"); err != nil {
		t.Fatal(err)
	}
	_, err = d.PrepareRelease(ctx, w.rosa.Actor, fourth.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
	if err == nil {
		var sig dosing.Signing
		sig, err = d.PrepareRelease(ctx, w.rosa.Actor, fourth.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
		if err == nil {
			_, _, err = d.Release(ctx, w.rosa.Actor, fourth.ID, sig.Document, w.rosa.sign(t, sig))
		}
	}
	if err == nil {
		t.Error("an order was released although an allergy was noted since")
	}
	w.ends(fourth.ID, dosing.Stale)
}

// TestKeyRevoked: a revoked key signs nothing, and what it signed before is refused
// by the pump.
func TestKeyRevoked(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx := w.plans[0], t.Context()
	o := w.approved(p, w.more(p, 1040))
	keys, err := w.app.Keysets.Keys(ctx, w.jonas.ID)
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	if err := w.app.Keysets.RevokeKey(ctx, w.ada, keys[0].ID, "lost"); err != nil {
		t.Fatal(err)
	}
	// Before any pump has heard of it, nothing is released by it here.
	early, err := w.app.Dosing.PrepareRelease(ctx, w.rosa.Actor, o.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = w.app.Dosing.Release(ctx, w.rosa.Actor, o.ID, early.Document, w.rosa.sign(t, early))
	denied(t, "before the next keyset", err, errs.Conflict, "The signature of jonas counts no more")
	w.publish()
	want := w.app.Keysets.Current().Version
	eventually(t, "the pump has the new keyset", func() bool { return w.device(p).Status().Keyset == want })
	eventually(t, "and has said so", func() bool {
		return w.count(`SELECT count(*) FROM telemetry_states WHERE pump_id = $1 AND keyset = $2`, p.ID, int64(want)) == 1
	})
	s, err := w.app.Dosing.PrepareRelease(ctx, w.rosa.Actor, o.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = w.app.Dosing.Release(ctx, w.rosa.Actor, o.ID, s.Document, w.rosa.sign(t, s))
	if e, ok := errors.AsType[*dosing.CheckError](err); !ok || e.Refusals[0].Code != order.ErrRevoked {
		t.Errorf("released with a revoked approval: %v", err)
	}
}

// TestForeignProgram: what a local programmer changes is drift, is alarmed, makes
// proposals stale, and is adopted by people. No order that leaves the program as it is
// adopts it.
func TestForeignProgram(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	o := w.approved(p, w.more(p, 1040))
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	eventually(t, "the server knows the new state", func() bool { r := w.report(p); return r.State.Gen > 1 && !r.Foreign })
	late := w.propose(p, w.more(p, 960))
	if err := w.device(p).Inject(emulator.Fault{Kind: "foreign-program"}); err != nil {
		t.Fatal(err)
	}
	alarmed := func(open int) func() bool {
		return func() bool {
			return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'PROGRAM_DRIFT' AND cleared_at IS NULL`, p.ID) == open
		}
	}
	eventually(t, "drift is alarmed", alarmed(1))
	w.ends(late.ID, dosing.Stale)
	eventually(t, "the server knows what runs", func() bool { return w.report(p).Foreign })
	// A stop, settings and a resume leave the program as it is, and so does the alarm stand.
	swept := func(what string) {
		t.Helper()
		if err := w.app.Dosing.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !alarmed(1)() {
			t.Errorf("after %s nobody is alarmed any more", what)
		}
	}
	w.signStop(p, nil)
	eventually(t, "the server knows of the stop", func() bool { return w.report(p).State.Run != wire.Infusing })
	eventually(t, "the stop is alarmed", func() bool {
		return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'STOPPED' AND cleared_at IS NULL`, p.ID) == 1
	})
	swept("a stop")
	for _, wish := range []dosing.Wish{{Act: order.ActSettings, Settings: &order.Settings{Low: 3 * units.Millilitre}, Reason: "test"}, {Act: order.ActResume}} {
		o := w.approved(p, wish)
		w.release(o.ID)
		w.ends(o.ID, dosing.Applied)
		swept("an order to " + wish.Act.String())
	}
	r := w.report(p)
	adopt := w.approved(p, dosing.Wish{Act: order.ActAdopt, Group: w.group(r.State.Contents), Contents: &r.State.Contents, Volume: r.Volume, Reason: "changed at the bedside"})
	w.release(adopt.ID)
	w.ends(adopt.ID, dosing.Applied)
	eventually(t, "it is ours again", func() bool { return !w.report(p).Foreign })
	eventually(t, "the alarm is over", alarmed(0))
}

// TestForeignFromTheStart: a pump whose program nobody here ordered or adopted is alarmed,
// though it never had an order of ours, until people adopt it.
func TestForeignFromTheStart(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	if err := w.device(p).Inject(emulator.Fault{Kind: "foreign-program"}); err != nil {
		t.Fatal(err)
	}
	drift := func(open int) func() bool {
		return func() bool {
			return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'PROGRAM_DRIFT' AND cleared_at IS NULL`, p.ID) == open
		}
	}
	eventually(t, "it is alarmed", drift(1))
	r := w.report(p)
	o := w.approved(p, dosing.Wish{Act: order.ActAdopt, Group: w.group(r.State.Contents), Contents: &r.State.Contents, Volume: r.Volume, Reason: "changed at the bedside"})
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	eventually(t, "the alarm is over", drift(0))
}

// TestRepeatedAnswer: a pump is stopped at the bedside after it applied an order whose
// answer was lost. Its word that it applied the order, said again, does not make the stop
// ours.
func TestRepeatedAnswer(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	first := w.approved(p, w.more(p, 1040))
	w.release(first.ID)
	w.ends(first.ID, dosing.Applied)
	o := w.approved(p, dosing.Wish{Act: order.ActSettings, Settings: &order.Settings{Low: 3 * units.Millilitre}, Reason: "test"})
	// The power goes before the answer leaves, and somebody stops the pump when it is back.
	if err := w.device(p).Inject(emulator.Fault{Kind: "power-cut-order", Value: 2}); err != nil {
		t.Fatal(err)
	}
	w.release(o.ID)
	eventually(t, "the power is gone", func() bool { return !w.device(p).Status().Power })
	if err := w.device(p).Inject(emulator.Fault{Kind: "link-loss", For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the power is back", func() bool { return w.device(p).Status().Power })
	if err := w.device(p).Inject(emulator.Fault{Kind: "stop", Value: 1}); err != nil {
		t.Fatal(err)
	}
	if err := w.device(p).EndFault("link-loss"); err != nil {
		t.Fatal(err)
	}
	w.ends(o.ID, dosing.Applied)
	eventually(t, "drift is alarmed", func() bool {
		return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'PROGRAM_DRIFT' AND cleared_at IS NULL`, p.ID) == 1
	})
}
