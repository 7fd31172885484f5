package recall

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/fleet/alarm"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

// rig is two sites with an engineer each, one of both, and a nurse.
type rig struct {
	*Service
	t              *testing.T
	ctx            context.Context
	db             *sqlx.DB
	reg            *registry.Service
	alarms         *alarm.Service
	site, other    int64
	ada, ben, both auth.Actor
	nurse          auth.Actor
}

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, ctx: t.Context(), db: pgtest.New(t)}
	now := func() time.Time { return t0 }
	var err error
	r.reg, err = registry.New(r.ctx, registry.Options{
		DB: r.db, Now: now,
		Known: func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, pumps []registry.Pump) error {
			return r.Known(ctx, tx, actor, pumps)
		},
		KnownCommunicators: func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, list []registry.Communicator) error {
			return r.KnownCommunicators(ctx, tx, actor, list)
		},
		Moved: func(ctx context.Context, tx *postgres.Tx, _ auth.Actor, p registry.Pump, site int64) error {
			return r.MovedTx(ctx, tx, p.ID, p.Link, site)
		},
		Sign: func(*x509.CertificateRequest, time.Time) (*x509.Certificate, [][]byte, error) {
			return nil, nil, errors.ErrUnsupported
		},
		Documents: func(context.Context, string) (registry.Documents, error) { return registry.Documents{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.alarms = alarm.New(r.db, r.reg.Directory(), now)
	r.Service = New(r.db, r.alarms, now)
	for short, at := range map[string]*int64{"A": &r.site, "B": &r.other} {
		s, err := r.reg.CreateSite(r.ctx, auth.System("test"), registry.NewSite{Name: short, Short: short, TimeZone: "UTC"})
		if err != nil {
			t.Fatal(err)
		}
		*at = s.ID
	}
	e := []auth.Role{auth.Engineer}
	r.ada = auth.Actor{ID: 1, Login: "ada", Name: "Ada", Roles: map[int64][]auth.Role{r.site: e}}
	r.ben = auth.Actor{ID: 2, Login: "ben", Name: "Ben", Roles: map[int64][]auth.Role{r.other: e}}
	r.both = auth.Actor{ID: 3, Login: "both", Name: "Both", Roles: map[int64][]auth.Role{r.site: e, r.other: e}}
	r.nurse = auth.Actor{ID: 4, Login: "nell", Name: "Nell", Roles: map[int64][]auth.Role{r.site: {auth.Nurse}}}
	return r
}

func (r *rig) pump(site int64, serial string) registry.Pump {
	r.t.Helper()
	p, err := r.reg.RegisterPump(r.ctx, auth.System("test"), registry.NewPump{Site: site, Maker: "Meander", Serial: serial, Model: "Meander P20", Profile: "meander-p20"})
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func notice() Notice {
	return Notice{
		Reference: "FSN-1", Maker: "Meander", Title: "Motor", Text: "The motor may stall.\nLook at it.", Source: "letter", Severity: ClassI, IssuedOn: "2026-02-01",
		Criteria: Criteria{Ranges: []Range{{"ME000100", "ME000200"}}},
	}
}

func (r *rig) create(n Notice) Recall {
	r.t.Helper()
	c, err := r.Create(r.ctx, r.ada, n)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// alarmed reports whether a pump has the alarm of a recall.
func (r *rig) alarmed(pump int64) bool {
	r.t.Helper()
	list, err := r.alarms.List(r.ctx, auth.Scope{All: true}, alarm.Filter{State: alarm.FilterOpen, Pump: pump})
	if err != nil {
		r.t.Fatal(err)
	}
	return slices.ContainsFunc(list, func(a alarm.Alarm) bool { return a.Code == alarmCode })
}

func (r *rig) kind(what string, err error, want errs.Kind) {
	r.t.Helper()
	if err == nil || errs.KindOf(err) != want {
		r.t.Errorf("%s: %v, want kind %q", what, err, want)
	}
}

func TestARecallFindsItsPumps(t *testing.T) {
	r := newRig(t)
	hit, miss, slip, far := r.pump(r.site, "ME000150"), r.pump(r.site, "ME000250"), r.pump(r.site, "ME160"), r.pump(r.other, "ME000151")
	found, err := r.Preview(r.ctx, r.ada, notice())
	if err != nil || len(found.Found) != 2 || found.OutTotal != 1 || len(found.Out) != 1 {
		t.Errorf("preview: %+v, %v", found, err)
	} else if out := found.Out[0]; out.Pump != miss.ID || !strings.Contains(out.Why, "its serial ME000250 is in none of the ranges") {
		t.Errorf("why pump %d is left out: %+v", miss.ID, out)
	}
	c := r.create(notice())
	if c.Counts != (Counts{Check: 1, Open: 1}) {
		t.Errorf("counts of one's own site: %+v", c.Counts)
	}
	all, err := r.Devices(r.ctx, auth.Scope{All: true}, c.ID)
	if err != nil || len(all) != 3 || all[0].Pump != slip.ID || all[0].State != DeviceCheck || !strings.Contains(all[1].Why, "is in ME000100 to ME000200") {
		t.Errorf("the list: %+v, %v", all, err)
	}
	for p, want := range map[int64]bool{hit.ID: true, far.ID: true, miss.ID: false, slip.ID: false} {
		if r.alarmed(p) != want {
			t.Errorf("pump %d alarmed: %v", p, !want)
		}
	}
	if own, err := r.Devices(r.ctx, r.ben.Scope(), c.ID); err != nil || len(own) != 1 || own[0].Pump != far.ID {
		t.Errorf("the other site's list: %+v, %v", own, err)
	}
	for name, do := range map[string]func() error{
		"a nurse": func() error { _, err := r.Create(r.ctx, r.nurse, notice()); return err },
	} {
		r.kind(name, do(), errs.Denied)
	}
	_, err = r.Create(r.ctx, r.ben, notice())
	r.kind("the same reference", err, errs.Conflict)
	for name, change := range map[string]func(*Notice){
		"no reference": func(n *Notice) { n.Reference = "" }, "no text": func(n *Notice) { n.Text = "" }, "no day": func(n *Notice) { n.IssuedOn = "" },
		"tomorrow": func(n *Notice) { n.IssuedOn = "2026-03-05" }, "no severity": func(n *Notice) { n.Severity = "IV" }, "nothing named": func(n *Notice) { n.Criteria = Criteria{} },
		"a range backwards": func(n *Notice) { n.Ranges = []Range{{"A2", "A1"}} },
	} {
		n := notice()
		n.Reference = "FSN-2"
		change(&n)
		_, err := r.Create(r.ctx, r.ada, n)
		r.kind(name, err, errs.Invalid)
	}
}

func TestNewPumpsAreJudged(t *testing.T) {
	r := newRig(t)
	n := notice()
	n.Lots = []string{"L9"}
	c := r.create(n)
	late := r.pump(r.site, "ME000111")
	if !r.alarmed(late.ID) {
		t.Error("a pump registered after the recall has no alarm")
	}
	// Its lot is not noted: somebody has to look, and noting it settles the rest.
	other := r.pump(r.site, "ME000999")
	d, err := r.Devices(r.ctx, r.ada.Scope(), c.ID)
	if err != nil || len(d) != 2 || d[0].Pump != other.ID || d[0].State != DeviceCheck {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := r.reg.ImportCSV(r.ctx, r.ada, strings.NewReader("site,serial,model,profile,maker,lot\nA,ME000112,X,p,Meander,\nA,ME000888,X,p,Meander,L9\nA,ME000889,X,p,Meander,L8\n"), registry.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Get(r.ctx, r.ada.Scope(), c.ID); err != nil || got.Counts != (Counts{Check: 1, Open: 3}) {
		t.Errorf("after the import: %+v, %v", got.Counts, err)
	}
	devices, recalls, err := r.OfPump(r.ctx, r.ada.Scope(), late.ID)
	if err != nil || len(devices) != 1 || recalls[0].Reference != "FSN-1" {
		t.Errorf("of a pump: %+v, %v", devices, err)
	}
}

// A registration and a recall that happen at once see each other, whichever
// commits first.
func TestRaceOfRegistrationAndRecall(t *testing.T) {
	r := newRig(t)
	var group sync.WaitGroup
	const pumps = 12
	group.Go(func() { r.create(notice()) })
	for i := range pumps {
		group.Go(func() { r.pump(r.site, "ME0001"+string(rune('0'+i/10))+string(rune('0'+i%10))) })
	}
	group.Wait()
	list, err := r.List(r.ctx, r.ada.Scope())
	if err != nil || len(list) != 1 || list[0].Counts.Open != pumps {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestWorklist(t *testing.T) {
	r := newRig(t)
	hit, slip, far := r.pump(r.site, "ME000150"), r.pump(r.site, "ME160"), r.pump(r.other, "ME000151")
	by := r.pump(r.site, "XX1")
	c := r.create(notice())
	ok := func(what string, d Device, err error, state DeviceState, alarmed bool) {
		t.Helper()
		if err != nil || d.State != state || r.alarmed(d.Pump) != alarmed {
			t.Errorf("%s: %+v, alarmed %v, %v", what, d, r.alarmed(d.Pump), err)
		}
	}
	d, err := r.Confirm(r.ctx, r.ada, c.ID, Pump(slip.ID), "looked at the label: ME000160")
	ok("confirm", d, err, DeviceOpen, true)
	d, err = r.Add(r.ctx, r.ada, c.ID, Pump(by.ID), "the maker named it on the telephone")
	ok("add", d, err, DeviceOpen, true)
	d, err = r.Remove(r.ctx, r.ada, c.ID, Pump(by.ID), "was a mistake")
	ok("remove", d, err, DeviceRemoved, false)
	d, err = r.Add(r.ctx, r.ada, c.ID, Pump(by.ID), "was none")
	ok("add again", d, err, DeviceOpen, true)
	contact := Contact{At: t0.Add(-time.Hour), Contacted: "the patient's daughter", Way: "phone", Outcome: "reached"}
	if d, err = r.AddContact(r.ctx, r.nurse, c.ID, Pump(hit.ID), contact); err != nil || len(d.Contacts) != 1 || d.Contacts[0].Caller != "Nell" {
		t.Errorf("contact: %+v, %v", d, err)
	}
	if got, err := r.Get(r.ctx, r.ada.Scope(), c.ID); err != nil || got.Counts != (Counts{Open: 3, Contacted: 1}) {
		t.Errorf("counts: %+v, %v", got.Counts, err)
	}
	d, err = r.CloseDevice(r.ctx, r.ada, c.ID, Pump(hit.ID), "replaced", "explant report 17")
	ok("close", d, err, DeviceClosed, false)
	d, err = r.Reopen(r.ctx, r.ada, c.ID, Pump(hit.ID), "the wrong one")
	ok("reopen", d, err, DeviceOpen, true)
	for name, c := range map[string]struct {
		err  error
		want errs.Kind
	}{
		"closed without evidence": {second(r.CloseDevice(r.ctx, r.ada, c.ID, Pump(hit.ID), "replaced", " ")), errs.Invalid},
		"closed without outcome":  {second(r.CloseDevice(r.ctx, r.ada, c.ID, Pump(hit.ID), "", "x")), errs.Invalid},
		"another site's":          {second(r.CloseDevice(r.ctx, r.ada, c.ID, Pump(far.ID), "replaced", "x")), errs.NotFound},
		"by a nurse":              {second(r.CloseDevice(r.ctx, r.nurse, c.ID, Pump(hit.ID), "replaced", "x")), errs.Denied},
		"confirmed twice":         {second(r.Confirm(r.ctx, r.ada, c.ID, Pump(slip.ID), "x")), errs.Conflict},
		"added twice":             {second(r.Add(r.ctx, r.ada, c.ID, Pump(hit.ID), "x")), errs.Conflict},
		"no such pump":            {second(r.Remove(r.ctx, r.ada, c.ID, Pump(99), "x")), errs.NotFound},
		"no such recall":          {second(r.Remove(r.ctx, r.ada, 99, Pump(hit.ID), "x")), errs.NotFound},
		"a contact to come":       {second(r.AddContact(r.ctx, r.ada, c.ID, Pump(hit.ID), Contact{At: t0.Add(time.Hour), Contacted: "x", Way: "phone", Outcome: "reached"})), errs.Invalid},
		"a contact of nobody":     {second(r.AddContact(r.ctx, r.ada, c.ID, Pump(hit.ID), Contact{At: t0, Way: "phone", Outcome: "reached"})), errs.Invalid},
		"an unknown way":          {second(r.AddContact(r.ctx, r.ada, c.ID, Pump(hit.ID), Contact{At: t0, Contacted: "x", Way: "pigeon", Outcome: "reached"})), errs.Invalid},
		"ended with devices left": {second(r.End(r.ctx, r.both, c.ID, Closed, "done")), errs.Conflict},
		"ended by who sees half":  {second(r.End(r.ctx, r.ada, c.ID, Withdrawn, "x")), errs.Denied},
		"ended without a reason":  {second(r.End(r.ctx, r.both, c.ID, Withdrawn, "")), errs.Invalid},
	} {
		r.kind(name, c.err, c.want)
	}
	for _, p := range []int64{hit.ID, slip.ID, by.ID, far.ID} {
		if _, err := r.CloseDevice(r.ctx, r.both, c.ID, Pump(p), "inspected", "seen"); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := r.End(r.ctx, r.both, c.ID, Closed, "all done"); err != nil || got.State != Closed {
		t.Errorf("closed: %+v, %v", got, err)
	}
	_, err = r.Reopen(r.ctx, r.ada, c.ID, Pump(hit.ID), "x")
	r.kind("work on a closed recall", err, errs.Conflict)
	// What is closed judges nobody any more.
	if late := r.pump(r.site, "ME000199"); r.alarmed(late.ID) {
		t.Error("a closed recall raised an alarm")
	}
}

func TestWithdraw(t *testing.T) {
	r := newRig(t)
	p := r.pump(r.site, "ME000150")
	c := r.create(notice())
	if _, err := r.End(r.ctx, r.ada, c.ID, Withdrawn, "entered twice"); err != nil {
		t.Fatal(err)
	}
	if r.alarmed(p.ID) {
		t.Error("the alarm of a withdrawn recall stays")
	}
	if again := r.create(notice()); again.ID == c.ID || !r.alarmed(p.ID) {
		t.Error("a withdrawn reference cannot be entered again")
	}
	n := 0
	if err := r.db.Get(&n, `SELECT count(*) FROM audit_leaf WHERE kind IN ('recall.create', 'recall.match', 'recall.withdraw')`); err != nil || n != 5 {
		t.Errorf("%d leaves, %v", n, err)
	}
}

func second[T any](_ T, err error) error { return err }
