package main

import (
	"testing"
	"time"

	"cisterna/device/emulator"
	"cisterna/fleet/library"
)

// TestLibraryStale: a pump that has not taken the active library within a day raises an
// alarm, no other does, and its own word that it has it ends the alarm.
func TestLibraryStale(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 2)
	ctx, deaf, other := t.Context(), w.plans[0], w.plans[1]
	if err := w.device(deaf).Inject(emulator.Fault{Kind: "deaf", For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	cur := w.app.Libraries.Current()
	v, err := w.app.Libraries.Save(ctx, w.priya.Actor, 0, 0, library.Content{Library: cur.Library, Annex: cur.Annex, Note: "the quarter's review"})
	if err == nil {
		_, err = w.app.Libraries.Submit(ctx, w.priya.Actor, v.Version)
	}
	if err == nil {
		_, err = w.app.Libraries.Approve(ctx, w.jonas.Actor, v.Version)
	}
	if err != nil || w.app.Libraries.Current().Version != v.Version {
		t.Fatalf("version %d: %v", v.Version, err)
	}
	stale := func(p plannedPump) int {
		return w.count(`SELECT count(*) FROM alarm_alarms WHERE code = 'LIB_STALE' AND source = 'server' AND state <> 'cleared' AND pump_id = $1`, p.ID)
	}
	has := func(p plannedPump) bool {
		return w.count(`SELECT count(*) FROM library_pumps WHERE pump_id = $1 AND current AND hash = (SELECT hash FROM library_versions WHERE state = 'active')`, p.ID) == 1
	}
	eventually(t, "a pump takes the library", func() bool { return has(other) })

	// The server looks when it starts.
	again := func(active string) {
		t.Helper()
		w.app.Stop()
		if _, err := w.ownerDB().Exec(`UPDATE library_versions SET active_at = now() - $1::interval WHERE state = 'active'`, active); err != nil {
			t.Fatal(err)
		}
		w.app = w.start()
		eventually(t, "the pumps are back", func() bool { return w.device(deaf).Status().Connected && w.device(other).Status().Connected })
	}
	again("25 hours")
	eventually(t, "the alarm", func() bool { return stale(deaf) == 1 })
	if stale(other) != 0 {
		t.Error("a pump that has the library is behind")
	}
	if err := w.device(deaf).EndFault("deaf"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pump takes the library", func() bool { return has(deaf) })
	if stale(deaf) != 0 {
		t.Error("the pump has the library, and the alarm stands")
	}
}
