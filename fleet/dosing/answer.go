package dosing

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// passing are answers that are no verdict: the pump looked at nothing, or could not
// keep it, and the same bytes are sent again.
func passing(c order.Code) bool { return c == order.ErrRate || c == order.ErrStorage }

// again are refusals after which the same prescription can be released once more.
func again(c order.Code) bool {
	switch c {
	case order.ErrKeyset, order.ErrWindow, order.ErrCounter, order.ErrBusy, order.ErrNotYet, order.ErrBounds, order.ErrPower, order.ErrConfirm:
		return true
	}
	return false
}

// AnsweredTx takes a pump's signed answer, in the transaction that stores it
// (telemetry.Options.Answered). Nothing else moves an order past sent; one whose answer
// was contradicted ends by a later report, see confirm.
func (s *Service) AnsweredTx(ctx context.Context, tx *postgres.Tx, a telemetry.Answer) error {
	if a.Kind != wire.DnOrder && a.Kind != wire.DnStop {
		return nil
	}
	code := order.Code(a.Code)
	id, orderID, err := findLetter(ctx, tx, a.Pump.ID, a.Doc)
	if err != nil {
		return err
	}
	if id == 0 {
		return s.unknown(ctx, tx, &a)
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
	if err != nil {
		return err
	}
	if err := s.told(ctx, tx, a.Pump, a.Answer.Report, a.StateHash, a.At); err != nil {
		return err
	}
	if passing(code) || !l.AnsweredAt.IsZero() {
		return nil
	}
	if l.waitsOn(code) {
		return s.notYet(ctx, tx, &l, &a)
	}
	if err := s.Outbox.AnsweredTx(ctx, tx, a.Pump.ID, a.Doc, a.Code); err != nil {
		return err
	}
	late := l.State == LetterExpired
	l.AnsweredAt, l.Code, l.Note, l.State = a.At, code, a.Note, LetterRefused
	if code == order.Applied {
		l.State = LetterApplied
	}
	if err := updateLetter(ctx, tx, &l); err != nil {
		return err
	}
	if code == order.Applied && l.Kind != Withdraw {
		ours, err := s.leaves(ctx, tx, &l, o, &a)
		if err != nil {
			return err
		}
		if ours {
			err = setDesired(ctx, tx, a.Pump.ID, a.StateHash, orderID)
		}
		if err != nil {
			return err
		}
	}
	if l.Kind == Stop {
		if err := s.stopped(ctx, tx, &l, &a); err != nil {
			return err
		}
	}
	if l.Kind == Transfer {
		if err := s.transferred(ctx, tx, &l, &a); err != nil {
			return err
		}
	}
	c := Changed{Pump: l.Pump, Site: l.Site, Order: l.Order, Letter: l.ID, Code: code}
	tx.OnCommit(func() { s.events.Publish(c); s.doubt(l.Pump) })
	if o == nil {
		return insertEvent(ctx, tx, 0, l.ID, Event{At: a.At, State: State(l.State), Actor: auth.Device(a.Pump.Link).String(), Name: a.Pump.Serial, Note: a.Code + " " + a.Note, Evidence: sumOf(a.Envelope)})
	}
	return s.conclude(ctx, tx, o, &l, &a, late)
}

// conclude moves an order by the answer to one of its letters. late says that the
// letter had been given up: since then another release may be on its way, and what the
// pump thought of the first decides nothing.
func (s *Service) conclude(ctx context.Context, tx *postgres.Tx, o *Order, l *Letter, a *telemetry.Answer, late bool) error {
	was, note := o.State, ""
	if l.Kind == Release && !late {
		o.Bedside = Underway{} // whatever it says, somebody confirmed it or nobody will
	}
	e := audit.Entry{Device: a.Pump.Link, NewHash: a.StateHash, OldHash: o.Hash[:], Reason: a.Code, Evidence: a.Envelope}
	switch {
	case l.Kind == Withdraw && l.Code == order.Applied:
		o.Told = IsTold
		e.Kind, note = "order.withdrawal_told", "the pump knows that it is withdrawn"
	case l.Kind == Withdraw:
		e.Kind, note = "order.withdrawal_refused", "the pump did not take the withdrawal: "+a.Code+". "+refusal.Remedy(l.Code)
	case l.Code == order.Applied:
		o.Code, o.Detail = l.Code, ""
		wants, err := s.wants(o, l)
		if err != nil {
			return err
		}
		fault := wants.contradicted(a.ProgramHash, a.Run)
		if err := s.belongs(ctx, tx, o, a); err != nil {
			return err
		}
		if fault != Agrees {
			o.State, o.Detail, o.ClosedAt = Received, fault.words(a.Run), time.Time{}
			e.Kind, note = "order.read_back", o.Detail
			if err := s.incomplete(ctx, tx, o, a); err != nil {
				return err
			}
			break
		}
		if err := s.complete(ctx, tx, o); err != nil {
			return err
		}
		o.State, o.ClosedAt = Applied, a.At
		e.Kind, note = "order.applied", "the pump's signed read-back: "+a.Run.String()
		if was == Withdrawn || was == Expired {
			note += "; it was " + string(was) + " here already"
		}
	case late:
		e.Kind, note = "order.refused", "the pump refused an earlier release, which was given up: "+a.Code+". "+refusal.Remedy(l.Code)
	case again(l.Code) && s.Now().Before(o.ExpiresAt) && was.Away():
		o.State, o.Code, o.Detail = Approved, l.Code, a.Note
		e.Kind, note = "order.refused", "the pump refused the release: "+a.Code+". "+refusal.Remedy(l.Code)
	case was.Away():
		o.State, o.Code, o.Detail = Refused, l.Code, a.Note
		e.Kind, note = "order.refused", "the pump refused it: "+a.Code+". "+refusal.Remedy(l.Code)
	default:
		e.Kind, note = "order.refused", "the pump refused a release of an order that is over: "+a.Code
	}
	return s.finish(ctx, tx, auth.Device(a.Pump.Link), o, was, e, note)
}

// belongs writes down whom a pump belongs to after a bind or a transfer.
func (s *Service) belongs(ctx context.Context, tx *postgres.Tx, o *Order, a *telemetry.Answer) error {
	why := fmt.Sprintf("order %d, which the pump applied", o.ID)
	switch o.Act {
	case order.ActBind:
		return s.Registry.BoundTx(ctx, tx, auth.Device(a.Pump.Link), o.Pump, o.Patient, why)
	case order.ActTransfer:
		return s.Registry.TransferredTx(ctx, tx, auth.Device(a.Pump.Link), o.Pump, o.Wish.Site, why)
	case order.ActProgram, order.ActBolus, order.ActPrime, order.ActVisit, order.ActSettings, order.ActResume, order.ActErase, order.ActAdopt, order.ActClock:
	}
	return nil
}

// unknown raises an alarm for an answer to a document that this server never sent:
// somebody else holds signatures, or the database is an old one.
func (s *Service) unknown(ctx context.Context, tx *postgres.Tx, a *telemetry.Answer) error {
	if err := s.told(ctx, tx, a.Pump, a.Answer.Report, a.StateHash, a.At); err != nil {
		return err
	}
	if order.Code(a.Code) != order.Applied {
		return nil // refusals of garbage are counted by telemetry
	}
	_, _, err := s.Alarms.RaiseTx(ctx, tx, alarm.Raise{
		Pump: a.Pump.ID, Site: a.Pump.Site, Code: "SECURITY", Source: alarm.SourceServer, Instance: alarm.OfDocument + hex.EncodeToString(a.Doc[:4]), At: a.At,
		Detail: map[string]string{"reason": "The pump has applied a document that this server did not send. Acknowledging this, with what was found, ends it.", "document": fmt.Sprintf("%x", a.Doc)},
		Actor:  auth.System("dosing"), Link: a.Pump.Link, Evidence: a.Envelope,
	})
	return err
}

// StatedTx takes what a pump says of itself, in the transaction that stores it
// (telemetry.Options.Stated).
func (s *Service) StatedTx(ctx context.Context, tx *postgres.Tx, said telemetry.Statement) error {
	pump, st := said.Pump, said.State
	if err := s.bedside(ctx, tx, &said); err != nil { // locks orders, which comes before pumps
		return err
	}
	if err := s.Libraries.StatedTx(ctx, tx, pump.ID, pump.Site, st.Library, said.At); err != nil {
		return err
	}
	if err := s.libraryTaken(ctx, tx, pump, st.Library); err != nil {
		return err
	}
	return s.told(ctx, tx, pump, st.Report, st.StateHash, said.At)
}

// told keeps what a pump runs. A change of it raises the facts of the patient; what
// differs from what our last order left is drift.
func (s *Service) told(ctx context.Context, tx *postgres.Tx, pump registry.PumpRef, report, state []byte, at time.Time) error {
	if len(state) != len(order.Digest{}) {
		return nil
	}
	foreign := false
	if report != nil {
		r, err := order.DecodeReport(report)
		if err != nil || r.State.Hash() != order.Digest(state) {
			s.Log.Warn("what a pump says of itself cannot be read, or is not what it runs", "pump", pump.ID, "error", err)
			report = nil
		}
		foreign = r.Foreign
	}
	changed, first, err := savePump(ctx, tx, pump.ID, report, state, foreign, at)
	if err != nil || !changed {
		return err
	}
	if !first {
		if err := registry.RaiseFacts(ctx, tx, pump.ID); err != nil {
			return err
		}
	}
	tx.OnCommit(func() { s.doubt(pump.ID) })
	return nil
}
