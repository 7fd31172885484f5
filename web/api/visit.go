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
	Serial  string `json:"pump_serial"`
	Left    int64  `json:"left_seconds" doc:"Until the lock ends by itself."`
}

type visitInput struct {
	Body struct {
		Patient ID `json:"patient" maxLength:"20"`
	}
}

type visitOutput struct{ Body Visit }

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
		case !c.Has(p.Site, caretakers...):
			return nil, errs.Deniedf("Only those who look after patients and their pumps visit one.")
		case p.Pump == 0:
			return nil, errs.Conflictf("Patient %s has no pump now.", p.Token)
		}
		v, err := a.Accounts.BeginVisit(ctx, c.Actor, c.Session, p.ID, p.Site, p.Pump)
		if err != nil {
			return nil, err
		}
		return &visitOutput{Body: a.visitOf(v, p.Token, p.Pump)}, nil
	})
	handle(a, op{
		id: "end-visit", method: http.MethodDelete, path: "/session/visit", tag: "session", summary: "End the lock", status: http.StatusNoContent,
	}, func(ctx context.Context, c Caller, _ *struct{}) (*struct{}, error) {
		return nil, a.Accounts.EndVisit(ctx, c.Actor, c.Session)
	})
}

func (a *API) visitOf(v auth.Visit, token string, pump int64) Visit {
	out := Visit{Patient: id(v.Patient), Token: token, Pump: id(pump), Left: seconds(v.Until.Sub(a.Now()))}
	if ref, ok := a.Registry.Directory().ByID(pump); ok {
		out.Serial = ref.Serial
	}
	return out
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
	c.Visit = new(a.visitOf(*v, p.Token, p.Pump))
	only := p.Pump
	if only == 0 {
		only = -1
	}
	c.Actor = c.LockedTo(only)
	return nil
}

// onlyPump narrows a list's filter by pump (0: none) to the pump that the caller's
// session is locked to. Another one does not exist for them.
func (c Caller) onlyPump(asked int64) (int64, error) {
	only := c.Scope().Pump
	switch {
	case only == 0:
		return asked, nil
	case asked != 0 && asked != only:
		return 0, errs.NotFoundf("There is no such pump.")
	}
	return only, nil
}

// within refuses what is not about the patient that the session is locked to.
// param returns a part of the path by its name, "" if there is none.
func (a *API) within(ctx context.Context, c Caller, who Access, param func(string) string) error {
	if c.Visit == nil || who.Anyone || who.Visit || who.Of == OfNothing && who.Roles == nil {
		return nil
	}
	pump, err := a.pumpOf(ctx, c, who.Of, param)
	switch {
	case err != nil && errs.KindOf(err) != errs.NotFound:
		return err
	case err == nil && pump != 0 && pump == c.Scope().Pump:
		return nil
	}
	p := NewProblem(http.StatusForbidden, "This session is locked to patient "+c.Visit.Token+" for a visit: nothing else is in reach. End the visit first.")
	p.Code, p.Title = "visit_locked", "Locked to a patient"
	return p
}

// pumpOf returns the pump of the one thing that a request is about, 0 if the thing
// is none of a pump. Errors: NotFound.
func (a *API) pumpOf(ctx context.Context, c Caller, of Thing, param func(string) string) (int64, error) {
	text := param("id")
	if at := param("pump"); at != "" { // of a list's line about the pump: /recalls/{id}/pumps/{pump}
		text = at
	}
	n, err := parseID(text, "thing")
	if err != nil {
		return 0, err
	}
	switch of {
	case OfPump:
		return n, nil
	case OfAlarm:
		al, err := a.Alarms.Get(ctx, c.Scope(), n)
		return al.Pump, err
	case OfOrder:
		o, err := a.Orders.Get(ctx, c.Scope(), n)
		return o.Pump, err
	case OfReview:
		// Those in scope are of the visit's pump.
		all, err := a.Orders.Reviews(ctx, c.Scope(), false)
		for _, r := range all {
			if r.ID == n {
				return r.Pump, err
			}
		}
		return 0, err
	case OfWork:
		w, err := a.Maintenance.Get(ctx, c.Scope(), n)
		return w.Pump, err
	default:
		return 0, nil
	}
}
