package main

import (
	"context"
	"testing"
	"time"

	"cisterna/device/emulator"
	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/dosing"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// signStop has the verifier sign a stop and send it.
func (w *orderWorld) signStop(p plannedPump, meanwhile func()) dosing.Letter {
	w.t.Helper()
	ctx, d := context.Background(), w.app.Dosing
	s, err := d.PrepareStop(ctx, w.jonas.Actor, p.ID, w.jonas.key, false, "drowsy", order.Digest{})
	if err != nil {
		w.t.Fatal(err)
	}
	if meanwhile != nil {
		meanwhile()
	}
	l, err := d.Stop(ctx, w.jonas.Actor, p.ID, s.Document, w.jonas.sign(w.t, s))
	return must2(w.t, l, err)
}

// stopFailed waits until the alarm that a stop has not stopped a pump stands or not,
// and says why.
func (w *orderWorld) stopFailed(p plannedPump, stands bool, why string) {
	w.t.Helper()
	open := 0
	if stands {
		open = 1
	}
	eventually(w.t, "STOP_FAILED stands or not", func() bool {
		return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'STOP_FAILED' AND source = 'server' AND priority = $2 AND cleared_at IS NULL AND detail->>'reason' LIKE $3`,
			p.ID, wire.PriorityHigh, "%"+why+"%") == open
	})
	letters, _, err := w.app.Dosing.Letters(context.Background(), auth.Scope{All: true}, p.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	failed := false
	for i := range letters {
		failed = failed || letters[i].Failed()
	}
	if failed != stands {
		w.t.Errorf("a letter says failed: %v, want %v", failed, stands)
	}
}

// TestStopUnanswered: a stop for a pump that is out of reach is alarmed after a minute,
// until the pump has carried it out.
func TestStopUnanswered(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	if err := w.device(p).Inject(emulator.Fault{Kind: "link-loss", For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	l := w.signStop(p, nil)
	if err := w.app.Dosing.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.stopFailed(p, false, "")
	if _, err := w.app.DB.Exec(`UPDATE dosing_letters SET at = at - interval '1 minute' WHERE id = $1`, l.ID); err != nil {
		t.Fatal(err)
	}
	w.stopFailed(p, true, "has not answered")
	if err := w.device(p).EndFault("link-loss"); err != nil {
		t.Fatal(err)
	}
	w.stopFailed(p, false, "")
	if r := w.report(p); r.State.Run == wire.Infusing {
		t.Error("the alarm is over, and the pump infuses")
	}
}

// TestStopRefused: a stop that the pump refuses is alarmed at once. A newer stop that is
// carried out ends it, and so does a program that people order instead.
func TestStopRefused(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	// The pump boots between the signature and the stop: it has forgotten the window.
	refused := func() {
		t.Helper()
		w.signStop(p, func() {
			before := w.count(`SELECT count(*) FROM telemetry_sessions WHERE pump_id = $1`, p.ID)
			if err := w.device(p).Inject(emulator.Fault{Kind: "watchdog"}); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is back", func() bool {
				return w.device(p).Status().Connected && w.count(`SELECT count(*) FROM telemetry_sessions WHERE pump_id = $1`, p.ID) > before
			})
		})
		w.stopFailed(p, true, "E_WINDOW")
	}
	refused()
	o := w.approved(p, w.more(p, 970))
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	w.stopFailed(p, false, "")

	refused()
	w.signStop(p, nil)
	w.stopFailed(p, false, "")
	if r := w.report(p); r.State.Run == wire.Infusing {
		t.Error("the alarm is over, and the pump infuses")
	}
}

// TestStopContradicted: a pump that says that it has carried a stop out, and infuses, is
// alarmed until it says that it does not.
func TestStopContradicted(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx := w.plans[0], t.Context()
	if err := w.device(p).Inject(emulator.Fault{Kind: "deaf", For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	l := w.signStop(p, nil)
	// What such a pump would say; the emulated one does not.
	r := w.report(p)
	ref, ok := w.app.Registry.Directory().ByID(p.ID)
	if !ok {
		t.Fatal("the pump is not in the register")
	}
	says(t, w, ref, l, r)
	w.stopFailed(p, true, "and infuses")
	if err := w.app.Dosing.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	w.stopFailed(p, true, "and infuses")
	if err := w.device(p).EndFault("deaf"); err != nil {
		t.Fatal(err)
	}
	if err := w.device(p).Inject(emulator.Fault{Kind: "stop", Value: 1}); err != nil {
		t.Fatal(err)
	}
	w.stopFailed(p, false, "")
}

// says has the server take an answer that a stop was carried out, from a pump that
// describes itself as r.
func says(t *testing.T, w *orderWorld, ref registry.PumpRef, l dosing.Letter, r order.Report) {
	t.Helper()
	hash, program := r.State.Hash(), r.State.Program.Hash()
	err := postgres.InTx(t.Context(), w.app.DB, func(tx *postgres.Tx) error {
		return w.app.Dosing.AnsweredTx(t.Context(), tx, telemetry.Answer{Pump: ref, At: time.Now(), Envelope: []byte("its word"), Answer: wire.Answer{
			Doc: l.Doc, Kind: wire.DnStop, Code: string(order.Applied), StateHash: hash[:], ProgramHash: program[:], Run: wire.Infusing, Report: r.Encode(),
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
}
