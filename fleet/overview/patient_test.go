package overview

import (
	"context"
	"slices"
	"strings"
	"testing"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// patient makes a patient at the site where a pump is.
func (r *rig) patient(p *pump) registry.Patient {
	r.t.Helper()
	pt, err := r.reg.CreatePatient(context.Background(), sys, r.at(p))
	if err != nil {
		r.t.Fatal(err)
	}
	return pt
}

// at returns the site where a pump is.
func (r *rig) at(p *pump) int64 {
	ref, _ := r.reg.Directory().ByID(p.id)
	return ref.Site
}

// obeyed has a pump say that it is in a patient.
func (r *rig) obeyed(p *pump, patient int64) {
	r.t.Helper()
	ctx := context.Background()
	err := postgres.InTx(ctx, r.db, func(tx *postgres.Tx) error { return r.reg.BoundTx(ctx, tx, sys, p.id, patient, "the pump says so") })
	if err != nil {
		r.t.Fatal(err)
	}
}

// becomes waits until the list shows pumps in those patients.
func (r *rig) becomes(when string, want map[*pump]string) {
	r.t.Helper()
	r.eventually(when, func() bool {
		for p, token := range want {
			row, ok := r.view.Board().Row(all, p.id)
			if !ok || row.Patient != token || (token == "") != row.PatientSince.IsZero() {
				return false
			}
		}
		return true
	})
	r.settles(when)
}

// Whom a pump is in follows every way in which that changes, by the events alone.
func TestBoardFollowsThePatient(t *testing.T) {
	r := newRig(t)
	ctx := context.Background()
	old, next, other := r.pump(r.sites[0]), r.pump(r.sites[0]), r.pump(r.sites[0])
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r.becomes("pumps that are in nobody", map[*pump]string{old: "", next: "", other: ""})
	a, b := r.patient(old), r.patient(old)

	_, err := r.reg.Bind(ctx, sys, a.ID, old.id, "implanted")
	must(err)
	r.becomes("a bind", map[*pump]string{old: a.Token, next: "", other: ""})
	_, err = r.reg.Unbind(ctx, sys, a.ID, "a mistake")
	must(err)
	r.becomes("its end", map[*pump]string{old: ""})

	r.obeyed(old, a.ID)
	r.becomes("a bind that the pump obeyed", map[*pump]string{old: a.Token})
	r.obeyed(old, b.ID)
	r.becomes("another patient", map[*pump]string{old: b.Token})
	r.obeyed(other, b.ID)
	r.becomes("a patient who had another pump", map[*pump]string{old: "", other: b.Token})
	r.obeyed(old, a.ID)

	err = postgres.InTx(ctx, r.db, func(tx *postgres.Tx) error {
		return r.reg.TransferredTx(ctx, tx, sys, other.id, r.sites[1], "moved house")
	})
	must(err)
	r.becomes("a transfer", map[*pump]string{other: b.Token, old: a.Token})
	there, _ := r.view.Board().Row(auth.Scope{Sites: r.sites[1:]}, other.id)
	if _, here := r.view.Board().Row(auth.Scope{Sites: r.sites[:1]}, other.id); here || there.Patient != b.Token {
		t.Errorf("after the transfer: seen here %v, there %q", here, there.Patient)
	}

	_, err = r.reg.Explant(ctx, sys, registry.Explant{Pump: old.id, On: "2026-01-02", Reason: "battery", Fate: registry.FateKept})
	must(err)
	r.becomes("an explant", map[*pump]string{old: ""})
	// A replacement is an expectation: nobody is in a patient by it.
	_, err = r.reg.Replace(ctx, sys, old.id, next.id, "its successor")
	must(err)
	r.becomes("a replacement", map[*pump]string{old: "", next: ""})
	_, err = r.reg.Bind(ctx, sys, a.ID, next.id, "implanted")
	must(err)
	r.becomes("the bind that follows", map[*pump]string{old: "", next: a.Token})

	found := func(q string) []int64 {
		t.Helper()
		s, err := r.view.Board().Select(all, mustParse(t, q))
		must(err)
		return s.Pumps
	}
	for _, q := range []string{"patient:" + a.Token, "patient=" + strings.ToLower(a.Token), a.Token, a.Token[2:6] + " " + a.Token[7:]} {
		if got := found(q); !slices.Equal(got, []int64{next.id}) {
			t.Errorf("%s finds %v", q, got)
		}
	}
	if got := found("patient:none"); !slices.Equal(got, []int64{old.id}) {
		t.Errorf("in nobody: %v", got)
	}
}

// The reference is in a file if somebody chose it, and only then.
func TestPatientIsAColumnOfChoice(t *testing.T) {
	usual, err := ParseColumns(nil)
	if err != nil || slices.Contains(Head(usual), "patient") {
		t.Errorf("a file has %v unless asked otherwise, %v", Head(usual), err)
	}
	chosen, err := ParseColumns([]string{"pump", "patient"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Row{{Serial: "ME1", Patient: "P-7Q2M-000B"}, {Serial: "ME2"}} {
		if got := strings.Join(r.Line(chosen, Names{}), ","); got != r.Serial+",,"+r.Patient {
			t.Errorf("the line %q of a pump in %q", got, r.Patient)
		}
	}
}
