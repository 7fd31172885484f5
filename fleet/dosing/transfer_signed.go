package dosing

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/refusal"
	"cisterna/fleet/telemetry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// HandIn takes a transfer that the root has signed, examines it as the pump will, and puts
// it on its way. Whoever hands it in is not whoever made it. The same file once more
// changes nothing, and says what became of it.
func (s *Service) HandIn(ctx context.Context, actor auth.Actor, pump int64, signed []byte) (RootTransfer, error) {
	if _, err := s.administers(ctx, actor, pump); err != nil {
		return RootTransfer{}, err
	}
	t, err := s.made(ctx, pump, signed)
	if err != nil {
		return RootTransfer{}, err
	}
	if t.Maker.ID == actor.ID {
		return RootTransfer{}, refusal.Denied(refusal.Second, "You made what was signed. Another administrator hands it in.")
	}
	if t.Letter != nil {
		return t, t.repeated(signed)
	}
	sit, err := s.read(ctx, actor.Scope(), pump)
	if err != nil {
		return RootTransfer{}, err
	}
	if cur := s.Keysets.Current(); !bytes.Equal(t.Prescription.Transfer.Keyset, cur.Document) {
		return RootTransfer{}, refusal.Conflict(refusal.Newer, "The transfer carries keyset %d, and keyset %d counts, which the pump is to get.", t.Keyset.Version, cur.Version)
	}
	// The very check that the pump makes, with what it said of itself.
	if v := order.Verify(order.Delivery{Kind: wire.DnOrder, Bytes: signed}, &sit.view); v.Code != order.Applied {
		return RootTransfer{}, untransferable(&v)
	}
	return t, s.send(ctx, actor, &t, signed)
}

// made finds what a signed transfer was made of. One that this server did not make has
// nobody who made it, and is not taken.
func (s *Service) made(ctx context.Context, pump int64, signed []byte) (RootTransfer, error) {
	d, err := order.OpenRootTransfer(signed)
	if err != nil {
		return RootTransfer{}, refusal.Wrap(errs.Invalid, order.ErrFormat, err, "This is no transfer that the root signed. Hand in the file that cisterna keys transfer wrote.")
	}
	t, ok, err := readTransfer(ctx, s.DB, order.PrescriptionHash(d.Body))
	switch {
	case err != nil:
		return RootTransfer{}, err
	case !ok:
		return RootTransfer{}, refusal.InvalidAs(refusal.Missing, "signed", "What was signed was not made here, or was changed since. Make it here, and have that signed.")
	case t.Pump != pump:
		return RootTransfer{}, refusal.InvalidAs(order.ErrAud, "signed", "What was signed is the transfer of another pump. Hand it in there.")
	}
	return t, s.enclosed(&t)
}

// repeated refuses a second file for a body of which one was taken.
func (t *RootTransfer) repeated(signed []byte) error {
	if sha256.Sum256(signed) != t.Letter.Doc {
		return refusal.Conflict(refusal.Done, "This transfer was handed in already, signed otherwise. Look at what became of it.")
	}
	return nil
}

// untransferable says why a pump would refuse a transfer, and what helps.
func untransferable(v *order.Verdict) error {
	advice := "Make it again, and have that signed."
	switch v.Code {
	case order.ErrSig:
		return refusal.InvalidAs(refusal.Root, "signed", "The root did not sign this: %s. Have it signed with the key of the root that the pump trusts.", v.Detail)
	case order.ErrBusy:
		advice = "Wait until that has ended, then hand in the same file again."
	case order.ErrNotYet:
		advice = "Compare the clocks, then hand in the same file again."
	}
	return refusal.Conflict(v.Code, "The pump would refuse it: %s. %s", v.Detail, advice)
}

// send puts a signed transfer on its way, if the pump is still what it was made for. It
// leaves once its leaf and that of its making are in the record for good.
func (s *Service) send(ctx context.Context, actor auth.Actor, t *RootTransfer, signed []byte) error {
	p := &t.Prescription
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		row, _, err := lockPump(ctx, tx, t.Pump)
		if err != nil {
			return err
		}
		if t.Letter, err = transferLetter(ctx, tx, t.Hash); err != nil {
			return err
		}
		if t.Letter != nil { // somebody handed it in meanwhile
			return t.repeated(signed)
		}
		if order.Digest(row.StateHash) != p.State {
			return refusal.Conflict(order.ErrCAS, "The pump runs something else since this was made. Make it again, and have that signed.")
		}
		l := Letter{
			Kind: Transfer, Pump: t.Pump, Site: t.From, Document: t.Body, Hash: t.Hash, Envelope: signed, Doc: sha256.Sum256(signed), By: personOf(actor), At: s.Now(),
			NotAfter: unix(p.Expires + order.Skew), State: LetterOpen, Reason: t.Reason,
		}
		t.Letter = &l
		return s.post(ctx, tx, actor, &l, wire.DnOrder, t.Expires, t.leaf)
	})
}

// waitsOn reports whether a pump's answer is that it cannot obey yet. A transfer by the root
// spends no counter and is judged anew each time, so that it is sent again until it can:
// for an installation that ran, nobody goes to the root's key a second time.
func (l *Letter) waitsOn(c order.Code) bool {
	return l.Kind == Transfer && (c == order.ErrBusy || c == order.ErrNotYet)
}

// notYet notes what the pump said to a letter that goes on waiting.
func (s *Service) notYet(ctx context.Context, tx *postgres.Tx, l *Letter, a *telemetry.Answer) error {
	l.Code, l.Note = order.Code(a.Code), a.Note
	s.tell(tx, l)
	return updateLetter(ctx, tx, l)
}

// transferred writes down a pump's answer to a transfer by the root, and whom it belongs to
// from then on.
func (s *Service) transferred(ctx context.Context, tx *postgres.Tx, l *Letter, a *telemetry.Answer) error {
	device := auth.Device(a.Pump.Link)
	if err := audit.Append(ctx, tx, audit.Entry{
		Kind: "order.transfer_answered", Actor: device.String(), Object: object("letter", l.ID), Site: l.Site, Pump: l.Pump, Device: a.Pump.Link,
		OldHash: l.Hash[:], NewHash: a.StateHash, Reason: a.Code, Evidence: a.Envelope,
	}); err != nil || l.Code != order.Applied {
		return err
	}
	to, err := destination(ctx, tx, l.Hash)
	if err != nil {
		return err
	}
	return s.Registry.TransferredTx(ctx, tx, device, l.Pump, to, fmt.Sprintf("letter %d, a transfer by the root, which the pump applied", l.ID))
}
