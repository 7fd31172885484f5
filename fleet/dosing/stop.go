package dosing

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/refusal"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// withdrawalLife is how long a withdrawal is sent again: as long as the longest
// prescription could still be released.
const withdrawalLife = 30 * 24 * time.Hour

// PrepareStop returns the document that the actor signs to stop a pump. It needs no
// state that is fresh: whoever is asked to stop is not first asked to look again.
func (s *Service) PrepareStop(ctx context.Context, actor auth.Actor, pump int64, key order.Digest, overdose bool, reason string, client order.Digest) (Signing, error) {
	p, err := s.Registry.Pump(ctx, actor.Scope(), pump)
	if err != nil {
		return Signing{}, err
	}
	if err := may(actor, p.Site, "pump", stoppers...); err != nil {
		return Signing{}, err
	}
	k, err := s.signer(ctx, actor, p.Site, key, order.RoleStop, order.RolePrescriber, order.RoleVerifier, order.RolePharmacist)
	if err != nil {
		return Signing{}, err
	}
	told, ok, err := s.Telemetry.State(ctx, pump)
	if err != nil {
		return Signing{}, err
	}
	if !ok || len(told.Window) != len(order.ID{}) {
		return Signing{}, refusal.Conflict(refusal.Unheard, "Pump %s was never heard, so that no stop can be signed for it. Stop it at the bedside.", p.Serial)
	}
	row, _, err := readPump(ctx, s.DB, pump)
	if err != nil {
		return Signing{}, err
	}
	// A bind or a transfer raises the epoch, and its answer says so before the next
	// heartbeat does. Epochs only rise: the higher one is the newer word.
	epoch := told.OrderEpoch
	if row.Report != nil {
		if r, err := order.DecodeReport(row.Report); err == nil {
			epoch = max(epoch, r.State.Epoch)
		}
	}
	now := s.Now().Unix()
	d := order.Stop{
		V: 1, ID: newID(), Pump: order.Digest(p.Key.Hash()), Epoch: epoch, Counter: max(row.Stops, told.StopCounter) + 1, Window: order.ID(told.Window),
		IssuedAt: now, Expires: now + order.StopLife, Overdose: overdose, Reason: strings.TrimSpace(reason), Person: actor.Login, Key: key, Client: client,
	}
	doc := d.Encode()
	if _, err := order.DecodeStop(doc); err != nil {
		return Signing{}, refusal.Invalid("reason", "Say why, in at most 200 bytes of plain text.")
	}
	return Signing{Document: doc, Challenge: order.StopHash(doc), Key: key, RPID: k.RPID, Person: actor.Login}, nil
}

// Stop takes a signed stop and sends it at once. Somebody else looks at it within a
// day.
func (s *Service) Stop(ctx context.Context, actor auth.Actor, pump int64, document []byte, assertion order.Assertion) (Letter, error) {
	p, err := s.Registry.Pump(ctx, actor.Scope(), pump)
	if err != nil {
		return Letter{}, err
	}
	if err := may(actor, p.Site, "pump", stoppers...); err != nil {
		return Letter{}, err
	}
	d, err := order.DecodeStop(document)
	if err != nil {
		return Letter{}, refusal.Wrap(errs.Invalid, order.ErrSig, err, "The stop cannot be read.")
	}
	if d.Person != actor.Login || d.Pump != order.Digest(p.Key.Hash()) {
		return Letter{}, refusal.InvalidAs(order.ErrSig, "document", "The stop is for another pump, or signed by somebody else.")
	}
	if _, err := s.signer(ctx, actor, p.Site, d.Key, order.RoleStop, order.RolePrescriber, order.RoleVerifier, order.RolePharmacist); err != nil {
		return Letter{}, err
	}
	if err := s.Keysets.Current().Keyset.CheckAssertion(d.Key, order.StopHash(document), assertion); err != nil {
		return Letter{}, refusal.Wrap(errs.Invalid, order.ErrSig, err, "The signature does not hold: %v. Sign again with the key that is listed.", err)
	}
	told, _, err := s.Telemetry.State(ctx, pump)
	if err != nil {
		return Letter{}, err
	}
	now := s.Now()
	if !now.Before(unix(d.Expires)) {
		return Letter{}, refusal.New(errs.Conflict, order.ErrExpired, "The stop was signed too long ago. Sign again.")
	}
	env := order.EncodeStop(document, assertion)
	l := Letter{
		Kind: Stop, Pump: pump, Site: p.Site, Counter: d.Counter, Document: document, Hash: order.StopHash(document), Envelope: env, Doc: sha256.Sum256(env),
		By: personOf(actor), At: now, State: LetterOpen, Reason: d.Reason, Overdose: d.Overdose, watch: watched,
	}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		row, found, err := lockPump(ctx, tx, pump)
		if err != nil {
			return err
		}
		if !found {
			return refusal.Conflict(refusal.Unheard, "Pump %s was never heard. Stop it at the bedside.", p.Serial)
		}
		l.NotAfter = lasts(now, d.Expires, order.StopWindow, trusted(row.Report))
		if next := max(row.Stops, told.StopCounter) + 1; d.Counter != next {
			return refusal.New(errs.Conflict, order.ErrCounter, "The stop has counter %d and the next one is %d: another stop came between. Sign again.", d.Counter, next)
		}
		if d.Counter > row.Stops+1 {
			if err := audit.Append(ctx, tx, audit.Entry{
				Kind: "order.counter_lost", Actor: auth.System("dosing").String(), Object: object("pump", pump), Site: p.Site, Pump: pump,
				Device: counterLane(pump, Stop), DeviceFrom: row.Stops + 1, DeviceSeq: d.Counter - 1, Reason: "The pump has spent these counters; this server knows nothing of them.",
			}); err != nil {
				return err
			}
		}
		if err := s.post(ctx, tx, actor, &l, wire.DnStop, unix(d.Expires), 0); err != nil {
			return err
		}
		return insertReview(ctx, tx, review{site: p.Site, pump: pump, letter: l.ID, what: "stop", by: personOf(actor), at: now})
	})
	return l, err
}

// PrepareWithdraw returns the document that the actor signs to take an order back.
func (s *Service) PrepareWithdraw(ctx context.Context, actor auth.Actor, id int64, key order.Digest, reason string, client order.Digest) (Signing, error) {
	o, err := s.Get(ctx, actor.Scope(), id)
	if err != nil {
		return Signing{}, err
	}
	if err := s.mayWithdraw(actor, &o); err != nil {
		return Signing{}, err
	}
	k, err := s.signer(ctx, actor, o.Site, key, order.RolePrescriber, order.RoleVerifier, order.RolePharmacist, order.RoleRelease)
	if err != nil {
		return Signing{}, err
	}
	p, err := o.prescription()
	if err != nil {
		return Signing{}, err
	}
	w := order.Withdraw{V: 1, Pump: p.Pump, Epoch: p.Epoch, Prescription: o.Hash, IssuedAt: s.Now().Unix(), Reason: strings.TrimSpace(reason), Person: actor.Login, Key: key, Client: client}
	doc := w.Encode()
	if _, err := order.DecodeWithdraw(doc); err != nil {
		return Signing{}, refusal.Invalid("reason", "Say why, in at most 200 bytes of plain text.")
	}
	return Signing{Document: doc, Challenge: order.WithdrawHash(doc), Key: key, RPID: k.RPID, Person: actor.Login}, nil
}

// mayWithdraw refuses whoever may not take an order back, and an order that cannot be. One
// that is withdrawn and of which the pump was not told can be once more: a pump with an
// older keyset refuses a withdrawal, and takes the next.
func (s *Service) mayWithdraw(actor auth.Actor, o *Order) error {
	if err := may(actor, o.Site, "order", takers...); err != nil {
		return err
	}
	if untold := o.State == Withdrawn && o.Told == NotTold; !untold && (!o.State.Open() || o.State == Draft || o.Contradicted()) {
		return refusal.New(errs.Conflict, refusal.Step, "The order is %s. There is nothing to withdraw.", o.State)
	}
	return nil
}

// Withdraw takes a signed withdrawal. The order is withdrawn here at once; until
// the pump has answered it may not know, and an order that was released may still
// apply.
func (s *Service) Withdraw(ctx context.Context, actor auth.Actor, id int64, document []byte, assertion order.Assertion) (Order, error) {
	o, err := s.Get(ctx, actor.Scope(), id)
	if err != nil {
		return Order{}, err
	}
	if err := s.mayWithdraw(actor, &o); err != nil {
		return Order{}, err
	}
	w, err := order.DecodeWithdraw(document)
	if err != nil {
		return Order{}, refusal.Wrap(errs.Invalid, order.ErrSig, err, "The withdrawal cannot be read.")
	}
	if w.Person != actor.Login || w.Prescription != o.Hash {
		return Order{}, refusal.InvalidAs(order.ErrSig, "document", "The withdrawal is of another order, or signed by somebody else.")
	}
	if _, err := s.signer(ctx, actor, o.Site, w.Key, order.RolePrescriber, order.RoleVerifier, order.RolePharmacist, order.RoleRelease); err != nil {
		return Order{}, err
	}
	if err := s.Keysets.Current().Keyset.CheckAssertion(w.Key, order.WithdrawHash(document), assertion); err != nil {
		return Order{}, refusal.Wrap(errs.Invalid, order.ErrSig, err, "The signature does not hold: %v. Sign again with the key that is listed.", err)
	}
	return s.change(ctx, actor, id, func(tx *postgres.Tx, o *Order) (audit.Entry, string, error) {
		if err := s.mayWithdraw(actor, o); err != nil {
			return audit.Entry{}, "", err
		}
		if _, _, err := lockPump(ctx, tx, o.Pump); err != nil {
			return audit.Entry{}, "", err
		}
		now := s.Now()
		env := order.EncodeWithdraw(document, assertion)
		l := Letter{
			Kind: Withdraw, Pump: o.Pump, Site: o.Site, Order: o.ID, Document: document, Hash: order.WithdrawHash(document), Envelope: env, Doc: sha256.Sum256(env),
			By: personOf(actor), At: now, NotAfter: now.Add(withdrawalLife), State: LetterOpen, Reason: w.Reason,
		}
		if err := s.recall(ctx, tx, o); err != nil {
			return audit.Entry{}, "", err
		}
		if err := s.post(ctx, tx, actor, &l, wire.DnOrder, l.NotAfter, 0); err != nil {
			return audit.Entry{}, "", err
		}
		if err := insertReview(ctx, tx, review{site: o.Site, pump: o.Pump, order: o.ID, letter: l.ID, what: "withdraw", by: personOf(actor), at: now}); err != nil {
			return audit.Entry{}, "", err
		}
		note := "withdrawn; the pump is not told yet"
		if o.State == Withdrawn {
			note = "withdrawn once more; the pump is not told yet"
		}
		o.State, o.Told = Withdrawn, NotTold
		return audit.Entry{Kind: "order.withdrawn", Reason: w.Reason, OldHash: o.Hash[:]}, note, nil
	})
}

// recall takes an order's releases out of the outbox, so that what is withdrawn is
// not sent once more. What has left may still apply, until its release ends.
func (s *Service) recall(ctx context.Context, tx *postgres.Tx, o *Order) error {
	docs, err := openReleases(ctx, tx, o.ID)
	if err != nil {
		return err
	}
	for _, doc := range docs {
		if err := s.Outbox.CancelTx(ctx, tx, o.Pump, [32]byte(doc)); err != nil {
			return err
		}
	}
	return nil
}
