package dosing

import (
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

// TestFormsAreBounded: a person's oldest form makes room for one more, and nobody
// else's does; a list of them holds no text.
func TestFormsAreBounded(t *testing.T) {
	db, ctx, at := pgtest.New(t), t.Context(), time.Now().Truncate(time.Second)
	keep := func(user, pump int64, at time.Time) {
		t.Helper()
		err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
			return keepForm(ctx, tx, user, &Typed{Pump: pump, Site: 1, Kind: order.ActVisit, Form: "{}", At: at})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	has := func(user, pump int64) bool {
		t.Helper()
		f, ok, err := readForm(ctx, db, user, pump, at.Add(-FormKept))
		if err != nil || ok && f.Form != "{}" {
			t.Fatal(f, err)
		}
		return ok
	}
	keep(8, 1, at.Add(-time.Hour))
	for pump := range int64(MaxForms) {
		keep(7, pump+1, at.Add(time.Duration(pump)*time.Second))
	}
	keep(7, 1, at.Add(time.Hour)) // typed on: no more of them, and the second is the oldest
	keep(7, 2, at.Add(time.Hour))
	keep(7, 100, at.Add(2*time.Hour))
	keep(7, 200, at.Add(-time.Hour)) // by a clock that was set back: it is the newest all the same
	all, err := readForms(ctx, db, 7, at.Add(-FormKept))
	if err != nil || len(all) != MaxForms {
		t.Fatalf("%d forms, %v", len(all), err)
	}
	for _, f := range all {
		if f.Form != "" || f.Kind != order.ActVisit {
			t.Errorf("the list holds %+v", f)
		}
	}
	for pump, want := range map[int64]bool{1: true, 2: true, 3: false, 4: false, 5: true, MaxForms: true, 100: true, 200: true} {
		if has(7, pump) != want {
			t.Errorf("the form for pump %d is there: %v", pump, !want)
		}
	}
	if !has(8, 1) {
		t.Error("somebody else's went")
	}
}
