package manual

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/csvfile"
	"cisterna/internal/errs"
	"cisterna/internal/pgtest"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type rig struct {
	*Service
	ctx           context.Context
	db            *sqlx.DB
	reg           *registry.Service
	rosa, dan, xi auth.Actor // nurse, auditor, nurse of another site
	pump          registry.Pump
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{ctx: t.Context(), db: pgtest.New(t)}
	now := func() time.Time { return t0 }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	r.reg, err = registry.New(r.ctx, registry.Options{
		DB: r.db, Now: now,
		Sign: func(*x509.CertificateRequest, time.Time) (*x509.Certificate, [][]byte, error) {
			return nil, nil, errors.ErrUnsupported
		},
		Documents: func(context.Context, string) (registry.Documents, error) { return registry.Documents{}, nil },
	})
	must(err)
	var sites []int64
	for _, short := range []string{"A", "B"} {
		s, err := r.reg.CreateSite(r.ctx, auth.System("test"), registry.NewSite{Name: short, Short: short, TimeZone: "UTC"})
		must(err)
		sites = append(sites, s.ID)
	}
	r.rosa = auth.Actor{ID: 1, Login: "rosa", Name: "Rosa", Roles: map[int64][]auth.Role{sites[0]: {auth.Nurse}}}
	r.dan = auth.Actor{ID: 2, Login: "dan", Name: "Dan", Roles: map[int64][]auth.Role{sites[0]: {auth.Auditor}}}
	r.xi = auth.Actor{ID: 3, Login: "xi", Name: "Xi", Roles: map[int64][]auth.Role{sites[1]: {auth.Nurse}}}
	r.pump, err = r.reg.RegisterPump(r.ctx, auth.System("test"), registry.NewPump{Site: sites[0], Serial: "WE1", Model: "Well C30", Profile: "meander-p20", Manual: true})
	must(err)
	r.Service = NewService(r.db, r.reg, func(id string) (*profile.Profile, bool) { p := profile.Sample(id); return p, p != nil }, now)
	return r
}

func (r *rig) reading() New {
	return New{Pump: r.pump.ID, TakenAt: t0.Add(-time.Hour), TakenBy: "N. Urse", Source: "programmer", Residual: new(12 * units.Millilitre), Rate: new(units.Rate(300_000)), Battery: "eri", Alarms: []string{"eri", " ERI", "RES_LOW"}}
}

func TestRecordAndCorrect(t *testing.T) {
	r := newRig(t)
	n := r.reading()
	n.Steps = []dose.Segment{{Offset: 0, Duration: units.Day / 2, Volume: 100_000}, {Offset: units.Day / 2, Duration: units.Day / 2, Volume: 200_000}}
	a, err := r.Record(r.ctx, r.rosa, n)
	if err != nil || !slices.Equal(a.Alarms, []string{"ERI", "RES_LOW"}) || !a.AlarmsSeen || a.RecordedName != "Rosa" {
		t.Fatalf("%+v, %v", a, err)
	}
	n = r.reading()
	n.Residual, n.Reason = new(11*units.Millilitre), "misread the display"
	b, err := r.Correct(r.ctx, r.rosa, r.pump.ID, a.ID, n)
	if err != nil || b.Supersedes != a.ID {
		t.Fatalf("%+v, %v", b, err)
	}
	list, err := r.OfPump(r.ctx, r.rosa.Scope(), r.pump.ID)
	if err != nil || len(list) != 2 || list[0].ID != b.ID || list[1].SupersededBy != b.ID || *list[1].Residual != 12*units.Millilitre || len(list[1].Steps) != 2 || list[0].Reason == "" {
		t.Errorf("%+v, %v", list, err)
	}
	kind := func(what string, err error, want errs.Kind) {
		t.Helper()
		if err == nil || errs.KindOf(err) != want {
			t.Errorf("%s: %v, want kind %q", what, err, want)
		}
	}
	_, err = r.Correct(r.ctx, r.rosa, r.pump.ID, a.ID, n)
	kind("corrected twice", err, errs.Conflict)
	_, err = r.Correct(r.ctx, r.rosa, r.pump.ID, 99, n)
	kind("no such reading", err, errs.NotFound)
	n.Reason = ""
	_, err = r.Correct(r.ctx, r.rosa, r.pump.ID, b.ID, n)
	kind("without a reason", err, errs.Invalid)
	_, err = r.Record(r.ctx, r.dan, n)
	kind("an auditor", err, errs.Denied)
	_, err = r.Record(r.ctx, r.xi, n)
	kind("another site", err, errs.NotFound)
	_, err = r.OfPump(r.ctx, r.xi.Scope(), r.pump.ID)
	kind("read from another site", err, errs.NotFound)
	for name, change := range map[string]func(*New){
		"nobody measured":     func(n *New) { n.TakenBy = "" },
		"at no time":          func(n *New) { n.TakenAt = time.Time{} },
		"to come":             func(n *New) { n.TakenAt = t0.Add(time.Hour) },
		"no source":           func(n *New) { n.Source = "dream" },
		"unknown battery":     func(n *New) { n.Battery = "half" },
		"nothing read":        func(n *New) { n.Residual, n.Rate, n.Battery, n.Alarms = nil, nil, "", nil },
		"below nothing":       func(n *New) { n.Residual = new(units.Volume(-1)) },
		"more than it holds":  func(n *New) { n.Residual = new(120 * units.Millilitre) },
		"faster than it can":  func(n *New) { n.Rate = new(units.Rate(1e12)) },
		"a code that is none": func(n *New) { n.Alarms = []string{"a b"} },
		"a day with a hole": func(n *New) {
			n.Steps = []dose.Segment{{Offset: 0, Duration: 10}, {Offset: 20, Duration: units.Day - 20}}
		},
		"a day that ends early": func(n *New) { n.Steps = []dose.Segment{{Offset: 0, Duration: 10}} },
		"a day of nothing":      func(n *New) { n.Steps = []dose.Segment{} },
	} {
		n := r.reading()
		change(&n)
		_, err := r.Record(r.ctx, r.rosa, n)
		kind(name, err, errs.Invalid)
	}
	leaves := 0
	if err := r.db.Get(&leaves, `SELECT count(*) FROM audit_leaf WHERE kind LIKE 'reading.%'`); err != nil || leaves != 2 {
		t.Errorf("%d leaves, %v", leaves, err)
	}
	// Nothing can change a reading, not even a defect of ours, without a new row.
	if _, err := r.reg.Retire(r.ctx, auth.System("test"), r.pump.ID, "end"); err != nil {
		t.Fatal(err)
	}
	_, err = r.Record(r.ctx, r.rosa, r.reading())
	kind("out of service", err, errs.Conflict)
}

func TestImport(t *testing.T) {
	r := newRig(t)
	file := strings.Join([]string{
		"serial;taken_at;taken_by;source;residual_ml;rate_ml_day;battery;alarms",
		"WE1;2026-02-01T09:30+01:00;N. Urse;programmer;12.5;0.3;ok;none",
		"we1;2026-02-02T09:30Z;N. Urse;;;;;RES_LOW ERI",
		"WE1;2026-02-03T09:30;N. Urse;;1;;;",      // no zone
		"WE1;2026-02-03T09:30Z;N. Urse;;1,5;;;",   // a comma
		"WE1;2026-02-03T09:30Z;N. Urse;;1.50;;;",  // a trailing zero
		"WE9;2026-02-03T09:30Z;N. Urse;;1;;;",     // no such pump
		"WE1;2026-02-03T09:30Z;;;1;;;",            // nobody
		"WE1;2026-02-03T09:30Z;N. Urse;;;;;",      // nothing
		"WE1;2026-02-03T09:30Z;N. Urse;;99;;ok;;", // a field too many
	}, "\n")
	for _, dry := range []bool{true, false} {
		rep, err := r.Import(r.ctx, r.rosa, strings.NewReader(file), dry)
		if err != nil || rep.Created != 2 || rep.Refused != 7 {
			t.Fatalf("dry %v: %+v, %v", dry, rep, err)
		}
		var fields []string
		for _, row := range rep.Rows {
			if row.Status == "refused" {
				fields = append(fields, row.Field)
			}
		}
		if want := []string{"taken_at", "residual_ml", "residual_ml", "serial", "taken_by", "", ""}; !slices.Equal(fields, want) {
			t.Errorf("fields %q, want %q", fields, want)
		}
	}
	list, err := r.OfPump(r.ctx, r.rosa.Scope(), r.pump.ID)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	if a := list[1]; !a.Imported || *a.Residual != 12_500_000 || *a.Rate != 300_000 || !a.AlarmsSeen || len(a.Alarms) != 0 || !a.TakenAt.Equal(time.Date(2026, 2, 1, 8, 30, 0, 0, time.UTC)) {
		t.Errorf("%+v", a)
	}
	if _, err := r.Import(r.ctx, r.dan, strings.NewReader(file), false); errs.KindOf(err) != errs.Denied {
		t.Errorf("an auditor: %v", err)
	}
	if _, err := r.Import(r.ctx, r.rosa, strings.NewReader("serial,taken_at\n"), false); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a column missing: %v", err)
	}
}

// Any line is a reading or an error about it, and a reading never has a quantity
// below zero.
func FuzzRow(f *testing.F) {
	f.Add("WE1", "2026-02-01T09:30+01:00", "N", "programmer", "12.5", "0.3", "ok", "none")
	f.Add("", "", "", "", "-1", "1e9", "x", "a b")
	f.Fuzz(func(t *testing.T, serial, at, by, source, residual, rate, battery, alarms string) {
		var b strings.Builder
		b.WriteString("serial,taken_at,taken_by,source,residual_ml,rate_ml_day,battery,alarms\n")
		for i, s := range []string{serial, at, by, source, residual, rate, battery, alarms} {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`"` + strings.ReplaceAll(s, `"`, `""`) + `"`)
		}
		in, err := csvfile.Open(strings.NewReader(b.String()), Columns, nil)
		if err != nil {
			t.Fatal(err)
		}
		line, err := in.Next()
		if err != nil {
			return
		}
		n, err := parseRow(line)
		if err == nil {
			n, err = n.check(t0, nil)
		}
		if err != nil {
			if errs.KindOf(err) != errs.Invalid {
				t.Fatal(err)
			}
			return
		}
		if n.Residual != nil && *n.Residual < 0 || n.Rate != nil && *n.Rate < 0 {
			t.Fatalf("%+v", n)
		}
	})
}
