package manual

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/profile"
	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Service keeps readings. It is safe for concurrent use.
type Service struct {
	db      *sqlx.DB
	reg     *registry.Service
	profile func(id string) (*profile.Profile, bool)
	now     func() time.Time
}

// NewService returns a service on db. profiles returns a device profile by its
// id.
func NewService(db *sqlx.DB, reg *registry.Service, profiles func(id string) (*profile.Profile, bool), now func() time.Time) *Service {
	return &Service{db: db, reg: reg, profile: profiles, now: now}
}

// readers may record what they read off a pump.
var readers = []auth.Role{auth.Engineer, auth.Prescriber, auth.Verifier, auth.Nurse}

// Record keeps a reading. Errors: Invalid (names the field), Denied, NotFound,
// Conflict if the pump is out of service.
func (s *Service) Record(ctx context.Context, actor auth.Actor, n New) (Reading, error) {
	n.Reason = ""
	return s.record(ctx, actor, n, 0)
}

// Correct keeps a reading in place of an earlier one of the same pump, which was
// wrong, and says why. Errors: those of Record, and Conflict if the earlier one
// was corrected already.
func (s *Service) Correct(ctx context.Context, actor auth.Actor, pump, wrong int64, n New) (Reading, error) {
	var err error
	if n.Reason, err = registry.Text("reason", n.Reason, 300, true); err != nil {
		return Reading{}, err
	}
	n.Pump = pump
	return s.record(ctx, actor, n, wrong)
}

func (s *Service) record(ctx context.Context, actor auth.Actor, n New, wrong int64) (Reading, error) {
	var out Reading
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		r, err := s.store(ctx, tx, actor, n, wrong, false)
		if err != nil {
			return err
		}
		out = r
		return audit.Append(ctx, tx, leaf(actor, r, ""))
	})
	if err != nil {
		return Reading{}, err
	}
	return out, nil
}

// store checks and stores a reading, without its leaf.
func (s *Service) store(ctx context.Context, tx *postgres.Tx, actor auth.Actor, n New, wrong int64, imported bool) (Reading, error) {
	p, err := registry.LockPump(ctx, tx, actor, n.Pump, readers...)
	if err != nil {
		return Reading{}, err
	}
	if p.Status == registry.Retired {
		return Reading{}, errs.Conflictf("Pump %s is out of service.", p.Serial)
	}
	model, _ := s.profile(p.Profile)
	if n, err = n.check(s.now(), model); err != nil {
		return Reading{}, err
	}
	r := Reading{New: n, Site: p.Site, Supersedes: wrong, Imported: imported, RecordedAt: s.now(), RecordedBy: actor.String(), RecordedName: actor.Name}
	if wrong != 0 {
		if err := correctable(ctx, tx, n.Pump, wrong); err != nil {
			return Reading{}, err
		}
	}
	r.ID, err = insert(ctx, tx, r)
	return r, err
}

// leaf is what the record keeps of a reading: all of it, as a payload, because it
// is about a patient.
func leaf(actor auth.Actor, r Reading, why string) audit.Entry {
	kind := "reading.record"
	if r.Supersedes != 0 {
		kind, why = "reading.correct", r.Reason
	}
	return audit.Entry{
		Kind: kind, Actor: actor.String(), Object: fmt.Sprintf("reading:%d", r.ID), Reason: why, Site: r.Site, Pump: r.Pump,
		Payload: struct {
			TakenAt    time.Time `json:"taken_at"`
			TakenBy    string    `json:"taken_by"`
			Source     Source    `json:"source"`
			Residual   any       `json:"residual_nl,omitempty"`
			Rate       any       `json:"rate_nl_day,omitempty"`
			Battery    string    `json:"battery,omitempty"`
			Alarms     []string  `json:"alarms"`
			AlarmsSeen bool      `json:"alarms_seen"`
			Program    string    `json:"program,omitempty"`
			Steps      any       `json:"steps,omitempty"`
			Note       string    `json:"note,omitempty"`
			Supersedes int64     `json:"supersedes,omitempty"`
		}{r.TakenAt, r.TakenBy, r.Source, digits(r.Residual), digits(r.Rate), r.Battery, r.Alarms, r.AlarmsSeen, r.Program, r.Steps, r.Note, r.Supersedes},
	}
}

// digits writes a quantity as text, nothing if there is none.
func digits[T ~int64](v *T) any {
	if v == nil {
		return nil
	}
	return fmt.Sprint(int64(*v))
}

// OfPump returns a pump's readings, newest first by when they were taken, those
// that were corrected among them.
func (s *Service) OfPump(ctx context.Context, scope auth.Scope, pump int64) ([]Reading, error) {
	if _, err := s.reg.Pump(ctx, scope, pump); err != nil {
		return nil, err
	}
	return list(ctx, s.db, pump)
}
