package overview

import (
	"context"
	"fmt"
	"time"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// Detail is a pump's page.
type Detail struct {
	Row
	Pump          registry.Pump
	Pairings      []registry.Pairing     // communicators, oldest first; the last may be open
	Communicator  *registry.Communicator // paired today, nil if none
	Certificates  []registry.Certificate // newest first
	ProfileDoc    *profile.Profile       // nil if its id is not known here
	State         *telemetry.State       // what the pump last said of itself, nil if it never did
	Program       *dose.Program          // of its last hello, nil if none or not readable here
	Contents      *dose.Contents         // the same
	Sample        *telemetry.Sample      // nil if none
	Cursors       []telemetry.Cursor
	Gaps          []telemetry.Gap // newest first, the first few
	Refusals      map[string]int64
	RefusalsTotal int64 // of all time kept
	Presence      []telemetry.PresenceChange
	Sessions      []telemetry.Session
	PatientID     int64             // of the patient that it is in, 0 if none
	Explant       *registry.Explant // nil: not taken out
	Chain         []registry.Link   // of replacements, oldest first
	Claims        []registry.ClaimState
}

// How much of each list a pump's page starts with.
const detailList = 20

// Detail returns a pump's page. Errors: NotFound.
func (s *Service) Detail(ctx context.Context, scope auth.Scope, id int64) (Detail, error) {
	row, ok := s.board.Row(scope, id)
	if !ok {
		// Registered a moment ago, perhaps: the registry knows, and says who may
		// not see it.
		if _, err := s.Registry.Pump(ctx, scope, id); err != nil {
			return Detail{}, err
		}
		rows, err := s.readRows(ctx, []int64{id})
		if err != nil {
			return Detail{}, err
		}
		if len(rows) != 1 || !scope.Allows(rows[0].Site) {
			return Detail{}, errs.NotFoundf("There is no such pump.")
		}
		row = rows[0]
	}
	d := Detail{Row: row}
	if err := s.fill(ctx, scope, &d); err != nil {
		return Detail{}, fmt.Errorf("read pump %d: %w", id, err)
	}
	return d, nil
}

func (s *Service) fill(ctx context.Context, scope auth.Scope, d *Detail) (err error) {
	id := d.ID
	if d.Pump, err = s.Registry.Pump(ctx, scope, id); err != nil {
		return err
	}
	if d.Pairings, err = s.Registry.Pairings(ctx, scope, id); err != nil {
		return err
	}
	if d.Certificates, err = s.Registry.ListCertificates(ctx, scope, id); err != nil {
		return err
	}
	if d.Pump.Link != "" {
		c, err := s.Registry.Communicator(ctx, scope, d.Pump.Link)
		if err != nil {
			return err
		}
		d.Communicator = &c
	}
	if p, ok := s.Profile(d.Pump.Profile); ok {
		d.ProfileDoc = p
	}
	st, ok, err := s.Telemetry.State(ctx, id)
	if err != nil {
		return err
	}
	if ok {
		d.State = &st
		if p, err := dose.DecodeProgram(st.Program); err == nil {
			d.Program = &p
		}
		if c, err := dose.DecodeContents(st.Contents); err == nil {
			d.Contents = &c
		}
	}
	v, ok, err := s.Telemetry.Latest(ctx, id)
	if err != nil {
		return err
	}
	if ok {
		d.Sample = &v
	}
	if err := s.fillLife(ctx, scope, d); err != nil {
		return err
	}
	return s.fillHistory(ctx, d)
}

func (s *Service) fillLife(ctx context.Context, scope auth.Scope, d *Detail) (err error) {
	if d.PatientID, d.Row.Patient, err = s.Registry.PatientOf(ctx, scope, d.ID); err != nil {
		return err
	}
	if d.Chain, err = s.Registry.Chain(ctx, scope, d.ID); err != nil {
		return err
	}
	if d.Claims, err = s.Registry.Claims(ctx, scope, d.ID); err != nil {
		return err
	}
	e, out, err := s.Registry.ExplantOf(ctx, scope, d.ID)
	if out {
		d.Explant = &e
	}
	return err
}

func (s *Service) fillHistory(ctx context.Context, d *Detail) (err error) {
	id := d.ID
	if d.Cursors, err = s.Telemetry.CursorsOf(ctx, id); err != nil {
		return err
	}
	if d.Gaps, err = s.Telemetry.GapsOf(ctx, id, telemetry.Mark{}, detailList); err != nil {
		return err
	}
	if d.Refusals, err = s.Telemetry.RefusalCounts(ctx, id, time.Unix(0, 0)); err != nil {
		return err
	}
	for _, n := range d.Refusals {
		d.RefusalsTotal += n
	}
	if d.Presence, err = s.Telemetry.PresenceOf(ctx, id, telemetry.Mark{}, detailList); err != nil {
		return err
	}
	d.Sessions, err = s.Telemetry.SessionsOf(ctx, id, detailList)
	return err
}
