package telemetry

import (
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/internal/auth"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
	"cisterna/migrations"
)

func TestChargeOf(t *testing.T) {
	for mv, want := range map[int64]charge{
		0: chargeUnsaid, 1: chargeLow, 3399: chargeLow, 3400: chargeUnsaid, 3549: chargeUnsaid, 3550: chargeGood, 4200: chargeGood,
	} {
		if got := chargeOf(mv); got != want {
			t.Errorf("%d mV: %d, want %d", mv, got, want)
		}
	}
}

// TestCommunicatorBattery: a communicator that runs down alarms once, whatever the
// voltage does about the limit, and no more once it is charged.
func TestCommunicatorBattery(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	r.run()
	p.send(wire.UpHello, p.hello(func(*wire.Hello) {}))
	mono := uint64(9000)
	low := func(mv int64) alarm.Alarm {
		t.Helper()
		mono++
		// One that brings a report is committed before it is acknowledged.
		p.send(wire.UpHB, p.seal(wire.UpHB, wire.Encode(wire.Heartbeat{
			Pump: p.pub.PumpID(), Boot: [16]byte{1}, Wall: time.Now().UnixMilli(), Mono: mono, CommMV: mv, State: wire.State{Run: wire.Infusing, Report: []byte("said")},
		})))
		return p.alarms()["BATT_LOW"]
	}
	for _, mv := range []int64{4100, 3500, 3400, 0} {
		if a := low(mv); a.ID != 0 {
			t.Fatalf("at %d mV: %+v", mv, a)
		}
	}
	a := low(3390)
	if a.ID == 0 || a.Source != alarm.SourceServer || a.Priority != wire.PriorityMedium || a.Detail["voltage_mv"] != "3390" || a.Detail["battery"] != "communicator "+p.link {
		t.Fatalf("at 3390 mV: %+v", a)
	}
	for _, mv := range []int64{3380, 3450, 3549, 0} {
		if b := low(mv); b.ID != a.ID || b.Count != 1 {
			t.Fatalf("at %d mV: %+v", mv, b)
		}
	}
	if b := low(3550); b.ID != 0 {
		t.Fatalf("charged, and it stands: %+v", b)
	}
	if b := low(3300); b.ID == 0 || b.ID == a.ID {
		t.Fatalf("low again: %+v", b)
	}
	if n := one[int](r, `SELECT count(*) FROM audit_leaf WHERE kind IN ('alarm.raise', 'alarm.clear') AND pump_id = $1`, p.id); n != 3 {
		t.Errorf("%d leaves", n)
	}
}

// TestChargeIsTheCommunicators: the alarm ends with the communicator whose battery it is
// about, and the next one's is raised whatever the last said of its own.
func TestChargeIsTheCommunicators(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	ref, _ := r.svc.Directory.ByLink(p.link)
	mono := uint64(1)
	low := func() (alarm.Alarm, bool) {
		t.Helper()
		mono++
		w := word{ref: ref, link: p.link, at: r.now(), body: []byte("signed"), hb: &wire.Heartbeat{Boot: [16]byte{1}, Mono: mono, CommMV: 3300, State: wire.State{Run: wire.Infusing}}}
		if _, err := r.svc.storeWords(t.Context(), []word{w}); err != nil {
			t.Fatal(err)
		}
		a, open := p.alarms()["BATT_LOW"]
		return a, open
	}
	first, open := low()
	if !open {
		t.Fatal("low, and nothing was raised")
	}
	err := postgres.InTx(t.Context(), r.db, func(tx *postgres.Tx) error {
		return r.svc.UnlinkedTx(t.Context(), tx, auth.System("test"), p.id, "exchanged")
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, open := p.alarms()["BATT_LOW"]; open {
		t.Error("the communicator is gone, and its alarm stands")
	}
	if a, open := low(); !open || a.ID == first.ID {
		t.Errorf("the next one is low: %+v", a)
	}

	// A server that compares voltages for the first time finds those that were said before.
	_, owner := pgtest.NewOwner(t)
	before := fstest.MapFS{}
	for v := range 27 {
		names, err := fs.Glob(migrations.FS, fmt.Sprintf("%04d_*.sql", v+1))
		if err != nil || len(names) != 1 {
			t.Fatal(names, err)
		}
		b, err := fs.ReadFile(migrations.FS, names[0])
		if err != nil {
			t.Fatal(err)
		}
		before[names[0]] = &fstest.MapFile{Data: b}
	}
	for _, q := range []string{
		`DELETE FROM goose_db_version WHERE version_id >= 27`, `DROP INDEX telemetry_events_received`,
		`INSERT INTO telemetry_states (pump_id, boot, mono_ms, device_at, run, state_hash, program_hash, profile_hash, lib_hash, keyset, gen, order_epoch, counter, stop_counter, checkpoint_size, checkpoint_root, smaller, comm_mv)
VALUES (1, '', 0, now(), 1, '', '', '', '', 0, 0, 0, 0, 0, 0, '', false, 3300)`,
	} {
		if _, err := owner.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if did, err := postgres.Migrate(t.Context(), owner, before); err != nil || len(did) != 1 {
		t.Fatal(did, err)
	}
	var n int
	if err := owner.Get(&n, `SELECT count(*) FROM telemetry_states WHERE comm_mv IS NOT NULL`); err != nil || n != 0 {
		t.Errorf("%d voltages of before, %v", n, err)
	}
}

// TestChargeOfWordsThatAreNotKept: where a hello came after the heartbeat that said it,
// the next heartbeat still finds what to raise and what to clear.
func TestChargeOfWordsThatAreNotKept(t *testing.T) {
	r := newRig(t)
	p := r.pump()
	ref, _ := r.svc.Directory.ByLink(p.link)
	mono := uint64(1)
	made := func(f func(*word)) word {
		mono++
		w := word{ref: ref, link: p.link, at: r.now(), body: []byte("signed")}
		f(&w)
		return w
	}
	beat := func(mv int64) word {
		return made(func(w *word) {
			w.hb = &wire.Heartbeat{Boot: [16]byte{1}, Mono: mono, CommMV: mv, State: wire.State{Run: wire.Infusing}}
		})
	}
	hello := func() word {
		return made(func(w *word) {
			w.hello = &wire.Hello{Boot: [16]byte{1}, Mono: mono, State: wire.State{Run: wire.Infusing}}
		})
	}
	say := func(words ...word) bool {
		t.Helper()
		if _, err := r.svc.storeWords(t.Context(), words); err != nil {
			t.Fatal(err)
		}
		_, open := p.alarms()["BATT_LOW"]
		return open
	}
	if say(beat(4000)) || say(beat(3300), hello()) {
		t.Error("raised by a word that is not kept")
	}
	if !say(beat(3300)) {
		t.Error("low, and nothing was raised")
	}
	if say(beat(4000), hello()); say(beat(4000)) {
		t.Error("charged, and it stands")
	}
}
