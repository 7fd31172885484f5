package dosing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cisterna/device/order"
	"cisterna/fleet/dispatch"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// sweepEvery is how often everything is looked at, whoever woke it.
const sweepEvery = 5 * time.Second

// answerGrace is how long after the last moment at which a release may apply its answer
// may still come: it travels, and a clock that is trusted is at most so far off.
const answerGrace = 30 * time.Second

// trusted reports whether a pump says that it trusts its clock.
func trusted(report []byte) bool {
	r, err := order.DecodeReport(report)
	return err == nil && r.Trusted
}

// longer gives a letter the time that its window leaves it if the pump has lost its trust
// in its clock since: it does not ask it any more. It reports whether that time is not
// over.
func (s *Service) longer(ctx context.Context, tx *postgres.Tx, l *Letter) (bool, error) {
	row, _, err := readPump(ctx, tx, l.Pump)
	if err != nil || l.Kind == Withdraw || l.Kind == Transfer || trusted(row.Report) {
		return false, err
	}
	window := int64(order.ReleaseWindow)
	if l.Kind == Stop {
		window = order.StopWindow
	}
	until := lasts(l.At, 0, window, false)
	if !until.After(l.NotAfter) || s.Now().After(until.Add(answerGrace)) {
		return false, nil
	}
	return true, setNotAfter(ctx, tx, l.ID, until)
}

// Run puts away what is over, escalates what waits, and compares what pumps run
// with what was ordered, until ctx ends. Whoever waits for a stop waits for it: what takes
// as long as the fleet is large is [Service.WatchFleet]'s.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case pump := <-s.look:
			s.try(ctx, func(ctx context.Context) error { return errors.Join(s.restale(ctx, pump), s.stops(ctx, pump)) })
		case <-tick.C:
			s.try(ctx, s.Sweep)
		}
	}
}

func (s *Service) try(ctx context.Context, f func(context.Context) error) {
	if err := f(ctx); err != nil && ctx.Err() == nil {
		s.Log.Warn("orders could not be looked at and are again soon", "error", err)
	}
}

// Sweep looks at everything once, also where one thing cannot be looked at.
func (s *Service) Sweep(ctx context.Context) error {
	var errs []error
	for _, f := range []func(context.Context) error{
		func(ctx context.Context) error { return s.stops(ctx, 0) }, s.lateLetters, s.lateOrders, s.lateReturns, func(ctx context.Context) error { return s.restale(ctx, 0) }, s.escalate, s.confirm, s.drifts,
	} {
		errs = append(errs, f(ctx))
	}
	return errors.Join(errs...)
}

// lateLetters ends what was signed to leave and nobody answered. A
// prescription that still lives can be released again.
func (s *Service) lateLetters(ctx context.Context) error {
	ids, err := lateLetters(ctx, s.DB, s.Now().Add(-answerGrace))
	if err != nil {
		return err
	}
	for _, late := range ids {
		err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
			var o *Order
			if late.order != 0 {
				locked, err := lockOrder(ctx, tx, late.order)
				if err != nil {
					return err
				}
				o = &locked
			}
			l, err := lockLetter(ctx, tx, late.id)
			if err != nil || !l.AnsweredAt.IsZero() || l.State == LetterExpired {
				return err
			}
			if may, err := s.longer(ctx, tx, &l); err != nil || may {
				return err
			}
			l.State = LetterExpired
			if err := updateLetter(ctx, tx, &l); err != nil {
				return err
			}
			system := auth.System("dosing")
			if o != nil && l.Kind == Release && !o.Bedside.Until.IsZero() {
				o.Bedside = Underway{} // the pump looks at it again when it is confirmed, and finds it over
				if err := updateOrder(ctx, tx, o); err != nil {
					return err
				}
			}
			if o == nil || l.Kind != Release || !o.State.Away() {
				s.tell(tx, &l)
				if err := insertEvent(ctx, tx, l.Order, l.ID, Event{At: s.Now(), State: State(l.State), Actor: system.String(), Name: system.Name, Note: "the pump did not answer"}); err != nil {
					return err
				}
				return audit.Append(ctx, tx, audit.Entry{Kind: "order." + string(l.Kind) + "_expired", Actor: system.String(), Object: object("letter", l.ID), Site: l.Site, Pump: l.Pump, OldHash: l.Hash[:]})
			}
			was := o.State
			o.State = Approved
			if !s.Now().Before(o.ExpiresAt) {
				o.State, o.Code = Expired, order.ErrExpired
			}
			return s.finish(ctx, tx, system, o, was, audit.Entry{Kind: "order.release_expired", OldHash: l.Hash[:]}, "the pump did not answer in time; that release applies no more")
		})
		if err != nil {
			return fmt.Errorf("letter %d: %w", late.id, err)
		}
	}
	return nil
}

func (s *Service) lateOrders(ctx context.Context) error {
	ids, err := lateOrders(ctx, s.DB, s.Now())
	if err != nil {
		return err
	}
	for _, id := range ids {
		_, err := s.change(ctx, auth.System("dosing"), id, func(_ *postgres.Tx, o *Order) (audit.Entry, string, error) {
			if !o.State.Open() || o.State.Away() || o.State == Draft || s.Now().Before(o.ExpiresAt) {
				return audit.Entry{}, "", errMoved
			}
			o.State, o.Code = Expired, order.ErrExpired
			return audit.Entry{Kind: "order.expired", OldHash: o.Hash[:]}, "nobody released it in time", nil
		})
		if err != nil && !errors.Is(err, errMoved) {
			return fmt.Errorf("order %d: %w", id, err)
		}
	}
	return nil
}

// errMoved says that somebody else changed an order first.
var errMoved = errors.New("moved on")

// restale closes the open orders of a pump, of all for 0, that were made for a
// state or facts that are over.
func (s *Service) restale(ctx context.Context, pump int64) error {
	ids, err := waiting(ctx, s.DB, pump)
	if err != nil {
		return err
	}
	for _, id := range ids {
		_, err := s.change(ctx, auth.System("dosing"), id, func(tx *postgres.Tx, o *Order) (audit.Entry, string, error) {
			if o.State != Proposed && o.State != Verified && o.State != Approved {
				return audit.Entry{}, "", errMoved
			}
			row, found, err := lockPump(ctx, tx, o.Pump)
			if err != nil {
				return audit.Entry{}, "", err
			}
			note, code := "", order.ErrCAS
			switch {
			case found && order.Digest(row.StateHash) != o.Base:
				note = "the pump runs something else than it was made for"
			case o.Patient != 0 && !exempt(o.Act):
				rev, forVisit, err := registry.FactsRev(ctx, tx, o.Patient)
				if err != nil {
					return audit.Entry{}, "", err
				}
				if factsOf(o.Act, rev, forVisit) != o.FactsRev {
					note, code = "something about the patient has changed since", refusal.Facts
				}
			}
			if note == "" {
				return audit.Entry{}, "", errMoved
			}
			o.State, o.Code, o.Detail = Stale, code, note
			return audit.Entry{Kind: "order.stale", OldHash: o.Hash[:], Reason: note}, note, nil
		})
		if err != nil && !errors.Is(err, errMoved) {
			return fmt.Errorf("order %d: %w", id, err)
		}
	}
	return nil
}

// SentTx notes that a letter left (dispatch.Outbox).
func (s *Service) SentTx(ctx context.Context, tx *postgres.Tx, d dispatch.Letter, at time.Time) error {
	id, orderID, err := findLetter(ctx, tx, d.Pump, d.Doc)
	if err != nil || id == 0 {
		return err
	}
	var o *Order
	if orderID != 0 {
		locked, err := lockOrder(ctx, tx, orderID)
		if err != nil {
			return err
		}
		o = &locked
	}
	l, err := lockLetter(ctx, tx, id)
	if err != nil || l.State != LetterOpen {
		return err
	}
	l.State, l.SentAt = LetterSent, at
	if err := updateLetter(ctx, tx, &l); err != nil {
		return err
	}
	system := auth.System("dispatch")
	if o == nil || l.Kind != Release || o.State != Released {
		s.tell(tx, &l)
		return insertEvent(ctx, tx, l.Order, l.ID, Event{At: at, State: State(l.State), Actor: system.String(), Name: system.Name, Note: "sent"})
	}
	was := o.State
	o.State = Sent
	return s.finish(ctx, tx, system, o, was, audit.Entry{Kind: "order.sent", OldHash: l.Hash[:]}, "sent; no more is known until the pump answers")
}
