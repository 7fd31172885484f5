package main

import (
	"syscall"
	"testing"

	"cisterna/device/emulator"
	"cisterna/device/emulator/disk"
	"cisterna/fleet/dosing"
)

// TestKeysetSentAgain: a keyset that comes while the pump's disk fails reaches it when
// the disk is back, over the same connection. An order that names it is applied then.
func TestKeysetSentAgain(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.disk = disk.NewMemory(1)
	w := newOrderWorldOn(t, in, 1)
	p, ctx := w.plans[0], t.Context()
	o := w.approved(p, w.more(p, 1040))
	first := w.app.Keysets.Current().Version
	eventually(t, "the pump has the first keyset", func() bool { return w.device(p).Status().Keyset == first })
	hellos := w.app.Telemetry.Stats.Hellos.Load()

	in.disk.Fail(syscall.EIO, false)
	for _, kind := range []string{"memory-minor", "interrogate"} { // something to write, that leaves no alarm
		if err := w.device(p).Inject(emulator.Fault{Kind: kind}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the disk is known to fail", func() bool { return w.world.fleet.Stats().Health != "" })
	keys, err := w.app.Keysets.Keys(ctx, w.otis.ID)
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	if err := w.app.Keysets.RevokeKey(ctx, w.ada, keys[0].ID, "lost"); err != nil {
		t.Fatal(err)
	}
	w.publish()
	eventually(t, "the pump could not keep the keyset", func() bool {
		return w.count(`SELECT count(*) FROM telemetry_answers WHERE pump_id = $1 AND kind = 'dn/keyset' AND code = 'E_STORAGE'`, p.ID) == 1
	})
	if got := w.device(p).Status().Keyset; got != first {
		t.Fatalf("it has keyset %d, whose disk failed", got)
	}

	in.disk.Fail(nil, false)
	want := w.app.Keysets.Current().Version
	eventually(t, "the pump has the next keyset", func() bool { return w.device(p).Status().Keyset == want })
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	if n := w.app.Telemetry.Stats.Hellos.Load(); n != hellos || want == first {
		t.Errorf("%d hellos since, keyset %d after %d", n-hellos, want, first)
	}
}
