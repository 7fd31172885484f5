package main

import (
	"crypto/sha256"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/dosing"
	"cisterna/fleet/overview"
	"cisterna/fleet/refusal"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
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
