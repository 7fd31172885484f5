package dosing

import (
	"context"
	"time"
	"unicode/utf8"

	"cisterna/device/order"
	"cisterna/fleet/refusal"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// FormKept is how long what somebody typed is kept without being proposed.
const FormKept = 30 * 24 * time.Hour

// MaxForms is for how many pumps a person's forms are kept.
const MaxForms = 50

const maxForm = 64 << 10

// Typed is what somebody has typed of a proposal and not proposed yet. It is theirs
// alone and means nothing to anybody else: the server does not read it.
type Typed struct {
	Pump int64
	Site int64
	Kind order.Act // that they are about to propose
	Form string    // as the console keeps it; not in a list
	At   time.Time
}

// KeepForm keeps what a person typed for a pump in place of what they typed before,
// so that the end of a session loses nothing. One more than MaxForms takes the place
// of the oldest.
func (s *Service) KeepForm(ctx context.Context, actor auth.Actor, pump int64, kind order.Act, form string) (Typed, error) {
	p, err := s.Registry.Pump(ctx, actor.Scope(), pump)
	if err != nil {
		return Typed{}, err
	}
	if err := may(actor, p.Site, "pump", proposers...); err != nil {
		return Typed{}, err
	}
	if form == "" || len(form) > maxForm || !utf8.ValidString(form) {
		return Typed{}, refusal.Invalid("form", "A draft is text of 1 to %d bytes.", maxForm)
	}
	t := Typed{Pump: pump, Site: p.Site, Kind: kind, Form: form, At: s.Now()}
	return t, postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error { return keepForm(ctx, tx, actor.ID, &t) })
}

// FormOf returns what a person typed for a pump, and whether there is anything.
func (s *Service) FormOf(ctx context.Context, actor auth.Actor, pump int64) (Typed, bool, error) {
	p, err := s.Registry.Pump(ctx, actor.Scope(), pump)
	if err != nil {
		return Typed{}, false, err
	}
	if err := may(actor, p.Site, "pump", proposers...); err != nil {
		return Typed{}, false, err
	}
	return readForm(ctx, s.DB, actor.ID, pump, s.Now().Add(-FormKept))
}

// Forms returns for which pumps of the sites in scope a person has typed something,
// newest first, without the text.
func (s *Service) Forms(ctx context.Context, actor auth.Actor) ([]Typed, error) {
	all, err := readForms(ctx, s.DB, actor.ID, s.Now().Add(-FormKept))
	if err != nil {
		return nil, err
	}
	out := []Typed{}
	for _, t := range all {
		if p, ok := s.Registry.Directory().ByID(t.Pump); ok && actor.Has(p.Site, proposers...) {
			out = append(out, t)
		}
	}
	return out, nil
}

// DropForm forgets what a person typed for a pump.
func (s *Service) DropForm(ctx context.Context, actor auth.Actor, pump int64) error {
	p, err := s.Registry.Pump(ctx, actor.Scope(), pump)
	if err != nil {
		return err
	}
	if err := may(actor, p.Site, "pump", proposers...); err != nil {
		return err
	}
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error { return dropForm(ctx, tx, actor.ID, pump) })
}
