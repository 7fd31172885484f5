package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cisterna/device/emulator"
	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/dosing"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// TestBothRolesAtOneSite: where two clinicians are all there are, each checks what
// the other proposes. Whoever proposes an order is in no way its verifier, whatever
// roles they hold, and nobody is two of its signers (ORDERS.md, Quorum).
func TestBothRolesAtOneSite(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	both := func(login string) *signingPerson {
		who := w.person(login, auth.Prescriber)
		if err := w.app.Registry.AddMembership(ctx, auth.System("test"), who.ID, w.site.ID, auth.Verifier); err != nil {
			t.Fatal(err)
		}
		roles, err := w.app.Registry.Roles(ctx, who.ID)
		if err != nil {
			t.Fatal(err)
		}
		who.Roles = roles
		return who
	}
	hanna, igor := both("hanna"), both("igor")
	w.publish()

	o, err := d.Propose(ctx, hanna.Actor, dosing.Proposal{Pump: p.ID, Wish: w.more(p, 1040)})
	if err != nil {
		t.Fatal(err)
	}
	entries := w.entries(o, p)
	_, err = d.Form(ctx, hanna.Actor, o.ID)
	denied(t, "the proposer asks what to enter", err, errs.Denied, "proposed")
	_, err = d.Verify(ctx, hanna.Actor, o.ID, dosing.Entered{Source: "prescription", Entries: entries})
	denied(t, "the proposer verifies", err, errs.Denied, "proposed")
	_, err = d.PrepareApproval(ctx, hanna.Actor, o.ID, hanna.key, order.MeansVerify, order.Digest{})
	denied(t, "the proposer signs to verify", err, errs.Denied, "You proposed this order")

	// A statement of her own making, well signed, is refused as well.
	forged := order.Approval{V: 1, Prescription: o.Hash, Person: hanna.Login, Key: hanna.key, Meaning: order.MeansVerify, SignedAt: time.Now().Unix()}
	doc := forged.Encode()
	_, err = d.Approve(ctx, hanna.Actor, o.ID, doc, hanna.sign(t, dosing.Signing{Document: doc, Challenge: order.ApprovalChallenge(doc)}))
	denied(t, "the proposer brings a statement that verifies", err, errs.Denied, "You proposed this order")

	o = w.approve(hanna, o.ID, order.MeansPrescribe)
	w.verify(igor, o, p)
	o = w.approve(igor, o.ID, order.MeansVerify)
	again, err := d.PrepareApproval(ctx, igor.Actor, o.ID, igor.key, order.MeansPrescribe, order.Digest{})
	if err == nil { // he may prescribe, but he has signed
		_, err = d.Approve(ctx, igor.Actor, o.ID, again.Document, igor.sign(t, again))
	}
	denied(t, "the verifier signs a second time", err, errs.Conflict, "")
	if o.State != dosing.Approved { // the first order of the drug takes a third person
		w.verify(w.priya, o, p)
		o = w.approve(w.priya, o.ID, order.MeansPharmacist)
	}
	people := map[int64]bool{}
	for _, a := range o.Approvals {
		people[a.User] = true
	}
	if o.State != dosing.Approved || len(people) != len(o.Approvals) || len(people) < 2 {
		t.Fatalf("%s after %d signatures of %d people", o.State, len(o.Approvals), len(people))
	}
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
}

// TestAnotherPrescriberIsBlind: where nobody verifies but another prescriber, they see
// nothing of the order before their own entries agree with it either.
func TestAnotherPrescriberIsBlind(t *testing.T) {
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	o := w.propose(p, w.more(p, 1040))
	blind := func(who *signingPerson, want bool) {
		t.Helper()
		got, err := d.Blind(ctx, who.Actor, &o)
		if err != nil || got != want {
			t.Errorf("%s is blind: %t, %v", who.Login, got, err)
		}
	}
	blind(w.miriam, false)
	blind(w.otis, true)
	blind(w.jonas, true)
	blind(w.priya, true)
	blind(w.rosa, false) // a nurse checks nothing
	_, err := d.Rehearse(ctx, w.otis.Actor, o.ID, 0)
	denied(t, "another prescriber rehearses it", err, errs.Conflict, "Enter the key numbers")
	w.verify(w.otis, o, p)
	blind(w.otis, false)
	o = w.approve(w.otis, o.ID, order.MeansPrescribe)
	if len(o.Approvals) != 1 || o.Approvals[0].Person != w.otis.Login {
		t.Errorf("signed by %+v", o.Approvals)
	}
}

// TestBlindToWhatEnded: what ended before enough people had signed may be proposed
// again with the same numbers. Its values, and what was written beside them, are kept
// from whoever would check it; what people have signed is theirs to read.
func TestBlindToWhatEnded(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	blind := func(who *signingPerson, id int64) bool {
		t.Helper()
		o, err := d.Get(ctx, auth.Scope{All: true}, id)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Blind(ctx, who.Actor, &o)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	withdraw := func(id int64) {
		t.Helper()
		s, err := d.PrepareWithdraw(ctx, w.miriam.Actor, id, w.miriam.key, "second thoughts", order.Digest{})
		if err == nil {
			_, err = d.Withdraw(ctx, w.miriam.Actor, id, s.Document, w.miriam.sign(t, s))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	wish := w.more(p, 1040)
	wish.Reason = "from 500 up to 520 a day"
	first := w.propose(p, wish)
	if n := w.count(`SELECT count(*) FROM audit_leaf WHERE kind = 'order.propose' AND position('520'::bytea IN leaf) > 0`); n != 0 {
		t.Error("the record tells everybody the reason of a proposal")
	}
	if n := w.count(`SELECT count(*) FROM audit_leaf l JOIN audit_payload p ON p.leaf_id = l.id WHERE l.kind = 'order.propose' AND p.payload->>'reason' = $1`, wish.Reason); n != 1 {
		t.Error("the record does not have the reason of a proposal")
	}
	// How long the reservoir lasts, which a notice may say, is the dose.
	if _, err := w.ownerDB().Exec(`UPDATE dosing_orders SET finding = jsonb_set(finding, '{notices}', '["At this program the reservoir lasts 41 days."]') WHERE id = $1`, first.ID); err != nil {
		t.Fatal(err)
	}
	for login, tells := range map[string]bool{"miriam": true, "jonas": false} {
		status, body := w.signIn(login).send("GET", fmt.Sprintf("/orders/%d", first.ID), nil)
		if status != http.StatusOK || strings.Contains(string(body), "41 days") != tells || strings.Contains(string(body), "520") != tells {
			t.Errorf("%s reads %d %s", login, status, body)
		}
	}
	withdraw(first.ID)
	if !blind(w.jonas, first.ID) || !blind(w.otis, first.ID) || blind(w.miriam, first.ID) || blind(w.rosa, first.ID) {
		t.Error("who is blind to a proposal that was withdrawn")
	}
	// A check says by how much, and whoever verifies the next try does not read it.
	tenfold := w.more(p, 10_000)
	if _, err := d.Propose(ctx, w.miriam.Actor, dosing.Proposal{Pump: p.ID, Wish: tenfold}); err == nil {
		t.Fatal("ten times the dose was proposed")
	}
	details := func(who *signingPerson) (n int) {
		t.Helper()
		all, err := d.Catches(ctx, who.Actor, time.Time{}, 0)
		if err != nil || len(all) == 0 {
			t.Fatalf("%d catches, %v", len(all), err)
		}
		for _, c := range all {
			if c.Detail != "" {
				n++
			}
		}
		return n
	}
	if details(w.jonas) == 0 {
		t.Error("nothing waits, and the detail of a catch is kept")
	}
	second := w.propose(p, wish)
	if details(w.jonas) != 0 || details(w.miriam) == 0 || details(w.rosa) == 0 {
		t.Errorf("details of catches: %d for a verifier, %d for the proposer, %d for a nurse", details(w.jonas), details(w.miriam), details(w.rosa))
	}
	w.approve(w.miriam, second.ID, order.MeansPrescribe)
	w.verify(w.jonas, second, p)
	third := w.approve(w.jonas, second.ID, order.MeansVerify)
	if third.State != dosing.Approved {
		w.verify(w.priya, second, p)
		third = w.approve(w.priya, second.ID, order.MeansPharmacist)
	}
	withdraw(third.ID)
	if blind(w.jonas, third.ID) || blind(w.otis, third.ID) {
		t.Error("somebody is blind to what enough people signed")
	}
}

// TestLateRefusal: the pump's refusal of a release that was given up says nothing about
// the order: another release of it is on its way, and may apply.
func TestLateRefusal(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, ctx, d := w.plans[0], t.Context(), w.app.Dosing
	if err := w.device(p).Inject(emulator.Fault{Kind: "deaf", For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	o := w.approved(p, w.more(p, 1040))
	w.release(o.ID)
	first, _, err := d.Letters(ctx, auth.Scope{All: true}, p.ID)
	if err != nil || len(first) != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	db := w.ownerDB()
	for table, at := range map[string]string{"dosing_letters": "at", "dispatch_outbox": "created_at"} { // half an hour later
		if _, err := db.Exec(`UPDATE ` + table + ` SET not_after = not_after - interval '30 minutes', ` + at + ` = ` + at + ` - interval '30 minutes'`); err != nil {
			t.Fatal(err)
		}
	}
	w.ends(o.ID, dosing.Approved)
	w.release(o.ID)
	ref, ok := w.app.Registry.Directory().ByID(p.ID)
	if !ok {
		t.Fatal("no such pump")
	}
	for _, code := range []order.Code{order.ErrCAS, order.ErrBusy} {
		var late telemetry.Answer
		late.Pump, late.At, late.Kind, late.Code, late.Doc = ref, time.Now(), wire.DnOrder, string(code), order.Hash(first[0].Envelope)
		if err := postgres.InTx(ctx, w.app.DB, func(tx *postgres.Tx) error { return d.AnsweredTx(ctx, tx, late) }); err != nil {
			t.Fatal(err)
		}
		got, err := d.Get(ctx, auth.Scope{All: true}, o.ID)
		if under, _ := d.Underway(ctx, o.ID); err != nil || !got.State.Away() || under.Until.IsZero() || under.Since.IsZero() {
			t.Errorf("after %s for the first: %s, may apply until %s, %v", code, got.State, under.Until, err)
		}
	}
	if err := w.device(p).EndFault("deaf"); err != nil {
		t.Fatal(err)
	}
	w.ends(o.ID, dosing.Applied)
}
