package alarm

import (
	"testing"

	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// TestClose: people end a pump's alarm only when the pump is gone.
func TestClose(t *testing.T) {
	r := newRig(t)
	a, _ := r.raise(r.byPump("EOS", 0))
	r.leaves(func() {
		_, err := r.Close(r.ctx, r.emil, a.ID, "it is over")
		kind(t, "while the pump is in use", err, errs.Conflict)
		_, err = r.Close(r.ctx, r.anna, a.ID, "it is over")
		kind(t, "a nurse", err, errs.Denied)
	})
	if _, err := r.reg.Explant(r.ctx, r.emil, registry.Explant{Pump: r.pump, On: "2026-01-31", Reason: "end of service", Fate: registry.FateMaker}); err != nil {
		t.Fatal(err)
	}
	r.leaves(func() {
		_, err := r.Close(r.ctx, r.emil, a.ID, "")
		kind(t, "no note", err, errs.Invalid)
	})
	r.leaves(func() {
		var err error
		if a, err = r.Close(r.ctx, r.emil, a.ID, "pump explanted"); err != nil || a.State != Cleared {
			t.Fatalf("%+v, %v", a, err)
		}
	}, "alarm.close")
	r.get(a)
	r.leaves(func() {
		if again, err := r.Close(r.ctx, r.emil, a.ID, "pump explanted"); err != nil || again.Rev != a.Rev {
			t.Errorf("again: %+v, %v", again, err)
		}
	})
}

// TestGone: the alarms of a pump that is taken out end with it, and no others.
func TestGone(t *testing.T) {
	r := newRig(t)
	a, _ := r.raise(r.byPump("EOS", 0))
	b, _ := r.raise(r.byPump("ERI", 0))
	err := postgres.InTx(r.ctx, r.db, func(tx *postgres.Tx) error { return r.GoneTx(r.ctx, tx, r.emil, r.pump, "infection") })
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []int64{a.ID, b.ID} {
		got, err := r.Get(r.ctx, r.emil.Scope(), id)
		if err != nil || got.State != Cleared {
			t.Errorf("%+v, %v", got, err)
		}
		h, err := r.History(r.ctx, r.emil.Scope(), id)
		if err != nil || h[len(h)-1].Change != ChangeClosed || h[len(h)-1].Note != "infection" {
			t.Errorf("%+v, %v", h, err)
		}
	}
	if open, err := r.Counts(r.ctx, []int64{r.pump}); err != nil || len(open) != 0 {
		t.Errorf("left open: %v, %v", open, err)
	}
}

// TestOver: what settles the server's alarms of a code ends all of them, and none of
// another code, of another pump or of the pump itself.
func TestOver(t *testing.T) {
	r := newRig(t)
	ours := func(code, instance string) Raise {
		return Raise{Pump: r.pump, Site: r.byPump(code, 0).Site, Code: code, Source: SourceServer, Instance: instance, At: r.byPump(code, 0).At, Actor: auth.System("test")}
	}
	var over, left []int64
	for _, x := range []Raise{ours("UPDATE_INCOMPLETE", "order:1"), ours("UPDATE_INCOMPLETE", "order:2")} {
		a, _ := r.raise(x)
		over = append(over, a.ID)
	}
	for _, x := range []Raise{ours("PROGRAM_DRIFT", ""), r.byPump("UPDATE_INCOMPLETE", 0)} {
		a, _ := r.raise(x)
		left = append(left, a.ID)
	}
	err := postgres.InTx(r.ctx, r.db, func(tx *postgres.Tx) error {
		return r.OverTx(r.ctx, tx, auth.System("dosing"), r.pump, "UPDATE_INCOMPLETE", "order 3 was applied")
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range over {
		h, err := r.History(r.ctx, r.emil.Scope(), id)
		if a, _ := r.Get(r.ctx, r.emil.Scope(), id); err != nil || a.State != Cleared || h[len(h)-1].Note != "order 3 was applied" {
			t.Errorf("%+v, %+v, %v", a, h, err)
		}
	}
	for _, id := range left {
		if a, err := r.Get(r.ctx, r.emil.Scope(), id); err != nil || !a.State.Open() {
			t.Errorf("%+v, %v", a, err)
		}
	}
}

// TestUnheard: what a pump raised ends when people begin to read it by hand. What the
// server raised stays but for what it said of the link and of the program that came over
// it, and so does what is another pump's.
func TestUnheard(t *testing.T) {
	r := newRig(t)
	own, _ := r.raise(r.byPump("MOTOR_STALL", 0))
	ours := r.byPump("RECALL", 0)
	ours.Source, ours.Pos = SourceServer, wire.Position{}
	server, _ := r.raise(ours)
	over := map[int64]bool{own.ID: true}
	for _, code := range []string{"BATT_LOW", "LIB_STALE", "KEYSET_ENDS", "HARD_LIMIT", "DRUG_NOT_IN_LIB"} {
		ours.Code = code
		a, _ := r.raise(ours)
		over[a.ID] = true
	}
	other := r.byPump("RES_LOW", 0)
	other.Pump = r.pump2
	foreign, _ := r.raise(other)
	if err := postgres.InTx(r.ctx, r.db, func(tx *postgres.Tx) error { return r.UnheardTx(r.ctx, tx, r.emil, r.pump, "no reception") }); err != nil {
		t.Fatal(err)
	}
	over[server.ID], over[foreign.ID] = false, false
	for id, over := range over {
		if a, err := r.Get(r.ctx, r.emil.Scope(), id); err != nil || a.State.Open() == over {
			t.Errorf("%+v, %v", a, err)
		}
	}
}
