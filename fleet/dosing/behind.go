package dosing

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"cisterna/fleet/alarm"
	"cisterna/fleet/library"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// libraryTime is how long a pump may go on with an older library than it could have
// before LIB_STALE. A new one is sent at once to whoever is connected and to others at
// their next hello, and for an implant hours of silence can be normal, so that a day is
// little; it is also the time in which somebody is to look at the alarm
// (reference/domain.md 1.5, which says nothing of the delay). In the field it takes days
// to months, unnoticed (1.6).
const libraryTime = 24 * time.Hour

// libraryLate reports whether somebody is to look why a pump is behind, since a time.
func libraryLate(since, now time.Time) bool { return now.Sub(since) >= libraryTime }

// WatchLibraries raises LIB_STALE of pumps that are left behind, until ctx ends. That a
// pump has taken the library is in its own words and ends the alarm with them
// ([Service.StatedTx]).
func (s *Service) WatchLibraries(ctx context.Context) error {
	hour := time.NewTicker(time.Hour)
	defer hour.Stop()
	for {
		if err := s.leftBehind(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("the libraries of pumps could not be looked at and are again in an hour", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-hour.C:
		}
	}
}

// leftBehind compares the libraries that pumps say they have with the active one. It
// ends alarms too: a pump may have spoken while one was being raised.
func (s *Service) leftBehind(ctx context.Context) error {
	pumps, err := s.Libraries.Pumps(ctx, auth.Scope{All: true})
	if err != nil {
		return err
	}
	open, err := s.Alarms.Open(ctx, nil)
	if err != nil {
		return err
	}
	stands := map[int64]bool{} // by pump
	for i := range open {
		if a := &open[i]; a.Code == "LIB_STALE" && a.Source == alarm.SourceServer {
			stands[a.Pump] = true
		}
	}
	var errs []error
	for _, h := range pumps {
		p, ok := s.Registry.Directory().ByID(h.Pump)
		if !ok || p.Status != registry.Active {
			continue
		}
		var err error
		since, behind := s.Libraries.Behind(h.Hash)
		switch late := behind && libraryLate(since, s.Now()); {
		case late && !stands[p.ID]:
			err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error { return s.libraryStale(ctx, tx, p, &h, since) })
		case !behind && stands[p.ID]:
			err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error { return s.libraryTaken(ctx, tx, p, h.Hash) })
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("library of pump %d: %w", p.ID, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) libraryStale(ctx context.Context, tx *postgres.Tx, p registry.PumpRef, h *library.PumpHolding, since time.Time) error {
	has := "one that is not known here"
	if h.Version != 0 {
		has = strconv.FormatUint(h.Version, 10)
	}
	_, _, err := s.Alarms.RaiseTx(ctx, tx, alarm.Raise{
		Pump: p.ID, Site: p.Site, Code: "LIB_STALE", Source: alarm.SourceServer, At: s.Now(), Actor: auth.System("dosing"), Link: p.Link,
		Detail: map[string]string{
			"library": has, "active_library": strconv.FormatUint(s.Libraries.Current().Version, 10), "since": since.UTC().Format("2006-01-02 15:04 UTC"),
		},
	})
	return err
}

// libraryTaken ends LIB_STALE of a pump that says it has the active library.
func (s *Service) libraryTaken(ctx context.Context, tx *postgres.Tx, p registry.PumpRef, hash []byte) error {
	if _, behind := s.Libraries.Behind(hash); behind {
		return nil
	}
	_, err := s.Alarms.ClearTx(ctx, tx, alarm.Clear{Pump: p.ID, Site: p.Site, Code: "LIB_STALE", Source: alarm.SourceServer, At: s.Now(), Actor: auth.System("dosing"), Link: p.Link})
	return err
}
