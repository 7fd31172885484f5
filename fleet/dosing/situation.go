package dosing

import (
	"context"
	"errors"
	"time"

	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// situation is what an order is judged by: a pump as it last said that it is, its
// patient as the registry knows them, and whose signatures count.
type situation struct {
	pump    registry.Pump
	patient registry.Patient // ID 0: nobody; of a bind, whom it names
	bound   string           // token of whom the register has the pump in
	profile *profile.Profile
	told    telemetry.State
	report  order.Report
	at      time.Time // of the report
	keyset  *order.Keyset
	view    order.View
	bridge  *Bridging // computed for a program while a bridge runs
}

// read returns the situation of a pump that the actor may see. A pump that never
// said what it is, or runs something else than it has described, is a Conflict.
func (s *Service) read(ctx context.Context, scope auth.Scope, pump int64) (*situation, error) {
	sit := &situation{}
	var err error
	if sit.pump, err = s.Registry.Pump(ctx, scope, pump); err != nil {
		return nil, err
	}
	if sit.pump.Status == registry.Manual {
		return nil, refusal.Conflict(refusal.Manual, "Pump %s has no link: people program it, and no order reaches it.", sit.pump.Serial)
	}
	if sit.pump.Status != registry.Active {
		return nil, refusal.Conflict(refusal.Status, "Pump %s is %s. Only an active pump takes orders.", sit.pump.Serial, sit.pump.Status)
	}
	if sit.patient, _, err = s.Registry.BoundPatient(ctx, pump); err != nil {
		return nil, err
	}
	sit.bound = sit.patient.Token
	var ok bool
	if sit.profile, ok = s.Profile(sit.pump.Profile); !ok {
		return nil, refusal.Conflict(refusal.Profile, "The device profile %s of pump %s is not known here.", sit.pump.Profile, sit.pump.Serial)
	}
	if sit.told, ok, err = s.Telemetry.State(ctx, pump); err != nil {
		return nil, err
	}
	row, found, err := readPump(ctx, s.DB, pump)
	if err != nil {
		return nil, err
	}
	if !ok || !found || row.Report == nil {
		return nil, refusal.New(errs.Conflict, refusal.Unknown, "Pump %s has not said yet what it runs. Wait for it to connect.", sit.pump.Serial)
	}
	if sit.report, err = order.DecodeReport(row.Report); err != nil {
		return nil, refusal.Wrap(errs.Conflict, refusal.Report, err, "What pump %s says of itself cannot be read.", sit.pump.Serial)
	}
	if sit.report.State.Hash() != order.Digest(row.StateHash) {
		return nil, refusal.New(errs.Conflict, refusal.Unknown, "Pump %s runs something else since it last described itself. Wait for its next report.", sit.pump.Serial)
	}
	sit.at = row.ReportedAt
	sit.keyset = &s.Keysets.Current().Keyset
	return sit, s.fill(sit)
}

// fill makes the view by which the pump would judge an order now.
func (s *Service) fill(sit *situation) error {
	v := sit.report.View()
	v.Pump, v.Serial = order.Digest(sit.pump.Key.Hash()), sit.pump.Serial
	v.Root, v.Keyset = s.Root, *sit.keyset
	v.Range = sit.profile.Range
	v.Rule = order.ReservoirRule{Capacity: sit.profile.Reservoir.Capacity, LowMin: sit.profile.Reservoir.LowMin, LowMax: sit.profile.Reservoir.LowMax}
	lib, ok := s.Libraries.ByHash(sit.told.Library)
	if !ok {
		return refusal.New(errs.Conflict, order.ErrLibrary, "Pump %s has a drug library that is not known here. It is sent the current one when it connects.", sit.pump.Serial)
	}
	v.Library = order.Held{Hash: lib.Hash, Library: lib.Library}
	if before, ok := s.Libraries.Before(lib); ok {
		v.Before = order.Held{Hash: before.Hash, Library: before.Library}
	}
	v.Now, v.Mono = s.Now().Unix(), sit.told.Mono
	if len(sit.told.Window) == len(order.ID{}) {
		v.Windows = order.Windows{{Nonce: order.ID(sit.told.Window), Born: sit.told.Mono}}
	}
	v.Memory.Counter, v.Memory.Stops = sit.told.Counter, sit.told.StopCounter
	sit.view = v
	return nil
}

// examine checks a prescription as the pump would, but for signatures, and says
// how many people it needs.
func (sit *situation) examine(p *order.Prescription, proposer string) Finding {
	f := order.Examine(p, &sit.view)
	out := Finding{Class: f.Class, People: int(f.Policy.People), Meanings: f.Policy.Meanings, Refusals: append(f.Refusals, sit.priming(p)...)}
	if f.Effect != nil {
		out.Increase = f.Effect.Increase
	}
	if p.Act == order.ActResume && sit.undoes(proposer) {
		// Whoever stopped it undoes it alone; who approves is not known before.
		for _, pol := range sit.keyset.Policies {
			if pol.Class == order.ClassOne && (pol.Act == p.Act || pol.Act == 0) {
				out.Class, out.People, out.Meanings = order.ClassOne, int(pol.People), pol.Meanings
				break
			}
		}
	}
	return out
}

// undoes reports whether a resume by somebody undoes their own stop.
func (sit *situation) undoes(person string) bool {
	own := sit.report.Own
	return own != nil && own.Person == person && own.Gen == sit.report.State.Gen && sit.report.Run-own.Run <= order.UndoOwnStop
}

// infusing reports whether a run state gives a dose.
func infusing(r wire.RunState) bool {
	return r != wire.Stopped && r != wire.Minimum
}

// refusedByCheck turns a refusal of a pump's check into what a person can act on.
func refusedByCheck(err error) error {
	r, ok := errors.AsType[*order.Refusal](err)
	if !ok {
		return err
	}
	return refusal.Wrap(errs.Conflict, r.Code, err, "%s: %s. %s", r.Code, r.Detail, refusal.Remedy(r.Code))
}
