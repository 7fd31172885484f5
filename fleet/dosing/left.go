package dosing

import (
	"context"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/fleet/refusal"
)

// rebridge computes, for a new program while a bridge runs, the bridge for what is
// left of it. How much that is only the pump knows; this is what follows from the
// order that began it and from the time since, and the signers see it.
func (s *Service) rebridge(ctx context.Context, w *Wish, sit *situation) error {
	o, l, found, err := lastBridge(ctx, s.DB, sit.pump.ID)
	if err != nil {
		return err
	}
	unknown := refusal.Conflict(refusal.Bridge, "A bridge runs in pump %s that no order of this server began. Wait until it has ended, then propose the program.", sit.pump.Serial)
	if !found {
		return unknown
	}
	p, err := o.prescription()
	if err != nil {
		return err
	}
	if stopped, err := stoppedSince(ctx, s.DB, sit.pump.ID, l.AnsweredAt); err != nil {
		return err
	} else if stopped {
		return refusal.Conflict(refusal.Bridge, "Pump %s was stopped while its bridge ran, so that nobody here knows how much of the old fluid is left. Wait until the bridge has ended, then propose the program.", sit.pump.Serial)
	}
	bridge, prime, checks := p.Bridge, (*dose.Dose)(nil), p.Checks
	if v := p.Visit; v != nil {
		r, err := order.DecodeRelease(l.Document)
		if err != nil {
			return err
		}
		b := &v.Planned
		if r.Branch == order.BranchSame {
			b = &v.Same
		}
		bridge, prime, checks = b.Bridge, b.Prime, b.Checks
	}
	if bridge == nil {
		return unknown
	}
	gone := units.Seconds(s.Now().Sub(l.AnsweredAt).Seconds())
	if prime != nil {
		gone -= prime.Duration
	}
	gone = min(max(gone, 0), bridge.Duration)
	given, err := bridge.Volume.Part(gone, bridge.Duration, units.Floor)
	if err != nil {
		return err
	}
	old := dose.Contents{Route: sit.view.State.Contents.Route}
	for _, c := range checks {
		if c.Bridge == 0 {
			continue
		}
		conc, err := units.MulDiv(int64(c.Bridge), int64(units.Millilitre), int64(bridge.Volume), units.Nearest)
		if err != nil {
			return err
		}
		old.Ingredients = append(old.Ingredients, dose.Ingredient{Code: c.Code, Conc: units.Conc(conc)})
	}
	b, err := sit.bridging(max(bridge.Volume-given, 1), old, w.Program, sit.view.State.Contents, 0, 0)
	if err != nil {
		return err
	}
	sit.bridge = &b
	return nil
}
