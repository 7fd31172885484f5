package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"cisterna/device/emulator"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/dosing"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// refused wants a transfer refused with a code, and nothing on its way.
func (w *rootWorld) refused(what string, err error, kind errs.Kind, code order.Code, says string) {
	w.t.Helper()
	if reason(err) != code || errs.KindOf(err) != kind || !strings.Contains(errs.Message(err), says) {
		w.t.Errorf("%s: %v (%s %s), want %s %s and %q", what, err, errs.KindOf(err), reason(err), kind, code, says)
	}
	if n := w.count(`SELECT count(*) FROM dosing_letters WHERE kind = 'transfer'`); n != 0 {
		w.t.Errorf("%s: %d transfers are on their way", what, n)
	}
}

// TestRootTransferIsRefused: what a pump would refuse never leaves, and whoever hands it in
// is told why; nor does what the pump could not know to be wrong.
func TestRootTransferIsRefused(t *testing.T) {
	t.Parallel()
	w := newRootWorld(t, 3)
	ctx, d := t.Context(), w.app.Dosing
	p, second, gone := w.plans[0], w.plans[1], w.plans[2]
	handIn := func(who auth.Actor, p plannedPump, b []byte) error {
		_, err := d.HandIn(ctx, who, p.ID, b)
		return err
	}
	fresh := w.make(p)
	signed := w.signed(fresh)

	// Who may.
	_, err := d.MakeRootTransfer(ctx, w.miriam.Actor, p.ID, w.other.ID, "test")
	w.refused("a prescriber makes one", err, errs.Denied, refusal.Role, "Administrators")
	w.refused("a prescriber hands one in", handIn(w.miriam.Actor, p, signed), errs.Denied, refusal.Role, "Administrators")
	stranger := auth.Actor{ID: 4711, Login: "x", Roles: map[int64][]auth.Role{w.other.ID: {auth.Admin}}}
	_, err = d.MakeRootTransfer(ctx, stranger, p.ID, w.other.ID, "test")
	if errs.KindOf(err) != errs.NotFound {
		t.Errorf("an administrator of another site: %v", err)
	}
	w.refused("whoever made it hands it in", handIn(w.ada, p, signed), errs.Denied, refusal.Second, "Another administrator")

	// Where to.
	empty, err := w.app.Registry.CreateSite(ctx, auth.System("test"), registry.NewSite{Name: "Empty House", Short: "EMPTY", TimeZone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		to   int64
		why  string
		kind errs.Kind
		code order.Code
		says string
	}{
		"to where it is":         {w.old.ID, "test", errs.Conflict, refusal.Input, "is at that site already"},
		"to nowhere":             {0, "test", errs.Invalid, refusal.Input, "Name the site"},
		"to a site that is not":  {9999, "test", errs.Invalid, refusal.Input, "There is no such site"},
		"to a site without keys": {empty.ID, "test", errs.Conflict, order.ErrQuorum, "nobody could order"},
		"without a reason":       {w.other.ID, " ", errs.Invalid, refusal.Input, "Say why"},
		"with one that is long":  {w.other.ID, strings.Repeat("x", 201), errs.Invalid, refusal.Input, "Say why"},
		"with one that is none":  {w.other.ID, "a\x00b", errs.Invalid, refusal.Input, "Say why"},
	} {
		_, err := d.MakeRootTransfer(ctx, w.ada, p.ID, c.to, c.why)
		w.refused(what, err, c.kind, c.code, c.says)
	}

	// What was signed.
	_, mine, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	by := func(body []byte) []byte {
		doc, err := order.Sign(rand.Reader, order.TypeTransfer, body, mine)
		if err != nil {
			t.Fatal(err)
		}
		out, err := order.EncodeRootTransfer(doc)
		return must2(t, out, err)
	}
	bent := fresh.Prescription
	bent.Reason = "another"
	w.refused("not signed by the root", handIn(w.edda, p, by(fresh.Body)), errs.Invalid, refusal.Root, "The root did not sign this")
	w.refused("changed since", handIn(w.edda, p, by(bent.Encode())), errs.Invalid, refusal.Missing, "was not made here")
	w.refused("not signed at all", handIn(w.edda, p, fresh.Body), errs.Invalid, order.ErrFormat, "cisterna keys transfer")
	w.refused("of another pump", handIn(w.edda, second, signed), errs.Invalid, order.ErrAud, "another pump")
	w.refused("cut short", handIn(w.edda, p, signed[:len(signed)-1]), errs.Invalid, order.ErrFormat, "")

	// When. Another clock is all that differs.
	late := d.Options
	late.Now = func() time.Time { return time.Now().Add(8 * 24 * time.Hour) }
	after, err := dosing.New(late)
	if err != nil {
		t.Fatal(err)
	}
	_, err = after.HandIn(ctx, w.edda, p.ID, signed)
	w.refused("a week later", err, errs.Conflict, order.ErrExpired, "Make it again")

	// A pump that is out of service.
	ofGone := w.signed(w.make(gone))
	if _, err := w.app.Registry.Retire(ctx, auth.System("test"), gone.ID, "worn out"); err != nil {
		t.Fatal(err)
	}
	w.refused("of a retired pump", handIn(w.edda, gone, ofGone), errs.Conflict, refusal.Status, "is retired")
	_, err = d.MakeRootTransfer(ctx, w.ada, gone.ID, w.other.ID, "test")
	w.refused("for a retired pump", err, errs.Conflict, refusal.Status, "is retired")

	// A pump that runs something else by now.
	low := w.report(p).State.Settings.Low + units.Millilitre
	o := w.release(w.approved(p, dosing.Wish{Act: order.ActSettings, Settings: &order.Settings{Low: low}, Reason: "test"}).ID)
	w.ends(o.ID, dosing.Applied)
	w.refused("of what it ran before", handIn(w.edda, p, signed), errs.Conflict, order.ErrCAS, "Make it again")

	// A keyset that counts no more: with it would count whom it still lists.
	old := w.signed(w.make(p))
	w.revoke(w.theirs.jonas)
	w.refused("with an older keyset", handIn(w.edda, p, old), errs.Conflict, refusal.Newer, "which the pump is to get")
	if got := w.report(p).Site; got != registry.OrderSite(w.old.ID) {
		t.Errorf("the pump is at %s", got)
	}
}

// TestRootTransferWaits: at most one transfer of a pump is on its way. It waits for a pump
// that hears nothing, and for one that cannot obey yet.
func TestRootTransferWaits(t *testing.T) {
	t.Parallel()
	w := newRootWorld(t, 1)
	ctx, d, p := t.Context(), w.app.Dosing, w.plans[0]
	one, two := w.make(p), w.make(p)
	signed := w.deafTo(p, one)
	if _, err := d.HandIn(ctx, w.edda, p.ID, w.signed(two)); reason(err) != refusal.Underway {
		t.Errorf("a second one: %v", err)
	}
	if _, err := d.HandIn(ctx, w.edda, p.ID, resigned(t, w, one)); reason(err) != refusal.Done {
		t.Errorf("the same one, signed otherwise: %v", err)
	}
	var busy telemetry.Answer
	busy.Pump, _ = w.app.Registry.Directory().ByID(p.ID)
	busy.At, busy.Kind, busy.Code, busy.Doc = time.Now(), wire.DnOrder, string(order.ErrBusy), order.Hash(signed)
	if err := postgres.InTx(ctx, w.app.DB, func(tx *postgres.Tx) error { return d.AnsweredTx(ctx, tx, busy) }); err != nil {
		t.Fatal(err)
	}
	all, _, err := d.RootTransfers(ctx, w.ada, p.ID)
	if err != nil || len(all) != 2 || all[0].Letter != nil || all[1].Letter == nil || all[1].Letter.State != dosing.LetterSent || all[1].Letter.Code != order.ErrBusy {
		t.Errorf("while firmware is installed: %+v, %v", all, err)
	}
	if n := w.count(`SELECT count(*) FROM registry_pumps WHERE id = $1 AND site_id = $2`, p.ID, w.old.ID); n != 1 {
		t.Error("the register has moved the pump before its word")
	}
	if err := w.device(p).EndFault("deaf"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pump has moved", func() bool { return w.report(p).Site == registry.OrderSite(w.other.ID) })
}

// TestRootTransferRefusedByThePump: a pump that was programmed at the bedside while a transfer
// was on its way refuses it, and stays where it is: on the pump, in the register and with its
// patient. The refusal is on the record, and another transfer may be made.
func TestRootTransferRefusedByThePump(t *testing.T) {
	t.Parallel()
	w := newRootWorld(t, 1)
	ctx, p := t.Context(), w.plans[0]
	w.deafTo(p, w.make(p))
	if err := w.device(p).Inject(emulator.Fault{Kind: "foreign-program", Value: 900}); err != nil {
		t.Fatal(err)
	}
	if err := w.device(p).EndFault("deaf"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pump has refused it", func() bool {
		return w.count(`SELECT count(*) FROM dosing_letters WHERE kind = 'transfer' AND state = 'refused' AND code = 'E_CAS'`) == 1
	})
	if n := w.count(`SELECT count(*) FROM registry_pumps WHERE id = $1 AND site_id = $2`, p.ID, w.old.ID); n != 1 {
		t.Error("the register has moved a pump that refused")
	}
	if pt, ok, err := w.app.Registry.BoundPatient(ctx, p.ID); err != nil || !ok || pt.Site != w.old.ID {
		t.Errorf("the patient: %+v, %v", pt, err)
	}
	if at := w.report(p).Site; at != registry.OrderSite(w.old.ID) {
		t.Errorf("the pump says that it is at %s", at)
	}
	if n := w.count(`SELECT count(*) FROM audit_leaf WHERE kind = 'order.transfer_answered'`); n != 1 {
		t.Errorf("%d leaves of its answer, want 1", n)
	}
	eventually(t, "what it runs is known", func() bool { return w.report(p).Foreign })
	if _, err := w.app.Dosing.HandIn(ctx, w.edda, p.ID, w.signed(w.make(p))); err != nil {
		t.Errorf("another one afterwards: %v", err)
	}
}

// TestRootTransferExpires: a transfer that no pump answers ends after its days, and makes
// room for another.
func TestRootTransferExpires(t *testing.T) {
	t.Parallel()
	w := newRootWorld(t, 1)
	ctx, p := t.Context(), w.plans[0]
	one, two := w.make(p), w.make(p)
	w.deafTo(p, one)
	db := w.ownerDB()
	for table, at := range map[string]string{"dosing_letters": "at", "dispatch_outbox": "created_at"} { // eight days later
		if _, err := db.Exec(`UPDATE ` + table + ` SET not_after = not_after - interval '8 days', ` + at + ` = ` + at + ` - interval '8 days'`); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it has ended", func() bool {
		return w.count(`SELECT count(*) FROM dosing_letters WHERE kind = 'transfer' AND state = 'expired'`) == 1 && w.count(`SELECT count(*) FROM audit_leaf WHERE kind = 'order.transfer_expired'`) == 1
	})
	if _, err := w.app.Dosing.HandIn(ctx, w.edda, p.ID, w.signed(two)); err != nil {
		t.Errorf("another one afterwards: %v", err)
	}
}

// deafTo hands a transfer in for a pump that hears nothing, and returns what was signed.
func (w *rootWorld) deafTo(p plannedPump, made dosing.RootTransfer) []byte {
	w.t.Helper()
	if err := w.device(p).Inject(emulator.Fault{Kind: "deaf", For: time.Hour}); err != nil {
		w.t.Fatal(err)
	}
	signed := w.signed(made)
	got, err := w.app.Dosing.HandIn(w.t.Context(), w.edda, p.ID, signed)
	if err != nil {
		w.t.Fatal(err)
	}
	eventually(w.t, "it is sent", func() bool {
		return w.count(`SELECT count(*) FROM dosing_letters WHERE id = $1 AND state = 'sent'`, got.Letter.ID) == 1
	})
	return signed
}

// resigned is a transfer with the root's signature twice: other bytes for the same.
func resigned(t *testing.T, w *rootWorld, made dosing.RootTransfer) []byte {
	t.Helper()
	d, err := order.OpenRootTransfer(w.signed(made))
	if err != nil {
		t.Fatal(err)
	}
	out, err := order.EncodeRootTransfer(order.Assemble(d.Body, append(d.Sigs, d.Sigs...)...))
	return must2(t, out, err)
}
