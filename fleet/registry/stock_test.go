package registry

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

func (r *rig) comm(serial string) Communicator {
	r.t.Helper()
	c, err := r.RegisterCommunicator(r.ctx, r.ada, NewCommunicator{Site: r.site, Serial: serial, Model: "Brook"})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func TestStock(t *testing.T) {
	r := newRig(t)
	r.leaves(func() {
		c, err := r.RegisterCommunicator(r.ctx, r.ada, NewCommunicator{Site: r.site, Serial: " BR-1 ", Model: "Brook", Lot: "L7", AssetNo: "A-100"})
		if err != nil || c.Serial != "BR-1" || c.Status != CommStock || c.Site != r.site || c.AssetNo != "A-100" {
			t.Errorf("registered %+v, %v", c, err)
		}
	}, "communicator.register")
	for _, c := range []struct {
		name  string
		actor auth.Actor
		n     NewCommunicator
		want  errs.Kind
	}{
		{"a prescriber", r.cora, NewCommunicator{Site: r.site, Serial: "X", Model: "Brook"}, errs.Denied},
		{"another site", r.ada, NewCommunicator{Site: r.other, Serial: "X", Model: "Brook"}, errs.NotFound},
		{"no serial", r.ada, NewCommunicator{Site: r.site, Model: "Brook"}, errs.Invalid},
		{"no link id", r.ada, NewCommunicator{Site: r.site, Serial: "a b", Model: "Brook"}, errs.Invalid},
		{"no model", r.ada, NewCommunicator{Site: r.site, Serial: "X"}, errs.Invalid},
		{"taken", r.ada, NewCommunicator{Site: r.site, Serial: "BR-1", Model: "Brook"}, errs.Conflict},
		{"taken, by another site", r.ben, NewCommunicator{Site: r.other, Serial: "BR-1", Model: "Brook"}, errs.Conflict},
		{"asset number taken", r.ada, NewCommunicator{Site: r.site, Serial: "BR-2", Model: "Brook", AssetNo: "a-100"}, errs.Conflict},
	} {
		r.leaves(func() {
			_, err := r.RegisterCommunicator(r.ctx, c.actor, c.n)
			kind(t, c.name, err, c.want)
		})
	}
	_, err := r.Communicator(r.ctx, r.ben.Scope(), "BR-1")
	kind(t, "another site's", err, errs.NotFound)
	if list, err := r.Communicators(r.ctx, r.ben.Scope()); err != nil || len(list) != 0 {
		t.Errorf("another site's stock: %v, %v", list, err)
	}

	// One that enrolled before anybody registered it is completed, once.
	r.enrolled("P1", "BR-9")
	c, err := r.RegisterCommunicator(r.ctx, r.ada, NewCommunicator{Site: r.site, Serial: "BR-9", Model: "Brook"})
	if err != nil || c.Status != CommActive || c.Model != "Brook" || c.PumpSerial != "P1" {
		t.Errorf("completed %+v, %v", c, err)
	}
	_, err = r.RegisterCommunicator(r.ctx, r.ada, NewCommunicator{Site: r.site, Serial: "BR-9", Model: "Other"})
	kind(t, "completed twice", err, errs.Conflict)
}

// An asset number is a house's own: it does not keep a communicator of another house's
// stock from enrolling here, and does not come along.
func TestAssetNumberStaysBehind(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		actor auth.Actor
		n     NewCommunicator
	}{
		{r.ada, NewCommunicator{Site: r.site, Serial: "OURS", Model: "Brook", AssetNo: "A-100"}},
		{r.ben, NewCommunicator{Site: r.other, Serial: "THEIRS", Model: "Brook", AssetNo: "A-100"}},
	} {
		if _, err := r.RegisterCommunicator(r.ctx, c.actor, c.n); err != nil {
			t.Fatal(err)
		}
	}
	r.enrolled("P1", "THEIRS")
	if c, err := r.Communicator(r.ctx, r.ada.Scope(), "THEIRS"); err != nil || c.Site != r.site || c.AssetNo != "" || c.Status != CommActive {
		t.Errorf("%+v %v", c, err)
	}
	r.enrolled("P2", "OURS")
	if c, err := r.Communicator(r.ctx, r.ada.Scope(), "OURS"); err != nil || c.AssetNo != "A-100" {
		t.Errorf("its own house's number: %+v %v", c, err)
	}
}

// TestCommMoves: every act from every status leads where the table says, or is
// refused without a leaf.
func TestCommMoves(t *testing.T) {
	all := []CommStatus{CommStock, CommActive, CommLost, CommRetired, CommRevoked}
	want := map[CommAct]map[CommStatus]CommStatus{
		CommLose:    {CommStock: CommLost, CommActive: CommLost},
		CommFind:    {CommLost: CommStock},
		CommRevoke:  {CommStock: CommRevoked, CommActive: CommRevoked, CommLost: CommRevoked},
		CommRestore: {CommRevoked: CommStock},
		CommRetire:  {CommStock: CommRetired, CommLost: CommRetired, CommRevoked: CommRetired},
	}
	for _, act := range CommActs() {
		for _, from := range all {
			to, err := from.After(act)
			if w, ok := want[act][from]; ok != (err == nil) || ok && to != w {
				t.Errorf("%s from %s: %s, %v", act, from, to, err)
			}
			if err != nil && errs.KindOf(err) != errs.Conflict {
				t.Errorf("%s from %s: %v", act, from, err)
			}
		}
	}
	if _, err := CommStock.After("sell"); errs.KindOf(err) != errs.Invalid {
		t.Errorf("an act that is none: %v", err)
	}
}

func TestLostCommunicatorIsCutOff(t *testing.T) {
	r := newRig(t)
	p, d := r.enrolled("P1", "BR-1")
	r.leaves(func() {
		c, err := r.MoveCommunicator(r.ctx, r.ada, "BR-1", CommLose, "left in a train")
		if err != nil || c.Status != CommLost || c.Pump != 0 {
			t.Errorf("lost %+v, %v", c, err)
		}
	}, "communicator.lose")
	r.admitted(d, d.leaf(), false)
	if k := r.kicks(); len(k) != 1 {
		t.Errorf("kicked %q", k)
	}
	if p, err := r.Pump(r.ctx, r.ada.Scope(), p.ID); err != nil || p.Link != "" || p.Status != Active {
		t.Errorf("the pump: %+v, %v", p, err)
	}
	if h, err := r.ServedBy(r.ctx, r.ada.Scope(), "BR-1"); err != nil || len(h) != 1 || h[0].To.IsZero() || h[0].PumpSerial != "P1" || !strings.Contains(h[0].EndReason, "train") {
		t.Errorf("history %+v, %v", h, err)
	}
	_, err := r.SwapCommunicator(r.ctx, r.ada, Swap{Pump: p.ID, Serial: "BR-1", Reason: "try"})
	kind(t, "a lost one enrols", err, errs.Conflict)
	for _, c := range []struct {
		name  string
		actor auth.Actor
		why   string
		want  errs.Kind
	}{{"a prescriber", r.cora, "x", errs.Denied}, {"another site", r.ben, "x", errs.NotFound}, {"no reason", r.ada, " ", errs.Invalid}, {"lost twice", r.ada, "x", errs.Conflict}} {
		r.leaves(func() {
			_, err := r.MoveCommunicator(r.ctx, c.actor, "BR-1", CommLose, c.why)
			kind(t, c.name, err, c.want)
		})
	}
	if c, err := r.MoveCommunicator(r.ctx, r.ada, "BR-1", CommFind, "was in the bag"); err != nil || c.Status != CommStock {
		t.Errorf("found %+v, %v", c, err)
	}
}

func TestReserve(t *testing.T) {
	r := newRig(t)
	p, q := r.pump("P1"), r.pump("P2")
	r.comm("BR-1")
	r.comm("BR-2")
	r.leaves(func() {
		c, err := r.Reserve(r.ctx, r.ada, "BR-1", p.ID, "visit on Monday")
		if err != nil || c.ReservedFor != p.ID || c.ReservedSerial != "P1" || c.ReservedWhy != "visit on Monday" {
			t.Errorf("reserved %+v, %v", c, err)
		}
	}, "communicator.reserve")
	for _, c := range []struct {
		name   string
		actor  auth.Actor
		serial string
		pump   int64
		want   errs.Kind
	}{
		{"for another", r.ada, "BR-1", q.ID, errs.Conflict},
		{"a second one", r.ada, "BR-2", p.ID, errs.Conflict},
		{"none of that name", r.ada, "BR-3", q.ID, errs.NotFound},
		{"no such pump", r.ada, "BR-2", 99, errs.NotFound},
		{"another site", r.ben, "BR-2", q.ID, errs.NotFound},
		{"a prescriber", r.cora, "BR-2", q.ID, errs.Denied},
	} {
		r.leaves(func() {
			_, err := r.Reserve(r.ctx, c.actor, c.serial, c.pump, "x")
			kind(t, c.name, err, c.want)
		})
	}
	// Another pump cannot enrol with it.
	d := newDevice(t, "P2", "BR-1")
	claim, err := r.CreateClaim(r.ctx, r.ada, q.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.enrol(r, claim.Code); err == nil || !strings.Contains(err.Error(), "reserved") {
		t.Errorf("enrolled with what is kept for another: %v", err)
	}
	// The one that it is for can, and that ends the reservation.
	d = newDevice(t, "P1", "BR-1")
	if claim, err = r.CreateClaim(r.ctx, r.ada, p.ID, 0); err != nil {
		t.Fatal(err)
	}
	if err := d.enrol(r, claim.Code); err != nil {
		t.Fatal(err)
	}
	if c, err := r.Communicator(r.ctx, r.ada.Scope(), "BR-1"); err != nil || c.ReservedFor != 0 || c.Status != CommActive || c.Pump != p.ID {
		t.Errorf("after the enrolment: %+v, %v", c, err)
	}
	_, err = r.Release(r.ctx, r.ada, "BR-1", "x")
	kind(t, "released twice", err, errs.Conflict)
	if _, err := r.Reserve(r.ctx, r.ada, "BR-2", q.ID, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Explant(r.ctx, r.ada, takenOut(q.ID, "infection")); err != nil {
		t.Fatal(err)
	}
	if c, err := r.Communicator(r.ctx, r.ada.Scope(), "BR-2"); err != nil || c.ReservedFor != 0 {
		t.Errorf("kept for a pump that is out: %+v, %v", c, err)
	}
}

func TestImportCommunicators(t *testing.T) {
	r := newRig(t)
	r.comm("OLD-1")
	file := "serial,model,asset_no,site\nN-1,Brook,A1,C1\nOLD-1,Brook,,C1\nN 2,Brook,,C1\nN-3,,,C1\nN-4,Brook,A1,C1\nN-5,Brook,,C2\nN-6\nN-7,Brook,,C1\n"
	for _, dry := range []bool{true, false} {
		rep, err := r.ImportCommunicators(r.ctx, r.ada, strings.NewReader(file), ImportOptions{DryRun: dry})
		if err != nil || rep.Created != 2 || rep.Refused != 6 {
			t.Fatalf("dry %v: %+v, %v", dry, rep, err)
		}
		var fields []string
		for _, row := range rep.Rows {
			if row.Error != "" {
				fields = append(fields, row.Field)
			}
		}
		if want := []string{"", "serial", "model", "", "site", ""}; !slices.Equal(fields, want) {
			t.Errorf("fields %q, want %q: %+v", fields, want, rep.Rows)
		}
		list, err := r.Communicators(r.ctx, r.ada.Scope())
		if want := map[bool]int{true: 1, false: 3}[dry]; err != nil || len(list) != want {
			t.Errorf("dry %v: %d in stock, %v", dry, len(list), err)
		}
	}
	_, err := r.ImportCommunicators(r.ctx, r.cora, strings.NewReader(file), ImportOptions{})
	kind(t, "a prescriber", err, errs.Denied)
	_, err = r.ImportCommunicators(r.ctx, r.ada, strings.NewReader("serial,model\nA,B\n"), ImportOptions{})
	kind(t, "no site", err, errs.Invalid)
}

func TestExplantAndFate(t *testing.T) {
	r := newRig(t)
	var gone []string
	r.Gone = func(_ context.Context, _ *postgres.Tx, _ auth.Actor, p Pump, why string) error {
		gone = append(gone, p.Serial+" "+why)
		return nil
	}
	p, _ := r.enrolled("P1", "BR-1")
	for name, change := range map[string]func(*Explant){
		"no day": func(e *Explant) { e.On = "" }, "tomorrow": func(e *Explant) { e.On = "2026-03-05" }, "no date": func(e *Explant) { e.On = "31.01.2026" },
		"no reason": func(e *Explant) { e.Reason = "" }, "no fate": func(e *Explant) { e.Fate = "" }, "unknown fate": func(e *Explant) { e.Fate = "sold" },
		"below nothing": func(e *Explant) { e.RemainderNL = new(int64(-1)) }, "a bucket": func(e *Explant) { e.RemainderNL = new(int64(1e12)) },
	} {
		e := takenOut(p.ID, "infection")
		change(&e)
		r.leaves(func() {
			_, err := r.Explant(r.ctx, r.ada, e)
			kind(t, name, err, errs.Invalid)
		})
	}
	e := takenOut(p.ID, "infection")
	e.Fate, e.RemainderNL, e.RemainderNote = FateKept, new(int64(4_200_000)), "wasted, witnessed by N. Urse"
	r.leaves(func() {
		if _, err := r.Explant(r.ctx, r.ada, e); err != nil {
			t.Fatal(err)
		}
	}, "pump.explant")
	if !slices.Equal(gone, []string{"P1 infection"}) {
		t.Errorf("who was told: %q", gone)
	}
	got, ok, err := r.ExplantOf(r.ctx, r.ada.Scope(), p.ID)
	if err != nil || !ok || got.On != "2026-02-28" || got.Fate != FateKept || *got.RemainderNL != 4_200_000 || got.RecordedBy != "person:1 ada" {
		t.Errorf("recorded %+v, %v, %v", got, ok, err)
	}
	r.leaves(func() {
		if got, err := r.SetFate(r.ctx, r.cora, p.ID, FatePathology, "sent as 26-1234"); err != nil || got.Fate != FatePathology {
			t.Errorf("fate %+v, %v", got, err)
		}
	}, "pump.fate")
	_, err = r.SetFate(r.ctx, r.cora, p.ID, FatePathology, "again")
	kind(t, "the same fate", err, errs.Conflict)
	_, err = r.SetFate(r.ctx, r.cora, r.pump("P2").ID, FateMaker, "x")
	kind(t, "not taken out", err, errs.Conflict)
	_, err = r.SetFate(r.ctx, r.ben, p.ID, FateMaker, "x")
	kind(t, "another site", err, errs.NotFound)

	// If whoever is told fails, nothing has happened.
	q := r.pump("P3")
	r.Gone = func(context.Context, *postgres.Tx, auth.Actor, Pump, string) error { return errors.New("no") }
	r.leaves(func() {
		if _, err := r.Explant(r.ctx, r.ada, takenOut(q.ID, "x")); err == nil {
			t.Error("explanted though the alarms stayed")
		}
	})
	if q, err := r.Pump(r.ctx, r.ada.Scope(), q.ID); err != nil || q.Status != Registered {
		t.Errorf("afterwards %+v, %v", q, err)
	}
}

func TestReplace(t *testing.T) {
	r := newRig(t)
	r.cora.Roles[r.site] = append(r.cora.Roles[r.site], auth.Prescriber)
	old, next, third := r.pump("P1"), r.pump("P2"), r.pump("P3")
	pat, err := r.CreatePatient(r.ctx, r.cora, r.site)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Bind(r.ctx, r.cora, pat.ID, old.ID, "implanted"); err != nil {
		t.Fatal(err)
	}
	_, err = r.Replace(r.ctx, r.ada, old.ID, next.ID, "ERI")
	kind(t, "before the explant", err, errs.Conflict)
	if _, err := r.Explant(r.ctx, r.ada, takenOut(old.ID, "ERI")); err != nil {
		t.Fatal(err)
	}
	r.leaves(func() {
		l, err := r.Replace(r.ctx, r.ada, old.ID, next.ID, "ERI")
		if err != nil || l.Binding != BindingPending || l.PatientToken != pat.Token {
			t.Errorf("replaced %+v, %v", l, err)
		}
	}, "pump.replace", "pump.replace")
	if patient, token, err := r.PatientOf(r.ctx, r.ada.Scope(), next.ID); err != nil || patient != 0 || token != "" {
		t.Errorf("the new pump is in %d %q, %v", patient, token, err)
	}
	for name, c := range map[string]struct {
		actor     auth.Actor
		old, next int64
		want      errs.Kind
	}{
		"itself": {r.ada, old.ID, old.ID, errs.Invalid}, "the old twice": {r.ada, old.ID, third.ID, errs.Conflict}, "another site": {r.ben, old.ID, third.ID, errs.NotFound},
		"a prescriber": {r.cora, old.ID, third.ID, errs.Denied}, "no such": {r.ada, old.ID, 99, errs.NotFound},
	} {
		r.leaves(func() {
			_, err := r.Replace(r.ctx, c.actor, c.old, c.next, "x")
			kind(t, name, err, c.want)
		})
	}
	// A pump that is in somebody else took nobody's place here.
	gone, elsewhere := r.pump("P4"), r.pump("P5")
	for pump, why := range map[int64]string{gone.ID: "implanted", elsewhere.ID: "implanted"} {
		other, err := r.CreatePatient(r.ctx, r.cora, r.site)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Bind(r.ctx, r.cora, other.ID, pump, why); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Explant(r.ctx, r.ada, takenOut(gone.ID, "ERI")); err != nil {
		t.Fatal(err)
	}
	r.leaves(func() {
		_, err := r.Replace(r.ctx, r.ada, gone.ID, elsewhere.ID, "ERI")
		kind(t, "by a pump that is in somebody else", err, errs.Conflict)
	})
	// Somebody else than expected is a mistake of one of the two.
	second, err := r.CreatePatient(r.ctx, r.cora, r.site)
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Bind(r.ctx, r.cora, second.ID, next.ID, "implanted")
	kind(t, "another patient", err, errs.Conflict)
	if _, err := r.Bind(r.ctx, r.cora, pat.ID, next.ID, "implanted"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Explant(r.ctx, r.ada, takenOut(next.ID, "stall")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Replace(r.ctx, r.ada, next.ID, third.ID, "stall"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []Pump{old, next, third} {
		c, err := r.Chain(r.ctx, r.ada.Scope(), p.ID)
		if err != nil || len(c) != 2 || c[0].OldSerial != "P1" || c[0].Binding != BindingBound || c[1].NewSerial != "P3" || c[1].Binding != BindingPending {
			t.Errorf("chain from %s: %+v, %v", p.Serial, c, err)
		}
	}
	// It is the old pump whose link is taken back: of the one that took its place, it
	// is another link, or none.
	kind(t, "by its new pump", r.UndoReplace(r.ctx, r.ada, third.ID, "x"), errs.Conflict)
	kind(t, "by a prescriber", r.UndoReplace(r.ctx, r.cora, next.ID, "x"), errs.Denied)
	kind(t, "from another site", r.UndoReplace(r.ctx, r.ben, next.ID, "x"), errs.NotFound)
	kind(t, "without a reason", r.UndoReplace(r.ctx, r.ada, next.ID, " "), errs.Invalid)
	revs := func() (n int64) {
		for _, p := range []Pump{next, third} {
			now, err := r.Pump(r.ctx, r.ada.Scope(), p.ID)
			if err != nil {
				t.Fatal(err)
			}
			n += now.Rev
		}
		return n
	}
	before := revs()
	r.leaves(func() {
		if err := r.UndoReplace(r.ctx, r.ada, next.ID, "the wrong one"); err != nil {
			t.Fatal(err)
		}
	}, "pump.replace_undo", "pump.replace_undo") // in the record of both
	if got := revs(); got != before+2 {
		t.Errorf("revisions rose by %d, want one of each pump", got-before)
	}
	if c, err := r.Chain(r.ctx, r.ada.Scope(), old.ID); err != nil || len(c) != 1 || c[0].NewSerial != "P2" {
		t.Errorf("the link before it is %+v, %v", c, err)
	}
	kind(t, "undone twice", r.UndoReplace(r.ctx, r.ada, next.ID, "x"), errs.Conflict)
	if c, err := r.Chain(r.ctx, r.ada.Scope(), third.ID); err != nil || len(c) != 0 {
		t.Errorf("afterwards %+v, %v", c, err)
	}
}

// TestKnown: who wants to hear of pumps does so in the transaction.
func TestKnown(t *testing.T) {
	r := newRig(t)
	var heard []string
	fail := false
	r.Known = func(_ context.Context, _ *postgres.Tx, _ auth.Actor, pumps []Pump) error {
		for _, p := range pumps {
			heard = append(heard, p.Serial+"/"+p.Lot)
		}
		if fail {
			return errors.New("no")
		}
		return nil
	}
	p := r.pump("P1")
	if _, err := r.Edit(r.ctx, r.ada, p.ID, p.Rev, "Bed 1", Facts{Lot: "L1", AssetNo: "A1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ImportCSV(r.ctx, r.ada, strings.NewReader("site,serial,model,profile,asset_no\nC1,P2,SM II 20,sm2-20,\nC1,P3,SM II 20,sm2-20,a1\n"), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"P1/", "P1/L1", "P2/"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	fail = true
	r.leaves(func() {
		if _, err := r.RegisterPump(r.ctx, r.ada, NewPump{Site: r.site, Serial: "P9", Model: "SM II 20", Profile: "sm2-20"}); err == nil {
			t.Error("registered all the same")
		}
	})
	if _, ok := func() (PumpRef, bool) {
		for ref := range r.Directory().All() {
			if ref.Serial == "P9" {
				return ref, true
			}
		}
		return PumpRef{}, false
	}(); ok {
		t.Error("the directory knows a pump that does not exist")
	}
}

// TestKnownCommunicators: who wants to hear of communicators does so in the
// transaction, also of one that nobody registered before it enrolled.
func TestKnownCommunicators(t *testing.T) {
	r := newRig(t)
	var heard []string
	r.KnownCommunicators = func(_ context.Context, _ *postgres.Tx, _ auth.Actor, list []Communicator) error {
		for _, c := range list {
			heard = append(heard, c.Serial+"/"+c.Model+"/"+string(c.Status))
		}
		return nil
	}
	if _, err := r.RegisterCommunicator(r.ctx, r.ada, NewCommunicator{Site: r.site, Serial: "C-1", Model: "Brook 2"}); err != nil {
		t.Fatal(err)
	}
	r.enrolled("P1", "C-2")
	if want := []string{"C-1/Brook 2/stock", "C-2//active"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	r.KnownCommunicators = func(context.Context, *postgres.Tx, auth.Actor, []Communicator) error { return errors.New("no") }
	if _, err := r.RegisterCommunicator(r.ctx, r.ada, NewCommunicator{Site: r.site, Serial: "C-3", Model: "Brook 2"}); err == nil {
		t.Error("registered all the same")
	}
	if _, err := r.Communicator(r.ctx, r.ada.Scope(), "C-3"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("it is there: %v", err)
	}
}
