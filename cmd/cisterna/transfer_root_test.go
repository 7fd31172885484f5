package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/dosing"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// rootWorld is an installation of which a site has closed: another one takes its pumps. The
// root's key is on a machine of its own.
type rootWorld struct {
	*orderWorld
	old, other registry.Site
	offline    string     // folder of that machine
	edda       auth.Actor // the other administrator
	theirs     orderWorld // the people of the other site
}

func newRootWorld(t *testing.T, pumps int) *rootWorld {
	t.Helper()
	w := &rootWorld{orderWorld: newOrderWorld(t, pumps)}
	ctx, system := t.Context(), auth.System("test")
	var err error
	if w.other, err = w.app.Registry.CreateSite(ctx, system, registry.NewSite{Name: "Other Clinic", Short: "OTHER", TimeZone: "UTC"}); err != nil {
		t.Fatal(err)
	}
	w.edda, w.old = w.person("edda", auth.Admin).Actor, w.site
	for _, who := range []*auth.Actor{&w.ada, &w.edda} { // they remain, at the new site as well
		if err := w.app.Registry.AddMembership(ctx, system, who.ID, w.other.ID, auth.Admin); err != nil {
			t.Fatal(err)
		}
		if who.Roles, err = w.app.Registry.Roles(ctx, who.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.site = w.other
	w.theirs.miriam, w.theirs.jonas = w.person("nadia", auth.Prescriber), w.person("omar", auth.Verifier)
	w.theirs.priya, w.theirs.rosa = w.person("pia", auth.Pharmacist), w.person("nora", auth.Nurse)
	w.site = w.old
	w.publish()
	w.offline = w.takenAway("root")
	for _, p := range w.plans {
		w.described(p)
	}
	return w
}

// make makes what the root signs, by ada.
func (w *rootWorld) make(p plannedPump) dosing.RootTransfer {
	w.t.Helper()
	made, err := w.app.Dosing.MakeRootTransfer(w.t.Context(), w.ada, p.ID, w.other.ID, "the clinic has closed")
	return must2(w.t, made, err)
}

// file writes a file on the root's machine, as it is carried there.
func (w *rootWorld) file(b []byte) string {
	w.t.Helper()
	f, err := os.CreateTemp(w.offline, "body-*")
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := f.WriteString(base64.RawURLEncoding.EncodeToString(b) + "\n"); err != nil {
		w.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		w.t.Fatal(err)
	}
	return f.Name()
}

func (w *rootWorld) trust(name string) string {
	return filepath.Join(trustDir(filepath.Join(w.dir, "keys")), name)
}

// ceremony is the command line with which a body is signed.
func (w *rootWorld) ceremony(body, out string) string {
	return fmt.Sprintf("keys transfer --key %s --root %s --out %s %s", filepath.Join(w.offline, "root.key"), w.trust("root.cbor"), out, body)
}

// signed has a body signed by the root, on its machine.
func (w *rootWorld) signed(made dosing.RootTransfer) []byte {
	w.t.Helper()
	body := w.file(made.Body)
	call{args: w.ceremony(body, body+".signed"), in: made.Prescription.Serial + "\n", out: "Signed.", err: made.Prescription.Serial}.run(w.t.(*testing.T))
	text, err := os.ReadFile(body + ".signed")
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(string(text)))
	return must2(w.t, b, err)
}

// revoke has the keys of people count no more.
func (w *rootWorld) revoke(all ...*signingPerson) {
	w.t.Helper()
	for _, who := range all {
		keys, err := w.app.Keysets.Keys(w.t.Context(), who.ID)
		if err != nil || len(keys) != 1 {
			w.t.Fatal(keys, err)
		}
		if err := w.app.Keysets.RevokeKey(w.t.Context(), w.ada, keys[0].ID, "has left"); err != nil {
			w.t.Fatal(err)
		}
	}
	w.publish()
}

// answer pushes a document to a pump, past the server, and returns the pump's word.
func (w *rootWorld) answer(p plannedPump, b []byte) (code string) {
	w.t.Helper()
	doc := sha256.Sum256(b)
	if !w.app.Gateway.Push(w.device(p).Status().Link, gateway.Outbound{Kind: wire.DnOrder, Payload: b}) {
		w.t.Fatal("the pump is not there")
	}
	eventually(w.t, "the pump answers", func() bool {
		return w.app.DB.Get(&code, `SELECT code FROM telemetry_answers WHERE pump_id = $1 AND doc = $2`, p.ID, doc[:]) == nil
	})
	return code
}

// settings is an order for a pump as it is, signed by people, past the server.
func (w *rootWorld) settings(p plannedPump, releases *signingPerson, approves ...*signingPerson) []byte {
	w.t.Helper()
	r, st := w.report(p), w.device(p).Status()
	now := time.Now().Unix()
	doc := order.Prescription{
		V: 1, Act: order.ActSettings, ID: order.ID{1}, Pump: order.Digest(w.device(p).PublicKey().Hash()), Serial: p.Serial, Site: r.Site, Patient: r.Patient, Epoch: r.State.Epoch,
		State: r.State.Hash(), NotBefore: now, Expires: now + 600, Keyset: st.Keyset, Settings: &order.Settings{Low: r.State.Settings.Low + units.Millilitre},
	}
	body := doc.Encode()
	sign := func(who *signingPerson, challenge order.Digest) order.Assertion {
		return who.sign(w.t, dosing.Signing{Challenge: challenge})
	}
	var approvals []order.Approved
	for i, who := range approves {
		s := order.Approval{V: 1, Prescription: order.PrescriptionHash(body), Person: who.Login, Key: who.key, Meaning: order.Meaning(i + 1), SignedAt: now}
		b := s.Encode()
		approvals = append(approvals, order.Approved{Statement: b, Assertion: sign(who, order.ApprovalChallenge(b))})
	}
	rel := order.Release{
		V: 1, Prescription: order.PrescriptionHash(body), Counter: st.Orders.Counter + 1, Window: st.Orders.Window, Keyset: st.Keyset, IssuedAt: now, Expires: now + 600, Person: releases.Login, Key: releases.key,
	}
	b := rel.Encode()
	env := order.NewEnvelope(body, approvals, b, sign(releases, order.ReleaseHash(b)))
	return env.Encode()
}

// TestTransferByTheRoot: a site has closed and its people are gone. What an administrator
// makes, the root signs offline, and another administrator hands in; the pump says that it
// belongs to the new site, obeys its people, and none of the old site's.
func TestTransferByTheRoot(t *testing.T) {
	t.Parallel()
	w := newRootWorld(t, 1)
	ctx, p := t.Context(), w.plans[0]
	w.revoke(w.miriam, w.jonas, w.priya) // otis is left, and one is no quorum

	made := w.make(p)
	if made.From != w.old.ID || made.To != w.other.ID || time.Until(made.Expires) > 7*24*time.Hour || len(made.People()) != 4 || made.Prescription.Epoch != 1 {
		t.Errorf("made: %+v", made)
	}
	signed := w.signed(made)
	if w.report(p).Site != registry.OrderSite(w.old.ID) {
		t.Fatal("the pump has moved before anything was handed in")
	}
	got, err := w.app.Dosing.HandIn(ctx, w.edda, p.ID, signed)
	if err != nil || got.Letter == nil {
		t.Fatalf("handed in: %+v, %v", got, err)
	}
	again, err := w.app.Dosing.HandIn(ctx, w.edda, p.ID, signed)
	if err != nil || again.Letter == nil || again.Letter.ID != got.Letter.ID {
		t.Errorf("the same file at once again: %+v, %v", again.Letter, err)
	}
	eventually(t, "the pump says that it belongs to the new site", func() bool {
		r := w.report(p)
		return r.Site == registry.OrderSite(w.other.ID) && r.State.Epoch == 2
	})
	reg, err := w.app.Registry.Pump(ctx, auth.Scope{Sites: []int64{w.other.ID}}, p.ID)
	if err != nil || reg.Site != w.other.ID {
		t.Errorf("the register: %+v, %v", reg, err)
	}
	if pt, ok, err := w.app.Registry.BoundPatient(ctx, p.ID); err != nil || !ok || pt.Site != w.other.ID {
		t.Errorf("the patient: %+v, %v", pt, err)
	}
	again, err = w.app.Dosing.HandIn(ctx, w.edda, p.ID, signed)
	if err != nil || again.Letter.ID != got.Letter.ID || again.Letter.State != dosing.LetterApplied {
		t.Errorf("the same file afterwards: %+v, %v", again.Letter, err)
	}
	all, at, err := w.app.Dosing.RootTransfers(ctx, w.edda, p.ID)
	if err != nil || len(all) != 1 || at != w.other.ID || all[0].Letter.Code != order.Applied {
		t.Errorf("what became of it: %+v at %d, %v", all, at, err)
	}

	// It left once its leaf and that of its making were in the record for good; everything is
	// on the record.
	if n := w.count(`SELECT count(*) FROM dispatch_outbox WHERE doc = $1 AND cardinality(leaves) = 2 AND state = 'answered'`, got.Letter.Doc[:]); n != 1 {
		t.Error("it did not wait for the record")
	}
	for kind, want := range map[string]int{"order.transfer_made": 1, "order.transfer": 1, "order.transfer_answered": 1, "pump.transfer": 2} {
		if n := w.count(`SELECT count(*) FROM audit_leaf WHERE kind = $1`, kind); n != want {
			t.Errorf("%d leaves of %s, want %d", n, kind, want)
		}
	}

	// The old site's people are refused by the pump: whose key was revoked, and whose was not.
	if code := w.answer(p, w.settings(p, w.rosa, w.miriam, w.jonas)); code != string(order.ErrRevoked) {
		t.Errorf("an order by the old site's people: %s", code)
	}
	if code := w.answer(p, w.settings(p, w.otis, w.otis)); code != string(order.ErrKey) {
		t.Errorf("an order by one who is left at the old site: %s", code)
	}
	// And the new site's obeyed.
	before := w.report(p).State.Settings.Low
	w.site, w.miriam, w.jonas, w.priya, w.rosa = w.other, w.theirs.miriam, w.theirs.jonas, w.theirs.priya, w.theirs.rosa
	o := w.release(w.approved(p, dosing.Wish{Act: order.ActSettings, Settings: &order.Settings{Low: before + units.Millilitre}, Reason: "their habit"}).ID)
	w.ends(o.ID, dosing.Applied)
	eventually(t, "the pump runs it", func() bool { return w.report(p).State.Settings.Low == before+units.Millilitre })
}

// TestServerAloneTransfersNothing: with every key that is left on the server, and its
// database, no pump goes to another site. One signature of the root does it.
func TestServerAloneTransfersNothing(t *testing.T) {
	t.Parallel()
	w := newRootWorld(t, 1)
	p := w.plans[0]
	made := w.make(p)
	keys, err := w.keys.trust.Signers("admin-a", "admin-b", "pharmacist", "maker")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.keys.trust.Signers("root"); err == nil {
		t.Fatal("the root's key is on the server")
	}
	for i, by := range [][]crypto.Signer{keys, {w.keys.tokens}, nil} {
		d, err := order.Sign(rand.Reader, order.TypeTransfer, made.Body, by...)
		if err != nil {
			t.Fatal(err)
		}
		sent, err := order.EncodeRootTransfer(d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.app.Dosing.HandIn(context.Background(), w.edda, p.ID, sent); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%d: handed in: %v", i, err)
		}
		if code := w.answer(p, sent); code != string(order.ErrSig) {
			t.Errorf("%d: past the server: %s", i, code)
		}
	}
	if r := w.report(p); r.Site != registry.OrderSite(w.old.ID) || r.State.Epoch != 1 {
		t.Errorf("the pump is at %s in epoch %d", r.Site, r.State.Epoch)
	}
	if code := w.answer(p, w.signed(made)); code != string(order.Applied) {
		t.Errorf("signed by the root: %s", code)
	}
}
