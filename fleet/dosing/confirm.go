package dosing

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/telemetry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// contradiction is what a pump says of itself against its word that it applied an order.
type contradiction int

// The contradictions.
const (
	Agrees contradiction = iota
	AnotherProgram
	NotInfusing
)

func (c contradiction) words(run wire.RunState) string {
	switch c {
	case AnotherProgram:
		return "the pump says applied, and reads back another program"
	case NotInfusing:
		return "the pump says applied, and does not infuse: it is " + run.String()
	case Agrees:
	}
	return ""
}

// Contradicted reports whether the pump says that it applied the order while what it says
// of itself contradicts that. Detail says how.
func (o *Order) Contradicted() bool { return o.State == Received && o.Code == order.Applied }

// wanted is what a pump is to say of itself once it has applied an order: the program,
// nil for any, and whether it infuses.
type wanted struct {
	program *dose.Program
	runs    bool
}

// wants returns what an order, by the release that was answered, has a pump say.
func (s *Service) wants(o *Order, l *Letter) (wanted, error) {
	p, err := o.prescription()
	if err != nil {
		return wanted{}, err
	}
	return wantedOf(&p, l)
}

func wantedOf(p *order.Prescription, l *Letter) (w wanted, err error) {
	switch p.Act {
	case order.ActProgram, order.ActErase:
		w.program = p.Program
	case order.ActVisit:
		r, err := order.DecodeRelease(l.Document)
		if err != nil {
			return w, err
		}
		w.program = &p.Visit.Planned.Program
		if r.Branch == order.BranchSame {
			w.program = &p.Visit.Same.Program
		}
	case order.ActBolus, order.ActPrime, order.ActBind, order.ActSettings, order.ActResume, order.ActAdopt, order.ActTransfer, order.ActClock:
	}
	w.runs = p.Act == order.ActResume || w.program != nil && w.program.Mode != dose.Stopped && w.program.Mode != dose.Minimum
	return w, nil
}

// contradicted compares that with what the pump says.
func (w wanted) contradicted(program []byte, run wire.RunState) contradiction {
	if w.program != nil {
		if hash := w.program.Hash(); !bytes.Equal(hash[:], program) {
			return AnotherProgram
		}
	}
	if w.runs && !infusing(run) {
		return NotInfusing
	}
	return Agrees
}

func (s *Service) incomplete(ctx context.Context, tx *postgres.Tx, o *Order, a *telemetry.Answer) error {
	_, _, err := s.Alarms.RaiseTx(ctx, tx, alarm.Raise{
		Pump: o.Pump, Site: o.Site, Code: "UPDATE_INCOMPLETE", Source: alarm.SourceServer, Instance: object("order", o.ID), At: a.At,
		Detail: map[string]string{"reason": o.Detail, "order": fmt.Sprint(o.ID)}, Actor: auth.System("dosing"), Link: a.Pump.Link, Evidence: a.Envelope,
	})
	return err
}

// saysWhatRuns reports whether an act says what the pump runs from then on.
func saysWhatRuns(a order.Act) bool {
	switch a {
	case order.ActProgram, order.ActVisit, order.ActResume, order.ActErase, order.ActAdopt:
		return true
	case order.ActBolus, order.ActPrime, order.ActBind, order.ActSettings, order.ActTransfer, order.ActClock:
	}
	return false
}

// complete ends what incomplete has raised for a pump, and the orders that it was raised
// for: an order that says what the pump runs was applied and read back.
func (s *Service) complete(ctx context.Context, tx *postgres.Tx, o *Order) error {
	if !saysWhatRuns(o.Act) {
		return nil
	}
	others, err := contradicted(ctx, tx, o.Pump)
	if err != nil {
		return err
	}
	for _, id := range others {
		if id == o.ID {
			continue
		}
		other, err := lockOrder(ctx, tx, id)
		if err != nil {
			return err
		}
		if !other.Contradicted() {
			continue
		}
		was, note := other.State, fmt.Sprintf("%s; order %d was applied since", other.Detail, o.ID)
		other.State, other.Detail = Superseded, note
		if err := s.finish(ctx, tx, auth.System("dosing"), &other, was, audit.Entry{Kind: "order.supersede", OldHash: other.Hash[:], Reason: note}, note); err != nil {
			return err
		}
	}
	return s.Alarms.OverTx(ctx, tx, auth.System("dosing"), o.Pump, "UPDATE_INCOMPLETE", fmt.Sprintf("order %d was applied and read back", o.ID))
}

// confirm ends orders whose answer was contradicted, once their pump's later report
// agrees.
func (s *Service) confirm(ctx context.Context) error {
	all, err := contradicted(ctx, s.DB, 0)
	if err != nil {
		return err
	}
	for _, id := range all {
		o, err := readOrder(ctx, s.DB, id)
		if err != nil {
			return err
		}
		letters, err := readLetters(ctx, s.DB, 0, id)
		if err != nil {
			return err
		}
		told, _, err := s.Telemetry.State(ctx, o.Pump)
		if err != nil {
			return err
		}
		for i := range letters {
			if l := &letters[i]; l.Kind == Release && l.State == LetterApplied {
				err = s.confirmed(ctx, &o, l, &told)
				break
			}
		}
		if err != nil && !errors.Is(err, errMoved) {
			return fmt.Errorf("order %d: %w", id, err)
		}
	}
	return nil
}

func (s *Service) confirmed(ctx context.Context, o *Order, l *Letter, told *telemetry.State) error {
	w, err := s.wants(o, l)
	if err != nil || !heardAt(told).After(l.AnsweredAt) || w.contradicted(told.ProgramHash, told.Run) != Agrees {
		return err
	}
	_, err = s.change(ctx, auth.System("dosing"), o.ID, func(tx *postgres.Tx, o *Order) (audit.Entry, string, error) {
		if !o.Contradicted() {
			return audit.Entry{}, "", errMoved
		}
		row, _, err := lockPump(ctx, tx, o.Pump)
		if err != nil {
			return audit.Entry{}, "", err
		}
		if r, err := order.DecodeReport(row.Report); err == nil && bytes.Equal(row.StateHash, told.StateHash) && !row.Foreign {
			if ours, err := follows(ctx, tx, o, &r); err != nil {
				return audit.Entry{}, "", err
			} else if ours {
				if err := setDesired(ctx, tx, o.Pump, row.StateHash, o.ID); err != nil {
					return audit.Entry{}, "", err
				}
			}
		}
		if err := s.complete(ctx, tx, o); err != nil {
			return audit.Entry{}, "", err
		}
		o.State, o.Detail = Applied, ""
		return audit.Entry{Kind: "order.applied", NewHash: told.StateHash, OldHash: o.Hash[:]}, "the pump's later report agrees: " + told.Run.String(), nil
	})
	return err
}
