package main

import (
	"context"
	"testing"
	"time"

	"cisterna/device/emulator"
	"cisterna/fleet/dosing"
)

// deafen has the pumps take nothing any more, so that what they say stays as it is.
func (w *orderWorld) deafen() {
	w.t.Helper()
	for _, p := range w.plans {
		if err := w.device(p).Inject(emulator.Fault{Kind: "deaf", For: time.Hour}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// nothingAllowed makes a library active that allows nothing that any pump runs.
func (w *orderWorld) nothingAllowed() {
	w.t.Helper()
	l := w.app.Libraries.Current().Library
	l.Drugs = append(l.Drugs[:0:0], l.Drugs...)
	for i := range l.Drugs {
		limits := append(l.Drugs[i].Limits[:0:0], l.Drugs[i].Limits...)
		for j := range limits {
			limits[j].HardDay, limits[j].HardHour, limits[j].SoftDay = 1, 1, 0
		}
		l.Drugs[i].Limits = limits
	}
	w.replace(l)
}

// TestOrdersGoOnBesideTheFleet: while every pump is compared with a new library, however
// long that takes, an order that is over is put away.
func TestOrdersGoOnBesideTheFleet(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	o := w.approved(w.plans[0], w.more(w.plans[0], 970))
	w.deafen()
	tx, err := w.ownerDB().Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec(`LOCK TABLE registry_groups IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	w.nothingAllowed()
	eventually(t, "the pumps are compared", func() bool {
		return w.count(`SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database AND datname = current_database() WHERE relation = 'registry_groups'::regclass AND NOT granted`) > 0
	})
	if _, err := w.app.DB.Exec(`UPDATE dosing_orders SET expires_at = now() WHERE id = $1`, o.ID); err != nil {
		t.Fatal(err)
	}
	w.ends(o.ID, dosing.Expired)
}

// TestOnePumpKeepsNoOtherFromItsAlarm: where an alarm of one pump cannot be written, the
// pumps after it have theirs.
func TestOnePumpKeepsNoOtherFromItsAlarm(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 2)
	w.deafen()
	db := w.ownerDB()
	for _, q := range []string{
		`CREATE SEQUENCE first_library_stale`, `CREATE SEQUENCE first_keyset_ends`, `CREATE SEQUENCE first_hard_limit`,
		// What a sequence gave stays given when its transaction rolls back.
		`CREATE FUNCTION first_fails() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    IF (CASE NEW.code WHEN 'LIB_STALE' THEN nextval('public.first_library_stale') WHEN 'KEYSET_ENDS' THEN nextval('public.first_keyset_ends') WHEN 'HARD_LIMIT' THEN nextval('public.first_hard_limit') END) = 1 THEN
        RAISE EXCEPTION 'the first one fails';
    END IF;
    RETURN NEW;
END $$`,
		`CREATE TRIGGER first_fails BEFORE INSERT ON alarm_alarms FOR EACH ROW EXECUTE FUNCTION first_fails()`,
	} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	other := func(code string) {
		t.Helper()
		eventually(t, "the other pump has "+code, func() bool {
			return w.count(`SELECT count(*) FROM alarm_alarms WHERE code = $1 AND source = 'server' AND state <> 'cleared'`, code) >= 1
		})
	}
	w.nothingAllowed()
	other("HARD_LIMIT")

	// Ten years later they have neither the library nor a keyset that lasts.
	later := w.app.Dosing.Options
	later.Now = func() time.Time { return time.Now().AddDate(10, 0, 0) }
	d, err := dosing.New(later)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, watch := range []func(context.Context) error{d.WatchFleet, d.WatchLibraries} {
		go func() { _ = watch(ctx) }()
	}
	other("KEYSET_ENDS")
	other("LIB_STALE")
}
