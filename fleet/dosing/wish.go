package dosing

import (
	"context"
	"crypto/rand"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// Wish is what a proposer asks for. The rest of a prescription follows from the
// pump: its identity, patient and state, the library's limits, the check numbers.
type Wish struct {
	Act      order.Act       `json:"act"`
	Group    order.Group     `json:"group,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Flags    []order.Flag    `json:"flags,omitempty"`
	Program  *dose.Program   `json:"program,omitempty"`
	Dose     *dose.Dose      `json:"dose,omitempty"`     // of a bolus or prime
	Bridge   *dose.Dose      `json:"bridge,omitempty"`   // of a program while a bridge runs
	Contents *dose.Contents  `json:"contents,omitempty"` // of an adopt; else the pump's
	Limits   *dose.Limits    `json:"limits,omitempty"`   // absent: the library's
	Visit    *order.Visit    `json:"visit,omitempty"`    // limits and check numbers of its branches are filled in
	Settings *order.Settings `json:"settings,omitempty"`
	Volume   units.Volume    `json:"volume_nl,omitempty"` // of an adopt
	Site     int64           `json:"site,omitempty"`      // of a transfer
	Patient  string          `json:"patient,omitempty"`   // of a bind: the token of whom the pump is in; absent: as the registry has it
	Zone     *int32          `json:"zone_s,omitempty"`    // of a clock order
	LifeS    int64           `json:"life_s,omitempty"`    // 0: as long as the act may live
}

// compose makes the prescription of a wish for a pump as it is.
func (s *Service) compose(ctx context.Context, w *Wish, sit *situation) (*order.Prescription, error) {
	if err := w.form(); err != nil {
		return nil, err
	}
	life := w.LifeS
	if most := order.LifeOf(w.Act); life <= 0 || life > most {
		life = most
	}
	now := s.Now().Unix()
	p := &order.Prescription{
		V: 1, Act: w.Act, ID: newID(), Pump: sit.view.Pump, Serial: sit.view.Serial, Site: sit.view.Site, Patient: sit.view.Patient,
		Epoch: sit.view.State.Epoch, State: sit.view.State.Hash(), NotBefore: now, Expires: now + life, Keyset: sit.keyset.Version,
		Reason: w.Reason, Flags: w.Flags,
	}
	withLibrary := func() {
		lib := sit.view.Library.Hash
		p.Library, p.Group = &lib, w.Group
	}
	contents := sit.view.State.Contents
	var err error
	switch w.Act {
	case order.ActProgram:
		withLibrary()
		p.Contents, p.Program, p.Bridge = &contents, w.Program, w.Bridge
		if sit.stands() && w.Bridge != nil {
			// How much is left the pump alone knows, and it falls while people sign.
			return nil, refusal.Invalid("bridge", "Other fluid stands in the path already. Leave this bridge out: it is computed for what is left of it.")
		}
		if sit.stands() && w.Program != nil {
			if sit.bridge, err = sit.rebridge(w.Program); err != nil {
				return nil, err
			}
			p.Bridge = &sit.bridge.Dose
		}
		if p.Limits, err = sit.limits(w.Limits, contents, w.Group); err != nil {
			return nil, err
		}
		if w.Program != nil {
			p.Checks = order.ChecksOf(contents, w.Program, &sit.view.Range, nil, p.Bridge, sit.view.Pushed(contents)...)
		}
	case order.ActBolus, order.ActPrime:
		withLibrary()
		p.Contents, p.Dose = &contents, w.Dose
		if w.Act == order.ActBolus {
			window := sit.view.Windows.Current()
			p.Window = &window
		}
		p.Checks = order.ChecksOf(contents, nil, &sit.view.Range, w.Dose, nil)
	case order.ActVisit:
		withLibrary()
		p.Visit, err = sit.visit(w)
	case order.ActAdopt:
		withLibrary()
		if w.Contents != nil {
			contents = *w.Contents
		}
		p.Contents, p.Volume = &contents, w.Volume
		if p.Limits, err = sit.limits(w.Limits, contents, w.Group); err != nil {
			return nil, err
		}
		p.Checks = order.ChecksOf(contents, &sit.view.State.Program, &sit.view.Range, nil, nil)
	case order.ActBind:
		if err := s.whom(ctx, w, sit); err != nil {
			return nil, err
		}
		p.Patient = registry.OrderPatient(sit.patient.Token)
	case order.ActSettings:
		p.Settings = w.Settings
	case order.ActErase:
		p.Program = w.Program
		if p.Program == nil {
			idle := dose.Idle()
			p.Program = &idle
		}
	case order.ActTransfer:
		if err := s.whither(ctx, w, sit); err != nil {
			return nil, err
		}
		p.Transfer = &order.Transfer{Site: registry.OrderSite(w.Site), Keyset: s.Keysets.Current().Document}
	case order.ActClock:
		if p.Zone = w.Zone; p.Zone == nil {
			zone, err := s.zone(ctx, sit.pump.Site)
			if err != nil {
				return nil, err
			}
			p.Zone = &zone
		}
	case order.ActResume:
	default:
		return nil, refusal.Invalid("act", "There is no such act.")
	}
	if err != nil {
		return nil, refusedByCheck(err)
	}
	return p, nil
}

// whom finds the patient of a bind order: whom the wish names, else whom the
// registry says that the pump is in.
func (s *Service) whom(ctx context.Context, w *Wish, sit *situation) error {
	if w.Patient == "" {
		if sit.patient.ID == 0 {
			return refusal.Conflict(refusal.Patient, "The registry says that pump %s is in nobody. Name the patient whom it is in.", sit.pump.Serial)
		}
		return nil
	}
	p, ok, err := s.Registry.PatientByToken(ctx, auth.Scope{Sites: []int64{sit.pump.Site}}, w.Patient)
	switch {
	case err != nil:
		return err
	case !ok:
		return refusal.InvalidAs(refusal.Patient, "patient", "There is no patient %s at the pump's site. Compare the token with the patient's record, or have the record made first.", clip(w.Patient))
	case p.Pump != 0 && p.Pump != sit.pump.ID:
		return refusal.Conflict(refusal.Patient, "Patient %s has another pump. End that binding first, in its own record.", p.Token)
	}
	sit.patient = p
	return nil
}

// whither checks the site that a transfer names.
func (s *Service) whither(ctx context.Context, w *Wish, sit *situation) error {
	if w.Site <= 0 {
		return refusal.Invalid("site", "Name the site that the pump goes to.")
	}
	if w.Site == sit.pump.Site {
		return refusal.Conflict(refusal.Input, "Pump %s is at that site already.", sit.pump.Serial)
	}
	known, err := s.Registry.Sites(ctx, auth.Scope{Sites: []int64{w.Site}})
	if err == nil && len(known) == 0 {
		err = refusal.Invalid("site", "There is no such site.")
	}
	return err
}

// form refuses programs and contents that are none, before anything is computed of
// them.
func (w *Wish) form() error {
	programs, contents := []*dose.Program{w.Program}, []*dose.Contents{w.Contents}
	if v := w.Visit; v != nil {
		programs = append(programs, &v.Planned.Program, &v.Same.Program)
		contents = append(contents, &v.Planned.Contents, &v.Same.Contents)
	}
	for _, p := range programs {
		if p == nil {
			continue
		}
		if err := p.Form(); err != nil {
			return refusal.Wrap(errs.Invalid, refusal.Input, err, "The program is not one: %v.", err)
		}
	}
	for _, c := range contents {
		if c == nil {
			continue
		}
		if err := c.Validate(); err != nil {
			return refusal.Wrap(errs.Invalid, refusal.Input, err, "The contents are none: %v.", err)
		}
	}
	return nil
}

// limits returns the limits that an order carries: those asked for, else the
// library's.
func (sit *situation) limits(asked *dose.Limits, c dose.Contents, g order.Group) (*dose.Limits, error) {
	if asked != nil {
		return asked, nil
	}
	l, err := sit.view.Library.Library.Ceilings(c, g)
	if err != nil {
		return nil, refusedByCheck(err)
	}
	return &l, nil
}

func (sit *situation) visit(w *Wish) (*order.Visit, error) {
	if w.Visit == nil {
		return nil, refusal.Invalid("visit", "A visit needs its two branches and bounds.")
	}
	v := *w.Visit
	for _, b := range [...]*order.Branch{&v.Planned, &v.Same} {
		if len(b.Limits.Ingredients) == 0 {
			l, err := sit.limits(nil, b.Contents, w.Group)
			if err != nil {
				return nil, err
			}
			b.Limits = *l
		}
		b.Checks = order.ChecksOf(b.Contents, &b.Program, &sit.view.Range, b.Prime, b.Bridge, sit.view.Pushed(b.Contents)...)
	}
	return &v, nil
}

func newID() (id order.ID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

func unix(sec int64) time.Time { return time.Unix(sec, 0).UTC() }
