package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"cisterna/device/emulator"
	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/internal/auth"
)

// releaseCommand has a child server take a signed release, as the nurse's browser
// would bring it.
type releaseCommand struct {
	Login     string
	Site      int64
	Order     int64
	Document  []byte
	Assertion order.Assertion
}

// ordersChild runs a server that releases what it is given, all at once, until it is
// killed.
func ordersChild(ctx context.Context, in *bufio.Scanner, say func(any)) error {
	var set serverSettings
	if !in.Scan() {
		return io.ErrUnexpectedEOF
	}
	if err := json.Unmarshal(in.Bytes(), &set); err != nil {
		return err
	}
	app, err := startServer(ctx, set)
	if err != nil {
		return err
	}
	say(answer{Ready: true, Addr: addresses(app)})
	for in.Scan() {
		var c releaseCommand
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			return err
		}
		go func() {
			account, err := app.People.AccountByLogin(ctx, c.Login)
			if err == nil {
				_, _, err = app.Dosing.Release(ctx, account.Actor(map[int64][]auth.Role{c.Site: {auth.Nurse}}), c.Order, c.Document, c.Assertion)
			}
			if err != nil {
				say(answer{Error: err.Error()})
			} else {
				say(answer{Released: c.Order})
			}
		}()
	}
	return nil
}

// TestServerKilledWhileReleasing: a server is killed with SIGKILL while releases are
// on their way through it, each at another stage between the signature and the pump's
// answer.
// Once a server is there again, every order was applied exactly once, or never left
// and can be released; what a person was told was released is applied.
func TestServerKilledWhileReleasing(t *testing.T) {
	t.Parallel()
	const pumps = 6
	w := newOrderWorld(t, pumps)
	applied, kept, told := 0, 0, 0
	for round, heard := range []int{0, 1, 4} { // it dies when so many were told that they have released
		type flight struct {
			p       plannedPump
			order   dosing.Order
			gen     uint64
			counter uint64
		}
		var all []flight
		var commands []releaseCommand
		for _, p := range w.plans {
			o := w.approved(p, w.more(p, []int64{800, 1010, 990}[round]))
			s, err := w.app.Dosing.PrepareRelease(t.Context(), w.rosa.Actor, o.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
			if err != nil {
				t.Fatal(err)
			}
			st := w.device(p).Status()
			all = append(all, flight{p, o, st.Gen, st.Orders.Counter})
			commands = append(commands, releaseCommand{w.rosa.Login, w.site.ID, o.ID, s.Document, w.rosa.sign(t, s)})
		}
		w.app.Stop()
		child := w.run("orders", serverSettings{w.url(), w.dir + "/keys", w.addr})
		for _, p := range w.plans {
			eventually(t, p.Serial+" is with the new server", func() bool { return w.device(p).Status().Connected })
		}
		db := w.ownerDB()
		eventually(t, "the server knows that they are here", func() bool {
			var n int
			err := db.Get(&n, `SELECT count(*) FROM telemetry_presence WHERE connected`)
			return err == nil && n == pumps
		})
		var died string // boot of the server
		if err := db.Get(&died, `SELECT min(server_boot) FROM telemetry_presence`); err != nil {
			t.Fatal(err)
		}
		for _, c := range commands {
			b, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			child.tell(string(b))
		}
		released := map[int64]bool{}
		for range heard {
			released[child.next(30*time.Second).Released] = true
		}
		child.kill()
		for a := range child.lines { // what people were told before it died
			if a.Error != "" {
				t.Fatal(a.Error)
			}
			released[a.Released] = true
		}
		w.app = w.start()
		eventually(t, "all pumps are with the next server", func() bool {
			return w.count(`SELECT count(*) FROM telemetry_presence WHERE connected AND server_boot <> $1`, died) == pumps
		})
		for _, f := range all {
			var got dosing.Order
			eventually(t, f.p.Serial+"'s order is settled", func() bool {
				var err error
				got, err = w.app.Dosing.Get(t.Context(), auth.Scope{All: true}, f.order.ID)
				return err == nil && !got.State.Away()
			})
			letters := w.count(`SELECT count(*) FROM dosing_letters WHERE order_id = $1`, f.order.ID)
			events := w.count(`SELECT count(*) FROM dosing_events WHERE order_id = $1 AND letter_id IS NULL AND state = 'applied'`, f.order.ID)
			st := w.device(f.p).Status()
			doc, err := order.DecodePrescription(f.order.Document)
			if err != nil {
				t.Fatal(err)
			}
			runs := st.ProgramHash == order.Digest(doc.Program.Hash()).String()
			switch {
			case got.State == dosing.Applied:
				applied++
				if letters != 1 || events != 1 || !runs || st.Gen != f.gen+1 || st.Orders.Counter != f.counter+1 {
					t.Errorf("%s: applied by %d releases in %d events; the pump went from generation %d to %d, runs it: %t", f.p.Serial, letters, events, f.gen, st.Gen, runs)
				}
			case got.State == dosing.Approved && letters == 0:
				kept++
				if released[f.order.ID] || runs || st.Gen != f.gen {
					t.Errorf("%s: nothing was released, a person was told so: %t; the pump went from generation %d to %d", f.p.Serial, !released[f.order.ID], f.gen, st.Gen)
				}
				w.release(f.order.ID)
				w.ends(f.order.ID, dosing.Applied)
			default:
				t.Errorf("%s: the order is %s (%s %s) with %d releases", f.p.Serial, got.State, got.Code, got.Detail, letters)
			}
			if released[f.order.ID] {
				told++
			}
		}
		for _, f := range all {
			eventually(t, "the server knows the new state", func() bool { return w.runs(f.p, f.order) })
		}
	}
	t.Logf("%d were applied, of which %d were told to be released; %d never left", applied, told, kept)
	if applied == 0 || kept == 0 {
		t.Errorf("%d were applied and %d never left: the server was killed too late or too early to say anything", applied, kept)
	}
	if n := w.count(`SELECT count(*) FROM alarm_alarms WHERE code IN ('PROGRAM_DRIFT', 'SECURITY', 'UPDATE_INCOMPLETE')`); n != 0 {
		t.Errorf("%d alarms of orders that went wrong", n)
	}
}

// TestServerDownPastTheEnd: a server dies with a release that no pump has answered,
// and comes back when that applies no more. It is shown as expired and never sent
// again, the order can be released anew, and the pump has seen nothing of the first.
func TestServerDownPastTheEnd(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	o := w.approved(p, w.more(p, 800))
	s, err := w.app.Dosing.PrepareRelease(t.Context(), w.rosa.Actor, o.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	before := w.device(p).Status()
	w.app.Stop()
	child := w.run("orders", serverSettings{w.url(), w.dir + "/keys", w.addr})
	db := w.ownerDB()
	eventually(t, "the pump is with the new server", func() bool {
		var here bool
		err := db.Get(&here, `SELECT connected FROM telemetry_presence WHERE pump_id = $1`, p.ID)
		return err == nil && here && w.device(p).Status().Connected
	})
	if err := w.device(p).Inject(emulator.Fault{Kind: "deaf", For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(releaseCommand{w.rosa.Login, w.site.ID, o.ID, s.Document, w.rosa.sign(t, s)})
	if err != nil {
		t.Fatal(err)
	}
	child.tell(string(b))
	if a := child.next(30 * time.Second); a.Released != o.ID {
		t.Fatalf("released: %+v", a)
	}
	child.kill()
	for _, table := range []string{"dosing_letters", "dispatch_outbox"} { // half an hour later
		at := map[string]string{"dosing_letters": "at", "dispatch_outbox": "created_at"}[table]
		if _, err := db.Exec(`UPDATE ` + table + ` SET not_after = not_after - interval '30 minutes', ` + at + ` = ` + at + ` - interval '30 minutes'`); err != nil {
			t.Fatal(err)
		}
	}
	w.app = w.start()
	w.ends(o.ID, dosing.Approved)
	letters, _, err := w.app.Dosing.Letters(t.Context(), auth.Scope{All: true}, p.ID)
	if err != nil || len(letters) != 1 || letters[0].State != dosing.LetterExpired {
		t.Fatalf("letters %+v, %v", letters, err)
	}
	if n := w.count(`SELECT count(*) FROM audit_leaf WHERE kind = 'order.release_expired' AND pump_id = $1`, p.ID); n != 1 {
		t.Errorf("%d leaves say that it expired", n)
	}
	if err := w.device(p).EndFault("deaf"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pump is back", func() bool {
		here, _, err := w.app.Telemetry.Reachable(t.Context(), p.ID)
		return err == nil && here && w.device(p).Status().Connected && w.device(p).Status().Power
	})
	w.flows(t, p) // it has read what came before
	if st := w.device(p).Status(); st.Gen != before.Gen || st.Orders.Counter != before.Orders.Counter || st.ProgramHash != before.ProgramHash {
		t.Errorf("the pump has seen it: %+v", st.Orders)
	}
	eventually(t, "it can be released anew", func() bool {
		s, err = w.app.Dosing.PrepareRelease(t.Context(), w.rosa.Actor, o.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
		return err == nil && !w.device(p).Status().Orders.Window.IsZero()
	})
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
}
