package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"cisterna/device/emulator"
	"cisterna/device/gateway"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/dosing"
	"cisterna/fleet/overview"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// TestDoseChange: people change a dose on a pump, twice; the pump runs what was
// signed, and the record has it all. How many it takes is the pump's to say: three
// for an ingredient that no order of this epoch held, else two.
func TestDoseChange(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	signed := map[string]int{}
	for _, permille := range []int64{1080, 950} {
		want := order.ClassTwo
		if len(w.report(p).Ordered) == 0 {
			want = order.ClassThree
		}
		o := w.approved(p, w.more(p, permille))
		doc, err := order.DecodePrescription(o.Document)
		if err != nil {
			t.Fatal(err)
		}
		if o.Class != want || len(o.Approvals) != int(want) {
			t.Errorf("the change is of class %d with %d signatures, want %d", o.Class, len(o.Approvals), want)
		}
		for _, a := range o.Approvals {
			signed["order.approve "+a.Meaning.String()+" "+a.Name]++
		}
		w.release(o.ID)
		signed["order.release release "+w.rosa.Name]++
		w.ends(o.ID, dosing.Applied)
		hash := doc.Program.Hash()
		if got := w.device(p).Status(); got.ProgramHash != order.Digest(hash).String() {
			t.Errorf("the pump runs %s, signed was %x", got.ProgramHash, hash)
		}
		eventually(t, "the server knows the new state", func() bool { r := w.report(p); return r.State.Program.Hash() == hash })
	}
	if n := w.count(`SELECT count(*) FROM dosing_events WHERE state IN ('proposed', 'verified', 'approved', 'released', 'sent', 'applied')`); n < 11 {
		t.Errorf("%d events tell of two orders", n)
	}
	// The pump's timeline says of every signature what was said by it and who, by
	// the printed name, said it; and of nothing else.
	story, err := w.app.Overview.Timeline(t.Context(), auth.Scope{All: true}, p.ID, "", 400, overview.Only{})
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]int{}
	for _, it := range story.Items {
		if it.Meaning != "" {
			said[it.Code+" "+it.Meaning+" "+it.Signer]++
		}
	}
	if !maps.Equal(said, signed) {
		t.Errorf("the timeline says %v, signed was %v", said, signed)
	}
}

// denied checks the kind of an error.
func denied(t *testing.T, what string, err error, kind errs.Kind, says string) {
	t.Helper()
	if errs.KindOf(err) != kind || !strings.Contains(errs.Message(err), says) {
		t.Errorf("%s: %v (%s), want %s and %q", what, err, errs.KindOf(err), kind, says)
	}
}

// TestDutiesApart: who may not is refused, whatever they hold.
func TestDutiesApart(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	wish := w.more(p, 1040)
	_, err := d.Propose(ctx, w.jonas.Actor, dosing.Proposal{Pump: p.ID, Wish: wish})
	denied(t, "a verifier proposes", err, errs.Denied, "role")
	_, err = d.Propose(ctx, w.ada, dosing.Proposal{Pump: p.ID, Wish: wish})
	denied(t, "an administrator proposes", err, errs.Denied, "manages people")
	_, err = d.Propose(ctx, w.miriam.ByToken(1, []int64{w.site.ID}), dosing.Proposal{Pump: p.ID, Wish: wish})
	denied(t, "a program proposes", err, errs.Denied, "no program")

	o := w.propose(p, wish)
	entries := w.entries(o, p)
	_, err = d.Verify(ctx, w.miriam.Actor, o.ID, dosing.Entered{Source: "prescription", Entries: entries})
	denied(t, "the proposer verifies", err, errs.Denied, "proposed")
	_, err = d.PrepareApproval(ctx, w.miriam.Actor, o.ID, w.miriam.key, order.MeansVerify, order.Digest{})
	denied(t, "the proposer approves as verifier", err, errs.Denied, "role")
	_, err = d.PrepareApproval(ctx, w.jonas.Actor, o.ID, w.jonas.key, order.MeansVerify, order.Digest{})
	denied(t, "a verifier signs before entering", err, errs.Conflict, "Enter the key numbers")
	_, err = d.PrepareApproval(ctx, w.miriam.Actor, o.ID, w.otis.key, order.MeansPrescribe, order.Digest{})
	denied(t, "with another's key", err, errs.Denied, "not your signing key")

	// A signature over another statement, and one by another key.
	s, err := d.PrepareApproval(ctx, w.miriam.Actor, o.ID, w.miriam.key, order.MeansPrescribe, order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Approve(ctx, w.miriam.Actor, o.ID, s.Document, w.otis.sign(t, s))
	denied(t, "signed by another key", err, errs.Invalid, "does not hold")
	other := s
	other.Challenge = order.Digest(sha256.Sum256([]byte("another")))
	_, err = d.Approve(ctx, w.miriam.Actor, o.ID, s.Document, w.miriam.sign(t, other))
	denied(t, "over another challenge", err, errs.Invalid, "does not hold")
	_, err = d.Approve(ctx, w.otis.Actor, o.ID, s.Document, w.miriam.sign(t, s))
	denied(t, "somebody brings another's signature", err, errs.Conflict, "Enter the key numbers")
	w.approve(w.miriam, o.ID, order.MeansPrescribe)
	_, err = d.Approve(ctx, w.miriam.Actor, o.ID, s.Document, w.miriam.sign(t, s))
	denied(t, "twice", err, errs.Conflict, "already")
	_, err = d.PrepareRelease(ctx, w.rosa.Actor, o.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
	denied(t, "released before it is approved", err, errs.Conflict, "Only an approved one")

	// Three different entries send it back, and what was signed is void.
	entries[1].Value = "1"
	for i := range 3 {
		out, err := d.Verify(ctx, w.jonas.Actor, o.ID, dosing.Entered{Source: "calculation", Entries: entries})
		if err != nil || out.Match || len(out.Differ) != 1 || out.Left != 2-i {
			t.Fatalf("entry %d: %+v, %v", i, out, err)
		}
	}
	got, err := d.Get(ctx, auth.Scope{All: true}, o.ID)
	if err != nil || got.State != dosing.Draft || got.Document != nil || len(got.Approvals) != 0 {
		t.Errorf("after three differences: %+v, %v", got, err)
	}
	// It may be proposed as it is: whoever failed to enter it does not read it now.
	if blind, err := d.Blind(ctx, w.jonas.Actor, &got); err != nil || !blind {
		t.Errorf("the third difference shows the draft: %v", err)
	}
	f, err := d.Report(ctx, auth.Scope{All: true}, time.Time{})
	if err != nil || f.Mismatches != 3 || f.Good != 3 {
		t.Errorf("report %+v, %v", f, err)
	}
}

// TestWhatThePumpWouldRefuse is refused at the proposal, with codes and remedies,
// and noted as caught.
func TestWhatThePumpWouldRefuse(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	for _, c := range []struct {
		name string
		wish dosing.Wish
		code order.Code
	}{
		{"a hundredfold dose", w.more(p, 100_000), order.ErrLimit},
		{"a step past the soft limit without a reason", w.more(p, 1600), order.ErrLimit},
		{"resume what runs", dosing.Wish{Act: order.ActResume}, order.ErrState},
		{"adopt what is ours", dosing.Wish{Act: order.ActAdopt, Group: w.group(w.report(p).State.Contents), Volume: 1_000_000}, order.ErrState},
	} {
		_, err := d.Propose(ctx, w.miriam.Actor, dosing.Proposal{Pump: p.ID, Wish: c.wish})
		e, ok := errors.AsType[*dosing.CheckError](err)
		if !ok || e.Refusals[0].Code != c.code || refusal.Remedy(c.code) == "" || errs.KindOf(err) != errs.Conflict {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
	if n := w.count(`SELECT count(*) FROM dosing_catches WHERE kind = 'refused'`); n != 4 {
		t.Errorf("%d catches, want 4", n)
	}
	if n := w.count(`SELECT count(*) FROM dosing_orders`); n != 0 {
		t.Errorf("%d orders are kept of refused proposals", n)
	}
	for _, c := range order.Codes() {
		if strings.HasPrefix(refusal.Remedy(c), "Look at the pump's answer") {
			t.Errorf("%s has no remedy", c)
		}
	}
}

// TestStopAndResume: one person stops; two resume; whoever stopped undoes it alone.
func TestStopAndResume(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	stop := func(who *signingPerson) {
		t.Helper()
		s, err := d.PrepareStop(ctx, who.Actor, p.ID, who.key, true, "overdose suspected", order.Digest{})
		if err != nil {
			t.Fatal(err)
		}
		l, err := d.Stop(ctx, who.Actor, p.ID, s.Document, who.sign(t, s))
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the pump has stopped", func() bool {
			return w.count(`SELECT count(*) FROM dosing_letters WHERE id = $1 AND state = 'applied'`, l.ID) == 1 && w.device(p).Status().RateNLDay == 0
		})
		eventually(t, "the server knows", func() bool { r := w.report(p); return r.State.Run == wire.Stopped })
		_, err = d.Stop(ctx, who.Actor, p.ID, s.Document, who.sign(t, s))
		denied(t, "the same stop again", err, errs.Conflict, "counter")
	}
	// A pump that stands is not silent, from the first moment until it infuses again.
	alarms := func(open int) func() bool {
		return func() bool {
			return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'STOPPED' AND source = 'pump' AND priority = $2 AND cleared_at IS NULL`, p.ID, wire.PriorityHigh) == open
		}
	}
	stop(w.jonas)
	eventually(t, "the stop is alarmed", alarms(1))
	o := w.approved(p, dosing.Wish{Act: order.ActResume})
	if o.Class != order.ClassTwo || len(o.Approvals) != 2 {
		t.Errorf("the resume of another's stop is of class %d with %d signatures", o.Class, len(o.Approvals))
	}
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	eventually(t, "it infuses", func() bool { return w.device(p).Status().RateNLDay > 0 })
	eventually(t, "the server knows", func() bool { r := w.report(p); return r.State.Run == wire.Infusing })
	eventually(t, "the alarm is over", alarms(0))

	stop(w.miriam)
	eventually(t, "the stop is alarmed", alarms(1))
	o = w.propose(p, dosing.Wish{Act: order.ActResume})
	o = w.approve(w.miriam, o.ID, order.MeansPrescribe)
	if o.Class != order.ClassOne || o.State != dosing.Approved {
		t.Fatalf("the undoing of one's own stop: class %d, %s", o.Class, o.State)
	}
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)

	// Acts of one person wait for somebody else.
	reviews, err := d.Reviews(ctx, auth.Scope{All: true}, true)
	if err != nil || len(reviews) != 3 {
		t.Fatalf("reviews %+v, %v", reviews, err)
	}
	_, err = d.Review(ctx, w.jonas.Actor, reviews[0].ID, true, "")
	denied(t, "one's own act", err, errs.Denied, "You did this")
	if _, err := d.Review(ctx, w.priya.Actor, reviews[0].ID, true, "right"); err != nil {
		t.Error(err)
	}
}

// TestOfflinePump: a pump that is not there takes no release; the order waits.
func TestOfflinePump(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx := w.plans[0], t.Context()
	o := w.approved(p, w.more(p, 1040))
	if err := w.device(p).Inject(emulator.Fault{Kind: "link-loss", For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is off", func() bool {
		return !w.device(p).Status().Connected && w.count(`SELECT count(*) FROM telemetry_presence WHERE pump_id = $1 AND NOT connected`, p.ID) == 1
	})
	_, err := w.app.Dosing.PrepareRelease(ctx, w.rosa.Actor, o.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
	denied(t, "released while it is off", err, errs.Conflict, "is not connected")
	if err := w.device(p).EndFault("link-loss"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is back", func() bool {
		return w.count(`SELECT count(*) FROM telemetry_presence WHERE pump_id = $1 AND connected`, p.ID) == 1
	})
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
}

// TestCommunicatorSwappedInFlight: a release is addressed to a pump; its new
// communicator brings it.
func TestCommunicatorSwappedInFlight(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx := w.plans[0], t.Context()
	o := w.approved(p, w.more(p, 1040))
	d := w.device(p)
	s, err := w.app.Dosing.PrepareRelease(ctx, w.rosa.Actor, o.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	// The communicator breaks, unnoticed yet by the server, as the release is signed.
	c, err := w.app.Registry.SwapCommunicator(ctx, auth.System("test"), registry.Swap{Pump: p.ID, Serial: "C-NEW-1", Reason: "broken"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.app.Dosing.Release(ctx, w.rosa.Actor, o.ID, s.Document, w.rosa.sign(t, s)); err != nil {
		t.Fatal(err)
	}
	slip := wire.Slip{Server: w.app.Enrol.Addr().String(), Code: c.Code, Root: w.keys.trust.RootHash()}
	if err := d.Inject(emulator.Fault{Kind: "communicator-swap", Text: "C-NEW-1 " + slip.String()}); err != nil {
		t.Fatal(err)
	}
	w.ends(o.ID, dosing.Applied)
	eventually(t, "it came by the new one", func() bool { return d.Status().Link == "C-NEW-1" && d.Status().Connected })
	if n := w.count(`SELECT count(*) FROM dosing_letters WHERE order_id = $1`, o.ID); n != 1 {
		t.Errorf("%d releases", n)
	}
}

// TestPumpDiesInTheMiddle: the power goes while a release is on its way; the pump
// ends with the old program or the new one, and the server knows which.
func TestPumpDiesInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	o := w.approved(p, w.more(p, 1040))
	w.release(o.ID)
	if err := w.device(p).Inject(emulator.Fault{Kind: "power-cut", For: time.Second}); err != nil {
		t.Fatal(err)
	}
	var got dosing.Order
	eventually(t, "the pump has answered", func() bool {
		var err error
		got, err = w.app.Dosing.Get(context.Background(), auth.Scope{All: true}, o.ID)
		return err == nil && !got.State.Away()
	})
	doc, err := order.DecodePrescription(o.Document)
	if err != nil {
		t.Fatal(err)
	}
	fresh := order.Digest(doc.Program.Hash()).String() == w.device(p).Status().ProgramHash
	if fresh != (got.State == dosing.Applied) {
		t.Errorf("the order is %s (%s), and the pump runs the new program: %v", got.State, got.Code, fresh)
	}
}

// TestUpdateCompleted: an update that was not finished is over when an order that says
// what the pump runs was applied and read back, and not by any other.
func TestUpdateCompleted(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx := w.plans[0], t.Context()
	err := postgres.InTx(ctx, w.app.DB, func(tx *postgres.Tx) error {
		_, _, err := w.app.Alarms.RaiseTx(ctx, tx, alarm.Raise{
			Pump: p.ID, Site: w.site.ID, Code: "UPDATE_INCOMPLETE", Source: alarm.SourceServer, Instance: "order:1", At: time.Now(), Actor: auth.System("test"),
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	open := func() int {
		return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'UPDATE_INCOMPLETE' AND state <> 'cleared'`, p.ID)
	}
	o := w.approved(p, dosing.Wish{Act: order.ActSettings, Settings: &order.Settings{Low: 3 * units.Millilitre}, Reason: "test"})
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	if open() != 1 {
		t.Error("an order for settings ended it")
	}
	o = w.approved(p, w.more(p, 1040))
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	if open() != 0 {
		t.Error("it stands")
	}
}

// TestReplayedRelease: bytes that were obeyed once are answered and not obeyed again.
func TestReplayedRelease(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	o := w.approved(p, w.more(p, 1040))
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	before := w.device(p).Status()
	letters, _, err := w.app.Dosing.Letters(t.Context(), auth.Scope{All: true}, p.ID)
	if err != nil || len(letters) != 1 {
		t.Fatalf("letters %v, %v", letters, err)
	}
	link := before.Link
	for range 5 {
		w.app.Gateway.Push(link, gateway.Outbound{Kind: wire.DnOrder, Payload: letters[0].Envelope})
	}
	w.flows(t, p) // it has read them before it sends on
	after := w.device(p).Status()
	if after.Gen != before.Gen || after.ProgramHash != before.ProgramHash || after.Orders.Counter != before.Orders.Counter {
		t.Errorf("a replay changed the pump: %+v, then %+v", before, after)
	}
	if n := w.count(`SELECT count(*) FROM dosing_events WHERE order_id = $1 AND state = 'applied' AND was <> 'applied'`, o.ID); n != 1 {
		t.Errorf("applied %d times", n)
	}
}

// TestWithdrawnIsNotSentAgain: a pump does not hear a release, which is taken back
// meanwhile. The outbox sends it no more; it would have, before the withdrawal.
func TestWithdrawnIsNotSentAgain(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	o := w.approved(p, w.more(p, 1040))
	before := w.device(p).Status()
	// The pump dies with the order in its hands, and is out of reach afterwards.
	if err := w.device(p).Inject(emulator.Fault{Kind: "power-cut-order", Value: 1}); err != nil {
		t.Fatal(err)
	}
	w.release(o.ID)
	eventually(t, "the power is gone", func() bool { return !w.device(p).Status().Power })
	if err := w.device(p).Inject(emulator.Fault{Kind: "link-loss", For: 10 * time.Minute}); err != nil {
		t.Fatal(err)
	}
	s, err := d.PrepareWithdraw(ctx, w.jonas.Actor, o.ID, w.jonas.key, "the wrong patient", order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Withdraw(ctx, w.jonas.Actor, o.ID, s.Document, w.jonas.sign(t, s)); err != nil {
		t.Fatal(err)
	}
	const release = `SELECT count(*) FROM dispatch_outbox b JOIN dosing_letters l ON l.doc = b.doc WHERE l.order_id = $1 AND l.kind = 'release' AND b.state = 'cancelled'`
	if n := w.count(release, o.ID); n != 1 {
		t.Errorf("%d releases are out of the outbox, want 1", n)
	}
	if err := w.device(p).EndFault("link-loss"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pump knows", func() bool {
		return w.count(`SELECT count(*) FROM dosing_orders WHERE id = $1 AND told = 'told' AND state = 'withdrawn'`, o.ID) == 1
	})
	if after := w.device(p).Status(); after.Gen != before.Gen || after.ProgramHash != before.ProgramHash {
		t.Errorf("the pump changed: %+v, then %+v", before, after)
	}
}

// TestStale: an allergy that is noted, or another order that is applied first, makes
// a proposal stale; a withdrawal reaches the pump.
func TestStale(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	first, second, third := w.approved(p, w.more(p, 1040)), w.propose(p, w.more(p, 1050)), w.propose(p, w.more(p, 1060))

	s, err := d.PrepareWithdraw(ctx, w.jonas.Actor, third.ID, w.jonas.key, "not needed", order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Withdraw(ctx, w.jonas.Actor, third.ID, s.Document, w.jonas.sign(t, s))
	if err != nil || got.State != dosing.Withdrawn || got.Told != dosing.NotTold {
		t.Fatalf("withdrawn: %+v, %v", got, err)
	}
	eventually(t, "the pump knows", func() bool {
		return w.count(`SELECT count(*) FROM dosing_orders WHERE id = $1 AND told = 'told'`, third.ID) == 1
	})

	w.release(first.ID)
	w.ends(first.ID, dosing.Applied)
	w.ends(second.ID, dosing.Stale)

	eventually(t, "the server knows the new state", func() bool {
		doc, err := order.DecodePrescription(first.Document)
		r := w.report(p)
		return err == nil && r.State.Program.Hash() == doc.Program.Hash()
	})
	fourth := w.approved(p, w.more(p, 970))
	if _, err := w.app.Registry.AddAllergy(ctx, auth.System("test"), w.patient[p.Serial].ID, "latex", "rash"); err != nil {
		t.Fatal(err)
	}
	_, err = d.PrepareRelease(ctx, w.rosa.Actor, fourth.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
	if err == nil {
		var sig dosing.Signing
		sig, err = d.PrepareRelease(ctx, w.rosa.Actor, fourth.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
		if err == nil {
			_, _, err = d.Release(ctx, w.rosa.Actor, fourth.ID, sig.Document, w.rosa.sign(t, sig))
		}
	}
	if err == nil {
		t.Error("an order was released although an allergy was noted since")
	}
	w.ends(fourth.ID, dosing.Stale)
}

// TestKeyRevoked: a revoked key signs nothing, and what it signed before is refused
// by the pump.
func TestKeyRevoked(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx := w.plans[0], t.Context()
	o := w.approved(p, w.more(p, 1040))
	keys, err := w.app.Keysets.Keys(ctx, w.jonas.ID)
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	if err := w.app.Keysets.RevokeKey(ctx, w.ada, keys[0].ID, "lost"); err != nil {
		t.Fatal(err)
	}
	// Before any pump has heard of it, nothing is released by it here.
	early, err := w.app.Dosing.PrepareRelease(ctx, w.rosa.Actor, o.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = w.app.Dosing.Release(ctx, w.rosa.Actor, o.ID, early.Document, w.rosa.sign(t, early))
	denied(t, "before the next keyset", err, errs.Conflict, "The signature of jonas counts no more")
	w.publish()
	want := w.app.Keysets.Current().Version
	eventually(t, "the pump has the new keyset", func() bool { return w.device(p).Status().Keyset == want })
	eventually(t, "and has said so", func() bool {
		return w.count(`SELECT count(*) FROM telemetry_states WHERE pump_id = $1 AND keyset = $2`, p.ID, int64(want)) == 1
	})
	s, err := w.app.Dosing.PrepareRelease(ctx, w.rosa.Actor, o.ID, w.rosa.key, dosing.Choice{}, order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = w.app.Dosing.Release(ctx, w.rosa.Actor, o.ID, s.Document, w.rosa.sign(t, s))
	if e, ok := errors.AsType[*dosing.CheckError](err); !ok || e.Refusals[0].Code != order.ErrRevoked {
		t.Errorf("released with a revoked approval: %v", err)
	}
}

// TestForeignProgram: what a local programmer changes is drift, is alarmed, makes
// proposals stale, and is adopted by people. No order that leaves the program as it is
// adopts it.
func TestForeignProgram(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	o := w.approved(p, w.more(p, 1040))
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	eventually(t, "the server knows the new state", func() bool { r := w.report(p); return r.State.Gen > 1 && !r.Foreign })
	late := w.propose(p, w.more(p, 960))
	if err := w.device(p).Inject(emulator.Fault{Kind: "foreign-program"}); err != nil {
		t.Fatal(err)
	}
	alarmed := func(open int) func() bool {
		return func() bool {
			return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'PROGRAM_DRIFT' AND cleared_at IS NULL`, p.ID) == open
		}
	}
	eventually(t, "drift is alarmed", alarmed(1))
	w.ends(late.ID, dosing.Stale)
	eventually(t, "the server knows what runs", func() bool { return w.report(p).Foreign })
	// A stop, settings and a resume leave the program as it is, and so does the alarm stand.
	swept := func(what string) {
		t.Helper()
		if err := w.app.Dosing.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !alarmed(1)() {
			t.Errorf("after %s nobody is alarmed any more", what)
		}
	}
	w.signStop(p, nil)
	eventually(t, "the server knows of the stop", func() bool { return w.report(p).State.Run != wire.Infusing })
	eventually(t, "the stop is alarmed", func() bool {
		return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'STOPPED' AND cleared_at IS NULL`, p.ID) == 1
	})
	swept("a stop")
	for _, wish := range []dosing.Wish{{Act: order.ActSettings, Settings: &order.Settings{Low: 3 * units.Millilitre}, Reason: "test"}, {Act: order.ActResume}} {
		o := w.approved(p, wish)
		w.release(o.ID)
		w.ends(o.ID, dosing.Applied)
		swept("an order to " + wish.Act.String())
	}
	r := w.report(p)
	adopt := w.approved(p, dosing.Wish{Act: order.ActAdopt, Group: w.group(r.State.Contents), Contents: &r.State.Contents, Volume: r.Volume, Reason: "changed at the bedside"})
	w.release(adopt.ID)
	w.ends(adopt.ID, dosing.Applied)
	eventually(t, "it is ours again", func() bool { return !w.report(p).Foreign })
	eventually(t, "the alarm is over", alarmed(0))
}

// TestForeignFromTheStart: a pump whose program nobody here ordered or adopted is alarmed,
// though it never had an order of ours, until people adopt it.
func TestForeignFromTheStart(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	if err := w.device(p).Inject(emulator.Fault{Kind: "foreign-program"}); err != nil {
		t.Fatal(err)
	}
	drift := func(open int) func() bool {
		return func() bool {
			return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'PROGRAM_DRIFT' AND cleared_at IS NULL`, p.ID) == open
		}
	}
	eventually(t, "it is alarmed", drift(1))
	r := w.report(p)
	o := w.approved(p, dosing.Wish{Act: order.ActAdopt, Group: w.group(r.State.Contents), Contents: &r.State.Contents, Volume: r.Volume, Reason: "changed at the bedside"})
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	eventually(t, "the alarm is over", drift(0))
}

// TestRepeatedAnswer: a pump is stopped at the bedside after it applied an order whose
// answer was lost. Its word that it applied the order, said again, does not make the stop
// ours.
func TestRepeatedAnswer(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p := w.plans[0]
	first := w.approved(p, w.more(p, 1040))
	w.release(first.ID)
	w.ends(first.ID, dosing.Applied)
	o := w.approved(p, dosing.Wish{Act: order.ActSettings, Settings: &order.Settings{Low: 3 * units.Millilitre}, Reason: "test"})
	// The power goes before the answer leaves, and somebody stops the pump when it is back.
	if err := w.device(p).Inject(emulator.Fault{Kind: "power-cut-order", Value: 2}); err != nil {
		t.Fatal(err)
	}
	w.release(o.ID)
	eventually(t, "the power is gone", func() bool { return !w.device(p).Status().Power })
	if err := w.device(p).Inject(emulator.Fault{Kind: "link-loss", For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the power is back", func() bool { return w.device(p).Status().Power })
	if err := w.device(p).Inject(emulator.Fault{Kind: "stop", Value: 1}); err != nil {
		t.Fatal(err)
	}
	if err := w.device(p).EndFault("link-loss"); err != nil {
		t.Fatal(err)
	}
	w.ends(o.ID, dosing.Applied)
	eventually(t, "drift is alarmed", func() bool {
		return w.count(`SELECT count(*) FROM alarm_alarms WHERE pump_id = $1 AND code = 'PROGRAM_DRIFT' AND cleared_at IS NULL`, p.ID) == 1
	})
}
