package registry

import (
	"context"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// What a pump says that it has obeyed changes whom it belongs to. The pump is the
// authority: what it says is written down, whatever was known here before. Both
// functions run in the transaction that stores the pump's signed answer.

// BoundTx notes that a pump is in a patient now. A binding that contradicts it ends.
func (s *Service) BoundTx(ctx context.Context, tx *postgres.Tx, actor auth.Actor, pump, patient int64, why string) error {
	if _, err := lockPump(ctx, tx, pump); err != nil {
		return err
	}
	p, err := lockPatient(ctx, tx, patient)
	if err != nil || p.Pump == pump {
		return err
	}
	now := s.Now()
	if p.Pump != 0 {
		if err := endBinding(ctx, tx, p.Pump, why, now); err != nil {
			return err
		}
		s.rebound(tx, p.Pump)
	}
	s.rebound(tx, pump)
	if err := endBinding(ctx, tx, pump, why, now); err != nil {
		return err
	}
	if err := fulfil(ctx, tx, patient, pump); err != nil && errs.KindOf(err) != errs.Conflict {
		return err // a replacement that was meant for somebody else stays pending, and is seen so
	}
	if err := insertBinding(ctx, tx, patient, pump, why, now); err != nil {
		return err
	}
	if err := raisePatient(ctx, tx, patient); err != nil {
		return err
	}
	return audit.Append(ctx, tx, audit.Entry{Kind: "patient.bind", Actor: actor.String(), Object: object("patient", patient), Site: p.Site, Pump: pump, Reason: why})
}

// TransferredTx notes that a pump belongs to another site now. Its patient and its
// communicator go with it; asset numbers are a house's own, and stay behind. What
// others keep of the pump follows through Options.Moved.
func (s *Service) TransferredTx(ctx context.Context, tx *postgres.Tx, actor auth.Actor, pump, site int64, why string) error {
	p, err := lockPump(ctx, tx, pump)
	if err != nil || p.Site == site {
		return err
	}
	if err := siteExists(ctx, tx, site); err != nil {
		return err
	}
	if err := movePump(ctx, tx, p, site); err != nil {
		return err
	}
	if s.Moved != nil {
		if err := s.Moved(ctx, tx, actor, p, site); err != nil {
			return err
		}
	}
	if err := s.changed(ctx, tx, pump); err != nil {
		return err
	}
	payload := map[string]int64{"from": p.Site, "to": site}
	for _, at := range [...]int64{p.Site, site} { // both houses have it in their record
		if err := audit.Append(ctx, tx, audit.Entry{Kind: "pump.transfer", Actor: actor.String(), Object: object("pump", pump), Site: at, Pump: pump, Reason: why, Payload: payload}); err != nil {
			return err
		}
	}
	return nil
}
