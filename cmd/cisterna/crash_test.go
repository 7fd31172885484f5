package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/emulator"
	"cisterna/device/pump"
	"cisterna/internal/postgres"
)

// makeLoad lets every pump write records and, now and then, begins or ends an
// occlusion, so that both lanes are busy.
func makeLoad(ctx context.Context, f *emulator.Fleet) {
	devices := f.Devices()
	blocked := map[int]bool{}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for round := 0; ; round++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for i, d := range devices {
			_ = d.Emit(1 + (i+round)%3)
			if (i+round)%97 == 0 {
				_, _ = d.Do(pump.Fault{Kind: pump.OcclusionOut, Ends: blocked[i]})
				blocked[i] = !blocked[i]
			}
		}
	}
}

// pace has the pumps write rate records a second, in turn.
func pace(ctx context.Context, f *emulator.Fleet, rate int) {
	devices, began, written := f.Devices(), time.Now(), 0
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for due := int(now.Sub(began).Seconds() * float64(rate)); written < due; written++ {
				_ = devices[written%len(devices)].Emit(1)
			}
		}
	}
}

// TestNothingIsLostOrTwice kills server, database and pumps with SIGKILL while
// 200 pumps report for half a minute, or as long as it takes to kill each twice. Then
// every record that a pump wrote must be in the database exactly once, every alarm
// must have been raised and cleared, and the alarms must stand as on the pumps.
func TestNothingIsLostOrTwice(t *testing.T) {
	t.Parallel()
	const pumps = 200
	in := installAlone(t)
	app := in.start()
	plans := in.slips(app, pumps)
	settings := pumpsSettings{Dir: in.dir + "/pumps", Plans: plans}
	fleet := in.run("pumps", settings)
	addr := in.addr
	app.Stop()
	server := in.run("server", serverSettings{in.url(), in.dir + "/keys", addr})
	fleet.tell("load")

	victims := []string{"server", "database", "pumps"}
	began := time.Now()
	kills := map[string]int{}
	for n := 0; time.Since(began) < 30*time.Second || n < 2*len(victims); n++ {
		pause(t, time.Duration(1500+rand.IntN(2000))*time.Millisecond)
		victim := victims[n%len(victims)]
		kills[victim]++
		switch victim {
		case "server":
			server.kill()
			server = in.run("server", serverSettings{in.url(), in.dir + "/keys", addr})
		case "database":
			if err := syscall.Kill(in.pg.Pid(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			<-in.pg.Done()
			in.startPostgres()
		case "pumps":
			fleet.kill()
			fleet = in.run("pumps", settings)
			fleet.tell("load")
		}
	}
	fleet.tell("calm")
	status := settled(t, fleet)

	db, err := postgres.Open(t.Context(), in.url(), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	total := int64(0)
	for i, s := range status {
		total += checkPump(t, db, plans[slices.IndexFunc(plans, func(p plannedPump) bool { return p.Serial == s.Serial })].ID, s)
		if t.Failed() && i > 5 {
			t.Fatal("and so on")
		}
	}
	t.Logf("%d records of %d pumps, each there once; kills: %v", total, len(status), kills)
	if total < 10*pumps {
		t.Errorf("only %d records: that tested nothing", total)
	}
}

// pause waits between two kills: it makes the load run on, no result depends on
// how long it is.
func pause(t testing.TB, d time.Duration) {
	select {
	case <-t.Context().Done():
	case <-time.After(d):
	}
}

// settled waits until every pump has had all its records committed.
func settled(t *testing.T, p *process) []emulator.Status {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		p.tell("status")
		a := p.next(30 * time.Second)
		open := 0
		var example emulator.Status
		for _, s := range a.Status {
			if s.Main.Cursor != s.Main.Last || s.Alarm.Cursor != s.Alarm.Last {
				open++
				example = s
			}
		}
		if open == 0 && len(a.Status) > 0 {
			return a.Status
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d pumps still have records that are not committed, such as %+v", open, len(a.Status), example)
		}
		pause(t, 250*time.Millisecond)
	}
}

// checkPump compares one pump with the database and returns how many records of
// its main lane are there.
func checkPump(t *testing.T, db *sqlx.DB, id int64, s emulator.Status) int64 {
	t.Helper()
	var have struct {
		N        int64 `db:"n"`
		Distinct int64 `db:"distinct_n"`
		First    int64 `db:"first"`
		Last     int64 `db:"last"`
		Gaps     int64 `db:"gaps"`
		Refused  int64 `db:"refused"`
		Cursor   int64 `db:"cursor"`
	}
	err := db.Get(&have, `WITH r AS (
			SELECT epoch, seq FROM telemetry_samples WHERE pump_id = $1
			UNION ALL SELECT epoch, seq FROM telemetry_events WHERE pump_id = $1)
		SELECT count(*) AS n, count(DISTINCT (epoch, seq)) AS distinct_n, coalesce(min(seq), 0) AS first, coalesce(max(seq), 0) AS last,
			(SELECT count(*) FROM telemetry_gaps WHERE pump_id = $1) AS gaps,
			(SELECT count(*) FROM telemetry_refusals WHERE pump_id = $1) AS refused,
			(SELECT seq FROM telemetry_cursors WHERE pump_id = $1 AND lane = 1) AS cursor FROM r`, id)
	if err != nil {
		t.Fatal(err)
	}
	// The pump may have written a sample since it was asked: the database may be
	// ahead of the answer, never behind it.
	if have.N != have.Distinct || have.First != 1 || have.Last != have.Cursor || have.N != have.Cursor || have.Cursor < int64(s.Main.Last) || have.Gaps != 0 || have.Refused != 0 {
		t.Errorf("%s wrote 1 to %d; the database has %+v", s.Serial, s.Main.Last, have)
	}
	if s.Main.Epoch != 1 || s.Alarm.Epoch != 1 {
		t.Errorf("%s lost its journal: epochs %d and %d", s.Serial, s.Main.Epoch, s.Alarm.Epoch)
	}
	var open []string
	if err := db.Select(&open, `SELECT code FROM alarm_alarms WHERE pump_id = $1 AND source = 'pump' AND state <> 'cleared' ORDER BY code`, id); err != nil {
		t.Fatal(err)
	}
	slices.Sort(s.Alarms)
	if !slices.Equal(open, s.Alarms) {
		t.Errorf("%s has the alarms %v, the database %v", s.Serial, s.Alarms, open)
	}
	var seq int64
	if err := db.Get(&seq, `SELECT coalesce(max(seq), 0) FROM telemetry_cursors WHERE pump_id = $1 AND lane = 2`, id); err != nil {
		t.Fatal(err)
	}
	if seq != int64(s.Alarm.Last) {
		t.Errorf("%s wrote %d alarm records, the server has %d", s.Serial, s.Alarm.Last, seq)
	}
	// A cursor that moved proves nothing about what it moved over: every record of
	// the lane has raised or cleared something, once.
	var changes []int64
	if err := db.Select(&changes, `SELECT c.seq FROM alarm_changes c JOIN alarm_alarms a ON a.id = c.alarm_id WHERE a.pump_id = $1 AND a.source = 'pump' AND c.epoch = 1 ORDER BY c.seq`, id); err != nil {
		t.Fatal(err)
	}
	for i := range max(seq, int64(len(changes))) {
		if i >= int64(len(changes)) || changes[i] != i+1 {
			t.Errorf("%s wrote %d alarm records; those that raised or cleared something are %v", s.Serial, seq, changes)
			break
		}
	}
	return have.N
}
