package alarm

import (
	"testing"

	"cisterna/device/wire"
	"cisterna/internal/auth"
	"cisterna/internal/event"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

// TestChangeWithoutAnAnswer: the database does what it was told and its answer is
// lost. Whoever shows alarms is told to read them afresh, of each kind of change.
func TestChangeWithoutAnAnswer(t *testing.T) {
	db := pgtest.NewDeaf(t)
	r := newRigOn(t, db.DB)
	first, _ := r.raise(r.byPump("RES_LOW", wire.PriorityMedium))
	r.sub.Take()
	for _, step := range []struct {
		name string
		do   func(tx *postgres.Tx) error
	}{
		{"raise", func(tx *postgres.Tx) error {
			_, _, err := r.RaiseTx(r.ctx, tx, r.byPump("MOTOR_STALL", wire.PriorityHigh))
			return err
		}},
		{"clear", func(tx *postgres.Tx) error {
			_, err := r.ClearTx(r.ctx, tx, r.cleared("RES_LOW"))
			return err
		}},
		{"end", func(tx *postgres.Tx) error { return r.GoneTx(r.ctx, tx, auth.System("test"), r.pump, "explanted") }},
	} {
		db.Arm()
		if err := postgres.InTx(r.ctx, r.db, step.do); err == nil {
			t.Fatalf("%s: the answer was not lost", step.name)
		}
		told(t, step.name, r.sub)
	}
	db.Arm()
	if _, err := r.Note(r.ctx, r.anna, first.ID, "seen"); err == nil {
		t.Fatal("note: the answer was not lost")
	}
	told(t, "note", r.sub)
}

func told(t *testing.T, what string, sub *event.Subscription[Changed]) {
	t.Helper()
	select {
	case <-sub.Wake():
	default:
		t.Errorf("%s: nobody was woken", what)
	}
	if _, missed := sub.Take(); !missed {
		t.Errorf("%s: nobody was told that something may be missing", what)
	}
}
