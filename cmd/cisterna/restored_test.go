package main

import (
	"strings"
	"testing"

	"cisterna/device/emulator"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/pgserver"
	"cisterna/internal/postgres"
)

// TestRestoredOldBackup: on a backup that is behind what was signed a server still hears
// its pumps and stops them, signs nothing, and lets no order leave; pumps say that the
// record fell (docs/operating.md, After a restore).
func TestRestoredOldBackup(t *testing.T) {
	t.Parallel()
	in := installAlone(t)
	w := newOrderWorldOn(t, in, 1)
	ctx, p := t.Context(), w.plans[0]
	covered := func() int64 {
		c, _, err := audit.Newest(ctx, w.app.DB)
		if err != nil {
			t.Fatal(err)
		}
		return c.Size
	}
	eventually(t, "all of the record is in a checkpoint", func() bool {
		return w.count(`SELECT count(*) FROM audit_pending`) == 0 && covered() == int64(w.count(`SELECT count(*) FROM audit_index`))
	})
	size := covered()

	w.app.Stop()
	admin, err := postgres.Open(ctx, in.pg.URL(pgserver.Owner, "postgres"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE backup TEMPLATE cisterna"); err != nil {
		t.Fatal(err)
	}
	w.app = w.start()
	for range 20 {
		if _, err := w.app.Registry.CreatePatient(ctx, auth.System("test"), w.site.ID); err != nil {
			t.Fatal(err)
		}
	}
	shown := func() { // at its hello a pump is shown the newest checkpoint
		t.Helper()
		eventually(t, "the server knows the newest checkpoint", func() bool {
			c, ok := w.app.Sequencer.Latest()
			return ok && c.Size == covered()
		})
		if err := w.device(p).Inject(emulator.Fault{Kind: "reconnect"}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the record has grown", func() bool { return covered() >= size+20 })
	shown()
	eventually(t, "the pump has seen more of the record", func() bool {
		return w.count(`SELECT count(*) FROM telemetry_states WHERE checkpoint_size >= $1`, size+20) == 1
	})

	w.app.Stop()
	in.at = func(role string) string { return in.pg.URL(role, "backup") }
	w.app = w.start()
	w.described(p)
	if err := recordContinues(ctx, w.app.DB, in.dir+"/keys"); err == nil || !strings.Contains(err.Error(), "the signer signed") {
		t.Errorf("doctor: %v", err)
	}
	shown()
	eventually(t, "the pump says that the record fell", func() bool {
		return w.count(`SELECT count(*) FROM alarm_alarms WHERE code = 'SECURITY' AND instance = 'checkpoint' AND state = 'active' AND pump_id = $1`, p.ID) == 1
	})
	w.described(p)
	w.release(w.approved(p, w.more(p, 1080)).ID)
	stop := w.signStop(p, nil)
	eventually(t, "the pump has stopped", func() bool {
		return w.count(`SELECT count(*) FROM dosing_letters WHERE id = $1 AND state = 'applied'`, stop.ID) == 1
	})
	if n := w.count(`SELECT count(*) FROM dosing_letters WHERE kind = 'release' AND state = 'open' AND sent_at IS NULL`); n != 1 {
		t.Error("a release left without its place in the record")
	}
	if got := covered(); got != size {
		t.Errorf("the record was signed at %d, the backup ends at %d", got, size)
	}
}
