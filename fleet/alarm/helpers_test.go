package alarm

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/event"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

// rig is an alarm service with two pumps at one site and one at another.
type rig struct {
	*Service
	t           *testing.T
	ctx         context.Context
	db          *sqlx.DB
	reg         *registry.Service
	site, other int64
	pump, pump2 int64
	foreign     int64
	anna        auth.Actor // nurse at site
	emil        auth.Actor // engineer at site
	seq         uint64     // of the alarm lane
	sub         *event.Subscription[Changed]

	mu    sync.Mutex
	clock time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t, pgtest.New(t))
}

func newRigOn(t *testing.T, db *sqlx.DB) *rig {
	t.Helper()
	r := &rig{t: t, ctx: t.Context(), db: db, clock: t0}
	var err error
	r.reg, err = registry.New(r.ctx, registry.Options{
		DB: r.db, Now: r.now,
		Sign: func(*x509.CertificateRequest, time.Time) (*x509.Certificate, [][]byte, error) {
			return nil, nil, errors.ErrUnsupported
		},
		Documents: func(context.Context, string) (registry.Documents, error) { return registry.Documents{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	sys := auth.System("test")
	for i, id := range []*int64{&r.site, &r.other} {
		s, err := r.reg.CreateSite(r.ctx, sys, registry.NewSite{Name: "Clinic", Short: fmt.Sprintf("C%d", i), TimeZone: "UTC"})
		if err != nil {
			t.Fatal(err)
		}
		*id = s.ID
	}
	for i, id := range []*int64{&r.pump, &r.pump2, &r.foreign} {
		site := r.site
		if id == &r.foreign {
			site = r.other
		}
		p, err := r.reg.RegisterPump(r.ctx, sys, registry.NewPump{Site: site, Serial: fmt.Sprintf("S%d", i), Model: "M", Profile: "p"})
		if err != nil {
			t.Fatal(err)
		}
		*id = p.ID
	}
	r.anna = auth.Actor{ID: 7, Login: "anna", Name: "Anna N.", Roles: map[int64][]auth.Role{r.site: {auth.Nurse}}}
	r.emil = auth.Actor{ID: 8, Login: "emil", Name: "Emil E.", Roles: map[int64][]auth.Role{r.site: {auth.Engineer}}}
	r.Service = New(r.db, r.reg.Directory(), r.now)
	r.sub = r.Events().Subscribe(1000)
	return r
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(d)
}

// next is the next position in the alarm lane.
func (r *rig) next() wire.Position {
	r.seq++
	return wire.Position{Epoch: 1, Seq: r.seq}
}

// byPump is a raise that the first pump sends.
func (r *rig) byPump(code string, p wire.Priority) Raise {
	return Raise{
		Pump: r.pump, Site: r.site, Code: code, Source: SourcePump, Priority: p, DeviceAt: r.now().Add(-time.Second), At: r.now(),
		Actor: auth.Device("COMM-1"), Link: "COMM-1", Pos: r.next(), Evidence: []byte("signed " + code),
	}
}

func (r *rig) cleared(code string) Clear {
	return Clear{
		Pump: r.pump, Site: r.site, Code: code, Source: SourcePump, DeviceAt: r.now().Add(-time.Second), At: r.now(),
		Actor: auth.Device("COMM-1"), Link: "COMM-1", Pos: r.next(), Evidence: []byte("signed clear of " + code),
	}
}

func (r *rig) raise(in Raise) (Alarm, bool) {
	r.t.Helper()
	var a Alarm
	var isNew bool
	err := postgres.InTx(r.ctx, r.db, func(tx *postgres.Tx) (err error) {
		a, isNew, err = r.RaiseTx(r.ctx, tx, in)
		return err
	})
	if err != nil {
		r.t.Error(err) // not Fatal: several goroutines raise
	}
	return a, isNew
}

func (r *rig) clear(in Clear) bool {
	r.t.Helper()
	var ended bool
	err := postgres.InTx(r.ctx, r.db, func(tx *postgres.Tx) (err error) {
		ended, err = r.ClearTx(r.ctx, tx, in)
		return err
	})
	if err != nil {
		r.t.Error(err)
	}
	return ended
}

// get reads an alarm back and compares it with what a change returned.
func (r *rig) get(want Alarm) Alarm {
	r.t.Helper()
	got, err := r.Get(r.ctx, auth.Scope{All: true}, want.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	if got.State != want.State || got.Rev != want.Rev || got.Count != want.Count || got.Priority != want.Priority || !got.RaisedAt.Equal(want.RaisedAt) ||
		!got.DeviceAt.Equal(want.DeviceAt) || !got.ClearedAt.Equal(want.ClearedAt) || got.AckBy != want.AckBy || got.pos != want.pos || got.Latched != want.Latched {
		r.t.Errorf("stored %+v\nwant   %+v", got, want)
	}
	return got
}

// leaves calls f and checks that exactly those leaves were appended.
func (r *rig) leaves(f func(), want ...string) {
	r.t.Helper()
	var before int64
	if err := r.db.Get(&before, `SELECT COALESCE(max(id), 0) FROM audit_leaf`); err != nil {
		r.t.Fatal(err)
	}
	f()
	got := []string{}
	if err := r.db.Select(&got, `SELECT kind FROM audit_leaf WHERE id > $1 ORDER BY id`, before); err != nil {
		r.t.Fatal(err)
	}
	if !slices.Equal(got, append([]string{}, want...)) {
		r.t.Errorf("leaves %q, want %q", got, want)
	}
}

// changes returns what was published since the last call.
func (r *rig) changes() []Change {
	r.t.Helper()
	all, missed := r.sub.Take()
	if missed {
		r.t.Error("events missed")
	}
	out := []Change{}
	for _, c := range all {
		out = append(out, c.Change)
	}
	return out
}

func (r *rig) history(id int64) []Change {
	r.t.Helper()
	hs, err := r.History(r.ctx, auth.Scope{All: true}, id)
	if err != nil {
		r.t.Fatal(err)
	}
	out := []Change{}
	for _, h := range hs {
		out = append(out, h.Change)
	}
	return out
}

func kind(t *testing.T, what string, err error, want errs.Kind) {
	t.Helper()
	if err == nil || errs.KindOf(err) != want {
		t.Errorf("%s: %v, want kind %q", what, err, want)
	}
}
