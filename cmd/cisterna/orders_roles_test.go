package main

import (
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
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
	_, err := d.Rehearse(ctx, w.otis.Actor, o.ID)
	denied(t, "another prescriber rehearses it", err, errs.Conflict, "Enter the key numbers")
	w.verify(w.otis, o, p)
	blind(w.otis, false)
	o = w.approve(w.otis, o.ID, order.MeansPrescribe)
	if len(o.Approvals) != 1 || o.Approvals[0].Person != w.otis.Login {
		t.Errorf("signed by %+v", o.Approvals)
	}
}
