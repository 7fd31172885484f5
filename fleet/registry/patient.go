package registry

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Patient is pseudonymous: a token, and the number that rises with every fact
// that whoever approves a dose must have seen.
type Patient struct {
	ID       int64
	Site     int64
	Token    string // P-XXXX-XXXX, random
	FactsRev int64
	// ForVisit counts those of them that were alarms that call for a visit, see RaiseForVisit.
	ForVisit  int64
	Pump      int64 // bound to it now, 0 if none
	Groups    []string
	Allergies []Allergy // those that hold, oldest first
	CreatedAt time.Time
}

// Allergy is something that a patient must not get.
type Allergy struct {
	ID        int64     `json:"id"`
	Substance string    `json:"substance"` // drug, class or excipient
	Reaction  string    `json:"reaction,omitempty"`
	From      time.Time `json:"from"`
}

// Groups are the patient groups that a drug library's limits depend on.
func Groups() []string { return []string{"cancer", "non_cancer", "spinal", "cerebral", "child"} }

// careRoles may change what is known about a patient.
var careRoles = []auth.Role{auth.Prescriber, auth.Verifier, auth.Nurse, auth.Pharmacist}

// newToken returns 40 random bits in two groups.
func newToken() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = crockford[b[i]&31]
	}
	return "P-" + string(b[:4]) + "-" + string(b[4:])
}

// CreatePatient makes a patient known at a site.
func (s *Service) CreatePatient(ctx context.Context, actor auth.Actor, site int64) (Patient, error) {
	if err := may(actor, site, "site", careRoles...); err != nil {
		return Patient{}, err
	}
	var p Patient
	err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := siteExists(ctx, tx, site); err != nil {
			return err
		}
		id, err := insertPatient(ctx, tx, site, newToken(), s.Now())
		if err != nil {
			return err
		}
		if p, err = lockPatient(ctx, tx, id); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Kind: "patient.create", Actor: actor.String(), Object: object("patient", id), Site: site})
	})
	if err != nil {
		return Patient{}, err
	}
	return p, nil
}

// Bind says that a pump is in a patient of the same site. A pump is in at most
// one patient, a patient has at most one pump.
func (s *Service) Bind(ctx context.Context, actor auth.Actor, patient, pump int64, why string) (Patient, error) {
	why, err := reason(why)
	if err != nil {
		return Patient{}, err
	}
	var q Pump
	// Pumps are locked before patients, here and everywhere.
	first := func(tx *postgres.Tx) (err error) {
		q, err = lockPump(ctx, tx, pump)
		return err
	}
	return s.changePatient(ctx, actor, patient, first, func(tx *postgres.Tx, p Patient) (audit.Entry, error) {
		switch {
		case q.Site != p.Site:
			return audit.Entry{}, errs.NotFoundf("There is no such pump.")
		case q.Status == Explanted || q.Status == Retired:
			return audit.Entry{}, errs.Conflictf("Pump %s is %s.", q.Serial, q.Status)
		}
		if err := fulfil(ctx, tx, patient, pump); err != nil {
			return audit.Entry{}, err
		}
		s.rebound(tx, pump)
		return audit.Entry{Kind: "patient.bind", Reason: why, Pump: pump}, insertBinding(ctx, tx, patient, pump, why, s.Now())
	})
}

// Unbind ends a patient's binding to a pump.
func (s *Service) Unbind(ctx context.Context, actor auth.Actor, patient int64, why string) (Patient, error) {
	why, err := reason(why)
	if err != nil {
		return Patient{}, err
	}
	return s.changePatient(ctx, actor, patient, nil, func(tx *postgres.Tx, p Patient) (audit.Entry, error) {
		if p.Pump == 0 {
			return audit.Entry{}, errs.Conflictf("Patient %s has no pump.", p.Token)
		}
		s.rebound(tx, p.Pump)
		return audit.Entry{Kind: "patient.unbind", Reason: why, Pump: p.Pump}, endBinding(ctx, tx, p.Pump, why, s.Now())
	})
}

// AddAllergy notes an allergy.
func (s *Service) AddAllergy(ctx context.Context, actor auth.Actor, patient int64, substance, reaction string) (Patient, error) {
	substance, err := text("substance", substance, 100, true)
	if err != nil {
		return Patient{}, err
	}
	if reaction, err = text("reaction", reaction, 200, false); err != nil {
		return Patient{}, err
	}
	return s.changePatient(ctx, actor, patient, nil, func(tx *postgres.Tx, p Patient) (audit.Entry, error) {
		a := Allergy{Substance: substance, Reaction: reaction, From: s.Now()}
		err := insertAllergy(ctx, tx, patient, a)
		return audit.Entry{Kind: "patient.allergy_add", Pump: p.Pump, Payload: a}, err
	})
}

// EndAllergy says that an allergy was found not to be one.
func (s *Service) EndAllergy(ctx context.Context, actor auth.Actor, patient, allergy int64, why string) (Patient, error) {
	why, err := reason(why)
	if err != nil {
		return Patient{}, err
	}
	return s.changePatient(ctx, actor, patient, nil, func(tx *postgres.Tx, p Patient) (audit.Entry, error) {
		i := slices.IndexFunc(p.Allergies, func(a Allergy) bool { return a.ID == allergy })
		if i < 0 {
			return audit.Entry{}, errs.NotFoundf("Patient %s has no such allergy.", p.Token)
		}
		return audit.Entry{Kind: "patient.allergy_end", Reason: why, Pump: p.Pump, Payload: p.Allergies[i]}, endAllergy(ctx, tx, allergy, why, s.Now())
	})
}

// SetGroups replaces the groups that a patient belongs to.
func (s *Service) SetGroups(ctx context.Context, actor auth.Actor, patient int64, groups []string) (Patient, error) {
	groups = slices.Compact(append([]string{}, slices.Sorted(slices.Values(groups))...)) // not nil: none is a value
	for _, g := range groups {
		if !slices.Contains(Groups(), g) {
			return Patient{}, errs.InvalidField("groups", "There is no patient group %q.", clip(g))
		}
	}
	if slices.Contains(groups, "cancer") && slices.Contains(groups, "non_cancer") {
		return Patient{}, errs.InvalidField("groups", "A patient is in the group cancer or non_cancer, not in both.")
	}
	return s.changePatient(ctx, actor, patient, nil, func(tx *postgres.Tx, p Patient) (audit.Entry, error) {
		return audit.Entry{Kind: "patient.groups", Pump: p.Pump, Payload: map[string][]string{"old": p.Groups, "new": groups}}, setGroups(ctx, tx, patient, groups, s.Now())
	})
}

// changePatient is what all changes to a patient share: one transaction, a higher
// facts_rev, one leaf. first, if not nil, takes locks that come before the
// patient's.
func (s *Service) changePatient(ctx context.Context, actor auth.Actor, id int64, first func(*postgres.Tx) error, step func(*postgres.Tx, Patient) (audit.Entry, error)) (Patient, error) {
	var after Patient
	err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if first != nil {
			if err := first(tx); err != nil {
				return err
			}
		}
		p, err := lockPatient(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := may(actor, p.Site, "patient", careRoles...); err != nil {
			return err
		}
		e, err := step(tx, p)
		if err != nil {
			return err
		}
		if err := raisePatient(ctx, tx, id); err != nil {
			return err
		}
		if after, err = lockPatient(ctx, tx, id); err != nil {
			return err
		}
		e.Actor, e.Object, e.Site = actor.String(), object("patient", id), p.Site
		return audit.Append(ctx, tx, e)
	})
	if err != nil {
		return Patient{}, err
	}
	return after, nil
}

// Patient returns a patient of the sites in scope, or errs.NotFound.
func (s *Service) Patient(ctx context.Context, scope auth.Scope, id int64) (Patient, error) {
	return getPatient(ctx, s.DB, scope, id)
}
