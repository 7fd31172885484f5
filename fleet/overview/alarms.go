package overview

import (
	"context"

	"cisterna/fleet/alarm"
	"cisterna/internal/auth"
)

// AlarmRow is an alarm with what its pump is called and whom that is in.
type AlarmRow struct {
	alarm.Alarm
	Serial, Label string
	// Patient is the reference of the patient whom the pump is in; "" if in none. An alarm
	// that was over before is not theirs: it has none.
	Patient string
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

// AlarmRow names the pump of an alarm and whom it is in, from memory.
func (s *Service) AlarmRow(a alarm.Alarm) AlarmRow {
	ref, _ := s.Registry.Directory().ByID(a.Pump)
	return AlarmRow{Alarm: a, Serial: ref.Serial, Label: ref.Label, Patient: s.board.patientOf(a)}
}

func (b *Board) patientOf(a alarm.Alarm) string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	e := b.rows[a.Pump]
	if e == nil || !a.State.Open() && a.ClearedAt.Before(e.PatientSince) {
		return ""
	}
	return e.Patient
}
