package dosing

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"cisterna/device/order"
	"cisterna/fleet/alarm"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// unfit are the alarms that what a pump runs is not as the active library has it.
var unfit = []string{"HARD_LIMIT", "DRUG_NOT_IN_LIB"}

// alarmOf returns which of them a refusal is.
func alarmOf(c order.Code) string {
	if c == order.ErrLibrary {
		return "DRUG_NOT_IN_LIB"
	}
	return "HARD_LIMIT"
}

// WatchFleet compares what pumps run with the drug library, and looks at the ends of
// their keysets, until ctx ends. All of the comparing is done here, one after the other,
// so that none raises an alarm by what a later one knows to be over.
func (s *Service) WatchFleet(ctx context.Context) error {
	hour := time.NewTicker(time.Hour)
	defer hour.Stop()
	drugs := s.Libraries.Events().Subscribe(16)
	defer drugs.Close()
	everyPump := func(ctx context.Context) error { return s.refit(ctx, 0) }
	s.try(ctx, s.keysets)
	s.try(ctx, everyPump)
	for {
		select {
		case <-ctx.Done():
			return nil
		case pump := <-s.refits:
			s.try(ctx, func(ctx context.Context) error { return s.refit(ctx, pump) })
		case <-drugs.Wake():
			drugs.Take()
			s.try(ctx, everyPump)
		case <-hour.C:
			s.try(ctx, s.keysets)
			s.try(ctx, everyPump)
		}
	}
}

// refit compares what a pump runs, every pump for 0, with the active library. It raises
// the alarm that the program is not within it, and ends that one when the pump runs
// another program or a later version allows it. No library stops a program. A pump of
// which that cannot be said keeps no other from its alarm.
func (s *Service) refit(ctx context.Context, pump int64) error {
	lib := s.Libraries.Current()
	all, err := s.fits(ctx, auth.Scope{All: true}, pump, &lib.Library)
	if err != nil {
		return err
	}
	var pumps []int64
	if pump != 0 {
		pumps = []int64{pump}
	}
	open, err := s.Alarms.Open(ctx, pumps)
	if err != nil {
		return err
	}
	said := map[int64]map[string]string{} // by pump and code, why
	for i := range open {
		if a := &open[i]; a.Source == alarm.SourceServer && a.Instance == "" {
			if said[a.Pump] == nil {
				said[a.Pump] = map[string]string{}
			}
			said[a.Pump][a.Code] = a.Detail["reason"]
		}
	}
	var errs []error
	for _, f := range all {
		if f.why != "" || f.pump.Status != registry.Active {
			continue // nothing is known of it that would end an alarm
		}
		if err := s.tellFit(ctx, &f, lib.Version, said[f.pump.ID]); err != nil {
			errs = append(errs, fmt.Errorf("library %d and pump %d: %w", lib.Version, f.pump.ID, err))
		}
	}
	return errors.Join(errs...)
}

// tellFit raises and ends the alarms of one pump, where what was said is another thing.
func (s *Service) tellFit(ctx context.Context, f *fit, version uint64, said map[string]string) error {
	p, system, now := &f.pump, auth.System("dosing"), s.Now()
	code, reason := "", ""
	if f.bad != nil {
		code, reason = alarmOf(f.bad.Code), "What it runs is not within the drug library: "+f.bad.Detail+". It runs on: no library stops a program. Propose one that the library allows, or have the library changed."
	}
	for _, c := range unfit {
		was, open := said[c]
		if c == code && open && was == reason || c != code && !open {
			continue
		}
		err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
			if c != code {
				_, err := s.Alarms.ClearTx(ctx, tx, alarm.Clear{Pump: p.ID, Site: p.Site, Code: c, Source: alarm.SourceServer, At: now, Actor: system})
				return err
			}
			_, _, err := s.Alarms.RaiseTx(ctx, tx, alarm.Raise{
				Pump: p.ID, Site: p.Site, Code: c, Source: alarm.SourceServer, At: now, Actor: system,
				Detail: map[string]string{"reason": reason, "library": strconv.FormatUint(version, 10)},
			})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
