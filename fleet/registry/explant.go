package registry

import (
	"context"
	"slices"
	"time"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Fate is what became of a device that was taken out.
type Fate string

// The fates. A device that is kept waits for one of the others.
const (
	FateKept      Fate = "kept"      // lies here until somebody decides
	FateMaker     Fate = "maker"     // returned to its maker
	FatePathology Fate = "pathology" // for examination
	FatePatient   Fate = "patient"   // given to the patient, or the family
	FateDestroyed Fate = "destroyed"
)

// Fates lists all fates.
func Fates() []Fate { return []Fate{FateKept, FateMaker, FatePathology, FatePatient, FateDestroyed} }

// maxRemainderNL is more than any reservoir holds, nL.
const maxRemainderNL = 200_000_000

// Explant is what people record of a pump that was taken out of its patient.
type Explant struct {
	Pump          int64
	On            Date   // the theatre's day
	Reason        string // why it was taken out
	Fate          Fate
	FateNote      string // to whom, under which number
	RemainderNL   *int64 // drug left in the reservoir, nL; nil: not measured
	RemainderNote string // what was done with it, and who witnessed it

	// As recorded; not part of what is asked for.
	FateAt     time.Time
	RecordedAt time.Time
	RecordedBy string
}

// DateOf returns the day of t in t's own time zone.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

func (e Explant) check(now time.Time) (Explant, error) {
	var err error
	if e.Reason, err = reason(e.Reason); err != nil {
		return e, err
	}
	if e.FateNote, err = text("fate_note", e.FateNote, 300, false); err != nil {
		return e, err
	}
	if e.RemainderNote, err = text("remainder_note", e.RemainderNote, 300, false); err != nil {
		return e, err
	}
	if e.On, err = ParseDate("on", string(e.On)); err != nil {
		return e, err
	}
	switch {
	case e.On == "":
		return e, errs.InvalidField("on", "Say on which day the pump was taken out.")
	case e.On > DateOf(now.UTC().Add(14*time.Hour)): // the easternmost calendar
		return e, errs.InvalidField("on", "%s has not come yet.", e.On)
	case !slices.Contains(Fates(), e.Fate):
		return e, errs.InvalidField("fate", "What became of the device is one of %v.", Fates())
	case e.RemainderNL != nil && (*e.RemainderNL < 0 || *e.RemainderNL > maxRemainderNL):
		return e, errs.InvalidField("remainder_nl", "No reservoir holds that much.")
	}
	return e, nil
}

// said is what the leaf keeps of an explant.
func (e Explant) said() any {
	return struct {
		On            Date   `json:"on"`
		Fate          Fate   `json:"fate"`
		FateNote      string `json:"fate_note,omitempty"`
		RemainderNL   *int64 `json:"remainder_nl,omitempty,string"`
		RemainderNote string `json:"remainder_note,omitempty"`
	}{e.On, e.Fate, e.FateNote, e.RemainderNL, e.RemainderNote}
}

// Explant records that a pump was taken out of its patient. It ends the link, the
// patient's binding, a reservation of a communicator and, through Options.Gone,
// its alarms: from now on its silence is no news. Errors: Invalid (names the
// field), Denied, NotFound, and Conflict if the pump is out already.
func (s *Service) Explant(ctx context.Context, actor auth.Actor, e Explant) (Pump, error) {
	e, err := e.check(s.Now())
	if err != nil {
		return Pump{}, err
	}
	return s.move(ctx, actor, e.Pump, ActExplant, e.Reason, func(tx *postgres.Tx, p Pump) (any, error) {
		if p.ImplantedOn != "" && e.On < p.ImplantedOn {
			return nil, errs.InvalidField("on", "Taken out on %s, before it was implanted on %s.", e.On, p.ImplantedOn)
		}
		return e.said(), insertExplant(ctx, tx, e, actor.String(), s.Now())
	})
}

// SetFate records what became of an explanted device since. What was recorded
// before stays in the record.
func (s *Service) SetFate(ctx context.Context, actor auth.Actor, pump int64, to Fate, why string) (Explant, error) {
	why, err := reason(why)
	if err != nil {
		return Explant{}, err
	}
	if !slices.Contains(Fates(), to) {
		return Explant{}, errs.InvalidField("fate", "What became of the device is one of %v.", Fates())
	}
	var e Explant
	_, err = s.change(ctx, actor, pump, actRoles[ActExplant], func(tx *postgres.Tx, p Pump) (done, error) {
		old, ok, err := explantOf(ctx, tx, pump)
		switch {
		case err != nil:
			return done{}, err
		case !ok:
			return done{}, errs.Conflictf("Pump %s has not been taken out.", p.Serial)
		case old.Fate == to:
			return done{}, errs.Conflictf("That is recorded already.")
		}
		e = old
		e.Fate, e.FateNote, e.FateAt = to, why, s.Now()
		return done{leaf: audit.Entry{Kind: "pump.fate", Reason: why, Payload: map[string]Fate{"from": old.Fate, "to": to}}}, updateFate(ctx, tx, e)
	})
	if err != nil {
		return Explant{}, err
	}
	return e, nil
}

// ExplantOf returns what is recorded of a pump's explant, and whether anything is:
// a pump that was explanted before this was asked for has none.
func (s *Service) ExplantOf(ctx context.Context, scope auth.Scope, pump int64) (Explant, bool, error) {
	if _, err := s.Pump(ctx, scope, pump); err != nil {
		return Explant{}, false, err
	}
	return explantOf(ctx, s.DB, pump)
}
