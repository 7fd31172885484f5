package overview

import (
	"context"

	"cisterna/fleet/alarm"
	"cisterna/internal/auth"
)

// AlarmRow is an alarm with what its pump is called.
type AlarmRow struct {
	alarm.Alarm
	Serial, Label string
}

// Alarms lists alarms like [alarm.Service.List], with what their pumps are
// called.
func (s *Service) Alarms(ctx context.Context, scope auth.Scope, f alarm.Filter) ([]AlarmRow, error) {
	list, err := s.Options.Alarms.List(ctx, scope, f)
	if err != nil {
		return nil, err
	}
	rows := make([]AlarmRow, len(list))
	for i, a := range list {
		rows[i] = s.AlarmRow(a)
	}
	return rows, nil
}

// AlarmRow names the pump of an alarm, from memory.
func (s *Service) AlarmRow(a alarm.Alarm) AlarmRow {
	ref, _ := s.Registry.Directory().ByID(a.Pump)
	return AlarmRow{Alarm: a, Serial: ref.Serial, Label: ref.Label}
}
