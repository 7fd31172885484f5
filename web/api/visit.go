package api

import (
	"context"
	"net/http"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// A session may be locked to one patient for a visit. While it is, lists show the
// patient's pump alone, what is about another pump is refused, and so is what
// cannot be narrowed to one pump.

// Visit is the patient that a session is locked to.
type Visit struct {
	Patient ID     `json:"patient"`
	Token   string `json:"token" doc:"The patient's pseudonym."`
	Pump    ID     `json:"pump"`
	Left    int64  `json:"left_seconds" doc:"Until the lock ends by itself."`
}

type visitInput struct {
	Body struct {
		Patient ID `json:"patient" maxLength:"20"`
	}
}

type visitOutput struct{ Body Visit }

// carers see patients.
var carers = []auth.Role{auth.Prescriber, auth.Verifier, auth.Nurse, auth.Pharmacist}

func (a *API) visits() {
	handle(a, op{
		id: "begin-visit", method: http.MethodPost, path: "/session/visit", tag: "session", summary: "Lock the session to one patient for an hour",
		describe: "While it is locked, other patients' pumps are out of reach, in lists and in the live feed too.", problems: []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *visitInput) (*visitOutput, error) {
		n, err := parseID(string(in.Body.Patient), "patient")
		if err != nil {
			return nil, err
		}
		p, err := a.Registry.Patient(ctx, c.Scope(), n)
		if err != nil {
			return nil, err
		}
		switch {
		case !c.Has(p.Site, carers...):
			return nil, errs.Deniedf("Only those who care for patients visit one.")
		case p.Pump == 0:
			return nil, errs.Conflictf("Patient %s has no pump now.", p.Token)
		}
		v, err := a.Accounts.BeginVisit(ctx, c.Actor, c.Session, p.ID, p.Site, p.Pump)
		if err != nil {
			return nil, err
		}
		return &visitOutput{Body: Visit{Patient: id(p.ID), Token: p.Token, Pump: id(p.Pump), Left: seconds(v.Until.Sub(a.Now()))}}, nil
	})
	handle(a, op{
		id: "end-visit", method: http.MethodDelete, path: "/session/visit", tag: "session", summary: "End the lock", status: http.StatusNoContent,
	}, func(ctx context.Context, c Caller, _ *struct{}) (*struct{}, error) {
		return nil, a.Accounts.EndVisit(ctx, c.Actor, c.Session)
	})
}

// locked narrows a caller whose session is locked to a patient.
func (a *API) locked(ctx context.Context, c *Caller) error {
	v := c.Session.Visit
	if v == nil {
		return nil
	}
	p, err := a.Registry.Patient(ctx, c.Scope(), v.Patient)
	if err != nil && errs.KindOf(err) != errs.NotFound {
		return err
	}
	// Without a pump, or without a right to see the patient, nothing is left.
	c.Visit = &Visit{Patient: id(v.Patient), Token: p.Token, Pump: id(p.Pump), Left: seconds(v.Until.Sub(a.Now()))}
	only := p.Pump
	if only == 0 {
		only = -1
	}
	c.Actor = c.LockedTo(only)
	return nil
}

// within refuses what is not about the patient that the session is locked to.
// thing is the id in the path, "" if there is none.
func (a *API) within(ctx context.Context, c Caller, who Access, thing string) error {
	if c.Visit == nil || who.Anyone || who.Visit || who.Of == OfNothing && who.Roles == nil {
		return nil
	}
	switch who.Of {
	case OfPump:
		if thing == string(c.Visit.Pump) {
			return nil
		}
	case OfAlarm:
		if n, err := parseID(thing, "alarm"); err == nil {
			if al, err := a.Alarms.Get(ctx, c.Scope(), n); err == nil && string(id(al.Pump)) == string(c.Visit.Pump) {
				return nil
			}
		}
	default:
	}
	p := NewProblem(http.StatusForbidden, "This session is locked to patient "+c.Visit.Token+" for a visit: nothing else is in reach. End the visit first.")
	p.Code, p.Title = "visit_locked", "Locked to a patient"
	return p
}
