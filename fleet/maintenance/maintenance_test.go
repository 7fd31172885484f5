package maintenance

import (
	"context"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

func TestWork(t *testing.T) {
	ctx, db := t.Context(), pgtest.New(t)
	clock := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	reg, err := registry.New(ctx, registry.Options{
		DB: db, Now: func() time.Time { return clock },
		Sign: func(*x509.CertificateRequest, time.Time) (*x509.Certificate, [][]byte, error) {
			return nil, nil, errors.ErrUnsupported
		},
		Documents: func(context.Context, string) (registry.Documents, error) { return registry.Documents{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	var sites []int64
	for _, short := range []string{"A", "B"} {
		s, err := reg.CreateSite(ctx, auth.System("test"), registry.NewSite{Name: short, Short: short, TimeZone: "UTC"})
		if err != nil {
			t.Fatal(err)
		}
		sites = append(sites, s.ID)
	}
	ada := auth.Actor{ID: 1, Login: "ada", Name: "Ada", Roles: map[int64][]auth.Role{sites[0]: {auth.Engineer}}}
	ben := auth.Actor{ID: 2, Login: "ben", Name: "Ben", Roles: map[int64][]auth.Role{sites[1]: {auth.Engineer}}}
	dan := auth.Actor{ID: 3, Login: "dan", Name: "Dan", Roles: map[int64][]auth.Role{sites[0]: {auth.Auditor}}}
	p, err := reg.RegisterPump(ctx, ada, registry.NewPump{Site: sites[0], Serial: "P1", Model: "M", Profile: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reg.RegisterCommunicator(ctx, ada, registry.NewCommunicator{Site: sites[0], Serial: "BR-1", Model: "Brook"}); err != nil {
		t.Fatal(err)
	}
	s := NewService(db, reg, func() time.Time { return clock })
	note, err := s.Add(ctx, ada, New{Pump: p.ID, Kind: "note", Text: "Label is worn.\nRead it with a lamp."})
	if err != nil || note.State != Done || note.DoneOn != "2026-03-01" || note.EndedName != "Ada" {
		t.Errorf("a note: %+v, %v", note, err)
	}
	plan, err := s.Add(ctx, ada, New{Link: "BR-1", Kind: "battery", Text: "Change the battery", DueOn: "2026-04-01"})
	if err != nil || plan.State != Planned || plan.Overdue("2026-04-01") || !plan.Overdue("2026-04-02") {
		t.Errorf("a plan: %+v, %v", plan, err)
	}
	kind := func(what string, err error, want errs.Kind) {
		t.Helper()
		if err == nil || errs.KindOf(err) != want {
			t.Errorf("%s: %v, want kind %q", what, err, want)
		}
	}
	for name, c := range map[string]struct {
		actor auth.Actor
		n     New
		want  errs.Kind
	}{
		"nothing said": {ada, New{Pump: p.ID, Kind: "note", Text: " "}, errs.Invalid}, "unknown kind": {ada, New{Pump: p.ID, Kind: "party", Text: "x"}, errs.Invalid},
		"about nothing": {ada, New{Kind: "note", Text: "x"}, errs.Invalid}, "about both": {ada, New{Pump: p.ID, Link: "BR-1", Kind: "note", Text: "x"}, errs.Invalid},
		"a note to do": {ada, New{Pump: p.ID, Kind: "note", Text: "x", DueOn: "2026-04-01"}, errs.Invalid}, "due and done": {ada, New{Pump: p.ID, Kind: "repair", Text: "x", DueOn: "2026-04-01", DoneOn: "2026-03-01"}, errs.Invalid},
		"done tomorrow": {ada, New{Pump: p.ID, Kind: "repair", Text: "x", DoneOn: "2026-03-05"}, errs.Invalid}, "another site": {ben, New{Pump: p.ID, Kind: "note", Text: "x"}, errs.NotFound},
		"another site's communicator": {ben, New{Link: "BR-1", Kind: "note", Text: "x"}, errs.NotFound}, "an auditor": {dan, New{Pump: p.ID, Kind: "note", Text: "x"}, errs.Denied},
	} {
		_, err := s.Add(ctx, c.actor, c.n)
		kind(name, err, c.want)
	}
	if due, err := s.Due(ctx, ada.Scope(), "2026-03-31"); err != nil || len(due) != 0 {
		t.Errorf("due before: %v, %v", due, err)
	}
	if due, err := s.Due(ctx, ada.Scope(), "2026-04-01"); err != nil || len(due) != 1 {
		t.Errorf("due: %v, %v", due, err)
	}
	if due, err := s.Due(ctx, ben.Scope(), "2026-04-01"); err != nil || len(due) != 0 {
		t.Errorf("due at another site: %v, %v", due, err)
	}
	_, err = s.End(ctx, ben, plan.ID, Done, "", "x")
	kind("ended at another site", err, errs.NotFound)
	_, err = s.End(ctx, ada, plan.ID, Done, "", " ")
	kind("ended without a word", err, errs.Invalid)
	_, err = s.End(ctx, ada, plan.ID, Dropped, "2026-03-01", "x")
	kind("dropped on a day", err, errs.Invalid)
	_, err = s.End(ctx, ada, plan.ID, "lost", "", "x")
	kind("ended as nothing", err, errs.Invalid)
	done, err := s.End(ctx, ada, plan.ID, Done, "", "3.1 V afterwards")
	if err != nil || done.State != Done || done.DoneOn != "2026-03-01" || done.Result != "3.1 V afterwards" {
		t.Errorf("done: %+v, %v", done, err)
	}
	_, err = s.End(ctx, ada, plan.ID, Dropped, "", "x")
	kind("ended twice", err, errs.Conflict)
	_, err = s.End(ctx, ada, note.ID, Dropped, "", "x")
	kind("a note ended", err, errs.Conflict)
	if list, err := s.OfCommunicator(ctx, ada.Scope(), "BR-1"); err != nil || len(list) != 1 {
		t.Errorf("of the communicator: %v, %v", list, err)
	}
	if list, err := s.OfPump(ctx, ada.Scope(), p.ID); err != nil || len(list) != 1 {
		t.Errorf("of the pump: %v, %v", list, err)
	}
	if list, err := s.All(ctx, ben.Scope()); err != nil || len(list) != 0 {
		t.Errorf("all of another site: %v, %v", list, err)
	}
	n := 0
	if err := db.Get(&n, `SELECT count(*) FROM audit_leaf WHERE kind LIKE 'maintenance.%'`); err != nil || n != 3 {
		t.Errorf("%d leaves, %v", n, err)
	}
}

// What was done to a device goes where it goes: with the pump that is transferred and
// its communicator, and with a communicator that enrols at another site.
func TestWorkFollowsTheDevice(t *testing.T) {
	ctx, db := t.Context(), pgtest.New(t)
	now := func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
	reg, err := registry.New(ctx, registry.Options{
		DB: db, Now: now,
		Sign: func(*x509.CertificateRequest, time.Time) (*x509.Certificate, [][]byte, error) {
			return nil, nil, errors.ErrUnsupported
		},
		Documents: func(context.Context, string) (registry.Documents, error) { return registry.Documents{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s, sites := NewService(db, reg, now), []int64{}
	for _, short := range []string{"A", "B"} {
		n, err := reg.CreateSite(ctx, auth.System("test"), registry.NewSite{Name: short, Short: short, TimeZone: "UTC"})
		if err != nil {
			t.Fatal(err)
		}
		sites = append(sites, n.ID)
	}
	ada := auth.Actor{ID: 1, Login: "ada", Name: "Ada", Roles: map[int64][]auth.Role{sites[0]: {auth.Engineer}}}
	p, err := reg.RegisterPump(ctx, ada, registry.NewPump{Site: sites[0], Serial: "P1", Model: "M", Profile: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, serial := range []string{"BR-1", "BR-2", "BR-3"} {
		if _, err := reg.RegisterCommunicator(ctx, ada, registry.NewCommunicator{Site: sites[0], Serial: serial, Model: "Brook"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Add(ctx, ada, New{Link: serial, Kind: "battery", Text: "Change it", DueOn: "2026-04-01"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Add(ctx, ada, New{Pump: p.ID, Kind: "note", Text: "Label is worn"}); err != nil {
		t.Fatal(err)
	}
	if err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
		if err := s.MovedTx(ctx, tx, p.ID, "BR-1", sites[1]); err != nil {
			return err
		}
		return s.KnownCommunicators(ctx, tx, []registry.Communicator{{Serial: "BR-2", Site: sites[1]}, {Serial: "BR-3", Site: sites[0]}})
	}); err != nil {
		t.Fatal(err)
	}
	for site, want := range map[int64]string{sites[0]: "BR-3 ", sites[1]: "BR-1 BR-2 of the pump "} {
		work, err := s.All(ctx, auth.Scope{Sites: []int64{site}})
		got := ""
		for _, w := range work {
			if w.Pump != 0 {
				got += "of the pump"
			}
			got += w.Link + " "
		}
		if err != nil || got != want {
			t.Errorf("work at site %d: %q, %v, want %q", site, got, err, want)
		}
	}
}
