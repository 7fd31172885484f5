package dosing

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/dispatch"
	"cisterna/fleet/refusal"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Choice is what whoever releases a visit adds.
type Choice struct {
	Branch   order.BranchNo
	Measured *order.Measured
}

// reachable refuses a pump that is not there now: whoever releases can watch the
// patient, and a release lives for minutes.
func (s *Service) reachable(ctx context.Context, sit *situation) error {
	connected, heard, err := s.Telemetry.Reachable(ctx, sit.pump.ID)
	if err != nil {
		return err
	}
	if !connected || sit.view.Windows.Current().IsZero() {
		last := "never"
		if !heard.IsZero() {
			last = "last at " + heard.UTC().Format(time.RFC3339)
		}
		return refusal.New(errs.Conflict, refusal.Offline, "Pump %s is not connected (heard %s). Release the order when it is, by somebody who can watch the patient; it waits until it expires.", sit.pump.Serial, last)
	}
	return nil
}

// notApproved says that an order cannot be released: because people are missing, or
// because it is elsewhere.
func notApproved(o *Order) error {
	if o.State == Proposed || o.State == Verified {
		return refusal.New(errs.Conflict, order.ErrQuorum, "The order is %s, with %d of %d signatures. Only an approved one is released. %s", o.State, len(o.Approvals), o.People, refusal.Remedy(order.ErrQuorum))
	}
	return refusal.New(errs.Conflict, refusal.Step, "The order is %s. Only an approved one is released.", o.State)
}

// PrepareRelease returns the document that the actor signs to let an approved order
// go now.
func (s *Service) PrepareRelease(ctx context.Context, actor auth.Actor, id int64, key order.Digest, c Choice, client order.Digest) (Signing, error) {
	o, err := s.Get(ctx, actor.Scope(), id)
	if err != nil {
		return Signing{}, err
	}
	if err := may(actor, o.Site, "order", releasers...); err != nil {
		return Signing{}, err
	}
	if o.State != Approved {
		return Signing{}, notApproved(&o)
	}
	k, err := s.signer(ctx, actor, o.Site, key, order.RoleRelease)
	if err != nil {
		return Signing{}, err
	}
	sit, err := s.read(ctx, actor.Scope(), o.Pump)
	if err != nil {
		return Signing{}, err
	}
	if err := s.reachable(ctx, sit); err != nil {
		return Signing{}, err
	}
	row, _, err := readPump(ctx, s.DB, o.Pump)
	if err != nil {
		return Signing{}, err
	}
	now := s.Now().Unix()
	r := order.Release{
		V: 1, Prescription: o.Hash, Counter: max(row.Counter, sit.told.Counter) + 1, Window: sit.view.Windows.Current(), Keyset: s.Keysets.Current().Version,
		IssuedAt: now, Expires: now + order.ReleaseLife, Person: actor.Login, Key: key, Client: client, Branch: c.Branch, Measured: c.Measured,
	}
	doc := r.Encode()
	if _, err := order.DecodeRelease(doc); err != nil {
		return Signing{}, refusedByCheck(err)
	}
	return Signing{Document: doc, Challenge: order.ReleaseHash(doc), Key: key, RPID: k.RPID, Person: actor.Login}, nil
}

// Release takes a signed release, checks the whole order as the pump will, and puts
// it on its way. It leaves once its leaf and the prescription's are in the record
// for good.
func (s *Service) Release(ctx context.Context, actor auth.Actor, id int64, document []byte, assertion order.Assertion) (Order, Letter, error) {
	o, err := s.Get(ctx, actor.Scope(), id)
	if err != nil {
		return Order{}, Letter{}, err
	}
	if err := may(actor, o.Site, "order", releasers...); err != nil {
		return Order{}, Letter{}, err
	}
	r, err := order.DecodeRelease(document)
	if err != nil {
		return Order{}, Letter{}, refusal.Wrap(errs.Invalid, order.ErrSig, err, "The release cannot be read.")
	}
	if r.Person != actor.Login {
		return Order{}, Letter{}, refusal.InvalidAs(order.ErrSig, "document", "The release is somebody else's.")
	}
	if _, err := s.signer(ctx, actor, o.Site, r.Key, order.RoleRelease); err != nil {
		return Order{}, Letter{}, err
	}
	sit, err := s.read(ctx, actor.Scope(), o.Pump)
	if err != nil {
		return Order{}, Letter{}, err
	}
	if err := s.reachable(ctx, sit); err != nil {
		return Order{}, Letter{}, err
	}
	var l Letter
	o, err = s.change(ctx, actor, id, func(tx *postgres.Tx, o *Order) (audit.Entry, string, error) {
		if err := s.fresh(ctx, tx, o, Approved); err != nil {
			return audit.Entry{}, "", err
		}
		row, _, err := lockPump(ctx, tx, o.Pump)
		if err != nil {
			return audit.Entry{}, "", err
		}
		if next := max(row.Counter, sit.told.Counter) + 1; r.Counter != next {
			return audit.Entry{}, "", refusal.New(errs.Conflict, order.ErrCounter, "The release has counter %d and the next one is %d: another release came between. Sign again.", r.Counter, next)
		}
		env := order.NewEnvelope(o.Document, nil, document, assertion)
		for _, a := range o.Approvals {
			env.Approvals = append(env.Approvals, order.Approved{Statement: a.Statement, Assertion: a.Assertion})
		}
		bytes := env.Encode()
		// The very check that the pump makes, with what it said of itself.
		if v := order.Verify(order.Delivery{Kind: wire.DnOrder, Bytes: bytes}, &sit.view); v.Code != order.Applied {
			return audit.Entry{}, "", &CheckError{Refusals: []order.Found{{Step: v.Step, Refusal: order.Refusal{Code: v.Code, Detail: v.Detail}}}}
		}
		// A key that was revoked since the newest keyset still counts at the pump.
		for _, ap := range o.Approvals {
			if _, err := s.Keysets.Lists(ctx, ap.Key, o.Site); err != nil {
				return audit.Entry{}, "", refusal.New(errs.Conflict, order.ErrRevoked, "The signature of %s counts no more: %s Propose the order again.", ap.Name, errs.Message(err))
			}
		}
		now := s.Now()
		l = Letter{
			Kind: Release, Pump: o.Pump, Site: o.Site, Order: o.ID, Counter: r.Counter, Document: document, Hash: order.ReleaseHash(document),
			Envelope: bytes, Doc: sha256.Sum256(bytes), By: personOf(actor), At: now, NotAfter: lasts(now, r.Expires, order.ReleaseWindow, sit.report.Trusted && o.Act != order.ActClock), State: LetterOpen,
		}
		if err := s.lost(ctx, tx, sit, row.Counter, r.Counter); err != nil {
			return audit.Entry{}, "", err
		}
		if err := s.post(ctx, tx, actor, &l, wire.DnOrder, unix(r.Expires), o.leaf); err != nil {
			return audit.Entry{}, "", err
		}
		o.State, o.Code, o.Detail = Released, "", ""
		return audit.Entry{Kind: "order.released", NewHash: l.Hash[:], Payload: map[string]any{"counter": r.Counter}},
			fmt.Sprintf("%s released it; it may apply until %s", actor.Name, l.NotAfter.Format("15:04:05")), nil
	})
	if err != nil {
		return Order{}, Letter{}, err
	}
	return o, l, nil
}

// lost gives counters that the pump has spent, and of which nothing is known here,
// a leaf: those of a server whose backup was restored, or of nobody.
func (s *Service) lost(ctx context.Context, tx *postgres.Tx, sit *situation, known, next uint64) error {
	if next <= known+1 {
		return nil
	}
	return audit.Append(ctx, tx, audit.Entry{
		Kind: "order.counter_lost", Actor: auth.System("dosing").String(), Object: object("pump", sit.pump.ID), Site: sit.pump.Site, Pump: sit.pump.ID,
		Device: counterLane(sit.pump.ID, Release), DeviceFrom: known + 1, DeviceSeq: next - 1, Reason: "The pump has spent these counters; this server knows nothing of them.",
	})
}

// counterLane names the numbers of one kind of letter of one pump, of which the
// record has every one.
func counterLane(pump int64, k LetterKind) string { return fmt.Sprintf("counter:%s:%d", k, pump) }

// lasts returns until when a document signed at a moment may still be accepted: to its end
// and as far as clocks may differ if the pump asks its clock, and otherwise as long as it
// accepts the window, in seconds, that it had announced by then (docs/protocol.md).
func lasts(at time.Time, expires, window int64, asksClock bool) time.Time {
	if asksClock {
		return unix(expires + order.Skew)
	}
	return at.Add(time.Duration(window) * time.Second)
}

// post writes a letter down with its leaf and hands it to the outbox, which sends it until
// a moment. A release and a transfer wait until their leaf and the leaf before are covered;
// a stop waits for nothing.
func (s *Service) post(ctx context.Context, tx *postgres.Tx, actor auth.Actor, l *Letter, kind wire.Kind, until time.Time, before int64) error {
	if err := insertLetter(ctx, tx, l); err != nil {
		return err
	}
	e := audit.Entry{
		Kind: "order." + string(l.Kind), Actor: actor.String(), Object: object("letter", l.ID), Site: l.Site, Pump: l.Pump, Reason: l.Reason,
		NewHash: l.Hash[:], Evidence: l.Envelope,
	}
	if l.Counter > 0 {
		e.Device, e.DeviceSeq = counterLane(l.Pump, l.Kind), l.Counter
	}
	detail := map[string]any{"signer": l.By.Name}
	if l.Kind == Stop {
		detail["waited"], detail["overdose"] = false, l.Overdose
	}
	e.Payload = detail
	ref, err := audit.AppendRef(ctx, tx, e)
	if err != nil {
		return err
	}
	if l.Counter > 0 {
		if err := raiseCounter(ctx, tx, l); err != nil {
			return err
		}
	}
	if err := insertEvent(ctx, tx, l.Order, l.ID, Event{At: l.At, State: State(l.State), Actor: actor.String(), Name: actor.Name, Note: l.Reason, Evidence: sumOf(l.Envelope)}); err != nil {
		return err
	}
	var leaves []int64
	if l.Kind == Release || l.Kind == Transfer {
		leaves = []int64{ref.ID}
		if before != 0 {
			leaves = append(leaves, before)
		}
	}
	s.tell(tx, l)
	return s.Outbox.Enqueue(ctx, tx, dispatch.NewLetter(l.Pump, kind, l.Envelope, l.At, until, leaves...))
}
