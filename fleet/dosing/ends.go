package dosing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/keyset"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// ending is what is to be said of a keyset that comes to its end.
type ending struct {
	priority wire.Priority
	detail   map[string]string
}

// endingOf returns what is to be said of a pump's keyset, nil while its end is far
// (DESIGN.md 5: 45, 21 and 7 days).
func endingOf(version uint64, expires, now time.Time) *ending {
	priority, near := map[keyset.Stage]wire.Priority{keyset.Notice: wire.PriorityLow, keyset.Urgent: wire.PriorityMedium, keyset.Grave: wire.PriorityHigh}[keyset.StageOf(expires, now)]
	if !near {
		return nil
	}
	return &ending{priority, map[string]string{"keyset": fmt.Sprint(version), "until": expires.Format(time.DateOnly)}}
}

// said reports whether an alarm that stands says the same already: each hour in which
// it is said again is an entry of the record.
func (e *ending) said(a *alarm.Alarm) bool {
	return a != nil && a.Priority == e.priority && maps.Equal(a.Detail, e.detail)
}

// keysets raises the alarm that a pump's keyset comes to its end, and clears it once
// the pump has a newer one.
func (s *Service) keysets(ctx context.Context) error {
	open, err := s.Alarms.Open(ctx, nil)
	if err != nil {
		return err
	}
	stands := map[int64]*alarm.Alarm{} // by pump
	for i := range open {
		if a := &open[i]; a.Code == "KEYSET_ENDS" && a.Source == alarm.SourceServer {
			stands[a.Pump] = a
		}
	}
	system, now := auth.System("dosing"), s.Now()
	var errs []error
	for p := range s.Registry.Directory().All() {
		if p.Status != registry.Active {
			continue
		}
		st, ok, err := s.Telemetry.State(ctx, p.ID)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		held, known := s.Keysets.Held(st.Keyset)
		if !ok || !known {
			continue
		}
		was, e := stands[p.ID], endingOf(st.Keyset, unix(held.Expires), now)
		switch {
		case e == nil && was != nil:
			err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
				_, err := s.Alarms.ClearTx(ctx, tx, alarm.Clear{Pump: p.ID, Site: p.Site, Code: "KEYSET_ENDS", Source: alarm.SourceServer, At: now, Actor: system})
				return err
			})
		case e != nil && !e.said(was):
			err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
				_, _, err := s.Alarms.RaiseTx(ctx, tx, alarm.Raise{
					Pump: p.ID, Site: p.Site, Code: "KEYSET_ENDS", Source: alarm.SourceServer, Priority: e.priority, At: now, Actor: system, Detail: e.detail,
				})
				return err
			})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("keyset of pump %d: %w", p.ID, err))
		}
	}
	return errors.Join(errs...)
}
