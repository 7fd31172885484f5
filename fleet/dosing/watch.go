package dosing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// watch says whether somebody still has to learn what became of a stop. Whoever signed
// one takes the patient for safe until they hear otherwise.
type watch string

// The watches.
const (
	settled watch = ""        // the pump does not infuse, or people decided something since
	watched watch = "watched" // nothing is known yet
	failed  watch = "failed"  // STOP_FAILED stands
)

// stopWithin is how long nothing may be known of a stop before it is alarmed.
const stopWithin = time.Minute

// rests reports whether a pump says that it gives no dose and is not meant to. One that a
// fault holds up is meant to: it goes on by itself.
func rests(run wire.RunState, report []byte) bool {
	r, err := order.DecodeReport(report)
	return err == nil && r.State.Run != wire.Infusing && !infusing(run)
}

// fault returns what is to be alarmed of a stop: empty while it may still be in order.
func (l *Letter) fault(now time.Time) string {
	switch {
	case l.State == LetterRefused:
		return "the pump refused the stop: " + string(l.Code) + ". " + refusal.Remedy(l.Code)
	case l.State == LetterApplied:
		return "the pump says that it carried the stop out, and infuses"
	case now.Sub(l.At) >= stopWithin:
		return "the pump has not answered the stop"
	}
	return ""
}

// stopped takes a pump's answer to a stop, once the letter has it.
func (s *Service) stopped(ctx context.Context, tx *postgres.Tx, l *Letter, a *telemetry.Answer) error {
	if rests(a.Run, a.Report) {
		if err := setWatch(ctx, tx, l.ID, settled); err != nil {
			return err
		}
		return s.stopsOver(ctx, tx, a.Pump)
	}
	return s.stopFailed(ctx, tx, l, a.Pump, a.Envelope)
}

// stopFailed raises STOP_FAILED for a stop.
func (s *Service) stopFailed(ctx context.Context, tx *postgres.Tx, l *Letter, p registry.PumpRef, evidence []byte) error {
	if err := setWatch(ctx, tx, l.ID, failed); err != nil {
		return err
	}
	_, _, err := s.Alarms.RaiseTx(ctx, tx, alarm.Raise{
		Pump: p.ID, Site: p.Site, Code: "STOP_FAILED", Source: alarm.SourceServer, At: s.Now(), Actor: auth.System("dosing"), Link: p.Link, Evidence: evidence,
		Detail: map[string]string{"reason": l.fault(s.Now()), "stop": fmt.Sprint(l.ID), "signed_by": l.By.Name},
	})
	return err
}

// stopsOver ends STOP_FAILED of a pump of which no stop has failed any more.
func (s *Service) stopsOver(ctx context.Context, tx *postgres.Tx, p registry.PumpRef) error {
	left, err := anyFailed(ctx, tx, p.ID)
	if err != nil || left {
		return err
	}
	_, err = s.Alarms.ClearTx(ctx, tx, alarm.Clear{Pump: p.ID, Site: p.Site, Code: "STOP_FAILED", Source: alarm.SourceServer, At: s.Now(), Actor: auth.System("dosing")})
	return err
}

// stops looks at the stops of a pump, of all for 0, of which nothing good is known yet.
func (s *Service) stops(ctx context.Context, pump int64) error {
	pumps, err := watchedPumps(ctx, s.DB, pump)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range pumps {
		told, _, err := s.Telemetry.State(ctx, id)
		if err == nil {
			err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error { return s.watchStops(ctx, tx, id, &told) })
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("stops of pump %d: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// heardAt returns when a pump last said what it runs.
func heardAt(told *telemetry.State) time.Time {
	if told.HeartbeatAt.After(told.HelloAt) {
		return told.HeartbeatAt
	}
	return told.HelloAt
}

func (s *Service) watchStops(ctx context.Context, tx *postgres.Tx, pump int64, told *telemetry.State) error {
	p, ok := s.Registry.Directory().ByID(pump)
	gone := !ok || p.Status == registry.Explanted || p.Status == registry.Retired
	letters, err := lockWatched(ctx, tx, pump)
	if err != nil {
		return err
	}
	row, _, err := readPump(ctx, tx, pump)
	if err != nil {
		return err
	}
	// What the heartbeat says of the flow and what the report says of the program are of
	// one moment only if both name the same state.
	still := bytes.Equal(row.StateHash, told.StateHash) && rests(told.Run, row.Report)
	for i := range letters {
		l := &letters[i]
		switch {
		case gone || l.decided || still && heardAt(told).After(l.At):
			err = setWatch(ctx, tx, l.ID, settled)
		case l.watch == watched && l.fault(s.Now()) != "":
			err = s.stopFailed(ctx, tx, &l.Letter, p, nil)
		}
		if err != nil {
			return err
		}
	}
	if !ok {
		return nil
	}
	return s.stopsOver(ctx, tx, p)
}
