package registry

import (
	"slices"
	"strings"
	"testing"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

func TestPatients(t *testing.T) {
	r := newRig(t)
	var p Patient
	step := func(leaf string, f func() (Patient, error)) {
		t.Helper()
		before := p.FactsRev
		r.leaves(func() {
			var err error
			if p, err = f(); err != nil {
				t.Fatal(err)
			}
		}, leaf)
		if p.FactsRev <= before {
			t.Errorf("%s: facts_rev %d after %d", leaf, p.FactsRev, before)
		}
	}
	step("patient.create", func() (Patient, error) { return r.CreatePatient(r.ctx, r.cora, r.site) })
	pump := r.pump("S1")
	step("patient.bind", func() (Patient, error) { return r.Bind(r.ctx, r.cora, p.ID, pump.ID, "implanted") })
	if p.Pump != pump.ID {
		t.Errorf("bound to %d", p.Pump)
	}
	step("patient.allergy_add", func() (Patient, error) { return r.AddAllergy(r.ctx, r.cora, p.ID, "Bupivacaine", "rash") })
	step("patient.groups", func() (Patient, error) {
		return r.SetGroups(r.ctx, r.cora, p.ID, []string{"spinal", "cancer", "spinal"})
	})
	if !slices.Equal(p.Groups, []string{"cancer", "spinal"}) || len(p.Allergies) != 1 || p.Allergies[0].Substance != "Bupivacaine" {
		t.Errorf("%+v", p)
	}
	for of, want := range map[int64]int{0: 1, pump.ID: 1, pump.ID + 1: 0} {
		if got, err := r.PumpGroups(r.ctx, of); err != nil || len(got) != want || want == 1 && !slices.Equal(got[pump.ID], p.Groups) {
			t.Errorf("groups of pump %d: %v, %v", of, got, err)
		}
	}
	allergy := p.Allergies[0].ID

	other, err := r.CreatePatient(r.ctx, r.cora, r.site)
	if err != nil {
		t.Fatal(err)
	}
	second := r.pump("S2")
	elsewhere, err := r.RegisterPump(r.ctx, r.ben, NewPump{Site: r.other, Serial: "S3", Model: "M", Profile: "sm2-20"})
	if err != nil {
		t.Fatal(err)
	}
	retired := r.pump("S4")
	if _, err := r.Retire(r.ctx, r.ada, retired.ID, "old"); err != nil {
		t.Fatal(err)
	}
	nurseElsewhere := auth.Actor{ID: 9, Login: "eva", Roles: map[int64][]auth.Role{r.other: {auth.Nurse}}}
	r.leaves(func() {
		for _, c := range []struct {
			name string
			f    func() (Patient, error)
			want errs.Kind
		}{
			{"pump in another patient", func() (Patient, error) { return r.Bind(r.ctx, r.cora, other.ID, pump.ID, "x") }, errs.Conflict},
			{"patient with another pump", func() (Patient, error) { return r.Bind(r.ctx, r.cora, p.ID, second.ID, "x") }, errs.Conflict},
			{"pump of another site", func() (Patient, error) { return r.Bind(r.ctx, r.cora, other.ID, elsewhere.ID, "x") }, errs.NotFound},
			{"retired pump", func() (Patient, error) { return r.Bind(r.ctx, r.cora, other.ID, retired.ID, "x") }, errs.Conflict},
			{"no such pump", func() (Patient, error) { return r.Bind(r.ctx, r.cora, other.ID, 999, "x") }, errs.NotFound},
			{"no reason", func() (Patient, error) { return r.Bind(r.ctx, r.cora, other.ID, second.ID, "") }, errs.Invalid},
			{"nothing to unbind", func() (Patient, error) { return r.Unbind(r.ctx, r.cora, other.ID, "x") }, errs.Conflict},
			{"engineer", func() (Patient, error) { return r.AddAllergy(r.ctx, r.ada, p.ID, "Latex", "") }, errs.Denied},
			{"nurse of another site", func() (Patient, error) { return r.AddAllergy(r.ctx, nurseElsewhere, p.ID, "Latex", "") }, errs.NotFound},
			{"the same allergy", func() (Patient, error) { return r.AddAllergy(r.ctx, r.cora, p.ID, "bupivacaine", "") }, errs.Conflict},
			{"no substance", func() (Patient, error) { return r.AddAllergy(r.ctx, r.cora, p.ID, " ", "") }, errs.Invalid},
			{"another patient's allergy", func() (Patient, error) { return r.EndAllergy(r.ctx, r.cora, other.ID, allergy, "x") }, errs.NotFound},
			{"unknown group", func() (Patient, error) { return r.SetGroups(r.ctx, r.cora, p.ID, []string{"tall"}) }, errs.Invalid},
			{"contradicting groups", func() (Patient, error) { return r.SetGroups(r.ctx, r.cora, p.ID, []string{"cancer", "non_cancer"}) }, errs.Invalid},
			{"engineer creates", func() (Patient, error) { return r.CreatePatient(r.ctx, r.ada, r.site) }, errs.Denied},
			{"no such site", func() (Patient, error) { return r.CreatePatient(r.ctx, auth.System("test"), 999) }, errs.Invalid},
			{"reading from another site", func() (Patient, error) { return r.Patient(r.ctx, nurseElsewhere.Scope(), p.ID) }, errs.NotFound},
		} {
			_, err := c.f()
			kind(t, c.name, err, c.want)
		}
	})
	if now, err := r.Patient(r.ctx, r.cora.Scope(), p.ID); err != nil || now.FactsRev != p.FactsRev {
		t.Errorf("refusals changed the patient: %+v, %v", now, err)
	}
	step("patient.allergy_end", func() (Patient, error) { return r.EndAllergy(r.ctx, r.cora, p.ID, allergy, "tested") })
	step("patient.groups", func() (Patient, error) { return r.SetGroups(r.ctx, r.cora, p.ID, nil) })
	if len(p.Groups) != 0 || len(p.Allergies) != 0 {
		t.Errorf("%+v", p)
	}
	step("patient.unbind", func() (Patient, error) { return r.Unbind(r.ctx, r.cora, p.ID, "exchanged") })
	step("patient.bind", func() (Patient, error) { return r.Bind(r.ctx, r.cora, p.ID, second.ID, "implanted") })
	before := p.FactsRev
	if _, err := r.Explant(r.ctx, r.ada, takenOut(second.ID, "infection")); err != nil {
		t.Fatal(err)
	}
	if p, err = r.Patient(r.ctx, r.cora.Scope(), p.ID); err != nil || p.Pump != 0 || p.FactsRev <= before {
		t.Errorf("after the explant: %+v, %v", p, err)
	}
}

func TestRaiseFacts(t *testing.T) {
	r := newRig(t)
	pump, alone := r.pump("S1"), r.pump("S2")
	p, err := r.CreatePatient(r.ctx, r.cora, r.site)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = r.Bind(r.ctx, r.cora, p.ID, pump.ID, "implanted"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []int64{pump.ID, alone.ID} {
		if err := postgres.InTx(r.ctx, r.db, func(tx *postgres.Tx) error { return RaiseFacts(r.ctx, tx, id) }); err != nil {
			t.Fatal(err)
		}
	}
	if q, err := r.Patient(r.ctx, r.cora.Scope(), p.ID); err != nil || q.FactsRev != p.FactsRev+1 {
		t.Errorf("facts_rev %d after %d, %v", q.FactsRev, p.FactsRev, err)
	}
}

// TestPatientsByPages: every patient whom a pump could be in is on one page, newest
// first, however many there are; nobody who has another pump is.
func TestPatientsByPages(t *testing.T) {
	r := newRig(t)
	mine, other := r.pump("SN-PAGE-1").ID, r.pump("SN-PAGE-2").ID
	want := []int64{}
	for i := range 23 {
		p, err := r.CreatePatient(r.ctx, r.cora, r.site)
		if err != nil {
			t.Fatal(err)
		}
		switch i {
		case 4:
			_, err = r.Bind(r.ctx, r.cora, p.ID, mine, "implanted")
		case 11:
			_, err = r.Bind(r.ctx, r.cora, p.ID, other, "implanted")
		}
		if err != nil {
			t.Fatal(err)
		}
		if i != 11 {
			want = append([]int64{p.ID}, want...)
		}
	}
	scope := auth.Scope{Sites: []int64{r.site}}
	got, before := []int64{}, int64(0)
	for pages := 1; ; pages++ {
		page, err := r.Patients(r.ctx, scope, PatientFilter{Fits: mine, Before: before, Limit: 5})
		if err != nil || pages > 9 {
			t.Fatal(pages, err)
		}
		for _, p := range page {
			got = append(got, p.ID)
		}
		if len(page) < 5 {
			break
		}
		before = page[len(page)-1].ID
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	all, err := r.Patients(r.ctx, scope, PatientFilter{Limit: 500})
	if err != nil || len(all) != 23 {
		t.Errorf("without a pump all are shown: %d, %v", len(all), err)
	}
	token := all[7].Token
	for begins, n := range map[string]int{token: 1, strings.ToLower(token[:len(token)-1]): -1, " " + token: 1, "P-NOBODY": 0, "%": 0, "_": 0} {
		found, err := r.Patients(r.ctx, scope, PatientFilter{Begins: begins, Limit: 500})
		if err != nil || n >= 0 && len(found) != n || n < 0 && !slices.ContainsFunc(found, func(p Patient) bool { return p.Token == token }) {
			t.Errorf("%q: %d, %v", begins, len(found), err)
		}
	}
}
