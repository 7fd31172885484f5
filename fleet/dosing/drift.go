package dosing

import (
	"context"
	"errors"
	"fmt"

	"cisterna/device/order"
	"cisterna/fleet/alarm"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// drifts reports whether a pump runs something that no order of ours left it with: its
// state is another, or another programmer has changed what it runs and nobody has
// adopted that.
func (p *pumpRow) drifts() bool {
	return p.Foreign || p.Desired != nil && string(p.Desired) != string(p.StateHash)
}

// leaves reports whether the state that an answer says is what the order, or the stop,
// left the pump with. It is not if a program of somebody else's runs on: settings, a stop
// or a clock adopt nothing. Nor is it if the answer is the repetition of an earlier one,
// and something was changed since; every change but a bolus raises the gen by one
// (ORDERS.md, State hash, counters, windows). o is nil for a stop.
func (s *Service) leaves(ctx context.Context, tx *postgres.Tx, l *Letter, o *Order, a *telemetry.Answer) (bool, error) {
	row, _, err := readPump(ctx, tx, a.Pump.ID)
	if err != nil || row.Foreign {
		return false, err
	}
	now, err := order.DecodeReport(a.Report)
	if err != nil {
		return true, nil // an answer without a report; told has looked at it
	}
	if o == nil {
		return now.Own == nil || now.Own.Gen == now.State.Gen, nil
	}
	w, err := s.wants(o, l)
	if err != nil || w.contradicted(a.ProgramHash, a.Run) == AnotherProgram {
		return false, err
	}
	return follows(ctx, tx, o, &now)
}

// follows reports whether a report is of the state right after an order, by the report
// that its signers saw.
func follows(ctx context.Context, q queryer, o *Order, now *order.Report) (bool, error) {
	kept, err := readReport(ctx, q, o.ID)
	if err != nil || kept == nil {
		return err == nil, err
	}
	was, err := order.DecodeReport(kept)
	if err != nil {
		return false, fmt.Errorf("the report kept with order %d: %w", o.ID, err)
	}
	if o.Act == order.ActBolus {
		return now.State.Gen == was.State.Gen, nil
	}
	return now.State.Gen == was.State.Gen+1, nil
}

// drifts raises and clears the alarm that a pump drifts. A pump that was sent something
// is given the time to answer.
func (s *Service) drifts(ctx context.Context) error {
	pumps, err := drifting(ctx, s.DB)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range pumps {
		p, ok := s.Registry.Directory().ByID(id)
		if !ok {
			continue
		}
		err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
			row, found, err := lockPump(ctx, tx, id)
			if err != nil || !found || row.drifts() == row.Drift {
				return err // it was told of already
			}
			if err := setDrift(ctx, tx, id, row.drifts()); err != nil {
				return err
			}
			if !row.drifts() {
				_, err := s.Alarms.ClearTx(ctx, tx, alarm.Clear{Pump: p.ID, Site: p.Site, Code: "PROGRAM_DRIFT", Source: alarm.SourceServer, At: s.Now(), Actor: auth.System("dosing")})
				return err
			}
			detail := map[string]string{"runs": order.Digest(row.StateHash).Short()}
			if row.Desired != nil {
				detail["ordered"], detail["order"] = order.Digest(row.Desired).Short(), fmt.Sprint(row.DesiredBy)
			}
			if row.Foreign {
				detail["reason"] = "another programmer has changed what it runs, and nobody has adopted that"
			}
			_, _, err = s.Alarms.RaiseTx(ctx, tx, alarm.Raise{
				Pump: p.ID, Site: p.Site, Code: "PROGRAM_DRIFT", Source: alarm.SourceServer, At: s.Now(), Actor: auth.System("dosing"), Detail: detail,
			})
			return err
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("drift of pump %d: %w", id, err))
		}
	}
	return errors.Join(errs...)
}
