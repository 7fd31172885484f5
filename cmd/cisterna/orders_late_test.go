package main

import (
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

// TestMayApplyUntil: a release may apply to its end and a minute more; to a pump that does
// not trust its clock, or has lost its trust since, as long as it accepts the window. What
// it applies then is no surprise.
func TestMayApplyUntil(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	until := func(id int64) (dosing.Letter, time.Time) {
		t.Helper()
		under, err := d.Underway(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		_, letters, err := d.History(ctx, auth.Scope{All: true}, id)
		if err != nil || len(letters) == 0 {
			t.Fatal(letters, err)
		}
		return letters[0], under.Until
	}
	o := w.approved(p, w.more(p, 970))
	if err := w.device(p).Inject(emulator.Fault{Kind: "deaf", For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	w.release(o.ID)
	l, at := until(o.ID)
	r, err := order.DecodeRelease(l.Document)
	if err != nil || at.Unix() != r.Expires+60 {
		t.Errorf("by a clock that is trusted it may apply until %s, %v", at, err)
	}

	// The pump loses its trust in its clock while the release is on its way. Seventeen
	// minutes later the release is not over.
	if err := w.device(p).Inject(emulator.Fault{Kind: "clock-year", Value: 1}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows of the clock", func() bool { return !w.report(p).Trusted })
	if _, err := w.app.DB.Exec(`UPDATE dosing_letters SET at = at - interval '17 minutes', not_after = not_after - interval '17 minutes' WHERE order_id = $1`, o.ID); err != nil {
		t.Fatal(err)
	}
	if err := d.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	l, at = until(o.ID)
	if want := l.At.Add(30 * time.Minute); !at.Equal(want) {
		t.Errorf("it may apply until %s, want %s", at, want)
	}
	if err := w.device(p).EndFault("deaf"); err != nil {
		t.Fatal(err)
	}
	w.ends(o.ID, dosing.Applied)

	// A release that was signed for such a pump says so from the first.
	eventually(t, "the server knows what runs", func() bool {
		r := w.report(p)
		return !r.Trusted && r.State.Hash().String() == w.device(p).Status().StateHash
	})
	o = w.approved(p, w.more(p, 970))
	w.release(o.ID)
	l, _ = until(o.ID)
	if want := l.At.Add(30 * time.Minute); !l.NotAfter.Equal(want) {
		t.Errorf("it may apply until %s, want %s", l.NotAfter, want)
	}
	w.ends(o.ID, dosing.Applied)
}

// TestWithdrawnAgain: a withdrawal that the pump refuses is signed once more, and then
// the pump knows.
func TestWithdrawnAgain(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	o := w.approved(p, w.more(p, 970))
	if err := w.device(p).Inject(emulator.Fault{Kind: "deaf", For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	withdraw := func(reason string) {
		t.Helper()
		s, err := d.PrepareWithdraw(ctx, w.jonas.Actor, o.ID, w.jonas.key, reason, order.Digest{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.Withdraw(ctx, w.jonas.Actor, o.ID, s.Document, w.jonas.sign(t, s)); err != nil || got.State != dosing.Withdrawn || got.Told != dosing.NotTold {
			t.Fatalf("withdrawn: %s, %v", got.State, err)
		}
	}
	withdraw("not needed")
	// What a pump with an older keyset answers.
	_, letters, err := d.History(ctx, auth.Scope{All: true}, o.ID)
	ref, ok := w.app.Registry.Directory().ByID(p.ID)
	if err != nil || !ok || len(letters) != 1 {
		t.Fatal(letters, err)
	}
	refuses(t, w, ref, letters[0], order.ErrKey)
	withdraw("still not needed")
	if err := w.device(p).EndFault("deaf"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pump knows", func() bool {
		return w.count(`SELECT count(*) FROM dosing_orders WHERE id = $1 AND state = 'withdrawn' AND told = 'told'`, o.ID) == 1
	})
	_, err = d.PrepareWithdraw(ctx, w.jonas.Actor, o.ID, w.jonas.key, "once more", order.Digest{})
	if err == nil {
		t.Error("an order of which the pump knows is withdrawn again")
	}
}

// refuses has the server take a refusal of a letter.
func refuses(t *testing.T, w *orderWorld, ref registry.PumpRef, l dosing.Letter, code order.Code) {
	t.Helper()
	err := postgres.InTx(t.Context(), w.app.DB, func(tx *postgres.Tx) error {
		return w.app.Dosing.AnsweredTx(t.Context(), tx, telemetry.Answer{Pump: ref, At: time.Now(), Envelope: []byte("its word"), Answer: wire.Answer{Doc: l.Doc, Kind: wire.DnOrder, Code: string(code)}})
	})
	if err != nil {
		t.Fatal(err)
	}
}
