package overview

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	godiff "github.com/google/go-cmp/cmp"

	"cisterna/device/dose"
	"cisterna/device/gateway"
	"cisterna/device/profile"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// fresh loads the board's rows without revisions.
func (r *rig) fresh() []Row {
	r.t.Helper()
	rows, err := r.view.readRows(context.Background(), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}

func bare(rows []Row) []Row {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].Rev = 0
	}
	return rows
}

// settles waits until the board equals a fresh load.
func (r *rig) settles(when string) {
	r.t.Helper()
	var diff string
	for deadline := time.Now().Add(20 * time.Second); ; {
		diff = godiff.Diff(r.fresh(), bare(r.view.Board().Snapshot(all).Rows))
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s, the board is not what is stored:\n%s", when, diff)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// TestBoardEqualsAFreshLoad makes random changes through every package and checks
// that the events alone bring the board to what a load would show. Beside it, a
// reader that only asks for changes must come to the same.
func TestBoardEqualsAFreshLoad(t *testing.T) {
	r := newRig(t)
	ctx := context.Background()
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 6 {
		r.pump(r.sites[i%2])
	}
	board := r.view.Board()
	reader := map[int64]Row{}
	epoch, rev := "", uint64(0)
	read := func() {
		t.Helper()
		c := board.Since(epoch, rev)
		if c.Reset {
			clear(reader)
		}
		last := uint64(0)
		for _, row := range c.Rows {
			if row.Rev <= last || row.Rev > c.Rev || !c.Reset && row.Rev <= rev {
				t.Fatalf("revision %d after %d, asked from %d to %d", row.Rev, last, rev, c.Rev)
			}
			last = row.Rev
			reader[row.ID] = row
		}
		epoch, rev = c.Epoch, c.Rev
	}
	now := time.Now()
	acts := []func(p *pump){
		func(p *pump) {
			p.records(wire.UpTele, sample(time.Now(), rnd.Int64N(20_000_000), 2500+rnd.Int64N(800)))
		},
		func(p *pump) { // out of a backlog
			p.records(wire.UpTele, sample(now.Add(-time.Hour), 1, 2000), sample(now.Add(-time.Minute), 2, 2100))
		},
		func(p *pump) {
			p.records(wire.UpTele, wire.Record{Kind: wire.RecordGap, Wall: time.Now().UnixMilli(), Gap: &wire.Gap{Through: p.seq + 5, Reason: "overflow"}})
		},
		func(p *pump) { p.send(wire.UpTele, []byte("garbage")) },
		func(p *pump) {
			p.hello(func(h *wire.Hello) {
				h.Firmware = fmt.Sprintf("1.%d", rnd.IntN(3))
				h.State.Library = [][]byte{[]byte("known"), []byte("other")}[rnd.IntN(2)]
				h.State.Contents = dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Code(1 + rnd.IntN(5)), Conc: 1000}}, Route: dose.Intrathecal}.Encode()
			})
		},
		func(p *pump) {
			p.mono += 1000
			v := sample(time.Now(), rnd.Int64N(1000), 2900).Sample
			p.send(wire.UpHB, p.seal(wire.UpHB, wire.Encode(wire.Heartbeat{
				Pump: p.wire, Boot: [16]byte{1}, Wall: time.Now().UnixMilli(), Mono: p.mono, State: wire.State{Run: wire.Bolus, Library: []byte("known")}, Sample: wire.NewHeartbeatSample(v),
			})))
		},
		func(p *pump) {
			code := []string{"RES_LOW", "MOTOR_STALL", "UNDERINF"}[rnd.IntN(3)]
			if rnd.IntN(2) == 0 {
				p.records(wire.UpAlarm, wire.Record{Kind: wire.RecordRaise, Wall: time.Now().UnixMilli(), Raise: &wire.Raise{Code: code, Priority: wire.PriorityLow}})
			} else {
				p.records(wire.UpAlarm, wire.Record{Kind: wire.RecordClear, Wall: time.Now().UnixMilli(), Clear: &wire.Clear{Code: code}})
			}
		},
		func(p *pump) { // the server's own
			ref, _ := r.reg.Directory().ByID(p.id)
			err := postgres.InTx(ctx, r.db, func(tx *postgres.Tx) error {
				_, _, err := r.alarms.RaiseTx(ctx, tx, alarm.Raise{Pump: p.id, Site: ref.Site, Code: "CLOCK_DRIFT", Source: alarm.SourceServer, At: time.Now(), Actor: sys})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		},
		func(p *pump) {
			s := gateway.Session{Link: p.link, Conn: p.conn + 1000, Boot: "boot", At: time.Now()}
			if rnd.IntN(2) == 0 {
				p.conn += 1000
				r.tele.Connected(s)
			} else {
				s.Conn = p.conn
				r.tele.Disconnected(s, gateway.ReasonIO)
			}
		},
		func(p *pump) {
			reg, err := r.reg.Pump(ctx, all, p.id)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.reg.Edit(ctx, sys, p.id, reg.Rev, fmt.Sprintf("label %d", rnd.IntN(100)), reg.Facts); err != nil {
				t.Fatal(err)
			}
		},
		func(p *pump) { // into a patient, by the register
			if _, in, err := r.reg.BoundPatient(ctx, p.id); err != nil || in {
				return
			}
			if _, err := r.reg.Bind(ctx, sys, r.patient(p).ID, p.id, "implanted"); err != nil {
				t.Fatal(err)
			}
		},
		func(p *pump) {
			if in, ok, err := r.reg.BoundPatient(ctx, p.id); err != nil || !ok {
				return
			} else if _, err := r.reg.Unbind(ctx, sys, in.ID, "a mistake"); err != nil {
				t.Fatal(err)
			}
		},
		func(p *pump) { // whom it is in by its own word; it may be somebody who had another pump
			whom := r.patient(p)
			for _, q := range r.pumps {
				if in, ok, _ := r.reg.BoundPatient(ctx, q.id); ok && q != p && rnd.IntN(3) == 0 && r.at(q) == r.at(p) {
					whom = in
				}
			}
			r.obeyed(p, whom.ID)
		},
	}
	for round := range 8 {
		for range 25 {
			acts[rnd.IntN(len(acts))](r.pumps[rnd.IntN(len(r.pumps))])
		}
		if round == 4 {
			r.pump(r.sites[0])
		}
		read()
		r.settles(fmt.Sprintf("after round %d", round))
		read()
		snap := board.Snapshot(all)
		if len(reader) != len(snap.Rows) || snap.Rev != rev {
			t.Fatalf("the reader knows %d rows at %d, the board %d at %d", len(reader), rev, len(snap.Rows), snap.Rev)
		}
		for _, row := range snap.Rows {
			if d := godiff.Diff(row, reader[row.ID]); d != "" {
				t.Fatalf("the reader's row differs:\n%s", d)
			}
		}
	}
	sum := 0
	for _, row := range board.Snapshot(all).Rows {
		sum += row.Alarms.High + row.Alarms.Medium + row.Alarms.Low
	}
	if c := board.Counts(all); c.Pumps != len(r.pumps) || c.High+c.Medium+c.Low != sum || c.ByStatus["active"] != len(r.pumps) {
		t.Errorf("counts %+v", c)
	}
}

func TestBoardScopes(t *testing.T) {
	r := newRig(t)
	a, b := r.pump(r.sites[0]), r.pump(r.sites[1])
	r.settles("at the start")
	board := r.view.Board()
	only := auth.Scope{Sites: r.sites[:1]}
	if rows := board.Snapshot(only).Rows; len(rows) != 1 || rows[0].ID != a.id {
		t.Errorf("rows %+v", rows)
	}
	if _, ok := board.Row(only, b.id); ok {
		t.Error("a row of another site is visible")
	}
	if c := board.Counts(only); c.Pumps != 1 {
		t.Errorf("counts %+v", c)
	}
	if rows := board.Snapshot(auth.Scope{}).Rows; rows != nil {
		t.Error("nobody sees something")
	}
	if c := board.Since("another epoch", 5); !c.Reset || len(c.Rows) != 2 {
		t.Errorf("from another epoch: %+v", c)
	}
	now := board.Snapshot(all)
	if c := board.Since(now.Epoch, now.Rev); c.Reset || len(c.Rows) != 0 || c.Rev != now.Rev {
		t.Errorf("when nothing changed: %+v", c)
	}
	if c := board.Since(now.Epoch, now.Rev+1); !c.Reset {
		t.Errorf("from the future: %+v", c)
	}
}

func TestBoardShows(t *testing.T) {
	r := newRig(t)
	p := r.pump(r.sites[0])
	r.tele.Connected(gateway.Session{Link: p.link, Conn: p.conn, Boot: "boot", At: time.Now()})
	p.hello(func(h *wire.Hello) {
		h.State.Contents = dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Morphine, Conc: 10_000_000}, {Code: dose.Bupivacaine, Conc: 20_000_000}}, Route: dose.Intrathecal}.Encode()
	})
	p.records(wire.UpTele, sample(time.Now(), 7_000_000, 2900))
	p.records(wire.UpAlarm, wire.Record{Kind: wire.RecordRaise, Wall: time.Now().UnixMilli(), Raise: &wire.Raise{Code: "MOTOR_STALL", Priority: wire.PriorityHigh}})
	p.send(wire.UpTele, []byte("garbage"))
	r.settles("after a pump said everything")
	r.eventually("online", func() bool { row, _ := r.view.Board().Row(all, p.id); return row.Presence == telemetry.Online })
	row, _ := r.view.Board().Row(all, p.id)
	if row.ReservoirNL != 7_000_000 || row.Run != wire.Infusing || row.Firmware != "1.0.0" || row.Library != "Sample 1" || row.Refused24h != 1 || row.Alarms.High != 1 ||
		row.Alarms.TopCode != "MOTOR_STALL" || row.Alarms.TopTitle != "Motor stall" || len(row.Drugs) != 2 || row.Drugs[0] != (Drug{"morphine", 10_000_000}) || row.Link != p.link || row.LastHeard.IsZero() || row.LastData.IsZero() {
		t.Errorf("row %+v", row)
	}
}

func TestCharge(t *testing.T) {
	curve := []profile.Voltage{{Charge: 1000, MV: 3200}, {Charge: 500, MV: 3000}, {Charge: 200, MV: 3000}, {Charge: 0, MV: 2500}}
	for mv, want := range map[int64]int{4000: 100, 3200: 100, 3100: 75, 3000: 50, 2750: 10, 2500: 0, 0: 0} {
		if got := charge(curve, mv); got != want {
			t.Errorf("%d mV: %d %%, want %d", mv, got, want)
		}
	}
	if charge(nil, 3000) != -1 {
		t.Error("a pump without a curve has a charge")
	}
}
